/* Layers that stand for the networks people convert: what `snn_dist bench` measures. Each becomes a network of its own:
 * the populations that are read (with made-up spikes), and the population that is measured.
 */
#ifndef SNN_LAB_BENCH_LAYERS_H
#define SNN_LAB_BENCH_LAYERS_H

#include "core/network/network.h"

typedef enum snn_bench_source {
    SNN_BENCH_SPIKES,
    SNN_BENCH_STREAM, /* sums: DIAGONAL and depthwise only */
    SNN_BENCH_IMAGE   /* graded: its product is made when a group begins, and is no work of a timestep */
} snn_bench_source;

typedef struct snn_bench_layer {
    const char *network, *name;
    snn_operator_kind product; /* CONVOLUTION, DENSE, DIAGONAL or TOKENS */
    snn_bench_source reads;
    bool adds; /* and the spikes of another population, channel by channel, as residual connections do */
    snn_shape source;
    int32_t channels;               /* of the target's input; DIAGONAL and TOKENS: as many as the source has */
    int32_t kernel, stride, groups; /* CONVOLUTION, padded to keep the size; MAXIMUM: its window */
    int32_t tokens;                 /* TOKENS: positions of the target */
    snn_neuron_kind neuron;         /* STREAM: a second stream is added, as residual connections do */
    int32_t heads;                  /* ATTENTION; groups of SOFTMAX and LAYER_NORM; 0: one */
    int32_t images;                 /* simulated together */
} snn_bench_layer;

/* All layers, by network. */
const snn_bench_layer *snn_bench_layers(int32_t *count);

/* The layer as a network with random weights of the whole range of the format. The population measured is the one
 * before the last (the last is a readout that nothing reaches). */
snn_status snn_bench_layer_network(const snn_bench_layer *layer, snn_weight_format format, snn_network **network);

#endif
