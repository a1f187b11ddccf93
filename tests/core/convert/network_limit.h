/* What a spiking network tends to: every population exactly at its target. Computed naively in double from the
 * network's weights, steps, scales and biases, so it tells whether the conversion says the same as the trained network.
 */
#ifndef TESTS_NETWORK_LIMIT_H
#define TESTS_NETWORK_LIMIT_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/network/network.h"

static inline double limit_weight(const snn_network *network, const snn_projection *projection, int64_t at)
{
    if (network->format == SNN_WEIGHTS_FLOAT32) {
        return (double)((const float *)projection->weights)[at];
    }
    bool product = projection->op.kind == SNN_OPERATOR_CONVOLUTION || projection->op.kind == SNN_OPERATOR_DENSE;
    return product ? (double)((const int16_t *)projection->weights)[at]
                   : (double)((const int32_t *)projection->weights)[at];
}

/* The source after channel selection and pooling: [row][column][channel]. */
static inline double *limit_pooled(const snn_operator *op, const double *source)
{
    snn_shape shape = snn_operator_pooled_shape(op);
    double *pooled = calloc((size_t)snn_shape_size(shape), sizeof *pooled);
    assert_true(pooled != NULL);
    for (int32_t r = 0; r < shape.height; r++) {
        for (int32_t q = 0; q < shape.width; q++) {
            for (int32_t c = 0; c < shape.channels; c++) {
                double sum = 0.0;
                int32_t kh = op->pooled ? op->pool.kernel[0] : 1;
                int32_t kw = op->pooled ? op->pool.kernel[1] : 1;
                for (int32_t i = 0; i < kh; i++) {
                    for (int32_t j = 0; j < kw; j++) {
                        int32_t row =
                            op->pooled ? r * op->pool.stride[0] - op->pool.pad_begin[0] + i * op->pool.dilation[0] : r;
                        int32_t column =
                            op->pooled ? q * op->pool.stride[1] - op->pool.pad_begin[1] + j * op->pool.dilation[1] : q;
                        if (row >= 0 && row < op->source.height && column >= 0 && column < op->source.width) {
                            sum += source[((int64_t)row * op->source.width + column) * op->source.channels +
                                          op->source_channel + c];
                        }
                    }
                }
                pooled[((int64_t)r * shape.width + q) * shape.channels + c] = sum;
            }
        }
    }
    return pooled;
}

static inline double limit_row(const snn_network *network, const snn_projection *projection, const double *pooled,
                               int32_t row, int32_t r, int32_t q)
{
    const snn_operator *op = &projection->op;
    snn_shape shape = snn_operator_pooled_shape(op);
    int64_t length = snn_operator_row_length(op);
    int64_t position = (int64_t)r * op->target.width + q;
    double sum = 0.0;
    switch (op->kind) {
    case SNN_OPERATOR_DENSE:
        for (int64_t k = 0; k < length; k++) {
            sum += limit_weight(network, projection, row * length + k) * pooled[k];
        }
        return ldexp(sum, -projection->shift);
    case SNN_OPERATOR_TOKENS: {
        int64_t sources = snn_shape_positions(shape);
        double fraction = network->format == SNN_WEIGHTS_FLOAT32 ? 1.0 : (double)(1 << SNN_TOKENS_FRACTION_BITS);
        for (int64_t p = 0; p < sources; p++) {
            double mix = network->format == SNN_WEIGHTS_FLOAT32
                             ? (double)((const float *)projection->mixing)[position * sources + p]
                             : (double)((const int16_t *)projection->mixing)[position * sources + p];
            sum += mix * pooled[p * shape.channels + row];
        }
        return ldexp(sum, -projection->shift) * limit_weight(network, projection, row) / fraction;
    }
    case SNN_OPERATOR_DIAGONAL:
        return limit_weight(network, projection, row) * pooled[position * shape.channels + row];
    case SNN_OPERATOR_GATHER: {
        int32_t index = projection->index[row * length + position];
        return index < 0 ? 0.0 : limit_weight(network, projection, row * length + position) * pooled[index];
    }
    default: {
        int32_t inputs = op->source_channels / op->groups;
        int32_t base = row / (op->target_channels / op->groups) * inputs;
        for (int64_t k = 0; k < length; k++) {
            int32_t tap = (int32_t)(k / inputs);
            int32_t row_in = r * op->window.stride[0] - op->window.pad_begin[0] +
                             tap / op->window.kernel[1] * op->window.dilation[0];
            int32_t column_in = q * op->window.stride[1] - op->window.pad_begin[1] +
                                tap % op->window.kernel[1] * op->window.dilation[1];
            if (row_in >= 0 && row_in < shape.height && column_in >= 0 && column_in < shape.width) {
                sum += limit_weight(network, projection, row * length + k) *
                       pooled[((int64_t)row_in * shape.width + column_in) * shape.channels + base + k % inputs];
            }
        }
        return ldexp(sum, -projection->shift);
    }
    }
}

