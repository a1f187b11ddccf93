/* Built once per instruction set; SNN_GEMM_TILE_NAME names the function. The compiler maps the vector type below to
 * the registers that its flags allow, so the code is the same for all. */
#include "core/graph/gemm_tile.h"

/* Columns of a strip: as many as leave registers for SNN_GEMM_ROWS rows of sums, the panel's row and a product. */
#if defined(__AVX512F__)
enum { LANES = 16, STRIP_VECTORS = 4 };
#elif defined(__AVX__)
enum { LANES = 8, STRIP_VECTORS = 2 };
#else
enum { LANES = 4, STRIP_VECTORS = 2 };
#endif

typedef float vector __attribute__((vector_size(4 * LANES), may_alias));
typedef float unaligned_vector __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

/* `rows` and `vectors` are constants at every call, so that the sums stay in registers. */
static inline __attribute__((always_inline)) void strip(int rows, int vectors, int32_t depth, const float *a,
                                                        int64_t a_stride, const float *panel, float *c,
                                                        int64_t c_stride)
{
    vector sums[SNN_GEMM_ROWS][STRIP_VECTORS];
#pragma GCC unroll 4
    for (int row = 0; row < rows; row++) {
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) {
            sums[row][v] = *(const unaligned_vector *)(c + row * c_stride + v * LANES);
        }
    }
    for (int32_t k = 0; k < depth; k++) {
        const vector *b = (const vector *)(panel + (int64_t)k * SNN_GEMM_PANEL);
#pragma GCC unroll 4
        for (int row = 0; row < rows; row++) {
            const float factor = a[row * a_stride + k];
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++) {
                sums[row][v] += factor * b[v];
            }
        }
    }
#pragma GCC unroll 4
    for (int row = 0; row < rows; row++) {
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) {
            *(unaligned_vector *)(c + row * c_stride + v * LANES) = sums[row][v];
        }
    }
}

static inline __attribute__((always_inline)) void strips(int rows, int32_t columns, int32_t depth, const float *a,
                                                         int64_t a_stride, const float *panel, float *c,
                                                         int64_t c_stride)
{
    enum { WIDE = STRIP_VECTORS * LANES, NARROW_VECTORS = SNN_GEMM_COLUMNS < WIDE ? SNN_GEMM_COLUMNS / LANES : 1 };
    int32_t column = 0;
    for (; column + WIDE <= columns; column += WIDE) {
        strip(rows, STRIP_VECTORS, depth, a, a_stride, panel + column, c + column, c_stride);
    }
    for (; column < columns; column += NARROW_VECTORS * LANES) {
        strip(rows, NARROW_VECTORS, depth, a, a_stride, panel + column, c + column, c_stride);
    }
}

void SNN_GEMM_TILE_NAME(int32_t rows, int32_t columns, int32_t depth, const float *a, int64_t a_stride,
                        const float *panel, float *c, int64_t c_stride)
{
    switch (rows) {
    case 1:
        strips(1, columns, depth, a, a_stride, panel, c, c_stride);
        break;
    case 2:
        strips(2, columns, depth, a, a_stride, panel, c, c_stride);
        break;
    case 3:
        strips(3, columns, depth, a, a_stride, panel, c, c_stride);
        break;
    default:
        strips(SNN_GEMM_ROWS, columns, depth, a, a_stride, panel, c, c_stride);
        break;
    }
}
