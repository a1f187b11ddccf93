/* The table of AVX-512 with VNNI: products of bytes, four of them added to each int32 sum by one instruction. What does
 * not suit them, and the neurons, are the "avx512" copy's of portable.h.
 *
 * Operators, weights and source values are seen and laid out as for int8 tiles (amx.h): a vector holds 16 target
 * channels x 4 source values of weights, a source value is one byte. The instruction multiplies unsigned with signed
 * bytes. Source values need their sign, so weights are made unsigned by adding 128 to every signed byte (which flips
 * its highest bit), and 128 x (sum of the row's source values) is taken from the sums: one number a row, for all
 * targets.
 *
 * A pair of tiles of which half the lanes would do, as for layers cut into narrow shards, is *single*: its first tile
 * has all, the one limb of its targets or the high and the low bytes of 8 targets side by side. */
#include "core/kernels/amx.h"
#include "core/kernels/avx512_groups.h"
#include "core/kernels/mixing.h"
#include "core/kernels/portable.h"
#include "core/kernels/processor.h"

#include <immintrin.h>
#include <string.h>

enum {
    QUAD = 4, /* source values of one instruction's sums */
    QUADS = SNN_AMX_ROW_BYTES / QUAD,
    /* Rows whose sums (two vectors each) are in registers at once: 24 of 32 registers. */
    BLOCK_ROWS = 12,
    /* Small tiles of depthwise convolutions would see little but their surroundings. */
    TILE_BYTES = 512 << 10,
    SLICES_MAX = 12, /* of weights that stay in a first-level cache of 32 KiB: 24 KiB */
    PAIR_BYTES = SNN_AMX_PAIR * SNN_AMX_TILE_BYTES,
    SIGN_BIAS = 128,
    HALF_LANES = SNN_AMX_TARGETS / 2,
    UPPER_HALF = 0xee /* for a shuffle of quarters: the upper half, twice */
};

/* Whether `channels` target channels, or the last ones of a group, are a single tile. */
static bool is_single(int32_t channels, int32_t limbs)
{
    return channels <= snn_amx_block_targets(limbs) / 2;
}

/* Up to BLOCK_ROWS (position, step) pairs of one target row. */
typedef struct row_block {
    int64_t field; /* where the first slice's rows begin, in bytes of the field */
    int32_t rows;
    int32_t step;     /* of the first row */
    int64_t position; /* of the first row, in the tile of the kernel interface */
} row_block;

/* The thread's scratch, cut up. */
typedef struct working {
    void *expanding;
    int64_t *offsets;
    row_block *blocks;
    int32_t (*biases)[BLOCK_ROWS]; /* of the rows of each block: what to take from a sum */
    uint8_t *field;
    int64_t bytes;
} working;

static void *take(void *base, int64_t *offset, int64_t bytes)
{
    void *taken = base == NULL ? NULL : (uint8_t *)base + *offset;
    *offset += (bytes + SNN_AMX_ROW_BYTES - 1) / SNN_AMX_ROW_BYTES * SNN_AMX_ROW_BYTES;
    return taken;
}

/* Blocks of any `positions` target positions: each target row may end in one that is not full. */
static int64_t blocks_largest(const snn_amx_view *view, int64_t positions, int32_t steps)
{
    const int64_t rows = (positions - 1) / view->target_width + 2;
    return positions * steps / BLOCK_ROWS + rows;
}

static working working_of(const snn_amx_view *view, int64_t positions, int32_t steps, void *scratch)
{
    const int64_t blocks = blocks_largest(view, positions, steps);
    working w;
    int64_t bytes = 0;
    w.expanding = take(scratch, &bytes, snn_amx_field_working(view));
    w.offsets = take(scratch, &bytes, view->slices * (int64_t)sizeof(int64_t));
    w.blocks = take(scratch, &bytes, blocks * (int64_t)sizeof(row_block));
    w.biases = take(scratch, &bytes, blocks * (int64_t)sizeof w.biases[0]);
    w.field = take(scratch, &bytes, snn_amx_field_largest(view, positions, steps));
    w.bytes = bytes;
    return w;
}

static int64_t scratch_bytes(const snn_packed *packed, int64_t positions, int32_t steps)
{
    if (snn_mixing_suits(packed)) {
        return snn_mixing_scratch(packed);
    }
    if (snn_groups_suits(packed)) {
        return snn_groups_scratch(packed, positions, steps);
    }
    if (!snn_amx_suits(packed)) {
        return snn_portable_scratch(packed, positions, steps);
    }
    const snn_amx_view view = snn_amx_view_of(packed);
    return working_of(&view, positions, steps, NULL).bytes;
}

