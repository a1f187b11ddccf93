/* Convolutions of narrow groups with integer weights, depthwise ones among them: 32 target channels side by side, each
 * with the source channels of its own group.
 *
 * A word (words.h) is two source channels of a target's group or, of depthwise convolutions, two neighbouring taps of a
 * row. At (row, column) of the field there are the words of a slab of 32 targets, so that a vector of them serves all
 * outputs and taps that see it.
 *
 * Packed: int16_t [slab][tap row][tap column, or pair of them][word of the group][target][2]; what is missing of a
 * pair, and missing targets, are 0. */
#include "core/kernels/portable.h"

#include <string.h>

#include "core/base/memory.h"
#include "core/kernels/words.h"

enum {
    LANES = 32, /* targets of a slab */
    VECTORS = LANES / WIDTH,
    SLAB = 2 * LANES, /* int16 values of a word of all targets */
    POSITIONS = PAIR_ROWS,
    CHANNELS_MOST = 8 /* of a group: more fill a vector of rows well enough */
};

typedef struct narrow {
    const snn_operator *op;
    int32_t group_rows, group_channels;
    bool depthwise;
    int32_t words;       /* of a group */
    int32_t tap_columns; /* of weights */
} narrow;

static narrow narrow_of(const snn_operator *op)
{
    narrow n = {.op = op,
                .group_rows = op->target_channels / op->groups,
                .group_channels = op->source_channels / op->groups,
                .tap_columns = op->window.kernel[1]};
    n.depthwise = n.group_channels == 1;
    n.words = (n.group_channels + 1) / 2;
    n.tap_columns = n.depthwise ? (n.tap_columns + 1) / 2 : n.tap_columns;
    return n;
}

bool snn_narrow_suits(const snn_packed *packed)
{
    const snn_operator *op = &packed->projection->op;
    return op->kind == SNN_OPERATOR_CONVOLUTION && op->groups > 1 && !op->pooled && !packed->real &&
           op->source_channels / op->groups <= CHANNELS_MOST && op->target_channels / op->groups < LANES;
}

static int64_t slab_weights(const narrow *n)
{
    return (int64_t)n->op->window.kernel[0] * n->tap_columns * n->words * SLAB;
}

snn_status snn_narrow_pack(const snn_projection *projection, snn_packed *packed)
{
    const narrow n = narrow_of(&projection->op);
    const int64_t rows = packed->row_end - packed->row_begin, skipped = packed->row_begin - projection->row_begin;
    const int64_t slabs = (rows + LANES - 1) / LANES;
    packed->bytes = slabs * slab_weights(&n) * (int64_t)sizeof(int16_t);
    packed->data = snn_allocate((size_t)packed->bytes, 1);
    if (packed->data == NULL) {
        return snn_out_of_memory("packed weights");
    }
    const int16_t *weights = (const int16_t *)projection->weights + skipped * snn_operator_row_length(n.op);
    int16_t *slab = packed->data;
    for (int64_t row = 0; row < rows; row++) {
        int16_t *lane = slab + row / LANES * slab_weights(&n) + row % LANES * 2;
        for (int32_t i = 0; i < n.op->window.kernel[0]; i++, lane += n.tap_columns * n.words * SLAB) {
            for (int32_t j = 0; j < n.op->window.kernel[1]; j++) {
                for (int32_t c = 0; c < n.group_channels; c++) {
                    const int32_t at = n.depthwise ? j : j * n.words * 2 + c;
                    lane[at / 2 * SLAB + at % 2] = *weights++;
                }
            }
        }
    }
    return snn_ok();
}

/* Source channels, from the operator's first on, that targets [row, row + count) see. */
static void channels_of(const narrow *n, int32_t row, int32_t count, int32_t *first, int32_t *channels)
{
    const int32_t group = row / n->group_rows;
    *first = group * n->group_channels;
    *channels = ((row + count - 1) / n->group_rows + 1 - group) * n->group_channels;
}

static int64_t aligned(int64_t bytes)
{
    return (bytes + SNN_ALIGNMENT - 1) / SNN_ALIGNMENT * SNN_ALIGNMENT;
}

/* Bytes of the field's values of the source channels of a slab, and of what is written behind them. */
static int64_t values_bytes(int64_t positions, int32_t channels)
{
    return aligned(positions * channels * (int64_t)sizeof(int16_t)) + 2 * SNN_ALIGNMENT;
}

/* The most source channels that a slab sees: its targets may begin anywhere in a group. */
static int32_t channels_most(const narrow *n)
{
    return ((LANES - 2 + n->group_rows) / n->group_rows + 1) * n->group_channels;
}

int64_t snn_narrow_scratch(const snn_packed *packed, int64_t positions)
{
    const narrow n = narrow_of(&packed->projection->op);
    const int64_t field = snn_field_largest(n.op, positions, 1);
    return aligned(field * n.words * SLAB * (int64_t)sizeof(int16_t)) + values_bytes(field, channels_most(&n)) +
           snn_field_scratch(channels_most(&n));
}

/* Pairs of neighbouring taps of each target's channel; a last column's second one is multiplied with 0. */
static void pair_taps(const narrow *n, const snn_field *field, const int32_t *from, int32_t targets,
                      const int16_t *values, int16_t *words)
{
    const int32_t next = n->op->window.dilation[1], channels = field->channels;
    for (int64_t row = 0; row < field->rows; row++) {
        for (int32_t column = 0; column < field->columns; column++, values += channels, words += SLAB) {
            const int16_t *other = column + next < field->columns ? values + (int64_t)next * channels : values;
            if (n->group_rows == 1 && targets == LANES) {
                for (int i = 0; i < LANES; i++) {
                    words[2 * i] = values[i];
                    words[2 * i + 1] = other[i];
                }
                continue;
            }
            for (int32_t i = 0; i < targets; i++) {
                words[2 * i] = values[from[i]];
                words[2 * i + 1] = other[from[i]];
            }
        }
    }
}

