/* HDF5 in this program's terms: groups, arrays, texts and attributes, written and read with one call each.
 *
 * Every failure names the file and the object ("out.h5: /accuracy/correct: cannot write: ..."), with HDF5's own reason
 * where it has one. Writing fails with SNN_FILE_ERROR, reading with SNN_INPUT_ERROR. Everything here is serial: tables
 * that ranks write together are in parallel_rows.h. Texts are UTF-8 strings of variable length.
 *
 * HDF5 cannot let go of a file that it could not write (no space, for one): closing it writes again, and what that
 * leaves behind crashes whoever closes it next, as HDF5 itself does when the process or MPI ends. So such a file is
 * left open for good (snn_hdf5_end_writing), and HDF5 is told to close nothing by itself (snn_hdf5_start).
 */
#ifndef SNN_IO_HDF5_HELPERS_H
#define SNN_IO_HDF5_HELPERS_H

#include <hdf5.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"

enum { SNN_HDF5_MAX_RANK = 4 };

/* Before MPI starts and before any other use of HDF5: at the end it closes no files that are left open. */
void snn_hdf5_start(void);

/* Stops HDF5 from printing its errors: they come back in messages. Every function that opens a file calls it. */
void snn_hdf5_silence(void);

/* The failure of the HDF5 call just made, before any other: on `name` in `location` (NULL: on `location` itself). */
snn_status snn_hdf5_failure(snn_code code, hid_t location, const char *name, const char *what);
/* The same where there is no open file yet. */
snn_status snn_hdf5_file_failure(snn_code code, const char *path, const char *what);

/* Keeps HDF5 from holding all that it has seen of a file's structure. False if it cannot. */
bool snn_hdf5_bound_cache(hid_t access);

/* Serial file access: works where the file system has no locks; closing a file that still has open objects fails;
 * the cache is bounded. The caller closes the list. */
snn_status snn_hdf5_access_properties(hid_t *properties);

/* Opens an HDF5 file of any kind. */
snn_status snn_hdf5_open_file(const char *path, unsigned flags, hid_t *file);

/* Closes any kind of identifier where there is nothing left to lose; ignores negative ones. */
void snn_hdf5_close(hid_t identifier);

/* Flushes and closes a file that was written. One that cannot be flushed stays open. */
snn_status snn_hdf5_close_file(hid_t file);

/* The same if `status` is SNN_OK; else the file could not be written, stays open, and `status` is returned. */
snn_status snn_hdf5_end_writing(hid_t file, snn_status status);

snn_status snn_hdf5_create_group(hid_t parent, const char *name, hid_t *group);
snn_status snn_hdf5_open_group(hid_t parent, const char *name, hid_t *group);

/* `type` is a type of memory and of the file, e.g. H5T_NATIVE_INT64. `dims`: [rank]; rank 0 is a scalar. */
snn_status snn_hdf5_write_array(hid_t parent, const char *name, hid_t type, int rank, const int64_t *dims,
                                const void *data);
snn_status snn_hdf5_write_vector(hid_t parent, const char *name, hid_t type, int64_t count, const void *data);
snn_status snn_hdf5_write_scalar(hid_t parent, const char *name, hid_t type, const void *value);

/* Whether there is such an array: to be asked before memory is taken for as much as attributes claim. */
snn_status snn_hdf5_check_array(hid_t parent, const char *name, hid_t type, int rank, const int64_t *dims);
/* Reads an array that must have exactly these dimensions, the same class of numbers and none wider than `type`. */
snn_status snn_hdf5_read_array(hid_t parent, const char *name, hid_t type, int rank, const int64_t *dims, void *data);
/* Reads [begin, end) of its first dimension. */
snn_status snn_hdf5_read_rows(hid_t parent, const char *name, hid_t type, int rank, const int64_t *dims, int64_t begin,
                              int64_t end, void *data);

snn_status snn_hdf5_write_text(hid_t parent, const char *name, const char *text);
snn_status snn_hdf5_write_texts(hid_t parent, const char *name, const char *const *texts, int64_t count);
/* The caller frees *text with snn_release. */
snn_status snn_hdf5_read_text(hid_t parent, const char *name, char **text);
/* The first of several, as snn_hdf5_write_texts writes them; likewise. */
snn_status snn_hdf5_read_first_text(hid_t parent, const char *name, char **text);

/* Attributes of an open object. `count` 0 is a scalar. */
snn_status snn_hdf5_open_attribute(hid_t object, const char *name, hid_t *attribute);
snn_status snn_hdf5_write_attribute(hid_t object, const char *name, hid_t type, int64_t count, const void *data);
snn_status snn_hdf5_read_attribute(hid_t object, const char *name, hid_t type, int64_t count, void *data);
snn_status snn_hdf5_write_text_attribute(hid_t object, const char *name, const char *text);
/* The caller frees *text with snn_release. */
snn_status snn_hdf5_read_text_attribute(hid_t object, const char *name, char **text);

#endif
