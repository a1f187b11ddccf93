#define _GNU_SOURCE /* syscall, memfd_create */
/* The wavefront on several ranks: whatever the plan, the codec, the block, and whether ranks are on one host, every
 * group's results and the sum of the statistics are those of one shard that holds everything, which each rank runs for
 * itself. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <mpi.h>

#include "comm/wavefront.h"
#include "core/base/memory.h"
#include "tests/core/shard/examples.h"

enum { IMAGES = 3, GROUPS = 5, LAST_GROUP_IMAGES = 2, TIMESTEPS = 11, MOST_STAGES = 8 };

/* Damages the next packet that this rank sends: set by the one test of that, read by the MPI_Isend below, which stands
 * in front of the library's. */
static int damage_next_packet = 0;

int MPI_Isend(const void *buffer, int count, MPI_Datatype type, int to, int tag, MPI_Comm communicator,
              MPI_Request *request)
{
    if (damage_next_packet) {
        damage_next_packet = 0;
        ((uint8_t *)(uintptr_t)buffer)[count - 1] ^= 0x10;
    }
    return PMPI_Isend(buffer, count, type, to, tag, communicator, request);
}

/* Has this host no memory to share: set by the one test of that, in front of the C library's. */
static int no_memory = 0;

int memfd_create(const char *name, unsigned int flags)
{
    if (no_memory) {
        errno = ENOMEM;
        return -1;
    }
    return (int)syscall(SYS_memfd_create, name, flags);
}

typedef struct fixture {
    snn_world *world;
    const snn_kernels *kernels;
    snn_network *network;
    float eta[TIMESTEPS];
    float *pixels; /* [GROUPS][IMAGES][input] */
    /* By one shard: */
    int32_t *predictions; /* [GROUPS][IMAGES][TIMESTEPS] */
    float *logits;        /* [GROUPS][IMAGES][classes] */
    int64_t *counts;      /* [count_length] */
    size_t count_length;
} fixture;

static void succeeds(snn_status status)
{
    if (snn_failed(status)) {
        fail_msg("%s", status.message);
    }
}

static int32_t images_of(void *context, int64_t group)
{
    (void)context;
    return group == GROUPS - 1 ? LAST_GROUP_IMAGES : IMAGES;
}

static size_t group_pixels(const fixture *made)
{
    return (size_t)(IMAGES * snn_shape_size(made->network->input));
}

static size_t group_logits(const fixture *made)
{
    return (size_t)(IMAGES * made->network->classes);
}

static snn_shard_options shard_options(const fixture *made, int32_t block, const snn_channel_range *channels,
                                       const snn_channel_range *visible)
{
    return (snn_shard_options){.images = IMAGES,
                               .block = block,
                               .timesteps = TIMESTEPS,
                               .eta = made->eta,
                               .encoding = SNN_ENCODING_FLOAT,
                               .channels = channels,
                               .visible = visible};
}

static void run_reference(fixture *made)
{
    snn_channel_range all[SAMPLE_POPULATIONS];
    for (int32_t i = 0; i < made->network->population_count; i++) {
        all[i] = (snn_channel_range){0, made->network->populations[i].shape.channels};
    }
    const snn_shard_options options = shard_options(made, TIMESTEPS, all, all);
    snn_shard *shard = NULL;
    succeeds(snn_shard_create(made->network, made->kernels, &options, &shard));
    for (int64_t group = 0; group < GROUPS; group++) {
        int32_t images = images_of(NULL, group);
        succeeds(snn_shard_begin_group(shard, images, made->pixels + (size_t)group * group_pixels(made), NULL));
        for (int32_t population = 0; population < made->network->population_count; population++) {
            succeeds(snn_shard_run(shard, population, 0, TIMESTEPS));
        }
        memcpy(made->predictions + group * IMAGES * TIMESTEPS, snn_shard_predictions(shard),
               (size_t)images * TIMESTEPS * sizeof *made->predictions);
        memcpy(made->logits + (size_t)group * group_logits(made), snn_shard_logits(shard),
               (size_t)(images * made->network->classes) * sizeof *made->logits);
    }
    const snn_statistics *statistics = snn_shard_statistics(shard);
    made->count_length = statistics->length;
    made->counts = snn_allocate(statistics->length, sizeof *made->counts);
    memcpy(made->counts, statistics->counts, statistics->length * sizeof *made->counts);
    snn_shard_destroy(shard);
}

