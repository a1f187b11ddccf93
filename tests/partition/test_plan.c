#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/memory.h"
#include "partition/plan.h"
#include "tests/partition/sample_network.h"

enum { LAYOUTS = 300, MOST_STAGES = 12, MOST_SHARDS = 40 };

static int32_t draw(uint32_t *seed, int32_t least, int32_t most)
{
    *seed = *seed * 1664525u + 1013904223u;
    return least + (int32_t)((*seed >> 8) % (uint32_t)(most - least + 1));
}

static int ascending(const void *a, const void *b)
{
    return *(const int32_t *)a - *(const int32_t *)b;
}

/* Random cuts (stages may be empty) and a random number of shards in each. */
static snn_plan *random_plan(uint32_t *seed, const snn_network *network)
{
    int32_t begin[MOST_STAGES + 1], shards[MOST_STAGES];
    const int32_t stages = draw(seed, 1, MOST_STAGES);
    for (int32_t stage = 0; stage < stages; stage++) {
        begin[stage] = draw(seed, 0, network->population_count);
        shards[stage] = draw(seed, 1, draw(seed, 1, MOST_SHARDS));
    }
    begin[0] = 0;
    begin[stages] = network->population_count;
    qsort(begin, (size_t)stages, sizeof begin[0], ascending);
    snn_plan *plan;
    const snn_status status =
        snn_plan_create(draw(seed, 1, 3), stages, begin, shards, network->population_count, &plan);
    assert_string_equal(status.message, "");
    return plan;
}

/* Written from the meaning of the operators, one channel at a time. */
static bool depends(const snn_operator *op, int32_t target_channel, int32_t source_channel)
{
    const int32_t target = target_channel - op->target_channel, source = source_channel - op->source_channel;
    if (target < 0 || target >= op->target_channels || source < 0 || source >= op->source_channels) {
        return false;
    }
    switch (op->kind) {
    case SNN_OPERATOR_CONVOLUTION:
        return target * op->groups / op->target_channels == source * op->groups / op->source_channels;
    case SNN_OPERATOR_DIAGONAL:
        return target == source;
    default:
        return true;
    }
}

static bool owns(const snn_plan *plan, const snn_network *network, snn_place place, int32_t population, int32_t channel)
{
    const snn_channel_range owned = snn_plan_owned(plan, network, place, population);
    return channel >= owned.begin && channel < owned.end;
}

static void each_channel_has_one_owner(void **unused)
{
    (void)unused;
    sample_network sample;
    uint32_t seed = 1;
    sample_build_mixed(&sample);
    const snn_network *network = &sample.network;
    for (int layout = 0; layout < LAYOUTS; layout++) {
        snn_plan *plan = random_plan(&seed, network);
        for (int32_t population = 0; population < network->population_count; population++) {
            for (int32_t channel = 0; channel < network->populations[population].shape.channels; channel++) {
                int32_t owners[3] = {0};
                for (int32_t rank = 0; rank < snn_plan_ranks(plan); rank++) {
                    const snn_place place = snn_plan_place(plan, rank);
                    const bool owner = owns(plan, network, place, population, channel);
                    owners[place.replica] += owner;
                    if (owner) {
                        assert_int_equal(snn_plan_stage_of(plan, population), place.stage);
                    }
                }
                for (int32_t replica = 0; replica < plan->replicas; replica++) {
                    assert_int_equal(owners[replica], 1);
                }
            }
        }
        snn_plan_destroy(plan);
    }
}

/* From any shard on, by looking at each. */
static void next_owner_is_the_next_that_owns(void **unused)
{
    (void)unused;
    sample_network sample;
    uint32_t seed = 2;
    sample_build_mixed(&sample);
    const snn_network *network = &sample.network;
    for (int layout = 0; layout < LAYOUTS; layout++) {
        snn_plan *plan = random_plan(&seed, network);
        for (int32_t population = 0; population < network->population_count; population++) {
            const int32_t stage = snn_plan_stage_of(plan, population);
            int32_t next = plan->shards[stage];
            for (int32_t shard = plan->shards[stage]; shard >= 0; shard--) {
                const snn_place place = {0, stage, shard};
                if (shard < plan->shards[stage] &&
                    snn_channel_range_count(snn_plan_owned(plan, network, place, population)) > 0) {
                    next = shard;
                }
                assert_int_equal(snn_plan_next_owner(plan, network, population, shard), next);
            }
        }
        snn_plan_destroy(plan);
    }
}

