/* Normalisations and softmax, as operators and as exporters write them out: one row each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/core/convert/operator_rows.h"

static const float gains[CHANNELS] = {0.5f, -1.5f, 1.0f, 2.0f};
static const float shifts[CHANNELS] = {0.1f, 0.2f, -0.3f, 0.0f};
static const double EPSILON = 1e-3;

/* Normalises `count` elements that lie `stride` apart. */
static void normalise(const float *x, int count, int stride, bool centred, double *y)
{
    double mean = 0.0, square = 0.0;
    for (int i = 0; i < count && centred; i++) {
        mean += (double)x[i * stride] / count;
    }
    for (int i = 0; i < count; i++) {
        square += pow((double)x[i * stride] - mean, 2.0) / count;
    }
    for (int i = 0; i < count; i++) {
        y[i * stride] = ((double)x[i * stride] - mean) / sqrt(square + EPSILON);
    }
}

static void scale_channels(double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = y[i] * (double)gains[i / PIXELS] + (double)shifts[i / PIXELS];
    }
}

/* Over the channels of every pixel. */
static void naive_channels(const float *x, double *y)
{
    for (int p = 0; p < PIXELS; p++) {
        normalise(x + p, CHANNELS, PIXELS, true, y + p);
    }
}
static void naive_channels_scaled(const float *x, double *y)
{
    naive_channels(x, y);
    scale_channels(y);
}
static void naive_root_mean_square(const float *x, double *y)
{
    for (int p = 0; p < PIXELS; p++) {
        normalise(x + p, CHANNELS, PIXELS, false, y + p);
    }
}
static void naive_instances(const float *x, double *y)
{
    for (int c = 0; c < CHANNELS; c++) {
        normalise(x + c * PIXELS, PIXELS, 1, true, y + c * PIXELS);
    }
    scale_channels(y);
}
static void naive_groups(const float *x, double *y)
{
    for (int g = 0; g < 2; g++) {
        normalise(x + g * ELEMENTS / 2, ELEMENTS / 2, 1, true, y + g * ELEMENTS / 2);
    }
    scale_channels(y);
}
static void whole(const float *x, bool centred, double *y)
{
    normalise(x, ELEMENTS, 1, centred, y);
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] *= 0.5 + 0.01 * i;
    }
}

static void naive_whole(const float *x, double *y)
{
    whole(x, true, y);
}
static void naive_whole_root_mean_square(const float *x, double *y)
{
    whole(x, false, y);
}
static void naive_root_mean_square_scaled(const float *x, double *y)
{
    naive_root_mean_square(x, y);
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] *= (double)gains[i / PIXELS];
    }
}
/* Before opset 21 each group has one gain and one shift. */
static void naive_groups_of_opset_18(const float *x, double *y)
{
    for (int g = 0; g < 2; g++) {
        normalise(x + g * ELEMENTS / 2, ELEMENTS / 2, 1, true, y + g * ELEMENTS / 2);
    }
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = y[i] * (double)gains[i / (ELEMENTS / 2)] + (double)shifts[i / (ELEMENTS / 2)];
    }
}

static int32_t permuted(builder *b, int32_t x, const int64_t *order)
{
    int32_t y = NODE(b, "Transpose", x);
    with_integers(b, "perm", 4, order);
    return y;
}

static int32_t constants_of_channels(builder *b, const float *elements)
{
    return given(b, elements, DIMS(CHANNELS, 1, 1));
}

/* Channels last, the operator, channels first again. */
static int32_t build_layer_norm(builder *b, int32_t x)
{
    b->graph->opset = 17;
    int32_t y = NODE(b, "LayerNormalization", permuted(b, x, (const int64_t[]){0, 2, 3, 1}),
                     given(b, gains, DIMS(CHANNELS)), given(b, shifts, DIMS(CHANNELS)));
    with_real(b, "epsilon", (float)EPSILON);
    with_integer(b, "axis", 3);
    return permuted(b, y, (const int64_t[]){0, 3, 1, 2});
}

static int32_t build_root_mean_square_norm(builder *b, int32_t x)
{
    b->graph->opset = 23;
    int32_t y =
        NODE(b, "RMSNormalization", permuted(b, x, (const int64_t[]){0, 2, 3, 1}), given(b, gains, DIMS(CHANNELS)));
    with_real(b, "epsilon", (float)EPSILON);
    return permuted(b, y, (const int64_t[]){0, 3, 1, 2});
}

