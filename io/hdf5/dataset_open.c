/* Opening a data set: everything that can be wrong with a file is found here, once. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/memory.h"
#include "io/hdf5/dataset_internal.h"
#include "io/hdf5/hdf5_helpers.h"
#include "io/hdf5/packed_images.h"

enum { TYPE_NAME_BYTES = 32, LAYOUT_BYTES = 32 };

/* ---- opening ---- */

/* As NumPy calls it: "int16", "float64"; other classes by their own name. */
static void name_type(hid_t type, char name[TYPE_NAME_BYTES])
{
    const char *class_name = "unknown";
    switch (H5Tget_class(type)) {
    case H5T_INTEGER:
        (void)snprintf(name, TYPE_NAME_BYTES, "%sint%zu", H5Tget_sign(type) == H5T_SGN_NONE ? "u" : "",
                       8 * H5Tget_size(type));
        return;
    case H5T_FLOAT:
        (void)snprintf(name, TYPE_NAME_BYTES, "float%zu", 8 * H5Tget_size(type));
        return;
    case H5T_STRING:
        class_name = "string";
        break;
    case H5T_COMPOUND:
        class_name = "compound";
        break;
    case H5T_ENUM:
        class_name = "enumeration";
        break;
    case H5T_ARRAY:
        class_name = "array";
        break;
    default:
        break;
    }
    (void)snprintf(name, TYPE_NAME_BYTES, "%s", class_name);
}

/* HDF5's own reasons are obscure for the two commonest mistakes: a wrong path and a file of another kind. */
static snn_status open_file(snn_dataset *dataset)
{
    const char *path = dataset->path;
    struct stat about;
    if (stat(path, &about) == 0 && !S_ISREG(about.st_mode)) { /* a pipe would make it wait */
        return snn_fail(SNN_INPUT_ERROR, "cannot open data set '%s': %s, expected a file", path,
                        S_ISDIR(about.st_mode) ? "a directory" : "not a regular file");
    }
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return snn_fail(SNN_INPUT_ERROR, "cannot open data set '%s': %s", path, strerror(errno));
    }
    bool readable = fgetc(file) != EOF || ferror(file) == 0;
    int reason = errno;
    (void)fclose(file);
    if (!readable) {
        return snn_fail(SNN_INPUT_ERROR, "cannot read data set '%s': %s", path, strerror(reason));
    }
    snn_hdf5_silence();
    if (H5Fis_hdf5(path) <= 0) {
        return snn_fail(SNN_INPUT_ERROR, "%s: not an HDF5 file; jobs/dataset.py makes data sets", path);
    }
    return snn_hdf5_open_file(path, H5F_ACC_RDONLY, &dataset->file);
}

/* Opens data set `name` and takes its rank and dimensions. */
static snn_status open_array(const snn_dataset *dataset, const char *name, hid_t *array, int *rank, hsize_t *dims)
{
    htri_t exists = H5Lexists(dataset->file, name, H5P_DEFAULT);
    if (exists == 0) {
        return snn_fail(SNN_INPUT_ERROR, "%s: there is no data set '%s' in it; jobs/dataset.py makes data sets",
                        dataset->path, name);
    }
    *array = exists > 0 ? H5Dopen2(dataset->file, name, H5P_DEFAULT) : H5I_INVALID_HID;
    if (*array < 0) {
        return snn_hdf5_failure(SNN_INPUT_ERROR, dataset->file, name, "cannot be opened as a data set");
    }
    hid_t space = H5Dget_space(*array);
    *rank = space >= 0 ? H5Sget_simple_extent_dims(space, dims, NULL) : -1;
    snn_hdf5_close(space);
    return *rank >= 0 ? snn_ok() : snn_hdf5_failure(SNN_INPUT_ERROR, dataset->file, name, "cannot read its dimensions");
}

