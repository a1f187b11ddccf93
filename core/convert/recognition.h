/* Internal to core/convert: one node being converted, and what recognisers share: they look at its inputs, take their
 * affine values, and give those of its outputs. */
#ifndef SNN_CONVERT_RECOGNITION_H
#define SNN_CONVERT_RECOGNITION_H

#include "core/convert/draft.h"

/* One node being converted. */
typedef struct snn_recognition {
    snn_draft *draft;
    const snn_node *node;             /* of the graph, or what stands for a pattern */
    const snn_pattern_match *pattern; /* NULL for an ordinary node */
    snn_verdict verdict;              /* set by the recogniser; NEURON or LINEAR */
    char text[160];
} snn_recognition;

/* Turns one node into populations or affines. SNN_INPUT_ERROR with the reason when it cannot. */
typedef snn_status (*snn_recogniser)(snn_recognition *recognition);

/* A family's table, and the look-up in it. */
typedef struct snn_recogniser_entry {
    const char *operator_name;
    snn_recogniser recogniser;
} snn_recogniser_entry;
snn_recogniser snn_recogniser_in(const snn_recogniser_entry *table, size_t count, const char *operator_name);

/* The tensor of the node's input or output number i. */
const snn_tensor *snn_recognition_input(const snn_recognition *recognition, int32_t i);
const snn_tensor *snn_recognition_output(const snn_recognition *recognition, int32_t i);
/* True if input i is given and constant / is an activation. */
bool snn_recognition_is_constant(const snn_recognition *recognition, int32_t i);
bool snn_recognition_is_activation(const snn_recognition *recognition, int32_t i);

/* Constant float32 operand i; refuses one that depends on the image. */
snn_status snn_recognition_constant(const snn_recognition *recognition, int32_t i, const snn_tensor **tensor);
/* Refuses a value whose leading axis, the batch, is not 1: several images in one. */
snn_status snn_recognition_one_image(const snn_tensor *tensor);
/* The shape of an image [1,C,H,W]; refuses other ranks and several images. */
snn_status snn_recognition_image_shape(const snn_tensor *tensor, snn_shape *shape);
/* What `snn_dist check` says of the node. */
void snn_recognition_describe(snn_recognition *recognition, const char *text);

/* Gives the caller the affine value of the node's input i: moved for its last use, copied otherwise. */
snn_status snn_recognition_take(snn_recognition *recognition, int32_t i, snn_affine *affine);
/* The same with terms behind which a product can be folded: plain ones that read spikes, through a relay if need be. */
snn_status snn_recognition_take_spikes(snn_recognition *recognition, int32_t i, snn_affine *affine);
/* The same, but a stream may stand in it: for products that can read its integers. A pooled or scaled one becomes a
 * stream of its own. */
snn_status snn_recognition_take_factor(snn_recognition *recognition, int32_t i, snn_affine *affine);
/* Replaces input i by a relay population, unless it is the plain identity of one spiking population already. */
snn_status snn_recognition_relay(snn_recognition *recognition, int32_t i);
/* Sees to it that input i has this shape and order, through a relay and a gather if need be. */
snn_status snn_recognition_require_layout(snn_recognition *recognition, int32_t i, snn_shape shape, snn_order order);

/* Stores the affine value of output i, or of output 0 (takes it). */
void snn_recognition_give_output(snn_recognition *recognition, int32_t i, snn_affine *affine);
void snn_recognition_give(snn_recognition *recognition, snn_affine *affine);
/* Gives the value as output 0 if `status` is fine, clears it otherwise; returns `status`. */
snn_status snn_recognition_conclude(snn_recognition *recognition, snn_affine *affine, snn_status status);

#endif
