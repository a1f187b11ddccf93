/* Vectors of words, private to the plain C kernels: a word is two int16 values or four bytes, whose products with those
 * of another word are added to an int32 sum by one instruction where the processor has it, which compilers do not find.
 *
 * WIDTH words (and sums) are a vector, PAIR_ROWS how many rows of 32 sums are kept in registers together. Products of
 * matrices keep ROWS_OF_n rows of n vectors there, n up to PANEL_VECTORS.
 *
 * Of bytes one factor is signed, the other is not and at most BYTE_LARGEST (0: there are no products of bytes). Where
 * sums of bytes are NARROW, they are of 16 bits and have to be widened before they overflow.
 *
 * `opaque` gives a vector of which compilers know nothing more.
 */
#ifndef SNN_KERNELS_WORDS_H
#define SNN_KERNELS_WORDS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/kernels/assembly.h"

#if defined(__AVX512VNNI__) && defined(__AVX512BW__) && defined(__BMI2__)
enum { WIDTH = 16, PAIR_ROWS = 6 };
enum { PANEL_VECTORS = 4, ROWS_OF_1 = 12, ROWS_OF_2 = 12, ROWS_OF_3 = 8, ROWS_OF_4 = 6 };
enum { BYTE_LARGEST = 255, NARROW = 0 };
#define PAIRS_INSTRUCTION "vpdpwssd"
#define BYTES_INSTRUCTION "vpdpbusd"
typedef uint32_t vector __attribute__((vector_size(4 * WIDTH))); /* sums wrap around */
static inline vector add_pairs(vector sum, vector a, vector b)
{
    return (vector)_mm512_dpwssd_epi32((__m512i)sum, (__m512i)a, (__m512i)b);
}
static inline vector add_quads(vector sum, vector weights, vector values)
{
    return (vector)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)values, (__m512i)weights);
}
static inline vector widen(vector sum)
{
    return sum;
}
static inline void add_some(int32_t *to, vector sum, int32_t count, bool fresh)
{
    const __mmask16 mask = (__mmask16)((1U << count) - 1);
    if (!fresh) {
        sum += (vector)_mm512_maskz_loadu_epi32(mask, to);
    }
    _mm512_mask_storeu_epi32(to, mask, (__m512i)sum);
}
#elif defined(__AVX2__)
enum { WIDTH = 8, PAIR_ROWS = 3 };
enum { PANEL_VECTORS = 2, ROWS_OF_1 = 12, ROWS_OF_2 = 6, ROWS_OF_3 = 1, ROWS_OF_4 = 1 };
typedef uint32_t vector __attribute__((vector_size(4 * WIDTH)));
#ifdef __AVXVNNI__
enum { BYTE_LARGEST = 255, NARROW = 0 };
#define PAIRS_INSTRUCTION "vpdpwssd"
#define BYTES_INSTRUCTION "vpdpbusd"
static inline vector add_pairs(vector sum, vector a, vector b)
{
    return (vector)_mm256_dpwssd_avx_epi32((__m256i)sum, (__m256i)a, (__m256i)b);
}
static inline vector add_quads(vector sum, vector weights, vector values)
{
    return (vector)_mm256_dpbusd_avx_epi32((__m256i)sum, (__m256i)values, (__m256i)weights);
}
static inline vector widen(vector sum)
{
    return sum;
}
#else
enum { BYTE_LARGEST = 8, NARROW = 1 };
#define PAIRS_INSTRUCTION "vpmaddwd"
#define BYTES_INSTRUCTION "none"
/* Sums are opaque: compilers make all products first otherwise, and have no registers for them. */
static inline vector add_pairs(vector sum, vector a, vector b)
{
    sum += (vector)_mm256_madd_epi16((__m256i)a, (__m256i)b);
    SNN_OPAQUE(sum);
    return sum;
}
static inline vector add_quads(vector sum, vector weights, vector values)
{
    sum = (vector)_mm256_add_epi16((__m256i)sum, _mm256_maddubs_epi16((__m256i)values, (__m256i)weights));
    SNN_OPAQUE(sum);
    return sum;
}
static inline vector widen(vector sum)
{
    return (vector)_mm256_madd_epi16((__m256i)sum, _mm256_set1_epi16(1));
}
#endif
static inline void add_some(int32_t *to, vector sum, int32_t count, bool fresh)
{
    const __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    if (!fresh) {
        sum += (vector)_mm256_maskload_epi32(to, mask);
    }
    _mm256_maskstore_epi32(to, mask, (__m256i)sum);
}
#else
#ifdef __SSE2__
enum { WIDTH = 4, PAIR_ROWS = 1 };
enum { PANEL_VECTORS = 2, ROWS_OF_1 = 12, ROWS_OF_2 = 6, ROWS_OF_3 = 1, ROWS_OF_4 = 1 };
#define PAIRS_INSTRUCTION "pmaddwd"
typedef uint32_t vector __attribute__((vector_size(4 * WIDTH)));
static inline vector add_pairs(vector sum, vector a, vector b)
{
    sum += (vector)_mm_madd_epi16((__m128i)a, (__m128i)b);
    SNN_OPAQUE(sum);
    return sum;
}
#elif defined(SNN_NEON)
enum { WIDTH = 4, PAIR_ROWS = 2 };
enum { PANEL_VECTORS = 2, ROWS_OF_1 = 12, ROWS_OF_2 = 8, ROWS_OF_3 = 1, ROWS_OF_4 = 1 };
#define PAIRS_INSTRUCTION "smlal"
typedef uint32_t vector __attribute__((vector_size(4 * WIDTH)));
/* First values and second ones apart, which compilers do once where a vector is multiplied several times. */
static inline int16x4_t firsts(vector a)
{
    return vget_low_s16(vuzp1q_s16((int16x8_t)a, (int16x8_t)a));
}
static inline int16x4_t seconds(vector a)
{
    return vget_low_s16(vuzp2q_s16((int16x8_t)a, (int16x8_t)a));
}
static inline vector add_pairs(vector sum, vector a, vector b)
{
    const int32x4_t added = vmlal_s16((int32x4_t)sum, firsts(a), firsts(b));
    return (vector)vmlal_s16(added, seconds(a), seconds(b));
}
#else
enum { WIDTH = 1, PAIR_ROWS = 1 };
enum { PANEL_VECTORS = 4, ROWS_OF_1 = 4, ROWS_OF_2 = 4, ROWS_OF_3 = 4, ROWS_OF_4 = 4 };
#define PAIRS_INSTRUCTION "32-bit multiply"
typedef uint32_t vector;
static inline vector add_pairs(vector sum, vector a, vector b)
{
    int16_t left[2], right[2];
    memcpy(left, &a, sizeof left);
    memcpy(right, &b, sizeof right);
    return sum + (vector)(left[0] * right[0]) + (vector)(left[1] * right[1]);
}
#endif
enum { BYTE_LARGEST = 0, NARROW = 0 };
#define BYTES_INSTRUCTION "none"
static inline vector add_quads(vector sum, vector weights, vector values)
{
    (void)weights;
    (void)values;
    return sum;
}
static inline vector widen(vector sum)
{
    return sum;
}
static inline void add_some(int32_t *to, vector sum, int32_t count, bool fresh)
{
    int32_t sums[WIDTH];
    memcpy(sums, &sum, sizeof sums);
    for (int32_t i = 0; i < count; i++) {
        to[i] = (int32_t)((fresh ? 0 : (uint32_t)to[i]) + (uint32_t)sums[i]);
    }
}
#endif

static inline vector opaque(vector a)
{
    SNN_OPAQUE(a);
    return a;
}
static inline vector load_words(const void *words)
{
    vector loaded;
    memcpy(&loaded, words, sizeof loaded);
    return loaded;
}
static inline vector repeat_word(int32_t word)
{
    return (vector){0} + (uint32_t)word;
}
/* The first `count` sums, added to what is there; fresh: there is nothing yet. */
static inline void add_sums(int32_t *to, vector sum, int32_t count, bool fresh)
{
    if (count == WIDTH) {
        sum = fresh ? sum : sum + load_words(to);
        memcpy(to, &sum, sizeof sum);
    } else {
        add_some(to, sum, count, fresh);
    }
}

#endif
