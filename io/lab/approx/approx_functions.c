#include "io/lab/approx/approx_functions.h"

#include <math.h>

#include "core/kernels/unary.h"

/* clang-format off */
#define ONE_INPUT .input_count = 1, .inputs = {{1.0f, 0.0f}}

/* Ranges as activations of trained networks have them; beyond them most functions are straight lines. */
static const snn_approx_function functions[] = {
    {SNN_NEURON_RELU, "max(x, 0)", -4.0f, 4.0f, ONE_INPUT},
    {SNN_NEURON_LEAKY_RELU, "x > 0 ? x : 0.1 x", -4.0f, 4.0f, .alpha = 0.1f, ONE_INPUT},
    {SNN_NEURON_LINEAR, "x", -4.0f, 4.0f, ONE_INPUT},
    {SNN_NEURON_GELU, "x Phi(x)", -4.0f, 4.0f, ONE_INPUT},
    {SNN_NEURON_GELU_TANH, "x Phi(x) by tanh", -4.0f, 4.0f, ONE_INPUT},
    {SNN_NEURON_ABS, "|x|", -4.0f, 4.0f, ONE_INPUT},
    {SNN_NEURON_SQUARE, "x^2", -4.0f, 4.0f, ONE_INPUT},
    {SNN_NEURON_EXP, "e^x", -4.0f, 2.0f, ONE_INPUT},
    {SNN_NEURON_SQRT, "sqrt(x)", 0.0f, 4.0f, ONE_INPUT},
    {SNN_NEURON_RECIPROCAL, "1 / x, |x| at least 0.1", 0.25f, 4.0f, .alpha = 0.1f, ONE_INPUT},
    {SNN_NEURON_TANH, "tanh(x)", -4.0f, 4.0f, ONE_INPUT},
    {SNN_NEURON_SIGMOID, "1 / (1 + e^-x)", -4.0f, 4.0f, ONE_INPUT},
    {SNN_NEURON_SILU, "x / (1 + e^-x)", -4.0f, 4.0f, ONE_INPUT},
    {SNN_NEURON_ELU, "x > 0 ? x : e^x - 1", -4.0f, 4.0f, .alpha = 1.0f, ONE_INPUT},
    {SNN_NEURON_SELU, "1.05 (x > 0 ? x : 1.67 (e^x - 1))", -4.0f, 4.0f, .alpha = 1.67326319f, .beta = 1.05070102f, ONE_INPUT},
    {SNN_NEURON_CELU, "x > 0 ? x : 2 (e^(x / 2) - 1)", -4.0f, 4.0f, .alpha = 2.0f, ONE_INPUT},
    {SNN_NEURON_SOFTPLUS, "ln(1 + e^x)", -4.0f, 4.0f, ONE_INPUT},
    {SNN_NEURON_SOFTSIGN, "x / (1 + |x|)", -4.0f, 4.0f, ONE_INPUT},
    {SNN_NEURON_MISH, "x tanh(ln(1 + e^x))", -4.0f, 4.0f, ONE_INPUT},
    {SNN_NEURON_HARD_SWISH, "x clip(x / 6 + 1 / 2, 0, 1)", -4.0f, 4.0f, ONE_INPUT},
    {SNN_NEURON_HARD_SIGMOID, "clip(0.2 x + 0.5, 0, 1)", -4.0f, 4.0f, .alpha = 0.2f, .beta = 0.5f, ONE_INPUT},
    {SNN_NEURON_CLIP, "clip(x, 0, 6)", -4.0f, 8.0f, .alpha = 0.0f, .beta = 6.0f, ONE_INPUT},
    {SNN_NEURON_THRESHOLDED_RELU, "x > 1 ? x : 0", -4.0f, 4.0f, .alpha = 1.0f, ONE_INPUT},
    {SNN_NEURON_ERF, "erf(x)", -4.0f, 4.0f, ONE_INPUT},
    {SNN_NEURON_SHRINK, "|x| > 1 ? x - sign(x) : 0", -4.0f, 4.0f, .alpha = 1.0f, .beta = 1.0f, ONE_INPUT},
    {SNN_NEURON_MAXIMUM, "max(x, -x / 2)", -4.0f, 4.0f,
     .input_count = 2, .inputs = {{1.0f, 0.0f}, {-0.5f, 0.0f}}},
    {SNN_NEURON_PRODUCT, "x (1 - x / 4)", -4.0f, 4.0f,
     .input_count = 2, .inputs = {{1.0f, 0.0f}, {-0.25f, 1.0f}}},
    {SNN_NEURON_QUOTIENT, "x / (2 + x / 4)", -4.0f, 4.0f, .alpha = 0.1f,
     .input_count = 2, .inputs = {{1.0f, 0.0f}, {0.25f, 2.0f}}},
    {SNN_NEURON_NORMALISE, "x / sqrt(1 + x / 8)", -4.0f, 4.0f, .alpha = 1e-5f,
     .input_count = 2, .inputs = {{1.0f, 0.0f}, {0.125f, 1.0f}}},
    {SNN_NEURON_LAYER_NORM, "first of layer_norm(x, 1, 0, -1)", -4.0f, 4.0f, .alpha = 1e-5f,
     .input_count = 4, .inputs = {{1.0f, 0.0f}, {0.0f, 1.0f}, {0.0f, 0.0f}, {0.0f, -1.0f}}},
    {SNN_NEURON_SOFTMAX, "first of softmax(x, 1, 0, -1)", -4.0f, 4.0f,
     .input_count = 4, .inputs = {{1.0f, 0.0f}, {0.0f, 1.0f}, {0.0f, 0.0f}, {0.0f, -1.0f}}},
    {SNN_NEURON_SCORES, "(x, 1) . (1 - x / 4, x / 2)", -4.0f, 4.0f, .alpha = 1.0f,
     .input_count = 4, .inputs = {{1.0f, 0.0f}, {0.0f, 1.0f}, {-0.25f, 1.0f}, {0.5f, 0.0f}}},
    {SNN_NEURON_MIX, "(1 / 2 + x / 8) x + (1 / 2 - x / 8) 2", -4.0f, 4.0f,
     .input_count = 4, .inputs = {{0.125f, 0.5f}, {-0.125f, 0.5f}, {1.0f, 0.0f}, {0.0f, 2.0f}}},
    {SNN_NEURON_ATTENTION, "softmax(x / 2, -x / 2) . (2, x)", -4.0f, 4.0f, .alpha = 0.5f,
     .input_count = 5, .inputs = {{1.0f, 0.0f}, {0.0f, 1.0f}, {0.0f, -1.0f}, {0.0f, 2.0f}, {1.0f, 0.0f}}},
    {SNN_NEURON_SHIFTED_EXP, "e^(x - max(x, 1, 0, -1))", -4.0f, 4.0f,
     .input_count = 4, .inputs = {{1.0f, 0.0f}, {0.0f, 1.0f}, {0.0f, 0.0f}, {0.0f, -1.0f}}},
};
/* clang-format on */

