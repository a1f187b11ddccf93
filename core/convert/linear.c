/* Folding linear operators of the graph behind the plain terms of an affine value: averages, convolutions, matrix
 * products. */
#include <string.h>

#include "core/base/memory.h"
#include "core/convert/affine.h"

/* Positions of the window at `output` that lie inside an axis of `size`. */
static int32_t taps_inside(const snn_window *window, int axis, int32_t size, int32_t output)
{
    int32_t inside = 0;
    for (int32_t k = 0; k < window->kernel[axis]; k++) {
        int32_t at = output * window->stride[axis] - window->pad_begin[axis] + k * window->dilation[axis];
        inside += at >= 0 && at < size;
    }
    return inside;
}

static bool lies_inside(const snn_window *window, snn_shape from, int64_t row, int64_t column)
{
    return taps_inside(window, 0, from.height, (int32_t)row) == window->kernel[0] &&
           taps_inside(window, 1, from.width, (int32_t)column) == window->kernel[1];
}

static bool has_padding(const snn_window *window)
{
    return window->pad_begin[0] > 0 || window->pad_begin[1] > 0 || window->pad_end[0] > 0 || window->pad_end[1] > 0;
}

/* The offset after averaging; zero padding contributes zeros. */
static snn_status average_offset(snn_affine *affine, const snn_window *window, bool count_padding, snn_shape shape)
{
    if (affine->offset == NULL) {
        return snn_ok();
    }
    SNN_TRY(snn_affine_expand_offset(affine));
    int32_t channels = shape.channels;
    float *averaged = snn_allocate((size_t)snn_shape_size(shape), sizeof *averaged);
    if (averaged == NULL) {
        return snn_out_of_memory("offsets");
    }
    float area = (float)(window->kernel[0] * window->kernel[1]);
    for (int32_t r = 0; r < shape.height; r++) {
        for (int32_t q = 0; q < shape.width; q++) {
            float *out = averaged + ((int64_t)r * shape.width + q) * channels;
            for (int32_t i = 0; i < window->kernel[0] * window->kernel[1]; i++) {
                int32_t row =
                    r * window->stride[0] - window->pad_begin[0] + i / window->kernel[1] * window->dilation[0];
                int32_t column =
                    q * window->stride[1] - window->pad_begin[1] + i % window->kernel[1] * window->dilation[1];
                if (row < 0 || row >= affine->shape.height || column < 0 || column >= affine->shape.width) {
                    continue;
                }
                const float *in = affine->offset + ((int64_t)row * affine->shape.width + column) * channels;
                for (int32_t c = 0; c < channels; c++) {
                    out[c] += in[c];
                }
            }
            float divisor = count_padding ? area
                                          : (float)(taps_inside(window, 0, affine->shape.height, r) *
                                                    taps_inside(window, 1, affine->shape.width, q));
            for (int32_t c = 0; c < channels; c++) {
                out[c] /= divisor;
            }
        }
    }
    snn_release(affine->offset);
    affine->offset = averaged;
    affine->offset_positions = (int32_t)snn_shape_positions(shape);
    return snn_ok();
}

/* Turns a pooled plain term into a gather whose weight divides by the positions inside each window. */
static snn_status divide_by_inside(snn_term *term, snn_shape pooled_from, const snn_window *window, snn_shape shape)
{
    int64_t positions = snn_shape_positions(shape);
    size_t count = (size_t)positions * (size_t)term->op.target_channels;
    float *weights = snn_allocate(count, sizeof *weights);
    int32_t *index = snn_allocate(count, sizeof *index);
    if (weights == NULL || index == NULL) {
        snn_release(weights);
        snn_release(index);
        return snn_out_of_memory("average weights");
    }
    for (int32_t c = 0; c < term->op.target_channels; c++) {
        for (int64_t p = 0; p < positions; p++) {
            int32_t inside = taps_inside(window, 0, pooled_from.height, (int32_t)(p / shape.width)) *
                             taps_inside(window, 1, pooled_from.width, (int32_t)(p % shape.width));
            weights[c * positions + p] = term->weights[c] / (float)inside;
            index[c * positions + p] = (int32_t)(p * term->op.source_channels + c);
        }
    }
    snn_release(term->weights);
    term->weights = weights;
    term->index = index;
    term->op.kind = SNN_OPERATOR_GATHER;
    return snn_ok();
}

