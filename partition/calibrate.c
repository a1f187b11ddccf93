#include "partition/calibrate.h"

#include <omp.h>

#include "core/base/memory.h"
#include "core/base/timers.h"
#include "partition/moments.h"
#include "partition/workbench.h"

enum {
    MOST_WEIGHTS = 24 << 20, /* bytes of a population's weights: fewer rows, and the time scaled up */
    CACHE_LINE = 64,
    LEAST_TURNS = 3,
    MOST_TURNS = 40, /* of candidates that are steady */
    PATIENCE = 4     /* times the seconds, for those that are not */
};

/* Turns that differ by no more agree. */
static const double STEADY = 1.05;

/* A thread that is alone is not charged for what else the machine does meanwhile. */
static double clock_of(const snn_workbench *bench)
{
    return bench->threads == 1 ? snn_thread_seconds() : snn_seconds();
}

static bool reads_image(const snn_network *network, int32_t population)
{
    const int32_t first = snn_plan_first_projection(network, population); /* ordered by source: the image comes first */
    return first < network->projection_count && network->projections[first].target == population &&
           network->projections[first].source == SNN_SOURCE_INPUT;
}

/* ---- turns ---- */

static void keep_fastest(double *fastest, double seconds)
{
    *fastest = *fastest == 0.0 || seconds < *fastest ? seconds : *fastest;
}

static void keep_two_fastest(snn_candidate *one, double seconds)
{
    if (one->step_seconds == 0.0 || seconds < one->step_seconds) {
        one->second_step = one->step_seconds;
        one->step_seconds = seconds;
    } else if (one->second_step == 0.0 || seconds < one->second_step) {
        one->second_step = seconds;
    }
}

/* What disturbs a turn disturbs it by another time each time: two that agree had the machine for themselves. */
static bool is_steady(const snn_candidate *one)
{
    return one->second_step > 0.0 && one->second_step <= STEADY * one->step_seconds;
}

static double state_share(const snn_workbench *bench, const snn_candidate *one)
{
    const snn_population *population = &bench->network->populations[one->population];
    const snn_channel_range held = snn_workbench_held(population, one->owned);
    return (double)(snn_shape_positions(population->input) * (held.end - held.begin) +
                    snn_shape_positions(population->shape) * (one->owned.end - one->owned.begin));
}

/* Shares out what beginning a group takes, by the values that begin. */
static snn_status turn_group(snn_workbench *bench)
{
    const double begun = clock_of(bench);
    SNN_TRY(snn_shard_begin_group(bench->shard, bench->images, bench->pixels, bench->numbers));
    const double seconds = clock_of(bench) - begun;
    double all = 0;
    for (int32_t i = 0; i < bench->count; i++) {
        all += state_share(bench, &bench->candidates[i]);
    }
    for (int32_t i = 0; i < bench->count; i++) {
        snn_candidate *one = &bench->candidates[i];
        keep_fastest(&one->group_seconds, seconds * state_share(bench, one) / all / bench->images / one->share);
    }
    return snn_ok();
}

static void touch(snn_workbench *bench, const void *bytes, int64_t count)
{
    for (int64_t i = 0; i < count; i += CACHE_LINE) {
        bench->sink = (uint8_t)(bench->sink + ((const uint8_t *)bytes)[i]);
    }
}

static void touch_others(snn_workbench *bench)
{
    for (int64_t i = 0; i < bench->other_bytes; i += CACHE_LINE) {
        bench->others[i]++;
    }
}

/* In a run the sources of a population have just been written. */
static void touch_sources(snn_workbench *bench, const snn_candidate *one)
{
    const int32_t last = snn_plan_first_projection(bench->network, one->population + 1);
    for (int32_t i = snn_plan_first_projection(bench->network, one->population); i < last; i++) {
        const int32_t source = bench->network->projections[i].source;
        if (source == SNN_SOURCE_INPUT || bench->visible[source].begin == bench->visible[source].end) {
            continue;
        }
        const int32_t planes = snn_shard_planes(bench->shard, source, bench->timesteps);
        if (bench->network->populations[source].kind == SNN_NEURON_STREAM) {
            const snn_sums sums = snn_shard_sums(bench->shard, source);
            touch(bench, sums.values, (int64_t)planes * bench->images * snn_sums_plane_bytes(&sums));
        } else {
            const snn_spikes spikes = snn_shard_spikes(bench->shard, source);
            touch(bench, spikes.bits, snn_spikes_block_bytes(&spikes, planes));
        }
    }
}

