#include "io/hdf5/hdf5_helpers.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { REASON_BYTES = 200, NAME_BYTES = 256, SHAPE_BYTES = 96 };

void snn_hdf5_start(void)
{
    (void)H5dont_atexit();
    /* An HDF5 that MPI finds running is not ended with it. If it does not start, the first file says so. */
    (void)H5open();
}

void snn_hdf5_silence(void)
{
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

/* H5Ewalk2 goes from the innermost call outwards: the first description is the most precise. Of a failed system call it
 * tells the whole story, with time and addresses; what the system said is enough. */
static herr_t take_first_reason(unsigned number, const H5E_error2_t *error, void *reason)
{
    static const char SYSTEM[] = "error message = '";
    if (number == 0 && error->desc != NULL) {
        const char *system = strstr(error->desc, SYSTEM);
        const char *text = system != NULL ? system + strlen(SYSTEM) : error->desc;
        (void)snprintf(reason, REASON_BYTES, ": %.*s", (int)strcspn(text, system != NULL ? "'\n" : "\n"), text);
    }
    return 0;
}

/* Must run before any other HDF5 call, since each clears the errors of the one before. */
static void read_reason(char *reason)
{
    reason[0] = '\0';
    (void)H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_first_reason, reason);
}

snn_status snn_hdf5_file_failure(snn_code code, const char *path, const char *what)
{
    char reason[REASON_BYTES];
    read_reason(reason);
    return snn_fail(code, "%s: %s%s", path, what, reason);
}

/* "file: /path/name" */
static void describe(hid_t location, const char *name, char *text, size_t bytes)
{
    char file[NAME_BYTES] = "?";
    char group[NAME_BYTES] = "";
    (void)H5Fget_name(location, file, sizeof file);
    (void)H5Iget_name(location, group, sizeof group);
    size_t length = strlen(group);
    const char *separator = length > 0 && group[length - 1] == '/' ? "" : "/";
    (void)snprintf(text, bytes, "%s: %s%s%s", file, group, name != NULL ? separator : "", name != NULL ? name : "");
}

snn_status snn_hdf5_failure(snn_code code, hid_t location, const char *name, const char *what)
{
    char reason[REASON_BYTES];
    char place[3 * NAME_BYTES];
    read_reason(reason);
    describe(location, name, place, sizeof place);
    return snn_fail(code, "%s: %s%s", place, what, reason);
}

void snn_hdf5_close(hid_t identifier)
{
    if (identifier >= 0) {
        (void)H5Idec_ref(identifier);
    }
}

/* ---- files and groups ---- */

/* HDF5 keeps the headers of objects that it has seen, many times as large as in the file: over 100 MB for some thousand
 * groups, which we read one after the other and once. */
bool snn_hdf5_bound_cache(hid_t access)
{
    enum { CACHE_BYTES = 128 << 10 };
    H5AC_cache_config_t cache = {.version = H5AC__CURR_CACHE_CONFIG_VERSION};
    if (H5Pget_mdc_config(access, &cache) < 0) {
        return false;
    }
    cache.set_initial_size = true;
    cache.initial_size = cache.min_size = cache.max_size = CACHE_BYTES;
    cache.incr_mode = H5C_incr__off;
    cache.flash_incr_mode = H5C_flash_incr__off;
    cache.decr_mode = H5C_decr__off;
    return H5Pset_mdc_config(access, &cache) >= 0;
}

snn_status snn_hdf5_access_properties(hid_t *properties)
{
    snn_hdf5_silence();
    hid_t list = H5Pcreate(H5P_FILE_ACCESS);
    if (list < 0 || !snn_hdf5_bound_cache(list) || H5Pset_file_locking(list, true, true) < 0 ||
        H5Pset_fclose_degree(list, H5F_CLOSE_SEMI) < 0) {
        snn_hdf5_close(list);
        return snn_fail(SNN_INTERNAL_ERROR, "HDF5: cannot make a file access list");
    }
    *properties = list;
    return snn_ok();
}

