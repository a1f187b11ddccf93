/* Products with constants: one row each, and Gemm with every bias in every layout. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/core/convert/operator_rows.h"

/* ---- Conv ---- */

static int32_t build_grouped(builder *b, int32_t x)
{
    static const float weights[6 * 2] = {0.5f, -1.0f, 0.25f, 0.5f, 1.0f, 1.0f, -0.5f, 0.75f, 0.3f, 0.2f, -1.0f, 0.6f};
    int32_t y = NODE(b, "Conv", x, given(b, weights, DIMS(6, 2, 1, 1)));
    with_integer(b, "group", 2);
    return y;
}
static void naive_grouped(const float *x, double *y)
{
    static const float weights[6 * 2] = {0.5f, -1.0f, 0.25f, 0.5f, 1.0f, 1.0f, -0.5f, 0.75f, 0.3f, 0.2f, -1.0f, 0.6f};
    for (int o = 0; o < 6; o++) {
        for (int p = 0; p < PIXELS; p++) {
            const float *from = x + o / 3 * 2 * PIXELS + p;
            y[o * PIXELS + p] =
                (double)weights[2 * o] * (double)from[0] + (double)weights[2 * o + 1] * (double)from[PIXELS];
        }
    }
}

/* ---- MatMul ---- */

static const float left_matrix[3 * CHANNELS] = {0.5f,  -1.0f, 0.25f, 0.5f, 1.0f,  1.0f,
                                                -0.5f, 0.75f, 0.3f,  0.2f, -1.0f, 0.6f};

/* A constant matrix on the left mixes rows; `dims` of the value on the right. */
static int32_t matrix_times(builder *b, int32_t x, int32_t rank, const int64_t *dims)
{
    int32_t v = NODE(b, "Reshape", x, integers(b, rank, dims));
    return NODE(b, "MatMul", given(b, left_matrix, DIMS(3, CHANNELS)), v);
}
static int32_t build_left(builder *b, int32_t x)
{
    return matrix_times(b, x, DIMS(1, CHANNELS, PIXELS));
}
static int32_t build_left_plain(builder *b, int32_t x)
{
    return matrix_times(b, x, DIMS(CHANNELS, PIXELS));
}
static void naive_left(const float *x, double *y)
{
    for (int i = 0; i < 3 * PIXELS; i++) {
        y[i] = 0.0;
        for (int c = 0; c < CHANNELS; c++) {
            y[i] += (double)left_matrix[i / PIXELS * CHANNELS + c] * (double)x[c * PIXELS + i % PIXELS];
        }
    }
}

/* Several matrices in one value, each times the same constant. */
static int32_t build_right(builder *b, int32_t x)
{
    int32_t v = NODE(b, "Reshape", x, integers(b, 3, (int64_t[]){2, CHANNELS * PIXELS / 8, 4}));
    return NODE(b, "MatMul", v, given(b, left_matrix, DIMS(4, 3)));
}
static void naive_right(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS / 4 * 3; i++) {
        y[i] = 0.0;
        for (int c = 0; c < 4; c++) {
            y[i] += (double)left_matrix[c * 3 + i % 3] * (double)x[i / 3 * 4 + c];
        }
    }
}

static const operator_row rows[] = {
    {"Conv (groups)", build_grouped, naive_grouped, 6 * PIXELS, -1.0f, 1.0f, 0.02},
    {"MatMul (constant on the left)", build_left, naive_left, 3 * PIXELS, -1.0f, 1.0f, 0.02},
    {"MatMul (constant on the left, rank 2)", build_left_plain, naive_left, 3 * PIXELS, -1.0f, 1.0f, 0.02},
    {"MatMul (constant on the right)", build_right, naive_right, ELEMENTS / 4 * 3, -1.0f, 1.0f, 0.02},
};

static void test_rows(void **state)
{
    (void)state;
    rows_check(rows, sizeof rows / sizeof rows[0], SNN_FORM_FUSED);
}

/* ---- Gemm: alpha x W + beta C, C broadcast to the result ---- */

enum { MOST_OUTPUTS = PIXELS, MOST_ROWS = PIXELS };

typedef struct gemm_case {
    bool tokens; /* rows are positions; else they are channels, as behind a convolution */
    int outputs, bias_rows, bias_columns;
    int32_t bias_rank;
} gemm_case;

static gemm_case gemm; /* what the row below stands for */

static int gemm_row_count(void)
{
    return gemm.tokens ? PIXELS : CHANNELS;
}
static int gemm_inner(void)
{
    return gemm.tokens ? CHANNELS : PIXELS;
}
static float gemm_weight(int output, int inner)
{
    return 0.1f * (float)((output * 7 + inner * 5) % 13 - 6);
}
static float gemm_bias(int element)
{
    return 0.3f * (float)(element * 5 % 11 - 5);
}

