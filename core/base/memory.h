/* Checked, aligned, zeroed allocation: the one way this program gets heap memory for arrays. */
#ifndef SNN_BASE_MEMORY_H
#define SNN_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

enum {
    SNN_ALIGNMENT = 64, /* bytes: a cache line and the widest vector register */
    SNN_PADDING = 64    /* readable bytes behind every array, so that kernels may load whole vectors */
};

/* `count` elements of `size` bytes, zeroed, aligned to SNN_ALIGNMENT, with SNN_PADDING readable bytes behind them.
 * NULL when memory is short or count * size overflows; a count of 0 gives a valid pointer. Free with snn_release. */
void *snn_allocate(size_t count, size_t size);

/* Room for one more in an array of `count` elements of `size` bytes, of which *capacity have room: if it is full, they
 * move into one of at least twice as many, the new ones zeroed. `elements`: address of the pointer to the first, which
 * snn_allocate gave or is NULL. False when memory is short: then nothing has changed. */
bool snn_grow(void *elements, size_t count, size_t *capacity, size_t size);

/* Frees what snn_allocate gave; accepts NULL. */
void snn_release(void *pointer);

/* A copy of `text` that snn_release frees; NULL when memory is short. */
char *snn_duplicate_text(const char *text);

#endif
