/* Graphs built by hand: order, inference, folding of shape arithmetic, refusals, and the evaluator against values
 * computed by hand. */
#include "core/graph/graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/memory.h"
#include "core/graph/evaluator.h"

enum { ROOM = 24, MAX_NODE_VALUES = 4 };

static void set_text(char **place, const char *text)
{
    *place = snn_duplicate_text(text);
    assert_non_null(*place);
}

static snn_graph *new_graph(void)
{
    snn_graph *graph = snn_allocate(1, sizeof *graph);
    assert_non_null(graph);
    set_text(&graph->source, "net.onnx");
    graph->opset = 13;
    graph->values = snn_allocate(ROOM, sizeof *graph->values);
    graph->nodes = snn_allocate(ROOM, sizeof *graph->nodes);
    assert_true(graph->values != NULL && graph->nodes != NULL);
    return graph;
}

/* The number of the value of that name, which is made if there is none. "" is an omitted one. */
static int32_t value_number(snn_graph *graph, const char *name)
{
    if (name[0] == '\0') {
        return SNN_NO_VALUE;
    }
    for (int32_t i = 0; i < graph->value_count; i++) {
        if (strcmp(graph->values[i].name, name) == 0) {
            return i;
        }
    }
    assert_true(graph->value_count < ROOM);
    snn_value *value = &graph->values[graph->value_count];
    set_text(&value->name, name);
    value->tensor.rank = -1;
    value->producer = -1;
    return graph->value_count++;
}

static snn_value *value_of(snn_graph *graph, const char *name)
{
    return &graph->values[value_number(graph, name)];
}

static void set_shape(snn_tensor *tensor, snn_type type, int32_t rank, const int64_t *dims)
{
    tensor->type = type;
    tensor->rank = rank;
    for (int32_t axis = 0; axis < rank; axis++) {
        tensor->dims[axis] = dims[axis];
    }
}

static void add_input(snn_graph *graph, const char *name, int32_t rank, const int64_t *dims)
{
    graph->input = value_number(graph, name);
    set_shape(&graph->values[graph->input].tensor, SNN_TYPE_FLOAT32, rank, dims);
}

static void add_constant(snn_graph *graph, const char *name, snn_type type, int32_t rank, const int64_t *dims,
                         const void *data)
{
    snn_value *value = value_of(graph, name);
    set_shape(&value->tensor, type, rank, dims);
    assert_int_equal(snn_tensor_allocate(&value->tensor).code, SNN_OK);
    memcpy(value->tensor.data, data, (size_t)snn_tensor_elements(&value->tensor) * snn_type_bytes(type));
    value->constant = true;
}

/* Splits "a b" at spaces into value numbers; "-" is an omitted one. */
static int32_t *numbers_of(snn_graph *graph, const char *names, int32_t *count)
{
    int32_t *numbers = snn_allocate(MAX_NODE_VALUES, sizeof *numbers);
    assert_non_null(numbers);
    *count = 0;
    while (*names != '\0') {
        char name[16] = "";
        size_t length = strcspn(names, " ");
        assert_true(length < sizeof name && *count < MAX_NODE_VALUES);
        memcpy(name, names, length);
        numbers[(*count)++] = value_number(graph, strcmp(name, "-") == 0 ? "" : name);
        names += length + strspn(names + length, " ");
    }
    return numbers;
}

static snn_node *add_node(snn_graph *graph, const char *name, const char *operation, const char *inputs,
                          const char *outputs)
{
    assert_true(graph->node_count < ROOM);
    snn_node *node = &graph->nodes[graph->node_count];
    set_text(&node->name, name);
    set_text(&node->operator, operation);
    set_text(&node->domain, "");
    node->inputs = numbers_of(graph, inputs, &node->input_count);
    node->outputs = numbers_of(graph, outputs, &node->output_count);
    for (int32_t i = 0; i < node->output_count; i++) {
        if (node->outputs[i] != SNN_NO_VALUE) {
            graph->values[node->outputs[i]].producer = graph->node_count;
        }
    }
    graph->node_count++;
    return node;
}

