#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/partition/planner_fixture.h"

static void every_rank_count_has_a_plan(void **unused)
{
    (void)unused;
    sample_network sample;
    snn_planner_request request = REQUEST;
    sample_build_mixed(&sample);
    for (request.ranks = 1; request.ranks <= 64; request.ranks++) {
        snn_plan *plan = make(&sample.network, request);
        assert_int_equal(snn_plan_ranks(plan), request.ranks);
        assert_int_equal(plan->stage_begin[0], 0);
        assert_int_equal(plan->stage_begin[plan->stages], sample.network.population_count);
        for (int32_t stage = 0; stage < plan->stages; stage++) {
            assert_true(plan->stage_begin[stage] <= plan->stage_begin[stage + 1]);
            assert_true(plan->shards[stage] >= 1);
        }
        const snn_prediction prediction = prediction_of(plan, &sample.network, &request);
        assert_true(prediction.seconds > 0 && prediction.efficiency > 0 && prediction.efficiency < 1.01);
        const double sum = prediction.compute + prediction.communicate + prediction.imbalance + prediction.bubble;
        assert_true(sum > 0.95 && sum < 1.05);
        snn_plan_destroy(plan);
    }
}

static void fixed_numbers_are_kept(void **unused)
{
    (void)unused;
    sample_network sample;
    snn_planner_request request = REQUEST;
    sample_build_mixed(&sample);
    request.ranks = 24;
    for (int32_t fixed = 0; fixed < 8; fixed++) {
        request.replicas = fixed & 1 ? 2 : 0;
        request.stages = fixed & 2 ? 3 : 0;
        request.channels = fixed & 4 ? 4 : 0;
        snn_plan *plan = make(&sample.network, request);
        assert_int_equal(snn_plan_ranks(plan), 24);
        assert_true(request.replicas == 0 || plan->replicas == 2);
        assert_true(request.stages == 0 || plan->stages == 3);
        assert_true(request.channels == 0 || plan->shards[0] == 4);
        snn_plan_destroy(plan);
    }
}

static void more_stages_or_shards_than_work(void **unused)
{
    (void)unused;
    sample_network sample;
    snn_planner_request request = REQUEST;
    sample_build_mixed(&sample);
    request.ranks = 3 * 40 * 100;
    request.replicas = 3;
    request.stages = 40;
    request.channels = 100;
    snn_plan *plan = make(&sample.network, request);
    assert_int_equal(snn_plan_ranks(plan), 12000);
    assert_int_equal(plan->stage_begin[sample.network.population_count], sample.network.population_count);
    const snn_rank_cost idle = cost_of(plan, &sample.network, &request, snn_plan_ranks(plan) - 1);
    assert_int_equal(idle.operations + idle.neurons + idle.bits_received + idle.bits_sent + idle.spike_bytes, 0);
    snn_plan_destroy(plan);
}

/* Who asks for stages gets stages, whether or not a cut pays: one of nothing would be a rank without work. */
static void stages_asked_for_have_work(void **unused)
{
    (void)unused;
    sample_network sample;
    snn_machine machine = snn_machine_assumed();
    snn_planner_request request = REQUEST;
    machine.link.latency_seconds = machine.link.message_seconds = 1.0; /* no cut pays */
    request.machine = &machine;
    request.replicas = 1;
    sample_build_mixed(&sample);
    const int32_t populations = sample.network.population_count;
    for (request.stages = 1; request.stages <= populations + 3; request.stages++) {
        for (request.channels = 1; request.channels <= 3; request.channels += 2) {
            request.ranks = request.stages * request.channels;
            snn_plan *plan = make(&sample.network, request);
            assert_int_equal(plan->stages, request.stages);
            for (int32_t stage = 0; stage < plan->stages; stage++) {
                assert_true((plan->stage_begin[stage] < plan->stage_begin[stage + 1]) == (stage < populations));
            }
            snn_plan_destroy(plan);
        }
    }
}