snn_status snn_affine_average(snn_affine *affine, const snn_window *window, bool count_padding)
{
    if (!snn_affine_is_plain(affine, true)) {
        return snn_fail(SNN_INTERNAL_ERROR, "average behind an operator");
    }
    snn_shape from = affine->shape;
    snn_shape shape = {snn_window_output(window, 0, from.height), snn_window_output(window, 1, from.width),
                       from.channels};
    bool same_divisor = count_padding || !has_padding(window);
    SNN_TRY(average_offset(affine, window, count_padding, shape));
    for (int32_t i = 0; i < affine->term_count; i++) {
        snn_term *term = &affine->terms[i];
        term->op.pooled = true;
        term->op.pool = *window;
        term->op.target = shape;
        if (!same_divisor) {
            SNN_TRY(divide_by_inside(term, from, window, shape));
            continue;
        }
        for (int32_t c = 0; c < term->op.target_channels; c++) {
            term->weights[c] /= (float)(window->kernel[0] * window->kernel[1]);
        }
    }
    affine->shape = shape;
    return snn_ok();
}

/* A convolution of offsets. */
typedef struct offset_product {
    const snn_window *window;
    snn_shape from, to;
    int32_t groups;
    float *weights; /* [group][kernel position][input of the group][output of the group], owned */
    double *sums;   /* [to.channels], owned */
} offset_product;

static snn_status begin_offset_product(offset_product *product, const float *weights)
{
    const int32_t inputs = product->from.channels / product->groups, outputs = product->to.channels / product->groups;
    const int32_t area = product->window->kernel[0] * product->window->kernel[1];
    product->weights = snn_allocate((size_t)product->to.channels * (size_t)(inputs * area), sizeof *product->weights);
    product->sums = snn_allocate((size_t)product->to.channels, sizeof *product->sums);
    if (product->weights == NULL || product->sums == NULL) {
        snn_release(product->weights);
        snn_release(product->sums);
        return snn_out_of_memory("offsets");
    }
    for (int32_t o = 0; o < product->to.channels; o++) {
        for (int32_t c = 0; c < inputs; c++) {
            for (int32_t tap = 0; tap < area; tap++) {
                const int64_t row = ((int64_t)(o / outputs) * area + tap) * inputs + c;
                product->weights[row * outputs + o % outputs] = weights[((int64_t)o * inputs + c) * area + tap];
            }
        }
    }
    return snn_ok();
}

/* Adds what the window at one output position finds to the sums. `offset`: of every position, or, with a `stride` of 0
 * between positions, of all. */
static void multiply_offset(const offset_product *product, const float *offset, int64_t stride, int64_t position)
{
    const snn_window *window = product->window;
    const int32_t inputs = product->from.channels / product->groups, outputs = product->to.channels / product->groups;
    const int32_t area = window->kernel[0] * window->kernel[1];
    for (int32_t tap = 0; tap < area; tap++) {
        const int32_t row = (int32_t)(position / product->to.width) * window->stride[0] - window->pad_begin[0] +
                            tap / window->kernel[1] * window->dilation[0];
        const int32_t column = (int32_t)(position % product->to.width) * window->stride[1] - window->pad_begin[1] +
                               tap % window->kernel[1] * window->dilation[1];
        if (row < 0 || row >= product->from.height || column < 0 || column >= product->from.width) {
            continue;
        }
        const float *in = offset + ((int64_t)row * product->from.width + column) * stride;
        for (int32_t g = 0; g < product->groups; g++) {
            const float *weights = product->weights + ((int64_t)g * area + tap) * inputs * outputs;
            double *sums = product->sums + (int64_t)g * outputs;
            for (int32_t c = 0; c < inputs; c++) {
                const double value = (double)in[g * inputs + c];
                for (int32_t o = 0; o < outputs; o++) {
                    sums[o] += (double)weights[(int64_t)c * outputs + o] * value;
                }
            }
        }
    }
}

/* The offset behind a convolution: bias, and the convolution of the old offset (zero outside). One that is the same at
 * all positions is so behind windows that lie inside, too. */
