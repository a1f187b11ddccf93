/* The inside of a shard, shared by shard.c (creation, order of work), shard_memory.c (its arrays), shard_input.c and
 * shard_stochastic.c (encodings of the image), shard_windows.c (neurons that fire in windows), shard_streams.c (streams
 * and who reads them), shard_ranges.c (who left the calibrated range), shard_threads.c (which thread does what),
 * shard_tiles.c (the work of one tile) and shard_baseline.c (the subgradient dynamics). Nobody else includes this. */
#ifndef SNN_SHARD_SHARD_PRIVATE_H
#define SNN_SHARD_SHARD_PRIVATE_H

#include "core/kernels/subgradient.h"
#include "core/network/timing.h"
#include "core/shard/footprint.h"
#include "core/shard/shard.h"

/* What SNN_DYNAMICS_SUBGRADIENT adds to a part; all NULL under other dynamics. */
typedef struct snn_part_baseline {
    void *ones;        /* [input positions][owned] int32_t or float: the sums when every source fires */
    float *bias;       /* [input positions][owned] */
    float *x_velocity; /* like x and y; NULL without momentum */
    float *y_velocity;
} snn_part_baseline;

/* What a shard holds of one population. */
typedef struct snn_part {
    snn_channel_range owned;  /* of the output */
    snn_channel_range held;   /* of the input: the owned ones, or all for kinds that read all channels */
    float *inverse_scale;     /* [owned] */
    float *x;                 /* [images][input positions][held]; NULL for streams */
    float *y;                 /* [images][output positions][owned]; NULL where there are no spikes */
    float *graded;            /* [images][input positions][held]: W p, or NULL if no graded input reaches them, and
                                 with windows, whose tiles find it when they need it */
    float *decoded;           /* like graded, of streams: what readers have received of it */
    uint8_t *bits;            /* visible populations: spikes of the block, NULL otherwise */
    void *sums;               /* visible streams: sums of the block, NULL otherwise */
    bool placed;              /* these are somebody else's memory */
    uint8_t *previous;        /* like y, [row_bytes] for [owned]: the step before the block */
    int32_t projection_begin; /* projections of the network that end here: [begin, end) */
    int32_t projection_end;
    /* [packed_count]: of each projection the rows that the owned outputs depend on, range by range. */
    snn_packed *packed;
    int32_t packed_count;
    int32_t exact_count;           /* with windows: so many come first, whose products are added up as they come */
    bool *begins;                  /* with windows: [packed_count], those that are the first onto all their rows */
    bool begun;                    /* which write all sums, so that nothing has to be cleared */
    snn_projection *largest_codes; /* [end - begin] of maxima of windows that compare codes, not x: the projections from
                                      sources that are pooled to these; NULL of all others */
    snn_packed *graded_products;   /* [graded_product_count]: projections from the image, if it is graded */
    int32_t graded_product_count;
    snn_part_baseline baseline;
    snn_tiling tiling;
    int32_t next_step; /* of the current group */
} snn_part;

/* The image as a spiking population (encodings by spikes); every rank that reads the image encodes it. */
typedef struct snn_encoder {
    float *pixels;      /* [images][height][width][channels] */
    float *y;           /* like pixels */
    int64_t *numbers;   /* [images] of the data set, SNN_ENCODING_STOCHASTIC */
    uint8_t *bits;      /* spikes of the block */
    int32_t begin, end; /* steps that `bits` holds */
} snn_encoder;

typedef struct snn_worker {
    void *accumulator;
    /* With windows: sums of a projection that are to be rounded, like the accumulator; and those of one moment. */
    void *rounded, *spare;
    float *graded; /* with windows: of a tile's positions */
    void *scratch;
    snn_statistics *statistics; /* what it counted since the shard's were last asked for */
} snn_worker;

/* Images [begin, end) of the group. */
typedef struct snn_image_range {
    int32_t begin, end;
} snn_image_range;

