/* Attention in the ways in which exporters write it: one row each, all against one naive function. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/core/convert/attention_rows.h"

/* From q, k and v, [1][head][token][channel of the head], to the joined heads. */
static int32_t attention_with(builder *b, int32_t q, int32_t k, int32_t v, int32_t mask)
{
    int32_t scores = NODE(b, "MatMul", q, permuted(b, k, DIMS(0, 1, 3, 2)));
    scores = NODE(b, "Mul", scores, scalar(b, SCALE));
    scores = mask == SNN_NO_VALUE ? scores : NODE(b, "Add", scores, mask);
    int32_t y = NODE(b, "MatMul", softmax_of(b, scores), v);
    return reshaped(b, permuted(b, y, DIMS(0, 2, 1, 3)), DIMS(1, TOKENS, CHANNELS));
}

static int32_t attention(builder *b, int32_t q, int32_t k, int32_t v)
{
    return attention_with(b, q, k, v, SNN_NO_VALUE);
}

static int32_t separate(builder *b, int32_t x, int32_t mask)
{
    int32_t t = tokens(b, x);
    int32_t q = heads_of(b, projected(b, t, 0, CHANNELS));
    int32_t k = heads_of(b, projected(b, t, CHANNELS, CHANNELS));
    int32_t v = heads_of(b, projected(b, t, 2 * CHANNELS, CHANNELS));
    return attention_with(b, q, k, v, mask);
}

/* The same mask for all heads. */
static int32_t build_causal(builder *b, int32_t x)
{
    return separate(b, x, mask_of(b, 1, causal, DIMS(1, 1, TOKENS, TOKENS)));
}

/* A bias of its own for each head, as of relative positions. */
static int32_t build_relative(builder *b, int32_t x)
{
    return separate(b, x, mask_of(b, HEADS, relative, DIMS(HEADS, TOKENS, TOKENS)));
}

static int32_t build_separate(builder *b, int32_t x)
{
    return separate(b, x, SNN_NO_VALUE);
}

/* The root of the scale at both queries and keys; keys transposed at once. */
static int32_t build_scaled_operands(builder *b, int32_t x)
{
    int32_t t = tokens(b, x);
    int32_t q = heads_of(b, NODE(b, "Mul", projected(b, t, 0, CHANNELS), scalar(b, sqrtf(SCALE))));
    int32_t k = reshaped(b, projected(b, t, CHANNELS, CHANNELS), DIMS(1, TOKENS, HEADS, HEAD_WIDTH));
    k = NODE(b, "Div", permuted(b, k, DIMS(0, 2, 3, 1)), scalar(b, 1.0f / sqrtf(SCALE)));
    int32_t v = heads_of(b, projected(b, t, 2 * CHANNELS, CHANNELS));
    int32_t y = NODE(b, "MatMul", softmax_of(b, NODE(b, "MatMul", q, k)), v);
    return reshaped(b, permuted(b, y, DIMS(0, 2, 1, 3)), DIMS(1, TOKENS, CHANNELS));
}

static int32_t build_split(builder *b, int32_t x)
{
    int32_t q = NODE(b, "Split", all_projected(b, x));
    int32_t k = more_outputs(b, 2);
    with_integer(b, "axis", 2);
    return attention(b, heads_of(b, q), heads_of(b, k), heads_of(b, k + 1));
}

static int32_t build_slices(builder *b, int32_t x)
{
    int32_t all = all_projected(b, x), parts[3];
    for (int64_t i = 0; i < 3; i++) {
        parts[i] = NODE(b, "Slice", all, integers(b, 1, (int64_t[]){i * CHANNELS}),
                        integers(b, 1, (int64_t[]){(i + 1) * CHANNELS}), integers(b, 1, (int64_t[]){2}));
        parts[i] = heads_of(b, parts[i]);
    }
    return attention(b, parts[0], parts[1], parts[2]);
}

/* [3][1][head][token][channel of the head] */
static int32_t stacked(builder *b, int32_t x)
{
    return permuted(b, reshaped(b, all_projected(b, x), DIMS(1, TOKENS, 3, HEADS, HEAD_WIDTH)), DIMS(2, 0, 3, 1, 4));
}

static int32_t index_of(builder *b, int64_t number)
{
    int32_t v = integers(b, 1, &number);
    b->graph->values[v].tensor.rank = 0;
    return v;
}

static int32_t build_gathered(builder *b, int32_t x)
{
    int32_t all = stacked(b, x), parts[3];
    for (int i = 0; i < 3; i++) {
        parts[i] = NODE(b, "Gather", all, index_of(b, i));
        with_integer(b, "axis", 0);
    }
    return attention(b, parts[0], parts[1], parts[2]);
}

static int32_t build_split_and_squeezed(builder *b, int32_t x)
{
    int32_t q = NODE(b, "Split", stacked(b, x));
    int32_t k = more_outputs(b, 2);
    with_integer(b, "axis", 0);
    int32_t parts[3] = {q, k, k + 1};
    for (int i = 0; i < 3; i++) {
        parts[i] = NODE(b, "Squeeze", parts[i], integers(b, 1, (int64_t[]){0}));
    }
    return attention(b, parts[0], parts[1], parts[2]);
}

