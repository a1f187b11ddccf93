#include "core/network/network.h"

#include <string.h>

#include "core/base/memory.h"

typedef struct neuron_traits {
    const char *name;
    bool all_channels, all_positions, silent, strict;
} neuron_traits;

static const neuron_traits neurons[SNN_NEURON_KIND_COUNT] = {
    [SNN_NEURON_RELU] = {.name = "relu"},
    [SNN_NEURON_LEAKY_RELU] = {.name = "leaky_relu", .strict = true},
    [SNN_NEURON_LINEAR] = {.name = "linear"},
    [SNN_NEURON_MAXIMUM] = {.name = "maximum", .all_positions = true},
    [SNN_NEURON_READOUT] = {.name = "readout", .silent = true},
    [SNN_NEURON_STREAM] = {.name = "stream", .silent = true},
    [SNN_NEURON_GELU] = {.name = "gelu", .strict = true},
    [SNN_NEURON_GELU_TANH] = {.name = "gelu_tanh", .strict = true},
    [SNN_NEURON_ABS] = {.name = "abs"},
    [SNN_NEURON_SQUARE] = {.name = "square"},
    [SNN_NEURON_EXP] = {.name = "exp"},
    [SNN_NEURON_SQRT] = {.name = "sqrt"},
    [SNN_NEURON_RECIPROCAL] = {.name = "reciprocal"},
    [SNN_NEURON_TANH] = {.name = "tanh"},
    [SNN_NEURON_SIGMOID] = {.name = "sigmoid"},
    [SNN_NEURON_SILU] = {.name = "silu"},
    [SNN_NEURON_ELU] = {.name = "elu"},
    [SNN_NEURON_SELU] = {.name = "selu"},
    [SNN_NEURON_CELU] = {.name = "celu"},
    [SNN_NEURON_SOFTPLUS] = {.name = "softplus"},
    [SNN_NEURON_SOFTSIGN] = {.name = "softsign"},
    [SNN_NEURON_MISH] = {.name = "mish"},
    [SNN_NEURON_HARD_SWISH] = {.name = "hard_swish"},
    [SNN_NEURON_HARD_SIGMOID] = {.name = "hard_sigmoid"},
    [SNN_NEURON_CLIP] = {.name = "clip"},
    [SNN_NEURON_THRESHOLDED_RELU] = {.name = "thresholded_relu"},
    [SNN_NEURON_ERF] = {.name = "erf"},
    [SNN_NEURON_LAYER_NORM] = {.name = "layer_norm", .all_channels = true},
    [SNN_NEURON_NORMALISE] = {.name = "normalise", .all_channels = true},
    [SNN_NEURON_PRODUCT] = {.name = "product", .all_channels = true},
    [SNN_NEURON_QUOTIENT] = {.name = "quotient", .all_channels = true},
    [SNN_NEURON_SCORES] = {.name = "scores", .all_channels = true, .all_positions = true},
    [SNN_NEURON_SOFTMAX] = {.name = "softmax", .all_channels = true},
    [SNN_NEURON_SHIFTED_EXP] = {.name = "shifted_exp", .all_channels = true},
    [SNN_NEURON_MIX] = {.name = "mix", .all_channels = true, .all_positions = true},
    [SNN_NEURON_ATTENTION] = {.name = "attention", .all_channels = true, .all_positions = true},
    [SNN_NEURON_SHRINK] = {.name = "shrink"},
};

const char *snn_neuron_kind_name(snn_neuron_kind kind)
{
    return (unsigned)kind < SNN_NEURON_KIND_COUNT ? neurons[kind].name : "unknown";
}

bool snn_neuron_reads_all_channels(snn_neuron_kind kind)
{
    return neurons[kind].all_channels;
}

bool snn_neuron_reads_all_positions(snn_neuron_kind kind)
{
    return neurons[kind].all_positions;
}

int64_t snn_attention_positions(float beta, snn_shape input)
{
    return beta > 0.0f ? (int64_t)beta : snn_shape_positions(input);
}

bool snn_neuron_spikes(snn_neuron_kind kind)
{
    return !neurons[kind].silent;
}

bool snn_neuron_is_strict(snn_neuron_kind kind)
{
    return neurons[kind].strict;
}

