#include "core/convert/centring.h"

#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/convert/arrange.h"
#include "core/convert/steps.h"

enum { NAME_BYTES = 256 };

snn_status snn_draft_take(snn_recognition *recognition, int32_t i, snn_affine *affine)
{
    snn_draft *draft = recognition->draft;
    int32_t value = recognition->node->inputs[i];
    if (!snn_recognition_is_activation(recognition, i)) {
        return snn_fail(SNN_INPUT_ERROR, "input %d is not an activation", i);
    }
    if (--draft->uses[value] > 0) {
        return snn_affine_copy(&draft->affines[value], affine);
    }
    *affine = draft->affines[value];
    memset(&draft->affines[value], 0, sizeof draft->affines[value]);
    return snn_ok();
}

void snn_draft_give_output(snn_recognition *recognition, int32_t i, snn_affine *affine)
{
    recognition->draft->affines[recognition->node->outputs[i]] = *affine;
    memset(affine, 0, sizeof *affine);
}

void snn_draft_give(snn_recognition *recognition, snn_affine *affine)
{
    snn_draft_give_output(recognition, 0, affine);
}

static bool is_identity_of_population(const snn_draft *draft, const snn_affine *affine)
{
    if (snn_draft_reads_stream(draft, affine) || affine->term_count != 1 || affine->offset != NULL ||
        !snn_affine_is_plain(affine, true)) {
        return false;
    }
    const snn_term *term = &affine->terms[0];
    if (term->op.target_channels != affine->shape.channels || term->op.source_channels != term->op.source.channels) {
        return false;
    }
    for (int32_t c = 0; c < affine->shape.channels; c++) {
        if (term->weights[c] != 1.0f) {
            return false;
        }
    }
    return true;
}