static snn_status check_image_type(snn_dataset *dataset)
{
    hid_t type = H5Dget_type(dataset->images);
    if (type < 0) {
        return snn_hdf5_failure(SNN_INPUT_ERROR, dataset->file, "images", "cannot read its type");
    }
    char name[TYPE_NAME_BYTES];
    name_type(type, name);
    snn_hdf5_close(type);
    dataset->bytes = strcmp(name, "uint8") == 0;
    if (!dataset->bytes && strcmp(name, "float32") != 0) {
        return snn_fail(SNN_INPUT_ERROR, "%s: images has type %s; uint8 or float32 expected", dataset->path, name);
    }
    return snn_ok();
}

/* ---- layout and shape ---- */

/* A string of fixed or variable length, one element; longer ones are cut, which no layout's name is. */
static herr_t read_string(hid_t attribute, hid_t type, char text[LAYOUT_BYTES])
{
    herr_t result;
    hid_t space = H5Aget_space(attribute);
    bool single = space >= 0 && H5Sget_simple_extent_npoints(space) == 1;
    snn_hdf5_close(space);
    if (!single || H5Tget_class(type) != H5T_STRING) {
        return -1;
    }
    if (H5Tis_variable_str(type) > 0) {
        char *found = NULL;
        result = H5Aread(attribute, type, &found);
        (void)snprintf(text, LAYOUT_BYTES, "%s", found != NULL ? found : "");
        (void)H5free_memory(found);
        return result;
    }
    char *found = snn_allocate(H5Tget_size(type) + 1, 1);
    if (found == NULL) {
        return -1;
    }
    result = H5Aread(attribute, type, found);
    (void)snprintf(text, LAYOUT_BYTES, "%s", found);
    snn_release(found);
    size_t length = strlen(text);
    while (length > 0 && text[length - 1] == ' ') { /* Fortran pads with spaces */
        text[--length] = '\0';
    }
    return result;
}

/* The attribute's layout, SNN_LAYOUT_AUTO if there is none. */
static snn_status read_layout(const snn_dataset *dataset, snn_layout *layout)
{
    *layout = SNN_LAYOUT_AUTO;
    if (H5Aexists(dataset->images, "layout") <= 0) {
        return snn_ok();
    }
    char text[LAYOUT_BYTES] = "";
    hid_t attribute = H5Aopen(dataset->images, "layout", H5P_DEFAULT);
    hid_t type = attribute >= 0 ? H5Aget_type(attribute) : H5I_INVALID_HID;
    bool read = type >= 0 && read_string(attribute, type, text) >= 0;
    snn_hdf5_close(type);
    snn_hdf5_close(attribute);
    if (!read) {
        return snn_fail(SNN_INPUT_ERROR, "%s: attribute layout of images is not a string", dataset->path);
    }
    if (strcmp(text, "NHWC") == 0) {
        *layout = SNN_LAYOUT_NHWC;
    } else if (strcmp(text, "NCHW") == 0) {
        *layout = SNN_LAYOUT_NCHW;
    } else if (strcmp(text, "NHW") == 0) {
        *layout = SNN_LAYOUT_NHW;
    } else {
        return snn_fail(SNN_INPUT_ERROR,
                        "%s: attribute layout of images is \"%s\"; \"NHWC\", \"NCHW\" or \"NHW\" expected",
                        dataset->path, text);
    }
    return snn_ok();
}

static snn_status check_rank(const snn_dataset *dataset, snn_layout layout)
{
    static const char *const names[] = {
        [SNN_LAYOUT_NHWC] = "NHWC", [SNN_LAYOUT_NCHW] = "NCHW", [SNN_LAYOUT_NHW] = "NHW"};
    if (layout == SNN_LAYOUT_AUTO && dataset->rank == 4) {
        return snn_fail(SNN_INPUT_ERROR,
                        "%s: images has rank 4 and no attribute layout; data.layout = \"NHWC\" or \"NCHW\" expected",
                        dataset->path);
    }
    if (layout == SNN_LAYOUT_AUTO) {
        return dataset->rank == 2 || dataset->rank == 3
                   ? snn_ok()
                   : snn_fail(SNN_INPUT_ERROR, "%s: images has rank %d; 2, 3 or 4 expected", dataset->path,
                              dataset->rank);
    }
    const int expected = layout == SNN_LAYOUT_NHW ? 3 : 4;
    if (dataset->rank != expected) {
        return snn_fail(SNN_INPUT_ERROR, "%s: images has rank %d; layout \"%s\" has rank %d; see to data.layout",
                        dataset->path, dataset->rank, names[layout], expected);
    }
    return snn_ok();
}

