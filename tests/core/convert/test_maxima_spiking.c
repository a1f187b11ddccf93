/* Every operator that reduces axes or chooses among values: one row each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/core/convert/operator_rows.h"

/* ---- over axes: the naive side goes through all elements and adds each to the place it belongs to ---- */

typedef enum reduction { MEAN, SUM, MOST, LEAST } reduction;

static void reduce(const float *x, reduction what, const bool *reduced, double *y)
{
    const int sizes[3] = {CHANNELS, HEIGHT, WIDTH};
    int kept[3], total = 1, area = 1;
    for (int a = 0; a < 3; a++) {
        kept[a] = reduced[a] ? 1 : sizes[a];
        total *= kept[a];
        area *= reduced[a] ? sizes[a] : 1;
    }
    for (int i = 0; i < total; i++) {
        y[i] = what == MOST ? -INFINITY : what == LEAST ? INFINITY : 0.0;
    }
    for (int c = 0; c < CHANNELS; c++) {
        for (int h = 0; h < HEIGHT; h++) {
            for (int w = 0; w < WIDTH; w++) {
                double *to = &y[((c % kept[0]) * kept[1] + h % kept[1]) * kept[2] + w % kept[2]];
                double value = pixel(x, c, h, w);
                *to = what == MOST    ? fmax(*to, value)
                      : what == LEAST ? fmin(*to, value)
                                      : *to + value / (what == MEAN ? area : 1);
            }
        }
    }
}

static int32_t build_reduction(builder *b, int32_t x, reduction what, const bool *reduced)
{
    static const char *const operators[] = {"ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin"};
    int64_t axes[3];
    int32_t count = 0;
    for (int a = 0; a < 3; a++) {
        if (reduced[a]) {
            axes[count++] = a == 2 ? -1 : a + 1;
        }
    }
    if (what == SUM) { /* axes as an input since opset 13 */
        int32_t y = NODE(b, operators[what], x, integers(b, count, axes));
        with_integer(b, "keepdims", 0);
        return y;
    }
    int32_t y = NODE(b, operators[what], x);
    with_integers(b, "axes", count, axes);
    return y;
}

#define REDUCTION(name, what, ...)                                                                                     \
    static int32_t build_##name(builder *b, int32_t x)                                                                 \
    {                                                                                                                  \
        return build_reduction(b, x, what, (const bool[]){__VA_ARGS__});                                               \
    }                                                                                                                  \
    static void naive_##name(const float *x, double *y)                                                                \
    {                                                                                                                  \
        reduce(x, what, (const bool[]){__VA_ARGS__}, y);                                                               \
    }

REDUCTION(mean_channels, MEAN, true, false, false)
REDUCTION(mean_rows, MEAN, false, true, false)
REDUCTION(mean_columns, MEAN, false, false, true)
REDUCTION(mean_positions, MEAN, false, true, true)
REDUCTION(mean_all, MEAN, true, true, true)
REDUCTION(sum_channels, SUM, true, false, false)
REDUCTION(sum_channels_rows, SUM, true, true, false)
REDUCTION(sum_positions, SUM, false, true, true)
REDUCTION(most_channels, MOST, true, false, false)
REDUCTION(most_rows, MOST, false, true, false)
REDUCTION(most_columns, MOST, false, false, true)
REDUCTION(most_channels_columns, MOST, true, false, true)
REDUCTION(most_all, MOST, true, true, true)
REDUCTION(least_channels, LEAST, true, false, false)
REDUCTION(least_positions, LEAST, false, true, true)

/* Over the tokens [1][positions][channels], and over the channels of each. */
static int32_t build_tokens_reduced(builder *b, int32_t x, const char *operator_name, int64_t axis)
{
    int32_t v = NODE(b, "Reshape", x, integers(b, 3, (int64_t[]){1, CHANNELS, PIXELS}));
    v = NODE(b, "Transpose", v);
    with_integers(b, "perm", DIMS(0, 2, 1));
    v = NODE(b, operator_name, v);
    with_integers(b, "axes", 1, &axis);
    return v;
}
static int32_t build_mean_of_tokens(builder *b, int32_t x)
{
    return build_tokens_reduced(b, x, "ReduceMean", 1);
}
static int32_t build_most_of_tokens(builder *b, int32_t x)
{
    return build_tokens_reduced(b, x, "ReduceMax", 1);
}
static void naive_most_positions(const float *x, double *y)
{
    reduce(x, MOST, (const bool[]){false, true, true}, y);
}
static int32_t build_most_in_token(builder *b, int32_t x)
{
    return build_tokens_reduced(b, x, "ReduceMax", 2);
}

static int32_t build_global_max(builder *b, int32_t x)
{
    return NODE(b, "GlobalMaxPool", x);
}
static int32_t build_global_average(builder *b, int32_t x)
{
    return NODE(b, "GlobalAveragePool", x);
}

/* ---- of several values ---- */

/* x, its channels in reverse, and a constant for each channel. */
static const float floors[CHANNELS] = {0.1f, -0.2f, 0.4f, -0.3f};

static int32_t build_extreme(builder *b, int32_t x, const char *operator_name)
{
    int32_t reversed = NODE(b, "Gather", x, integers(b, CHANNELS, (int64_t[]){3, 2, 1, 0}));
    with_integer(b, "axis", 1);
    return NODE(b, operator_name, given(b, floors, DIMS(CHANNELS, 1, 1)), x, reversed);
}
static int32_t build_max(builder *b, int32_t x)
{
    return build_extreme(b, x, "Max");
}
static void naive_max(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        int c = i / PIXELS;
        y[i] = fmax(fmax((double)x[i], (double)x[(CHANNELS - 1 - c) * PIXELS + i % PIXELS]), (double)floors[c]);
    }
}
static int32_t build_min(builder *b, int32_t x)
{
    return build_extreme(b, x, "Min");
}
static void naive_min(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        int c = i / PIXELS;
        y[i] = fmin(fmin((double)x[i], (double)x[(CHANNELS - 1 - c) * PIXELS + i % PIXELS]), (double)floors[c]);
    }
}

