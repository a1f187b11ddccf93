#include "core/graph/gemm.h"

#include <string.h>

#include "core/graph/gemm_tile.h"

typedef struct stored_matrix {
    const float *data;
    int64_t stride;
} stored_matrix;

static int32_t smaller(int64_t left, int64_t right)
{
    return (int32_t)(left < right ? left : right);
}

static void pack_stored(const void *source, int64_t row, int32_t rows, int64_t column, int32_t columns, float *panel)
{
    const stored_matrix *matrix = source;
    const float *from = matrix->data + row * matrix->stride + column;
    for (int32_t k = 0; k < rows; k++) {
        if (columns == SNN_GEMM_PANEL) { /* a constant size, so that the copy needs no call */
            memcpy(panel, from, SNN_GEMM_PANEL * sizeof *panel);
        } else {
            memcpy(panel, from, (size_t)columns * sizeof *panel);
        }
        panel += SNN_GEMM_PANEL;
        from += matrix->stride;
    }
}

/* Eight columns at a time: eight rows of the stored matrix are read along, and a cache line of the panel is filled
 * half at a time. */
static void pack_transposed(const void *source, int64_t row, int32_t rows, int64_t column, int32_t columns,
                            float *panel)
{
    enum { TOGETHER = 8 };
    const stored_matrix *matrix = source;
    const float *from = matrix->data + column * matrix->stride + row;
    int32_t done = 0;
    for (; done + TOGETHER <= columns; done += TOGETHER) {
        const float *lines = from + done * matrix->stride;
        for (int32_t k = 0; k < rows; k++) {
            for (int32_t i = 0; i < TOGETHER; i++) {
                panel[k * SNN_GEMM_PANEL + done + i] = lines[i * matrix->stride + k];
            }
        }
    }
    for (; done < columns; done++) {
        for (int32_t k = 0; k < rows; k++) {
            panel[k * SNN_GEMM_PANEL + done] = from[done * matrix->stride + k];
        }
    }
}

/* The tile at C's right edge: computed in a copy that is as wide as the tile needs. */
static void edge_tile(snn_gemm_tile tile, int32_t rows, int32_t columns, int32_t depth, const float *a,
                      int64_t a_stride, const float *panel, float *c, int64_t c_stride)
{
    float copy[SNN_GEMM_ROWS][SNN_GEMM_PANEL] = {{0}};
    const int32_t padded = (columns + SNN_GEMM_COLUMNS - 1) / SNN_GEMM_COLUMNS * SNN_GEMM_COLUMNS;
    for (int32_t row = 0; row < rows; row++) {
        memcpy(copy[row], c + row * c_stride, (size_t)columns * sizeof *c);
    }
    tile(rows, padded, depth, a, a_stride, panel, copy[0], SNN_GEMM_PANEL);
    for (int32_t row = 0; row < rows; row++) {
        memcpy(c + row * c_stride, copy[row], (size_t)columns * sizeof *c);
    }
}

void snn_gemm_with_tile(snn_gemm_tile tile, int64_t m, int64_t n, int64_t k, const float *a, int64_t a_stride,
                        snn_gemm_pack pack, const void *source, float *c, int64_t c_stride)
{
    _Alignas(64) float panel[SNN_GEMM_DEPTH * SNN_GEMM_PANEL] = {0};
    for (int64_t column = 0; column < n; column += SNN_GEMM_PANEL) {
        const int32_t columns = smaller(n - column, SNN_GEMM_PANEL);
        for (int64_t first = 0; first < k; first += SNN_GEMM_DEPTH) {
            const int32_t depth = smaller(k - first, SNN_GEMM_DEPTH);
            pack(source, first, depth, column, columns, panel);
            for (int64_t row = 0; row < m; row += SNN_GEMM_ROWS) {
                const int32_t rows = smaller(m - row, SNN_GEMM_ROWS);
                const float *a_block = a + row * a_stride + first;
                float *c_block = c + row * c_stride + column;
                if (columns % SNN_GEMM_COLUMNS == 0) {
                    tile(rows, columns, depth, a_block, a_stride, panel, c_block, c_stride);
                } else {
                    edge_tile(tile, rows, columns, depth, a_block, a_stride, panel, c_block, c_stride);
                }
            }
        }
    }
}

int snn_gemm_variants(snn_gemm_variant variants[SNN_GEMM_VARIANTS])
{
    int count = 0;
    variants[count++] = (snn_gemm_variant){"portable", true, snn_gemm_tile_portable};
#ifdef SNN_GEMM_X86
    variants[count++] = (snn_gemm_variant){"avx2", __builtin_cpu_supports("avx2") != 0, snn_gemm_tile_avx2};
    variants[count++] = (snn_gemm_variant){"avx512", __builtin_cpu_supports("avx512f") != 0, snn_gemm_tile_avx512};
#endif
    return count;
}

static snn_gemm_tile fastest_tile(void)
{
    snn_gemm_variant variants[SNN_GEMM_VARIANTS];
    int last = snn_gemm_variants(variants) - 1;
    while (!variants[last].supported) {
        last--;
    }
    return variants[last].tile;
}

void snn_gemm_packed(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_stride, snn_gemm_pack pack,
                     const void *source, float *c, int64_t c_stride)
{
    snn_gemm_with_tile(fastest_tile(), m, n, k, a, a_stride, pack, source, c, c_stride);
}

void snn_gemm(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_stride, const float *b, int64_t b_stride,
              float *c, int64_t c_stride)
{
    const stored_matrix matrix = {b, b_stride};
    snn_gemm_packed(m, n, k, a, a_stride, pack_stored, &matrix, c, c_stride);
}

void snn_gemm_transposed(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_stride, const float *b,
                         int64_t b_stride, float *c, int64_t c_stride)
{
    const stored_matrix matrix = {b, b_stride};
    snn_gemm_packed(m, n, k, a, a_stride, pack_transposed, &matrix, c, c_stride);
}
