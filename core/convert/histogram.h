/* Quantiles of |value| per channel over a calibration set, the same for any number of ranks and threads.
 *
 * Two passes over the calibration images: the first finds each channel's maximum (snn_draft_observe), the second counts
 * magnitudes in SNN_HISTOGRAM_BINS equal bins between 0 and that maximum. Counts are integers, so the sum over threads
 * and ranks does not depend on its order. A quantile is then the upper edge of the bin in which it lies: never too
 * small, and too large by at most maximum / SNN_HISTOGRAM_BINS.
 */
#ifndef SNN_CONVERT_HISTOGRAM_H
#define SNN_CONVERT_HISTOGRAM_H

#include <stdint.h>

#include "core/base/status.h"

enum { SNN_HISTOGRAM_BINS = 4096 };

typedef struct snn_histogram {
    int64_t channels;
    float *maxima;   /* [channels] */
    int64_t *counts; /* [channels][SNN_HISTOGRAM_BINS], to be summed over ranks */
} snn_histogram;

/* `maxima` [channels], over all ranks; copied. */
snn_status snn_histogram_create(const float *maxima, int64_t channels, snn_histogram **histogram);

/* Counts |value|; NaN is not counted. Threads may call this at the same time. */
void snn_histogram_add(const snn_histogram *histogram, int64_t channel, float value);

/* Number of counts, for the reduction. */
int64_t snn_histogram_length(const snn_histogram *histogram);

/* quantiles[channel]: at least the fraction `quantile`, in (0, 1], of the channel's magnitudes are not larger. With
 * quantile = 1, and for channels that counted nothing or whose maximum is not finite, the maximum itself. */
void snn_histogram_quantiles(const snn_histogram *histogram, double quantile, float *quantiles);

void snn_histogram_destroy(snn_histogram *histogram); /* accepts NULL */

#endif
