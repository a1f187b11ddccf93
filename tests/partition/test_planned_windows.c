/* Plans of networks whose neurons fire in windows: what the model counts, against closed forms and against counting. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/memory.h"
#include "partition/calibrate.h"
#include "partition/moments.h"
#include "tests/partition/planner_fixture.h"

static const snn_work WORK = {.images = 16, .block = 4, .threads = 1, .encoding = SNN_ENCODING_DIRECT};

/* Neurons without resting states: nothing here runs. */
static snn_planner_request set_windows(snn_network *network, int32_t steps, int32_t delay)
{
    snn_planner_request request = REQUEST;
    assert_int_equal(snn_windows_init(steps, delay, 0.5, 0.25, &network->windows).code, SNN_OK);
    snn_network_find_depths(network);
    request.timesteps = request.block = steps;
    request.latency = snn_network_latency(network);
    return request;
}

static snn_timing *timings_of(const snn_network *network)
{
    snn_timing *timings;
    assert_int_equal(snn_moments_create(network, &timings).code, SNN_OK);
    return timings;
}

/* Image, `length` dense populations and a readout. */
static void build_chain(sample_network *sample, int32_t length)
{
    sample_begin(sample, "chain", (snn_shape){1, 1, 16});
    for (int32_t i = 0; i < length; i++) {
        (void)sample_add_population(sample, SNN_NEURON_RELU, 1, 32);
        (void)sample_add_projection(sample, i - 1, SNN_OPERATOR_DENSE);
    }
    sample_add_readout(sample, length - 1, 10);
}

/* In a chain a neuron's input changes steps - delay times, and once at least; what the readout sees, with every step
 * and before the first. */
static void products_are_made_when_inputs_change(void **unused)
{
    (void)unused;
    enum { LENGTH = 4 };
    for (int32_t steps = 1; steps <= 9; steps += 2) {
        for (int32_t delay = 0; delay <= 10; delay++) {
            sample_network sample;
            build_chain(&sample, LENGTH);
            const snn_network *network = &sample.network;
            const snn_planner_request request = set_windows(&sample.network, steps, delay);
            const int32_t products = steps > delay ? steps - delay : 1;
            /* at latency 1 nothing is before the only step */
            const int32_t last = request.latency > steps ? steps + 1 : steps;
            snn_timing *timings = timings_of(network);
            snn_plan *plan = make(network, request);
            const snn_rank_cost cost = cost_of(plan, network, &request, 0);
            assert_int_equal(snn_moments_products(network, timings, &network->projections[0]), 1);
            for (int32_t i = 1; i < LENGTH; i++) {
                assert_int_equal(snn_moments_products(network, timings, &network->projections[i]), products);
            }
            assert_int_equal(snn_moments_products(network, timings, &network->projections[LENGTH]), last);
            assert_int_equal(cost.operations, 16 * 32 + (LENGTH - 1) * products * 32 * 32 + last * 32 * 10);
            assert_int_equal(cost.times, 1);
            snn_release(timings);
            snn_plan_destroy(plan);
        }
    }
}

