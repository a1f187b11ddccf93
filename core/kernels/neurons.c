/* The neuron step: LANES channels of one position at a time, their state in registers over the steps of the block. */
#include "core/kernels/portable.h"

#include <math.h>
#include <string.h>

#include "core/base/memory.h"

/* Two vectors of the widest kind: compilers make vector instructions of loops this long, but unroll shorter ones before
 * they look for vectors. */
enum { LANES = 32 };

static const float ERROR_LARGEST = 1024.0F;
static const float ERROR_UNIT = 65536.0F;     /* as SNN_ERROR_FRACTION_BITS of the statistics says */
static const float WHOLE_FLOATS = 8388608.0F; /* 2^23 */

/* Neurons side by side; lanes from `count` on are idle: their constants and state are 0, what they fire is masked. */
typedef struct lanes {
    _Alignas(SNN_ALIGNMENT) float x[LANES];
    float y[LANES], target[LANES], step[LANES], inverse_scale[LANES];
    int32_t spikes[LANES];
    int32_t used[LANES]; /* -1 for lanes in use, 0 for others */
    int32_t count;
} lanes;

static void load(float *restrict lane, const float *restrict from, int32_t count)
{
    if (count == LANES) {
        for (int i = 0; i < LANES; i++) {
            lane[i] = from[i];
        }
    } else {
        for (int i = 0; i < LANES; i++) {
            lane[i] = i < count ? from[i] : 0.0F;
        }
    }
}

static void store(float *restrict to, const float *restrict lane, int32_t count)
{
    if (count == LANES) {
        for (int i = 0; i < LANES; i++) {
            to[i] = lane[i];
        }
    } else {
        for (int i = 0; i < count; i++) {
            to[i] = lane[i];
        }
    }
}

/* The accumulator's sums from element `offset` on, as floats. */
static void load_sums(float *restrict sum, const snn_tile *tile, bool real, int64_t offset, int32_t count)
{
    const int32_t *restrict from = (const int32_t *)tile->accumulator + offset;
    if (real) {
        load(sum, (const float *)tile->accumulator + offset, count);
    } else if (count == LANES) {
        for (int i = 0; i < LANES; i++) {
            sum[i] = (float)from[i];
        }
    } else {
        for (int i = 0; i < LANES; i++) {
            sum[i] = i < count ? (float)from[i] : 0.0F;
        }
    }
}

static void lanes_begin(lanes *group, const snn_neurons *neurons, int32_t first)
{
    const int32_t left = neurons->channel_end - neurons->channel_begin - first;
    memset(group, 0, sizeof *group);
    group->count = left < LANES ? left : LANES;
    load(group->step, neurons->step + first, group->count);
    load(group->inverse_scale, neurons->inverse_scale + first, group->count);
    for (int i = 0; i < group->count; i++) {
        group->used[i] = -1;
    }
}

/* x <- x - (eta step) sum, then the graded input's increment. `graded` may be NULL. */
static void integrate(lanes *group, const float *restrict sum, float eta, const float *restrict graded, float increment)
{
    for (int i = 0; i < LANES; i++) {
        group->x[i] = group->x[i] - (eta * group->step[i]) * sum[i];
    }
    if (graded != NULL) {
        for (int i = 0; i < LANES; i++) {
            group->x[i] = group->x[i] + increment * graded[i];
        }
    }
}

static void find_targets(float *restrict target, snn_neuron_kind kind, float alpha, const float *restrict x,
                         const float *restrict inverse_scale)
{
    switch (kind) {
    case SNN_NEURON_RELU:
        for (int i = 0; i < LANES; i++) {
            target[i] = (x[i] > 0.0F ? x[i] : 0.0F) * inverse_scale[i];
        }
        break;
    case SNN_NEURON_LEAKY_RELU:
        for (int i = 0; i < LANES; i++) {
            target[i] = (x[i] > 0.0F ? x[i] : alpha * x[i]) * inverse_scale[i];
        }
        break;
    case SNN_NEURON_LINEAR:
    case SNN_NEURON_MAXIMUM: /* has its own: find_maximum */
    case SNN_NEURON_READOUT: /* does not fire */
    case SNN_NEURON_KIND_COUNT:
        for (int i = 0; i < LANES; i++) {
            target[i] = x[i] * inverse_scale[i];
        }
        break;
    }
}

/* The loops below are separate and free of calls so that compilers turn each into a few vector instructions. */

static void compare(int32_t *restrict fired, const float *restrict target, const float *restrict y, bool strict)
{
    if (strict) {
        for (int i = 0; i < LANES; i++) {
            fired[i] = target[i] < y[i] ? -1 : 0;
        }
    } else {
        for (int i = 0; i < LANES; i++) {
            fired[i] = target[i] <= y[i] ? -1 : 0;
        }
    }
}

