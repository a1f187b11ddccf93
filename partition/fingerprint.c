#include "partition/fingerprint.h"

static const uint64_t PRIME = UINT64_C(0x100000001b3);

uint64_t snn_fingerprint_add(uint64_t fingerprint, const void *bytes, size_t count)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < count; i++) {
        fingerprint = (fingerprint ^ at[i]) * PRIME;
    }
    return fingerprint;
}

/* Byte by byte, so that it is the same on machines of either byte order. */
uint64_t snn_fingerprint_add_number(uint64_t fingerprint, int64_t number)
{
    const uint64_t bits = (uint64_t)number;
    for (int shift = 0; shift < 64; shift += 8) {
        fingerprint = (fingerprint ^ ((bits >> shift) & 0xff)) * PRIME;
    }
    return fingerprint;
}

static uint64_t add_shape(uint64_t fingerprint, snn_shape shape)
{
    fingerprint = snn_fingerprint_add_number(fingerprint, shape.height);
    fingerprint = snn_fingerprint_add_number(fingerprint, shape.width);
    return snn_fingerprint_add_number(fingerprint, shape.channels);
}

static uint64_t add_window(uint64_t fingerprint, const snn_window *window)
{
    for (int axis = 0; axis < 2; axis++) {
        fingerprint = snn_fingerprint_add_number(fingerprint, window->kernel[axis]);
        fingerprint = snn_fingerprint_add_number(fingerprint, window->stride[axis]);
        fingerprint = snn_fingerprint_add_number(fingerprint, window->dilation[axis]);
        fingerprint = snn_fingerprint_add_number(fingerprint, window->pad_begin[axis]);
        fingerprint = snn_fingerprint_add_number(fingerprint, window->pad_end[axis]);
    }
    return fingerprint;
}

uint64_t snn_fingerprint_add_population(uint64_t fingerprint, const snn_population *population)
{
    fingerprint = snn_fingerprint_add_number(fingerprint, population->kind);
    fingerprint = add_shape(fingerprint, population->shape);
    fingerprint = add_shape(fingerprint, population->input);
    if (population->kind == SNN_NEURON_MAXIMUM) {
        fingerprint = add_window(fingerprint, &population->window);
    }
    return snn_fingerprint_add_number(fingerprint, population->groups);
}

uint64_t snn_fingerprint_add_operator(uint64_t fingerprint, const snn_operator *op)
{
    fingerprint = snn_fingerprint_add_number(fingerprint, op->kind);
    fingerprint = add_shape(fingerprint, op->source);
    fingerprint = snn_fingerprint_add_number(fingerprint, op->source_channel);
    fingerprint = snn_fingerprint_add_number(fingerprint, op->source_channels);
    fingerprint = snn_fingerprint_add_number(fingerprint, op->pooled);
    if (op->pooled) {
        fingerprint = add_window(fingerprint, &op->pool);
    }
    fingerprint = add_shape(fingerprint, op->target);
    fingerprint = snn_fingerprint_add_number(fingerprint, op->target_channel);
    fingerprint = snn_fingerprint_add_number(fingerprint, op->target_channels);
    if (op->kind == SNN_OPERATOR_CONVOLUTION) {
        fingerprint = add_window(fingerprint, &op->window);
        fingerprint = snn_fingerprint_add_number(fingerprint, op->groups);
    }
    return fingerprint;
}

uint64_t snn_network_fingerprint(const snn_network *network)
{
    uint64_t fingerprint = snn_fingerprint_add_number(SNN_FINGERPRINT_SEED, network->format);
    fingerprint = add_shape(fingerprint, network->input);
    fingerprint = snn_fingerprint_add_number(fingerprint, network->population_count);
    for (int32_t i = 0; i < network->population_count; i++) {
        fingerprint = snn_fingerprint_add_population(fingerprint, &network->populations[i]);
    }
    for (int32_t i = 0; i < network->projection_count; i++) {
        fingerprint = snn_fingerprint_add_number(fingerprint, network->projections[i].source);
        fingerprint = snn_fingerprint_add_number(fingerprint, network->projections[i].target);
        fingerprint = snn_fingerprint_add_operator(fingerprint, &network->projections[i].op);
    }
    return fingerprint;
}