static snn_attribute *add_attribute(snn_node *node, const char *name, snn_attribute_kind kind)
{
    if (node->attributes == NULL) {
        node->attributes = snn_allocate(4, sizeof *node->attributes);
        assert_non_null(node->attributes);
    }
    assert_true(node->attribute_count < 4);
    snn_attribute *attribute = &node->attributes[node->attribute_count++];
    set_text(&attribute->name, name);
    attribute->kind = kind;
    return attribute;
}

static void add_integer(snn_node *node, const char *name, int64_t integer)
{
    add_attribute(node, name, SNN_ATTRIBUTE_INT)->integer = integer;
}

static void add_integers(snn_node *node, const char *name, size_t count, const int64_t *integers)
{
    snn_attribute *attribute = add_attribute(node, name, SNN_ATTRIBUTE_INTS);
    attribute->integers = snn_allocate(count, sizeof *integers);
    assert_non_null(attribute->integers);
    memcpy(attribute->integers, integers, count * sizeof *integers);
    attribute->count = count;
}

static void expect_shape(snn_graph *graph, const char *name, const char *shape)
{
    char text[128];
    assert_string_equal(snn_tensor_describe(&value_of(graph, name)->tensor, text, sizeof text), shape);
}

static void infer(snn_graph *graph, const char *output)
{
    graph->output = value_number(graph, output);
    assert_string_equal(snn_graph_infer(graph, true).message, "");
}

static void expect_refused(snn_graph *graph, const char *output, const char *message)
{
    graph->output = value_number(graph, output);
    snn_status status = snn_graph_infer(graph, true);
    assert_int_equal(status.code, SNN_INPUT_ERROR);
    assert_string_equal(status.message, message);
    snn_graph_destroy(graph);
}

static void test_tensors(void **state)
{
    (void)state;
    char text[64];
    snn_tensor tensor = {.type = SNN_TYPE_INT64, .rank = 2, .dims = {3, 4}};
    assert_int_equal(snn_tensor_elements(&tensor), 12);
    assert_string_equal(snn_tensor_describe(&tensor, text, sizeof text), "int64[3,4]");
    assert_string_equal(snn_tensor_describe(&tensor, text, 6), "int64");
    assert_int_equal(snn_tensor_allocate(&tensor).code, SNN_OK);
    assert_int_equal(((const int64_t *)tensor.data)[11], 0);
    snn_tensor_clear(&tensor);
    assert_null(tensor.data);
    assert_int_equal(snn_tensor_elements(&tensor), -1);
    assert_string_equal(snn_tensor_describe(&tensor, text, sizeof text), "unknown shape");

    tensor = (snn_tensor){.type = SNN_TYPE_BOOL, .rank = 0};
    assert_int_equal(snn_tensor_elements(&tensor), 1);
    assert_string_equal(snn_tensor_describe(&tensor, text, sizeof text), "bool[]");
    tensor = (snn_tensor){.rank = 3, .dims = {1 << 20, 0, 1 << 20}};
    assert_int_equal(snn_tensor_elements(&tensor), -1);
    tensor = (snn_tensor){.rank = 2, .dims = {7, 0}};
    assert_int_equal(snn_tensor_elements(&tensor), 0);
    tensor = (snn_tensor){.rank = 3, .dims = {1 << 30, 1 << 30, 1 << 30}};
    assert_int_equal(snn_tensor_elements(&tensor), -1);
    snn_status status = snn_tensor_allocate(&tensor);
    assert_int_equal(status.code, SNN_INPUT_ERROR);
    assert_string_equal(status.message, "float32[1073741824,1073741824,1073741824]: not a usable shape");
    tensor = (snn_tensor){.rank = 1, .dims = {-1}};
    assert_int_equal(snn_tensor_elements(&tensor), -1);
}

