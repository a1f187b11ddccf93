/* The tile registers and the innermost loop over them, for the files that multiply. */
#ifndef SNN_KERNELS_AMX_MULTIPLY_H
#define SNN_KERNELS_AMX_MULTIPLY_H

#include <immintrin.h>

#include "core/kernels/amx.h"

enum {
    SNN_AMX_ROW_TILES =
        2, /* multiplied side by side with a pair of weight tiles: four tiles of sums, eight registers */
    SNN_AMX_SLICES_MAX = 18, /* of weights that fit a first-level cache of 48 KiB: 36 KiB */
    SNN_AMX_PAIR_BYTES = SNN_AMX_PAIR * SNN_AMX_TILE_BYTES
};

/* Up to 16 (position, step) pairs of one target row. */
typedef struct snn_amx_row_tile {
    int64_t field; /* where the first slice's tile begins, in bytes of the field */
    int32_t rows;
    int32_t step;     /* of the first row */
    int64_t position; /* of the first row, in the tile of the kernel interface */
} snn_amx_row_tile;

/* Registers: 0..3 sums [row tile][tile of the pair], 4..5 source values, 6..7 weights; all of full size. */
typedef struct snn_amx_configuration {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} snn_amx_configuration;

static const snn_amx_configuration snn_amx_registers = {
    .palette = 1, .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64}, .rows = {16, 16, 16, 16, 16, 16, 16, 16}};

typedef int32_t snn_amx_sums[SNN_AMX_ROWS][SNN_AMX_TARGETS];

/* Loads one slice of two row tiles and of a block of target channels. Source values pass by the first-level cache,
 * where the weights stay for the next row tiles. */
static inline void snn_amx_load_slice(const uint8_t *first, const uint8_t *second, const uint8_t *weights)
{
    _tile_loadd(6, weights, SNN_AMX_ROW_BYTES);
    _tile_stream_loadd(4, first, SNN_AMX_ROW_BYTES);
    _tile_loadd(7, weights + SNN_AMX_TILE_BYTES, SNN_AMX_ROW_BYTES);
    _tile_stream_loadd(5, second, SNN_AMX_ROW_BYTES);
}

/* Adds the product of the slice that has been loaded. */
static inline void snn_amx_multiply_slice(int32_t limbs)
{
    _tile_dpbssd(0, 4, 6);
    _tile_dpbssd(2, 5, 6);
    if (limbs == 2) {
        _tile_dpbsud(1, 4, 7);
        _tile_dpbsud(3, 5, 7);
    } else {
        _tile_dpbssd(1, 4, 7);
        _tile_dpbssd(3, 5, 7);
    }
}

static inline void snn_amx_zero_sums(void)
{
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
}

/* Adds to the sums over some slices, of which the first has been loaded. */
static inline void snn_amx_multiply(const uint8_t *first, const uint8_t *second, const int64_t *offsets, int64_t slices,
                                    const uint8_t *weights, int32_t limbs)
{
    snn_amx_multiply_slice(limbs);
    for (int64_t slice = 1; slice < slices; slice++) {
        snn_amx_load_slice(first + offsets[slice], second + offsets[slice], weights + slice * SNN_AMX_PAIR_BYTES);
        snn_amx_multiply_slice(limbs);
    }
}

/* The first `count` of 16 target channels. */
static inline __mmask16 snn_amx_mask(int32_t count)
{
    const uint32_t all = 0xffff;
    return (__mmask16)(count >= SNN_AMX_TARGETS ? all : all >> (SNN_AMX_TARGETS - count));
}

static inline void *snn_amx_take(void *base, int64_t *offset, int64_t bytes)
{
    void *taken = base == NULL ? NULL : (uint8_t *)base + *offset;
    *offset += (bytes + SNN_AMX_ROW_BYTES - 1) / SNN_AMX_ROW_BYTES * SNN_AMX_ROW_BYTES;
    return taken;
}

/* amx.c: row tiles of any `positions` target positions (an upper bound), and those of a tile. */
int64_t snn_amx_row_tiles_largest(const snn_amx_view *view, int64_t positions, int32_t steps);
int64_t snn_amx_cut_row_tiles(const snn_amx_view *view, const snn_amx_field *field, const snn_tile *tile,
                              snn_amx_row_tile *row_tiles);

#endif
