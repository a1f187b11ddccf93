#include "core/convert/patterns.h"

#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/convert/patterns_internal.h"

/* Numbers that a network computes of numbers are such; only attention whose masks hide all keys makes others, and that
 * is none to the converter. */
static bool match_nan_guard(snn_search *search, const snn_node *root, snn_pattern_match *match)
{
    int32_t x = SNN_NO_VALUE;
    if (!snn_search_nan_guard(search, root, &x)) {
        return false;
    }
    *match = (snn_pattern_match){.operator= "Identity", .inputs = {x}, .input_count = 1};
    return true;
}

/* Whether `value` is constant * x. */
static bool is_scaled(snn_search *search, int32_t value, int32_t x, float constant)
{
    snn_factors factors = {.constant = 1.0f};
    snn_search_factors(search, value, &factors);
    return factors.count == 1 && factors.value[0] == x && snn_search_is_close(factors.constant, constant);
}

/* 1 + Erf(x / sqrt 2) */
static bool is_gelu_gate(snn_search *search, int32_t value, int32_t x)
{
    float one = 0.0f;
    int32_t inner = SNN_NO_VALUE;
    if (!snn_search_sum(search, value, &inner, &one) || !snn_search_is_close(one, 1.0f)) {
        return false;
    }
    const snn_node *erf_node = snn_search_producer(search, inner, "Erf");
    if (erf_node == NULL || !is_scaled(search, erf_node->inputs[0], x, 0.70710678f)) {
        return false;
    }
    snn_search_absorb(search, erf_node);
    return true;
}

/* 0.044715 x^3, as Pow or as a product. */
static bool is_cubic(snn_search *search, int32_t value, int32_t x)
{
    snn_factors factors = {.constant = 1.0f};
    snn_search_factors(search, value, &factors);
    if (!snn_search_is_close(factors.constant, 0.044715f)) {
        return false;
    }
    if (factors.count == 3) {
        return factors.value[0] == x && factors.value[1] == x && factors.value[2] == x;
    }
    float exponent = 0.0f;
    const snn_node *power = factors.count == 1 ? snn_search_producer(search, factors.value[0], "Pow") : NULL;
    if (power == NULL || power->inputs[0] != x || !snn_search_exponent(search, power, &exponent) || exponent != 3.0f) {
        return false;
    }
    snn_search_absorb(search, power);
    return true;
}

/* 1 + Tanh(sqrt(2 / pi) (x + 0.044715 x^3)) */
static bool is_gelu_tanh_gate(snn_search *search, int32_t value, int32_t x)
{
    float one = 0.0f;
    int32_t inner = SNN_NO_VALUE;
    snn_factors factors = {.constant = 1.0f};
    if (!snn_search_sum(search, value, &inner, &one) || !snn_search_is_close(one, 1.0f)) {
        return false;
    }
    const snn_node *tanh_node = snn_search_producer(search, inner, "Tanh");
    if (tanh_node == NULL) {
        return false;
    }
    snn_search_factors(search, tanh_node->inputs[0], &factors);
    if (factors.count != 1 || !snn_search_is_close(factors.constant, 0.79788456f)) {
        return false;
    }
    const snn_node *sum = snn_search_producer(search, factors.value[0], "Add");
    bool found = sum != NULL && ((sum->inputs[0] == x && is_cubic(search, sum->inputs[1], x)) ||
                                 (sum->inputs[1] == x && is_cubic(search, sum->inputs[0], x)));
    if (found) {
        snn_search_absorb(search, sum);
        snn_search_absorb(search, tanh_node);
    }
    return found;
}

static bool is_sigmoid_gate(snn_search *search, int32_t value, int32_t x)
{
    const snn_node *node = snn_search_producer(search, value, "Sigmoid");
    if (node == NULL || node->inputs[0] != x) {
        return false;
    }
    snn_search_absorb(search, node);
    return true;
}

static bool is_mish_gate(snn_search *search, int32_t value, int32_t x)
{
    const snn_node *tanh_node = snn_search_producer(search, value, "Tanh");
    const snn_node *inner = tanh_node == NULL ? NULL : snn_search_producer(search, tanh_node->inputs[0], "Softplus");
    if (inner == NULL || inner->inputs[0] != x) {
        return false;
    }
    snn_search_absorb(search, tanh_node);
    snn_search_absorb(search, inner);
    return true;
}

static bool is_hard_sigmoid_gate(snn_search *search, int32_t value, int32_t x)
{
    const snn_node *node = snn_search_producer(search, value, "HardSigmoid");
    if (node == NULL || node->inputs[0] != x || !snn_search_is_close(snn_node_real(node, "alpha", 0.2f), 1.0f / 6.0f) ||
        !snn_search_is_close(snn_node_real(node, "beta", 0.5f), 0.5f)) {
        return false;
    }
    snn_search_absorb(search, node);
    return true;
}