static void start_network(fixture *made, snn_network *network)
{
    succeeds(snn_network_check(network));
    made->network = network;
    made->pixels = example_pixels(made->network, GROUPS * IMAGES, 3);
    made->predictions = snn_allocate(GROUPS * IMAGES * TIMESTEPS, sizeof *made->predictions);
    made->logits = snn_allocate(GROUPS * group_logits(made), sizeof *made->logits);
    run_reference(made);
}

static void stop_network(fixture *made)
{
    snn_network_destroy(made->network);
    snn_release(made->pixels);
    snn_release(made->predictions);
    snn_release(made->logits);
    snn_release(made->counts);
}

static int start(void **state)
{
    fixture *made = snn_allocate(1, sizeof *made);
    if (made == NULL || snn_failed(snn_world_create(NULL, NULL, &made->world)) ||
        snn_failed(snn_kernels_select(&made->kernels))) {
        return 1;
    }
    const snn_schedule schedule = {.kind = SNN_SCHEDULE_EXPONENTIAL, .eta0 = 0.15, .gamma = 0.95};
    succeeds(snn_schedule_fill(&schedule, TIMESTEPS, made->eta));
    start_network(made, example_residual(SNN_WEIGHTS_INT16, 7));
    *state = made;
    return 0;
}

static int stop(void **state)
{
    fixture *made = *state;
    stop_network(made);
    snn_world_destroy(made->world);
    snn_release(made);
    return 0;
}

/* --- one distributed run --- */

typedef struct observed {
    const fixture *made;
    int64_t loaded, done, items;
    int64_t last_done; /* groups come in order */
    bool slow;
} observed;

static snn_status load(void *context, int64_t group, float *pixels)
{
    observed *seen = context;
    memcpy(pixels, seen->made->pixels + (size_t)group * group_pixels(seen->made),
           (size_t)images_of(NULL, group) * (size_t)snn_shape_size(seen->made->network->input) * sizeof *pixels);
    seen->loaded++;
    return snn_ok();
}

static snn_status done(void *context, int64_t group, const int32_t *predictions, const float *logits)
{
    observed *seen = context;
    const fixture *made = seen->made;
    size_t images = (size_t)images_of(NULL, group);
    assert_true(group > seen->last_done);
    assert_memory_equal(predictions, made->predictions + group * IMAGES * TIMESTEPS,
                        images * TIMESTEPS * sizeof *predictions);
    assert_memory_equal(logits, made->logits + (size_t)group * group_logits(made),
                        images * (size_t)made->network->classes * sizeof *logits);
    seen->last_done = group;
    seen->done++;
    return snn_ok();
}

static void item(void *context, int64_t group, int32_t first_step, int32_t steps)
{
    observed *seen = context;
    assert_true(group > seen->last_done);
    assert_true(first_step >= 0 && steps >= 1 && first_step + steps <= TIMESTEPS);
    seen->items++;
    if (seen->slow && seen->items % 4 == snn_world_rank(seen->made->world)) { /* now one rank is behind, now another */
        const struct timespec pause = {.tv_nsec = 200000};
        (void)nanosleep(&pause, NULL);
    }
}

typedef struct run_case {
    observed seen;
    snn_shard *shard;
    snn_wavefront *wavefront;
} run_case;

