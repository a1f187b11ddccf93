/* The verb `approx`: how well each nonlinearity is followed by a neuron, for each schedule and with windows. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "io/cli/progress.h"
#include "io/cli/verbs.h"
#include "io/lab/approx/approx_network.h"
#include "io/lab/approx/approx_output.h"
#include "io/lab/approx/approx_svg.h"

enum { LEAST_TIMESTEPS = 8 }; /* the first that are reported */

typedef struct approx_options {
    const char *function; /* or "all" */
    int32_t timesteps;
    const char *directory; /* NULL: print only */
    snn_progress_mode progress;
} approx_options;

static snn_status parse_timesteps(const char *text, int32_t *timesteps)
{
    char *end = NULL;
    errno = 0;
    const long value = strtol(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || value < LEAST_TIMESTEPS || value > SNN_APPROX_MAX_TIMESTEPS) {
        return snn_usage_error(&snn_verb_approx, "--timesteps %s: a whole number from %d to %d expected", text,
                               LEAST_TIMESTEPS, SNN_APPROX_MAX_TIMESTEPS);
    }
    *timesteps = (int32_t)value;
    return snn_ok();
}

/* The value of option `name` at argument *i, as "NAME VALUE" or "NAME=VALUE"; NULL in *value if that is another word.
 */
static snn_status take_value(const char *name, int argc, char **argv, int *i, const char **value)
{
    const size_t length = strlen(name);
    *value = NULL;
    if (strncmp(argv[*i], name, length) != 0) {
        return snn_ok();
    }
    if (argv[*i][length] == '=') {
        *value = argv[*i] + length + 1;
    } else if (argv[*i][length] == '\0') {
        if (++*i == argc) {
            return snn_usage_error(&snn_verb_approx, "%s: a value is missing", name);
        }
        *value = argv[*i];
    }
    return snn_ok();
}

static snn_status parse(int argc, char **argv, approx_options *options)
{
    *options = (approx_options){.function = "all", .timesteps = 128};
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i], *function = NULL, *timesteps = NULL, *progress = NULL, *directory = NULL;
        SNN_TRY(take_value("--function", argc, argv, &i, &function));
        if (function != NULL) {
            options->function = function;
            continue;
        }
        SNN_TRY(take_value("--timesteps", argc, argv, &i, &timesteps));
        if (timesteps != NULL) {
            SNN_TRY(parse_timesteps(timesteps, &options->timesteps));
            continue;
        }
        SNN_TRY(take_value("--progress", argc, argv, &i, &progress));
        if (progress != NULL) {
            SNN_TRY(snn_options_progress(&snn_verb_approx, progress, &options->progress));
            continue;
        }
        SNN_TRY(take_value("-o", argc, argv, &i, &directory));
        if (directory == NULL) {
            return snn_usage_error(&snn_verb_approx, "unknown option '%s'", word);
        }
        options->directory = directory;
    }
    return snn_ok();
}

/* Entries [*begin, *end) of the functions. */
static snn_status find_functions(const char *name, int32_t *begin, int32_t *end)
{
    char names[600] = "";
    const snn_approx_function *functions = snn_approx_functions(end);
    *begin = 0;
    if (strcmp(name, "all") == 0) {
        return snn_ok();
    }
    size_t length = 0;
    for (int32_t i = 0; i < *end; i++) {
        const char *known = snn_approx_function_name(&functions[i]);
        if (strcmp(known, name) == 0) {
            *begin = i;
            *end = i + 1;
            return snn_ok();
        }
        if (length < sizeof names) {
            length += (size_t)snprintf(names + length, sizeof names - length, ", %s", known);
        }
    }
    return snn_fail(SNN_INPUT_ERROR, "unknown function '%.40s': expected one of all%s", name, names);
}

static void print_header(int32_t timesteps)
{
    printf("|y - f(x) / scale| over %d values of x: mean and maximum after T steps\n", SNN_APPROX_POINTS);
    puts("x static: from the first step; train: decoded from the spikes of a linear neuron before");
    puts("schedules: all neurons fire at all T timesteps; windows: each fires T spikes of its own");
    for (int32_t s = 0; s < SNN_APPROX_SCHEDULES; s++) {
        printf("schedule %-12s eta(t) = %s\n", snn_approx_schedules[s].name, snn_approx_schedules[s].formula);
    }
    for (int kind = 0; kind < SNN_APPROX_WINDOW_KINDS; kind++) {
        printf("windows  %-12s %s\n", snn_approx_window_names[kind], snn_approx_window_formulas[kind]);
    }
    puts(
        "steps of a window are whole multiples of the smallest, so those beyond the tenth add little to its precision");
    printf("\n%-18s %-12s %-7s", "", "", "");
    for (int32_t i = 0; i < snn_approx_report_count(timesteps); i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "T = %d", snn_approx_reports[i]);
        printf("  %15s", text);
    }
    printf("\n%-18s %-12s %-7s", "function", "dynamics", "x");
    for (int32_t i = 0; i < snn_approx_report_count(timesteps); i++) {
        printf("  %7s %7s", "mean", "max");
    }
    putchar('\n');
}

static void print_label(const snn_approx_result *result, const char *dynamics, int input)
{
    printf("%-18s %-12s %-7s", snn_approx_function_name(result->function), dynamics, snn_approx_input_names[input]);
}

