#include "io/hdf5/report_data.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/hdf5/hdf5_helpers.h"
#include "io/hdf5/sealed.h"

/* The dimensions of a data set of `rank` dimensions. */
static snn_status read_dims(hid_t parent, const char *name, int rank, int64_t *dims)
{
    hsize_t extents[SNN_HDF5_MAX_RANK];
    hid_t dataset = H5Dopen2(parent, name, H5P_DEFAULT);
    hid_t space = dataset < 0 ? H5I_INVALID_HID : H5Dget_space(dataset);
    snn_status status = snn_ok();
    if (space < 0 || H5Sget_simple_extent_ndims(space) != rank || H5Sget_simple_extent_dims(space, extents, NULL) < 0) {
        status = snn_hdf5_failure(SNN_INPUT_ERROR, parent, name, "is not there or has other dimensions than expected");
    }
    for (int i = 0; i < rank && !snn_failed(status); i++) {
        dims[i] = (int64_t)extents[i];
        if (dims[i] < 1 || dims[i] > INT32_MAX) {
            status = snn_hdf5_failure(SNN_INPUT_ERROR, parent, name, "has an impossible dimension");
        }
    }
    snn_hdf5_close(space);
    snn_hdf5_close(dataset);
    return status;
}

static snn_status read_accuracy(hid_t file, snn_report_run *run)
{
    int64_t dims[1] = {0};
    SNN_TRY(read_dims(file, "accuracy/correct", 1, dims));
    run->timesteps = (int32_t)dims[0];
    run->correct = snn_allocate((size_t)dims[0], sizeof *run->correct);
    if (run->correct == NULL) {
        return snn_out_of_memory("report");
    }
    SNN_TRY(snn_hdf5_read_array(file, "accuracy/correct", H5T_NATIVE_INT64, 1, dims, run->correct));
    int64_t logits[2] = {0, 0};
    SNN_TRY(read_dims(file, "predictions/logits", 2, logits));
    run->classes = (int32_t)logits[1];
    SNN_TRY(snn_hdf5_read_array(file, "accuracy/ann_correct", H5T_NATIVE_INT64, 0, NULL, &run->ann_correct));
    return snn_hdf5_read_array(file, "accuracy/total", H5T_NATIVE_INT64, 0, NULL, &run->images);
}

/* An attribute that older files lack stays as it is. */
static snn_status read_if_there(hid_t group, const char *name, hid_t type, void *value)
{
    return H5Aexists(group, name) > 0 ? snn_hdf5_read_attribute(group, name, type, 0, value) : snn_ok();
}

static snn_status read_dynamics_attributes(hid_t group, snn_report_run *run)
{
    run->windows = H5Aexists(group, "steps") > 0;
    if (H5Aexists(group, "neurons") > 0) {
        char *neurons;
        SNN_TRY(snn_hdf5_read_text_attribute(group, "neurons", &neurons));
        run->subgradient = strcmp(neurons, "subgradient") == 0;
        snn_release(neurons);
    }
    if (H5Aexists(group, "weights") > 0) {
        char *weights;
        SNN_TRY(snn_hdf5_read_text_attribute(group, "weights", &weights));
        run->whole_weights = strncmp(weights, "int", 3) == 0;
        snn_release(weights);
    }
    SNN_TRY(read_if_there(group, "first_answer", H5T_NATIVE_INT32, &run->first_answer));
    SNN_TRY(read_if_there(group, "depth", H5T_NATIVE_INT32, &run->depth));
    SNN_TRY(read_if_there(group, "delay", H5T_NATIVE_INT32, &run->delay));
    SNN_TRY(read_if_there(group, "ratio", H5T_NATIVE_DOUBLE, &run->ratio));
    return read_if_there(group, "margin", H5T_NATIVE_DOUBLE, &run->margin);
}

