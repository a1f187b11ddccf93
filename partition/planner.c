#include "partition/planner.h"

#include <math.h>

#include "core/base/memory.h"
#include "partition/search.h"

/* Tries every way to write the ranks as replicas x stages x channel shards, and for every number of replicas also the
 * stages that are divided differently. */

enum { MOST_IN_AN_ITEM = 1 << 20 /* images or timesteps; keeps byte counts from overflowing */ };

/* Different numbers of shards must be worth it: the plan is harder to read. */
static const double WORTH = 0.98;

typedef struct choice {
    int32_t replicas, stages; /* 0 replicas: nothing fits */
    double seconds;
    snn_cut cut; /* its stages; those beyond it are empty */
} choice;

static bool allows(int32_t fixed, int32_t number)
{
    return fixed == 0 || fixed == number;
}

static double seconds_of(const snn_search *search, int32_t replicas, const snn_cut *cut)
{
    if (!isfinite(cut->slowest)) {
        return INFINITY;
    }
    const double readout = snn_search_readout(search, replicas, cut), limit = search->model->machine.memory_bytes;
    if (limit > 0.0 && readout > limit) {
        return INFINITY;
    }
    if (search->request->objective == SNN_OBJECTIVE_MEMORY) {
        return readout > cut->slowest ? readout : cut->slowest; /* bytes */
    }
    const double pipeline = snn_cost_pipeline(snn_cost_items(search->request, replicas), cut->slowest, cut->all);
    const double shared = snn_cost_shared(search->model, cut->work * snn_cost_all_items(search->request));
    return shared > pipeline ? shared : pipeline; /* not a number, and not the lesser one, where nothing fits */
}

/* Takes the cut if it is faster; the old one becomes scratch. */
static void consider(choice *best, const snn_search *search, int32_t replicas, int32_t stages, double factor,
                     snn_cut *cut)
{
    const double seconds = seconds_of(search, replicas, cut);
    if (isfinite(seconds) && (best->replicas == 0 || seconds < best->seconds * factor)) {
        const snn_cut old = best->cut;
        *best = (choice){replicas, stages, seconds, *cut};
        *cut = old;
    }
}

/* Shards and stages are tried in ascending order and only a better choice replaces one: ties go to the fewest. */
static snn_status choose_uniform(snn_search *search, choice *best, snn_cut *scratch)
{
    const snn_planner_request *request = search->request;
    for (int32_t channels = 1; channels <= request->ranks; channels++) {
        const bool useful = channels <= search->most_channels || request->channels > 0 || best->replicas == 0;
        if (request->ranks % channels != 0 || !allows(request->channels, channels) || !useful) {
            continue;
        }
        const int32_t rest = request->ranks / channels;
        SNN_TRY(snn_search_cuts(search, channels, rest));
        for (int32_t stages = 1; stages <= rest; stages++) {
            const int32_t replicas = rest / stages;
            if (rest % stages == 0 && allows(request->stages, stages) && allows(request->replicas, replicas)) {
                snn_search_uniform(search, channels, stages, scratch);
                consider(best, search, replicas, stages, 1.0, scratch);
            }
        }
    }
    return snn_ok();
}

/* What a replica of so many ranks may take at most for an item to be better than the best. */
static double bound_of(const snn_planner_request *request, const choice *best, int32_t replicas)
{
    const bool lean = request->objective == SNN_OBJECTIVE_MEMORY;
    return best->replicas == 0 ? INFINITY : best->seconds / (lean ? 1.0 : snn_cost_items(request, replicas));
}

static void choose_mixed(snn_search *search, choice *best, snn_cut *scratch)
{
    const snn_planner_request *request = search->request;
    for (int32_t replicas = request->ranks; replicas >= 1; replicas--) {
        const int32_t ranks = request->ranks / replicas;
        if (request->ranks % replicas != 0 || !allows(request->replicas, replicas) || ranks == 1) {
            continue;
        }
        if (snn_search_mixed(search, ranks, bound_of(request, best, replicas), scratch)) {
            int32_t used = 0;
            for (int32_t stage = 0; stage < scratch->stages; stage++) {
                used += scratch->shards[stage];
            }
            if (used < ranks) { /* the rest would not help: they stand by as an empty stage */
                scratch->begin[scratch->stages + 1] = scratch->begin[scratch->stages];
                scratch->shards[scratch->stages++] = ranks - used;
            }
            const double factor = request->objective == SNN_OBJECTIVE_MEMORY ? 1.0 : WORTH;
            consider(best, search, replicas, scratch->stages, factor, scratch);
        }
    }
}

