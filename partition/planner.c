#include "partition/planner.h"

#include "core/base/memory.h"
#include "partition/cost.h"

/* The search tries every way to write the ranks as replicas x stages x channel shards. For a number of shards it
 * tabulates what a stage of populations [first, last) would cost, and dynamic programming cuts the network into stages
 * such that the slowest one is fastest. */

enum {
    SAMPLED_SHARDS = 16,      /* of a stage, in the table; shards differ little, and there may be thousands */
    MOST_IN_AN_ITEM = 1 << 20 /* images or timesteps; keeps byte counts from overflowing */
};

typedef struct search {
    const snn_network *network;
    const snn_planner_request *request;
    int32_t populations;
    int32_t most_stages;       /* that can be told apart: a network of P populations has at most P with work */
    double *stage;             /* [populations + 1][populations + 1]: seconds of an item in stage [first, last) */
    double *slowest;           /* [most_stages + 1][populations + 1]: of populations [0, last) in so many stages */
    int32_t *last_begin;       /* likewise: where the last of these stages begins */
    snn_rank_cost *own;        /* [populations]: computation of each for the shard that is being tabulated */
    snn_channel_range *needed; /* [populations]: by that shard for the stage that is being tabulated */
    int32_t *cut;              /* [most_stages + 1] */
} search;

typedef struct choice {
    int32_t replicas, stages, channels;
    double seconds;
} choice;

static int64_t cell(const search *state, int32_t row, int32_t column)
{
    return (int64_t)row * (state->populations + 1) + column;
}

/* Adds to `cost` what a stage that begins at `first` receives because of one more projection. */
static void add_received(search *state, snn_rank_cost *cost, const snn_plan *plan, snn_place place, int32_t first,
                         const snn_projection *projection)
{
    const int32_t source = projection->source;
    const snn_channel_range target = snn_plan_decoded(plan, state->network, place, projection->target);
    if (source == SNN_SOURCE_INPUT || target.begin == target.end) {
        return;
    }
    const snn_channel_range nothing = {0, 0};
    const snn_channel_range owned = source >= first ? snn_plan_owned(plan, state->network, place, source) : nothing;
    snn_channel_range part;
    snn_operator_source_channels(&projection->op, target.begin, target.end, &part.begin, &part.end);
    const snn_channel_range before = state->needed[source];
    const snn_channel_range after = snn_channel_range_hull(before, part);
    const snn_cost_traffic less = snn_cost_received(plan, state->network, source, before, owned);
    const snn_cost_traffic more = snn_cost_received(plan, state->network, source, after, owned);
    cost->bits_received += more.bits - less.bits;
    cost->messages += more.messages - less.messages;
    state->needed[source] = after;
}

/* Tabulates all stages that begin at `first` for one shard. */
static void tabulate_stages(search *state, const snn_plan *plan, snn_place place, int32_t first)
{
    snn_rank_cost cost = {0};
    for (int32_t i = 0; i < state->populations; i++) {
        state->needed[i] = (snn_channel_range){0, 0};
    }
    int32_t projection = snn_plan_first_projection(state->network, first);
    for (int32_t last = first; last < state->populations; last++) {
        cost.operations += state->own[last].operations;
        cost.function_operations += state->own[last].function_operations;
        cost.state_bytes += state->own[last].state_bytes;
        while (projection < state->network->projection_count &&
               state->network->projections[projection].target == last) {
            add_received(state, &cost, plan, place, first, &state->network->projections[projection]);
            projection++;
        }
        const double seconds = snn_rank_seconds(&cost, state->request);
        double *slowest_shard = &state->stage[cell(state, first, last + 1)];
        *slowest_shard = seconds > *slowest_shard ? seconds : *slowest_shard;
    }
}

static void tabulate(search *state, int32_t shards)
{
    /* What a shard owns and receives depends on the number of shards only, so one stage of everything stands for any.
     */
    int32_t whole[2] = {0, state->populations};
    const snn_plan plan = {.replicas = 1, .stages = 1, .stage_begin = whole, .shards = &shards};
    for (int64_t i = 0; i < cell(state, state->populations + 1, 0); i++) {
        state->stage[i] = 0;
    }
    const int32_t samples = shards < SAMPLED_SHARDS ? shards : SAMPLED_SHARDS;
    for (int32_t sample = 0; sample < samples; sample++) {
        const int64_t apart = samples > 1 ? samples - 1 : 1;
        const snn_place place = {.shard = (int32_t)((int64_t)sample * (shards - 1) / apart)};
        for (int32_t i = 0; i < state->populations; i++) {
            state->own[i] = (snn_rank_cost){0};
            snn_cost_add_population(&state->own[i], &plan, state->network, state->request, place, i);
        }
        for (int32_t first = 0; first < state->populations; first++) {
            tabulate_stages(state, &plan, place, first);
        }
    }
}

