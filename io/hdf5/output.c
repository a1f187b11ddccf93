#include "io/hdf5/output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/memory.h"
#include "core/network/timing.h"
#include "io/hdf5/hdf5_helpers.h"
#include "io/hdf5/output_sections.h"
#include "io/hdf5/sealed.h"
#include "io/parallel_rows.h"

/* ---- which rank has which images ---- */

typedef struct placed_row {
    int64_t image, row;
} placed_row;

static int compare_images(const void *a, const void *b)
{
    int64_t left = ((const placed_row *)a)->image;
    int64_t right = ((const placed_row *)b)->image;
    return (left > right) - (left < right);
}

static snn_status sort_rows(const snn_results *results, placed_row **rows)
{
    *rows = snn_allocate((size_t)results->count, sizeof **rows);
    if (*rows == NULL) {
        return snn_out_of_memory("order of images");
    }
    for (int64_t i = 0; i < results->count; i++) {
        (*rows)[i] = (placed_row){results->image[i], i};
    }
    if (results->count > 0) {
        qsort(*rows, (size_t)results->count, sizeof **rows, compare_images);
    }
    return snn_ok();
}

/* Collective. Every image of [0, images) must be on one rank, once: a file with gaps would look complete. */
static snn_status check_coverage(snn_world *world, const placed_row *rows, int64_t count, int64_t images)
{
    enum { WINDOW = 1 << 16 }; /* images at a time, so that memory does not grow with the data set */
    snn_status status = snn_ok();
    int64_t next = 0;
    int64_t *found = snn_allocate(WINDOW, sizeof *found);
    if (found == NULL) {
        status = snn_out_of_memory("count of images");
    } else if (count > 0 && (rows[0].image < 0 || rows[count - 1].image >= images)) {
        status = snn_fail(SNN_INTERNAL_ERROR, "results for image %" PRId64 ", expected 0..%" PRId64,
                          rows[0].image < 0 ? rows[0].image : rows[count - 1].image, images - 1);
    }
    status = snn_world_agree(world, status);
    for (int64_t begin = 0; begin < images && !snn_failed(status); begin += WINDOW) {
        int64_t length = images - begin < WINDOW ? images - begin : WINDOW;
        memset(found, 0, WINDOW * sizeof *found);
        while (next < count && rows[next].image < begin + length) {
            found[rows[next++].image - begin]++;
        }
        status = snn_world_sum(world, found, (size_t)length);
        for (int64_t i = 0; i < length && !snn_failed(status); i++) {
            if (found[i] != 1) {
                status = snn_fail(SNN_INTERNAL_ERROR, "image %" PRId64 " has %" PRId64 " results, expected 1",
                                  begin + i, found[i]);
            }
        }
    }
    snn_release(found);
    return snn_world_agree(world, status);
}

/* Rows that follow each other in memory and in the file become one run. */
static snn_status find_runs(const placed_row *rows, int64_t count, snn_row_run **runs, int64_t *run_count)
{
    *run_count = 0;
    *runs = snn_allocate((size_t)count, sizeof **runs);
    if (*runs == NULL) {
        return snn_out_of_memory("runs of images");
    }
    for (int64_t i = 0; i < count; i++) {
        snn_row_run *last = *run_count > 0 ? &(*runs)[*run_count - 1] : NULL;
        if (last != NULL && rows[i].row == last->from + last->count && rows[i].image == last->to + last->count) {
            last->count++;
        } else {
            (*runs)[(*run_count)++] = (snn_row_run){rows[i].row, rows[i].image, 1};
        }
    }
    return snn_ok();
}

