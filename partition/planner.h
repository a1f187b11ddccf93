/* Chooses a plan from a cost model: measured seconds of every population, spikes on the wire, image groups to share
 * out.
 *
 * snn_plan_make searches; snn_plan_cost says what one rank of any plan holds and does, snn_plan_predict what the plan
 * as a whole would take. Both need a snn_cost_model, which holds what is the same for all plans of a network. Only the
 * network's structure is looked at. The model prices a stage by itself, whatever the other stages are: sources in other
 * stages are taken to be divided as the stage is.
 */
#ifndef SNN_PARTITION_PLANNER_H
#define SNN_PARTITION_PLANNER_H

#include "partition/machine.h"
#include "partition/plan.h"
#include "partition/speeds.h"

typedef enum snn_objective {
    SNN_OBJECTIVE_THROUGHPUT, /* all groups in the least time */
    SNN_OBJECTIVE_LATENCY,    /* one group in the least time */
    SNN_OBJECTIVE_MEMORY      /* least memory on the rank that needs most, whatever the time */
} snn_objective;

typedef struct snn_planner_request {
    int32_t ranks;
    int32_t replicas, stages, channels; /* 0: free; the product must equal `ranks` when all are given */
    int64_t groups;                     /* image groups to be simulated */
    int32_t timesteps, block, images;   /* steps of a group, steps of an item, images of a group; a network with windows
                                           does all of its windows' steps in one item */
    int32_t latency;                    /* timesteps that predictions are kept of; 0: `timesteps` */
    snn_objective objective;
    snn_encoding encoding;
    snn_dynamics dynamics;
    float momentum;
    double codec_bytes;         /* that both ends of a packet keep for each of its neurons and images */
    const snn_prices *prices;   /* NULL: assumed */
    const snn_machine *machine; /* NULL: assumed */
} snn_planner_request;

/* What a rank of a plan holds and does. Counts "per image and timestep" are per image for networks with windows: of all
 * moments and planes of these. */
typedef struct snn_rank_cost {
    int32_t times;                    /* that such counts hold for an image: all timesteps, or once */
    int64_t operations;               /* signed additions per image and timestep */
    int64_t values;                   /* read of sources, however many rows they are multiplied with; likewise */
    int64_t inputs;                   /* of neurons, summed up or decoded; likewise */
    int64_t neurons;                  /* spiking ones, per image */
    int64_t weight_bytes;             /* as the network has them; those of a projection are released when packed */
    int64_t largest_bytes;            /* of weights of one projection */
    int64_t packed_bytes;             /* of weights, as the kernels keep them */
    int64_t state_bytes;              /* of neurons, for a whole group */
    int64_t image_bytes;              /* a group of images as read, and their numbers; encoded, they are state */
    int64_t spike_bytes;              /* spikes and sums of streams, for a whole group and block */
    int64_t buffer_bytes;             /* packets under way */
    int64_t network_bytes;            /* of the whole network, whatever the rank's part: its structure */
    int64_t passing_bytes;            /* of the structure on its way to the ranks, gone before they have their part */
    int64_t bits_sent, bits_received; /* per image and timestep */
    int32_t classes;                  /* of the readout, if it is the rank's, which then keeps the results */
    int32_t messages;                 /* received per item */
    int64_t scratch_bytes;            /* of a thread at work */
    double step_seconds;              /* computation for an image and timestep, or step of its windows */
    double group_seconds;             /* computation for an image, once */
    /* For the time that communication takes: */
    int64_t integer_bits_received, encoded_integer_bits; /* of these, integers of streams */
    int64_t encoded_bits;                                /* of packets of its own, per image and timestep */
    int32_t packets, sends;                              /* packets coded; messages that they go out in */
    int32_t rounds;                                      /* populations at which its shards wait for each other */
    /* Of what is received, what is read in the memory of the host; of what it computes, what is read there. */
    int64_t shared_bits, shared_integer_bits, placed_bits;
    int32_t shared_messages, shared_rounds;
} snn_rank_cost;

