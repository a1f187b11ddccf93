/* Projections as ONNX nodes. Sums are matrix products in float64: exact in any order, unlike float32, and there in
 * every runtime, unlike convolutions of float64 or of wider integers. */
#include <inttypes.h>
#include <math.h>

#include "core/base/memory.h"
#include "io/onnx/export_arithmetic.h"
#include "io/onnx/export_internal.h"

enum { ROWS = 2, COLUMNS = 3 }; /* axes */

snn_onnx_value snn_export_nearest(snn_onnx_build *build, snn_onnx_value a)
{
    return snn_onnx_build_unary(build, "Floor",
                                snn_onnx_build_binary(build, "Add", a, snn_onnx_build_double(build, 0.5)));
}

/* Back to four dimensions. */
static snn_onnx_value as_image(snn_onnx_build *build, snn_onnx_value a, int32_t channels, snn_shape shape)
{
    return snn_export_reshape(build, a, 4, (const int64_t[]){0, channels, shape.height, shape.width});
}

static bool is_plain(const snn_window *window, int axis)
{
    return window->kernel[axis] == 1 && window->stride[axis] == 1 && window->pad_begin[axis] == 0;
}

/* Zeros around a source of size `from`, so that all taps of a window over `to` positions lie inside. */
static snn_onnx_value surround(snn_onnx_build *build, const snn_window *window, snn_onnx_value a, const int32_t from[2],
                               const int32_t to[2])
{
    int64_t before[4] = {0}, after[4] = {0};
    bool any = false;
    for (int axis = 0; axis < 2; axis++) {
        const int64_t last = (int64_t)(to[axis] - 1) * window->stride[axis] - window->pad_begin[axis] +
                             (int64_t)(window->kernel[axis] - 1) * window->dilation[axis];
        before[ROWS + axis] = window->pad_begin[axis];
        after[ROWS + axis] = last >= from[axis] ? last - from[axis] + 1 : 0;
        any = any || before[ROWS + axis] > 0 || after[ROWS + axis] > 0;
    }
    return any ? snn_export_pad(build, a, before, after) : a;
}

/* What tap `i` of a window along an axis sees, for all `to` positions. */
static snn_onnx_value tap(snn_onnx_build *build, const snn_window *window, int axis, snn_onnx_value a, int32_t i,
                          int32_t to)
{
    const int64_t begin = (int64_t)i * window->dilation[axis], step = window->stride[axis];
    return is_plain(window, axis) ? a
                                  : snn_export_slice(build, a, ROWS + axis, begin, begin + (to - 1) * step + 1, step);
}

/* Sums over a window, rows and then columns. */
static snn_onnx_value pooled(snn_onnx_build *build, const snn_operator *op, snn_onnx_value a)
{
    const snn_window *window = &op->pool;
    const snn_shape shape = snn_operator_pooled_shape(op);
    const int32_t from[2] = {op->source.height, op->source.width}, to[2] = {shape.height, shape.width};
    a = surround(build, window, a, from, to);
    for (int axis = 0; axis < 2; axis++) {
        snn_onnx_value sum = tap(build, window, axis, a, 0, to[axis]);
        for (int32_t i = 1; i < window->kernel[axis]; i++) {
            sum = snn_onnx_build_binary(build, "Add", sum, tap(build, window, axis, a, i, to[axis]));
        }
        a = sum;
    }
    return a;
}

/* The channels that the operator reads, summed over its pool. */
static snn_onnx_value selected(snn_onnx_build *build, const snn_operator *op, snn_onnx_value source)
{
    if (op->source_channels < op->source.channels) {
        source = snn_export_slice(build, source, 1, op->source_channel, op->source_channel + op->source_channels, 1);
    }
    return op->pooled ? pooled(build, op, source) : source;
}

/* A constant of int16 or int32 as float64. */
static snn_onnx_value widened(snn_onnx_build *build, snn_onnx_element element, int rank, const int64_t *dims,
                              const void *data)
{
    return snn_onnx_build_cast(build, snn_onnx_build_constant(build, element, rank, dims, data), SNN_ONNX_DOUBLE);
}

