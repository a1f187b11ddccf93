#include "io/config/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/memory.h"
#include "io/file_bytes.h"

enum { TEMPORARY_BYTES = 4200 };

/* What there is to read, up to `most_bytes` and one more, with room for an end. */
static size_t bytes_to_expect(int descriptor, size_t most_bytes)
{
    struct stat about;
    const bool known = fstat(descriptor, &about) == 0 && S_ISREG(about.st_mode) && about.st_size >= 0;
    return (known && (uint64_t)about.st_size < most_bytes ? (size_t)about.st_size : most_bytes) + 1;
}

static snn_status read_stream(FILE *file, const char *path, const char *what, size_t expected, size_t most_bytes,
                              char *text)
{
    size_t length = fread(text, 1, expected, file);
    if (ferror(file) != 0) {
        return snn_fail(SNN_INPUT_ERROR, "cannot read %s '%s': %s", what, path, strerror(errno));
    }
    if (length > most_bytes) {
        return snn_fail(SNN_INPUT_ERROR, "%s '%s' is larger than %zu bytes", what, path, most_bytes);
    }
    const char *nul = memchr(text, '\0', length);
    if (nul != NULL) {
        return snn_fail(SNN_INPUT_ERROR, "%s '%s' is not a text: NUL byte at offset %td", what, path, nul - text);
    }
    return snn_ok();
}

/* A pipe that someone writes into is as good as a file ("<(sed ... config.toml)"); one without a writer is empty rather
 * than waited for. */
snn_status snn_text_file_read(const char *path, const char *what, size_t most_bytes, char **text)
{
    *text = NULL;
    FILE *file = NULL;
    const int descriptor = open(path, O_RDONLY | O_NONBLOCK);
    if (descriptor < 0 || fcntl(descriptor, F_SETFL, 0) != 0 || (file = fdopen(descriptor, "rb")) == NULL) {
        const int reason = errno;
        (void)close(descriptor);
        return snn_fail(SNN_INPUT_ERROR, "cannot open %s '%s': %s", what, path, strerror(reason));
    }
    const size_t expected = bytes_to_expect(descriptor, most_bytes);
    char *read = snn_allocate(expected + 1, 1);
    snn_status status =
        read != NULL ? read_stream(file, path, what, expected, most_bytes, read) : snn_out_of_memory(what);
    (void)fclose(file);
    if (snn_failed(status)) {
        snn_release(read);
        return status;
    }
    *text = read;
    return status;
}

/* 0, or -1 with errno. */
static int write_synced(const char *path, const char *text)
{
    /* What lies there is left over, or a link that someone else put there to have its target overwritten. */
    if (unlink(path) != 0 && errno != ENOENT) {
        return -1;
    }
    const int file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (file < 0) {
        return -1;
    }
    const bool written = snn_file_bytes_write(file, text, strlen(text), 0) == 0 && fsync(file) == 0;
    const int reason = errno;
    const bool closed = close(file) == 0;
    if (!written) {
        errno = reason;
    }
    return written && closed ? 0 : -1;
}

snn_status snn_text_file_write(const char *path, const char *what, const char *text)
{
    char temporary[TEMPORARY_BYTES];
    const int length = snprintf(temporary, sizeof temporary, "%s.%ld.part", path, (long)getpid());
    if (length < 0 || length >= TEMPORARY_BYTES) {
        return snn_fail(SNN_INPUT_ERROR, "%s: the path is longer than %d bytes", what, TEMPORARY_BYTES - 1);
    }
    if (write_synced(temporary, text) != 0 || rename(temporary, path) != 0) {
        const int reason = errno;
        (void)remove(temporary);
        return snn_fail(SNN_FILE_ERROR, "cannot write %s '%s': %s", what, path, strerror(reason));
    }
    return snn_ok();
}
