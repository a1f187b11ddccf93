/* Network files and structures in memory: what is read is what was written; what does not fit is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/memory.h"
#include "io/hdf5/hdf5_helpers.h"
#include "io/hdf5/network_file.h"
#include "io/hdf5/sealed.h"
#include "scratch.h"
#include "small_network.h"
#include "tests/core/shard/examples.h"

static const snn_network_origin origin = {.model = "digits.onnx",
                                          .model_hash = 0xfedcba9876543210u,
                                          .calibration_hash = UINT64_MAX,
                                          .calibration_images = 640,
                                          .content_hash = 0x8000000000000005u,
                                          .settings = "scale = channel, \xc3\xa9t\xc3\xa9"};

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

static void check_origin(const snn_network_origin *found)
{
    assert_string_equal(found->model, origin.model);
    assert_true(found->model_hash == origin.model_hash);
    assert_true(found->calibration_hash == origin.calibration_hash);
    assert_int_equal(found->calibration_images, origin.calibration_images);
    assert_true(found->content_hash == origin.content_hash);
    assert_string_equal(found->settings, origin.settings);
}

static void check_population(const snn_population *a, const snn_population *b)
{
    assert_string_equal(a->name, b->name);
    assert_int_equal(a->kind, b->kind);
    assert_memory_equal(&a->shape, &b->shape, sizeof a->shape);
    assert_memory_equal(&a->input, &b->input, sizeof a->input);
    assert_memory_equal(&a->window, &b->window, sizeof a->window);
    assert_memory_equal(&a->alpha, &b->alpha, sizeof a->alpha);
    assert_memory_equal(&a->beta, &b->beta, sizeof a->beta);
    assert_int_equal(a->groups, b->groups);
    assert_int_equal(a->bias_positions, b->bias_positions);
    assert_memory_equal(a->scale, b->scale, (size_t)a->shape.channels * sizeof(float));
    assert_memory_equal(a->step, b->step, (size_t)a->input.channels * sizeof(float));
    assert_memory_equal(a->bias, b->bias, (size_t)(a->bias_positions * a->input.channels) * sizeof(float));
    assert_memory_equal(&a->unit, &b->unit, sizeof a->unit);
    assert_int_equal(a->rest != NULL, b->rest != NULL);
    if (a->rest != NULL) {
        assert_memory_equal(a->rest, b->rest, (size_t)a->shape.channels * sizeof *a->rest);
    }
}

static void check_operator(const snn_operator *a, const snn_operator *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_memory_equal(&a->source, &b->source, sizeof a->source);
    assert_int_equal(a->source_channel, b->source_channel);
    assert_int_equal(a->source_channels, b->source_channels);
    assert_int_equal(a->pooled, b->pooled);
    assert_memory_equal(&a->pool, &b->pool, sizeof a->pool);
    assert_memory_equal(&a->target, &b->target, sizeof a->target);
    assert_int_equal(a->target_channel, b->target_channel);
    assert_int_equal(a->target_channels, b->target_channels);
    assert_memory_equal(&a->window, &b->window, sizeof a->window);
    assert_int_equal(a->groups, b->groups);
}

static void check_mixing(const snn_network *network, int32_t number, const void *found)
{
    const snn_operator *op = &network->projections[number].op;
    assert_int_equal(found != NULL, op->kind == SNN_OPERATOR_TOKENS);
    if (found != NULL) {
        const int64_t count = snn_shape_positions(op->target) * snn_shape_positions(snn_operator_pooled_shape(op));
        const size_t bytes = network->format == SNN_WEIGHTS_FLOAT32 ? sizeof(float) : sizeof(int16_t);
        assert_memory_equal(found, network->projections[number].mixing, (size_t)count * bytes);
    }
}

/* Structure only: the network that was read holds no weights yet. */
static void check_structure(const snn_network *a, const snn_network *b)
{
    assert_string_equal(a->name, b->name);
    assert_int_equal(a->format, b->format);
    assert_memory_equal(&a->input, &b->input, sizeof a->input);
    assert_int_equal(a->classes, b->classes);
    assert_memory_equal(&a->windows, &b->windows, sizeof a->windows);
    assert_int_equal(a->population_count, b->population_count);
    assert_int_equal(a->projection_count, b->projection_count);
    for (int32_t i = 0; i < a->population_count; i++) {
        check_population(&a->populations[i], &b->populations[i]);
        assert_true(a->windows.steps == 0 || a->populations[i].depth == b->populations[i].depth);
    }
    for (int32_t i = 0; i < a->projection_count; i++) {
        assert_int_equal(a->projections[i].source, b->projections[i].source);
        assert_int_equal(a->projections[i].target, b->projections[i].target);
        assert_int_equal(a->projections[i].shift, b->projections[i].shift);
        check_operator(&a->projections[i].op, &b->projections[i].op);
        assert_int_equal(b->projections[i].row_begin, b->projections[i].row_end);
        assert_null(b->projections[i].weights);
        assert_null(b->projections[i].index);
        check_mixing(a, i, b->projections[i].mixing);
    }
}

