/* The end of a run: accuracy, output file, and the table that the user sees. */
#include <omp.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/network/timing.h"
#include "io/cli/run_state.h"
#include "io/trace_file.h"

/* Accuracy is shown after about so many timesteps of those that a readout with windows changes at. */
enum { ROWS_SHOWN = 8 };

/* Points below the trained network's accuracy that are worth a word. */
static const double NOTICED_LOSS = 1.0;

typedef struct totals {
    int32_t *labels;            /* [images] */
    int64_t *correct;           /* [timesteps], summed over ranks */
    int64_t images;             /* results over all ranks */
    snn_statistics *statistics; /* summed */
    snn_wavefront_traffic traffic;
    double seconds;
    int32_t threads[2]; /* fewest and most of a rank */
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
    const snn_wavefront_traffic *traffic = snn_wavefront_traffic_of(run->wavefront);
    int64_t counts[4] = {traffic->packets, traffic->raw_bytes, traffic->sent_bytes, run->results->count};
    SNN_TRY(snn_world_sum(run->world, counts, 4));
    sum->traffic = (snn_wavefront_traffic){.packets = counts[0], .raw_bytes = counts[1], .sent_bytes = counts[2]};
    float threads[2] = {-(float)omp_get_max_threads(), (float)omp_get_max_threads()};
    SNN_TRY(snn_world_maximum(run->world, threads, 2));
    sum->threads[0] = -(int32_t)threads[0];
    sum->threads[1] = (int32_t)threads[1];
    sum->images = counts[3];
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
        .seconds = sum->seconds,
    };
    double begun = snn_seconds();
    snn_status status = snn_output_write(run->world, run->config->output, &output);
    (void)snn_timers_charge(snn_wavefront_timers(run->wavefront), SNN_TIMER_IO, begun);
    return status;
}

static void format_bytes(int64_t bytes, char *text, size_t size)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double value = (double)bytes;
    int unit = 0;
    while (value >= 1000.0 && unit < 4) {
        value /= 1000.0;
        unit++;
    }
    (void)snprintf(text, size, "%.*f %s", unit == 0 ? 0 : 1, value, units[unit]);
}

/* "1 thread", "4 threads", "1 to 2 threads" */
static const char *format_threads(const totals *sum, char *text, size_t size)
{
    if (sum->threads[0] == sum->threads[1]) {
        (void)snprintf(text, size, "%d thread%s", sum->threads[0], sum->threads[0] == 1 ? "" : "s");
    } else {
        (void)snprintf(text, size, "%d to %d threads", sum->threads[0], sum->threads[1]);
    }
    return text;
}

static double percent(const snn_run *run, int64_t correct)
{
    return 100.0 * (double)correct / (double)run->images;
}

/* Timesteps before the first at which the readout's sources have fired: until then it has nothing but its bias, and
 * what the image gives it directly. */
static snn_status find_silence(const snn_run *run, int32_t *silence)
{
    const int32_t populations = run->network->population_count;
    snn_timing *timings = snn_allocate((size_t)populations, sizeof *timings);
    if (timings == NULL) {
        return snn_out_of_memory("timings");
    }
    snn_network_timings(run->network, timings);
    const int32_t start = timings[populations - 1].start; /* the one before, if there is one */
    *silence = start > 0 ? start + 1 : 0;
    if (*silence >= run->config->simulation.timesteps) {
        *silence = run->config->simulation.timesteps - 1;
    }
    snn_release(timings);
    return snn_ok();
}

/* The next timestep that is shown: without windows twice as many, with them a share of those left after `silence`. */
static int32_t next_shown(const snn_run *run, int32_t silence, int32_t timestep)
{
    const int32_t last = run->config->simulation.timesteps;
    if (run->network->windows.steps == 0) {
        return timestep < last && 2 * timestep > last ? last : 2 * timestep;
    }
    const int32_t stride = (last - silence + ROWS_SHOWN - 1) / ROWS_SHOWN;
    return timestep < last && timestep + stride > last ? last : timestep + stride;
}

