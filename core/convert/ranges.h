/* The range of values that the codes of a channel stand for. */
#ifndef SNN_CONVERT_RANGES_H
#define SNN_CONVERT_RANGES_H

#include "core/network/network.h"

/* Windows: `scale` of the population, which is sigma, becomes what a unit of y is worth, and `rest` and `unit` are
 * made. `negative` [channels]: the largest -value of each channel on the `images` of the calibration, 0 of those
 * without. */
snn_status snn_ranges_choose(const snn_windows *windows, const float *negative, int64_t images,
                             snn_population *population);

#endif
