/* Products channel by channel: diagonal operators, and depthwise convolutions of pooled sources.
 *
 * Packed: int32_t or float [tap][row]. */
#include <string.h>

#include "core/base/integers.h"
#include "core/kernels/portable.h"

static bool suits(const snn_packed *packed)
{
    const snn_operator *op = &packed->projection->op;
    const bool depthwise =
        op->kind == SNN_OPERATOR_CONVOLUTION && op->groups == op->source_channels && op->groups == op->target_channels;
    return op->kind == SNN_OPERATOR_DIAGONAL || depthwise;
}

/* Products of single spikes that need no field: their values are those of one tap. */
static bool is_plain_diagonal(const snn_packed *packed)
{
    const snn_operator *op = &packed->projection->op;
    return op->kind == SNN_OPERATOR_DIAGONAL && !op->pooled && !packed->real;
}

static snn_status pack(const snn_operand *operand, snn_packed *packed)
{
    (void)operand;
    const snn_projection *projection = packed->projection;
    const snn_operator *op = &projection->op;
    const int64_t rows = packed->row_end - packed->row_begin, skipped = packed->row_begin - projection->row_begin;
    const int64_t taps = snn_operator_row_length(op);
    packed->bytes = rows * taps * (int64_t)sizeof(int32_t);
    packed->data = snn_allocate((size_t)packed->bytes, 1);
    if (packed->data == NULL) {
        return snn_out_of_memory("packed weights");
    }
    for (int64_t tap = 0; tap < taps; tap++) {
        for (int64_t row = 0; row < rows; row++) {
            const int64_t from = (skipped + row) * taps + tap, to = tap * rows + row;
            if (packed->real) {
                ((float *)packed->data)[to] = ((const float *)projection->weights)[from];
            } else if (op->kind == SNN_OPERATOR_CONVOLUTION) {
                ((int32_t *)packed->data)[to] = ((const int16_t *)projection->weights)[from];
            } else {
                ((int32_t *)packed->data)[to] = ((const int32_t *)projection->weights)[from];
            }
        }
    }
    return snn_ok();
}

static int64_t scratch(const snn_packed *packed, int64_t positions, int32_t steps)
{
    return snn_expanded_bytes(packed, positions, steps, packed->row_end - packed->row_begin);
}

/* Adds what one target position sees through a tap, channel by channel; fresh: it is the first that is added. */
static inline void add_tap(const int16_t *restrict values, const int32_t *restrict weights, int32_t count, bool fresh,
                           int32_t *restrict sum)
{
    for (int32_t c = 0; fresh && c < count; c++) {
        sum[c] = weights[c] * values[c];
    }
    for (int32_t c = 0; !fresh && c < count; c++) {
        sum[c] += weights[c] * values[c];
    }
}

/* weights [tap][channel] */
static void add_taps(const snn_field *field, const snn_window *taps, const int16_t *values, const int32_t *weights,
                     bool fresh, int32_t *sum)
{
    for (int32_t i = 0; i < taps->kernel[0]; i++) {
        for (int32_t j = 0; j < taps->kernel[1]; j++, weights += field->channels, fresh = false) {
            const int16_t *value =
                values + ((int64_t)i * taps->dilation[0] * field->columns + j * taps->dilation[1]) * field->channels;
            add_tap(value, weights, field->channels, fresh, sum);
        }
    }
}

/* Of a diagonal operator. */
static void add_reals(const int16_t *restrict values, const float *restrict weights, int32_t count, bool fresh,
                      float *restrict sum)
{
    for (int32_t c = 0; c < count; c++) {
        sum[c] = (fresh ? 0.0F : sum[c]) + (float)values[c] * weights[c];
    }
}

static void project_values(const snn_packed *packed, const snn_field *field, const int16_t *values,
                           const snn_tile *tile)
{
    const snn_operator *op = &packed->projection->op;
    const snn_window taps = snn_operator_taps(op);
    const snn_sum_rows out = snn_sum_rows_of(packed, tile);
    const int64_t next = (int64_t)field->column_stride * field->channels;
    for (int32_t step = 0; step < tile->steps; step++) {
        const int16_t *plane = values + step * snn_field_size(field);
        int64_t offset = step * out.positions * out.stride + out.offset;
        for (int64_t position = tile->position_begin, end; position < tile->position_end; position = end) {
            const int16_t *seen = plane + snn_field_first(field, op, position);
            end = snn_smaller((position / op->target.width + 1) * op->target.width, tile->position_end);
            for (; position < end; position++, seen += next, offset += out.stride) {
                if (packed->real) {
                    add_reals(seen, packed->data, field->channels, tile->fresh, (float *)out.data + offset);
                } else {
                    add_taps(field, &taps, seen, packed->data, tile->fresh, (int32_t *)out.data + offset);
                }
            }
        }
    }
}

/* sum[c] += weights[c], or -= where bit c is 0. */
static inline __attribute__((always_inline)) void add_signed(int32_t bits, int32_t count,
                                                             const int32_t *restrict weights, int32_t *restrict sum)
{
    static const int32_t of_lane[8] = {1, 2, 4, 8, 16, 32, 64, 128};
    for (int i = 0; i < count; i++) {
        sum[i] += (bits & of_lane[i]) != 0 ? weights[i] : -weights[i];
    }
}

/* The same with bits [bit, bit + count) of a row. Reads up to one byte behind the last. */
static void add_diagonal(const uint8_t *restrict bits, int64_t bit, int32_t count, const int32_t *restrict weights,
                         int32_t *restrict sum)
{
    const uint8_t *bytes = bits + bit / 8;
    const unsigned shift = (unsigned)(bit % 8);
    for (; count > 0; count -= 8, bytes++, weights += 8, sum += 8) {
        const int32_t byte = (int32_t)(shift == 0 ? bytes[0] : (bytes[0] | (unsigned)bytes[1] << 8) >> shift);
        if (count >= 8) {
            add_signed(byte, 8, weights, sum);
        } else {
            add_signed(byte, count, weights, sum);
        }
    }
}

/* Straight from the bits: a field would be read only once. */
static void project_diagonal(const snn_packed *packed, const snn_spikes *source, const snn_tile *tile)
{
    const snn_operator *op = &packed->projection->op;
    const snn_sum_rows out = snn_sum_rows_of(packed, tile);
    const int64_t bit = op->source_channel + packed->row_begin;
    const int32_t channels = packed->row_end - packed->row_begin;
    int32_t *sum = (int32_t *)out.data + out.offset;
    for (int32_t step = 0; step < tile->steps; step++) {
        const uint8_t *row =
            snn_spikes_plane(source, step, tile->image) + tile->position_begin * (int64_t)source->row_bytes;
        for (int64_t position = 0; position < out.positions; position++, row += source->row_bytes, sum += out.stride) {
            if (tile->fresh) {
                memset(sum, 0, (size_t)channels * sizeof sum[0]);
            }
            add_diagonal(row, bit, channels, packed->data, sum);
        }
    }
}

static void project(const snn_packed *packed, const snn_source *source, const snn_tile *tile)
{
    if (is_plain_diagonal(packed) && source->codes == NULL) {
        project_diagonal(packed, source->spikes, tile);
        return;
    }
    const int32_t channel = packed->projection->op.source_channel + packed->row_begin;
    const snn_expanded from = snn_source_expand(packed, source, tile, channel, packed->row_end - packed->row_begin);
    project_values(packed, &from.field, from.values, tile);
}

const snn_product snn_channelwise_product = {"channelwise", true, suits, pack, scratch, project};
