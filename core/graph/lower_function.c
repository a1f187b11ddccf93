/* Functions and fused operators: reductions of functions, gated units, and what onnxruntime's optimiser writes
 * (com.microsoft). */
#include <math.h>
#include <string.h>

#include "core/graph/lower.h"

static const char MICROSOFT[] = "com.microsoft";

/* ---- reductions of a function of the elements ---- */

/* The axes over which the composite node reduces, an attribute or its second input. */
static int32_t reduced_axes(snn_expansion *e, int64_t axes[SNN_MAX_RANK])
{
    const snn_tensor *x = snn_expand_shape(e, 0), *given = snn_expand_shape(e, 1);
    size_t count = snn_node_integers(e->node, "axes", axes, SNN_MAX_RANK);
    snn_expand_attributes(e, "axes=ints keepdims=int noop_with_empty_axes=int");
    if (given->rank == 1 && given->type == SNN_TYPE_INT64 && given->data != NULL) {
        count = (size_t)given->dims[0];
        memcpy(axes, given->data, (count < SNN_MAX_RANK ? count : SNN_MAX_RANK) * sizeof *axes);
    } else if (given->rank >= 0) {
        snn_expand_refuse(e, "the axes: a constant list of integers expected");
    }
    if (count > SNN_MAX_RANK || (count == 0 && snn_node_integer(e->node, "noop_with_empty_axes", 0) != 0)) {
        snn_expand_refuse(e, "%zu axes are not supported", count);
    }
    for (int32_t axis = 0; count == 0 && axis < x->rank; axis++) {
        axes[axis] = axis;
    }
    return count == 0 ? x->rank : (int32_t)count;
}

static int32_t reduce(snn_expansion *e, const char *operator, int32_t x, bool keep)
{
    int64_t axes[SNN_MAX_RANK] = {0};
    const int32_t count = reduced_axes(e, axes);
    return count == 0 ? x : snn_expand_reduce(e, operator, x, count, axes, keep);
}

static int32_t sum(snn_expansion *e, int32_t x)
{
    return reduce(e, "ReduceSum", x, snn_node_integer(e->node, "keepdims", 1) != 0);
}

static int32_t sum_of_squares(snn_expansion *e)
{
    const int32_t x = snn_expand_input(e, 0);
    return sum(e, SNN_EXPAND(e, "Mul", x, x));
}

static void lower_reduce_l1(snn_expansion *e)
{
    snn_expand_result(e, sum(e, SNN_EXPAND(e, "Abs", snn_expand_input(e, 0))));
}

static void lower_reduce_l2(snn_expansion *e)
{
    snn_expand_result(e, SNN_EXPAND(e, "Sqrt", sum_of_squares(e)));
}

static void lower_reduce_sum_square(snn_expansion *e)
{
    snn_expand_result(e, sum_of_squares(e));
}

static void lower_reduce_log_sum(snn_expansion *e)
{
    snn_expand_result(e, SNN_EXPAND(e, "Log", sum(e, snn_expand_input(e, 0))));
}

/* With the largest element taken out, so that nothing overflows. */
static void lower_reduce_log_sum_exp(snn_expansion *e)
{
    const int32_t x = snn_expand_input(e, 0);
    const bool keep = snn_node_integer(e->node, "keepdims", 1) != 0;
    const int32_t behind = SNN_EXPAND(e, "Sub", x, reduce(e, "ReduceMax", x, true));
    const int32_t logarithm = SNN_EXPAND(e, "Log", sum(e, SNN_EXPAND(e, "Exp", behind)));
    snn_expand_result(e, SNN_EXPAND(e, "Add", logarithm, reduce(e, "ReduceMax", x, keep)));
}

/* x over its norm along one axis. */
static void lower_lp_normalization(snn_expansion *e)
{
    const int32_t x = snn_expand_input(e, 0);
    const int64_t axis = snn_node_integer(e->node, "axis", -1), p = snn_node_integer(e->node, "p", 2);
    snn_expand_attributes(e, "axis=int p=int");
    const int32_t power = p == 1 ? SNN_EXPAND(e, "Abs", x) : SNN_EXPAND(e, "Mul", x, x);
    const int32_t total = snn_expand_reduce(e, "ReduceSum", power, 1, &axis, true);
    snn_expand_result(e, SNN_EXPAND(e, "Div", x, p == 1 ? total : SNN_EXPAND(e, "Sqrt", total)));
}

/* ---- other standard operators ---- */

static int32_t gated(snn_expansion *e, int32_t x, float alpha)
{
    const int32_t inner = alpha == 1.0f ? x : SNN_EXPAND(e, "Mul", x, snn_expand_scalar(e, alpha));
    return SNN_EXPAND(e, "Mul", x, SNN_EXPAND(e, "Sigmoid", inner));
}

