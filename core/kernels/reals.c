/* Float32 weights, for validation: products of spikes, codes or a stream's numbers, each sum over the depth in
 * ascending order.
 *
 * Packed: float [group][tap row][tap column][group channel][row]; of products that mix positions the weights [row],
 * then the matrix [target position][source position]. */
#include "core/kernels/portable.h"

#include <string.h>

#include "core/base/memory.h"

enum { LANES = 32 }; /* sums side by side: more than compilers unroll before they look for vectors */

static bool suits(const snn_packed *packed)
{
    const snn_operator_kind kind = packed->projection->op.kind;
    return packed->real &&
           (kind == SNN_OPERATOR_CONVOLUTION || kind == SNN_OPERATOR_DENSE || kind == SNN_OPERATOR_TOKENS);
}

static int64_t sources_of(const snn_operator *op)
{
    return snn_shape_positions(snn_operator_pooled_shape(op));
}

static void pack_groups(const float *weights, const snn_packed *packed, float *to)
{
    const snn_row_groups groups = snn_row_groups_of(packed);
    const int64_t depth = snn_operator_row_length(&packed->projection->op);
    for (int32_t group = groups.begin; group < groups.end; group++) {
        int32_t begin, end;
        snn_rows_of_group(&groups, packed, group, &begin, &end);
        for (int64_t k = 0; k < depth; k++) {
            for (int32_t row = begin; row < end; row++) {
                *to++ = weights[row * depth + k];
            }
        }
    }
}

static snn_status pack(const snn_operand *operand, snn_packed *packed)
{
    (void)operand;
    const snn_projection *projection = packed->projection;
    const snn_operator *op = &projection->op;
    const bool tokens = op->kind == SNN_OPERATOR_TOKENS;
    const int64_t rows = packed->row_end - packed->row_begin, depth = snn_operator_row_length(op);
    const int64_t mixing = tokens ? snn_shape_positions(op->target) * sources_of(op) : 0;
    packed->bytes = (rows * depth + mixing) * (int64_t)sizeof(float);
    packed->data = snn_allocate((size_t)packed->bytes, 1);
    if (packed->data == NULL) {
        return snn_out_of_memory("packed weights");
    }
    const float *weights = (const float *)projection->weights + (packed->row_begin - projection->row_begin) * depth;
    if (tokens) {
        memcpy(packed->data, weights, (size_t)rows * sizeof(float));
        memcpy((float *)packed->data + rows, projection->mixing, (size_t)mixing * sizeof(float));
    } else {
        pack_groups(weights, packed, packed->data);
    }
    return snn_ok();
}

/* What a target sees through all taps, times `count` rows of weights from `weights` on, of a group that has `rows`. */
static void multiply(const snn_field *field, const snn_window *taps, const float *values, int32_t channels,
                     const float *restrict weights, int32_t rows, int32_t count, float *restrict sum)
{
    float total[LANES] = {0};
    for (int32_t tap = 0; tap < taps->kernel[0] * taps->kernel[1]; tap++) {
        const float *seen = values + snn_field_tap(field, taps, tap);
        for (int32_t k = 0; k < channels; k++, weights += rows) {
            if (count == LANES) {
                for (int i = 0; i < LANES; i++) {
                    total[i] = total[i] + seen[k] * weights[i];
                }
            } else {
                for (int i = 0; i < count; i++) {
                    total[i] = total[i] + seen[k] * weights[i];
                }
            }
        }
    }
    for (int i = 0; i < count; i++) {
        sum[i] = sum[i] + total[i];
    }
}

/* One step of all groups. sums [position][owned], at the first packed row. */
static void convolve(const snn_packed *packed, const snn_field *field, const float *values, const snn_tile *tile,
                     float *sums, int64_t stride)
{
    const snn_operator *op = &packed->projection->op;
    const snn_window taps = snn_operator_taps(op);
    const snn_row_groups groups = snn_row_groups_of(packed);
    const float *weights = packed->data;
    for (int32_t group = groups.begin; group < groups.end; group++) {
        int32_t begin, end;
        snn_rows_of_group(&groups, packed, group, &begin, &end);
        for (int64_t position = tile->position_begin; position < tile->position_end; position++) {
            const float *seen =
                values + snn_field_first(field, op, position) + (int64_t)(group - groups.begin) * groups.channels;
            float *to = sums + (position - tile->position_begin) * stride;
            for (int32_t row = begin; row < end; row += LANES) {
                multiply(field, &taps, seen, groups.channels, weights + row - begin, end - begin,
                         end - row < LANES ? end - row : LANES, to + row);
            }
        }
        weights += snn_operator_row_length(op) * (end - begin);
    }
}

