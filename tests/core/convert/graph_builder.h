/* Builds small graphs by hand, in the words of the test: every call appends one node and gives its output's number. */
#ifndef TESTS_GRAPH_BUILDER_H
#define TESTS_GRAPH_BUILDER_H

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/graph/graph.h"

enum { BUILDER_LIMIT = 64 };

typedef struct builder {
    snn_graph *graph;
    uint64_t random;
} builder;

/* Uniform in [-1, 1), the same sequence every time. */
static inline float builder_random(builder *b)
{
    b->random = b->random * 6364136223846793005u + 1442695040888963407u;
    return (float)((double)(b->random >> 11) / 4503599627370496.0 - 1.0);
}

static inline int32_t builder_value(builder *b, const char *name)
{
    snn_value *value = &b->graph->values[b->graph->value_count];
    memset(value, 0, sizeof *value);
    value->name = snn_duplicate_text(name);
    value->producer = -1;
    assert_true(b->graph->value_count < BUILDER_LIMIT);
    return b->graph->value_count++;
}

static inline void set_dims(snn_tensor *tensor, int32_t rank, const int64_t *dims)
{
    tensor->rank = rank;
    if (rank > 0) {
        memcpy(tensor->dims, dims, (size_t)rank * sizeof *dims);
    }
}

/* A graph with one image input of these dims. */
static inline builder builder_begin(int32_t rank, const int64_t *dims)
{
    builder b = {snn_allocate(1, sizeof(snn_graph)), 12345};
    b.graph->source = snn_duplicate_text("test.onnx");
    b.graph->opset = 13;
    b.graph->values = snn_allocate(BUILDER_LIMIT, sizeof(snn_value));
    b.graph->nodes = snn_allocate(BUILDER_LIMIT, sizeof(snn_node));
    b.graph->input = builder_value(&b, "input");
    set_dims(&b.graph->values[0].tensor, rank, dims);
    return b;
}

/* A random constant with elements of about `size`. */
static inline int32_t constant(builder *b, float size, int32_t rank, const int64_t *dims)
{
    int32_t v = builder_value(b, "constant");
    snn_tensor *tensor = &b->graph->values[v].tensor;
    set_dims(tensor, rank, dims);
    b->graph->values[v].constant = true;
    assert_true(snn_tensor_allocate(tensor).code == SNN_OK);
    for (int64_t i = 0; i < snn_tensor_elements(tensor); i++) {
        ((float *)tensor->data)[i] = size * builder_random(b);
    }
    return v;
}

/* A random constant in (0.5, 1.5): variances and divisors. */
static inline int32_t positive(builder *b, int32_t rank, const int64_t *dims)
{
    int32_t v = constant(b, 0.5f, rank, dims);
    snn_tensor *tensor = &b->graph->values[v].tensor;
    for (int64_t i = 0; i < snn_tensor_elements(tensor); i++) {
        ((float *)tensor->data)[i] += 1.0f;
    }
    return v;
}

/* A constant with these elements. */
static inline int32_t given(builder *b, const float *elements, int32_t rank, const int64_t *dims)
{
    int32_t v = constant(b, 0.0f, rank, dims);
    snn_tensor *tensor = &b->graph->values[v].tensor;
    memcpy(tensor->data, elements, (size_t)snn_tensor_elements(tensor) * sizeof *elements);
    return v;
}

/* A constant of one element. */
static inline int32_t scalar(builder *b, float value)
{
    int32_t v = constant(b, 0.0f, 0, NULL);
    *(float *)b->graph->values[v].tensor.data = value;
    return v;
}

static inline int32_t integers(builder *b, int64_t count, const int64_t *elements)
{
    int32_t v = builder_value(b, "integers");
    snn_tensor *tensor = &b->graph->values[v].tensor;
    tensor->type = SNN_TYPE_INT64;
    set_dims(tensor, 1, &count);
    b->graph->values[v].constant = true;
    assert_true(snn_tensor_allocate(tensor).code == SNN_OK);
    memcpy(tensor->data, elements, (size_t)count * sizeof *elements);
    return v;
}

/* One node; up to four inputs, ended by SNN_NO_VALUE or the count. */
static inline int32_t node_of(builder *b, const char *operator, int32_t count, const int32_t *inputs)
{
    char name[64];
    int32_t number = b->graph->node_count++;
    snn_node *node = &b->graph->nodes[number];
    assert_true(number < BUILDER_LIMIT);
    (void)snprintf(name, sizeof name, "%s_%d", operator, number);
    memset(node, 0, sizeof *node);
    node->name = snn_duplicate_text(name);
    node->operator= snn_duplicate_text(operator);
    node->domain = snn_duplicate_text("");
    node->inputs = snn_allocate((size_t)count, sizeof *node->inputs);
    memcpy(node->inputs, inputs, (size_t)count * sizeof *inputs);
    node->input_count = count;
    node->outputs = snn_allocate(1, sizeof *node->outputs);
    node->output_count = 1;
    node->outputs[0] = builder_value(b, name);
    b->graph->values[node->outputs[0]].producer = number;
    node->attributes = snn_allocate(8, sizeof *node->attributes);
    b->graph->output = node->outputs[0];
    return node->outputs[0];
}

/* Further outputs of the node appended last; gives the number of the first of them, the others follow. */
static inline int32_t more_outputs(builder *b, int32_t count)
{
    int32_t number = b->graph->node_count - 1;
    snn_node *node = &b->graph->nodes[number];
    int32_t *outputs = snn_allocate((size_t)count + 1, sizeof *outputs);
    outputs[0] = node->outputs[0];
    for (int32_t i = 1; i <= count; i++) {
        outputs[i] = builder_value(b, "part");
        b->graph->values[outputs[i]].producer = number;
    }
    snn_release(node->outputs);
    node->outputs = outputs;
    node->output_count = count + 1;
    return outputs[1];
}

#define NODE(b, operator, ...)                                                                                         \
    node_of((b), (operator), (int32_t)(sizeof((int32_t[]){__VA_ARGS__}) / sizeof(int32_t)), (int32_t[]){__VA_ARGS__})
#define DIMS(...)                                                                                                      \
    (int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[])                                         \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }

/* Attributes of the node appended last. */
static inline snn_attribute *attribute(builder *b, const char *name, snn_attribute_kind kind)
{
    snn_node *node = &b->graph->nodes[b->graph->node_count - 1];
    snn_attribute *added = &node->attributes[node->attribute_count++];
    added->name = snn_duplicate_text(name);
    added->kind = kind;
    return added;
}

static inline void with_integer(builder *b, const char *name, int64_t integer)
{
    attribute(b, name, SNN_ATTRIBUTE_INT)->integer = integer;
}

static inline void with_real(builder *b, const char *name, float real)
{
    attribute(b, name, SNN_ATTRIBUTE_FLOAT)->real = real;
}

static inline void with_text(builder *b, const char *name, const char *text)
{
    attribute(b, name, SNN_ATTRIBUTE_TEXT)->text = snn_duplicate_text(text);
}

static inline void with_integers(builder *b, const char *name, int32_t count, const int64_t *elements)
{
    snn_attribute *added = attribute(b, name, SNN_ATTRIBUTE_INTS);
    added->integers = snn_allocate((size_t)count, sizeof *elements);
    memcpy(added->integers, elements, (size_t)count * sizeof *elements);
    added->count = (size_t)count;
}

#endif
