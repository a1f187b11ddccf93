#include "tests/core/shard/examples.h"

#include <math.h>
#include <stdlib.h>

#include "core/base/memory.h"

static snn_window window_of(int32_t kernel, int32_t stride, int32_t pad)
{
    return (snn_window){{kernel, kernel}, {stride, stride}, {1, 1}, {pad, pad}, {pad, pad}};
}

static snn_operator convolution(snn_window window, int32_t groups)
{
    return (snn_operator){.kind = SNN_OPERATOR_CONVOLUTION, .window = window, .groups = groups};
}

static snn_operator diagonal(int32_t source_channel, int32_t target_channel, int32_t channels)
{
    return (snn_operator){.kind = SNN_OPERATOR_DIAGONAL,
                          .source_channel = source_channel,
                          .source_channels = channels,
                          .target_channel = target_channel,
                          .target_channels = channels};
}

static snn_operator pooled(snn_operator op, snn_window pool)
{
    op.pooled = true;
    op.pool = pool;
    return op;
}

static const snn_operator dense = {.kind = SNN_OPERATOR_DENSE};
static const snn_operator gather = {.kind = SNN_OPERATOR_GATHER};

snn_network *example_residual(snn_weight_format format, uint64_t seed)
{
    const snn_window max_window = window_of(3, 2, 1);
    const snn_window uneven = {{3, 2}, {2, 1}, {1, 2}, {1, 0}, {0, 1}}; /* 9x7 -> 4x6 */
    const snn_window one = window_of(1, 1, 0);
    sample made = sample_begin(format, (snn_shape){9, 7, 3}, 5, seed);
    int32_t first = sample_population(&made, SNN_NEURON_RELU, (snn_shape){9, 7, 10}, NULL, true);
    int32_t second = sample_population(&made, SNN_NEURON_RELU, (snn_shape){5, 4, 12}, NULL, false);
    int32_t leaky = sample_population(&made, SNN_NEURON_LEAKY_RELU, (snn_shape){5, 4, 12}, NULL, false);
    int32_t maximum = sample_population(&made, SNN_NEURON_MAXIMUM, (snn_shape){5, 4, 12}, &max_window, false);
    int32_t relay = sample_population(&made, SNN_NEURON_LINEAR, (snn_shape){3, 2, 12}, NULL, true);
    int32_t odd = sample_population(&made, SNN_NEURON_RELU, (snn_shape){4, 6, 5}, NULL, false);
    int32_t wide = sample_population(&made, SNN_NEURON_RELU, (snn_shape){1, 1, 19}, NULL, false);
    int32_t readout = sample_readout(&made);

    sample_projection(&made, SNN_SOURCE_INPUT, first, convolution(window_of(3, 1, 1), 1));
    sample_projection(&made, first, second, convolution(window_of(3, 2, 1), 2));
    snn_operator part = convolution(one, 1);
    part.source_channel = 1;
    part.source_channels = 9;
    part.target_channel = 2;
    part.target_channels = 10;
    sample_projection(&made, second, leaky, part);
    sample_projection(&made, second, leaky, diagonal(2, 3, 7));
    sample_projection(&made, second, maximum, diagonal(0, 0, 12));
    sample_projection(&made, leaky, maximum, convolution(window_of(3, 1, 1), 12));
    sample_projection(&made, first, relay, pooled(convolution(window_of(2, 1, 0), 1), window_of(3, 2, 0)));
    sample_projection(&made, leaky, relay, pooled(diagonal(0, 0, 12), window_of(3, 2, 1)));
    sample_projection(&made, maximum, relay, gather);
    sample_projection(&made, first, odd, convolution(uneven, 5));
    sample_projection(&made, relay, wide, dense);
    sample_projection(&made, odd, wide, pooled(gather, window_of(2, 2, 1)));
    sample_projection(&made, leaky, readout, pooled(dense, window_of(2, 2, 0)));
    sample_projection(&made, wide, readout, dense);
    sample_finish(&made);
    return made.network;
}

