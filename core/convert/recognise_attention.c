/* Softmax attention as patterns_attention.c finds it: one neuron of all tokens, or a chain of simple ones. */
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/convert/arrange.h"
#include "core/convert/decompose.h"
#include "core/convert/matrices.h"
#include "core/convert/neurons.h"
#include "core/convert/recognise.h"

static snn_status fused_attention(snn_recognition *recognition)
{
    snn_affine all;
    memset(&all, 0, sizeof all);
    snn_shape shape = {0, 0, 0};
    snn_status status = snn_ok();
    for (int32_t i = 0; i < 3 && !snn_failed(status); i++) {
        snn_affine operand;
        status = snn_matrices_take_operand(recognition, i, i == 0 ? &all : &operand);
        if (!snn_failed(status) && i == 0) {
            shape = all.shape;
        } else if (!snn_failed(status)) {
            status = snn_affine_concatenate(&all, &operand);
            snn_affine_clear(&operand);
        }
    }
    if (!snn_failed(status)) {
        /* q, k and v side by side: one stream if they are products. */
        status = snn_draft_stream_affine(recognition->draft, &all, recognition->node->outputs[0]);
    }
    if (snn_failed(status)) {
        snn_affine_clear(&all);
        return status;
    }
    SNN_TRY(snn_neurons_nary(recognition, SNN_NEURON_ATTENTION, &all, shape, recognition->pattern->parameter,
                             recognition->pattern->groups));
    snn_matrices_set_window(recognition);
    SNN_TRY(snn_matrices_place_result(recognition));
    all = recognition->draft->affines[recognition->node->outputs[0]];
    memset(&recognition->draft->affines[recognition->node->outputs[0]], 0, sizeof all);
    return snn_matrices_give_attention(recognition, &all);
}

static snn_status convert_attention(snn_recognition *recognition)
{
    const snn_pattern_match *pattern = recognition->pattern;
    if (pattern == NULL) {
        return snn_fail(SNN_INPUT_ERROR, "attention that was not written out"); /* never: lower.h does it */
    }
    for (int32_t i = 0; i < 3; i++) {
        if (!snn_recognition_is_activation(recognition, i)) {
            return snn_fail(SNN_INPUT_ERROR, "queries, keys or values that do not depend on the image");
        }
        SNN_TRY(pattern->first[i] == SNN_IN_HEADS ? snn_ok() : snn_neurons_channels_last(recognition, i));
    }
    const bool masked = pattern->mask_count > 0; /* the fused neuron has no place for it */
    return masked || recognition->draft->options.attention == SNN_FORM_DECOMPOSED ? snn_decompose_attention(recognition)
                                                                                  : fused_attention(recognition);
}

/* ---- products of two activations ---- */

snn_recogniser snn_recogniser_attention(const char *operator_name)
{
    static const snn_recogniser_entry table[] = {{"Attention", convert_attention}};
    return snn_recogniser_in(table, sizeof table / sizeof table[0], operator_name);
}
