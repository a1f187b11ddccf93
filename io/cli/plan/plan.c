/* The verb `plan`: what each of N ranks would hold, without running. */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

#include "comm/processors.h"
#include "core/base/memory.h"
#include "io/cli/inputs.h"
#include "io/cli/options.h"
#include "io/cli/overwrite.h"
#include "io/cli/plan/plan_table.h"
#include "io/cli/plan/planning.h"
#include "io/cli/progress.h"
#include "io/cli/trained.h"
#include "io/cli/try_data.h"
#include "io/cli/verbs.h"
#include "io/config/config.h"
#include "io/config/plan_file.h"
#include "io/hdf5/dataset.h"
#include "io/hdf5/network_file.h"

enum { WITHOUT_DATA = 10000 }; /* images */

/* The network's structure: from its file, or from the model, whose scales do not change the plan. */
static snn_status structure_of(const snn_config *config, snn_progress_mode mode, snn_network **network)
{
    snn_network_origin origin;
    snn_progress progress = snn_progress_begin("model", 1, 0, true, mode);
    progress.unit = "files";
    snn_progress_update(&progress, 0);
    const snn_status status = config->model.network[0] != '\0'
                                  ? snn_network_file_read(config->model.network, network, &origin)
                                  : snn_trained_uncalibrated(config, network);
    if (!snn_failed(status)) {
        snn_progress_update(&progress, 1);
    }
    snn_progress_end(&progress);
    return status;
}

/* Images of a run: as many as the config says, or as the data set has if it is there, or enough to keep ranks busy. */
static int64_t count_images(const snn_config *config)
{
    int64_t images = config->data.images;
    snn_dataset *dataset = NULL;
    if (images == 0 && config->data.test[0] != '\0' && !snn_failed(snn_try_data(config, true, false)) &&
        !snn_failed(snn_dataset_open(config->data.test, config->data.layout, config->data.mean, config->data.mean_count,
                                     config->data.std, config->data.std_count, true, &dataset))) {
        images = snn_dataset_images(dataset);
        snn_dataset_close(dataset);
    }
    return images > 0 ? images : WITHOUT_DATA;
}

/* One plan: its table, and its file. `plan`: the one of --plan, which must fit the memory as for `run`, or NULL. */
static snn_status show_plan(const snn_options *options, const snn_network *network, snn_planning *planning,
                            const snn_plan *plan, const snn_progress *progress)
{
    snn_plan *made = NULL;
    snn_cost_model *model = NULL;
    char *text = NULL;
    snn_status status;
    if (plan == NULL) {
        SNN_GOTO_DONE(status, snn_planning_make(network, planning, &made));
    } else {
        snn_planning_take(plan, planning);
    }
    SNN_GOTO_DONE(status, snn_cost_model_create(network, &planning->request, &model));
    if (plan == NULL) {
        plan = made;
    } else {
        SNN_GOTO_DONE(status, snn_context(snn_plan_check_memory(model, plan), "%s", options->plan));
    }
    SNN_GOTO_DONE(status, snn_plan_table(network, plan, model, planning, &text));
    snn_progress_hide(progress);
    (void)fputs(text, stdout);
    if (options->output != NULL) {
        SNN_GOTO_DONE(status, snn_plan_file_write(options->output, plan, network, text));
    }
done:
    snn_release(text);
    snn_cost_model_destroy(model);
    snn_plan_destroy(made);
    return status;
}

/* Threads of a rank, as `run` would have them: what the user says, or this host's processors shared out. Those of
 * another machine are told by its file, from as many as are here. */
static int32_t threads_of(const snn_config *config, double processors, int32_t ranks)
{
    const char *wish = getenv("OMP_NUM_THREADS");
    if (config->parallel.machine[0] != '\0' || (wish != NULL && wish[0] != '\0')) {
        return omp_get_max_threads();
    }
    return snn_processors_threads(processors / ranks);
}

static snn_status show_line(const snn_network *network, snn_planning *planning, bool first,
                            const snn_progress *progress)
{
    snn_plan *plan = NULL;
    snn_cost_model *model = NULL;
    snn_status status;
    SNN_GOTO_DONE(status, snn_planning_make(network, planning, &plan));
    SNN_GOTO_DONE(status, snn_cost_model_create(network, &planning->request, &model));
    snn_progress_hide(progress);
    if (first) {
        snn_scaling_head(network, planning);
    }
    snn_scaling_line(plan, model, planning);
    (void)fflush(stdout);
done:
    snn_cost_model_destroy(model);
    snn_plan_destroy(plan);
    return status;
}

static double processors_here(void)
{
    int32_t allowed[SNN_PROCESSORS];
    double processors = 0.0;
    snn_processors_allowed(allowed);
    for (int32_t p = 0; p < SNN_PROCESSORS; p++) {
        processors += allowed[p];
    }
    return processors;
}

