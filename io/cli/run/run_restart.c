/* Checkpoints of a run: finding and reading one, writing one, and what is left to do after it. */
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "core/base/memory.h"
#include "io/cli/run/run_state.h"

/* What determines the results and their statistics, hashed. Ranks, layout, threads, batch, block and codec are left
 * out: they do not; nor does where the network comes from: one that is converted now and the file of an earlier
 * conversion are the same. */
static uint64_t fingerprint_of(const snn_run *run)
{
    const snn_config *config = run->config;
    char text[256];
    int used = snprintf(text, sizeof text, "%016llx %016llx %d %lld %d %d %lld %d %.17g %d", /* one line of facts */
                        (unsigned long long)run->origin.content_hash, (unsigned long long)run->data_hash,
                        (int)config->data.layout, (long long)run->images, (int)config->simulation.encoding,
                        config->simulation.timesteps, (long long)config->simulation.seed, (int)config->neuron.dynamics,
                        config->neuron.momentum, (int)config->statistics);
    uint64_t hash = XXH3_64bits(text, used > 0 ? (size_t)used : 0);
    hash = XXH3_64bits_withSeed(run->eta, (size_t)run->steps * sizeof *run->eta, hash);
    hash = XXH3_64bits_withSeed(config->data.mean, (size_t)config->data.mean_count * sizeof(double), hash);
    return XXH3_64bits_withSeed(config->data.std, (size_t)config->data.std_count * sizeof(double), hash);
}

/* Base name of the output without its ending, and short enough for what a checkpoint's file name has behind it. */
static void name_checkpoints(snn_run *run)
{
    const char *slash = strrchr(run->config->output, '/');
    (void)snprintf(run->checkpoint_name, sizeof run->checkpoint_name, "%.200s",
                   slash != NULL ? slash + 1 : run->config->output);
    size_t length = strlen(run->checkpoint_name);
    if (length > 3 && strcmp(run->checkpoint_name + length - 3, ".h5") == 0) {
        run->checkpoint_name[length - 3] = '\0';
    }
}

static bool keeps_checkpoints(const snn_run *run)
{
    return run->config->checkpoint.directory[0] != '\0';
}

snn_status snn_run_probe_checkpoints(const snn_run *run)
{
    bool probes = keeps_checkpoints(run) && snn_world_rank(run->world) == 0;
    return snn_world_agree(run->world, probes ? snn_checkpoint_probe(run->config->checkpoint.directory) : snn_ok());
}

/* Rank 0. Two jobs with the same output are told so before; these have outputs of the same name in different folders.
 */
static snn_status claim_checkpoints(snn_run *run)
{
    return keeps_checkpoints(run) ? snn_checkpoint_lock(run->config->checkpoint.directory, run->checkpoint_name,
                                                        run->fingerprint, &run->checkpoints)
                                  : snn_ok();
}

/* Rank 0: the checkpoint to go on from, "" for none. */
static snn_status choose_checkpoint(snn_run *run, char *path, size_t bytes)
{
    const char *wish = run->options->restart;
    char note[1024] = "";
    path[0] = '\0';
    if (strcmp(wish, "never") == 0) {
        return snn_ok();
    }
    if (strcmp(wish, "auto") != 0) {
        (void)snprintf(path, bytes, "%s", wish);
        return snn_ok();
    }
    if (!keeps_checkpoints(run)) {
        return snn_ok();
    }
    snn_status status = snn_checkpoint_find(run->config->checkpoint.directory, run->checkpoint_name, run->fingerprint,
                                            path, bytes, note, sizeof note);
    if (note[0] != '\0') {
        size_t length = strlen(note);
        note[length - 1] = note[length - 1] == '\n' ? '\0' : note[length - 1];
        snn_run_say(run, "%s", note);
    }
    return status;
}

