/* Random operators of real layers' widths with weights and spikes, for several tests of the kernels. */
#ifndef TESTS_KERNELS_WIDE_CASE_H
#define TESTS_KERNELS_WIDE_CASE_H

#include "core/kernels/kernels.h"

/* Which weights: the whole range; its ends and the places where a byte carries; hardly any but the lowest; what fits a
 * byte; or -1, 0 and 1. */
typedef enum weight_choice {
    WEIGHTS_ANY,
    WEIGHTS_EXTREME,
    WEIGHTS_LOWEST,
    WEIGHTS_BYTES,
    WEIGHTS_TERNARY,
    WEIGHTS_CHOICES
} weight_choice;

typedef struct wide_case {
    snn_projection projection;
    snn_spikes source;
    snn_tile tile;
    int32_t row_begin, row_end; /* packed */
    snn_shape pooled;
    int8_t *values; /* [step][pooled position][source channel of the operator] */
} wide_case;

/* `op` has kind, size of the source, numbers of channels, window, groups and pool; the rest is made here. */
wide_case random_wide_case(snn_operator op, weight_choice choice);
void free_wide_case(wide_case *c);

/* Operators of images of size x size. */
snn_window square_window(int32_t kernel, int32_t stride, int32_t dilation, int32_t pad);
snn_operator convolution(int32_t size, int32_t source_channels, int32_t target_channels, int32_t groups,
                         snn_window window);

#endif
