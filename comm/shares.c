#include "comm/shares.h"

#include <string.h>

#include "comm/segment.h"
#include "comm/survey.h"
#include "core/base/memory.h"

enum { LINE = 128 }; /* bytes that processors pass on together, at most */

typedef struct block {
    int32_t population, slots;
    bool owned;           /* by this rank, some of it */
    size_t offset, bytes; /* of the first, of each */
} block;

/* A number of a member's: how far it has come, or how far its packets have been placed. */
typedef enum mark_kind { MARK_DONE, MARK_PLACED, MARK_COUNT } mark_kind;

typedef struct reading {
    int32_t consumer;    /* the first population here that needs what the member has, or places, of a source */
    int32_t from, after; /* member, and the population that it must have come past */
    mark_kind mark;
} reading;

/* What this rank writes or places, and who must have read what was there before. */
typedef struct writing {
    int32_t population; /* that is written, or before which packets are placed */
    int32_t to;         /* member */
    int32_t last;       /* that reads it there */
    int32_t slots;      /* of the population */
} writing;

/* By population: those of p are [begin[p], begin[p + 1]). */
typedef struct writing_list {
    writing *writings; /* [count], room for `capacity` */
    size_t capacity;
    int32_t *begin;
    int32_t count;
} writing_list;

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
    int32_t *reading_begin;
    int32_t reading_count;
    writing_list written, placed;
};

/* ---- creation ---- */

/* Where everybody's blocks lie, and which are of interest here; *bytes: of all. */
static snn_status place_blocks(const snn_survey *of, const snn_shares_options *options, snn_shares *shares,
                               size_t *bytes)
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

static void add_reading(snn_shares *shares, int32_t consumer, int32_t from, int32_t after, mark_kind mark)
{
    int32_t at = shares->reading_count++;
    for (; at > 0 && shares->readings[at - 1].consumer > consumer; at--) { /* nearly sorted as they come */
        shares->readings[at] = shares->readings[at - 1];
    }
    shares->readings[at] = (reading){consumer, from, after, mark};
    shares->reading_begin[consumer + 1]++;
}

static snn_status add_writing(writing_list *list, int32_t population, int32_t to, int32_t last, int32_t slots)
{
    if (!snn_grow(&list->writings, (size_t)list->count, &list->capacity, sizeof *list->writings)) {
        return snn_out_of_memory("shared populations");
    }
    int32_t at = list->count++;
    for (; at > 0 && list->writings[at - 1].population > population; at--) {
        list->writings[at] = list->writings[at - 1];
    }
    list->writings[at] = (writing){population, to, last, slots};
    list->begin[population + 1]++;
    return snn_ok();
}

/* Both ends are here. */
static snn_status list_shared(const snn_survey *of, const snn_edge *edge, snn_shares *shares)
{
    if (edge->to == snn_world_rank(of->world)) {
        add_reading(shares, snn_edge_first_reader(of->plan, of->network, edge), member_of(shares, edge->from),
                    edge->source, MARK_DONE);
        return snn_ok();
    }
    return add_writing(&shares->written, edge->source, member_of(shares, edge->to),
                       snn_edge_last_reader(of->plan, of->network, edge), of->slots[edge->source]);
}

/* The packet of `edge`, from another host: this rank waits for its porter, or is it. */
static snn_status list_parcel(const snn_survey *of, const snn_edge *edge, const snn_parcel *parcel, snn_shares *shares)
{
    const int32_t rank = snn_world_rank(of->world);
    if (parcel->edge.to != rank) {
        add_reading(shares, snn_edge_first_reader(of->plan, of->network, edge), member_of(shares, parcel->edge.to),
                    parcel->first, MARK_PLACED);
        return snn_ok();
    }
    for (int32_t i = 0; i < parcel->count; i++) {
        snn_edge part = parcel->edge;
        part.to = parcel->ranks[i];
        if (part.to != rank) {
            SNN_TRY(add_writing(&shares->placed, parcel->first, member_of(shares, part.to),
                                snn_edge_last_reader(of->plan, of->network, &part), of->slots[part.source]));
        }
    }
    return snn_ok();
}

/* The first of the edges kept so far, from *begin on, that has the same packet. */
static int32_t packet_of(const snn_edge *kept, int32_t count, int32_t *begin, const snn_edge *edge)
{
    while (*begin < count && kept[*begin].source != edge->source) {
        (*begin)++;
    }
    for (int32_t i = *begin; i < count; i++) {
        if (kept[i].from == edge->from && kept[i].channels.begin == edge->channels.begin &&
            kept[i].channels.end == edge->channels.end) {
            return i;
        }
    }
    return count;
}

