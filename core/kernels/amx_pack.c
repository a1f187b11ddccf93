#include "core/kernels/amx.h"
#include "core/kernels/mixing.h"
#include "core/kernels/portable.h"

#include "core/base/memory.h"

enum { QUAD = 4 /* depth values that lie side by side in a tile of weights */ };

/* Bytes suffice where all weights fit one. */
static int32_t limbs_of(const int16_t *weights, int64_t count)
{
    int64_t wide = 0;
    for (int64_t i = 0; i < count; i++) {
        wide += weights[i] < INT8_MIN || weights[i] > INT8_MAX;
    }
    return wide == 0 ? 1 : 2;
}

/* One slice: (tap row, group of merged taps, word). */
typedef struct depth_slice {
    int32_t tap_row, tap_column, word;
} depth_slice;

/* Adds a row of weights, [tap row][tap column][channel], to column `target` of a zeroed tile. */
static void pack_row(const snn_amx_view *view, depth_slice slice, const int16_t *row, int32_t target, int32_t shift,
                     uint8_t *tile)
{
    const int64_t first = (int64_t)slice.word * SNN_AMX_ROW_BYTES;
    const int64_t string = (int64_t)view->merged * view->channels;
    const int64_t tap_row = (int64_t)view->taps.kernel[1] * view->channels;
    const int64_t begin = slice.tap_column * string + first; /* in the tap row */
    int64_t count = string - first < SNN_AMX_ROW_BYTES ? string - first : SNN_AMX_ROW_BYTES;
    count = tap_row - begin < count ? tap_row - begin : count; /* the last taps may be fewer */
    const int16_t *weights = row + slice.tap_row * tap_row + begin;
    for (int64_t k = 0; k < count; k++) {
        tile[k / QUAD * SNN_AMX_ROW_BYTES + target * QUAD + k % QUAD] = (uint8_t)(weights[k] >> shift);
    }
}

/* A pair of tiles for up to a block of target channels. */
static void pack_pair(const snn_amx_view *view, depth_slice slice, const int16_t *rows, int32_t row_count,
                      int32_t limbs, uint8_t *pair)
{
    const int64_t length = (int64_t)view->taps.kernel[0] * view->taps.kernel[1] * view->channels;
    for (int32_t row = 0; row < row_count; row++) {
        const int16_t *weights = rows + row * length;
        if (limbs == 2) {
            pack_row(view, slice, weights, row, 8, pair);
            pack_row(view, slice, weights, row, 0, pair + SNN_AMX_TILE_BYTES);
        } else {
            pack_row(view, slice, weights, row % SNN_AMX_TARGETS, 0, pair + row / SNN_AMX_TARGETS * SNN_AMX_TILE_BYTES);
        }
    }
}

static uint8_t *pack_block(const snn_amx_view *view, const int16_t *rows, int32_t row_count, int32_t limbs,
                           uint8_t *tiles)
{
    depth_slice slice;
    for (slice.tap_row = 0; slice.tap_row < view->taps.kernel[0]; slice.tap_row++) {
        for (slice.tap_column = 0; slice.tap_column < view->tap_columns; slice.tap_column++) {
            for (slice.word = 0; slice.word < view->words; slice.word++) {
                pack_pair(view, slice, rows, row_count, limbs, tiles);
                tiles += SNN_AMX_PAIR * SNN_AMX_TILE_BYTES;
            }
        }
    }
    return tiles;
}

static int64_t blocks_of(const snn_amx_view *view, const snn_packed *packed, int32_t limbs)
{
    const int32_t targets = snn_amx_block_targets(limbs);
    int64_t blocks = 0;
    for (int32_t group = view->group_begin; group < view->group_end; group++) {
        int32_t begin, end;
        snn_amx_group_rows(view, packed, group, &begin, &end);
        blocks += (end - begin + targets - 1) / targets;
    }
    return blocks;
}

snn_status snn_amx_pack(const snn_projection *projection, snn_weight_format format, int32_t row_begin, int32_t row_end,
                        snn_packed *packed)
{
    *packed = (snn_packed){
        .projection = projection, .row_begin = row_begin, .row_end = row_end, .real = format == SNN_WEIGHTS_FLOAT32};
    if (snn_mixing_suits(packed)) {
        return snn_mixing_pack(projection, 0, packed);
    }
    if (!snn_amx_suits(packed)) {
        return snn_portable_pack(projection, format, row_begin, row_end, packed);
    }
    const snn_amx_view view = snn_amx_view_of(packed);
    const int64_t length = snn_operator_row_length(&projection->op);
    const int16_t *weights = (const int16_t *)projection->weights + (row_begin - projection->row_begin) * length;
    const int32_t limbs = limbs_of(weights, (row_end - row_begin) * length);
    const int64_t block_bytes = view.slices * SNN_AMX_PAIR * SNN_AMX_TILE_BYTES;
    packed->bytes = (int64_t)sizeof(snn_amx_weights) + blocks_of(&view, packed, limbs) * block_bytes;
    packed->data = snn_allocate((size_t)packed->bytes, 1);
    if (packed->data == NULL) {
        return snn_out_of_memory("packed weights");
    }
    snn_amx_weights *tiled = packed->data;
    tiled->limbs = limbs;
    uint8_t *tiles = tiled->tiles;
    const int32_t targets = snn_amx_block_targets(limbs);
    for (int32_t group = view.group_begin; group < view.group_end; group++) {
        int32_t begin, end;
        snn_amx_group_rows(&view, packed, group, &begin, &end);
        for (int32_t row = begin; row < end; row += targets) {
            const int32_t count = end - row < targets ? end - row : targets;
            tiles = pack_block(&view, weights + (row - row_begin) * length, count, limbs, tiles);
        }
    }
    return snn_ok();
}
