/* Values that follow from attributes, shapes and other constants: Constant, Shape, Range, Cast. */
#include <math.h>
#include <string.h>

#include "core/graph/operators_internal.h"

/* ---- Constant ---- */

/* The value as a tensor that borrows the attribute's data. */
static snn_status constant_value(const snn_operator_call *call, snn_tensor *value)
{
    const snn_node *node = call->node;
    if (node->attribute_count != 1) {
        return snn_fail(SNN_INPUT_ERROR, "expects one attribute, found %zu", node->attribute_count);
    }
    snn_attribute *attribute = &node->attributes[0];
    const int64_t count = (int64_t)attribute->count;
    switch (attribute->kind) {
    case SNN_ATTRIBUTE_TENSOR:
        *value = attribute->tensor;
        break;
    case SNN_ATTRIBUTE_INT:
        *value = (snn_tensor){.type = SNN_TYPE_INT64, .data = &attribute->integer};
        break;
    case SNN_ATTRIBUTE_INTS:
        *value = (snn_tensor){.type = SNN_TYPE_INT64, .rank = 1, .dims = {count}, .data = attribute->integers};
        break;
    case SNN_ATTRIBUTE_FLOAT:
        *value = (snn_tensor){.type = SNN_TYPE_FLOAT32, .data = &attribute->real};
        break;
    case SNN_ATTRIBUTE_FLOATS:
        *value = (snn_tensor){.type = SNN_TYPE_FLOAT32, .rank = 1, .dims = {count}, .data = attribute->reals};
        break;
    case SNN_ATTRIBUTE_TEXT:
    case SNN_ATTRIBUTE_OTHER:
    default:
        return snn_fail(SNN_INPUT_ERROR, "attribute '%s' is neither a number nor a tensor", attribute->name);
    }
    return snn_ok();
}

static snn_status constant_infer(const snn_operator_call *call)
{
    snn_tensor value;
    SNN_TRY(snn_operator_attributes(
        call->node, "value=tensor value_int=int value_ints=ints value_float=float value_floats=floats"));
    SNN_TRY(constant_value(call, &value));
    return snn_operator_set_shape(&call->outputs[0], value.type, value.rank, value.dims);
}

static snn_status constant_evaluate(const snn_operator_call *call)
{
    snn_tensor value;
    SNN_TRY(constant_value(call, &value));
    const size_t bytes = (size_t)snn_tensor_elements(&value) * snn_type_bytes(value.type);
    if (bytes > 0) {
        memcpy(call->outputs[0].data, value.data, bytes);
    }
    return snn_ok();
}

/* ---- ConstantOfShape ---- */

/* The value to fill with, borrowed from the attribute; without data where that is absent: float32 zeros. */
static snn_status fill_value(const snn_operator_call *call, snn_tensor *value)
{
    const snn_attribute *attribute = snn_node_attribute(call->node, "value");
    *value = attribute != NULL ? attribute->tensor : (snn_tensor){.type = SNN_TYPE_FLOAT32};
    if ((attribute != NULL && attribute->kind != SNN_ATTRIBUTE_TENSOR) || snn_tensor_elements(value) != 1) {
        return snn_fail(SNN_INPUT_ERROR, "attribute 'value': expects a tensor of one element");
    }
    return snn_ok();
}

static snn_status constant_of_shape_infer(const snn_operator_call *call)
{
    snn_tensor value;
    snn_integers shape;
    SNN_TRY(snn_operator_attributes(call->node, "value=tensor"));
    SNN_TRY(fill_value(call, &value));
    SNN_TRY(snn_operator_read_integers(call->inputs[0], "the shape", &shape));
    return snn_operator_set_shape(&call->outputs[0], value.type, shape.count, shape.values);
}

static snn_status constant_of_shape_evaluate(const snn_operator_call *call)
{
    snn_tensor value;
    SNN_TRY(fill_value(call, &value));
    const snn_tensor *output = &call->outputs[0];
    if (value.data != NULL) {
        snn_operator_copy_strided(output, &value, 0, (const int64_t[SNN_MAX_RANK]){0});
    } else {
        memset(output->data, 0, (size_t)snn_tensor_elements(output) * sizeof(float));
    }
    return snn_ok();
}

/* ---- Shape ---- */

static int32_t clamp_axis(int64_t axis, int32_t rank)
{
    axis += axis < 0 ? rank : 0;
    return (int32_t)(axis < 0 ? 0 : axis > rank ? rank : axis);
}

