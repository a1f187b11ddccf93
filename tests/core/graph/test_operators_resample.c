/* Repeated and moved elements, normalised groups: by hand, many of them the examples of the ONNX specification. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "operator_fixture.h"

/* One row of four numbers, 1 2 3 4, resized to eight. */
static void check_resize(const char *coordinates, const char *rounding, const float *expected)
{
    fixture op;
    fixture_begin(&op, "Resize");
    fixture_floats(&op, DIMS(1, 4), FLOATS(1, 2, 3, 4));
    fixture_omit(&op);
    fixture_omit(&op);
    fixture_vector(&op, DIMS(1, 8));
    fixture_text(&op, "mode", "nearest");
    fixture_text(&op, "coordinate_transformation_mode", coordinates);
    fixture_text(&op, "nearest_mode", rounding);
    fixture_gives_floats(&op, DIMS(1, 8), expected, 0.0F);
    fixture_end(&op);
}

static void test_resize_upwards(void **state)
{
    (void)state;
    check_resize("half_pixel", "ceil", FLOATS(1, 2, 2, 3, 3, 4, 4, 4));
    check_resize("half_pixel", "floor", FLOATS(1, 1, 1, 2, 2, 3, 3, 4));
    check_resize("half_pixel", "round_prefer_floor", FLOATS(1, 1, 2, 2, 3, 3, 4, 4));
    check_resize("align_corners", "floor", FLOATS(1, 1, 1, 2, 2, 3, 3, 4));
    check_resize("asymmetric", "round_prefer_ceil", FLOATS(1, 2, 2, 3, 3, 4, 4, 4));
    check_resize("asymmetric", "floor", FLOATS(1, 1, 2, 2, 3, 3, 4, 4));
}

static void test_resize_downwards(void **state)
{
    (void)state;
    fixture op;
    fixture_begin(&op, "Resize");
    fixture_floats(&op, DIMS(2, 4), FLOATS(1, 2, 3, 4, 5, 6, 7, 8));
    fixture_omit(&op);
    fixture_floats(&op, DIMS(2), FLOATS(0.6F, 0.6F));
    fixture_gives_floats(&op, DIMS(1, 2), FLOATS(1, 3), 0.0F);
    fixture_end(&op);
    fixture_begin(&op, "Resize"); /* to one element: its middle, or with this mode the first */
    fixture_floats(&op, DIMS(4), FLOATS(1, 2, 3, 4));
    fixture_omit(&op);
    fixture_omit(&op);
    fixture_vector(&op, DIMS(1));
    fixture_gives_floats(&op, DIMS(1), FLOATS(2), 0.0F);
    fixture_text(&op, "coordinate_transformation_mode", "pytorch_half_pixel");
    fixture_gives_floats(&op, DIMS(1), FLOATS(1), 0.0F);
    fixture_end(&op);
}

/* Before opset 11 the factors are input 1, or an attribute, and elements are repeated from the left. */
static void test_resize_of_early_opsets(void **state)
{
    (void)state;
    static const char *const names[] = {"Resize", "Upsample"};
    fixture op;
    for (int i = 0; i < 2; i++) {
        fixture_begin(&op, names[i]);
        op.opset = 10 - i;
        fixture_floats(&op, DIMS(1, 2), FLOATS(1, 2));
        fixture_floats(&op, DIMS(2), FLOATS(2, 3));
        fixture_gives_floats(&op, DIMS(2, 6), FLOATS(1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2), 0.0F);
        fixture_end(&op);
    }
    float factors[2] = {1, 2};
    fixture_begin(&op, "Upsample");
    op.opset = 7;
    fixture_floats(&op, DIMS(1, 2), FLOATS(1, 2));
    fixture_real(&op, "scales", 0);
    op.attributes[0].kind = SNN_ATTRIBUTE_FLOATS;
    op.attributes[0].reals = factors;
    op.attributes[0].count = 2;
    fixture_gives_floats(&op, DIMS(1, 4), FLOATS(1, 1, 2, 2), 0.0F);
    op.attributes[0].kind = SNN_ATTRIBUTE_FLOAT;
    op.attributes[0].reals = NULL;
    op.attributes[0].count = 0;
    fixture_end(&op);
}

static void test_resize_refuses(void **state)
{
    (void)state;
    fixture op;
    fixture_begin(&op, "Resize");
    fixture_floats(&op, DIMS(1, 4), FLOATS(1, 2, 3, 4));
    fixture_omit(&op);
    fixture_floats(&op, DIMS(1), FLOATS(2));
    fixture_refused(&op, "expects a constant factor for each of the 2 axes, found 1");
    fixture_end(&op);
    fixture_begin(&op, "Resize");
    fixture_floats(&op, DIMS(1, 4), FLOATS(1, 2, 3, 4));
    fixture_omit(&op);
    fixture_floats(&op, DIMS(2), FLOATS(1, -1));
    fixture_refused(&op, "axis 1: a factor of -1");
    fixture_text(&op, "mode", "linear");
    fixture_refused(&op, "attribute 'mode': linear is not supported");
    fixture_end(&op);
    fixture_begin(&op, "Resize");
    fixture_floats(&op, DIMS(1, 4), FLOATS(1, 2, 3, 4));
    fixture_omit(&op);
    fixture_floats(&op, DIMS(2), NULL);
    fixture_refused(&op, "expects a constant factor");
    fixture_end(&op);
}

