#include "comm/edges.h"

#include <string.h>

#include "core/base/memory.h"

/* A list under construction, which grows by doubling. */
typedef struct edge_list {
    snn_edges edges;
    size_t capacity;
} edge_list;

static snn_status append(edge_list *list, const snn_edge *edge)
{
    if (list->edges.count > INT32_MAX / 2) {
        return snn_fail(SNN_INTERNAL_ERROR, "more than %ld edges", (long)list->edges.count);
    }
    if (!snn_grow(&list->edges.edges, (size_t)list->edges.count, &list->capacity, sizeof *edge)) {
        return snn_out_of_memory("edges");
    }
    list->edges.edges[list->edges.count] = *edge;
    list->edges.count++;
    return snn_ok();
}

/* The edges of one source from one owner. needed: [ranks of the replica]. */
static snn_status append_owner(edge_list *list, int32_t source, snn_payload payload, int32_t from,
                               snn_channel_range owned, const snn_channel_range *needed, int32_t first_rank,
                               int32_t ranks)
{
    int32_t first = list->edges.count;
    for (int32_t i = 0; i < ranks; i++) {
        snn_edge edge = {.source = source,
                         .from = from,
                         .to = first_rank + i,
                         .channels = snn_channel_range_common(owned, needed[i]),
                         .payload = payload,
                         .packet = list->edges.count};
        if (edge.to == from || edge.channels.begin == edge.channels.end) {
            continue;
        }
        for (int32_t other = first; other < list->edges.count; other++) {
            const snn_channel_range *channels = &list->edges.edges[other].channels;
            if (channels->begin == edge.channels.begin && channels->end == edge.channels.end) {
                edge.packet = other;
                break;
            }
        }
        SNN_TRY(append(list, &edge));
    }
    return snn_ok();
}

snn_status snn_edges_derive(const snn_plan *plan, const snn_network *network, int32_t replica, snn_edges *edges)
{
    edge_list list = {0};
    snn_status status = snn_ok();
    int32_t ranks = snn_plan_ranks_per_replica(plan);
    int32_t first_rank = replica * ranks;
    snn_channel_range *needed = snn_allocate((size_t)ranks, sizeof *needed);
    if (needed == NULL) {
        SNN_GOTO_DONE(status, snn_out_of_memory("edges"));
    }
    for (int32_t source = 0; source < network->population_count; source++) {
        for (int32_t i = 0; i < ranks; i++) {
            needed[i] = snn_plan_needed(plan, network, snn_plan_place(plan, first_rank + i), source);
        }
        const bool stream = network->populations[source].kind == SNN_NEURON_STREAM;
        const snn_payload payload = stream ? SNN_PAYLOAD_INTEGERS : SNN_PAYLOAD_BITS;
        /* Only the stage that holds the source owns any of it. */
        int32_t stage = snn_plan_stage_of(plan, source);
        for (int32_t shard = 0; shard < plan->shards[stage]; shard++) {
            const snn_place owner = {.replica = replica, .stage = stage, .shard = shard};
            snn_channel_range owned = snn_plan_owned(plan, network, owner, source);
            SNN_GOTO_DONE(status, append_owner(&list, source, payload, snn_plan_rank(plan, owner), owned, needed,
                                               first_rank, ranks));
        }
    }
done:
    snn_release(needed);
    if (snn_failed(status)) {
        snn_edges_clear(&list.edges);
    }
    *edges = list.edges;
    return status;
}

void snn_edges_clear(snn_edges *edges)
{
    snn_release(edges->edges);
    edges->edges = NULL;
    edges->count = 0;
}
