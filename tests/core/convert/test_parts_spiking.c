/* Values put together from parts, products with constants in forms that are rewritten (core/graph/lower_product.c), and
 * operators on quantised values (lower_quantised.c): one row each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/core/convert/operator_rows.h"

static int32_t reshaped(builder *b, int32_t x, int32_t rank, const int64_t *dims)
{
    return NODE(b, "Reshape", x, integers(b, rank, dims));
}

/* Constants of one byte an element. */
static int32_t bytes(builder *b, snn_type type, const int *elements, int32_t rank, const int64_t *dims)
{
    int32_t v = builder_value(b, "bytes");
    snn_tensor *tensor = &b->graph->values[v].tensor;
    tensor->type = type;
    set_dims(tensor, rank, dims);
    b->graph->values[v].constant = true;
    assert_true(snn_tensor_allocate(tensor).code == SNN_OK);
    for (int64_t i = 0; i < snn_tensor_elements(tensor); i++) {
        ((unsigned char *)tensor->data)[i] = (unsigned char)elements[i];
    }
    return v;
}

/* ---- parts ---- */

static int shown(int i)
{
    return (i * 7 + i / 5) % 3 != 0;
}

/* Where with a constant condition, a value of the image and a constant that is broadcast. */
static int32_t build_where(builder *b, int32_t x)
{
    int condition[ELEMENTS];
    for (int i = 0; i < ELEMENTS; i++) {
        condition[i] = shown(i);
    }
    int32_t mask = bytes(b, SNN_TYPE_BOOL, condition, DIMS(1, CHANNELS, HEIGHT, WIDTH));
    return NODE(b, "Where", mask, x, rows_weights(b, DIMS(CHANNELS, 1, 1)));
}
static void naive_where(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = shown(i) ? (double)x[i] : (double)rows_weight(i / PIXELS);
    }
}

/* Both values are of the image. */
static int32_t build_where_both(builder *b, int32_t x)
{
    const int condition[WIDTH] = {1, 0, 0, 1, 1, 0};
    int32_t mask = bytes(b, SNN_TYPE_BOOL, condition, DIMS(WIDTH));
    return NODE(b, "Where", mask, x, NODE(b, "Neg", x));
}
static void naive_where_both(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        const int w = i % WIDTH;
        y[i] = w == 0 || w == 3 || w == 4 ? (double)x[i] : -(double)x[i];
    }
}

static int32_t scattered(builder *b, int32_t data, int32_t updates)
{
    int32_t indices = integers(b, 4, (int64_t[]){0, 3, 0, 1});
    set_dims(&b->graph->values[indices].tensor, DIMS(2, 2));
    return NODE(b, "ScatterND", data, indices, updates);
}

/* Constants in the place of channels 3 and 1. */
static int32_t build_scatter_constants(builder *b, int32_t x)
{
    return scattered(b, x, rows_weights(b, DIMS(2, HEIGHT, WIDTH)));
}
static void naive_scatter_constants(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        const int c = i / PIXELS;
        y[i] = c == 3   ? (double)rows_weight(i % PIXELS)
               : c == 1 ? (double)rows_weight(PIXELS + i % PIXELS)
                        : (double)x[i];
    }
}

/* Channels 0 and 1 of the image in the place of its channels 3 and 1. */
static int32_t build_scatter_values(builder *b, int32_t x)
{
    int32_t first = NODE(b, "Slice", x, integers(b, 1, (int64_t[]){0}), integers(b, 1, (int64_t[]){2}),
                         integers(b, 1, (int64_t[]){1}));
    return scattered(b, x, reshaped(b, first, DIMS(2, HEIGHT, WIDTH)));
}
static void naive_scatter_values(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = (double)x[i / PIXELS == 3 ? i % PIXELS : i];
    }
}

/* Channel 2 by an index for each element. */
static int32_t build_scatter_elements(builder *b, int32_t x)
{
    int64_t twos[PIXELS];
    for (int i = 0; i < PIXELS; i++) {
        twos[i] = 2;
    }
    int32_t indices = integers(b, PIXELS, twos);
    set_dims(&b->graph->values[indices].tensor, DIMS(1, 1, HEIGHT, WIDTH));
    int32_t y = NODE(b, "ScatterElements", x, indices, rows_weights(b, DIMS(1, 1, HEIGHT, WIDTH)));
    with_integer(b, "axis", 1);
    return y;
}
static void naive_scatter_elements(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = i / PIXELS == 2 ? (double)rows_weight(i % PIXELS) : (double)x[i];
    }
}

