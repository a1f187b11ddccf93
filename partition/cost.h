/* The parts of the cost model that the planner's search adds up population by population. Internal to partition/. */
#ifndef SNN_PARTITION_COST_H
#define SNN_PARTITION_COST_H

#include "partition/planner.h"

/* Adds what `place` computes and keeps for the channels that it owns of `population`: operations, neurons, weights and
 * state. Traffic and arrays of spikes and sums are left as they are. */
void snn_cost_add_population(snn_rank_cost *cost, const snn_plan *plan, const snn_network *network,
                             const snn_planner_request *request, snn_place place, int32_t population);

typedef struct snn_cost_traffic {
    int64_t bits;     /* per image and timestep; a value of a stream has 32 */
    int32_t messages; /* per item */
} snn_cost_traffic;

/* What a rank receives from the other owners of population `source` when it needs the channels `needed` of it and owns
 * `owned`. */
snn_cost_traffic snn_cost_received(const snn_plan *plan, const snn_network *network, int32_t source,
                                   snn_channel_range needed, snn_channel_range owned);

/* Seconds of a pipeline that the groups of one of `replicas` stream through: every item passes the slowest stage, and
 * once the pipeline fills and drains through the others. Arguments: of one item, in the slowest and in all stages. */
double snn_cost_pipeline(const snn_planner_request *request, int32_t replicas, double slowest_stage, double all_stages);

#endif
