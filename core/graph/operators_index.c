/* Parts of tensors: Gather, Concat, Slice, Split, Pad. */
#include <string.h>

#include "core/graph/operators_internal.h"

/* The product of the sizes of axes [begin, end). */
static int64_t product(const snn_tensor *tensor, int32_t begin, int32_t end)
{
    int64_t elements = 1;
    for (int32_t axis = begin; axis < end; axis++) {
        elements *= tensor->dims[axis];
    }
    return elements;
}

/* ---- Gather ---- */

static snn_status gather_infer(const snn_operator_call *call)
{
    const snn_tensor *input = call->inputs[0];
    const snn_tensor *indices = call->inputs[1];
    int32_t axis = 0;
    SNN_TRY(snn_operator_attributes(call->node, "axis=int"));
    SNN_TRY(snn_operator_expect_type(indices, "the indices", SNN_TYPE_INT64));
    SNN_TRY(snn_operator_axis(snn_node_integer(call->node, "axis", 0), input->rank, &axis));
    int64_t dims[2 * SNN_MAX_RANK];
    int32_t rank = 0;
    for (int32_t i = 0; i < axis; i++) {
        dims[rank++] = input->dims[i];
    }
    for (int32_t i = 0; i < indices->rank; i++) {
        dims[rank++] = indices->dims[i];
    }
    for (int32_t i = axis + 1; i < input->rank; i++) {
        dims[rank++] = input->dims[i];
    }
    return snn_operator_set_shape(&call->outputs[0], input->type, rank, dims);
}

static snn_status gather_evaluate(const snn_operator_call *call)
{
    const snn_tensor *input = call->inputs[0];
    const int64_t *indices = call->inputs[1]->data;
    const int64_t count = snn_tensor_elements(call->inputs[1]);
    int32_t axis = 0;
    SNN_TRY(snn_operator_axis(snn_node_integer(call->node, "axis", 0), input->rank, &axis));
    const int64_t size = input->dims[axis];
    const int64_t outer = product(input, 0, axis);
    const size_t bytes = (size_t)product(input, axis + 1, input->rank) * snn_type_bytes(input->type);
    const unsigned char *from = input->data;
    unsigned char *to = call->outputs[0].data;
    for (int64_t i = 0; i < outer; i++) {
        for (int64_t j = 0; j < count; j++) {
            if (indices[j] < -size || indices[j] >= size) {
                return snn_fail(SNN_INPUT_ERROR, "index %lld is out of range for axis %d of size %lld",
                                (long long)indices[j], axis, (long long)size);
            }
            const int64_t index = indices[j] < 0 ? indices[j] + size : indices[j];
            memcpy(to, from + (size_t)index * bytes, bytes);
            to += bytes;
        }
        from += (size_t)size * bytes;
    }
    return snn_ok();
}

/* ---- Concat ---- */

static snn_status concat_infer(const snn_operator_call *call)
{
    const snn_tensor *first = call->inputs[0];
    int32_t axis = 0;
    SNN_TRY(snn_operator_attributes(call->node, "axis=int"));
    SNN_TRY(snn_operator_expect_all(call));
    if (snn_node_attribute(call->node, "axis") == NULL) {
        return snn_fail(SNN_INPUT_ERROR, "attribute 'axis' is missing");
    }
    SNN_TRY(snn_operator_axis(snn_node_integer(call->node, "axis", 0), first->rank, &axis));
    snn_tensor sum;
    snn_operator_copy_shape(&sum, first);
    for (int32_t i = 1; i < call->node->input_count; i++) {
        const snn_tensor *next = call->inputs[i];
        bool fits = next->rank == first->rank && next->type == first->type;
        for (int32_t other = 0; fits && other < first->rank; other++) {
            fits = other == axis || next->dims[other] == first->dims[other];
        }
        if (!fits || __builtin_add_overflow(sum.dims[axis], next->dims[axis], &sum.dims[axis])) {
            char text[2][128];
            return snn_fail(SNN_INPUT_ERROR, "inputs do not join along axis %d: %s and %s", axis,
                            snn_tensor_describe(first, text[0], sizeof text[0]),
                            snn_tensor_describe(next, text[1], sizeof text[1]));
        }
    }
    return snn_operator_set_shape(&call->outputs[0], sum.type, sum.rank, sum.dims);
}