static inline double limit_unary(const snn_population *population, double x)
{
    double alpha = (double)population->alpha, beta = (double)population->beta;
    switch (population->kind) {
    case SNN_NEURON_GELU:
        return 0.5 * x * (1.0 + erf(x / sqrt(2.0)));
    case SNN_NEURON_GELU_TANH:
        return 0.5 * x * (1.0 + tanh(sqrt(2.0 / acos(-1.0)) * (x + 0.044715 * x * x * x)));
    case SNN_NEURON_ABS:
        return fabs(x);
    case SNN_NEURON_SQUARE:
        return x * x;
    case SNN_NEURON_EXP:
        return exp(x);
    case SNN_NEURON_SQRT:
        return sqrt(x > 0.0 ? x : 0.0);
    case SNN_NEURON_RECIPROCAL:
        return 1.0 / (x < 0.0 ? fmin(x, -alpha) : fmax(x, alpha));
    case SNN_NEURON_TANH:
        return tanh(x);
    case SNN_NEURON_SIGMOID:
        return 1.0 / (1.0 + exp(-x));
    case SNN_NEURON_SILU:
        return x / (1.0 + exp(-x));
    case SNN_NEURON_ELU:
        return x > 0.0 ? x : alpha * expm1(x);
    case SNN_NEURON_SELU:
        return beta * (x > 0.0 ? x : alpha * expm1(x));
    case SNN_NEURON_CELU:
        return x > 0.0 ? x : alpha * expm1(x / alpha);
    case SNN_NEURON_SOFTPLUS:
        return log1p(exp(x));
    case SNN_NEURON_SOFTSIGN:
        return x / (1.0 + fabs(x));
    case SNN_NEURON_MISH:
        return x * tanh(log1p(exp(x)));
    case SNN_NEURON_HARD_SWISH:
        return x * fmin(fmax(x / 6.0 + 0.5, 0.0), 1.0);
    case SNN_NEURON_HARD_SIGMOID:
        return fmin(fmax(alpha * x + beta, 0.0), 1.0);
    case SNN_NEURON_CLIP:
        return fmin(fmax(x, alpha), beta);
    case SNN_NEURON_THRESHOLDED_RELU:
        return x > alpha ? x : 0.0;
    case SNN_NEURON_SHRINK:
        return fabs(x) > alpha ? x - copysign(beta, x) : 0.0;
    case SNN_NEURON_ERF:
        return erf(x);
    default:
        return x;
    }
}

static inline double limit_layer_norm(const snn_population *population, const double *x, int64_t element)
{
    int32_t channels = population->shape.channels;
    const double *row = x + element / channels * channels;
    double mean = 0.0, variance = 0.0;
    for (int32_t c = 0; c < channels && population->beta == 0.0f; c++) {
        mean += row[c] / channels;
    }
    for (int32_t c = 0; c < channels; c++) {
        variance += (row[c] - mean) * (row[c] - mean) / channels;
    }
    return (x[element] - mean) / sqrt(variance + (double)population->alpha);
}

