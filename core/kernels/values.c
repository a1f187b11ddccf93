#include "core/kernels/values.h"

#include <string.h>

#include "core/kernels/planes.h"

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
    static const int16_t of_lane[SNN_BITS] = {1, 2, 4, 8, 16, 32, 64, 128};
    for (int64_t first = 0; first < count; first += SNN_BITS, from++) {
        const int16_t byte = (int16_t)(((from[0] | (unsigned)from[1] << 8) >> shift) & 0xff);
        for (int i = 0; i < SNN_BITS; i++) {
            if (bytes) {
                ((uint8_t *)values)[first + i] = (uint8_t)(byte & of_lane[i] ? set : clear);
            } else {
                ((int16_t *)values)[first + i] = (int16_t)(byte & of_lane[i] ? set : clear);
            }
        }
    }
#endif
}

/* Runs of bits, each from `bit` on of its row. A value is a base less twice the magnitudes of planes whose bit is set
 * (as bytes: less the magnitudes); of value i of a run the base is base[i % period]. Up to a vector is written behind
 * the last. */
typedef struct bit_runs {
    int64_t bit, count, runs;
} bit_runs;

/* A half of a vector's values. */
static inline void store_less(const int16_t *base, snn_byte_lanes sum, const int half, int16_t *values)
{
    snn_word_lanes less;
    memcpy(&less, base + half * SNN_VECTOR_BYTES / 2, sizeof less);
    less -= 2 * snn_bytes_widened(sum, half);
    memcpy(values + half * SNN_VECTOR_BYTES / 2, &less, sizeof less);
}

/* `base` is NULL: values are bytes. */
static inline __attribute__((always_inline)) void take_runs(const snn_planes *of, const bit_runs *runs, int32_t largest,
                                                            const int16_t *base, int64_t period, void *values,
                                                            const int32_t plane_count, const int shift)
{
    const int lanes = snn_planes_lanes(shift);
    snn_byte_lanes amounts[SNN_WINDOW_STEPS];
    for (int32_t j = 0; j < plane_count; j++) {
        amounts[j] = (snn_byte_lanes){0} + (uint8_t)of->magnitude[j];
    }
    for (int64_t run = 0; run < runs->runs; run++) {
        const uint8_t *from = of->bits + run * of->row_bytes + runs->bit / SNN_BITS;
        uint8_t *bytes = (uint8_t *)values + run * runs->count;
        int16_t *words = (int16_t *)values + run * runs->count;
        for (int64_t first = 0, at = 0; first < runs->count; first += lanes, from += lanes / SNN_BITS) {
            snn_byte_lanes sum = snn_planes_add(from, of->stride, shift, amounts, plane_count);
            if (base == NULL) {
                sum = (uint8_t)largest - sum;
                memcpy(bytes + first, &sum, sizeof sum);
                continue;
            }
            store_less(base + at, sum, 0, words + first);
            if (runs->count - first > SNN_VECTOR_BYTES / 2) {
                store_less(base + at, sum, 1, words + first);
            }
            for (at += lanes; at >= period;) {
                at -= period;
            }
        }
    }
}

static void take_bytes(const snn_planes *of, const bit_runs *runs, int32_t largest, uint8_t *values)
{
    const int shift = (int)(runs->bit % SNN_BITS);
    if (of->count == SNN_BITS && shift == 0) { /* as most windows have them, with all known when compiled */
        take_runs(of, runs, largest, NULL, 0, values, SNN_BITS, 0);
    } else {
        take_runs(of, runs, largest, NULL, 0, values, of->count, shift);
    }
}

/* sum[i] - amount where bit i of `word` is set. */
#if defined(__AVX512BW__)
typedef int16_t some_words __attribute__((vector_size(64)));
static inline some_words less_chosen(some_words sum, uint64_t word, int16_t amount)
{
    return (some_words)_mm512_mask_sub_epi16((__m512i)sum, (__mmask32)word, (__m512i)sum, _mm512_set1_epi16(amount));
}
#else
typedef int16_t some_words __attribute__((vector_size(32)));
static inline some_words less_chosen(some_words sum, uint64_t word, int16_t amount)
{
    const some_words bits = {1,      1 << 1, 1 << 2,  1 << 3,  1 << 4,  1 << 5,  1 << 6,  1 << 7,
                             1 << 8, 1 << 9, 1 << 10, 1 << 11, 1 << 12, 1 << 13, 1 << 14, INT16_MIN};
    return sum - ((((int16_t)(uint16_t)word & bits) != 0) & amount);
}
#endif