/* Tokens before the batch, heads as a batch, the output product of rows. */
static int32_t build_tokens_first(builder *b, int32_t x)
{
    int32_t all = projected(b, permuted(b, tokens(b, x), DIMS(1, 0, 2)), 0, 3 * CHANNELS), parts[3];
    all = NODE(b, "Unsqueeze", reshaped(b, all, DIMS(TOKENS, 1, 3, CHANNELS)), integers(b, 1, (int64_t[]){0}));
    all = NODE(b, "Squeeze", permuted(b, all, DIMS(3, 1, 2, 0, 4)), integers(b, 1, (int64_t[]){3}));
    for (int i = 0; i < 3; i++) {
        parts[i] = NODE(b, "Gather", all, index_of(b, i));
        with_integer(b, "axis", 0);
        parts[i] = permuted(b, reshaped(b, parts[i], DIMS(TOKENS, HEADS, HEAD_WIDTH)), DIMS(1, 0, 2));
    }
    int32_t q = NODE(b, "Mul", parts[0], scalar(b, SCALE));
    int32_t scores = NODE(b, "MatMul", q, permuted(b, parts[1], DIMS(0, 2, 1)));
    int32_t y = NODE(b, "MatMul", softmax_of(b, scores), parts[2]);
    y = reshaped(b, permuted(b, y, DIMS(1, 0, 2)), DIMS(TOKENS, CHANNELS));
    float identity[CHANNELS * CHANNELS] = {0};
    for (int c = 0; c < CHANNELS; c++) {
        identity[c * CHANNELS + c] = 1.0f;
    }
    return NODE(b, "Gemm", y, given(b, identity, DIMS(CHANNELS, CHANNELS)));
}

static int32_t single(builder *b, int32_t x, int32_t mask)
{
    int32_t t = tokens(b, x);
    int32_t q = projected(b, t, 0, CHANNELS);
    int32_t k = permuted(b, projected(b, t, CHANNELS, CHANNELS), DIMS(0, 2, 1));
    int32_t scores = NODE(b, "Mul", scalar(b, SCALE), NODE(b, "MatMul", q, k));
    scores = mask == SNN_NO_VALUE ? scores : NODE(b, "Add", mask, scores);
    return NODE(b, "MatMul", softmax_of(b, scores), projected(b, t, 2 * CHANNELS, CHANNELS));
}
static int32_t build_single(builder *b, int32_t x)
{
    return single(b, x, SNN_NO_VALUE);
}
static int32_t build_single_causal(builder *b, int32_t x)
{
    return single(b, x, mask_of(b, 1, causal, DIMS(TOKENS, TOKENS)));
}

/* ---- windows: tokens that follow each other, here of one row of the image ---- */

enum { WINDOWS = HEIGHT, WINDOW = TOKENS / WINDOWS };

static float outside(int head, int query, int key)
{
    (void)head;
    return query / WINDOW != key / WINDOW ? -INFINITY : 0.0f;
}

/* The last window is causal, and all are biased by places within a window. */
static float shifted(int head, int query, int key)
{
    const bool hidden = query / WINDOW == WINDOWS - 1 && key > query;
    return outside(head, query, key) + relative(head, query % WINDOW, key % WINDOW) + (hidden ? -100.0f : 0.0f);
}

static void naive_windows(const float *x, double *y)
{
    naive_masked(x, HEADS, outside, y);
}
static void naive_shifted(const float *x, double *y)
{
    naive_masked(x, HEADS, shifted, y);
}

/* q, k or v of all windows: [window][head][token][channel of the head] */
static int32_t part_of_windows(builder *b, int32_t all, int number)
{
    int32_t part = NODE(b, "Gather", all, index_of(b, number));
    with_integer(b, "axis", 0);
    return part;
}

