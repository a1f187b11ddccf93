/* A shard that holds some populations of a network and nothing else, with made-up weights and spikes: what calibration
 * takes time on. Internal to partition/. */
#ifndef SNN_PARTITION_WORKBENCH_H
#define SNN_PARTITION_WORKBENCH_H

#include "core/kernels/kernels.h"
#include "core/network/timing.h"
#include "partition/plan.h"
#include "partition/speeds.h"

/* One population at one width. */
typedef struct snn_candidate {
    int32_t population;
    snn_channel_range owned;
    double share; /* of the channels wanted: more were too large */
    uint64_t key;
    int32_t steps;                                   /* at a time; 0: not known yet */
    double step_seconds, second_step, group_seconds; /* the fastest so far, and the next; 0: none yet */
} snn_candidate;

/* Candidates that are measured side by side: those that read the image, or the others. */
typedef struct snn_workbench {
    const snn_kernels *kernels;
    const snn_work *work;
    snn_network *network; /* structure, and made-up rows for the candidates */
    snn_timing *timings;  /* [populations] with windows, else NULL */
    snn_candidate *candidates;
    int32_t count;
    int32_t images, timesteps;
    int32_t threads; /* of this turn: of the work, or one */
    bool with_image;
    float *eta, *pixels;
    int64_t *numbers;
    snn_channel_range *owned, *visible;
    uint8_t *others; /* [other_bytes] */
    int64_t other_bytes;
    volatile uint8_t sink; /* keeps what is only touched from being left out */
    snn_shard *shard;
} snn_workbench;

/* Chooses the number of images and creates the shard. `shards`: that the network is divided into. */
snn_status snn_workbench_open(snn_workbench *bench, int32_t shards);
/* Also after an opening that failed; the workbench may be opened again with other candidates. */
void snn_workbench_close(snn_workbench *bench);

/* Channels of its input that an owner of these channels decodes. */
snn_channel_range snn_workbench_held(const snn_population *population, snn_channel_range owned);

#endif