static int32_t norm_of_all(builder *b, int32_t x, const char *operator_name)
{
    float all[ELEMENTS];
    for (int i = 0; i < ELEMENTS; i++) {
        all[i] = 0.5f + 0.01f * (float)i;
    }
    b->graph->opset = 23;
    int32_t y = NODE(b, operator_name, x, given(b, all, DIMS(CHANNELS, HEIGHT, WIDTH)));
    with_real(b, "epsilon", (float)EPSILON);
    with_integer(b, "axis", 1);
    return y;
}
static int32_t build_layer_norm_of_all(builder *b, int32_t x)
{
    return norm_of_all(b, x, "LayerNormalization");
}
static int32_t build_root_mean_square_norm_of_all(builder *b, int32_t x)
{
    return norm_of_all(b, x, "RMSNormalization");
}

/* ---- written out: over axis 1 of the image ---- */

static int32_t mean(builder *b, int32_t x)
{
    int32_t y = NODE(b, "ReduceMean", x);
    with_integers(b, "axes", DIMS(1));
    return y;
}

static int32_t mean_square(builder *b, int32_t x)
{
    return NODE(b, "Add", mean(b, NODE(b, "Pow", x, scalar(b, 2.0f))), scalar(b, (float)EPSILON));
}

static int32_t centred(builder *b, int32_t x)
{
    return NODE(b, "Sub", x, mean(b, x));
}

static int32_t build_over_sqrt(builder *b, int32_t x)
{
    int32_t d = centred(b, x);
    int32_t y = NODE(b, "Div", d, NODE(b, "Sqrt", mean_square(b, d)));
    y = NODE(b, "Mul", constants_of_channels(b, gains), y);
    return NODE(b, "Add", y, constants_of_channels(b, shifts));
}
static int32_t build_over_power(builder *b, int32_t x)
{
    int32_t d = centred(b, x);
    return NODE(b, "Div", d, NODE(b, "Pow", mean_square(b, d), scalar(b, 0.5f)));
}
static int32_t build_times_reciprocal(builder *b, int32_t x)
{
    int32_t d = centred(b, x);
    return NODE(b, "Mul", NODE(b, "Reciprocal", NODE(b, "Sqrt", mean_square(b, d))), d);
}
static int32_t build_times_quotient(builder *b, int32_t x)
{
    int32_t d = centred(b, x);
    return NODE(b, "Mul", d, NODE(b, "Div", scalar(b, 1.0f), NODE(b, "Sqrt", mean_square(b, d))));
}
static int32_t build_times_power(builder *b, int32_t x)
{
    int32_t d = centred(b, x);
    return NODE(b, "Mul", d, NODE(b, "Pow", mean_square(b, centred(b, x)), scalar(b, -0.5f)));
}
static int32_t build_root_mean_square(builder *b, int32_t x)
{
    return NODE(b, "Div", x, NODE(b, "Sqrt", mean_square(b, x)));
}
static int32_t build_root_mean_square_product(builder *b, int32_t x)
{
    return NODE(b, "Mul", x, NODE(b, "Reciprocal", NODE(b, "Sqrt", mean_square(b, x))));
}

/* ---- over groups ---- */

static int32_t build_instances(builder *b, int32_t x)
{
    int32_t y = NODE(b, "InstanceNormalization", x, given(b, gains, DIMS(CHANNELS)), given(b, shifts, DIMS(CHANNELS)));
    with_real(b, "epsilon", (float)EPSILON);
    return y;
}

static int32_t groups_of_opset(builder *b, int32_t x, int64_t opset, int64_t constants)
{
    b->graph->opset = opset;
    int32_t y = NODE(b, "GroupNormalization", x, given(b, gains, DIMS(constants)), given(b, shifts, DIMS(constants)));
    with_real(b, "epsilon", (float)EPSILON);
    with_integer(b, "num_groups", 2);
    return y;
}
static int32_t build_groups(builder *b, int32_t x)
{
    return groups_of_opset(b, x, 21, CHANNELS);
}
static int32_t build_groups_of_opset_18(builder *b, int32_t x)
{
    return groups_of_opset(b, x, 18, 2);
}

/* As exporters write it before opset 18. */
static int32_t build_groups_as_instances(builder *b, int32_t x)
{
    int32_t v = NODE(b, "Reshape", x, integers(b, 3, (int64_t[]){0, 2, -1}));
    v = NODE(b, "InstanceNormalization", v, given(b, (const float[]){1.0f, 1.0f}, DIMS(2)),
             given(b, (const float[]){0.0f, 0.0f}, DIMS(2)));
    with_real(b, "epsilon", (float)EPSILON);
    v = NODE(b, "Reshape", v, integers(b, 4, (int64_t[]){1, CHANNELS, HEIGHT, WIDTH}));
    v = NODE(b, "Mul", v, constants_of_channels(b, gains));
    return NODE(b, "Add", v, constants_of_channels(b, shifts));
}