static void idle_ranks_are_counted(void **unused)
{
    (void)unused;
    static const int32_t begin[][4] = {{0, 2, 5, 9}, {0, 9, 9, 9}, {0, 0, 8, 9}};
    static const int32_t shards[][3] = {{3, 2, 17}, {13, 5, 1}, {4, 40, 3}};
    static const int32_t least[] = {0, 6, 6}; /* of a replica; the readout has one owner */
    sample_network sample;
    sample_build_mixed(&sample);
    for (int i = 0; i < 3; i++) {
        snn_plan *plan;
        assert_false(snn_failed(snn_plan_create(2, 3, begin[i], shards[i], 9, &plan)));
        int32_t idle = 0;
        for (int32_t rank = 0; rank < snn_plan_ranks(plan); rank++) {
            const snn_rank_cost cost = cost_of(plan, &sample.network, &REQUEST, rank);
            idle += cost.weight_bytes == 0 && cost.neurons == 0;
        }
        assert_int_equal(snn_plan_idle_ranks(plan, &sample.network, 2), idle);
        assert_int_equal(snn_plan_idle_ranks(plan, &sample.network, 1), (idle + snn_plan_ranks(plan)) / 2);
        assert_true(idle >= 2 * least[i]);
        snn_plan_destroy(plan);
    }
}

static void assert_refused(const snn_planner_request *request, const char *message)
{
    sample_network sample;
    sample_build_mixed(&sample);
    snn_plan *plan = NULL;
    const snn_status status = snn_plan_make(&sample.network, request, &plan);
    assert_int_equal(status.code, SNN_INPUT_ERROR);
    if (strncmp(status.message, message, strlen(message)) != 0) {
        fail_msg("expected \"%s...\", found \"%s\"", message, status.message);
    }
    assert_null(plan);
}

static void impossible_layouts_are_refused(void **unused)
{
    (void)unused;
    snn_planner_request request = REQUEST;
    request.ranks = 6;
    request.replicas = request.stages = request.channels = 2;
    assert_refused(&request, "layout 2x2x2 needs 8 ranks, there are 6");
    request.channels = 0;
    assert_refused(&request, "layout 2x2x0 (0: free) needs a multiple of 4 ranks, there are 6");
    request.stages = 0;
    request.replicas = 7;
    assert_refused(&request, "layout 7x0x0 (0: free) needs a multiple of 7 ranks, there are 6");
    request.replicas = request.stages = request.channels = 1 << 20;
    assert_refused(&request, "layout 1048576x1048576x1048576 needs 1152921504606846976 ranks, there are 6");
    request.replicas = 1;
    request.stages = 1;
    request.channels = 3;
    assert_refused(&request, "layout 1x1x3 needs 3 ranks, there are 6");
}

static void numbers_out_of_range_are_refused(void **unused)
{
    (void)unused;
    snn_planner_request request = REQUEST;
    request.stages = -1;
    assert_refused(&request, "stages: expected a number from 0 to 1048576 (0: the planner decides), found -1");
    request = REQUEST;
    request.channels = INT32_MAX;
    assert_refused(&request, "channels: expected a number from 0 to 1048576 (0: the planner decides), found 2147");
    request = REQUEST;
    request.replicas = -5;
    assert_refused(&request, "replicas: expected");
    request = REQUEST;
    request.ranks = 0;
    assert_refused(&request, "ranks: expected a number from 1 to 1048576, found 0");
    request = REQUEST;
    request.groups = 0;
    assert_refused(&request, "image groups: expected");
    request = REQUEST;
    request.timesteps = 0;
    assert_refused(&request, "timesteps: expected");
    request = REQUEST;
    request.block = 0;
    assert_refused(&request, "block: expected");
    request = REQUEST;
    request.images = -16;
    assert_refused(&request, "images of a group: expected");
}

static bool contains(snn_channel_range range, int32_t channel)
{
    return channel >= range.begin && channel < range.end;
}

/* Bits of `source` that `receiver` needs and `sender` owns, channel by channel. */
static int64_t bits_between(const snn_plan *plan, const snn_network *network, int32_t sender, int32_t receiver,
                            int32_t source)
{
    const snn_channel_range owned = snn_plan_owned(plan, network, snn_plan_place(plan, sender), source);
    const snn_channel_range needed = snn_plan_needed(plan, network, snn_plan_place(plan, receiver), source);
    int64_t bits = 0;
    for (int32_t channel = 0; channel < network->populations[source].shape.channels; channel++) {
        if (contains(owned, channel) && contains(needed, channel)) {
            bits += snn_shape_positions(network->populations[source].shape);
        }
    }
    return bits;
}

