/* Functions of several inputs as ONNX nodes. Sums of floats have the order that core/kernels/nary.h promises: partial
 * sums side by side, added by halves, or one term after the other. */
#include "io/onnx/export_arithmetic.h"
#include "io/onnx/export_internal.h"

enum { PARTIAL_SUMS = 32 };

#define SUM        snn_export_sum
#define DIFFERENCE snn_export_difference
#define TIMES      snn_export_times

/* Along axis 2 of four, which has `length` elements and becomes 1. */
static snn_onnx_value sum_of(snn_onnx_build *b, snn_onnx_value a, int64_t length)
{
    const int64_t over = length % PARTIAL_SUMS, none[4] = {0}, after[4] = {0, 0, over > 0 ? PARTIAL_SUMS - over : 0};
    a = over > 0 ? snn_export_pad(b, a, none, after) : a;
    snn_onnx_value partial = snn_export_slice(b, a, 2, 0, PARTIAL_SUMS, 1);
    for (int64_t i = PARTIAL_SUMS; i < length; i += PARTIAL_SUMS) {
        partial = SUM(b, partial, snn_export_slice(b, a, 2, i, i + PARTIAL_SUMS, 1));
    }
    for (int64_t width = PARTIAL_SUMS / 2; width > 0; width /= 2) {
        partial =
            SUM(b, snn_export_slice(b, partial, 2, 0, width, 1), snn_export_slice(b, partial, 2, width, 2 * width, 1));
    }
    return partial;
}

/* The largest along axis 2, which stays. */
static snn_onnx_value largest_of(snn_onnx_build *b, snn_onnx_value a)
{
    const int64_t axis = 2;
    snn_onnx_value largest = snn_onnx_build_unary(b, "ReduceMax", a);
    snn_onnx_build_integers_attribute(b, "axes", 1, &axis);
    return largest;
}

static snn_onnx_value shifted(snn_onnx_build *b, snn_onnx_value a)
{
    return snn_export_exp(b, DIFFERENCE(b, a, largest_of(b, a)));
}

static snn_onnx_value inverse_root(snn_onnx_build *b, snn_onnx_value a, float alpha)
{
    return snn_export_inverse(b, snn_onnx_build_unary(b, "Sqrt", snn_export_plus(b, a, alpha)));
}

/* ---- over the channels of a position ---- */

/* Input channels [begin, begin + count) as [N][groups][count / groups][positions]. */
static snn_onnx_value grouped(snn_onnx_build *b, const snn_population *population, snn_onnx_value x, int64_t begin,
                              int64_t count, int64_t groups)
{
    const int64_t positions = snn_shape_positions(population->input);
    if (count < population->input.channels) {
        x = snn_export_slice(b, x, 1, begin, begin + count, 1);
    }
    return snn_export_reshape(b, x, 4, (const int64_t[]){0, groups, count / groups, positions});
}

static snn_onnx_value layer_norm(snn_onnx_build *b, const snn_population *population, snn_onnx_value groups,
                                 int64_t length)
{
    snn_onnx_value count = snn_onnx_build_float(b, (float)length);
    if (population->beta == 0.0F) {
        groups = DIFFERENCE(b, groups, snn_export_quotient(b, sum_of(b, groups, length), count));
    }
    snn_onnx_value variance = snn_export_quotient(b, sum_of(b, TIMES(b, groups, groups), length), count);
    return TIMES(b, groups, inverse_root(b, variance, population->alpha));
}

static snn_onnx_value softmax(snn_onnx_build *b, snn_onnx_value groups, int64_t length)
{
    snn_onnx_value exponentials = shifted(b, groups);
    return TIMES(b, exponentials, snn_export_inverse(b, sum_of(b, exponentials, length)));
}

static snn_onnx_value quotient(snn_onnx_build *b, const snn_population *population, snn_onnx_value x)
{
    const int64_t channels = population->shape.channels, groups = population->groups;
    snn_onnx_value divisor = grouped(b, population, x, channels, groups, groups);
    snn_onnx_value bounded = snn_export_at_least(b, divisor, population->alpha);
    if (population->beta == 1.0F) {
        bounded = snn_export_signed(b, divisor, snn_export_at_most(b, divisor, -population->alpha), bounded);
    }
    return snn_export_quotient(b, grouped(b, population, x, 0, channels, groups), bounded);
}

/* ---- over the positions of an image: [N][heads][key][query] ---- */

static snn_onnx_value scores(snn_onnx_build *b, const snn_population *population, snn_onnx_value x, int64_t channels)
{
    const int64_t heads = population->groups, positions = snn_shape_positions(population->input);
    snn_onnx_value queries = grouped(b, population, x, 0, channels, heads);
    snn_onnx_value keys = grouped(b, population, x, channels, channels, heads), sum = NULL;
    for (int64_t c = 0; c < channels / heads; c++) {
        snn_onnx_value key = snn_export_reshape(b, snn_export_slice(b, keys, 2, c, c + 1, 1), 4,
                                                (const int64_t[]){0, heads, positions, 1});
        snn_onnx_value term = TIMES(b, snn_export_slice(b, queries, 2, c, c + 1, 1), key);
        sum = sum == NULL ? term : SUM(b, sum, term);
    }
    return snn_export_scaled(b, sum, population->alpha);
}

