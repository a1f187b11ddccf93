/* Every variant of the matrix product against the three loops that define it, bit for bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/memory.h"
#include "core/graph/gemm.h"
#include "core/graph/gemm_tile.h"

typedef struct matrix {
    int64_t rows, columns, stride;
    float *data;
} matrix;

static uint32_t next_number(uint32_t *state)
{
    *state = *state * 1664525U + 1013904223U;
    return *state >> 8;
}

/* A stride beyond the columns leaves guard elements between the rows. */
static matrix random_matrix(int64_t rows, int64_t columns, int64_t gap, uint32_t seed)
{
    matrix made = {rows, columns, columns + gap, snn_allocate((size_t)(rows * (columns + gap)), sizeof(float))};
    assert_non_null(made.data);
    for (int64_t i = 0; i < rows * made.stride; i++) {
        made.data[i] = (float)next_number(&seed) / 8388608.0F - 1.0F;
    }
    return made;
}

static void naive_product(const matrix *a, const matrix *b, bool transposed, matrix *c)
{
    for (int64_t row = 0; row < c->rows; row++) {
        for (int64_t column = 0; column < c->columns; column++) {
            float sum = c->data[row * c->stride + column];
            for (int64_t k = 0; k < a->columns; k++) {
                const float right = transposed ? b->data[column * b->stride + k] : b->data[k * b->stride + column];
                const float product = a->data[row * a->stride + k] * right;
                sum += product;
            }
            c->data[row * c->stride + column] = sum;
        }
    }
}

static void pack_plain(const void *source, int64_t row, int32_t rows, int64_t column, int32_t columns, float *panel)
{
    const matrix *b = source;
    for (int32_t k = 0; k < rows; k++) {
        memcpy(panel + k * SNN_GEMM_PANEL, b->data + (row + k) * b->stride + column, (size_t)columns * sizeof(float));
    }
}

static const int64_t sizes[][3] = {
    /* m, n, k */
    {1, 1, 1},    {4, 64, 128}, {5, 65, 129}, {3, 16, 7},   {2, 15, 300}, {7, 49, 256}, {1, 200, 9},
    {64, 33, 27}, {6, 128, 1},  {9, 100, 64}, {4, 48, 577}, {0, 5, 5},    {5, 0, 5},    {3, 5, 0},
};

static void test_variants_equal_naive(void **state)
{
    (void)state;
    snn_gemm_variant variants[SNN_GEMM_VARIANTS];
    const int count = snn_gemm_variants(variants);
    assert_true(count >= 1);
    assert_true(variants[0].supported);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const int64_t m = sizes[i][0], n = sizes[i][1], k = sizes[i][2];
        matrix a = random_matrix(m, k, 3, 1);
        matrix b = random_matrix(k, n, 5, 2);
        matrix expected = random_matrix(m, n, 7, 3);
        naive_product(&a, &b, false, &expected);
        for (int v = 0; v < count; v++) {
            if (!variants[v].supported) {
                continue;
            }
            matrix c = random_matrix(m, n, 7, 3);
            snn_gemm_with_tile(variants[v].tile, m, n, k, a.data, a.stride, pack_plain, &b, c.data, c.stride);
            assert_memory_equal(c.data, expected.data, (size_t)(m * c.stride) * sizeof(float));
            snn_release(c.data);
        }
        matrix c = random_matrix(m, n, 7, 3);
        snn_gemm(m, n, k, a.data, a.stride, b.data, b.stride, c.data, c.stride);
        assert_memory_equal(c.data, expected.data, (size_t)(m * c.stride) * sizeof(float));
        snn_release(c.data);
        snn_release(expected.data);
        snn_release(b.data);
        snn_release(a.data);
    }
}

static void test_transposed_equals_naive(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const int64_t m = sizes[i][0], n = sizes[i][1], k = sizes[i][2];
        matrix a = random_matrix(m, k, 0, 1);
        matrix b = random_matrix(n, k, 2, 2);
        matrix expected = random_matrix(m, n, 1, 3);
        matrix c = random_matrix(m, n, 1, 3);
        naive_product(&a, &b, true, &expected);
        snn_gemm_transposed(m, n, k, a.data, a.stride, b.data, b.stride, c.data, c.stride);
        assert_memory_equal(c.data, expected.data, (size_t)(m * c.stride) * sizeof(float));
        snn_release(c.data);
        snn_release(expected.data);
        snn_release(b.data);
        snn_release(a.data);
    }
}

/* Large and small terms: any other order of the sum, or a fused multiply-add, gives other bits. */
static void test_order_and_rounding(void **state)
{
    (void)state;
    const float a[4] = {1e8F, 1.0F, -1e8F, 1.0F};
    const float b[4] = {1.0F, 1.0F, 1.0F, 1.0F};
    float c = 0.0F;
    snn_gemm(1, 1, 4, a, 4, b, 1, &c, 1);
    assert_true(c == 1.0F); /* ((1e8 + 1) - 1e8) + 1; the first 1 is lost */

    const float x = 1.0F + 0x1p-12F;
    const float squared = 1.0F + 0x1p-11F; /* x * x rounded; a fused product would keep 0x1p-24 */
    float difference = -squared;
    snn_gemm(1, 1, 1, &x, 1, &x, 1, &difference, 1);
    assert_true(difference == 0.0F);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_variants_equal_naive),
        cmocka_unit_test(test_transposed_equals_naive),
        cmocka_unit_test(test_order_and_rounding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
