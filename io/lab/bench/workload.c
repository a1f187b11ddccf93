#include "io/lab/bench/workload.h"

#include <omp.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/base/timers.h"
#include "core/dynamics/random.h"
#include "core/shard/shard.h"

struct snn_workload {
    const snn_network *network;
    snn_workload_options options;
    snn_shard *shard;
    bool *works; /* [population_count]: runs here */
    float *pixels;
    int64_t *numbers;
    int32_t next_step;
    double *seconds; /* [population_count] */
    double beginning;
};

static const uint32_t KEY[2] = {1645, 2407};

static snn_random_block random_block(int64_t number)
{
    const uint32_t counter[SNN_RANDOM_WORDS] = {(uint32_t)number, (uint32_t)(number >> 32), 1, 0};
    return snn_random_philox(counter, KEY);
}

/* Random spikes of all channels. */
static void fill_spikes(const snn_spikes *spikes, int32_t steps)
{
    const int64_t bytes = snn_spikes_block_bytes(spikes, steps);
    for (int64_t at = 0; at < bytes; at += (int64_t)sizeof(snn_random_block)) {
        const snn_random_block random = random_block(at);
        const size_t left = (size_t)(bytes - at);
        memcpy(spikes->bits + at, &random, left < sizeof random ? left : sizeof random);
    }
    snn_spikes_clear_unused(spikes, steps);
}

static void fill_sums(const snn_sums *sums, int32_t steps, bool real)
{
    enum { RANGE = 1 << 16 };
    const int64_t count = (int64_t)steps * sums->images * sums->positions * sums->channels;
    snn_random_block random = {{0}};
    for (int64_t i = 0; i < count; i++) {
        if (i % SNN_RANDOM_WORDS == 0) {
            random = random_block(i);
        }
        const int32_t value = (int32_t)(random.word[i % SNN_RANDOM_WORDS] % (2 * RANGE)) - RANGE;
        if (real) {
            ((float *)sums->values)[i] = (float)value;
        } else {
            ((int32_t *)sums->values)[i] = value;
        }
    }
}

static void fill_sources(const snn_workload *workload)
{
    const snn_network *network = workload->network;
    for (int32_t p = 0; p < network->population_count; p++) {
        if (workload->works[p] || network->populations[p].kind == SNN_NEURON_READOUT) {
            continue;
        }
        if (network->populations[p].kind == SNN_NEURON_STREAM) {
            const snn_sums sums = snn_shard_sums(workload->shard, p);
            fill_sums(&sums, workload->options.block, network->format == SNN_WEIGHTS_FLOAT32);
        } else {
            const snn_spikes spikes = snn_shard_spikes(workload->shard, p);
            fill_spikes(&spikes, workload->options.block);
        }
    }
}

static snn_status create_shard(snn_workload *workload, const snn_schedule *schedule)
{
    const snn_network *network = workload->network;
    const snn_workload_options *options = &workload->options;
    const size_t count = (size_t)network->population_count;
    snn_channel_range *owned = snn_allocate(count, sizeof *owned);
    snn_channel_range *visible = snn_allocate(count, sizeof *visible);
    float *eta = snn_allocate((size_t)options->timesteps, sizeof *eta);
    const int threads = omp_get_max_threads();
    snn_status status = snn_ok();
    if (owned == NULL || visible == NULL || eta == NULL) {
        status = snn_out_of_memory("channel ranges");
        goto done;
    }
    for (size_t p = 0; p < count; p++) {
        visible[p].end = network->populations[p].shape.channels;
        owned[p].end = workload->works[p] ? visible[p].end : 0;
    }
    SNN_GOTO_DONE(status, snn_schedule_fill(schedule, options->timesteps, eta));
    const snn_shard_options shard_options = {.images = options->images,
                                             .block = options->block,
                                             .timesteps = options->timesteps,
                                             .eta = eta,
                                             .encoding = options->encoding,
                                             .channels = owned,
                                             .visible = visible,
                                             .dynamics = SNN_DYNAMICS_SIGNGD,
                                             .statistics = options->statistics,
                                             .seed = 1};
    omp_set_num_threads(options->threads); /* a shard works with as many as there were at its creation */
    status = snn_shard_create(network, options->kernels, &shard_options, &workload->shard);
done:
    omp_set_num_threads(threads);
    snn_release(owned);
    snn_release(visible);
    snn_release(eta);
    return status;
}

