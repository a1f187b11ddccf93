/* The verb `config`: a config file to start from, and whether one is right before it waits in a queue. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "io/cli/inputs.h"
#include "io/cli/options.h"

static snn_status check(const snn_options *options)
{
    snn_config *config = NULL;
    SNN_TRY(snn_config_read(options->config, options->overrides, options->override_count, SNN_CONFIG_RUN, &config));
    snn_status status = snn_inputs_check(options->config, config, SNN_CONFIG_RUN);
    if (!snn_failed(status) && !options->quiet) {
        printf("# %s can be run. With defaults and absolute paths it says:\n%s", options->config, config->text);
    }
    snn_config_destroy(config);
    return status;
}

static snn_status config_verb(int argc, char **argv)
{
    snn_options options;
    if (argc == 1) {
        snn_config_write_template(stdout);
        return fflush(stdout) == 0 && ferror(stdout) == 0
                   ? snn_ok()
                   : snn_fail(SNN_FILE_ERROR, "cannot write to stdout: %s", strerror(errno));
    }
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--check") == 0) {
            memmove(argv + i, argv + i + 1, (size_t)(argc - i) * sizeof *argv); /* with the NULL at the end */
            SNN_TRY(snn_options_parse(&snn_verb_config, "sq", argc - 1, argv, &options));
            return check(&options);
        }
    }
    return snn_usage_error(&snn_verb_config, "--check FILE expected, or nothing");
}

static const snn_verb_option options_taken[] = {
    {"--check", "CONFIG.toml", "check that file instead: keys, values, and that the files it names can be read"},
    SNN_OPTION_SET,
    {"--quiet", NULL, "with --check: print nothing but errors"},
    {NULL, NULL, NULL},
};

const snn_verb snn_verb_config = {
    "config",
    "config [--check CONFIG.toml]",
    "print a config file with every key, its meaning and its default; or check a file",
    options_taken,
    "exit code 0 if the file can be run, 2 if not (and where it is wrong)",
    config_verb,
};