snn_network *example_image(snn_weight_format format, uint64_t seed)
{
    const snn_window halve = window_of(2, 2, 0);
    sample made = sample_begin(format, (snn_shape){8, 6, 4}, 3, seed);
    int32_t maximum = sample_population(&made, SNN_NEURON_MAXIMUM, (snn_shape){8, 6, 9}, &halve, true);
    int32_t mixed = sample_population(&made, SNN_NEURON_RELU, (snn_shape){4, 3, 9}, NULL, false);
    int32_t grouped = sample_population(&made, SNN_NEURON_LEAKY_RELU, (snn_shape){4, 3, 14}, NULL, false);
    int32_t gathered = sample_population(&made, SNN_NEURON_RELU, (snn_shape){2, 5, 3}, NULL, false);
    int32_t wide = sample_population(&made, SNN_NEURON_RELU, (snn_shape){1, 1, 33}, NULL, false);
    int32_t readout = sample_readout(&made);

    snn_operator part = convolution(window_of(3, 1, 1), 1);
    part.source_channel = 1;
    part.source_channels = 3;
    part.target_channels = 5;
    sample_projection(&made, SNN_SOURCE_INPUT, maximum, part);
    sample_projection(&made, SNN_SOURCE_INPUT, maximum, diagonal(0, 4, 4));
    sample_projection(&made, SNN_SOURCE_INPUT, mixed, pooled(diagonal(1, 2, 3), window_of(3, 2, 1)));
    sample_projection(&made, maximum, mixed, diagonal(0, 0, 9));
    sample_projection(&made, SNN_SOURCE_INPUT, grouped, convolution(window_of(2, 2, 0), 2));
    sample_projection(&made, SNN_SOURCE_INPUT, gathered, gather);
    sample_projection(&made, SNN_SOURCE_INPUT, wide, pooled(dense, window_of(2, 3, 1)));
    sample_projection(&made, mixed, wide, dense);
    sample_projection(&made, grouped, wide, dense);
    sample_projection(&made, SNN_SOURCE_INPUT, readout, dense);
    sample_projection(&made, gathered, readout, dense);
    sample_projection(&made, wide, readout, dense);
    sample_finish(&made);
    return made.network;
}

snn_network *example_rectified(snn_weight_format format, uint64_t seed)
{
    sample made = sample_begin(format, (snn_shape){9, 7, 3}, 5, seed);
    int32_t first = sample_population(&made, SNN_NEURON_RELU, (snn_shape){9, 7, 10}, NULL, true);
    int32_t second = sample_population(&made, SNN_NEURON_RELU, (snn_shape){5, 4, 12}, NULL, false);
    int32_t third = sample_population(&made, SNN_NEURON_RELU, (snn_shape){5, 4, 12}, NULL, true);
    int32_t wide = sample_population(&made, SNN_NEURON_RELU, (snn_shape){1, 1, 19}, NULL, false);
    int32_t readout = sample_readout(&made);
    sample_projection(&made, SNN_SOURCE_INPUT, first, convolution(window_of(3, 1, 1), 1));
    sample_projection(&made, first, second, convolution(window_of(3, 2, 1), 2));
    sample_projection(&made, SNN_SOURCE_INPUT, third, pooled(diagonal(1, 2, 2), window_of(3, 2, 1)));
    sample_projection(&made, first, third, pooled(diagonal(0, 1, 9), window_of(3, 2, 1)));
    sample_projection(&made, second, third, convolution(window_of(3, 1, 1), 12));
    sample_projection(&made, second, wide, pooled(gather, window_of(2, 2, 1)));
    sample_projection(&made, third, wide, pooled(dense, window_of(2, 2, 0)));
    sample_projection(&made, third, readout, dense);
    sample_projection(&made, wide, readout, dense);
    sample_finish(&made);
    return made.network;
}

