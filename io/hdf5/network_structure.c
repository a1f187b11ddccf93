#include "io/hdf5/network_structure.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/network/timing.h"
#include "io/hdf5/hdf5_helpers.h"

enum { FILE_VERSION = 3 };

/* ---- records of integers: one table serves writing and reading ---- */

typedef struct field {
    const char *name;
    int64_t count; /* of int32_t; 0 is a scalar */
    size_t offset;
} field;

enum { WINDOW_VALUES = 10, SHAPE_VALUES = 3 };
static_assert(sizeof(snn_window) == WINDOW_VALUES * sizeof(int32_t), "a window is written as an array");
static_assert(sizeof(snn_shape) == SHAPE_VALUES * sizeof(int32_t), "a shape is written as an array");

static const field network_fields[] = {
    {"input", SHAPE_VALUES, offsetof(snn_network, input)},
    {"classes", 0, offsetof(snn_network, classes)},
};

static const field population_fields[] = {
    {"shape", SHAPE_VALUES, offsetof(snn_population, shape)},
    {"input", SHAPE_VALUES, offsetof(snn_population, input)},
    {"window", WINDOW_VALUES, offsetof(snn_population, window)},
    {"bias_positions", 0, offsetof(snn_population, bias_positions)},
    {"groups", 0, offsetof(snn_population, groups)},
    {"depth", 0, offsetof(snn_population, depth)},
};

/* Of the group /windows, which networks without windows do not have. */
static const field window_fields[] = {
    {"steps", 0, offsetof(snn_windows, steps)},
    {"delay", 0, offsetof(snn_windows, delay)},
    {"magnitude", SNN_WINDOW_STEPS, offsetof(snn_windows, magnitude)},
};

static const field projection_fields[] = {
    {"source", 0, offsetof(snn_projection, source)},
    {"target", 0, offsetof(snn_projection, target)},
    {"shift", 0, offsetof(snn_projection, shift)},
    {"source_shape", SHAPE_VALUES, offsetof(snn_projection, op.source)},
    {"source_channel", 0, offsetof(snn_projection, op.source_channel)},
    {"source_channels", 0, offsetof(snn_projection, op.source_channels)},
    {"pool", WINDOW_VALUES, offsetof(snn_projection, op.pool)},
    {"target_shape", SHAPE_VALUES, offsetof(snn_projection, op.target)},
    {"target_channel", 0, offsetof(snn_projection, op.target_channel)},
    {"target_channels", 0, offsetof(snn_projection, op.target_channels)},
    {"window", WINDOW_VALUES, offsetof(snn_projection, op.window)},
    {"groups", 0, offsetof(snn_projection, op.groups)},
};

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

static snn_status write_fields(hid_t object, const field *fields, size_t count, const void *record)
{
    for (size_t i = 0; i < count; i++) {
        SNN_TRY(snn_hdf5_write_attribute(object, fields[i].name, H5T_NATIVE_INT32, fields[i].count,
                                         (const char *)record + fields[i].offset));
    }
    return snn_ok();
}

static snn_status read_fields(hid_t object, const field *fields, size_t count, void *record)
{
    for (size_t i = 0; i < count; i++) {
        SNN_TRY(snn_hdf5_read_attribute(object, fields[i].name, H5T_NATIVE_INT32, fields[i].count,
                                        (char *)record + fields[i].offset));
    }
    return snn_ok();
}

/* ---- enumerations are written as words ---- */

static const char *weight_format_name(int format)
{
    return snn_weight_format_name((snn_weight_format)format);
}

static const char *neuron_kind_name(int kind)
{
    return snn_neuron_kind_name((snn_neuron_kind)kind);
}

static const char *operator_kind_name(int kind)
{
    return snn_operator_kind_name((snn_operator_kind)kind);
}

enum { WEIGHT_FORMAT_COUNT = SNN_WEIGHTS_FLOAT32 + 1 };

static snn_status read_word(hid_t object, const char *attribute, const char *(*name_of)(int), int count, int *value)
{
    char *text = NULL;
    SNN_TRY(snn_hdf5_read_text_attribute(object, attribute, &text));
    *value = 0;
    while (*value < count && strcmp(name_of(*value), text) != 0) {
        (*value)++;
    }
    snn_status status = snn_ok();
    if (*value == count) {
        char what[128];
        (void)snprintf(what, sizeof what, "\"%.64s\" is not known to this version", text);
        status = snn_hdf5_failure(SNN_INPUT_ERROR, object, attribute, what);
    }
    snn_release(text);
    return status;
}

