/* Functions of neurons as ONNX nodes. Only those that core/kernels/functions.h makes of the same few operations: what
 * goes through exponentials there is not what a runtime's Exp gives. */
#include <math.h>

#include "io/export_internal.h"

snn_onnx_value snn_export_channels(snn_onnx_build *build, const float *values, int32_t channels)
{
    return snn_onnx_build_constant(build, SNN_ONNX_FLOAT, 4, (const int64_t[]){1, channels, 1, 1}, values);
}

static snn_onnx_value zero(snn_onnx_build *build)
{
    return snn_onnx_build_float(build, 0.0F);
}

static snn_onnx_value multiply(snn_onnx_build *build, snn_onnx_value a, float factor)
{
    return snn_onnx_build_binary(build, "Mul", a, snn_onnx_build_float(build, factor));
}

static snn_onnx_value add(snn_onnx_build *build, snn_onnx_value a, float term)
{
    return snn_onnx_build_binary(build, "Add", a, snn_onnx_build_float(build, term));
}

static snn_onnx_value at_least(snn_onnx_build *build, snn_onnx_value a, float low)
{
    return snn_onnx_build_binary(build, "Max", a, snn_onnx_build_float(build, low));
}

static snn_onnx_value at_most(snn_onnx_build *build, snn_onnx_value a, float high)
{
    return snn_onnx_build_binary(build, "Min", a, snn_onnx_build_float(build, high));
}

/* x > limit ? above : below */
static snn_onnx_value either(snn_onnx_build *build, snn_onnx_value x, float limit, snn_onnx_value above,
                             snn_onnx_value below)
{
    snn_onnx_value greater = snn_onnx_build_binary(build, "Greater", x, snn_onnx_build_float(build, limit));
    return snn_onnx_build_ternary(build, "Where", greater, above, below);
}

static snn_onnx_value reciprocal(snn_onnx_build *build, snn_onnx_value x, float alpha)
{
    snn_onnx_value negative = snn_onnx_build_binary(build, "Less", x, zero(build));
    snn_onnx_value divisor =
        snn_onnx_build_ternary(build, "Where", negative, at_most(build, x, -alpha), at_least(build, x, alpha));
    return snn_onnx_build_binary(build, "Div", snn_onnx_build_float(build, 1.0F), divisor);
}

static snn_onnx_value softsign(snn_onnx_build *build, snn_onnx_value x)
{
    const float large = 1073741824.0F;
    snn_onnx_value bounded = at_most(build, at_least(build, x, -large), large);
    return snn_onnx_build_binary(build, "Div", bounded, add(build, snn_onnx_build_unary(build, "Abs", bounded), 1.0F));
}

static snn_onnx_value hard_swish(snn_onnx_build *build, snn_onnx_value x)
{
    snn_onnx_value bounded = at_least(build, x, -3.0F);
    snn_onnx_value share = at_most(build, multiply(build, add(build, bounded, 3.0F), 0.166666672F), 1.0F);
    return snn_onnx_build_binary(build, "Mul", bounded, share);
}

/* The largest of a window of decoded inputs. Padding never wins. */
static snn_onnx_value maximum(snn_onnx_build *build, const snn_population *population, snn_onnx_value x)
{
    const snn_window *window = &population->window;
    const int32_t from[2] = {population->input.height, population->input.width};
    const int32_t to[2] = {population->shape.height, population->shape.width};
    int64_t kernel[2], stride[2], dilation[2], end[2], pads[8] = {0};
    for (int axis = 0; axis < 2; axis++) {
        kernel[axis] = window->kernel[axis];
        stride[axis] = window->stride[axis];
        dilation[axis] = window->dilation[axis];
        end[axis] = (to[axis] - 1) * stride[axis] - window->pad_begin[axis] + (kernel[axis] - 1) * dilation[axis];
        pads[2 + axis] = window->pad_begin[axis];
        pads[6 + axis] = end[axis] >= from[axis] ? end[axis] - from[axis] + 1 : 0;
    }
    x = snn_onnx_build_ternary(build, "Pad", x, snn_onnx_build_integers(build, 8, pads),
                               snn_onnx_build_float(build, -INFINITY));
    x = snn_onnx_build_unary(build, "MaxPool", x);
    snn_onnx_build_integers_attribute(build, "kernel_shape", 2, kernel);
    snn_onnx_build_integers_attribute(build, "strides", 2, stride);
    snn_onnx_build_integers_attribute(build, "dilations", 2, dilation);
    return x;
}

snn_status snn_export_function(snn_onnx_build *build, const snn_population *population, snn_onnx_value x,
                               snn_onnx_value *target)
{
    const float alpha = population->alpha, beta = population->beta;
    switch (population->kind) {
    case SNN_NEURON_RELU:
        *target = snn_onnx_build_unary(build, "Relu", x);
        return snn_ok();
    case SNN_NEURON_LEAKY_RELU:
        *target = either(build, x, 0.0F, x, multiply(build, x, alpha));
        return snn_ok();
    case SNN_NEURON_LINEAR:
        *target = x;
        return snn_ok();
    case SNN_NEURON_MAXIMUM:
        *target = maximum(build, population, x);
        return snn_ok();
    case SNN_NEURON_ABS:
        *target = snn_onnx_build_unary(build, "Abs", x);
        return snn_ok();
    case SNN_NEURON_SQUARE:
        *target = snn_onnx_build_binary(build, "Mul", x, x);
        return snn_ok();
    case SNN_NEURON_SQRT:
        *target = snn_onnx_build_unary(build, "Sqrt", at_least(build, x, 0.0F));
        return snn_ok();
    case SNN_NEURON_RECIPROCAL:
        *target = reciprocal(build, x, alpha);
        return snn_ok();
    case SNN_NEURON_SOFTSIGN:
        *target = softsign(build, x);
        return snn_ok();
    case SNN_NEURON_HARD_SWISH:
        *target = hard_swish(build, x);
        return snn_ok();
    case SNN_NEURON_HARD_SIGMOID:
        *target = at_most(build, at_least(build, add(build, multiply(build, x, alpha), beta), 0.0F), 1.0F);
        return snn_ok();
    case SNN_NEURON_CLIP:
        *target = at_most(build, at_least(build, x, alpha), beta);
        return snn_ok();
    case SNN_NEURON_THRESHOLDED_RELU:
        *target = either(build, x, alpha, x, zero(build));
        return snn_ok();
    default:
        return snn_fail(SNN_INPUT_ERROR,
                        "%s: %s neurons cannot be exported: ONNX has no operators that give the same bits",
                        population->name, snn_neuron_kind_name(population->kind));
    }
}