snn_network *example_large(snn_weight_format format, uint64_t seed)
{
    const snn_window halve = window_of(2, 2, 0);
    sample made = sample_begin(format, (snn_shape){33, 30, 2}, 3, seed);
    int32_t first = sample_population(&made, SNN_NEURON_RELU, (snn_shape){33, 30, 18}, NULL, false);
    int32_t stream = sample_population(&made, SNN_NEURON_STREAM, (snn_shape){33, 30, 18}, NULL, false);
    int32_t maximum = sample_population(&made, SNN_NEURON_MAXIMUM, (snn_shape){33, 30, 18}, &halve, false);
    int32_t readout = sample_readout(&made);
    sample_projection(&made, SNN_SOURCE_INPUT, first, convolution(window_of(3, 1, 1), 1));
    sample_projection(&made, first, stream, diagonal(0, 0, 18));
    sample_projection(&made, SNN_SOURCE_INPUT, maximum, diagonal(0, 3, 2));
    sample_projection(&made, first, maximum, diagonal(0, 0, 18));
    sample_projection(&made, stream, maximum, diagonal(2, 0, 16));
    sample_projection(&made, maximum, readout, pooled(dense, window_of(8, 8, 0)));
    sample_finish(&made);
    return made.network;
}

/* Of the projection made last, a stream's. */
static void set_shift(const sample *made, int32_t shift)
{
    if (made->network->format != SNN_WEIGHTS_FLOAT32) {
        made->network->projections[made->network->projection_count - 1].shift = shift;
    }
}

snn_network *example_streams(snn_weight_format format, uint64_t seed)
{
    const snn_window halve = window_of(2, 2, 1);
    const snn_operator tokens = {.kind = SNN_OPERATOR_TOKENS};
    const snn_shape large = {6, 5, 10}, small = {4, 3, 7};
    sample made = sample_begin(format, (snn_shape){6, 5, 3}, 5, seed);
    int32_t image = sample_population(&made, SNN_NEURON_STREAM, large, NULL, false);
    int32_t first = sample_population(&made, SNN_NEURON_RELU, large, NULL, true);
    int32_t narrow = sample_population(&made, SNN_NEURON_RELU, (snn_shape){6, 5, 7}, NULL, false);
    int32_t residual = sample_population(&made, SNN_NEURON_STREAM, large, NULL, true);
    int32_t relay = sample_population(&made, SNN_NEURON_LINEAR, large, NULL, false);
    int32_t halved = sample_population(&made, SNN_NEURON_STREAM, small, NULL, false);
    int32_t second = sample_population(&made, SNN_NEURON_RELU, small, NULL, false);
    int32_t mixed = sample_population(&made, SNN_NEURON_RELU, small, NULL, true);
    int32_t readout = sample_readout(&made);
    sample_projection(&made, SNN_SOURCE_INPUT, image, convolution(window_of(3, 1, 1), 1));
    sample_projection(&made, image, first, diagonal(0, 0, 10));
    sample_projection(&made, first, narrow, convolution(window_of(3, 1, 1), 1));
    sample_projection(&made, image, residual, diagonal(0, 0, 10));
    sample_projection(&made, narrow, residual, convolution(window_of(1, 1, 0), 1));
    sample_projection(&made, first, relay, diagonal(0, 0, 10));
    sample_projection(&made, residual, relay, diagonal(2, 3, 6));
    snn_operator depthwise = convolution(window_of(3, 1, 1), 8);
    depthwise.source_channel = 1;
    depthwise.source_channels = depthwise.target_channels = 8;
    sample_projection(&made, residual, relay, depthwise);
    set_shift(&made, 2);
    sample_projection(&made, narrow, halved, pooled(diagonal(0, 0, 7), halve));
    snn_operator grouped = convolution(halve, 2); /* wider than one channel, of part of a stream */
    grouped.source_channel = 4;
    grouped.source_channels = 6;
    grouped.target_channel = 3;
    grouped.target_channels = 4;
    sample_projection(&made, residual, halved, grouped);
    set_shift(&made, 1);
    sample_projection(&made, relay, halved, convolution(halve, 1));
    sample_projection(&made, halved, second, diagonal(0, 0, 7));
    sample_projection(&made, halved, second, convolution(window_of(1, 1, 0), 1));
    set_shift(&made, 3);
    snn_operator part = tokens;
    part.source_channels = part.target_channels = 3;
    part.source_channel = 4;
    part.target_channel = 2;
    sample_projection(&made, narrow, mixed, pooled(part, window_of(3, 2, 0)));
    sample_projection(&made, halved, mixed, pooled(diagonal(1, 0, 6), window_of(3, 1, 1)));
    set_shift(&made, 1);
    snn_operator mixing = tokens; /* of a stream's integers */
    mixing.source_channel = 1;
    mixing.target_channel = 3;
    mixing.source_channels = mixing.target_channels = 4;
    sample_projection(&made, halved, mixed, mixing);
    set_shift(&made, format == SNN_WEIGHTS_INT8 ? 7 : 15);
    sample_projection(&made, second, mixed, tokens);
    sample_projection(&made, halved, readout,
                      pooled(diagonal(2, 0, 5), (snn_window){{4, 3}, {1, 1}, {1, 1}, {0, 0}, {0, 0}}));
    sample_projection(&made, halved, readout, dense);
    set_shift(&made, 2);
    sample_projection(&made, mixed, readout, dense);
    sample_finish(&made);
    return made.network;
}