static void test_attributes(void **state)
{
    (void)state;
    snn_graph *graph = new_graph();
    snn_node *node = add_node(graph, "n", "Conv", "x", "y");
    add_integer(node, "group", 3);
    add_integers(node, "pads", 4, (const int64_t[]){1, 2, 3, 4});
    add_attribute(node, "epsilon", SNN_ATTRIBUTE_FLOAT)->real = 0.25f;
    set_text(&add_attribute(node, "auto_pad", SNN_ATTRIBUTE_TEXT)->text, "VALID");

    assert_int_equal(snn_node_integer(node, "group", 1), 3);
    assert_int_equal(snn_node_integer(node, "axis", -1), -1);
    assert_int_equal(snn_node_integer(node, "epsilon", 5), 5);
    assert_true(snn_node_real(node, "epsilon", 1.0f) == 0.25f);
    assert_true(snn_node_real(node, "alpha", 1.0f) == 1.0f);
    assert_string_equal(snn_node_text(node, "auto_pad", "NOTSET"), "VALID");
    assert_string_equal(snn_node_text(node, "mode", "constant"), "constant");
    int64_t pads[3] = {0, 0, 77};
    assert_int_equal(snn_node_integers(node, "pads", pads, 2), 4);
    assert_int_equal(pads[1], 2);
    assert_int_equal(pads[2], 77);
    assert_int_equal(snn_node_integers(node, "strides", pads, 2), 0);
    assert_null(snn_node_attribute(node, "dilations"));
    snn_graph_destroy(graph);
}

static void test_consumers(void **state)
{
    (void)state;
    snn_graph *graph = new_graph();
    (void)add_node(graph, "a", "Relu", "x", "y");
    (void)add_node(graph, "b", "Add", "y y", "z");
    (void)add_node(graph, "c", "Add", "z y", "w");
    int32_t nodes[2] = {-1, -1};
    assert_int_equal(snn_graph_consumers(graph, value_number(graph, "y"), nodes, 2), 2);
    assert_int_equal(nodes[0], 1);
    assert_int_equal(nodes[1], 2);
    assert_int_equal(snn_graph_consumers(graph, value_number(graph, "y"), NULL, 0), 2);
    assert_int_equal(snn_graph_consumers(graph, value_number(graph, "w"), nodes, 2), 0);
    snn_graph_destroy(graph);
}

static void test_sort(void **state)
{
    (void)state;
    snn_graph *graph = new_graph();
    (void)add_node(graph, "last", "Add", "p q", "r");
    (void)add_node(graph, "left", "Relu", "h", "p");
    (void)add_node(graph, "right", "Relu", "h", "q");
    (void)add_node(graph, "first", "Relu", "x", "h");
    assert_int_equal(snn_graph_sort(graph).code, SNN_OK);
    static const char *const order[] = {"first", "left", "right", "last"};
    for (int round = 0; round < 2; round++) {
        for (int32_t i = 0; i < 4; i++) {
            assert_string_equal(graph->nodes[i].name, order[i]);
            assert_int_equal(graph->values[graph->nodes[i].outputs[0]].producer, i);
        }
        assert_int_equal(snn_graph_sort(graph).code, SNN_OK); /* an order that is right stays */
    }
    snn_graph_destroy(graph);

    graph = new_graph();
    (void)add_node(graph, "a", "Relu", "x", "y");
    (void)add_node(graph, "b", "Add", "y w", "z");
    (void)add_node(graph, "c", "Relu", "z", "w");
    snn_status status = snn_graph_sort(graph);
    assert_int_equal(status.code, SNN_INPUT_ERROR);
    assert_string_equal(status.message, "the graph has a cycle through node b");
    snn_graph_destroy(graph);
}

