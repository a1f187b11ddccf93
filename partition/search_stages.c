/* Stages of a number that was asked for, in a network of more populations than tables are made for: cuts anywhere, by
 * bisection on what a stage may take. */
#include <math.h>

#include "partition/search.h"

enum {
    LOOK_AHEAD = 8, /* populations: a longer stage may take less, when what it sends is read within */
    BISECTIONS = 20
};

/* Seconds of stages from `first` on, by their length, as far as is of interest for a bound: returns the longest. */
static int32_t price_stages(const snn_search *search, int32_t shards, int32_t first, int32_t last, double bound)
{
    int32_t longest = last - first;
    for (int32_t i = 0; i < snn_shard_samples(shards); i++) {
        int32_t over = 0; /* how many lengths in a row take too long */
        snn_stage_scan scan;
        snn_stage_scan_begin(&scan, search->model, shards, snn_shard_sample(shards, i), first);
        for (int32_t length = 1; length <= longest && over <= LOOK_AHEAD; length++) {
            snn_stage_scan_extend(&scan);
            const double seconds = snn_search_price(search, &scan.cost);
            double *slowest = &search->lengths[length];
            *slowest = i == 0 || seconds > *slowest ? seconds : *slowest;
            over = *slowest <= bound ? 0 : over + 1;
        }
        longest = scan.last - first;
    }
    return longest;
}

/* Each stage as long as the bound allows, and short enough to leave a population for every stage behind it. False if
 * that does not come out at the last population. */
static bool cut_within(const snn_search *search, int32_t shards, int32_t stages, double bound, snn_cut *cut)
{
    const int32_t populations = search->model->network->population_count;
    int32_t first = 0;
    cut->stages = stages;
    cut->slowest = cut->all = 0;
    for (int32_t stage = 0; stage < stages; stage++) {
        const int32_t last = populations - (stages - stage - 1);
        int32_t length = price_stages(search, shards, first, last, bound);
        while (length > 0 && !(search->lengths[length] <= bound)) {
            length--;
        }
        if (length == 0) {
            return false;
        }
        cut->begin[stage] = first;
        cut->shards[stage] = shards;
        cut->slowest = search->lengths[length] > cut->slowest ? search->lengths[length] : cut->slowest;
        cut->all += search->lengths[length];
        first += length;
    }
    cut->begin[stages] = first;
    cut->work = cut->all * shards;
    return first == populations;
}

void snn_search_stages(const snn_search *search, int32_t shards, int32_t stages, snn_cut *cut)
{
    const int32_t populations = search->model->network->population_count;
    const int32_t used = stages < populations ? stages : populations;
    double high = 1e30, low = high / 1024;
    if (!cut_within(search, shards, used, high, cut)) { /* memory */
        cut->slowest = cut->all = cut->work = INFINITY;
        return;
    }
    while (cut_within(search, shards, used, low, cut)) {
        high = low;
        low /= 1024; /* never 0: work takes time */
    }
    for (int i = 0; i < BISECTIONS; i++) {
        const double middle = sqrt(low * high);
        if (cut_within(search, shards, used, middle, cut)) {
            high = middle;
        } else {
            low = middle;
        }
    }
    (void)cut_within(search, shards, used, high, cut);
}
