/* The nonlinearities: their errors against long double, their limits, and the lanes of every kernel table against the
 * scalar function, bit for bit. */
#include "core/kernels/unary.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/base/memory.h"
#include "core/kernels/kernels.h"
#include "tests/core/tables/tables.h"

enum {
    BITS_STRIDE = 4801,     /* a prime: about 900 thousand floats of all exponents */
    LINE_POINTS = 200000,   /* and as many from the middle */
    TABLE_STRIDE = 20011,   /* about 200 thousand floats for the kernel tables */
    TABLE_CHANNELS = 100003 /* not a multiple of the lanes */
};

static const float LINE_END = 20.0F;

typedef struct function_case {
    snn_neuron_kind kind;
    float alpha, beta;
    long double (*exact)(const struct function_case *f, long double x);
    long double ulps;     /* largest error allowed, in units in the last place of the exact result (at least 2^-116) */
    long double absolute; /* and beside that */
    float at_minus_infinity, at_infinity;
} function_case;

static long double relu(const function_case *f, long double x)
{
    (void)f;
    return x > 0 ? x : 0;
}

static long double leaky_relu(const function_case *f, long double x)
{
    return x > 0 ? x : f->alpha * x;
}

static long double linear(const function_case *f, long double x)
{
    (void)f;
    return x;
}

static long double gelu(const function_case *f, long double x)
{
    (void)f;
    return x * erfcl(-x / sqrtl(2)) / 2;
}

static long double gelu_tanh(const function_case *f, long double x)
{
    (void)f;
    return x / 2 * (1 + tanhl(sqrtl(2 / acosl(-1)) * (x + 0.044715L * x * x * x)));
}

static long double absolute(const function_case *f, long double x)
{
    (void)f;
    return fabsl(x);
}

static long double square(const function_case *f, long double x)
{
    (void)f;
    return x * x;
}

static long double exponential(const function_case *f, long double x)
{
    (void)f;
    return expl(x);
}

static long double square_root(const function_case *f, long double x)
{
    (void)f;
    return x > 0 ? sqrtl(x) : 0;
}

static long double reciprocal(const function_case *f, long double x)
{
    const long double least = f->alpha;
    return 1 / (x < 0 ? fminl(x, -least) : fmaxl(x, least));
}

static long double hyperbolic_tangent(const function_case *f, long double x)
{
    (void)f;
    return tanhl(x);
}

static long double sigmoid(const function_case *f, long double x)
{
    (void)f;
    return 1 / (1 + expl(-x));
}

static long double silu(const function_case *f, long double x)
{
    (void)f;
    return x / (1 + expl(-x));
}

static long double elu(const function_case *f, long double x)
{
    return x > 0 ? x : f->alpha * expm1l(x);
}

static long double selu(const function_case *f, long double x)
{
    return f->beta * elu(f, x);
}

static long double celu(const function_case *f, long double x)
{
    return x > 0 ? x : f->alpha * expm1l(x / f->alpha);
}

static long double softplus(const function_case *f, long double x)
{
    (void)f;
    return x > 100 ? x : log1pl(expl(x));
}

static long double softsign(const function_case *f, long double x)
{
    (void)f;
    return x / (1 + fabsl(x));
}

static long double mish(const function_case *f, long double x)
{
    return x * tanhl(softplus(f, x));
}

static long double hard_swish(const function_case *f, long double x)
{
    (void)f;
    return x * fmaxl(0, fminl(1, x / 6 + 0.5L));
}

static long double hard_sigmoid(const function_case *f, long double x)
{
    return fmaxl(0, fminl(1, f->alpha * x + f->beta));
}

static long double clip(const function_case *f, long double x)
{
    return fminl(fmaxl(x, f->alpha), f->beta);
}

static long double thresholded_relu(const function_case *f, long double x)
{
    return x > f->alpha ? x : 0;
}

static long double shrink(const function_case *f, long double x)
{
    return x > f->alpha ? x - f->beta : x < -f->alpha ? x + f->beta : 0;
}

static long double error_function(const function_case *f, long double x)
{
    (void)f;
    return erfl(x);
}

#define HALF_ULP 0.5L

