/* Instructions of AVX-512 in plain C, so that its kernels are tested on any machine: those which core/kernels uses, by
 * their description, on the compiler's vectors. Found before the compiler's own header, of which the rest remains. */
#ifndef TESTS_WIDE_IMMINTRIN_H
#define TESTS_WIDE_IMMINTRIN_H

#pragma GCC system_header /* the compiler's own may be macros */
#include_next <immintrin.h>

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* What the kernels are told to be compiled for, now that the compiler's header has been read without. */
#define __AVX512F__    1
#define __AVX512BW__   1
#define __AVX512VL__   1
#define __AVX512DQ__   1
#define __AVX512VNNI__ 1

typedef float wide_float __attribute__((vector_size(64)));
typedef int64_t wide_i64 __attribute__((vector_size(64)));
typedef int32_t wide_i32 __attribute__((vector_size(64)));
typedef uint32_t wide_u32 __attribute__((vector_size(64)));
typedef int16_t wide_i16 __attribute__((vector_size(64)));
typedef uint16_t wide_u16 __attribute__((vector_size(64)));
typedef int8_t wide_i8 __attribute__((vector_size(64)));
typedef uint8_t wide_u8 __attribute__((vector_size(64)));
typedef uint16_t half_u16 __attribute__((vector_size(32)));
typedef uint8_t half_u8 __attribute__((vector_size(32)));
typedef uint8_t quarter_u8 __attribute__((vector_size(16)));

/* One vector of lanes from a loop over them, whose number is i. */
#define WIDE_LANES(type, lanes, value)                                                                                 \
    ({                                                                                                                 \
        type wide_made;                                                                                                \
        for (int i = 0; i < (lanes); i++) {                                                                            \
            wide_made[i] = (value);                                                                                    \
        }                                                                                                              \
        wide_made;                                                                                                     \
    })
#define WIDE_SET(mask) (((mask) >> i & 1) != 0)

static inline __m512i wide_load(const void *from)
{
    __m512i value;
    memcpy(&value, from, sizeof value);
    return value;
}
static inline void wide_store(void *to, __m512i value)
{
    memcpy(to, &value, sizeof value);
}
static inline __m512i wide_load_some(__mmask16 mask, const void *from)
{
    wide_i32 value = {0};
    for (int i = 0; i < 16; i++) {
        if (WIDE_SET(mask)) {
            memcpy((char *)&value + 4 * i, (const char *)from + 4 * i, 4);
        }
    }
    return (__m512i)value;
}
/* Lanes of `bytes` each. */
static inline void wide_store_some(void *to, uint64_t mask, const void *value, int lanes, size_t bytes)
{
    for (int i = 0; i < lanes; i++) {
        if (WIDE_SET(mask)) {
            memcpy((char *)to + (size_t)i * bytes, (const char *)value + (size_t)i * bytes, bytes);
        }
    }
}
#define _mm512_loadu_si512(from)              wide_load(from)
#define _mm512_storeu_si512(to, a)            wide_store(to, a)
#define _mm512_maskz_loadu_epi32(mask, from)  wide_load_some(mask, from)
#define _mm512_maskz_loadu_ps(mask, from)     ((__m512)wide_load_some(mask, from))
#define _mm512_mask_storeu_epi32(to, mask, a) wide_store_some(to, mask, &(const __m512i[1]){(__m512i)(a)}, 16, 4)
#define _mm512_mask_storeu_ps(to, mask, a)    wide_store_some(to, mask, &(const __m512i[1]){(__m512i)(a)}, 16, 4)
#define _mm256_mask_storeu_epi16(to, mask, a) wide_store_some(to, mask, &(const __m256i[1]){a}, 16, 2)

#define _mm512_setzero_si512()    ((__m512i){0})
#define _mm512_setzero_ps()       ((__m512){0})
#define _mm512_set1_epi16(a)      ((__m512i)((wide_u16){0} + (uint16_t)(a)))
#define _mm512_set1_epi32(a)      ((__m512i)((wide_u32){0} + (uint32_t)(a)))
#define _mm512_setr_epi32(...)    ((__m512i)(wide_i32){__VA_ARGS__})
#define _mm512_castsi512_si256(a) wide_half(a, 0)
#define _mm512_extracti64x4_epi64 wide_half
static inline __m256i wide_half(__m512i a, int half)
{
    return (__m256i){a[4 * half], a[4 * half + 1], a[4 * half + 2], a[4 * half + 3]};
}

