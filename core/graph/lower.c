#include "core/graph/lower.h"

#include <string.h>

#include "core/base/memory.h"
#include "core/graph/operators_internal.h"

static const snn_lowering *find_lowering(const snn_graph *graph, const snn_node *node)
{
    static const snn_lowering *const families[] = {
        snn_lowerings_quantised, /* first: others take real values */
        snn_lowerings_attention, snn_lowerings_einsum,   snn_lowerings_function,
        snn_lowerings_product,   snn_lowerings_resample, snn_lowerings_sequence,
    };
    for (size_t family = 0; family < sizeof families / sizeof families[0]; family++) {
        for (const snn_lowering *entry = families[family]; entry->name != NULL; entry++) {
            if (strcmp(entry->domain, node->domain == NULL ? "" : node->domain) == 0 &&
                strcmp(entry->name, node->operator) == 0 && (entry->applies == NULL || entry->applies(graph, node))) {
                return entry;
            }
        }
    }
    return NULL;
}

static snn_status move_into_graph(snn_graph *graph, int32_t number, snn_expansion *e)
{
    const int32_t nodes = graph->node_count - 1 + e->node_count;
    const int32_t behind = graph->node_count - number - 1;
    snn_node *all = snn_allocate((size_t)nodes, sizeof *all);
    snn_value *values = snn_allocate((size_t)(graph->value_count + e->value_count), sizeof *values);
    if (all == NULL || values == NULL) {
        snn_release(all);
        snn_release(values);
        return snn_out_of_memory("nodes in place of a composite operator");
    }
    memcpy(all, graph->nodes, (size_t)number * sizeof *all);
    memcpy(all + number, e->nodes, (size_t)e->node_count * sizeof *all);
    memcpy(all + number + e->node_count, graph->nodes + number + 1, (size_t)behind * sizeof *all);
    memcpy(values, graph->values, (size_t)graph->value_count * sizeof *values);
    if (e->value_count > 0) {
        memcpy(values + graph->value_count, e->values, (size_t)e->value_count * sizeof *values);
    }
    snn_node_clear(&graph->nodes[number]);
    snn_release(graph->nodes);
    snn_release(graph->values);
    graph->nodes = all;
    graph->node_count = nodes;
    graph->values = values;
    graph->value_count += e->value_count;
    e->node_count = e->value_count = 0; /* the graph's now */
    for (int32_t n = number; n < nodes; n++) {
        for (int32_t i = 0; i < all[n].output_count; i++) {
            if (all[n].outputs[i] != SNN_NO_VALUE) {
                values[all[n].outputs[i]].producer = n;
            }
        }
    }
    return snn_ok();
}

static snn_status check_node(const snn_graph *graph, const snn_node *node, const snn_lowering *entry)
{
    int32_t given = node->input_count;
    while (given > 0 && node->inputs[given - 1] == SNN_NO_VALUE) {
        given--;
    }
    if (given < entry->min_inputs || given > entry->max_inputs) {
        return snn_fail(SNN_INPUT_ERROR, "%d inputs, expected %d to %d", given, entry->min_inputs, entry->max_inputs);
    }
    for (int32_t i = 0; i < node->input_count; i++) {
        const int32_t value = node->inputs[i];
        if (value == SNN_NO_VALUE ? i < entry->min_inputs : graph->values[value].tensor.rank < 0) {
            return value == SNN_NO_VALUE
                       ? snn_fail(SNN_INPUT_ERROR, "input %d is left out, but it is not optional", i)
                       : snn_fail(SNN_INPUT_ERROR, "the shape of its input %s is not known", graph->values[value].name);
        }
    }
    return snn_ok();
}

/* Refuses a node with an output that is read and that its definition does not give. */
static snn_status check_outputs(const snn_expansion *e)
{
    const snn_graph *graph = e->graph;
    for (int32_t i = 0; i < e->node->output_count; i++) {
        const int32_t value = e->node->outputs[i];
        const bool read =
            value != SNN_NO_VALUE && (value == graph->output || snn_graph_consumers(graph, value, NULL, 0) > 0);
        if (read && (i >= 32 || (e->given >> i & 1) == 0)) {
            return snn_fail(SNN_INPUT_ERROR, "output %d (%s) is not supported", i, graph->values[value].name);
        }
    }
    return snn_ok();
}

snn_status snn_graph_lower(snn_graph *graph, int32_t number, bool *lowered)
{
    const snn_node *node = &graph->nodes[number];
    const snn_lowering *entry = find_lowering(graph, node);
    *lowered = false;
    if (entry == NULL) {
        return snn_ok();
    }
    SNN_TRY(check_node(graph, node, entry));
    snn_expansion e = {.graph = graph, .node = node, .status = snn_ok()};
    entry->lower(&e);
    if (!snn_failed(e.status)) {
        e.status = check_outputs(&e);
    }
    if (!snn_failed(e.status)) {
        e.status = move_into_graph(graph, number, &e);
    }
    *lowered = !snn_failed(e.status);
    for (int32_t i = 0; i < e.node_count; i++) {
        snn_node_clear(&e.nodes[i]);
    }
    for (int32_t i = 0; i < e.value_count; i++) {
        snn_release(e.values[i].name);
        snn_tensor_clear(&e.values[i].tensor);
    }
    snn_release(e.nodes);
    snn_release(e.values);
    return e.status;
}