static int32_t build_gemm(builder *b, int32_t x)
{
    float weights[MOST_OUTPUTS * PIXELS], bias[MOST_ROWS * MOST_OUTPUTS];
    for (int i = 0; i < gemm.outputs * gemm_inner(); i++) {
        weights[i] = gemm_weight(i / gemm_inner(), i % gemm_inner());
    }
    for (int i = 0; i < gemm.bias_rows * gemm.bias_columns; i++) {
        bias[i] = gemm_bias(i);
    }
    const int64_t dims[2] = {gemm.bias_rows, gemm.bias_columns};
    int32_t v = NODE(b, "Reshape", x, integers(b, 3, (int64_t[]){1, CHANNELS, PIXELS}));
    if (gemm.tokens) {
        v = NODE(b, "Transpose", v);
        with_integers(b, "perm", DIMS(0, 2, 1));
    }
    v = NODE(b, "Reshape", v, integers(b, 2, (int64_t[]){gemm_row_count(), gemm_inner()}));
    v = NODE(b, "Gemm", v, given(b, weights, DIMS(gemm.outputs, gemm_inner())),
             given(b, bias, gemm.bias_rank, dims + 2 - gemm.bias_rank));
    with_integer(b, "transB", 1);
    with_real(b, "alpha", 2.0f);
    with_real(b, "beta", 0.5f);
    return v;
}
static void naive_gemm(const float *x, double *y)
{
    for (int r = 0; r < gemm_row_count(); r++) {
        for (int o = 0; o < gemm.outputs; o++) {
            int column = gemm.bias_columns == 1 ? 0 : o, row = gemm.bias_rows == 1 ? 0 : r;
            double sum = 0.5 * (double)gemm_bias(row * gemm.bias_columns + column);
            for (int i = 0; i < gemm_inner(); i++) {
                sum += 2.0 * (double)gemm_weight(o, i) * (double)x[gemm.tokens ? i * PIXELS + r : r * PIXELS + i];
            }
            y[r * gemm.outputs + o] = sum;
        }
    }
}

static void test_gemm(void **state)
{
    (void)state;
    for (int how = 0; how < 4; how++) {
        const bool tokens = how / 2 == 1, square = how % 2 == 1;
        const int count = tokens ? PIXELS : CHANNELS;
        const int outputs = square ? count : 3;
        const gemm_case cases[] = {
            {tokens, outputs, 1, outputs, 1}, {tokens, outputs, 1, outputs, 2},     {tokens, outputs, count, 1, 2},
            {tokens, outputs, 1, 1, 0},       {tokens, outputs, count, outputs, 2},
        };
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            char name[64];
            (void)snprintf(name, sizeof name, "Gemm (%s, %d outputs, bias %zu)", tokens ? "tokens" : "channels",
                           outputs, i);
            gemm = cases[i];
            const operator_row row = {name, build_gemm, naive_gemm, count * outputs, -1.0f, 1.0f, 0.02};
            row_check(&row, SNN_FORM_FUSED);
        }
    }
}

/* ---- what is refused ---- */

static void must_refuse(builder *b, const char *node, const char *reason)
{
    const snn_convert_options options = {.format = SNN_WEIGHTS_INT16};
    snn_draft *draft = NULL;
    assert_int_equal(snn_graph_infer(b->graph, true).code, SNN_OK);
    snn_status status = snn_draft_create(b->graph, &options, NULL, &draft);
    assert_int_equal(status.code, SNN_INPUT_ERROR);
    assert_non_null(strstr(status.message, node));
    assert_non_null(strstr(status.message, reason));
    assert_null(draft);
    snn_graph_destroy(b->graph);
}

/* Each of two matrices times each of two constant ones. */
static void test_all_of_several(void **state)
{
    (void)state;
    builder b = builder_begin(DIMS(1, CHANNELS, HEIGHT, WIDTH));
    int32_t v = NODE(&b, "Reshape", 0, integers(&b, 4, (int64_t[]){2, 1, ELEMENTS / 2 / WIDTH, WIDTH}));
    (void)NODE(&b, "MatMul", v, constant(&b, 1.0f, DIMS(2, WIDTH, 3)));
    must_refuse(&b, "MatMul_1", "a matrix expected");
}

/* [1][4][2][6] as two images of two channels, then an operator of images. */
static void test_several_images(void **state)
{
    (void)state;
    static const char *const operators[] = {
        "Conv",          "BatchNormalization", "AveragePool",          "MaxPool", "GlobalAveragePool",
        "GlobalMaxPool", "GroupNormalization", "InstanceNormalization"};
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        builder b = builder_begin(DIMS(1, CHANNELS, HEIGHT, WIDTH));
        const char *name = operators[i];
        int32_t v = NODE(&b, "Reshape", 0, integers(&b, 4, (int64_t[]){2, 2, HEIGHT, WIDTH}));
        int32_t gain = positive(&b, DIMS(2)), shift = positive(&b, DIMS(2));
        if (strcmp(name, "Conv") == 0) {
            (void)NODE(&b, name, v, constant(&b, 1.0f, DIMS(3, 2, 1, 1)));
        } else if (strcmp(name, "BatchNormalization") == 0) {
            (void)NODE(&b, name, v, gain, shift, shift, gain);
        } else if (strstr(name, "Normalization") != NULL) {
            b.graph->opset = 18;
            (void)NODE(&b, name, v, gain, shift);
        } else {
            (void)NODE(&b, name, v);
        }
        if (strcmp(name, "GroupNormalization") == 0) {
            with_integer(&b, "num_groups", 2);
        }
        if (strcmp(name, "AveragePool") == 0 || strcmp(name, "MaxPool") == 0) {
            with_integers(&b, "kernel_shape", DIMS(2, 2));
        }
        char node[64];
        (void)snprintf(node, sizeof node, "node %s_1", name);
        must_refuse(&b, node, "a leading axis of 1 expected");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_gemm),
                                       cmocka_unit_test(test_all_of_several), cmocka_unit_test(test_several_images)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