/* Beside the schedules, errors of windows of as many steps; "-" where a window cannot be so long. */
static void print_window_row(const snn_approx_result *result, snn_approx_window_kind kind, snn_approx_input input)
{
    const snn_approx_window_curve *curve = &result->windows[kind][input];
    print_label(result, snn_approx_window_names[kind], (int)input);
    for (int32_t i = 0; i < snn_approx_report_count(result->timesteps); i++) {
        const int32_t at = snn_approx_length_of(snn_approx_reports[i]);
        if (at < 0) {
            printf("  %7s %7s", "-", "-");
        } else {
            printf("  %7.5f %7.5f", curve->mean[at], curve->maximum[at]);
        }
    }
    putchar('\n');
}

static void print_rows(const snn_approx_result *result)
{
    for (int32_t s = 0; s < SNN_APPROX_SCHEDULES; s++) {
        for (int32_t kind = 0; kind < SNN_APPROX_INPUT_KINDS; kind++) {
            const snn_approx_curve *curve = &result->curves[s][kind];
            print_label(result, snn_approx_schedules[s].name, kind);
            for (int32_t i = 0; i < snn_approx_report_count(result->timesteps); i++) {
                const int32_t last = snn_approx_reports[i] - 1;
                printf("  %7.5f %7.5f", curve->mean[last], curve->maximum[last]);
            }
            putchar('\n');
        }
    }
}

static void print_window_rows(const snn_approx_result *result)
{
    for (int kind = 0; kind < SNN_APPROX_WINDOW_KINDS; kind++) {
        for (int input = 0; input < SNN_APPROX_INPUT_KINDS; input++) {
            if (snn_approx_window_applies((snn_approx_window_kind)kind, (snn_approx_input)input)) {
                print_window_row(result, (snn_approx_window_kind)kind, (snn_approx_input)input);
            }
        }
    }
}

static snn_status path_in(const char *directory, const char *name, const char *ending, char *path)
{
    const int length = snprintf(path, SNN_PATH_BYTES, "%s/%s%s", directory, name, ending);
    if (length < 0 || length >= SNN_PATH_BYTES) {
        return snn_fail(SNN_INPUT_ERROR, "%.200s...: file name longer than %d bytes", directory, SNN_PATH_BYTES);
    }
    return snn_ok();
}

static snn_status begin_output(const char *directory, int32_t timesteps, snn_approx_output *output)
{
    char path[SNN_PATH_BYTES];
    if (mkdir(directory, 0777) != 0 && errno != EEXIST) {
        return snn_fail(SNN_FILE_ERROR, "%s: cannot create the folder: %s", directory, strerror(errno));
    }
    SNN_TRY(path_in(directory, "approx", ".h5", path));
    return snn_approx_output_begin(path, timesteps, output);
}

/* Runs, prints and keeps one function. `output`: NULL to print only. */
static snn_status approximate(const snn_approx_function *function, const approx_options *options,
                              snn_approx_output *output, const snn_progress *progress)
{
    char path[SNN_PATH_BYTES], name[64];
    snn_approx_result *result = NULL;
    SNN_TRY(snn_approx_run(function, options->timesteps, &result));
    snn_progress_hide(progress);
    print_rows(result);
    print_window_rows(result);
    (void)fflush(stdout);
    snn_status status = snn_ok();
    if (output != NULL) {
        (void)snprintf(name, sizeof name, "approx_%s", snn_approx_function_name(function));
        SNN_GOTO_DONE(status, snn_approx_output_add(output, result));
        SNN_GOTO_DONE(status, path_in(options->directory, name, ".svg", path));
        SNN_GOTO_DONE(status, snn_approx_svg_write(path, result));
    }
done:
    snn_approx_result_destroy(result);
    return status;
}

static snn_status approx_verb(int argc, char **argv)
{
    approx_options options;
    snn_approx_output output;
    int32_t begin, end;
    SNN_TRY(parse(argc, argv, &options));
    SNN_TRY(find_functions(options.function, &begin, &end));
    const bool keeps = options.directory != NULL;
    if (keeps) {
        SNN_TRY(begin_output(options.directory, options.timesteps, &output));
    }
    print_header(options.timesteps);
    (void)fflush(stdout);
    snn_status status = snn_ok();
    snn_progress progress = snn_progress_begin("approximation", end - begin, 0, true, options.progress);
    progress.unit = "functions";
    snn_progress_update(&progress, 0);
    for (int32_t i = begin; i < end && !snn_failed(status); i++) {
        int32_t count;
        status = approximate(&snn_approx_functions(&count)[i], &options, keeps ? &output : NULL, &progress);
        if (!snn_failed(status)) {
            snn_progress_update(&progress, i + 1 - begin);
        }
    }
    snn_progress_end(&progress);
    if (keeps && snn_failed(status)) {
        snn_approx_output_abandon(&output);
    } else if (keeps) {
        status = snn_approx_output_finish(&output);
    }
    return status;
}

static const snn_verb_option options_taken[] = {
    {"--function", "all|NAME", "one function only (an unknown name lists them)"},
    {"--timesteps", "T", "simulated steps, 8 to 4096 (default 128)"},
    {"-o", "DIRECTORY", "also write approx.h5 and a picture of each function, approx_NAME.svg"},
    SNN_OPTION_PROGRESS,
    {NULL, NULL, NULL},
};

const snn_verb snn_verb_approx = {
    "approx",
    "approx [--function all|NAME] [--timesteps T] [-o DIRECTORY]",
    "how well a neuron follows each nonlinearity, for each schedule and with windows: mean and maximum error",
    options_taken,
    "Every kind of neuron is one of the functions; a minimum is a maximum of negated inputs, RMS normalisation a\n"
    "layer_norm without the mean.",
    approx_verb,
};