const snn_approx_function *snn_approx_functions(int32_t *count)
{
    *count = (int32_t)(sizeof functions / sizeof functions[0]);
    return functions;
}

const char *snn_approx_function_name(const snn_approx_function *function)
{
    return snn_neuron_kind_name(function->kind);
}

float snn_approx_function_input(const snn_approx_function *function, int32_t input, float x)
{
    return function->inputs[input].slope * x + function->inputs[input].offset;
}

static double layer_norm(const double *x, int32_t count, double epsilon)
{
    double mean = 0.0, variance = 0.0;
    for (int32_t i = 0; i < count; i++) {
        mean += x[i] / count;
    }
    for (int32_t i = 0; i < count; i++) {
        variance += (x[i] - mean) * (x[i] - mean) / count;
    }
    return (x[0] - mean) / sqrt(variance + epsilon);
}

static double softmax(const double *x, int32_t count)
{
    double sum = 0.0;
    for (int32_t i = 0; i < count; i++) {
        sum += exp(x[i] - x[0]);
    }
    return 1.0 / sum;
}

static double shifted_exp(const double *x, int32_t count)
{
    double largest = -INFINITY;
    for (int32_t i = 0; i < count; i++) {
        largest = fmax(largest, x[i]);
    }
    return exp(x[0] - largest);
}

/* A query, two keys and two values. */
static double attention(const double *x, double alpha)
{
    const double first = exp(alpha * x[0] * x[1]), second = exp(alpha * x[0] * x[2]);
    return (first * x[3] + second * x[4]) / (first + second);
}

double snn_approx_function_value(const snn_approx_function *function, float x)
{
    double inputs[SNN_APPROX_INPUTS];
    for (int32_t i = 0; i < function->input_count; i++) {
        inputs[i] = (double)snn_approx_function_input(function, i, x);
    }
    switch (function->kind) {
    case SNN_NEURON_MAXIMUM:
        return inputs[0] > inputs[1] ? inputs[0] : inputs[1];
    case SNN_NEURON_PRODUCT:
        return inputs[0] * inputs[1];
    case SNN_NEURON_QUOTIENT:
        return inputs[0] / inputs[1];
    case SNN_NEURON_NORMALISE:
        return inputs[0] / sqrt(inputs[1] + (double)function->alpha);
    case SNN_NEURON_LAYER_NORM:
        return layer_norm(inputs, function->input_count, (double)function->alpha);
    case SNN_NEURON_SOFTMAX:
        return softmax(inputs, function->input_count);
    case SNN_NEURON_SCORES:
        return (double)function->alpha * (inputs[0] * inputs[2] + inputs[1] * inputs[3]);
    case SNN_NEURON_MIX:
        return inputs[0] * inputs[2] + inputs[1] * inputs[3];
    case SNN_NEURON_ATTENTION:
        return attention(inputs, (double)function->alpha);
    case SNN_NEURON_SHIFTED_EXP:
        return shifted_exp(inputs, function->input_count);
    default:
        return (double)snn_function_evaluate(function->kind, function->alpha, function->beta, x);
    }
}
