#include "core/graph/graph.h"

#include <inttypes.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/graph/lower.h"
#include "core/graph/operators.h"

/* Inputs without the optional ones that are left out at the end. */
static int32_t given_inputs(const snn_node *node)
{
    int32_t count = node->input_count;
    while (count > 0 && node->inputs[count - 1] == SNN_NO_VALUE) {
        count--;
    }
    return count;
}

static snn_status check_counts(const snn_graph *graph, const snn_node *node, const snn_graph_operator *entry)
{
    int32_t given = given_inputs(node);
    if (given < entry->min_inputs || (entry->max_inputs >= 0 && given > entry->max_inputs)) {
        return snn_fail(SNN_INPUT_ERROR, "%" PRId32 " inputs, expected %s%" PRId32, given,
                        given < entry->min_inputs ? "at least " : "at most ",
                        given < entry->min_inputs ? entry->min_inputs : entry->max_inputs);
    }
    for (int32_t i = 0; i < entry->min_inputs; i++) {
        if (node->inputs[i] == SNN_NO_VALUE) {
            return snn_fail(SNN_INPUT_ERROR, "input %" PRId32 " is left out, but it is not optional", i);
        }
    }
    for (int32_t i = 0; i < node->output_count; i++) {
        int32_t value = node->outputs[i];
        if (i < entry->outputs) {
            if (value == SNN_NO_VALUE) {
                return snn_fail(SNN_INPUT_ERROR, "output %" PRId32 " is left out: not supported", i);
            }
        } else if (value != SNN_NO_VALUE &&
                   (value == graph->output || snn_graph_consumers(graph, value, NULL, 0) > 0)) {
            return snn_fail(SNN_INPUT_ERROR, "output %" PRId32 " (%s) is not supported", i, graph->values[value].name);
        }
    }
    return snn_ok();
}

static snn_status find_operator(const snn_node *node, const snn_graph_operator **entry)
{
    const char *domain = node->domain == NULL ? "" : node->domain;
    if (domain[0] != '\0' && strcmp(domain, "ai.onnx") != 0) {
        return snn_fail(SNN_INPUT_ERROR, "operator of the domain %s not supported", domain);
    }
    *entry = snn_graph_operator_find(node->operator);
    if (*entry == NULL) {
        return snn_fail(SNN_INPUT_ERROR, "operator not supported");
    }
    return snn_ok();
}

/* Points the call at the node's inputs; *all_constant says whether nothing but constants goes in. */
static snn_status bind_inputs(const snn_graph *graph, const snn_node *node, const snn_tensor **inputs,
                              bool *all_constant)
{
    *all_constant = true;
    for (int32_t i = 0; i < node->input_count; i++) {
        inputs[i] = NULL;
        if (node->inputs[i] == SNN_NO_VALUE) {
            continue;
        }
        const snn_value *value = &graph->values[node->inputs[i]];
        if (value->tensor.rank < 0) {
            return snn_fail(SNN_INPUT_ERROR, "the shape of its input %s is not known", value->name);
        }
        inputs[i] = &value->tensor;
        *all_constant = *all_constant && value->constant;
    }
    return snn_ok();
}

/* Constants may be empty, as lists of axes are; a value of the image without elements is a mistake of the model. */
static snn_status check_shapes(const snn_operator_call *call, int32_t count, bool all_constant)
{
    for (int32_t i = 0; i < count; i++) {
        const int64_t elements = snn_tensor_elements(&call->outputs[i]);
        const bool computed = !all_constant && call->outputs[i].data == NULL;
        if (elements < 0 || (elements == 0 && computed)) {
            char shape[256];
            return snn_fail(SNN_INPUT_ERROR, "output %" PRId32 " would be %s: %s", i,
                            snn_tensor_describe(&call->outputs[i], shape, sizeof shape),
                            elements < 0 ? "not a usable shape" : "no elements");
        }
    }
    return snn_ok();
}

/* Computes the outputs that `infer` did not already give data. */
static snn_status evaluate_constants(const snn_graph_operator *entry, const snn_operator_call *call, int32_t count)
{
    bool complete = true;
    for (int32_t i = 0; i < count; i++) {
        if (call->outputs[i].data == NULL) {
            complete = false;
            SNN_TRY(snn_tensor_allocate(&call->outputs[i]));
        }
    }
    return complete ? snn_ok() : entry->evaluate(call);
}

