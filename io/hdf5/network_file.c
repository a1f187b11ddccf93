#include "io/hdf5/network_file.h"

#include <stdio.h>
#include <unistd.h>

#include "core/base/memory.h"
#include "io/config/config.h"
#include "io/hdf5/hdf5_helpers.h"
#include "io/hdf5/network_structure.h"
#include "io/hdf5/sealed.h"

enum { IMAGE_GROWTH_BYTES = 1 << 20 };

/* The name under which HDF5 keeps a structure in memory, as it appears in messages. */
static const char IMAGE_NAME[] = "network structure";

/* ---- writing a file: the structure, and in /projections/<i> weights [rows][row length] and index (gather) ---- */

static hid_t weight_type(const snn_network *network, snn_operator_kind kind)
{
    if (network->format == SNN_WEIGHTS_FLOAT32) {
        return H5T_NATIVE_FLOAT;
    }
    return snn_weight_bytes(network->format, kind) == (int64_t)sizeof(int16_t) ? H5T_NATIVE_INT16 : H5T_NATIVE_INT32;
}

static snn_status write_weights(hid_t group, const snn_network *network, const snn_projection *projection)
{
    const snn_operator *op = &projection->op;
    const int64_t dims[] = {op->target_channels, snn_operator_row_length(op)};
    bool gather = op->kind == SNN_OPERATOR_GATHER;
    if (projection->row_begin != 0 || projection->row_end != op->target_channels || projection->weights == NULL ||
        (gather && projection->index == NULL)) {
        return snn_hdf5_failure(SNN_INTERNAL_ERROR, group, "weights", "a network file needs all rows of weights");
    }
    SNN_TRY(snn_hdf5_write_array(group, "weights", weight_type(network, op->kind), 2, dims, projection->weights));
    if (gather) {
        SNN_TRY(snn_hdf5_write_array(group, "index", H5T_NATIVE_INT32, 2, dims, projection->index));
    }
    return snn_ok();
}

static snn_status open_projection(hid_t file, int32_t projection, hid_t *group)
{
    char name[32];
    (void)snprintf(name, sizeof name, "projections/%d", projection);
    return snn_hdf5_open_group(file, name, group);
}

static snn_status write_all_weights(hid_t file, const snn_network *network)
{
    for (int32_t i = 0; i < network->projection_count; i++) {
        hid_t group;
        SNN_TRY(open_projection(file, i, &group));
        snn_status status = write_weights(group, network, &network->projections[i]);
        snn_hdf5_close(group);
        SNN_TRY(status);
    }
    return snn_ok();
}

static snn_status write_file(const char *path, const snn_network *network, const snn_network_origin *origin)
{
    hid_t file;
    SNN_TRY(snn_sealed_create(path, &file));
    snn_status status = snn_network_structure_write(file, network, origin);
    if (!snn_failed(status)) {
        status = write_all_weights(file, network);
    }
    return snn_hdf5_end_writing(file, status);
}

snn_status snn_network_file_write(const char *path, const snn_network *network, const snn_network_origin *origin)
{
    char temporary[SNN_PATH_BYTES];
    SNN_TRY(snn_network_check(network));
    SNN_TRY(snn_sealed_temporary(path, temporary));
    snn_status status = write_file(temporary, network, origin);
    if (!snn_failed(status)) {
        status = snn_sealed_finish(temporary, path, SNN_FILE_NETWORK, NULL);
    }
    if (snn_failed(status)) {
        (void)unlink(temporary);
    }
    return status;
}

/* ---- reading a file ---- */

snn_status snn_network_file_read(const char *path, snn_network **network, snn_network_origin *origin)
{
    hid_t file;
    *network = NULL;
    SNN_TRY(snn_sealed_open(path, SNN_FILE_NETWORK, true, &file));
    snn_status status = snn_network_structure_read(file, network, origin);
    snn_hdf5_close(file);
    if (status.code == SNN_INPUT_ERROR) {
        status = snn_advise(status, "make the file again with snn_dist convert");
    }
    return status;
}

typedef struct rows {
    void *weights;
    int32_t *index;
} rows;

static snn_status read_rows(hid_t group, const snn_network *network, const snn_operator *op, int32_t begin, int32_t end,
                            rows *read)
{
    const int64_t dims[] = {op->target_channels, snn_operator_row_length(op)};
    const size_t count = (size_t)(end - begin) * (size_t)dims[1];
    SNN_TRY(snn_hdf5_check_array(group, "weights", weight_type(network, op->kind), 2, dims));
    read->weights = snn_allocate(count, (size_t)snn_weight_bytes(network->format, op->kind));
    if (read->weights == NULL) {
        return snn_out_of_memory("weights");
    }
    SNN_TRY(snn_hdf5_read_rows(group, "weights", weight_type(network, op->kind), 2, dims, begin, end, read->weights));
    if (op->kind != SNN_OPERATOR_GATHER) {
        return snn_ok();
    }
    read->index = snn_allocate(count, sizeof *read->index);
    if (read->index == NULL) {
        return snn_out_of_memory("index");
    }
    return snn_hdf5_read_rows(group, "index", H5T_NATIVE_INT32, 2, dims, begin, end, read->index);
}

struct snn_network_file {
    hid_t file;
    char path[SNN_PATH_BYTES];
};

