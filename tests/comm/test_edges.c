/* The edges of random plans, against a loop over all pairs of places. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "comm/edges.h"
#include "core/base/memory.h"
#include "tests/partition/sample_network.h"

enum { MOST_CHANNELS = 32 }; /* in the sample */

static int32_t draw(uint64_t *random, int32_t low, int32_t high)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return low + (int32_t)((*random >> 33) % (uint64_t)(high - low + 1));
}

static snn_plan *random_plan(uint64_t *random, int32_t populations)
{
    enum { MOST_STAGES = 6 };
    int32_t stages = draw(random, 1, MOST_STAGES);
    int32_t begin[MOST_STAGES + 1] = {0};
    int32_t shards[MOST_STAGES];
    for (int32_t stage = 0; stage < stages; stage++) {
        shards[stage] = draw(random, 1, 15); /* may be more than there are channels */
        begin[stage + 1] =
            stage + 1 == stages ? populations : draw(random, begin[stage], populations); /* may be empty */
    }
    snn_plan *plan = NULL;
    snn_status status = snn_plan_create(draw(random, 1, 3), stages, begin, shards, populations, &plan);
    assert_string_equal(status.message, "");
    return plan;
}

static int covers(snn_channel_range range, int32_t channel)
{
    return range.begin <= channel && channel < range.end;
}

/* Every channel that `to` needs and `from` owns is in exactly one edge between them, and no other channel is. `edges`:
 * of either. */
static void check_pair(const snn_edges *edges, const snn_plan *plan, const snn_network *network, int32_t source,
                       int32_t from, int32_t to)
{
    snn_channel_range owned = snn_plan_owned(plan, network, snn_plan_place(plan, from), source);
    snn_channel_range needed = snn_plan_needed(plan, network, snn_plan_place(plan, to), source);
    int carried[MOST_CHANNELS] = {0};
    for (int32_t i = 0; i < edges->count; i++) {
        const snn_edge *edge = &edges->edges[i];
        if (edge->source == source && edge->from == from && edge->to == to) {
            for (int32_t channel = edge->channels.begin; channel < edge->channels.end; channel++) {
                carried[channel]++;
            }
        }
    }
    for (int32_t channel = 0; channel < network->populations[source].shape.channels; channel++) {
        assert_int_equal(carried[channel], from != to && covers(owned, channel) && covers(needed, channel));
    }
}

/* Edges share a packet if and only if they carry the same, and then its number. */
static void check_packets(const snn_edges *edges)
{
    for (int32_t i = 0; i < edges->count; i++) {
        for (int32_t j = 0; j < edges->count; j++) {
            const snn_edge *a = &edges->edges[i], *b = &edges->edges[j];
            const int same = a->source == b->source && a->from == b->from && a->channels.begin == b->channels.begin &&
                             a->channels.end == b->channels.end;
            assert_int_equal(a->packet == b->packet, same);
            assert_int_equal(snn_edge_number(a) == snn_edge_number(b), same);
        }
    }
}

static void check_list(const snn_edges *edges, int32_t rank)
{
    check_packets(edges);
    for (int32_t i = 0; i < edges->count; i++) {
        const snn_edge *edge = &edges->edges[i];
        assert_true(edge->channels.begin < edge->channels.end);
        assert_true((edge->from == rank) != (edge->to == rank));
        assert_int_equal(edge->payload, SNN_PAYLOAD_BITS);
        if (i > 0) { /* strictly ordered, so one edge per source and pair: tags need no more */
            const snn_edge *before = edge - 1;
            assert_true(before->source < edge->source ||
                        (before->source == edge->source &&
                         (before->from < edge->from || (before->from == edge->from && before->to < edge->to))));
        }
    }
}

