/* Dense products, functions of elements, reductions and normalisation. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "operator_fixture.h"

static void test_find(void **state)
{
    (void)state;
    assert_string_equal(snn_graph_operator_find("Conv")->name, "Conv");
    assert_string_equal(snn_graph_operator_find("Pad")->name, "Pad");
    assert_null(snn_graph_operator_find("conv"));
    assert_null(snn_graph_operator_find(""));
    assert_null(snn_graph_operator_find("LSTM"));
}

/* ---- Gemm ---- */

static void check_gemm(bool transpose_a, bool transpose_b, float alpha, float beta, int32_t bias_rank,
                       const int64_t *bias_dims)
{
    enum { M = 3, N = 70, K = 140 };
    fixture op;
    fixture_begin(&op, "Gemm");
    fixture_random(&op, 2, transpose_a ? INTS(K, M) : INTS(M, K));
    fixture_random(&op, 2, transpose_b ? INTS(N, K) : INTS(K, N));
    if (bias_rank >= 0) {
        fixture_random(&op, bias_rank, bias_dims);
    }
    fixture_integer(&op, "transA", transpose_a);
    fixture_integer(&op, "transB", transpose_b);
    fixture_real(&op, "alpha", alpha);
    fixture_real(&op, "beta", beta);
    const float *found = fixture_run(&op);
    const float *a = op.inputs[0].data, *b = op.inputs[1].data, *c = op.inputs[2].data;
    for (int m = 0; m < M; m++) {
        for (int n = 0; n < N; n++) {
            float sum = 0.0F;
            for (int k = 0; k < K; k++) {
                const float product = a[transpose_a ? k * M + m : m * K + k] * b[transpose_b ? n * K + k : k * N + n];
                sum += product;
            }
            float expected = alpha * sum;
            if (bias_rank >= 0) {
                const bool by_row = bias_rank == 2 && bias_dims[0] == M;
                const bool by_column = bias_rank > 0 && bias_dims[bias_rank - 1] == N;
                const float term = beta * c[(by_row ? m * (by_column ? N : 1) : 0) + (by_column ? n : 0)];
                expected += term;
            }
            assert_true(found[m * N + n] == expected);
        }
    }
    fixture_end(&op);
}

static void test_gemm(void **state)
{
    (void)state;
    check_gemm(false, true, 1.0F, 1.0F, 1, INTS(70));
    check_gemm(false, false, 1.0F, 1.0F, -1, NULL);
    check_gemm(true, false, 0.5F, 2.0F, 2, INTS(3, 70));
    check_gemm(true, true, -1.0F, 0.25F, 2, INTS(3, 1));
    check_gemm(false, true, 2.0F, 1.0F, 2, INTS(1, 70));
    check_gemm(false, true, 1.0F, 3.0F, 0, INTS(0));

    fixture op;
    fixture_begin(&op, "Gemm");
    fixture_random(&op, DIMS(1, 32));
    fixture_random(&op, DIMS(64, 10));
    fixture_refused(&op, "expects 64 input features, found 32");
    fixture_integer(&op, "transB", 1);
    fixture_refused(&op, "expects 10 input features, found 32");
    fixture_end(&op);
    fixture_begin(&op, "Gemm");
    fixture_random(&op, DIMS(1, 2));
    fixture_random(&op, DIMS(2, 3));
    fixture_random(&op, DIMS(2, 3));
    fixture_refused(&op, "the bias");
    fixture_end(&op);
    fixture_begin(&op, "Gemm");
    fixture_random(&op, DIMS(1, 2, 2));
    fixture_random(&op, DIMS(2, 3));
    fixture_refused(&op, "expects 2 axes, found float32[1,2,2]");
    fixture_end(&op);
}

/* ---- MatMul ---- */

