#include "core/convert/search.h"

#include <math.h>
#include <string.h>

static const float TOLERANCE = 1e-4f; /* relative, of constants that a pattern fixes */

const snn_node *snn_search_producer(const snn_search *search, int32_t value, const char *operator_name)
{
    int32_t producer = value == SNN_NO_VALUE ? -1 : search->graph->values[value].producer;
    const snn_node *node = producer < 0 ? NULL : &search->graph->nodes[producer];
    bool found = node != NULL && !node->folded && node->domain[0] == '\0' && strcmp(node->operator, operator_name) == 0;
    return found ? node : NULL;
}

bool snn_search_constant(const snn_search *search, int32_t value, float *constant)
{
    if (value == SNN_NO_VALUE || !search->graph->values[value].constant) {
        return false;
    }
    const snn_tensor *tensor = &search->graph->values[value].tensor;
    if (tensor->type != SNN_TYPE_FLOAT32 || snn_tensor_elements(tensor) != 1) {
        return false;
    }
    *constant = *(const float *)tensor->data;
    return true;
}

bool snn_search_exponent(const snn_search *search, const snn_node *node, float *exponent)
{
    const snn_value *values = search->graph->values;
    const snn_tensor *base = &values[node->inputs[0]].tensor;
    const snn_tensor *result = &values[node->outputs[0]].tensor;
    return values[node->inputs[1]].constant && snn_tensor_elements(base) == snn_tensor_elements(result) &&
           snn_tensor_uniform(&values[node->inputs[1]].tensor, exponent);
}

bool snn_search_is_close(float a, float b)
{
    return fabsf(a - b) <= TOLERANCE * fabsf(b);
}

void snn_search_absorb(snn_search *search, const snn_node *node)
{
    int32_t number = (int32_t)(node - search->graph->nodes);
    for (int32_t i = 0; i < search->absorbed_count; i++) {
        if (search->absorbed[i] == number) {
            return;
        }
    }
    if (search->absorbed_count < SNN_SEARCH_LIMIT) {
        search->absorbed[search->absorbed_count++] = number;
    }
}

/* x + constant, in either order. */
bool snn_search_sum(snn_search *search, int32_t value, int32_t *x, float *constant)
{
    const snn_node *node = snn_search_producer(search, value, "Add");
    for (int32_t i = 0; node != NULL && i < 2; i++) {
        if (snn_search_constant(search, node->inputs[i], constant)) {
            *x = node->inputs[1 - i];
            snn_search_absorb(search, node);
            return true;
        }
    }
    return false;
}

void snn_search_factors(snn_search *search, int32_t value, snn_factors *factors)
{
    float constant = 1.0f;
    const snn_node *product = snn_search_producer(search, value, "Mul");
    const snn_node *quotient = snn_search_producer(search, value, "Div");
    if (snn_search_constant(search, value, &constant)) {
        factors->constant *= constant;
    } else if (product != NULL && factors->count < SNN_FACTOR_LIMIT - 1) {
        snn_search_absorb(search, product);
        snn_search_factors(search, product->inputs[0], factors);
        snn_search_factors(search, product->inputs[1], factors);
    } else if (quotient != NULL && snn_search_constant(search, quotient->inputs[1], &constant)) {
        snn_search_absorb(search, quotient);
        factors->constant /= constant;
        snn_search_factors(search, quotient->inputs[0], factors);
    } else if (factors->count < SNN_FACTOR_LIMIT) {
        factors->value[factors->count++] = value;
    } else {
        factors->count = SNN_FACTOR_LIMIT + 1; /* too many: no pattern of ours */
    }
}

bool snn_search_nan_guard(snn_search *search, const snn_node *where, int32_t *x)
{
    const snn_node *test = snn_search_producer(search, where->inputs[0], "IsNaN");
    if (test == NULL || test->inputs[0] != where->inputs[2] || !search->graph->values[where->inputs[1]].constant) {
        return false;
    }
    *x = where->inputs[2];
    snn_search_absorb(search, test);
    snn_search_absorb(search, where);
    return true;
}
