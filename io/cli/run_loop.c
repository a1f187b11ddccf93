/* The evaluation: image groups in rounds, with a look at the clock, the signals and the checkpoint between rounds.
 *
 * Within a round groups stream through the ranks without a barrier. A round ends with one small reduction in which all
 * ranks agree whether to write a checkpoint or to stop, so a checkpoint always sees the same images on every rank.
 */
#include <stdio.h>

#include "core/base/memory.h"
#include "io/cli/run_state.h"
#include "io/cli/signals.h"

static const double ROUND_SECONDS = 5.0; /* aimed at; a signal is noticed within about that time */
static const double SECONDS_PER_HOUR = 3600.0;
static const double STOP_FRACTION = 0.99; /* of --max-hours: the rest is for the checkpoint */

static int64_t group_begin(const snn_run *run, int64_t group)
{
    return group * run->config->simulation.batch;
}

static int32_t group_images(void *context, int64_t group)
{
    const snn_run *run = context;
    int64_t left = run->todo_count - group_begin(run, group);
    return left < run->config->simulation.batch ? (int32_t)left : run->config->simulation.batch;
}

/* Reads the group's images; runs of consecutive numbers are read at once. */
static snn_status load_group(void *context, int64_t group, float *pixels)
{
    const snn_run *run = context;
    const int64_t *image = run->todo + group_begin(run, group);
    int32_t count = group_images(context, group);
    int64_t size = snn_shape_size(run->network->input);
    for (int32_t first = 0; first < count;) {
        int32_t last = first + 1;
        while (last < count && image[last] == image[first] + (last - first)) {
            last++;
        }
        SNN_TRY(snn_dataset_read(run->dataset, image[first], last - first, false, pixels + first * size));
        first = last;
    }
    return snn_ok();
}

static snn_status keep_group(void *context, int64_t group, const int32_t *predictions, const float *logits)
{
    snn_run *run = context;
    return snn_results_append(run->results, run->todo + group_begin(run, group), group_images(context, group),
                              predictions, logits);
}

/* Rank 0's own progress stands for that of all: replicas work alike. */
static void item_done(void *context, int64_t group, int32_t first_step, int32_t steps)
{
    snn_run *run = context;
    if (first_step + steps == run->config->simulation.timesteps) {
        int64_t behind = group_begin(run, group + 1);
        snn_progress_update(&run->progress,
                            run->images - run->todo_count + (behind < run->todo_count ? behind : run->todo_count));
    }
}

typedef struct verdict {
    bool stop, checkpoint;
    double seconds; /* of the slowest rank's round */
} verdict;

/* What all ranks do next: any rank's wish to stop counts, the clocks are rank 0's. */
static snn_status agree_on_next(snn_run *run, double round_begun, double last_checkpoint, verdict *next)
{
    double now = snn_seconds();
    double limit = run->options->max_hours * SECONDS_PER_HOUR * STOP_FRACTION;
    bool overdue = run->options->max_hours > 0.0 && now - run->job_begun + 1.5 * (now - round_begun) >= limit;
    bool due = now - last_checkpoint >= 60.0 * run->config->checkpoint.every_minutes;
    bool root = snn_world_rank(run->world) == 0;
    float flags[3] = {snn_signals_received() != 0 || (root && overdue) ? 1.0f : 0.0f, root && due ? 1.0f : 0.0f,
                      (float)(now - round_begun)};
    SNN_TRY(snn_world_maximum(run->world, flags, 3));
    next->stop = flags[0] > 0.0f;
    next->checkpoint = flags[1] > 0.0f;
    next->seconds = (double)flags[2];
    return snn_ok();
}

/* Groups of the next round: as many as ROUND_SECONDS take, growing at most fourfold. */
static int64_t next_length(int64_t length, double seconds, int32_t replicas)
{
    double factor = seconds > 0.0 ? ROUND_SECONDS / seconds : 4.0;
    factor = factor > 4.0 ? 4.0 : factor;
    int64_t wanted = (int64_t)((double)length * factor) / replicas * replicas;
    return wanted > replicas ? wanted : replicas;
}

static snn_status stopped(snn_run *run)
{
    char reason[64] = "the time limit is near";
    if (snn_signals_received() != 0) {
        (void)snprintf(reason, sizeof reason, "signal %d received", snn_signals_received());
    }
    if (run->config->checkpoint.directory[0] == '\0') {
        return snn_fail(SNN_STOPPED, "stopped: %s; no checkpoint.directory is set, so nothing was kept", reason);
    }
    return snn_fail(SNN_STOPPED, "stopped: %s; checkpoint %lld written, run the same command again to go on", reason,
                    (long long)run->sequence);
}

static snn_status run_rounds(snn_run *run)
{
    /* Long enough at first that every stage of every replica has work. */
    int64_t length = (int64_t)run->plan->replicas * (run->plan->stages > 1 ? 2 : 1);
    double last_checkpoint = snn_seconds();
    for (int64_t first = 0; first < run->groups;) {
        int64_t last = first + length < run->groups ? first + length : run->groups;
        double begun = snn_seconds();
        snn_status status = snn_wavefront_run(run->wavefront, first, last);
        if (status.code != SNN_OK) {
            /* The other ranks wait for packets of this one: say why and end them all. */
            fprintf(stderr, "snn_dist: error: rank %d: %s\n", snn_world_rank(run->world), status.message);
            snn_world_abort(run->world, status.code);
        }
        first = last;
        verdict next;
        SNN_TRY(agree_on_next(run, begun, last_checkpoint, &next));
        if (first < run->groups && (next.checkpoint || next.stop)) {
            SNN_TRY(snn_run_checkpoint(run));
            last_checkpoint = snn_seconds();
        }
        if (first < run->groups && next.stop) {
            return stopped(run);
        }
        length = next_length(length, next.seconds, run->plan->replicas);
    }
    return snn_ok();
}

snn_status snn_run_evaluate(snn_run *run)
{
    const snn_config *config = run->config;
    const snn_wavefront_options options = {config->codec, config->simulation.timesteps, config->simulation.block,
                                           config->simulation.batch};
    const snn_wavefront_hooks hooks = {run, group_images, load_group, keep_group, item_done};
    snn_status status =
        snn_wavefront_create(run->world, run->network, run->plan, run->shard, &options, &hooks, &run->wavefront);
    SNN_TRY(snn_world_agree(run->world, status));
    bool prints = snn_world_rank(run->world) == 0 && !run->options->quiet;
    int64_t done = run->images - run->todo_count;
    run->progress = snn_progress_begin("evaluation", run->images, done, prints, run->options->progress);
    run->begun = snn_seconds();
    status = run_rounds(run);
    snn_progress_end(&run->progress);
    return status;
}
