#include "io/cli/run/summary.h"

#include <math.h>
#include <stdio.h>

/* Accuracy is shown after about so many timesteps of those that a readout with windows changes at. */
enum { ROWS_SHOWN = 8 };

/* Of so many images it can be said whether answers are better than chance. */
enum { LEAST_TO_JUDGE = 100 };

/* Points below the trained network's accuracy that are worth a word. */
static const double NOTICED_LOSS = 1.0;

/* Sums of codes times whole weights fit 32 bits. The longer the codes, the fewer bits are left to the weights of long
 * rows: with more steps than this they may be coarser than the codes, and then more steps make things worse. */
enum { MOST_STEPS_OF_INTEGERS = 8 };

/* A few images beyond the largest value of the calibration set are what to expect of new data; more is a calibration
 * set that is too small or not of the same kind. */
static const double WARNING_SHARE = 0.05;

static double percent(const snn_report_run *run, int64_t correct)
{
    return 100.0 * (double)correct / (double)run->images;
}

/* ---- accuracy ---- */

/* The next timestep that is shown: without windows twice as many, with them a share of those with an answer. */
static int32_t next_shown(const snn_report_run *run, int32_t timestep)
{
    const int32_t last = run->timesteps;
    if (!run->windows) {
        return timestep < last && 2 * timestep > last ? last : 2 * timestep;
    }
    const int32_t stride = (last - run->first_answer + ROWS_SHOWN) / ROWS_SHOWN;
    return timestep < last && timestep + stride > last ? last : timestep + stride;
}

static void print_accuracy(const snn_report_run *run)
{
    puts("\n  timesteps   accuracy");
    for (int32_t t = run->first_answer; t <= run->timesteps; t = next_shown(run, t)) {
        printf("  %9d   %7.2f %%\n", t, percent(run, run->correct[t - 1]));
    }
    if (run->ann_correct >= 0) {
        printf("  %9s   %7.2f %%\n", "trained", percent(run, run->ann_correct));
    }
}

/* What is wrong where the trained network answers as if it guessed is not the spiking one. */
static void print_guesses(const snn_report_run *run)
{
    const double guessed = 1.0 / run->classes, images = (double)run->images;
    if (run->ann_correct >= 0 && run->images >= LEAST_TO_JUDGE &&
        (double)run->ann_correct <= images * guessed + 2.0 * sqrt(images * guessed * (1.0 - guessed))) {
        puts(
            "\n  guesses     the trained network is no better than chance: see to data.mean, data.std, data.layout and "
            "the labels");
    }
}

/* What a network that loses accuracy lacks. */
static void print_cures(const snn_report_run *run)
{
    if (!run->windows) {
        printf(
            "%sneuron.steps = 8, a window for every neuron (simulation.timesteps = 0), or `snn_dist tune` cures that\n",
            run->subgradient ? "neuron.dynamics = \"signgd\" with " : "");
        return;
    }
    if (run->timesteps < run->latency) {
        printf("simulation.timesteps = %d ends before the last window does; 0 waits for it\n", run->timesteps);
        return;
    }
    if (run->delay < run->steps) {
        printf("neuron.delay = %d (inputs that stand still), ", run->steps);
    }
    const bool coarse = run->whole_weights && run->steps + 2 > MOST_STEPS_OF_INTEGERS;
    printf("more steps (neuron.steps = %d%s), a wider range (neuron.margin = %g) or `snn_dist tune` help then\n",
           run->steps + 2, coarse ? " with simulation.weights = \"float32\"" : "",
           run->margin < 0.5 ? 0.5 : 2.0 * run->margin);
}

static void print_loss(const snn_report_run *run)
{
    const double loss = percent(run, run->ann_correct - run->correct[run->timesteps - 1]);
    if (run->ann_correct >= 0 && loss > NOTICED_LOSS) {
        printf("\n  loss        %.2f points below the trained network: ", loss);
        print_cures(run);
    }
}

/* Latency, interval and spikes belong together: each can be had at the cost of the others. */
static void print_dynamics(const snn_report_run *run)
{
    printf("\n  dynamics    latency %lld, interval %d, %g spikes per neuron (", (long long)run->latency, run->steps,
           run->spikes_per_neuron);
    if (run->windows) {
        printf("windows of %d steps, delay %d, ratio %g, margin %g", run->steps, run->delay, run->ratio, run->margin);
    } else {
        printf("all neurons at every timestep");
    }
    printf("; depth %d)\n", run->depth);
}

/* ---- costs ---- */

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
static void print_threads(const snn_report_run *run)
{
    if (run->threads[0] == run->threads[1]) {
        printf("%d thread%s", run->threads[0], run->threads[0] == 1 ? "" : "s");
    } else {
        printf("%d to %d threads", run->threads[0], run->threads[1]);
    }
}

static void print_spikes(const snn_report_run *run)
{
    int64_t spikes = 0, neurons = 0;
    for (int32_t i = 0; i < run->layer_count; i++) {
        spikes += run->layers[i].spikes;
        neurons += run->layers[i].neurons;
    }
    const double opportunities = (double)neurons * (double)run->images * (double)run->steps;
    printf("  spikes      %lld of %lld neurons x %lld images x %d %s (%.1f %%)\n", (long long)spikes,
           (long long)neurons, (long long)run->images, run->steps, run->windows ? "steps" : "timesteps",
           opportunities > 0.0 ? 100.0 * (double)spikes / opportunities : 0.0);
}

