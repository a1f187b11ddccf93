/* Functions of one element: activations and the like. A new one is a line in `functions` and one in the table. */
#include <math.h>
#include <string.h>

#include "core/base/elementary.h"
#include "core/base/functions.h"
#include "core/graph/operators_internal.h"

enum { MAX_PARAMETERS = 2 };

typedef struct parameter {
    const char *name;
    float fallback;
} parameter;

typedef struct function {
    const char *name;
    void (*real)(const float *x, int64_t count, const float parameters[MAX_PARAMETERS], float *y);
    int64_t (*integer)(int64_t x); /* NULL: float32 only */
    parameter parameters[MAX_PARAMETERS];
    const char *attributes; /* their kinds, as for snn_operator_attributes */
} function;

/* Each is a loop of its own, so that compilers can make vector code of it; p are the parameters. */
#define FUNCTION(NAME, VALUE)                                                                                          \
    static void NAME(const float *inputs, int64_t count, const float *p, float *y)                                     \
    {                                                                                                                  \
        (void)p;                                                                                                       \
        for (int64_t i = 0; i < count; i++) {                                                                          \
            const float x = inputs[i];                                                                                 \
            y[i] = VALUE;                                                                                              \
        }                                                                                                              \
    }

FUNCTION(square_root, sqrtf(x))
FUNCTION(exponential, snn_function_exp(x))
FUNCTION(logarithm, (float)snn_elementary_log((double)x))
FUNCTION(error_function, snn_function_erf(x))
FUNCTION(negative, -x)
FUNCTION(absolute, fabsf(x))
FUNCTION(sign, x > 0.0F ? 1.0F : x < 0.0F ? -1.0F : x)
FUNCTION(reciprocal, 1.0F / x)
FUNCTION(round_down, floorf(x))
FUNCTION(round_up, ceilf(x))
FUNCTION(round_even, nearbyintf(x))
FUNCTION(sine, (float)snn_elementary_sine(x))
FUNCTION(cosine, (float)snn_elementary_cosine(x))
FUNCTION(hyperbolic_tangent, snn_function_tanh(x))
FUNCTION(sigmoid, snn_function_sigmoid(x))
FUNCTION(relu, snn_function_relu(x))
FUNCTION(leaky_relu, snn_function_leaky_relu(p[0], x))
FUNCTION(thresholded_relu, snn_function_thresholded_relu(p[0], x))
FUNCTION(shrink, snn_function_shrink(p[0], p[1], x))
FUNCTION(elu, snn_function_elu(p[0], x))
FUNCTION(celu, snn_function_celu(p[0], x))
FUNCTION(selu, snn_function_selu(p[0], p[1], x))
FUNCTION(hard_sigmoid, snn_function_hard_sigmoid(p[0], p[1], x))
FUNCTION(hard_swish, snn_function_hard_swish(x))
FUNCTION(softplus, snn_function_softplus(x))
FUNCTION(softsign, snn_function_softsign(x))
FUNCTION(mish, snn_function_mish(x))
/* The parameter says whether the tanh approximation is meant. */
FUNCTION(gelu, p[0] != 0.0F ? snn_function_gelu_tanh(x) : snn_function_gelu(x))

static int64_t negative_integer(int64_t x)
{
    return (int64_t)(0 - (uint64_t)x);
}

static int64_t absolute_integer(int64_t x)
{
    return x < 0 ? negative_integer(x) : x;
}

static int64_t sign_integer(int64_t x)
{
    return (x > 0) - (x < 0);
}