/* The low bytes of the first 8 targets go behind the high ones. */
static void join_limbs(uint8_t *pairs, int64_t slices)
{
    const size_t half = HALF_LANES * QUAD;
    for (int64_t row = 0; row < slices * QUADS; row++) {
        uint8_t *high = pairs + row / QUADS * PAIR_BYTES + row % QUADS * SNN_AMX_ROW_BYTES;
        memcpy(high + half, high + SNN_AMX_TILE_BYTES, half);
    }
}

/* Makes signed bytes unsigned, and pairs single. */
static void convert_pairs(const snn_packed *packed, snn_amx_weights *weights)
{
    const snn_amx_view view = snn_amx_view_of(packed);
    const int32_t targets = snn_amx_block_targets(weights->limbs);
    const int64_t bytes = view.slices * PAIR_BYTES;
    uint8_t *pairs = weights->tiles;
    for (int32_t group = view.group_begin; group < view.group_end; group++) {
        int32_t begin, end;
        snn_amx_group_rows(&view, packed, group, &begin, &end);
        for (int32_t row = begin; row < end; row += targets, pairs += bytes) {
            for (int64_t i = 0; i < bytes; i++) {
                const bool low = weights->limbs == 2 && i / SNN_AMX_TILE_BYTES % SNN_AMX_PAIR == 1; /* has no sign */
                pairs[i] ^= low ? 0 : SIGN_BIAS;
            }
            if (weights->limbs == 2 && is_single(end - row, weights->limbs)) {
                join_limbs(pairs, view.slices);
            }
        }
    }
}

static snn_status pack(const snn_projection *projection, snn_weight_format format, int32_t row_begin, int32_t row_end,
                       snn_packed *packed)
{
    *packed = (snn_packed){
        .projection = projection, .row_begin = row_begin, .row_end = row_end, .real = format == SNN_WEIGHTS_FLOAT32};
    if (snn_mixing_suits(packed)) {
        return snn_mixing_pack(projection, SIGN_BIAS, packed);
    }
    SNN_TRY(snn_amx_pack(projection, format, row_begin, row_end, packed));
    if (snn_amx_suits(packed)) {
        convert_pairs(packed, packed->data);
    }
    return snn_ok();
}

static int64_t cut_blocks(const snn_amx_view *view, const snn_amx_field *field, const snn_tile *tile, row_block *blocks)
{
    int64_t count = 0, position = 0;
    for (int32_t row = 0; row < field->target_rows; row++) {
        const int32_t begin = row == 0 ? field->first_begin : 0;
        const int32_t end = row == field->target_rows - 1 ? field->last_end : field->target_columns;
        const int64_t pairs = (int64_t)(end - begin) * tile->steps;
        const int64_t start =
            (int64_t)row * view->taps.stride[0] * field->row_bytes + (int64_t)begin * tile->steps * SNN_AMX_ROW_BYTES;
        for (int64_t pair = 0; pair < pairs; pair += BLOCK_ROWS) {
            blocks[count++] = (row_block){.field = start + pair * SNN_AMX_ROW_BYTES,
                                          .rows = (int32_t)(pairs - pair < BLOCK_ROWS ? pairs - pair : BLOCK_ROWS),
                                          .step = (int32_t)(pair % tile->steps),
                                          .position = position + pair / tile->steps};
        }
        position += end - begin;
    }
    return count;
}

/* What adding 128 to signed bytes of weights adds to the rows' sums, in units of the sums. */
static void find_biases(const snn_amx_view *view, const working *w, int64_t count, int32_t limbs)
{
    const __m512i one = _mm512_set1_epi8(1);
    const int32_t unit = limbs == 2 ? SIGN_BIAS << 8 : SIGN_BIAS;
    for (int64_t i = 0; i < count; i++) {
        for (int32_t row = 0; row < w->blocks[i].rows; row++) {
            const uint8_t *values = w->field + w->blocks[i].field + (int64_t)row * SNN_AMX_ROW_BYTES;
            __m512i sum = _mm512_setzero_si512();
            for (int64_t slice = 0; slice < view->slices; slice++) {
                sum = _mm512_dpbusd_epi32(sum, one, _mm512_loadu_si512(values + w->offsets[slice]));
            }
            w->biases[i][row] = _mm512_reduce_add_epi32(sum) * unit;
        }
    }
}

