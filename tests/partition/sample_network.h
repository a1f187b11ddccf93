/* Networks for the tests of partition/, built by hand: structure only, no weights. */
#ifndef SNN_TESTS_PARTITION_SAMPLE_NETWORK_H
#define SNN_TESTS_PARTITION_SAMPLE_NETWORK_H

#include <string.h>

#include "core/network/network.h"

enum { SAMPLE_MOST_POPULATIONS = 320, SAMPLE_MOST_PROJECTIONS = 640 };

typedef struct sample_network {
    snn_network network;
    snn_population populations[SAMPLE_MOST_POPULATIONS];
    snn_projection projections[SAMPLE_MOST_PROJECTIONS];
} sample_network;

static inline void sample_begin(sample_network *sample, char *name, snn_shape input)
{
    memset(sample, 0, sizeof *sample);
    sample->network = (snn_network){.name = name,
                                    .format = SNN_WEIGHTS_INT16,
                                    .input = input,
                                    .populations = sample->populations,
                                    .projections = sample->projections};
}

/* A population whose x has the shape of its y. Its projections must be added before the next population. */
static inline int32_t sample_add_population(sample_network *sample, snn_neuron_kind kind, int32_t side,
                                            int32_t channels)
{
    const int32_t number = sample->network.population_count++;
    const snn_shape shape = {side, side, channels};
    sample->populations[number] = (snn_population){.kind = kind, .shape = shape, .input = shape};
    return number;
}

static inline snn_operator *sample_add_projection(sample_network *sample, int32_t source, snn_operator_kind kind)
{
    const int32_t target = sample->network.population_count - 1;
    snn_projection *projection = &sample->projections[sample->network.projection_count++];
    *projection = (snn_projection){.source = source, .target = target};
    snn_operator *op = &projection->op;
    op->kind = kind;
    op->source = source == SNN_SOURCE_INPUT ? sample->network.input : sample->populations[source].shape;
    op->source_channels = op->source.channels;
    op->target = sample->populations[target].input;
    op->target_channels = op->target.channels;
    op->groups = 1;
    return op;
}

/* 3 x 3, stride 1, padding 1. */
static inline snn_operator *sample_add_convolution(sample_network *sample, int32_t source, int32_t groups)
{
    snn_operator *op = sample_add_projection(sample, source, SNN_OPERATOR_CONVOLUTION);
    op->groups = groups;
    op->window = (snn_window){{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}};
    return op;
}

/* A 2 x 2 maximum pool behind `source`. */
static inline int32_t sample_add_maximum(sample_network *sample, int32_t source)
{
    const snn_shape input = sample->populations[source].shape;
    const int32_t number = sample_add_population(sample, SNN_NEURON_MAXIMUM, input.height / 2, input.channels);
    sample->populations[number].input = input;
    sample->populations[number].window = (snn_window){{2, 2}, {2, 2}, {1, 1}, {0, 0}, {0, 0}};
    (void)sample_add_projection(sample, source, SNN_OPERATOR_DIAGONAL);
    return number;
}

/* Ends the network with a readout behind `source`. */
static inline void sample_add_readout(sample_network *sample, int32_t source, int32_t classes)
{
    (void)sample_add_population(sample, SNN_NEURON_READOUT, 1, classes);
    (void)sample_add_projection(sample, source, SNN_OPERATOR_DENSE);
    sample->network.classes = classes;
}

/* All that a plan must cope with: odd channel counts, a residual connection, a grouped convolution, a pool, a
 * population whose channels come from two sources, one that reads part of its source, and a dense end. */
static inline void sample_build_mixed(sample_network *sample)
{
    sample_begin(sample, "mixed", (snn_shape){8, 8, 3});
    const int32_t stem = sample_add_population(sample, SNN_NEURON_RELU, 8, 13);
    (void)sample_add_convolution(sample, SNN_SOURCE_INPUT, 1);
    const int32_t inner = sample_add_population(sample, SNN_NEURON_RELU, 8, 13);
    (void)sample_add_convolution(sample, stem, 1);
    const int32_t residual = sample_add_population(sample, SNN_NEURON_RELU, 8, 13);
    (void)sample_add_projection(sample, stem, SNN_OPERATOR_DIAGONAL);
    (void)sample_add_convolution(sample, inner, 1);
    const int32_t wide = sample_add_population(sample, SNN_NEURON_LEAKY_RELU, 8, 24);
    (void)sample_add_convolution(sample, residual, 1);
    const int32_t grouped = sample_add_population(sample, SNN_NEURON_RELU, 8, 32);
    (void)sample_add_convolution(sample, wide, 4);
    const int32_t pooled = sample_add_maximum(sample, grouped);
    const int32_t joined = sample_add_population(sample, SNN_NEURON_RELU, 4, 11);
    snn_operator *left = sample_add_convolution(sample, residual, 1);
    left->pooled = true;
    left->pool = (snn_window){{2, 2}, {2, 2}, {1, 1}, {0, 0}, {0, 0}};
    left->target_channels = 4;
    snn_operator *right = sample_add_convolution(sample, pooled, 1);
    right->source_channel = 5;
    right->source_channels = 9;
    right->target_channel = 4;
    right->target_channels = 7;
    const int32_t dense = sample_add_population(sample, SNN_NEURON_RELU, 1, 17);
    (void)sample_add_projection(sample, joined, SNN_OPERATOR_DENSE);
    sample_add_readout(sample, dense, 10);
}

/* A residual stream between neurons of several inputs: image -> stem -> stream -> norm -> queries -> attention; stream
 * and attention -> second stream -> pooled relay -> readout. */
static inline void sample_build_attention(sample_network *sample)
{
    sample_begin(sample, "attention", (snn_shape){4, 4, 3});
    const int32_t stem = sample_add_population(sample, SNN_NEURON_RELU, 4, 14);
    (void)sample_add_convolution(sample, SNN_SOURCE_INPUT, 1);
    const int32_t stream = sample_add_population(sample, SNN_NEURON_STREAM, 4, 14);
    (void)sample_add_convolution(sample, stem, 1);
    const int32_t norm = sample_add_population(sample, SNN_NEURON_LAYER_NORM, 4, 14);
    (void)sample_add_projection(sample, stream, SNN_OPERATOR_DIAGONAL);
    const int32_t queries = sample_add_population(sample, SNN_NEURON_LINEAR, 4, 42);
    (void)sample_add_convolution(sample, norm, 1);
    const int32_t attention = sample_add_population(sample, SNN_NEURON_ATTENTION, 4, 14);
    sample->populations[attention].input.channels = 42;
    sample->populations[attention].groups = 2;
    (void)sample_add_projection(sample, queries, SNN_OPERATOR_DIAGONAL);
    const int32_t second = sample_add_population(sample, SNN_NEURON_STREAM, 4, 14);
    (void)sample_add_projection(sample, stream, SNN_OPERATOR_DIAGONAL);
    (void)sample_add_convolution(sample, attention, 1);
    const int32_t relay = sample_add_population(sample, SNN_NEURON_LINEAR, 1, 14);
    snn_operator *pooled = sample_add_projection(sample, second, SNN_OPERATOR_DIAGONAL);
    pooled->pooled = true;
    pooled->pool = (snn_window){{4, 4}, {4, 4}, {1, 1}, {0, 0}, {0, 0}};
    sample_add_readout(sample, relay, 10);
}

#endif
