#include "core/shard/shard_private.h"

#include <omp.h>
#include <string.h>

#include "core/base/integers.h"
#include "core/base/memory.h"
#include "core/base/trace.h"

enum { COUNTS_PER_STEP = 3 }; /* spikes, flips, error */

static size_t counts_length(const snn_shard *shard, int32_t channels)
{
    return (size_t)shard->block * COUNTS_PER_STEP + 2 * (size_t)channels;
}

snn_status snn_workers_create(snn_shard *shard)
{
    int64_t accumulator = 0, scratch = 0;
    int32_t channels = 0;
    for (int32_t p = 0; p < shard->network->population_count; p++) {
        const snn_part *part = &shard->parts[p];
        const int32_t owned = snn_part_channels(part);
        const int32_t held = snn_part_inputs(part);
        int64_t bytes = (int64_t)part->tile_steps * part->tile_positions * held * SNN_ACCUMULATOR_ELEMENT;
        bytes = part->fused || shard->timings != NULL ? 0 : bytes;
        accumulator = bytes > accumulator ? bytes : accumulator;
        bytes = shard->kernels->image_scratch_bytes(part->graded_products, part->graded_product_count, held);
        accumulator = bytes > accumulator ? bytes : accumulator;
        channels = owned > channels ? owned : channels;
        if (shard->timings != NULL) {
            continue; /* below */
        }
        if (held > 0 && snn_neuron_spikes(shard->network->populations[p].kind)) {
            bytes = shard->kernels->neuron_scratch_bytes(&shard->network->populations[p]);
            scratch = bytes > scratch ? bytes : scratch;
        }
        for (int32_t i = 0; i < part->projection_end - part->projection_begin; i++) {
            const snn_projection *projection = &shard->network->projections[part->projection_begin + i];
            if (part->packed != NULL && part->packed[i].data != NULL) {
                bytes = snn_reads_stream(shard, projection)
                            ? snn_stream_scratch(shard, &part->packed[i], part->tile_positions)
                        : part->fused
                            ? shard->kernels->fused_scratch_bytes(&shard->network->populations[p], shard->block)
                            : shard->kernels->scratch_bytes(&part->packed[i], part->tile_positions, part->tile_steps);
                scratch = bytes > scratch ? bytes : scratch;
            }
        }
    }
    int64_t sums_of_windows = 0, graded = 0;
    if (shard->timings != NULL) {
        snn_windows_bytes(shard, &sums_of_windows, &graded, &scratch);
        accumulator = sums_of_windows > accumulator ? sums_of_windows : accumulator;
    }

    shard->workers = snn_allocate((size_t)shard->threads, sizeof *shard->workers);
    if (shard->workers == NULL) {
        return snn_out_of_memory("threads' working memory");
    }
    for (int32_t i = 0; i < shard->threads; i++) {
        snn_worker *worker = &shard->workers[i];
        worker->accumulator = snn_allocate((size_t)accumulator, 1);
        worker->scratch = snn_allocate((size_t)scratch, 1);
        worker->counts = snn_allocate(counts_length(shard, channels), sizeof(int64_t));
        if (worker->accumulator == NULL || worker->scratch == NULL || worker->counts == NULL) {
            return snn_out_of_memory("threads' working memory");
        }
        if (shard->timings != NULL) {
            SNN_TRY(snn_windows_prepare(sums_of_windows, graded, worker));
        }
    }
    return snn_ok();
}

void snn_workers_destroy(snn_shard *shard)
{
    for (int32_t i = 0; shard->workers != NULL && i < shard->threads; i++) {
        snn_release(shard->workers[i].accumulator);
        snn_release(shard->workers[i].rounded);
        snn_release(shard->workers[i].spare);
        snn_release(shard->workers[i].graded);
        snn_release(shard->workers[i].scratch);
        snn_release(shard->workers[i].counts);
    }
    snn_release(shard->workers);
}

/* The same spikes from `steps` steps later on. */
static snn_spikes spikes_from(snn_spikes spikes, int32_t steps)
{
    spikes.bits = snn_spikes_plane(&spikes, steps, 0);
    return spikes;
}

static snn_tile_counts counts_from(const snn_shard *shard, const snn_worker *worker, int32_t population, int32_t step)
{
    int64_t *counts = worker->counts;
    const int64_t block = shard->block;
    int64_t *channel_spikes = counts + COUNTS_PER_STEP * block;
    int64_t *error = shard->detail == SNN_STATISTICS_FULL ? counts + 2 * block + step : NULL;
    snn_tile_counts pointers = {counts + step, counts + block + step, error, channel_spikes,
                                channel_spikes + snn_part_channels(&shard->parts[population])};
    return pointers;
}

