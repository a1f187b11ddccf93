/* The verb `run`: the evaluation of a network over all ranks. */
#include <stdio.h>

#include "core/base/memory.h"
#include "io/cli/plan/planning.h"
#include "io/cli/run/run_state.h"
#include "io/cli/run/session.h"
#include "io/cli/run/signals.h"

/* What depends on the network. The block is rank 0's choice: hosts may have other caches. */
static snn_status settle(snn_session *session, const snn_run *run)
{
    SNN_TRY(snn_world_agree(session->world, snn_planning_settle(session->config, run->network)));
    int32_t *block = &session->config->simulation.block;
    return snn_world_broadcast(session->world, 0, block, sizeof *block);
}

static snn_status evaluate(snn_session *session, snn_run *run)
{
    SNN_TRY(snn_session_read_config(session, SNN_CONFIG_RUN));
    SNN_TRY(snn_session_claim(session, session->config->output));
    run->config = session->config;
    if (run->options->trace != NULL) {
        SNN_TRY(snn_session_probe(session, run->options->trace));
    }
    SNN_TRY(snn_run_probe_checkpoints(run));
    SNN_TRY(snn_session_try_data(session, true));
    SNN_TRY(snn_run_read_inputs(run));
    SNN_TRY(settle(session, run));
    SNN_TRY(snn_run_schedule(run));
    SNN_TRY(snn_run_partition(run));
    SNN_TRY(snn_run_restart(run));
    snn_status status = snn_run_evaluate(run);
    if (status.code == SNN_OK) {
        status = snn_run_report(run);
    }
    /* A run that stopped early has a timeline too. */
    if (status.code == SNN_OK || status.code == SNN_STOPPED) {
        SNN_TRY(snn_run_write_trace(run));
    }
    return status;
}

static void clear(snn_run *run)
{
    snn_lock_release(&run->checkpoints);
    snn_wavefront_destroy(run->wavefront);
    snn_agreement_destroy(run->agreement);
    snn_shard_destroy(run->shard);
    snn_trace_destroy(run->trace);
    snn_connections_destroy(run->connections);
    snn_plan_destroy(run->plan);
    snn_results_destroy(run->results);
    snn_network_destroy(run->network);
    snn_dataset_close(run->dataset);
    snn_release(run->ann_predictions);
    snn_release(run->eta);
    snn_release(run->todo);
}

static snn_status run_verb(int argc, char **argv)
{
    double begun = snn_seconds();
    snn_session session;
    snn_status status = snn_session_begin(&snn_verb_run, "srmlpqgt", argc, argv, &session);
    snn_run run = {.options = &session.options,
                   .world = session.world,
                   .checkpoints = {.descriptor = -1},
                   .ann_correct = -1,
                   .job_begun = begun,
                   .started = snn_seconds()};
    if (status.code == SNN_OK) {
        snn_signals_catch();
        status = evaluate(&session, &run);
    }
    status = snn_session_tell(&session, status);
    clear(&run);
    snn_session_end(&session);
    return status;
}

static const snn_verb_option options_taken[] = {
    SNN_OPTION_SET,
    {"--restart", "auto|never|FILE",
     "go on from the newest whole checkpoint (default), start anew, or go on from FILE"},
    {"--max-hours", "H", "stop with a checkpoint before H hours are over (default 0: no limit)"},
    {"--layout", "REPLICASxSTAGESxCHANNELS",
     "how the ranks are used; the last are shards of channels (0: the planner decides)"},
    {"--plan", "plan.toml", "the layout that `plan -o` wrote, or one made by hand"},
    {"--trace", "FILE.json", "write a timeline of all ranks and threads (chrome://tracing, ui.perfetto.dev)"},
    SNN_OPTION_QUIET,
    SNN_OPTION_PROGRESS,
    {NULL, NULL, NULL},
};

const snn_verb snn_verb_run = {
    "run",    "run CONFIG.toml [options]", "evaluate a network (under mpirun: over all ranks)", options_taken, NULL,
    run_verb,
};
