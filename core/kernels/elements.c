/* Products of elements: each target takes one element of the pooled source, or none (SNN_OPERATOR_GATHER), or that of
 * its own position and channel (SNN_OPERATOR_DIAGONAL).
 *
 * Packed: int32_t or float [position][row]; then the element that each takes, or -1; then for each position the first
 * of them if its rows take neighbouring ones, or -1. Of diagonal operators [row] only. */
#include "core/kernels/portable.h"

#include <string.h>

static bool is_diagonal(const snn_packed *packed)
{
    return packed->projection->op.kind == SNN_OPERATOR_DIAGONAL;
}

static bool suits(const snn_packed *packed)
{
    return packed->projection->op.kind == SNN_OPERATOR_GATHER || is_diagonal(packed);
}

/* A packed gather, cut up. */
typedef struct gather {
    int64_t rows;
    int32_t *weights, *elements, *runs; /* weights: or float */
} gather;

static gather gather_of(const snn_packed *packed)
{
    const int64_t positions = snn_shape_positions(packed->projection->op.target);
    gather g = {.rows = packed->row_end - packed->row_begin, .weights = packed->data};
    g.elements = g.weights + positions * g.rows;
    g.runs = g.elements + positions * g.rows;
    return g;
}

static bool are_neighbours(const int32_t *elements, int64_t count)
{
    bool neighbours = elements[0] >= 0;
    for (int64_t i = 0; i < count; i++) {
        neighbours = neighbours && elements[i] == elements[0] + i;
    }
    return neighbours;
}

static void pack_gather(const snn_packed *packed, int64_t skipped)
{
    const snn_projection *projection = packed->projection;
    const gather g = gather_of(packed); /* floats are copied as they are */
    const int64_t positions = snn_shape_positions(projection->op.target);
    for (int64_t row = 0; row < g.rows; row++) {
        for (int64_t position = 0; position < positions; position++) {
            const int64_t from = (skipped + row) * positions + position, to = position * g.rows + row;
            memcpy(&g.weights[to], (const int32_t *)projection->weights + from, sizeof g.weights[to]);
            g.elements[to] = projection->index[from];
        }
    }
    for (int64_t position = 0; position < positions && g.rows > 0; position++) {
        const int32_t *elements = g.elements + position * g.rows;
        g.runs[position] = are_neighbours(elements, g.rows) ? elements[0] : -1;
    }
}

static snn_status pack(const snn_operand *operand, snn_packed *packed)
{
    (void)operand;
    const snn_projection *projection = packed->projection;
    const int64_t rows = packed->row_end - packed->row_begin, skipped = packed->row_begin - projection->row_begin;
    const int64_t positions = snn_shape_positions(projection->op.target);
    packed->bytes = (is_diagonal(packed) ? rows : (2 * rows + 1) * positions) * (int64_t)sizeof(int32_t);
    packed->data = snn_allocate((size_t)packed->bytes, 1);
    if (packed->data == NULL) {
        return snn_out_of_memory("packed weights");
    }
    if (is_diagonal(packed)) {
        memcpy(packed->data, (const int32_t *)projection->weights + skipped, (size_t)packed->bytes);
    } else {
        pack_gather(packed, skipped);
    }
    return snn_ok();
}

static int64_t scratch(const snn_packed *packed, int64_t positions, int32_t steps)
{
    (void)steps;
    const snn_operator *op = &packed->projection->op;
    const int32_t rows = packed->row_end - packed->row_begin,
                  channels = is_diagonal(packed) ? rows : op->source_channels;
    const int64_t size = is_diagonal(packed) ? snn_field_largest(op, positions, channels)
                                             : snn_shape_size(snn_operator_pooled_shape(op));
    return snn_values_bytes(packed, size, 1) + snn_field_scratch(op, channels);
}

static void include(int32_t first, int32_t last, int32_t *least, int32_t *most)
{
    *least = first < *least ? first : *least;
    *most = last > *most ? last : *most;
}