static void test_matmul(void **state)
{
    (void)state;
    fixture op;
    fixture_begin(&op, "MatMul");
    fixture_floats(&op, DIMS(2, 3), FLOATS(1, 2, 3, 4, 5, 6));
    fixture_floats(&op, DIMS(3, 2), FLOATS(1, 0, 0, 1, 1, 1));
    fixture_gives_floats(&op, DIMS(2, 2), FLOATS(4, 5, 10, 11), 0.0F);
    fixture_end(&op);

    fixture_begin(&op, "MatMul"); /* vectors on both sides */
    fixture_floats(&op, DIMS(3), FLOATS(1, 2, 3));
    fixture_floats(&op, DIMS(3), FLOATS(4, 5, 6));
    fixture_gives_floats(&op, 0, NULL, FLOATS(32), 0.0F);
    fixture_end(&op);

    fixture_begin(&op, "MatMul"); /* a vector times a stack */
    fixture_floats(&op, DIMS(2), FLOATS(1, 10));
    fixture_floats(&op, DIMS(2, 2, 2), FLOATS(1, 2, 3, 4, 5, 6, 7, 8));
    fixture_gives_floats(&op, DIMS(2, 2), FLOATS(31, 42, 75, 86), 0.0F);
    fixture_end(&op);

    fixture_begin(&op, "MatMul");
    fixture_random(&op, DIMS(1, 4, 32));
    fixture_random(&op, DIMS(64, 10));
    fixture_refused(&op, "expects 64 input features, found 32");
    fixture_end(&op);
    fixture_begin(&op, "MatMul");
    fixture_random(&op, DIMS(2, 4, 3));
    fixture_random(&op, DIMS(5, 3, 4));
    fixture_refused(&op, "shapes do not broadcast");
    fixture_end(&op);
}

static void test_matmul_stacks(void **state)
{
    (void)state;
    enum { A = 2, B = 3, M = 5, K = 7, N = 4 };
    fixture op;
    fixture_begin(&op, "MatMul");
    fixture_random(&op, DIMS(A, 1, M, K));
    fixture_random(&op, DIMS(B, K, N));
    const float *found = fixture_run(&op);
    const float *left = op.inputs[0].data, *right = op.inputs[1].data;
    assert_int_equal(op.outputs[0].rank, 4);
    for (int i = 0; i < A * B * M * N; i++) {
        const int n = i % N, m = i / N % M, b = i / N / M % B, a = i / N / M / B;
        float sum = 0.0F;
        for (int k = 0; k < K; k++) {
            const float product = left[(a * M + m) * K + k] * right[(b * K + k) * N + n];
            sum += product;
        }
        assert_true(found[i] == sum);
    }
    fixture_end(&op);
}

/* ---- Functions of one element ---- */

static void unary_gives(const char *name, const char *first, float a, const char *second, float b,
                        const float expected[4])
{
    fixture op;
    fixture_begin(&op, name);
    fixture_floats(&op, DIMS(2, 2), FLOATS(-2.0F, -0.5F, 0.25F, 3.0F));
    if (first != NULL) {
        fixture_real(&op, first, a);
    }
    if (second != NULL) {
        fixture_real(&op, second, b);
    }
    fixture_gives_floats(&op, DIMS(2, 2), expected, 2e-6F);
    fixture_end(&op);
}

