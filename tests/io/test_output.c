/* Output files, written at several rank counts: every value is a closed form, so all counts must give the same file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/memory.h"
#include "io/hdf5/sealed.h"
#include "output_fixture.h"
#include "parallel_scratch.h"

/* ---- what must be in the file ---- */

static void check_text(hid_t file, const char *name, const char *expected)
{
    char *found = NULL;
    output_succeeds(snn_hdf5_read_text(file, name, &found));
    assert_string_equal(found, expected);
    snn_release(found);
}

/* That a section counts the last job only is said in it. */
static void check_note(hid_t file, const char *section)
{
    char *found = NULL;
    hid_t group = H5Gopen2(file, section, H5P_DEFAULT);
    output_succeeds(snn_hdf5_read_text_attribute(group, "note", &found));
    assert_non_null(strstr(found, "last job"));
    snn_release(found);
    assert_true(H5Gclose(group) >= 0);
}

static void check_accuracy(hid_t file)
{
    const int64_t steps = OUTPUT_TIMESTEPS;
    int64_t correct[OUTPUT_TIMESTEPS];
    float eta[OUTPUT_TIMESTEPS];
    output_succeeds(snn_hdf5_read_array(file, "accuracy/correct", H5T_NATIVE_INT64, 1, &steps, correct));
    output_succeeds(snn_hdf5_read_array(file, "schedule/eta", H5T_NATIVE_FLOAT, 1, &steps, eta));
    for (int t = 0; t < OUTPUT_TIMESTEPS; t++) {
        assert_int_equal(correct[t], 10 + t);
        assert_true(eta[t] == 0.15f / (float)(t + 1));
    }
    output_check_int64(file, "accuracy/total", OUTPUT_IMAGES);
    output_check_int64(file, "accuracy/ann_correct", 17);
}

/* Layer 1 ("pool max": 3x3x4 neurons): counts begin behind the 3 * 5 + 2 * 4 of layer 0. */
static void check_layers(hid_t file)
{
    const int64_t steps = OUTPUT_TIMESTEPS;
    const int64_t channels = 4;
    const size_t begin = 3 * OUTPUT_TIMESTEPS + 2 * 4;
    const double all = 36.0 * OUTPUT_IMAGES;
    double values[OUTPUT_TIMESTEPS];
    int64_t channel_spikes[4], channel_beyond[4];
    int64_t neurons = 0;
    int32_t shape[3];
    hid_t layer;
    assert_true(H5Lexists(file, "layers/0_conv_1", H5P_DEFAULT) > 0);
    assert_true(H5Lexists(file, "layers/2_layer.2_leaky", H5P_DEFAULT) > 0);
    assert_true(H5Lexists(file, "layers/3_logits", H5P_DEFAULT) == 0); /* the readout has no spikes */
    output_succeeds(snn_hdf5_open_group(file, "layers/1_pool_max", &layer));
    output_succeeds(snn_hdf5_read_array(layer, "firing_rate", H5T_NATIVE_DOUBLE, 1, &steps, values));
    for (size_t t = 0; t < OUTPUT_TIMESTEPS; t++) {
        assert_true(values[t] == (double)output_count_of(begin + t) / all);
    }
    output_succeeds(snn_hdf5_read_array(layer, "flip_rate", H5T_NATIVE_DOUBLE, 1, &steps, values));
    assert_true(values[2] == (double)output_count_of(begin + OUTPUT_TIMESTEPS + 2) / all);
    output_succeeds(snn_hdf5_read_array(layer, "tracking_error", H5T_NATIVE_DOUBLE, 1, &steps, values));
    assert_true(values[4] == (double)output_count_of(begin + 2 * OUTPUT_TIMESTEPS + 4) / 65536.0 / all);
    output_succeeds(snn_hdf5_read_array(layer, "channel_spikes", H5T_NATIVE_INT64, 1, &channels, channel_spikes));
    assert_int_equal(channel_spikes[3], output_count_of(begin + 3 * OUTPUT_TIMESTEPS + 3));
    output_succeeds(snn_hdf5_read_array(layer, "channel_beyond", H5T_NATIVE_INT64, 1, &channels, channel_beyond));
    assert_int_equal(channel_beyond[2], output_count_of(begin + 3 * OUTPUT_TIMESTEPS + 4 + 2));
    output_succeeds(snn_hdf5_read_attribute(layer, "neurons", H5T_NATIVE_INT64, 0, &neurons));
    output_succeeds(snn_hdf5_read_attribute(layer, "shape", H5T_NATIVE_INT32, 3, shape));
    assert_int_equal(neurons, 36);
    assert_true(shape[0] == 3 && shape[1] == 3 && shape[2] == 4);
    char *text = NULL;
    output_succeeds(snn_hdf5_read_text_attribute(layer, "operator", &text));
    assert_string_equal(text, "diagonal");
    snn_release(text);
    output_succeeds(snn_hdf5_read_text_attribute(layer, "neuron", &text));
    assert_string_equal(text, "maximum");
    snn_release(text);
    assert_true(H5Gclose(layer) >= 0);
}

