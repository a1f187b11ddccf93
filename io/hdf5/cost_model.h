/* What an image costs: operations in NeuroBench's names, and energy by two lists of prices, of the network with +-1
 * spikes, the same with events, the trained network and a quantised one. Counts and prices only; no file. */
#ifndef SNN_IO_COST_MODEL_H
#define SNN_IO_COST_MODEL_H

#include <stdbool.h>

#include "io/hdf5/output.h"

/* Picojoules in 45 nm at 0.9 V: Horowitz, "Computing's energy problem", ISSCC 2014. */
static const double SNN_INT32_ADD_PJ = 0.1;
static const double SNN_FLOAT32_ADD_PJ = 0.9;
static const double SNN_FLOAT32_MULTIPLY_PJ = 3.7;
static const double SNN_INT_MULTIPLY_PJ = 0.003; /* for each bit of one factor and bit of the other: 0.2 of 8 by 8,
                                                   3.1 of 32 by 32 */
static const double SNN_LARGE_MEMORY_PJ = 100.0 / 64.0; /* a bit of a memory of 1 MB, which has the weights */
static const double SNN_SMALL_MEMORY_PJ = 10.0 / 64.0;  /* a bit of a memory of 8 kB, which has all that changes */

typedef enum snn_cost_case {
    SNN_COST_SIGNED,    /* every spike is +1 or -1 and is sent; not of integrate-and-fire neurons */
    SNN_COST_EVENTS,    /* W (2 s - 1) = 2 W s - sum of W: only the rarer value of s is sent, the rest is a constant */
    SNN_COST_TRAINED,   /* the float32 network that was converted */
    SNN_COST_QUANTISED, /* the same with activations of as many bits as a window has steps */
    SNN_COST_CASES
} snn_cost_case;

typedef enum snn_price_list { SNN_PRICES_FLOAT, SNN_PRICES_INTEGER, SNN_PRICE_LISTS } snn_price_list;

/* "signed", "events", "trained", "quantised"; "float", "integer": groups of the output. */
const char *snn_cost_case_name(snn_cost_case which);
const char *snn_price_list_name(snn_price_list list);

typedef struct snn_energy {
    bool known;             /* whether the list applies to the case */
    double compute, memory; /* joules of an image */
} snn_energy;

/* Of one case. Numbers of operations are for an image, on average over the run's images. */
typedef struct snn_cost {
    bool known;
    double footprint; /* bytes of parameters */
    double connection_sparsity, activation_sparsity;
    double effective_macs, effective_acs, dense;
    double membrane_updates;
    /* What energy is reckoned from: uses of weights whether they are 0 or not, as no machine here looks. */
    double additions, pool_additions, image_products, products;
    snn_energy energy[SNN_PRICE_LISTS];
} snn_cost;

/* Needs output->statistics and ->connections: on rank 0. */
void snn_cost_count(const snn_output *output, snn_cost costs[SNN_COST_CASES]);

#endif
