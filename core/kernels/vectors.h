/* Vectors of floats of the instruction set that a file is compiled for, private to this folder: what neurons need of
 * them beside the operators that compilers know for them. Comparisons give masks: AVX-512 has registers for these,
 * elsewhere they are vectors. */
#ifndef SNN_KERNELS_VECTORS_H
#define SNN_KERNELS_VECTORS_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/kernels/assembly.h"

/* Of the widest registers that the copy may use. */
#if defined(__AVX512F__)
enum { SNN_VECTOR_BYTES = 64 };
#elif defined(__AVX2__)
enum { SNN_VECTOR_BYTES = 32 };
#else
enum { SNN_VECTOR_BYTES = 16 };
#endif

enum { SNN_VECTOR = SNN_VECTOR_BYTES / (int)sizeof(float) }; /* numbers of one */
typedef float snn_vector __attribute__((vector_size(SNN_VECTOR_BYTES)));
typedef int32_t snn_vector_int __attribute__((vector_size(SNN_VECTOR_BYTES)));
typedef uint32_t snn_vector_unsigned __attribute__((vector_size(SNN_VECTOR_BYTES)));
typedef uint8_t snn_vector_bytes __attribute__((vector_size(SNN_VECTOR_BYTES)));

static inline snn_vector snn_vector_all(float value)
{
    return value - (snn_vector){0}; /* which is -0, too */
}
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
static inline snn_vector_int snn_vector_load_int(const int32_t *from)
{
    snn_vector_int value;
    memcpy(&value, from, sizeof value);
    return value;
}
static inline void snn_vector_store_int(int32_t *to, snn_vector_int value)
{
    memcpy(to, &value, sizeof value);
}

static inline snn_vector snn_vector_magnitude(snn_vector a)
{
    return (snn_vector)((snn_vector_int)a & INT32_MAX);
}

#if defined(__AVX512F__)

typedef __mmask16 snn_vector_mask;

