/* The kernels: what runs per timestep, behind one table of functions.
 *
 * A table is one implementation for one instruction set; all give the same bits. Work comes in *tiles*: a range of
 * target positions of one image, all owned channels, a whole block of timesteps. A projection kernel adds its integer
 * product for the tile into an accumulator [step][position in tile][owned channel]; the neuron kernel consumes the
 * accumulator, keeps x and y in registers or cache over the block, and writes spikes. The accumulator is the calling
 * thread's scratch and stays in its cache.
 */
#ifndef SNN_KERNELS_KERNELS_H
#define SNN_KERNELS_KERNELS_H

#include "core/network/network.h"
#include "core/network/spikes.h"

/* A projection's weights for owned target channels, in the layout of the kernel table that packed them. */
typedef struct snn_packed {
    const snn_projection *projection;
    int32_t row_begin, row_end;        /* rows packed: target channels op.target_channel + row */
    bool real;                         /* float32 weights: accumulators hold float bits */
    const struct snn_product *product; /* of the table that packed it */
    bool wide;                         /* integer weights of a matrix: some do not fit a byte */
    int32_t largest;                   /* source values are bytes up to this one; 0: they are not */
    bool coded;                        /* of bytes: a value is -2 (byte - zero), and not byte - zero */
    int32_t limb_bits;                 /* of a stream's integers, and an image's pixels */
    int64_t bytes;
    void *data; /* owned; from snn_allocate */
} snn_packed;

/* Spikes of windows seen as values: at step i of a tile a source channel's value is what steps [begin[i], end[i]) of
 * its window add up to, -m(j) or +m(j) each; at the first `rest_steps` steps on top of its resting state. */
typedef struct snn_codes {
    const int32_t *magnitude; /* [steps of the window] */
    const int32_t *rest;      /* [channels] of the source population */
    int32_t rest_steps;
    /* Of sums over a pool that leave 16 bits, only the limb (sum >> shift) & mask; mask 0: all of them. */
    int32_t shift, mask;
    int32_t begin[SNN_WINDOW_STEPS], end[SNN_WINDOW_STEPS];
} snn_codes;

/* One tile of one population. */
typedef struct snn_tile {
    int32_t image;                        /* within the group */
    int64_t position_begin, position_end; /* target positions of the population's input x */
    int32_t steps;                        /* timesteps in the block */
    int32_t channel_begin, channel_end; /* input channels held: the owned ones, or all for n-ary kinds over channels */
    void *accumulator; /* [steps][position_end - position_begin][channel_end - channel_begin] int32_t, or float */
    bool fresh;        /* the accumulator has no sums yet: a product onto all its channels writes them */
    void *scratch;     /* the thread's, as large as scratch_bytes and fire_scratch_bytes ask */
} snn_tile;

typedef struct snn_tile_counts {
    /* Added to. Where nobody wants to know, error is NULL, or spikes, flips and channel_spikes are, all three. */
    int64_t *spikes, *flips, *error; /* [steps] */
    int64_t *channel_spikes;         /* [owned channels] */
    int64_t *channel_beyond;         /* likewise, with windows: neurons whose f(x) no code reaches */
} snn_tile_counts;

/* What neurons that fire in windows have besides. Their tile's steps are moments (core/network/timing.h); sums in the
 * accumulator are those of all moments so far. */
typedef struct snn_window_constants {
    int32_t steps;       /* of the window */
    float reach;         /* sum of all steps, units */
    float unit;          /* a unit of y in units of sigma, for the tracking error */
    const int32_t *rest; /* [owned] */
    const float *bias;   /* [input positions][input channels held], at the first one held */
    int64_t bias_stride; /* between positions; 0: one for all */
} snn_window_constants;

/* Neurons of a tile: state and constants. [owned] are output channels; n-ary kinds over channels hold all input
 * channels, all other kinds as many as they own. */
typedef struct snn_neurons {
    snn_neuron_kind kind;
    float alpha, beta;
    int32_t groups;
    int32_t input_channels;     /* columns of x, step, graded and the accumulator */
    bool real;                  /* the accumulator holds floats */
    const float *eta;           /* [steps] of this block */
    const float *step;          /* delta [input_channels] */
    const float *inverse_scale; /* 1 / sigma [owned] */
    const float *increments;    /* [steps] of the graded input's coefficient; NULL if no graded input */
    const float
        *graded;       /* [input positions][input_channels] of this image: W p, already multiplied by delta; or NULL */
    float *x;          /* [input positions][input_channels] of this image */
    float *y;          /* [output positions][owned] of this image */
    snn_spikes spikes; /* output array of the whole population for this block */
    const uint8_t *previous; /* [output positions][row_bytes] of this image: spikes of the step before the block */
    bool first;              /* the block begins at t = 0 */
    snn_window window;       /* SNN_NEURON_MAXIMUM */
    snn_shape input, shape;  /* whole population */
    int32_t channel_begin, channel_end;
    snn_window_constants window_constants; /* for `fire_window` only */
} snn_neurons;

