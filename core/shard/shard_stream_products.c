/* Products of a stream's integers, not of spikes: convolutions, matrix products, mixing of positions.
 *
 * A stream's integers have some 25 bits and weights 16, so sums are taken in 64 bits and then rounded to `shift` bits
 * fewer. They are integers all the way: any order gives the same. Float weights are summed in ascending order.
 *
 * Packed, as int32_t or float: [tap][source channel of the group][row], and behind it as many zeros as a tap has
 * channels, which stand for what lies outside the image; of depthwise convolutions [tap][row]; of products that mix
 * positions the weights [row], then the matrix [target position][source position]. */
#include <string.h>

#include "core/base/memory.h"
#include "core/shard/shard_private.h"

enum { LANES = 32 };

/* A matrix product is a convolution with a window as large as the source. */
static snn_window window_of(const snn_operator *op)
{
    const snn_window whole = {{op->source.height, op->source.width}, {1, 1}, {1, 1}, {0, 0}, {0, 0}};
    return op->kind == SNN_OPERATOR_DENSE ? whole : op->window;
}

static int32_t groups_of(const snn_operator *op)
{
    return op->kind == SNN_OPERATOR_DENSE ? 1 : op->groups;
}

static int64_t mixing_size(const snn_operator *op)
{
    return snn_shape_positions(op->target) * snn_shape_positions(op->source);
}

/* Elements of the packed weights. */
static int64_t packed_size(const snn_operator *op, int64_t rows)
{
    const int64_t length = snn_operator_row_length(op);
    if (op->kind == SNN_OPERATOR_TOKENS) {
        return rows + mixing_size(op);
    }
    return length * rows + (snn_operator_is_depthwise(op) ? 0 : op->source_channels / groups_of(op));
}

/* One weight of a network, 16 or 32 bits wide or float, as the bits that are packed. */
static int32_t weight_bits(const snn_shard *shard, const void *weights, bool narrow, int64_t at)
{
    int32_t bits;
    if (!shard->real && narrow) {
        return ((const int16_t *)weights)[at];
    }
    memcpy(&bits, (const uint8_t *)weights + at * SNN_SUM_BYTES, sizeof bits);
    return bits;
}

snn_status snn_stream_product_pack(const snn_shard *shard, const snn_projection *projection, snn_channel_range rows,
                                   snn_packed *packed)
{
    const snn_operator *op = &projection->op;
    const int64_t length = snn_operator_row_length(op), count = rows.end - rows.begin;
    const bool tokens = op->kind == SNN_OPERATOR_TOKENS;
    const int64_t size = packed_size(op, count);
    int32_t *data = snn_allocate((size_t)size, sizeof *data);
    if (data == NULL) {
        return snn_out_of_memory("weights of a stream");
    }
    for (int64_t row = 0; row < count; row++) {
        for (int64_t k = 0; k < length; k++) {
            const int64_t from = (rows.begin - projection->row_begin + row) * length + k;
            data[k * count + row] = weight_bits(shard, projection->weights, !tokens, from);
        }
    }
    for (int64_t i = 0; i < mixing_size(op) && tokens; i++) {
        data[count + i] = weight_bits(shard, projection->mixing, true, i);
    }
    packed->data = data;
    packed->projection = projection;
    packed->row_begin = rows.begin;
    packed->row_end = rows.end;
    packed->real = shard->real;
    packed->bytes = size * (int64_t)sizeof *data;
    return snn_ok();
}

/* One product over one step of a tile. */
typedef struct job {
    const snn_shard *shard;
    const snn_packed *packed;
    const snn_operator *op;
    const snn_tile *tile;
    snn_window window;
    const uint8_t *plane; /* of the source, at the first channel read */
    uint8_t *sums;        /* of the tile's first position, at the first row */
    int32_t rows;         /* packed */
} job;

static void *sums_at(const job *now, int64_t position, int32_t row)
{
    const int64_t held = now->tile->channel_end - now->tile->channel_begin;
    return now->sums + ((position - now->tile->position_begin) * held + row) * SNN_SUM_BYTES;
}

/* The source's values at a tap of a target position, or NULL outside. */
static const void *tap_values(const job *now, int64_t position, int32_t i, int32_t j)
{
    const snn_window *window = &now->window;
    const snn_shape source = now->op->source;
    const int64_t width = now->op->target.width;
    const int64_t row = position / width * window->stride[0] - window->pad_begin[0] + (int64_t)i * window->dilation[0];
    const int64_t column =
        position % width * window->stride[1] - window->pad_begin[1] + (int64_t)j * window->dilation[1];
    if (row < 0 || row >= source.height || column < 0 || column >= source.width) {
        return NULL;
    }
    return now->plane + (row * source.width + column) * source.channels * SNN_SUM_BYTES;
}

/* ---- depthwise ---- */