/* One tile over steps [offset, offset + tile.steps) of a block that begins at timestep `first`. */
typedef struct tile_job {
    snn_shard *shard;
    int32_t population, first, offset;
    const snn_worker *worker;
    snn_tile tile;
} tile_job;

/* Spikes of a projection's source from the tile's first step on. */
static snn_spikes source_spikes(const tile_job *job, const snn_projection *projection)
{
    const snn_shard *shard = job->shard;
    const int32_t source = projection->source;
    return spikes_from(source == SNN_SOURCE_INPUT ? snn_encoder_spikes(shard) : snn_shard_spikes(shard, source),
                       job->offset);
}

/* The sums of all projections. */
static void project(const tile_job *job)
{
    const snn_shard *shard = job->shard;
    const snn_part *part = &shard->parts[job->population];
    const snn_tile *tile = &job->tile;
    const int64_t elements =
        tile->steps * (tile->position_end - tile->position_begin) * (tile->channel_end - tile->channel_begin);
    memset(tile->accumulator, 0, (size_t)elements * SNN_ACCUMULATOR_ELEMENT);
    for (int32_t i = 0; i < part->projection_end - part->projection_begin; i++) {
        const snn_packed *packed = &part->packed[i];
        if (packed->data == NULL) {
            continue;
        }
        const snn_projection *projection = &shard->network->projections[part->projection_begin + i];
        if (snn_reads_stream(shard, projection)) {
            snn_stream_project(shard, packed, job->offset, tile);
            continue;
        }
        const snn_spikes spikes = source_spikes(job, projection);
        shard->kernels->project(packed, &spikes, tile);
    }
}

static void fire(const tile_job *job)
{
    const snn_shard *shard = job->shard;
    const snn_population *population = &shard->network->populations[job->population];
    const snn_part *part = &shard->parts[job->population];
    const int64_t inputs = snn_shape_positions(population->input) * snn_part_inputs(part);
    const int64_t outputs = snn_shape_positions(population->shape) * snn_part_channels(part);
    const int32_t image = job->tile.image;
    const int32_t timestep = job->first + job->offset;
    const snn_spikes block = snn_shard_spikes(shard, job->population);
    const snn_tile_counts counts = counts_from(shard, job->worker, job->population, job->offset);
    snn_neurons neurons = {
        .kind = population->kind,
        .alpha = population->alpha,
        .beta = population->beta,
        .groups = population->groups,
        .input_channels = snn_part_inputs(part),
        .real = shard->real,
        .eta = shard->eta + timestep,
        .step = population->step + part->held.begin,
        .inverse_scale = part->inverse_scale,
        .increments = part->graded != NULL ? shard->increments + timestep : NULL,
        .graded = part->graded != NULL ? part->graded + image * inputs : NULL,
        .x = part->x + image * inputs,
        .y = part->y + image * outputs,
        .spikes = spikes_from(block, job->offset),
        .previous = job->offset > 0 ? snn_spikes_plane(&block, job->offset - 1, image)
                                    : part->previous + image * snn_spikes_plane_bytes(&block),
        .first = timestep == 0,
        .window = population->window,
        .input = population->input,
        .shape = population->shape,
        .channel_begin = part->owned.begin,
        .channel_end = part->owned.end,
    };
    if (shard->dynamics == SNN_DYNAMICS_SUBGRADIENT) {
        const snn_subgradient baseline = snn_baseline_of_image(shard, job->population, image);
        snn_subgradient_fire(&neurons, &baseline, &job->tile, &counts);
        return;
    }
    if (part->fused) {
        const snn_spikes spikes = source_spikes(job, &shard->network->projections[part->projection_begin]);
        shard->kernels->project_and_fire(&part->packed[0], &spikes, &neurons, &job->tile, &counts);
        return;
    }
    shard->kernels->fire(&neurons, &job->tile, &counts);
}

/* The readout does not fire: its decoded input is the result. Same arithmetic as in the kernels' neurons. */
static void read_out(const tile_job *job)
{
    const snn_shard *shard = job->shard;
    const snn_part *part = &shard->parts[job->population];
    const int32_t classes = shard->network->classes;
    const int32_t image = job->tile.image;
    const float *step = shard->network->populations[job->population].step;
    float *x = part->x + (int64_t)image * classes;
    for (int32_t s = 0; s < job->tile.steps; s++) {
        const int32_t timestep = job->first + job->offset + s;
        const void *accumulator =
            (const uint8_t *)job->tile.accumulator + (size_t)s * (size_t)classes * SNN_ACCUMULATOR_ELEMENT;
        if (shard->dynamics == SNN_DYNAMICS_SUBGRADIENT) {
            snn_baseline_read_out(shard, job->population, timestep, s, &job->tile);
        }
        for (int32_t c = 0; c < classes && shard->dynamics == SNN_DYNAMICS_SIGNGD; c++) {
            float sum = shard->real ? ((const float *)accumulator)[c] : (float)((const int32_t *)accumulator)[c];
            x[c] = x[c] - (shard->eta[timestep] * step[c]) * sum;
            if (part->graded != NULL) {
                x[c] = x[c] + shard->increments[timestep] * part->graded[(int64_t)image * classes + c];
            }
        }
        shard->predictions[(int64_t)image * shard->timesteps + timestep] = snn_index_of_largest(x, classes);
    }
    memcpy(shard->logits + (int64_t)image * classes, x, (size_t)classes * sizeof *x);
}

