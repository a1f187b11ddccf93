/* What the verbs that work on all ranks (`run`, `convert`) share: the ranks start together, rank 0 reads the
 * configuration for all, a failure is told once, and all end together. */
#ifndef SNN_CLI_SESSION_H
#define SNN_CLI_SESSION_H

#include "comm/world.h"
#include "io/cli/options.h"
#include "io/config/config.h"
#include "io/lock.h"

typedef struct snn_session {
    snn_options options;
    snn_world *world; /* NULL if MPI did not start */
    snn_config *config;
    snn_lock output; /* of what is being written; rank 0 */
} snn_session;

/* Collective. Starts MPI, settles the number of threads and reads the options. Whatever comes of it, snn_session_tell
 * and snn_session_end follow. */
snn_status snn_session_begin(const snn_verb *verb, const char *allowed, int argc, char **argv, snn_session *session);

/* Collective. The configuration, on every rank. */
snn_status snn_session_read_config(snn_session *session, snn_config_use use);

/* Collective. Can `path` be created, and is it none of the inputs? Asked before any work. */
snn_status snn_session_probe(const snn_session *session, const char *path);

/* Collective. The same, and no other job writes it until the session ends. Of one file. */
snn_status snn_session_claim(snn_session *session, const char *path);

/* Collective. The calibration images, where there is a model to convert, and the test data if `test`, can be read
 * without harm (io/hdf5/trial.h). */
snn_status snn_session_try_data(const snn_session *session, bool test);

/* Collective. Rank 0 prints a failure that all ranks share while all still stand (a launcher ends the others as soon as
 * one has failed). Returns it without its message. */
snn_status snn_session_tell(const snn_session *session, snn_status status);

/* Collective. Ends MPI. */
void snn_session_end(snn_session *session);

/* For a rank that fails alone between collectives, so that the others would wait for it: says why and ends all ranks.
 */
void snn_session_abort(snn_world *world, snn_status status) __attribute__((noreturn));

#endif
