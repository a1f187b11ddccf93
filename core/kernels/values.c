#include "core/kernels/values.h"

#include <string.h>

/* Bits [bit, bit + count) as `set` or `clear`, a value each, and up to a vector behind them. Reads up to 8 bytes behind
 * the last. */
static inline __attribute__((always_inline)) void choose(const uint8_t *restrict bits, int64_t bit, int64_t count,
                                                         int set, int clear, bool bytes, void *restrict values)
{
    const uint8_t *from = bits + bit / 8;
    const int shift = (int)(bit % 8);
#if defined(__AVX512BW__)
    enum { LANES = 32 };
    uint8_t *to = values;
    for (; count > 0; count -= LANES, from += LANES / 8, to += LANES * (bytes ? 1 : 2)) {
        uint64_t word;
        memcpy(&word, from, sizeof word);
        const __mmask32 mask = (__mmask32)(word >> shift);
        if (bytes) {
            _mm256_storeu_si256((__m256i *)to, _mm256_mask_blend_epi8(mask, _mm256_set1_epi8((char)clear),
                                                                      _mm256_set1_epi8((char)set)));
        } else {
            _mm512_storeu_si512(
                to, _mm512_mask_blend_epi16(mask, _mm512_set1_epi16((short)clear), _mm512_set1_epi16((short)set)));
        }
    }
#else
    static const int16_t of_lane[8] = {1, 2, 4, 8, 16, 32, 64, 128};
    for (int64_t first = 0; first < count; first += 8, from++) {
        const int16_t byte = (int16_t)(((from[0] | (unsigned)from[1] << 8) >> shift) & 0xff);
        for (int i = 0; i < 8; i++) {
            if (bytes) {
                ((uint8_t *)values)[first + i] = (uint8_t)(byte & of_lane[i] ? set : clear);
            } else {
                ((int16_t *)values)[first + i] = (int16_t)(byte & of_lane[i] ? set : clear);
            }
        }
    }
#endif
}

/* Runs of neurons, `count` of each from channel `channel` on. Up to a vector is written behind the last. */
typedef struct neuron_runs {
    int64_t channel, count, runs;
} neuron_runs;

/* What the steps add up to; the first run's bytes begin at `first_run`. */
static inline __attribute__((always_inline)) void take_sums(const snn_steps *of, const uint8_t *first_run,
                                                            const neuron_runs *runs, uint8_t *bytes,
                                                            const snn_steps_form form)
{
    snn_vector_bytes amounts[SNN_WINDOW_STEPS];
    snn_steps_amounts(of, amounts);
    for (int64_t run = 0; run < runs->runs; run++, bytes += runs->count) {
        const uint8_t *from = first_run + run * of->row_bytes;
        for (int64_t first = 0; first < runs->count; first += SNN_VECTOR_BYTES) {
            const snn_vector_bytes sum = snn_steps_add(of, from + first, amounts, form);
            memcpy(bytes + first, &sum, sizeof sum);
        }
    }
}

/* base[i] - 2 * sums[i] of a half of a vector. */
static inline void store_less(const int16_t *base, snn_word_lanes sums, int16_t *values)
{
    snn_word_lanes less;
    memcpy(&less, base, sizeof less);
    less -= sums + sums;
    memcpy(values, &less, sizeof less);
}

/* Codes: value i of a run is base[i % period] less twice what the steps add up to. */
static inline __attribute__((always_inline)) void take_less(const snn_steps *of, const uint8_t *first_run,
                                                            const neuron_runs *runs, const int16_t *base,
                                                            int64_t period, int16_t *values, const snn_steps_form form)
{
    enum { HALF = SNN_VECTOR_BYTES / 2 };
    snn_vector_bytes amounts[SNN_WINDOW_STEPS];
    snn_steps_amounts(of, amounts);
    for (int64_t run = 0; run < runs->runs; run++, values += runs->count) {
        const uint8_t *from = first_run + run * of->row_bytes;
        for (int64_t first = 0, at = 0; first < runs->count; first += SNN_VECTOR_BYTES) {
            snn_word_lanes sums[2];
            snn_steps_add_words(of, from + first, amounts, form, sums);
            store_less(base + at, sums[0], values + first);
            if (runs->count - first > HALF) {
                store_less(base + at + HALF, sums[1], values + first + HALF);
            }
            for (at += SNN_VECTOR_BYTES; at >= period;) {
                at -= period;
            }
        }
    }
}

static void take_bytes(const snn_steps *of, const uint8_t *from, const neuron_runs *runs, uint8_t *values)
{
    if (of->form == SNN_STEPS_WHOLE) {
        take_sums(of, from, runs, values, SNN_STEPS_WHOLE);
    } else {
        take_sums(of, from, runs, values, SNN_STEPS_BYTE);
    }
}

