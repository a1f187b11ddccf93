#include "core/kernels/avx512_groups.h"

#include <immintrin.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/kernels/portable.h"

enum {
    TARGETS = 16,
    PAIR = 2,
    VECTOR_BYTES = 64,
    SOURCES_MAX = 64,       /* source channels that 16 targets see */
    GROUP_CHANNELS_MAX = 8, /* more fill a tile of weights well enough */
    CACHE_BYTES = 32 << 10,
    BLOCK_ROWS = 14 /* rows whose sums are in registers at once */
};

/* How 16 targets see the source. */
typedef struct view {
    const snn_operator *op;
    int32_t group_rows, group_channels;
    bool depthwise;
    int32_t pairs;       /* vectors of a position: pairs of channels of a group; 1 for depthwise */
    int32_t tap_columns; /* of weights: pairs of taps for depthwise */
    int64_t slices;      /* vectors of weights of 16 targets, [tap row][tap column][pair] */
} view;

static int32_t divide_up(int32_t value, int32_t unit)
{
    return (value + unit - 1) / unit;
}

static view view_of(const snn_operator *op)
{
    view v = {
        .op = op, .group_rows = op->target_channels / op->groups, .group_channels = op->source_channels / op->groups};
    v.depthwise = v.group_channels == 1;
    v.pairs = divide_up(v.group_channels, PAIR);
    v.tap_columns = v.depthwise ? divide_up(op->window.kernel[1], PAIR) : op->window.kernel[1];
    v.slices = (int64_t)op->window.kernel[0] * v.tap_columns * v.pairs;
    return v;
}

bool snn_groups_suits(const snn_packed *packed)
{
    const snn_operator *op = &packed->projection->op;
    if (packed->real || packed->row_begin == packed->row_end || op->kind != SNN_OPERATOR_CONVOLUTION || op->pooled ||
        op->groups == 1) {
        return false;
    }
    const view v = view_of(op);
    /* 16 targets begin anywhere in a group */
    const int32_t groups = (v.group_rows - 1 + TARGETS - 1) / v.group_rows + 1;
    return v.group_channels <= GROUP_CHANNELS_MAX &&
           groups * v.group_channels <= SOURCES_MAX / (v.depthwise ? PAIR : 1);
}

/* Weights of 16 targets, [slice][target][2]. */
static void pack_targets(const view *v, const int16_t *rows, int32_t count, int16_t *to)
{
    const snn_window *taps = &v->op->window;
    for (int32_t target = 0; target < count; target++) {
        const int16_t *row = rows + (int64_t)target * taps->kernel[0] * taps->kernel[1] * v->group_channels;
        for (int32_t i = 0; i < taps->kernel[0]; i++) {
            for (int32_t j = 0; j < taps->kernel[1]; j++) {
                for (int32_t c = 0; c < v->group_channels; c++) {
                    const int32_t along = v->depthwise ? j : c; /* what pairs are made of */
                    const int64_t slice =
                        ((int64_t)i * v->tap_columns + (v->depthwise ? j / PAIR : j)) * v->pairs + c / PAIR;
                    to[(slice * TARGETS + target) * PAIR + along % PAIR] = *row++;
                }
            }
        }
    }
}

snn_status snn_groups_pack(const snn_projection *projection, snn_packed *packed)
{
    const view v = view_of(&projection->op);
    const int32_t rows = packed->row_end - packed->row_begin;
    const int64_t length = snn_operator_row_length(&projection->op);
    const int16_t *weights =
        (const int16_t *)projection->weights + (packed->row_begin - projection->row_begin) * length;
    packed->bytes = divide_up(rows, TARGETS) * v.slices * VECTOR_BYTES;
    packed->data = snn_allocate((size_t)packed->bytes, 1);
    if (packed->data == NULL) {
        return snn_out_of_memory("packed weights");
    }
    int16_t *to = packed->data;
    for (int32_t row = 0; row < rows; row += TARGETS, to += v.slices * TARGETS * PAIR) {
        pack_targets(&v, weights + row * length, rows - row < TARGETS ? rows - row : TARGETS, to);
    }
    return snn_ok();
}

