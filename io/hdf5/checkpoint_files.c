#include "io/hdf5/checkpoint_files.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/memory.h"
#include "io/config/config.h"

static const char SUFFIX[] = ".ckpt.h5";
static const char UNFINISHED_SUFFIX[] = ".ckpt.h5.part";

enum { FINGERPRINT_DIGITS = 16 };
enum { LEAST_DIGITS = 6, MOST_DIGITS = 18 }; /* padded with zeros to 6; 18 fit int64_t */

static snn_status fail_with_errno(const char *path, const char *what)
{
    return snn_advise(snn_fail(SNN_FILE_ERROR, "%s: %s: %s", path, what, strerror(errno)),
                      "set checkpoint.directory to another, or to nothing for none");
}

static snn_status compose_path(const snn_checkpoint_series *series, int64_t sequence, const char *suffix, char *path)
{
    int length = snprintf(path, SNN_PATH_BYTES, "%s/%s.%016" PRIx64 ".%06" PRId64 "%s", series->directory, series->name,
                          series->fingerprint, sequence, suffix);
    if (length < 0 || length >= SNN_PATH_BYTES) {
        return snn_advise(snn_fail(SNN_INPUT_ERROR, "%.200s...: path of a checkpoint longer than %d bytes",
                                   series->directory, SNN_PATH_BYTES - 1),
                          "set checkpoint.directory to a shorter one");
    }
    return snn_ok();
}

snn_status snn_checkpoint_path(const snn_checkpoint_series *series, int64_t sequence, char *path)
{
    return compose_path(series, sequence, SUFFIX, path);
}

static bool is_folder(const char *path)
{
    struct stat information;
    return stat(path, &information) == 0 && S_ISDIR(information.st_mode);
}

snn_status snn_checkpoint_make_folder(const char *directory)
{
    char path[SNN_PATH_BYTES];
    if ((size_t)snprintf(path, sizeof path, "%s", directory) >= sizeof path) {
        return snn_advise(
            snn_fail(SNN_INPUT_ERROR, "%.200s...: path longer than %d bytes", directory, SNN_PATH_BYTES - 1),
            "set checkpoint.directory to a shorter one");
    }
    for (char *slash = path; slash != NULL;) {
        slash = strchr(slash + 1, '/');
        if (slash != NULL) {
            *slash = '\0';
        }
        int failure = mkdir(path, 0777) != 0 ? errno : 0;
        if (failure != 0 && !is_folder(path)) { /* a folder that is there may be refused in several ways */
            errno = failure;
            return fail_with_errno(path, "cannot create folder");
        }
        if (slash != NULL) {
            *slash = '/';
        }
    }
    return snn_ok();
}

/* Takes "NAME.<fingerprint>.<digits>SUFFIX" apart. */
static bool parse_file_name(const char *file, const char *name, const char *suffix, uint64_t *fingerprint,
                            int64_t *sequence)
{
    size_t length = strlen(name);
    if (strncmp(file, name, length) != 0 || file[length] != '.') {
        return false;
    }
    const char *print = file + length + 1;
    if (strspn(print, "0123456789abcdef") != FINGERPRINT_DIGITS || print[FINGERPRINT_DIGITS] != '.') {
        return false;
    }
    *fingerprint = strtoull(print, NULL, 16);
    const char *digits = print + FINGERPRINT_DIGITS + 1;
    size_t count = strspn(digits, "0123456789");
    bool ours = count == LEAST_DIGITS || (count > LEAST_DIGITS && count <= MOST_DIGITS && digits[0] != '0');
    if (!ours || strcmp(digits + count, suffix) != 0) {
        return false;
    }
    *sequence = strtoll(digits, NULL, 10);
    return true;
}

static int compare_newest_first(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;
    return (left < right) - (left > right);
}

static snn_status append(snn_checkpoint_list *list, size_t *capacity, int64_t sequence)
{
    if (!snn_grow(&list->sequences, list->count, capacity, sizeof sequence)) {
        return snn_out_of_memory("list of checkpoints");
    }
    list->sequences[list->count++] = sequence;
    return snn_ok();
}

static void note_other(snn_checkpoint_list *list, const char *file)
{
    if (list->other_count == 0 || strcmp(file, list->other) < 0) {
        (void)snprintf(list->other, sizeof list->other, "%s", file);
    }
    list->other_count++;
}

static snn_status list_files(const snn_checkpoint_series *series, const char *suffix, snn_checkpoint_list *list)
{
    snn_status status = snn_ok();
    size_t capacity = 0;
    *list = (snn_checkpoint_list){.sequences = NULL};
    DIR *folder = opendir(series->directory);
    if (folder == NULL) {
        return errno == ENOENT ? snn_ok() : fail_with_errno(series->directory, "cannot read folder");
    }
    for (;;) {
        uint64_t fingerprint;
        int64_t sequence;
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (entry == NULL) {
            status = errno != 0 ? fail_with_errno(series->directory, "cannot read folder") : snn_ok();
            break;
        }
        if (!parse_file_name(entry->d_name, series->name, suffix, &fingerprint, &sequence)) {
            continue;
        }
        if (fingerprint == series->fingerprint) {
            SNN_GOTO_DONE(status, append(list, &capacity, sequence));
        } else {
            note_other(list, entry->d_name);
        }
    }
    if (list->count > 0) {
        qsort(list->sequences, list->count, sizeof *list->sequences, compare_newest_first);
    }
done:
    (void)closedir(folder);
    if (snn_failed(status)) {
        snn_release(list->sequences);
        *list = (snn_checkpoint_list){.sequences = NULL};
    }
    return status;
}

snn_status snn_checkpoint_list_read(const snn_checkpoint_series *series, snn_checkpoint_list *list)
{
    return list_files(series, SUFFIX, list);
}

/* Removes files [keep, ...) of those with at most `sequence`. */
static snn_status remove_files(const snn_checkpoint_series *series, const char *suffix, int64_t sequence, int32_t keep)
{
    snn_checkpoint_list list;
    int32_t kept = 0;
    snn_status status = snn_ok();
    SNN_TRY(list_files(series, suffix, &list));
    for (size_t i = 0; i < list.count && !snn_failed(status); i++) {
        if (list.sequences[i] > sequence) {
            continue;
        }
        if (kept < keep) {
            kept++;
            continue;
        }
        char path[SNN_PATH_BYTES];
        status = compose_path(series, list.sequences[i], suffix, path);
        if (!snn_failed(status) && unlink(path) != 0 && errno != ENOENT) {
            status = fail_with_errno(path, "cannot remove");
        }
    }
    snn_release(list.sequences);
    return status;
}

snn_status snn_checkpoint_prune(const snn_checkpoint_series *series, int64_t sequence, int32_t keep)
{
    SNN_TRY(remove_files(series, SUFFIX, sequence, keep));
    return remove_files(series, UNFINISHED_SUFFIX, sequence, 0);
}
