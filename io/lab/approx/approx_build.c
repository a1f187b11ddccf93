#include "io/lab/approx/approx_build.h"

#include <math.h>

#include "core/base/memory.h"
#include "core/convert/ranges.h"
#include "core/network/timing.h"

enum { MOST_PROJECTIONS = SNN_APPROX_POPULATIONS - 1, POINTS = SNN_APPROX_POINTS, MANY_IMAGES = 1000000 };

const char *const snn_approx_input_names[SNN_APPROX_INPUT_KINDS] = {"static", "train"};

/* Where the decoded inputs of each value of x are. Neurons of one input, and windows over positions, lie side by side
 * as channels; neurons of several channels have a position for each value of x; neurons of all positions a head, of an
 * image with as few positions as they need. */
typedef struct arrangement {
    snn_shape input, output;
    int64_t begin[SNN_APPROX_INPUTS], stride[SNN_APPROX_INPUTS]; /* input k of value i: begin[k] + i stride[k] */
    int32_t output_stride;                                       /* y of value i is element i output_stride */
    int32_t groups;
} arrangement;

static arrangement side_by_side(int32_t inputs)
{
    arrangement made = {.input = {inputs, 1, POINTS}, .output = {1, 1, POINTS}, .output_stride = 1, .groups = 1};
    for (int32_t k = 0; k < inputs; k++) {
        made.begin[k] = k * POINTS;
        made.stride[k] = 1;
    }
    return made;
}

static arrangement below_each_other(int32_t inputs, int32_t outputs)
{
    arrangement made = {
        .input = {POINTS, 1, inputs}, .output = {POINTS, 1, outputs}, .output_stride = outputs, .groups = 1};
    for (int32_t k = 0; k < inputs; k++) {
        made.begin[k] = k;
        made.stride[k] = inputs;
    }
    return made;
}

/* One position: [query: two channels a head | key: two]. */
static arrangement heads_of_scores(void)
{
    return (arrangement){.input = {1, 1, 4 * POINTS},
                         .output = {1, 1, POINTS},
                         .begin = {0, 1, 2 * POINTS, 2 * POINTS + 1},
                         .stride = {2, 2, 2, 2},
                         .output_stride = 1,
                         .groups = POINTS};
}

/* Two positions: [weights: two a head | value]; the first mixes the values of both. */
static arrangement heads_of_mix(void)
{
    enum { ROW = 3 * POINTS };
    return (arrangement){.input = {2, 1, ROW},
                         .output = {2, 1, POINTS},
                         .begin = {0, 1, 2 * POINTS, ROW + 2 * POINTS},
                         .stride = {2, 2, 1, 1},
                         .output_stride = 1,
                         .groups = POINTS};
}

/* Two positions: [query | key | value]; the first attends to both. */
static arrangement heads_of_attention(void)
{
    enum { ROW = 3 * POINTS };
    return (arrangement){.input = {2, 1, ROW},
                         .output = {2, 1, POINTS},
                         .begin = {0, POINTS, ROW + POINTS, 2 * POINTS, ROW + 2 * POINTS},
                         .stride = {1, 1, 1, 1, 1},
                         .output_stride = 1,
                         .groups = POINTS};
}

static arrangement arrange(const snn_approx_function *function)
{
    const int32_t inputs = function->input_count;
    switch (function->kind) {
    case SNN_NEURON_SCORES:
        return heads_of_scores();
    case SNN_NEURON_MIX:
        return heads_of_mix();
    case SNN_NEURON_ATTENTION:
        return heads_of_attention();
    case SNN_NEURON_LAYER_NORM: /* as many outputs as inputs */
    case SNN_NEURON_SOFTMAX:
    case SNN_NEURON_SHIFTED_EXP:
        return below_each_other(inputs, inputs);
    default: /* one output of what combines its inputs */
        return snn_neuron_reads_all_channels(function->kind) ? below_each_other(inputs, 1) : side_by_side(inputs);
    }
}

static snn_status filled(int32_t count, float value, float **values)
{
    *values = snn_allocate((size_t)count, sizeof **values);
    if (*values == NULL) {
        return snn_out_of_memory("constants");
    }
    for (int32_t i = 0; i < count; i++) {
        (*values)[i] = value;
    }
    return snn_ok();
}

