/* Pools of a source's values: sums are those of the bits of each plane, channel by channel, over all positions of a
 * window; for maxima each row of the source that windows see is expanded once, and compared with what is largest. */
#include "core/kernels/values.h"

#include <string.h>

#include "core/kernels/planes.h"

static int64_t row_bytes(const snn_operator *op, int32_t channels)
{
    return snn_aligned(((int64_t)op->source.width * channels + SNN_VALUES_BEHIND) * (int64_t)sizeof(int16_t));
}

int64_t snn_pool_scratch(const snn_operator *op, int32_t channels)
{
    return op->pooled == SNN_POOLS_SUMS ? 0 : row_bytes(op, channels);
}

/* ---- sums ---- */

/* A window's positions inside the image, and some neighbouring channels of each. */
typedef struct sight {
    const uint8_t *bits; /* of the first position, and so many bytes on of the next ones */
    int64_t rows, columns, row_apart, column_apart;
    int shift; /* of the first channel, in its byte */
} sight;

/* totals[i] += factor * what bits of channel i add up to. The planes' magnitudes add up to a byte. */
static inline __attribute__((always_inline)) void add_bits(const sight *at, const snn_planes *of, int32_t factor,
                                                           int32_t *restrict totals, const int32_t plane_count,
                                                           const int shift)
{
    enum { TAPS_MOST = UINT16_MAX / UINT8_MAX }; /* fit words without a sign */
    snn_byte_lanes amounts[SNN_WINDOW_STEPS];
    typedef uint16_t sums_of_lanes __attribute__((vector_size(SNN_VECTOR_BYTES)));
    sums_of_lanes words[2] = {{0}};
    int32_t taps = 0;
    for (int32_t j = 0; j < plane_count; j++) {
        amounts[j] = (snn_byte_lanes){0} + (uint8_t)of->magnitude[j];
    }
    for (int64_t i = 0; i < at->rows; i++) {
        const uint8_t *from = at->bits + i * at->row_apart;
        for (int64_t j = 0; j < at->columns; j++, from += at->column_apart) {
            const snn_byte_lanes sums = snn_planes_add(from, of->stride, shift, amounts, plane_count);
            words[0] += (sums_of_lanes)snn_bytes_widened(sums, 0);
            words[1] += (sums_of_lanes)snn_bytes_widened(sums, 1);
            if (++taps == TAPS_MOST || (i + 1 == at->rows && j + 1 == at->columns)) {
                uint16_t each[SNN_VECTOR_BYTES];
                memcpy(each, words, sizeof each);
                for (int lane = 0; lane < SNN_VECTOR_BYTES; lane++) {
                    totals[lane] += factor * each[lane];
                }
                words[0] = words[1] = (sums_of_lanes){0};
                taps = 0;
            }
        }
    }
}

/* The same of all planes, one by one where they add up to more than a byte. */
static void add_planes(sight at, const snn_planes *of, int32_t *totals)
{
    const bool bytes = of->sum <= UINT8_MAX;
    if (bytes && of->count == SNN_BITS && at.shift == 0) { /* as in most windows, with all known when compiled */
        add_bits(&at, of, 1, totals, SNN_BITS, 0);
    } else if (bytes) {
        add_bits(&at, of, 1, totals, of->count, at.shift);
    } else {
        static const int32_t one = 1;
        for (int32_t j = 0; j < of->count; j++, at.bits += of->stride) {
            const snn_planes single = {.magnitude = &one};
            add_bits(&at, &single, of->magnitude[j], totals, 1, at.shift);
        }
    }
}

