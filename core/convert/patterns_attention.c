/* Softmax attention as exporters write it: heads are split by Reshape and Transpose, k is transposed, scores are
 * scaled, and the heads are joined again. The movements are checked by what they do to the numbers of elements. */
#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/convert/movement.h"
#include "core/convert/patterns_internal.h"

enum { CHAIN_LIMIT = 6 };

/* Nodes that move elements, from `value` back to where something else computes; nearest first. */
typedef struct chain {
    const snn_node *nodes[CHAIN_LIMIT];
    int32_t count;
    int32_t source; /* the value that it begins with */
} chain;

static chain movements_before(const snn_search *search, int32_t value)
{
    chain found = {.source = value};
    while (found.count < CHAIN_LIMIT) {
        const snn_node *node = snn_search_producer(search, found.source, "Transpose");
        node = node != NULL ? node : snn_search_producer(search, found.source, "Reshape");
        if (node == NULL) {
            break;
        }
        found.nodes[found.count++] = node;
        found.source = node->inputs[0];
    }
    return found;
}

/* Shortens the chain to the last value [1, tokens, channels] on the way back, and says where every element of its end
 * comes from; NULL if there is none or memory is short. */
static int32_t *chain_map(const snn_search *search, chain *movements, int64_t tokens, int64_t channels)
{
    const snn_graph *graph = search->graph;
    int32_t length = 0;
    for (int32_t i = 0; i < movements->count; i++) {
        const snn_tensor *from = &graph->values[movements->nodes[i]->inputs[0]].tensor;
        if (from->rank == 3 && from->dims[1] == tokens && from->dims[2] == channels) {
            length = i + 1;
            break;
        }
    }
    if (length == 0) {
        return NULL;
    }
    movements->count = length;
    movements->source = movements->nodes[length - 1]->inputs[0];
    int32_t *map = NULL;
    for (int32_t i = length - 1; i >= 0; i--) {
        int32_t *next = NULL;
        if (snn_movement_map(graph, movements->nodes[i], movements->nodes[i]->outputs[0], map, &next).code != SNN_OK) {
            snn_release(map);
            return NULL;
        }
        snn_release(map);
        map = next;
    }
    return map;
}

/* Whether [head][token][channel of head], or [head][channel][token] if `transposed`, is taken from [token][channel]. */
static bool splits_heads(const int32_t *map, int64_t heads, int64_t tokens, int64_t width, bool transposed)
{
    for (int64_t h = 0; h < heads; h++) {
        for (int64_t t = 0; t < tokens; t++) {
            for (int64_t c = 0; c < width; c++) {
                int64_t at = transposed ? (h * width + c) * tokens + t : (h * tokens + t) * width + c;
                if (map[at] != t * heads * width + h * width + c) {
                    return false;
                }
            }
        }
    }
    return true;
}

/* Follows an operand of attention back to the tokens that it is split from. */
static bool operand(snn_search *search, int32_t value, int64_t heads, int64_t tokens, int64_t width, bool transposed,
                    int32_t *source, float *scale)
{
    /* A factor may stand at q or k instead of at the scores. */
    snn_factors factors = {.constant = 1.0f};
    snn_search_factors(search, value, &factors);
    if (factors.count != 1) {
        return false;
    }
    *scale *= factors.constant;
    chain movements = movements_before(search, factors.value[0]);
    int32_t *map = chain_map(search, &movements, tokens, heads * width);
    bool found = map != NULL && splits_heads(map, heads, tokens, width, transposed);
    for (int32_t i = 0; i < movements.count && found; i++) {
        snn_search_absorb(search, movements.nodes[i]);
    }
    *source = movements.source;
    snn_release(map);
    return found;
}

/* Whether `root` and a transposition before it join [head][token][channel] to [token][channel]; gives what they join.
 */
static bool joins_heads(snn_search *search, const snn_node *root, int32_t *joined)
{
    const snn_graph *graph = search->graph;
    const snn_node *transpose = snn_search_producer(search, root->inputs[0], "Transpose");
    if (transpose == NULL) {
        return false;
    }
    const snn_tensor *from = &graph->values[transpose->inputs[0]].tensor;
    const snn_tensor *to = &graph->values[root->outputs[0]].tensor;
    if (from->rank != 4 || to->rank != 3) {
        return false;
    }
    int64_t heads = from->dims[1], tokens = from->dims[2], width = from->dims[3];
    int32_t *map = NULL, *both = NULL;
    bool found = to->dims[1] == tokens && to->dims[2] == heads * width &&
                 snn_movement_map(graph, transpose, transpose->outputs[0], NULL, &map).code == SNN_OK &&
                 snn_movement_map(graph, root, root->outputs[0], map, &both).code == SNN_OK;
    for (int64_t t = 0; t < tokens && found; t++) {
        for (int64_t e = 0; e < heads * width && found; e++) {
            found = both[t * heads * width + e] == (e / width * tokens + t) * width + e % width;
        }
    }
    snn_release(map);
    snn_release(both);
    if (found) {
        snn_search_absorb(search, root);
        snn_search_absorb(search, transpose);
        *joined = transpose->inputs[0];
    }
    return found;
}

bool snn_match_attention(snn_search *search, const snn_node *root, snn_pattern_match *match)
{
    const snn_graph *graph = search->graph;
    int32_t joined = SNN_NO_VALUE;
    float scale = 1.0f, unused = 1.0f;
    snn_factors factors = {.constant = 1.0f};
    if (!joins_heads(search, root, &joined)) {
        return false;
    }
    const snn_node *mix = snn_search_producer(search, joined, "MatMul");
    const snn_node *softmax = mix == NULL ? NULL : snn_search_producer(search, mix->inputs[0], "Softmax");
    if (softmax == NULL) {
        return false;
    }
    int64_t axis = snn_node_integer(softmax, "axis", graph->opset >= 13 ? -1 : 1);
    snn_search_factors(search, softmax->inputs[0], &factors);
    const snn_node *scores = factors.count == 1 ? snn_search_producer(search, factors.value[0], "MatMul") : NULL;
    if (scores == NULL || (axis != -1 && axis != 3)) {
        return false;
    }
    scale = factors.constant;
    const snn_tensor *shape = &graph->values[joined].tensor;
    int64_t heads = shape->dims[1], tokens = shape->dims[2], width = shape->dims[3];
    int32_t q = SNN_NO_VALUE, k = SNN_NO_VALUE, v = SNN_NO_VALUE;
    if (!operand(search, scores->inputs[0], heads, tokens, width, false, &q, &scale) ||
        !operand(search, scores->inputs[1], heads, tokens, width, true, &k, &scale) ||
        !operand(search, mix->inputs[1], heads, tokens, width, false, &v, &unused) || unused != 1.0f) {
        return false;
    }
    snn_search_absorb(search, mix);
    snn_search_absorb(search, softmax);
    snn_search_absorb(search, scores);
    *match = (snn_pattern_match){.operator= "Attention",
                                 .inputs = {q, k, v},
                                 .input_count = 3,
                                 .parameter = scale,
                                 .groups = (int32_t)heads,
                                 .scores = softmax->inputs[0],
                                 .weights = softmax->outputs[0]};
    return true;
}
