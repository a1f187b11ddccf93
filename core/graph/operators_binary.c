/* Arithmetic of two or more tensors with broadcasting. */
#include <math.h>
#include <string.h>

#include "core/base/elementary.h"
#include "core/graph/operators_internal.h"

typedef float (*real_function)(float left, float right);
typedef int64_t (*integer_function)(int64_t left, int64_t right);

/* A row of a walk: each array with its step. `y` may be `left`. */
typedef struct row {
    int64_t length;
    float *y;
    const float *left, *right;
    int64_t left_step, right_step;
} row;

typedef struct arithmetic {
    const char *name;
    real_function real;
    void (*real_row)(const row *elements); /* a loop of its own for what is frequent; NULL: calls `real` */
    integer_function integer;              /* NULL: float32 only */
    bool divides;                          /* integer right operands must not be 0 */
} arithmetic;

static inline __attribute__((always_inline)) void for_each(real_function real, const row *elements)
{
    const row e = *elements;
    if (e.left_step == 1 && e.right_step == 1) {
        for (int64_t i = 0; i < e.length; i++) {
            e.y[i] = real(e.left[i], e.right[i]);
        }
    } else {
        for (int64_t i = 0; i < e.length; i++) {
            e.y[i] = real(e.left[i * e.left_step], e.right[i * e.right_step]);
        }
    }
}

static float add(float left, float right)
{
    return left + right;
}

static void add_row(const row *elements)
{
    for_each(add, elements);
}

static int64_t add_integer(int64_t left, int64_t right)
{
    return (int64_t)((uint64_t)left + (uint64_t)right); /* wraps, as in other runtimes */
}

static float subtract(float left, float right)
{
    return left - right;
}

static int64_t subtract_integer(int64_t left, int64_t right)
{
    return (int64_t)((uint64_t)left - (uint64_t)right);
}

static float multiply(float left, float right)
{
    return left * right;
}

static void multiply_row(const row *elements)
{
    for_each(multiply, elements);
}

static int64_t multiply_integer(int64_t left, int64_t right)
{
    return (int64_t)((uint64_t)left * (uint64_t)right);
}

static float divide(float left, float right)
{
    return left / right;
}

static int64_t divide_integer(int64_t left, int64_t right)
{
    return right == -1 ? subtract_integer(0, left) : left / right; /* INT64_MIN / -1 would trap */
}

/* The remainder has the sign of the divisor ... */
static float modulo(float left, float right)
{
    const float rest = fmodf(left, right);
    return rest != 0.0F && (rest < 0.0F) != (right < 0.0F) ? rest + right : rest;
}

static int64_t modulo_integer(int64_t left, int64_t right)
{
    const int64_t rest = right == -1 ? 0 : left % right;
    return rest != 0 && (rest < 0) != (right < 0) ? rest + right : rest;
}

/* ... or, with the attribute fmod, of what is divided. */
static float remainder_of(float left, float right)
{
    return fmodf(left, right);
}

static int64_t remainder_integer(int64_t left, int64_t right)
{
    return right == -1 ? 0 : left % right;
}

static float power(float left, float right)
{
    return right == 2.0F ? left * left : (float)snn_elementary_power((double)left, (double)right);
}

static int64_t power_integer(int64_t left, int64_t right)
{
    if (right < 0) {
        return left == 1 ? 1 : left == -1 ? (right % 2 != 0 ? -1 : 1) : 0;
    }
    int64_t result = 1;
    for (int64_t factor = left; right > 0; right /= 2) {
        result = right % 2 != 0 ? multiply_integer(result, factor) : result;
        factor = multiply_integer(factor, factor);
    }
    return result;
}

static float least(float left, float right)
{
    return right < left || isnan(right) ? right : left;
}

static int64_t least_integer(int64_t left, int64_t right)
{
    return right < left ? right : left;
}

static float most(float left, float right)
{
    return right > left || isnan(right) ? right : left;
}

static int64_t most_integer(int64_t left, int64_t right)
{
    return right > left ? right : left;
}