/* Adds a range behind the others, or to the last one if that ends where it begins. */
static int32_t add_range(snn_channel_range *reads, int32_t count, int32_t begin, int32_t end)
{
    if (count > 0 && reads[count - 1].end >= begin) {
        reads[count - 1].end = end;
        return count;
    }
    reads[count] = (snn_channel_range){begin, end};
    return count + 1;
}

int32_t snn_population_reads(const snn_population *population, int32_t begin, int32_t end,
                             snn_channel_range reads[SNN_MOST_READ])
{
    const int32_t channels = population->shape.channels, groups = population->groups > 0 ? population->groups : 1;
    const int32_t length = channels / groups; /* outputs of a group or head */
    const int32_t first = begin / length, last = (end + length - 1) / length;
    if (begin >= end) {
        return 0;
    }
    switch (population->kind) {
    case SNN_NEURON_LAYER_NORM:
    case SNN_NEURON_SOFTMAX:
    case SNN_NEURON_SHIFTED_EXP:
        return add_range(reads, 0, first * length, last * length);
    case SNN_NEURON_NORMALISE:
        return add_range(reads, add_range(reads, 0, begin, end), channels, channels + 1);
    case SNN_NEURON_PRODUCT:
        return add_range(reads, add_range(reads, 0, begin, end), channels + begin, channels + end);
    case SNN_NEURON_QUOTIENT:
        return add_range(reads, add_range(reads, 0, begin, end), channels + first, channels + last);
    case SNN_NEURON_SCORES: {
        const int32_t half = population->input.channels / 2, width = half / groups;
        return add_range(reads, add_range(reads, 0, first * width, last * width), half + first * width,
                         half + last * width);
    }
    case SNN_NEURON_MIX: {
        const int32_t weights = population->input.channels - channels, positions = weights / groups;
        return add_range(reads, add_range(reads, 0, first * positions, last * positions), weights + begin,
                         weights + end);
    }
    case SNN_NEURON_ATTENTION: {
        const int32_t queries = add_range(reads, 0, first * length, last * length);
        const int32_t keys = add_range(reads, queries, channels + first * length, channels + last * length);
        return add_range(reads, keys, 2 * channels + begin, 2 * channels + end);
    }
    default:
        return add_range(reads, 0, begin, end);
    }
}

int32_t snn_population_unit(const snn_population *population)
{
    switch (population->kind) {
    case SNN_NEURON_SCORES:
    case SNN_NEURON_MIX:
    case SNN_NEURON_ATTENTION:
        return population->shape.channels / population->groups;
    case SNN_NEURON_LAYER_NORM:
    case SNN_NEURON_SOFTMAX:
    case SNN_NEURON_SHIFTED_EXP:
    case SNN_NEURON_QUOTIENT: /* of one group there are too many to leave them together */
        return population->groups > 1 ? population->shape.channels / population->groups : 1;
    default:
        return 1;
    }
}

const char *snn_operator_kind_name(snn_operator_kind kind)
{
    static const char *const names[SNN_OPERATOR_KIND_COUNT] = {"convolution", "dense", "diagonal", "tokens", "gather"};
    return (unsigned)kind < SNN_OPERATOR_KIND_COUNT ? names[kind] : "unknown";
}

snn_shape snn_operator_pooled_shape(const snn_operator *op)
{
    snn_shape shape = {op->source.height, op->source.width, op->source_channels};
    if (op->pooled) {
        shape.height = snn_window_output(&op->pool, 0, op->source.height);
        shape.width = snn_window_output(&op->pool, 1, op->source.width);
    }
    return shape;
}

int64_t snn_operator_row_length(const snn_operator *op)
{
    switch (op->kind) {
    case SNN_OPERATOR_CONVOLUTION:
        return (int64_t)op->window.kernel[0] * op->window.kernel[1] * (op->source_channels / op->groups);
    case SNN_OPERATOR_DENSE:
        return snn_shape_size(snn_operator_pooled_shape(op));
    case SNN_OPERATOR_GATHER:
        return snn_shape_positions(op->target);
    case SNN_OPERATOR_DIAGONAL:
    case SNN_OPERATOR_TOKENS:
    case SNN_OPERATOR_KIND_COUNT:
        break;
    }
    return 1;
}