/* ---- products with constants ---- */

enum { OUTPUTS = 3 };

/* A matrix [WIDTH][OUTPUTS] for each channel. */
static int32_t build_matrices(builder *b, int32_t x)
{
    return NODE(b, "MatMul", x, rows_weights(b, DIMS(CHANNELS, WIDTH, OUTPUTS)));
}
static void naive_matrices(const float *x, double *y)
{
    for (int i = 0; i < CHANNELS * HEIGHT * OUTPUTS; i++) {
        const int row = i / OUTPUTS, c = row / HEIGHT;
        y[i] = 0.0;
        for (int w = 0; w < WIDTH; w++) {
            y[i] += (double)x[row * WIDTH + w] * (double)rows_weight((c * WIDTH + w) * OUTPUTS + i % OUTPUTS);
        }
    }
}

/* One matrix [OUTPUTS][HEIGHT] left of those of all channels. */
static int32_t build_left(builder *b, int32_t x)
{
    return NODE(b, "MatMul", rows_weights(b, DIMS(OUTPUTS, HEIGHT)), x);
}
static void naive_left(const float *x, double *y)
{
    for (int i = 0; i < CHANNELS * OUTPUTS * WIDTH; i++) {
        const int c = i / WIDTH / OUTPUTS, o = i / WIDTH % OUTPUTS;
        y[i] = 0.0;
        for (int h = 0; h < HEIGHT; h++) {
            y[i] += (double)rows_weight(o * HEIGHT + h) * pixel(x, c, h, i % WIDTH);
        }
    }
}

/* A vector as the right side. */
static int32_t build_vector(builder *b, int32_t x)
{
    return NODE(b, "MatMul", reshaped(b, x, DIMS(1, CHANNELS * HEIGHT, WIDTH)), rows_weights(b, DIMS(WIDTH)));
}
static void naive_vector(const float *x, double *y)
{
    for (int i = 0; i < CHANNELS * HEIGHT; i++) {
        y[i] = 0.0;
        for (int w = 0; w < WIDTH; w++) {
            y[i] += (double)x[i * WIDTH + w] * (double)rows_weight(w);
        }
    }
}

/* The transpose of a matrix [CHANNELS][PIXELS] times one of [CHANNELS][OUTPUTS]. */
static int32_t build_turned(builder *b, int32_t x)
{
    int32_t y = NODE(b, "Gemm", reshaped(b, x, DIMS(CHANNELS, PIXELS)), rows_weights(b, DIMS(CHANNELS, OUTPUTS)));
    with_integer(b, "transA", 1);
    return y;
}
static void naive_turned(const float *x, double *y)
{
    for (int i = 0; i < PIXELS * OUTPUTS; i++) {
        y[i] = 0.0;
        for (int c = 0; c < CHANNELS; c++) {
            y[i] += (double)x[c * PIXELS + i / OUTPUTS] * (double)rows_weight(c * OUTPUTS + i % OUTPUTS);
        }
    }
}

/* One spatial axis: a convolution of three places, then the largest of pairs. */
static int32_t build_one_axis(builder *b, int32_t x)
{
    int32_t y = NODE(b, "Conv", reshaped(b, x, DIMS(1, CHANNELS, PIXELS)), rows_weights(b, DIMS(OUTPUTS, CHANNELS, 3)));
    with_integers(b, "pads", 2, (int64_t[]){1, 1});
    y = NODE(b, "MaxPool", y);
    with_integers(b, "kernel_shape", 1, (int64_t[]){2});
    with_integers(b, "strides", 1, (int64_t[]){2});
    return y;
}
static double convolved(const float *x, int o, int p)
{
    double sum = 0.0;
    for (int c = 0; c < CHANNELS; c++) {
        for (int k = -1; k <= 1; k++) {
            sum += p + k < 0 || p + k >= PIXELS
                       ? 0.0
                       : (double)x[c * PIXELS + p + k] * (double)rows_weight((o * CHANNELS + c) * 3 + k + 1);
        }
    }
    return sum;
}
static void naive_one_axis(const float *x, double *y)
{
    for (int i = 0; i < OUTPUTS * PIXELS / 2; i++) {
        const int o = i / (PIXELS / 2), p = 2 * (i % (PIXELS / 2));
        y[i] = fmax(convolved(x, o, p), convolved(x, o, p + 1));
    }
}

