/* Normalisation, softmax and attention as several populations each, instead of one fused one: every nonlinear step has
 * neurons of its own, what lies between is linear and folds into the projections.
 *
 *   layer normalisation   centring (linear), squares, their mean (linear), quotients by the root of the mean
 *   softmax               exponentials, their sum (linear), quotients by the sum
 *   attention             scores of queries and keys, softmax in either form, values mixed by its weights
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/convert/arrange.h"
#include "core/convert/centring.h"
#include "core/convert/decompose.h"
#include "core/convert/matrices.h"

/* One population of a form. `affine` is its input and becomes its output, `shape`d; `part` ends the node's name. */
static snn_status add_part(snn_recognition *recognition, const char *part, snn_neuron_kind kind, snn_affine *affine,
                           snn_shape shape, int32_t value)
{
    char name[256];
    snn_order order = affine->order;
    snn_draft_population *population = NULL;
    (void)snprintf(name, sizeof name, "%.190s%.60s", recognition->node->name, part);
    SNN_TRY(snn_draft_add_population(recognition->draft, name, kind, affine, shape, value, &population));
    return snn_affine_identity(affine, recognition->draft->population_count - 1, shape, order);
}

/* Sums of each group of channels, times `weight`. */
static snn_status sum_groups(snn_affine *affine, int32_t groups, float weight)
{
    const snn_window point = {{1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}};
    const int32_t channels = affine->shape.channels;
    bool possible = false;
    float *weights = snn_allocate((size_t)channels, sizeof *weights);
    if (weights == NULL) {
        return snn_out_of_memory("weights of a sum");
    }
    for (int32_t c = 0; c < channels; c++) {
        weights[c] = weight;
    }
    snn_status status = snn_affine_convolve(affine, &point, groups, groups, weights, NULL, &possible);
    snn_release(weights);
    return status;
}

/* --- layer normalisation --- */

/* x, centred already if it is to be, becomes x / sqrt(mean of x^2 + epsilon). */
static snn_status normalise(snn_recognition *recognition, snn_affine *x, bool centred, float epsilon)
{
    const snn_node *node = recognition->node;
    const snn_shape shape = x->shape;
    snn_affine squares;
    SNN_TRY(snn_affine_copy(x, &squares));
    snn_status status = add_part(recognition, "/square", SNN_NEURON_SQUARE, &squares, shape, node->inputs[0]);
    if (!snn_failed(status)) {
        snn_draft_last(recognition->draft)->tracked = centred ? SNN_TRACKED_CENTRED_SQUARE : SNN_TRACKED_SQUARE;
        status = sum_groups(&squares, 1, 1.0f / (float)shape.channels);
    }
    if (!snn_failed(status)) {
        status = snn_affine_concatenate(x, &squares);
    }
    snn_affine_clear(&squares);
    SNN_TRY(status);
    SNN_TRY(add_part(recognition, "", SNN_NEURON_NORMALISE, x, shape, node->outputs[0]));
    snn_draft_last(recognition->draft)->alpha = epsilon;
    return snn_ok();
}

snn_status snn_decompose_normalization(snn_recognition *recognition, snn_affine *x, bool centred, float epsilon,
                                       const float *gain, const float *shift)
{
    const snn_shape shape = x->shape;
    const int32_t value = recognition->node->inputs[0];
    snn_status status = centred ? snn_draft_centre(recognition->draft, recognition->node->name, x, value)
                                : snn_draft_stream_affine(recognition->draft, x, value);
    if (!snn_failed(status)) {
        status = normalise(recognition, x, centred, epsilon);
    }
    if (!snn_failed(status)) {
        snn_draft_last(recognition->draft)->value_gain = gain;
        snn_draft_last(recognition->draft)->value_shift = shift;
        status = snn_affine_scale(x, gain, shift);
    }
    recognition->verdict = SNN_VERDICT_NEURON;
    (void)snprintf(recognition->text, sizeof recognition->text, "square and normalise neurons %d x %d x %d each",
                   shape.height, shape.width, shape.channels);
    return snn_recognition_conclude(recognition, x, status);
}

/* --- softmax --- */

/* Values of the graph before and behind a softmax, and the groups of channels that it is taken of. */
typedef struct softmax_values {
    int32_t before, behind, groups;
    bool scores; /* of attention */
} softmax_values;

/* Where the graph holds what the population added last tracks. */
static snn_status place_value(snn_recognition *recognition, const softmax_values *values)
{
    snn_draft_last(recognition->draft)->groups = values->groups;
    return values->scores ? snn_matrices_place_scores(recognition) : snn_ok();
}

/* x becomes its softmax. A sum of exponentials of which the largest is 1 is 1 at least: so is the divisor. */
static snn_status decompose_softmax(snn_recognition *recognition, snn_affine *x, const char *part,
                                    const softmax_values *values)
{
    const snn_shape shape = x->shape;
    char name[64];
    (void)snprintf(name, sizeof name, "%s/exp", part);
    SNN_TRY(add_part(recognition, name, SNN_NEURON_SHIFTED_EXP, x, shape, values->before));
    snn_draft_last(recognition->draft)->tracked = SNN_TRACKED_EXPONENTIAL;
    SNN_TRY(place_value(recognition, values));
    snn_affine sums;
    SNN_TRY(snn_affine_copy(x, &sums));
    snn_status status = sum_groups(&sums, values->groups, 1.0f);
    if (!snn_failed(status)) {
        status = snn_affine_concatenate(x, &sums);
    }
    snn_affine_clear(&sums);
    SNN_TRY(status);
    SNN_TRY(add_part(recognition, part, SNN_NEURON_QUOTIENT, x, shape, values->behind));
    SNN_TRY(place_value(recognition, values));
    snn_draft_last(recognition->draft)->alpha = 1.0f;
    return snn_ok();
}