/* The thread's scratch, cut up: the vectors of 16 targets, [field row][pair][column][step], and where slices begin. */
typedef struct working {
    int64_t *offsets;
    uint8_t *vectors;
    int64_t bytes;
} working;

static working working_of(const view *v, int64_t positions, int32_t steps, void *scratch)
{
    working w = {.offsets = scratch};
    const int64_t offsets = (v->slices * (int64_t)sizeof(int64_t) + VECTOR_BYTES - 1) / VECTOR_BYTES * VECTOR_BYTES;
    w.vectors = scratch == NULL ? NULL : (uint8_t *)scratch + offsets;
    w.bytes = offsets + snn_field_largest(v->op, positions, 1) * v->pairs * steps * VECTOR_BYTES;
    w.bytes += BLOCK_ROWS * VECTOR_BYTES; /* the last block may reach behind the field */
    return w;
}

int64_t snn_groups_scratch(const snn_packed *packed, int64_t positions, int32_t steps)
{
    const view v = view_of(&packed->projection->op);
    return working_of(&v, positions, steps, NULL).bytes;
}

/* 16 targets: the source channels that they see, and where each finds its pairs among them. */
typedef struct sight {
    int32_t channel, channels;                /* of the source population */
    __m512i index[GROUP_CHANNELS_MAX / PAIR]; /* of pairs */
} sight;

static sight sight_of(const view *v, int32_t row, int32_t count)
{
    const int32_t first = row / v->group_rows, last = (row + count - 1) / v->group_rows;
    sight s = {.channel = v->op->source_channel + first * v->group_channels,
               .channels = (last - first + 1) * v->group_channels};
    for (int32_t pair = 0; pair < v->pairs; pair++) {
        int16_t index[TARGETS * PAIR] = {0}; /* where there is no channel any will do: its weight is 0 */
        for (int32_t target = 0; target < count; target++) {
            const int32_t at = ((row + target) / v->group_rows - first) * v->group_channels;
            for (int32_t i = 0; i < PAIR; i++) {
                const int32_t channel = pair * PAIR + i;
                index[target * PAIR + i] = (int16_t)(v->depthwise                  ? at + i * SOURCES_MAX / PAIR
                                                     : channel < v->group_channels ? at + channel
                                                                                   : 0);
            }
        }
        s.index[pair] = _mm512_loadu_si512(index);
    }
    return s;
}

/* Bits [bit, bit + count) of a row, count <= 64; reads up to 9 bytes. */
static inline uint64_t load_bits(const uint8_t *row, int64_t bit, int32_t count)
{
    uint64_t low;
    const uint8_t *bytes = row + bit / 8;
    const unsigned shift = (unsigned)(bit % 8);
    memcpy(&low, bytes, sizeof low);
    low >>= shift;
    if (shift != 0) {
        low |= (uint64_t)bytes[8] << (64 - shift);
    }
    return low & (UINT64_MAX >> (64 - count));
}

/* +1 where the bit is set, -1 where only `inside` is, else 0. */
static inline __m512i expand(uint32_t bits, uint32_t inside)
{
    const __m512i minus = _mm512_maskz_mov_epi16(inside, _mm512_set1_epi16(-1));
    return _mm512_mask_mov_epi16(minus, bits, _mm512_set1_epi16(1));
}

