/* Constants, shapes, parts of tensors, comparisons: by hand, and over the opsets that changed them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/memory.h"
#include "operator_fixture.h"

/* ---- Constant, ConstantOfShape, Shape, Cast, Range ---- */

static void test_constant(void **state)
{
    (void)state;
    fixture op;
    fixture_begin(&op, "Constant");
    fixture_list(&op, "value_ints", DIMS(4, 5));
    fixture_gives_ints(&op, DIMS(2), INTS(4, 5));
    fixture_end(&op);
    fixture_begin(&op, "Constant");
    fixture_integer(&op, "value_int", 7);
    fixture_gives_ints(&op, 0, NULL, INTS(7));
    fixture_end(&op);
    fixture_begin(&op, "Constant");
    fixture_real(&op, "value_float", 0.5F);
    fixture_gives_floats(&op, 0, NULL, FLOATS(0.5F), 0.0F);
    fixture_end(&op);
    fixture_begin(&op, "Constant");
    float numbers[2] = {1, 2};
    fixture_real(&op, "value_floats", 0);
    op.attributes[0].kind = SNN_ATTRIBUTE_FLOATS;
    op.attributes[0].reals = numbers;
    op.attributes[0].count = 2;
    fixture_gives_floats(&op, DIMS(2), FLOATS(1, 2), 0.0F);
    op.attributes[0].kind = SNN_ATTRIBUTE_TENSOR;
    strcpy(op.attributes[0].name, "value");
    op.attributes[0].tensor = (snn_tensor){.type = SNN_TYPE_FLOAT32, .rank = 2, .dims = {2, 1}, .data = numbers};
    fixture_gives_floats(&op, DIMS(2, 1), FLOATS(1, 2), 0.0F);
    fixture_end(&op);
    fixture_begin(&op, "Constant");
    fixture_refused(&op, "expects one attribute, found 0");
    fixture_text(&op, "value_string", "text");
    fixture_refused(&op, "attribute 'value_string' is not supported");
    fixture_end(&op);
}

static void test_constant_of_shape(void **state)
{
    (void)state;
    int64_t three = 3;
    fixture op;
    fixture_begin(&op, "ConstantOfShape");
    fixture_vector(&op, DIMS(2, 3));
    fixture_gives_floats(&op, DIMS(2, 3), FLOATS(0, 0, 0, 0, 0, 0), 0.0F);
    fixture_integer(&op, "value", 0);
    op.attributes[0].kind = SNN_ATTRIBUTE_TENSOR;
    op.attributes[0].tensor = (snn_tensor){.type = SNN_TYPE_INT64, .rank = 1, .dims = {1}, .data = &three};
    fixture_gives_ints(&op, DIMS(2, 3), INTS(3, 3, 3, 3, 3, 3));
    ((int64_t *)op.inputs[0].data)[1] = -3;
    fixture_refused(&op, "negative size -3");
    ((int64_t *)op.inputs[0].data)[1] = INT64_MAX;
    fixture_refused(&op, "is too large");
    fixture_end(&op);
    fixture_begin(&op, "ConstantOfShape");
    fixture_vector(&op, 2, NULL);
    fixture_refused(&op, "the shape: expects a constant");
    fixture_end(&op);
    fixture_begin(&op, "ConstantOfShape");
    fixture_random(&op, DIMS(2));
    fixture_refused(&op, "the shape: expects int64, found float32");
    fixture_end(&op);
}

static void test_shape(void **state)
{
    (void)state;
    fixture op;
    fixture_begin(&op, "Shape");
    fixture_floats(&op, DIMS(1, 3, 8, 9), NULL);
    assert_int_equal(fixture_infer(&op).code, SNN_OK); /* known although the input is not */
    assert_non_null(op.outputs[0].data);
    assert_int_equal(((const int64_t *)op.outputs[0].data)[3], 9);
    fixture_gives_ints(&op, DIMS(4), INTS(1, 3, 8, 9));
    op.opset = 15;
    fixture_integer(&op, "start", -2);
    fixture_gives_ints(&op, DIMS(2), INTS(8, 9));
    fixture_integer(&op, "end", 3);
    fixture_gives_ints(&op, DIMS(1), INTS(8));
    op.attributes[1].integer = -9;
    fixture_gives_ints(&op, DIMS(0), NULL);
    fixture_end(&op);
}

