#include "core/convert/arrange.h"

#include <string.h>

#include "core/base/memory.h"

snn_status snn_arrange(snn_draft *draft, snn_affine *affine, int32_t value, const int32_t *map, const int64_t *dims,
                       int32_t rank)
{
    bool possible = false;
    SNN_TRY(snn_affine_rearrange(affine, map, dims, rank, &possible));
    if (possible) {
        return snn_ok();
    }
    SNN_TRY(snn_draft_relay_affine(draft, affine, value));
    SNN_TRY(snn_affine_rearrange(affine, map, dims, rank, &possible));
    if (possible) {
        return snn_ok();
    }
    snn_shape shape;
    snn_order order;
    SNN_TRY(snn_affine_natural_layout(dims, rank, &shape, &order));
    return snn_affine_gather(affine, map, shape, order);
}

snn_status snn_arrange_into(snn_draft *draft, snn_affine *affine, int32_t value, const int32_t *map, snn_shape shape,
                            snn_order order)
{
    bool possible = false;
    SNN_TRY(snn_affine_rearrange_into(affine, map, shape, order, &possible));
    if (possible) {
        return snn_ok();
    }
    SNN_TRY(snn_draft_relay_affine(draft, affine, value));
    SNN_TRY(snn_affine_rearrange_into(affine, map, shape, order, &possible));
    return possible ? snn_ok() : snn_affine_gather(affine, map, shape, order);
}

snn_status snn_arrange_layout(snn_draft *draft, snn_affine *affine, int32_t value, snn_shape shape, snn_order order)
{
    if (snn_affine_layout_is(affine, shape, order)) {
        affine->order = order;
        return snn_ok();
    }
    size_t count = (size_t)snn_shape_size(shape);
    int32_t *map = snn_allocate(count, sizeof *map);
    if (map == NULL) {
        return snn_out_of_memory("map");
    }
    for (size_t e = 0; e < count; e++) {
        map[e] = (int32_t)e;
    }
    snn_status status = snn_arrange_into(draft, affine, value, map, shape, order);
    snn_release(map);
    return status;
}

int64_t snn_arrange_broadcast_element(const snn_tensor *from, const snn_tensor *to, int64_t element)
{
    int64_t at = 0;
    int64_t stride = 1;
    for (int32_t axis = 0; axis < from->rank; axis++) {
        int32_t of_from = from->rank - 1 - axis;
        int32_t of_to = to->rank - 1 - axis;
        int64_t index = element % to->dims[of_to];
        element /= to->dims[of_to];
        at += (from->dims[of_from] == 1 ? 0 : index) * stride;
        stride *= from->dims[of_from];
    }
    return at;
}

static snn_status broadcast_map(const snn_tensor *from, const snn_tensor *to, int32_t **map)
{
    int64_t count = snn_tensor_elements(to);
    *map = snn_allocate((size_t)count, sizeof **map);
    if (*map == NULL) {
        return snn_out_of_memory("map");
    }
    for (int64_t e = 0; e < count; e++) {
        (*map)[e] = (int32_t)snn_arrange_broadcast_element(from, to, e);
    }
    return snn_ok();
}

/* Input i of the node, which was taken, in the dims of the node's output; in the layout of `like` if that is given. */
static snn_status broadcast(snn_recognition *recognition, int32_t i, const snn_affine *like, snn_affine *affine)
{
    const snn_tensor *from = snn_recognition_input(recognition, i);
    const snn_tensor *to = snn_recognition_output(recognition, 0);
    int32_t value = recognition->node->inputs[i];
    int32_t *map = NULL;
    SNN_TRY(broadcast_map(from, to, &map));
    snn_status status = like != NULL
                            ? snn_arrange_into(recognition->draft, affine, value, map, like->shape, like->order)
                            : snn_arrange(recognition->draft, affine, value, map, to->dims, to->rank);
    snn_release(map);
    return status;
}

