/* Products by table lookup (AVX2), private to this folder.
 *
 * Four spikes are a number below 16, and what they add to a sum, +-w0 +-w1 +-w2 +-w3, is one of 16 numbers: a shuffle
 * of bytes looks 32 of them up at once, the work of 128 multiplications, for 32 rows and one target channel. A row is a
 * (position, timestep) pair of a tile of the kernel interface.
 *
 * The 16 numbers are cut into *limbs* of 6 bits, each a table of bytes, of which four can be added before a byte
 * overflows. The highest limb is signed and made unsigned by adding SNN_AVX2_BIAS. Weights are packed as by the
 * portable kernels; tables are made of them for a tile, so that a weight takes no more than its two bytes.
 *
 *   avx2_field   spikes as nibbles, laid out for lookups
 *   avx2_tables  tables from weights
 *   avx2         the products, and the table of kernels
 */
#ifndef SNN_KERNELS_AVX2_H
#define SNN_KERNELS_AVX2_H

#include "core/kernels/portable.h"

enum {
    SNN_AVX2_NIBBLE = 4,    /* source channels looked up at once */
    SNN_AVX2_QUAD = 4,      /* nibbles whose bytes are added before they are widened */
    SNN_AVX2_CHUNK = 128,   /* nibbles, whole quads, of the depth at a time: 16-bit sums do not overflow */
    SNN_AVX2_ENTRIES = 16,  /* of a table */
    SNN_AVX2_LIMBS = 3,     /* at most */
    SNN_AVX2_LIMB_BITS = 6, /* four numbers below 64 fit a byte */
    SNN_AVX2_BIAS = 32,     /* 2^(SNN_AVX2_LIMB_BITS - 1) */
    SNN_AVX2_TABLES = SNN_AVX2_CHUNK * SNN_AVX2_ENTRIES, /* bytes of a chunk's tables of one limb and channel */
    SNN_AVX2_VECTOR = 32,                                /* rows of a lookup */
    SNN_AVX2_PANEL = 128,                                /* rows multiplied with a table before the next */
    SNN_AVX2_OUTSIDE = 128 /* instead of a nibble outside the image: the shuffle gives 0 for it */
};

/* Limbs that rows of weights need: 1 to SNN_AVX2_LIMBS, or 0 if they cannot be cut so: four weights of a nibble are all
 * -32768. weights [rows][taps][channels], `stride` apart. */
int32_t snn_avx2_limbs(const int16_t *weights, int64_t rows, int64_t stride, int64_t taps, int64_t channels);

/* Tables of `quads` quads of nibbles from 16 weights each. tables [limb][SNN_AVX2_TABLES]. */
void snn_avx2_make_tables(const int16_t *weights, int64_t quads, int32_t limbs, uint8_t *tables);

/* A convolution or dense operator as lookups see it. */
typedef struct snn_avx2_view {
    snn_window taps;
    int32_t channels, group_rows;   /* source and target channels of one group */
    int32_t group_begin, group_end; /* groups that have packed rows */
    int64_t depth_stride;           /* weights from one packed row to the next */
    int64_t nibbles;                /* of a position, one group */
    int64_t depth;                  /* nibbles of all taps */
} snn_avx2_view;

/* Nibbles of what a tile's target positions see, [field row][nibble of the position][column][step], a row of columns
 * and steps `line` bytes long. */
typedef struct snn_avx2_planes {
    snn_field field;
    int32_t steps;
    int64_t line;
    uint8_t *bytes;
} snn_avx2_planes;

int64_t snn_avx2_line(int32_t columns, int32_t steps);
/* Writes the planes for view->channels channels of the source population from `channel` on. */
void snn_avx2_expand(const snn_avx2_view *view, const snn_avx2_planes *planes, const snn_operator *op,
                     const snn_spikes *source, int32_t image, int32_t channel);

/* Rows of a panel that lie side by side in the planes. */
typedef struct snn_avx2_run {
    int64_t from; /* in the planes, for the first nibble of the first tap */
    int32_t to, length;
} snn_avx2_run;

/* Copies nibbles [first, first + count) of the depth together, [nibble][SNN_AVX2_PANEL]. */
void snn_avx2_fill_panel(const snn_avx2_view *view, const snn_avx2_planes *planes, const snn_avx2_run *runs,
                         int64_t run_count, int64_t first, int64_t count, uint8_t *panel);

#endif