/* What exporters make of x.reshape(x.shape[0], -1): only the Reshape is left. */
static void test_shape_arithmetic_folds(void **state)
{
    (void)state;
    snn_graph *graph = new_graph();
    add_input(graph, "x", 4, (const int64_t[]){1, 3, 4, 5});
    add_constant(graph, "zero", SNN_TYPE_INT64, 0, NULL, (const int64_t[]){0});
    add_constant(graph, "axis", SNN_TYPE_INT64, 1, (const int64_t[]){1}, (const int64_t[]){0});
    add_constant(graph, "rest", SNN_TYPE_INT64, 1, (const int64_t[]){1}, (const int64_t[]){-1});
    (void)add_node(graph, "relu", "Relu", "x", "h");
    (void)add_node(graph, "shape", "Shape", "h", "s");
    (void)add_node(graph, "gather", "Gather", "s zero", "n");
    (void)add_node(graph, "unsqueeze", "Unsqueeze", "n axis", "n1");
    add_integer(add_node(graph, "concat", "Concat", "n1 rest", "target"), "axis", 0);
    (void)add_node(graph, "reshape", "Reshape", "x target", "y");
    infer(graph, "y");

    expect_shape(graph, "y", "float32[1,60]");
    expect_shape(graph, "s", "int64[4]");
    assert_true(value_of(graph, "s")->constant);
    assert_memory_equal(value_of(graph, "s")->tensor.data, ((const int64_t[]){1, 3, 4, 5}), 4 * sizeof(int64_t));
    expect_shape(graph, "target", "int64[2]");
    assert_memory_equal(value_of(graph, "target")->tensor.data, ((const int64_t[]){1, -1}), 2 * sizeof(int64_t));
    assert_false(value_of(graph, "y")->constant);
    assert_null(value_of(graph, "y")->tensor.data);
    for (int32_t i = 0; i < graph->node_count; i++) { /* the Relu too: only its shape was read */
        assert_int_equal(graph->nodes[i].folded, strcmp(graph->nodes[i].name, "reshape") != 0);
    }
    infer(graph, "y"); /* again: nothing changes */
    expect_shape(graph, "y", "float32[1,60]");
    snn_graph_destroy(graph);
}

static void test_refusals(void **state)
{
    (void)state;
    const int64_t dims[] = {1, 4};
    snn_graph *graph = new_graph();
    add_input(graph, "x", 2, dims);
    (void)add_node(graph, "odd", "Frobnicate", "x", "y");
    expect_refused(graph, "y", "net.onnx: node odd (Frobnicate): operator not supported");

    graph = new_graph();
    add_input(graph, "x", 2, dims);
    snn_node *node = add_node(graph, "fused", "Relu", "x", "y");
    snn_release(node->domain);
    set_text(&node->domain, "com.example");
    expect_refused(graph, "y", "net.onnx: node fused (Relu): operator of the domain com.example not supported");

    graph = new_graph();
    add_input(graph, "x", 2, dims);
    (void)add_node(graph, "sum", "Add", "x", "y");
    expect_refused(graph, "y", "net.onnx: node sum (Add): 1 inputs, expected at least 2");

    graph = new_graph();
    add_input(graph, "x", 2, dims);
    (void)add_node(graph, "relu", "Relu", "x x", "y");
    expect_refused(graph, "y", "net.onnx: node relu (Relu): 2 inputs, expected at most 1");

    graph = new_graph();
    add_input(graph, "x", 2, dims);
    (void)add_node(graph, "sum", "Add", "- x", "y");
    expect_refused(graph, "y", "net.onnx: node sum (Add): input 0 is left out, but it is not optional");

    graph = new_graph();
    add_input(graph, "x", 2, dims);
    (void)add_node(graph, "relu", "Relu", "x", "y z");
    expect_refused(graph, "z", "net.onnx: node relu (Relu): output 1 (z) is not supported");
}

