/* BatchNormalization (inference), Layer-, RMS-, Instance- and GroupNormalization, Softmax. Sums are double, in
 * row-major order.
 */
#include <math.h>
#include <string.h>

#include "core/base/elementary.h"
#include "core/base/functions.h"
#include "core/graph/operators_internal.h"

/* ---- BatchNormalization: inputs X, scale, bias, mean, variance ---- */

static snn_status batch_norm_infer(const snn_operator_call *call)
{
    const snn_tensor *input = call->inputs[0];
    static const char *const names[] = {"", "the scale", "the bias", "the mean", "the variance"};
    SNN_TRY(snn_operator_attributes(call->node, "epsilon=float momentum=float spatial=int training_mode=int"));
    SNN_TRY(snn_operator_expect_type(input, "the input", SNN_TYPE_FLOAT32));
    if (snn_node_integer(call->node, "training_mode", 0) != 0 || snn_node_integer(call->node, "spatial", 1) != 1) {
        return snn_fail(SNN_INPUT_ERROR, "expects training_mode 0 and spatial 1; export the model for inference");
    }
    if (input->rank < 2) {
        return snn_fail(SNN_INPUT_ERROR, "the input: expects at least 2 axes, found %d", input->rank);
    }
    for (int32_t i = 1; i < 5; i++) {
        SNN_TRY(snn_operator_expect_vector(call->inputs[i], names[i], input->dims[1]));
    }
    snn_operator_copy_shape(&call->outputs[0], input);
    return snn_ok();
}

static snn_status batch_norm_evaluate(const snn_operator_call *call)
{
    const snn_tensor *input = call->inputs[0];
    const float *scale = call->inputs[1]->data;
    const float *bias = call->inputs[2]->data;
    const float *mean = call->inputs[3]->data;
    const float *variance = call->inputs[4]->data;
    const float epsilon = snn_node_real(call->node, "epsilon", 1e-5F);
    int64_t pixels = 1;
    for (int32_t axis = 2; axis < input->rank; axis++) {
        pixels *= input->dims[axis];
    }
    const float *x = input->data;
    float *y = call->outputs[0].data;
    for (int64_t image = 0; image < input->dims[0]; image++) {
        for (int64_t channel = 0; channel < input->dims[1]; channel++) {
            const float factor = scale[channel] / sqrtf(variance[channel] + epsilon);
            for (int64_t pixel = 0; pixel < pixels; pixel++) {
                y[pixel] = (x[pixel] - mean[channel]) * factor + bias[channel];
            }
            x += pixels;
            y += pixels;
        }
    }
    return snn_ok();
}

/* ---- LayerNormalization and RMSNormalization: inputs X, scale, bias (the first only) ---- */

static snn_status check_affine(const snn_tensor *input, const snn_tensor *parameter, const char *what)
{
    snn_tensor both = {0};
    SNN_TRY(snn_operator_expect_type(parameter, what, SNN_TYPE_FLOAT32));
    SNN_TRY_CONTEXT(snn_operator_broadcast((const snn_tensor *const[]){input, parameter}, 2, SNN_TYPE_FLOAT32, &both),
                    "%s", what);
    if (both.rank != input->rank || snn_tensor_elements(&both) != snn_tensor_elements(input)) {
        char text[2][128];
        return snn_fail(SNN_INPUT_ERROR, "%s: %s does not broadcast to %s", what,
                        snn_tensor_describe(parameter, text[0], sizeof text[0]),
                        snn_tensor_describe(input, text[1], sizeof text[1]));
    }
    return snn_ok();
}

static snn_status layer_norm_infer(const snn_operator_call *call)
{
    const snn_tensor *input = call->inputs[0];
    int32_t axis = 0;
    SNN_TRY(snn_operator_attributes(call->node, "axis=int epsilon=float stash_type=int"));
    SNN_TRY(snn_operator_expect_type(input, "the input", SNN_TYPE_FLOAT32));
    SNN_TRY(snn_operator_axis(snn_node_integer(call->node, "axis", -1), input->rank, &axis));
    SNN_TRY(check_affine(input, call->inputs[1], "the scale"));
    if (snn_operator_input(call, 2) != NULL) {
        SNN_TRY(check_affine(input, call->inputs[2], "the bias"));
    }
    snn_operator_copy_shape(&call->outputs[0], input);
    return snn_ok();
}