static void test_cast(void **state)
{
    (void)state;
    fixture op;
    fixture_begin(&op, "Cast");
    fixture_floats(&op, DIMS(4), FLOATS(-1.75F, 0, 2.5F, 1e30F));
    fixture_integer(&op, "to", 7);
    fixture_gives_ints(&op, DIMS(4), INTS(-1, 0, 2, INT64_MAX));
    op.attributes[0].integer = 9;
    fixture_gives_bools(&op, DIMS(4), BOOLS(1, 0, 1, 1));
    op.attributes[0].integer = 1;
    fixture_gives_floats(&op, DIMS(4), FLOATS(-1.75F, 0, 2.5F, 1e30F), 0.0F);
    op.attributes[0].integer = 8;
    fixture_refused(&op, "found ONNX type 8");
    fixture_end(&op);
    fixture_begin(&op, "Cast");
    fixture_vector(&op, DIMS(0, -3));
    fixture_integer(&op, "to", 1);
    fixture_gives_floats(&op, DIMS(2), FLOATS(0, -3), 0.0F);
    op.attributes[0].integer = 9;
    fixture_gives_bools(&op, DIMS(2), BOOLS(0, 1));
    fixture_end(&op);
    fixture_begin(&op, "Cast");
    fixture_input(&op, SNN_TYPE_BOOL, DIMS(2), BOOLS(0, 1));
    fixture_integer(&op, "to", 7);
    fixture_gives_ints(&op, DIMS(2), INTS(0, 1));
    fixture_end(&op);
}

static void test_range(void **state)
{
    (void)state;
    fixture op;
    fixture_begin(&op, "Range");
    for (int i = 0; i < 3; i++) {
        fixture_input(&op, SNN_TYPE_INT64, 0, NULL, &(const int64_t){(const int64_t[]){10, 3, -3}[i]});
    }
    fixture_gives_ints(&op, DIMS(3), INTS(10, 7, 4));
    *(int64_t *)op.inputs[2].data = 1;
    fixture_gives_ints(&op, DIMS(0), NULL);
    *(int64_t *)op.inputs[2].data = 0;
    fixture_refused(&op, "a step other than 0");
    fixture_end(&op);
    fixture_begin(&op, "Range");
    fixture_scalar(&op, 1);
    fixture_scalar(&op, 2);
    fixture_scalar(&op, 0.5F);
    fixture_gives_floats(&op, DIMS(2), FLOATS(1, 1.5F), 0.0F);
    fixture_end(&op);
}

/* ---- The same elements ---- */

static void reshape_gives(int64_t zero_is_zero, int32_t count, const int64_t *wanted, int32_t rank, const int64_t *dims)
{
    fixture op;
    fixture_begin(&op, "Reshape");
    fixture_floats(&op, DIMS(2, 3), FLOATS(1, 2, 3, 4, 5, 6));
    fixture_vector(&op, count, wanted);
    fixture_integer(&op, "allowzero", zero_is_zero);
    fixture_gives_floats(&op, rank, dims, FLOATS(1, 2, 3, 4, 5, 6), 0.0F);
    fixture_end(&op);
}

static void reshape_refused(int32_t count, const int64_t *wanted, const char *text)
{
    fixture op;
    fixture_begin(&op, "Reshape");
    fixture_random(&op, DIMS(2, 3));
    fixture_vector(&op, count, wanted);
    fixture_refused(&op, text);
    fixture_end(&op);
}

