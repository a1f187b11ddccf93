/* Convolutions of narrow groups with integer weights, depthwise ones among them: 32 target channels side by side, each
 * with the source channels of its own group.
 *
 * A word (words.h) is two source channels of a target's group or, of depthwise convolutions, two neighbouring taps of a
 * row. At (row, column) of the field there are the words of a slab of 32 targets, so that a vector of them serves all
 * outputs and taps that see it.
 *
 * Packed: int16_t [slab][tap row][tap column, or pair of them][word of the group][target][2]; what is missing of a
 * pair is 0. Fewer targets than a slab has are repeated, so that its lanes can be those of several positions. */
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

static bool suits(const snn_packed *packed)
{
    const snn_operator *op = &packed->projection->op;
    return op->kind == SNN_OPERATOR_CONVOLUTION && op->groups > 1 && !packed->real &&
           op->source_channels / op->groups <= CHANNELS_MOST && op->target_channels / op->groups < LANES;
}

static int64_t slab_weights(const narrow *n)
{
    return (int64_t)n->op->window.kernel[0] * n->tap_columns * n->words * SLAB;
}

static snn_status pack(const snn_operand *operand, snn_packed *packed)
{
    (void)operand;
    const snn_projection *projection = packed->projection;
    const narrow n = narrow_of(&projection->op);
    const int64_t rows = packed->row_end - packed->row_begin, skipped = packed->row_begin - projection->row_begin;
    const int64_t slabs = (rows + LANES - 1) / LANES;
    packed->bytes = slabs * slab_weights(&n) * (int64_t)sizeof(int16_t);
    packed->data = snn_allocate((size_t)packed->bytes, 1);
    if (packed->data == NULL) {
        return snn_out_of_memory("packed weights");
    }
    const int64_t length = snn_operator_row_length(n.op);
    int16_t *slab = packed->data;
    for (int64_t target = 0; target < slabs * LANES; target++) {
        const int64_t row = rows < LANES ? target % rows : target; /* few targets: again for the next positions */
        const int16_t *weights = (const int16_t *)projection->weights + (skipped + row) * length;
        int16_t *lane = slab + target / LANES * slab_weights(&n) + target % LANES * 2;
        if (row >= rows) {
            break;
        }
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

/* Bytes of the field's values of the source channels of a slab, and of what is read and written behind them. */
static int64_t values_bytes(const narrow *n, int64_t positions, int32_t channels)
{
    const int64_t behind = (int64_t)n->op->window.dilation[1] * channels * (int64_t)sizeof(int16_t);
    return snn_aligned(positions * channels * (int64_t)sizeof(int16_t)) + snn_aligned(behind) + 2 * SNN_ALIGNMENT;
}

/* Bytes of the words of as many positions of the field, and of what is read behind them. */
static int64_t words_bytes(const narrow *n, int64_t positions)
{
    return snn_aligned((positions * n->words + 1) * SLAB * (int64_t)sizeof(int16_t));
}

/* The most source channels that a slab sees: its targets may begin anywhere in a group. */
static int32_t channels_most(const narrow *n)
{
    return ((LANES - 2 + n->group_rows) / n->group_rows + 1) * n->group_channels;
}

static int64_t scratch(const snn_packed *packed, int64_t positions, int32_t steps)
{
    (void)steps;
    const narrow n = narrow_of(&packed->projection->op);
    const int64_t field = snn_field_largest(n.op, positions, 1);
    return words_bytes(&n, field) + values_bytes(&n, field, channels_most(&n)) +
           snn_field_scratch(n.op, channels_most(&n));
}

/* Targets side by side, and where their words are. */
typedef struct slab {
    int32_t first, targets; /* packed rows */
    int64_t position_words; /* of a position of the field */
    int32_t together;       /* positions in the lanes */
    bool fresh;             /* as that of the tile */
    const int16_t *words, *weights;
} slab;

/* Pairs of neighbouring taps of each target's channel; a last column's second one is multiplied with 0. */
static void pair_taps(const narrow *n, const snn_field *field, const int32_t *from, int32_t targets,
                      const int16_t *restrict values, uint32_t *restrict words)
{
    const int64_t next = (int64_t)n->op->window.dilation[1] * field->channels;
    if (n->group_rows == 1) { /* channels are targets, and all positions lie side by side */
        for (int64_t i = 0; i < snn_field_size(field); i++) {
            words[i] = (uint16_t)values[i] | (uint32_t)(uint16_t)values[i + next] << 16;
        }
        return;
    }
    for (int64_t i = 0; i < (int64_t)field->rows * field->columns; i++, values += field->channels, words += LANES) {
        for (int32_t lane = 0; lane < targets; lane++) {
            words[lane] = (uint16_t)values[from[lane]] | (uint32_t)(uint16_t)values[from[lane] + next] << 16;
        }
    }
}

/* A vector of words picked from a vector of words. */
typedef uint32_t words_vector __attribute__((vector_size(WIDTH * sizeof(uint32_t))));

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

/* Lane i becomes all[places[i] % WIDTH]. Clang has no such builtin. */
static inline words_vector shuffle(words_vector all, words_vector places)
{
#ifdef __clang__
    words_vector picked = {0};
    for (int lane = 0; lane < WIDTH; lane++) {
        picked[lane] = all[places[lane] % WIDTH];
    }
    return picked;
#else
    return __builtin_shuffle(all, places);
#endif
}

/* The same where the words that a vector of lanes picks lie within a vector. */
static void pick_vectors(const narrow *n, const snn_field *field, const int32_t *from, const int16_t *values,
                         int16_t *words)
{
    words_vector first[VECTORS] = {{0}};
    for (int v = 0; v < VECTORS; v++) {
        for (int lane = 0; lane < WIDTH; lane++) {
            first[v][lane] = (uint32_t)(from[v * WIDTH + lane] - from[v * WIDTH]) / 2;
        }
    }
    for (int64_t i = 0; i < (int64_t)field->rows * field->columns; i++, values += field->channels) {
        for (int32_t word = 0; word < n->words; word++, words += SLAB) {
            for (int v = 0; v < VECTORS; v++) {
                words_vector all;
                memcpy(&all, values + from[v * WIDTH], sizeof all);
                all = shuffle(all, first[v] + (uint32_t)word);
                memcpy(words + v * 2 * WIDTH, &all, sizeof all);
            }
        }
    }
}

/* Whether lanes of whole slabs, which may begin in a group, see no more words than a vector holds, all of even
 * channels. */
static bool picks_vectors(const narrow *n)
{
    const int32_t groups = (WIDTH - 2 + n->group_rows) / n->group_rows + 1;
    return WIDTH > 1 && n->group_channels % 2 == 0 && groups * n->words <= WIDTH;
}

/* The words of a slab in one step of the source. */
static void expand(const narrow *n, const snn_packed *packed, const snn_field *of_tile, const snn_source *source,
                   int32_t step, const slab *group, int16_t *words, uint8_t *working)
{
    snn_field field = *of_tile;
    const int32_t row = packed->row_begin + group->first;
    int32_t from[LANES] = {0};
    channels_of(n, row, group->targets, &field.channel, &field.channels);
    for (int32_t lane = 0; lane < group->targets; lane++) {
        from[lane] = (row + lane) / n->group_rows * n->group_channels - field.channel;
    }
    field.channel += n->op->source_channel;
    int16_t *values = (int16_t *)working;
    working += values_bytes(n, (int64_t)field.rows * field.columns, field.channels);
    snn_field_expand(&field, n->op, source, step, 0, values, working);
    if (n->depthwise) {
        pair_taps(n, &field, from, group->targets, values, (uint32_t *)(void *)words);
    } else if (group->targets == LANES && picks_vectors(n)) {
        pick_vectors(n, &field, from, values, words);
    } else {
        pick_channels(n, &field, from, group->targets, values, words);
    }
}

/* Sums of neighbouring positions, those of a slab's targets in lanes, or of several positions side by side. */
typedef struct run {
    const int16_t *seen; /* of the first; the next ones see words so many values on */
    int64_t apart;
    int32_t *sums; /* of the first; the next ones' are so many on */
    int64_t stride;
    int32_t lanes;
} run;

/* Adds `count` sums. */
static inline __attribute__((always_inline)) void multiply(const narrow *n, const snn_field *field, const slab *group,
                                                           const run *of, const int count, const int vectors)
{
    const snn_window *taps = &n->op->window;
    const int64_t position = 2 * group->position_words, row = (int64_t)taps->dilation[0] * field->columns * position;
    const int64_t column = (n->depthwise ? 2 : 1) * taps->dilation[1] * position;
    const int16_t *weights = group->weights;
    vector total[POSITIONS][VECTORS];
#pragma GCC unroll 8
    for (int p = 0; p < count; p++) {
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++) {
            total[p][v] = repeat_word(0);
        }
    }
    for (int32_t i = 0; i < taps->kernel[0]; i++) {
        for (int32_t j = 0; j < n->tap_columns; j++) {
            for (int32_t word = 0; word < n->words; word++, weights += SLAB) {
                const int16_t *seen = of->seen + i * row + j * column + word * SLAB;
#pragma GCC unroll 8
                for (int v = 0; v < vectors; v++) {
                    const vector weight = load_words(weights + v * 2 * WIDTH);
#pragma GCC unroll 8
                    for (int p = 0; p < count; p++) {
                        total[p][v] = add_pairs(total[p][v], load_words(seen + p * of->apart + v * 2 * WIDTH), weight);
                    }
                }
            }
        }
    }
    int32_t *sums = of->sums;
#pragma GCC unroll 8
    for (int p = 0; p < count; p++, sums += of->stride) {
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++) {
            const int32_t left = of->lanes - v * WIDTH;
            add_sums(sums + v * WIDTH, total[p][v], left < 0 ? 0 : left < WIDTH ? left : WIDTH, group->fresh);
        }
    }
}