static void lower_swish(snn_expansion *e)
{
    snn_expand_attributes(e, "alpha=float");
    snn_expand_result(e, gated(e, snn_expand_input(e, 0), snn_node_real(e->node, "alpha", 1.0f)));
}

static void lower_mean(snn_expansion *e)
{
    const int32_t count = e->node->input_count;
    const int32_t total = snn_expand_node(e, "Sum", count, e->node->inputs);
    snn_expand_result(e, SNN_EXPAND(e, "Mul", total, snn_expand_scalar(e, 1.0f / (float)count)));
}

static void lower_cast_like(snn_expansion *e)
{
    enum { ONNX_FLOAT = 1, ONNX_UINT8 = 2, ONNX_INT8 = 3, ONNX_INT64 = 7, ONNX_BOOL = 9 };
    static const int64_t types[] = {
        [SNN_TYPE_FLOAT32] = ONNX_FLOAT, [SNN_TYPE_INT64] = ONNX_INT64, [SNN_TYPE_BOOL] = ONNX_BOOL,
        [SNN_TYPE_INT8] = ONNX_INT8,     [SNN_TYPE_UINT8] = ONNX_UINT8,
    };
    snn_expand_attributes(e, "saturate=int round_mode=text");
    const int32_t cast = SNN_EXPAND(e, "Cast", snn_expand_input(e, 0));
    snn_expand_integer(e, "to", types[snn_expand_shape(e, 1)->type]);
    snn_expand_result(e, cast);
}

/* Local response normalisation: x over a power of (bias + alpha times the mean square of the channels around). The sum
 * over channels is a 1 x 1 convolution. */
static void lower_lrn(snn_expansion *e)
{
    const snn_tensor *shape = snn_expand_shape(e, 0);
    const int64_t size = snn_node_integer(e->node, "size", 0), channels = shape->rank == 4 ? shape->dims[1] : 0;
    const int32_t x = snn_expand_input(e, 0);
    float *weights = NULL, *bias = NULL;
    snn_expand_attributes(e, "alpha=float beta=float bias=float size=int");
    if (channels < 1 || size < 1) {
        snn_expand_refuse(e, "expects an image [N,C,H,W] and a size of at least 1 channel");
    }
    const int32_t around = snn_expand_floats(e, 4, (const int64_t[]){channels, channels, 1, 1}, &weights);
    const int32_t constant = snn_expand_floats(e, 1, &channels, &bias);
    for (int64_t c = 0; c < channels && bias != NULL; c++) {
        const int64_t first = c - (size - 1) / 2, last = c + size / 2;
        for (int64_t k = first < 0 ? 0 : first; k <= last && k < channels; k++) {
            weights[c * channels + k] = snn_node_real(e->node, "alpha", 1e-4f) / (float)size;
        }
        bias[c] = snn_node_real(e->node, "bias", 1.0f);
    }
    const int32_t squares = SNN_EXPAND(e, "Conv", SNN_EXPAND(e, "Mul", x, x), around, constant);
    const int32_t beta = snn_expand_scalar(e, snn_node_real(e->node, "beta", 0.75f));
    snn_expand_result(e, SNN_EXPAND(e, "Div", x, SNN_EXPAND(e, "Pow", squares, beta)));
}

/* Powers that are products, roots and quotients. */
static void lower_power(snn_expansion *e)
{
    const int32_t x = snn_expand_input(e, 0);
    float exponent = 0.0f;
    (void)snn_tensor_uniform(snn_expand_shape(e, 1), &exponent);
    int32_t y = x;
    if (exponent == -1.0f || exponent == -0.5f) {
        y = SNN_EXPAND(e, "Reciprocal", exponent == -1.0f ? x : SNN_EXPAND(e, "Sqrt", x));
    } else if (exponent == 3.0f || exponent == 4.0f) {
        const int32_t square = SNN_EXPAND(e, "Mul", x, x);
        y = SNN_EXPAND(e, "Mul", square, exponent == 3.0f ? x : square);
    } else if (exponent != 1.0f) {
        const int32_t root = SNN_EXPAND(e, "Sqrt", x); /* 3/2, 3/4 and 1/4 */
        y = exponent == 0.25f ? root : SNN_EXPAND(e, "Mul", x, root);
        y = exponent == 1.5f ? y : SNN_EXPAND(e, "Sqrt", y);
    }
    snn_expand_result(e, y);
}

