/* One test per pattern that exporters write, and near misses that must not be taken for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/convert/patterns.h"
#include "tests/core/convert/comparison.h"

/* The operators of all patterns found, first to last, into `found`; returns how many. */
static int32_t find_patterns(const builder *b, const char **found)
{
    snn_pattern_match matches[BUILDER_LIMIT];
    int32_t count = 0;
    assert_int_equal(snn_graph_infer(b->graph, true).code, SNN_OK);
    assert_int_equal(snn_patterns_find(b->graph, matches).code, SNN_OK);
    for (int32_t n = 0; n < b->graph->node_count; n++) {
        if (matches[n].root == n) {
            found[count++] = matches[n].operator;
        }
    }
    return count;
}

/* The graph holds that pattern once and converts to `populations`; it ends in a value of `features` elements. */
static void check_pattern(builder *b, int32_t value, int64_t features, const char *operator, int32_t populations)
{
    const char *found[BUILDER_LIMIT];
    finish_with_classifier(b, value, features);
    assert_int_equal(find_patterns(b, found), 1);
    assert_string_equal(found[0], operator);
    check(b, populations);
}

static int32_t signed_input(builder *b)
{
    return convolution(b, 0, 5, 3, 1);
}

static void test_gelu_as_exported(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 3, 4, 4));
    int32_t x = signed_input(&b);
    int32_t v = NODE(&b, "Erf", NODE(&b, "Div", x, scalar(&b, 1.41421356f)));
    v = NODE(&b, "Mul", x, NODE(&b, "Add", v, scalar(&b, 1.0f)));
    v = NODE(&b, "Mul", v, scalar(&b, 0.5f));
    check_pattern(&b, v, 5 * 4 * 4, "Gelu", 1);
}

static void test_gelu_in_another_order(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 3, 4, 4));
    int32_t x = signed_input(&b);
    int32_t v = NODE(&b, "Erf", NODE(&b, "Mul", scalar(&b, 0.70710678f), x));
    v = NODE(&b, "Add", scalar(&b, 1.0f), v);
    v = NODE(&b, "Mul", NODE(&b, "Mul", scalar(&b, 0.5f), x), v);
    check_pattern(&b, v, 5 * 4 * 4, "Gelu", 1);
}

static void test_gelu_tanh(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 3, 4, 4));
    int32_t x = signed_input(&b);
    int32_t cubic = NODE(&b, "Mul", scalar(&b, 0.044715f), NODE(&b, "Pow", x, scalar(&b, 3.0f)));
    int32_t v = NODE(&b, "Mul", NODE(&b, "Add", x, cubic), scalar(&b, 0.79788456f));
    v = NODE(&b, "Add", NODE(&b, "Tanh", v), scalar(&b, 1.0f));
    v = NODE(&b, "Mul", NODE(&b, "Mul", scalar(&b, 0.5f), x), v);
    check_pattern(&b, v, 5 * 4 * 4, "Gelu", 1);
}

static void test_silu(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 3, 4, 4));
    int32_t x = signed_input(&b);
    int32_t v = NODE(&b, "Mul", x, NODE(&b, "Sigmoid", x));
    check_pattern(&b, v, 5 * 4 * 4, "Silu", 1);
}

static void test_mish(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 3, 4, 4));
    int32_t x = signed_input(&b);
    int32_t v = NODE(&b, "Mul", NODE(&b, "Tanh", NODE(&b, "Softplus", x)), x);
    check_pattern(&b, v, 5 * 4 * 4, "Mish", 1);
}

static void test_hard_swish_by_hard_sigmoid(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 3, 4, 4));
    int32_t x = signed_input(&b);
    int32_t gate = NODE(&b, "HardSigmoid", x);
    with_real(&b, "alpha", 1.0f / 6.0f);
    int32_t v = NODE(&b, "Mul", x, gate);
    check_pattern(&b, v, 5 * 4 * 4, "HardSwish", 1);
}

static void test_hard_swish_by_clip(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 3, 4, 4));
    int32_t x = signed_input(&b);
    int32_t v = NODE(&b, "Clip", NODE(&b, "Add", x, scalar(&b, 3.0f)), scalar(&b, 0.0f), scalar(&b, 6.0f));
    v = NODE(&b, "Div", NODE(&b, "Mul", x, v), scalar(&b, 6.0f));
    check_pattern(&b, v, 5 * 4 * 4, "HardSwish", 1);
}

