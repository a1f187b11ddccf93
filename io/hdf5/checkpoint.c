#include "io/hdf5/checkpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/memory.h"
#include "io/config/config.h"
#include "io/hdf5/checkpoint_files.h"
#include "io/hdf5/hdf5_helpers.h"
#include "io/hdf5/sealed.h"
#include "io/parallel_rows.h"

/* The file:
 *     /              attributes: version, fingerprint, images, timesteps, classes, sequence, seconds, rows
 *     /image [rows], /predictions [rows][timesteps], /logits [rows][classes]     in no particular order
 *     /statistics    the counts as one array */
enum { FILE_VERSION = 2, ROWS_AT_ONCE = 4096 };

/* ---- writing ---- */

static snn_status write_header(hid_t file, const snn_checkpoint_state *state, int64_t rows)
{
    const int32_t version = FILE_VERSION;
    SNN_TRY(snn_hdf5_write_attribute(file, "version", H5T_NATIVE_INT32, 0, &version));
    SNN_TRY(snn_hdf5_write_attribute(file, "fingerprint", H5T_NATIVE_UINT64, 0, &state->fingerprint));
    SNN_TRY(snn_hdf5_write_attribute(file, "images", H5T_NATIVE_INT64, 0, &state->images));
    SNN_TRY(snn_hdf5_write_attribute(file, "timesteps", H5T_NATIVE_INT32, 0, &state->timesteps));
    SNN_TRY(snn_hdf5_write_attribute(file, "classes", H5T_NATIVE_INT32, 0, &state->classes));
    SNN_TRY(snn_hdf5_write_attribute(file, "sequence", H5T_NATIVE_INT64, 0, &state->sequence));
    SNN_TRY(snn_hdf5_write_attribute(file, "seconds", H5T_NATIVE_DOUBLE, 0, &state->seconds));
    SNN_TRY(snn_hdf5_write_attribute(file, "rows", H5T_NATIVE_INT64, 0, &rows));
    return snn_hdf5_write_vector(file, "statistics", H5T_NATIVE_INT64, (int64_t)state->statistics->length,
                                 state->statistics->counts);
}

/* Rank 0's part once the rows are in the file. */
static snn_status finish(const char *temporary, const char *path, const snn_checkpoint_state *state, int64_t rows)
{
    hid_t file;
    SNN_TRY(snn_hdf5_open_file(temporary, H5F_ACC_RDWR, &file));
    SNN_TRY(snn_hdf5_end_writing(file, write_header(file, state, rows)));
    return snn_sealed_finish(temporary, path, SNN_FILE_CHECKPOINT, NULL);
}

static snn_status write_rows(snn_world *world, const char *temporary, const snn_checkpoint_state *state, int64_t *rows)
{
    const snn_results *results = state->results;
    int64_t offset = 0;
    SNN_TRY(snn_world_offset(world, results->count, &offset, rows));
    const snn_row_run run = {0, offset, results->count};
    const snn_column columns[] = {
        {"image", H5T_NATIVE_INT64, 0, results->image},
        {"predictions", H5T_NATIVE_INT32, results->timesteps, results->predictions},
        {"logits", H5T_NATIVE_FLOAT, results->classes, results->logits},
    };
    return snn_parallel_rows_write(world, temporary, *rows, columns, 3, &run, 1);
}

snn_status snn_checkpoint_write(snn_world *world, const char *directory, const char *name, int32_t keep,
                                const snn_checkpoint_state *state)
{
    char path[SNN_PATH_BYTES];
    char temporary[SNN_PATH_BYTES];
    const bool first = snn_world_rank(world) == 0;
    const snn_checkpoint_series series = {directory, name, state->fingerprint};
    int64_t rows = 0;
    SNN_TRY(snn_checkpoint_path(&series, state->sequence, path));
    SNN_TRY(snn_sealed_temporary(path, temporary));
    snn_status status = first ? snn_checkpoint_make_folder(directory) : snn_ok();
    SNN_TRY(snn_world_agree(world, status));
    status = write_rows(world, temporary, state, &rows);
    if (first && !snn_failed(status)) {
        status = finish(temporary, path, state, rows);
    }
    if (first && snn_failed(status)) {
        (void)unlink(temporary);
    }
    if (first && !snn_failed(status)) {
        status = snn_checkpoint_prune(&series, state->sequence, keep < 1 ? 1 : keep);
    }
    return snn_world_agree(world, status);
}

