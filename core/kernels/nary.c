/* f(x) of neurons of several inputs at one position: normalisation, products, quotients, softmax; nary.h has their
 * sums.
 *
 * Roots and divisors that are positive in the trained network are kept positive, because decoded values may stray: the
 * second input of `normalise` is taken as at least 0, that of `quotient` as at least alpha. With beta 1 a quotient's
 * divisor may be negative: then its magnitude is kept at alpha or above. */
#include "core/kernels/nary.h"

#include <string.h>

static float sum_of(const float *x, int32_t count)
{
    snn_nary_sums sums = snn_nary_no_sums();
    for (int32_t c = 0; c < count; c += SNN_LANES) {
        float last[SNN_LANES];
        const float *from = x + c;
        if (count - c < SNN_LANES) {
            snn_lanes_load(last, from, count - c);
            from = last;
        }
        for (int v = 0; v < SNN_NARY_VECTORS; v++) {
            sums.lanes[v] += snn_vector_load_whole(from + v * SNN_VECTOR);
        }
    }
    return snn_nary_sum_of(&sums);
}

static float sum_of_squares(const float *x, int32_t count, float mean)
{
    snn_nary_sums sums = snn_nary_no_sums();
    const snn_vector middle = snn_vector_all(mean);
    for (int32_t c = 0; c < count; c += SNN_LANES) {
        float last[SNN_LANES];
        const float *from = x + c;
        if (count - c < SNN_LANES) {
            for (int32_t i = 0; i < SNN_LANES; i++) {
                last[i] = i < count - c ? from[i] : mean; /* whose distance is 0 */
            }
            from = last;
        }
        for (int v = 0; v < SNN_NARY_VECTORS; v++) {
            const snn_vector distance = snn_vector_load_whole(from + v * SNN_VECTOR) - middle;
            sums.lanes[v] += distance * distance;
        }
    }
    return snn_nary_sum_of(&sums);
}

static float inverse_root(float value)
{
    return 1.0F / __builtin_sqrtf(value);
}

/* Each of these finds f(x) of a position's owned outputs, values[0] that of the first, from x of all its inputs. */

/* (x - mean) / sqrt(variance + alpha) of the owned part of each group; with 0 for the mean if beta is 1. */
static void find_layer_norm(const snn_neurons *neurons, const float *restrict x, float *restrict values)
{
    const int32_t length = neurons->shape.channels / neurons->groups;
    for (int32_t begin = 0; begin < neurons->shape.channels; begin += length) {
        const snn_range owned = snn_nary_owned(neurons, begin, begin + length);
        if (owned.begin >= owned.end) {
            continue;
        }
        const float mean = neurons->beta == 0.0F ? sum_of(x + begin, length) / (float)length : 0.0F;
        const float variance = sum_of_squares(x + begin, length, mean) / (float)length;
        const float factor = inverse_root(variance + neurons->alpha);
        for (int32_t c = owned.begin; c < owned.end; c++) {
            *values++ = (x[c] - mean) * factor;
        }
    }
}

/* x1 / sqrt(x2 + alpha) */
static void find_normalised(const snn_neurons *neurons, const float *restrict x, float *restrict values)
{
    const float square = x[neurons->shape.channels];
    const float factor = inverse_root((square > 0.0F ? square : 0.0F) + neurons->alpha);
    for (int32_t c = 0; c < snn_lanes_owned(neurons); c++) {
        values[c] = x[neurons->channel_begin + c] * factor;
    }
}

static void find_product(const snn_neurons *neurons, const float *restrict x, float *restrict values)
{
    const float *restrict other = x + neurons->shape.channels + neurons->channel_begin;
    for (int32_t c = 0; c < snn_lanes_owned(neurons); c++) {
        values[c] = x[neurons->channel_begin + c] * other[c];
    }
}

static void find_quotient(const snn_neurons *neurons, const float *restrict x, float *restrict values)
{
    const float *restrict divisors = x + neurons->shape.channels;
    const int32_t length = neurons->shape.channels / neurons->groups;
    for (int32_t c = neurons->channel_begin; c < neurons->channel_end;) {
        const int32_t group = c / length, end = (int32_t)snn_smaller((group + 1) * length, neurons->channel_end);
        const float divisor = divisors[group], kept = divisor > neurons->alpha ? divisor : neurons->alpha;
        const float by = neurons->beta != 0.0F ? snn_function_divisor(neurons->alpha, divisor) : kept;
        for (; c < end; c++) {
            *values++ = x[c] / by;
        }
    }
}

/* Softmax, or its numerators; `row` has room for a group. */
static void find_softmax(const snn_neurons *neurons, const float *restrict x, float *restrict row,
                         float *restrict values)
{
    const int32_t length = neurons->shape.channels / neurons->groups;
    for (int32_t begin = 0; begin < neurons->shape.channels; begin += length) {
        const snn_range owned = snn_nary_owned(neurons, begin, begin + length);
        if (owned.begin >= owned.end) {
            continue;
        }
        memcpy(row, x + begin, (size_t)length * sizeof row[0]);
        const float sum = snn_nary_exponentials(row, length);
        const float factor = neurons->kind == SNN_NEURON_SOFTMAX ? 1.0F / sum : 1.0F;
        for (int32_t c = owned.begin; c < owned.end; c++) {
            *values++ = row[c - begin] * factor;
        }
    }
}

static void find_values(const snn_nary_job *of, const float *x, float *values)
{
    const snn_neurons *neurons = of->neurons;
    switch (neurons->kind) {
    case SNN_NEURON_LAYER_NORM:
        find_layer_norm(neurons, x, values);
        break;
    case SNN_NEURON_NORMALISE:
        find_normalised(neurons, x, values);
        break;
    case SNN_NEURON_PRODUCT:
        find_product(neurons, x, values);
        break;
    case SNN_NEURON_QUOTIENT:
        find_quotient(neurons, x, values);
        break;
    default:
        find_softmax(neurons, x, of->scratch, values);
        break;
    }
}

int64_t snn_nary_scratch(const snn_population *population)
{
    if (snn_neuron_reads_all_positions(population->kind)) {
        return snn_attention_scratch(population);
    }
    if (!snn_neuron_reads_all_channels(population->kind)) {
        return 0;
    }
    return snn_nary_whole_lanes(population->shape.channels) * (int64_t)sizeof(float); /* a group */
}

void snn_nary_find(const snn_nary_job *of)
{
    const snn_neurons *neurons = of->neurons;
    if (snn_neuron_reads_all_positions(neurons->kind)) {
        snn_attention_find(of);
        return;
    }
    for (int64_t position = 0; position < of->positions; position++) {
        find_values(of, of->x + position * neurons->input_channels, of->values + position * snn_lanes_owned(neurons));
    }
}