/* The best last stage of `stages` for populations [0, last); of equal ones the shortest, so that spare stages are empty
 * and come last. */
static void find_last_stage(search *state, int32_t stages, int32_t last)
{
    double best = state->slowest[cell(state, stages - 1, last)];
    int32_t begin = last;
    for (int32_t i = last - 1; i >= 0; i--) {
        const double before = state->slowest[cell(state, stages - 1, i)];
        const double stage = state->stage[cell(state, i, last)];
        const double slowest = before > stage ? before : stage;
        if (slowest < best) {
            best = slowest;
            begin = i;
        }
    }
    state->slowest[cell(state, stages, last)] = best;
    state->last_begin[cell(state, stages, last)] = begin;
}

static void find_cuts(search *state)
{
    for (int32_t last = 0; last <= state->populations; last++) {
        state->slowest[cell(state, 1, last)] = state->stage[cell(state, 0, last)];
        state->last_begin[cell(state, 1, last)] = 0;
    }
    for (int32_t stages = 2; stages <= state->most_stages; stages++) {
        for (int32_t last = 0; last <= state->populations; last++) {
            find_last_stage(state, stages, last);
        }
    }
}

/* Writes the best cut into `stages` stages to state->cut (those beyond most_stages are empty and left out). */
static void trace_cut(search *state, int32_t stages)
{
    state->cut[stages] = state->populations;
    for (int32_t i = stages; i > 0; i--) {
        state->cut[i - 1] = state->last_begin[cell(state, i, state->cut[i])];
    }
}

static double predict_cut(search *state, int32_t replicas, int32_t stages)
{
    const int32_t used = stages < state->most_stages ? stages : state->most_stages;
    double all = 0;
    trace_cut(state, used);
    for (int32_t i = 0; i < used; i++) {
        all += state->stage[cell(state, state->cut[i], state->cut[i + 1])];
    }
    const double slowest = state->slowest[cell(state, used, state->populations)];
    return snn_cost_pipeline(state->request, replicas, slowest, all);
}

static bool allows(int32_t fixed, int32_t number)
{
    return fixed == 0 || fixed == number;
}

/* Shards and stages are tried in ascending order and only a better choice replaces one: ties go to the fewest. */
static void choose(search *state, choice *best)
{
    const snn_planner_request *request = state->request;
    *best = (choice){.replicas = 0};
    for (int32_t channels = 1; channels <= request->ranks; channels++) {
        if (request->ranks % channels != 0 || !allows(request->channels, channels)) {
            continue;
        }
        const int32_t rest = request->ranks / channels;
        tabulate(state, channels);
        find_cuts(state);
        for (int32_t stages = 1; stages <= rest; stages++) {
            const int32_t replicas = rest / stages;
            if (rest % stages != 0 || !allows(request->stages, stages) || !allows(request->replicas, replicas)) {
                continue;
            }
            const double seconds = predict_cut(state, replicas, stages);
            if (best->replicas == 0 || seconds < best->seconds) {
                *best = (choice){replicas, stages, channels, seconds};
            }
        }
    }
}

static void clear_search(search *state)
{
    snn_release(state->stage);
    snn_release(state->slowest);
    snn_release(state->last_begin);
    snn_release(state->own);
    snn_release(state->needed);
    snn_release(state->cut);
}

static snn_status init_search(search *state, const snn_network *network, const snn_planner_request *request)
{
    const int32_t populations = network->population_count;
    const int32_t most_stages = request->ranks < populations ? request->ranks : populations;
    *state = (search){.network = network, .request = request, .populations = populations, .most_stages = most_stages};
    const size_t row = (size_t)populations + 1;
    state->stage = snn_allocate(row * row, sizeof *state->stage);
    state->slowest = snn_allocate(((size_t)most_stages + 1) * row, sizeof *state->slowest);
    state->last_begin = snn_allocate(((size_t)most_stages + 1) * row, sizeof *state->last_begin);
    state->own = snn_allocate(row, sizeof *state->own);
    state->needed = snn_allocate(row, sizeof *state->needed);
    state->cut = snn_allocate((size_t)most_stages + 1, sizeof *state->cut);
    if (state->stage == NULL || state->slowest == NULL || state->last_begin == NULL || state->own == NULL ||
        state->needed == NULL || state->cut == NULL) {
        clear_search(state);
        return snn_out_of_memory("tables of the planner");
    }
    return snn_ok();
}