static snn_status choose(snn_search *search, choice *best)
{
    const snn_planner_request *request = search->request;
    snn_cut scratch = {0};
    snn_status status;
    *best = (choice){0};
    SNN_GOTO_DONE(status, snn_cut_create(search, &best->cut));
    SNN_GOTO_DONE(status, snn_cut_create(search, &scratch));
    const bool free = request->stages == 0 && request->channels == 0;
    SNN_GOTO_DONE(status, free ? snn_search_prepare_mixed(search) : snn_ok());
    SNN_GOTO_DONE(status, choose_uniform(search, best, &scratch));
    if (free) {
        choose_mixed(search, best, &scratch);
    }
done:
    snn_cut_clear(&scratch);
    return status;
}

/* ---- what is asked for ---- */

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
    SNN_TRY(check_range("latency", request->latency, 0, INT32_MAX));
    return check_range("images of a group", request->images, 1, MOST_IN_AN_ITEM);
}

int64_t snn_plan_layout_ranks(int32_t replicas, int32_t stages, int32_t channels)
{
    const int32_t fixed[3] = {replicas, stages, channels};
    int64_t product = 1; /* at most SNN_PLAN_MAX_RANKS cubed, below 2^61 */
    for (int i = 0; i < 3; i++) {
        product *= fixed[i] > 0 ? fixed[i] : 1;
    }
    return product;
}

snn_status snn_plan_check_layout(int32_t replicas, int32_t stages, int32_t channels, int32_t ranks)
{
    const int64_t product = snn_plan_layout_ranks(replicas, stages, channels);
    const bool free = replicas == 0 || stages == 0 || channels == 0;
    if (free ? ranks % product == 0 : ranks == product) {
        return snn_ok();
    }
    return snn_fail(SNN_INPUT_ERROR, "layout %dx%dx%d%s needs %s%lld ranks, there are %d", replicas, stages, channels,
                    free ? " (0: free)" : "", free ? "a multiple of " : "", (long long)product, ranks);
}

/* Nothing that is fast fits. The leanest may yet: the search for speed does not try all cuts with the results. */
static snn_status make_leanest(const snn_network *network, const snn_planner_request *request, snn_plan **plan)
{
    snn_machine machine = *request->machine;
    snn_planner_request lean = *request;
    snn_cost_model *model = NULL;
    snn_plan *leanest = NULL;
    snn_status status;
    char text[128];
    machine.memory_bytes = 0.0;
    lean.machine = &machine;
    lean.objective = SNN_OBJECTIVE_MEMORY;
    SNN_GOTO_DONE(status, snn_plan_make(network, &lean, &leanest));
    SNN_GOTO_DONE(status, snn_cost_model_create(network, &lean, &model));
    const double needed = snn_plan_predict(model, leanest).memory_bytes;
    if (needed <= request->machine->memory_bytes) {
        *plan = leanest;
        leanest = NULL;
        goto done;
    }
    status = snn_fail(SNN_INPUT_ERROR,
                      "no layout of %d ranks fits the memory of %.4g GB a rank; the leanest, %s, needs %.4g GB on its "
                      "fullest rank; take more ranks, a smaller simulation.batch, or raise parallel.memory_gb",
                      request->ranks, request->machine->memory_bytes / 1e9,
                      snn_plan_describe(leanest, text, sizeof text), snn_cost_gigabytes_up(needed));
done:
    snn_cost_model_destroy(model);
    snn_plan_destroy(leanest);
    return status;
}

/* ---- the plan ---- */

static snn_status create_plan(const snn_network *network, const choice *best, snn_plan **plan)
{
    int32_t *begin = snn_allocate((size_t)best->stages + 1, sizeof *begin);
    int32_t *shards = snn_allocate((size_t)best->stages, sizeof *shards);
    snn_status status = begin != NULL && shards != NULL ? snn_ok() : snn_out_of_memory("stages of the plan");
    if (!snn_failed(status)) {
        for (int32_t stage = 0; stage <= best->stages; stage++) {
            begin[stage] = stage < best->cut.stages ? best->cut.begin[stage] : network->population_count;
        }
        for (int32_t stage = 0; stage < best->stages; stage++) {
            shards[stage] = best->cut.shards[stage < best->cut.stages ? stage : 0];
        }
        status = snn_plan_create(best->replicas, best->stages, begin, shards, network->population_count, plan);
    }
    snn_release(begin);
    snn_release(shards);
    return status;
}

snn_status snn_plan_make(const snn_network *network, const snn_planner_request *request, snn_plan **plan)
{
    snn_search search;
    choice best = {0};
    *plan = NULL;
    SNN_TRY(check_request(request));
    if (network->population_count < 1) {
        return snn_fail(SNN_INPUT_ERROR, "network \"%s\" has no populations", network->name);
    }
    SNN_TRY(snn_plan_check_layout(request->replicas, request->stages, request->channels, request->ranks));
    SNN_TRY(snn_search_create(network, request, &search));
    snn_status status;
    SNN_GOTO_DONE(status, choose(&search, &best));
    SNN_GOTO_DONE(status, best.replicas > 0 ? create_plan(network, &best, plan) : make_leanest(network, request, plan));
done:
    snn_cut_clear(&best.cut);
    snn_search_clear(&search);
    return status;
}
