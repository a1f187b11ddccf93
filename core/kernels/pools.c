/* Pools of a source's values: sums are those of what fired, channel by channel, over all positions of a window; for
 * maxima each row of the source that windows see is expanded once, and compared with what is largest. */
#include "core/kernels/values.h"

#include <string.h>

#include "core/kernels/planes.h"

/* Of a row of the source, and of one of what is pooled. */
static int64_t source_bytes(const snn_operator *op, int32_t channels)
{
    return snn_aligned(((int64_t)op->source.width * channels + SNN_VALUES_BEHIND) * (int64_t)sizeof(int16_t));
}

static int64_t pooled_bytes(const snn_operator *op, int32_t channels)
{
    return snn_aligned((int64_t)snn_operator_pooled_shape(op).width * channels);
}

int64_t snn_pool_scratch(const snn_operator *op, int32_t channels)
{
    return op->pooled == SNN_POOLS_SUMS ? 0 : source_bytes(op, channels) + pooled_bytes(op, channels);
}

/* ---- sums ---- */

/* A window's positions inside the image, and some neighbouring channels of each. */
typedef struct sight {
    const uint8_t *first; /* bits of the first position, or bytes, and so many bytes on of the next ones */
    int64_t rows, columns, row_apart, column_apart;
    int shift; /* of the first channel in its byte of bits */
} sight;

typedef uint16_t sums_of_lanes __attribute__((vector_size(SNN_VECTOR_BYTES)));

static inline __attribute__((always_inline)) void add_to_totals(sums_of_lanes words[2], int32_t *restrict totals)
{
    uint16_t each[SNN_VECTOR_BYTES];
    memcpy(each, words, sizeof each);
    for (int lane = 0; lane < SNN_VECTOR_BYTES; lane++) {
        totals[lane] += each[lane];
    }
    words[0] = words[1] = (sums_of_lanes){0};
}

/* totals[i] += what of channel i fired adds up to. `of` is NULL: of bits. */
static inline __attribute__((always_inline)) void add_fired(const sight *at, const snn_steps *of,
                                                            int32_t *restrict totals, const snn_steps_form form)
{
    const int32_t most = UINT16_MAX / (form == SNN_STEPS_WORD ? of->sum : UINT8_MAX); /* fit words without a sign */
    snn_vector_bytes amounts[SNN_WINDOW_STEPS];
    sums_of_lanes words[2] = {{0}};
    int32_t taps = 0;
    if (of != NULL) {
        snn_steps_amounts(of, amounts);
    } else {
        amounts[0] = (snn_vector_bytes){0} + 1;
    }
    for (int64_t i = 0; i < at->rows; i++) {
        const uint8_t *from = at->first + i * at->row_apart;
        for (int64_t j = 0; j < at->columns; j++, from += at->column_apart) {
            snn_word_lanes added[2];
            if (of != NULL) {
                snn_steps_add_words(of, from, amounts, form, added);
            } else {
                const snn_vector_bytes bytes = snn_planes_add(from, 0, at->shift, amounts, 1);
                added[0] = snn_bytes_widened(bytes, 0);
                added[1] = snn_bytes_widened(bytes, 1);
            }
            words[0] += (sums_of_lanes)added[0];
            words[1] += (sums_of_lanes)added[1];
            if (++taps == most) {
                add_to_totals(words, totals);
                taps = 0;
            }
        }
    }
    add_to_totals(words, totals);
}

