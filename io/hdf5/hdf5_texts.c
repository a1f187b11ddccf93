/* Texts of HDF5 files, by themselves, in lists and as attributes. */
#include "core/base/memory.h"
#include "io/hdf5/hdf5_helpers.h"

static hid_t create_text_type(void)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    if (type >= 0 && (H5Tset_size(type, H5T_VARIABLE) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0)) {
        snn_hdf5_close(type);
        type = H5I_INVALID_HID;
    }
    return type;
}

static snn_status write_texts(hid_t parent, const char *name, const char *const *texts, int rank, int64_t count)
{
    hid_t type = create_text_type();
    if (type < 0) {
        return snn_hdf5_failure(SNN_INTERNAL_ERROR, parent, name, "cannot make a text type");
    }
    snn_status status = snn_hdf5_write_array(parent, name, type, rank, &count, texts);
    snn_hdf5_close(type);
    return status;
}

snn_status snn_hdf5_write_text(hid_t parent, const char *name, const char *text)
{
    return write_texts(parent, name, &text, 0, 1);
}

snn_status snn_hdf5_write_texts(hid_t parent, const char *name, const char *const *texts, int64_t count)
{
    return write_texts(parent, name, texts, 1, count);
}

/* Copies what HDF5 allocated into memory of ours. */
static snn_status take_text(char *found, char **text)
{
    *text = snn_duplicate_text(found != NULL ? found : "");
    (void)H5free_memory(found);
    return *text != NULL ? snn_ok() : snn_out_of_memory("text of an HDF5 file");
}

static bool is_text_scalar(hid_t type, hid_t space)
{
    return H5Tis_variable_str(type) > 0 && H5Sget_simple_extent_npoints(space) == 1;
}

static bool is_text_list(hid_t type, hid_t space)
{
    return H5Tis_variable_str(type) > 0 && H5Sget_simple_extent_ndims(space) == 1 &&
           H5Sget_simple_extent_npoints(space) >= 1;
}

/* The text, or the first of several. */
static snn_status read_text(hid_t parent, const char *name, bool first, char **text)
{
    *text = NULL;
    hid_t dataset = H5Dopen2(parent, name, H5P_DEFAULT);
    if (dataset < 0) {
        return snn_hdf5_failure(SNN_INPUT_ERROR, parent, name, "is missing or cannot be read");
    }
    hid_t type = H5Dget_type(dataset);
    hid_t space = H5Dget_space(dataset);
    hid_t one = H5Screate(H5S_SCALAR);
    const hsize_t begin = 0, count = 1;
    char *found = NULL;
    snn_status status = snn_ok();
    if (first ? !is_text_list(type, space) : !is_text_scalar(type, space)) {
        status = snn_hdf5_failure(SNN_INPUT_ERROR, parent, name, first ? "expected texts" : "expected a text");
    } else if ((first && H5Sselect_hyperslab(space, H5S_SELECT_SET, &begin, NULL, &count, NULL) < 0) ||
               H5Dread(dataset, type, one, space, H5P_DEFAULT, &found) < 0) {
        status = snn_hdf5_failure(SNN_INPUT_ERROR, parent, name, "cannot read");
    } else {
        status = take_text(found, text);
    }
    snn_hdf5_close(one);
    snn_hdf5_close(space);
    snn_hdf5_close(type);
    snn_hdf5_close(dataset);
    return status;
}

snn_status snn_hdf5_read_text(hid_t parent, const char *name, char **text)
{
    return read_text(parent, name, false, text);
}

snn_status snn_hdf5_read_first_text(hid_t parent, const char *name, char **text)
{
    return read_text(parent, name, true, text);
}

snn_status snn_hdf5_write_text_attribute(hid_t object, const char *name, const char *text)
{
    hid_t type = create_text_type();
    if (type < 0) {
        return snn_hdf5_failure(SNN_INTERNAL_ERROR, object, name, "cannot make a text type");
    }
    snn_status status = snn_hdf5_write_attribute(object, name, type, 0, &text);
    snn_hdf5_close(type);
    return status;
}

snn_status snn_hdf5_read_text_attribute(hid_t object, const char *name, char **text)
{
    hid_t attribute;
    *text = NULL;
    SNN_TRY(snn_hdf5_open_attribute(object, name, &attribute));
    snn_status status;
    hid_t type = H5Aget_type(attribute);
    hid_t space = H5Aget_space(attribute);
    char *found = NULL;
    if (!is_text_scalar(type, space)) {
        status = snn_hdf5_failure(SNN_INPUT_ERROR, object, name, "expected a text");
    } else if (H5Aread(attribute, type, &found) < 0) {
        status = snn_hdf5_failure(SNN_INPUT_ERROR, object, name, "cannot read attribute");
    } else {
        status = take_text(found, text);
    }
    snn_hdf5_close(space);
    snn_hdf5_close(type);
    snn_hdf5_close(attribute);
    return status;
}
