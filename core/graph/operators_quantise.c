/* QuantizeLinear and DequantizeLinear: reals as small integers, (q - zero) * scale, for a whole tensor or along an
 * axis. Weights that were quantised fold; what is quantised of the image is computed as exported. */
#include <math.h>

#include "core/graph/operators_internal.h"

/* Which element of scale and zero point belongs to which of the tensor: (i / inner) % count. */
typedef struct scales {
    const float *scale;
    const snn_tensor *zero; /* NULL: 0 */
    int64_t count, inner;
} scales;

static snn_status check_scales(const snn_operator_call *call)
{
    const snn_tensor *input = call->inputs[0], *scale = call->inputs[1], *zero = snn_operator_input(call, 2);
    int32_t axis = 0;
    SNN_TRY(snn_operator_attributes(call->node, "axis=int saturate=int block_size=int output_dtype=int precision=int"));
    SNN_TRY(snn_operator_expect_type(scale, "the scale", SNN_TYPE_FLOAT32));
    if (snn_node_integer(call->node, "block_size", 0) != 0) {
        return snn_fail(SNN_INPUT_ERROR, "a scale for each block is not supported");
    }
    if (snn_tensor_elements(scale) != 1) {
        SNN_TRY(snn_operator_axis(snn_node_integer(call->node, "axis", 1), input->rank, &axis));
        SNN_TRY(snn_operator_expect_vector(scale, "the scale", input->dims[axis]));
    }
    if (zero != NULL && snn_tensor_elements(zero) != snn_tensor_elements(scale)) {
        char text[2][128];
        return snn_fail(SNN_INPUT_ERROR, "the zero point is %s, the scale %s",
                        snn_tensor_describe(zero, text[0], sizeof text[0]),
                        snn_tensor_describe(scale, text[1], sizeof text[1]));
    }
    return snn_ok();
}

/* The shapes have been checked. */
static scales read_scales(const snn_operator_call *call)
{
    const snn_tensor *input = call->inputs[0];
    scales found = {call->inputs[1]->data, snn_operator_input(call, 2), snn_tensor_elements(call->inputs[1]), 1};
    const int64_t given = found.count > 1 ? snn_node_integer(call->node, "axis", 1) : input->rank;
    for (int64_t axis = (given < 0 ? given + input->rank : given) + 1; axis < input->rank; axis++) {
        found.inner *= input->dims[axis];
    }
    return found;
}

static int64_t integer_at(const snn_tensor *tensor, int64_t i)
{
    switch (tensor->type) {
    case SNN_TYPE_INT8:
        return ((const int8_t *)tensor->data)[i];
    case SNN_TYPE_UINT8:
        return ((const uint8_t *)tensor->data)[i];
    default:
        return ((const int64_t *)tensor->data)[i];
    }
}

static bool is_small_integer(snn_type type)
{
    return type == SNN_TYPE_INT8 || type == SNN_TYPE_UINT8;
}

static snn_status quantise_infer(const snn_operator_call *call)
{
    enum { ONNX_UINT8 = 2, ONNX_INT8 = 3 };
    const snn_tensor *zero = snn_operator_input(call, 2);
    const int64_t wanted = snn_node_integer(call->node, "output_dtype", 0);
    SNN_TRY(check_scales(call));
    SNN_TRY(snn_operator_expect_type(call->inputs[0], "the input", SNN_TYPE_FLOAT32));
    const snn_type type = zero != NULL ? zero->type : wanted == ONNX_INT8 ? SNN_TYPE_INT8 : SNN_TYPE_UINT8;
    if (!is_small_integer(type) || (wanted != 0 && wanted != ONNX_UINT8 && wanted != ONNX_INT8)) {
        return snn_fail(SNN_INPUT_ERROR, "quantises to %s; int8 or uint8 expected",
                        zero != NULL ? snn_type_name(type) : "another type");
    }
    snn_operator_copy_shape(&call->outputs[0], call->inputs[0]);
    call->outputs[0].type = type;
    return snn_ok();
}

static snn_status quantise_evaluate(const snn_operator_call *call)
{
    const snn_tensor *input = call->inputs[0], *output = &call->outputs[0];
    const scales now = read_scales(call);
    const double low = output->type == SNN_TYPE_INT8 ? -128.0 : 0.0, high = low + 255.0;
    const int64_t elements = snn_tensor_elements(input);
    for (int64_t i = 0; i < elements; i++) {
        const int64_t at = i / now.inner % now.count;
        const float quotient = nearbyintf(((const float *)input->data)[i] / now.scale[at]); /* halves to even */
        const double sum = (double)quotient + (now.zero != NULL ? (double)integer_at(now.zero, at) : 0.0);
        const double kept = sum > high ? high : sum >= low ? sum : low;
        ((unsigned char *)output->data)[i] = (unsigned char)(int)kept;
    }
    return snn_ok();
}

static snn_status dequantise_infer(const snn_operator_call *call)
{
    const snn_tensor *input = call->inputs[0], *zero = snn_operator_input(call, 2);
    SNN_TRY(check_scales(call));
    if (!is_small_integer(input->type) && input->type != SNN_TYPE_INT64) {
        return snn_fail(SNN_INPUT_ERROR, "the input: expects int8, uint8 or int32, found %s",
                        snn_type_name(input->type));
    }
    SNN_TRY(zero == NULL ? snn_ok() : snn_operator_expect_type(zero, "the zero point", input->type));
    snn_operator_copy_shape(&call->outputs[0], input);
    call->outputs[0].type = SNN_TYPE_FLOAT32;
    return snn_ok();
}

static snn_status dequantise_evaluate(const snn_operator_call *call)
{
    const snn_tensor *input = call->inputs[0];
    const scales now = read_scales(call);
    float *y = call->outputs[0].data;
    const int64_t elements = snn_tensor_elements(input);
    for (int64_t i = 0; i < elements; i++) {
        const int64_t at = i / now.inner % now.count;
        const int64_t zero = now.zero != NULL ? integer_at(now.zero, at) : 0;
        y[i] = (float)((double)integer_at(input, i) - (double)zero) * now.scale[at];
    }
    return snn_ok();
}

const snn_graph_operator snn_operators_quantise[] = {
    {"QuantizeLinear", 2, 3, 1, quantise_infer, quantise_evaluate},
    {"DequantizeLinear", 2, 3, 1, dequantise_infer, dequantise_evaluate},
    {0},
};
