#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/shard/shard_private.h"

bool snn_reads_stream(const snn_shard *shard, const snn_projection *projection)
{
    return projection->source != SNN_SOURCE_INPUT &&
           shard->network->populations[projection->source].kind == SNN_NEURON_STREAM;
}

void snn_stream_project(const snn_shard *shard, const snn_packed *packed, int32_t offset, const snn_tile *tile)
{
    const snn_sums source = snn_shard_sums(shard, packed->projection->source);
    const int64_t held = tile->channel_end - tile->channel_begin, positions = tile->position_end - tile->position_begin;
    snn_tile now = *tile;
    now.steps = 1;
    for (int32_t step = 0; step < tile->steps; step++) {
        now.accumulator = (uint8_t *)tile->accumulator + step * positions * held * SNN_SUM_BYTES;
        shard->kernels->project_stream(packed, snn_sums_plane(&source, offset + step, tile->image), &now);
    }
}

/* How much of the graded current readers have not received yet, in units of the stream. Both arrays are at one
 * position: `current` is u = W p, `decoded` what has been sent of coefficient * u. */
static float missing_units(float coefficient, float current, float decoded, float unit)
{
    return unit != 0.0f ? (coefficient * current - decoded) / -unit : 0.0f;
}

/* Integers carry the graded input as well as they can; what they leave out is made up for at the next step. */
static void add_graded_integers(int32_t *restrict sum, const float *restrict current, float *restrict decoded,
                                const float *restrict step, int32_t count, float eta, float coefficient)
{
    const float limit = (float)SNN_GRADED_LIMIT;
    for (int32_t c = 0; c < count; c++) {
        const float unit = eta * step[c];
        float units = rintf(missing_units(coefficient, current[c], decoded[c], unit));
        units = units < limit ? units : limit;
        units = units > -limit ? units : -limit;
        sum[c] += (int32_t)units;
        decoded[c] = decoded[c] - unit * units;
    }
}

static void add_graded_floats(float *restrict sum, const float *restrict current, float *restrict decoded,
                              const float *restrict step, int32_t count, float eta, float coefficient)
{
    for (int32_t c = 0; c < count; c++) {
        const float unit = eta * step[c];
        const float units = missing_units(coefficient, current[c], decoded[c], unit);
        sum[c] = sum[c] + units;
        decoded[c] = decoded[c] - unit * units;
    }
}

static void add_graded(const snn_shard *shard, int32_t population, int32_t timestep, int64_t position, void *sum)
{
    const snn_part *part = &shard->parts[population];
    const int32_t count = snn_part_channels(part);
    const float *step = shard->network->populations[population].step + part->owned.begin;
    const float *current = part->graded + position * count;
    float *decoded = part->decoded + position * count;
    const float eta = shard->eta[timestep], coefficient = shard->coefficients[timestep];
    if (shard->real) {
        add_graded_floats(sum, current, decoded, step, count, eta, coefficient);
    } else {
        add_graded_integers(sum, current, decoded, step, count, eta, coefficient);
    }
}

void snn_stream_store(const snn_shard *shard, int32_t population, int32_t timestep, int32_t offset,
                      const snn_tile *tile)
{
    const snn_part *part = &shard->parts[population];
    const snn_sums stream = snn_shard_sums(shard, population);
    const int64_t bytes = (int64_t)snn_part_channels(part) * SNN_SUM_BYTES;
    const uint8_t *from = tile->accumulator;
    for (int32_t step = 0; step < tile->steps; step++) {
        uint8_t *plane = snn_sums_plane(&stream, offset + step, tile->image);
        for (int64_t position = tile->position_begin; position < tile->position_end; position++) {
            uint8_t *to = plane + (position * stream.channels + part->owned.begin) * SNN_SUM_BYTES;
            memcpy(to, from, (size_t)bytes);
            if (part->graded != NULL) {
                add_graded(shard, population, timestep + step, tile->image * stream.positions + position, to);
            }
            from += bytes;
        }
    }
}

static void keep_image(const snn_shard *shard, int32_t population, const float *current, void *sum)
{
    const snn_part *part = &shard->parts[population];
    const int32_t count = snn_part_channels(part);
    const float *step = shard->network->populations[population].step + part->owned.begin;
    const float limit = (float)SNN_GRADED_WINDOW_LIMIT;
    for (int32_t c = 0; c < count; c++) {
        float units = step[c] != 0.0f ? current[c] / step[c] : 0.0f;
        if (shard->real) {
            ((float *)sum)[c] = ((float *)sum)[c] + units;
            continue;
        }
        units = rintf(units);
        units = units < limit ? units : limit;
        units = units > -limit ? units : -limit;
        ((int32_t *)sum)[c] += (int32_t)units;
    }
}

void snn_stream_keep(const snn_shard *shard, int32_t population, const snn_tile *tile, const float *graded)
{
    const snn_part *part = &shard->parts[population];
    const snn_sums stream = snn_shard_sums(shard, population);
    const int64_t bytes = (int64_t)snn_part_channels(part) * SNN_SUM_BYTES;
    const int64_t positions = tile->position_end - tile->position_begin;
    const uint8_t *from = tile->accumulator;
    for (int32_t plane = 0; plane < tile->steps; plane++, from += positions * bytes) {
        uint8_t *to = (uint8_t *)snn_sums_plane(&stream, plane, tile->image) +
                      (tile->position_begin * stream.channels + part->owned.begin) * SNN_SUM_BYTES;
        for (int64_t i = 0; i < positions && to != from; i++) {
            memcpy(to + i * stream.channels * SNN_SUM_BYTES, from + i * bytes, (size_t)bytes);
        }
        for (int64_t i = 0; i < positions && graded != NULL; i++) {
            keep_image(shard, population, graded + i * snn_part_channels(part),
                       to + i * stream.channels * SNN_SUM_BYTES);
        }
    }
}

void *snn_stream_place(const snn_shard *shard, int32_t population, const snn_tile *tile)
{
    const snn_sums stream = snn_shard_sums(shard, population);
    const bool whole = tile->steps == 1 && snn_part_channels(&shard->parts[population]) == stream.channels;
    return whole ? (uint8_t *)snn_sums_plane(&stream, 0, tile->image) +
                       tile->position_begin * stream.channels * SNN_SUM_BYTES
                 : NULL;
}
