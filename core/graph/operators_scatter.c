/* Triangles of matrices, and elements at indices of several axes: Trilu, GatherND, GatherElements, ScatterND,
 * ScatterElements. Indices are constants, which is what exporters make of masks and of shape arithmetic. */
#include <string.h>

#include "core/graph/operators_internal.h"

/* ---- Trilu ---- */

static snn_status trilu_infer(const snn_operator_call *call)
{
    const snn_tensor *diagonal = snn_operator_input(call, 1);
    SNN_TRY(snn_operator_attributes(call->node, "upper=int"));
    if (call->inputs[0]->rank < 2) {
        return snn_fail(SNN_INPUT_ERROR, "the input: expects at least 2 axes, found %d", call->inputs[0]->rank);
    }
    if (diagonal != NULL && (diagonal->type != SNN_TYPE_INT64 || snn_tensor_elements(diagonal) != 1)) {
        return snn_fail(SNN_INPUT_ERROR, "the diagonal: expects one integer");
    }
    snn_operator_copy_shape(&call->outputs[0], call->inputs[0]);
    return snn_ok();
}

static snn_status trilu_evaluate(const snn_operator_call *call)
{
    const snn_tensor *input = call->inputs[0], *diagonal = snn_operator_input(call, 1);
    const bool upper = snn_node_integer(call->node, "upper", 1) != 0;
    const int64_t rows = input->dims[input->rank - 2], columns = input->dims[input->rank - 1];
    const int64_t given = diagonal == NULL ? 0 : *(const int64_t *)diagonal->data;
    const int64_t k = given < -rows ? -rows : given > columns ? columns : given;
    const size_t bytes = snn_type_bytes(input->type);
    const int64_t elements = snn_tensor_elements(input);
    for (int64_t i = 0; i < elements; i++) {
        const int64_t column = i % columns, row = i / columns % rows;
        const bool kept = upper ? column >= row + k : column <= row + k;
        unsigned char *to = (unsigned char *)call->outputs[0].data + (size_t)i * bytes;
        if (kept) {
            memcpy(to, (const unsigned char *)input->data + (size_t)i * bytes, bytes);
        } else {
            memset(to, 0, bytes);
        }
    }
    return snn_ok();
}

/* ---- indices ---- */

/* An index counted from the end where negative; refuses what is out of range. */
static snn_status read_index(int64_t given, int64_t size, int64_t *index)
{
    *index = given < 0 ? given + size : given;
    return *index >= 0 && *index < size ? snn_ok()
                                        : snn_fail(SNN_INPUT_ERROR, "index %lld is out of range for an axis of %lld",
                                                   (long long)given, (long long)size);
}

static snn_status expect_indices(const snn_tensor *indices)
{
    SNN_TRY(snn_operator_expect_type(indices, "the indices", SNN_TYPE_INT64));
    return indices->data != NULL ? snn_ok()
                                 : snn_fail(SNN_INPUT_ERROR, "indices that depend on the image are not supported");
}

/* The last axis of the indices names a place on the first axes of the data behind the batch axes: how many places there
 * are in a batch, and elements at each. */
typedef struct places {
    int32_t batch_axes, axes;
    int64_t batches, count, slice; /* elements */
} places;

static snn_status read_places(const snn_tensor *data, const snn_tensor *indices, int64_t batch_axes, places *found)
{
    SNN_TRY(expect_indices(indices));
    const int64_t axes = indices->rank > 0 ? indices->dims[indices->rank - 1] : 0;
    if (batch_axes < 0 || batch_axes >= indices->rank || axes < 1 || batch_axes + axes > data->rank) {
        char text[2][128];
        return snn_fail(SNN_INPUT_ERROR, "indices %s into %s", snn_tensor_describe(indices, text[0], sizeof text[0]),
                        snn_tensor_describe(data, text[1], sizeof text[1]));
    }
    *found = (places){(int32_t)batch_axes, (int32_t)axes, 1, 1, 1};
    for (int32_t axis = 0; axis < batch_axes; axis++) {
        found->batches *= data->dims[axis];
        if (data->dims[axis] != indices->dims[axis]) {
            return snn_fail(SNN_INPUT_ERROR, "batch axis %d: %lld and %lld elements", axis, (long long)data->dims[axis],
                            (long long)indices->dims[axis]);
        }
    }
    for (int32_t axis = found->batch_axes; axis < indices->rank - 1; axis++) {
        found->count *= indices->dims[axis];
    }
    for (int32_t axis = found->batch_axes + found->axes; axis < data->rank; axis++) {
        found->slice *= data->dims[axis];
    }
    return snn_ok();
}

