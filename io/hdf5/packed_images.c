#include "io/hdf5/packed_images.h"

#include <zlib.h>

#include "core/base/memory.h"
#include "io/hdf5/hdf5_helpers.h"

static size_t image_bytes(const snn_dataset *dataset)
{
    return (size_t)snn_shape_size(dataset->shape) * (dataset->bytes ? sizeof(uint8_t) : sizeof(float));
}

static bool chunk_is_an_image(const snn_dataset *dataset, hid_t creation)
{
    hsize_t chunk[H5S_MAX_RANK];
    bool is = H5Pget_layout(creation) == H5D_CHUNKED && H5Pget_chunk(creation, dataset->rank, chunk) == dataset->rank &&
              chunk[0] == 1;
    for (int i = 1; i < dataset->rank && is; i++) {
        is = chunk[i] == dataset->dims[i];
    }
    return is;
}

static bool only_deflated(hid_t creation)
{
    unsigned flags, about;
    size_t values = 0;
    return H5Pget_nfilters(creation) == 1 &&
           H5Pget_filter2(creation, 0, &flags, &values, NULL, 0, NULL, &about) == H5Z_FILTER_DEFLATE;
}

bool snn_packed_images_found(const snn_dataset *dataset)
{
    const hid_t creation = H5Dget_create_plist(dataset->images), type = H5Dget_type(dataset->images);
    const bool found = creation >= 0 && type >= 0 && chunk_is_an_image(dataset, creation) && only_deflated(creation) &&
                       H5Tequal(type, dataset->bytes ? H5T_NATIVE_UINT8 : H5T_NATIVE_FLOAT) > 0;
    snn_hdf5_close(type);
    snn_hdf5_close(creation);
    return found;
}

/* begin[i]: bytes before image i; whether all are there, and none larger than gzip makes anything. */
static bool find_sizes(const snn_dataset *dataset, int64_t first, int64_t count, size_t *begin)
{
    const size_t most = compressBound((uLong)image_bytes(dataset));
    hsize_t place[H5S_MAX_RANK] = {0};
    begin[0] = 0;
    for (int64_t i = 0; i < count; i++) {
        hsize_t bytes = 0;
        place[0] = (hsize_t)(first + i);
        if (H5Dget_chunk_storage_size(dataset->images, place, &bytes) < 0 || bytes == 0 || bytes > most) {
            return false;
        }
        begin[i + 1] = begin[i] + (size_t)bytes;
    }
    return true;
}

static bool read_packed(const snn_dataset *dataset, int64_t first, int64_t count, const size_t *begin, uint8_t *packed)
{
    hsize_t place[H5S_MAX_RANK] = {0};
    uint32_t left_out = 0; /* filters that an image did without */
    for (int64_t i = 0; i < count && left_out == 0; i++) {
        place[0] = (hsize_t)(first + i);
        if (H5Dread_chunk(dataset->images, H5P_DEFAULT, place, &left_out, packed + begin[i]) < 0) {
            return false;
        }
    }
    return left_out == 0;
}

static bool unpack(const uint8_t *packed, const size_t *begin, int64_t count, size_t bytes, uint8_t *pixels)
{
    int64_t whole = 0;
#pragma omp parallel for schedule(dynamic) reduction(+ : whole)
    for (int64_t i = 0; i < count; i++) {
        uLongf unpacked = (uLongf)bytes;
        const int result =
            uncompress(pixels + (size_t)i * bytes, &unpacked, packed + begin[i], (uLong)(begin[i + 1] - begin[i]));
        whole += result == Z_OK && unpacked == bytes;
    }
    return whole == count;
}

bool snn_packed_images_read(const snn_dataset *dataset, int64_t first, int64_t count, void *pixels)
{
    size_t *begin = snn_allocate((size_t)count + 1, sizeof *begin);
    uint8_t *packed = NULL;
    bool done = begin != NULL && find_sizes(dataset, first, count, begin);
    if (done) {
        packed = snn_allocate(begin[count], 1);
        done = packed != NULL && read_packed(dataset, first, count, begin, packed) &&
               unpack(packed, begin, count, image_bytes(dataset), pixels);
    }
    snn_release(packed);
    snn_release(begin);
    return done;
}