/* Sums of `rows` rows of source values, which lie side by side in each slice, with a pair of 16 target channels, or
 * with the first of a pair that is single: the second sums are 0. */
static inline __attribute__((always_inline)) void multiply(const uint8_t *values, const int64_t *offsets,
                                                           int64_t slices, const uint8_t *weights, int rows,
                                                           bool single, __m512i sums[BLOCK_ROWS][SNN_AMX_PAIR])
{
    __m512i first[BLOCK_ROWS], second[BLOCK_ROWS];
#pragma GCC unroll 12
    for (int i = 0; i < rows; i++) {
        first[i] = second[i] = _mm512_setzero_si512();
    }
    for (int64_t slice = 0; slice < slices; slice++, weights += PAIR_BYTES) {
        const uint8_t *slice_values = values + offsets[slice];
        for (int quad = 0; quad < QUADS; quad++) {
            const __m512i left = _mm512_load_si512(weights + quad * SNN_AMX_ROW_BYTES);
            const __m512i right = _mm512_load_si512(weights + SNN_AMX_TILE_BYTES + quad * SNN_AMX_ROW_BYTES);
#pragma GCC unroll 12
            for (int i = 0; i < rows; i++) {
                const void *four = slice_values + i * SNN_AMX_ROW_BYTES + quad * QUAD;
                const __m512i value = _mm512_set1_epi32(*(const int32_t *)four);
                first[i] = _mm512_dpbusd_epi32(first[i], left, value);
                second[i] = single ? second[i] : _mm512_dpbusd_epi32(second[i], right, value);
            }
        }
    }
#pragma GCC unroll 12
    for (int i = 0; i < rows; i++) {
        sums[i][0] = first[i];
        sums[i][1] = second[i];
    }
}

/* A pair's sums for one block; rows behind its last are multiplied too where that is quicker, and not used. */
static inline __attribute__((always_inline)) void multiply_block(const row_block *block, const uint8_t *values,
                                                                 const int64_t *offsets, int64_t slices,
                                                                 const uint8_t *weights, bool single,
                                                                 __m512i sums[BLOCK_ROWS][SNN_AMX_PAIR])
{
    if (block->rows > 8) {
        multiply(values, offsets, slices, weights, BLOCK_ROWS, single, sums);
    } else if (block->rows > 4) {
        multiply(values, offsets, slices, weights, 8, single, sums);
    } else if (block->rows > 1) {
        multiply(values, offsets, slices, weights, 4, single, sums);
    } else {
        multiply(values, offsets, slices, weights, 1, single, sums);
    }
}

/* Where a pair's sums go: the accumulator [step][position][channel] at its first target channel. */
typedef struct target {
    int32_t *accumulator;
    int64_t position_stride, step_stride;
    int32_t steps, channels; /* channels left, maybe more than a pair's */
    int32_t limbs;
    bool single;
} target;

/* The first `count` of 16 target channels. */
static __mmask16 targets_mask(int32_t count)
{
    const uint32_t all = 0xffff;
    return (__mmask16)(count >= SNN_AMX_TARGETS ? all : all >> (SNN_AMX_TARGETS - count));
}

static void add_to(int32_t *accumulator, __mmask16 mask, __m512i sum)
{
    _mm512_mask_storeu_epi32(accumulator, mask, _mm512_add_epi32(_mm512_maskz_loadu_epi32(mask, accumulator), sum));
}

/* biases: NULL if they have been taken already. */
static void add_sums(const target *to, const row_block *block, const int32_t *biases,
                     __m512i sums[BLOCK_ROWS][SNN_AMX_PAIR])
{
    const __mmask16 mask = targets_mask(to->channels);
    int32_t step = block->step;
    int32_t *row = to->accumulator + block->position * to->position_stride + step * to->step_stride;
    for (int32_t i = 0; i < block->rows; i++) {
        const __m512i bias = _mm512_set1_epi32(biases == NULL ? 0 : biases[i]);
        if (to->limbs == 2) {
            const __m512i high = sums[i][0];
            const __m512i low = to->single ? _mm512_shuffle_i64x2(high, high, UPPER_HALF) : sums[i][1];
            add_to(row, mask, _mm512_sub_epi32(_mm512_add_epi32(_mm512_slli_epi32(high, 8), low), bias));
        } else {
            const __m512i first = _mm512_sub_epi32(sums[i][0], bias);
            const __m512i second = _mm512_sub_epi32(sums[i][1], bias);
            add_to(row, mask, first);
            if (to->channels > SNN_AMX_TARGETS) {
                add_to(row + SNN_AMX_TARGETS, targets_mask(to->channels - SNN_AMX_TARGETS), second);
            }
        }
        row += to->step_stride;
        if (++step == to->steps) {
            step = 0;
            row += to->position_stride - to->steps * to->step_stride;
        }
    }
}

