#include "partition/calibrate.h"

#include "core/base/memory.h"
#include "core/base/timers.h"
#include "partition/workbench.h"

enum {
    MOST_WEIGHTS = 24 << 20, /* bytes of a population's weights: fewer rows, and the time scaled up */
    CACHE_LINE = 64,
    LEAST_TURNS = 3,
    MOST_TURNS = 40
};

/* A thread that is alone is not charged for what else the machine does meanwhile. */
static double clock_of(const snn_workbench *bench)
{
    return bench->work->threads == 1 ? snn_thread_seconds() : snn_seconds();
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
        if (bench->network->populations[source].kind == SNN_NEURON_STREAM) {
            const snn_sums sums = snn_shard_sums(bench->shard, source);
            touch(bench, sums.values, bench->timesteps * (int64_t)bench->images * snn_sums_plane_bytes(&sums));
        } else {
            const snn_spikes spikes = snn_shard_spikes(bench->shard, source);
            touch(bench, spikes.bits, bench->timesteps * (int64_t)bench->images * snn_spikes_plane_bytes(&spikes));
        }
    }
}

/* The first turn of a candidate is one step, which tells how many there may be later. */
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
        const int32_t steps = one->steps > 0 ? one->steps : 1;
        touch_sources(bench, one);
        const double begun = clock_of(bench);
        SNN_TRY(snn_shard_run(bench->shard, one->population, 0, steps));
        const double taken = clock_of(bench) - begun;
        if (one->steps == 0) {
            const int32_t affordable = affordable_steps(bench, taken, seconds);
            fewest = affordable < fewest ? affordable : fewest;
            one->steps = affordable;
        } else {
            keep_fastest(&one->step_seconds, taken / (steps * (double)bench->images) / one->share);
        }
    }
    for (int32_t i = 0; i < bench->count && bench->with_image; i++) { /* the image's spikes are made once for all */
        bench->candidates[i].steps = fewest < bench->candidates[i].steps ? fewest : bench->candidates[i].steps;
    }
    return snn_ok();
}

static snn_status take_turns(snn_workbench *bench, double seconds)
{
    const double begun = snn_seconds();
    for (int32_t turn = 0; turn <= MOST_TURNS; turn++) {
        if (turn > LEAST_TURNS && snn_seconds() - begun > seconds) {
            break;
        }
        touch_others(bench);
        SNN_TRY(turn_group(bench));
        touch_others(bench);
        SNN_TRY(turn_steps(bench, seconds));
    }
    return snn_ok();
}

static snn_status keep_speeds(const snn_workbench *bench, snn_speed_book *book)
{
    for (int32_t i = 0; i < bench->count; i++) {
        const snn_candidate *one = &bench->candidates[i];
        const double packed = (double)snn_shard_packed_bytes(bench->shard, one->population) / one->share;
        SNN_TRY(snn_speed_book_add(book, (snn_speed){one->key, one->step_seconds, one->group_seconds, packed}));
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
        const uint64_t key = snn_speed_key(bench->network, bench->work, p, owned);
        if (reads_image(bench->network, p) == with_image && snn_speed_book_find(book, key) == NULL &&
            !is_listed(bench, key)) {
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
    snn_status status;
    SNN_GOTO_DONE(status, snn_network_copy_structure(network, &one.network));
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
    snn_release(one.candidates);
    snn_network_destroy(one.network);
    return status;
}