/* Moves the outputs of a call into the graph's values. */
static void store_outputs(snn_graph *graph, snn_node *node, const snn_operator_call *call, int32_t count)
{
    node->folded = true;
    for (int32_t i = 0; i < count; i++) {
        snn_value *value = &graph->values[node->outputs[i]];
        value->tensor = call->outputs[i];
        value->constant = value->tensor.data != NULL;
        call->outputs[i].data = NULL;
        node->folded = node->folded && value->constant;
    }
}

/* Most operators know float32, int64 and bool only. */
static snn_status check_types(const snn_node *node, const snn_tensor *const *inputs)
{
    static const char *const knowing[] = {
        "QuantizeLinear", "DequantizeLinear", "Cast",      "Identity",    "Reshape", "Flatten", "Squeeze", "Shape",
        "Size",           "Unsqueeze",        "Transpose", "Slice",       "Gather",  "Concat",  "Split",   "Expand",
        "Tile",           "DepthToSpace",     "Dropout",   "SpaceToDepth"};
    for (size_t i = 0; i < sizeof knowing / sizeof knowing[0]; i++) {
        if (strcmp(knowing[i], node->operator) == 0) {
            return snn_ok();
        }
    }
    for (int32_t i = 0; i < node->input_count; i++) {
        if (inputs[i] != NULL && (inputs[i]->type == SNN_TYPE_INT8 || inputs[i]->type == SNN_TYPE_UINT8)) {
            return snn_fail(SNN_INPUT_ERROR, "input %" PRId32 ": %s is not supported here", i,
                            snn_type_name(inputs[i]->type));
        }
    }
    return snn_ok();
}

/* Whether the node gives its first input as it is, and nothing else that is read. */
static bool passes_on(const snn_graph *graph, const snn_node *node)
{
    static const char *const operators[] = {"Identity", "Dropout", "Cast"};
    const snn_value *from = &graph->values[node->inputs[0]], *to = &graph->values[node->outputs[0]];
    for (int32_t i = 1; i < node->output_count; i++) { /* the mask of Dropout */
        const int32_t other = node->outputs[i];
        if (other != SNN_NO_VALUE && (other == graph->output || snn_graph_consumers(graph, other, NULL, 0) > 0)) {
            return false;
        }
    }
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        if (strcmp(operators[i], node->operator) == 0) {
            return !to->constant && from->tensor.type == to->tensor.type;
        }
    }
    return false;
}

/* Readers of its output read its input from now on. */
static void pass_on(snn_graph *graph, snn_node *node)
{
    const int32_t from = node->inputs[0], to = node->outputs[0];
    for (snn_node *reader = node + 1; reader < graph->nodes + graph->node_count; reader++) {
        for (int32_t i = 0; i < reader->input_count; i++) {
            reader->inputs[i] = reader->inputs[i] == to ? from : reader->inputs[i];
        }
    }
    graph->output = graph->output == to ? from : graph->output;
    node->folded = true;
    node->folded_as = "passes its input on";
}

/* One node: shapes of its outputs, and their data if they follow from constants. `inputs` and `outputs` are room for
 * its input_count and output_count. */
static snn_status infer_call(snn_graph *graph, snn_node *node, const snn_tensor **inputs, snn_tensor *outputs)
{
    const snn_graph_operator *entry = NULL;
    bool all_constant = false;
    SNN_TRY(find_operator(node, &entry));
    SNN_TRY(check_counts(graph, node, entry));
    SNN_TRY(bind_inputs(graph, node, inputs, &all_constant));
    SNN_TRY(check_types(node, inputs));

    snn_operator_call call = {.node = node, .opset = graph->opset, .inputs = inputs, .outputs = outputs};
    int32_t count = node->output_count < entry->outputs ? node->output_count : entry->outputs;
    for (int32_t i = 0; i < node->output_count; i++) {
        outputs[i].rank = -1;
    }
    snn_status status = snn_ok();
    SNN_GOTO_DONE(status, entry->infer(&call));
    SNN_GOTO_DONE(status, check_shapes(&call, count, all_constant));
    if (all_constant) {
        SNN_GOTO_DONE(status, evaluate_constants(entry, &call, count));
    }
    store_outputs(graph, node, &call, count);
    if (passes_on(graph, node)) {
        pass_on(graph, node);
    }
done:
    for (int32_t i = 0; i < node->output_count; i++) {
        snn_release(outputs[i].data);
    }
    return status;
}