static snn_status check_dimensions(const snn_dataset *dataset)
{
    if (dataset->dims[0] == 0) {
        return snn_fail(SNN_INPUT_ERROR, "%s: images holds no image; make the data set again", dataset->path);
    }
    uint64_t size = 1;
    for (int i = 1; i < dataset->rank; i++) {
        if (dataset->dims[i] == 0) {
            return snn_fail(SNN_INPUT_ERROR,
                            "%s: images holds no pixels: its dimension %d is 0; make the data set again", dataset->path,
                            i);
        }
        if (dataset->dims[i] > INT32_MAX / size) {
            return snn_fail(SNN_INPUT_ERROR, "%s: an image has more than %d pixels", dataset->path, INT32_MAX);
        }
        size *= dataset->dims[i];
    }
    return snn_ok();
}

static snn_status settle_shape(snn_dataset *dataset, snn_layout layout)
{
    if (layout == SNN_LAYOUT_AUTO) {
        SNN_TRY(read_layout(dataset, &layout));
    }
    SNN_TRY(check_rank(dataset, layout));
    SNN_TRY(check_dimensions(dataset));
    int32_t size[4] = {1, 1, 1, 1};
    for (int i = 1; i < dataset->rank; i++) {
        size[i] = (int32_t)dataset->dims[i];
    }
    if (dataset->rank == 2) { /* vectors of features */
        dataset->shape = (snn_shape){.height = 1, .width = 1, .channels = size[1]};
        dataset->channel_stride = 1;
    } else if (layout == SNN_LAYOUT_NHWC) {
        dataset->shape = (snn_shape){.height = size[1], .width = size[2], .channels = size[3]};
        dataset->row_stride = (int64_t)size[2] * size[3];
        dataset->column_stride = size[3];
        dataset->channel_stride = 1;
    } else if (layout == SNN_LAYOUT_NCHW) {
        dataset->shape = (snn_shape){.height = size[2], .width = size[3], .channels = size[1]};
        dataset->row_stride = size[3];
        dataset->column_stride = 1;
        dataset->channel_stride = (int64_t)size[2] * size[3];
    } else {
        dataset->shape = (snn_shape){.height = size[1], .width = size[2], .channels = 1};
        dataset->row_stride = size[2];
        dataset->column_stride = 1;
    }
    return snn_ok();
}

/* ---- normalisation and labels ---- */

/* Spreads `count` values (0: `none`) over the channels. */
static snn_status settle_values(const snn_dataset *dataset, const char *key, const double *values, int32_t count,
                                float none, float **spread)
{
    const int32_t channels = dataset->shape.channels;
    if (count > 1 && count != channels) {
        return snn_fail(SNN_INPUT_ERROR,
                        "%s: %s has %d values; the images have %d channel%s; give one for each, or one for all",
                        dataset->path, key, count, channels, channels == 1 ? "" : "s");
    }
    *spread = snn_allocate((size_t)channels, sizeof **spread);
    if (*spread == NULL) {
        return snn_out_of_memory("normalisation");
    }
    for (int32_t c = 0; c < channels; c++) {
        (*spread)[c] = count == 0 ? none : (float)values[count == 1 ? 0 : c];
    }
    return snn_ok();
}

