/* Bits of planes as vectors of bytes, one a neuron: what those that are set add up to. Private to pools.c and
 * symbol_planes.c. */
#ifndef SNN_KERNELS_PLANES_H
#define SNN_KERNELS_PLANES_H

#include "core/kernels/portable.h"

#include <string.h>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

enum { SNN_BITS = 8 };

/* How many lanes are used at once, if channels begin so many bits behind a byte: words of bits are read. */
static inline int32_t snn_planes_lanes(int shift)
{
    return SNN_VECTOR_BYTES == 64 && shift > 0 ? SNN_VECTOR_BYTES - SNN_BITS : SNN_VECTOR_BYTES;
}

/* sum[i] + amount[i] where bit i of `word` is set. */
static inline snn_vector_bytes snn_add_chosen(snn_vector_bytes sum, uint64_t word, snn_vector_bytes amount)
{
#if defined(__AVX512BW__)
    return (snn_vector_bytes)_mm512_mask_add_epi8((__m512i)sum, word, (__m512i)sum, (__m512i)amount);
#else
    typedef uint64_t spread_lanes __attribute__((vector_size(SNN_VECTOR_BYTES)));
    const spread_lanes bits = (spread_lanes){0} + 0x8040201008040201U; /* of 8 bytes, one each */
#if defined(__AVX2__)
    const __m256i bytes = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const spread_lanes spread = (spread_lanes)_mm256_shuffle_epi8(_mm256_set1_epi64x((int64_t)word), bytes);
#else
    spread_lanes spread;
    for (int i = 0; i < SNN_VECTOR_BYTES / SNN_BITS; i++) {
        spread[i] = ((word >> (SNN_BITS * i)) & UINT8_MAX) * 0x0101010101010101U;
    }
#endif
    return sum + ((snn_vector_bytes)((snn_vector_bytes)(spread & bits) == (snn_vector_bytes)bits) & amount);
#endif
}

/* Of the bits of `count` planes, `shift` bits from `from` on: the amounts of those that are set. Reads 8 bytes of each
 * plane; arrays have readable bytes behind them. */
static inline __attribute__((always_inline)) snn_vector_bytes
snn_planes_add(const uint8_t *from, int64_t stride, int shift, const snn_vector_bytes *amounts, const int32_t count)
{
    snn_vector_bytes sum = {0};
#pragma GCC unroll 8
    for (int32_t j = 0; j < count; j++, from += stride) {
        uint64_t word;
        memcpy(&word, from, sizeof word);
        sum = snn_add_chosen(sum, word >> shift, amounts[j]);
    }
    return sum;
}

#endif
