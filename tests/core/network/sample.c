#include "tests/core/network/sample.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/network/timing.h"

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

/* Of what the projection adds to a neuron; `sources` has that of each population's values, the others are those of its
 * weights and of what they mix. */
static double projection_variance(const snn_network *network, const snn_projection *projection, double weights,
                                  double mixing, const double *sources)
{
    const snn_operator *op = &projection->op;
    double variance = weights;
    if (op->kind == SNN_OPERATOR_TOKENS) {
        const double unit = network->format == SNN_WEIGHTS_FLOAT32 ? 1.0 : (double)(1 << SNN_TOKENS_FRACTION_BITS);
        variance *= mixing / (unit * unit) * (double)snn_shape_positions(snn_operator_pooled_shape(op));
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
                const double range = weight_range(network, &network->projections[i]), mixing = mixing_range(network);
                variance += projection_variance(network, &network->projections[i], range * range / 3.0,
                                                mixing * mixing / 3.0, sources);
            }
        }
        sources[p] = network->populations[p].kind == SNN_NEURON_STREAM ? variance : 1.0;
        for (int32_t c = 0; c < network->populations[p].input.channels; c++) {
            network->populations[p].step[c] = (float)(sample_uniform(&made->random, 0.5, 1.5) / sqrt(variance));
        }
    }
}

/* ---- windows ---- */

static double weight_of(const snn_network *network, const snn_projection *projection, int64_t i)
{
    if (network->format == SNN_WEIGHTS_FLOAT32) {
        return (double)((const float *)projection->weights)[i];
    }
    return snn_weight_bytes(network->format, projection->op.kind) == (int64_t)sizeof(int16_t)
               ? ((const int16_t *)projection->weights)[i]
               : ((const int32_t *)projection->weights)[i];
}

static double mixing_of(const snn_network *network, const snn_projection *projection, int64_t i)
{
    return network->format == SNN_WEIGHTS_FLOAT32 ? (double)((const float *)projection->mixing)[i]
                                                  : ((const int16_t *)projection->mixing)[i];
}

static double mean_square(const snn_network *network, const snn_projection *projection,
                          double (*value)(const snn_network *, const snn_projection *, int64_t), int64_t count)
{
    double sum = 0.0;
    for (int64_t i = 0; i < count; i++) {
        sum += value(network, projection, i) * value(network, projection, i);
    }
    return sum / (double)count;
}

static int64_t weight_count(const snn_projection *projection)
{
    return snn_operator_row_length(&projection->op) * projection->op.target_channels;
}

static int64_t mixing_count(const snn_projection *projection)
{
    const snn_operator *op = &projection->op;
    const int64_t count = snn_shape_positions(op->target) * snn_shape_positions(snn_operator_pooled_shape(op));
    return op->kind == SNN_OPERATOR_TOKENS ? count : 0;
}

/* Divides weights until sums of them stay within 32 bits: a stream's by far, as others read it. `reach`: of a source.
 */
static void make_smaller(const snn_network *network, snn_projection *projection, int32_t reach)
{
    const snn_operator *op = &projection->op;
    const double limit = network->populations[projection->target].kind == SNN_NEURON_STREAM ? 0x1p24 : 0x1p27;
    double factor = reach * (op->pooled ? (double)op->pool.kernel[0] * op->pool.kernel[1] : 1.0), row = 0.0;
    if (op->kind == SNN_OPERATOR_TOKENS) {
        const double mixing = mixing_range(network) * (double)snn_shape_positions(snn_operator_pooled_shape(op));
        const int32_t divisor = (int32_t)ceil(fmax(factor * mixing / limit, 1.0));
        for (int64_t i = 0; i < mixing_count(projection); i++) {
            ((int16_t *)projection->mixing)[i] = (int16_t)(((int16_t *)projection->mixing)[i] / divisor);
        }
        return; /* the rows' weights are of order 1 */
    }
    for (int64_t i = 0; i < weight_count(projection); i++) {
        row = fmax(row, fabs(weight_of(network, projection, i)));
    }
    row *= op->kind == SNN_OPERATOR_GATHER ? 1.0 : (double)snn_operator_row_length(op);
    const double divisor = ceil(fmax(factor * row / limit, 1.0));
    for (int64_t i = 0; i < weight_count(projection); i++) {
        set_weight(network, projection, i, (int32_t)(weight_of(network, projection, i) / divisor));
    }
}

