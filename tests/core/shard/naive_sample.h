/* Which positions tracking errors are of, as io/README.md says it. */
#ifndef TESTS_NAIVE_SAMPLE_H
#define TESTS_NAIVE_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/network/network.h"

/* Whether a position is of the sample whose errors count; of shapes below 1552 positions. */
static inline bool naive_is_tracked(int64_t position, snn_shape shape)
{
    const int32_t positions = shape.height * shape.width;
    const int32_t apart = positions <= 16 ? 1 : positions < 16 * 23 ? 11 : positions < 16 * 47 ? 23 : 47;
    return position % apart == 0;
}

#endif
