#include "core/shard/shard_private.h"

#include <string.h>

#include "core/base/integers.h"

/* The same spikes from `steps` steps later on. */
static snn_spikes spikes_from(snn_spikes spikes, int32_t steps)
{
    spikes.bits = snn_spikes_plane(&spikes, steps, 0);
    return spikes;
}

/* Where a worker counts what outputs from `output` on do; `step`: 0, or the tile's first timestep. */
static snn_tile_counts counts_from(const snn_shard *shard, const snn_worker *worker, int32_t population, int32_t output,
                                   int32_t step)
{
    const snn_population_counts counts = snn_statistics_population(worker->statistics, shard->network, population);
    snn_tile_counts pointers = {.channel_beyond = counts.channel_beyond + output};
    if (shard->detail != SNN_STATISTICS_NONE) {
        pointers.spikes = counts.spikes + step;
        pointers.flips = counts.flips + step;
        pointers.channel_spikes = counts.channel_spikes + output;
    }
    if (shard->detail == SNN_STATISTICS_FULL) {
        pointers.error = counts.error + step;
    }
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
    memset(tile->accumulator, 0, (size_t)elements * SNN_SUM_BYTES);
    for (int32_t i = 0; i < part->packed_count; i++) {
        const snn_packed *packed = &part->packed[i];
        const snn_projection *projection = packed->projection;
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
    const snn_tile_counts counts = counts_from(shard, job->worker, job->population, part->owned.begin, timestep);
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
        const void *accumulator = (const uint8_t *)job->tile.accumulator + (size_t)s * (size_t)classes * SNN_SUM_BYTES;
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
    const int32_t tile_steps = job->shard->parts[job->population].tiling.steps;
    const snn_neuron_kind kind = job->shard->network->populations[job->population].kind;
    for (job->offset = 0; job->offset < steps; job->offset += tile_steps) {
        job->tile.steps = (int32_t)snn_smaller(tile_steps, steps - job->offset);
        project(job);
        if (kind == SNN_NEURON_READOUT) {
            read_out(job);
        } else if (kind == SNN_NEURON_STREAM) {
            snn_stream_store(job->shard, job->population, job->first + job->offset, job->offset, &job->tile);
        } else {
            fire(job);
        }
    }
}

void snn_tiles_run(snn_shard *shard, const snn_worker *worker, snn_tile_place place, int32_t first, int32_t steps)
{
    const snn_part *part = &shard->parts[place.population];
    tile_job job = {
        .shard = shard,
        .population = place.population,
        .first = first,
        .worker = worker,
        .tile = {.image = place.image,
                 .position_begin = place.begin,
                 .position_end = place.end,
                 .channel_begin = part->held.begin,
                 .channel_end = part->held.end,
                 .accumulator = worker->accumulator,
                 .scratch = worker->scratch},
    };
    if (shard->timings != NULL) {
        const snn_tile_counts counts = counts_from(shard, worker, place.population, place.outputs.begin, 0);
        snn_windows_run_tile(shard, place.population, worker, job.tile, place.outputs, &counts);
    } else {
        run_tile(&job, steps);
    }
}
