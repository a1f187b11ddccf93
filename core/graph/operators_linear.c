/* Gemm and MatMul, and the family's table. */
#include <string.h>

#include "core/base/memory.h"
#include "core/graph/gemm.h"
#include "core/graph/operators_convolution.h"
#include "core/graph/operators_internal.h"

/* ---- Gemm: Y = alpha A' B' + beta C ---- */

typedef struct gemm_shape {
    int64_t m, n, k;
    bool transpose_a, transpose_b;
} gemm_shape;

static snn_status gemm_read(const snn_operator_call *call, gemm_shape *shape)
{
    const snn_tensor *a = call->inputs[0];
    const snn_tensor *b = call->inputs[1];
    SNN_TRY(snn_operator_expect_type(a, "the input", SNN_TYPE_FLOAT32));
    SNN_TRY(snn_operator_expect_type(b, "the weights", SNN_TYPE_FLOAT32));
    SNN_TRY(snn_operator_expect_rank(a, "the input", 2));
    SNN_TRY(snn_operator_expect_rank(b, "the weights", 2));
    shape->transpose_a = snn_node_integer(call->node, "transA", 0) != 0;
    shape->transpose_b = snn_node_integer(call->node, "transB", 0) != 0;
    shape->m = a->dims[shape->transpose_a ? 1 : 0];
    shape->k = a->dims[shape->transpose_a ? 0 : 1];
    shape->n = b->dims[shape->transpose_b ? 0 : 1];
    const int64_t expected = b->dims[shape->transpose_b ? 1 : 0];
    if (shape->k != expected) {
        return snn_fail(SNN_INPUT_ERROR, "expects %lld input features, found %lld", (long long)expected,
                        (long long)shape->k);
    }
    return snn_ok();
}

static snn_status gemm_infer(const snn_operator_call *call)
{
    gemm_shape shape;
    SNN_TRY(snn_operator_attributes(call->node, "alpha=float beta=float transA=int transB=int"));
    SNN_TRY(gemm_read(call, &shape));
    snn_tensor *output = &call->outputs[0];
    SNN_TRY(snn_operator_set_shape(output, SNN_TYPE_FLOAT32, 2, (const int64_t[]){shape.m, shape.n}));
    const snn_tensor *bias = snn_operator_input(call, 2);
    if (bias == NULL) {
        return snn_ok();
    }
    SNN_TRY(snn_operator_expect_type(bias, "the bias", SNN_TYPE_FLOAT32));
    snn_tensor both;
    SNN_TRY_CONTEXT(snn_operator_broadcast((const snn_tensor *const[]){output, bias}, 2, SNN_TYPE_FLOAT32, &both),
                    "the bias");
    if (both.rank != 2 || both.dims[0] != shape.m || both.dims[1] != shape.n) {
        char text[128];
        return snn_fail(SNN_INPUT_ERROR, "the bias: expects a shape that broadcasts to [%lld,%lld], found %s",
                        (long long)shape.m, (long long)shape.n, snn_tensor_describe(bias, text, sizeof text));
    }
    return snn_ok();
}

/* y = alpha * product + beta * bias, in place. */
static void gemm_finish(const snn_operator_call *call)
{
    const snn_tensor *output = &call->outputs[0];
    const snn_tensor *bias = snn_operator_input(call, 2);
    float *y = output->data;
    const float alpha = snn_node_real(call->node, "alpha", 1.0F);
    const float beta = snn_node_real(call->node, "beta", 1.0F);
    const int64_t elements = snn_tensor_elements(output);
    for (int64_t i = 0; alpha != 1.0F && i < elements; i++) {
        y[i] *= alpha;
    }
    if (bias == NULL) {
        return;
    }
    const float *c = bias->data;
    snn_walk walk;
    for (snn_walk_broadcast(&walk, output, &bias, 1); walk.more; snn_walk_next(&walk)) {
        for (int64_t i = 0; i < walk.length; i++) {
            y[walk.offset[0] + i * walk.step[0]] += beta * c[walk.offset[1] + i * walk.step[1]];
        }
    }
}

static snn_status gemm_evaluate(const snn_operator_call *call)
{
    gemm_shape shape;
    SNN_TRY(gemm_read(call, &shape));
    const snn_tensor *a = call->inputs[0];
    const float *b = call->inputs[1]->data;
    float *y = call->outputs[0].data;
    const int64_t m = shape.m, n = shape.n, k = shape.k;
    snn_tensor turned = {.type = SNN_TYPE_FLOAT32, .rank = 2, .dims = {m, k}}; /* A with its rows along k */
    if (shape.transpose_a) {
        SNN_TRY(snn_tensor_allocate(&turned));
        snn_operator_copy_strided(&turned, a, 0, (const int64_t[SNN_MAX_RANK]){1, m});
    }
    const float *rows = shape.transpose_a ? turned.data : a->data;
    memset(y, 0, (size_t)(m * n) * sizeof *y);
    if (shape.transpose_b) {
        snn_gemm_transposed(m, n, k, rows, k, b, k, y, n);
    } else {
        snn_gemm(m, n, k, rows, k, b, n, y, n);
    }
    gemm_finish(call);
    snn_tensor_clear(&turned);
    return snn_ok();
}

