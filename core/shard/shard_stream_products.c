/* Products of a stream's integers, not of spikes: convolutions.
 *
 * A stream's integers have some 25 bits and weights 16, so sums are taken in 64 bits and then rounded to `shift` bits
 * fewer. They are integers all the way: any order gives the same. Float weights are summed in ascending order. */
#include <string.h>

#include "core/base/memory.h"
#include "core/shard/shard_private.h"

enum { LANES = 32 };

/* Weights as int32_t or float: of depthwise convolutions as [tap][row], so that channels lie side by side, of others as
 * the projection has them, [row][tap][channel of the group]. */
snn_status snn_stream_convolution_pack(const snn_shard *shard, const snn_projection *projection, snn_channel_range rows,
                                       snn_packed *packed)
{
    const int64_t length = snn_operator_row_length(&projection->op), count = rows.end - rows.begin;
    const bool depthwise = snn_operator_is_depthwise(&projection->op);
    int32_t *data = snn_allocate((size_t)(length * count), sizeof *data);
    if (data == NULL) {
        return snn_out_of_memory("weights of a stream");
    }
    for (int64_t row = 0; row < count; row++) {
        for (int64_t k = 0; k < length; k++) {
            const int64_t from = (rows.begin - projection->row_begin + row) * length + k;
            const int64_t to = depthwise ? k * count + row : row * length + k;
            if (shard->real) {
                memcpy(&data[to], (const float *)projection->weights + from, sizeof(float));
            } else {
                data[to] = ((const int16_t *)projection->weights)[from];
            }
        }
    }
    packed->data = data;
    packed->projection = projection;
    packed->row_begin = rows.begin;
    packed->row_end = rows.end;
    packed->real = shard->real;
    packed->bytes = length * count * (int64_t)sizeof *data;
    return snn_ok();
}

/* One target position: where its taps lie. */
typedef struct place {
    const snn_operator *op;
    const uint8_t *plane; /* of the source, at the first channel read */
    int64_t row, column;  /* of tap (0, 0) */
    int64_t stride;       /* rows of packed weights: from tap to tap */
} place;

/* The source's values at a tap, or NULL outside. */
static const void *tap_values(const place *at, int32_t i, int32_t j)
{
    const int64_t row = at->row + (int64_t)i * at->op->window.dilation[0];
    const int64_t column = at->column + (int64_t)j * at->op->window.dilation[1];
    if (row < 0 || row >= at->op->source.height || column < 0 || column >= at->op->source.width) {
        return NULL;
    }
    return at->plane + (row * at->op->source.width + column) * at->op->source.channels * SNN_SUM_BYTES;
}

/* total / 2^shift, rounded to the nearest integer (a half upwards). */
static int32_t rounded(int64_t total, int32_t shift)
{
    const int64_t half = shift > 0 ? (int64_t)1 << (shift - 1) : 0;
    return (int32_t)((total + half) >> shift);
}

static void add_integers(const place *at, const int32_t *weights, int32_t first, int32_t count, int32_t shift,
                         int32_t *sum)
{
    int64_t total[LANES] = {0};
    for (int32_t i = 0; i < at->op->window.kernel[0]; i++) {
        for (int32_t j = 0; j < at->op->window.kernel[1]; j++, weights += at->stride) {
            const int32_t *values = tap_values(at, i, j);
            for (int32_t c = 0; c < count && values != NULL; c++) {
                total[c] += (int64_t)weights[first + c] * values[first + c];
            }
        }
    }
    for (int32_t c = 0; c < count; c++) {
        sum[first + c] += rounded(total[c], shift);
    }
}

static void add_floats(const place *at, const float *weights, int32_t first, int32_t count, float *sum)
{
    float total[LANES] = {0};
    for (int32_t i = 0; i < at->op->window.kernel[0]; i++) {
        for (int32_t j = 0; j < at->op->window.kernel[1]; j++, weights += at->stride) {
            const float *values = tap_values(at, i, j);
            for (int32_t c = 0; c < count && values != NULL; c++) {
                total[c] = total[c] + weights[first + c] * values[first + c];
            }
        }
    }
    for (int32_t c = 0; c < count; c++) {
        sum[first + c] = sum[first + c] + total[c];
    }
}

