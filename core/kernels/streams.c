/* Products of a stream's integers, of some 25 bits: exact, and then rounded to `shift` bits fewer. */
#include "core/kernels/limbs.h"

int64_t snn_streams_scratch(const snn_packed *packed, int64_t positions)
{
    return packed->real ? snn_portable_scratch(packed, positions, 1)
                        : snn_limbs_scratch(packed, snn_limbs_most(packed, positions));
}

/* Bits of the integers in rows of the source that the tile may see. */
static int32_t bits_of(const snn_packed *packed, const int32_t *plane, const snn_tile *tile)
{
    const snn_operator *op = &packed->projection->op;
    const int64_t row = (int64_t)op->source.width * op->source.channels;
    int32_t begin, end;
    snn_limbs_rows(op, tile->position_begin, tile->position_end, &begin, &end);
    return snn_limbs_bits(plane + begin * row, (end - begin) * row);
}

/* Rows of a position, from sum `first` on, into its sums. */
static inline __attribute__((always_inline)) void add_whole(const snn_packed *packed, const snn_limb_sums *of,
                                                            int64_t first, int32_t *restrict sums, const int32_t limbs)
{
    const int32_t shift = packed->projection->shift, rows = packed->row_end - packed->row_begin;
    const int32_t *weights = packed->data;
    if (packed->projection->op.kind == SNN_OPERATOR_TOKENS) {
        for (int32_t c = 0; c < rows; c++) {
            const int32_t rounded = (int32_t)snn_rounded(snn_limbs_whole(of, first + c, limbs), shift);
            sums[c] += snn_product_limited(snn_tokens_weighted(weights[c], rounded));
        }
        return;
    }
    for (int32_t c = 0; c < rows; c++) {
        sums[c] += snn_product_limited(snn_rounded(snn_limbs_whole(of, first + c, limbs), shift));
    }
}

void snn_streams_project(const snn_packed *packed, const void *plane, const snn_tile *tile)
{
    if (packed->real) {
        const snn_source source = {.reals = plane};
        snn_portable_project_source(packed, &source, tile);
        return;
    }
    const snn_source source = {.integers = plane};
    const int32_t bits = bits_of(packed, plane, tile);
    const snn_sum_rows out = snn_sum_rows_of(packed, tile);
    int32_t *sums = (int32_t *)out.data + out.offset;
    for (int64_t begin = tile->position_begin, end; begin < tile->position_end; begin = end) {
        end = snn_limbs_next(packed, begin, tile->position_end);
        const snn_limb_sums of = snn_limbs_project(packed, source, bits, begin, end, tile->scratch);
        const int64_t rows = of.count / (end - begin);
        for (int64_t i = 0; i < of.count; i += rows, sums += out.stride) {
            if (of.limbs == 2) {
                add_whole(packed, &of, i, sums, 2);
            } else if (of.limbs == 3) {
                add_whole(packed, &of, i, sums, 3);
            } else {
                add_whole(packed, &of, i, sums, of.limbs);
            }
        }
    }
}

static inline __attribute__((always_inline)) void scale(const snn_added_rows *rows, const int32_t *restrict weights,
                                                        const int32_t shift, const bool fresh)
{
    int32_t *restrict sum = rows->sums;
    const int32_t *restrict value = rows->added;
    for (int64_t i = 0; i < rows->positions; i++, sum += rows->sums_apart, value += rows->added_apart) {
        for (int64_t c = 0; shift == 0 && c < rows->count; c++) {
            sum[c] = (fresh ? 0 : sum[c]) + weights[c] * value[c];
        }
        for (int64_t c = 0; shift > 0 && c < rows->count; c++) {
            sum[c] = (fresh ? 0 : sum[c]) + snn_product_limited(snn_rounded((int64_t)weights[c] * value[c], shift));
        }
    }
}

void snn_streams_scale(const snn_added_rows *rows, const int32_t *weights)
{
    if (rows->fresh) {
        scale(rows, weights, rows->shift, true);
    } else {
        scale(rows, weights, rows->shift, false);
    }
}

/* snn_rounded, in 32 bits: what is cut off is a half or more where its first bit is set. */
static inline __attribute__((always_inline)) void add_rounded(const snn_added_rows *rows, const bool shifted,
                                                              const bool fresh)
{
    const int32_t shift = rows->shift, half = shift - 1;
    int32_t *restrict sum = rows->sums;
    const int32_t *restrict added = rows->added;
    for (int64_t i = 0; i < rows->positions; i++, sum += rows->sums_apart, added += rows->added_apart) {
        for (int64_t c = 0; c < rows->count; c++) {
            const int32_t rounded = shifted ? (added[c] >> shift) + (added[c] >> half & 1) : added[c];
            sum[c] = (fresh ? 0 : sum[c]) + rounded;
        }
    }
}

void snn_streams_add_rounded(const snn_added_rows *rows)
{
    if (rows->shift > 0 && rows->fresh) {
        add_rounded(rows, true, true);
    } else {
        add_rounded(rows, rows->shift > 0, rows->fresh);
    }
}
