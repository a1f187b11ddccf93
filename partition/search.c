#include "partition/search.h"

#include <math.h>
#include <string.h>

#include "core/base/memory.h"

enum { BISECTIONS = 40 };

static int64_t cell(const snn_search *search, int32_t row, int32_t column)
{
    return (int64_t)row * (search->atoms + 1) + column;
}

/* ---- where to cut ---- */

/* Everywhere, or where about the same work lies between. */
static void place_cuts(snn_search *search, int32_t populations)
{
    if (populations <= SNN_MOST_CUTS) {
        for (int32_t i = 0; i <= populations; i++) {
            search->position[i] = i;
        }
        search->atoms = populations;
        return;
    }
    snn_stage_scan scan;
    double whole = 0;
    for (int pass = 0; pass < 2; pass++) { /* the first only adds up */
        int32_t atoms = 0;
        snn_stage_scan_begin(&scan, search->model, 1, 0, 0);
        while (scan.last < populations) {
            const bool left = populations - scan.last > SNN_MOST_CUTS - atoms;
            const double share = pass == 1 ? snn_cost_compute(&scan.cost, search->request) / whole : 0.0;
            if (pass == 1 && (share * SNN_MOST_CUTS >= atoms || !left)) {
                search->position[atoms++] = scan.last;
            }
            snn_stage_scan_extend(&scan);
        }
        whole = snn_cost_compute(&scan.cost, search->request);
        search->atoms = atoms;
        search->position[atoms] = populations;
    }
}

static void choose_widths(snn_search *search)
{
    int32_t most = search->request->ranks < search->most_channels ? search->request->ranks : search->most_channels;
    for (int32_t width = 1; width <= most; width = width < 8 ? width + 1 : width + width / 2) {
        search->widths[search->width_count++] = width;
    }
}

snn_status snn_search_create(const snn_network *network, const snn_planner_request *request, snn_search *search)
{
    enum { MOST_WIDTHS = 128 };
    *search = (snn_search){.request = request};
    SNN_TRY(snn_cost_model_create(network, request, &search->model));
    for (int32_t i = 0; i < network->population_count; i++) {
        const int32_t channels = network->populations[i].shape.channels;
        search->most_channels = channels > search->most_channels ? channels : search->most_channels;
    }
    const size_t most = SNN_MOST_CUTS + 2;
    search->position = snn_allocate(most, sizeof *search->position);
    search->slowest = snn_allocate(most * most, sizeof *search->slowest);
    search->all = snn_allocate(most * most, sizeof *search->all);
    search->last_begin = snn_allocate(most * most, sizeof *search->last_begin);
    search->needed = snn_allocate(most, sizeof *search->needed);
    search->needed_begin = snn_allocate(most, sizeof *search->needed_begin);
    search->needed_shards = snn_allocate(most, sizeof *search->needed_shards);
    search->widths = snn_allocate(MOST_WIDTHS, sizeof *search->widths);
    search->lengths = snn_allocate((size_t)network->population_count + 1, sizeof *search->lengths);
    if (search->position == NULL || search->slowest == NULL || search->all == NULL || search->last_begin == NULL ||
        search->needed == NULL || search->needed_begin == NULL || search->needed_shards == NULL ||
        search->widths == NULL || search->lengths == NULL) {
        snn_search_clear(search);
        return snn_out_of_memory("tables of the planner");
    }
    search->anywhere = request->stages > 0 && network->population_count > SNN_MOST_CUTS;
    place_cuts(search, network->population_count);
    choose_widths(search);
    return snn_ok();
}

void snn_search_clear(snn_search *search)
{
    for (int32_t i = 0; i < search->table_count; i++) {
        snn_release(search->tables[i].seconds);
    }
    snn_release(search->tables);
    snn_release(search->position);
    snn_release(search->slowest);
    snn_release(search->all);
    snn_release(search->last_begin);
    snn_release(search->needed);
    snn_release(search->needed_begin);
    snn_release(search->needed_shards);
    snn_release(search->widths);
    snn_release(search->lengths);
    snn_cost_model_destroy(search->model);
    *search = (snn_search){0};
}

snn_status snn_cut_create(const snn_search *search, snn_cut *cut)
{
    const int32_t populations = search->model->network->population_count, asked = search->request->stages;
    const int32_t stages = !search->anywhere ? search->atoms : asked < populations ? asked : populations;
    const size_t most = (size_t)stages + 2;
    *cut =
        (snn_cut){.begin = snn_allocate(most, sizeof *cut->begin), .shards = snn_allocate(most, sizeof *cut->shards)};
    if (cut->begin == NULL || cut->shards == NULL) {
        snn_cut_clear(cut);
        return snn_out_of_memory("stages of a plan");
    }
    return snn_ok();
}

