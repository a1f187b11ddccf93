/* Chooses a plan from a cost model: operations per population, spikes on the wire, image groups to share out.
 *
 * snn_plan_make chooses, snn_plan_cost says what one rank of any plan holds and does, snn_rank_seconds and
 * snn_plan_predict put a time to it. Everything is computed from the network's structure (weights are not needed) and
 * is the same on every rank, so that ranks may plan each for themselves.
 */
#ifndef SNN_PARTITION_PLANNER_H
#define SNN_PARTITION_PLANNER_H

#include "partition/plan.h"

typedef struct snn_planner_request {
    int32_t ranks;
    int32_t replicas, stages, channels; /* 0: free; the product must equal `ranks` when all are given */
    int64_t groups;                     /* image groups to be simulated */
    int32_t timesteps, block, images;   /* steps of a group, steps of an item, images of a group */
} snn_planner_request;

/* Cost of a rank of the plan, for `plan`'s table and the search. */
typedef struct snn_rank_cost {
    int64_t operations;                             /* signed additions per image and timestep */
    int64_t function_operations;                    /* of n-ary functions, beyond one for each x and y; likewise */
    int64_t neurons;                                /* spiking ones, per image */
    int64_t weight_bytes, state_bytes, spike_bytes; /* state, spikes and sums of streams for a whole group and block */
    int64_t bits_sent, bits_received;               /* per image and timestep */
    int32_t messages;                               /* received per item */
} snn_rank_cost;

/* The plan with the smallest predicted time; of equal ones that with fewer shards, then fewer stages. All stages have
 * the same number of shards. There may be more stages than populations (the rest are empty) and more shards than
 * channels (the rest own nothing). SNN_INPUT_ERROR when the fixed numbers cannot make `ranks` ("layout 2x2x2 needs 8
 * ranks, there are 6") or a number is out of range. */
snn_status snn_plan_make(const snn_network *network, const snn_planner_request *request, snn_plan **plan);

snn_rank_cost snn_plan_cost(const snn_plan *plan, const snn_network *network, const snn_planner_request *request,
                            int32_t rank);

/* Predicted seconds of one rank for one item. A transfer is priced at its receiver, since links work both ways. */
double snn_rank_seconds(const snn_rank_cost *cost, const snn_planner_request *request);

/* Predicted seconds for all groups by the model's constants; relative figures are what counts. `efficiency` (may be
 * NULL): the computation alone on one rank, shared out evenly, over that prediction; in (0, 1]. */
double snn_plan_predict(const snn_plan *plan, const snn_network *network, const snn_planner_request *request,
                        double *efficiency);

#endif
