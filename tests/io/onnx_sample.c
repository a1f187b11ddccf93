#include "onnx_sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/onnx/onnx.h"

static int64_t weight_dims[] = {1, 1, 2, 2};
float onnx_sample_weights[] = {1.0f, -2.0f, 3.5f, 4.0f};
static int64_t bias_dims[] = {1};
float onnx_sample_bias[] = {0.5f};
static int64_t kernel[] = {2, 2};
static char *conv_inputs[] = {"x", "w", "b"};

void onnx_sample_number(Onnx__TensorShapeProto__Dimension *dimension, int64_t value)
{
    dimension->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
    dimension->dim_value = value;
}

void onnx_sample_symbol(Onnx__TensorShapeProto__Dimension *dimension, char *symbol)
{
    dimension->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
    dimension->dim_param = symbol;
}

Onnx__NodeProto *onnx_sample_node(onnx_sample *sample, char *name, char *op_type, char *input, char *output)
{
    size_t number = sample->graph.n_node++;
    Onnx__NodeProto *node = &sample->nodes[number];
    sample->names[number][0] = input;
    sample->names[number][1] = output;
    node->name = name;
    node->op_type = op_type;
    node->n_input = node->n_output = 1;
    node->input = &sample->names[number][0];
    node->output = &sample->names[number][1];
    return node;
}

Onnx__AttributeProto *onnx_sample_attribute(onnx_sample *sample, char *name, Onnx__AttributeProto__AttributeType type)
{
    Onnx__NodeProto *node = &sample->nodes[0];
    Onnx__AttributeProto *attribute = &sample->attributes[node->n_attribute++];
    attribute->name = name;
    attribute->has_type = 1;
    attribute->type = type;
    return attribute;
}

Onnx__TensorProto *onnx_sample_tensor(onnx_sample *sample, char *name, int32_t data_type, int64_t *dims, size_t rank)
{
    Onnx__TensorProto *tensor = &sample->tensors[sample->graph.n_initializer++];
    tensor->name = name;
    tensor->has_data_type = 1;
    tensor->data_type = data_type;
    tensor->dims = dims;
    tensor->n_dims = rank;
    return tensor;
}

void onnx_sample_raw(Onnx__TensorProto *tensor, void *data, size_t bytes)
{
    tensor->has_raw_data = 1;
    tensor->raw_data.data = data;
    tensor->raw_data.len = bytes;
}

static void init_messages(onnx_sample *sample)
{
    memset(sample, 0, sizeof *sample);
    onnx__model_proto__init(&sample->model);
    onnx__graph_proto__init(&sample->graph);
    onnx__operator_set_id_proto__init(&sample->opset);
    onnx__type_proto__init(&sample->type);
    onnx__type_proto__tensor__init(&sample->tensor_type);
    onnx__tensor_shape_proto__init(&sample->shape);
    for (int i = 0; i < ROOM; i++) {
        onnx__node_proto__init(&sample->nodes[i]);
        onnx__tensor_proto__init(&sample->tensors[i]);
        onnx__attribute_proto__init(&sample->attributes[i]);
        onnx__value_info_proto__init(&sample->infos[i]);
        onnx__tensor_shape_proto__dimension__init(&sample->dims[i]);
        sample->node_list[i] = &sample->nodes[i];
        sample->tensor_list[i] = &sample->tensors[i];
        sample->attribute_list[i] = &sample->attributes[i];
        sample->dim_list[i] = &sample->dims[i];
    }
}

