/* Products of packed weights with spikes.
 *
 * matrix       convolution and dense: per group, rows of source values (one per step and position, copied together
 *              from the field) times rows of weights; packed int16_t [row][depth padded], or for float32 weights
 *              [group][depth][row] so that each sum runs over the depth in ascending order
 * channelwise  diagonal, and depthwise convolution of pooled sources or float32: packed int32_t or float [tap][row]
 * depthwise    in depthwise.c
 * gather       packed int32_t or float [position][row], then elements [position][row]
 * tokens       in tokens.c
 */
#include "core/kernels/portable.h"

#include <inttypes.h>
#include <string.h>

#include "core/base/memory.h"

enum {
    DEPTH_UNIT = 32,        /* int16 values that every vector length divides */
    PANEL_BYTES = 64 << 10, /* source rows that are multiplied while they lie in cache */
    PANEL_ROWS_MIN = 32,
    PANEL_ROWS_MAX = 256,
    ROWS = 4, /* source rows x outputs whose sums are in registers at once */
#ifdef __AVX512F__
    OUTPUTS = 4,
#else
    OUTPUTS = 2,
#endif
    LANES = 32 /* float32 outputs summed side by side: more than compilers unroll before they look for vectors */
};

typedef enum product_class {
    PRODUCT_MATRIX,
    PRODUCT_CHANNELWISE,
    PRODUCT_DEPTHWISE,
    PRODUCT_GATHER,
    PRODUCT_TOKENS
} product_class;

/* A source element that a gather takes; position -1: none. */
typedef struct element {
    int32_t position, channel; /* of the pooled source; of the source population */
} element;

static product_class class_of(const snn_packed *packed)
{
    const snn_operator *op = &packed->projection->op;
    if (snn_depthwise_suits(packed)) {
        return PRODUCT_DEPTHWISE;
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

/* How a matrix product sees its operator: groups, and the depth that its sums run over. */
typedef struct matrix {
    snn_window taps;
    int32_t group_rows, group_channels; /* target and source channels of one group */
    int32_t group_begin, group_end;     /* groups that have packed rows */
    int64_t depth;                      /* [tap row][tap column][group channel] */
    int64_t stride;                     /* between rows of values and of int16 weights */
} matrix;

static matrix matrix_of(const snn_operator *op, int32_t row_begin, int32_t row_end)
{
    const int32_t groups = op->kind == SNN_OPERATOR_CONVOLUTION ? op->groups : 1;
    matrix m = {.taps = snn_operator_taps(op)};
    m.group_rows = op->target_channels / groups;
    m.group_channels = op->source_channels / groups;
    m.group_begin = row_begin / m.group_rows;
    m.group_end = row_end > row_begin ? (row_end - 1) / m.group_rows + 1 : m.group_begin;
    m.depth = (int64_t)m.taps.kernel[0] * m.taps.kernel[1] * m.group_channels;
    m.stride = (m.depth + DEPTH_UNIT - 1) / DEPTH_UNIT * DEPTH_UNIT;
    return m;
}

/* Packed rows [begin, end) of a group. */
static void rows_of_group(const matrix *m, int32_t group, const snn_packed *packed, int32_t *begin, int32_t *end)
{
    const int32_t first = group * m->group_rows, last = first + m->group_rows;
    *begin = first > packed->row_begin ? first : packed->row_begin;
    *end = last < packed->row_end ? last : packed->row_end;
}

static snn_status pack_matrix(const snn_projection *projection, snn_packed *packed)
{
    const matrix m = matrix_of(&projection->op, packed->row_begin, packed->row_end);
    const int64_t rows = packed->row_end - packed->row_begin, skipped = packed->row_begin - projection->row_begin;
    const int64_t width = packed->real ? (int64_t)sizeof(float) : (int64_t)sizeof(int16_t);
    packed->bytes = rows * (packed->real ? m.depth : m.stride) * width;
    packed->data = snn_allocate((size_t)packed->bytes, 1);
    if (packed->data == NULL) {
        return snn_out_of_memory("packed weights");
    }
    if (!packed->real) {
        const int16_t *weights = (const int16_t *)projection->weights + skipped * m.depth;
        for (int64_t row = 0; row < rows; row++) {
            memcpy((int16_t *)packed->data + row * m.stride, weights + row * m.depth, (size_t)(m.depth * width));
        }
        return snn_ok();
    }
    const float *weights = (const float *)projection->weights + skipped * m.depth;
    for (int32_t group = m.group_begin; group < m.group_end; group++) {
        int32_t begin, end;
        rows_of_group(&m, group, packed, &begin, &end);
        float *panel = (float *)packed->data + (begin - packed->row_begin) * m.depth;
        for (int64_t k = 0; k < m.depth; k++) {
            for (int32_t row = begin; row < end; row++) {
                *panel++ = weights[(row - packed->row_begin) * m.depth + k];
            }
        }
    }
    return snn_ok();
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
    const snn_operator *op = &projection->op;
    const int64_t rows = packed->row_end - packed->row_begin, skipped = packed->row_begin - projection->row_begin;
    const int64_t positions = snn_shape_positions(op->target), count = rows * positions;
    packed->bytes = count * (int64_t)(sizeof(int32_t) + sizeof(element));
    packed->data = snn_allocate((size_t)packed->bytes, 1);
    if (packed->data == NULL) {
        return snn_out_of_memory("packed weights");
    }
    int32_t *weights = packed->data; /* floats are copied as they are */
    element *elements = (element *)(weights + count);
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t position = 0; position < positions; position++) {
            const int64_t from = (skipped + row) * positions + position, to = position * rows + row;
            const int32_t index = projection->index[from];
            memcpy(&weights[to], (const int32_t *)projection->weights + from, sizeof weights[to]);
            elements[to].position = index < 0 ? -1 : index / op->source_channels;
            elements[to].channel = index < 0 ? 0 : op->source_channel + index % op->source_channels;
        }
    }
    return snn_ok();
}