/* |y - target| in units of the statistics, rounded to the nearest integer (even at a tie). */
static void measure_error(int32_t *restrict error, const float *restrict target, const float *restrict y)
{
    for (int i = 0; i < LANES; i++) {
        const float distance = fabsf(y[i] - target[i]);
        const float scaled = (distance < ERROR_LARGEST ? distance : ERROR_LARGEST) * ERROR_UNIT;
        /* Floats from 2^23 on are integers; adding it to smaller ones rounds them, as lrintf would. */
        const float rounded = (scaled + WHOLE_FLOATS) - WHOLE_FLOATS;
        error[i] = (int32_t)(scaled < WHOLE_FLOATS ? rounded : scaled);
    }
}

/* Fires and moves y; gives the spikes as bits and the sum of tracking errors. */
static uint32_t fire(lanes *group, float eta, bool strict, uint32_t *error)
{
    static const uint32_t lane_bit[LANES] = {
        1U << 0,  1U << 1,  1U << 2,  1U << 3,  1U << 4,  1U << 5,  1U << 6,  1U << 7,  1U << 8,  1U << 9,  1U << 10,
        1U << 11, 1U << 12, 1U << 13, 1U << 14, 1U << 15, 1U << 16, 1U << 17, 1U << 18, 1U << 19, 1U << 20, 1U << 21,
        1U << 22, 1U << 23, 1U << 24, 1U << 25, 1U << 26, 1U << 27, 1U << 28, 1U << 29, 1U << 30, 1U << 31,
    };
    _Alignas(SNN_ALIGNMENT) int32_t fired[LANES], errors[LANES];
    uint32_t bits = 0, total = 0;
    compare(fired, group->target, group->y, strict);
    for (int i = 0; i < LANES; i++) {
        fired[i] &= group->used[i];
        group->y[i] = group->y[i] - (fired[i] != 0 ? eta : -eta);
        group->spikes[i] -= fired[i];
    }
    for (int i = 0; i < LANES; i++) {
        bits += (uint32_t)fired[i] & lane_bit[i];
    }
    measure_error(errors, group->target, group->y);
    for (int i = 0; i < LANES; i++) {
        total += (uint32_t)(errors[i] & group->used[i]);
    }
    *error = total;
    return bits;
}

