/* Neurons of several inputs at one position: normalisation, products, quotients, softmax; see nary.h for their sums.
 *
 * Roots and divisors that are positive in the trained network are kept positive, because decoded values may stray: the
 * second input of `normalise` is taken as at least 0, that of `quotient` as at least alpha. With beta 1 a quotient's
 * divisor may be negative: then its magnitude is kept at alpha or above. */
#include "core/kernels/nary.h"

#include <string.h>

/* Partial sums of a row's elements. */
typedef struct partial {
    snn_sixteen low, high;
} partial;

static inline float whole_of(const partial *sums)
{
    float lanes[SNN_LANES];
    snn_nary_store(lanes, sums->low);
    snn_nary_store(lanes + SNN_LANES / 2, sums->high);
    return snn_nary_sum_lanes(lanes);
}

static float sum_of(const float *x, int32_t count)
{
    partial sums = {{0}, {0}};
    for (int32_t c = 0; c < count; c += SNN_LANES) {
        float last[SNN_LANES];
        const float *from = x + c;
        if (count - c < SNN_LANES) {
            snn_lanes_load(last, from, count - c);
            from = last;
        }
        sums.low = sums.low + snn_nary_load(from);
        sums.high = sums.high + snn_nary_load(from + SNN_LANES / 2);
    }
    return whole_of(&sums);
}

static float sum_of_squares(const float *x, int32_t count, float mean)
{
    partial sums = {{0}, {0}};
    for (int32_t c = 0; c < count; c += SNN_LANES) {
        float last[SNN_LANES];
        const float *from = x + c;
        if (count - c < SNN_LANES) {
            for (int32_t i = 0; i < SNN_LANES; i++) {
                last[i] = i < count - c ? from[i] : mean; /* whose distance is 0 */
            }
            from = last;
        }
        const snn_sixteen low = snn_nary_load(from) - mean, high = snn_nary_load(from + SNN_LANES / 2) - mean;
        sums.low = sums.low + low * low;
        sums.high = sums.high + high * high;
    }
    return whole_of(&sums);
}

static float inverse_root(float value)
{
    return 1.0F / __builtin_sqrtf(value);
}

/* (x - mean) / sqrt(variance + alpha) of the owned part of each group; with 0 for the mean if beta is 1. */
static void fire_layer_norm(const snn_firing *now, int64_t position, const float *x)
{
    const snn_neurons *neurons = now->neurons;
    const int32_t length = neurons->shape.channels / neurons->groups;
    for (int32_t begin = 0; begin < neurons->shape.channels; begin += length) {
        const snn_range owned = snn_nary_owned(neurons, begin, begin + length);
        if (owned.begin >= owned.end) {
            continue;
        }
        const float mean = neurons->beta == 0.0F ? sum_of(x + begin, length) / (float)length : 0.0F;
        const float variance = sum_of_squares(x + begin, length, mean) / (float)length;
        const float factor = inverse_root(variance + neurons->alpha);
        for (int32_t c = owned.begin; c < owned.end; c += SNN_LANES) {
            _Alignas(SNN_ALIGNMENT) float value[SNN_LANES];
            const int32_t count = (int32_t)snn_smaller(owned.end - c, SNN_LANES);
            snn_lanes_load(value, x + c, count);
            for (int i = 0; i < SNN_LANES; i++) {
                value[i] = (value[i] - mean) * factor;
            }
            snn_nary_fire(now, position, c, count, value);
        }
    }
}

/* x1 / sqrt(x2 + alpha) */
static void fire_normalise(const snn_firing *now, int64_t position, const float *x)
{
    const snn_neurons *neurons = now->neurons;
    const float square = x[neurons->shape.channels];
    const float factor = inverse_root((square > 0.0F ? square : 0.0F) + neurons->alpha);
    for (int32_t c = neurons->channel_begin; c < neurons->channel_end; c += SNN_LANES) {
        _Alignas(SNN_ALIGNMENT) float value[SNN_LANES];
        const int32_t count = (int32_t)snn_smaller(neurons->channel_end - c, SNN_LANES);
        snn_lanes_load(value, x + c, count);
        for (int i = 0; i < SNN_LANES; i++) {
            value[i] = value[i] * factor;
        }
        snn_nary_fire(now, position, c, count, value);
    }
}

static void fire_product(const snn_firing *now, int64_t position, const float *x)
{
    const snn_neurons *neurons = now->neurons;
    for (int32_t c = neurons->channel_begin; c < neurons->channel_end; c += SNN_LANES) {
        _Alignas(SNN_ALIGNMENT) float value[SNN_LANES], other[SNN_LANES];
        const int32_t count = (int32_t)snn_smaller(neurons->channel_end - c, SNN_LANES);
        snn_lanes_load(value, x + c, count);
        snn_lanes_load(other, x + neurons->shape.channels + c, count);
        for (int i = 0; i < SNN_LANES; i++) {
            value[i] = value[i] * other[i];
        }
        snn_nary_fire(now, position, c, count, value);
    }
}

