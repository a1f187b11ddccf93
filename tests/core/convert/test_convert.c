/* Conversion against the trained network: the network in the limit of exact tracking must give the graph's own logits.
 * One small graph for every operator and for what exporters do around it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/core/convert/comparison.h"

static void test_convolution_relu_pool(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 3, 8, 8));
    int32_t v = convolution(&b, 0, 6, 3, 3);
    with_integers(&b, "pads", DIMS(1, 1, 1, 1));
    v = NODE(&b, "Relu", v);
    v = NODE(&b, "MaxPool", v);
    with_integers(&b, "kernel_shape", DIMS(2, 2));
    with_integers(&b, "strides", DIMS(2, 2));
    v = convolution(&b, v, 4, 6, 3);
    with_integers(&b, "strides", DIMS(2, 1));
    with_integers(&b, "pads", DIMS(1, 0, 0, 1));
    v = NODE(&b, "LeakyRelu", v);
    with_real(&b, "alpha", 0.2f);
    finish_with_classifier(&b, v, 4 * 2 * 3);
    check(&b, 3);
}

static void test_maximum_rows_then_columns(void **state)
{
    (void)state;
    const snn_convert_options options = {
        .scale = SNN_SCALE_CHANNEL, .maxpool = SNN_FORM_DECOMPOSED, .format = SNN_WEIGHTS_FLOAT32};
    builder b = builder_begin(DIMS(1, 2, 7, 7));
    int32_t v = convolution(&b, 0, 4, 2, 3);
    v = NODE(&b, "MaxPool", v); /* of signed values */
    with_integers(&b, "kernel_shape", DIMS(3, 3));
    with_integers(&b, "strides", DIMS(2, 2));
    with_integers(&b, "pads", DIMS(1, 1, 1, 1));
    finish_with_classifier(&b, v, 4 * 3 * 3);
    comparison result = compare(&b, &options);
    assert_int_equal(result.populations, 2);
    assert_true(result.error <= 1e-5 * result.range);
    snn_graph_destroy(b.graph);
}

static void test_batch_normalization_folds(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 3, 6, 6));
    int32_t v = convolution(&b, 0, 5, 3, 3);
    int32_t scale = positive(&b, DIMS(5));
    int32_t bias = constant(&b, 0.3f, DIMS(5));
    int32_t mean = constant(&b, 0.3f, DIMS(5));
    int32_t variance = positive(&b, DIMS(5));
    v = NODE(&b, "BatchNormalization", v, scale, bias, mean, variance);
    with_real(&b, "epsilon", 1e-3f);
    v = NODE(&b, "Relu", v);
    finish_with_classifier(&b, v, 5 * 4 * 4);
    check(&b, 1);
}

static void test_normalisation_of_the_image_folds(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 3, 6, 6));
    int32_t mean = constant(&b, 0.5f, DIMS(1, 3, 1, 1));
    int32_t deviation = positive(&b, DIMS(3, 1, 1));
    int32_t v = NODE(&b, "Sub", 0, mean);
    v = NODE(&b, "Div", v, deviation);
    v = convolution(&b, v, 5, 3, 3); /* zero padding is zero behind the normalisation, not before it */
    with_integers(&b, "pads", DIMS(1, 1, 1, 1));
    v = NODE(&b, "Relu", v);
    finish_with_classifier(&b, v, 5 * 6 * 6);
    check(&b, 1);
}

static void test_constants(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 2, 4, 4));
    int32_t v = convolution(&b, 0, 3, 2, 1);
    v = NODE(&b, "Relu", v);
    int32_t c = constant(&b, 0.5f, DIMS(1, 3, 4, 4)); /* one a position */
    v = NODE(&b, "Add", v, c);
    c = constant(&b, 1.0f, DIMS(3, 1, 1));
    v = NODE(&b, "Mul", c, v);
    c = constant(&b, 1.0f, DIMS(1));
    v = NODE(&b, "Sub", c, v);
    v = NODE(&b, "Relu", v);
    finish_with_classifier(&b, v, 3 * 4 * 4);
    check(&b, 2);
}

static void test_gain_of_every_element(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 2, 4, 4));
    int32_t v = convolution(&b, 0, 3, 2, 3);
    int32_t c = constant(&b, 1.0f, DIMS(1, 3, 2, 2));
    v = NODE(&b, "Mul", v, c); /* not foldable into a convolution: a relay */
    v = NODE(&b, "Relu", v);
    finish_with_classifier(&b, v, 3 * 2 * 2);
    check(&b, 2);
}

