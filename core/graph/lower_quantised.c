/* Operators on quantised values as operators on real ones between DequantizeLinear and QuantizeLinear, which is what
 * they are defined as. Where ranges are those of every single image (DynamicQuantizeLinear), quantisation is left out:
 * the trained network is evaluated without that rounding. */
#include <string.h>

#include "core/graph/lower.h"

#define MICROSOFT "com.microsoft"

/* Real values of input i, whose scale and zero point follow it; `axis`: along which there may be several. */
static int32_t real_input(snn_expansion *e, int32_t i, int64_t axis)
{
    const int32_t scale = snn_expand_input(e, i + 1), zero = snn_expand_input(e, i + 2);
    const int32_t x = zero == SNN_NO_VALUE ? SNN_EXPAND(e, "DequantizeLinear", snn_expand_input(e, i), scale)
                                           : SNN_EXPAND(e, "DequantizeLinear", snn_expand_input(e, i), scale, zero);
    snn_expand_integer(e, "axis", axis);
    return x;
}

/* The result, quantised with the scale that is input i and the zero point that follows it; real without them. */
static void give_quantised(snn_expansion *e, int32_t y, int32_t i)
{
    const int32_t scale = snn_expand_input(e, i), zero = snn_expand_input(e, i + 1);
    if (scale == SNN_NO_VALUE) {
        snn_expand_result(e, y);
    } else {
        snn_expand_result(e, zero == SNN_NO_VALUE ? SNN_EXPAND(e, "QuantizeLinear", y, scale)
                                                  : SNN_EXPAND(e, "QuantizeLinear", y, scale, zero));
    }
}

/* The bias, int32 in units of the product of both scales (inputs `x` and `weights` and what follows them). */
static int32_t real_bias(snn_expansion *e, int32_t bias, int32_t x, int32_t weights)
{
    const int32_t unit = SNN_EXPAND(e, "Mul", snn_expand_input(e, x + 1), snn_expand_input(e, weights + 1));
    const int32_t real = SNN_EXPAND(e, "DequantizeLinear", snn_expand_input(e, bias), unit);
    snn_expand_integer(e, "axis", 0);
    return real;
}

/* x, weights, result, bias. */
static void lower_convolution(snn_expansion *e)
{
    const int32_t x = real_input(e, 0, 1), weights = real_input(e, 3, 0);
    int32_t y = SNN_NO_VALUE;
    if (snn_expand_input(e, 8) == SNN_NO_VALUE) {
        y = SNN_EXPAND(e, "Conv", x, weights);
    } else {
        const int32_t bias = real_bias(e, 8, 0, 3);
        y = SNN_EXPAND(e, "Conv", x, weights, bias);
    }
    snn_expand_same_attributes(e);
    give_quantised(e, y, 6);
}

static void lower_matmul(snn_expansion *e)
{
    snn_expand_attributes(e, "");
    const int32_t a = real_input(e, 0, -2), b = real_input(e, 3, -1);
    give_quantised(e, SNN_EXPAND(e, "MatMul", a, b), 6);
}

/* A, B, bias (perhaps none), result (perhaps real). */
static void lower_gemm(snn_expansion *e)
{
    const int64_t outputs = snn_node_integer(e->node, "transB", 0) != 0 ? 0 : 1;
    snn_expand_attributes(e, "alpha=float transA=int transB=int");
    const int32_t a = real_input(e, 0, 1), b = real_input(e, 3, outputs);
    int32_t y = SNN_NO_VALUE;
    if (snn_expand_input(e, 6) == SNN_NO_VALUE) {
        y = SNN_EXPAND(e, "Gemm", a, b);
    } else {
        const int32_t bias = real_bias(e, 6, 0, 3); /* to which alpha belongs, too */
        y = SNN_EXPAND(e, "Gemm", a, b, bias);
        snn_expand_real(e, "beta", snn_node_real(e->node, "alpha", 1.0f));
    }
    snn_expand_same_attributes(e);
    give_quantised(e, y, 7);
}

/* Two operands and the result. */
static void lower_pair(snn_expansion *e)
{
    snn_expand_attributes(e, "");
    const int32_t a = real_input(e, 0, 1), b = real_input(e, 3, 1);
    give_quantised(e, SNN_EXPAND(e, strcmp(e->node->operator, "QLinearAdd") == 0 ? "Add" : "Mul", a, b), 6);
}

