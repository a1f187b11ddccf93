/* The evaluation: image groups in rounds, with a look at the clock, the signals and the checkpoint between rounds.
 *
 * Within a round groups stream through the ranks without a barrier. A round ends with one small reduction in which all
 * ranks agree whether to write a checkpoint or to stop, so a checkpoint always sees the same images on every rank.
 */
#include <stdio.h>
#include <string.h>

#include "io/cli/run_state.h"
#include "io/cli/session.h"
#include "io/cli/signals.h"

/* Aimed at. A signal is noticed at the end of a round; launchers that pass on SIGTERM kill a second or so later. */
static const double ROUND_SECONDS = 0.5;
static const double SECONDS_PER_HOUR = 3600.0;
static const double STOP_FRACTION = 0.99; /* of --max-hours: the rest is for the checkpoint */

static int64_t group_begin(const snn_run *run, int64_t group)
{
    return group * run->config->simulation.batch;
}

static int32_t images_of(const snn_run *run, int64_t group)
{
    int64_t left = run->todo_count - group_begin(run, group);
    return left < run->config->simulation.batch ? (int32_t)left : run->config->simulation.batch;
}

static int32_t group_images(void *context, int64_t group)
{
    return images_of(context, group);
}

/* Reads the group's images; runs of consecutive numbers are read at once. */
static snn_status read_group(const snn_run *run, int64_t group, float *pixels)
{
    const int64_t *image = run->todo + group_begin(run, group);
    int32_t count = images_of(run, group);
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

/* A group that fails here fails the run at the end of its round, where all ranks learn of it in good order: nobody
 * waits for this rank's packets, and one message says why. Until then zeros stand in for images that cannot be read. */
static snn_status load_group(void *context, int64_t group, float *pixels)
{
    snn_run *run = context;
    snn_status status = read_group(run, group, pixels);
    if (status.code != SNN_OK) {
        size_t count = (size_t)images_of(run, group) * (size_t)snn_shape_size(run->network->input);
        memset(pixels, 0, count * sizeof *pixels);
        run->group_failure = status;
    }
    return snn_ok();
}

/* What images are called in the data set, and by random numbers: no matter what is still to do, or where. */
static void number_group(void *context, int64_t group, int64_t *numbers)
{
    const snn_run *run = context;
    int32_t count = images_of(run, group);
    for (int32_t i = 0; i < count; i++) {
        numbers[i] = run->todo[group_begin(run, group) + i];
    }
}

static snn_status keep_group(void *context, int64_t group, const int32_t *predictions, const float *logits)
{
    snn_run *run = context;
    snn_status status = snn_results_append(run->results, run->todo + group_begin(run, group), images_of(run, group),
                                           predictions, logits);
    if (status.code != SNN_OK) {
        run->group_failure = status;
    }
    return snn_ok();
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
    int signal;     /* that some rank received, or 0 */
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
    snn_trace_set_work(run->trace, -1, -1, -1);
    SNN_TRY(snn_world_agree(run->world, run->group_failure));
    float news[4] = {(float)snn_signals_received(), root && overdue ? 1.0f : 0.0f, root && due ? 1.0f : 0.0f,
                     (float)(now - round_begun)};
    SNN_TRY(snn_world_maximum(run->world, news, 4));
    (void)snn_timers_charge(snn_wavefront_timers(run->wavefront), SNN_TIMER_SLOWEST, now);
    next->signal = (int)news[0];
    next->stop = news[0] > 0.0f || news[1] > 0.0f;
    next->checkpoint = news[2] > 0.0f;
    next->seconds = (double)news[3];
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

static snn_status stopped(const snn_run *run, int signal)
{
    char reason[64] = "the time limit is near";
    if (signal != 0) {
        (void)snprintf(reason, sizeof reason, "signal %d received", signal);
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
            snn_session_abort(run->world, status); /* the other ranks wait for packets of this one */
        }
        first = last;
        verdict next;
        SNN_TRY(agree_on_next(run, begun, last_checkpoint, &next));
        if (first < run->groups && (next.checkpoint || next.stop)) {
            SNN_TRY(snn_run_checkpoint(run));
            last_checkpoint = snn_seconds();
        }
        if (first < run->groups && next.stop) {
            return stopped(run, next.signal);
        }
        length = next_length(length, next.seconds, run->plan->replicas);
    }
    return snn_ok();
}

snn_status snn_run_evaluate(snn_run *run)
{
    const snn_config *config = run->config;
    const snn_wavefront_options options = {.codec = config->codec,
                                           .timesteps = config->simulation.timesteps,
                                           .block = config->simulation.block,
                                           .images = config->simulation.batch,
                                           .trace = run->trace,
                                           .eta = run->eta};
    const snn_wavefront_hooks hooks = {.context = run,
                                       .images = group_images,
                                       .load = load_group,
                                       .done = keep_group,
                                       .item = item_done,
                                       .numbers = number_group};
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
