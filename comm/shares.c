#include "comm/shares.h"

#include "comm/segment.h"
#include "core/base/memory.h"

enum {
    LINE = 128,  /* bytes that processors pass on together, at most */
    INSIDE = 2,  /* blocks of populations that their own stage alone reads */
    BETWEEN = 3, /* and others: one that is written, one that is read, and one for whoever is faster for a while */
    NOWHERE = -1
};

typedef struct block {
    int32_t population, slots;
    bool owned;           /* by this rank, some of it */
    size_t offset, bytes; /* of the first, of each */
} block;

typedef struct reading {
    int32_t consumer;     /* the first population here that needs what the rank has of the source */
    int32_t source, from; /* member */
} reading;

typedef struct writing {
    int32_t population, to; /* member */
    int32_t last;           /* that reads it there */
    int32_t slots;          /* of the population */
} writing;

struct snn_shares {
    int32_t populations;
    int64_t before; /* items until the last finish */
    snn_segment *segment;
    bool refused;
    int32_t *members;          /* [member_count]: ranks of the replica on this host, ascending */
    int32_t member_count, own; /* member that this rank is */
    block *blocks;             /* [block_count]: of populations that this rank owns or reads */
    int32_t block_count;
    reading *readings; /* by consumer: those of population p are [reading_begin[p], reading_begin[p + 1]) */
    writing *writings; /* by population, likewise */
    int32_t *reading_begin, *writing_begin;
};

/* ---- what is shared ---- */

/* What is known while that is found out. */
typedef struct survey {
    snn_world *world;
    const snn_network *network;
    const snn_plan *plan;
    int32_t replica;
    int32_t *stage_rank; /* [stages]: of their first shards */
    int32_t *slots;      /* [populations]: blocks, 0 of those that are not shared */
} survey;

/* Whether a population can be shared: all owners are here, and no byte is two of theirs. */
static bool can_share(const survey *of, int32_t population)
{
    const int32_t stage = snn_plan_stage_of(of->plan, population);
    const bool stream = of->network->populations[population].kind == SNN_NEURON_STREAM;
    for (int32_t shard = snn_plan_next_owner(of->plan, of->network, population, 0); shard < of->plan->shards[stage];
         shard = snn_plan_next_owner(of->plan, of->network, population, shard + 1)) {
        const snn_place owner = {of->replica, stage, shard};
        const snn_channel_range owned = snn_plan_owned(of->plan, of->network, owner, population);
        if ((owned.begin % 8 != 0 && !stream) || !snn_world_same_host(of->world, of->stage_rank[stage] + shard)) {
            return false;
        }
    }
    return true;
}

/* Whether any rank of this host needs what others have of the projection's source. */
static bool is_needed(const survey *of, const snn_projection *projection)
{
    const int32_t stage = snn_plan_stage_of(of->plan, projection->target);
    for (int32_t shard = snn_plan_next_owner(of->plan, of->network, projection->target, 0);
         shard < of->plan->shards[stage];
         shard = snn_plan_next_owner(of->plan, of->network, projection->target, shard + 1)) {
        const snn_place reader = {of->replica, stage, shard};
        if (!snn_world_same_host(of->world, of->stage_rank[stage] + shard)) {
            continue;
        }
        const snn_channel_range needed = snn_plan_sources(of->plan, of->network, reader, projection);
        const snn_channel_range owned = snn_plan_owned(of->plan, of->network, reader, projection->source);
        if (snn_channel_range_count(needed) > snn_channel_range_count(snn_channel_range_common(needed, owned))) {
            return true;
        }
    }
    return false;
}

