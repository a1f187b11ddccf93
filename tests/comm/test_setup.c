/* What setting up a rank takes does not grow with the number of ranks: counted, of ranks that are set up without the
 * others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/comm/setup.h"
#include "tests/core/network/sample.h"

enum { FEW = 64, SAMPLES = 16, MOST_STAGES = 8 };

/* Convolutions of 64, 128 and 256 channels, a residual connection, and a dense layer of 64 units of 16 channels: of
 * more shards than 64 only that many have work. */
static snn_network *wide_network(void)
{
    const snn_operator convolution = {.kind = SNN_OPERATOR_CONVOLUTION,
                                      .window = {{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}}};
    const snn_operator diagonal = {.kind = SNN_OPERATOR_DIAGONAL}, dense = {.kind = SNN_OPERATOR_DENSE};
    sample made = sample_begin(SNN_WEIGHTS_INT16, (snn_shape){2, 2, 3}, 10, 5);
    const int32_t stem = sample_population(&made, SNN_NEURON_RELU, (snn_shape){2, 2, 64}, NULL, false);
    sample_projection(&made, SNN_SOURCE_INPUT, stem, convolution);
    const int32_t inner = sample_population(&made, SNN_NEURON_RELU, (snn_shape){2, 2, 64}, NULL, false);
    sample_projection(&made, stem, inner, convolution);
    const int32_t joined = sample_population(&made, SNN_NEURON_RELU, (snn_shape){2, 2, 64}, NULL, false);
    sample_projection(&made, stem, joined, diagonal);
    sample_projection(&made, inner, joined, convolution);
    const int32_t wider = sample_population(&made, SNN_NEURON_RELU, (snn_shape){2, 2, 128}, NULL, false);
    sample_projection(&made, joined, wider, convolution);
    const int32_t widest = sample_population(&made, SNN_NEURON_RELU, (snn_shape){2, 2, 256}, NULL, false);
    sample_projection(&made, wider, widest, convolution);
    const int32_t flat = sample_population(&made, SNN_NEURON_RELU, (snn_shape){1, 1, 1024}, NULL, false);
    sample_projection(&made, widest, flat, dense);
    const int32_t last = sample_population(&made, SNN_NEURON_RELU, (snn_shape){1, 1, 1024}, NULL, false);
    sample_projection(&made, flat, last, dense);
    const int32_t readout = sample_readout(&made);
    sample_projection(&made, last, readout, dense);
    sample_finish(&made);
    return made.network;
}

static snn_plan *plan_of(const snn_network *network, int32_t replicas, int32_t stages, int32_t shards)
{
    int32_t begin[MOST_STAGES + 1] = {0}, shard_counts[MOST_STAGES];
    for (int32_t stage = 0; stage < stages; stage++) {
        begin[stage + 1] = network->population_count * (stage + 1) / stages;
        shard_counts[stage] = shards;
    }
    snn_plan *plan = NULL;
    const snn_status status = snn_plan_create(replicas, stages, begin, shard_counts, network->population_count, &plan);
    assert_string_equal(status.message, "");
    return plan;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void take_most(setup_cost *most, const setup_cost *cost)
{
    most->edges = larger(most->edges, cost->edges);
    most->bytes = larger(most->bytes, cost->bytes);
    most->shard_bytes = larger(most->shard_bytes, cost->shard_bytes);
    most->lookups = larger(most->lookups, cost->lookups);
    most->messages.sent = larger(most->messages.sent, cost->messages.sent);
    most->messages.received = larger(most->messages.received, cost->messages.received);
    most->messages.collectives = larger(most->messages.collectives, cost->messages.collectives);
}

/* The most that any rank takes of each; of more than FEW ranks those of SAMPLES and the last one, which owns something
 * of every population. Rank 0 is not among them: for a moment it has the names of all ranks' hosts. */
static void measure(const snn_network *network, const snn_plan *plan, int32_t host_ranks, setup_cost *most)
{
    const int32_t ranks = snn_plan_ranks(plan), apart = ranks > FEW ? ranks / SAMPLES : 1;
    for (int32_t next = 1; next < ranks + apart; next += apart) {
        const int32_t place = next / apart % apart; /* another one in each replica */
        const int32_t rank = next + place < ranks ? next + place : ranks - 1;
        const setup of = {.network = network, .plan = plan, .rank = rank, .host_ranks = host_ranks, .images = 1};
        setup_cost cost;
        const snn_status status = setup_measure(&of, &cost);
        assert_string_equal(status.message, "");
        take_most(most, &cost);
    }
}

/* By no more than a tenth (other ranks of a host have work, or the readout's owner is one more to talk to), and `also`.
 */
static void flat(const char *what, int64_t before, int64_t after, int64_t also)
{
    enum { TENTH = 10 };
    print_message("    %s %lld, then %lld\n", what, (long long)before, (long long)after);
    assert_true(after <= before + before / TENTH + also);
}

/* From some ranks to many more of them nothing grows, but for a table of hosts, 4 bytes a rank. What few ranks have in
 * memory may go by packets among many, so the few are also looked at on a host each. */
static void check(const snn_network *network, const int32_t few[3], const int32_t more[3], int32_t host_ranks)
{
    enum { BYTES_A_RANK = 4 };
    snn_plan *small = plan_of(network, few[0], few[1], few[2]);
    snn_plan *large = plan_of(network, more[0], more[1], more[2]);
    setup_cost before = {0}, after = {0};
    measure(network, small, 1, &before);
    if (host_ranks > 1) {
        measure(network, small, host_ranks, &before);
    }
    measure(network, large, host_ranks, &after);
    print_message("%dx%dx%d, then %dx%dx%d, %d to a host\n", (int)few[0], (int)few[1], (int)few[2], (int)more[0],
                  (int)more[1], (int)more[2], (int)host_ranks);
    flat("edges", before.edges, after.edges, 0);
    flat("look-ups", before.lookups, after.lookups, 0);
    flat("bytes", before.bytes, after.bytes, (int64_t)BYTES_A_RANK * (snn_plan_ranks(large) - snn_plan_ranks(small)));
    flat("bytes of the network", before.shard_bytes, after.shard_bytes, 0);
    flat("messages sent", before.messages.sent, after.messages.sent, 0);
    flat("messages received", before.messages.received, after.messages.received, 0);
    flat("collectives", before.messages.collectives, after.messages.collectives, 0);
    snn_plan_destroy(small);
    snn_plan_destroy(large);
}

static void test_flat(void **state)
{
    (void)state;
    static const int32_t layouts[][2][3] = {{{1, 1, 64}, {1, 1, 1024}},
                                            {{1, 1, 64}, {1, 1, 16384}},
                                            {{4, 4, 4}, {64, 4, 4}},
                                            {{16, 1, 1}, {1024, 1, 1}},
                                            {{1, 2, 64}, {1, 2, 512}}};
    snn_network *network = wide_network();
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        check(network, layouts[i][0], layouts[i][1], 1);
        check(network, layouts[i][0], layouts[i][1], 16);
    }
    snn_network_destroy(network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_flat)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
