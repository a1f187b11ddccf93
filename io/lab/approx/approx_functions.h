/* The functions of the approximation experiment: which neuron, with which parameters, over which values of x. */
#ifndef SNN_LAB_APPROX_FUNCTIONS_H
#define SNN_LAB_APPROX_FUNCTIONS_H

#include "core/network/network.h"

enum { SNN_APPROX_INPUTS = 5 }; /* most decoded inputs of one function */

/* One decoded input of a neuron, as x is swept: slope x + offset. */
typedef struct snn_approx_line {
    float slope, offset;
} snn_approx_line;

typedef struct snn_approx_function {
    snn_neuron_kind kind;
    const char *formula; /* for the figure's title */
    float low, high;     /* x goes from `low` to `high` */
    float alpha, beta;
    /* 1, or that of an n-ary kind. Scores: two channels of a query, two of a key. Mix: two weights, two values.
     * Attention of two tokens: a query, two keys, two values. */
    int32_t input_count;
    snn_approx_line inputs[SNN_APPROX_INPUTS];
} snn_approx_function;

/* All of them: *count entries. */
const snn_approx_function *snn_approx_functions(int32_t *count);

const char *snn_approx_function_name(const snn_approx_function *function); /* that of its kind */

/* Decoded input number `input` at x. */
float snn_approx_function_input(const snn_approx_function *function, int32_t input, float x);

/* f at x, what the neuron should come to; an n-ary kind's first output. */
double snn_approx_function_value(const snn_approx_function *function, float x);

#endif
