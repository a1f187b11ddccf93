/* What the tests of attention have in common: projections of the image's pixels, and attention of them in plain C. */
#ifndef TESTS_CONVERT_ATTENTION_ROWS_H
#define TESTS_CONVERT_ATTENTION_ROWS_H

#include "tests/core/convert/operator_rows.h"

enum { HEADS = 2, HEAD_WIDTH = CHANNELS / HEADS, TOKENS = PIXELS };

static const float SCALE = 0.70710678f;

/* Row i, column j of the matrix of queries, keys and values side by side, and of their bias. */
static inline float weight(int i, int j)
{
    return 0.6f * sinf(1.0f + 3.0f * (float)i + 7.0f * (float)j);
}
static inline float bias(int j)
{
    return 0.2f * cosf(5.0f * (float)j);
}

/* What is added to a score before the softmax. */
static inline float no_mask(int head, int query, int key)
{
    (void)head, (void)query, (void)key;
    return 0.0f;
}
static inline float causal(int head, int query, int key)
{
    (void)head;
    return key > query ? -INFINITY : 0.0f;
}
static inline float relative(int head, int query, int key)
{
    return 0.3f * (float)((query - key + 3 * head) % 5);
}

static inline void naive_masked(const float *x, int heads, float (*mask)(int head, int query, int key), double *y)
{
    double all[TOKENS][3 * CHANNELS];
    int width = CHANNELS / heads;
    for (int t = 0; t < TOKENS; t++) {
        for (int j = 0; j < 3 * CHANNELS; j++) {
            all[t][j] = (double)bias(j);
            for (int c = 0; c < CHANNELS; c++) {
                all[t][j] += (double)x[c * PIXELS + t] * (double)weight(c, j);
            }
        }
    }
    for (int t = 0; t < TOKENS; t++) {
        for (int c = 0; c < CHANNELS; c++) {
            double sum = 0.0, mixed = 0.0;
            for (int k = 0; k < TOKENS; k++) {
                double score = 0.0;
                for (int i = c / width * width; i < c / width * width + width; i++) {
                    score += all[t][i] * all[k][CHANNELS + i];
                }
                double numerator = exp((double)SCALE * score + (double)mask(c / width, t, k));
                sum += numerator;
                mixed += numerator * all[k][2 * CHANNELS + c];
            }
            y[t * CHANNELS + c] = mixed / sum;
        }
    }
}
static inline void naive(const float *x, int heads, double *y)
{
    naive_masked(x, heads, no_mask, y);
}
static inline void naive_causal(const float *x, double *y)
{
    naive_masked(x, HEADS, causal, y);
}
static inline void naive_relative(const float *x, double *y)
{
    naive_masked(x, HEADS, relative, y);
}
static inline void naive_single_causal(const float *x, double *y)
{
    naive_masked(x, 1, causal, y);
}
static inline void naive_heads(const float *x, double *y)
{
    naive(x, HEADS, y);
}
static inline void naive_single(const float *x, double *y)
{
    naive(x, 1, y);
}

static inline int32_t permuted(builder *b, int32_t x, int32_t rank, const int64_t *order)
{
    int32_t y = NODE(b, "Transpose", x);
    with_integers(b, "perm", rank, order);
    return y;
}

static inline int32_t reshaped(builder *b, int32_t x, int32_t rank, const int64_t *dims)
{
    return NODE(b, "Reshape", x, integers(b, rank, dims));
}

static inline int32_t tokens(builder *b, int32_t x)
{
    return permuted(b, reshaped(b, x, DIMS(1, CHANNELS, PIXELS)), DIMS(0, 2, 1));
}

/* Columns [first, first + count) of the product. */
static inline int32_t projected(builder *b, int32_t x, int first, int count)
{
    float weights[CHANNELS * 3 * CHANNELS], biases[3 * CHANNELS];
    for (int i = 0; i < CHANNELS * count; i++) {
        weights[i] = weight(i / count, first + i % count);
    }
    for (int j = 0; j < count; j++) {
        biases[j] = bias(first + j);
    }
    return NODE(b, "Add", NODE(b, "MatMul", x, given(b, weights, DIMS(CHANNELS, count))),
                given(b, biases, DIMS(count)));
}

static inline int32_t all_projected(builder *b, int32_t x)
{
    return projected(b, tokens(b, x), 0, 3 * CHANNELS);
}

/* [1][tokens][channels] to [1][head][token][channel of the head] */
static inline int32_t heads_of(builder *b, int32_t x)
{
    return permuted(b, reshaped(b, x, DIMS(1, TOKENS, HEADS, HEAD_WIDTH)), DIMS(0, 2, 1, 3));
}

static inline int32_t softmax_of(builder *b, int32_t scores)
{
    int32_t y = NODE(b, "Softmax", scores);
    with_integer(b, "axis", -1);
    return y;
}

/* A constant [heads][tokens][tokens]; the dims are the caller's. */
static inline int32_t mask_of(builder *b, int heads, float (*mask)(int head, int query, int key), int32_t rank,
                              const int64_t *dims)
{
    float elements[HEADS * TOKENS * TOKENS];
    for (int i = 0; i < heads * TOKENS * TOKENS; i++) {
        elements[i] = mask(i / TOKENS / TOKENS, i / TOKENS % TOKENS, i % TOKENS);
    }
    return given(b, elements, rank, dims);
}

#endif