/* A population with x(0) = 0 everywhere. `step`: what a unit of its projections' weights is worth. */
static snn_status add_population(snn_network *network, const char *name, snn_neuron_kind kind, snn_shape input,
                                 snn_shape output, float scale, float step)
{
    snn_population *population = &network->populations[network->population_count++];
    population->kind = kind;
    population->input = input;
    population->shape = output;
    population->groups = 1;
    population->bias_positions = (int32_t)snn_shape_positions(input);
    population->name = snn_duplicate_text(name);
    if (population->name == NULL) {
        return snn_out_of_memory("name");
    }
    SNN_TRY(filled(output.channels, scale, &population->scale));
    SNN_TRY(filled(input.channels, step, &population->step));
    return filled((int32_t)snn_shape_size(input), 0.0f, &population->bias);
}

/* Element i output_stride of the source to channel i (gather), or channel to channel (diagonal); weights of one. */
static snn_status add_projection(snn_network *network, snn_operator_kind kind, int32_t output_stride)
{
    const int32_t target = network->population_count - 1;
    snn_projection *projection = &network->projections[network->projection_count++];
    projection->source = target - 1;
    projection->target = target;
    snn_operator *op = &projection->op;
    op->kind = kind;
    op->source = network->populations[target - 1].shape;
    op->source_channels = op->source.channels;
    op->target = network->populations[target].input;
    op->target_channels = op->target.channels;
    projection->row_end = op->target_channels;
    int32_t *weights = snn_allocate((size_t)op->target_channels, sizeof *weights);
    projection->weights = weights;
    projection->index = kind == SNN_OPERATOR_GATHER ? snn_allocate((size_t)op->target_channels, sizeof(int32_t)) : NULL;
    if (weights == NULL || (kind == SNN_OPERATOR_GATHER && projection->index == NULL)) {
        return snn_out_of_memory("weights");
    }
    for (int32_t i = 0; i < op->target_channels; i++) {
        weights[i] = 1;
        if (projection->index != NULL) {
            projection->index[i] = i * output_stride;
        }
    }
    return snn_ok();
}

static void set_bias(const snn_approx_result *result, const arrangement *where, snn_population *population)
{
    for (int32_t k = 0; k < result->function->input_count; k++) {
        for (int32_t i = 0; i < POINTS; i++) {
            population->bias[where->begin[k] + i * where->stride[k]] =
                snn_approx_function_input(result->function, k, result->x[i]);
        }
    }
}

/* The largest decoded input, the scale of the neurons that send it. */
static float input_scale(const snn_approx_result *result)
{
    float largest = 0.0f;
    for (int32_t k = 0; k < result->function->input_count; k++) {
        for (int32_t i = 0; i < POINTS; i++) {
            largest = fmaxf(largest, fabsf(snn_approx_function_input(result->function, k, result->x[i])));
        }
    }
    return largest;
}

static snn_status fill_network(const snn_approx_result *result, snn_approx_input input, snn_network *network)
{
    const snn_approx_function *function = result->function;
    const arrangement where = arrange(function);
    const float source_scale = input_scale(result);
    network->format = SNN_WEIGHTS_INT16;
    network->input = (snn_shape){1, 1, 1}; /* nothing reads it */
    network->classes = POINTS;
    network->name = snn_duplicate_text("approx");
    network->populations = snn_allocate(SNN_APPROX_POPULATIONS, sizeof *network->populations);
    network->projections = snn_allocate(MOST_PROJECTIONS, sizeof *network->projections);
    if (network->name == NULL || network->populations == NULL || network->projections == NULL) {
        return snn_out_of_memory("network");
    }
    if (input == SNN_APPROX_TRAIN) {
        SNN_TRY(add_population(network, "source", SNN_NEURON_LINEAR, where.input, where.input, source_scale, 0.0f));
    }
    SNN_TRY(add_population(network, "neuron", function->kind, where.input, where.output, result->scale, source_scale));
    snn_population *neuron = &network->populations[network->population_count - 1];
    neuron->groups = where.groups;
    neuron->alpha = function->alpha;
    neuron->beta = function->beta;
    const int32_t inputs = function->input_count; /* of a window: it slides over nothing but its own neuron's inputs */
    neuron->window = (snn_window){{inputs, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}};
    if (input == SNN_APPROX_TRAIN) {
        SNN_TRY(add_projection(network, SNN_OPERATOR_DIAGONAL, 1));
    }
    set_bias(result, &where, &network->populations[0]);
    const snn_shape readout = {1, 1, POINTS};
    SNN_TRY(add_population(network, "readout", SNN_NEURON_READOUT, readout, readout, 1.0f, 1.0f));
    return add_projection(network, SNN_OPERATOR_GATHER, where.output_stride);
}

