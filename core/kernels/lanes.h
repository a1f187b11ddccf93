/* SNN_LANES neurons side by side, private to this folder: what every kind of neuron does around its own f.
 *
 * A neuron step is  integrate  x, set `target` to f(x) * inverse_scale,  fire,  then bits and counts; the kinds differ
 * in how they find their targets. The functions are loops without calls, so that compilers turn each into a few vector
 * instructions, with the same bits in every instruction set.
 */
#ifndef SNN_KERNELS_LANES_H
#define SNN_KERNELS_LANES_H

#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/kernels/kernels.h"
#include "core/kernels/vectors.h"

/* Two vectors of the widest kind: compilers make vector instructions of loops this long, but unroll shorter ones before
 * they look for vectors. */
enum { SNN_LANES = 32 };

#define SNN_ERROR_LARGEST 127.0F   /* in units of the statistics */
#define SNN_ERROR_UNIT    65536.0F /* as SNN_ERROR_FRACTION_BITS of the statistics says */

/* Output neurons side by side; lanes from `count` on are idle: their scale and state are 0, what they fire is masked.
 * x and step are those of the same channels, for the kinds whose inputs are their outputs' channels. */
typedef struct snn_lanes {
    _Alignas(SNN_ALIGNMENT) float x[SNN_LANES];
    float y[SNN_LANES], target[SNN_LANES], step[SNN_LANES], inverse_scale[SNN_LANES];
    int32_t spikes[SNN_LANES];
    int32_t count;
} snn_lanes;

static inline int32_t snn_lanes_owned(const snn_neurons *neurons)
{
    return neurons->channel_end - neurons->channel_begin;
}

static inline void snn_lanes_load(float *restrict lane, const float *restrict from, int32_t count)
{
    if (count == SNN_LANES) {
        for (int i = 0; i < SNN_LANES; i++) {
            lane[i] = from[i];
        }
    } else {
        for (int i = 0; i < SNN_LANES; i++) {
            lane[i] = i < count ? from[i] : 0.0F;
        }
    }
}

static inline void snn_lanes_store(float *restrict to, const float *restrict lane, int32_t count)
{
    if (count == SNN_LANES) {
        for (int i = 0; i < SNN_LANES; i++) {
            to[i] = lane[i];
        }
    } else {
        for (int i = 0; i < count; i++) {
            to[i] = lane[i];
        }
    }
}

/* The accumulator's sums from element `offset` on, as floats. */
static inline void snn_lanes_load_sums(float *restrict sum, const snn_tile *tile, bool real, int64_t offset,
                                       int32_t count)
{
    const int32_t *restrict from = (const int32_t *)tile->accumulator + offset;
    if (real) {
        snn_lanes_load(sum, (const float *)tile->accumulator + offset, count);
    } else if (count == SNN_LANES) {
        for (int i = 0; i < SNN_LANES; i++) {
            sum[i] = (float)from[i];
        }
    } else {
        for (int i = 0; i < SNN_LANES; i++) {
            sum[i] = i < count ? (float)from[i] : 0.0F;
        }
    }
}

/* Owned output channels from `first` on; x, y and step are not loaded. */
static inline void snn_lanes_begin(snn_lanes *group, const snn_neurons *neurons, int32_t first)
{
    const int32_t left = snn_lanes_owned(neurons) - first;
    memset(group, 0, sizeof *group);
    group->count = left < SNN_LANES ? left : SNN_LANES;
    snn_lanes_load(group->inverse_scale, neurons->inverse_scale + first, group->count);
}

/* x <- x - (eta step) sum, then the graded input's increment. `graded` may be NULL. */
static inline void snn_lanes_integrate(float *restrict x, const float *restrict step, const float *restrict sum,
                                       float eta, const float *restrict graded, float increment)
{
    for (int i = 0; i < SNN_LANES; i++) {
        x[i] = x[i] - (eta * step[i]) * sum[i];
    }
    if (graded != NULL) {
        for (int i = 0; i < SNN_LANES; i++) {
            x[i] = x[i] + increment * graded[i];
        }
    }
}

/* One step of x of input channels [first, first + SNN_LANES) (as many as there are) at one position of the tile. */
static inline void snn_lanes_integrate_state(const snn_neurons *neurons, const snn_tile *tile, int32_t first,
                                             int32_t step, int64_t position)
{
    const int64_t channels = neurons->input_channels, state = position * channels + first;
    const int64_t positions = tile->position_end - tile->position_begin;
    const int64_t sum_at = (step * positions + position - tile->position_begin) * channels + first;
    const int32_t left = neurons->input_channels - first, count = left < SNN_LANES ? left : SNN_LANES;
    _Alignas(SNN_ALIGNMENT) float x[SNN_LANES], delta[SNN_LANES], sum[SNN_LANES], graded[SNN_LANES];
    snn_lanes_load(x, neurons->x + state, count);
    snn_lanes_load(delta, neurons->step + first, count);
    snn_lanes_load_sums(sum, tile, neurons->real, sum_at, count);
    if (neurons->graded != NULL) {
        snn_lanes_load(graded, neurons->graded + state, count);
        snn_lanes_integrate(x, delta, sum, neurons->eta[step], graded, neurons->increments[step]);
    } else {
        snn_lanes_integrate(x, delta, sum, neurons->eta[step], NULL, 0.0F);
    }
    snn_lanes_store(neurons->x + state, x, count);
}

/* |y - target|, as far as it counts, times SNN_ERROR_UNIT, to be rounded. `unit`: SNN_ERROR_UNIT times that of y in
 * units of sigma. */