static snn_status concat_evaluate(const snn_operator_call *call)
{
    const snn_tensor *output = &call->outputs[0];
    int32_t axis = 0;
    SNN_TRY(snn_operator_axis(snn_node_integer(call->node, "axis", 0), output->rank, &axis));
    const int64_t outer = product(output, 0, axis);
    const size_t element = snn_type_bytes(output->type);
    const size_t line = (size_t)product(output, axis, output->rank) * element;
    size_t begin = 0;
    for (int32_t i = 0; i < call->node->input_count; i++) {
        const snn_tensor *input = call->inputs[i];
        const size_t bytes = (size_t)product(input, axis, input->rank) * element;
        for (int64_t j = 0; j < outer && bytes > 0; j++) {
            memcpy((unsigned char *)output->data + (size_t)j * line + begin,
                   (const unsigned char *)input->data + (size_t)j * bytes, bytes);
        }
        begin += bytes;
    }
    return snn_ok();
}

/* ---- Slice ---- */

typedef struct slice {
    int64_t start[SNN_MAX_RANK], step[SNN_MAX_RANK], count[SNN_MAX_RANK];
} slice;

static int64_t clamp(int64_t value, int64_t least, int64_t most)
{
    return value < least ? least : value > most ? most : value;
}

/* The range [start, end) by `step` of an axis of `size` elements, with ONNX's rules for what lies outside. */
static snn_status slice_axis(slice *part, int32_t axis, int64_t size, int64_t start, int64_t end, int64_t step)
{
    if (step == 0 || step == INT64_MIN) {
        return snn_fail(SNN_INPUT_ERROR, "axis %d: a step of %lld", axis, (long long)step);
    }
    start += start < 0 ? size : 0;
    end += end < 0 ? size : 0;
    if (step > 0) {
        start = clamp(start, 0, size);
        end = clamp(end, 0, size);
        part->count[axis] = end > start ? (end - start - 1) / step + 1 : 0;
    } else {
        start = clamp(start, size > 0 ? 0 : -1, size - 1);
        end = clamp(end, -1, size - 1);
        part->count[axis] = start > end ? (start - end - 1) / -step + 1 : 0;
    }
    part->start[axis] = part->count[axis] > 0 ? start : 0;
    part->step[axis] = step;
    return snn_ok();
}

static snn_status read_slice(const snn_operator_call *call, slice *part)
{
    const snn_tensor *input = call->inputs[0];
    snn_integers starts, ends, axes, steps;
    SNN_TRY(snn_operator_integers(call, "starts", 1, 10, &starts));
    SNN_TRY(snn_operator_integers(call, "ends", 2, 10, &ends));
    SNN_TRY(snn_operator_integers(call, "axes", 3, 10, &axes));
    SNN_TRY(snn_operator_integers(call, "steps", 4, 10, &steps));
    if (!starts.present || !ends.present || ends.count != starts.count ||
        (axes.present && axes.count != starts.count) || (steps.present && steps.count != starts.count)) {
        return snn_fail(SNN_INPUT_ERROR, "expects as many starts, ends, axes and steps, found %d, %d, %d and %d",
                        starts.count, ends.count, axes.count, steps.count);
    }
    for (int32_t i = 0; !axes.present && i < starts.count; i++) {
        axes.values[i] = i;
    }
    axes.count = starts.count;
    bool named[SNN_MAX_RANK];
    SNN_TRY(snn_operator_axis_set(&axes, input->rank, named));
    for (int32_t axis = 0; axis < input->rank; axis++) {
        part->start[axis] = 0;
        part->step[axis] = 1;
        part->count[axis] = input->dims[axis];
    }
    for (int32_t i = 0; i < starts.count; i++) {
        int32_t axis = 0;
        SNN_TRY(snn_operator_axis(axes.values[i], input->rank, &axis));
        SNN_TRY(slice_axis(part, axis, input->dims[axis], starts.values[i], ends.values[i],
                           steps.present ? steps.values[i] : 1));
    }
    return snn_ok();
}

