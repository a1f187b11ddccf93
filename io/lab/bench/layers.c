#include "io/lab/bench/layers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/dynamics/random.h"

#define CONVOLUTION(side, from, to, size, step)                                                                        \
    .product = SNN_OPERATOR_CONVOLUTION, .source = {side, side, from}, .channels = (to), .kernel = (size),             \
    .stride = (step), .groups = 1
#define DENSE(from, to) .product = SNN_OPERATOR_DENSE, .source = {1, 1, from}, .channels = (to)
#define TOKENS_OF(from, to, width)                                                                                     \
    .product = SNN_OPERATOR_TOKENS, .source = {from, 1, width}, .channels = (width), .tokens = (to)
#define NEURONS_OF(height, width, count)                                                                               \
    .product = SNN_OPERATOR_DIAGONAL, .source = {height, width, count}, .channels = (count)

static const snn_bench_layer layers[] = {
    {"VGG-16", "conv1_1", CONVOLUTION(224, 3, 64, 3, 1), .reads = SNN_BENCH_IMAGE, .neuron = SNN_NEURON_RELU,
     .images = 1},
    {"VGG-16", "conv1_2", CONVOLUTION(224, 64, 64, 3, 1), .neuron = SNN_NEURON_RELU, .images = 1},
    {"VGG-16", "conv2_2", CONVOLUTION(112, 128, 128, 3, 1), .neuron = SNN_NEURON_RELU, .images = 1},
    {"VGG-16", "conv3_2", CONVOLUTION(56, 256, 256, 3, 1), .neuron = SNN_NEURON_RELU, .images = 1},
    {"VGG-16", "conv4_2", CONVOLUTION(28, 512, 512, 3, 1), .neuron = SNN_NEURON_RELU, .images = 1},
    {"VGG-16", "conv5_2", CONVOLUTION(14, 512, 512, 3, 1), .neuron = SNN_NEURON_RELU, .images = 2},
    {"VGG-16", "fc7", DENSE(4096, 4096), .neuron = SNN_NEURON_RELU, .images = 4},
    {"VGG-16", "pool2", NEURONS_OF(112, 112, 128), .kernel = 2, .stride = 2, .neuron = SNN_NEURON_MAXIMUM, .images = 1},
    {"ResNet-34", "conv2_x", CONVOLUTION(56, 64, 64, 3, 1), .neuron = SNN_NEURON_RELU, .images = 2},
    {"ResNet-34", "block end 2_x", CONVOLUTION(56, 64, 64, 3, 1), .adds = true, .neuron = SNN_NEURON_RELU, .images = 2},
    {"ResNet-34", "stream 2_x", CONVOLUTION(56, 64, 64, 3, 1), .neuron = SNN_NEURON_STREAM, .images = 2},
    {"ResNet-34", "relu2_x", NEURONS_OF(56, 56, 64), .reads = SNN_BENCH_STREAM, .neuron = SNN_NEURON_RELU, .images = 2},
    {"ResNet-34", "conv3_1/2", CONVOLUTION(56, 64, 128, 3, 2), .neuron = SNN_NEURON_RELU, .images = 2},
    {"ResNet-34", "shortcut3/2", CONVOLUTION(56, 64, 128, 1, 2), .neuron = SNN_NEURON_RELU, .images = 2},
    {"ResNet-34", "conv4_x", CONVOLUTION(14, 256, 256, 3, 1), .neuron = SNN_NEURON_RELU, .images = 4},
    {"ResNet-34", "conv5_x", CONVOLUTION(7, 512, 512, 3, 1), .neuron = SNN_NEURON_RELU, .images = 8},
    {"ResNet-20", "conv1_x", CONVOLUTION(32, 16, 16, 3, 1), .neuron = SNN_NEURON_RELU, .images = 16},
    {"ResNet-20", "block end 1_x", CONVOLUTION(32, 16, 16, 3, 1), .adds = true, .neuron = SNN_NEURON_RELU,
     .images = 16},
    {"ResNet-20", "conv2_1/2", CONVOLUTION(32, 16, 32, 3, 2), .neuron = SNN_NEURON_RELU, .images = 16},
    {"ResNet-20", "conv2_x", CONVOLUTION(16, 32, 32, 3, 1), .neuron = SNN_NEURON_RELU, .images = 16},
    {"ResNet-20", "conv3_x", CONVOLUTION(8, 64, 64, 3, 1), .neuron = SNN_NEURON_RELU, .images = 16},
    {"ResNet-50", "reduce3_x", CONVOLUTION(28, 512, 128, 1, 1), .neuron = SNN_NEURON_RELU, .images = 4},
    {"ResNet-50", "reduce4_x", CONVOLUTION(14, 1024, 256, 1, 1), .neuron = SNN_NEURON_RELU, .images = 8},
    {"ConvNeXt-T", "depthwise 7x7", .product = SNN_OPERATOR_CONVOLUTION, .source = {56, 56, 96}, .channels = 96,
     .kernel = 7, .stride = 1, .groups = 96, .neuron = SNN_NEURON_LINEAR, .images = 1},
    {"ConvNeXt-T", "layer norm", NEURONS_OF(56, 56, 96), .neuron = SNN_NEURON_LAYER_NORM, .images = 1},
    {"ConvNeXt-T", "expand", CONVOLUTION(56, 96, 384, 1, 1), .neuron = SNN_NEURON_GELU, .images = 1},
    {"ConvNeXt-T", "reduce", CONVOLUTION(56, 384, 96, 1, 1), .neuron = SNN_NEURON_STREAM, .images = 1},
    {"ResNeXt-50", "grouped 3x3", .product = SNN_OPERATOR_CONVOLUTION, .source = {28, 28, 256}, .channels = 256,
     .kernel = 3, .stride = 1, .groups = 32, .neuron = SNN_NEURON_RELU, .images = 1},
    {"Mixer-S/16", "token mixing", TOKENS_OF(196, 256, 512), .neuron = SNN_NEURON_GELU, .images = 2},
    {"Mixer-S/16", "channel mixing", CONVOLUTION(14, 512, 2048, 1, 1), .neuron = SNN_NEURON_GELU, .images = 2},
    {"ViT-S/16", "attention", .product = SNN_OPERATOR_CONVOLUTION, .source = {197, 1, 384}, .channels = 3 * 384,
     .kernel = 1, .stride = 1, .groups = 1, .neuron = SNN_NEURON_ATTENTION, .heads = 6, .images = 1},
    {"neurons", "relu", NEURONS_OF(56, 56, 64), .neuron = SNN_NEURON_RELU, .images = 1},
    {"neurons", "gelu", NEURONS_OF(56, 56, 64), .neuron = SNN_NEURON_GELU, .images = 1},
    {"neurons", "softmax", NEURONS_OF(197, 1, 394), .neuron = SNN_NEURON_SOFTMAX, .heads = 2, .images = 1},
};

