/* Products of packed weights with spikes.
 *
 * matrix       convolution and dense, in matrix.c
 * narrow       convolution of narrow groups, depthwise ones among them, in narrow.c
 * channelwise  diagonal, and depthwise convolution of pooled sources: packed int32_t or float [tap][row]
 * gather       packed int32_t or float [position][row], then the element of the pooled source that each takes, or -1
 * tokens       in tokens.c
 * real         all of these but diagonal and gather with float32 weights, in reals.c
 */
#include "core/kernels/portable.h"

#include <inttypes.h>
#include <string.h>

#include "core/base/memory.h"

typedef enum product_class {
    PRODUCT_MATRIX,
    PRODUCT_CHANNELWISE,
    PRODUCT_NARROW,
    PRODUCT_GATHER,
    PRODUCT_TOKENS,
    PRODUCT_REAL
} product_class;

static product_class class_of(const snn_packed *packed)
{
    const snn_operator *op = &packed->projection->op;
    if (snn_reals_suit(packed)) {
        return PRODUCT_REAL;
    }
    if (snn_narrow_suits(packed)) {
        return PRODUCT_NARROW;
    }
    switch (op->kind) {
    case SNN_OPERATOR_GATHER:
        return PRODUCT_GATHER;
    case SNN_OPERATOR_CONVOLUTION:
        if (op->groups == op->source_channels && op->groups == op->target_channels) {
            return PRODUCT_CHANNELWISE;
        }
        return PRODUCT_MATRIX;
    case SNN_OPERATOR_DIAGONAL:
        return PRODUCT_CHANNELWISE;
    case SNN_OPERATOR_TOKENS:
        return PRODUCT_TOKENS;
    case SNN_OPERATOR_DENSE:
    case SNN_OPERATOR_KIND_COUNT:
        break;
    }
    return PRODUCT_MATRIX;
}

/* Diagonal products that need no field: their values are those of one tap. */
static bool is_plain_diagonal(const snn_packed *packed)
{
    const snn_operator *op = &packed->projection->op;
    return op->kind == SNN_OPERATOR_DIAGONAL && !op->pooled && !packed->real;
}

static snn_status pack_channelwise(const snn_projection *projection, snn_packed *packed)
{
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

static snn_status pack_gather(const snn_projection *projection, snn_packed *packed)
{
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

static snn_status pack(const snn_projection *projection, snn_weight_format format, int32_t row_begin, int32_t row_end,
                       const snn_codes *whole, bool single, snn_packed *packed)
{
    const snn_operator *op = &projection->op;
    *packed = (snn_packed){
        .projection = projection, .row_begin = row_begin, .row_end = row_end, .real = format == SNN_WEIGHTS_FLOAT32};
    if (single && snn_operator_pool_area(op) > INT16_MAX) { /* sums of codes are cut, those of an image 64 bits wide */
        return snn_fail(SNN_INPUT_ERROR, "pooling window: expected an area of at most %d, found %" PRId32 " x %" PRId32,
                        INT16_MAX, op->pool.kernel[0], op->pool.kernel[1]);
    }
    switch (class_of(packed)) {
    case PRODUCT_CHANNELWISE:
        return pack_channelwise(projection, packed);
    case PRODUCT_NARROW:
        return snn_narrow_pack(projection, packed);
    case PRODUCT_GATHER:
        return pack_gather(projection, packed);
    case PRODUCT_TOKENS:
        return snn_tokens_pack(projection, packed);
    case PRODUCT_REAL:
        return snn_reals_pack(projection, packed);
    case PRODUCT_MATRIX:
        break;
    }
    return snn_matrix_pack(projection, whole, single, packed);
}

snn_status snn_portable_pack(const snn_projection *projection, snn_weight_format format, int32_t row_begin,
                             int32_t row_end, snn_packed *packed)
{
    return pack(projection, format, row_begin, row_end, NULL, true, packed);
}

snn_status snn_portable_pack_codes(const snn_projection *projection, snn_weight_format format, int32_t row_begin,
                                   int32_t row_end, const snn_codes *whole, snn_packed *packed)
{
    return pack(projection, format, row_begin, row_end, whole, false, packed);
}

/* Source channels that the packed rows need: of the source population. */
static void channels_of(const snn_packed *packed, int32_t *channel, int32_t *channels)
{
    const snn_operator *op = &packed->projection->op;
    if (class_of(packed) == PRODUCT_CHANNELWISE) {
        *channel = op->source_channel + packed->row_begin;
        *channels = packed->row_end - packed->row_begin;
    } else {
        const snn_row_groups groups = snn_row_groups_of(packed);
        *channel = op->source_channel + groups.begin * groups.channels;
        *channels = (groups.end - groups.begin) * groups.channels;
    }
}

/* Bytes of the field's values of all steps, and of what is written behind them. */
static int64_t values_bytes(const snn_packed *packed, int64_t field_size, int32_t steps)
{
    return snn_aligned(field_size * steps * snn_value_bytes(packed->largest)) + 2 * SNN_ALIGNMENT;
}

int64_t snn_portable_scratch(const snn_packed *packed, int64_t positions, int32_t steps)
{
    return is_plain_diagonal(packed) ? 0 : snn_portable_codes_scratch(packed, positions, steps);
}

int64_t snn_portable_codes_scratch(const snn_packed *packed, int64_t positions, int32_t steps)
{
    const snn_operator *op = &packed->projection->op;
    if (packed->row_begin == packed->row_end) {
        return 0;
    }
    if (class_of(packed) == PRODUCT_GATHER) {
        return values_bytes(packed, snn_shape_size(snn_operator_pooled_shape(op)), 1) +
               snn_field_scratch(op->source_channels);
    }
    if (class_of(packed) == PRODUCT_NARROW) {
        return snn_narrow_scratch(packed, positions);
    }
    if (class_of(packed) == PRODUCT_TOKENS) {
        return snn_tokens_scratch(packed);
    }
    if (class_of(packed) == PRODUCT_REAL) {
        return snn_reals_scratch(packed, positions);
    }
    int32_t channel, channels;
    channels_of(packed, &channel, &channels);
    const bool works = class_of(packed) == PRODUCT_MATRIX;
    return values_bytes(packed, snn_field_largest(op, positions, channels), steps) +
           snn_aligned(snn_field_scratch(channels)) + (works ? snn_matrix_scratch(packed, positions, steps) : 0);
}

/* Adds what one target position sees through all taps, channel by channel. weights [tap][channel]. */
static void add_taps(const snn_field *field, const snn_window *taps, const int16_t *restrict values,
                     const int32_t *restrict weights, int32_t *restrict sum)
{
    for (int32_t i = 0; i < taps->kernel[0]; i++) {
        for (int32_t j = 0; j < taps->kernel[1]; j++, weights += field->channels) {
            const int16_t *value =
                values + ((int64_t)i * taps->dilation[0] * field->columns + j * taps->dilation[1]) * field->channels;
            for (int32_t c = 0; c < field->channels; c++) {
                sum[c] += weights[c] * value[c];
            }
        }
    }
}

static void project_channelwise(const snn_packed *packed, const snn_field *field, const int16_t *values,
                                const snn_tile *tile)
{
    const snn_operator *op = &packed->projection->op;
    const snn_window taps = snn_operator_taps(op);
    const snn_sum_rows out = snn_sum_rows_of(packed, tile);
    for (int64_t row = 0; row < out.rows; row++) {
        const int64_t step = row / out.positions, position = tile->position_begin + row % out.positions;
        const int16_t *seen = values + step * snn_field_size(field) + snn_field_first(field, op, position);
        const int64_t offset = row * out.stride + out.offset;
        if (packed->real) {
            float *sum = (float *)out.data + offset;
            for (int32_t c = 0; c < field->channels; c++) { /* of a diagonal operator */
                sum[c] = sum[c] + (float)seen[c] * ((const float *)packed->data)[c];
            }
        } else {
            add_taps(field, &taps, seen, packed->data, (int32_t *)out.data + offset);
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
            add_diagonal(row, bit, channels, packed->data, sum);
        }
    }
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

static void project_gather(const snn_packed *packed, const snn_source *source, const snn_tile *tile)
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
                         (uint8_t *)values + values_bytes(packed, snn_field_size(&field), 1));
        for (int64_t i = 0; i < out.positions; i++) {
            int32_t *sums = (int32_t *)out.data + (step * out.positions + i) * out.stride + out.offset;
            add_elements(packed, elements, (tile->position_begin + i) * rows, values, offset, sums);
        }
    }
}

