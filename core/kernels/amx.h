/* Products of int8 tiles (AMX), private to this folder. AVX-512 multiplies the same layouts (avx512.c).
 *
 * A tile register holds 16 rows of 64 bytes; one instruction multiplies 16 rows of 64 source values with 64 x 16
 * weights and adds into 16 x 16 int32 sums. The rows of source values are (position, timestep) pairs of a tile of the
 * kernel interface, and the depth of the product is cut into *slices* of 64.
 *
 *   amx_view     how an operator is seen as tiles, and which operators are
 *   amx_pack     weights as tiles
 *   amx_field    spikes as bytes, laid out so that tiles load from them without another copy
 *   amx          products into an accumulator, and the table
 *   amx_fused    products with the neuron update behind them: tiles cut into strips
 *   amx_cut      products of the strips, and neurons that fire between the tiles' instructions
 *   amx_neurons  the neuron update of 16 channels; amx_steps: its usual case, inline
 */
#ifndef SNN_KERNELS_AMX_H
#define SNN_KERNELS_AMX_H

#include "core/kernels/kernels.h"

enum {
    SNN_AMX_ROWS = 16,      /* of a tile */
    SNN_AMX_ROW_BYTES = 64, /* of a tile; also the channels of a slice */
    SNN_AMX_TILE_BYTES = SNN_AMX_ROWS * SNN_AMX_ROW_BYTES,
    SNN_AMX_TARGETS = 16, /* target channels of a tile of sums */
    SNN_AMX_PAIR = 2      /* tiles of weights that lie side by side: two limbs, or twice as many target channels */
};

/* A convolution or dense operator as tiles see it. What does not depend on neighbourhoods is seen as one long row.
 *
 * Channels of `merged` neighbouring taps in a tap row are one string of bits, [merged][channels], of `words` words of
 * 64 bits: layers with few channels would leave most of a slice empty otherwise. A slice is (tap row, group of merged
 * taps, word). */
typedef struct snn_amx_view {
    int32_t source_height, source_width; /* of the source population */
    snn_window pool;                     /* one tap if the source is not pooled */
    int32_t height, width;               /* of the pooled source */
    snn_window taps;
    int32_t target_height, target_width;
    int32_t channels, group_rows;   /* source and target channels of one group */
    int32_t group_begin, group_end; /* groups that have packed rows */
    int32_t merged;                 /* taps */
    int32_t tap_columns;            /* groups of merged taps in a tap row */
    int32_t words;
    int64_t slices;
} snn_amx_view;

/* Whether the rows are packed as tiles and multiplied here. Depends on the operator and the rows, not on weights. */
bool snn_amx_suits(const snn_packed *packed);
snn_amx_view snn_amx_view_of(const snn_packed *packed);
/* Packed rows [*begin, *end) of a group. */
void snn_amx_group_rows(const snn_amx_view *view, const snn_packed *packed, int32_t group, int32_t *begin,
                        int32_t *end);

/* Packed weights: this, then per group and block of target channels the pairs of tiles [slice][2], each [depth / 4]
 * [target channel][depth % 4] as the instructions want them.
 *
 * With two limbs a pair is the high and the low bytes of 16 target channels, and a weight is 256 high + low with high =
 * floor(weight / 256), signed, and low = weight mod 256, *unsigned* (the instructions multiply signed values with
 * either): every int16_t has exactly one such pair, so no weight is special. Sums wrap modulo 2^32 like the result,
 * which fits 32 bits, so they are exact whatever they pass through. With one limb (all weights fit int8_t) a pair is 32
 * target channels and the sum is that of the low byte taken as signed. */
typedef struct snn_amx_weights {
    int32_t limbs;
    _Alignas(SNN_AMX_ROW_BYTES) uint8_t tiles[]; /* a row that crossed cache lines would be read twice */
} snn_amx_weights;

static inline int32_t snn_amx_block_targets(int32_t limbs)
{
    return limbs == 1 ? SNN_AMX_PAIR * SNN_AMX_TARGETS : SNN_AMX_TARGETS;
}

snn_status snn_amx_pack(const snn_projection *projection, snn_weight_format format, int32_t row_begin, int32_t row_end,
                        snn_packed *packed);

/* Bits that lie side by side in memory and in a word. */
typedef struct snn_amx_piece {
    int32_t word, tap;   /* of `merged` */
    int32_t byte, shift; /* of the first bit, in the row of a position */
    int32_t to;          /* first bit in the word */
    uint64_t mask;
} snn_amx_piece;

/* The part of the pooled source that some target positions see, as bytes +1 / -1 (or sums over the pool window), 0
 * outside the image: [source row][lane][word][column of the lane][step][64] A lane is every stride-th column, so that
 * the columns that neighbouring target positions see through one tap lie side by side and 16 (position, step) pairs of
 * a target row are a tile, 1 KiB in one piece. */
typedef struct snn_amx_field {
    int32_t row, column; /* of the first source row and column; negative in the padding */
    int32_t rows;
    int32_t target_row, target_rows, target_column, target_columns;
    /* Target positions before the first one in the first row, and behind the last one in the last row, see nothing. */
    int32_t first_begin, last_end; /* from target_column on */
    int32_t steps;
    int64_t row_bytes; /* of a source row */
} snn_amx_field;

snn_amx_field snn_amx_field_of_tile(const snn_amx_view *view, int64_t begin, int64_t end, int32_t steps);
/* Upper bounds: bytes of the field of any `positions` target positions, and of those that are whole target rows or lie
 * in one; of the memory that expansion works in. */
int64_t snn_amx_field_largest(const snn_amx_view *view, int64_t positions, int32_t steps);
int64_t snn_amx_field_aligned(const snn_amx_view *view, int64_t positions, int32_t steps);
int64_t snn_amx_field_working(const snn_amx_view *view);

/* Where the slices' tiles begin, in bytes from where the first slice's does. offsets [slices]. */
void snn_amx_field_offsets(const snn_amx_view *view, const snn_amx_field *field, int64_t *offsets);

/* Writes the field for the channels that begin at `channel` of the source population. working: snn_amx_field_working.
 */
void snn_amx_field_expand(const snn_amx_view *view, const snn_amx_field *field, const snn_spikes *source, int32_t image,
                          int32_t channel, void *working, uint8_t *bytes);

#endif
