/* Scales folded into weights, weights quantised per target channel: the draft becomes a network.
 *
 * All projections into one channel of a population share one step delta, so that their integer sums add up. It is
 * chosen from the largest product weight of the channel (convolution, matrix product: 16 or 8 bits); diagonal weights,
 * of which there is one a neuron, are 32-bit and follow. The sum of magnitudes of a channel is kept below 2^31, so no
 * order of addition can overflow.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/convert/draft_internal.h"

static const float SMALLEST_SCALE = 1e-5f;
static const double LARGEST_SUM = 2147483000.0; /* below 2^31, with room for rounding */

static bool is_product(snn_operator_kind kind)
{
    return kind == SNN_OPERATOR_CONVOLUTION || kind == SNN_OPERATOR_DENSE;
}

static snn_status fill_scales(const snn_draft *draft, const snn_draft_population *from, const float *maxima,
                              float *scale)
{
    int32_t channels = from->shape.channels;
    float layer = 0.0f;
    for (int32_t c = 0; c < channels; c++) {
        float maximum = maxima[from->maxima + c];
        if (!isfinite(maximum)) {
            return snn_fail(SNN_INPUT_ERROR, "%s: the trained network gives values that are not finite", from->name);
        }
        layer = maximum > layer ? maximum : layer;
        scale[c] = maximum;
    }
    for (int32_t c = 0; c < channels; c++) {
        float chosen = draft->options.scale == SNN_SCALE_LAYER ? layer : scale[c];
        /* Inverse scales are used at run time: a scale too small for that counts as none. */
        scale[c] = chosen <= SMALLEST_SCALE ? 1.0f : chosen;
    }
    return snn_ok();
}

/* Multiplies a term's rows by the scales of its source channels, in double. `row`: [row length] of target row `r`. */
static void scaled_row(const snn_term *term, const float *source_scale, int32_t r, double *row)
{
    const snn_operator *op = &term->op;
    int64_t length = snn_operator_row_length(op);
    int32_t inputs = op->kind == SNN_OPERATOR_CONVOLUTION ? op->source_channels / op->groups : op->source_channels;
    int32_t base = op->kind == SNN_OPERATOR_CONVOLUTION ? r / (op->target_channels / op->groups) * inputs : 0;
    for (int64_t k = 0; k < length; k++) {
        int64_t channel;
        switch (op->kind) {
        case SNN_OPERATOR_DIAGONAL:
            channel = r;
            break;
        case SNN_OPERATOR_GATHER:
            channel = term->index[r * length + k] < 0 ? 0 : term->index[r * length + k] % op->source_channels;
            break;
        default:
            channel = base + k % inputs;
        }
        double scale = source_scale != NULL ? (double)source_scale[op->source_channel + channel] : 1.0;
        row[k] = (double)term->weights[r * length + k] * scale;
    }
}

/* Largest magnitude and sum of magnitudes that one neuron of a target channel can see from a row. */
static void measure_row(const snn_operator *op, const double *row, double *largest, double *sum)
{
    int64_t length = snn_operator_row_length(op);
    double area = op->pooled ? (double)op->pool.kernel[0] * op->pool.kernel[1] : 1.0;
    double total = 0.0;
    *largest = 0.0;
    for (int64_t k = 0; k < length; k++) {
        double magnitude = fabs(row[k]);
        *largest = magnitude > *largest ? magnitude : *largest;
        total += magnitude;
    }
    *sum = (op->kind == SNN_OPERATOR_GATHER ? *largest : total) * area;
}

typedef struct channel_range {
    double product, single; /* largest weights of products and of diagonals or gathers */
    double sum;             /* of magnitudes, over all projections */
    int32_t singles;        /* diagonal projections that reach the channel */
    int64_t terms;          /* weights that rounding may raise by half a step */
} channel_range;

static void choose_steps(const channel_range *ranges, int32_t channels, snn_weight_format format, float *step)
{
    double levels = format == SNN_WEIGHTS_INT8 ? 127.0 : 32767.0;
    for (int32_t c = 0; c < channels; c++) {
        const channel_range *range = &ranges[c];
        double delta = range->product / levels;
        if (range->product == 0.0) {
            /* One diagonal weight is its own unit: +-1, exact. Several share 2^15 levels. */
            delta = range->singles == 1 ? range->single : range->single / 32768.0;
        }
        double smallest = range->sum / (LARGEST_SUM - (double)range->terms);
        delta = delta < smallest ? smallest : delta;
        step[c] = format == SNN_WEIGHTS_FLOAT32 || delta < 1e-30 ? 1.0f : (float)delta;
    }
}

static snn_status measure(const snn_draft_population *population, const snn_network *network, double *row,
                          channel_range *ranges)
{
    const snn_affine *affine = &population->input;
    for (int32_t t = 0; t < affine->term_count; t++) {
        const snn_term *term = &affine->terms[t];
        const float *scale = term->source == SNN_SOURCE_INPUT ? NULL : network->populations[term->source].scale;
        for (int32_t r = 0; r < term->op.target_channels; r++) {
            double largest, sum;
            channel_range *range = &ranges[term->op.target_channel + r];
            scaled_row(term, scale, r, row);
            measure_row(&term->op, row, &largest, &sum);
            if (!isfinite(sum)) {
                return snn_fail(SNN_INPUT_ERROR, "%s: weights are not finite", population->name);
            }
            range->sum += sum;
            range->terms += term->op.kind == SNN_OPERATOR_GATHER ? 1 : snn_operator_row_length(&term->op);
            if (is_product(term->op.kind)) {
                range->product = largest > range->product ? largest : range->product;
            } else {
                range->single = largest > range->single ? largest : range->single;
                /* A gather's weights may differ from position to position: it counts as several. */
                range->singles += term->op.kind == SNN_OPERATOR_DIAGONAL ? 1 : 2;
            }
        }
    }
    return snn_ok();
}

