/* What one rank holds of the network, with its neurons' state, and the work of one item on it.
 *
 * A shard owns a range of populations (a stage) and of each a range of channels. An item is (image group, block of
 * timesteps). For each item, for each of its populations in order, the caller places the source spikes that other
 * ranks own (snn_shard_spikes gives the array, snn_shard_sums that of a stream) and calls snn_shard_run; the shard's
 * own spikes or sums are then in the array of that population, ready to be sent. Where nothing is to be placed or sent
 * between populations, one call takes all of them (snn_shard_run_stretch).
 *
 * Within a call OpenMP threads share the images out, and each goes through the whole stretch with its own, without
 * waiting for the others; the images that are left over, fewer than threads, are shared out by position, population by
 * population. A thread has the same images every time. Results do not depend on how many threads there are.
 *
 * With windows a group is one item: populations run their windows one after the other, whenever in time those lie, for
 * nothing looks into the future. Steps are then those of a window, [0, steps).
 */
#ifndef SNN_SHARD_SHARD_H
#define SNN_SHARD_SHARD_H

#include "core/dynamics/schedule.h"
#include "core/kernels/kernels.h"
#include "core/network/network.h"
#include "core/network/spikes.h"
#include "core/network/sums.h"
#include "core/shard/statistics.h"

typedef struct snn_shard_options {
    int32_t images;    /* largest image group */
    int32_t timesteps; /* T; with windows those of the readout, 0: until the last window ends */
    /* The next three are not looked at if the network has windows: then a group is one block of their steps. */
    int32_t block;    /* largest block, timesteps */
    const float *eta; /* [timesteps], copied */
    snn_encoding encoding;
    const snn_channel_range *channels; /* [population_count]: what this rank owns of each population, copied */
    const snn_channel_range *visible;  /* [population_count]: union of owned and needed channels; empty where the rank
                                          neither owns nor needs any; copied. Arrays of spikes or sums exist for
                                          these only. */
    snn_dynamics dynamics;
    float momentum; /* in [0, 1), SNN_DYNAMICS_SUBGRADIENT */
    uint64_t seed;  /* SNN_ENCODING_STOCHASTIC */
    snn_statistics_detail statistics;
    struct snn_trace *trace; /* told what OpenMP threads but the main one do, or NULL */
    snn_network *spent;      /* NULL, or the network itself: the weights of each projection are released as soon as they
                                are packed, so that a rank never holds all of its weights twice. If this fails, those
                                packed before are gone. */
} snn_shard_options;

typedef struct snn_shard snn_shard;

/* `network`: structure, with the weight rows of the owned channels; must outlive the shard. The kernel packs the
 * weights into its own layout; the network's copy is no longer needed afterwards (`spent` releases it on the way). */
snn_status snn_shard_create(const snn_network *network, const snn_kernels *kernels, const snn_shard_options *options,
                            snn_shard **shard);

/* True if this rank needs the input image (it owns channels of a population that the image projects to). */
bool snn_shard_reads_input(const snn_shard *shard);

/* Begins a group: resets state, takes the images (normalised, [images][height][width][channels], ignored by shards
 * that do not read the input), which stay where they are until the next group begins. For graded encodings the first
 * layer's product is computed once, here or with its neurons. `numbers`
 * [images]: the images' numbers in the data set, copied; only SNN_ENCODING_STOCHASTIC needs them, NULL otherwise. */
snn_status snn_shard_begin_group(snn_shard *shard, int32_t images, const float *pixels, const int64_t *numbers);

/* Spikes of a population for the current block, all channels of the population, all images of the group. */
snn_spikes snn_shard_spikes(const snn_shard *shard, int32_t population);

/* Sums of a STREAM population for the current block, likewise. */
snn_sums snn_shard_sums(const snn_shard *shard, int32_t population);

/* From now on, and until the next call, the spikes or sums of a visible population lie in `block` and not in memory of
 * the shard's own: where other shards read and write theirs. The block has to be zero before its first use, aligned to
 * SNN_ALIGNMENT, not owned, and of so many bytes for that many images and planes. Others' channels in it may change
 * while a shard runs as long as it does not need them. */
void snn_shard_place(snn_shard *shard, int32_t population, void *block);
int64_t snn_shard_block_bytes(const snn_network *network, int32_t population, int32_t planes, int32_t images);

/* Planes of a population for a block of so many steps: as many, but with windows those of core/network/timing.h. */
int32_t snn_shard_planes(const snn_shard *shard, int32_t population, int32_t steps);

/* Timesteps of the readout: T, or with windows until the last one ends unless the options say otherwise. */
int32_t snn_shard_latency(const snn_shard *shard);

/* Runs the owned channels of `population` over steps [first, first + steps) of the current group. steps <= block.
 * All visible source spikes must be in place. Populations without owned channels: nothing to do. */
snn_status snn_shard_run(snn_shard *shard, int32_t population, int32_t first, int32_t steps);

/* The same for populations [begin, end), one after the other. */
typedef struct snn_shard_stretch {
    int32_t begin, end;
    int32_t first, steps;
    /* NULL, or called on the calling thread whenever it has done its part of a population. */
    void (*done)(void *context, int32_t population);
    void *context;
} snn_shard_stretch;

snn_status snn_shard_run_stretch(snn_shard *shard, const snn_shard_stretch *stretch);

/* Readout owners: predictions int32 [images][latency] (argmax of the decoded output after each step; the lowest class
 * wins a tie) and logits float [images][classes] after the last step run. NULL elsewhere. */
const int32_t *snn_shard_predictions(const snn_shard *shard);
const float *snn_shard_logits(const snn_shard *shard);

/* This shard's counts so far (only owned channels are counted); to be asked for again after further runs. The caller
 * may zero or add to them between groups. */
snn_statistics *snn_shard_statistics(snn_shard *shard);

/* Bytes held: weights, state, spikes (and sums of streams). */
void snn_shard_memory(const snn_shard *shard, int64_t *weights, int64_t *state, int64_t *spikes);

/* Of these weights, those of one population. */
int64_t snn_shard_packed_bytes(const snn_shard *shard, int32_t population);

void snn_shard_destroy(snn_shard *shard);

#endif
