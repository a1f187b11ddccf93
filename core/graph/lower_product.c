/* Products and windows in forms that the converter knows: over one spatial axis as over two of which one has size 1,
 * matrices that stand the other way round, and several constant matrices one by one. */
#include <string.h>

#include "core/graph/lower.h"

/* ---- one spatial axis ---- */

static bool has_one_axis(const snn_graph *graph, const snn_node *node)
{
    const int32_t x = node->input_count > 0 ? node->inputs[0] : SNN_NO_VALUE;
    const int32_t weights = node->input_count > 1 ? node->inputs[1] : SNN_NO_VALUE;
    return x != SNN_NO_VALUE && graph->values[x].tensor.rank == 3 &&
           (weights == SNN_NO_VALUE || graph->values[weights].tensor.rank == 3);
}

/* The list of an attribute with numbers for a first axis of size 1: 1, or 0 of padding. */
static void widen(snn_expansion *e, const char *name)
{
    int64_t given[2] = {0}, pair[2] = {1, 0};
    const size_t count = snn_node_integers(e->node, name, given, 2);
    pair[1] = given[0];
    if (count == 1) {
        snn_expand_integers(e, name, 2, pair);
    }
}

static void lower_one_axis(snn_expansion *e)
{
    static const char *const lists[] = {"kernel_shape", "strides", "dilations"};
    static const char *const kept[] = {"group", "auto_pad", "ceil_mode", "count_include_pad", "storage_order"};
    const snn_tensor *x = snn_expand_shape(e, 0), *weights = snn_expand_shape(e, 1);
    int32_t inputs[3] = {
        snn_expand_reshape(e, snn_expand_input(e, 0), 4, (const int64_t[]){x->dims[0], x->dims[1], 1, x->dims[2]}),
        SNN_NO_VALUE, snn_expand_input(e, 2)};
    int64_t pads[2] = {0, 0}, outputs = x->dims[1];
    if (weights->rank == 3) {
        inputs[1] = snn_expand_reshape(e, snn_expand_input(e, 1), 4,
                                       (const int64_t[]){weights->dims[0], weights->dims[1], 1, weights->dims[2]});
        outputs = weights->dims[0];
    }
    const int32_t y = snn_expand_node(e, e->node->operator, inputs[2] != SNN_NO_VALUE   ? 3
                                                            : inputs[1] != SNN_NO_VALUE ? 2
                                                                                        : 1,
                                      inputs);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        widen(e, lists[i]);
    }
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        snn_expand_attribute(e, kept[i]);
    }
    if (snn_node_integers(e->node, "pads", pads, 2) == 2) {
        snn_expand_integers(e, "pads", 4, (const int64_t[]){0, pads[0], 0, pads[1]});
    }
    snn_expand_result(e, snn_expand_reshape(e, y, 3, (const int64_t[]){x->dims[0], outputs, -1}));
}

/* ---- matrices ---- */

/* x with its last two axes exchanged. */
static int32_t exchanged(snn_expansion *e, int32_t x, int32_t rank)
{
    int64_t perm[SNN_MAX_RANK];
    for (int32_t axis = 0; axis < rank; axis++) {
        perm[axis] = axis < rank - 2 ? axis : 2 * rank - 3 - axis;
    }
    return snn_expand_transpose(e, x, rank, perm);
}

static bool is_turned(const snn_graph *graph, const snn_node *node)
{
    return snn_node_integer(node, "transA", 0) != 0 && node->input_count > 0 && node->inputs[0] != SNN_NO_VALUE &&
           !graph->values[node->inputs[0]].constant && graph->values[node->inputs[0]].tensor.rank == 2;
}

static void lower_gemm(snn_expansion *e)
{
    int32_t inputs[3] = {exchanged(e, snn_expand_input(e, 0), 2), snn_expand_input(e, 1), snn_expand_input(e, 2)};
    const int32_t y = snn_expand_node(e, "Gemm", inputs[2] == SNN_NO_VALUE ? 2 : 3, inputs);
    snn_expand_attribute(e, "alpha");
    snn_expand_attribute(e, "beta");
    snn_expand_attribute(e, "transB");
    snn_expand_result(e, y);
}

enum { MOST_MATRICES = 64 };

/* A product with a constant: so many matrices on either side, side 0 the left one. */
typedef struct product {
    int32_t constant; /* the side */
    int32_t rank[2];
    int64_t count[2], rows[2], columns[2];
} product;

static product product_of(const snn_tensor *const sides[2])
{
    product found = {.constant = sides[0]->data != NULL ? 0 : 1};
    for (int s = 0; s < 2; s++) {
        const snn_tensor *side = sides[s];
        found.rank[s] = side->rank;
        found.rows[s] = side->rank > 1 ? side->dims[side->rank - 2] : s == 0 ? 1 : side->dims[0];
        found.columns[s] = side->rank > 1 || s == 0 ? side->dims[side->rank - 1] : 1;
        found.count[s] = snn_tensor_elements(side) / (found.rows[s] * found.columns[s]);
    }
    return found;
}