/* Collective. /predictions/snn and /predictions/logits, each rank its images. */
static snn_status write_predictions(snn_world *world, const char *temporary, const snn_output *output)
{
    const snn_results *results = output->results;
    placed_row *rows = NULL;
    snn_row_run *runs = NULL;
    int64_t run_count = 0;
    snn_status status = sort_rows(results, &rows);
    if (!snn_failed(status)) {
        status = find_runs(rows, results->count, &runs, &run_count);
    }
    SNN_GOTO_DONE(status, snn_world_agree(world, status));
    SNN_GOTO_DONE(status, check_coverage(world, rows, results->count, output->images));
    const snn_column columns[] = {
        {"predictions/snn", H5T_NATIVE_INT32, results->timesteps, results->predictions},
        {"predictions/logits", H5T_NATIVE_FLOAT, results->classes, results->logits},
    };
    status = snn_parallel_rows_write(world, temporary, output->images, columns, 2, runs, run_count);
done:
    snn_release(runs);
    snn_release(rows);
    return status;
}

/* ---- what rank 0 adds ---- */

/* Whether the test set names its classes, in a list of texts. */
static bool has_names(hid_t test)
{
    hid_t names = H5Lexists(test, "label_names", H5P_DEFAULT) > 0 ? H5Dopen2(test, "label_names", H5P_DEFAULT) : -1;
    if (names < 0) {
        return false;
    }
    hid_t type = H5Dget_type(names), space = H5Dget_space(names);
    const bool texts =
        type >= 0 && space >= 0 && H5Tget_class(type) == H5T_STRING && H5Sget_simple_extent_ndims(space) == 1;
    snn_hdf5_close(type);
    snn_hdf5_close(space);
    snn_hdf5_close(names);
    return texts;
}

/* The names of the classes go with the answers. A test set that is gone by now, or has none, costs no results. */
static snn_status copy_names(hid_t group, const char *path)
{
    hid_t test;
    if (snn_failed(snn_hdf5_open_file(path, H5F_ACC_RDONLY, &test))) {
        return snn_ok();
    }
    const bool copied =
        !has_names(test) || H5Ocopy(test, "label_names", group, "label_names", H5P_DEFAULT, H5P_DEFAULT) >= 0;
    snn_hdf5_close(test);
    return copied ? snn_ok() : snn_fail(SNN_FILE_ERROR, "%s: cannot copy label_names", path);
}

static snn_status write_labels(hid_t file, const snn_output *output)
{
    hid_t group;
    SNN_TRY(snn_hdf5_open_group(file, "predictions", &group));
    snn_status status;
    SNN_GOTO_DONE(status, snn_hdf5_write_vector(group, "label", H5T_NATIVE_INT32, output->images, output->labels));
    if (output->ann_predictions != NULL) {
        SNN_GOTO_DONE(status,
                      snn_hdf5_write_vector(group, "ann", H5T_NATIVE_INT32, output->images, output->ann_predictions));
    }
    status = copy_names(group, output->config->data.test);
done:
    snn_hdf5_close(group);
    return status;
}

static snn_status write_accuracy(hid_t file, const snn_output *output)
{
    hid_t group;
    SNN_TRY(snn_hdf5_create_group(file, "accuracy", &group));
    snn_status status;
    SNN_GOTO_DONE(
        status, snn_hdf5_write_vector(group, "correct", H5T_NATIVE_INT64, output->results->timesteps, output->correct));
    SNN_GOTO_DONE(status, snn_hdf5_write_scalar(group, "total", H5T_NATIVE_INT64, &output->images));
    SNN_GOTO_DONE(status, snn_hdf5_write_scalar(group, "ann_correct", H5T_NATIVE_INT64, &output->ann_correct));
done:
    snn_hdf5_close(group);
    return status;
}

static snn_status write_schedule(hid_t file, const snn_output *output)
{
    hid_t group;
    SNN_TRY(snn_hdf5_create_group(file, "schedule", &group));
    snn_status status =
        snn_hdf5_write_vector(group, "eta", H5T_NATIVE_FLOAT, output->statistics->timesteps, output->eta);
    snn_hdf5_close(group);
    return status;
}

