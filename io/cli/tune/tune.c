/* The verb `tune`: finds the dynamics for a network on its calibration images, over all ranks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/memory.h"
#include "io/cli/run/session.h"
#include "io/cli/run/signals.h"
#include "io/cli/tune/tune_file.h"
#include "io/config/config_keys.h"
#include "io/hdf5/checkpoint.h"
#include "io/whole_file.h"

typedef struct tuning {
    snn_session *session;
    snn_tune_data data;
    snn_tune_list list;
    snn_progress progress;
    int32_t total;
    char path[SNN_PATH_BYTES + 256]; /* of what is kept; "": nothing is */
} tuning;

static bool is_root(const tuning *at)
{
    return snn_world_rank(at->session->world) == 0;
}

/* ---- going on ---- */

static void name_file(tuning *at)
{
    const snn_config *config = at->session->config;
    const char *slash = strrchr(config->output, '/');
    const char *name = slash != NULL ? slash + 1 : config->output;
    if (config->checkpoint.directory[0] != '\0') {
        (void)snprintf(at->path, sizeof at->path, "%s/%.200s.tune", config->checkpoint.directory, name);
    }
}

/* Rank 0's entries, on every rank. */
static snn_status go_on(tuning *at)
{
    snn_world *world = at->session->world;
    snn_status status = snn_ok();
    if (is_root(at) && at->path[0] != '\0') {
        status = snn_checkpoint_probe(at->session->config->checkpoint.directory);
        if (!snn_failed(status) && strcmp(at->session->options.restart, "never") != 0) {
            status = snn_tune_file_read(at->path, at->data.fingerprint, &at->list);
        }
    }
    SNN_TRY(snn_world_agree(world, status));
    size_t bytes = (size_t)at->list.count * sizeof *at->list.entries;
    void *entries = is_root(at) ? at->list.entries : NULL;
    SNN_TRY(snn_world_broadcast_buffer(world, 0, &entries, &bytes));
    at->list.entries = entries;
    at->list.capacity = bytes / sizeof *at->list.entries;
    at->list.count = (int32_t)at->list.capacity;
    if (is_root(at) && at->list.count > 0 && !at->session->options.quiet) {
        printf("going on from %s: %d dynamics measured before\n", at->path, at->list.count);
    }
    return snn_ok();
}

static snn_status measured(void *context, const snn_tune_list *list)
{
    tuning *at = context;
    float signal = (float)snn_signals_received();
    snn_status status =
        is_root(at) && at->path[0] != '\0' ? snn_tune_file_write(at->path, at->data.fingerprint, list) : snn_ok();
    SNN_TRY(snn_world_agree(at->session->world, status));
    at->progress.total = list->count < at->total ? at->total : list->count + 1;
    snn_progress_update(&at->progress, list->count);
    SNN_TRY(snn_world_maximum(at->session->world, &signal, 1));
    if (signal > 0.0F) {
        return at->path[0] != '\0'
                   ? snn_fail(SNN_STOPPED, "stopped: signal %d received; run the same command again to go on",
                              (int)signal)
                   : snn_fail(SNN_STOPPED,
                              "stopped: signal %d received; no checkpoint.directory is set, so nothing "
                              "was kept",
                              (int)signal);
    }
    return snn_ok();
}

/* ---- what was found ---- */

static void describe(const snn_tune_choice *choice, char *text, size_t bytes)
{
    char quantile[32] = "";
    if (choice->quantile < 1.0) {
        (void)snprintf(quantile, sizeof quantile, ", quantile %g", choice->quantile);
    }
    if (choice->steps > 0) {
        (void)snprintf(text, bytes, "windows: delay %d, ratio %.3g, margin %.3g%s, %s", choice->delay, choice->ratio,
                       choice->margin, quantile, snn_weight_format_name(choice->format));
    } else {
        (void)snprintf(text, bytes, "synchronous: eta0 %.3g, gamma %.3g%s, %s", choice->eta0, choice->gamma, quantile,
                       snn_weight_format_name(choice->format));
    }
}

static int by_latency(const void *a, const void *b)
{
    const snn_tune_result *first = &(*(const snn_tune_entry *const *)a)->result;
    const snn_tune_result *second = &(*(const snn_tune_entry *const *)b)->result;
    const int32_t latency = first->latency - second->latency, spikes = first->spikes - second->spikes;
    return latency != 0 ? latency : spikes != 0 ? spikes : (first > second) - (first < second); /* of one list */
}