/* The first turn of a candidate is one step, which tells how many there may be later; faster ones may tell more. */
static int32_t affordable_steps(const snn_workbench *bench, double step_seconds, double seconds)
{
    const double steps = seconds / LEAST_TURNS / bench->count / (step_seconds > 0 ? step_seconds : 1e-9);
    return steps < 1 ? 1 : steps < bench->timesteps ? (int32_t)steps : bench->timesteps;
}

static snn_status turn_steps(snn_workbench *bench, double seconds)
{
    int32_t fewest = bench->timesteps;
    for (int32_t i = 0; i < bench->count; i++) {
        snn_candidate *one = &bench->candidates[i];
        /* A window runs as a whole. */
        const int32_t steps = bench->timings != NULL ? bench->timesteps : one->steps > 0 ? one->steps : 1;
        touch_sources(bench, one);
        const double begun = clock_of(bench);
        SNN_TRY(snn_shard_run(bench->shard, one->population, 0, steps));
        const double taken = clock_of(bench) - begun;
        const int32_t affordable = affordable_steps(bench, taken / steps, seconds);
        const bool first = one->steps == 0;
        one->steps = affordable > one->steps ? affordable : one->steps;
        fewest = one->steps < fewest ? one->steps : fewest;
        if (!first) {
            keep_two_fastest(one, taken / (steps * (double)bench->images) / one->share);
        }
    }
    for (int32_t i = 0; i < bench->count && bench->with_image; i++) { /* the image's spikes are made once for all */
        bench->candidates[i].steps = fewest;
    }
    return snn_ok();
}

static bool all_are_steady(const snn_workbench *bench)
{
    for (int32_t i = 0; i < bench->count; i++) {
        if (!is_steady(&bench->candidates[i])) {
            return false;
        }
    }
    return true;
}

static bool have_enough(const snn_workbench *bench, int32_t turn, double taken, double seconds)
{
    if (turn <= LEAST_TURNS) {
        return false;
    }
    return taken > PATIENCE * seconds || ((taken > seconds || turn > MOST_TURNS) && all_are_steady(bench));
}

/* Threads that wait for each other on a busy machine may take a hundred times as long as one of them alone, every
 * time: a team's work counts as done by one of its threads where that is faster. So it is measured with one too. */
static snn_status take_turns(snn_workbench *bench, double seconds)
{
    const double begun = snn_seconds();
    for (int32_t turn = 0; !have_enough(bench, turn, snn_seconds() - begun, seconds); turn++) {
        for (int alone = 0; alone < (bench->work->threads > 1 && turn > 0 ? 2 : 1); alone++) {
            bench->threads = alone == 1 ? 1 : bench->work->threads;
            omp_set_max_active_levels(alone == 1 ? 0 : 1); /* the shard asks for its threads and gets one */
            touch_others(bench);
            SNN_TRY(turn_group(bench));
            touch_others(bench);
            SNN_TRY(turn_steps(bench, seconds));
        }
    }
    return snn_ok();
}

static snn_status keep_speeds(const snn_workbench *bench, snn_speed_book *book)
{
    for (int32_t i = 0; i < bench->count; i++) {
        const snn_candidate *one = &bench->candidates[i];
        const double packed = (double)snn_shard_packed_bytes(bench->shard, one->population) / one->share;
        const snn_speed speed = {.key = one->key,
                                 .step_seconds = one->step_seconds,
                                 .group_seconds = one->group_seconds,
                                 .packed_bytes = packed,
                                 .unsteady = !is_steady(one)};
        SNN_TRY(snn_speed_book_measured(book, speed));
    }
    return snn_ok();
}

/* ---- candidates ---- */

