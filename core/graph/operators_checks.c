/* Checks and readers that every operator family uses. */
#include <string.h>

#include "core/graph/operators_internal.h"

enum { DESCRIPTION_BYTES = 128 };

static const char *kind_name(snn_attribute_kind kind)
{
    static const char *const names[] = {
        [SNN_ATTRIBUTE_INT] = "int",
        [SNN_ATTRIBUTE_FLOAT] = "float",
        [SNN_ATTRIBUTE_TEXT] = "text",
        [SNN_ATTRIBUTE_INTS] = "ints",
        [SNN_ATTRIBUTE_FLOATS] = "floats",
        [SNN_ATTRIBUTE_TENSOR] = "tensor",
        [SNN_ATTRIBUTE_OTHER] = "another kind",
    };
    return names[kind];
}

/* The kind that `known` gives the attribute of that name, as text that ends at a space or 0; NULL: none. */
static const char *known_kind(const char *known, const char *name)
{
    const size_t length = strlen(name);
    while (*known != '\0') {
        const size_t word = strcspn(known, "=");
        if (word == length && memcmp(known, name, length) == 0) {
            return known + word + 1;
        }
        known += strcspn(known, " ");
        known += strspn(known, " ");
    }
    return NULL;
}

snn_status snn_operator_attributes(const snn_node *node, const char *known)
{
    for (size_t i = 0; i < node->attribute_count; i++) {
        const snn_attribute *attribute = &node->attributes[i];
        const char *expected = known_kind(known, attribute->name);
        const char *found = kind_name(attribute->kind);
        if (expected == NULL) {
            return snn_fail(SNN_INPUT_ERROR, "attribute '%s' is not supported", attribute->name);
        }
        const size_t length = strcspn(expected, " ");
        if (strlen(found) != length || memcmp(expected, found, length) != 0) {
            return snn_fail(SNN_INPUT_ERROR, "attribute '%s': expects %.*s, found %s", attribute->name, (int)length,
                            expected, found);
        }
    }
    return snn_ok();
}

snn_status snn_operator_expect_type(const snn_tensor *input, const char *what, snn_type type)
{
    if (input->type != type) {
        return snn_fail(SNN_INPUT_ERROR, "%s: expects %s, found %s", what, snn_type_name(type),
                        snn_type_name(input->type));
    }
    return snn_ok();
}

snn_status snn_operator_expect_rank(const snn_tensor *input, const char *what, int32_t rank)
{
    if (input->rank != rank) {
        char text[DESCRIPTION_BYTES];
        return snn_fail(SNN_INPUT_ERROR, "%s: expects %d axes, found %s", what, rank,
                        snn_tensor_describe(input, text, sizeof text));
    }
    return snn_ok();
}

snn_status snn_operator_expect_elements(const snn_tensor *input, const char *what)
{
    if (snn_tensor_elements(input) < 1) {
        char text[DESCRIPTION_BYTES];
        return snn_fail(SNN_INPUT_ERROR, "%s: %s has no elements", what, snn_tensor_describe(input, text, sizeof text));
    }
    return snn_ok();
}

snn_status snn_operator_expect_vector(const snn_tensor *input, const char *what, int64_t length)
{
    SNN_TRY(snn_operator_expect_type(input, what, SNN_TYPE_FLOAT32));
    if (input->rank != 1 || input->dims[0] != length) {
        char text[DESCRIPTION_BYTES];
        return snn_fail(SNN_INPUT_ERROR, "%s: expects float32[%lld], found %s", what, (long long)length,
                        snn_tensor_describe(input, text, sizeof text));
    }
    return snn_ok();
}

snn_status snn_operator_axis(int64_t axis, int32_t rank, int32_t *normalised)
{
    if (axis < -(int64_t)rank || axis >= rank) {
        return snn_fail(SNN_INPUT_ERROR, "axis %lld is out of range for a tensor of %d axes", (long long)axis, rank);
    }
    *normalised = (int32_t)(axis < 0 ? axis + rank : axis);
    return snn_ok();
}

const snn_tensor *snn_operator_input(const snn_operator_call *call, int32_t number)
{
    return number < call->node->input_count ? call->inputs[number] : NULL;
}

snn_status snn_operator_expect_all(const snn_operator_call *call)
{
    for (int32_t i = 0; i < call->node->input_count; i++) {
        if (call->inputs[i] == NULL) {
            return snn_fail(SNN_INPUT_ERROR, "input %d is left out", i);
        }
    }
    return snn_ok();
}

