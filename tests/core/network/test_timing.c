/* When populations fire and what they see of each other, on networks small enough to say it by hand, and on random ones
 * from the timesteps themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/network/timing.h"
#include "tests/core/network/sample.h"

static const snn_shape one = {1, 1, 1};
static const snn_operator diagonal = {.kind = SNN_OPERATOR_DIAGONAL};

static snn_network *finished(const sample *made, int32_t steps, int32_t delay)
{
    assert_string_equal(snn_windows_init(steps, delay, 0.5, 0.0, &made->network->windows).message, "");
    snn_network_find_depths(made->network);
    return made->network;
}

static int32_t neuron(sample *made)
{
    return sample_population(made, SNN_NEURON_RELU, one, NULL, false);
}

static int32_t stream(sample *made)
{
    return sample_population(made, SNN_NEURON_STREAM, one, NULL, false);
}

/* image -> 0 -> 1 -> 2 -> readout; the readout is population 3. */
static snn_network *chain(int32_t steps, int32_t delay)
{
    sample made = sample_begin(SNN_WEIGHTS_INT16, one, 1, 1);
    for (int32_t p = 0; p < 3; p++) {
        sample_projection(&made, p == 0 ? SNN_SOURCE_INPUT : p - 1, neuron(&made), diagonal);
    }
    sample_projection(&made, 2, sample_readout(&made), diagonal);
    return finished(&made, steps, delay);
}

static void expect_timing(const snn_timing *found, int32_t start, int32_t planes, int32_t moments)
{
    if (found->start != start || found->planes != planes || found->moments != moments) {
        fail_msg("start %d, %d planes, %d moments; expected %d, %d, %d", found->start, found->planes, found->moments,
                 start, planes, moments);
    }
}

static void expect_planes(const snn_network *network, const snn_timing *timings, int32_t source, int32_t reader,
                          int32_t moment, int32_t begin, int32_t end)
{
    int32_t found_begin = -1, found_end = -1;
    snn_timing_planes(network, timings, source, reader, moment, &found_begin, &found_end);
    if (found_begin != begin || found_end != end) {
        fail_msg("moment %d of %d: planes [%d, %d) of %d, expected [%d, %d)", moment, reader, found_begin, found_end,
                 source, begin, end);
    }
}

static void chain_that_stands_still(void **state)
{
    (void)state;
    static const int32_t delays[] = {4, 3, 9}; /* the last spike comes when the next window begins at the latest */
    for (size_t i = 0; i < 3; i++) {
        const int32_t delay = delays[i];
        snn_network *network = chain(4, delay);
        snn_timing timings[4];
        snn_network_timings(network, timings);
        assert_int_equal(snn_network_latency(network), 4 + 2 * delay);
        for (int32_t p = 0; p < 3; p++) {
            assert_int_equal(network->populations[p].depth, p);
            expect_timing(&timings[p], delay * p, 4, 1);
        }
        expect_timing(&timings[3], 2 * delay - 1, 0, 5); /* nothing yet, then each spike */
        expect_planes(network, timings, 0, 1, 0, 0, 4);
        expect_planes(network, timings, 1, 2, 0, 0, 4);
        expect_planes(network, timings, 2, 3, 0, 0, 0);
        for (int32_t moment = 1; moment < 5; moment++) {
            expect_planes(network, timings, 2, 3, moment, moment - 1, moment);
        }
        snn_network_destroy(network);
    }
}

static void chain_that_overlaps(void **state)
{
    (void)state;
    snn_network *network = chain(8, 3);
    snn_timing timings[4];
    snn_network_timings(network, timings);
    assert_int_equal(snn_network_latency(network), 14);
    expect_timing(&timings[0], 0, 8, 1);
    expect_timing(&timings[1], 3, 8, 5); /* spikes 0..3 are there, 4..7 come one by one */
    expect_timing(&timings[2], 6, 8, 5);
    expect_timing(&timings[3], 5, 0, 9);
    expect_planes(network, timings, 0, 1, 0, 0, 4);
    expect_planes(network, timings, 0, 1, 1, 4, 5);
    expect_planes(network, timings, 0, 1, 4, 7, 8);
    expect_planes(network, timings, 0, 1, 5, 8, 8);
    snn_network_destroy(network);
}

static void chain_that_fires_at_once(void **state)
{
    (void)state;
    snn_network *network = chain(5, 0);
    snn_timing timings[4];
    snn_network_timings(network, timings);
    assert_int_equal(snn_network_latency(network), 5);
    for (int32_t p = 0; p < 3; p++) {
        assert_int_equal(network->populations[p].depth, p);
        expect_timing(&timings[p], 0, 5, p == 0 ? 1 : 5);
    }
    expect_timing(&timings[3], 0, 0, 5); /* there is no timestep before the first */
    for (int32_t moment = 0; moment < 5; moment++) {
        expect_planes(network, timings, 1, 2, moment, moment, moment + 1);
        expect_planes(network, timings, 2, 3, moment, moment, moment + 1);
    }
    snn_network_destroy(network);
}

