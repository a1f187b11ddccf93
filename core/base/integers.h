/* Whole numbers: what C leaves to everyone to write again. */
#ifndef SNN_BASE_INTEGERS_H
#define SNN_BASE_INTEGERS_H

#include <stdint.h>

static inline int64_t snn_smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t snn_larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

#endif
