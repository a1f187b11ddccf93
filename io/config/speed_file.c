#include "io/config/speed_file.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/memory.h"
#include "io/config/config.h"
#include "io/config/text_file.h"
#include "io/config/toml.h"
#include "partition/fingerprint.h"

enum { MOST_BYTES = 1 << 20, ENTRY_BYTES = 100, NUMBERS = 4, NAME_BYTES = 128 };

/* "model name" of the first processor; "" where the system does not tell. */
static void processor_name(char name[NAME_BYTES])
{
    char line[256];
    name[0] = '\0';
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file != NULL && name[0] == '\0' && fgets(line, sizeof line, file) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon != NULL) {
            (void)snprintf(name, NAME_BYTES, "%.*s", (int)strcspn(colon + 1, "\n"), colon + 1);
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
}

/* What speeds hold for, as one number: another build may have other kernels. */
static uint64_t owner_of(const char *kernels)
{
    char name[NAME_BYTES];
    struct stat program = {0};
    processor_name(name);
    if (stat("/proc/self/exe", &program) != 0) {
        program.st_size = 0;
    }
    uint64_t owner = snn_fingerprint_add(SNN_FINGERPRINT_SEED, name, strlen(name));
    owner = snn_fingerprint_add(owner, kernels, strlen(kernels));
    owner = snn_fingerprint_add(owner, SNN_DIST_VERSION, strlen(SNN_DIST_VERSION));
    owner = snn_fingerprint_add_number(owner, program.st_size);
    return snn_fingerprint_add_number(owner, program.st_mtime);
}

void snn_speed_file_path(const char *kernels, char *path)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    const bool given = cache != NULL && cache[0] == '/'; /* relative ones are to be ignored, says the standard */
    path[0] = '\0';
    if (!given && (home == NULL || home[0] != '/')) {
        return;
    }
    const int length = snprintf(path, SNN_PATH_BYTES, "%s%s/snn_dist/speeds-%s-%016" PRIx64 ".toml",
                                given ? cache : home, given ? "" : "/.cache", kernels, owner_of(kernels));
    if (length < 0 || length >= SNN_PATH_BYTES) {
        path[0] = '\0';
    }
}

static bool read_entry(const snn_toml_entry *entry, snn_speed *speed)
{
    if (strncmp(entry->key, "speed.k", 7) != 0 || entry->type != SNN_TOML_NUMBERS || entry->count != NUMBERS) {
        return false;
    }
    for (int i = 0; i < NUMBERS; i++) {
        if (!isfinite(entry->numbers[i]) || entry->numbers[i] < 0.0) {
            return false;
        }
    }
    char *end;
    errno = 0;
    *speed = (snn_speed){.key = strtoull(entry->key + 7, &end, 16),
                         .step_seconds = entry->numbers[0],
                         .group_seconds = entry->numbers[1],
                         .packed_bytes = entry->numbers[2],
                         .confirmed = entry->numbers[3] != 0.0};
    return errno == 0 && *end == '\0';
}

void snn_speed_file_read(const char *path, snn_speed_book *book)
{
    char *text = NULL;
    if (path[0] == '\0' || snn_failed(snn_text_file_read(path, "speeds", MOST_BYTES, &text))) {
        return;
    }
    snn_toml *document = snn_toml_parse(text);
    bool whole = document != NULL && document->error[0] == '\0';
    for (size_t i = 0; whole && i < document->count; i++) {
        snn_speed speed;
        whole = read_entry(&document->entries[i], &speed) && !snn_failed(snn_speed_book_add(book, speed));
    }
    if (!whole) {
        snn_speed_book_clear(book);
    }
    book->changed = false;
    snn_toml_destroy(document);
    snn_release(text);
}

/* The folders of a path, as far as they are missing. */
static void make_folders(const char *path)
{
    char folder[SNN_PATH_BYTES];
    (void)snprintf(folder, sizeof folder, "%s", path);
    for (char *slash = strchr(folder + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(folder, 0777); /* if it fails the file cannot be written either */
        *slash = '/';
    }
}

void snn_speed_file_write(const char *path, const char *kernels, const snn_speed_book *book)
{
    const int32_t most = MOST_BYTES / ENTRY_BYTES - 10;
    const int32_t first = book->count > most ? book->count - most : 0; /* the newest */
    const size_t room = 400 + (size_t)(book->count - first) * ENTRY_BYTES;
    char *text = snn_allocate(room, 1);
    if (path[0] == '\0' || text == NULL) {
        snn_release(text);
        return;
    }
    int length = snprintf(text, room,
                          "# Measured speeds of snn_dist's kernels \"%s\" on this processor, for the planner. May be "
                          "deleted at any time.\n# key = [seconds for an image and timestep, seconds for an image, "
                          "bytes of weights, 1 if measured twice]\n[speed]\n",
                          kernels);
    for (int32_t i = first; i < book->count && length > 0; i++) {
        const snn_speed *speed = &book->speeds[i];
        length +=
            snprintf(text + length, room - (size_t)length, "k%016" PRIx64 " = [%.6e, %.6e, %.10e, %d]\n", speed->key,
                     speed->step_seconds, speed->group_seconds, speed->packed_bytes, speed->confirmed);
    }
    make_folders(path);
    (void)snn_text_file_write(path, "speeds", text);
    snn_release(text);
}
