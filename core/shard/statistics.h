/* Firing statistics as integers, so that sums over images, threads and ranks do not depend on their order (G1).
 * One flat array, so that adding up ranks is one reduction and a checkpoint one data set. */
#ifndef SNN_SHARD_STATISTICS_H
#define SNN_SHARD_STATISTICS_H

#include <stddef.h>
#include <stdint.h>

#include "core/network/network.h"

enum { SNN_ERROR_FRACTION_BITS = 16 }; /* tracking error |y - f(x)/scale|, 127 at most, in units of 2^-16 */

/* What is counted; spikes are the same. */
typedef enum snn_statistics_detail {
    SNN_STATISTICS_FULL,
    SNN_STATISTICS_SPIKES, /* all but tracking errors */
    SNN_STATISTICS_NONE    /* only neurons beyond their range */
} snn_statistics_detail;

typedef struct snn_statistics {
    int32_t timesteps, populations;
    int64_t *counts; /* [length]: all of the below, owned */
    size_t length;
    size_t *offset; /* [populations]: where a population's counts begin */
} snn_statistics;

/* Of one population, pointers into counts. */
typedef struct snn_population_counts {
    int64_t *spikes;         /* [timesteps] neurons that fired (s = 1) */
    int64_t *flips;          /* [timesteps] neurons with s(t) != s(t-1); 0 at t = 0 */
    int64_t *error;          /* [timesteps] sum over neurons of the sample (snn_tracked_apart) of |y - f(x)/scale| after
                                the update, 2^-16; 0 if it  was not to be counted */
    int64_t *channel_spikes; /* [channels] over all timesteps */
    int64_t *channel_beyond; /* [channels] neurons that ended beyond their calibrated range: see shard_ranges.c */
} snn_population_counts;

/* Bytes of the counts. */
int64_t snn_statistics_bytes(const snn_network *network, int32_t timesteps);

snn_status snn_statistics_create(const snn_network *network, int32_t timesteps, snn_statistics **statistics);
snn_population_counts snn_statistics_population(const snn_statistics *statistics, const snn_network *network,
                                                int32_t population);
void snn_statistics_destroy(snn_statistics *statistics);

#endif