static void test_unary(void **state)
{
    (void)state;
    unary_gives("Neg", NULL, 0, NULL, 0, FLOATS(2, 0.5F, -0.25F, -3));
    unary_gives("Abs", NULL, 0, NULL, 0, FLOATS(2, 0.5F, 0.25F, 3));
    unary_gives("Sign", NULL, 0, NULL, 0, FLOATS(-1, -1, 1, 1));
    unary_gives("Reciprocal", NULL, 0, NULL, 0, FLOATS(-0.5F, -2, 4, 0.333333333F));
    unary_gives("Floor", NULL, 0, NULL, 0, FLOATS(-2, -1, 0, 3));
    unary_gives("Ceil", NULL, 0, NULL, 0, FLOATS(-2, 0, 1, 3));
    unary_gives("Round", NULL, 0, NULL, 0, FLOATS(-2, 0, 0, 3));
    unary_gives("Exp", NULL, 0, NULL, 0, FLOATS(0.135335283F, 0.60653066F, 1.28402542F, 20.0855369F));
    unary_gives("Erf", NULL, 0, NULL, 0, FLOATS(-0.995322265F, -0.520499878F, 0.276326390F, 0.99997791F));
    unary_gives("Sin", NULL, 0, NULL, 0, FLOATS(-0.909297427F, -0.479425539F, 0.247403959F, 0.141120008F));
    unary_gives("Cos", NULL, 0, NULL, 0, FLOATS(-0.416146837F, 0.877582562F, 0.968912422F, -0.989992497F));
    unary_gives("Tanh", NULL, 0, NULL, 0, FLOATS(-0.96402758F, -0.462117157F, 0.244918662F, 0.995054754F));
    unary_gives("Sigmoid", NULL, 0, NULL, 0, FLOATS(0.119202922F, 0.377540669F, 0.562176501F, 0.952574127F));
    unary_gives("Relu", NULL, 0, NULL, 0, FLOATS(0, 0, 0.25F, 3));
    unary_gives("LeakyRelu", NULL, 0, NULL, 0, FLOATS(-0.02F, -0.005F, 0.25F, 3));
    unary_gives("LeakyRelu", "alpha", 0.5F, NULL, 0, FLOATS(-1, -0.25F, 0.25F, 3));
    unary_gives("ThresholdedRelu", "alpha", 0.25F, NULL, 0, FLOATS(0, 0, 0, 3));
    unary_gives("Shrink", NULL, 0, NULL, 0, FLOATS(-2, 0, 0, 3));
    unary_gives("Shrink", "lambd", 0.25F, "bias", 1.5F, FLOATS(-0.5F, 1, 0, 1.5F));
    unary_gives("Elu", "alpha", 2.0F, NULL, 0, FLOATS(-1.72932943F, -0.786938681F, 0.25F, 3));
    unary_gives("Celu", "alpha", 2.0F, NULL, 0, FLOATS(-1.26424112F, -0.442398433F, 0.25F, 3));
    unary_gives("Selu", NULL, 0, NULL, 0, FLOATS(-1.52016647F, -0.69175818F, 0.262675255F, 3.15210306F));
    unary_gives("HardSigmoid", NULL, 0, NULL, 0, FLOATS(0.1F, 0.4F, 0.55F, 1));
    unary_gives("HardSigmoid", "alpha", 0.5F, "beta", 0.25F, FLOATS(0, 0, 0.375F, 1));
    unary_gives("HardSwish", NULL, 0, NULL, 0, FLOATS(-0.333333333F, -0.208333333F, 0.135416667F, 3));
    unary_gives("Softplus", NULL, 0, NULL, 0, FLOATS(0.126928011F, 0.474076984F, 0.825939421F, 3.04858735F));
    unary_gives("Softsign", NULL, 0, NULL, 0, FLOATS(-0.666666667F, -0.333333333F, 0.2F, 0.75F));
    unary_gives("Mish", NULL, 0, NULL, 0, FLOATS(-0.252501483F, -0.220743775F, 0.169572410F, 2.98653500F));
    unary_gives("Gelu", NULL, 0, NULL, 0, FLOATS(-0.0455002639F, -0.154268770F, 0.149676562F, 2.99595031F));
}

static void test_unary_special(void **state)
{
    (void)state;
    fixture op;
    fixture_begin(&op, "Sqrt");
    fixture_floats(&op, DIMS(2), FLOATS(2.25F, 0));
    fixture_gives_floats(&op, DIMS(2), FLOATS(1.5F, 0), 0.0F);
    fixture_end(&op);
    fixture_begin(&op, "Log");
    fixture_floats(&op, DIMS(2), FLOATS(1, 2.71828183F));
    fixture_gives_floats(&op, DIMS(2), FLOATS(0, 1), 1e-7F);
    fixture_end(&op);
    fixture_begin(&op, "Gelu");
    fixture_floats(&op, DIMS(2), FLOATS(-0.5F, 3));
    fixture_text(&op, "approximate", "tanh");
    fixture_gives_floats(&op, DIMS(2), FLOATS(-0.154285988F, 2.99636261F), 1e-6F);
    fixture_end(&op);
    fixture_begin(&op, "Gelu");
    fixture_random(&op, DIMS(2));
    fixture_text(&op, "approximate", "poly");
    fixture_refused(&op, "expects none or tanh, found poly");
    fixture_end(&op);
    fixture_begin(&op, "Neg");
    fixture_vector(&op, DIMS(3, -4));
    fixture_gives_ints(&op, DIMS(2), INTS(-3, 4));
    fixture_end(&op);
    fixture_begin(&op, "Exp");
    fixture_vector(&op, DIMS(3));
    fixture_refused(&op, "expects float32, found int64");
    fixture_end(&op);
    fixture_begin(&op, "Relu");
    fixture_random(&op, DIMS(3));
    fixture_real(&op, "alpha", 0.1F);
    fixture_refused(&op, "attribute 'alpha' is not supported");
    fixture_end(&op);
    fixture_begin(&op, "Relu");
    fixture_floats(&op, DIMS(1), FLOATS(NAN));
    assert_true(isnan(*(const float *)fixture_run(&op)));
    fixture_end(&op);
}

