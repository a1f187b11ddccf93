/* Bytes of windows as vectors, one a neuron: what those of its steps that fired add up to. Private to field.c, values.c
 * and pools.c, through values.h. */
#ifndef SNN_KERNELS_STEPS_H
#define SNN_KERNELS_STEPS_H

#include "core/dynamics/windows.h"
#include "core/kernels/portable.h"

#include <string.h>

typedef int16_t snn_word_lanes __attribute__((vector_size(SNN_VECTOR_BYTES)));

_Static_assert(SNN_CODE_LIMIT <= INT16_MAX, "what steps add up to are words");

/* What the steps of a code add up to if none fired. */
static inline int32_t snn_codes_sum(const snn_codes *codes, int32_t step)
{
    int32_t sum = 0;
    for (int32_t j = codes->begin[step]; j < codes->end[step]; j++) {
        sum += codes->magnitude[j];
    }
    return sum;
}

/* How what some steps add up to is found: it is a neuron's byte as it is, or has to be added up, to a byte or more. */
typedef enum snn_steps_form { SNN_STEPS_WHOLE, SNN_STEPS_BYTE, SNN_STEPS_WORD } snn_steps_form;

/* Some steps of a window, with what the code of a neuron takes for each that fired. */
typedef struct snn_steps {
    const uint8_t *bytes;       /* that have the first of the steps, at a position */
    int64_t apart;              /* to those of the same neurons behind them */
    int64_t row_bytes;          /* from one position to the next */
    int32_t window, begin, end; /* steps */
    const int32_t *magnitude;   /* of the first of them */
    int32_t sum;                /* of the magnitudes */
    snn_steps_form form;
} snn_steps;

/* Those of a source's codes at a step, at its first position. */
static inline snn_steps snn_steps_of(const snn_source *source, int32_t step)
{
    const snn_codes *codes = source->codes;
    const snn_spikes *spikes = source->spikes;
    const int32_t window = spikes->window, begin = codes->begin[step], end = codes->end[step];
    snn_steps of = {.bytes = snn_spikes_plane(spikes, begin / SNN_BYTE_STEPS, source->image),
                    .apart = snn_spikes_plane_bytes(spikes) * spikes->images,
                    .row_bytes = spikes->row_bytes,
                    .window = window,
                    .begin = begin,
                    .end = end,
                    .magnitude = codes->magnitude + begin,
                    .sum = snn_codes_sum(codes, step)};
    bool whole = begin == 0 && end == window && window <= SNN_BYTE_STEPS;
    for (int32_t j = begin; j < end && whole; j++) {
        whole = codes->magnitude[j] == 1 << (window - 1 - j);
    }
    of.form = whole ? SNN_STEPS_WHOLE : of.sum <= UINT8_MAX ? SNN_STEPS_BYTE : SNN_STEPS_WORD;
    return of;
}

/* Bytes whose highest bit is that of the first step, of bits from `bit` on downwards; no other bits are moved into. */
static inline snn_vector_bytes snn_bits_from(snn_vector_bytes bytes, int32_t bit)
{
    return snn_vector_moved_up(bytes & (uint8_t)((2 << bit) - 1), SNN_BYTE_STEPS - 1 - bit);
}

/* sum[i] + amount[i] where the highest bit of byte i is set. */
static inline snn_vector_bytes snn_add_highest(snn_vector_bytes sum, snn_vector_bytes bytes, snn_vector_bytes amount)
{
#if defined(__AVX512BW__)
    return (snn_vector_bytes)_mm512_mask_add_epi8((__m512i)sum, _mm512_movepi8_mask((__m512i)bytes), (__m512i)sum,
                                                  (__m512i)amount);
#else
    typedef int8_t signed_lanes __attribute__((vector_size(SNN_VECTOR_BYTES)));
    return sum + ((snn_vector_bytes)((signed_lanes)bytes < 0) & amount);
#endif
}

/* The first half of the bytes as words, or the second one. */
static inline snn_word_lanes snn_bytes_widened(snn_vector_bytes bytes, const int half)
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

static inline snn_vector_bytes snn_load_bytes(const uint8_t *from)
{
    snn_vector_bytes bytes;
    memcpy(&bytes, from, sizeof bytes);
    return bytes;
}

/* What each step that fired takes, as the next two want it: SNN_WINDOW_STEPS of them. */
static inline void snn_steps_amounts(const snn_steps *of, snn_vector_bytes *amounts)
{
    for (int32_t j = 0; j < of->end - of->begin && of->form == SNN_STEPS_BYTE; j++) {
        amounts[j] = (snn_vector_bytes){0} + (uint8_t)of->magnitude[j];
    }
}

/* What the steps of neighbouring neurons, whose bytes begin at `from`, add up to, if that is a byte. `form`, which is
 * that of the steps, is known when compiled. */
static inline __attribute__((always_inline)) snn_vector_bytes
snn_steps_add(const snn_steps *of, const uint8_t *from, const snn_vector_bytes *amounts, const snn_steps_form form)
{
    if (form == SNN_STEPS_WHOLE) {
        return snn_load_bytes(from);
    }
    snn_vector_bytes sum = {0};
    for (int32_t j = of->begin; j < of->end; from += of->apart) {
        const int32_t left = SNN_BYTE_STEPS - j % SNN_BYTE_STEPS, end = of->end - j < left ? of->end : j + left;
        snn_vector_bytes bytes = snn_bits_from(snn_load_bytes(from), snn_spikes_step_bit(of->window, j));
        for (; j < end; j++, bytes += bytes) {
            sum = snn_add_highest(sum, bytes, amounts[j - of->begin]);
        }
    }
    return sum;
}

/* The same of any form, as words: a vector for each half. */
static inline __attribute__((always_inline)) void snn_steps_add_words(const snn_steps *of, const uint8_t *from,
                                                                      const snn_vector_bytes *amounts,
                                                                      const snn_steps_form form, snn_word_lanes sums[2])
{
    if (form != SNN_STEPS_WORD) {
        const snn_vector_bytes bytes = snn_steps_add(of, from, amounts, form);
        sums[0] = snn_bytes_widened(bytes, 0);
        sums[1] = snn_bytes_widened(bytes, 1);
        return;
    }
    sums[0] = sums[1] = (snn_word_lanes){0};
    for (int32_t j = of->begin; j < of->end; j++) {
        const uint8_t *bytes = from + (j / SNN_BYTE_STEPS - of->begin / SNN_BYTE_STEPS) * of->apart;
        const uint8_t bit = (uint8_t)(1 << snn_spikes_step_bit(of->window, j));
        const int16_t amount = (int16_t)of->magnitude[j - of->begin];
        const snn_vector_bytes fired = (snn_vector_bytes)((snn_load_bytes(bytes) & bit) != 0) & 1;
        sums[0] += snn_bytes_widened(fired, 0) * amount;
        sums[1] += snn_bytes_widened(fired, 1) * amount;
    }
}

#endif