/* By hand: 3x3 taps inside 6x6 are 16 * 16, one of 2 groups sees 1 channel, 4 target channels; the diagonal has 144
 * elements, the gather 36, the dense operator pools 9 * 2 spikes into 2 for 3 classes. */
static void check_energy(hid_t file)
{
    const int64_t layers = 4;
    int64_t operations[4];
    int64_t products[4];
    int64_t updates[4];
    double joules = 0.0;
    const int64_t once = 16 * 16 * 4;
    const int64_t each[4] = {0, 144, 36, 18 + 6};
    const int64_t neurons[4] = {144, 36, 36, 0};
    output_succeeds(snn_hdf5_read_array(file, "energy/synaptic_operations", H5T_NATIVE_INT64, 1, &layers, operations));
    output_succeeds(snn_hdf5_read_array(file, "energy/input_products", H5T_NATIVE_INT64, 1, &layers, products));
    output_succeeds(snn_hdf5_read_array(file, "energy/neuron_updates", H5T_NATIVE_INT64, 1, &layers, updates));
    for (int i = 0; i < 4; i++) {
        assert_int_equal(operations[i], each[i] * OUTPUT_TIMESTEPS * OUTPUT_IMAGES);
        assert_int_equal(products[i], i == 0 ? once * OUTPUT_IMAGES : 0);
        assert_int_equal(updates[i], neurons[i] * OUTPUT_TIMESTEPS * OUTPUT_IMAGES);
    }
    output_check_int64(file, "energy/synaptic_operations_total", 204 * OUTPUT_TIMESTEPS * OUTPUT_IMAGES);
    output_check_int64(file, "energy/neuron_updates_total", 216 * OUTPUT_TIMESTEPS * OUTPUT_IMAGES);
    output_check_int64(file, "energy/spikes_total", 5 * (3 * 3 + 11 * (2 + 25 + 48)));
    output_succeeds(snn_hdf5_read_array(file, "energy/estimate", H5T_NATIVE_DOUBLE, 0, NULL, &joules));
    /* The pool's sums are multiplied by 16-bit weights for 3 classes of 2 channels, all else is added. */
    const double each_step = 198.0 * 0.1e-12 + 6.0 * (0.003 * 32.0 * 16.0 + 0.1) * 1e-12 + 216.0 * 9.2e-12;
    const double expected = OUTPUT_IMAGES * (each_step * OUTPUT_TIMESTEPS + (double)once * 4.6e-12);
    assert_true(joules > expected * 0.999999 && joules < expected * 1.000001);
    output_succeeds(snn_hdf5_read_array(file, "energy/trained_network_estimate", H5T_NATIVE_DOUBLE, 0, NULL, &joules));
    const double trained = (double)(OUTPUT_IMAGES * (once + 24)) * 4.6e-12;
    assert_true(joules > trained * 0.999999 && joules < trained * 1.000001);
}

/* Of an image. The gather takes nothing for one element, which is no effective use; no weight is 0. */
static void check_cost(hid_t file)
{
    output_check_int64(file, "cost/neurons", 216);
    output_check_int64(file, "cost/latency", OUTPUT_TIMESTEPS);
    output_check_number(file, "cost/signed/MembraneUpdates", 216.0 * OUTPUT_TIMESTEPS);
    output_check_number(file, "cost/signed/SynapticOperations/Dense", 1024.0 + 204.0 * OUTPUT_TIMESTEPS);
    output_check_number(file, "cost/signed/SynapticOperations/Effective_ACs", 197.0 * OUTPUT_TIMESTEPS);
    output_check_number(file, "cost/events/SynapticOperations/Effective_MACs", 1024.0 + 6.0 * OUTPUT_TIMESTEPS);
    output_check_number(file, "cost/trained/SynapticOperations/Effective_MACs", 1024.0 + 24.0);
    assert_int_equal(H5Lexists(file, "cost/quantised", H5P_DEFAULT), 0); /* without windows */
}

/* Rank r sent r + 1 packets of sums between shards, coded by zstd. */
static void check_lines(hid_t file, int32_t size)
{
    const int64_t dims[] = {SNN_EDGE_KIND_COUNT, SNN_CODEC_AUTO, SNN_TRAFFIC_COLUMNS};
    snn_traffic_line lines[SNN_EDGE_KIND_COUNT][SNN_CODEC_AUTO];
    output_succeeds(snn_hdf5_read_array(file, "communication/by_kind_and_codec", H5T_NATIVE_DOUBLE, 3, dims, lines));
    for (int kind = 0; kind < SNN_EDGE_KIND_COUNT; kind++) {
        for (int codec = 0; codec < SNN_CODEC_AUTO; codec++) {
            const bool used = kind == SNN_EDGE_SUMS_SHARDS && codec == SNN_CODEC_ZSTD;
            assert_true(lines[kind][codec].packets == (used ? 0.5 * size * (size + 1) : 0.0));
            assert_true(lines[kind][codec].saved_seconds == (used ? 0.25 * size : 0.0));
        }
    }
}

