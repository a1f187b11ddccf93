/* Functions of neurons as ONNX nodes: the same operations as in core/base/functions.h, which give the same bits. */
#include <math.h>

#include "io/onnx/export_arithmetic.h"
#include "io/onnx/export_internal.h"

snn_onnx_value snn_export_channels(snn_onnx_build *build, const float *values, int32_t channels)
{
    return snn_onnx_build_constant(build, SNN_ONNX_FLOAT, 4, (const int64_t[]){1, channels, 1, 1}, values);
}

static snn_onnx_value reciprocal(snn_onnx_build *build, snn_onnx_value x, float alpha)
{
    return snn_export_inverse(
        build, snn_export_signed(build, x, snn_export_at_most(build, x, -alpha), snn_export_at_least(build, x, alpha)));
}

static snn_onnx_value softsign(snn_onnx_build *build, snn_onnx_value x)
{
    const float large = 1073741824.0F;
    snn_onnx_value bounded = snn_export_at_most(build, snn_export_at_least(build, x, -large), large);
    snn_onnx_value magnitude = snn_onnx_build_unary(build, "Abs", bounded);
    return snn_export_quotient(build, bounded, snn_export_plus(build, magnitude, 1.0F));
}

static snn_onnx_value hard_swish(snn_onnx_build *build, snn_onnx_value x)
{
    snn_onnx_value bounded = snn_export_at_least(build, x, -3.0F);
    snn_onnx_value share = snn_export_scaled(build, snn_export_plus(build, bounded, 3.0F), 0.166666672F);
    return snn_export_times(build, bounded, snn_export_at_most(build, share, 1.0F));
}

static snn_onnx_value shrink(snn_onnx_build *build, snn_onnx_value x, float alpha, float beta)
{
    snn_onnx_value from_above = snn_export_plus(build, x, -beta), from_below = snn_export_plus(build, x, beta);
    snn_onnx_value above = snn_export_above(build, x, alpha, from_above, snn_onnx_build_float(build, 0.0F));
    return snn_export_above(build, snn_export_scaled(build, x, -1.0F), alpha, from_below, above);
}

static snn_onnx_value clip(snn_onnx_build *build, snn_onnx_value x, float low, float high)
{
    return snn_export_at_most(build, snn_export_at_least(build, x, low), high);
}

/* The largest of a window of decoded inputs. Padding never wins. */
static snn_onnx_value maximum(snn_onnx_build *build, const snn_population *population, snn_onnx_value x)
{
    const snn_window *window = &population->window;
    const int32_t from[2] = {population->input.height, population->input.width};
    const int32_t to[2] = {population->shape.height, population->shape.width};
    int64_t kernel[2], stride[2], dilation[2], pads[8] = {0};
    for (int axis = 0; axis < 2; axis++) {
        kernel[axis] = window->kernel[axis];
        stride[axis] = window->stride[axis];
        dilation[axis] = window->dilation[axis];
        const int64_t last =
            (to[axis] - 1) * stride[axis] - window->pad_begin[axis] + (kernel[axis] - 1) * dilation[axis];
        pads[2 + axis] = window->pad_begin[axis];
        pads[6 + axis] = last >= from[axis] ? last - from[axis] + 1 : 0;
    }
    x = snn_onnx_build_ternary(build, "Pad", x, snn_onnx_build_integers(build, 8, pads),
                               snn_onnx_build_float(build, -INFINITY));
    x = snn_onnx_build_unary(build, "MaxPool", x);
    snn_onnx_build_integers_attribute(build, "kernel_shape", 2, kernel);
    snn_onnx_build_integers_attribute(build, "strides", 2, stride);
    snn_onnx_build_integers_attribute(build, "dilations", 2, dilation);
    return x;
}

snn_onnx_value snn_export_function(snn_onnx_build *build, const snn_population *population, snn_onnx_value x)
{
    const float alpha = population->alpha, beta = population->beta;
    if (snn_neuron_reads_all_channels(population->kind)) {
        return snn_export_nary(build, population, x);
    }
    switch (population->kind) {
    case SNN_NEURON_RELU:
        return snn_onnx_build_unary(build, "Relu", x);
    case SNN_NEURON_LEAKY_RELU:
        return snn_export_above(build, x, 0.0F, x, snn_export_scaled(build, x, alpha));
    case SNN_NEURON_LINEAR:
        return x;
    case SNN_NEURON_MAXIMUM:
        return maximum(build, population, x);
    case SNN_NEURON_ABS:
        return snn_onnx_build_unary(build, "Abs", x);
    case SNN_NEURON_SQUARE:
        return snn_export_times(build, x, x);
    case SNN_NEURON_SQRT:
        return snn_onnx_build_unary(build, "Sqrt", snn_export_at_least(build, x, 0.0F));
    case SNN_NEURON_RECIPROCAL:
        return reciprocal(build, x, alpha);
    case SNN_NEURON_SOFTSIGN:
        return softsign(build, x);
    case SNN_NEURON_HARD_SWISH:
        return hard_swish(build, x);
    case SNN_NEURON_HARD_SIGMOID:
        return clip(build, snn_export_plus(build, snn_export_scaled(build, x, alpha), beta), 0.0F, 1.0F);
    case SNN_NEURON_CLIP:
        return clip(build, x, alpha, beta);
    case SNN_NEURON_THRESHOLDED_RELU:
        return snn_export_above(build, x, alpha, x, snn_onnx_build_float(build, 0.0F));
    case SNN_NEURON_SHRINK:
        return shrink(build, x, alpha, beta);
    default:
        return snn_export_exponential(build, population->kind, alpha, beta, x);
    }
}
