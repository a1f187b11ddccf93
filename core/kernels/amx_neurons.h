/* The neuron step as the epilogue of tile products: 16 channels of two positions side by side, straight from the tiles'
 * sums. The same operations on the same values as in neurons.c.
 *
 * The steps of a pair of positions are run some at a time, so that they can be put between the tiles' instructions: the
 * vector units work while the tiles multiply. This is for neurons of any kind; amx_steps.h has the usual case. */
#ifndef SNN_KERNELS_AMX_NEURONS_H
#define SNN_KERNELS_AMX_NEURONS_H

#include <immintrin.h>

#include "core/kernels/kernels.h"

enum {
    SNN_AMX_UNITS = 2,  /* positions side by side */
    SNN_AMX_WIDTH = 16, /* channels of a vector */
    SNN_AMX_LANE_BYTES = SNN_AMX_WIDTH / 8,
    SNN_AMX_AHEAD = 8,            /* positions whose state is fetched before it is needed */
    SNN_AMX_FLUSH_POSITIONS = 480 /* errors of so many fit uint32_t */
};

/* The tile's spikes and, in one step more, those of the step before the block, [step][position][lane of 16 channels]
 * uint16_t, until all its channels are done: steps of a population's array often lie a multiple of 4 KiB apart, so that
 * a cache could not hold a line of each. */
typedef struct snn_amx_bits {
    uint8_t *bytes;
    int64_t row_bytes;  /* of a position */
    int64_t step_bytes; /* room for one position more than the tile has */
    int32_t *spikes;    /* [8 row_bytes]: of each channel */
} snn_amx_bits;

int64_t snn_amx_bits_bytes(int64_t positions, int32_t steps, int32_t channels);
snn_amx_bits snn_amx_bits_of(void *bytes, int64_t positions, int32_t channels);
/* Writes the spikes to where they belong, and counts them and the flips. */
void snn_amx_bits_store(const snn_amx_bits *bits, const snn_neurons *neurons, const snn_tile *tile,
                        const snn_tile_counts *counts);

/* What 16 channels need for a step: the neurons' eta and eta times delta, and the sum of tracking errors, to which each
 * neuron of amx_steps.h adds SNN_AMX_ERROR_BIAS too. */
typedef struct snn_amx_lane_step {
    float eta_step[SNN_AMX_WIDTH];
    uint32_t errors[SNN_AMX_WIDTH]; /* since the last flush */
    float eta[SNN_AMX_WIDTH];
} snn_amx_lane_step;

/* 16 channels of a tile in the making. */
typedef struct snn_amx_lanes {
    const snn_neurons *neurons;
    const snn_tile *tile;
    const snn_tile_counts *counts;
    snn_amx_bits bits;
    int32_t first, count; /* channels, from the first owned one on */
    __mmask16 mask;
    bool simple;               /* full vectors of ReLU neurons without a graded input: amx_steps.h */
    snn_amx_lane_step *steps;  /* [steps] */
    float *inverse_scale;      /* [2 x 16]: the same for both positions */
    int32_t positions, biased; /* since the last flush; of these, with SNN_AMX_ERROR_BIAS */
    int64_t others_stride;     /* from step to step in the sums of other projections */
    const snn_feed *added;     /* diagonal, or NULL */
    __m512i plus, minus;       /* its weights */
    /* The byte with the first channel's bit at the source's first position at step 0, how to come to the next step's,
     * and where the bit is in it. Negative: before it, of a channel that nothing is added to. */
    const uint8_t *added_bytes;
    int64_t added_stride;
    int added_shift;
} snn_amx_lanes;

/* Up to two positions, and how far they are. Sums are [step][16]: 256 high + low, or low alone. */
typedef struct snn_amx_units {
    snn_amx_lanes *lanes;
    int32_t count, step;
    bool two_limbs;
    int64_t position[SNN_AMX_UNITS]; /* of the population */
    const int32_t *high[SNN_AMX_UNITS], *low[SNN_AMX_UNITS], *others[SNN_AMX_UNITS];
    const uint8_t *added[SNN_AMX_UNITS]; /* spikes of the diagonal's source at step 0 */
    uint8_t *row[SNN_AMX_UNITS];         /* where the spikes of step 0 go */
    __mmask16 mask[SNN_AMX_UNITS];
    __m512 x[SNN_AMX_UNITS], y[SNN_AMX_UNITS], graded[SNN_AMX_UNITS];
} snn_amx_units;

int64_t snn_amx_lanes_bytes(int32_t steps);
/* Channels from the owned one `first` on. `scratch`: snn_amx_lanes_bytes, aligned; used until snn_amx_lanes_end. */
void snn_amx_lanes_begin(snn_amx_lanes *lanes, const snn_neurons *neurons, const snn_tile *tile,
                         const snn_tile_counts *counts, const snn_feed *added, const snn_amx_bits *bits, int32_t first,
                         int32_t count, void *scratch);
void snn_amx_lanes_end(snn_amx_lanes *lanes);
/* Says that the errors of two positions, or fewer, have come in. */
void snn_amx_lanes_count(snn_amx_lanes *lanes, int32_t positions, bool biased);

/* Each vector of state is a cache line behind a long stride, so no machine foresees it. `state` is what is needed now.
 */
static inline void snn_amx_prefetch_state(const snn_neurons *neurons, int64_t state)
{
    const int64_t later = state + SNN_AMX_AHEAD * (int64_t)(neurons->channel_end - neurons->channel_begin);
    _mm_prefetch((const char *)(neurons->x + later), _MM_HINT_T0);
    _mm_prefetch((const char *)(neurons->y + later), _MM_HINT_T0);
}

/* The same byte at the source's position that a position of the population sees. */
static inline const uint8_t *snn_amx_added_row(const snn_amx_lanes *lanes, int64_t position)
{
    const snn_operator *op = &lanes->added->packed->projection->op;
    const int64_t row = position / op->target.width, column = position % op->target.width;
    const int64_t seen =
        op->pooled ? row * op->pool.stride[0] * op->source.width + column * op->pool.stride[1] : position;
    return lanes->added_bytes + seen * lanes->added->source.row_bytes;
}

/* `units` has position, high (where two_limbs), low and count. */
void snn_amx_units_begin(snn_amx_units *units, snn_amx_lanes *lanes);
/* Runs the next `steps` steps, of as many as are left. */
void snn_amx_units_run(snn_amx_units *units, int32_t steps);
/* After the last step. */
void snn_amx_units_end(snn_amx_units *units);

#endif
