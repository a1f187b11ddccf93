/* Products that mix positions (SNN_OPERATOR_TOKENS): all source positions of a few channels are expanded once, then
 * multiplied with the mixing rows of the tile's target positions, channels side by side.
 *
 * Packed: int32_t weights [row], then the mixing matrix in pairs of source positions, int16_t [target position][pair]
 * [2], a missing last one 0. The values of a slab of channels are laid out alike, [pair][channel][2], as a panel
 * of weights has them: to a matrix product the rows of the mixing matrix are values. */
#include "core/kernels/matrix.h"

#include <string.h>

#include "core/base/integers.h"
#include "core/base/memory.h"
#include "core/kernels/words.h"

enum {
    VECTORS = 2,
    LANES = VECTORS * WIDTH,  /* channels of a slab */
    POSITIONS = 4 * ROWS_OF_2 /* target positions at once, at most */
};

/* Pairs of source positions. */
static int64_t mixing_depth(const snn_packed *packed)
{
    return (snn_shape_positions(snn_operator_pooled_shape(&packed->projection->op)) + 1) / 2;
}

static bool suits(const snn_packed *packed)
{
    return packed->projection->op.kind == SNN_OPERATOR_TOKENS;
}

static snn_status pack(const snn_operand *operand, snn_packed *packed)
{
    (void)operand;
    const snn_projection *projection = packed->projection;
    const int64_t rows = packed->row_end - packed->row_begin, skipped = packed->row_begin - projection->row_begin;
    const int64_t sources = snn_shape_positions(snn_operator_pooled_shape(&projection->op));
    const int64_t targets = snn_shape_positions(projection->op.target), depth = mixing_depth(packed);
    packed->bytes = (rows + targets * depth) * (int64_t)sizeof(int32_t);
    packed->data = snn_allocate((size_t)packed->bytes, 1);
    if (packed->data == NULL) {
        return snn_out_of_memory("packed weights");
    }
    int32_t *weights = packed->data;
    if (rows > 0) {
        memcpy(weights, (const int32_t *)projection->weights + skipped, (size_t)rows * sizeof weights[0]);
    }
    for (int64_t target = 0; target < targets; target++) {
        memcpy(weights + rows + target * depth, (const int16_t *)projection->mixing + target * sources,
               (size_t)sources * sizeof(int16_t));
    }
    return snn_ok();
}

static int64_t scratch(const snn_packed *packed, int64_t positions, int32_t steps)
{
    (void)positions;
    (void)steps;
    const int64_t sources = snn_shape_positions(snn_operator_pooled_shape(&packed->projection->op));
    const int32_t rows = packed->row_end - packed->row_begin;
    return 2 * LANES * mixing_depth(packed) * (int64_t)sizeof(int16_t) +
           sources * (rows + LANES) * (int64_t)sizeof(int16_t) + 4 * SNN_ALIGNMENT +
           snn_field_scratch(&packed->projection->op, rows);
}

/* values [source position][stride] to [pair][LANES][2], missing positions 0. What lies behind the last channels is
 * read, and its sums are not used. */
static void lay_out_pairs(const int16_t *restrict values, int64_t stride, int64_t sources, int16_t *restrict pairs)
{
    static const int16_t none[LANES];
    for (int64_t source = 0; source < sources; source += 2, values += 2 * stride, pairs += 2 * LANES) {
        const int16_t *second = source + 1 < sources ? values + stride : none;
        for (int i = 0; i < LANES; i++) {
            pairs[2 * i] = values[i];
            pairs[2 * i + 1] = second[i];
        }
    }
}

/* Channels side by side: packed rows [first, first + count). */
typedef struct slab {
    int32_t first, count;
    bool weighted;         /* sums are */
    const int16_t *values; /* laid out as pairs */
} slab;

static void add_weighted(const slab *group, const int32_t *restrict weights, const int32_t *restrict sums,
                         int32_t *restrict accumulator)
{
    const int32_t count = group->count;
    if (!group->weighted) {
        for (int32_t c = 0; c < count; c++) {
            accumulator[c] += sums[c];
        }
    } else if (count == LANES) {
        for (int32_t c = 0; c < LANES; c++) {
            accumulator[c] += (int32_t)snn_tokens_weighted(weights[c], sums[c]);
        }
    } else {
        for (int32_t c = 0; c < count; c++) {
            accumulator[c] += (int32_t)snn_tokens_weighted(weights[c], sums[c]);
        }
    }
}

/* Adds the products of one step's slab for all target positions of the tile into `accumulator` [position][owned]. */
static void project_slab(const snn_packed *packed, const slab *group, const snn_tile *tile, int32_t *accumulator)
{
    static const int64_t whole = 0;
    const int32_t *weights = packed->data;
    const int64_t depth = mixing_depth(packed), owned = tile->channel_end - tile->channel_begin;
    const job j = {.values = (const uint8_t *)(weights + (packed->row_end - packed->row_begin)),
                   .weights = (const uint8_t *)group->values,
                   .segments = &whole,
                   .segment_count = 1,
                   .words = depth,
                   .stride = LANES,
                   .last = WIDTH,
                   .fresh = true};
    for (int64_t position = tile->position_begin; position < tile->position_end;) {
        int32_t sums[POSITIONS][LANES];
        int64_t seen[POSITIONS];
        const int32_t used = (int32_t)snn_smaller(tile->position_end - position, POSITIONS);
        for (int32_t i = 0; i < used; i++, position++) {
            seen[i] = position * depth * WORD_BYTES;
        }
        snn_matrix_multiply(&j, VECTORS, seen, used, sums[0]);
        for (int32_t i = 0; i < used; i++, accumulator += owned) {
            add_weighted(group, weights + group->first, sums[i], accumulator);
        }
    }
}

static void project(const snn_packed *packed, const snn_source *source, const snn_tile *tile)
{
    const snn_operator *op = &packed->projection->op;
    const snn_shape pooled = snn_operator_pooled_shape(op);
    const int64_t sources = snn_shape_positions(pooled), positions = tile->position_end - tile->position_begin;
    const int64_t owned = tile->channel_end - tile->channel_begin;
    const int64_t offset = op->target_channel + packed->row_begin - tile->channel_begin;
    const int32_t rows = packed->row_end - packed->row_begin;
    int16_t *laid_out = tile->scratch, *values = laid_out + 2 * LANES * mixing_depth(packed);
    const snn_field field = {.rows = pooled.height,
                             .columns = pooled.width,
                             .channel = op->source_channel + packed->row_begin,
                             .channels = rows};
    for (int32_t step = 0; step < tile->steps; step++) {
        snn_field_expand(&field, op, source, step, 0, values, values + sources * (rows + LANES) + 2 * SNN_ALIGNMENT);
        for (int32_t first = 0; first < rows; first += LANES) {
            const slab group = {.first = first,
                                .count = rows - first < LANES ? rows - first : LANES,
                                .weighted = source->integers == NULL, /* limbs are weighted when they are whole */
                                .values = laid_out};
            lay_out_pairs(values + first, rows, sources, laid_out);
            project_slab(packed, &group, tile,
                         (int32_t *)tile->accumulator + step * positions * owned + offset + first);
        }
    }
}

const snn_product snn_tokens_product = {"tokens", false, suits, pack, scratch, project};