static void test_clip(void **state)
{
    (void)state;
    fixture op;
    fixture_begin(&op, "Clip"); /* attributes */
    op.opset = 9;
    fixture_floats(&op, DIMS(3), FLOATS(-1, 2, 9));
    fixture_real(&op, "max", 6);
    fixture_gives_floats(&op, DIMS(3), FLOATS(-1, 2, 6), 0.0F);
    op.opset = 11;
    fixture_refused(&op, "attribute 'max' is not supported");
    fixture_end(&op);
    fixture_begin(&op, "Clip"); /* inputs */
    fixture_floats(&op, DIMS(3), FLOATS(-1, 2, 9));
    fixture_scalar(&op, 0);
    fixture_scalar(&op, 6);
    fixture_gives_floats(&op, DIMS(3), FLOATS(0, 2, 6), 0.0F);
    op.opset = 10;
    fixture_refused(&op, "attributes before opset 11");
    fixture_end(&op);
    fixture_begin(&op, "Clip");
    fixture_floats(&op, DIMS(2), FLOATS(-1, 9));
    fixture_omit(&op);
    fixture_scalar(&op, 6);
    fixture_gives_floats(&op, DIMS(2), FLOATS(-1, 6), 0.0F);
    fixture_end(&op);
    fixture_begin(&op, "Clip");
    fixture_random(&op, DIMS(2));
    fixture_random(&op, DIMS(2));
    fixture_refused(&op, "a bound: expects one element");
    fixture_end(&op);
}

/* ---- Two operands ---- */

static void binary_gives(const char *name, const float *expected)
{
    fixture op;
    fixture_begin(&op, name);
    fixture_floats(&op, DIMS(2, 1, 3), FLOATS(1, 2, 3, 4, 5, 6));
    fixture_floats(&op, DIMS(2, 1), FLOATS(2, -1));
    fixture_gives_floats(&op, DIMS(2, 2, 3), expected, 0.0F);
    fixture_end(&op);
}

static void integers_give(const char *name, const int64_t *expected)
{
    fixture op;
    fixture_begin(&op, name);
    fixture_vector(&op, DIMS(7, -7, 1LL << 40));
    fixture_vector(&op, DIMS(2));
    fixture_gives_ints(&op, DIMS(3), expected);
    fixture_end(&op);
}

static void test_binary(void **state)
{
    (void)state;
    binary_gives("Add", FLOATS(3, 4, 5, 0, 1, 2, 6, 7, 8, 3, 4, 5));
    binary_gives("Sub", FLOATS(-1, 0, 1, 2, 3, 4, 2, 3, 4, 5, 6, 7));
    binary_gives("Mul", FLOATS(2, 4, 6, -1, -2, -3, 8, 10, 12, -4, -5, -6));
    binary_gives("Div", FLOATS(0.5F, 1, 1.5F, -1, -2, -3, 2, 2.5F, 3, -4, -5, -6));
    binary_gives("Pow", FLOATS(1, 4, 9, 1, 0.5F, 1.0F / 3, 16, 25, 36, 0.25F, 0.2F, 1.0F / 6));
    binary_gives("Max", FLOATS(2, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6));
    binary_gives("Min", FLOATS(1, 2, 2, -1, -1, -1, 2, 2, 2, -1, -1, -1));
    integers_give("Add", INTS(9, -5, (1LL << 40) + 2));
    integers_give("Sub", INTS(5, -9, (1LL << 40) - 2));
    integers_give("Mul", INTS(14, -14, 1LL << 41));
    integers_give("Div", INTS(3, -3, 1LL << 39)); /* toward zero */
    integers_give("Pow", INTS(49, 49, 0));        /* 2^80 wraps */
    integers_give("Max", INTS(7, 2, 1LL << 40));
    integers_give("Min", INTS(2, -7, 2));
}

