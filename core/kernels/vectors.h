/* Vectors of floats of the instruction set that a file is compiled for, private to this folder: what neurons
 * need of them, by the same names for AVX-512, for AVX2, and for all else that compilers have vectors of four for. */
#ifndef SNN_KERNELS_VECTORS_H
#define SNN_KERNELS_VECTORS_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <immintrin.h>
#endif

#if defined(__AVX512F__)

enum { SNN_VECTOR = 16 }; /* numbers of one */
typedef __m512 snn_vector;
typedef __m512i snn_vector_int; /* int32_t */
typedef uint8_t snn_vector_bytes __attribute__((vector_size(64)));
typedef __mmask16 snn_vector_mask;

static inline snn_vector_mask snn_vector_first(int32_t count)
{
    return (snn_vector_mask)(count >= SNN_VECTOR ? 0xffff : count > 0 ? (1 << count) - 1 : 0);
}
static inline snn_vector snn_vector_all(float value)
{
    return _mm512_set1_ps(value);
}
/* Lanes that are not of the mask are 0, and not read or written. */
static inline snn_vector snn_vector_load(const float *from, snn_vector_mask mask)
{
    return _mm512_maskz_loadu_ps(mask, from);
}
static inline void snn_vector_store(float *to, snn_vector value, snn_vector_mask mask)
{
    _mm512_mask_storeu_ps(to, mask, value);
}
static inline snn_vector snn_vector_converted_whole(const int32_t *from)
{
    return _mm512_cvtepi32_ps(_mm512_loadu_si512(from));
}
static inline snn_vector snn_vector_converted(const int32_t *from, snn_vector_mask mask)
{
    return _mm512_cvtepi32_ps(_mm512_maskz_loadu_epi32(mask, from));
}
static inline snn_vector snn_vector_add(snn_vector a, snn_vector b)
{
    return _mm512_add_ps(a, b);
}
static inline snn_vector snn_vector_subtract(snn_vector a, snn_vector b)
{
    return _mm512_sub_ps(a, b);
}
static inline snn_vector snn_vector_multiply(snn_vector a, snn_vector b)
{
    return _mm512_mul_ps(a, b);
}
/* a > b ? a : b */
static inline snn_vector snn_vector_larger(snn_vector a, snn_vector b)
{
    return _mm512_max_ps(a, b);
}
/* a < b ? a : b */
static inline snn_vector snn_vector_smaller(snn_vector a, snn_vector b)
{
    return _mm512_min_ps(a, b);
}
/* To the next integer upwards, and downwards; |a| < 2^31. */
static inline snn_vector_int snn_vector_up(snn_vector a)
{
    return _mm512_cvt_roundps_epi32(a, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
}
static inline snn_vector_int snn_vector_down(snn_vector a)
{
    return _mm512_cvt_roundps_epi32(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
/* To the nearest integer, even at a tie; INT32_MIN for 2^31. */
static inline snn_vector_int snn_vector_nearest(snn_vector a)
{
    return _mm512_cvtps_epi32(a);
}
/* Four vectors of integers from 0 to 255 as bytes, in order. */
static inline snn_vector_bytes snn_vector_narrowed(const snn_vector_int of[4])
{
    const __m512i words[] = {_mm512_packus_epi32(of[0], of[1]), _mm512_packus_epi32(of[2], of[3])};
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return (snn_vector_bytes)_mm512_permutexvar_epi32(order, _mm512_packus_epi16(words[0], words[1]));
}
/* |a|, but no more than `limit` > 0, which is what NaN gives */
static inline snn_vector snn_vector_limited(snn_vector a, snn_vector limit)
{
    return _mm512_range_ps(a, limit, 10); /* the smaller magnitude, without its sign */
}
/* a <= b, or a < b if strict, where the mask is. */
static inline snn_vector_mask snn_vector_reaches(snn_vector_mask mask, snn_vector a, snn_vector b, bool strict)
{
    return strict ? _mm512_mask_cmp_ps_mask(mask, a, b, _CMP_LT_OQ) : _mm512_mask_cmp_ps_mask(mask, a, b, _CMP_LE_OQ);
}
/* |a| > limit, where the mask is */
static inline snn_vector_mask snn_vector_beyond(snn_vector_mask mask, snn_vector a, snn_vector limit)
{
    return _mm512_mask_cmp_ps_mask(mask, _mm512_abs_ps(a), limit, _CMP_GT_OQ);
}
/* a - b where the mask is, a + b elsewhere */
static inline snn_vector snn_vector_move(snn_vector a, snn_vector b, snn_vector_mask mask)
{
    return _mm512_sub_ps(a, _mm512_mask_blend_ps(mask, _mm512_sub_ps(_mm512_setzero_ps(), b), b));
}
static inline snn_vector_mask snn_vector_either(snn_vector_mask a, snn_vector_mask b)
{
    return a | b;
}
static inline uint32_t snn_vector_bits(snn_vector_mask mask)
{
    return mask;
}
static inline snn_vector_int snn_vector_no_int(void)
{
    return _mm512_setzero_si512();
}
/* One more where the mask is. */
static inline snn_vector_int snn_vector_count(snn_vector_int counts, snn_vector_mask mask)
{
    return _mm512_mask_add_epi32(counts, mask, counts, _mm512_set1_epi32(1));
}
/* `sums` and, where the mask is, `a` rounded to the nearest integers, even at a tie. */
static inline snn_vector_int snn_vector_add_rounded(snn_vector_int sums, snn_vector a, snn_vector_mask mask)
{
    return _mm512_mask_add_epi32(sums, mask, sums, _mm512_cvtps_epi32(a));
}
static inline void snn_vector_store_int(int32_t *to, snn_vector_int value)
{
    _mm512_storeu_si512(to, value);
}
static inline snn_vector_int snn_vector_load_int(const int32_t *from)
{
    return _mm512_loadu_si512(from);
}
static inline uint32_t snn_vector_sum_int(snn_vector_int values)
{
    return (uint32_t)_mm512_reduce_add_epi32(values);
}

/* Of as many bytes as a vector has: bit i is the highest one of byte i. */
static inline uint64_t snn_vector_highest_bits(snn_vector_bytes values)
{
    return _mm512_movepi8_mask((__m512i)values);
}

/* Bits of bytes as planes: bit j of word i is bit 7 - i of byte j. Where processors know how (GFNI and AVX512_VBMI,
 * which this instruction set does not ask for: hence no intrinsics), a few instructions give all of them. */
static inline bool snn_vector_transposes(void)
{
    return __builtin_cpu_supports("gfni") && __builtin_cpu_supports("avx512vbmi");
}
static inline void snn_vector_transpose(snn_vector_bytes values, uint64_t planes[8])
{
    static const uint8_t order[64] = {
        0, 8,  16, 24, 32, 40, 48, 56, 1, 9,  17, 25, 33, 41, 49, 57, /* the first byte of each word, the second, ... */
        2, 10, 18, 26, 34, 42, 50, 58, 3, 11, 19, 27, 35, 43, 51, 59, 4, 12, 20, 28, 36, 44, 52, 60,
        5, 13, 21, 29, 37, 45, 53, 61, 6, 14, 22, 30, 38, 46, 54, 62, 7, 15, 23, 31, 39, 47, 55, 63,
    };
    const __m512i last_first =
        _mm512_broadcast_i32x4(_mm_setr_epi8(7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8));
    const __m512i reversed = _mm512_shuffle_epi8((__m512i)values, last_first); /* as matrices have their rows */
    __m512i turned;
    __asm__("vgf2p8affineqb $0, %1, %2, %0" : "=v"(turned) : "v"(reversed), "v"(_mm512_set1_epi64(0x0102040810204080)));
    __asm__("vpermb %1, %2, %0" : "=v"(turned) : "v"(turned), "v"(_mm512_loadu_si512(order)));
    _mm512_storeu_si512(planes, turned);
}

#elif defined(__AVX2__)

enum { SNN_VECTOR = 8 };
typedef __m256 snn_vector;
typedef uint8_t snn_vector_bytes __attribute__((vector_size(32)));
typedef __m256i snn_vector_int;
typedef __m256i snn_vector_mask; /* all bits of a lane set, or none */

static inline snn_vector_mask snn_vector_first(int32_t count)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static inline snn_vector snn_vector_all(float value)
{
    return _mm256_set1_ps(value);
}
static inline snn_vector snn_vector_load(const float *from, snn_vector_mask mask)
{
    return _mm256_maskload_ps(from, mask);
}
static inline void snn_vector_store(float *to, snn_vector value, snn_vector_mask mask)
{
    if (_mm256_movemask_ps(_mm256_castsi256_ps(mask)) == 0xff) {
        _mm256_storeu_ps(to, value); /* some processors take ten times as long for what is masked */
    } else {
        _mm256_maskstore_ps(to, mask, value);
    }
}
static inline snn_vector snn_vector_converted_whole(const int32_t *from)
{
    return _mm256_cvtepi32_ps(_mm256_loadu_si256((const __m256i *)from));
}
static inline snn_vector snn_vector_converted(const int32_t *from, snn_vector_mask mask)
{
    return _mm256_cvtepi32_ps(_mm256_maskload_epi32(from, mask));
}
static inline snn_vector snn_vector_add(snn_vector a, snn_vector b)
{
    return _mm256_add_ps(a, b);
}
static inline snn_vector snn_vector_subtract(snn_vector a, snn_vector b)
{
    return _mm256_sub_ps(a, b);
}
static inline snn_vector snn_vector_multiply(snn_vector a, snn_vector b)
{
    return _mm256_mul_ps(a, b);
}
static inline snn_vector snn_vector_larger(snn_vector a, snn_vector b)
{
    return _mm256_max_ps(a, b);
}
static inline snn_vector snn_vector_smaller(snn_vector a, snn_vector b)
{
    return _mm256_min_ps(a, b);
}
static inline snn_vector_int snn_vector_up(snn_vector a)
{
    return _mm256_cvtps_epi32(_mm256_ceil_ps(a));
}
static inline snn_vector_int snn_vector_down(snn_vector a)
{
    return _mm256_cvtps_epi32(_mm256_floor_ps(a));
}
static inline snn_vector_int snn_vector_nearest(snn_vector a)
{
    return _mm256_cvtps_epi32(a);
}
static inline snn_vector_bytes snn_vector_narrowed(const snn_vector_int of[4])
{
    const __m256i words[] = {_mm256_packus_epi32(of[0], of[1]), _mm256_packus_epi32(of[2], of[3])};
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    return (snn_vector_bytes)_mm256_permutevar8x32_epi32(_mm256_packus_epi16(words[0], words[1]), order);
}
static inline snn_vector snn_vector_limited(snn_vector a, snn_vector limit)
{
    return _mm256_min_ps(_mm256_andnot_ps(_mm256_set1_ps(-0.0F), a), limit);
}
static inline snn_vector_mask snn_vector_reaches(snn_vector_mask mask, snn_vector a, snn_vector b, bool strict)
{
    const __m256 reaches = strict ? _mm256_cmp_ps(a, b, _CMP_LT_OQ) : _mm256_cmp_ps(a, b, _CMP_LE_OQ);
    return _mm256_and_si256(mask, _mm256_castps_si256(reaches));
}
static inline snn_vector_mask snn_vector_beyond(snn_vector_mask mask, snn_vector a, snn_vector limit)
{
    const __m256 magnitude = _mm256_andnot_ps(_mm256_set1_ps(-0.0F), a);
    return _mm256_and_si256(mask, _mm256_castps_si256(_mm256_cmp_ps(magnitude, limit, _CMP_GT_OQ)));
}
static inline snn_vector snn_vector_move(snn_vector a, snn_vector b, snn_vector_mask mask)
{
    const __m256 added = _mm256_andnot_ps(_mm256_castsi256_ps(mask), _mm256_set1_ps(-0.0F));
    return _mm256_sub_ps(a, _mm256_xor_ps(b, added));
}
static inline snn_vector_mask snn_vector_either(snn_vector_mask a, snn_vector_mask b)
{
    return _mm256_or_si256(a, b);
}
static inline uint32_t snn_vector_bits(snn_vector_mask mask)
{
    return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(mask));
}
static inline snn_vector_int snn_vector_no_int(void)
{
    return _mm256_setzero_si256();
}
static inline snn_vector_int snn_vector_count(snn_vector_int counts, snn_vector_mask mask)
{
    return _mm256_sub_epi32(counts, mask);
}
static inline snn_vector_int snn_vector_add_rounded(snn_vector_int sums, snn_vector a, snn_vector_mask mask)
{
    return _mm256_add_epi32(sums, _mm256_and_si256(mask, _mm256_cvtps_epi32(a)));
}
static inline void snn_vector_store_int(int32_t *to, snn_vector_int value)
{
    _mm256_storeu_si256((__m256i *)to, value);
}
static inline snn_vector_int snn_vector_load_int(const int32_t *from)
{
    return _mm256_loadu_si256((const __m256i *)from);
}
static inline uint32_t snn_vector_sum_int(snn_vector_int values)
{
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(values), _mm256_extracti128_si256(values, 1));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1));
    return (uint32_t)_mm_cvtsi128_si32(sum);
}