static void add_integers(const job *now, int64_t position, int32_t first, int32_t count)
{
    const int32_t *weights = now->packed->data;
    int32_t *sum = sums_at(now, position, first);
    int64_t total[LANES] = {0};
    for (int32_t i = 0; i < now->window.kernel[0]; i++) {
        for (int32_t j = 0; j < now->window.kernel[1]; j++, weights += now->rows) {
            const int32_t *values = tap_values(now, position, i, j);
            if (values != NULL) {
                now->shard->kernels->tap_sums(total, weights + first, values + first, count);
            }
        }
    }
    for (int32_t c = 0; c < count; c++) {
        sum[c] += snn_product_limited(snn_rounded(total[c], now->packed->projection->shift));
    }
}

static void add_floats(const job *now, int64_t position, int32_t first, int32_t count)
{
    const float *weights = now->packed->data;
    float *sum = sums_at(now, position, first);
    float total[LANES] = {0};
    for (int32_t i = 0; i < now->window.kernel[0]; i++) {
        for (int32_t j = 0; j < now->window.kernel[1]; j++, weights += now->rows) {
            const float *values = tap_values(now, position, i, j);
            for (int32_t c = 0; c < count && values != NULL; c++) {
                total[c] = total[c] + weights[first + c] * values[first + c];
            }
        }
    }
    for (int32_t c = 0; c < count; c++) {
        sum[c] = sum[c] + total[c];
    }
}

static void convolve_channels(const job *now)
{
    for (int64_t position = now->tile->position_begin; position < now->tile->position_end; position++) {
        for (int32_t first = 0; first < now->rows; first += LANES) {
            const int32_t count = now->rows - first < LANES ? now->rows - first : LANES;
            if (now->packed->real) {
                add_floats(now, position, first, count);
            } else {
                add_integers(now, position, first, count);
            }
        }
    }
}

/* ---- convolutions and matrix products ---- */

/* Rows side by side that read the same channels, and the first of these. */
typedef struct columns {
    int32_t first, count, channel;
} columns;

static columns next_columns(const job *now, int32_t first)
{
    const int32_t groups = groups_of(now->op), targets = now->op->target_channels / groups;
    const int32_t group = (now->packed->row_begin + first) / targets;
    int32_t end = (group + 1) * targets - now->packed->row_begin;
    end = end < now->rows ? end : now->rows;
    columns found = {first, end - first, group * (now->op->source_channels / groups)};
    found.count = found.count < SNN_SUMS_COLUMNS ? found.count : SNN_SUMS_COLUMNS;
    return found;
}

/* `used` positions at once. */
static void convolve_integers(const job *now, const columns *wanted, int64_t position, int32_t used)
{
    const int32_t channels = now->op->source_channels / groups_of(now->op);
    const int32_t *weights = (const int32_t *)now->packed->data + wanted->first;
    const int32_t *zeros = (const int32_t *)now->packed->data + snn_operator_row_length(now->op) * (int64_t)now->rows;
    int64_t total[SNN_SUMS_ROWS][SNN_SUMS_COLUMNS] = {{0}};
    snn_sums_product product = {.stride = now->rows, .depth = channels, .columns = wanted->count};
    for (int32_t i = 0; i < now->window.kernel[0]; i++) {
        for (int32_t j = 0; j < now->window.kernel[1]; j++, weights += (int64_t)channels * now->rows) {
            product.right = weights;
            for (int32_t p = 0; p < SNN_SUMS_ROWS; p++) {
                const int32_t *values = p < used ? tap_values(now, position + p, i, j) : NULL;
                product.left[p] = values != NULL ? values + wanted->channel : zeros;
            }
            now->shard->kernels->multiply_sums(&product, total);
        }
    }
    for (int32_t p = 0; p < used; p++) {
        int32_t *sum = sums_at(now, position + p, wanted->first);
        for (int32_t c = 0; c < wanted->count; c++) {
            sum[c] += snn_product_limited(snn_rounded(total[p][c], now->packed->projection->shift));
        }
    }
}

static void convolve_floats(const job *now, const columns *wanted, int64_t position)
{
    const int32_t channels = now->op->source_channels / groups_of(now->op);
    const float *weights = (const float *)now->packed->data + wanted->first;
    float total[SNN_SUMS_COLUMNS] = {0};
    for (int32_t i = 0; i < now->window.kernel[0]; i++) {
        for (int32_t j = 0; j < now->window.kernel[1]; j++) {
            const float *values = tap_values(now, position, i, j);
            for (int32_t k = 0; k < channels; k++, weights += now->rows) {
                for (int32_t c = 0; c < wanted->count && values != NULL; c++) {
                    total[c] = total[c] + weights[c] * values[wanted->channel + k];
                }
            }
        }
    }
    float *sum = sums_at(now, position, wanted->first);
    for (int32_t c = 0; c < wanted->count; c++) {
        sum[c] = sum[c] + total[c];
    }
}