static const function functions[] = {
    {"Sqrt", square_root, NULL, {{0}}, ""},
    {"Exp", exponential, NULL, {{0}}, ""},
    {"Log", logarithm, NULL, {{0}}, ""},
    {"Erf", error_function, NULL, {{0}}, ""},
    {"Neg", negative, negative_integer, {{0}}, ""},
    {"Abs", absolute, absolute_integer, {{0}}, ""},
    {"Sign", sign, sign_integer, {{0}}, ""},
    {"Reciprocal", reciprocal, NULL, {{0}}, ""},
    {"Floor", round_down, NULL, {{0}}, ""},
    {"Ceil", round_up, NULL, {{0}}, ""},
    {"Round", round_even, NULL, {{0}}, ""},
    {"Sin", sine, NULL, {{0}}, ""},
    {"Cos", cosine, NULL, {{0}}, ""},
    {"Tanh", hyperbolic_tangent, NULL, {{0}}, ""},
    {"Sigmoid", sigmoid, NULL, {{0}}, ""},
    {"Relu", relu, NULL, {{0}}, ""},
    {"LeakyRelu", leaky_relu, NULL, {{"alpha", 0.01F}}, "alpha=float"},
    {"ThresholdedRelu", thresholded_relu, NULL, {{"alpha", 1.0F}}, "alpha=float"},
    {"Shrink", shrink, NULL, {{"lambd", 0.5F}, {"bias", 0.0F}}, "lambd=float bias=float"},
    {"Elu", elu, NULL, {{"alpha", 1.0F}}, "alpha=float"},
    {"Celu", celu, NULL, {{"alpha", 1.0F}}, "alpha=float"},
    {"Selu", selu, NULL, {{"alpha", 1.67326319F}, {"gamma", 1.05070102F}}, "alpha=float gamma=float"},
    {"HardSigmoid", hard_sigmoid, NULL, {{"alpha", 0.2F}, {"beta", 0.5F}}, "alpha=float beta=float"},
    {"HardSwish", hard_swish, NULL, {{0}}, ""},
    {"Softplus", softplus, NULL, {{0}}, ""},
    {"Softsign", softsign, NULL, {{0}}, ""},
    {"Mish", mish, NULL, {{0}}, ""},
    {"Gelu", gelu, NULL, {{0}}, "approximate=text"},
};

static const function *find_function(const snn_node *node)
{
    const function *entry = functions;
    while (strcmp(entry->name, node->operator) != 0) {
        entry++; /* only operators of this family come here */
    }
    return entry;
}

static snn_status unary_infer(const snn_operator_call *call)
{
    const function *entry = find_function(call->node);
    const snn_tensor *input = call->inputs[0];
    SNN_TRY(snn_operator_attributes(call->node, entry->attributes));
    const char *form = snn_node_text(call->node, "approximate", "none");
    if (strcmp(form, "none") != 0 && strcmp(form, "tanh") != 0) {
        return snn_fail(SNN_INPUT_ERROR, "attribute 'approximate': expects none or tanh, found %s", form);
    }
    if (input->type != SNN_TYPE_INT64 || entry->integer == NULL) {
        SNN_TRY(snn_operator_expect_type(input, "the input", SNN_TYPE_FLOAT32));
    }
    snn_operator_copy_shape(&call->outputs[0], input);
    return snn_ok();
}

static void read_parameters(const snn_node *node, const function *entry, float values[MAX_PARAMETERS])
{
    for (int i = 0; i < MAX_PARAMETERS && entry->parameters[i].name != NULL; i++) {
        values[i] = snn_node_real(node, entry->parameters[i].name, entry->parameters[i].fallback);
    }
    if (strcmp(snn_node_text(node, "approximate", "none"), "tanh") == 0) {
        values[0] = 1.0F;
    }
}

static snn_status unary_evaluate(const snn_operator_call *call)
{
    const function *entry = find_function(call->node);
    const snn_tensor *input = call->inputs[0];
    const int64_t elements = snn_tensor_elements(input);
    if (input->type == SNN_TYPE_INT64) {
        const int64_t *x = input->data;
        int64_t *y = call->outputs[0].data;
        for (int64_t i = 0; i < elements; i++) {
            y[i] = entry->integer(x[i]);
        }
        return snn_ok();
    }
    float parameters[MAX_PARAMETERS] = {0};
    read_parameters(call->node, entry, parameters);
    entry->real(input->data, elements, parameters, call->outputs[0].data);
    return snn_ok();
}

/* ---- Clip: bounds are attributes before opset 11, then inputs ---- */

static snn_status clip_infer(const snn_operator_call *call)
{
    const snn_tensor *input = call->inputs[0];
    SNN_TRY(snn_operator_attributes(call->node, call->opset < 11 ? "min=float max=float" : ""));
    if (input->type != SNN_TYPE_INT64 || call->opset < 11) {
        SNN_TRY(snn_operator_expect_type(input, "the input", SNN_TYPE_FLOAT32));
    }
    for (int32_t i = 1; i < call->node->input_count; i++) {
        const snn_tensor *bound = call->inputs[i];
        if (call->opset < 11) {
            return snn_fail(SNN_INPUT_ERROR, "bounds are attributes before opset 11, found an input");
        }
        if (bound != NULL && (bound->type != input->type || snn_tensor_elements(bound) != 1)) {
            return snn_fail(SNN_INPUT_ERROR, "a bound: expects one element of the input's type");
        }
    }
    snn_operator_copy_shape(&call->outputs[0], input);
    return snn_ok();
}

