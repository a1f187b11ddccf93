/* Every operator that moves, sums or puts together: one row each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/core/convert/operator_rows.h"

static const float channel_numbers[CHANNELS] = {0.3f, -0.7f, 1.4f, 0.9f};

/* ---- arithmetic ---- */

static int32_t build_sub(builder *b, int32_t x)
{
    return NODE(b, "Sub", NODE(b, "Relu", x), x);
}
static void naive_sub(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = x[i] < 0.0f ? -(double)x[i] : 0.0;
    }
}

static int32_t build_neg(builder *b, int32_t x)
{
    return NODE(b, "Neg", x);
}
static void naive_neg(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = -(double)x[i];
    }
}

static int32_t build_sum(builder *b, int32_t x)
{
    return NODE(b, "Sum", x, NODE(b, "Relu", x), x);
}
static void naive_sum(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = (double)x[i] * (x[i] > 0.0f ? 3.0 : 2.0);
    }
}

/* Layer scale: a gain for each channel. */
static int32_t build_layer_scale(builder *b, int32_t x)
{
    return NODE(b, "Add", x, NODE(b, "Mul", given(b, channel_numbers, DIMS(CHANNELS, 1, 1)), NODE(b, "Relu", x)));
}
static void naive_layer_scale(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = (double)x[i] + (x[i] > 0.0f ? (double)x[i] * (double)channel_numbers[i / PIXELS] : 0.0);
    }
}

/* An activation that broadcasts: each channel's mean taken away. */
static int32_t build_sub_broadcast(builder *b, int32_t x)
{
    return NODE(b, "Sub", x, NODE(b, "GlobalAveragePool", x));
}
static void naive_sub_broadcast(const float *x, double *y)
{
    for (int c = 0; c < CHANNELS; c++) {
        double mean = 0.0;
        for (int p = 0; p < PIXELS; p++) {
            mean += (double)x[c * PIXELS + p] / PIXELS;
        }
        for (int p = 0; p < PIXELS; p++) {
            y[c * PIXELS + p] = (double)x[c * PIXELS + p] - mean;
        }
    }
}

/* Squeeze and excitation: a gate of each channel. */
static int32_t build_channel_gate(builder *b, int32_t x)
{
    return NODE(b, "Mul", NODE(b, "Sigmoid", NODE(b, "GlobalAveragePool", x)), x);
}
static void naive_channel_gate(const float *x, double *y)
{
    for (int c = 0; c < CHANNELS; c++) {
        double mean = 0.0;
        for (int p = 0; p < PIXELS; p++) {
            mean += (double)x[c * PIXELS + p] / PIXELS;
        }
        for (int p = 0; p < PIXELS; p++) {
            y[c * PIXELS + p] = (double)x[c * PIXELS + p] / (1.0 + exp(-mean));
        }
    }
}

/* A gate of each position. */
static int32_t build_position_gate(builder *b, int32_t x)
{
    int32_t weights = given(b, channel_numbers, DIMS(1, CHANNELS, 1, 1));
    return NODE(b, "Mul", x, NODE(b, "Sigmoid", NODE(b, "Conv", x, weights)));
}
static void naive_position_gate(const float *x, double *y)
{
    for (int p = 0; p < PIXELS; p++) {
        double sum = 0.0;
        for (int c = 0; c < CHANNELS; c++) {
            sum += (double)channel_numbers[c] * (double)x[c * PIXELS + p];
        }
        for (int c = 0; c < CHANNELS; c++) {
            y[c * PIXELS + p] = (double)x[c * PIXELS + p] / (1.0 + exp(-sum));
        }
    }
}

static int32_t build_product(builder *b, int32_t x)
{
    return NODE(b, "Mul", x, NODE(b, "Relu", x));
}
static void naive_product(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = x[i] > 0.0f ? (double)x[i] * (double)x[i] : 0.0;
    }
}