static snn_status check_range(const char *name, int64_t value, int64_t least, int64_t most)
{
    if (value < least || value > most) {
        return snn_fail(SNN_INPUT_ERROR, "%s: expected a number from %lld to %lld%s, found %lld", name,
                        (long long)least, (long long)most, least == 0 ? " (0: the planner decides)" : "",
                        (long long)value);
    }
    return snn_ok();
}

static snn_status check_request(const snn_planner_request *request)
{
    SNN_TRY(check_range("ranks", request->ranks, 1, SNN_PLAN_MAX_RANKS));
    SNN_TRY(check_range("replicas", request->replicas, 0, SNN_PLAN_MAX_RANKS));
    SNN_TRY(check_range("stages", request->stages, 0, SNN_PLAN_MAX_RANKS));
    SNN_TRY(check_range("channels", request->channels, 0, SNN_PLAN_MAX_RANKS));
    SNN_TRY(check_range("image groups", request->groups, 1, INT64_MAX / INT32_MAX));
    SNN_TRY(check_range("timesteps", request->timesteps, 1, MOST_IN_AN_ITEM));
    SNN_TRY(check_range("block", request->block, 1, MOST_IN_AN_ITEM));
    return check_range("images of a group", request->images, 1, MOST_IN_AN_ITEM);
}

/* The failure for numbers that cannot make the ranks. It tells what would be chosen if all numbers were free. */
static snn_status refuse_layout(search *state, const snn_planner_request *request, int64_t product, bool free)
{
    const snn_planner_request anything = {.ranks = request->ranks,
                                          .groups = request->groups,
                                          .timesteps = request->timesteps,
                                          .block = request->block,
                                          .images = request->images};
    choice best;
    state->request = &anything;
    choose(state, &best);
    state->request = request;
    return snn_fail(
        SNN_INPUT_ERROR, "layout %dx%dx%d%s needs %s%lld ranks, there are %d (the planner would choose %dx%dx%d)",
        request->replicas, request->stages, request->channels, free ? " (0: free)" : "", free ? "a multiple of " : "",
        (long long)product, request->ranks, best.replicas, best.stages, best.channels);
}

static snn_status check_layout(search *state, const snn_planner_request *request)
{
    const int32_t fixed[3] = {request->replicas, request->stages, request->channels};
    int64_t product = 1; /* at most SNN_PLAN_MAX_RANKS cubed, below 2^61 */
    bool free = false;
    for (int i = 0; i < 3; i++) {
        product *= fixed[i] > 0 ? fixed[i] : 1;
        free = free || fixed[i] == 0;
    }
    const bool fits = free ? request->ranks % product == 0 : request->ranks == product;
    return fits ? snn_ok() : refuse_layout(state, request, product, free);
}

/* The plan of a choice; its number of shards must be the one tabulated last. */
static snn_status create_plan(search *state, const choice *best, snn_plan **plan)
{
    const int32_t used = best->stages < state->most_stages ? best->stages : state->most_stages;
    int32_t *begin = snn_allocate((size_t)best->stages + 1, sizeof *begin);
    int32_t *shards = snn_allocate((size_t)best->stages, sizeof *shards);
    snn_status status = begin != NULL && shards != NULL ? snn_ok() : snn_out_of_memory("stages of the plan");
    if (!snn_failed(status)) {
        trace_cut(state, used);
        for (int32_t stage = 0; stage <= best->stages; stage++) {
            begin[stage] = stage < used ? state->cut[stage] : state->populations;
        }
        for (int32_t stage = 0; stage < best->stages; stage++) {
            shards[stage] = best->channels;
        }
        status = snn_plan_create(best->replicas, best->stages, begin, shards, state->populations, plan);
    }
    snn_release(begin);
    snn_release(shards);
    return status;
}

snn_status snn_plan_make(const snn_network *network, const snn_planner_request *request, snn_plan **plan)
{
    search state;
    choice best;
    *plan = NULL;
    SNN_TRY(check_request(request));
    if (network->population_count < 1) {
        return snn_fail(SNN_INPUT_ERROR, "network \"%s\" has no populations", network->name);
    }
    SNN_TRY(init_search(&state, network, request));
    snn_status status = snn_ok();
    SNN_GOTO_DONE(status, check_layout(&state, request));
    choose(&state, &best);
    tabulate(&state, best.channels);
    find_cuts(&state);
    SNN_GOTO_DONE(status, create_plan(&state, &best, plan));
done:
    clear_search(&state);
    return status;
}