enum { SNN_IMAGE_ROWS = 8 };

/* Rows of positions of one population, what a graded image adds to them. */
typedef struct snn_image_tile {
    const snn_packed *packed; /* all projections from the image, with the same shift */
    int32_t count;
    int32_t channel_begin, channel_end; /* input channels held */
    int32_t row_begin, row_end;         /* at most SNN_IMAGE_ROWS */
    const float *pixels;                /* of the image */
    const float *step;                  /* delta [channels held] */
    float *graded;                      /* [positions of the rows][channels held], overwritten: W p, times delta */
    void *scratch;                      /* image_scratch_bytes */
} snn_image_tile;

/* Rows of sums, one a position, to each of which another one is added. */
typedef struct snn_added_rows {
    int32_t *sums;
    const int32_t *added;
    int64_t positions, count;        /* of a row */
    int64_t sums_apart, added_apart; /* from one row to the next */
    int32_t shift;
    bool fresh; /* sums are written: nothing is there */
} snn_added_rows;

typedef struct snn_kernels {
    const char *name; /* "portable", "avx2", "avxvnni", "avx512", "amx" */
    /* Whether this processor and operating system can run it. */
    bool (*available)(void);
    /* How many bytes of sums a tile should have at most, if the table has a preference, else 0. */
    int64_t tile_bytes;
    /* The measures (peak.h) of products with weights of 16 bits and of 8: [2], which may be the same. */
    const struct snn_peak *const *peaks;
    /* For packets of spikes (contexts.h). */
    const struct snn_context_kernels *contexts;
    /* Packs rows [row_begin, row_end) of a projection that holds them. */
    snn_status (*pack)(const snn_projection *projection, snn_weight_format format, int32_t row_begin, int32_t row_end,
                       snn_packed *packed);
    /* Bytes of scratch that `project` needs for tiles of up to `positions` positions and `steps` steps. */
    int64_t (*scratch_bytes)(const snn_packed *packed, int64_t positions, int32_t steps);
    /* Adds the product of the source spikes with the packed rows into the tile's accumulator. */
    void (*project)(const snn_packed *packed, const snn_spikes *source, const snn_tile *tile);
    /* The same for windows: packing and products of codes, for tiles of `steps` moments. `whole`: the codes of
     * finished windows, if the projection takes no others; else NULL. */
    snn_status (*pack_codes)(const snn_projection *projection, snn_weight_format format, int32_t row_begin,
                             int32_t row_end, const snn_codes *whole, snn_packed *packed);
    void (*project_codes)(const snn_packed *packed, const snn_spikes *source, const snn_codes *codes,
                          const snn_tile *tile);
    /* The same for a stream's integers (or floats), `plane` [position][channel]: adds their product, exact and then
     * rounded by the projection's shift and limited (core/network/sums.h), to the tile's only step. All operators but
     * gathers; of pooled sources diagonal ones only. */
    snn_status (*pack_stream)(const snn_projection *projection, snn_weight_format format, int32_t row_begin,
                              int32_t row_end, snn_packed *packed);
    int64_t (*stream_scratch_bytes)(const snn_packed *packed, int64_t positions);
    void (*project_stream)(const snn_packed *packed, const void *plane, const snn_tile *tile);
    /* Bytes of scratch that the next two need, for a tile of a population of which so many outputs are owned, and
     * inputs held. */
    int64_t (*fire_scratch_bytes)(const snn_population *population, int32_t owned, int32_t held);
    /* Runs the tile's neurons over the block. For kinds that read all positions a tile is a whole image. */
    void (*fire)(const snn_neurons *neurons, const snn_tile *tile, const snn_tile_counts *counts);
    /* The same for windows, all steps of them: `eta` are magnitudes, `x`, `y` and `previous` are NULL, the
     * accumulator may be NULL, if all sums are 0, and `graded` [positions of the tile][input_channels] is the whole of
     * the image's current. */
    void (*fire_window)(const snn_neurons *neurons, const snn_tile *tile, const snn_tile_counts *counts);
    /* What a graded image adds to a population; `channels` are those held, of `count` projections onto them. */
    snn_status (*pack_image)(const snn_projection *projection, snn_weight_format format, int32_t row_begin,
                             int32_t row_end, snn_packed *packed);
    int64_t (*image_scratch_bytes)(const snn_packed *packed, int32_t count, int32_t channels);
    void (*project_image)(const snn_image_tile *tile);
    /* Channel by channel: sums += what is added, rounded to `shift` bits fewer. */
    void (*add_rounded)(const snn_added_rows *rows);
} snn_kernels;

/* The best table that this machine can run; the environment variable SNN_DIST_ISA (a table's name) overrides it.
 * SNN_INPUT_ERROR if that names no table or one that this machine cannot run (the message lists those that it can). */
snn_status snn_kernels_select(const snn_kernels **kernels);

/* All tables built in, best first; *count of them. Some may not be available here. */
const snn_kernels *const *snn_kernels_all(int32_t *count);

#endif
