/* Attention in one node and in the forms of vision transformers with masks, windows, few queries and rotated
 * positions: one row each, against functions in plain C. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/core/convert/attention_rows.h"

static void in_domain(builder *b, const char *domain)
{
    snn_node *node = &b->graph->nodes[b->graph->node_count - 1];
    snn_release(node->domain);
    node->domain = snn_duplicate_text(domain);
}

typedef struct projections {
    int32_t q, k, v; /* [1][tokens][channels] */
} projections;

static projections project(builder *b, int32_t x)
{
    const int32_t t = tokens(b, x);
    return (projections){projected(b, t, 0, CHANNELS), projected(b, t, CHANNELS, CHANNELS),
                         projected(b, t, 2 * CHANNELS, CHANNELS)};
}

static projections in_heads(builder *b, int32_t x)
{
    const projections all = project(b, x);
    return (projections){heads_of(b, all.q), heads_of(b, all.k), heads_of(b, all.v)};
}

static int32_t joined(builder *b, int32_t y)
{
    return reshaped(b, permuted(b, y, DIMS(0, 2, 1, 3)), DIMS(1, TOKENS, CHANNELS));
}

/* Which of two numbers stands where: true where the causal mask lets keys be seen, or the other way round. */
static int32_t truth(builder *b, bool inverted)
{
    int32_t v = builder_value(b, "mask");
    snn_tensor *tensor = &b->graph->values[v].tensor;
    tensor->type = SNN_TYPE_BOOL;
    set_dims(tensor, DIMS(TOKENS, TOKENS));
    b->graph->values[v].constant = true;
    assert_true(snn_tensor_allocate(tensor).code == SNN_OK);
    for (int i = 0; i < TOKENS * TOKENS; i++) {
        ((unsigned char *)tensor->data)[i] = (i % TOKENS <= i / TOKENS) != inverted;
    }
    return v;
}

/* ---- ONNX's operator ---- */

static int32_t build_three_axes(builder *b, int32_t x)
{
    b->graph->opset = 23;
    const projections all = project(b, x);
    int32_t y = NODE(b, "Attention", all.q, all.k, all.v);
    with_integer(b, "q_num_heads", HEADS);
    with_integer(b, "kv_num_heads", HEADS);
    with_real(b, "scale", SCALE);
    return y;
}

static int32_t build_four_axes(builder *b, int32_t x)
{
    b->graph->opset = 23;
    const projections all = in_heads(b, x);
    return joined(b, NODE(b, "Attention", all.q, all.k, all.v)); /* the scale is the root of 1 / 2 by itself */
}

static int32_t build_is_causal(builder *b, int32_t x)
{
    int32_t y = build_three_axes(b, x);
    with_integer(b, "is_causal", 1);
    return y;
}

static int32_t build_bool_mask(builder *b, int32_t x)
{
    b->graph->opset = 23;
    const projections all = in_heads(b, x);
    return joined(b, NODE(b, "Attention", all.q, all.k, all.v, truth(b, false)));
}

static int32_t build_float_mask(builder *b, int32_t x)
{
    b->graph->opset = 23;
    const projections all = in_heads(b, x);
    return joined(
        b, NODE(b, "Attention", all.q, all.k, all.v, mask_of(b, HEADS, relative, DIMS(1, HEADS, TOKENS, TOKENS))));
}

/* One head of k and v, the first, for both of q. */
static int32_t build_grouped(builder *b, int32_t x)
{
    b->graph->opset = 23;
    const int32_t t = tokens(b, x);
    int32_t y = NODE(b, "Attention", projected(b, t, 0, CHANNELS), projected(b, t, CHANNELS, HEAD_WIDTH),
                     projected(b, t, 2 * CHANNELS, HEAD_WIDTH));
    with_integer(b, "q_num_heads", HEADS);
    with_integer(b, "kv_num_heads", 1);
    return y;
}

/* A projection of token t. */
static double projection(const float *x, int t, int j)
{
    double sum = (double)bias(j);
    for (int c = 0; c < CHANNELS; c++) {
        sum += (double)x[c * PIXELS + t] * (double)weight(c, j);
    }
    return sum;
}