/* Files written before there were windows do not say: all neurons fired at all timesteps. */
static snn_status read_dynamics(hid_t file, snn_report_run *run)
{
    int64_t interval = run->timesteps;
    run->latency = run->timesteps;
    run->first_answer = 1;
    run->spikes_per_neuron = run->timesteps;
    if (H5Lexists(file, "dynamics", H5P_DEFAULT) > 0) {
        hid_t group;
        SNN_TRY(snn_hdf5_read_array(file, "dynamics/interval", H5T_NATIVE_INT64, 0, NULL, &interval));
        SNN_TRY(snn_hdf5_read_array(file, "dynamics/spikes_per_neuron", H5T_NATIVE_DOUBLE, 0, NULL,
                                    &run->spikes_per_neuron));
        SNN_TRY(snn_hdf5_open_group(file, "dynamics", &group));
        snn_status status = read_dynamics_attributes(group, run);
        snn_hdf5_close(group);
        SNN_TRY(status);
        SNN_TRY(snn_hdf5_read_array(file, "dynamics/latency", H5T_NATIVE_INT64, 0, NULL, &run->latency));
    }
    if (run->first_answer < 1 || run->first_answer > run->timesteps) {
        return snn_hdf5_failure(SNN_INPUT_ERROR, file, "dynamics", "first_answer is not within the timesteps");
    }
    if (interval < 1 || interval > run->timesteps) {
        return snn_hdf5_failure(SNN_INPUT_ERROR, file, "dynamics/interval", "is not within the timesteps");
    }
    run->steps = (int32_t)interval;
    run->mean_error = snn_allocate((size_t)interval, sizeof *run->mean_error);
    run->worst_error = snn_allocate((size_t)interval, sizeof *run->worst_error);
    return run->mean_error == NULL || run->worst_error == NULL ? snn_out_of_memory("report") : snn_ok();
}

/* ---- layers: groups named <index>_<name> ---- */

static snn_status mean_of(hid_t group, const char *name, int32_t steps, double *values, double *mean)
{
    const int64_t dims[] = {steps};
    SNN_TRY(snn_hdf5_read_array(group, name, H5T_NATIVE_DOUBLE, 1, dims, values));
    *mean = 0.0;
    for (int32_t j = 0; j < steps; j++) {
        *mean += values[j] / steps;
    }
    return snn_ok();
}

static snn_status read_counts(hid_t group, const char *name, int64_t channels, int64_t *counts)
{
    return snn_hdf5_read_array(group, name, H5T_NATIVE_INT64, 1, &channels, counts);
}

/* Spikes, and channels that left their range. */
static snn_status read_channels(hid_t group, snn_report_run *run, snn_report_layer *layer)
{
    int64_t channels[1] = {0};
    run->counted = H5Lexists(group, "channel_spikes", H5P_DEFAULT) > 0;
    SNN_TRY(read_dims(group, run->counted ? "channel_spikes" : "channel_beyond", 1, channels));
    int64_t *counts = snn_allocate((size_t)channels[0], sizeof *counts);
    snn_status status = counts == NULL ? snn_out_of_memory("report") : snn_ok();
    if (!snn_failed(status) && run->counted) {
        status = read_counts(group, "channel_spikes", channels[0], counts);
    }
    for (int64_t c = 0; c < channels[0] && !snn_failed(status); c++) {
        layer->spikes += counts[c];
    }
    if (!snn_failed(status) && H5Lexists(group, "channel_beyond", H5P_DEFAULT) > 0) {
        status = read_counts(group, "channel_beyond", channels[0], counts);
        layer->channels = channels[0];
    }
    const double values = (double)layer->neurons / (double)channels[0] * (double)run->images;
    for (int64_t c = 0; c < layer->channels && !snn_failed(status); c++) {
        const double share = (double)counts[c] / values;
        layer->beyond += counts[c] > 0;
        if (share > layer->worst_share) {
            layer->worst_channel = c;
            layer->worst_share = share;
        }
    }
    snn_release(counts);
    return status;
}

static snn_status fill_layer(hid_t group, snn_report_run *run, double *values, snn_report_layer *layer)
{
    double mean = 0.0;
    SNN_TRY(snn_hdf5_read_text_attribute(group, "name", &layer->name));
    SNN_TRY(snn_hdf5_read_text_attribute(group, "neuron", &layer->neuron));
    SNN_TRY(snn_hdf5_read_attribute(group, "neurons", H5T_NATIVE_INT64, 0, &layer->neurons));
    SNN_TRY(read_if_there(group, "first_step", H5T_NATIVE_INT32, &layer->first_step));
    SNN_TRY(read_channels(group, run, layer));
    if (!run->counted) {
        return snn_ok();
    }
    SNN_TRY(mean_of(group, "firing_rate", run->steps, values, &layer->firing_rate));
    SNN_TRY(mean_of(group, "flip_rate", run->steps, values, &layer->flip_rate));
    run->tracking = H5Lexists(group, "tracking_error", H5P_DEFAULT) > 0;
    if (!run->tracking) {
        return snn_ok();
    }
    SNN_TRY(mean_of(group, "tracking_error", run->steps, values, &mean));
    layer->tracking_error = values[run->steps - 1];
    for (int32_t j = 0; j < run->steps; j++) {
        run->mean_error[j] += values[j] / run->layer_count;
        run->worst_error[j] = values[j] > run->worst_error[j] ? values[j] : run->worst_error[j];
    }
    return snn_ok();
}