static void test_reshape(void **state)
{
    (void)state;
    reshape_gives(0, DIMS(6), DIMS(6));
    reshape_gives(0, DIMS(0, 1, -1), DIMS(2, 1, 3));
    reshape_gives(0, DIMS(-1, 2), DIMS(3, 2));
    reshape_refused(DIMS(4), "does not have the elements of the new shape float32[4]");
    reshape_refused(DIMS(4, -1), "or a multiple");
    reshape_refused(DIMS(-1, -1), "-1 at axes 0 and 1");
    reshape_refused(DIMS(1, 2, 0), "copies axis 2 of an input of 2 axes");
    reshape_refused(DIMS(-2, 3), "negative size -2");
    fixture op;
    fixture_begin(&op, "Reshape");
    fixture_floats(&op, DIMS(0, 3), NULL);
    fixture_vector(&op, DIMS(3, 0));
    op.opset = 14;
    fixture_integer(&op, "allowzero", 1);
    assert_int_equal(fixture_infer(&op).code, SNN_OK);
    assert_int_equal(op.outputs[0].dims[1], 0);
    fixture_end(&op);
}

static void test_flatten(void **state)
{
    (void)state;
    fixture op;
    fixture_begin(&op, "Flatten");
    fixture_floats(&op, DIMS(1, 2, 2), FLOATS(1, 2, 3, 4));
    fixture_gives_floats(&op, DIMS(1, 4), FLOATS(1, 2, 3, 4), 0.0F);
    fixture_integer(&op, "axis", -1);
    fixture_gives_floats(&op, DIMS(2, 2), FLOATS(1, 2, 3, 4), 0.0F);
    op.attributes[0].integer = 0;
    fixture_gives_floats(&op, DIMS(1, 4), FLOATS(1, 2, 3, 4), 0.0F);
    op.attributes[0].integer = 4;
    fixture_refused(&op, "axis 4 is out of range");
    fixture_end(&op);
}

static void test_squeeze_unsqueeze(void **state)
{
    (void)state;
    fixture op;
    fixture_begin(&op, "Squeeze"); /* all of size 1 */
    fixture_floats(&op, DIMS(1, 2, 1), FLOATS(1, 2));
    fixture_gives_floats(&op, DIMS(2), FLOATS(1, 2), 0.0F);
    fixture_vector(&op, DIMS(-1));
    fixture_gives_floats(&op, DIMS(1, 2), FLOATS(1, 2), 0.0F);
    ((int64_t *)op.inputs[1].data)[0] = 1;
    fixture_refused(&op, "axis 1 has size 2, expects 1");
    fixture_end(&op);
    fixture_begin(&op, "Unsqueeze");
    op.opset = 11;
    fixture_floats(&op, DIMS(2), FLOATS(1, 2));
    fixture_refused(&op, "'axes' is missing");
    fixture_list(&op, "axes", DIMS(0, -1));
    fixture_gives_floats(&op, DIMS(1, 2, 1), FLOATS(1, 2), 0.0F);
    op.opset = 13;
    fixture_refused(&op, "'axes' is an input from opset 13");
    fixture_end(&op);
    fixture_begin(&op, "Unsqueeze");
    fixture_floats(&op, DIMS(2), FLOATS(1, 2));
    fixture_vector(&op, DIMS(3));
    fixture_refused(&op, "axis 3 is out of range for a tensor of 2 axes");
    fixture_end(&op);
}

