#include "core/kernels/limbs.h"

enum { INTEGER_BITS = 32, LIMB_BITS_MOST = 15 };

/* The largest sum of the positive weights of a row, or of the negative ones: limbs but the highest have no sign, and
 * that one is half as large. */
static int64_t largest_sum(const int16_t *weights, int64_t rows, int64_t length)
{
    int64_t largest = 1;
    for (int64_t row = 0; row < rows; row++) {
        int64_t positive = 0, negative = 0;
        for (int64_t k = 0; k < length; k++, weights++) {
            positive += *weights > 0 ? *weights : 0;
            negative -= *weights < 0 ? *weights : 0;
        }
        largest = positive > largest ? positive : largest;
        largest = negative > largest ? negative : largest;
    }
    return largest;
}

snn_status snn_limbs_pack(const snn_projection *projection, snn_weight_format format, int32_t row_begin,
                          int32_t row_end, snn_packed *packed)
{
    const snn_operator *op = &projection->op;
    SNN_TRY(snn_portable_pack_codes(projection, format, row_begin, row_end, NULL, packed));
    if (packed->real || snn_limbs_is_single(packed)) {
        return snn_ok();
    }
    int64_t largest;
    if (op->kind == SNN_OPERATOR_TOKENS) {
        largest = largest_sum(projection->mixing, snn_shape_positions(op->target),
                              snn_shape_positions(snn_operator_pooled_shape(op)));
    } else {
        const int64_t length = snn_operator_row_length(op);
        largest = largest_sum((const int16_t *)projection->weights + (row_begin - projection->row_begin) * length,
                              row_end - row_begin, length);
    }
    packed->limb_bits = LIMB_BITS_MOST;
    while (packed->limb_bits > 1 && largest << packed->limb_bits > INT32_MAX) {
        packed->limb_bits--;
    }
    return snn_ok();
}

static int32_t limbs_of(const snn_packed *packed, int32_t bits)
{
    return (bits + packed->limb_bits - 1) / packed->limb_bits;
}

static int64_t sums_bytes(const snn_packed *packed, int64_t positions, int32_t limbs)
{
    return snn_aligned(limbs * positions * (packed->row_end - packed->row_begin) * (int64_t)sizeof(int32_t));
}

int64_t snn_limbs_scratch(const snn_packed *packed, int64_t positions)
{
    const int32_t limbs = limbs_of(packed, INTEGER_BITS);
    return sums_bytes(packed, positions, limbs) + snn_portable_scratch(packed, positions, limbs);
}

void snn_limbs_rows(const snn_operator *op, int64_t begin, int64_t end, int32_t *row_begin, int32_t *row_end)
{
    const int32_t height = snn_operator_pooled_shape(op).height;
    if (op->kind == SNN_OPERATOR_TOKENS) { /* each sees all */
        *row_begin = 0;
        *row_end = height;
        return;
    }
    const snn_field field = snn_field_of_tile(op, begin, end, 0, 1);
    *row_begin = field.row < 0 ? 0 : field.row;
    *row_end = field.row + field.rows < height ? field.row + field.rows : height;
    *row_end = *row_end < *row_begin ? *row_begin : *row_end;
}

int32_t snn_limbs_bits(const int32_t *integers, int64_t count)
{
    int32_t all = 0;
    for (int64_t i = 0; i < count; i++) {
        all |= integers[i] ^ (integers[i] >> (INTEGER_BITS - 1));
    }
    int32_t bits = 1;
    while (bits < INTEGER_BITS && (all >> (bits - 1)) != 0) {
        bits++;
    }
    return bits;
}

snn_limb_sums snn_limbs_project(const snn_packed *packed, snn_source source, int32_t bits, int64_t begin, int64_t end,
                                void *scratch)
{
    const int32_t rows = packed->row_end - packed->row_begin;
    source.limb_bits = packed->limb_bits;
    source.limbs = limbs_of(packed, bits);
    const int64_t bytes = sums_bytes(packed, end - begin, source.limbs);
    snn_tile tile = {.position_begin = begin,
                     .position_end = end,
                     .steps = source.limbs,
                     .channel_begin = packed->projection->op.target_channel + packed->row_begin,
                     .accumulator = scratch,
                     .fresh = true,
                     .scratch = (uint8_t *)scratch + bytes};
    tile.channel_end = tile.channel_begin + rows;
    snn_portable_project_source(packed, &source, &tile);
    return (snn_limb_sums){
        .sums = scratch, .count = (end - begin) * rows, .limbs = source.limbs, .bits = source.limb_bits};
}
