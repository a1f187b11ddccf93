/* The verb `convert`: calibrate and convert, and keep the result in a file. */
#include <stdio.h>

#include "io/cli/trained.h"
#include "io/cli/verbs.h"

static snn_status convert(snn_world *world, const snn_options *options, const snn_config *config)
{
    snn_trained trained;
    snn_network *network = NULL;
    snn_network_origin origin;
    SNN_TRY(snn_trained_open(world, config, options->quiet, options->progress, &trained));
    snn_status status = snn_trained_convert(world, config, &trained, &network, &origin);
    if (status.code == SNN_OK) {
        status = snn_network_file_write(options->output, network, &origin);
    }
    if (status.code == SNN_OK && !options->quiet) {
        printf("%s: %d populations, %lld neurons, %d projections -> %s\n", network->name, network->population_count - 1,
               (long long)snn_network_neurons(network), network->projection_count, options->output);
    }
    snn_network_destroy(network);
    snn_trained_close(&trained);
    return status;
}

static snn_status convert_verb(int argc, char **argv)
{
    snn_options options;
    snn_world *world = NULL;
    snn_config *config = NULL;
    SNN_TRY(snn_options_parse(&snn_verb_convert, "sqgo", argc, argv, &options));
    if (options.output == NULL) {
        return snn_usage_error(&snn_verb_convert, "no output given: -o net.snn.h5");
    }
    SNN_TRY(snn_config_read(options.config, options.overrides, options.override_count, SNN_CONFIG_CONVERT, &config));
    snn_status status = snn_world_create(&argc, &argv, &world);
    if (status.code == SNN_OK) {
        status = convert(world, &options, config);
        snn_world_destroy(world);
    }
    snn_config_destroy(config);
    return status;
}

const snn_verb snn_verb_convert = {
    "convert",
    "convert CONFIG.toml -o net.snn.h5",
    "calibrate and convert the model; a run can name the result as model.network",
    "  -o FILE                   where the converted network goes\n"
    "  --set section.key=value   override the file (repeatable)\n"
    "  --quiet                   print nothing but errors\n"
    "  --progress auto|always|never\n",
    convert_verb,
};