static void test_against_all_pairs(void **state)
{
    (void)state;
    sample_network sample;
    sample_build_mixed(&sample);
    const snn_network *network = &sample.network;
    uint64_t random = 1;
    for (int round = 0; round < 20; round++) {
        snn_plan *plan = random_plan(&random, network->population_count);
        int32_t ranks = snn_plan_ranks_per_replica(plan);
        int32_t replica = plan->replicas - 1;
        for (int32_t rank = replica * ranks; rank < (replica + 1) * ranks; rank++) {
            snn_edges edges = {0};
            assert_int_equal(snn_edges_derive(plan, network, rank, &edges).code, SNN_OK);
            check_list(&edges, rank);
            for (int32_t source = 0; source < network->population_count; source++) {
                for (int32_t other = replica * ranks; other < (replica + 1) * ranks; other++) {
                    check_pair(&edges, plan, network, source, rank, other);
                    check_pair(&edges, plan, network, source, other, rank);
                }
            }
            snn_edges_clear(&edges);
        }
        snn_plan_destroy(plan);
    }
}

static void test_replicas_have_the_same_edges(void **state)
{
    (void)state;
    sample_network sample;
    sample_build_mixed(&sample);
    const int32_t begin[] = {0, 4, sample.network.population_count};
    const int32_t shards[] = {3, 2};
    snn_plan *plan = NULL;
    assert_int_equal(snn_plan_create(3, 2, begin, shards, sample.network.population_count, &plan).code, SNN_OK);
    for (int32_t rank = 5; rank < 15; rank++) {
        const int32_t replica = rank / 5;
        snn_edges first = {0}, other = {0};
        assert_int_equal(snn_edges_derive(plan, &sample.network, rank % 5, &first).code, SNN_OK);
        assert_int_equal(snn_edges_derive(plan, &sample.network, rank, &other).code, SNN_OK);
        assert_true(first.count > 0);
        assert_int_equal(other.count, first.count);
        for (int32_t i = 0; i < first.count; i++) {
            assert_int_equal(other.edges[i].source, first.edges[i].source);
            assert_int_equal(other.edges[i].from, first.edges[i].from + 5 * replica);
            assert_int_equal(other.edges[i].to, first.edges[i].to + 5 * replica);
            assert_int_equal(other.edges[i].channels.begin, first.edges[i].channels.begin);
            assert_int_equal(other.edges[i].channels.end, first.edges[i].channels.end);
            assert_int_equal(other.edges[i].packet, first.edges[i].packet);
        }
        snn_edges_clear(&other);
        snn_edges_clear(&first);
    }
    snn_plan_destroy(plan);
}

/* Each rank has those of `expected` that it is an end of; packets are told apart by channels. */
static void check_edges(const snn_plan *plan, const snn_network *network, const snn_edge *expected, int32_t count)
{
    for (int32_t rank = 0; rank < snn_plan_ranks(plan); rank++) {
        snn_edges edges = {0};
        int32_t found = 0;
        assert_int_equal(snn_edges_derive(plan, network, rank, &edges).code, SNN_OK);
        for (int32_t i = 0; i < count; i++) {
            const snn_edge *want = &expected[i], *edge = &edges.edges[found];
            if (want->from != rank && want->to != rank) {
                continue;
            }
            assert_true(found++ < edges.count);
            assert_int_equal(edge->source, want->source);
            assert_int_equal(edge->from, want->from);
            assert_int_equal(edge->to, want->to);
            assert_int_equal(edge->channels.begin, want->channels.begin);
            assert_int_equal(edge->channels.end, want->channels.end);
            assert_int_equal(edge->payload, want->payload);
        }
        assert_int_equal(found, edges.count);
        check_packets(&edges);
        snn_edges_clear(&edges);
    }
}

static void test_one_rank_has_no_edges(void **state)
{
    (void)state;
    sample_network sample;
    sample_build_mixed(&sample);
    const int32_t begin[] = {0, sample.network.population_count};
    const int32_t shards[] = {1};
    snn_plan *plan = NULL;
    assert_int_equal(snn_plan_create(1, 1, begin, shards, sample.network.population_count, &plan).code, SNN_OK);
    snn_edges edges = {0};
    assert_int_equal(snn_edges_derive(plan, &sample.network, 0, &edges).code, SNN_OK);
    assert_int_equal(edges.count, 0);
    snn_edges_clear(&edges);
    snn_edges_clear(&edges); /* twice does no harm */
    snn_plan_destroy(plan);
}