/* The first element of place number `place`. */
static snn_status find_place(const snn_tensor *data, const snn_tensor *indices, const places *now, int64_t place,
                             int64_t *first)
{
    const int64_t *given = (const int64_t *)indices->data + place * now->axes;
    *first = place / now->count;
    for (int32_t axis = 0; axis < now->axes; axis++) {
        const int64_t size = data->dims[now->batch_axes + axis];
        int64_t index = 0;
        SNN_TRY(read_index(given[axis], size, &index));
        *first = *first * size + index;
    }
    *first *= now->slice;
    return snn_ok();
}

static snn_status gather_nd_infer(const snn_operator_call *call)
{
    const snn_tensor *data = call->inputs[0], *indices = call->inputs[1];
    places now;
    int64_t dims[2 * SNN_MAX_RANK];
    int32_t rank = 0;
    SNN_TRY(snn_operator_attributes(call->node, "batch_dims=int"));
    SNN_TRY(read_places(data, indices, snn_node_integer(call->node, "batch_dims", 0), &now));
    for (int32_t axis = 0; axis < indices->rank - 1; axis++) {
        dims[rank++] = indices->dims[axis];
    }
    for (int32_t axis = now.batch_axes + now.axes; axis < data->rank; axis++) {
        dims[rank++] = data->dims[axis];
    }
    return snn_operator_set_shape(&call->outputs[0], data->type, rank, dims);
}

static snn_status gather_nd_evaluate(const snn_operator_call *call)
{
    const snn_tensor *data = call->inputs[0];
    const size_t bytes = snn_type_bytes(data->type);
    places now;
    SNN_TRY(read_places(data, call->inputs[1], snn_node_integer(call->node, "batch_dims", 0), &now));
    for (int64_t place = 0; place < now.batches * now.count; place++) {
        int64_t first = 0;
        SNN_TRY(find_place(data, call->inputs[1], &now, place, &first));
        memcpy((unsigned char *)call->outputs[0].data + (size_t)(place * now.slice) * bytes,
               (const unsigned char *)data->data + (size_t)first * bytes, (size_t)now.slice * bytes);
    }
    return snn_ok();
}

static snn_status check_reduction(const snn_node *node)
{
    const char *reduction = snn_node_text(node, "reduction", "none");
    return strcmp(reduction, "none") == 0
               ? snn_ok()
               : snn_fail(SNN_INPUT_ERROR, "attribute 'reduction': %s is not supported", reduction);
}

static snn_status scatter_nd_infer(const snn_operator_call *call)
{
    const snn_tensor *data = call->inputs[0], *updates = call->inputs[2];
    places now;
    SNN_TRY(snn_operator_attributes(call->node, "reduction=text"));
    SNN_TRY(check_reduction(call->node));
    SNN_TRY(read_places(data, call->inputs[1], 0, &now));
    SNN_TRY(snn_operator_expect_type(updates, "the updates", data->type));
    if (snn_tensor_elements(updates) != now.count * now.slice) {
        char text[128];
        return snn_fail(SNN_INPUT_ERROR, "the updates are %s; %lld elements expected",
                        snn_tensor_describe(updates, text, sizeof text), (long long)(now.count * now.slice));
    }
    snn_operator_copy_shape(&call->outputs[0], data);
    return snn_ok();
}

static snn_status scatter_nd_evaluate(const snn_operator_call *call)
{
    const snn_tensor *data = call->inputs[0];
    const size_t bytes = snn_type_bytes(data->type);
    unsigned char *to = call->outputs[0].data;
    places now;
    SNN_TRY(read_places(data, call->inputs[1], 0, &now));
    memcpy(to, data->data, (size_t)snn_tensor_elements(data) * bytes);
    for (int64_t place = 0; place < now.count; place++) {
        int64_t first = 0;
        SNN_TRY(find_place(data, call->inputs[1], &now, place, &first));
        memcpy(to + (size_t)first * bytes,
               (const unsigned char *)call->inputs[2]->data + (size_t)(place * now.slice) * bytes,
               (size_t)now.slice * bytes);
    }
    return snn_ok();
}

