/* Layer, instance, group and root mean square normalisation: over the channels of a position, or over groups of
 * elements, which then stand as the channels of one position. */
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/convert/arrange.h"
#include "core/convert/decompose.h"
#include "core/convert/neurons.h"
#include "core/convert/recognise.h"

/* Constants of a normalisation: gain and shift, for each of `count` channels; NULL where they are left out. */
typedef struct constants {
    const float *gain, *shift;
} constants;

/* Gain or shift as given by input i: `count` elements, or NULL where it is left out. */
static snn_status read_constant(const snn_recognition *recognition, int32_t i, int64_t count, const float **values)
{
    const snn_tensor *tensor = NULL;
    *values = NULL;
    if (i >= recognition->node->input_count || recognition->node->inputs[i] == SNN_NO_VALUE) {
        return snn_ok();
    }
    SNN_TRY(snn_recognition_constant(recognition, i, &tensor));
    if (snn_tensor_elements(tensor) != count) {
        return snn_fail(SNN_INPUT_ERROR, "input %d has %lld elements for %lld channels", i,
                        (long long)snn_tensor_elements(tensor), (long long)count);
    }
    *values = tensor->data;
    return snn_ok();
}

static snn_status read_constants(const snn_recognition *recognition, int64_t count, constants *found)
{
    SNN_TRY(read_constant(recognition, 1, count, &found->gain));
    return read_constant(recognition, 2, count, &found->shift);
}

static snn_status read_epsilon(const snn_recognition *recognition, float *epsilon)
{
    *epsilon = recognition->pattern != NULL ? recognition->pattern->parameter
                                            : snn_node_real(recognition->node, "epsilon", 1e-5f);
    if (!(*epsilon > 0.0f)) {
        return snn_fail(SNN_INPUT_ERROR, "epsilon is %g; a positive number expected", (double)*epsilon);
    }
    return snn_ok();
}

/* ---- over the channels of every position ---- */

static snn_status normalise_channels(snn_recognition *recognition, bool centred, float epsilon, constants given)
{
    snn_draft *draft = recognition->draft;
    snn_affine affine;
    if (draft->options.layernorm == SNN_FORM_DECOMPOSED) {
        SNN_TRY(snn_recognition_take(recognition, 0, &affine));
        return snn_decompose_normalization(recognition, &affine, centred, epsilon, given.gain, given.shift);
    }
    SNN_TRY(snn_neurons_take_decoded(recognition, 0, &affine));
    SNN_TRY(snn_neurons_nary(recognition, SNN_NEURON_LAYER_NORM, &affine, affine.shape, epsilon, 1));
    snn_draft_last(recognition->draft)->beta = centred ? 0.0f : 1.0f;
    if (given.gain == NULL && given.shift == NULL) {
        return snn_ok();
    }
    /* The population tracks the normalised value itself, which the graph does not hold: its scale is found from the
     * output's by undoing gain and shift (calibrate.c). */
    snn_draft_last(recognition->draft)->value_gain = given.gain;
    snn_draft_last(recognition->draft)->value_shift = given.shift;
    return snn_affine_scale(&draft->affines[recognition->node->outputs[0]], given.gain, given.shift);
}

/* ---- over groups of elements that follow each other ---- */

/* Gain and shift of every element, owned by the population: channel c of `channels` has `run` elements. */
static snn_status spread(snn_draft_population *population, constants given, int32_t channels, int64_t run)
{
    int64_t count = channels * run;
    population->own_constants = snn_allocate((size_t)(2 * count), sizeof *population->own_constants);
    if (population->own_constants == NULL) {
        return snn_out_of_memory("gains and shifts");
    }
    float *gain = population->own_constants;
    float *shift = gain + count;
    for (int64_t e = 0; e < count; e++) {
        gain[e] = given.gain != NULL ? given.gain[e / run] : 1.0f;
        shift[e] = given.shift != NULL ? given.shift[e / run] : 0.0f;
    }
    population->value_gain = gain;
    population->value_shift = shift;
    return snn_ok();
}

/* `given` holds a gain and a shift for each of `channels` equal parts of the value. Unless `centred`, 0 stands for the
 * mean. The result is laid out like the input if that has as many channels, in that order; as one position otherwise.
 */
