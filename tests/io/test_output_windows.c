/* Outputs of networks with windows: what they say of the dynamics, and whose steps their series are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/memory.h"
#include "core/network/timing.h"
#include "io/hdf5/sealed.h"
#include "output_fixture.h"
#include "parallel_scratch.h"

/* Windows of the three populations, one behind the other, that end after OUTPUT_TIMESTEPS. */
enum { STEPS = 3, DELAY = 1 };

/* The same run with windows: statistics are those of a window's steps, predictions those of all timesteps. */
static void set_windows(output_fixture *all)
{
    output_succeeds(snn_windows_init(STEPS, DELAY, 0.5, 0.25, &all->network->windows));
    snn_network_find_depths(all->network);
    for (int32_t p = 0; p < all->network->population_count; p++) {
        snn_population *population = &all->network->populations[p];
        if (snn_neuron_spikes(population->kind)) {
            population->unit = 0.125f * (float)(p + 1);
            population->rest = snn_allocate((size_t)population->shape.channels, sizeof *population->rest);
            assert_non_null(population->rest);
            for (int32_t c = 0; c < population->shape.channels; c++) {
                population->rest[c] = p - c;
            }
        }
    }
    snn_statistics_destroy(all->statistics);
    output_succeeds(snn_statistics_create(all->network, STEPS, &all->statistics));
    output_fill_counts(all->statistics);
    all->config->simulation.encoding = SNN_ENCODING_DIRECT;
    all->output.statistics = snn_world_rank(all->world) == 0 ? all->statistics : NULL;
}

static void check_dynamics(hid_t file)
{
    int32_t magnitudes[STEPS];
    double ratio = 0.0, margin = 0.0;
    hid_t group;
    output_check_int64(file, "dynamics/latency", OUTPUT_TIMESTEPS);
    output_check_int64(file, "dynamics/interval", STEPS);
    output_check_number(file, "dynamics/spikes_per_neuron", STEPS);
    output_succeeds(snn_hdf5_open_group(file, "dynamics", &group));
    output_check_attribute(group, "steps", STEPS);
    output_check_attribute(group, "delay", DELAY);
    output_check_attribute(group, "depth", 3);
    output_check_attribute(group, "first_answer", 2 * DELAY + 1); /* the last layer's first step, from 1 */
    output_succeeds(snn_hdf5_read_attribute(group, "magnitudes", H5T_NATIVE_INT32, STEPS, magnitudes));
    output_succeeds(snn_hdf5_read_attribute(group, "ratio", H5T_NATIVE_DOUBLE, 0, &ratio));
    output_succeeds(snn_hdf5_read_attribute(group, "margin", H5T_NATIVE_DOUBLE, 0, &margin));
    assert_true(magnitudes[0] == 4 && magnitudes[1] == 2 && magnitudes[2] == 1);
    assert_true(ratio == 0.5 && margin == 0.25);
    assert_true(H5Gclose(group) >= 0);
}

/* Layer 2 ("layer.2/leaky", 36 neurons) fires in timesteps 2, 3, 4; counts of layers 0 and 1 lie before its own. */
static void check_window_of_layer(hid_t file)
{
    const int64_t steps = STEPS, channels = 4;
    const size_t begin = 2 * (3 * STEPS + 2 * 4);
    double rates[STEPS];
    int32_t rest[4];
    float unit = 0.0f;
    hid_t layer;
    output_succeeds(snn_hdf5_open_group(file, "layers/2_layer.2_leaky", &layer));
    output_check_attribute(layer, "first_step", 2 * DELAY);
    output_check_attribute(layer, "depth", 2);
    output_succeeds(snn_hdf5_read_attribute(layer, "unit", H5T_NATIVE_FLOAT, 0, &unit));
    output_succeeds(snn_hdf5_read_array(layer, "rest", H5T_NATIVE_INT32, 1, &channels, rest));
    output_succeeds(snn_hdf5_read_array(layer, "firing_rate", H5T_NATIVE_DOUBLE, 1, &steps, rates));
    assert_true(unit == 0.375f);
    for (int c = 0; c < 4; c++) {
        assert_int_equal(rest[c], 2 - c);
    }
    for (size_t j = 0; j < STEPS; j++) {
        assert_true(rates[j] == (double)output_count_of(begin + j) / (36.0 * OUTPUT_IMAGES));
    }
    assert_true(H5Gclose(layer) >= 0);
}

/* As in test_output.c, with STEPS spikes instead of OUTPUT_TIMESTEPS. A quantised network multiplies 3 bits by 16. */
static void check_energy_of_windows(hid_t file)
{
    const double once = 16.0 * 16.0 * 4.0;
    output_check_int64(file, "energy/synaptic_operations_total", 204 * STEPS * OUTPUT_IMAGES);
    output_check_int64(file, "energy/input_products_total", 1024 * OUTPUT_IMAGES);
    output_check_int64(file, "energy/neuron_updates_total", 216 * STEPS * OUTPUT_IMAGES);
    output_check_number(
        file, "energy/estimate",
        OUTPUT_IMAGES * (198.0 * STEPS * 0.1e-12 + 6.0 * STEPS * 1.636e-12 + 216.0 * STEPS * 9.2e-12 + once * 4.6e-12));
    output_check_number(file, "energy/quantised_network_estimate",
                        OUTPUT_IMAGES * (once + 24.0) * (0.003 * 3.0 * 16.0 + 0.1) * 1e-12);
}

static void test_windows(void **state)
{
    output_fixture all;
    output_set_up(*state, true, &all);
    set_windows(&all);
    output_succeeds(snn_output_write(all.world, "windows.h5", &all.output));
    hid_t file;
    output_succeeds(snn_sealed_open("windows.h5", SNN_FILE_OUTPUT, true, &file));
    output_check_predictions(file);
    check_dynamics(file);
    check_window_of_layer(file);
    check_energy_of_windows(file);
    assert_true(H5Fclose(file) >= 0);
    output_succeeds(snn_world_barrier(all.world));
    output_tear_down(&all);
}

/* Predictions of more timesteps than the windows take. */
static void note_line(void *context, const char *line)
{
    char *lines = context;
    (void)snprintf(lines + strlen(lines), 512 - strlen(lines), "%s\n", line);
}

/* A window's margin and a resting state are part of the result. */
static void test_diff_of_windows(void **state)
{
    char lines[512] = "";
    int64_t differences = -1;
    output_fixture all;
    output_set_up(*state, true, &all);
    set_windows(&all);
    output_succeeds(snn_output_write(all.world, "one.h5", &all.output));
    all.network->windows.margin = 0.5;
    all.network->populations[1].rest[3]++;
    output_succeeds(snn_world_barrier(all.world));
    output_succeeds(snn_output_write(all.world, "other.h5", &all.output));
    assert_int_equal(snn_output_diff("one.h5", "other.h5", note_line, lines, &differences).code, SNN_CHECK_FAILED);
    assert_int_equal(differences, 2);
    assert_non_null(strstr(lines, "/dynamics@margin: 0.25 in one.h5, 0.5 in other.h5"));
    assert_non_null(strstr(lines, "/layers/1_pool_max/rest[3]: -2 in one.h5, -1 in other.h5"));
    output_succeeds(snn_world_barrier(all.world));
    output_tear_down(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_diff_of_windows),
    };
    return cmocka_run_group_tests(tests, parallel_enter, parallel_leave);
}
