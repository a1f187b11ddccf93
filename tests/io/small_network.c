#include "small_network.h"

#include "core/base/memory.h"

enum { POPULATIONS = 4, PROJECTIONS = 4, CLASSES = 3 };

static const snn_window one_by_one = {.kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}};

/* Values that differ from each other and are not round. */
static float *make_floats(int64_t count, float first)
{
    float *values = snn_allocate((size_t)count, sizeof *values);
    for (int64_t i = 0; values != NULL && i < count; i++) {
        values[i] = first + 0.1f * (float)i;
    }
    return values;
}

static bool make_population(snn_population *population, const char *name, snn_neuron_kind kind, snn_shape input,
                            snn_shape shape, int32_t bias_positions)
{
    population->name = snn_duplicate_text(name);
    population->kind = kind;
    population->input = input;
    population->shape = shape;
    population->window = one_by_one;
    population->bias_positions = bias_positions;
    population->scale = make_floats(shape.channels, 1.3f);
    population->step = make_floats(input.channels, 0.007f);
    population->bias = make_floats((int64_t)bias_positions * input.channels, -0.7f);
    return population->name != NULL && population->scale != NULL && population->step != NULL &&
           population->bias != NULL;
}

/* All rows of weights: 1, -2, 3, ... in the element type of the format. */
static bool make_weights(snn_network *network, snn_projection *projection)
{
    const snn_operator *op = &projection->op;
    const int64_t count = op->target_channels * snn_operator_row_length(op);
    const int64_t bytes = snn_weight_bytes(network->format, op->kind);
    projection->row_end = op->target_channels;
    projection->weights = snn_allocate((size_t)count, (size_t)bytes);
    projection->index = snn_allocate((size_t)count, sizeof *projection->index);
    if (projection->weights == NULL || projection->index == NULL) {
        return false;
    }
    for (int64_t i = 0; i < count; i++) {
        int value = (int)(i % 100 + 1) * (i % 2 == 0 ? 1 : -1);
        if (network->format == SNN_WEIGHTS_FLOAT32) {
            ((float *)projection->weights)[i] = 0.25f * (float)value;
        } else if (bytes == (int64_t)sizeof(int16_t)) {
            ((int16_t *)projection->weights)[i] = (int16_t)value;
        } else {
            ((int32_t *)projection->weights)[i] = 70000 * value; /* needs more than 16 bits */
        }
        projection->index[i] = (int32_t)(i * 7 % snn_shape_size(op->source));
    }
    if (op->kind != SNN_OPERATOR_GATHER) {
        snn_release(projection->index);
        projection->index = NULL;
    } else {
        projection->index[3] = -1;
    }
    return true;
}

static bool fill(snn_network *network)
{
    static const snn_shape large = {6, 6, 4};
    static const snn_shape half = {3, 3, 4};
    static const snn_shape logits = {1, 1, CLASSES};
    static const snn_window three = {{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}};
    static const snn_window pool = {{3, 3}, {3, 3}, {1, 1}, {0, 0}, {0, 0}};
    static const snn_window two = {{2, 2}, {2, 2}, {1, 1}, {0, 0}, {0, 0}};
    snn_population *populations = network->populations;
    snn_projection *projections = network->projections;
    bool made = make_population(&populations[0], "conv/1", SNN_NEURON_RELU, large, large, 1) &&
                make_population(&populations[1], "pool max", SNN_NEURON_MAXIMUM, large, half, 1) &&
                make_population(&populations[2], "layer.2/leaky", SNN_NEURON_LEAKY_RELU, half, half, 9) &&
                make_population(&populations[3], "logits", SNN_NEURON_READOUT, logits, logits, 1);
    populations[1].window = two;
    populations[2].alpha = 0.01f;
    const snn_operator operators[PROJECTIONS] = {
        {SNN_OPERATOR_CONVOLUTION, network->input, 0, 2, false, one_by_one, large, 0, 4, three, 2},
        {SNN_OPERATOR_DIAGONAL, large, 0, 4, false, one_by_one, large, 0, 4, one_by_one, 1},
        {SNN_OPERATOR_GATHER, half, 0, 4, false, one_by_one, half, 0, 4, one_by_one, 1},
        {SNN_OPERATOR_DENSE, half, 1, 2, true, pool, logits, 0, CLASSES, one_by_one, 1},
    };
    for (int i = 0; made && i < PROJECTIONS; i++) {
        projections[i].source = i - 1; /* a chain that begins with SNN_SOURCE_INPUT */
        projections[i].target = i;
        projections[i].op = operators[i];
        made = make_weights(network, &projections[i]);
    }
    return made;
}

snn_network *small_network_create(snn_weight_format format)
{
    snn_network *network = snn_allocate(1, sizeof *network);
    if (network == NULL) {
        return NULL;
    }
    network->name = snn_duplicate_text("small");
    network->format = format;
    network->input = (snn_shape){6, 6, 2};
    network->classes = CLASSES;
    network->populations = snn_allocate(POPULATIONS, sizeof *network->populations);
    network->projections = snn_allocate(PROJECTIONS, sizeof *network->projections);
    if (network->name == NULL || network->populations == NULL || network->projections == NULL) {
        snn_network_destroy(network);
        return NULL;
    }
    network->population_count = POPULATIONS;
    network->projection_count = PROJECTIONS;
    if (!fill(network) || snn_failed(snn_network_check(network))) {
        snn_network_destroy(network);
        return NULL;
    }
    return network;
}
