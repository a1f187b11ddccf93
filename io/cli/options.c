#include "io/cli/options.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct option_name {
    const char *name;
    char letter;
    bool has_value;
} option_name;

static const option_name names[] = {
    {"--set", 's', true},     {"--restart", 'r', true},   {"--max-hours", 'm', true}, {"--layout", 'l', true},
    {"--plan", 'p', true},    {"--quiet", 'q', false},    {"--trace", 't', true},     {"--progress", 'g', true},
    {"-o", 'o', true},        {"--ranks", 'n', true},     {"--machine", 'c', true},   {"--steps", 'S', true},
    {"--latency", 'L', true}, {"--agreement", 'A', true},
};

static snn_status add_override(const snn_verb *verb, const char *text, snn_options *options)
{
    if (options->override_count == SNN_MAX_OVERRIDES) {
        return snn_usage_error(verb, "more than %d overrides", SNN_MAX_OVERRIDES);
    }
    options->overrides[options->override_count++] = text;
    return snn_ok();
}

static snn_status parse_layout(const snn_verb *verb, const char *text, snn_options *options)
{
    static const char *const keys[] = {"replicas", "stages", "channels"};
    const char *at = text;
    for (int i = 0; i < 3; i++) {
        char *end = NULL;
        errno = 0;
        long value = strtol(at, &end, 10);
        char expected = i < 2 ? 'x' : '\0';
        if (end == at || *end != expected || errno != 0 || value < 0 || value > 1000000) {
            return snn_usage_error(verb, "--layout %s: REPLICASxSTAGESxCHANNELS expected, for example 1x2x2", text);
        }
        (void)snprintf(options->layout[i], sizeof options->layout[i], "parallel.%s=%ld", keys[i], value);
        SNN_TRY(add_override(verb, options->layout[i], options));
        at = end + 1;
    }
    return snn_ok();
}

static snn_status parse_number(const snn_verb *verb, const char *name, const char *text, double smallest, double *value)
{
    char *end = NULL;
    *value = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(*value) || *value < smallest) {
        return snn_usage_error(verb, "%s %s: a number of at least %g expected", name, text, smallest);
    }
    return snn_ok();
}

static snn_status parse_count(const snn_verb *verb, const char *name, const char *text, int32_t *count)
{
    char *end = NULL;
    errno = 0;
    const long value = strtol(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || value < 1 || value > INT32_MAX) {
        return snn_usage_error(verb, "%s %s: a whole number of at least 1 expected", name, text);
    }
    *count = (int32_t)value;
    return snn_ok();
}

snn_status snn_options_progress(const snn_verb *verb, const char *text, snn_progress_mode *mode)
{
    static const char *const words[] = {"auto", "always", "never", "json"};
    for (int i = 0; i < 4; i++) {
        if (strcmp(words[i], text) == 0) {
            *mode = (snn_progress_mode)i;
            return snn_ok();
        }
    }
    return snn_usage_error(verb, "--progress %s: auto, always, never or json expected", text);
}

/* "64" or "64,256,1024" */
static snn_status parse_ranks(const snn_verb *verb, const char *text, snn_options *options)
{
    const char *at = text;
    options->rank_counts = 0;
    do {
        char *end = NULL;
        errno = 0;
        const long ranks = strtol(at, &end, 10);
        const bool number = end != at && ((*end == ',' && end[1] != '\0') || *end == '\0') && errno == 0;
        if (!number || ranks < 1 || ranks > 1000000 || options->rank_counts == SNN_MAX_RANK_COUNTS) {
            return snn_usage_error(verb,
                                   "--ranks %s: whole numbers from 1 to 1000000 expected, for example 64 or "
                                   "64,256,1024",
                                   text);
        }
        options->ranks[options->rank_counts++] = (int32_t)ranks;
        at = *end == ',' ? end + 1 : end;
    } while (*at != '\0');
    return snn_ok();
}

static snn_status store(const snn_verb *verb, const option_name *option, const char *value, snn_options *options)
{
    switch (option->letter) {
    case 's':
        return add_override(verb, value, options);
    case 'r':
        options->restart = value;
        return snn_ok();
    case 'm':
        return parse_number(verb, option->name, value, 0.0, &options->max_hours);
    case 'l':
        return parse_layout(verb, value, options);
    case 'p':
        options->plan = value;
        return snn_ok();
    case 't':
        options->trace = value;
        return snn_ok();
    case 'q':
        options->quiet = true;
        return snn_ok();
    case 'g':
        return snn_options_progress(verb, value, &options->progress);
    case 'n':
        return parse_ranks(verb, value, options);
    case 'S':
        return parse_count(verb, option->name, value, &options->steps);
    case 'L':
        return parse_count(verb, option->name, value, &options->latency);
    case 'A':
        SNN_TRY(parse_number(verb, option->name, value, 0.0, &options->agreement));
        return options->agreement <= 1.0 ? snn_ok()
                                         : snn_usage_error(verb, "--agreement %s: a share from 0 to 1 expected", value);
    case 'c':
        (void)snprintf(options->machine, sizeof options->machine, "parallel.machine=%s", value);
        return add_override(verb, options->machine, options);
    default:
        options->output = value;
        return snn_ok();
    }
}

static const option_name *find_option(const char *word, const char *allowed)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t length = strlen(names[i].name);
        bool joined = names[i].has_value && strncmp(word, names[i].name, length) == 0 && word[length] == '=';
        if ((joined || strcmp(word, names[i].name) == 0) && strchr(allowed, names[i].letter) != NULL) {
            return &names[i];
        }
    }
    return NULL;
}

snn_status snn_options_parse(const snn_verb *verb, const char *allowed, int argc, char **argv, snn_options *options)
{
    const char *kind = verb == &snn_verb_check ? "ONNX" : "config";
    memset(options, 0, sizeof *options);
    options->restart = "auto";
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-') {
            if (options->config != NULL) {
                return snn_usage_error(verb, "one %s file expected, found '%s' and '%s'", kind, options->config,
                                       argv[i]);
            }
            options->config = argv[i];
            continue;
        }
        const option_name *option = find_option(argv[i], allowed);
        if (option == NULL) {
            return snn_usage_error(verb, "unknown option '%s'", argv[i]);
        }
        const char *value = strchr(argv[i], '=');
        if (value != NULL && argv[i][1] == '-') {
            value++;
        } else if (option->has_value) {
            if (++i == argc) {
                return snn_usage_error(verb, "%s: a value is missing", option->name);
            }
            value = argv[i];
        }
        SNN_TRY(store(verb, option, value, options));
    }
    if (options->plan != NULL && options->layout[0][0] != '\0') {
        return snn_usage_error(verb, "--plan and --layout exclude each other");
    }
    if (options->config == NULL) {
        return snn_usage_error(verb, "no %s file given", kind);
    }
    return snn_ok();
}