static snn_status settle_normalisation(snn_dataset *dataset, const double *mean, int32_t mean_count, const double *std,
                                       int32_t std_count)
{
    SNN_TRY(settle_values(dataset, "data.mean", mean, mean_count, 0.0F, &dataset->mean));
    SNN_TRY(settle_values(dataset, "data.std", std, std_count, 1.0F, &dataset->std));
    for (int32_t c = 0; c < dataset->shape.channels; c++) {
        if (!isfinite(dataset->mean[c]) || !isfinite(dataset->std[c]) || dataset->std[c] <= 0.0F) {
            return snn_fail(SNN_INPUT_ERROR,
                            "%s: channel %d is normalised with mean %g and std %g; finite numbers and std above 0 "
                            "expected",
                            dataset->path, c, (double)dataset->mean[c], (double)dataset->std[c]);
        }
    }
    return snn_ok();
}

static snn_status open_labels(snn_dataset *dataset)
{
    int rank;
    hsize_t dims[H5S_MAX_RANK];
    SNN_TRY(open_array(dataset, "labels", &dataset->labels, &rank, dims));
    hid_t type = H5Dget_type(dataset->labels);
    char name[TYPE_NAME_BYTES] = "unknown";
    bool integers = type >= 0 && H5Tget_class(type) == H5T_INTEGER;
    if (type >= 0) {
        name_type(type, name);
    }
    snn_hdf5_close(type);
    if (!integers) {
        return snn_fail(SNN_INPUT_ERROR, "%s: labels has type %s; integers expected", dataset->path, name);
    }
    if (rank != 1) {
        return snn_fail(SNN_INPUT_ERROR, "%s: labels has rank %d; 1 expected", dataset->path, rank);
    }
    if (dims[0] != dataset->dims[0]) {
        return snn_fail(
            SNN_INPUT_ERROR,
            "%s: labels has %llu entries, images has %llu; make the data set again, with a label for each image",
            dataset->path, (unsigned long long)dims[0], (unsigned long long)dataset->dims[0]);
    }
    return snn_ok();
}

/* No data set holds that much more than its file does: compression has limits. Those that lie in other files are not
 * judged. What a file claims is what others allocate. */
static snn_status check_claim(const snn_dataset *dataset, hid_t array, const char *name)
{
    static const hsize_t MOST_RATIO = 1 << 16;
    hsize_t file_bytes = 0;
    hid_t space = H5Dget_space(array);
    hid_t type = H5Dget_type(array);
    hid_t creation = H5Dget_create_plist(array);
    const hssize_t elements = space < 0 ? -1 : H5Sget_simple_extent_npoints(space);
    const size_t element_bytes = type < 0 ? 0 : H5Tget_size(type);
    const bool elsewhere =
        creation >= 0 && (H5Pget_layout(creation) == H5D_VIRTUAL || H5Pget_external_count(creation) > 0);
    snn_status status = snn_ok();
    if (elements < 0 || element_bytes == 0 || creation < 0 || H5Fget_filesize(dataset->file, &file_bytes) < 0) {
        status = snn_hdf5_failure(SNN_INPUT_ERROR, dataset->file, name, "cannot read how large it is");
    } else if (!elsewhere && (hsize_t)elements / MOST_RATIO > file_bytes / element_bytes) {
        status =
            snn_fail(SNN_INPUT_ERROR,
                     "%s: damaged: %s claims %llu elements in a file of %llu bytes; copy or make the data set again",
                     dataset->path, name, (unsigned long long)elements, (unsigned long long)file_bytes);
    }
    snn_hdf5_close(creation);
    snn_hdf5_close(type);
    snn_hdf5_close(space);
    return status;
}

