#include "core/convert/reduction.h"

/* Which axes are reduced, as flags. */
static snn_status reduced_axes(const snn_recognition *recognition, int32_t rank, bool reduced[SNN_MAX_RANK])
{
    const snn_node *node = recognition->node;
    int64_t axes[SNN_MAX_RANK];
    size_t count = snn_node_integers(node, "axes", axes, SNN_MAX_RANK);
    if (count == 0 && snn_recognition_is_constant(recognition, 1)) {
        const snn_tensor *given = snn_recognition_input(recognition, 1);
        count = (size_t)snn_tensor_elements(given);
        for (size_t i = 0; i < count && i < SNN_MAX_RANK; i++) {
            axes[i] = ((const int64_t *)given->data)[i];
        }
    }
    bool all = count == 0 && snn_node_integer(node, "noop_with_empty_axes", 0) == 0;
    for (int32_t axis = 0; axis < SNN_MAX_RANK; axis++) {
        reduced[axis] = all && axis < rank;
    }
    for (size_t i = 0; i < count && i < SNN_MAX_RANK; i++) {
        reduced[axes[i] < 0 ? axes[i] + rank : axes[i]] = true; /* in range, as shape inference has found */
    }
    return snn_ok();
}

/* An image or a row of tokens: the axes behind the batch are three or two. */
static snn_status lay_out(snn_recognition *recognition, const bool *reduced, snn_reduction *reduction)
{
    const snn_tensor *input = snn_recognition_input(recognition, 0);
    const snn_affine *now = &recognition->draft->affines[recognition->node->inputs[0]];
    const int64_t *dims = input->dims;
    bool image = input->rank == 4;
    bool first = now->order == SNN_ORDER_CHANNELS_FIRST && now->shape.channels == dims[1];
    bool last = now->order == SNN_ORDER_CHANNELS_LAST && now->shape.channels == dims[input->rank - 1];
    if (!first && !last) {
        first = image;
    }
    reduction->channels = first ? reduced[1] : reduced[input->rank - 1];
    reduction->rows = first ? reduced[2] : reduced[1];
    reduction->columns = image && first ? reduced[3] : image ? reduced[2] : reduction->rows;
    snn_shape shape = {1, (int32_t)dims[first ? 2 : 1], (int32_t)dims[first ? 1 : 2]};
    if (image) {
        shape = (snn_shape){(int32_t)dims[first ? 2 : 1], (int32_t)dims[first ? 3 : 2], (int32_t)dims[first ? 1 : 3]};
    }
    if (reduction->rows == reduction->columns && now->shape.channels == shape.channels && (first || last)) {
        shape = now->shape; /* rows and columns may be labelled otherwise: they are treated alike */
    }
    return snn_recognition_require_layout(recognition, 0, shape,
                                          first ? SNN_ORDER_CHANNELS_FIRST : SNN_ORDER_CHANNELS_LAST);
}

snn_status snn_reduction_read(snn_recognition *recognition, snn_reduction *reduction)
{
    const snn_tensor *input = snn_recognition_input(recognition, 0);
    bool reduced[SNN_MAX_RANK];
    SNN_TRY(reduced_axes(recognition, input->rank, reduced));
    if ((input->rank == 4 || input->rank == 3) && input->dims[0] == 1) {
        return lay_out(recognition, reduced, reduction);
    }
    if (input->rank != 2) {
        return snn_fail(SNN_INPUT_ERROR, "reduces a value of rank %d with %lld images; 2 to 4 and one image expected",
                        input->rank, input->rank > 0 ? (long long)input->dims[0] : 0);
    }
    snn_shape shape = {1, (int32_t)input->dims[0], (int32_t)input->dims[1]};
    *reduction = (snn_reduction){reduced[0], reduced[0], reduced[1]};
    return snn_recognition_require_layout(recognition, 0, shape, SNN_ORDER_CHANNELS_LAST);
}

snn_window snn_reduction_window(const snn_reduction *reduction, snn_shape shape)
{
    return (snn_window){
        {reduction->rows ? shape.height : 1, reduction->columns ? shape.width : 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}};
}
