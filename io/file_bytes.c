#include "io/file_bytes.h"

#include <errno.h>
#include <unistd.h>

ssize_t snn_file_bytes_read(int descriptor, void *buffer, size_t bytes, int64_t offset)
{
    size_t done = 0;
    while (done < bytes) {
        ssize_t got = pread(descriptor, (char *)buffer + done, bytes - done, (off_t)(offset + (int64_t)done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return -1;
        }
        if (got == 0) {
            break;
        }
        done += (size_t)got;
    }
    return (ssize_t)done;
}

int snn_file_bytes_write(int descriptor, const void *buffer, size_t bytes, int64_t offset)
{
    size_t done = 0;
    while (done < bytes) {
        ssize_t put = pwrite(descriptor, (const char *)buffer + done, bytes - done, (off_t)(offset + (int64_t)done));
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            errno = put == 0 ? ENOSPC : errno; /* nothing written and no reason given: there is no room */
            return -1;
        }
        done += (size_t)put;
    }
    return 0;
}
