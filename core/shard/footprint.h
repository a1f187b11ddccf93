/* What a shard allocates, in bytes: the shard allocates what is said here, and planners add up the same numbers before
 * there is a shard. Weights are not in it: only the kernels know how large they are when packed. */
#ifndef SNN_SHARD_FOOTPRINT_H
#define SNN_SHARD_FOOTPRINT_H

#include "core/dynamics/schedule.h"
#include "core/kernels/kernels.h"
#include "core/network/timing.h"

/* What a shard's memory depends on beside the channels that it owns. */
typedef struct snn_footprint {
    const snn_network *network; /* its structure */
    const snn_kernels *kernels;
    const snn_timing *timings; /* [populations] with windows, NULL without */
    int32_t images, block;     /* of the largest group and item; with windows the block is their steps */
    snn_encoding encoding;
    snn_dynamics dynamics;
    float momentum;
} snn_footprint;

/* A part of a population. */
typedef struct snn_holding {
    int32_t population;
    int32_t owned, held; /* channels of the output, and of the input; 0: none, as of populations of other ranks */
    bool image;          /* the image projects to these, and is graded */
    bool codes;          /* snn_footprint_compares_codes of a maximum, and no weight of it is negative */
} snn_holding;

/* Arrays of neurons, for a whole group; 0: there is no such array. */
typedef struct snn_neuron_bytes {
    int64_t x, y, graded, decoded;
    int64_t ones, bias, x_velocity, y_velocity; /* SNN_DYNAMICS_SUBGRADIENT */
    int64_t previous;                           /* spikes */
} snn_neuron_bytes;

snn_neuron_bytes snn_footprint_neurons(const snn_footprint *footprint, const snn_holding *part);

/* All of these but the spikes. */
int64_t snn_footprint_state(const snn_neuron_bytes *bytes);

/* Spikes or sums of a block, of a population that a rank sees; of one of so many planes (core/network/timing.h). */
int64_t snn_footprint_block_of(const snn_network *network, int32_t population, int32_t planes, int32_t images);
int64_t snn_footprint_block(const snn_footprint *footprint, int32_t population);

/* The image as a spiking population: its pixels, and as many bytes for y; and the spikes of a block. */
int64_t snn_footprint_pixels(const snn_footprint *footprint);
int64_t snn_footprint_pixel_spikes(const snn_footprint *footprint);

/* Whether the maxima of a population with windows compare codes, not x, where no weight is negative: each x is that of
 * one whole code, with which it never falls. Its projections are [first, end). */
bool snn_footprint_compares_codes(const snn_footprint *footprint, int32_t population, int32_t first, int32_t end);

/* How a part is cut into tiles: positions and steps of one. */
typedef struct snn_tiling {
    int32_t positions, steps;
} snn_tiling;

snn_tiling snn_footprint_tiling(const snn_footprint *footprint, const snn_holding *part);

/* Arrays that each thread works with, one part after the other. Products need scratch beside, which depends on how they
 * are packed. */
typedef struct snn_thread_bytes {
    int64_t sums;           /* of a tile */
    int64_t rounded, spare; /* likewise, with windows */
    int64_t graded;         /* with windows: what the image adds to a tile */
    int64_t neurons;        /* scratch */
} snn_thread_bytes;

/* Enlarges each array to what the part needs. */
void snn_footprint_add_thread(const snn_footprint *footprint, const snn_holding *part, snn_thread_bytes *bytes);

#endif
