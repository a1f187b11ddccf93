/* ONNX files written here, byte for byte, against the graphs read from them; and the exported models of the shared
 * folder where there is one. */
#include "io/onnx/onnx.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <xxhash.h>

#include "onnx_sample.h"

static void test_small_model(void **state)
{
    (void)state;
    onnx_sample sample;
    onnx_sample_init(&sample);
    snn_graph *graph = onnx_sample_read(&sample);
    char text[64];

    assert_int_equal(graph->opset, 13);
    assert_int_equal(graph->value_count, 5);
    assert_int_equal(graph->node_count, 2);
    const snn_value *input = &graph->values[graph->input];
    assert_string_equal(input->name, "x");
    assert_string_equal(snn_tensor_describe(&input->tensor, text, sizeof text), "float32[1,1,2,2]");
    assert_int_equal(input->producer, -1);
    assert_false(input->constant);

    const snn_value *weight = onnx_sample_value(graph, "w");
    assert_true(weight->constant);
    assert_string_equal(snn_tensor_describe(&weight->tensor, text, sizeof text), "float32[1,1,2,2]");
    assert_memory_equal(weight->tensor.data, onnx_sample_weights, sizeof onnx_sample_weights);
    assert_memory_equal(onnx_sample_value(graph, "b")->tensor.data, onnx_sample_bias, sizeof onnx_sample_bias);

    const snn_node *conv = &graph->nodes[0];
    assert_string_equal(conv->name, "conv");
    assert_string_equal(conv->operator, "Conv");
    assert_string_equal(conv->domain, "");
    assert_int_equal(conv->input_count, 3);
    assert_int_equal(conv->inputs[0], graph->input);
    assert_ptr_equal(&graph->values[conv->inputs[2]], onnx_sample_value(graph, "b"));
    assert_int_equal(conv->attribute_count, 3);
    int64_t sizes[4] = {0};
    assert_int_equal(snn_node_integers(conv, "kernel_shape", sizes, 4), 2);
    assert_int_equal(sizes[0], 2);
    assert_int_equal(snn_node_integer(conv, "group", 7), 1);
    assert_string_equal(snn_node_text(conv, "auto_pad", "NOTSET"), "VALID");

    const snn_node *flatten = &graph->nodes[1];
    assert_string_equal(flatten->name, "Flatten_1");
    assert_int_equal(flatten->inputs[0], conv->outputs[0]);
    assert_int_equal(flatten->outputs[0], graph->output);
    assert_int_equal(graph->values[graph->output].producer, 1);
    assert_int_equal(graph->values[graph->output].tensor.rank, -1);
    snn_graph_destroy(graph);
}

/* One tensor "t" of two elements beside the sample's, compared with float32 or integer values. */
static void check_elements(onnx_sample *sample, snn_type type, const double expected[2])
{
    snn_graph *graph = onnx_sample_read(sample);
    const snn_tensor *tensor = &onnx_sample_value(graph, "t")->tensor;
    assert_int_equal(tensor->type, type);
    for (int i = 0; i < 2; i++) {
        double found = type == SNN_TYPE_FLOAT32 ? (double)((const float *)tensor->data)[i]
                       : type == SNN_TYPE_INT64 ? (double)((const int64_t *)tensor->data)[i]
                                                : (double)((const uint8_t *)tensor->data)[i];
        assert_true(found == expected[i] && signbit(found) == signbit(expected[i]));
    }
    snn_graph_destroy(graph);
}