/* ---- GatherElements and ScatterElements: an index along one axis for each element ---- */

static snn_status elements_axis(const snn_operator_call *call, int32_t *axis)
{
    const snn_tensor *data = call->inputs[0], *indices = call->inputs[1];
    SNN_TRY(expect_indices(indices));
    SNN_TRY(snn_operator_axis(snn_node_integer(call->node, "axis", 0), data->rank, axis));
    bool fits = indices->rank == data->rank;
    for (int32_t a = 0; a < data->rank && fits; a++) {
        fits = a == *axis || indices->dims[a] <= data->dims[a];
    }
    char text[2][128];
    return fits ? snn_ok()
                : snn_fail(SNN_INPUT_ERROR, "indices %s into %s", snn_tensor_describe(indices, text[0], sizeof text[0]),
                           snn_tensor_describe(data, text[1], sizeof text[1]));
}

/* The element of the data that element i of the indices names. */
static snn_status named_element(const snn_tensor *data, const snn_tensor *indices, int32_t axis, int64_t i,
                                int64_t *element)
{
    int64_t strides[SNN_MAX_RANK], rest = i;
    snn_operator_strides(data, strides);
    *element = 0;
    for (int32_t a = indices->rank - 1; a >= 0; a--) {
        int64_t index = rest % indices->dims[a];
        rest /= indices->dims[a];
        if (a == axis) {
            SNN_TRY(read_index(((const int64_t *)indices->data)[i], data->dims[a], &index));
        }
        *element += index * strides[a];
    }
    return snn_ok();
}

static snn_status gather_elements_infer(const snn_operator_call *call)
{
    int32_t axis = 0;
    SNN_TRY(snn_operator_attributes(call->node, "axis=int"));
    SNN_TRY(elements_axis(call, &axis));
    snn_operator_copy_shape(&call->outputs[0], call->inputs[1]);
    call->outputs[0].type = call->inputs[0]->type;
    return snn_ok();
}

static snn_status scatter_elements_infer(const snn_operator_call *call)
{
    int32_t axis = 0;
    SNN_TRY(snn_operator_attributes(call->node, "axis=int reduction=text"));
    SNN_TRY(check_reduction(call->node));
    SNN_TRY(elements_axis(call, &axis));
    SNN_TRY(snn_operator_expect_type(call->inputs[2], "the updates", call->inputs[0]->type));
    if (snn_tensor_elements(call->inputs[2]) != snn_tensor_elements(call->inputs[1])) {
        return snn_fail(SNN_INPUT_ERROR, "as many updates as indices expected");
    }
    snn_operator_copy_shape(&call->outputs[0], call->inputs[0]);
    return snn_ok();
}

static snn_status elements_evaluate(const snn_operator_call *call)
{
    const snn_tensor *data = call->inputs[0], *indices = call->inputs[1];
    const bool gather = strcmp(call->node->operator, "GatherElements") == 0;
    const size_t bytes = snn_type_bytes(data->type);
    unsigned char *to = call->outputs[0].data;
    const unsigned char *from = gather ? data->data : call->inputs[2]->data;
    int32_t axis = 0;
    SNN_TRY(elements_axis(call, &axis));
    if (!gather) {
        memcpy(to, data->data, (size_t)snn_tensor_elements(data) * bytes);
    }
    const int64_t count = snn_tensor_elements(indices);
    for (int64_t i = 0; i < count; i++) {
        int64_t element = 0;
        SNN_TRY(named_element(data, indices, axis, i, &element));
        memcpy(to + (size_t)(gather ? i : element) * bytes, from + (size_t)(gather ? element : i) * bytes, bytes);
    }
    return snn_ok();
}

const snn_graph_operator snn_operators_scatter[] = {
    {"Trilu", 1, 2, 1, trilu_infer, trilu_evaluate},
    {"GatherND", 2, 2, 1, gather_nd_infer, gather_nd_evaluate},
    {"ScatterND", 3, 3, 1, scatter_nd_infer, scatter_nd_evaluate},
    {"GatherElements", 2, 2, 1, gather_elements_infer, elements_evaluate},
    {"ScatterElements", 3, 3, 1, scatter_elements_infer, elements_evaluate},
    {"Scatter", 3, 3, 1, scatter_elements_infer, elements_evaluate}, /* before opset 11 */
    {0},
};