/* Lists what needs no packet of this rank's own; those that do become `kept` (room for as many as there are edges). */
static snn_status list_edges(snn_survey *of, const snn_edges *edges, int32_t *ranks, snn_shares *shares,
                             snn_edges *kept)
{
    const int32_t rank = snn_world_rank(of->world);
    int32_t begin = 0;
    for (int32_t i = 0; i < edges->count; i++) {
        snn_edge edge = edges->edges[i];
        if (snn_survey_shares(of, &edge)) {
            SNN_TRY(list_shared(of, &edge, shares));
            continue;
        }
        if (of->common[edge.source] &&
            snn_world_host_of(of->world, edge.from) != snn_world_host_of(of->world, edge.to)) {
            snn_parcel parcel = {.ranks = ranks};
            snn_survey_parcel(of, edges, i, &parcel);
            parcel.edge.common = parcel.count > 1;
            if (edge.to == rank && parcel.count > 1) {
                SNN_TRY(list_parcel(of, &edge, &parcel, shares));
            }
            if (edge.to != parcel.edge.to) { /* one of the parcel's edges stands for all */
                continue;
            }
            edge = parcel.edge;
        }
        edge.packet = packet_of(kept->edges, kept->count, &begin, &edge);
        kept->edges[kept->count++] = edge;
    }
    snn_edges_accumulate(shares->reading_begin, shares->populations);
    snn_edges_accumulate(shares->written.begin, shares->populations);
    snn_edges_accumulate(shares->placed.begin, shares->populations);
    return snn_ok();
}