static void check_traffic(const snn_plan *plan, const snn_network *network)
{
    for (int32_t rank = 0; rank < snn_plan_ranks(plan); rank++) {
        int64_t sent = 0, received = 0;
        int32_t messages = 0;
        for (int32_t other = 0; other < snn_plan_ranks(plan); other++) {
            for (int32_t source = 0; other != rank && source < network->population_count; source++) {
                const int64_t bits = bits_between(plan, network, other, rank, source);
                sent += bits_between(plan, network, rank, other, source);
                received += bits;
                messages += bits > 0;
            }
        }
        const snn_rank_cost cost = cost_of(plan, network, &REQUEST, rank);
        assert_int_equal(cost.bits_sent, sent);
        assert_int_equal(cost.bits_received, received);
        assert_int_equal(cost.messages, messages);
    }
}

/* With shards that divide the channels badly, outnumber them, and differ from stage to stage. */
static void traffic_is_what_ranks_owe_each_other(void **unused)
{
    (void)unused;
    sample_network sample;
    sample_build_mixed(&sample);
    const int32_t begins[][4] = {{0, 9, 9, 9}, {0, 2, 5, 9}, {0, 0, 4, 9}, {0, 1, 6, 9}};
    const int32_t shards[][3] = {{4, 1, 1}, {3, 2, 5}, {1, 7, 3}, {20, 15, 40}};
    for (int i = 0; i < 4; i++) {
        snn_plan *plan;
        assert_false(snn_failed(snn_plan_create(1, 3, begins[i], shards[i], 9, &plan)));
        check_traffic(plan, &sample.network);
        snn_plan_destroy(plan);
    }
}

static void one_rank_holds_the_whole_network(void **unused)
{
    (void)unused;
    sample_network sample;
    sample_begin(&sample, "small", (snn_shape){4, 4, 2});
    const int32_t first = sample_add_population(&sample, SNN_NEURON_RELU, 4, 6);
    (void)sample_add_convolution(&sample, SNN_SOURCE_INPUT, 1);
    const int32_t pooled = sample_add_maximum(&sample, first);
    sample_add_readout(&sample, pooled, 10);
    snn_plan *plan = make(&sample.network, REQUEST);
    const snn_rank_cost cost = cost_of(plan, &sample.network, &REQUEST, 0);
    /* 10 of 12 taps of a row lie inside; 96 values go into the pool; 24 x 10 for the readout */
    assert_int_equal(cost.operations, 10 * 10 * 2 * 6 + 96 + 240);
    assert_int_equal(cost.neurons, 96 + 24);
    assert_int_equal(cost.weight_bytes, 2 * (9 * 2 * 6 + 240) + 4 * 6);
    /* x and y, and what the image comes to */
    assert_int_equal(cost.state_bytes, 16 * 4 * ((96 + 96) + (96 + 24) + 10) + 16 * 4 * 96);
    assert_int_equal(cost.image_bytes, 16 * (4 * 32 + 8));       /* as read, with its number */
    assert_int_equal(cost.spike_bytes, 16 * (8 + 1) * (16 + 4)); /* a block, and the step before it */
    assert_int_equal(cost.bits_sent + cost.bits_received + cost.messages, 0);
    snn_plan_destroy(plan);
}

/* What a codec keeps of a packet's neurons counts at both ends; a stream's integers need none. */
static void codecs_keep_something_of_every_packet(void **unused)
{
    (void)unused;
    sample_network sample;
    sample_build_attention(&sample);
    const int32_t begin[] = {0, 4, 8}, shards[] = {1, 1};
    snn_plan *plan;
    assert_false(snn_failed(snn_plan_create(1, 2, begin, shards, 8, &plan)));
    snn_planner_request request = REQUEST;
    for (int32_t rank = 0; rank < 2; rank++) {
        const snn_rank_cost cost = cost_of(plan, &sample.network, &request, rank);
        request.codec_bytes = 0.0;
        const double without = snn_rank_memory(&cost, &request, 1);
        /* the program, a thread's scratch, predictions, two packets and their coders, and what the network takes; the
         * weights of one projection are there twice for a moment */
        const double packets = 2.0 * 16 * 8 * 16 * (32 * 14 + 42) / 8 + 2 * 5600;
        const int64_t weights = cost.weight_bytes > cost.packed_bytes ? cost.weight_bytes : cost.packed_bytes;
        assert_true(cost.largest_bytes > 0 && cost.largest_bytes < cost.weight_bytes);
        const double network = (double)(cost.network_bytes + weights + cost.largest_bytes + cost.state_bytes +
                                        cost.image_bytes + cost.spike_bytes);
        const double results = rank == 1 ? 29 * 16 * (8 + 64 * 4 + 10 * 4) : 0; /* the readout's */
        assert_true(without == (33 << 20) + 16 * 64 * 4 + packets + network + results);
        request.codec_bytes = 2.5;
        /* the queries cross the cut, 42 channels of 16 positions of 16 images */
        assert_true(snn_rank_memory(&cost, &request, 1) - without == 2.5 * 42 * 16 * 16);
    }
    snn_plan_destroy(plan);
}

