/* Normalisation as exporters write it: a value, or its distance from its mean, over the root of its mean square. */
#include "core/convert/patterns_internal.h"

/* ReduceMean of `*of` over one axis, which stays with size 1. */
static const snn_node *mean_over_axis(const snn_search *search, int32_t mean, int32_t *of, int32_t *axis)
{
    const snn_node *node = snn_search_producer(search, mean, "ReduceMean");
    if (node == NULL || snn_node_integer(node, "keepdims", 1) == 0) {
        return NULL;
    }
    int64_t found = 0;
    size_t count = snn_node_integers(node, "axes", &found, 1);
    if (count == 0 && node->input_count > 1 && node->inputs[1] != SNN_NO_VALUE) {
        const snn_value *axes = &search->graph->values[node->inputs[1]];
        count = axes->constant ? (size_t)snn_tensor_elements(&axes->tensor) : 0;
        found = count == 1 ? *(const int64_t *)axes->tensor.data : 0;
    }
    if (count != 1) {
        return NULL;
    }
    *of = node->inputs[0];
    *axis = (int32_t)(found < 0 ? found + search->graph->values[*of].tensor.rank : found);
    return node;
}

/* x - mean(x) */
static bool is_centred(snn_search *search, int32_t value, int32_t *x, int32_t *axis)
{
    const snn_node *node = snn_search_producer(search, value, "Sub");
    const snn_node *mean = node == NULL ? NULL : mean_over_axis(search, node->inputs[1], x, axis);
    if (mean == NULL || *x != node->inputs[0]) {
        return false;
    }
    snn_search_absorb(search, node);
    snn_search_absorb(search, mean);
    return true;
}

/* The square of a value, as Pow(., 2) or as a product with itself. */
static bool is_square(snn_search *search, int32_t value, int32_t *of)
{
    float exponent = 0.0f;
    const snn_node *power = snn_search_producer(search, value, "Pow");
    const snn_node *product = snn_search_producer(search, value, "Mul");
    if (power != NULL && snn_search_exponent(search, power, &exponent) && exponent == 2.0f) {
        snn_search_absorb(search, power);
        *of = power->inputs[0];
        return true;
    }
    if (product != NULL && product->inputs[0] == product->inputs[1]) {
        snn_search_absorb(search, product);
        *of = product->inputs[0];
        return true;
    }
    return false;
}

/* Whether `value` is `of` to that power; 0.5 may be written as Sqrt. */
static bool is_power(snn_search *search, int32_t value, float exponent, int32_t *of)
{
    float found = 0.0f;
    const snn_node *power = snn_search_producer(search, value, "Pow");
    const snn_node *root = exponent == 0.5f ? snn_search_producer(search, value, "Sqrt") : NULL;
    if (power != NULL && (!snn_search_exponent(search, power, &found) || found != exponent)) {
        return false;
    }
    const snn_node *node = power != NULL ? power : root;
    if (node == NULL) {
        return false;
    }
    snn_search_absorb(search, node);
    *of = node->inputs[0];
    return true;
}

/* Whether `value` is 1 / Sqrt(of), in one of three ways. */
static bool is_inverse_root(snn_search *search, int32_t value, int32_t *of)
{
    float one = 0.0f;
    const snn_node *quotient = snn_search_producer(search, value, "Div");
    const snn_node *inverse = snn_search_producer(search, value, "Reciprocal");
    if (quotient != NULL && snn_search_constant(search, quotient->inputs[0], &one) && one == 1.0f) {
        snn_search_absorb(search, quotient);
        return is_power(search, quotient->inputs[1], 0.5f, of);
    }
    if (inverse != NULL) {
        snn_search_absorb(search, inverse);
        return is_power(search, inverse->inputs[0], 0.5f, of);
    }
    return is_power(search, value, -0.5f, of);
}

/* The root node as numerator / Sqrt(of). */
static bool is_over_root(snn_search *search, const snn_node *root, int32_t *numerator, int32_t *of)
{
    if (root->operator[0] == 'D') {
        *numerator = root->inputs[0];
        return is_power(search, root->inputs[1], 0.5f, of);
    }
    for (int32_t i = 0; i < 2; i++) {
        search->absorbed_count = 0;
        *numerator = root->inputs[1 - i];
        if (is_inverse_root(search, root->inputs[i], of)) {
            return true;
        }
    }
    return false;
}

bool snn_match_normalization(snn_search *search, const snn_node *root, snn_pattern_match *match)
{
    int32_t numerator = SNN_NO_VALUE, of = SNN_NO_VALUE, variance = SNN_NO_VALUE, square = SNN_NO_VALUE;
    int32_t distance = SNN_NO_VALUE, x = SNN_NO_VALUE, x_again = SNN_NO_VALUE, axis = 0, axis_of_x = 0, axis_again = 0;
    float epsilon = 0.0f;
    if (!is_over_root(search, root, &numerator, &of) || !snn_search_sum(search, of, &variance, &epsilon)) {
        return false;
    }
    const snn_node *mean = mean_over_axis(search, variance, &square, &axis);
    if (mean == NULL || !is_square(search, square, &distance)) {
        return false;
    }
    snn_search_absorb(search, mean);
    snn_search_absorb(search, root);
    int32_t kept = search->absorbed_count;
    /* The distance from the mean may be computed a second time from the same x. */
    bool centred = is_centred(search, numerator, &x, &axis_of_x) && axis_of_x == axis &&
                   is_centred(search, distance, &x_again, &axis_again) && x_again == x && axis_again == axis;
    if (!centred) {
        search->absorbed_count = kept;
        x = numerator;
    }
    *match = (snn_pattern_match){.operator= centred ? "LayerNormalization" : "RMSNormalization",
                                 .inputs = {x},
                                 .input_count = 1,
                                 .parameter = epsilon,
                                 .groups = axis};
    const int32_t rank = search->graph->values[x].tensor.rank;
    const bool over_channels = axis == rank - 1 || (axis == 1 && rank <= 4); /* otherwise its parts are converted */
    return over_channels && (centred || distance == numerator);
}
