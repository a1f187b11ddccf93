#include "comm/survey.h"

#include "core/base/memory.h"

enum {
    INSIDE = 2,  /* blocks of populations that their own stage alone reads */
    BETWEEN = 3, /* and others: one that is written, one that is read, and one for whoever is faster for a while */
    BYTE = 8,
    NOTHING = -1
};

static bool on_host(const snn_survey *of, int32_t stage, int32_t shard)
{
    return snn_world_same_host(of->world, of->stage_rank[stage] + shard);
}

typedef struct owners {
    bool bytes; /* no byte is two of theirs */
    bool here;  /* all are on this host */
} owners;

static owners find_owners(const snn_survey *of, int32_t population)
{
    const int32_t stage = snn_plan_stage_of(of->plan, population);
    const bool shares = snn_network_shares_bytes(of->network, population);
    owners found = {.bytes = true, .here = true};
    for (int32_t shard = snn_plan_next_owner(of->plan, of->network, population, 0); shard < of->plan->shards[stage];
         shard = snn_plan_next_owner(of->plan, of->network, population, shard + 1)) {
        const snn_place owner = {of->replica, stage, shard};
        found.bytes =
            found.bytes && (!shares || snn_plan_owned(of->plan, of->network, owner, population).begin % BYTE == 0);
        found.here = found.here && on_host(of, stage, shard);
    }
    return found;
}

static void look_at_needs(snn_survey *of, int32_t population)
{
    if (of->needed_of != population) {
        of->needed_of = population;
        for (int32_t i = 0; i < of->member_count; i++) {
            of->needed[i] =
                snn_plan_needed(of->plan, of->network, snn_plan_place(of->plan, of->members[i]), population);
        }
    }
}

/* Whether at least two ranks of this host own or need any of a population of which owners are elsewhere, too. */
static bool is_worth_it(snn_survey *of, int32_t population)
{
    int32_t involved = 0;
    look_at_needs(of, population);
    for (int32_t i = 0; i < of->member_count; i++) {
        const snn_place place = snn_plan_place(of->plan, of->members[i]);
        involved += of->needed[i].begin < of->needed[i].end ||
                    snn_channel_range_count(snn_plan_owned(of->plan, of->network, place, population)) > 0;
    }
    return involved > 1;
}

