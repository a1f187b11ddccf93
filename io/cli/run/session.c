#include "io/cli/run/session.h"

#include <errno.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/memory.h"
#include "io/cli/inputs.h"
#include "io/cli/overwrite.h"
#include "io/cli/plan/planning.h"
#include "io/cli/try_data.h"
#include "io/config/plan_file.h"
#include "io/hdf5/output.h"

/* Without a word from the user, the ranks of a host share its processors out. OpenMP would give each rank all of them.
 */
static void settle_threads(const snn_world *world)
{
    const char *wish = getenv("OMP_NUM_THREADS");
    if (wish == NULL || wish[0] == '\0') {
        omp_set_num_threads(snn_world_threads(world));
    }
}

/* A number of ranks from the environment; 0 without it. */
static snn_status read_ranks_per_host(int32_t *ranks)
{
    const char *text = getenv("SNN_DIST_RANKS_PER_HOST");
    char *end = NULL;
    *ranks = 0;
    if (text == NULL || text[0] == '\0') {
        return snn_ok();
    }
    const long number = strtol(text, &end, 10);
    if (*end != '\0' || number < 1 || number > INT32_MAX) {
        return snn_fail(SNN_INPUT_ERROR,
                        "environment variable SNN_DIST_RANKS_PER_HOST: \"%s\", expected a number of ranks, 1 or more",
                        text);
    }
    *ranks = (int32_t)number;
    return snn_ok();
}

/* Rank 0's counts: a launcher need not pass the variable on to other hosts, and all must find the same. */
static snn_status settle_hosts(snn_world *world)
{
    int32_t ranks = 0;
    SNN_TRY(snn_world_agree(world, snn_world_rank(world) == 0 ? read_ranks_per_host(&ranks) : snn_ok()));
    SNN_TRY(snn_world_broadcast(world, 0, &ranks, sizeof ranks));
    snn_world_pretend_hosts(world, ranks);
    return snn_ok();
}

snn_status snn_session_begin(const snn_verb *verb, const char *allowed, int argc, char **argv, snn_session *session)
{
    memset(session, 0, sizeof *session);
    session->output.descriptor = -1;
    SNN_TRY(snn_world_create(&argc, &argv, &session->world));
    settle_threads(session->world);
    SNN_TRY(settle_hosts(session->world));
    return snn_options_parse(verb, allowed, argc, argv, &session->options);
}

/* The layout and files are looked at late, some after calibration; what is wrong with them is said now. */
static snn_status check_options(const snn_session *session, const snn_config *config, snn_config_use use)
{
    const snn_options *options = &session->options;
    const int32_t ranks = snn_world_size(session->world);
    if (use == SNN_CONFIG_RUN && options->plan == NULL) {
        SNN_TRY(snn_planning_check_layout(config, ranks, "mpirun -np"));
    }
    const bool chosen = strcmp(options->restart, "auto") != 0 && strcmp(options->restart, "never") != 0;
    if (options->plan != NULL) {
        SNN_TRY(snn_plan_file_check(options->plan, ranks));
    }
    SNN_TRY(snn_inputs_check(options->config, config, use));
    return chosen && access(options->restart, R_OK) != 0
               ? snn_fail(SNN_INPUT_ERROR, "--restart %s: cannot open: %s; auto takes the newest checkpoint",
                          options->restart, strerror(errno))
               : snn_ok();
}

snn_status snn_session_read_config(snn_session *session, snn_config_use use)
{
    const snn_options *options = &session->options;
    snn_world *world = session->world;
    void *bytes = NULL;
    size_t count = 0;
    snn_status status = snn_ok();
    if (snn_world_rank(world) == 0) {
        snn_config *config = NULL;
        status = snn_config_read(options->config, options->overrides, options->override_count, use, &config);
        if (status.code == SNN_OK) {
            status = check_options(session, config, use);
        }
        if (status.code == SNN_OK) {
            status = snn_config_pack(config, &bytes, &count);
        }
        snn_config_destroy(config);
    }
    status = snn_world_agree(world, status);
    if (status.code == SNN_OK) {
        status = snn_world_broadcast_buffer(world, 0, &bytes, &count);
    }
    if (status.code == SNN_OK) {
        status = snn_world_agree(world, snn_config_unpack(bytes, count, &session->config));
    }
    if (status.code == SNN_OK) {
        status = snn_world_set_patience(world, 60.0 * session->config->patience_minutes, snn_session_abort);
    }
    snn_release(bytes);
    return status;
}

snn_status snn_session_probe(const snn_session *session, const char *path)
{
    bool root = snn_world_rank(session->world) == 0;
    snn_status status = root ? snn_output_probe(path) : snn_ok();
    if (root && !snn_failed(status)) {
        status = snn_overwrite_check_all(path, &session->options, session->config);
    }
    return snn_world_agree(session->world, status);
}

snn_status snn_session_claim(snn_session *session, const char *path)
{
    char name[SNN_PATH_BYTES + sizeof ".lock"];
    SNN_TRY(snn_session_probe(session, path));
    (void)snprintf(name, sizeof name, "%s.lock", path);
    bool root = snn_world_rank(session->world) == 0;
    return snn_world_agree(session->world, root ? snn_lock_take(name, path, &session->output) : snn_ok());
}

snn_status snn_session_try_data(const snn_session *session, bool test)
{
    bool root = snn_world_rank(session->world) == 0;
    bool calibration = session->config->model.network[0] == '\0';
    return snn_world_agree(session->world, root ? snn_try_data(session->config, test, calibration) : snn_ok());
}

snn_status snn_session_tell(const snn_session *session, snn_status status)
{
    if (session->world == NULL) {
        return status; /* each for itself: main prints it */
    }
    if (snn_world_rank(session->world) == 0) {
        snn_print_failure(status, -1);
    }
    status.message[0] = '\0';
    (void)snn_world_barrier(session->world);
    return status;
}

void snn_session_end(snn_session *session)
{
    snn_lock_release(&session->output);
    snn_config_destroy(session->config);
    snn_world_destroy(session->world);
}

/* What fails on several ranks at once is told by the lowest: the others give it time to end them, and a signal that
 * comes meanwhile is their end. True if this rank is the one to speak. */
static bool wait_for_lower_ranks(const snn_world *world)
{
    enum { QUARTERS = 8 }; /* of a second, at most */
    int32_t rank = snn_world_rank(world);
    int32_t quarters = rank < QUARTERS ? rank : QUARTERS;
    const struct timespec pause = {quarters / 4, (quarters % 4) * 250000000L};
    return nanosleep(&pause, NULL) == 0;
}

void snn_session_abort(snn_world *world, snn_status status)
{
    if (wait_for_lower_ranks(world)) {
        snn_print_failure(status, snn_world_rank(world));
    }
    snn_world_abort(world, (int)status.code);
}