const snn_bench_layer *snn_bench_layers(int32_t *count)
{
    *count = sizeof layers / sizeof layers[0];
    return layers;
}

static int32_t at_least_one(int32_t value)
{
    return value > 1 ? value : 1;
}

/* Keeps the size at stride 1. */
static snn_window padded_window(int32_t kernel, int32_t stride)
{
    const int32_t padding = (kernel - 1) / 2;
    return (snn_window){.kernel = {kernel, kernel},
                        .stride = {stride, stride},
                        .dilation = {1, 1},
                        .pad_begin = {padding, padding},
                        .pad_end = {padding, padding}};
}

static snn_shape input_of(const snn_bench_layer *layer)
{
    snn_shape input = {layer->source.height, layer->source.width, layer->channels};
    if (layer->product == SNN_OPERATOR_TOKENS) {
        input.height = layer->tokens;
    } else if (layer->product == SNN_OPERATOR_CONVOLUTION) {
        const snn_window window = padded_window(layer->kernel, layer->stride);
        input.height = snn_window_output(&window, 0, input.height);
        input.width = snn_window_output(&window, 1, input.width);
    }
    return input;
}

static snn_status fill_population(snn_population *population, const char *name, snn_neuron_kind kind, snn_shape input)
{
    population->name = snn_duplicate_text(name);
    population->kind = kind;
    population->input = input;
    if (population->shape.channels == 0) {
        population->shape = input;
    }
    population->alpha = 1e-5f;
    population->groups = at_least_one(population->groups);
    population->bias_positions = 1;
    population->scale = snn_allocate((size_t)population->shape.channels, sizeof *population->scale);
    population->step = snn_allocate((size_t)input.channels, sizeof *population->step);
    population->bias = snn_allocate((size_t)input.channels, sizeof *population->bias);
    if (population->name == NULL || population->scale == NULL || population->step == NULL || population->bias == NULL) {
        return snn_out_of_memory("a layer's constants");
    }
    for (int32_t c = 0; c < population->shape.channels; c++) {
        population->scale[c] = 1.0f;
    }
    for (int32_t c = 0; c < input.channels; c++) {
        population->step[c] = 1.0f;
    }
    return snn_ok();
}