static void run_begin(run_case *made_run, const fixture *made, const snn_plan *plan, snn_codec codec, int32_t block)
{
    const snn_network *network = made->network;
    const snn_place place = snn_plan_place(plan, snn_world_rank(made->world));
    snn_channel_range owned[SAMPLE_POPULATIONS];
    snn_channel_range visible[SAMPLE_POPULATIONS];
    for (int32_t i = 0; i < network->population_count; i++) {
        owned[i] = snn_plan_owned(plan, network, place, i);
        visible[i] = snn_channel_range_hull(owned[i], snn_plan_needed(plan, network, place, i));
    }
    const snn_shard_options options = shard_options(made, block, owned, visible);
    const snn_wavefront_options settings = {
        .codec = codec, .timesteps = TIMESTEPS, .block = block, .images = IMAGES, .eta = made->eta};
    *made_run = (run_case){.seen = {.made = made, .last_done = -1}};
    const snn_wavefront_hooks hooks = {
        .context = &made_run->seen, .images = images_of, .load = load, .done = done, .item = item};
    succeeds(snn_shard_create(network, made->kernels, &options, &made_run->shard));
    succeeds(
        snn_wavefront_create(made->world, network, plan, made_run->shard, &settings, &hooks, &made_run->wavefront));
}

static void run_end(run_case *made_run)
{
    snn_wavefront_destroy(made_run->wavefront);
    snn_shard_destroy(made_run->shard);
}

/* What is counted by kind and codec adds up to the whole. */
static void check_lines(const snn_wavefront_traffic *traffic, snn_codec codec)
{
    snn_traffic_line sum = {0};
    for (int kind = 0; kind < SNN_EDGE_KIND_COUNT; kind++) {
        const bool spikes = kind == SNN_EDGE_SPIKES_STAGES || kind == SNN_EDGE_SPIKES_SHARDS;
        for (int used = 0; used < SNN_CODEC_AUTO; used++) {
            const snn_traffic_line *line = &traffic->lines[kind][used];
            sum.packets += line->packets;
            sum.raw_bytes += line->raw_bytes;
            sum.sent_bytes += line->sent_bytes;
            assert_true(line->saved_seconds >= 0.0);
            assert_true((line->packets > 0.0) >= (line->encode_seconds > 0.0));
            if (spikes && codec != SNN_CODEC_AUTO && used != (int)codec) {
                assert_true(line->packets == 0.0 && line->decode_seconds == 0.0);
            }
        }
    }
    assert_int_equal((int64_t)sum.packets, traffic->packets);
    assert_int_equal((int64_t)sum.raw_bytes, traffic->raw_bytes);
    assert_int_equal((int64_t)sum.sent_bytes, traffic->sent_bytes);
}

/* Of a run, on all ranks. */
typedef struct totals {
    int64_t done, packets, raw_bytes, sent_bytes, shared_blocks, shared_bytes;
} totals;

static totals check_once(const fixture *made, const snn_plan *plan, snn_codec codec, int32_t block)
{
    run_case made_run;
    run_begin(&made_run, made, plan, codec, block);
    made_run.seen.slow = block == 1;
    /* Runs that stream, or stop in between as for a checkpoint. */
    succeeds(snn_wavefront_run(made_run.wavefront, 0, 3));
    if (block % 2 == 0) {
        succeeds(snn_wavefront_finish(made_run.wavefront));
    }
    succeeds(snn_wavefront_run(made_run.wavefront, 3, GROUPS));
    succeeds(snn_wavefront_run(made_run.wavefront, GROUPS, GROUPS));
    succeeds(snn_wavefront_finish(made_run.wavefront));
    const snn_wavefront_traffic *traffic = snn_wavefront_traffic_of(made_run.wavefront);
    totals all = {made_run.seen.done,  traffic->packets,       traffic->raw_bytes,
                  traffic->sent_bytes, traffic->shared_blocks, traffic->shared_bytes};
    check_lines(traffic, codec);
    succeeds(snn_world_sum(made->world, &all.done, sizeof all / sizeof all.done));
    assert_int_equal(all.done, GROUPS);
    assert_true((all.packets > 0) == (all.raw_bytes > 0));
    assert_true((all.shared_blocks > 0) == (all.shared_bytes > 0));
    if (snn_wavefront_codec(made_run.wavefront) == SNN_CODEC_RAW) {
        assert_int_equal(all.sent_bytes, all.raw_bytes + 40 * all.packets);
    } else {
        assert_true(all.sent_bytes <= all.raw_bytes + 40 * all.packets);
    }
    snn_statistics *statistics = snn_shard_statistics(made_run.shard);
    assert_int_equal(statistics->length, made->count_length);
    succeeds(snn_world_sum(made->world, statistics->counts, statistics->length));
    assert_memory_equal(statistics->counts, made->counts, made->count_length * sizeof *made->counts);
    const snn_timers *timers = snn_wavefront_timers(made_run.wavefront);
    for (int timer = 0; timer < SNN_TIMER_COUNT; timer++) {
        assert_true(timers->seconds[timer] >= 0.0);
    }
    assert_true((made_run.seen.loaded > 0) <= snn_shard_reads_input(made_run.shard));
    run_end(&made_run);
    return all;
}

