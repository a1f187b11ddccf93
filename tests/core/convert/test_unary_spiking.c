/* Every operator that is a function of one element: one row each, against the C library in double. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/core/convert/operator_rows.h"

typedef struct unary_row {
    const char *operator;
    double (*function)(double x);
    float low, high;
    struct {
        const char *name;
        float value;
    } attributes[2];
} unary_row;

static double relu(double x)
{
    return x > 0.0 ? x : 0.0;
}
static double leaky_relu(double x)
{
    return x > 0.0 ? x : 0.2 * x;
}
static double reciprocal(double x)
{
    return 1.0 / x;
}
static double sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}
static double elu(double x)
{
    return x > 0.0 ? x : 1.5 * expm1(x);
}
static double selu(double x)
{
    return 1.0507 * (x > 0.0 ? x : 1.67326 * expm1(x));
}
static double celu(double x)
{
    return x > 0.0 ? x : 2.0 * expm1(x / 2.0);
}
static double softplus(double x)
{
    return log1p(exp(x));
}
static double softsign(double x)
{
    return x / (1.0 + fabs(x));
}
static double mish(double x)
{
    return x * tanh(log1p(exp(x)));
}
static double hard_swish(double x)
{
    return x * fmin(fmax(x / 6.0 + 0.5, 0.0), 1.0);
}
static double hard_sigmoid(double x)
{
    return fmin(fmax(0.3 * x + 0.4, 0.0), 1.0);
}
static double thresholded_relu(double x)
{
    return x > 0.5 ? x : 0.0;
}
static double shrink(double x)
{
    return fabs(x) > 0.5 ? x - copysign(0.5, x) : 0.0;
}
static double gelu(double x)
{
    return 0.5 * x * (1.0 + erf(x / sqrt(2.0)));
}

static const unary_row unaries[] = {
    {"Relu", relu, -1.0f, 1.0f, {{0}}},
    {"LeakyRelu", leaky_relu, -1.0f, 1.0f, {{"alpha", 0.2f}}},
    {"Abs", fabs, -1.0f, 1.0f, {{0}}},
    {"Exp", exp, -2.0f, 1.0f, {{0}}},
    {"Sqrt", sqrt, 0.1f, 2.0f, {{0}}},
    {"Reciprocal", reciprocal, 0.5f, 2.0f, {{0}}},
    {"Reciprocal", reciprocal, -2.0f, -0.5f, {{0}}},
    {"Tanh", tanh, -2.0f, 2.0f, {{0}}},
    {"Sigmoid", sigmoid, -3.0f, 3.0f, {{0}}},
    {"Elu", elu, -2.0f, 1.0f, {{"alpha", 1.5f}}},
    {"Selu", selu, -2.0f, 1.0f, {{"alpha", 1.67326f}, {"gamma", 1.0507f}}},
    {"Celu", celu, -2.0f, 1.0f, {{"alpha", 2.0f}}},
    {"Softplus", softplus, -2.0f, 2.0f, {{0}}},
    {"Softsign", softsign, -2.0f, 2.0f, {{0}}},
    {"Mish", mish, -3.0f, 2.0f, {{0}}},
    {"HardSwish", hard_swish, -4.0f, 4.0f, {{0}}},
    {"HardSigmoid", hard_sigmoid, -3.0f, 3.0f, {{"alpha", 0.3f}, {"beta", 0.4f}}},
    {"Shrink", shrink, -2.0f, 2.0f, {{"lambd", 0.5f}, {"bias", 0.5f}}},
    {"Erf", erf, -2.0f, 2.0f, {{0}}},
    {"Gelu", gelu, -3.0f, 2.0f, {{0}}},
};

/* The row that is being built. */
static const unary_row *unary;

static int32_t build(builder *b, int32_t x)
{
    int32_t y = NODE(b, unary->operator, x);
    for (int i = 0; i < 2 && unary->attributes[i].name != NULL; i++) {
        with_real(b, unary->attributes[i].name, unary->attributes[i].value);
    }
    return y;
}

static void naive(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = unary->function((double)x[i]);
    }
}

static void test_functions(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof unaries / sizeof unaries[0]; i++) {
        unary = &unaries[i];
        const operator_row row = {unary->operator, build, naive, ELEMENTS, unary->low, unary->high, 0.02};
        row_check(&row, SNN_FORM_FUSED);
    }
}

/* ---- with constants as inputs, and those that jump ---- */

static int32_t build_clip(builder *b, int32_t x)
{
    return NODE(b, "Clip", x, scalar(b, -0.5f), scalar(b, 0.75f));
}
static void naive_clip(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = fmin(fmax((double)x[i], -0.5), 0.75);
    }
}

