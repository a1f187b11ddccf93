/* Products of packed weights with spikes, codes, or a stream's integers: the first of a list that suits an operator. */
#include "core/kernels/portable.h"

#include <inttypes.h>
#include <string.h>

#include "core/network/sums.h"

static const snn_product *const products[] = {
    &snn_reals_product,  &snn_narrow_product, &snn_elements_product,
    &snn_tokens_product, &snn_matrix_product, /* which suits all that is left */
};

static snn_status pack(const snn_projection *projection, snn_weight_format format, int32_t row_begin, int32_t row_end,
                       const snn_operand *operand, snn_packed *packed)
{
    const snn_operator *op = &projection->op;
    *packed = (snn_packed){
        .projection = projection, .row_begin = row_begin, .row_end = row_end, .real = format == SNN_WEIGHTS_FLOAT32};
    if (operand->single && snn_operator_pool_area(op) > INT16_MAX) {
        /* sums of codes are cut, those of an image 64 bits wide */
        return snn_fail(SNN_INPUT_ERROR, "pooling window: expected an area of at most %d, found %" PRId32 " x %" PRId32,
                        INT16_MAX, op->pool.kernel[0], op->pool.kernel[1]);
    }
    const snn_product *const *product = products;
    while (!(*product)->suits(packed)) {
        product++;
    }
    packed->product = *product;
    return packed->product->pack(operand, packed);
}

snn_status snn_portable_pack(const snn_projection *projection, snn_weight_format format, int32_t row_begin,
                             int32_t row_end, snn_packed *packed)
{
    const snn_operand spikes = {.single = true};
    return pack(projection, format, row_begin, row_end, &spikes, packed);
}

snn_status snn_portable_pack_codes(const snn_projection *projection, snn_weight_format format, int32_t row_begin,
                                   int32_t row_end, const snn_codes *whole, snn_packed *packed)
{
    const snn_operand codes = {.whole = whole};
    return pack(projection, format, row_begin, row_end, &codes, packed);
}

int64_t snn_portable_scratch(const snn_packed *packed, int64_t positions, int32_t steps)
{
    return packed->row_begin == packed->row_end ? 0 : packed->product->scratch(packed, positions, steps);
}

void snn_portable_clear(const snn_packed *packed, const snn_tile *tile)
{
    const snn_sum_rows sums = snn_sum_rows_of(packed, tile);
    const int64_t count = packed->row_end - packed->row_begin;
    for (int64_t row = 0; row < sums.rows; row++) {
        uint8_t *first = (uint8_t *)sums.data + (row * sums.stride + sums.offset) * SNN_SUM_BYTES;
        memset(first, 0, (size_t)count * SNN_SUM_BYTES);
    }
}

void snn_portable_project_source(const snn_packed *packed, const snn_source *source, const snn_tile *tile)
{
    if (packed->row_begin == packed->row_end || tile->position_begin == tile->position_end) {
        return;
    }
    if (tile->fresh && !packed->product->begins) {
        snn_portable_clear(packed, tile);
    }
    packed->product->project(packed, source, tile);
}

void snn_portable_project(const snn_packed *packed, const snn_spikes *source, const snn_tile *tile)
{
    const snn_source spikes = {.spikes = source, .image = tile->image};
    snn_portable_project_source(packed, &spikes, tile);
}

void snn_portable_project_codes(const snn_packed *packed, const snn_spikes *source, const snn_codes *codes,
                                const snn_tile *tile)
{
    const snn_source values = {.spikes = source, .codes = codes, .image = tile->image};
    snn_portable_project_source(packed, &values, tile);
}