/* What is rounded as a whole is multiplied at every moment; pools too large for 16-bit codes take plane by plane. */
static void products_of_other_kinds(void **unused)
{
    (void)unused;
    enum { STEPS = 8 };
    int32_t rest[8] = {0};
    sample_network sample;
    sample_begin(&sample, "kinds", (snn_shape){32, 32, 3});
    const int32_t first = sample_add_population(&sample, SNN_NEURON_RELU, 32, 8);
    (void)sample_add_convolution(&sample, SNN_SOURCE_INPUT, 1);
    const int32_t second = sample_add_population(&sample, SNN_NEURON_RELU, 32, 8);
    (void)sample_add_projection(&sample, first, SNN_OPERATOR_DIAGONAL);
    const int32_t third = sample_add_population(&sample, SNN_NEURON_RELU, 1, 8);
    (void)sample_add_projection(&sample, first, SNN_OPERATOR_TOKENS);
    snn_operator *pooled = sample_add_projection(&sample, second, SNN_OPERATOR_DIAGONAL);
    pooled->pooled = true;
    pooled->pool = (snn_window){{32, 32}, {1, 1}, {1, 1}, {0, 0}, {0, 0}};
    sample_add_readout(&sample, third, 10);
    sample.populations[second].rest = rest;
    (void)set_windows(&sample.network, STEPS, 3);
    const snn_projection *projections = sample.projections;
    snn_timing *timings = timings_of(&sample.network);
    assert_int_equal(timings[third].moments, STEPS - 3);
    assert_int_equal(snn_moments_products(&sample.network, timings, &projections[1]), STEPS - 3);
    /* The tokens' source is six timesteps ahead: planes 0 to 6, then the last, then nothing new. */
    assert_int_equal(snn_moments_products(&sample.network, timings, &projections[2]), STEPS - 3);
    /* Eight planes, and the eight bits of resting states up to 255. */
    assert_int_equal(snn_moments_products(&sample.network, timings, &projections[3]), STEPS + 8);
    sample.network.format = SNN_WEIGHTS_FLOAT32; /* nothing is rounded */
    assert_int_equal(snn_moments_products(&sample.network, timings, &projections[2]), 2);
    snn_release(timings);
}

/* Keys differ with what a window's time depends on, and only then. */
static void keys_of_windows(void **unused)
{
    (void)unused;
    static const int32_t windows[][2] = {{0, 0}, {4, 0}, {4, 1}, {4, 2}, {4, 4}, {3, 3}, {8, 8}}; /* steps, delay */
    enum { WINDOWS = sizeof windows / sizeof windows[0], LENGTH = 3 };
    uint64_t keys[WINDOWS + 1][LENGTH];
    for (int i = 0; i <= WINDOWS; i++) {
        sample_network sample;
        build_chain(&sample, LENGTH);
        if (i == WINDOWS) {
            (void)set_windows(&sample.network, 4, 100); /* inputs stand still as they do for a delay of 4 */
        } else if (i > 0) {
            (void)set_windows(&sample.network, windows[i][0], windows[i][1]);
        }
        snn_timing *timings = timings_of(&sample.network);
        assert_true((timings == NULL) == (i == 0));
        for (int32_t p = 0; p < LENGTH; p++) {
            keys[i][p] = snn_speed_key(&sample.network, timings, &WORK, p, (snn_channel_range){0, 32});
        }
        snn_release(timings);
    }
    for (int32_t p = 1; p < LENGTH; p++) {
        for (int i = 0; i < WINDOWS; i++) {
            for (int j = 0; j < i; j++) {
                assert_true(keys[i][p] != keys[j][p]);
            }
        }
        assert_true(keys[WINDOWS][p] == keys[4][p]);
    }
    assert_true(keys[2][1] == keys[2][2]); /* layers repeat */
}

/* A stream's planes are sums as they stand at its readers' moments; the others hand over a bit for every step. */
static void traffic_of_windows(void **unused)
{
    (void)unused;
    static const int32_t delays[] = {6, 2, 0};
    enum { STEPS = 6 };
    for (int i = 0; i < 3; i++) {
        sample_network sample;
        sample_build_attention(&sample);
        const snn_planner_request request = set_windows(&sample.network, STEPS, delays[i]);
        const int32_t planes = delays[i] == 0 ? STEPS : STEPS > delays[i] ? STEPS - delays[i] : 1;
        const int32_t begin[] = {0, 4, 8}, shards[] = {1, 2};
        snn_plan *plan;
        assert_false(snn_failed(snn_plan_create(1, 2, begin, shards, 8, &plan)));
        const snn_rank_cost first = cost_of(plan, &sample.network, &request, 0);
        assert_int_equal(first.bits_sent, 16 * (32 * planes * 14 + 2 * STEPS * 35));
        assert_int_equal(first.encoded_integer_bits, 16 * 32 * planes * 14);
        assert_int_equal(first.encoded_bits, 16 * (32 * planes * 14 + STEPS * 42));
        /* stem, norm and queries, a byte a neuron, and the stream. Neurons keep nothing, nor is what the image comes
         * to. */
        assert_int_equal(first.spike_bytes, 16 * 16 * (14 + 14 + 42 + planes * 14 * 4));
        assert_int_equal(first.state_bytes, 0);
        const snn_rank_cost second = cost_of(plan, &sample.network, &request, 2);
        assert_int_equal(second.bits_received, 16 * (32 * planes * 7 + STEPS * (35 + 7)));
        assert_int_equal(second.integer_bits_received, 16 * 32 * planes * 7);
        assert_int_equal(second.state_bytes, 0);
        snn_plan_destroy(plan);
    }
}