/* Each target's channels, of which `from` says where they begin; behind an odd last one is what is multiplied with 0.
 */
static void pick_channels(const narrow *n, const snn_field *field, const int32_t *from, int32_t targets,
                          const int16_t *values, int16_t *words)
{
    for (int64_t i = 0; i < (int64_t)field->rows * field->columns; i++, values += field->channels) {
        for (int32_t word = 0; word < n->words; word++, words += SLAB) {
            for (int32_t lane = 0; lane < targets; lane++) {
                memcpy(words + 2 * lane, values + from[lane] + 2 * word, sizeof(int32_t));
            }
        }
    }
}

/* The words of packed rows [first, first + targets) in one step of the source. */
static void expand(const narrow *n, const snn_packed *packed, const snn_field *of_tile, const snn_source *source,
                   int32_t step, int32_t first, int32_t targets, int16_t *words, uint8_t *working)
{
    snn_field field = *of_tile;
    const int32_t row = packed->row_begin + first;
    int32_t from[LANES] = {0};
    channels_of(n, row, targets, &field.channel, &field.channels);
    for (int32_t lane = 0; lane < targets; lane++) {
        from[lane] = (row + lane) / n->group_rows * n->group_channels - field.channel;
    }
    field.channel += n->op->source_channel;
    int16_t *values = (int16_t *)working;
    working += values_bytes((int64_t)field.rows * field.columns, field.channels);
    snn_field_expand(&field, n->op, source, step, 0, values, working);
    if (n->depthwise) {
        pair_taps(n, &field, from, targets, values, words);
    } else {
        pick_channels(n, &field, from, targets, values, words);
    }
}

/* Adds the sums of `count` target positions, which see words from seen[i] on, with a slab's weights. */
static inline __attribute__((always_inline)) void multiply(const narrow *n, const snn_field *field,
                                                           const int16_t *const seen[POSITIONS], const int16_t *weights,
                                                           int32_t targets, int64_t stride, int32_t *sums,
                                                           const int count)
{
    const snn_window *taps = &n->op->window;
    const int64_t position = n->words * SLAB, row = (int64_t)taps->dilation[0] * field->columns * position;
    const int64_t column = (n->depthwise ? 2 : 1) * taps->dilation[1] * position;
    vector total[POSITIONS][VECTORS];
    memset(total, 0, sizeof total);
    for (int32_t i = 0; i < taps->kernel[0]; i++) {
        for (int32_t j = 0; j < n->tap_columns; j++) {
            for (int32_t word = 0; word < n->words; word++, weights += SLAB) {
                const int64_t offset = i * row + j * column + word * SLAB;
#pragma GCC unroll 8
                for (int v = 0; v < VECTORS; v++) {
                    const vector weight = load_words(weights + v * 2 * WIDTH);
#pragma GCC unroll 8
                    for (int p = 0; p < count; p++) {
                        total[p][v] = add_pairs(total[p][v], load_words(seen[p] + offset + v * 2 * WIDTH), weight);
                    }
                }
            }
        }
    }
#pragma GCC unroll 8
    for (int p = 0; p < count; p++, sums += stride) {
#pragma GCC unroll 8
        for (int v = 0; v < VECTORS; v++) {
            const int32_t left = targets - v * WIDTH;
            add_sums(sums + v * WIDTH, total[p][v], left < 0 ? 0 : left < WIDTH ? left : WIDTH);
        }
    }
}

/* One step of a slab into `sums` [position][owned]. */
static void project_slab(const narrow *n, const snn_field *field, const int16_t *words, const int16_t *weights,
                         const snn_tile *tile, int32_t targets, int32_t *sums)
{
    const int64_t owned = tile->channel_end - tile->channel_begin;
    int64_t position = tile->position_begin;
    while (position < tile->position_end) {
        const int16_t *seen[POSITIONS];
        const int64_t left = tile->position_end - position;
        for (int64_t p = 0; p < POSITIONS && p < left; p++) {
            seen[p] = words + snn_field_first(field, n->op, position + p) / field->channels * n->words * SLAB;
        }
        if (left >= POSITIONS) {
            multiply(n, field, seen, weights, targets, owned, sums, POSITIONS);
            position += POSITIONS;
            sums += POSITIONS * owned;
        } else {
            multiply(n, field, seen, weights, targets, owned, sums, 1);
            position++;
            sums += owned;
        }
    }
}

void snn_narrow_project(const snn_packed *packed, const snn_source *source, const snn_tile *tile)
{
    const narrow n = narrow_of(&packed->projection->op);
    const snn_sum_rows out = snn_sum_rows_of(packed, tile);
    const int32_t rows = packed->row_end - packed->row_begin;
    const snn_field field = snn_field_of_tile(n.op, tile->position_begin, tile->position_end, 0, 1);
    int16_t *words = tile->scratch;
    uint8_t *working =
        (uint8_t *)words + aligned((int64_t)field.rows * field.columns * n.words * SLAB * (int64_t)sizeof(int16_t));
    for (int32_t step = 0; step < tile->steps; step++) {
        const int16_t *weights = packed->data;
        for (int32_t first = 0; first < rows; first += LANES, weights += slab_weights(&n)) {
            const int32_t targets = rows - first < LANES ? rows - first : LANES;
            expand(&n, packed, &field, source, step, first, targets, words, working);
            project_slab(&n, &field, words, weights, tile, targets,
                         (int32_t *)out.data + step * out.positions * out.stride + out.offset + first);
        }
    }
}
