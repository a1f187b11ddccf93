/* Products with a graded image: real vectors, as wide as the registers are, over weights and pixels that are whole
 * numbers. Sums stay below 2^53, so each is exact and the order does not matter. */
#include "core/kernels/portable.h"

/* Sums in registers at a time: 4 positions of two vectors of rows. */
enum { LANES = SNN_VECTOR_BYTES / 8, VECTORS = 2, BLOCK_ROWS = LANES * VECTORS, BLOCK_POSITIONS = 4 };

typedef double vector __attribute__((vector_size(SNN_VECTOR_BYTES), aligned(8), may_alias));

static inline void multiply_block(const snn_image_product *product, int64_t row, int64_t position, int32_t positions)
{
    const double *weights = product->weights + row;
    const double *values = product->values + position * product->depth;
    vector sums[BLOCK_POSITIONS][VECTORS] = {{{0.0}}};
    for (int64_t k = 0; k < product->depth; k++, weights += product->rows) {
        const vector first = *(const vector *)weights, second = *(const vector *)(weights + LANES);
#pragma GCC unroll 4
        for (int32_t p = 0; p < positions; p++) {
            const double value = values[p * product->depth + k];
            sums[p][0] += first * value;
            sums[p][1] += second * value;
        }
    }
#pragma GCC unroll 4
    for (int32_t p = 0; p < positions; p++) {
        double *to = product->sums + (position + p) * product->rows + row;
        *(vector *)to = sums[p][0];
        *(vector *)(to + LANES) = sums[p][1];
    }
}

void snn_portable_multiply(const snn_image_product *product)
{
    for (int64_t row = 0; row < product->rows; row += BLOCK_ROWS) {
        int64_t position = 0;
        for (; position + BLOCK_POSITIONS <= product->positions; position += BLOCK_POSITIONS) {
            multiply_block(product, row, position, BLOCK_POSITIONS);
        }
        for (; position < product->positions; position++) {
            multiply_block(product, row, position, 1);
        }
    }
}
