#include "core/network/timing.h"

static bool is_stream(const snn_network *network, int32_t population)
{
    return network->populations[population].kind == SNN_NEURON_STREAM;
}

void snn_network_find_depths(snn_network *network)
{
    for (int32_t p = 0; p < network->population_count; p++) {
        network->populations[p].depth = 0;
    }
    for (int32_t i = 0; i < network->projection_count; i++) { /* ordered by target */
        const snn_projection *projection = &network->projections[i];
        if (projection->source == SNN_SOURCE_INPUT) {
            continue;
        }
        const int32_t depth =
            network->populations[projection->source].depth + (is_stream(network, projection->source) ? 0 : 1);
        int32_t *deepest = &network->populations[projection->target].depth;
        *deepest = depth > *deepest ? depth : *deepest;
    }
}

int32_t snn_network_depth(const snn_network *network)
{
    int32_t depth = 0;
    for (int32_t p = 0; p < network->population_count; p++) {
        const snn_population *population = &network->populations[p];
        depth = snn_neuron_spikes(population->kind) && population->depth >= depth ? population->depth + 1 : depth;
    }
    return depth;
}

int32_t snn_network_latency(const snn_network *network)
{
    const int32_t depth = snn_network_depth(network);
    return network->windows.steps + network->windows.delay * (depth > 0 ? depth - 1 : 0);
}

/* Which plane of the source comes at the reader's moment 0; negative if the source begins later. What a stream has
 * gathered is there when its readers begin; the readout, which has no window, may be earlier. */
static int32_t offset_of(const snn_network *network, const snn_timing *timings, int32_t source, int32_t reader)
{
    int32_t start = timings[source].start;
    if (network->populations[reader].kind == SNN_NEURON_READOUT && is_stream(network, source)) {
        const int32_t last = snn_network_latency(network) - 1;
        start = start < last ? start : last;
    }
    return timings[reader].start - start;
}

void snn_timing_planes(const snn_network *network, const snn_timing *timings, int32_t source, int32_t reader,
                       int32_t moment, int32_t *begin, int32_t *end)
{
    const int32_t planes = timings[source].planes, plane = offset_of(network, timings, source, reader) + moment;
    *end = plane + 1 < 0 ? 0 : plane + 1 < planes ? plane + 1 : planes;
    *begin = moment == 0 ? 0 : plane < 0 ? 0 : plane < planes ? plane : planes;
}

/* The timing of a population whose sources' are known; `first`: its first projection. */
static snn_timing timing_of(const snn_network *network, snn_timing *timings, int32_t population, int32_t first)
{
    const snn_population *of = &network->populations[population];
    const int32_t latency = snn_network_latency(network);
    const bool readout = of->kind == SNN_NEURON_READOUT;
    snn_timing *timing = &timings[population];
    *timing = (snn_timing){.start = readout ? latency - 1 : network->windows.delay * of->depth, .moments = 1};
    for (int32_t i = first; i < network->projection_count && network->projections[i].target == population; i++) {
        const int32_t source = network->projections[i].source;
        if (source == SNN_SOURCE_INPUT) {
            continue;
        }
        const int32_t offset = offset_of(network, timings, source, population);
        if (readout) {
            timing->start -= offset > 0 ? offset : 0;
        } else if (timings[source].planes - offset > timing->moments) {
            timing->moments = timings[source].planes - offset;
        }
    }
    return *timing;
}

void snn_network_timings(const snn_network *network, snn_timing *timings)
{
    int32_t first = 0;
    for (int32_t p = 0; p < network->population_count; p++) {
        snn_timing timing = timing_of(network, timings, p, first);
        const snn_neuron_kind kind = network->populations[p].kind;
        if (kind == SNN_NEURON_READOUT) {
            timing.start -= timing.start > 0 ? 1 : 0; /* what it has before its first source fires */
            timing.moments = snn_network_latency(network) - timing.start;
        } else {
            timing.planes = kind == SNN_NEURON_STREAM ? timing.moments : network->windows.steps;
        }
        timings[p] = timing;
        while (first < network->projection_count && network->projections[first].target == p) {
            first++;
        }
    }
}