/* What channels [first, first + lanes) add up to over so many taps, as values: the limb that codes want. */
static void store(const snn_values *v, int32_t first, int32_t lanes, int32_t taps, const int32_t *restrict totals,
                  void *values)
{
    const snn_codes *codes = v->source->codes;
    const int32_t count = v->channels - first < lanes ? v->channels - first : lanes;
    if (v->largest > 0) { /* single spikes, half of what they add up to more than if none were */
        uint8_t *restrict bytes = (uint8_t *)values + first;
        for (int32_t c = 0; c < count; c++) {
            bytes[c] = (uint8_t)(2 * totals[c] - taps + v->largest / 2);
        }
        return;
    }
    int16_t *restrict words = (int16_t *)values + first;
    if (codes == NULL) {
        for (int32_t c = 0; c < count; c++) {
            words[c] = (int16_t)(2 * totals[c] - taps);
        }
        return;
    }
    const int16_t *restrict base = v->base + first;
    const int32_t shift = codes->shift, mask = codes->mask != 0 ? codes->mask : -1;
    for (int32_t c = 0; c < count; c++) {
        words[c] = (int16_t)(((taps * base[c] - 2 * totals[c]) >> shift) & mask);
    }
}

static void add_up(const snn_pool_row *pooled, const snn_operator *op, const snn_values *v, uint8_t *values)
{
    const snn_window *pool = &op->pool;
    const snn_taps down = snn_window_taps(pool, 0, op->source.height, pooled->row);
    const int64_t top = down.start + down.begin * pool->dilation[0];
    const int shift = v->channel % SNN_BITS, lanes = snn_planes_lanes(shift);
    for (int32_t i = 0; i < pooled->columns; i++, values += v->channels * snn_value_bytes(v->largest)) {
        const snn_taps across = snn_window_taps(pool, 1, op->source.width, pooled->column + i);
        const int64_t left = across.start + across.begin * pool->dilation[1];
        const snn_planes of = snn_planes_of(v->source, v->step, (top - v->source->row) * op->source.width + left);
        sight at = {.bits = of.bits + v->channel / SNN_BITS,
                    .rows = down.end - down.begin,
                    .columns = across.end - across.begin,
                    .row_apart = (int64_t)pool->dilation[0] * op->source.width * of.row_bytes,
                    .column_apart = pool->dilation[1] * of.row_bytes,
                    .shift = shift};
        for (int32_t first = 0; first < v->channels; first += lanes, at.bits += lanes / SNN_BITS) {
            int32_t totals[SNN_VECTOR_BYTES] = {0};
            add_planes(at, &of, totals);
            store(v, first, lanes, (int32_t)(at.rows * at.columns), totals, values);
        }
    }
}

/* ---- maxima ---- */

static inline void raise(int16_t *restrict largest, const int16_t *restrict values, int32_t count)
{
    for (int32_t c = 0; c < count; c++) {
        largest[c] = values[c] > largest[c] ? values[c] : largest[c];
    }
}

/* `row`: of the source, in the scratch. */
static void compare(const snn_pool_row *pooled, const snn_operator *op, const snn_values *v, int16_t *largest,
                    int16_t *row)
{
    const snn_taps down = snn_window_taps(&op->pool, 0, op->source.height, pooled->row);
    for (int64_t i = 0; i < (int64_t)pooled->columns * v->channels; i++) {
        largest[i] = INT16_MIN;
    }
    for (int64_t i = down.begin; i < down.end; i++) {
        snn_values_inside(v, (int32_t)(down.start + i * op->pool.dilation[0]), 0, op->source.width, row);
        int16_t *to = largest;
        for (int32_t column = 0; column < pooled->columns; column++, to += v->channels) {
            const snn_taps across = snn_window_taps(&op->pool, 1, op->source.width, pooled->column + column);
            for (int64_t j = across.begin; j < across.end; j++) {
                raise(to, row + (across.start + j * op->pool.dilation[1]) * v->channels, v->channels);
            }
        }
    }
}

void snn_pool_expand(const snn_pool_row *pooled, const snn_operator *op, const snn_values *v, void *values,
                     void *scratch)
{
    if (op->pooled == SNN_POOLS_SUMS) {
        add_up(pooled, op, v, values);
    } else {
        compare(pooled, op, v, values, scratch);
    }
}
