/* Plans as text: TOML that a person can read, write and change.
 *
 *     [plan]
 *     version = 1
 *     network = "digits"                 # for the reader
 *     fingerprint = "6c62272e07bb0142"   # of the network's structure; may be left out
 *     ranks = 6
 *     replicas = 2
 *     stage_begin = [0, 3]               # first population of every stage
 *     shards = [1, 2]                    # channel shards of every stage: one number for all, or one for each
 *
 * `ranks` says the same as replicas times the sum of shards, and so guards against slips.
 */
#ifndef SNN_IO_PLAN_FILE_H
#define SNN_IO_PLAN_FILE_H

#include "partition/plan.h"

/* `comment` (may be NULL): lines of text that go in front, each as a comment. */
snn_status snn_plan_file_write(const char *path, const snn_plan *plan, const snn_network *network, const char *comment);

/* A plan for `network` and `ranks` ranks (0: as many as it says). SNN_INPUT_ERROR, with the file's name and the line
 * where there is one, if it cannot be read, makes no sense, or is for another network or number of ranks. */
snn_status snn_plan_file_read(const char *path, const snn_network *network, int32_t ranks, snn_plan **plan);

/* What of this can be said before there is a network. */
snn_status snn_plan_file_check(const char *path, int32_t ranks);

#endif
