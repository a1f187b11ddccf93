/* The draft of a graph: patterns are found, every node becomes populations or folds into what reads it, and what
 * several nodes share is given a place. */
#include "core/convert/convert.h"

#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/convert/arrange.h"
#include "core/convert/centring.h"
#include "core/convert/recognise.h"

static snn_recogniser find_recogniser(const char *operator_name)
{
    static snn_recogniser (*const families[])(const char *) = {
        snn_recogniser_product, snn_recogniser_arithmetic, snn_recogniser_average,   snn_recogniser_neuron,
        snn_recogniser_maximum, snn_recogniser_normalise,  snn_recogniser_softmax,   snn_recogniser_movement,
        snn_recogniser_parts,   snn_recogniser_attention,  snn_recogniser_quantised,
    };
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        snn_recogniser found = families[i](operator_name);
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}

/* Uses by what is converted: patterns in place of the nodes that they absorb. */
static void count_uses(snn_draft *draft)
{
    const snn_graph *graph = draft->graph;
    for (int32_t n = 0; n < graph->node_count; n++) {
        const snn_node *node = &graph->nodes[n];
        const snn_pattern_match *match = &draft->matches[n];
        bool pattern = match->root == n;
        int32_t count = pattern ? match->input_count : node->input_count;
        const int32_t *inputs = pattern ? match->inputs : node->inputs;
        if (node->folded || (match->root >= 0 && !pattern)) {
            continue;
        }
        for (int32_t i = 0; i < count; i++) {
            if (inputs[i] != SNN_NO_VALUE) {
                draft->uses[inputs[i]]++;
            }
        }
    }
    draft->uses[graph->output]++;
}

static snn_status begin(snn_draft *draft)
{
    const snn_graph *graph = draft->graph;
    const snn_tensor *input = &graph->values[graph->input].tensor;
    draft->affines = snn_allocate((size_t)graph->value_count, sizeof *draft->affines);
    draft->uses = snn_allocate((size_t)graph->value_count, sizeof *draft->uses);
    draft->matches = snn_allocate((size_t)graph->node_count, sizeof *draft->matches);
    if (draft->affines == NULL || draft->uses == NULL || draft->matches == NULL) {
        return snn_out_of_memory("draft");
    }
    SNN_TRY(snn_patterns_find(graph, draft->matches));
    count_uses(draft);
    snn_shape shape;
    snn_order order;
    SNN_TRY(snn_affine_natural_layout(input->dims, input->rank, &shape, &order));
    return snn_affine_identity(&draft->affines[graph->input], SNN_SOURCE_INPUT, shape, order);
}

/* Whether a term passes a stream on, channel by channel, at any gain. */
static bool passes_stream_on(const snn_draft *draft, const snn_affine *affine)
{
    for (int32_t t = 0; t < affine->term_count; t++) {
        const snn_term *term = &affine->terms[t];
        if (term->op.kind == SNN_OPERATOR_DIAGONAL && term->source != SNN_SOURCE_INPUT &&
            draft->populations[term->source].kind == SNN_NEURON_STREAM) {
            return true;
        }
    }
    return false;
}

/* What several readers share must not be computed once per reader: behind an operator they read a stream. And what is
 * added to a stream is a stream again, so that nothing scales or cuts it before it is summed. */
static snn_status share_outputs(snn_draft *draft, const snn_node *node)
{
    for (int32_t i = 0; i < node->output_count; i++) {
        int32_t value = node->outputs[i];
        if (value == SNN_NO_VALUE) {
            continue;
        }
        snn_affine *affine = &draft->affines[value];
        bool shared = draft->uses[value] > 1 || passes_stream_on(draft, affine);
        if (shared && affine->term_count > 0) {
            SNN_TRY(snn_draft_stream_affine(draft, affine, value));
        }
    }
    return snn_ok();
}

static snn_status convert_node(snn_draft *draft, const snn_node *node, const snn_pattern_match *pattern,
                               snn_node_report *report)
{
    snn_recognition recognition = {draft, node, pattern, SNN_VERDICT_LINEAR, ""};
    snn_recogniser recogniser = node->domain[0] == '\0' ? find_recogniser(node->operator) : NULL;
    snn_status status = snn_ok();
    const bool unknown = node->refusal != NULL && strcmp(node->refusal, "operator not supported") == 0;
    if (recogniser == NULL && (node->refusal == NULL || unknown)) {
        status = snn_fail(SNN_INPUT_ERROR, "no spiking neuron and no linear operator stands for %s%s%s", node->domain,
                          node->domain[0] == '\0' ? "" : ".", node->operator);
    } else if (draft->graph->values[node->outputs[0]].tensor.rank < 0) {
        status =
            snn_fail(SNN_INPUT_ERROR, "%s", node->refusal != NULL ? node->refusal : "its input has no known shape");
    } else {
        status = recogniser(&recognition);
    }
    if (!snn_failed(status)) {
        status = share_outputs(draft, node);
    }
    if (report != NULL) {
        report->verdict = !snn_failed(status) ? recognition.verdict : SNN_VERDICT_REFUSED;
        (void)snprintf(report->text, sizeof report->text, "%.159s",
                       !snn_failed(status) ? recognition.text : status.message);
    }
    return status;
}