static void readout_belongs_to_shard_0(void **unused)
{
    (void)unused;
    sample_network sample;
    sample_build_mixed(&sample);
    const int32_t readout = sample.network.population_count - 1;
    const int32_t begin[] = {0, 3, readout + 1}, shards[] = {2, 5};
    snn_plan *plan;
    assert_false(snn_failed(snn_plan_create(1, 2, begin, shards, readout + 1, &plan)));
    for (int32_t rank = 0; rank < 7; rank++) {
        const snn_channel_range owned = snn_plan_owned(plan, &sample.network, snn_plan_place(plan, rank), readout);
        assert_int_equal(owned.begin, 0);
        assert_int_equal(owned.end, rank == 2 ? 10 : 0);
    }
    snn_plan_destroy(plan);
}

static void ranks_and_places_are_inverse(void **unused)
{
    (void)unused;
    sample_network sample;
    uint32_t seed = 2;
    sample_build_mixed(&sample);
    for (int layout = 0; layout < LAYOUTS; layout++) {
        snn_plan *plan = random_plan(&seed, &sample.network);
        int32_t rank = 0;
        for (int32_t replica = 0; replica < plan->replicas; replica++) {
            for (int32_t stage = 0; stage < plan->stages; stage++) {
                for (int32_t shard = 0; shard < plan->shards[stage]; shard++, rank++) {
                    const snn_place place = snn_plan_place(plan, rank);
                    assert_int_equal(place.replica, replica);
                    assert_int_equal(place.stage, stage);
                    assert_int_equal(place.shard, shard);
                    assert_int_equal(snn_plan_rank(plan, place), rank);
                }
            }
        }
        assert_int_equal(snn_plan_ranks(plan), rank);
        assert_int_equal(snn_plan_ranks_per_replica(plan) * plan->replicas, rank);
        snn_plan_destroy(plan);
    }
}

/* Neurons of several inputs: those of a head, or all of them, wherever any of the outputs is owned that they lead to.
 */
static bool decodes(const snn_plan *plan, const snn_network *network, snn_place place, int32_t population,
                    int32_t channel)
{
    const snn_population *neurons = &network->populations[population];
    if (neurons->kind != SNN_NEURON_LAYER_NORM && neurons->kind != SNN_NEURON_ATTENTION) {
        return owns(plan, network, place, population, channel);
    }
    const bool heads = neurons->kind == SNN_NEURON_ATTENTION;
    const int32_t channels = neurons->shape.channels, head = channels / (heads ? neurons->groups : 1);
    for (int32_t output = 0; output < channels; output++) {
        if (owns(plan, network, place, population, output) &&
            (!heads ||
             (channel >= 2 * channels ? channel % channels == output : channel % channels / head == output / head))) {
            return true;
        }
    }
    return false;
}

static bool needs(const snn_plan *plan, const snn_network *network, snn_place place, int32_t source, int32_t channel)
{
    for (int32_t i = 0; i < network->projection_count; i++) {
        const snn_projection *projection = &network->projections[i];
        const int32_t channels = network->populations[projection->target].input.channels;
        for (int32_t target = 0; projection->source == source && target < channels; target++) {
            if (decodes(plan, network, place, projection->target, target) &&
                depends(&projection->op, target, channel)) {
                return true;
            }
        }
    }
    return false;
}

static void check_needed(const snn_network *network)
{
    uint32_t seed = 3;
    for (int layout = 0; layout < 30; layout++) {
        snn_plan *plan = random_plan(&seed, network);
        for (int32_t rank = 0; rank < snn_plan_ranks_per_replica(plan); rank++) {
            const snn_place place = snn_plan_place(plan, rank);
            for (int32_t source = SNN_SOURCE_INPUT; source < network->population_count; source++) {
                const int32_t channels =
                    source == SNN_SOURCE_INPUT ? network->input.channels : network->populations[source].shape.channels;
                snn_channel_range expected = {0, 0};
                for (int32_t channel = 0; channel < channels; channel++) {
                    if (needs(plan, network, place, source, channel)) {
                        expected.begin = expected.end == 0 ? channel : expected.begin;
                        expected.end = channel + 1;
                    }
                }
                const snn_channel_range needed = snn_plan_needed(plan, network, place, source);
                assert_int_equal(needed.begin, expected.begin);
                assert_int_equal(needed.end, expected.end);
            }
        }
        snn_plan_destroy(plan);
    }
}

