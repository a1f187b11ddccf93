#include "core/kernels/portable.h"

#include <string.h>

#if defined(__AVX512BW__)
#include <immintrin.h>
#endif

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

#if defined(__AVX512BW__)
enum { BITS = 32 }; /* channels at once */
static inline void take(int16_t *values, uint32_t bits, int16_t amount)
{
    const __m512i before = _mm512_loadu_si512(values);
    _mm512_storeu_si512(values, _mm512_mask_sub_epi16(before, (__mmask32)bits, before, _mm512_set1_epi16(amount)));
}
#else
enum { BITS = 16 };
static inline void take(int16_t *restrict values, uint32_t bits, int16_t amount)
{
    static const uint16_t of_lane[BITS] = {1,      1 << 1, 1 << 2,  1 << 3,  1 << 4,  1 << 5,  1 << 6,  1 << 7,
                                           1 << 8, 1 << 9, 1 << 10, 1 << 11, 1 << 12, 1 << 13, 1 << 14, 1 << 15};
    for (int i = 0; i < BITS; i++) {
        values[i] = (int16_t)(values[i] - ((uint16_t)bits & of_lane[i] ? amount : 0));
    }
}
#endif

static void expand_byte(unsigned byte, int16_t *restrict values)
{
    static const int16_t bit[8] = {1, 2, 4, 8, 16, 32, 64, 128};
    for (int i = 0; i < 8; i++) {
        values[i] = (int16_t)byte & bit[i] ? 1 : -1;
    }
}

/* Bits [bit, bit + count) as +1 / -1. Reads up to one byte behind the last. */
static void expand_bits(const uint8_t *restrict bits, int64_t bit, int64_t count, int16_t *restrict values)
{
    const uint8_t *bytes = bits + bit / 8;
    const unsigned shift = (unsigned)(bit % 8);
    for (; count >= 8; count -= 8, bytes++, values += 8) {
        expand_byte(((bytes[0] | (unsigned)bytes[1] << 8) >> shift) & 0xff, values);
    }
    if (count > 0) {
        int16_t last[8];
        expand_byte(((bytes[0] | (unsigned)bytes[1] << 8) >> shift) & 0xff, last);
        memcpy(values, last, (size_t)count * sizeof last[0]);
    }
}

/* What planes [begin, end) of a row add up to, on top of the resting state: each channel's bit in plane j takes
 * magnitude j or adds it. BITS channels at a time, all planes of them while they are at hand. */
static void expand_codes(const snn_source *source, int32_t step, int64_t position, int32_t channel, int32_t count,
                         int16_t *restrict values)
{
    const snn_codes *codes = source->codes;
    const snn_spikes *spikes = source->spikes;
    const int32_t begin = codes->begin[step], end = codes->end[step];
    const int64_t plane = snn_spikes_plane_bytes(spikes) * spikes->images;
    const uint8_t *row = snn_spikes_plane(spikes, begin, source->image) + position * spikes->row_bytes;
    int32_t all = 0;
    for (int32_t j = begin; j < end; j++) {
        all += codes->magnitude[j];
    }
    for (int32_t first = 0; first < count; first += BITS) {
        const int32_t used = count - first < BITS ? count - first : BITS;
        const uint8_t *bytes = row + (channel + first) / 8;
        const int shift = (channel + first) % 8;
        int16_t sum[BITS];
        for (int i = 0; i < BITS; i++) {
            sum[i] = (int16_t)all;
        }
        if (step < codes->rest_steps) {
            const int32_t *rest = codes->rest + channel + first;
            for (int i = 0; i < used; i++) {
                sum[i] = (int16_t)(sum[i] + rest[i]);
            }
        }
        for (int32_t j = begin; j < end; j++, bytes += plane) {
            uint64_t bits; /* arrays have readable bytes behind them */
            memcpy(&bits, bytes, sizeof bits);
            take(sum, (uint32_t)(bits >> shift), (int16_t)(2 * codes->magnitude[j]));
        }
        memcpy(values + first, sum, (size_t)used * sizeof sum[0]);
    }
}