static void find_shared(survey *of)
{
    const snn_network *network = of->network;
    for (int32_t i = 0; i < network->projection_count; i++) {
        const snn_projection *projection = &network->projections[i];
        const int32_t source = projection->source;
        if (source == SNN_SOURCE_INPUT || of->slots[source] == NOWHERE) {
            continue;
        }
        if (of->slots[source] == 0 && !can_share(of, source)) {
            of->slots[source] = NOWHERE;
            continue;
        }
        const bool between = snn_plan_stage_of(of->plan, source) != snn_plan_stage_of(of->plan, projection->target);
        const int32_t slots = between ? BETWEEN : INSIDE;
        if (slots > of->slots[source] && is_needed(of, projection)) {
            of->slots[source] = slots;
        }
    }
}

static snn_status survey_make(snn_world *world, const snn_network *network, const snn_plan *plan, survey *of)
{
    *of = (survey){.world = world,
                   .network = network,
                   .plan = plan,
                   .replica = snn_plan_place(plan, snn_world_rank(world)).replica};
    of->stage_rank = snn_allocate((size_t)plan->stages, sizeof *of->stage_rank);
    of->slots = snn_allocate((size_t)network->population_count, sizeof *of->slots);
    if (of->stage_rank == NULL || of->slots == NULL) {
        return snn_out_of_memory("shared populations");
    }
    int32_t first = of->replica * snn_plan_ranks_per_replica(plan);
    for (int32_t stage = 0; stage < plan->stages; stage++) {
        of->stage_rank[stage] = first;
        first += plan->shards[stage];
    }
    find_shared(of);
    return snn_ok();
}

static void survey_clear(survey *of)
{
    snn_release(of->stage_rank);
    snn_release(of->slots);
}

/* ---- creation ---- */

static snn_status find_members(const survey *of, snn_shares *shares)
{
    const int32_t ranks = snn_plan_ranks_per_replica(of->plan), first = of->replica * ranks;
    shares->members = snn_allocate((size_t)snn_world_host_ranks(of->world), sizeof *shares->members);
    if (shares->members == NULL) {
        return snn_out_of_memory("shared populations");
    }
    for (int32_t rank = first; rank < first + ranks; rank++) {
        if (snn_world_same_host(of->world, rank)) {
            shares->own = rank == snn_world_rank(of->world) ? shares->member_count : shares->own;
            shares->members[shares->member_count++] = rank;
        }
    }
    return snn_ok();
}

/* Where everybody's blocks lie, and which are of interest here; *bytes: of all. */
static snn_status place_blocks(const survey *of, const snn_shares_options *options, snn_shares *shares, size_t *bytes)
{
    const snn_place place = snn_plan_place(of->plan, snn_world_rank(of->world));
    shares->blocks = snn_allocate((size_t)shares->populations, sizeof *shares->blocks);
    if (shares->blocks == NULL) {
        return snn_out_of_memory("shared populations");
    }
    *bytes = (size_t)shares->member_count * LINE;
    for (int32_t p = 0; p < shares->populations; p++) {
        if (of->slots[p] <= 0) {
            continue;
        }
        const int32_t planes = options->timings != NULL ? options->timings[p].planes : options->block;
        const size_t size = (size_t)snn_shard_block_bytes(of->network, p, planes, options->images);
        const snn_channel_range owned = snn_plan_owned(of->plan, of->network, place, p);
        const snn_channel_range needed = snn_plan_needed(of->plan, of->network, place, p);
        const block made = {.population = p,
                            .slots = of->slots[p],
                            .owned = owned.begin < owned.end,
                            .offset = *bytes,
                            .bytes = (size + LINE - 1) / LINE * LINE};
        *bytes += made.bytes * (size_t)made.slots;
        if (made.owned || needed.begin < needed.end) {
            shares->blocks[shares->block_count++] = made;
        }
    }
    return snn_ok();
}