/* Scale and zero point of the result, then any number of parts. */
static void lower_concatenation(snn_expansion *e)
{
    enum { MOST = 64 };
    int32_t parts[MOST], count = 0;
    if (e->node->input_count < 5 || (e->node->input_count - 2) % 3 != 0 || e->node->input_count > 2 + 3 * MOST) {
        snn_expand_refuse(e, "%d inputs; 1 to %d parts, each with scale and zero point, expected", e->node->input_count,
                          (int)MOST);
        return;
    }
    for (int32_t i = 2; i < e->node->input_count; i += 3) {
        parts[count++] = real_input(e, i, 1);
    }
    const int32_t y = snn_expand_node(e, "Concat", count, parts);
    snn_expand_same_attributes(e);
    give_quantised(e, y, 0);
}

/* A function of one value: operand, result. */
static void lower_function(snn_expansion *e)
{
    const char *function = e->node->operator+ strlen("QLinear");
    if (snn_node_integer(e->node, "channels_last", 0) != 0) {
        snn_expand_refuse(e, "channels_last is not supported");
    }
    const int32_t y = SNN_EXPAND(e, function, real_input(e, 0, 1));
    for (size_t i = 0; i < e->node->attribute_count; i++) {
        const char *name = e->node->attributes[i].name;
        if (strcmp(name, "channels_last") != 0 && strcmp(name, "opset") != 0) {
            snn_expand_attribute(e, name);
        }
    }
    give_quantised(e, y, 3);
}

/* ---- ranges of every single image ---- */

static bool is_of_image(const snn_graph *graph, const snn_node *node)
{
    return node->input_count == 1 && node->inputs[0] != SNN_NO_VALUE && !graph->values[node->inputs[0]].constant;
}

/* The value itself, in units of 1 from 0 on. */
static void lower_dynamic(snn_expansion *e)
{
    snn_expand_output(e, 1, snn_expand_scalar(e, 1.0f));
    snn_expand_output(e, 2, snn_expand_scalar(e, 0.0f));
    snn_expand_result(e, SNN_EXPAND(e, "Identity", snn_expand_input(e, 0)));
}

/* Integer products of such a value, which is real, with weights less their zero point. */
static bool is_of_real(const snn_graph *graph, const snn_node *node)
{
    return node->input_count >= 2 && node->inputs[0] != SNN_NO_VALUE &&
           graph->values[node->inputs[0]].tensor.type == SNN_TYPE_FLOAT32;
}

/* Weights that are input i; their zero point is input `zero`, their scale input `scale` or 1. */
static int32_t real_weights(snn_expansion *e, int32_t i, int32_t scale, int32_t zero, int64_t axis)
{
    const snn_tensor *given = snn_expand_shape(e, zero);
    int32_t unit = scale >= 0 ? snn_expand_input(e, scale) : SNN_NO_VALUE;
    if (unit == SNN_NO_VALUE) {
        const int64_t count = given->rank > 0 ? snn_tensor_elements(given) : 1;
        float *ones = NULL;
        unit = snn_expand_floats(e, 1, &count, &ones);
        for (int64_t k = 0; k < count && ones != NULL; k++) {
            ones[k] = 1.0f;
        }
    }
    const int32_t origin = snn_expand_input(e, zero);
    const int32_t weights = origin == SNN_NO_VALUE
                                ? SNN_EXPAND(e, "DequantizeLinear", snn_expand_input(e, i), unit)
                                : SNN_EXPAND(e, "DequantizeLinear", snn_expand_input(e, i), unit, origin);
    snn_expand_integer(e, "axis", axis);
    return weights;
}

static void lower_integer_product(snn_expansion *e)
{
    const bool convolution = e->node->operator[0] == 'C';
    const int32_t weights = real_weights(e, 1, -1, 3, convolution ? 0 : -1);
    const int32_t y = SNN_EXPAND(e, convolution ? "Conv" : "MatMul", snn_expand_input(e, 0), weights);
    snn_expand_same_attributes(e);
    snn_expand_result(e, y);
}

/* A, B, scale and zero point of B, bias. */
static void lower_dynamic_matmul(snn_expansion *e)
{
    snn_expand_attributes(e, "");
    const int32_t y = SNN_EXPAND(e, "MatMul", snn_expand_input(e, 0), real_weights(e, 1, 2, 3, -1));
    snn_expand_result(e, snn_expand_plus(e, y, 4));
}

/* A, B, both scales, both zero points, bias; A's scale is that of lower_dynamic. */
static void lower_matmul_to_real(snn_expansion *e)
{
    snn_expand_attributes(e, "");
    const int32_t y = SNN_EXPAND(e, "MatMul", snn_expand_input(e, 0), real_weights(e, 1, 3, 5, -1));
    snn_expand_result(e, snn_expand_plus(e, y, 6));
}

