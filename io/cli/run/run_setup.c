/* Phases of a run before its first timestep: inputs, network, plan, shard. */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comm/link_probe.h"
#include "core/base/memory.h"
#include "core/kernels/subgradient.h"
#include "io/cli/plan/planning.h"
#include "io/cli/run/run_state.h"
#include "io/cli/run/session.h"
#include "io/config/config_keys.h"
#include "io/config/plan_file.h"
#include "io/onnx/onnx.h"

static snn_status open_dataset(snn_run *run)
{
    const snn_config *config = run->config;
    int64_t bytes = 0;
    SNN_TRY(snn_dataset_open(config->data.test, config->data.layout, config->data.mean, config->data.mean_count,
                             config->data.std, config->data.std_count, true, &run->dataset));
    int64_t available = snn_dataset_images(run->dataset);
    if (config->data.images > available) {
        return snn_fail(SNN_INPUT_ERROR, "%s has %lld images, data.images asks for %lld; lower it, or give 0 for all",
                        config->data.test, (long long)available, (long long)config->data.images);
    }
    run->images = config->data.images > 0 ? config->data.images : available;
    return snn_world_rank(run->world) == 0 ? snn_file_hash(config->data.test, &run->data_hash, &bytes) : snn_ok();
}

static snn_status count_ann(snn_run *run)
{
    int32_t *labels = snn_allocate((size_t)run->images, sizeof *labels);
    snn_status status = labels == NULL ? snn_out_of_memory("labels") : snn_ok();
    if (status.code == SNN_OK) {
        status = snn_dataset_labels(run->dataset, 0, run->images, labels);
    }
    run->ann_correct = 0;
    for (int64_t i = 0; i < run->images && status.code == SNN_OK; i++) {
        run->ann_correct += run->ann_predictions[i] == labels[i];
    }
    snn_release(labels);
    return status;
}

/* From an ONNX file: calibrate, convert, and evaluate the trained network itself. */
static snn_status convert_model(snn_run *run)
{
    snn_trained trained;
    snn_status status =
        snn_trained_open(run->world, run->config, false, run->options->quiet, run->options->progress, &trained);
    if (status.code == SNN_OK && run->config->model.network[0] == '\0') {
        status = snn_trained_convert(run->world, run->config, &trained, &run->network, &run->origin);
    }
    snn_draft_destroy(trained.draft); /* as large as the model, and no longer needed */
    trained.draft = NULL;
    if (status.code == SNN_OK) {
        /* The data set is checked against the model before it is run through it. */
        snn_status fits = snn_ok();
        if (trained.graph != NULL) {
            const snn_tensor *input = &trained.graph->values[trained.graph->input].tensor;
            const snn_tensor *output = &trained.graph->values[trained.graph->output].tensor;
            bool image = input->rank == 4;
            snn_shape shape = {image ? (int32_t)input->dims[2] : 1, image ? (int32_t)input->dims[3] : 1,
                               (int32_t)input->dims[1]};
            fits = snn_dataset_check(run->dataset, shape, (int32_t)snn_tensor_elements(output), run->images);
        }
        status = snn_world_agree(run->world, fits);
    }
    if (status.code == SNN_OK) {
        run->ann_predictions = snn_allocate((size_t)run->images, sizeof *run->ann_predictions);
        status = snn_world_agree(run->world, run->ann_predictions == NULL ? snn_out_of_memory("labels") : snn_ok());
    }
    if (status.code == SNN_OK) {
        status = snn_trained_predict(run->world, &trained, run->dataset, run->images, run->ann_predictions);
    }
    if (status.code == SNN_OK) {
        status = snn_world_agree(run->world, count_ann(run));
    }
    snn_trained_close(&trained);
    return status;
}

static snn_status read_network(snn_run *run)
{
    snn_status status = snn_ok();
    if (snn_world_rank(run->world) == 0) {
        status = snn_network_file_read(run->config->model.network, &run->network, &run->origin);
        if (status.code == SNN_OK && run->network->format != run->config->simulation.weights) {
            /* The file decides; a config that says otherwise is a mistake. */
            status =
                snn_fail(SNN_INPUT_ERROR,
                         "%s has %s weights, simulation.weights asks for %s; leave it out, or convert the model again",
                         run->config->model.network, snn_weight_format_name(run->network->format),
                         snn_weight_format_name(run->config->simulation.weights));
        }
        if (status.code == SNN_OK) {
            status = snn_planning_check_windows(run->config, &run->network->windows);
        }
    }
    return snn_world_agree(run->world, status);
}

