/* Shards under the subgradient dynamics: against the naive simulation however the network is cut, and against a
 * network of textbook integrate-and-fire neurons. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "tests/core/shard/drive.h"
#include "tests/core/shard/examples.h"

enum { TIMESTEPS = 12, IMAGES = 5 };

static const drive_settings various[] = {
    {.cut = {1, 1}, .block = 1, .group = IMAGES, .threads = 1},
    {.cut = {1, 1}, .block = 5, .group = 2, .threads = 3},
    {.cut = {1, 1}, .block = TIMESTEPS, .group = 1, .threads = 2},
    {.cut = {1, 3}, .block = 8, .group = IMAGES, .threads = 2},
    {.cut = {2, 2}, .block = 5, .group = 3, .threads = 1},
    {.cut = {3, 1}, .block = TIMESTEPS, .group = 2, .threads = 2, .statistics = SNN_STATISTICS_SPIKES},
    {.cut = {1, 2}, .block = 5, .group = 2, .threads = 1, .statistics = SNN_STATISTICS_NONE},
};

static void fill_schedule(float *eta, snn_schedule_kind kind)
{
    const snn_schedule schedule = {.kind = kind, .eta0 = kind == SNN_SCHEDULE_INVERSE ? 1.0 : 0.2};
    assert_int_equal(snn_schedule_fill(&schedule, TIMESTEPS, eta).code, SNN_OK);
}

static void compare(snn_weight_format format, snn_encoding encoding, snn_schedule_kind schedule, float momentum)
{
    float eta[TIMESTEPS];
    const snn_kernels *kernels = NULL;
    snn_network *network = example_rectified(format, 21);
    float *pixels = example_pixels(network, IMAGES, 3);
    assert_string_equal(snn_network_check(network).message, "");
    assert_int_equal(snn_kernels_select(&kernels).code, SNN_OK);
    fill_schedule(eta, schedule);
    naive_result expected = naive_baseline_run(network, encoding, eta, momentum, TIMESTEPS, pixels, IMAGES);
    for (size_t i = 0; i < sizeof various / sizeof various[0]; i++) {
        drive_settings settings = various[i];
        settings.kernels = kernels;
        settings.encoding = encoding;
        settings.dynamics = SNN_DYNAMICS_SUBGRADIENT;
        settings.momentum = momentum;
        drive_and_compare(network, &settings, eta, pixels, &expected);
    }
    naive_clear(&expected, network);
    snn_release(pixels);
    snn_network_destroy(network);
}

static void integers_at_any_cut(void **state)
{
    (void)state;
    compare(SNN_WEIGHTS_INT16, SNN_ENCODING_FLOAT, SNN_SCHEDULE_INVERSE, 0.0f);
    compare(SNN_WEIGHTS_INT8, SNN_ENCODING_DIRECT, SNN_SCHEDULE_CONSTANT, 0.0f);
}

static void float_weights_at_any_cut(void **state)
{
    (void)state;
    compare(SNN_WEIGHTS_FLOAT32, SNN_ENCODING_FLOAT, SNN_SCHEDULE_CONSTANT, 0.0f);
}

static void momentum_at_any_cut(void **state)
{
    (void)state;
    compare(SNN_WEIGHTS_INT16, SNN_ENCODING_DIRECT, SNN_SCHEDULE_CONSTANT, 0.75f);
    compare(SNN_WEIGHTS_INT16, SNN_ENCODING_FLOAT, SNN_SCHEDULE_INVERSE, 0.5f);
}

static void every_instruction_set(void **state)
{
    (void)state;
    float eta[TIMESTEPS];
    int32_t count = 0;
    const snn_kernels *const *tables = snn_kernels_all(&count);
    snn_network *network = example_rectified(SNN_WEIGHTS_INT16, 4);
    float *pixels = example_pixels(network, 2, 3);
    fill_schedule(eta, SNN_SCHEDULE_INVERSE);
    naive_result expected = naive_baseline_run(network, SNN_ENCODING_FLOAT, eta, 0.0f, TIMESTEPS, pixels, 2);
    for (int32_t i = 0; i < count; i++) {
        const drive_settings settings = {.cut = {1, 2},
                                         .block = 5,
                                         .group = 2,
                                         .threads = 2,
                                         .kernels = tables[i],
                                         .encoding = SNN_ENCODING_FLOAT,
                                         .dynamics = SNN_DYNAMICS_SUBGRADIENT};
        if (tables[i]->available()) {
            drive_and_compare(network, &settings, eta, pixels, &expected);
        }
    }
    naive_clear(&expected, network);
    snn_release(pixels);
    snn_network_destroy(network);
}

/* Two layers of the textbook's neurons in whole numbers: v <- v + current; s = [v > threshold]; v <- v - threshold s,
 * from v = threshold on. A potential exactly at the threshold may go either way, as rounding has it. */