static void test_transpose(void **state)
{
    (void)state;
    fixture op;
    fixture_begin(&op, "Transpose");
    fixture_random(&op, DIMS(2, 3, 4, 5));
    fixture_list(&op, "perm", DIMS(0, 2, 3, 1));
    const float *found = fixture_run(&op);
    const float *x = op.inputs[0].data;
    assert_int_equal(op.outputs[0].dims[3], 3);
    for (int i = 0; i < 120; i++) {
        const int channel = i % 3, column = i / 3 % 5, row = i / 15 % 4, image = i / 60;
        assert_true(found[i] == x[((image * 3 + channel) * 4 + row) * 5 + column]);
    }
    op.attributes[0].integers[1] = 0;
    fixture_refused(&op, "attribute 'perm': axis 0 is named twice");
    op.attributes[0].integers[1] = 4;
    fixture_refused(&op, "attribute 'perm': axis 4 is out of range");
    op.attributes[0].count = 3;
    fixture_refused(&op, "attribute 'perm': expects 4 axes, found 3");
    fixture_end(&op);
    fixture_begin(&op, "Transpose"); /* reversed by default; int64 */
    fixture_input(&op, SNN_TYPE_INT64, DIMS(2, 2), INTS(1, 2, 3, 4));
    fixture_gives_ints(&op, DIMS(2, 2), INTS(1, 3, 2, 4));
    fixture_end(&op);
}

static void test_expand_identity_dropout(void **state)
{
    (void)state;
    fixture op;
    fixture_begin(&op, "Expand");
    fixture_floats(&op, DIMS(2, 1), FLOATS(1, 2));
    fixture_vector(&op, DIMS(2, 1, 3));
    fixture_gives_floats(&op, DIMS(2, 2, 3), FLOATS(1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2), 0.0F);
    ((int64_t *)op.inputs[1].data)[1] = 3;
    fixture_refused(&op, "shapes do not broadcast");
    fixture_end(&op);
    fixture_begin(&op, "Identity");
    fixture_input(&op, SNN_TYPE_BOOL, DIMS(3), BOOLS(1, 0, 1));
    fixture_gives_bools(&op, DIMS(3), BOOLS(1, 0, 1));
    fixture_end(&op);
    fixture_begin(&op, "Dropout");
    fixture_floats(&op, DIMS(2), FLOATS(1, 2));
    op.node.output_count = 2;
    fixture_gives_floats(&op, DIMS(2), FLOATS(1, 2), 0.0F);
    assert_int_equal(op.outputs[1].type, SNN_TYPE_BOOL);
    assert_int_equal(((const unsigned char *)op.outputs[1].data)[1], 1);
    fixture_scalar(&op, 0.5F);
    fixture_input(&op, SNN_TYPE_BOOL, 0, NULL, BOOLS(1));
    fixture_refused(&op, "training_mode: expects a constant false");
    fixture_end(&op);
    fixture_begin(&op, "Dropout"); /* in training, but of nothing */
    fixture_floats(&op, DIMS(2), FLOATS(1, 2));
    fixture_scalar(&op, 0.0F);
    fixture_input(&op, SNN_TYPE_BOOL, 0, NULL, BOOLS(1));
    fixture_gives_floats(&op, DIMS(2), FLOATS(1, 2), 0.0F);
    fixture_end(&op);
}

/* ---- Parts ---- */

static void test_gather(void **state)
{
    (void)state;
    fixture op;
    fixture_begin(&op, "Gather");
    fixture_floats(&op, DIMS(2, 3), FLOATS(1, 2, 3, 4, 5, 6));
    fixture_vector(&op, DIMS(2, -3));
    fixture_integer(&op, "axis", 1);
    fixture_gives_floats(&op, DIMS(2, 2), FLOATS(3, 1, 6, 4), 0.0F);
    op.attributes[0].integer = -2;
    fixture_fails(&op, "index 2 is out of range for axis 0 of size 2");
    op.attributes[0].integer = 2;
    fixture_refused(&op, "axis 2 is out of range");
    fixture_end(&op);
    fixture_begin(&op, "Gather"); /* a scalar index takes the axis away */
    fixture_vector(&op, DIMS(1, 3, 32, 32));
    fixture_input(&op, SNN_TYPE_INT64, 0, NULL, INTS(1));
    fixture_gives_ints(&op, 0, NULL, INTS(3));
    fixture_end(&op);
}

