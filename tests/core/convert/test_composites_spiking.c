/* Operators that are written out in simpler ones (core/graph/lower.h), quantised activations, and products of matrices
 * of all shapes: one row each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/core/convert/operator_rows.h"

static int32_t permuted(builder *b, int32_t x, int32_t rank, const int64_t *order)
{
    int32_t y = NODE(b, "Transpose", x);
    with_integers(b, "perm", rank, order);
    return y;
}

static int32_t reshaped(builder *b, int32_t x, int32_t rank, const int64_t *dims)
{
    return NODE(b, "Reshape", x, integers(b, rank, dims));
}

static void in_domain(builder *b, const char *domain)
{
    snn_node *node = &b->graph->nodes[b->graph->node_count - 1];
    snn_release(node->domain);
    node->domain = snn_duplicate_text(domain);
}

static double logistic(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

/* ---- functions of one element ---- */

static int32_t build_swish(builder *b, int32_t x)
{
    b->graph->opset = 24;
    int32_t y = NODE(b, "Swish", x);
    with_real(b, "alpha", 1.7f);
    return y;
}
static void naive_swish(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = (double)x[i] * logistic((double)1.7f * (double)x[i]);
    }
}

static int32_t build_quick_gelu(builder *b, int32_t x)
{
    int32_t y = NODE(b, "QuickGelu", x);
    with_real(b, "alpha", 1.7f);
    in_domain(b, "com.microsoft");
    return y;
}

static int32_t build_bias_gelu(builder *b, int32_t x)
{
    int32_t y = NODE(b, "BiasGelu", permuted(b, x, DIMS(0, 2, 3, 1)), rows_weights(b, DIMS(CHANNELS)));
    in_domain(b, "com.microsoft");
    return y;
}
static void naive_bias_gelu(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        double u = (double)x[i % CHANNELS * PIXELS + i / CHANNELS] + (double)rows_weight(i % CHANNELS);
        y[i] = 0.5 * u * (1.0 + erf(u / sqrt(2.0)));
    }
}

static int32_t build_fast_gelu(builder *b, int32_t x)
{
    int32_t y = NODE(b, "FastGelu", x);
    in_domain(b, "com.microsoft");
    return y;
}
static void naive_fast_gelu(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        double u = (double)x[i];
        y[i] = 0.5 * u * (1.0 + tanh(0.7978845608028654 * (u + 0.044715 * u * u * u)));
    }
}

static int32_t power_of(builder *b, int32_t x, float exponent)
{
    return NODE(b, "Pow", x, scalar(b, exponent));
}
static int32_t build_cube(builder *b, int32_t x)
{
    return power_of(b, x, 3.0f);
}
static void naive_cube(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = pow((double)x[i], 3.0);
    }
}
static int32_t build_three_quarters(builder *b, int32_t x)
{
    return power_of(b, x, 0.75f);
}
static void naive_three_quarters(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = pow((double)x[i], 0.75);
    }
}

static int32_t build_cast_like(builder *b, int32_t x)
{
    return NODE(b, "Tanh", NODE(b, "CastLike", x, scalar(b, 1.0f)));
}
static void naive_tanh(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = tanh((double)x[i]);
    }
}

/* ---- reductions ---- */

static int32_t reduced(builder *b, const char *operator, int32_t x)
{
    int32_t y = NODE(b, operator, x);
    with_integers(b, "axes", DIMS(1));
    with_integer(b, "keepdims", 0);
    return y;
}
static int32_t build_l1(builder *b, int32_t x)
{
    return reduced(b, "ReduceL1", x);
}
static int32_t build_l2(builder *b, int32_t x)
{
    b->graph->opset = 18;
    int32_t y = NODE(b, "ReduceL2", x, integers(b, 1, (int64_t[]){-3}));
    with_integer(b, "keepdims", 0);
    return y;
}
static int32_t build_sum_of_squares(builder *b, int32_t x)
{
    return reduced(b, "ReduceSumSquare", x);
}
static void naive_norm(const float *x, double power, double root, double *y)
{
    for (int p = 0; p < PIXELS; p++) {
        double sum = 0.0;
        for (int c = 0; c < CHANNELS; c++) {
            sum += pow(fabs((double)x[c * PIXELS + p]), power);
        }
        y[p] = pow(sum, root);
    }
}
static void naive_l1(const float *x, double *y)
{
    naive_norm(x, 1.0, 1.0, y);
}
static void naive_l2(const float *x, double *y)
{
    naive_norm(x, 2.0, 0.5, y);
}
static void naive_sum_of_squares(const float *x, double *y)
{
    naive_norm(x, 2.0, 1.0, y);
}