static int32_t build_quotient(builder *b, int32_t x)
{
    return NODE(b, "Div", x, NODE(b, "Add", NODE(b, "Abs", x), scalar(b, 1.0f)));
}
static void naive_quotient(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = (double)x[i] / (1.0 + fabs((double)x[i]));
    }
}

/* Divisors of both signs, none near 0. */
static int32_t build_signed_quotient(builder *b, int32_t x)
{
    static const float offsets[CHANNELS] = {-2.0f, 2.0f, -3.0f, 2.5f};
    int32_t divisor = NODE(b, "Add", NODE(b, "Mul", x, scalar(b, 0.5f)), given(b, offsets, DIMS(CHANNELS, 1, 1)));
    return NODE(b, "Div", x, divisor);
}
static void naive_signed_quotient(const float *x, double *y)
{
    static const double offsets[CHANNELS] = {-2.0, 2.0, -3.0, 2.5};
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = (double)x[i] / (0.5 * (double)x[i] + offsets[i / PIXELS]);
    }
}

/* ---- parts ---- */

/* Channels {0} and {1, 2, 3}, put together the other way round. */
static int32_t build_split(builder *b, int32_t x)
{
    int32_t first = NODE(b, "Split", x, integers(b, 2, (int64_t[]){1, 3}));
    int32_t second = more_outputs(b, 1);
    with_integer(b, "axis", 1);
    int32_t y = NODE(b, "Concat", second, NODE(b, "Relu", first));
    with_integer(b, "axis", 1);
    return y;
}
static void naive_split(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        double from = (double)x[(i + PIXELS) % ELEMENTS];
        y[i] = i < 3 * PIXELS || from > 0.0 ? from : 0.0;
    }
}

static int32_t build_split_columns(builder *b, int32_t x)
{
    int32_t left = NODE(b, "Split", x);
    int32_t right = more_outputs(b, 2);
    with_integer(b, "axis", 3);
    return NODE(b, "Add", left, right + 1); /* the first and the last third */
}
static void naive_split_columns(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS / 3; i++) {
        const float *row = x + i / 2 * WIDTH;
        y[i] = (double)row[i % 2] + (double)row[4 + i % 2];
    }
}

static int32_t build_concat_rows(builder *b, int32_t x)
{
    int32_t y = NODE(b, "Concat", NODE(b, "Relu", x), x);
    with_integer(b, "axis", 2);
    return y;
}
static void naive_concat_rows(const float *x, double *y)
{
    for (int c = 0; c < CHANNELS; c++) {
        for (int p = 0; p < PIXELS; p++) {
            double from = (double)x[c * PIXELS + p];
            y[2 * c * PIXELS + p] = from > 0.0 ? from : 0.0;
            y[(2 * c + 1) * PIXELS + p] = from;
        }
    }
}

/* A constant channel. */
static int32_t build_concat_constant(builder *b, int32_t x)
{
    float plane[PIXELS];
    for (int p = 0; p < PIXELS; p++) {
        plane[p] = 0.1f * (float)p;
    }
    int32_t y = NODE(b, "Concat", given(b, plane, DIMS(1, 1, HEIGHT, WIDTH)), x);
    with_integer(b, "axis", -3);
    return y;
}
static void naive_concat_constant(const float *x, double *y)
{
    for (int p = 0; p < PIXELS; p++) {
        y[p] = (double)(0.1f * (float)p);
    }
    for (int i = 0; i < ELEMENTS; i++) {
        y[PIXELS + i] = (double)x[i];
    }
}

/* The image as tokens [1][positions][channels]. */
static int32_t tokens(builder *b, int32_t x)
{
    int32_t v = NODE(b, "Reshape", x, integers(b, 3, (int64_t[]){1, CHANNELS, PIXELS}));
    v = NODE(b, "Transpose", v);
    with_integers(b, "perm", DIMS(0, 2, 1));
    return v;
}

