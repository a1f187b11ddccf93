#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <hdf5.h>
#include <math.h>

#include "io/hdf5/packed_images.h"
#include "scratch.h"

enum { N = 3, H = 2, W = 4, C = 3, SIZE = H * W * C };

/* ---- files of the test's own making ---- */

static void write_array(hid_t file, const char *name, hid_t file_type, hid_t type, int rank, const hsize_t *dims,
                        const void *data)
{
    hid_t space = H5Screate_simple(rank, dims, NULL);
    hid_t array = H5Dcreate2(file, name, file_type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(array >= 0);
    if (data != NULL) {
        assert_true(H5Dwrite(array, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    }
    assert_true(H5Dclose(array) >= 0 && H5Sclose(space) >= 0);
}

/* `bytes` 0: a string of variable length. */
static void write_layout(hid_t file, const char *text, size_t bytes, H5T_str_t padding)
{
    char fixed[64];
    hid_t type = H5Tcopy(H5T_C_S1);
    assert_true(H5Tset_size(type, bytes == 0 ? H5T_VARIABLE : bytes) >= 0 && H5Tset_strpad(type, padding) >= 0);
    memset(fixed, padding == H5T_STR_SPACEPAD ? ' ' : '\0', sizeof fixed);
    memcpy(fixed, text, strlen(text));
    hid_t images = H5Dopen2(file, "images", H5P_DEFAULT);
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(images, "layout", type, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Awrite(attribute, type, bytes == 0 ? (const void *)&text : (const void *)fixed) >= 0);
    assert_true(H5Aclose(attribute) >= 0 && H5Sclose(space) >= 0 && H5Dclose(images) >= 0 && H5Tclose(type) >= 0);
}

static hid_t create_file(void)
{
    hid_t file = H5Fcreate("d.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(file >= 0);
    return file;
}

static void close_file(hid_t file)
{
    assert_true(H5Fclose(file) >= 0);
}

/* A value of its own for every place. */
static int pixel_of(int n, int h, int w, int c)
{
    return ((n * H + h) * W + w) * C + c + 11;
}

/* The images above as N x H x W x C or N x C x H x W, as bytes or floats, with labels 0, 1, 2 as int64. */
static void write_images(bool channels_first, bool floats, const char *layout)
{
    uint8_t bytes[N * SIZE];
    float reals[N * SIZE];
    const int64_t labels[N] = {0, 1, 2};
    const hsize_t dims[4] = {N, channels_first ? C : H, channels_first ? H : W, channels_first ? W : C};
    for (int n = 0; n < N; n++) {
        for (int h = 0; h < H; h++) {
            for (int w = 0; w < W; w++) {
                for (int c = 0; c < C; c++) {
                    int at = channels_first ? ((n * C + c) * H + h) * W + w : ((n * H + h) * W + w) * C + c;
                    bytes[at] = (uint8_t)pixel_of(n, h, w, c);
                    reals[at] = (float)pixel_of(n, h, w, c) / 8.0F;
                }
            }
        }
    }
    hid_t file = create_file();
    if (floats) {
        write_array(file, "images", H5T_IEEE_F32BE, H5T_NATIVE_FLOAT, 4, dims, reals);
    } else {
        write_array(file, "images", H5T_STD_U8LE, H5T_NATIVE_UINT8, 4, dims, bytes);
    }
    if (layout != NULL) {
        write_layout(file, layout, 0, H5T_STR_NULLTERM);
    }
    write_array(file, "labels", H5T_STD_I64LE, H5T_NATIVE_INT64, 1, dims, labels);
    close_file(file);
}

static snn_dataset *open_good(snn_layout layout)
{
    snn_dataset *dataset;
    snn_status status = snn_dataset_open("d.h5", layout, NULL, 0, NULL, 0, true, &dataset);
    assert_string_equal(status.message, "");
    assert_int_equal(status.code, SNN_OK);
    return dataset;
}

/* ---- pixels ---- */

static void assert_pixels(const snn_dataset *dataset, int first, int count, bool floats)
{
    float last[N * SIZE];
    float front[N * SIZE];
    assert_int_equal(snn_dataset_read(dataset, first, count, false, last).code, SNN_OK);
    assert_int_equal(snn_dataset_read(dataset, first, count, true, front).code, SNN_OK);
    for (int n = 0; n < count; n++) {
        for (int h = 0; h < H; h++) {
            for (int w = 0; w < W; w++) {
                for (int c = 0; c < C; c++) {
                    float expected = (float)pixel_of(first + n, h, w, c) / (floats ? 8.0F : 255.0F);
                    assert_true(last[((n * H + h) * W + w) * C + c] == expected);
                    assert_true(front[((n * C + c) * H + h) * W + w] == expected);
                }
            }
        }
    }
}

static void every_layout_gives_the_same_pixels(void **state)
{
    (void)state;
    for (int variant = 0; variant < 8; variant++) {
        const bool channels_first = (variant & 1) != 0;
        const bool floats = (variant & 2) != 0;
        const bool attribute = (variant & 4) != 0;
        const snn_layout layout = channels_first ? SNN_LAYOUT_NCHW : SNN_LAYOUT_NHWC;
        write_images(channels_first, floats, attribute ? (channels_first ? "NCHW" : "NHWC") : NULL);
        snn_dataset *dataset = open_good(attribute ? SNN_LAYOUT_AUTO : layout);
        assert_int_equal(snn_dataset_images(dataset), N);
        assert_int_equal(snn_dataset_shape(dataset).height, H);
        assert_int_equal(snn_dataset_shape(dataset).width, W);
        assert_int_equal(snn_dataset_shape(dataset).channels, C);
        assert_pixels(dataset, 0, N, floats);
        assert_pixels(dataset, 1, 1, floats);
        assert_pixels(dataset, N - 1, 1, floats);
        assert_pixels(dataset, N, 0, floats);
        snn_dataset_close(dataset);
    }
    snn_dataset_close(NULL);
}

static void the_configured_layout_wins_over_the_attribute(void **state)
{
    (void)state;
    write_images(false, false, "NCHW");
    snn_dataset *dataset = open_good(SNN_LAYOUT_NHWC);
    assert_pixels(dataset, 0, N, false);
    snn_dataset_close(dataset);
}

static void the_attribute_may_be_any_kind_of_string(void **state)
{
    static const struct {
        size_t bytes;
        H5T_str_t padding;
    } kinds[] = {{0, H5T_STR_NULLTERM}, {5, H5T_STR_NULLTERM}, {4, H5T_STR_NULLPAD},
                 {9, H5T_STR_NULLPAD},  {4, H5T_STR_SPACEPAD}, {9, H5T_STR_SPACEPAD}};
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        write_images(true, false, NULL);
        hid_t file = H5Fopen("d.h5", H5F_ACC_RDWR, H5P_DEFAULT);
        write_layout(file, "NCHW", kinds[i].bytes, kinds[i].padding);
        close_file(file);
        snn_dataset *dataset = open_good(SNN_LAYOUT_AUTO);
        assert_pixels(dataset, 0, N, false);
        snn_dataset_close(dataset);
    }
}

/* Rank 3 is one channel, rank 2 vectors of features; labels of any integer type. */
static void lower_ranks_have_fewer_axes(void **state)
{
    (void)state;
    const hsize_t dims[3] = {2, 2, 3};
    const uint8_t pixels[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 255};
    const int64_t labels[2] = {-3, 77};
    for (int rank = 2; rank <= 3; rank++) {
        const hsize_t features[2] = {2, 6};
        hid_t file = create_file();
        write_array(file, "images", H5T_STD_U8LE, H5T_NATIVE_UINT8, rank, rank == 3 ? dims : features, pixels);
        write_array(file, "labels", H5T_STD_I16BE, H5T_NATIVE_INT64, 1, dims, labels);
        close_file(file);
        snn_dataset *dataset = open_good(SNN_LAYOUT_AUTO);
        const snn_shape shape = snn_dataset_shape(dataset);
        assert_int_equal(shape.height, rank == 3 ? 2 : 1);
        assert_int_equal(shape.width, rank == 3 ? 3 : 1);
        assert_int_equal(shape.channels, rank == 3 ? 1 : 6);
        float read[6];
        for (int channels_first = 0; channels_first < 2; channels_first++) {
            assert_int_equal(snn_dataset_read(dataset, 1, 1, channels_first != 0, read).code, SNN_OK);
            for (int i = 0; i < 6; i++) {
                assert_true(read[i] == (float)pixels[6 + i] / 255.0F);
            }
        }
        int32_t found[2];
        assert_int_equal(snn_dataset_labels(dataset, 0, 2, found).code, SNN_OK);
        assert_int_equal(found[0], -3);
        assert_int_equal(found[1], 77);
        assert_int_equal(snn_dataset_labels(dataset, 1, 1, found).code, SNN_OK);
        assert_int_equal(found[0], 77);
        snn_dataset_close(dataset);
    }
}

static void assert_normalised(bool floats, const double *mean, int32_t mean_count, const double *std, int32_t std_count)
{
    snn_dataset *dataset;
    float read[SIZE];
    write_images(false, floats, "NHWC");
    assert_int_equal(snn_dataset_open("d.h5", SNN_LAYOUT_AUTO, mean, mean_count, std, std_count, false, &dataset).code,
                     SNN_OK);
    assert_int_equal(snn_dataset_read(dataset, 1, 1, false, read).code, SNN_OK);
    for (int i = 0; i < SIZE; i++) {
        const int c = i % C;
        double pixel = pixel_of(1, i / C / W, i / C % W, c) / (floats ? 8.0 : 255.0);
        double m = mean_count == 0 ? 0.0 : mean[mean_count == 1 ? 0 : c];
        double s = std_count == 0 ? 1.0 : std[std_count == 1 ? 0 : c];
        double expected = (pixel - m) / s;
        assert_true(fabs((double)read[i] - expected) <= 1e-5 * (1.0 + fabs(expected)));
    }
    snn_dataset_close(dataset);
}

static void pixels_are_normalised(void **state)
{
    (void)state;
    const double mean[C] = {0.485, 0.456, 0.25};
    const double std[C] = {0.229, 0.5, 2.0};
    for (int floats = 0; floats < 2; floats++) {
        assert_normalised(floats != 0, mean, C, std, C);
        assert_normalised(floats != 0, mean, 1, std, C);
        assert_normalised(floats != 0, mean, C, std, 1);
        assert_normalised(floats != 0, mean, 0, std, 1);
        assert_normalised(floats != 0, mean, 1, std, 0);
    }
}

/* ---- checks ---- */

/* With that message, behind which advice may follow. */
static void assert_refused(snn_status status, snn_code code, const char *message)
{
    const size_t length = strlen(message);
    if (strlen(status.message) > length && strncmp(status.message + length, "; ", 2) == 0) {
        status.message[length] = '\0';
    }
    assert_string_equal(status.message, message);
    assert_int_equal(status.code, code);
}

static void assert_not_opened(const char *path, snn_layout layout, const char *message)
{
    snn_dataset *dataset;
    assert_refused(snn_dataset_open(path, layout, NULL, 0, NULL, 0, true, &dataset), SNN_INPUT_ERROR, message);
    assert_null(dataset);
}

static void shape_labels_and_count_are_checked(void **state)
{
    (void)state;
    const snn_shape shape = {H, W, C};
    const snn_shape other = {28, 28, 1};
    write_images(false, false, "NHWC");
    snn_dataset *dataset = open_good(SNN_LAYOUT_AUTO);
    assert_int_equal(snn_dataset_check(dataset, shape, 3, N).code, SNN_OK);
    assert_refused(snn_dataset_check(dataset, other, 3, N), SNN_INPUT_ERROR,
                   "d.h5: images are 2 x 4 x 3 (height x width x channels), the network expects 28 x 28 x 1");
    assert_refused(snn_dataset_check(dataset, shape, 2, N), SNN_INPUT_ERROR,
                   "d.h5: labels[2] = 2; the network has 2 classes (0..1)");
    assert_int_equal(snn_dataset_check(dataset, shape, 2, 2).code, SNN_OK);
    assert_refused(snn_dataset_check(dataset, shape, 3, N + 1), SNN_INPUT_ERROR,
                   "d.h5: 4 images asked for; there are 3");
    snn_dataset_close(dataset);

    /* labels that were not asked for are not looked at */
    assert_int_equal(snn_dataset_open("d.h5", SNN_LAYOUT_AUTO, NULL, 0, NULL, 0, false, &dataset).code, SNN_OK);
    assert_int_equal(snn_dataset_check(dataset, shape, 2, N).code, SNN_OK);
    int32_t labels[N];
    assert_refused(snn_dataset_labels(dataset, 0, N, labels), SNN_INTERNAL_ERROR, "d.h5: opened without labels");
    snn_dataset_close(dataset);
}

static void labels_outside_of_any_class_are_refused(void **state)
{
    (void)state;
    const hsize_t dims[2] = {2, 1};
    const uint8_t pixels[2] = {1, 2};
    const uint64_t labels[2] = {0, UINT64_MAX};
    hid_t file = create_file();
    write_array(file, "images", H5T_STD_U8LE, H5T_NATIVE_UINT8, 2, dims, pixels);
    write_array(file, "labels", H5T_STD_U64LE, H5T_NATIVE_UINT64, 1, dims, labels);
    close_file(file);
    snn_dataset *dataset = open_good(SNN_LAYOUT_AUTO);
    int32_t found[2];
    assert_refused(snn_dataset_labels(dataset, 0, 2, found), SNN_INPUT_ERROR,
                   "d.h5: labels[1] = 9223372036854775807 is no class");
    assert_refused(snn_dataset_check(dataset, (snn_shape){1, 1, 1}, 10, 2), SNN_INPUT_ERROR,
                   "d.h5: labels[1] = 9223372036854775807; the network has 10 classes (0..9)");
    snn_dataset_close(dataset);
}

static void ranges_outside_of_the_data_set_are_refused(void **state)
{
    (void)state;
    float pixels[N * SIZE];
    int32_t labels[N];
    write_images(false, false, "NHWC");
    snn_dataset *dataset = open_good(SNN_LAYOUT_AUTO);
    assert_refused(snn_dataset_read(dataset, 1, N, false, pixels), SNN_INTERNAL_ERROR,
                   "d.h5: images [1, 4) asked for; there are 3");
    assert_refused(snn_dataset_read(dataset, -1, 1, false, pixels), SNN_INTERNAL_ERROR,
                   "d.h5: images [-1, 0) asked for; there are 3");
    assert_refused(snn_dataset_labels(dataset, 3, 1, labels), SNN_INTERNAL_ERROR,
                   "d.h5: images [3, 4) asked for; there are 3");
    snn_dataset_close(dataset);
}

static void pixels_that_are_not_finite_are_refused(void **state)
{
    (void)state;
    const hsize_t dims[3] = {3, 1, 2};
    const float pixels[6] = {0.0F, 1.0F, 2.0F, NAN, 1e38F, 0.0F};
    const int64_t labels[3] = {0, 0, 0};
    hid_t file = create_file();
    write_array(file, "images", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 3, dims, pixels);
    write_array(file, "labels", H5T_STD_I64LE, H5T_NATIVE_INT64, 1, dims, labels);
    close_file(file);
    float read[6];
    snn_dataset *dataset = open_good(SNN_LAYOUT_AUTO);
    assert_int_equal(snn_dataset_read(dataset, 0, 1, false, read).code, SNN_OK);
    assert_int_equal(snn_dataset_read(dataset, 2, 1, false, read).code, SNN_OK);
    assert_refused(snn_dataset_read(dataset, 0, 3, false, read), SNN_INPUT_ERROR,
                   "d.h5: images[1]: the pixel at row 0, column 1, channel 0 is nan; a number that is finite before "
                   "and after normalisation expected");
    snn_dataset_close(dataset);

    const double tiny = 1e-10;
    assert_int_equal(snn_dataset_open("d.h5", SNN_LAYOUT_AUTO, NULL, 0, &tiny, 1, true, &dataset).code, SNN_OK);
    assert_refused(snn_dataset_read(dataset, 2, 1, false, read), SNN_INPUT_ERROR,
                   "d.h5: images[2]: the pixel at row 0, column 0, channel 0 is 1e+38; a number that is finite before "
                   "and after normalisation expected");
    snn_dataset_close(dataset);
}

static void normalisation_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    const double values[2] = {0.5, 0.5};
    const double vanishing = 1e-60;
    snn_dataset *dataset;
    write_images(false, false, "NHWC");
    assert_refused(snn_dataset_open("d.h5", SNN_LAYOUT_AUTO, values, 2, NULL, 0, true, &dataset), SNN_INPUT_ERROR,
                   "d.h5: data.mean has 2 values; the images have 3 channels");
    assert_null(dataset);
    assert_refused(snn_dataset_open("d.h5", SNN_LAYOUT_AUTO, NULL, 0, values, 2, true, &dataset), SNN_INPUT_ERROR,
                   "d.h5: data.std has 2 values; the images have 3 channels");
    assert_refused(snn_dataset_open("d.h5", SNN_LAYOUT_AUTO, NULL, 0, &vanishing, 1, true, &dataset), SNN_INPUT_ERROR,
                   "d.h5: channel 0 is normalised with mean 0 and std 0; finite numbers and std above 0 expected");
}

/* ---- files that cannot be taken ---- */

static void files_of_another_kind_are_refused(void **state)
{
    (void)state;
    assert_not_opened("no.h5", SNN_LAYOUT_AUTO, "cannot open data set 'no.h5': No such file or directory");
    assert_not_opened(".", SNN_LAYOUT_AUTO, "cannot open data set '.': a directory, expected a file");
    scratch_write("text.h5", "images", 6);
    assert_not_opened("text.h5", SNN_LAYOUT_AUTO, "text.h5: not an HDF5 file");
    scratch_write("empty.h5", "", 0);
    assert_not_opened("empty.h5", SNN_LAYOUT_AUTO, "empty.h5: not an HDF5 file");
}

/* Cut anywhere, a file is refused or its data cannot be read: no crash, nothing made up, nothing printed. */
static void cut_files_are_refused(void **state)
{
    (void)state;
    struct stat file;
    write_images(false, false, "NHWC");
    assert_int_equal(stat("d.h5", &file), 0);
    int original = dup(STDERR_FILENO);
    assert_non_null(freopen("stderr.txt", "w", stderr));
    for (off_t bytes = file.st_size - 1; bytes > 0; bytes -= 97) {
        snn_dataset *dataset;
        assert_int_equal(truncate("d.h5", bytes), 0);
        snn_status status = snn_dataset_open("d.h5", SNN_LAYOUT_AUTO, NULL, 0, NULL, 0, true, &dataset);
        assert_int_equal(status.code, SNN_INPUT_ERROR);
        assert_memory_equal(status.message, "d.h5: ", 6);
        assert_null(dataset);
    }
    (void)fflush(stderr);
    struct stat printed;
    assert_int_equal(stat("stderr.txt", &printed), 0);
    assert_true(dup2(original, STDERR_FILENO) >= 0 && close(original) == 0);
    assert_int_equal(printed.st_size, 0);
}

typedef struct bad_file {
    hid_t type; /* of images; negative: there are none */
    int rank;
    hsize_t dims[5];
    const char *attribute; /* NULL: none */
    int label_rank;        /* 0: none */
    hsize_t labels;
    snn_layout layout;
    const char *message;
} bad_file;

static void write_bad_file(const bad_file *bad, hid_t label_type)
{
    const hsize_t label_dims[2] = {bad->labels, 1};
    hid_t file = create_file();
    if (bad->type >= 0) {
        write_array(file, "images", bad->type, bad->type, bad->rank, bad->dims, NULL);
        if (bad->attribute != NULL) {
            write_layout(file, bad->attribute, 0, H5T_STR_NULLTERM);
        }
    }
    if (bad->label_rank > 0) {
        write_array(file, "labels", label_type, label_type, bad->label_rank, label_dims, NULL);
    }
    close_file(file);
}

static void unsuitable_data_sets_are_refused(void **state)
{
    (void)state;
    const hid_t u8 = H5T_STD_U8LE;
    const bad_file cases[] = {
        {-1, 0, {0}, NULL, 1, 2, SNN_LAYOUT_AUTO, "d.h5: there is no data set 'images' in it"},
        {u8, 3, {2, 4, 4}, NULL, 0, 0, SNN_LAYOUT_AUTO, "d.h5: there is no data set 'labels' in it"},
        {H5T_STD_I16LE,
         3,
         {2, 4, 4},
         NULL,
         1,
         2,
         SNN_LAYOUT_AUTO,
         "d.h5: images has type int16; uint8 or float32 expected"},
        {H5T_STD_I8LE,
         3,
         {2, 4, 4},
         NULL,
         1,
         2,
         SNN_LAYOUT_AUTO,
         "d.h5: images has type int8; uint8 or float32 expected"},
        {H5T_IEEE_F64LE,
         3,
         {2, 4, 4},
         NULL,
         1,
         2,
         SNN_LAYOUT_AUTO,
         "d.h5: images has type float64; uint8 or float32 expected"},
        {H5T_C_S1,
         3,
         {2, 4, 4},
         NULL,
         1,
         2,
         SNN_LAYOUT_AUTO,
         "d.h5: images has type string; uint8 or float32 expected"},
        {u8,
         4,
         {2, 4, 4, 1},
         NULL,
         1,
         2,
         SNN_LAYOUT_AUTO,
         "d.h5: images has rank 4 and no attribute layout; data.layout = \"NHWC\" or \"NCHW\" expected"},
        {u8, 1, {2}, NULL, 1, 2, SNN_LAYOUT_AUTO, "d.h5: images has rank 1; 2, 3 or 4 expected"},
        {u8, 5, {2, 1, 1, 1, 1}, NULL, 1, 2, SNN_LAYOUT_AUTO, "d.h5: images has rank 5; 2, 3 or 4 expected"},
        {u8, 3, {2, 4, 4}, "NHWC", 1, 2, SNN_LAYOUT_AUTO, "d.h5: images has rank 3; layout \"NHWC\" has rank 4"},
        {u8, 2, {2, 4}, "NHW", 1, 2, SNN_LAYOUT_AUTO, "d.h5: images has rank 2; layout \"NHW\" has rank 3"},
        {u8, 3, {2, 4, 4}, NULL, 1, 2, SNN_LAYOUT_NCHW, "d.h5: images has rank 3; layout \"NCHW\" has rank 4"},
        {u8,
         3,
         {2, 4, 4},
         "HWN",
         1,
         2,
         SNN_LAYOUT_AUTO,
         "d.h5: attribute layout of images is \"HWN\"; \"NHWC\", \"NCHW\" or \"NHW\" expected"},
        {u8, 3, {0, 4, 4}, NULL, 1, 0, SNN_LAYOUT_AUTO, "d.h5: images holds no image"},
        {u8, 3, {2, 0, 4}, NULL, 1, 2, SNN_LAYOUT_AUTO, "d.h5: images holds no pixels: its dimension 1 is 0"},
        {u8, 3, {2, 4, 4}, NULL, 1, 1, SNN_LAYOUT_AUTO, "d.h5: labels has 1 entries, images has 2"},
        {u8, 3, {2, 4, 4}, NULL, 1, 3, SNN_LAYOUT_AUTO, "d.h5: labels has 3 entries, images has 2"},
        {u8, 3, {2, 4, 4}, NULL, 2, 2, SNN_LAYOUT_AUTO, "d.h5: labels has rank 2; 1 expected"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_bad_file(&cases[i], H5T_STD_I64LE);
        assert_not_opened("d.h5", cases[i].layout, cases[i].message);
    }
    const bad_file real_labels = {u8, 3, {2, 4, 4}, NULL, 1, 2, SNN_LAYOUT_AUTO, NULL};
    write_bad_file(&real_labels, H5T_IEEE_F32LE);
    assert_not_opened("d.h5", SNN_LAYOUT_AUTO, "d.h5: labels has type float32; integers expected");
}

static void odd_objects_are_refused(void **state)
{
    (void)state;
    /* an image too large for any memory: chunked, so that the file is small */
    const hsize_t huge[3] = {1, 1 << 20, 1 << 20};
    const hsize_t chunk[3] = {1, 16, 16};
    hid_t file = create_file();
    hid_t space = H5Screate_simple(3, huge, NULL);
    hid_t chunked = H5Pcreate(H5P_DATASET_CREATE);
    assert_true(H5Pset_chunk(chunked, 3, chunk) >= 0);
    hid_t array = H5Dcreate2(file, "images", H5T_STD_U8LE, space, H5P_DEFAULT, chunked, H5P_DEFAULT);
    assert_true(array >= 0);
    assert_true(H5Dclose(array) >= 0 && H5Pclose(chunked) >= 0 && H5Sclose(space) >= 0);
    close_file(file);
    assert_not_opened("d.h5", SNN_LAYOUT_AUTO, "d.h5: an image has more than 2147483647 pixels");

    file = create_file();
    hid_t group = H5Gcreate2(file, "images", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Gclose(group) >= 0);
    close_file(file);
    snn_dataset *dataset;
    snn_status status = snn_dataset_open("d.h5", SNN_LAYOUT_AUTO, NULL, 0, NULL, 0, true, &dataset);
    assert_int_equal(status.code, SNN_INPUT_ERROR);
    static const char beginning[] = "d.h5: /images: cannot be opened as a data set";
    assert_memory_equal(status.message, beginning, sizeof beginning - 1);

    /* a layout that is a number */
    write_images(false, false, NULL);
    file = H5Fopen("d.h5", H5F_ACC_RDWR, H5P_DEFAULT);
    array = H5Dopen2(file, "images", H5P_DEFAULT);
    space = H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(array, "layout", H5T_STD_I32LE, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Aclose(attribute) >= 0 && H5Sclose(space) >= 0 && H5Dclose(array) >= 0);
    close_file(file);
    assert_not_opened("d.h5", SNN_LAYOUT_AUTO, "d.h5: attribute layout of images is not a string");
}

/* Written anew as chunks of `chunk` along each axis, compressed (`more`: in other ways, too), in a data set that may
 * grow; only the first `rows` rows are. */
static void rewrite_in_chunks(const char *name, hid_t type, int rank, const hsize_t *chunk, bool more, hsize_t rows)
{
    uint8_t data[N * SIZE * sizeof(int64_t)];
    hsize_t dims[4], most[4] = {H5S_UNLIMITED, H5S_UNLIMITED, H5S_UNLIMITED, H5S_UNLIMITED};
    hid_t file = H5Fopen("d.h5", H5F_ACC_RDWR, H5P_DEFAULT);
    hid_t array = H5Dopen2(file, name, H5P_DEFAULT);
    hid_t space = H5Dget_space(array);
    assert_true(H5Sget_simple_extent_dims(space, dims, NULL) == rank);
    assert_true(H5Dread(array, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    assert_true(H5Dclose(array) >= 0 && H5Sclose(space) >= 0 && H5Ldelete(file, name, H5P_DEFAULT) >= 0);
    hid_t chunked = H5Pcreate(H5P_DATASET_CREATE);
    assert_true(H5Pset_chunk(chunked, rank, chunk) >= 0 && (!more || H5Pset_shuffle(chunked) >= 0) &&
                H5Pset_deflate(chunked, 6) >= 0 && (!more || H5Pset_fletcher32(chunked) >= 0));
    space = H5Screate_simple(rank, dims, most);
    array = H5Dcreate2(file, name, type, space, H5P_DEFAULT, chunked, H5P_DEFAULT);
    const hsize_t begin[4] = {0};
    dims[0] = rows;
    hid_t memory = H5Screate_simple(rank, dims, NULL);
    assert_true(H5Sselect_hyperslab(space, H5S_SELECT_SET, begin, NULL, dims, NULL) >= 0);
    assert_true(H5Dwrite(array, type, memory, space, H5P_DEFAULT, data) >= 0);
    assert_true(H5Dclose(array) >= 0 && H5Pclose(chunked) >= 0 && H5Sclose(space) >= 0 && H5Sclose(memory) >= 0);
    close_file(file);
}

/* ---- images that are packed one by one ---- */

static const hsize_t IMAGE[4] = {1, H, W, C};

static void images_may_be_packed_one_by_one(void **state)
{
    (void)state;
    for (int floats = 0; floats < 2; floats++) {
        uint8_t read[N * SIZE * sizeof(float)];
        const hid_t type = floats == 1 ? H5T_NATIVE_FLOAT : H5T_NATIVE_UINT8;
        write_images(false, floats == 1, NULL);
        rewrite_in_chunks("images", type, 4, IMAGE, false, N);
        snn_dataset *dataset = open_good(SNN_LAYOUT_NHWC);
        assert_true(dataset->packed);
        for (int first = 0; first < N; first++) {
            for (int count = 1; count <= N - first; count++) {
                assert_true(snn_packed_images_read(dataset, first, count, read));
                assert_pixels(dataset, first, count, floats == 1);
            }
        }
        snn_dataset_close(dataset);
        const hsize_t other[4] = {1, H, W - 1, C}, pairs[4] = {2, H, W, C};
        for (int i = 0; i < 3; i++) { /* HDF5 reads these */
            write_images(false, floats == 1, NULL);
            rewrite_in_chunks("images", type, 4, i == 0 ? other : i == 1 ? pairs : IMAGE, i == 2, N);
            dataset = open_good(SNN_LAYOUT_NHWC);
            assert_false(dataset->packed);
            assert_pixels(dataset, 0, N, floats == 1);
            snn_dataset_close(dataset);
        }
    }
}

/* What was never written is 0, as HDF5 has it. */
static void images_may_be_missing(void **state)
{
    (void)state;
    float pixels[N * SIZE];
    write_images(false, false, NULL);
    rewrite_in_chunks("images", H5T_NATIVE_UINT8, 4, IMAGE, false, N - 1);
    snn_dataset *dataset = open_good(SNN_LAYOUT_NHWC);
    assert_true(dataset->packed && !snn_packed_images_read(dataset, 0, N, pixels));
    assert_int_equal(snn_dataset_read(dataset, 0, N, false, pixels).code, SNN_OK);
    for (int i = 0; i < N * SIZE; i++) {
        assert_true((pixels[i] == 0.0F) == (i >= (N - 1) * SIZE));
    }
    snn_dataset_close(dataset);
}

static void packed_images_may_be_stored_or_damaged(void **state)
{
    (void)state;
    const hsize_t place[4] = {1};
    uint8_t raw[SIZE];
    float pixels[N * SIZE];
    for (int damaged = 0; damaged < 2; damaged++) {
        memset(raw, 250, sizeof raw);
        write_images(false, false, NULL);
        rewrite_in_chunks("images", H5T_NATIVE_UINT8, 4, IMAGE, false, N);
        hid_t file = H5Fopen("d.h5", H5F_ACC_RDWR, H5P_DEFAULT);
        hid_t array = H5Dopen2(file, "images", H5P_DEFAULT);
        assert_true(H5Dwrite_chunk(array, H5P_DEFAULT, damaged == 1 ? 0 : 1, place, sizeof raw, raw) >= 0);
        assert_true(H5Dclose(array) >= 0);
        close_file(file);
        snn_dataset *dataset = open_good(SNN_LAYOUT_NHWC);
        assert_false(snn_packed_images_read(dataset, 0, N, pixels));
        const snn_status status = snn_dataset_read(dataset, 0, N, false, pixels);
        if (damaged == 1) {
            assert_int_equal(status.code, SNN_FILE_ERROR);
            assert_non_null(strstr(status.message, "images: cannot be read"));
        } else {
            assert_string_equal(status.message, "");
            assert_true(pixels[SIZE] == 250.0F / 255.0F && pixels[2 * SIZE - 1] == 250.0F / 255.0F);
        }
        snn_dataset_close(dataset);
    }
}

static void what_is_whole_can_be_tried(void **state)
{
    (void)state;
    const hsize_t image_chunk[4] = {2, 1, 2, 1}, label_chunk[1] = {2};
    for (int floats = 0; floats < 2; floats++) {
        write_images(true, floats == 1, NULL);
        assert_string_equal(snn_dataset_try("d.h5", SNN_LAYOUT_NCHW, true).message, "");
        assert_string_equal(snn_dataset_try("d.h5", SNN_LAYOUT_NCHW, false).message, "");
        rewrite_in_chunks("images", floats == 1 ? H5T_NATIVE_FLOAT : H5T_NATIVE_UINT8, 4, image_chunk, true, N);
        rewrite_in_chunks("labels", H5T_NATIVE_INT64, 1, label_chunk, true, N);
        assert_string_equal(snn_dataset_try("d.h5", SNN_LAYOUT_NCHW, true).message, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layout_gives_the_same_pixels),
        cmocka_unit_test(the_configured_layout_wins_over_the_attribute),
        cmocka_unit_test(the_attribute_may_be_any_kind_of_string),
        cmocka_unit_test(lower_ranks_have_fewer_axes),
        cmocka_unit_test(pixels_are_normalised),
        cmocka_unit_test(shape_labels_and_count_are_checked),
        cmocka_unit_test(labels_outside_of_any_class_are_refused),
        cmocka_unit_test(ranges_outside_of_the_data_set_are_refused),
        cmocka_unit_test(pixels_that_are_not_finite_are_refused),
        cmocka_unit_test(normalisation_that_does_not_fit_is_refused),
        cmocka_unit_test(files_of_another_kind_are_refused),
        cmocka_unit_test(cut_files_are_refused),
        cmocka_unit_test(unsuitable_data_sets_are_refused),
        cmocka_unit_test(odd_objects_are_refused),
        cmocka_unit_test(what_is_whole_can_be_tried),
        cmocka_unit_test(images_may_be_packed_one_by_one),
        cmocka_unit_test(images_may_be_missing),
        cmocka_unit_test(packed_images_may_be_stored_or_damaged),
    };
    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