static void check_ranks(hid_t file, int32_t size)
{
    const int64_t ranks = size;
    const int64_t map_dims[] = {size, 3};
    const int64_t timer_dims[] = {size, SNN_TIMER_COUNT};
    const int64_t timers = SNN_TIMER_COUNT;
    double setup = 0.0;
    int64_t packets[8], blocks[8], shared[8];
    int32_t map[8][3];
    double seconds[8][SNN_TIMER_COUNT];
    double most[SNN_TIMER_COUNT];
    double mean[SNN_TIMER_COUNT];
    double ratio = 0.0;
    output_succeeds(snn_hdf5_read_array(file, "communication/packets", H5T_NATIVE_INT64, 1, &ranks, packets));
    output_succeeds(snn_hdf5_read_array(file, "communication/shared_blocks", H5T_NATIVE_INT64, 1, &ranks, blocks));
    output_succeeds(snn_hdf5_read_array(file, "communication/shared_bytes", H5T_NATIVE_INT64, 1, &ranks, shared));
    output_succeeds(snn_hdf5_read_array(file, "communication/ratio", H5T_NATIVE_DOUBLE, 0, NULL, &ratio));
    output_succeeds(snn_hdf5_read_array(file, "provenance/rank_map", H5T_NATIVE_INT32, 2, map_dims, map));
    output_succeeds(snn_hdf5_read_array(file, "timers/seconds", H5T_NATIVE_DOUBLE, 2, timer_dims, seconds));
    output_succeeds(snn_hdf5_read_array(file, "timers/setup", H5T_NATIVE_DOUBLE, 0, NULL, &setup));
    assert_true(setup == 0.5);
    output_succeeds(snn_hdf5_read_array(file, "timers/max", H5T_NATIVE_DOUBLE, 1, &timers, most));
    output_succeeds(snn_hdf5_read_array(file, "timers/mean", H5T_NATIVE_DOUBLE, 1, &timers, mean));
    assert_true(ratio == 2.0);
    for (int32_t rank = 0; rank < size; rank++) {
        assert_int_equal(packets[rank], rank + 1);
        assert_int_equal(blocks[rank], 3);
        assert_int_equal(shared[rank], 70 + rank);
        assert_true(map[rank][0] == rank && map[rank][1] == 0 && map[rank][2] == 0);
        assert_true(seconds[rank][SNN_TIMER_WAIT] == 1.0 + rank);
    }
    assert_true(most[SNN_TIMER_WAIT] == (double)size);
    assert_true(mean[SNN_TIMER_WAIT] == 0.5 * (1.0 + size));
    check_text(file, "communication/codec", "xor");
    check_lines(file, size);
    check_note(file, "communication");
    check_note(file, "timers");
    check_text(file, "config", "[model]\n");
    check_text(file, "provenance/model", "small.onnx");
    check_text(file, "provenance/started", "1970-01-02T00:00:00Z");
}

/* Without windows a neuron is busy for all timesteps of an image. */
static void check_synchronous(hid_t file)
{
    hid_t group;
    output_check_int64(file, "dynamics/latency", OUTPUT_TIMESTEPS);
    output_check_int64(file, "dynamics/interval", OUTPUT_TIMESTEPS);
    output_check_number(file, "dynamics/spikes_per_neuron", OUTPUT_TIMESTEPS);
    output_succeeds(snn_hdf5_open_group(file, "layers/1_pool_max", &group));
    output_check_attribute(group, "first_step", 0);
    assert_int_equal(H5Lexists(group, "rest", H5P_DEFAULT), 0);
    assert_true(H5Gclose(group) >= 0);
    assert_int_equal(H5Lexists(file, "energy/quantised_network_estimate", H5P_DEFAULT), 0);
}

