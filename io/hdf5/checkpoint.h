/* Checkpoints at image-group boundaries: which images are done, their results, the statistics so far.
 *
 * A checkpoint knows nothing of ranks or layout, so a run restarts on any number of them. It is tied to what determines
 * the results (network, data, schedule, timesteps, encoding, weights, images) by a fingerprint, not to batch, block,
 * codec, threads or layout. The fingerprint is part of the file's name, so runs of other settings that use the same
 * folder and name never touch each other's checkpoints.
 */
#ifndef SNN_IO_CHECKPOINT_H
#define SNN_IO_CHECKPOINT_H

#include "comm/world.h"
#include "core/shard/statistics.h"
#include "io/hdf5/results.h"
#include "io/lock.h"

typedef struct snn_checkpoint_state {
    uint64_t fingerprint;
    int64_t images; /* N of the run */
    int32_t timesteps, classes;
    int64_t sequence;           /* number of the checkpoint in its run */
    double seconds;             /* of evaluation so far, over all jobs */
    snn_statistics *statistics; /* rank 0: summed over ranks; read: counts filled on rank 0 */
    snn_results *results;       /* write: this rank's rows. Read: filled on rank 0 with all rows */
} snn_checkpoint_state;

/* Before any work: makes the folder if need be and tries whether files can be made in it (none stays). Rank 0 alone. */
snn_status snn_checkpoint_probe(const char *directory);

/* Collective. Writes DIRECTORY/NAME.<fingerprint>.<sequence>.ckpt.h5 (16 hexadecimal digits, at least six digits),
 * sealed, and then removes all but the newest `keep` (at least 1) of that name and fingerprint up to this sequence;
 * higher numbers are of an earlier job that came further and stay. The directory is created if need be; if it cannot
 * be, that is SNN_FILE_ERROR on every rank. */
snn_status snn_checkpoint_write(snn_world *world, const char *directory, const char *name, int32_t keep,
                                const snn_checkpoint_state *state);

/* Rank 0 alone: finds the newest checkpoint of that name and fingerprint that verifies. `path` is "" if there is none.
 * `note` gets a line per file passed over ("d/x.<fingerprint>.000003.ckpt.h5: damaged: checksum differs; trying
 * d/x.<fingerprint>.000002.ckpt.h5"), and one if there are checkpoints of that name with other fingerprints; cut to
 * `note_bytes`. */
snn_status snn_checkpoint_find(const char *directory, const char *name, uint64_t fingerprint, char *path,
                               size_t path_bytes, char *note, size_t note_bytes);

/* Rank 0 alone: reads `path` into `state`, of which the caller has set the expected fingerprint and images, and created
 * statistics and (empty) results for that network. SNN_INPUT_ERROR if it is damaged or belongs to another run. */
snn_status snn_checkpoint_read(const char *path, snn_checkpoint_state *state);

/* Rank 0 alone: from now on no other job uses checkpoints of that name and fingerprint (io/lock.h). */
snn_status snn_checkpoint_lock(const char *directory, const char *name, uint64_t fingerprint, snn_lock *lock);

/* Rank 0 alone: removes all checkpoints of that name and fingerprint (a finished run needs none). */
snn_status snn_checkpoint_remove(const char *directory, const char *name, uint64_t fingerprint);

#endif
