/* The output file: accuracy, predictions, firing statistics, costs, provenance. Written by all ranks together. */
#ifndef SNN_IO_OUTPUT_H
#define SNN_IO_OUTPUT_H

#include "comm/wavefront.h"
#include "comm/world.h"
#include "core/network/connections.h"
#include "core/shard/statistics.h"
#include "io/config/config.h"
#include "io/hdf5/network_file.h"
#include "io/hdf5/results.h"
#include "partition/plan.h"

/* Everything that goes into an output. On every rank unless said otherwise. */
typedef struct snn_output {
    const snn_config *config;
    const snn_network *network; /* structure */
    const snn_network_origin *origin;
    const snn_plan *plan;
    const snn_results *results;         /* this rank's images */
    const snn_statistics *statistics;   /* rank 0: summed over ranks */
    const snn_connections *connections; /* rank 0: of all rows of the network */
    int64_t images;                     /* N: images of the run */
    const int32_t *labels;              /* rank 0: [images] */
    const int64_t *correct;             /* rank 0: [timesteps] */
    int64_t ann_correct;                /* rank 0: -1 if the trained network was not evaluated */
    const int32_t *ann_predictions;     /* rank 0: [images], or NULL */
    const float *eta;                   /* [timesteps], or of a window's steps in units: [steps] */
    snn_timers timers;
    snn_wavefront_traffic traffic;
    int64_t memory[3];   /* weights, state, spikes; bytes */
    uint64_t data_hash;  /* rank 0 */
    const char *kernels; /* instruction set used */
    snn_codec codec;     /* of packets, as asked for; what AUTO became is in the traffic's lines */
    int32_t idle_ranks;  /* that have no work in this plan; rank 0 */
    double seconds;      /* of the evaluation; rank 0 */
    double setup;        /* seconds from MPI's start to the evaluation; rank 0 */
    int64_t started;     /* Unix time of the start; rank 0. 0: now less `seconds` */
} snn_output;

/* What one image takes in time and in spikes. One of the three numbers says little without the others. */
typedef struct snn_output_dynamics {
    int64_t latency;  /* timesteps from the image to the end of the last window, or T */
    int64_t interval; /* timesteps from one image to the next in a pipeline: every neuron is free again after its
                         own window, so `steps`, or T */
    double spikes_per_neuron; /* that a spiking neuron emits for an image, on average over neurons. A spike is signed, a
                                 step up (s = 0) or down (s = 1): a neuron emits one at each step of its own, so this is
                                 `steps`, or T; how many are s = 1 is what firing rates tell */
    int32_t depth;            /* populations on the longest path */
} snn_output_dynamics;

/* `timesteps`: of the run, as many as there are predictions for an image. */
snn_output_dynamics snn_output_dynamics_of(const snn_network *network, int32_t timesteps);

/* Collective. Writes the file of the interface, sealed, complete or absent. Every rank writes the predictions of
 * its own images. An unwritable folder is SNN_FILE_ERROR naming it, the same on every rank. Every image
 * of [0, images) must be in the results of one rank, else SNN_INTERNAL_ERROR and no file. Contents (but for /timers,
 * /communication, /provenance and /config) do not depend on the ranks. */
snn_status snn_output_write(snn_world *world, const char *path, const snn_output *output);

/* Before any work: can `path` be created? Creates nothing that stays. Called on rank 0. */
snn_status snn_output_probe(const char *path);

/* Bit for bit, leaving out times and rank layout (/timers, /communication, /provenance, /config): SNN_OK if the same,
 * SNN_CHECK_FAILED with where the first difference is, SNN_INPUT_ERROR if a file is not an output or is damaged. Calls
 * `report` (may be NULL) with a line for every data set, attribute or name that differs, and counts these in
 * `differences` ("/accuracy/correct[3]: 17 in a.h5, 18 in b.h5 (2 of 64 elements differ)"). */
snn_status snn_output_diff(const char *a, const char *b, void (*report)(void *context, const char *line), void *context,
                           int64_t *differences);

#endif
