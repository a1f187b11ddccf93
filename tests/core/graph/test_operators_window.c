/* Conv and pooling against loops over every tap. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/memory.h"
#include "operator_fixture.h"

typedef struct layer {
    int64_t images, channels, groups, outputs;
    int64_t size[2], kernel[2], stride[2], dilation[2], pads[4];
} layer;

static int64_t output_size(const layer *l, int axis)
{
    const int64_t padded = l->size[axis] + l->pads[axis] + l->pads[axis + 2];
    return (padded - (l->kernel[axis] - 1) * l->dilation[axis] - 1) / l->stride[axis] + 1;
}

static float convolve_at(const fixture *op, const layer *l, int64_t image, int64_t output, int64_t y, int64_t x)
{
    const float *input = op->inputs[0].data;
    const float *weights = op->inputs[1].data;
    const int64_t per_group = l->channels / l->groups;
    const int64_t first = output / (l->outputs / l->groups) * per_group;
    float sum = op->node.input_count > 2 ? ((const float *)op->inputs[2].data)[output] : 0.0F;
    for (int64_t c = 0; c < per_group; c++) {
        for (int64_t i = 0; i < l->kernel[0]; i++) {
            for (int64_t j = 0; j < l->kernel[1]; j++) {
                const int64_t row = y * l->stride[0] - l->pads[0] + i * l->dilation[0];
                const int64_t column = x * l->stride[1] - l->pads[1] + j * l->dilation[1];
                if (row < 0 || row >= l->size[0] || column < 0 || column >= l->size[1]) {
                    continue;
                }
                const int64_t at = ((image * l->channels + first + c) * l->size[0] + row) * l->size[1] + column;
                const float product =
                    weights[((output * per_group + c) * l->kernel[0] + i) * l->kernel[1] + j] * input[at];
                sum += product;
            }
        }
    }
    return sum;
}

static void check_convolution(const layer *l, bool bias)
{
    fixture op;
    fixture_begin(&op, "Conv");
    fixture_random(&op, DIMS(l->images, l->channels, l->size[0], l->size[1]));
    fixture_random(&op, DIMS(l->outputs, l->channels / l->groups, l->kernel[0], l->kernel[1]));
    if (bias) {
        fixture_random(&op, DIMS(l->outputs));
    }
    fixture_integer(&op, "group", l->groups);
    fixture_list(&op, "strides", 2, l->stride);
    fixture_list(&op, "dilations", 2, l->dilation);
    fixture_list(&op, "pads", 4, l->pads);
    const float *found = fixture_run(&op);
    const int64_t height = output_size(l, 0), width = output_size(l, 1);
    assert_int_equal(op.outputs[0].dims[0], l->images);
    assert_int_equal(op.outputs[0].dims[1], l->outputs);
    assert_int_equal(op.outputs[0].dims[2], height);
    assert_int_equal(op.outputs[0].dims[3], width);
    for (int64_t i = 0; i < l->images * l->outputs * height * width; i++) {
        const int64_t x = i % width, y = i / width % height, channel = i / width / height;
        assert_true(found[i] == convolve_at(&op, l, channel / l->outputs, channel % l->outputs, y, x));
    }
    fixture_end(&op);
}

static void test_convolution_random(void **state)
{
    (void)state;
    uint32_t seed = 7;
    for (int trial = 0; trial < 150; trial++) {
        layer l = {.images = fixture_between(&seed, 1, 2), .groups = fixture_between(&seed, 1, 3)};
        l.channels = l.groups * fixture_between(&seed, 1, 4);
        l.outputs = l.groups * fixture_between(&seed, 1, 6);
        for (int axis = 0; axis < 2; axis++) {
            l.kernel[axis] = fixture_between(&seed, 1, 4);
            l.stride[axis] = fixture_between(&seed, 1, 3);
            l.dilation[axis] = fixture_between(&seed, 1, 2);
            l.pads[axis] = fixture_between(&seed, 0, 3);
            l.pads[axis + 2] = fixture_between(&seed, 0, 3);
            l.size[axis] = fixture_between(&seed, 7, 20);
        }
        check_convolution(&l, trial % 2 == 0);
    }
}

/* Deeper than one panel, wide rows, pointwise, depthwise, a kernel as large as the image. */
static void test_convolution_shapes(void **state)
{
    (void)state;
    const layer layers[] = {
        {1, 40, 1, 9, {9, 9}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},
        {1, 3, 1, 5, {4, 150}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},
        {1, 17, 1, 6, {7, 7}, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}},
        {1, 6, 1, 6, {8, 8}, {1, 1}, {2, 2}, {1, 1}, {0, 0, 0, 0}},
        {1, 6, 1, 6, {8, 8}, {1, 1}, {1, 1}, {1, 1}, {1, 0, 0, 2}},
        {1, 12, 12, 24, {10, 10}, {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}},
        {1, 5, 1, 3, {6, 5}, {6, 5}, {1, 1}, {1, 1}, {0, 0, 0, 0}},
    };
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
        check_convolution(&layers[i], true);
    }
}

