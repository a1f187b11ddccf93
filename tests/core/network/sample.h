/* Small networks with random weights, put together by hand: for tests of what reads a network. */
#ifndef SNN_TESTS_SAMPLE_H
#define SNN_TESTS_SAMPLE_H

#include "core/network/network.h"

enum { SAMPLE_POPULATIONS = 32, SAMPLE_PROJECTIONS = 64 }; /* room in a sample */

typedef struct sample {
    snn_network *network; /* destroy with snn_network_destroy */
    uint64_t random;
} sample;

uint64_t sample_random(uint64_t *state);
/* Uniform in [low, high). */
double sample_uniform(uint64_t *state, double low, double high);

sample sample_begin(snn_weight_format format, snn_shape input, int32_t classes, uint64_t seed);

/* Adds a population; its number. `window` for SNN_NEURON_MAXIMUM, NULL otherwise. Random scales, biases and, for leaky
 * neurons, alpha; scale 1 and no bias for streams. */
int32_t sample_population(sample *made, snn_neuron_kind kind, snn_shape input, const snn_window *window,
                          bool bias_per_position);
/* Adds a population of an n-ary kind: `input` with all its channels, of which it makes `outputs`. */
int32_t sample_nary(sample *made, snn_neuron_kind kind, snn_shape input, int32_t outputs, int32_t groups, float alpha);
/* Adds the readout. */
int32_t sample_readout(sample *made);

/* Adds a projection of random weights (from streams: -1, 0, 1). The shapes in `op` are filled in, and channel counts
 * that are 0 mean all. To be added in order of target, then source. */
void sample_projection(sample *made, int32_t source, int32_t target, snn_operator op);

/* Chooses the steps so that decoded inputs are of order 1. */
void sample_finish(sample *made);

/* Makes the neurons of a finished sample fire in windows: chooses resting states and shifts, and steps and scales anew;
 * makes weights smaller where sums of codes would leave 32 bits. */
void sample_windows(snn_network *network, const snn_windows *windows, uint64_t seed);

#endif