snn_status snn_hdf5_open_file(const char *path, unsigned flags, hid_t *file)
{
    hid_t access;
    *file = H5I_INVALID_HID;
    SNN_TRY(snn_hdf5_access_properties(&access));
    snn_status status = snn_ok();
    hid_t opened = H5Fopen(path, flags, access);
    if (opened < 0) {
        snn_code code = flags == H5F_ACC_RDONLY ? SNN_INPUT_ERROR : SNN_FILE_ERROR;
        status = snn_advise(snn_hdf5_file_failure(code, path, "cannot open as HDF5"), "copy or make it again");
    }
    *file = opened;
    snn_hdf5_close(access);
    return status;
}

snn_status snn_hdf5_close_file(hid_t file)
{
    char path[NAME_BYTES] = "?";
    (void)H5Fget_name(file, path, sizeof path);
    if (H5Fflush(file, H5F_SCOPE_LOCAL) < 0) {
        return snn_hdf5_file_failure(SNN_FILE_ERROR, path, "cannot write");
    }
    /* What cannot be closed must not be asked for its name. */
    return H5Fclose(file) < 0 ? snn_hdf5_file_failure(SNN_FILE_ERROR, path, "cannot close") : snn_ok();
}

snn_status snn_hdf5_end_writing(hid_t file, snn_status status)
{
    return snn_failed(status) ? status : snn_hdf5_close_file(file);
}

snn_status snn_hdf5_create_group(hid_t parent, const char *name, hid_t *group)
{
    /* In the order of creation, so that readers list layer 2 before layer 10; without times, so that bytes repeat. */
    hid_t properties = H5Pcreate(H5P_GROUP_CREATE);
    snn_status status = snn_ok();
    *group = H5I_INVALID_HID;
    if (properties < 0 || H5Pset_obj_track_times(properties, false) < 0 ||
        H5Pset_link_creation_order(properties, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED) < 0) {
        status = snn_hdf5_failure(SNN_INTERNAL_ERROR, parent, name, "cannot make a property list");
    } else {
        *group = H5Gcreate2(parent, name, H5P_DEFAULT, properties, H5P_DEFAULT);
        if (*group < 0) {
            status = snn_hdf5_failure(SNN_FILE_ERROR, parent, name, "cannot create group");
        }
    }
    snn_hdf5_close(properties);
    return status;
}

snn_status snn_hdf5_open_group(hid_t parent, const char *name, hid_t *group)
{
    *group = H5Gopen2(parent, name, H5P_DEFAULT);
    if (*group < 0) {
        return snn_hdf5_failure(SNN_INPUT_ERROR, parent, name, "group is missing or cannot be read");
    }
    return snn_ok();
}

/* ---- arrays ---- */

static hid_t create_space(int rank, const int64_t *dims)
{
    hsize_t sizes[SNN_HDF5_MAX_RANK];
    if (rank < 0 || rank > SNN_HDF5_MAX_RANK) {
        return H5I_INVALID_HID;
    }
    if (rank == 0) {
        return H5Screate(H5S_SCALAR);
    }
    for (int i = 0; i < rank; i++) {
        sizes[i] = (hsize_t)dims[i];
    }
    return H5Screate_simple(rank, sizes, NULL);
}