static void network_of_integrate_and_fire_neurons(void **state)
{
    (void)state;
    enum { STEPS = 50, INPUTS = 4, HIDDEN = 9, CLASSES = 3, GROUP = 6 };
    sample made = sample_begin(SNN_WEIGHTS_INT16, (snn_shape){1, 1, INPUTS}, CLASSES, 1);
    const int32_t relu = sample_population(&made, SNN_NEURON_RELU, (snn_shape){1, 1, HIDDEN}, NULL, false);
    const int32_t next = sample_population(&made, SNN_NEURON_RELU, (snn_shape){1, 1, HIDDEN}, NULL, false);
    const int32_t readout = sample_readout(&made);
    sample_projection(&made, SNN_SOURCE_INPUT, relu, (snn_operator){.kind = SNN_OPERATOR_DENSE});
    sample_projection(&made, relu, next, (snn_operator){.kind = SNN_OPERATOR_DENSE});
    sample_projection(&made, next, readout, (snn_operator){.kind = SNN_OPERATOR_DENSE});
    snn_network *network = made.network;
    int32_t threshold[2][HIDDEN], bias[3][HIDDEN], weights[3][HIDDEN][HIDDEN] = {{{0}}};
    uint64_t random = 9;
    float pixels[GROUP][INPUTS], eta[STEPS];
    for (int p = 0; p < 3; p++) {
        snn_population *population = &network->populations[p];
        const int rows = p == 2 ? CLASSES : HIDDEN, columns = p == 0 ? INPUTS : HIDDEN;
        for (int r = 0; r < rows; r++) {
            bias[p][r] = 2 * (int32_t)sample_uniform(&random, -20.0, 40.0);
            population->bias[r] = (float)bias[p][r];
            population->step[r] = 2.0f;
            if (p < 2) {
                threshold[p][r] = 101 + 2 * (int32_t)sample_uniform(&random, 0.0, 40.0);
                population->scale[r] = (float)threshold[p][r];
            }
            for (int c = 0; c < columns; c++) {
                weights[p][r][c] = (int32_t)sample_uniform(&random, -30.0, 40.0);
                ((int16_t *)network->projections[p].weights)[r * columns + c] = (int16_t)weights[p][r][c];
            }
        }
    }
    for (int i = 0; i < GROUP * INPUTS; i++) {
        pixels[i / INPUTS][i % INPUTS] = (float)(int32_t)sample_uniform(&random, -2.0, 3.0);
    }
    for (int t = 0; t < STEPS; t++) {
        eta[t] = (float)(1.0 / (t + 1));
    }
    const snn_kernels *kernels = NULL;
    const snn_channel_range all[3] = {{0, HIDDEN}, {0, HIDDEN}, {0, CLASSES}};
    const snn_shard_options options = {.images = GROUP,
                                       .block = STEPS,
                                       .timesteps = STEPS,
                                       .eta = eta,
                                       .encoding = SNN_ENCODING_FLOAT,
                                       .channels = all,
                                       .visible = all,
                                       .dynamics = SNN_DYNAMICS_SUBGRADIENT};
    snn_shard *shard = NULL;
    assert_int_equal(snn_kernels_select(&kernels).code, SNN_OK);
    assert_string_equal(snn_shard_create(network, kernels, &options, &shard).message, "");
    assert_int_equal(snn_shard_begin_group(shard, GROUP, &pixels[0][0], NULL).code, SNN_OK);
    for (int32_t p = 0; p < 3; p++) {
        assert_int_equal(snn_shard_run(shard, p, 0, STEPS).code, SNN_OK);
    }
    int fired[2] = {0}, ties = 0;
    for (int image = 0; image < GROUP; image++) {
        int64_t potential[2][HIDDEN], received[CLASSES] = {0};
        for (int c = 0; c < HIDDEN; c++) {
            potential[0][c] = threshold[0][c];
            potential[1][c] = threshold[1][c];
        }
        for (int t = 0; t < STEPS; t++) {
            int64_t source[HIDDEN] = {0};
            for (int c = 0; c < INPUTS; c++) {
                source[c] = (int64_t)pixels[image][c];
            }
            for (int p = 0; p < 3; p++) {
                int64_t spikes[HIDDEN] = {0};
                for (int r = 0; r < (p == 2 ? CLASSES : HIDDEN); r++) {
                    int64_t current = bias[p][r];
                    for (int c = 0; c < HIDDEN; c++) {
                        current += 2 * weights[p][r][c] * source[c];
                    }
                    if (p == 2) {
                        received[r] += current;
                        continue;
                    }
                    potential[p][r] += current;
                    const snn_spikes found = snn_shard_spikes(shard, p);
                    const bool spike = (snn_spikes_plane(&found, t, image)[r / 8] >> r % 8 & 1) != 0;
                    const bool tie = potential[p][r] == threshold[p][r];
                    if (!tie && spike != (potential[p][r] > threshold[p][r])) {
                        fail_msg("population %d, image %d, step %d, neuron %d: %d, potential %lld of %d", p, image, t,
                                 r, spike, (long long)potential[p][r], threshold[p][r]);
                    }
                    spikes[r] = spike;
                    potential[p][r] -= threshold[p][r] * spikes[r];
                    fired[p] += spike;
                    ties += tie;
                }
                memcpy(source, spikes, sizeof source);
            }
        }
        for (int r = 0; r < CLASSES; r++) {
            const double mean = (double)received[r] / STEPS;
            assert_true(fabs((double)snn_shard_logits(shard)[image * CLASSES + r] - mean) < 1e-3);
        }
    }
    assert_true(ties < GROUP * HIDDEN * STEPS / 25);
    for (int p = 0; p < 2; p++) {
        assert_in_range(fired[p], GROUP * HIDDEN * STEPS / 10, GROUP * HIDDEN * STEPS * 9 / 10);
    }
    snn_shard_destroy(shard);
    snn_network_destroy(network);
}

