#include "core/convert/histogram.h"

#include <math.h>
#include <string.h>

#include "core/base/memory.h"

snn_status snn_histogram_create(const float *maxima, int64_t channels, snn_histogram **histogram)
{
    *histogram = NULL;
    snn_histogram *made = snn_allocate(1, sizeof *made);
    if (made == NULL) {
        return snn_out_of_memory("histogram");
    }
    made->channels = channels;
    made->maxima = snn_allocate((size_t)channels, sizeof *made->maxima);
    made->counts = snn_allocate((size_t)channels, SNN_HISTOGRAM_BINS * sizeof *made->counts);
    if (made->maxima == NULL || made->counts == NULL) {
        snn_histogram_destroy(made);
        return snn_out_of_memory("histogram");
    }
    memcpy(made->maxima, maxima, (size_t)channels * sizeof *maxima);
    *histogram = made;
    return snn_ok();
}

/* Bins are closed above: bin b holds magnitudes up to its edge maximum (b + 1) / BINS, so that edges bound what they
 * count. The edge is computed in one way only, and the division corrected to agree with it. */
static double edge_of(double maximum, int64_t bin)
{
    return maximum * (double)(bin + 1) / SNN_HISTOGRAM_BINS;
}

static int64_t bin_of(double maximum, double magnitude)
{
    const double last = SNN_HISTOGRAM_BINS - 1;
    const double position = magnitude / maximum * SNN_HISTOGRAM_BINS;
    int64_t bin = (int64_t)(position < last ? position : last);
    bin -= bin > 0 && magnitude <= edge_of(maximum, bin - 1);
    return bin;
}

void snn_histogram_add(const snn_histogram *histogram, int64_t channel, float value)
{
    const float maximum = histogram->maxima[channel];
    if (isnan(value) || !isfinite(maximum) || maximum <= 0.0f) {
        return;
    }
    int64_t *count = &histogram->counts[channel * SNN_HISTOGRAM_BINS + bin_of((double)maximum, fabs((double)value))];
    (void)__atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
}

int64_t snn_histogram_length(const snn_histogram *histogram)
{
    return histogram->channels * SNN_HISTOGRAM_BINS;
}

static float quantile_of(const int64_t *counts, float maximum, double quantile)
{
    int64_t total = 0, below = 0;
    for (int64_t bin = 0; bin < SNN_HISTOGRAM_BINS; bin++) {
        total += counts[bin];
    }
    const double wanted = ceil(quantile * (double)total);
    for (int64_t bin = 0; bin < SNN_HISTOGRAM_BINS - 1; bin++) {
        below += counts[bin];
        if (below > 0 && (double)below >= wanted) {
            return (float)edge_of((double)maximum, bin);
        }
    }
    return maximum;
}

void snn_histogram_quantiles(const snn_histogram *histogram, double quantile, float *quantiles)
{
    for (int64_t channel = 0; channel < histogram->channels; channel++) {
        const float maximum = histogram->maxima[channel];
        quantiles[channel] =
            quantile < 1.0 ? quantile_of(histogram->counts + channel * SNN_HISTOGRAM_BINS, maximum, quantile) : maximum;
    }
}

void snn_histogram_destroy(snn_histogram *histogram)
{
    if (histogram == NULL) {
        return;
    }
    snn_release(histogram->maxima);
    snn_release(histogram->counts);
    snn_release(histogram);
}