static void needed_is_what_owned_channels_depend_on(void **unused)
{
    (void)unused;
    sample_network sample;
    sample_build_mixed(&sample);
    check_needed(&sample.network);
    sample_build_attention(&sample);
    check_needed(&sample.network);
}

/* From the first to the last of them. */
static void rows_are_those_of_decoded_channels(void **unused)
{
    (void)unused;
    sample_network sample;
    uint32_t seed = 5;
    sample_build_attention(&sample);
    const snn_network *network = &sample.network;
    for (int layout = 0; layout < 30; layout++) {
        snn_plan *plan = random_plan(&seed, network);
        for (int32_t rank = 0; rank < snn_plan_ranks_per_replica(plan); rank++) {
            const snn_place place = snn_plan_place(plan, rank);
            for (int32_t i = 0; i < network->projection_count; i++) {
                const snn_projection *projection = &network->projections[i];
                int32_t begin, end, count = 0, first = 0, last = 0;
                snn_plan_rows(plan, network, place, i, &begin, &end);
                for (int32_t row = 0; row < projection->op.target_channels; row++) {
                    if (decodes(plan, network, place, projection->target, projection->op.target_channel + row)) {
                        first = count++ == 0 ? row : first;
                        last = row + 1;
                    }
                }
                assert_int_equal(begin, first);
                assert_int_equal(end, last);
                assert_int_equal(snn_plan_row_count(plan, network, place, i), count);
            }
        }
        snn_plan_destroy(plan);
    }
}

static void each_row_is_held_once(void **unused)
{
    (void)unused;
    sample_network sample;
    uint32_t seed = 4;
    sample_build_mixed(&sample);
    const snn_network *network = &sample.network;
    for (int layout = 0; layout < LAYOUTS; layout++) {
        snn_plan *plan = random_plan(&seed, network);
        for (int32_t i = 0; i < network->projection_count; i++) {
            const snn_projection *projection = &network->projections[i];
            int32_t holders[64] = {0};
            for (int32_t rank = 0; rank < snn_plan_ranks_per_replica(plan); rank++) {
                const snn_place place = snn_plan_place(plan, rank);
                int32_t begin, end;
                snn_plan_rows(plan, network, place, i, &begin, &end);
                assert_true(0 <= begin && begin <= end && end <= projection->op.target_channels);
                for (int32_t row = begin; row < end; row++) {
                    assert_true(owns(plan, network, place, projection->target, projection->op.target_channel + row));
                    holders[row]++;
                }
            }
            for (int32_t row = 0; row < projection->op.target_channels; row++) {
                assert_int_equal(holders[row], 1);
            }
        }
        snn_plan_destroy(plan);
    }
}

static void huge_shard_numbers_do_not_overflow(void **unused)
{
    (void)unused;
    snn_population population = {.kind = SNN_NEURON_RELU, .shape = {1, 1, 100000}, .input = {1, 1, 100000}};
    const snn_network network = {.populations = &population, .population_count = 1};
    const int32_t begin[] = {0, 1}, shards[] = {1000000};
    snn_plan *plan;
    assert_false(snn_failed(snn_plan_create(1, 1, begin, shards, 1, &plan)));
    const snn_channel_range last = snn_plan_owned(plan, &network, (snn_place){.shard = 999999}, 0);
    assert_int_equal(last.begin, 99984); /* a vector of channels */
    assert_int_equal(last.end, 100000);
    assert_int_equal(snn_plan_next_owner(plan, &network, 0, 999985), 999999); /* of 6250 units */
    assert_int_equal(snn_plan_next_owner(plan, &network, 0, 1000000), 1000000);
    const snn_channel_range none = snn_plan_owned(plan, &network, (snn_place){.shard = 999998}, 0);
    assert_int_equal(none.begin, none.end);
    snn_plan_destroy(plan);
}