static void other_networks_are_refused(void **state)
{
    (void)state;
    const float eta[2] = {1.0f, 0.5f};
    const snn_kernels *kernels = NULL;
    snn_network *network = example_residual(SNN_WEIGHTS_INT16, 1);
    snn_channel_range all[16] = {{0, 0}};
    for (int32_t p = 0; p < network->population_count; p++) {
        all[p].end = network->populations[p].shape.channels;
    }
    const snn_shard_options options = {.images = 1,
                                       .block = 1,
                                       .timesteps = 2,
                                       .eta = eta,
                                       .encoding = SNN_ENCODING_FLOAT,
                                       .channels = all,
                                       .visible = all,
                                       .dynamics = SNN_DYNAMICS_SUBGRADIENT};
    snn_shard *shard = NULL;
    assert_int_equal(snn_kernels_select(&kernels).code, SNN_OK);
    const snn_status status = snn_shard_create(network, kernels, &options, &shard);
    assert_int_equal(status.code, SNN_INPUT_ERROR);
    assert_non_null(strstr(status.message, "leaky_relu"));
    assert_null(shard);
    snn_network_destroy(network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_at_any_cut),
        cmocka_unit_test(float_weights_at_any_cut),
        cmocka_unit_test(momentum_at_any_cut),
        cmocka_unit_test(every_instruction_set),
        cmocka_unit_test(network_of_integrate_and_fire_neurons),
        cmocka_unit_test(other_networks_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
