#include "io/hdf5/cost_model.h"
#include "io/hdf5/hdf5_helpers.h"
#include "io/hdf5/output_sections.h"

static const char DEFINITIONS[] =
    "Of one image, on average over the run's. Names and meanings of NeuroBench: Footprint, bytes of parameters; "
    "ConnectionSparsity, part of the weights that are 0; ActivationSparsity, part of the neurons' outputs that are 0, "
    "over the timesteps at which they fire; SynapticOperations: Effective_MACs and Effective_ACs, uses of weights "
    "other "
    "than 0 by inputs other than 0, where inputs are not, or are, all of -1, 0, 1; Dense, uses of weights, zeros too; "
    "MembraneUpdates, neurons times timesteps at which their state changes. Other than there, what only passes, "
    "scales, "
    "pools or adds values is counted too, and padding is not.";
static const char ASSUMPTIONS[] =
    "Energy: 45 nm, 0.9 V, Horowitz (ISSCC 2014); `compute` is arithmetic, `memory` the traffic, their sum is what to "
    "compare. No weight that is 0 is left out. `float`: an addition for each spike and use of a weight, a product of "
    "float32 otherwise, weights of 32 bits. `integer`: additions of int32, products of 32 bits and the weight's (those "
    "with the image: float32), weights of their own bits. Each update of a neuron: 2 float32 multiplications and 2 "
    "additions, whatever its function, and x and y read and written. Memory: each use of a weight reads it from 1 MB, "
    "also where it could be used again; each addition reads and writes a sum of 32 bits in 8 kB; a product reads its "
    "activation in 8 kB, its sum is in a register. Left out: links between cores, the functions (attention's products "
    "too), leakage, control, and off-chip memory.";

static const char *const notes[SNN_COST_CASES] = {
    [SNN_COST_SIGNED] =
        "Each spike is +1 or -1 and is sent, so at each of its own timesteps a neuron sends one and none "
        "of its outputs is 0.",
    [SNN_COST_EVENTS] =
        "The same network and results as 0/1 events, constants folded: W (2 s - 1) = (2 W) s - sum of W, so only s = 1 "
        "need "
        "be sent; the sum is a constant of each neuron, the same for all images, that its update adds (one addition "
        "more). Likewise only s = 0; of each layer it is the rarer one. A channel's events are taken to be spread "
        "evenly "
        "over its positions; sums behind a pool are all taken to be other than 0.",
    [SNN_COST_TRAINED] = "The float32 network that was converted, the weights of its convolutions and dense layers, "
                         "without its functions. Its activations are not looked at: none is taken to be 0 (so there is "
                         "no ActivationSparsity), although a machine that leaves out zeros needs fewer operations.",
    [SNN_COST_QUANTISED] =
        "The trained network with activations of as many bits as a window has timesteps and weights as "
        "wide as the spiking network's, without functions and rounding. Its accuracy was not "
        "measured. As for the trained network no activation is taken to be 0.",
};

static const char INTEGRATE_AND_FIRE_NOTE[] =
    "Spikes of integrate-and-fire neurons are 0/1 events as they are: s = 1 is sent, and no constant is added. A "
    "channel's "
    "events are taken to be spread evenly over its positions; sums behind a pool are all taken to be other than 0.";

static snn_status write_number(hid_t group, const char *name, double value)
{
    return snn_hdf5_write_scalar(group, name, H5T_NATIVE_DOUBLE, &value);
}

static snn_status write_operations(hid_t parent, const snn_cost *cost)
{
    hid_t group;
    SNN_TRY(snn_hdf5_create_group(parent, "SynapticOperations", &group));
    snn_status status;
    SNN_GOTO_DONE(status, write_number(group, "Effective_MACs", cost->effective_macs));
    SNN_GOTO_DONE(status, write_number(group, "Effective_ACs", cost->effective_acs));
    status = write_number(group, "Dense", cost->dense);
done:
    snn_hdf5_close(group);
    return status;
}

static snn_status write_list(hid_t parent, const char *name, const snn_energy *energy)
{
    hid_t group;
    SNN_TRY(snn_hdf5_create_group(parent, name, &group));
    snn_status status;
    SNN_GOTO_DONE(status, snn_hdf5_write_text_attribute(group, "unit", "J"));
    SNN_GOTO_DONE(status, write_number(group, "compute", energy->compute));
    status = write_number(group, "memory", energy->memory);
done:
    snn_hdf5_close(group);
    return status;
}