static void set_rest(sample *made, snn_population *population)
{
    const snn_windows *windows = &made->network->windows;
    const int32_t reach = snn_windows_reach(windows);
    population->unit = (float)((1.0 + windows->margin) / reach);
    population->rest = must_allocate(population->shape.channels, sizeof *population->rest);
    for (int32_t c = 0; c < population->shape.channels; c++) {
        const double wanted = sample_uniform(&made->random, -reach, reach);
        population->scale[c] *= population->unit;
        switch (sample_random(&made->random) % 3) {
        case 0:
            population->rest[c] = (int32_t)wanted;
            break;
        case 1:
            population->rest[c] = snn_windows_rest(windows, 0.0, snn_neuron_is_strict(population->kind));
            break;
        default:
            population->rest[c] = snn_windows_rest(windows, 0.5 * reach, snn_neuron_is_strict(population->kind));
            break;
        }
    }
}

/* Products of spikes are rounded to fewer bits here and there, and those of the image have fraction bits. */
static void set_shifts(sample *made)
{
    static const int32_t shifts[] = {0, 0, 1, 4};
    const snn_network *network = made->network;
    for (int32_t i = 0; i < network->projection_count; i++) {
        snn_projection *projection = &network->projections[i];
        const bool image = projection->source == SNN_SOURCE_INPUT;
        if (projection->op.kind == SNN_OPERATOR_TOKENS || network->format == SNN_WEIGHTS_FLOAT32 ||
            (!image && network->populations[projection->source].kind == SNN_NEURON_STREAM)) {
            continue;
        }
        projection->shift = image ? projection->target % 3 : shifts[sample_random(&made->random) % 4];
    }
}

static void set_steps(sample *made, double spikes)
{
    const snn_network *network = made->network;
    const bool real = network->format == SNN_WEIGHTS_FLOAT32;
    double sources[SAMPLE_POPULATIONS];
    for (int32_t p = 0; p < network->population_count; p++) {
        snn_population *population = &network->populations[p];
        const bool stream = population->kind == SNN_NEURON_STREAM;
        double variance = 1e-6;
        for (int32_t i = 0; i < network->projection_count; i++) {
            const snn_projection *projection = &network->projections[i];
            if (projection->target == p) {
                const double weights = mean_square(network, projection, weight_of, weight_count(projection));
                const double mixing = projection->mixing != NULL
                                          ? mean_square(network, projection, mixing_of, mixing_count(projection))
                                          : 0.0;
                variance +=
                    ldexp(projection_variance(network, projection, weights, mixing, sources), -2 * projection->shift);
            }
        }
        sources[p] = stream ? variance : spikes;
        for (int32_t c = 0; c < population->input.channels; c++) {
            const double step = sample_uniform(&made->random, 0.5, 1.5) / sqrt(variance);
            /* A power of two, so that the image is a whole number of such steps. */
            population->step[c] = (float)(stream && real ? exp2(rint(log2(step))) : step);
        }
    }
}

void sample_windows(snn_network *network, const snn_windows *windows, uint64_t seed)
{
    const int32_t reach = snn_windows_reach(windows);
    sample made = {network, seed};
    network->windows = *windows;
    for (int32_t p = 0; p < network->population_count; p++) {
        if (snn_neuron_spikes(network->populations[p].kind)) {
            set_rest(&made, &network->populations[p]);
        }
    }
    for (int32_t i = 0; i < network->projection_count; i++) {
        snn_projection *projection = &network->projections[i];
        if (projection->source != SNN_SOURCE_INPUT && network->format != SNN_WEIGHTS_FLOAT32 &&
            network->populations[projection->source].kind != SNN_NEURON_STREAM) {
            make_smaller(network, projection, 2 * reach);
        }
    }
    set_shifts(&made);
    set_steps(&made, 0.25 * reach * reach);
    snn_network_find_depths(network);
}