/* ---- quantised values ---- */

static const float UNIT = 1.0f / 128.0f, WEIGHT_UNIT = 1.0f / 100.0f;

static int byte_weight(int i)
{
    return (int)lrintf(100.0f * rows_weight(i));
}

static int32_t byte_weights(builder *b, int32_t rank, const int64_t *dims)
{
    int elements[ELEMENTS] = {0}, count = 1;
    for (int32_t axis = 0; axis < rank; axis++) {
        count *= (int)dims[axis];
    }
    for (int i = 0; i < count; i++) {
        elements[i] = byte_weight(i);
    }
    return bytes(b, SNN_TYPE_INT8, elements, rank, dims);
}

/* The nearest value that an unsigned byte stands for. */
static double quantised(double x, double unit, double zero)
{
    return (fmin(fmax(nearbyint(x / unit) + zero, 0.0), 255.0) - zero) * unit;
}

/* QLinearConv with a scale for each output, MaxPool of its integers, and real values again. */
static int32_t build_quantised(builder *b, int32_t x)
{
    const float units[OUTPUTS] = {WEIGHT_UNIT, WEIGHT_UNIT / 2.0f, WEIGHT_UNIT * 2.0f};
    int32_t unit = scalar(b, UNIT), result_unit = scalar(b, 4.0f * UNIT), scales = given(b, units, DIMS(OUTPUTS));
    int32_t zero = bytes(b, SNN_TYPE_UINT8, (int[]){128}, 0, NULL);
    int32_t zeros = bytes(b, SNN_TYPE_INT8, (int[]){0, 0, 0}, DIMS(OUTPUTS));
    int32_t product = byte_weights(b, DIMS(OUTPUTS, CHANNELS, 1, 1));
    int32_t q = NODE(b, "QuantizeLinear", x, unit, zero);
    int32_t bias = integers(b, OUTPUTS, (int64_t[]){1000, -2000, 500});
    q = NODE(b, "QLinearConv", q, unit, zero, product, scales, zeros, result_unit, zero, bias);
    q = NODE(b, "MaxPool", q);
    with_integers(b, "kernel_shape", 2, (int64_t[]){1, 2});
    with_integers(b, "strides", 2, (int64_t[]){1, 2});
    return NODE(b, "DequantizeLinear", reshaped(b, q, DIMS(1, -1)), result_unit, zero);
}
static double quantised_product(const float *x, int o, int p)
{
    const double units[OUTPUTS] = {1.0, 0.5, 2.0}, biases[OUTPUTS] = {1000.0, -2000.0, 500.0};
    double sum = biases[o];
    for (int c = 0; c < CHANNELS; c++) {
        sum += quantised((double)x[c * PIXELS + p], (double)UNIT, 128.0) / (double)UNIT * byte_weight(o * CHANNELS + c);
    }
    return quantised(sum * (double)UNIT * (double)WEIGHT_UNIT * units[o], 4.0 * (double)UNIT, 128.0);
}
static void naive_quantised(const float *x, double *y)
{
    for (int i = 0; i < OUTPUTS * PIXELS / 2; i++) {
        const int o = i / (PIXELS / 2), p = 2 * (i % (PIXELS / 2));
        y[i] = fmax(quantised_product(x, o, p), quantised_product(x, o, p + 1));
    }
}

