/* Staggered windows: every neuron fires in a few timesteps of its own, after the neurons that it reads.
 *
 * A window has `steps` spikes. The steps of y are whole multiples m(0) >= m(1) >= ... of a unit, so that what a window
 * adds up to is a whole number, its *code*: with spikes s(j) and the resting state r,
 *
 *     y = r - sum over j of  m(j) (2 s(j) - 1)                                             (units)
 *
 * The resting state is chosen such that a neuron whose f(x) is 0 ends at exactly 0: half of all ReLU neurons are
 * silent, and an offset that they shared would not average out.
 *
 * A population fires `delay` timesteps after the latest of its sources: with delay 0 all fire at once (the paper's
 * dynamics), with delay >= steps a neuron's input stands still while it fires, and its last step bounds its error.
 */
#ifndef SNN_DYNAMICS_WINDOWS_H
#define SNN_DYNAMICS_WINDOWS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"

enum {
    SNN_WINDOW_STEPS = 64, /* the longest window */
    SNN_CODE_LIMIT = 4096  /* all codes lie within: two bytes hold them, and sums of codes fit 32 bits */
};

typedef struct snn_windows {
    int32_t steps; /* 0: no windows, all populations fire at all timesteps */
    int32_t delay; /* timesteps, >= 0 */
    double ratio;  /* of one step to the one before it, in (0, 1]; steps are rounded to multiples of the unit */
    double margin; /* by which the steps reach beyond the calibrated range, in units of it, >= 0 */
    int32_t magnitude[SNN_WINDOW_STEPS]; /* m(j) of steps [0, steps); 0 behind them */
} snn_windows;

/* Fills `windows`. Magnitudes are as small as the ratio allows: exact powers of two for 1/2. SNN_INPUT_ERROR for what
 * is out of range. */
snn_status snn_windows_init(int32_t steps, int32_t delay, double ratio, double margin, snn_windows *windows);

/* Sum of all magnitudes. */
int32_t snn_windows_reach(const snn_windows *windows);

/* The resting state nearest to `wanted` (units) from which a neuron whose f(x) is 0 ends at 0. Strict neurons fire on
 * f(x) < y, others on f(x) <= y. */
int32_t snn_windows_rest(const snn_windows *windows, double wanted, bool strict);

/* Whether magnitudes are positive, do not grow, and add up to less than SNN_CODE_LIMIT: as after reading a file. */
snn_status snn_windows_check(const snn_windows *windows);

#endif