/* Softmax of a group of channels, or its numerators in units of the largest. */
static inline double limit_softmax(const snn_population *population, const double *x, int64_t element)
{
    int32_t channels = population->shape.channels, width = channels / population->groups;
    const double *row = x + element / width * width;
    double sum = 0.0, largest = row[0];
    for (int32_t c = 0; c < width; c++) {
        sum += exp(row[c]);
        largest = fmax(largest, row[c]);
    }
    return exp(x[element]) / (population->kind == SNN_NEURON_SOFTMAX ? sum : exp(largest));
}

/* alpha q k of the head and key that the element stands for. */
static inline double limit_scores(const snn_population *population, const double *x, int64_t element)
{
    int32_t stride = population->input.channels, width = stride / 2 / population->groups;
    int64_t positions = snn_shape_positions(population->shape);
    int64_t p = element / population->shape.channels, c = element % population->shape.channels;
    const double *query = x + p * stride + c / positions * width;
    const double *key = x + c % positions * stride + stride / 2 + c / positions * width;
    double score = 0.0;
    for (int32_t k = 0; k < width; k++) {
        score += query[k] * key[k];
    }
    return (double)population->alpha * score;
}

/* The values of all positions, weighted for the element's position and head. */
static inline double limit_mix(const snn_population *population, const double *x, int64_t element)
{
    int32_t stride = population->input.channels, channels = population->shape.channels;
    int64_t positions = snn_shape_positions(population->shape);
    int64_t p = element / channels, c = element % channels, head = c / (channels / population->groups);
    double mixed = 0.0;
    for (int64_t j = 0; j < positions; j++) {
        mixed += x[p * stride + head * positions + j] * x[j * stride + population->groups * positions + c];
    }
    return mixed;
}

static inline double limit_divisor(const snn_population *population, double x)
{
    double least = (double)population->alpha;
    return population->beta == 1.0f && x < 0.0 ? fmin(x, -least) : fmax(x, least);
}

/* Of kinds that combine inputs of the element's own position. */
static inline double limit_combined(const snn_population *population, const double *x, int64_t element)
{
    int32_t channels = population->shape.channels, c = (int32_t)(element % channels);
    const double *at = x + element / channels * population->input.channels;
    switch (population->kind) {
    case SNN_NEURON_PRODUCT:
        return at[c] * at[channels + c];
    case SNN_NEURON_QUOTIENT:
        return at[c] / limit_divisor(population, at[channels + c / (channels / population->groups)]);
    default:
        return at[c] / sqrt(fmax(at[channels], 0.0) + (double)population->alpha);
    }
}

/* softmax over keys of alpha q k, times v; head by head. */
static inline double limit_attention(const snn_population *population, const double *x, int64_t element)
{
    int32_t channels = population->shape.channels;
    int32_t width = channels / population->groups;
    int64_t positions = snn_shape_positions(population->shape);
    int32_t c = (int32_t)(element % channels);
    int32_t first = c / width * width;
    const double *query = x + element / channels * 3 * channels;
    double sum = 0.0, mixed = 0.0;
    for (int64_t j = 0; j < positions; j++) {
        const double *other = x + j * 3 * channels;
        double score = 0.0;
        for (int32_t k = first; k < first + width; k++) {
            score += query[k] * other[channels + k];
        }
        double weight = exp((double)population->alpha * score);
        sum += weight;
        mixed += weight * other[2 * channels + c];
    }
    return mixed / sum;
}