/* [1, channels, rows, columns] to [1, rows, columns, channels] */
static int32_t channels_last(builder *b, int32_t value)
{
    int32_t v = NODE(b, "Transpose", value);
    with_integers(b, "perm", DIMS(0, 2, 3, 1));
    return v;
}

static int32_t mean_of_last(builder *b, int32_t value)
{
    int32_t v = NODE(b, "ReduceMean", value);
    with_integers(b, "axes", DIMS(-1));
    return v;
}

/* LayerNorm as nodes, with gain and shift; `squares` makes the square of the deviation. */
static int32_t layer_norm(builder *b, int32_t x, int64_t channels, bool power)
{
    int32_t deviation = NODE(b, "Sub", x, mean_of_last(b, x));
    int32_t square = power ? NODE(b, "Pow", deviation, scalar(b, 2.0f)) : NODE(b, "Mul", deviation, deviation);
    int32_t variance = NODE(b, "Add", mean_of_last(b, square), scalar(b, 1e-5f));
    int32_t v = NODE(b, "Div", deviation, NODE(b, "Sqrt", variance));
    v = NODE(b, "Mul", v, positive(b, DIMS(channels)));
    return NODE(b, "Add", v, constant(b, 0.3f, DIMS(channels)));
}

static void test_layer_norm_by_power(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 3, 4, 4));
    int32_t v = layer_norm(&b, channels_last(&b, signed_input(&b)), 5, true);
    check_pattern(&b, v, 5 * 4 * 4, "LayerNormalization", 2); /* a stream, the neurons */
}

static void test_layer_norm_by_integer_power(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 3, 4, 4));
    int32_t x = channels_last(&b, signed_input(&b));
    int32_t deviation = NODE(&b, "Sub", x, mean_of_last(&b, x));
    int32_t square = NODE(&b, "Pow", deviation, integers(&b, 1, (int64_t[]){2}));
    int32_t variance = NODE(&b, "Add", mean_of_last(&b, square), scalar(&b, 1e-5f));
    int32_t v = NODE(&b, "Div", deviation, NODE(&b, "Sqrt", variance));
    check_pattern(&b, v, 5 * 4 * 4, "LayerNormalization", 2);
}

static void test_layer_norm_by_product(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 3, 4, 4));
    int32_t v = layer_norm(&b, channels_last(&b, signed_input(&b)), 5, false);
    check_pattern(&b, v, 5 * 4 * 4, "LayerNormalization", 2);
}

/* Over the first axis behind the batch, as channels-first networks are exported; other ways to divide by the root. */
static void test_layer_norm_times_inverse_root(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 3, 4, 4));
    int32_t x = signed_input(&b);
    int32_t mean = NODE(&b, "ReduceMean", x);
    with_integers(&b, "axes", DIMS(1));
    int32_t deviation = NODE(&b, "Sub", x, mean);
    int32_t variance = NODE(&b, "ReduceMean", NODE(&b, "Mul", deviation, deviation));
    with_integers(&b, "axes", DIMS(1));
    variance = NODE(&b, "Add", scalar(&b, 1e-5f), variance);
    int32_t v = NODE(&b, "Mul", NODE(&b, "Reciprocal", NODE(&b, "Sqrt", variance)), deviation);
    check_pattern(&b, v, 5 * 4 * 4, "LayerNormalization", 2); /* a stream, the neurons */
}

static void test_root_mean_square_norm(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 3, 4, 4));
    int32_t x = channels_last(&b, signed_input(&b));
    int32_t square = NODE(&b, "Add", mean_of_last(&b, NODE(&b, "Pow", x, scalar(&b, 2.0f))), scalar(&b, 1e-5f));
    int32_t v = NODE(&b, "Mul", x, NODE(&b, "Pow", square, scalar(&b, -0.5f)));
    v = NODE(&b, "Mul", positive(&b, DIMS(5)), v);
    check_pattern(&b, v, 5 * 4 * 4, "RMSNormalization", 2); /* a stream, the neurons */
}

