/* A shard at work on made-up input: what is timed. Goes through the interface of core/shard that a run goes through.
 */
#ifndef SNN_LAB_BENCH_WORKLOAD_H
#define SNN_LAB_BENCH_WORKLOAD_H

#include "core/dynamics/schedule.h"
#include "core/kernels/kernels.h"
#include "core/network/network.h"
#include "core/shard/statistics.h"

typedef struct snn_workload_options {
    const snn_kernels *kernels;
    int32_t images, block, timesteps;
    int32_t threads;
    bool processor_time; /* of the calling thread, instead of wall time: for one thread, on a machine that others use */
    bool whole;          /* all populations; or only those that projections reach, the others with random spikes */
    snn_encoding encoding;
    snn_statistics_detail statistics;
} snn_workload_options;

typedef struct snn_workload snn_workload;

/* `network`: with all weights; must outlive the workload. */
snn_status snn_workload_create(const snn_network *network, const snn_workload_options *options,
                               snn_workload **workload);

/* The next block of timesteps of all populations at work. After the last block a group begins anew, which counts for
 * nothing. A snn_contestant's `run`. */
snn_status snn_workload_run_block(void *workload, double *seconds);

/* A whole group: its beginning (where the first layer's product with the images is made) and all timesteps. */
snn_status snn_workload_run_group(void *workload, double *seconds);

/* Timesteps [first, last) of a group, multiples of the block: begins a group and comes to `first`, which counts for
 * nothing. */
snn_status snn_workload_run_steps(snn_workload *workload, int32_t first, int32_t last, double *seconds);

/* Seconds spent in each population since creation [population_count], by runs of a group; and in their beginning. */
const double *snn_workload_seconds(const snn_workload *workload, double *beginning);

/* Bytes held: weights, state, spikes and sums. */
void snn_workload_memory(const snn_workload *workload, int64_t *weights, int64_t *state, int64_t *spikes);

void snn_workload_destroy(snn_workload *workload); /* accepts NULL */

#endif