snn_status snn_portable_pack(const snn_projection *projection, snn_weight_format format, int32_t row_begin,
                             int32_t row_end, snn_packed *packed)
{
    const snn_operator *op = &projection->op;
    *packed = (snn_packed){
        .projection = projection, .row_begin = row_begin, .row_end = row_end, .real = format == SNN_WEIGHTS_FLOAT32};
    if (op->pooled && (int64_t)op->pool.kernel[0] * op->pool.kernel[1] > INT16_MAX) {
        return snn_fail(SNN_INPUT_ERROR, "pooling window: expected an area of at most %d, found %" PRId32 " x %" PRId32,
                        INT16_MAX, op->pool.kernel[0], op->pool.kernel[1]);
    }
    switch (class_of(packed)) {
    case PRODUCT_CHANNELWISE:
        return pack_channelwise(projection, packed);
    case PRODUCT_DEPTHWISE:
        return snn_depthwise_pack(projection, packed);
    case PRODUCT_GATHER:
        return pack_gather(projection, packed);
    case PRODUCT_TOKENS:
        return snn_tokens_pack(projection, packed);
    case PRODUCT_MATRIX:
        break;
    }
    return pack_matrix(projection, packed);
}

/* Source channels that the packed rows need: of the source population. */
static void channels_of(const snn_packed *packed, int32_t *channel, int32_t *channels)
{
    const snn_operator *op = &packed->projection->op;
    if (class_of(packed) == PRODUCT_CHANNELWISE) {
        *channel = op->source_channel + packed->row_begin;
        *channels = packed->row_end - packed->row_begin;
    } else {
        const matrix m = matrix_of(op, packed->row_begin, packed->row_end);
        *channel = op->source_channel + m.group_begin * m.group_channels;
        *channels = (m.group_end - m.group_begin) * m.group_channels;
    }
}

static int64_t round_up(int64_t value, int64_t unit)
{
    return (value + unit - 1) / unit * unit;
}

/* Source rows of a matrix product that are multiplied together. */
static int64_t panel_rows(const matrix *m, int64_t rows)
{
    int64_t fit = PANEL_BYTES / (m->stride * (int64_t)sizeof(int16_t)) / ROWS * ROWS;
    fit = fit < PANEL_ROWS_MIN ? PANEL_ROWS_MIN : fit > PANEL_ROWS_MAX ? PANEL_ROWS_MAX : fit;
    return rows < fit ? round_up(rows, ROWS) : fit;
}

/* Bytes of the field's values of all steps, up to where the panel begins. */
static int64_t values_bytes(int64_t field_size, int32_t steps)
{
    return round_up(field_size * steps * (int64_t)sizeof(int16_t), SNN_ALIGNMENT);
}