/* Clip(x + 3, 0, 6); the division by 6 stands with the factors. */
static bool is_clipped_gate(snn_search *search, int32_t value, int32_t x)
{
    float low = 0.0f, high = 0.0f, three = 0.0f;
    int32_t inner = SNN_NO_VALUE;
    const snn_node *node = snn_search_producer(search, value, "Clip");
    if (node == NULL || node->input_count < 3 || !snn_search_constant(search, node->inputs[1], &low) ||
        !snn_search_constant(search, node->inputs[2], &high) || low != 0.0f || high != 6.0f ||
        !snn_search_sum(search, node->inputs[0], &inner, &three) || inner != x || three != 3.0f) {
        return false;
    }
    snn_search_absorb(search, node);
    return true;
}

/* x times a gate of x times a constant: how every gated function is exported. */
typedef struct gate {
    const char *operator;
    float constant;
    float parameter;
    bool (*is_gate)(snn_search *search, int32_t value, int32_t x);
} gate;

static const gate gates[] = {
    {"Gelu", 0.5f, 0.0f, is_gelu_gate},
    {"Gelu", 0.5f, 1.0f, is_gelu_tanh_gate},
    {"Silu", 1.0f, 0.0f, is_sigmoid_gate},
    {"Mish", 1.0f, 0.0f, is_mish_gate},
    {"HardSwish", 1.0f, 0.0f, is_hard_sigmoid_gate},
    {"HardSwish", 1.0f / 6.0f, 0.0f, is_clipped_gate},
};

static bool match_gate(snn_search *search, const snn_node *root, snn_pattern_match *match)
{
    snn_factors factors = {.constant = 1.0f};
    snn_search_factors(search, root->outputs[0], &factors);
    if (factors.count != 2) {
        return false;
    }
    int32_t kept = search->absorbed_count; /* the products */
    for (size_t g = 0; g < sizeof gates / sizeof gates[0]; g++) {
        for (int32_t i = 0; i < 2; i++) {
            search->absorbed_count = kept;
            int32_t x = factors.value[i];
            if (snn_search_is_close(factors.constant, gates[g].constant) &&
                gates[g].is_gate(search, factors.value[1 - i], x)) {
                *match = (snn_pattern_match){
                    .operator= gates[g].operator, .inputs = {x}, .input_count = 1, .parameter = gates[g].parameter};
                return true;
            }
        }
    }
    return false;
}

/* Whether nothing but absorbed nodes reads what the absorbed nodes (but the root) give. */
static bool is_closed(const snn_search *search, int32_t root)
{
    const snn_graph *graph = search->graph;
    for (int32_t n = 0; n < graph->node_count; n++) {
        bool inside = false;
        for (int32_t a = 0; a < search->absorbed_count; a++) {
            inside = inside || search->absorbed[a] == n;
        }
        for (int32_t i = 0; i < graph->nodes[n].input_count && !inside && !graph->nodes[n].folded; i++) {
            int32_t input = graph->nodes[n].inputs[i];
            int32_t producer = input == SNN_NO_VALUE ? -1 : graph->values[input].producer;
            for (int32_t a = 0; a < search->absorbed_count && producer >= 0 && producer != root; a++) {
                if (search->absorbed[a] == producer) {
                    return false;
                }
            }
        }
    }
    return true;
}

typedef struct pattern {
    const char *root_operator; /* where the search begins, backwards */
    bool (*match)(snn_search *search, const snn_node *root, snn_pattern_match *match);
} pattern;

static const pattern patterns[] = {
    {"Mul", match_gate},
    {"Div", match_gate},
    {"Div", snn_match_normalization},
    {"Mul", snn_match_normalization},
    {"Reshape", snn_match_attention},
    {"MatMul", snn_match_plain_attention},
    {"Where", match_nan_guard},
};

/* Later nodes first, so that the widest match wins: the last product of a gated function, not one inside it. */
snn_status snn_patterns_find(const snn_graph *graph, snn_pattern_match *matches)
{
    for (int32_t n = 0; n < graph->node_count; n++) {
        memset(&matches[n], 0, sizeof matches[n]);
        matches[n].root = -1;
    }
    for (int32_t n = graph->node_count - 1; n >= 0; n--) {
        const snn_node *node = &graph->nodes[n];
        for (size_t p = 0; p < sizeof patterns / sizeof patterns[0]; p++) {
            snn_search search = {.graph = graph};
            snn_pattern_match match;
            if (node->folded || matches[n].root >= 0 || strcmp(patterns[p].root_operator, node->operator) != 0 ||
                !patterns[p].match(&search, node, &match) || search.absorbed_count >= SNN_SEARCH_LIMIT ||
                !is_closed(&search, n)) {
                continue;
            }
            for (int32_t a = 0; a < search.absorbed_count; a++) {
                matches[search.absorbed[a]].root = n;
            }
            matches[n] = match;
            matches[n].root = n;
        }
    }
    return snn_ok();
}
