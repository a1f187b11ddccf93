/* Softmax: over the channels of a position, or over any axis, which is moved there. */
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/convert/arrange.h"
#include "core/convert/decompose.h"
#include "core/convert/neurons.h"
#include "core/convert/recognise.h"

/* Takes x, decoded. */
static snn_status softmax(snn_recognition *recognition, snn_affine *x)
{
    if (recognition->draft->options.softmax == SNN_FORM_DECOMPOSED) {
        return snn_decompose_softmax(recognition, x);
    }
    return snn_neurons_nary(recognition, SNN_NEURON_SOFTMAX, x, x->shape, 0.0f, 1);
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
    SNN_GOTO_DONE(status, snn_recognition_take(recognition, 0, &affine));
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
    SNN_TRY(snn_neurons_channels_along(recognition, 0, axis));
    snn_affine affine;
    SNN_TRY(snn_neurons_take_decoded(recognition, 0, &affine));
    return softmax(recognition, &affine);
}

snn_recogniser snn_recogniser_softmax(const char *operator_name)
{
    static const snn_recogniser_entry table[] = {{"Softmax", convert_softmax}};
    return snn_recogniser_in(table, sizeof table / sizeof table[0], operator_name);
}
