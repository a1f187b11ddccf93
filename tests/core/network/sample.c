#include "tests/core/network/sample.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"

uint64_t sample_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15U); /* splitmix64 */
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

double sample_uniform(uint64_t *state, double low, double high)
{
    return low + (high - low) * (double)(sample_random(state) >> 11) * 0x1p-53;
}

static void *must_allocate(int64_t count, size_t size)
{
    void *pointer = snn_allocate((size_t)count, size);
    if (pointer == NULL) {
        abort();
    }
    return pointer;
}

sample sample_begin(snn_weight_format format, snn_shape input, int32_t classes, uint64_t seed)
{
    snn_network *network = must_allocate(1, sizeof *network);
    network->name = snn_duplicate_text("sample");
    network->format = format;
    network->input = input;
    network->classes = classes;
    network->populations = must_allocate(SAMPLE_POPULATIONS, sizeof *network->populations);
    network->projections = must_allocate(SAMPLE_PROJECTIONS, sizeof *network->projections);
    return (sample){network, seed};
}

static float *random_floats(sample *made, int64_t count, double low, double high)
{
    float *values = must_allocate(count, sizeof *values);
    for (int64_t i = 0; i < count; i++) {
        values[i] = (float)sample_uniform(&made->random, low, high);
    }
    return values;
}

int32_t sample_population(sample *made, snn_neuron_kind kind, snn_shape input, const snn_window *window,
                          bool bias_per_position)
{
    if (made->network->population_count == SAMPLE_POPULATIONS) {
        abort();
    }
    int32_t number = made->network->population_count++;
    snn_population *population = &made->network->populations[number];
    char name[32];
    (void)snprintf(name, sizeof name, "%s_%d", snn_neuron_kind_name(kind), number);
    population->name = snn_duplicate_text(name);
    population->kind = kind;
    population->input = population->shape = input;
    if (window != NULL) {
        population->window = *window;
        population->shape.height = snn_window_output(window, 0, input.height);
        population->shape.width = snn_window_output(window, 1, input.width);
    }
    population->alpha = kind == SNN_NEURON_LEAKY_RELU ? (float)sample_uniform(&made->random, 0.05, 0.3) : 0.0f;
    population->bias_positions = bias_per_position ? (int32_t)snn_shape_positions(input) : 1;
    population->scale = random_floats(made, population->shape.channels, 0.5, 2.0);
    population->step = must_allocate(input.channels, sizeof *population->step);
    population->bias = random_floats(made, (int64_t)population->bias_positions * input.channels, -0.5, 0.5);
    if (kind == SNN_NEURON_STREAM) {
        for (int32_t c = 0; c < input.channels; c++) {
            population->scale[c] = 1.0f;
        }
        memset(population->bias, 0, (size_t)(population->bias_positions * input.channels) * sizeof(float));
    }
    return number;
}

int32_t sample_nary(sample *made, snn_neuron_kind kind, snn_shape input, int32_t outputs, int32_t groups, float alpha)
{
    const int32_t number = sample_population(made, kind, input, NULL, false);
    snn_population *population = &made->network->populations[number];
    population->shape.channels = outputs;
    population->groups = groups;
    population->alpha = alpha;
    snn_release(population->scale);
    population->scale = random_floats(made, outputs, 0.5, 2.0);
    return number;
}

int32_t sample_readout(sample *made)
{
    return sample_population(made, SNN_NEURON_READOUT, (snn_shape){1, 1, made->network->classes}, NULL, false);
}

/* Whole numbers; small enough for float weights that float sums of them are exact in any order. */
static double weight_range(const snn_network *network, const snn_projection *projection)
{
    const snn_operator_kind kind = projection->op.kind;
    if (projection->source != SNN_SOURCE_INPUT && network->populations[projection->source].kind == SNN_NEURON_STREAM) {
        const bool fraction = kind == SNN_OPERATOR_TOKENS && network->format != SNN_WEIGHTS_FLOAT32;
        return fraction ? (double)(1 << SNN_TOKENS_FRACTION_BITS) : 1.0;
    }
    if (kind == SNN_OPERATOR_TOKENS) {
        return network->format == SNN_WEIGHTS_FLOAT32 ? 5.0 : 5.0 * (1 << SNN_TOKENS_FRACTION_BITS);
    }
    if (network->format == SNN_WEIGHTS_FLOAT32) {
        return 50.0;
    }
    if (snn_weight_bytes(network->format, kind) == (int64_t)sizeof(int32_t)) {
        return 100000.0;
    }
    return network->format == SNN_WEIGHTS_INT8 ? 127.0 : 32767.0;
}

static double mixing_range(const snn_network *network)
{
    return network->format == SNN_WEIGHTS_FLOAT32 ? 50.0 : network->format == SNN_WEIGHTS_INT8 ? 127.0 : 32767.0;
}

