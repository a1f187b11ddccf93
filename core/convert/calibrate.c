/* Channel maxima of the trained network's activations: the scales sigma. */
#include <math.h>

#include "core/convert/draft_internal.h"

int64_t snn_draft_maxima_length(const snn_draft *draft)
{
    return draft->maxima_length;
}

/* Calls `see` for every value that counts for a scale: flat channel number among the maxima, and the value that the
 * population tracks there. */
static void for_each_value(const snn_draft *draft, const snn_evaluator *evaluator,
                           void (*see)(void *context, int64_t channel, float value), void *context)
{
    for (int32_t i = 0; i < draft->population_count; i++) {
        const snn_draft_population *population = &draft->populations[i];
        const float *values = snn_evaluator_value(evaluator, population->value);
        if (values == NULL || !snn_neuron_spikes(population->kind)) {
            continue; /* nothing to scale: streams and the readout keep real values */
        }
        int64_t positions = snn_shape_positions(population->value_layout.shape);
        for (int32_t c = 0; c < population->value_layout.shape.channels; c++) {
            float shift = population->value_shift != NULL ? population->value_shift[c] : 0.0f;
            float gain = population->value_gain != NULL ? population->value_gain[c] : 1.0f;
            for (int64_t p = 0; p < positions && gain != 0.0f; p++) {
                see(context, population->maxima + c,
                    (values[snn_affine_element(&population->value_layout, p, c)] - shift) / gain);
            }
        }
    }
}

static void raise_maximum(void *context, int64_t channel, float value)
{
    float *maximum = (float *)context + channel;
    float magnitude = fabsf(value);
    *maximum = magnitude > *maximum ? magnitude : *maximum;
}

void snn_draft_observe(const snn_draft *draft, const snn_evaluator *evaluator, float *maxima)
{
    for_each_value(draft, evaluator, raise_maximum, maxima);
}

static void count_value(void *context, int64_t channel, float value)
{
    snn_histogram_add(context, channel, value);
}

void snn_draft_count(const snn_draft *draft, const snn_evaluator *evaluator, snn_histogram *histogram)
{
    for_each_value(draft, evaluator, count_value, histogram);
}
