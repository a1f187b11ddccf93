#include <string.h>

#include "core/graph/graph.h"

/* The only node that reads a value; NULL if there is none or more than one, or if it is the graph's output. */
static snn_node *only_reader(snn_graph *graph, int32_t value)
{
    snn_node *found = NULL;
    for (int32_t n = 0; n < graph->node_count; n++) {
        snn_node *node = &graph->nodes[n];
        for (int32_t i = 0; i < node->input_count && !node->folded; i++) {
            if (node->inputs[i] == value) {
                if (found != NULL) {
                    return NULL;
                }
                found = node;
            }
        }
    }
    return graph->output == value ? NULL : found;
}

static bool is_operator(const snn_node *node, const char *const *names)
{
    for (; node != NULL && !node->folded && node->domain[0] == '\0' && *names != NULL; names++) {
        if (strcmp(node->operator, * names) == 0) {
            return true;
        }
    }
    return false;
}

static snn_node *producer_of(snn_graph *graph, int32_t value)
{
    return graph->values[value].producer < 0 ? NULL : &graph->nodes[graph->values[value].producer];
}

/* Whether a softmax is one of all elements. */
static bool is_of_all(const snn_graph *graph, const snn_node *node)
{
    const snn_tensor *x = &graph->values[node->inputs[0]].tensor;
    const int64_t fallback = graph->opset >= 13 ? -1 : 1;
    const int64_t given = snn_node_integer(node, "axis", fallback);
    const int64_t axis = given < 0 ? given + x->rank : given;
    return x->rank > 0 && axis >= 0 && axis < x->rank &&
           (x->dims[axis] == snn_tensor_elements(x) || (graph->opset < 13 && axis <= 1 && x->dims[0] == 1));
}

static void drop_softmax(snn_graph *graph)
{
    static const char *const shapes[] = {"Reshape", "Squeeze", "Unsqueeze", "Flatten", NULL};
    static const char *const functions[] = {"Softmax", "LogSoftmax", NULL};
    int32_t value = graph->output;
    snn_node *behind = NULL, *node = producer_of(graph, value);
    while (is_operator(node, shapes)) {
        behind = node;
        value = node->inputs[0];
        node = producer_of(graph, value);
    }
    if (!is_operator(node, functions) || !is_of_all(graph, node)) {
        return;
    }
    if (behind == NULL) {
        graph->output = node->inputs[0];
    } else if (only_reader(graph, value) == behind) {
        behind->inputs[0] = node->inputs[0];
    } else {
        return;
    }
    node->folded = true;
    node->folded_as = "dropped: the largest class is that of its input";
}

static void drop_transposition(snn_graph *graph)
{
    static const char *const transpositions[] = {"Transpose", NULL};
    snn_node *node = only_reader(graph, graph->input);
    int64_t perm[4] = {0};
    if (!is_operator(node, transpositions) || graph->values[graph->input].tensor.rank != 4 ||
        node->outputs[0] == graph->output || snn_node_integers(node, "perm", perm, 4) != 4 || perm[0] != 0 ||
        perm[1] != 3 || perm[2] != 1 || perm[3] != 2) {
        return;
    }
    graph->input = node->outputs[0];
    graph->values[graph->input].producer = -1;
    node->folded = true;
    node->folded_as = "dropped: images come with their channels first";
}

void snn_graph_drop_ends(snn_graph *graph)
{
    drop_softmax(graph);
    drop_transposition(graph);
}
