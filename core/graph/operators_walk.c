/* Walks over tensors that are broadcast, transposed or sliced. */
#include <string.h>

#include "core/graph/operators_internal.h"

/* True if axis `inner` continues axis `outer` in every operand, so that both are one axis. */
static bool continues(const snn_walk *walk, const int64_t (*strides)[SNN_MAX_RANK], int32_t outer, int32_t inner,
                      int64_t inner_size)
{
    for (int32_t i = 0; i < walk->operands; i++) {
        if (walk->strides[i][outer] != strides[i][inner] * inner_size) {
            return false;
        }
    }
    return true;
}

void snn_walk_begin(snn_walk *walk, int32_t rank, const int64_t *dims, int32_t operands,
                    const int64_t (*strides)[SNN_MAX_RANK])
{
    memset(walk, 0, sizeof *walk);
    walk->operands = operands;
    walk->more = true;
    int32_t kept = 0;
    for (int32_t axis = 0; axis < rank; axis++) {
        walk->more = walk->more && dims[axis] != 0;
        if (dims[axis] == 1) {
            continue;
        }
        const bool joined = kept > 0 && continues(walk, strides, kept - 1, axis, dims[axis]);
        const int32_t into = joined ? kept - 1 : kept++;
        walk->dims[into] = joined ? walk->dims[into] * dims[axis] : dims[axis];
        for (int32_t i = 0; i < operands; i++) {
            walk->strides[i][into] = strides[i][axis];
        }
    }
    walk->rank = kept > 0 ? kept - 1 : 0;
    walk->length = kept > 0 ? walk->dims[kept - 1] : 1;
    for (int32_t i = 0; i < operands; i++) {
        walk->step[i] = kept > 0 ? walk->strides[i][kept - 1] : 0;
    }
}

void snn_walk_next(snn_walk *walk)
{
    for (int32_t axis = walk->rank - 1; axis >= 0; axis--) {
        const bool carry = ++walk->index[axis] == walk->dims[axis];
        const int64_t moves = carry ? 1 - walk->dims[axis] : 1;
        for (int32_t i = 0; i < walk->operands; i++) {
            walk->offset[i] += moves * walk->strides[i][axis];
        }
        if (!carry) {
            return;
        }
        walk->index[axis] = 0;
    }
    walk->more = false;
}

void snn_operator_strides(const snn_tensor *tensor, int64_t strides[SNN_MAX_RANK])
{
    int64_t stride = 1;
    for (int32_t axis = tensor->rank - 1; axis >= 0; axis--) {
        strides[axis] = stride;
        stride *= tensor->dims[axis];
    }
}

void snn_walk_broadcast(snn_walk *walk, const snn_tensor *output, const snn_tensor *const *inputs, int32_t count)
{
    int64_t strides[SNN_WALK_OPERANDS][SNN_MAX_RANK] = {{0}};
    snn_operator_strides(output, strides[0]);
    for (int32_t i = 0; i < count; i++) {
        int64_t own[SNN_MAX_RANK];
        snn_operator_strides(inputs[i], own);
        const int32_t missing = output->rank - inputs[i]->rank;
        for (int32_t axis = 0; axis < inputs[i]->rank; axis++) {
            strides[i + 1][missing + axis] = inputs[i]->dims[axis] == 1 ? 0 : own[axis];
        }
    }
    snn_walk_begin(walk, output->rank, output->dims, count + 1, strides);
}

static void copy_row(void *to, const void *from, int64_t step, int64_t length, size_t bytes)
{
    if (step == 1) {
        memcpy(to, from, (size_t)length * bytes);
    } else if (bytes == sizeof(float)) {
        for (int64_t i = 0; i < length; i++) {
            ((float *)to)[i] = ((const float *)from)[i * step];
        }
    } else if (bytes == sizeof(int64_t)) {
        for (int64_t i = 0; i < length; i++) {
            ((int64_t *)to)[i] = ((const int64_t *)from)[i * step];
        }
    } else {
        for (int64_t i = 0; i < length; i++) {
            ((unsigned char *)to)[i] = ((const unsigned char *)from)[i * step];
        }
    }
}

void snn_operator_copy_strided(const snn_tensor *output, const snn_tensor *input, int64_t offset,
                               const int64_t strides[SNN_MAX_RANK])
{
    const size_t bytes = snn_type_bytes(input->type);
    int64_t both[2][SNN_MAX_RANK];
    snn_operator_strides(output, both[0]);
    memcpy(both[1], strides, sizeof both[1]);
    snn_walk walk;
    for (snn_walk_begin(&walk, output->rank, output->dims, 2, both); walk.more; snn_walk_next(&walk)) {
        unsigned char *to = (unsigned char *)output->data + walk.offset[0] * (int64_t)bytes;
        const unsigned char *from = (const unsigned char *)input->data + (offset + walk.offset[1]) * (int64_t)bytes;
        copy_row(to, from, walk.step[1], walk.length, bytes);
    }
}
