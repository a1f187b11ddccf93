/* The end of a run: the output file, and what the user sees of it. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/cli/run/run_state.h"
#include "io/cli/run/summary.h"
#include "io/trace_file.h"

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

typedef struct totals {
    int32_t *labels;            /* [images] */
    int64_t *correct;           /* [timesteps], summed over ranks */
    int64_t images;             /* results over all ranks */
    snn_statistics *statistics; /* summed */
    double seconds;
} totals;

static snn_status count_correct(snn_run *run, totals *sum)
{
    const snn_results *results = run->results;
    int32_t timesteps = results->timesteps;
    SNN_TRY(snn_dataset_labels(run->dataset, 0, run->images, sum->labels));
    for (int64_t i = 0; i < results->count; i++) {
        for (int32_t t = 0; t < timesteps; t++) {
            sum->correct[t] += results->predictions[i * timesteps + t] == sum->labels[results->image[i]];
        }
    }
    return snn_ok();
}

static snn_status add_up(snn_run *run, totals *sum)
{
    int32_t timesteps = run->config->simulation.timesteps;
    sum->labels = snn_allocate((size_t)run->images, sizeof *sum->labels);
    sum->correct = snn_allocate((size_t)timesteps, sizeof *sum->correct);
    snn_status status = snn_statistics_create(run->network, run->steps, &sum->statistics);
    if (status.code == SNN_OK && (sum->labels == NULL || sum->correct == NULL)) {
        status = snn_out_of_memory("accuracy");
    }
    if (status.code == SNN_OK) {
        status = count_correct(run, sum);
    }
    SNN_TRY(snn_world_agree(run->world, status));
    const snn_statistics *own = snn_shard_statistics(run->shard);
    memcpy(sum->statistics->counts, own->counts, own->length * sizeof *own->counts);
    SNN_TRY(snn_world_sum(run->world, sum->statistics->counts, sum->statistics->length));
    SNN_TRY(snn_world_sum(run->world, sum->correct, (size_t)timesteps));
    sum->images = run->results->count;
    SNN_TRY(snn_world_sum(run->world, &sum->images, 1));
    if (sum->images != run->images) {
        return snn_fail(SNN_INTERNAL_ERROR, "%lld results for %lld images", (long long)sum->images,
                        (long long)run->images);
    }
    return snn_ok();
}

static snn_status write_output(snn_run *run, const totals *sum)
{
    snn_output output = {
        .config = run->config,
        .network = run->network,
        .origin = &run->origin,
        .plan = run->plan,
        .results = run->results,
        .statistics = sum->statistics,
        .connections = run->connections,
        .images = run->images,
        .labels = sum->labels,
        .correct = sum->correct,
        .ann_correct = run->ann_correct,
        .ann_predictions = run->ann_predictions,
        .eta = run->eta,
        .timers = *snn_wavefront_timers(run->wavefront),
        .traffic = *snn_wavefront_traffic_of(run->wavefront),
        .memory = {run->memory[0], run->memory[1], run->memory[2]},
        .data_hash = run->data_hash,
        .kernels = run->kernels->name,
        .codec = snn_wavefront_codec(run->wavefront),
        .idle_ranks = snn_plan_idle_ranks(run->plan, run->network, run->groups),
        .seconds = sum->seconds,
        .setup = run->begun - run->started,
    };
    double begun = snn_seconds();
    snn_status status = snn_output_write(run->world, run->config->output, &output);
    (void)snn_timers_charge(snn_wavefront_timers(run->wavefront), SNN_TIMER_IO, begun);
    return status;
}

static snn_status remove_checkpoints(const snn_run *run)
{
    bool has = run->config->checkpoint.directory[0] != '\0' && snn_world_rank(run->world) == 0;
    return has ? snn_checkpoint_remove(run->config->checkpoint.directory, run->checkpoint_name, run->fingerprint)
               : snn_ok();
}

/* Rank 0 shows what stands in the output. */
static snn_status show(const snn_run *run)
{
    snn_report_run output;
    snn_status status = snn_report_read(run->config->output, false, &output);
    if (!snn_failed(status) && !run->options->quiet) {
        snn_summary_print(&output);
    }
    if (!snn_failed(status)) {
        snn_summary_warn(&output);
    }
    snn_report_clear(&output);
    return status;
}

static snn_status report(snn_run *run, totals *sum)
{
    const bool root = snn_world_rank(run->world) == 0;
    SNN_TRY(add_up(run, sum));
    sum->seconds = run->seconds_before + snn_seconds() - run->begun;
    SNN_TRY(write_output(run, sum));
    SNN_TRY(snn_world_agree(run->world, root ? show(run) : snn_ok()));
    SNN_TRY(snn_world_agree(run->world, remove_checkpoints(run)));
    snn_run_say(run, "\n  output      %s", run->config->output);
    return snn_ok();
}

snn_status snn_run_write_trace(snn_run *run)
{
    int64_t lost = 0;
    if (run->trace == NULL) {
        return snn_ok();
    }
    SNN_TRY(snn_trace_write(run->world, run->options->trace, run->trace, run->network, run->plan, run->begun, &lost));
    snn_run_say(run, "  timeline    %s", run->options->trace);
    if (lost > 0) {
        snn_run_say(run, "              without %lld intervals that came after a thread's millionth", (long long)lost);
    }
    return snn_ok();
}

snn_status snn_run_report(snn_run *run)
{
    totals sum;
    memset(&sum, 0, sizeof sum);
    snn_status status = report(run, &sum);
    snn_release(sum.labels);
    snn_release(sum.correct);
    snn_statistics_destroy(sum.statistics);
    return status;
}
