/* The parts of an output file that rank 0 writes by itself, and what it must first hear from the others. */
#ifndef SNN_IO_OUTPUT_SECTIONS_H
#define SNN_IO_OUTPUT_SECTIONS_H

#include <hdf5.h>

#include "io/hdf5/cost_model.h"
#include "io/hdf5/output.h"

/* What the ranks say of themselves: numbers as [ranks][SNN_RANK_NUMBERS], texts as [ranks][SNN_RANK_TEXT_BYTES]. */
enum {
    SNN_RANK_TIMERS, /* SNN_TIMER_COUNT seconds */
    SNN_RANK_PACKETS = SNN_RANK_TIMERS + SNN_TIMER_COUNT,
    SNN_RANK_RAW_BYTES,
    SNN_RANK_SENT_BYTES,
    SNN_RANK_SHARED_BLOCKS,
    SNN_RANK_SHARED_BYTES,
    SNN_RANK_MEMORY, /* 3 numbers of bytes: weights, state, spikes */
    SNN_RANK_THREADS = SNN_RANK_MEMORY + 3,
    SNN_RANK_LINES, /* of the traffic: [SNN_EDGE_KIND_COUNT][SNN_CODEC_AUTO][SNN_TRAFFIC_COLUMNS] */
    SNN_RANK_NUMBERS = SNN_RANK_LINES + (int)SNN_EDGE_KIND_COUNT * (int)SNN_CODEC_AUTO * SNN_TRAFFIC_COLUMNS,
    SNN_RANK_TEXT_BYTES = 256
};

typedef struct snn_output_ranks {
    int32_t count;
    double *numbers; /* counts too: exact up to 2^53 */
    char *hosts, *kernels;
} snn_output_ranks;

/* Collective; the arrays are on rank 0 only. Agreed. */
snn_status snn_output_gather_ranks(snn_world *world, const snn_output *output, snn_output_ranks *ranks);
void snn_output_ranks_clear(snn_output_ranks *ranks);

/* /communication, /timers, /provenance */
snn_status snn_output_write_ranks(hid_t file, const snn_output *output, const snn_output_ranks *ranks);

/* /dynamics */
snn_status snn_output_write_dynamics(hid_t file, const snn_output *output);

/* /layers */
snn_status snn_output_write_layers(hid_t file, const snn_output *output);

/* /cost, after /dynamics, of which it has links; costs: [SNN_COST_CASES] */
snn_status snn_output_write_cost(hid_t file, const snn_output *output, const snn_cost *costs);

/* /energy: the operations of each layer, and the estimates of /cost for all images */
snn_status snn_output_write_energy(hid_t file, const snn_output *output, const snn_cost *costs);

#endif