#define _mm512_and_si512(a, b)   ((a) & (b))
#define _mm512_or_si512(a, b)    ((a) | (b))
#define _mm512_add_epi32(a, b)   ((__m512i)((wide_u32)(a) + (wide_u32)(b)))
#define _mm512_sub_epi32(a, b)   ((__m512i)((wide_u32)(a) - (wide_u32)(b)))
#define _mm512_mullo_epi32(a, b) ((__m512i)((wide_u32)(a) * (wide_u32)(b)))
#define _mm512_add_epi16(a, b)   ((__m512i)((wide_u16)(a) + (wide_u16)(b)))
#define _mm512_slli_epi32(a, n)  ((__m512i)((wide_u32)(a) << (n)))
#define _mm512_srli_epi32(a, n)  ((__m512i)((wide_u32)(a) >> (n)))
#define _mm512_slli_epi16(a, n)  ((__m512i)((wide_u16)(a) << (n)))
#define _mm512_srli_epi16(a, n)  ((__m512i)((wide_u16)(a) >> (n)))
#define _mm512_srlv_epi16(a, n)  ((__m512i)((wide_u16)(a) >> (wide_u16)(n)))
#define _mm512_div_ps(a, b)      ((a) / (b))
#define _mm512_max_ps(a, b)      wide_chosen_ps((wide_float)(a) > (wide_float)(b), a, b)
#define _mm512_min_ps(a, b)      wide_chosen_ps((wide_float)(a) < (wide_float)(b), a, b)
static inline __m512 wide_chosen_ps(wide_i32 first, __m512 a, __m512 b)
{
    return (__m512)((first & (wide_i32)a) | (~first & (wide_i32)b));
}
/* The bits of a, b and c are three of a number, whose bit of `table` is the result. */
static inline __m512i wide_ternary(__m512i a, __m512i b, __m512i c, int table)
{
    __m512i found = {0};
    for (int n = 0; n < 8; n++) {
        if ((table >> n & 1) != 0) {
            found |= (n & 4 ? a : ~a) & (n & 2 ? b : ~b) & (n & 1 ? c : ~c);
        }
    }
    return found;
}
#define _mm512_ternarylogic_epi64 wide_ternary

static inline uint64_t wide_mask(wide_i32 lanes)
{
    uint64_t mask = 0;
    for (int i = 0; i < 16; i++) {
        mask |= (uint64_t)(lanes[i] != 0) << i;
    }
    return mask;
}
static inline uint64_t wide_highest(wide_i8 lanes)
{
    uint64_t mask = 0;
    for (int i = 0; i < 64; i++) {
        mask |= (uint64_t)(lanes[i] < 0) << i;
    }
    return mask;
}
#define _mm512_cmplt_epi32_mask(a, b) ((__mmask16)wide_mask((wide_i32)(a) < (wide_i32)(b)))
#define _mm512_cmpge_epi32_mask(a, b) ((__mmask16)wide_mask((wide_i32)(a) >= (wide_i32)(b)))
#define _mm512_cmplt_epu32_mask(a, b) ((__mmask16)wide_mask((wide_u32)(a) < (wide_u32)(b)))
#define _mm512_cmpge_epu32_mask(a, b) ((__mmask16)wide_mask((wide_u32)(a) >= (wide_u32)(b)))
#define _mm512_movepi8_mask(a)        wide_highest((wide_i8)(a))
#define _mm512_movm_epi8(mask)        ((__m512i)WIDE_LANES(wide_i8, 64, -(int8_t)((mask) >> i & 1)))
#define _mm512_mask_cmp_ps_mask(mask, a, b, predicate)                                                                 \
    ((__mmask16)((mask)&wide_mask(wide_compared((wide_float)(a), (wide_float)(b), predicate))))