/* Magnitudes that add up to more than a byte holds. */
static void take_words(const snn_planes *of, const bit_runs *runs, const int16_t *base, int64_t period, int16_t *values)
{
    enum { LANES = sizeof(some_words) / sizeof(int16_t) };
    const int shift = (int)(runs->bit % SNN_BITS);
    for (int64_t run = 0; run < runs->runs; run++, values += runs->count) {
        const uint8_t *from = of->bits + run * of->row_bytes + runs->bit / SNN_BITS;
        for (int64_t first = 0, at = 0; first < runs->count; first += LANES, from += LANES / SNN_BITS) {
            const uint8_t *plane = from;
            some_words sum;
            memcpy(&sum, base + at, sizeof sum);
            for (int32_t j = 0; j < of->count; j++, plane += of->stride) {
                uint64_t word;
                memcpy(&word, plane, sizeof word);
                sum = less_chosen(sum, word >> shift, (int16_t)(2 * of->magnitude[j]));
            }
            memcpy(values + first, &sum, sizeof sum);
            for (at += LANES; at >= period;) {
                at -= period;
            }
        }
    }
}

static void take(const snn_planes *of, const bit_runs *runs, const int16_t *base, int64_t period, int16_t *values)
{
    const int shift = (int)(runs->bit % SNN_BITS);
    if (of->sum > UINT8_MAX) {
        take_words(of, runs, base, period, values);
    } else if (of->count == SNN_BITS && shift == 0) {
        take_runs(of, runs, 0, base, period, values, SNN_BITS, 0);
    } else {
        take_runs(of, runs, 0, base, period, values, of->count, shift);
    }
}

/* Values of channels whose bits are all clear, and of as many more as a vector has, beginning again behind `period`. */
static void find_base(const snn_codes *codes, int32_t step, int32_t channel, int32_t period, int16_t *base)
{
    const int32_t all = snn_planes_sum(codes, step);
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
    const int32_t all = snn_planes_sum(codes, 0);
    if (op->pooled || all > UINT8_MAX) {
        return 0;
    }
    for (int32_t c = op->source_channel; c < op->source_channel + op->source_channels; c++) {
        const int32_t zero = snn_codes_zero(codes, all, c);
        if ((all - codes->rest[c]) % 2 != 0 || zero < 0 || zero > UINT8_MAX) {
            return 0;
        }
    }
    return all;
}

int64_t snn_values_scratch(int32_t channels)
{
    return snn_aligned((channels + SNN_VALUES_BEHIND) * (int64_t)sizeof(int16_t));
}

void snn_values_begin(const snn_values *v)
{
    const snn_codes *codes = v->source->codes;
    if (codes == NULL) {
        return;
    }
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
    const int32_t row_channels = source->integers != NULL ? v->source_channels : 8 * source->spikes->row_bytes;
    bit_runs runs = {.bit = v->channel, .count = v->channels, .runs = columns};
    if (v->channel == 0 && v->channels == row_channels) {
        runs = (bit_runs){.count = runs.count * columns, .runs = 1}; /* the source's lie side by side, too */
    }
    if (source->codes != NULL) {
        const snn_planes of = snn_planes_of(source, v->step, position);
        if (v->largest > 0) {
            take_bytes(&of, &runs, v->largest, to);
        } else {
            take(&of, &runs, v->base, v->channels, (int16_t *)(void *)to);
        }
        return;
    }
    for (int64_t run = 0; run < runs.runs; run++, to += runs.count * snn_value_bytes(v->largest)) {
        if (source->integers != NULL) {
            cut(source, v->step, (position + run) * v->source_channels + runs.bit, runs.count, (int16_t *)(void *)to);
            continue;
        }
        const snn_spikes *spikes = source->spikes;
        const uint8_t *bits = snn_spikes_plane(spikes, v->step, source->image) + (position + run) * spikes->row_bytes;
        if (v->largest > 0) {
            choose(bits, runs.bit, runs.count, 2, 0, true, to);
        } else {
            choose(bits, runs.bit, runs.count, 1, -1, false, to);
        }
    }
}
