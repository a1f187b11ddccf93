#include "io/cli/tune/tune_search.h"

#include <math.h>
#include <string.h>

#include "core/base/elementary.h"
#include "core/base/memory.h"

enum {
    FEW_IMAGES = 48, /* for dynamics whose windows overlap: each takes as many products as moments */
    USUAL_STEPS = 8,
    MOST_STEPS = 10,
    LEAST_STEPS = 4, /* worth trying where the latency is bounded */
    MOST_BOUNDED = 32
};

/* Calibration images are often those that the network was trained with, of which it is surer than of others: so errors
 * count beside the expected agreement. */
static const double SMALL_ERROR = 0.001; /* of the logits, from which fewer spikes are taken */
static const double QUICK_ERROR = 0.012; /* that the quickest dynamics may have, or QUICK_FACTOR times the best's */
static const double QUICK_FACTOR = 3.0;
static const double BYTES_FACTOR = 1.3; /* by which bytes for weights may raise the error */
static const double CUT_FACTOR = 0.67;  /* by which it has to fall for rare values to be cut off: others will come */
static const double LOSSLESS = 0.99;    /* expected agreement from which fewer spikes are taken */
static const double SUFFICIENT = 0.98;  /* of windows of USUAL_STEPS; with less MOST_STEPS are recommended */
static const double SLACK = 0.015;      /* of agreement, that the quickest dynamics may be below the best */
static const double SHOWN = 1e4;        /* agreement is told in parts of this */
static const double ROUNDED = 0.01;     /* of a ratio, to the next one tried */
static const double NOTHING = 0.002;    /* of agreement, that is no loss */

typedef struct search {
    const snn_tune_data *data;
    const snn_tune_bounds *bounds;
    snn_tune_list *list;
    snn_tune_observer observer;
    void *context;
    int32_t depth;
} search;

static bool same(const snn_tune_choice *a, const snn_tune_choice *b)
{
    return a->steps == b->steps && a->delay == b->delay && a->ratio == b->ratio && a->margin == b->margin &&
           a->timesteps == b->timesteps && a->quantile == b->quantile && a->eta0 == b->eta0 && a->gamma == b->gamma &&
           a->format == b->format;
}

/* *entry stays where it is until the next call. */
static snn_status try(const search *at, const snn_tune_choice *choice, int32_t images, const snn_tune_entry **entry)
{
    snn_tune_list *list = at->list;
    for (int32_t i = 0; i < list->count; i++) {
        if (same(&list->entries[i].choice, choice) && list->entries[i].images == images) {
            *entry = &list->entries[i];
            return snn_ok();
        }
    }
    snn_tune_entry made = {.choice = *choice, .images = images};
    SNN_TRY(snn_tune_measure(at->data, choice, images, &made.result));
    made.result.latency = snn_tune_latency(choice, at->depth);
    made.result.spikes = snn_tune_spikes(choice);
    SNN_TRY(snn_tune_list_add(list, &made));
    *entry = &list->entries[list->count - 1];
    return at->observer(at->context, list);
}

static bool within(const snn_tune_bounds *bounds, int32_t spikes, int32_t latency)
{
    return (bounds->steps == 0 || spikes <= bounds->steps) && (bounds->latency == 0 || latency <= bounds->latency);
}

static bool allowed(const search *at, const snn_tune_choice *choice)
{
    return within(at->bounds, snn_tune_spikes(choice), snn_tune_latency(choice, at->depth));
}

static snn_tune_choice windows_of(int32_t steps, int32_t delay, double ratio, double margin, snn_weight_format format)
{
    return (snn_tune_choice){
        .steps = steps, .delay = delay, .ratio = ratio, .margin = margin, .quantile = 1.0, .format = format};
}

/* Tries values of one number, from number `first` on in the better direction until it gets worse; `best`, whose other
 * numbers are kept, becomes the best. */
static snn_status climb(const search *at, double *number, snn_tune_choice *best, const double *values, int32_t count,
                        int32_t first, int32_t images)
{
    double found = -1.0;
    int32_t chosen = first, direction = 1;
    for (int32_t i = first, turned = 0; i >= 0 && turned < 2;) {
        const snn_tune_entry *entry;
        *number = values[i];
        SNN_TRY(try(at, best, images, &entry));
        const bool better = entry->result.error < found || found < 0.0;
        if (better) {
            found = entry->result.error;
            chosen = i;
        }
        if (!better || i + direction < 0 || i + direction >= count) {
            turned += direction < 0 || chosen != first ? 2 : 1; /* the other way, unless this one has been better */
            direction = -1;
            i = first - 1;
        } else {
            i += direction;
        }
    }
    *number = values[chosen];
    return snn_ok();
}

