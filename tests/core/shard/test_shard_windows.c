/* Windows: what shards make of codes, planes and moments is bit for bit what one timestep at a time gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/shard/shard.h"
#include "tests/core/shard/drive.h"
#include "tests/core/shard/examples.h"
#include "tests/core/tables/tables.h"

enum { IMAGES = 3 };

typedef snn_network *(*make_example)(snn_weight_format format, uint64_t seed);

typedef struct window_setting {
    int32_t steps, delay;
    double ratio, margin;
} window_setting;

/* The first few differ most: inputs that overlap in part, that stand still, that change all the time. */
static const window_setting windows_of[] = {
    {8, 3, 0.57, 0.25}, {8, 8, 0.5, 0.25}, {5, 0, 0.8, 0.5},  {6, 1, 0.7, 0.5},
    {10, 2, 0.6, 1.0},  {4, 9, 0.5, 0.1},  {8, 7, 0.5, 0.25}, {1, 1, 1.0, 0.0},
};
enum { WINDOWS = sizeof windows_of / sizeof windows_of[0], FEW = 3 };

static const drive_settings layouts[] = {
    {.cut = {1, 1}, .group = IMAGES, .threads = 1},
    {.cut = {1, 1}, .group = 1, .threads = 3},
    {.cut = {1, 3}, .group = 2, .threads = 2},
    {.cut = {2, 2}, .group = IMAGES, .threads = 2, .all_rows = true},
    {.cut = {3, 1}, .group = 2, .threads = 1},
    {.cut = {1, 2}, .group = 3, .threads = 2, .statistics = SNN_STATISTICS_SPIKES},
    {.cut = {1, 2}, .group = 2, .threads = 1, .statistics = SNN_STATISTICS_NONE},
};
enum { LAYOUTS = sizeof layouts / sizeof layouts[0] };

static const snn_kernels *best_kernels(void)
{
    const snn_kernels *kernels = NULL;
    assert_string_equal(snn_kernels_select(&kernels).message, "");
    return kernels;
}

static snn_network *windowed(make_example make, snn_weight_format format, const window_setting *setting)
{
    snn_windows windows;
    snn_network *network = make(format, 11 + (uint64_t)format);
    assert_string_equal(
        snn_windows_init(setting->steps, setting->delay, setting->ratio, setting->margin, &windows).message, "");
    sample_windows(network, &windows, 5);
    assert_string_equal(snn_network_check(network).message, "");
    return network;
}

/* A test in which nothing fires, or everything, or all at once, would compare nothing. */
static void expect_life(const snn_network *network, const naive_result *expected)
{
    for (int32_t p = 0; p < network->population_count - 1; p++) {
        const snn_population_counts counts = snn_statistics_population(expected->statistics, network, p);
        const int64_t neurons = snn_shape_size(network->populations[p].shape) * expected->images;
        int64_t spikes = 0;
        for (int32_t j = 0; j < expected->timesteps; j++) {
            spikes += counts.spikes[j];
        }
        if (snn_neuron_spikes(network->populations[p].kind) &&
            (spikes == 0 || spikes == neurons * expected->timesteps)) {
            fail_msg("%s: %lld spikes of %lld neurons", network->populations[p].name, (long long)spikes,
                     (long long)neurons);
        }
    }
}

static void compare(make_example make, snn_weight_format format, const window_setting *setting, int32_t images,
                    const drive_settings *settings, size_t count)
{
    snn_network *network = windowed(make, format, setting);
    float *pixels = example_pixels(network, images, 5);
    for (int64_t i = 0; i < images * snn_shape_size(network->input) && format == SNN_WEIGHTS_FLOAT32; i++) {
        pixels[i] = rintf(pixels[i] * 16.0f); /* whole, so that a stream's share of the image is exact */
    }
    naive_result expected = naive_windows_run(network, pixels, images, settings->latency);
    if (setting->steps > 1) {
        expect_life(network, &expected);
    }
    for (size_t i = 0; i < count; i++) {
        drive_settings one = settings[i];
        one.block = setting->steps;
        one.kernels = one.kernels != NULL ? one.kernels : best_kernels();
        drive_and_compare(network, &one, NULL, pixels, &expected);
    }
    naive_clear(&expected, network);
    snn_release(pixels);
    snn_network_destroy(network);
}

/* The first `count` windows. */
static void compare_windows(make_example make, snn_weight_format format, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        compare(make, format, &windows_of[i], IMAGES, layouts, LAYOUTS);
    }
}

static void residual_networks(void **state)
{
    (void)state;
    compare_windows(example_residual, SNN_WEIGHTS_INT16, WINDOWS);
    compare_windows(example_residual, SNN_WEIGHTS_INT8, FEW);
    compare_windows(example_residual, SNN_WEIGHTS_FLOAT32, FEW);
}

static void image_operators(void **state)
{
    (void)state;
    compare_windows(example_image, SNN_WEIGHTS_INT16, WINDOWS);
    compare_windows(example_image, SNN_WEIGHTS_FLOAT32, FEW);
}