static void convolve(const job *now)
{
    const int64_t end = now->tile->position_end;
    for (int32_t first = 0; first < now->rows;) {
        const columns wanted = next_columns(now, first);
        for (int64_t position = now->tile->position_begin; position < end && now->packed->real; position++) {
            convolve_floats(now, &wanted, position);
        }
        for (int64_t position = now->tile->position_begin; position < end && !now->packed->real;
             position += SNN_SUMS_ROWS) {
            convolve_integers(now, &wanted, position,
                              end - position < SNN_SUMS_ROWS ? (int32_t)(end - position) : SNN_SUMS_ROWS);
        }
        first += wanted.count;
    }
}

/* ---- mixing of positions ---- */

static void mix_integers(const job *now, int32_t first, int64_t position, int32_t used)
{
    const int32_t *weights = (const int32_t *)now->packed->data + first;
    const int32_t *mixing = (const int32_t *)now->packed->data + now->rows;
    const int64_t sources = snn_shape_positions(now->op->source);
    int64_t total[SNN_SUMS_ROWS][SNN_SUMS_COLUMNS] = {{0}};
    snn_sums_product product = {.right = (const int32_t *)now->plane + first,
                                .stride = now->op->source.channels,
                                .depth = (int32_t)sources,
                                .columns = now->rows - first < SNN_SUMS_COLUMNS ? now->rows - first : SNN_SUMS_COLUMNS};
    for (int32_t p = 0; p < SNN_SUMS_ROWS; p++) {
        product.left[p] = mixing + (position + (p < used ? p : 0)) * sources;
    }
    now->shard->kernels->multiply_sums(&product, total);
    for (int32_t p = 0; p < used; p++) {
        int32_t *sum = sums_at(now, position + p, first);
        for (int32_t c = 0; c < product.columns; c++) {
            const int32_t mixed = (int32_t)snn_rounded(total[p][c], now->packed->projection->shift);
            sum[c] += snn_product_limited(snn_tokens_weighted(weights[c], mixed));
        }
    }
}

static void mix_floats(const job *now, int32_t first, int64_t position)
{
    const float *weights = (const float *)now->packed->data + first;
    const float *mixing = (const float *)now->packed->data + now->rows;
    const int64_t sources = snn_shape_positions(now->op->source);
    const int32_t count = now->rows - first < SNN_SUMS_COLUMNS ? now->rows - first : SNN_SUMS_COLUMNS;
    float total[SNN_SUMS_COLUMNS] = {0};
    for (int64_t p = 0; p < sources; p++) {
        const float *values = (const float *)now->plane + p * now->op->source.channels + first;
        for (int32_t c = 0; c < count; c++) {
            total[c] = total[c] + mixing[position * sources + p] * values[c];
        }
    }
    float *sum = sums_at(now, position, first);
    for (int32_t c = 0; c < count; c++) {
        sum[c] = sum[c] + weights[c] * total[c];
    }
}

static void mix(const job *now)
{
    const int64_t end = now->tile->position_end;
    for (int32_t first = 0; first < now->rows; first += SNN_SUMS_COLUMNS) {
        for (int64_t position = now->tile->position_begin; position < end && now->packed->real; position++) {
            mix_floats(now, first, position);
        }
        for (int64_t position = now->tile->position_begin; position < end && !now->packed->real;
             position += SNN_SUMS_ROWS) {
            mix_integers(now, first, position,
                         end - position < SNN_SUMS_ROWS ? (int32_t)(end - position) : SNN_SUMS_ROWS);
        }
    }
}

void snn_stream_product(const snn_shard *shard, const snn_packed *packed, int32_t offset, const snn_tile *tile)
{
    const snn_operator *op = &packed->projection->op;
    const snn_sums source = snn_shard_sums(shard, packed->projection->source);
    const bool tokens = op->kind == SNN_OPERATOR_TOKENS, depthwise = snn_operator_is_depthwise(op);
    const int32_t channel = op->source_channel + (tokens || depthwise ? packed->row_begin : 0); /* first one read */
    const int64_t step_bytes =
        (tile->position_end - tile->position_begin) * (tile->channel_end - tile->channel_begin) * SNN_SUM_BYTES;
    job now = {.shard = shard, .packed = packed, .op = op, .tile = tile};
    now.window = window_of(op);
    now.rows = packed->row_end - packed->row_begin;
    now.sums =
        (uint8_t *)tile->accumulator + (op->target_channel + packed->row_begin - tile->channel_begin) * SNN_SUM_BYTES;
    for (int32_t step = 0; step < tile->steps; step++, now.sums += step_bytes) {
        now.plane = (uint8_t *)snn_sums_plane(&source, offset + step, tile->image) + channel * SNN_SUM_BYTES;
        if (tokens) {
            mix(&now);
        } else if (depthwise) {
            convolve_channels(&now);
        } else {
            convolve(&now);
        }
    }
}