static void fire_quotient(const snn_firing *now, int64_t position, const float *x)
{
    const snn_neurons *neurons = now->neurons;
    const bool either_sign = neurons->beta != 0.0F;
    const int32_t length = neurons->shape.channels / neurons->groups;
    for (int32_t c = neurons->channel_begin; c < neurons->channel_end; c += SNN_LANES) {
        _Alignas(SNN_ALIGNMENT) float value[SNN_LANES], divisor[SNN_LANES];
        const int32_t count = (int32_t)snn_smaller(neurons->channel_end - c, SNN_LANES);
        snn_lanes_load(value, x + c, count);
        for (int i = 0; i < SNN_LANES; i++) {
            divisor[i] = i < count ? x[neurons->shape.channels + (c + i) / length] : 1.0F;
        }
        for (int i = 0; i < SNN_LANES; i++) {
            const float kept = divisor[i] > neurons->alpha ? divisor[i] : neurons->alpha;
            value[i] = value[i] / (either_sign ? snn_function_divisor(neurons->alpha, divisor[i]) : kept);
        }
        snn_nary_fire(now, position, c, count, value);
    }
}

/* Softmax, or its numerators. */
static void fire_softmax(const snn_firing *now, int64_t position, const float *x)
{
    const snn_neurons *neurons = now->neurons;
    const int32_t length = neurons->shape.channels / neurons->groups;
    float *row = now->tile->scratch;
    for (int32_t begin = 0; begin < neurons->shape.channels; begin += length) {
        const snn_range owned = snn_nary_owned(neurons, begin, begin + length);
        if (owned.begin >= owned.end) {
            continue;
        }
        memcpy(row, x + begin, (size_t)length * sizeof row[0]);
        const float sum = snn_nary_exponentials(row, length);
        const float factor = neurons->kind == SNN_NEURON_SOFTMAX ? 1.0F / sum : 1.0F;
        for (int32_t c = owned.begin; c < owned.end; c += SNN_LANES) {
            _Alignas(SNN_ALIGNMENT) float value[SNN_LANES];
            const int32_t count = (int32_t)snn_smaller(owned.end - c, SNN_LANES);
            snn_lanes_load(value, row + c - begin, count);
            for (int i = 0; i < SNN_LANES; i++) {
                value[i] = value[i] * factor;
            }
            snn_nary_fire(now, position, c, count, value);
        }
    }
}

static void fire_position(const snn_firing *now, int64_t position)
{
    const snn_neurons *neurons = now->neurons;
    const float *x = neurons->x + position * neurons->input_channels;
    switch (neurons->kind) {
    case SNN_NEURON_LAYER_NORM:
        fire_layer_norm(now, position, x);
        break;
    case SNN_NEURON_NORMALISE:
        fire_normalise(now, position, x);
        break;
    case SNN_NEURON_PRODUCT:
        fire_product(now, position, x);
        break;
    case SNN_NEURON_QUOTIENT:
        fire_quotient(now, position, x);
        break;
    default:
        fire_softmax(now, position, x);
        break;
    }
}

int64_t snn_portable_nary_scratch_bytes(const snn_population *population)
{
    if (population->kind == SNN_NEURON_SOFTMAX || population->kind == SNN_NEURON_SHIFTED_EXP) {
        return snn_nary_whole_lanes(population->shape.channels / population->groups) * (int64_t)sizeof(float);
    }
    return snn_attention_scratch(population);
}

static void integrate(const snn_firing *now, int64_t position)
{
    for (int32_t first = 0; first < now->neurons->input_channels; first += SNN_LANES) {
        snn_lanes_integrate_state(now->neurons, now->tile, first, now->step, position);
    }
}

void snn_portable_fire_nary(const snn_neurons *neurons, const snn_tile *tile, const snn_tile_counts *counts)
{
    snn_firing now = {.neurons = neurons, .tile = tile, .counts = counts};
    if (snn_neuron_reads_all_positions(neurons->kind)) {
        for (now.step = 0; now.step < tile->steps; now.step++) {
            for (int64_t position = tile->position_begin; position < tile->position_end; position++) {
                integrate(&now, position);
            }
            snn_attention_fire(&now);
        }
        return;
    }
    for (int64_t position = tile->position_begin; position < tile->position_end; position++) {
        for (now.step = 0; now.step < tile->steps; now.step++) {
            integrate(&now, position);
            fire_position(&now, position);
        }
    }
}

void snn_portable_values_nary(const snn_neurons *neurons, const snn_tile *tile, float *values)
{
    const snn_firing now = {.neurons = neurons, .tile = tile, .values = values};
    if (snn_neuron_reads_all_positions(neurons->kind)) {
        snn_attention_fire(&now);
        return;
    }
    for (int64_t position = tile->position_begin; position < tile->position_end; position++) {
        fire_position(&now, position);
    }
}