snn_status snn_dataset_open(const char *path, snn_layout layout, const double *mean, int32_t mean_count,
                            const double *std, int32_t std_count, bool labels, snn_dataset **dataset)
{
    *dataset = NULL;
    snn_dataset *opened = snn_allocate(1, sizeof *opened);
    if (opened == NULL) {
        return snn_out_of_memory("data set");
    }
    opened->file = opened->images = opened->labels = H5I_INVALID_HID;
    opened->path = snn_duplicate_text(path);
    snn_status status = opened->path != NULL ? snn_ok() : snn_out_of_memory("data set");
    SNN_GOTO_DONE(status, status);
    SNN_GOTO_DONE(status, open_file(opened));
    SNN_GOTO_DONE(status, open_array(opened, "images", &opened->images, &opened->rank, opened->dims));
    SNN_GOTO_DONE(status, check_image_type(opened));
    SNN_GOTO_DONE(status, settle_shape(opened, layout));
    SNN_GOTO_DONE(status, check_claim(opened, opened->images, "images"));
    opened->packed = snn_packed_images_found(opened);
    SNN_GOTO_DONE(status, settle_normalisation(opened, mean, mean_count, std, std_count));
    if (labels) {
        SNN_GOTO_DONE(status, open_labels(opened));
        SNN_GOTO_DONE(status, check_claim(opened, opened->labels, "labels"));
    }
    *dataset = opened;
done:
    if (snn_failed(status)) {
        snn_dataset_close(opened);
    }
    return status;
}

/* Every entry of the index of a data set in chunks, which is read as it is needed. */
static snn_status walk_chunks(const snn_dataset *dataset, hid_t array, const char *name)
{
    hsize_t count = 0;
    hid_t creation = H5Dget_create_plist(array);
    const bool chunked = creation >= 0 && H5Pget_layout(creation) == H5D_CHUNKED;
    snn_hdf5_close(creation);
    if (!chunked) {
        return snn_ok();
    }
    const hid_t space = H5Dget_space(array); /* H5S_ALL is none here */
    const herr_t counted = space < 0 ? -1 : H5Dget_num_chunks(array, space, &count);
    snn_hdf5_close(space);
    if (counted < 0) {
        return snn_hdf5_failure(SNN_INPUT_ERROR, dataset->file, name, "cannot read the index of its chunks");
    }
    return snn_ok();
}

static snn_status try_images(const snn_dataset *dataset)
{
    const int64_t last = (int64_t)dataset->dims[0] - 1;
    SNN_TRY(walk_chunks(dataset, dataset->images, "images"));
    if (last < 0) {
        return snn_ok();
    }
    void *pixels = snn_allocate((size_t)snn_shape_size(dataset->shape), dataset->bytes ? 1 : sizeof(float));
    snn_status status = pixels == NULL ? snn_out_of_memory("an image") : snn_dataset_read_pixels(dataset, 0, 1, pixels);
    if (!snn_failed(status)) {
        status = snn_dataset_read_pixels(dataset, last, 1, pixels);
    }
    snn_release(pixels);
    return status;
}

static snn_status try_labels(const snn_dataset *dataset)
{
    const int64_t last = (int64_t)dataset->dims[0] - 1;
    int64_t label;
    SNN_TRY(walk_chunks(dataset, dataset->labels, "labels"));
    if (last < 0) {
        return snn_ok();
    }
    SNN_TRY(snn_dataset_read_labels(dataset, 0, 1, &label));
    return snn_dataset_read_labels(dataset, last, 1, &label);
}

snn_status snn_dataset_try(const char *path, snn_layout layout, bool labels)
{
    snn_dataset *dataset;
    SNN_TRY(snn_dataset_open(path, layout, NULL, 0, NULL, 0, labels, &dataset));
    snn_status status = try_images(dataset);
    if (labels && !snn_failed(status)) {
        status = try_labels(dataset);
    }
    snn_dataset_close(dataset);
    return status;
}

void snn_dataset_close(snn_dataset *dataset)
{
    if (dataset == NULL) {
        return;
    }
    snn_hdf5_close(dataset->labels);
    snn_hdf5_close(dataset->images);
    snn_hdf5_close(dataset->file);
    snn_release(dataset->mean);
    snn_release(dataset->std);
    snn_release(dataset->path);
    snn_release(dataset);
}