static void shape_range(const snn_operator_call *call, int32_t *start, int32_t *count)
{
    const int32_t rank = call->inputs[0]->rank;
    *start = clamp_axis(snn_node_integer(call->node, "start", 0), rank);
    const int32_t end = clamp_axis(snn_node_integer(call->node, "end", rank), rank);
    *count = end > *start ? end - *start : 0;
}

static snn_status shape_evaluate(const snn_operator_call *call)
{
    int32_t start = 0, count = 0;
    shape_range(call, &start, &count);
    memcpy(call->outputs[0].data, call->inputs[0]->dims + start, (size_t)count * sizeof(int64_t));
    return snn_ok();
}

/* The result is known as soon as the shape is. */
static snn_status shape_infer(const snn_operator_call *call)
{
    int32_t start = 0, count = 0;
    SNN_TRY(snn_operator_attributes(call->node, "start=int end=int"));
    shape_range(call, &start, &count);
    SNN_TRY(snn_operator_set_shape(&call->outputs[0], SNN_TYPE_INT64, 1, (const int64_t[]){count}));
    if (call->outputs[0].data == NULL) {
        SNN_TRY(snn_tensor_allocate(&call->outputs[0]));
    }
    return shape_evaluate(call);
}

static snn_status size_evaluate(const snn_operator_call *call)
{
    *(int64_t *)call->outputs[0].data = snn_tensor_elements(call->inputs[0]);
    return snn_ok();
}

static snn_status size_infer(const snn_operator_call *call)
{
    SNN_TRY(snn_operator_attributes(call->node, ""));
    SNN_TRY(snn_operator_set_shape(&call->outputs[0], SNN_TYPE_INT64, 0, NULL));
    if (call->outputs[0].data == NULL) {
        SNN_TRY(snn_tensor_allocate(&call->outputs[0]));
    }
    return size_evaluate(call);
}

/* ---- Cast ---- */

/* Types as ONNX numbers them. Longer integers are held as int64 and other reals as float32, as in the importer. */
static snn_status cast_type(const snn_operator_call *call, snn_type *type)
{
    enum {
        ONNX_FLOAT = 1,
        ONNX_UINT8 = 2,
        ONNX_INT8 = 3,
        ONNX_INT32 = 6,
        ONNX_INT64 = 7,
        ONNX_BOOL = 9,
        ONNX_FLOAT16 = 10,
        ONNX_DOUBLE = 11,
        ONNX_BFLOAT16 = 16
    };
    const int64_t to = snn_node_integer(call->node, "to", 0);
    switch (to) {
    case ONNX_FLOAT:
    case ONNX_DOUBLE:
    case ONNX_FLOAT16:
    case ONNX_BFLOAT16:
        *type = SNN_TYPE_FLOAT32;
        return snn_ok();
    case ONNX_INT32:
    case ONNX_INT64:
        *type = SNN_TYPE_INT64;
        return snn_ok();
    case ONNX_BOOL:
        *type = SNN_TYPE_BOOL;
        return snn_ok();
    case ONNX_INT8:
        *type = SNN_TYPE_INT8;
        return snn_ok();
    case ONNX_UINT8:
        *type = SNN_TYPE_UINT8;
        return snn_ok();
    default:
        return snn_fail(
            SNN_INPUT_ERROR,
            "attribute 'to': expects float, double, int8, uint8, int32, int64 or bool, found ONNX type %lld",
            (long long)to);
    }
}

static snn_status cast_infer(const snn_operator_call *call)
{
    snn_type type = SNN_TYPE_FLOAT32;
    SNN_TRY(snn_operator_attributes(call->node, "to=int saturate=int round_mode=text"));
    SNN_TRY(cast_type(call, &type));
    snn_operator_copy_shape(&call->outputs[0], call->inputs[0]);
    call->outputs[0].type = type;
    return snn_ok();
}

/* Toward zero; what int64 cannot hold becomes its nearest end, and not-a-number becomes 0. */
static int64_t to_integer(float value)
{
    if (isnan(value)) {
        return 0;
    }
    if (value >= 0x1p63F) {
        return INT64_MAX;
    }
    return value < -0x1p63F ? INT64_MIN : (int64_t)value;
}

static void store_real(const snn_tensor *output, int64_t i, float value)
{
    switch (output->type) {
    case SNN_TYPE_FLOAT32:
        ((float *)output->data)[i] = value;
        break;
    case SNN_TYPE_BOOL:
        ((unsigned char *)output->data)[i] = value != 0.0F;
        break;
    case SNN_TYPE_INT64:
        ((int64_t *)output->data)[i] = to_integer(value);
        break;
    case SNN_TYPE_INT8:
    case SNN_TYPE_UINT8:
        ((unsigned char *)output->data)[i] = (unsigned char)to_integer(value);
        break;
    }
}

