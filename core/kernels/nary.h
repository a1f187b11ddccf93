/* f(x) of neurons of several inputs, private to this folder: nary.c (over the channels of a position) and attention.c
 * (over the positions of an image).
 *
 * Every sum has one order, whatever outputs are owned and however wide the machine's vectors are:
 *
 * - sums over the channels of a group or over the keys of a softmax: element i is added to partial sum i mod SNN_LANES,
 *   in ascending order; then partial sum i takes that of i + 16, and so on by halves (snn_nary_sum_of);
 * - products of queries with keys run over the head's channels, those of attention weights with values over the
 *   positions, both in ascending order: the lanes are keys or channels, each with a sum of its own.
 *
 * Softmax is exp(x - maximum) times 1 / sum; attention multiplies with the latter after the product with the values.
 */
#ifndef SNN_KERNELS_NARY_H
#define SNN_KERNELS_NARY_H

#include "core/base/functions.h"
#include "core/base/integers.h"
#include "core/kernels/lanes.h"
#include "core/kernels/portable.h"

#define snn_nary_find         SNN_ISA_NAME(snn_nary_find)
#define snn_nary_scratch      SNN_ISA_NAME(snn_nary_scratch)
#define snn_attention_find    SNN_ISA_NAME(snn_attention_find)
#define snn_attention_scratch SNN_ISA_NAME(snn_attention_scratch)

/* What is found from x of some positions: all of an image, for kinds that read all positions. */
typedef struct snn_nary_job {
    const snn_neurons *neurons;
    int64_t positions;
    const float *x; /* [position][input channel] */
    float *values;  /* [position][owned]: f(x) */
    void *scratch;  /* snn_nary_scratch bytes */
} snn_nary_job;

/* f(x) of the owned outputs of a kind that snn_neuron_reads_all_channels. */
void snn_nary_find(const snn_nary_job *of);
/* Bytes of scratch that it needs; 0 for other kinds. */
int64_t snn_nary_scratch(const snn_population *population);
/* The same of SCORES, MIX or ATTENTION. */
void snn_attention_find(const snn_nary_job *of);
int64_t snn_attention_scratch(const snn_population *population);

static inline int64_t snn_nary_whole_lanes(int64_t count)
{
    return (count + SNN_LANES - 1) / SNN_LANES * SNN_LANES;
}

/* Output channels [begin, end) of the whole population. */
typedef struct snn_range {
    int32_t begin, end;
} snn_range;

static inline snn_range snn_nary_owned(const snn_neurons *neurons, int32_t begin, int32_t end)
{
    snn_range owned = {begin, end};
    owned.begin = owned.begin > neurons->channel_begin ? owned.begin : neurons->channel_begin;
    owned.end = owned.end < neurons->channel_end ? owned.end : neurons->channel_end;
    return owned;
}

enum { SNN_NARY_VECTORS = SNN_LANES / SNN_VECTOR }; /* of all lanes */

/* An eighth of the lanes, from one on. */
typedef float snn_nary_eighth __attribute__((vector_size(SNN_LANES / 8 * sizeof(float))));
_Static_assert(SNN_LANES == 32, "halves of the lanes");

static inline snn_nary_eighth snn_nary_load(const float *from)
{
    snn_nary_eighth loaded;
    memcpy(&loaded, from, sizeof loaded);
    return loaded;
}

/* The largest lane. */
static inline float snn_nary_largest_lane(const float *lanes)
{
    typedef int32_t eighth __attribute__((vector_size(sizeof(snn_nary_eighth))));
    snn_nary_eighth largest = snn_nary_load(lanes);
    for (int i = SNN_LANES / 8; i < SNN_LANES; i += SNN_LANES / 8) {
        const snn_nary_eighth others = snn_nary_load(lanes + i);
        const eighth first = largest > others;
        largest = (snn_nary_eighth)((first & (eighth)largest) | (~first & (eighth)others));
    }
    float most = largest[0];
    for (int i = 1; i < SNN_LANES / 8; i++) {
        most = largest[i] > most ? largest[i] : most;
    }
    return most;
}

/* Partial sums. */
typedef struct snn_nary_sums {
    snn_vector lanes[SNN_NARY_VECTORS];
} snn_nary_sums;

static inline snn_nary_sums snn_nary_no_sums(void)
{
    snn_nary_sums sums;
    for (int v = 0; v < SNN_NARY_VECTORS; v++) {
        sums.lanes[v] = snn_vector_all(0.0F);
    }
    return sums;
}

/* Their sum, by halves. */
static inline float snn_nary_sum_of(const snn_nary_sums *sums)
{
    float p[SNN_LANES];
    memcpy(p, sums->lanes, sizeof p);
    const snn_nary_eighth even =
        (snn_nary_load(p) + snn_nary_load(p + 16)) + (snn_nary_load(p + 8) + snn_nary_load(p + 24));
    const snn_nary_eighth odd =
        (snn_nary_load(p + 4) + snn_nary_load(p + 20)) + (snn_nary_load(p + 12) + snn_nary_load(p + 28));
    const snn_nary_eighth sum = even + odd;
    return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

/* exp(row - its maximum) in place, 0 from `count` up to whole SNN_LANES; gives the sum. */
static inline float snn_nary_exponentials(float *restrict row, int32_t count)
{
    const int64_t padded = snn_nary_whole_lanes(count);
    _Alignas(SNN_ALIGNMENT) float largest[SNN_LANES];
    snn_nary_sums sums = snn_nary_no_sums();
    for (int64_t k = count; k < padded; k++) {
        row[k] = row[0];
    }
    snn_lanes_load(largest, row, SNN_LANES);
    for (int64_t k = SNN_LANES; k < padded; k += SNN_LANES) {
        for (int i = 0; i < SNN_LANES; i++) {
            largest[i] = row[k + i] > largest[i] ? row[k + i] : largest[i];
        }
    }
    const float maximum = snn_nary_largest_lane(largest);
    const int64_t halves = (count + SNN_LANES / 2 - 1) / (SNN_LANES / 2); /* of lanes, that have anything */
    for (int64_t k = 0; k < halves * (SNN_LANES / 2); k++) {
        row[k] = snn_function_exp(row[k] - maximum);
    }
    for (int64_t k = count; k < padded; k++) {
        row[k] = 0.0F;
    }
    for (int64_t k = 0; k < padded; k += SNN_LANES) {
        for (int v = 0; v < SNN_NARY_VECTORS; v++) {
            sums.lanes[v] += snn_vector_load_whole(row + k + v * SNN_VECTOR);
        }
    }
    return snn_nary_sum_of(&sums);
}

#endif