static bool name_is_used(const snn_draft *draft, const char *name)
{
    for (int32_t i = 0; i < draft->population_count; i++) {
        if (strcmp(draft->populations[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static snn_status unique_name(const snn_draft *draft, const char *name, char **unique)
{
    char text[256];
    (void)snprintf(text, sizeof text, "%s", name);
    for (int32_t n = 2; name_is_used(draft, text); n++) {
        (void)snprintf(text, sizeof text, "%.200s_%d", name, n);
    }
    *unique = snn_duplicate_text(text);
    return *unique == NULL ? snn_out_of_memory("name") : snn_ok();
}

snn_status snn_draft_add_population(snn_draft *draft, const char *name, snn_neuron_kind kind, snn_affine *input,
                                    snn_shape shape, int32_t value, snn_draft_population **population)
{
    if (input->term_count == 0) {
        return snn_fail(SNN_INPUT_ERROR, "its input does not depend on the image");
    }
    char *own_name = NULL;
    SNN_TRY(unique_name(draft, name, &own_name));
    if (!snn_grow(&draft->populations, (size_t)draft->population_count, &draft->population_capacity,
                  sizeof *draft->populations)) {
        snn_release(own_name);
        return snn_out_of_memory("populations");
    }
    snn_draft_population *added = &draft->populations[draft->population_count++];
    memset(added, 0, sizeof *added);
    added->name = own_name;
    added->kind = kind;
    added->mean_of = -1;
    added->shape = shape;
    added->value = value;
    added->value_layout.shape = shape;
    added->value_layout.order = input->order;
    added->input = *input;
    memset(input, 0, sizeof *input);
    added->maxima = draft->maxima_length;
    draft->maxima_length += shape.channels;
    if (population != NULL) {
        *population = added;
    }
    return snn_ok();
}

/* The name of a population that the conversion adds behind a value: "conv1/relay". */
static void name_after(const snn_draft *draft, int32_t value, const char *what, char name[NAME_BYTES])
{
    const int32_t producer = draft->graph->values[value].producer;
    (void)snprintf(name, NAME_BYTES, "%.200s/%s", producer >= 0 ? draft->graph->nodes[producer].name : "input", what);
}

snn_status snn_draft_relay_affine(snn_draft *draft, snn_affine *affine, int32_t value)
{
    if (is_identity_of_population(draft, affine)) {
        return snn_ok();
    }
    char name[NAME_BYTES];
    name_after(draft, value, "relay", name);
    snn_shape shape = affine->shape;
    snn_order order = affine->order;
    SNN_TRY(snn_draft_add_population(draft, name, SNN_NEURON_LINEAR, affine, shape, value, NULL));
    return snn_affine_identity(affine, draft->population_count - 1, shape, order);
}

bool snn_draft_reads_stream(const snn_draft *draft, const snn_affine *affine)
{
    for (int32_t t = 0; t < affine->term_count; t++) {
        int32_t source = affine->terms[t].source;
        if (source != SNN_SOURCE_INPUT && draft->populations[source].kind == SNN_NEURON_STREAM) {
            return true;
        }
    }
    return false;
}

snn_status snn_draft_relay_cut_streams(snn_draft *draft, snn_affine *affine, int32_t value)
{
    for (int32_t t = 0; t < affine->term_count; t++) {
        const snn_term *term = &affine->terms[t];
        bool stream = term->source != SNN_SOURCE_INPUT && draft->populations[term->source].kind == SNN_NEURON_STREAM;
        if (stream && term->op.kind == SNN_OPERATOR_DIAGONAL && !snn_term_is_unchanged(term)) {
            return snn_draft_relay_affine(draft, affine, value);
        }
    }
    return snn_ok();
}

snn_status snn_draft_stream_affine(snn_draft *draft, snn_affine *affine, int32_t value)
{
    if (snn_affine_is_plain(affine, false)) {
        return snn_ok();
    }
    char name[NAME_BYTES];
    name_after(draft, value, "stream", name);
    return snn_draft_add_stream(draft, name, affine, value);
}

snn_status snn_draft_add_stream(snn_draft *draft, const char *name, snn_affine *affine, int32_t value)
{
    snn_shape shape = affine->shape;
    snn_order order = affine->order;
    float *offset = affine->offset;
    int32_t offset_positions = affine->offset_positions;
    affine->offset = NULL;
    snn_status status = snn_draft_add_population(draft, name, SNN_NEURON_STREAM, affine, shape, value, NULL);
    if (status.code == SNN_OK) {
        status = snn_affine_identity(affine, draft->population_count - 1, shape, order);
    }
    affine->offset = offset;
    affine->offset_positions = offset_positions;
    return status;
}

snn_status snn_draft_relay(snn_recognition *recognition, int32_t i)
{
    if (!snn_recognition_is_activation(recognition, i)) {
        return snn_fail(SNN_INPUT_ERROR, "input %d is not an activation", i);
    }
    int32_t value = recognition->node->inputs[i];
    return snn_draft_relay_affine(recognition->draft, &recognition->draft->affines[value], value);
}

bool snn_affine_layout_is(const snn_affine *affine, snn_shape shape, snn_order order)
{
    bool same_shape = affine->shape.height == shape.height && affine->shape.width == shape.width &&
                      affine->shape.channels == shape.channels;
    bool order_free = snn_shape_positions(shape) == 1 || shape.channels == 1;
    return same_shape && (affine->order == order || order_free);
}

snn_status snn_draft_require_layout(snn_recognition *recognition, int32_t i, snn_shape shape, snn_order order)
{
    if (!snn_recognition_is_activation(recognition, i)) {
        return snn_fail(SNN_INPUT_ERROR, "input %d is not an activation", i);
    }
    snn_affine *affine = &recognition->draft->affines[recognition->node->inputs[i]];
    if (snn_affine_layout_is(affine, shape, order)) {
        affine->order = order;
        return snn_ok();
    }
    size_t count = (size_t)snn_shape_size(shape);
    if (count != (size_t)snn_shape_size(affine->shape)) {
        return snn_fail(SNN_INTERNAL_ERROR, "layout of another size");
    }
    SNN_TRY(snn_draft_relay(recognition, i));
    int32_t *map = snn_allocate(count, sizeof *map);
    if (map == NULL) {
        return snn_out_of_memory("map");
    }
    for (size_t e = 0; e < count; e++) {
        map[e] = (int32_t)e;
    }
    affine = &recognition->draft->affines[recognition->node->inputs[i]];
    snn_status status = snn_affine_gather(affine, map, shape, order);
    snn_release(map);
    SNN_TRY(status);
    /* The gather is an operator; a second relay makes its result readable by the next one. */
    return snn_draft_relay(recognition, i);
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
    snn_recogniser recogniser = node->domain[0] == '\0' ? snn_recogniser_find(node->operator) : NULL;
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
    if (status.code == SNN_OK) {
        status = share_outputs(draft, node);
    }
    if (report != NULL) {
        report->verdict = status.code == SNN_OK ? recognition.verdict : SNN_VERDICT_REFUSED;
        (void)snprintf(report->text, sizeof report->text, "%.159s",
                       status.code == SNN_OK ? recognition.text : status.message);
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
        return snn_fail(SNN_INPUT_ERROR, "the output does not depend on the image");
    }
    const snn_tensor *tensor = &draft->graph->values[value].tensor;
    int64_t classes = snn_tensor_elements(tensor);
    snn_shape shape = {1, 1, (int32_t)classes};
    if (snn_shape_positions(affine->shape) != 1 && tensor->rank == 2 && tensor->dims[0] == 1) {
        SNN_TRY(snn_arrange_layout(draft, affine, value, shape, SNN_ORDER_CHANNELS_FIRST));
    }
    if (snn_shape_positions(affine->shape) != 1) {
        return snn_fail(SNN_INPUT_ERROR, "the output is an image (%d x %d x %d), logits [1, classes] expected",
                        affine->shape.height, affine->shape.width, affine->shape.channels);
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
    if (status.code == SNN_OK) {
        status = convert_nodes(made, reports, &refused);
    }
    if (status.code == SNN_OK && !refused) {
        status = snn_context(finish_readout(made), "%s", graph->source);
    }
    if (status.code == SNN_OK && !refused) {
        status = snn_draft_fold_means(made);
    }
    if (status.code == SNN_OK && !refused && options->ranges == SNN_RANGES_QUANTISED) {
        snn_draft_find_quantised_ranges(made);
    }
    if (status.code == SNN_OK && !refused) {
        *draft = made;
    } else {
        snn_draft_destroy(made);
    }
    return status;
}

void snn_draft_destroy(snn_draft *draft)
{
    if (draft == NULL) {
        return;
    }
    for (int32_t v = 0; v < draft->graph->value_count && draft->affines != NULL; v++) {
        snn_affine_clear(&draft->affines[v]);
    }
    for (int32_t p = 0; p < draft->population_count; p++) {
        snn_affine_clear(&draft->populations[p].input);
        snn_release(draft->populations[p].name);
        snn_release(draft->populations[p].own_constants);
        snn_release(draft->populations[p].value_map);
    }
    snn_release(draft->affines);
    snn_release(draft->uses);
    snn_release(draft->matches);
    snn_release(draft->populations);
    snn_release(draft);
}
