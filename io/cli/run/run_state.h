/* Internal to the verb `run`: everything a run holds, made phase by phase (run.c tells the story). */
#ifndef SNN_CLI_RUN_STATE_H
#define SNN_CLI_RUN_STATE_H

#include "comm/agreement.h"
#include "comm/wavefront.h"
#include "io/cli/options.h"
#include "io/cli/progress.h"
#include "io/cli/trained.h"
#include "io/config/config.h"
#include "io/hdf5/checkpoint.h"
#include "io/hdf5/dataset.h"
#include "io/hdf5/network_file.h"
#include "io/hdf5/output.h"
#include "io/hdf5/results.h"
#include "io/lock.h"
#include "partition/plan.h"

typedef struct snn_run {
    const snn_options *options;
    snn_world *world;
    const snn_config *config;
    snn_dataset *dataset;
    int64_t images; /* N of the run */
    snn_network *network;
    snn_network_origin origin;
    uint64_t data_hash;           /* rank 0 */
    int64_t ann_correct;          /* -1: unknown */
    int32_t *ann_predictions;     /* [images], or NULL */
    int32_t steps;                /* of a group: those of a window, or all timesteps */
    float *eta;                   /* [steps]: step sizes, in units with windows */
    snn_connections *connections; /* rank 0: how many weights there are and how often they are used */
    snn_plan *plan;
    int32_t batch; /* images of a group, as many as the config says or fewer */
    const snn_kernels *kernels;
    snn_shard *shard;
    snn_wavefront *wavefront;
    snn_agreement *agreement; /* between rounds */
    snn_trace *trace;         /* NULL without --trace */
    int64_t memory[3];
    /* progress of the evaluation */
    char checkpoint_name[256];
    snn_lock checkpoints; /* rank 0 */
    uint64_t fingerprint;
    int64_t sequence;      /* number of the last checkpoint */
    double seconds_before; /* of evaluation in earlier jobs */
    double begun;          /* when this job's evaluation began */
    double job_begun;      /* when the process began */
    double started;        /* when MPI had */
    snn_results *results;  /* of this rank */
    int64_t *todo;         /* [todo_count] images still to be simulated, ascending; the same on every rank */
    int64_t todo_count;
    int64_t groups;
    snn_status group_failure; /* of this rank: images that cannot be read, results that cannot be kept */
    snn_progress progress;
} snn_run;

/* Model, data and network on every rank (run_setup.c). */
snn_status snn_run_read_inputs(snn_run *run);
/* The step sizes, once the timesteps are known (run_setup.c). */
snn_status snn_run_schedule(snn_run *run);
/* Collective: this rank's weights, out of the file or from the rank that converted; rank 0 also has them counted
 * (run_weights.c). */
snn_status snn_run_take_weights(snn_run *run);
/* Plan, weights, shard (run_setup.c). */
snn_status snn_run_partition(snn_run *run);
/* Collective: can checkpoints be written where they shall be? Asked before any work (run_restart.c). */
snn_status snn_run_probe_checkpoints(const snn_run *run);
/* The newest checkpoint, if wanted and there is one, and the list of images still to do (run_restart.c). */
snn_status snn_run_restart(snn_run *run);
/* Collective: writes a checkpoint (run_restart.c). */
snn_status snn_run_checkpoint(snn_run *run);
/* All groups, with checkpoints on the way (run_loop.c). SNN_STOPPED when stopped early. */
snn_status snn_run_evaluate(snn_run *run);
/* Output file and the table on the terminal (run_report.c). */
snn_status snn_run_report(snn_run *run);

/* Collective: the timeline, if wanted (run_report.c). */
snn_status snn_run_write_trace(snn_run *run);

/* Prints a line on stdout from rank 0 unless --quiet. */
void snn_run_say(const snn_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
