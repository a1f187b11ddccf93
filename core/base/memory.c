#include "core/base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Zeroed by calloc, not here, because what it has fresh from the system are pages that nobody has touched, and a page
 * of a machine with several sockets lies near the processor that touches it first: that should be the thread that works
 * with it, not the one that allocates. calloc aligns to less, so the byte before a block says by how much it begins
 * behind calloc's. */
void *snn_allocate(size_t count, size_t size)
{
    if (size != 0 && count > (SIZE_MAX - SNN_PADDING - SNN_ALIGNMENT) / size) {
        return NULL;
    }
    uint8_t *block = calloc(1, count * size + SNN_PADDING + SNN_ALIGNMENT);
    if (block == NULL) {
        return NULL;
    }
    const size_t moved = SNN_ALIGNMENT - (uintptr_t)block % SNN_ALIGNMENT; /* at least one */
    block[moved - 1] = (uint8_t)moved;
    return block + moved;
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
    if (pointer != NULL) {
        uint8_t *block = pointer;
        free(block - block[-1]);
    }
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