static inline wide_i32 wide_compared(wide_float a, wide_float b, int predicate)
{
    return predicate == _CMP_LT_OQ ? a < b : predicate == _CMP_LE_OQ ? a <= b : a > b;
}

/* Lanes of b where the mask is, those of a elsewhere. */
static inline __m512i wide_chosen(uint64_t mask, __m512i a, __m512i b, int lanes)
{
    const size_t bytes = sizeof a / (size_t)lanes;
    wide_store_some(&a, mask, &b, lanes, bytes);
    return a;
}
#define _mm512_mask_mov_epi32(a, mask, b)        wide_chosen(mask, a, b, 16)
#define _mm512_mask_blend_ps(mask, a, b)         ((__m512)wide_chosen(mask, (__m512i)(a), (__m512i)(b), 16))
#define _mm512_mask_blend_epi16(mask, a, b)      wide_chosen(mask, a, b, 32)
#define _mm512_mask_add_epi32(from, mask, a, b)  wide_chosen(mask, from, _mm512_add_epi32(a, b), 16)
#define _mm512_mask_sub_epi32(from, mask, a, b)  wide_chosen(mask, from, _mm512_sub_epi32(a, b), 16)
#define _mm512_mask_add_epi8(from, mask, a, b)   wide_chosen(mask, from, (__m512i)((wide_u8)(a) + (wide_u8)(b)), 64)
#define _mm512_mask_srli_epi32(from, mask, a, n) wide_chosen(mask, from, _mm512_srli_epi32(a, n), 16)
static inline __m256i wide_blend_half(uint64_t mask, __m256i a, __m256i b)
{
    wide_store_some(&a, mask, &b, 32, 1);
    return a;
}
#define _mm256_mask_blend_epi8(mask, a, b) wide_blend_half(mask, a, b)

#define _mm512_cvtepu8_epi16(a)  ((__m512i) __builtin_convertvector((half_u8)(a), wide_u16))
#define _mm512_cvtepu8_epi32(a)  ((__m512i) __builtin_convertvector((quarter_u8)(a), wide_u32))
#define _mm512_cvtepu16_epi32(a) ((__m512i) __builtin_convertvector((half_u16)(a), wide_u32))
#define _mm512_cvtepi16_epi8(a)  ((__m256i) __builtin_convertvector((wide_u16)(a), half_u8))
#define _mm512_cvtepi32_epi16(a) ((__m256i) __builtin_convertvector((wide_u32)(a), half_u16))
#define _mm512_cvtepi32_epi8(a)  ((__m128i) __builtin_convertvector((wide_u32)(a), quarter_u8))
#define _mm512_cvtepi32_ps(a)    ((__m512) __builtin_convertvector((wide_i32)(a), wide_float))
#define _mm512_cvtepu32_ps(a)    ((__m512) __builtin_convertvector((wide_u32)(a), wide_float))
#define _mm512_cvttps_epu32(a)   ((__m512i) __builtin_convertvector((wide_float)(a), wide_u32))
#define _mm512_cvtps_epi32(a)    wide_rounded(a, rintf)
#define _mm512_cvt_roundps_epi32(a, direction)                                                                         \
    wide_rounded(a, ((direction)&3) == _MM_FROUND_TO_POS_INF ? ceilf : floorf)
static inline __m512i wide_rounded(__m512 a, float (*whole)(float))
{
    wide_i32 made;
    for (int i = 0; i < 16; i++) {
        const float value = whole(((wide_float)a)[i]);
        made[i] = value >= -0x1p31F && value < 0x1p31F ? (int32_t)value : INT32_MIN;
    }
    return (__m512i)made;
}