static const double margins[] = {0.1, 0.25, 0.5, 1.0, 2.0};
static const double ratios[] = {0.5, 0.54, 0.58, 0.63, 0.68, 0.74, 0.8, 0.86, 0.9, 0.93};

enum { MARGINS = sizeof margins / sizeof margins[0], RATIOS = sizeof ratios / sizeof ratios[0] };

/* Inputs stand still: ratio 1/2 is the sharpest, and the margin is what is left to choose. */
static snn_status try_still(const search *at, int32_t steps, int32_t images)
{
    snn_tune_choice choice = windows_of(steps, steps, 0.5, 0.25, at->data->config->simulation.weights);
    return allowed(at, &choice) ? climb(at, &choice.margin, &choice, margins, MARGINS, 1, images) : snn_ok();
}

/* Windows overlap: early steps may be mistaken, and what follows has to make up for them. */
static snn_status try_overlapping(const search *at, int32_t steps, int32_t delay, int32_t images)
{
    const int32_t first = delay >= 3 ? 2 : delay == 2 ? 3 : 4;
    snn_tune_choice choice = windows_of(steps, delay, ratios[first], 0.5, at->data->config->simulation.weights);
    if (delay >= steps || !allowed(at, &choice)) {
        return snn_ok();
    }
    SNN_TRY(climb(at, &choice.ratio, &choice, ratios, RATIOS, first, images));
    return climb(at, &choice.margin, &choice, margins, MARGINS, 2, images);
}

/* As many steps as there may be: with a last one as small as that of eight that halve, and much room. */
static snn_status try_filled(const search *at, int32_t steps, int32_t delay, int32_t images)
{
    const double ideal = snn_elementary_power(2.0, -(double)USUAL_STEPS / steps);
    int32_t first = 0;
    while (first + 1 < RATIOS && ratios[first + 1] <= ideal + ROUNDED) {
        first++;
    }
    snn_tune_choice choice = windows_of(steps, delay, ratios[first], 1.0, at->data->config->simulation.weights);
    if (delay >= steps || !allowed(at, &choice)) {
        return snn_ok();
    }
    SNN_TRY(climb(at, &choice.ratio, &choice, ratios, RATIOS, first, images));
    return climb(at, &choice.margin, &choice, margins, MARGINS, 3, images);
}

/* As many steps as a bound on the latency leaves for each delay. */
static snn_status try_bounded(const search *at, int32_t images)
{
    for (int32_t delay = 0; delay <= 4 && at->bounds->latency > 0; delay++) {
        const int32_t left = at->bounds->latency - delay * (at->depth - 1);
        const int32_t steps = left < MOST_BOUNDED ? left : MOST_BOUNDED;
        if (steps >= LEAST_STEPS) {
            SNN_TRY(try_overlapping(at, steps, delay, images));
            SNN_TRY(try_filled(at, steps, delay, images));
        }
    }
    return snn_ok();
}

/* The paper's dynamics with pixels taken directly: what they can do at best. */
static snn_status try_synchronous(const search *at, int32_t images)
{
    static const struct {
        int32_t timesteps;
        double eta0, gamma;
    } schedules[] = {{16, 0.25, 0.82}, {16, 0.35, 0.78}, {32, 0.15, 0.92}, {32, 0.2, 0.88},
                     {64, 0.15, 0.95}, {64, 0.2, 0.94},  {64, 0.1, 0.96}};
    for (size_t i = 0; i < sizeof schedules / sizeof schedules[0]; i++) {
        const snn_tune_choice choice = {.timesteps = schedules[i].timesteps,
                                        .eta0 = schedules[i].eta0,
                                        .gamma = schedules[i].gamma,
                                        .quantile = 1.0,
                                        .format = at->data->config->simulation.weights};
        const snn_tune_entry *entry;
        if (allowed(at, &choice)) {
            SNN_TRY(try(at, &choice, images, &entry));
        }
    }
    return snn_ok();
}

