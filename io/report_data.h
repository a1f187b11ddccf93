/* What a report shows of an output file. */
#ifndef SNN_IO_REPORT_DATA_H
#define SNN_IO_REPORT_DATA_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/base/timers.h"

typedef struct snn_report_layer {
    int32_t index; /* of its population; streams have an index too, but are no layers */
    char *name;
    char *neuron;
    int64_t neurons;
    int32_t first_step;            /* timestep of the first step of its own */
    double firing_rate, flip_rate; /* means over these steps */
    double tracking_error;         /* after the last of them; 0 if the run has no `tracking` */
} snn_report_layer;

typedef struct snn_report_run {
    const char *path; /* not a copy */
    char *model, *layout, *codec, *started;
    int64_t images, ann_correct; /* -1: not evaluated */
    int64_t *correct;            /* [timesteps] */
    int32_t timesteps;           /* the latency */
    int32_t steps;               /* of each neuron: those of its window, or all timesteps; also the interval */
    double spikes_per_neuron;    /* for an image */
    bool windows;
    bool tracking;            /* there are tracking errors (output.statistics) */
    snn_report_layer *layers; /* [layer_count], in the network's order */
    int32_t layer_count;
    double *mean_error, *worst_error; /* [steps]: of tracking, over the layers */
    double *seconds;                  /* [ranks][SNN_TIMER_COUNT]; timers that an older file lacks are 0 */
    int32_t ranks;
    int64_t *memory;               /* [ranks]: bytes of weights, state and spikes */
    double evaluation;             /* seconds */
    double energy, trained_energy; /* joules */
    double quantised_energy;       /* 0: not in the file */
    int64_t raw_bytes, sent_bytes, packets;
} snn_report_run;

/* Reads a sealed output. SNN_INPUT_ERROR if it is none or damaged. Clear it afterwards whatever comes of it. */
snn_status snn_report_read(const char *path, snn_report_run *run);
void snn_report_clear(snn_report_run *run);

#endif
