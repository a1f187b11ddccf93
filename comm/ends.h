/* The ends of packets at one rank: who sends what here, and to whom what goes, each with its coder and buffers.
 * Included only by the files of comm/ that call MPI. */
#ifndef SNN_COMM_ENDS_H
#define SNN_COMM_ENDS_H

#include <mpi.h>

#include "comm/edges.h"
#include "comm/wavefront.h"
#include "core/network/timing.h"

enum { SNN_ITEM_SLOTS = 2 }; /* items in flight per inlet and outlet */

typedef struct snn_inlet {
    int32_t source;   /* population */
    int32_t consumer; /* first population of this rank that needs it */
    int32_t from;     /* rank */
    snn_edge_kind kind;
    bool common; /* others of this host read what it places */
    snn_packet_coder *coder;
    int bound; /* bytes */
    uint8_t *buffer[SNN_ITEM_SLOTS];
    MPI_Request request[SNN_ITEM_SLOTS];
} snn_inlet;

typedef struct snn_outlet {
    int32_t source;
    snn_edge_kind kind;  /* of the first target */
    double byte_seconds; /* to all targets */
    snn_packet_coder *coder;
    uint8_t *buffer[SNN_ITEM_SLOTS];
    int32_t targets;
    int32_t *to;                          /* [targets]: ranks */
    MPI_Request *request[SNN_ITEM_SLOTS]; /* [targets] */
} snn_outlet;

typedef struct snn_ends {
    snn_inlet *inlets; /* [inlet_count] */
    int32_t inlet_count;
    snn_outlet *outlets; /* [outlet_count] */
    int32_t outlet_count;
    int32_t *inlet_order; /* inlets by consumer; those of population p are [inlet_begin[p], inlet_begin[p + 1]) */
    int32_t *inlet_begin;
    int32_t *outlet_begin; /* outlets by source, likewise */
} snn_ends;

/* Of all `edges` of this rank; `ends` zero before. `timings` [population_count]: of a network with windows, else NULL.
 * The workspace must outlive them. Whatever comes of it, snn_ends_clear follows. */
snn_status snn_ends_create(const snn_network *network, const snn_plan *plan, const snn_wavefront_options *options,
                           const snn_timing *timings, const snn_edges *edges, int32_t rank,
                           snn_codec_workspace *workspace, snn_ends *ends);
/* in_flight: MPI may still read and write buffers, which stay behind. */
void snn_ends_clear(snn_ends *ends, bool in_flight);

#endif
