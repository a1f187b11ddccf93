/* Channel maxima of the trained network's activations: the scales sigma. */
#include <math.h>

#include "core/convert/draft_internal.h"

int64_t snn_draft_maxima_length(const snn_draft *draft)
{
    return draft->maxima_length;
}

void snn_draft_observe(const snn_draft *draft, const snn_evaluator *evaluator, float *maxima)
{
    for (int32_t i = 0; i < draft->population_count; i++) {
        const snn_draft_population *population = &draft->populations[i];
        const float *value = snn_evaluator_value(evaluator, population->value);
        if (value == NULL) {
            continue;
        }
        int64_t positions = snn_shape_positions(population->value_layout.shape);
        for (int32_t c = 0; c < population->value_layout.shape.channels; c++) {
            float *maximum = &maxima[population->maxima + c];
            for (int64_t p = 0; p < positions; p++) {
                float magnitude = fabsf(value[snn_affine_element(&population->value_layout, p, c)]);
                *maximum = magnitude > *maximum ? magnitude : *maximum;
            }
        }
    }
}