struct snn_shard {
    const snn_network *network;
    const snn_kernels *kernels;
    int32_t capacity;         /* largest image group */
    int32_t images;           /* in the current group */
    int32_t block, timesteps; /* with windows both are their steps */
    int32_t latency;          /* timesteps of the readout */
    snn_dynamics dynamics;
    snn_encoding encoding;
    float momentum;
    snn_statistics_detail detail;
    struct snn_trace *trace;
    uint64_t seed;
    bool real;           /* float32 weights */
    snn_timing *timings; /* [population_count] with windows, NULL without */
    float *eta;          /* [timesteps]; with windows the magnitudes of their steps */
    float *increments;   /* [timesteps] of a graded encoding; NULL otherwise */
    float *coefficients; /* [timesteps] of the same: their running sum */
    snn_part *parts;     /* [population_count] */
    bool reads_input;
    const float *pixels; /* with windows: of the current group */
    snn_encoder encoder;
    int32_t threads;
    snn_worker *workers;  /* [threads] */
    int32_t *predictions; /* [images][timesteps], or [images][latency] with windows, readout owner */
    float *logits;        /* [images][classes], readout owner */
    snn_statistics *statistics;
};

static inline int32_t snn_part_channels(const snn_part *part)
{
    return part->owned.end - part->owned.begin;
}

static inline int32_t snn_part_inputs(const snn_part *part)
{
    return part->held.end - part->held.begin;
}

/* Rows of an operator whose target channels are among `channels`; empty if begin >= end. */
static inline snn_channel_range snn_rows_of(const snn_operator *op, snn_channel_range channels)
{
    const int32_t begin = channels.begin - op->target_channel, end = channels.end - op->target_channel;
    return (snn_channel_range){begin > 0 ? begin : 0, end < op->target_channels ? end : op->target_channels};
}

/* The positions that a part's tiles go over: those of x or, of maxima that compare codes, of the output. */
static inline snn_shape snn_part_places(const snn_shard *shard, int32_t population)
{
    const snn_population *of = &shard->network->populations[population];
    return shard->parts[population].largest_codes != NULL ? of->shape : of->input;
}

/* Whether its tiles are whole rows, because they multiply with the image. */
static inline bool snn_part_multiplies_rows(const snn_shard *shard, const snn_part *part)
{
    return shard->timings != NULL && part->graded_product_count > 0;
}

/* Each of these calls those above it only. */

/* shard_memory.c */
/* What the account of memory wants to know of a shard, and of its part of a population once that has its projections.
 */
snn_footprint snn_shard_footprint(const snn_shard *shard);
snn_holding snn_shard_holding(const snn_shard *shard, int32_t population);
/* snn_allocate of so many bytes, or NULL where there are none; *complete becomes false where memory is short. */
void *snn_shard_allocate(int64_t bytes, bool *complete);

/* shard_stochastic.c */
/* One position of one image over the encoder's steps. */
void snn_encode_stochastic(const snn_shard *shard, const snn_spikes *spikes, int32_t image, int64_t position);

/* shard_input.c */
/* W p of rows of one image, [position][held], once the part has its products; `scratch`: a worker's accumulator. */
void snn_graded_rows(const snn_shard *shard, int32_t population, const float *pixels, int32_t row, int32_t rows,
                     void *scratch, float *graded);
/* part->graded of one image of the group: rows of positions [row, row + SNN_IMAGE_ROWS), if there are so many. */
void snn_graded_compute(const snn_shard *shard, int32_t population, const float *pixels, int32_t image, int32_t row,
                        const snn_worker *worker);

snn_status snn_encoder_init(const snn_shard *shard, snn_encoder *encoder);
void snn_encoder_clear(snn_encoder *encoder);
void snn_encoder_begin_group(snn_shard *shard, const float *pixels, const int64_t *numbers);
/* Encodes steps [first, first + steps) unless they are the ones encoded last. */
snn_status snn_encoder_run(snn_shard *shard, int32_t first, int32_t steps);
snn_spikes snn_encoder_spikes(const snn_shard *shard);