static inline uint64_t snn_vector_highest_bits(snn_vector_bytes values)
{
    return (uint32_t)_mm256_movemask_epi8((__m256i)values);
}

#else

enum { SNN_VECTOR = 4 };
typedef float snn_vector __attribute__((vector_size(16)));
typedef int32_t snn_vector_int __attribute__((vector_size(16)));
typedef uint32_t snn_vector_unsigned __attribute__((vector_size(16)));
typedef uint8_t snn_vector_bytes __attribute__((vector_size(16)));
typedef snn_vector_int snn_vector_mask; /* all bits of a lane set, or none */

static inline snn_vector_mask snn_vector_first(int32_t count)
{
    return (snn_vector_int){0, 1, 2, 3} < (snn_vector_int){count, count, count, count};
}
static inline snn_vector snn_vector_all(float value)
{
    return (snn_vector){value, value, value, value};
}
static inline snn_vector snn_vector_load(const float *from, snn_vector_mask mask)
{
    snn_vector value = {0};
    if (mask[SNN_VECTOR - 1] != 0) { /* all of them: masks are of first lanes */
        memcpy(&value, from, sizeof value);
        return value;
    }
    for (int i = 0; i < SNN_VECTOR; i++) {
        value[i] = mask[i] != 0 ? from[i] : 0.0F;
    }
    return value;
}
static inline void snn_vector_store(float *to, snn_vector value, snn_vector_mask mask)
{
    if (mask[SNN_VECTOR - 1] != 0) {
        memcpy(to, &value, sizeof value);
        return;
    }
    for (int i = 0; i < SNN_VECTOR; i++) {
        if (mask[i] != 0) {
            to[i] = value[i];
        }
    }
}
static inline snn_vector snn_vector_converted_whole(const int32_t *from)
{
    snn_vector_int value;
    memcpy(&value, from, sizeof value);
    return __builtin_convertvector(value, snn_vector);
}
static inline snn_vector snn_vector_converted(const int32_t *from, snn_vector_mask mask)
{
    snn_vector_int value = {0};
    if (mask[SNN_VECTOR - 1] != 0) {
        memcpy(&value, from, sizeof value);
    } else {
        for (int i = 0; i < SNN_VECTOR; i++) {
            value[i] = mask[i] != 0 ? from[i] : 0;
        }
    }
    return __builtin_convertvector(value, snn_vector);
}
static inline snn_vector snn_vector_add(snn_vector a, snn_vector b)
{
    return a + b;
}
static inline snn_vector snn_vector_subtract(snn_vector a, snn_vector b)
{
    return a - b;
}
static inline snn_vector snn_vector_multiply(snn_vector a, snn_vector b)
{
    return a * b;
}
static inline snn_vector snn_vector_larger(snn_vector a, snn_vector b)
{
    const snn_vector_int first = a > b;
    return (snn_vector)((first & (snn_vector_int)a) | (~first & (snn_vector_int)b));
}
static inline snn_vector snn_vector_smaller(snn_vector a, snn_vector b)
{
    const snn_vector_int first = a < b;
    return (snn_vector)((first & (snn_vector_int)a) | (~first & (snn_vector_int)b));
}
static inline snn_vector_int snn_vector_up(snn_vector a)
{
    const snn_vector_int whole = __builtin_convertvector(a, snn_vector_int);
    return whole - (__builtin_convertvector(whole, snn_vector) < a); /* true is -1 */
}
static inline snn_vector_int snn_vector_down(snn_vector a)
{
    const snn_vector_int whole = __builtin_convertvector(a, snn_vector_int);
    return whole + (__builtin_convertvector(whole, snn_vector) > a);
}
static inline snn_vector_int snn_vector_nearest(snn_vector a)
{
#ifdef __SSE2__
    return (snn_vector_int)_mm_cvtps_epi32((__m128)a);
#else
    snn_vector_int whole;
    for (int i = 0; i < SNN_VECTOR; i++) {
        whole[i] = (int32_t)(uint32_t)(int64_t)rintf(a[i]);
    }
    return whole;
#endif
}
static inline snn_vector_bytes snn_vector_narrowed(const snn_vector_int of[4])
{
    snn_vector_bytes bytes;
    for (int i = 0; i < 4 * SNN_VECTOR; i++) {
        bytes[i] = (uint8_t)of[i / SNN_VECTOR][i % SNN_VECTOR];
    }
    return bytes;
}
static inline snn_vector snn_vector_limited(snn_vector a, snn_vector limit)
{
    const snn_vector magnitude = (snn_vector)((snn_vector_int)a & INT32_MAX);
    const snn_vector_int smaller = magnitude < limit;
    return (snn_vector)((smaller & (snn_vector_int)magnitude) | (~smaller & (snn_vector_int)limit));
}
static inline snn_vector_mask snn_vector_reaches(snn_vector_mask mask, snn_vector a, snn_vector b, bool strict)
{
    return mask & (strict ? a < b : a <= b);
}
static inline snn_vector_mask snn_vector_beyond(snn_vector_mask mask, snn_vector a, snn_vector limit)
{
    return mask & ((snn_vector)((snn_vector_int)a & INT32_MAX) > limit);
}
static inline snn_vector snn_vector_move(snn_vector a, snn_vector b, snn_vector_mask mask)
{
    return a - (snn_vector)((snn_vector_int)b ^ (~mask & INT32_MIN));
}
static inline snn_vector_mask snn_vector_either(snn_vector_mask a, snn_vector_mask b)
{
    return a | b;
}
static inline uint32_t snn_vector_bits(snn_vector_mask mask)
{
#ifdef __SSE2__
    return (uint32_t)_mm_movemask_ps((__m128)mask);
#else
    return (uint32_t)((mask[0] & 1) | (mask[1] & 2) | (mask[2] & 4) | (mask[3] & 8));
#endif
}
static inline snn_vector_int snn_vector_no_int(void)
{
    return (snn_vector_int){0};
}
static inline snn_vector_int snn_vector_count(snn_vector_int counts, snn_vector_mask mask)
{
    return counts - mask;
}
/* a: not negative, less than 2^23: from there on floats are integers, and adding it to smaller ones rounds them. */
static inline snn_vector_int snn_vector_add_rounded(snn_vector_int sums, snn_vector a, snn_vector_mask mask)
{
    const snn_vector whole = (a + 8388608.0F) - 8388608.0F;
    const snn_vector_int added = mask & __builtin_convertvector(whole, snn_vector_int);
    return (snn_vector_int)((snn_vector_unsigned)sums + (snn_vector_unsigned)added); /* which may need all bits */
}
static inline void snn_vector_store_int(int32_t *to, snn_vector_int value)
{
    memcpy(to, &value, sizeof value);
}
static inline snn_vector_int snn_vector_load_int(const int32_t *from)
{
    snn_vector_int value;
    memcpy(&value, from, sizeof value);
    return value;
}
static inline uint32_t snn_vector_sum_int(snn_vector_int values)
{
    return (uint32_t)values[0] + (uint32_t)values[1] + (uint32_t)values[2] + (uint32_t)values[3];
}
static inline uint64_t snn_vector_highest_bits(snn_vector_bytes values)
{
#ifdef __SSE2__
    return (uint32_t)_mm_movemask_epi8((__m128i)values);
#else
    uint64_t bits = 0;
    for (int i = 0; i < 4 * SNN_VECTOR; i++) {
        bits |= (uint64_t)(values[i] >> 7) << i;
    }
    return bits;
#endif
}

