/* Products of elements: each target takes one element of the pooled source, or none.
 *
 * Packed: int32_t or float [position][row], then the element that each takes, or -1. */
#include "core/kernels/portable.h"

#include <string.h>

static bool suits(const snn_packed *packed)
{
    return packed->projection->op.kind == SNN_OPERATOR_GATHER;
}

static snn_status pack(const snn_operand *operand, snn_packed *packed)
{
    (void)operand;
    const snn_projection *projection = packed->projection;
    const int64_t rows = packed->row_end - packed->row_begin, skipped = packed->row_begin - projection->row_begin;
    const int64_t positions = snn_shape_positions(projection->op.target), count = rows * positions;
    packed->bytes = 2 * count * (int64_t)sizeof(int32_t);
    packed->data = snn_allocate((size_t)packed->bytes, 1);
    if (packed->data == NULL) {
        return snn_out_of_memory("packed weights");
    }
    int32_t *weights = packed->data, *elements = weights + count; /* floats are copied as they are */
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t position = 0; position < positions; position++) {
            const int64_t from = (skipped + row) * positions + position, to = position * rows + row;
            memcpy(&weights[to], (const int32_t *)projection->weights + from, sizeof weights[to]);
            elements[to] = projection->index[from];
        }
    }
    return snn_ok();
}

static int64_t scratch(const snn_packed *packed, int64_t positions, int32_t steps)
{
    (void)positions;
    (void)steps;
    const snn_operator *op = &packed->projection->op;
    return snn_values_bytes(packed, snn_shape_size(snn_operator_pooled_shape(op)), 1) +
           snn_field_scratch(op, op->source_channels);
}

/* Rows of the pooled source that a gather's elements are in, all channels. */
static snn_field gathered_field(const snn_operator *op, const int32_t *elements, int64_t count)
{
    const int32_t width = snn_operator_pooled_shape(op).width, row_size = width * op->source_channels;
    int32_t first = INT32_MAX, last = -1;
    for (int64_t i = 0; i < count; i++) {
        if (elements[i] >= 0) {
            first = elements[i] < first ? elements[i] : first;
            last = elements[i] > last ? elements[i] : last;
        }
    }
    first = last < 0 ? 0 : first / row_size;
    return (snn_field){.row = first,
                       .rows = last < 0 ? 0 : last / row_size + 1 - first,
                       .columns = width,
                       .channel = op->source_channel,
                       .channels = op->source_channels};
}

static void add_elements(const snn_packed *packed, const int32_t *elements, int64_t first, const int16_t *values,
                         int64_t offset, void *sums)
{
    const int32_t *weights = (const int32_t *)packed->data + first;
    for (int64_t c = 0; c < packed->row_end - packed->row_begin; c++) {
        if (elements[first + c] < 0) {
            continue;
        }
        const int32_t value = values[elements[first + c] - offset];
        if (packed->real) {
            float *sum = (float *)sums + c, weight;
            memcpy(&weight, &weights[c], sizeof weight);
            *sum = *sum + weight * (float)value;
        } else {
            ((int32_t *)sums)[c] += weights[c] * value;
        }
    }
}

static void project(const snn_packed *packed, const snn_source *source, const snn_tile *tile)
{
    const snn_operator *op = &packed->projection->op;
    const snn_sum_rows out = snn_sum_rows_of(packed, tile);
    const int64_t rows = packed->row_end - packed->row_begin;
    const int32_t *elements = (const int32_t *)packed->data + snn_shape_positions(op->target) * rows;
    const snn_field field = gathered_field(op, elements + tile->position_begin * rows, out.positions * rows);
    const int64_t offset = (int64_t)field.row * field.columns * field.channels;
    int16_t *values = tile->scratch;
    for (int32_t step = 0; step < tile->steps; step++) {
        snn_field_expand(&field, op, source, step, 0, values,
                         (uint8_t *)values + snn_values_bytes(packed, snn_field_size(&field), 1));
        for (int64_t i = 0; i < out.positions; i++) {
            int32_t *sums = (int32_t *)out.data + (step * out.positions + i) * out.stride + out.offset;
            add_elements(packed, elements, (tile->position_begin + i) * rows, values, offset, sums);
        }
    }
}

const snn_product snn_gather_product = {"gather", suits, pack, scratch, project};
