#include "core/convert/recognition.h"

#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"

snn_recogniser snn_recogniser_in(const snn_recogniser_entry *table, size_t count, const char *operator_name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(table[i].operator_name, operator_name) == 0) {
            return table[i].recogniser;
        }
    }
    return NULL;
}

const snn_tensor *snn_recognition_input(const snn_recognition *recognition, int32_t i)
{
    return &recognition->draft->graph->values[recognition->node->inputs[i]].tensor;
}

const snn_tensor *snn_recognition_output(const snn_recognition *recognition, int32_t i)
{
    return &recognition->draft->graph->values[recognition->node->outputs[i]].tensor;
}

bool snn_recognition_is_constant(const snn_recognition *recognition, int32_t i)
{
    const snn_node *node = recognition->node;
    return i < node->input_count && node->inputs[i] != SNN_NO_VALUE &&
           recognition->draft->graph->values[node->inputs[i]].constant;
}

bool snn_recognition_is_activation(const snn_recognition *recognition, int32_t i)
{
    const snn_node *node = recognition->node;
    return i < node->input_count && node->inputs[i] != SNN_NO_VALUE &&
           recognition->draft->affines[node->inputs[i]].shape.channels > 0;
}

snn_status snn_recognition_constant(const snn_recognition *recognition, int32_t i, const snn_tensor **tensor)
{
    if (!snn_recognition_is_constant(recognition, i)) {
        return snn_fail(SNN_INPUT_ERROR,
                        "input %d must be constant (weights that depend on the image are not supported)", i);
    }
    *tensor = snn_recognition_input(recognition, i);
    if ((*tensor)->type != SNN_TYPE_FLOAT32) {
        return snn_fail(SNN_INPUT_ERROR, "input %d must be float32", i);
    }
    return snn_ok();
}

snn_status snn_recognition_one_image(const snn_tensor *tensor)
{
    if (tensor->rank < 1 || tensor->dims[0] != 1) {
        char text[128];
        return snn_fail(SNN_INPUT_ERROR, "its input is %s: a leading axis of 1 expected",
                        snn_tensor_describe(tensor, text, sizeof text));
    }
    return snn_ok();
}

snn_status snn_recognition_image_shape(const snn_tensor *tensor, snn_shape *shape)
{
    if (tensor->rank != 4) {
        return snn_fail(SNN_INPUT_ERROR, "input of rank %d, an image [1,C,H,W] expected", tensor->rank);
    }
    SNN_TRY(snn_recognition_one_image(tensor));
    *shape = (snn_shape){(int32_t)tensor->dims[2], (int32_t)tensor->dims[3], (int32_t)tensor->dims[1]};
    return snn_ok();
}

void snn_recognition_describe(snn_recognition *recognition, const char *text)
{
    (void)snprintf(recognition->text, sizeof recognition->text, "%s", text);
}

/* ---- values in and out ---- */

snn_status snn_recognition_take(snn_recognition *recognition, int32_t i, snn_affine *affine)
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

snn_status snn_recognition_relay(snn_recognition *recognition, int32_t i)
{
    if (!snn_recognition_is_activation(recognition, i)) {
        return snn_fail(SNN_INPUT_ERROR, "input %d is not an activation", i);
    }
    int32_t value = recognition->node->inputs[i];
    return snn_draft_relay_affine(recognition->draft, &recognition->draft->affines[value], value);
}

snn_status snn_recognition_take_spikes(snn_recognition *recognition, int32_t i, snn_affine *affine)
{
    const snn_affine *now = &recognition->draft->affines[recognition->node->inputs[i]];
    if (!snn_affine_is_plain(now, false) || snn_draft_reads_stream(recognition->draft, now)) {
        SNN_TRY(snn_recognition_relay(recognition, i));
    }
    return snn_recognition_take(recognition, i, affine);
}

/* Pooled channels of a stream become a depthwise convolution of it: that has fraction bits, where plain sums over many
 * positions might not fit. */
static snn_status convolve_instead(snn_term *term)
{
    const int64_t taps = (int64_t)term->op.pool.kernel[0] * term->op.pool.kernel[1];
    const int32_t channels = term->op.target_channels;
    float *weights = snn_allocate((size_t)(taps * channels), sizeof *weights);
    if (weights == NULL) {
        return snn_out_of_memory("weights of an average");
    }
    for (int64_t i = 0; i < taps * channels; i++) {
        weights[i] = term->weights[i / taps];
    }
    snn_release(term->weights);
    term->weights = weights;
    term->op.kind = SNN_OPERATOR_CONVOLUTION;
    term->op.window = term->op.pool;
    term->op.groups = channels;
    term->op.pooled = false;
    return snn_ok();
}

snn_status snn_recognition_take_factor(snn_recognition *recognition, int32_t i, snn_affine *affine)
{
    snn_draft *draft = recognition->draft;
    const int32_t value = recognition->node->inputs[i];
    if (!snn_recognition_is_activation(recognition, i)) {
        return snn_fail(SNN_INPUT_ERROR, "input %d is not an activation", i);
    }
    snn_affine *now = &draft->affines[value];
    bool integers = draft->options.streams == SNN_STREAMS_INTEGERS && snn_affine_is_plain(now, false) &&
                    snn_draft_reads_stream(draft, now) && !snn_affine_reads_image(now);
    if (integers && !snn_affine_is_plain(now, true)) {
        integers = now->term_count == 1; /* pooled: read through a stream of the sums */
        char name[256];
        (void)snprintf(name, sizeof name, "%.200s/stream", recognition->node->name);
        SNN_TRY(integers ? convolve_instead(&now->terms[0]) : snn_ok());
        SNN_TRY(integers ? snn_draft_add_stream(draft, name, now, value) : snn_ok());
    }
    return integers ? snn_recognition_take(recognition, i, affine)
                    : snn_recognition_take_spikes(recognition, i, affine);
}

snn_status snn_recognition_require_layout(snn_recognition *recognition, int32_t i, snn_shape shape, snn_order order)
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
    SNN_TRY(snn_recognition_relay(recognition, i));
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
    return snn_recognition_relay(recognition, i);
}

void snn_recognition_give_output(snn_recognition *recognition, int32_t i, snn_affine *affine)
{
    recognition->draft->affines[recognition->node->outputs[i]] = *affine;
    memset(affine, 0, sizeof *affine);
}

void snn_recognition_give(snn_recognition *recognition, snn_affine *affine)
{
    snn_recognition_give_output(recognition, 0, affine);
}

snn_status snn_recognition_conclude(snn_recognition *recognition, snn_affine *affine, snn_status status)
{
    if (snn_failed(status)) {
        snn_affine_clear(affine);
        return status;
    }
    snn_recognition_give(recognition, affine);
    return snn_ok();
}
