/* Random networks that together use every operator, neuron and geometry that a shard knows. */
#ifndef SNN_TESTS_EXAMPLES_H
#define SNN_TESTS_EXAMPLES_H

#include "tests/core/network/sample.h"

/* Convolutions with stride, padding, dilation, groups; leaky, relay and maximum neurons; residual and pooled diagonals;
 * gather; dense. */
snn_network *example_residual(snn_weight_format format, uint64_t seed);

/* Every operator reads the image, also the readout's; maximum neurons first. */
snn_network *example_image(snn_weight_format format, uint64_t seed);

/* ReLU neurons only: every operator, padding, pooling, several sources. */
snn_network *example_rectified(snn_weight_format format, uint64_t seed);

/* Larger than one tile, also in time (maximum neurons). */
snn_network *example_large(snn_weight_format format, uint64_t seed);

/* Streams: of a graded image, from stream to stream, of pooled spikes, read in part, pooled, by the readout; products
 * over positions. */
snn_network *example_streams(snn_weight_format format, uint64_t seed);

/* Every kind of neuron that reads all channels. */
snn_network *example_nary(snn_weight_format format, uint64_t seed);

/* Attention with heads of whole bytes, which threads divide. */
snn_network *example_heads(snn_weight_format format, uint64_t seed);

/* Every unary kind. */
snn_network *example_unary(snn_weight_format format, uint64_t seed);

/* Sums over so many positions that those of codes leave 16 bits. */
snn_network *example_pools(snn_weight_format format, uint64_t seed);

/* Streams that nobody but the readout reads. */
snn_network *example_tail(snn_weight_format format, uint64_t seed);

/* [images][input] in [-2, 2), and two that are far too large. For float weights multiples of 1/64, so that float sums
 * of the samples' products are exact. */
float *example_pixels(const snn_network *network, int32_t images, uint64_t seed);

#endif