static void naive_grouped(const float *x, double *y)
{
    for (int i = 0; i < TOKENS * CHANNELS; i++) {
        const int head = i % CHANNELS / HEAD_WIDTH;
        double sum = 0.0, mixed = 0.0;
        for (int k = 0; k < TOKENS; k++) {
            double score = 0.0;
            for (int c = 0; c < HEAD_WIDTH; c++) {
                score += projection(x, i / CHANNELS, head * HEAD_WIDTH + c) * projection(x, k, CHANNELS + c);
            }
            sum += exp((double)SCALE * score);
            mixed += exp((double)SCALE * score) * projection(x, k, 2 * CHANNELS + i % HEAD_WIDTH);
        }
        y[i] = mixed / sum;
    }
}

/* ---- onnxruntime's ---- */

static int32_t build_microsoft(builder *b, int32_t x)
{
    float all[CHANNELS * 3 * CHANNELS], biases[3 * CHANNELS];
    for (int i = 0; i < CHANNELS * 3 * CHANNELS; i++) {
        all[i] = weight(i / (3 * CHANNELS), i % (3 * CHANNELS));
        biases[i % (3 * CHANNELS)] = bias(i % (3 * CHANNELS));
    }
    int32_t y = NODE(b, "Attention", tokens(b, x), given(b, all, DIMS(CHANNELS, 3 * CHANNELS)),
                     given(b, biases, DIMS(3 * CHANNELS)));
    with_integer(b, "num_heads", HEADS);
    in_domain(b, "com.microsoft");
    return y;
}

static int32_t build_multi_head(builder *b, int32_t x)
{
    const projections all = project(b, x);
    float zeros[3 * CHANNELS] = {0.0f};
    int32_t y = NODE(b, "MultiHeadAttention", all.q, all.k, all.v, given(b, zeros, DIMS(3 * CHANNELS)));
    with_integer(b, "num_heads", HEADS);
    in_domain(b, "com.microsoft");
    return y;
}

/* ---- as written in several nodes ---- */

static int32_t scores_of(builder *b, const projections *all)
{
    int32_t q = NODE(b, "Mul", all->q, scalar(b, SCALE));
    return NODE(b, "MatMul", q, permuted(b, all->k, DIMS(0, 1, 3, 2)));
}

/* PyTorch's way with masks: minus infinity where it is false; and a guard of rows that would have no keys. */
static int32_t build_where_and_guard(builder *b, int32_t x)
{
    const projections all = in_heads(b, x);
    int32_t masked = NODE(b, "Where", truth(b, false), scores_of(b, &all), scalar(b, -INFINITY));
    int32_t weights = softmax_of(b, masked);
    weights = NODE(b, "Where", NODE(b, "IsNaN", weights), scalar(b, 0.0f), weights);
    return joined(b, NODE(b, "MatMul", weights, all.v));
}

/* PyTorch's scaled_dot_product_attention before opset 23: keys are transposed as a stack of matrices, and half of the
 * scale is at either operand; casts of mixed precision in between. */
static int32_t build_scaled_dot_product(builder *b, int32_t x)
{
    const projections all = in_heads(b, x);
    int32_t k = permuted(b, reshaped(b, all.k, DIMS(-1, TOKENS, HEAD_WIDTH)), DIMS(0, 2, 1));
    k = NODE(b, "Mul", reshaped(b, k, DIMS(1, HEADS, HEAD_WIDTH, TOKENS)), scalar(b, sqrtf(SCALE)));
    int32_t q = NODE(b, "Mul", all.q, scalar(b, sqrtf(SCALE)));
    int32_t scores = NODE(b, "Cast", NODE(b, "MatMul", q, k));
    with_integer(b, "to", 1);
    int32_t weights = NODE(b, "Cast", softmax_of(b, scores));
    with_integer(b, "to", 10);
    return joined(b, NODE(b, "MatMul", NODE(b, "Dropout", weights), all.v));
}

static int32_t build_masked_fill(builder *b, int32_t x)
{
    const projections all = in_heads(b, x);
    int32_t masked = NODE(b, "Where", truth(b, true), scalar(b, -1e9f), scores_of(b, &all));
    return joined(b, NODE(b, "MatMul", softmax_of(b, masked), all.v));
}

static int32_t build_guard_alone(builder *b, int32_t x)
{
    return NODE(b, "Tanh", NODE(b, "Where", NODE(b, "IsNaN", x), scalar(b, 0.0f), x));
}
static void naive_tanh(const float *x, double *y)
{
    for (int i = 0; i < ELEMENTS; i++) {
        y[i] = tanh((double)x[i]);
    }
}