static int32_t build_lp_normalization(builder *b, int32_t x)
{
    int32_t y = NODE(b, "LpNormalization", x);
    with_integer(b, "axis", 1);
    return y;
}
static void naive_lp_normalization(const float *x, double *y)
{
    double norms[PIXELS];
    naive_l2(x, norms);
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = (double)x[i] / norms[i % PIXELS];
    }
}

static int32_t build_lrn(builder *b, int32_t x)
{
    int32_t y = NODE(b, "LRN", x);
    with_real(b, "alpha", 0.9f);
    with_real(b, "beta", 0.75f);
    with_real(b, "bias", 2.0f);
    with_integer(b, "size", 3);
    return y;
}
static void naive_lrn(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        double sum = 0.0;
        for (int c = i / PIXELS - 1; c <= i / PIXELS + 1; c++) {
            sum += c >= 0 && c < CHANNELS ? pow((double)x[c * PIXELS + i % PIXELS], 2.0) : 0.0;
        }
        y[i] = (double)x[i] / pow(2.0 + (double)0.9f / 3.0 * sum, 0.75);
    }
}

static int32_t build_mean(builder *b, int32_t x)
{
    return NODE(b, "Mean", x, NODE(b, "Tanh", x), scalar(b, 0.5f));
}
static void naive_mean(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = ((double)x[i] + tanh((double)x[i]) + 0.5) / 3.0;
    }
}

/* ---- resampling ---- */

enum { UP_CHANNELS = 2, UP_HEIGHT = 2 * HEIGHT - 1 + 1, UP_WIDTH = 2 * WIDTH - 1 + 1 };

/* Stride 2, kernel 3 x 2 with one row of pads in front and one row added: 2 (H - 1) + 3 - 1 + ... */
static int32_t build_conv_transpose(builder *b, int32_t x)
{
    int32_t y =
        NODE(b, "ConvTranspose", x, rows_weights(b, DIMS(CHANNELS, 1, 3, 2)), rows_weights(b, DIMS(UP_CHANNELS)));
    with_integer(b, "group", UP_CHANNELS);
    with_integers(b, "strides", DIMS(2, 2));
    with_integers(b, "pads", DIMS(1, 0, 1, 0));
    with_integers(b, "output_padding", DIMS(1, 0));
    return y;
}
static void naive_conv_transpose(const float *x, double *y)
{
    for (int i = 0; i < UP_CHANNELS * UP_HEIGHT * UP_WIDTH; i++) {
        y[i] = (double)rows_weight(i / (UP_HEIGHT * UP_WIDTH));
    }
    for (int c = 0; c < CHANNELS; c++) {
        for (int p = 0; p < PIXELS; p++) {
            for (int k = 0; k < 6; k++) {
                const int row = p / WIDTH * 2 + k / 2 - 1, column = p % WIDTH * 2 + k % 2;
                if (row >= 0 && row < UP_HEIGHT && column < UP_WIDTH) {
                    y[(c / 2 * UP_HEIGHT + row) * UP_WIDTH + column] +=
                        (double)x[c * PIXELS + p] * (double)rows_weight(c * 6 + k);
                }
            }
        }
    }
}