static snn_status slice_infer(const snn_operator_call *call)
{
    slice part;
    SNN_TRY(snn_operator_attributes(call->node, "starts=ints ends=ints axes=ints"));
    SNN_TRY(read_slice(call, &part));
    return snn_operator_set_shape(&call->outputs[0], call->inputs[0]->type, call->inputs[0]->rank, part.count);
}

static snn_status slice_evaluate(const snn_operator_call *call)
{
    const snn_tensor *input = call->inputs[0];
    slice part;
    int64_t own[SNN_MAX_RANK];
    int64_t strides[SNN_MAX_RANK] = {0};
    int64_t offset = 0;
    SNN_TRY(read_slice(call, &part));
    snn_operator_strides(input, own);
    for (int32_t axis = 0; axis < input->rank; axis++) {
        offset += part.start[axis] * own[axis];
        strides[axis] = part.count[axis] > 1 ? part.step[axis] * own[axis] : 0; /* a lone element takes no step */
    }
    snn_operator_copy_strided(&call->outputs[0], input, offset, strides);
    return snn_ok();
}

/* ---- Split ---- */

/* The size of part `number`: listed, or equal ones of which the last may be smaller. */
static int64_t part_size(const snn_integers *sizes, int64_t total, int32_t parts, int32_t number)
{
    if (sizes->present) {
        return sizes->values[number];
    }
    const int64_t size = (total + parts - 1) / parts;
    const int64_t rest = total - size * number;
    return rest < 0 ? 0 : rest < size ? rest : size;
}

static snn_status read_split(const snn_operator_call *call, int32_t *axis, snn_integers *sizes)
{
    const snn_tensor *input = call->inputs[0];
    const int32_t parts = call->node->output_count;
    SNN_TRY(snn_operator_axis(snn_node_integer(call->node, "axis", 0), input->rank, axis));
    SNN_TRY(snn_operator_integers(call, "split", 1, 13, sizes));
    const int64_t total = input->dims[*axis];
    if (!sizes->present) {
        const bool uneven_allowed = snn_node_attribute(call->node, "num_outputs") != NULL;
        if (parts < 1 || snn_node_integer(call->node, "num_outputs", parts) != parts ||
            (!uneven_allowed && total % parts != 0)) {
            return snn_fail(SNN_INPUT_ERROR, "axis %d of size %lld does not split into %d parts", *axis,
                            (long long)total, parts);
        }
        return snn_ok();
    }
    int64_t sum = 0;
    bool fits = sizes->count == parts;
    for (int32_t i = 0; i < sizes->count; i++) {
        fits = fits && sizes->values[i] >= 0 && !__builtin_add_overflow(sum, sizes->values[i], &sum);
    }
    if (!fits || sum != total) {
        return snn_fail(SNN_INPUT_ERROR, "'split': expects %d sizes that add up to %lld, found %d that add up to %lld",
                        parts, (long long)total, sizes->count, (long long)sum);
    }
    return snn_ok();
}

static snn_status split_infer(const snn_operator_call *call)
{
    const snn_tensor *input = call->inputs[0];
    int32_t axis = 0;
    snn_integers sizes;
    SNN_TRY(snn_operator_attributes(call->node, "axis=int split=ints num_outputs=int"));
    SNN_TRY(read_split(call, &axis, &sizes));
    for (int32_t i = 0; i < call->node->output_count; i++) {
        snn_operator_copy_shape(&call->outputs[i], input);
        call->outputs[i].dims[axis] = part_size(&sizes, input->dims[axis], call->node->output_count, i);
    }
    return snn_ok();
}

