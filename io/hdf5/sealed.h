/* Sealed HDF5 files: complete or absent, and known to be whole.
 *
 * Outputs, checkpoints and network files are HDF5 files with a 512-byte user block in front that holds, as three lines
 * of text, a magic word with the kind, the length and an XXH3-128 checksum of everything behind it. They are written
 * under a temporary name ("NAME.part"), sealed, synced and renamed; a file without a valid seal is not one of ours or
 * not whole.
 */
#ifndef SNN_IO_SEALED_H
#define SNN_IO_SEALED_H

#include <hdf5.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"

typedef enum snn_file_kind { SNN_FILE_OUTPUT, SNN_FILE_CHECKPOINT, SNN_FILE_NETWORK } snn_file_kind;

enum { SNN_SEAL_BYTES = 512 };

const char *snn_file_kind_name(snn_file_kind kind); /* "output", "checkpoint", "network" */

/* Creates an HDF5 file with the user block, to be written and then sealed, in the place of whatever has this name (a
 * symbolic link is not followed). */
snn_status snn_sealed_create(const char *path, hid_t *file);

/* The temporary name for `path`, into `temporary` (SNN_PATH_BYTES). */
snn_status snn_sealed_temporary(const char *path, char *temporary);

/* After the HDF5 file `temporary` has been closed by everyone: computes the checksum, writes the user block, syncs,
 * verifies, renames to `path`, syncs the folder. One rank calls it. `rotate`: an existing `path` is first renamed to
 * this, or NULL. */
snn_status snn_sealed_finish(const char *temporary, const char *path, snn_file_kind kind, const char *rotate);

/* Says whether the file is whole: SNN_OK with its kind; SNN_CHECK_FAILED with the reason if it is damaged or has no
 * seal; SNN_INPUT_ERROR if it cannot be opened. */
snn_status snn_sealed_verify(const char *path, snn_file_kind *kind);

/* Opens a sealed file of the expected kind read-only through HDF5 (serial). Seal and length are always checked, the
 * checksum too when `verify`. Here damage is SNN_INPUT_ERROR, and so is another kind. */
snn_status snn_sealed_open(const char *path, snn_file_kind kind, bool verify, hid_t *file);

#endif