/* Depthwise: the rows' channels side by side, LANES at a time. */
static void convolve_channels(const snn_packed *packed, const place *at, void *sums)
{
    const int32_t rows = packed->row_end - packed->row_begin;
    for (int32_t first = 0; first < rows; first += LANES) {
        const int32_t count = rows - first < LANES ? rows - first : LANES;
        if (packed->real) {
            add_floats(at, packed->data, first, count, sums);
        } else {
            add_integers(at, packed->data, first, count, packed->projection->shift, sums);
        }
    }
}

static int64_t row_of_integers(const place *at, const int32_t *weights, int32_t first, int32_t channels)
{
    int64_t total = 0;
    for (int32_t i = 0; i < at->op->window.kernel[0]; i++) {
        for (int32_t j = 0; j < at->op->window.kernel[1]; j++, weights += channels) {
            const int32_t *values = tap_values(at, i, j);
            for (int32_t c = 0; c < channels && values != NULL; c++) {
                total += (int64_t)weights[c] * values[first + c];
            }
        }
    }
    return total;
}

static float row_of_floats(const place *at, const float *weights, int32_t first, int32_t channels)
{
    float total = 0.0f;
    for (int32_t i = 0; i < at->op->window.kernel[0]; i++) {
        for (int32_t j = 0; j < at->op->window.kernel[1]; j++, weights += channels) {
            const float *values = tap_values(at, i, j);
            for (int32_t c = 0; c < channels && values != NULL; c++) {
                total = total + weights[c] * values[first + c];
            }
        }
    }
    return total;
}

/* Any convolution: row by row. */
static void convolve_rows(const snn_packed *packed, const place *at, void *sums)
{
    const snn_operator *op = at->op;
    const int32_t channels = op->source_channels / op->groups, targets = op->target_channels / op->groups;
    const int64_t length = snn_operator_row_length(op);
    for (int32_t row = packed->row_begin; row < packed->row_end; row++) {
        const int32_t to = row - packed->row_begin, first = row / targets * channels;
        if (packed->real) {
            float *sum = (float *)sums + to;
            *sum = *sum + row_of_floats(at, (const float *)packed->data + to * length, first, channels);
        } else {
            int32_t *sum = (int32_t *)sums + to;
            *sum += rounded(row_of_integers(at, (const int32_t *)packed->data + to * length, first, channels),
                            packed->projection->shift);
        }
    }
}

void snn_stream_convolve(const snn_shard *shard, const snn_packed *packed, int32_t offset, const snn_tile *tile)
{
    const snn_operator *op = &packed->projection->op;
    const snn_sums source = snn_shard_sums(shard, packed->projection->source);
    const bool depthwise = snn_operator_is_depthwise(op);
    const int32_t held = tile->channel_end - tile->channel_begin;
    const int32_t channel = op->source_channel + (depthwise ? packed->row_begin : 0); /* first one read */
    uint8_t *sums =
        (uint8_t *)tile->accumulator + (op->target_channel + packed->row_begin - tile->channel_begin) * SNN_SUM_BYTES;
    place at = {.op = op, .stride = packed->row_end - packed->row_begin};
    for (int32_t step = 0; step < tile->steps; step++) {
        at.plane = (uint8_t *)snn_sums_plane(&source, offset + step, tile->image) + channel * SNN_SUM_BYTES;
        for (int64_t position = tile->position_begin; position < tile->position_end; position++) {
            at.row = position / op->target.width * op->window.stride[0] - op->window.pad_begin[0];
            at.column = position % op->target.width * op->window.stride[1] - op->window.pad_begin[1];
            if (depthwise) {
                convolve_channels(packed, &at, sums);
            } else {
                convolve_rows(packed, &at, sums);
            }
            sums += (int64_t)held * SNN_SUM_BYTES;
        }
    }
}
