#include "io/hdf5/dataset.h"

#include <inttypes.h>
#include <math.h>

#include "core/base/memory.h"
#include "io/hdf5/dataset_internal.h"
#include "io/hdf5/hdf5_helpers.h"
#include "io/hdf5/packed_images.h"

enum { FEW_PIXELS = 1 << 14 }; /* not worth waking other threads for */

int64_t snn_dataset_images(const snn_dataset *dataset)
{
    return (int64_t)dataset->dims[0];
}

snn_shape snn_dataset_shape(const snn_dataset *dataset)
{
    return dataset->shape;
}

static snn_status check_range(const snn_dataset *dataset, int64_t first, int64_t count)
{
    const int64_t images = snn_dataset_images(dataset);
    if (first < 0 || count < 0 || count > images - first) {
        return snn_fail(SNN_INTERNAL_ERROR, "%s: images [%" PRId64 ", %" PRId64 ") asked for; there are %" PRId64,
                        dataset->path, first, first + count, images);
    }
    return snn_ok();
}

/* Rows [first, first + count) of `array`, which has `rank` dimensions `dims`, converted to `type`. */
static snn_status read_rows(const snn_dataset *dataset, hid_t array, const char *name, int rank, const hsize_t *dims,
                            int64_t first, int64_t count, hid_t type, void *rows)
{
    hsize_t begin[H5S_MAX_RANK] = {(hsize_t)first};
    hsize_t extent[H5S_MAX_RANK] = {(hsize_t)count};
    for (int i = 1; i < rank; i++) {
        extent[i] = dims[i];
    }
    snn_status status = snn_ok();
    hid_t memory = H5Screate_simple(rank, extent, NULL);
    hid_t file = H5Dget_space(array);
    if (memory < 0 || file < 0 || H5Sselect_hyperslab(file, H5S_SELECT_SET, begin, NULL, extent, NULL) < 0 ||
        H5Dread(array, type, memory, file, H5P_DEFAULT, rows) < 0) {
        status = snn_hdf5_failure(SNN_FILE_ERROR, dataset->file, name, "cannot be read");
    }
    snn_hdf5_close(file);
    snn_hdf5_close(memory);
    return status;
}

snn_status snn_dataset_read_pixels(const snn_dataset *dataset, int64_t first, int64_t count, void *pixels)
{
    if (dataset->packed && snn_packed_images_read(dataset, first, count, pixels)) {
        return snn_ok();
    }
    return read_rows(dataset, dataset->images, "images", dataset->rank, dataset->dims, first, count,
                     dataset->bytes ? H5T_NATIVE_UINT8 : H5T_NATIVE_FLOAT, pixels);
}

snn_status snn_dataset_read_labels(const snn_dataset *dataset, int64_t first, int64_t count, int64_t *labels)
{
    return read_rows(dataset, dataset->labels, "labels", 1, dataset->dims, first, count, H5T_NATIVE_INT64, labels);
}

static snn_status read_labels(const snn_dataset *dataset, int64_t first, int64_t count, int64_t **labels)
{
    *labels = NULL;
    SNN_TRY(check_range(dataset, first, count));
    if (dataset->labels < 0) {
        return snn_fail(SNN_INTERNAL_ERROR, "%s: opened without labels", dataset->path);
    }
    int64_t *read = snn_allocate((size_t)count, sizeof *read);
    if (read == NULL) {
        return snn_out_of_memory("labels");
    }
    snn_status status = count == 0 ? snn_ok() : snn_dataset_read_labels(dataset, first, count, read);
    if (snn_failed(status)) {
        snn_release(read);
        return status;
    }
    *labels = read;
    return status;
}

static snn_status check_labels(const snn_dataset *dataset, int32_t classes, int64_t images)
{
    int64_t *labels;
    SNN_TRY(read_labels(dataset, 0, images, &labels));
    snn_status status = snn_ok();
    for (int64_t i = 0; i < images && !snn_failed(status); i++) {
        if (labels[i] < 0 || labels[i] >= classes) {
            status = snn_fail(SNN_INPUT_ERROR,
                              "%s: labels[%" PRId64 "] = %" PRId64
                              "; the network has %d classes (0..%d); give the labels that it was trained with",
                              dataset->path, i, labels[i], classes, classes - 1);
        }
    }
    snn_release(labels);
    return status;
}

snn_status snn_dataset_check(const snn_dataset *dataset, snn_shape input, int32_t classes, int64_t images)
{
    const snn_shape shape = dataset->shape;
    if (shape.height != input.height || shape.width != input.width || shape.channels != input.channels) {
        return snn_fail(SNN_INPUT_ERROR,
                        "%s: images are %d x %d x %d (height x width x channels), the network expects %d x %d x %d; "
                        "see to data.layout, or make the data set at this size",
                        dataset->path, shape.height, shape.width, shape.channels, input.height, input.width,
                        input.channels);
    }
    if (images < 0 || images > snn_dataset_images(dataset)) {
        return snn_fail(SNN_INPUT_ERROR, "%s: %" PRId64 " images asked for; there are %" PRId64, dataset->path, images,
                        snn_dataset_images(dataset));
    }
    return dataset->labels >= 0 ? check_labels(dataset, classes, images) : snn_ok();
}

