/* The verb `bench`: how fast the kernels are on this machine, against what it can do at most and against oneDNN. */
#include "io/lab/bench/bench.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/hdf5/output.h"
#include "io/lab/bench/onednn.h"
#include "io/whole_file.h"

enum { MOST_BLOCK = 4096, MOST_THREADS = 1024 };

static snn_status parse_count(const char *name, const char *text, int32_t largest, int32_t *count)
{
    char *end = NULL;
    errno = 0;
    const long value = strtol(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || value < 1 || value > largest) {
        return snn_usage_error(&snn_verb_bench, "%s %s: a whole number from 1 to %d expected", name, text, largest);
    }
    *count = (int32_t)value;
    return snn_ok();
}

static snn_status parse_seconds(const char *text, double *seconds)
{
    char *end = NULL;
    *seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(*seconds) || *seconds < 0.0) {
        return snn_usage_error(&snn_verb_bench, "--seconds %s: a number of at least 0 expected", text);
    }
    return snn_ok();
}

static snn_status parse_weights(const char *text, snn_weight_format *weights)
{
    for (snn_weight_format format = SNN_WEIGHTS_INT16; format <= SNN_WEIGHTS_FLOAT32; format++) {
        if (strcmp(snn_weight_format_name(format), text) == 0) {
            *weights = format;
            return snn_ok();
        }
    }
    return snn_usage_error(&snn_verb_bench, "--weights %s: int16, int8 or float32 expected", text);
}

static snn_status store(const char *name, const char *value, snn_bench_options *options)
{
    if (strcmp(name, "--json") == 0) {
        options->json = value;
    } else if (strcmp(name, "--layers") == 0) {
        options->layers = value;
    } else if (strcmp(name, "--kernels") == 0) {
        options->kernel_name = value;
    } else if (strcmp(name, "--weights") == 0) {
        return parse_weights(value, &options->weights);
    } else if (strcmp(name, "--block") == 0) {
        return parse_count(name, value, MOST_BLOCK, &options->block);
    } else if (strcmp(name, "--threads") == 0) {
        return parse_count(name, value, MOST_THREADS, &options->threads);
    } else if (strcmp(name, "--seconds") == 0) {
        return parse_seconds(value, &options->seconds);
    } else if (strcmp(name, "--progress") == 0) {
        return snn_options_progress(&snn_verb_bench, value, &options->progress_mode);
    } else if (options->override_count == SNN_MAX_OVERRIDES) {
        return snn_usage_error(&snn_verb_bench, "more than %d overrides", SNN_MAX_OVERRIDES);
    } else {
        options->overrides[options->override_count++] = value;
    }
    return snn_ok();
}

/* The option at argument *i, as "NAME VALUE" or "NAME=VALUE". */
static snn_status parse_option(int argc, char **argv, int *i, snn_bench_options *options)
{
    static const char *const names[] = {"--json",    "--layers",  "--kernels",  "--weights", "--block",
                                        "--threads", "--seconds", "--progress", "--set"};
    const char *word = argv[*i];
    if (strcmp(word, "--scaling") == 0) {
        options->scaling = true;
        return snn_ok();
    }
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        const size_t length = strlen(names[n]);
        if (strncmp(word, names[n], length) != 0 || (word[length] != '=' && word[length] != '\0')) {
            continue;
        }
        if (word[length] == '=') {
            return store(names[n], word + length + 1, options);
        }
        if (++*i == argc) {
            return snn_usage_error(&snn_verb_bench, "%s: a value is missing", names[n]);
        }
        return store(names[n], argv[*i], options);
    }
    return snn_usage_error(&snn_verb_bench, "unknown option '%s'", word);
}

static snn_status parse(int argc, char **argv, snn_bench_options *options)
{
    *options = (snn_bench_options){.weights = SNN_WEIGHTS_INT16, .block = 8, .threads = 1, .seconds = 0.2};
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-') {
            SNN_TRY(parse_option(argc, argv, &i, options));
        } else if (options->config != NULL) {
            return snn_usage_error(&snn_verb_bench, "one config file expected, found '%s' and '%s'", options->config,
                                   argv[i]);
        } else {
            options->config = argv[i];
        }
    }
    if (options->config == NULL && options->override_count > 0) {
        return snn_usage_error(&snn_verb_bench, "--set %s: there is no config file", options->overrides[0]);
    }
    return snn_ok();
}

/* The tables asked for that this machine can run: one by name, all for layers, the best for a network. */
static snn_status choose_kernels(snn_bench_options *options)
{
    char names[128] = "";
    size_t length = 0;
    int32_t count = 0;
    const snn_kernels *const *all = snn_kernels_all(&count);
    for (int32_t i = 0; i < count && options->kernel_count < SNN_BENCH_MAX_KERNELS; i++) {
        if (!all[i]->available()) {
            continue;
        }
        length += (size_t)snprintf(names + length, length < sizeof names ? sizeof names - length : 0, "%s%s",
                                   length > 0 ? ", " : "", all[i]->name);
        if (options->kernel_name == NULL || strcmp(options->kernel_name, all[i]->name) == 0) {
            options->kernels[options->kernel_count++] = all[i];
        }
    }
    if (options->kernel_count == 0) {
        return snn_usage_error(&snn_verb_bench, "--kernels %s: expected one of those that this machine can run (%s)",
                               options->kernel_name, names);
    }
    return snn_ok();
}

