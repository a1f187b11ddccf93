#include "comm/edges.h"

#include <stdbool.h>

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

/* What is known while a rank's list is made. */
typedef struct edge_search {
    const snn_plan *plan;
    const snn_network *network;
    snn_place place; /* the rank's */
    int32_t rank;
    int32_t *stage_rank;       /* [stages]: rank of the first shard of each stage of the replica */
    int32_t *reader_begin;     /* [populations + 1]: projections from population p are */
    int32_t *readers;          /* readers[reader_begin[p]] up to readers[reader_begin[p + 1]], ordered by target */
    snn_channel_range *needed; /* [populations]: what the rank needs of each */
    edge_list list;
} edge_search;

static void search_clear(edge_search *search)
{
    snn_release(search->stage_rank);
    snn_release(search->reader_begin);
    snn_release(search->readers);
    snn_release(search->needed);
}

/* Projections by source. */
static void find_readers(edge_search *search)
{
    const snn_network *network = search->network;
    int32_t *begin = search->reader_begin;
    for (int32_t i = 0; i < network->projection_count; i++) {
        if (network->projections[i].source != SNN_SOURCE_INPUT) {
            begin[network->projections[i].source + 1]++;
        }
    }
    for (int32_t p = 0; p < network->population_count; p++) {
        begin[p + 1] += begin[p];
    }
    const int32_t all = begin[network->population_count];
    for (int32_t i = network->projection_count - 1; i >= 0; i--) { /* each fills its part from the end */
        if (network->projections[i].source != SNN_SOURCE_INPUT) {
            search->readers[--begin[network->projections[i].source + 1]] = i;
        }
    }
    for (int32_t p = 0; p < network->population_count; p++) { /* begin[p + 1] is now where p begins */
        begin[p] = begin[p + 1];
    }
    begin[network->population_count] = all;
}

static snn_status search_begin(const snn_plan *plan, const snn_network *network, int32_t rank, edge_search *search)
{
    const size_t populations = (size_t)network->population_count;
    *search = (edge_search){.plan = plan, .network = network, .place = snn_plan_place(plan, rank), .rank = rank};
    search->stage_rank = snn_allocate((size_t)plan->stages, sizeof *search->stage_rank);
    search->reader_begin = snn_allocate(populations + 1, sizeof *search->reader_begin);
    search->readers = snn_allocate((size_t)network->projection_count, sizeof *search->readers);
    search->needed = snn_allocate(populations, sizeof *search->needed);
    if (search->stage_rank == NULL || search->reader_begin == NULL || search->readers == NULL ||
        search->needed == NULL) {
        return snn_out_of_memory("edges");
    }
    int32_t first = search->place.replica * snn_plan_ranks_per_replica(plan);
    for (int32_t stage = 0; stage < plan->stages; stage++) {
        search->stage_rank[stage] = first;
        first += plan->shards[stage];
    }
    find_readers(search);
    const int32_t last = snn_plan_first_projection(network, plan->stage_begin[search->place.stage + 1]);
    for (int32_t i = snn_plan_first_projection(network, plan->stage_begin[search->place.stage]); i < last; i++) {
        const snn_projection *projection = &network->projections[i];
        if (projection->source != SNN_SOURCE_INPUT) {
            snn_channel_range *needed = &search->needed[projection->source];
            *needed = snn_channel_range_hull(*needed, snn_plan_sources(plan, network, search->place, projection));
        }
    }
    return snn_ok();
}

static snn_edge edge_of(const edge_search *search, int32_t source, int32_t from, int32_t to, snn_channel_range channels)
{
    const bool stream = search->network->populations[source].kind == SNN_NEURON_STREAM;
    return (snn_edge){.source = source,
                      .from = from,
                      .to = to,
                      .channels = channels,
                      .payload = stream ? SNN_PAYLOAD_INTEGERS : SNN_PAYLOAD_BITS,
                      .packet = search->list.edges.count};
}

/* The first shard from `shard` on that owns any of what the readers [begin, end) project to. */
static int32_t next_reader(const edge_search *search, int32_t begin, int32_t end, int32_t shards, int32_t shard)
{
    int32_t next = shards;
    for (int32_t i = begin; i < end && next > shard; i++) {
        const int32_t target = search->network->projections[search->readers[i]].target;
        const int32_t owner = snn_plan_next_owner(search->plan, search->network, target, shard);
        next = owner < next ? owner : next;
    }
    return next;
}