void onnx_sample_init(onnx_sample *sample)
{
    init_messages(sample);
    sample->model.has_ir_version = 1;
    sample->model.ir_version = 7;
    sample->model.graph = &sample->graph;
    sample->model.n_opset_import = 1;
    sample->model.opset_import = sample->opsets;
    sample->opsets[0] = sample->opsets[1] = &sample->opset;
    sample->opset.has_version = 1;
    sample->opset.version = 13;
    sample->graph.node = sample->node_list;
    sample->graph.initializer = sample->tensor_list;
    sample->graph.input = sample->inputs;
    sample->graph.output = sample->outputs;

    sample->graph.n_input = sample->graph.n_output = 1;
    sample->inputs[0] = &sample->infos[0];
    sample->outputs[0] = &sample->infos[1];
    sample->infos[0].name = "x";
    sample->infos[1].name = "logits";
    sample->infos[0].type = &sample->type;
    sample->type.value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    sample->type.tensor_type = &sample->tensor_type;
    sample->tensor_type.has_elem_type = 1;
    sample->tensor_type.elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    sample->tensor_type.shape = &sample->shape;
    sample->shape.n_dim = 4;
    sample->shape.dim = sample->dim_list;
    onnx_sample_symbol(&sample->dims[0], "N");
    onnx_sample_number(&sample->dims[1], 1);
    onnx_sample_number(&sample->dims[2], 2);
    onnx_sample_number(&sample->dims[3], 2);

    onnx_sample_raw(onnx_sample_tensor(sample, "w", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, weight_dims, 4),
                    onnx_sample_weights, sizeof onnx_sample_weights);
    Onnx__TensorProto *typed = onnx_sample_tensor(sample, "b", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, bias_dims, 1);
    typed->float_data = onnx_sample_bias;
    typed->n_float_data = 1;

    Onnx__NodeProto *conv = onnx_sample_node(sample, "conv", "Conv", NULL, "h");
    conv->input = conv_inputs;
    conv->n_input = 3;
    conv->attribute = sample->attribute_list;
    Onnx__AttributeProto *attribute =
        onnx_sample_attribute(sample, "kernel_shape", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    attribute->ints = kernel;
    attribute->n_ints = 2;
    attribute = onnx_sample_attribute(sample, "group", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    attribute->has_i = 1;
    attribute->i = 1;
    attribute = onnx_sample_attribute(sample, "auto_pad", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
    attribute->has_s = 1;
    attribute->s.data = (uint8_t *)"VALID";
    attribute->s.len = 5;
    (void)onnx_sample_node(sample, NULL, "Flatten", "h", "logits");
}

uint8_t *onnx_sample_pack(const onnx_sample *sample, size_t *bytes)
{
    *bytes = onnx__model_proto__get_packed_size(&sample->model);
    uint8_t *packed = malloc(*bytes);
    assert_non_null(packed);
    assert_int_equal(onnx__model_proto__pack(&sample->model, packed), *bytes);
    return packed;
}

snn_status onnx_sample_read_bytes(const void *bytes, size_t count, snn_graph **graph)
{
    char path[] = "test_onnx_XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, bytes, count), count);
    assert_int_equal(close(descriptor), 0);
    snn_status status = snn_onnx_read(path, graph);
    assert_int_equal(unlink(path), 0);
    if (snn_failed(status)) {
        assert_null(*graph);
        assert_non_null(strstr(status.message, path));
    }
    return status;
}

snn_graph *onnx_sample_read(const onnx_sample *sample)
{
    size_t bytes = 0;
    uint8_t *packed = onnx_sample_pack(sample, &bytes);
    snn_graph *graph = NULL;
    snn_status status = onnx_sample_read_bytes(packed, bytes, &graph);
    free(packed);
    assert_string_equal(status.message, "");
    assert_non_null(graph);
    return graph;
}

void onnx_sample_expect_refused(const onnx_sample *sample, const char *part)
{
    size_t bytes = 0;
    uint8_t *packed = onnx_sample_pack(sample, &bytes);
    snn_graph *graph = NULL;
    snn_status status = onnx_sample_read_bytes(packed, bytes, &graph);
    free(packed);
    assert_int_equal(status.code, SNN_INPUT_ERROR);
    if (strstr(status.message, part) == NULL) {
        fail_msg("expected \"%s\" in \"%s\"", part, status.message);
    }
}

const snn_value *onnx_sample_value(const snn_graph *graph, const char *name)
{
    for (int32_t i = 0; i < graph->value_count; i++) {
        if (strcmp(graph->values[i].name, name) == 0) {
            return &graph->values[i];
        }
    }
    fail_msg("no value %s", name);
    return NULL;
}
