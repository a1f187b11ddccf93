/* The search: nothing that can be tried is better than what the planner chooses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/partition/planner_fixture.h"

/* Seconds of the slowest rank, from the public cost of each. */
static double slowest_rank(const snn_plan *plan, const snn_network *network, const snn_planner_request *request)
{
    double slowest = 0;
    for (int32_t rank = 0; rank < snn_plan_ranks(plan); rank++) {
        const snn_rank_cost cost = cost_of(plan, network, request, rank);
        const double seconds = snn_rank_seconds(&cost, request);
        slowest = seconds > slowest ? seconds : slowest;
    }
    return slowest;
}

/* The best of all cuts of populations [begin[stage], end) into stages `stage` and later, none of them empty. */
static double try_cuts(snn_plan *plan, int32_t stage, const snn_network *network, const snn_planner_request *request)
{
    if (stage == plan->stages) {
        return slowest_rank(plan, network, request);
    }
    double best = 1e300;
    const int32_t last = network->population_count - (plan->stages - stage);
    for (int32_t begin = plan->stage_begin[stage - 1] + 1; begin <= last; begin++) {
        plan->stage_begin[stage] = begin;
        const double seconds = try_cuts(plan, stage + 1, network, request);
        best = seconds < best ? seconds : best;
    }
    return best;
}

static void compare_with_all_cuts(const snn_network *network, int32_t most_stages)
{
    snn_planner_request request = REQUEST;
    request.replicas = 1;
    for (request.stages = 1; request.stages <= most_stages && request.stages <= network->population_count;
         request.stages++) {
        for (request.channels = 1; request.channels <= 3; request.channels++) {
            request.ranks = request.stages * request.channels;
            snn_plan *plan = make(network, request);
            const double found = slowest_rank(plan, network, &request);
            const double best = try_cuts(plan, 1, network, &request);
            assert_true(found <= best * (1 + 1e-12) && found >= best * (1 - 1e-12));
            snn_plan_destroy(plan);
        }
    }
}

static void cuts_are_the_best_of_all(void **unused)
{
    (void)unused;
    sample_network sample;
    uint32_t seed = 5;
    sample_build_mixed(&sample);
    compare_with_all_cuts(&sample.network, 4);
    for (int i = 0; i < 40; i++) {
        build_random(&sample, &seed, 3 + i % 5);
        compare_with_all_cuts(&sample.network, 4);
        build_even(&sample, &seed, 3 + i % 5);
        compare_with_all_cuts(&sample.network, 4);
    }
}

static void no_layout_beats_the_choice(void **unused)
{
    (void)unused;
    sample_network sample;
    uint32_t seed = 6;
    snn_planner_request request = REQUEST;
    request.ranks = 24;
    for (int i = 0; i < 10; i++) {
        build_random(&sample, &seed, 4 + i);
        request.groups = 1 << i;
        request.replicas = request.stages = request.channels = 0;
        const double chosen = predict(&sample.network, request);
        for (request.replicas = 1; request.replicas <= 24; request.replicas++) {
            for (request.stages = 1; request.stages <= 24; request.stages++) {
                request.channels = request.ranks / (request.replicas * request.stages);
                if (request.replicas * request.stages * request.channels == request.ranks) {
                    assert_true(chosen <= predict(&sample.network, request) * (1 + 1e-12));
                }
            }
        }
    }
}

/* Seconds of the slowest rank of a plan, whatever is sent between its stages: as the model prices it. */
static double slowest_of(const snn_plan *plan, const snn_network *network, const snn_planner_request *request)
{
    snn_planner_request one = *request;
    one.groups = 1 << 20; /* so many that filling the pipeline takes no time */
    one.timesteps = one.block;
    return prediction_of(plan, network, &one).seconds / (1 << 20);
}

/* The fastest of all plans with stages from `stage` on, for populations [begin, end) and so many ranks. */
static double try_plans(snn_plan *plan, int32_t stage, int32_t ranks, const snn_network *network,
                        const snn_planner_request *request)
{
    double best = 1e300;
    if (ranks == 0) {
        plan->stages = stage;
        return plan->stage_begin[stage] == network->population_count ? slowest_of(plan, network, request) : best;
    }
    for (int32_t shards = 1; shards <= ranks; shards++) {
        for (int32_t end = plan->stage_begin[stage] + 1; end <= network->population_count; end++) {
            plan->stage_begin[stage + 1] = end;
            plan->shards[stage] = shards;
            const double seconds = try_plans(plan, stage + 1, ranks - shards, network, request);
            best = seconds < best ? seconds : best;
        }
    }
    return best;
}

