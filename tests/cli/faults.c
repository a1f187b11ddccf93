/* Loaded before the C library (LD_PRELOAD): a file system with faults, for regular files below SNN_TEST_FAULT_FOLDER,
 * memory that ends, clocks that jump. SNN_TEST_FAULT says which:
 *   short          every write and read does half of what it was asked for
 *   error N CODE   write N (1, 2, ...) of this process and all later ones fail with errno CODE
 *   sync N CODE    likewise of the calls that bring a file to disk
 *   rename N CODE  rename N is done, and fails with errno CODE: its answer was lost, as NFS can
 *   memory N CODE  zeroed allocation N of the program itself, not of its libraries, and all later ones fail
 *   share N CODE   likewise of memory that ranks want to have in common
 *   clock N S      from reading N on, clocks say S seconds more (or less) than before
 * How many calls of that kind there were is written to SNN_TEST_FAULT_COUNT at the end. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int calls; /* of the kind that fails; one thread writes */

static bool is_watched_path(const char *path)
{
    const char *folder = getenv("SNN_TEST_FAULT_FOLDER");
    return folder != NULL && strncmp(path, folder, strlen(folder)) == 0;
}

static bool is_watched(int descriptor)
{
    char link[64], path[4096];
    struct stat about;
    if (fstat(descriptor, &about) != 0 || !S_ISREG(about.st_mode)) {
        return false;
    }
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    const ssize_t length = readlink(link, path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    return is_watched_path(path);
}

/* The errno of this call of that kind, or 0. */
static int fault(const char *kind, bool once)
{
    int number = 0, code = 0;
    char wanted[16] = "";
    const char *how = getenv("SNN_TEST_FAULT");
    if (how == NULL || sscanf(how, "%15s %d %d", wanted, &number, &code) != 3 || strcmp(wanted, kind) != 0) {
        return 0;
    }
    calls++;
    return calls == number || (calls > number && !once) ? code : 0;
}

static size_t shorten(int descriptor, size_t bytes)
{
    const char *how = getenv("SNN_TEST_FAULT");
    return how != NULL && strcmp(how, "short") == 0 && bytes > 1 && is_watched(descriptor) ? bytes / 2 : bytes;
}

__attribute__((destructor)) static void tell(void)
{
    const char *path = getenv("SNN_TEST_FAULT_COUNT");
    FILE *file = path != NULL && calls > 0 ? fopen(path, "w") : NULL;
    if (file != NULL) {
        (void)fprintf(file, "%d\n", calls);
        (void)fclose(file);
    }
}

#define NEXT(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

#define WRITES(name, offset_type)                                                                                      \
    ssize_t name(int descriptor, const void *data, size_t bytes, offset_type offset)                                   \
    {                                                                                                                  \
        const int code = is_watched(descriptor) ? fault("error", false) : 0;                                           \
        if (code != 0) {                                                                                               \
            errno = code;                                                                                              \
            return -1;                                                                                                 \
        }                                                                                                              \
        return NEXT(name)(descriptor, data, shorten(descriptor, bytes), offset);                                       \
    }
#define READS(name, offset_type)                                                                                       \
    ssize_t name(int descriptor, void *data, size_t bytes, offset_type offset)                                         \
    {                                                                                                                  \
        return NEXT(name)(descriptor, data, shorten(descriptor, bytes), offset);                                       \
    }

WRITES(pwrite, off_t)
WRITES(pwrite64, off64_t)
READS(pread, off_t)
READS(pread64, off64_t)

ssize_t write(int descriptor, const void *data, size_t bytes)
{
    const int code = is_watched(descriptor) ? fault("error", false) : 0;
    if (code != 0) {
        errno = code;
        return -1;
    }
    return NEXT(write)(descriptor, data, shorten(descriptor, bytes));
}

int fsync(int descriptor)
{
    const int code = fault("sync", false);
    if (code != 0) {
        errno = code;
        return -1;
    }
    return NEXT(fsync)(descriptor);
}

int rename(const char *from, const char *to)
{
    const int done = NEXT(rename)(from, to);
    const int code = is_watched_path(to) ? fault("rename", true) : 0;
    if (done == 0 && code != 0) {
        errno = code;
        return -1;
    }
    return done;
}

/* Of the program itself, whose one function that allocates calls it; libraries have what they ask for. */
static bool is_programs(const void *caller)
{
    Dl_info about;
    return dladdr(caller, &about) != 0 && about.dli_fname != NULL &&
           strcmp(about.dli_fname, program_invocation_name) == 0;
}

void *calloc(size_t count, size_t bytes)
{
    extern void *__libc_calloc(size_t count, size_t bytes); /* the C library's: to look it up would call calloc */
    const int code = is_programs(__builtin_return_address(0)) ? fault("memory", false) : 0;
    if (code != 0) {
        errno = code;
        return NULL;
    }
    return __libc_calloc(count, bytes);
}

int memfd_create(const char *name, unsigned flags)
{
    const int code = fault("share", false);
    if (code != 0) {
        errno = code;
        return -1;
    }
    return NEXT(memfd_create)(name, flags);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    const int done = NEXT(clock_gettime)(clock, now);
    if (done == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC)) {
        now->tv_sec += fault("clock", false);
    }
    return done;
}

time_t time(time_t *copy)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (copy != NULL) {
        *copy = now.tv_sec;
    }
    return now.tv_sec;
}