/* One step of a product that mixes positions; values [source position][row]. */
static void mix(const snn_packed *packed, const float *values, const snn_tile *tile, float *sums, int64_t stride)
{
    const int32_t rows = packed->row_end - packed->row_begin;
    const int64_t sources = sources_of(&packed->projection->op);
    const float *weights = packed->data;
    for (int64_t position = tile->position_begin; position < tile->position_end; position++, sums += stride) {
        const float *mixing = weights + rows + position * sources;
        for (int32_t first = 0; first < rows; first += LANES) {
            const int32_t count = rows - first < LANES ? rows - first : LANES;
            float total[LANES] = {0};
            for (int64_t p = 0; p < sources; p++) {
                for (int32_t c = 0; c < count; c++) {
                    total[c] = total[c] + mixing[p] * values[p * rows + first + c];
                }
            }
            for (int32_t c = 0; c < count; c++) {
                sums[first + c] = sums[first + c] + weights[first + c] * total[c];
            }
        }
    }
}

/* A plane's numbers in the field, 0 outside. */
static void copy_reals(const snn_field *field, const snn_operator *op, const snn_source *source, float *to)
{
    const snn_shape shape = snn_operator_pooled_shape(op);
    for (int32_t i = field->row; i < field->row + field->rows; i++) {
        for (int32_t j = field->column; j < field->column + field->columns; j++, to += field->channels) {
            const bool inside = i >= 0 && i < shape.height && j >= 0 && j < shape.width;
            const int64_t at = ((int64_t)(i - source->row) * shape.width + j) * op->source.channels + field->channel;
            for (int32_t c = 0; c < field->channels; c++) {
                to[c] = inside ? source->reals[at + c] : 0.0F;
            }
        }
    }
}

static snn_field field_of(const snn_packed *packed, const snn_tile *tile)
{
    const snn_operator *op = &packed->projection->op;
    if (op->kind == SNN_OPERATOR_TOKENS) {
        const snn_shape pooled = snn_operator_pooled_shape(op);
        return (snn_field){.rows = pooled.height,
                           .columns = pooled.width,
                           .channel = op->source_channel + packed->row_begin,
                           .channels = packed->row_end - packed->row_begin};
    }
    const snn_row_groups groups = snn_row_groups_of(packed);
    return snn_field_of_tile(op, tile->position_begin, tile->position_end,
                             op->source_channel + groups.begin * groups.channels,
                             (groups.end - groups.begin) * groups.channels);
}

/* Values of a field, as many as there are at most. */
static int64_t largest_field(const snn_packed *packed, int64_t positions)
{
    const snn_operator *op = &packed->projection->op;
    const int64_t field = op->kind == SNN_OPERATOR_TOKENS ? sources_of(op) : snn_field_largest(op, positions, 1);
    const int32_t rows = packed->row_end - packed->row_begin;
    return field * (op->source_channels > rows ? op->source_channels : rows);
}

static int64_t scratch(const snn_packed *packed, int64_t positions, int32_t steps)
{
    (void)steps;
    const int64_t values = largest_field(packed, positions);
    return values * (int64_t)(sizeof(float) + sizeof(int16_t)) + 2 * SNN_ALIGNMENT +
           snn_field_scratch(&packed->projection->op, packed->projection->op.source.channels);
}

static void project(const snn_packed *packed, const snn_source *source, const snn_tile *tile)
{
    const snn_operator *op = &packed->projection->op;
    const snn_field field = field_of(packed, tile);
    const snn_sum_rows out = snn_sum_rows_of(packed, tile);
    const int64_t size = snn_field_size(&field);
    float *values = tile->scratch;
    int16_t *whole = (int16_t *)(values + size);
    for (int32_t step = 0; step < tile->steps; step++) {
        float *sums = (float *)out.data + step * out.positions * out.stride + out.offset;
        if (source->reals != NULL) {
            copy_reals(&field, op, source, values);
        } else {
            snn_field_expand(&field, op, source, step, 0, whole, (uint8_t *)(whole + size) + 2 * SNN_ALIGNMENT);
            for (int64_t i = 0; i < size; i++) {
                values[i] = whole[i];
            }
        }
        if (op->kind == SNN_OPERATOR_TOKENS) {
            mix(packed, values, tile, sums, out.stride);
        } else {
            convolve(packed, &field, values, tile, sums, out.stride);
        }
    }
}

const snn_product snn_reals_product = {"reals", false, suits, pack, scratch, project};
