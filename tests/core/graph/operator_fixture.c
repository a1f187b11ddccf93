#include "operator_fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/memory.h"

void fixture_begin(fixture *op, const char *name)
{
    memset(op, 0, sizeof *op);
    op->opset = 13;
    op->node.operator= snn_duplicate_text(name);
    op->node.name = op->node.operator;
    op->node.attributes = op->attributes;
    op->node.inputs = op->numbers;
    op->node.outputs = op->numbers;
    op->node.output_count = 1;
    assert_non_null(op->node.operator);
}

static void clear_outputs(fixture *op)
{
    for (int32_t i = 0; i < FIXTURE_LIMIT; i++) {
        snn_tensor_clear(&op->outputs[i]);
        op->outputs[i].data = NULL;
    }
}

void fixture_end(fixture *op)
{
    for (size_t i = 0; i < op->node.attribute_count; i++) {
        snn_release(op->attributes[i].name);
        snn_release(op->attributes[i].text);
        snn_release(op->attributes[i].integers);
    }
    for (int32_t i = 0; i < op->node.input_count; i++) {
        snn_tensor_clear(&op->inputs[i]);
    }
    clear_outputs(op);
    snn_release(op->node.operator);
}

static snn_attribute *add_attribute(fixture *op, const char *name, snn_attribute_kind kind)
{
    assert_true(op->node.attribute_count < FIXTURE_LIMIT);
    snn_attribute *attribute = &op->attributes[op->node.attribute_count++];
    attribute->name = snn_duplicate_text(name);
    attribute->kind = kind;
    return attribute;
}

void fixture_integer(fixture *op, const char *name, int64_t value)
{
    add_attribute(op, name, SNN_ATTRIBUTE_INT)->integer = value;
}

void fixture_real(fixture *op, const char *name, float value)
{
    add_attribute(op, name, SNN_ATTRIBUTE_FLOAT)->real = value;
}

void fixture_text(fixture *op, const char *name, const char *value)
{
    add_attribute(op, name, SNN_ATTRIBUTE_TEXT)->text = snn_duplicate_text(value);
}

void fixture_list(fixture *op, const char *name, int32_t count, const int64_t *values)
{
    snn_attribute *attribute = add_attribute(op, name, SNN_ATTRIBUTE_INTS);
    attribute->count = (size_t)count;
    attribute->integers = snn_allocate((size_t)count, sizeof *values);
    assert_non_null(attribute->integers);
    memcpy(attribute->integers, values, (size_t)count * sizeof *values);
}

void fixture_input(fixture *op, snn_type type, int32_t rank, const int64_t *dims, const void *data)
{
    assert_true(op->node.input_count < FIXTURE_LIMIT);
    const int32_t number = op->node.input_count++;
    snn_tensor *input = &op->inputs[number];
    input->type = type;
    input->rank = rank;
    for (int32_t axis = 0; axis < rank; axis++) {
        input->dims[axis] = dims[axis];
    }
    if (data != NULL) {
        assert_int_equal(snn_tensor_allocate(input).code, SNN_OK);
        memcpy(input->data, data, (size_t)snn_tensor_elements(input) * snn_type_bytes(type));
    }
    op->given[number] = input;
}

void fixture_floats(fixture *op, int32_t rank, const int64_t *dims, const float *data)
{
    fixture_input(op, SNN_TYPE_FLOAT32, rank, dims, data);
}

void fixture_vector(fixture *op, int32_t count, const int64_t *values)
{
    const int64_t length = count;
    fixture_input(op, SNN_TYPE_INT64, 1, &length, values);
}

void fixture_scalar(fixture *op, float value)
{
    const int64_t none = 0;
    fixture_input(op, SNN_TYPE_FLOAT32, 0, &none, &value);
}

void fixture_omit(fixture *op)
{
    op->given[op->node.input_count++] = NULL;
}

uint32_t fixture_number(uint32_t *state)
{
    *state = *state * 1664525U + 1013904223U;
    return *state >> 8;
}

int32_t fixture_between(uint32_t *state, int32_t least, int32_t most)
{
    return least + (int32_t)(fixture_number(state) % (uint32_t)(most - least + 1));
}

