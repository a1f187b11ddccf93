#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/hdf5/hdf5_helpers.h"
#include "io/hdf5/output_sections.h"

enum { NAME_BYTES = 256 };

/* "3_layer1.0_relu": node names may hold whatever the exporter liked, '/' above all. */
static void name_layer(int32_t index, const char *node, char *name)
{
    int length = snprintf(name, NAME_BYTES, "%d_%s", index, node);
    size_t end = length < NAME_BYTES ? (size_t)length : NAME_BYTES - 1;
    for (size_t i = 0; i < end; i++) {
        unsigned char letter = (unsigned char)name[i];
        bool plain = letter < 0x80 && (isalnum(letter) || strchr("._-", letter) != NULL);
        name[i] = plain ? (char)letter : '_';
    }
}

/* The kinds of the linear operators in front of the neurons, each once: "convolution+diagonal". */
static void describe_operators(const snn_network *network, int32_t population, char *text, size_t bytes)
{
    size_t length = 0;
    text[0] = '\0';
    for (int kind = 0; kind < SNN_OPERATOR_KIND_COUNT; kind++) {
        bool present = false;
        for (int32_t i = 0; i < network->projection_count; i++) {
            const snn_projection *projection = &network->projections[i];
            present = present || (projection->target == population && (int)projection->op.kind == kind);
        }
        if (present && length < bytes) {
            length += (size_t)snprintf(text + length, bytes - length, "%s%s", length > 0 ? "+" : "",
                                       snn_operator_kind_name((snn_operator_kind)kind));
        }
    }
}

/* When the population's first step is, and where its neurons then are, in units of a step: without windows all begin
 * at timestep 0 with y = 0. */
static snn_status write_start(hid_t group, const snn_network *network, const snn_population *population)
{
    const bool windows = network->windows.steps > 0;
    const int32_t first = windows ? network->windows.delay * population->depth : 0;
    SNN_TRY(snn_hdf5_write_attribute(group, "first_step", H5T_NATIVE_INT32, 0, &first));
    SNN_TRY(snn_hdf5_write_attribute(group, "depth", H5T_NATIVE_INT32, 0, &population->depth));
    if (!windows) {
        return snn_ok();
    }
    SNN_TRY(snn_hdf5_write_attribute(group, "unit", H5T_NATIVE_FLOAT, 0, &population->unit));
    return snn_hdf5_write_vector(group, "rest", H5T_NATIVE_INT32, population->shape.channels, population->rest);
}

static snn_status write_attributes(hid_t group, const snn_network *network, int32_t index)
{
    const snn_population *population = &network->populations[index];
    const int64_t neurons = snn_shape_size(population->shape);
    const int32_t shape[] = {population->shape.height, population->shape.width, population->shape.channels};
    char operators[NAME_BYTES];
    describe_operators(network, index, operators, sizeof operators);
    SNN_TRY(snn_hdf5_write_text_attribute(group, "name", population->name));
    SNN_TRY(snn_hdf5_write_text_attribute(group, "neuron", snn_neuron_kind_name(population->kind)));
    SNN_TRY(snn_hdf5_write_text_attribute(group, "operator", operators));
    SNN_TRY(snn_hdf5_write_attribute(group, "neurons", H5T_NATIVE_INT64, 0, &neurons));
    SNN_TRY(snn_hdf5_write_attribute(group, "shape", H5T_NATIVE_INT32, 3, shape));
    return write_start(group, network, population);
}

/* Mean per neuron and image at every step of the neurons' own. The counts are integers, so the means do not depend on
 * the ranks. */
static snn_status write_means(hid_t group, const char *name, const int64_t *counts, int32_t timesteps, double divisor,
                              double *means)
{
    for (int32_t t = 0; t < timesteps; t++) {
        means[t] = (double)counts[t] / divisor;
    }
    return snn_hdf5_write_vector(group, name, H5T_NATIVE_DOUBLE, timesteps, means);
}

static snn_status write_layer(hid_t group, const snn_output *output, int32_t index, double *means)
{
    const snn_population *population = &output->network->populations[index];
    const snn_population_counts counts = snn_statistics_population(output->statistics, output->network, index);
    const int32_t timesteps = output->statistics->timesteps;
    const double all = (double)snn_shape_size(population->shape) * (double)output->images;
    const double unit = (double)(1 << SNN_ERROR_FRACTION_BITS);
    SNN_TRY(write_attributes(group, output->network, index));
    if (output->config->statistics != SNN_STATISTICS_NONE) {
        SNN_TRY(write_means(group, "firing_rate", counts.spikes, timesteps, all, means));
        SNN_TRY(write_means(group, "flip_rate", counts.flips, timesteps, all, means));
        SNN_TRY(snn_hdf5_write_vector(group, "channel_spikes", H5T_NATIVE_INT64, population->shape.channels,
                                      counts.channel_spikes));
    }
    if (output->config->statistics == SNN_STATISTICS_FULL) {
        const int64_t tracked =
            snn_tracked_positions(snn_shape_positions(population->shape)) * population->shape.channels;
        const double sample = (double)tracked * (double)output->images;
        SNN_TRY(write_means(group, "tracking_error", counts.error, timesteps, unit * sample, means));
    }
    return snn_hdf5_write_vector(group, "channel_beyond", H5T_NATIVE_INT64, population->shape.channels,
                                 counts.channel_beyond);
}

snn_status snn_output_write_layers(hid_t file, const snn_output *output)
{
    const snn_network *network = output->network;
    hid_t parent = H5I_INVALID_HID;
    snn_status status = snn_ok();
    double *means = snn_allocate((size_t)output->statistics->timesteps, sizeof *means);
    if (means == NULL) {
        return snn_out_of_memory("firing rates");
    }
    SNN_GOTO_DONE(status, snn_hdf5_create_group(file, "layers", &parent));
    for (int32_t i = 0; i < network->population_count; i++) {
        char name[NAME_BYTES];
        hid_t group;
        if (!snn_neuron_spikes(network->populations[i].kind)) {
            continue;
        }
        name_layer(i, network->populations[i].name, name);
        SNN_GOTO_DONE(status, snn_hdf5_create_group(parent, name, &group));
        status = write_layer(group, output, i, means);
        snn_hdf5_close(group);
        SNN_GOTO_DONE(status, status);
    }
done:
    snn_hdf5_close(parent);
    snn_release(means);
    return status;
}
