#include <stdio.h>

#include "core/base/memory.h"
#include "io/hdf5/hdf5_helpers.h"
#include "io/hdf5/output_sections.h"

static const char ASSUMPTION[] = "All images, arithmetic only: /cost/signed/energy/integer/compute (integrate-and-fire "
                                 "neurons: events; float32 networks: float) of an image, with the "
                                 "prices and assumptions of /cost, which has memory traffic too.";
static const char TRAINED_ASSUMPTION[] =
    "All images, arithmetic only: /cost/trained/energy/float/compute of an image, with the prices and assumptions of "
    "/cost.";
static const char QUANTISED_ASSUMPTION[] =
    "All images, arithmetic only: /cost/quantised/energy/integer/compute of an image, with the prices and assumptions "
    "of /cost.";

/* Operations of all images, by layer. */
typedef struct layer_costs {
    const char **names;
    int64_t *synaptic_operations; /* signed additions of weights */
    int64_t *input_products;      /* multiply-accumulates of a graded input */
    int64_t *neuron_updates;
    int64_t *spikes;
} layer_costs;

/* The largest value instead of an overflow: no run is long enough to tell the difference. */
static int64_t multiply(int64_t a, int64_t b)
{
    int64_t product;
    return __builtin_mul_overflow(a, b, &product) ? INT64_MAX : product;
}

