/* Internal to core/convert: what nodes that only move elements do, found out by evaluating them on element numbers. */
#ifndef SNN_CONVERT_MOVEMENT_H
#define SNN_CONVERT_MOVEMENT_H

#include "core/graph/graph.h"

/* Where every flat element of the node's output `value` comes from: a flat element of its input number `input`, or -1
 * for padding and for what another input of an operator that puts several together gives. With `before` (a map from the
 * elements of that input to those of an earlier value) the composition of both. *map is for snn_release.
 * SNN_INPUT_ERROR for values too large to be numbered in float32. */
snn_status snn_movement_map(const snn_graph *graph, const snn_node *node, int32_t input, int32_t value,
                            const int32_t *before, int32_t **map);

#endif