static int32_t member_of(const snn_shares *shares, int32_t rank)
{
    int32_t low = 0, high = shares->member_count;
    while (high - low > 1) {
        const int32_t middle = low + (high - low) / 2;
        if (shares->members[middle] <= rank) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool edge_is_shared(const survey *of, const snn_edge *edge)
{
    const int32_t rank = snn_world_rank(of->world), other = edge->from == rank ? edge->to : edge->from;
    return of->slots[edge->source] > 0 && snn_world_same_host(of->world, other);
}

static void list_edges(const survey *of, const snn_edges *edges, snn_shares *shares)
{
    const int32_t rank = snn_world_rank(of->world);
    int32_t readings = 0, writings = 0;
    for (int32_t i = 0; i < edges->count; i++) {
        const snn_edge *edge = &edges->edges[i];
        if (!edge_is_shared(of, edge)) {
            continue;
        }
        if (edge->to == rank) {
            const int32_t consumer = snn_edge_first_reader(of->plan, of->network, edge);
            int32_t at = readings++;
            for (; at > 0 && shares->readings[at - 1].consumer > consumer; at--) { /* nearly sorted as they come */
                shares->readings[at] = shares->readings[at - 1];
            }
            shares->readings[at] = (reading){consumer, edge->source, member_of(shares, edge->from)};
            shares->reading_begin[consumer + 1]++;
        } else {
            const int32_t last = snn_edge_last_reader(of->plan, of->network, edge);
            shares->writings[writings++] =
                (writing){edge->source, member_of(shares, edge->to), last, of->slots[edge->source]};
            shares->writing_begin[edge->source + 1]++;
        }
    }
    snn_edges_accumulate(shares->reading_begin, shares->populations);
    snn_edges_accumulate(shares->writing_begin, shares->populations);
}

static snn_status prepare(const survey *of, const snn_shares_options *options, const snn_edges *edges,
                          snn_shares *shares, size_t *bytes)
{
    const size_t populations = (size_t)shares->populations, count = (size_t)edges->count;
    SNN_TRY(find_members(of, shares));
    SNN_TRY(place_blocks(of, options, shares, bytes));
    shares->readings = snn_allocate(count, sizeof *shares->readings);
    shares->writings = snn_allocate(count, sizeof *shares->writings);
    shares->reading_begin = snn_allocate(populations + 1, sizeof *shares->reading_begin);
    shares->writing_begin = snn_allocate(populations + 1, sizeof *shares->writing_begin);
    if (shares->readings == NULL || shares->writings == NULL || shares->reading_begin == NULL ||
        shares->writing_begin == NULL) {
        return snn_out_of_memory("shared populations");
    }
    list_edges(of, edges, shares);
    return snn_ok();
}

/* Leaves only the edges that are not shared. `place` [edges->count] is scratch. */
static void keep_others(const survey *of, snn_edges *edges, int32_t *place)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < edges->count; i++) {
        place[i] = NOWHERE;
        snn_edge edge = edges->edges[i];
        if (edge_is_shared(of, &edge)) {
            continue;
        }
        if (place[edge.packet] == NOWHERE) {
            place[edge.packet] = kept;
        }
        edge.packet = place[edge.packet];
        edges->edges[kept++] = edge;
    }
    edges->count = kept;
}

/* Those of others are touched by them. */
static void touch_blocks(const snn_shares *shares)
{
    for (int32_t i = 0; i < shares->block_count; i++) {
        const block *at = &shares->blocks[i];
        if (at->owned) {
            snn_segment_touch(shares->segment, at->offset, at->bytes * (size_t)at->slots);
        }
    }
}

static void forget(snn_shares *shares)
{
    shares->block_count = 0;
    for (int32_t p = 0; p <= shares->populations; p++) {
        shares->reading_begin[p] = shares->writing_begin[p] = 0;
    }
}

