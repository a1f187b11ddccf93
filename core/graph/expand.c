#include "core/graph/expand.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/graph/operators_internal.h"

/* ---- nodes and values ---- */

static void fail(snn_expansion *e, snn_status status)
{
    if (!snn_failed(e->status)) {
        e->status = status;
    }
}

void snn_expand_refuse(snn_expansion *e, const char *format, ...)
{
    char message[SNN_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    fail(e, snn_fail(SNN_INPUT_ERROR, "%s", message));
}

void snn_expand_attributes(snn_expansion *e, const char *known)
{
    fail(e, snn_operator_attributes(e->node, known));
}

static int32_t add_value(snn_expansion *e, const char *operator)
{
    if (!snn_grow(&e->values, (size_t)e->value_count, &e->value_room, sizeof *e->values)) {
        fail(e, snn_out_of_memory("values of a composite operator"));
        return SNN_NO_VALUE;
    }
    snn_value *value = &e->values[e->value_count];
    char name[256];
    (void)snprintf(name, sizeof name, "%.200s/%s", e->node->name, operator);
    memset(value, 0, sizeof *value);
    value->producer = -1;
    value->tensor.rank = -1;
    value->name = snn_duplicate_text(name);
    if (value->name == NULL) {
        fail(e, snn_out_of_memory("name of a value"));
        return SNN_NO_VALUE;
    }
    return e->graph->value_count + e->value_count++;
}

int32_t snn_expand_input(const snn_expansion *e, int32_t i)
{
    return i < e->node->input_count ? e->node->inputs[i] : SNN_NO_VALUE;
}

const snn_tensor *snn_expand_shape(const snn_expansion *e, int32_t i)
{
    static const snn_tensor none = {.rank = -1};
    const int32_t value = snn_expand_input(e, i);
    return value == SNN_NO_VALUE ? &none : &e->graph->values[value].tensor;
}

const snn_tensor *snn_expand_weights(snn_expansion *e, int32_t i, const char *what)
{
    const snn_tensor *tensor = snn_expand_shape(e, i);
    if (tensor->data == NULL || tensor->type != SNN_TYPE_FLOAT32) {
        snn_expand_refuse(e, "%s: a constant of type float32 expected", what);
        return NULL;
    }
    return tensor;
}

int32_t snn_expand_node(snn_expansion *e, const char *operator, int32_t count, const int32_t *inputs)
{
    if (snn_failed(e->status)) {
        return SNN_NO_VALUE;
    }
    if (!snn_grow(&e->nodes, (size_t)e->node_count, &e->node_room, sizeof *e->nodes)) {
        fail(e, snn_out_of_memory("nodes of a composite operator"));
        return SNN_NO_VALUE;
    }
    const int32_t output = add_value(e, operator);
    snn_node *node = &e->nodes[e->node_count++];
    memset(node, 0, sizeof *node);
    char name[256];
    (void)snprintf(name, sizeof name, "%.200s/%s", e->node->name, operator);
    node->name = snn_duplicate_text(name);
    node->operator= snn_duplicate_text(operator);
    node->domain = snn_duplicate_text("");
    node->inputs = snn_allocate((size_t)count, sizeof *node->inputs);
    node->outputs = snn_allocate(1, sizeof *node->outputs);
    if (node->name == NULL || node->operator== NULL || node->domain == NULL || node->inputs == NULL ||
                              node->outputs == NULL) {
        fail(e, snn_out_of_memory("a node of a composite operator"));
        return SNN_NO_VALUE;
    }
    memcpy(node->inputs, inputs, (size_t)count * sizeof *inputs);
    node->input_count = count;
    node->outputs[0] = output;
    node->output_count = 1;
    return output;
}

static snn_attribute *add_attribute(snn_expansion *e, const char *name, snn_attribute_kind kind)
{
    if (snn_failed(e->status)) {
        return NULL;
    }
    snn_node *node = &e->nodes[e->node_count - 1];
    snn_attribute *all = snn_allocate(node->attribute_count + 1, sizeof *all);
    char *copy = snn_duplicate_text(name);
    if (all == NULL || copy == NULL) {
        snn_release(all);
        snn_release(copy);
        fail(e, snn_out_of_memory("attributes of a composite operator"));
        return NULL;
    }
    if (node->attribute_count > 0) {
        memcpy(all, node->attributes, node->attribute_count * sizeof *all);
    }
    snn_release(node->attributes);
    node->attributes = all;
    snn_attribute *added = &all[node->attribute_count++];
    added->name = copy;
    added->kind = kind;
    added->tensor.rank = -1;
    return added;
}

void snn_expand_integer(snn_expansion *e, const char *name, int64_t integer)
{
    snn_attribute *added = add_attribute(e, name, SNN_ATTRIBUTE_INT);
    if (added != NULL) {
        added->integer = integer;
    }
}

void snn_expand_real(snn_expansion *e, const char *name, float real)
{
    snn_attribute *added = add_attribute(e, name, SNN_ATTRIBUTE_FLOAT);
    if (added != NULL) {
        added->real = real;
    }
}

void snn_expand_text(snn_expansion *e, const char *name, const char *text)
{
    snn_attribute *added = add_attribute(e, name, SNN_ATTRIBUTE_TEXT);
    if (added != NULL) {
        added->text = snn_duplicate_text(text);
        if (added->text == NULL) {
            fail(e, snn_out_of_memory("text"));
        }
    }
}

void snn_expand_integers(snn_expansion *e, const char *name, int32_t count, const int64_t *integers)
{
    snn_attribute *added = add_attribute(e, name, SNN_ATTRIBUTE_INTS);
    if (added == NULL) {
        return;
    }
    added->integers = snn_allocate((size_t)count, sizeof *integers);
    if (added->integers == NULL) {
        fail(e, snn_out_of_memory("integers"));
        return;
    }
    memcpy(added->integers, integers, (size_t)count * sizeof *integers);
    added->count = (size_t)count;
}

void snn_expand_attribute(snn_expansion *e, const char *name)
{
    const snn_attribute *given = snn_node_attribute(e->node, name);
    if (given == NULL) {
        return;
    }
    switch (given->kind) {
    case SNN_ATTRIBUTE_INT:
        snn_expand_integer(e, name, given->integer);
        break;
    case SNN_ATTRIBUTE_FLOAT:
        snn_expand_real(e, name, given->real);
        break;
    case SNN_ATTRIBUTE_TEXT:
        snn_expand_text(e, name, given->text);
        break;
    case SNN_ATTRIBUTE_INTS:
        snn_expand_integers(e, name, (int32_t)given->count, given->integers);
        break;
    default:
        snn_expand_refuse(e, "attribute '%s' is of a kind that is not supported", name);
    }
}

void snn_expand_same_attributes(snn_expansion *e)
{
    for (size_t i = 0; i < e->node->attribute_count; i++) {
        snn_expand_attribute(e, e->node->attributes[i].name);
    }
}

int32_t snn_expand_plus(snn_expansion *e, int32_t x, int32_t i)
{
    const int32_t added = snn_expand_input(e, i);
    return added == SNN_NO_VALUE ? x : SNN_EXPAND(e, "Add", x, added);
}

/* ---- constants ---- */

static int32_t add_constant(snn_expansion *e, snn_type type, int32_t rank, const int64_t *dims, void **data)
{
    *data = NULL;
    if (snn_failed(e->status)) {
        return SNN_NO_VALUE;
    }
    const int32_t number = add_value(e, "constant");
    if (number == SNN_NO_VALUE) {
        return number;
    }
    snn_value *value = &e->values[number - e->graph->value_count];
    fail(e, snn_operator_set_shape(&value->tensor, type, rank, dims));
    if (!snn_failed(e->status)) {
        fail(e, snn_tensor_allocate(&value->tensor));
    }
    value->constant = value->tensor.data != NULL;
    *data = value->tensor.data;
    return number;
}

int32_t snn_expand_scalar(snn_expansion *e, float value)
{
    float *element = NULL;
    const int32_t number = snn_expand_floats(e, 0, NULL, &element);
    if (element != NULL) {
        *element = value;
    }
    return number;
}

int32_t snn_expand_list(snn_expansion *e, int32_t count, const int64_t *integers)
{
    void *data = NULL;
    const int32_t number = add_constant(e, SNN_TYPE_INT64, 1, (const int64_t[]){count}, &data);
    if (data != NULL) {
        memcpy(data, integers, (size_t)count * sizeof *integers);
    }
    return number;
}

int32_t snn_expand_floats(snn_expansion *e, int32_t rank, const int64_t *dims, float **elements)
{
    void *data = NULL;
    const int32_t number = add_constant(e, SNN_TYPE_FLOAT32, rank, dims, &data);
    *elements = data;
    return number;
}

/* ---- nodes that differ from opset to opset ---- */

int32_t snn_expand_reduce(snn_expansion *e, const char *operator, int32_t x, int32_t count, const int64_t *axes,
                          bool keep)
{
    const int64_t since = strcmp(operator, "ReduceSum") == 0 ? 13 : 18; /* from then on axes are an input */
    const bool input = e->graph->opset >= since;
    int32_t reduced = SNN_NO_VALUE;
    if (input) {
        reduced = SNN_EXPAND(e, operator, x, snn_expand_list(e, count, axes));
    } else {
        reduced = SNN_EXPAND(e, operator, x);
        snn_expand_integers(e, "axes", count, axes);
    }
    snn_expand_integer(e, "keepdims", keep);
    return reduced;
}

int32_t snn_expand_reshape(snn_expansion *e, int32_t x, int32_t rank, const int64_t *dims)
{
    return SNN_EXPAND(e, "Reshape", x, snn_expand_list(e, rank, dims));
}

int32_t snn_expand_transpose(snn_expansion *e, int32_t x, int32_t rank, const int64_t *perm)
{
    bool moves = false;
    for (int32_t axis = 0; axis < rank; axis++) {
        moves = moves || perm[axis] != axis;
    }
    if (!moves) {
        return x;
    }
    const int32_t moved = SNN_EXPAND(e, "Transpose", x);
    snn_expand_integers(e, "perm", rank, perm);
    return moved;
}

int32_t snn_expand_pad(snn_expansion *e, int32_t x, int32_t rank, const int64_t *pads)
{
    bool pads_any = false;
    for (int32_t i = 0; i < 2 * rank; i++) {
        pads_any = pads_any || pads[i] != 0;
    }
    if (!pads_any) {
        return x;
    }
    if (e->graph->opset >= 11) {
        return SNN_EXPAND(e, "Pad", x, snn_expand_list(e, 2 * rank, pads));
    }
    const int32_t padded = SNN_EXPAND(e, "Pad", x);
    snn_expand_integers(e, "pads", 2 * rank, pads);
    return padded;
}

int32_t snn_expand_slice(snn_expansion *e, int32_t x, int32_t axis, int64_t begin, int64_t end)
{
    const int64_t at = axis;
    if (e->graph->opset >= 10) {
        return SNN_EXPAND(e, "Slice", x, snn_expand_list(e, 1, &begin), snn_expand_list(e, 1, &end),
                          snn_expand_list(e, 1, &at));
    }
    const int32_t part = SNN_EXPAND(e, "Slice", x);
    snn_expand_integers(e, "starts", 1, &begin);
    snn_expand_integers(e, "ends", 1, &end);
    snn_expand_integers(e, "axes", 1, &at);
    return part;
}

int32_t snn_expand_softmax(snn_expansion *e, int32_t x, int32_t last)
{
    const int32_t softmax = SNN_EXPAND(e, "Softmax", x);
    snn_expand_integer(e, "axis", last); /* the default before opset 13 is another */
    return softmax;
}

/* ---- outputs ---- */

/* The node of the expansion that makes `value`; NULL if none does. */
static snn_node *maker_of(snn_expansion *e, int32_t value)
{
    for (int32_t n = 0; n < e->node_count; n++) {
        if (e->nodes[n].outputs[0] == value) {
            return &e->nodes[n];
        }
    }
    return NULL;
}

void snn_expand_output(snn_expansion *e, int32_t i, int32_t value)
{
    if (snn_failed(e->status) || i >= e->node->output_count || e->node->outputs[i] == SNN_NO_VALUE) {
        return;
    }
    snn_node *maker = value < e->graph->value_count ? NULL : maker_of(e, value);
    if (maker == NULL) { /* it is an input as it is, or a constant, or another output too */
        value = SNN_EXPAND(e, "Identity", value);
        maker = maker_of(e, value);
    }
    if (snn_failed(e->status)) {
        return;
    }
    for (int32_t n = 0; n < e->node_count; n++) {
        for (int32_t k = 0; k < e->nodes[n].input_count; k++) {
            int32_t *input = &e->nodes[n].inputs[k];
            *input = *input == value ? e->node->outputs[i] : *input;
        }
    }
    maker->outputs[0] = e->node->outputs[i];
    e->given |= 1U << i;
    char *name = i == 0 ? snn_duplicate_text(e->node->name) : NULL; /* the result keeps the name */
    if (name != NULL) {
        snn_release(maker->name);
        maker->name = name;
    } else if (i == 0) {
        fail(e, snn_out_of_memory("name of a node"));
    }
}

void snn_expand_result(snn_expansion *e, int32_t value)
{
    snn_expand_output(e, 0, value);
}
