/* What is known of a network, a request and a machine before stages are looked at. */
#include "core/base/memory.h"
#include "partition/cost.h"
#include "partition/moments.h"

static void find_readers(snn_cost_model *model)
{
    const snn_network *network = model->network;
    for (int32_t i = 0; i <= network->population_count; i++) {
        model->projection_begin[i] = snn_plan_first_projection(network, i);
    }
    for (int32_t i = 0; i < network->population_count; i++) {
        model->first_reader[i] = model->last_reader[i] = i;
    }
    for (int32_t i = 0; i < network->projection_count; i++) { /* ordered by target */
        const int32_t source = network->projections[i].source, target = network->projections[i].target;
        if (source != SNN_SOURCE_INPUT) {
            model->first_reader[source] = model->first_reader[source] == source ? target : model->first_reader[source];
            model->last_reader[source] = target;
        }
    }
}

snn_status snn_cost_model_create(const snn_network *network, const snn_planner_request *request, snn_cost_model **model)
{
    *model = NULL;
    const int32_t steps = network->windows.steps;
    if (steps > 0 && (request->timesteps != steps || request->block < steps)) {
        return snn_fail(SNN_INTERNAL_ERROR, "cost model: blocks of %d of %d steps for windows of %d", request->block,
                        request->timesteps, steps);
    }
    snn_cost_model *made = snn_allocate(1, sizeof *made);
    if (made == NULL) {
        return snn_out_of_memory("cost model");
    }
    const size_t populations = (size_t)network->population_count;
    made->network = network;
    made->request = request;
    made->machine = request->machine != NULL ? *request->machine : snn_machine_assumed();
    made->first_reader = snn_allocate(populations, sizeof *made->first_reader);
    made->last_reader = snn_allocate(populations, sizeof *made->last_reader);
    made->sharing = snn_allocate(populations, sizeof *made->sharing);
    made->whole_bytes = snn_allocate(populations, sizeof *made->whole_bytes);
    made->needed = snn_allocate(populations, sizeof *made->needed);
    made->projection_begin = snn_allocate(populations + 1, sizeof *made->projection_begin);
    if (made->projection_begin == NULL || made->first_reader == NULL || made->last_reader == NULL ||
        made->sharing == NULL || made->whole_bytes == NULL || made->needed == NULL) {
        snn_cost_model_destroy(made);
        return snn_out_of_memory("cost model");
    }
    const snn_status status = snn_moments_create(network, &made->timings);
    if (snn_failed(status)) {
        snn_cost_model_destroy(made);
        return status;
    }
    int32_t tables;
    const snn_kernels *const *kernels = snn_kernels_all(&tables);
    made->footprint = (snn_footprint){.network = network,
                                      .kernels = kernels[tables - 1],
                                      .timings = made->timings,
                                      .images = request->images,
                                      .block = made->timings != NULL ? steps : request->block,
                                      .encoding = made->timings != NULL ? SNN_ENCODING_DIRECT : request->encoding,
                                      .dynamics = request->dynamics,
                                      .momentum = request->momentum};
    find_readers(made);
    snn_cost_weigh_structure(made);
    *model = made;
    return snn_ok();
}

void snn_cost_model_destroy(snn_cost_model *model)
{
    if (model != NULL) {
        snn_release(model->timings);
        snn_release(model->first_reader);
        snn_release(model->last_reader);
        snn_release(model->sharing);
        snn_release(model->whole_bytes);
        snn_release(model->needed);
        snn_release(model->projection_begin);
        snn_release(model);
    }
}
