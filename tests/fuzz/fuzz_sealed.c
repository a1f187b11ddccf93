/* Files of this program's own kinds. The first byte says what is done with the others:
 *   v  they are a file as it is: seal, length and checksum stand before HDF5
 *   n  changes to the structure of a network, in HDF5 that is whole: what got past the checksum
 *   c  the same with a checkpoint, sealed
 * A change is 8 bytes: the number of an array or attribute, a position in it (2), how many bytes, and these (4). */
#include <stdbool.h>
#include <string.h>

#include "core/base/memory.h"
#include "fuzz.h"
#include "io/hdf5/checkpoint.h"
#include "io/hdf5/hdf5_helpers.h"
#include "io/hdf5/network_file.h"
#include "io/hdf5/sealed.h"
#include "small_network.h"

enum { CHANGE_BYTES = 8, MOST_CHANGES = 32, MOST_BYTES = 1 << 16, ROWS = 5, TIMESTEPS = 3, CLASSES = 3 };

static const uint64_t FINGERPRINT = 0x0123456789abcdefu;

typedef struct changes {
    const uint8_t *data;
    size_t count;
    unsigned slot; /* the next array or attribute */
} changes;

static bool is_number(hid_t type)
{
    return H5Tget_class(type) == H5T_INTEGER || H5Tget_class(type) == H5T_FLOAT;
}

/* Changes the bytes of the slot that is next; whether any did. */
static bool change(changes *all, uint8_t *bytes, size_t size)
{
    const unsigned slot = all->slot++;
    bool changed = false;
    for (size_t i = 0; i < all->count; i++) {
        const uint8_t *record = all->data + i * CHANGE_BYTES;
        const size_t at = (size_t)record[1] | (size_t)record[2] << 8;
        for (size_t j = 0; record[0] == slot && j < (record[3] & 3U) + 1 && at + j < size; j++) {
            bytes[at + j] = record[4 + j];
            changed = true;
        }
    }
    return changed;
}

static herr_t change_attribute(hid_t object, const char *name, const H5A_info_t *about, void *context)
{
    static uint8_t bytes[MOST_BYTES];
    hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
    hid_t type = H5Aget_type(attribute);
    if (is_number(type) && about->data_size <= MOST_BYTES && H5Aread(attribute, type, bytes) >= 0 &&
        change(context, bytes, about->data_size)) {
        (void)H5Awrite(attribute, type, bytes);
    }
    snn_hdf5_close(type);
    snn_hdf5_close(attribute);
    return 0;
}

static void change_array(hid_t dataset, changes *all)
{
    static uint8_t bytes[MOST_BYTES];
    hid_t type = H5Dget_type(dataset);
    hid_t space = H5Dget_space(dataset);
    const size_t size = (size_t)H5Sget_simple_extent_npoints(space) * H5Tget_size(type);
    if (is_number(type) && size <= MOST_BYTES && H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes) >= 0 &&
        change(all, bytes, size)) {
        (void)H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes);
    }
    snn_hdf5_close(space);
    snn_hdf5_close(type);
}

static herr_t change_object(hid_t root, const char *name, const H5O_info_t *about, void *context)
{
    hid_t object = H5Oopen(root, name, H5P_DEFAULT);
    if (about->type == H5O_TYPE_DATASET) {
        change_array(object, context);
    }
    (void)H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, NULL, change_attribute, context);
    snn_hdf5_close(object);
    return 0;
}

static void change_file(hid_t file, const uint8_t *data, size_t size)
{
    changes all = {data, size / CHANGE_BYTES < MOST_CHANGES ? size / CHANGE_BYTES : MOST_CHANGES, 0};
    if (H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_INC, change_object, &all, H5O_INFO_BASIC) < 0) {
        fuzz_fault("cannot walk a file");
    }
}

static const snn_network *example(void)
{
    static snn_network *network;
    if (network == NULL && (network = small_network_create(SNN_WEIGHTS_INT16)) == NULL) {
        fuzz_fault("no network");
    }
    return network;
}

static void must(snn_status status)
{
    if (snn_failed(status)) {
        fuzz_fault(status.message);
    }
}

