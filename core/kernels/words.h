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

#ifdef __SSE2__
#include <immintrin.h>
#endif

#if defined(__AVX512VNNI__) && defined(__AVX512BW__) && defined(__BMI2__)
typedef __m512i vector;
enum { WIDTH = 16, PAIR_ROWS = 6 };
enum { PANEL_VECTORS = 4, ROWS_OF_1 = 12, ROWS_OF_2 = 12, ROWS_OF_3 = 8, ROWS_OF_4 = 6 };
enum { BYTE_LARGEST = 255, NARROW = 0 };
#define PAIRS_INSTRUCTION "vpdpwssd"
#define BYTES_INSTRUCTION "vpdpbusd"
static inline vector opaque(vector a)
{
    __asm__ volatile("" : "+v"(a));
    return a;
}
static inline vector load_words(const void *words)
{
    return _mm512_loadu_si512(words);
}
static inline vector repeat_word(int32_t word)
{
    return _mm512_set1_epi32(word);
}
static inline vector add_pairs(vector sum, vector a, vector b)
{
    return _mm512_dpwssd_epi32(sum, a, b);
}
static inline vector add_quads(vector sum, vector weights, vector values)
{
    return _mm512_dpbusd_epi32(sum, values, weights);
}
static inline vector widen(vector sum)
{
    return sum;
}
static inline vector plus(vector a, vector b)
{
    return _mm512_add_epi32(a, b);
}
static inline void store_sums(int32_t *sums, vector sum)
{
    _mm512_storeu_si512(sums, sum);
}
/* The first `count` sums, added to what is there; fresh: there is nothing yet. */
static inline void add_sums(int32_t *to, vector sum, int32_t count, bool fresh)
{
    if (count == WIDTH) {
        store_sums(to, fresh ? sum : _mm512_add_epi32(_mm512_loadu_si512(to), sum));
        return;
    }
    const __mmask16 mask = (__mmask16)((1U << count) - 1);
    if (!fresh) {
        sum = _mm512_add_epi32(_mm512_maskz_loadu_epi32(mask, to), sum);
    }
    _mm512_mask_storeu_epi32(to, mask, sum);
}
#elif defined(__AVX2__)
typedef __m256i vector;
enum { WIDTH = 8, PAIR_ROWS = 3 };
enum { PANEL_VECTORS = 2, ROWS_OF_1 = 12, ROWS_OF_2 = 6, ROWS_OF_3 = 1, ROWS_OF_4 = 1 };
enum { BYTE_LARGEST = 8, NARROW = 1 };
#define PAIRS_INSTRUCTION "vpmaddwd"
#define BYTES_INSTRUCTION "none"
static inline vector opaque(vector a)
{
    __asm__ volatile("" : "+x"(a));
    return a;
}
static inline vector load_words(const void *words)
{
    return _mm256_loadu_si256((const __m256i *)words);
}
static inline vector repeat_word(int32_t word)
{
    return _mm256_set1_epi32(word);
}
static inline vector add_pairs(vector sum, vector a, vector b)
{
    /* Compilers make all products first otherwise, and have no registers for them. */
    return opaque(_mm256_add_epi32(sum, _mm256_madd_epi16(a, b)));
}
static inline vector add_quads(vector sum, vector weights, vector values)
{
    return opaque(_mm256_add_epi16(sum, _mm256_maddubs_epi16(values, weights)));
}
static inline vector widen(vector sum)
{
    return _mm256_madd_epi16(sum, _mm256_set1_epi16(1));
}
static inline vector plus(vector a, vector b)
{
    return _mm256_add_epi32(a, b);
}
static inline void store_sums(int32_t *sums, vector sum)
{
    _mm256_storeu_si256((__m256i *)sums, sum);
}
static inline void add_sums(int32_t *to, vector sum, int32_t count, bool fresh)
{
    if (count == WIDTH) {
        store_sums(to, fresh ? sum : _mm256_add_epi32(_mm256_loadu_si256((const vector *)to), sum));
        return;
    }
    const vector mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    if (!fresh) {
        sum = _mm256_add_epi32(_mm256_maskload_epi32(to, mask), sum);
    }
    _mm256_maskstore_epi32(to, mask, sum);
}
#elif defined(__SSE2__)
typedef __m128i vector;
enum { WIDTH = 4, PAIR_ROWS = 1 };
enum { PANEL_VECTORS = 2, ROWS_OF_1 = 12, ROWS_OF_2 = 6, ROWS_OF_3 = 1, ROWS_OF_4 = 1 };
enum { BYTE_LARGEST = 0, NARROW = 0 };
#define PAIRS_INSTRUCTION "pmaddwd"
#define BYTES_INSTRUCTION "none"
static inline vector opaque(vector a)
{
    __asm__ volatile("" : "+x"(a));
    return a;
}
static inline vector load_words(const void *words)
{
    return _mm_loadu_si128((const __m128i *)words);
}
static inline vector repeat_word(int32_t word)
{
    return _mm_set1_epi32(word);
}
static inline vector add_pairs(vector sum, vector a, vector b)
{
    return opaque(_mm_add_epi32(sum, _mm_madd_epi16(a, b)));
}
static inline vector plus(vector a, vector b)
{
    return _mm_add_epi32(a, b);
}
static inline void store_sums(int32_t *sums, vector sum)
{
    _mm_storeu_si128((__m128i *)sums, sum);
}
static inline void add_sums(int32_t *to, vector sum, int32_t count, bool fresh)
{
    if (count == WIDTH) {
        store_sums(to, fresh ? sum : _mm_add_epi32(_mm_loadu_si128((const vector *)to), sum));
        return;
    }
    int32_t sums[WIDTH];
    store_sums(sums, sum);
    for (int32_t i = 0; i < count; i++) {
        to[i] = fresh ? sums[i] : to[i] + sums[i];
    }
}
#else
typedef uint32_t vector; /* sums wrap around, as those of vectors do */
enum { WIDTH = 1, PAIR_ROWS = 1 };
enum { PANEL_VECTORS = 4, ROWS_OF_1 = 4, ROWS_OF_2 = 4, ROWS_OF_3 = 4, ROWS_OF_4 = 4 };
enum { BYTE_LARGEST = 0, NARROW = 0 };
#define PAIRS_INSTRUCTION "32-bit multiply"
#define BYTES_INSTRUCTION "none"
static inline vector opaque(vector a)
{
    __asm__ volatile("" : "+r"(a));
    return a;
}
static inline vector load_words(const void *words)
{
    vector both;
    memcpy(&both, words, sizeof both);
    return both;
}
static inline vector repeat_word(int32_t word)
{
    return (vector)word;
}
static inline vector add_pairs(vector sum, vector a, vector b)
{
    int16_t left[2], right[2];
    memcpy(left, &a, sizeof left);
    memcpy(right, &b, sizeof right);
    return sum + (vector)(left[0] * right[0]) + (vector)(left[1] * right[1]);
}
static inline vector plus(vector a, vector b)
{
    return a + b;
}
static inline void store_sums(int32_t *sums, vector sum)
{
    *sums = (int32_t)sum;
}
static inline void add_sums(int32_t *to, vector sum, int32_t count, bool fresh)
{
    if (count > 0) {
        *to = (int32_t)(fresh ? sum : (vector)*to + sum);
    }
}
#endif

#if !defined(__AVX2__)
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
#endif

#endif
