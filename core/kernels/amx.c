/* The table of int8 tile products. What does not suit tiles, and the neurons, are the "avx512" copy's of portable.h. */
#include "core/kernels/amx.h"
#include "core/kernels/amx_fused.h"
#include "core/kernels/amx_multiply.h"
#include "core/kernels/mixing.h"
#include "core/kernels/portable.h"
#include "core/kernels/processor.h"

#include <immintrin.h>
#include <string.h>

/* The thread's scratch, cut up. */
typedef struct working {
    void *expanding;
    int64_t *offsets;
    snn_amx_row_tile *row_tiles;
    uint8_t *field;
    int64_t bytes;
} working;

/* Row tiles of any `positions` target positions: each target row may end in one that is not full. */
int64_t snn_amx_row_tiles_largest(const snn_amx_view *view, int64_t positions, int32_t steps)
{
    const int64_t rows = (positions - 1) / view->target_width + 2;
    return positions * steps / SNN_AMX_ROWS + rows;
}

static working working_of(const snn_amx_view *view, int64_t positions, int32_t steps, void *scratch)
{
    working w;
    int64_t bytes = 0;
    w.expanding = snn_amx_take(scratch, &bytes, snn_amx_field_working(view));
    w.offsets = snn_amx_take(scratch, &bytes, view->slices * (int64_t)sizeof(int64_t));
    w.row_tiles = snn_amx_take(scratch, &bytes,
                               snn_amx_row_tiles_largest(view, positions, steps) * (int64_t)sizeof(snn_amx_row_tile));
    w.field = snn_amx_take(scratch, &bytes, snn_amx_field_largest(view, positions, steps));
    w.bytes = bytes;
    return w;
}

static int64_t scratch_bytes(const snn_packed *packed, int64_t positions, int32_t steps)
{
    if (snn_mixing_suits(packed)) {
        return snn_mixing_scratch(packed);
    }
    if (!snn_amx_suits(packed)) {
        return snn_portable_scratch(packed, positions, steps);
    }
    const snn_amx_view view = snn_amx_view_of(packed);
    return working_of(&view, positions, steps, NULL).bytes;
}

int64_t snn_amx_cut_row_tiles(const snn_amx_view *view, const snn_amx_field *field, const snn_tile *tile,
                              snn_amx_row_tile *row_tiles)
{
    int64_t count = 0, position = 0;
    for (int32_t row = 0; row < field->target_rows; row++) {
        const int32_t begin = row == 0 ? field->first_begin : 0;
        const int32_t end = row == field->target_rows - 1 ? field->last_end : field->target_columns;
        const int64_t pairs = (int64_t)(end - begin) * tile->steps;
        const int64_t start =
            (int64_t)row * view->taps.stride[0] * field->row_bytes + (int64_t)begin * tile->steps * SNN_AMX_ROW_BYTES;
        for (int64_t pair = 0; pair < pairs; pair += SNN_AMX_ROWS) {
            row_tiles[count++] =
                (snn_amx_row_tile){.field = start + pair * SNN_AMX_ROW_BYTES,
                                   .rows = (int32_t)(pairs - pair < SNN_AMX_ROWS ? pairs - pair : SNN_AMX_ROWS),
                                   .step = (int32_t)(pair % tile->steps),
                                   .position = position + pair / tile->steps};
        }
        position += end - begin;
    }
    return count;
}

/* Where a block's sums go: the accumulator [step][position][channel] at its first target channel. */
typedef struct target {
    int32_t *accumulator;
    int64_t position_stride, step_stride;
    int32_t steps, channels; /* channels left, maybe more than a block */
    int32_t limbs;
} target;

/* Adds 256 high + low to rows of the accumulator, from channel `first` on. Reads all rows before it writes: they often
 * lie a multiple of 4 KiB apart, where processors take a read for one of what was just written and wait. */