void snn_source_values(const snn_source *source, int32_t step, int64_t position, int32_t channel, int32_t count,
                       int16_t *values)
{
    if (source->codes != NULL) {
        expand_codes(source, step, position, channel, count, values);
        return;
    }
    const snn_spikes *spikes = source->spikes;
    expand_bits(snn_spikes_plane(spikes, step, source->image) + position * spikes->row_bytes, channel, count, values);
}

/* First tap of a pool window that is inside the source, and the one behind the last. */
static void clip_taps(const snn_window *pool, int axis, int32_t size, int32_t output, int32_t *begin, int32_t *end)
{
    const int32_t origin = output * pool->stride[axis] - pool->pad_begin[axis];
    *begin = 0;
    *end = pool->kernel[axis];
    while (*begin < *end && origin + *begin * pool->dilation[axis] < 0) {
        ++*begin;
    }
    while (*end > *begin && origin + (*end - 1) * pool->dilation[axis] >= size) {
        --*end;
    }
}

/* Sums over the pool window of pooled position (row, column). */
static void expand_pooled(const snn_operator *op, const snn_source *source, int32_t step, int32_t row, int32_t column,
                          int32_t channel, int32_t channels, int16_t *restrict values)
{
    enum { CHUNK = 64 };
    const snn_window *pool = &op->pool;
    int32_t row_begin, row_end, column_begin, column_end;
    clip_taps(pool, 0, op->source.height, row, &row_begin, &row_end);
    clip_taps(pool, 1, op->source.width, column, &column_begin, &column_end);
    memset(values, 0, (size_t)channels * sizeof values[0]);
    for (int32_t i = row_begin; i < row_end; i++) {
        const int64_t y = (int64_t)row * pool->stride[0] - pool->pad_begin[0] + (int64_t)i * pool->dilation[0];
        for (int32_t j = column_begin; j < column_end; j++) {
            const int64_t x = (int64_t)column * pool->stride[1] - pool->pad_begin[1] + (int64_t)j * pool->dilation[1];
            for (int32_t first = 0; first < channels; first += CHUNK) {
                const int32_t count = channels - first < CHUNK ? channels - first : CHUNK;
                int16_t spikes[CHUNK];
                snn_source_values(source, step, y * op->source.width + x, channel + first, count, spikes);
                for (int32_t c = 0; c < count; c++) {
                    values[first + c] = (int16_t)(values[first + c] + spikes[c]);
                }
            }
        }
    }
}

void snn_field_expand(const snn_field *field, const snn_operator *op, const snn_source *source, int32_t step,
                      int16_t *values)
{
    const snn_shape pooled = snn_operator_pooled_shape(op);
    for (int32_t i = 0; i < field->rows; i++) {
        const int32_t row = field->row + i;
        for (int32_t j = 0; j < field->columns; j++, values += field->channels) {
            const int32_t column = field->column + j;
            if (row < 0 || row >= pooled.height || column < 0 || column >= pooled.width) {
                memset(values, 0, (size_t)field->channels * sizeof values[0]);
            } else if (op->pooled) {
                expand_pooled(op, source, step, row, column, field->channel, field->channels, values);
            } else {
                const int64_t position = (int64_t)row * pooled.width + column;
                snn_source_values(source, step, position, field->channel, field->channels, values);
            }
        }
    }
}

int32_t snn_element_value(const snn_operator *op, const snn_source *source, int32_t step, int64_t position,
                          int32_t channel)
{
    int16_t value;
    if (!op->pooled) {
        snn_source_values(source, step, position, channel, 1, &value);
        return value;
    }
    const int32_t width = snn_operator_pooled_shape(op).width;
    expand_pooled(op, source, step, (int32_t)(position / width), (int32_t)(position % width), channel, 1, &value);
    return value;
}