static bool is_power_of_functions(const snn_graph *graph, const snn_node *node)
{
    static const float known[] = {-1.0f, -0.5f, 0.25f, 0.75f, 1.0f, 1.5f, 3.0f, 4.0f};
    if (node->input_count != 2 || node->inputs[0] == SNN_NO_VALUE || node->inputs[1] == SNN_NO_VALUE) {
        return false;
    }
    const snn_value *base = &graph->values[node->inputs[0]], *power = &graph->values[node->inputs[1]];
    float exponent = 0.0f;
    if (base->constant || base->tensor.type != SNN_TYPE_FLOAT32 || power->tensor.data == NULL ||
        snn_tensor_elements(&power->tensor) != 1 || power->tensor.rank > base->tensor.rank ||
        !snn_tensor_uniform(&power->tensor, &exponent)) {
        return false;
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (exponent == known[i]) {
            return true;
        }
    }
    return false;
}

/* ---- com.microsoft ---- */

/* What onnxruntime knew before ONNX did, under the same name. */
static void lower_to_standard(snn_expansion *e)
{
    const int32_t y = snn_expand_node(e, e->node->operator, e->node->input_count, e->node->inputs);
    snn_expand_same_attributes(e);
    snn_expand_result(e, y);
}

static void lower_gelu(snn_expansion *e)
{
    snn_expand_attributes(e, "");
    const int32_t x = snn_expand_plus(e, snn_expand_input(e, 0), 1);
    const int32_t gelu = SNN_EXPAND(e, "Gelu", x);
    if (strcmp(e->node->operator, "FastGelu") == 0) {
        snn_expand_text(e, "approximate", "tanh");
    }
    snn_expand_result(e, gelu);
}

static void lower_quick_gelu(snn_expansion *e)
{
    snn_expand_attributes(e, "alpha=float");
    snn_expand_result(e, gated(e, snn_expand_input(e, 0), snn_node_real(e->node, "alpha", 1.702f)));
}

/* Over the last axis, times gain, plus shift unless it is left out. */
static int32_t normalised(snn_expansion *e, const char *operator, int32_t x, int32_t gain, int32_t shift, float epsilon)
{
    const int32_t y =
        shift == SNN_NO_VALUE ? SNN_EXPAND(e, operator, x, gain) : SNN_EXPAND(e, operator, x, gain, shift);
    snn_expand_real(e, "epsilon", epsilon);
    return y;
}

/* Inputs: x, skip, gain, shift, bias; the fourth output is the sum before the normalisation. */
static void lower_skip_layer_normalization(snn_expansion *e)
{
    const bool simplified = strcmp(e->node->operator, "SkipSimplifiedLayerNormalization") == 0;
    const int32_t bias = simplified ? 3 : 4;
    snn_expand_attributes(e, "epsilon=float");
    const int32_t x = snn_expand_plus(e, snn_expand_plus(e, snn_expand_input(e, 0), 1), bias);
    const int32_t shift = simplified ? SNN_NO_VALUE : snn_expand_input(e, 3);
    const float epsilon = snn_node_real(e->node, "epsilon", 1e-12f);
    const int32_t y = normalised(e, simplified ? "RMSNormalization" : "LayerNormalization", x, snn_expand_input(e, 2),
                                 shift, epsilon);
    snn_expand_output(e, 3, x);
    snn_expand_result(e, y);
}

static void lower_simplified_layer_normalization(snn_expansion *e)
{
    snn_expand_attributes(e, "axis=int epsilon=float stash_type=int");
    const int32_t y = normalised(e, "RMSNormalization", snn_expand_input(e, 0), snn_expand_input(e, 1), SNN_NO_VALUE,
                                 snn_node_real(e->node, "epsilon", 1e-5f));
    snn_expand_attribute(e, "axis");
    snn_expand_result(e, y);
}

/* Input i with its last two axes exchanged if the attribute says so. */
static int32_t perhaps_transposed(snn_expansion *e, int32_t i, const char *attribute)
{
    const int32_t rank = snn_expand_shape(e, i)->rank;
    int64_t perm[SNN_MAX_RANK];
    if (snn_node_integer(e->node, attribute, 0) == 0 || rank < 2) {
        return snn_expand_input(e, i);
    }
    for (int32_t axis = 0; axis < rank; axis++) {
        perm[axis] = axis < rank - 2 ? axis : 2 * rank - 3 - axis;
    }
    return snn_expand_transpose(e, snn_expand_input(e, i), rank, perm);
}

static void lower_fused_matmul(snn_expansion *e)
{
    const float alpha = snn_node_real(e->node, "alpha", 1.0f);
    snn_expand_attributes(e, "alpha=float transA=int transB=int transBatchA=int transBatchB=int");
    if (snn_node_integer(e->node, "transBatchA", 0) != 0 || snn_node_integer(e->node, "transBatchB", 0) != 0) {
        snn_expand_refuse(e, "transBatchA and transBatchB are not supported");
    }
    const int32_t a = perhaps_transposed(e, 0, "transA");
    const int32_t product = SNN_EXPAND(e, "MatMul", a, perhaps_transposed(e, 1, "transB"));
    snn_expand_result(e, alpha == 1.0f ? product : SNN_EXPAND(e, "Mul", product, snn_expand_scalar(e, alpha)));
}