/* Beside the joules the counts that they are made of. */
static snn_status write_energies(hid_t parent, const snn_cost *cost)
{
    const struct {
        const char *name;
        const double *value;
    } counts[] = {{"additions", &cost->additions},
                  {"pool_additions", &cost->pool_additions},
                  {"image_products", &cost->image_products},
                  {"products", &cost->products}};
    hid_t group;
    SNN_TRY(snn_hdf5_create_group(parent, "energy", &group));
    snn_status status = snn_ok();
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        SNN_GOTO_DONE(status, snn_hdf5_write_attribute(group, counts[i].name, H5T_NATIVE_DOUBLE, 0, counts[i].value));
    }
    for (int i = 0; i < SNN_PRICE_LISTS; i++) {
        if (cost->energy[i].known) {
            SNN_GOTO_DONE(status, write_list(group, snn_price_list_name((snn_price_list)i), &cost->energy[i]));
        }
    }
done:
    snn_hdf5_close(group);
    return status;
}

static snn_status write_case(hid_t parent, snn_cost_case which, const char *note, const snn_cost *cost)
{
    const bool spiking = which == SNN_COST_SIGNED || which == SNN_COST_EVENTS;
    const int64_t bytes = (int64_t)cost->footprint;
    hid_t group;
    SNN_TRY(snn_hdf5_create_group(parent, snn_cost_case_name(which), &group));
    snn_status status;
    SNN_GOTO_DONE(status, snn_hdf5_write_text_attribute(group, "note", note));
    SNN_GOTO_DONE(status, snn_hdf5_write_scalar(group, "Footprint", H5T_NATIVE_INT64, &bytes));
    if (which != SNN_COST_TRAINED) { /* whose weights are not here; few are exactly 0 */
        SNN_GOTO_DONE(status, write_number(group, "ConnectionSparsity", cost->connection_sparsity));
    }
    if (spiking) {
        SNN_GOTO_DONE(status, write_number(group, "ActivationSparsity", cost->activation_sparsity));
        SNN_GOTO_DONE(status, write_number(group, "MembraneUpdates", cost->membrane_updates));
    }
    SNN_GOTO_DONE(status, write_operations(group, cost));
    status = write_energies(group, cost);
done:
    snn_hdf5_close(group);
    return status;
}

static snn_status write_prices(hid_t group)
{
    const struct {
        const char *name;
        const double *value;
    } prices[] = {{"int32_add_pj", &SNN_INT32_ADD_PJ},
                  {"float32_add_pj", &SNN_FLOAT32_ADD_PJ},
                  {"float32_multiply_pj", &SNN_FLOAT32_MULTIPLY_PJ},
                  {"int_multiply_pj_per_bit_and_bit", &SNN_INT_MULTIPLY_PJ},
                  {"memory_1MB_pj_per_bit", &SNN_LARGE_MEMORY_PJ},
                  {"memory_8kB_pj_per_bit", &SNN_SMALL_MEMORY_PJ}};
    for (size_t i = 0; i < sizeof prices / sizeof prices[0]; i++) {
        SNN_TRY(snn_hdf5_write_attribute(group, prices[i].name, H5T_NATIVE_DOUBLE, 0, prices[i].value));
    }
    return snn_ok();
}

/* What /dynamics has, under a second name: the same data, no copy. */
static snn_status link_dynamics(hid_t file, hid_t group)
{
    static const char *const names[][2] = {{"dynamics/latency", "latency"},
                                           {"dynamics/interval", "interval"},
                                           {"dynamics/spikes_per_neuron", "spikes_per_neuron"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (H5Lcreate_hard(file, names[i][0], group, names[i][1], H5P_DEFAULT, H5P_DEFAULT) < 0) {
            return snn_hdf5_failure(SNN_FILE_ERROR, group, names[i][1], "cannot link");
        }
    }
    return snn_ok();
}

snn_status snn_output_write_cost(hid_t file, const snn_output *output, const snn_cost *costs)
{
    const int64_t neurons = snn_network_neurons(output->network);
    hid_t group;
    SNN_TRY(snn_hdf5_create_group(file, "cost", &group));
    snn_status status;
    SNN_GOTO_DONE(status, snn_hdf5_write_text_attribute(group, "definitions", DEFINITIONS));
    SNN_GOTO_DONE(status, snn_hdf5_write_text_attribute(group, "assumptions", ASSUMPTIONS));
    SNN_GOTO_DONE(status, write_prices(group));
    SNN_GOTO_DONE(status, link_dynamics(file, group));
    SNN_GOTO_DONE(status, snn_hdf5_write_scalar(group, "neurons", H5T_NATIVE_INT64, &neurons));
    for (int i = 0; i < SNN_COST_CASES; i++) {
        if (costs[i].known) {
            SNN_GOTO_DONE(
                status,
                write_case(group, (snn_cost_case)i,
                           i == SNN_COST_EVENTS && !costs[SNN_COST_SIGNED].known ? INTEGRATE_AND_FIRE_NOTE : notes[i],
                           &costs[i]));
        }
    }
done:
    snn_hdf5_close(group);
    return status;
}