/* The measured population; its output follows from its kind. */
static snn_status fill_target(const snn_bench_layer *layer, snn_population *population)
{
    snn_shape shape = input_of(layer);
    if (layer->neuron == SNN_NEURON_MAXIMUM) {
        population->window = (snn_window){
            .kernel = {layer->kernel, layer->kernel}, .stride = {layer->stride, layer->stride}, .dilation = {1, 1}};
        shape.height = snn_window_output(&population->window, 0, shape.height);
        shape.width = snn_window_output(&population->window, 1, shape.width);
    } else if (layer->neuron == SNN_NEURON_ATTENTION) {
        shape.channels /= 3;
    }
    population->shape = shape;
    population->groups = layer->heads;
    return fill_population(population, layer->name, layer->neuron, input_of(layer));
}

static snn_operator operator_of(const snn_bench_layer *layer)
{
    const snn_shape target = input_of(layer);
    snn_operator op = {.kind = layer->product,
                       .source = layer->source,
                       .source_channels = layer->source.channels,
                       .target = target,
                       .target_channels = target.channels,
                       .groups = at_least_one(layer->groups)};
    if (layer->product == SNN_OPERATOR_CONVOLUTION) {
        op.window = padded_window(layer->kernel, layer->stride);
    }
    return op;
}

/* Weights of 16 or 8 bits over their whole range, or floats of the same. */
static void fill_weights(void *weights, bool real, int64_t count, int32_t largest)
{
    const uint32_t key[2] = {2407, 1645};
    snn_random_block random = {{0}};
    for (int64_t i = 0; i < count; i++) {
        if (i % SNN_RANDOM_WORDS == 0) {
            const uint32_t counter[SNN_RANDOM_WORDS] = {(uint32_t)(i >> 2), (uint32_t)(i >> 34), 0, 0};
            random = snn_random_philox(counter, key);
        }
        const int32_t value = (int32_t)(random.word[i % SNN_RANDOM_WORDS] % (uint32_t)(2 * largest + 1)) - largest;
        if (real) {
            ((float *)weights)[i] = (float)value;
        } else {
            ((int16_t *)weights)[i] = (int16_t)value;
        }
    }
}

/* Weights of 32 bits: one, as the projection counts them. */
static void fill_units(void *weights, bool real, int64_t count, int32_t one)
{
    for (int64_t i = 0; i < count; i++) {
        if (real) {
            ((float *)weights)[i] = 1.0f;
        } else {
            ((int32_t *)weights)[i] = one;
        }
    }
}

static snn_status fill_projection(snn_projection *projection, snn_weight_format format, int32_t source, int32_t target,
                                  const snn_operator *op)
{
    const bool real = format == SNN_WEIGHTS_FLOAT32;
    const int32_t largest = format == SNN_WEIGHTS_INT8 ? INT8_MAX : INT16_MAX;
    const int64_t row = snn_operator_row_length(op);
    const bool units = op->kind == SNN_OPERATOR_DIAGONAL || op->kind == SNN_OPERATOR_TOKENS;
    *projection =
        (snn_projection){.source = source, .target = target, .op = *op, .row_begin = 0, .row_end = op->target_channels};
    projection->weights = snn_allocate((size_t)(row * op->target_channels), (size_t)snn_weight_bytes(format, op->kind));
    if (projection->weights == NULL) {
        return snn_out_of_memory("a layer's weights");
    }
    if (units) {
        fill_units(projection->weights, real, row * op->target_channels,
                   op->kind == SNN_OPERATOR_TOKENS ? 1 << SNN_TOKENS_FRACTION_BITS : 1);
    } else {
        fill_weights(projection->weights, real, row * op->target_channels, largest);
    }
    if (op->kind == SNN_OPERATOR_TOKENS) {
        const int64_t count = snn_shape_positions(op->source) * snn_shape_positions(op->target);
        projection->mixing = snn_allocate((size_t)count, real ? sizeof(float) : sizeof(int16_t));
        if (projection->mixing == NULL) {
            return snn_out_of_memory("a layer's weights");
        }
        fill_weights(projection->mixing, real, count, largest);
    }
    return snn_ok();
}