/* As many sums as registers hold, at most `left`; how many that were. */
static inline __attribute__((always_inline)) int32_t multiply_some(const narrow *n, const snn_field *field,
                                                                   const slab *group, const run *of, int64_t left,
                                                                   const int vectors)
{
    if (left >= POSITIONS) {
        multiply(n, field, group, of, POSITIONS, vectors);
        return POSITIONS;
    }
    if (left >= 2 && POSITIONS > 2) {
        multiply(n, field, group, of, 2, vectors);
        return 2;
    }
    multiply(n, field, group, of, 1, vectors);
    return 1;
}

static int32_t multiply_lanes(const narrow *n, const snn_field *field, const slab *group, const run *of, int64_t left)
{
    return of->lanes <= LANES / 2 ? multiply_some(n, field, group, of, left, VECTORS > 1 ? VECTORS / 2 : 1)
                                  : multiply_some(n, field, group, of, left, VECTORS);
}

/* One step of a slab into `sums` [position][owned]: along the rows of targets, `together` positions in the lanes. */
static void project_slab(const narrow *n, const snn_field *field, const slab *group, const snn_tile *tile,
                         int32_t *sums)
{
    const int64_t owned = tile->channel_end - tile->channel_begin, width = n->op->target.width;
    const int64_t step = field->column_stride * group->position_words * 2;
    for (int64_t position = tile->position_begin; position < tile->position_end;) {
        int64_t end = (position / width + 1) * width;
        end = end < tile->position_end ? end : tile->position_end;
        run of = {.seen = group->words + snn_field_first(field, n->op, position) * group->position_words * 2,
                  .apart = group->together * step,
                  .sums = sums,
                  .stride = group->together * owned};
        sums += (end - position) * owned;
        while (position < end) {
            const int64_t left = end - position, used = left < group->together ? left : group->together;
            of.lanes = group->targets * (int32_t)used;
            const int32_t done =
                multiply_lanes(n, field, group, &of, left < group->together ? 1 : left / group->together);
            position += done * used;
            of.seen += done * of.apart;
            of.sums += done * of.stride;
        }
    }
}