static float prelu(float x, float slope)
{
    return x < 0.0F ? slope * x : x;
}

static const arithmetic operations[] = {
    {"Add", add, add_row, add_integer, false},
    {"Sub", subtract, NULL, subtract_integer, false},
    {"Mul", multiply, multiply_row, multiply_integer, false},
    {"Div", divide, NULL, divide_integer, true},
    {"Pow", power, NULL, power_integer, false},
    {"Mod", modulo, NULL, modulo_integer, true},
    {"Mod", remainder_of, NULL, remainder_integer, true},
    {"Sum", add, add_row, NULL, false},
    {"Min", least, NULL, least_integer, false},
    {"Max", most, NULL, most_integer, false},
    {"PRelu", prelu, NULL, NULL, false},
};

static const arithmetic *find_operation(const snn_node *node)
{
    const arithmetic *entry = operations;
    while (strcmp(entry->name, node->operator) != 0) {
        entry++; /* only operators of this family come here */
    }
    return strcmp(entry->name, "Mod") == 0 && snn_node_integer(node, "fmod", 0) != 0 ? entry + 1 : entry;
}

static snn_status binary_infer(const snn_operator_call *call)
{
    const arithmetic *entry = find_operation(call->node);
    const snn_type type = call->inputs[0]->type;
    SNN_TRY(snn_operator_attributes(call->node, strcmp(entry->name, "Mod") == 0 ? "fmod=int" : ""));
    SNN_TRY(snn_operator_expect_all(call));
    if (type != SNN_TYPE_INT64 || entry->integer == NULL) {
        SNN_TRY(snn_operator_expect_type(call->inputs[0], "the left input", SNN_TYPE_FLOAT32));
    }
    for (int32_t i = 1; i < call->node->input_count; i++) {
        const bool exponent = entry->real == power && call->inputs[i]->type != SNN_TYPE_BOOL;
        if (!exponent) {
            SNN_TRY(snn_operator_expect_type(call->inputs[i], "the right input", type));
        }
    }
    return snn_operator_broadcast(call->inputs, call->node->input_count, type, &call->outputs[0]);
}

/* The slope broadcasts to the input, never the other way round. */
static snn_status prelu_infer(const snn_operator_call *call)
{
    SNN_TRY(binary_infer(call));
    const snn_tensor *input = call->inputs[0];
    if (call->outputs[0].rank != input->rank ||
        memcmp(call->outputs[0].dims, input->dims, (size_t)input->rank * sizeof input->dims[0]) != 0) {
        char text[2][128];
        return snn_fail(SNN_INPUT_ERROR, "the slope: %s does not broadcast to %s",
                        snn_tensor_describe(call->inputs[1], text[0], sizeof text[0]),
                        snn_tensor_describe(input, text[1], sizeof text[1]));
    }
    return snn_ok();
}

static void apply_real(const arithmetic *entry, const snn_tensor *output, const snn_tensor *left,
                       const snn_tensor *right)
{
    snn_walk walk;
    const snn_tensor *const inputs[2] = {left, right};
    for (snn_walk_broadcast(&walk, output, inputs, 2); walk.more; snn_walk_next(&walk)) {
        const row elements = {walk.length,
                              (float *)output->data + walk.offset[0],
                              (const float *)left->data + walk.offset[1],
                              (const float *)right->data + walk.offset[2],
                              walk.step[1],
                              walk.step[2]};
        if (entry->real_row != NULL) {
            entry->real_row(&elements);
        } else {
            for_each(entry->real, &elements);
        }
    }
}

static snn_status apply_integer(const arithmetic *entry, const snn_tensor *output, const snn_tensor *left,
                                const snn_tensor *right)
{
    const int64_t *a = left->data;
    const int64_t *b = right->data;
    int64_t *y = output->data;
    snn_walk walk;
    const snn_tensor *const inputs[2] = {left, right};
    for (snn_walk_broadcast(&walk, output, inputs, 2); walk.more; snn_walk_next(&walk)) {
        for (int64_t i = 0; i < walk.length; i++) {
            const int64_t operand = b[walk.offset[2] + i * walk.step[2]];
            if (entry->divides && operand == 0) {
                return snn_fail(SNN_INPUT_ERROR, "integer division by zero");
            }
            y[walk.offset[0] + i * walk.step[0]] = entry->integer(a[walk.offset[1] + i * walk.step[1]], operand);
        }
    }
    return snn_ok();
}

