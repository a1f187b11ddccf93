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
 * - Attention: Softmax(q k * scale + constants) v, with the movements that split q, k and v into heads, perhaps from
 * one product, and join the heads again; the constants are masks and position biases. Heads may stand in several axes,
 * as those of windows do, and there may be fewer queries than keys.
 * - Identity: Where(IsNaN(x), constant, x), which guards a softmax against rows that are masked as a whole.
 */
#ifndef SNN_CONVERT_PATTERNS_H
#define SNN_CONVERT_PATTERNS_H

#include "core/graph/graph.h"

enum { SNN_PATTERN_INPUTS = 3, SNN_PATTERN_MASKS = 4, SNN_IN_HEADS = -1 };

/* What is added to the scores of attention. */
typedef struct snn_pattern_mask {
    int32_t constant; /* a value number: float32; or bool, false for what must not be seen */
    int32_t value;    /* the value whose dims it broadcasts to: the scores', perhaps in another shape */
    bool inverted;    /* bool: true for what must not be seen */
} snn_pattern_mask;

typedef struct snn_pattern_match {
    const char *operator;               /* NULL: an ordinary node */
    int32_t inputs[SNN_PATTERN_INPUTS]; /* value numbers */
    int32_t input_count;
    float parameter; /* LayerNormalization: epsilon; Attention: scale; Gelu: 1 for the tanh form */
    int32_t groups;  /* Attention: heads; LayerNormalization, RMSNormalization: the axis */
    /* Attention: q, k and v lie as [token][channel], and theirs are `width` channels from `first` on; or `first` is
     * SNN_IN_HEADS: as [head][token][channel of the head], and k with the last two exchanged. */
    int32_t first[SNN_PATTERN_INPUTS];
    int32_t width;           /* of all heads */
    int32_t windows;         /* Attention: so many, one after the other, each with its tokens; SNN_IN_HEADS: 1 */
    int32_t queries, tokens; /* rows of q in a window, at most as many as of k and v */
    bool joined;             /* the result lies as [token][channel]; else as [head][token][channel of the head] */
    /* Attention: values [windows, heads, queries, tokens]: the scaled products of q and k, what goes into the softmax
     * and what comes out; and what is added in between. */
    int32_t scores, masked, weights;
    snn_pattern_mask masks[SNN_PATTERN_MASKS];
    int32_t mask_count;
    int32_t root; /* absorbed nodes: the root's number; the root itself: its own; ordinary nodes: -1 */
} snn_pattern_match;

/* Fills `matches` [graph->node_count]. The graph must have passed snn_graph_infer. */
snn_status snn_patterns_find(const snn_graph *graph, snn_pattern_match *matches);

#endif