static int64_t add(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static int64_t add_up(const int64_t *values, int32_t count)
{
    int64_t sum = 0;
    for (int32_t i = 0; i < count; i++) {
        sum = add(sum, values[i]);
    }
    return sum;
}

/* Operations are those of an ideal spiking machine, which adds a weight for every signed spike that arrives. With
 * windows that is `steps` times for each use of a weight, whatever the latency: before and after its window a neuron
 * sends nothing and its y is not updated. (This program itself needs fewer: it takes the spikes of a finished window
 * together.) A graded image enters once, whichever the dynamics. */
static void count_costs(const snn_output *output, const layer_costs *costs)
{
    const snn_network *network = output->network;
    const int32_t steps = output->statistics->timesteps; /* of a window, or all timesteps */
    const bool graded = snn_encoding_is_graded(output->config->simulation.encoding);
    for (int32_t i = 0; i < network->population_count; i++) {
        const snn_population *population = &network->populations[i];
        costs->names[i] = population->name;
        if (snn_neuron_spikes(population->kind)) {
            const snn_population_counts counts = snn_statistics_population(output->statistics, network, i);
            costs->neuron_updates[i] = multiply(multiply(snn_shape_size(population->shape), steps), output->images);
            costs->spikes[i] = add_up(counts.spikes, steps);
        }
    }
    for (int32_t i = 0; i < network->projection_count; i++) {
        const snn_projection *projection = &network->projections[i];
        const int64_t operations = multiply(snn_operator_operations(&projection->op), output->images);
        if (projection->source == SNN_SOURCE_INPUT && graded) {
            costs->input_products[projection->target] = add(costs->input_products[projection->target], operations);
        } else {
            costs->synaptic_operations[projection->target] =
                add(costs->synaptic_operations[projection->target], multiply(operations, steps));
        }
    }
}

/* Multiply-accumulates of the trained network on all images. */
static int64_t count_trained(const snn_output *output)
{
    int64_t total = 0;
    for (int32_t i = 0; i < output->network->projection_count; i++) {
        const snn_operator *op = &output->network->projections[i].op;
        if (op->kind == SNN_OPERATOR_CONVOLUTION || op->kind == SNN_OPERATOR_DENSE || op->kind == SNN_OPERATOR_TOKENS) {
            total = add(total, multiply(snn_operator_operations(op), output->images));
        }
    }
    return total;
}

static snn_status write_count(hid_t group, const char *name, const int64_t *counts, int32_t layers)
{
    char total_name[64];
    const int64_t total = add_up(counts, layers);
    (void)snprintf(total_name, sizeof total_name, "%s_total", name);
    SNN_TRY(snn_hdf5_write_vector(group, name, H5T_NATIVE_INT64, layers, counts));
    return snn_hdf5_write_scalar(group, total_name, H5T_NATIVE_INT64, &total);
}

/* A figure in joules, and beside it what it rests on. */
static snn_status write_estimate(hid_t group, const char *name, double joules, const char *assumption)
{
    hid_t dataset;
    SNN_TRY(snn_hdf5_write_scalar(group, name, H5T_NATIVE_DOUBLE, &joules));
    dataset = H5Dopen2(group, name, H5P_DEFAULT);
    if (dataset < 0) {
        return snn_hdf5_failure(SNN_FILE_ERROR, group, name, "cannot open");
    }
    snn_status status;
    SNN_GOTO_DONE(status, snn_hdf5_write_text_attribute(dataset, "unit", "J"));
    status = snn_hdf5_write_text_attribute(dataset, "assumption", assumption);
done:
    snn_hdf5_close(dataset);
    return status;
}

static snn_status write_costs(hid_t group, const snn_output *output, const layer_costs *layers, const snn_cost *costs)
{
    const int32_t count = output->network->population_count;
    const int64_t trained = count_trained(output);
    const double images = (double)output->images;
    const bool real = output->network->format == SNN_WEIGHTS_FLOAT32;
    const snn_cost_case spikes = costs[SNN_COST_SIGNED].known ? SNN_COST_SIGNED : SNN_COST_EVENTS;
    const snn_energy *spiking = &costs[spikes].energy[real ? SNN_PRICES_FLOAT : SNN_PRICES_INTEGER];
    SNN_TRY(snn_hdf5_write_texts(group, "layer", layers->names, count));
    SNN_TRY(write_count(group, "synaptic_operations", layers->synaptic_operations, count));
    SNN_TRY(write_count(group, "input_products", layers->input_products, count));
    SNN_TRY(write_count(group, "neuron_updates", layers->neuron_updates, count));
    if (output->config->statistics != SNN_STATISTICS_NONE) {
        SNN_TRY(write_count(group, "spikes", layers->spikes, count));
    }
    SNN_TRY(snn_hdf5_write_scalar(group, "trained_network_products", H5T_NATIVE_INT64, &trained));
    if (costs[spikes].known) {
        SNN_TRY(write_estimate(group, "estimate", spiking->compute * images, ASSUMPTION));
    }
    if (costs[SNN_COST_QUANTISED].known) {
        SNN_TRY(write_estimate(group, "quantised_network_estimate",
                               costs[SNN_COST_QUANTISED].energy[SNN_PRICES_INTEGER].compute * images,
                               QUANTISED_ASSUMPTION));
    }
    return write_estimate(group, "trained_network_estimate",
                          costs[SNN_COST_TRAINED].energy[SNN_PRICES_FLOAT].compute * images, TRAINED_ASSUMPTION);
}

snn_status snn_output_write_energy(hid_t file, const snn_output *output, const snn_cost *costs)
{
    const size_t layers = (size_t)output->network->population_count;
    hid_t group = H5I_INVALID_HID;
    snn_status status = snn_ok();
    layer_costs counted = {
        .names = snn_allocate(layers, sizeof *counted.names),
        .synaptic_operations = snn_allocate(layers, sizeof *counted.synaptic_operations),
        .input_products = snn_allocate(layers, sizeof *counted.input_products),
        .neuron_updates = snn_allocate(layers, sizeof *counted.neuron_updates),
        .spikes = snn_allocate(layers, sizeof *counted.spikes),
    };
    if (counted.names == NULL || counted.synaptic_operations == NULL || counted.input_products == NULL ||
        counted.neuron_updates == NULL || counted.spikes == NULL) {
        status = snn_out_of_memory("operation counts");
        goto done;
    }
    count_costs(output, &counted);
    SNN_GOTO_DONE(status, snn_hdf5_create_group(file, "energy", &group));
    status = write_costs(group, output, &counted, costs);
done:
    snn_hdf5_close(group);
    snn_release(counted.spikes);
    snn_release(counted.neuron_updates);
    snn_release(counted.input_products);
    snn_release(counted.synaptic_operations);
    snn_release(counted.names);
    return status;
}