/* ---- softmax ---- */

static int32_t build_softmax_channels(builder *b, int32_t x)
{
    int32_t y = NODE(b, "Softmax", x);
    with_integer(b, "axis", 1);
    return y;
}
static void naive_softmax_channels(const float *x, double *y)
{
    for (int p = 0; p < PIXELS; p++) {
        double sum = 0.0;
        for (int c = 0; c < CHANNELS; c++) {
            sum += exp((double)x[c * PIXELS + p]);
        }
        for (int c = 0; c < CHANNELS; c++) {
            y[c * PIXELS + p] = exp((double)x[c * PIXELS + p]) / sum;
        }
    }
}

static int32_t build_softmax_columns(builder *b, int32_t x)
{
    return NODE(b, "Softmax", x);
}
static void naive_softmax_columns(const float *x, double *y)
{
    for (int r = 0; r < ELEMENTS; r += WIDTH) {
        double sum = 0.0;
        for (int w = 0; w < WIDTH; w++) {
            sum += exp((double)x[r + w]);
        }
        for (int w = 0; w < WIDTH; w++) {
            y[r + w] = exp((double)x[r + w]) / sum;
        }
    }
}

/* Over an axis that is neither the channels' nor the last: the rows of each column, the maps of each pixel. */
static int32_t build_softmax_rows(builder *b, int32_t x)
{
    int32_t y = NODE(b, "Softmax", NODE(b, "Mul", x, given(b, gains, DIMS(CHANNELS, 1, 1))));
    with_integer(b, "axis", 2);
    return y;
}
static void naive_softmax_rows(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        int c = i / PIXELS, w = i % WIDTH;
        double sum = 0.0, gain = (double)gains[c];
        for (int h = 0; h < HEIGHT; h++) {
            sum += exp(gain * pixel(x, c, h, w));
        }
        y[i] = exp(gain * (double)x[i]) / sum;
    }
}

/* [2][2][2][6]: over the second axis, and two images in front. */
static int32_t build_softmax_of_stacks(builder *b, int32_t x)
{
    int32_t y = NODE(b, "Reshape", x, integers(b, 4, (int64_t[]){2, 2, HEIGHT, WIDTH}));
    y = NODE(b, "Softmax", y);
    with_integer(b, "axis", 1);
    return y;
}
static void naive_softmax_of_stacks(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        int c = i / PIXELS, other = c / 2 * 2 + 1 - c % 2;
        y[i] = 1.0 / (1.0 + exp((double)x[other * PIXELS + i % PIXELS] - (double)x[i]));
    }
}

static const operator_row rows[] = {
    {"LayerNormalization", build_layer_norm, naive_channels_scaled, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"LayerNormalization (all axes)", build_layer_norm_of_all, naive_whole, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"RMSNormalization", build_root_mean_square_norm, naive_root_mean_square_scaled, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"RMSNormalization (all axes)", build_root_mean_square_norm_of_all, naive_whole_root_mean_square, ELEMENTS, -1.0f,
     1.0f, 0.03},
    {"Div by Sqrt", build_over_sqrt, naive_channels_scaled, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"Div by Pow", build_over_power, naive_channels, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"Mul by Reciprocal", build_times_reciprocal, naive_channels, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"Mul by Div", build_times_quotient, naive_channels, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"Mul by Pow", build_times_power, naive_channels, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"RMS, Div", build_root_mean_square, naive_root_mean_square, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"RMS, Mul", build_root_mean_square_product, naive_root_mean_square, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"InstanceNormalization", build_instances, naive_instances, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"GroupNormalization", build_groups, naive_groups, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"GroupNormalization (opset 18)", build_groups_of_opset_18, naive_groups_of_opset_18, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"GroupNormalization (instances)", build_groups_as_instances, naive_groups, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"Softmax (channels)", build_softmax_channels, naive_softmax_channels, ELEMENTS, -1.0f, 1.0f, 0.02},
    {"Softmax (rows)", build_softmax_rows, naive_softmax_rows, ELEMENTS, -1.0f, 1.0f, 0.02},
    {"Softmax (stacks)", build_softmax_of_stacks, naive_softmax_of_stacks, ELEMENTS, -1.0f, 1.0f, 0.02},
    {"Softmax (columns)", build_softmax_columns, naive_softmax_columns, ELEMENTS, -1.0f, 1.0f, 0.02},
};

/* In the fused form one neuron for each element normalises, however it was written. */
int main(void)
{
    return rows_main(rows, sizeof rows / sizeof rows[0]);
}