/* Reads rows [begin, end) and compares them with those of the full network. */
static void check_rows(const char *path, const snn_network *full, snn_network *network, int32_t number, int32_t begin,
                       int32_t end)
{
    const snn_projection *expected = &full->projections[number];
    const snn_projection *found = &network->projections[number];
    const size_t row = (size_t)snn_operator_row_length(&expected->op);
    const size_t bytes = (size_t)snn_weight_bytes(full->format, expected->op.kind);
    snn_network_file *file = NULL;
    succeeds(snn_network_file_open(path, &file));
    succeeds(snn_network_file_read_rows(file, network, number, begin, end));
    snn_network_file_close(file);
    assert_int_equal(found->row_begin, begin);
    assert_int_equal(found->row_end, end);
    const size_t count = (size_t)(end - begin) * row;
    if (count == 0) {
        assert_null(found->weights);
        return;
    }
    assert_memory_equal(found->weights, (const char *)expected->weights + (size_t)begin * row * bytes, count * bytes);
    assert_int_equal(found->index != NULL, expected->index != NULL);
    if (expected->index != NULL) {
        assert_memory_equal(found->index, expected->index + (size_t)begin * row, count * sizeof *found->index);
    }
}

static void test_round_trip(void **state)
{
    (void)state;
    for (int format = SNN_WEIGHTS_INT16; format <= SNN_WEIGHTS_FLOAT32; format++) {
        snn_network *full = small_network_create((snn_weight_format)format);
        snn_network *network = NULL;
        snn_network_origin found;
        assert_non_null(full);
        succeeds(snn_network_file_write("net.snn.h5", full, &origin));
        succeeds(snn_network_file_read("net.snn.h5", &network, &found));
        check_origin(&found);
        check_structure(full, network);
        for (int32_t i = 0; i < full->projection_count; i++) {
            const int32_t rows = full->projections[i].op.target_channels;
            check_rows("net.snn.h5", full, network, i, 1, 1);
            check_rows("net.snn.h5", full, network, i, 1, 3);
            check_rows("net.snn.h5", full, network, i, rows - 1, rows);
            check_rows("net.snn.h5", full, network, i, 0, rows); /* replaces the rows before */
        }
        succeeds(snn_network_check(network));
        snn_network_destroy(network);
        snn_network_destroy(full);
    }
}

static void test_image(void **state)
{
    (void)state;
    snn_network *full = small_network_create(SNN_WEIGHTS_INT8);
    snn_network *network = NULL;
    snn_network_origin found;
    void *bytes = NULL;
    size_t count = 0;
    succeeds(snn_network_image_write(full, &origin, &bytes, &count));
    succeeds(snn_network_image_read(bytes, count, &network, &found));
    check_origin(&found);
    check_structure(full, network);
    snn_network_destroy(network);
    /* A slice has the same structure and can be sent on. */
    void *again = NULL;
    snn_network_release_weights(full);
    succeeds(snn_network_image_write(full, &origin, &again, &count));
    snn_release(again);
    fails(snn_network_image_read(bytes, 100, &network, &found), SNN_INPUT_ERROR, "network structure");
    assert_null(network);
    memset(bytes, 0, 8); /* no longer HDF5 */
    fails(snn_network_image_read(bytes, count, &network, &found), SNN_INPUT_ERROR, "network structure");
    snn_release(bytes);
    snn_network_destroy(full);
}

