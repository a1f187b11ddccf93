#include "core/graph/evaluator.h"

#include <string.h>

#include "core/base/memory.h"
#include "core/graph/operators.h"

/* A piece of memory that values share one after another. */
typedef struct shared_buffer {
    size_t bytes;
    void *data;
    bool taken; /* while planning: by a value that is still read */
} shared_buffer;

struct snn_evaluator {
    const snn_graph *graph;
    bool keep_all;
    const snn_graph_operator **operators; /* [node_count]; NULL for folded nodes */
    snn_tensor *values; /* [value_count]; data borrowed from buffers or from the graph's constants, NULL if unused */
    shared_buffer *buffers; /* [buffer_count] */
    int32_t buffer_count;
    const snn_tensor **inputs; /* room for one node's inputs */
    snn_tensor *outputs;       /* room for one node's outputs */
};

/* Which buffer holds which value, and until when: only needed while an evaluator is made. */
typedef struct memory_plan {
    int32_t *last_reader; /* [value_count]: node number; graph->node_count for values kept to the end */
    int32_t *buffer_of;   /* [value_count]; -1 for none */
} memory_plan;

static void find_last_readers(const snn_evaluator *evaluator, memory_plan *plan)
{
    const snn_graph *graph = evaluator->graph;
    for (int32_t i = 0; i < graph->value_count; i++) {
        plan->buffer_of[i] = -1;
        plan->last_reader[i] = evaluator->keep_all ? graph->node_count : graph->values[i].producer;
    }
    for (int32_t number = 0; number < graph->node_count && !evaluator->keep_all; number++) {
        const snn_node *node = &graph->nodes[number];
        for (int32_t i = 0; i < node->input_count && !node->folded; i++) {
            if (node->inputs[i] != SNN_NO_VALUE) {
                plan->last_reader[node->inputs[i]] = number;
            }
        }
    }
    plan->last_reader[graph->output] = graph->node_count;
}

/* The smallest free buffer that is large enough, else the largest free one (which then grows), else a new one. */
static int32_t choose_buffer(const snn_evaluator *evaluator, size_t bytes)
{
    int32_t best = evaluator->buffer_count;
    for (int32_t i = 0; i < evaluator->buffer_count; i++) {
        const shared_buffer *candidate = &evaluator->buffers[i];
        if (candidate->taken) {
            continue;
        }
        if (best == evaluator->buffer_count) {
            best = i;
            continue;
        }
        size_t best_bytes = evaluator->buffers[best].bytes;
        bool better = best_bytes < bytes ? candidate->bytes > best_bytes
                                         : candidate->bytes >= bytes && candidate->bytes < best_bytes;
        best = better ? i : best;
    }
    return best;
}

static void take_buffer(snn_evaluator *evaluator, memory_plan *plan, int32_t value)
{
    const snn_tensor *tensor = &evaluator->graph->values[value].tensor;
    size_t bytes = (size_t)snn_tensor_elements(tensor) * snn_type_bytes(tensor->type);
    int32_t chosen = choose_buffer(evaluator, bytes);
    shared_buffer *buffer = &evaluator->buffers[chosen];
    evaluator->buffer_count += chosen == evaluator->buffer_count;
    buffer->bytes = buffer->bytes < bytes ? bytes : buffer->bytes;
    buffer->taken = true;
    plan->buffer_of[value] = chosen;
}

/* Frees the buffers of those of `values` that nobody reads after node `number`. */
static void give_back(snn_evaluator *evaluator, const memory_plan *plan, const int32_t *values, int32_t count,
                      int32_t number)
{
    for (int32_t i = 0; i < count; i++) {
        int32_t value = values[i];
        if (value != SNN_NO_VALUE && plan->buffer_of[value] >= 0 && plan->last_reader[value] == number) {
            evaluator->buffers[plan->buffer_of[value]].taken = false;
        }
    }
}

/* Outputs of a node that are computed: the others have no shape, and snn_graph_infer has seen that nobody reads them.
 */
static int32_t computed_outputs(const snn_evaluator *evaluator, int32_t number)
{
    int32_t outputs = evaluator->graph->nodes[number].output_count;
    int32_t supported = evaluator->operators[number]->outputs;
    return outputs < supported ? outputs : supported;
}

static snn_status plan_node(snn_evaluator *evaluator, memory_plan *plan, int32_t number)
{
    const snn_graph *graph = evaluator->graph;
    const snn_node *node = &graph->nodes[number];
    evaluator->operators[number] = snn_graph_operator_find(node->operator);
    if (evaluator->operators[number] == NULL || node->refusal != NULL) {
        return snn_fail(SNN_INTERNAL_ERROR, "node %s (%s) cannot be evaluated: the graph did not pass inference",
                        node->name, node->operator);
    }
    int32_t outputs = computed_outputs(evaluator, number);
    for (int32_t i = 0; i < outputs; i++) {
        if (snn_tensor_elements(&graph->values[node->outputs[i]].tensor) < 0) {
            return snn_fail(SNN_INTERNAL_ERROR, "node %s (%s) cannot be evaluated: its output has no shape", node->name,
                            node->operator);
        }
        take_buffer(evaluator, plan, node->outputs[i]);
    }
    give_back(evaluator, plan, node->inputs, node->input_count, number);
    give_back(evaluator, plan, node->outputs, outputs, number);
    return snn_ok();
}