/* Values, the input's channels from `begin` on, weighted and added up key by key. */
static snn_onnx_value mix(snn_onnx_build *b, const snn_population *population, snn_onnx_value x, snn_onnx_value weights,
                          int64_t begin)
{
    const int64_t positions = snn_shape_positions(population->input);
    snn_onnx_value values = grouped(b, population, x, begin, population->shape.channels, population->groups);
    snn_onnx_value sum = NULL;
    for (int64_t j = 0; j < positions; j++) {
        snn_onnx_value weight = snn_export_slice(b, weights, 2, j, j + 1, 1);
        snn_onnx_value term = TIMES(b, weight, snn_export_slice(b, values, 3, j, j + 1, 1));
        sum = sum == NULL ? term : SUM(b, sum, term);
    }
    return sum;
}

static snn_onnx_value attention(snn_onnx_build *b, const snn_population *population, snn_onnx_value x)
{
    const int64_t channels = population->shape.channels;
    snn_onnx_value weights = shifted(b, scores(b, population, x, channels));
    snn_onnx_value factor = snn_export_inverse(b, sum_of(b, weights, snn_shape_positions(population->input)));
    return TIMES(b, mix(b, population, x, weights, 2 * channels), factor);
}

/* Windows of positions, as many as an image has, as images of their own, or back again. [N][C][positions] as four axes.
 */
static snn_onnx_value swap_windows(snn_onnx_build *b, snn_onnx_value a, const int64_t from[4], const int64_t to[4])
{
    return snn_export_reshape(b, snn_export_swap(b, snn_export_reshape(b, a, 4, from)), 4, to);
}

/* Attention in windows of `length` positions. */
static snn_onnx_value in_windows(snn_onnx_build *b, const snn_population *population, snn_onnx_value x, int64_t length)
{
    const snn_shape input = population->input, shape = population->shape;
    const int64_t windows = snn_shape_positions(input) / length;
    snn_population window = *population;
    window.beta = 0.0F;
    window.input = (snn_shape){1, (int32_t)length, input.channels};
    window.shape = (snn_shape){1, (int32_t)length, shape.channels};
    x = swap_windows(b, x, (const int64_t[]){0, input.channels, windows, length},
                     (const int64_t[]){-1, input.channels, 1, length});
    return swap_windows(b, snn_export_nary(b, &window, x), (const int64_t[]){-1, windows, shape.channels, length},
                        (const int64_t[]){0, shape.channels, shape.height, shape.width});
}

snn_onnx_value snn_export_nary(snn_onnx_build *b, const snn_population *population, snn_onnx_value x)
{
    const snn_shape shape = population->shape;
    const int64_t together = snn_attention_positions(population->beta, population->input);
    if (snn_neuron_reads_all_positions(population->kind) && together < snn_shape_positions(population->input)) {
        return in_windows(b, population, x, together);
    }
    const int64_t channels = shape.channels, positions = snn_shape_positions(shape), heads = population->groups;
    snn_onnx_value made = NULL;
    switch (population->kind) {
    case SNN_NEURON_LAYER_NORM:
        made = layer_norm(b, population, grouped(b, population, x, 0, channels, heads), channels / heads);
        break;
    case SNN_NEURON_NORMALISE:
        made = snn_export_at_least(b, grouped(b, population, x, channels, 1, 1), 0.0F);
        made = TIMES(b, grouped(b, population, x, 0, channels, 1), inverse_root(b, made, population->alpha));
        break;
    case SNN_NEURON_PRODUCT:
        made = TIMES(b, grouped(b, population, x, 0, channels, 1), grouped(b, population, x, channels, channels, 1));
        break;
    case SNN_NEURON_QUOTIENT:
        made = quotient(b, population, x);
        break;
    case SNN_NEURON_SOFTMAX:
        made = softmax(b, grouped(b, population, x, 0, channels, heads), channels / heads);
        break;
    case SNN_NEURON_SHIFTED_EXP:
        made = shifted(b, grouped(b, population, x, 0, channels, heads));
        break;
    case SNN_NEURON_SCORES:
        made = scores(b, population, x, population->input.channels / 2);
        break;
    case SNN_NEURON_MIX:
        made = mix(b, population, x, grouped(b, population, x, 0, heads * positions, heads), heads * positions);
        break;
    case SNN_NEURON_ATTENTION:
        made = attention(b, population, x);
        break;
    default:
        return NULL;
    }
    return snn_export_reshape(b, made, 4, (const int64_t[]){0, channels, shape.height, shape.width});
}
