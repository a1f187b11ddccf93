/* Comparisons, operations on truth values, and selection by them. */
#include <math.h>
#include <string.h>

#include "core/graph/operators_internal.h"

/* How two elements stand; a comparison names those for which it is true. Not-a-number stands in none. */
enum { IS_LESS = 1, IS_EQUAL = 2, IS_GREATER = 4 };

typedef struct comparison {
    const char *name;
    int holds; /* a sum of the above */
} comparison;

static const comparison comparisons[] = {
    {"Equal", IS_EQUAL},
    {"Less", IS_LESS},
    {"Greater", IS_GREATER},
    {"LessOrEqual", IS_LESS | IS_EQUAL},
    {"GreaterOrEqual", IS_GREATER | IS_EQUAL},
};

static snn_status compare_infer(const snn_operator_call *call)
{
    SNN_TRY(snn_operator_attributes(call->node, ""));
    SNN_TRY(snn_operator_expect_type(call->inputs[1], "the right input", call->inputs[0]->type));
    return snn_operator_broadcast(call->inputs, 2, SNN_TYPE_BOOL, &call->outputs[0]);
}

static int relation(snn_type type, const void *left, int64_t i, const void *right, int64_t j)
{
    if (type == SNN_TYPE_FLOAT32) {
        const float a = ((const float *)left)[i], b = ((const float *)right)[j];
        return a < b ? IS_LESS : a > b ? IS_GREATER : a == b ? IS_EQUAL : 0;
    }
    if (type == SNN_TYPE_INT64) {
        const int64_t a = ((const int64_t *)left)[i], b = ((const int64_t *)right)[j];
        return a < b ? IS_LESS : a > b ? IS_GREATER : IS_EQUAL;
    }
    const unsigned char a = ((const unsigned char *)left)[i], b = ((const unsigned char *)right)[j];
    return a < b ? IS_LESS : a > b ? IS_GREATER : IS_EQUAL;
}

static snn_status compare_evaluate(const snn_operator_call *call)
{
    const comparison *entry = comparisons;
    while (strcmp(entry->name, call->node->operator) != 0) {
        entry++; /* only operators of this family come here */
    }
    const snn_tensor *left = call->inputs[0];
    const snn_tensor *right = call->inputs[1];
    unsigned char *y = call->outputs[0].data;
    snn_walk walk;
    for (snn_walk_broadcast(&walk, &call->outputs[0], call->inputs, 2); walk.more; snn_walk_next(&walk)) {
        for (int64_t i = 0; i < walk.length; i++) {
            const int found = relation(left->type, left->data, walk.offset[1] + i * walk.step[1], right->data,
                                       walk.offset[2] + i * walk.step[2]);
            y[walk.offset[0] + i * walk.step[0]] = (found & entry->holds) != 0;
        }
    }
    return snn_ok();
}

static snn_status logic_infer(const snn_operator_call *call)
{
    SNN_TRY(snn_operator_attributes(call->node, ""));
    SNN_TRY(snn_operator_expect_all(call));
    for (int32_t i = 0; i < call->node->input_count; i++) {
        SNN_TRY(snn_operator_expect_type(call->inputs[i], "an input", SNN_TYPE_BOOL));
    }
    return snn_operator_broadcast(call->inputs, call->node->input_count, SNN_TYPE_BOOL, &call->outputs[0]);
}

static snn_status not_evaluate(const snn_operator_call *call)
{
    const unsigned char *x = call->inputs[0]->data;
    unsigned char *y = call->outputs[0].data;
    const int64_t elements = snn_tensor_elements(call->inputs[0]);
    for (int64_t i = 0; i < elements; i++) {
        y[i] = x[i] == 0;
    }
    return snn_ok();
}

static snn_status and_or_evaluate(const snn_operator_call *call)
{
    const bool both = strcmp(call->node->operator, "And") == 0;
    const unsigned char *a = call->inputs[0]->data;
    const unsigned char *b = call->inputs[1]->data;
    unsigned char *y = call->outputs[0].data;
    snn_walk walk;
    for (snn_walk_broadcast(&walk, &call->outputs[0], call->inputs, 2); walk.more; snn_walk_next(&walk)) {
        for (int64_t i = 0; i < walk.length; i++) {
            const bool left = a[walk.offset[1] + i * walk.step[1]] != 0;
            const bool right = b[walk.offset[2] + i * walk.step[2]] != 0;
            y[walk.offset[0] + i * walk.step[0]] = both ? left && right : left || right;
        }
    }
    return snn_ok();
}