/* Steps with which decoded inputs stay near 1: what a function of x costs may depend on where x is. */
static void settle_steps(const snn_network *network, const snn_projection *projection)
{
    const snn_population *target = &network->populations[projection->target];
    const bool units = projection->op.kind == SNN_OPERATOR_DIAGONAL;
    const bool tokens = projection->op.kind == SNN_OPERATOR_TOKENS;
    const double terms =
        tokens ? (double)snn_shape_positions(projection->op.source) : (double)snn_operator_row_length(&projection->op);
    const double largest = units ? 1.0 : network->format == SNN_WEIGHTS_INT8 ? INT8_MAX : INT16_MAX;
    for (int32_t c = 0; c < target->input.channels; c++) {
        target->step[c] = (float)(1.0 / (largest * sqrt(terms)));
    }
}

static snn_operator identity_of(snn_shape shape)
{
    return (snn_operator){.kind = SNN_OPERATOR_DIAGONAL,
                          .source = shape,
                          .source_channels = shape.channels,
                          .target = shape,
                          .target_channels = shape.channels,
                          .groups = 1};
}

static snn_status begin_network(const snn_bench_layer *layer, snn_weight_format format, int32_t populations,
                                snn_network *network)
{
    const snn_shape none = {1, 1, 1};
    network->name = snn_duplicate_text(layer->network);
    network->format = format;
    network->input = layer->reads == SNN_BENCH_IMAGE ? layer->source : none;
    network->classes = 1;
    network->populations = snn_allocate((size_t)populations, sizeof *network->populations);
    network->projections = snn_allocate(2, sizeof *network->projections);
    if (network->name == NULL || network->populations == NULL || network->projections == NULL) {
        return snn_out_of_memory("a layer's network");
    }
    network->population_count = populations;
    return fill_population(&network->populations[populations - 1], "readout", SNN_NEURON_READOUT, none);
}

static snn_status fill_network(const snn_bench_layer *layer, snn_weight_format format, snn_network *network)
{
    const bool stream = layer->neuron == SNN_NEURON_STREAM, adds = stream || layer->adds;
    const int32_t second = layer->reads == SNN_BENCH_IMAGE ? 0 : 1, target = adds ? second + 1 : second;
    const int32_t source = layer->reads == SNN_BENCH_IMAGE ? SNN_SOURCE_INPUT : 0;
    const snn_operator op = operator_of(layer);
    SNN_TRY(begin_network(layer, format, target + 2, network));
    if (source >= 0) {
        SNN_TRY(fill_population(&network->populations[source], "source",
                                layer->reads == SNN_BENCH_STREAM ? SNN_NEURON_STREAM : SNN_NEURON_LINEAR,
                                layer->source));
    }
    SNN_TRY(fill_target(layer, &network->populations[target]));
    SNN_TRY(fill_projection(&network->projections[network->projection_count++], format, source, target, &op));
    if (adds) {
        const snn_operator identity = identity_of(op.target);
        SNN_TRY(fill_population(&network->populations[second], "residual",
                                stream ? SNN_NEURON_STREAM : SNN_NEURON_LINEAR, op.target));
        SNN_TRY(fill_projection(&network->projections[network->projection_count++], format, second, target, &identity));
    }
    settle_steps(network, &network->projections[0]);
    return snn_ok();
}

snn_status snn_bench_layer_network(const snn_bench_layer *layer, snn_weight_format format, snn_network **network)
{
    snn_network *made = snn_allocate(1, sizeof *made);
    if (made == NULL) {
        return snn_out_of_memory("a layer's network");
    }
    snn_status status = fill_network(layer, format, made);
    if (snn_failed(status)) {
        snn_network_destroy(made);
        return snn_context(status, "%s %s", layer->network, layer->name);
    }
    *network = made;
    return snn_ok();
}