static const function_case cases[] = {
    {SNN_NEURON_RELU, 0, 0, relu, 0, 0, 0, INFINITY},
    {SNN_NEURON_LEAKY_RELU, 0.01F, 0, leaky_relu, HALF_ULP, 0, -INFINITY, INFINITY},
    {SNN_NEURON_LINEAR, 0, 0, linear, 0, 0, -INFINITY, INFINITY},
    {SNN_NEURON_GELU, 0, 0, gelu, 9, 0, 0, INFINITY},
    {SNN_NEURON_GELU_TANH, 0, 0, gelu_tanh, 3, 0x1p-24L, 0, INFINITY},
    {SNN_NEURON_ABS, 0, 0, absolute, 0, 0, INFINITY, INFINITY},
    {SNN_NEURON_SQUARE, 0, 0, square, HALF_ULP, 0, INFINITY, INFINITY},
    {SNN_NEURON_EXP, 0, 0, exponential, 1, 0, 0, INFINITY},
    {SNN_NEURON_SQRT, 0, 0, square_root, HALF_ULP, 0, 0, INFINITY},
    {SNN_NEURON_RECIPROCAL, 0.001F, 0, reciprocal, HALF_ULP, 0, 0, 0},
    {SNN_NEURON_TANH, 0, 0, hyperbolic_tangent, 3, 0, -1, 1},
    {SNN_NEURON_SIGMOID, 0, 0, sigmoid, 3, 0, 0, 1},
    {SNN_NEURON_SILU, 0, 0, silu, 4, 0, 0, INFINITY},
    {SNN_NEURON_ELU, 1.3F, 0, elu, 3, 0, -1.3F, INFINITY},
    {SNN_NEURON_SELU, 1.67326319F, 1.05070102F, selu, 3, 0, -1.67326319F * 1.05070102F, INFINITY},
    {SNN_NEURON_CELU, 0.7F, 0, celu, 4, 0, -0.7F, INFINITY},
    {SNN_NEURON_SOFTPLUS, 0, 0, softplus, 3, 0, 0, INFINITY},
    {SNN_NEURON_SOFTSIGN, 0, 0, softsign, 2, 0, -1, 1},
    {SNN_NEURON_MISH, 0, 0, mish, 5, 0, 0, INFINITY},
    {SNN_NEURON_HARD_SWISH, 0, 0, hard_swish, 3, 0, 0, INFINITY},
    {SNN_NEURON_HARD_SIGMOID, 0.2F, 0.4F, hard_sigmoid, 0, 0x1.6p-23L, 0, 1},
    {SNN_NEURON_CLIP, -0.5F, 6, clip, 0, 0, -0.5F, 6},
    {SNN_NEURON_THRESHOLDED_RELU, 0.9F, 0, thresholded_relu, 0, 0, 0, INFINITY},
    {SNN_NEURON_SHRINK, 0.9F, 0.4F, shrink, HALF_ULP, 0, -INFINITY, INFINITY},
    {SNN_NEURON_ERF, 0, 0, error_function, 2, 0, -1, 1},
};

enum { CASE_COUNT = sizeof cases / sizeof cases[0] };

static float evaluate(const function_case *f, float x)
{
    return snn_function_evaluate(f->kind, f->alpha, f->beta, x);
}

static long double ulp(long double value)
{
    const long double magnitude = fmaxl(fabsl(value), 0x1p-116L);
    return ldexpl(1, ilogbl(magnitude) - (FLT_MANT_DIG - 1));
}

/* The error in units of what is allowed. */
static long double error_of(const function_case *f, float x)
{
    const long double exact = f->exact(f, x);
    const float value = evaluate(f, x);
    if (isinf(value)) { /* right from where the largest float would be rounded to infinity */
        return fabsl(exact) >= (long double)FLT_MAX * (1 - f->ulps * 0x1p-24L) && (value > 0) == (exact > 0) ? 0
                                                                                                             : INFINITY;
    }
    const long double error = fabsl((long double)value - exact), allowed = f->ulps * ulp(exact) + f->absolute;
    return error == 0 ? 0 : error / allowed;
}

static void check_error(const function_case *f, float x, long double *worst, float *worst_x)
{
    if (isnan(x) || isinf(x)) {
        return;
    }
    const long double error = error_of(f, x);
    if (!(error <= *worst)) {
        *worst = error;
        *worst_x = x;
    }
}

