/* What ranks repeat of each other's work: counts in closed form on small networks, and what the planner's choices
 * repeat on networks of real size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/partition/planner_fixture.h"

static snn_inflation inflation_of(const snn_plan *plan, const snn_network *network, const snn_planner_request *request)
{
    snn_cost_model *model;
    assert_false(snn_failed(snn_cost_model_create(network, request, &model)));
    const snn_inflation inflation = snn_plan_inflation(model, plan);
    snn_cost_model_destroy(model);
    return inflation;
}

static snn_inflation of_shards(const snn_network *network, int32_t shards)
{
    const int32_t begin[] = {0, network->population_count};
    snn_plan *plan;
    assert_false(snn_failed(snn_plan_create(1, 1, begin, &shards, network->population_count, &plan)));
    const snn_inflation inflation = inflation_of(plan, network, &REQUEST);
    snn_plan_destroy(plan);
    return inflation;
}

static void assert_near(double value, double expected)
{
    assert_true(value > expected * (1 - 1e-12) && value < expected * (1 + 1e-12));
}

/* ---- closed forms ---- */

/* Every shard reads the image and the 64 channels before its own; the readout is one shard's. */
static void shards_read_what_others_read(void **unused)
{
    (void)unused;
    sample_network sample;
    sample_begin(&sample, "two", (snn_shape){8, 8, 3});
    for (int32_t i = 0; i < 2; i++) {
        (void)sample_add_population(&sample, SNN_NEURON_RELU, 8, 64);
        (void)sample_add_convolution(&sample, i - 1, 1);
    }
    sample_add_readout(&sample, 1, 10);
    for (int32_t shards = 1; shards <= 8; shards++) {
        const int32_t working = shards < 4 ? shards : 4; /* of 64 channels 16 stay together */
        const snn_inflation inflation = of_shards(&sample.network, shards);
        assert_near(inflation.products, 1.0);
        assert_near(inflation.values, (working * (3.0 + 64.0) + 64.0) / (3.0 + 64.0 + 64.0));
        assert_near(inflation.inputs, 1.0);
    }
}

/* A norm of 14 channels over two shards: 7 outputs each, of all 14 inputs, at 16 positions. */
static void norms_sum_up_whole_positions(void **unused)
{
    (void)unused;
    sample_network sample;
    sample_begin(&sample, "norm", (snn_shape){4, 4, 3});
    (void)sample_add_population(&sample, SNN_NEURON_RELU, 4, 14);
    (void)sample_add_convolution(&sample, SNN_SOURCE_INPUT, 1);
    (void)sample_add_population(&sample, SNN_NEURON_LAYER_NORM, 4, 14);
    (void)sample_add_projection(&sample, 0, SNN_OPERATOR_DIAGONAL);
    sample_add_readout(&sample, 1, 10);
    const double positions = 16.0, rest = positions * 14 + 10;
    assert_near(of_shards(&sample.network, 2).inputs, (rest + 2 * positions * 14) / (rest + positions * 14));
}

/* ---- networks of real size ---- */

static void build_vgg16(sample_network *sample)
{
    static const int32_t channels[] = {64, 128, 256, 512, 512}, convolutions[] = {2, 2, 3, 3, 3};
    sample_begin(sample, "VGG-16", (snn_shape){224, 224, 3});
    int32_t source = SNN_SOURCE_INPUT;
    for (int32_t stage = 0, side = 224; stage < 5; stage++, side /= 2) {
        for (int32_t i = 0; i < convolutions[stage]; i++) {
            const int32_t next = sample_add_population(sample, SNN_NEURON_RELU, side, channels[stage]);
            (void)sample_add_convolution(sample, source, 1);
            source = next;
        }
        source = sample_add_maximum(sample, source);
    }
    for (int32_t i = 0; i < 2; i++) {
        const int32_t next = sample_add_population(sample, SNN_NEURON_RELU, 1, 4096);
        (void)sample_add_projection(sample, source, SNN_OPERATOR_DENSE);
        source = next;
    }
    sample_add_readout(sample, source, 1000);
}

static int32_t add_block(sample_network *sample, int32_t source, int32_t side, int32_t channels)
{
    const bool wider = sample->populations[source].shape.channels != channels;
    const int32_t stride = wider ? 2 : 1;
    const int32_t inner = sample_add_population(sample, SNN_NEURON_RELU, side, channels);
    snn_operator *first = sample_add_convolution(sample, source, 1);
    first->window.stride[0] = first->window.stride[1] = stride;
    const int32_t outer = sample_add_population(sample, SNN_NEURON_RELU, side, channels);
    snn_operator *past =
        sample_add_projection(sample, source, wider ? SNN_OPERATOR_CONVOLUTION : SNN_OPERATOR_DIAGONAL);
    past->window = (snn_window){{1, 1}, {stride, stride}, {1, 1}, {0, 0}, {0, 0}};
    (void)sample_add_convolution(sample, inner, 1);
    return outer;
}

static void build_resnet34(sample_network *sample)
{
    static const int32_t blocks[] = {3, 4, 6, 3};
    sample_begin(sample, "ResNet-34", (snn_shape){224, 224, 3});
    int32_t source = sample_add_population(sample, SNN_NEURON_RELU, 112, 64);
    snn_operator *stem = sample_add_convolution(sample, SNN_SOURCE_INPUT, 1);
    stem->window = (snn_window){{7, 7}, {2, 2}, {1, 1}, {3, 3}, {3, 3}};
    source = sample_add_maximum(sample, source);
    for (int32_t stage = 0; stage < 4; stage++) {
        for (int32_t i = 0; i < blocks[stage]; i++) {
            source = add_block(sample, source, 56 >> stage, 64 << stage);
        }
    }
    sample_add_readout(sample, source, 1000);
}