/* ---- IsNaN, IsInf ---- */

static snn_status is_special_infer(const snn_operator_call *call)
{
    SNN_TRY(snn_operator_attributes(call->node, "detect_negative=int detect_positive=int"));
    SNN_TRY(snn_operator_expect_type(call->inputs[0], "the input", SNN_TYPE_FLOAT32));
    snn_operator_copy_shape(&call->outputs[0], call->inputs[0]);
    call->outputs[0].type = SNN_TYPE_BOOL;
    return snn_ok();
}

static snn_status is_special_evaluate(const snn_operator_call *call)
{
    const bool nan_wanted = strcmp(call->node->operator, "IsNaN") == 0;
    const bool negative = snn_node_integer(call->node, "detect_negative", 1) != 0;
    const bool positive = snn_node_integer(call->node, "detect_positive", 1) != 0;
    const float *x = call->inputs[0]->data;
    unsigned char *y = call->outputs[0].data;
    const int64_t elements = snn_tensor_elements(call->inputs[0]);
    for (int64_t i = 0; i < elements; i++) {
        const bool infinite = isinf(x[i]) && (x[i] < 0.0F ? negative : positive);
        const bool found = nan_wanted ? isnan(x[i]) : infinite;
        y[i] = found;
    }
    return snn_ok();
}

/* ---- Where: condition, value if true, value if false ---- */

static snn_status where_infer(const snn_operator_call *call)
{
    SNN_TRY(snn_operator_attributes(call->node, ""));
    SNN_TRY(snn_operator_expect_type(call->inputs[0], "the condition", SNN_TYPE_BOOL));
    SNN_TRY(snn_operator_expect_type(call->inputs[2], "the second value", call->inputs[1]->type));
    return snn_operator_broadcast(call->inputs, 3, call->inputs[1]->type, &call->outputs[0]);
}

static snn_status where_evaluate(const snn_operator_call *call)
{
    const unsigned char *condition = call->inputs[0]->data;
    const unsigned char *values[2] = {call->inputs[2]->data, call->inputs[1]->data};
    const size_t bytes = snn_type_bytes(call->inputs[1]->type);
    unsigned char *y = call->outputs[0].data;
    snn_walk walk;
    for (snn_walk_broadcast(&walk, &call->outputs[0], call->inputs, 3); walk.more; snn_walk_next(&walk)) {
        for (int64_t i = 0; i < walk.length; i++) {
            const int chosen = condition[walk.offset[1] + i * walk.step[1]] != 0;
            const int operand = chosen ? 2 : 3;
            const int64_t from = walk.offset[operand] + i * walk.step[operand];
            memcpy(y + (size_t)(walk.offset[0] + i * walk.step[0]) * bytes, values[chosen] + (size_t)from * bytes,
                   bytes);
        }
    }
    return snn_ok();
}

const snn_graph_operator snn_operators_logic[] = {
    {"Equal", 2, 2, 1, compare_infer, compare_evaluate},
    {"Less", 2, 2, 1, compare_infer, compare_evaluate},
    {"Greater", 2, 2, 1, compare_infer, compare_evaluate},
    {"LessOrEqual", 2, 2, 1, compare_infer, compare_evaluate},
    {"GreaterOrEqual", 2, 2, 1, compare_infer, compare_evaluate},
    {"Not", 1, 1, 1, logic_infer, not_evaluate},
    {"And", 2, 2, 1, logic_infer, and_or_evaluate},
    {"Or", 2, 2, 1, logic_infer, and_or_evaluate},
    {"IsNaN", 1, 1, 1, is_special_infer, is_special_evaluate},
    {"IsInf", 1, 1, 1, is_special_infer, is_special_evaluate},
    {"Where", 3, 3, 1, where_infer, where_evaluate},
    {0},
};