static snn_status convolve_offset(snn_affine *affine, const snn_window *window, int32_t groups, const float *weights,
                                  const float *bias, snn_shape shape)
{
    if (affine->offset == NULL && bias == NULL) {
        return snn_ok();
    }
    const bool full = affine->offset != NULL, same = !full || affine->offset_positions == 1;
    const int64_t positions = same && (!full || !has_padding(window)) ? 1 : snn_shape_positions(shape);
    offset_product product = {.window = window, .from = affine->shape, .to = shape, .groups = groups};
    float *result = snn_allocate((size_t)(positions * shape.channels), sizeof *result);
    if (result == NULL) {
        return snn_out_of_memory("offsets");
    }
    snn_status status = full ? begin_offset_product(&product, weights) : snn_ok();
    if (snn_failed(status)) {
        snn_release(result);
        return status;
    }
    const float *whole = NULL; /* the result of a window that lies inside */
    for (int64_t p = 0; p < positions; p++) {
        float *here = result + p * shape.channels;
        const bool inside = lies_inside(window, affine->shape, p / shape.width, p % shape.width);
        if (whole != NULL && inside) {
            memcpy(here, whole, (size_t)shape.channels * sizeof *here);
            continue;
        }
        for (int32_t o = 0; full && o < shape.channels; o++) {
            product.sums[o] = bias != NULL ? (double)bias[o] : 0.0;
        }
        if (full) {
            multiply_offset(&product, affine->offset, same ? 0 : affine->shape.channels, p);
        }
        for (int32_t o = 0; o < shape.channels; o++) {
            here[o] = full ? (float)product.sums[o] : bias[o];
        }
        whole = same && inside ? here : whole;
    }
    snn_release(product.weights);
    snn_release(product.sums);
    snn_release(affine->offset);
    affine->offset = result;
    affine->offset_positions = (int32_t)positions;
    return snn_ok();
}

/* Which output channels a plain term reaches, given the groups; false if a group is cut by the term's channels. */
static bool reached_outputs(const snn_term *term, int32_t inputs, int32_t groups, int32_t outputs, int32_t *begin,
                            int32_t *end)
{
    int32_t group_inputs = inputs / groups;
    int32_t group_outputs = outputs / groups;
    int32_t first = term->op.target_channel;
    int32_t last = first + term->op.target_channels;
    if (groups == 1) {
        *begin = 0;
        *end = outputs;
        return true;
    }
    if (first % group_inputs != 0 || last % group_inputs != 0) {
        return false;
    }
    *begin = first / group_inputs * group_outputs;
    *end = last / group_inputs * group_outputs;
    return true;
}

snn_status snn_affine_convolve(snn_affine *affine, const snn_window *window, int32_t groups, int32_t outputs,
                               const float *weights, const float *bias, bool *possible)
{
    int32_t begin = 0;
    int32_t end = 0;
    *possible = snn_affine_is_plain(affine, false);
    for (int32_t i = 0; i < affine->term_count && *possible; i++) {
        *possible = reached_outputs(&affine->terms[i], affine->shape.channels, groups, outputs, &begin, &end);
    }
    if (!*possible) {
        return snn_ok();
    }
    snn_shape shape = {snn_window_output(window, 0, affine->shape.height),
                       snn_window_output(window, 1, affine->shape.width), outputs};
    int32_t inputs = affine->shape.channels / groups; /* of one group */
    int32_t area = window->kernel[0] * window->kernel[1];
    SNN_TRY(convolve_offset(affine, window, groups, weights, bias, shape));
    for (int32_t i = 0; i < affine->term_count; i++) {
        snn_term *term = &affine->terms[i];
        (void)reached_outputs(term, affine->shape.channels, groups, outputs, &begin, &end);
        int32_t term_inputs = groups == 1 ? term->op.target_channels : inputs;
        int32_t first = groups == 1 ? term->op.target_channel : 0; /* of the kernel's input channels */
        int64_t row = (int64_t)area * term_inputs;
        float *rows = snn_allocate((size_t)((end - begin) * row), sizeof *rows);
        if (rows == NULL) {
            return snn_out_of_memory("convolution weights");
        }
        for (int32_t o = begin; o < end; o++) {
            /* The term's own gain belongs to the input channel, which depends on the group. */
            int32_t gain = groups == 1 ? 0 : o / (outputs / groups) * inputs - term->op.target_channel;
            for (int32_t tap = 0; tap < area; tap++) {
                for (int32_t c = 0; c < term_inputs; c++) {
                    rows[(o - begin) * row + (int64_t)tap * term_inputs + c] =
                        weights[((int64_t)o * inputs + first + c) * area + tap] * term->weights[gain + c];
                }
            }
        }
        snn_release(term->weights);
        term->weights = rows;
        term->op.kind = SNN_OPERATOR_CONVOLUTION;
        term->op.window = *window;
        term->op.groups = groups == 1 ? 1 : (end - begin) / (outputs / groups);
        term->op.target = shape;
        term->op.target_channel = begin;
        term->op.target_channels = end - begin;
    }
    affine->shape = shape;
    return snn_ok();
}