/* A group is one item: so many groups take so many times as long as the rank says of an item. */
static void prediction_of_one_rank(void **unused)
{
    (void)unused;
    sample_network sample;
    sample_build_mixed(&sample);
    const snn_planner_request request = set_windows(&sample.network, 8, 8);
    snn_plan *plan = make(&sample.network, request);
    const snn_rank_cost cost = cost_of(plan, &sample.network, &request, 0);
    const double item = 16 * (8 * cost.step_seconds + cost.group_seconds);
    const double predicted = prediction_of(plan, &sample.network, &request).seconds;
    assert_true(fabs(snn_rank_seconds(&cost, &request) / item - 1) < 1e-12);
    assert_true(fabs(predicted / (29 * item) - 1) < 1e-12);
    snn_plan_destroy(plan);
}

/* Predictions are kept for every timestep of the latency, codecs keep something of every neuron, not of its steps. */
static void memory_of_windows(void **unused)
{
    (void)unused;
    sample_network sample;
    sample_build_attention(&sample);
    snn_planner_request request = set_windows(&sample.network, 6, 6);
    const int32_t begin[] = {0, 4, 8}, shards[] = {1, 1};
    snn_plan *plan;
    assert_false(snn_failed(snn_plan_create(1, 2, begin, shards, 8, &plan)));
    const snn_rank_cost cost = cost_of(plan, &sample.network, &request, 1);
    const double without = snn_rank_memory(&cost, &request, 1);
    request.codec_bytes = 2.5;
    assert_true(snn_rank_memory(&cost, &request, 1) - without == 2.5 * 42 * 16 * 16);
    request.codec_bytes = 0.0;
    request.latency += 100; /* in the rank's predictions, and in the results of all images */
    assert_true(snn_rank_memory(&cost, &request, 1) - without == 100.0 * 4 * 16 * (1 + 29));
    snn_plan_destroy(plan);
}

/* Where images suffice every rank has a whole network; a group alone is shared out. */
static void plans_of_windows(void **unused)
{
    (void)unused;
    for (int32_t ranks = 2; ranks <= 4; ranks += 2) {
        sample_network sample;
        uint32_t seed = 11;
        build_random(&sample, &seed, 12);
        snn_planner_request request = set_windows(&sample.network, 8, 8);
        request.ranks = ranks;
        request.groups = 64;
        snn_plan *plan = make(&sample.network, request);
        assert_int_equal(plan->replicas, ranks);
        snn_plan_destroy(plan);
        request.images = 256;
        request.groups = 1;
        plan = make(&sample.network, request);
        assert_int_equal(plan->replicas, 1);
        assert_int_equal(plan->shards[0], ranks); /* a single item fills no pipeline */
        snn_plan_destroy(plan);
    }
}