/* All taps side by side, [N][groups][taps x channels][positions], times the weights as they lie. */
static snn_onnx_value convolution(snn_onnx_build *build, const snn_projection *projection, snn_onnx_value a)
{
    const snn_operator *op = &projection->op;
    const snn_window *window = &op->window;
    const snn_shape shape = snn_operator_pooled_shape(op);
    const int32_t from[2] = {shape.height, shape.width}, to[2] = {op->target.height, op->target.width};
    const int64_t positions = snn_shape_positions(op->target), channels = op->source_channels / op->groups;
    const int32_t taps = window->kernel[0] * window->kernel[1];
    snn_onnx_value *columns = snn_allocate((size_t)taps, sizeof *columns);
    if (columns == NULL) {
        return NULL;
    }
    a = surround(build, window, a, from, to);
    for (int32_t i = 0; i < window->kernel[0]; i++) {
        snn_onnx_value rows = tap(build, window, 0, a, i, to[0]);
        for (int32_t j = 0; j < window->kernel[1]; j++) {
            columns[i * window->kernel[1] + j] = snn_export_reshape(
                build, tap(build, window, 1, rows, j, to[1]), 4, (const int64_t[]){0, op->groups, channels, positions});
        }
    }
    snn_onnx_value side_by_side = columns[0];
    if (taps > 1) {
        side_by_side = snn_onnx_build_node(build, "Concat", taps, columns);
        snn_onnx_build_integer_attribute(build, "axis", 2);
    }
    snn_release(columns);
    const int64_t dims[] = {op->groups, op->target_channels / op->groups, taps * channels};
    snn_onnx_value weights = widened(build, SNN_ONNX_INT16, 3, dims, projection->weights);
    snn_onnx_value sums = snn_onnx_build_binary(build, "MatMul", weights, side_by_side);
    return as_image(build, sums, op->target_channels, op->target);
}

/* Rows of [positions][channels] become columns of [channels][positions]. */
static snn_onnx_value dense(snn_onnx_build *build, const snn_projection *projection, snn_onnx_value a)
{
    const snn_operator *op = &projection->op;
    const snn_shape shape = snn_operator_pooled_shape(op);
    const int64_t positions = snn_shape_positions(shape), size = snn_shape_size(shape), rows = op->target_channels;
    const int16_t *weights = projection->weights;
    int16_t *turned = snn_allocate((size_t)size, (size_t)rows * sizeof *turned);
    if (turned == NULL) {
        return NULL;
    }
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t position = 0; position < positions; position++) {
            for (int64_t c = 0; c < shape.channels; c++) {
                turned[(c * positions + position) * rows + row] = weights[row * size + position * shape.channels + c];
            }
        }
    }
    snn_onnx_value matrix = widened(build, SNN_ONNX_INT16, 2, (const int64_t[]){size, rows}, turned);
    snn_release(turned);
    snn_onnx_value flat = snn_export_reshape(build, a, 2, (const int64_t[]){0, size});
    return as_image(build, snn_onnx_build_binary(build, "MatMul", flat, matrix), op->target_channels, op->target);
}

/* [channels][source positions] times the mixing matrix; rounded, weighted, and rounded again. */
static snn_onnx_value tokens(snn_onnx_build *build, const snn_projection *projection, snn_onnx_value a, double unit)
{
    const snn_operator *op = &projection->op;
    const int64_t from = snn_shape_positions(snn_operator_pooled_shape(op)), to = snn_shape_positions(op->target);
    const int16_t *mixing = projection->mixing;
    int16_t *turned = snn_allocate((size_t)from, (size_t)to * sizeof *turned);
    if (turned == NULL) {
        return NULL;
    }
    for (int64_t i = 0; i < to; i++) {
        for (int64_t j = 0; j < from; j++) {
            turned[j * to + i] = mixing[i * from + j];
        }
    }
    snn_onnx_value matrix = widened(build, SNN_ONNX_INT16, 2, (const int64_t[]){from, to}, turned);
    snn_release(turned);
    a = snn_export_reshape(build, a, 3, (const int64_t[]){0, op->source_channels, from});
    a = snn_onnx_build_binary(build, "MatMul", a, matrix);
    if (unit < 1.0) {
        a = snn_export_nearest(build, snn_onnx_build_binary(build, "Mul", a, snn_onnx_build_double(build, unit)));
    }
    const int64_t dims[] = {op->target_channels, 1};
    a = snn_onnx_build_binary(build, "Mul", a, widened(build, SNN_ONNX_INT32, 2, dims, projection->weights));
    const double fraction = ldexp(1.0, -SNN_TOKENS_FRACTION_BITS);
    a = snn_export_nearest(build, snn_onnx_build_binary(build, "Mul", a, snn_onnx_build_double(build, fraction)));
    return as_image(build, a, op->target_channels, op->target);
}

