#include "core/convert/affine.h"

#include <math.h>
#include <string.h>

#include "core/base/memory.h"

static int64_t term_weights(const snn_term *term)
{
    return snn_operator_row_length(&term->op) * term->op.target_channels;
}

void snn_term_clear(snn_term *term)
{
    snn_release(term->weights);
    snn_release(term->index);
    snn_release(term->mixing);
    term->weights = NULL;
    term->index = NULL;
    term->mixing = NULL;
}

/* A copy of `count` elements of `bytes` bytes, or NULL for none; *status tells of short memory. */
static void *copy_array(const void *from, size_t count, size_t bytes, snn_status *status)
{
    void *copy = from == NULL || status->code != SNN_OK ? NULL : snn_allocate(count, bytes);
    if (copy != NULL) {
        memcpy(copy, from, count * bytes);
    } else if (from != NULL && status->code == SNN_OK) {
        *status = snn_out_of_memory("a term");
    }
    return copy;
}

static snn_status copy_term(const snn_term *term, snn_term *copy)
{
    size_t count = (size_t)term_weights(term);
    size_t mixing =
        (size_t)(snn_shape_positions(term->op.target) * snn_shape_positions(snn_operator_pooled_shape(&term->op)));
    snn_status status = snn_ok();
    *copy = *term;
    copy->weights = copy_array(term->weights, count, sizeof *copy->weights, &status);
    copy->index = copy_array(term->index, count, sizeof *copy->index, &status);
    copy->mixing = copy_array(term->mixing, mixing, sizeof *copy->mixing, &status);
    if (snn_failed(status)) {
        snn_term_clear(copy);
    }
    return status;
}

snn_status snn_affine_identity(snn_affine *affine, int32_t source, snn_shape shape, snn_order order)
{
    memset(affine, 0, sizeof *affine);
    snn_term *term = snn_allocate(1, sizeof *term);
    float *weights = snn_allocate((size_t)shape.channels, sizeof *weights);
    if (term == NULL || weights == NULL) {
        snn_release(term);
        snn_release(weights);
        return snn_out_of_memory("identity term");
    }
    for (int32_t c = 0; c < shape.channels; c++) {
        weights[c] = 1.0f;
    }
    term->source = source;
    term->weights = weights;
    term->op.kind = SNN_OPERATOR_DIAGONAL;
    term->op.source = shape;
    term->op.source_channels = shape.channels;
    term->op.target = shape;
    term->op.target_channels = shape.channels;
    term->op.groups = 1;
    affine->shape = shape;
    affine->order = order;
    affine->terms = term;
    affine->term_count = 1;
    return snn_ok();
}

snn_status snn_affine_copy(const snn_affine *affine, snn_affine *copy)
{
    *copy = *affine;
    copy->offset = NULL;
    copy->term_count = 0;
    copy->terms = snn_allocate((size_t)affine->term_count, sizeof *copy->terms);
    snn_status status = copy->terms == NULL ? snn_out_of_memory("terms") : snn_ok();
    for (int32_t i = 0; i < affine->term_count && !snn_failed(status); i++) {
        status = copy_term(&affine->terms[i], &copy->terms[i]);
        copy->term_count += !snn_failed(status);
    }
    if (!snn_failed(status) && affine->offset != NULL) {
        size_t count = (size_t)affine->offset_positions * (size_t)affine->shape.channels;
        copy->offset = snn_allocate(count, sizeof *copy->offset);
        if (copy->offset != NULL) {
            memcpy(copy->offset, affine->offset, count * sizeof *copy->offset);
        } else {
            status = snn_out_of_memory("offset");
        }
    }
    if (snn_failed(status)) {
        snn_affine_clear(copy);
    }
    return status;
}

void snn_affine_clear(snn_affine *affine)
{
    for (int32_t i = 0; i < affine->term_count; i++) {
        snn_term_clear(&affine->terms[i]);
    }
    snn_release(affine->terms);
    snn_release(affine->offset);
    memset(affine, 0, sizeof *affine);
}