snn_network *example_nary(snn_weight_format format, uint64_t seed)
{
    const snn_operator point = convolution(window_of(1, 1, 0), 1);
    const int32_t p = 6; /* positions of a window, of which there are two */
    sample made = sample_begin(format, (snn_shape){4, 3, 2}, 4, seed);
    int32_t first = sample_population(&made, SNN_NEURON_RELU, (snn_shape){4, 3, 40}, NULL, true);
    int32_t stream = sample_population(&made, SNN_NEURON_STREAM, (snn_shape){4, 3, 40}, NULL, false);
    int32_t norm = sample_nary(&made, SNN_NEURON_LAYER_NORM, (snn_shape){4, 3, 40}, 40, 1, 1e-3f);
    int32_t grouped = sample_nary(&made, SNN_NEURON_LAYER_NORM, (snn_shape){4, 3, 12}, 12, 3, 1e-3f);
    made.network->populations[grouped].beta = 1.0f; /* root mean square */
    int32_t relay = sample_population(&made, SNN_NEURON_LINEAR, (snn_shape){4, 3, 24}, NULL, false);
    int32_t attention = sample_nary(&made, SNN_NEURON_ATTENTION, (snn_shape){4, 3, 24}, 8, 2, 0.5f);
    int32_t product = sample_nary(&made, SNN_NEURON_PRODUCT, (snn_shape){4, 3, 16}, 8, 1, 0.0f);
    int32_t quotient = sample_nary(&made, SNN_NEURON_QUOTIENT, (snn_shape){4, 3, 10}, 8, 2, 0.25f);
    made.network->populations[quotient].beta = 1.0f; /* divisors of either sign */
    int32_t normalise = sample_nary(&made, SNN_NEURON_NORMALISE, (snn_shape){4, 3, 9}, 8, 1, 0.1f);
    int32_t scores = sample_nary(&made, SNN_NEURON_SCORES, (snn_shape){4, 3, 12}, 3 * p, 3, 0.5f);
    int32_t softmax = sample_nary(&made, SNN_NEURON_SOFTMAX, (snn_shape){4, 3, 3 * p}, 3 * p, 3, 0.0f);
    int32_t mix = sample_nary(&made, SNN_NEURON_MIX, (snn_shape){4, 3, 3 * p + 6}, 6, 3, 0.0f);
    made.network->populations[scores].beta = made.network->populations[mix].beta = (float)p;
    int32_t exponential = sample_nary(&made, SNN_NEURON_SHIFTED_EXP, (snn_shape){4, 3, 12}, 12, 3, 0.0f);
    int32_t readout = sample_readout(&made);
    sample_projection(&made, SNN_SOURCE_INPUT, first, convolution(window_of(3, 1, 1), 1));
    sample_projection(&made, first, stream, point);
    sample_projection(&made, SNN_SOURCE_INPUT, norm, diagonal(0, 30, 2)); /* graded, into a kind that reads all */
    sample_projection(&made, stream, norm, diagonal(0, 0, 40));
    sample_projection(&made, norm, grouped, diagonal(20, 0, 12));
    sample_projection(&made, norm, relay, point);
    sample_projection(&made, relay, attention, diagonal(0, 0, 24));
    sample_projection(&made, stream, product, diagonal(32, 8, 8));
    sample_projection(&made, attention, product, diagonal(0, 0, 8));
    sample_projection(&made, grouped, quotient, diagonal(0, 8, 2));
    sample_projection(&made, product, quotient, diagonal(0, 0, 8));
    sample_projection(&made, first, normalise, diagonal(3, 8, 1));
    sample_projection(&made, quotient, normalise, diagonal(0, 0, 8));
    sample_projection(&made, grouped, scores, diagonal(0, 0, 12));
    sample_projection(&made, scores, softmax, diagonal(0, 0, 3 * p));
    sample_projection(&made, relay, mix, diagonal(2, 3 * p, 6));
    sample_projection(&made, softmax, mix, diagonal(0, 0, 3 * p));
    sample_projection(&made, grouped, exponential, diagonal(0, 0, 12));
    sample_projection(&made, normalise, readout, pooled(dense, window_of(2, 1, 0)));
    sample_projection(&made, mix, readout, dense);
    sample_projection(&made, exponential, readout, dense);
    sample_finish(&made);
    return made.network;
}