int64_t snn_portable_scratch(const snn_packed *packed, int64_t positions, int32_t steps)
{
    return is_plain_diagonal(packed) ? 0 : snn_portable_codes_scratch(packed, positions, steps);
}

int64_t snn_portable_codes_scratch(const snn_packed *packed, int64_t positions, int32_t steps)
{
    const snn_operator *op = &packed->projection->op;
    if (class_of(packed) == PRODUCT_GATHER || packed->row_begin == packed->row_end) {
        return 0;
    }
    if (class_of(packed) == PRODUCT_DEPTHWISE) {
        return snn_depthwise_scratch(packed, positions);
    }
    if (class_of(packed) == PRODUCT_TOKENS) {
        return snn_tokens_scratch(packed);
    }
    int32_t channel, channels;
    channels_of(packed, &channel, &channels);
    const int64_t values = values_bytes(snn_field_largest(op, positions, channels), steps);
    if (class_of(packed) == PRODUCT_CHANNELWISE) {
        return values;
    }
    const matrix m = matrix_of(op, packed->row_begin, packed->row_end);
    return values + panel_rows(&m, positions * steps) * m.stride * (int64_t)sizeof(int16_t);
}

/* Where a projection's sums go: rows (step, position) of the tile's accumulator, at the first packed row's channel. */
typedef struct sums {
    int64_t rows, positions;
    int64_t stride; /* owned channels */
    int64_t offset; /* of the first packed row */
    void *data;
} sums;

static sums sums_of(const snn_packed *packed, const snn_tile *tile)
{
    const int64_t positions = tile->position_end - tile->position_begin;
    return (sums){.rows = positions * tile->steps,
                  .positions = positions,
                  .stride = tile->channel_end - tile->channel_begin,
                  .offset = packed->projection->op.target_channel + packed->row_begin - tile->channel_begin,
                  .data = tile->accumulator};
}

/* Offset in a step's field values of what target position `position` sees first. */
static int64_t first_value(const snn_field *field, const snn_operator *op, int64_t position)
{
    const int64_t row = (position / op->target.width - field->target_row) * field->row_stride;
    const int64_t column = (position % op->target.width - field->target_column) * field->column_stride;
    return (row * field->columns + column) * field->channels;
}

/* Copies together the depth of values that one target position of one group sees. */
static void fill_panel_row(const matrix *m, const snn_field *field, const int16_t *restrict values,
                           int16_t *restrict row)
{
    const bool whole = field->channels == m->group_channels && m->taps.dilation[1] == 1;
    const int64_t length = whole ? (int64_t)m->taps.kernel[1] * m->group_channels : m->group_channels;
    const int32_t segments = whole ? 1 : m->taps.kernel[1];
    const int64_t column_step = (int64_t)m->taps.dilation[1] * field->channels;
    const int64_t row_step = (int64_t)m->taps.dilation[0] * field->columns * field->channels;
    for (int32_t i = 0; i < m->taps.kernel[0]; i++) {
        for (int32_t j = 0; j < segments; j++, row += length) {
            memcpy(row, values + i * row_step + j * column_step, (size_t)length * sizeof row[0]);
        }
    }
}

/* Dot products of ROWS rows of values with OUTPUTS rows of weights. Values behind a row's true depth may be anything:
 * their weights are 0. Compilers make the multiply-add instructions for pairs of int16 of the inner loops (pmaddwd,
 * vpdpwssd). */
static void multiply_block(const int16_t *restrict values, const int16_t *const weights[OUTPUTS], int64_t depth,
                           int32_t sum[ROWS][OUTPUTS])
{
    int32_t total[ROWS][OUTPUTS] = {{0}};
    for (int64_t k = 0; k < depth / DEPTH_UNIT * DEPTH_UNIT; k++) {
        for (int i = 0; i < ROWS; i++) {
            for (int j = 0; j < OUTPUTS; j++) {
                total[i][j] += values[i * depth + k] * weights[j][k];
            }
        }
    }
    memcpy(sum, total, sizeof total);
}

