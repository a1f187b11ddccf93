/* The baseline dynamics: integrate-and-fire neurons as a subgradient method (arXiv 2407.01645, Theorem 4.1).
 *
 * A neuron descends relu(x - y) + y^2 / 2, x and y in units of its scale, whose minimum is y = x clipped to [0, 1]: so
 * only ReLU networks can be run. The smooth part goes first, the subgradient of the other part after it, at the point
 * then reached. With s in {0, 1} (a spike here is a 1, not a sign) a timestep is
 *
 *     x <- x - eta (x - (W s_source + b + input))
 *     rest = y - eta y;   s = [x / scale > rest];   y <- rest + eta s              (that is y - eta (y - s))
 *
 * With eta(t) = 1 / (t + 1) these are running means: x / scale of the input currents so far (times t + 1: their sum I),
 * y of the spikes so far (N in number), and s = [I - N > 0]. That is exactly the integrate-and-fire neuron with reset
 * by subtraction, v <- v + current; s = [v > threshold]; v <- v - threshold s, with threshold 1 and v(0) = 1, and y is
 * its firing rate. With any other comparison, such as x / scale > y, the equality would only be approximate.
 *
 * With momentum m (heavy ball) both descents keep a velocity, 0 at first:
 *     u <- m u + (gradient);   x <- x - eta u           and the same for y, with s = [x / scale > y without the spike].
 *
 * Projection kernels multiply weights with 2 s - 1. Here W s = (W (2 s - 1) + W 1) / 2, exact in integers: the two sums
 * have the same parity. `ones` holds W 1, the sums of a timestep in which every source fires; near borders it depends
 * on the position.
 */
#ifndef SNN_KERNELS_SUBGRADIENT_H
#define SNN_KERNELS_SUBGRADIENT_H

#include "core/kernels/kernels.h"

/* What the baseline needs beside snn_neurons (of which it reads neither the graded input nor its increments). */
typedef struct snn_subgradient {
    float momentum;                 /* in [0, 1) */
    const void *ones;               /* [input positions][owned] int32_t, or float for float32 weights */
    const float *drive;             /* [input positions][owned] of this image: bias and graded input */
    float *x_velocity, *y_velocity; /* like x and y of this image; NULL without momentum */
} snn_subgradient;

/* SNN_INPUT_ERROR names the first population that is neither a ReLU nor the readout, and says why it cannot be run. */
snn_status snn_subgradient_check(const snn_network *network);

/* Updates x of all owned channels at one input position by one step of the tile. */
void snn_subgradient_integrate(const snn_neurons *neurons, const snn_subgradient *baseline, const snn_tile *tile,
                               int32_t step, int64_t position);

/* Runs the tile's neurons over the block, as snn_kernels.fire does for signGD. */
void snn_subgradient_fire(const snn_neurons *neurons, const snn_subgradient *baseline, const snn_tile *tile,
                          const snn_tile_counts *counts);

#endif