static int32_t build_resize(builder *b, int32_t x)
{
    float factors[] = {1.0f, 1.0f, 2.0f, 1.5f};
    int32_t y = NODE(b, "Resize", x, SNN_NO_VALUE, given(b, factors, DIMS(4)));
    with_text(b, "mode", "linear");
    return y;
}
static void naive_resize(const float *x, double *y)
{
    for (int i = 0; i < CHANNELS * 2 * HEIGHT * 9; i++) {
        double sum = 0.0;
        const double row = (i / 9 % (2 * HEIGHT) + 0.5) / 2.0 - 0.5, column = (i % 9 + 0.5) / 1.5 - 0.5;
        for (int h = -1; h <= HEIGHT; h++) {
            for (int w = -1; w <= WIDTH; w++) {
                const int in_h = h < 0 ? 0 : h < HEIGHT ? h : HEIGHT - 1, in_w = w < 0 ? 0 : w < WIDTH ? w : WIDTH - 1;
                sum += fmax(0.0, 1.0 - fabs(row - h)) * fmax(0.0, 1.0 - fabs(column - w)) *
                       pixel(x, i / 9 / (2 * HEIGHT), in_h, in_w);
            }
        }
        y[i] = sum;
    }
}

/* ---- products ---- */

/* Channels with weights: "bchw,dc->bdhw". */
static int32_t build_einsum_weights(builder *b, int32_t x)
{
    int32_t y = NODE(b, "Einsum", x, rows_weights(b, DIMS(3, CHANNELS)));
    with_text(b, "equation", "bchw,dc->bhwd");
    return y;
}
static void naive_einsum_weights(const float *x, double *y)
{
    for (int i = 0; i < 3 * PIXELS; i++) {
        y[i] = 0.0;
        for (int c = 0; c < CHANNELS; c++) {
            y[i] += (double)x[c * PIXELS + i / 3] * (double)rows_weight(i % 3 * CHANNELS + c);
        }
    }
}

/* Positions of a channel with each other, heads being channels; several matrices, not square. */
static int32_t build_einsum_batch(builder *b, int32_t x)
{
    int32_t y = NODE(b, "Einsum", x, NODE(b, "Tanh", x));
    with_text(b, "equation", "bchw,bcgw->bchg");
    return y;
}
static void naive_einsum_batch(const float *x, double *y)
{
    for (int i = 0; i < CHANNELS * HEIGHT * HEIGHT; i++) {
        y[i] = 0.0;
        for (int w = 0; w < WIDTH; w++) {
            y[i] += pixel(x, i / 4, i / 2 % 2, w) * tanh(pixel(x, i / 4, i % 2, w));
        }
    }
}

/* Pooling of a sequence by weights of its own, as compact transformers do: 1 x P times P x C. */
static int32_t build_sequence_pool(builder *b, int32_t x)
{
    int32_t sequence = permuted(b, reshaped(b, x, DIMS(1, CHANNELS, PIXELS)), DIMS(0, 2, 1));
    int32_t scores = NODE(b, "Softmax", NODE(b, "MatMul", sequence, rows_weights(b, DIMS(CHANNELS, 1))));
    with_integer(b, "axis", 1);
    return NODE(b, "MatMul", permuted(b, scores, DIMS(0, 2, 1)), sequence);
}
static void naive_sequence_pool(const float *x, double *y)
{
    double sum = 0.0, mixed[CHANNELS] = {0.0};
    for (int p = 0; p < PIXELS; p++) {
        double score = 0.0;
        for (int c = 0; c < CHANNELS; c++) {
            score += (double)x[c * PIXELS + p] * (double)rows_weight(c);
        }
        sum += exp(score);
        for (int c = 0; c < CHANNELS; c++) {
            mixed[c] += exp(score) * (double)x[c * PIXELS + p];
        }
    }
    for (int c = 0; c < CHANNELS; c++) {
        y[c] = mixed[c] / sum;
    }
}

/* H x W of each channel times W x 3 of each: more columns than rows, and the other way round. */
static int32_t build_wide_product(builder *b, int32_t x)
{
    int32_t right = NODE(b, "Tanh", permuted(b, x, DIMS(0, 1, 3, 2)));
    return NODE(b, "MatMul", permuted(b, right, DIMS(0, 1, 2, 3)), NODE(b, "Tanh", x));
}
static void naive_wide_product(const float *x, double *y)
{
    for (int i = 0; i < CHANNELS * WIDTH * WIDTH; i++) {
        y[i] = 0.0;
        for (int h = 0; h < HEIGHT; h++) {
            y[i] += tanh(pixel(x, i / (WIDTH * WIDTH), h, i / WIDTH % WIDTH)) *
                    tanh(pixel(x, i / (WIDTH * WIDTH), h, i % WIDTH));
        }
    }
}

