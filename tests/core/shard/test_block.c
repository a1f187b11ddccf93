/* Blocks that are suggested: long where rows are short, shorter where a cache or memory says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/kernels/processor.h"
#include "core/shard/block.h"
#include "tests/partition/sample_network.h"

enum { MEBI = 1 << 20, LONGEST = 16 };

/* Two layers of side x side positions; the second reads a window of three rows of `channels`. */
static void two_layers(sample_network *sample, int32_t side, int32_t channels)
{
    sample_begin(sample, "sample", (snn_shape){side, side, 3});
    const int32_t first = sample_add_population(sample, SNN_NEURON_RELU, side, channels);
    (void)sample_add_convolution(sample, SNN_SOURCE_INPUT, 1);
    const int32_t second = sample_add_population(sample, SNN_NEURON_RELU, side, channels);
    (void)sample_add_convolution(sample, first, 1);
    sample_add_readout(sample, second, 10);
}

static void test_caches(void **state)
{
    (void)state;
    sample_network sample;
    two_layers(&sample, 32, 16); /* a row: 32 positions of 64 bytes a step; three: 6 KiB */
    assert_int_equal(snn_block_suggested(&sample.network, 64, 2 * MEBI), LONGEST);
    assert_int_equal(snn_block_suggested(&sample.network, 64, 2 * 16 * 6 * 1024), 16);
    assert_int_equal(snn_block_suggested(&sample.network, 64, 2 * 16 * 6 * 1024 - 1), 8);
    assert_int_equal(snn_block_suggested(&sample.network, 64, 2 * 6 * 1024), 1);
    assert_int_equal(snn_block_suggested(&sample.network, 64, 1), 1);
    two_layers(&sample, 224, 256); /* three rows: 168 KiB */
    assert_int_equal(snn_block_suggested(&sample.network, 64, 2 * MEBI), 4);
}

static void test_timesteps(void **state)
{
    (void)state;
    sample_network sample;
    two_layers(&sample, 32, 16);
    for (int32_t timesteps = 1; timesteps <= LONGEST; timesteps++) {
        assert_int_equal(snn_block_suggested(&sample.network, timesteps, 2 * MEBI), timesteps);
    }
}

/* A value of a stream is 4 bytes a step, a neuron's x and y are 8 bytes and its spikes 1/8 a step. */
static void test_streams(void **state)
{
    (void)state;
    sample_network sample;
    sample_begin(&sample, "sample", (snn_shape){8, 8, 3});
    const int32_t stream = sample_add_population(&sample, SNN_NEURON_STREAM, 8, 16);
    (void)sample_add_convolution(&sample, SNN_SOURCE_INPUT, 1);
    const int32_t neurons = sample_add_population(&sample, SNN_NEURON_RELU, 8, 5 * 16);
    (void)sample_add_convolution(&sample, stream, 1);
    sample_add_readout(&sample, neurons, 10);
    /* 5 * 8 >= B (4 + 5 / 8) up to B = 8 */
    assert_int_equal(snn_block_suggested(&sample.network, 64, 2 * MEBI), 8);
}

static void test_cache_of_this_machine(void **state)
{
    (void)state;
    assert_in_range(snn_processor_cache_bytes(), 64 * 1024, 1LL << 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_caches),
        cmocka_unit_test(test_timesteps),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_cache_of_this_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
