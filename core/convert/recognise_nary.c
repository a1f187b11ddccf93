/* Nonlinear nodes of several decoded inputs: attention, softmax, products and quotients of activations.
 * Their inputs are read as plain terms: from spiking populations, or from streams that keep sums exactly. */
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/convert/arrange.h"

snn_status snn_recognise_nary(snn_recognition *recognition, snn_neuron_kind kind, snn_affine *input, snn_shape shape,
                              float alpha, int32_t groups)
{
    const snn_node *node = recognition->node;
    snn_order order = input->order;
    snn_draft_population *population = NULL;
    snn_status status =
        snn_draft_add_population(recognition->draft, node->name, kind, input, shape, node->outputs[0], &population);
    if (status.code != SNN_OK) {
        snn_affine_clear(input);
        return status;
    }
    population->alpha = alpha;
    population->groups = groups;
    recognition->verdict = SNN_VERDICT_NEURON;
    (void)snprintf(recognition->text, sizeof recognition->text, "%s neurons %d x %d x %d", snn_neuron_kind_name(kind),
                   shape.height, shape.width, shape.channels);
    SNN_TRY(snn_affine_identity(input, recognition->draft->population_count - 1, shape, order));
    snn_draft_give(recognition, input);
    return snn_ok();
}

snn_status snn_recognise_take_decoded(snn_recognition *recognition, int32_t i, snn_affine *affine)
{
    int32_t value = recognition->node->inputs[i];
    if (!snn_recognition_is_activation(recognition, i)) {
        return snn_fail(SNN_INPUT_ERROR, "input %d is not an activation", i);
    }
    SNN_TRY(snn_draft_stream_affine(recognition->draft, &recognition->draft->affines[value], value));
    return snn_draft_take(recognition, i, affine);
}

snn_status snn_recognise_channels_last(snn_recognition *recognition, int32_t i)
{
    const snn_tensor *tensor = snn_recognition_input(recognition, i);
    const snn_affine *affine = &recognition->draft->affines[recognition->node->inputs[i]];
    int64_t last = tensor->dims[tensor->rank - 1];
    snn_shape shape = affine->shape;
    if (shape.channels != last) {
        shape = (snn_shape){1, (int32_t)(snn_tensor_elements(tensor) / last), (int32_t)last};
    }
    return snn_draft_require_layout(recognition, i, shape, SNN_ORDER_CHANNELS_LAST);
}

snn_status snn_recognise_channels_along(snn_recognition *recognition, int32_t i, int32_t axis)
{
    const snn_tensor *tensor = snn_recognition_input(recognition, i);
    const snn_affine *affine = &recognition->draft->affines[recognition->node->inputs[i]];
    const int64_t *dims = tensor->dims;
    if (axis == tensor->rank - 1) {
        return snn_recognise_channels_last(recognition, i);
    }
    if (axis != 1 || dims[0] != 1 || tensor->rank > 4) {
        return snn_fail(SNN_INPUT_ERROR, "over axis %d of %d; the first behind the batch or the last expected", axis,
                        tensor->rank);
    }
    snn_shape shape = affine->shape;
    if (shape.channels != dims[1]) {
        shape =
            (snn_shape){tensor->rank == 4 ? (int32_t)dims[2] : 1, (int32_t)dims[tensor->rank - 1], (int32_t)dims[1]};
    }
    return snn_draft_require_layout(recognition, i, shape, SNN_ORDER_CHANNELS_FIRST);
}

/* Takes x, decoded. */
static snn_status softmax(snn_recognition *recognition, snn_affine *x)
{
    if (recognition->draft->options.softmax == SNN_FORM_DECOMPOSED) {
        return snn_decompose_softmax(recognition, x);
    }
    return snn_recognise_nary(recognition, SNN_NEURON_SOFTMAX, x, x->shape, 0.0f, 1);
}

/* to[e]: the element of the value that stands at e once `axis` is the last, from[]: the other way round. */
static void axis_last_maps(const snn_tensor *tensor, int32_t axis, int32_t *to, int32_t *from)
{
    const int32_t size = (int32_t)tensor->dims[axis];
    const int32_t count = (int32_t)snn_tensor_elements(tensor);
    int32_t inner = 1;
    for (int32_t a = axis + 1; a < tensor->rank; a++) {
        inner *= (int32_t)tensor->dims[a];
    }
    for (int32_t e = 0; e < count; e++) {
        const int32_t outer = e / size / inner, behind = e / size % inner;
        to[e] = (outer * size + e % size) * inner + behind;
        from[to[e]] = e;
    }
}

