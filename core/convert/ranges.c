#include "core/convert/ranges.h"

#include <math.h>

#include "core/base/elementary.h"
#include "core/base/memory.h"

static const double MANY_VALUES = 1e6, FEWEST_VALUES = 10.0, SILENT_FRACTION = 0.25;

typedef struct range {
    double low, high;
} range;

/* The values that f can have at all. */
static range range_of_kind(const snn_population *population)
{
    const double alpha = (double)population->alpha, beta = (double)population->beta;
    switch (population->kind) {
    case SNN_NEURON_RELU:
    case SNN_NEURON_ABS:
    case SNN_NEURON_SQUARE:
    case SNN_NEURON_EXP:
    case SNN_NEURON_SQRT:
    case SNN_NEURON_SOFTPLUS:
        return (range){0.0, INFINITY};
    case SNN_NEURON_SIGMOID:
    case SNN_NEURON_HARD_SIGMOID:
    case SNN_NEURON_SOFTMAX:
    case SNN_NEURON_SHIFTED_EXP:
        return (range){0.0, 1.0};
    case SNN_NEURON_TANH:
    case SNN_NEURON_ERF:
    case SNN_NEURON_SOFTSIGN:
        return (range){-1.0, 1.0};
    case SNN_NEURON_CLIP:
        return (range){fmin(alpha, 0.0), fmax(beta, 0.0)}; /* 0 is a code */
    case SNN_NEURON_GELU:
    case SNN_NEURON_GELU_TANH:
        return (range){-0.1701, INFINITY};
    case SNN_NEURON_SILU:
        return (range){-0.2785, INFINITY};
    case SNN_NEURON_MISH:
        return (range){-0.3089, INFINITY};
    case SNN_NEURON_HARD_SWISH:
        return (range){-0.375, INFINITY};
    case SNN_NEURON_ELU:
    case SNN_NEURON_CELU:
        return (range){-fabs(alpha), INFINITY};
    case SNN_NEURON_SELU:
        return (range){-fabs(alpha * beta), INFINITY};
    default:
        return (range){-INFINITY, INFINITY};
    }
}

/* Whether the input of a neuron stands still while it fires. */
static bool stands_still(const snn_windows *windows)
{
    return windows->delay >= windows->steps - 1;
}

/* From the smallest value seen to the largest, and a margin on either side, because other images go further; but where
 * the function ends, the range ends too. A neuron whose input still moves while it fires needs the margin there all the
 * same: to come back from steps that it took too soon. */
static range range_of(const snn_windows *windows, range kind, double sigma, double negative, double margin)
{
    margin *= sigma;
    range made = {-fmin(negative, sigma) - margin, sigma + margin};
    if (stands_still(windows)) {
        made.low = fmax(made.low, kind.low);
        made.high = fmin(made.high, kind.high);
    }
    return made;
}

/* The largest of few values is passed more often, and by more, than the largest of many: where tails are exponential it
 * grows with the logarithm of their number, and what is to come beyond it, in units of it, shrinks with that. The
 * margin is meant for a million values of a channel, as a convolution has on some hundred images. */
static double uncertainty_of(double values)
{
    return fmax(1.0, snn_elementary_log(MANY_VALUES) / snn_elementary_log(fmax(values, FEWEST_VALUES)));
}

/* The least that the sigma of a channel is taken for: one that was nearly silent on few values may be as loud as others
 * on the next. */
static double least_sigma(const snn_population *population, double uncertainty)
{
    double sum = 0.0;
    for (int32_t c = 0; c < population->shape.channels; c++) {
        sum += (double)population->scale[c];
    }
    return SILENT_FRACTION * (uncertainty - 1.0) * sum / population->shape.channels;
}

snn_status snn_ranges_choose(const snn_windows *windows, const float *negative, int64_t images,
                             snn_population *population)
{
    const int32_t channels = population->shape.channels;
    const range kind = range_of_kind(population);
    const bool strict = snn_neuron_is_strict(population->kind);
    const double reach = snn_windows_reach(windows);
    /* Where windows overlap, precision is scarcer than room, and a wider range costs more than it gives. */
    const double values = (double)images * (double)snn_shape_positions(population->shape);
    const double uncertainty = stands_still(windows) ? uncertainty_of(values) : 1.0;
    const double least = least_sigma(population, uncertainty), margin = windows->margin * uncertainty;
    double units = 0.0;
    population->rest = snn_allocate((size_t)channels, sizeof *population->rest);
    if (population->rest == NULL) {
        return snn_out_of_memory("population");
    }
    for (int32_t c = 0; c < channels; c++) {
        const double sigma = fmax((double)population->scale[c], least);
        const range of = range_of(windows, kind, sigma, (double)negative[c], margin);
        const double unit = (of.high - of.low) / (2.0 * reach);
        population->rest[c] = snn_windows_rest(windows, (of.high + of.low) / (2.0 * unit), strict);
        population->scale[c] = (float)unit;
        units += unit / sigma;
    }
    population->unit = (float)(units / channels);
    return snn_ok();
}