void fixture_random(fixture *op, int32_t rank, const int64_t *dims)
{
    uint32_t state = 12345U + (uint32_t)op->node.input_count;
    fixture_floats(op, rank, dims, NULL);
    snn_tensor *input = &op->inputs[op->node.input_count - 1];
    assert_int_equal(snn_tensor_allocate(input).code, SNN_OK);
    for (int64_t i = 0; i < snn_tensor_elements(input); i++) {
        ((float *)input->data)[i] = (float)fixture_number(&state) / 8388608.0F - 1.0F;
    }
}

static snn_operator_call call_of(fixture *op)
{
    return (snn_operator_call){&op->node, op->opset, op->given, op->outputs};
}

static const snn_graph_operator *entry_of(const fixture *op)
{
    const snn_graph_operator *entry = snn_graph_operator_find(op->node.operator);
    assert_non_null(entry);
    assert_true(op->node.input_count >= entry->min_inputs);
    assert_true(entry->max_inputs < 0 || op->node.input_count <= entry->max_inputs);
    return entry;
}

snn_status fixture_infer(fixture *op)
{
    const snn_operator_call call = call_of(op);
    clear_outputs(op);
    return entry_of(op)->infer(&call);
}

static snn_status evaluate(fixture *op)
{
    const snn_operator_call call = call_of(op);
    for (int32_t i = 0; i < op->node.output_count; i++) {
        if (op->outputs[i].data == NULL) {
            assert_int_equal(snn_tensor_allocate(&op->outputs[i]).code, SNN_OK);
        }
        /* what is left of an earlier run must not matter */
        memset(op->outputs[i].data, 0x55,
               (size_t)snn_tensor_elements(&op->outputs[i]) * snn_type_bytes(op->outputs[i].type));
    }
    return entry_of(op)->evaluate(&call);
}

const void *fixture_run(fixture *op)
{
    snn_status status = fixture_infer(op);
    assert_string_equal(status.message, "");
    status = evaluate(op);
    assert_string_equal(status.message, "");
    return op->outputs[0].data;
}

static void check_refusal(snn_status status, const char *text)
{
    assert_int_equal(status.code, SNN_INPUT_ERROR);
    if (strstr(status.message, text) == NULL) {
        fail_msg("expected '%s' in '%s'", text, status.message);
    }
}

void fixture_refused(fixture *op, const char *text)
{
    check_refusal(fixture_infer(op), text);
}

void fixture_fails(fixture *op, const char *text)
{
    assert_int_equal(fixture_infer(op).code, SNN_OK);
    check_refusal(evaluate(op), text);
}

static void check_shape(const fixture *op, snn_type type, int32_t rank, const int64_t *dims)
{
    assert_int_equal(op->outputs[0].type, type);
    assert_int_equal(op->outputs[0].rank, rank);
    for (int32_t axis = 0; axis < rank; axis++) {
        assert_int_equal(op->outputs[0].dims[axis], dims[axis]);
    }
}

void fixture_gives_floats(fixture *op, int32_t rank, const int64_t *dims, const float *expected, float tolerance)
{
    const float *found = fixture_run(op);
    check_shape(op, SNN_TYPE_FLOAT32, rank, dims);
    for (int64_t i = 0; i < snn_tensor_elements(&op->outputs[0]); i++) {
        if (found[i] != expected[i] && !(fabsf(found[i] - expected[i]) <= tolerance)) {
            fail_msg("%s: element %lld is %.9g, expected %.9g", op->node.operator,(long long) i, (double)found[i],
                     (double)expected[i]);
        }
    }
}

void fixture_gives_ints(fixture *op, int32_t rank, const int64_t *dims, const int64_t *expected)
{
    const int64_t *found = fixture_run(op);
    check_shape(op, SNN_TYPE_INT64, rank, dims);
    for (int64_t i = 0; i < snn_tensor_elements(&op->outputs[0]); i++) {
        assert_int_equal(found[i], expected[i]);
    }
}

void fixture_gives_bools(fixture *op, int32_t rank, const int64_t *dims, const unsigned char *expected)
{
    const unsigned char *found = fixture_run(op);
    check_shape(op, SNN_TYPE_BOOL, rank, dims);
    for (int64_t i = 0; i < snn_tensor_elements(&op->outputs[0]); i++) {
        assert_int_equal(found[i], expected[i]);
    }
}
