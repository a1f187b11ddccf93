/* What the planner's tests share: networks of random shape, and short ways to ask. Include after cmocka.h. */
#ifndef SNN_TESTS_PARTITION_PLANNER_FIXTURE_H
#define SNN_TESTS_PARTITION_PLANNER_FIXTURE_H

#include "partition/planner.h"
#include "tests/partition/sample_network.h"

static const snn_planner_request REQUEST = {.ranks = 1, .groups = 29, .timesteps = 64, .block = 8, .images = 16};

static inline uint32_t random_bits(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* A chain of dense populations of random widths, some of which also read the one before the last. */
static inline void build_random(sample_network *sample, uint32_t *seed, int32_t populations)
{
    sample_begin(sample, "random", (snn_shape){1, 1, 16});
    for (int32_t i = 0; i < populations - 1; i++) {
        (void)sample_add_population(sample, SNN_NEURON_RELU, 1, 8 << (random_bits(seed) % 7));
        if (i >= 2 && random_bits(seed) % 2 == 0) {
            (void)sample_add_projection(sample, i - 2, SNN_OPERATOR_DENSE);
        }
        (void)sample_add_projection(sample, i - 1, SNN_OPERATOR_DENSE);
    }
    sample_add_readout(sample, populations - 2, 10);
}

/* Populations of equal size with cheap projections from random earlier ones: what decides is what a cut crosses. */
static inline void build_even(sample_network *sample, uint32_t *seed, int32_t populations)
{
    sample_begin(sample, "even", (snn_shape){16, 16, 8});
    for (int32_t i = 0; i < populations - 1; i++) {
        (void)sample_add_population(sample, SNN_NEURON_RELU, 16, 8);
        for (int32_t source = 0; source < i - 1; source++) {
            const uint32_t kind = random_bits(seed) % 4; /* a gather needs all channels, a diagonal its own */
            if (kind < 2) {
                (void)sample_add_projection(sample, source, kind == 0 ? SNN_OPERATOR_GATHER : SNN_OPERATOR_DIAGONAL);
            }
        }
        (void)sample_add_projection(sample, i - 1, SNN_OPERATOR_DIAGONAL);
    }
    sample_add_readout(sample, populations - 2, 10);
}

static inline snn_plan *make(const snn_network *network, snn_planner_request request)
{
    snn_plan *plan;
    const snn_status status = snn_plan_make(network, &request, &plan);
    assert_string_equal(status.message, "");
    return plan;
}

static inline snn_rank_cost cost_of(const snn_plan *plan, const snn_network *network,
                                    const snn_planner_request *request, int32_t rank)
{
    snn_cost_model *model;
    assert_false(snn_failed(snn_cost_model_create(network, request, &model)));
    const snn_rank_cost cost = snn_plan_cost(model, plan, rank);
    snn_cost_model_destroy(model);
    return cost;
}

static inline snn_prediction prediction_of(const snn_plan *plan, const snn_network *network,
                                           const snn_planner_request *request)
{
    snn_cost_model *model;
    assert_false(snn_failed(snn_cost_model_create(network, request, &model)));
    const snn_prediction prediction = snn_plan_predict(model, plan);
    snn_cost_model_destroy(model);
    return prediction;
}

static inline double predict(const snn_network *network, snn_planner_request request)
{
    snn_plan *plan = make(network, request);
    const double seconds = prediction_of(plan, network, &request).seconds;
    snn_plan_destroy(plan);
    return seconds;
}

#endif