/* An activation that broadcasts: no less than the channel's mean. */
static int32_t build_max_broadcast(builder *b, int32_t x)
{
    return NODE(b, "Max", NODE(b, "GlobalAveragePool", x), x);
}
static void naive_max_broadcast(const float *x, double *y)
{
    double means[CHANNELS];
    reduce(x, MEAN, (const bool[]){false, true, true}, means);
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = fmax((double)x[i], means[i / PIXELS]);
    }
}

/* Constants of one element bound like Clip. */
static int32_t build_bounds(builder *b, int32_t x)
{
    return NODE(b, "Min", NODE(b, "Max", x, scalar(b, -0.25f)), scalar(b, 0.5f), scalar(b, 0.75f));
}
static void naive_bounds(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = fmin(fmax((double)x[i], -0.25), 0.5);
    }
}

/* ---- PRelu: slopes of any sign and size ---- */

static const float slopes[CHANNELS] = {0.25f, -0.5f, 1.5f, 0.0f};

static int32_t build_prelu(builder *b, int32_t x)
{
    return NODE(b, "PRelu", x, given(b, slopes, DIMS(CHANNELS, 1, 1)));
}
static void naive_prelu(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = (double)x[i] * (x[i] < 0.0f ? (double)slopes[i / PIXELS] : 1.0);
    }
}

static int32_t build_prelu_shared(builder *b, int32_t x)
{
    return NODE(b, "PRelu", x, given(b, slopes, DIMS(1)));
}
static void naive_prelu_shared(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = (double)x[i] * (x[i] < 0.0f ? (double)slopes[0] : 1.0);
    }
}

static const operator_row rows[] = {
    {"ReduceMean (channels)", build_mean_channels, naive_mean_channels, PIXELS, -1.0f, 1.0f, 0.02},
    {"ReduceMean (rows)", build_mean_rows, naive_mean_rows, CHANNELS *WIDTH, -1.0f, 1.0f, 0.02},
    {"ReduceMean (columns)", build_mean_columns, naive_mean_columns, CHANNELS *HEIGHT, -1.0f, 1.0f, 0.02},
    {"ReduceMean (positions)", build_mean_positions, naive_mean_positions, CHANNELS, -1.0f, 2.0f, 0.02},
    {"ReduceMean (all)", build_mean_all, naive_mean_all, 1, -1.0f, 2.0f, 0.02},
    {"ReduceMean (tokens)", build_mean_of_tokens, naive_mean_positions, CHANNELS, -1.0f, 2.0f, 0.02},
    {"GlobalAveragePool", build_global_average, naive_mean_positions, CHANNELS, -1.0f, 2.0f, 0.02},
    {"ReduceSum (channels)", build_sum_channels, naive_sum_channels, PIXELS, -1.0f, 1.0f, 0.02},
    {"ReduceSum (channels, rows)", build_sum_channels_rows, naive_sum_channels_rows, WIDTH, -1.0f, 1.0f, 0.02},
    {"ReduceSum (positions)", build_sum_positions, naive_sum_positions, CHANNELS, -1.0f, 1.0f, 0.02},
    {"ReduceMax (channels)", build_most_channels, naive_most_channels, PIXELS, -1.0f, 1.0f, 0.02},
    {"ReduceMax (rows)", build_most_rows, naive_most_rows, CHANNELS *WIDTH, -1.0f, 1.0f, 0.02},
    {"ReduceMax (columns)", build_most_columns, naive_most_columns, CHANNELS *HEIGHT, -1.0f, 1.0f, 0.02},
    {"ReduceMax (channels, columns)", build_most_channels_columns, naive_most_channels_columns, HEIGHT, -1.0f, 1.0f,
     0.02},
    {"ReduceMax (all)", build_most_all, naive_most_all, 1, -1.0f, 1.0f, 0.02},
    {"ReduceMax (tokens)", build_most_of_tokens, naive_most_positions, CHANNELS, -1.0f, 1.0f, 0.02},
    {"ReduceMax (in tokens)", build_most_in_token, naive_most_channels, PIXELS, -1.0f, 1.0f, 0.02},
    {"GlobalMaxPool", build_global_max, naive_most_positions, CHANNELS, -1.0f, 1.0f, 0.02},
    {"ReduceMin (channels)", build_least_channels, naive_least_channels, PIXELS, -1.0f, 1.0f, 0.02},
    {"ReduceMin (positions)", build_least_positions, naive_least_positions, CHANNELS, -1.0f, 1.0f, 0.02},
    {"Max", build_max, naive_max, ELEMENTS, -1.0f, 1.0f, 0.02},
    {"Min", build_min, naive_min, ELEMENTS, -1.0f, 1.0f, 0.02},
    {"Max (broadcast)", build_max_broadcast, naive_max_broadcast, ELEMENTS, -1.0f, 1.0f, 0.02},
    {"Min and Max (bounds)", build_bounds, naive_bounds, ELEMENTS, -1.0f, 1.0f, 0.02},
    {"PRelu", build_prelu, naive_prelu, ELEMENTS, -1.0f, 1.0f, 0.02},
    {"PRelu (one slope)", build_prelu_shared, naive_prelu_shared, ELEMENTS, -1.0f, 1.0f, 0.02},
};

static void test_rows(void **state)
{
    (void)state;
    rows_check(rows, sizeof rows / sizeof rows[0], SNN_FORM_FUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