/* By packets alone, with two ranks to a host, and all on one: what is shared needs no packets. */
static void check_run(const fixture *made, const snn_plan *plan, snn_codec codec, int32_t block)
{
    const totals together = check_once(made, plan, codec, block);
    if (snn_world_size(made->world) == 1) {
        return;
    }
    snn_world_pretend_hosts(made->world, 1);
    const totals apart = check_once(made, plan, codec, block);
    snn_world_pretend_hosts(made->world, 2);
    const totals pairs = snn_world_size(made->world) > 2 ? check_once(made, plan, codec, block) : together;
    snn_world_pretend_hosts(made->world, 3);
    (void)check_once(made, plan, codec, block);
    snn_world_pretend_hosts(made->world, 0);
    assert_int_equal(apart.shared_blocks, 0);
    assert_true(pairs.packets <= apart.packets && together.packets <= pairs.packets);
    assert_true((pairs.packets < apart.packets) == (pairs.shared_blocks > 0));
    assert_true((together.packets < apart.packets) == (together.shared_blocks > 0));
    assert_true((together.shared_blocks + together.packets > 0) == (apart.packets > 0));
}

static snn_plan *make_plan(const fixture *made, int32_t replicas, int32_t stages, const int32_t *begin,
                           const int32_t *shards)
{
    snn_plan *plan = NULL;
    succeeds(snn_plan_create(replicas, stages, begin, shards, made->network->population_count, &plan));
    return plan;
}

/* A plan for all ranks with random cuts, the same on every rank; stages may be empty and shards own nothing. */
static snn_plan *random_plan(const fixture *made, uint64_t *random)
{
    int32_t size = snn_world_size(made->world);
    int32_t replicas = 1 + (int32_t)(sample_random(random) % (uint64_t)size);
    while (size % replicas != 0) {
        replicas--;
    }
    int32_t begin[MOST_STAGES + 1] = {0};
    int32_t shards[MOST_STAGES];
    int32_t stages = 0;
    for (int32_t left = size / replicas; left > 0; stages++) {
        int32_t populations = made->network->population_count;
        shards[stages] = 1 + (int32_t)(sample_random(random) % (uint64_t)left);
        left -= shards[stages];
        begin[stages + 1] =
            left == 0 ? populations
                      : begin[stages] + (int32_t)(sample_random(random) % (uint64_t)(populations - begin[stages] + 1));
    }
    return make_plan(made, replicas, stages, begin, shards);
}

static void check_random_plans(const fixture *made)
{
    const snn_codec codecs[] = {SNN_CODEC_RAW, SNN_CODEC_XOR, SNN_CODEC_CONTEXT, SNN_CODEC_ZSTD, SNN_CODEC_AUTO};
    const int32_t blocks[] = {3, 1, TIMESTEPS, 4, TIMESTEPS + 5};
    uint64_t random = 11;
    for (int i = 0; i < 25; i++) {
        snn_plan *plan = random_plan(made, &random);
        check_run(made, plan, codecs[i / 5 % 5], blocks[i % 5]);
        snn_plan_destroy(plan);
    }
}