static void test_concat(void **state)
{
    (void)state;
    fixture op;
    fixture_begin(&op, "Concat");
    fixture_floats(&op, DIMS(2, 1), FLOATS(1, 2));
    fixture_floats(&op, DIMS(2, 2), FLOATS(3, 4, 5, 6));
    fixture_refused(&op, "attribute 'axis' is missing");
    fixture_integer(&op, "axis", -1);
    fixture_gives_floats(&op, DIMS(2, 3), FLOATS(1, 3, 4, 2, 5, 6), 0.0F);
    op.attributes[0].integer = 0;
    fixture_refused(&op, "inputs do not join along axis 0: float32[2,1] and float32[2,2]");
    fixture_end(&op);
    fixture_begin(&op, "Concat");
    fixture_integer(&op, "axis", 0);
    fixture_vector(&op, DIMS(1));
    fixture_vector(&op, 0, INTS(0));
    fixture_vector(&op, DIMS(-1, 5));
    fixture_gives_ints(&op, DIMS(3), INTS(1, -1, 5));
    fixture_end(&op);
}

static void slice_gives(int64_t start, int64_t end, int64_t step, int32_t count, const int64_t *expected)
{
    fixture op;
    fixture_begin(&op, "Slice");
    fixture_vector(&op, DIMS(0, 1, 2, 3, 4, 5));
    fixture_vector(&op, 1, &start);
    fixture_vector(&op, 1, &end);
    fixture_omit(&op);
    fixture_vector(&op, 1, &step);
    fixture_gives_ints(&op, DIMS(count), expected);
    fixture_end(&op);
}

static void test_slice(void **state)
{
    (void)state;
    slice_gives(1, 4, 1, 3, INTS(1, 2, 3));
    slice_gives(-2, INT64_MAX, 1, 2, INTS(4, 5));
    slice_gives(0, 6, 4, 2, INTS(0, 4));
    slice_gives(-1, INT64_MIN, -1, 6, INTS(5, 4, 3, 2, 1, 0));
    slice_gives(4, 0, -2, 2, INTS(4, 2));
    slice_gives(100, -100, -5, 2, INTS(5, 0));
    slice_gives(3, 3, 1, 0, NULL);
    slice_gives(5, 2, 1, 0, NULL);
    slice_gives(1, INT64_MAX, INT64_MAX, 1, INTS(1));
    fixture op;
    fixture_begin(&op, "Slice"); /* attributes */
    op.opset = 9;
    fixture_floats(&op, DIMS(2, 3), FLOATS(1, 2, 3, 4, 5, 6));
    fixture_list(&op, "starts", DIMS(1));
    fixture_list(&op, "ends", DIMS(3));
    fixture_list(&op, "axes", DIMS(1));
    fixture_gives_floats(&op, DIMS(2, 2), FLOATS(2, 3, 5, 6), 0.0F);
    op.opset = 10;
    fixture_refused(&op, "'starts' is an input from opset 10");
    fixture_end(&op);
    fixture_begin(&op, "Slice"); /* two axes, one backwards */
    fixture_floats(&op, DIMS(2, 3), FLOATS(1, 2, 3, 4, 5, 6));
    fixture_vector(&op, DIMS(-1, 1));
    fixture_vector(&op, DIMS(-9, 2));
    fixture_vector(&op, DIMS(1, 0));
    fixture_vector(&op, DIMS(-1, 1));
    fixture_gives_floats(&op, DIMS(1, 3), FLOATS(6, 5, 4), 0.0F);
    ((int64_t *)op.inputs[4].data)[0] = 0;
    fixture_refused(&op, "axis 1: a step of 0");
    op.node.input_count = 2;
    fixture_refused(&op, "expects as many starts, ends, axes and steps");
    op.node.input_count = 5;
    fixture_end(&op);
}

