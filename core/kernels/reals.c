/* Float32 weights, for validation: products of convolutions and dense operators, each sum over the depth in ascending
 * order. Packed: float [group][tap row][tap column][group channel][row]. */
#include "core/kernels/portable.h"

#include "core/base/memory.h"

enum { LANES = 32 }; /* sums side by side: more than compilers unroll before they look for vectors */

snn_status snn_reals_pack(const snn_projection *projection, snn_packed *packed)
{
    const snn_row_groups groups = snn_row_groups_of(packed);
    const int64_t depth = snn_operator_row_length(&projection->op), rows = packed->row_end - packed->row_begin;
    packed->bytes = rows * depth * (int64_t)sizeof(float);
    packed->data = snn_allocate((size_t)packed->bytes, 1);
    if (packed->data == NULL) {
        return snn_out_of_memory("packed weights");
    }
    const float *weights = (const float *)projection->weights + (packed->row_begin - projection->row_begin) * depth;
    float *to = packed->data;
    for (int32_t group = groups.begin; group < groups.end; group++) {
        int32_t begin, end;
        snn_rows_of_group(&groups, packed, group, &begin, &end);
        for (int64_t k = 0; k < depth; k++) {
            for (int32_t row = begin; row < end; row++) {
                *to++ = weights[row * depth + k];
            }
        }
    }
    return snn_ok();
}

/* What a target sees through all taps, times `count` rows of weights from `weights` on, of a group that has `rows`. */
static void multiply(const snn_field *field, const snn_window *taps, const int16_t *values, int32_t channels,
                     const float *restrict weights, int32_t rows, int32_t count, float *restrict sum)
{
    float total[LANES] = {0};
    for (int32_t tap = 0; tap < taps->kernel[0] * taps->kernel[1]; tap++) {
        const int64_t row = (int64_t)(tap / taps->kernel[1]) * taps->dilation[0];
        const int64_t column = (int64_t)(tap % taps->kernel[1]) * taps->dilation[1];
        const int16_t *seen = values + (row * field->columns + column) * field->channels;
        for (int32_t k = 0; k < channels; k++, weights += rows) {
            const float value = seen[k];
            if (count == LANES) {
                for (int i = 0; i < LANES; i++) {
                    total[i] = total[i] + value * weights[i];
                }
            } else {
                for (int i = 0; i < count; i++) {
                    total[i] = total[i] + value * weights[i];
                }
            }
        }
    }
    for (int i = 0; i < count; i++) {
        sum[i] = sum[i] + total[i];
    }
}

void snn_reals_project(const snn_packed *packed, const snn_field *field, const int16_t *values, const snn_tile *tile)
{
    const snn_operator *op = &packed->projection->op;
    const snn_window taps = snn_operator_taps(op);
    const snn_row_groups groups = snn_row_groups_of(packed);
    const snn_sums out = snn_sums_of(packed, tile);
    const float *weights = packed->data;
    for (int32_t group = groups.begin; group < groups.end; group++) {
        int32_t begin, end;
        snn_rows_of_group(&groups, packed, group, &begin, &end);
        for (int64_t i = 0; i < out.rows; i++) {
            const int64_t step = i / out.positions, position = tile->position_begin + i % out.positions;
            const int16_t *seen = values + step * snn_field_size(field) + snn_field_first(field, op, position) +
                                  (int64_t)(group - groups.begin) * groups.channels;
            float *sums = (float *)out.data + i * out.stride + out.offset;
            for (int32_t row = begin; row < end; row += LANES) {
                multiply(field, &taps, seen, groups.channels, weights + row - begin, end - begin,
                         end - row < LANES ? end - row : LANES, sums + row);
            }
        }
        weights += snn_operator_row_length(op) * (end - begin);
    }
}