static snn_status normalise_groups(snn_recognition *recognition, int32_t groups, bool centred, float epsilon,
                                   constants given, int32_t channels)
{
    snn_draft *draft = recognition->draft;
    int32_t value = recognition->node->inputs[0];
    snn_affine affine;
    SNN_TRY(snn_recognition_take(recognition, 0, &affine));
    const snn_affine before = {.shape = affine.shape, .order = affine.order};
    const snn_shape flat = {1, 1, (int32_t)snn_shape_size(affine.shape)};
    snn_status status = snn_arrange_layout(draft, &affine, value, flat, SNN_ORDER_CHANNELS_FIRST);
    if (!snn_failed(status)) {
        status = snn_draft_stream_affine(draft, &affine, value);
    }
    if (snn_failed(status)) {
        snn_affine_clear(&affine);
        return status;
    }
    SNN_TRY(snn_neurons_nary(recognition, SNN_NEURON_LAYER_NORM, &affine, flat, epsilon, groups));
    snn_draft_population *population = snn_draft_last(recognition->draft);
    population->beta = centred ? 0.0f : 1.0f;
    SNN_TRY(spread(population, given, channels, flat.channels / channels));
    snn_affine *result = &draft->affines[recognition->node->outputs[0]];
    if (before.order == SNN_ORDER_CHANNELS_FIRST && before.shape.channels == channels) {
        SNN_TRY(snn_arrange_layout(draft, result, recognition->node->outputs[0], before.shape, before.order));
        return snn_affine_scale(result, given.gain, given.shift);
    }
    return snn_affine_scale(result, population->value_gain, population->value_shift);
}

/* ---- operators ---- */

static snn_status convert_axes(snn_recognition *recognition, bool centred)
{
    const snn_tensor *tensor = snn_recognition_input(recognition, 0);
    float epsilon = 0.0f;
    constants given = {NULL, NULL};
    int32_t axis = (int32_t)snn_node_integer(recognition->node, "axis", -1);
    axis = axis < 0 ? axis + tensor->rank : axis;
    SNN_TRY(read_epsilon(recognition, &epsilon));
    if (axis == tensor->rank - 1) {
        SNN_TRY(snn_neurons_channels_along(recognition, 0, axis));
        SNN_TRY(read_constants(recognition, tensor->dims[axis], &given));
        return normalise_channels(recognition, centred, epsilon, given);
    }
    for (int32_t a = 0; a < axis; a++) {
        if (tensor->dims[a] != 1) {
            return snn_fail(SNN_INPUT_ERROR,
                            "normalisation over axes %d to %d; the last one or all behind the batch "
                            "expected",
                            axis, tensor->rank - 1);
        }
    }
    SNN_TRY(read_constants(recognition, snn_tensor_elements(tensor), &given));
    return normalise_groups(recognition, 1, centred, epsilon, given, (int32_t)snn_tensor_elements(tensor));
}

/* (x - mean) / root of the mean square, or x / root of the mean square, over one axis. */
static snn_status convert_pattern(snn_recognition *recognition, bool centred)
{
    float epsilon = 0.0f;
    SNN_TRY(read_epsilon(recognition, &epsilon));
    SNN_TRY(snn_neurons_channels_along(recognition, 0, recognition->pattern->groups));
    return normalise_channels(recognition, centred, epsilon, (constants){NULL, NULL});
}

static snn_status convert_layer_normalization(snn_recognition *recognition)
{
    return recognition->pattern != NULL ? convert_pattern(recognition, true) : convert_axes(recognition, true);
}

static snn_status convert_root_mean_square(snn_recognition *recognition)
{
    return recognition->pattern != NULL ? convert_pattern(recognition, false) : convert_axes(recognition, false);
}

/* Groups of the channels of an image. Gain and shift: one for each of `given_channels` equal parts of it. */
static snn_status convert_groups(snn_recognition *recognition, int32_t groups, int32_t given_channels)
{
    float epsilon = 0.0f;
    constants given = {NULL, NULL};
    SNN_TRY(snn_recognition_one_image(snn_recognition_input(recognition, 0)));
    SNN_TRY(read_epsilon(recognition, &epsilon));
    SNN_TRY(read_constants(recognition, given_channels, &given));
    return normalise_groups(recognition, groups, true, epsilon, given, given_channels);
}

static snn_status convert_instance_normalization(snn_recognition *recognition)
{
    const int32_t channels = (int32_t)snn_recognition_input(recognition, 0)->dims[1];
    return convert_groups(recognition, channels, channels);
}

/* Before opset 21 gain and shift are those of groups, from it on of channels. */
static snn_status convert_group_normalization(snn_recognition *recognition)
{
    const int32_t channels = (int32_t)snn_recognition_input(recognition, 0)->dims[1];
    const int32_t groups = (int32_t)snn_node_integer(recognition->node, "num_groups", 1);
    return convert_groups(recognition, groups, recognition->draft->graph->opset >= 21 ? channels : groups);
}

snn_recogniser snn_recogniser_normalise(const char *operator_name)
{
    static const snn_recogniser_entry table[] = {
        {"LayerNormalization", convert_layer_normalization},
        {"RMSNormalization", convert_root_mean_square},
        {"InstanceNormalization", convert_instance_normalization},
        {"GroupNormalization", convert_group_normalization},
    };
    return snn_recogniser_in(table, sizeof table / sizeof table[0], operator_name);
}
