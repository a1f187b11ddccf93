#include "core/kernels/avx2.h"

#include <immintrin.h>
#include <stdlib.h>

/* Largest sum of four magnitudes that so many limbs hold: from -(largest + 1) to largest. */
static int64_t largest_of(int32_t limbs)
{
    return ((int64_t)1 << (SNN_AVX2_LIMB_BITS * limbs - 1)) - 1;
}

int32_t snn_avx2_limbs(const int16_t *weights, int64_t rows, int64_t stride, int64_t taps, int64_t channels)
{
    int64_t largest = 0;
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t tap = 0; tap < taps; tap++) {
            const int16_t *of_tap = weights + row * stride + tap * channels;
            for (int64_t c = 0; c < channels; c += SNN_AVX2_NIBBLE) {
                int64_t sum = 0;
                for (int64_t i = c; i < c + SNN_AVX2_NIBBLE && i < channels; i++) {
                    sum += abs(of_tap[i]);
                }
                largest = sum > largest ? sum : largest;
            }
        }
    }
    for (int32_t limbs = 1; limbs <= SNN_AVX2_LIMBS; limbs++) {
        if (largest <= largest_of(limbs)) {
            return limbs;
        }
    }
    return 0;
}

/* The 16 sums of one nibble's weights: entries 0..3 and 8..11, then 4..7 and 12..15, as the packing instructions, which
 * work on halves of vectors, want them. */
typedef struct entries {
    __m256i first, second;
} entries;

static inline entries sums_of(const int16_t *weights)
{
    /* Bit i of an entry's number is the spike of channel i: +1 if set, else -1. */
    const __m256i low_signs = _mm256_setr_epi16(-1, -1, 1, -1, -1, 1, 1, 1, -1, -1, 1, -1, -1, 1, 1, 1);
    const __m256i first_signs = _mm256_setr_epi16(-1, -1, -1, -1, -1, -1, -1, -1, -1, 1, -1, 1, -1, 1, -1, 1);
    const __m256i second_signs = _mm256_setr_epi16(1, -1, 1, -1, 1, -1, 1, -1, 1, 1, 1, 1, 1, 1, 1, 1);
    const __m256i low = _mm256_madd_epi16(_mm256_castps_si256(_mm256_broadcast_ss((const float *)weights)), low_signs);
    const __m256i high = _mm256_castps_si256(_mm256_broadcast_ss((const float *)(weights + 2)));
    return (entries){_mm256_add_epi32(low, _mm256_madd_epi16(high, first_signs)),
                     _mm256_add_epi32(low, _mm256_madd_epi16(high, second_signs))};
}

/* Bits from `shift` on of 16 sums, as 16-bit numbers in order; of all limbs but the highest LIMB_BITS of them. */
static inline __m256i limb_of(entries sums, int shift, bool highest)
{
    __m256i first = _mm256_srai_epi32(sums.first, shift), second = _mm256_srai_epi32(sums.second, shift);
    if (!highest) {
        const __m256i mask = _mm256_set1_epi32((1 << SNN_AVX2_LIMB_BITS) - 1);
        first = _mm256_and_si256(first, mask);
        second = _mm256_and_si256(second, mask);
    }
    return _mm256_packs_epi32(first, second);
}

/* Two tables of bytes. */
static inline void store_tables(__m256i first, __m256i second, bool highest, uint8_t *tables)
{
    const __m256i halves = _mm256_packs_epi16(first, second);
    const __m256i bytes = _mm256_permute4x64_epi64(halves, 0xd8);
    const __m256i bias = _mm256_set1_epi8(SNN_AVX2_BIAS);
    _mm256_storeu_si256((__m256i *)tables, highest ? _mm256_add_epi8(bytes, bias) : bytes);
}

static inline __attribute__((always_inline)) void make(const int16_t *weights, int64_t quads, const int32_t limbs,
                                                       uint8_t *tables)
{
    for (int64_t quad = 0; quad < quads; quad++, tables += SNN_AVX2_QUAD * SNN_AVX2_ENTRIES) {
        for (int pair = 0; pair < 2; pair++, weights += 2 * SNN_AVX2_NIBBLE) {
            const entries left = sums_of(weights), right = sums_of(weights + SNN_AVX2_NIBBLE);
#pragma GCC unroll 3
            for (int32_t limb = 0; limb < limbs; limb++) {
                const int shift = limb * SNN_AVX2_LIMB_BITS;
                const bool highest = limb == limbs - 1;
                store_tables(limb_of(left, shift, highest), limb_of(right, shift, highest), highest,
                             tables + limb * SNN_AVX2_TABLES + pair * 2 * SNN_AVX2_ENTRIES);
            }
        }
    }
}

void snn_avx2_make_tables(const int16_t *weights, int64_t quads, int32_t limbs, uint8_t *tables)
{
    switch (limbs) {
    case 1:
        make(weights, quads, 1, tables);
        break;
    case 2:
        make(weights, quads, 2, tables);
        break;
    default:
        make(weights, quads, SNN_AVX2_LIMBS, tables);
        break;
    }
}