/* Whether as many matrices stand in the same axes on both sides. */
static bool are_paired(const snn_tensor *const sides[2])
{
    bool alike = true;
    for (int32_t back = 3; back <= SNN_MAX_RANK && alike; back++) {
        const int64_t first = back <= sides[0]->rank ? sides[0]->dims[sides[0]->rank - back] : 1;
        alike = first == (back <= sides[1]->rank ? sides[1]->dims[sides[1]->rank - back] : 1);
    }
    return alike;
}

/* Whether one side is constant and not a matrix, or is one that stands left of several. */
static bool has_constants(const snn_graph *graph, const snn_node *node)
{
    if (node->input_count != 2 || node->inputs[0] == SNN_NO_VALUE || node->inputs[1] == SNN_NO_VALUE) {
        return false;
    }
    const snn_tensor *const sides[2] = {&graph->values[node->inputs[0]].tensor, &graph->values[node->inputs[1]].tensor};
    for (int s = 0; s < 2; s++) {
        if (sides[s]->rank < 1 || sides[s]->type != SNN_TYPE_FLOAT32 || snn_tensor_elements(sides[s]) < 1) {
            return false;
        }
    }
    if ((sides[0]->data != NULL) == (sides[1]->data != NULL)) {
        return false;
    }
    const product now = product_of(sides);
    const int32_t other = 1 - now.constant;
    const int64_t matrices = now.count[now.constant];
    const bool one_by_one =
        matrices == 1 || (matrices <= MOST_MATRICES && (now.count[other] == 1 || are_paired(sides)));
    return now.columns[0] == now.rows[1] && one_by_one && now.rank[other] > 1 &&
           (now.rank[now.constant] != 2 || (now.constant == 0 && now.count[1] > 1));
}

/* Matrix number `number` of the constant, turned if it stands on the left: [columns][rows]. */
static int32_t constant_matrix(snn_expansion *e, const product *now, int64_t number)
{
    const int32_t s = now->constant;
    const int64_t rows = now->rows[s], columns = now->columns[s];
    const float *from = (const float *)snn_expand_shape(e, s)->data + number * rows * columns;
    float *to = NULL;
    const int64_t dims[2] = {s == 0 ? columns : rows, s == 0 ? rows : columns};
    const int32_t value = snn_expand_floats(e, 2, dims, &to);
    for (int64_t i = 0; i < rows * columns && to != NULL; i++) {
        to[s == 0 ? i % columns * rows + i / columns : i] = from[i];
    }
    return value;
}

/* The dims of the product. */
static int32_t result_dims(const snn_expansion *e, const product *now, int64_t dims[SNN_MAX_RANK])
{
    const int32_t widest = now->rank[0] > now->rank[1] ? now->rank[0] : now->rank[1];
    int32_t rank = 0;
    for (int32_t axis = 0; axis < widest - 2; axis++) {
        dims[rank] = 1;
        for (int s = 0; s < 2; s++) {
            const int32_t own = axis - (widest - now->rank[s]);
            const int64_t size = own >= 0 ? snn_expand_shape(e, s)->dims[own] : 1;
            dims[rank] = size > dims[rank] ? size : dims[rank];
        }
        rank++;
    }
    if (now->rank[0] > 1) {
        dims[rank++] = now->rows[0];
    }
    if (now->rank[1] > 1) {
        dims[rank++] = now->columns[1];
    }
    return rank;
}

/* x times the constant matrix, or the other way round: then through the transposes of both. */
static void lower_matmul(snn_expansion *e)
{
    const snn_tensor *const sides[2] = {snn_expand_shape(e, 0), snn_expand_shape(e, 1)};
    const product now = product_of(sides);
    const int32_t other = 1 - now.constant;
    const int64_t matrices = now.count[now.constant], stacked = now.count[other];
    const int64_t shape[3] = {stacked, now.rows[other], now.columns[other]};
    int32_t parts[MOST_MATRICES] = {0};
    int32_t x = snn_expand_reshape(e, snn_expand_input(e, other), 3, shape);
    x = now.constant == 0 ? exchanged(e, x, 3) : x;
    for (int64_t m = 0; m < matrices; m++) {
        const int32_t one = matrices > 1 && stacked > 1 ? snn_expand_slice(e, x, 0, m, m + 1) : x;
        parts[m] = SNN_EXPAND(e, "MatMul", one, constant_matrix(e, &now, m));
    }
    int32_t y = parts[0];
    if (matrices > 1) {
        y = snn_expand_node(e, "Concat", (int32_t)matrices, parts);
        snn_expand_integer(e, "axis", 0);
    }
    y = now.constant == 0 ? exchanged(e, y, 3) : y;
    int64_t dims[SNN_MAX_RANK];
    const int32_t rank = result_dims(e, &now, dims);
    snn_expand_result(e, snn_expand_reshape(e, y, rank, dims));
}

const snn_lowering snn_lowerings_product[] = {
    {"", "Conv", 2, 3, lower_one_axis, has_one_axis},
    {"", "MaxPool", 1, 1, lower_one_axis, has_one_axis},
    {"", "AveragePool", 1, 1, lower_one_axis, has_one_axis},
    {"", "GlobalAveragePool", 1, 1, lower_one_axis, has_one_axis},
    {"", "GlobalMaxPool", 1, 1, lower_one_axis, has_one_axis},
    {"", "Gemm", 2, 3, lower_gemm, is_turned},
    {"", "MatMul", 2, 2, lower_matmul, has_constants},
    {0},
};