snn_status snn_decompose_softmax(snn_recognition *recognition, snn_affine *x)
{
    const snn_shape shape = x->shape;
    const softmax_values values = {recognition->node->inputs[0], recognition->node->outputs[0], 1, false};
    snn_status status = decompose_softmax(recognition, x, "", &values);
    recognition->verdict = SNN_VERDICT_NEURON;
    (void)snprintf(recognition->text, sizeof recognition->text, "exponential and quotient neurons %d x %d x %d each",
                   shape.height, shape.width, shape.channels);
    return snn_recognition_conclude(recognition, x, status);
}

/* --- attention --- */

/* Queries and keys side by side become the scores of every key, head by head. */
static snn_status score(snn_recognition *recognition, snn_affine *x, const softmax_values *values, int32_t scores)
{
    snn_draft *draft = recognition->draft;
    snn_affine keys;
    SNN_TRY(snn_matrices_take_operand(recognition, 0, x));
    snn_shape shape = x->shape;
    shape.channels = values->groups * recognition->pattern->tokens;
    SNN_TRY(snn_matrices_take_operand(recognition, 1, &keys));
    snn_status status = snn_affine_concatenate(x, &keys);
    snn_affine_clear(&keys);
    SNN_TRY(status);
    SNN_TRY(snn_draft_stream_affine(draft, x, recognition->node->outputs[0]));
    SNN_TRY(add_part(recognition, "/scores", SNN_NEURON_SCORES, x, shape, scores));
    snn_draft_last(recognition->draft)->alpha = recognition->pattern->parameter;
    snn_matrices_set_window(recognition);
    return place_value(recognition, values);
}

/* What a mask adds to the score that is element `element` of its value. Infinities become large numbers: they cannot be
 * told from them behind an exponential. */
static float masking(const snn_graph *graph, const snn_pattern_mask *mask, int64_t element)
{
    const float infinity = 1e30f;
    const snn_tensor *constant = &graph->values[mask->constant].tensor;
    const int64_t at = snn_arrange_broadcast_element(constant, &graph->values[mask->value].tensor, element);
    if (constant->type == SNN_TYPE_BOOL) {
        return (((const unsigned char *)constant->data)[at] != 0) == mask->inverted ? -infinity : 0.0f;
    }
    return fmaxf(fminf(((const float *)constant->data)[at], infinity), -infinity);
}

/* Adds the masks to x, scores of every key, head by head. */
static snn_status add_masks(const snn_recognition *recognition, snn_affine *x)
{
    const snn_pattern_match *pattern = recognition->pattern;
    const int32_t keys = x->shape.channels / pattern->groups;
    SNN_TRY(snn_affine_expand_offset(x));
    for (int64_t p = 0; p < pattern->windows * pattern->queries; p++) {
        const int64_t window = p / pattern->queries, query = p % pattern->queries;
        for (int32_t c = 0; c < x->shape.channels; c++) {
            const int64_t head = window * pattern->groups + c / keys;
            const int64_t element = (head * pattern->queries + query) * keys + c % keys;
            for (int32_t m = 0; m < pattern->mask_count; m++) {
                x->offset[p * x->shape.channels + c] += masking(recognition->draft->graph, &pattern->masks[m], element);
            }
        }
    }
    return snn_ok();
}

/* x, attention weights, becomes the values mixed by them. */
static snn_status mix(snn_recognition *recognition, snn_affine *x, int32_t heads)
{
    const int32_t output = recognition->node->outputs[0];
    snn_affine operand;
    SNN_TRY(snn_matrices_take_operand(recognition, 2, &operand));
    snn_shape shape = operand.shape;
    snn_status status = snn_draft_stream_affine(recognition->draft, &operand, recognition->node->inputs[2]);
    if (!snn_failed(status)) {
        status = snn_affine_concatenate(x, &operand);
    }
    snn_affine_clear(&operand);
    SNN_TRY(status);
    SNN_TRY(add_part(recognition, "", SNN_NEURON_MIX, x, shape, output));
    snn_draft_last(recognition->draft)->groups = heads;
    snn_matrices_set_window(recognition);
    return snn_matrices_place_result(recognition);
}

snn_status snn_decompose_attention(snn_recognition *recognition)
{
    const snn_pattern_match *pattern = recognition->pattern;
    const softmax_values values = {pattern->masked, pattern->weights, pattern->groups, true};
    const bool fused = recognition->draft->options.softmax == SNN_FORM_FUSED;
    snn_affine x;
    memset(&x, 0, sizeof x);
    snn_status status = score(recognition, &x, &values, pattern->scores);
    if (!snn_failed(status) && pattern->mask_count > 0) {
        status = add_masks(recognition, &x);
    }
    if (!snn_failed(status) && fused) {
        status = add_part(recognition, "/softmax", SNN_NEURON_SOFTMAX, &x, x.shape, values.behind);
        status = !snn_failed(status) ? place_value(recognition, &values) : status;
    } else if (!snn_failed(status)) {
        status = decompose_softmax(recognition, &x, "/softmax", &values);
    }
    if (!snn_failed(status)) {
        status = mix(recognition, &x, pattern->groups);
    }
    recognition->verdict = SNN_VERDICT_NEURON;
    (void)snprintf(recognition->text, sizeof recognition->text, "scores, %s and mix neurons of %d heads",
                   fused ? "softmax" : "exponential, quotient", pattern->groups);
    if (snn_failed(status)) {
        snn_affine_clear(&x);
        return status;
    }
    return snn_matrices_give_attention(recognition, &x);
}
