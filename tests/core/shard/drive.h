/* Drives several shards of one network side by side in one process, handing spikes over as ranks would. */
#ifndef SNN_TESTS_DRIVE_H
#define SNN_TESTS_DRIVE_H

#include "core/shard/shard.h"
#include "tests/core/shard/naive.h"

enum { DRIVE_SHARDS = 4 };

/* How the network is cut: stages of populations, each into channel shards. */
typedef struct drive_cut {
    int32_t stages, shards;
} drive_cut;

typedef struct drive_settings {
    drive_cut cut; /* stages * shards <= DRIVE_SHARDS */
    int32_t block, group, threads;
    int32_t latency; /* with windows: timesteps of the readout, 0: until the last one ends */
    bool all_rows;   /* every rank's network holds all weights, not only those it needs */
    const snn_kernels *kernels;
    snn_encoding encoding;
    snn_dynamics dynamics;
    float momentum;
    snn_statistics_detail statistics;
} drive_settings;

/* With windows `block` is their steps, and `eta` may be NULL. Runs all images and fails the test where spikes,
 * statistics, predictions or logits are not those of `expected`. */
void drive_and_compare(const snn_network *network, const drive_settings *settings, const float *eta,
                       const float *pixels, const naive_result *expected);

/* The rows of `network` that an owner of these channels needs, as a network of its own. */
snn_network *drive_slice(const snn_network *network, const snn_channel_range *owned);

#endif