/* After a refusal under `check`, later nodes are judged as if this one had worked. */
static snn_status pretend(snn_draft *draft, const snn_node *node)
{
    for (int32_t i = 0; i < node->output_count; i++) {
        int32_t value = node->outputs[i];
        if (value == SNN_NO_VALUE || draft->graph->values[value].tensor.rank < 0 ||
            draft->affines[value].shape.channels > 0) {
            continue;
        }
        const snn_tensor *tensor = &draft->graph->values[value].tensor;
        snn_shape shape;
        snn_order order;
        if (snn_affine_natural_layout(tensor->dims, tensor->rank, &shape, &order).code != SNN_OK) {
            continue;
        }
        SNN_TRY(snn_affine_identity(&draft->affines[value], SNN_SOURCE_INPUT, shape, order));
    }
    return snn_ok();
}

static snn_status finish_readout(snn_draft *draft)
{
    int32_t value = draft->graph->output;
    snn_affine *affine = &draft->affines[value];
    if (affine->shape.channels == 0) {
        return snn_advise(snn_fail(SNN_INPUT_ERROR, "the output does not depend on the image"),
                          "export the model with the image as its input");
    }
    const snn_tensor *tensor = &draft->graph->values[value].tensor;
    int64_t classes = snn_tensor_elements(tensor);
    snn_shape shape = {1, 1, (int32_t)classes};
    if (snn_shape_positions(affine->shape) != 1 && tensor->rank == 2 && tensor->dims[0] == 1) {
        SNN_TRY(snn_arrange_layout(draft, affine, value, shape, SNN_ORDER_CHANNELS_FIRST));
    }
    if (snn_shape_positions(affine->shape) != 1) {
        return snn_advise(snn_fail(SNN_INPUT_ERROR,
                                   "the output is an image (%d x %d x %d), logits [1, classes] expected",
                                   affine->shape.height, affine->shape.width, affine->shape.channels),
                          "export a classifier");
    }
    return snn_draft_add_population(draft, "logits", SNN_NEURON_READOUT, affine, shape, value, NULL);
}

/* What stands for a pattern: its operator and inputs, the root's name and output. */
static snn_node pattern_node(const snn_node *root, const snn_pattern_match *match)
{
    snn_node node = *root;
    if (match->operator!= NULL) {
        node.operator=(char *) match->operator;
        node.inputs = (int32_t *)match->inputs;
        node.input_count = match->input_count;
        node.attributes = NULL;
        node.attribute_count = 0;
    }
    return node;
}

static snn_status convert_nodes(snn_draft *draft, snn_node_report *reports, bool *refused)
{
    const snn_graph *graph = draft->graph;
    for (int32_t n = 0; n < graph->node_count; n++) {
        const snn_node *node = &graph->nodes[n];
        const snn_pattern_match *match = &draft->matches[n];
        if (node->folded || (match->root >= 0 && match->root != n)) {
            if (reports != NULL && node->folded) {
                reports[n].verdict = SNN_VERDICT_FOLDED;
                (void)snprintf(reports[n].text, sizeof reports[n].text, "%s",
                               node->folded_as != NULL ? node->folded_as : "constant");
            } else if (reports != NULL) {
                reports[n].verdict = SNN_VERDICT_PART;
                (void)snprintf(reports[n].text, sizeof reports[n].text, "of the pattern %s at %.100s",
                               draft->matches[match->root].operator, graph->nodes[match->root].name);
            }
            continue;
        }
        const bool pattern = match->root == n;
        snn_node stand_in = pattern_node(node, match);
        snn_status status = convert_node(draft, pattern ? &stand_in : node, pattern ? match : NULL,
                                         reports != NULL ? &reports[n] : NULL);
        if (status.code == SNN_INPUT_ERROR && reports != NULL) {
            *refused = true;
            status = pretend(draft, node);
        }
        SNN_TRY_CONTEXT(status, "%s: node %s (%s)", graph->source, node->name, node->operator);
    }
    return snn_ok();
}

snn_status snn_draft_create(const snn_graph *graph, const snn_convert_options *options, snn_node_report *reports,
                            snn_draft **draft)
{
    *draft = NULL;
    bool refused = false;
    snn_draft *made = snn_allocate(1, sizeof *made);
    if (made == NULL) {
        return snn_out_of_memory("draft");
    }
    made->graph = graph;
    made->options = *options;
    snn_status status = begin(made);
    if (!snn_failed(status)) {
        status = convert_nodes(made, reports, &refused);
    }
    if (!snn_failed(status) && !refused) {
        status = snn_context(finish_readout(made), "%s", graph->source);
    }
    if (!snn_failed(status) && !refused) {
        status = snn_draft_fold_means(made);
    }
    if (!snn_failed(status) && !refused && options->ranges == SNN_RANGES_QUANTISED) {
        snn_draft_find_quantised_ranges(made);
    }
    if (!snn_failed(status) && !refused) {
        *draft = made;
    } else {
        snn_draft_destroy(made);
    }
    return status;
}