/* (x - mean) / root of (mean of its square + epsilon), with 0 for the mean unless `centred`. */
static void standardise(const float *x, int64_t count, bool centred, double epsilon, float *y)
{
    double sum = 0.0;
    for (int64_t i = 0; i < count && centred; i++) {
        sum += (double)x[i];
    }
    const double mean = sum / (double)count;
    double squares = 0.0;
    for (int64_t i = 0; i < count; i++) {
        const double distance = (double)x[i] - mean;
        squares += distance * distance;
    }
    const double factor = 1.0 / sqrt(squares / (double)count + epsilon);
    for (int64_t i = 0; i < count; i++) {
        y[i] = (float)(((double)x[i] - mean) * factor);
    }
}

/* y = y * scale + bias, where either may be NULL. */
static void apply_affine(const snn_tensor *output, const snn_tensor *scale, const snn_tensor *bias)
{
    const float neutral[2] = {1.0F, 0.0F};
    const snn_tensor one = {.type = SNN_TYPE_FLOAT32};
    const float *factors = scale != NULL ? scale->data : &neutral[0];
    const float *terms = bias != NULL ? bias->data : &neutral[1];
    const snn_tensor *const inputs[2] = {scale != NULL ? scale : &one, bias != NULL ? bias : &one};
    float *y = output->data;
    snn_walk walk;
    for (snn_walk_broadcast(&walk, output, inputs, 2); walk.more; snn_walk_next(&walk)) {
        for (int64_t i = 0; i < walk.length; i++) {
            float *element = &y[walk.offset[0] + i * walk.step[0]];
            *element = *element * factors[walk.offset[1] + i * walk.step[1]] + terms[walk.offset[2] + i * walk.step[2]];
        }
    }
}

static snn_status layer_norm_evaluate(const snn_operator_call *call)
{
    const snn_tensor *input = call->inputs[0];
    const bool centred = strcmp(call->node->operator, "LayerNormalization") == 0;
    const double epsilon = (double)snn_node_real(call->node, "epsilon", 1e-5F);
    int32_t axis = 0;
    SNN_TRY(snn_operator_axis(snn_node_integer(call->node, "axis", -1), input->rank, &axis));
    int64_t count = 1;
    for (int32_t i = axis; i < input->rank; i++) {
        count *= input->dims[i];
    }
    const int64_t elements = snn_tensor_elements(input);
    for (int64_t begin = 0; begin < elements; begin += count) {
        standardise((const float *)input->data + begin, count, centred, epsilon,
                    (float *)call->outputs[0].data + begin);
    }
    apply_affine(&call->outputs[0], call->inputs[1], snn_operator_input(call, 2));
    return snn_ok();
}

/* ---- InstanceNormalization and GroupNormalization: inputs X [images][channels]..., scale, bias ---- */

/* Groups of channels that are normalised together, and channels that share an element of scale and bias. */
static snn_status read_groups(const snn_operator_call *call, int64_t *groups, int64_t *sharing)
{
    const snn_tensor *input = call->inputs[0];
    const bool instance = strcmp(call->node->operator, "InstanceNormalization") == 0;
    SNN_TRY(snn_operator_attributes(call->node,
                                    instance ? "epsilon=float" : "epsilon=float num_groups=int stash_type=int"));
    SNN_TRY(snn_operator_expect_type(input, "the input", SNN_TYPE_FLOAT32));
    if (input->rank < 3) {
        return snn_fail(SNN_INPUT_ERROR, "the input: expects at least 3 axes, found %d", input->rank);
    }
    SNN_TRY(snn_operator_expect_elements(input, "the input"));
    const int64_t channels = input->dims[1];
    *groups = instance ? channels : snn_node_integer(call->node, "num_groups", 0);
    if (*groups < 1 || channels % *groups != 0) {
        return snn_fail(SNN_INPUT_ERROR, "attribute 'num_groups': expects a divisor of %lld channels, found %lld",
                        (long long)channels, (long long)*groups);
    }
    *sharing = instance || call->opset >= 21 ? 1 : channels / *groups;
    SNN_TRY(snn_operator_expect_vector(call->inputs[1], "the scale", channels / *sharing));
    return snn_operator_expect_vector(call->inputs[2], "the bias", channels / *sharing);
}

static snn_status group_norm_infer(const snn_operator_call *call)
{
    int64_t groups = 0, sharing = 0;
    SNN_TRY(read_groups(call, &groups, &sharing));
    snn_operator_copy_shape(&call->outputs[0], call->inputs[0]);
    return snn_ok();
}