void snn_cut_clear(snn_cut *cut)
{
    snn_release(cut->begin);
    snn_release(cut->shards);
    *cut = (snn_cut){0};
}

/* ---- tables ---- */

/* All stages that begin at atom `first`, for one shard. */
static void tabulate_stages(const snn_search *search, int32_t shards, int32_t shard, int32_t first, double *seconds)
{
    snn_stage_scan scan;
    snn_stage_scan_begin(&scan, search->model, shards, shard, search->position[first]);
    for (int32_t last = first + 1; last <= search->atoms; last++) {
        while (scan.last < search->position[last]) {
            snn_stage_scan_extend(&scan);
        }
        const double needed = snn_search_price(search, &scan.cost);
        double *slowest_shard = &seconds[cell(search, first, last)];
        *slowest_shard = needed > *slowest_shard ? needed : *slowest_shard;
    }
}

static snn_status find_table(snn_search *search, int32_t shards, const double **seconds)
{
    for (int32_t i = 0; i < search->table_count; i++) {
        if (search->tables[i].shards == shards) {
            *seconds = search->tables[i].seconds;
            return snn_ok();
        }
    }
    if (search->table_count == search->table_room) {
        const int32_t room = search->table_room > 0 ? 2 * search->table_room : 32;
        snn_search_table *tables = snn_allocate((size_t)room, sizeof *tables);
        if (tables == NULL) {
            return snn_out_of_memory("tables of the planner");
        }
        if (search->table_count > 0) {
            memcpy(tables, search->tables, (size_t)search->table_count * sizeof *tables);
        }
        snn_release(search->tables);
        search->tables = tables;
        search->table_room = room;
    }
    double *made = snn_allocate((size_t)cell(search, search->atoms + 1, 0), sizeof *made);
    if (made == NULL) {
        return snn_out_of_memory("tables of the planner");
    }
    for (int32_t i = 0; i < snn_shard_samples(shards); i++) {
        for (int32_t first = 0; first < search->atoms; first++) {
            tabulate_stages(search, shards, snn_shard_sample(shards, i), first, made);
        }
    }
    search->tables[search->table_count++] = (snn_search_table){shards, made};
    *seconds = made;
    return snn_ok();
}

/* ---- stages that are divided alike ---- */

/* What counts of a cut: the slowest stage, or what processors that ranks share have to do for it, in one replica. Who
 * asks for a number of stages wants them alike, also in memory, where shared processors would take any. */
static double weigh(const snn_search *search, int32_t shards, double slowest, double all)
{
    const bool alike = search->request->stages > 0 || search->request->objective == SNN_OBJECTIVE_MEMORY;
    const double shared = alike ? 0.0 : snn_cost_shared(search->model, all * shards);
    return slowest > shared ? slowest : shared;
}

/* The best last stage of `stages` for atoms [0, last): the slowest stage counts, then the sum; of equal ones the
 * shortest, so that spare stages are empty and come last. Who asks for a number of stages gets so many that work. */
static void find_last_stage(snn_search *search, const double *table, int32_t shards, int32_t stages, int32_t last)
{
    const bool may_be_empty = search->request->stages == 0;
    double best = may_be_empty ? search->slowest[cell(search, stages - 1, last)] : INFINITY;
    double sum = may_be_empty ? search->all[cell(search, stages - 1, last)] : INFINITY;
    double least = weigh(search, shards, best, sum);
    int32_t begin = last;
    for (int32_t i = last - 1; i >= (may_be_empty ? 0 : stages - 1); i--) {
        const double before = search->slowest[cell(search, stages - 1, i)];
        const double stage = table[cell(search, i, last)];
        const double slowest = before > stage ? before : stage;
        const double all = search->all[cell(search, stages - 1, i)] + stage;
        const double weight = weigh(search, shards, slowest, all);
        if (weight < least || (weight == least && all < sum)) {
            least = weight;
            best = slowest;
            sum = all;
            begin = i;
        }
    }
    search->slowest[cell(search, stages, last)] = best;
    search->all[cell(search, stages, last)] = sum;
    search->last_begin[cell(search, stages, last)] = begin;
}