/* Bits [bit, bit + count) of a row, count <= 32. */
static uint32_t load_bits(const uint8_t *row, int64_t bit, int32_t count)
{
    const uint8_t *bytes = row + bit / 8;
    const int shift = (int)(bit % 8);
    uint64_t value = 0;
    for (int i = 0; 8 * i < shift + count; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return (uint32_t)(value >> shift & ((1ULL << count) - 1));
}

/* Writes bits [bit, bit + count) of a row and leaves the others as they are: they may be another rank's. */
static void store_bits(uint8_t *row, int64_t bit, int32_t count, uint32_t value)
{
    uint8_t *bytes = row + bit / 8;
    const int shift = (int)(bit % 8);
    const uint64_t mask = ((1ULL << count) - 1) << shift, shifted = (uint64_t)value << shift;
    for (int i = 0; 8 * i < shift + count; i++) {
        const unsigned own = (unsigned)(mask >> (8 * i)) & 0xff, fresh = (unsigned)(shifted >> (8 * i)) & 0xff;
        bytes[i] = (uint8_t)((bytes[i] & ~own) | (fresh & own));
    }
}

static void count_spikes(const snn_tile_counts *counts, int32_t step, uint32_t bits, uint32_t before, uint32_t error)
{
    counts->spikes[step] += __builtin_popcount(bits);
    counts->flips[step] += __builtin_popcount(bits ^ before);
    counts->error[step] += error;
}

static void count_channels(const snn_tile_counts *counts, const lanes *group, int32_t first)
{
    for (int i = 0; i < group->count; i++) {
        counts->channel_spikes[first + i] += group->spikes[i];
    }
}

/* All steps of LANES channels of one position. */
static void run_lanes(const snn_neurons *neurons, const snn_tile *tile, const snn_tile_counts *counts, lanes *group,
                      int32_t first, int64_t position)
{
    const int64_t owned = neurons->channel_end - neurons->channel_begin;
    const int64_t state = position * owned + first, bit = neurons->channel_begin + first;
    const int64_t tile_positions = tile->position_end - tile->position_begin;
    const int64_t row = position * neurons->spikes.row_bytes;
    const bool strict = neurons->kind == SNN_NEURON_LEAKY_RELU;
    _Alignas(SNN_ALIGNMENT) float graded[LANES];
    uint32_t before = neurons->first ? 0 : load_bits(neurons->previous + row, bit, group->count);

    load(group->x, neurons->x + state, group->count);
    load(group->y, neurons->y + state, group->count);
    memset(group->spikes, 0, sizeof group->spikes);
    if (neurons->graded != NULL) {
        load(graded, neurons->graded + state, group->count);
    }
    for (int32_t step = 0; step < tile->steps; step++) {
        const int64_t sum_at = (step * tile_positions + position - tile->position_begin) * owned + first;
        _Alignas(SNN_ALIGNMENT) float sum[LANES];
        uint32_t error;
        load_sums(sum, tile, neurons->real, sum_at, group->count);
        integrate(group, sum, neurons->eta[step], neurons->graded != NULL ? graded : NULL,
                  neurons->graded != NULL ? neurons->increments[step] : 0.0F);
        find_targets(group->target, neurons->kind, neurons->alpha, group->x, group->inverse_scale);
        const uint32_t bits = fire(group, neurons->eta[step], strict, &error);
        store_bits(snn_spikes_plane(&neurons->spikes, step, tile->image) + row, bit, group->count, bits);
        if (neurons->first && step == 0) {
            before = bits;
        }
        count_spikes(counts, step, bits, before, error);
        before = bits;
    }
    store(neurons->x + state, group->x, group->count);
    store(neurons->y + state, group->y, group->count);
    count_channels(counts, group, first);
}

/* One step of all x of the image. */
static void integrate_image(const snn_neurons *neurons, const snn_tile *tile, lanes *group, int32_t first, int32_t step)
{
    const int64_t owned = neurons->channel_end - neurons->channel_begin;
    const int64_t positions = snn_shape_positions(neurons->input);
    for (int64_t position = 0; position < positions; position++) {
        const int64_t state = position * owned + first;
        _Alignas(SNN_ALIGNMENT) float sum[LANES], graded[LANES];
        load(group->x, neurons->x + state, group->count);
        load_sums(sum, tile, neurons->real, step * positions * owned + state, group->count);
        if (neurons->graded != NULL) {
            load(graded, neurons->graded + state, group->count);
        }
        integrate(group, sum, neurons->eta[step], neurons->graded != NULL ? graded : NULL,
                  neurons->graded != NULL ? neurons->increments[step] : 0.0F);
        store(neurons->x + state, group->x, group->count);
    }
}

/* target = maximum of x over the window of output position (row, column), in units of the scale. */
static void find_maximum(const snn_neurons *neurons, lanes *group, int32_t first, int32_t row, int32_t column)
{
    const snn_window *window = &neurons->window;
    const int64_t owned = neurons->channel_end - neurons->channel_begin;
    _Alignas(SNN_ALIGNMENT) float largest[LANES];
    for (int i = 0; i < LANES; i++) {
        largest[i] = -INFINITY;
    }
    for (int32_t i = 0; i < window->kernel[0]; i++) {
        const int64_t y = (int64_t)row * window->stride[0] - window->pad_begin[0] + (int64_t)i * window->dilation[0];
        if (y < 0 || y >= neurons->input.height) {
            continue;
        }
        for (int32_t j = 0; j < window->kernel[1]; j++) {
            const int64_t x =
                (int64_t)column * window->stride[1] - window->pad_begin[1] + (int64_t)j * window->dilation[1];
            if (x < 0 || x >= neurons->input.width) {
                continue;
            }
            _Alignas(SNN_ALIGNMENT) float tap[LANES];
            load(tap, neurons->x + (y * neurons->input.width + x) * owned + first, group->count);
            for (int lane = 0; lane < LANES; lane++) {
                largest[lane] = tap[lane] > largest[lane] ? tap[lane] : largest[lane];
            }
        }
    }
    for (int i = 0; i < LANES; i++) {
        group->target[i] = largest[i] * group->inverse_scale[i];
    }
}

/* One step of all outputs of the image. */
static void fire_image(const snn_neurons *neurons, const snn_tile *tile, const snn_tile_counts *counts, lanes *group,
                       int32_t first, int32_t step)
{
    const int64_t owned = neurons->channel_end - neurons->channel_begin, bit = neurons->channel_begin + first;
    const uint8_t *previous = step == 0 ? neurons->previous : snn_spikes_plane(&neurons->spikes, step - 1, tile->image);
    uint8_t *plane = snn_spikes_plane(&neurons->spikes, step, tile->image);
    int64_t position = 0;
    for (int32_t row = 0; row < neurons->shape.height; row++) {
        for (int32_t column = 0; column < neurons->shape.width; column++, position++) {
            const int64_t byte = position * neurons->spikes.row_bytes;
            float *y = neurons->y + position * owned + first;
            uint32_t error;
            find_maximum(neurons, group, first, row, column);
            load(group->y, y, group->count);
            const uint32_t bits = fire(group, neurons->eta[step], false, &error);
            const bool at_start = neurons->first && step == 0;
            const uint32_t before = at_start ? bits : load_bits(previous + byte, bit, group->count);
            store(y, group->y, group->count);
            store_bits(plane + byte, bit, group->count, bits);
            count_spikes(counts, step, bits, before, error);
        }
    }
}

void snn_portable_fire(const snn_neurons *neurons, const snn_tile *tile, const snn_tile_counts *counts)
{
    const int32_t owned = neurons->channel_end - neurons->channel_begin;
    for (int32_t first = 0; first < owned; first += LANES) {
        lanes group;
        lanes_begin(&group, neurons, first);
        if (neurons->kind != SNN_NEURON_MAXIMUM) {
            for (int64_t position = tile->position_begin; position < tile->position_end; position++) {
                run_lanes(neurons, tile, counts, &group, first, position);
            }
            continue;
        }
        for (int32_t step = 0; step < tile->steps; step++) {
            integrate_image(neurons, tile, &group, first, step);
            fire_image(neurons, tile, counts, &group, first, step);
        }
        count_channels(counts, &group, first);
    }
}