static int32_t build_fused_matmul(builder *b, int32_t x)
{
    int32_t rows = permuted(b, reshaped(b, x, DIMS(1, CHANNELS, PIXELS)), DIMS(0, 2, 1));
    int32_t y = NODE(b, "FusedMatMul", rows, rows_weights(b, DIMS(3, CHANNELS)));
    with_integer(b, "transB", 1);
    with_real(b, "alpha", 0.5f);
    in_domain(b, "com.microsoft");
    return y;
}
static void naive_fused_matmul(const float *x, double *y)
{
    naive_einsum_weights(x, y);
    for (int i = 0; i < 3 * PIXELS; i++) {
        y[i] *= 0.5;
    }
}

static int32_t build_fused_conv(builder *b, int32_t x)
{
    int32_t y =
        NODE(b, "FusedConv", x, rows_weights(b, DIMS(CHANNELS, CHANNELS, 1, 1)), rows_weights(b, DIMS(CHANNELS)), x);
    with_text(b, "activation", "Relu");
    in_domain(b, "com.microsoft");
    return y;
}
static void naive_fused_conv(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = (double)rows_weight(i / PIXELS) + (double)x[i];
        for (int c = 0; c < CHANNELS; c++) {
            y[i] += (double)x[c * PIXELS + i % PIXELS] * (double)rows_weight(i / PIXELS * CHANNELS + c);
        }
        y[i] = fmax(y[i], 0.0);
    }
}

/* ---- normalisation with a sum ---- */

static int32_t build_skip_layer_normalization(builder *b, int32_t x)
{
    int32_t rows = permuted(b, reshaped(b, x, DIMS(1, CHANNELS, PIXELS)), DIMS(0, 2, 1));
    int32_t y = NODE(b, "SkipLayerNormalization", rows, NODE(b, "Tanh", rows), positive(b, DIMS(CHANNELS)),
                     rows_weights(b, DIMS(CHANNELS)), rows_weights(b, DIMS(CHANNELS)));
    in_domain(b, "com.microsoft");
    with_real(b, "epsilon", 0.01f);
    float *gain = b->graph->values[b->graph->nodes[b->graph->node_count - 1].inputs[2]].tensor.data;
    for (int c = 0; c < CHANNELS; c++) {
        gain[c] = 1.0f + rows_weight(c + 1);
    }
    int32_t sum = more_outputs(b, 3) + 2;
    return NODE(b, "Add", y, sum);
}
static void naive_skip_layer_normalization(const float *x, double *y)
{
    for (int p = 0; p < PIXELS; p++) {
        double sum[CHANNELS], mean = 0.0, variance = 0.0;
        for (int c = 0; c < CHANNELS; c++) {
            const double element = (double)x[c * PIXELS + p];
            sum[c] = element + tanh(element) + (double)rows_weight(c);
            mean += sum[c] / CHANNELS;
        }
        for (int c = 0; c < CHANNELS; c++) {
            variance += (sum[c] - mean) * (sum[c] - mean) / CHANNELS;
        }
        for (int c = 0; c < CHANNELS; c++) {
            y[p * CHANNELS + c] =
                (sum[c] - mean) / sqrt(variance + (double)0.01f) * (1.0 + (double)rows_weight(c + 1)) +
                (double)rows_weight(c) + sum[c];
        }
    }
}

/* ---- quantised activations ---- */

static int32_t quantised(builder *b, int32_t x, float unit, snn_type type, int zero)
{
    int32_t scale = scalar(b, unit), point = builder_value(b, "zero");
    snn_tensor *tensor = &b->graph->values[point].tensor;
    tensor->type = type;
    b->graph->values[point].constant = true;
    assert_true(snn_tensor_allocate(tensor).code == SNN_OK);
    *(unsigned char *)tensor->data = (unsigned char)zero;
    return NODE(b, "DequantizeLinear", NODE(b, "QuantizeLinear", x, scale, point), scale, point);
}

/* From below zero on: passes all that it can hold. The pixels are multiples of no unit, so the trained value is
 * compared with what quantising makes of it. */