static snn_status split_evaluate(const snn_operator_call *call)
{
    const snn_tensor *input = call->inputs[0];
    int32_t axis = 0;
    snn_integers sizes;
    int64_t strides[SNN_MAX_RANK];
    SNN_TRY(read_split(call, &axis, &sizes));
    snn_operator_strides(input, strides);
    int64_t start = 0;
    for (int32_t i = 0; i < call->node->output_count; i++) {
        const snn_tensor *output = &call->outputs[i];
        const int64_t size = part_size(&sizes, input->dims[axis], call->node->output_count, i);
        if (output->data != NULL) { /* an output that nobody names has none */
            snn_operator_copy_strided(output, input, start * strides[axis], strides);
        }
        start += size;
    }
    return snn_ok();
}

/* ---- Pad ---- */

typedef enum pad_mode { PAD_CONSTANT, PAD_EDGE, PAD_REFLECT } pad_mode;

typedef struct padding {
    pad_mode mode;
    int64_t begin[SNN_MAX_RANK], end[SNN_MAX_RANK]; /* negative: cut off */
} padding;

static snn_status read_pad_mode(const snn_node *node, pad_mode *mode)
{
    const char *text = snn_node_text(node, "mode", "constant");
    static const char *const names[] = {"constant", "edge", "reflect"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(text, names[i]) == 0) {
            *mode = (pad_mode)i;
            return snn_ok();
        }
    }
    return snn_fail(SNN_INPUT_ERROR, "attribute 'mode': expects constant, edge or reflect, found %s", text);
}

static snn_status read_padding(const snn_operator_call *call, padding *pad)
{
    const snn_tensor *input = call->inputs[0];
    snn_integers pads, axes;
    *pad = (padding){0};
    SNN_TRY(read_pad_mode(call->node, &pad->mode));
    SNN_TRY(snn_operator_integers(call, "pads", 1, 11, &pads));
    SNN_TRY(snn_operator_read_integers(snn_operator_input(call, 3), "'axes'", &axes));
    for (int32_t i = 0; !axes.present && i < input->rank; i++) {
        axes.values[i] = i;
    }
    axes.count = axes.present ? axes.count : input->rank;
    bool named[SNN_MAX_RANK];
    SNN_TRY(snn_operator_axis_set(&axes, input->rank, named));
    if (pads.count != 2 * axes.count) {
        return snn_fail(SNN_INPUT_ERROR, "'pads': expects %d integers, found %d", 2 * axes.count, pads.count);
    }
    for (int32_t i = 0; i < axes.count; i++) {
        int32_t axis = 0;
        SNN_TRY(snn_operator_axis(axes.values[i], input->rank, &axis));
        pad->begin[axis] = pads.values[i];
        pad->end[axis] = pads.values[i + axes.count];
        const int64_t most = pad->begin[axis] > pad->end[axis] ? pad->begin[axis] : pad->end[axis];
        const int64_t size = input->dims[axis];
        if ((pad->mode == PAD_REFLECT && most > 0 && most >= size) ||
            (pad->mode == PAD_EDGE && most > 0 && size == 0)) {
            return snn_fail(SNN_INPUT_ERROR, "axis %d of size %lld is too small to pad by %lld", axis, (long long)size,
                            (long long)most);
        }
    }
    return snn_ok();
}