#endif

/* All lanes. */
static inline snn_vector snn_vector_load_whole(const float *from)
{
    snn_vector value;
    memcpy(&value, from, sizeof value);
    return value;
}
static inline void snn_vector_store_whole(float *to, snn_vector value)
{
    memcpy(to, &value, sizeof value);
}

/* Those of the mask; full: which are all. */
static inline __attribute__((always_inline)) snn_vector snn_vector_of(const float *from, snn_vector_mask used,
                                                                      const bool full)
{
    return full ? snn_vector_load_whole(from) : snn_vector_load(from, used);
}
static inline __attribute__((always_inline)) snn_vector snn_vector_of_sums(const int32_t *from, snn_vector_mask used,
                                                                           const bool full)
{
    return full ? snn_vector_converted_whole(from) : snn_vector_converted(from, used);
}
static inline __attribute__((always_inline)) void snn_vector_give(float *to, snn_vector value, snn_vector_mask used,
                                                                  const bool full)
{
    if (full) {
        snn_vector_store_whole(to, value);
    } else {
        snn_vector_store(to, value, used);
    }
}

#if !defined(__AVX512F__)
static inline bool snn_vector_transposes(void)
{
    return false;
}
static inline void snn_vector_transpose(snn_vector_bytes values, uint64_t planes[8])
{
    (void)values;
    (void)planes;
}
#endif
#endif
