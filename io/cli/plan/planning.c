#include "io/cli/plan/planning.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

#include "comm/codec.h"
#include "comm/packet_speed.h"
#include "core/base/memory.h"
#include "core/kernels/processor.h"
#include "core/network/timing.h"
#include "core/shard/block.h"
#include "io/config/config_keys.h"
#include "io/config/machine_file.h"
#include "io/config/speed_file.h"
#include "partition/calibrate.h"

static const double SECONDS_PER_WIDTH = 0.15;

/* "measured speeds", and how many of them are not to be relied upon. */
static void name_speeds(const snn_speed_book *book, snn_planning *planning)
{
    int32_t unsteady = 0;
    for (int32_t i = 0; i < book->count; i++) {
        unsteady += book->speeds[i].unsteady;
    }
    const char *name = book->changed ? "measured speeds" : "speeds measured before";
    if (unsteady > 0) {
        (void)snprintf(planning->speeds, sizeof planning->speeds, "%s (%d of %d unsteady: the machine is busy)", name,
                       unsteady, book->count);
    } else {
        (void)snprintf(planning->speeds, sizeof planning->speeds, "%s", name);
    }
}

/* Speeds of other work that the file has stay there. */
static void write_speeds(const char *path, const snn_kernels *kernels, const snn_speed_book *book)
{
    snn_speed_book all = {0};
    snn_speed_file_read(path, &all);
    snn_status status = snn_ok();
    for (int32_t i = 0; i < book->count && status.code == SNN_OK; i++) {
        status = snn_speed_book_add(&all, book->speeds[i]);
    }
    if (status.code == SNN_OK) { /* else without: it is a cache */
        snn_speed_file_write(path, kernels->name, &all);
    }
    snn_speed_book_clear(&all);
}

static snn_status find_speeds(const snn_config *config, const snn_network *network, const snn_kernels *kernels,
                              const snn_work *work, int32_t ranks, snn_planning_base *base, snn_planning *planning)
{
    snn_speed_book *book = &base->book;
    char path[SNN_PATH_BYTES];
    (void)snprintf(planning->speeds, sizeof planning->speeds, "assumed speeds");
    if (base->to_measure) {
        snn_speed_file_path(kernels->name, path);
        if (config->parallel.calibration == SNN_CALIBRATION_CACHED && book->count == 0) {
            snn_speed_file_read(path, book);
        }
        SNN_TRY(snn_calibrate(network, kernels, work, ranks, SECONDS_PER_WIDTH, book));
        name_speeds(book, planning);
        if (book->changed) {
            write_speeds(path, kernels, book);
        }
    }
    return snn_prices_create(network, work, ranks, book, &planning->prices);
}

void snn_planning_base_clear(snn_planning_base *base)
{
    snn_speed_book_clear(&base->book);
}

snn_status snn_planning_base_make(const snn_config *config, int32_t ranks, double processors, int32_t host_ranks,
                                  const snn_link *measured, bool to_show, snn_planning_base *base)
{
    /* Where nothing is left to choose, speeds are for people only. */
    const bool fixed = config->parallel.replicas > 0 && config->parallel.stages == 1 && config->parallel.channels > 0;
    const bool needed = to_show || (ranks > 1 && !fixed);
    *base = (snn_planning_base){.machine = snn_machine_assumed(),
                                .link = measured != NULL ? SNN_LINK_MEASURED : SNN_LINK_ASSUMED,
                                .to_measure = needed && config->parallel.calibration != SNN_CALIBRATION_OFF};
    base->machine.processors = processors;
    base->machine.host_ranks = host_ranks;
    base->machine.memory_bytes = config->parallel.memory_gb * 1e9;
    if (measured != NULL) {
        base->machine.link = *measured;
    }
    if (config->parallel.machine[0] != '\0') {
        SNN_TRY(snn_machine_file_read(config->parallel.machine, omp_get_max_threads(), &base->machine));
        base->link = SNN_LINK_FILE;
    }
    const bool windows = config->neuron.steps > 0;
    return base->to_measure
               ? snn_packet_speed_measure(config->codec, windows, &base->machine.link, &base->machine.packets)
               : snn_ok();
}

snn_status snn_planning_begin(const snn_config *config, const snn_network *network, const snn_kernels *kernels,
                              snn_planning_base *base, int32_t ranks, int32_t threads, int64_t images,
                              snn_planning *planning)
{
    const snn_work work = {.images = config->simulation.batch,
                           .block = config->simulation.block,
                           .threads = threads,
                           .encoding = config->simulation.encoding,
                           .dynamics = config->neuron.dynamics,
                           .momentum = (float)config->neuron.momentum,
                           .statistics = config->statistics};
    *planning = (snn_planning){.machine = base->machine, .link = base->link, .images = images};
    if (planning->machine.processors > 0.0) { /* else the machine file says what a rank has */
        planning->machine.threads = threads;
    }
    planning->request = (snn_planner_request){
        .ranks = ranks,
        .replicas = config->parallel.replicas,
        .stages = config->parallel.stages,
        .channels = config->parallel.channels,
        .timesteps = snn_planning_steps(config, network),
        .block = config->simulation.block,
        .latency = config->simulation.timesteps,
        .objective = config->parallel.objective,
        .encoding = work.encoding,
        .dynamics = work.dynamics,
        .momentum = work.momentum,
        .codec_bytes = snn_codec_state_bytes(config->codec),
        .machine = &planning->machine,
    };
    snn_plan_divide_images(&planning->request, images, config->simulation.batch);
    SNN_TRY(find_speeds(config, network, kernels, &work, ranks, base, planning));
    planning->request.prices = planning->prices;
    return snn_ok();
}