static void test_layer_normalization_operator(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 3, 4, 4));
    b.graph->opset = 17;
    int32_t x = channels_last(&b, signed_input(&b));
    int32_t v = NODE(&b, "LayerNormalization", x, positive(&b, DIMS(5)), constant(&b, 0.3f, DIMS(5)));
    finish_with_classifier(&b, v, 5 * 4 * 4);
    check(&b, 2);
}

/* Heads split: [1, tokens, channels] to [1, heads, tokens, width], or with the last two axes exchanged. */
static int32_t split_heads(builder *b, int32_t value, bool transposed)
{
    int32_t v = NODE(b, "Reshape", value, integers(b, 4, (int64_t[]){1, 9, 2, 3}));
    v = NODE(b, "Transpose", v);
    if (transposed) {
        with_integers(b, "perm", DIMS(0, 2, 3, 1));
    } else {
        with_integers(b, "perm", DIMS(0, 2, 1, 3));
    }
    return v;
}

static int32_t projected(builder *b, int32_t value)
{
    int32_t v = NODE(b, "MatMul", value, constant(b, 0.8f, DIMS(6, 6)));
    return NODE(b, "Add", constant(b, 0.3f, DIMS(6)), v);
}

/* A transformer's attention over 9 tokens of 6 channels, with the residual connection around it. */
static void test_attention(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 3, 3, 3));
    int32_t v = NODE(&b, "Reshape", convolution(&b, 0, 6, 3, 1), integers(&b, 3, (int64_t[]){1, 6, 9}));
    int32_t stream = NODE(&b, "Transpose", v);
    with_integers(&b, "perm", DIMS(0, 2, 1));
    int32_t x = NODE(&b, "Relu", stream);
    int32_t q = split_heads(&b, projected(&b, x), false);
    int32_t k = split_heads(&b, projected(&b, x), true);
    int32_t scores = NODE(&b, "Mul", NODE(&b, "MatMul", q, k), scalar(&b, 0.57735027f));
    int32_t weights = NODE(&b, "Softmax", scores);
    with_integer(&b, "axis", -1);
    v = NODE(&b, "MatMul", weights, split_heads(&b, projected(&b, x), false));
    v = NODE(&b, "Transpose", v);
    with_integers(&b, "perm", DIMS(0, 2, 1, 3));
    v = NODE(&b, "Reshape", v, integers(&b, 3, (int64_t[]){1, 9, 6}));
    v = NODE(&b, "Add", stream, projected(&b, v));
    v = layer_norm(&b, v, 6, true);
    finish_with_classifier(&b, v, 9 * 6);
    const char *found[BUILDER_LIMIT];
    assert_int_equal(find_patterns(&b, found), 2);
    assert_string_equal(found[0], "Attention");
    assert_string_equal(found[1], "LayerNormalization");
    check(&b, 6); /* two streams and their readers relu, attention, layer norm; a stream of q, k and v */
}

/* A ConvNeXt block: a depthwise convolution that reads the residual stream, LayerNorm, GELU, layer scale. */
static void test_depthwise_convolution_of_a_stream(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 3, 4, 4));
    int32_t stream = convolution(&b, 0, 5, 3, 1);
    int32_t v = convolution(&b, stream, 5, 1, 3);
    with_integer(&b, "group", 5);
    with_integers(&b, "pads", DIMS(1, 1, 1, 1));
    v = layer_norm(&b, channels_last(&b, v), 5, true);
    v = NODE(&b, "Add", constant(&b, 0.3f, DIMS(7)), NODE(&b, "MatMul", v, constant(&b, 0.8f, DIMS(5, 7))));
    v = NODE(&b, "Mul", v, NODE(&b, "Sigmoid", v));
    v = NODE(&b, "Mul", constant(&b, 0.5f, DIMS(5)), NODE(&b, "MatMul", v, constant(&b, 0.8f, DIMS(7, 5))));
    v = NODE(&b, "Transpose", v);
    with_integers(&b, "perm", DIMS(0, 3, 1, 2));
    v = NODE(&b, "Add", stream, v);
    finish_with_classifier(&b, NODE(&b, "Relu", v), 5 * 4 * 4);
    check(&b, 6); /* streams: stem, depthwise, sum; layer norm, silu, relu: no relay */
}

