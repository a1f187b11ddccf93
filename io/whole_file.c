#include "io/whole_file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static snn_status fail_with_errno(const char *path, const char *what)
{
    return snn_fail(SNN_FILE_ERROR, "%s: %s: %s", path, what, strerror(errno));
}

snn_status snn_whole_file_create(const char *path, snn_whole_file *file)
{
    file->stream = NULL;
    if ((size_t)snprintf(file->path, sizeof file->path, "%s", path) >= sizeof file->path ||
        (size_t)snprintf(file->temporary, sizeof file->temporary, "%s.part", path) >= sizeof file->temporary) {
        return snn_fail(SNN_INPUT_ERROR, "%.200s...: file name too long; give it a shorter one", path);
    }
    /* What lies there is left over, or a link that someone else put there to have its target overwritten. */
    if (unlink(file->temporary) != 0 && errno != ENOENT) {
        return fail_with_errno(file->temporary, "cannot replace");
    }
    file->stream = fopen(file->temporary, "wx");
    return file->stream == NULL
               ? snn_advise(fail_with_errno(file->temporary, "cannot create"), "make the folder, or name another")
               : snn_ok();
}

snn_status snn_whole_file_finish(snn_whole_file *file, snn_status status)
{
    if (!snn_failed(status) &&
        (ferror(file->stream) != 0 || fflush(file->stream) != 0 || fsync(fileno(file->stream)) != 0)) {
        status = fail_with_errno(file->path, "cannot write");
    }
    if (fclose(file->stream) != 0 && !snn_failed(status)) {
        status = fail_with_errno(file->path, "cannot write");
    }
    file->stream = NULL;
    if (!snn_failed(status) && rename(file->temporary, file->path) != 0) {
        status = fail_with_errno(file->path, "cannot rename into place");
    }
    if (snn_failed(status)) {
        (void)unlink(file->temporary);
    }
    return status;
}