/* Scales from quantiles of what is recommended: rare values are cut off for finer steps. */
static snn_status try_quantiles(const search *at, snn_tune_data *data)
{
    const int32_t number = snn_tune_default(at->list, at->bounds);
    bool available = false;
    if (number < 0) {
        return snn_ok();
    }
    const snn_tune_entry best = at->list->entries[number];
    SNN_TRY(snn_tune_find_quantiles(data, &available));
    for (int32_t q = 0; q < SNN_TUNE_QUANTILES && available; q++) {
        snn_tune_choice choice = best.choice;
        const snn_tune_entry *entry;
        choice.quantile = snn_tune_quantiles[q];
        SNN_TRY(try(at, &choice, best.images, &entry));
    }
    return snn_ok();
}

/* Bytes for weights, if they cost nothing. */
static snn_status try_bytes(const search *at)
{
    const int32_t number = snn_tune_default(at->list, at->bounds);
    const snn_tune_entry *entry;
    if (number < 0 || at->list->entries[number].choice.format != SNN_WEIGHTS_INT16) {
        return snn_ok();
    }
    snn_tune_choice choice = at->list->entries[number].choice;
    choice.format = SNN_WEIGHTS_INT8;
    return try(at, &choice, at->list->entries[number].images, &entry);
}

snn_status snn_tune_search(snn_tune_data *data, const snn_tune_bounds *bounds, snn_tune_list *list,
                           snn_tune_observer observer, void *context, int32_t *total)
{
    static const int32_t still[] = {4, 5, 6, 7, 8, 10, 12};
    static const struct {
        int32_t delay, steps[5];
    } overlapping[] = {
        {4, {8, 10, 12}}, {3, {8, 10, 12, 16}}, {2, {8, 10, 12, 16, 24}}, {1, {8, 12, 16, 24}}, {0, {12, 16, 24}}};
    search at = {.data = data, .bounds = bounds, .list = list, .observer = observer, .context = context};
    const int32_t few = data->held < FEW_IMAGES ? data->held : FEW_IMAGES;
    *total = 110;
    SNN_TRY(snn_tune_depth(data, &at.depth));
    for (size_t i = 0; i < sizeof still / sizeof still[0]; i++) {
        SNN_TRY(try_still(&at, still[i], data->held));
    }
    for (size_t i = 0; i < sizeof overlapping / sizeof overlapping[0]; i++) {
        for (int32_t s = 0; s < 5 && overlapping[i].steps[s] > 0; s++) {
            SNN_TRY(try_overlapping(&at, overlapping[i].steps[s], overlapping[i].delay, few));
        }
    }
    SNN_TRY(try_bounded(&at, few));
    SNN_TRY(try_synchronous(&at, few));
    SNN_TRY(try_quantiles(&at, data));
    return try_bytes(&at);
}

/* Positive if the first agrees more, in the digits that are shown; where both agree alike, if its error is smaller. */
static int compare_agreement(const snn_tune_result *a, const snn_tune_result *b)
{
    const double first = nearbyint(a->agreement * SHOWN), second = nearbyint(b->agreement * SHOWN);
    if (first != second) {
        return first > second ? 1 : -1;
    }
    return (a->error < b->error) - (a->error > b->error);
}

static bool dominates(const snn_tune_result *a, const snn_tune_result *b)
{
    const int agreement = compare_agreement(a, b);
    const bool shown = nearbyint(a->agreement * SHOWN) >= nearbyint(b->agreement * SHOWN);
    const bool cheaper = a->latency < b->latency || a->spikes < b->spikes;
    return a->latency <= b->latency && a->spikes <= b->spikes && (cheaper ? shown : agreement > 0);
}

bool snn_tune_on_front(const snn_tune_list *list, int32_t number)
{
    for (int32_t i = 0; i < list->count; i++) {
        if (i != number && dominates(&list->entries[i].result, &list->entries[number].result)) {
            return false;
        }
    }
    return true;
}

static bool eligible(const snn_tune_entry *entry, const snn_tune_bounds *bounds)
{
    return within(bounds, entry->result.spikes, entry->result.latency) &&
           (bounds->agreement == 0.0 || entry->result.agreement >= bounds->agreement);
}