static snn_status read_layer(hid_t layers, hsize_t at, snn_report_run *run, double *values)
{
    char name[512];
    char *end = NULL;
    hid_t group = H5I_INVALID_HID;
    if (H5Lget_name_by_idx(layers, ".", H5_INDEX_NAME, H5_ITER_INC, at, name, sizeof name, H5P_DEFAULT) < 0) {
        return snn_hdf5_failure(SNN_INPUT_ERROR, layers, NULL, "cannot list the layers");
    }
    long index = strtol(name, &end, 10);
    if (end == name || *end != '_' || index < 0 || index > INT32_MAX) {
        return snn_hdf5_failure(SNN_INPUT_ERROR, layers, name, "is not the name of a layer, <index>_<name>");
    }
    SNN_TRY(snn_hdf5_open_group(layers, name, &group));
    run->layers[at].index = (int32_t)index;
    snn_status status = fill_layer(group, run, values, &run->layers[at]);
    snn_hdf5_close(group);
    return status;
}

static int compare_layers(const void *a, const void *b)
{
    const int32_t left = ((const snn_report_layer *)a)->index, right = ((const snn_report_layer *)b)->index;
    return (left > right) - (left < right);
}

static snn_status read_layers(hid_t file, snn_report_run *run)
{
    hid_t group = H5I_INVALID_HID;
    H5G_info_t information;
    SNN_TRY(snn_hdf5_open_group(file, "layers", &group));
    double *values = snn_allocate((size_t)run->steps, sizeof *values);
    snn_status status = values == NULL ? snn_out_of_memory("report") : snn_ok();
    if (!snn_failed(status) && (H5Gget_info(group, &information) < 0 || information.nlinks > INT_MAX)) {
        status = snn_hdf5_failure(SNN_INPUT_ERROR, group, NULL, "cannot count the layers");
    }
    if (!snn_failed(status)) {
        run->layer_count = (int32_t)information.nlinks;
        run->layers = snn_allocate(information.nlinks, sizeof *run->layers);
        status = run->layers == NULL ? snn_out_of_memory("report") : snn_ok();
    }
    for (int32_t i = 0; i < run->layer_count && !snn_failed(status); i++) {
        status = read_layer(group, (hsize_t)i, run, values);
    }
    if (!snn_failed(status) && run->layer_count > 0) { /* names come in the order of letters: 10 before 2 */
        qsort(run->layers, (size_t)run->layer_count, sizeof *run->layers, compare_layers);
    }
    snn_release(values);
    snn_hdf5_close(group);
    return status;
}

/* ---- costs ---- */

static snn_status read_timers(hid_t file, snn_report_run *run)
{
    int64_t dims[2] = {0, 0};
    SNN_TRY(read_dims(file, "timers/seconds", 2, dims));
    run->ranks = (int32_t)dims[0];
    double *read = snn_allocate((size_t)dims[0], (size_t)dims[1] * sizeof *read);
    run->seconds = snn_allocate((size_t)dims[0], SNN_TIMER_COUNT * sizeof *run->seconds);
    snn_status status = read == NULL || run->seconds == NULL ? snn_out_of_memory("report") : snn_ok();
    if (!snn_failed(status)) {
        status = snn_hdf5_read_array(file, "timers/seconds", H5T_NATIVE_DOUBLE, 2, dims, read);
    }
    for (int64_t rank = 0; rank < dims[0] && !snn_failed(status); rank++) {
        for (int64_t timer = 0; timer < dims[1] && timer < SNN_TIMER_COUNT; timer++) {
            run->seconds[rank * SNN_TIMER_COUNT + timer] = read[rank * dims[1] + timer];
        }
    }
    snn_release(read);
    SNN_TRY(status);
    return snn_hdf5_read_array(file, "timers/evaluation", H5T_NATIVE_DOUBLE, 0, NULL, &run->evaluation);
}