snn_status snn_checkpoint_probe(const char *directory)
{
    char trial[SNN_PATH_BYTES];
    if ((size_t)snprintf(trial, sizeof trial, "%s/probe.XXXXXX", directory) >= sizeof trial) {
        return snn_advise(
            snn_fail(SNN_INPUT_ERROR, "%.200s...: path longer than %d bytes", directory, SNN_PATH_BYTES - 1),
            "set checkpoint.directory to a shorter one");
    }
    SNN_TRY(snn_checkpoint_make_folder(directory));
    int descriptor = mkstemp(trial);
    if (descriptor < 0) {
        return snn_advise(
            snn_fail(SNN_FILE_ERROR, "%s: cannot create a checkpoint in this folder: %s", directory, strerror(errno)),
            "set checkpoint.directory to another, or to nothing for none");
    }
    (void)close(descriptor);
    (void)unlink(trial);
    return snn_ok();
}

snn_status snn_checkpoint_lock(const char *directory, const char *name, uint64_t fingerprint, snn_lock *lock)
{
    char what[SNN_PATH_BYTES], path[SNN_PATH_BYTES + sizeof ".lock"];
    (void)snprintf(what, sizeof what, "%s/%s.%016" PRIx64, directory, name, fingerprint);
    (void)snprintf(path, sizeof path, "%s.lock", what);
    return snn_lock_take(path, what, lock);
}

/* ---- finding ---- */

static snn_status read_fingerprint(const char *path, uint64_t *fingerprint)
{
    hid_t file;
    SNN_TRY(snn_sealed_open(path, SNN_FILE_CHECKPOINT, true, &file));
    snn_status status = snn_hdf5_read_attribute(file, "fingerprint", H5T_NATIVE_UINT64, 0, fingerprint);
    snn_hdf5_close(file);
    return status;
}

