/* Neighbouring neurons and their bits in a row of spikes, private to this folder. The functions are loops without
 * calls, so that compilers turn each into a few vector instructions, with the same bits in every instruction set.
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

/* |y - target|, as far as it counts, times SNN_ERROR_UNIT, to be rounded. `unit`: SNN_ERROR_UNIT times that of y in
 * units of sigma. */
static inline snn_vector snn_vector_error(snn_vector y, snn_vector target, snn_vector unit)
{
    return snn_vector_limited((y - target) * unit, snn_vector_all(SNN_ERROR_LARGEST * SNN_ERROR_UNIT));
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

#endif