/* An attribute of another kind would otherwise be as good as absent. */
static void test_kinds_of_attributes(void **state)
{
    (void)state;
    snn_graph *graph = new_graph();
    add_input(graph, "x", 2, (const int64_t[]){1, 4});
    add_integer(add_node(graph, "leaky", "LeakyRelu", "x", "y"), "alpha", 1);
    expect_refused(graph, "y", "net.onnx: node leaky (LeakyRelu): attribute 'alpha': expects float, found int");

    graph = new_graph();
    add_input(graph, "x", 4, (const int64_t[]){1, 1, 4, 4});
    snn_node *node = add_node(graph, "pool", "AveragePool", "x", "y");
    add_integers(node, "kernel_shape", 2, (const int64_t[]){2, 2});
    add_attribute(node, "strides", SNN_ATTRIBUTE_FLOATS);
    expect_refused(graph, "y", "net.onnx: node pool (AveragePool): attribute 'strides': expects ints, found floats");

    graph = new_graph();
    add_input(graph, "x", 2, (const int64_t[]){1, 4});
    add_attribute(add_node(graph, "soft", "Softmax", "x", "y"), "axis", SNN_ATTRIBUTE_OTHER);
    expect_refused(graph, "y", "net.onnx: node soft (Softmax): attribute 'axis': expects int, found another kind");
}

/* Constants may be empty; values of the image may not. */
static void test_empty_values(void **state)
{
    (void)state;
    snn_graph *graph = new_graph();
    add_input(graph, "x", 2, (const int64_t[]){1, 4});
    add_constant(graph, "none", SNN_TYPE_INT64, 1, (const int64_t[]){1}, (const int64_t[]){0});
    add_constant(graph, "axis", SNN_TYPE_INT64, 1, (const int64_t[]){1}, (const int64_t[]){1});
    (void)add_node(graph, "cut", "Slice", "x none none axis", "y");
    expect_refused(graph, "y", "net.onnx: node cut (Slice): output 0 would be float32[1,0]: no elements");

    graph = new_graph();
    add_input(graph, "x", 2, (const int64_t[]){1, 2});
    add_constant(graph, "empty", SNN_TYPE_FLOAT32, 2, (const int64_t[]){1, 0}, (const float[]){0});
    add_integer(add_node(graph, "join", "Concat", "empty empty", "still_empty"), "axis", 1);
    add_integer(add_node(graph, "all", "Concat", "x still_empty", "y"), "axis", 1);
    infer(graph, "y");
    expect_shape(graph, "y", "float32[1,2]");
    snn_graph_destroy(graph);
}

static void test_going_on_after_refusals(void **state)
{
    (void)state;
    snn_graph *graph = new_graph();
    add_input(graph, "x", 2, (const int64_t[]){1, 4});
    (void)add_node(graph, "first", "Relu", "x", "a");
    (void)add_node(graph, "odd", "Frobnicate", "a", "b");
    (void)add_node(graph, "second", "Relu", "b", "c");
    (void)add_node(graph, "sum", "Add", "a c", "y");
    graph->output = value_number(graph, "y");
    assert_string_equal(snn_graph_infer(graph, false).message, "");
    assert_null(graph->nodes[0].refusal);
    assert_string_equal(graph->nodes[1].refusal, "operator not supported");
    assert_string_equal(graph->nodes[2].refusal, "the shape of its input b is not known");
    assert_string_equal(graph->nodes[3].refusal, "the shape of its input c is not known");
    expect_shape(graph, "a", "float32[1,4]");
    expect_shape(graph, "y", "unknown shape");
    for (int32_t i = 0; i < graph->node_count; i++) {
        assert_false(graph->nodes[i].folded);
    }
    snn_evaluator *evaluator = NULL;
    assert_int_equal(snn_evaluator_create(graph, true, &evaluator).code, SNN_INTERNAL_ERROR);
    assert_null(evaluator);
    snn_graph_destroy(graph);
}