static void test_binary_special(void **state)
{
    (void)state;
    fixture op;
    fixture_begin(&op, "Sum");
    fixture_floats(&op, DIMS(2), FLOATS(1, 2));
    fixture_floats(&op, DIMS(2, 1), FLOATS(10, 20));
    fixture_scalar(&op, 100);
    fixture_gives_floats(&op, DIMS(2, 2), FLOATS(111, 112, 121, 122), 0.0F);
    fixture_end(&op);
    fixture_begin(&op, "Max");
    fixture_floats(&op, DIMS(2), FLOATS(1, 2));
    fixture_gives_floats(&op, DIMS(2), FLOATS(1, 2), 0.0F);
    fixture_omit(&op);
    fixture_refused(&op, "input 1 is left out");
    fixture_end(&op);
    fixture_begin(&op, "Pow"); /* an integer exponent */
    fixture_floats(&op, DIMS(2), FLOATS(1.5F, -2));
    fixture_vector(&op, DIMS(3));
    fixture_gives_floats(&op, DIMS(2), FLOATS(3.375F, -8), 0.0F);
    fixture_end(&op);
    fixture_begin(&op, "PRelu");
    fixture_floats(&op, DIMS(1, 2, 1, 2), FLOATS(-1, 1, -2, 2));
    fixture_floats(&op, DIMS(2, 1, 1), FLOATS(0.5F, 0.25F));
    fixture_gives_floats(&op, DIMS(1, 2, 1, 2), FLOATS(-0.5F, 1, -0.5F, 2), 0.0F);
    fixture_end(&op);
    fixture_begin(&op, "PRelu");
    fixture_random(&op, DIMS(1, 3));
    fixture_random(&op, DIMS(4, 3));
    fixture_refused(&op, "the slope");
    fixture_end(&op);
    fixture_begin(&op, "Add");
    fixture_random(&op, DIMS(1, 64, 8, 8));
    fixture_random(&op, DIMS(1, 32, 8, 8));
    fixture_refused(&op, "shapes do not broadcast: float32[1,64,8,8] and float32[1,32,8,8]");
    fixture_end(&op);
    fixture_begin(&op, "Add");
    fixture_random(&op, DIMS(2));
    fixture_vector(&op, DIMS(1, 2));
    fixture_refused(&op, "the right input: expects float32, found int64");
    fixture_end(&op);
    fixture_begin(&op, "Div");
    fixture_vector(&op, DIMS(1, INT64_MIN));
    fixture_vector(&op, DIMS(1, -1));
    fixture_gives_ints(&op, DIMS(2), INTS(1, INT64_MIN));
    ((int64_t *)op.inputs[1].data)[0] = 0;
    fixture_fails(&op, "integer division by zero");
    fixture_end(&op);
}

/* ---- Reductions ---- */

static void reduction_gives(const char *name, const float *expected)
{
    fixture op;
    fixture_begin(&op, name);
    fixture_floats(&op, DIMS(2, 2, 2), FLOATS(1, 2, 3, 4, -5, 6, -7, 8));
    fixture_list(&op, "axes", DIMS(0, -1));
    op.opset = 12;
    fixture_gives_floats(&op, DIMS(1, 2, 1), expected, 1e-6F);
    fixture_integer(&op, "keepdims", 0);
    fixture_gives_floats(&op, DIMS(2), expected, 1e-6F);
    fixture_end(&op);
}