/* The shortcut of the CIFAR ResNets: every other position, channels padded with zeros. */
static void test_residual_with_slices_and_padding(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 4, 7, 8));
    int32_t x = NODE(&b, "Relu", convolution(&b, 0, 4, 4, 1));
    int32_t h = convolution(&b, x, 8, 4, 3);
    with_integers(&b, "strides", DIMS(2, 2));
    with_integers(&b, "pads", DIMS(1, 1, 1, 1));
    int32_t start = integers(&b, 1, (int64_t[]){0});
    int32_t end = integers(&b, 1, (int64_t[]){INT64_MAX});
    int32_t rows = integers(&b, 1, (int64_t[]){2});
    int32_t columns = integers(&b, 1, (int64_t[]){3});
    int32_t step = integers(&b, 1, (int64_t[]){2});
    int32_t shortcut = NODE(&b, "Slice", x, start, end, rows, step);
    shortcut = NODE(&b, "Slice", shortcut, start, end, columns, step);
    int32_t pads = integers(&b, 8, (int64_t[]){0, 2, 0, 0, 0, 2, 0, 0});
    shortcut = NODE(&b, "Pad", shortcut, pads);
    int32_t v = NODE(&b, "Relu", NODE(&b, "Add", h, shortcut));
    finish_with_classifier(&b, v, 8 * 4 * 4);
    check(&b, 2);
}

/* What is read twice behind an operator is kept as a stream; what is added to it is a stream again. */
static void test_stream_read_twice(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 3, 5, 5));
    int32_t stream = convolution(&b, 0, 4, 3, 3);
    int32_t v = NODE(&b, "Relu", stream);
    v = convolution(&b, v, 4, 4, 1);
    v = NODE(&b, "Add", v, stream);
    v = NODE(&b, "Sub", v, stream);
    v = NODE(&b, "Add", v, stream);
    v = NODE(&b, "Relu", v);
    finish_with_classifier(&b, v, 4 * 3 * 3);
    check(&b, 4);
}

static void test_averages(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 3, 8, 8));
    int32_t v = NODE(&b, "Relu", convolution(&b, 0, 4, 3, 1));
    int32_t inside = NODE(&b, "AveragePool", v); /* divides by what lies inside: weights differ at the border */
    with_integers(&b, "kernel_shape", DIMS(3, 3));
    with_integers(&b, "strides", DIMS(2, 2));
    with_integers(&b, "pads", DIMS(1, 1, 1, 1));
    int32_t padded = NODE(&b, "AveragePool", v);
    with_integers(&b, "kernel_shape", DIMS(3, 3));
    with_integers(&b, "strides", DIMS(2, 2));
    with_integers(&b, "pads", DIMS(1, 1, 1, 1));
    with_integer(&b, "count_include_pad", 1);
    v = NODE(&b, "Relu", convolution(&b, NODE(&b, "Add", inside, padded), 6, 4, 3));
    v = NODE(&b, "GlobalAveragePool", v);
    finish_with_classifier(&b, v, 6);
    check(&b, 3); /* relu, a relay behind the sum, relu */
}

static void test_mean_behind_an_operator(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 3, 6, 6));
    int32_t v = convolution(&b, NODE(&b, "Relu", convolution(&b, 0, 4, 3, 3)), 6, 4, 1);
    v = NODE(&b, "ReduceMean", v);
    with_integers(&b, "axes", DIMS(2, -1));
    with_integer(&b, "keepdims", 0);
    finish_with_classifier(&b, v, 6);
    check(&b, 3); /* a stream behind the convolution, averaged; a relay of the means for the next product */
}

static void test_groups_and_concatenation(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 4, 5, 5));
    int32_t left = NODE(&b, "Relu", convolution(&b, 0, 4, 4, 1));
    int32_t right = NODE(&b, "Relu", convolution(&b, 0, 2, 4, 1));
    int32_t v = NODE(&b, "Concat", left, right);
    with_integer(&b, "axis", 1);
    v = convolution(&b, v, 9, 2, 3);
    with_integer(&b, "group", 3);
    with_integers(&b, "dilations", DIMS(2, 2));
    v = NODE(&b, "Relu", v);
    finish_with_classifier(&b, v, 9);
    check(&b, 3);
}

