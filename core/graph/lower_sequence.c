/* Parts of a value that exporters hand on as a sequence: SplitToSequence, whose value stands for the whole (see
 * operators_shape.c), and SequenceAt, which takes one of the parts. */
#include <string.h>

#include "core/graph/lower.h"

/* The only element of a constant int64 input; refuses others. */
static int64_t only_element(snn_expansion *e, const snn_tensor *tensor, const char *what)
{
    if (tensor->data == NULL || tensor->type != SNN_TYPE_INT64 || snn_tensor_elements(tensor) != 1) {
        snn_expand_refuse(e, "%s: one constant integer expected", what);
        return 0;
    }
    return *(const int64_t *)tensor->data;
}

static bool is_size(int64_t number, int64_t most)
{
    return number >= 0 && number <= most;
}

/* Where part `number` of an axis of `size` begins and ends; `split` holds the size of all parts, or of each. */
static void find_part(snn_expansion *e, const snn_tensor *split, int64_t size, int64_t number, int64_t part[2])
{
    const bool listed = split != NULL && split->rank == 1;
    const int64_t each = split == NULL ? 1 : listed ? 0 : only_element(e, split, "the size of the parts");
    const int64_t *sizes = listed ? split->data : NULL;
    const int64_t count = listed ? snn_tensor_elements(split) : each > 0 && size > 0 ? (size - 1) / each + 1 : 0;
    number += number < 0 ? count : 0;
    if (number < 0 || number >= count || (listed && (sizes == NULL || split->type != SNN_TYPE_INT64))) {
        snn_expand_refuse(e, "part %lld of a sequence of %lld constant sizes", (long long)number, (long long)count);
        return;
    }
    part[0] = listed ? 0 : number * each;
    for (int64_t i = 0; listed && i < number; i++) {
        part[0] += is_size(sizes[i], size) ? sizes[i] : size;
    }
    part[1] = part[0] + (listed ? sizes[number] : each);
    if (listed && !(is_size(part[0], size) && is_size(sizes[number], size - part[0]))) {
        snn_expand_refuse(e, "parts beyond an axis of %lld", (long long)size);
    }
}

static void lower_sequence_at(snn_expansion *e)
{
    const snn_graph *graph = e->graph;
    const int32_t producer = graph->values[e->node->inputs[0]].producer;
    const snn_node *splitter = producer < 0 ? NULL : &graph->nodes[producer];
    const int64_t number = only_element(e, snn_expand_shape(e, 1), "the part's number");
    int64_t part[2] = {0, 0};
    if (splitter == NULL || strcmp(splitter->operator, "SplitToSequence") != 0) {
        snn_expand_refuse(e, "expects a sequence that SplitToSequence makes");
        return;
    }
    const snn_tensor *x = &graph->values[splitter->inputs[0]].tensor;
    const bool split = splitter->input_count > 1 && splitter->inputs[1] != SNN_NO_VALUE;
    const int64_t given = snn_node_integer(splitter, "axis", 0), axis = given < 0 ? given + x->rank : given;
    if (axis < 0 || axis >= x->rank) {
        snn_expand_refuse(e, "axis %lld is out of range", (long long)given);
        return;
    }
    find_part(e, split ? &graph->values[splitter->inputs[1]].tensor : NULL, x->dims[axis], number, part);
    int32_t y = snn_expand_slice(e, splitter->inputs[0], (int32_t)axis, part[0], part[1]);
    if (!split && snn_node_integer(splitter, "keepdims", 1) == 0) {
        int64_t dims[SNN_MAX_RANK];
        int32_t rank = 0;
        for (int32_t a = 0; a < x->rank; a++) {
            dims[rank] = x->dims[a];
            rank += a != axis;
        }
        y = snn_expand_reshape(e, y, rank, dims);
    }
    snn_expand_result(e, y);
}

const snn_lowering snn_lowerings_sequence[] = {
    {"", "SequenceAt", 2, 2, lower_sequence_at, NULL},
    {0},
};