/* All ranks as shards of one stage: everyone sends to everyone; and a stage for each. */
static void check_pure_plans(const fixture *made)
{
    int32_t size = snn_world_size(made->world);
    int32_t populations = made->network->population_count;
    int32_t begin[MOST_STAGES + 1] = {0, populations};
    int32_t shards[MOST_STAGES] = {size};
    snn_plan *plan = make_plan(made, 1, 1, begin, shards);
    check_run(made, plan, SNN_CODEC_XOR, 2);
    snn_plan_destroy(plan);
    for (int32_t stage = 0; stage < size; stage++) {
        begin[stage + 1] = populations * (stage + 1) / size;
        shards[stage] = 1;
    }
    plan = make_plan(made, 1, size, begin, shards);
    check_run(made, plan, SNN_CODEC_XOR, 2);
    snn_plan_destroy(plan);
}

/* Stages of one shard own whole populations, so that on one host nothing is left to packets. */
static void test_stages_share_all(void **state)
{
    const fixture *made = *state;
    const int32_t size = snn_world_size(made->world);
    int32_t begin[MOST_STAGES + 1] = {0}, shards[MOST_STAGES];
    for (int32_t stage = 0; stage < size; stage++) {
        begin[stage + 1] = made->network->population_count * (stage + 1) / size;
        shards[stage] = 1;
    }
    snn_plan *plan = make_plan(made, 1, size, begin, shards);
    const totals all = check_once(made, plan, SNN_CODEC_AUTO, 4);
    assert_int_equal(all.packets, 0);
    assert_true((all.shared_blocks > 0) == (size > 1));
    snn_plan_destroy(plan);
}

static void test_random_plans(void **state)
{
    check_random_plans(*state);
}

static void test_pure_plans(void **state)
{
    check_pure_plans(*state);
}

/* Another network in the same world. */
static void check_network(const fixture *world, snn_network *network)
{
    fixture made = *world;
    start_network(&made, network);
    check_pure_plans(&made);
    check_random_plans(&made);
    stop_network(&made);
}

/* Integers between ranks, within a stage and across cuts. */
static void test_streams(void **state)
{
    check_network(*state, example_streams(SNN_WEIGHTS_INT16, 8));
}

static void test_neurons_of_all_channels(void **state)
{
    check_network(*state, example_nary(SNN_WEIGHTS_INT8, 9));
}

/* Shards own whole bytes of spikes, so that hosts of several ranks get one packet from each owner elsewhere. `mixed`:
 * also a grouped convolution, a stream that is read by others, and a second stage's worth of readers. */
static snn_network *wide_network(bool mixed)
{
    enum { CHANNELS = 40 };
    const snn_operator convolution = {.kind = SNN_OPERATOR_CONVOLUTION,
                                      .window = {{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}}};
    snn_operator grouped = convolution;
    grouped.groups = 5;
    const snn_operator diagonal = {.kind = SNN_OPERATOR_DIAGONAL}, dense = {.kind = SNN_OPERATOR_DENSE};
    const snn_shape shape = {3, 3, CHANNELS};
    sample made = sample_begin(SNN_WEIGHTS_INT16, (snn_shape){3, 3, 2}, 10, 21);
    int32_t last = sample_population(&made, SNN_NEURON_RELU, shape, NULL, false);
    sample_projection(&made, SNN_SOURCE_INPUT, last, convolution);
    const int32_t stem = last;
    last = sample_population(&made, SNN_NEURON_RELU, shape, NULL, false);
    sample_projection(&made, stem, last, convolution);
    if (mixed) {
        const int32_t inner = last;
        last = sample_population(&made, SNN_NEURON_RELU, shape, NULL, false);
        sample_projection(&made, inner, last, grouped);
        const int32_t parted = last, stream = sample_population(&made, SNN_NEURON_STREAM, shape, NULL, false);
        sample_projection(&made, stem, stream, diagonal);
        sample_projection(&made, parted, stream, convolution);
        last = sample_nary(&made, SNN_NEURON_LAYER_NORM, shape, CHANNELS, 1, 0.1f);
        sample_projection(&made, stream, last, diagonal);
        const int32_t normalised = last;
        last = sample_population(&made, SNN_NEURON_RELU, shape, NULL, false);
        sample_projection(&made, stem, last, diagonal);
        sample_projection(&made, normalised, last, convolution);
    }
    const int32_t flat = sample_population(&made, SNN_NEURON_RELU, (snn_shape){1, 1, 2 * CHANNELS}, NULL, false);
    sample_projection(&made, last, flat, dense);
    const int32_t readout = sample_readout(&made);
    sample_projection(&made, flat, readout, dense);
    sample_finish(&made);
    return made.network;
}