/* A class token before the others, then a position embedding. */
static int32_t build_class_token(builder *b, int32_t x)
{
    float embedding[(PIXELS + 1) * CHANNELS];
    for (int i = 0; i < (PIXELS + 1) * CHANNELS; i++) {
        embedding[i] = 0.02f * (float)(i % 17);
    }
    int32_t token = given(b, channel_numbers, DIMS(1, 1, CHANNELS));
    token = NODE(b, "Expand", token, integers(b, 3, (int64_t[]){1, -1 + 2, -1 + 2}));
    int32_t v = NODE(b, "Concat", token, tokens(b, x));
    with_integer(b, "axis", 1);
    return NODE(b, "Add", v, given(b, embedding, DIMS(1, PIXELS + 1, CHANNELS)));
}
static void naive_class_token(const float *x, double *y)
{
    for (int i = 0; i < (PIXELS + 1) * CHANNELS; i++) {
        int token = i / CHANNELS - 1, c = i % CHANNELS;
        double value = token < 0 ? (double)channel_numbers[c] : (double)x[c * PIXELS + token];
        y[i] = value + (double)(0.02f * (float)(i % 17));
    }
}

/* The class token's output: the sum of it and what the others hold. */
static int32_t build_take_token(builder *b, int32_t x)
{
    int32_t first = builder_value(b, "index");
    snn_tensor *tensor = &b->graph->values[first].tensor;
    tensor->type = SNN_TYPE_INT64;
    b->graph->values[first].constant = true;
    assert_int_equal(snn_tensor_allocate(tensor).code, SNN_OK);
    *(int64_t *)tensor->data = 7;
    int32_t y = NODE(b, "Gather", tokens(b, x), first);
    with_integer(b, "axis", 1);
    return y;
}
static void naive_take_token(const float *x, double *y)
{
    for (int c = 0; c < CHANNELS; c++) {
        y[c] = (double)x[c * PIXELS + 7];
    }
}

/* ---- movements ---- */

/* Pixels by row and column, as PyTorch indexes with tensors: [3] of [rows][columns][1][channels]. */
static int32_t build_gather_places(builder *b, int32_t x)
{
    int32_t rows = NODE(b, "Transpose", x);
    with_integers(b, "perm", DIMS(2, 3, 0, 1));
    int32_t places = integers(b, 6, (int64_t[]){1, 4, 0, -1, 0, 0});
    set_dims(&b->graph->values[places].tensor, DIMS(3, 2));
    return NODE(b, "GatherND", rows, places);
}
static void naive_gather_places(const float *x, double *y)
{
    static const int places[] = {WIDTH + 4, WIDTH - 1, 0};
    for (int i = 0; i < 3 * CHANNELS; i++) {
        y[i] = (double)x[i % CHANNELS * PIXELS + places[i / CHANNELS]];
    }
}

static int32_t build_gather_elements(builder *b, int32_t x)
{
    int64_t channels[PIXELS];
    for (int p = 0; p < PIXELS; p++) {
        channels[p] = p % CHANNELS;
    }
    int32_t indices = integers(b, PIXELS, channels);
    set_dims(&b->graph->values[indices].tensor, DIMS(1, 1, HEIGHT, WIDTH));
    int32_t y = NODE(b, "GatherElements", x, indices);
    with_integer(b, "axis", 1);
    return y;
}
static void naive_gather_elements(const float *x, double *y)
{
    for (int p = 0; p < PIXELS; p++) {
        y[p] = (double)x[p % CHANNELS * PIXELS + p];
    }
}

static int32_t build_triangle(builder *b, int32_t x)
{
    int32_t y = NODE(b, "Trilu", x);
    with_integer(b, "upper", 0);
    return y;
}
static void naive_triangle(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = i % WIDTH <= i / WIDTH % HEIGHT ? (double)x[i] : 0.0;
    }
}

