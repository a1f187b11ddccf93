#include "io/parallel_rows.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/base/memory.h"
#include "io/file_bytes.h"
#include "io/hdf5/hdf5_helpers.h"
#include "io/hdf5/sealed.h"

/* ---- rank 0: the file and its tables, still empty ---- */

/* One piece of the file from the start, and no fill values: every row is going to be written once. */
static hid_t create_properties(void)
{
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    if (properties >= 0 &&
        (H5Pset_obj_track_times(properties, false) < 0 || H5Pset_layout(properties, H5D_CONTIGUOUS) < 0 ||
         H5Pset_alloc_time(properties, H5D_ALLOC_TIME_EARLY) < 0 ||
         H5Pset_fill_time(properties, H5D_FILL_TIME_NEVER) < 0)) {
        snn_hdf5_close(properties);
        properties = H5I_INVALID_HID;
    }
    return properties;
}

/* `begin`: where in the file the rows are, in bytes; 0 for a table of none. */
static snn_status create_dataset(hid_t file, const snn_column *column, int64_t rows, int64_t *begin)
{
    const hsize_t dims[] = {(hsize_t)rows, (hsize_t)column->width};
    snn_status status = snn_ok();
    hid_t dataset = H5I_INVALID_HID;
    hid_t space = H5Screate_simple(column->width > 0 ? 2 : 1, dims, NULL);
    hid_t links = H5Pcreate(H5P_LINK_CREATE);
    hid_t properties = create_properties();
    *begin = 0;
    if (space < 0 || links < 0 || properties < 0 || H5Pset_create_intermediate_group(links, 1) < 0) {
        status = snn_hdf5_failure(SNN_INTERNAL_ERROR, file, column->name, "cannot make property lists");
        goto done;
    }
    dataset = H5Dcreate2(file, column->name, column->type, space, links, properties, H5P_DEFAULT);
    if (dataset < 0) {
        status = snn_hdf5_failure(SNN_FILE_ERROR, file, column->name, "cannot create");
        goto done;
    }
    if (rows > 0) {
        haddr_t place = H5Dget_offset(dataset);
        if (place == HADDR_UNDEF) {
            status = snn_hdf5_failure(SNN_INTERNAL_ERROR, file, column->name, "has no place in the file");
            goto done;
        }
        *begin = (int64_t)place;
    }
done:
    snn_hdf5_close(dataset);
    snn_hdf5_close(properties);
    snn_hdf5_close(links);
    snn_hdf5_close(space);
    return status;
}

static snn_status create_file(const char *path, int64_t rows, const snn_column *columns, int column_count,
                              int64_t *begins)
{
    hid_t file;
    SNN_TRY(snn_sealed_create(path, &file));
    snn_status status = snn_ok();
    for (int i = 0; i < column_count && !snn_failed(status); i++) {
        status = create_dataset(file, &columns[i], rows, &begins[i]);
    }
    return snn_hdf5_end_writing(file, status);
}

/* ---- every rank: its rows ---- */

static snn_status open_rows(const snn_world *world, const char *path, int *descriptor)
{
    *descriptor = open(path, O_WRONLY | O_NOFOLLOW);
    if (*descriptor < 0) {
        return snn_fail(SNN_FILE_ERROR,
                        "%s: rank 0 created it, but rank %d on %s cannot open it: %s (is the folder "
                        "shared by all hosts?)",
                        path, snn_world_rank(world), snn_world_host(world), strerror(errno));
    }
    return snn_ok();
}

static int write_column(int descriptor, const snn_column *column, int64_t begin, const snn_row_run *runs,
                        int64_t run_count)
{
    const int64_t row_bytes = (int64_t)H5Tget_size(column->type) * (column->width > 0 ? column->width : 1);
    for (int64_t i = 0; i < run_count; i++) {
        const char *rows = (const char *)column->rows + runs[i].from * row_bytes;
        if (snn_file_bytes_write(descriptor, rows, (size_t)(runs[i].count * row_bytes),
                                 begin + runs[i].to * row_bytes) != 0) {
            return -1;
        }
    }
    return 0;
}

/* Synced, because some file systems say only then that there was no room, and because rank 0 is going to read it. */
static snn_status write_rows(int descriptor, const char *path, const snn_column *columns, const int64_t *begins,
                             int column_count, const snn_row_run *runs, int64_t run_count)
{
    int failure = 0;
    for (int i = 0; i < column_count && failure == 0; i++) {
        failure = write_column(descriptor, &columns[i], begins[i], runs, run_count) != 0 ? errno : 0;
    }
    if (failure == 0 && fsync(descriptor) != 0) {
        failure = errno;
    }
    if (close(descriptor) != 0 && failure == 0) {
        failure = errno;
    }
    return failure != 0 ? snn_fail(SNN_FILE_ERROR, "%s: cannot write: %s", path, strerror(failure)) : snn_ok();
}

snn_status snn_parallel_rows_write(snn_world *world, const char *path, int64_t rows, const snn_column *columns,
                                   int column_count, const snn_row_run *runs, int64_t run_count)
{
    const bool first = snn_world_rank(world) == 0;
    int descriptor = -1;
    int64_t *begins = snn_allocate((size_t)column_count, sizeof *begins);
    snn_status status = begins == NULL ? snn_out_of_memory("places of tables") : snn_ok();
    if (first && !snn_failed(status)) {
        status = create_file(path, rows, columns, column_count, begins);
    }
    SNN_GOTO_DONE(status, snn_world_agree(world, status));
    SNN_GOTO_DONE(status, snn_world_broadcast(world, 0, begins, (size_t)column_count * sizeof *begins));
    status = open_rows(world, path, &descriptor);
    if (!snn_failed(status)) {
        status = write_rows(descriptor, path, columns, begins, column_count, runs, run_count);
    }
    status = snn_world_agree(world, status);
done:
    snn_release(begins);
    return status;
}
