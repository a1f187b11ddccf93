#include "core/convert/centring.h"

#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"

static const snn_window point = {{1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}};

static bool is_stream(const snn_draft *draft, int32_t source)
{
    return source != SNN_SOURCE_INPUT && draft->populations[source].kind == SNN_NEURON_STREAM;
}

/* A product of spikes or of the image that reaches every channel: it has a row of weights for each. */
static bool has_all_rows(const snn_draft *draft, const snn_term *term)
{
    const snn_operator *op = &term->op;
    bool product = op->kind == SNN_OPERATOR_DENSE || (op->kind == SNN_OPERATOR_CONVOLUTION && op->groups == 1);
    return product && !is_stream(draft, term->source) && op->target_channels == op->target.channels;
}

/* Subtracts the mean row from each. */
static void centre_rows(snn_term *term)
{
    const int64_t length = snn_operator_row_length(&term->op);
    const int32_t rows = term->op.target_channels;
    for (int64_t k = 0; k < length; k++) {
        double mean = 0.0;
        for (int32_t r = 0; r < rows; r++) {
            mean += (double)term->weights[r * length + k] / rows;
        }
        for (int32_t r = 0; r < rows; r++) {
            term->weights[r * length + k] = (float)((double)term->weights[r * length + k] - mean);
        }
    }
}

/* Channels passed through become a product: each subtracts its share from all. */
static snn_status centre_channels(snn_term *term)
{
    const int32_t inputs = term->op.target_channels, first = term->op.target_channel;
    const int32_t rows = term->op.target.channels;
    float *weights = snn_allocate((size_t)rows * (size_t)inputs, sizeof *weights);
    if (weights == NULL) {
        return snn_out_of_memory("centring weights");
    }
    for (int32_t c = 0; c < inputs; c++) {
        weights[(int64_t)(first + c) * inputs + c] = term->weights[c];
    }
    snn_release(term->weights);
    term->weights = weights;
    term->op.kind = SNN_OPERATOR_CONVOLUTION;
    term->op.window = point;
    term->op.groups = 1;
    term->op.target_channel = 0;
    term->op.target_channels = rows;
    centre_rows(term);
    return snn_ok();
}

static void centre_offset(snn_affine *affine)
{
    const int32_t channels = affine->shape.channels;
    for (int32_t p = 0; p < affine->offset_positions && affine->offset != NULL; p++) {
        float *offset = affine->offset + (int64_t)p * channels;
        double mean = 0.0;
        for (int32_t c = 0; c < channels; c++) {
            mean += (double)offset[c] / channels;
        }
        for (int32_t c = 0; c < channels; c++) {
            offset[c] = (float)((double)offset[c] - mean);
        }
    }
}

/* Whether all terms are products of spikes or single spikes, none of them a stream. */
static bool has_rows_only(const snn_draft *draft, const snn_affine *x)
{
    bool rows = true;
    for (int32_t t = 0; t < x->term_count && rows; t++) {
        const snn_term *term = &x->terms[t];
        rows = has_all_rows(draft, term) || (term->op.kind == SNN_OPERATOR_DIAGONAL && !is_stream(draft, term->source));
    }
    return rows;
}

/* A term that hands all channels of a stream on as they are. */
static bool is_whole_stream(const snn_draft *draft, const snn_term *term)
{
    const snn_operator *op = &term->op;
    bool whole = op->kind == SNN_OPERATOR_DIAGONAL && is_stream(draft, term->source) && !op->pooled &&
                 op->source_channels == op->source.channels && op->target_channels == op->target.channels;
    for (int32_t c = 0; c < op->target_channels && whole; c++) {
        whole = term->weights[c] == 1.0f;
    }
    return whole;
}

/* A 1 x 1 convolution with the same weight everywhere. */
static snn_status spread(snn_affine *affine, int32_t outputs, float weight)
{
    const size_t count = (size_t)outputs * (size_t)affine->shape.channels;
    float *weights = snn_allocate(count, sizeof *weights);
    bool possible = false;
    if (weights == NULL) {
        return snn_out_of_memory("weights of a mean");
    }
    for (size_t i = 0; i < count; i++) {
        weights[i] = weight;
    }
    snn_status status = snn_affine_convolve(affine, &point, 1, outputs, weights, NULL, &possible);
    snn_release(weights);
    return status;
}

/* Subtracts a stream of the means of x, which is a whole stream itself. */
static snn_status subtract_mean(snn_draft *draft, const char *name, snn_affine *x, int32_t value)
{
    const int32_t channels = x->shape.channels;
    snn_affine mean;
    SNN_TRY(snn_affine_copy(x, &mean));
    snn_status status = spread(&mean, 1, 1.0f / (float)channels);
    if (!snn_failed(status)) {
        status = snn_draft_add_stream(draft, name, &mean, value);
    }
    if (!snn_failed(status)) {
        snn_draft_last(draft)->mean_of = x->terms[0].source;
        status = spread(&mean, channels, 1.0f);
    }
    if (!snn_failed(status)) {
        status = snn_affine_add(x, &mean, -1.0f);
    }
    snn_affine_clear(&mean);
    return status;
}