/* Whether any rank of this host needs what others have of the projection's source. */
static bool is_needed(const snn_survey *of, const snn_projection *projection)
{
    const int32_t stage = snn_plan_stage_of(of->plan, projection->target);
    for (int32_t shard = snn_plan_next_owner(of->plan, of->network, projection->target, 0);
         shard < of->plan->shards[stage];
         shard = snn_plan_next_owner(of->plan, of->network, projection->target, shard + 1)) {
        const snn_place reader = {of->replica, stage, shard};
        if (!on_host(of, stage, shard)) {
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

static void find_shared(snn_survey *of)
{
    const snn_network *network = of->network;
    for (int32_t p = 0; p < network->population_count; p++) {
        const snn_population *population = &network->populations[p];
        const owners found = find_owners(of, p);
        const bool whole = !snn_network_shares_bytes(network, p) || population->shape.channels % BYTE == 0;
        of->common[p] = of->porters && found.bytes && whole;
        of->slots[p] = (found.bytes && found.here) || (of->common[p] && is_worth_it(of, p)) ? 0 : NOTHING;
    }
    for (int32_t i = 0; i < network->projection_count; i++) {
        const snn_projection *projection = &network->projections[i];
        const int32_t source = projection->source;
        if (source == SNN_SOURCE_INPUT || of->slots[source] == NOTHING) {
            continue;
        }
        const bool between = snn_plan_stage_of(of->plan, source) != snn_plan_stage_of(of->plan, projection->target);
        const int32_t slots = between ? BETWEEN : INSIDE;
        if (slots > of->slots[source] && is_needed(of, projection)) {
            of->slots[source] = slots;
        }
    }
    for (int32_t p = 0; p < network->population_count; p++) {
        of->slots[p] = of->slots[p] > 0 ? of->slots[p] : 0;
    }
}

static void find_members(snn_survey *of)
{
    const int32_t ranks = snn_plan_ranks_per_replica(of->plan), first = of->replica * ranks;
    for (int32_t rank = first; rank < first + ranks; rank++) {
        if (snn_world_same_host(of->world, rank)) {
            of->own = rank == snn_world_rank(of->world) ? of->member_count : of->own;
            of->members[of->member_count++] = rank;
        }
    }
}

snn_status snn_survey_make(snn_world *world, const snn_network *network, const snn_plan *plan, bool porters,
                           snn_survey *survey)
{
    const size_t populations = (size_t)network->population_count, host = (size_t)snn_world_host_ranks(world);
    *survey = (snn_survey){.world = world,
                           .network = network,
                           .plan = plan,
                           .porters = porters,
                           .replica = snn_plan_place(plan, snn_world_rank(world)).replica,
                           .needed_of = NOTHING};
    survey->stage_rank = snn_allocate((size_t)plan->stages, sizeof *survey->stage_rank);
    survey->members = snn_allocate(host, sizeof *survey->members);
    survey->slots = snn_allocate(populations, sizeof *survey->slots);
    survey->common = snn_allocate(populations, sizeof *survey->common);
    survey->needed = snn_allocate(host, sizeof *survey->needed);
    if (survey->stage_rank == NULL || survey->members == NULL || survey->slots == NULL || survey->common == NULL ||
        survey->needed == NULL) {
        return snn_out_of_memory("shared populations");
    }
    int32_t first = survey->replica * snn_plan_ranks_per_replica(plan);
    for (int32_t stage = 0; stage < plan->stages; stage++) {
        survey->stage_rank[stage] = first;
        first += plan->shards[stage];
    }
    find_members(survey);
    find_shared(survey);
    return snn_ok();
}

void snn_survey_clear(snn_survey *survey)
{
    snn_release(survey->stage_rank);
    snn_release(survey->members);
    snn_release(survey->slots);
    snn_release(survey->common);
    snn_release(survey->needed);
}

bool snn_survey_shares(const snn_survey *survey, const snn_edge *edge)
{
    return survey->slots[edge->source] > 0 && snn_world_same_host(survey->world, edge->from) &&
           snn_world_same_host(survey->world, edge->to);
}

/* ---- parcels ---- */

/* For whom, and all that they need. Who gets it looks at its host, */
static void find_here(snn_survey *of, const snn_edge *edge, snn_parcel *parcel)
{
    const snn_place owner = snn_plan_place(of->plan, edge->from);
    const snn_channel_range owned = snn_plan_owned(of->plan, of->network, owner, edge->source);
    look_at_needs(of, edge->source);
    for (int32_t i = 0; i < of->member_count; i++) {
        const snn_channel_range part = snn_channel_range_common(of->needed[i], owned);
        if (part.begin < part.end) {
            parcel->ranks[parcel->count++] = of->members[i];
            parcel->edge.channels = snn_channel_range_hull(parcel->edge.channels, part);
        }
    }
}

/* and who sends it at its edges, which are in the order of ranks: both find the same. */
static void find_there(const snn_survey *of, const snn_edges *edges, int32_t number, snn_parcel *parcel)
{
    const snn_edge *edge = &edges->edges[number];
    const int64_t host = snn_world_host_of(of->world, edge->to);
    int32_t first = number;
    while (first > 0 && edges->edges[first - 1].source == edge->source && edges->edges[first - 1].from == edge->from) {
        first--;
    }
    for (int32_t i = first;
         i < edges->count && edges->edges[i].source == edge->source && edges->edges[i].from == edge->from; i++) {
        if (snn_world_host_of(of->world, edges->edges[i].to) == host) {
            parcel->ranks[parcel->count++] = edges->edges[i].to;
            parcel->edge.channels = snn_channel_range_hull(parcel->edge.channels, edges->edges[i].channels);
        }
    }
}

/* Of those who need it first one after the other, so that porters of different owners are different ranks. */
static void choose_porter(const snn_survey *of, snn_parcel *parcel)
{
    int32_t alike = 0;
    for (int pass = 0; pass < 2; pass++) {
        int32_t passed_over = pass > 0 ? parcel->edge.from % alike : 0;
        const int32_t wanted = parcel->first;
        for (int32_t i = 0; i < parcel->count; i++) {
            snn_edge edge = parcel->edge;
            edge.to = parcel->ranks[i];
            const int32_t reader = snn_edge_first_reader(of->plan, of->network, &edge);
            if (pass == 0) {
                alike = i == 0 || reader < parcel->first ? 1 : alike + (reader == parcel->first);
                parcel->first = i == 0 || reader < parcel->first ? reader : parcel->first;
            } else if (reader == wanted && passed_over-- == 0) {
                parcel->edge.to = edge.to;
                break;
            }
        }
    }
}

void snn_survey_parcel(snn_survey *survey, const snn_edges *edges, int32_t number, snn_parcel *parcel)
{
    parcel->edge = edges->edges[number];
    parcel->edge.channels = (snn_channel_range){0, 0};
    parcel->count = 0;
    if (parcel->edge.from == snn_world_rank(survey->world)) {
        find_there(survey, edges, number, parcel);
    } else {
        find_here(survey, &parcel->edge, parcel);
    }
    if (snn_network_shares_bytes(survey->network, parcel->edge.source)) {
        parcel->edge.channels.begin -= parcel->edge.channels.begin % BYTE;
        parcel->edge.channels.end += (BYTE - parcel->edge.channels.end % BYTE) % BYTE;
    }
    choose_porter(survey, parcel);
}