static void test_split(void **state)
{
    (void)state;
    fixture op;
    fixture_begin(&op, "Split");
    fixture_floats(&op, DIMS(2, 3), FLOATS(1, 2, 3, 4, 5, 6));
    fixture_vector(&op, DIMS(1, 2));
    fixture_integer(&op, "axis", 1);
    op.node.output_count = 2;
    fixture_gives_floats(&op, DIMS(2, 1), FLOATS(1, 4), 0.0F);
    const float *second = op.outputs[1].data;
    assert_int_equal(op.outputs[1].dims[1], 2);
    assert_true(second[0] == 2 && second[1] == 3 && second[2] == 5 && second[3] == 6);
    ((int64_t *)op.inputs[1].data)[0] = 2;
    fixture_refused(&op, "'split': expects 2 sizes that add up to 3, found 2 that add up to 4");
    fixture_end(&op);
    fixture_begin(&op, "Split"); /* equal parts */
    fixture_vector(&op, DIMS(1, 2, 3, 4, 5));
    op.node.output_count = 2;
    fixture_refused(&op, "axis 0 of size 5 does not split into 2 parts");
    op.opset = 18; /* the last part may be smaller */
    fixture_integer(&op, "num_outputs", 2);
    fixture_gives_ints(&op, DIMS(3), INTS(1, 2, 3));
    assert_int_equal(op.outputs[1].dims[0], 2);
    assert_int_equal(((const int64_t *)op.outputs[1].data)[1], 5);
    fixture_end(&op);
    fixture_begin(&op, "Split"); /* sizes as an attribute */
    op.opset = 11;
    fixture_vector(&op, DIMS(1, 2, 3));
    fixture_list(&op, "split", DIMS(2, 1));
    op.node.output_count = 2;
    fixture_gives_ints(&op, DIMS(2), INTS(1, 2));
    fixture_end(&op);
}

static void test_pad(void **state)
{
    (void)state;
    fixture op;
    fixture_begin(&op, "Pad");
    fixture_floats(&op, DIMS(1, 3), FLOATS(1, 2, 3));
    fixture_vector(&op, DIMS(0, 2, 1, 1));
    fixture_gives_floats(&op, DIMS(2, 6), FLOATS(0, 0, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0), 0.0F);
    fixture_scalar(&op, 7);
    fixture_gives_floats(&op, DIMS(2, 6), FLOATS(7, 7, 1, 2, 3, 7, 7, 7, 7, 7, 7, 7), 0.0F);
    fixture_text(&op, "mode", "edge");
    fixture_gives_floats(&op, DIMS(2, 6), FLOATS(1, 1, 1, 2, 3, 3, 1, 1, 1, 2, 3, 3), 0.0F);
    strcpy(op.attributes[0].text, "wrap");
    fixture_refused(&op, "expects constant, edge or reflect, found wrap");
    fixture_end(&op);
    fixture_begin(&op, "Pad");
    op.opset = 9; /* attributes */
    fixture_floats(&op, DIMS(3), FLOATS(1, 2, 3));
    fixture_list(&op, "pads", DIMS(2, 2));
    fixture_text(&op, "mode", "reflect");
    fixture_gives_floats(&op, DIMS(7), FLOATS(3, 2, 1, 2, 3, 2, 1), 0.0F);
    op.attributes[0].integers[1] = 3;
    fixture_refused(&op, "axis 0 of size 3 is too small to pad by 3");
    op.attributes[0].count = 1;
    fixture_refused(&op, "'pads': expects 2 integers, found 1");
    fixture_end(&op);
    fixture_begin(&op, "Pad"); /* cutting off, and a value as an attribute */
    op.opset = 10;
    fixture_floats(&op, DIMS(3), FLOATS(1, 2, 3));
    fixture_list(&op, "pads", DIMS(-1, 1));
    fixture_real(&op, "value", 9);
    fixture_gives_floats(&op, DIMS(3), FLOATS(2, 3, 9), 0.0F);
    op.attributes[0].integers[0] = -9;
    fixture_refused(&op, "negative size");
    fixture_end(&op);
    fixture_begin(&op, "Pad"); /* named axes; int64 */
    op.opset = 18;
    fixture_input(&op, SNN_TYPE_INT64, DIMS(1, 2), INTS(1, 2));
    fixture_vector(&op, DIMS(1, 0));
    fixture_omit(&op);
    fixture_vector(&op, DIMS(-1));
    fixture_gives_ints(&op, DIMS(1, 3), INTS(0, 1, 2));
    fixture_end(&op);
}