static void test_bytes_of_their_own(void **state)
{
    check_network(*state, wide_network(true));
}

/* Everybody needs all of the first two populations: from five ranks four packets each, and with two to a host two. */
static void test_a_packet_serves_a_host(void **state)
{
    enum { RANKS = 5, POPULATIONS = 2, HOSTS = 3 };
    fixture made = *(const fixture *)*state;
    if (snn_world_size(made.world) != RANKS) {
        skip();
    }
    start_network(&made, wide_network(false));
    const int32_t begin[] = {0, made.network->population_count}, shards[] = {RANKS};
    snn_plan *plan = make_plan(&made, 1, 1, begin, shards);
    snn_world_pretend_hosts(made.world, 1);
    const totals apart = check_once(&made, plan, SNN_CODEC_XOR, 2);
    snn_world_pretend_hosts(made.world, 2);
    const totals pairs = check_once(&made, plan, SNN_CODEC_XOR, 2);
    snn_world_pretend_hosts(made.world, 0);
    /* The last one goes to the readout's owner, from the four others or, with two to a host, from three elsewhere. */
    const int64_t items = (int64_t)GROUPS * ((TIMESTEPS + 1) / 2);
    assert_int_equal(apart.packets, items * (POPULATIONS * RANKS * (RANKS - 1) + RANKS - 1));
    assert_int_equal(pairs.packets, items * (POPULATIONS * RANKS * (HOSTS - 1) + RANKS - 2));
    snn_plan_destroy(plan);
    stop_network(&made);
}

/* The first host of two ranks, or none: with one that refuses, all hosts get a packet for each rank, and others still
 * share what is their own. */
static void test_a_host_without_memory(void **state)
{
    enum { PAIR = 2 };
    fixture made = *(const fixture *)*state;
    const int32_t size = snn_world_size(made.world);
    if (size <= PAIR) {
        skip();
    }
    start_network(&made, wide_network(true));
    const int32_t begin[] = {0, made.network->population_count}, shards[] = {size};
    snn_plan *plan = make_plan(&made, 1, 1, begin, shards);
    snn_world_pretend_hosts(made.world, 1);
    const totals apart = check_once(&made, plan, SNN_CODEC_XOR, 2);
    snn_world_pretend_hosts(made.world, PAIR);
    const totals pairs = check_once(&made, plan, SNN_CODEC_XOR, 2);
    no_memory = snn_world_rank(made.world) < PAIR;
    const totals refused = check_once(&made, plan, SNN_CODEC_XOR, 2);
    no_memory = 0;
    snn_world_pretend_hosts(made.world, 0);
    assert_true(pairs.packets < apart.packets && refused.packets == apart.packets);
    snn_plan_destroy(plan);
    stop_network(&made);
}

static void test_plan_for_other_ranks(void **state)
{
    const fixture *made = *state;
    const int32_t begin[] = {0, made->network->population_count};
    const int32_t shards[] = {snn_world_size(made->world) + 1};
    const snn_wavefront_options settings = {
        .codec = SNN_CODEC_RAW, .timesteps = 1, .block = 1, .images = 1, .eta = made->eta};
    const snn_wavefront_hooks hooks = {.images = images_of, .load = load, .done = done};
    snn_wavefront *wavefront = NULL;
    snn_plan *plan = make_plan(made, 1, 1, begin, shards);
    snn_status status = snn_wavefront_create(made->world, made->network, plan, NULL, &settings, &hooks, &wavefront);
    assert_int_equal(status.code, SNN_INTERNAL_ERROR);
    assert_non_null(strstr(status.message, "the plan is for"));
    assert_null(wavefront);
    snn_plan_destroy(plan);
}

