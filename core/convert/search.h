/* Internal to the pattern search: walking backwards from a node. */
#ifndef SNN_CONVERT_SEARCH_H
#define SNN_CONVERT_SEARCH_H

#include "core/convert/patterns.h"

enum { SNN_SEARCH_LIMIT = 64, SNN_FACTOR_LIMIT = 4 };

/* One attempt at one root: what it would absorb. */
typedef struct snn_search {
    const snn_graph *graph;
    int32_t absorbed[SNN_SEARCH_LIMIT]; /* node numbers */
    int32_t absorbed_count;
} snn_search;

/* A product taken apart: constant * value[0] * ... */
typedef struct snn_factors {
    float constant;
    int32_t value[SNN_FACTOR_LIMIT];
    int32_t count; /* above SNN_FACTOR_LIMIT: too many */
} snn_factors;

/* The node that makes `value`, if it is of that operator and not folded; NULL otherwise. */
const snn_node *snn_search_producer(const snn_search *search, int32_t value, const char *operator_name);
/* Whether `value` is a constant of one element. */
bool snn_search_constant(const snn_search *search, int32_t value, float *constant);
/* Whether `node` is a power with one exponent, of either type, for all elements of its base. */
bool snn_search_exponent(const snn_search *search, const snn_node *node, float *exponent);
bool snn_search_is_close(float a, float b);
void snn_search_absorb(snn_search *search, const snn_node *node);
/* Whether `value` is x + constant; absorbs the sum. */
bool snn_search_sum(snn_search *search, int32_t value, int32_t *x, float *constant);
/* Whether `where` is Where(IsNaN(x), constant, x); absorbs both nodes. */
bool snn_search_nan_guard(snn_search *search, const snn_node *where, int32_t *x);
/* Takes products and quotients by constants apart; absorbs them. Begin with constant 1 and count 0. */
void snn_search_factors(snn_search *search, int32_t value, snn_factors *factors);

#endif
