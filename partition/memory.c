/* What a rank takes of memory: its part, as the scan adds it up, and what it has whatever its part. */
#include "core/base/integers.h"
#include "core/shard/statistics.h"
#include "partition/cost.h"

#include <math.h>

/* Bytes as measured: largest resident sets of ranks of one host, from networks of 7 to 3601 populations and 11 to 7187
 * projections (jobs/generate_network.py, chains and concatenations), most of them with a few channels only. */
enum {
    /* Of the program and its libraries without any network; alone 2 MB less. Measuring speeds does not count: it is
     * over before a rank has its part. Of rank 0 it took 17 MB with these networks, but with wide ones it takes more,
     * up to the limits of partition/workbench.c (192 MB of neurons and spikes, unless an image a thread is more; 64 MB
     * in place of other populations) and 24 MB of weights a population (partition/calibrate.c), packed besides. Where
     * rank 0's part is smaller than that, it needs more than is said here. */
    PROCESS_BYTES = 32 << 20,
    POPULATION_BYTES = 2400, /* that every rank has of every population, whosever it is, beside what grows with its
                              * channels: */
    PROJECTION_BYTES = 1000, /* structure, what HDF5 keeps of it, and on rank 0 what the output has of it */
    SCRATCH_BYTES = 1 << 20, /* of a thread */
    STATISTICS_COPIES = 2,   /* the rank's own and the sum over the ranks; beside each thread's */
    /* The structure as a file in memory, in which it gets to the ranks: HDF5's copies and the one that is sent. */
    IMAGE_COPIES = 3,
    POPULATION_IMAGE_BYTES = 1800,
    PROJECTION_IMAGE_BYTES = 1300,
    /* Of an edge's end of its own beside its buffers: coder and requests of MPI; 4 kB of raw packets, 6 kB where
     * codecs are tried. */
    PACKET_BYTES = 5600
};

void snn_cost_weigh_structure(snn_cost_model *model)
{
    const snn_network *network = model->network;
    const int64_t populations = network->population_count, projections = network->projection_count;
    int64_t parameters = 0;
    const int64_t threads = model->request->machine != NULL ? model->request->machine->threads : 1;
    for (int32_t i = 0; i < network->population_count; i++) {
        const snn_population *neurons = &network->populations[i];
        parameters += neurons->shape.channels + neurons->input.channels * (1 + (int64_t)neurons->bias_positions);
        parameters += model->timings != NULL ? neurons->shape.channels : 0; /* their resting states */
    }
    parameters *= (int64_t)sizeof(float);
    const int64_t statistics = (STATISTICS_COPIES + threads) * snn_statistics_bytes(network, model->request->timesteps);
    model->structure_bytes = POPULATION_BYTES * populations + PROJECTION_BYTES * projections + parameters + statistics;
    model->passing_bytes =
        IMAGE_COPIES * (POPULATION_IMAGE_BYTES * populations + PROJECTION_IMAGE_BYTES * projections + parameters);
}

/* Of an image, a class for every timestep. */
static int64_t prediction_bytes(const snn_planner_request *request)
{
    return (request->latency > 0 ? request->latency : request->timesteps) * (int64_t)sizeof(int32_t);
}

/* Number, predictions and logits of every image of the replica (io/hdf5/results.h). Whoever reads a checkpoint has some
 * of the other ranks' as well. */
static int64_t results_bytes(const snn_rank_cost *cost, const snn_planner_request *request, int32_t replicas)
{
    const int64_t groups = (request->groups + replicas - 1) / replicas;
    const int64_t row = (int64_t)sizeof(int64_t) + prediction_bytes(request) + cost->classes * (int64_t)sizeof(float);
    return cost->classes > 0 ? groups * request->images * row : 0;
}

double snn_rank_memory(const snn_rank_cost *cost, const snn_planner_request *request, int32_t replicas)
{
    const int64_t coded = /* neurons: of a timestep, where each has a bit */
        (cost->encoded_bits - cost->encoded_integer_bits + cost->bits_received - cost->integer_bits_received) *
        cost->times / request->timesteps;
    /* Projections are packed one after the other, and each is released then. */
    const int64_t weights = snn_larger(cost->weight_bytes, cost->packed_bytes) + cost->largest_bytes;
    const int64_t part = cost->network_bytes + weights + cost->state_bytes + cost->image_bytes + cost->spike_bytes +
                         cost->buffer_bytes + PACKET_BYTES * ((int64_t)cost->packets + cost->messages) +
                         request->images * prediction_bytes(request) + results_bytes(cost, request, replicas);
    const int64_t threads = request->machine != NULL ? request->machine->threads : 1;
    const int64_t scratch = snn_larger(SCRATCH_BYTES, cost->scratch_bytes);
    return (double)PROCESS_BYTES + (double)(scratch * threads) + (double)snn_larger(cost->passing_bytes, part) +
           request->codec_bytes * (double)(coded * request->images);
}

double snn_cost_gigabytes_up(double bytes)
{
    const double unit = pow(10.0, floor(log10(bytes)) - 3.0);
    return ceil((bytes + 1.0) / unit) * unit / 1e9; /* decimals are not exact: a byte covers what they lack */
}