static snn_status load_fails(void *context, int64_t group, float *pixels)
{
    (void)context;
    (void)pixels;
    return snn_fail(SNN_FILE_ERROR, "cannot read images of group %d", (int)group);
}

/* A failing hook comes back as it is, with where it happened. */
static void test_failing_hook(void **state)
{
    const fixture *made = *state;
    if (snn_world_size(made->world) > 1) {
        return; /* the others would rightly wait for this rank, which its caller would end */
    }
    const int32_t begin[] = {0, made->network->population_count};
    const int32_t shards[] = {1};
    snn_plan *plan = make_plan(made, 1, 1, begin, shards);
    run_case made_run;
    run_begin(&made_run, made, plan, SNN_CODEC_RAW, 4);
    snn_wavefront_destroy(made_run.wavefront);
    const snn_wavefront_options settings = {
        .codec = SNN_CODEC_RAW, .timesteps = TIMESTEPS, .block = 4, .images = IMAGES, .eta = made->eta};
    const snn_wavefront_hooks hooks = {
        .context = &made_run.seen, .images = images_of, .load = load_fails, .done = done};
    succeeds(
        snn_wavefront_create(made->world, made->network, plan, made_run.shard, &settings, &hooks, &made_run.wavefront));
    snn_status status = snn_wavefront_run(made_run.wavefront, 2, 4);
    assert_int_equal(status.code, SNN_FILE_ERROR);
    assert_string_equal(status.message, "image group 2: cannot read images of group 2");
    run_end(&made_run);
    snn_plan_destroy(plan);
}

/* A bit flipped on the way is a clear failure of the receiver, which says where. */
static void test_damaged_packet(void **state)
{
    const fixture *made = *state;
    if (snn_world_size(made->world) != 2) {
        return;
    }
    const int32_t begin[] = {0, 3, made->network->population_count};
    const int32_t shards[] = {1, 1};
    snn_plan *plan = make_plan(made, 1, 2, begin, shards);
    run_case made_run;
    snn_world_pretend_hosts(made->world, 1);
    run_begin(&made_run, made, plan, SNN_CODEC_XOR, TIMESTEPS);
    damage_next_packet = snn_world_rank(made->world) == 0;
    snn_status status = snn_wavefront_run(made_run.wavefront, 0, 2); /* two items: the sender never waits */
    if (snn_world_rank(made->world) == 0) {
        succeeds(status);
    } else {
        assert_int_equal(status.code, SNN_INTERNAL_ERROR);
        assert_non_null(strstr(status.message, "image group 0"));
        assert_non_null(strstr(status.message, "from rank 0"));
        assert_non_null(strstr(status.message, "checksum"));
    }
    run_end(&made_run);
    snn_plan_destroy(plan);
}

int main(void)
{
    /* A failed assertion ends the process and with it the job; the other ranks would wait for it. */
    if (setenv("CMOCKA_TEST_ABORT", "1", 1) != 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pure_plans),
        cmocka_unit_test(test_stages_share_all),
        cmocka_unit_test(test_random_plans),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_neurons_of_all_channels),
        cmocka_unit_test(test_bytes_of_their_own),
        cmocka_unit_test(test_a_packet_serves_a_host),
        cmocka_unit_test(test_a_host_without_memory),
        cmocka_unit_test(test_plan_for_other_ranks),
        cmocka_unit_test(test_failing_hook),
        cmocka_unit_test(test_damaged_packet), /* last: it leaves one rank's communicator behind */
    };
    return cmocka_run_group_tests(tests, start, stop);
}