bool snn_affine_is_plain(const snn_affine *affine, bool unpooled)
{
    for (int32_t i = 0; i < affine->term_count; i++) {
        const snn_operator *op = &affine->terms[i].op;
        if (op->kind != SNN_OPERATOR_DIAGONAL || (unpooled && op->pooled)) {
            return false;
        }
    }
    return true;
}

bool snn_affine_reads_image(const snn_affine *affine)
{
    for (int32_t i = 0; i < affine->term_count; i++) {
        if (affine->terms[i].source == SNN_SOURCE_INPUT) {
            return true;
        }
    }
    return false;
}

int64_t snn_affine_element(const snn_affine *affine, int64_t position, int32_t channel)
{
    return affine->order == SNN_ORDER_CHANNELS_FIRST ? channel * snn_shape_positions(affine->shape) + position
                                                     : position * affine->shape.channels + channel;
}

snn_status snn_affine_expand_offset(snn_affine *affine)
{
    int64_t positions = snn_shape_positions(affine->shape);
    int32_t channels = affine->shape.channels;
    if (affine->offset != NULL && affine->offset_positions == positions) {
        return snn_ok();
    }
    float *full = snn_allocate((size_t)snn_shape_size(affine->shape), sizeof *full);
    if (full == NULL) {
        return snn_out_of_memory("offsets");
    }
    if (affine->offset != NULL) {
        for (int64_t p = 0; p < positions; p++) {
            memcpy(full + p * channels, affine->offset, (size_t)channels * sizeof *full);
        }
    }
    snn_release(affine->offset);
    affine->offset = full;
    affine->offset_positions = (int32_t)positions;
    return snn_ok();
}

snn_status snn_affine_scale(snn_affine *affine, const float *gain, const float *shift)
{
    int32_t channels = affine->shape.channels;
    if (shift != NULL && affine->offset == NULL) {
        affine->offset = snn_allocate((size_t)channels, sizeof *affine->offset);
        if (affine->offset == NULL) {
            return snn_out_of_memory("offset");
        }
        affine->offset_positions = 1;
    }
    for (int32_t i = 0; i < affine->term_count && gain != NULL; i++) {
        snn_term *term = &affine->terms[i];
        int64_t row = snn_operator_row_length(&term->op);
        for (int32_t c = 0; c < term->op.target_channels; c++) {
            for (int64_t k = 0; k < row; k++) {
                term->weights[c * row + k] *= gain[term->op.target_channel + c];
            }
        }
    }
    for (int32_t p = 0; p < affine->offset_positions && affine->offset != NULL; p++) {
        float *offset = affine->offset + (int64_t)p * channels;
        for (int32_t c = 0; c < channels; c++) {
            offset[c] = offset[c] * (gain != NULL ? gain[c] : 1.0f) + (shift != NULL ? shift[c] : 0.0f);
        }
    }
    return snn_ok();
}

snn_status snn_affine_negate(snn_affine *affine)
{
    float *gain = snn_allocate((size_t)affine->shape.channels, sizeof *gain);
    if (gain == NULL) {
        return snn_out_of_memory("gains");
    }
    for (int32_t c = 0; c < affine->shape.channels; c++) {
        gain[c] = -1.0f;
    }
    snn_status status = snn_affine_scale(affine, gain, NULL);
    snn_release(gain);
    return status;
}

static snn_status append_terms(snn_affine *affine, snn_affine *other)
{
    snn_term *terms = snn_allocate((size_t)(affine->term_count + other->term_count), sizeof *terms);
    if (terms == NULL) {
        return snn_out_of_memory("terms");
    }
    memcpy(terms, affine->terms, (size_t)affine->term_count * sizeof *terms);
    memcpy(terms + affine->term_count, other->terms, (size_t)other->term_count * sizeof *terms);
    snn_release(affine->terms);
    affine->terms = terms;
    affine->term_count += other->term_count;
    other->term_count = 0;
    return snn_ok();
}

snn_status snn_affine_add(snn_affine *affine, snn_affine *other, float sign)
{
    int32_t channels = affine->shape.channels;
    SNN_TRY(sign == 1.0f ? snn_ok() : snn_affine_negate(other));
    if (other->offset != NULL) {
        if (affine->offset == NULL || affine->offset_positions != other->offset_positions) {
            SNN_TRY(snn_affine_expand_offset(affine));
            SNN_TRY(snn_affine_expand_offset(other));
        }
        for (int64_t i = 0; i < (int64_t)affine->offset_positions * channels; i++) {
            affine->offset[i] += other->offset[i];
        }
    }
    SNN_TRY(append_terms(affine, other));
    snn_affine_clear(other);
    return snn_ok();
}