/* Targets of packed rows from `first` on. Lanes hold several positions where these lie side by side in the words and in
 * the sums, and repeat the targets. */
static slab slab_of(const narrow *n, const snn_packed *packed, const snn_tile *tile, int32_t first)
{
    const int32_t rows = packed->row_end - packed->row_begin;
    slab made = {
        .first = first, .targets = rows - first < LANES ? rows - first : LANES, .together = 1, .fresh = tile->fresh};
    const bool dense = n->depthwise && n->group_rows == 1;
    made.position_words = dense ? made.targets : n->words * LANES;
    if (dense && n->op->window.stride[1] == 1 && rows == tile->channel_end - tile->channel_begin && LANES % rows == 0) {
        made.together = LANES / rows;
    }
    return made;
}

static void project(const snn_packed *packed, const snn_source *source, const snn_tile *tile)
{
    const narrow n = narrow_of(&packed->projection->op);
    const snn_sum_rows out = snn_sum_rows_of(packed, tile);
    const int32_t rows = packed->row_end - packed->row_begin;
    const snn_field field = snn_field_of_tile(n.op, tile->position_begin, tile->position_end, 0, 1);
    int16_t *words = tile->scratch;
    uint8_t *working = (uint8_t *)words + words_bytes(&n, (int64_t)field.rows * field.columns);
    for (int32_t step = 0; step < tile->steps; step++) {
        const int16_t *weights = packed->data;
        for (int32_t first = 0; first < rows; first += LANES, weights += slab_weights(&n)) {
            slab group = slab_of(&n, packed, tile, first);
            group.words = words;
            group.weights = weights;
            expand(&n, packed, &field, source, step, &group, words, working);
            project_slab(&n, &field, &group, tile,
                         (int32_t *)out.data + step * out.positions * out.stride + out.offset + first);
        }
    }
}

const snn_product snn_narrow_product = {"narrow", true, suits, pack, scratch, project};