snn_status snn_shares_create(snn_world *world, const snn_network *network, const snn_plan *plan,
                             const snn_shares_options *options, snn_edges *edges, snn_shares **shares)
{
    *shares = NULL;
    survey of = {0};
    size_t bytes = 0;
    int32_t *scratch = snn_allocate((size_t)edges->count, sizeof *scratch);
    snn_shares *made = snn_allocate(1, sizeof *made);
    snn_status status = made != NULL && scratch != NULL ? snn_ok() : snn_out_of_memory("shared populations");
    SNN_GOTO_DONE(status, status);
    made->populations = network->population_count;
    SNN_GOTO_DONE(status, survey_make(world, network, plan, &of));
    SNN_GOTO_DONE(status, prepare(&of, options, edges, made, &bytes));
done:
    status = snn_world_agree(world, status);
    if (!snn_failed(status)) {
        if (bytes > (size_t)made->member_count * LINE) {
            status = snn_segment_create(world, made->members, made->member_count, bytes, &made->segment);
            made->refused = made->segment == NULL;
        }
        if (made->segment != NULL) {
            keep_others(&of, edges, scratch);
            touch_blocks(made);
        } else {
            forget(made);
        }
        *shares = made;
        made = NULL;
    }
    survey_clear(&of);
    snn_release(scratch);
    snn_shares_destroy(made);
    return status;
}

void snn_shares_destroy(snn_shares *shares)
{
    if (shares == NULL) {
        return;
    }
    snn_segment_destroy(shares->segment);
    snn_release(shares->members);
    snn_release(shares->blocks);
    snn_release(shares->readings);
    snn_release(shares->writings);
    snn_release(shares->reading_begin);
    snn_release(shares->writing_begin);
    snn_release(shares);
}

bool snn_shares_refused(const snn_shares *shares)
{
    return shares->refused;
}

/* ---- items ---- */

bool snn_shares_receives(const snn_shares *shares, int32_t population)
{
    return shares->reading_begin[population] < shares->reading_begin[population + 1];
}

bool snn_shares_sends(const snn_shares *shares, int32_t population)
{
    return shares->writing_begin[population] < shares->writing_begin[population + 1];
}

void snn_shares_begin_item(const snn_shares *shares, int64_t item, snn_shard *shard)
{
    const int64_t number = shares->before + item;
    for (int32_t i = 0; i < shares->block_count; i++) {
        const block *at = &shares->blocks[i];
        uint8_t *memory = snn_segment_memory(shares->segment);
        snn_shard_place(shard, at->population, memory + at->offset + (size_t)(number % at->slots) * at->bytes);
    }
}

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "numbers that processes share must be atomic without a lock");

static _Atomic int64_t *progress_of(const snn_shares *shares, int32_t member)
{
    uint8_t *memory = snn_segment_memory(shares->segment);
    return (_Atomic int64_t *)(void *)(memory + (size_t)member * LINE);
}

/* Whether the member has yet to come to `expected`. */
static bool is_behind(const snn_shares *shares, int32_t member, int64_t expected, snn_shares_obstacle *obstacle)
{
    *obstacle = (snn_shares_obstacle){
        .rank = shares->members[member], .progress = progress_of(shares, member), .expected = expected};
    return !snn_shares_is_past(obstacle);
}

bool snn_shares_blocked(const snn_shares *shares, int64_t item, int32_t begin, int32_t end,
                        snn_shares_obstacle *obstacle)
{
    const int64_t number = shares->before + item, populations = shares->populations;
    for (int32_t i = shares->reading_begin[begin]; i < shares->reading_begin[begin + 1]; i++) {
        const reading *at = &shares->readings[i];
        if (is_behind(shares, at->from, number * populations + at->source + 1, obstacle)) {
            return true;
        }
    }
    for (int32_t i = shares->writing_begin[end - 1]; i < shares->writing_begin[end]; i++) {
        const writing *at = &shares->writings[i];
        if (is_behind(shares, at->to, (number - at->slots) * populations + at->last + 1, obstacle)) {
            return true;
        }
    }
    return false;
}

void snn_shares_advance(snn_shares *shares, int64_t item, int32_t end)
{
    if (shares->segment != NULL) {
        atomic_store_explicit(progress_of(shares, shares->own), (shares->before + item) * shares->populations + end,
                              memory_order_release);
    }
}

void snn_shares_finish(snn_shares *shares, int64_t items)
{
    shares->before += items;
}