snn_status snn_draft_centre(snn_draft *draft, const char *name, snn_affine *x, int32_t value)
{
    char text[256];
    if (has_rows_only(draft, x)) {
        for (int32_t t = 0; t < x->term_count; t++) {
            if (x->terms[t].op.kind == SNN_OPERATOR_DIAGONAL) {
                SNN_TRY(centre_channels(&x->terms[t]));
            } else {
                centre_rows(&x->terms[t]);
            }
        }
        centre_offset(x);
        (void)snprintf(text, sizeof text, "%.200s/centred", name);
        return snn_draft_add_stream(draft, text, x, value);
    }
    if (x->term_count != 1 || !is_whole_stream(draft, &x->terms[0])) {
        (void)snprintf(text, sizeof text, "%.200s/stream", name);
        SNN_TRY(snn_draft_add_stream(draft, text, x, value));
    }
    (void)snprintf(text, sizeof text, "%.200s/mean", name);
    return subtract_mean(draft, text, x, value);
}

/* ---- folding, when all readers are known ---- */

static const snn_term *term_from(const snn_affine *affine, int32_t source)
{
    for (int32_t t = 0; t < affine->term_count; t++) {
        if (affine->terms[t].source == source) {
            return &affine->terms[t];
        }
    }
    return NULL;
}

/* Whether population `reader` subtracts the mean of stream `number`, or is that mean. */
static bool wants_centred(const snn_draft *draft, int32_t reader, int32_t number)
{
    if (draft->populations[reader].mean_of == number) {
        return true;
    }
    for (int32_t m = 0; m < draft->population_count; m++) {
        if (draft->populations[m].mean_of == number && term_from(&draft->populations[reader].input, m) != NULL) {
            return true;
        }
    }
    return false;
}

/* Whether stream `number` may be centred if the streams marked may: all that make it can be, all that read it want it.
 */
static bool may_be_centred(const snn_draft *draft, const bool *centred, int32_t number)
{
    const snn_draft_population *stream = &draft->populations[number];
    if (stream->kind != SNN_NEURON_STREAM || stream->mean_of >= 0) {
        return false;
    }
    for (int32_t t = 0; t < stream->input.term_count; t++) {
        const snn_term *term = &stream->input.terms[t];
        if (!has_all_rows(draft, term) && !(is_whole_stream(draft, term) && centred[term->source])) {
            return false;
        }
    }
    bool read = false;
    for (int32_t r = number + 1; r < draft->population_count; r++) {
        const snn_term *term = term_from(&draft->populations[r].input, number);
        if (term != NULL && !wants_centred(draft, r, number) && !(centred[r] && is_whole_stream(draft, term))) {
            return false;
        }
        read = read || term != NULL;
    }
    return read;
}

/* Takes the terms of `source` out of a population's input. */
static void drop_terms(snn_affine *input, int32_t source)
{
    int32_t kept = 0;
    for (int32_t t = 0; t < input->term_count; t++) {
        if (input->terms[t].source == source) {
            snn_term_clear(&input->terms[t]);
        } else {
            input->terms[kept++] = input->terms[t];
        }
    }
    input->term_count = kept;
}

static void remove_population(snn_draft *draft, int32_t number)
{
    snn_affine_clear(&draft->populations[number].input);
    snn_release(draft->populations[number].name);
    for (int32_t p = number + 1; p < draft->population_count; p++) {
        snn_draft_population *population = &draft->populations[p];
        drop_terms(&population->input, number);
        population->mean_of -= population->mean_of > number ? 1 : 0;
        for (int32_t t = 0; t < population->input.term_count; t++) {
            population->input.terms[t].source -= population->input.terms[t].source > number ? 1 : 0;
        }
        draft->populations[p - 1] = *population;
    }
    draft->population_count--;
}

snn_status snn_draft_fold_means(snn_draft *draft)
{
    bool *centred = snn_allocate((size_t)draft->population_count, sizeof *centred);
    if (centred == NULL) {
        return snn_out_of_memory("streams");
    }
    for (int32_t p = 0; p < draft->population_count; p++) {
        centred[p] = true;
    }
    /* A stream that drops out may take those with it that make it or read it: until none does. */
    for (bool changed = true; changed;) {
        changed = false;
        for (int32_t p = 0; p < draft->population_count; p++) {
            if (centred[p] && !may_be_centred(draft, centred, p)) {
                centred[p] = false;
                changed = true;
            }
        }
    }
    for (int32_t p = 0; p < draft->population_count; p++) {
        snn_affine *input = &draft->populations[p].input;
        for (int32_t t = 0; t < input->term_count && centred[p]; t++) {
            if (has_all_rows(draft, &input->terms[t])) {
                centre_rows(&input->terms[t]);
            }
        }
    }
    for (int32_t p = draft->population_count - 1; p >= 0; p--) {
        const int32_t of = draft->populations[p].mean_of;
        if (of >= 0 && centred[of]) {
            remove_population(draft, p); /* numbers below stay */
        }
    }
    snn_release(centred);
    return snn_ok();
}
