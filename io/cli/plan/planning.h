/* What the verbs `plan` and `run` ask of the planner, and what they tell it: measured speeds and the machine. */
#ifndef SNN_CLI_PLANNING_H
#define SNN_CLI_PLANNING_H

#include "core/kernels/kernels.h"
#include "io/config/config.h"
#include "partition/planner.h"

typedef enum snn_link_origin { SNN_LINK_ASSUMED, SNN_LINK_MEASURED, SNN_LINK_FILE } snn_link_origin;

/* What is known before there is a plan. */
typedef struct snn_planning_base {
    snn_machine machine;
    snn_link_origin link;
    bool to_measure;     /* packets and kernels */
    snn_speed_book book; /* of kernels, so far */
} snn_planning_base;

/* `processors`: that all ranks share. `host_ranks`: that share memory. `measured`: the link between them, or NULL. A
 * machine file of the config goes before both. `to_show`: speeds are wanted even where nothing is left to choose for
 * `ranks` ranks. Threads of a rank are those that OpenMP has now. */
snn_status snn_planning_base_make(const snn_config *config, int32_t ranks, double processors, int32_t host_ranks,
                                  const snn_link *measured, bool to_show, snn_planning_base *base);
void snn_planning_base_clear(snn_planning_base *base);

typedef struct snn_planning {
    snn_planner_request request; /* points to the members below: do not copy */
    snn_machine machine;
    snn_link_origin link;
    int64_t images; /* in all */
    snn_prices *prices;
    char speeds[96]; /* where they come from, for the user */
} snn_planning;

/* For `images` images on up to `ranks` ranks of `threads` threads. Measures what the cache lacks (a second or
 * two, or some more where the machine is busy). */
snn_status snn_planning_begin(const snn_config *config, const snn_network *network, const snn_kernels *kernels,
                              snn_planning_base *base, int32_t ranks, int32_t threads, int64_t images,
                              snn_planning *planning);
/* The planner's choice, which may be groups of fewer images than the config's, and what a given plan has them be. */
snn_status snn_planning_make(const snn_network *network, snn_planning *planning, snn_plan **plan);
void snn_planning_take(const snn_plan *plan, snn_planning *planning);
void snn_planning_end(snn_planning *planning);

/* Whether so many ranks can be laid out as the config has it, and if not, what to give `starter` ("mpirun -np"). */
snn_status snn_planning_check_layout(const snn_config *config, int32_t ranks, const char *starter);

/* The windows of a network file are its own; a config that asks for others is a mistake. */
snn_status snn_planning_check_windows(const snn_config *config, const snn_windows *found);

/* Where the config leaves open (0) what depends on the network: timesteps until its last window ends, and the block
 * that suits this machine's caches. The config's text is made anew. */
snn_status snn_planning_settle(snn_config *config, const snn_network *network);

/* Steps of a group: those of a window, or all timesteps. */
int32_t snn_planning_steps(const snn_config *config, const snn_network *network);

#endif