/* Each has what it works with for itself. */
static void threads_take_memory(void **unused)
{
    (void)unused;
    sample_network sample;
    sample_build_mixed(&sample);
    snn_machine machine = snn_machine_assumed();
    snn_planner_request request = REQUEST;
    request.machine = &machine;
    snn_plan *plan = make(&sample.network, request);
    const snn_rank_cost cost = cost_of(plan, &sample.network, &request, 0);
    const double one = snn_rank_memory(&cost, &request, 1);
    machine.threads = 33;
    assert_true(snn_rank_memory(&cost, &request, 1) - one == 32 << 20);
    snn_plan_destroy(plan);
}

/* Replicas share the images and so the results out; only who has the readout keeps any. */
static void results_stay_where_the_readout_is(void **unused)
{
    (void)unused;
    sample_network sample;
    sample_build_mixed(&sample);
    snn_planner_request request = REQUEST;
    const int32_t begin[] = {0, 3, 9}, shards[] = {1, 2};
    const double row = 8 + 64 * 4 + 10 * 4;
    snn_plan *plan;
    assert_false(snn_failed(snn_plan_create(1, 2, begin, shards, 9, &plan)));
    for (int32_t rank = 0; rank < 3; rank++) {
        const snn_rank_cost cost = cost_of(plan, &sample.network, &request, rank);
        const double one = snn_rank_memory(&cost, &request, 1), four = snn_rank_memory(&cost, &request, 4);
        assert_true(one - four == (rank == 1 ? (29 - 8) * 16 * row : 0.0));
    }
    const double before = prediction_of(plan, &sample.network, &request).memory_bytes;
    request.groups += 1000000;
    assert_true(prediction_of(plan, &sample.network, &request).memory_bytes > before + 0.99e6 * 16 * row);
    snn_plan_destroy(plan);
}

/* Where results are most of it, more replicas are leaner; and what the refusal asks for is enough. */
static void memory_for_results_is_found(void **unused)
{
    (void)unused;
    sample_network sample;
    sample_build_mixed(&sample);
    snn_machine machine = snn_machine_assumed();
    snn_planner_request request = REQUEST;
    request.machine = &machine;
    request.ranks = 6;
    request.groups = 1000000;
    const double results = 1e6 * 16 * (8 + 64 * 4 + 10 * 4);
    for (request.replicas = 0; request.replicas <= 3; request.replicas++) {
        const double most = results / (request.replicas > 0 ? request.replicas : 6) + (100 << 20);
        snn_plan *plan;
        machine.memory_bytes = most;
        plan = make(&sample.network, request);
        assert_true(prediction_of(plan, &sample.network, &request).memory_bytes <= most);
        snn_plan_destroy(plan);
        machine.memory_bytes = most - (101 << 20);
        const snn_status status = snn_plan_make(&sample.network, &request, &plan);
        assert_int_equal(status.code, SNN_INPUT_ERROR);
        const char *needs = strstr(status.message, "needs ");
        assert_non_null(needs);
        machine.memory_bytes = strtod(needs + 6, NULL) * 1e9;
        snn_plan_destroy(make(&sample.network, request));
    }
}

/* The structure does not get smaller with more ranks. Where it outweighs a rank's part, what it takes on its way
 * counts. */
