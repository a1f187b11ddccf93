/* Tables whose rows lie on many ranks, written into one HDF5 file by all of them at once.
 *
 * Rank 0 makes the file and lays the tables out in it, with HDF5; then every rank writes its rows where they belong,
 * without HDF5 and without waiting for others. MPI-IO through HDF5 would do the same writes, but its collective calls
 * do not survive a rank that cannot write: a full disk ends them in a hang or a crash.
 *
 * Everything else of a file is small and known to rank 0, which opens it again by itself: an error there is one rank's.
 */
#ifndef SNN_IO_PARALLEL_ROWS_H
#define SNN_IO_PARALLEL_ROWS_H

#include <hdf5.h>
#include <stdint.h>

#include "comm/world.h"

typedef struct snn_column {
    const char *name; /* path of the data set; groups are made as needed */
    hid_t type;       /* of memory and file */
    int64_t width;    /* elements of a row: the data set is [rows][width]; 0: it is [rows] */
    const void *rows; /* of this rank */
} snn_column;

/* Rows of this rank that lie side by side here and in the file. */
typedef struct snn_row_run {
    int64_t from, to; /* first row in memory, in the file */
    int64_t count;
} snn_row_run;

/* Collective. Creates `path` anew (with the user block of sealed files), writes data sets of `rows` rows, syncs,
 * closes. Every row must be in exactly one run of one rank: rows that nobody writes have no defined contents. The
 * columns must be the same on all ranks but for their rows. Failures are agreed on; what is left of the file is the
 * caller's to remove. */
snn_status snn_parallel_rows_write(snn_world *world, const char *path, int64_t rows, const snn_column *columns,
                                   int column_count, const snn_row_run *runs, int64_t run_count);

#endif
