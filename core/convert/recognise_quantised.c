/* QuantizeLinear and DequantizeLinear of activations. Quantisers write them in pairs around every activation; to the
 * spiking network, whose neurons have ranges of their own, a pair is the identity. Unless it is more: where quantised
 * values begin at zero, quantisers leave out the ReLU before them. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/convert/neurons.h"
#include "core/convert/recognise.h"

/* The range of a QuantizeLinear of one scale; false if its scale and zero point are not constants, or several. */
static bool range_of(const snn_graph *graph, const snn_node *node, float *low, float *high)
{
    const snn_value *scale = &graph->values[node->inputs[1]];
    const snn_tensor *zero =
        node->input_count > 2 && node->inputs[2] != SNN_NO_VALUE ? &graph->values[node->inputs[2]].tensor : NULL;
    const bool is_signed = graph->values[node->outputs[0]].tensor.type == SNN_TYPE_INT8;
    if (!scale->constant || snn_tensor_elements(&scale->tensor) != 1 || (zero != NULL && zero->data == NULL)) {
        return false;
    }
    const float unit = *(const float *)scale->tensor.data;
    const float origin = zero == NULL ? 0.0f
                         : is_signed  ? (float)*(const int8_t *)zero->data
                                      : (float)*(const uint8_t *)zero->data;
    *low = ((is_signed ? -128.0f : 0.0f) - origin) * unit;
    *high = ((is_signed ? 127.0f : 255.0f) - origin) * unit;
    return true;
}