static int32_t build_gather(builder *b, int32_t x)
{
    int32_t y = NODE(b, "Gather", x, integers(b, 5, (int64_t[]){5, 0, 0, 2, -2}));
    with_integer(b, "axis", 3);
    return y;
}
static void naive_gather(const float *x, double *y)
{
    static const int columns[5] = {5, 0, 0, 2, 4};
    for (int i = 0; i < CHANNELS * HEIGHT * 5; i++) {
        y[i] = (double)x[i / 5 * WIDTH + columns[i % 5]];
    }
}

static int32_t build_pad_constant(builder *b, int32_t x)
{
    return NODE(b, "Pad", x, integers(b, 8, (int64_t[]){0, 0, 1, 0, 0, 1, 0, 2}), scalar(b, 0.5f));
}
static void naive_pad_constant(const float *x, double *y)
{
    for (int c = 0; c <= CHANNELS; c++) {
        for (int h = 0; h <= HEIGHT; h++) {
            for (int w = 0; w < WIDTH + 2; w++) {
                bool inside = c < CHANNELS && h > 0 && w < WIDTH;
                y[(c * (HEIGHT + 1) + h) * (WIDTH + 2) + w] = inside ? pixel(x, c, h - 1, w) : 0.5;
            }
        }
    }
}

static int32_t build_resize(builder *b, int32_t x)
{
    static const float factors[4] = {1.0f, 1.0f, 2.0f, 2.0f};
    int32_t y = NODE(b, "Resize", x, SNN_NO_VALUE, given(b, factors, DIMS(4)));
    with_text(b, "mode", "nearest");
    with_text(b, "coordinate_transformation_mode", "asymmetric");
    with_text(b, "nearest_mode", "floor");
    return y;
}
static int32_t build_resize_sizes(builder *b, int32_t x)
{
    return NODE(b, "Resize", x, SNN_NO_VALUE, SNN_NO_VALUE,
                integers(b, 4, (int64_t[]){1, CHANNELS, 2 * HEIGHT, 2 * WIDTH}));
}
static void naive_resize(const float *x, double *y)
{
    for (int i = 0; i < 4 * ELEMENTS; i++) {
        int c = i / (4 * PIXELS), h = i / (2 * WIDTH) % (2 * HEIGHT), w = i % (2 * WIDTH);
        y[i] = pixel(x, c, h / 2, w / 2);
    }
}

static int32_t build_tile(builder *b, int32_t x)
{
    return NODE(b, "Tile", x, integers(b, 4, (int64_t[]){1, 2, 1, 2}));
}
static void naive_tile(const float *x, double *y)
{
    for (int i = 0; i < 4 * ELEMENTS; i++) {
        int c = i / (2 * PIXELS), h = i / (2 * WIDTH) % HEIGHT, w = i % (2 * WIDTH);
        y[i] = pixel(x, c % CHANNELS, h, w % WIDTH);
    }
}

static int32_t build_depth_to_space(builder *b, int32_t x)
{
    int32_t y = NODE(b, "DepthToSpace", x);
    with_integer(b, "blocksize", 2);
    return y;
}
static void naive_depth_to_space(const float *x, double *y)
{
    for (int h = 0; h < 2 * HEIGHT; h++) {
        for (int w = 0; w < 2 * WIDTH; w++) {
            y[h * 2 * WIDTH + w] = pixel(x, h % 2 * 2 + w % 2, h / 2, w / 2);
        }
    }
}

static int32_t build_space_to_depth(builder *b, int32_t x)
{
    int32_t y = NODE(b, "SpaceToDepth", x);
    with_integer(b, "blocksize", 2);
    return y;
}
static void naive_space_to_depth(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        int from = i / (PIXELS / 4), w = i % (WIDTH / 2);
        int block = from / CHANNELS;
        y[i] = pixel(x, from % CHANNELS, block / 2, 2 * w + block % 2);
    }
}

