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

bool snn_grow(void *elements, size_t count, size_t *capacity, size_t size)
{
    enum { FIRST = 16 };
    void *before; /* whatever the elements are, a pointer to them is copied as it is */
    if (count < *capacity) {
        return true;
    }
    const size_t more = *capacity == 0 ? FIRST : 2 * *capacity;
    void *grown = snn_allocate(more, size);
    if (grown == NULL) {
        return false;
    }
    memcpy(&before, elements, sizeof before);
    if (count > 0) {
        memcpy(grown, before, count * size);
    }
    snn_release(before);
    memcpy(elements, &grown, sizeof grown);
    *capacity = more;
    return true;
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