static bool is_one_of(const snn_node *node, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (strcmp(node->operator, * names) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether a value is never negative, so that quantising from zero on cuts nothing off. The image is quantised to what
 * it holds. */
static bool is_nonnegative(const snn_graph *graph, int32_t value, int depth)
{
    enum { DEEPEST = 12 };
    static const char *const always[] = {"Relu", "Sigmoid", "HardSigmoid", "Softmax", "Abs", "Exp", "Sqrt", NULL};
    static const char *const like_first[] = {
        "MaxPool",    "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "Flatten", "Reshape", "Transpose",
        "Squeeze",    "Slice",       "Unsqueeze",         "Gather",        "Split",   "Resize",  "DequantizeLinear",
        "ReduceMean", NULL};
    static const char *const like_all[] = {"Add", "Mul", "Concat", "Max", NULL};
    const int32_t producer = graph->values[value].producer;
    const snn_node *node = producer < 0 ? NULL : &graph->nodes[producer];
    float low = 0.0f, high = 0.0f;
    if (value == graph->input) {
        return true;
    }
    if (node == NULL || depth > DEEPEST || node->folded) {
        return false;
    }
    if (strcmp(node->operator, "QuantizeLinear") == 0) {
        return range_of(graph, node, &low, &high) && low >= 0.0f;
    }
    if (strcmp(node->operator, "Clip") == 0) {
        const int32_t bound = node->input_count > 1 ? node->inputs[1] : SNN_NO_VALUE;
        const snn_tensor *given = bound == SNN_NO_VALUE ? NULL : &graph->values[bound].tensor;
        const float least = snn_node_real(node, "min", -1.0f);
        return given == NULL || given->data == NULL ? least >= 0.0f : *(const float *)given->data >= 0.0f;
    }
    bool all = is_one_of(node, like_all);
    for (int32_t i = 0; i < node->input_count && all; i++) {
        all = is_nonnegative(graph, node->inputs[i], depth + 1);
    }
    return is_one_of(node, always) || all ||
           (is_one_of(node, like_first) && is_nonnegative(graph, node->inputs[0], depth + 1));
}

/* The real value that a quantised one becomes again, or SNN_NO_VALUE. */
static int32_t dequantised(const snn_graph *graph, int32_t value)
{
    for (int32_t n = 0; n < graph->node_count; n++) {
        const snn_node *node = &graph->nodes[n];
        if (strcmp(node->operator, "DequantizeLinear") == 0 && node->inputs[0] == value) {
            return node->outputs[0];
        }
    }
    return SNN_NO_VALUE;
}

/* The QuantizeLinear that reads a value, or whose result becomes it again; NULL: none. */
static const snn_node *quantiser_of(const snn_graph *graph, int32_t value)
{
    const int32_t producer = graph->values[value].producer;
    if (producer >= 0 && strcmp(graph->nodes[producer].operator, "DequantizeLinear") == 0) {
        const int32_t before = graph->values[graph->nodes[producer].inputs[0]].producer;
        return before < 0 ? NULL : &graph->nodes[before];
    }
    for (int32_t n = 0; n < graph->node_count; n++) {
        if (strcmp(graph->nodes[n].operator, "QuantizeLinear") == 0 && graph->nodes[n].inputs[0] == value) {
            return &graph->nodes[n];
        }
    }
    return NULL;
}

void snn_draft_find_quantised_ranges(snn_draft *draft)
{
    for (int32_t p = 0; p < draft->population_count; p++) {
        snn_draft_population *population = &draft->populations[p];
        const snn_node *node = quantiser_of(draft->graph, population->value);
        float low = 0.0f, high = 0.0f;
        if (node != NULL && snn_neuron_spikes(population->kind) && population->tracked == SNN_TRACKED_VALUE &&
            population->value_gain == NULL && range_of(draft->graph, node, &low, &high)) {
            population->quantised_low = low;
            population->quantised_high = high;
        }
    }
}

static snn_status pass(snn_recognition *recognition, const char *text)
{
    snn_affine affine;
    SNN_TRY(snn_recognition_take(recognition, 0, &affine));
    snn_recognition_describe(recognition, text);
    snn_recognition_give(recognition, &affine);
    return snn_ok();
}

static snn_status convert_quantize(snn_recognition *recognition)
{
    const snn_graph *graph = recognition->draft->graph;
    const snn_node *node = recognition->node;
    const int32_t real = dequantised(graph, node->outputs[0]);
    float low = 0.0f, high = 0.0f;
    if (real == SNN_NO_VALUE) {
        return snn_fail(SNN_INPUT_ERROR, "quantised values that are not dequantised at once: only pairs of "
                                         "QuantizeLinear and DequantizeLinear are supported");
    }
    if (!range_of(graph, node, &low, &high)) {
        return snn_fail(SNN_INPUT_ERROR, "an activation is quantised with one constant scale and zero point");
    }
    if (low < 0.0f || is_nonnegative(graph, node->inputs[0], 0)) {
        return pass(recognition, "quantised: neurons have ranges of their own");
    }
    SNN_TRY(snn_neurons_unary(recognition, 0, SNN_NEURON_CLIP, low, high));
    snn_draft_last(recognition->draft)->value = real;
    (void)snprintf(recognition->text, sizeof recognition->text, "clip neurons: it stands for a ReLU from 0 to %g",
                   (double)high);
    return snn_ok();
}

/* Whether scales and zero points are the same on both ways. */
static bool is_undone(const snn_graph *graph, const snn_node *node)
{
    const int32_t producer = graph->values[node->inputs[0]].producer;
    const snn_node *quantiser = producer < 0 ? NULL : &graph->nodes[producer];
    float low = 0.0f, high = 0.0f, low_again = 0.0f, high_again = 0.0f;
    if (quantiser == NULL || strcmp(quantiser->operator, "QuantizeLinear") != 0 ||
        !range_of(graph, quantiser, &low, &high)) {
        return false;
    }
    snn_node again = *node; /* reads its scale and zero point as the other does */
    again.outputs = node->inputs;
    return range_of(graph, &again, &low_again, &high_again) && low == low_again && high == high_again;
}

static snn_status convert_dequantize(snn_recognition *recognition)
{
    if (!is_undone(recognition->draft->graph, recognition->node)) {
        return snn_fail(SNN_INPUT_ERROR, "dequantised with another scale or zero point than quantised with");
    }
    return pass(recognition, "quantised: neurons have ranges of their own");
}

snn_recogniser snn_recogniser_quantised(const char *operator_name)
{
    static const snn_recogniser_entry table[] = {
        {"QuantizeLinear", convert_quantize},
        {"DequantizeLinear", convert_dequantize},
    };
    return snn_recogniser_in(table, sizeof table / sizeof table[0], operator_name);
}