/* In float32 and in this order, as the networks' training does: (pixel / 255 - mean) / std. */
static float normalise(const snn_dataset *dataset, const void *raw, int64_t at, int32_t channel)
{
    const float value = dataset->bytes ? (float)((const uint8_t *)raw)[at] / 255.0F : ((const float *)raw)[at];
    return (value - dataset->mean[channel]) / dataset->std[channel];
}

static snn_status refuse_pixel(const snn_dataset *dataset, int64_t image, int32_t row, int32_t column, int32_t channel,
                               const void *raw, int64_t at)
{
    const double value = dataset->bytes ? (double)((const uint8_t *)raw)[at] : (double)((const float *)raw)[at];
    return snn_fail(SNN_INPUT_ERROR,
                    "%s: images[%" PRId64
                    "]: the pixel at row %d, column %d, channel %d is %g; a number that is finite "
                    "before and after normalisation expected",
                    dataset->path, image, row, column, channel, value);
}

/* One image from the file's order into rows, columns, channels or channels, rows, columns. */
static snn_status convert_image(const snn_dataset *dataset, int64_t image, const void *raw, bool channels_first,
                                float *pixels)
{
    const snn_shape shape = dataset->shape;
    const int64_t row_step = channels_first ? shape.width : (int64_t)shape.width * shape.channels;
    const int64_t column_step = channels_first ? 1 : shape.channels;
    const int64_t channel_step = channels_first ? snn_shape_positions(shape) : 1;
    for (int32_t row = 0; row < shape.height; row++) {
        for (int32_t column = 0; column < shape.width; column++) {
            for (int32_t channel = 0; channel < shape.channels; channel++) {
                const int64_t at =
                    row * dataset->row_stride + column * dataset->column_stride + channel * dataset->channel_stride;
                const float value = normalise(dataset, raw, at, channel);
                if (!isfinite(value)) {
                    return refuse_pixel(dataset, image, row, column, channel, raw, at);
                }
                pixels[row * row_step + column * column_step + channel * channel_step] = value;
            }
        }
    }
    return snn_ok();
}

/* All of them; what is wrong with the first bad one is told. */
static snn_status convert_images(const snn_dataset *dataset, int64_t first, int64_t count, const char *raw,
                                 bool channels_first, float *pixels)
{
    const int64_t size = snn_shape_size(dataset->shape);
    const int64_t bytes = size * (int64_t)(dataset->bytes ? sizeof(uint8_t) : sizeof(float));
    snn_status failure = snn_ok();
    int64_t failed = count;
#pragma omp parallel for schedule(static) if (count * size > FEW_PIXELS)
    for (int64_t i = 0; i < count; i++) {
        const snn_status status = convert_image(dataset, first + i, raw + i * bytes, channels_first, pixels + i * size);
        if (snn_failed(status)) {
#pragma omp critical(snn_dataset_failure)
            if (i < failed) {
                failure = status;
                failed = i;
            }
        }
    }
    return failure;
}

snn_status snn_dataset_read(const snn_dataset *dataset, int64_t first, int64_t count, bool channels_first,
                            float *pixels)
{
    SNN_TRY(check_range(dataset, first, count));
    if (count == 0) {
        return snn_ok();
    }
    const int64_t size = snn_shape_size(dataset->shape);
    const size_t element = dataset->bytes ? sizeof(uint8_t) : sizeof(float);
    char *raw = snn_allocate((size_t)count, (size_t)size * element);
    if (raw == NULL) {
        return snn_out_of_memory("images");
    }
    snn_status status = snn_dataset_read_pixels(dataset, first, count, raw);
    if (!snn_failed(status)) {
        status = convert_images(dataset, first, count, raw, channels_first, pixels);
    }
    snn_release(raw);
    return status;
}

snn_status snn_dataset_labels(const snn_dataset *dataset, int64_t first, int64_t count, int32_t *labels)
{
    int64_t *read;
    SNN_TRY(read_labels(dataset, first, count, &read));
    snn_status status = snn_ok();
    for (int64_t i = 0; i < count && !snn_failed(status); i++) {
        if (read[i] < INT32_MIN || read[i] > INT32_MAX) {
            status = snn_fail(SNN_INPUT_ERROR,
                              "%s: labels[%" PRId64 "] = %" PRId64 " is no class; classes are counted from 0",
                              dataset->path, first + i, read[i]);
        } else {
            labels[i] = (int32_t)read[i];
        }
    }
    snn_release(read);
    return status;
}