static void streams(void **state)
{
    (void)state;
    compare_windows(example_streams, SNN_WEIGHTS_INT16, WINDOWS);
    compare_windows(example_streams, SNN_WEIGHTS_INT8, FEW);
    compare_windows(example_streams, SNN_WEIGHTS_FLOAT32, FEW);
}

static void streams_of_the_readout(void **state)
{
    (void)state;
    compare_windows(example_tail, SNN_WEIGHTS_INT16, WINDOWS);
}

/* Fewer timesteps of the readout than all windows take, and more. */
static void readout_at_other_times(void **state)
{
    (void)state;
    static const int32_t latencies[] = {1, 3, 9, 14, 20, 60};
    for (size_t i = 0; i < sizeof latencies / sizeof latencies[0]; i++) {
        const drive_settings settings = {.cut = {2, 2}, .group = 2, .threads = 1, .latency = latencies[i]};
        for (size_t w = 0; w < FEW; w++) {
            compare(example_tail, SNN_WEIGHTS_INT16, &windows_of[w], IMAGES, &settings, 1);
            compare(example_residual, SNN_WEIGHTS_INT8, &windows_of[w], IMAGES, &settings, 1);
        }
    }
}

static void neurons_of_all_channels(void **state)
{
    (void)state;
    compare_windows(example_nary, SNN_WEIGHTS_INT16, WINDOWS);
    compare_windows(example_nary, SNN_WEIGHTS_FLOAT32, FEW);
    compare_windows(example_heads, SNN_WEIGHTS_INT16, WINDOWS);
    compare_windows(example_heads, SNN_WEIGHTS_FLOAT32, FEW);
}

static void unary_neurons(void **state)
{
    (void)state;
    compare_windows(example_unary, SNN_WEIGHTS_INT16, WINDOWS);
}

static void large_pools(void **state)
{
    (void)state;
    compare_windows(example_pools, SNN_WEIGHTS_INT16, WINDOWS);
    /* Sums of larger codes leave the whole numbers that floats have, and pieces are added up in an order of their own.
     */
    compare(example_pools, SNN_WEIGHTS_FLOAT32, &windows_of[1], IMAGES, layouts, LAYOUTS);
}

static void many_tiles(void **state)
{
    (void)state;
    compare(example_large, SNN_WEIGHTS_INT16, &windows_of[1], 2, layouts, 3);
    compare(example_large, SNN_WEIGHTS_INT8, &windows_of[2], 1, layouts, 3);
}

static void every_instruction_set(void **state)
{
    (void)state;
    int32_t count = 0;
    const snn_kernels *const *tables = all_tables(&count);
    for (int32_t i = 0; i < count; i++) {
        const drive_settings settings = {.cut = {1, 2}, .group = 2, .threads = 2, .kernels = tables[i]};
        if (tables[i]->available()) {
            for (size_t w = 0; w < FEW; w++) {
                compare(example_residual, SNN_WEIGHTS_INT16, &windows_of[w], IMAGES, &settings, 1);
                compare(example_image, SNN_WEIGHTS_INT8, &windows_of[w], IMAGES, &settings, 1);
                compare(example_streams, SNN_WEIGHTS_INT16, &windows_of[w], IMAGES, &settings, 1);
                compare(example_nary, SNN_WEIGHTS_INT8, &windows_of[w], IMAGES, &settings, 1);
                compare(example_unary, SNN_WEIGHTS_INT8, &windows_of[w], IMAGES, &settings, 1);
                compare(example_pools, SNN_WEIGHTS_INT8, &windows_of[w], IMAGES, &settings, 1);
            }
        }
    }
}

/* Independent of the naive evaluation: with inputs that stand still every neuron in range ends within its last step of
 * the trained network's value, silent ones at it, and one that is out of range ends at its end of it and is counted. */