static float real_bound(const snn_operator_call *call, int32_t number, const char *name, float fallback)
{
    const snn_tensor *bound = snn_operator_input(call, number);
    return bound != NULL ? *(const float *)bound->data : snn_node_real(call->node, name, fallback);
}

static int64_t integer_bound(const snn_operator_call *call, int32_t number, int64_t fallback)
{
    const snn_tensor *bound = snn_operator_input(call, number);
    return bound != NULL ? *(const int64_t *)bound->data : fallback;
}

static snn_status clip_evaluate(const snn_operator_call *call)
{
    const snn_tensor *input = call->inputs[0];
    const int64_t elements = snn_tensor_elements(input);
    if (input->type == SNN_TYPE_INT64) {
        const int64_t least = integer_bound(call, 1, INT64_MIN);
        const int64_t most = integer_bound(call, 2, INT64_MAX);
        const int64_t *x = input->data;
        int64_t *y = call->outputs[0].data;
        for (int64_t i = 0; i < elements; i++) {
            const int64_t raised = x[i] < least ? least : x[i];
            y[i] = raised > most ? most : raised;
        }
        return snn_ok();
    }
    const float least = real_bound(call, 1, "min", -INFINITY);
    const float most = real_bound(call, 2, "max", INFINITY);
    const float *x = input->data;
    float *y = call->outputs[0].data;
    for (int64_t i = 0; i < elements; i++) {
        const float raised = x[i] < least ? least : x[i];
        y[i] = raised > most ? most : raised;
    }
    return snn_ok();
}

const snn_graph_operator snn_operators_elementwise[] = {
    {"Sqrt", 1, 1, 1, unary_infer, unary_evaluate},
    {"Exp", 1, 1, 1, unary_infer, unary_evaluate},
    {"Log", 1, 1, 1, unary_infer, unary_evaluate},
    {"Erf", 1, 1, 1, unary_infer, unary_evaluate},
    {"Neg", 1, 1, 1, unary_infer, unary_evaluate},
    {"Abs", 1, 1, 1, unary_infer, unary_evaluate},
    {"Sign", 1, 1, 1, unary_infer, unary_evaluate},
    {"Reciprocal", 1, 1, 1, unary_infer, unary_evaluate},
    {"Floor", 1, 1, 1, unary_infer, unary_evaluate},
    {"Ceil", 1, 1, 1, unary_infer, unary_evaluate},
    {"Round", 1, 1, 1, unary_infer, unary_evaluate},
    {"Sin", 1, 1, 1, unary_infer, unary_evaluate},
    {"Cos", 1, 1, 1, unary_infer, unary_evaluate},
    {"Tanh", 1, 1, 1, unary_infer, unary_evaluate},
    {"Sigmoid", 1, 1, 1, unary_infer, unary_evaluate},
    {"Relu", 1, 1, 1, unary_infer, unary_evaluate},
    {"LeakyRelu", 1, 1, 1, unary_infer, unary_evaluate},
    {"ThresholdedRelu", 1, 1, 1, unary_infer, unary_evaluate},
    {"Shrink", 1, 1, 1, unary_infer, unary_evaluate},
    {"Elu", 1, 1, 1, unary_infer, unary_evaluate},
    {"Celu", 1, 1, 1, unary_infer, unary_evaluate},
    {"Selu", 1, 1, 1, unary_infer, unary_evaluate},
    {"HardSigmoid", 1, 1, 1, unary_infer, unary_evaluate},
    {"HardSwish", 1, 1, 1, unary_infer, unary_evaluate},
    {"Softplus", 1, 1, 1, unary_infer, unary_evaluate},
    {"Softsign", 1, 1, 1, unary_infer, unary_evaluate},
    {"Mish", 1, 1, 1, unary_infer, unary_evaluate},
    {"Gelu", 1, 1, 1, unary_infer, unary_evaluate},
    /* The others' numbers are attributes; these may be inputs. */
    {"Clip", 1, 3, 1, clip_infer, clip_evaluate},
    {0},
};