/* A data set without times: see snn_hdf5_create_group. */
static snn_status write_space(hid_t parent, const char *name, hid_t type, hid_t space, const void *data)
{
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    hid_t dataset = H5I_INVALID_HID;
    snn_status status = snn_ok();
    if (space < 0 || properties < 0 || H5Pset_obj_track_times(properties, false) < 0) {
        status = snn_hdf5_failure(SNN_INTERNAL_ERROR, parent, name, "cannot make a data space");
        goto done;
    }
    dataset = H5Dcreate2(parent, name, type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    if (dataset < 0) {
        status = snn_hdf5_failure(SNN_FILE_ERROR, parent, name, "cannot create");
        goto done;
    }
    if (H5Sget_simple_extent_npoints(space) > 0 && H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0) {
        status = snn_hdf5_failure(SNN_FILE_ERROR, parent, name, "cannot write");
    }
    /* Closing writes what HDF5 still buffers, so its result counts. */
    if (H5Dclose(dataset) < 0 && !snn_failed(status)) {
        status = snn_hdf5_failure(SNN_FILE_ERROR, parent, name, "cannot write");
    }
done:
    snn_hdf5_close(properties);
    return status;
}

snn_status snn_hdf5_write_array(hid_t parent, const char *name, hid_t type, int rank, const int64_t *dims,
                                const void *data)
{
    hid_t space = create_space(rank, dims);
    snn_status status = write_space(parent, name, type, space, data);
    snn_hdf5_close(space);
    return status;
}

snn_status snn_hdf5_write_vector(hid_t parent, const char *name, hid_t type, int64_t count, const void *data)
{
    return snn_hdf5_write_array(parent, name, type, 1, &count, data);
}

snn_status snn_hdf5_write_scalar(hid_t parent, const char *name, hid_t type, const void *value)
{
    return snn_hdf5_write_array(parent, name, type, 0, NULL, value);
}

/* "[16][27]"; a scalar is "a scalar". */
static const char *describe_shape(int rank, const int64_t *dims, char *text)
{
    size_t length = 0;
    (void)snprintf(text, SHAPE_BYTES, "a scalar");
    for (int i = 0; i < rank; i++) {
        length += (size_t)snprintf(text + length, SHAPE_BYTES - length, "[%" PRId64 "]", dims[i]);
    }
    return text;
}

/* Refuses types that HDF5 could only convert with loss. */
static bool type_fits(hid_t found, hid_t wanted)
{
    return H5Tget_class(found) == H5Tget_class(wanted) && H5Tget_size(found) <= H5Tget_size(wanted) &&
           (H5Tget_class(wanted) != H5T_INTEGER || H5Tget_sign(found) == H5Tget_sign(wanted));
}

static snn_status check_type(hid_t location, const char *name, hid_t found, hid_t wanted)
{
    if (type_fits(found, wanted)) {
        return snn_ok();
    }
    return snn_hdf5_failure(SNN_INPUT_ERROR, location, name, "has another type of elements than expected");
}

static snn_status check_shape(hid_t location, const char *name, hid_t space, int rank, const int64_t *dims)
{
    hsize_t sizes[H5S_MAX_RANK];
    int64_t found[SNN_HDF5_MAX_RANK] = {0};
    int found_rank = H5Sget_simple_extent_dims(space, sizes, NULL);
    bool same = found_rank == rank;
    for (int i = 0; i < found_rank && i < SNN_HDF5_MAX_RANK; i++) {
        found[i] = (int64_t)sizes[i];
        same = same && i < rank && found[i] == dims[i];
    }
    if (same) {
        return snn_ok();
    }
    char expected_text[SHAPE_BYTES];
    char found_text[SHAPE_BYTES];
    char message[3 * SHAPE_BYTES];
    (void)snprintf(message, sizeof message, "expected %s, found %s", describe_shape(rank, dims, expected_text),
                   describe_shape(found_rank > SNN_HDF5_MAX_RANK ? SNN_HDF5_MAX_RANK : found_rank, found, found_text));
    return snn_hdf5_failure(SNN_INPUT_ERROR, location, name, message);
}

/* Selects rows [begin, end) in `space` and makes the data space that holds just them. */
static hid_t select_rows(hid_t space, int rank, const int64_t *dims, int64_t begin, int64_t end)
{
    hsize_t start[SNN_HDF5_MAX_RANK] = {(hsize_t)begin};
    hsize_t count[SNN_HDF5_MAX_RANK] = {(hsize_t)(end - begin)};
    for (int i = 1; i < rank; i++) {
        count[i] = (hsize_t)dims[i];
    }
    if (H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) < 0) {
        return H5I_INVALID_HID;
    }
    return H5Screate_simple(rank, count, NULL);
}