/* A source that several windows lie behind is done; one just before is not. */
static void skips_of_different_depth(void **state)
{
    (void)state;
    sample made = sample_begin(SNN_WEIGHTS_INT16, one, 1, 1);
    const int32_t a = neuron(&made), b = neuron(&made), c = neuron(&made), side = neuron(&made);
    const int32_t readout = sample_readout(&made);
    sample_projection(&made, SNN_SOURCE_INPUT, a, diagonal);
    sample_projection(&made, a, b, diagonal);
    sample_projection(&made, SNN_SOURCE_INPUT, c, diagonal);
    sample_projection(&made, a, c, diagonal);
    sample_projection(&made, b, c, diagonal);
    sample_projection(&made, a, side, diagonal);
    sample_projection(&made, c, readout, diagonal);
    sample_projection(&made, side, readout, diagonal);
    snn_network *network = finished(&made, 6, 4);
    snn_timing timings[5];
    snn_network_timings(network, timings);
    assert_int_equal(network->populations[c].depth, 2);
    assert_int_equal(network->populations[side].depth, 1);
    assert_int_equal(network->populations[readout].depth, 3);
    assert_int_equal(snn_network_latency(network), 14);
    expect_timing(&timings[a], 0, 6, 1);
    expect_timing(&timings[b], 4, 6, 2);
    expect_timing(&timings[c], 8, 6, 2);
    expect_timing(&timings[side], 4, 6, 2);
    expect_timing(&timings[readout], 3, 0, 11); /* before `side` fires, to the end */
    expect_planes(network, timings, a, c, 0, 0, 6);
    expect_planes(network, timings, a, c, 1, 6, 6);
    expect_planes(network, timings, b, c, 0, 0, 5);
    expect_planes(network, timings, b, c, 1, 5, 6);
    expect_planes(network, timings, side, readout, 0, 0, 0);
    expect_planes(network, timings, side, readout, 1, 0, 1);
    expect_planes(network, timings, side, readout, 7, 6, 6);
    expect_planes(network, timings, c, readout, 4, 0, 0);
    expect_planes(network, timings, c, readout, 5, 0, 1);
    expect_planes(network, timings, c, readout, 10, 5, 6);
    snn_network_destroy(network);
}

/* A stream has no window and adds nothing to the depth; what it has gathered is its first plane. */
static void streams_pass_on(void **state)
{
    (void)state;
    sample made = sample_begin(SNN_WEIGHTS_INT16, one, 1, 1);
    const int32_t a = neuron(&made), first = stream(&made), b = neuron(&made), second = stream(&made);
    const int32_t c = neuron(&made), readout = sample_readout(&made);
    sample_projection(&made, SNN_SOURCE_INPUT, a, diagonal);
    sample_projection(&made, a, first, diagonal);
    sample_projection(&made, first, b, diagonal);
    sample_projection(&made, first, second, diagonal);
    sample_projection(&made, b, second, diagonal);
    sample_projection(&made, second, c, diagonal);
    sample_projection(&made, second, readout, diagonal);
    sample_projection(&made, c, readout, diagonal);
    snn_network *network = finished(&made, 8, 3);
    snn_timing timings[6];
    snn_network_timings(network, timings);
    assert_int_equal(network->populations[first].depth, 1);
    assert_int_equal(network->populations[b].depth, 1);
    assert_int_equal(network->populations[second].depth, 2);
    assert_int_equal(network->populations[c].depth, 2);
    assert_int_equal(snn_network_latency(network), 14);
    expect_timing(&timings[first], 3, 5, 5);
    expect_timing(&timings[b], 3, 8, 5);
    expect_timing(&timings[second], 6, 5, 5); /* b's spikes 0..3, then each */
    expect_timing(&timings[c], 6, 8, 5);
    expect_timing(&timings[readout], 5, 0, 9);
    expect_planes(network, timings, first, b, 0, 0, 1);
    expect_planes(network, timings, first, b, 4, 4, 5);
    expect_planes(network, timings, first, second, 0, 0, 4);
    expect_planes(network, timings, first, second, 1, 4, 5);
    expect_planes(network, timings, second, c, 4, 4, 5);
    expect_planes(network, timings, second, readout, 0, 0, 0);
    expect_planes(network, timings, second, readout, 1, 0, 1);
    expect_planes(network, timings, second, readout, 5, 4, 5);
    expect_planes(network, timings, second, readout, 6, 5, 5);
    snn_network_destroy(network);
}