static void run_tile(tile_job *job, int32_t steps)
{
    const int32_t tile_steps = job->shard->parts[job->population].tile_steps;
    const snn_neuron_kind kind = job->shard->network->populations[job->population].kind;
    for (job->offset = 0; job->offset < steps; job->offset += tile_steps) {
        job->tile.steps = (int32_t)snn_smaller(tile_steps, steps - job->offset);
        if (!job->shard->parts[job->population].fused) {
            project(job);
        }
        if (kind == SNN_NEURON_READOUT) {
            read_out(job);
        } else if (kind == SNN_NEURON_STREAM) {
            snn_stream_store(job->shard, job->population, job->first + job->offset, job->offset, &job->tile);
        } else {
            fire(job);
        }
    }
}

static void add_counts(int64_t *total, const int64_t *counts, int32_t length)
{
    for (int32_t i = 0; i < length; i++) {
        total[i] += counts[i];
    }
}

/* Whole numbers, so the order of the threads does not matter. */
static void merge_counts(snn_shard *shard, int32_t population, int32_t first, int32_t steps)
{
    const snn_part *part = &shard->parts[population];
    const snn_population_counts total = snn_statistics_population(shard->statistics, shard->network, population);
    for (int32_t i = 0; i < shard->threads; i++) {
        const snn_tile_counts counts = counts_from(shard, &shard->workers[i], population, 0);
        add_counts(total.spikes + first, counts.spikes, steps);
        add_counts(total.flips + first, counts.flips, steps);
        if (counts.error != NULL) {
            add_counts(total.error + first, counts.error, steps);
        }
        add_counts(total.channel_spikes + part->owned.begin, counts.channel_spikes, snn_part_channels(part));
        add_counts(total.channel_beyond + part->owned.begin, counts.channel_beyond, snn_part_channels(part));
    }
}

/* The main thread's time is that of the whole call, which its caller knows. */
static double begin_trace(const snn_shard *shard)
{
    return shard->trace != NULL ? snn_seconds() : 0.0;
}

static void end_trace(const snn_shard *shard, double begun)
{
    int thread = omp_get_thread_num();
    if (shard->trace != NULL && thread > 0) {
        snn_trace_record(shard->trace, thread, SNN_TIMER_COMPUTE, begun, snn_seconds());
    }
}

/* One thread's share of the tiles; inside a parallel region. */
static void run_share(snn_shard *shard, int32_t population, int32_t first, int32_t steps)
{
    const snn_part *part = &shard->parts[population];
    const snn_population *of = &shard->network->populations[population];
    const int64_t positions = snn_shape_positions(part->largest_codes != NULL ? of->shape : of->input);
    const int64_t tiles = (positions + part->tile_positions - 1) / part->tile_positions; /* of an image */
    const int64_t jobs = shard->images * tiles;
    const snn_worker *worker = &shard->workers[omp_get_thread_num()];
    const double begun = begin_trace(shard);
#pragma omp for schedule(static) nowait
    for (int64_t i = 0; i < jobs; i++) {
        const int64_t begin = i % tiles * part->tile_positions;
        tile_job job = {
            .shard = shard,
            .population = population,
            .first = first,
            .worker = worker,
            .tile = {.image = (int32_t)(i / tiles),
                     .position_begin = begin,
                     .position_end = snn_smaller(begin + part->tile_positions, positions),
                     .channel_begin = part->held.begin,
                     .channel_end = part->held.end,
                     .accumulator = worker->accumulator,
                     .scratch = worker->scratch},
        };
        if (shard->timings != NULL) {
            const snn_tile_counts counts = counts_from(shard, worker, population, 0);
            snn_windows_run_tile(shard, population, worker, job.tile, &counts);
        } else {
            run_tile(&job, steps);
        }
    }
    end_trace(shard, begun);
}

void snn_tiles_run(snn_shard *shard, int32_t population, int32_t first, int32_t steps)
{
    const size_t count_bytes = counts_length(shard, snn_part_channels(&shard->parts[population])) * sizeof(int64_t);
    for (int32_t i = 0; i < shard->threads; i++) {
        memset(shard->workers[i].counts, 0, count_bytes);
    }
#pragma omp parallel num_threads(shard->threads)
    run_share(shard, population, first, steps);
    merge_counts(shard, population, first, steps);
}