static void test_groups_that_cut_a_population(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 4, 5, 5));
    int32_t left = NODE(&b, "Relu", convolution(&b, 0, 4, 4, 1));
    int32_t right = NODE(&b, "Relu", convolution(&b, 0, 2, 4, 1));
    int32_t v = NODE(&b, "Concat", left, right);
    with_integer(&b, "axis", 1);
    v = convolution(&b, v, 8, 3, 3);
    with_integer(&b, "group", 2);
    v = NODE(&b, "Relu", v);
    finish_with_classifier(&b, v, 8 * 3 * 3);
    check(&b, 4); /* one relay that holds both */
}

static void test_depthwise(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 3, 6, 6));
    int32_t v = NODE(&b, "Relu", convolution(&b, 0, 6, 3, 1));
    v = convolution(&b, v, 6, 1, 3);
    with_integer(&b, "group", 6);
    v = NODE(&b, "Relu", v);
    finish_with_classifier(&b, v, 6 * 4 * 4);
    check(&b, 2);
}

/* Channels-last blocks and back, as token networks are exported. */
static void test_transposed_products(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 3, 4, 4));
    int32_t v = convolution(&b, 0, 5, 3, 2);
    with_integers(&b, "strides", DIMS(2, 2));
    int32_t shape = integers(&b, 3, (int64_t[]){1, 5, 4});
    v = NODE(&b, "Reshape", v, shape);
    v = NODE(&b, "Transpose", v);
    with_integers(&b, "perm", DIMS(0, 2, 1));
    v = NODE(&b, "Relu", v);
    int32_t weights = constant(&b, 0.8f, DIMS(5, 7));
    v = NODE(&b, "MatMul", v, weights); /* over channels */
    int32_t bias = constant(&b, 0.3f, DIMS(7));
    v = NODE(&b, "Relu", NODE(&b, "Add", bias, v));
    v = NODE(&b, "Transpose", v);
    with_integers(&b, "perm", DIMS(0, 2, 1));
    weights = constant(&b, 0.8f, DIMS(4, 3));
    v = NODE(&b, "MatMul", v, weights); /* over tokens */
    v = NODE(&b, "Relu", v);
    finish_with_classifier(&b, v, 7 * 3);
    check(&b, 3);
}

static void test_constant_on_the_left(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 3, 2, 2));
    int32_t v = NODE(&b, "Relu", convolution(&b, 0, 4, 3, 1));
    int32_t shape = integers(&b, 3, (int64_t[]){1, 4, 4});
    v = NODE(&b, "Reshape", v, shape);
    int32_t weights = constant(&b, 0.8f, DIMS(6, 4));
    v = NODE(&b, "Relu", NODE(&b, "MatMul", weights, v));
    finish_with_classifier(&b, v, 6 * 4);
    check(&b, 2);
}

/* A reshape that mixes channels and positions cannot be a relabelling: a relay and a gather stand in. */
static void test_true_reshape(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 2, 4, 4));
    int32_t v = NODE(&b, "Relu", convolution(&b, 0, 3, 2, 1));
    int32_t shape = integers(&b, 4, (int64_t[]){1, 12, 2, 2});
    v = NODE(&b, "Reshape", v, shape);
    v = NODE(&b, "Relu", convolution(&b, v, 4, 12, 2));
    finish_with_classifier(&b, v, 4);
    check(&b, 3);
}

static void test_vector_input(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 10));
    int32_t weights = constant(&b, 0.5f, DIMS(10, 8));
    int32_t bias = constant(&b, 0.5f, DIMS(1, 8));
    int32_t v = NODE(&b, "Gemm", 0, weights, bias);
    with_real(&b, "alpha", 0.5f);
    with_real(&b, "beta", 2.0f);
    v = NODE(&b, "Dropout", NODE(&b, "Relu", v));
    v = NODE(&b, "Identity", v);
    finish_with_classifier(&b, v, 8);
    check(&b, 1);
}

static void test_crop_and_flip(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 3, 6, 6));
    int32_t v = NODE(&b, "Relu", convolution(&b, 0, 4, 3, 1));
    int32_t starts = integers(&b, 3, (int64_t[]){1, 1, 2});
    int32_t ends = integers(&b, 3, (int64_t[]){4, 5, 6});
    int32_t axes = integers(&b, 3, (int64_t[]){1, 2, 3});
    v = NODE(&b, "Slice", v, starts, ends, axes);
    v = NODE(&b, "Relu", convolution(&b, v, 5, 3, 3));
    int32_t first = integers(&b, 1, (int64_t[]){-1});
    int32_t last = integers(&b, 1, (int64_t[]){INT64_MIN});
    int32_t axis = integers(&b, 1, (int64_t[]){3});
    int32_t step = integers(&b, 1, (int64_t[]){-1});
    v = NODE(&b, "Slice", v, first, last, axis, step);
    finish_with_classifier(&b, v, 5 * 2 * 2);
    check(&b, 4); /* crop: relay of a gather; flip: likewise */
}