static snn_onnx_value diagonal(snn_onnx_build *build, const snn_projection *projection, snn_onnx_value a)
{
    const int64_t dims[] = {1, projection->op.target_channels, 1, 1};
    return snn_onnx_build_binary(build, "Mul", a, widened(build, SNN_ONNX_INT32, 4, dims, projection->weights));
}

static snn_onnx_value gather(snn_onnx_build *build, const snn_projection *projection, snn_onnx_value a)
{
    const snn_operator *op = &projection->op;
    const snn_shape shape = snn_operator_pooled_shape(op);
    const int64_t positions = snn_shape_positions(shape);
    const int64_t count = op->target_channels * snn_shape_positions(op->target);
    const int32_t *weights = projection->weights;
    int32_t *index = snn_allocate((size_t)count, sizeof *index), *used = snn_allocate((size_t)count, sizeof *used);
    if (index == NULL || used == NULL) {
        snn_release(index);
        snn_release(used);
        return NULL;
    }
    for (int64_t i = 0; i < count; i++) {
        const int32_t element = projection->index[i];
        if (element >= 0) {
            index[i] = (int32_t)(element % shape.channels * positions + element / shape.channels);
            used[i] = weights[i];
        }
    }
    a = snn_export_reshape(build, a, 2, (const int64_t[]){0, snn_shape_size(shape)});
    a = snn_onnx_build_binary(build, "Gather", a, snn_onnx_build_constant(build, SNN_ONNX_INT32, 1, &count, index));
    snn_onnx_build_integer_attribute(build, "axis", 1);
    a = snn_onnx_build_binary(build, "Mul", a, widened(build, SNN_ONNX_INT32, 1, &count, used));
    snn_release(index);
    snn_release(used);
    return as_image(build, a, op->target_channels, op->target);
}

static snn_onnx_value operate(snn_onnx_build *build, const snn_projection *projection, snn_onnx_value a, double unit)
{
    switch (projection->op.kind) {
    case SNN_OPERATOR_CONVOLUTION:
        return convolution(build, projection, a);
    case SNN_OPERATOR_DENSE:
        return dense(build, projection, a);
    case SNN_OPERATOR_DIAGONAL:
        return diagonal(build, projection, a);
    case SNN_OPERATOR_TOKENS:
        return tokens(build, projection, a, unit);
    case SNN_OPERATOR_GATHER:
        return gather(build, projection, a);
    case SNN_OPERATOR_KIND_COUNT:
        break;
    }
    return NULL;
}

snn_status snn_export_product(snn_onnx_build *build, const snn_network *network, const snn_projection *projection,
                              snn_onnx_value source, int32_t shift, snn_onnx_value *product)
{
    const snn_operator *op = &projection->op;
    const bool rounds = op->kind == SNN_OPERATOR_TOKENS; /* of itself */
    const double unit = ldexp(1.0, -shift);
    *product = NULL;
    if (projection->row_begin != 0 || projection->row_end != op->target_channels) {
        return snn_fail(SNN_INTERNAL_ERROR, "export: a projection has rows %" PRId32 " to %" PRId32 " of %" PRId32,
                        projection->row_begin, projection->row_end, op->target_channels);
    }
    snn_onnx_value sums = operate(build, projection, selected(build, op, source), unit);
    if (sums == NULL) {
        return snn_out_of_memory("ONNX model");
    }
    if (shift > 0 && !rounds) {
        sums = snn_export_nearest(build, snn_onnx_build_binary(build, "Mul", sums, snn_onnx_build_double(build, unit)));
    }
    const bool stream =
        projection->source != SNN_SOURCE_INPUT && network->populations[projection->source].kind == SNN_NEURON_STREAM;
    if (stream && !(op->kind == SNN_OPERATOR_DIAGONAL && shift == 0)) {
        sums = snn_onnx_build_ternary(build, "Clip", sums, snn_onnx_build_double(build, -SNN_PRODUCT_LIMIT),
                                      snn_onnx_build_double(build, SNN_PRODUCT_LIMIT));
    }
    if (op->target_channels < op->target.channels) {
        const int64_t before[4] = {0, op->target_channel};
        const int64_t after[4] = {0, op->target.channels - op->target_channel - op->target_channels};
        sums = snn_export_pad(build, sums, before, after);
    }
    *product = sums;
    return snn_ok();
}