snn_status snn_network_file_open(const char *path, snn_network_file **file)
{
    *file = NULL;
    snn_network_file *opened = snn_allocate(1, sizeof *opened);
    if (opened == NULL) {
        return snn_out_of_memory("a network file");
    }
    (void)snprintf(opened->path, sizeof opened->path, "%s", path);
    const snn_status status = snn_sealed_open(path, SNN_FILE_NETWORK, false, &opened->file);
    if (snn_failed(status)) {
        snn_release(opened);
        return status;
    }
    *file = opened;
    return status;
}

void snn_network_file_close(snn_network_file *file)
{
    if (file != NULL) {
        snn_hdf5_close(file->file);
        snn_release(file);
    }
}

snn_status snn_network_file_read_rows(const snn_network_file *file, snn_network *network, int32_t projection,
                                      int32_t begin, int32_t end)
{
    hid_t group = H5I_INVALID_HID;
    rows read = {NULL, NULL};
    snn_projection *target = &network->projections[projection];
    if (begin < 0 || begin > end || end > target->op.target_channels) {
        return snn_fail(SNN_INTERNAL_ERROR, "%s: rows %d to %d of projection %d, which has %d", file->path, begin, end,
                        projection, target->op.target_channels);
    }
    snn_status status;
    SNN_GOTO_DONE(status, open_projection(file->file, projection, &group));
    if (begin < end) { /* a projection without rows has no arrays */
        SNN_GOTO_DONE(status, read_rows(group, network, &target->op, begin, end, &read));
    }
    snn_release(target->weights);
    snn_release(target->index);
    target->weights = read.weights;
    target->index = read.index;
    target->row_begin = begin;
    target->row_end = end;
    read = (rows){NULL, NULL};
done:
    snn_release(read.weights);
    snn_release(read.index);
    snn_hdf5_close(group);
    return status;
}

snn_status snn_network_file_read_whole(const char *path, snn_network **network, snn_network_origin *origin)
{
    SNN_TRY(snn_network_file_read(path, network, origin));
    snn_network_file *file = NULL;
    snn_status status = snn_network_file_open(path, &file);
    for (int32_t p = 0; p < (*network)->projection_count && !snn_failed(status); p++) {
        status = snn_network_file_read_rows(file, *network, p, 0, (*network)->projections[p].op.target_channels);
    }
    snn_network_file_close(file);
    if (!snn_failed(status)) { /* now that there are weights, too */
        status = snn_context(snn_network_check(*network), "%s", path);
    }
    if (snn_failed(status)) {
        snn_network_destroy(*network);
        *network = NULL;
    }
    return status;
}

/* ---- the structure in memory ---- */

snn_status snn_network_image_write(const snn_network *network, const snn_network_origin *origin, void **bytes,
                                   size_t *count)
{
    hid_t file = H5I_INVALID_HID;
    snn_status status = snn_ok();
    void *image = NULL;
    *bytes = NULL;
    *count = 0;
    snn_hdf5_silence();
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (access < 0 || !snn_hdf5_bound_cache(access) || H5Pset_fapl_core(access, IMAGE_GROWTH_BYTES, false) < 0 ||
        (file = H5Fcreate(IMAGE_NAME, H5F_ACC_TRUNC, H5P_DEFAULT, access)) < 0) {
        status = snn_hdf5_file_failure(SNN_INTERNAL_ERROR, IMAGE_NAME, "cannot create in memory");
        goto done;
    }
    SNN_GOTO_DONE(status, snn_network_structure_write(file, network, origin));
    ssize_t length = H5Fflush(file, H5F_SCOPE_LOCAL) < 0 ? -1 : H5Fget_file_image(file, NULL, 0);
    if (length < 0) {
        status = snn_hdf5_failure(SNN_INTERNAL_ERROR, file, NULL, "cannot take the file's image");
        goto done;
    }
    image = snn_allocate((size_t)length, 1);
    if (image == NULL) {
        status = snn_out_of_memory(IMAGE_NAME);
        goto done;
    }
    if (H5Fget_file_image(file, image, (size_t)length) != length) {
        status = snn_hdf5_failure(SNN_INTERNAL_ERROR, file, NULL, "cannot take the file's image");
        goto done;
    }
    *bytes = image;
    *count = (size_t)length;
    image = NULL;
done:
    snn_release(image);
    snn_hdf5_close(file);
    snn_hdf5_close(access);
    return status;
}

snn_status snn_network_image_read(const void *bytes, size_t count, snn_network **network, snn_network_origin *origin)
{
    snn_status status = snn_ok();
    hid_t file = H5I_INVALID_HID;
    *network = NULL;
    snn_hdf5_silence();
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    /* HDF5 copies the bytes, though its prototype does not say const. */
    if (access < 0 || !snn_hdf5_bound_cache(access) || H5Pset_fapl_core(access, IMAGE_GROWTH_BYTES, false) < 0 ||
        H5Pset_file_image(access, (void *)bytes, count) < 0 ||
        (file = H5Fopen(IMAGE_NAME, H5F_ACC_RDONLY, access)) < 0) {
        status = snn_hdf5_file_failure(SNN_INPUT_ERROR, IMAGE_NAME, "cannot open in memory");
    } else {
        status = snn_network_structure_read(file, network, origin);
    }
    snn_hdf5_close(file);
    snn_hdf5_close(access);
    return status;
}