/* A float32 base with integer exponents. */
static snn_status apply_integer_exponents(const arithmetic *entry, const snn_tensor *output, const snn_tensor *left,
                                          const snn_tensor *right)
{
    snn_tensor exponents = {.data = NULL};
    snn_operator_copy_shape(&exponents, right);
    exponents.type = SNN_TYPE_FLOAT32;
    SNN_TRY(snn_tensor_allocate(&exponents));
    for (int64_t i = 0; i < snn_tensor_elements(right); i++) {
        ((float *)exponents.data)[i] = (float)((const int64_t *)right->data)[i];
    }
    apply_real(entry, output, left, &exponents);
    snn_tensor_clear(&exponents);
    return snn_ok();
}

/* Integers with float32 exponents: what the power has behind its point is cut off. */
static void apply_real_exponents(const snn_tensor *output, const snn_tensor *left, const snn_tensor *right)
{
    snn_walk walk;
    const snn_tensor *const inputs[2] = {left, right};
    for (snn_walk_broadcast(&walk, output, inputs, 2); walk.more; snn_walk_next(&walk)) {
        for (int64_t i = 0; i < walk.length; i++) {
            const double base = (double)((const int64_t *)left->data)[walk.offset[1] + i * walk.step[1]];
            const double exponent = ((const float *)right->data)[walk.offset[2] + i * walk.step[2]];
            const double result = snn_elementary_power(base, exponent);
            ((int64_t *)output->data)[walk.offset[0] + i * walk.step[0]] = fabs(result) < 0x1p63 ? (int64_t)result
                                                                           : isnan(result)       ? 0
                                                                           : result > 0          ? INT64_MAX
                                                                                                 : INT64_MIN;
        }
    }
}

static snn_status binary_evaluate(const snn_operator_call *call)
{
    const arithmetic *entry = find_operation(call->node);
    const snn_tensor *output = &call->outputs[0];
    const snn_tensor *left = call->inputs[0];
    if (call->node->input_count == 1) {
        memcpy(output->data, left->data, (size_t)snn_tensor_elements(left) * snn_type_bytes(left->type));
    }
    for (int32_t i = 1; i < call->node->input_count; i++) {
        const snn_tensor *right = call->inputs[i];
        if (left->type == SNN_TYPE_INT64 && right->type == SNN_TYPE_FLOAT32) {
            apply_real_exponents(output, left, right);
        } else if (left->type == SNN_TYPE_INT64) {
            SNN_TRY(apply_integer(entry, output, left, right));
        } else if (right->type == SNN_TYPE_INT64) {
            SNN_TRY(apply_integer_exponents(entry, output, left, right));
        } else {
            apply_real(entry, output, left, right);
        }
        left = output; /* further inputs of Sum, Min and Max join the result so far */
    }
    return snn_ok();
}

const snn_graph_operator snn_operators_binary[] = {
    {"Add", 2, 2, 1, binary_infer, binary_evaluate},
    {"Sub", 2, 2, 1, binary_infer, binary_evaluate},
    {"Mul", 2, 2, 1, binary_infer, binary_evaluate},
    {"Div", 2, 2, 1, binary_infer, binary_evaluate},
    {"Pow", 2, 2, 1, binary_infer, binary_evaluate},
    {"Sum", 1, -1, 1, binary_infer, binary_evaluate},
    {"Min", 1, -1, 1, binary_infer, binary_evaluate},
    {"Max", 1, -1, 1, binary_infer, binary_evaluate},
    {"PRelu", 2, 2, 1, prelu_infer, binary_evaluate},
    {"Mod", 2, 2, 1, binary_infer, binary_evaluate},
    {0},
};
