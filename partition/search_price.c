/* What counts of a stage. */
#include <math.h>

#include "partition/search.h"

static bool minds_memory(const snn_search *search)
{
    return search->model->machine.memory_bytes > 0.0 || search->request->objective == SNN_OBJECTIVE_MEMORY;
}

double snn_search_readout(const snn_search *search, int32_t replicas, const snn_cut *cut)
{
    int32_t stage = cut->stages - 1;
    if (!minds_memory(search)) {
        return 0.0;
    }
    while (cut->begin[stage] == cut->begin[stage + 1]) { /* stages of nothing come last */
        stage--;
    }
    snn_stage_scan scan;
    snn_stage_scan_begin(&scan, search->model, cut->shards[stage], 0, cut->begin[stage]);
    while (scan.last < cut->begin[stage + 1]) {
        snn_stage_scan_extend(&scan);
    }
    return snn_rank_memory(&scan.cost, search->request, replicas);
}

double snn_search_price(const snn_search *search, const snn_rank_cost *cost)
{
    const double limit = search->model->machine.memory_bytes;
    const bool lean = search->request->objective == SNN_OBJECTIVE_MEMORY;
    if (!minds_memory(search)) {
        return snn_rank_seconds(cost, search->request);
    }
    const int32_t replicas = search->request->replicas > 0 ? search->request->replicas : search->request->ranks;
    const double memory = snn_rank_memory(cost, search->request, replicas);
    if (limit > 0.0 && memory > limit) {
        return INFINITY;
    }
    return lean ? memory : snn_rank_seconds(cost, search->request);
}