static snn_status create_images(snn_workload *workload)
{
    const int64_t size = snn_shape_size(workload->network->input);
    const int32_t images = workload->options.images;
    workload->pixels = snn_allocate((size_t)(size * images), sizeof *workload->pixels);
    workload->numbers = snn_allocate((size_t)images, sizeof *workload->numbers);
    if (workload->pixels == NULL || workload->numbers == NULL) {
        return snn_out_of_memory("images");
    }
    for (int64_t i = 0; i < size * images; i++) {
        const snn_random_block random = random_block(i / SNN_RANDOM_WORDS);
        workload->pixels[i] = 2.0f * snn_random_uniform(random.word[i % SNN_RANDOM_WORDS]) - 1.0f;
    }
    for (int32_t i = 0; i < images; i++) {
        workload->numbers[i] = i;
    }
    return snn_ok();
}

static snn_status begin_group(snn_workload *workload)
{
    workload->next_step = 0;
    return snn_shard_begin_group(workload->shard, workload->options.images, workload->pixels, workload->numbers);
}

static snn_status fill_workload(snn_workload *workload)
{
    static const snn_schedule schedule = {.kind = SNN_SCHEDULE_EXPONENTIAL, .eta0 = 0.15, .gamma = 0.95};
    const snn_network *network = workload->network;
    workload->works = snn_allocate((size_t)network->population_count, sizeof *workload->works);
    workload->seconds = snn_allocate((size_t)network->population_count, sizeof *workload->seconds);
    if (workload->works == NULL || workload->seconds == NULL) {
        return snn_out_of_memory("workload");
    }
    for (int32_t p = 0; p < network->population_count; p++) {
        workload->works[p] = workload->options.whole;
    }
    for (int32_t i = 0; i < network->projection_count; i++) {
        workload->works[network->projections[i].target] = true;
    }
    SNN_TRY(create_shard(workload, &schedule));
    if (snn_shard_reads_input(workload->shard)) {
        SNN_TRY(create_images(workload));
    }
    if (!workload->options.whole) {
        fill_sources(workload);
    }
    return begin_group(workload);
}

snn_status snn_workload_create(const snn_network *network, const snn_workload_options *options, snn_workload **workload)
{
    *workload = NULL;
    snn_workload *made = snn_allocate(1, sizeof *made);
    if (made == NULL) {
        return snn_out_of_memory("workload");
    }
    made->network = network;
    made->options = *options;
    const snn_status status = fill_workload(made);
    if (snn_failed(status)) {
        snn_workload_destroy(made);
        return status;
    }
    *workload = made;
    return snn_ok();
}

static double now(const snn_workload *workload)
{
    return workload->options.processor_time ? snn_thread_seconds() : snn_seconds();
}

static snn_status run_block(snn_workload *workload)
{
    const int32_t left = workload->options.timesteps - workload->next_step;
    const int32_t steps = left < workload->options.block ? left : workload->options.block;
    double before = now(workload);
    for (int32_t p = 0; p < workload->network->population_count; p++) {
        if (workload->works[p]) {
            SNN_TRY(snn_shard_run(workload->shard, p, workload->next_step, steps));
            const double after = now(workload);
            workload->seconds[p] += after - before;
            before = after;
        }
    }
    workload->next_step += steps;
    return snn_ok();
}

snn_status snn_workload_run_block(void *workload, double *seconds)
{
    snn_workload *at = workload;
    if (at->next_step == at->options.timesteps) {
        SNN_TRY(begin_group(at));
    }
    const double begun = now(at);
    SNN_TRY(run_block(at));
    *seconds = now(at) - begun;
    return snn_ok();
}

snn_status snn_workload_run_group(void *workload, double *seconds)
{
    snn_workload *at = workload;
    const double begun = now(at);
    SNN_TRY(begin_group(at));
    at->beginning += now(at) - begun;
    while (at->next_step < at->options.timesteps) {
        SNN_TRY(run_block(at));
    }
    *seconds = now(at) - begun;
    return snn_ok();
}

snn_status snn_workload_run_steps(snn_workload *workload, int32_t first, int32_t last, double *seconds)
{
    SNN_TRY(begin_group(workload));
    while (workload->next_step < first) {
        SNN_TRY(run_block(workload));
    }
    const double begun = now(workload);
    while (workload->next_step < last) {
        SNN_TRY(run_block(workload));
    }
    *seconds = now(workload) - begun;
    return snn_ok();
}

const double *snn_workload_seconds(const snn_workload *workload, double *beginning)
{
    *beginning = workload->beginning;
    return workload->seconds;
}

void snn_workload_memory(const snn_workload *workload, int64_t *weights, int64_t *state, int64_t *spikes)
{
    snn_shard_memory(workload->shard, weights, state, spikes);
}

void snn_workload_destroy(snn_workload *workload)
{
    if (workload == NULL) {
        return;
    }
    snn_shard_destroy(workload->shard);
    snn_release(workload->works);
    snn_release(workload->pixels);
    snn_release(workload->numbers);
    snn_release(workload->seconds);
    snn_release(workload);
}