/* y of a population from its x, both [row][column][channel], y in units of the scale. */
static inline void limit_fire(const snn_population *population, const double *x, double *y)
{
    snn_shape shape = population->shape;
    for (int64_t i = 0; i < snn_shape_size(shape); i++) {
        int32_t c = (int32_t)(i % shape.channels);
        int32_t q = (int32_t)(i / shape.channels % shape.width);
        int32_t r = (int32_t)(i / shape.channels / shape.width);
        double value = 0.0;
        if (population->kind == SNN_NEURON_MAXIMUM) {
            const snn_window *w = &population->window;
            value = -INFINITY;
            for (int32_t k = 0; k < w->kernel[0] * w->kernel[1]; k++) {
                int32_t row = r * w->stride[0] - w->pad_begin[0] + k / w->kernel[1] * w->dilation[0];
                int32_t column = q * w->stride[1] - w->pad_begin[1] + k % w->kernel[1] * w->dilation[1];
                if (row >= 0 && row < population->input.height && column >= 0 && column < population->input.width) {
                    double at = x[((int64_t)row * population->input.width + column) * shape.channels + c];
                    value = at > value ? at : value;
                }
            }
        } else if (population->kind == SNN_NEURON_LAYER_NORM) {
            value = limit_layer_norm(population, x, i);
        } else if (population->kind == SNN_NEURON_ATTENTION) {
            value = limit_attention(population, x, i);
        } else if (population->kind == SNN_NEURON_PRODUCT || population->kind == SNN_NEURON_QUOTIENT ||
                   population->kind == SNN_NEURON_NORMALISE) {
            value = limit_combined(population, x, i);
        } else if (population->kind == SNN_NEURON_SCORES) {
            value = limit_scores(population, x, i);
        } else if (population->kind == SNN_NEURON_MIX) {
            value = limit_mix(population, x, i);
        } else if (population->kind == SNN_NEURON_SOFTMAX || population->kind == SNN_NEURON_SHIFTED_EXP) {
            value = limit_softmax(population, x, i);
        } else {
            value = limit_unary(population, x[i]);
            if (population->kind == SNN_NEURON_RELU && value < 0.0) {
                value = 0.0;
            }
            if (population->kind == SNN_NEURON_LEAKY_RELU && value < 0.0) {
                value *= (double)population->alpha;
            }
        }
        if (population->kind == SNN_NEURON_STREAM) {
            value /= (double)population->step[c]; /* its readers take integers */
        }
        y[i] = population->kind == SNN_NEURON_READOUT ? value : value / (double)population->scale[c];
    }
}

/* Logits for an image [row][column][channel]. */
static inline void limit_logits(const snn_network *network, const double *image, double *logits)
{
    double **y = calloc((size_t)network->population_count, sizeof *y);
    assert_true(y != NULL);
    for (int32_t p = 0; p < network->population_count; p++) {
        const snn_population *population = &network->populations[p];
        double *x = calloc((size_t)snn_shape_size(population->input), sizeof *x);
        y[p] = calloc((size_t)snn_shape_size(population->shape), sizeof **y);
        assert_true(x != NULL && y[p] != NULL);
        int32_t channels = population->input.channels;
        for (int64_t i = 0; i < snn_shape_size(population->input); i++) {
            x[i] = (double)population->bias[population->bias_positions == 1 ? i % channels : i];
        }
        for (int32_t j = 0; j < network->projection_count; j++) {
            const snn_projection *projection = &network->projections[j];
            if (projection->target != p) {
                continue;
            }
            double *pooled =
                limit_pooled(&projection->op, projection->source == SNN_SOURCE_INPUT ? image : y[projection->source]);
            for (int64_t position = 0; position < snn_shape_positions(population->input); position++) {
                for (int32_t row = 0; row < projection->op.target_channels; row++) {
                    int32_t c = projection->op.target_channel + row;
                    x[position * channels + c] +=
                        (double)population->step[c] * limit_row(network, projection, pooled, row,
                                                                (int32_t)(position / population->input.width),
                                                                (int32_t)(position % population->input.width));
                }
            }
            free(pooled);
        }
        limit_fire(population, x, y[p]);
        free(x);
    }
    memcpy(logits, y[network->population_count - 1], (size_t)network->classes * sizeof *logits);
    for (int32_t p = 0; p < network->population_count; p++) {
        free(y[p]);
    }
    free(y);
}

#endif