snn_status snn_search_cuts(snn_search *search, int32_t shards, int32_t most_stages)
{
    const double *table;
    if (search->anywhere) {
        return snn_ok();
    }
    SNN_TRY(find_table(search, shards, &table));
    for (int32_t last = 0; last <= search->atoms; last++) {
        search->slowest[cell(search, 1, last)] = table[cell(search, 0, last)];
        search->all[cell(search, 1, last)] = table[cell(search, 0, last)];
        search->last_begin[cell(search, 1, last)] = 0;
    }
    for (int32_t stages = 2; stages <= most_stages && stages <= search->atoms; stages++) {
        for (int32_t last = 0; last <= search->atoms; last++) {
            find_last_stage(search, table, shards, stages, last);
        }
    }
    return snn_ok();
}

void snn_search_uniform(const snn_search *search, int32_t shards, int32_t stages, snn_cut *cut)
{
    if (search->anywhere) {
        snn_search_stages(search, shards, stages, cut);
        return;
    }
    const int32_t used = stages < search->atoms ? stages : search->atoms;
    int32_t last = search->atoms;
    cut->stages = used;
    cut->slowest = search->slowest[cell(search, used, last)];
    cut->all = search->all[cell(search, used, last)];
    cut->work = cut->all * shards;
    cut->begin[used] = search->position[last];
    for (int32_t i = used; i > 0; i--) {
        last = search->last_begin[cell(search, i, last)];
        cut->begin[i - 1] = search->position[last];
        cut->shards[i - 1] = shards;
    }
}

/* ---- stages that are divided differently ---- */

/* The fewest shards with which a stage takes at most `bound`; 0 if none do. */
static int32_t fewest_shards(const snn_search *search, int32_t first, int32_t last, double bound)
{
    for (int32_t i = 0; i < search->width_count; i++) {
        if (search->tables[i].seconds[cell(search, first, last)] <= bound) {
            return search->tables[i].shards;
        }
    }
    return 0;
}

/* The fewest ranks with which no stage takes more than `bound`. */
static int32_t fewest_ranks(snn_search *search, double bound)
{
    search->needed[0] = 0;
    for (int32_t last = 1; last <= search->atoms; last++) {
        search->needed[last] = INT32_MAX / 2;
        for (int32_t first = last - 1; first >= 0; first--) {
            const int32_t shards = fewest_shards(search, first, last, bound);
            if (shards > 0 && search->needed[first] + shards < search->needed[last]) {
                search->needed[last] = search->needed[first] + shards;
                search->needed_begin[last] = first;
                search->needed_shards[last] = shards;
            }
        }
    }
    return search->needed[search->atoms];
}

static void trace_mixed(snn_search *search, snn_cut *cut)
{
    int32_t stages = 0;
    for (int32_t last = search->atoms; last > 0; last = search->needed_begin[last]) {
        stages++;
    }
    cut->stages = stages;
    cut->slowest = cut->all = cut->work = 0;
    cut->begin[stages] = search->position[search->atoms];
    for (int32_t last = search->atoms; last > 0; last = search->needed_begin[last]) {
        const int32_t first = search->needed_begin[last];
        double seconds = 0;
        for (int32_t i = 0; i < search->width_count; i++) {
            if (search->tables[i].shards == search->needed_shards[last]) {
                seconds = search->tables[i].seconds[cell(search, first, last)];
            }
        }
        stages--;
        cut->begin[stages] = search->position[first];
        cut->shards[stages] = search->needed_shards[last];
        cut->slowest = seconds > cut->slowest ? seconds : cut->slowest;
        cut->all += seconds;
        cut->work += seconds * cut->shards[stages];
    }
}

/* The first tables are those of the widths, in their order. */
snn_status snn_search_prepare_mixed(snn_search *search)
{
    const double *table;
    for (int32_t i = 0; i < search->width_count; i++) {
        SNN_TRY(find_table(search, search->widths[i], &table));
    }
    return snn_ok();
}

bool snn_search_mixed(snn_search *search, int32_t ranks, double seconds, snn_cut *cut)
{
    double high = isfinite(seconds) ? seconds : 1e30, low = high / 1024;
    if (fewest_ranks(search, high * (1 - 1e-9)) > ranks) {
        return false;
    }
    while (fewest_ranks(search, low) <= ranks) {
        high = low;
        low /= 1024; /* never 0: work takes time */
    }
    for (int i = 0; i < BISECTIONS; i++) {
        const double middle = sqrt(low * high);
        if (fewest_ranks(search, middle) <= ranks) {
            high = middle;
        } else {
            low = middle;
        }
    }
    (void)fewest_ranks(search, high);
    trace_mixed(search, cut);
    return true;
}