static snn_status read_memory(hid_t file, snn_report_run *run)
{
    enum { PARTS = 3 };
    const int64_t dims[2] = {run->ranks, PARTS};
    int64_t *parts = snn_allocate((size_t)run->ranks, PARTS * sizeof *parts);
    run->memory = snn_allocate((size_t)run->ranks, sizeof *run->memory);
    snn_status status = parts == NULL || run->memory == NULL ? snn_out_of_memory("report") : snn_ok();
    if (!snn_failed(status)) {
        status = snn_hdf5_read_array(file, "provenance/memory", H5T_NATIVE_INT64, 2, dims, parts);
    }
    for (int64_t i = 0; i < PARTS * (int64_t)run->ranks && !snn_failed(status); i++) {
        run->memory[i / PARTS] += parts[i];
    }
    snn_release(parts);
    return status;
}

static snn_status read_total(hid_t file, const char *name, int32_t ranks, int64_t *total)
{
    const int64_t dims[1] = {ranks};
    int64_t *counts = snn_allocate((size_t)ranks, sizeof *counts);
    snn_status status = counts == NULL ? snn_out_of_memory("report")
                                       : snn_hdf5_read_array(file, name, H5T_NATIVE_INT64, 1, dims, counts);
    *total = 0;
    for (int32_t rank = 0; rank < ranks && !snn_failed(status); rank++) {
        *total += counts[rank];
    }
    snn_release(counts);
    return status;
}

/* Packets by kind of edge and codec. */
static snn_status read_lines(hid_t file, snn_report_run *run)
{
    const int64_t dims[] = {SNN_EDGE_KIND_COUNT, SNN_CODEC_AUTO, SNN_TRAFFIC_COLUMNS};
    const char *name = "communication/by_kind_and_codec";
    return H5Lexists(file, name, H5P_DEFAULT) > 0
               ? snn_hdf5_read_array(file, name, H5T_NATIVE_DOUBLE, 3, dims, &run->lines[0][0].packets)
               : snn_ok();
}

static snn_status read_ranks(hid_t file, snn_report_run *run)
{
    hid_t group;
    const int64_t dims[1] = {run->ranks};
    int64_t *threads = snn_allocate((size_t)run->ranks, sizeof *threads);
    snn_status status = threads == NULL ? snn_out_of_memory("report") : snn_ok();
    if (!snn_failed(status)) {
        status = snn_hdf5_read_array(file, "provenance/threads", H5T_NATIVE_INT64, 1, dims, threads);
    }
    for (int32_t rank = 0; rank < run->ranks && !snn_failed(status); rank++) {
        const int32_t count = (int32_t)threads[rank];
        run->threads[0] = rank == 0 || count < run->threads[0] ? count : run->threads[0];
        run->threads[1] = count > run->threads[1] ? count : run->threads[1];
    }
    snn_release(threads);
    SNN_TRY(status);
    SNN_TRY(snn_hdf5_read_first_text(file, "provenance/kernels", &run->kernels));
    SNN_TRY(snn_hdf5_open_group(file, "provenance", &group));
    status = read_if_there(group, "idle_ranks", H5T_NATIVE_INT32, &run->idle_ranks);
    snn_hdf5_close(group);
    return status;
}

static snn_status read_number(hid_t group, const char *name, bool must, double *value)
{
    *value = -1.0;
    return must || H5Lexists(group, name, H5P_DEFAULT) > 0
               ? snn_hdf5_read_array(group, name, H5T_NATIVE_DOUBLE, 0, NULL, value)
               : snn_ok();
}

static snn_status read_energy(hid_t group, snn_price_list list, snn_energy *energy)
{
    char name[64];
    hid_t prices;
    (void)snprintf(name, sizeof name, "energy/%s", snn_price_list_name(list));
    energy->known = H5Lexists(group, "energy", H5P_DEFAULT) > 0 && H5Lexists(group, name, H5P_DEFAULT) > 0;
    if (!energy->known) {
        return snn_ok();
    }
    SNN_TRY(snn_hdf5_open_group(group, name, &prices));
    snn_status status;
    SNN_GOTO_DONE(status, read_number(prices, "compute", true, &energy->compute));
    status = read_number(prices, "memory", true, &energy->memory);
done:
    snn_hdf5_close(prices);
    return status;
}

