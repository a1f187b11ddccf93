/* Composite operators with whatever a damaged or hostile model may hold: refused or written out, never worse. What they
 * compute is tested where they are converted (tests/core/convert/test_*_spiking.c) and by ONNX's own tests of nodes. */
#include "core/graph/graph.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/graph/evaluator.h"
#include "tests/core/convert/graph_builder.h"

static uint64_t draw(builder *b, uint64_t below)
{
    b->random = b->random * 6364136223846793005u + 1442695040888963407u;
    return (b->random >> 33) % below;
}

static int64_t any_integer(builder *b)
{
    static const int64_t favourites[] = {0, 1, 2, 3, 4, -1, -2, 7, 100, INT32_MAX, INT64_MAX, INT64_MIN, 1 << 20, -100};
    return favourites[draw(b, sizeof favourites / sizeof favourites[0])];
}

static float any_real(builder *b)
{
    static const float favourites[] = {0.0f, 1.0f, 0.5f, -1.0f, 2.0f, 1e30f, -1e30f, INFINITY, NAN, 1e-30f};
    return favourites[draw(b, sizeof favourites / sizeof favourites[0])];
}

typedef struct hostile {
    const char *domain, *operator;
    int32_t inputs;
    const char *integers, *lists, *reals, *texts; /* attributes, between blanks */
} hostile;

static const hostile operators[] = {
    {"", "Attention", 4, "is_causal q_num_heads kv_num_heads", "", "scale softcap", ""},
    {"", "RotaryEmbedding", 4, "interleaved num_heads rotary_embedding_dim", "", "", ""},
    {"com.microsoft", "Attention", 6, "num_heads unidirectional", "qkv_hidden_sizes", "scale", ""},
    {"com.microsoft", "MultiHeadAttention", 6, "num_heads unidirectional", "", "scale", ""},
    {"com.microsoft", "RotaryEmbedding", 4, "interleaved num_heads", "", "", ""},
    {"", "Einsum", 3, "", "", "", "equation"},
    {"", "ReduceL1", 2, "keepdims noop_with_empty_axes", "axes", "", ""},
    {"", "ReduceL2", 2, "keepdims", "axes", "", ""},
    {"", "ReduceLogSum", 1, "keepdims", "axes", "", ""},
    {"", "ReduceLogSumExp", 2, "keepdims", "axes", "", ""},
    {"", "LpNormalization", 1, "axis p", "", "", ""},
    {"", "Pow", 2, "", "", "", ""},
    {"", "Mean", 3, "", "", "", ""},
    {"", "CastLike", 2, "", "", "", ""},
    {"", "LRN", 1, "size", "", "alpha beta bias", ""},
    {"", "Swish", 1, "", "", "alpha", ""},
    {"", "SimplifiedLayerNormalization", 2, "axis", "", "epsilon", ""},
    {"com.microsoft", "BiasGelu", 2, "", "", "", ""},
    {"com.microsoft", "SkipLayerNormalization", 5, "", "", "epsilon", ""},
    {"com.microsoft", "FusedMatMul", 2, "transA transB transBatchA", "", "alpha", ""},
    {"com.microsoft", "FusedConv", 4, "group", "strides pads dilations", "", "activation auto_pad"},
    {"com.microsoft", "FusedGemm", 3, "transA transB", "", "alpha beta", "activation"},
    {"", "ConvTranspose", 3, "group", "strides pads dilations output_padding output_shape", "", "auto_pad"},
    {"", "Resize", 4, "exclude_outside", "axes", "cubic_coeff_a", "mode coordinate_transformation_mode"},
    {"", "Upsample", 2, "", "", "", "mode"},
    {"", "Trilu", 2, "upper", "", "", ""},
    {"", "GatherND", 2, "batch_dims", "", "", ""},
    {"", "ScatterND", 3, "", "", "", ""},
    {"", "GatherElements", 2, "axis", "", "", ""},
    {"", "ScatterElements", 3, "axis", "", "", ""},
    {"", "QuantizeLinear", 3, "axis output_dtype", "", "", ""},
    {"", "DequantizeLinear", 3, "axis", "", "", ""},
    {"", "QLinearConv", 9, "group", "strides pads", "", "auto_pad"},
    {"", "QLinearMatMul", 8, "", "", "", ""},
    {"com.microsoft", "QGemm", 9, "transA transB", "", "alpha", ""},
    {"com.microsoft", "QLinearAdd", 8, "", "", "", ""},
    {"com.microsoft", "QLinearConcat", 8, "axis", "", "", ""},
    {"com.microsoft", "QLinearSigmoid", 5, "", "", "", ""},
    {"", "DynamicQuantizeLinear", 1, "", "", "", ""},
    {"", "MatMulInteger", 4, "", "", "", ""},
    {"", "ConvInteger", 4, "group", "pads", "", ""},
    {"com.microsoft", "DynamicQuantizeMatMul", 5, "", "", "", ""},
    {"com.microsoft", "MatMulIntegerToFloat", 7, "", "", "", ""},
    {"", "Conv", 3, "group", "strides pads dilations kernel_shape", "", "auto_pad"},
    {"", "MaxPool", 1, "ceil_mode", "strides pads kernel_shape", "", "auto_pad"},
    {"", "GlobalAveragePool", 1, "", "", "", ""},
    {"", "MatMul", 2, "", "", "", ""},
    {"", "Gemm", 3, "transA transB", "", "alpha beta", ""},
    {"", "Where", 3, "", "", "", ""},
    {"", "SequenceAt", 2, "", "", "", ""},
};