static snn_status infer_node(snn_graph *graph, snn_node *node)
{
    const snn_tensor **inputs = snn_allocate((size_t)node->input_count, sizeof *inputs);
    snn_tensor *outputs = snn_allocate((size_t)node->output_count, sizeof *outputs);
    const snn_status status = inputs == NULL || outputs == NULL
                                  ? snn_out_of_memory("room for a node's inputs and outputs")
                                  : infer_call(graph, node, inputs, outputs);
    snn_release(inputs);
    snn_release(outputs);
    return status;
}

/* Marks nodes as folded that the graph's output does not depend on. Nodes are in topological order, so one walk from
 * the last to the first meets every reader of a value before its producer. */
static snn_status fold_unread(snn_graph *graph)
{
    bool *needed = snn_allocate((size_t)graph->value_count, sizeof *needed);
    if (needed == NULL) {
        return snn_out_of_memory("marks of a graph's values");
    }
    needed[graph->output] = true;
    for (int32_t number = graph->node_count - 1; number >= 0; number--) {
        snn_node *node = &graph->nodes[number];
        bool read = false;
        for (int32_t i = 0; i < node->output_count; i++) {
            read = read || (node->outputs[i] != SNN_NO_VALUE && needed[node->outputs[i]]);
        }
        if (!read && node->refusal == NULL) {
            node->folded = true;
        }
        for (int32_t i = 0; i < node->input_count && !node->folded; i++) {
            if (node->inputs[i] != SNN_NO_VALUE) {
                needed[node->inputs[i]] = true;
            }
        }
    }
    snn_release(needed);
    return snn_ok();
}

/* Forgets what an earlier inference found out, but for constants. */
static void forget_inference(snn_graph *graph)
{
    for (int32_t i = 0; i < graph->value_count; i++) {
        if (graph->values[i].producer >= 0 && !graph->values[i].constant) {
            graph->values[i].tensor.rank = -1;
        }
    }
    for (int32_t i = 0; i < graph->node_count; i++) {
        snn_node *node = &graph->nodes[i];
        bool constant = false;
        for (int32_t k = 0; k < node->output_count; k++) {
            constant = constant || (node->outputs[k] != SNN_NO_VALUE && graph->values[node->outputs[k]].constant);
        }
        node->folded = node->folded && constant; /* else because nobody read it */
        snn_release(node->refusal);
        node->refusal = NULL;
    }
}

static snn_status infer_nodes(snn_graph *graph, bool stop_at_first)
{
    for (int32_t number = 0; number < graph->node_count; number++) {
        if (graph->nodes[number].folded) {
            continue;
        }
        bool lowered = false;
        snn_status status = snn_graph_lower(graph, number, &lowered);
        if (lowered) {
            number--; /* goes on with what stands there now */
            continue;
        }
        snn_node *node = &graph->nodes[number];
        status = snn_failed(status) ? status : infer_node(graph, node);
        if (status.code == SNN_INPUT_ERROR && !stop_at_first) {
            node->refusal = snn_duplicate_text(status.message);
            if (node->refusal == NULL) {
                return snn_out_of_memory("the reason of a refusal");
            }
        } else {
            SNN_TRY_CONTEXT(status, "%s: node %s (%s)", graph->source == NULL ? "graph" : graph->source, node->name,
                            node->operator);
        }
    }
    return snn_ok();
}

snn_status snn_graph_infer(snn_graph *graph, bool stop_at_first)
{
    forget_inference(graph);
    /* Before, so that what nobody needs is not refused; after, because folding leaves more that nobody needs. */
    SNN_TRY(fold_unread(graph));
    SNN_TRY(infer_nodes(graph, stop_at_first));
    return fold_unread(graph);
}