/* --- refusals --- */

static void check_refusal(builder *b, const char *message)
{
    const snn_convert_options options = {.scale = SNN_SCALE_CHANNEL, .format = SNN_WEIGHTS_INT16};
    snn_draft *draft = NULL;
    snn_status status = snn_graph_infer(b->graph, true);
    assert_int_equal(status.code, SNN_OK);
    status = snn_draft_create(b->graph, &options, NULL, &draft);
    assert_int_equal(status.code, SNN_INPUT_ERROR);
    assert_string_equal(status.message, message);
    assert_null(draft);
    snn_graph_destroy(b->graph);
}

static void test_refuses_by_name(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 3, 6, 6));
    (void)NODE(&b, "Sin", convolution(&b, 0, 4, 3, 1));
    check_refusal(&b, "test.onnx: node Sin_1 (Sin): no spiking neuron and no linear operator stands for Sin");
}

static void test_refuses_other_powers(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 3, 6, 6));
    int32_t exponent = positive(&b, DIMS(1));
    ((float *)b.graph->values[exponent].tensor.data)[0] = 5.0f;
    (void)NODE(&b, "Pow", 0, exponent);
    check_refusal(&b, "test.onnx: node Pow_0 (Pow): power 5; 2, 3, 4, quarters up to 3/2, -1 and -1/2 are supported");
}

static void test_refuses_an_image_as_output(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 3, 6, 6));
    (void)NODE(&b, "Relu", 0);
    check_refusal(&b,
                  "test.onnx: the output is an image (6 x 6 x 3), logits [1, classes] expected; export a classifier");
}

static void test_reports_go_on_behind_a_refusal(void **state)
{
    (void)state;
    const snn_convert_options options = {.scale = SNN_SCALE_CHANNEL, .format = SNN_WEIGHTS_INT16};
    snn_node_report reports[BUILDER_LIMIT];
    snn_draft *draft = NULL;
    builder b = builder_begin(DIMS(1, 3, 6, 6));
    int32_t v = NODE(&b, "Sin", convolution(&b, 0, 4, 3, 1));
    finish_with_classifier(&b, NODE(&b, "Relu", v), 4 * 6 * 6);
    assert_int_equal(snn_graph_infer(b.graph, true).code, SNN_OK);
    assert_int_equal(snn_draft_create(b.graph, &options, reports, &draft).code, SNN_OK);
    assert_null(draft);
    assert_int_equal(reports[0].verdict, SNN_VERDICT_LINEAR);
    assert_string_equal(reports[0].text, "convolution 1 x 1, 3 to 4 channels");
    assert_int_equal(reports[1].verdict, SNN_VERDICT_REFUSED);
    assert_int_equal(reports[2].verdict, SNN_VERDICT_NEURON);
    assert_string_equal(reports[2].text, "relu neurons 6 x 6 x 4");
    assert_int_equal(reports[4].verdict, SNN_VERDICT_LINEAR);
    snn_graph_destroy(b.graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_convolution_relu_pool),
        cmocka_unit_test(test_maximum_rows_then_columns),
        cmocka_unit_test(test_batch_normalization_folds),
        cmocka_unit_test(test_normalisation_of_the_image_folds),
        cmocka_unit_test(test_constants),
        cmocka_unit_test(test_gain_of_every_element),
        cmocka_unit_test(test_residual_with_slices_and_padding),
        cmocka_unit_test(test_stream_read_twice),
        cmocka_unit_test(test_averages),
        cmocka_unit_test(test_mean_behind_an_operator),
        cmocka_unit_test(test_groups_and_concatenation),
        cmocka_unit_test(test_groups_that_cut_a_population),
        cmocka_unit_test(test_depthwise),
        cmocka_unit_test(test_transposed_products),
        cmocka_unit_test(test_constant_on_the_left),
        cmocka_unit_test(test_true_reshape),
        cmocka_unit_test(test_vector_input),
        cmocka_unit_test(test_crop_and_flip),
        cmocka_unit_test(test_refuses_by_name),
        cmocka_unit_test(test_refuses_other_powers),
        cmocka_unit_test(test_refuses_an_image_as_output),
        cmocka_unit_test(test_reports_go_on_behind_a_refusal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
