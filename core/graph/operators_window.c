/* Windows of convolutions and pooling. */
#include <string.h>

#include "core/graph/operators_internal.h"

enum { SIZE_LIMIT = 1 << 20 }; /* of each attribute and image axis: products of two stay far from overflow */

static snn_status read_pair(const snn_node *node, const char *name, int64_t least, int32_t count, int32_t *values)
{
    int64_t found[4];
    const size_t given = snn_node_integers(node, name, found, 4);
    if (given == 0) {
        return snn_ok(); /* the caller's defaults stay */
    }
    if (given != (size_t)count) {
        return snn_fail(SNN_INPUT_ERROR, "attribute '%s': expects %d integers (2 spatial axes), found %zu", name, count,
                        given);
    }
    for (int32_t i = 0; i < count; i++) {
        if (found[i] < least || found[i] > SIZE_LIMIT) {
            return snn_fail(SNN_INPUT_ERROR, "attribute '%s': expects values from %lld to %d, found %lld", name,
                            (long long)least, SIZE_LIMIT, (long long)found[i]);
        }
        values[i] = (int32_t)found[i];
    }
    return snn_ok();
}

static snn_status read_kernel(const snn_node *node, const int64_t *kernel, snn_window *window)
{
    SNN_TRY(read_pair(node, "kernel_shape", 1, 2, window->kernel));
    for (int axis = 0; axis < 2; axis++) {
        if (kernel == NULL && window->kernel[axis] == 0) {
            return snn_fail(SNN_INPUT_ERROR, "attribute 'kernel_shape' is missing");
        }
        if (kernel == NULL) {
            continue;
        }
        if (kernel[axis] < 1 || kernel[axis] > SIZE_LIMIT) {
            return snn_fail(SNN_INPUT_ERROR, "a kernel of size %lld", (long long)kernel[axis]);
        }
        if (window->kernel[axis] != 0 && window->kernel[axis] != kernel[axis]) {
            return snn_fail(SNN_INPUT_ERROR, "kernel_shape says %dx%d, the weights are %lldx%lld", window->kernel[0],
                            window->kernel[1], (long long)kernel[0], (long long)kernel[1]);
        }
    }
    for (int axis = 0; kernel != NULL && axis < 2; axis++) {
        window->kernel[axis] = (int32_t)kernel[axis];
    }
    return snn_ok();
}

/* auto_pad SAME: as many outputs as strides fit into the input; an odd remainder goes to one side. */
static void pad_same(snn_window *window, const int64_t size[2], bool upper)
{
    for (int axis = 0; axis < 2; axis++) {
        const int64_t stride = window->stride[axis];
        const int64_t outputs = (size[axis] + stride - 1) / stride;
        const int64_t needed = (outputs - 1) * stride + snn_window_extent(window, axis) - size[axis];
        const int32_t total = (int32_t)(needed > 0 ? needed : 0);
        window->pad_begin[axis] = upper ? total / 2 : total - total / 2;
        window->pad_end[axis] = total - window->pad_begin[axis];
    }
}

static snn_status read_pads(const snn_node *node, const int64_t size[2], snn_window *window)
{
    const char *automatic = snn_node_text(node, "auto_pad", "NOTSET");
    if (strcmp(automatic, "SAME_UPPER") == 0 || strcmp(automatic, "SAME_LOWER") == 0) {
        pad_same(window, size, strcmp(automatic, "SAME_UPPER") == 0);
        return snn_ok();
    }
    if (strcmp(automatic, "VALID") == 0) {
        return snn_ok();
    }
    if (strcmp(automatic, "NOTSET") != 0) {
        return snn_fail(SNN_INPUT_ERROR,
                        "attribute 'auto_pad': expects NOTSET, SAME_UPPER, SAME_LOWER or VALID, "
                        "found %s",
                        automatic);
    }
    int32_t pads[4] = {0};
    SNN_TRY(read_pair(node, "pads", 0, 4, pads));
    for (int axis = 0; axis < 2; axis++) {
        window->pad_begin[axis] = pads[axis];
        window->pad_end[axis] = pads[axis + 2];
    }
    return snn_ok();
}

/* ceil_mode: one more window where the last stride leaves a remainder, unless it would lie in the padding alone. */
static void extend_end(snn_window *window, int axis, int64_t size)
{
    const int64_t room = size + window->pad_begin[axis] + window->pad_end[axis] - snn_window_extent(window, axis);
    const int64_t stride = window->stride[axis];
    const int64_t last = (room / stride + 1) * stride; /* where the additional window starts */
    if (room % stride != 0 && last < size + window->pad_begin[axis]) {
        window->pad_end[axis] += (int32_t)(last - room);
    }
}

snn_status snn_window_read_declared(const snn_node *node, const int64_t size[2], const int64_t *kernel,
                                    snn_window *window)
{
    *window = (snn_window){.stride = {1, 1}, .dilation = {1, 1}};
    SNN_TRY(read_kernel(node, kernel, window));
    SNN_TRY(read_pair(node, "strides", 1, 2, window->stride));
    SNN_TRY(read_pair(node, "dilations", 1, 2, window->dilation));
    for (int axis = 0; axis < 2; axis++) {
        if (size[axis] < 1 || size[axis] > SIZE_LIMIT || snn_window_extent(window, axis) > SIZE_LIMIT) {
            return snn_fail(SNN_INPUT_ERROR, "an input of %lldx%lld with a kernel of %dx%d is not supported",
                            (long long)size[0], (long long)size[1], window->kernel[0], window->kernel[1]);
        }
    }
    SNN_TRY(read_pads(node, size, window));
    for (int axis = 0; axis < 2; axis++) {
        const int64_t padded = size[axis] + window->pad_begin[axis] + window->pad_end[axis];
        if (snn_window_extent(window, axis) > padded) {
            return snn_fail(SNN_INPUT_ERROR, "the kernel's %s of %lld is larger than the padded input's %lld",
                            axis == 0 ? "height" : "width", (long long)snn_window_extent(window, axis),
                            (long long)padded);
        }
    }
    return snn_ok();
}

snn_status snn_window_read(const snn_node *node, const int64_t size[2], const int64_t *kernel, snn_window *window)
{
    SNN_TRY(snn_window_read_declared(node, size, kernel, window));
    for (int axis = 0; axis < 2 && snn_node_integer(node, "ceil_mode", 0) != 0; axis++) {
        extend_end(window, axis, size[axis]);
    }
    return snn_ok();
}