static void store_row(void *weights, snn_weight_format format, bool product, int64_t at, const double *row,
                      int64_t length, float step)
{
    for (int64_t k = 0; k < length; k++) {
        double quantised = nearbyint(row[k] / (double)step);
        if (format == SNN_WEIGHTS_FLOAT32) {
            ((float *)weights)[at + k] = (float)row[k];
        } else if (product) {
            double limit = format == SNN_WEIGHTS_INT8 ? 127.0 : 32767.0;
            quantised = quantised > limit ? limit : quantised < -limit ? -limit : quantised;
            ((int16_t *)weights)[at + k] = (int16_t)quantised;
        } else {
            ((int32_t *)weights)[at + k] = (int32_t)quantised;
        }
    }
}

static snn_status make_projection(const snn_term *term, int32_t target, snn_network *network, double *row)
{
    snn_projection *projection = &network->projections[network->projection_count];
    const snn_operator *op = &term->op;
    int64_t length = snn_operator_row_length(op);
    size_t count = (size_t)(length * op->target_channels);
    memset(projection, 0, sizeof *projection);
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
    const float *scale = term->source == SNN_SOURCE_INPUT ? NULL : network->populations[term->source].scale;
    for (int32_t r = 0; r < op->target_channels; r++) {
        scaled_row(term, scale, r, row);
        store_row(projection->weights, network->format, is_product(op->kind), r * length, row, length,
                  network->populations[target].step[op->target_channel + r]);
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

static int by_source(const void *a, const void *b)
{
    const snn_term *first = a;
    const snn_term *second = b;
    return (first->source > second->source) - (first->source < second->source);
}

static snn_status finish_population(const snn_draft *draft, int32_t number, const float *maxima, snn_network *network)
{
    const snn_draft_population *from = &draft->populations[number];
    const snn_affine *affine = &from->input;
    snn_population *population = &network->populations[number];
    int32_t channels = affine->shape.channels;
    int64_t longest = 1;
    for (int32_t t = 0; t < affine->term_count; t++) {
        int64_t length = snn_operator_row_length(&affine->terms[t].op);
        longest = length > longest ? length : longest;
    }
    population->kind = from->kind;
    population->shape = from->shape;
    population->input = affine->shape;
    population->window = from->window;
    population->alpha = from->alpha;
    population->name = snn_duplicate_text(from->name);
    population->scale = snn_allocate((size_t)from->shape.channels, sizeof *population->scale);
    population->step = snn_allocate((size_t)channels, sizeof *population->step);
    channel_range *ranges = snn_allocate((size_t)channels, sizeof *ranges);
    double *row = snn_allocate((size_t)longest, sizeof *row);
    snn_status status = snn_ok();
    if (population->name == NULL || population->scale == NULL || population->step == NULL || ranges == NULL ||
        row == NULL) {
        status = snn_out_of_memory("population");
        goto done;
    }
    SNN_GOTO_DONE(status, fill_scales(draft, from, maxima, population->scale));
    SNN_GOTO_DONE(status, fill_bias(affine, population));
    SNN_GOTO_DONE(status, measure(from, network, row, ranges));
    choose_steps(ranges, channels, network->format, population->step);
    for (int32_t t = 0; t < affine->term_count; t++) {
        SNN_GOTO_DONE(status, make_projection(&affine->terms[t], number, network, row));
    }
done:
    snn_release(ranges);
    snn_release(row);
    return status;
}

/* A copy of the name of the model without folders. */
static char *model_name(const char *source)
{
    const char *slash = strrchr(source, '/');
    return snn_duplicate_text(slash != NULL ? slash + 1 : source);
}

snn_status snn_draft_finish(const snn_draft *draft, const float *maxima, snn_network **network)
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
        qsort(affine->terms, (size_t)affine->term_count, sizeof *affine->terms, by_source);
    }
    snn_order order;
    const snn_tensor *input = &draft->graph->values[draft->graph->input].tensor;
    snn_status status = snn_affine_natural_layout(input->dims, input->rank, &made->input, &order);
    made->format = draft->options.format;
    made->name = model_name(draft->graph->source);
    made->classes = draft->populations[draft->population_count - 1].shape.channels;
    made->populations = snn_allocate((size_t)draft->population_count, sizeof *made->populations);
    made->projections = snn_allocate((size_t)terms, sizeof *made->projections);
    if (made->name == NULL || made->populations == NULL || made->projections == NULL) {
        status = snn_out_of_memory("network");
    } else {
        made->population_count = draft->population_count;
    }
    for (int32_t p = 0; p < draft->population_count && status.code == SNN_OK; p++) {
        status = finish_population(draft, p, maxima, made);
    }
    if (status.code == SNN_OK) {
        status = snn_network_check(made);
    }
    if (status.code != SNN_OK) {
        snn_network_destroy(made);
        return status;
    }
    *network = made;
    return snn_ok();
}
