#include "output_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/memory.h"
#include "small_network.h"

enum { GROUP = 4 };

void output_succeeds(snn_status status)
{
    if (snn_failed(status)) {
        fail_msg("%s", status.message);
    }
}

void output_fails(snn_status status, snn_code code, const char *part)
{
    assert_int_equal(status.code, code);
    if (strstr(status.message, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", status.message, part);
    }
}

/* ---- closed forms ---- */

static int32_t prediction_of(int64_t image, int64_t step)
{
    return (int32_t)((image * 7 + step) % OUTPUT_CLASSES);
}

static float logit_of(int64_t image, int64_t class)
{
    return (float)image + 0.25f * (float)class;
}

int64_t output_count_of(size_t number)
{
    return (int64_t)number * 11 + 3;
}

/* ---- an output with these values ---- */

void output_append_image(output_fixture *all, int64_t image)
{
    int32_t predictions[OUTPUT_TIMESTEPS];
    float logits[OUTPUT_CLASSES];
    for (int t = 0; t < OUTPUT_TIMESTEPS; t++) {
        predictions[t] = prediction_of(image, t);
    }
    for (int c = 0; c < OUTPUT_CLASSES; c++) {
        logits[c] = logit_of(image, c);
    }
    output_succeeds(snn_results_append(all->results, &image, 1, predictions, logits));
}

/* `spread`: groups of images go to ranks in turn, the last group first; otherwise rank 0 has all. */
static void append_images(output_fixture *all, bool spread)
{
    const int32_t rank = snn_world_rank(all->world);
    const int32_t size = snn_world_size(all->world);
    for (int64_t group = (OUTPUT_IMAGES - 1) / GROUP; group >= 0; group--) {
        if (rank != (spread ? group % size : 0)) {
            continue;
        }
        for (int64_t image = group * GROUP; image < (group + 1) * GROUP && image < OUTPUT_IMAGES; image++) {
            output_append_image(all, image);
        }
    }
}

void output_fill_counts(const snn_statistics *statistics)
{
    for (size_t i = 0; i < statistics->length; i++) {
        statistics->counts[i] = output_count_of(i);
    }
}

static void fill_values(output_fixture *all)
{
    for (int i = 0; i < OUTPUT_IMAGES; i++) {
        all->labels[i] = i % OUTPUT_CLASSES;
        all->ann[i] = (i + 1) % OUTPUT_CLASSES;
    }
    for (int t = 0; t < OUTPUT_TIMESTEPS; t++) {
        all->correct[t] = 10 + t;
        all->eta[t] = 0.15f / (float)(t + 1);
    }
    output_fill_counts(all->statistics);
    all->config->text = snn_duplicate_text("[model]\n");
    all->config->simulation.encoding = SNN_ENCODING_FLOAT;
    all->config->codec = SNN_CODEC_AUTO;
    (void)snprintf(all->origin.model, sizeof all->origin.model, "small.onnx");
}

void output_set_up(snn_world *world, bool spread, output_fixture *all)
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
    output_succeeds(snn_plan_create(size, 1, stage_begin, shards, all->network->population_count, &all->plan));
    output_succeeds(snn_results_create(OUTPUT_TIMESTEPS, OUTPUT_CLASSES, &all->results));
    output_succeeds(snn_statistics_create(all->network, OUTPUT_TIMESTEPS, &all->statistics));
    output_succeeds(snn_connections_create(all->network, &all->connections));
    for (int32_t p = 0; p < all->network->projection_count; p++) {
        snn_connections_add(all->connections, all->network, p);
    }
    fill_values(all);
    append_images(all, spread);
    all->output = (snn_output){.config = all->config,
                               .network = all->network,
                               .origin = &all->origin,
                               .plan = all->plan,
                               .results = all->results,
                               .statistics = rank == 0 ? all->statistics : NULL,
                               .connections = rank == 0 ? all->connections : NULL,
                               .images = OUTPUT_IMAGES,
                               .labels = rank == 0 ? all->labels : NULL,
                               .correct = rank == 0 ? all->correct : NULL,
                               .ann_correct = rank == 0 ? 17 : 0,
                               .ann_predictions = rank == 0 ? all->ann : NULL,
                               .eta = all->eta,
                               .traffic = {.packets = rank + 1,
                                           .raw_bytes = 1000,
                                           .sent_bytes = 500,
                                           .shared_blocks = 3,
                                           .shared_bytes = 70 + rank},
                               .memory = {100 + rank, 200, 300},
                               .kernels = "portable",
                               .codec = SNN_CODEC_XOR,
                               .seconds = 2.5,
                               .setup = 0.5,
                               .started = 86400};
    all->output.timers.seconds[SNN_TIMER_WAIT] = 1.0 + rank;
    all->output.traffic.lines[SNN_EDGE_SUMS_SHARDS][SNN_CODEC_ZSTD] =
        (snn_traffic_line){.packets = rank + 1, .saved_seconds = 0.25};
}