static snn_status allocate_buffers(snn_evaluator *evaluator, const memory_plan *plan)
{
    const snn_graph *graph = evaluator->graph;
    for (int32_t i = 0; i < evaluator->buffer_count; i++) {
        evaluator->buffers[i].data = snn_allocate(evaluator->buffers[i].bytes, 1);
        if (evaluator->buffers[i].data == NULL) {
            return snn_out_of_memory("values of the trained network");
        }
    }
    for (int32_t i = 0; i < graph->value_count; i++) {
        evaluator->values[i] = graph->values[i].tensor;
        if (plan->buffer_of[i] >= 0) {
            evaluator->values[i].data = evaluator->buffers[plan->buffer_of[i]].data;
        }
    }
    return snn_ok();
}

static snn_status lay_out(snn_evaluator *evaluator)
{
    const snn_graph *graph = evaluator->graph;
    size_t values = (size_t)graph->value_count;
    memory_plan plan = {snn_allocate(values, sizeof(int32_t)), snn_allocate(values, sizeof(int32_t))};
    snn_status status = snn_ok();
    if (plan.last_reader == NULL || plan.buffer_of == NULL) {
        status = snn_out_of_memory("plan of an evaluator");
        goto done;
    }
    if (snn_tensor_elements(&graph->values[graph->input].tensor) < 0) {
        status = snn_fail(SNN_INTERNAL_ERROR, "the graph's input has no shape");
        goto done;
    }
    find_last_readers(evaluator, &plan);
    take_buffer(evaluator, &plan, graph->input);
    for (int32_t number = 0; number < graph->node_count; number++) {
        if (!graph->nodes[number].folded) {
            SNN_GOTO_DONE(status, plan_node(evaluator, &plan, number));
        }
    }
    SNN_GOTO_DONE(status, allocate_buffers(evaluator, &plan));
done:
    snn_release(plan.last_reader);
    snn_release(plan.buffer_of);
    return status;
}

snn_status snn_evaluator_create(const snn_graph *graph, bool keep_all, snn_evaluator **evaluator)
{
    *evaluator = NULL;
    snn_evaluator *made = snn_allocate(1, sizeof *made);
    if (made == NULL) {
        return snn_out_of_memory("an evaluator");
    }
    int32_t inputs = 0;
    int32_t outputs = 0;
    for (int32_t i = 0; i < graph->node_count; i++) {
        inputs = graph->nodes[i].input_count > inputs ? graph->nodes[i].input_count : inputs;
        outputs = graph->nodes[i].output_count > outputs ? graph->nodes[i].output_count : outputs;
    }
    size_t values = (size_t)graph->value_count;
    made->graph = graph;
    made->keep_all = keep_all;
    made->operators = snn_allocate((size_t)graph->node_count, sizeof(snn_graph_operator *));
    made->values = snn_allocate(values, sizeof *made->values);
    made->buffers = snn_allocate(values, sizeof *made->buffers);
    made->inputs = snn_allocate((size_t)inputs, sizeof(snn_tensor *));
    made->outputs = snn_allocate((size_t)outputs, sizeof *made->outputs);
    bool complete = made->operators != NULL && made->values != NULL && made->buffers != NULL && made->inputs != NULL &&
                    made->outputs != NULL;
    snn_status status = complete ? lay_out(made) : snn_out_of_memory("an evaluator");
    if (snn_failed(status)) {
        snn_evaluator_destroy(made);
        return status;
    }
    *evaluator = made;
    return snn_ok();
}

static snn_status run_node(snn_evaluator *evaluator, int32_t number)
{
    const snn_graph *graph = evaluator->graph;
    const snn_node *node = &graph->nodes[number];
    for (int32_t i = 0; i < node->input_count; i++) {
        evaluator->inputs[i] = node->inputs[i] == SNN_NO_VALUE ? NULL : &evaluator->values[node->inputs[i]];
    }
    int32_t outputs = computed_outputs(evaluator, number);
    for (int32_t i = 0; i < node->output_count; i++) {
        evaluator->outputs[i] =
            i < outputs ? evaluator->values[node->outputs[i]] : (snn_tensor){.rank = -1, .data = NULL};
    }
    snn_operator_call call = {
        .node = node, .opset = graph->opset, .inputs = evaluator->inputs, .outputs = evaluator->outputs};
    SNN_TRY_CONTEXT(evaluator->operators[number]->evaluate(&call), "%s: node %s (%s)",
                    graph->source == NULL ? "graph" : graph->source, node->name, node->operator);
    return snn_ok();
}

snn_status snn_evaluator_run(snn_evaluator *evaluator, const float *image)
{
    const snn_graph *graph = evaluator->graph;
    const snn_tensor *input = &evaluator->values[graph->input];
    memcpy(input->data, image, (size_t)snn_tensor_elements(input) * sizeof *image);
    for (int32_t number = 0; number < graph->node_count; number++) {
        if (!graph->nodes[number].folded) {
            SNN_TRY(run_node(evaluator, number));
        }
    }
    return snn_ok();
}

const float *snn_evaluator_value(const snn_evaluator *evaluator, int32_t value)
{
    const snn_graph *graph = evaluator->graph;
    bool kept = evaluator->keep_all || value == graph->output || graph->values[value].constant;
    return kept && evaluator->values[value].type == SNN_TYPE_FLOAT32 ? evaluator->values[value].data : NULL;
}

void snn_evaluator_destroy(snn_evaluator *evaluator)
{
    if (evaluator == NULL) {
        return;
    }
    for (int32_t i = 0; i < evaluator->buffer_count; i++) {
        snn_release(evaluator->buffers[i].data);
    }
    snn_release(evaluator->operators);
    snn_release(evaluator->values);
    snn_release(evaluator->buffers);
    snn_release(evaluator->inputs);
    snn_release(evaluator->outputs);
    snn_release(evaluator);
}