static int32_t add_pointwise(sample_network *sample, snn_neuron_kind kind, int32_t source, int32_t channels)
{
    const int32_t side = sample->populations[source].shape.height;
    const int32_t next = sample_add_population(sample, kind, side, channels);
    snn_operator *op = sample_add_projection(sample, source, SNN_OPERATOR_CONVOLUTION);
    op->window = (snn_window){{1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}};
    return next;
}

/* 14 x 14 patches, without a token for the class. */
static void build_vit_tiny(sample_network *sample)
{
    enum { WIDTH = 192, HEADS = 3, BLOCKS = 12 };
    sample_begin(sample, "ViT-Tiny", (snn_shape){224, 224, 3});
    int32_t stream = sample_add_population(sample, SNN_NEURON_STREAM, 14, WIDTH);
    snn_operator *patches = sample_add_convolution(sample, SNN_SOURCE_INPUT, 1);
    patches->window = (snn_window){{16, 16}, {16, 16}, {1, 1}, {0, 0}, {0, 0}};
    for (int32_t half = 0; half < 2 * BLOCKS; half++) {
        const int32_t norm = sample_add_population(sample, SNN_NEURON_LAYER_NORM, 14, WIDTH);
        (void)sample_add_projection(sample, stream, SNN_OPERATOR_DIAGONAL);
        int32_t branch;
        if (half % 2 == 0) {
            const int32_t queries = add_pointwise(sample, SNN_NEURON_LINEAR, norm, 3 * WIDTH);
            branch = sample_add_population(sample, SNN_NEURON_ATTENTION, 14, WIDTH);
            sample->populations[branch].input.channels = 3 * WIDTH;
            sample->populations[branch].groups = HEADS;
            (void)sample_add_projection(sample, queries, SNN_OPERATOR_DIAGONAL);
        } else {
            branch = add_pointwise(sample, SNN_NEURON_GELU, norm, 4 * WIDTH);
        }
        const int32_t next = sample_add_population(sample, SNN_NEURON_STREAM, 14, WIDTH);
        (void)sample_add_projection(sample, stream, SNN_OPERATOR_DIAGONAL);
        snn_operator *op = sample_add_projection(sample, branch, SNN_OPERATOR_CONVOLUTION);
        op->window = (snn_window){{1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}};
        stream = next;
    }
    const int32_t relay = sample_add_population(sample, SNN_NEURON_LINEAR, 1, WIDTH);
    snn_operator *pooled = sample_add_projection(sample, stream, SNN_OPERATOR_DIAGONAL);
    pooled->pooled = true;
    pooled->pool = (snn_window){{14, 14}, {14, 14}, {1, 1}, {0, 0}, {0, 0}};
    sample_add_readout(sample, relay, 1000);
}

static void (*const builders[])(sample_network *) = {build_vgg16, build_resnet34, build_vit_tiny};
enum { NETWORKS = sizeof builders / sizeof builders[0] };

/* Where all ranks share every image, on a machine where each has a processor. For a value that is read, or an input,
 * some 14 instructions were counted at most (partition/README.md), for 64 products as many. */
static void choices_repeat_little(void **unused)
{
    (void)unused;
    enum { PRODUCTS = 64 };
    for (int32_t i = 0; i < NETWORKS; i++) {
        sample_network sample;
        builders[i](&sample);
        for (int32_t ranks = 4; ranks <= 16; ranks *= 4) {
            snn_machine machine = snn_machine_assumed();
            machine.host_ranks = ranks;
            snn_planner_request request = REQUEST;
            request.ranks = ranks;
            request.replicas = 1;
            request.machine = &machine;
            snn_plan *plan = make(&sample.network, request);
            int64_t work = 0;
            for (int32_t rank = 0; rank < ranks; rank++) {
                const snn_rank_cost cost = cost_of(plan, &sample.network, &request, rank);
                work += cost.operations + PRODUCTS * (cost.values + cost.inputs);
            }
            snn_plan_destroy(plan);
            request.ranks = 1;
            plan = make(&sample.network, request);
            const snn_rank_cost alone = cost_of(plan, &sample.network, &request, 0);
            snn_plan_destroy(plan);
            const int64_t once = alone.operations + PRODUCTS * (alone.values + alone.inputs);
            assert_true((double)work <= (ranks == 4 ? 1.15 : 1.5) * (double)once);
        }
    }
}

/* Channels that do not divide evenly are not multiplied twice, nor are heads. */
static void shards_of_channels_multiply_nothing_twice(void **unused)
{
    (void)unused;
    for (int32_t i = 0; i < NETWORKS; i++) {
        sample_network sample;
        builders[i](&sample);
        for (int32_t shards = 4; shards <= 16; shards *= 4) {
            const snn_inflation inflation = of_shards(&sample.network, shards);
            assert_true(inflation.products > 0.999 && inflation.products < 1.02);
            assert_true(inflation.values > 1.5 && inflation.values <= shards);
            assert_true(inflation.inputs >= 1.0 && inflation.inputs < (shards == 4 ? 1.5 : 3.0));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shards_read_what_others_read),
        cmocka_unit_test(norms_sum_up_whole_positions),
        cmocka_unit_test(choices_repeat_little),
        cmocka_unit_test(shards_of_channels_multiply_nothing_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