typedef struct snn_prediction {
    double seconds;          /* for all groups */
    double group_seconds;    /* for a group alone: the latency */
    double one_rank_seconds; /* for all groups, by one rank of the same machine */
    double efficiency;       /* one_rank_seconds / (ranks * seconds) */
    /* Where the ranks' time goes, as shares of ranks * seconds; they add up to 1: */
    double compute, communicate;
    double imbalance;    /* waiting for the slowest stage, or for work that does not divide evenly */
    double bubble;       /* filling and draining the pipeline */
    double crowding;     /* waiting for a processor */
    double bytes_sent;   /* by all ranks, as sent */
    double bytes_shared; /* written by all ranks where others of their hosts read them */
    double memory_bytes; /* of the rank that needs most */
} snn_prediction;

/* Arithmetic of all ranks together, relative to that of one rank that has the whole network: what ranks repeat shows as
 * more than 1. 1 where the network has none of it. */
typedef struct snn_inflation {
    double products; /* signed additions */
    double values;   /* read of sources and made numbers of, which shards repeat that read the same channels */
    double inputs;   /* of neurons: those that read all channels of a position repeat them */
} snn_inflation;

typedef struct snn_cost_model snn_cost_model;

/* `network` and `request` (with what it points to) must outlive the model. */
snn_status snn_cost_model_create(const snn_network *network, const snn_planner_request *request,
                                 snn_cost_model **model);
void snn_cost_model_destroy(snn_cost_model *model); /* accepts NULL */

/* The plan with the smallest predicted time (or latency) that fits the machine's memory; of equal ones that with fewer
 * shards, then fewer stages. There may be more stages than populations (the rest are empty) and more shards than
 * channels (the rest own nothing). Stages have the same number of shards if stages or channels are given, and unless
 * different ones are faster. SNN_INPUT_ERROR when the given numbers cannot make `ranks` ("layout 2x2x2 needs 8
 * ranks, there are 6"), a number is out of range, or nothing fits the memory: then the message names the layout that
 * needs least, of those that were asked for, and how much that is. */
snn_status snn_plan_make(const snn_network *network, const snn_planner_request *request, snn_plan **plan);

/* Whether so many ranks can be laid out so (0: free): SNN_INPUT_ERROR as above, before a network is known. And the
 * ranks that a layout takes, or a multiple of which it takes where something is free. */
snn_status snn_plan_check_layout(int32_t replicas, int32_t stages, int32_t channels, int32_t ranks);
int64_t snn_plan_layout_ranks(int32_t replicas, int32_t stages, int32_t channels);

/* A plan for so many images, in groups of at most request->images: where ranks would have no work, or few groups to
 * fill a pipeline with, groups of fewer. The request's images and groups become those of the plan. */
snn_status snn_plan_make_groups(const snn_network *network, snn_planner_request *request, int64_t images,
                                snn_plan **plan);
/* Sets images and groups of a request: so many images in groups of at most `size`. */
void snn_plan_divide_images(snn_planner_request *request, int64_t images, int32_t size);
/* The same, so that every replica of the plan has a group, if there are images enough for a rank's threads. Not only
 * where that is faster: with more ranks than processors it may not be. */
void snn_plan_occupy(snn_planner_request *request, int64_t images, const snn_plan *plan);

/* Traffic is exact, whatever the other stages are. */
snn_rank_cost snn_plan_cost(snn_cost_model *model, const snn_plan *plan, int32_t rank);
snn_prediction snn_plan_predict(snn_cost_model *model, const snn_plan *plan);
/* Counted, rank by rank: nothing of it is measured or assumed. */
snn_inflation snn_plan_inflation(snn_cost_model *model, const snn_plan *plan);

/* SNN_INPUT_ERROR where a rank of a plan that somebody else made needs more memory than the machine's has, judged as
 * snn_plan_make does. */
snn_status snn_plan_check_memory(snn_cost_model *model, const snn_plan *plan);

/* Of a rank, for one item. */
double snn_rank_seconds(const snn_rank_cost *cost, const snn_planner_request *request);
/* All that a rank allocates, and the program around it. So many replicas share the images out. */
double snn_rank_memory(const snn_rank_cost *cost, const snn_planner_request *request, int32_t replicas);

#endif
