/* The verb `run`: the evaluation of a network over all ranks. */
#include <stdarg.h>
#include <stdio.h>

#include "core/base/memory.h"
#include "io/cli/run_state.h"
#include "io/cli/signals.h"

void snn_run_say(const snn_run *run, const char *format, ...)
{
    if (run->options->quiet || snn_world_rank(run->world) != 0) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    (void)vprintf(format, arguments);
    va_end(arguments);
    (void)putchar('\n');
    (void)fflush(stdout);
}

/* The configuration is read by rank 0 and broadcast, so that all ranks agree on it and one error is reported. */
static snn_status read_config(snn_run *run)
{
    const snn_options *options = run->options;
    void *bytes = NULL;
    size_t count = 0;
    bool reader = snn_world_rank(run->world) == 0;
    snn_status status = snn_ok();
    if (reader) {
        snn_config *config = NULL;
        status = snn_config_read(options->config, options->overrides, options->override_count, SNN_CONFIG_RUN, &config);
        if (status.code == SNN_OK) {
            status = snn_output_probe(config->output);
        }
        if (status.code == SNN_OK) {
            status = snn_config_pack(config, &bytes, &count);
        }
        snn_config_destroy(config);
    }
    status = snn_world_agree(run->world, status);
    if (status.code == SNN_OK) {
        status = snn_world_broadcast_buffer(run->world, 0, &bytes, &count);
    }
    if (status.code == SNN_OK) {
        status = snn_world_agree(run->world, snn_config_unpack(bytes, count, &run->config));
    }
    snn_release(bytes);
    return status;
}

static snn_status evaluate(snn_run *run)
{
    SNN_TRY(read_config(run));
    SNN_TRY(snn_run_read_inputs(run));
    SNN_TRY(snn_run_partition(run));
    SNN_TRY(snn_run_restart(run));
    SNN_TRY(snn_run_evaluate(run));
    return snn_run_report(run);
}

static void clear(snn_run *run)
{
    snn_wavefront_destroy(run->wavefront);
    snn_shard_destroy(run->shard);
    snn_plan_destroy(run->plan);
    snn_results_destroy(run->results);
    snn_network_destroy(run->network);
    snn_dataset_close(run->dataset);
    snn_release(run->ann_predictions);
    snn_release(run->eta);
    snn_release(run->todo);
    snn_config_destroy(run->config);
}

static snn_status run_verb(int argc, char **argv)
{
    snn_options options;
    snn_run run = {.options = &options, .ann_correct = -1, .job_begun = snn_seconds()};
    SNN_TRY(snn_world_create(&argc, &argv, &run.world));
    snn_signals_catch();
    snn_status status = snn_options_parse(&snn_verb_run, "srmlqg", argc, argv, &options);
    if (status.code == SNN_OK) {
        status = evaluate(&run);
    }
    if (snn_world_rank(run.world) == 0) {
        snn_print_failure(status);
    }
    status.message[0] = '\0'; /* printed, or another rank's to print */
    (void)snn_world_barrier(run.world);
    clear(&run);
    snn_world_destroy(run.world);
    return status;
}

const snn_verb snn_verb_run = {
    "run",
    "run CONFIG.toml [options]",
    "evaluate a network (under mpirun: over all ranks)",
    "  --set section.key=value   override the file (repeatable)\n"
    "  --restart auto|never|FILE go on from the newest whole checkpoint (default), start anew, or go on from FILE\n"
    "  --max-hours H             stop with a checkpoint after H hours\n"
    "  --layout RxSxC            replicas x stages x channel shards (0: the planner decides)\n"
    "  --quiet                   print nothing but errors\n"
    "  --progress auto|always|never\n",
    run_verb,
};