static void test_raw_types(void **state)
{
    (void)state;
    static const struct {
        int32_t data_type;
        snn_type type;
        uint8_t raw[16]; /* little-endian */
        size_t bytes;
        double expected[2];
    } cases[] = {
        {ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, SNN_TYPE_FLOAT32, {0, 0, 0xc0, 0x3f, 0, 0, 0, 0xc0}, 8, {1.5, -2.0}},
        {ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE,
         SNN_TYPE_FLOAT32,
         {0, 0, 0, 0, 0, 0, 0xf8, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0xc0},
         16,
         {1.5, -2.0}},
        {ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16, SNN_TYPE_FLOAT32, {0, 0x3e, 0xff, 0xfb}, 4, {1.5, -65504.0}},
        {ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16, SNN_TYPE_FLOAT32, {1, 0, 0, 0x80}, 4, {0x1p-24, -0.0}},
        {ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16, SNN_TYPE_FLOAT32, {0, 0x7c, 0, 0x04}, 4, {INFINITY, 0x1p-14}},
        {ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16, SNN_TYPE_FLOAT32, {0xc0, 0x3f, 0, 0xc0}, 4, {1.5, -2.0}},
        {ONNX__TENSOR_PROTO__DATA_TYPE__INT64,
         SNN_TYPE_INT64,
         {0, 0, 0, 0, 1, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
         16,
         {4294967296.0, -2.0}},
        {ONNX__TENSOR_PROTO__DATA_TYPE__INT32, SNN_TYPE_INT64, {5, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff}, 8, {5.0, -2.0}},
        {ONNX__TENSOR_PROTO__DATA_TYPE__BOOL, SNN_TYPE_BOOL, {0, 3}, 2, {0.0, 1.0}},
    };
    int64_t dims[] = {2};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        onnx_sample sample;
        onnx_sample_init(&sample);
        uint8_t raw[16];
        memcpy(raw, cases[i].raw, sizeof raw);
        onnx_sample_raw(onnx_sample_tensor(&sample, "t", cases[i].data_type, dims, 1), raw, cases[i].bytes);
        check_elements(&sample, cases[i].type, cases[i].expected);
    }
}

static void test_typed_fields(void **state)
{
    (void)state;
    int64_t dims[] = {2};
    double doubles[] = {1.5, -2.0};
    int64_t longs[] = {INT64_C(1) << 40, -7};
    int32_t ints[] = {-1, 9};
    int32_t halves[] = {0x3e00, 0xc000};
    int32_t bools[] = {1, 0};
    onnx_sample sample;

    onnx_sample_init(&sample);
    Onnx__TensorProto *tensor = onnx_sample_tensor(&sample, "t", ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE, dims, 1);
    tensor->double_data = doubles;
    tensor->n_double_data = 2;
    check_elements(&sample, SNN_TYPE_FLOAT32, doubles);

    onnx_sample_init(&sample);
    tensor = onnx_sample_tensor(&sample, "t", ONNX__TENSOR_PROTO__DATA_TYPE__INT64, dims, 1);
    tensor->int64_data = longs;
    tensor->n_int64_data = 2;
    check_elements(&sample, SNN_TYPE_INT64, (const double[]){0x1p40, -7.0});

    onnx_sample_init(&sample);
    tensor = onnx_sample_tensor(&sample, "t", ONNX__TENSOR_PROTO__DATA_TYPE__INT32, dims, 1);
    tensor->int32_data = ints;
    tensor->n_int32_data = 2;
    check_elements(&sample, SNN_TYPE_INT64, (const double[]){-1.0, 9.0});
    tensor->data_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16;
    tensor->int32_data = halves;
    check_elements(&sample, SNN_TYPE_FLOAT32, (const double[]){1.5, -2.0});
    tensor->data_type = ONNX__TENSOR_PROTO__DATA_TYPE__BOOL;
    tensor->int32_data = bools;
    check_elements(&sample, SNN_TYPE_BOOL, (const double[]){1.0, 0.0});
}

static void test_scalar_and_empty_tensors(void **state)
{
    (void)state;
    onnx_sample sample;
    onnx_sample_init(&sample);
    float value = 3.0f;
    int64_t none[] = {0};
    onnx_sample_raw(onnx_sample_tensor(&sample, "scalar", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, NULL, 0), &value,
                    sizeof value);
    (void)onnx_sample_tensor(&sample, "empty", ONNX__TENSOR_PROTO__DATA_TYPE__INT64, none, 1);
    snn_graph *graph = onnx_sample_read(&sample);
    assert_int_equal(onnx_sample_value(graph, "scalar")->tensor.rank, 0);
    assert_true(((const float *)onnx_sample_value(graph, "scalar")->tensor.data)[0] == 3.0f);
    assert_int_equal(snn_tensor_elements(&onnx_sample_value(graph, "empty")->tensor), 0);
    assert_non_null(onnx_sample_value(graph, "empty")->tensor.data);
    snn_graph_destroy(graph);
}

