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

/* How limbs become rounded numbers: in 32 bits where nothing on the way leaves them, which takes half the time. */
typedef enum rounding {
    IN_64_BITS,
    OF_ONE_LIMB,
    ABOVE, /* of two limbs, where no more is cut off than the low one has */
    BELOW  /* where more is */
} rounding;

/* Weights of a row add up to less than 2^(31 - b) upwards and downwards, b bits being a limb (snn_limbs_pack): an
 * integer of n bits becomes less than 2^(31 - b + n), the high limb's part less than 2^(31 - 2 b + n). */
static rounding rounding_of(const snn_limb_sums *of, int32_t integer_bits, int32_t shift)
{
    const int32_t bits = of->bits;
    if (of->limbs == 1 && shift < 32) {
        return OF_ONE_LIMB;
    }
    if (of->limbs == 2 && shift <= bits && integer_bits + 1 <= bits + shift) {
        return ABOVE;
    }
    if (of->limbs == 2 && shift > bits && shift <= bits + 30 && bits >= 2 && integer_bits + 2 <= 2 * bits) {
        return BELOW;
    }
    return IN_64_BITS;
}

/* snn_rounded, in 32 bits: what is cut off is a half or more where its first bit is set. */
static inline int32_t rounded_32(int32_t value, int32_t shift)
{
    return shift > 0 ? (value >> shift) + (value >> (shift - 1) & 1) : value;
}

static inline int32_t limited_32(int32_t value)
{
    value = value > SNN_PRODUCT_LIMIT ? SNN_PRODUCT_LIMIT : value;
    return value < -SNN_PRODUCT_LIMIT ? -SNN_PRODUCT_LIMIT : value;
}

/* Sum i without `shift` bits, where that takes 32 bits only. */
static inline __attribute__((always_inline)) int32_t round_32(const snn_limb_sums *of, int64_t i, int32_t shift,
                                                              const rounding how)
{
    if (how == OF_ONE_LIMB) {
        return rounded_32(of->sums[i], shift);
    }
    const int32_t low = of->sums[i], high = of->sums[of->count + i], bits = of->bits;
    if (how == ABOVE) {
        return (int32_t)((uint32_t)rounded_32(low, shift) + ((uint32_t)high << (bits - shift)));
    }
    return (high + (low >> bits) + (1 << (shift - bits - 1))) >> (shift - bits);
}

/* Rows of a position, from sum `first` on, into its sums. */
static inline __attribute__((always_inline)) void add_whole(const snn_packed *packed, const snn_limb_sums *of,
                                                            int64_t first, int32_t *restrict sums, const int32_t limbs,
                                                            const rounding how)
{
    const int32_t shift = packed->projection->shift, rows = packed->row_end - packed->row_begin;
    const int32_t *weights = packed->data;
    if (packed->projection->op.kind == SNN_OPERATOR_TOKENS) {
        for (int32_t c = 0; c < rows; c++) {
            const int32_t rounded = how == IN_64_BITS
                                        ? (int32_t)snn_rounded(snn_limbs_whole(of, first + c, limbs), shift)
                                        : round_32(of, first + c, shift, how);
            sums[c] += snn_product_limited(snn_tokens_weighted(weights[c], rounded));
        }
    } else if (how == IN_64_BITS) {
        for (int32_t c = 0; c < rows; c++) {
            sums[c] += snn_product_limited(snn_rounded(snn_limbs_whole(of, first + c, limbs), shift));
        }
    } else {
        for (int32_t c = 0; c < rows; c++) {
            sums[c] += limited_32(round_32(of, first + c, shift, how));
        }
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
        const rounding how = rounding_of(&of, bits, packed->projection->shift);
        for (int64_t i = 0; i < of.count; i += rows, sums += out.stride) {
            switch (how) {
            case OF_ONE_LIMB:
                add_whole(packed, &of, i, sums, 1, OF_ONE_LIMB);
                break;
            case ABOVE:
                add_whole(packed, &of, i, sums, 2, ABOVE);
                break;
            case BELOW:
                add_whole(packed, &of, i, sums, 2, BELOW);
                break;
            case IN_64_BITS:
                if (of.limbs == 2) {
                    add_whole(packed, &of, i, sums, 2, IN_64_BITS);
                } else if (of.limbs == 3) {
                    add_whole(packed, &of, i, sums, 3, IN_64_BITS);
                } else {
                    add_whole(packed, &of, i, sums, of.limbs, IN_64_BITS);
                }
                break;
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

static inline __attribute__((always_inline)) void add_rounded(const snn_added_rows *rows, const bool fresh)
{
    const int32_t shift = rows->shift;
    int32_t *restrict sum = rows->sums;
    const int32_t *restrict added = rows->added;
    for (int64_t i = 0; i < rows->positions; i++, sum += rows->sums_apart, added += rows->added_apart) {
        for (int64_t c = 0; c < rows->count; c++) {
            sum[c] = (fresh ? 0 : sum[c]) + rounded_32(added[c], shift);
        }
    }
}

void snn_streams_add_rounded(const snn_added_rows *rows)
{
    if (rows->fresh) {
        add_rounded(rows, true);
    } else {
        add_rounded(rows, false);
    }
}