static snn_status say_accuracy(const snn_run *run, const totals *sum)
{
    const int32_t timesteps = run->config->simulation.timesteps;
    const bool windows = run->network->windows.steps > 0;
    int32_t silence = 0;
    SNN_TRY(snn_world_agree(run->world, windows ? find_silence(run, &silence) : snn_ok()));
    snn_run_say(run, "\n  timesteps   accuracy");
    for (int32_t t = silence + 1; t <= timesteps; t = next_shown(run, silence, t)) {
        snn_run_say(run, "  %9d   %7.2f %%", t, percent(run, sum->correct[t - 1]));
    }
    if (run->ann_correct >= 0) {
        snn_run_say(run, "  %9s   %7.2f %%", "trained", percent(run, run->ann_correct));
    }
    return snn_ok();
}

/* What a network that loses accuracy lacks. */
static void name_cures(const snn_run *run, char *text, size_t bytes)
{
    const snn_windows *windows = &run->network->windows;
    char delay[80] = "";
    if (windows->steps == 0) {
        (void)snprintf(text, bytes,
                       "%sneuron.steps = 8, a window for every neuron (simulation.timesteps = 0), or `snn_dist tune` "
                       "cures that",
                       run->config->neuron.dynamics == SNN_DYNAMICS_SIGNGD ? "" : "neuron.dynamics = \"signgd\" with ");
        return;
    }
    if (run->config->simulation.timesteps < snn_network_latency(run->network)) {
        (void)snprintf(text, bytes, "simulation.timesteps = %d ends before the last window does; 0 waits for it",
                       run->config->simulation.timesteps);
        return;
    }
    if (windows->delay < windows->steps) {
        (void)snprintf(delay, sizeof delay, "neuron.delay = %d (inputs that stand still), ", windows->steps);
    }
    (void)snprintf(text, bytes,
                   "%smore steps (neuron.steps = %d), a wider range (neuron.margin = %g) or `snn_dist tune` help then",
                   delay, windows->steps + 2, windows->margin < 0.5 ? 0.5 : 2.0 * windows->margin);
}

static void say_loss(const snn_run *run, const totals *sum)
{
    const int64_t correct = sum->correct[run->config->simulation.timesteps - 1];
    const double loss = percent(run, run->ann_correct - correct);
    char cures[256];
    if (run->ann_correct >= 0 && loss > NOTICED_LOSS) {
        name_cures(run, cures, sizeof cures);
        snn_run_say(run, "\n  loss        %.2f points below the trained network: %s", loss, cures);
    }
}

/* Latency, interval and spikes belong together: each can be had at the cost of the others. */
static void say_dynamics(const snn_run *run)
{
    const snn_windows *windows = &run->network->windows;
    const snn_output_dynamics all = snn_output_dynamics_of(run->network, run->config->simulation.timesteps);
    char how[128] = "all neurons at every timestep";
    if (windows->steps > 0) {
        (void)snprintf(how, sizeof how, "windows of %d steps, delay %d, ratio %g, margin %g", windows->steps,
                       windows->delay, windows->ratio, windows->margin);
    }
    snn_run_say(run, "\n  dynamics    latency %lld, interval %lld, %g spikes per neuron (%s; depth %d)",
                (long long)all.latency, (long long)all.interval, all.spikes_per_neuron, how, all.depth);
}