static void test_reductions(void **state)
{
    (void)state;
    reduction_gives("ReduceSum", FLOATS(4, 8));
    reduction_gives("ReduceMean", FLOATS(1, 2));
    reduction_gives("ReduceMax", FLOATS(6, 8));
    reduction_gives("ReduceMin", FLOATS(-5, -7));
    reduction_gives("ReduceProd", FLOATS(-60, -672));
    fixture op;
    fixture_begin(&op, "ReduceMean"); /* all axes, attribute absent */
    fixture_floats(&op, DIMS(2, 2), FLOATS(1, 2, 3, 6));
    fixture_gives_floats(&op, DIMS(1, 1), FLOATS(3), 0.0F);
    fixture_end(&op);
    fixture_begin(&op, "ReduceMean"); /* axes as an input, from opset 18 */
    fixture_floats(&op, DIMS(2, 2), FLOATS(1, 2, 3, 6));
    fixture_vector(&op, DIMS(1));
    op.opset = 18;
    fixture_gives_floats(&op, DIMS(2, 1), FLOATS(1.5F, 4.5F), 0.0F);
    op.opset = 17;
    fixture_refused(&op, "'axes' is an attribute before opset 18, found an input");
    fixture_end(&op);
    fixture_begin(&op, "ReduceSum");
    fixture_random(&op, DIMS(2, 2));
    fixture_list(&op, "axes", DIMS(0));
    fixture_refused(&op, "'axes' is an input from opset 13 on, found an attribute");
    fixture_end(&op);
    fixture_begin(&op, "ReduceSum"); /* nothing to reduce */
    fixture_floats(&op, DIMS(2), FLOATS(1, 2));
    fixture_integer(&op, "noop_with_empty_axes", 1);
    fixture_gives_floats(&op, DIMS(2), FLOATS(1, 2), 0.0F);
    fixture_end(&op);
    fixture_begin(&op, "ReduceProd"); /* of a shape */
    fixture_vector(&op, DIMS(3, 4, 5));
    fixture_integer(&op, "keepdims", 0);
    fixture_gives_ints(&op, 0, NULL, INTS(60));
    fixture_end(&op);
    fixture_begin(&op, "ReduceMean");
    fixture_random(&op, DIMS(2, 2));
    fixture_list(&op, "axes", DIMS(2));
    fixture_refused(&op, "axis 2 is out of range for a tensor of 2 axes");
    fixture_end(&op);
    fixture_begin(&op, "ReduceMax");
    fixture_random(&op, DIMS(2, 2));
    fixture_list(&op, "axes", DIMS(1, -1));
    fixture_refused(&op, "axis 1 is named twice");
    fixture_end(&op);
}

/* ---- Normalisation ---- */

static void test_batch_normalization(void **state)
{
    (void)state;
    fixture op;
    fixture_begin(&op, "BatchNormalization");
    fixture_floats(&op, DIMS(1, 2, 1, 2), FLOATS(1, 3, 10, -2));
    fixture_floats(&op, DIMS(2), FLOATS(2, 1));
    fixture_floats(&op, DIMS(2), FLOATS(0.5F, -1));
    fixture_floats(&op, DIMS(2), FLOATS(1, 4));
    fixture_floats(&op, DIMS(2), FLOATS(3, 8));
    fixture_real(&op, "epsilon", 1.0F);
    fixture_gives_floats(&op, DIMS(1, 2, 1, 2), FLOATS(0.5F, 2.5F, 1, -3), 1e-6F);
    fixture_integer(&op, "training_mode", 1);
    fixture_refused(&op, "training_mode 0");
    op.attributes[1].integer = 0;
    op.inputs[3].dims[0] = 1;
    fixture_refused(&op, "the mean: expects float32[2], found float32[1]");
    fixture_end(&op);
}