static int32_t build_expand(builder *b, int32_t x)
{
    return NODE(b, "Expand", NODE(b, "GlobalAveragePool", x), integers(b, 4, (int64_t[]){1, CHANNELS, 3, 1}));
}
static void naive_expand(const float *x, double *y)
{
    for (int i = 0; i < 3 * CHANNELS; i++) {
        y[i] = 0.0;
        for (int p = 0; p < PIXELS; p++) {
            y[i] += (double)x[i / 3 * PIXELS + p] / PIXELS;
        }
    }
}

static const operator_row rows[] = {
    {"Sub", build_sub, naive_sub, ELEMENTS, -1.0f, 1.0f, 0.02},
    {"Neg", build_neg, naive_neg, ELEMENTS, -1.0f, 1.0f, 0.02},
    {"Sum", build_sum, naive_sum, ELEMENTS, -1.0f, 1.0f, 0.02},
    {"Mul (layer scale)", build_layer_scale, naive_layer_scale, ELEMENTS, -1.0f, 1.0f, 0.02},
    {"Sub (broadcast)", build_sub_broadcast, naive_sub_broadcast, ELEMENTS, -1.0f, 2.0f, 0.02},
    {"Mul (gate of channels)", build_channel_gate, naive_channel_gate, ELEMENTS, -1.0f, 2.0f, 0.02},
    {"Mul (gate of positions)", build_position_gate, naive_position_gate, ELEMENTS, -1.0f, 2.0f, 0.02},
    {"Mul (two activations)", build_product, naive_product, ELEMENTS, -1.0f, 1.0f, 0.02},
    {"Div (two activations)", build_quotient, naive_quotient, ELEMENTS, -1.0f, 1.0f, 0.02},
    {"Div (divisors of both signs)", build_signed_quotient, naive_signed_quotient, ELEMENTS, -1.0f, 1.0f, 0.02},
    {"Split", build_split, naive_split, ELEMENTS, -1.0f, 1.0f, 0.02},
    {"Split (columns)", build_split_columns, naive_split_columns, ELEMENTS / 3, -1.0f, 1.0f, 0.02},
    {"Concat (rows)", build_concat_rows, naive_concat_rows, 2 * ELEMENTS, -1.0f, 1.0f, 0.02},
    {"Concat (constant)", build_concat_constant, naive_concat_constant, ELEMENTS + PIXELS, -1.0f, 1.0f, 0.02},
    {"Concat (class token)", build_class_token, naive_class_token, ELEMENTS + CHANNELS, -1.0f, 1.0f, 0.02},
    {"Gather (a token)", build_take_token, naive_take_token, CHANNELS, -1.0f, 1.0f, 0.02},
    {"GatherND", build_gather_places, naive_gather_places, 3 * CHANNELS, -1.0f, 1.0f, 0.02},
    {"GatherElements", build_gather_elements, naive_gather_elements, PIXELS, -1.0f, 1.0f, 0.02},
    {"Trilu", build_triangle, naive_triangle, ELEMENTS, -1.0f, 1.0f, 0.02},
    {"Gather (columns)", build_gather, naive_gather, CHANNELS *HEIGHT * 5, -1.0f, 1.0f, 0.02},
    {"Pad (constant)", build_pad_constant, naive_pad_constant, (CHANNELS + 1) * (HEIGHT + 1) * (WIDTH + 2), -1.0f, 1.0f,
     0.02},
    {"Resize", build_resize, naive_resize, 4 * ELEMENTS, -1.0f, 1.0f, 0.02},
    {"Resize (sizes)", build_resize_sizes, naive_resize, 4 * ELEMENTS, -1.0f, 1.0f, 0.02},
    {"Tile", build_tile, naive_tile, 4 * ELEMENTS, -1.0f, 1.0f, 0.02},
    {"DepthToSpace", build_depth_to_space, naive_depth_to_space, ELEMENTS, -1.0f, 1.0f, 0.02},
    {"SpaceToDepth", build_space_to_depth, naive_space_to_depth, ELEMENTS, -1.0f, 1.0f, 0.02},
    {"Expand", build_expand, naive_expand, 3 * CHANNELS, -1.0f, 2.0f, 0.02},
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