static void say_costs(const snn_run *run, const totals *sum)
{
    int64_t spikes = 0;
    for (int32_t p = 0; p < run->network->population_count; p++) {
        const snn_population_counts counts = snn_statistics_population(sum->statistics, run->network, p);
        for (int32_t t = 0; t < run->steps; t++) {
            spikes += counts.spikes[t];
        }
    }
    int64_t neurons = snn_network_neurons(run->network);
    double opportunities = (double)neurons * (double)run->images * (double)run->steps;
    char layout[128], threads[48], raw[32], sent[32];
    format_bytes(sum->traffic.raw_bytes, raw, sizeof raw);
    format_bytes(sum->traffic.sent_bytes, sent, sizeof sent);
    double ratio = sum->traffic.sent_bytes > 0 ? (double)sum->traffic.raw_bytes / (double)sum->traffic.sent_bytes : 0.0;
    double here = snn_seconds() - run->begun;
    snn_run_say(run, "  ranks       %d as %s (replicas x stages x channel shards), %s each, kernels %s",
                snn_world_size(run->world), snn_plan_describe(run->plan, layout, sizeof layout),
                format_threads(sum, threads, sizeof threads), run->kernels->name);
    const int32_t idle = snn_plan_idle_ranks(run->plan, run->network, run->groups);
    if (idle > 0) {
        snn_run_say(run, "  idle        %d of %d ranks have no work", idle, snn_world_size(run->world));
    }
    snn_run_say(run, "  speed       %.1f images/s (%lld images in %.1f s)",
                here > 0.0 ? (double)run->todo_count / here : 0.0, (long long)run->todo_count, here);
    snn_run_say(run, "  spikes      %lld of %lld neurons x %lld images x %d %s (%.1f %%)", (long long)spikes,
                (long long)neurons, (long long)run->images, run->steps,
                run->network->windows.steps > 0 ? "steps" : "timesteps",
                opportunities > 0.0 ? 100.0 * (double)spikes / opportunities : 0.0);
    if (sum->traffic.packets > 0) {
        snn_run_say(run, "  sent        %s in %lld packets for %s of spikes (codec %s, ratio %.2f)", sent,
                    (long long)sum->traffic.packets, raw, snn_codec_name(snn_wavefront_codec(run->wavefront)), ratio);
    } else {
        snn_run_say(run, "  sent        nothing: no spikes cross ranks in this layout");
    }
}

/* min / mean / max over ranks of every timer. */
static snn_status say_timers(const snn_run *run)
{
    size_t ranks = (size_t)snn_world_size(run->world);
    snn_timers timers = *snn_wavefront_timers(run->wavefront);
    double *all = snn_allocate(ranks * SNN_TIMER_COUNT, sizeof *all);
    snn_status status = snn_world_agree(run->world, all == NULL ? snn_out_of_memory("timers") : snn_ok());
    if (status.code == SNN_OK) {
        status = snn_world_gather_doubles(run->world, timers.seconds, SNN_TIMER_COUNT, all);
    }
    if (status.code == SNN_OK && snn_world_rank(run->world) == 0) {
        snn_run_say(run, "\n  seconds         min     mean      max   over ranks   max / mean");
        for (int32_t timer = 0; timer < SNN_TIMER_COUNT; timer++) {
            double least = all[timer], most = all[timer], sum = 0.0;
            for (size_t r = 0; r < ranks; r++) {
                double value = all[r * SNN_TIMER_COUNT + (size_t)timer];
                least = value < least ? value : least;
                most = value > most ? value : most;
                sum += value;
            }
            double mean = sum / (double)ranks;
            char imbalance[32] = "-";
            if (mean >= 0.005) { /* what the mean shows */
                (void)snprintf(imbalance, sizeof imbalance, "%.2f", most / mean);
            }
            snn_run_say(run, "  %-11s %7.2f  %7.2f  %7.2f %25s", snn_timer_name((snn_timer)timer), least, mean, most,
                        imbalance);
        }
    }
    snn_release(all);
    return status;
}

static snn_status remove_checkpoints(const snn_run *run)
{
    bool has = run->config->checkpoint.directory[0] != '\0' && snn_world_rank(run->world) == 0;
    return has ? snn_checkpoint_remove(run->config->checkpoint.directory, run->checkpoint_name, run->fingerprint)
               : snn_ok();
}

static snn_status report(snn_run *run, totals *sum)
{
    SNN_TRY(add_up(run, sum));
    sum->seconds = run->seconds_before + snn_seconds() - run->begun;
    SNN_TRY(say_accuracy(run, sum));
    say_loss(run, sum);
    say_dynamics(run);
    say_costs(run, sum);
    snn_run_say_ranges(run, sum->statistics);
    SNN_TRY(write_output(run, sum));
    SNN_TRY(snn_run_say_packets(run));
    SNN_TRY(say_timers(run));
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