/* The vectors of one field row: [pair][column][step]. `row` is NULL outside the image. */
static void expand_row(const view *v, const sight *s, const snn_field *field, const snn_spikes *source,
                       const uint8_t *row, int32_t steps, uint8_t *to)
{
    const int64_t step_bytes = snn_spikes_plane_bytes(source) * source->images;
    const int64_t pair_bytes = (int64_t)field->columns * steps * VECTOR_BYTES;
    const int32_t width = v->op->source.width, ahead = v->op->window.dilation[1];
    const uint64_t all = UINT64_MAX >> (64 - s->channels);
    for (int32_t i = 0; i < field->columns; i++) {
        const int32_t column = field->column + i, next = column + ahead;
        const bool inside = row != NULL && column >= 0 && column < width;
        const bool next_inside = v->depthwise && row != NULL && next >= 0 && next < width;
        const uint8_t *at = inside ? row + (int64_t)column * source->row_bytes : NULL;
        const uint8_t *at_next = next_inside ? row + (int64_t)next * source->row_bytes : NULL;
        uint64_t used = inside ? all : 0;
        used |= next_inside ? all << 32 : 0;
        for (int32_t step = 0; step < steps; step++, to += VECTOR_BYTES) {
            uint64_t bits = inside ? load_bits(at + step * step_bytes, s->channel, s->channels) : 0;
            bits |= next_inside ? load_bits(at_next + step * step_bytes, s->channel, s->channels) << 32 : 0;
            const __m512i low = expand((uint32_t)bits, (uint32_t)used);
            const __m512i high = expand((uint32_t)(bits >> 32), (uint32_t)(used >> 32));
            for (int32_t pair = 0; pair < v->pairs; pair++) {
                _mm512_store_si512(to + pair * pair_bytes, _mm512_permutex2var_epi16(low, s->index[pair], high));
            }
        }
    }
}

static void expand_field(const view *v, const sight *s, const snn_field *field, const snn_spikes *source,
                         const snn_tile *tile, uint8_t *to)
{
    const uint8_t *plane = snn_spikes_plane(source, 0, tile->image);
    for (int32_t i = 0; i < field->rows; i++) {
        const int32_t row = field->row + i;
        const bool inside = row >= 0 && row < v->op->source.height;
        expand_row(v, s, field, source, inside ? plane + (int64_t)row * v->op->source.width * source->row_bytes : NULL,
                   tile->steps, to + (int64_t)i * v->pairs * field->columns * tile->steps * VECTOR_BYTES);
    }
}

static void find_offsets(const view *v, const snn_field *field, int32_t steps, int64_t *offsets)
{
    const snn_window *taps = &v->op->window;
    const int64_t pair_bytes = (int64_t)field->columns * steps * VECTOR_BYTES, row_bytes = v->pairs * pair_bytes;
    for (int32_t i = 0; i < taps->kernel[0]; i++) {
        for (int32_t j = 0; j < v->tap_columns; j++) {
            const int64_t column = (int64_t)j * taps->dilation[1] * (v->depthwise ? PAIR : 1);
            for (int32_t pair = 0; pair < v->pairs; pair++) {
                *offsets++ = i * taps->dilation[0] * row_bytes + pair * pair_bytes + column * steps * VECTOR_BYTES;
            }
        }
    }
}

/* Sums of `rows` rows of vectors that lie side by side. */
static inline __attribute__((always_inline)) void multiply(const uint8_t *vectors, const int64_t *offsets,
                                                           int64_t slices, const uint8_t *weights, const int rows,
                                                           __m512i sums[BLOCK_ROWS])
{
    __m512i total[BLOCK_ROWS];
#pragma GCC unroll 14
    for (int i = 0; i < rows; i++) {
        total[i] = _mm512_setzero_si512();
    }
    for (int64_t slice = 0; slice < slices; slice++) {
        const __m512i weight = _mm512_load_si512(weights + slice * VECTOR_BYTES);
        const uint8_t *values = vectors + offsets[slice];
#pragma GCC unroll 14
        for (int i = 0; i < rows; i++) {
            total[i] = _mm512_dpwssd_epi32(total[i], weight, _mm512_load_si512(values + i * VECTOR_BYTES));
        }
    }
#pragma GCC unroll 14
    for (int i = 0; i < rows; i++) {
        sums[i] = total[i];
    }
}

/* Rows [0, rows) of (position, step) pairs that lie side by side, of which the first is `step` at `sum`. */
typedef struct run {
    const uint8_t *vectors;
    int64_t rows;
    int32_t *sum;
} run;

