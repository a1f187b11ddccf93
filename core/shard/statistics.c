#include "core/shard/statistics.h"

#include "core/base/memory.h"

enum { PER_STEP_COUNTS = 3 };    /* spikes, flips, error */
enum { PER_CHANNEL_COUNTS = 2 }; /* spikes, beyond */

/* Numbers counted of a population. */
static size_t count_of(const snn_network *network, int32_t population, int32_t timesteps)
{
    return PER_STEP_COUNTS * (size_t)timesteps +
           PER_CHANNEL_COUNTS * (size_t)network->populations[population].shape.channels;
}

int64_t snn_statistics_bytes(const snn_network *network, int32_t timesteps)
{
    size_t counts = 0;
    for (int32_t i = 0; i < network->population_count; i++) {
        counts += count_of(network, i, timesteps);
    }
    return (int64_t)(counts * sizeof(int64_t));
}

snn_status snn_statistics_create(const snn_network *network, int32_t timesteps, snn_statistics **statistics)
{
    const size_t populations = (size_t)network->population_count;
    *statistics = NULL;
    if (timesteps < 1) {
        return snn_fail(SNN_INTERNAL_ERROR, "statistics of %d timesteps", timesteps);
    }
    snn_statistics *made = snn_allocate(1, sizeof *made);
    if (made == NULL) {
        return snn_out_of_memory("statistics");
    }
    made->timesteps = timesteps;
    made->populations = network->population_count;
    made->offset = snn_allocate(populations, sizeof *made->offset);
    if (made->offset != NULL) {
        for (size_t i = 0; i < populations; i++) {
            made->offset[i] = made->length;
            made->length += count_of(network, (int32_t)i, timesteps);
        }
        made->counts = snn_allocate(made->length, sizeof *made->counts);
    }
    if (made->counts == NULL) {
        snn_statistics_destroy(made);
        return snn_out_of_memory("statistics");
    }
    *statistics = made;
    return snn_ok();
}

snn_population_counts snn_statistics_population(const snn_statistics *statistics, const snn_network *network,
                                                int32_t population)
{
    const int64_t timesteps = statistics->timesteps;
    int64_t *counts = statistics->counts + statistics->offset[population];
    int64_t *channel_spikes = counts + PER_STEP_COUNTS * timesteps;
    snn_population_counts pointers = {counts, counts + timesteps, counts + 2 * timesteps, channel_spikes,
                                      channel_spikes + network->populations[population].shape.channels};
    return pointers;
}

void snn_statistics_destroy(snn_statistics *statistics)
{
    if (statistics == NULL) {
        return;
    }
    snn_release(statistics->counts);
    snn_release(statistics->offset);
    snn_release(statistics);
}
