/* Products of a stream's integers: too wide for the products of spikes, exact in 64 bits. */
#include "core/kernels/portable.h"

#include <string.h>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

/* Columns side by side, each in the low half of 64 bits, of which the processor multiplies the low halves. */
#if defined(__AVX512F__) && defined(__AVX512VL__)
typedef __m512i vector;
enum { WIDTH = 8 };
static inline vector load_columns(const int32_t *columns)
{
    return _mm512_cvtepi32_epi64(_mm256_loadu_si256((const __m256i *)columns));
}
static inline vector repeat(int32_t value)
{
    return _mm512_set1_epi32(value); /* the upper halves are not read */
}
static inline vector add_products(vector sum, vector a, vector b)
{
    return _mm512_add_epi64(sum, _mm512_mul_epi32(a, b));
}
static inline vector load_totals(const int64_t *totals)
{
    return _mm512_loadu_si512(totals);
}
static inline void store_totals(int64_t *totals, vector sum)
{
    _mm512_storeu_si512(totals, sum);
}
#elif defined(__AVX2__)
typedef __m256i vector;
enum { WIDTH = 4 };
static inline vector load_columns(const int32_t *columns)
{
    return _mm256_cvtepi32_epi64(_mm_loadu_si128((const __m128i *)columns));
}
static inline vector repeat(int32_t value)
{
    return _mm256_set1_epi32(value);
}
static inline vector add_products(vector sum, vector a, vector b)
{
    return _mm256_add_epi64(sum, _mm256_mul_epi32(a, b));
}
static inline vector load_totals(const int64_t *totals)
{
    return _mm256_loadu_si256((const __m256i *)totals);
}
static inline void store_totals(int64_t *totals, vector sum)
{
    _mm256_storeu_si256((__m256i *)totals, sum);
}
#else
typedef int64_t vector;
enum { WIDTH = 1 };
static inline vector load_columns(const int32_t *columns)
{
    return *columns;
}
static inline vector repeat(int32_t value)
{
    return value;
}
static inline vector add_products(vector sum, vector a, vector b)
{
    return sum + a * b;
}
static inline vector load_totals(const int64_t *totals)
{
    return *totals;
}
static inline void store_totals(int64_t *totals, vector sum)
{
    *totals = sum;
}
#endif

enum { BLOCK = WIDTH == 4 ? 2 : 4, BLOCK_COLUMNS = BLOCK * WIDTH }; /* columns that have their sums in registers */

static void multiply_block(const snn_sums_product *product, int32_t first, int64_t total[][SNN_SUMS_COLUMNS])
{
    vector sums[SNN_SUMS_ROWS][BLOCK];
    for (int i = 0; i < SNN_SUMS_ROWS; i++) {
        for (int j = 0; j < BLOCK; j++) {
            sums[i][j] = load_totals(&total[i][first + j * WIDTH]);
        }
    }
    const int32_t *right = product->right + first;
    for (int32_t k = 0; k < product->depth; k++, right += product->stride) {
        vector columns[BLOCK];
        for (int j = 0; j < BLOCK; j++) {
            columns[j] = load_columns(right + j * WIDTH);
        }
        for (int i = 0; i < SNN_SUMS_ROWS; i++) {
            const vector left = repeat(product->left[i][k]);
            for (int j = 0; j < BLOCK; j++) {
                sums[i][j] = add_products(sums[i][j], left, columns[j]);
            }
        }
    }
    for (int i = 0; i < SNN_SUMS_ROWS; i++) {
        for (int j = 0; j < BLOCK; j++) {
            store_totals(&total[i][first + j * WIDTH], sums[i][j]);
        }
    }
}

void snn_sums_multiply(const snn_sums_product *product, int64_t total[][SNN_SUMS_COLUMNS])
{
    int32_t done = 0;
    for (; done + BLOCK_COLUMNS <= product->columns; done += BLOCK_COLUMNS) {
        multiply_block(product, done, total);
    }
    for (int i = 0; i < SNN_SUMS_ROWS; i++) {
        for (int32_t k = 0; k < product->depth && done < product->columns; k++) {
            const int32_t *right = product->right + k * product->stride;
            for (int32_t j = done; j < product->columns; j++) {
                total[i][j] += (int64_t)product->left[i][k] * right[j];
            }
        }
    }
}

void snn_sums_scale(int32_t *restrict sum, const int32_t *restrict weights, const int32_t *restrict values,
                    int32_t count)
{
    for (int32_t c = 0; c < count; c++) {
        sum[c] += weights[c] * values[c];
    }
}

void snn_sums_tap(int64_t *restrict total, const int32_t *restrict weights, const int32_t *restrict values,
                  int32_t count)
{
    if (count == SNN_SUMS_COLUMNS) {
        for (int32_t c = 0; c < SNN_SUMS_COLUMNS; c++) {
            total[c] += (int64_t)weights[c] * values[c];
        }
        return;
    }
    for (int32_t c = 0; c < count; c++) {
        total[c] += (int64_t)weights[c] * values[c];
    }
}
