#include "core/base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *snn_allocate(size_t count, size_t size)
{
    if (size != 0 && count > (SIZE_MAX - SNN_PADDING - SNN_ALIGNMENT) / size) {
        return NULL;
    }
    size_t bytes = count * size + SNN_PADDING;
    bytes = (bytes + SNN_ALIGNMENT - 1) / SNN_ALIGNMENT * SNN_ALIGNMENT;
    void *pointer = aligned_alloc(SNN_ALIGNMENT, bytes);
    if (pointer != NULL) {
        memset(pointer, 0, bytes);
    }
    return pointer;
}

void snn_release(void *pointer)
{
    free(pointer);
}

char *snn_duplicate_text(const char *text)
{
    size_t length = strlen(text);
    char *copy = snn_allocate(length + 1, 1);
    if (copy != NULL) {
        memcpy(copy, text, length + 1);
    }
    return copy;
}