/* Stages that are divided differently: no plan of one replica is faster by more than what makes them worth it. */
static void no_plan_beats_the_choice(void **unused)
{
    (void)unused;
    enum { RANKS = 4 };
    sample_network sample;
    uint32_t seed = 8;
    int32_t begin[RANKS + 1] = {0}, shards[RANKS];
    snn_planner_request request = REQUEST;
    request.timesteps = request.block;
    request.replicas = 1;
    request.groups = 1 << 20;
    int different = 0;
    for (int i = 0; i < 12; i++) {
        build_random(&sample, &seed, 4 + i % 3);
        for (request.ranks = 2; request.ranks <= RANKS; request.ranks++) {
            snn_plan trial = {.replicas = 1, .stage_begin = begin, .shards = shards};
            double best = 1e300;
            for (int32_t used = 1; used <= request.ranks; used++) {
                const double seconds = try_plans(&trial, 0, used, &sample.network, &request);
                best = seconds < best ? seconds : best;
            }
            snn_plan *plan = make(&sample.network, request);
            const double chosen = slowest_of(plan, &sample.network, &request);
            assert_true(chosen <= best / 0.98 * (1 + 1e-6) && chosen >= best * (1 - 1e-6));
            for (int32_t stage = 1; stage < plan->stages; stage++) {
                different += plan->shards[stage] != plan->shards[0];
            }
            snn_plan_destroy(plan);
        }
    }
    assert_true(different > 0);
}

/* Under a limit every rank stays below it; where nothing fits, the planner says so. */
static void memory_is_kept_to(void **unused)
{
    (void)unused;
    sample_network sample;
    snn_machine machine = snn_machine_assumed();
    snn_planner_request request = REQUEST;
    sample_build_mixed(&sample);
    request.ranks = 8;
    request.images = 512;
    snn_plan *plan = make(&sample.network, request);
    const double free = prediction_of(plan, &sample.network, &request).memory_bytes;
    snn_plan_destroy(plan);
    request.machine = &machine;
    request.stages = request.channels = 1;
    plan = make(&sample.network, request);
    const double most = prediction_of(plan, &sample.network, &request).memory_bytes;
    snn_plan_destroy(plan);
    request.stages = request.channels = 0;
    assert_true(free <= most * (1 + 1e-12));
    int refused = 0;
    for (double limit = most; limit > 0.1 * most; limit *= 0.9) {
        machine.memory_bytes = limit;
        const snn_status status = snn_plan_make(&sample.network, &request, &plan);
        if (snn_failed(status)) {
            refused++;
            assert_int_equal(status.code, SNN_INPUT_ERROR);
            assert_int_equal(strncmp(status.message, "no layout of 8 ranks fits the memory of ", 40), 0);
            continue;
        }
        assert_int_equal(refused, 0); /* what fits less memory fits more */
        for (int32_t rank = 0; rank < 8; rank++) {
            const snn_rank_cost cost = cost_of(plan, &sample.network, &request, rank);
            assert_true(snn_rank_memory(&cost, &request, plan->replicas) <= limit);
        }
        snn_plan_destroy(plan);
    }
    assert_true(refused > 0 && refused < 20);
}

/* The refusal says what would do: with that much there is a plan, with a little less there is none. */
static void check_refusal(const snn_network *network, snn_planner_request request)
{
    snn_machine machine = snn_machine_assumed();
    snn_plan *plan;
    double gigabytes = 0.0;
    machine.memory_bytes = 1e6;
    request.machine = &machine;
    snn_status status = snn_plan_make(network, &request, &plan);
    assert_int_equal(status.code, SNN_INPUT_ERROR);
    const char *needs = strstr(status.message, " needs ");
    assert_non_null(strstr(status.message, "fits the memory of 0.001 GB a rank; the leanest, "));
    assert_non_null(needs);
    assert_int_equal(sscanf(needs, " needs %lf GB on its fullest rank", &gigabytes), 1);
    machine.memory_bytes = 1e9 * gigabytes;
    status = snn_plan_make(network, &request, &plan);
    assert_string_equal(status.message, "");
    assert_true(prediction_of(plan, network, &request).memory_bytes <= machine.memory_bytes);
    snn_plan_destroy(plan);
    machine.memory_bytes *= 0.998;
    assert_true(snn_failed(snn_plan_make(network, &request, &plan)));
}