static void test_tile(void **state)
{
    (void)state;
    fixture op;
    fixture_begin(&op, "Tile");
    fixture_floats(&op, DIMS(2, 2), FLOATS(1, 2, 3, 4));
    fixture_vector(&op, DIMS(2, 1));
    fixture_gives_floats(&op, DIMS(4, 2), FLOATS(1, 2, 3, 4, 1, 2, 3, 4), 0.0F);
    fixture_end(&op);
    fixture_begin(&op, "Tile");
    fixture_floats(&op, DIMS(2, 2), FLOATS(1, 2, 3, 4));
    fixture_vector(&op, DIMS(2));
    fixture_refused(&op, "'repeats': expects 2 integers, found 1");
    fixture_end(&op);
}

static void test_blocks(void **state)
{
    (void)state;
    fixture op;
    fixture_begin(&op, "DepthToSpace");
    fixture_floats(&op, DIMS(1, 8, 1, 1), FLOATS(0, 1, 2, 3, 4, 5, 6, 7));
    fixture_integer(&op, "blocksize", 2);
    fixture_gives_floats(&op, DIMS(1, 2, 2, 2), FLOATS(0, 2, 4, 6, 1, 3, 5, 7), 0.0F);
    fixture_text(&op, "mode", "CRD");
    fixture_gives_floats(&op, DIMS(1, 2, 2, 2), FLOATS(0, 1, 2, 3, 4, 5, 6, 7), 0.0F);
    fixture_end(&op);
    fixture_begin(&op, "SpaceToDepth");
    fixture_floats(&op, DIMS(1, 1, 2, 4), FLOATS(1, 2, 3, 4, 5, 6, 7, 8));
    fixture_integer(&op, "blocksize", 2);
    fixture_gives_floats(&op, DIMS(1, 4, 1, 2), FLOATS(1, 3, 2, 4, 5, 7, 6, 8), 0.0F);
    fixture_end(&op);
    fixture_begin(&op, "SpaceToDepth");
    fixture_floats(&op, DIMS(1, 1, 2, 4), FLOATS(1, 2, 3, 4, 5, 6, 7, 8));
    fixture_integer(&op, "blocksize", 3);
    fixture_refused(&op, "attribute 'blocksize': 3 does not fit 1 channels of 2 x 4");
    fixture_end(&op);
}

/* Mean 4, variance 5, epsilon 4. Gain and shift belong to the group, since opset 21 to the channel. */
static void test_group_normalization(void **state)
{
    (void)state;
    fixture op;
    fixture_begin(&op, "GroupNormalization");
    op.opset = 18;
    fixture_floats(&op, DIMS(1, 2, 2), FLOATS(1, 3, 5, 7));
    fixture_floats(&op, DIMS(1), FLOATS(2));
    fixture_floats(&op, DIMS(1), FLOATS(1));
    fixture_integer(&op, "num_groups", 1);
    fixture_real(&op, "epsilon", 4);
    fixture_gives_floats(&op, DIMS(1, 2, 2), FLOATS(-1, 1 / 3.0F, 5 / 3.0F, 3), 1e-6F);
    op.opset = 21;
    fixture_refused(&op, "the scale");
    fixture_end(&op);
    fixture_begin(&op, "GroupNormalization");
    op.opset = 21;
    fixture_floats(&op, DIMS(1, 2, 2), FLOATS(1, 3, 5, 7));
    fixture_floats(&op, DIMS(2), FLOATS(1, 2));
    fixture_floats(&op, DIMS(2), FLOATS(0, 1));
    fixture_integer(&op, "num_groups", 1);
    fixture_real(&op, "epsilon", 4);
    fixture_gives_floats(&op, DIMS(1, 2, 2), FLOATS(-1, -1 / 3.0F, 5 / 3.0F, 3), 1e-6F);
    fixture_end(&op);
    fixture_begin(&op, "InstanceNormalization"); /* means 2 and 6, variances 1 */
    fixture_floats(&op, DIMS(1, 2, 2), FLOATS(1, 3, 5, 7));
    fixture_floats(&op, DIMS(2), FLOATS(1, 2));
    fixture_floats(&op, DIMS(2), FLOATS(0, 1));
    fixture_real(&op, "epsilon", 3);
    fixture_gives_floats(&op, DIMS(1, 2, 2), FLOATS(-0.5F, 0.5F, 0, 2), 1e-6F);
    fixture_end(&op);
}

/* What divides by sizes refuses empty tensors, which constants may be. */
static void test_empty_inputs(void **state)
{
    (void)state;
    static const char *const names[] = {"InstanceNormalization", "GroupNormalization", "Resize"};
    for (int i = 0; i < 3; i++) {
        fixture op;
        fixture_begin(&op, names[i]);
        op.opset = 21;
        fixture_input(&op, SNN_TYPE_FLOAT32, DIMS(0, 2, 2), FLOATS(0));
        if (i < 2) {
            fixture_floats(&op, DIMS(2), FLOATS(1, 1));
            fixture_floats(&op, DIMS(2), FLOATS(1, 1));
        } else {
            fixture_omit(&op);
            fixture_omit(&op);
            fixture_vector(&op, DIMS(2, 2, 2));
        }
        if (i == 1) {
            fixture_integer(&op, "num_groups", 2);
        }
        fixture_refused(&op, "float32[0,2,2] has no elements");
        fixture_end(&op);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resize_upwards),
        cmocka_unit_test(test_resize_downwards),
        cmocka_unit_test(test_resize_of_early_opsets),
        cmocka_unit_test(test_resize_refuses),
        cmocka_unit_test(test_tile),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_group_normalization),
        cmocka_unit_test(test_empty_inputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