static void every_rank_has_the_whole_structure(void **unused)
{
    (void)unused;
    sample_network sample;
    sample_build_attention(&sample);
    const int32_t begin[] = {0, 8, 8}, one[] = {1, 1};
    const int64_t populations = sample.network.population_count, projections = sample.network.projection_count;
    int64_t parameters = 0, statistics = 0;
    for (int32_t i = 0; i < populations; i++) {
        const snn_population *each = &sample.network.populations[i];
        statistics += 3 * 8 * (3 * 64 + 2 * each->shape.channels);
        parameters += 4 * (each->shape.channels + each->input.channels * (1 + (int64_t)each->bias_positions));
    }
    for (int32_t i = 0; i < 7; i++) { /* of 14, 42 and 10 channels */
        static const int32_t shards[] = {1, 2, 3, 15, 20, 43, 100};
        snn_plan *plan;
        assert_false(snn_failed(snn_plan_create(2, 1, begin, &shards[i], 8, &plan)));
        for (int32_t rank = 0; rank < snn_plan_ranks(plan); rank++) {
            const snn_rank_cost cost = cost_of(plan, &sample.network, &REQUEST, rank);
            assert_int_equal(cost.network_bytes, 2400 * populations + 1000 * projections + parameters + statistics);
            assert_int_equal(cost.passing_bytes, 3 * (1800 * populations + 1300 * projections + parameters));
        }
        snn_plan_destroy(plan);
    }
    snn_plan *plan;
    assert_false(snn_failed(snn_plan_create(1, 2, begin, one, 8, &plan)));
    const snn_rank_cost idle = cost_of(plan, &sample.network, &REQUEST, 1); /* of a stage of nothing */
    assert_true(snn_rank_memory(&idle, &REQUEST, 1) == (double)(33 << 20) + (double)idle.passing_bytes);
    snn_plan_destroy(plan);
}

/* More threads, a higher speed of the rank, compute faster; one thread packs and codes, at the speed of a core. */
static void threads_do_not_code_faster(void **unused)
{
    (void)unused;
    sample_network sample;
    sample_build_mixed(&sample);
    const int32_t begin[] = {0, 3, 9}, shards[] = {1, 1};
    snn_plan *plan;
    assert_false(snn_failed(snn_plan_create(1, 2, begin, shards, 9, &plan)));
    snn_machine machine = snn_machine_assumed();
    snn_planner_request request = REQUEST;
    request.machine = &machine;
    machine.link = (snn_link){0.0, 0.0, 0.0};
    machine.packets = (snn_packet_speed){.encode_byte_seconds = {1.0, 1.0}, .ratio = {1.0, 1.0}};
    const snn_rank_cost cost = cost_of(plan, &sample.network, &request, 0);
    const double bytes = 13 * 64 * 8 * 16 / 8; /* of the block that crosses the cut */
    for (int faster = 1; faster <= 4; faster *= 4) {
        machine.speed = 8.0;
        machine.core_speed = faster;
        const double seconds = snn_rank_seconds(&cost, &request);
        machine.packets.encode_byte_seconds[0] = 0.0;
        const double compute = snn_rank_seconds(&cost, &request);
        machine.packets.encode_byte_seconds[0] = 1.0;
        assert_true(seconds - compute > bytes / faster * (1 - 1e-9) && seconds - compute < bytes / faster * (1 + 1e-9));
    }
    snn_plan_destroy(plan);
}

/* A plan from elsewhere: what its neediest rank takes is enough, and a byte less is not. */
static void plans_that_do_not_fit_are_refused(void **unused)
{
    (void)unused;
    sample_network sample;
    sample_build_mixed(&sample);
    const int32_t begin[] = {0, 3, 9, 9}, shards[] = {2, 1, 1};
    snn_plan *plan;
    assert_false(snn_failed(snn_plan_create(2, 3, begin, shards, 9, &plan)));
    snn_machine machine = snn_machine_assumed();
    snn_planner_request request = REQUEST;
    request.machine = &machine;
    const double most = prediction_of(plan, &sample.network, &request).memory_bytes;
    for (int less = 0; less < 2; less++) {
        snn_cost_model *model;
        machine.memory_bytes = most - less;
        assert_false(snn_failed(snn_cost_model_create(&sample.network, &request, &model)));
        const snn_status status = snn_plan_check_memory(model, plan);
        assert_int_equal(status.code, less > 0 ? SNN_INPUT_ERROR : SNN_OK);
        assert_true(less == 0 || strncmp(status.message, "rank 2 of the plan would need 0.0", 33) == 0);
        snn_cost_model_destroy(model);
    }
    for (int32_t groups = 29; groups < 1000000; groups += groups / 3) { /* the number that it prints is enough */
        snn_cost_model *model;
        request.groups = groups;
        machine.memory_bytes = 1.0;
        assert_false(snn_failed(snn_cost_model_create(&sample.network, &request, &model)));
        const snn_status status = snn_plan_check_memory(model, plan);
        snn_cost_model_destroy(model);
        const char *need = strstr(status.message, "need ");
        assert_non_null(need);
        machine.memory_bytes = strtod(need + 5, NULL) * 1e9;
        assert_false(snn_failed(snn_cost_model_create(&sample.network, &request, &model)));
        assert_string_equal(snn_plan_check_memory(model, plan).message, "");
        snn_cost_model_destroy(model);
    }
    snn_plan_destroy(plan);
}

