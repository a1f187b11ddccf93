/* Planes of spikes, and bytes of what the bits of neighbouring channels add up to: private to values.c, pools.c and
 * symbol_planes.c. */
#ifndef SNN_KERNELS_PLANES_H
#define SNN_KERNELS_PLANES_H

#include "core/kernels/portable.h"

#include <string.h>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

enum { SNN_BITS = 8 };

/* Planes of spikes with what each takes from a value. */
typedef struct snn_planes {
    const uint8_t *bits; /* of the first plane */
    int64_t stride;      /* bytes from one to the next */
    int32_t count;
    const int32_t *magnitude;
    int32_t sum;       /* of them */
    int64_t row_bytes; /* from one position to the next */
} snn_planes;

/* What a step's planes add up to if no bit is set. */
static inline int32_t snn_planes_sum(const snn_codes *codes, int32_t step)
{
    int32_t sum = 0;
    for (int32_t j = codes->begin[step]; j < codes->end[step]; j++) {
        sum += codes->magnitude[j];
    }
    return sum;
}

/* Those of codes' step, or the only one of single spikes, that takes 1. */
static inline snn_planes snn_planes_of(const snn_source *source, int32_t step, int64_t position)
{
    static const int32_t one = 1;
    const snn_codes *codes = source->codes;
    const snn_spikes *spikes = source->spikes;
    const int32_t first = codes != NULL ? codes->begin[step] : step;
    return (snn_planes){.bits = snn_spikes_plane(spikes, first, source->image) + position * spikes->row_bytes,
                        .stride = snn_spikes_plane_bytes(spikes) * spikes->images,
                        .count = codes != NULL ? codes->end[step] - first : 1,
                        .magnitude = codes != NULL ? codes->magnitude + first : &one,
                        .sum = codes != NULL ? snn_planes_sum(codes, step) : 1,
                        .row_bytes = spikes->row_bytes};
}

typedef uint8_t snn_byte_lanes __attribute__((vector_size(SNN_VECTOR_BYTES)));
typedef int16_t snn_word_lanes __attribute__((vector_size(SNN_VECTOR_BYTES)));

/* How many lanes are used at once, if channels begin so many bits behind a byte: words of bits are read. */
static inline int32_t snn_planes_lanes(int shift)
{
    return SNN_VECTOR_BYTES == 64 && shift > 0 ? SNN_VECTOR_BYTES - SNN_BITS : SNN_VECTOR_BYTES;
}

/* sum[i] + amount[i] where bit i of `word` is set. */
static inline snn_byte_lanes snn_add_chosen(snn_byte_lanes sum, uint64_t word, snn_byte_lanes amount)
{
#if defined(__AVX512BW__)
    return (snn_byte_lanes)_mm512_mask_add_epi8((__m512i)sum, word, (__m512i)sum, (__m512i)amount);
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
    return sum + ((snn_byte_lanes)((snn_byte_lanes)(spread & bits) == (snn_byte_lanes)bits) & amount);
#endif
}

/* Of the planes' bits at one position, `shift` bits from `from` on: the amounts of those that are set. Reads 8 bytes of
 * each plane; arrays have readable bytes behind them. */
static inline __attribute__((always_inline)) snn_byte_lanes
snn_planes_add(const uint8_t *from, int64_t stride, int shift, const snn_byte_lanes *amounts, const int32_t count)
{
    snn_byte_lanes sum = {0};
#pragma GCC unroll 8
    for (int32_t j = 0; j < count; j++, from += stride) {
        uint64_t word;
        memcpy(&word, from, sizeof word);
        sum = snn_add_chosen(sum, word >> shift, amounts[j]);
    }
    return sum;
}

/* The first half of the bytes as words, or the second one. */
static inline snn_word_lanes snn_bytes_widened(snn_byte_lanes bytes, const int half)
{
#if defined(__AVX512BW__)
    return (snn_word_lanes)_mm512_cvtepu8_epi16(half > 0 ? _mm512_extracti64x4_epi64((__m512i)bytes, 1)
                                                         : _mm512_castsi512_si256((__m512i)bytes));
#elif defined(__AVX2__)
    return (snn_word_lanes)_mm256_cvtepu8_epi16(half > 0 ? _mm256_extracti128_si256((__m256i)bytes, 1)
                                                         : _mm256_castsi256_si128((__m256i)bytes));
#else
    typedef uint8_t half_lanes __attribute__((vector_size(SNN_VECTOR_BYTES / 2)));
    half_lanes one;
    memcpy(&one, (const uint8_t *)&bytes + half * SNN_VECTOR_BYTES / 2, sizeof one);
    return __builtin_convertvector(one, snn_word_lanes);
#endif
}

#endif