/* Streams, neurons of several inputs, products over positions. */
static void test_kinds(void **state)
{
    (void)state;
    const snn_weight_format formats[] = {SNN_WEIGHTS_INT16, SNN_WEIGHTS_FLOAT32};
    for (int i = 0; i < 4; i++) {
        snn_network *full = i % 2 == 0 ? example_streams(formats[i / 2], 5) : example_nary(formats[i / 2], 5);
        full->populations[1].beta = 0.3f;
        snn_network *network = NULL;
        snn_network_origin found;
        void *bytes = NULL;
        size_t count = 0;
        succeeds(snn_network_image_write(full, &origin, &bytes, &count));
        succeeds(snn_network_image_read(bytes, count, &network, &found));
        check_structure(full, network);
        snn_release(bytes);
        snn_network_destroy(network);
        snn_network_destroy(full);
    }
}

static snn_network *windowed_create(snn_weight_format format)
{
    snn_network *network = example_streams(format, 5);
    snn_windows windows;
    succeeds(snn_windows_init(8, 3, 0.57, 0.3, &windows));
    sample_windows(network, &windows, 2);
    return network;
}

/* A window's steps, ratio, margin, resting states and depths. */
static void test_windows(void **state)
{
    (void)state;
    for (int format = SNN_WEIGHTS_INT16; format <= SNN_WEIGHTS_FLOAT32; format++) {
        snn_network *full = windowed_create((snn_weight_format)format), *network = NULL;
        snn_network_origin found;
        succeeds(snn_network_file_write("windows.h5", full, &origin));
        succeeds(snn_network_file_read("windows.h5", &network, &found));
        assert_true(network->windows.ratio == 0.57 && network->windows.margin == 0.3);
        check_structure(full, network);
        for (int32_t i = 0; i < full->projection_count; i++) {
            check_rows("windows.h5", full, network, i, 0, full->projections[i].op.target_channels);
        }
        succeeds(snn_network_check(network));
        snn_network_destroy(network);
        snn_network_destroy(full);
    }
}

static void test_refused_writes(void **state)
{
    (void)state;
    snn_network *network = small_network_create(SNN_WEIGHTS_INT16);
    fails(snn_network_file_write("no/folder/net.h5", network, &origin), SNN_FILE_ERROR, "no/folder/net.h5.part");
    network->projections[3].row_begin = 1;
    fails(snn_network_file_write("slice.h5", network, &origin), SNN_INTERNAL_ERROR, "/projections/3/weights");
    assert_int_equal(access("slice.h5", F_OK), -1);
    assert_int_equal(access("slice.h5.part", F_OK), -1);
    network->populations[0].scale[1] = -1.0f;
    fails(snn_network_file_write("slice.h5", network, &origin), SNN_INPUT_ERROR, "scale[1]");
    snn_network_destroy(network);
}

static void test_refused_reads(void **state)
{
    (void)state;
    snn_network *full = small_network_create(SNN_WEIGHTS_INT16);
    snn_network *network = NULL;
    snn_network_file *file = NULL;
    snn_network_origin found;
    fails(snn_network_file_read("nowhere.h5", &network, &found), SNN_INPUT_ERROR, "nowhere.h5");
    scratch_write("text.h5", "not HDF5", 8);
    fails(snn_network_file_read("text.h5", &network, &found), SNN_INPUT_ERROR, "no seal");
    succeeds(snn_network_file_write("net.h5", full, &origin));
    succeeds(snn_network_file_read("net.h5", &network, &found));
    succeeds(snn_network_file_open("net.h5", &file));
    fails(snn_network_file_read_rows(file, network, 0, 3, 5), SNN_INTERNAL_ERROR, "rows 3 to 5");
    snn_network_file_close(file);
    fails(snn_network_file_open("nowhere.h5", &file), SNN_INPUT_ERROR, "nowhere.h5");
    assert_null(file);
    snn_network_destroy(network);
    snn_network_destroy(full);
}

