/* Internal to core/convert: a node that is one population, of one input or of several. It becomes output 0. */
#ifndef SNN_CONVERT_NEURONS_H
#define SNN_CONVERT_NEURONS_H

#include "core/convert/recognition.h"

/* Neurons of a function of one activation, input i. */
snn_status snn_neurons_unary(snn_recognition *recognition, int32_t i, snn_neuron_kind kind, float alpha, float beta);
/* A neuron of two activations: SNN_NEURON_PRODUCT or SNN_NEURON_QUOTIENT of inputs 0 and 1. */
snn_status snn_neurons_binary(snn_recognition *recognition, snn_neuron_kind kind);
/* A population over `input` (taken), whose outputs are laid out like `shape` and the input's order; given as output 0.
 */
snn_status snn_neurons_nary(snn_recognition *recognition, snn_neuron_kind kind, snn_affine *input, snn_shape shape,
                            float alpha, int32_t groups);

/* Input i with plain terms. */
snn_status snn_neurons_take_decoded(snn_recognition *recognition, int32_t i, snn_affine *affine);
/* Input i laid out so that its last axis, or axis number `axis`, runs over channels. */
snn_status snn_neurons_channels_last(snn_recognition *recognition, int32_t i);
snn_status snn_neurons_channels_along(snn_recognition *recognition, int32_t i, int32_t axis);

#endif