static void print_costs(const snn_report_run *run)
{
    char shared[32], raw[32], sent[32];
    printf("  ranks       %d as %s (replicas x stages x channel shards), ", run->ranks, run->layout);
    print_threads(run);
    printf(" each, kernels %s\n", run->kernels);
    if (run->idle_ranks > 0) {
        printf("  idle        %d of %d ranks have no work\n", run->idle_ranks, run->ranks);
    }
    const bool whole = run->evaluation >= 1.0;
    printf("  speed       %.1f images/s (%lld images in %.1f %s)\n",
           run->evaluation > 0.0 ? (double)run->images / run->evaluation : 0.0, (long long)run->images,
           whole ? run->evaluation : run->evaluation * 1e3, whole ? "s" : "ms");
    if (run->counted) {
        print_spikes(run);
    }
    if (run->shared_bytes > 0) {
        format_bytes(run->shared_bytes, shared, sizeof shared);
        printf("  shared      %s of spikes in memory, where the ranks of a host read them\n", shared);
    }
    if (run->packets == 0) {
        if (run->shared_bytes == 0) {
            puts("  sent        nothing: no spikes cross ranks in this layout");
        }
        return;
    }
    format_bytes(run->raw_bytes, raw, sizeof raw);
    format_bytes(run->sent_bytes, sent, sizeof sent);
    printf("  sent        %s in %lld packets for %s of spikes (codec %s, ratio %.2f)\n", sent, (long long)run->packets,
           raw, run->codec, run->sent_bytes > 0 ? (double)run->raw_bytes / (double)run->sent_bytes : 0.0);
}

/* ---- ranges: channels whose neurons left what calibration found for them. With windows these are neurons whose f(x)
 * lies beyond all that their codes reach, the calibrated range and its margin. ---- */

typedef struct ranges {
    int64_t channels, beyond;
    const snn_report_layer *worst; /* NULL: no channel left its range */
} ranges;

static ranges find_ranges(const snn_report_run *run)
{
    ranges found = {0, 0, NULL};
    for (int32_t i = 0; i < run->layer_count && !run->subgradient; i++) { /* a firing rate has no range to leave */
        const snn_report_layer *layer = &run->layers[i];
        found.channels += layer->channels;
        found.beyond += layer->beyond;
        if (layer->worst_share > (found.worst != NULL ? found.worst->worst_share : 0.0)) {
            found.worst = layer;
        }
    }
    return found;
}

static void print_ranges(const snn_report_run *run)
{
    const ranges found = find_ranges(run);
    if (found.worst != NULL) {
        printf("  range       %lld of %lld channels left %s (most: channel %lld of %s, %.2g %%)\n",
               (long long)found.beyond, (long long)found.channels,
               run->windows ? "what their windows reach" : "their calibrated range",
               (long long)found.worst->worst_channel, found.worst->name, 100.0 * found.worst->worst_share);
    }
}

void snn_summary_warn(const snn_report_run *run)
{
    const ranges found = find_ranges(run);
    if (found.worst == NULL || found.worst->worst_share <= WARNING_SHARE) {
        return;
    }
    (void)fflush(stdout);
    (void)fprintf(stderr,
                  "snn_dist: warning: channel %lld of %s was beyond %s in %.1f %% of its values "
                  "(%lld of %lld channels were at least once: /layers/*/channel_beyond of the output); %smore "
                  "calibration images, or neuron.scale = \"layer\", widen the ranges\n",
                  (long long)found.worst->worst_channel, found.worst->name,
                  run->windows ? "what its window reaches" : "its calibrated range", 100.0 * found.worst->worst_share,
                  (long long)found.beyond, (long long)found.channels, run->windows ? "a larger neuron.margin, " : "");
}

/* ---- tables ---- */

/* What packets cost and what their codecs saved, by kind of edge. */
static void print_packets(const snn_report_run *run)
{
    bool first = true;
    for (int i = 0; i < (int)SNN_EDGE_KIND_COUNT * (int)SNN_CODEC_AUTO; i++) {
        const int kind = i / (int)SNN_CODEC_AUTO, codec = i % (int)SNN_CODEC_AUTO;
        const snn_traffic_line *line = &run->lines[kind][codec];
        if (line->packets == 0.0) {
            continue;
        }
        if (first) {
            puts("\n  packets                 codec      ratio   seconds spent   seconds saved");
            first = false;
        }
        printf("  %-22s  %-7s  %7.2f   %13.2f   %13.2f\n", snn_edge_kind_name((snn_edge_kind)kind),
               snn_codec_name((snn_codec)codec), line->raw_bytes / line->sent_bytes,
               line->encode_seconds + line->decode_seconds, line->saved_seconds);
    }
}

/* min / mean / max over ranks of every timer. */
static void print_timers(const snn_report_run *run)
{
    puts("\n  seconds         min     mean      max   over ranks   max / mean");
    for (int timer = 0; timer < SNN_TIMER_COUNT; timer++) {
        double least = run->seconds[timer], most = least, sum = 0.0;
        for (int32_t rank = 0; rank < run->ranks; rank++) {
            const double value = run->seconds[rank * SNN_TIMER_COUNT + timer];
            least = value < least ? value : least;
            most = value > most ? value : most;
            sum += value;
        }
        const double mean = sum / run->ranks;
        char imbalance[32] = "-";
        if (mean >= 0.0005) { /* what the mean shows */
            (void)snprintf(imbalance, sizeof imbalance, "%.2f", most / mean);
        }
        printf("  %-11s %7.3f  %7.3f  %7.3f %25s\n", snn_timer_name((snn_timer)timer), least, mean, most, imbalance);
    }
}

void snn_summary_print(const snn_report_run *run)
{
    print_accuracy(run);
    print_guesses(run);
    print_loss(run);
    print_dynamics(run);
    print_costs(run);
    print_ranges(run);
    print_packets(run);
    print_timers(run);
    (void)fflush(stdout);
}