static inline snn_vector snn_vector_error(snn_vector y, snn_vector target, snn_vector unit)
{
    return snn_vector_limited(snn_vector_multiply(snn_vector_subtract(y, target), unit),
                              snn_vector_all(SNN_ERROR_LARGEST * SNN_ERROR_UNIT));
}

/* Whether errors at an output position are wanted. */
static inline bool snn_lanes_are_tracked(const snn_neurons *neurons, const snn_tile_counts *counts, int64_t position)
{
    return counts->error != NULL && snn_position_is_tracked(position, snn_shape_positions(neurons->shape));
}

/* Fires and moves y; gives the spikes as bits. If tracked, errors, y being in units of sigma, go to `counts`. */
static inline uint32_t snn_lanes_fire(snn_lanes *group, const snn_tile_counts *counts, int32_t at, float eta,
                                      bool strict, bool tracked)
{
    const snn_vector step = snn_vector_all(eta), unit = snn_vector_all(SNN_ERROR_UNIT);
    snn_vector_int errors = snn_vector_no_int();
    uint32_t bits = 0;
    for (int i = 0; i < SNN_LANES; i += SNN_VECTOR) {
        const snn_vector_mask used = snn_vector_first(group->count - i);
        const snn_vector target = snn_vector_load_whole(group->target + i);
        snn_vector y = snn_vector_load_whole(group->y + i);
        const snn_vector_mask fired = snn_vector_reaches(used, target, y, strict);
        bits |= snn_vector_bits(fired) << i;
        y = snn_vector_move(y, step, fired);
        snn_vector_store_whole(group->y + i, y);
        snn_vector_store_int(group->spikes + i, snn_vector_count(snn_vector_load_int(group->spikes + i), fired));
        if (tracked) {
            errors = snn_vector_add_rounded(errors, snn_vector_error(y, target, unit), used);
        }
    }
    if (tracked) {
        counts->error[at] += snn_vector_sum_int(errors);
    }
    return bits;
}

/* Bits [bit, bit + count) of a row, count <= 32. */
static inline uint32_t snn_lanes_load_bits(const uint8_t *row, int64_t bit, int32_t count)
{
    const uint8_t *bytes = row + bit / 8;
    const int shift = (int)(bit % 8);
    uint64_t value = 0;
    if (shift == 0 && count == SNN_LANES) {
        uint32_t word;
        memcpy(&word, bytes, sizeof word);
        return word;
    }
    for (int i = 0; 8 * i < shift + count; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return (uint32_t)(value >> shift & ((1ULL << count) - 1));
}

/* Writes bits [bit, bit + count) of a row and leaves the others as they are: they may be another rank's. */
static inline void snn_lanes_store_bits(uint8_t *row, int64_t bit, int32_t count, uint32_t value)
{
    uint8_t *bytes = row + bit / 8;
    const int shift = (int)(bit % 8);
    if (shift == 0 && count == SNN_LANES) { /* a whole word, as nearly always */
        memcpy(bytes, &value, sizeof value);
        return;
    }
    if (shift == 0 && count % 8 == 0) {
        for (int i = 0; i < count / 8; i++) {
            bytes[i] = (uint8_t)(value >> (8 * i));
        }
        return;
    }
    const uint64_t mask = ((1ULL << count) - 1) << shift, shifted = (uint64_t)value << shift;
    for (int i = 0; 8 * i < shift + count; i++) {
        const unsigned own = (unsigned)(mask >> (8 * i)) & 0xff, fresh = (unsigned)(shifted >> (8 * i)) & 0xff;
        bytes[i] = (uint8_t)((bytes[i] & ~own) | (fresh & own));
    }
}

static inline void snn_lanes_count_spikes(const snn_tile_counts *counts, int32_t step, uint32_t bits, uint32_t before)
{
    counts->spikes[step] += __builtin_popcount(bits);
    counts->flips[step] += __builtin_popcount(bits ^ before);
}

static inline void snn_lanes_count_channels(const snn_tile_counts *counts, const snn_lanes *group, int32_t first)
{
    int64_t *restrict spikes = counts->channel_spikes + first;
    if (group->count == SNN_LANES) {
        for (int i = 0; i < SNN_LANES; i++) {
            spikes[i] += group->spikes[i];
        }
        return;
    }
    for (int i = 0; i < group->count; i++) {
        spikes[i] += group->spikes[i];
    }
}

/* One step of the owned output channels from `first` on at one output position, whose targets are in `group`: y, bits,
 * and all counts but those of the channels. */
static inline void snn_lanes_fire_state(const snn_neurons *neurons, const snn_tile *tile, const snn_tile_counts *counts,
                                        snn_lanes *group, int32_t first, int32_t step, int64_t position, bool strict)
{
    const int64_t bit = neurons->channel_begin + first, row = position * neurons->spikes.row_bytes;
    const uint8_t *previous = step == 0 ? neurons->previous : snn_spikes_plane(&neurons->spikes, step - 1, tile->image);
    float *y = neurons->y + position * snn_lanes_owned(neurons) + first;
    snn_lanes_load(group->y, y, group->count);
    const bool tracked = snn_lanes_are_tracked(neurons, counts, position);
    const uint32_t bits = snn_lanes_fire(group, counts, step, neurons->eta[step], strict, tracked);
    const bool at_start = neurons->first && step == 0;
    const uint32_t before = at_start ? bits : snn_lanes_load_bits(previous + row, bit, group->count);
    snn_lanes_store(y, group->y, group->count);
    snn_lanes_store_bits(snn_spikes_plane(&neurons->spikes, step, tile->image) + row, bit, group->count, bits);
    snn_lanes_count_spikes(counts, step, bits, before);
}

#endif