/* A test set that names its classes. */
static void name_classes(output_fixture *all)
{
    static const char *const names[] = {"ant", "bee", "cat"};
    hid_t file;
    if (snn_world_rank(all->world) == 0) {
        file = H5Fcreate("test.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
        output_succeeds(snn_hdf5_write_texts(file, "label_names", names, 3));
        assert_true(H5Fclose(file) >= 0);
    }
    (void)snprintf(all->config->data.test, sizeof all->config->data.test, "test.h5");
}

static void test_contents(void **state)
{
    output_fixture all;
    output_set_up(*state, true, &all);
    name_classes(&all);
    output_succeeds(snn_output_write(all.world, "out.h5", &all.output));
    assert_int_equal(access("out.h5.part", F_OK), -1);
    hid_t file;
    output_succeeds(snn_sealed_open("out.h5", SNN_FILE_OUTPUT, true, &file)); /* each rank reads by itself */
    output_check_predictions(file);
    check_accuracy(file);
    check_layers(file);
    check_energy(file);
    check_cost(file);
    check_synchronous(file);
    check_ranks(file, snn_world_size(all.world));
    char *name = NULL;
    output_succeeds(snn_hdf5_read_first_text(file, "predictions/label_names", &name));
    assert_string_equal(name, "ant");
    snn_release(name);
    assert_true(H5Fclose(file) >= 0);
    output_succeeds(snn_world_barrier(all.world));
    output_tear_down(&all);
}

/* Which rank had which image does not show. */
static void test_layout_does_not_show(void **state)
{
    output_fixture spread;
    output_fixture together;
    int64_t differences = -1;
    output_set_up(*state, true, &spread);
    output_set_up(*state, false, &together);
    together.output.timers.seconds[SNN_TIMER_COMPUTE] = 99.0;
    together.output.seconds = 7.0;
    output_succeeds(snn_output_write(spread.world, "spread.h5", &spread.output));
    output_succeeds(snn_output_write(spread.world, "together.h5", &together.output));
    output_succeeds(snn_output_diff("spread.h5", "together.h5", NULL, NULL, &differences));
    together.correct[2]++;
    together.output.ann_predictions = NULL;
    output_succeeds(snn_world_barrier(spread.world));
    output_succeeds(snn_output_write(spread.world, "together.h5", &together.output)); /* over the one before */
    assert_int_equal(snn_output_diff("spread.h5", "together.h5", NULL, NULL, &differences).code, SNN_CHECK_FAILED);
    assert_int_equal(differences, 2); /* and /predictions/ann */
    output_succeeds(snn_world_barrier(spread.world));
    output_tear_down(&spread);
    output_tear_down(&together);
}

static void check_absent(const char *path)
{
    char temporary[SNN_PATH_BYTES];
    output_succeeds(snn_sealed_temporary(path, temporary));
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(access(temporary, F_OK), -1);
}

static void test_gaps(void **state)
{
    output_fixture all;
    output_set_up(*state, true, &all);
    all.output.images = OUTPUT_IMAGES + 1;
    output_fails(snn_output_write(all.world, "gap.h5", &all.output), SNN_INTERNAL_ERROR, "image 41 has 0 results");
    check_absent("gap.h5");
    all.output.images = OUTPUT_IMAGES - 1;
    output_fails(snn_output_write(all.world, "gap.h5", &all.output), SNN_INTERNAL_ERROR, "results for image 40");
    check_absent("gap.h5");
    all.output.images = OUTPUT_IMAGES;
    if (snn_world_rank(all.world) == snn_world_size(all.world) - 1) {
        output_append_image(&all, 13);
    }
    output_fails(snn_output_write(all.world, "gap.h5", &all.output), SNN_INTERNAL_ERROR, "image 13 has 2 results");
    check_absent("gap.h5");
    output_tear_down(&all);
}

static void test_bad_places(void **state)
{
    output_fixture all;
    output_set_up(*state, true, &all);
    output_fails(snn_output_write(all.world, "no/such/out.h5", &all.output), SNN_FILE_ERROR, "no/such/out.h5");
    output_fails(snn_output_write(all.world, ".", &all.output), SNN_FILE_ERROR, "not a regular file");
    all.output.images = 0;
    output_fails(snn_output_write(all.world, "none.h5", &all.output), SNN_INTERNAL_ERROR, "0 images");
    output_tear_down(&all);
}

static void test_probe(void **state)
{
    snn_world *world = *state;
    if (snn_world_rank(world) == 0) {
        scratch_write("there.h5", "old", 3);
        output_succeeds(snn_output_probe("new.h5"));
        output_succeeds(snn_output_probe("there.h5"));
        assert_int_equal(access("new.h5", F_OK), -1);
        assert_int_equal(access("there.h5", F_OK), 0);
        output_fails(snn_output_probe("there.h5/out.h5"), SNN_FILE_ERROR, "there.h5/out.h5");
        output_fails(snn_output_probe("missing/out.h5"), SNN_FILE_ERROR, "No such file or directory");
    }
    output_succeeds(snn_world_barrier(world));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contents), cmocka_unit_test(test_layout_does_not_show),
        cmocka_unit_test(test_gaps),     cmocka_unit_test(test_bad_places),
        cmocka_unit_test(test_probe),
    };
    return cmocka_run_group_tests(tests, parallel_enter, parallel_leave);
}
