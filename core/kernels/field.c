#include "core/kernels/values.h"

snn_window snn_operator_taps(const snn_operator *op)
{
    if (op->kind == SNN_OPERATOR_CONVOLUTION) {
        return op->window;
    }
    snn_window taps = {.kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}, .pad_begin = {0, 0}, .pad_end = {0, 0}};
    if (op->kind == SNN_OPERATOR_DENSE) {
        const snn_shape pooled = snn_operator_pooled_shape(op);
        taps.kernel[0] = pooled.height;
        taps.kernel[1] = pooled.width;
    }
    return taps;
}

/* Source rows (or columns) that `count` neighbouring target rows (or columns) see. */
static int32_t field_extent(const snn_window *taps, int axis, int32_t count)
{
    return (count - 1) * taps->stride[axis] + (taps->kernel[axis] - 1) * taps->dilation[axis] + 1;
}

snn_field snn_field_of_tile(const snn_operator *op, int64_t begin, int64_t end, int32_t channel, int32_t channels)
{
    const snn_window taps = snn_operator_taps(op);
    const int32_t width = op->target.width;
    const int32_t first_row = (int32_t)(begin / width), last_row = (int32_t)((end - 1) / width);
    int32_t first_column = 0, last_column = width - 1;
    if (first_row == last_row) {
        first_column = (int32_t)(begin % width);
        last_column = (int32_t)((end - 1) % width);
    }
    return (snn_field){
        .row = first_row * taps.stride[0] - taps.pad_begin[0],
        .column = first_column * taps.stride[1] - taps.pad_begin[1],
        .rows = field_extent(&taps, 0, last_row - first_row + 1),
        .columns = field_extent(&taps, 1, last_column - first_column + 1),
        .channel = channel,
        .channels = channels,
        .row_stride = taps.stride[0],
        .column_stride = taps.stride[1],
        .target_row = first_row,
        .target_column = first_column,
    };
}

int64_t snn_field_largest(const snn_operator *op, int64_t positions, int32_t channels)
{
    const snn_window taps = snn_operator_taps(op);
    const int32_t width = op->target.width;
    /* Positions that begin at the end of a row reach into one row more than their number says. */
    int64_t rows = positions < 2 ? 1 : (positions - 2) / width + 2;
    if (rows > op->target.height) {
        rows = op->target.height;
    }
    return (int64_t)field_extent(&taps, 0, (int32_t)rows) * field_extent(&taps, 1, width) * channels;
}

int64_t snn_field_scratch(const snn_operator *op, int32_t channels)
{
    return SNN_ALIGNMENT + snn_values_scratch(channels) + (op->pooled ? snn_pool_scratch(op, channels) : 0);
}

static int32_t clamp(int32_t value, int32_t low, int32_t high)
{
    return value < low ? low : value > high ? high : value;
}

void snn_field_expand(const snn_field *field, const snn_operator *op, const snn_source *source, int32_t step,
                      int32_t largest, void *values, void *scratch)
{
    uint8_t *working = (uint8_t *)scratch + (-(uintptr_t)scratch & (SNN_ALIGNMENT - 1));
    const snn_shape pooled = snn_operator_pooled_shape(op);
    const bool adds = op->pooled && source->integers == NULL; /* integers are those of what is pooled already */
    snn_values v = {.source = source,
                    .step = step,
                    .largest = largest,
                    .width = adds ? op->source.width : pooled.width,
                    .source_channels = op->source.channels,
                    .channel = field->channel,
                    .channels = field->channels,
                    .zeros = working};
    const int64_t bytes = (int64_t)field->channels * snn_value_bytes(largest);
    const int32_t left = clamp(-field->column, 0, field->columns);
    const int32_t inside_end = clamp(pooled.width - field->column, left, field->columns);
    uint8_t *to = values;
    snn_values_begin(&v);
    for (int32_t i = 0; i < field->rows; i++, to += field->columns * bytes) {
        const int32_t row = field->row + i;
        if (row < 0 || row >= pooled.height) {
            snn_values_outside(&v, field->columns, to);
            continue;
        }
        snn_values_outside(&v, left, to);
        if (adds) {
            const snn_pool_row run = {row, field->column + left, inside_end - left};
            snn_pool_expand(&run, op, &v, to + left * bytes, working + snn_values_scratch(field->channels));
        } else {
            snn_values_inside(&v, row, field->column + left, inside_end - left, to + left * bytes);
        }
        snn_values_outside(&v, field->columns - inside_end, to + inside_end * bytes);
    }
}

const uint8_t *snn_field_in_place(const snn_operator *op, const snn_source *source, int32_t step, snn_field *field)
{
    const snn_shape shape = op->source;
    const bool inside = field->row >= 0 && field->row + field->rows <= shape.height && field->column >= 0 &&
                        field->column + field->columns <= shape.width;
    if (op->pooled || source->codes == NULL || !inside) {
        return NULL;
    }
    const snn_steps of = snn_steps_of(source, step);
    const int64_t position = (int64_t)field->row * shape.width + field->column;
    if (of.form != SNN_STEPS_WHOLE) {
        return NULL;
    }
    const int32_t first = field->channel;
    field->columns = shape.width;
    field->channels = (int32_t)of.row_bytes;
    return of.bytes + position * of.row_bytes + first;
}

int64_t snn_values_bytes(const snn_packed *packed, int64_t field_size, int32_t steps)
{
    return snn_aligned(field_size * steps * snn_value_bytes(packed->largest)) + 2 * SNN_ALIGNMENT;
}
