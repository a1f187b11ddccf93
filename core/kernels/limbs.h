/* Products of integers of more than 16 bits, private to this folder: of a stream's sums, and of an image's pixels.
 *
 * An integer is cut into limbs of as many bits as let what a row's weights make of them stay within 32 bits, the
 * highest with the sign. A limb is a value like those of spikes, a step of the source, and its product one like theirs;
 * put together again they are exact. Integers all the way: any order gives the same. */
#ifndef SNN_KERNELS_LIMBS_H
#define SNN_KERNELS_LIMBS_H

#include "core/kernels/portable.h"

/* One element for each target: no field, and no limbs. */
static inline bool snn_limbs_is_single(const snn_packed *packed)
{
    const snn_operator_kind kind = packed->projection->op.kind;
    return kind == SNN_OPERATOR_DIAGONAL || kind == SNN_OPERATOR_GATHER;
}

/* How many of so many positions are best taken together: their sums stay in the nearest cache. What mixes positions
 * takes all. */
static inline int64_t snn_limbs_most(const snn_packed *packed, int64_t positions)
{
    enum { SUMS = 2048, FEWEST = 16, MOST = 128 };
    const int64_t fit = SUMS / (packed->row_end - packed->row_begin + 1);
    const int64_t most = fit < FEWEST ? FEWEST : fit > MOST ? MOST : fit;
    const bool all =
        packed->projection->op.kind == SNN_OPERATOR_TOKENS || snn_operator_is_depthwise(&packed->projection->op);
    return all || positions < most ? positions : most;
}

/* Products with each limb, int32_t [limb][position][packed row]. */
typedef struct snn_limb_sums {
    const int32_t *sums;
    int64_t count; /* from one limb to the next */
    int32_t limbs, bits;
} snn_limb_sums;

#define snn_limbs_pack    SNN_ISA_NAME(snn_limbs_pack)
#define snn_limbs_scratch SNN_ISA_NAME(snn_limbs_scratch)
#define snn_limbs_bits    SNN_ISA_NAME(snn_limbs_bits)
#define snn_limbs_rows    SNN_ISA_NAME(snn_limbs_rows)
#define snn_limbs_project SNN_ISA_NAME(snn_limbs_project)

/* Packs weights of convolutions, dense operators and tokens; and such as need no limbs: float32 ones, and those of
 * operators that take one element for each target. */
snn_status snn_limbs_pack(const snn_projection *projection, snn_weight_format format, int32_t row_begin,
                          int32_t row_end, snn_packed *packed);
int64_t snn_limbs_scratch(const snn_packed *packed, int64_t positions);
/* Rows [*row_begin, *row_end) of the pooled source that target positions [begin, end) see. */
void snn_limbs_rows(const snn_operator *op, int64_t begin, int64_t end, int32_t *row_begin, int32_t *row_end);
/* How many bits the largest of some integers takes, with its sign. */
int32_t snn_limbs_bits(const int32_t *integers, int64_t count);
/* Of source.integers, which have at most `bits` bits, at target positions [begin, end). The sums are in the scratch. */
snn_limb_sums snn_limbs_project(const snn_packed *packed, snn_source source, int32_t bits, int64_t begin, int64_t end,
                                void *scratch);

/* Where those from `position` on end that are best taken together, at `end` at the latest: whole rows, or a part of
 * one. */
static inline int64_t snn_limbs_next(const snn_packed *packed, int64_t position, int64_t end)
{
    const snn_operator *op = &packed->projection->op;
    const int64_t width = op->target.width, left = width - position % width;
    const int64_t most = snn_limbs_most(packed, end - position);
    if (most == end - position) {
        return end;
    }
    return position + (most < left ? most : left == width ? most / width * width : left);
}

/* A whole sum. limbs: those of `of`, known when compiled where they are few. */
static inline __attribute__((always_inline)) int64_t snn_limbs_whole(const snn_limb_sums *of, int64_t i, int32_t limbs)
{
    int64_t whole = of->sums[i];
    for (int32_t l = 1; l < limbs; l++) {
        whole += (int64_t)((uint64_t)(int64_t)of->sums[l * of->count + i] << (l * of->bits));
    }
    return whole;
}

#endif