static int32_t build_einsum(builder *b, int32_t x)
{
    const projections all = in_heads(b, x);
    int32_t scores = NODE(b, "Einsum", all.q, all.k);
    with_text(b, "equation", "bhid,bhjd->bhij");
    int32_t weights = softmax_of(b, NODE(b, "Mul", scores, scalar(b, SCALE)));
    int32_t y = NODE(b, "Einsum", weights, all.v);
    with_text(b, "equation", "bhij, bhjd -> bihd");
    return reshaped(b, y, DIMS(1, TOKENS, CHANNELS));
}

/* Windows of the image's two halves, as in Swin: attention within each, with a bias of each head and a mask of each
 * window, added in another shape. */
enum { WINDOWS = 2, IN_WINDOW = PIXELS / WINDOWS };

static float window_mask(int window, int query, int key)
{
    return window == 1 && (query + key) % 3 == 0 ? -100.0f : 0.0f;
}

static int32_t build_windows(builder *b, int32_t x)
{
    int32_t t = reshaped(b, x, DIMS(CHANNELS, HEIGHT, WINDOWS, WIDTH / WINDOWS));
    t = reshaped(b, permuted(b, t, DIMS(2, 1, 3, 0)), DIMS(WINDOWS, IN_WINDOW, CHANNELS));
    int32_t all = reshaped(b, projected(b, t, 0, 3 * CHANNELS), DIMS(WINDOWS, IN_WINDOW, 3, HEADS, HEAD_WIDTH));
    all = permuted(b, all, DIMS(2, 0, 3, 1, 4));
    int32_t parts[3];
    for (int64_t i = 0; i < 3; i++) {
        int32_t index = integers(b, 1, &i);
        b->graph->values[index].tensor.rank = 0;
        parts[i] = NODE(b, "Gather", all, index);
        with_integer(b, "axis", 0);
    }
    const projections operands = {parts[0], parts[1], parts[2]};
    float biases[HEADS * IN_WINDOW * IN_WINDOW], masks[WINDOWS * IN_WINDOW * IN_WINDOW];
    for (int i = 0; i < HEADS * IN_WINDOW * IN_WINDOW; i++) {
        const int first = i / IN_WINDOW / IN_WINDOW, query = i / IN_WINDOW % IN_WINDOW, key = i % IN_WINDOW;
        biases[i] = relative(first, query, key);
        masks[i] = window_mask(first, query, key);
    }
    int32_t scores = scores_of(b, &operands);
    scores = NODE(b, "Add", scores, given(b, biases, DIMS(1, HEADS, IN_WINDOW, IN_WINDOW)));
    scores = reshaped(b, scores, DIMS(1, WINDOWS, HEADS, IN_WINDOW, IN_WINDOW));
    scores = NODE(b, "Add", scores, given(b, masks, DIMS(1, WINDOWS, 1, IN_WINDOW, IN_WINDOW)));
    scores = reshaped(b, scores, DIMS(WINDOWS, HEADS, IN_WINDOW, IN_WINDOW));
    int32_t y = NODE(b, "MatMul", softmax_of(b, scores), operands.v);
    return reshaped(b, permuted(b, y, DIMS(0, 2, 1, 3)), DIMS(WINDOWS, IN_WINDOW, CHANNELS));
}

/* The pixel that is token t of a window. */
static int pixel_of(int window, int t)
{
    return t / (WIDTH / WINDOWS) * WIDTH + window * (WIDTH / WINDOWS) + t % (WIDTH / WINDOWS);
}

static void naive_windows(const float *x, double *y)
{
    for (int i = 0; i < WINDOWS * IN_WINDOW * CHANNELS; i++) {
        const int c = i % CHANNELS, query = i / CHANNELS % IN_WINDOW, window = i / CHANNELS / IN_WINDOW;
        const int head = c / HEAD_WIDTH;
        double sum = 0.0, mixed = 0.0;
        for (int k = 0; k < IN_WINDOW; k++) {
            double score = 0.0;
            for (int j = head * HEAD_WIDTH; j < (head + 1) * HEAD_WIDTH; j++) {
                score += projection(x, pixel_of(window, query), j) * projection(x, pixel_of(window, k), CHANNELS + j);
            }
            const double numerator =
                exp((double)SCALE * score + (double)relative(head, query, k) + (double)window_mask(window, query, k));
            sum += numerator;
            mixed += numerator * projection(x, pixel_of(window, k), 2 * CHANNELS + c);
        }
        y[i] = mixed / sum;
    }
}

