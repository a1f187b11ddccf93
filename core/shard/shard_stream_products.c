/* Products of a stream's integers, not of spikes: depthwise convolutions.
 *
 * A stream's integers have some 25 bits and weights 16, so sums are taken in 64 bits and then rounded to `shift` bits
 * fewer. They are integers all the way: any order gives the same. Float weights are summed in ascending order. */
#include <string.h>

#include "core/base/memory.h"
#include "core/shard/shard_private.h"

enum { LANES = 32 };

static int64_t taps_of(const snn_operator *op)
{
    return (int64_t)op->window.kernel[0] * op->window.kernel[1];
}

/* Weights as [tap][row], int32_t or float, so that channels lie side by side. */
snn_status snn_stream_convolution_pack(const snn_shard *shard, const snn_projection *projection, snn_channel_range rows,
                                       snn_packed *packed)
{
    const int64_t taps = taps_of(&projection->op), count = rows.end - rows.begin;
    int32_t *data = snn_allocate((size_t)(taps * count), sizeof *data);
    if (data == NULL) {
        return snn_out_of_memory("weights of a stream");
    }
    for (int64_t row = 0; row < count; row++) {
        for (int64_t tap = 0; tap < taps; tap++) {
            const int64_t from = (rows.begin - projection->row_begin + row) * taps + tap;
            if (shard->real) {
                memcpy(&data[tap * count + row], (const float *)projection->weights + from, sizeof(float));
            } else {
                data[tap * count + row] = ((const int16_t *)projection->weights)[from];
            }
        }
    }
    packed->data = data;
    packed->projection = projection;
    packed->row_begin = rows.begin;
    packed->row_end = rows.end;
    packed->real = shard->real;
    packed->bytes = taps * count * (int64_t)sizeof *data;
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
    const int64_t half = shift > 0 ? (int64_t)1 << (shift - 1) : 0;
    for (int32_t c = 0; c < count; c++) {
        sum[first + c] += (int32_t)((total[c] + half) >> shift);
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

void snn_stream_convolve(const snn_shard *shard, const snn_packed *packed, int32_t offset, const snn_tile *tile)
{
    const snn_operator *op = &packed->projection->op;
    const snn_sums source = snn_shard_sums(shard, packed->projection->source);
    const int32_t held = tile->channel_end - tile->channel_begin;
    const int32_t rows = packed->row_end - packed->row_begin;
    uint8_t *sums =
        (uint8_t *)tile->accumulator + (op->target_channel + packed->row_begin - tile->channel_begin) * SNN_SUM_BYTES;
    place at = {.op = op, .stride = rows};
    for (int32_t step = 0; step < tile->steps; step++) {
        at.plane = snn_sums_plane(&source, offset + step, tile->image) +
                   (op->source_channel + packed->row_begin) * SNN_SUM_BYTES;
        for (int64_t position = tile->position_begin; position < tile->position_end; position++) {
            at.row = position / op->target.width * op->window.stride[0] - op->window.pad_begin[0];
            at.column = position % op->target.width * op->window.stride[1] - op->window.pad_begin[1];
            for (int32_t first = 0; first < rows; first += LANES) {
                const int32_t count = rows - first < LANES ? rows - first : LANES;
                if (packed->real) {
                    add_floats(&at, packed->data, first, count, (float *)sums);
                } else {
                    add_integers(&at, packed->data, first, count, packed->projection->shift, (int32_t *)sums);
                }
            }
            sums += (int64_t)held * SNN_SUM_BYTES;
        }
    }
}
