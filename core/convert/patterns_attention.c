/* Softmax attention as exporters write it: q, k and v are split into heads by movements, perhaps out of one product, k
 * is transposed, scores are scaled, and the heads are joined again. The movements are checked by what they do to the
 * numbers of elements, so it does not matter which they are. */
#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/convert/movement.h"
#include "core/convert/patterns_internal.h"

enum { CHAIN_LIMIT = 16 };

typedef struct heads {
    int64_t windows, count, tokens,
        width; /* heads of a window, tokens of the operand in question, channels of a head */
} heads;

/* A node on the way back from an operand: it moves elements, or multiplies them all by a factor. */
typedef struct step {
    const snn_node *node;
    int32_t value; /* what it makes */
    int32_t from;  /* what it makes it of */
    bool moves;
    float factor;
} step;

static bool is_movement(const snn_node *node)
{
    static const char *const movements[] = {"Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten",
                                            "Gather",    "Slice",   "Split",   "Identity"};
    for (size_t i = 0; i < sizeof movements / sizeof movements[0]; i++) {
        if (strcmp(node->operator, movements[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* The step that makes `value`; false if something else computes it. */
static bool step_before(const snn_search *search, int32_t value, step *found)
{
    int32_t producer = search->graph->values[value].producer;
    const snn_node *node = producer < 0 ? NULL : &search->graph->nodes[producer];
    if (node == NULL || node->folded || node->domain[0] != '\0') {
        return false;
    }
    *found = (step){.node = node, .value = value, .from = node->inputs[0], .moves = true, .factor = 1.0f};
    if (is_movement(node)) {
        return true;
    }
    float constant = 1.0f;
    bool product = strcmp(node->operator, "Mul") == 0;
    found->moves = false;
    if (product && snn_search_constant(search, node->inputs[0], &constant)) {
        found->from = node->inputs[1];
    } else if ((!product && strcmp(node->operator, "Div") != 0) ||
               !snn_search_constant(search, node->inputs[1], &constant)) {
        return false;
    }
    found->factor = product ? constant : 1.0f / constant;
    return true;
}

/* Whether it holds so many matrices of rows x columns. */
static bool is_stack(const snn_tensor *tensor, int64_t count, int64_t rows, int64_t columns)
{
    return tensor->rank >= 2 && tensor->dims[tensor->rank - 2] == rows && tensor->dims[tensor->rank - 1] == columns &&
           snn_tensor_elements(tensor) == count * rows * columns;
}

/* Where every element of `value`, `count` steps behind `source`, comes from; NULL if memory is short. */
static int32_t *map_of(const snn_search *search, const step *steps, int32_t count, int32_t source)
{
    int64_t elements = snn_tensor_elements(&search->graph->values[source].tensor);
    int32_t *map = snn_allocate((size_t)elements, sizeof *map);
    for (int64_t e = 0; e < elements && map != NULL; e++) {
        map[e] = (int32_t)e;
    }
    for (int32_t i = count - 1; i >= 0 && map != NULL; i--) {
        int32_t *next = NULL;
        if (steps[i].moves) {
            (void)snn_movement_map(search->graph, steps[i].node, 0, steps[i].value, map, &next); /* NULL if it fails */
            snn_release(map);
            map = next;
        }
    }
    return map;
}

/* Whether [window][head][token][channel of head], or [window][head][channel][token] if `transposed`, is taken from
 * [window][token][channel] with `channels` of them, from channel `first` on. */
static bool splits_heads(const int32_t *map, const heads *split, int64_t channels, bool transposed, int32_t *first)
{
    *first = map[0];
    for (int64_t m = 0; m < split->windows * split->count; m++) {
        const int64_t window = m / split->count, h = m % split->count;
        for (int64_t t = 0; t < split->tokens; t++) {
            for (int64_t c = 0; c < split->width; c++) {
                int64_t at = transposed ? (m * split->width + c) * split->tokens + t
                                        : (m * split->tokens + t) * split->width + c;
                if (map[at] != (window * split->tokens + t) * channels + *first + h * split->width + c) {
                    return false;
                }
            }
        }
    }
    return *first + split->count * split->width <= channels;
}

/* Whether `source` holds a row of channels for each token, of which the operand is a range from `first` on. */
static bool is_source(const snn_search *search, const step *steps, int32_t count, int32_t source, const heads *split,
                      bool transposed, int32_t *first)
{
    const snn_tensor *tensor = &search->graph->values[source].tensor;
    if (tensor->rank < 2 || tensor->dims[tensor->rank - 1] < split->count * split->width ||
        snn_tensor_elements(tensor) != split->windows * split->tokens * tensor->dims[tensor->rank - 1]) {
        return false;
    }
    int32_t *map = map_of(search, steps, count, source);
    bool found = map != NULL && splits_heads(map, split, tensor->dims[tensor->rank - 1], transposed, first);
    snn_release(map);
    return found;
}

/* Follows operand number i of attention back to the tokens that it is split from: as far as can be, so that q, k and v
 * out of one product are found there. */
static bool operand(snn_search *search, int32_t value, const heads *split, bool transposed, int32_t i, float *scale,
                    snn_pattern_match *match)
{
    step steps[CHAIN_LIMIT] = {{0}};
    int32_t count = 0, used = -1, first = 0;
    int32_t source = value;
    if (!is_stack(&search->graph->values[value].tensor, split->windows * split->count,
                  transposed ? split->width : split->tokens, transposed ? split->tokens : split->width)) {
        return false;
    }
    if (is_source(search, steps, 0, source, split, transposed, &match->first[i])) {
        used = 0;
    }
    while (count < CHAIN_LIMIT && step_before(search, source, &steps[count])) {
        source = steps[count++].from;
        if (is_source(search, steps, count, source, split, transposed, &first)) {
            used = count;
            match->first[i] = first;
        }
    }
    if (used < 0 && split->windows > 1) {
        return false; /* perhaps all windows' heads as heads of one image */
    }
    if (used < 0) { /* tokens are nowhere to be found: as it is, in heads */
        match->inputs[i] = value;
        match->first[i] = SNN_IN_HEADS;
        return true;
    }
    match->inputs[i] = used > 0 ? steps[used - 1].from : value;
    for (int32_t s = 0; s < used; s++) {
        *scale *= steps[s].factor;
        snn_search_absorb(search, steps[s].node);
    }
    return true;
}

/* Whether `root` and a transposition before it join [window][head][token][channel] to [window][token][channel]; gives
 * what they join. */
static bool joins_heads(snn_search *search, const snn_node *root, int32_t *joined, heads *split)
{
    const snn_graph *graph = search->graph;
    const snn_node *transpose = snn_search_producer(search, root->inputs[0], "Transpose");
    if (transpose == NULL) {
        return false;
    }
    const snn_tensor *from = &graph->values[transpose->inputs[0]].tensor;
    const snn_tensor *to = &graph->values[root->outputs[0]].tensor;
    if (from->rank < 3 || to->rank < 2) {
        return false;
    }
    *split = (heads){1, from->dims[from->rank - 3], from->dims[from->rank - 2], from->dims[from->rank - 1]};
    for (int32_t axis = 0; axis < from->rank - 3; axis++) {
        split->windows *= from->dims[axis];
    }
    const int64_t channels = split->count * split->width, positions = split->windows * split->tokens;
    int32_t *map = NULL, *both = NULL;
    bool found = channels > 0 && positions > 0 && to->dims[to->rank - 1] == channels &&
                 snn_tensor_elements(to) == channels * positions &&
                 snn_movement_map(graph, transpose, 0, transpose->outputs[0], NULL, &map).code == SNN_OK &&
                 snn_movement_map(graph, root, 0, root->outputs[0], map, &both).code == SNN_OK;
    for (int64_t p = 0; p < positions && found; p++) {
        const int64_t window = p / split->tokens, t = p % split->tokens;
        for (int64_t e = 0; e < channels && found; e++) {
            const int64_t h = window * split->count + e / split->width;
            found = both[p * channels + e] == (h * split->tokens + t) * split->width + e % split->width;
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

static bool add_mask(snn_pattern_match *match, snn_pattern_mask mask)
{
    if (match->mask_count == SNN_PATTERN_MASKS) {
        return false;
    }
    match->masks[match->mask_count++] = mask;
    return true;
}

static bool is_mask(const snn_value *value, snn_type type)
{
    return value->constant && value->tensor.type == type;
}

/* Whether a number is so low, or minus infinity, that nothing is left of it behind an exponential. */
static bool is_hidden(const snn_search *search, int32_t value)
{
    const snn_value *found = &search->graph->values[value];
    float number = 0.0f;
    return found->constant && snn_tensor_uniform(&found->tensor, &number) && number < -1e4f;
}

/* The mask that `node` puts over scores, one of its inputs, which becomes *scores. */
static bool is_masked(const snn_search *search, const snn_node *node, snn_pattern_mask *mask, int32_t *scores)
{
    const snn_value *values = search->graph->values;
    *mask = (snn_pattern_mask){.value = node->outputs[0]};
    if (strcmp(node->operator, "Add") == 0) {
        const int32_t constant = is_mask(&values[node->inputs[0]], SNN_TYPE_FLOAT32) ? 0 : 1;
        mask->constant = node->inputs[constant];
        *scores = node->inputs[1 - constant];
        return is_mask(&values[mask->constant], SNN_TYPE_FLOAT32);
    }
    if (strcmp(node->operator, "Where") != 0 || !is_mask(&values[node->inputs[0]], SNN_TYPE_BOOL)) {
        return false;
    }
    mask->constant = node->inputs[0];
    mask->inverted = is_hidden(search, node->inputs[1]);
    *scores = node->inputs[mask->inverted ? 2 : 1];
    return mask->inverted || is_hidden(search, node->inputs[2]);
}

/* Follows scores back through masks, and through other shapes between these; gives the scores as they were. */
static int32_t without_masks(snn_search *search, int32_t value, snn_pattern_match *match)
{
    const snn_graph *graph = search->graph;
    int32_t found = value; /* behind the last mask */
    for (;;) {
        const int32_t producer = graph->values[value].producer;
        const snn_node *node = producer < 0 ? NULL : &graph->nodes[producer];
        snn_pattern_mask mask;
        int32_t before = SNN_NO_VALUE;
        if (node == NULL || node->folded || node->domain[0] != '\0') {
            return found;
        }
        const bool masks = is_masked(search, node, &mask, &before);
        const bool shapes = strcmp(node->operator, "Reshape") == 0 || strcmp(node->operator, "Squeeze") == 0 ||
                            strcmp(node->operator, "Unsqueeze") == 0;
        before = shapes ? node->inputs[0] : before;
        if ((!masks && !shapes) ||
            snn_tensor_elements(&graph->values[before].tensor) != snn_tensor_elements(&graph->values[value].tensor)) {
            return found;
        }
        if (masks && !add_mask(match, mask)) {
            return found;
        }
        /* Shapes before the first mask belong to what made the scores, and are absorbed if that is a product. */
        snn_search_absorb(search, node);
        value = before;
        found = value;
    }
}

/* Whether a row of the scores is hidden as a whole: its softmax is not a number. */
static bool hides_a_row(const snn_search *search, const snn_pattern_match *match)
{
    const snn_value *values = search->graph->values;
    for (int32_t m = 0; m < match->mask_count; m++) {
        const snn_tensor *mask = &values[match->masks[m].constant].tensor;
        const int64_t last = mask->rank > 0 ? mask->dims[mask->rank - 1] : 1;
        const int64_t count = snn_tensor_elements(mask);
        int64_t hidden = 0;
        for (int64_t i = 0; i < count; i++) {
            const bool out = mask->type == SNN_TYPE_BOOL
                                 ? (((const unsigned char *)mask->data)[i] != 0) == match->masks[m].inverted
                                 : ((const float *)mask->data)[i] == -INFINITY;
            hidden = i % last == 0 ? out : hidden + out;
            if (hidden == last) {
                return true;
            }
        }
    }
    return false;
}

/* The softmax that makes `value`, perhaps behind a guard against what is not a number. */
static const snn_node *guarded_softmax(snn_search *search, int32_t value)
{
    int32_t x = SNN_NO_VALUE;
    const snn_node *guard = snn_search_producer(search, value, "Where");
    if (guard != NULL && snn_search_nan_guard(search, guard, &x)) {
        value = x;
    }
    return snn_search_producer(search, value, "Softmax");
}

/* `mixed` = MatMul(Softmax(scale * MatMul(q, k) + masks), v); `split` says how it lies. */
static bool match_heads(snn_search *search, int32_t mixed, const heads *split, snn_pattern_match *match)
{
    const snn_value *values = search->graph->values;
    float scale = 1.0f, unused = 1.0f;
    snn_factors factors = {.constant = 1.0f};
    const snn_node *mix = snn_search_producer(search, mixed, "MatMul");
    const snn_node *softmax = mix == NULL ? NULL : guarded_softmax(search, mix->inputs[0]);
    if (softmax == NULL) {
        return false;
    }
    const snn_tensor *weights = &values[softmax->outputs[0]].tensor;
    const int64_t axis = snn_node_integer(softmax, "axis", search->graph->opset >= 13 ? -1 : 1);
    *match = (snn_pattern_match){.operator= "Attention",
                                 .input_count = 3,
                                 .windows = (int32_t)split->windows,
                                 .groups = (int32_t)split->count,
                                 .width = (int32_t)(split->count * split->width),
                                 .queries = (int32_t)split->tokens,
                                 .tokens = (int32_t)weights->dims[weights->rank - 1],
                                 .masked = softmax->inputs[0],
                                 .weights = softmax->outputs[0]};
    match->scores = without_masks(search, softmax->inputs[0], match);
    snn_search_factors(search, match->scores, &factors);
    const snn_node *scores = factors.count == 1 ? snn_search_producer(search, factors.value[0], "MatMul") : NULL;
    if (scores == NULL || (axis != -1 && axis != weights->rank - 1) || match->queries > match->tokens ||
        (split->windows > 1 && match->queries != match->tokens) ||
        !is_stack(weights, split->windows * split->count, split->tokens, match->tokens) ||
        !is_stack(&values[factors.value[0]].tensor, split->windows * split->count, split->tokens, match->tokens) ||
        hides_a_row(search, match)) {
        return false;
    }
    scale = factors.constant;
    const heads keys = {split->windows, split->count, match->tokens, split->width};
    if (!operand(search, scores->inputs[0], split, false, 0, &scale, match) ||
        !operand(search, scores->inputs[1], &keys, true, 1, &scale, match) ||
        !operand(search, mix->inputs[1], &keys, false, 2, &unused, match) || unused != 1.0f) {
        return false;
    }
    match->parameter = scale;
    snn_search_absorb(search, mix);
    snn_search_absorb(search, softmax);
    snn_search_absorb(search, scores);
    return true;
}

bool snn_match_attention(snn_search *search, const snn_node *root, snn_pattern_match *match)
{
    int32_t joined = SNN_NO_VALUE;
    heads split;
    const bool found = joins_heads(search, root, &joined, &split) && match_heads(search, joined, &split, match);
    match->joined = true;
    return found;
}

bool snn_match_plain_attention(snn_search *search, const snn_node *root, snn_pattern_match *match)
{
    const snn_tensor *mixed = &search->graph->values[root->outputs[0]].tensor;
    if (mixed->rank < 2 || snn_tensor_elements(mixed) < 1) {
        return false;
    }
    const int64_t tokens = mixed->dims[mixed->rank - 2], width = mixed->dims[mixed->rank - 1];
    const heads split = {1, snn_tensor_elements(mixed) / tokens / width, tokens, width};
    const bool found = match_heads(search, root->outputs[0], &split, match);
    match->joined = split.count == 1;
    return found;
}