/* The function that is fused to a product, with its parameters. */
static int32_t activated(snn_expansion *e, int32_t x)
{
    const char *operator= snn_node_text(e->node, "activation", "");
    float given[2] = {snn_node_real(e->node, "activation_alpha", 0.01f), snn_node_real(e->node, "activation_beta", 0)};
    const snn_attribute *parameters = snn_node_attribute(e->node, "activation_params");
    if (parameters != NULL && parameters->kind == SNN_ATTRIBUTE_FLOATS) {
        memcpy(given, parameters->reals, (parameters->count < 2 ? parameters->count : 2) * sizeof *given);
    }
    if (operator[0] == '\0') {
        return x;
    }
    if (strcmp(operator, "Clip") == 0) {
        return SNN_EXPAND(e, "Min", SNN_EXPAND(e, "Max", x, snn_expand_scalar(e, given[0])),
                          snn_expand_scalar(e, given[1]));
    }
    const int32_t y = SNN_EXPAND(e, operator, x);
    if (strcmp(operator, "LeakyRelu") == 0 || strcmp(operator, "HardSigmoid") == 0) {
        snn_expand_real(e, "alpha", given[0]);
    }
    if (strcmp(operator, "HardSigmoid") == 0) {
        snn_expand_real(e, "beta", given[1]);
    }
    return y;
}

/* Conv or Gemm and a function; a fourth input is added in between. */
static void lower_fused_product(snn_expansion *e)
{
    static const char *const kept[] = {"kernel_shape", "strides", "pads", "dilations", "auto_pad",
                                       "group",        "alpha",   "beta", "transA",    "transB"};
    const int32_t count = e->node->input_count < 3 ? e->node->input_count : 3;
    const int32_t product = snn_expand_node(e, e->node->operator[5] == 'C' ? "Conv" : "Gemm", count, e->node->inputs);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        snn_expand_attribute(e, kept[i]);
    }
    snn_expand_result(e, activated(e, snn_expand_plus(e, product, 3)));
}

const snn_lowering snn_lowerings_function[] = {
    {"", "ReduceL1", 1, 2, lower_reduce_l1, NULL},
    {"", "ReduceL2", 1, 2, lower_reduce_l2, NULL},
    {"", "ReduceSumSquare", 1, 2, lower_reduce_sum_square, NULL},
    {"", "ReduceLogSum", 1, 2, lower_reduce_log_sum, NULL},
    {"", "ReduceLogSumExp", 1, 2, lower_reduce_log_sum_exp, NULL},
    {"", "LpNormalization", 1, 1, lower_lp_normalization, NULL},
    {"", "Pow", 2, 2, lower_power, is_power_of_functions},
    {"", "Swish", 1, 1, lower_swish, NULL},
    {"", "Mean", 1, INT32_MAX, lower_mean, NULL},
    {"", "CastLike", 2, 2, lower_cast_like, NULL},
    {"", "LRN", 1, 1, lower_lrn, NULL},
    {"", "SimplifiedLayerNormalization", 2, 2, lower_simplified_layer_normalization, NULL},
    {MICROSOFT, "SimplifiedLayerNormalization", 2, 2, lower_simplified_layer_normalization, NULL},
    {MICROSOFT, "QuantizeLinear", 2, 3, lower_to_standard, NULL},
    {MICROSOFT, "DequantizeLinear", 2, 3, lower_to_standard, NULL},
    {MICROSOFT, "Gelu", 1, 1, lower_gelu, NULL},
    {MICROSOFT, "BiasGelu", 2, 2, lower_gelu, NULL},
    {MICROSOFT, "FastGelu", 1, 2, lower_gelu, NULL},
    {MICROSOFT, "QuickGelu", 1, 1, lower_quick_gelu, NULL},
    {MICROSOFT, "SkipLayerNormalization", 3, 5, lower_skip_layer_normalization, NULL},
    {MICROSOFT, "SkipSimplifiedLayerNormalization", 3, 4, lower_skip_layer_normalization, NULL},
    {MICROSOFT, "FusedMatMul", 2, 2, lower_fused_matmul, NULL},
    {MICROSOFT, "FusedConv", 2, 4, lower_fused_product, NULL},
    {MICROSOFT, "FusedGemm", 2, 3, lower_fused_product, NULL},
    {0},
};