void snn_operator_source_channels(const snn_operator *op, int32_t target_begin, int32_t target_end, int32_t *begin,
                                  int32_t *end)
{
    int32_t first = target_begin > op->target_channel ? target_begin - op->target_channel : 0;
    int32_t last = target_end - op->target_channel;
    last = last < op->target_channels ? last : op->target_channels;
    *begin = *end = op->source_channel;
    if (first >= last) {
        return;
    }
    switch (op->kind) {
    case SNN_OPERATOR_CONVOLUTION: {
        int32_t targets = op->target_channels / op->groups; /* in a group */
        int32_t sources = op->source_channels / op->groups;
        *begin += first / targets * sources;
        *end += ((last - 1) / targets + 1) * sources;
        break;
    }
    case SNN_OPERATOR_DIAGONAL:
    case SNN_OPERATOR_TOKENS:
        *begin += first;
        *end += last;
        break;
    case SNN_OPERATOR_DENSE:
    case SNN_OPERATOR_GATHER: /* any row may take any element */
    case SNN_OPERATOR_KIND_COUNT:
        *end += op->source_channels;
        break;
    }
}

/* Window taps that fall inside the source along one axis, over all outputs. */
static int64_t axis_taps(const snn_window *window, int axis, int32_t size)
{
    int64_t taps = 0;
    int32_t outputs = snn_window_output(window, axis, size);
    for (int64_t output = 0; output < outputs; output++) {
        const snn_taps inside = snn_window_taps(window, axis, size, output);
        taps += inside.end - inside.begin;
    }
    return taps;
}

int64_t snn_operator_operations(const snn_operator *op)
{
    const snn_shape pooled = snn_operator_pooled_shape(op);
    int64_t operations = 0;
    if (op->pooled) {
        operations += axis_taps(&op->pool, 0, op->source.height) * axis_taps(&op->pool, 1, op->source.width) *
                      op->source_channels;
    }
    if (op->kind == SNN_OPERATOR_CONVOLUTION) {
        operations += axis_taps(&op->window, 0, pooled.height) * axis_taps(&op->window, 1, pooled.width) *
                      (op->source_channels / op->groups) * op->target_channels;
    } else if (op->kind == SNN_OPERATOR_DENSE) {
        operations += snn_shape_size(pooled) * op->target_channels;
    } else if (op->kind == SNN_OPERATOR_TOKENS) {
        operations += snn_shape_positions(op->target) * snn_shape_positions(pooled) * op->target_channels;
    } else {
        operations += snn_shape_positions(op->target) * op->target_channels;
    }
    return operations;
}

int64_t snn_network_source_reach(const snn_network *network, int32_t source)
{
    if (network->windows.steps == 0 || source == SNN_SOURCE_INPUT || network->populations[source].rest == NULL) {
        return 1;
    }
    const snn_population *population = &network->populations[source];
    int32_t largest = 0;
    for (int32_t c = 0; c < population->shape.channels; c++) {
        const int32_t rest = population->rest[c] < 0 ? -population->rest[c] : population->rest[c];
        largest = rest > largest ? rest : largest;
    }
    return (int64_t)largest + snn_windows_reach(&network->windows);
}

int32_t snn_network_graded_limit(const snn_network *network)
{
    return network->windows.steps > 0 ? SNN_GRADED_WINDOW_LIMIT : SNN_GRADED_LIMIT;
}

const char *snn_weight_format_name(snn_weight_format format)
{
    static const char *const names[] = {
        [SNN_WEIGHTS_INT16] = "int16", [SNN_WEIGHTS_INT8] = "int8", [SNN_WEIGHTS_FLOAT32] = "float32"};
    return names[format];
}

int64_t snn_weight_bytes(snn_weight_format format, snn_operator_kind kind)
{
    if (format == SNN_WEIGHTS_FLOAT32) {
        return (int64_t)sizeof(float);
    }
    bool product = kind == SNN_OPERATOR_CONVOLUTION || kind == SNN_OPERATOR_DENSE;
    return product ? (int64_t)sizeof(int16_t) : (int64_t)sizeof(int32_t);
}

int64_t snn_network_neurons(const snn_network *network)
{
    int64_t count = 0;
    for (int32_t i = 0; i < network->population_count; i++) {
        const snn_population *population = &network->populations[i];
        count += snn_neuron_spikes(population->kind) ? snn_shape_size(population->shape) : 0;
    }
    return count;
}

static float *copy_floats(const float *values, int64_t count)
{
    float *copy = snn_allocate((size_t)count, sizeof *copy);
    if (copy != NULL) {
        memcpy(copy, values, (size_t)count * sizeof *copy);
    }
    return copy;
}

