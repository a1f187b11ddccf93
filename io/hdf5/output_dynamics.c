#include "core/base/memory.h"
#include "core/network/timing.h"
#include "io/hdf5/hdf5_helpers.h"
#include "io/hdf5/output_sections.h"

snn_output_dynamics snn_output_dynamics_of(const snn_network *network, int32_t timesteps)
{
    const bool windows = network->windows.steps > 0;
    const int32_t steps = windows ? network->windows.steps : timesteps;
    return (snn_output_dynamics){.latency = windows ? snn_network_latency(network) : timesteps,
                                 .interval = steps,
                                 .spikes_per_neuron = steps,
                                 .depth = snn_network_depth(network)};
}

static snn_status write_windows(hid_t group, const snn_windows *windows)
{
    SNN_TRY(snn_hdf5_write_attribute(group, "steps", H5T_NATIVE_INT32, 0, &windows->steps));
    SNN_TRY(snn_hdf5_write_attribute(group, "delay", H5T_NATIVE_INT32, 0, &windows->delay));
    SNN_TRY(snn_hdf5_write_attribute(group, "ratio", H5T_NATIVE_DOUBLE, 0, &windows->ratio));
    SNN_TRY(snn_hdf5_write_attribute(group, "margin", H5T_NATIVE_DOUBLE, 0, &windows->margin));
    return snn_hdf5_write_attribute(group, "magnitudes", H5T_NATIVE_INT32, windows->steps, windows->magnitude);
}

/* The first timestep, from 1, after the readout's sources begin to fire: until then it has nothing but its bias, and
 * what the image gives it directly. */
static snn_status find_first_answer(const snn_network *network, int32_t timesteps, int32_t *first)
{
    const int32_t populations = network->population_count;
    *first = 1;
    if (network->windows.steps == 0) {
        return snn_ok();
    }
    snn_timing *timings = snn_allocate((size_t)populations, sizeof *timings);
    if (timings == NULL) {
        return snn_out_of_memory("timings");
    }
    snn_network_timings(network, timings);
    const int32_t start = timings[populations - 1].start; /* the one before, if there is one */
    *first = start > 0 ? start + 2 : 1;
    *first = *first < timesteps ? *first : timesteps;
    snn_release(timings);
    return snn_ok();
}

snn_status snn_output_write_dynamics(hid_t file, const snn_output *output)
{
    const snn_output_dynamics dynamics = snn_output_dynamics_of(output->network, output->results->timesteps);
    const bool signgd = output->config->neuron.dynamics == SNN_DYNAMICS_SIGNGD;
    int32_t first;
    hid_t group;
    SNN_TRY(find_first_answer(output->network, output->results->timesteps, &first));
    SNN_TRY(snn_hdf5_create_group(file, "dynamics", &group));
    snn_status status;
    SNN_GOTO_DONE(status, snn_hdf5_write_scalar(group, "latency", H5T_NATIVE_INT64, &dynamics.latency));
    SNN_GOTO_DONE(status, snn_hdf5_write_scalar(group, "interval", H5T_NATIVE_INT64, &dynamics.interval));
    SNN_GOTO_DONE(status,
                  snn_hdf5_write_scalar(group, "spikes_per_neuron", H5T_NATIVE_DOUBLE, &dynamics.spikes_per_neuron));
    SNN_GOTO_DONE(status, snn_hdf5_write_attribute(group, "depth", H5T_NATIVE_INT32, 0, &dynamics.depth));
    SNN_GOTO_DONE(status, snn_hdf5_write_attribute(group, "first_answer", H5T_NATIVE_INT32, 0, &first));
    SNN_GOTO_DONE(status, snn_hdf5_write_text_attribute(group, "neurons", signgd ? "signgd" : "subgradient"));
    SNN_GOTO_DONE(status,
                  snn_hdf5_write_text_attribute(group, "weights", snn_weight_format_name(output->network->format)));
    if (output->network->windows.steps > 0) {
        status = write_windows(group, &output->network->windows);
    }
done:
    snn_hdf5_close(group);
    return status;
}