static void test_inputs(void **state)
{
    (void)state;
    onnx_sample sample;
    onnx_sample_init(&sample);
    onnx_sample_number(&sample.dims[0], 8);
    sample.infos[2].name = "w"; /* a weight listed as input, as old exporters do */
    sample.inputs[sample.graph.n_input++] = &sample.infos[2];
    snn_graph *graph = onnx_sample_read(&sample);
    assert_int_equal(graph->values[graph->input].tensor.dims[0], 1);
    assert_string_equal(graph->values[graph->input].name, "x");
    snn_graph_destroy(graph);

    sample.infos[2].name = "mask";
    onnx_sample_expect_refused(&sample, "2 inputs (x, mask), expected one");
    sample.graph.n_input = 0;
    onnx_sample_expect_refused(&sample, "0 inputs (), expected one");

    onnx_sample_init(&sample);
    onnx_sample_symbol(&sample.dims[2], "height");
    onnx_sample_expect_refused(&sample, "input x: dimension 2 is height, expected a number");
    sample.dims[2].value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE__NOT_SET;
    onnx_sample_expect_refused(&sample, "input x: dimension 2 is not given, expected a number");
    onnx_sample_number(&sample.dims[2], 0);
    onnx_sample_expect_refused(&sample, "input x: float32[1,1,0,2] is not a usable shape");
    onnx_sample_number(&sample.dims[2], INT64_MAX);
    onnx_sample_expect_refused(&sample, "is not a usable shape");
    sample.shape.n_dim = 3;
    onnx_sample_expect_refused(&sample, "input x: 3 dimensions, expected 4");
    sample.tensor_type.shape = NULL;
    onnx_sample_expect_refused(&sample, "input x: expected a tensor with a shape");
    sample.infos[0].type = NULL;
    onnx_sample_expect_refused(&sample, "input x: expected a tensor with a shape");

    onnx_sample_init(&sample);
    sample.tensor_type.elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__INT64;
    onnx_sample_expect_refused(&sample, "input x: expected elements of type float");
    sample.tensor_type.elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__UINT16;
    onnx_sample_expect_refused(&sample, "input x: element type uint16 (4) is not supported");
}

static void test_opsets(void **state)
{
    (void)state;
    onnx_sample sample;
    onnx_sample_init(&sample);
    sample.opset.version = 6;
    onnx_sample_expect_refused(&sample, "opset 6 is not supported, expected 7 to 24");
    sample.opset.version = 25;
    onnx_sample_expect_refused(&sample, "opset 25 is not supported");
    sample.opset.version = 18;
    sample.model.n_opset_import = 2;
    onnx_sample_expect_refused(&sample, "two opset versions");
    sample.model.n_opset_import = 1;
    sample.opset.domain = "com.example";
    onnx_sample_expect_refused(&sample, "no opset version of the standard domain");
    sample.opset.domain = "ai.onnx";
    snn_graph *graph = onnx_sample_read(&sample);
    assert_int_equal(graph->opset, 18);
    snn_graph_destroy(graph);
}

static void test_node_names(void **state)
{
    (void)state;
    onnx_sample sample;
    onnx_sample_init(&sample);
    sample.names[1][1] = "f";
    (void)onnx_sample_node(&sample, "conv", "Relu", "f", "g");           /* a name taken */
    (void)onnx_sample_node(&sample, "Flatten_1", "Relu", "g", "logits"); /* a name that would have been made up */
    snn_graph *graph = onnx_sample_read(&sample);
    assert_string_equal(graph->nodes[0].name, "conv");
    assert_string_equal(graph->nodes[1].name, "Flatten_2");
    assert_string_equal(graph->nodes[2].name, "conv_2");
    assert_string_equal(graph->nodes[3].name, "Flatten_1");
    snn_graph_destroy(graph);
}

static void test_order(void **state)
{
    (void)state;
    onnx_sample sample;
    onnx_sample_init(&sample);
    sample.node_list[0] = &sample.nodes[1];
    sample.node_list[1] = &sample.nodes[0];
    snn_graph *graph = onnx_sample_read(&sample);
    assert_string_equal(graph->nodes[0].name, "conv");
    assert_int_equal(onnx_sample_value(graph, "h")->producer, 0);
    assert_int_equal(onnx_sample_value(graph, "logits")->producer, 1);
    snn_graph_destroy(graph);

    onnx_sample_init(&sample);
    (void)onnx_sample_node(&sample, "a", "Relu", "q", "p");
    (void)onnx_sample_node(&sample, "b", "Relu", "p", "q");
    onnx_sample_expect_refused(&sample, "cycle through node a");
}