static void test_layer_normalization(void **state)
{
    (void)state;
    fixture op;
    fixture_begin(&op, "LayerNormalization");
    op.opset = 17;
    fixture_floats(&op, DIMS(1, 2, 2), FLOATS(1, 3, -4, 4));
    fixture_floats(&op, DIMS(2), FLOATS(1, 2));
    fixture_floats(&op, DIMS(2), FLOATS(0, 10));
    fixture_real(&op, "epsilon", 0.0F);
    fixture_gives_floats(&op, DIMS(1, 2, 2), FLOATS(-1, 12, -1, 12), 1e-6F);
    fixture_end(&op);
    fixture_begin(&op, "LayerNormalization"); /* over two axes, no bias */
    fixture_floats(&op, DIMS(1, 2, 2), FLOATS(1, 3, 1, 3));
    fixture_floats(&op, DIMS(2, 2), FLOATS(1, 1, 2, 2));
    fixture_integer(&op, "axis", 1);
    fixture_gives_floats(&op, DIMS(1, 2, 2), FLOATS(-1, 1, -2, 2), 1e-4F);
    fixture_end(&op);
    fixture_begin(&op, "LayerNormalization");
    fixture_random(&op, DIMS(1, 2, 4));
    fixture_random(&op, DIMS(3));
    fixture_refused(&op, "the scale");
    fixture_end(&op);
}

static void test_rms_normalization(void **state)
{
    (void)state;
    fixture op;
    fixture_begin(&op, "RMSNormalization"); /* root mean squares 5 and 13 */
    op.opset = 23;
    fixture_floats(&op, DIMS(1, 2, 2), FLOATS(1, 7, -7, 17));
    fixture_floats(&op, DIMS(2), FLOATS(1, 2));
    fixture_real(&op, "epsilon", 0.0F);
    fixture_gives_floats(&op, DIMS(1, 2, 2), FLOATS(0.2F, 2.8F, -7 / 13.0F, 34 / 13.0F), 1e-6F);
    fixture_end(&op);
    fixture_begin(&op, "RMSNormalization"); /* over two axes: 2 */
    op.opset = 23;
    fixture_floats(&op, DIMS(1, 2, 2), FLOATS(1, 1, -1, 3));
    fixture_floats(&op, DIMS(2, 2), FLOATS(1, 1, 2, 2));
    fixture_integer(&op, "axis", 1);
    fixture_real(&op, "epsilon", 1.0F);
    fixture_gives_floats(&op, DIMS(1, 2, 2), FLOATS(0.5F, 0.5F, -1, 3), 1e-6F);
    fixture_end(&op);
}

static void test_softmax(void **state)
{
    (void)state;
    fixture op;
    const float log_3 = 1.09861229F; /* exp gives 1 : 3 */
    fixture_begin(&op, "Softmax");
    fixture_floats(&op, DIMS(1, 2, 2), FLOATS(0, log_3, 1000, 1000));
    fixture_gives_floats(&op, DIMS(1, 2, 2), FLOATS(0.25F, 0.75F, 0.5F, 0.5F), 1e-6F);
    fixture_end(&op);
    fixture_begin(&op, "Softmax");
    fixture_floats(&op, DIMS(1, 2, 2), FLOATS(0, 5, log_3, 5));
    fixture_integer(&op, "axis", 1);
    fixture_gives_floats(&op, DIMS(1, 2, 2), FLOATS(0.25F, 0.5F, 0.75F, 0.5F), 1e-6F);
    op.opset = 12; /* axis 1 and all behind it */
    fixture_gives_floats(
        &op, DIMS(1, 2, 2),
        FLOATS(1 / (4 + 2 * expf(5)), expf(5) / (4 + 2 * expf(5)), 3 / (4 + 2 * expf(5)), expf(5) / (4 + 2 * expf(5))),
        1e-6F);
    fixture_end(&op);
    fixture_begin(&op, "LogSoftmax");
    fixture_floats(&op, DIMS(1, 2), FLOATS(0, log_3));
    fixture_gives_floats(&op, DIMS(1, 2), FLOATS(-1.38629436F, -0.287682072F), 1e-6F);
    fixture_end(&op);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_gemm),
        cmocka_unit_test(test_matmul),
        cmocka_unit_test(test_matmul_stacks),
        cmocka_unit_test(test_unary),
        cmocka_unit_test(test_unary_special),
        cmocka_unit_test(test_clip),
        cmocka_unit_test(test_binary),
        cmocka_unit_test(test_binary_special),
        cmocka_unit_test(test_reductions),
        cmocka_unit_test(test_batch_normalization),
        cmocka_unit_test(test_layer_normalization),
        cmocka_unit_test(test_rms_normalization),
        cmocka_unit_test(test_softmax),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
