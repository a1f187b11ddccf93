#include "fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_NAMES = 8, PATH_BYTES = 256 };

static char folder[PATH_BYTES / 2];
static char paths[MOST_NAMES][PATH_BYTES];
static int count;

void fuzz_fault(const char *what)
{
    fprintf(stderr, "fault: %s\n", what);
    abort();
}

static void leave(void)
{
    for (int i = 0; i < count; i++) {
        (void)unlink(paths[i]);
    }
    (void)rmdir(folder);
}

static void enter(void)
{
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(folder, sizeof folder, "%s/snn_dist_fuzz_XXXXXX", base);
    if (mkdtemp(folder) == NULL || atexit(leave) != 0) {
        fuzz_fault("no folder to work in");
    }
}

const char *fuzz_path(const char *name)
{
    char path[PATH_BYTES];
    if (folder[0] == '\0') {
        enter();
    }
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    for (int i = 0; i < count; i++) {
        if (strcmp(paths[i], path) == 0) {
            return paths[i];
        }
    }
    if (count == MOST_NAMES) {
        fuzz_fault("too many names");
    }
    memcpy(paths[count], path, sizeof path);
    return paths[count++];
}

const char *fuzz_file(const char *name, const uint8_t *data, size_t size)
{
    const char *path = fuzz_path(name);
    const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || write(file, data, size) != (ssize_t)size || close(file) != 0) {
        fuzz_fault("cannot write a file");
    }
    return path;
}