/* shard_baseline.c */
/* After the workers and the weights: checks the network, and fills all parts' baselines. */
snn_status snn_baseline_create(snn_shard *shard);
void snn_baseline_clear(snn_part_baseline *baseline);
/* After x and the graded input of the group, which becomes the whole constant current. */
void snn_baseline_begin_group(const snn_shard *shard, int32_t population);
snn_subgradient snn_baseline_of_image(const snn_shard *shard, int32_t population, int32_t image);
/* The readout's x after step `step` of the tile, which is timestep `timestep`. */
void snn_baseline_read_out(const snn_shard *shard, int32_t population, int32_t timestep, int32_t step,
                           const snn_tile *tile);

/* shard_streams.c */
bool snn_reads_stream(const snn_shard *shard, const snn_projection *projection);
/* What the kernels' `project` does for spikes: adds the weighted sums of the source's steps from `offset` on. */
void snn_stream_project(const snn_shard *shard, const snn_packed *packed, int32_t offset, const snn_tile *tile);
/* What the kernels' `fire` does for neurons: the tile's sums, and the graded input as integers, become the stream's.
 * The tile begins at step `offset` of the block, which is timestep `timestep`. */
void snn_stream_store(const snn_shard *shard, int32_t population, int32_t timestep, int32_t offset,
                      const snn_tile *tile);
/* The same with windows: the tile's steps are the stream's planes, and the image, `graded` [position of the tile][held]
 * or NULL, is there from the first on. */
void snn_stream_keep(const snn_shard *shard, int32_t population, const snn_tile *tile, const float *graded);
/* Where a tile's sums can be made, if they lie in the stream as in an accumulator; else NULL. */
void *snn_stream_place(const snn_shard *shard, int32_t population, const snn_tile *tile);

/* shard_ranges.c */
/* After the last timestep: counts the neurons of some images that ended beyond their calibrated range. */
void snn_ranges_count(const snn_shard *shard, int32_t population, snn_image_range images, snn_statistics *statistics);

/* shard_windows.c */
/* Before its projections are packed: whether the maxima of a part compare codes. */
snn_status snn_windows_prepare_part(const snn_shard *shard, int32_t population, snn_part *part);
/* After they are: in which order they are taken. */
snn_status snn_windows_order(const snn_shard *shard, int32_t population, snn_part *part);
/* Packs rows of a projection onto a part whose population fires in a window. */
snn_status snn_windows_pack(const snn_shard *shard, const snn_part *part, const snn_projection *projection,
                            snn_channel_range rows, snn_packed *packed);
/* A tile's whole window; `tile`: image, positions, channels and memory. Of the owned outputs `outputs` fire, for the
 * first of which `counts` counts. */
void snn_windows_run_tile(snn_shard *shard, int32_t population, const snn_worker *worker, snn_tile tile,
                          snn_channel_range outputs, const snn_tile_counts *counts);

/* shard_tiles.c */
/* Positions [begin, end) of a population's input, no more than its tiles have. `outputs`: those of the owned ones that
 * fire, all unless it fires in a window. */
typedef struct snn_tile_place {
    int32_t population, image;
    int64_t begin, end;
    snn_channel_range outputs;
} snn_tile_place;

/* One tile over steps [first, first + steps). */
void snn_tiles_run(snn_shard *shard, const snn_worker *worker, snn_tile_place place, int32_t first, int32_t steps);

/* shard_threads.c */
snn_status snn_workers_create(snn_shard *shard);
void snn_workers_destroy(snn_shard *shard);
/* Every part begins a group. */
void snn_threads_begin_group(snn_shard *shard, const float *pixels);
void snn_threads_run(snn_shard *shard, const snn_shard_stretch *stretch);
/* Adds to the shard's statistics what its workers have counted. */
void snn_threads_collect(snn_shard *shard);

#endif