static void refusals_name_the_leanest_layout(void **unused)
{
    (void)unused;
    sample_network sample;
    snn_planner_request request = REQUEST;
    uint32_t seed = 3;
    request.images = 512;
    for (int i = 0; i < 6; i++) {
        if (i < 3) {
            sample_build_mixed(&sample);
        } else {
            build_random(&sample, &seed, 12);
        }
        request.ranks = 4 + 4 * (i % 3);
        check_refusal(&sample.network, request);
        request.stages = 2;
        check_refusal(&sample.network, request);
        request.stages = 0;
    }
    request.ranks = request.replicas = 2; /* no choice */
    check_refusal(&sample.network, request);
}

/* No layout that can be asked for needs less than the leanest that is free. */
static void the_leanest_needs_least(void **unused)
{
    (void)unused;
    sample_network sample;
    snn_planner_request request = REQUEST;
    sample_build_mixed(&sample);
    request.ranks = 12;
    request.images = 512;
    request.objective = SNN_OBJECTIVE_MEMORY;
    snn_plan *plan = make(&sample.network, request);
    const double least = prediction_of(plan, &sample.network, &request).memory_bytes;
    snn_plan_destroy(plan);
    for (request.replicas = 1; request.replicas <= 12; request.replicas++) {
        for (request.stages = 1; request.stages <= 12; request.stages++) {
            request.channels = 12 / request.replicas / request.stages;
            if (request.replicas * request.stages * request.channels == 12) {
                plan = make(&sample.network, request);
                assert_true(prediction_of(plan, &sample.network, &request).memory_bytes >= least * (1 - 1e-9));
                snn_plan_destroy(plan);
            }
        }
    }
}

/* For latency all ranks work on one group. */
static void latency_wants_no_replicas(void **unused)
{
    (void)unused;
    sample_network sample;
    snn_planner_request request = REQUEST;
    sample_begin(&sample, "heavy", (snn_shape){32, 32, 64});
    for (int32_t i = 0; i < 4; i++) {
        (void)sample_add_population(&sample, SNN_NEURON_RELU, 32, 256);
        (void)sample_add_convolution(&sample, i - 1, 1);
    }
    sample_add_readout(&sample, 3, 10);
    request.ranks = 4;
    request.groups = 400;
    snn_plan *fast = make(&sample.network, request);
    request.objective = SNN_OBJECTIVE_LATENCY;
    snn_plan *prompt = make(&sample.network, request);
    assert_int_equal(fast->replicas, 4);
    assert_int_equal(prompt->replicas, 1);
    assert_true(prediction_of(prompt, &sample.network, &request).group_seconds <
                0.5 * prediction_of(fast, &sample.network, &request).group_seconds);
    snn_plan_destroy(fast);
    snn_plan_destroy(prompt);
}

static void hundred_thousand_ranks(void **unused)
{
    (void)unused;
    sample_network sample;
    snn_planner_request request = REQUEST;
    sample_build_mixed(&sample);
    request.ranks = 100000;
    snn_plan *plan = make(&sample.network, request);
    assert_int_equal(snn_plan_ranks(plan), 100000);
    assert_true(prediction_of(plan, &sample.network, &request).seconds > 0);
    snn_plan_destroy(plan);
}

/* Many groups share out over replicas, which exchange nothing; a single group leaves only the network to cut. */
static void choice_follows_the_work(void **unused)
{
    (void)unused;
    sample_network sample;
    snn_planner_request request = REQUEST;
    sample_build_mixed(&sample);
    request.ranks = 4;
    request.groups = 400;
    snn_plan *plan = make(&sample.network, request);
    assert_int_equal(plan->replicas, 4);
    snn_plan_destroy(plan);

    sample_begin(&sample, "heavy", (snn_shape){32, 32, 64});
    for (int32_t i = 0; i < 4; i++) {
        (void)sample_add_population(&sample, SNN_NEURON_RELU, 32, 256);
        (void)sample_add_convolution(&sample, i - 1, 1);
    }
    sample_add_readout(&sample, 3, 10);
    request.groups = 1;
    plan = make(&sample.network, request);
    assert_int_equal(plan->replicas, 1);
    snn_plan_destroy(plan);
    const double four = predict(&sample.network, request);
    request.ranks = 1;
    assert_true(four < 0.5 * predict(&sample.network, request));
}

