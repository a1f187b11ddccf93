/* Channel maxima of the trained network's activations: the scales sigma. */
#include <math.h>

#include "core/base/functions.h"
#include "core/convert/draft.h"

int64_t snn_draft_channels(const snn_draft *draft)
{
    return draft->maxima_length;
}

int64_t snn_draft_maxima_length(const snn_draft *draft)
{
    return 2 * snn_draft_channels(draft);
}

/* The value at (position, channel) of the population's layout. */
static float value_at(const snn_draft_population *population, const float *values, int64_t p, int32_t c)
{
    const snn_affine *layout = &population->value_layout;
    if (population->value_map != NULL) {
        return values[population->value_map[p * layout->shape.channels + c]];
    }
    return values[snn_affine_element(layout, p, c)];
}

/* What the channels [begin, end) of a position are measured against: their mean, or the largest. */
static float reference_of(const snn_draft_population *population, const float *values, int64_t p, int32_t begin,
                          int32_t end)
{
    double mean = 0.0;
    float largest = -INFINITY;
    for (int32_t c = begin; c < end && population->tracked != SNN_TRACKED_VALUE; c++) {
        const float value = value_at(population, values, p, c);
        mean += (double)value / (end - begin);
        largest = value > largest ? value : largest;
    }
    return population->tracked == SNN_TRACKED_EXPONENTIAL ? largest : (float)mean;
}

static float tracked_of(const snn_draft_population *population, float value, int32_t c, float reference)
{
    switch (population->tracked) {
    case SNN_TRACKED_SQUARE:
        return value * value;
    case SNN_TRACKED_CENTRED_SQUARE:
        return (value - reference) * (value - reference);
    case SNN_TRACKED_EXPONENTIAL:
        return snn_function_exp(value - reference);
    case SNN_TRACKED_VALUE:
        break;
    }
    const float shift = population->value_shift != NULL ? population->value_shift[c] : 0.0f;
    const float gain = population->value_gain != NULL ? population->value_gain[c] : 1.0f;
    return (value - shift) / gain; /* no channel with gain 0 is asked for */
}

typedef void (*value_seer)(void *context, int64_t position, int32_t channel, float value);

/* Calls `see` for every value that counts for a population's scale, with what the population tracks there; `values`: of
 * the graph's value that gives the scale. */
static void for_each_value_of(const snn_draft_population *population, const float *values, value_seer see,
                              void *context)
{
    const snn_shape shape = population->value_layout.shape;
    const int32_t width = shape.channels / (population->groups > 0 ? population->groups : 1);
    for (int64_t p = 0; p < snn_shape_positions(shape); p++) {
        float reference = 0.0f;
        for (int32_t c = 0; c < shape.channels; c++) {
            if (c % width == 0) {
                reference = reference_of(population, values, p, c, c + width);
            }
            if (population->value_gain == NULL || population->value_gain[c] != 0.0f) {
                see(context, p, c, tracked_of(population, value_at(population, values, p, c), c, reference));
            }
        }
    }
}

/* The same of all populations; *channel is made the flat number of a population's first channel among the maxima. */
static void for_each_value(const snn_draft *draft, const snn_evaluator *evaluator, value_seer see, void *context,
                           int64_t *channel)
{
    for (int32_t i = 0; i < draft->population_count; i++) {
        const snn_draft_population *population = &draft->populations[i];
        const float *values = snn_evaluator_value(evaluator, population->value);
        if (values != NULL && snn_neuron_spikes(population->kind)) { /* streams and the readout keep real values */
            *channel = population->maxima;
            for_each_value_of(population, values, see, context);
        }
    }
}

typedef struct extremes {
    int64_t first; /* channel of the population */
    float *magnitude, *negative;
} extremes;

static void raise_maximum(void *context, int64_t position, int32_t c, float value)
{
    const extremes *seen = context;
    const int64_t channel = seen->first + c;
    float magnitude = fabsf(value);
    (void)position;
    seen->magnitude[channel] = magnitude > seen->magnitude[channel] ? magnitude : seen->magnitude[channel];
    seen->negative[channel] = -value > seen->negative[channel] ? -value : seen->negative[channel];
}

void snn_draft_observe(const snn_draft *draft, const snn_evaluator *evaluator, float *maxima)
{
    extremes seen = {0, maxima, maxima + snn_draft_channels(draft)};
    for_each_value(draft, evaluator, raise_maximum, &seen, &seen.first);
}

typedef struct counting {
    int64_t first; /* channel of the population */
    snn_histogram *histogram;
} counting;

static void count_value(void *context, int64_t position, int32_t c, float value)
{
    const counting *at = context;
    (void)position;
    snn_histogram_add(at->histogram, at->first + c, value);
}

void snn_draft_count(const snn_draft *draft, const snn_evaluator *evaluator, snn_histogram *histogram)
{
    counting at = {0, histogram};
    for_each_value(draft, evaluator, count_value, &at, &at.first);
}

typedef struct keeping {
    int32_t channels;
    float *values;
} keeping;

static void keep_value(void *context, int64_t position, int32_t c, float value)
{
    const keeping *at = context;
    at->values[position * at->channels + c] = value;
}

bool snn_draft_tracked(const snn_draft *draft, const snn_evaluator *evaluator, int32_t population, float *tracked)
{
    const snn_draft_population *of = &draft->populations[population];
    const float *values = snn_evaluator_value(evaluator, of->value);
    const int64_t size = snn_shape_size(of->shape);
    if (values == NULL || !snn_neuron_spikes(of->kind) || snn_shape_size(of->value_layout.shape) != size ||
        of->value_layout.shape.channels != of->shape.channels) {
        return false;
    }
    for (int64_t i = 0; i < size; i++) {
        tracked[i] = NAN;
    }
    keeping at = {of->shape.channels, tracked};
    for_each_value_of(of, values, keep_value, &at);
    return true;
}