/* ---- Comparisons ---- */

static void comparison_gives(const char *name, const unsigned char *expected)
{
    fixture op;
    fixture_begin(&op, name);
    fixture_floats(&op, DIMS(4), FLOATS(1, 2, 3, NAN));
    fixture_scalar(&op, 2);
    fixture_gives_bools(&op, DIMS(4), expected);
    fixture_end(&op);
}

static void test_logic(void **state)
{
    (void)state;
    comparison_gives("Equal", BOOLS(0, 1, 0, 0));
    comparison_gives("Less", BOOLS(1, 0, 0, 0));
    comparison_gives("Greater", BOOLS(0, 0, 1, 0));
    comparison_gives("LessOrEqual", BOOLS(1, 1, 0, 0));
    comparison_gives("GreaterOrEqual", BOOLS(0, 1, 1, 0));
    fixture op;
    fixture_begin(&op, "Equal"); /* int64 beyond what float32 tells apart */
    fixture_vector(&op, DIMS(1LL << 40, (1LL << 40) + 1));
    fixture_vector(&op, DIMS(1LL << 40));
    fixture_gives_bools(&op, DIMS(2), BOOLS(1, 0));
    fixture_end(&op);
    fixture_begin(&op, "Not");
    fixture_input(&op, SNN_TYPE_BOOL, DIMS(2), BOOLS(1, 0));
    fixture_gives_bools(&op, DIMS(2), BOOLS(0, 1));
    fixture_end(&op);
    const char *const names[] = {"And", "Or"};
    const unsigned char tables[2][4] = {{0, 0, 0, 1}, {0, 1, 1, 1}};
    for (int i = 0; i < 2; i++) {
        fixture_begin(&op, names[i]);
        fixture_input(&op, SNN_TYPE_BOOL, DIMS(2, 1), BOOLS(0, 1));
        fixture_input(&op, SNN_TYPE_BOOL, DIMS(2), BOOLS(0, 1));
        fixture_gives_bools(&op, DIMS(2, 2), tables[i]);
        fixture_end(&op);
    }
    fixture_begin(&op, "Where");
    fixture_input(&op, SNN_TYPE_BOOL, DIMS(2, 1), BOOLS(1, 0));
    fixture_vector(&op, DIMS(1, 2));
    fixture_vector(&op, DIMS(-1));
    fixture_gives_ints(&op, DIMS(2, 2), INTS(1, 2, -1, -1));
    fixture_end(&op);
    fixture_begin(&op, "Where");
    fixture_random(&op, DIMS(2));
    fixture_random(&op, DIMS(2));
    fixture_random(&op, DIMS(2));
    fixture_refused(&op, "the condition: expects bool, found float32");
    fixture_end(&op);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constant),  cmocka_unit_test(test_constant_of_shape),
        cmocka_unit_test(test_shape),     cmocka_unit_test(test_cast),
        cmocka_unit_test(test_range),     cmocka_unit_test(test_reshape),
        cmocka_unit_test(test_flatten),   cmocka_unit_test(test_squeeze_unsqueeze),
        cmocka_unit_test(test_transpose), cmocka_unit_test(test_expand_identity_dropout),
        cmocka_unit_test(test_gather),    cmocka_unit_test(test_concat),
        cmocka_unit_test(test_slice),     cmocka_unit_test(test_split),
        cmocka_unit_test(test_pad),       cmocka_unit_test(test_logic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