static snn_status group_norm_evaluate(const snn_operator_call *call)
{
    const snn_tensor *input = call->inputs[0];
    const double epsilon = (double)snn_node_real(call->node, "epsilon", 1e-5F);
    const float *scale = call->inputs[1]->data;
    const float *bias = call->inputs[2]->data;
    int64_t groups = 0, sharing = 0;
    SNN_TRY(read_groups(call, &groups, &sharing));
    const int64_t elements = snn_tensor_elements(input);
    const int64_t channels = input->dims[1];
    const int64_t count = elements / (input->dims[0] * groups);
    const int64_t pixels = elements / (input->dims[0] * channels);
    float *y = call->outputs[0].data;
    for (int64_t begin = 0; begin < elements; begin += count) {
        standardise((const float *)input->data + begin, count, true, epsilon, y + begin);
    }
    for (int64_t i = 0; i < elements; i++) {
        const int64_t channel = i / pixels % channels / sharing;
        y[i] = y[i] * scale[channel] + bias[channel];
    }
    return snn_ok();
}

/* ---- Softmax and LogSoftmax ---- */

/* Before opset 13 all axes from `axis` on are one, from it on `axis` stands alone. */
typedef struct softmax_shape {
    int64_t outer, count, inner;
} softmax_shape;

static snn_status read_softmax(const snn_operator_call *call, softmax_shape *shape)
{
    const snn_tensor *input = call->inputs[0];
    const bool alone = call->opset >= 13;
    int32_t axis = 0;
    SNN_TRY(snn_operator_axis(snn_node_integer(call->node, "axis", alone ? -1 : 1), input->rank, &axis));
    *shape = (softmax_shape){1, 1, 1};
    for (int32_t i = 0; i < input->rank; i++) {
        int64_t *factor = i < axis ? &shape->outer : i == axis || !alone ? &shape->count : &shape->inner;
        *factor *= input->dims[i];
    }
    return snn_ok();
}

static snn_status softmax_infer(const snn_operator_call *call)
{
    softmax_shape shape;
    SNN_TRY(snn_operator_attributes(call->node, "axis=int"));
    SNN_TRY(snn_operator_expect_type(call->inputs[0], "the input", SNN_TYPE_FLOAT32));
    SNN_TRY(read_softmax(call, &shape));
    snn_operator_copy_shape(&call->outputs[0], call->inputs[0]);
    return snn_ok();
}

/* `count` elements, `step` apart. */
static void softmax_line(const float *x, int64_t count, int64_t step, bool logarithm, float *y)
{
    float most = -INFINITY;
    for (int64_t i = 0; i < count; i++) {
        most = x[i * step] > most ? x[i * step] : most;
    }
    double sum = 0.0;
    for (int64_t i = 0; i < count; i++) {
        y[i * step] = snn_function_exp(x[i * step] - most);
        sum += (double)y[i * step];
    }
    const double log_sum = snn_elementary_log(sum);
    for (int64_t i = 0; i < count; i++) {
        y[i * step] =
            logarithm ? (float)((double)x[i * step] - (double)most - log_sum) : (float)((double)y[i * step] / sum);
    }
}

static snn_status softmax_evaluate(const snn_operator_call *call)
{
    softmax_shape shape;
    SNN_TRY(read_softmax(call, &shape));
    const bool logarithm = strcmp(call->node->operator, "LogSoftmax") == 0;
    for (int64_t outer = 0; outer < shape.outer; outer++) {
        for (int64_t inner = 0; inner < shape.inner; inner++) {
            const int64_t begin = outer * shape.count * shape.inner + inner;
            softmax_line((const float *)call->inputs[0]->data + begin, shape.count, shape.inner, logarithm,
                         (float *)call->outputs[0].data + begin);
        }
    }
    return snn_ok();
}

const snn_graph_operator snn_operators_normalize[] = {
    {"BatchNormalization", 5, 5, 1, batch_norm_infer, batch_norm_evaluate},
    {"LayerNormalization", 2, 3, 1, layer_norm_infer, layer_norm_evaluate},
    {"RMSNormalization", 2, 2, 1, layer_norm_infer, layer_norm_evaluate},
    {"InstanceNormalization", 3, 3, 1, group_norm_infer, group_norm_evaluate},
    {"GroupNormalization", 3, 3, 1, group_norm_infer, group_norm_evaluate},
    {"Softmax", 1, 1, 1, softmax_infer, softmax_evaluate},
    {"LogSoftmax", 1, 1, 1, softmax_infer, softmax_evaluate},
    {0},
};
