#include <stdio.h>

#include "core/base/memory.h"
#include "io/hdf5_helpers.h"
#include "io/output_sections.h"

/* Energy of one operation in picojoules, 45 nm, 0.9 V: Horowitz, "Computing's energy problem", ISSCC 2014. */
static const double INT32_ADD = 0.1;
static const double FLOAT32_ADD = 0.9;
static const double FLOAT32_MULTIPLY = 3.7;
static const double INT_MULTIPLY_BITS = 0.003; /* for each bit of one factor and bit of the other: 0.2 of 8 by 8, 3.1 of
                                                  32 by 32 */
static const double JOULES_IN_PICOJOULE = 1e-12;

static const char ASSUMPTION[] =
    "45 nm figures of Horowitz (ISSCC 2014), arithmetic only, no memory access or communication. Signed addition: one "
    "int32 add (float32 networks: one float32 add) for each spike and use of a weight; a neuron emits a spike a "
    "timestep, with windows as many as its window has steps. Neuron update: 2 float32 multiplications and 2 float32 "
    "additions. "
    "Graded input: one float32 multiplication and addition for each use of a weight, once per image.";
static const char TRAINED_ASSUMPTION[] =
    "The trained network on the same images: one float32 multiplication and addition for each use of a weight of its "
    "convolutions and dense layers, with the same figures.";

static const char QUANTISED_ASSUMPTION[] =
    "The trained network on the same images with activations of as many bits as a window has spikes and weights as "
    "wide as the spiking network's: one integer multiplication of these widths (0.003 pJ for each pair of bits, as the "
    "figures for 8 and 32 bits have it) and one int32 addition for each use of a weight of its convolutions and dense "
    "layers; neither its functions nor the rounding to so many bits.";

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

static snn_status write_count(hid_t group, const char *name, const int64_t *counts, int32_t layers, int64_t *total)
{
    char total_name[64];
    *total = add_up(counts, layers);
    (void)snprintf(total_name, sizeof total_name, "%s_total", name);
    SNN_TRY(snn_hdf5_write_vector(group, name, H5T_NATIVE_INT64, layers, counts));
    return snn_hdf5_write_scalar(group, total_name, H5T_NATIVE_INT64, total);
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
    SNN_GOTO_DONE(status, snn_hdf5_write_text_attribute(dataset, "assumption", assumption));
    SNN_GOTO_DONE(status, snn_hdf5_write_attribute(dataset, "int32_add_pj", H5T_NATIVE_DOUBLE, 0, &INT32_ADD));
    SNN_GOTO_DONE(status, snn_hdf5_write_attribute(dataset, "float32_add_pj", H5T_NATIVE_DOUBLE, 0, &FLOAT32_ADD));
    SNN_GOTO_DONE(status,
                  snn_hdf5_write_attribute(dataset, "float32_multiply_pj", H5T_NATIVE_DOUBLE, 0, &FLOAT32_MULTIPLY));
done:
    snn_hdf5_close(dataset);
    return status;
}

/* The same network without spikes, quantised to the bits that a window's spikes could carry. */
static snn_status write_quantised(hid_t group, const snn_output *output, int64_t products)
{
    const snn_network *network = output->network;
    const double activation_bits = network->windows.steps;
    const double weight_bits = network->format == SNN_WEIGHTS_INT8 ? 8.0 : 16.0;
    const double product = INT_MULTIPLY_BITS * activation_bits * weight_bits + INT32_ADD;
    if (network->windows.steps == 0 || network->format == SNN_WEIGHTS_FLOAT32) {
        return snn_ok();
    }
    return write_estimate(group, "quantised_network_estimate", (double)products * product * JOULES_IN_PICOJOULE,
                          QUANTISED_ASSUMPTION);
}

static snn_status write_costs(hid_t group, const snn_output *output, const layer_costs *costs)
{
    const int32_t layers = output->network->population_count;
    const int64_t trained = count_trained(output);
    const double addition = output->network->format == SNN_WEIGHTS_FLOAT32 ? FLOAT32_ADD : INT32_ADD;
    const double update = 2.0 * (FLOAT32_MULTIPLY + FLOAT32_ADD);
    const double product = FLOAT32_MULTIPLY + FLOAT32_ADD;
    int64_t operations = 0;
    int64_t products = 0;
    int64_t updates = 0;
    int64_t spikes = 0;
    SNN_TRY(snn_hdf5_write_texts(group, "layer", costs->names, layers));
    SNN_TRY(write_count(group, "synaptic_operations", costs->synaptic_operations, layers, &operations));
    SNN_TRY(write_count(group, "input_products", costs->input_products, layers, &products));
    SNN_TRY(write_count(group, "neuron_updates", costs->neuron_updates, layers, &updates));
    SNN_TRY(write_count(group, "spikes", costs->spikes, layers, &spikes));
    SNN_TRY(snn_hdf5_write_scalar(group, "trained_network_products", H5T_NATIVE_INT64, &trained));
    double picojoules = (double)operations * addition + (double)updates * update + (double)products * product;
    SNN_TRY(write_estimate(group, "estimate", picojoules * JOULES_IN_PICOJOULE, ASSUMPTION));
    SNN_TRY(write_quantised(group, output, trained));
    return write_estimate(group, "trained_network_estimate", (double)trained * product * JOULES_IN_PICOJOULE,
                          TRAINED_ASSUMPTION);
}

snn_status snn_output_write_energy(hid_t file, const snn_output *output)
{
    const size_t layers = (size_t)output->network->population_count;
    hid_t group = H5I_INVALID_HID;
    snn_status status = snn_ok();
    layer_costs costs = {
        .names = snn_allocate(layers, sizeof *costs.names),
        .synaptic_operations = snn_allocate(layers, sizeof *costs.synaptic_operations),
        .input_products = snn_allocate(layers, sizeof *costs.input_products),
        .neuron_updates = snn_allocate(layers, sizeof *costs.neuron_updates),
        .spikes = snn_allocate(layers, sizeof *costs.spikes),
    };
    if (costs.names == NULL || costs.synaptic_operations == NULL || costs.input_products == NULL ||
        costs.neuron_updates == NULL || costs.spikes == NULL) {
        status = snn_out_of_memory("operation counts");
        goto done;
    }
    count_costs(output, &costs);
    SNN_GOTO_DONE(status, snn_hdf5_create_group(file, "energy", &group));
    status = write_costs(group, output, &costs);
done:
    snn_hdf5_close(group);
    snn_release(costs.spikes);
    snn_release(costs.neuron_updates);
    snn_release(costs.input_products);
    snn_release(costs.synaptic_operations);
    snn_release(costs.names);
    return status;
}