/* ---- MatMul: stacks of matrices, broadcast over the axes in front of the last two ---- */

/* Both operands as stacks of matrices: a vector becomes a matrix with one row (left) or one column (right). */
static void matrix_view(const snn_tensor *tensor, bool left, snn_tensor *view)
{
    *view = *tensor;
    if (tensor->rank == 1) {
        view->rank = 2;
        view->dims[0] = left ? 1 : tensor->dims[0];
        view->dims[1] = left ? tensor->dims[0] : 1;
    }
}

/* The stack's shape: the view without its last two axes. */
static snn_tensor stack_of(const snn_tensor *view)
{
    snn_tensor stack = *view;
    stack.rank -= 2;
    return stack;
}

static snn_status matmul_infer(const snn_operator_call *call)
{
    const snn_tensor *left = call->inputs[0];
    const snn_tensor *right = call->inputs[1];
    SNN_TRY(snn_operator_attributes(call->node, ""));
    SNN_TRY(snn_operator_expect_type(left, "the left matrix", SNN_TYPE_FLOAT32));
    SNN_TRY(snn_operator_expect_type(right, "the right matrix", SNN_TYPE_FLOAT32));
    if (left->rank < 1 || right->rank < 1) {
        return snn_fail(SNN_INPUT_ERROR, "expects matrices, found a scalar");
    }
    snn_tensor a, b, stack;
    matrix_view(left, true, &a);
    matrix_view(right, false, &b);
    if (a.dims[a.rank - 1] != b.dims[b.rank - 2]) {
        return snn_fail(SNN_INPUT_ERROR, "expects %lld input features, found %lld", (long long)b.dims[b.rank - 2],
                        (long long)a.dims[a.rank - 1]);
    }
    const snn_tensor stacks[2] = {stack_of(&a), stack_of(&b)};
    SNN_TRY(snn_operator_broadcast((const snn_tensor *const[]){&stacks[0], &stacks[1]}, 2, SNN_TYPE_FLOAT32, &stack));
    int64_t dims[SNN_MAX_RANK + 2];
    int32_t rank = stack.rank;
    memcpy(dims, stack.dims, (size_t)rank * sizeof dims[0]);
    if (left->rank > 1) {
        dims[rank++] = a.dims[a.rank - 2];
    }
    if (right->rank > 1) {
        dims[rank++] = b.dims[b.rank - 1];
    }
    return snn_operator_set_shape(&call->outputs[0], SNN_TYPE_FLOAT32, rank, dims);
}

static snn_status matmul_evaluate(const snn_operator_call *call)
{
    snn_tensor a, b, stack;
    matrix_view(call->inputs[0], true, &a);
    matrix_view(call->inputs[1], false, &b);
    const int64_t m = a.dims[a.rank - 2], k = a.dims[a.rank - 1], n = b.dims[b.rank - 1];
    const snn_tensor stacks[2] = {stack_of(&a), stack_of(&b)};
    const snn_tensor *const inputs[2] = {&stacks[0], &stacks[1]};
    SNN_TRY(snn_operator_broadcast(inputs, 2, SNN_TYPE_FLOAT32, &stack));
    float *y = call->outputs[0].data;
    memset(y, 0, (size_t)snn_tensor_elements(&call->outputs[0]) * sizeof *y);
    snn_walk walk;
    for (snn_walk_broadcast(&walk, &stack, inputs, 2); walk.more; snn_walk_next(&walk)) {
        for (int64_t i = 0; i < walk.length; i++) {
            const float *left = (const float *)a.data + (walk.offset[1] + i * walk.step[1]) * m * k;
            const float *right = (const float *)b.data + (walk.offset[2] + i * walk.step[2]) * k * n;
            snn_gemm(m, n, k, left, k, right, n, y + (walk.offset[0] + i * walk.step[0]) * m * n, n);
        }
    }
    return snn_ok();
}

const snn_graph_operator snn_operators_linear[] = {
    {"Conv", 2, 3, 1, snn_convolution_infer, snn_convolution_evaluate},
    {"Gemm", 2, 3, 1, gemm_infer, gemm_evaluate},
    {"MatMul", 2, 2, 1, matmul_infer, matmul_evaluate},
    {0},
};