static int64_t weight_bytes(const snn_network *network, int32_t population, snn_channel_range held)
{
    const int32_t last = snn_plan_first_projection(network, population + 1);
    int64_t bytes = 0;
    for (int32_t i = snn_plan_first_projection(network, population); i < last; i++) {
        const snn_operator *op = &network->projections[i].op;
        const snn_channel_range rows = {op->target_channel, op->target_channel + op->target_channels};
        const int64_t count = snn_channel_range_count(snn_channel_range_common(rows, held));
        bytes += count * snn_operator_row_length(op) * snn_weight_bytes(network->format, op->kind);
    }
    return bytes;
}

/* A candidate whose weights are not too many. */
static snn_candidate make_candidate(const snn_network *network, int32_t population, snn_channel_range owned,
                                    uint64_t key)
{
    snn_candidate made = {.population = population, .owned = owned, .share = 1.0, .key = key};
    const snn_population *neurons = &network->populations[population];
    const int64_t bytes = weight_bytes(network, population, snn_workbench_held(neurons, owned));
    const int32_t channels = snn_channel_range_count(owned);
    if (bytes > MOST_WEIGHTS && neurons->kind != SNN_NEURON_READOUT && !snn_neuron_reads_all_channels(neurons->kind)) {
        const int32_t fewer = (int32_t)(channels * (double)MOST_WEIGHTS / (double)bytes);
        made.owned.begin = owned.end - (fewer > 1 ? fewer : 1);
        made.share = (double)snn_channel_range_count(made.owned) / channels;
    }
    return made;
}

static bool is_listed(const snn_workbench *bench, uint64_t key)
{
    for (int32_t i = 0; i < bench->count; i++) {
        if (bench->candidates[i].key == key) {
            return true;
        }
    }
    return false;
}

/* What the book lacks of the network divided into `shards`. */
static void list_candidates(snn_workbench *bench, int32_t shards, bool with_image, const snn_speed_book *book)
{
    bench->count = 0;
    bench->with_image = with_image;
    for (int32_t p = 0; p < bench->network->population_count; p++) {
        const snn_channel_range owned = snn_price_range(&bench->network->populations[p], shards);
        const uint64_t key = snn_speed_key(bench->network, bench->timings, bench->work, p, owned);
        if (reads_image(bench->network, p) == with_image && snn_speed_book_lacks(book, key) && !is_listed(bench, key)) {
            bench->candidates[bench->count++] = make_candidate(bench->network, p, owned, key);
        }
    }
}

static snn_status measure(snn_workbench *bench, int32_t shards, double seconds, snn_speed_book *book)
{
    snn_status status;
    SNN_GOTO_DONE(status, snn_workbench_open(bench, shards));
    SNN_GOTO_DONE(status, take_turns(bench, seconds));
    SNN_GOTO_DONE(status, keep_speeds(bench, book));
done:
    snn_workbench_close(bench);
    return status;
}

snn_status snn_calibrate(const snn_network *network, const snn_kernels *kernels, const snn_work *work,
                         int32_t most_shards, double seconds, snn_speed_book *book)
{
    snn_workbench one = {.kernels = kernels, .work = work};
    const int threads = omp_get_max_threads(), levels = omp_get_max_active_levels();
    snn_status status;
    omp_set_num_threads(work->threads); /* before the shard, which has room for so many */
    SNN_GOTO_DONE(status, snn_network_copy_structure(network, &one.network));
    SNN_GOTO_DONE(status, snn_moments_create(network, &one.timings));
    one.candidates = snn_allocate((size_t)network->population_count, sizeof *one.candidates);
    if (one.candidates == NULL) {
        status = snn_out_of_memory("calibration");
        goto done;
    }
    for (int32_t point = 0; point < SNN_PRICE_POINTS && (point == 0 || 1 << (point - 1) < most_shards); point++) {
        for (int with_image = 0; with_image < 2; with_image++) {
            list_candidates(&one, 1 << point, with_image == 1, book);
            if (one.count > 0) {
                SNN_GOTO_DONE(status, snn_context(measure(&one, 1 << point, seconds, book), "calibration"));
            }
        }
    }
done:
    omp_set_max_active_levels(levels);
    omp_set_num_threads(threads);
    snn_release(one.candidates);
    snn_release(one.timings);
    snn_network_destroy(one.network);
    return status;
}