/* ---- writing ---- */

static snn_status write_population(hid_t group, const snn_population *population)
{
    const int64_t bias_dims[] = {population->bias_positions, population->input.channels};
    SNN_TRY(snn_hdf5_write_text_attribute(group, "name", population->name));
    SNN_TRY(snn_hdf5_write_text_attribute(group, "kind", snn_neuron_kind_name(population->kind)));
    SNN_TRY(snn_hdf5_write_attribute(group, "alpha", H5T_NATIVE_FLOAT, 0, &population->alpha));
    SNN_TRY(snn_hdf5_write_attribute(group, "beta", H5T_NATIVE_FLOAT, 0, &population->beta));
    SNN_TRY(write_fields(group, population_fields, COUNT_OF(population_fields), population));
    SNN_TRY(snn_hdf5_write_vector(group, "scale", H5T_NATIVE_FLOAT, population->shape.channels, population->scale));
    SNN_TRY(snn_hdf5_write_vector(group, "step", H5T_NATIVE_FLOAT, population->input.channels, population->step));
    SNN_TRY(snn_hdf5_write_array(group, "bias", H5T_NATIVE_FLOAT, 2, bias_dims, population->bias));
    if (population->rest == NULL) {
        return snn_ok();
    }
    SNN_TRY(snn_hdf5_write_attribute(group, "unit", H5T_NATIVE_FLOAT, 0, &population->unit));
    return snn_hdf5_write_vector(group, "rest", H5T_NATIVE_INT32, population->shape.channels, population->rest);
}

static snn_status write_windows(hid_t file, const snn_windows *windows)
{
    hid_t group;
    if (windows->steps == 0) {
        return snn_ok();
    }
    SNN_TRY(snn_hdf5_create_group(file, "windows", &group));
    snn_status status;
    SNN_GOTO_DONE(status, write_fields(group, window_fields, COUNT_OF(window_fields), windows));
    SNN_GOTO_DONE(status, snn_hdf5_write_attribute(group, "ratio", H5T_NATIVE_DOUBLE, 0, &windows->ratio));
    SNN_GOTO_DONE(status, snn_hdf5_write_attribute(group, "margin", H5T_NATIVE_DOUBLE, 0, &windows->margin));
done:
    snn_hdf5_close(group);
    return status;
}

/* Type in the file and in memory of the mixing weights of a network of that format. */
static hid_t mixing_type(snn_weight_format format)
{
    return format == SNN_WEIGHTS_FLOAT32 ? H5T_NATIVE_FLOAT : H5T_NATIVE_INT16;
}

static void mixing_dims(const snn_operator *op, int64_t dims[2])
{
    dims[0] = snn_shape_positions(op->target);
    dims[1] = snn_shape_positions(snn_operator_pooled_shape(op));
}

static snn_status write_projection(hid_t group, const snn_projection *projection, snn_weight_format format)
{
    int32_t pooled = (int32_t)projection->op.pooled;
    SNN_TRY(snn_hdf5_write_text_attribute(group, "kind", snn_operator_kind_name(projection->op.kind)));
    SNN_TRY(snn_hdf5_write_attribute(group, "pooled", H5T_NATIVE_INT32, 0, &pooled));
    SNN_TRY(write_fields(group, projection_fields, COUNT_OF(projection_fields), projection));
    if (projection->op.kind == SNN_OPERATOR_TOKENS) {
        int64_t dims[2];
        mixing_dims(&projection->op, dims);
        return snn_hdf5_write_array(group, "mixing", mixing_type(format), 2, dims, projection->mixing);
    }
    return snn_ok();
}

static snn_status create_member(hid_t parent, int32_t number, hid_t *group)
{
    char name[16];
    (void)snprintf(name, sizeof name, "%d", number);
    return snn_hdf5_create_group(parent, name, group);
}

static snn_status write_populations(hid_t file, const snn_network *network)
{
    hid_t parent;
    SNN_TRY(snn_hdf5_create_group(file, "populations", &parent));
    snn_status status = snn_ok();
    for (int32_t i = 0; i < network->population_count && !snn_failed(status); i++) {
        hid_t group;
        SNN_GOTO_DONE(status, create_member(parent, i, &group));
        status = write_population(group, &network->populations[i]);
        snn_hdf5_close(group);
    }
done:
    snn_hdf5_close(parent);
    return status;
}

