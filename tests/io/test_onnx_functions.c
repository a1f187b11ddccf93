/* Functions that a model defines for itself take the place of the nodes that call them. */
#include "io/onnx/onnx.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "onnx_sample.h"

/* A function of two nodes: y = LeakyRelu(Neg(x)), with the slope as attribute. */
typedef struct sample_function {
    Onnx__FunctionProto function;
    Onnx__OperatorSetIdProto opset, *opsets[1];
    Onnx__NodeProto nodes[2], *node_list[2];
    Onnx__AttributeProto slope, *slope_list[1];
    char *inputs[1], *outputs[1], *attributes[1], *texts[2][2];
} sample_function;

static void init_node(Onnx__NodeProto *node, char *operator, char ** input, char **output)
{
    onnx__node_proto__init(node);
    node->op_type = operator;
    node->input = input;
    node->output = output;
    node->n_input = node->n_output = 1;
}

static void init_function(sample_function *made, char *name)
{
    memset(made, 0, sizeof *made);
    Onnx__FunctionProto *function = &made->function;
    onnx__function_proto__init(function);
    onnx__operator_set_id_proto__init(&made->opset);
    made->opset.has_version = 1;
    made->opset.version = 13;
    made->opsets[0] = &made->opset;
    function->opset_import = made->opsets;
    function->n_opset_import = 1;
    function->name = name;
    function->domain = "own";
    made->inputs[0] = made->texts[0][0] = "x";
    made->outputs[0] = made->texts[1][1] = "y";
    made->texts[0][1] = made->texts[1][0] = "negative";
    made->attributes[0] = "slope";
    function->input = made->inputs;
    function->output = made->outputs;
    function->attribute = made->attributes;
    function->n_input = function->n_output = function->n_attribute = 1;
    init_node(&made->nodes[0], "Neg", &made->texts[0][0], &made->texts[0][1]);
    init_node(&made->nodes[1], "LeakyRelu", &made->texts[1][0], &made->texts[1][1]);
    onnx__attribute_proto__init(&made->slope);
    made->slope.name = "alpha";
    made->slope.ref_attr_name = "slope";
    made->slope.has_type = 1;
    made->slope.type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT;
    made->slope_list[0] = &made->slope;
    made->nodes[1].attribute = made->slope_list;
    made->nodes[1].n_attribute = 1;
    made->node_list[0] = &made->nodes[0];
    made->node_list[1] = &made->nodes[1];
    function->node = made->node_list;
    function->n_node = 2;
}

/* A sample whose Flatten, "logits", goes through a call of the function. */
static void init_sample(onnx_sample *sample, Onnx__FunctionProto **functions, size_t count, char *called)
{
    onnx_sample_init(sample);
    sample->opset.version = 13;
    sample->names[1][1] = "flat";
    Onnx__NodeProto *call = onnx_sample_node(sample, "call", called, "flat", "logits");
    call->domain = "own";
    sample->model.functions = functions;
    sample->model.n_functions = count;
}

static const snn_node *node_of(const snn_graph *graph, const char *name)
{
    for (int32_t i = 0; i < graph->node_count; i++) {
        if (strcmp(graph->nodes[i].name, name) == 0) {
            return &graph->nodes[i];
        }
    }
    fail_msg("no node %s", name);
    return NULL;
}

static void test_nodes_take_the_place_of_a_call(void **state)
{
    (void)state;
    onnx_sample sample;
    sample_function made;
    Onnx__FunctionProto *functions[] = {&made.function};
    init_function(&made, "Turned");
    init_sample(&sample, functions, 1, "Turned");
    snn_graph *graph = onnx_sample_read(&sample);
    assert_int_equal(graph->node_count, 4);
    const snn_node *first = node_of(graph, "call/Neg"), *second = node_of(graph, "call/LeakyRelu");
    assert_string_equal(graph->values[first->inputs[0]].name, "flat");
    assert_string_equal(graph->values[first->outputs[0]].name, "call/negative");
    assert_int_equal(second->inputs[0], first->outputs[0]);
    assert_int_equal(second->outputs[0], graph->output);
    assert_int_equal(second->attribute_count, 0); /* the call gives no slope: LeakyRelu's own default */
    snn_graph_destroy(graph);
}

static void test_attributes_come_from_the_call(void **state)
{
    (void)state;
    onnx_sample sample;
    sample_function made;
    Onnx__FunctionProto *functions[] = {&made.function};
    Onnx__AttributeProto given, *list[] = {&given};
    init_function(&made, "Turned");
    init_sample(&sample, functions, 1, "Turned");
    onnx__attribute_proto__init(&given);
    given.name = "slope";
    given.has_type = given.has_f = 1;
    given.type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT;
    given.f = 0.75f;
    sample.nodes[2].attribute = list;
    sample.nodes[2].n_attribute = 1;
    snn_graph *graph = onnx_sample_read(&sample);
    assert_true(snn_node_real(node_of(graph, "call/LeakyRelu"), "alpha", 0.0f) == 0.75f);
    snn_graph_destroy(graph);
}

