/* The verb `plan`: what each of N ranks would hold, without running. */
#include <stdio.h>

#include "core/base/memory.h"
#include "io/cli/options.h"
#include "io/cli/trained.h"
#include "io/cli/verbs.h"
#include "io/config.h"
#include "io/network_file.h"
#include "io/onnx.h"
#include "io/plan_file.h"
#include "partition/planner.h"

enum { ROWS_SHOWN = 64 };

/* The network's structure: from its file, or from the model with made-up scales (they do not change the plan). */
static snn_status structure_of(const snn_config *config, snn_network **network)
{
    if (config->model.network[0] != '\0') {
        snn_network_origin origin;
        return snn_network_file_read(config->model.network, network, &origin);
    }
    snn_graph *graph = NULL;
    snn_draft *draft = NULL;
    float *maxima = NULL;
    const snn_convert_options options = snn_trained_options(config);
    snn_status status = snn_ok();
    SNN_GOTO_DONE(status, snn_onnx_read(config->model.onnx, &graph));
    SNN_GOTO_DONE(status, snn_graph_infer(graph, true));
    SNN_GOTO_DONE(status, snn_draft_create(graph, &options, NULL, &draft));
    maxima = snn_allocate((size_t)snn_draft_maxima_length(draft), sizeof *maxima);
    status = maxima == NULL ? snn_out_of_memory("maxima") : snn_draft_finish(draft, maxima, network);
done:
    snn_release(maxima);
    snn_draft_destroy(draft);
    snn_graph_destroy(graph);
    return status;
}

static void print_plan(const snn_plan *plan, const snn_network *network, const snn_planner_request *request)
{
    char layout[128];
    double efficiency = 0.0;
    double seconds = snn_plan_predict(plan, network, request, &efficiency);
    printf("%s: %d ranks as %s (replicas x stages x channel shards)\n", network->name, snn_plan_ranks(plan),
           snn_plan_describe(plan, layout, sizeof layout));
    printf("predicted: %.3g s for %lld groups of %d images, efficiency %.0f %%\n\n", seconds,
           (long long)request->groups, request->images, 100.0 * efficiency);
    printf("%6s %7s %5s %5s %12s %14s %13s %12s %12s  %s\n", "rank", "replica", "stage", "shard", "populations",
           "operations", "weights B", "state B", "sent bits", "(operations and bits per image and timestep)");
    int32_t ranks = snn_plan_ranks(plan);
    for (int32_t rank = 0; rank < ranks && rank < ROWS_SHOWN; rank++) {
        snn_place place = snn_plan_place(plan, rank);
        snn_rank_cost cost = snn_plan_cost(plan, network, request, rank);
        char range[32];
        (void)snprintf(range, sizeof range, "%d..%d", plan->stage_begin[place.stage],
                       plan->stage_begin[place.stage + 1] - 1);
        printf("%6d %7d %5d %5d %12s %14lld %13lld %12lld %12lld\n", rank, place.replica, place.stage, place.shard,
               plan->stage_begin[place.stage] < plan->stage_begin[place.stage + 1] ? range : "-",
               (long long)cost.operations, (long long)cost.weight_bytes, (long long)cost.state_bytes,
               (long long)cost.bits_sent);
    }
    if (ranks > ROWS_SHOWN) {
        printf("... %d more ranks\n", ranks - ROWS_SHOWN);
    }
}

static snn_status plan_network(const snn_options *options, const snn_config *config)
{
    snn_network *network = NULL;
    snn_plan *plan = NULL;
    SNN_TRY(structure_of(config, &network));
    /* Without opening the data set the number of groups is that of the config, or enough to keep every replica busy. */
    int64_t images = config->data.images > 0 ? config->data.images : 10000;
    const snn_planner_request request = {
        .ranks = options->ranks > 0 ? options->ranks : 1,
        .replicas = config->parallel.replicas,
        .stages = config->parallel.stages,
        .channels = config->parallel.channels,
        .groups = (images + config->simulation.batch - 1) / config->simulation.batch,
        .timesteps = config->simulation.timesteps,
        .block = config->simulation.block,
        .images = config->simulation.batch,
    };
    snn_status status = snn_ok();
    if (options->plan != NULL) {
        status = snn_plan_file_read(options->plan, network, options->ranks, &plan);
    } else {
        status = snn_plan_make(network, &request, &plan);
    }
    if (status.code == SNN_OK) {
        print_plan(plan, network, &request);
    }
    if (status.code == SNN_OK && options->output != NULL) {
        status = snn_plan_file_write(options->output, plan, network, NULL);
    }
    snn_plan_destroy(plan);
    snn_network_destroy(network);
    return status;
}

static snn_status plan_verb(int argc, char **argv)
{
    snn_options options;
    snn_config *config = NULL;
    SNN_TRY(snn_options_parse(&snn_verb_plan, "snlop", argc, argv, &options));
    SNN_TRY(snn_config_read(options.config, options.overrides, options.override_count, SNN_CONFIG_PLAN, &config));
    snn_status status = plan_network(&options, config);
    snn_config_destroy(config);
    return status;
}

const snn_verb snn_verb_plan = {
    "plan",
    "plan CONFIG.toml --ranks N [-o plan.toml]",
    "what each of N ranks would hold and what it would cost, without running",
    "  --ranks N                 number of ranks\n"
    "  -o plan.toml              write the plan, for `run --plan`\n"
    "  --plan plan.toml          that plan instead of the planner's\n"
    "  --layout RxSxC            replicas x stages x channel shards (0: the planner decides)\n"
    "  --set section.key=value   override the file (repeatable)\n",
    plan_verb,
};