static void check_automatic(const char *mode, int64_t size, int64_t stride, int64_t expected, float first)
{
    fixture op;
    fixture_begin(&op, "Conv");
    const float ones[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    const float image[36] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18,
                             1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18};
    fixture_floats(&op, DIMS(1, 1, size, size), image);
    fixture_floats(&op, DIMS(1, 1, 3, 3), ones);
    fixture_text(&op, "auto_pad", mode);
    fixture_list(&op, "strides", DIMS(stride, stride));
    const float *found = fixture_run(&op);
    assert_int_equal(op.outputs[0].dims[2], expected);
    assert_int_equal(op.outputs[0].dims[3], expected);
    assert_true(found[0] == first);
    fixture_end(&op);
}

static void test_automatic_padding(void **state)
{
    (void)state;
    /* 4x4 image 1..16: SAME_UPPER with stride 2 pads only at the end, SAME_LOWER only at the beginning. */
    check_automatic("SAME_UPPER", 4, 2, 2, 1 + 2 + 3 + 5 + 6 + 7 + 9 + 10 + 11);
    check_automatic("SAME_LOWER", 4, 2, 2, 1 + 2 + 5 + 6);
    check_automatic("SAME_UPPER", 4, 1, 4, 1 + 2 + 5 + 6);
    check_automatic("VALID", 4, 1, 2, 1 + 2 + 3 + 5 + 6 + 7 + 9 + 10 + 11);
    check_automatic("NOTSET", 4, 1, 2, 1 + 2 + 3 + 5 + 6 + 7 + 9 + 10 + 11);
}

static void convolution_refused(layer l, int64_t weight_channels, int64_t bias, const char *text)
{
    fixture op;
    fixture_begin(&op, "Conv");
    fixture_random(&op, DIMS(1, l.channels, l.size[0], l.size[1]));
    fixture_random(&op, DIMS(l.outputs, weight_channels, l.kernel[0], l.kernel[1]));
    fixture_random(&op, DIMS(bias));
    fixture_integer(&op, "group", l.groups);
    fixture_list(&op, "pads", 4, l.pads);
    fixture_refused(&op, text);
    fixture_end(&op);
}

static void test_convolution_refusals(void **state)
{
    (void)state;
    layer l = {.channels = 32, .groups = 1, .outputs = 8, .size = {5, 5}, .kernel = {3, 3}};
    convolution_refused(l, 64, 8, "expects 64 input channels, found 32");
    convolution_refused(l, 32, 7, "the bias: expects float32[8], found float32[7]");
    l.groups = 3;
    convolution_refused(l, 32, 8, "8 output channels do not divide into 3 groups");
    l.groups = 0;
    convolution_refused(l, 32, 8, "0 groups");
    l.groups = 1;
    l.kernel[1] = 7;
    convolution_refused(l, 32, 8, "the kernel's width of 7 is larger than the padded input's 5");
    l.pads[1] = -1;
    convolution_refused(l, 32, 8, "attribute 'pads': expects values from 0");

    fixture op;
    fixture_begin(&op, "Conv");
    fixture_random(&op, DIMS(1, 2, 9));
    fixture_random(&op, DIMS(2, 2, 3));
    fixture_refused(&op, "two spatial axes");
    fixture_end(&op);

    fixture_begin(&op, "Conv");
    fixture_random(&op, DIMS(1, 2, 9, 9));
    fixture_random(&op, DIMS(2, 2, 3, 3));
    fixture_list(&op, "kernel_shape", DIMS(5, 5));
    fixture_refused(&op, "kernel_shape says 5x5, the weights are 3x3");
    fixture_end(&op);

    fixture_begin(&op, "Conv");
    fixture_random(&op, DIMS(1, 2, 9, 9));
    fixture_random(&op, DIMS(2, 2, 3, 3));
    fixture_list(&op, "strides", DIMS(0, 1));
    fixture_refused(&op, "attribute 'strides': expects values from 1");
    fixture_end(&op);

    fixture_begin(&op, "Conv");
    fixture_random(&op, DIMS(1, 2, 9, 9));
    fixture_random(&op, DIMS(2, 2, 3, 3));
    fixture_integer(&op, "transposed", 1);
    fixture_refused(&op, "attribute 'transposed' is not supported");
    fixture_end(&op);
}

