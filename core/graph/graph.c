#include "core/graph/graph.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"

int64_t snn_tensor_elements(const snn_tensor *tensor)
{
    if (tensor->rank < 0 || tensor->rank > SNN_MAX_RANK) {
        return -1;
    }
    int64_t elements = 1;
    bool empty = false;
    for (int32_t axis = 0; axis < tensor->rank; axis++) {
        int64_t size = tensor->dims[axis];
        if (size < 0 || size > SNN_MAX_ELEMENTS) {
            return -1;
        }
        if (size == 0) {
            empty = true;
        } else if (elements > SNN_MAX_ELEMENTS / size) {
            return -1;
        } else {
            elements *= size;
        }
    }
    return empty ? 0 : elements;
}

bool snn_tensor_uniform(const snn_tensor *tensor, float *number)
{
    const int64_t elements = snn_tensor_elements(tensor);
    if (elements < 1 || (tensor->type != SNN_TYPE_FLOAT32 && tensor->type != SNN_TYPE_INT64)) {
        return false;
    }
    const bool real = tensor->type == SNN_TYPE_FLOAT32;
    for (int64_t i = 0; i < elements; i++) {
        const float element = real ? ((const float *)tensor->data)[i] : (float)((const int64_t *)tensor->data)[i];
        if (i > 0 && element != *number) {
            return false;
        }
        *number = element;
    }
    return true;
}

size_t snn_type_bytes(snn_type type)
{
    switch (type) {
    case SNN_TYPE_FLOAT32:
        return sizeof(float);
    case SNN_TYPE_INT64:
        return sizeof(int64_t);
    case SNN_TYPE_BOOL:
    case SNN_TYPE_INT8:
    case SNN_TYPE_UINT8:
        return sizeof(uint8_t);
    }
    return 0;
}

const char *snn_type_name(snn_type type)
{
    switch (type) {
    case SNN_TYPE_FLOAT32:
        return "float32";
    case SNN_TYPE_INT64:
        return "int64";
    case SNN_TYPE_BOOL:
        return "bool";
    case SNN_TYPE_INT8:
        return "int8";
    case SNN_TYPE_UINT8:
        return "uint8";
    }
    return "?";
}

const char *snn_tensor_describe(const snn_tensor *tensor, char *text, size_t bytes)
{
    if (tensor->rank < 0 || tensor->rank > SNN_MAX_RANK) {
        (void)snprintf(text, bytes, "unknown shape");
        return text;
    }
    char dims[SNN_MAX_RANK * 21 + 1] = ""; /* 20 characters hold any int64_t, one a comma */
    size_t used = 0;
    for (int32_t axis = 0; axis < tensor->rank; axis++) {
        int written = snprintf(dims + used, sizeof dims - used, "%s%" PRId64, axis > 0 ? "," : "", tensor->dims[axis]);
        used += written > 0 ? (size_t)written : 0;
    }
    (void)snprintf(text, bytes, "%s[%s]", snn_type_name(tensor->type), dims);
    return text;
}

snn_status snn_tensor_allocate(snn_tensor *tensor)
{
    int64_t elements = snn_tensor_elements(tensor);
    if (elements < 0) {
        char shape[256];
        return snn_fail(SNN_INPUT_ERROR, "%s: not a usable shape", snn_tensor_describe(tensor, shape, sizeof shape));
    }
    tensor->data = snn_allocate((size_t)elements, snn_type_bytes(tensor->type));
    tensor->borrowed = false;
    if (tensor->data == NULL) {
        char shape[256];
        return snn_out_of_memory(snn_tensor_describe(tensor, shape, sizeof shape));
    }
    return snn_ok();
}

void snn_tensor_clear(snn_tensor *tensor)
{
    if (!tensor->borrowed) {
        snn_release(tensor->data);
    }
    memset(tensor, 0, sizeof *tensor);
    tensor->rank = -1;
}

const snn_attribute *snn_node_attribute(const snn_node *node, const char *name)
{
    for (size_t i = 0; i < node->attribute_count; i++) {
        if (strcmp(node->attributes[i].name, name) == 0) {
            return &node->attributes[i];
        }
    }
    return NULL;
}

int64_t snn_node_integer(const snn_node *node, const char *name, int64_t fallback)
{
    const snn_attribute *attribute = snn_node_attribute(node, name);
    return attribute != NULL && attribute->kind == SNN_ATTRIBUTE_INT ? attribute->integer : fallback;
}

float snn_node_real(const snn_node *node, const char *name, float fallback)
{
    const snn_attribute *attribute = snn_node_attribute(node, name);
    return attribute != NULL && attribute->kind == SNN_ATTRIBUTE_FLOAT ? attribute->real : fallback;
}

const char *snn_node_text(const snn_node *node, const char *name, const char *fallback)
{
    const snn_attribute *attribute = snn_node_attribute(node, name);
    return attribute != NULL && attribute->kind == SNN_ATTRIBUTE_TEXT ? attribute->text : fallback;
}