/* Field 11 of a function, which the installed onnx.proto may not know: attributes with defaults. */
static void test_attributes_have_defaults(void **state)
{
    (void)state;
    onnx_sample sample;
    sample_function made;
    Onnx__FunctionProto *functions[] = {&made.function};
    Onnx__AttributeProto given;
    uint8_t bytes[64];
    init_function(&made, "Turned");
    init_sample(&sample, functions, 1, "Turned");
    onnx__attribute_proto__init(&given);
    given.name = "slope";
    given.has_type = given.has_f = 1;
    given.type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT;
    given.f = 0.5f;
    const size_t length = onnx__attribute_proto__pack(&given, bytes + 1);
    assert_true(length < 63);
    bytes[0] = (uint8_t)length;
    ProtobufCMessageUnknownField field = {
        .tag = 11, .wire_type = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, .len = length + 1, .data = bytes};
    made.function.base.n_unknown_fields = 1;
    made.function.base.unknown_fields = &field;
    snn_graph *graph = onnx_sample_read(&sample);
    assert_true(snn_node_real(node_of(graph, "call/LeakyRelu"), "alpha", 0.0f) == 0.5f);
    snn_graph_destroy(graph);
}

static void test_functions_within_functions(void **state)
{
    (void)state;
    onnx_sample sample;
    sample_function inner, outer;
    Onnx__FunctionProto *functions[] = {&outer.function, &inner.function};
    init_function(&inner, "Inner");
    init_function(&outer, "Outer");
    outer.nodes[0].op_type = "Inner";
    outer.nodes[0].domain = "own";
    outer.nodes[0].name = "part";
    init_sample(&sample, functions, 2, "Outer");
    snn_graph *graph = onnx_sample_read(&sample);
    assert_int_equal(graph->node_count, 5);
    const snn_node *last = node_of(graph, "call/part/LeakyRelu");
    assert_string_equal(graph->values[last->outputs[0]].name, "call/negative");
    snn_graph_destroy(graph);
}

static void test_refused(void **state)
{
    (void)state;
    onnx_sample sample;
    sample_function made;
    Onnx__FunctionProto *functions[] = {&made.function};
    init_function(&made, "Turned");
    made.nodes[0].op_type = "Turned";
    made.nodes[0].domain = "own";
    init_sample(&sample, functions, 1, "Turned");
    onnx_sample_expect_refused(&sample, "function Turned: more than 64 functions within each other");

    init_function(&made, "Turned");
    init_sample(&sample, functions, 1, "Turned");
    made.opset.version = 14;
    onnx_sample_expect_refused(&sample, "function Turned is of opset 14, the model of 13");

    init_function(&made, "Turned");
    init_sample(&sample, functions, 1, "Turned");
    made.texts[1][0] = "nowhere";
    onnx_sample_expect_refused(&sample, "node call/LeakyRelu (LeakyRelu): input call/nowhere is neither");
}

/* An operator that nobody knows is named with where it is. */
static void test_unknown_operator_in_a_function(void **state)
{
    (void)state;
    onnx_sample sample;
    sample_function made;
    Onnx__FunctionProto *functions[] = {&made.function};
    init_function(&made, "Turned");
    init_sample(&sample, functions, 1, "Turned");
    made.nodes[0].op_type = "Frobnicate";
    snn_graph *graph = onnx_sample_read(&sample);
    snn_status status = snn_graph_infer(graph, true);
    assert_int_equal(status.code, SNN_INPUT_ERROR);
    assert_non_null(strstr(status.message, ": node call/Frobnicate (Frobnicate): operator not supported"));
    snn_graph_destroy(graph);
}

/* f0 calls f1 twice, f1 calls f2 twice, ...: few bytes, and nodes without end. */
static void test_bomb(void **state)
{
    enum { LEVELS = 40 };
    (void)state;
    onnx_sample sample;
    static sample_function levels[LEVELS];
    static char names[LEVELS + 1][16];
    Onnx__FunctionProto *functions[LEVELS];
    for (int i = 0; i <= LEVELS; i++) {
        (void)snprintf(names[i], sizeof names[i], "f%d", i);
    }
    for (int i = 0; i < LEVELS; i++) {
        init_function(&levels[i], names[i]);
        for (int k = 0; k < 2; k++) {
            levels[i].nodes[k].op_type = names[i + 1];
            levels[i].nodes[k].domain = "own";
            levels[i].nodes[k].n_attribute = 0;
        }
        functions[i] = &levels[i].function;
    }
    levels[LEVELS - 1].function.n_node = 0;
    init_sample(&sample, functions, LEVELS, "f0");
    onnx_sample_expect_refused(&sample, "more than 1048576 calls of functions");
}

/* Whatever bit is wrong: read, or refused, and never worse. */
static void test_flipped_bits(void **state)
{
    (void)state;
    onnx_sample sample;
    sample_function inner, outer;
    Onnx__FunctionProto *functions[] = {&outer.function, &inner.function};
    init_function(&inner, "Inner");
    init_function(&outer, "Outer");
    outer.nodes[0].op_type = "Inner";
    outer.nodes[0].domain = "own";
    init_sample(&sample, functions, 2, "Outer");
    size_t bytes = 0;
    uint8_t *packed = onnx_sample_pack(&sample, &bytes);
    for (size_t bit = 0; bit < 8 * bytes; bit++) {
        snn_graph *graph = NULL;
        packed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        snn_status status = onnx_sample_read_bytes(packed, bytes, &graph);
        assert_true(status.code == SNN_OK || status.code == SNN_INPUT_ERROR);
        if (!snn_failed(status)) {
            status = snn_graph_infer(graph, false);
            assert_true(status.code == SNN_OK || status.code == SNN_INPUT_ERROR);
        }
        snn_graph_destroy(graph);
        packed[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    free(packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nodes_take_the_place_of_a_call),
        cmocka_unit_test(test_attributes_come_from_the_call),
        cmocka_unit_test(test_attributes_have_defaults),
        cmocka_unit_test(test_functions_within_functions),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_unknown_operator_in_a_function),
        cmocka_unit_test(test_bomb),
        cmocka_unit_test(test_flipped_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