/* Ranges of each image: the product of the value itself and the weights. */
static int32_t build_dynamic(builder *b, int32_t x)
{
    int32_t q = NODE(b, "DynamicQuantizeLinear", reshaped(b, x, DIMS(1, CHANNELS * HEIGHT, WIDTH)));
    int32_t scale = more_outputs(b, 2);
    int32_t product = byte_weights(b, DIMS(WIDTH, OUTPUTS)), zero = bytes(b, SNN_TYPE_INT8, (int[]){3}, 0, NULL);
    int32_t y = NODE(b, "MatMulInteger", q, product, scale + 1, zero);
    y = NODE(b, "Cast", y);
    with_integer(b, "to", 1);
    return NODE(b, "Mul", y, NODE(b, "Mul", scale, scalar(b, WEIGHT_UNIT)));
}
static void naive_dynamic(const float *x, double *y)
{
    for (int i = 0; i < CHANNELS * HEIGHT * OUTPUTS; i++) {
        y[i] = 0.0;
        for (int w = 0; w < WIDTH; w++) {
            y[i] +=
                (double)x[i / OUTPUTS * WIDTH + w] * (double)WEIGHT_UNIT * (byte_weight(w * OUTPUTS + i % OUTPUTS) - 3);
        }
    }
}

/* QLinearAdd and QLinearConcat of onnxruntime. */
static int32_t build_pair(builder *b, int32_t x)
{
    int32_t unit = scalar(b, UNIT), twice = scalar(b, 2.0f * UNIT);
    int32_t zero = bytes(b, SNN_TYPE_UINT8, (int[]){128}, 0, NULL);
    int32_t q = NODE(b, "QuantizeLinear", x, unit, zero);
    int32_t sum = NODE(b, "QLinearAdd", q, unit, zero, q, unit, zero, twice, zero);
    snn_node *node = &b->graph->nodes[b->graph->node_count - 1];
    snn_release(node->domain);
    node->domain = snn_duplicate_text("com.microsoft");
    int32_t both = NODE(b, "QLinearConcat", twice, zero, sum, twice, zero, q, unit, zero);
    with_integer(b, "axis", 1);
    node = &b->graph->nodes[b->graph->node_count - 1];
    snn_release(node->domain);
    node->domain = snn_duplicate_text("com.microsoft");
    return NODE(b, "DequantizeLinear", both, twice, zero);
}
static void naive_pair(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        const double value = quantised((double)x[i], (double)UNIT, 128.0);
        y[i] = quantised(2.0 * value, 2.0 * (double)UNIT, 128.0);
        y[ELEMENTS + i] = quantised(value, 2.0 * (double)UNIT, 128.0);
    }
}

static const operator_row rows[] = {
    {"Where", build_where, naive_where, ELEMENTS, -1.0f, 1.0f, 0.01},
    {"Where of two", build_where_both, naive_where_both, ELEMENTS, -1.0f, 1.0f, 0.01},
    {"ScatterND of constants", build_scatter_constants, naive_scatter_constants, ELEMENTS, -1.0f, 1.0f, 0.01},
    {"ScatterND of values", build_scatter_values, naive_scatter_values, ELEMENTS, -1.0f, 1.0f, 0.01},
    {"ScatterElements", build_scatter_elements, naive_scatter_elements, ELEMENTS, -1.0f, 1.0f, 0.01},
    {"MatMul of matrices", build_matrices, naive_matrices, CHANNELS *HEIGHT *OUTPUTS, -1.0f, 1.0f, 0.01},
    {"MatMul from the left", build_left, naive_left, CHANNELS *OUTPUTS *WIDTH, -1.0f, 1.0f, 0.01},
    {"MatMul with a vector", build_vector, naive_vector, CHANNELS *HEIGHT, -1.0f, 1.0f, 0.01},
    {"Gemm with transA", build_turned, naive_turned, PIXELS *OUTPUTS, -1.0f, 1.0f, 0.01},
    {"one axis", build_one_axis, naive_one_axis, OUTPUTS *PIXELS / 2, -1.0f, 1.0f, 0.01},
    {"QLinearConv", build_quantised, naive_quantised, OUTPUTS *PIXELS / 2, -0.9f, 0.9f, 0.02},
    {"DynamicQuantizeLinear", build_dynamic, naive_dynamic, CHANNELS *HEIGHT *OUTPUTS, -1.0f, 1.0f, 0.01},
    {"QLinearAdd", build_pair, naive_pair, 2 * ELEMENTS, -0.9f, 0.9f, 0.01},
};

int main(void)
{
    row_table table = {rows, sizeof rows / sizeof rows[0]}; /* none has a decomposed form */
    const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(rows_fused, &table)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