/* All outputs [0, outputs) of `rows` rows of the panel; adds to sum [row][stride]. */
static void multiply_panel(const int16_t *panel, int64_t rows, const int16_t *weights, int32_t outputs, int64_t depth,
                           int32_t *sum, int64_t stride)
{
    for (int32_t output = 0; output < outputs; output += OUTPUTS) {
        const int16_t *block[OUTPUTS];
        const int32_t used = outputs - output < OUTPUTS ? outputs - output : OUTPUTS;
        for (int32_t j = 0; j < OUTPUTS; j++) { /* the last outputs are repeated, their sums not used */
            block[j] = weights + (output + (j < used ? j : used - 1)) * depth;
        }
        for (int64_t row = 0; row < rows; row += ROWS) {
            int32_t total[ROWS][OUTPUTS];
            multiply_block(panel + row * depth, block, depth, total);
            for (int64_t i = 0; i < ROWS && row + i < rows; i++) {
                for (int32_t j = 0; j < used; j++) {
                    sum[(row + i) * stride + output + j] += total[i][j];
                }
            }
        }
    }
}

/* One row of float32 sums, each over the depth in ascending order. weights [depth][outputs]. */
static void multiply_real(const int16_t *values, const float *weights, int32_t outputs, int64_t depth, float *sum)
{
    for (int32_t first = 0; first < outputs; first += LANES) {
        const int32_t count = outputs - first < LANES ? outputs - first : LANES;
        float total[LANES] = {0};
        for (int64_t k = 0; k < depth; k++) {
            const float value = values[k];
            const float *weight = weights + k * outputs + first;
            if (count == LANES) {
                for (int j = 0; j < LANES; j++) {
                    total[j] = total[j] + value * weight[j];
                }
            } else {
                for (int j = 0; j < count; j++) {
                    total[j] = total[j] + value * weight[j];
                }
            }
        }
        for (int j = 0; j < count; j++) {
            sum[first + j] = sum[first + j] + total[j];
        }
    }
}

static void project_group(const snn_packed *packed, const matrix *m, int32_t group, const snn_field *field,
                          const int16_t *values, const snn_tile *tile, int16_t *panel)
{
    const snn_operator *op = &packed->projection->op;
    const sums out = sums_of(packed, tile);
    int32_t begin, end;
    rows_of_group(m, group, packed, &begin, &end);
    const int64_t skipped = begin - packed->row_begin, offset = out.offset + skipped;
    const int64_t group_value = (int64_t)(group - m->group_begin) * m->group_channels;
    const int64_t together = panel_rows(m, out.rows), size = snn_field_size(field);
    for (int64_t first = 0; first < out.rows; first += together) {
        const int64_t rows = out.rows - first < together ? out.rows - first : together;
        for (int64_t i = 0; i < rows; i++) {
            const int64_t step = (first + i) / out.positions, position = (first + i) % out.positions;
            fill_panel_row(m, field,
                           values + step * size + first_value(field, op, tile->position_begin + position) + group_value,
                           panel + i * m->stride);
        }
        if (!packed->real) {
            const int64_t idle = round_up(rows, ROWS) - rows; /* multiplied, not used: 0 keeps the sums in range */
            memset(panel + rows * m->stride, 0, (size_t)(idle * m->stride) * sizeof panel[0]);
            multiply_panel(panel, rows, (const int16_t *)packed->data + skipped * m->stride, end - begin, m->stride,
                           (int32_t *)out.data + first * out.stride + offset, out.stride);
            continue;
        }
        for (int64_t i = 0; i < rows; i++) {
            multiply_real(panel + i * m->stride, (const float *)packed->data + skipped * m->depth, end - begin,
                          m->depth, (float *)out.data + (first + i) * out.stride + offset);
        }
    }
}

