/* Normalisation, softmax and attention in fused and in decomposed form: both say the same as the trained network, with
 * the populations that they should need. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/core/convert/comparison.h"

enum { TOKENS = 9, CHANNELS = 6 };

/* How many populations each form needs; ends the graph. */
static void check_forms(builder *b, int32_t value, int64_t features, int32_t fused, int32_t decomposed)
{
    finish_with_classifier(b, value, features);
    check_form(b, SNN_FORM_FUSED, fused);
    check_form(b, SNN_FORM_DECOMPOSED, decomposed);
    snn_graph_destroy(b->graph);
}

static builder begin_with_operators(void)
{
    builder b = builder_begin(DIMS(1, 3, 3, 3));
    b.graph->opset = 17;
    return b;
}

static int32_t exchanged(builder *b, int32_t value)
{
    int32_t v = NODE(b, "Transpose", value);
    with_integers(b, "perm", DIMS(0, 2, 1));
    return v;
}

/* The image as tokens [1, TOKENS, CHANNELS], a product. */
static int32_t tokens(builder *b)
{
    int32_t v = convolution(b, 0, CHANNELS, 3, 1);
    return exchanged(b, NODE(b, "Reshape", v, integers(b, 3, (int64_t[]){1, CHANNELS, TOKENS})));
}

static int32_t projected(builder *b, int32_t value)
{
    int32_t v = NODE(b, "MatMul", value, constant(b, 0.8f, DIMS(CHANNELS, CHANNELS)));
    return NODE(b, "Add", constant(b, 0.3f, DIMS(CHANNELS)), v);
}

static int32_t layer_norm(builder *b, int32_t value)
{
    return NODE(b, "LayerNormalization", value, positive(b, DIMS(CHANNELS)), constant(b, 0.3f, DIMS(CHANNELS)));
}

/* The products that it reads are centred. */
static void test_normalisation_of_a_product(void **state)
{
    (void)state;
    builder b = begin_with_operators();
    int32_t v = layer_norm(&b, tokens(&b));
    check_forms(&b, v, TOKENS * CHANNELS, 2, 3); /* a stream; squares besides */
}

static void test_normalisation_of_spikes(void **state)
{
    (void)state;
    builder b = begin_with_operators();
    int32_t v = layer_norm(&b, NODE(&b, "Gelu", tokens(&b)));
    b.graph->opset = 20;
    check_forms(&b, v, TOKENS * CHANNELS, 2, 4); /* a stream of the centred spikes */
}

static int32_t residual_block(builder *b, int32_t stream)
{
    int32_t v = NODE(b, "Relu", projected(b, layer_norm(b, stream)));
    return NODE(b, "Add", stream, projected(b, v));
}

/* All that read the residual stream want it centred, and so it is made centred. */
static void test_normalisations_of_a_residual_stream(void **state)
{
    (void)state;
    builder b = begin_with_operators();
    int32_t v = layer_norm(&b, residual_block(&b, residual_block(&b, tokens(&b))));
    check_forms(&b, v, TOKENS * CHANNELS, 8, 11); /* 3 streams, 3 norms, 2 relus; squares besides */
}

/* What is read otherwise too must stay as it is: means are kept beside it. */
static void test_normalisation_of_a_stream_that_is_read_otherwise(void **state)
{
    (void)state;
    builder b = begin_with_operators();
    int32_t stream = tokens(&b);
    int32_t v = residual_block(&b, stream);
    v = NODE(&b, "Add", layer_norm(&b, v), NODE(&b, "Relu", stream));
    check_forms(&b, v, TOKENS * CHANNELS, 6, 10); /* of both streams: the second passes the first on */
}

static void test_normalisation_of_an_average(void **state)
{
    (void)state;
    builder b = begin_with_operators();
    int32_t v = NODE(&b, "ReduceMean", residual_block(&b, tokens(&b)));
    with_integers(&b, "axes", DIMS(1));
    with_integer(&b, "keepdims", 0);
    v = layer_norm(&b, v);
    check_forms(&b, v, CHANNELS, 5, 10); /* means of the first stream and of the average, squares, the average */
}

/* A ConvNeXt block: a depthwise convolution cannot be centred by its rows. */
static void test_normalisation_behind_a_depthwise_convolution(void **state)
{
    (void)state;
    builder b = begin_with_operators();
    int32_t stream = convolution(&b, 0, CHANNELS, 3, 1);
    int32_t v = convolution(&b, stream, CHANNELS, 1, 3);
    with_integer(&b, "group", CHANNELS);
    with_integers(&b, "pads", DIMS(1, 1, 1, 1));
    v = exchanged(&b, NODE(&b, "Reshape", v, integers(&b, 3, (int64_t[]){1, CHANNELS, TOKENS})));
    v = exchanged(&b, projected(&b, NODE(&b, "Relu", projected(&b, layer_norm(&b, v)))));
    v = NODE(&b, "Reshape", v, integers(&b, 4, (int64_t[]){1, CHANNELS, 3, 3}));
    v = NODE(&b, "Relu", NODE(&b, "Add", stream, v));
    check_forms(&b, v, TOKENS * CHANNELS, 6, 8);
}

static void test_softmax(void **state)
{
    (void)state;
    builder b = begin_with_operators();
    int32_t v = NODE(&b, "Softmax", tokens(&b));
    check_forms(&b, v, TOKENS * CHANNELS, 2, 3);
}

/* [1, tokens, channels] to [1, 2 heads, tokens, width], or with the last two axes exchanged. */
static int32_t split_heads(builder *b, int32_t value, bool transposed)
{
    int32_t v = NODE(b, "Reshape", value, integers(b, 4, (int64_t[]){1, TOKENS, 2, CHANNELS / 2}));
    v = NODE(b, "Transpose", v);
    if (transposed) {
        with_integers(b, "perm", DIMS(0, 2, 3, 1));
    } else {
        with_integers(b, "perm", DIMS(0, 2, 1, 3));
    }
    return v;
}

/* A transformer's block over the residual stream. */
static void test_attention(void **state)
{
    (void)state;
    builder b = begin_with_operators();
    int32_t stream = tokens(&b);
    int32_t x = layer_norm(&b, stream);
    int32_t q = split_heads(&b, projected(&b, x), false);
    int32_t k = split_heads(&b, projected(&b, x), true);
    int32_t weights = NODE(&b, "Softmax", NODE(&b, "Mul", NODE(&b, "MatMul", q, k), scalar(&b, 0.57735027f)));
    with_integer(&b, "axis", -1);
    int32_t v = NODE(&b, "Transpose", NODE(&b, "MatMul", weights, split_heads(&b, projected(&b, x), false)));
    with_integers(&b, "perm", DIMS(0, 2, 1, 3));
    v = NODE(&b, "Reshape", v, integers(&b, 3, (int64_t[]){1, TOKENS, CHANNELS}));
    v = layer_norm(&b, NODE(&b, "Add", stream, projected(&b, v)));
    /* Fused: two streams, two norms, attention and the stream that it reads. Decomposed: squares; scores, exponentials,
     * weights and mix, a stream of the values. */
    check_forms(&b, v, TOKENS * CHANNELS, 6, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normalisation_of_a_product),
        cmocka_unit_test(test_normalisation_of_spikes),
        cmocka_unit_test(test_normalisations_of_a_residual_stream),
        cmocka_unit_test(test_normalisation_of_a_stream_that_is_read_otherwise),
        cmocka_unit_test(test_normalisation_of_an_average),
        cmocka_unit_test(test_normalisation_behind_a_depthwise_convolution),
        cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_attention),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