static snn_status print_front(const tuning *at, const snn_tune_bounds *bounds)
{
    const snn_tune_list *list = &at->list;
    const int32_t chosen = snn_tune_default(list, bounds), quickest = snn_tune_quickest(list, bounds);
    const snn_tune_entry **front = snn_allocate((size_t)list->count, sizeof *front);
    size_t count = 0;
    if (front == NULL) {
        return snn_out_of_memory("front");
    }
    for (int32_t i = 0; i < list->count; i++) {
        if (snn_tune_on_front(list, i) || i == chosen || i == quickest) {
            front[count++] = &list->entries[i];
        }
    }
    qsort(front, count, sizeof *front, by_latency);
    printf("\n  latency  interval  spikes  agreement  counted     error  10^6 additions  ms/image   dynamics\n");
    for (size_t i = 0; i < count; i++) {
        const snn_tune_result *result = &front[i]->result;
        const int32_t number = (int32_t)(front[i] - list->entries);
        char text[128];
        describe(&front[i]->choice, text, sizeof text);
        printf("%c %7d  %8d  %6d     %6.4f   %6.4f  %8.2g  %14.4g  %8.3g   %s\n",
               number == chosen     ? '*'
               : number == quickest ? '+'
                                    : ' ',
               result->latency, result->spikes, result->spikes, result->agreement, result->agreed, result->error,
               1e-6 * result->operations, 1e3 * result->seconds, text);
    }
    printf(
        "\n  *  recommended        +  least latency that loses nothing\n"
        "  agreement with the trained network is what is expected from the errors of the logits; counted: of %d held\n"
        "  images (%d where windows overlap); spikes: of each neuron and image; interval: timesteps between images\n",
        at->data.held, at->data.held < 48 ? at->data.held : 48);
    snn_release(front);
    return snn_ok();
}

static void apply(const snn_tune_choice *choice, snn_config *config)
{
    config->neuron.steps = choice->steps;
    config->simulation.weights = choice->format;
    config->data.calibration_quantile = choice->quantile;
    config->simulation.encoding = SNN_ENCODING_DIRECT;
    config->simulation.timesteps = choice->timesteps;
    if (choice->steps > 0) {
        config->neuron.delay = choice->delay;
        config->neuron.ratio = choice->ratio;
        config->neuron.margin = choice->margin;
    } else {
        config->neuron.delay = 0;
        config->neuron.schedule = SNN_SCHEDULE_EXPONENTIAL;
        config->neuron.eta0 = choice->eta0;
        config->neuron.gamma = choice->gamma;
    }
}

static snn_status write_config(const tuning *at, const snn_tune_entry *entry)
{
    const char *path = at->session->options.output;
    snn_config config = *at->session->config;
    char *text = NULL;
    char words[128];
    apply(&entry->choice, &config);
    SNN_TRY(snn_config_write_text(&config, &text));
    describe(&entry->choice, words, sizeof words);
    snn_whole_file file;
    snn_status status = snn_whole_file_create(path, &file);
    if (!snn_failed(status)) {
        (void)fprintf(file.stream, /* a failure stays with the stream */
                      "# Found by snn_dist tune on %lld calibration images, %d of them held back:\n"
                      "# %s; latency %d, interval %d, %d spikes per neuron,\n"
                      "# expected agreement with the trained network %.4f, error of the logits %.2g\n\n%s",
                      (long long)(at->data.images + at->data.held), at->data.held, words, entry->result.latency,
                      entry->result.spikes, entry->result.spikes, entry->result.agreement, entry->result.error, text);
        status = snn_whole_file_finish(&file, status);
    }
    snn_release(text);
    return status;
}

/* The keys that matter, to copy. */
static void print_keys(const snn_tune_choice *choice)
{
    printf("\n[neuron]\n");
    if (choice->steps > 0) {
        printf("steps = %d\ndelay = %d\nratio = %.10g\nmargin = %.10g\n", choice->steps, choice->delay, choice->ratio,
               choice->margin);
    } else {
        printf("steps = 0\nschedule = \"exponential\"\neta0 = %.10g\ngamma = %.10g\n", choice->eta0, choice->gamma);
    }
    printf("[simulation]\nencoding = \"direct\"\ntimesteps = %d\nweights = \"%s\"\n", choice->timesteps,
           snn_weight_format_name(choice->format));
    if (choice->quantile < 1.0) {
        printf("[data]\ncalibration_quantile = %.10g\n", choice->quantile);
    }
}