/* Rank 0 has the structure (and, after a conversion, all weights); the others get the structure. */
static snn_status share_structure(snn_run *run)
{
    void *bytes = NULL;
    size_t count = 0;
    bool owner = snn_world_rank(run->world) == 0;
    snn_status status = owner ? snn_network_image_write(run->network, &run->origin, &bytes, &count) : snn_ok();
    status = snn_world_agree(run->world, status);
    if (status.code == SNN_OK) {
        status = snn_world_broadcast_buffer(run->world, 0, &bytes, &count);
    }
    if (status.code == SNN_OK) {
        status = owner ? snn_ok() : snn_network_image_read(bytes, count, &run->network, &run->origin);
        status = snn_world_agree(run->world, status);
    }
    snn_release(bytes);
    return status;
}

snn_status snn_run_read_inputs(snn_run *run)
{
    const snn_config *config = run->config;
    SNN_TRY(snn_world_agree(run->world, snn_kernels_select(&run->kernels)));
    SNN_TRY(snn_world_agree(run->world, open_dataset(run)));
    if (config->model.network[0] != '\0') {
        SNN_TRY(read_network(run));
    }
    if (config->model.onnx[0] != '\0') {
        SNN_TRY(convert_model(run));
    }
    SNN_TRY(share_structure(run));
    if (config->neuron.dynamics == SNN_DYNAMICS_SUBGRADIENT) {
        SNN_TRY(snn_world_agree(run->world, snn_subgradient_check(run->network)));
    }
    return snn_world_agree(run->world,
                           snn_dataset_check(run->dataset, run->network->input, run->network->classes, run->images));
}

static snn_status fill_steps(const snn_run *run)
{
    const snn_config *config = run->config;
    const snn_schedule schedule = {config->neuron.schedule, config->neuron.eta0, config->neuron.gamma,
                                   config->neuron.power,    config->table,       config->table_length};
    if (run->network->windows.steps == 0) {
        return snn_schedule_fill(&schedule, run->steps, run->eta);
    }
    for (int32_t j = 0; j < run->steps; j++) {
        run->eta[j] = (float)run->network->windows.magnitude[j];
    }
    return snn_ok();
}

snn_status snn_run_schedule(snn_run *run)
{
    run->steps = snn_planning_steps(run->config, run->network);
    run->eta = snn_allocate((size_t)run->steps, sizeof *run->eta);
    SNN_TRY(snn_world_agree(run->world, run->eta == NULL ? snn_out_of_memory("schedule") : snn_ok()));
    SNN_TRY(snn_world_agree(run->world, fill_steps(run)));
    /* One table for all ranks, whatever their mathematical library does in the last bit. */
    return snn_world_broadcast(run->world, 0, run->eta, (size_t)run->steps * sizeof *run->eta);
}

static snn_status make_shard(snn_run *run)
{
    if (run->options->trace != NULL) {
        SNN_TRY(snn_trace_create(omp_get_max_threads(), &run->trace));
    }
    const snn_network *network = run->network;
    const snn_config *config = run->config;
    snn_place place = snn_plan_place(run->plan, snn_world_rank(run->world));
    size_t count = (size_t)network->population_count;
    snn_channel_range *owned = snn_allocate(count, sizeof *owned);
    snn_channel_range *visible = snn_allocate(count, sizeof *visible);
    snn_status status = owned == NULL || visible == NULL ? snn_out_of_memory("channel ranges") : snn_ok();
    for (int32_t p = 0; p < network->population_count && status.code == SNN_OK; p++) {
        owned[p] = snn_plan_owned(run->plan, network, place, p);
        snn_channel_range needed = snn_plan_needed(run->plan, network, place, p);
        bool owns = owned[p].begin < owned[p].end;
        visible[p] = needed;
        if (owns && needed.begin < needed.end) {
            visible[p].begin = owned[p].begin < needed.begin ? owned[p].begin : needed.begin;
            visible[p].end = owned[p].end > needed.end ? owned[p].end : needed.end;
        } else if (owns) {
            visible[p] = owned[p];
        }
    }
    if (status.code == SNN_OK) {
        const snn_shard_options options = {.images = run->batch,
                                           .block = config->simulation.block,
                                           .timesteps = config->simulation.timesteps,
                                           .eta = run->eta,
                                           .encoding = config->simulation.encoding,
                                           .channels = owned,
                                           .visible = visible,
                                           .dynamics = config->neuron.dynamics,
                                           .momentum = (float)config->neuron.momentum,
                                           .seed = (uint64_t)config->simulation.seed,
                                           .statistics = config->statistics,
                                           .trace = run->trace,
                                           .spent = run->network};
        status = snn_shard_create(network, run->kernels, &options, &run->shard);
    }
    snn_release(owned);
    snn_release(visible);
    return status;
}