snn_status snn_hdf5_read_rows(hid_t parent, const char *name, hid_t type, int rank, const int64_t *dims, int64_t begin,
                              int64_t end, void *data)
{
    hid_t space = H5I_INVALID_HID;
    hid_t found_type = H5I_INVALID_HID;
    hid_t memory = H5I_INVALID_HID;
    snn_status status = snn_ok();
    hid_t dataset = H5Dopen2(parent, name, H5P_DEFAULT);
    if (dataset < 0) {
        return snn_hdf5_failure(SNN_INPUT_ERROR, parent, name, "is missing or cannot be read");
    }
    space = H5Dget_space(dataset);
    found_type = H5Dget_type(dataset);
    SNN_GOTO_DONE(status, check_type(parent, name, found_type, type));
    SNN_GOTO_DONE(status, check_shape(parent, name, space, rank, dims));
    if (rank > 0) {
        memory = select_rows(space, rank, dims, begin, end);
        if (memory < 0) {
            status = snn_hdf5_failure(SNN_INPUT_ERROR, parent, name, "cannot select rows");
            goto done;
        }
    }
    if ((rank == 0 || H5Sget_select_npoints(space) > 0) &&
        H5Dread(dataset, type, rank > 0 ? memory : H5S_ALL, space, H5P_DEFAULT, data) < 0) {
        status = snn_hdf5_failure(SNN_INPUT_ERROR, parent, name, "cannot read");
    }
done:
    snn_hdf5_close(memory);
    snn_hdf5_close(found_type);
    snn_hdf5_close(space);
    snn_hdf5_close(dataset);
    return status;
}

snn_status snn_hdf5_check_array(hid_t parent, const char *name, hid_t type, int rank, const int64_t *dims)
{
    return snn_hdf5_read_rows(parent, name, type, rank, dims, 0, 0, NULL);
}

snn_status snn_hdf5_read_array(hid_t parent, const char *name, hid_t type, int rank, const int64_t *dims, void *data)
{
    return snn_hdf5_read_rows(parent, name, type, rank, dims, 0, rank > 0 ? dims[0] : 1, data);
}

/* ---- attributes ---- */

snn_status snn_hdf5_write_attribute(hid_t object, const char *name, hid_t type, int64_t count, const void *data)
{
    snn_status status = snn_ok();
    hid_t attribute = H5I_INVALID_HID;
    hid_t space = create_space(count > 0 ? 1 : 0, &count);
    if (space >= 0) {
        attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    }
    if (attribute < 0 || H5Awrite(attribute, type, data) < 0) {
        status = snn_hdf5_failure(SNN_FILE_ERROR, object, name, "cannot write attribute");
    }
    snn_hdf5_close(attribute);
    snn_hdf5_close(space);
    return status;
}

snn_status snn_hdf5_open_attribute(hid_t object, const char *name, hid_t *attribute)
{
    *attribute = H5Aopen(object, name, H5P_DEFAULT);
    if (*attribute < 0) {
        return snn_hdf5_failure(SNN_INPUT_ERROR, object, name, "attribute is missing or cannot be read");
    }
    return snn_ok();
}

snn_status snn_hdf5_read_attribute(hid_t object, const char *name, hid_t type, int64_t count, void *data)
{
    hid_t attribute;
    SNN_TRY(snn_hdf5_open_attribute(object, name, &attribute));
    snn_status status;
    hid_t space = H5Aget_space(attribute);
    hid_t found_type = H5Aget_type(attribute);
    SNN_GOTO_DONE(status, check_type(object, name, found_type, type));
    SNN_GOTO_DONE(status, check_shape(object, name, space, count > 0 ? 1 : 0, &count));
    if (H5Aread(attribute, type, data) < 0) {
        status = snn_hdf5_failure(SNN_INPUT_ERROR, object, name, "cannot read attribute");
    }
done:
    snn_hdf5_close(found_type);
    snn_hdf5_close(space);
    snn_hdf5_close(attribute);
    return status;
}