snn_status snn_affine_concatenate(snn_affine *affine, snn_affine *other)
{
    snn_shape shape = affine->shape;
    int32_t first = affine->shape.channels;
    int32_t second = other->shape.channels;
    shape.channels = first + second;
    if (affine->offset != NULL || other->offset != NULL) {
        SNN_TRY(snn_affine_expand_offset(affine));
        SNN_TRY(snn_affine_expand_offset(other));
        float *offset = snn_allocate((size_t)snn_shape_size(shape), sizeof *offset);
        if (offset == NULL) {
            return snn_out_of_memory("offset");
        }
        for (int64_t p = 0; p < snn_shape_positions(shape); p++) {
            memcpy(offset + p * shape.channels, affine->offset + p * first, (size_t)first * sizeof *offset);
            memcpy(offset + p * shape.channels + first, other->offset + p * second, (size_t)second * sizeof *offset);
        }
        snn_release(affine->offset);
        affine->offset = offset;
    }
    for (int32_t i = 0; i < other->term_count; i++) {
        other->terms[i].op.target_channel += first;
    }
    SNN_TRY(append_terms(affine, other));
    affine->shape = shape;
    for (int32_t i = 0; i < affine->term_count; i++) {
        affine->terms[i].op.target = shape;
    }
    snn_affine_clear(other);
    return snn_ok();
}

void snn_affine_relabel(snn_affine *affine, int32_t height, int32_t width, bool *possible)
{
    *possible = (int64_t)height * width == snn_shape_positions(affine->shape);
    for (int32_t t = 0; t < affine->term_count && *possible; t++) {
        const snn_operator *op = &affine->terms[t].op;
        *possible = op->kind == SNN_OPERATOR_TOKENS;
    }
    if (!*possible) {
        return;
    }
    affine->shape.height = height;
    affine->shape.width = width;
    for (int32_t t = 0; t < affine->term_count; t++) {
        affine->terms[t].op.target = affine->shape;
    }
}

bool snn_affine_layout_is(const snn_affine *affine, snn_shape shape, snn_order order)
{
    bool same_shape = affine->shape.height == shape.height && affine->shape.width == shape.width &&
                      affine->shape.channels == shape.channels;
    bool order_free = snn_shape_positions(shape) == 1 || shape.channels == 1;
    return same_shape && (affine->order == order || order_free);
}

bool snn_term_is_unchanged(const snn_term *term)
{
    const snn_operator *op = &term->op;
    bool whole =
        !op->pooled && op->source_channel == 0 && op->target_channel == 0 && op->source_channels == op->source.channels;
    for (int32_t c = 0; c < op->target_channels && whole; c++) {
        whole = fabsf(term->weights[c]) == 1.0f;
    }
    return whole;
}

snn_status snn_affine_add_constant(snn_affine *affine, const float *values, bool per_channel, float sign,
                                   float constant_sign)
{
    int32_t channels = affine->shape.channels;
    int64_t positions = snn_shape_positions(affine->shape);
    float *gain = snn_allocate((size_t)channels, sizeof *gain);
    float *shift = snn_allocate((size_t)channels, sizeof *shift);
    snn_status status = gain == NULL || shift == NULL ? snn_out_of_memory("constant") : snn_ok();
    for (int32_t c = 0; c < channels && !snn_failed(status); c++) {
        gain[c] = sign;
        shift[c] = per_channel ? constant_sign * values[c] : 0.0f;
    }
    if (!snn_failed(status)) {
        status = snn_affine_scale(affine, gain, shift);
    }
    if (!snn_failed(status) && !per_channel) {
        status = snn_affine_expand_offset(affine);
        for (int64_t i = 0; i < positions * channels && !snn_failed(status); i++) {
            affine->offset[i] += constant_sign * values[i];
        }
    }
    snn_release(gain);
    snn_release(shift);
    return status;
}