void output_tear_down(output_fixture *all)
{
    snn_connections_destroy(all->connections);
    snn_statistics_destroy(all->statistics);
    snn_results_destroy(all->results);
    snn_plan_destroy(all->plan);
    snn_network_destroy(all->network);
    snn_config_destroy(all->config);
}

/* ---- what must be in a file of it ---- */

void output_check_int64(hid_t file, const char *name, int64_t expected)
{
    int64_t found = ~expected;
    output_succeeds(snn_hdf5_read_array(file, name, H5T_NATIVE_INT64, 0, NULL, &found));
    assert_int_equal(found, expected);
}

void output_check_number(hid_t file, const char *name, double expected)
{
    double found = 0.0;
    output_succeeds(snn_hdf5_read_array(file, name, H5T_NATIVE_DOUBLE, 0, NULL, &found));
    if (!(found > expected * 0.999999 && found < expected * 1.000001)) {
        fail_msg("%s is %g, expected %g", name, found, expected);
    }
}

void output_check_attribute(hid_t object, const char *name, int32_t expected)
{
    int32_t found = ~expected;
    output_succeeds(snn_hdf5_read_attribute(object, name, H5T_NATIVE_INT32, 0, &found));
    assert_int_equal(found, expected);
}

void output_check_predictions(hid_t file)
{
    const int64_t snn_dims[] = {OUTPUT_IMAGES, OUTPUT_TIMESTEPS};
    const int64_t logit_dims[] = {OUTPUT_IMAGES, OUTPUT_CLASSES};
    int32_t labels[OUTPUT_IMAGES];
    int32_t ann[OUTPUT_IMAGES];
    int32_t snn[OUTPUT_IMAGES][OUTPUT_TIMESTEPS];
    float logits[OUTPUT_IMAGES][OUTPUT_CLASSES];
    output_succeeds(snn_hdf5_read_array(file, "predictions/label", H5T_NATIVE_INT32, 1, snn_dims, labels));
    output_succeeds(snn_hdf5_read_array(file, "predictions/ann", H5T_NATIVE_INT32, 1, snn_dims, ann));
    output_succeeds(snn_hdf5_read_array(file, "predictions/snn", H5T_NATIVE_INT32, 2, snn_dims, snn));
    output_succeeds(snn_hdf5_read_array(file, "predictions/logits", H5T_NATIVE_FLOAT, 2, logit_dims, logits));
    for (int i = 0; i < OUTPUT_IMAGES; i++) {
        assert_int_equal(labels[i], i % OUTPUT_CLASSES);
        assert_int_equal(ann[i], (i + 1) % OUTPUT_CLASSES);
        for (int t = 0; t < OUTPUT_TIMESTEPS; t++) {
            assert_int_equal(snn[i][t], prediction_of(i, t));
        }
        for (int c = 0; c < OUTPUT_CLASSES; c++) {
            assert_true(logits[i][c] == logit_of(i, c));
        }
    }
}