static snn_status write_projections(hid_t file, const snn_network *network)
{
    hid_t parent;
    SNN_TRY(snn_hdf5_create_group(file, "projections", &parent));
    snn_status status = snn_ok();
    for (int32_t i = 0; i < network->projection_count && !snn_failed(status); i++) {
        hid_t group;
        SNN_GOTO_DONE(status, create_member(parent, i, &group));
        status = write_projection(group, &network->projections[i], network->format);
        snn_hdf5_close(group);
    }
done:
    snn_hdf5_close(parent);
    return status;
}

static snn_status write_origin(hid_t file, const snn_network_origin *origin)
{
    SNN_TRY(snn_hdf5_write_text_attribute(file, "model", origin->model));
    SNN_TRY(snn_hdf5_write_attribute(file, "model_hash", H5T_NATIVE_UINT64, 0, &origin->model_hash));
    SNN_TRY(snn_hdf5_write_attribute(file, "calibration_hash", H5T_NATIVE_UINT64, 0, &origin->calibration_hash));
    SNN_TRY(snn_hdf5_write_attribute(file, "calibration_images", H5T_NATIVE_INT64, 0, &origin->calibration_images));
    SNN_TRY(snn_hdf5_write_attribute(file, "content_hash", H5T_NATIVE_UINT64, 0, &origin->content_hash));
    return snn_hdf5_write_text_attribute(file, "settings", origin->settings);
}

snn_status snn_network_structure_write(hid_t file, const snn_network *network, const snn_network_origin *origin)
{
    const int32_t version = FILE_VERSION;
    SNN_TRY(snn_hdf5_write_attribute(file, "version", H5T_NATIVE_INT32, 0, &version));
    SNN_TRY(snn_hdf5_write_text_attribute(file, "name", network->name));
    SNN_TRY(snn_hdf5_write_text_attribute(file, "weight_format", weight_format_name((int)network->format)));
    SNN_TRY(write_fields(file, network_fields, COUNT_OF(network_fields), network));
    SNN_TRY(write_origin(file, origin));
    SNN_TRY(write_windows(file, &network->windows));
    SNN_TRY(write_populations(file, network));
    return write_projections(file, network);
}

/* ---- reading ---- */

/* Reads a vector that this call allocates. */
static snn_status read_floats(hid_t group, const char *name, int rank, const int64_t *dims, float **values)
{
    int64_t count = 1;
    for (int i = 0; i < rank; i++) {
        if (dims[i] < 1) {
            return snn_hdf5_failure(SNN_INPUT_ERROR, group, name, "has no elements by the attributes beside it");
        }
        count *= dims[i];
    }
    SNN_TRY(snn_hdf5_check_array(group, name, H5T_NATIVE_FLOAT, rank, dims));
    *values = snn_allocate((size_t)count, sizeof **values);
    if (*values == NULL) {
        return snn_out_of_memory(name);
    }
    return snn_hdf5_read_array(group, name, H5T_NATIVE_FLOAT, rank, dims, *values);
}

static snn_status read_rest(hid_t group, snn_population *population)
{
    SNN_TRY(snn_hdf5_read_attribute(group, "unit", H5T_NATIVE_FLOAT, 0, &population->unit));
    const int64_t channels = population->shape.channels; /* at least 1: the scales have been read */
    population->rest = snn_allocate((size_t)channels, sizeof *population->rest);
    if (population->rest == NULL) {
        return snn_out_of_memory("rest");
    }
    return snn_hdf5_read_array(group, "rest", H5T_NATIVE_INT32, 1, &channels, population->rest);
}

static snn_status read_windows(hid_t file, snn_windows *windows)
{
    const htri_t exists = H5Lexists(file, "windows", H5P_DEFAULT);
    hid_t group;
    if (exists == 0) {
        return snn_ok();
    }
    SNN_TRY(snn_hdf5_open_group(file, "windows", &group));
    snn_status status;
    SNN_GOTO_DONE(status, read_fields(group, window_fields, COUNT_OF(window_fields), windows));
    SNN_GOTO_DONE(status, snn_hdf5_read_attribute(group, "ratio", H5T_NATIVE_DOUBLE, 0, &windows->ratio));
    SNN_GOTO_DONE(status, snn_hdf5_read_attribute(group, "margin", H5T_NATIVE_DOUBLE, 0, &windows->margin));
done:
    snn_hdf5_close(group);
    return status;
}