/* Without measurement too: products once for an input that stands still, so twice the steps cost less than twice. */
static void assumed_prices_of_windows(void **unused)
{
    (void)unused;
    static const int32_t windows[][2] = {{8, 8}, {16, 16}, {16, 8}, {16, 0}}; /* steps, delay */
    double seconds[4];
    for (int i = 0; i < 4; i++) {
        sample_network sample;
        build_chain(&sample, 3);
        (void)set_windows(&sample.network, windows[i][0], windows[i][1]);
        snn_timing *timings = timings_of(&sample.network);
        const snn_price price = snn_price_assumed(&sample.network, timings, &WORK, 1, 32);
        seconds[i] = price.step_seconds * windows[i][0];
        assert_true(price.group_seconds == 0.0);
        assert_true(snn_price_assumed(&sample.network, timings, &WORK, 0, 32).group_seconds > 0.0); /* the image */
        snn_release(timings);
    }
    assert_true(seconds[1] > seconds[0] && seconds[1] < 2 * seconds[0]);
    assert_true(seconds[2] > 2 * seconds[1] && seconds[3] > 1.5 * seconds[2]);
}

/* A request that cuts windows is a mistake of the program. */
static void windows_are_not_cut(void **unused)
{
    (void)unused;
    sample_network sample;
    sample_build_mixed(&sample);
    const snn_planner_request right = set_windows(&sample.network, 8, 8);
    for (int i = 0; i < 2; i++) {
        snn_planner_request request = right;
        snn_cost_model *model;
        request.timesteps = i == 0 ? 72 : 8;
        request.block = i == 0 ? 8 : 4;
        assert_int_equal(snn_cost_model_create(&sample.network, &request, &model).code, SNN_INTERNAL_ERROR);
        assert_null(model);
    }
}

/* Speeds are measured with made-up weights. Sums of codes over a large image must fit 32 bits with them. */
static void large_pools_are_measured(void **unused)
{
    (void)unused;
    enum { SIDE = 56, MOST_CHANNELS = 16 };
    static int32_t rest[MOST_CHANNELS];
    static char names[][8] = {"first", "second", "readout"};
    float ones[MOST_CHANNELS];
    int32_t tables;
    const snn_kernels *const *kernels = snn_kernels_all(&tables);
    sample_network sample;
    snn_speed_book book = {0};
    sample_begin(&sample, "pooled", (snn_shape){SIDE, SIDE, 3});
    const int32_t first = sample_add_population(&sample, SNN_NEURON_RELU, SIDE, MOST_CHANNELS);
    (void)sample_add_convolution(&sample, SNN_SOURCE_INPUT, 1);
    const int32_t second = sample_add_population(&sample, SNN_NEURON_RELU, 1, 8);
    snn_operator *pooled = sample_add_projection(&sample, first, SNN_OPERATOR_DENSE);
    pooled->pooled = true;
    pooled->pool = (snn_window){{SIDE, SIDE}, {1, 1}, {1, 1}, {0, 0}, {0, 0}};
    sample_add_readout(&sample, second, 10);
    (void)set_windows(&sample.network, 8, 8);
    for (int32_t c = 0; c < MOST_CHANNELS; c++) {
        ones[c] = 1.0f;
    }
    for (int32_t p = 0; p < sample.network.population_count; p++) {
        snn_population *population = &sample.populations[p];
        population->name = names[p];
        population->scale = population->step = population->bias = ones;
        population->bias_positions = 1;
        if (p <= second) {
            population->unit = 0.01f;
            population->rest = rest;
        }
    }
    const snn_work work = {.images = 1, .block = 8, .threads = 1, .encoding = SNN_ENCODING_DIRECT};
    const snn_status status = snn_calibrate(&sample.network, kernels[tables - 1], &work, 1, 1e-4, &book);
    assert_string_equal(status.message, "");
    assert_int_equal(book.count, 3);
    snn_speed_book_clear(&book);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_made_when_inputs_change),
        cmocka_unit_test(products_of_other_kinds),
        cmocka_unit_test(keys_of_windows),
        cmocka_unit_test(traffic_of_windows),
        cmocka_unit_test(prediction_of_one_rank),
        cmocka_unit_test(memory_of_windows),
        cmocka_unit_test(plans_of_windows),
        cmocka_unit_test(assumed_prices_of_windows),
        cmocka_unit_test(windows_are_not_cut),
        cmocka_unit_test(large_pools_are_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
