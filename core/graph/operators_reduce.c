/* Reductions over sets of axes: ReduceMean, ReduceSum, ReduceMax, ... */
#include <math.h>
#include <string.h>

#include "core/graph/operators_internal.h"

/* Float32 elements are accumulated in double, in row-major order. */
typedef struct reduction {
    const char *name;
    int64_t axes_input_since; /* opset from which the axes are an input */
    double real_start;
    double (*real)(double total, double value);
    double (*real_end)(double total, double count); /* NULL: the total itself */
    int64_t integer_start;
    int64_t (*integer)(int64_t total, int64_t value); /* NULL: float32 only */
} reduction;

static double add(double total, double value)
{
    return total + value;
}

static double multiply(double total, double value)
{
    return total * value;
}

static double most(double total, double value)
{
    return value > total || isnan(value) ? value : total;
}

static double least(double total, double value)
{
    return value < total || isnan(value) ? value : total;
}

static double divide(double total, double count)
{
    return total / count;
}

static int64_t add_integer(int64_t total, int64_t value)
{
    return (int64_t)((uint64_t)total + (uint64_t)value); /* wraps, as in other runtimes */
}

static int64_t multiply_integer(int64_t total, int64_t value)
{
    return (int64_t)((uint64_t)total * (uint64_t)value);
}

static int64_t most_integer(int64_t total, int64_t value)
{
    return value > total ? value : total;
}

static int64_t least_integer(int64_t total, int64_t value)
{
    return value < total ? value : total;
}

static const reduction reductions[] = {
    {"ReduceSum", 13, 0.0, add, NULL, 0, add_integer},
    {"ReduceMean", 18, 0.0, add, divide, 0, NULL},
    {"ReduceMax", 18, -INFINITY, most, NULL, INT64_MIN, most_integer},
    {"ReduceMin", 18, INFINITY, least, NULL, INT64_MAX, least_integer},
    {"ReduceProd", 18, 1.0, multiply, NULL, 1, multiply_integer},
};

static const reduction *find_reduction(const snn_node *node)
{
    const reduction *entry = reductions;
    while (strcmp(entry->name, node->operator) != 0) {
        entry++; /* only operators of this family come here */
    }
    return entry;
}

static snn_status read_axes(const snn_operator_call *call, bool reduced[SNN_MAX_RANK])
{
    const int32_t rank = call->inputs[0]->rank;
    snn_integers axes;
    SNN_TRY(snn_operator_integers(call, "axes", 1, find_reduction(call->node)->axes_input_since, &axes));
    SNN_TRY(snn_operator_axis_set(&axes, rank, reduced));
    const bool all = axes.count == 0 && snn_node_integer(call->node, "noop_with_empty_axes", 0) == 0;
    for (int32_t axis = 0; all && axis < rank; axis++) {
        reduced[axis] = true;
    }
    return snn_ok();
}

static snn_status reduce_infer(const snn_operator_call *call)
{
    const snn_tensor *input = call->inputs[0];
    bool reduced[SNN_MAX_RANK];
    SNN_TRY(snn_operator_attributes(call->node, "axes=ints keepdims=int noop_with_empty_axes=int"));
    if (input->type != SNN_TYPE_INT64 || find_reduction(call->node)->integer == NULL) {
        SNN_TRY(snn_operator_expect_type(input, "the input", SNN_TYPE_FLOAT32));
    }
    SNN_TRY(read_axes(call, reduced));
    const bool keep = snn_node_integer(call->node, "keepdims", 1) != 0;
    int64_t dims[SNN_MAX_RANK];
    int32_t rank = 0;
    for (int32_t axis = 0; axis < input->rank; axis++) {
        if (!reduced[axis] || keep) {
            dims[rank++] = reduced[axis] ? 1 : input->dims[axis];
        }
    }
    return snn_operator_set_shape(&call->outputs[0], input->type, rank, dims);
}

static float reduce_real(const reduction *entry, const float *input, snn_walk walk)
{
    double total = entry->real_start;
    double count = 0.0;
    for (; walk.more; snn_walk_next(&walk)) {
        for (int64_t i = 0; i < walk.length; i++) {
            total = entry->real(total, (double)input[walk.offset[0] + i * walk.step[0]]);
        }
        count += (double)walk.length;
    }
    return (float)(entry->real_end != NULL ? entry->real_end(total, count) : total);
}

static int64_t reduce_integer(const reduction *entry, const int64_t *input, snn_walk walk)
{
    int64_t total = entry->integer_start;
    for (; walk.more; snn_walk_next(&walk)) {
        for (int64_t i = 0; i < walk.length; i++) {
            total = entry->integer(total, input[walk.offset[0] + i * walk.step[0]]);
        }
    }
    return total;
}

static snn_status reduce_evaluate(const snn_operator_call *call)
{
    const snn_tensor *input = call->inputs[0];
    const reduction *entry = find_reduction(call->node);
    bool reduced[SNN_MAX_RANK];
    SNN_TRY(read_axes(call, reduced));
    int64_t strides[1][SNN_MAX_RANK];
    int64_t kept_dims[SNN_MAX_RANK], reduced_dims[SNN_MAX_RANK];
    snn_operator_strides(input, strides[0]);
    for (int32_t axis = 0; axis < input->rank; axis++) {
        kept_dims[axis] = reduced[axis] ? 1 : input->dims[axis];
        reduced_dims[axis] = reduced[axis] ? input->dims[axis] : 1;
    }
    snn_walk kept, inner;
    snn_walk_begin(&inner, input->rank, reduced_dims, 1, strides);
    int64_t number = 0;
    for (snn_walk_begin(&kept, input->rank, kept_dims, 1, strides); kept.more; snn_walk_next(&kept)) {
        for (int64_t i = 0; i < kept.length; i++, number++) {
            const int64_t offset = kept.offset[0] + i * kept.step[0];
            if (input->type == SNN_TYPE_FLOAT32) {
                ((float *)call->outputs[0].data)[number] =
                    reduce_real(entry, (const float *)input->data + offset, inner);
            } else {
                ((int64_t *)call->outputs[0].data)[number] =
                    reduce_integer(entry, (const int64_t *)input->data + offset, inner);
            }
        }
    }
    return snn_ok();
}

const snn_graph_operator snn_operators_reduce[] = {
    {"ReduceSum", 1, 2, 1, reduce_infer, reduce_evaluate},
    {"ReduceMean", 1, 2, 1, reduce_infer, reduce_evaluate},
    {"ReduceMax", 1, 2, 1, reduce_infer, reduce_evaluate},
    {"ReduceMin", 1, 2, 1, reduce_infer, reduce_evaluate},
    {"ReduceProd", 1, 2, 1, reduce_infer, reduce_evaluate},
    {"ReduceSumSquare", 1, 2, 1, reduce_infer, reduce_evaluate},
    {0},
};
