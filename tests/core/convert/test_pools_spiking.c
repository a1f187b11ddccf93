/* Windows, normalisation by constants, and nodes that leave elements as they are: one row each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/core/convert/operator_rows.h"

/* ---- windows of 2 x 3, two columns apart, over a border of one column to the left and one row below ---- */

enum { KERNEL_ROWS = 2, KERNEL_COLUMNS = 3, STEP = 2, LEFT = 1, ROWS_OUT = 2, COLUMNS_OUT = 3 };
enum { POOLED = CHANNELS * ROWS_OUT * COLUMNS_OUT };

/* The pixels of output i's window that lie inside the image; gives how many. */
static int window_of(const float *x, int i, double *inside)
{
    const int c = i / (ROWS_OUT * COLUMNS_OUT), row = i / COLUMNS_OUT % ROWS_OUT, column = i % COLUMNS_OUT;
    int count = 0;
    for (int h = row; h < row + KERNEL_ROWS; h++) {
        for (int w = column * STEP - LEFT; w < column * STEP - LEFT + KERNEL_COLUMNS; w++) {
            if (h < HEIGHT && w >= 0 && w < WIDTH) {
                inside[count++] = pixel(x, c, h, w);
            }
        }
    }
    return count;
}

static int32_t pooled(builder *b, const char *operator_name, int32_t x)
{
    int32_t y = NODE(b, operator_name, x);
    with_integers(b, "kernel_shape", DIMS(KERNEL_ROWS, KERNEL_COLUMNS));
    with_integers(b, "strides", DIMS(1, STEP));
    with_integers(b, "pads", DIMS(0, LEFT, 1, 0));
    return y;
}

static int32_t build_average(builder *b, int32_t x)
{
    return pooled(b, "AveragePool", x);
}
static void average(const float *x, bool with_padding, double *y)
{
    for (int i = 0; i < POOLED; i++) {
        double inside[KERNEL_ROWS * KERNEL_COLUMNS];
        const int count = window_of(x, i, inside);
        y[i] = 0.0;
        for (int k = 0; k < count; k++) {
            y[i] += inside[k] / (with_padding ? KERNEL_ROWS * KERNEL_COLUMNS : count);
        }
    }
}
static void naive_average(const float *x, double *y)
{
    average(x, false, y);
}

static int32_t build_average_with_padding(builder *b, int32_t x)
{
    int32_t y = pooled(b, "AveragePool", x);
    with_integer(b, "count_include_pad", 1);
    return y;
}
static void naive_average_with_padding(const float *x, double *y)
{
    average(x, true, y);
}

static int32_t build_max(builder *b, int32_t x)
{
    return pooled(b, "MaxPool", x);
}
static void naive_max(const float *x, double *y)
{
    for (int i = 0; i < POOLED; i++) {
        double inside[KERNEL_ROWS * KERNEL_COLUMNS];
        const int count = window_of(x, i, inside);
        y[i] = inside[0];
        for (int k = 1; k < count; k++) {
            y[i] = fmax(y[i], inside[k]);
        }
    }
}

/* ---- normalisation by constants ---- */

static const float scales[CHANNELS] = {1.5f, -0.5f, 2.0f, 0.8f};
static const float biases[CHANNELS] = {0.1f, 0.3f, -0.2f, 0.0f};
static const float means[CHANNELS] = {0.2f, -0.1f, 0.0f, 0.4f};
static const float variances[CHANNELS] = {1.0f, 0.5f, 2.0f, 0.25f};

static int32_t batch_normalised(builder *b, int32_t x)
{
    int32_t y = NODE(b, "BatchNormalization", x, given(b, scales, DIMS(CHANNELS)), given(b, biases, DIMS(CHANNELS)),
                     given(b, means, DIMS(CHANNELS)), given(b, variances, DIMS(CHANNELS)));
    with_real(b, "epsilon", 1e-3f);
    return y;
}
static double batch_normal(double x, int c)
{
    return (x - (double)means[c]) / sqrt((double)variances[c] + 1e-3) * (double)scales[c] + (double)biases[c];
}

static int32_t build_batch_norm(builder *b, int32_t x)
{
    return batch_normalised(b, x);
}
static void naive_batch_norm(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = batch_normal((double)x[i], i / PIXELS);
    }
}

/* Rows of features, as of a layer of all tokens: the channels are last. */
static int32_t build_batch_norm_of_rows(builder *b, int32_t x)
{
    return batch_normalised(b, NODE(b, "Reshape", x, integers(b, 2, (int64_t[]){PIXELS, CHANNELS})));
}
static void naive_batch_norm_of_rows(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = batch_normal((double)x[i], i % CHANNELS);
    }
}

/* ---- nodes that leave elements as they are, or repeat them ---- */

static int32_t build_flatten(builder *b, int32_t x)
{
    int32_t y = NODE(b, "Flatten", x);
    with_integer(b, "axis", 2);
    return y;
}
static int32_t build_identity(builder *b, int32_t x)
{
    return NODE(b, "Identity", x);
}
static int32_t build_dropout(builder *b, int32_t x)
{
    return NODE(b, "Dropout", x, scalar(b, 0.5f));
}
static int32_t build_cast(builder *b, int32_t x)
{
    int32_t y = NODE(b, "Cast", x);
    with_integer(b, "to", 1); /* float32 */
    return y;
}
static void naive_same(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = (double)x[i];
    }
}

static int32_t build_upsample(builder *b, int32_t x)
{
    b->graph->opset = 9;
    int32_t y = NODE(b, "Upsample", x, given(b, (const float[]){1, 1, 2, 2}, DIMS(4)));
    with_text(b, "mode", "nearest");
    return y;
}
static void naive_upsample(const float *x, double *y)
{
    for (int i = 0; i < 4 * ELEMENTS; i++) {
        y[i] = pixel(x, i / (4 * PIXELS), i / (2 * WIDTH) % (2 * HEIGHT) / 2, i % (2 * WIDTH) / 2);
    }
}

static const operator_row rows[] = {
    {"AveragePool", build_average, naive_average, POOLED, -1.0f, 1.0f, 0.02},
    {"AveragePool (padding counts)", build_average_with_padding, naive_average_with_padding, POOLED, -1.0f, 1.0f, 0.02},
    {"MaxPool", build_max, naive_max, POOLED, -1.0f, 1.0f, 0.02},
    {"BatchNormalization", build_batch_norm, naive_batch_norm, ELEMENTS, -1.0f, 1.0f, 0.02},
    {"BatchNormalization (rows)", build_batch_norm_of_rows, naive_batch_norm_of_rows, ELEMENTS, -1.0f, 1.0f, 0.02},
    {"Flatten", build_flatten, naive_same, ELEMENTS, -1.0f, 1.0f, 0.02},
    {"Identity", build_identity, naive_same, ELEMENTS, -1.0f, 1.0f, 0.02},
    {"Dropout", build_dropout, naive_same, ELEMENTS, -1.0f, 1.0f, 0.02},
    {"Cast", build_cast, naive_same, ELEMENTS, -1.0f, 1.0f, 0.02},
    {"Upsample", build_upsample, naive_upsample, 4 * ELEMENTS, -1.0f, 1.0f, 0.02},
};

/* In the decomposed form: maxima of rows, then of columns. */
int main(void)
{
    return rows_main(rows, sizeof rows / sizeof rows[0]);
}
