#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/shard/shard_private.h"

/* Channels summed at a time: the sums of a pool window stay in registers. */
enum { LANES = 64 };

bool snn_reads_stream(const snn_shard *shard, const snn_projection *projection)
{
    return projection->source != SNN_SOURCE_INPUT &&
           shard->network->populations[projection->source].kind == SNN_NEURON_STREAM;
}

/* ---- readers ---- */

snn_status snn_stream_pack(const snn_shard *shard, const snn_projection *projection, snn_channel_range rows,
                           snn_packed *packed)
{
    if (projection->op.kind != SNN_OPERATOR_DIAGONAL) {
        return shard->kernels->pack_stream(projection, shard->network->format, rows.begin, rows.end, packed);
    }
    const size_t bytes = (size_t)(rows.end - rows.begin) * SNN_SUM_BYTES;
    const size_t skipped = (size_t)(rows.begin - projection->row_begin) * SNN_SUM_BYTES;
    packed->data = snn_allocate(bytes, 1);
    if (packed->data == NULL) {
        return snn_out_of_memory("weights of a stream");
    }
    memcpy(packed->data, (const uint8_t *)projection->weights + skipped, bytes);
    packed->projection = projection;
    packed->row_begin = rows.begin;
    packed->row_end = rows.end;
    packed->real = shard->real;
    packed->bytes = (int64_t)bytes;
    return snn_ok();
}

int64_t snn_stream_scratch(const snn_shard *shard, const snn_packed *packed, int64_t positions)
{
    const bool diagonal = packed->projection->op.kind == SNN_OPERATOR_DIAGONAL;
    return diagonal ? 0 : shard->kernels->stream_scratch_bytes(packed, positions);
}

/* Up to LANES channels of one target position; pointers are at the first of them. */
typedef struct lanes {
    const void *weights, *plane; /* of the source: position 0 */
    void *sum;
    int32_t count;
} lanes;

/* Of one position, where nothing is pooled. */
static snn_taps find_taps(const snn_operator *op, int axis, int64_t output, int32_t size)
{
    return op->pooled ? snn_window_taps(&op->pool, axis, size, output) : (snn_taps){.start = output, .end = 1};
}

/* sum += weight * (sum over the window), row by row of the window. With a shift what is added is rounded to so many
 * bits fewer and limited: it may need 64 bits on the way. */
static void add_integers(const lanes *group, const snn_operator *op, snn_taps rows, snn_taps columns, int32_t shift)
{
    const int32_t *weights = group->weights;
    int32_t *sum = group->sum;
    int64_t total[LANES] = {0};
    for (int64_t i = rows.begin; i < rows.end; i++) {
        for (int64_t j = columns.begin; j < columns.end; j++) {
            const int64_t row = rows.start + i * op->pool.dilation[0];
            const int64_t column = columns.start + j * op->pool.dilation[1];
            const int32_t *value =
                (const int32_t *)group->plane + (row * op->source.width + column) * op->source.channels;
            for (int32_t c = 0; c < group->count; c++) {
                total[c] += value[c];
            }
        }
    }
    for (int32_t c = 0; c < group->count; c++) {
        const int64_t added = weights[c] * total[c];
        sum[c] += shift > 0 ? snn_product_limited(snn_rounded(added, shift)) : (int32_t)added;
    }
}

static void add_floats(const lanes *group, const snn_operator *op, snn_taps rows, snn_taps columns)
{
    const float *weights = group->weights;
    float *sum = group->sum;
    float total[LANES] = {0};
    for (int64_t i = rows.begin; i < rows.end; i++) {
        for (int64_t j = columns.begin; j < columns.end; j++) {
            const int64_t row = rows.start + i * op->pool.dilation[0];
            const int64_t column = columns.start + j * op->pool.dilation[1];
            const float *value = (const float *)group->plane + (row * op->source.width + column) * op->source.channels;
            for (int32_t c = 0; c < group->count; c++) {
                total[c] = total[c] + value[c];
            }
        }
    }
    for (int32_t c = 0; c < group->count; c++) {
        sum[c] = sum[c] + weights[c] * total[c];
    }
}

static const void *at(const void *values, int64_t index)
{
    return (const uint8_t *)values + index * SNN_SUM_BYTES;
}

void snn_stream_project(const snn_shard *shard, const snn_packed *packed, int32_t offset, const snn_tile *tile)
{
    const snn_operator *op = &packed->projection->op;
    const snn_sums source = snn_shard_sums(shard, packed->projection->source);
    const int32_t held = tile->channel_end - tile->channel_begin;
    const int64_t positions = tile->position_end - tile->position_begin;
    const int32_t channel = op->target_channel + packed->row_begin - tile->channel_begin; /* of the tile */
    const int32_t rows = packed->row_end - packed->row_begin, shift = packed->projection->shift;
    const bool scales = op->kind == SNN_OPERATOR_DIAGONAL && !op->pooled && !packed->real;
    uint8_t *sums = tile->accumulator;
    for (int64_t i = 0; i < tile->steps * positions && tile->fresh && !scales; i++) {
        memset(sums + (i * held + channel) * SNN_SUM_BYTES, 0, (size_t)rows * SNN_SUM_BYTES);
    }
    if (op->kind != SNN_OPERATOR_DIAGONAL) {
        snn_tile now = *tile;
        now.fresh = false;
        now.steps = 1;
        for (int32_t step = 0; step < tile->steps; step++) {
            now.accumulator = sums + step * positions * held * SNN_SUM_BYTES;
            shard->kernels->project_stream(packed, snn_sums_plane(&source, offset + step, tile->image), &now);
        }
        return;
    }
    for (int32_t step = 0; step < tile->steps; step++) {
        const void *plane =
            at(snn_sums_plane(&source, offset + step, tile->image), op->source_channel + packed->row_begin);
        if (scales) {
            const snn_added_rows scaled = {.sums = (int32_t *)(void *)sums + channel,
                                           .added = at(plane, tile->position_begin * op->source.channels),
                                           .positions = positions,
                                           .count = rows,
                                           .sums_apart = held,
                                           .added_apart = op->source.channels,
                                           .shift = shift,
                                           .fresh = tile->fresh};
            shard->kernels->scale_stream(&scaled, packed->data);
            sums += positions * held * SNN_SUM_BYTES;
            continue;
        }
        for (int64_t position = tile->position_begin; position < tile->position_end; position++) {
            const snn_taps down = find_taps(op, 0, position / op->target.width, op->source.height);
            const snn_taps across = find_taps(op, 1, position % op->target.width, op->source.width);
            for (int32_t first = 0; first < rows; first += LANES) {
                const lanes group = {.weights = at(packed->data, first),
                                     .plane = at(plane, first),
                                     .sum = sums + (channel + first) * SNN_SUM_BYTES,
                                     .count = rows - first < LANES ? rows - first : LANES};
                if (packed->real) {
                    add_floats(&group, op, down, across);
                } else {
                    add_integers(&group, op, down, across, shift);
                }
            }
            sums += (int64_t)held * SNN_SUM_BYTES;
        }
    }
}

/* ---- the stream itself ---- */

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
