/* Scales folded into weights, weights quantised per target channel: the draft becomes a network.
 *
 * All projections into one channel of a population share one step delta, so that their integer sums add up. It is
 * chosen from the largest product weight of the channel (convolution, matrix product: 16 or 8 bits); diagonal weights,
 * of which there is one a neuron, are 32-bit and follow. A stream and whatever adds to it or is fed by it unchanged
 * have the same delta, so that a residual connection passes integers on exactly (steps.h). The sum of magnitudes of a
 * channel is kept below 2^31, so no order of addition can overflow.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/convert/ranges.h"
#include "core/convert/scaled_rows.h"
#include "core/convert/steps.h"
#include "core/network/timing.h"

static const float SMALLEST_SCALE = 1e-5f;

static snn_status fill_scales(const snn_draft *draft, const snn_draft_population *from, const float *maxima,
                              float *scale)
{
    int32_t channels = from->shape.channels;
    float layer = 0.0f;
    for (int32_t c = 0; c < channels; c++) {
        float maximum = maxima[from->maxima + c];
        if (!isfinite(maximum)) {
            return snn_fail(SNN_INPUT_ERROR,
                            "%s: the trained network gives values that are not finite; see to data.mean, data.std and "
                            "the weights of the model",
                            from->name);
        }
        layer = maximum > layer ? maximum : layer;
        scale[c] = maximum;
    }
    for (int32_t c = 0; c < channels; c++) {
        float chosen = draft->options.scale == SNN_SCALE_LAYER ? layer : scale[c];
        /* Inverse scales are used at run time: a scale too small for that counts as none. */
        scale[c] = chosen <= SMALLEST_SCALE || !snn_neuron_spikes(from->kind) ? 1.0f : chosen;
    }
    return snn_ok();
}

/* False if a weight has no number in fixed point. */
static bool store_row(void *weights, snn_weight_format format, bool product, int64_t at, const double *row,
                      int64_t length, double unit)
{
    for (int64_t k = 0; k < length; k++) {
        double quantised = nearbyint(row[k] / unit);
        if (format == SNN_WEIGHTS_FLOAT32) {
            ((float *)weights)[at + k] = (float)row[k];
        } else if (isnan(quantised) || (!product && fabs(quantised) > INT32_MAX)) {
            return false;
        } else if (product) {
            double limit = format == SNN_WEIGHTS_INT8 ? 127.0 : 32767.0;
            quantised = quantised > limit ? limit : quantised < -limit ? -limit : quantised;
            ((int16_t *)weights)[at + k] = (int16_t)quantised;
        } else {
            ((int32_t *)weights)[at + k] = (int32_t)quantised;
        }
    }
    return true;
}

/* The matrix of a token product in its own unit; the rows' weights carry that unit on. */
static snn_status store_mixing(const snn_term *term, const snn_network *network, void **mixing)
{
    size_t count =
        (size_t)(snn_shape_positions(term->op.target) * snn_shape_positions(snn_operator_pooled_shape(&term->op)));
    const snn_weight_format format = network->format;
    double unit = snn_mixing_unit(term, network);
    *mixing = snn_allocate(count, format == SNN_WEIGHTS_FLOAT32 ? sizeof(float) : sizeof(int16_t));
    if (*mixing == NULL) {
        return snn_out_of_memory("position weights");
    }
    for (size_t i = 0; i < count; i++) {
        if (format == SNN_WEIGHTS_FLOAT32) {
            ((float *)*mixing)[i] = term->mixing[i];
        } else {
            ((int16_t *)*mixing)[i] = (int16_t)nearbyint((double)term->mixing[i] / unit);
        }
    }
    return snn_ok();
}