/* A cut through a residual connection: the values of a stream have 32 bits, and neurons of several inputs decode all of
 * them. Populations: stem, stream, norm, queries | attention, second stream, relay, readout; of 4 x 4 positions. */
static void streams_and_neurons_of_several_inputs(void **unused)
{
    (void)unused;
    sample_network sample;
    sample_build_attention(&sample);
    const int32_t begin[] = {0, 4, 8}, shards[] = {1, 2};
    snn_plan *plan;
    assert_false(snn_failed(snn_plan_create(1, 2, begin, shards, 8, &plan)));
    const snn_rank_cost first = cost_of(plan, &sample.network, &REQUEST, 0);
    assert_int_equal(first.neurons, 16 * (14 + 14 + 42));
    /* x and y, none for the stream; then the image's */
    assert_int_equal(first.state_bytes, 16 * 4 * 2 * 16 * (14 + 14 + 42) + 16 * 4 * 16 * 14);
    assert_int_equal(first.image_bytes, 16 * (4 * 48 + 8));
    assert_int_equal(first.spike_bytes, 16 * 16 * (8 * (2 + 14 * 4 + 2 + 6) + (2 + 2 + 6)));
    assert_int_equal(first.bits_sent, 16 * (32 * 14 + 2 * 35)); /* halves of the stream, most queries twice */
    const snn_rank_cost second = cost_of(plan, &sample.network, &REQUEST, 2); /* not the one with the readout */
    assert_int_equal(second.neurons, 16 * 7 + 7);
    assert_int_equal(second.state_bytes, 16 * 4 * (16 * (42 + 7) + 7 + 7));
    assert_int_equal(second.bits_received, 16 * (32 * 7 + 35 + 7)); /* stream, queries, attention's other head */
    assert_int_equal(second.messages, 3);
    assert_int_equal(second.image_bytes, 0);
    snn_plan_destroy(plan);
}

static void shards_add_up_to_the_network(void **unused)
{
    (void)unused;
    sample_network sample;
    sample_build_mixed(&sample);
    const snn_network *network = &sample.network;
    snn_planner_request request = REQUEST;
    snn_plan *whole = make(network, request);
    const snn_rank_cost all = cost_of(whole, network, &request, 0);
    snn_rank_cost sum = {0};
    request.ranks = 15;
    request.stages = 3;
    request.channels = 5;
    snn_plan *plan = make(network, request);
    for (int32_t rank = 0; rank < 15; rank++) {
        const snn_rank_cost cost = cost_of(plan, network, &request, rank);
        sum.operations += cost.operations;
        sum.neurons += cost.neurons;
        sum.weight_bytes += cost.weight_bytes;
        sum.state_bytes += cost.state_bytes;
        sum.bits_sent += cost.bits_sent;
        sum.bits_received += cost.bits_received;
    }
    assert_int_equal(sum.neurons, snn_network_neurons(network));
    assert_int_equal(sum.neurons, all.neurons);
    assert_int_equal(sum.weight_bytes, all.weight_bytes);
    assert_int_equal(sum.state_bytes, all.state_bytes);
    assert_int_equal(sum.bits_sent, sum.bits_received);
    /* the pooled source's sums are shared out by rounding down */
    assert_true(sum.operations <= all.operations && sum.operations > all.operations - 15);
    snn_plan_destroy(plan);
    snn_plan_destroy(whole);
}