/* A convolution that reads all channels, cut in three: each shard sends one packet, which serves both others. */
static void test_a_packet_serves_all_with_the_same_need(void **state)
{
    (void)state;
    sample_network sample;
    sample_begin(&sample, "chain", (snn_shape){4, 4, 3});
    (void)sample_add_population(&sample, SNN_NEURON_RELU, 4, 9);
    (void)sample_add_convolution(&sample, SNN_SOURCE_INPUT, 1);
    int32_t last = sample_add_population(&sample, SNN_NEURON_RELU, 4, 12);
    (void)sample_add_convolution(&sample, 0, 1);
    sample_add_readout(&sample, last, 10);
    const int32_t begin[] = {0, 3};
    const int32_t shards[] = {3};
    snn_plan *plan = NULL;
    assert_int_equal(snn_plan_create(1, 1, begin, shards, 3, &plan).code, SNN_OK);
    const snn_edge expected[] = {
        {0, 0, 1, {0, 3}, SNN_PAYLOAD_BITS, 0, false}, {0, 0, 2, {0, 3}, SNN_PAYLOAD_BITS, 0, false},
        {0, 1, 0, {3, 6}, SNN_PAYLOAD_BITS, 2, false}, {0, 1, 2, {3, 6}, SNN_PAYLOAD_BITS, 2, false},
        {0, 2, 0, {6, 9}, SNN_PAYLOAD_BITS, 4, false}, {0, 2, 1, {6, 9}, SNN_PAYLOAD_BITS, 4, false},
        {1, 1, 0, {4, 8}, SNN_PAYLOAD_BITS, 6, false}, {1, 2, 0, {8, 12}, SNN_PAYLOAD_BITS, 7, false}};
    check_edges(plan, &sample.network, expected, sizeof expected / sizeof expected[0]);
    snn_plan_destroy(plan);
}

/* A cut through a residual connection: integers of the stream, bits of what else is read. */
static void test_streams_send_integers(void **state)
{
    (void)state;
    sample_network sample;
    sample_build_attention(&sample);
    const int32_t begin[] = {0, 2, 4, 8};
    const int32_t shards[] = {1, 1, 2};
    snn_plan *plan = NULL;
    assert_int_equal(snn_plan_create(1, 3, begin, shards, 8, &plan).code, SNN_OK);
    /* stream 1 -> norm (whole) and the second stream's halves; queries -> both heads of attention, from each one's
     * first query to its last value; the heads to each other; the relay's second half -> readout */
    const snn_edge expected[] = {
        {1, 0, 1, {0, 14}, SNN_PAYLOAD_INTEGERS, 0, false}, {1, 0, 2, {0, 7}, SNN_PAYLOAD_INTEGERS, 1, false},
        {1, 0, 3, {7, 14}, SNN_PAYLOAD_INTEGERS, 2, false}, {3, 1, 2, {0, 35}, SNN_PAYLOAD_BITS, 3, false},
        {3, 1, 3, {7, 42}, SNN_PAYLOAD_BITS, 4, false},     {4, 2, 3, {0, 7}, SNN_PAYLOAD_BITS, 5, false},
        {4, 3, 2, {7, 14}, SNN_PAYLOAD_BITS, 6, false},     {6, 3, 2, {7, 14}, SNN_PAYLOAD_BITS, 7, false}};
    check_edges(plan, &sample.network, expected, sizeof expected / sizeof expected[0]);
    snn_plan_destroy(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_all_pairs),
        cmocka_unit_test(test_replicas_have_the_same_edges),
        cmocka_unit_test(test_one_rank_has_no_edges),
        cmocka_unit_test(test_streams_send_integers),
        cmocka_unit_test(test_a_packet_serves_all_with_the_same_need),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