snn_status snn_planning_make(const snn_network *network, snn_planning *planning, snn_plan **plan)
{
    return snn_plan_make_groups(network, &planning->request, planning->images, plan);
}

void snn_planning_take(const snn_plan *plan, snn_planning *planning)
{
    snn_plan_occupy(&planning->request, planning->images, plan);
}

void snn_planning_end(snn_planning *planning)
{
    snn_prices_destroy(planning->prices);
    planning->prices = NULL;
}

snn_status snn_planning_check_layout(const snn_config *config, int32_t ranks, const char *starter)
{
    const int32_t replicas = config->parallel.replicas, stages = config->parallel.stages,
                  channels = config->parallel.channels;
    const int64_t needed = snn_plan_layout_ranks(replicas, stages, channels);
    const int64_t fewer = ranks / needed * needed; /* a multiple will do where something is free */
    const bool free = replicas == 0 || stages == 0 || channels == 0;
    const int64_t right = free && fewer > 0 ? fewer : needed;
    return snn_advise(snn_plan_check_layout(replicas, stages, channels, ranks),
                      "give %s %lld, or leave the layout to the planner", starter, (long long)right);
}

int32_t snn_planning_steps(const snn_config *config, const snn_network *network)
{
    return network->windows.steps > 0 ? network->windows.steps : config->simulation.timesteps;
}

/* Without neuron.steps: what was left out has its default, and is whatever the file says. */
static bool asks_for_another(const char *key, double asked, double found)
{
    return asked != found && asked != strtod(snn_config_find(key)->fallback, NULL);
}

snn_status snn_planning_check_windows(const snn_config *config, const snn_windows *found)
{
    const char *path = config->model.network;
    const bool windows = config->neuron.steps > 0;
    if (found->steps == 0) {
        return !windows
                   ? snn_ok()
                   : snn_fail(SNN_INPUT_ERROR,
                              "%s has no windows; neuron.steps asks for %d: leave it out, or convert the model again",
                              path, config->neuron.steps);
    }
    if (config->neuron.dynamics != SNN_DYNAMICS_SIGNGD) {
        return snn_fail(SNN_INPUT_ERROR,
                        "%s has windows, neuron.dynamics asks for \"subgradient\", which has none; leave it out, or "
                        "convert the model again without neuron.steps",
                        path);
    }
    if (!snn_encoding_is_graded(config->simulation.encoding)) {
        return snn_fail(
            SNN_INPUT_ERROR,
            "%s has windows, into which pixels enter directly; simulation.encoding: expected \"direct\" or nothing",
            path);
    }
    if (!windows && ((config->neuron.delay != 0 && config->neuron.delay != found->delay) ||
                     asks_for_another("neuron.ratio", config->neuron.ratio, found->ratio) ||
                     asks_for_another("neuron.margin", config->neuron.margin, found->margin))) {
        return snn_fail(SNN_INPUT_ERROR,
                        "%s has windows of %d steps, delay %d, ratio %g, margin %g; neuron.delay, ratio or margin ask "
                        "for others: leave them out, or convert the model again",
                        path, found->steps, found->delay, found->ratio, found->margin);
    }
    if (windows && (found->steps != config->neuron.steps || found->delay != config->neuron.delay ||
                    found->ratio != config->neuron.ratio || found->margin != config->neuron.margin)) {
        return snn_fail(
            SNN_INPUT_ERROR,
            "%s has windows of %d steps, delay %d, ratio %g, margin %g; neuron.steps, delay, ratio and margin "
            "ask for %d, %d, %g, %g: leave them out, or convert the model again",
            path, found->steps, found->delay, found->ratio, found->margin, config->neuron.steps, config->neuron.delay,
            config->neuron.ratio, config->neuron.margin);
    }
    return snn_ok();
}

snn_status snn_planning_settle(snn_config *config, const snn_network *network)
{
    const bool windows = network->windows.steps > 0;
    if (windows) {
        config->simulation.encoding = SNN_ENCODING_DIRECT;
        config->simulation.block = network->windows.steps;
    }
    if (config->simulation.timesteps == 0) {
        config->simulation.timesteps = windows ? snn_network_latency(network) : SNN_DEFAULT_TIMESTEPS;
    }
    if (config->simulation.timesteps > SNN_MAX_TIMESTEPS) {
        return snn_fail(SNN_INPUT_ERROR,
                        "windows of %d steps with a delay of %d take %d timesteps, expected at most %d; lower "
                        "neuron.steps or neuron.delay, and convert the model again",
                        network->windows.steps, network->windows.delay, config->simulation.timesteps,
                        SNN_MAX_TIMESTEPS);
    }
    if (config->simulation.block == 0) {
        config->simulation.block =
            snn_block_suggested(network, config->simulation.timesteps, snn_processor_cache_bytes());
    }
    snn_release(config->text);
    return snn_config_write_text(config, &config->text);
}