static bool is_broadcast(const snn_recognition *recognition, int32_t i)
{
    return snn_tensor_elements(snn_recognition_input(recognition, i)) !=
           snn_tensor_elements(snn_recognition_output(recognition, 0));
}

snn_status snn_arrange_take_broadcast(snn_recognition *recognition, int32_t i, snn_affine *affine)
{
    SNN_TRY(snn_recognition_take(recognition, i, affine));
    snn_status status = is_broadcast(recognition, i) ? broadcast(recognition, i, NULL, affine) : snn_ok();
    if (snn_failed(status)) {
        snn_affine_clear(affine);
    }
    return status;
}

snn_status snn_arrange_take_like(snn_recognition *recognition, int32_t i, const snn_affine *like, snn_affine *affine)
{
    SNN_TRY(snn_recognition_take(recognition, i, affine));
    snn_status status =
        is_broadcast(recognition, i)
            ? broadcast(recognition, i, like, affine)
            : snn_arrange_layout(recognition->draft, affine, recognition->node->inputs[i], like->shape, like->order);
    if (snn_failed(status)) {
        snn_affine_clear(affine);
    }
    return status;
}

/* Gives inputs i and j one layout: by other labels for rows and columns where that is enough, else through relays. */
static snn_status align_layouts(snn_recognition *recognition, int32_t i, int32_t j)
{
    snn_affine *first = &recognition->draft->affines[recognition->node->inputs[i]];
    snn_affine *second = &recognition->draft->affines[recognition->node->inputs[j]];
    bool possible = first->order == second->order && first->shape.channels == second->shape.channels;
    if (possible && !snn_affine_layout_is(second, first->shape, first->order)) {
        snn_affine_relabel(second, first->shape.height, first->shape.width, &possible);
        if (!possible) {
            snn_affine_relabel(first, second->shape.height, second->shape.width, &possible);
        }
    }
    return snn_recognition_require_layout(recognition, j, first->shape, first->order);
}

snn_status snn_arrange_take_pair(snn_recognition *recognition, int32_t i, int32_t j, snn_affine *first,
                                 snn_affine *second)
{
    if (!is_broadcast(recognition, i) && !is_broadcast(recognition, j)) {
        SNN_TRY(align_layouts(recognition, i, j));
        SNN_TRY(snn_recognition_take(recognition, i, first));
        snn_status status = snn_recognition_take(recognition, j, second);
        if (snn_failed(status)) {
            snn_affine_clear(first);
        }
        return status;
    }
    /* The one that is not broadcast decides on the layout. */
    bool swapped = is_broadcast(recognition, i);
    snn_affine *full = swapped ? second : first;
    snn_affine *other = swapped ? first : second;
    SNN_TRY(snn_arrange_take_broadcast(recognition, swapped ? j : i, full));
    snn_status status = snn_arrange_take_like(recognition, swapped ? i : j, full, other);
    if (snn_failed(status)) {
        snn_affine_clear(full);
    }
    return status;
}

snn_status snn_arrange_constant(const snn_recognition *recognition, int32_t constant, const snn_affine *affine,
                                float **values, bool *per_channel)
{
    const snn_tensor *operand = NULL;
    const snn_tensor *result = snn_recognition_output(recognition, 0);
    SNN_TRY(snn_recognition_constant(recognition, constant, &operand));
    int64_t positions = snn_shape_positions(affine->shape);
    int32_t channels = affine->shape.channels;
    *values = snn_allocate((size_t)(positions * channels), sizeof **values);
    if (*values == NULL) {
        return snn_out_of_memory("constant");
    }
    *per_channel = true;
    for (int64_t p = 0; p < positions; p++) {
        for (int32_t c = 0; c < channels; c++) {
            int64_t at = snn_arrange_broadcast_element(operand, result, snn_affine_element(affine, p, c));
            float element = ((const float *)operand->data)[at];
            (*values)[p * channels + c] = element;
            *per_channel = *per_channel && element == (*values)[c];
        }
    }
    return snn_ok();
}
