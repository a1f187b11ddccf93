#include "io/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "io/file_bytes.h"

enum { OWNER_BYTES = 160, HOST_BYTES = 64, ATTEMPTS = 8 };

/* Who holds it: "process 123 on host since 2024-01-31 12:00:00 UTC". */
static void describe_self(char *owner)
{
    char host[HOST_BYTES] = "?", when[32] = "?";
    struct tm broken;
    const time_t now = time(NULL);
    if (gethostname(host, sizeof host) != 0) {
        (void)snprintf(host, sizeof host, "?");
    }
    host[sizeof host - 1] = '\0';
    if (gmtime_r(&now, &broken) != NULL) {
        (void)strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S UTC", &broken);
    }
    (void)snprintf(owner, OWNER_BYTES, "process %ld on %s since %s\n", (long)getpid(), host, when);
}

static snn_status refuse(int descriptor, const char *path, const char *what)
{
    char owner[OWNER_BYTES + 1] = "";
    const ssize_t got = snn_file_bytes_read(descriptor, owner, OWNER_BYTES, 0);
    owner[got > 0 ? got : 0] = '\0';
    owner[strcspn(owner, "\n")] = '\0';
    return snn_fail(SNN_INPUT_ERROR, "%s is in use by another job (%s; %s): wait for it, or give this one another name",
                    what, owner[0] != '\0' ? owner : "it does not say which", path);
}

/* A job that ended has removed its file, perhaps after it was opened here: then the lock is on a file without name. */
static bool has_name(int descriptor, const char *path)
{
    struct stat held, named;
    return fstat(descriptor, &held) == 0 && lstat(path, &named) == 0 && held.st_dev == named.st_dev &&
           held.st_ino == named.st_ino;
}

/* Whether fcntl says that someone else has the lock, rather than that there are none. */
static bool is_held(int reason)
{
    return reason == EACCES || reason == EAGAIN;
}

snn_status snn_lock_take(const char *path, const char *what, snn_lock *lock)
{
    char owner[OWNER_BYTES];
    lock->descriptor = -1;
    if ((size_t)snprintf(lock->path, sizeof lock->path, "%s", path) >= sizeof lock->path) {
        return snn_fail(SNN_INPUT_ERROR, "%.200s...: file name too long; give the output a shorter one", path);
    }
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        const int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
        if (descriptor < 0) {
            return snn_fail(SNN_FILE_ERROR, "%s: cannot create: %s", path, strerror(errno));
        }
        struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        if (fcntl(descriptor, F_SETLK, &whole) != 0) {
            const bool held = is_held(errno);
            const snn_status status = held ? refuse(descriptor, path, what) : snn_ok();
            (void)close(descriptor);
            if (!held) {
                (void)unlink(path);
            }
            return status;
        }
        if (has_name(descriptor, path)) {
            describe_self(owner);
            /* Only told, so that a disk without room does not matter here. */
            (void)ftruncate(descriptor, 0);
            (void)snn_file_bytes_write(descriptor, owner, strlen(owner), 0);
            lock->descriptor = descriptor;
            return snn_ok();
        }
        (void)close(descriptor);
    }
    return snn_fail(SNN_FILE_ERROR, "%s: cannot be locked: it is removed time and again", path);
}

void snn_lock_release(snn_lock *lock)
{
    if (lock->descriptor >= 0) {
        (void)unlink(lock->path); /* before it is let go: the next job's file is another */
        (void)close(lock->descriptor);
        lock->descriptor = -1;
    }
}
