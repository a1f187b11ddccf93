/* The evaluation: image groups in rounds, with a look at the clock, the signals and the checkpoint between rounds.
 *
 * Groups stream through the ranks without a barrier, also from one round to the next: at the end of a round each rank
 * tells its news, and hears what all ranks told at the end of the round before. So nobody waits unless another rank is
 * a whole round behind, and all ranks agree at the end of the same round to write a checkpoint or to stop: a checkpoint
 * sees the same images on every rank.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "io/cli/run/run_state.h"
#include "io/cli/run/session.h"
#include "io/cli/run/signals.h"

/* Aimed at. A signal is noticed at the end of the second round after it; launchers that pass on SIGTERM kill a second
 * or so later. */
static const double ROUND_SECONDS = 0.25;
static const double SECONDS_PER_HOUR = 3600.0;
static const double STOP_FRACTION = 0.99; /* of --max-hours: the rest is for the checkpoint */

static int64_t group_begin(const snn_run *run, int64_t group)
{
    return group * run->batch;
}

static int32_t images_of(const snn_run *run, int64_t group)
{
    int64_t left = run->todo_count - group_begin(run, group);
    return left < run->batch ? (int32_t)left : run->batch;
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

/* For what is still to come, at once, where the readout is. */
static snn_status make_room(const snn_run *run)
{
    const snn_place place = snn_plan_place(run->plan, snn_world_rank(run->world));
    const snn_channel_range classes =
        snn_plan_owned(run->plan, run->network, place, run->network->population_count - 1);
    int64_t rows = run->results->count;
    if (classes.begin == classes.end) {
        return snn_ok();
    }
    for (int64_t group = place.replica; group < run->groups; group += run->plan->replicas) {
        rows += images_of(run, group);
    }
    return snn_results_reserve(run->results, rows);
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
    if (first_step + steps == run->steps) {
        int64_t behind = group_begin(run, group + 1);
        snn_progress_update(&run->progress,
                            run->images - run->todo_count + (behind < run->todo_count ? behind : run->todo_count));
    }
}

/* What a rank tells the others at the end of a round; what counts is the maximum over the ranks. Seconds are those of
 * one group. */
enum news { NEWS_SIGNAL, NEWS_OVERDUE, NEWS_CHECKPOINT_DUE, NEWS_SECONDS, NEWS_FAILURE, NEWS_COUNT };
static_assert((int)NEWS_COUNT == (int)SNN_AGREEMENT_VALUES, "all news in one message");

/* Any rank's wish to stop counts, the clocks are rank 0's. */
static snn_status tell_news(snn_run *run, double round_begun, int64_t groups, double last_checkpoint)
{
    double now = snn_seconds();
    double limit = run->options->max_hours * SECONDS_PER_HOUR * STOP_FRACTION;
    /* The limit must hold after the two rounds that pass until it is heeded. */
    bool overdue = run->options->max_hours > 0.0 && now - run->job_begun + 2.5 * (now - round_begun) >= limit;
    bool due = now - last_checkpoint >= 60.0 * run->config->checkpoint.every_minutes;
    bool root = snn_world_rank(run->world) == 0;
    const float news[NEWS_COUNT] = {[NEWS_SIGNAL] = (float)snn_signals_received(),
                                    [NEWS_OVERDUE] = root && overdue ? 1.0f : 0.0f,
                                    [NEWS_CHECKPOINT_DUE] = root && due ? 1.0f : 0.0f,
                                    [NEWS_SECONDS] = (float)((now - round_begun) / (double)groups),
                                    [NEWS_FAILURE] = snn_failed(run->group_failure) ? 1.0f : 0.0f};
    snn_trace_set_work(run->trace, -1, -1, -1);
    SNN_TRY(snn_agreement_begin(run->agreement, news));
    (void)snn_timers_charge(snn_wavefront_timers(run->wavefront), SNN_TIMER_COMMUNICATE, now);
    return snn_ok();
}

/* The oldest news not yet heard. */
static snn_status hear_news(snn_run *run, float news[NEWS_COUNT])
{
    double now = snn_seconds();
    SNN_TRY(snn_agreement_end(run->agreement, news));
    (void)snn_timers_charge(snn_wavefront_timers(run->wavefront), SNN_TIMER_SLOWEST, now);
    return snn_ok();
}

/* All ranks have done the same groups and nothing is under way any more. Failures of groups end the run here. */
static snn_status settle(snn_run *run)
{
    float news[NEWS_COUNT];
    snn_status status = snn_wavefront_finish(run->wavefront);
    if (snn_failed(status)) {
        snn_session_abort(run->world, status);
    }
    while (snn_agreement_pending(run->agreement) > 0) {
        SNN_TRY(hear_news(run, news));
    }
    return snn_world_agree(run->world, run->group_failure);
}

/* The shortest round: every replica has a group, and an item for each of its stages. */
static int64_t shortest_round(const snn_run *run)
{
    int64_t block = run->config->simulation.block;
    int64_t blocks = (run->steps + block - 1) / block;
    return (int64_t)run->plan->replicas * ((run->plan->stages + blocks - 1) / blocks);
}

/* Groups of the next round: as many as ROUND_SECONDS take, growing at most fourfold. */
static int64_t next_length(int64_t length, double seconds_per_group, int64_t shortest)
{
    double wanted = 4.0 * (double)length;
    if (seconds_per_group * wanted > ROUND_SECONDS) {
        wanted = ROUND_SECONDS / seconds_per_group;
    }
    int64_t rounds = (int64_t)wanted / shortest;
    return rounds > 1 ? rounds * shortest : shortest;
}

static snn_status stopped(const snn_run *run, int signal)
{
    char reason[64] = "the time limit is near";
    if (signal != 0) {
        (void)snprintf(reason, sizeof reason, "signal %d received", signal);
    }
    if (run->config->checkpoint.directory[0] == '\0') {
        return snn_fail(SNN_STOPPED,
                        "stopped: %s; no checkpoint.directory is set, so nothing was kept; set it, and the next run "
                        "can go on where it stopped",
                        reason);
    }
    return snn_fail(SNN_STOPPED, "stopped: %s; checkpoint %lld written, run the same command again to go on", reason,
                    (long long)run->sequence);
}

static snn_status run_round(snn_run *run, int64_t first, int64_t last, double last_checkpoint)
{
    double begun = snn_seconds();
    snn_status status = snn_wavefront_run(run->wavefront, first, last);
    if (snn_failed(status)) {
        snn_session_abort(run->world, status); /* the other ranks wait for packets of this one */
    }
    return tell_news(run, begun, last - first, last_checkpoint);
}

/* Hears news until at most `behind` rounds are left whose news are not; *heard is the maximum. */
static snn_status hear_all_but(snn_run *run, int32_t behind, float heard[NEWS_COUNT])
{
    while (snn_agreement_pending(run->agreement) > behind) {
        float news[NEWS_COUNT];
        SNN_TRY(hear_news(run, news));
        for (int i = 0; i < NEWS_COUNT; i++) {
            heard[i] = news[i] > heard[i] ? news[i] : heard[i];
        }
    }
    return snn_ok();
}

static snn_status run_rounds(snn_run *run)
{
    double last_checkpoint = snn_seconds();
    int64_t shortest = shortest_round(run);
    int64_t length = shortest;
    const bool always = run->config->checkpoint.every_minutes == 0.0; /* a checkpoint after every round */
    for (int64_t first = 0; first < run->groups;) {
        int64_t last = first + length < run->groups ? first + length : run->groups;
        SNN_TRY(run_round(run, first, last, last_checkpoint));
        first = last;
        if (first == run->groups) {
            break;
        }
        /* Groups that take long and do not stream from stage to stage gain nothing by a late answer. */
        bool streams = !always && (run->plan->stages > 1 || length > shortest);
        float news[NEWS_COUNT] = {0};
        SNN_TRY(hear_all_but(run, streams ? 1 : 0, news));
        bool stop = news[NEWS_SIGNAL] > 0.0f || news[NEWS_OVERDUE] > 0.0f;
        if (stop || news[NEWS_CHECKPOINT_DUE] > 0.0f || news[NEWS_FAILURE] > 0.0f) {
            SNN_TRY(settle(run));
            SNN_TRY(snn_run_checkpoint(run));
            last_checkpoint = snn_seconds();
        }
        if (stop) {
            return stopped(run, (int)news[NEWS_SIGNAL]);
        }
        if (news[NEWS_SECONDS] > 0.0f && !always) {
            length = next_length(length, (double)news[NEWS_SECONDS], shortest);
        }
    }
    return settle(run);
}

/* Slower, not wrong: but who wonders why should find it. */
static snn_status tell_refused(const snn_run *run)
{
    int64_t refused = snn_wavefront_traffic_of(run->wavefront)->refused ? 1 : 0;
    SNN_TRY(snn_world_sum(run->world, &refused, 1));
    if (refused > 0) {
        snn_run_say(run, "%lld of %d ranks find no memory to share on their host, and send packets instead",
                    (long long)refused, (int)snn_world_size(run->world));
    }
    return snn_ok();
}

snn_status snn_run_evaluate(snn_run *run)
{
    const snn_config *config = run->config;
    const snn_wavefront_options options = {.codec = config->codec,
                                           .timesteps = run->steps,
                                           .block = config->simulation.block,
                                           .images = run->batch,
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
    if (!snn_failed(status)) {
        status = snn_agreement_create(run->world, &run->agreement);
    }
    if (!snn_failed(status)) {
        status = make_room(run);
    }
    SNN_TRY(snn_world_agree(run->world, status));
    SNN_TRY(tell_refused(run));
    bool prints = snn_world_rank(run->world) == 0 && !run->options->quiet;
    int64_t done = run->images - run->todo_count;
    run->progress = snn_progress_begin("evaluation", run->images, done, prints, run->options->progress);
    snn_progress_update(&run->progress, done);
    run->begun = snn_seconds();
    status = run_rounds(run);
    if (!snn_failed(status)) {
        snn_progress_update(&run->progress, run->images); /* rank 0 need not have had the last group */
    }
    snn_progress_end(&run->progress);
    return status;
}