static snn_status make_projection(const snn_term *term, int32_t target, snn_network *network, double *row)
{
    snn_projection *projection = &network->projections[network->projection_count];
    const snn_operator *op = &term->op;
    const snn_population *to = &network->populations[target];
    int64_t length = snn_operator_row_length(op);
    size_t count = (size_t)(length * op->target_channels);
    bool tokens = op->kind == SNN_OPERATOR_TOKENS;
    projection->source = term->source;
    projection->target = target;
    projection->op = *op;
    projection->row_end = op->target_channels;
    projection->weights = snn_allocate(count, (size_t)snn_weight_bytes(network->format, op->kind));
    if (projection->weights == NULL) {
        return snn_out_of_memory("quantised weights");
    }
    network->projection_count++; /* owned by the network from here on */
    if (term->index != NULL) {
        projection->index = snn_allocate(count, sizeof *projection->index);
        if (projection->index == NULL) {
            return snn_out_of_memory("index");
        }
        memcpy(projection->index, term->index, count * sizeof *projection->index);
    }
    if (tokens) {
        SNN_TRY(store_mixing(term, network, &projection->mixing));
    }
    for (int32_t r = 0; r < op->target_channels; r++) {
        double unit = (double)to->step[op->target_channel + r];
        unit = ldexp(unit, -projection->shift);
        if (tokens && network->format != SNN_WEIGHTS_FLOAT32) {
            unit /= (double)(1 << SNN_TOKENS_FRACTION_BITS);
        }
        snn_scaled_row(term, network, r, row);
        if (tokens) {
            row[0] *= snn_mixing_unit(term, network);
        }
        if (!store_row(projection->weights, network->format, snn_operator_is_product(op->kind), r * length, row, length,
                       unit)) {
            return snn_fail(SNN_INPUT_ERROR,
                            "%s: weights of channel %d have no place in fixed point (unit %g); train and export the "
                            "model again, or give simulation.weights = \"float32\"",
                            to->name, op->target_channel + r, unit);
        }
    }
    return snn_ok();
}

static snn_status fill_bias(const snn_affine *affine, snn_population *population)
{
    int32_t positions = affine->offset != NULL ? affine->offset_positions : 1;
    size_t count = (size_t)positions * (size_t)affine->shape.channels;
    population->bias = snn_allocate(count, sizeof *population->bias);
    population->bias_positions = positions;
    if (population->bias == NULL) {
        return snn_out_of_memory("bias");
    }
    if (affine->offset != NULL) {
        memcpy(population->bias, affine->offset, count * sizeof *population->bias);
    }
    return snn_ok();
}

/* By their sources; those of one source stay in order, whatever the C library sorts by. */
static void sort_terms(snn_affine *affine)
{
    for (int32_t i = 1; i < affine->term_count; i++) {
        const snn_term term = affine->terms[i];
        int32_t to = i;
        for (; to > 0 && affine->terms[to - 1].source > term.source; to--) {
            affine->terms[to] = affine->terms[to - 1];
        }
        affine->terms[to] = term;
    }
}

/* Nothing lies beyond the range in which the model quantises: no margin is needed. */
static snn_status use_quantised_range(const snn_draft *draft, const snn_draft_population *from, int64_t images,
                                      snn_population *population)
{
    const float low = from->quantised_low, high = from->quantised_high;
    snn_windows windows = draft->options.windows;
    windows.margin = 0.0;
    for (int32_t c = 0; c < from->shape.channels; c++) {
        population->scale[c] = fmaxf(-low, high);
    }
    if (windows.steps > 0) {
        float *negative = snn_allocate((size_t)from->shape.channels, sizeof *negative);
        if (negative == NULL) {
            return snn_out_of_memory("ranges");
        }
        for (int32_t c = 0; c < from->shape.channels; c++) {
            negative[c] = fmaxf(-low, 0.0f);
        }
        snn_status status = snn_ranges_choose(&windows, negative, images, population);
        snn_release(negative);
        SNN_TRY(status);
    }
    return fill_bias(&from->input, population);
}