static void read_network(const char *path)
{
    snn_network *network = NULL;
    snn_network_origin origin;
    if (!snn_failed(snn_network_file_read_whole(path, &network, &origin)) && snn_failed(snn_network_check(network))) {
        fuzz_fault("a network was read that is none");
    }
    snn_network_destroy(network);
}

static void changed_network(const uint8_t *data, size_t size)
{
    const char *path = fuzz_path("network.h5"), *temporary = fuzz_path("network.h5.tmp");
    hid_t file;
    snn_network_origin origin = {.model = "m.onnx", .settings = "s"};
    must(snn_network_file_write(temporary, example(), &origin));
    must(snn_hdf5_open_file(temporary, H5F_ACC_RDWR, &file));
    change_file(file, data, size);
    must(snn_hdf5_close_file(file));
    must(snn_sealed_finish(temporary, path, SNN_FILE_NETWORK, NULL));
    read_network(path);
}

static void write_checkpoint(hid_t file, const snn_statistics *statistics)
{
    const int32_t version = 2, timesteps = TIMESTEPS, classes = CLASSES;
    const int64_t images = ROWS + 1, sequence = 1, rows = ROWS, row = ROWS;
    const int64_t prediction_dims[] = {ROWS, TIMESTEPS}, logit_dims[] = {ROWS, CLASSES};
    const int64_t image[ROWS] = {0, 1, 2, 3, 4};
    const int32_t predictions[ROWS][TIMESTEPS] = {{0}};
    const float logits[ROWS][CLASSES] = {{0}};
    const double seconds = 1.0;
    must(snn_hdf5_write_attribute(file, "version", H5T_NATIVE_INT32, 0, &version));
    must(snn_hdf5_write_attribute(file, "fingerprint", H5T_NATIVE_UINT64, 0, &FINGERPRINT));
    must(snn_hdf5_write_attribute(file, "images", H5T_NATIVE_INT64, 0, &images));
    must(snn_hdf5_write_attribute(file, "timesteps", H5T_NATIVE_INT32, 0, &timesteps));
    must(snn_hdf5_write_attribute(file, "classes", H5T_NATIVE_INT32, 0, &classes));
    must(snn_hdf5_write_attribute(file, "sequence", H5T_NATIVE_INT64, 0, &sequence));
    must(snn_hdf5_write_attribute(file, "seconds", H5T_NATIVE_DOUBLE, 0, &seconds));
    must(snn_hdf5_write_attribute(file, "rows", H5T_NATIVE_INT64, 0, &rows));
    must(snn_hdf5_write_array(file, "image", H5T_NATIVE_INT64, 1, &row, image));
    must(snn_hdf5_write_array(file, "predictions", H5T_NATIVE_INT32, 2, prediction_dims, predictions));
    must(snn_hdf5_write_array(file, "logits", H5T_NATIVE_FLOAT, 2, logit_dims, logits));
    must(snn_hdf5_write_vector(file, "statistics", H5T_NATIVE_INT64, (int64_t)statistics->length, statistics->counts));
}

static void changed_checkpoint(const uint8_t *data, size_t size)
{
    const char *path = fuzz_path("checkpoint.h5"), *temporary = fuzz_path("checkpoint.h5.tmp");
    snn_checkpoint_state state = {.fingerprint = FINGERPRINT, .images = ROWS + 1};
    hid_t file;
    must(snn_statistics_create(example(), TIMESTEPS, &state.statistics));
    must(snn_results_create(TIMESTEPS, CLASSES, &state.results));
    must(snn_sealed_create(temporary, &file));
    write_checkpoint(file, state.statistics);
    change_file(file, data, size);
    must(snn_hdf5_close_file(file));
    must(snn_sealed_finish(temporary, path, SNN_FILE_CHECKPOINT, NULL));
    (void)snn_checkpoint_read(path, &state);
    snn_results_destroy(state.results);
    snn_statistics_destroy(state.statistics);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    snn_file_kind kind;
    if (size > 0 && data[0] == 'v') {
        const char *path = fuzz_file("file.h5", data + 1, size - 1);
        if (!snn_failed(snn_sealed_verify(path, &kind))) {
            read_network(path);
        }
    } else if (size > 0 && data[0] == 'n') {
        changed_network(data + 1, size - 1);
    } else if (size > 0 && data[0] == 'c') {
        changed_checkpoint(data + 1, size - 1);
    }
    return 0;
}