static snn_status conclude(const tuning *at, const snn_tune_bounds *bounds)
{
    const int32_t chosen = snn_tune_default(&at->list, bounds);
    const bool quiet = at->session->options.quiet;
    if (!quiet && at->list.count > 0) {
        SNN_TRY(print_front(at, bounds));
    }
    if (chosen < 0) {
        return snn_fail(SNN_CHECK_FAILED, "no dynamics within the bounds; %s",
                        bounds->agreement > 0.0 ? "a lower --agreement may have some" : "raise --steps or --latency");
    }
    if (!quiet) {
        print_keys(&at->list.entries[chosen].choice);
    }
    if (at->session->options.output != NULL) {
        SNN_TRY(write_config(at, &at->list.entries[chosen]));
        if (!quiet) {
            printf("\n  written     %s\n", at->session->options.output);
        }
    }
    return snn_ok();
}

/* ---- the verb ---- */

static snn_status tune(tuning *at)
{
    snn_session *session = at->session;
    const snn_options *options = &session->options;
    const snn_tune_bounds bounds = {options->steps, options->latency, options->agreement};
    SNN_TRY(snn_session_read_config(session, SNN_CONFIG_CONVERT));
    if (session->config->neuron.dynamics != SNN_DYNAMICS_SIGNGD) {
        return snn_fail(SNN_INPUT_ERROR,
                        "tune finds the dynamics of signGD neurons; neuron.dynamics is \"subgradient\"; leave it out");
    }
    if (options->output != NULL) {
        SNN_TRY(snn_session_probe(session, options->output));
    }
    SNN_TRY(snn_session_try_data(session, false));
    SNN_TRY(snn_tune_data_open(session->world, session->config, options->quiet, options->progress, &at->data));
    name_file(at);
    SNN_TRY(go_on(at));
    if (is_root(at) && !options->quiet) {
        printf("%lld calibration images: ranges from %lld, %d held back to choose by; the test set is not looked at\n",
               (long long)(at->data.images + at->data.held), (long long)at->data.images, at->data.held);
        (void)fflush(stdout);
    }
    at->progress = snn_progress_begin("tune", 0, at->list.count, is_root(at) && !options->quiet, options->progress);
    at->progress.unit = "dynamics";
    snn_status status = snn_tune_search(&at->data, &bounds, &at->list, measured, at, &at->total);
    if (!snn_failed(status)) {
        at->progress.total = at->list.count;
        snn_progress_update(&at->progress, at->list.count);
    }
    snn_progress_end(&at->progress);
    SNN_TRY(status);
    return snn_world_agree(session->world, is_root(at) ? conclude(at, &bounds) : snn_ok());
}

static snn_status tune_verb(int argc, char **argv)
{
    snn_session session;
    tuning at = {.session = &session};
    snn_status status = snn_session_begin(&snn_verb_tune, "srqgoSLA", argc, argv, &session);
    if (!snn_failed(status)) {
        snn_signals_catch();
        status = tune(&at);
    }
    status = snn_session_tell(&session, status);
    snn_tune_data_close(&at.data);
    snn_tune_list_clear(&at.list);
    snn_session_end(&session);
    return status;
}

static const snn_verb_option options_taken[] = {
    {"-o", "tuned.toml", "write the config with what is recommended"},
    {"--steps", "N", "at most N spikes of a neuron"},
    {"--latency", "T", "at most T timesteps"},
    {"--agreement", "A", "the least latency with an expected agreement of at least A (0 to 1)"},
    {"--restart", "auto|never", "go on from what was measured before (default), or start anew"},
    SNN_OPTION_SET,
    SNN_OPTION_QUIET,
    SNN_OPTION_PROGRESS,
    {NULL, NULL, NULL},
};

const snn_verb snn_verb_tune = {
    "tune",
    "tune CONFIG.toml [-o tuned.toml]",
    "find the dynamics on the calibration images: latency, spikes, agreement (under mpirun: over all ranks)",
    options_taken,
    NULL,
    tune_verb,
};