size_t snn_node_integers(const snn_node *node, const char *name, int64_t *out, size_t limit)
{
    const snn_attribute *attribute = snn_node_attribute(node, name);
    if (attribute == NULL || attribute->kind != SNN_ATTRIBUTE_INTS) {
        return 0;
    }
    size_t copied = attribute->count < limit ? attribute->count : limit;
    if (copied > 0) {
        memcpy(out, attribute->integers, copied * sizeof *out);
    }
    return attribute->count;
}

/* One node on the path of a depth-first walk from a node to the nodes that it needs. */
typedef struct visit {
    int32_t node;
    int32_t next_input;
} visit;

typedef enum mark { MARK_NEW, MARK_OPEN, MARK_DONE } mark; /* open: on the path from the walk's start */

typedef struct depth_walk {
    visit *path;    /* [node_count] */
    uint8_t *marks; /* [node_count] of mark */
    int32_t *order; /* [node_count] */
    int32_t ordered;
} depth_walk;

/* Appends `start` to the order, after everything that it depends on. */
static snn_status visit_from(const snn_graph *graph, int32_t start, depth_walk *walk)
{
    int32_t depth = 0;
    walk->path[0] = (visit){start, 0};
    walk->marks[start] = MARK_OPEN;
    while (depth >= 0) {
        visit *here = &walk->path[depth];
        const snn_node *node = &graph->nodes[here->node];
        if (here->next_input == node->input_count) {
            walk->marks[here->node] = MARK_DONE;
            walk->order[walk->ordered++] = here->node;
            depth--;
            continue;
        }
        int32_t value = node->inputs[here->next_input++];
        int32_t producer = value == SNN_NO_VALUE ? -1 : graph->values[value].producer;
        if (producer < 0 || walk->marks[producer] == MARK_DONE) {
            continue;
        }
        if (walk->marks[producer] == MARK_OPEN) {
            return snn_fail(SNN_INPUT_ERROR, "the graph has a cycle through node %s", graph->nodes[producer].name);
        }
        walk->marks[producer] = MARK_OPEN;
        walk->path[++depth] = (visit){producer, 0};
    }
    return snn_ok();
}

snn_status snn_graph_sort(snn_graph *graph)
{
    size_t count = (size_t)graph->node_count;
    snn_status status = snn_ok();
    depth_walk walk = {snn_allocate(count, sizeof(visit)), snn_allocate(count, sizeof(uint8_t)),
                       snn_allocate(count, sizeof(int32_t)), 0};
    snn_node *sorted = snn_allocate(count, sizeof *sorted);
    if (walk.path == NULL || walk.marks == NULL || walk.order == NULL || sorted == NULL) {
        status = snn_out_of_memory("sorting a graph");
        goto done;
    }
    for (int32_t node = 0; node < graph->node_count; node++) {
        if (walk.marks[node] == MARK_NEW) {
            SNN_GOTO_DONE(status, visit_from(graph, node, &walk));
        }
    }
    for (int32_t i = 0; i < graph->node_count; i++) {
        sorted[i] = graph->nodes[walk.order[i]];
        for (int32_t k = 0; k < sorted[i].output_count; k++) {
            if (sorted[i].outputs[k] != SNN_NO_VALUE) {
                graph->values[sorted[i].outputs[k]].producer = i;
            }
        }
    }
    snn_release(graph->nodes);
    graph->nodes = sorted;
    sorted = NULL;
done:
    snn_release(walk.path);
    snn_release(walk.marks);
    snn_release(walk.order);
    snn_release(sorted);
    return status;
}

int32_t snn_graph_consumers(const snn_graph *graph, int32_t value, int32_t *nodes, int32_t limit)
{
    int32_t count = 0;
    for (int32_t number = 0; number < graph->node_count; number++) {
        const snn_node *node = &graph->nodes[number];
        for (int32_t i = 0; i < node->input_count; i++) {
            if (node->inputs[i] == value) {
                if (count < limit) {
                    nodes[count] = number;
                }
                count++;
                break;
            }
        }
    }
    return count;
}

void snn_node_clear(snn_node *node)
{
    for (size_t i = 0; i < node->attribute_count; i++) {
        snn_attribute *attribute = &node->attributes[i];
        snn_release(attribute->name);
        snn_release(attribute->text);
        snn_release(attribute->integers);
        snn_release(attribute->reals);
        snn_tensor_clear(&attribute->tensor);
    }
    snn_release(node->attributes);
    snn_release(node->name);
    snn_release(node->operator);
    snn_release(node->domain);
    snn_release(node->inputs);
    snn_release(node->outputs);
    snn_release(node->refusal);
}

void snn_graph_destroy(snn_graph *graph)
{
    if (graph == NULL) {
        return;
    }
    for (int32_t i = 0; i < graph->value_count; i++) {
        snn_release(graph->values[i].name);
        snn_tensor_clear(&graph->values[i].tensor);
    }
    for (int32_t i = 0; i < graph->node_count; i++) {
        snn_node_clear(&graph->nodes[i]);
    }
    for (int32_t i = 0; i < graph->mapping_count; i++) {
        snn_mapping_close(&graph->mappings[i]);
    }
    snn_release(graph->mappings);
    snn_release(graph->values);
    snn_release(graph->nodes);
    snn_release(graph->source);
    snn_release(graph);
}