snn_status snn_affine_dense(snn_affine *affine, int32_t outputs, const float *weights, const float *bias)
{
    if (!snn_affine_is_plain(affine, false)) {
        return snn_fail(SNN_INTERNAL_ERROR, "matrix product behind an operator");
    }
    const int64_t positions = snn_shape_positions(affine->shape);
    const int64_t elements = snn_shape_size(affine->shape);
    const bool first = affine->order == SNN_ORDER_CHANNELS_FIRST;
    /* From one element to the next in the ONNX value. */
    const int64_t next_position = first ? 1 : affine->shape.channels, next_channel = first ? positions : 1;
    const snn_shape shape = {1, 1, outputs};
    float *offset = NULL;
    if (affine->offset != NULL || bias != NULL) {
        SNN_TRY(affine->offset != NULL ? snn_affine_expand_offset(affine) : snn_ok());
        offset = snn_allocate((size_t)outputs, sizeof *offset);
        if (offset == NULL) {
            return snn_out_of_memory("offset");
        }
        for (int32_t o = 0; o < outputs; o++) {
            double sum = bias != NULL ? bias[o] : 0.0;
            for (int64_t p = 0; p < positions && affine->offset != NULL; p++) {
                for (int32_t c = 0; c < affine->shape.channels; c++) {
                    sum += (double)weights[o * elements + p * next_position + c * next_channel] *
                           affine->offset[p * affine->shape.channels + c];
                }
            }
            offset[o] = (float)sum;
        }
    }
    for (int32_t i = 0; i < affine->term_count; i++) {
        snn_term *term = &affine->terms[i];
        int32_t channels = term->op.target_channels;
        int64_t row = positions * channels;
        float *rows = snn_allocate((size_t)(outputs * row), sizeof *rows);
        if (rows == NULL) {
            snn_release(offset);
            return snn_out_of_memory("matrix weights");
        }
        for (int32_t o = 0; o < outputs; o++) {
            for (int64_t p = 0; p < positions; p++) {
                for (int32_t c = 0; c < channels; c++) {
                    const int64_t element = p * next_position + (term->op.target_channel + c) * next_channel;
                    rows[o * row + p * channels + c] = weights[o * elements + element] * term->weights[c];
                }
            }
        }
        snn_release(term->weights);
        term->weights = rows;
        term->op.kind = SNN_OPERATOR_DENSE;
        term->op.target = shape;
        term->op.target_channel = 0;
        term->op.target_channels = outputs;
    }
    snn_release(affine->offset);
    affine->offset = offset;
    affine->offset_positions = 1;
    affine->shape = shape;
    affine->order = SNN_ORDER_CHANNELS_FIRST;
    return snn_ok();
}

snn_status snn_affine_mix_positions(snn_affine *affine, int32_t outputs, const float *weights)
{
    if (!snn_affine_is_plain(affine, false)) {
        return snn_fail(SNN_INTERNAL_ERROR, "product over positions behind an operator");
    }
    int64_t positions = snn_shape_positions(affine->shape);
    int32_t channels = affine->shape.channels;
    snn_shape shape = outputs == positions ? affine->shape : (snn_shape){1, outputs, channels};
    if (affine->offset != NULL) {
        SNN_TRY(snn_affine_expand_offset(affine));
        float *offset = snn_allocate((size_t)outputs * (size_t)channels, sizeof *offset);
        if (offset == NULL) {
            return snn_out_of_memory("offset");
        }
        for (int32_t o = 0; o < outputs; o++) {
            for (int32_t c = 0; c < channels; c++) {
                double sum = 0.0;
                for (int64_t p = 0; p < positions; p++) {
                    sum += (double)weights[o * positions + p] * affine->offset[p * channels + c];
                }
                offset[(int64_t)o * channels + c] = (float)sum;
            }
        }
        snn_release(affine->offset);
        affine->offset = offset;
        affine->offset_positions = outputs;
    }
    for (int32_t t = 0; t < affine->term_count; t++) {
        snn_term *term = &affine->terms[t];
        size_t count = (size_t)outputs * (size_t)positions;
        term->mixing = snn_allocate(count, sizeof *term->mixing);
        if (term->mixing == NULL) {
            return snn_out_of_memory("position weights");
        }
        memcpy(term->mixing, weights, count * sizeof *weights);
        term->op.kind = SNN_OPERATOR_TOKENS;
        term->op.target = shape;
    }
    affine->shape = shape;
    return snn_ok();
}