snn_network *example_heads(snn_weight_format format, uint64_t seed)
{
    const snn_operator point = convolution(window_of(1, 1, 0), 1);
    sample made = sample_begin(format, (snn_shape){3, 2, 2}, 4, seed);
    int32_t relay = sample_population(&made, SNN_NEURON_LINEAR, (snn_shape){3, 2, 48}, NULL, false);
    int32_t two = sample_nary(&made, SNN_NEURON_ATTENTION, (snn_shape){3, 2, 48}, 16, 2, 0.5f);
    int32_t wider = sample_population(&made, SNN_NEURON_LINEAR, (snn_shape){3, 2, 72}, NULL, false);
    int32_t three = sample_nary(&made, SNN_NEURON_ATTENTION, (snn_shape){3, 2, 72}, 24, 3, 0.25f);
    int32_t readout = sample_readout(&made);
    sample_projection(&made, SNN_SOURCE_INPUT, relay, point);
    sample_projection(&made, SNN_SOURCE_INPUT, two, diagonal(0, 5, 2));
    sample_projection(&made, relay, two, diagonal(0, 0, 48));
    sample_projection(&made, two, wider, point);
    sample_projection(&made, wider, three, diagonal(0, 0, 72));
    sample_projection(&made, three, readout, dense);
    sample_finish(&made);
    return made.network;
}

snn_network *example_unary(snn_weight_format format, uint64_t seed)
{
    static const snn_neuron_kind kinds[] = {
        SNN_NEURON_RELU,
        SNN_NEURON_LEAKY_RELU,
        SNN_NEURON_LINEAR,
        SNN_NEURON_GELU,
        SNN_NEURON_GELU_TANH,
        SNN_NEURON_ABS,
        SNN_NEURON_SQUARE,
        SNN_NEURON_EXP,
        SNN_NEURON_SQRT,
        SNN_NEURON_RECIPROCAL,
        SNN_NEURON_TANH,
        SNN_NEURON_SIGMOID,
        SNN_NEURON_SILU,
        SNN_NEURON_ELU,
        SNN_NEURON_SELU,
        SNN_NEURON_CELU,
        SNN_NEURON_SOFTPLUS,
        SNN_NEURON_SOFTSIGN,
        SNN_NEURON_MISH,
        SNN_NEURON_HARD_SWISH,
        SNN_NEURON_HARD_SIGMOID,
        SNN_NEURON_CLIP,
        SNN_NEURON_THRESHOLDED_RELU,
        SNN_NEURON_ERF,
        SNN_NEURON_SHRINK,
    };
    enum { KINDS = sizeof kinds / sizeof kinds[0] };
    const snn_shape shape = {2, 3, 35};
    sample made = sample_begin(format, (snn_shape){2, 3, 4}, 5, seed);
    int32_t numbers[KINDS];
    for (int32_t i = 0; i < KINDS; i++) {
        numbers[i] = sample_population(&made, kinds[i], shape, NULL, i % 2 == 0);
        snn_population *population = &made.network->populations[numbers[i]];
        population->alpha = 0.25f;
        population->beta = 0.75f;
    }
    int32_t readout = sample_readout(&made);
    for (int32_t i = 0; i < KINDS; i++) { /* a third of them at each of three depths */
        if (i < KINDS / 3) {
            sample_projection(&made, SNN_SOURCE_INPUT, numbers[i], convolution(window_of(1, 1, 0), 1));
        } else {
            sample_projection(&made, numbers[i - KINDS / 3], numbers[i], convolution(window_of(1, 1, 0), 5));
        }
    }
    for (int32_t i = 0; i < KINDS; i++) {
        sample_projection(&made, numbers[i], readout, dense);
    }
    sample_finish(&made);
    return made.network;
}