/* A ResMLP block: an affine map and a product over tokens, both of the residual stream. */
static void test_token_product_of_a_stream(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 3, 3, 3));
    int32_t v = NODE(&b, "Reshape", convolution(&b, 0, 6, 3, 1), integers(&b, 3, (int64_t[]){1, 6, 9}));
    int32_t stream = NODE(&b, "Transpose", v);
    with_integers(&b, "perm", DIMS(0, 2, 1));
    v = NODE(&b, "Add", NODE(&b, "Mul", stream, positive(&b, DIMS(6))), constant(&b, 0.3f, DIMS(6)));
    v = NODE(&b, "Transpose", v);
    with_integers(&b, "perm", DIMS(0, 2, 1));
    v = NODE(&b, "MatMul", v, constant(&b, 0.5f, DIMS(9, 9)));
    v = NODE(&b, "Add", v, constant(&b, 0.3f, DIMS(9)));
    v = NODE(&b, "Transpose", v);
    with_integers(&b, "perm", DIMS(0, 2, 1));
    v = NODE(&b, "Add", stream, NODE(&b, "Mul", positive(&b, DIMS(6)), v));
    finish_with_classifier(&b, NODE(&b, "Relu", v), 9 * 6);
    check(&b, 3); /* two streams and relu: no relay */
}

static void expect_no_pattern(builder *b)
{
    const char *found[BUILDER_LIMIT];
    assert_int_equal(find_patterns(b, found), 0);
    snn_graph_destroy(b->graph);
}

static void test_a_gate_with_another_constant_is_no_gelu(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 3, 4, 4));
    int32_t x = signed_input(&b);
    int32_t v = NODE(&b, "Erf", NODE(&b, "Div", x, scalar(&b, 1.5f)));
    v = NODE(&b, "Mul", x, NODE(&b, "Add", v, scalar(&b, 1.0f)));
    v = NODE(&b, "Mul", v, scalar(&b, 0.5f));
    (void)v;
    expect_no_pattern(&b);
}

static void test_a_part_that_is_read_elsewhere_stays(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 3, 4, 4));
    int32_t x = signed_input(&b);
    int32_t gate = NODE(&b, "Sigmoid", x);
    int32_t v = NODE(&b, "Mul", x, gate);
    (void)NODE(&b, "Add", v, gate);
    expect_no_pattern(&b);
}

static void test_a_mean_over_another_axis_is_no_layer_norm(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 3, 4, 4));
    int32_t x = signed_input(&b);
    int32_t mean = NODE(&b, "ReduceMean", x);
    with_integers(&b, "axes", DIMS(2));
    int32_t deviation = NODE(&b, "Sub", x, mean);
    int32_t variance = NODE(&b, "ReduceMean", NODE(&b, "Pow", deviation, scalar(&b, 2.0f)));
    with_integers(&b, "axes", DIMS(2));
    (void)NODE(&b, "Div", deviation, NODE(&b, "Sqrt", NODE(&b, "Add", variance, scalar(&b, 1e-5f))));
    expect_no_pattern(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gelu_as_exported),
        cmocka_unit_test(test_gelu_in_another_order),
        cmocka_unit_test(test_gelu_tanh),
        cmocka_unit_test(test_silu),
        cmocka_unit_test(test_mish),
        cmocka_unit_test(test_hard_swish_by_hard_sigmoid),
        cmocka_unit_test(test_hard_swish_by_clip),
        cmocka_unit_test(test_layer_norm_by_power),
        cmocka_unit_test(test_layer_norm_by_integer_power),
        cmocka_unit_test(test_layer_norm_by_product),
        cmocka_unit_test(test_layer_norm_times_inverse_root),
        cmocka_unit_test(test_root_mean_square_norm),
        cmocka_unit_test(test_layer_normalization_operator),
        cmocka_unit_test(test_attention),
        cmocka_unit_test(test_depthwise_convolution_of_a_stream),
        cmocka_unit_test(test_token_product_of_a_stream),
        cmocka_unit_test(test_a_gate_with_another_constant_is_no_gelu),
        cmocka_unit_test(test_a_part_that_is_read_elsewhere_stays),
        cmocka_unit_test(test_a_mean_over_another_axis_is_no_layer_norm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
