#include "tests/core/shard/naive_nary.h"

#include <math.h>
#include <stdlib.h>

#include "core/base/functions.h" /* exp, which has tests of its own */
#include "core/base/memory.h"

enum { PARTIAL_SUMS = 32 };

/* Element i goes to partial sum i mod 32; these are added by halves. */
static float sum_of(const float *values, int32_t count)
{
    float partial[PARTIAL_SUMS] = {0};
    for (int32_t i = 0; i < count; i++) {
        partial[i % PARTIAL_SUMS] = partial[i % PARTIAL_SUMS] + values[i];
    }
    for (int width = PARTIAL_SUMS / 2; width > 0; width /= 2) {
        for (int i = 0; i < width; i++) {
            partial[i] = partial[i] + partial[i + width];
        }
    }
    return partial[0];
}

static float *must_allocate(int64_t count)
{
    float *values = snn_allocate((size_t)count, sizeof *values);
    if (values == NULL) {
        abort();
    }
    return values;
}

static float layer_norm(const float *x, int32_t length, const snn_population *population, float value)
{
    float *squares = must_allocate(length);
    const float mean = population->beta == 0.0f ? sum_of(x, length) / (float)length : 0.0f;
    for (int32_t i = 0; i < length; i++) {
        squares[i] = (x[i] - mean) * (x[i] - mean);
    }
    const float variance = sum_of(squares, length) / (float)length;
    snn_release(squares);
    return (value - mean) * (1.0f / sqrtf(variance + population->alpha));
}

/* Replaces x by exp(x - maximum); their sum. */
static float exponentials(float *x, int32_t length)
{
    float largest = x[0];
    for (int32_t i = 1; i < length; i++) {
        largest = x[i] > largest ? x[i] : largest;
    }
    for (int32_t i = 0; i < length; i++) {
        x[i] = snn_function_exp(x[i] - largest);
    }
    return sum_of(x, length);
}

static float softmax(const float *x, int32_t length, int32_t element)
{
    float *copy = must_allocate(length);
    for (int32_t i = 0; i < length; i++) {
        copy[i] = x[i];
    }
    const float factor = 1.0f / exponentials(copy, length);
    const float result = copy[element] * factor;
    snn_release(copy);
    return result;
}

static float shifted_exp(const float *x, int32_t length, float value)
{
    float largest = x[0];
    for (int32_t i = 1; i < length; i++) {
        largest = x[i] > largest ? x[i] : largest;
    }
    return snn_function_exp(value - largest);
}

/* alpha q . k of one head: the query at one position, the key at another. */
static float score(const snn_population *population, const float *x, int32_t channels, int64_t position, int64_t key,
                   int32_t head)
{
    const int32_t stride = population->input.channels, width = channels / population->groups;
    const float *q = x + position * stride + head * width;
    const float *k = x + key * stride + channels + head * width;
    float sum = 0.0f;
    for (int32_t c = 0; c < width; c++) {
        sum = sum + q[c] * k[c];
    }
    return sum * population->alpha;
}

/* Positions that attend to each other. */
static int32_t window_of(const snn_population *population)
{
    return population->beta > 0.0f ? (int32_t)population->beta : (int32_t)snn_shape_positions(population->shape);
}

static float attention(const snn_population *population, const float *x, int64_t position, int32_t channel)
{
    const int32_t channels = population->shape.channels, stride = population->input.channels;
    const int32_t positions = window_of(population);
    const int32_t head = channel / (channels / population->groups);
    float *weights = must_allocate(positions);
    for (int32_t j = 0; j < positions; j++) {
        weights[j] = score(population, x, channels, position, j, head);
    }
    const float factor = 1.0f / exponentials(weights, positions);
    float sum = 0.0f;
    for (int32_t j = 0; j < positions; j++) {
        sum = sum + weights[j] * x[(int64_t)j * stride + 2 * channels + channel];
    }
    snn_release(weights);
    return sum * factor;
}

static float mix(const snn_population *population, const float *x, int64_t position, int32_t channel)
{
    const int32_t channels = population->shape.channels, stride = population->input.channels;
    const int64_t positions = window_of(population);
    const int64_t weights = population->groups * positions, head = channel / (channels / population->groups);
    float sum = 0.0f;
    for (int64_t j = 0; j < positions; j++) {
        sum = sum + x[position * stride + head * positions + j] * x[j * stride + weights + channel];
    }
    return sum;
}

static float over_positions(const snn_population *population, const float *x, int64_t position, int32_t channel)
{
    const int32_t positions = window_of(population);
    x += position / positions * positions * population->input.channels; /* the window's */
    position %= positions;
    if (population->kind == SNN_NEURON_SCORES) {
        return score(population, x, population->input.channels / 2, position, channel % positions, channel / positions);
    }
    return population->kind == SNN_NEURON_MIX ? mix(population, x, position, channel)
                                              : attention(population, x, position, channel);
}

float naive_nary(const snn_population *population, const float *x, int64_t position, int32_t channel)
{
    const int32_t channels = population->shape.channels;
    const float *row = x + position * population->input.channels;
    const float alpha = population->alpha;
    if (population->kind == SNN_NEURON_NORMALISE) {
        return row[channel] * (1.0f / sqrtf(fmaxf(row[channels], 0.0f) + alpha));
    }
    if (population->kind == SNN_NEURON_PRODUCT) {
        return row[channel] * row[channels + channel];
    }
    if (population->kind == SNN_NEURON_SCORES || population->kind == SNN_NEURON_MIX ||
        population->kind == SNN_NEURON_ATTENTION) {
        return over_positions(population, x, position, channel);
    }
    const int32_t length = channels / population->groups, group = channel / length;
    if (population->kind == SNN_NEURON_QUOTIENT) {
        const float divisor = row[channels + group];
        const bool negative = population->beta == 1.0f && divisor < 0.0f;
        return row[channel] / (negative ? fminf(divisor, -alpha) : fmaxf(divisor, alpha));
    }
    if (population->kind == SNN_NEURON_SHIFTED_EXP) {
        return shifted_exp(row + group * length, length, row[channel]);
    }
    if (population->kind == SNN_NEURON_SOFTMAX) {
        return softmax(row + group * length, length, channel % length);
    }
    return layer_norm(row + group * length, length, population, row[channel]);
}
