#include "io/parallel_rows.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "io/hdf5_helpers.h"
#include "io/sealed.h"

/* MPI counts are int, so long runs go in pieces. */
enum { PIECE_BYTES = 1 << 28 };

/* Opening a file in parallel may hang if some ranks can and some cannot. So rank 0 makes an empty one first, and only
 * if every rank sees it is it opened together. */
static snn_status check_visible(snn_world *world, const char *path)
{
    bool first = snn_world_rank(world) == 0;
    snn_status status = snn_ok();
    int descriptor = -1;
    if (first && (descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC, 0666)) < 0) {
        status = snn_fail(SNN_FILE_ERROR, "%s: cannot create: %s", path, strerror(errno));
    }
    status = snn_world_agree(world, status);
    if (!first && !snn_failed(status) && (descriptor = open(path, O_RDWR)) < 0) {
        status = snn_fail(SNN_FILE_ERROR,
                          "%s: rank 0 created it, but rank %d on %s cannot open it: %s (is the folder "
                          "shared by all hosts?)",
                          path, snn_world_rank(world), snn_world_host(world), strerror(errno));
    }
    if (descriptor >= 0) {
        (void)close(descriptor);
    }
    return snn_world_agree(world, status);
}

static snn_status create_file(const snn_world *world, const char *path, hid_t *file)
{
    hid_t creation = H5I_INVALID_HID;
    snn_status status;
    SNN_TRY(snn_sealed_properties(&creation));
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    const MPI_Comm *communicator = snn_world_communicator(world);
    if (access < 0 || H5Pset_fapl_mpio(access, *communicator, MPI_INFO_NULL) < 0) {
        status = snn_hdf5_file_failure(SNN_INTERNAL_ERROR, path, "cannot use MPI-IO");
        goto done;
    }
    *file = H5Fcreate(path, H5F_ACC_TRUNC, creation, access);
    status = *file < 0 ? snn_hdf5_file_failure(SNN_FILE_ERROR, path, "cannot create") : snn_ok();
done:
    snn_hdf5_close(access);
    snn_hdf5_close(creation);
    return status;
}

/* Collective, and with the same arguments everywhere: it succeeds or fails on all ranks. */
static snn_status create_dataset(hid_t file, const snn_column *column, int64_t rows, hid_t *dataset)
{
    const hsize_t dims[] = {(hsize_t)rows, (hsize_t)column->width};
    snn_status status = snn_ok();
    hid_t space = H5Screate_simple(column->width > 0 ? 2 : 1, dims, NULL);
    hid_t links = H5Pcreate(H5P_LINK_CREATE);
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    *dataset = H5I_INVALID_HID;
    /* No fill values: every row is going to be written once. */
    if (space < 0 || links < 0 || properties < 0 || H5Pset_create_intermediate_group(links, 1) < 0 ||
        H5Pset_obj_track_times(properties, false) < 0 || H5Pset_fill_time(properties, H5D_FILL_TIME_NEVER) < 0) {
        status = snn_hdf5_failure(SNN_INTERNAL_ERROR, file, column->name, "cannot make property lists");
        goto done;
    }
    *dataset = H5Dcreate2(file, column->name, column->type, space, links, properties, H5P_DEFAULT);
    if (*dataset < 0) {
        status = snn_hdf5_failure(SNN_FILE_ERROR, file, column->name, "cannot create");
    }
done:
    snn_hdf5_close(properties);
    snn_hdf5_close(links);
    snn_hdf5_close(space);
    return status;
}

static snn_status write_piece(hid_t dataset, const snn_column *column, snn_row_run piece)
{
    const hsize_t start[] = {(hsize_t)piece.to, 0};
    const hsize_t count[] = {(hsize_t)piece.count, (hsize_t)column->width};
    const int rank = column->width > 0 ? 2 : 1;
    const int64_t row_bytes = (int64_t)H5Tget_size(column->type) * (column->width > 0 ? column->width : 1);
    const char *rows = (const char *)column->rows + piece.from * row_bytes;
    snn_status status = snn_ok();
    hid_t memory = H5Screate_simple(rank, count, NULL);
    hid_t space = H5Dget_space(dataset);
    if (memory < 0 || space < 0 || H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) < 0 ||
        H5Dwrite(dataset, column->type, memory, space, H5P_DEFAULT, rows) < 0) { /* default: independent of others */
        status = snn_hdf5_failure(SNN_FILE_ERROR, dataset, NULL, "cannot write");
    }
    snn_hdf5_close(space);
    snn_hdf5_close(memory);
    return status;
}

static snn_status write_runs(hid_t dataset, const snn_column *column, const snn_row_run *runs, int64_t run_count)
{
    const int64_t row_bytes = (int64_t)H5Tget_size(column->type) * (column->width > 0 ? column->width : 1);
    const int64_t longest = PIECE_BYTES / row_bytes > 0 ? PIECE_BYTES / row_bytes : 1;
    for (int64_t i = 0; i < run_count; i++) {
        for (int64_t done = 0; done < runs[i].count; done += longest) {
            int64_t left = runs[i].count - done;
            snn_row_run piece = {runs[i].from + done, runs[i].to + done, left < longest ? left : longest};
            SNN_TRY(write_piece(dataset, column, piece));
        }
    }
    return snn_ok();
}

/* A rank whose own write fails goes on with the collective calls. */
static snn_status write_column(hid_t file, const snn_column *column, int64_t rows, const snn_row_run *runs,
                               int64_t run_count)
{
    hid_t dataset;
    SNN_TRY(create_dataset(file, column, rows, &dataset));
    snn_status status = write_runs(dataset, column, runs, run_count);
    if (H5Dclose(dataset) < 0 && !snn_failed(status)) {
        status = snn_hdf5_failure(SNN_FILE_ERROR, file, column->name, "cannot write");
    }
    return status;
}

snn_status snn_parallel_rows_write(snn_world *world, const char *path, int64_t rows, const snn_column *columns,
                                   int column_count, const snn_row_run *runs, int64_t run_count)
{
    hid_t file = H5I_INVALID_HID;
    snn_hdf5_silence();
    SNN_TRY(check_visible(world, path));
    SNN_TRY(snn_world_agree(world, create_file(world, path, &file)));
    snn_status status = snn_ok();
    for (int i = 0; i < column_count; i++) {
        snn_status column_status = write_column(file, &columns[i], rows, runs, run_count);
        status = snn_failed(status) ? status : column_status;
    }
    if (H5Fclose(file) < 0 && !snn_failed(status)) {
        status = snn_hdf5_file_failure(SNN_FILE_ERROR, path, "cannot close");
    }
    return snn_world_agree(world, status);
}