static void test_foreign_nodes_are_kept(void **state)
{
    (void)state;
    onnx_sample sample;
    onnx_sample_init(&sample);
    Onnx__GraphProto branch = ONNX__GRAPH_PROTO__INIT;
    sample.nodes[0].domain = "com.example";
    onnx_sample_attribute(&sample, "then_branch", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH)->g = &branch;
    snn_graph *graph = onnx_sample_read(&sample);
    assert_string_equal(graph->nodes[0].domain, "com.example");
    const snn_attribute *kept = snn_node_attribute(&graph->nodes[0], "then_branch");
    assert_non_null(kept);
    assert_int_equal(kept->kind, SNN_ATTRIBUTE_OTHER);
    snn_graph_destroy(graph);
}

static void test_omitted_inputs(void **state)
{
    (void)state;
    onnx_sample sample;
    onnx_sample_init(&sample);
    char *inputs[] = {"x", "", "b"};
    sample.nodes[0].input = inputs;
    snn_graph *graph = onnx_sample_read(&sample);
    assert_int_equal(graph->nodes[0].inputs[1], SNN_NO_VALUE);
    assert_int_equal(graph->nodes[0].input_count, 3);
    snn_graph_destroy(graph);
}

static void test_file_hash(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 1000, 1 << 20, (1 << 20) + 1, 3000000};
    uint8_t *bytes = malloc(3000000);
    assert_non_null(bytes);
    for (size_t i = 0; i < 3000000; i++) {
        bytes[i] = (uint8_t)(i * 2654435761u >> 13);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        FILE *file = fopen("test_onnx_hash.bin", "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(bytes, 1, sizes[i], file), sizes[i]);
        assert_int_equal(fclose(file), 0);
        uint64_t hash = 0;
        int64_t count = 0;
        assert_int_equal(snn_file_hash("test_onnx_hash.bin", &hash, &count).code, SNN_OK);
        assert_int_equal(count, sizes[i]);
        assert_true(hash == XXH3_64bits(bytes, sizes[i]));
    }
    free(bytes);
    assert_int_equal(unlink("test_onnx_hash.bin"), 0);
    uint64_t hash = 0;
    int64_t count = 0;
    assert_int_equal(snn_file_hash("test_onnx_hash.bin", &hash, &count).code, SNN_INPUT_ERROR);
    assert_int_equal(snn_file_hash(".", &hash, &count).code, SNN_INPUT_ERROR);
}

static void test_exported_models(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int32_t nodes;
        int64_t dims[4];
    } models[] = {
        {"LeNet", 10, {1, 1, 28, 28}},     {"VGG", 19, {1, 3, 32, 32}},    {"ResNet20", 113, {1, 3, 32, 32}},
        {"ConvNeXt", 223, {1, 3, 32, 32}}, {"Mixer", 273, {1, 3, 32, 32}}, {"ResMLP", 158, {1, 3, 32, 32}},
        {"ViT", 436, {1, 3, 32, 32}},
    };
    if (access(SNN_SHARED_DIR "/models", R_OK) != 0) {
        print_message("skipped: no models in %s\n", SNN_SHARED_DIR "/models");
        skip();
    }
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        char path[4096];
        (void)snprintf(path, sizeof path, "%s/models/%s.onnx", SNN_SHARED_DIR, models[i].name);
        snn_graph *graph = NULL;
        snn_status status = snn_onnx_read(path, &graph);
        assert_string_equal(status.message, "");
        assert_int_equal(graph->node_count, models[i].nodes);
        const snn_tensor *input = &graph->values[graph->input].tensor;
        assert_int_equal(input->rank, 4);
        assert_memory_equal(input->dims, models[i].dims, sizeof models[i].dims);
        status = snn_graph_infer(graph, true);
        assert_string_equal(status.message, "");
        char text[64];
        assert_string_equal(snn_tensor_describe(&graph->values[graph->output].tensor, text, sizeof text),
                            "float32[1,10]");
        snn_graph_destroy(graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_model),
        cmocka_unit_test(test_raw_types),
        cmocka_unit_test(test_typed_fields),
        cmocka_unit_test(test_scalar_and_empty_tensors),
        cmocka_unit_test(test_inputs),
        cmocka_unit_test(test_opsets),
        cmocka_unit_test(test_node_names),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_foreign_nodes_are_kept),
        cmocka_unit_test(test_omitted_inputs),
        cmocka_unit_test(test_file_hash),
        cmocka_unit_test(test_exported_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