static inline snn_vector_mask snn_vector_first(int32_t count)
{
    return (snn_vector_mask)(count >= SNN_VECTOR ? 0xffff : count > 0 ? (1 << count) - 1 : 0);
}
/* Lanes that are not of the mask are 0, and not read or written. Masks are of first lanes. */
static inline snn_vector snn_vector_load(const float *from, snn_vector_mask mask)
{
    return _mm512_maskz_loadu_ps(mask, from);
}
static inline void snn_vector_store(float *to, snn_vector value, snn_vector_mask mask)
{
    _mm512_mask_storeu_ps(to, mask, value);
}
static inline snn_vector snn_vector_converted(const int32_t *from, snn_vector_mask mask)
{
    return _mm512_cvtepi32_ps(_mm512_maskz_loadu_epi32(mask, from));
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
    return (snn_vector_int)_mm512_cvt_roundps_epi32(a, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
}
static inline snn_vector_int snn_vector_down(snn_vector a)
{
    return (snn_vector_int)_mm512_cvt_roundps_epi32(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
/* To the nearest integer, even at a tie; INT32_MIN for 2^31. */
static inline snn_vector_int snn_vector_nearest(snn_vector a)
{
    return (snn_vector_int)_mm512_cvtps_epi32(a);
}
/* Four vectors of integers from 0 to 255 as bytes, in order. */
static inline snn_vector_bytes snn_vector_narrowed(const snn_vector_int of[4])
{
    const __m512i low = _mm512_packus_epi32((__m512i)of[0], (__m512i)of[1]);
    const __m512i high = _mm512_packus_epi32((__m512i)of[2], (__m512i)of[3]);
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return (snn_vector_bytes)_mm512_permutexvar_epi32(order, _mm512_packus_epi16(low, high));
}
/* a <= b, or a < b if strict, where the mask is. */
static inline snn_vector_mask snn_vector_reaches(snn_vector_mask mask, snn_vector a, snn_vector b, bool strict)
{
    return strict ? _mm512_mask_cmp_ps_mask(mask, a, b, _CMP_LT_OQ) : _mm512_mask_cmp_ps_mask(mask, a, b, _CMP_LE_OQ);
}
/* |a| > limit, where the mask is */
static inline snn_vector_mask snn_vector_beyond(snn_vector_mask mask, snn_vector a, snn_vector limit)
{
    return _mm512_mask_cmp_ps_mask(mask, snn_vector_magnitude(a), limit, _CMP_GT_OQ);
}
/* a - b where the mask is, a + b elsewhere */
static inline snn_vector snn_vector_move(snn_vector a, snn_vector b, snn_vector_mask mask)
{
    return a - (snn_vector)_mm512_mask_blend_ps(mask, _mm512_setzero_ps() - b, b);
}
static inline uint32_t snn_vector_bits(snn_vector_mask mask)
{
    return mask;
}
/* Of the lanes of four vectors in order, a byte each, with all bits set where the mask is; and a bit each. */
static inline snn_vector_bytes snn_vector_mask_bytes(const snn_vector_mask of[4], uint64_t *bits)
{
    const uint64_t low = of[0] | (uint64_t)of[1] << 16, high = of[2] | (uint64_t)of[3] << 16;
    *bits = low | high << 32;
    return (snn_vector_bytes)_mm512_movm_epi8(*bits);
}
/* One more where the mask is. */
static inline snn_vector_int snn_vector_count(snn_vector_int counts, snn_vector_mask mask)
{
    return (snn_vector_int)_mm512_mask_add_epi32((__m512i)counts, mask, (__m512i)counts, _mm512_set1_epi32(1));
}
/* `sums` and, where the mask is, `a` rounded to the nearest integers, even at a tie. */
static inline snn_vector_int snn_vector_add_rounded(snn_vector_int sums, snn_vector a, snn_vector_mask mask)
{
    return (snn_vector_int)_mm512_mask_add_epi32((__m512i)sums, mask, (__m512i)sums, _mm512_cvtps_epi32(a));
}
/* Of as many bytes as a vector has: bit i is the highest one of byte i. */
static inline uint64_t snn_vector_highest_bits(snn_vector_bytes values)
{
    return _mm512_movepi8_mask((__m512i)values);
}

#else

typedef snn_vector_int snn_vector_mask; /* all bits of a lane set, or none */

static inline uint32_t snn_vector_bits(snn_vector_mask mask)
{
#if defined(__AVX2__)
    return (uint32_t)_mm256_movemask_ps((__m256)mask);
#elif defined(__SSE2__)
    return (uint32_t)_mm_movemask_ps((__m128)mask);
#elif defined(SNN_NEON)
    return vaddvq_u32((uint32x4_t)mask & (uint32x4_t){1, 2, 4, 8});
#else
    return (uint32_t)((mask[0] & 1) | (mask[1] & 2) | (mask[2] & 4) | (mask[3] & 8));
#endif
}
static inline snn_vector_mask snn_vector_first(int32_t count)
{
    snn_vector_int lanes;
    static const int32_t numbers[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    memcpy(&lanes, numbers, sizeof lanes);
    return lanes < count;
}
/* Some processors take ten times as long for what is masked: not where the mask is whole. */
static inline bool snn_vector_is_whole(snn_vector_mask mask)
{
    return snn_vector_bits(mask) == (1U << SNN_VECTOR) - 1;
}
static inline snn_vector_int snn_vector_load_some(const void *from, snn_vector_mask mask)
{
#ifdef __AVX2__
    return (snn_vector_int)_mm256_maskload_epi32(from, (__m256i)mask);
#else
    snn_vector_int value = {0};
    const uint32_t bits = snn_vector_bits(mask);
    memcpy(&value, from, (size_t)__builtin_popcount(bits) * sizeof value[0]);
    return value;
#endif
}
static inline snn_vector snn_vector_load(const float *from, snn_vector_mask mask)
{
    return (snn_vector)snn_vector_load_some(from, mask);
}
static inline snn_vector snn_vector_converted(const int32_t *from, snn_vector_mask mask)
{
    return __builtin_convertvector(snn_vector_load_some(from, mask), snn_vector);
}
static inline void snn_vector_store(float *to, snn_vector value, snn_vector_mask mask)
{
    if (snn_vector_is_whole(mask)) {
        snn_vector_store_whole(to, value);
        return;
    }
#ifdef __AVX2__
    _mm256_maskstore_ps(to, (__m256i)mask, value);
#else
    for (int i = 0; i < SNN_VECTOR && mask[i] != 0; i++) {
        to[i] = value[i];
    }
#endif
}
static inline snn_vector snn_vector_larger(snn_vector a, snn_vector b)
{
#if defined(__AVX2__)
    return _mm256_max_ps(a, b);
#else
    const snn_vector_int first = a > b;
    return (snn_vector)((first & (snn_vector_int)a) | (~first & (snn_vector_int)b));
#endif
}
static inline snn_vector snn_vector_smaller(snn_vector a, snn_vector b)
{
#if defined(__AVX2__)
    return _mm256_min_ps(a, b);
#else
    const snn_vector_int first = a < b;
    return (snn_vector)((first & (snn_vector_int)a) | (~first & (snn_vector_int)b));
#endif
}
static inline snn_vector_int snn_vector_up(snn_vector a)
{
#if defined(__AVX2__)
    return (snn_vector_int)_mm256_cvtps_epi32(_mm256_ceil_ps(a));
#else
    const snn_vector_int whole = __builtin_convertvector(a, snn_vector_int);
    return whole - (__builtin_convertvector(whole, snn_vector) < a); /* true is -1 */
#endif
}
static inline snn_vector_int snn_vector_down(snn_vector a)
{
#if defined(__AVX2__)
    return (snn_vector_int)_mm256_cvtps_epi32(_mm256_floor_ps(a));
#else
    const snn_vector_int whole = __builtin_convertvector(a, snn_vector_int);
    return whole + (__builtin_convertvector(whole, snn_vector) > a);
#endif
}
static inline snn_vector_int snn_vector_nearest(snn_vector a)
{
#if defined(__AVX2__)
    return (snn_vector_int)_mm256_cvtps_epi32(a);
#elif defined(__SSE2__)
    return (snn_vector_int)_mm_cvtps_epi32(a);
#elif defined(SNN_NEON)
    /* What is too large wraps around, and does not become the largest. */
    const snn_vector_unsigned whole = (snn_vector_unsigned)vcvtnq_s32_f32((float32x4_t)a);
    return (snn_vector_int)(whole - (snn_vector_unsigned)(a >= 0x1p31F));
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
#ifdef __AVX2__
    const __m256i low = _mm256_packus_epi32((__m256i)of[0], (__m256i)of[1]);
    const __m256i high = _mm256_packus_epi32((__m256i)of[2], (__m256i)of[3]);
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    return (snn_vector_bytes)_mm256_permutevar8x32_epi32(_mm256_packus_epi16(low, high), order);
#elif defined(SNN_NEON)
    const uint16x8_t low = vuzp1q_u16((uint16x8_t)of[0], (uint16x8_t)of[1]);
    const uint16x8_t high = vuzp1q_u16((uint16x8_t)of[2], (uint16x8_t)of[3]);
    return (snn_vector_bytes)vuzp1q_u8((uint8x16_t)low, (uint8x16_t)high);
#else
    snn_vector_bytes bytes;
    for (int i = 0; i < 4 * SNN_VECTOR; i++) {
        bytes[i] = (uint8_t)of[i / SNN_VECTOR][i % SNN_VECTOR];
    }
    return bytes;
#endif
}
static inline snn_vector_mask snn_vector_reaches(snn_vector_mask mask, snn_vector a, snn_vector b, bool strict)
{
    return mask & (strict ? a < b : a <= b);
}
static inline snn_vector_mask snn_vector_beyond(snn_vector_mask mask, snn_vector a, snn_vector limit)
{
    return mask & (snn_vector_magnitude(a) > limit);
}
static inline snn_vector snn_vector_move(snn_vector a, snn_vector b, snn_vector_mask mask)
{
    return a - (snn_vector)((snn_vector_int)b ^ (~mask & INT32_MIN));
}
static inline snn_vector_int snn_vector_count(snn_vector_int counts, snn_vector_mask mask)
{
    return counts - mask;
}
static inline snn_vector_int snn_vector_add_rounded(snn_vector_int sums, snn_vector a, snn_vector_mask mask)
{
    /* Sums may need all bits. */
    return (snn_vector_int)((snn_vector_unsigned)sums + (snn_vector_unsigned)(mask & snn_vector_nearest(a)));
}
static inline uint64_t snn_vector_highest_bits(snn_vector_bytes values)
{
#if defined(__AVX2__)
    return (uint32_t)_mm256_movemask_epi8((__m256i)values);
#elif defined(__SSE2__)
    return (uint32_t)_mm_movemask_epi8((__m128i)values);
#elif defined(SNN_NEON)
    const uint8x16_t places = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t bits = (uint8x16_t)((int8x16_t)values < 0) & places;
    return vaddv_u8(vget_low_u8(bits)) | (uint64_t)vaddv_u8(vget_high_u8(bits)) << 8;
#else
    uint64_t bits = 0;
    for (int i = 0; i < 4 * SNN_VECTOR; i++) {
        bits |= (uint64_t)(values[i] >> 7) << i;
    }
    return bits;
#endif
}
static inline snn_vector_bytes snn_vector_mask_bytes(const snn_vector_mask of[4], uint64_t *bits)
{
    snn_vector_bytes bytes;
#if defined(__AVX2__)
    const __m256i low = _mm256_packs_epi32((__m256i)of[0], (__m256i)of[1]);
    const __m256i high = _mm256_packs_epi32((__m256i)of[2], (__m256i)of[3]);
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    bytes = (snn_vector_bytes)_mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order);
#elif defined(__SSE2__)
    const __m128i low = _mm_packs_epi32((__m128i)of[0], (__m128i)of[1]);
    bytes = (snn_vector_bytes)_mm_packs_epi16(low, _mm_packs_epi32((__m128i)of[2], (__m128i)of[3]));
#else
    bytes = snn_vector_narrowed(of);
#endif
    *bits = snn_vector_highest_bits(bytes);
    return bytes;
}

#endif

/* Bytes moved up by so many bits that none of them, or none that matters, leaves its byte. */
static inline snn_vector_bytes snn_vector_moved_up(snn_vector_bytes bytes, int32_t bits)
{
    typedef uint16_t words __attribute__((vector_size(SNN_VECTOR_BYTES)));
    return (snn_vector_bytes)((words)bytes << bits);
}
/* |a|, but no more than `limit` > 0, which is what NaN gives */
static inline snn_vector snn_vector_limited(snn_vector a, snn_vector limit)
{
    return snn_vector_smaller(snn_vector_magnitude(a), limit);
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
    return full ? __builtin_convertvector(snn_vector_load_int(from), snn_vector) : snn_vector_converted(from, used);
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

#endif