static snn_status prepare(snn_survey *of, const snn_shares_options *options, const snn_edges *edges, snn_shares *shares,
                          size_t *bytes, snn_edges *kept)
{
    const size_t populations = (size_t)shares->populations, all = (size_t)edges->count;
    const size_t members = (size_t)of->member_count;
    shares->members = snn_allocate(members, sizeof *shares->members);
    shares->readings = snn_allocate(all, sizeof *shares->readings);
    shares->reading_begin = snn_allocate(populations + 1, sizeof *shares->reading_begin);
    shares->written.begin = snn_allocate(populations + 1, sizeof *shares->written.begin);
    shares->placed.begin = snn_allocate(populations + 1, sizeof *shares->placed.begin);
    kept->edges = snn_allocate(all, sizeof *kept->edges);
    int32_t *ranks = snn_allocate(all > members ? all : members, sizeof *ranks);
    const bool complete = shares->members != NULL && shares->readings != NULL && shares->reading_begin != NULL &&
                          shares->written.begin != NULL && shares->placed.begin != NULL && kept->edges != NULL &&
                          ranks != NULL;
    snn_status status = complete ? snn_ok() : snn_out_of_memory("shared populations");
    SNN_GOTO_DONE(status, status);
    memcpy(shares->members, of->members, members * sizeof *shares->members);
    shares->member_count = of->member_count;
    shares->own = of->own;
    SNN_GOTO_DONE(status, place_blocks(of, options, shares, bytes));
    status = list_edges(of, edges, ranks, shares, kept);
done:
    snn_release(ranks);
    return status;
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

/* Collective; with or without packets for whole hosts. `kept` is cleared by the caller. */
static snn_status create(snn_world *world, const snn_network *network, const snn_plan *plan,
                         const snn_shares_options *options, const snn_edges *edges, bool porters, snn_edges *kept,
                         snn_shares **shares)
{
    snn_survey of = {0};
    size_t bytes = 0;
    snn_shares *made = snn_allocate(1, sizeof *made);
    snn_status status = made != NULL ? snn_ok() : snn_out_of_memory("shared populations");
    SNN_GOTO_DONE(status, status);
    made->populations = network->population_count;
    SNN_GOTO_DONE(status, snn_survey_make(world, network, plan, porters, &of));
    SNN_GOTO_DONE(status, prepare(&of, options, edges, made, &bytes, kept));
done:
    snn_survey_clear(&of);
    status = snn_world_agree(world, status);
    if (!snn_failed(status)) {
        if (bytes > (size_t)made->member_count * LINE) {
            status = snn_segment_create(world, made->members, made->member_count, bytes, &made->segment);
            made->refused = made->segment == NULL;
        }
        status = snn_world_agree(world, status);
    }
    if (snn_failed(status)) {
        snn_shares_destroy(made);
        return status;
    }
    if (made->segment != NULL) {
        touch_blocks(made);
    }
    *shares = made;
    return status;
}

/* Everything by packets of this rank's own. */
static void forget(snn_shares *shares)
{
    shares->block_count = 0;
    for (int32_t p = 0; p <= shares->populations; p++) {
        shares->reading_begin[p] = shares->written.begin[p] = shares->placed.begin[p] = 0;
    }
}

/* Senders have to know how many packets a host takes. So if any host has no memory to share, ranks of all hosts get
 * packets of their own from other hosts. */
snn_status snn_shares_create(snn_world *world, const snn_network *network, const snn_plan *plan,
                             const snn_shares_options *options, snn_edges *edges, snn_shares **shares)
{
    *shares = NULL;
    snn_edges kept = {0};
    snn_shares *made = NULL;
    snn_status status = create(world, network, plan, options, edges, true, &kept, &made);
    int64_t refused = !snn_failed(status) && made->refused;
    if (!snn_failed(status)) {
        status = snn_world_sum(world, &refused, 1);
    }
    if (!snn_failed(status) && refused > 0) {
        snn_edges_clear(&kept);
        snn_shares_destroy(made);
        made = NULL;
        status = create(world, network, plan, options, edges, false, &kept, &made);
    }
    if (snn_failed(status)) {
        snn_edges_clear(&kept);
        snn_shares_destroy(made);
        return status;
    }
    if (made->refused) {
        forget(made);
        snn_edges_clear(&kept);
    } else {
        snn_edges_clear(edges);
        *edges = kept;
    }
    *shares = made;
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
    snn_release(shares->reading_begin);
    snn_release(shares->written.writings);
    snn_release(shares->written.begin);
    snn_release(shares->placed.writings);
    snn_release(shares->placed.begin);
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
    return shares->written.begin[population] < shares->written.begin[population + 1];
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

static _Atomic int64_t *mark_of(const snn_shares *shares, int32_t member, mark_kind mark)
{
    uint8_t *memory = snn_segment_memory(shares->segment);
    return (_Atomic int64_t *)(void *)(memory + (size_t)member * LINE) + mark;
}

_Static_assert(MARK_COUNT * sizeof(_Atomic int64_t) <= LINE, "a member's numbers share a line");

/* Events are counted through: what a mark says after `population` of an item, the shares' items counted through too. */
static int64_t event_after(const snn_shares *shares, int64_t item, int32_t population)
{
    return (shares->before + item) * shares->populations + population + 1;
}

/* Whether the member has yet to come to `expected`. */
static bool is_behind(const snn_shares *shares, int32_t member, mark_kind mark, int64_t expected,
                      snn_shares_obstacle *obstacle)
{
    *obstacle = (snn_shares_obstacle){
        .rank = shares->members[member], .mark = mark_of(shares, member, mark), .expected = expected};
    return !snn_shares_is_past(obstacle);
}

/* Whether somebody still reads what was where `population` writes, or packets are placed before it. */
static bool is_read(const snn_shares *shares, const writing_list *list, int64_t item, int32_t population,
                    snn_shares_obstacle *obstacle)
{
    for (int32_t i = list->begin[population]; i < list->begin[population + 1]; i++) {
        const writing *at = &list->writings[i];
        if (is_behind(shares, at->to, MARK_DONE, event_after(shares, item - at->slots, at->last), obstacle)) {
            return true;
        }
    }
    return false;
}

bool snn_shares_full(const snn_shares *shares, int64_t item, int32_t population, snn_shares_obstacle *obstacle)
{
    return is_read(shares, &shares->placed, item, population, obstacle);
}

bool snn_shares_blocked(const snn_shares *shares, int64_t item, int32_t begin, int32_t end,
                        snn_shares_obstacle *obstacle)
{
    for (int32_t i = shares->reading_begin[begin]; i < shares->reading_begin[begin + 1]; i++) {
        const reading *at = &shares->readings[i];
        if (is_behind(shares, at->from, at->mark, event_after(shares, item, at->after), obstacle)) {
            return true;
        }
    }
    return is_read(shares, &shares->written, item, end - 1, obstacle);
}

static void tell(snn_shares *shares, mark_kind mark, int64_t event)
{
    if (shares->segment != NULL) {
        atomic_store_explicit(mark_of(shares, shares->own, mark), event, memory_order_release);
    }
}

void snn_shares_placed(snn_shares *shares, int64_t item, int32_t population)
{
    tell(shares, MARK_PLACED, event_after(shares, item, population));
}

void snn_shares_advance(snn_shares *shares, int64_t item, int32_t end)
{
    tell(shares, MARK_DONE, event_after(shares, item, end - 1));
}

void snn_shares_finish(snn_shares *shares, int64_t items)
{
    shares->before += items;
}