static snn_status copy_population(const snn_population *from, snn_population *to)
{
    *to = *from;
    to->rest = NULL;
    to->name = snn_duplicate_text(from->name);
    to->scale = copy_floats(from->scale, from->shape.channels);
    to->step = copy_floats(from->step, from->input.channels);
    to->bias = copy_floats(from->bias, (int64_t)from->bias_positions * from->input.channels);
    if (from->rest != NULL) {
        const size_t bytes = (size_t)from->shape.channels * sizeof *to->rest;
        to->rest = snn_allocate(bytes, 1);
        if (to->rest == NULL) {
            return snn_out_of_memory("population");
        }
        memcpy(to->rest, from->rest, bytes);
    }
    bool complete = to->name != NULL && to->scale != NULL && to->step != NULL && to->bias != NULL;
    return complete ? snn_ok() : snn_out_of_memory("population");
}

/* Of a projection of a network of that format. */
static int64_t mixing_bytes(snn_weight_format format, const snn_operator *op)
{
    int64_t weights = snn_shape_positions(op->target) * snn_shape_positions(snn_operator_pooled_shape(op));
    return weights * (int64_t)(format == SNN_WEIGHTS_FLOAT32 ? sizeof(float) : sizeof(int16_t));
}

static snn_status copy_projection(snn_weight_format format, const snn_projection *from, snn_projection *to)
{
    *to = *from;
    to->row_begin = to->row_end = 0;
    to->weights = NULL;
    to->index = NULL;
    to->mixing = NULL;
    if (from->mixing != NULL) {
        const size_t bytes = (size_t)mixing_bytes(format, &from->op);
        to->mixing = snn_allocate(bytes, 1);
        if (to->mixing == NULL) {
            return snn_out_of_memory("mixing weights");
        }
        memcpy(to->mixing, from->mixing, bytes);
    }
    return snn_ok();
}

snn_status snn_network_copy_structure(const snn_network *network, snn_network **copy)
{
    snn_status status = snn_ok();
    snn_network *made = snn_allocate(1, sizeof *made);
    *copy = NULL;
    if (made == NULL) {
        return snn_out_of_memory("network");
    }
    made->format = network->format;
    made->input = network->input;
    made->classes = network->classes;
    made->windows = network->windows;
    made->name = snn_duplicate_text(network->name);
    made->populations = snn_allocate((size_t)network->population_count, sizeof *made->populations);
    made->projections = snn_allocate((size_t)network->projection_count, sizeof *made->projections);
    if (made->name == NULL || made->populations == NULL || made->projections == NULL) {
        status = snn_out_of_memory("network");
        goto done;
    }
    made->population_count = network->population_count;
    for (int32_t i = 0; i < network->population_count; i++) {
        SNN_GOTO_DONE(status, copy_population(&network->populations[i], &made->populations[i]));
    }
    made->projection_count = network->projection_count;
    for (int32_t i = 0; i < network->projection_count; i++) {
        SNN_GOTO_DONE(status, copy_projection(network->format, &network->projections[i], &made->projections[i]));
    }
    *copy = made;
    made = NULL;
done:
    snn_network_destroy(made);
    return status;
}

void snn_projection_release_weights(snn_projection *projection)
{
    snn_release(projection->weights);
    snn_release(projection->index);
    projection->weights = NULL;
    projection->index = NULL;
    projection->row_begin = projection->row_end = 0;
}

void snn_network_release_weights(snn_network *network)
{
    for (int32_t i = 0; i < network->projection_count; i++) {
        snn_projection_release_weights(&network->projections[i]);
    }
}

void snn_network_destroy(snn_network *network)
{
    if (network == NULL) {
        return;
    }
    for (int32_t i = 0; i < network->population_count; i++) {
        snn_population *population = &network->populations[i];
        snn_release(population->name);
        snn_release(population->scale);
        snn_release(population->step);
        snn_release(population->bias);
        snn_release(population->rest);
    }
    snn_network_release_weights(network);
    for (int32_t i = 0; i < network->projection_count; i++) {
        snn_release(network->projections[i].mixing);
    }
    snn_release(network->populations);
    snn_release(network->projections);
    snn_release(network->name);
    snn_release(network);
}

bool snn_operator_is_depthwise(const snn_operator *op)
{
    return op->kind == SNN_OPERATOR_CONVOLUTION && !op->pooled && op->groups == op->source_channels &&
           op->source_channels == op->target_channels;
}