/* The populations from number `first` on track the value in the map's order. */
static snn_status map_values(snn_draft *draft, int32_t first, const int32_t *map, int64_t count)
{
    for (int32_t p = first; p < draft->population_count; p++) {
        int32_t *copy = snn_allocate((size_t)count, sizeof *copy);
        if (copy == NULL) {
            return snn_out_of_memory("map");
        }
        memcpy(copy, map, (size_t)count * sizeof *copy);
        draft->populations[p].value_map = copy;
    }
    return snn_ok();
}

/* Any axis: it is moved behind the others for the softmax, and back. */
static snn_status softmax_along(snn_recognition *recognition, int32_t axis)
{
    snn_draft *draft = recognition->draft;
    const snn_tensor *tensor = snn_recognition_input(recognition, 0);
    const int32_t value = recognition->node->inputs[0], output = recognition->node->outputs[0];
    const int64_t count = snn_tensor_elements(tensor);
    const snn_shape shape = {1, (int32_t)(count / tensor->dims[axis]), (int32_t)tensor->dims[axis]};
    int32_t *to = snn_allocate((size_t)count, sizeof *to), *from = snn_allocate((size_t)count, sizeof *from);
    snn_affine affine;
    memset(&affine, 0, sizeof affine);
    snn_status status = to == NULL || from == NULL ? snn_out_of_memory("map") : snn_ok();
    SNN_GOTO_DONE(status, status);
    axis_last_maps(tensor, axis, to, from);
    SNN_GOTO_DONE(status, snn_draft_take(recognition, 0, &affine));
    SNN_GOTO_DONE(status, snn_arrange_into(draft, &affine, value, to, shape, SNN_ORDER_CHANNELS_LAST));
    SNN_GOTO_DONE(status, snn_draft_stream_affine(draft, &affine, value));
    const int32_t first = draft->population_count;
    SNN_GOTO_DONE(status, softmax(recognition, &affine)); /* takes it, and gives the output */
    SNN_GOTO_DONE(status, map_values(draft, first, to, count));
    status = snn_arrange(draft, &draft->affines[output], output, from, tensor->dims, tensor->rank);
done:
    snn_affine_clear(&affine);
    snn_release(to);
    snn_release(from);
    return status;
}

static snn_status convert_softmax(snn_recognition *recognition)
{
    const snn_tensor *tensor = snn_recognition_input(recognition, 0);
    const bool alone = recognition->draft->graph->opset >= 13; /* before, all axes from `axis` on were one */
    int32_t axis = (int32_t)snn_node_integer(recognition->node, "axis", alone ? -1 : 1);
    axis = axis < 0 ? axis + tensor->rank : axis;
    if (!alone && axis != tensor->rank - 1) {
        return snn_fail(SNN_INPUT_ERROR, "softmax over axis %d before opset 13; the last expected", axis);
    }
    if (axis != tensor->rank - 1 && (axis != 1 || tensor->dims[0] != 1 || tensor->rank > 4)) {
        return softmax_along(recognition, axis);
    }
    SNN_TRY(snn_recognise_channels_along(recognition, 0, axis));
    snn_affine affine;
    SNN_TRY(snn_recognise_take_decoded(recognition, 0, &affine));
    return softmax(recognition, &affine);
}

snn_status snn_recognise_binary(snn_recognition *recognition, snn_neuron_kind kind)
{
    const float smallest_divisor = 1e-6f; /* by magnitude: divisors have either sign */
    snn_affine affine, other;
    SNN_TRY(snn_arrange_take_pair(recognition, 0, 1, &affine, &other));
    snn_shape shape = affine.shape;
    snn_status status = snn_draft_stream_affine(recognition->draft, &affine, recognition->node->inputs[0]);
    if (status.code == SNN_OK) {
        status = snn_draft_stream_affine(recognition->draft, &other, recognition->node->inputs[1]);
    }
    if (status.code == SNN_OK) {
        status = snn_affine_concatenate(&affine, &other);
    }
    snn_affine_clear(&other);
    if (status.code != SNN_OK) {
        snn_affine_clear(&affine);
        return status;
    }
    bool quotient = kind == SNN_NEURON_QUOTIENT;
    SNN_TRY(snn_recognise_nary(recognition, kind, &affine, shape, quotient ? smallest_divisor : 0.0f,
                               quotient ? shape.channels : 1));
    recognition->draft->populations[recognition->draft->population_count - 1].beta = quotient ? 1.0f : 0.0f;
    return snn_ok();
}

snn_recogniser snn_recogniser_nary(const char *operator_name)
{
    static const snn_recogniser_entry table[] = {
        {"Softmax", convert_softmax},
    };
    return snn_recogniser_in(table, sizeof table / sizeof table[0], operator_name);
}