/* Files that are whole but do not say what they should: changed with plain HDF5 and sealed again. */
typedef void (*spoiler)(hid_t file);

static void replace_text_attribute(hid_t file, const char *group, const char *name, const char *text)
{
    hid_t object = H5Oopen(file, group, H5P_DEFAULT);
    assert_true(H5Adelete(object, name) >= 0);
    succeeds(snn_hdf5_write_text_attribute(object, name, text));
    assert_true(H5Oclose(object) >= 0);
}

static void spoil_neuron_kind(hid_t file)
{
    replace_text_attribute(file, "populations/0", "kind", "quantum");
}

static void spoil_format(hid_t file)
{
    replace_text_attribute(file, "/", "weight_format", "int3");
}

static void spoil_member(hid_t file)
{
    assert_true(H5Ldelete(file, "populations/2", H5P_DEFAULT) >= 0);
}

static void spoil_scale_missing(hid_t file)
{
    assert_true(H5Ldelete(file, "populations/1/scale", H5P_DEFAULT) >= 0);
}

static void spoil_scale_shape(hid_t file)
{
    const float values[5] = {1, 1, 1, 1, 1};
    spoil_scale_missing(file);
    hid_t group = H5Gopen2(file, "populations/1", H5P_DEFAULT);
    succeeds(snn_hdf5_write_vector(group, "scale", H5T_NATIVE_FLOAT, 5, values));
    assert_true(H5Gclose(group) >= 0);
}

static void spoil_scale_type(hid_t file)
{
    const double values[4] = {1, 1, 1, 1}; /* would be rounded */
    spoil_scale_missing(file);
    hid_t group = H5Gopen2(file, "populations/1", H5P_DEFAULT);
    succeeds(snn_hdf5_write_vector(group, "scale", H5T_NATIVE_DOUBLE, 4, values));
    assert_true(H5Gclose(group) >= 0);
}

static void spoil_geometry(hid_t file)
{
    const int32_t groups = 3;
    hid_t object = H5Oopen(file, "projections/0", H5P_DEFAULT);
    assert_true(H5Adelete(object, "groups") >= 0);
    succeeds(snn_hdf5_write_attribute(object, "groups", H5T_NATIVE_INT32, 0, &groups));
    assert_true(H5Oclose(object) >= 0);
}

static void spoil_version(hid_t file)
{
    const int32_t version = 4;
    assert_true(H5Adelete(file, "version") >= 0);
    succeeds(snn_hdf5_write_attribute(file, "version", H5T_NATIVE_INT32, 0, &version));
}

static void replace_number(hid_t file, const char *group, const char *name, int64_t count, const int32_t *values)
{
    hid_t object = H5Oopen(file, group, H5P_DEFAULT);
    assert_true(H5Adelete(object, name) >= 0);
    succeeds(snn_hdf5_write_attribute(object, name, H5T_NATIVE_INT32, count, values));
    assert_true(H5Oclose(object) >= 0);
}

static void spoil_rest_missing(hid_t file)
{
    assert_true(H5Ldelete(file, "populations/1/rest", H5P_DEFAULT) >= 0);
}

static void replace_rest(hid_t file, int64_t count, const int32_t *values)
{
    spoil_rest_missing(file);
    hid_t group = H5Gopen2(file, "populations/1", H5P_DEFAULT);
    succeeds(snn_hdf5_write_vector(group, "rest", H5T_NATIVE_INT32, count, values));
    assert_true(H5Gclose(group) >= 0);
}

static void spoil_rest_shape(hid_t file)
{
    replace_rest(file, 3, (const int32_t[]){0, 0, 0});
}

static void spoil_rest_range(hid_t file)
{
    replace_rest(file, 10, (const int32_t[]){0, 0, 0, 0, 5000, 0, 0, 0, 0, 0});
}

static void spoil_unit(hid_t file)
{
    hid_t group = H5Gopen2(file, "populations/1", H5P_DEFAULT);
    assert_true(H5Adelete(group, "unit") >= 0);
    assert_true(H5Gclose(group) >= 0);
}

static void spoil_steps(hid_t file)
{
    replace_number(file, "windows", "steps", 0, (const int32_t[]){65});
}