snn_network *example_pools(snn_weight_format format, uint64_t seed)
{
    const snn_window large = window_of(9, 1, 0), whole = {{12, 10}, {1, 1}, {1, 1}, {0, 0}, {0, 0}};
    sample made = sample_begin(format, (snn_shape){12, 10, 2}, 3, seed);
    int32_t first = sample_population(&made, SNN_NEURON_RELU, (snn_shape){12, 10, 9}, NULL, false);
    int32_t pools = sample_population(&made, SNN_NEURON_RELU, (snn_shape){4, 2, 9}, NULL, true);
    int32_t single = sample_population(&made, SNN_NEURON_TANH, (snn_shape){1, 1, 12}, NULL, false);
    int32_t readout = sample_readout(&made);
    sample_projection(&made, SNN_SOURCE_INPUT, first, convolution(window_of(3, 1, 1), 1));
    sample_projection(&made, first, pools, pooled(convolution(window_of(1, 1, 0), 1), large));
    sample_projection(&made, first, pools, pooled(convolution(window_of(3, 1, 1), 9), large));
    sample_projection(&made, first, pools, pooled(diagonal(2, 1, 6), large));
    sample_projection(&made, first, single, pooled(convolution(window_of(1, 1, 0), 3), whole));
    sample_projection(&made, first, single, pooled(gather, large));
    sample_projection(&made, pools, single, dense);
    sample_projection(&made, first, readout, pooled(dense, large));
    sample_projection(&made, pools, readout, dense);
    sample_projection(&made, single, readout, dense);
    sample_finish(&made);
    return made.network;
}

snn_network *example_tail(snn_weight_format format, uint64_t seed)
{
    const snn_shape shape = {5, 4, 6};
    sample made = sample_begin(format, (snn_shape){5, 4, 6}, 4, seed);
    int32_t first = sample_population(&made, SNN_NEURON_RELU, shape, NULL, false);
    int32_t second = sample_population(&made, SNN_NEURON_TANH, shape, NULL, false);
    int32_t residual = sample_population(&made, SNN_NEURON_STREAM, shape, NULL, false);
    int32_t last = sample_population(&made, SNN_NEURON_STREAM, shape, NULL, false);
    int32_t readout = sample_readout(&made);
    sample_projection(&made, SNN_SOURCE_INPUT, first, diagonal(0, 0, 6));
    sample_projection(&made, first, second, convolution(window_of(3, 1, 1), 1));
    sample_projection(&made, SNN_SOURCE_INPUT, residual, diagonal(0, 0, 6));
    sample_projection(&made, first, residual, diagonal(0, 0, 6));
    sample_projection(&made, second, last, convolution(window_of(3, 1, 1), 2));
    sample_projection(&made, residual, last, diagonal(0, 0, 6));
    sample_projection(&made, first, readout, dense);
    sample_projection(&made, last, readout, dense);
    set_shift(&made, 1);
    sample_finish(&made);
    return made.network;
}

float *example_pixels(const snn_network *network, int32_t images, uint64_t seed)
{
    const int64_t count = images * snn_shape_size(network->input);
    float *pixels = snn_allocate((size_t)count, sizeof *pixels);
    if (pixels == NULL) {
        abort();
    }
    for (int64_t i = 0; i < count; i++) {
        const double pixel = sample_uniform(&seed, -2.0, 2.0);
        pixels[i] = (float)(network->format == SNN_WEIGHTS_FLOAT32 ? floor(pixel * 64.0) / 64.0 : pixel);
    }
    if (network->format != SNN_WEIGHTS_FLOAT32) { /* beyond fixed point */
        pixels[0] = 40000.0f;
        pixels[count - 1] = -40000.0f;
    }
    return pixels;
}
