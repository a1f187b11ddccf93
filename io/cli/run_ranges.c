/* Channels whose neurons left the range that calibration found for them, as the user reads it. With windows these are
 * neurons whose f(x) lies beyond all that their codes reach, the calibrated range and its margin. */
#include <stdio.h>

#include "io/cli/run_state.h"

/* A few images beyond the largest value of the calibration set are what to expect of new data; more is a calibration
 * set that is too small or not of the same kind. */
static const double WARNING_SHARE = 0.05;

typedef struct ranges {
    int64_t channels, beyond; /* all, and those with a neuron beyond its range in some image */
    int32_t layer, channel;   /* the worst; -1: none */
    double share;             /* of the worst channel's neurons and images */
} ranges;

static ranges find_ranges(const snn_run *run, const snn_statistics *statistics)
{
    ranges found = {0, 0, -1, -1, 0.0};
    for (int32_t p = 0; p < run->network->population_count; p++) {
        const snn_population *population = &run->network->populations[p];
        if (!snn_neuron_spikes(population->kind)) {
            continue;
        }
        const snn_population_counts counts = snn_statistics_population(statistics, run->network, p);
        const double values = (double)snn_shape_positions(population->shape) * (double)run->images;
        found.channels += population->shape.channels;
        for (int32_t c = 0; c < population->shape.channels; c++) {
            const double share = (double)counts.channel_beyond[c] / values;
            found.beyond += counts.channel_beyond[c] > 0;
            if (share > found.share) {
                found.layer = p;
                found.channel = c;
                found.share = share;
            }
        }
    }
    return found;
}

void snn_run_say_ranges(const snn_run *run, const snn_statistics *statistics)
{
    if (run->config->neuron.dynamics != SNN_DYNAMICS_SIGNGD) {
        return; /* a firing rate has no range to leave */
    }
    const ranges found = find_ranges(run, statistics);
    if (found.layer < 0) {
        return;
    }
    const bool windows = run->network->windows.steps > 0;
    const char *name = run->network->populations[found.layer].name;
    snn_run_say(run, "  range       %lld of %lld channels left %s (most: channel %d of %s, %.2g %%)",
                (long long)found.beyond, (long long)found.channels,
                windows ? "what their windows reach" : "their calibrated range", found.channel, name,
                100.0 * found.share);
    if (found.share > WARNING_SHARE && snn_world_rank(run->world) == 0) {
        (void)fprintf(stderr,
                      "snn_dist: warning: channel %d of %s was beyond %s in %.1f %% of its values "
                      "(%lld of %lld channels were at least once: /layers/*/channel_beyond of the output); %smore "
                      "calibration images, or neuron.scale = \"layer\", widen the ranges\n",
                      found.channel, name, windows ? "what its window reaches" : "its calibrated range",
                      100.0 * found.share, (long long)found.beyond, (long long)found.channels,
                      windows ? "a larger neuron.margin, " : "");
    }
}