static void add_note(char *note, size_t bytes, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void add_note(char *note, size_t bytes, const char *format, ...)
{
    size_t length = strlen(note);
    if (length < bytes) {
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(note + length, bytes - length, format, arguments);
        va_end(arguments);
    }
}

/* Whether checkpoint `i` of the list can be gone on from; if not, the note says why and what is tried instead. */
static snn_status try_checkpoint(const snn_checkpoint_series *series, const snn_checkpoint_list *list, size_t i,
                                 char *candidate, bool *good, char *note, size_t note_bytes)
{
    char next[SNN_PATH_BYTES];
    uint64_t found = 0;
    *good = false;
    SNN_TRY(snn_checkpoint_path(series, list->sequences[i], candidate));
    snn_status read = read_fingerprint(candidate, &found);
    if (!snn_failed(read) && found == series->fingerprint) {
        *good = true;
        return snn_ok();
    }
    if (!snn_failed(read)) {
        read = snn_fail(SNN_INPUT_ERROR,
                        "%s: belongs to another run, whatever its name says; --restart never starts anew", candidate);
    }
    if (i + 1 == list->count) {
        add_note(note, note_bytes, "%s; no older one\n", read.message);
        return snn_ok();
    }
    SNN_TRY(snn_checkpoint_path(series, list->sequences[i + 1], next));
    add_note(note, note_bytes, "%s; trying %s\n", read.message, next);
    return snn_ok();
}

static void note_others(const snn_checkpoint_series *series, const snn_checkpoint_list *list, char *note, size_t bytes)
{
    if (list->other_count == 1) {
        add_note(note, bytes, "%s/%s: belongs to another run (other settings); not used\n", series->directory,
                 list->other);
    } else if (list->other_count > 1) {
        add_note(note, bytes, "%s/%s and %zu more: belong to another run (other settings); not used\n",
                 series->directory, list->other, list->other_count - 1);
    }
}

snn_status snn_checkpoint_find(const char *directory, const char *name, uint64_t fingerprint, char *path,
                               size_t path_bytes, char *note, size_t note_bytes)
{
    const snn_checkpoint_series series = {directory, name, fingerprint};
    snn_checkpoint_list list;
    bool good = false;
    path[0] = '\0';
    if (note_bytes > 0) {
        note[0] = '\0';
    }
    SNN_TRY(snn_checkpoint_list_read(&series, &list));
    snn_status status = snn_ok();
    note_others(&series, &list, note, note_bytes);
    for (size_t i = 0; i < list.count && !good; i++) {
        char candidate[SNN_PATH_BYTES];
        SNN_GOTO_DONE(status, try_checkpoint(&series, &list, i, candidate, &good, note, note_bytes));
        if (good && (size_t)snprintf(path, path_bytes, "%s", candidate) >= path_bytes) {
            path[0] = '\0';
            status = snn_fail(SNN_INTERNAL_ERROR, "%s: path longer than %zu bytes", candidate, path_bytes);
        }
    }
done:
    snn_release(list.sequences);
    return status;
}

snn_status snn_checkpoint_remove(const char *directory, const char *name, uint64_t fingerprint)
{
    const snn_checkpoint_series series = {directory, name, fingerprint};
    return snn_checkpoint_prune(&series, INT64_MAX, 0);
}

/* ---- reading ---- */

static snn_status fail_other_run(const char *path, const char *what, int64_t found, int64_t expected)
{
    return snn_fail(SNN_INPUT_ERROR,
                    "%s: belongs to another run: %" PRId64 " %s, expected %" PRId64 "; --restart never starts anew",
                    path, found, what, expected);
}

static snn_status read_header(hid_t file, const char *path, snn_checkpoint_state *state, int64_t *rows)
{
    int32_t version = 0;
    uint64_t fingerprint = 0;
    int64_t images = 0;
    SNN_TRY(snn_hdf5_read_attribute(file, "version", H5T_NATIVE_INT32, 0, &version));
    if (version != FILE_VERSION) {
        return snn_fail(SNN_INPUT_ERROR,
                        "%s: checkpoint version %d, this program reads %d; --restart never starts anew", path, version,
                        FILE_VERSION);
    }
    SNN_TRY(snn_hdf5_read_attribute(file, "fingerprint", H5T_NATIVE_UINT64, 0, &fingerprint));
    if (fingerprint != state->fingerprint) {
        return snn_fail(SNN_INPUT_ERROR,
                        "%s: belongs to another run: fingerprint %016" PRIx64 ", expected %016" PRIx64
                        " (network, data or settings differ); --restart never starts anew",
                        path, fingerprint, state->fingerprint);
    }
    SNN_TRY(snn_hdf5_read_attribute(file, "images", H5T_NATIVE_INT64, 0, &images));
    SNN_TRY(snn_hdf5_read_attribute(file, "timesteps", H5T_NATIVE_INT32, 0, &state->timesteps));
    SNN_TRY(snn_hdf5_read_attribute(file, "classes", H5T_NATIVE_INT32, 0, &state->classes));
    SNN_TRY(snn_hdf5_read_attribute(file, "sequence", H5T_NATIVE_INT64, 0, &state->sequence));
    SNN_TRY(snn_hdf5_read_attribute(file, "seconds", H5T_NATIVE_DOUBLE, 0, &state->seconds));
    SNN_TRY(snn_hdf5_read_attribute(file, "rows", H5T_NATIVE_INT64, 0, rows));
    if (images != state->images) {
        return fail_other_run(path, "images", images, state->images);
    }
    if (state->timesteps != state->results->timesteps) {
        return fail_other_run(path, "timesteps", state->timesteps, state->results->timesteps);
    }
    if (state->classes != state->results->classes) {
        return fail_other_run(path, "classes", state->classes, state->results->classes);
    }
    if (*rows < 0 || *rows > state->images) {
        return fail_other_run(path, "rows of results; at most one for each image", *rows, state->images);
    }
    return snn_ok();
}

typedef struct row_buffers {
    int64_t *image;       /* [ROWS_AT_ONCE] */
    int32_t *predictions; /* [ROWS_AT_ONCE][timesteps] */
    float *logits;        /* [ROWS_AT_ONCE][classes] */
    bool *seen;           /* [images] */
} row_buffers;

static snn_status check_images(const char *path, const int64_t *image, int64_t count, int64_t images, bool *seen)
{
    for (int64_t i = 0; i < count; i++) {
        if (image[i] < 0 || image[i] >= images || seen[image[i]]) {
            return snn_fail(SNN_INPUT_ERROR, "%s: image %" PRId64 " is listed twice or is not one of 0..%" PRId64, path,
                            image[i], images - 1);
        }
        seen[image[i]] = true;
    }
    return snn_ok();
}

static snn_status read_rows(hid_t file, const char *path, const snn_checkpoint_state *state, int64_t rows,
                            const row_buffers *buffers)
{
    const int64_t prediction_dims[] = {rows, state->timesteps};
    const int64_t logit_dims[] = {rows, state->classes};
    for (int64_t begin = 0; begin < rows; begin += ROWS_AT_ONCE) {
        int64_t end = rows - begin < ROWS_AT_ONCE ? rows : begin + ROWS_AT_ONCE;
        SNN_TRY(snn_hdf5_read_rows(file, "image", H5T_NATIVE_INT64, 1, &rows, begin, end, buffers->image));
        SNN_TRY(snn_hdf5_read_rows(file, "predictions", H5T_NATIVE_INT32, 2, prediction_dims, begin, end,
                                   buffers->predictions));
        SNN_TRY(snn_hdf5_read_rows(file, "logits", H5T_NATIVE_FLOAT, 2, logit_dims, begin, end, buffers->logits));
        SNN_TRY(check_images(path, buffers->image, end - begin, state->images, buffers->seen));
        SNN_TRY(snn_results_append(state->results, buffers->image, end - begin, buffers->predictions, buffers->logits));
    }
    return snn_ok();
}

static snn_status read_all_rows(hid_t file, const char *path, const snn_checkpoint_state *state, int64_t rows)
{
    row_buffers buffers = {
        .image = snn_allocate(ROWS_AT_ONCE, sizeof *buffers.image),
        .predictions = snn_allocate((size_t)ROWS_AT_ONCE * (size_t)state->timesteps, sizeof *buffers.predictions),
        .logits = snn_allocate((size_t)ROWS_AT_ONCE * (size_t)state->classes, sizeof *buffers.logits),
        .seen = snn_allocate((size_t)state->images, sizeof *buffers.seen),
    };
    bool complete =
        buffers.image != NULL && buffers.predictions != NULL && buffers.logits != NULL && buffers.seen != NULL;
    snn_status status =
        complete ? read_rows(file, path, state, rows, &buffers) : snn_out_of_memory("results of a checkpoint");
    snn_release(buffers.seen);
    snn_release(buffers.logits);
    snn_release(buffers.predictions);
    snn_release(buffers.image);
    return status;
}

snn_status snn_checkpoint_read(const char *path, snn_checkpoint_state *state)
{
    hid_t file;
    int64_t rows = 0;
    SNN_TRY(snn_sealed_open(path, SNN_FILE_CHECKPOINT, true, &file));
    const int64_t length = (int64_t)state->statistics->length;
    snn_status status;
    SNN_GOTO_DONE(status, read_header(file, path, state, &rows));
    SNN_GOTO_DONE(status,
                  snn_hdf5_read_array(file, "statistics", H5T_NATIVE_INT64, 1, &length, state->statistics->counts));
    SNN_GOTO_DONE(status, read_all_rows(file, path, state, rows));
done:
    snn_hdf5_close(file);
    return status;
}
