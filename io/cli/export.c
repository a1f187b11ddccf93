/* The verb `export`: one timestep of a converted network as an ONNX graph. */
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/cli/overwrite.h"
#include "io/cli/plan/planning.h"
#include "io/hdf5/network_file.h"
#include "io/hdf5/output.h"
#include "io/onnx/export.h"

static bool is_config(const char *path)
{
    const size_t length = strlen(path);
    return length > 5 && strcmp(path + length - 5, ".toml") == 0;
}

/* A network file stands for a configuration that names it and leaves the rest to the defaults. */
static snn_status read_config(const snn_options *options, snn_config **config)
{
    const char *overrides[1 + SNN_MAX_OVERRIDES];
    char network[SNN_PATH_BYTES + 32];
    size_t count = 0;
    const bool file = is_config(options->config);
    if (!file) {
        (void)snprintf(network, sizeof network, "model.network=%s", options->config);
        overrides[count++] = network;
    }
    for (size_t i = 0; i < options->override_count; i++) {
        overrides[count++] = options->overrides[i];
    }
    SNN_TRY(snn_config_read(file ? options->config : "", overrides, count, SNN_CONFIG_PLAN, config));
    if ((*config)->model.network[0] == '\0') {
        return snn_fail(SNN_INPUT_ERROR,
                        "%s: missing key model.network (the converted network to export, as `snn_dist "
                        "convert` writes it)",
                        options->config);
    }
    if ((*config)->neuron.dynamics != SNN_DYNAMICS_SIGNGD) {
        return snn_fail(SNN_INPUT_ERROR, "neuron.dynamics = \"subgradient\" cannot be exported, \"signgd\" can");
    }
    return snn_ok();
}

static void tell(const snn_network *network, const float *eta, const snn_export_summary *summary, const char *path)
{
    if (network->windows.steps > 0) {
        printf("%s: windows of %d steps, delay %d", network->name, network->windows.steps, network->windows.delay);
    } else {
        printf("%s: steps from %g to %g", network->name, (double)eta[0], (double)eta[summary->timesteps - 1]);
    }
    printf("; %d timesteps, %d states -> %s\n", summary->timesteps, summary->states, path);
}

static snn_status export_network(const snn_options *options, snn_config *config, const snn_network *network)
{
    const snn_schedule schedule = {config->neuron.schedule, config->neuron.eta0, config->neuron.gamma,
                                   config->neuron.power,    config->table,       config->table_length};
    const bool windows = network->windows.steps > 0;
    snn_export_summary summary;
    SNN_TRY(snn_planning_check_windows(config, &network->windows));
    SNN_TRY(snn_planning_settle(config, network));
    const int32_t timesteps = config->simulation.timesteps;
    float *eta = snn_allocate((size_t)timesteps, sizeof *eta);
    if (eta == NULL) {
        return snn_out_of_memory("schedule");
    }
    snn_status status = windows ? snn_ok() : snn_schedule_fill(&schedule, timesteps, eta);
    if (!snn_failed(status)) {
        const snn_export_dynamics dynamics = {timesteps, eta, config->simulation.encoding};
        status = snn_export_step(network, &dynamics, options->output, &summary);
    }
    if (!snn_failed(status) && !options->quiet) {
        tell(network, eta, &summary, options->output);
    }
    snn_release(eta);
    return status;
}

static snn_status export_verb(int argc, char **argv)
{
    snn_options options;
    snn_config *config = NULL;
    snn_network *network = NULL;
    snn_network_origin origin;
    snn_status status;
    SNN_TRY(snn_options_parse(&snn_verb_export, "sqo", argc, argv, &options));
    if (options.output == NULL) {
        return snn_usage_error(&snn_verb_export, "no output given: -o step.onnx");
    }
    SNN_GOTO_DONE(status, read_config(&options, &config));
    SNN_GOTO_DONE(status, snn_output_probe(options.output));
    SNN_GOTO_DONE(status, snn_overwrite_check_all(options.output, &options, config));
    SNN_GOTO_DONE(status, snn_network_file_read_whole(config->model.network, &network, &origin));
    status = export_network(&options, config, network);
done:
    snn_network_destroy(network);
    snn_config_destroy(config);
    return status;
}

static const snn_verb_option options_taken[] = {
    {"-o", "step.onnx", "where the graph goes"},
    {"--set", "section.key=value", "override the configuration (repeatable)"},
    SNN_OPTION_QUIET,
    {NULL, NULL, NULL},
};

const snn_verb snn_verb_export = {
    "export",
    "export net.snn.h5|CONFIG.toml -o step.onnx",
    "one timestep of a converted network as an ONNX graph, (image, t, states) -> (logits, states)",
    options_taken,
    "Networks with windows are complete. For others [neuron] and [simulation] of the configuration, which names the\n"
    "network as model.network, say how it is run; without one they have their defaults. Any runtime finds the logits\n"
    "of every timestep, bit for bit.",
    export_verb,
};