static void test_errors(void **state)
{
    (void)state;
    for (int i = 0; i < CASE_COUNT; i++) {
        const function_case *f = &cases[i];
        long double worst = 0;
        float x = 0;
        for (uint64_t bits = 0; bits <= UINT32_MAX; bits += BITS_STRIDE) {
            check_error(f, snn_function_from_bits((uint32_t)bits), &worst, &x);
        }
        for (int j = 0; j <= LINE_POINTS; j++) {
            check_error(f, LINE_END * (2 * (float)j / LINE_POINTS - 1), &worst, &x);
        }
        if (!(worst <= 1)) {
            fail_msg("%s: the error at %a (%.9g) is %.3Lf of what is allowed: %.9g, exactly %.12Lg",
                     snn_neuron_kind_name(f->kind), (double)x, (double)x, worst, (double)evaluate(f, x),
                     f->exact(f, x));
        }
    }
}

/* What several functions are made of, each where it is used. */
typedef struct piece {
    const char *name;
    float (*value)(float x);
    long double (*exact)(long double x);
    float begin, end;
    long double ulps;
} piece;

static float piece_decay(float x)
{
    return snn_function_decay(x);
}

static long double exact_decay(long double x)
{
    return expl(-fabsl(x));
}

static float piece_expm1(float x)
{
    return snn_function_expm1(x);
}

static float piece_log1p(float x)
{
    return snn_function_log1p(x);
}

static float piece_normal_tail(float x)
{
    return snn_function_normal_tail(x);
}

static long double exact_normal_tail(long double x)
{
    return erfcl(x / sqrtl(2)) / 2;
}

static void test_pieces(void **state)
{
    (void)state;
    static const piece pieces[] = {
        {"decay", piece_decay, exact_decay, -120, 120, 1},
        {"expm1", piece_expm1, expm1l, -40, 88, 2},
        {"log1p", piece_log1p, log1pl, 0, 1, 2},
        {"normal_tail", piece_normal_tail, exact_normal_tail, 0, 15, 8},
    };
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        const piece *p = &pieces[i];
        for (int j = 0; j <= LINE_POINTS; j++) {
            const float part = (float)j / LINE_POINTS, even = p->begin + (p->end - p->begin) * part;
            const float near_0 = even * ldexpf(1, -j % 30); /* of all sizes */
            const float x = j % 2 == 0 || near_0 < p->begin ? even : near_0;
            const long double exact = p->exact(x), error = fabsl((long double)p->value(x) - exact) / ulp(exact);
            if (!(error <= p->ulps)) {
                fail_msg("%s(%a): the error is %.3Lf ulp", p->name, (double)x, error);
            }
        }
    }
}

static void test_limits(void **state)
{
    (void)state;
    for (int i = 0; i < CASE_COUNT; i++) {
        const function_case *f = &cases[i];
        const float quiet = snn_function_from_bits(0x7FC00000U), sparse = snn_function_from_bits(0xFFC00001U);
        assert_true(isnan(evaluate(f, quiet)));
        assert_true(isnan(evaluate(f, sparse)));
        assert_true(evaluate(f, INFINITY) == f->at_infinity);
        assert_true(evaluate(f, -INFINITY) == f->at_minus_infinity);
        assert_true(evaluate(f, 0.0F) == evaluate(f, -0.0F));
        assert_true((long double)evaluate(f, 0.0F) == (long double)(float)f->exact(f, 0));
    }
}

/* Whether a value is what the table gets for f(x): y just there and just beside it, and what fires. */
typedef struct table_case {
    snn_neurons neurons;
    snn_tile tile;
    float *inputs; /* [channels] */
} table_case;

static void *allocate(int64_t count, size_t size)
{
    void *data = snn_allocate((size_t)count, size);
    assert_non_null(data);
    return data;
}

static int64_t *fire(const snn_kernels *kernels, const table_case *c, const function_case *f, bool beside)
{
    const snn_neurons *n = &c->neurons;
    const int32_t channels = n->shape.channels;
    const bool strict = snn_neuron_is_strict(f->kind);
    int64_t *channel_spikes = allocate(channels, sizeof *channel_spikes);
    int64_t sums[3] = {0, 0, 0};
    for (int32_t i = 0; i < channels; i++) {
        const float value = evaluate(f, c->inputs[i]);
        n->x[i] = c->inputs[i];
        n->y[i] = beside ? nextafterf(value, strict ? INFINITY : -INFINITY) : value;
    }
    const snn_tile_counts counts = {
        .spikes = &sums[0], .flips = &sums[1], .error = &sums[2], .channel_spikes = channel_spikes};
    const snn_population population = {.kind = n->kind, .input = n->input, .shape = n->shape};
    snn_tile tile = c->tile;
    tile.scratch = allocate(kernels->fire_scratch_bytes(&population, channels, channels), 1);
    kernels->fire(n, &tile, &counts);
    snn_release(tile.scratch);
    return channel_spikes;
}

