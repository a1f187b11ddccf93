#include "io/cli/planning.h"

#include <omp.h>

#include "comm/packet_speed.h"
#include "io/machine_file.h"
#include "io/speed_file.h"
#include "partition/calibrate.h"

static const double SECONDS_PER_WIDTH = 0.15;

static snn_status find_speeds(const snn_config *config, const snn_network *network, const snn_kernels *kernels,
                              const snn_work *work, int32_t ranks, bool needed, snn_planning *planning)
{
    snn_speed_book book = {0};
    char path[SNN_PATH_BYTES];
    snn_status status = snn_ok();
    planning->speeds = "assumed speeds";
    if (config->parallel.calibration != SNN_CALIBRATION_OFF && needed) {
        snn_speed_file_path(kernels->name, path);
        if (config->parallel.calibration == SNN_CALIBRATION_CACHED) {
            snn_speed_file_read(path, &book);
        }
        SNN_GOTO_DONE(status, snn_calibrate(network, kernels, work, ranks, SECONDS_PER_WIDTH, &book));
        planning->speeds = book.changed ? "measured speeds" : "speeds measured before";
        if (book.changed) {
            snn_speed_file_write(path, kernels->name, &book);
        }
    }
    SNN_GOTO_DONE(status, snn_prices_create(network, work, ranks, &book, &planning->prices));
done:
    snn_speed_book_clear(&book);
    return status;
}

snn_status snn_planning_begin(const snn_config *config, const snn_network *network, const snn_kernels *kernels,
                              const snn_machine *machine, int32_t ranks, int64_t groups, bool to_show,
                              snn_planning *planning)
{
    const snn_work work = {.images = config->simulation.batch,
                           .block = config->simulation.block,
                           .threads = omp_get_max_threads(),
                           .encoding = config->simulation.encoding,
                           .dynamics = config->neuron.dynamics,
                           .momentum = (float)config->neuron.momentum};
    *planning = (snn_planning){.machine = *machine};
    planning->request = (snn_planner_request){
        .ranks = ranks,
        .replicas = config->parallel.replicas,
        .stages = config->parallel.stages,
        .channels = config->parallel.channels,
        .groups = groups,
        .timesteps = config->simulation.timesteps,
        .block = config->simulation.block,
        .images = config->simulation.batch,
        .objective = config->parallel.objective,
        .encoding = work.encoding,
        .dynamics = work.dynamics,
        .momentum = work.momentum,
        .machine = &planning->machine,
    };
    /* Where nothing is left to choose, speeds are for people only. */
    const bool fixed = config->parallel.replicas > 0 && config->parallel.stages == 1 && config->parallel.channels > 0;
    const bool needed = to_show || (ranks > 1 && !fixed);
    planning->machine.memory_bytes = config->parallel.memory_gb * 1e9;
    if (config->parallel.machine[0] != '\0') {
        SNN_TRY(snn_machine_file_read(config->parallel.machine, work.threads, &planning->machine));
    }
    if (needed && config->parallel.calibration != SNN_CALIBRATION_OFF) {
        SNN_TRY(snn_packet_speed_measure(config->codec, &planning->machine.link, &planning->machine.packets));
    }
    SNN_TRY(find_speeds(config, network, kernels, &work, ranks, needed, planning));
    planning->request.prices = planning->prices;
    return snn_ok();
}

void snn_planning_end(snn_planning *planning)
{
    snn_prices_destroy(planning->prices);
    planning->prices = NULL;
}