/* Heads, vectors of wide populations, and bytes of others are not divided; the last one may be smaller. */
static void units_stay_together(void **unused)
{
    (void)unused;
    static const struct {
        snn_neuron_kind kind;
        int32_t channels, groups, unit, units;
    } cases[] = {{SNN_NEURON_RELU, 15, 0, 1, 15},      {SNN_NEURON_RELU, 16, 0, 8, 2},
                 {SNN_NEURON_RELU, 63, 0, 8, 8},       {SNN_NEURON_RELU, 64, 0, 16, 4},
                 {SNN_NEURON_RELU, 100, 0, 16, 7},     {SNN_NEURON_ATTENTION, 192, 3, 64, 3},
                 {SNN_NEURON_LAYER_NORM, 40, 1, 8, 5}, {SNN_NEURON_LAYER_NORM, 40, 4, 10, 4},
                 {SNN_NEURON_MIX, 12, 1, 12, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const snn_population population = {
            .kind = cases[i].kind, .shape = {2, 2, cases[i].channels}, .groups = cases[i].groups};
        assert_int_equal(snn_plan_unit(&population), cases[i].unit);
        assert_int_equal(snn_plan_units(&population), cases[i].units);
        const snn_channel_range last = snn_plan_unit_range(&population, cases[i].units - 1, cases[i].units);
        assert_int_equal(last.begin, (cases[i].units - 1) * cases[i].unit);
        assert_int_equal(last.end, cases[i].channels);
    }
}

static void describe_names_the_layout(void **unused)
{
    (void)unused;
    char text[64], tiny[6];
    const int32_t begin[] = {0, 1, 4}, uniform[] = {2, 2}, uneven[] = {2, 1};
    snn_plan *plan;
    assert_false(snn_failed(snn_plan_create(1, 2, begin, uniform, 4, &plan)));
    assert_string_equal(snn_plan_describe(plan, text, sizeof text), "1x2x2");
    assert_string_equal(snn_plan_describe(plan, tiny, 4), "1x2");
    snn_plan_destroy(plan);
    assert_false(snn_failed(snn_plan_create(3, 2, begin, uneven, 4, &plan)));
    assert_string_equal(snn_plan_describe(plan, text, sizeof text), "3x[2,1]");
    assert_string_equal(snn_plan_describe(plan, tiny, sizeof tiny), "3x...");
    assert_string_equal(snn_plan_describe(plan, tiny, 1), "");
    snn_plan_destroy(plan);
}

static void assert_refused(int32_t replicas, int32_t stages, const int32_t *begin, const int32_t *shards,
                           const char *message)
{
    snn_plan *plan = NULL;
    const snn_status status = snn_plan_create(replicas, stages, begin, shards, 4, &plan);
    assert_int_equal(status.code, SNN_INPUT_ERROR);
    assert_string_equal(status.message, message);
    assert_null(plan);
}

static void impossible_plans_are_refused(void **unused)
{
    (void)unused;
    const int32_t good[] = {0, 1, 4}, gap[] = {0, 1, 3}, late[] = {1, 1, 4}, crossed[] = {0, 5, 4};
    const int32_t shards[] = {1, 2}, none[] = {1, 0}, many[] = {1 << 20, 1};
    assert_refused(0, 2, good, shards, "plan: 0 replicas of 2 stages; both must be 1 or more, stages at most 1048576");
    assert_refused(1, 2, gap, shards, "plan: stages cover populations [0, 3), the network has [0, 4)");
    assert_refused(1, 2, late, shards, "plan: stages cover populations [1, 4), the network has [0, 4)");
    assert_refused(1, 2, crossed, shards, "plan: stage 1 begins at population 5, the next one at 4");
    assert_refused(1, 2, good, none, "plan: stage 1 has 0 shards, must be 1 or more");
    assert_refused(1, 2, good, many, "plan: 1 replicas of 1048577 ranks each; at most 1048576 ranks are supported");
    assert_refused(INT32_MAX, 2, good, shards,
                   "plan: 2147483647 replicas of 3 ranks each; at most 1048576 ranks are supported");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_stay_together),
        cmocka_unit_test(each_channel_has_one_owner),
        cmocka_unit_test(next_owner_is_the_next_that_owns),
        cmocka_unit_test(readout_belongs_to_shard_0),
        cmocka_unit_test(ranks_and_places_are_inverse),
        cmocka_unit_test(needed_is_what_owned_channels_depend_on),
        cmocka_unit_test(rows_are_those_of_decoded_channels),
        cmocka_unit_test(each_row_is_held_once),
        cmocka_unit_test(huge_shard_numbers_do_not_overflow),
        cmocka_unit_test(describe_names_the_layout),
        cmocka_unit_test(impossible_plans_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