/* target <= y fires at y = f(x) and not just below; target < y fires just above and not at f(x). */
static void check_table(const snn_kernels *kernels, const table_case *c, const function_case *f)
{
    const bool strict = snn_neuron_is_strict(f->kind);
    int64_t *at = fire(kernels, c, f, false), *beside = fire(kernels, c, f, true);
    for (int32_t i = 0; i < c->neurons.shape.channels; i++) {
        const float value = evaluate(f, c->inputs[i]);
        const bool distinct = !(isinf(value) && (value > 0) == strict); /* nothing is beyond infinity */
        if (!isnan(value) && (at[i] != !strict || (distinct && beside[i] != strict))) {
            fail_msg("%s: %s at %a is not %a as in scalar code", kernels->name, snn_neuron_kind_name(f->kind),
                     (double)c->inputs[i], (double)value);
        }
        if (isnan(value) && (at[i] != 0 || beside[i] != 0)) {
            fail_msg("%s: %s at %a is not NaN as in scalar code", kernels->name, snn_neuron_kind_name(f->kind),
                     (double)c->inputs[i]);
        }
    }
    snn_release(at);
    snn_release(beside);
}

static table_case make_table_case(void)
{
    const int32_t channels = TABLE_CHANNELS, row_bytes = snn_spikes_row_bytes(channels);
    table_case c = {.inputs = allocate(channels, sizeof(float))};
    float *ones = allocate(channels, sizeof *ones), *eta = allocate(1, sizeof *eta);
    for (int32_t i = 0; i < channels; i++) {
        ones[i] = 1.0F;
    }
    eta[0] = 0.0F; /* y stays, and so does x: its sums are 0 */
    c.neurons = (snn_neurons){.input_channels = channels,
                              .eta = eta,
                              .step = ones,
                              .inverse_scale = ones,
                              .x = allocate(channels, sizeof(float)),
                              .y = allocate(channels, sizeof(float)),
                              .previous = allocate(row_bytes, 1),
                              .first = true,
                              .input = {1, 1, channels},
                              .shape = {1, 1, channels},
                              .channel_end = channels};
    c.neurons.spikes = (snn_spikes){
        .bits = allocate(row_bytes, 1), .positions = 1, .channels = channels, .row_bytes = row_bytes, .images = 1};
    c.tile = (snn_tile){
        .position_end = 1, .steps = 1, .channel_end = channels, .accumulator = allocate(channels, sizeof(int32_t))};
    return c;
}

static void free_table_case(table_case *c)
{
    snn_release((void *)c->neurons.eta);
    snn_release((void *)c->neurons.step);
    snn_release((void *)c->neurons.previous);
    snn_release(c->neurons.x);
    snn_release(c->neurons.y);
    snn_release(c->neurons.spikes.bits);
    snn_release(c->tile.accumulator);
    snn_release(c->inputs);
}

static void test_tables(void **state)
{
    (void)state;
    int32_t count;
    const snn_kernels *const *all = all_tables(&count);
    table_case c = make_table_case();
    for (int32_t i = 0; i < TABLE_CHANNELS; i++) { /* all exponents, then the middle */
        c.inputs[i] = i % 2 == 0 ? snn_function_from_bits((uint32_t)i / 2 * 2 * TABLE_STRIDE)
                                 : LINE_END * (2 * (float)i / TABLE_CHANNELS - 1);
    }
    for (int i = 0; i < CASE_COUNT; i++) {
        c.neurons.kind = cases[i].kind;
        c.neurons.alpha = cases[i].alpha;
        c.neurons.beta = cases[i].beta;
        for (int32_t k = 0; k < count; k++) {
            if (all[k]->available()) {
                check_table(all[k], &c, &cases[i]);
            }
        }
    }
    free_table_case(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
