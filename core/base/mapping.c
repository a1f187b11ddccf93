#include "core/base/mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

snn_status snn_mapping_open(const char *path, snn_mapping *mapping)
{
    *mapping = (snn_mapping){NULL, 0};
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not make it wait */
    if (descriptor < 0) {
        return snn_fail(SNN_INPUT_ERROR, "cannot open: %s", strerror(errno));
    }
    struct stat about;
    snn_status status = snn_ok();
    if (fstat(descriptor, &about) != 0 || !S_ISREG(about.st_mode)) {
        status = snn_fail(SNN_INPUT_ERROR, "not a regular file");
    } else if (about.st_size == 0) {
        status = snn_fail(SNN_INPUT_ERROR, "the file is empty");
    } else {
        void *bytes = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
        if (bytes == MAP_FAILED) {
            status =
                snn_fail(SNN_FILE_ERROR, "cannot map its %lld bytes: %s", (long long)about.st_size, strerror(errno));
        } else {
            *mapping = (snn_mapping){bytes, (size_t)about.st_size};
        }
    }
    (void)close(descriptor); /* only read from; the mapping stays */
    return status;
}

void snn_mapping_close(snn_mapping *mapping)
{
    if (mapping->bytes != NULL) {
        (void)munmap((void *)mapping->bytes, mapping->size); /* fails for other addresses only */
    }
    *mapping = (snn_mapping){NULL, 0};
}