static const char *const texts[] = {"bchw,bchd->bhwd",
                                    "i,i->",
                                    "...ij,...jk->...ik",
                                    "ab->ba",
                                    "->",
                                    "...",
                                    "a,b,c",
                                    "abc,cd",
                                    "aa->a",
                                    "linear",
                                    "cubic",
                                    "Relu",
                                    "Clip",
                                    "SAME_UPPER",
                                    "half_pixel",
                                    "",
                                    "Frobnicate",
                                    "SAME_LOWER"};

/* Calls `give` for every word. */
static void for_words(builder *b, const char *words, void (*give)(builder *b, const char *word))
{
    char word[64];
    int used = 0;
    for (; sscanf(words, "%63s%n", word, &used) == 1; words += used) {
        if (draw(b, 3) > 0) {
            give(b, word);
        }
    }
}

static void give_integer(builder *b, const char *word)
{
    with_integer(b, word, any_integer(b));
}

static void give_list(builder *b, const char *word)
{
    int64_t list[5];
    for (int i = 0; i < 5; i++) {
        list[i] = any_integer(b);
    }
    with_integers(b, word, (int32_t)draw(b, 5) + 1, list);
}

static void give_real(builder *b, const char *word)
{
    with_real(b, word, any_real(b));
}

static void give_text(builder *b, const char *word)
{
    with_text(b, word, texts[draw(b, sizeof texts / sizeof texts[0])]);
}

/* The image, a constant of any type and shape, or nothing. */
static int32_t any_input(builder *b, int32_t number)
{
    const uint64_t kind = draw(b, 8);
    if (kind < 3 || (number == 0 && kind < 6)) {
        return 0;
    }
    if (kind == 3) {
        return SNN_NO_VALUE;
    }
    int32_t v = builder_value(b, "constant");
    snn_tensor *tensor = &b->graph->values[v].tensor;
    tensor->type =
        (snn_type[]){SNN_TYPE_FLOAT32, SNN_TYPE_INT64, SNN_TYPE_BOOL, SNN_TYPE_INT8, SNN_TYPE_UINT8}[draw(b, 5)];
    tensor->rank = (int32_t)draw(b, 5);
    for (int32_t axis = 0; axis < tensor->rank; axis++) {
        tensor->dims[axis] = (int64_t)draw(b, 5);
    }
    b->graph->values[v].constant = true;
    assert_int_equal(snn_tensor_allocate(tensor).code, SNN_OK);
    for (int64_t i = 0; i < snn_tensor_elements(tensor); i++) {
        if (tensor->type == SNN_TYPE_FLOAT32) {
            ((float *)tensor->data)[i] = any_real(b);
        } else if (tensor->type == SNN_TYPE_INT64) {
            ((int64_t *)tensor->data)[i] = any_integer(b);
        } else {
            ((unsigned char *)tensor->data)[i] = (unsigned char)draw(b, tensor->type == SNN_TYPE_BOOL ? 2 : 256);
        }
    }
    return v;
}

static void try_once(const hostile *what, uint64_t seed, int64_t opset)
{
    static const int64_t shapes[][4] = {{1, 4, 2, 6}, {1, 4, 4, 4}, {1, 6, 4, 0}, {1, 12, 0, 0}, {2, 4, 3, 3}};
    const int64_t *dims = shapes[seed % 5];
    builder b = builder_begin(dims[2] == 0 ? 2 : dims[3] == 0 ? 3 : 4, dims);
    snn_evaluator *evaluator = NULL;
    float image[96] = {0.5f, -0.25f};
    int32_t inputs[9];
    b.random += seed * 77777;
    b.graph->opset = opset;
    const int32_t count = what->inputs - (int32_t)draw(&b, (uint64_t)what->inputs);
    for (int32_t i = 0; i < count; i++) {
        inputs[i] = any_input(&b, i);
    }
    (void)node_of(&b, what->operator, count, inputs);
    snn_node *node = &b.graph->nodes[0];
    snn_release(node->domain);
    node->domain = snn_duplicate_text(what->domain);
    for_words(&b, what->integers, give_integer);
    for_words(&b, what->lists, give_list);
    for_words(&b, what->reals, give_real);
    for_words(&b, what->texts, give_text);
    const snn_status status = snn_graph_infer(b.graph, true);
    assert_true(status.code == SNN_OK || status.code == SNN_INPUT_ERROR);
    if (status.code == SNN_OK && snn_tensor_elements(&b.graph->values[b.graph->output].tensor) < 100000 &&
        snn_evaluator_create(b.graph, false, &evaluator).code == SNN_OK) {
        (void)snn_evaluator_run(evaluator, image);
    }
    snn_evaluator_destroy(evaluator);
    snn_graph_destroy(b.graph);
}

static void test_hostile_nodes(void **state)
{
    enum { TRIES = 3000 };
    static const int64_t opsets[] = {7, 10, 13, 18, 24};
    (void)state;
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        for (uint64_t seed = 0; seed < TRIES; seed++) {
            try_once(&operators[i], seed, opsets[seed / 5 % 5]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_hostile_nodes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
