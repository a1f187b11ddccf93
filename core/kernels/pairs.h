/* Vectors of pairs of int16, private to the plain C kernels: products of pairs added to int32 sums are one instruction
 * where the processor has it, which compilers do not find.
 *
 * WIDTH pairs (and sums) are a vector, PAIR_ROWS how many rows of 32 sums are kept in registers together.
 */
#ifndef SNN_KERNELS_PAIRS_H
#define SNN_KERNELS_PAIRS_H

#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <immintrin.h>
#endif

#if defined(__AVX512VNNI__) && defined(__AVX512BW__) && defined(__BMI2__)
typedef __m512i vector;
enum { WIDTH = 16, PAIR_ROWS = 4 };
static inline vector load_pairs(const int16_t *pairs)
{
    return _mm512_loadu_si512(pairs);
}
static inline void store_pairs(int16_t *pairs, vector values)
{
    _mm512_storeu_si512(pairs, values);
}
static inline vector repeat_pair(int32_t pair)
{
    return _mm512_set1_epi32(pair);
}
static inline vector add_products(vector sum, vector a, vector b)
{
    return _mm512_dpwssd_epi32(sum, a, b);
}
static inline void store_sums(int32_t *sums, vector sum)
{
    _mm512_storeu_si512(sums, sum);
}
static inline vector pairs_of_spikes(uint32_t first, uint32_t second)
{
    const uint64_t mask = _pdep_u64(first, 0x55555555U) | _pdep_u64(second, 0xaaaaaaaaU);
    return _mm512_mask_set1_epi16(_mm512_set1_epi16(-1), (__mmask32)mask, 1);
}
static inline vector keep_pairs(vector pairs, uint32_t mask)
{
    return _mm512_and_si512(pairs, _mm512_set1_epi32((int32_t)mask));
}
#elif defined(__AVX2__)
typedef __m256i vector;
enum { WIDTH = 8, PAIR_ROWS = 2 };
static inline vector load_pairs(const int16_t *pairs)
{
    return _mm256_loadu_si256((const __m256i *)pairs);
}
static inline void store_pairs(int16_t *pairs, vector values)
{
    _mm256_storeu_si256((__m256i *)pairs, values);
}
static inline vector repeat_pair(int32_t pair)
{
    return _mm256_set1_epi32(pair);
}
static inline vector add_products(vector sum, vector a, vector b)
{
    return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
}
static inline void store_sums(int32_t *sums, vector sum)
{
    _mm256_storeu_si256((__m256i *)sums, sum);
}
static inline vector pairs_of_spikes(uint32_t first, uint32_t second)
{
    const vector bits = _mm256_setr_epi16(1, 1, 2, 2, 4, 4, 8, 8, 16, 16, 32, 32, 64, 64, 128, 128);
    const vector both = _mm256_set1_epi32((int32_t)((first & 0xff) | (second & 0xff) << 16));
    const vector spikes = _mm256_cmpeq_epi16(_mm256_and_si256(both, bits), bits); /* -1 where there is one */
    return _mm256_sub_epi16(_mm256_set1_epi16(-1), _mm256_add_epi16(spikes, spikes));
}
static inline vector keep_pairs(vector pairs, uint32_t mask)
{
    return _mm256_and_si256(pairs, _mm256_set1_epi32((int32_t)mask));
}
#elif defined(__SSE2__)
typedef __m128i vector;
enum { WIDTH = 4, PAIR_ROWS = 1 };
static inline vector load_pairs(const int16_t *pairs)
{
    return _mm_loadu_si128((const __m128i *)pairs);
}
static inline void store_pairs(int16_t *pairs, vector values)
{
    _mm_storeu_si128((__m128i *)pairs, values);
}
static inline vector repeat_pair(int32_t pair)
{
    return _mm_set1_epi32(pair);
}
static inline vector add_products(vector sum, vector a, vector b)
{
    return _mm_add_epi32(sum, _mm_madd_epi16(a, b));
}
static inline void store_sums(int32_t *sums, vector sum)
{
    _mm_storeu_si128((__m128i *)sums, sum);
}
static inline vector pairs_of_spikes(uint32_t first, uint32_t second)
{
    const vector bits = _mm_setr_epi16(1, 1, 2, 2, 4, 4, 8, 8);
    const vector both = _mm_set1_epi32((int32_t)((first & 0xf) | (second & 0xf) << 16));
    const vector spikes = _mm_cmpeq_epi16(_mm_and_si128(both, bits), bits); /* -1 where there is one */
    return _mm_sub_epi16(_mm_set1_epi16(-1), _mm_add_epi16(spikes, spikes));
}
static inline vector keep_pairs(vector pairs, uint32_t mask)
{
    return _mm_and_si128(pairs, _mm_set1_epi32((int32_t)mask));
}
#else
typedef int32_t vector;
enum { WIDTH = 1, PAIR_ROWS = 1 };
static inline vector load_pairs(const int16_t *pairs)
{
    vector both;
    memcpy(&both, pairs, sizeof both);
    return both;
}
static inline void store_pairs(int16_t *pairs, vector values)
{
    memcpy(pairs, &values, sizeof values);
}
static inline vector repeat_pair(int32_t pair)
{
    return pair;
}
static inline vector add_products(vector sum, vector a, vector b)
{
    int16_t left[2], right[2];
    memcpy(left, &a, sizeof left);
    memcpy(right, &b, sizeof right);
    return sum + left[0] * right[0] + left[1] * right[1];
}
static inline void store_sums(int32_t *sums, vector sum)
{
    *sums = sum;
}
static inline vector pairs_of_spikes(uint32_t first, uint32_t second)
{
    const int16_t pair[2] = {(first & 1) != 0 ? 1 : -1, (second & 1) != 0 ? 1 : -1};
    return load_pairs(pair);
}
static inline vector keep_pairs(vector pairs, uint32_t mask)
{
    const uint16_t halves[2] = {(uint16_t)mask, (uint16_t)(mask >> 16)};
    int16_t pair[2];
    store_pairs(pair, pairs);
    pair[0] = (int16_t)(pair[0] & halves[0]);
    pair[1] = (int16_t)(pair[1] & halves[1]);
    return load_pairs(pair);
}
#endif

#endif