/* Rows of the pooled source that a tile's elements are in, all channels; of a diagonal operator its rows' alone. */
static snn_field field_of(const snn_packed *packed, const gather *g, const snn_tile *tile)
{
    const snn_operator *op = &packed->projection->op;
    if (is_diagonal(packed)) {
        return snn_field_of_tile(op, tile->position_begin, tile->position_end, op->source_channel + packed->row_begin,
                                 (int32_t)g->rows);
    }
    const int32_t width = snn_operator_pooled_shape(op).width, row_size = width * op->source_channels;
    int32_t first = INT32_MAX, last = -1;
    for (int64_t position = tile->position_begin; position < tile->position_end; position++) {
        const int32_t run = g->runs[position];
        if (run >= 0) {
            include(run, run + (int32_t)g->rows - 1, &first, &last);
            continue;
        }
        for (int64_t i = position * g->rows; i < (position + 1) * g->rows; i++) {
            if (g->elements[i] >= 0) {
                include(g->elements[i], g->elements[i], &first, &last);
            }
        }
    }
    first = last < 0 ? 0 : first / row_size;
    return (snn_field){.row = first,
                       .rows = last < 0 ? 0 : last / row_size + 1 - first,
                       .columns = width,
                       .channel = op->source_channel,
                       .channels = op->source_channels};
}

static void add_run(const int32_t *restrict weights, const int16_t *restrict values, int64_t count, bool fresh,
                    int32_t *restrict sums)
{
    for (int64_t c = 0; fresh && c < count; c++) {
        sums[c] = weights[c] * values[c];
    }
    for (int64_t c = 0; !fresh && c < count; c++) {
        sums[c] += weights[c] * values[c];
    }
}

static void add_real_run(const float *restrict weights, const int16_t *restrict values, int64_t count, bool fresh,
                         float *restrict sums)
{
    for (int64_t c = 0; c < count; c++) {
        sums[c] = (fresh ? 0.0F : sums[c]) + weights[c] * (float)values[c];
    }
}

static void add_neighbours(const snn_packed *packed, const int32_t *weights, const int16_t *values, int64_t count,
                           bool fresh, void *sums)
{
    if (packed->real) {
        add_real_run((const float *)(const void *)weights, values, count, fresh, sums);
    } else {
        add_run(weights, values, count, fresh, sums);
    }
}

/* Elements that are not neighbours, or none; values [element - offset]. */
static void add_elements(const snn_packed *packed, const gather *g, int64_t position, const int16_t *values,
                         int64_t offset, bool fresh, void *sums)
{
    const int32_t *weights = g->weights + position * g->rows, *elements = g->elements + position * g->rows;
    memset(sums, 0, fresh ? (size_t)g->rows * sizeof(int32_t) : 0);
    for (int64_t c = 0; c < g->rows; c++) {
        if (elements[c] >= 0) {
            add_neighbours(packed, &weights[c], &values[elements[c] - offset], 1, false, (int32_t *)sums + c);
        }
    }
}

static void project(const snn_packed *packed, const snn_source *source, const snn_tile *tile)
{
    const snn_operator *op = &packed->projection->op;
    const snn_sum_rows out = snn_sum_rows_of(packed, tile);
    const gather g = gather_of(packed);
    const snn_field field = field_of(packed, &g, tile);
    const int64_t offset = (int64_t)field.row * field.columns * field.channels;
    int16_t *values = tile->scratch;
    int32_t *sums = (int32_t *)out.data + out.offset;
    for (int32_t step = 0; step < tile->steps; step++) {
        snn_field_expand(&field, op, source, step, 0, values,
                         (uint8_t *)values + snn_values_bytes(packed, snn_field_size(&field), 1));
        for (int64_t position = tile->position_begin; position < tile->position_end; position++, sums += out.stride) {
            if (is_diagonal(packed)) {
                add_neighbours(packed, g.weights, values + snn_field_first(&field, op, position), g.rows, tile->fresh,
                               sums);
            } else if (g.runs[position] >= 0) {
                add_neighbours(packed, g.weights + position * g.rows, values + (g.runs[position] - offset), g.rows,
                               tile->fresh, sums);
            } else {
                add_elements(packed, &g, position, values, offset, tile->fresh, sums);
            }
        }
    }
}

const snn_product snn_elements_product = {"elements", true, suits, pack, scratch, project};