static int32_t windows(builder *b, int32_t x, bool masks)
{
    int32_t all = reshaped(b, all_projected(b, x), DIMS(WINDOWS, WINDOW, 3, HEADS, HEAD_WIDTH));
    all = permuted(b, all, DIMS(2, 0, 3, 1, 4));
    int32_t q = NODE(b, "Mul", part_of_windows(b, all, 0), scalar(b, SCALE));
    int32_t scores = NODE(b, "MatMul", q, permuted(b, part_of_windows(b, all, 1), DIMS(0, 1, 3, 2)));
    if (masks) {
        float bias[HEADS * WINDOW * WINDOW], mask[WINDOWS * WINDOW * WINDOW] = {0};
        for (int i = 0; i < HEADS * WINDOW * WINDOW; i++) {
            bias[i] = relative(i / WINDOW / WINDOW, i / WINDOW % WINDOW, i % WINDOW);
        }
        for (int i = 0; i < WINDOW * WINDOW; i++) {
            mask[(WINDOWS - 1) * WINDOW * WINDOW + i] = i % WINDOW > i / WINDOW ? -100.0f : 0.0f;
        }
        scores = NODE(b, "Add", scores, given(b, bias, DIMS(1, HEADS, WINDOW, WINDOW)));
        scores = reshaped(b, scores, DIMS(1, WINDOWS, HEADS, WINDOW, WINDOW));
        scores = NODE(b, "Add", scores, given(b, mask, DIMS(1, WINDOWS, 1, WINDOW, WINDOW)));
        scores = reshaped(b, scores, DIMS(WINDOWS, HEADS, WINDOW, WINDOW));
    }
    int32_t y = NODE(b, "MatMul", softmax_of(b, scores), part_of_windows(b, all, 2));
    y = reshaped(b, permuted(b, y, DIMS(0, 2, 1, 3)), DIMS(WINDOWS, WINDOW, CHANNELS));
    return reshaped(b, y, DIMS(1, TOKENS, CHANNELS));
}
static int32_t build_windows(builder *b, int32_t x)
{
    return windows(b, x, false);
}
static int32_t build_shifted(builder *b, int32_t x)
{
    return windows(b, x, true);
}

/* ---- products of two activations by themselves ---- */

/* Tokens with tokens: [tokens][tokens]. */
static int32_t build_scores(builder *b, int32_t x)
{
    int32_t t = tokens(b, x);
    return NODE(b, "MatMul", t, permuted(b, t, DIMS(0, 2, 1)));
}
static void naive_scores(const float *x, double *y)
{
    for (int i = 0; i < TOKENS * TOKENS; i++) {
        y[i] = 0.0;
        for (int c = 0; c < CHANNELS; c++) {
            y[i] += (double)x[c * PIXELS + i / TOKENS] * (double)x[c * PIXELS + i % TOKENS];
        }
    }
}

/* The square of a square: one value in two layouts. */
static int32_t build_matrix_square(builder *b, int32_t x)
{
    int32_t v = NODE(b, "Slice", x, integers(b, 2, (int64_t[]){0, 0}), integers(b, 2, (int64_t[]){1, 2}),
                     integers(b, 2, (int64_t[]){1, 3}));
    v = reshaped(b, v, DIMS(1, HEIGHT, 2));
    return NODE(b, "MatMul", v, v);
}
static void naive_matrix_square(const float *x, double *y)
{
    for (int i = 0; i < HEIGHT; i++) {
        for (int j = 0; j < 2; j++) {
            y[2 * i + j] = pixel(x, 0, i, 0) * pixel(x, 0, 0, j) + pixel(x, 0, i, 1) * pixel(x, 0, 1, j);
        }
    }
}

/* Channels with channels, and the result with the pixels: [channels][pixels]. */
static int32_t build_mixed(builder *b, int32_t x)
{
    int32_t rows = reshaped(b, x, DIMS(1, CHANNELS, PIXELS));
    int32_t square = NODE(b, "MatMul", rows, permuted(b, rows, DIMS(0, 2, 1)));
    square = NODE(b, "Mul", square, scalar(b, 1.0f / (float)PIXELS));
    return NODE(b, "MatMul", NODE(b, "Tanh", square), rows);
}
static void naive_mixed(const float *x, double *y)
{
    for (int c = 0; c < CHANNELS; c++) {
        for (int p = 0; p < PIXELS; p++) {
            y[c * PIXELS + p] = 0.0;
            for (int k = 0; k < CHANNELS; k++) {
                double square = 0.0;
                for (int i = 0; i < PIXELS; i++) {
                    square += (double)x[c * PIXELS + i] * (double)x[k * PIXELS + i] / PIXELS;
                }
                y[c * PIXELS + p] += tanh(square) * (double)x[k * PIXELS + p];
            }
        }
    }
}

static const operator_row rows[] = {
    {"separate", build_separate, naive_heads, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"scaled operands", build_scaled_operands, naive_heads, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"split", build_split, naive_heads, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"slices", build_slices, naive_heads, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"gathered", build_gathered, naive_heads, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"split and squeezed", build_split_and_squeezed, naive_heads, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"tokens first", build_tokens_first, naive_heads, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"scores alone", build_scores, naive_scores, TOKENS *TOKENS, -1.0f, 1.0f, 0.03},
    {"matrix square", build_matrix_square, naive_matrix_square, 2 * HEIGHT, -1.0f, 1.0f, 0.03},
    {"mix alone", build_mixed, naive_mixed, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"single head", build_single, naive_single, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"causal mask", build_causal, naive_causal, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"position bias", build_relative, naive_relative, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"windows", build_windows, naive_windows, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"windows, bias and mask", build_shifted, naive_shifted, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"single head, causal mask", build_single_causal, naive_single_causal, ELEMENTS, -1.0f, 1.0f, 0.03},
};

int main(void)
{
    return rows_main(rows, sizeof rows / sizeof rows[0]);
}
