/* Products that mix positions (SNN_OPERATOR_TOKENS) as products of bytes in tiles, private to this folder;
 * amx_mixing.c multiplies.
 *
 * The mixing matrix is the left operand, [target position][source position], cut into *slices* of 64 source positions
 * and into two limbs: an element is 256 high + low, high = floor(element / 256), signed, and low unsigned. The right
 * operand are one step's spikes of 32 channels as +1 and -1, laid out [slice][half][quad of source positions][channel
 * of the half][source position of the quad], so that each half of 16 channels is a tile of weights, and a row of it a
 * vector of them. Then each channel's sums are weighted, rounded and added into the accumulator.
 */
#ifndef SNN_KERNELS_MIXING_H
#define SNN_KERNELS_MIXING_H

#include "core/kernels/kernels.h"

enum {
    SNN_MIXING_SLICE = 64, /* source positions */
    SNN_MIXING_ROWS = 16,  /* target positions multiplied at once */
    SNN_MIXING_LANES = 16, /* channels of a half */
    SNN_MIXING_HALVES = 2,
    SNN_MIXING_QUAD = 4, /* source positions whose products one instruction adds up */
    SNN_MIXING_HALF_BYTES = SNN_MIXING_SLICE * SNN_MIXING_LANES
};

/* How a packed operator lies in memory: int32_t weights [row], then bytes [slice][limb][target position][64], high
 * bytes first, with rows of zeros behind the last target position. */
typedef struct snn_mixing {
    int64_t sources, targets, slices;
    const int32_t *weights;
    const uint8_t *matrix;
    int64_t limb_bytes; /* from one limb of a slice to the other; the next slice is two of them on */
} snn_mixing;

/* Sums of 16 target positions and 32 channels: 256 high + low. */
typedef struct snn_mixed {
    _Alignas(64) int32_t high[SNN_MIXING_HALVES][SNN_MIXING_ROWS][SNN_MIXING_LANES];
    int32_t low[SNN_MIXING_HALVES][SNN_MIXING_ROWS][SNN_MIXING_LANES];
} snn_mixed;

/* Multiplies 16 rows of the matrix, of which `rows` is the first row of the first slice, with the values of 32
 * channels. */
typedef void snn_mixing_multiply(const snn_mixing *mixing, const uint8_t *rows, const int8_t *values, snn_mixed *sums);

bool snn_mixing_suits(const snn_packed *packed);
/* As the functions of the table. `flip` is a mask of bits that the table's instructions want flipped in high bytes. */
snn_status snn_mixing_pack(const snn_projection *projection, uint8_t flip, snn_packed *packed);
int64_t snn_mixing_scratch(const snn_packed *packed);
void snn_mixing_project(const snn_packed *packed, const snn_spikes *source, const snn_tile *tile,
                        snn_mixing_multiply *multiply);

/* The products of the tables. */
/* Wants tile registers 0..7 configured at full size. */
void snn_amx_mix(const snn_mixing *mixing, const uint8_t *rows, const int8_t *values, snn_mixed *sums);

#endif