/* Two processors for sixteen ranks: what all ranks do together counts, so the layout that exchanges least is chosen;
 * shards, which work more by exchanging, are no faster for being many. */
static void ranks_share_processors(void **unused)
{
    (void)unused;
    sample_network sample;
    snn_machine machine = snn_machine_assumed();
    snn_planner_request request = REQUEST;
    uint32_t seed = 5;
    build_random(&sample, &seed, 12);
    request.machine = &machine;
    request.groups = 160;
    const double alone = predict(&sample.network, request);
    request.ranks = 16;
    const double own = predict(&sample.network, request); /* processors of their own */
    machine.processors = 2;
    const double shared = predict(&sample.network, request);
    assert_true(own < alone / 8);
    assert_true(shared >= alone / 2 * (1 - 1e-9) && shared < alone);
    snn_plan *plan = make(&sample.network, request);
    const snn_prediction prediction = prediction_of(plan, &sample.network, &request);
    assert_true(prediction.crowding > 0.5 && prediction.crowding < 1);
    snn_plan_destroy(plan);
    request.replicas = 1;
    const double chosen = predict(&sample.network, request);
    assert_true(chosen <= alone * (1 + 1e-9));
    for (request.channels = 2; request.channels <= 16; request.channels *= 2) {
        request.stages = 16 / request.channels;
        assert_true(predict(&sample.network, request) > chosen);
    }
    request.stages = 0;
    request.channels = 1;
    request.ranks = 2; /* as many as processors: nobody waits for one */
    plan = make(&sample.network, request);
    assert_true(prediction_of(plan, &sample.network, &request).crowding == 0);
    snn_plan_destroy(plan);
}

/* More stages than tables are made for, and cuts between populations that tables would leave together. */
static void deep_networks_have_many_stages(void **unused)
{
    (void)unused;
    enum { POPULATIONS = 300 };
    static sample_network sample;
    const snn_network *network = &sample.network;
    snn_planner_request request = REQUEST;
    uint32_t seed = 9;
    build_random(&sample, &seed, POPULATIONS);
    request.replicas = 1;
    for (request.channels = 1; request.channels <= 2; request.channels++) {
        request.stages = 2;
        request.ranks = 2 * request.channels;
        snn_plan *plan = make(network, request);
        const double found = slowest_rank(plan, network, &request);
        const double best = try_cuts(plan, 1, network, &request);
        assert_true(found <= best * (1 + 1e-4) && found >= best * (1 - 1e-12));
        snn_plan_destroy(plan);
        for (request.stages = 161; request.stages <= POPULATIONS + 50; request.stages += 63) {
            request.ranks = request.stages * request.channels;
            plan = make(network, request);
            assert_int_equal(plan->stages, request.stages);
            for (int32_t stage = 0; stage < plan->stages; stage++) {
                assert_true((plan->stage_begin[stage] < plan->stage_begin[stage + 1]) == (stage < POPULATIONS));
            }
            snn_plan_destroy(plan);
        }
    }
    snn_machine machine = snn_machine_assumed();
    machine.memory_bytes = 1;
    request = REQUEST;
    request.machine = &machine;
    request.ranks = request.stages = 200;
    snn_plan *none = NULL;
    const snn_status status = snn_plan_make(network, &request, &none);
    assert_int_equal(status.code, SNN_INPUT_ERROR);
    assert_null(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_are_the_best_of_all),
        cmocka_unit_test(no_layout_beats_the_choice),
        cmocka_unit_test(choice_follows_the_work),
        cmocka_unit_test(no_plan_beats_the_choice),
        cmocka_unit_test(memory_is_kept_to),
        cmocka_unit_test(refusals_name_the_leanest_layout),
        cmocka_unit_test(the_leanest_needs_least),
        cmocka_unit_test(latency_wants_no_replicas),
        cmocka_unit_test(hundred_thousand_ranks),
        cmocka_unit_test(ranks_share_processors),
        cmocka_unit_test(deep_networks_have_many_stages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
