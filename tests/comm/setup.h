/* What setting up one rank takes, counted: linked with alone.c, and with snn_allocate and snn_plan_owned wrapped. */
#ifndef SNN_TESTS_SETUP_H
#define SNN_TESTS_SETUP_H

#include "core/network/network.h"
#include "partition/plan.h"
#include "tests/comm/alone.h"

typedef struct setup {
    const snn_network *network; /* with the weights of the rank, or all */
    const snn_plan *plan;
    int32_t rank, host_ranks; /* to a host */
    int32_t images;           /* of a group */
} setup;

typedef struct setup_cost {
    int64_t edges;       /* from and to the rank */
    int64_t bytes;       /* asked for by the world and the wavefront: what the rank takes because there are others */
    int64_t shard_bytes; /* weights, state, spikes */
    int64_t lookups;     /* at what some rank owns, for `bytes` */
    alone_counts messages;
} setup_cost;

snn_status setup_measure(const setup *of, setup_cost *cost);

#endif