void snn_portable_project_source(const snn_packed *packed, const snn_source *source, const snn_tile *tile)
{
    const snn_operator *op = &packed->projection->op;
    if (packed->row_begin == packed->row_end || tile->position_begin == tile->position_end) {
        return;
    }
    if (class_of(packed) == PRODUCT_NARROW) {
        snn_narrow_project(packed, source, tile);
        return;
    }
    if (class_of(packed) == PRODUCT_GATHER) {
        project_gather(packed, source, tile);
        return;
    }
    if (class_of(packed) == PRODUCT_TOKENS) {
        snn_tokens_project(packed, source, tile);
        return;
    }
    if (class_of(packed) == PRODUCT_REAL) {
        snn_reals_project(packed, source, tile);
        return;
    }
    if (is_plain_diagonal(packed) && source->codes == NULL) { /* of spikes */
        project_diagonal(packed, source->spikes, tile);
        return;
    }
    int32_t channel, channels;
    channels_of(packed, &channel, &channels);
    const snn_field field = snn_field_of_tile(op, tile->position_begin, tile->position_end, channel, channels);
    const int64_t size = snn_field_size(&field);
    uint8_t *values = tile->scratch, *working = values + values_bytes(packed, size, tile->steps);
    for (int32_t step = 0; step < tile->steps; step++) {
        snn_field_expand(&field, op, source, step, packed->largest,
                         values + step * size * snn_value_bytes(packed->largest), working);
    }
    if (class_of(packed) == PRODUCT_CHANNELWISE) {
        project_channelwise(packed, &field, (const int16_t *)values, tile);
    } else {
        snn_matrix_project(packed, &field, values, tile, working + snn_aligned(snn_field_scratch(channels)));
    }
}

void snn_portable_project(const snn_packed *packed, const snn_spikes *source, const snn_tile *tile)
{
    const snn_source spikes = {.spikes = source, .image = tile->image};
    snn_portable_project_source(packed, &spikes, tile);
}

void snn_portable_project_codes(const snn_packed *packed, const snn_spikes *source, const snn_codes *codes,
                                const snn_tile *tile)
{
    const snn_source values = {
        .spikes = source, .codes = codes, .image = tile->image, .shift = codes->shift, .mask = codes->mask};
    snn_portable_project_source(packed, &values, tile);
}