static inline uint16_t wide_limited(int32_t value, int32_t largest)
{
    return (uint16_t)(value < 0 ? 0 : value > largest ? largest : value);
}
/* Numbers of 128 bits of a, then of b, then of the next ones of a, limited to what half the bits hold. */
static inline __m512i wide_pack_words(wide_i32 a, wide_i32 b)
{
    return (__m512i)WIDE_LANES(wide_u16, 32, wide_limited((i & 4 ? b : a)[i / 8 * 4 + i % 4], UINT16_MAX));
}
static inline __m512i wide_pack_bytes(wide_i16 a, wide_i16 b)
{
    return (__m512i)WIDE_LANES(wide_u8, 64, (uint8_t)wide_limited((i & 8 ? b : a)[i / 16 * 8 + i % 8], UINT8_MAX));
}
#define _mm512_packus_epi32(a, b) wide_pack_words((wide_i32)(a), (wide_i32)(b))
#define _mm512_packus_epi16(a, b) wide_pack_bytes((wide_i16)(a), (wide_i16)(b))

static inline __m512i wide_permute_words(wide_u16 a, wide_u16 index, wide_u16 b)
{
    return (__m512i)WIDE_LANES(wide_u16, 32, (index[i] & 32 ? b : a)[index[i] & 31]);
}
static inline __m512i wide_permute_pairs(wide_u32 index, wide_u32 a)
{
    return (__m512i)WIDE_LANES(wide_u32, 16, a[index[i] & 15]);
}
#define _mm512_permutexvar_epi32(index, a)  wide_permute_pairs((wide_u32)(index), (wide_u32)(a))
#define _mm512_permutexvar_epi16(index, a)  wide_permute_words((wide_u16)(a), (wide_u16)(index)&31, (wide_u16)(a))
#define _mm512_permutex2var_epi16(a, at, b) wide_permute_words((wide_u16)(a), (wide_u16)(at), (wide_u16)(b))
#define _mm512_maskz_permutexvar_epi16(mask, index, a)                                                                 \
    wide_chosen(mask, (__m512i){0}, _mm512_permutexvar_epi16(index, a), 32)
#define _mm512_i32gather_epi32(index, from, scale) wide_gather_##scale((wide_i32)(index), from)
static inline __m512i wide_gather_4(wide_i32 index, const void *from)
{
    return (__m512i)WIDE_LANES(wide_i32, 16, ((const int32_t *)from)[index[i]]);
}

/* Lanes of the mask to the front, and first lanes to those of the mask; 0 elsewhere. */
static inline __m512i wide_compress(__mmask16 mask, wide_i32 a)
{
    wide_i32 made = {0};
    for (int i = 0, at = 0; i < 16; i++) {
        if (WIDE_SET(mask)) {
            made[at++] = a[i];
        }
    }
    return (__m512i)made;
}
static inline __m512i wide_expand(__mmask16 mask, wide_i32 a)
{
    wide_i32 made = {0};
    for (int i = 0, at = 0; i < 16; i++) {
        if (WIDE_SET(mask)) {
            made[i] = a[at++];
        }
    }
    return (__m512i)made;
}
#define _mm512_maskz_compress_epi32(mask, a) wide_compress(mask, (wide_i32)(a))
#define _mm512_maskz_expand_epi32(mask, a)   wide_expand(mask, (wide_i32)(a))

/* Sums of pairs of signed products, and of four of an unsigned and a signed byte. */
static inline __m512i wide_add_pairs(wide_u32 sum, wide_i16 a, wide_i16 b)
{
    return (__m512i)WIDE_LANES(wide_u32, 16,
                               sum[i] + (uint32_t)(a[2 * i] * b[2 * i]) + (uint32_t)(a[2 * i + 1] * b[2 * i + 1]));
}
static inline __m512i wide_add_quads(wide_u32 sum, wide_u8 a, wide_i8 b)
{
    return (__m512i)WIDE_LANES(wide_u32, 16,
                               sum[i] + (uint32_t)(a[4 * i] * b[4 * i] + a[4 * i + 1] * b[4 * i + 1] +
                                                   a[4 * i + 2] * b[4 * i + 2] + a[4 * i + 3] * b[4 * i + 3]));
}
#define _mm512_dpwssd_epi32(sum, a, b) wide_add_pairs((wide_u32)(sum), (wide_i16)(a), (wide_i16)(b))
#define _mm512_dpbusd_epi32(sum, a, b) wide_add_quads((wide_u32)(sum), (wide_u8)(a), (wide_i8)(b))

#endif