static snn_status write_sections(hid_t file, const snn_output *output, const snn_output_ranks *ranks)
{
    snn_cost costs[SNN_COST_CASES];
    snn_cost_count(output, costs);
    SNN_TRY(write_labels(file, output));
    SNN_TRY(write_accuracy(file, output));
    SNN_TRY(write_schedule(file, output));
    SNN_TRY(snn_output_write_dynamics(file, output));
    SNN_TRY(snn_output_write_layers(file, output));
    SNN_TRY(snn_output_write_cost(file, output, costs));
    SNN_TRY(snn_output_write_energy(file, output, costs));
    SNN_TRY(snn_output_write_ranks(file, output, ranks));
    return snn_hdf5_write_text(file, "config", output->config->text != NULL ? output->config->text : "");
}

static snn_status finish(const char *temporary, const char *path, const snn_output *output,
                         const snn_output_ranks *ranks)
{
    hid_t file;
    SNN_TRY(snn_hdf5_open_file(temporary, H5F_ACC_RDWR, &file));
    SNN_TRY(snn_hdf5_end_writing(file, write_sections(file, output, ranks)));
    return snn_sealed_finish(temporary, path, SNN_FILE_OUTPUT, NULL);
}

/* ---- the whole ---- */

/* Whatever reaches the file must agree in its sizes. */
static snn_status check_sizes(const snn_output *output, bool first)
{
    const snn_results *results = output->results;
    if (output->images < 1 || results->timesteps < 1 || results->classes != output->network->classes) {
        return snn_fail(SNN_INTERNAL_ERROR,
                        "output of %" PRId64 " images, %d timesteps, %d classes for a network of %d", output->images,
                        results->timesteps, results->classes, output->network->classes);
    }
    const int32_t windows = output->network->windows.steps, steps = windows > 0 ? windows : results->timesteps;
    if (first && (output->statistics->timesteps != steps ||
                  output->statistics->populations != output->network->population_count)) {
        return snn_fail(SNN_INTERNAL_ERROR, "statistics of %d timesteps and %d populations, expected %d and %d",
                        output->statistics->timesteps, output->statistics->populations, steps,
                        output->network->population_count);
    }
    return snn_ok();
}

snn_status snn_output_write(snn_world *world, const char *path, const snn_output *output)
{
    char temporary[SNN_PATH_BYTES];
    const bool first = snn_world_rank(world) == 0;
    snn_output_ranks ranks = {0};
    snn_status status = check_sizes(output, first);
    if (!snn_failed(status)) {
        status = snn_sealed_temporary(path, temporary);
    }
    if (first && !snn_failed(status)) {
        status = snn_output_probe(path);
    }
    SNN_TRY(snn_world_agree(world, status));
    status = snn_output_gather_ranks(world, output, &ranks);
    if (!snn_failed(status)) {
        status = write_predictions(world, temporary, output);
    }
    if (first && !snn_failed(status)) {
        status = finish(temporary, path, output, &ranks);
    }
    if (first && snn_failed(status)) {
        (void)unlink(temporary);
    }
    snn_output_ranks_clear(&ranks);
    return snn_world_agree(world, status);
}

snn_status snn_output_probe(const char *path)
{
    char trial[SNN_PATH_BYTES];
    if ((size_t)snprintf(trial, sizeof trial, "%s.XXXXXX", path) >= sizeof trial) {
        return snn_fail(SNN_INPUT_ERROR, "%.200s...: file name too long; give it a shorter one (output.file, -o)",
                        path);
    }
    struct stat information;
    if (stat(path, &information) == 0 && !S_ISREG(information.st_mode)) {
        return snn_advise(snn_fail(SNN_FILE_ERROR, "%s: cannot be written: it is not a regular file", path),
                          "give it another name (output.file, -o)");
    }
    int descriptor = mkstemp(trial);
    if (descriptor < 0) {
        return snn_advise(snn_fail(SNN_FILE_ERROR, "%s: cannot create a file in its folder: %s", path, strerror(errno)),
                          "make the folder, or name another (output.file, -o)");
    }
    (void)close(descriptor);
    (void)unlink(trial);
    return snn_ok();
}