/* The first token alone asks, as a class token in the last blocks does. */
static int32_t build_one_query(builder *b, int32_t x)
{
    projections all = in_heads(b, x);
    all.q = NODE(b, "Slice", all.q, integers(b, 1, (int64_t[]){0}), integers(b, 1, (int64_t[]){1}),
                 integers(b, 1, (int64_t[]){2}));
    int32_t y = NODE(b, "MatMul", softmax_of(b, scores_of(b, &all)), all.v);
    return reshaped(b, permuted(b, y, DIMS(0, 2, 1, 3)), DIMS(1, 1, CHANNELS));
}

/* ---- rotary position embeddings ---- */

static float angle(int token)
{
    return 0.4f * (float)token;
}

static int32_t build_rotary(builder *b, int32_t x)
{
    b->graph->opset = 23;
    projections all = in_heads(b, x);
    float cosines[TOKENS], sines[TOKENS];
    for (int t = 0; t < TOKENS; t++) {
        cosines[t] = cosf(angle(t));
        sines[t] = sinf(angle(t));
    }
    int64_t positions[TOKENS];
    for (int t = 0; t < TOKENS; t++) {
        positions[t] = t;
    }
    int32_t cosine = given(b, cosines, DIMS(TOKENS, 1)), sine = given(b, sines, DIMS(TOKENS, 1));
    int32_t position = integers(b, TOKENS, positions);
    set_dims(&b->graph->values[position].tensor, DIMS(1, TOKENS));
    all.q = NODE(b, "RotaryEmbedding", all.q, cosine, sine, position);
    all.k = NODE(b, "RotaryEmbedding", all.k, cosine, sine, position);
    return joined(b, NODE(b, "Attention", all.q, all.k, all.v));
}

/* q or k, from column `first` on, turned by the angle of its token; heads are pairs. */
static double turned(const float *x, int t, int first, int c)
{
    const double own = projection(x, t, first + c), other = projection(x, t, first + (c ^ 1));
    return own * (double)cosf(angle(t)) + (c % 2 == 0 ? -other : other) * (double)sinf(angle(t));
}

static void naive_rotary(const float *x, double *y)
{
    for (int i = 0; i < TOKENS * CHANNELS; i++) {
        const int c = i % CHANNELS, head = c / HEAD_WIDTH * HEAD_WIDTH;
        double sum = 0.0, mixed = 0.0;
        for (int k = 0; k < TOKENS; k++) {
            double score = 0.0;
            for (int j = head; j < head + HEAD_WIDTH; j++) {
                score += turned(x, i / CHANNELS, 0, j) * turned(x, k, CHANNELS, j);
            }
            sum += exp((double)SCALE * score);
            mixed += exp((double)SCALE * score) * projection(x, k, 2 * CHANNELS + c);
        }
        y[i] = mixed / sum;
    }
}

static const operator_row rows[] = {
    {"Attention, three axes", build_three_axes, naive_heads, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"Attention, four axes", build_four_axes, naive_heads, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"Attention, causal", build_is_causal, naive_causal, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"Attention, mask of truth values", build_bool_mask, naive_causal, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"Attention, bias", build_float_mask, naive_relative, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"Attention, grouped heads", build_grouped, naive_grouped, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"com.microsoft.Attention", build_microsoft, naive_heads, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"MultiHeadAttention", build_multi_head, naive_heads, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"Where and guard", build_where_and_guard, naive_causal, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"scaled dot product", build_scaled_dot_product, naive_heads, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"masked fill", build_masked_fill, naive_causal, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"guard alone", build_guard_alone, naive_tanh, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"Einsum", build_einsum, naive_heads, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"windows", build_windows, naive_windows, ELEMENTS, -1.0f, 1.0f, 0.03},
    {"one query", build_one_query, naive_heads, CHANNELS, -1.0f, 1.0f, 0.03},
    {"rotary positions", build_rotary, naive_rotary, ELEMENTS, -1.0f, 1.0f, 0.03},
};

int main(void)
{
    return rows_main(rows, sizeof rows / sizeof rows[0]);
}
