/* What may never come back, or take the process with it, is tried in another one first.
 *
 * HDF5 trusts files: a few damaged bytes make it loop, allocate without end, or write where it must not. Files of this
 * program are known to be whole by their checksum before HDF5 reads on (io/hdf5/sealed.h). Data sets come from
 * elsewhere, so another process reads them first, with a limit on its time and memory, and can be given up on.
 *
 * That process is this program started anew, not a copy of a running one: memory that a network card has registered for
 * MPI must not be copied by fork() on every system, and may be missing in the copy. */
#ifndef SNN_IO_TRIAL_H
#define SNN_IO_TRIAL_H

#include "core/base/status.h"

/* Starts this program with these arguments (the first is its name, NULL ends them) and returns what it says through
 * snn_trial_answer; SNN_INPUT_ERROR naming `path` if it came to harm or took more than 20 s of processor time, 3
 * minutes or 2 GiB of memory. Where no process can be started there is no trial, and that is SNN_OK. */
snn_status snn_trial_run(const char *path, const char *const *arguments);

/* In the process that tries: the limits, from now on. */
void snn_trial_limit(void);

/* In the process that tries: what came of it, at its end. Closes nothing and calls no handlers. */
_Noreturn void snn_trial_answer(snn_status status);

#endif