static int32_t build_relu6(builder *b, int32_t x)
{
    return NODE(b, "Clip", NODE(b, "Mul", x, scalar(b, 8.0f)), scalar(b, 0.0f), scalar(b, 6.0f));
}
static void naive_relu6(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = fmin(fmax(8.0 * (double)x[i], 0.0), 6.0);
    }
}

static int32_t build_square(builder *b, int32_t x)
{
    return NODE(b, "Pow", x, scalar(b, 2.0f));
}
static void naive_square(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = (double)x[i] * (double)x[i];
    }
}

/* Exponents as integers, and as a tensor of one number. */
static int32_t build_integer_square(builder *b, int32_t x)
{
    return NODE(b, "Pow", x, integers(b, 1, (int64_t[]){2}));
}
static int32_t build_uniform_square(builder *b, int32_t x)
{
    return NODE(b, "Pow", x, given(b, (const float[]){2, 2, 2, 2}, DIMS(CHANNELS, 1, 1)));
}

/* One bound only, the other as infinity. */
static int32_t build_clip_low(builder *b, int32_t x)
{
    return NODE(b, "Clip", x, scalar(b, 0.0f), scalar(b, INFINITY));
}
static void naive_clip_low(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = fmax((double)x[i], 0.0);
    }
}
static int32_t build_clip_high(builder *b, int32_t x)
{
    return NODE(b, "Clip", x, scalar(b, -INFINITY), scalar(b, 0.25f));
}
static void naive_clip_high(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = fmin((double)x[i], 0.25);
    }
}

static int32_t build_one_over(builder *b, int32_t x)
{
    return NODE(b, "Div", scalar(b, 1.0f), x);
}
static void naive_one_over(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = 1.0 / (double)x[i];
    }
}
static int32_t build_constants_over(builder *b, int32_t x)
{
    return NODE(b, "Div", given(b, (const float[]){2, -1, 0.5f, 3}, DIMS(CHANNELS, 1, 1)), x);
}
static void naive_constants_over(const float *x, double *y)
{
    static const double constants[CHANNELS] = {2, -1, 0.5, 3};
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = constants[i / PIXELS] / (double)x[i];
    }
}

static int32_t build_gelu_tanh(builder *b, int32_t x)
{
    int32_t y = NODE(b, "Gelu", x);
    with_text(b, "approximate", "tanh");
    return y;
}
static void naive_gelu_tanh(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        double v = (double)x[i];
        y[i] = 0.5 * v * (1.0 + tanh(0.7978845608028654 * (v + 0.044715 * v * v * v)));
    }
}

/* Away from the jump on either side: what is near it is on the wrong side for a while. */
static int32_t build_threshold(builder *b, int32_t x)
{
    int32_t v = NODE(b, "Add", NODE(b, "Mul", x, scalar(b, 0.1f)),
                     given(b, (const float[]){0, 0.8f, 0.2f, 1.0f}, DIMS(CHANNELS, 1, 1)));
    v = NODE(b, "ThresholdedRelu", v);
    with_real(b, "alpha", 0.5f);
    return v;
}
static void naive_threshold(const float *x, double *y)
{
    static const double shifts[CHANNELS] = {0.0, 0.8, 0.2, 1.0};
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = thresholded_relu(0.1 * (double)x[i] + shifts[i / PIXELS]);
    }
}

static void test_rows(void **state)
{
    static const operator_row rows[] = {
        {"Clip", build_clip, naive_clip, ELEMENTS, -1.0f, 1.0f, 0.02},
        {"Clip (ReLU6)", build_relu6, naive_relu6, ELEMENTS, -1.0f, 1.0f, 0.02},
        {"Pow (2)", build_square, naive_square, ELEMENTS, -1.0f, 1.0f, 0.02},
        {"Pow (2 as an integer)", build_integer_square, naive_square, ELEMENTS, -1.0f, 1.0f, 0.02},
        {"Pow (2 for each channel)", build_uniform_square, naive_square, ELEMENTS, -1.0f, 1.0f, 0.02},
        {"Clip (open above)", build_clip_low, naive_clip_low, ELEMENTS, -1.0f, 1.0f, 0.02},
        {"Clip (open below)", build_clip_high, naive_clip_high, ELEMENTS, -1.0f, 1.0f, 0.02},
        {"Div (1 / x)", build_one_over, naive_one_over, ELEMENTS, 0.5f, 2.0f, 0.02},
        {"Div (constants / x)", build_constants_over, naive_constants_over, ELEMENTS, -2.0f, -0.5f, 0.02},
        {"Gelu (tanh)", build_gelu_tanh, naive_gelu_tanh, ELEMENTS, -3.0f, 2.0f, 0.02},
        {"ThresholdedRelu", build_threshold, naive_threshold, ELEMENTS, -1.0f, 1.0f, 0.02},
    };
    (void)state;
    rows_check(rows, sizeof rows / sizeof rows[0], SNN_FORM_FUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_functions), cmocka_unit_test(test_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