static snn_checkpoint_state state_of(const snn_run *run, snn_statistics *statistics)
{
    return (snn_checkpoint_state){
        .fingerprint = run->fingerprint,
        .images = run->images,
        .timesteps = run->config->simulation.timesteps,
        .classes = run->network->classes,
        .sequence = run->sequence,
        .seconds = run->seconds_before + (run->begun > 0.0 ? snn_seconds() - run->begun : 0.0),
        .statistics = statistics,
        .results = run->results,
    };
}

static snn_status resume(snn_run *run)
{
    char path[SNN_PATH_BYTES];
    SNN_TRY(choose_checkpoint(run, path, sizeof path));
    if (path[0] == '\0') {
        return snn_ok();
    }
    /* The checkpoint's counts become this rank's counts; what the other ranks count is added to them. */
    snn_checkpoint_state state = state_of(run, snn_shard_statistics(run->shard));
    SNN_TRY(snn_checkpoint_read(path, &state));
    run->sequence = state.sequence;
    run->seconds_before = state.seconds;
    snn_run_say(run, "restarting from %s: %lld of %lld images done", path, (long long)run->results->count,
                (long long)run->images);
    return snn_ok();
}

/* The images without results, the same list on every rank. */
static snn_status list_todo(snn_run *run)
{
    int64_t *finished = snn_allocate((size_t)run->images, sizeof *finished);
    run->todo = snn_allocate((size_t)run->images, sizeof *run->todo);
    snn_status status = finished == NULL || run->todo == NULL ? snn_out_of_memory("list of images") : snn_ok();
    SNN_GOTO_DONE(status, snn_world_agree(run->world, status));
    for (int64_t i = 0; i < run->results->count; i++) {
        finished[run->results->image[i]] = 1;
    }
    SNN_GOTO_DONE(status, snn_world_sum(run->world, finished, (size_t)run->images));
    for (int64_t i = 0; i < run->images; i++) {
        if (finished[i] == 0) {
            run->todo[run->todo_count++] = i;
        }
    }
    run->groups = (run->todo_count + run->batch - 1) / run->batch;
done:
    snn_release(finished);
    return status;
}

snn_status snn_run_restart(snn_run *run)
{
    snn_status status = snn_results_create(run->config->simulation.timesteps, run->network->classes, &run->results);
    SNN_TRY(snn_world_agree(run->world, status));
    name_checkpoints(run);
    run->fingerprint = fingerprint_of(run);
    status = snn_world_rank(run->world) == 0 ? claim_checkpoints(run) : snn_ok();
    if (snn_world_rank(run->world) == 0 && !snn_failed(status)) {
        status = resume(run);
    }
    SNN_TRY(snn_world_agree(run->world, status));
    SNN_TRY(snn_world_broadcast(run->world, 0, &run->fingerprint, sizeof run->fingerprint));
    SNN_TRY(snn_world_broadcast(run->world, 0, &run->sequence, sizeof run->sequence));
    return list_todo(run);
}

snn_status snn_run_checkpoint(snn_run *run)
{
    if (!keeps_checkpoints(run)) {
        return snn_ok();
    }
    double begun = snn_seconds();
    snn_statistics *sum = NULL;
    snn_status status = snn_world_agree(run->world, snn_statistics_create(run->network, run->steps, &sum));
    if (status.code == SNN_OK) {
        const snn_statistics *own = snn_shard_statistics(run->shard);
        memcpy(sum->counts, own->counts, own->length * sizeof *own->counts);
        status = snn_world_sum(run->world, sum->counts, sum->length);
    }
    if (status.code == SNN_OK) {
        run->sequence++;
        snn_checkpoint_state state = state_of(run, sum);
        status = snn_checkpoint_write(run->world, run->config->checkpoint.directory, run->checkpoint_name,
                                      run->config->checkpoint.keep, &state);
    }
    snn_statistics_destroy(sum);
    double ended = snn_seconds();
    snn_wavefront_timers(run->wavefront)->seconds[SNN_TIMER_IO] += ended - begun;
    snn_trace_record(run->trace, 0, SNN_TRACE_CHECKPOINT, begun, ended);
    return status;
}
