/* Internal to core/convert: elements of an activation moved, repeated or padded with zeros. Free where its terms allow
 * it (rearrange.c), else through a relay, and where no layout fits a gather. Maps are as for snn_affine_rearrange;
 * `value` is the graph value that the affine value is laid out like. */
#ifndef SNN_CONVERT_ARRANGE_H
#define SNN_CONVERT_ARRANGE_H

#include "core/convert/recognition.h"

/* As a value of these dims, in whatever layout costs least. */
snn_status snn_arrange(snn_draft *draft, snn_affine *affine, int32_t value, const int32_t *map, const int64_t *dims,
                       int32_t rank);

/* In one given layout. */
snn_status snn_arrange_into(snn_draft *draft, snn_affine *affine, int32_t value, const int32_t *map, snn_shape shape,
                            snn_order order);

/* The same elements in another layout. */
snn_status snn_arrange_layout(snn_draft *draft, snn_affine *affine, int32_t value, snn_shape shape, snn_order order);

/* Gives the caller the node's input i as an activation of the dims of its output, broadcast if need be. */
snn_status snn_arrange_take_broadcast(snn_recognition *recognition, int32_t i, snn_affine *affine);

/* The same in the layout of `like`. */
snn_status snn_arrange_take_like(snn_recognition *recognition, int32_t i, const snn_affine *like, snn_affine *affine);

/* The same with inputs i and j, both in one layout. */
snn_status snn_arrange_take_pair(snn_recognition *recognition, int32_t i, int32_t j, snn_affine *first,
                                 snn_affine *second);

/* The node's constant input broadcast to its output and laid out like the affine value: [positions][channels], for
 * snn_release; *per_channel if positions do not matter. */
snn_status snn_arrange_constant(const snn_recognition *recognition, int32_t constant, const snn_affine *affine,
                                float **values, bool *per_channel);

/* The flat element of `from` that stands at flat element `element` of `to`, which it broadcasts to. */
int64_t snn_arrange_broadcast_element(const snn_tensor *from, const snn_tensor *to, int64_t element);

#endif