/* Rank 0's plan, on every rank. `own`: on rank 0. */
static snn_status share_plan(snn_run *run, const snn_plan *own)
{
    int32_t size[2] = {0, 0}; /* replicas, stages */
    int32_t *begin = NULL, *shards = NULL;
    snn_status status;
    if (own != NULL) {
        size[0] = own->replicas;
        size[1] = own->stages;
    }
    SNN_TRY(snn_world_broadcast(run->world, 0, size, sizeof size));
    begin = snn_allocate((size_t)size[1] + 1, sizeof *begin);
    shards = snn_allocate((size_t)size[1], sizeof *shards);
    const bool complete = begin != NULL && shards != NULL;
    SNN_GOTO_DONE(status, snn_world_agree(run->world, complete ? snn_ok() : snn_out_of_memory("stages of the plan")));
    if (own != NULL) {
        memcpy(begin, own->stage_begin, ((size_t)size[1] + 1) * sizeof *begin);
        memcpy(shards, own->shards, (size_t)size[1] * sizeof *shards);
    }
    SNN_GOTO_DONE(status, snn_world_broadcast(run->world, 0, begin, ((size_t)size[1] + 1) * sizeof *begin));
    SNN_GOTO_DONE(status, snn_world_broadcast(run->world, 0, shards, (size_t)size[1] * sizeof *shards));
    const int32_t populations = run->network->population_count;
    SNN_GOTO_DONE(
        status, snn_world_agree(run->world, snn_plan_create(size[0], size[1], begin, shards, populations, &run->plan)));
done:
    snn_release(begin);
    snn_release(shards);
    return status;
}

/* Whether the plan of --plan fits into the memory that ranks have. */
static snn_status check_memory(const snn_run *run, const snn_planner_request *request, const snn_plan *plan)
{
    snn_cost_model *model = NULL;
    SNN_TRY(snn_cost_model_create(run->network, request, &model));
    const snn_status status = snn_context(snn_plan_check_memory(model, plan), "%s", run->options->plan);
    snn_cost_model_destroy(model);
    return status;
}

/* On rank 0: the file of --plan, or the planner's choice from speeds that are measured here; and the images of a
 * group. */
static snn_status find_plan(snn_run *run, double processors, const snn_link *link, snn_plan **plan)
{
    const bool given = run->options->plan != NULL;
    const int32_t ranks = snn_world_size(run->world);
    snn_config config = *run->config;
    snn_planning_base base = {0};
    snn_planning planning = {0};
    snn_status status;
    if (given) {
        SNN_TRY(snn_plan_file_read(run->options->plan, run->network, ranks, plan));
        config.parallel.calibration = SNN_CALIBRATION_OFF; /* memory is judged without speeds */
    }
    SNN_GOTO_DONE(status, snn_planning_base_make(&config, ranks, processors, snn_world_host_ranks(run->world), link,
                                                 false, &base));
    SNN_GOTO_DONE(status, snn_planning_begin(&config, run->network, run->kernels, &base, ranks, omp_get_max_threads(),
                                             run->images, &planning));
    if (given) {
        snn_planning_take(*plan, &planning);
        status = check_memory(run, &planning.request, *plan);
    } else {
        status = snn_planning_make(run->network, &planning, plan);
    }
    run->batch = planning.request.images;
done:
    snn_planning_end(&planning);
    snn_planning_base_clear(&base);
    return status;
}

snn_status snn_run_partition(snn_run *run)
{
    snn_link link = snn_machine_assumed().link;
    double processors = 0.0;
    snn_plan *own = NULL;
    SNN_TRY(snn_world_agree(run->world, snn_link_probe(run->world, &link)));
    SNN_TRY(snn_world_agree(run->world, snn_world_processors(run->world, &processors)));
    snn_status status = snn_world_rank(run->world) == 0 ? find_plan(run, processors, &link, &own) : snn_ok();
    status = snn_world_agree(run->world, status);
    if (status.code == SNN_OK) {
        status = share_plan(run, own);
    }
    snn_plan_destroy(own);
    SNN_TRY(status);
    SNN_TRY(snn_world_broadcast(run->world, 0, &run->batch, sizeof run->batch));
    SNN_TRY(snn_run_take_weights(run));
    SNN_TRY(snn_world_agree(run->world, make_shard(run)));
    snn_shard_memory(run->shard, &run->memory[0], &run->memory[1], &run->memory[2]);
    return snn_ok();
}