/* The more agreement; but bytes for weights where they cost nothing, and rare values cut off only where it pays. */
static bool is_better(const snn_tune_entry *entry, const snn_tune_entry *before)
{
    const double less = before->result.agreement - NOTHING;
    if ((entry->choice.quantile < 1.0) != (before->choice.quantile < 1.0)) {
        const bool cut = entry->choice.quantile < 1.0;
        return entry->result.agreement >= (cut ? before->result.agreement : less) &&
               entry->result.error <= (cut ? CUT_FACTOR : 1.0 / CUT_FACTOR) * before->result.error;
    }
    if (entry->choice.format != before->choice.format) {
        const bool bytes = entry->choice.format == SNN_WEIGHTS_INT8;
        return entry->result.agreement >= (bytes ? less : before->result.agreement + NOTHING) &&
               entry->result.error <= (bytes ? BYTES_FACTOR : 1.0 / BYTES_FACTOR) * before->result.error;
    }
    return compare_agreement(&entry->result, &before->result) > 0;
}

/* The best of eligible entries with so many spikes, and windows whose inputs stand still unless the latency is bounded;
 * -1: none. */
static int32_t best_of(const snn_tune_list *list, const snn_tune_bounds *bounds, int32_t spikes)
{
    int32_t best = -1;
    for (int32_t i = 0; i < list->count; i++) {
        const snn_tune_entry *entry = &list->entries[i];
        const bool still = entry->choice.steps > 0 && entry->choice.delay >= entry->choice.steps;
        if (!eligible(entry, bounds) || (spikes > 0 && entry->result.spikes != spikes) ||
            (bounds->latency == 0 && !still)) {
            continue;
        }
        if (best < 0) {
            best = i;
            continue;
        }
        best = is_better(entry, &list->entries[best]) ? i : best;
    }
    return best;
}

int32_t snn_tune_default(const snn_tune_list *list, const snn_tune_bounds *bounds)
{
    if (bounds->agreement > 0.0) {
        return snn_tune_quickest(list, bounds);
    }
    if (bounds->latency > 0) {
        return best_of(list, bounds, 0);
    }
    for (int32_t spikes = 1; spikes <= USUAL_STEPS; spikes++) {
        const int32_t best = best_of(list, bounds, spikes);
        const snn_tune_result *result = best >= 0 ? &list->entries[best].result : NULL;
        const bool fewer = spikes < USUAL_STEPS;
        if (result != NULL && result->agreement >= (fewer ? LOSSLESS : SUFFICIENT) &&
            (!fewer || result->error <= SMALL_ERROR)) {
            return best;
        }
    }
    const int32_t more = best_of(list, bounds, MOST_STEPS);
    return more >= 0 ? more : best_of(list, bounds, 0);
}

int32_t snn_tune_quickest(const snn_tune_list *list, const snn_tune_bounds *bounds)
{
    const snn_tune_bounds none = {0};
    const int32_t best =
        best_of(list, &none, MOST_STEPS) >= 0 ? best_of(list, &none, MOST_STEPS) : best_of(list, &none, 0);
    const double enough = bounds->agreement > 0.0 ? bounds->agreement
                          : best >= 0             ? list->entries[best].result.agreement - SLACK
                                                  : 1.0;
    const double most = best >= 0 ? fmax(QUICK_ERROR, QUICK_FACTOR * list->entries[best].result.error) : INFINITY;
    int32_t quickest = -1;
    for (int32_t i = 0; i < list->count; i++) {
        const snn_tune_result *result = &list->entries[i].result;
        const bool precise = bounds->agreement > 0.0 || result->error <= most;
        if (!eligible(&list->entries[i], bounds) || result->agreement < enough || !precise) {
            continue;
        }
        const snn_tune_result *before = quickest < 0 ? NULL : &list->entries[quickest].result;
        if (before == NULL || result->latency < before->latency ||
            (result->latency == before->latency && is_better(&list->entries[i], &list->entries[quickest]))) {
            quickest = i;
        }
    }
    return quickest;
}

snn_status snn_tune_list_add(snn_tune_list *list, const snn_tune_entry *entry)
{
    if (!snn_grow(&list->entries, (size_t)list->count, &list->capacity, sizeof *entry)) {
        return snn_out_of_memory("dynamics");
    }
    list->entries[list->count++] = *entry;
    return snn_ok();
}

void snn_tune_list_clear(snn_tune_list *list)
{
    snn_release(list->entries);
    *list = (snn_tune_list){0};
}
