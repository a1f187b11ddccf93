#include "core/convert/neurons.h"

#include <stdio.h>

#include "core/convert/arrange.h"

/* "relu neurons 16 x 16 x 32" */
static void describe(snn_recognition *recognition, snn_neuron_kind kind, snn_shape shape)
{
    recognition->verdict = SNN_VERDICT_NEURON;
    (void)snprintf(recognition->text, sizeof recognition->text, "%s neurons %d x %d x %d", snn_neuron_kind_name(kind),
                   shape.height, shape.width, shape.channels);
}

snn_status snn_neurons_unary(snn_recognition *recognition, int32_t i, snn_neuron_kind kind, float alpha, float beta)
{
    snn_affine affine;
    snn_draft_population *population = NULL;
    SNN_TRY(snn_arrange_take_broadcast(recognition, i, &affine));
    snn_shape shape = affine.shape;
    snn_order order = affine.order;
    snn_status status = snn_draft_add_population(recognition->draft, recognition->node->name, kind, &affine, shape,
                                                 recognition->node->outputs[0], &population);
    if (snn_failed(status)) {
        snn_affine_clear(&affine);
        return status;
    }
    population->alpha = alpha;
    population->beta = beta;
    describe(recognition, kind, shape);
    SNN_TRY(snn_affine_identity(&affine, recognition->draft->population_count - 1, shape, order));
    snn_recognition_give(recognition, &affine);
    return snn_ok();
}

snn_status snn_neurons_take_decoded(snn_recognition *recognition, int32_t i, snn_affine *affine)
{
    int32_t value = recognition->node->inputs[i];
    if (!snn_recognition_is_activation(recognition, i)) {
        return snn_fail(SNN_INPUT_ERROR, "input %d is not an activation", i);
    }
    SNN_TRY(snn_draft_stream_affine(recognition->draft, &recognition->draft->affines[value], value));
    return snn_recognition_take(recognition, i, affine);
}

snn_status snn_neurons_channels_last(snn_recognition *recognition, int32_t i)
{
    const snn_tensor *tensor = snn_recognition_input(recognition, i);
    const snn_affine *affine = &recognition->draft->affines[recognition->node->inputs[i]];
    int64_t last = tensor->dims[tensor->rank - 1];
    snn_shape shape = affine->shape;
    if (shape.channels != last) {
        shape = (snn_shape){1, (int32_t)(snn_tensor_elements(tensor) / last), (int32_t)last};
    }
    return snn_recognition_require_layout(recognition, i, shape, SNN_ORDER_CHANNELS_LAST);
}

snn_status snn_neurons_channels_along(snn_recognition *recognition, int32_t i, int32_t axis)
{
    const snn_tensor *tensor = snn_recognition_input(recognition, i);
    const snn_affine *affine = &recognition->draft->affines[recognition->node->inputs[i]];
    const int64_t *dims = tensor->dims;
    if (axis == tensor->rank - 1) {
        return snn_neurons_channels_last(recognition, i);
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
    return snn_recognition_require_layout(recognition, i, shape, SNN_ORDER_CHANNELS_FIRST);
}

snn_status snn_neurons_nary(snn_recognition *recognition, snn_neuron_kind kind, snn_affine *input, snn_shape shape,
                            float alpha, int32_t groups)
{
    const snn_node *node = recognition->node;
    snn_order order = input->order;
    snn_draft_population *population = NULL;
    snn_status status =
        snn_draft_add_population(recognition->draft, node->name, kind, input, shape, node->outputs[0], &population);
    if (snn_failed(status)) {
        snn_affine_clear(input);
        return status;
    }
    population->alpha = alpha;
    population->groups = groups;
    describe(recognition, kind, shape);
    SNN_TRY(snn_affine_identity(input, recognition->draft->population_count - 1, shape, order));
    snn_recognition_give(recognition, input);
    return snn_ok();
}

snn_status snn_neurons_binary(snn_recognition *recognition, snn_neuron_kind kind)
{
    const float smallest_divisor = 1e-6f; /* by magnitude: divisors have either sign */
    snn_affine affine, other;
    SNN_TRY(snn_arrange_take_pair(recognition, 0, 1, &affine, &other));
    snn_shape shape = affine.shape;
    snn_status status = snn_draft_stream_affine(recognition->draft, &affine, recognition->node->inputs[0]);
    if (!snn_failed(status)) {
        status = snn_draft_stream_affine(recognition->draft, &other, recognition->node->inputs[1]);
    }
    if (!snn_failed(status)) {
        status = snn_affine_concatenate(&affine, &other);
    }
    snn_affine_clear(&other);
    if (snn_failed(status)) {
        snn_affine_clear(&affine);
        return status;
    }
    bool quotient = kind == SNN_NEURON_QUOTIENT;
    SNN_TRY(snn_neurons_nary(recognition, kind, &affine, shape, quotient ? smallest_divisor : 0.0f,
                             quotient ? shape.channels : 1));
    snn_draft_last(recognition->draft)->beta = quotient ? 1.0f : 0.0f;
    return snn_ok();
}