static void readout_is_the_trained_networks_within_a_step(void **state)
{
    (void)state;
    enum { HIDDEN = 4 };
    static const int16_t first[HIDDEN][2] = {{1000, 200}, {-500, 800}, {300, -900}, {-900, 700}};
    static const int16_t second[2][HIDDEN] = {{400, -700, 600, 300}, {-100, 900, 800, -500}};
    const float image[2] = {0.75f, -0.5f};
    for (int32_t steps = 3; steps <= 10; steps++) {
        sample made = sample_begin(SNN_WEIGHTS_INT16, (snn_shape){1, 1, 2}, 2, 1);
        const int32_t relu = sample_population(&made, SNN_NEURON_RELU, (snn_shape){1, 1, HIDDEN}, NULL, false);
        const int32_t readout = sample_readout(&made);
        sample_projection(&made, SNN_SOURCE_INPUT, relu, (snn_operator){.kind = SNN_OPERATOR_DENSE});
        sample_projection(&made, relu, readout, (snn_operator){.kind = SNN_OPERATOR_DENSE});
        snn_network *network = made.network;
        snn_windows windows;
        assert_int_equal(snn_windows_init(steps, steps, 0.5, 0.0, &windows).code, SNN_OK);
        sample_windows(network, &windows, 1);
        memcpy(network->projections[0].weights, first, sizeof first);
        memcpy(network->projections[1].weights, second, sizeof second);
        network->projections[0].shift = network->projections[1].shift = 0;
        const int32_t reach = snn_windows_reach(&windows), middle = snn_windows_rest(&windows, 0.5 * reach, false);
        snn_population *hidden = &network->populations[relu];
        double units[HIDDEN]; /* what y should be */
        for (int c = 0; c < HIDDEN; c++) {
            hidden->step[c] = 1e-3f;
            hidden->rest[c] = middle;
            const double x = (double)hidden->bias[c] + 1e-3 * (first[c][0] * 0.75 - first[c][1] * 0.5);
            const double value = x > 0.0 ? x : 0.0;
            hidden->scale[c] = (float)((c == 0 ? 0.75 * value : 1.6) / (middle + reach));
            units[c] = c == 0 ? middle + reach : value / (double)hidden->scale[c];
        }
        assert_true(units[1] == 0.0 && units[2] > 0.0 && units[3] == 0.0);
        network->populations[readout].step[0] = network->populations[readout].step[1] = 1.0f;
        const snn_channel_range all[2] = {{0, HIDDEN}, {0, 2}};
        const snn_shard_options options = {.images = 1, .channels = all, .visible = all};
        snn_shard *shard = NULL;
        assert_string_equal(snn_shard_create(network, best_kernels(), &options, &shard).message, "");
        assert_int_equal(snn_shard_latency(shard), steps);
        assert_int_equal(snn_shard_begin_group(shard, 1, image, NULL).code, SNN_OK);
        assert_int_equal(snn_shard_run(shard, relu, 0, steps).code, SNN_OK);
        assert_int_equal(snn_shard_run(shard, readout, 0, steps).code, SNN_OK);
        for (int k = 0; k < 2; k++) {
            double want = (double)network->populations[readout].bias[k];
            for (int c = 0; c < HIDDEN; c++) {
                want += second[k][c] * units[c];
            }
            const double found = (double)snn_shard_logits(shard)[k], slack = abs(second[k][2]) * 1.0 + 1e-3;
            if (!(fabs(found - want) <= slack)) {
                fail_msg("%d steps, class %d: %g, expected %g within %g", steps, k, found, want, slack);
            }
        }
        const snn_population_counts counts = snn_statistics_population(snn_shard_statistics(shard), network, relu);
        for (int c = 0; c < HIDDEN; c++) {
            assert_int_equal(counts.channel_beyond[c], c == 0);
        }
        snn_shard_destroy(shard);
        snn_network_destroy(network);
    }
}

/* A window is one item: parts of it are refused, and other dynamics have none. */
static void parts_of_windows_are_refused(void **state)
{
    (void)state;
    snn_network *network = windowed(example_tail, SNN_WEIGHTS_INT16, &windows_of[0]);
    snn_channel_range all[8];
    for (int32_t p = 0; p < network->population_count; p++) {
        all[p] = (snn_channel_range){0, network->populations[p].shape.channels};
    }
    snn_shard_options options = {.images = 1, .channels = all, .visible = all, .dynamics = SNN_DYNAMICS_SUBGRADIENT};
    snn_shard *shard = NULL;
    snn_status status = snn_shard_create(network, best_kernels(), &options, &shard);
    assert_int_equal(status.code, SNN_INTERNAL_ERROR);
    assert_non_null(strstr(status.message, "windows"));
    options.dynamics = SNN_DYNAMICS_SIGNGD;
    assert_string_equal(snn_shard_create(network, best_kernels(), &options, &shard).message, "");
    float *pixels = example_pixels(network, 1, 1);
    assert_int_equal(snn_shard_begin_group(shard, 1, pixels, NULL).code, SNN_OK);
    assert_int_equal(snn_shard_run(shard, 0, 0, 7).code, SNN_INTERNAL_ERROR);
    assert_int_equal(snn_shard_run(shard, 0, 1, 7).code, SNN_INTERNAL_ERROR);
    assert_int_equal(snn_shard_run(shard, 0, 0, 9).code, SNN_INTERNAL_ERROR);
    assert_int_equal(snn_shard_run(shard, 0, 0, 8).code, SNN_OK);
    assert_int_equal(snn_shard_run(shard, 0, 0, 8).code, SNN_INTERNAL_ERROR);
    snn_release(pixels);
    snn_shard_destroy(shard);
    snn_network_destroy(network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(residual_networks),
        cmocka_unit_test(image_operators),
        cmocka_unit_test(streams),
        cmocka_unit_test(streams_of_the_readout),
        cmocka_unit_test(readout_at_other_times),
        cmocka_unit_test(neurons_of_all_channels),
        cmocka_unit_test(unary_neurons),
        cmocka_unit_test(large_pools),
        cmocka_unit_test(many_tiles),
        cmocka_unit_test(every_instruction_set),
        cmocka_unit_test(readout_is_the_trained_networks_within_a_step),
        cmocka_unit_test(parts_of_windows_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