/* The largest -value of an input, or of f in units of the scale; 0 if none is negative. */
static double largest_negative_input(const snn_approx_result *result)
{
    double negative = 0.0;
    for (int32_t k = 0; k < result->function->input_count; k++) {
        for (int32_t i = 0; i < POINTS; i++) {
            negative = fmax(negative, -(double)snn_approx_function_input(result->function, k, result->x[i]));
        }
    }
    return negative;
}

static double largest_negative_value(const snn_approx_result *result)
{
    double negative = 0.0;
    for (int32_t i = 0; i < POINTS; i++) {
        negative = fmax(negative, -result->target[i] * (double)result->scale);
    }
    return negative;
}

/* Spikes of `population` become steps of a window, which spans what a conversion would make it span that has seen many
 * values: its y is in units, each worth its scale, and what the next population decodes is in units too. */
static snn_status set_window(snn_network *network, int32_t population, double negative)
{
    snn_population *source = &network->populations[population], *reader = source + 1;
    const double sigma = (double)source->scale[0];
    float *negatives;
    SNN_TRY(filled(source->shape.channels, (float)negative, &negatives));
    const snn_status status = snn_ranges_choose(&network->windows, negatives, MANY_IMAGES, source);
    snn_release(negatives);
    SNN_TRY(status);
    for (int32_t c = 0; c < reader->input.channels; c++) {
        reader->step[c] = (float)((double)reader->step[c] * ((double)source->scale[0] / sigma));
    }
    return snn_ok();
}

static snn_status set_windows(const snn_approx_result *result, const snn_windows *windows, snn_network *network)
{
    const int32_t neuron = network->population_count - 2; /* before the readout */
    network->windows = *windows;
    if (neuron > 0) {
        SNN_TRY(set_window(network, 0, largest_negative_input(result)));
    }
    SNN_TRY(set_window(network, neuron, largest_negative_value(result)));
    snn_network_find_depths(network);
    return snn_network_check(network);
}

snn_status snn_approx_network_create(const snn_approx_result *result, snn_approx_input input,
                                     const snn_windows *windows, snn_network **network)
{
    *network = snn_allocate(1, sizeof **network);
    if (*network == NULL) {
        return snn_out_of_memory("network");
    }
    SNN_TRY(fill_network(result, input, *network));
    return windows != NULL ? set_windows(result, windows, *network) : snn_ok();
}

snn_status snn_approx_shard_create(const snn_network *network, const float *eta, int32_t timesteps, snn_shard **shard)
{
    const snn_kernels *kernels;
    snn_channel_range all[SNN_APPROX_POPULATIONS];
    for (int32_t p = 0; p < network->population_count; p++) {
        all[p] = (snn_channel_range){0, network->populations[p].shape.channels};
    }
    const snn_shard_options options = {.images = 1,
                                       .block = 1,
                                       .timesteps = timesteps,
                                       .eta = eta,
                                       .encoding = SNN_ENCODING_DIRECT,
                                       .channels = all,
                                       .visible = all};
    SNN_TRY(snn_kernels_select(&kernels));
    SNN_TRY(snn_shard_create(network, kernels, &options, shard));
    return snn_shard_begin_group(*shard, 1, NULL, NULL);
}

void snn_approx_measure(const snn_approx_result *result, const float *y, double *mean, double *maximum)
{
    double sum = 0.0, largest = 0.0;
    for (int32_t i = 0; i < POINTS; i++) {
        const double error = fabs((double)y[i] - result->target[i]);
        sum += error;
        largest = error > largest ? error : largest;
    }
    *mean = sum / POINTS;
    *maximum = largest;
}
