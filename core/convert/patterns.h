/* Internal to core/convert: functions that exporters write as several nodes, found before the conversion.
 *
 * One pass over the graph. A match is a *root* node, whose output is the pattern's, and nodes that it absorbs: they are
 * used by nothing else. The converter then sees one node of the pattern's operator with the pattern's inputs in place
 * of the root. The graph itself stays as it is, so calibration and the trained network's accuracy are computed as
 * exported.
 *
 * - Gelu: x * 0.5 * (1 + Erf(x / sqrt 2)), factors in any order; and the Tanh form (approximate = "tanh").
 * - Silu, Mish: x * Sigmoid(x); x * Tanh(Softplus(x)).
 * - HardSwish: x * HardSigmoid(x); x * Clip(x + 3, 0, 6) / 6.
 * - LayerNormalization, RMSNormalization: x - mean, or x, over Sqrt(mean of its square + epsilon), over one axis.
 * - Attention: Softmax(q k * scale + constant) v, with the movements that split q, k and v into heads, perhaps from one
 * product, and join the heads again; the constant, a mask or a position bias, may be left out.
 */
#ifndef SNN_CONVERT_PATTERNS_H
#define SNN_CONVERT_PATTERNS_H

#include "core/graph/graph.h"

enum { SNN_PATTERN_INPUTS = 3 };

typedef struct snn_pattern_match {
    const char *operator;               /* NULL: an ordinary node */
    int32_t inputs[SNN_PATTERN_INPUTS]; /* value numbers */
    int32_t input_count;
    float parameter;                   /* LayerNormalization: epsilon; Attention: scale; Gelu: 1 for the tanh form */
    int32_t groups;                    /* Attention: heads; LayerNormalization, RMSNormalization: the axis */
    int32_t first[SNN_PATTERN_INPUTS]; /* Attention: the channels of q, k and v in their values: `width` of them from */
    int32_t width;                     /* `first` on */
    /* Attention: values [1, heads, tokens, tokens]: the scaled products of q and k, what goes into the softmax and what
     * comes out; and the constant added in between (a mask, a position bias), or SNN_NO_VALUE. */
    int32_t scores, masked, weights, mask;
    int32_t root; /* absorbed nodes: the root's number; the root itself: its own; ordinary nodes: -1 */
} snn_pattern_match;

/* Fills `matches` [graph->node_count]. The graph must have passed snn_graph_infer. */
snn_status snn_patterns_find(const snn_graph *graph, snn_pattern_match *matches);

#endif