static snn_status read_cost(hid_t group, snn_cost *cost)
{
    int64_t bytes = 0;
    SNN_TRY(snn_hdf5_read_array(group, "Footprint", H5T_NATIVE_INT64, 0, NULL, &bytes));
    cost->footprint = (double)bytes;
    SNN_TRY(read_number(group, "ConnectionSparsity", false, &cost->connection_sparsity));
    SNN_TRY(read_number(group, "ActivationSparsity", false, &cost->activation_sparsity));
    SNN_TRY(read_number(group, "MembraneUpdates", false, &cost->membrane_updates));
    SNN_TRY(read_number(group, "SynapticOperations/Effective_MACs", true, &cost->effective_macs));
    SNN_TRY(read_number(group, "SynapticOperations/Effective_ACs", true, &cost->effective_acs));
    SNN_TRY(read_number(group, "SynapticOperations/Dense", true, &cost->dense));
    for (int i = 0; i < SNN_PRICE_LISTS; i++) {
        SNN_TRY(read_energy(group, (snn_price_list)i, &cost->energy[i]));
    }
    cost->known = true;
    return snn_ok();
}

/* A file of an older version has no /cost. */
static snn_status read_costs(hid_t file, snn_report_run *run)
{
    hid_t group;
    if (H5Lexists(file, "cost", H5P_DEFAULT) <= 0) {
        return snn_ok();
    }
    SNN_TRY(snn_hdf5_read_array(file, "cost/neurons", H5T_NATIVE_INT64, 0, NULL, &run->neurons));
    for (int i = 0; i < SNN_COST_CASES; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "cost/%s", snn_cost_case_name((snn_cost_case)i));
        if (H5Lexists(file, name, H5P_DEFAULT) > 0) {
            SNN_TRY(snn_hdf5_open_group(file, name, &group));
            snn_status status = read_cost(group, &run->costs[i]);
            snn_hdf5_close(group);
            SNN_TRY(status);
        }
    }
    return snn_ok();
}

static snn_status read_file(hid_t file, snn_report_run *run)
{
    SNN_TRY(read_accuracy(file, run));
    SNN_TRY(read_dynamics(file, run));
    SNN_TRY(read_layers(file, run));
    SNN_TRY(read_timers(file, run));
    SNN_TRY(read_memory(file, run));
    SNN_TRY(read_total(file, "communication/packets", run->ranks, &run->packets));
    SNN_TRY(read_total(file, "communication/raw_bytes", run->ranks, &run->raw_bytes));
    SNN_TRY(read_total(file, "communication/sent_bytes", run->ranks, &run->sent_bytes));
    if (H5Lexists(file, "communication/shared_bytes", H5P_DEFAULT) > 0) {
        SNN_TRY(read_total(file, "communication/shared_bytes", run->ranks, &run->shared_bytes));
    }
    SNN_TRY(snn_hdf5_read_text(file, "communication/codec", &run->codec));
    SNN_TRY(read_lines(file, run));
    SNN_TRY(read_ranks(file, run));
    SNN_TRY(snn_hdf5_read_text(file, "provenance/model", &run->model));
    SNN_TRY(snn_hdf5_read_text(file, "provenance/layout", &run->layout));
    SNN_TRY(snn_hdf5_read_text(file, "provenance/started", &run->started));
    return read_costs(file, run);
}

snn_status snn_report_read(const char *path, bool verify, snn_report_run *run)
{
    hid_t file;
    *run = (snn_report_run){.path = path};
    SNN_TRY(snn_sealed_open(path, SNN_FILE_OUTPUT, verify, &file));
    snn_status status = read_file(file, run);
    snn_hdf5_close(file);
    if (status.code == SNN_INPUT_ERROR) {
        status = snn_advise(status, "run the evaluation again with this version of snn_dist");
    }
    return status;
}

void snn_report_clear(snn_report_run *run)
{
    for (int32_t i = 0; run->layers != NULL && i < run->layer_count; i++) {
        snn_release(run->layers[i].name);
        snn_release(run->layers[i].neuron);
    }
    snn_release(run->layers);
    snn_release(run->model);
    snn_release(run->layout);
    snn_release(run->kernels);
    snn_release(run->codec);
    snn_release(run->started);
    snn_release(run->correct);
    snn_release(run->mean_error);
    snn_release(run->worst_error);
    snn_release(run->seconds);
    snn_release(run->memory);
    *run = (snn_report_run){0};
}