/* ---- what commutes with quantisation ---- */

/* The QuantizeLinear that makes input 0; NULL if none does. */
static const snn_node *quantiser_of(const snn_graph *graph, const snn_node *node)
{
    const int32_t value = node->input_count > 0 ? node->inputs[0] : SNN_NO_VALUE;
    const int32_t producer =
        value == SNN_NO_VALUE || graph->values[value].constant ? -1 : graph->values[value].producer;
    const snn_node *found = producer < 0 ? NULL : &graph->nodes[producer];
    const bool quantises = found != NULL && strcmp(found->operator, "QuantizeLinear") == 0 &&
                           found->domain[0] == '\0' && graph->values[value].tensor.rank >= 0;
    return quantises ? found : NULL; /* its shape is known, so its scale is given */
}

/* Whether all elements have one scale, so that they may be moved and compared. */
static bool is_quantised(const snn_graph *graph, const snn_node *node)
{
    const snn_node *quantiser = quantiser_of(graph, node);
    return quantiser != NULL && snn_tensor_elements(&graph->values[quantiser->inputs[1]].tensor) == 1;
}

static void lower_between(snn_expansion *e)
{
    enum { MOST = 8 };
    const snn_node *quantiser = quantiser_of(e->graph, e->node);
    int32_t inputs[MOST] = {0}, pair[3] = {e->node->inputs[0], quantiser->inputs[1], SNN_NO_VALUE};
    const int32_t count = quantiser->input_count < 3 || quantiser->inputs[2] == SNN_NO_VALUE ? 2 : 3;
    if (e->node->input_count > MOST) {
        snn_expand_refuse(e, "%d inputs", e->node->input_count);
        return;
    }
    pair[2] = count == 3 ? quantiser->inputs[2] : SNN_NO_VALUE;
    memcpy(inputs, e->node->inputs, (size_t)e->node->input_count * sizeof *inputs);
    inputs[0] = snn_expand_node(e, "DequantizeLinear", count, pair);
    pair[0] = snn_expand_node(e, e->node->operator, e->node->input_count, inputs);
    snn_expand_same_attributes(e);
    snn_expand_result(e, snn_expand_node(e, "QuantizeLinear", count, pair));
}

const snn_lowering snn_lowerings_quantised[] = {
    {"", "QLinearConv", 8, 9, lower_convolution, NULL},
    {"", "QLinearMatMul", 8, 8, lower_matmul, NULL},
    {MICROSOFT, "QLinearConv", 8, 9, lower_convolution, NULL},
    {MICROSOFT, "QGemm", 6, 9, lower_gemm, NULL},
    {MICROSOFT, "QLinearAdd", 7, 8, lower_pair, NULL},
    {MICROSOFT, "QLinearMul", 7, 8, lower_pair, NULL},
    {MICROSOFT, "QLinearConcat", 5, INT32_MAX, lower_concatenation, NULL},
    {MICROSOFT, "QLinearAveragePool", 4, 5, lower_function, NULL},
    {MICROSOFT, "QLinearGlobalAveragePool", 4, 5, lower_function, NULL},
    {MICROSOFT, "QLinearLeakyRelu", 4, 5, lower_function, NULL},
    {MICROSOFT, "QLinearSigmoid", 4, 5, lower_function, NULL},
    {MICROSOFT, "QLinearSoftmax", 4, 5, lower_function, NULL},
    {"", "DynamicQuantizeLinear", 1, 1, lower_dynamic, is_of_image},
    {"", "MatMulInteger", 2, 4, lower_integer_product, is_of_real},
    {"", "ConvInteger", 2, 4, lower_integer_product, is_of_real},
    {MICROSOFT, "DynamicQuantizeMatMul", 3, 5, lower_dynamic_matmul, NULL},
    {MICROSOFT, "MatMulIntegerToFloat", 4, 7, lower_matmul_to_real, is_of_real},
    {"", "MaxPool", 1, 1, lower_between, is_quantised},
    {"", "Reshape", 1, 2, lower_between, is_quantised},
    {"", "Flatten", 1, 1, lower_between, is_quantised},
    {"", "Transpose", 1, 1, lower_between, is_quantised},
    {"", "Squeeze", 1, 2, lower_between, is_quantised},
    {"", "Unsqueeze", 1, 2, lower_between, is_quantised},
    {"", "Slice", 1, 5, lower_between, is_quantised},
    {"", "Gather", 2, 2, lower_between, is_quantised},
    {"", "Resize", 1, 4, lower_between, is_quantised},
    {0},
};