/* To the shards of one stage, whose readers of the source are [*reader, ...), which moves on to the next stage's. */
static snn_status append_readers(edge_search *search, int32_t source, snn_channel_range owned, int32_t first,
                                 int32_t *reader)
{
    const snn_network *network = search->network;
    const int32_t begin = *reader, end = search->reader_begin[source + 1];
    const int32_t stage = snn_plan_stage_of(search->plan, network->projections[search->readers[begin]].target);
    while (*reader < end &&
           network->projections[search->readers[*reader]].target < search->plan->stage_begin[stage + 1]) {
        (*reader)++;
    }
    const int32_t shards = search->plan->shards[stage];
    for (int32_t shard = next_reader(search, begin, *reader, shards, 0); shard < shards;
         shard = next_reader(search, begin, *reader, shards, shard + 1)) {
        const snn_place place = {.replica = search->place.replica, .stage = stage, .shard = shard};
        snn_channel_range needed = {0, 0};
        for (int32_t i = begin; i < *reader; i++) {
            const snn_projection *projection = &network->projections[search->readers[i]];
            needed = snn_channel_range_hull(needed, snn_plan_sources(search->plan, network, place, projection));
        }
        snn_edge edge = edge_of(search, source, search->rank, search->stage_rank[stage] + shard,
                                snn_channel_range_common(owned, needed));
        if (edge.to == edge.from || edge.channels.begin == edge.channels.end) {
            continue;
        }
        for (int32_t other = first; other < search->list.edges.count; other++) {
            const snn_channel_range *channels = &search->list.edges.edges[other].channels;
            if (channels->begin == edge.channels.begin && channels->end == edge.channels.end) {
                edge.packet = other;
                break;
            }
        }
        SNN_TRY(append(&search->list, &edge));
    }
    return snn_ok();
}

/* The rank's edges of one source, owner by owner. */
static snn_status append_source(edge_search *search, int32_t source)
{
    const int32_t stage = snn_plan_stage_of(search->plan, source); /* only this one owns any of it */
    const snn_channel_range needed = search->needed[source];
    if (stage != search->place.stage && needed.begin == needed.end) {
        return snn_ok();
    }
    for (int32_t shard = snn_plan_next_owner(search->plan, search->network, source, 0);
         shard < search->plan->shards[stage];
         shard = snn_plan_next_owner(search->plan, search->network, source, shard + 1)) {
        const snn_place owner = {.replica = search->place.replica, .stage = stage, .shard = shard};
        const snn_channel_range owned = snn_plan_owned(search->plan, search->network, owner, source);
        const int32_t from = search->stage_rank[stage] + shard, first = search->list.edges.count;
        if (from == search->rank) {
            for (int32_t reader = search->reader_begin[source]; reader < search->reader_begin[source + 1];) {
                SNN_TRY(append_readers(search, source, owned, first, &reader));
            }
            continue;
        }
        const snn_edge edge = edge_of(search, source, from, search->rank, snn_channel_range_common(owned, needed));
        if (edge.channels.begin < edge.channels.end) {
            SNN_TRY(append(&search->list, &edge));
        }
    }
    return snn_ok();
}

snn_status snn_edges_derive(const snn_plan *plan, const snn_network *network, int32_t rank, snn_edges *edges)
{
    edge_search search;
    snn_status status = search_begin(plan, network, rank, &search);
    for (int32_t source = 0; source < network->population_count && !snn_failed(status); source++) {
        status = append_source(&search, source);
    }
    search_clear(&search);
    if (snn_failed(status)) {
        snn_edges_clear(&search.list.edges);
    }
    *edges = search.list.edges;
    return status;
}

/* The last population of the consumer that reads the edge's source, or with `stop` the first one that needs any of the
 * edge's channels. */
static int32_t find_reader(const snn_plan *plan, const snn_network *network, const snn_edge *edge, bool stop)
{
    const snn_place place = snn_plan_place(plan, edge->to);
    int32_t reader = plan->stage_begin[place.stage]; /* replaced: an edge comes from a projection into the place */
    const int32_t last = snn_plan_first_projection(network, plan->stage_begin[place.stage + 1]);
    for (int32_t i = snn_plan_first_projection(network, reader); i < last; i++) {
        const snn_projection *projection = &network->projections[i]; /* ordered by target */
        if (projection->source != edge->source) {
            continue;
        }
        const snn_channel_range needed = snn_plan_sources(plan, network, place, projection);
        if (needed.begin == needed.end) {
            continue;
        }
        reader = projection->target;
        if (stop && snn_channel_range_count(snn_channel_range_common(needed, edge->channels)) > 0) {
            break;
        }
    }
    return reader;
}

int32_t snn_edge_first_reader(const snn_plan *plan, const snn_network *network, const snn_edge *edge)
{
    return find_reader(plan, network, edge, true);
}

int32_t snn_edge_last_reader(const snn_plan *plan, const snn_network *network, const snn_edge *edge)
{
    return find_reader(plan, network, edge, false);
}

uint32_t snn_edge_number(const snn_edge *edge)
{
    const int32_t parts[] = {edge->source, edge->from, edge->channels.begin, edge->channels.end};
    uint32_t number = 2166136261U; /* FNV-1a, by words */
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        number = (number ^ (uint32_t)parts[i]) * 16777619U;
    }
    return number;
}

void snn_edges_clear(snn_edges *edges)
{
    snn_release(edges->edges);
    edges->edges = NULL;
    edges->count = 0;
}