static void project_run(const view *v, const working *w, const snn_tile *tile, const uint8_t *weights, __mmask16 mask,
                        run r)
{
    const int64_t owned = tile->channel_end - tile->channel_begin;
    const int64_t step_stride = (tile->position_end - tile->position_begin) * owned;
    int32_t step = 0;
    for (int64_t row = 0; row < r.rows; row += BLOCK_ROWS, r.vectors += BLOCK_ROWS * VECTOR_BYTES) {
        const int64_t left = r.rows - row < BLOCK_ROWS ? r.rows - row : BLOCK_ROWS;
        __m512i sums[BLOCK_ROWS];
        if (left > 8) {
            multiply(r.vectors, w->offsets, v->slices, weights, BLOCK_ROWS, sums);
        } else if (left > 2) {
            multiply(r.vectors, w->offsets, v->slices, weights, 8, sums);
        } else {
            multiply(r.vectors, w->offsets, v->slices, weights, 2, sums);
        }
        for (int64_t i = 0; i < left; i++) {
            int32_t *sum = r.sum + step * step_stride;
            _mm512_mask_storeu_epi32(sum, mask, _mm512_add_epi32(sums[i], _mm512_maskz_loadu_epi32(mask, sum)));
            if (++step == tile->steps) {
                step = 0;
                r.sum += owned;
            }
        }
    }
}

/* All target positions of the tile for 16 targets, whose first channel is `sums`. Positions side by side in a row are
 * one run, unless the convolution skips some. */
static void project_targets(const view *v, const working *w, const snn_field *field, const snn_tile *tile,
                            const uint8_t *weights, __mmask16 mask, int32_t *sums)
{
    const int64_t owned = tile->channel_end - tile->channel_begin, width = v->op->target.width;
    const int64_t row_bytes = (int64_t)v->pairs * field->columns * tile->steps * VECTOR_BYTES;
    for (int64_t position = tile->position_begin; position < tile->position_end;) {
        const int64_t row = position / width, column = position % width;
        int64_t together = field->column_stride == 1 ? width - column : 1;
        together = together < tile->position_end - position ? together : tile->position_end - position;
        const int64_t field_row = (row - field->target_row) * field->row_stride;
        const int64_t field_column = (column - field->target_column) * field->column_stride;
        const run r = {.vectors = w->vectors + field_row * row_bytes + field_column * tile->steps * VECTOR_BYTES,
                       .rows = together * tile->steps,
                       .sum = sums + (position - tile->position_begin) * owned};
        project_run(v, w, tile, weights, mask, r);
        position += together;
    }
}

/* How many steps at a time let the rows of vectors that a target row sees stay in a first-level cache. */
static int32_t steps_together(const view *v, const snn_field *field, int32_t steps)
{
    const int64_t step_bytes = (int64_t)v->op->window.kernel[0] * v->pairs * field->columns * VECTOR_BYTES;
    const int64_t fit = CACHE_BYTES / step_bytes;
    return fit < 1 ? 1 : fit < steps ? (int32_t)fit : steps;
}

void snn_groups_project(const snn_packed *packed, const snn_spikes *source, const snn_tile *tile)
{
    const snn_operator *op = &packed->projection->op;
    const int64_t positions = tile->position_end - tile->position_begin;
    if (positions == 0) {
        return;
    }
    const view v = view_of(op);
    const working w = working_of(&v, positions, tile->steps, tile->scratch);
    const snn_field field = snn_field_of_tile(op, tile->position_begin, tile->position_end, 0, 1);
    const int64_t step_stride = positions * (tile->channel_end - tile->channel_begin);
    const int32_t together = steps_together(&v, &field, tile->steps);
    for (int32_t step = 0; step < tile->steps; step += together) {
        snn_spikes spikes = *source;
        spikes.bits = snn_spikes_plane(source, step, 0);
        snn_tile part = *tile;
        part.steps = tile->steps - step < together ? tile->steps - step : together;
        part.accumulator = (int32_t *)tile->accumulator + step * step_stride;
        find_offsets(&v, &field, part.steps, w.offsets);
        const uint8_t *weights = packed->data;
        for (int32_t row = packed->row_begin; row < packed->row_end; row += TARGETS) {
            const int32_t left = packed->row_end - row, count = left < TARGETS ? left : TARGETS;
            const sight s = sight_of(&v, row, count);
            expand_field(&v, &s, &field, &spikes, &part, w.vectors);
            project_targets(&v, &w, &field, &part, weights, (__mmask16)((1U << count) - 1),
                            (int32_t *)part.accumulator + op->target_channel + row - tile->channel_begin);
            weights += v.slices * VECTOR_BYTES;
        }
    }
}