/* One rank, no traffic: the prediction is items times the rank's seconds, and nothing is wasted. */
/* On one host nothing is packed, unless two owners have spikes in one byte; on two the stages send each other packets.
 */
static void ranks_of_a_host_share_memory(void **unused)
{
    (void)unused;
    sample_network sample;
    sample_begin(&sample, "pair", (snn_shape){1, 1, 16});
    for (int32_t i = 0; i < 4; i++) {
        (void)sample_add_population(&sample, SNN_NEURON_RELU, 1, 64);
        (void)sample_add_projection(&sample, i - 1, SNN_OPERATOR_DENSE);
    }
    sample_add_readout(&sample, 3, 10);
    const int32_t begin[] = {0, 2, 5}, shards[] = {2, 2};
    snn_plan *plan;
    assert_false(snn_failed(snn_plan_create(1, 2, begin, shards, 5, &plan)));
    double seconds = 0.0;
    for (int32_t together = 1; together <= 4; together *= 2) {
        snn_machine machine = snn_machine_assumed();
        machine.host_ranks = together;
        snn_planner_request request = REQUEST;
        request.ranks = 4;
        request.machine = &machine;
        snn_cost_model *model;
        assert_false(snn_failed(snn_cost_model_create(&sample.network, &request, &model)));
        for (int32_t rank = 0; rank < 4; rank++) {
            const snn_rank_cost cost = snn_plan_cost(model, plan, rank);
            assert_true(cost.bits_received > 0 || rank == 0);
            assert_true((cost.packets > 0) == (together == 1 || (together == 2 && rank < 2)));
            assert_true((cost.shared_bits == cost.bits_received) == (together == 4 || (together == 2 && rank < 2)));
            assert_true((cost.shared_bits == 0) == (together == 1));
            assert_true((cost.placed_bits > 0) == (together > 1));
        }
        const snn_prediction predicted = snn_plan_predict(model, plan);
        assert_true(together == 1 || predicted.seconds < seconds);
        assert_true((predicted.bytes_sent > 0.0) == (together < 4));
        assert_true((predicted.bytes_shared > 0.0) == (together > 1));
        seconds = predicted.seconds;
        snn_cost_model_destroy(model);
    }
    snn_plan_destroy(plan);
}

static void prediction_of_one_rank(void **unused)
{
    (void)unused;
    sample_network sample;
    snn_planner_request request = REQUEST;
    sample_build_mixed(&sample);
    request.timesteps = 20; /* 3 blocks of at most 8 */
    snn_plan *plan = make(&sample.network, request);
    const snn_rank_cost cost = cost_of(plan, &sample.network, &request, 0);
    const double expected = 29 * 3 * snn_rank_seconds(&cost, &request);
    const snn_prediction prediction = prediction_of(plan, &sample.network, &request);
    const double predicted = prediction.seconds;
    assert_true(predicted > expected * (1 - 1e-12) && predicted < expected * (1 + 1e-12));
    assert_true(prediction.efficiency > 1 - 1e-9 && prediction.efficiency < 1 + 1e-9);
    snn_plan_destroy(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rank_count_has_a_plan),
        cmocka_unit_test(fixed_numbers_are_kept),
        cmocka_unit_test(more_stages_or_shards_than_work),
        cmocka_unit_test(impossible_layouts_are_refused),
        cmocka_unit_test(numbers_out_of_range_are_refused),
        cmocka_unit_test(traffic_is_what_ranks_owe_each_other),
        cmocka_unit_test(codecs_keep_something_of_every_packet),
        cmocka_unit_test(every_rank_has_the_whole_structure),
        cmocka_unit_test(threads_take_memory),
        cmocka_unit_test(results_stay_where_the_readout_is),
        cmocka_unit_test(memory_for_results_is_found),
        cmocka_unit_test(threads_do_not_code_faster),
        cmocka_unit_test(plans_that_do_not_fit_are_refused),
        cmocka_unit_test(streams_and_neurons_of_several_inputs),
        cmocka_unit_test(one_rank_holds_the_whole_network),
        cmocka_unit_test(shards_add_up_to_the_network),
        cmocka_unit_test(ranks_of_a_host_share_memory),
        cmocka_unit_test(prediction_of_one_rank),
        cmocka_unit_test(stages_asked_for_have_work),
        cmocka_unit_test(idle_ranks_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
