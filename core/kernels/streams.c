/* Products of a stream's integers: convolutions, matrix products, mixing of positions.
 *
 * A stream's integers have some 25 bits and weights 16, so sums are taken in 64 bits and then rounded to `shift` bits
 * fewer. An integer is cut into limbs of as many bits as let a row's sum of products stay within 32 bits: each limb is
 * a value like those of spikes, and its product one like theirs. Integers all the way: any order gives the same. */
#include "core/kernels/portable.h"

#include <stdlib.h>
#include <string.h>

enum { INTEGER_BITS = 32, LIMB_BITS_MOST = 15 };

/* Bits of a limb, for rows of `length` weights. */
static int32_t limb_bits(const int16_t *weights, int64_t rows, int64_t length)
{
    int64_t largest = 1;
    for (int64_t row = 0; row < rows; row++) {
        int64_t sum = 0;
        for (int64_t k = 0; k < length; k++) {
            sum += abs(*weights++);
        }
        largest = sum > largest ? sum : largest;
    }
    int32_t bits = LIMB_BITS_MOST;
    while (bits > 1 && largest << bits > INT32_MAX) {
        bits--;
    }
    return bits;
}

snn_status snn_streams_pack(const snn_projection *projection, snn_weight_format format, int32_t row_begin,
                            int32_t row_end, snn_packed *packed)
{
    const snn_operator *op = &projection->op;
    SNN_TRY(snn_portable_pack_codes(projection, format, row_begin, row_end, NULL, packed));
    if (packed->real) {
        return snn_ok();
    }
    if (op->kind == SNN_OPERATOR_TOKENS) {
        packed->limb_bits =
            limb_bits(projection->mixing, snn_shape_positions(op->target), snn_shape_positions(op->source));
    } else {
        const int64_t length = snn_operator_row_length(op);
        packed->limb_bits =
            limb_bits((const int16_t *)projection->weights + (row_begin - projection->row_begin) * length,
                      row_end - row_begin, length);
    }
    return snn_ok();
}

/* The thread's scratch, cut up. */
typedef struct working {
    int64_t *totals; /* [position][packed row] */
    int32_t *sums;   /* the same, of a limb */
    void *product;
    int64_t bytes;
} working;

static working working_of(const snn_packed *packed, int64_t positions, void *scratch)
{
    const int64_t count = (positions * (packed->row_end - packed->row_begin) + 15) / 16 * 16; /* whole cache lines */
    working w = {.totals = scratch};
    w.sums = (int32_t *)(w.totals + count);
    w.product = w.sums + count;
    w.bytes = count * (int64_t)(sizeof w.totals[0] + sizeof w.sums[0]);
    w.bytes += snn_portable_scratch(packed, positions, 1);
    return w;
}

int64_t snn_streams_scratch(const snn_packed *packed, int64_t positions)
{
    return packed->real ? snn_portable_scratch(packed, positions, 1) : working_of(packed, positions, NULL).bytes;
}

/* Bits of the integers in rows of the source that the tile may see, the sign among them. */
static int32_t bits_of(const snn_packed *packed, const int32_t *plane, const snn_tile *tile)
{
    const snn_operator *op = &packed->projection->op;
    int64_t begin = 0, end = op->source.height;
    if (op->kind == SNN_OPERATOR_CONVOLUTION) {
        const snn_field field = snn_field_of_tile(op, tile->position_begin, tile->position_end, 0, 1);
        begin = field.row > 0 ? field.row : 0;
        end = field.row + field.rows < end ? field.row + field.rows : end;
    }
    const int64_t row = (int64_t)op->source.width * op->source.channels;
    int32_t all = 0;
    for (int64_t i = begin * row; i < end * row; i++) {
        all |= plane[i] ^ (plane[i] >> (INTEGER_BITS - 1));
    }
    int32_t bits = 1;
    while (bits < INTEGER_BITS && (all >> (bits - 1)) != 0) {
        bits++;
    }
    return bits;
}

static void add_limb(int64_t *restrict totals, const int32_t *restrict sums, int64_t count, int32_t shift)
{
    for (int64_t i = 0; i < count; i++) {
        totals[i] += (int64_t)((uint64_t)(int64_t)sums[i] << shift);
    }
}

static void add_rounded(const snn_packed *packed, const int64_t *restrict totals, int32_t rows, int32_t *restrict sums)
{
    const int32_t shift = packed->projection->shift;
    const int32_t *weights = packed->data;
    if (packed->projection->op.kind == SNN_OPERATOR_TOKENS) {
        for (int32_t c = 0; c < rows; c++) {
            sums[c] += snn_product_limited(snn_tokens_weighted(weights[c], (int32_t)snn_rounded(totals[c], shift)));
        }
        return;
    }
    for (int32_t c = 0; c < rows; c++) {
        sums[c] += snn_product_limited(snn_rounded(totals[c], shift));
    }
}

void snn_streams_project(const snn_packed *packed, const void *plane, const snn_tile *tile)
{
    if (packed->real) {
        const snn_source source = {.reals = plane};
        snn_portable_project_source(packed, &source, tile);
        return;
    }
    const int64_t positions = tile->position_end - tile->position_begin;
    const int32_t rows = packed->row_end - packed->row_begin;
    const working w = working_of(packed, positions, tile->scratch);
    const int32_t bits = bits_of(packed, plane, tile);
    snn_tile part = *tile;
    part.steps = 1;
    part.channel_begin = packed->projection->op.target_channel + packed->row_begin;
    part.channel_end = part.channel_begin + rows;
    part.accumulator = w.sums;
    part.scratch = w.product;
    memset(w.totals, 0, (size_t)(positions * rows) * sizeof w.totals[0]);
    for (int32_t shift = 0; shift < bits; shift += packed->limb_bits) {
        const bool top = shift + packed->limb_bits >= bits;
        const snn_source limb = {
            .integers = plane, .shift = shift, .mask = top ? -1 : ((int32_t)1 << packed->limb_bits) - 1};
        memset(w.sums, 0, (size_t)(positions * rows) * sizeof w.sums[0]);
        snn_portable_project_source(packed, &limb, &part);
        add_limb(w.totals, w.sums, positions * rows, shift);
    }
    const snn_sum_rows out = snn_sum_rows_of(packed, tile);
    for (int64_t i = 0; i < positions; i++) {
        add_rounded(packed, w.totals + i * rows, rows, (int32_t *)out.data + i * out.stride + out.offset);
    }
}

void snn_streams_scale(int32_t *restrict sum, const int32_t *restrict weights, const int32_t *restrict values,
                       int32_t count, int32_t shift)
{
    if (shift == 0) {
        for (int32_t c = 0; c < count; c++) {
            sum[c] += weights[c] * values[c];
        }
        return;
    }
    for (int32_t c = 0; c < count; c++) {
        sum[c] += snn_product_limited(snn_rounded((int64_t)weights[c] * values[c], shift));
    }
}

/* snn_rounded, in 32 bits: what is cut off is a half or more where its first bit is set. */
void snn_streams_add_rounded(int32_t *restrict sums, const int32_t *restrict added, int64_t count, int32_t shift)
{
    const int32_t half = shift - 1;
    for (int64_t i = 0; i < count; i++) {
        sums[i] += (added[i] >> shift) + (added[i] >> half & 1);
    }
}
