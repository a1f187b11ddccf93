#include "io/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/memory.h"
#include "io/file_bytes.h"

enum { TEMPORARY_BYTES = 4200 };

static snn_status read_stream(FILE *file, const char *path, const char *what, size_t most_bytes, char *text)
{
    size_t length = fread(text, 1, most_bytes + 1, file);
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

snn_status snn_text_file_read(const char *path, const char *what, size_t most_bytes, char **text)
{
    *text = NULL;
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return snn_fail(SNN_INPUT_ERROR, "cannot open %s '%s': %s", what, path, strerror(errno));
    }
    char *read = snn_allocate(most_bytes + 2, 1);
    snn_status status = read != NULL ? read_stream(file, path, what, most_bytes, read) : snn_out_of_memory(what);
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
    const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
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