/* A pair of target channels' vectors for all blocks of rows. The depth is cut so that weights stay in the first-level
 * cache from one block to the next. */
static void project_pair(const snn_amx_view *view, const working *w, int64_t count, const uint8_t *weights,
                         const target *to)
{
    const int64_t cuts = count <= 1 ? 1 : (view->slices + SLICES_MAX - 1) / SLICES_MAX;
    for (int64_t cut = 0; cut < cuts; cut++) {
        const int64_t begin = view->slices * cut / cuts, end = view->slices * (cut + 1) / cuts;
        for (int64_t i = 0; i < count; i++) {
            __m512i sums[BLOCK_ROWS][SNN_AMX_PAIR];
            const uint8_t *values = w->field + w->blocks[i].field, *pairs = weights + begin * PAIR_BYTES;
            if (to->single) {
                multiply_block(&w->blocks[i], values, w->offsets + begin, end - begin, pairs, true, sums);
            } else {
                multiply_block(&w->blocks[i], values, w->offsets + begin, end - begin, pairs, false, sums);
            }
            add_sums(to, &w->blocks[i], cut == 0 ? w->biases[i] : NULL, sums);
        }
    }
}

static void project(const snn_packed *packed, const snn_spikes *source, const snn_tile *tile)
{
    if (snn_mixing_suits(packed)) {
        snn_mixing_project(packed, source, tile, snn_avx512_mix);
        return;
    }
    if (snn_groups_suits(packed)) {
        snn_groups_project(packed, source, tile);
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
    const int64_t count = cut_blocks(&view, &field, tile, w.blocks);
    snn_amx_field_offsets(&view, &field, w.offsets);

    const snn_amx_weights *packed_weights = packed->data;
    const uint8_t *weights = packed_weights->tiles;
    const int32_t targets = snn_amx_block_targets(packed_weights->limbs);
    target to = {.position_stride = tile->channel_end - tile->channel_begin,
                 .steps = tile->steps,
                 .limbs = packed_weights->limbs};
    to.step_stride = positions * to.position_stride;
    for (int32_t group = view.group_begin; group < view.group_end; group++) {
        snn_amx_field_expand(&view, &field, source, tile->image, op->source_channel + group * view.channels,
                             w.expanding, w.field);
        find_biases(&view, &w, count, to.limbs);
        int32_t begin, end;
        snn_amx_group_rows(&view, packed, group, &begin, &end);
        for (int32_t row = begin; row < end; row += targets) {
            to.accumulator = (int32_t *)tile->accumulator + op->target_channel + row - tile->channel_begin;
            to.channels = end - row;
            to.single = is_single(to.channels, to.limbs);
            project_pair(&view, &w, count, weights, &to);
            weights += view.slices * PAIR_BYTES;
        }
    }
}

extern const snn_kernels snn_kernels_avx512;

const snn_kernels snn_kernels_avx512 = {
    .name = "avx512",
    .available = snn_processor_runs_avx512,
    .tile_bytes = TILE_BYTES,
    .pack = pack,
    .scratch_bytes = scratch_bytes,
    .project = project,
    .pack_codes = snn_portable_pack,
    .codes_scratch_bytes = snn_portable_codes_scratch,
    .project_codes = snn_portable_project_codes,
    .multiply_sums = snn_sums_multiply,
    .neuron_scratch_bytes = snn_portable_nary_scratch_bytes,
    .fire = snn_portable_fire,
    .window_scratch_bytes = snn_portable_window_scratch,
    .fire_window = snn_portable_fire_window,
    .scale_sums = snn_sums_scale,
    .tap_sums = snn_sums_tap,
    .multiply = snn_portable_multiply,
    .fuses = snn_portable_fuses,
    .fused_scratch_bytes = snn_portable_fused_scratch,
    .project_and_fire = snn_portable_project_and_fire,
};