static snn_status read_population(hid_t group, bool windows, snn_population *population)
{
    int kind = 0;
    SNN_TRY(snn_hdf5_read_text_attribute(group, "name", &population->name));
    SNN_TRY(read_word(group, "kind", neuron_kind_name, SNN_NEURON_KIND_COUNT, &kind));
    population->kind = (snn_neuron_kind)kind;
    SNN_TRY(snn_hdf5_read_attribute(group, "alpha", H5T_NATIVE_FLOAT, 0, &population->alpha));
    SNN_TRY(snn_hdf5_read_attribute(group, "beta", H5T_NATIVE_FLOAT, 0, &population->beta));
    SNN_TRY(read_fields(group, population_fields, COUNT_OF(population_fields), population));
    const int64_t channels = population->shape.channels;
    const int64_t bias_dims[] = {population->bias_positions, population->input.channels};
    SNN_TRY(read_floats(group, "scale", 1, &channels, &population->scale));
    SNN_TRY(read_floats(group, "step", 1, &bias_dims[1], &population->step));
    SNN_TRY(read_floats(group, "bias", 2, bias_dims, &population->bias));
    return windows && snn_neuron_spikes(population->kind) ? read_rest(group, population) : snn_ok();
}

/* The operator is as it was read: its numbers may be anything. */
static snn_status read_mixing(hid_t group, snn_projection *projection, snn_weight_format format)
{
    const snn_operator *op = &projection->op;
    if (op->pooled && (op->pool.stride[0] < 1 || op->pool.stride[1] < 1)) {
        return snn_hdf5_failure(SNN_INPUT_ERROR, group, "pool", "has strides below 1");
    }
    int64_t dims[2];
    mixing_dims(op, dims);
    if (dims[0] < 1 || dims[0] > INT32_MAX || dims[1] < 1 || dims[1] > INT32_MAX) {
        return snn_hdf5_failure(SNN_INPUT_ERROR, group, "mixing", "has no elements by the attributes beside it");
    }
    SNN_TRY(snn_hdf5_check_array(group, "mixing", mixing_type(format), 2, dims));
    const size_t bytes = format == SNN_WEIGHTS_FLOAT32 ? sizeof(float) : sizeof(int16_t);
    projection->mixing = snn_allocate((size_t)(dims[0] * dims[1]), bytes);
    if (projection->mixing == NULL) {
        return snn_out_of_memory("mixing weights");
    }
    return snn_hdf5_read_array(group, "mixing", mixing_type(format), 2, dims, projection->mixing);
}

static snn_status read_projection(hid_t group, snn_projection *projection, snn_weight_format format)
{
    int kind = 0;
    int32_t pooled = 0;
    SNN_TRY(read_word(group, "kind", operator_kind_name, SNN_OPERATOR_KIND_COUNT, &kind));
    projection->op.kind = (snn_operator_kind)kind;
    SNN_TRY(snn_hdf5_read_attribute(group, "pooled", H5T_NATIVE_INT32, 0, &pooled));
    projection->op.pooled = pooled != 0;
    SNN_TRY(read_fields(group, projection_fields, COUNT_OF(projection_fields), projection));
    return projection->op.kind == SNN_OPERATOR_TOKENS ? read_mixing(group, projection, format) : snn_ok();
}

/* Opens /populations or /projections and counts its members. */
static snn_status open_members(hid_t file, const char *name, hid_t *parent, int32_t *count)
{
    H5G_info_t information;
    SNN_TRY(snn_hdf5_open_group(file, name, parent));
    if (H5Gget_info(*parent, &information) < 0 || information.nlinks > INT32_MAX) {
        snn_status status = snn_hdf5_failure(SNN_INPUT_ERROR, file, name, "cannot be counted");
        snn_hdf5_close(*parent);
        return status;
    }
    *count = (int32_t)information.nlinks;
    return snn_ok();
}

/* Members are named 0, 1, ...: a gap shows as a missing group. */
static snn_status open_member(hid_t parent, int32_t number, hid_t *group)
{
    char name[16];
    (void)snprintf(name, sizeof name, "%d", number);
    return snn_hdf5_open_group(parent, name, group);
}