static void store_integer(const snn_tensor *output, int64_t i, int64_t value)
{
    switch (output->type) {
    case SNN_TYPE_FLOAT32:
        ((float *)output->data)[i] = (float)value;
        break;
    case SNN_TYPE_BOOL:
        ((unsigned char *)output->data)[i] = value != 0;
        break;
    case SNN_TYPE_INT64:
        ((int64_t *)output->data)[i] = value;
        break;
    case SNN_TYPE_INT8:
    case SNN_TYPE_UINT8:
        ((unsigned char *)output->data)[i] = (unsigned char)value; /* wraps, as in other runtimes */
        break;
    }
}

static int64_t integer_at(const snn_tensor *input, int64_t i)
{
    switch (input->type) {
    case SNN_TYPE_INT64:
        return ((const int64_t *)input->data)[i];
    case SNN_TYPE_INT8:
        return ((const int8_t *)input->data)[i];
    case SNN_TYPE_BOOL:
        return ((const unsigned char *)input->data)[i] != 0;
    default:
        return ((const unsigned char *)input->data)[i];
    }
}

static snn_status cast_evaluate(const snn_operator_call *call)
{
    const snn_tensor *input = call->inputs[0], *output = &call->outputs[0];
    const int64_t elements = snn_tensor_elements(input);
    for (int64_t i = 0; i < elements; i++) {
        if (input->type == SNN_TYPE_FLOAT32) {
            store_real(output, i, ((const float *)input->data)[i]);
        } else {
            store_integer(output, i, integer_at(input, i));
        }
    }
    return snn_ok();
}

/* ---- Range: start, limit, delta ---- */

static snn_status range_count(const snn_operator_call *call, double *count)
{
    double values[3];
    for (int32_t i = 0; i < 3; i++) {
        const snn_tensor *input = call->inputs[i];
        if (input->type == SNN_TYPE_BOOL || input->type != call->inputs[0]->type || snn_tensor_elements(input) != 1) {
            return snn_fail(SNN_INPUT_ERROR, "expects three numbers of one type");
        }
        if (input->data == NULL) {
            return snn_fail(SNN_INPUT_ERROR, "expects constants, found a value computed from the image");
        }
        values[i] =
            input->type == SNN_TYPE_INT64 ? (double)*(const int64_t *)input->data : (double)*(const float *)input->data;
    }
    if (values[2] == 0.0) {
        return snn_fail(SNN_INPUT_ERROR, "expects a step other than 0");
    }
    *count = ceil((values[1] - values[0]) / values[2]);
    if (!(*count < 0x1p40)) {
        return snn_fail(SNN_INPUT_ERROR, "the result is too large");
    }
    *count = *count > 0.0 ? *count : 0.0;
    return snn_ok();
}

static snn_status range_infer(const snn_operator_call *call)
{
    double count = 0.0;
    SNN_TRY(snn_operator_attributes(call->node, ""));
    SNN_TRY(range_count(call, &count));
    return snn_operator_set_shape(&call->outputs[0], call->inputs[0]->type, 1, (const int64_t[]){(int64_t)count});
}

static snn_status range_evaluate(const snn_operator_call *call)
{
    const snn_tensor *output = &call->outputs[0];
    for (int64_t i = 0; i < output->dims[0]; i++) {
        if (output->type == SNN_TYPE_INT64) {
            const int64_t step = *(const int64_t *)call->inputs[2]->data;
            const int64_t start = *(const int64_t *)call->inputs[0]->data;
            ((int64_t *)output->data)[i] = (int64_t)((uint64_t)start + (uint64_t)i * (uint64_t)step);
        } else {
            const float step = *(const float *)call->inputs[2]->data;
            ((float *)output->data)[i] = *(const float *)call->inputs[0]->data + (float)i * step;
        }
    }
    return snn_ok();
}

const snn_graph_operator snn_operators_constant[] = {
    {"Constant", 0, 0, 1, constant_infer, constant_evaluate},
    {"ConstantOfShape", 1, 1, 1, constant_of_shape_infer, constant_of_shape_evaluate},
    {"Shape", 1, 1, 1, shape_infer, shape_evaluate},
    {"Size", 1, 1, 1, size_infer, size_evaluate},
    {"Cast", 1, 1, 1, cast_infer, cast_evaluate},
    {"Range", 3, 3, 1, range_infer, range_evaluate},
    {0},
};