/* ---- Pooling ---- */

static void begin_pool(fixture *op, const char *name, const layer *l)
{
    fixture_begin(op, name);
    fixture_random(op, DIMS(1, l->channels, l->size[0], l->size[1]));
    fixture_list(op, "kernel_shape", 2, l->kernel);
    fixture_list(op, "strides", 2, l->stride);
    fixture_list(op, "dilations", 2, l->dilation);
    fixture_list(op, "pads", 4, l->pads);
}

/* Maximum, or sum, and number of the taps of one window that lie in the image, in double. */
static int pool_at(const fixture *op, const layer *l, int64_t channel, int64_t y, int64_t x, double *most, double *sum)
{
    const float *plane = (const float *)op->inputs[0].data + channel * l->size[0] * l->size[1];
    int count = 0;
    *most = -INFINITY;
    *sum = 0.0;
    for (int64_t i = 0; i < l->kernel[0]; i++) {
        for (int64_t j = 0; j < l->kernel[1]; j++) {
            const int64_t row = y * l->stride[0] - l->pads[0] + i * l->dilation[0];
            const int64_t column = x * l->stride[1] - l->pads[1] + j * l->dilation[1];
            if (row >= 0 && row < l->size[0] && column >= 0 && column < l->size[1]) {
                const double value = (double)plane[row * l->size[1] + column];
                *most = fmax(*most, value);
                *sum += value;
                count++;
            }
        }
    }
    return count;
}

static void check_pool(const layer *l, bool average, bool include_padding)
{
    fixture op;
    begin_pool(&op, average ? "AveragePool" : "MaxPool", l);
    if (average) {
        fixture_integer(&op, "count_include_pad", include_padding);
    }
    const float *found = fixture_run(&op);
    const int64_t height = output_size(l, 0), width = output_size(l, 1);
    assert_int_equal(snn_tensor_elements(&op.outputs[0]), l->channels * height * width);
    for (int64_t i = 0; i < l->channels * height * width; i++) {
        double most, sum;
        int count = pool_at(&op, l, i / width / height, i / width % height, i % width, &most, &sum);
        if (include_padding) {
            count = (int)(l->kernel[0] * l->kernel[1]);
        }
        const double expected = average ? sum / (double)count : most;
        assert_true(fabs((double)found[i] - expected) <= (average ? 1e-6 : 0.0));
    }
    fixture_end(&op);
}

static void test_pool_random(void **state)
{
    (void)state;
    uint32_t seed = 11;
    for (int trial = 0; trial < 100; trial++) {
        layer l = {.images = 1, .channels = fixture_between(&seed, 1, 3)};
        for (int axis = 0; axis < 2; axis++) {
            l.kernel[axis] = fixture_between(&seed, 1, 4);
            l.stride[axis] = fixture_between(&seed, 1, 3);
            l.dilation[axis] = fixture_between(&seed, 1, 2);
            /* less than the kernel: no window lies in the padding alone, where an average is not defined */
            l.pads[axis] = fixture_between(&seed, 0, (int32_t)l.kernel[axis] - 1);
            l.pads[axis + 2] = fixture_between(&seed, 0, (int32_t)l.kernel[axis] - 1);
            l.size[axis] = fixture_between(&seed, 7, 12);
        }
        check_pool(&l, false, false);
        l.dilation[0] = l.dilation[1] = 1;
        check_pool(&l, true, false);
        check_pool(&l, true, true);
    }
}