static snn_status check_layers(const snn_bench_options *options)
{
    int32_t count = 0;
    const snn_bench_layer *layers = snn_bench_layers(&count);
    for (int32_t i = 0; i < count; i++) {
        if (snn_bench_wants(options, &layers[i])) {
            return snn_ok();
        }
    }
    return snn_usage_error(&snn_verb_bench, "--layers %s: no layer and no network has that in its name",
                           options->layers);
}

/* The processor's name as the system tells it; "unknown" where it does not. */
static void name_processor(char *name, size_t bytes)
{
    (void)snprintf(name, bytes, "unknown");
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[256];
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "model name", 10) == 0 && strchr(line, ':') != NULL) {
            line[strcspn(line, "\n")] = '\0';
            (void)snprintf(name, bytes, "%s", strchr(line, ':') + 2);
            break;
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
}

static void report_setting(const snn_bench_options *options, snn_json *json)
{
    char processor[128];
    name_processor(processor, sizeof processor);
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    const char *peer = snn_onednn_version();
    printf("processor   %s, %ld online\noneDNN      %s\nmeasured    %g s each", processor, processors,
           peer != NULL ? peer : "not built in", options->seconds);
    if (options->config == NULL) { /* a network has its own */
        printf(", blocks of %d timesteps, weights %s", options->block, snn_weight_format_name(options->weights));
    }
    printf("\n\n");
    snn_json_text(json, "program", "snn_dist");
    snn_json_text(json, "version", SNN_DIST_VERSION);
    snn_json_text(json, "processor", processor);
    snn_json_integer(json, "processors", processors);
    snn_json_text(json, "onednn", peer);
    snn_json_number(json, "seconds", options->seconds);
    snn_json_integer(json, "block", options->block);
    snn_json_integer(json, "threads", options->threads);
    snn_json_text(json, "clock", options->threads > 1 && options->config != NULL ? "wall" : "processor");
    snn_json_text(json, "weights", snn_weight_format_name(options->weights));
}

static snn_status run_parts(const snn_bench_options *options, snn_json *json)
{
    report_setting(options, json);
    if (options->config != NULL) {
        return snn_bench_run_network(options, json);
    }
    SNN_TRY(snn_bench_run_layers(options, json));
    if (options->threads > 1) {
        SNN_TRY(snn_bench_run_threads(options, json));
    }
    return options->scaling ? snn_bench_run_growth(options, json) : snn_ok();
}

static snn_status run_with_json(const snn_bench_options *options)
{
    snn_whole_file file;
    snn_json json = {0};
    if (options->json == NULL) {
        return run_parts(options, &json);
    }
    SNN_TRY(snn_output_probe(options->json));
    SNN_TRY(snn_whole_file_create(options->json, &file));
    json.file = file.stream;
    snn_json_begin_object(&json, NULL);
    const snn_status status = run_parts(options, &json);
    if (status.code == SNN_OK) {
        snn_json_end_object(&json);
    }
    return snn_whole_file_finish(&file, status);
}

static snn_status bench_verb(int argc, char **argv)
{
    snn_bench_options options;
    snn_progress progress = {0};
    SNN_TRY(parse(argc, argv, &options));
    options.progress = &progress;
    SNN_TRY(choose_kernels(&options));
    if (options.config == NULL) {
        SNN_TRY(check_layers(&options));
    }
    return run_with_json(&options);
}

static const snn_verb_option options_taken[] = {
    {"CONFIG.toml", NULL, "the network of this config, with random images, instead of layers"},
    {"--json", "FILE.json", "also write the results there"},
    {"--layers", "TEXT", "only layers with TEXT in their or their network's name"},
    {"--kernels", "amx|avx512|avxvnni|avx2|portable", "only these kernels (default: all; a network: the best)"},
    {"--weights", "int16|int8|float32", "format of the weights (default int16; a network: as its config says)"},
    {"--block", "B", "timesteps in a block (default 8; a network: as its config says)"},
    {"--threads", "N", "also with N threads, and N processes beside it (default 1)"},
    {"--scaling", NULL, "also with twice the images, channels and pixels, and late timesteps"},
    {"--seconds", "S", "measure each for S seconds, three times at least (default 0.2)"},
    {"--set", "section.key=value", "override the config (repeatable)"},
    SNN_OPTION_PROGRESS,
    {NULL, NULL, NULL},
};

const snn_verb snn_verb_bench = {
    "bench",
    "bench [CONFIG.toml] [options]",
    "speed of the kernels on representative layers, or of a config's network, against the peak and oneDNN",
    options_taken,
    NULL,
    bench_verb,
};