/* A stream that only the readout reads begins when all neurons are done: it is there at the last timestep. */
static void stream_of_the_readout(void **state)
{
    (void)state;
    static const struct {
        int32_t steps, delay, start, planes, readout;
    } cases[] = {
        {8, 8, 16, 1, 14}, {8, 12, 24, 1, 18}, {8, 7, 14, 1, 13}, {8, 3, 6, 5, 5}, {8, 0, 0, 8, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sample made = sample_begin(SNN_WEIGHTS_INT16, one, 1, 1);
        const int32_t a = neuron(&made), b = neuron(&made), last = stream(&made), readout = sample_readout(&made);
        sample_projection(&made, SNN_SOURCE_INPUT, a, diagonal);
        sample_projection(&made, a, b, diagonal);
        sample_projection(&made, b, last, diagonal);
        sample_projection(&made, last, readout, diagonal);
        snn_network *network = finished(&made, cases[i].steps, cases[i].delay);
        snn_timing timings[4];
        snn_network_timings(network, timings);
        const int32_t latency = snn_network_latency(network);
        assert_int_equal(latency, cases[i].steps + cases[i].delay);
        expect_timing(&timings[last], cases[i].start, cases[i].planes, cases[i].planes);
        expect_timing(&timings[readout], cases[i].readout, 0, latency - cases[i].readout);
        expect_planes(network, timings, last, readout, timings[readout].moments - 1, cases[i].planes - 1,
                      cases[i].planes);
        expect_planes(network, timings, last, readout, 0, 0, cases[i].delay == 0 ? 1 : 0);
        snn_network_destroy(network);
    }
}

static void image_alone(void **state)
{
    (void)state;
    sample made = sample_begin(SNN_WEIGHTS_INT16, one, 1, 1);
    const int32_t direct = stream(&made), readout = sample_readout(&made);
    sample_projection(&made, SNN_SOURCE_INPUT, direct, diagonal);
    sample_projection(&made, SNN_SOURCE_INPUT, readout, diagonal);
    sample_projection(&made, direct, readout, diagonal);
    snn_network *network = finished(&made, 8, 8);
    snn_timing timings[2];
    snn_network_timings(network, timings);
    assert_int_equal(snn_network_latency(network), 8);
    expect_timing(&timings[direct], 0, 1, 1);
    expect_timing(&timings[readout], 0, 0, 8);
    expect_planes(network, timings, direct, readout, 0, 0, 1);
    expect_planes(network, timings, direct, readout, 1, 1, 1);
    snn_network_destroy(network);
}

/* Whatever the network: by the reader's timestep t it has taken exactly the planes that its source had made by then,
 * each once and in order; and after its last moment there is nothing left to come. */
static void readers_take_every_plane_in_time(void **state)
{
    (void)state;
    uint64_t random = 7;
    for (int32_t round = 0; round < 500; round++) {
        sample made = sample_begin(SNN_WEIGHTS_INT16, one, 1, 1);
        const int32_t count = 2 + (int32_t)(sample_random(&random) % 9);
        for (int32_t p = 0; p < count; p++) {
            const bool flows = p > 0 && sample_random(&random) % 3 == 0;
            const int32_t number = p == count - 1 ? sample_readout(&made) : flows ? stream(&made) : neuron(&made);
            for (int32_t source = SNN_SOURCE_INPUT; source < number; source++) {
                if (source == number - 1 || sample_random(&random) % 4 == 0) {
                    sample_projection(&made, source, number, diagonal);
                }
            }
        }
        snn_network *network =
            finished(&made, 1 + (int32_t)(sample_random(&random) % 9), (int32_t)(sample_random(&random) % 12));
        snn_timing timings[SAMPLE_POPULATIONS];
        snn_network_timings(network, timings);
        const int32_t latency = snn_network_latency(network);
        for (int32_t i = 0; i < network->projection_count; i++) {
            const int32_t source = network->projections[i].source, reader = network->projections[i].target;
            if (source == SNN_SOURCE_INPUT) {
                continue;
            }
            const bool readout = reader == count - 1;
            int32_t start = timings[source].start, taken = 0;
            start = readout && network->populations[source].kind == SNN_NEURON_STREAM && start > latency - 1
                        ? latency - 1
                        : start;
            assert_true(timings[reader].moments >= 1);
            for (int32_t moment = 0; moment < timings[reader].moments; moment++) {
                int32_t begin, end, made_by_then = timings[reader].start + moment - start + 1;
                snn_timing_planes(network, timings, source, reader, moment, &begin, &end);
                made_by_then = made_by_then < 0 ? 0 : made_by_then;
                made_by_then = made_by_then < timings[source].planes ? made_by_then : timings[source].planes;
                assert_true(begin == end || begin == taken);
                taken = begin == end ? taken : end;
                assert_int_equal(taken, made_by_then);
                /* All moments but the first bring something new, of some source. */
                assert_true(moment == 0 || end - begin <= 1);
            }
            assert_int_equal(taken, timings[source].planes);
        }
        assert_int_equal(timings[count - 1].start + timings[count - 1].moments, latency);
        for (int32_t p = 0; p < count - 1; p++) {
            assert_true(timings[p].moments <= network->windows.steps);
            assert_int_equal(timings[p].start, network->windows.delay * network->populations[p].depth);
        }
        snn_network_destroy(network);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chain_that_stands_still),
        cmocka_unit_test(chain_that_overlaps),
        cmocka_unit_test(chain_that_fires_at_once),
        cmocka_unit_test(skips_of_different_depth),
        cmocka_unit_test(streams_pass_on),
        cmocka_unit_test(stream_of_the_readout),
        cmocka_unit_test(image_alone),
        cmocka_unit_test(readers_take_every_plane_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