static void test_unread_nodes_are_folded(void **state)
{
    (void)state;
    snn_graph *graph = new_graph();
    add_input(graph, "x", 2, (const int64_t[]){1, 4});
    (void)add_node(graph, "live", "Relu", "x", "y unread");
    (void)add_node(graph, "odd", "Frobnicate", "y", "b");
    (void)add_node(graph, "dead", "Relu", "b", "c");
    infer(graph, "y");
    assert_false(graph->nodes[0].folded);
    assert_true(graph->nodes[1].folded);
    assert_true(graph->nodes[2].folded);
    snn_graph_destroy(graph);
}

/* x [1,1,3,3] -> Conv 2x2 (weights 1,2,3,-4; bias 1) -> Relu -> Flatten -> Gemm [4] to [2] -> logits, by hand:
 * x = 1..9 gives conv = 1*1+2*2+3*4-4*5+1 = -2, 0, 4, 6 (each step right adds 2, each step down 6), relu 0, 0, 4, 6;
 * logits = (0+0+4+6) + 0.5 and (0*1 + 0*2 + 4*3 + 6*4) - 1. */
static snn_graph *tiny_network(void)
{
    snn_graph *graph = new_graph();
    add_input(graph, "x", 4, (const int64_t[]){1, 1, 3, 3});
    add_constant(graph, "w", SNN_TYPE_FLOAT32, 4, (const int64_t[]){1, 1, 2, 2}, (const float[]){1, 2, 3, -4});
    add_constant(graph, "b", SNN_TYPE_FLOAT32, 1, (const int64_t[]){1}, (const float[]){1});
    add_constant(graph, "v", SNN_TYPE_FLOAT32, 2, (const int64_t[]){2, 4}, (const float[]){1, 1, 1, 1, 1, 2, 3, 4});
    add_constant(graph, "c", SNN_TYPE_FLOAT32, 1, (const int64_t[]){2}, (const float[]){0.5f, -1});
    (void)add_node(graph, "conv", "Conv", "x w b", "h");
    (void)add_node(graph, "relu", "Relu", "h", "r");
    (void)add_node(graph, "flatten", "Flatten", "r", "f");
    add_integer(add_node(graph, "gemm", "Gemm", "f v c", "logits"), "transB", 1);
    infer(graph, "logits");
    return graph;
}

static void expect_values(const snn_evaluator *evaluator, snn_graph *graph, const char *name, size_t count,
                          const float *expected)
{
    const float *found = snn_evaluator_value(evaluator, value_number(graph, name));
    assert_non_null(found);
    for (size_t i = 0; i < count; i++) {
        assert_true(found[i] == expected[i]);
    }
}

