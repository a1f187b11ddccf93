/* Neurons of a batch side by side in vectors, private to this folder: a strip is SNN_STRIP lanes of a row of
 * channels (or of several rows), and a group the strip's neurons at one place. */
#ifndef SNN_KERNELS_STRIPS_H
#define SNN_KERNELS_STRIPS_H

#include "core/kernels/lanes.h"
#include "core/kernels/portable.h"

enum {
    SNN_STRIP_VECTORS = 4, /* each step of a neuron waits for the one before it */
    SNN_STRIP = SNN_STRIP_VECTORS * SNN_VECTOR
};

typedef struct snn_strip {
    _Alignas(SNN_ALIGNMENT) float rest[SNN_STRIP];
    float inverse_scale[SNN_STRIP];
    float step[SNN_STRIP], bias[SNN_STRIP];       /* of x, which has as many channels */
    int32_t spikes[SNN_STRIP], beyond[SNN_STRIP]; /* counts: as those of channels */
} snn_strip;

/* So many spikes more of each lane. */
static inline void snn_strip_count(snn_strip *strip, snn_vector_bytes times)
{
    uint8_t each[SNN_STRIP];
    memcpy(each, &times, sizeof each);
    for (int lane = 0; lane < SNN_STRIP; lane++) {
        strip->spikes[lane] += each[lane];
    }
}

/* A strip's groups, each of SNN_STRIP or, where channels end, fewer lanes. Pointers are to what belongs to the first
 * one. */
typedef struct snn_groups {
    const float *values;         /* f(x); NULL: is found from what follows */
    const int32_t *sums;         /* NULL: all are 0 */
    const float *graded, *bias;  /* NULL: x has none; the strip's is each one's */
    float *x;                    /* where it is kept */
    float *y;                    /* between moments */
    int64_t values_apart;        /* from one to the next */
    int64_t place, places_apart; /* in a plane: of bits, of windows in bytes */
    int64_t count;
    int32_t lanes, last_lanes; /* used, of the last one perhaps fewer */
    int32_t row_lanes;         /* so many places lie side by side, those of the next lanes so many on; 0: all do */
    int64_t rows_apart;
} snn_groups;

static inline int32_t snn_group_lanes(const snn_groups *groups, int64_t i)
{
    return i + 1 < groups->count ? groups->lanes : groups->last_lanes;
}

/* A group's bits into a plane. bytes: they are whole ones. */
static inline void snn_group_store(uint8_t *plane, int64_t bit, int32_t lanes, bool bytes, uint64_t bits)
{
    if (bytes) {
        memcpy(plane + bit / 8, &bits, SNN_STRIP / 8);
        return;
    }
    for (; lanes > 32; lanes -= 32, bit += 32, bits >>= 32) {
        snn_lanes_store_bits(plane, bit, 32, (uint32_t)bits);
    }
    snn_lanes_store_bits(plane, bit, lanes, (uint32_t)bits);
}

/* A byte of the windows of group i into its plane. */
static inline void snn_group_store_bytes(const snn_groups *groups, int64_t i, snn_vector_bytes bytes, uint8_t *plane)
{
    uint8_t each[SNN_STRIP];
    const int32_t lanes = snn_group_lanes(groups, i), row = groups->row_lanes != 0 ? groups->row_lanes : lanes;
    uint8_t *to = plane + groups->place + i * groups->places_apart;
    if (row == SNN_STRIP) {
        memcpy(to, &bytes, sizeof bytes);
        return;
    }
    memcpy(each, &bytes, sizeof each);
    for (int32_t lane = 0; lane < lanes; lane += row, to += groups->rows_apart) {
        memcpy(to, each + lane, (size_t)row);
    }
}
static inline snn_vector_bytes snn_group_load_bytes(const snn_groups *groups, int64_t i, const uint8_t *plane)
{
    uint8_t each[SNN_STRIP] = {0};
    const uint8_t *from = plane + groups->place + i * groups->places_apart;
    const int32_t lanes = snn_group_lanes(groups, i);
    snn_vector_bytes bytes;
    if (lanes < SNN_STRIP) {
        memcpy(each, from, (size_t)lanes);
        from = each;
    }
    memcpy(&bytes, from, sizeof bytes);
    return bytes;
}

/* Whether spikes of a whole window are the digits of a number: each step is twice the next one, a unit the last. */
bool snn_are_digits(const snn_neurons *neurons, int32_t moments);

/* How often each digit was 1, and other than the one before, lane by lane: bit i of the counts is that of level i. They
 * grow over a tile. */
enum { SNN_DIGIT_BYTES = 2, SNN_DIGIT_LEVELS = 12 };
typedef struct snn_digit_counts {
    snn_vector_bytes spikes[SNN_DIGIT_BYTES][SNN_DIGIT_LEVELS], flips[SNN_DIGIT_BYTES][SNN_DIGIT_LEVELS];
    int32_t largest; /* as any of them may be */
} snn_digit_counts;

/* x of neighbouring neurons: what their inputs add up to, where none are NULL. full: all lanes are used. */
static inline __attribute__((always_inline)) snn_vector snn_vector_x(const float *step, const int32_t *sums,
                                                                     const float *bias, const float *graded,
                                                                     snn_vector_mask used, const bool full)
{
    const snn_vector sum = sums != NULL ? snn_vector_of_sums(sums, used, full) : snn_vector_all(0.0F);
    const snn_vector product = snn_vector_of(step, used, full) * sum;
    const snn_vector x = snn_vector_of(bias, used, full) + product;
    return graded != NULL ? x + snn_vector_of(graded, used, full) : x;
}

/* x that is kept after a timestep; step: that of x times eta. */
static inline __attribute__((always_inline)) snn_vector
snn_vector_moved_x(const float *x, snn_vector step, const int32_t *sums, snn_vector_mask used, const bool full)
{
    return snn_vector_of(x, used, full) - step * snn_vector_of_sums(sums, used, full);
}

/* Whether f is nothing but limits of x, and what they are, or infinite. */
bool snn_limits_of(const snn_neurons *neurons, float *least, float *most);

/* All steps of a strip's groups: bits and counts. */
void snn_fire_digits(const snn_neurons *neurons, const snn_tile *tile, const snn_tile_counts *counts, snn_strip *strip,
                     const snn_groups *groups, snn_digit_counts *totals);

/* Moves totals to the counts of steps. */
void snn_count_digits(const snn_neurons *neurons, const snn_tile_counts *counts, snn_digit_counts *totals);

#endif
