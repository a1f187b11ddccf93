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
#include "core/network/timing.h"
#include "io/hdf5_helpers.h"
#include "io/output.h"
#include "io/sealed.h"
#include "parallel_scratch.h"
#include "small_network.h"

enum { IMAGES = 41, TIMESTEPS = 5, CLASSES = 3, GROUP = 4 };

/* Windows of the three populations, one behind the other, that end after TIMESTEPS. */
enum { STEPS = 3, DELAY = 1 };

static void succeeds(snn_status status)
{
    if (snn_failed(status)) {
        fail_msg("%s", status.message);
    }
}

static void fails(snn_status status, snn_code code, const char *part)
{
    assert_int_equal(status.code, code);
    if (strstr(status.message, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", status.message, part);
    }
}

/* ---- closed forms ---- */

static int32_t prediction_of(int64_t image, int64_t step)
{
    return (int32_t)((image * 7 + step) % CLASSES);
}

static float logit_of(int64_t image, int64_t class)
{
    return (float)image + 0.25f * (float)class;
}

static int64_t count_of(size_t number)
{
    return (int64_t)number * 11 + 3;
}

/* ---- an output with these values ---- */

typedef struct fixture {
    snn_world *world;
    snn_config *config;
    snn_network *network;
    snn_network_origin origin;
    snn_plan *plan;
    snn_results *results;
    snn_statistics *statistics;
    int32_t labels[IMAGES], ann[IMAGES];
    int64_t correct[TIMESTEPS];
    float eta[TIMESTEPS];
    snn_output output;
} fixture;

static void append_image(fixture *all, int64_t image)
{
    int32_t predictions[TIMESTEPS];
    float logits[CLASSES];
    for (int t = 0; t < TIMESTEPS; t++) {
        predictions[t] = prediction_of(image, t);
    }
    for (int c = 0; c < CLASSES; c++) {
        logits[c] = logit_of(image, c);
    }
    succeeds(snn_results_append(all->results, &image, 1, predictions, logits));
}

/* `spread`: groups of images go to ranks in turn, the last group first; otherwise rank 0 has all. */
static void append_images(fixture *all, bool spread)
{
    const int32_t rank = snn_world_rank(all->world);
    const int32_t size = snn_world_size(all->world);
    for (int64_t group = (IMAGES - 1) / GROUP; group >= 0; group--) {
        if (rank != (spread ? group % size : 0)) {
            continue;
        }
        for (int64_t image = group * GROUP; image < (group + 1) * GROUP && image < IMAGES; image++) {
            append_image(all, image);
        }
    }
}

static void fill_counts(const snn_statistics *statistics)
{
    for (size_t i = 0; i < statistics->length; i++) {
        statistics->counts[i] = count_of(i);
    }
}

static void fill_values(fixture *all)
{
    for (int i = 0; i < IMAGES; i++) {
        all->labels[i] = i % CLASSES;
        all->ann[i] = (i + 1) % CLASSES;
    }
    for (int t = 0; t < TIMESTEPS; t++) {
        all->correct[t] = 10 + t;
        all->eta[t] = 0.15f / (float)(t + 1);
    }
    fill_counts(all->statistics);
    all->config->text = snn_duplicate_text("[model]\n");
    all->config->simulation.encoding = SNN_ENCODING_FLOAT;
    all->config->codec = SNN_CODEC_AUTO;
    (void)snprintf(all->origin.model, sizeof all->origin.model, "small.onnx");
}

static void set_up(snn_world *world, bool spread, fixture *all)
{
    const int32_t size = snn_world_size(world);
    const int32_t rank = snn_world_rank(world);
    const int32_t stage_begin[] = {0, 4};
    const int32_t shards[] = {1};
    memset(all, 0, sizeof *all);
    all->world = world;
    all->config = snn_allocate(1, sizeof *all->config);
    all->network = small_network_create(SNN_WEIGHTS_INT16);
    assert_non_null(all->config);
    assert_non_null(all->network);
    succeeds(snn_plan_create(size, 1, stage_begin, shards, all->network->population_count, &all->plan));
    succeeds(snn_results_create(TIMESTEPS, CLASSES, &all->results));
    succeeds(snn_statistics_create(all->network, TIMESTEPS, &all->statistics));
    fill_values(all);
    append_images(all, spread);
    all->output = (snn_output){.config = all->config,
                               .network = all->network,
                               .origin = &all->origin,
                               .plan = all->plan,
                               .results = all->results,
                               .statistics = rank == 0 ? all->statistics : NULL,
                               .images = IMAGES,
                               .labels = rank == 0 ? all->labels : NULL,
                               .correct = rank == 0 ? all->correct : NULL,
                               .ann_correct = rank == 0 ? 17 : 0,
                               .ann_predictions = rank == 0 ? all->ann : NULL,
                               .eta = all->eta,
                               .traffic = {.packets = rank + 1, .raw_bytes = 1000, .sent_bytes = 500},
                               .memory = {100 + rank, 200, 300},
                               .kernels = "portable",
                               .codec = SNN_CODEC_XOR,
                               .seconds = 2.5,
                               .started = 86400};
    all->output.timers.seconds[SNN_TIMER_WAIT] = 1.0 + rank;
    all->output.traffic.lines[SNN_EDGE_SUMS_SHARDS][SNN_CODEC_ZSTD] =
        (snn_traffic_line){.packets = rank + 1, .saved_seconds = 0.25};
}

/* The same run with windows: statistics are those of a window's steps, predictions those of all timesteps. */
static void set_windows(fixture *all)
{
    succeeds(snn_windows_init(STEPS, DELAY, 0.5, 0.25, &all->network->windows));
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
    succeeds(snn_statistics_create(all->network, STEPS, &all->statistics));
    fill_counts(all->statistics);
    all->config->simulation.encoding = SNN_ENCODING_DIRECT;
    all->output.statistics = snn_world_rank(all->world) == 0 ? all->statistics : NULL;
}

static void tear_down(fixture *all)
{
    snn_statistics_destroy(all->statistics);
    snn_results_destroy(all->results);
    snn_plan_destroy(all->plan);
    snn_network_destroy(all->network);
    snn_config_destroy(all->config);
}

/* ---- what must be in the file ---- */

static void check_int64(hid_t file, const char *name, int64_t expected)
{
    int64_t found = ~expected;
    succeeds(snn_hdf5_read_array(file, name, H5T_NATIVE_INT64, 0, NULL, &found));
    assert_int_equal(found, expected);
}

static void check_text(hid_t file, const char *name, const char *expected)
{
    char *found = NULL;
    succeeds(snn_hdf5_read_text(file, name, &found));
    assert_string_equal(found, expected);
    snn_release(found);
}

/* That a section counts the last job only is said in it. */
static void check_note(hid_t file, const char *section)
{
    char *found = NULL;
    hid_t group = H5Gopen2(file, section, H5P_DEFAULT);
    succeeds(snn_hdf5_read_text_attribute(group, "note", &found));
    assert_non_null(strstr(found, "last job"));
    snn_release(found);
    assert_true(H5Gclose(group) >= 0);
}

static void check_predictions(hid_t file)
{
    const int64_t snn_dims[] = {IMAGES, TIMESTEPS};
    const int64_t logit_dims[] = {IMAGES, CLASSES};
    int32_t labels[IMAGES];
    int32_t ann[IMAGES];
    int32_t snn[IMAGES][TIMESTEPS];
    float logits[IMAGES][CLASSES];
    succeeds(snn_hdf5_read_array(file, "predictions/label", H5T_NATIVE_INT32, 1, snn_dims, labels));
    succeeds(snn_hdf5_read_array(file, "predictions/ann", H5T_NATIVE_INT32, 1, snn_dims, ann));
    succeeds(snn_hdf5_read_array(file, "predictions/snn", H5T_NATIVE_INT32, 2, snn_dims, snn));
    succeeds(snn_hdf5_read_array(file, "predictions/logits", H5T_NATIVE_FLOAT, 2, logit_dims, logits));
    for (int i = 0; i < IMAGES; i++) {
        assert_int_equal(labels[i], i % CLASSES);
        assert_int_equal(ann[i], (i + 1) % CLASSES);
        for (int t = 0; t < TIMESTEPS; t++) {
            assert_int_equal(snn[i][t], prediction_of(i, t));
        }
        for (int c = 0; c < CLASSES; c++) {
            assert_true(logits[i][c] == logit_of(i, c));
        }
    }
}

static void check_accuracy(hid_t file)
{
    const int64_t steps = TIMESTEPS;
    int64_t correct[TIMESTEPS];
    float eta[TIMESTEPS];
    succeeds(snn_hdf5_read_array(file, "accuracy/correct", H5T_NATIVE_INT64, 1, &steps, correct));
    succeeds(snn_hdf5_read_array(file, "schedule/eta", H5T_NATIVE_FLOAT, 1, &steps, eta));
    for (int t = 0; t < TIMESTEPS; t++) {
        assert_int_equal(correct[t], 10 + t);
        assert_true(eta[t] == 0.15f / (float)(t + 1));
    }
    check_int64(file, "accuracy/total", IMAGES);
    check_int64(file, "accuracy/ann_correct", 17);
}

/* Layer 1 ("pool max": 3x3x4 neurons): counts begin behind the 3 * 5 + 2 * 4 of layer 0. */
static void check_layers(hid_t file)
{
    const int64_t steps = TIMESTEPS;
    const int64_t channels = 4;
    const size_t begin = 3 * TIMESTEPS + 2 * 4;
    const double all = 36.0 * IMAGES;
    double values[TIMESTEPS];
    int64_t channel_spikes[4], channel_beyond[4];
    int64_t neurons = 0;
    int32_t shape[3];
    hid_t layer;
    assert_true(H5Lexists(file, "layers/0_conv_1", H5P_DEFAULT) > 0);
    assert_true(H5Lexists(file, "layers/2_layer.2_leaky", H5P_DEFAULT) > 0);
    assert_true(H5Lexists(file, "layers/3_logits", H5P_DEFAULT) == 0); /* the readout has no spikes */
    succeeds(snn_hdf5_open_group(file, "layers/1_pool_max", &layer));
    succeeds(snn_hdf5_read_array(layer, "firing_rate", H5T_NATIVE_DOUBLE, 1, &steps, values));
    for (size_t t = 0; t < TIMESTEPS; t++) {
        assert_true(values[t] == (double)count_of(begin + t) / all);
    }
    succeeds(snn_hdf5_read_array(layer, "flip_rate", H5T_NATIVE_DOUBLE, 1, &steps, values));
    assert_true(values[2] == (double)count_of(begin + TIMESTEPS + 2) / all);
    succeeds(snn_hdf5_read_array(layer, "tracking_error", H5T_NATIVE_DOUBLE, 1, &steps, values));
    assert_true(values[4] == (double)count_of(begin + 2 * TIMESTEPS + 4) / 65536.0 / all);
    succeeds(snn_hdf5_read_array(layer, "channel_spikes", H5T_NATIVE_INT64, 1, &channels, channel_spikes));
    assert_int_equal(channel_spikes[3], count_of(begin + 3 * TIMESTEPS + 3));
    succeeds(snn_hdf5_read_array(layer, "channel_beyond", H5T_NATIVE_INT64, 1, &channels, channel_beyond));
    assert_int_equal(channel_beyond[2], count_of(begin + 3 * TIMESTEPS + 4 + 2));
    succeeds(snn_hdf5_read_attribute(layer, "neurons", H5T_NATIVE_INT64, 0, &neurons));
    succeeds(snn_hdf5_read_attribute(layer, "shape", H5T_NATIVE_INT32, 3, shape));
    assert_int_equal(neurons, 36);
    assert_true(shape[0] == 3 && shape[1] == 3 && shape[2] == 4);
    char *text = NULL;
    succeeds(snn_hdf5_read_text_attribute(layer, "operator", &text));
    assert_string_equal(text, "diagonal");
    snn_release(text);
    succeeds(snn_hdf5_read_text_attribute(layer, "neuron", &text));
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
    succeeds(snn_hdf5_read_array(file, "energy/synaptic_operations", H5T_NATIVE_INT64, 1, &layers, operations));
    succeeds(snn_hdf5_read_array(file, "energy/input_products", H5T_NATIVE_INT64, 1, &layers, products));
    succeeds(snn_hdf5_read_array(file, "energy/neuron_updates", H5T_NATIVE_INT64, 1, &layers, updates));
    for (int i = 0; i < 4; i++) {
        assert_int_equal(operations[i], each[i] * TIMESTEPS * IMAGES);
        assert_int_equal(products[i], i == 0 ? once * IMAGES : 0);
        assert_int_equal(updates[i], neurons[i] * TIMESTEPS * IMAGES);
    }
    check_int64(file, "energy/synaptic_operations_total", 204 * TIMESTEPS * IMAGES);
    check_int64(file, "energy/neuron_updates_total", 216 * TIMESTEPS * IMAGES);
    check_int64(file, "energy/spikes_total", 5 * (3 * 3 + 11 * (2 + 25 + 48)));
    succeeds(snn_hdf5_read_array(file, "energy/estimate", H5T_NATIVE_DOUBLE, 0, NULL, &joules));
    const double expected =
        IMAGES * (204.0 * TIMESTEPS * 0.1e-12 + 216.0 * TIMESTEPS * 9.2e-12 + (double)once * 4.6e-12);
    assert_true(joules > expected * 0.999999 && joules < expected * 1.000001);
    succeeds(snn_hdf5_read_array(file, "energy/trained_network_estimate", H5T_NATIVE_DOUBLE, 0, NULL, &joules));
    const double trained = (double)(IMAGES * (once + 24)) * 4.6e-12;
    assert_true(joules > trained * 0.999999 && joules < trained * 1.000001);
}

/* Rank r sent r + 1 packets of sums between shards, coded by zstd. */
static void check_lines(hid_t file, int32_t size)
{
    const int64_t dims[] = {SNN_EDGE_KIND_COUNT, SNN_CODEC_AUTO, SNN_TRAFFIC_COLUMNS};
    snn_traffic_line lines[SNN_EDGE_KIND_COUNT][SNN_CODEC_AUTO];
    succeeds(snn_hdf5_read_array(file, "communication/by_kind_and_codec", H5T_NATIVE_DOUBLE, 3, dims, lines));
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
    int64_t packets[8];
    int32_t map[8][3];
    double seconds[8][SNN_TIMER_COUNT];
    double most[SNN_TIMER_COUNT];
    double mean[SNN_TIMER_COUNT];
    double ratio = 0.0;
    succeeds(snn_hdf5_read_array(file, "communication/packets", H5T_NATIVE_INT64, 1, &ranks, packets));
    succeeds(snn_hdf5_read_array(file, "communication/ratio", H5T_NATIVE_DOUBLE, 0, NULL, &ratio));
    succeeds(snn_hdf5_read_array(file, "provenance/rank_map", H5T_NATIVE_INT32, 2, map_dims, map));
    succeeds(snn_hdf5_read_array(file, "timers/seconds", H5T_NATIVE_DOUBLE, 2, timer_dims, seconds));
    succeeds(snn_hdf5_read_array(file, "timers/max", H5T_NATIVE_DOUBLE, 1, &timers, most));
    succeeds(snn_hdf5_read_array(file, "timers/mean", H5T_NATIVE_DOUBLE, 1, &timers, mean));
    assert_true(ratio == 2.0);
    for (int32_t rank = 0; rank < size; rank++) {
        assert_int_equal(packets[rank], rank + 1);
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

static void check_number(hid_t file, const char *name, double expected)
{
    double found = 0.0;
    succeeds(snn_hdf5_read_array(file, name, H5T_NATIVE_DOUBLE, 0, NULL, &found));
    if (!(found > expected * 0.999999 && found < expected * 1.000001)) {
        fail_msg("%s is %g, expected %g", name, found, expected);
    }
}

static void check_attribute(hid_t object, const char *name, int32_t expected)
{
    int32_t found = ~expected;
    succeeds(snn_hdf5_read_attribute(object, name, H5T_NATIVE_INT32, 0, &found));
    assert_int_equal(found, expected);
}

/* Without windows a neuron is busy for all timesteps of an image. */
static void check_synchronous(hid_t file)
{
    hid_t group;
    check_int64(file, "dynamics/latency", TIMESTEPS);
    check_int64(file, "dynamics/interval", TIMESTEPS);
    check_number(file, "dynamics/spikes_per_neuron", TIMESTEPS);
    succeeds(snn_hdf5_open_group(file, "layers/1_pool_max", &group));
    check_attribute(group, "first_step", 0);
    assert_int_equal(H5Lexists(group, "rest", H5P_DEFAULT), 0);
    assert_true(H5Gclose(group) >= 0);
    assert_int_equal(H5Lexists(file, "energy/quantised_network_estimate", H5P_DEFAULT), 0);
}

static void test_contents(void **state)
{
    fixture all;
    set_up(*state, true, &all);
    succeeds(snn_output_write(all.world, "out.h5", &all.output));
    assert_int_equal(access("out.h5.part", F_OK), -1);
    hid_t file;
    succeeds(snn_sealed_open("out.h5", SNN_FILE_OUTPUT, true, &file)); /* each rank reads by itself */
    check_predictions(file);
    check_accuracy(file);
    check_layers(file);
    check_energy(file);
    check_synchronous(file);
    check_ranks(file, snn_world_size(all.world));
    assert_true(H5Fclose(file) >= 0);
    succeeds(snn_world_barrier(all.world));
    tear_down(&all);
}

static void check_dynamics(hid_t file)
{
    int32_t magnitudes[STEPS];
    double ratio = 0.0, margin = 0.0;
    hid_t group;
    check_int64(file, "dynamics/latency", TIMESTEPS);
    check_int64(file, "dynamics/interval", STEPS);
    check_number(file, "dynamics/spikes_per_neuron", STEPS);
    succeeds(snn_hdf5_open_group(file, "dynamics", &group));
    check_attribute(group, "steps", STEPS);
    check_attribute(group, "delay", DELAY);
    check_attribute(group, "depth", 3);
    succeeds(snn_hdf5_read_attribute(group, "magnitudes", H5T_NATIVE_INT32, STEPS, magnitudes));
    succeeds(snn_hdf5_read_attribute(group, "ratio", H5T_NATIVE_DOUBLE, 0, &ratio));
    succeeds(snn_hdf5_read_attribute(group, "margin", H5T_NATIVE_DOUBLE, 0, &margin));
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
    succeeds(snn_hdf5_open_group(file, "layers/2_layer.2_leaky", &layer));
    check_attribute(layer, "first_step", 2 * DELAY);
    check_attribute(layer, "depth", 2);
    succeeds(snn_hdf5_read_attribute(layer, "unit", H5T_NATIVE_FLOAT, 0, &unit));
    succeeds(snn_hdf5_read_array(layer, "rest", H5T_NATIVE_INT32, 1, &channels, rest));
    succeeds(snn_hdf5_read_array(layer, "firing_rate", H5T_NATIVE_DOUBLE, 1, &steps, rates));
    assert_true(unit == 0.375f);
    for (int c = 0; c < 4; c++) {
        assert_int_equal(rest[c], 2 - c);
    }
    for (size_t j = 0; j < STEPS; j++) {
        assert_true(rates[j] == (double)count_of(begin + j) / (36.0 * IMAGES));
    }
    assert_true(H5Gclose(layer) >= 0);
}

/* As check_energy, with STEPS spikes instead of TIMESTEPS. A quantised network multiplies 3 bits by 16. */
static void check_energy_of_windows(hid_t file)
{
    const double once = 16.0 * 16.0 * 4.0;
    check_int64(file, "energy/synaptic_operations_total", 204 * STEPS * IMAGES);
    check_int64(file, "energy/input_products_total", 1024 * IMAGES);
    check_int64(file, "energy/neuron_updates_total", 216 * STEPS * IMAGES);
    check_number(file, "energy/estimate",
                 IMAGES * (204.0 * STEPS * 0.1e-12 + 216.0 * STEPS * 9.2e-12 + once * 4.6e-12));
    check_number(file, "energy/quantised_network_estimate",
                 IMAGES * (once + 24.0) * (0.003 * 3.0 * 16.0 + 0.1) * 1e-12);
}

static void test_windows(void **state)
{
    fixture all;
    set_up(*state, true, &all);
    set_windows(&all);
    succeeds(snn_output_write(all.world, "windows.h5", &all.output));
    hid_t file;
    succeeds(snn_sealed_open("windows.h5", SNN_FILE_OUTPUT, true, &file));
    check_predictions(file);
    check_dynamics(file);
    check_window_of_layer(file);
    check_energy_of_windows(file);
    assert_true(H5Fclose(file) >= 0);
    succeeds(snn_world_barrier(all.world));
    tear_down(&all);
}

/* Predictions of more timesteps than the windows take. */
static void test_windows_of_another_latency(void **state)
{
    fixture all;
    set_up(*state, true, &all);
    set_windows(&all);
    all.network->windows.delay++;
    fails(snn_output_write(all.world, "latency.h5", &all.output), SNN_INTERNAL_ERROR,
          "5 timesteps for windows that end after 7");
    assert_int_equal(access("latency.h5", F_OK), -1);
    tear_down(&all);
}

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
    fixture all;
    set_up(*state, true, &all);
    set_windows(&all);
    succeeds(snn_output_write(all.world, "one.h5", &all.output));
    all.network->windows.margin = 0.5;
    all.network->populations[1].rest[3]++;
    succeeds(snn_world_barrier(all.world));
    succeeds(snn_output_write(all.world, "other.h5", &all.output));
    assert_int_equal(snn_output_diff("one.h5", "other.h5", note_line, lines, &differences).code, SNN_CHECK_FAILED);
    assert_int_equal(differences, 2);
    assert_non_null(strstr(lines, "/dynamics@margin: 0.25 in one.h5, 0.5 in other.h5"));
    assert_non_null(strstr(lines, "/layers/1_pool_max/rest[3]: -2 in one.h5, -1 in other.h5"));
    succeeds(snn_world_barrier(all.world));
    tear_down(&all);
}

/* Which rank had which image does not show. */
static void test_layout_does_not_show(void **state)
{
    fixture spread;
    fixture together;
    int64_t differences = -1;
    set_up(*state, true, &spread);
    set_up(*state, false, &together);
    together.output.timers.seconds[SNN_TIMER_COMPUTE] = 99.0;
    together.output.seconds = 7.0;
    succeeds(snn_output_write(spread.world, "spread.h5", &spread.output));
    succeeds(snn_output_write(spread.world, "together.h5", &together.output));
    succeeds(snn_output_diff("spread.h5", "together.h5", NULL, NULL, &differences));
    together.correct[2]++;
    together.output.ann_predictions = NULL;
    succeeds(snn_world_barrier(spread.world));
    succeeds(snn_output_write(spread.world, "together.h5", &together.output)); /* over the one before */
    assert_int_equal(snn_output_diff("spread.h5", "together.h5", NULL, NULL, &differences).code, SNN_CHECK_FAILED);
    assert_int_equal(differences, 2); /* and /predictions/ann */
    succeeds(snn_world_barrier(spread.world));
    tear_down(&spread);
    tear_down(&together);
}

static void check_absent(const char *path)
{
    char temporary[SNN_PATH_BYTES];
    succeeds(snn_sealed_temporary(path, temporary));
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(access(temporary, F_OK), -1);
}

static void test_gaps(void **state)
{
    fixture all;
    set_up(*state, true, &all);
    all.output.images = IMAGES + 1;
    fails(snn_output_write(all.world, "gap.h5", &all.output), SNN_INTERNAL_ERROR, "image 41 has 0 results");
    check_absent("gap.h5");
    all.output.images = IMAGES - 1;
    fails(snn_output_write(all.world, "gap.h5", &all.output), SNN_INTERNAL_ERROR, "results for image 40");
    check_absent("gap.h5");
    all.output.images = IMAGES;
    if (snn_world_rank(all.world) == snn_world_size(all.world) - 1) {
        append_image(&all, 13);
    }
    fails(snn_output_write(all.world, "gap.h5", &all.output), SNN_INTERNAL_ERROR, "image 13 has 2 results");
    check_absent("gap.h5");
    tear_down(&all);
}

static void test_bad_places(void **state)
{
    fixture all;
    set_up(*state, true, &all);
    fails(snn_output_write(all.world, "no/such/out.h5", &all.output), SNN_FILE_ERROR, "no/such/out.h5");
    fails(snn_output_write(all.world, ".", &all.output), SNN_FILE_ERROR, "not a regular file");
    all.output.images = 0;
    fails(snn_output_write(all.world, "none.h5", &all.output), SNN_INTERNAL_ERROR, "0 images");
    tear_down(&all);
}

static void test_probe(void **state)
{
    snn_world *world = *state;
    if (snn_world_rank(world) == 0) {
        scratch_write("there.h5", "old", 3);
        succeeds(snn_output_probe("new.h5"));
        succeeds(snn_output_probe("there.h5"));
        assert_int_equal(access("new.h5", F_OK), -1);
        assert_int_equal(access("there.h5", F_OK), 0);
        fails(snn_output_probe("there.h5/out.h5"), SNN_FILE_ERROR, "there.h5/out.h5");
        fails(snn_output_probe("missing/out.h5"), SNN_FILE_ERROR, "No such file or directory");
    }
    succeeds(snn_world_barrier(world));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contents),
        cmocka_unit_test(test_layout_does_not_show),
        cmocka_unit_test(test_gaps),
        cmocka_unit_test(test_bad_places),
        cmocka_unit_test(test_probe),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_windows_of_another_latency),
        cmocka_unit_test(test_diff_of_windows),
    };
    return cmocka_run_group_tests(tests, parallel_enter, parallel_leave);
}