static void test_evaluator(void **state)
{
    (void)state;
    const float first[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    const float second[] = {0, 0, 0, 0, -1, 0, 0, 0, 0};
    snn_graph *graph = tiny_network();
    expect_shape(graph, "h", "float32[1,1,2,2]");
    expect_shape(graph, "logits", "float32[1,2]");
    for (int keep_all = 0; keep_all < 2; keep_all++) {
        snn_evaluator *evaluator = NULL;
        assert_string_equal(snn_evaluator_create(graph, keep_all == 1, &evaluator).message, "");
        for (int round = 0; round < 2; round++) { /* nothing is left over from the image before */
            assert_string_equal(snn_evaluator_run(evaluator, first).message, "");
            expect_values(evaluator, graph, "logits", 2, (const float[]){10.5f, 35});
            if (keep_all == 1) {
                expect_values(evaluator, graph, "x", 9, first);
                expect_values(evaluator, graph, "h", 4, (const float[]){-2, 0, 4, 6});
                expect_values(evaluator, graph, "r", 4, (const float[]){0, 0, 4, 6});
            } else {
                assert_null(snn_evaluator_value(evaluator, value_number(graph, "h")));
            }
            expect_values(evaluator, graph, "w", 4, (const float[]){1, 2, 3, -4});
            assert_string_equal(snn_evaluator_run(evaluator, second).message, "");
            /* conv = 1 - (each weight once, from the last to the first): 5, -2, -1, 0 */
            expect_values(evaluator, graph, "logits", 2, (const float[]){5.5f, 4});
        }
        snn_evaluator_destroy(evaluator);
    }
    snn_graph_destroy(graph);
}

/* Values of different size with long and short lives, so that a buffer given back too early would show. */
static void test_evaluator_reuses_memory_safely(void **state)
{
    (void)state;
    snn_graph *graph = new_graph();
    add_input(graph, "x", 2, (const int64_t[]){1, 3});
    add_constant(graph, "two", SNN_TYPE_FLOAT32, 1, (const int64_t[]){1}, (const float[]){2});
    (void)add_node(graph, "n1", "Mul", "x two", "a");                      /* 2x */
    (void)add_node(graph, "n2", "Mul", "a two", "b");                      /* 4x */
    add_integer(add_node(graph, "n3", "Concat", "a b x", "c"), "axis", 1); /* 2x 4x x */
    (void)add_node(graph, "n4", "Mul", "b two", "d");                      /* 8x */
    (void)add_node(graph, "n5", "Add", "d a", "e");                        /* 10x */
    (void)add_node(graph, "n6", "Mul", "e two", "f");                      /* 20x */
    add_integer(add_node(graph, "n7", "Concat", "f e x", "g"), "axis", 1); /* 20x 10x x */
    (void)add_node(graph, "n8", "Add", "g c", "y");                        /* 22x 14x 2x */
    infer(graph, "y");
    const float x[] = {1, -3, 0.5f};
    for (int keep_all = 0; keep_all < 2; keep_all++) {
        snn_evaluator *evaluator = NULL;
        assert_string_equal(snn_evaluator_create(graph, keep_all == 1, &evaluator).message, "");
        assert_string_equal(snn_evaluator_run(evaluator, x).message, "");
        expect_values(evaluator, graph, "y", 9, (const float[]){22, -66, 11, 14, -42, 7, 2, -6, 1});
        snn_evaluator_destroy(evaluator);
    }
    snn_graph_destroy(graph);
}

/* An output that is the input, and one that no image can change. */
static void test_evaluator_of_graphs_without_work(void **state)
{
    (void)state;
    snn_graph *graph = new_graph();
    add_input(graph, "x", 2, (const int64_t[]){1, 2});
    add_constant(graph, "k", SNN_TYPE_FLOAT32, 2, (const int64_t[]){1, 2}, (const float[]){-3, 4});
    (void)add_node(graph, "relu", "Relu", "k", "y");
    const float x[] = {5, 6};
    static const char *const outputs[] = {"x", "y"};
    const float expected[][2] = {{5, 6}, {0, 4}};
    for (int i = 0; i < 2; i++) {
        infer(graph, outputs[i]);
        assert_true(graph->nodes[0].folded);
        snn_evaluator *evaluator = NULL;
        assert_string_equal(snn_evaluator_create(graph, false, &evaluator).message, "");
        assert_string_equal(snn_evaluator_run(evaluator, x).message, "");
        expect_values(evaluator, graph, outputs[i], 2, expected[i]);
        snn_evaluator_destroy(evaluator);
    }
    snn_graph_destroy(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tensors),
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_consumers),
        cmocka_unit_test(test_sort),
        cmocka_unit_test(test_shape_arithmetic_folds),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_kinds_of_attributes),
        cmocka_unit_test(test_empty_values),
        cmocka_unit_test(test_going_on_after_refusals),
        cmocka_unit_test(test_unread_nodes_are_folded),
        cmocka_unit_test(test_evaluator),
        cmocka_unit_test(test_evaluator_reuses_memory_safely),
        cmocka_unit_test(test_evaluator_of_graphs_without_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