static snn_status read_populations(hid_t file, snn_network *network)
{
    hid_t parent;
    int32_t count;
    SNN_TRY(open_members(file, "populations", &parent, &count));
    snn_status status = snn_ok();
    network->populations = snn_allocate((size_t)count, sizeof *network->populations);
    if (network->populations == NULL) {
        status = snn_out_of_memory("populations");
        goto done;
    }
    network->population_count = count; /* zeroed members can be destroyed */
    for (int32_t i = 0; i < count && !snn_failed(status); i++) {
        hid_t group;
        SNN_GOTO_DONE(status, open_member(parent, i, &group));
        status = read_population(group, network->windows.steps > 0, &network->populations[i]);
        snn_hdf5_close(group);
    }
done:
    snn_hdf5_close(parent);
    return status;
}

static snn_status read_projections(hid_t file, snn_network *network)
{
    hid_t parent;
    int32_t count;
    SNN_TRY(open_members(file, "projections", &parent, &count));
    snn_status status = snn_ok();
    network->projections = snn_allocate((size_t)count, sizeof *network->projections);
    if (network->projections == NULL) {
        status = snn_out_of_memory("projections");
        goto done;
    }
    network->projection_count = count;
    for (int32_t i = 0; i < count && !snn_failed(status); i++) {
        hid_t group;
        SNN_GOTO_DONE(status, open_member(parent, i, &group));
        status = read_projection(group, &network->projections[i], network->format);
        snn_hdf5_close(group);
    }
done:
    snn_hdf5_close(parent);
    return status;
}

static snn_status read_text_into(hid_t object, const char *name, char *buffer, size_t bytes)
{
    char *text = NULL;
    SNN_TRY(snn_hdf5_read_text_attribute(object, name, &text));
    (void)snprintf(buffer, bytes, "%s", text);
    snn_release(text);
    return snn_ok();
}

static snn_status read_origin(hid_t file, snn_network_origin *origin)
{
    SNN_TRY(read_text_into(file, "model", origin->model, sizeof origin->model));
    SNN_TRY(snn_hdf5_read_attribute(file, "model_hash", H5T_NATIVE_UINT64, 0, &origin->model_hash));
    SNN_TRY(snn_hdf5_read_attribute(file, "calibration_hash", H5T_NATIVE_UINT64, 0, &origin->calibration_hash));
    SNN_TRY(snn_hdf5_read_attribute(file, "calibration_images", H5T_NATIVE_INT64, 0, &origin->calibration_images));
    SNN_TRY(snn_hdf5_read_attribute(file, "content_hash", H5T_NATIVE_UINT64, 0, &origin->content_hash));
    return read_text_into(file, "settings", origin->settings, sizeof origin->settings);
}

static snn_status check_version(hid_t file)
{
    int32_t version = 0;
    char what[96];
    SNN_TRY(snn_hdf5_read_attribute(file, "version", H5T_NATIVE_INT32, 0, &version));
    if (version == FILE_VERSION) {
        return snn_ok();
    }
    (void)snprintf(what, sizeof what, "is %d, this program reads %d", version, FILE_VERSION);
    return snn_hdf5_failure(SNN_INPUT_ERROR, file, "version", what);
}

static snn_status read_structure(hid_t file, snn_network *network, snn_network_origin *origin)
{
    int format = 0;
    SNN_TRY(check_version(file));
    SNN_TRY(snn_hdf5_read_text_attribute(file, "name", &network->name));
    SNN_TRY(read_word(file, "weight_format", weight_format_name, WEIGHT_FORMAT_COUNT, &format));
    network->format = (snn_weight_format)format;
    SNN_TRY(read_fields(file, network_fields, COUNT_OF(network_fields), network));
    SNN_TRY(read_origin(file, origin));
    SNN_TRY(read_windows(file, &network->windows));
    SNN_TRY(read_populations(file, network));
    SNN_TRY(read_projections(file, network));
    snn_status status = snn_network_check(network);
    if (!snn_failed(status)) {
        snn_network_find_depths(network); /* the file's are for people */
    }
    return snn_failed(status) ? snn_hdf5_failure(status.code, file, NULL, status.message) : status;
}

snn_status snn_network_structure_read(hid_t file, snn_network **network, snn_network_origin *origin)
{
    *network = NULL;
    snn_network *made = snn_allocate(1, sizeof *made);
    if (made == NULL) {
        return snn_out_of_memory("network");
    }
    memset(origin, 0, sizeof *origin);
    snn_status status = read_structure(file, made, origin);
    if (snn_failed(status)) {
        snn_network_destroy(made);
        return status;
    }
    *network = made;
    return status;
}