static void pool_gives(const char *name, int64_t size, int64_t kernel, int64_t stride, int64_t pad, bool include,
                       int64_t outputs, const float *expected)
{
    fixture op;
    const float line[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    fixture_begin(&op, name);
    fixture_floats(&op, DIMS(1, 1, 1, size), line);
    fixture_list(&op, "kernel_shape", DIMS(1, kernel));
    fixture_list(&op, "strides", DIMS(1, stride));
    fixture_list(&op, "pads", DIMS(0, pad, 0, pad));
    fixture_integer(&op, "ceil_mode", 1);
    if (include) {
        fixture_integer(&op, "count_include_pad", 1);
    }
    fixture_gives_floats(&op, DIMS(1, 1, 1, outputs), expected, 0.0F);
    fixture_end(&op);
}

static void test_ceil_mode(void **state)
{
    (void)state;
    pool_gives("MaxPool", 6, 3, 2, 0, false, 3, FLOATS(3, 5, 6));
    pool_gives("MaxPool", 5, 3, 2, 0, false, 2, FLOATS(3, 5)); /* no remainder: nothing is added */
    pool_gives("AveragePool", 6, 3, 2, 0, false, 3, FLOATS(2, 4, 5.5F));
    /* what ceil_mode adds is not counted, declared padding is */
    pool_gives("AveragePool", 6, 3, 2, 0, true, 3, FLOATS(2, 4, 5.5F));
    pool_gives("AveragePool", 6, 3, 2, 1, true, 4, FLOATS(1, 3, 5, 3)); /* the last: (6 + 0) / 2 */
    pool_gives("AveragePool", 6, 3, 2, 1, false, 4, FLOATS(1.5F, 3, 5, 6));
    /* windows start at -1, 1, 3; one at 5 would lie behind the image */
    pool_gives("MaxPool", 5, 2, 2, 1, false, 3, FLOATS(1, 3, 5));
    /* a remainder, but the additional window would start in the padding */
    pool_gives("MaxPool", 4, 2, 3, 1, false, 2, FLOATS(1, 4));
}

static void test_global_pools(void **state)
{
    (void)state;
    fixture op;
    fixture_begin(&op, "GlobalAveragePool");
    fixture_floats(&op, DIMS(1, 2, 2, 2), FLOATS(1, 2, 3, 4, -1, -2, -3, -5));
    fixture_gives_floats(&op, DIMS(1, 2, 1, 1), FLOATS(2.5F, -2.75F), 0.0F);
    fixture_end(&op);
    fixture_begin(&op, "GlobalMaxPool");
    fixture_floats(&op, DIMS(1, 2, 2, 2), FLOATS(1, 4, 3, 2, -3, -2, -1, -5));
    fixture_gives_floats(&op, DIMS(1, 2, 1, 1), FLOATS(4, -1), 0.0F);
    fixture_end(&op);
}

static void test_pool_refusals(void **state)
{
    (void)state;
    fixture op;
    fixture_begin(&op, "MaxPool");
    fixture_random(&op, DIMS(1, 2, 4, 4));
    fixture_refused(&op, "attribute 'kernel_shape' is missing");
    fixture_list(&op, "kernel_shape", DIMS(2));
    fixture_refused(&op, "attribute 'kernel_shape': expects 2 integers");
    fixture_end(&op);
    fixture_begin(&op, "AveragePool");
    fixture_random(&op, DIMS(1, 2, 4, 4));
    fixture_list(&op, "kernel_shape", DIMS(7, 7));
    fixture_refused(&op, "the kernel's height of 7 is larger than the padded input's 4");
    fixture_end(&op);
    fixture_begin(&op, "AveragePool");
    fixture_random(&op, DIMS(1, 2, 4, 4));
    fixture_list(&op, "kernel_shape", DIMS(2, 2));
    fixture_text(&op, "auto_pad", "SOMETIMES");
    fixture_refused(&op, "found SOMETIMES");
    fixture_end(&op);
    fixture_begin(&op, "GlobalAveragePool");
    fixture_input(&op, SNN_TYPE_INT64, DIMS(1, 2, 4, 4), NULL);
    fixture_refused(&op, "expects float32, found int64");
    fixture_end(&op);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_convolution_random), cmocka_unit_test(test_convolution_shapes),
        cmocka_unit_test(test_automatic_padding),  cmocka_unit_test(test_convolution_refusals),
        cmocka_unit_test(test_pool_random),        cmocka_unit_test(test_ceil_mode),
        cmocka_unit_test(test_global_pools),       cmocka_unit_test(test_pool_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