static int32_t build_quantised(builder *b, int32_t x)
{
    return NODE(b, "Tanh", quantised(b, x, 1.0f / 64.0f, SNN_TYPE_INT8, 5));
}
static void naive_quantised(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = tanh(nearbyint((double)x[i] * 64.0) / 64.0);
    }
}

/* From zero on: the ReLU that the quantiser left out. */
static int32_t build_quantised_relu(builder *b, int32_t x)
{
    return quantised(b, NODE(b, "Mul", x, scalar(b, 2.0f)), 1.0f / 128.0f, SNN_TYPE_UINT8, 0);
}
static void naive_quantised_relu(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = fmin(fmax(nearbyint((double)x[i] * 2.0 * 128.0), 0.0), 255.0) / 128.0;
    }
}

static const operator_row rows[] = {
    {"Swish", build_swish, naive_swish, ELEMENTS, -2.0f, 2.0f, 0.03},
    {"QuickGelu", build_quick_gelu, naive_swish, ELEMENTS, -2.0f, 2.0f, 0.03},
    {"BiasGelu", build_bias_gelu, naive_bias_gelu, ELEMENTS, -2.0f, 2.0f, 0.02},
    {"FastGelu", build_fast_gelu, naive_fast_gelu, ELEMENTS, -2.0f, 2.0f, 0.02},
    {"Pow 3", build_cube, naive_cube, ELEMENTS, -1.0f, 1.0f, 0.05},
    {"Pow 3/4", build_three_quarters, naive_three_quarters, ELEMENTS, 0.1f, 2.0f, 0.03},
    {"CastLike", build_cast_like, naive_tanh, ELEMENTS, -2.0f, 2.0f, 0.02},
    {"ReduceL1", build_l1, naive_l1, PIXELS, -1.0f, 1.0f, 0.03},
    {"ReduceL2", build_l2, naive_l2, PIXELS, -1.0f, 1.0f, 0.03},
    {"ReduceSumSquare", build_sum_of_squares, naive_sum_of_squares, PIXELS, -1.0f, 1.0f, 0.03},
    {"LpNormalization", build_lp_normalization, naive_lp_normalization, ELEMENTS, -1.0f, 1.0f, 0.04},
    {"LRN", build_lrn, naive_lrn, ELEMENTS, -2.0f, 2.0f, 0.03},
    {"Mean", build_mean, naive_mean, ELEMENTS, -2.0f, 2.0f, 0.02},
    {"ConvTranspose", build_conv_transpose, naive_conv_transpose, UP_CHANNELS *UP_HEIGHT *UP_WIDTH, -1.0f, 1.0f, 0.02},
    {"Resize linear", build_resize, naive_resize, CHANNELS * 2 * HEIGHT * 9, -1.0f, 1.0f, 0.02},
    {"Einsum with weights", build_einsum_weights, naive_einsum_weights, 3 * PIXELS, -1.0f, 1.0f, 0.02},
    {"Einsum of a batch", build_einsum_batch, naive_einsum_batch, CHANNELS *HEIGHT *HEIGHT, -1.0f, 1.0f, 0.03},
    {"sequence pooling", build_sequence_pool, naive_sequence_pool, CHANNELS, -1.0f, 1.0f, 0.03},
    {"wide product", build_wide_product, naive_wide_product, CHANNELS *WIDTH *WIDTH, -1.0f, 1.0f, 0.03},
    {"FusedMatMul", build_fused_matmul, naive_fused_matmul, 3 * PIXELS, -1.0f, 1.0f, 0.02},
    {"FusedConv", build_fused_conv, naive_fused_conv, ELEMENTS, -1.0f, 1.0f, 0.02},
    {"SkipLayerNormalization", build_skip_layer_normalization, naive_skip_layer_normalization, ELEMENTS, -1.0f, 1.0f,
     0.04},
    {"quantised", build_quantised, naive_quantised, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"quantised from zero", build_quantised_relu, naive_quantised_relu, ELEMENTS, -1.0f, 1.0f, 0.03},
};

int main(void)
{
    return rows_main(rows, sizeof rows / sizeof rows[0]);
}