snn_status snn_operator_set_shape(snn_tensor *output, snn_type type, int32_t rank, const int64_t *dims)
{
    if (rank > SNN_MAX_RANK) {
        return snn_fail(SNN_INPUT_ERROR, "a result of %d axes: at most %d are supported", rank, SNN_MAX_RANK);
    }
    output->type = type;
    output->rank = rank;
    for (int32_t axis = 0; axis < rank; axis++) {
        if (dims[axis] < 0) {
            return snn_fail(SNN_INPUT_ERROR, "axis %d of the result has negative size %lld", axis,
                            (long long)dims[axis]);
        }
        output->dims[axis] = dims[axis];
    }
    if (snn_tensor_elements(output) < 0) {
        char text[DESCRIPTION_BYTES];
        return snn_fail(SNN_INPUT_ERROR, "the result %s is too large", snn_tensor_describe(output, text, sizeof text));
    }
    return snn_ok();
}

void snn_operator_copy_shape(snn_tensor *output, const snn_tensor *input)
{
    output->type = input->type;
    output->rank = input->rank;
    memcpy(output->dims, input->dims, sizeof output->dims);
}

snn_status snn_operator_broadcast(const snn_tensor *const *inputs, int32_t count, snn_type type, snn_tensor *output)
{
    int32_t rank = 0;
    for (int32_t i = 0; i < count; i++) {
        rank = inputs[i]->rank > rank ? inputs[i]->rank : rank;
    }
    int64_t dims[SNN_MAX_RANK];
    for (int32_t axis = 0; axis < rank; axis++) {
        dims[axis] = 1;
    }
    for (int32_t i = 0; i < count; i++) {
        for (int32_t axis = 0; axis < inputs[i]->rank; axis++) {
            int64_t *size = &dims[rank - inputs[i]->rank + axis];
            const int64_t found = inputs[i]->dims[axis];
            if (found != 1 && *size != 1 && found != *size) {
                char text[2][DESCRIPTION_BYTES];
                return snn_fail(SNN_INPUT_ERROR, "shapes do not broadcast: %s and %s",
                                snn_tensor_describe(inputs[0], text[0], sizeof text[0]),
                                snn_tensor_describe(inputs[i], text[1], sizeof text[1]));
            }
            *size = found != 1 ? found : *size;
        }
    }
    return snn_operator_set_shape(output, type, rank, dims);
}

snn_status snn_operator_read_integers(const snn_tensor *input, const char *what, snn_integers *integers)
{
    *integers = (snn_integers){0};
    if (input == NULL) {
        return snn_ok();
    }
    SNN_TRY(snn_operator_expect_type(input, what, SNN_TYPE_INT64));
    if (input->rank > 1) {
        return snn_fail(SNN_INPUT_ERROR, "%s: expects a list, found a tensor of %d axes", what, input->rank);
    }
    if (input->data == NULL) {
        return snn_fail(SNN_INPUT_ERROR, "%s: expects a constant, found a value computed from the image", what);
    }
    const int64_t count = snn_tensor_elements(input);
    const int64_t limit = (int64_t)(sizeof integers->values / sizeof integers->values[0]);
    if (count > limit) {
        return snn_fail(SNN_INPUT_ERROR, "%s: expects at most %lld integers, found %lld", what, (long long)limit,
                        (long long)count);
    }
    integers->present = true;
    integers->count = (int32_t)count;
    memcpy(integers->values, input->data, (size_t)count * sizeof integers->values[0]);
    return snn_ok();
}

snn_status snn_operator_integers(const snn_operator_call *call, const char *name, int32_t number, int64_t since,
                                 snn_integers *integers)
{
    if (call->opset >= since) {
        if (snn_node_attribute(call->node, name) != NULL) {
            return snn_fail(SNN_INPUT_ERROR, "'%s' is an input from opset %lld on, found an attribute", name,
                            (long long)since);
        }
        return snn_operator_read_integers(snn_operator_input(call, number), name, integers);
    }
    if (snn_operator_input(call, number) != NULL) {
        return snn_fail(SNN_INPUT_ERROR, "'%s' is an attribute before opset %lld, found an input", name,
                        (long long)since);
    }
    *integers = (snn_integers){0};
    if (snn_node_attribute(call->node, name) == NULL) {
        return snn_ok();
    }
    const size_t limit = sizeof integers->values / sizeof integers->values[0];
    const size_t count = snn_node_integers(call->node, name, integers->values, limit);
    if (count > limit) {
        return snn_fail(SNN_INPUT_ERROR, "attribute '%s': expects at most %zu integers, found %zu", name, limit, count);
    }
    integers->present = true;
    integers->count = (int32_t)count;
    return snn_ok();
}

snn_status snn_operator_axis_set(const snn_integers *axes, int32_t rank, bool in_set[SNN_MAX_RANK])
{
    memset(in_set, 0, SNN_MAX_RANK * sizeof *in_set);
    for (int32_t i = 0; i < axes->count; i++) {
        int32_t axis = 0;
        SNN_TRY(snn_operator_axis(axes->values[i], rank, &axis));
        if (in_set[axis]) {
            return snn_fail(SNN_INPUT_ERROR, "axis %d is named twice", axis);
        }
        in_set[axis] = true;
    }
    return snn_ok();
}