static void project_matrix(const snn_packed *packed, const snn_field *field, const int16_t *values,
                           const snn_tile *tile, int16_t *panel)
{
    const matrix m = matrix_of(&packed->projection->op, packed->row_begin, packed->row_end);
    for (int32_t group = m.group_begin; group < m.group_end; group++) {
        project_group(packed, &m, group, field, values, tile, panel);
    }
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

static void add_taps_real(const snn_field *field, const snn_window *taps, const int16_t *restrict values,
                          const float *restrict weights, float *restrict sum)
{
    for (int32_t first = 0; first < field->channels; first += LANES) {
        const int32_t count = field->channels - first < LANES ? field->channels - first : LANES;
        float total[LANES] = {0};
        for (int32_t i = 0; i < taps->kernel[0]; i++) {
            for (int32_t j = 0; j < taps->kernel[1]; j++) {
                const int64_t position = (int64_t)i * taps->dilation[0] * field->columns + j * taps->dilation[1];
                const int16_t *value = values + position * field->channels + first;
                const float *weight = weights + ((int64_t)i * taps->kernel[1] + j) * field->channels + first;
                for (int32_t c = 0; c < count; c++) {
                    total[c] = total[c] + (float)value[c] * weight[c];
                }
            }
        }
        for (int32_t c = 0; c < count; c++) {
            sum[first + c] = sum[first + c] + total[c];
        }
    }
}

static void project_channelwise(const snn_packed *packed, const snn_field *field, const int16_t *values,
                                const snn_tile *tile)
{
    const snn_operator *op = &packed->projection->op;
    const snn_window taps = snn_operator_taps(op);
    const sums out = sums_of(packed, tile);
    for (int64_t row = 0; row < out.rows; row++) {
        const int64_t step = row / out.positions, position = tile->position_begin + row % out.positions;
        const int16_t *seen = values + step * snn_field_size(field) + first_value(field, op, position);
        const int64_t offset = row * out.stride + out.offset;
        if (packed->real) {
            add_taps_real(field, &taps, seen, packed->data, (float *)out.data + offset);
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
    const sums out = sums_of(packed, tile);
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

static void project_gather(const snn_packed *packed, const snn_source *source, const snn_tile *tile)
{
    const snn_operator *op = &packed->projection->op;
    const sums out = sums_of(packed, tile);
    const int64_t rows = packed->row_end - packed->row_begin;
    const int64_t count = snn_shape_positions(op->target) * rows;
    const element *elements = (const element *)((const int32_t *)packed->data + count);
    for (int64_t row = 0; row < out.rows; row++) {
        const int32_t step = (int32_t)(row / out.positions);
        const int64_t first = (tile->position_begin + row % out.positions) * rows;
        const int64_t offset = row * out.stride + out.offset;
        for (int64_t c = 0; c < rows; c++) {
            const element taken = elements[first + c];
            if (taken.position < 0) {
                continue;
            }
            const int32_t value = snn_element_value(op, source, step, taken.position, taken.channel);
            if (packed->real) {
                float *sum = (float *)out.data + offset + c;
                *sum = *sum + ((const float *)packed->data)[first + c] * (float)value;
            } else {
                ((int32_t *)out.data)[offset + c] += ((const int32_t *)packed->data)[first + c] * value;
            }
        }
    }
}

static void project(const snn_packed *packed, const snn_source *source, const snn_tile *tile)
{
    const snn_operator *op = &packed->projection->op;
    if (packed->row_begin == packed->row_end || tile->position_begin == tile->position_end) {
        return;
    }
    if (class_of(packed) == PRODUCT_DEPTHWISE) {
        snn_depthwise_project(packed, source, tile);
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
    if (is_plain_diagonal(packed) && source->codes == NULL) {
        project_diagonal(packed, source->spikes, tile);
        return;
    }
    int32_t channel, channels;
    channels_of(packed, &channel, &channels);
    const snn_field field = snn_field_of_tile(op, tile->position_begin, tile->position_end, channel, channels);
    int16_t *values = tile->scratch;
    for (int32_t step = 0; step < tile->steps; step++) {
        snn_field_expand(&field, op, source, step, values + step * snn_field_size(&field));
    }
    if (class_of(packed) == PRODUCT_CHANNELWISE) {
        project_channelwise(packed, &field, values, tile);
        return;
    }
    void *panel = (uint8_t *)tile->scratch + values_bytes(snn_field_size(&field), tile->steps);
    project_matrix(packed, &field, values, tile, panel);
}

void snn_portable_project(const snn_packed *packed, const snn_spikes *source, const snn_tile *tile)
{
    const snn_source spikes = {.spikes = source, .image = tile->image};
    project(packed, &spikes, tile);
}

void snn_portable_project_codes(const snn_packed *packed, const snn_spikes *source, const snn_codes *codes,
                                const snn_tile *tile)
{
    const snn_source values = {.spikes = source, .codes = codes, .image = tile->image};
    project(packed, &values, tile);
}