/* Everything of a population but its steps and projections. */
static snn_status begin_population(const snn_draft *draft, int32_t number, const float *maxima, int64_t images,
                                   snn_network *network)
{
    const snn_draft_population *from = &draft->populations[number];
    snn_population *population = &network->populations[number];
    population->kind = from->kind;
    population->shape = from->shape;
    population->input = from->input.shape;
    population->window = from->window;
    population->alpha = from->alpha;
    population->beta = from->beta;
    population->groups = from->groups > 0 ? from->groups : 1;
    population->name = snn_duplicate_text(from->name);
    population->scale = snn_allocate((size_t)from->shape.channels, sizeof *population->scale);
    population->step = snn_allocate((size_t)from->input.shape.channels, sizeof *population->step);
    if (population->name == NULL || population->scale == NULL || population->step == NULL) {
        return snn_out_of_memory("population");
    }
    if (from->quantised_high > from->quantised_low) {
        return use_quantised_range(draft, from, images, population);
    }
    SNN_TRY(fill_scales(draft, from, maxima, population->scale));
    if (draft->options.windows.steps > 0 && snn_neuron_spikes(from->kind)) {
        const float *negative = maxima + snn_draft_channels(draft) + from->maxima;
        SNN_TRY(snn_ranges_choose(&draft->options.windows, negative, images, population));
    }
    return fill_bias(&from->input, population);
}

static snn_status make_projections(const snn_draft *draft, snn_network *network)
{
    double *row = snn_allocate((size_t)snn_longest_row(draft), sizeof *row);
    if (row == NULL) {
        return snn_out_of_memory("row");
    }
    snn_status status = snn_ok();
    for (int32_t p = 0; p < draft->population_count && !snn_failed(status); p++) {
        const snn_affine *input = &draft->populations[p].input;
        for (int32_t t = 0; t < input->term_count && !snn_failed(status); t++) {
            status = make_projection(&input->terms[t], p, network, row);
        }
    }
    snn_release(row);
    return status;
}

/* A copy of the name of the model without folders. */
static char *model_name(const char *source)
{
    const char *slash = strrchr(source, '/');
    return snn_duplicate_text(slash != NULL ? slash + 1 : source);
}

void snn_draft_set_windows(snn_draft *draft, const snn_windows *windows, snn_weight_format format)
{
    draft->options.windows = *windows;
    draft->options.format = format;
}

snn_status snn_draft_finish(snn_draft *draft, const float *maxima, int64_t images, snn_network **network)
{
    *network = NULL;
    snn_network *made = snn_allocate(1, sizeof *made);
    if (made == NULL) {
        return snn_out_of_memory("network");
    }
    int32_t terms = 0;
    for (int32_t p = 0; p < draft->population_count; p++) {
        snn_affine *affine = &draft->populations[p].input;
        terms += affine->term_count;
        sort_terms(affine);
    }
    snn_order order;
    const snn_tensor *input = &draft->graph->values[draft->graph->input].tensor;
    snn_status status = snn_affine_natural_layout(input->dims, input->rank, &made->input, &order);
    made->format = draft->options.format;
    made->windows = draft->options.windows;
    made->name = model_name(draft->graph->source);
    made->classes = snn_draft_last(draft)->shape.channels;
    made->populations = snn_allocate((size_t)draft->population_count, sizeof *made->populations);
    made->projections = snn_allocate((size_t)terms, sizeof *made->projections);
    if (made->name == NULL || made->populations == NULL || made->projections == NULL) {
        status = snn_out_of_memory("network");
    } else {
        made->population_count = draft->population_count;
    }
    for (int32_t p = 0; p < draft->population_count && !snn_failed(status); p++) {
        status = begin_population(draft, p, maxima, images, made);
    }
    if (!snn_failed(status)) {
        status = snn_steps_choose(draft, made);
    }
    if (!snn_failed(status)) {
        status = make_projections(draft, made);
        snn_network_find_depths(made);
    }
    if (!snn_failed(status)) {
        status = snn_network_check(made);
    }
    if (snn_failed(status)) {
        snn_network_destroy(made);
        return status;
    }
    *network = made;
    return snn_ok();
}
