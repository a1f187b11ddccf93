/* What a report and a summary show of an output file. */
#ifndef SNN_IO_REPORT_DATA_H
#define SNN_IO_REPORT_DATA_H

#include <stdbool.h>
#include <stdint.h>

#include "comm/wavefront.h"
#include "core/base/status.h"
#include "core/base/timers.h"
#include "io/hdf5/cost_model.h"

typedef struct snn_report_layer {
    int32_t index; /* of its population; streams have an index too, but are no layers */
    char *name;
    char *neuron;
    int64_t neurons, spikes;
    int64_t channels, beyond;      /* all, and those with a neuron beyond its range in some image; 0: not in the file */
    int64_t worst_channel;         /* of these the one that was beyond the most often */
    double worst_share;            /* of its neurons and images */
    int32_t first_step;            /* timestep of the first step of its own */
    double firing_rate, flip_rate; /* means over these steps */
    double tracking_error;         /* after the last of them; 0 if the run has no `tracking` */
} snn_report_layer;

typedef struct snn_report_run {
    const char *path; /* not a copy */
    char *model, *layout, *codec, *started;
    char *kernels; /* of rank 0 */
    int32_t classes;
    int64_t images, ann_correct; /* -1: not evaluated */
    int64_t *correct;            /* [timesteps] */
    int32_t timesteps;           /* of the run */
    int64_t latency;             /* more than these if the run ended before the last window */
    int32_t steps;               /* of each neuron: those of its window, or all timesteps; also the interval */
    double spikes_per_neuron;    /* for an image */
    int32_t first_answer;        /* first timestep, from 1, at which the network has anything to answer with */
    bool windows, subgradient;
    bool whole_weights;   /* weights are whole numbers */
    int32_t delay, depth; /* these and the next: 0 without windows */
    double ratio, margin;
    bool counted, tracking;   /* there are spikes of layers, and tracking errors (output.statistics) */
    snn_report_layer *layers; /* [layer_count], in the network's order */
    int32_t layer_count;
    double *mean_error, *worst_error; /* [steps]: of tracking, over the layers */
    double *seconds;                  /* [ranks][SNN_TIMER_COUNT]; timers that an older file lacks are 0 */
    int32_t ranks, idle_ranks;
    int32_t threads[2];             /* fewest and most of a rank */
    int64_t *memory;                /* [ranks]: bytes of weights, state and spikes */
    double evaluation;              /* seconds */
    int64_t neurons;                /* that spike */
    snn_cost costs[SNN_COST_CASES]; /* not known: not in the file, as none is in an older one; a number that a case
                                       lacks is -1, `dense` never is */
    int64_t raw_bytes, sent_bytes, packets;
    int64_t shared_bytes; /* 0 in older files, whose ranks did not share memory */
    snn_traffic_line lines[SNN_EDGE_KIND_COUNT][SNN_CODEC_AUTO]; /* summed over ranks; 0 where an older file has none */
} snn_report_run;

/* Reads a sealed output, its checksum too if `verify`. SNN_INPUT_ERROR if it is none or damaged. Clear it afterwards
 * whatever comes of it. */
snn_status snn_report_read(const char *path, bool verify, snn_report_run *run);
void snn_report_clear(snn_report_run *run);

#endif
