/* What is dropped at the ends of a network, and what is not. */
#include "core/graph/graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/core/convert/graph_builder.h"

static void drop(builder *b)
{
    assert_string_equal(snn_graph_infer(b->graph, true).message, "");
    snn_graph_drop_ends(b->graph);
}

static int32_t linear(builder *b, int32_t x)
{
    return NODE(b, "MatMul", x, constant(b, 1.0f, DIMS(6, 4)));
}

static void test_softmax_of_the_classes(void **state)
{
    (void)state;
    static const char *const operators[] = {"Softmax", "LogSoftmax"};
    for (int i = 0; i < 2; i++) {
        builder b = builder_begin(DIMS(1, 6));
        int32_t logits = linear(&b, 0);
        (void)NODE(&b, operators[i], logits);
        drop(&b);
        assert_int_equal(b.graph->output, logits);
        assert_true(b.graph->nodes[1].folded);
        assert_string_equal(b.graph->nodes[1].folded_as, "dropped: the largest class is that of its input");
        snn_graph_destroy(b.graph);
    }
}

static void test_softmax_before_a_reshape(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 6));
    int32_t logits = NODE(&b, "Reshape", linear(&b, 0), integers(&b, 3, (int64_t[]){1, 1, 4}));
    int32_t shares = NODE(&b, "Softmax", logits);
    int32_t output = NODE(&b, "Squeeze", shares, integers(&b, 1, (int64_t[]){1}));
    drop(&b);
    assert_int_equal(b.graph->output, output);
    assert_int_equal(b.graph->nodes[3].inputs[0], logits);
    assert_true(b.graph->nodes[2].folded);
    snn_graph_destroy(b.graph);
}

/* Of two halves of the classes, or in the middle of a network, it is no matter of taste. */
static void test_softmax_of_parts_stays(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 6));
    int32_t halves = NODE(&b, "Reshape", linear(&b, 0), integers(&b, 3, (int64_t[]){1, 2, 2}));
    int32_t shares = NODE(&b, "Softmax", halves);
    int32_t output = NODE(&b, "Reshape", shares, integers(&b, 2, (int64_t[]){1, 4}));
    drop(&b);
    assert_int_equal(b.graph->output, output);
    assert_false(b.graph->nodes[2].folded);
    snn_graph_destroy(b.graph);
}

static int32_t transposed(builder *b, int32_t x, int64_t second, int64_t third, int64_t fourth)
{
    int32_t y = NODE(b, "Transpose", x);
    with_integers(b, "perm", DIMS(0, second, third, fourth));
    return y;
}

static void test_transposition_of_the_image(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 2, 5, 3));
    int32_t image = transposed(&b, 0, 3, 1, 2);
    (void)NODE(&b, "Relu", image);
    drop(&b);
    assert_int_equal(b.graph->input, image);
    assert_int_equal(b.graph->values[image].producer, -1);
    assert_memory_equal(b.graph->values[image].tensor.dims, ((int64_t[]){1, 3, 2, 5}), 4 * sizeof(int64_t));
    assert_true(b.graph->nodes[0].folded);
    snn_graph_destroy(b.graph);
}

static void test_other_transpositions_stay(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 2, 5, 3));
    (void)NODE(&b, "Relu", transposed(&b, 0, 2, 1, 3));
    drop(&b);
    assert_int_equal(b.graph->input, 0);
    snn_graph_destroy(b.graph);
    b = builder_begin(DIMS(1, 2, 2, 2));
    (void)NODE(&b, "Add", transposed(&b, 0, 3, 1, 2), 0); /* the image is read otherwise too */
    drop(&b);
    assert_int_equal(b.graph->input, 0);
    snn_graph_destroy(b.graph);
}

/* Nodes that do nothing are passed by. */
static void test_identities_are_passed_by(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, 6));
    int32_t x = NODE(&b, "Identity", NODE(&b, "Relu", 0));
    x = NODE(&b, "Cast", NODE(&b, "Dropout", x));
    with_integer(&b, "to", 1);
    (void)NODE(&b, "Tanh", x);
    drop(&b);
    assert_int_equal(b.graph->nodes[4].inputs[0], b.graph->nodes[0].outputs[0]);
    for (int i = 1; i < 4; i++) {
        assert_true(b.graph->nodes[i].folded);
        assert_string_equal(b.graph->nodes[i].folded_as, "passes its input on");
    }
    snn_graph_destroy(b.graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_softmax_of_the_classes),    cmocka_unit_test(test_softmax_before_a_reshape),
        cmocka_unit_test(test_softmax_of_parts_stays),    cmocka_unit_test(test_transposition_of_the_image),
        cmocka_unit_test(test_other_transpositions_stay), cmocka_unit_test(test_identities_are_passed_by),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