static snn_status pad_infer(const snn_operator_call *call)
{
    const snn_tensor *input = call->inputs[0];
    padding pad;
    int64_t dims[SNN_MAX_RANK];
    SNN_TRY(snn_operator_attributes(call->node, "mode=text pads=ints value=float"));
    SNN_TRY(read_padding(call, &pad));
    const snn_tensor *value = snn_operator_input(call, 2);
    if (value != NULL && (value->type != input->type || snn_tensor_elements(value) != 1)) {
        return snn_fail(SNN_INPUT_ERROR, "the padding value: expects one element of the input's type");
    }
    for (int32_t axis = 0; axis < input->rank; axis++) {
        if (__builtin_add_overflow(input->dims[axis], pad.begin[axis], &dims[axis]) ||
            __builtin_add_overflow(dims[axis], pad.end[axis], &dims[axis])) {
            return snn_fail(SNN_INPUT_ERROR, "axis %d: the padding is too large", axis);
        }
    }
    return snn_operator_set_shape(&call->outputs[0], input->type, input->rank, dims);
}

/* The element of an axis of `size` that stands at `index` (which may lie outside), or -1 for the padding value. */
static int64_t padded_index(pad_mode mode, int64_t index, int64_t size)
{
    if (index >= 0 && index < size) {
        return index;
    }
    if (mode == PAD_CONSTANT) {
        return -1;
    }
    if (mode == PAD_EDGE) {
        return index < 0 ? 0 : size - 1;
    }
    return index < 0 ? -index : 2 * (size - 1) - index;
}

/* Where output element `index` (one number for each axis) comes from, or -1 for the padding value. */
static int64_t padded_source(const snn_tensor *input, const padding *pad, const int64_t strides[SNN_MAX_RANK],
                             const int64_t index[SNN_MAX_RANK])
{
    int64_t source = 0;
    for (int32_t axis = 0; axis < input->rank; axis++) {
        const int64_t inside = padded_index(pad->mode, index[axis] - pad->begin[axis], input->dims[axis]);
        if (inside < 0) {
            return -1;
        }
        source += inside * strides[axis];
    }
    return source;
}

/* The padding value as bytes of the input's type: zero by default. */
static void padding_value(const snn_operator_call *call, unsigned char value[sizeof(int64_t)])
{
    const snn_tensor *given = snn_operator_input(call, 2);
    const float attribute = snn_node_real(call->node, "value", 0.0F);
    memset(value, 0, sizeof(int64_t));
    if (given != NULL) {
        memcpy(value, given->data, snn_type_bytes(given->type));
    } else if (call->inputs[0]->type == SNN_TYPE_FLOAT32) {
        memcpy(value, &attribute, sizeof attribute);
    }
}

static snn_status pad_evaluate(const snn_operator_call *call)
{
    const snn_tensor *input = call->inputs[0];
    const snn_tensor *output = &call->outputs[0];
    const size_t bytes = snn_type_bytes(input->type);
    const int64_t elements = snn_tensor_elements(output);
    padding pad;
    unsigned char value[sizeof(int64_t)];
    int64_t strides[SNN_MAX_RANK];
    int64_t index[SNN_MAX_RANK] = {0};
    SNN_TRY(read_padding(call, &pad));
    padding_value(call, value);
    snn_operator_strides(input, strides);
    unsigned char *to = output->data;
    for (int64_t i = 0; i < elements; i++) {
        const int64_t source = padded_source(input, &pad, strides, index);
        memcpy(to, source < 0 ? value : (const unsigned char *)input->data + (size_t)source * bytes, bytes);
        to += bytes;
        for (int32_t axis = output->rank - 1; axis >= 0 && ++index[axis] == output->dims[axis]; axis--) {
            index[axis] = 0;
        }
    }
    return snn_ok();
}

const snn_graph_operator snn_operators_index[] = {
    {"Gather", 2, 2, 1, gather_infer, gather_evaluate}, {"Concat", 1, -1, 1, concat_infer, concat_evaluate},
    {"Slice", 1, 5, 1, slice_infer, slice_evaluate},    {"Split", 1, 2, SNN_ANY_OUTPUTS, split_infer, split_evaluate},
    {"Pad", 1, 4, 1, pad_infer, pad_evaluate},          {0},
};
