/* A tile of the kernel interface cut into strips of row tiles, whose products with a block of target channels are made
 * and fired one after the other: what amx_fused.c prepares and amx_cut.c runs. Private to these. */
#ifndef SNN_KERNELS_AMX_STRIPS_H
#define SNN_KERNELS_AMX_STRIPS_H

#include "core/kernels/amx_multiply.h"
#include "core/kernels/amx_neurons.h"

enum {
    SNN_AMX_STRIP_TILES = 16, /* row tiles that a strip is closed at, as soon as it ends with a position */
    SNN_AMX_TILE_ELEMENTS = SNN_AMX_ROWS * SNN_AMX_TARGETS
};

/* Row tiles that begin and end with positions. */
typedef struct snn_amx_strip {
    int32_t tile_begin, tile_end;
    int32_t position_begin, position_end; /* in the tile of the kernel interface */
} snn_amx_strip;

/* Two row tiles of a strip, or one, that are multiplied side by side. */
typedef struct snn_amx_tile_pair {
    int64_t first, second; /* in bytes of the field; the same if there is only one */
    int32_t strip, tile;   /* number of the first, within the strip */
    bool single, last;     /* of the strip */
} snn_amx_tile_pair;

/* The thread's scratch, cut up. */
typedef struct snn_amx_working {
    void *expanding;
    int64_t *offsets;
    snn_amx_row_tile *row_tiles;
    snn_amx_strip *strips;
    snn_amx_tile_pair *pairs;
    int32_t *rows; /* [positions]: where a position's sums begin, in rows of its strip */
    void *lanes[SNN_AMX_PAIR];
    uint8_t *bits;
    int32_t *sums; /* per strip [tile of the pair][row][target] */
    uint8_t *field;
    int64_t row_tile_count, pair_count;
    int64_t cuts; /* of the depth */
    int64_t bytes;
} snn_amx_working;

/* More row tiles than any strip has: from where a strip might end to where it does, positions end at the latest after
 * `steps` row tiles. Grows with the steps, so that what suits a block suits the shorter one at the end. */
static inline int64_t snn_amx_strip_largest(int32_t steps)
{
    return SNN_AMX_STRIP_TILES + (int64_t)steps;
}

/* A block of target channels: one or two vectors of neurons. */
typedef struct snn_amx_block {
    const uint8_t *weights; /* of the cut's first slice */
    const int64_t *offsets; /* likewise */
    int64_t slices;         /* of the cut */
    int32_t limbs;
    bool first, last; /* cut */
    int32_t lane_count;
    snn_amx_lanes lanes[SNN_AMX_PAIR];
} snn_amx_block;

/* Sums of a strip of tiles. All strips' are kept where the depth is cut, else those of the last two. */
static inline int32_t *snn_amx_strip_sums(const snn_amx_working *w, int32_t number, int32_t steps)
{
    const int64_t tile = w->cuts > 1 ? w->strips[number].tile_begin : number % 2 * snn_amx_strip_largest(steps);
    return w->sums + tile * SNN_AMX_PAIR * SNN_AMX_TILE_ELEMENTS;
}

/* Multiplies a cut of the depth; behind the last one the neurons of the block fire. */
void snn_amx_run_cut(const snn_amx_working *w, const snn_tile *tile, snn_amx_block *b);

#endif
