/* Products of a stream's integers, of some 25 bits: exact, and then rounded to `shift` bits fewer; and what is rounded
 * likewise of other sources. */
#include "core/kernels/limbs.h"

static bool is_diagonal(const snn_packed *packed)
{
    return packed->projection->op.kind == SNN_OPERATOR_DIAGONAL;
}

int64_t snn_streams_scratch(const snn_packed *packed, int64_t positions)
{
    if (is_diagonal(packed)) {
        return 0;
    }
    return packed->real ? snn_portable_scratch(packed, positions, 1)
                        : snn_limbs_scratch(packed, snn_limbs_most(packed, positions));
}

/* ---- limbs ---- */

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

static void project_limbs(const snn_packed *packed, const int32_t *plane, const snn_tile *tile)
{
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

/* ---- diagonal operators ---- */

/* A product that is rounded may need 64 bits on the way. */
static inline int32_t rounded_product(int32_t weight, int64_t value, int32_t shift)
{
    const int64_t product = weight * value;
    return shift > 0 ? snn_product_limited(snn_rounded(product, shift)) : (int32_t)product;
}

static inline __attribute__((always_inline)) void scale(const snn_added_rows *rows, const int32_t *restrict weights,
                                                        const int32_t shift, const bool fresh)
{
    int32_t *restrict sum = rows->sums;
    const int32_t *restrict value = rows->added;
    for (int64_t i = 0; i < rows->positions; i++, sum += rows->sums_apart, value += rows->added_apart) {
        for (int64_t c = 0; c < rows->count; c++) {
            sum[c] = (fresh ? 0 : sum[c]) + rounded_product(weights[c], value[c], shift);
        }
    }
}

static void scale_rows(const snn_added_rows *rows, const int32_t *weights)
{
    if (rows->fresh) {
        scale(rows, weights, rows->shift, true);
    } else {
        scale(rows, weights, rows->shift, false);
    }
}

/* Channels summed at a time: the sums of a window stay in registers. */
enum { LANES = 64 };

/* Up to LANES channels of one target position; pointers are at the first of them. */
typedef struct lanes {
    const void *weights, *plane; /* of the source: position 0 */
    void *sum;
    int32_t count;
    snn_taps rows, columns; /* of a window, or one position where nothing is pooled */
} lanes;

/* sum += weight * (sum over the window), row by row of the window. */
static void add_integers(const lanes *group, const snn_operator *op, int32_t shift, bool fresh)
{
    const int32_t *weights = group->weights;
    int32_t *sum = group->sum;
    int64_t total[LANES] = {0};
    for (int64_t i = group->rows.begin; i < group->rows.end; i++) {
        for (int64_t j = group->columns.begin; j < group->columns.end; j++) {
            const int64_t row = group->rows.start + i * op->pool.dilation[0];
            const int64_t column = group->columns.start + j * op->pool.dilation[1];
            const int32_t *value =
                (const int32_t *)group->plane + (row * op->source.width + column) * op->source.channels;
            for (int32_t c = 0; c < group->count; c++) {
                total[c] += value[c];
            }
        }
    }
    for (int32_t c = 0; c < group->count; c++) {
        sum[c] = (fresh ? 0 : sum[c]) + rounded_product(weights[c], total[c], shift);
    }
}

static void add_floats(const lanes *group, const snn_operator *op, bool fresh)
{
    const float *weights = group->weights;
    float *sum = group->sum;
    float total[LANES] = {0};
    for (int64_t i = group->rows.begin; i < group->rows.end; i++) {
        for (int64_t j = group->columns.begin; j < group->columns.end; j++) {
            const int64_t row = group->rows.start + i * op->pool.dilation[0];
            const int64_t column = group->columns.start + j * op->pool.dilation[1];
            const float *value = (const float *)group->plane + (row * op->source.width + column) * op->source.channels;
            for (int32_t c = 0; c < group->count; c++) {
                total[c] = total[c] + value[c];
            }
        }
    }
    for (int32_t c = 0; c < group->count; c++) {
        sum[c] = (fresh ? 0.0F : sum[c]) + weights[c] * total[c];
    }
}

static snn_taps find_taps(const snn_operator *op, int axis, int64_t output, int32_t size)
{
    return op->pooled ? snn_window_taps(&op->pool, axis, size, output) : (snn_taps){.start = output, .end = 1};
}

static void project_diagonal(const snn_packed *packed, const int32_t *plane, const snn_tile *tile)
{
    const snn_operator *op = &packed->projection->op;
    const snn_sum_rows out = snn_sum_rows_of(packed, tile);
    const int32_t rows = packed->row_end - packed->row_begin, shift = packed->projection->shift;
    const int32_t *weights = packed->data; /* or floats, as the plane and the sums */
    int32_t *sums = (int32_t *)out.data + out.offset;
    plane += op->source_channel + packed->row_begin;
    if (!op->pooled && !packed->real) {
        const snn_added_rows scaled = {.sums = sums,
                                       .added = plane + tile->position_begin * op->source.channels,
                                       .positions = out.positions,
                                       .count = rows,
                                       .sums_apart = out.stride,
                                       .added_apart = op->source.channels,
                                       .shift = shift,
                                       .fresh = tile->fresh};
        scale_rows(&scaled, weights);
        return;
    }
    for (int64_t position = tile->position_begin; position < tile->position_end; position++, sums += out.stride) {
        lanes group = {.rows = find_taps(op, 0, position / op->target.width, op->source.height),
                       .columns = find_taps(op, 1, position % op->target.width, op->source.width)};
        for (int32_t first = 0; first < rows; first += LANES) {
            group.weights = weights + first;
            group.plane = plane + first;
            group.sum = sums + first;
            group.count = rows - first < LANES ? rows - first : LANES;
            if (packed->real) {
                add_floats(&group, op, tile->fresh);
            } else {
                add_integers(&group, op, shift, tile->fresh);
            }
        }
    }
}

/* ---- all of them ---- */

void snn_streams_project(const snn_packed *packed, const void *plane, const snn_tile *tile)
{
    if (is_diagonal(packed)) {
        project_diagonal(packed, plane, tile);
    } else if (packed->real) {
        const snn_source source = {.reals = plane};
        snn_portable_project_source(packed, &source, tile);
    } else {
        if (tile->fresh) {
            snn_portable_clear(packed, tile);
        }
        project_limbs(packed, plane, tile);
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