/* The same with all known when compiled that can be. */
static void add_any(const sight *at, const snn_steps *of, int32_t *totals)
{
    if (of == NULL) {
        add_fired(at, NULL, totals, SNN_STEPS_BYTE);
    } else if (of->form == SNN_STEPS_WHOLE) {
        add_fired(at, of, totals, SNN_STEPS_WHOLE);
    } else if (of->form == SNN_STEPS_BYTE) {
        add_fired(at, of, totals, SNN_STEPS_BYTE);
    } else {
        add_fired(at, of, totals, SNN_STEPS_WORD);
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
    const snn_source *source = v->source;
    const snn_spikes *spikes = source->spikes;
    const snn_taps down = snn_window_taps(pool, 0, op->source.height, pooled->row);
    const int64_t top = down.start + down.begin * pool->dilation[0];
    const bool coded = source->codes != NULL;
    const uint8_t *bytes = coded ? v->steps.bytes : snn_spikes_plane(spikes, v->step, source->image);
    const int shift = coded ? 0 : v->channel % SNN_BITS, lanes = snn_planes_lanes(shift);
    for (int32_t i = 0; i < pooled->columns; i++, values += v->channels * snn_value_bytes(v->largest)) {
        const snn_taps across = snn_window_taps(pool, 1, op->source.width, pooled->column + i);
        const int64_t left = across.start + across.begin * pool->dilation[1];
        const int64_t position = (top - source->row) * op->source.width + left;
        sight at = {.first = bytes + position * spikes->row_bytes + (coded ? v->channel : v->channel / SNN_BITS),
                    .rows = down.end - down.begin,
                    .columns = across.end - across.begin,
                    .row_apart = (int64_t)pool->dilation[0] * op->source.width * spikes->row_bytes,
                    .column_apart = (int64_t)pool->dilation[1] * spikes->row_bytes,
                    .shift = shift};
        for (int32_t first = 0; first < v->channels; first += lanes, at.first += coded ? lanes : lanes / SNN_BITS) {
            int32_t totals[SNN_VECTOR_BYTES] = {0};
            add_any(&at, coded ? &v->steps : NULL, totals);
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

static inline void lower(uint8_t *restrict least, const uint8_t *restrict values, int32_t count)
{
    for (int32_t c = 0; c < count; c++) {
        least[c] = values[c] < least[c] ? values[c] : least[c];
    }
}

/* The largest values of the windows or (v->largest > 0) the least bytes. `row`: of the source, in the scratch. */
static void compare(const snn_pool_row *pooled, const snn_operator *op, const snn_values *v, void *found, void *row)
{
    const snn_taps down = snn_window_taps(&op->pool, 0, op->source.height, pooled->row);
    for (int64_t i = down.begin; i < down.end; i++) {
        snn_values_inside(v, (int32_t)(down.start + i * op->pool.dilation[0]), 0, op->source.width, row);
        for (int32_t column = 0; column < pooled->columns; column++) {
            const snn_taps across = snn_window_taps(&op->pool, 1, op->source.width, pooled->column + column);
            const int64_t to = (int64_t)column * v->channels;
            for (int64_t j = across.begin; j < across.end; j++) {
                const int64_t from = (across.start + j * op->pool.dilation[1]) * v->channels;
                if (v->largest > 0) {
                    lower((uint8_t *)found + to, (const uint8_t *)row + from, v->channels);
                } else {
                    raise((int16_t *)found + to, (const int16_t *)row + from, v->channels);
                }
            }
        }
    }
}

/* Codes are largest where what fired is least, and that is a byte nearly always. */
static void find_maxima(const snn_pool_row *pooled, const snn_operator *op, const snn_values *v,
                        int16_t *restrict values, uint8_t *scratch)
{
    const int64_t count = (int64_t)pooled->columns * v->channels;
    if (v->steps.form == SNN_STEPS_WORD) {
        for (int64_t i = 0; i < count; i++) {
            values[i] = INT16_MIN;
        }
        compare(pooled, op, v, values, scratch);
        return;
    }
    snn_values bytes = *v;
    bytes.largest = UINT8_MAX;
    uint8_t *restrict least = scratch + source_bytes(op, v->channels);
    memset(least, UINT8_MAX, (size_t)count);
    compare(pooled, op, &bytes, least, scratch);
    for (int64_t first = 0; first < count; first += v->channels) {
        for (int32_t c = 0; c < v->channels; c++) {
            values[first + c] = (int16_t)(v->base[c] - 2 * least[first + c]);
        }
    }
}

void snn_pool_expand(const snn_pool_row *pooled, const snn_operator *op, const snn_values *v, void *values,
                     void *scratch)
{
    if (op->pooled == SNN_POOLS_SUMS) {
        add_up(pooled, op, v, values);
    } else {
        find_maxima(pooled, op, v, values, scratch);
    }
}
