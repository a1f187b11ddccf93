/* Mixing of positions by vectors. The instruction multiplies unsigned with signed bytes: high bytes of the matrix come
 * with 128 added, and 128 x (sum of a channel's values) is taken from their sums. */
#include "core/kernels/mixing.h"

#include <immintrin.h>
#include <string.h>

enum {
    QUADS = SNN_MIXING_SLICE / SNN_MIXING_QUAD,
    VECTOR_BYTES = SNN_MIXING_QUAD * SNN_MIXING_LANES,
    BLOCK_ROWS = 4, /* whose sums are in registers at once: 4 vectors each, 16 of 32 registers */
    SIGN_BIAS_BITS = 7
};

/* What the bias adds to the sums of a half's channels. */
static __m512i bias_of(const snn_mixing *mixing, const int8_t *values)
{
    const __m512i one = _mm512_set1_epi8(1);
    __m512i sum = _mm512_setzero_si512();
    for (int64_t slice = 0; slice < mixing->slices; slice++, values += SNN_MIXING_HALVES * SNN_MIXING_HALF_BYTES) {
        for (int quad = 0; quad < QUADS; quad++) {
            sum = _mm512_dpbusd_epi32(sum, one, _mm512_load_si512(values + quad * VECTOR_BYTES));
        }
    }
    return _mm512_slli_epi32(sum, SIGN_BIAS_BITS);
}

static inline __m512i repeat_quad(const uint8_t *bytes)
{
    int32_t four;
    memcpy(&four, bytes, sizeof four);
    return _mm512_set1_epi32(four);
}

/* Rows [first, first + BLOCK_ROWS) of the sixteen. */
static void multiply_rows(const snn_mixing *mixing, const uint8_t *rows, const int8_t *values, int first,
                          const __m512i biases[SNN_MIXING_HALVES], snn_mixed *sums)
{
    __m512i high[BLOCK_ROWS][SNN_MIXING_HALVES], low[BLOCK_ROWS][SNN_MIXING_HALVES];
#pragma GCC unroll 4
    for (int i = 0; i < BLOCK_ROWS; i++) {
        for (int half = 0; half < SNN_MIXING_HALVES; half++) {
            high[i][half] = low[i][half] = _mm512_setzero_si512();
        }
    }
    for (int64_t slice = 0; slice < mixing->slices; slice++) {
        for (int quad = 0; quad < QUADS; quad++) {
            const __m512i left = _mm512_load_si512(values + quad * VECTOR_BYTES);
            const __m512i right = _mm512_load_si512(values + SNN_MIXING_HALF_BYTES + quad * VECTOR_BYTES);
#pragma GCC unroll 4
            for (int i = 0; i < BLOCK_ROWS; i++) {
                const uint8_t *element = rows + (int64_t)(first + i) * SNN_MIXING_SLICE + quad * SNN_MIXING_QUAD;
                const __m512i upper = repeat_quad(element), lower = repeat_quad(element + mixing->limb_bytes);
                high[i][0] = _mm512_dpbusd_epi32(high[i][0], upper, left);
                high[i][1] = _mm512_dpbusd_epi32(high[i][1], upper, right);
                low[i][0] = _mm512_dpbusd_epi32(low[i][0], lower, left);
                low[i][1] = _mm512_dpbusd_epi32(low[i][1], lower, right);
            }
        }
        rows += 2 * mixing->limb_bytes;
        values += SNN_MIXING_HALVES * SNN_MIXING_HALF_BYTES;
    }
#pragma GCC unroll 4
    for (int i = 0; i < BLOCK_ROWS; i++) {
        for (int half = 0; half < SNN_MIXING_HALVES; half++) {
            _mm512_store_si512(sums->high[half][first + i], _mm512_sub_epi32(high[i][half], biases[half]));
            _mm512_store_si512(sums->low[half][first + i], low[i][half]);
        }
    }
}

void snn_avx512_mix(const snn_mixing *mixing, const uint8_t *rows, const int8_t *values, snn_mixed *sums)
{
    const __m512i biases[SNN_MIXING_HALVES] = {bias_of(mixing, values),
                                               bias_of(mixing, values + SNN_MIXING_HALF_BYTES)};
    for (int first = 0; first < SNN_MIXING_ROWS; first += BLOCK_ROWS) {
        multiply_rows(mixing, rows, values, first, biases, sums);
    }
}