static void set_mixing(sample *made, snn_projection *projection)
{
    const snn_operator *op = &projection->op;
    const bool real = made->network->format == SNN_WEIGHTS_FLOAT32;
    const int64_t count = snn_shape_positions(op->target) * snn_shape_positions(snn_operator_pooled_shape(op));
    const double range = mixing_range(made->network);
    projection->mixing = must_allocate(count, real ? sizeof(float) : sizeof(int16_t));
    for (int64_t i = 0; i < count; i++) {
        const long value = lrint(sample_uniform(&made->random, -range, range));
        if (real) {
            ((float *)projection->mixing)[i] = (float)value;
        } else {
            ((int16_t *)projection->mixing)[i] = (int16_t)value;
        }
    }
}

static void set_weight(const snn_network *network, const snn_projection *projection, int64_t i, int32_t value)
{
    if (network->format == SNN_WEIGHTS_FLOAT32) {
        ((float *)projection->weights)[i] = (float)value;
    } else if (snn_weight_bytes(network->format, projection->op.kind) == (int64_t)sizeof(int16_t)) {
        ((int16_t *)projection->weights)[i] = (int16_t)value;
    } else {
        ((int32_t *)projection->weights)[i] = value;
    }
}

void sample_projection(sample *made, int32_t source, int32_t target, snn_operator op)
{
    snn_network *network = made->network;
    if (network->projection_count == SAMPLE_PROJECTIONS) {
        abort();
    }
    snn_projection *projection = &network->projections[network->projection_count++];
    op.source = source == SNN_SOURCE_INPUT ? network->input : network->populations[source].shape;
    op.target = network->populations[target].input;
    op.source_channels = op.source_channels == 0 ? op.source.channels : op.source_channels;
    op.target_channels = op.target_channels == 0 ? op.target.channels : op.target_channels;
    op.groups = op.groups == 0 ? 1 : op.groups;
    projection->source = source;
    projection->target = target;
    projection->op = op;
    projection->row_end = op.target_channels;
    const int64_t count = snn_operator_row_length(&op) * op.target_channels;
    const double range = weight_range(network, projection);
    projection->weights = must_allocate(count, (size_t)snn_weight_bytes(network->format, op.kind));
    for (int64_t i = 0; i < count; i++) {
        set_weight(network, projection, i, (int32_t)lrint(sample_uniform(&made->random, -range, range)));
    }
    if (op.kind == SNN_OPERATOR_TOKENS) {
        set_mixing(made, projection);
    }
    if (op.kind == SNN_OPERATOR_GATHER) {
        const int64_t elements = snn_shape_size(snn_operator_pooled_shape(&op));
        projection->index = must_allocate(count, sizeof *projection->index);
        for (int64_t i = 0; i < count; i++) { /* some take nothing */
            projection->index[i] = (int32_t)(sample_random(&made->random) % (uint64_t)(elements + 1)) - 1;
        }
    }
}

/* Of what the projection adds to a neuron; `sources` has that of each population's values. */
static double projection_variance(const snn_network *network, const snn_projection *projection, const double *sources)
{
    const snn_operator *op = &projection->op;
    const double range = weight_range(network, projection);
    double variance = range * range / 3.0;
    if (op->kind == SNN_OPERATOR_TOKENS) {
        const double mixing = mixing_range(network);
        const double unit = network->format == SNN_WEIGHTS_FLOAT32 ? 1.0 : (double)(1 << SNN_TOKENS_FRACTION_BITS);
        variance *= mixing * mixing / (unit * unit) / 3.0 * (double)snn_shape_positions(snn_operator_pooled_shape(op));
    } else if (op->kind != SNN_OPERATOR_GATHER) {
        variance *= (double)snn_operator_row_length(op);
    }
    variance *= op->pooled ? (double)op->pool.kernel[0] * op->pool.kernel[1] : 1.0;
    return projection->source == SNN_SOURCE_INPUT ? variance : variance * sources[projection->source];
}

void sample_finish(sample *made)
{
    snn_network *network = made->network;
    double sources[SAMPLE_POPULATIONS];
    for (int32_t p = 0; p < network->population_count; p++) {
        double variance = 1e-6;
        for (int32_t i = 0; i < network->projection_count; i++) {
            if (network->projections[i].target == p) {
                variance += projection_variance(network, &network->projections[i], sources);
            }
        }
        sources[p] = network->populations[p].kind == SNN_NEURON_STREAM ? variance : 1.0;
        for (int32_t c = 0; c < network->populations[p].input.channels; c++) {
            network->populations[p].step[c] = (float)(sample_uniform(&made->random, 0.5, 1.5) / sqrt(variance));
        }
    }
}