static void spoil_magnitudes(hid_t file)
{
    replace_number(file, "windows", "magnitude", SNN_WINDOW_STEPS, (const int32_t[SNN_WINDOW_STEPS]){4, 8, 2, 1});
}

static void spoil_magnitude_count(hid_t file)
{
    replace_number(file, "windows", "magnitude", 2, (const int32_t[]){4, 2});
}

static void spoil_shift(hid_t file)
{
    replace_number(file, "projections/2", "shift", 0, (const int32_t[]){SNN_LARGEST_SHIFT + 1});
}

/* A depth in a file is for people: what is read is found anew. */
static void spoil_depth(hid_t file)
{
    replace_number(file, "populations/1", "depth", 0, (const int32_t[]){-7});
}

typedef struct spoiled {
    spoiler spoil;
    const char *message; /* NULL: nothing is wrong */
} spoiled;

static void check_spoiled_files(const snn_network *full, const spoiled *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        snn_network *network = NULL;
        snn_network_origin found;
        hid_t file;
        succeeds(snn_network_file_write("bad.h5", full, &origin));
        succeeds(snn_hdf5_open_file("bad.h5", H5F_ACC_RDWR, &file));
        cases[i].spoil(file);
        succeeds(snn_hdf5_close_file(file));
        /* Sealed once more under the same name; first, that changing a file breaks its seal. */
        fails(snn_network_file_read("bad.h5", &network, &found), SNN_INPUT_ERROR, "damaged");
        succeeds(snn_sealed_finish("bad.h5", "bad.h5", SNN_FILE_NETWORK, NULL));
        if (cases[i].message != NULL) {
            fails(snn_network_file_read("bad.h5", &network, &found), SNN_INPUT_ERROR, cases[i].message);
            assert_null(network);
        } else {
            succeeds(snn_network_file_read("bad.h5", &network, &found));
            check_structure(full, network);
            snn_network_destroy(network);
        }
    }
}

static void test_spoiled_windows(void **state)
{
    static const spoiled cases[] = {
        {spoil_rest_missing, "bad.h5: /populations/1/rest: is missing"},
        {spoil_rest_shape, "bad.h5: /populations/1/rest: expected [10], found [3]"},
        {spoil_rest_range, "rest[4] is 5000"},
        {spoil_unit, "bad.h5: /populations/1/unit: attribute is missing"},
        {spoil_steps, "windows of 65 steps"},
        {spoil_magnitudes, "step 1 of a window is 8 units, expected 1..4"},
        {spoil_magnitude_count, "bad.h5: /windows/magnitude: "},
        {spoil_shift, "projection 2: shift 41"},
        {spoil_depth, NULL},
    };
    (void)state;
    snn_network *full = windowed_create(SNN_WEIGHTS_INT16);
    check_spoiled_files(full, cases, sizeof cases / sizeof cases[0]);
    snn_network_destroy(full);
}

static void test_spoiled_files(void **state)
{
    static const spoiled cases[] = {
        {spoil_neuron_kind, "bad.h5: /populations/0/kind: \"quantum\" is not known"},
        {spoil_format, "bad.h5: /weight_format: \"int3\" is not known"},
        {spoil_member, "bad.h5: /populations/2: group is missing"},
        {spoil_scale_missing, "bad.h5: /populations/1/scale: is missing"},
        {spoil_scale_shape, "bad.h5: /populations/1/scale: expected [4], found [5]"},
        {spoil_scale_type, "bad.h5: /populations/1/scale: has another type"},
        {spoil_geometry, "3 groups"},
        {spoil_version, "bad.h5: /version: is 4"},
    };
    (void)state;
    snn_network *full = small_network_create(SNN_WEIGHTS_INT16);
    check_spoiled_files(full, cases, sizeof cases / sizeof cases[0]);
    snn_network_destroy(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),    cmocka_unit_test(test_image),
        cmocka_unit_test(test_kinds),         cmocka_unit_test(test_refused_writes),
        cmocka_unit_test(test_refused_reads), cmocka_unit_test(test_spoiled_files),
        cmocka_unit_test(test_windows),       cmocka_unit_test(test_spoiled_windows),
    };
    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
