/* Values put together from parts, and taken apart. Where the elements of each part go is found out by evaluating the
 * node (movement.h). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/convert/arrange.h"
#include "core/convert/movement.h"
#include "core/convert/recognise.h"

/* A constant part is a constant part of the affine value. */
static snn_status add_constant_part(const snn_recognition *recognition, int32_t i, const int32_t *map,
                                    snn_affine *whole)
{
    const snn_tensor *constant = NULL;
    SNN_TRY(snn_recognition_constant(recognition, i, &constant));
    SNN_TRY(snn_affine_expand_offset(whole));
    for (int64_t p = 0; p < snn_shape_positions(whole->shape); p++) {
        for (int32_t c = 0; c < whole->shape.channels; c++) {
            int32_t element = map[snn_affine_element(whole, p, c)];
            const float number = element < 0 ? 0.0f : ((const float *)constant->data)[element];
            if (!isfinite(number)) {
                return snn_fail(SNN_INPUT_ERROR, "a constant part of %g", (double)number);
            }
            if (element >= 0) {
                whole->offset[p * whole->shape.channels + c] += number;
            }
        }
    }
    return snn_ok();
}

/* Whether an operator's products are among the parts: they cannot be added to a part of a stream. */
static bool has_operators(const snn_recognition *recognition)
{
    for (int32_t i = 0; i < recognition->node->input_count; i++) {
        if (snn_recognition_is_activation(recognition, i) &&
            !snn_affine_is_plain(&recognition->draft->affines[recognition->node->inputs[i]], false)) {
            return true;
        }
    }
    return false;
}

/* Adds input i to `whole`, whose layout the first activation decides on. */
static snn_status add_part(snn_recognition *recognition, int32_t i, const int32_t *map, snn_affine *whole)
{
    snn_draft *draft = recognition->draft;
    const snn_tensor *to = snn_recognition_output(recognition, 0);
    int32_t value = recognition->node->inputs[i];
    bool first = whole->term_count == 0;
    snn_affine part;
    bool through_relay = snn_recognition_is_activation(recognition, i) && has_operators(recognition) &&
                         snn_draft_reads_stream(draft, &draft->affines[value]);
    SNN_TRY(through_relay ? snn_recognition_relay(recognition, i) : snn_ok());
    SNN_TRY(snn_recognition_take(recognition, i, &part));
    snn_status status = first ? snn_arrange(draft, &part, value, map, to->dims, to->rank)
                              : snn_arrange_into(draft, &part, value, map, whole->shape, whole->order);
    if (!snn_failed(status) && first) {
        *whole = part;
        return snn_ok();
    }
    if (!snn_failed(status)) {
        status = snn_affine_add(whole, &part, 1.0f);
    }
    snn_affine_clear(&part);
    return status;
}

/* All inputs of one kind: activations, or constants. */
static snn_status add_parts(snn_recognition *recognition, bool constants, snn_affine *whole)
{
    const snn_node *node = recognition->node;
    snn_status status = snn_ok();
    for (int32_t i = 0; i < node->input_count && !snn_failed(status); i++) {
        const bool part =
            node->inputs[i] != SNN_NO_VALUE && snn_recognition_input(recognition, i)->type == SNN_TYPE_FLOAT32;
        if (part && snn_recognition_is_constant(recognition, i) == constants) {
            int32_t *map = NULL;
            status = snn_movement_map(recognition->draft->graph, node, i, node->outputs[0], NULL, &map);
            if (!snn_failed(status)) {
                status =
                    constants ? add_constant_part(recognition, i, map, whole) : add_part(recognition, i, map, whole);
            }
            snn_release(map);
        }
    }
    return status;
}

static snn_status put_together(snn_recognition *recognition, const char *how)
{
    snn_affine whole;
    memset(&whole, 0, sizeof whole);
    snn_status status = add_parts(recognition, false, &whole);
    if (!snn_failed(status)) {
        status = add_parts(recognition, true, &whole);
    }
    if (!snn_failed(status) && !snn_affine_is_plain(&whole, false)) {
        status = snn_draft_relay_cut_streams(recognition->draft, &whole, recognition->node->outputs[0]);
    }
    snn_recognition_describe(recognition, how);
    return snn_recognition_conclude(recognition, &whole, status);
}

static snn_status convert_concat(snn_recognition *recognition)
{
    char how[64];
    (void)snprintf(how, sizeof how, "%d parts side by side", recognition->node->input_count);
    return put_together(recognition, how);
}

/* Which of two values stands where must not depend on the image. */
static snn_status convert_where(snn_recognition *recognition)
{
    return snn_recognition_is_constant(recognition, 0)
               ? put_together(recognition, "one of two values in each place")
               : snn_fail(SNN_INPUT_ERROR, "its condition depends on the image; a constant expected");
}

static snn_status convert_scatter(snn_recognition *recognition)
{
    return put_together(recognition, "parts in the place of others");
}

/* Output i of a Split. The last one that is wanted takes the value, the others a copy. */
static snn_status give_part(snn_recognition *recognition, int32_t i, bool last)
{
    snn_draft *draft = recognition->draft;
    const snn_node *node = recognition->node;
    const snn_tensor *to = snn_recognition_output(recognition, i);
    int32_t *map = NULL;
    snn_affine part;
    SNN_TRY(snn_movement_map(draft->graph, node, 0, node->outputs[i], NULL, &map));
    snn_status status =
        last ? snn_recognition_take(recognition, 0, &part) : snn_affine_copy(&draft->affines[node->inputs[0]], &part);
    if (!snn_failed(status)) {
        status = snn_arrange(draft, &part, node->inputs[0], map, to->dims, to->rank);
        if (!snn_failed(status)) {
            snn_recognition_give_output(recognition, i, &part);
        } else {
            snn_affine_clear(&part);
        }
    }
    snn_release(map);
    return status;
}

static snn_status convert_split(snn_recognition *recognition)
{
    const snn_draft *draft = recognition->draft;
    const snn_node *node = recognition->node;
    int32_t last = -1;
    if (!snn_recognition_is_activation(recognition, 0)) {
        return snn_fail(SNN_INPUT_ERROR, "input 0 is not an activation");
    }
    for (int32_t i = 0; i < node->output_count; i++) {
        last = node->outputs[i] != SNN_NO_VALUE && draft->uses[node->outputs[i]] > 0 ? i : last;
    }
    for (int32_t i = 0; i <= last; i++) {
        if (node->outputs[i] != SNN_NO_VALUE && draft->uses[node->outputs[i]] > 0) {
            SNN_TRY(give_part(recognition, i, i == last));
        }
    }
    (void)snprintf(recognition->text, sizeof recognition->text, "taken apart into %d", node->output_count);
    return snn_ok();
}

snn_recogniser snn_recogniser_parts(const char *operator_name)
{
    static const snn_recogniser_entry table[] = {
        {"Concat", convert_concat},
        {"Split", convert_split},
        {"Where", convert_where},
        {"ScatterND", convert_scatter},
        {"ScatterElements", convert_scatter},
        {"Scatter", convert_scatter},
    };
    return snn_recogniser_in(table, sizeof table / sizeof table[0], operator_name);
}
