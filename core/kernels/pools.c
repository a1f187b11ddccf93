/* Pools of a source's values: each row of the source that windows see is expanded once, and then added to their sums,
 * or compared with what is largest so far. */
#include "core/kernels/values.h"

#include <string.h>

/* The thread's scratch, cut up. */
typedef struct working {
    int16_t *row;  /* [position of the source][channel] */
    int32_t *sums; /* [pooled position][channel] */
} working;

static int64_t row_bytes(const snn_operator *op, int32_t channels)
{
    return snn_aligned(((int64_t)op->source.width * channels + SNN_VALUES_BEHIND) * (int64_t)sizeof(int16_t));
}

static int64_t sums_bytes(const snn_operator *op, int32_t channels)
{
    return snn_aligned((int64_t)snn_operator_pooled_shape(op).width * channels * (int64_t)sizeof(int32_t));
}

int64_t snn_pool_scratch(const snn_operator *op, int32_t channels)
{
    return row_bytes(op, channels) + sums_bytes(op, channels);
}

static inline void add(int32_t *restrict sums, const int16_t *restrict values, int32_t count)
{
    for (int32_t c = 0; c < count; c++) {
        sums[c] += values[c];
    }
}

static inline void raise(int16_t *restrict largest, const int16_t *restrict values, int32_t count)
{
    for (int32_t c = 0; c < count; c++) {
        largest[c] = values[c] > largest[c] ? values[c] : largest[c];
    }
}

/* Into sums, or maxima if `sums` is NULL. */
static void take_row(const snn_pool_row *pooled, const snn_operator *op, int32_t channels, const int16_t *row,
                     int32_t *sums, int16_t *maxima)
{
    for (int32_t i = 0; i < pooled->columns; i++) {
        const snn_taps across = snn_window_taps(&op->pool, 1, op->source.width, pooled->column + i);
        const int64_t at = (int64_t)i * channels;
        for (int64_t j = across.begin; j < across.end; j++) {
            const int16_t *values = row + (across.start + j * op->pool.dilation[1]) * channels;
            if (sums == NULL) {
                raise(maxima + at, values, channels);
            } else {
                add(sums + at, values, channels);
            }
        }
    }
}

static void store(const int32_t *restrict sums, int64_t count, const snn_source *source, int32_t largest, void *values)
{
    const snn_codes *codes = source->codes;
    const int32_t shift = codes != NULL ? codes->shift : 0, mask = codes != NULL && codes->mask != 0 ? codes->mask : -1;
    uint8_t *restrict bytes = values;
    int16_t *restrict words = values;
    if (largest > 0) {
        for (int64_t i = 0; i < count; i++) {
            bytes[i] = (uint8_t)(sums[i] + largest / 2);
        }
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        words[i] = (int16_t)((sums[i] >> shift) & mask);
    }
}

void snn_pool_expand(const snn_pool_row *pooled, const snn_operator *op, const snn_values *v, void *values,
                     void *scratch)
{
    const working w = {.row = scratch, .sums = (int32_t *)(void *)((uint8_t *)scratch + row_bytes(op, v->channels))};
    const int64_t count = (int64_t)pooled->columns * v->channels;
    const snn_taps down = snn_window_taps(&op->pool, 0, op->source.height, pooled->row);
    const bool sums = op->pooled == SNN_POOLS_SUMS;
    int16_t *maxima = values;
    snn_values words = *v;
    words.largest = 0;
    for (int64_t i = 0; i < count && !sums; i++) {
        maxima[i] = INT16_MIN;
    }
    memset(w.sums, 0, sums ? (size_t)count * sizeof w.sums[0] : 0);
    for (int64_t i = down.begin; i < down.end; i++) {
        snn_values_inside(&words, (int32_t)(down.start + i * op->pool.dilation[0]), 0, op->source.width, w.row);
        take_row(pooled, op, v->channels, w.row, sums ? w.sums : NULL, maxima);
    }
    if (sums) {
        store(w.sums, count, v->source, v->largest, values);
    }
}