static void add_rows(int32_t *const rows[SNN_AMX_ROWS], int32_t count, int32_t first, __mmask16 mask,
                     const snn_amx_sums *high, const snn_amx_sums *low)
{
    __m512i sums[SNN_AMX_ROWS];
#pragma GCC unroll 16
    for (int i = 0; i < SNN_AMX_ROWS; i++) {
        sums[i] = _mm512_maskz_loadu_epi32((__mmask16)(i < count ? mask : 0), rows[i] + first);
    }
#pragma GCC unroll 16
    for (int i = 0; i < SNN_AMX_ROWS; i++) {
        sums[i] = _mm512_add_epi32(sums[i], _mm512_load_si512((*low)[i]));
        if (high != NULL) {
            sums[i] = _mm512_add_epi32(sums[i], _mm512_slli_epi32(_mm512_load_si512((*high)[i]), 8));
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < SNN_AMX_ROWS; i++) {
        _mm512_mask_storeu_epi32(rows[i] + first, (__mmask16)(i < count ? mask : 0), sums[i]);
    }
}

static void add_sums(const target *to, const snn_amx_row_tile *tile, const snn_amx_sums sums[SNN_AMX_PAIR])
{
    int32_t *rows[SNN_AMX_ROWS];
    int32_t step = tile->step;
    int64_t offset = tile->position * to->position_stride + step * to->step_stride;
    for (int32_t i = 0; i < SNN_AMX_ROWS; i++) {
        rows[i] = to->accumulator + offset;
        if (i + 1 < tile->rows) { /* rows that are not used stay where they are */
            step++;
            offset += to->step_stride;
            if (step == to->steps) {
                step = 0;
                offset += to->position_stride - to->steps * to->step_stride;
            }
        }
    }
    const __mmask16 mask = snn_amx_mask(to->channels);
    if (to->limbs == 2) {
        add_rows(rows, tile->rows, 0, mask, &sums[0], &sums[1]);
        return;
    }
    add_rows(rows, tile->rows, 0, mask, NULL, &sums[0]);
    if (to->channels > SNN_AMX_TARGETS) {
        add_rows(rows, tile->rows, SNN_AMX_TARGETS, snn_amx_mask(to->channels - SNN_AMX_TARGETS), NULL, &sums[1]);
    }
}

/* Some slices of one block of target channels for all row tiles. `weights` and `offsets` are of the first slice.
 *
 * Sums are added while the tiles are at work on the next row tiles, and these are loaded before the sums are stored:
 * sums fill 4 KiB, so any read behind them looks like one of what they write, and waits. */
static void project_slices(const working *w, int64_t count, const int64_t *offsets, int64_t slices,
                           const uint8_t *weights, const target *to)
{
    _Alignas(SNN_AMX_ROW_BYTES) snn_amx_sums sums[SNN_AMX_ROW_TILES][SNN_AMX_PAIR];
    const snn_amx_row_tile *tiles = w->row_tiles;
    const uint8_t *first = w->field + tiles[0].field;
    const uint8_t *second = w->field + tiles[count > 1 ? 1 : 0].field; /* if none, the first again, not used */
    snn_amx_load_slice(first + offsets[0], second + offsets[0], weights);
    for (int64_t i = 0; i < count; i += SNN_AMX_ROW_TILES) {
        snn_amx_zero_sums();
        snn_amx_multiply(first, second, offsets, slices, weights, to->limbs);
        if (i > 0) {
            add_sums(to, &tiles[i - 2], sums[0]);
            add_sums(to, &tiles[i - 1], sums[1]);
        }
        if (i + SNN_AMX_ROW_TILES < count) {
            first = w->field + tiles[i + 2].field;
            second = w->field + tiles[i + 3 < count ? i + 3 : i + 2].field;
            snn_amx_load_slice(first + offsets[0], second + offsets[0], weights);
        }
        _tile_stored(0, sums[0][0], SNN_AMX_ROW_BYTES);
        _tile_stored(2, sums[1][0], SNN_AMX_ROW_BYTES);
        _tile_stored(1, sums[0][1], SNN_AMX_ROW_BYTES);
        _tile_stored(3, sums[1][1], SNN_AMX_ROW_BYTES);
    }
    for (int64_t i = (count - 1) / SNN_AMX_ROW_TILES * SNN_AMX_ROW_TILES; i < count; i++) {
        add_sums(to, &tiles[i], sums[i % SNN_AMX_ROW_TILES]);
    }
}

/* One block of target channels. The depth is cut so that weights stay in the first-level cache from one pair of row
 * tiles to the next. */
static void project_block(const snn_amx_view *view, const working *w, int64_t row_tile_count, const uint8_t *weights,
                          const target *to)
{
    const int64_t cuts =
        row_tile_count <= SNN_AMX_ROW_TILES ? 1 : (view->slices + SNN_AMX_SLICES_MAX - 1) / SNN_AMX_SLICES_MAX;
    for (int64_t cut = 0; cut < cuts; cut++) {
        const int64_t begin = view->slices * cut / cuts, end = view->slices * (cut + 1) / cuts;
        project_slices(w, row_tile_count, w->offsets + begin, end - begin, weights + begin * SNN_AMX_PAIR_BYTES, to);
    }
}

static void project(const snn_packed *packed, const snn_spikes *source, const snn_tile *tile)
{
    if (snn_mixing_suits(packed)) {
        _tile_loadconfig(&snn_amx_registers);
        snn_mixing_project(packed, source, tile, snn_amx_mix);
        _tile_release();
        return;
    }
    if (!snn_amx_suits(packed)) {
        snn_portable_project(packed, source, tile);
        return;
    }
    const int64_t positions = tile->position_end - tile->position_begin;
    if (positions == 0) {
        return;
    }
    const snn_operator *op = &packed->projection->op;
    const snn_amx_view view = snn_amx_view_of(packed);
    const snn_amx_field field = snn_amx_field_of_tile(&view, tile->position_begin, tile->position_end, tile->steps);
    const working w = working_of(&view, positions, tile->steps, tile->scratch);
    const int64_t row_tile_count = snn_amx_cut_row_tiles(&view, &field, tile, w.row_tiles);
    snn_amx_field_offsets(&view, &field, w.offsets);

    const snn_amx_weights *packed_weights = packed->data;
    const uint8_t *weights = packed_weights->tiles;
    const int32_t targets = snn_amx_block_targets(packed_weights->limbs);
    target to = {.position_stride = tile->channel_end - tile->channel_begin,
                 .steps = tile->steps,
                 .limbs = packed_weights->limbs};
    to.step_stride = positions * to.position_stride;
    _tile_loadconfig(&snn_amx_registers);
    for (int32_t group = view.group_begin; group < view.group_end; group++) {
        snn_amx_field_expand(&view, &field, source, tile->image, op->source_channel + group * view.channels,
                             w.expanding, w.field);
        __asm__ volatile("" ::: "memory"); /* compilers do not know what tile loads read */
        int32_t begin, end;
        snn_amx_group_rows(&view, packed, group, &begin, &end);
        for (int32_t row = begin; row < end; row += targets) {
            to.accumulator = (int32_t *)tile->accumulator + op->target_channel + row - tile->channel_begin;
            to.channels = end - row;
            project_block(&view, &w, row_tile_count, weights, &to);
            weights += view.slices * SNN_AMX_PAIR_BYTES;
        }
    }
    _tile_release(); /* so that the system need not save the registers */
}

extern const snn_kernels snn_kernels_amx;

const snn_kernels snn_kernels_amx = {
    .name = "amx",
    .available = snn_processor_runs_amx,
    .pack = snn_amx_pack,
    .scratch_bytes = scratch_bytes,
    .project = project,
    .pack_codes = snn_portable_pack_codes,
    .codes_scratch_bytes = snn_portable_codes_scratch,
    .project_codes = snn_portable_project_codes,
    .pack_stream = snn_streams_pack,
    .stream_scratch_bytes = snn_streams_scratch,
    .project_stream = snn_streams_project,
    .neuron_scratch_bytes = snn_portable_nary_scratch_bytes,
    .fire = snn_portable_fire,
    .window_scratch_bytes = snn_portable_window_scratch,
    .fire_window = snn_portable_fire_window,
    .scale_stream = snn_streams_scale,
    .pack_image = snn_portable_pack_image,
    .image_scratch_bytes = snn_portable_image_scratch,
    .project_image = snn_portable_project_image,
    .fuses = snn_amx_fuses,
    .adds = snn_amx_adds,
    .gathers = snn_amx_gathers,
    .fused_scratch_bytes = snn_amx_fused_scratch_bytes,
    .project_and_fire = snn_amx_project_and_fire,
};