/* One number of ranks with all that is to be told of it, or a line for each of several. */
static snn_status show(const snn_options *options, const snn_config *config, const snn_network *network,
                       const snn_plan *plan)
{
    const snn_kernels *kernels;
    const double processors = processors_here();
    const int64_t images = count_images(config);
    snn_planning_base base;
    SNN_TRY(snn_kernels_select(&kernels));
    const int32_t counts = options->rank_counts > 0 ? options->rank_counts : 1;
    snn_progress progress = snn_progress_begin("planning", counts, 0, true, options->progress);
    progress.unit = counts > 1 ? "numbers of ranks" : "plans";
    snn_progress_update(&progress, 0);
    snn_status status = snn_planning_base_make(config, 1, processors, INT32_MAX, NULL, true, &base);
    if (snn_failed(status)) {
        snn_progress_end(&progress);
        return status;
    }
    for (int32_t i = 0; i < counts && !snn_failed(status); i++) {
        const int32_t asked = options->rank_counts > 0 ? options->ranks[i] : 1;
        const int32_t ranks = plan != NULL ? snn_plan_ranks(plan) : asked;
        const int32_t threads = threads_of(config, processors, ranks);
        snn_planning planning;
        status = snn_planning_begin(config, network, kernels, &base, ranks, threads, images, &planning);
        if (!snn_failed(status)) {
            status = counts > 1 ? show_line(network, &planning, i == 0, &progress)
                                : show_plan(options, network, &planning, plan, &progress);
        }
        snn_planning_end(&planning);
        if (!snn_failed(status)) {
            snn_progress_update(&progress, i + 1);
        }
    }
    snn_progress_end(&progress);
    snn_planning_base_clear(&base);
    return status;
}

static snn_status plan_network(const snn_options *options, snn_config *config)
{
    snn_network *network = NULL;
    snn_plan *plan = NULL;
    snn_status status;
    SNN_GOTO_DONE(status, structure_of(config, options->progress, &network));
    SNN_GOTO_DONE(status, snn_planning_settle(config, network));
    if (options->plan != NULL) {
        const int32_t ranks = options->rank_counts > 0 ? options->ranks[0] : 0;
        SNN_GOTO_DONE(status, snn_plan_file_read(options->plan, network, ranks, &plan));
    }
    SNN_GOTO_DONE(status, show(options, config, network, plan));
done:
    snn_plan_destroy(plan);
    snn_network_destroy(network);
    return status;
}

static snn_status plan_verb(int argc, char **argv)
{
    snn_options options;
    snn_config *config = NULL;
    SNN_TRY(snn_options_parse(&snn_verb_plan, "snlopcg", argc, argv, &options));
    if (options.rank_counts > 1 && (options.output != NULL || options.plan != NULL)) {
        return snn_usage_error(&snn_verb_plan, "-o and --plan take one number of ranks");
    }
    SNN_TRY(snn_config_read(options.config, options.overrides, options.override_count, SNN_CONFIG_PLAN, &config));
    snn_status status = options.output != NULL ? snn_overwrite_check_all(options.output, &options, config) : snn_ok();
    const int32_t counts = options.rank_counts > 0 ? options.rank_counts : 1;
    for (int32_t i = 0; i < counts && options.plan == NULL && !snn_failed(status); i++) {
        status = snn_planning_check_layout(config, options.rank_counts > 0 ? options.ranks[i] : 1, "--ranks");
    }
    status = snn_failed(status) ? status : snn_inputs_check(options.config, config, SNN_CONFIG_PLAN);
    if (!snn_failed(status)) {
        status = plan_network(&options, config);
    }
    snn_config_destroy(config);
    return status;
}

static const snn_verb_option options_taken[] = {
    {"--ranks", "N", "number of ranks, or several for a table of predicted scaling"},
    {"-o", "plan.toml", "write the plan, for `run --plan`"},
    {"--plan", "plan.toml", "that plan instead of the planner's"},
    {"--machine", "machine.toml", "cores, memory and links of another machine (parallel.machine)"},
    {"--layout", "REPLICASxSTAGESxCHANNELS",
     "how the ranks are used; the last are shards of channels (0: the planner decides)"},
    {"--set", "section.key=value", "override the file (repeatable): parallel.objective, parallel.memory_gb, ..."},
    SNN_OPTION_PROGRESS,
    {NULL, NULL, NULL},
};

const snn_verb snn_verb_plan = {
    "plan",
    "plan CONFIG.toml --ranks N[,N...] [-o plan.toml]",
    "what each of N ranks would hold and what it would cost, without running",
    options_taken,
    NULL,
    plan_verb,
};
