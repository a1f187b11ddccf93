/* The verb `convert`: calibrate (over all ranks) and convert, and keep the result in a file. */
#include <stdio.h>

#include "io/cli/run/session.h"
#include "io/cli/trained.h"

/* Rank 0, which has the network. */
static snn_status keep(const snn_options *options, const snn_network *network, const snn_network_origin *origin)
{
    SNN_TRY(snn_network_file_write(options->output, network, origin));
    if (!options->quiet) {
        printf("%s: %d populations, %lld neurons, %d projections -> %s\n", network->name, network->population_count - 1,
               (long long)snn_network_neurons(network), network->projection_count, options->output);
    }
    return snn_ok();
}

static snn_status convert(snn_session *session)
{
    const snn_options *options = &session->options;
    snn_world *world = session->world;
    snn_trained trained;
    snn_network *network = NULL;
    snn_network_origin origin;
    if (options->output == NULL) {
        return snn_usage_error(&snn_verb_convert, "no output given: -o net.snn.h5");
    }
    SNN_TRY(snn_session_read_config(session, SNN_CONFIG_CONVERT));
    SNN_TRY(snn_session_claim(session, options->output));
    SNN_TRY(snn_session_try_data(session, false));
    snn_status status = snn_trained_open(world, session->config, false, options->quiet, options->progress, &trained);
    if (status.code == SNN_OK) {
        status = snn_trained_convert(world, session->config, &trained, &network, &origin);
    }
    if (status.code == SNN_OK) {
        bool root = snn_world_rank(world) == 0;
        status = snn_world_agree(world, root ? keep(options, network, &origin) : snn_ok());
    }
    snn_network_destroy(network);
    snn_trained_close(&trained);
    return status;
}

static snn_status convert_verb(int argc, char **argv)
{
    snn_session session;
    snn_status status = snn_session_begin(&snn_verb_convert, "sqgo", argc, argv, &session);
    if (status.code == SNN_OK) {
        status = convert(&session);
    }
    status = snn_session_tell(&session, status);
    snn_session_end(&session);
    return status;
}

static const snn_verb_option options_taken[] = {
    {"-o", "net.snn.h5", "where the converted network goes"},
    SNN_OPTION_SET,
    SNN_OPTION_QUIET,
    SNN_OPTION_PROGRESS,
    {NULL, NULL, NULL},
};

const snn_verb snn_verb_convert = {
    "convert",
    "convert CONFIG.toml -o net.snn.h5",
    "calibrate and convert the model (under mpirun: over all ranks); a run can name the result as model.network",
    options_taken,
    NULL,
    convert_verb,
};