static void take_words(const snn_steps *of, const uint8_t *from, const neuron_runs *runs, const int16_t *base,
                       int64_t period, int16_t *values)
{
    switch (of->form) { /* which is known when compiled then */
    case SNN_STEPS_WHOLE:
        take_less(of, from, runs, base, period, values, SNN_STEPS_WHOLE);
        break;
    case SNN_STEPS_BYTE:
        take_less(of, from, runs, base, period, values, SNN_STEPS_BYTE);
        break;
    case SNN_STEPS_WORD:
        take_less(of, from, runs, base, period, values, SNN_STEPS_WORD);
        break;
    }
}

/* Values of channels none of whose steps fired, and of as many more as a vector has, beginning again behind `period`.
 */
static void find_base(const snn_codes *codes, int32_t step, int32_t channel, int32_t period, int16_t *base)
{
    const int32_t all = snn_codes_sum(codes, step);
    const bool resting = step < codes->rest_steps;
    for (int32_t i = 0; i < period; i++) {
        base[i] = (int16_t)(all + (resting ? codes->rest[channel + i] : 0));
    }
    for (int32_t i = 0; i < SNN_VALUES_BEHIND; i++) {
        base[period + i] = base[i]; /* which has been written, where the period is short */
    }
}

int64_t snn_codes_bytes(const snn_codes *codes, const snn_operator *op)
{
    const int32_t all = snn_codes_sum(codes, 0);
    if (op->pooled || all > UINT8_MAX) {
        return 0;
    }
    for (int32_t c = op->source_channel; c < op->source_channel + op->source_channels; c++) {
        const int32_t zero = snn_codes_zero(codes, all, c);
        if ((all + codes->rest[c]) % 2 != 0 || zero < 0 || zero > UINT8_MAX) {
            return 0;
        }
    }
    return all;
}

int64_t snn_values_scratch(int32_t channels)
{
    return snn_aligned((channels + SNN_VALUES_BEHIND) * (int64_t)sizeof(int16_t));
}

void snn_values_begin(snn_values *v)
{
    const snn_codes *codes = v->source->codes;
    if (codes == NULL) {
        return;
    }
    v->steps = snn_steps_of(v->source, v->step);
    if (v->largest == 0) {
        find_base(codes, v->step, v->channel, v->channels, v->base);
        return;
    }
    for (int32_t c = 0; c < v->channels; c++) {
        v->zeros[c] = (uint8_t)snn_codes_zero(codes, v->largest, v->channel + c);
    }
}

void snn_values_outside(const snn_values *v, int64_t positions, uint8_t *to)
{
    const int64_t count = positions * v->channels;
    if (v->largest == 0) {
        memset(to, 0, (size_t)count * sizeof(int16_t));
    } else if (v->source->codes == NULL) {
        memset(to, v->largest / 2, (size_t)count);
    } else {
        for (int64_t i = 0; i < positions; i++) {
            memcpy(to + i * v->channels, v->zeros, (size_t)v->channels);
        }
    }
}

static void cut(const snn_source *source, int32_t limb, int64_t first, int64_t count, int16_t *restrict values)
{
    const int32_t *restrict integers = source->integers + first;
    const int32_t shift = limb * source->limb_bits;
    const int32_t mask = limb + 1 == source->limbs ? -1 : ((int32_t)1 << source->limb_bits) - 1;
    for (int64_t i = 0; i < count; i++) {
        values[i] = (int16_t)((integers[i] >> shift) & mask);
    }
}

void snn_values_inside(const snn_values *v, int32_t row, int32_t column, int32_t columns, void *values)
{
    uint8_t *to = values;
    const snn_source *source = v->source;
    const int64_t position = (int64_t)(row - source->row) * v->width + column;
    const snn_spikes *spikes = source->spikes;
    const int32_t row_channels = source->integers != NULL ? v->source_channels
                                 : source->codes != NULL  ? spikes->row_bytes
                                                          : 8 * spikes->row_bytes;
    neuron_runs runs = {.channel = v->channel, .count = v->channels, .runs = columns};
    if (v->channel == 0 && v->channels == row_channels) {
        runs = (neuron_runs){.count = runs.count * columns, .runs = 1}; /* the source's lie side by side, too */
    }
    if (source->codes != NULL) {
        const uint8_t *from = v->steps.bytes + position * spikes->row_bytes + runs.channel;
        if (v->largest > 0) {
            take_bytes(&v->steps, from, &runs, to);
        } else {
            take_words(&v->steps, from, &runs, v->base, v->channels, (int16_t *)(void *)to);
        }
        return;
    }
    for (int64_t run = 0; run < runs.runs; run++, to += runs.count * snn_value_bytes(v->largest)) {
        if (source->integers != NULL) {
            cut(source, v->step, (position + run) * v->source_channels + runs.channel, runs.count,
                (int16_t *)(void *)to);
            continue;
        }
        const uint8_t *bits = snn_spikes_plane(spikes, v->step, source->image) + (position + run) * spikes->row_bytes;
        if (v->largest > 0) {
            choose(bits, runs.channel, runs.count, 2, 0, true, to);
        } else {
            choose(bits, runs.channel, runs.count, 1, -1, false, to);
        }
    }
}
