/* The spiking network: populations of neurons and the projections between them, in topological order.
 * Nothing else exists at run time.
 *
 * A *population* is all neurons of one nonlinearity f. Each neuron keeps a decoded input x and an output y
 * (arXiv 2407.01645, signGD). A *projection* is an integer linear operator from the +-1 spikes of one population (or
 * from the input image) to the decoded inputs of another. Timestep t, for every population in order:
 *
 *     x <- x - (eta(t) * step[c]) * (float)(sum over its projections of  W_q (2 s_source(t) - 1))      (integers)
 *     target = f(x) / scale[c];   s(t) = target <= y  (strict populations: target < y);   y <- y - eta(t)(2 s(t) - 1)
 *
 * and receivers take y * scale[c] as the neuron's value; scale and step are folded into W_q. x(0) = bias, y(0) = 0.
 *
 * With windows (core/dynamics/windows.h) a population fires in timesteps [start, start + steps) only, start = delay *
 * depth, where depth is how many populations lie on the longest path before it. y counts units, `scale` is what a unit
 * is worth, and nothing is accumulated in floats:
 *
 *     x = bias + step[c] * (float)(sum over its projections of  W_q y_source)              (integers)
 *
 * where y_source is what the source has reached at that timestep, from its resting state on. A stream then keeps that
 * sum of its own. Contributions that are rounded (TOKENS, `shift`) are rounded as a whole: a function of y_source.
 *
 * All arrays of neurons are position-major: [height][width][channels], channels fastest. A position is (row, column).
 *
 * A projection whose source is a STREAM reads its integer sums instead of spikes. It is DIAGONAL (perhaps pooled): it
 * adds weight * (sum over the pool window of the stream's integers), and a unit weight with equal steps passes the
 * stream on exactly; or it is CONVOLUTION, DENSE or TOKENS, not pooled, whose sums are rounded to `shift` bits fewer
 * (TOKENS: before the row's weight) and kept within SNN_PRODUCT_LIMIT: streams that read each other's products would
 * reach further and further otherwise, as far as worst cases go.
 *
 * A network may be a slice: every rank has all populations and operators (small), but of weights only the rows
 * [row_begin, row_end) that its shard needs. The full network has all rows.
 */
#ifndef SNN_NETWORK_NETWORK_H
#define SNN_NETWORK_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/base/window.h"
#include "core/dynamics/windows.h"

enum { SNN_TOKENS_FRACTION_BITS = 16 };

enum { SNN_SOURCE_INPUT = -1 }; /* projection source: the input image */

enum { SNN_PRODUCT_LIMIT = 1 << 23 }; /* largest integer that a product of a stream adds in one step */

enum { SNN_GRADED_LIMIT = 1 << 22 }; /* largest integer that a graded image adds to a stream in one step */

enum { SNN_GRADED_WINDOW_LIMIT = 1 << 28 }; /* the same with windows, where the image comes all at once */

typedef struct snn_shape {
    int32_t height, width, channels;
} snn_shape;

typedef struct snn_channel_range {
    int32_t begin, end; /* half-open; begin == end: nothing */
} snn_channel_range;

static inline int64_t snn_shape_positions(snn_shape shape)
{
    return (int64_t)shape.height * shape.width;
}
static inline int64_t snn_shape_size(snn_shape shape)
{
    return snn_shape_positions(shape) * shape.channels;
}

/* Tracking errors are those of all neurons at a sample of a population's positions, so many from one to the next: all
 * where there are few, otherwise 16 or more if that leaves every eleventh or fewer. Primes, so that they are not
 * of the same few columns of usual widths. */
static inline int64_t snn_tracked_apart(int64_t positions)
{
    enum { FEW = 16, ENOUGH = 16, LEAST = 11 };
    static const int32_t primes[] = {1543, 769, 389, 193, 97, 47, 23};
    if (positions <= FEW) {
        return 1;
    }
    for (int i = 0; i < (int)(sizeof primes / sizeof primes[0]); i++) {
        if (positions >= ENOUGH * (int64_t)primes[i]) {
            return primes[i];
        }
    }
    return LEAST;
}
static inline int64_t snn_tracked_positions(int64_t positions)
{
    const int64_t apart = snn_tracked_apart(positions);
    return (positions + apart - 1) / apart;
}

typedef enum snn_neuron_kind {
    SNN_NEURON_RELU,       /* max(x, 0) */
    SNN_NEURON_LEAKY_RELU, /* x > 0 ? x : alpha x; strict */
    SNN_NEURON_LINEAR,     /* x: a relay where two linear operators follow each other */
    SNN_NEURON_MAXIMUM,    /* n-ary: maximum over a window of decoded inputs (max pooling) */
    SNN_NEURON_READOUT,    /* no spikes: its decoded input x is the network's output (logits) */
    /* No neurons: a real-valued stream (residual connection) that several populations read. Keeps the integer sums of
     * its projections, [step][image][position][channel] int32_t, for the block; readers take them by DIAGONAL
     * projections. bias is 0, scale is 1, no state but the encoder of a graded input. */
    SNN_NEURON_STREAM,
    /* Unary functions; formulas and parameters in core/base/functions.h. */
    SNN_NEURON_GELU,      /* x Phi(x), erf form; strict */
    SNN_NEURON_GELU_TANH, /* its tanh approximation; strict */
    SNN_NEURON_ABS,
    SNN_NEURON_SQUARE,
    SNN_NEURON_EXP,
    SNN_NEURON_SQRT,       /* of max(x, 0) */
    SNN_NEURON_RECIPROCAL, /* 1 / x, |x| at least alpha */
    SNN_NEURON_TANH,
    SNN_NEURON_SIGMOID,
    SNN_NEURON_SILU,
    SNN_NEURON_ELU,  /* x > 0 ? x : alpha (e^x - 1) */
    SNN_NEURON_SELU, /* beta (x > 0 ? x : alpha (e^x - 1)) */
    SNN_NEURON_CELU, /* x > 0 ? x : alpha (e^(x / alpha) - 1) */
    SNN_NEURON_SOFTPLUS,
    SNN_NEURON_SOFTSIGN,
    SNN_NEURON_MISH,
    SNN_NEURON_HARD_SWISH,       /* x clip(x / 6 + 1 / 2, 0, 1) */
    SNN_NEURON_HARD_SIGMOID,     /* clip(alpha x + beta, 0, 1) */
    SNN_NEURON_CLIP,             /* min(max(x, alpha), beta) */
    SNN_NEURON_THRESHOLDED_RELU, /* x > alpha ? x : 0 */
    SNN_NEURON_ERF,
    /* n-ary over the channels of a position: input has all the channels named, output shape.channels. Every rank that
     * owns some outputs has room for all inputs (snn_neuron_reads_all_channels), and decodes those that
     * snn_population_reads tells. */
    /* (x - mean) / sqrt(variance + alpha) over groups of channels; input C, output C. With beta 1, x / sqrt(mean of x^2
     * + alpha): root mean square normalisation. */
    SNN_NEURON_LAYER_NORM,
    SNN_NEURON_NORMALISE, /* x1 / sqrt(x2 + alpha); input [x1: C | x2: 1], output C */
    SNN_NEURON_PRODUCT,   /* x1 x2; input [x1: C | x2: C], output C */
    /* x1 / x2, x2 at least alpha, or |x2| with beta 1; input [x1: C | x2: groups], channel c uses
     * x2[c / (C / groups)] */
    SNN_NEURON_QUOTIENT,
    /* n-ary over positions of an image, heads = groups, C channels, P positions: all of them, or with beta P of a
     * window of beta positions that follow each other, a window by itself. */
    SNN_NEURON_SCORES,      /* alpha q_p . k_j per head; input [q: C | k: C], output heads P: [head][j] at position p */
    SNN_NEURON_SOFTMAX,     /* softmax of each group of input channels; input and output C */
    SNN_NEURON_SHIFTED_EXP, /* its numerator, exp(x - largest x of the group): in range whatever x is */
    SNN_NEURON_MIX,         /* sum_j a_pj v_j per head; input [a: heads P | v: C], output C */
    SNN_NEURON_ATTENTION,   /* softmax_j(alpha q_p . k_j) v_j per head; input [q: C | k: C | v: C], output C */
    /* New kinds come last: hashes of networks have their numbers. */
    SNN_NEURON_SHRINK, /* unary: x < -alpha ? x + beta : x > alpha ? x - beta : 0 */
    SNN_NEURON_KIND_COUNT
} snn_neuron_kind;

/* "relu", "leaky_relu", "linear", ...: the enumerator in lower case */
const char *snn_neuron_kind_name(snn_neuron_kind kind);
/* Whether outputs depend on other input channels than their own (of their position or image), so that x is kept for all
 * of them. */
bool snn_neuron_reads_all_channels(snn_neuron_kind kind);
/* Whether outputs depend on more than one position of the input (window, attention): a tile is a whole image. */
bool snn_neuron_reads_all_positions(snn_neuron_kind kind);
/* Positions that attention takes each with every other: the image's, or a window's. */
int64_t snn_attention_positions(float beta, snn_shape input);
/* Whether it spikes: all but READOUT and STREAM. */
bool snn_neuron_spikes(snn_neuron_kind kind);
/* Whether it fires on target < y instead of target <= y (as the paper's authors do for these). */
bool snn_neuron_is_strict(snn_neuron_kind kind);

typedef enum snn_weight_format { SNN_WEIGHTS_INT16, SNN_WEIGHTS_INT8, SNN_WEIGHTS_FLOAT32 } snn_weight_format;

typedef struct snn_population {
    char *name; /* of the ONNX node that it stands for; unique in the network */
    snn_neuron_kind kind;
    snn_shape shape;        /* of y and the spikes */
    snn_shape input;        /* of x; differs from shape only for window and n-ary neurons */
    snn_window window;      /* SNN_NEURON_MAXIMUM: window over x for each position of y; padding never wins */
    float alpha, beta;      /* parameters of the kind, where it has any */
    int32_t groups;         /* of channels, or heads: n-ary kinds that have them; unused otherwise */
    float *scale;           /* sigma [shape.channels], > 0 */
    float *step;            /* delta [input.channels]: what one unit of the integer sum is worth in x */
    float *bias;            /* x(0) [bias_positions][input.channels] */
    int32_t bias_positions; /* 1 (per channel) or all positions of `input` */
    int32_t depth;          /* spiking populations on the longest path before it */
    float unit;             /* what a unit of y is in units of sigma, on average over the channels; 0 without windows */
    int32_t *rest;          /* y(0) [shape.channels] in units, of spiking populations with windows; NULL for others */
} snn_population;

enum { SNN_MOST_READ = 3 };

/* The input channels that outputs [begin, end) of a population depend on: ranges apart from each other, in ascending
 * order; returns how many. */
int32_t snn_population_reads(const snn_population *population, int32_t begin, int32_t end,
                             snn_channel_range reads[SNN_MOST_READ]);

/* As many outputs, from the first on, read the same inputs, or most of them: the channels of a head. Ranks do not
 * divide them, for each would do what the others do. A divisor of the population's channels; 1 for most kinds. */
int32_t snn_population_unit(const snn_population *population);

typedef enum snn_operator_kind {
    SNN_OPERATOR_CONVOLUTION, /* row: [kernel height][kernel width][source_channels / groups] */
    SNN_OPERATOR_DENSE,       /* target has one position; row: [pooled position][source_channels] */
    SNN_OPERATOR_DIAGONAL, /* channel i of the source range to channel i of the target range, same position; row: [1] */
    SNN_OPERATOR_TOKENS,   /* mixes positions, the same way in every channel: channel i of the source range to channel i
                              of   the target range, sum over p of mixing[target position][p] s[p], times the row's
                              weight; the   weight has SNN_TOKENS_FRACTION_BITS fraction bits and the result is rounded
                              (int16, int8)
                            */
    SNN_OPERATOR_GATHER,   /* row: per target position one weight, and in `index` the source element it takes */
    SNN_OPERATOR_KIND_COUNT
} snn_operator_kind;

const char *snn_operator_kind_name(snn_operator_kind kind);

/* What a product of a stream adds. */
static inline int32_t snn_product_limited(int64_t value)
{
    return (int32_t)(value > SNN_PRODUCT_LIMIT    ? SNN_PRODUCT_LIMIT
                     : value < -SNN_PRODUCT_LIMIT ? -SNN_PRODUCT_LIMIT
                                                  : value);
}

/* sum / 2^shift, rounded to the nearest integer (a half upwards). */
static inline int64_t snn_rounded(int64_t sum, int32_t shift)
{
    const int64_t half = shift > 0 ? (int64_t)1 << (shift - 1) : 0;
    return (sum + half) >> shift;
}

/* weight * mixed without the weight's fraction bits, rounded to the nearest integer (a half upwards). */
static inline int64_t snn_tokens_weighted(int32_t weight, int32_t mixed)
{
    return ((int64_t)weight * mixed + (1 << (SNN_TOKENS_FRACTION_BITS - 1))) >> SNN_TOKENS_FRACTION_BITS;
}

/* Bits of a product of a stream that `shift` may take away. */
enum { SNN_LARGEST_SHIFT = 40 };

/* What a pool gives: its window's sum; its largest value, which no network has, but shards where codes are compared
 * instead of x (shard_windows.c). */
typedef enum snn_pooling { SNN_POOLS_NOTHING, SNN_POOLS_SUMS, SNN_POOLS_MAXIMA } snn_pooling;

/* Geometry of a projection. The operator reads channels [source_channel, +source_channels) of the source; with `pooled`
 * the spikes are first summed over a window of positions (average pooling, strided subsampling; positions outside
 * count 0), which keeps integers. It adds into channels [target_channel, +target_channels) of the target's x. */
typedef struct snn_operator {
    snn_operator_kind kind;
    snn_shape source; /* of the whole source population or image */
    int32_t source_channel, source_channels;
    snn_pooling pooled;
    snn_window pool;
    snn_shape target; /* of the whole target input */
    int32_t target_channel, target_channels;
    snn_window window; /* SNN_OPERATOR_CONVOLUTION; taps outside the (pooled) source count 0 */
    int32_t groups;    /* SNN_OPERATOR_CONVOLUTION */
} snn_operator;

/* Positions of the source that one of the pooled source adds up. */
static inline int64_t snn_operator_pool_area(const snn_operator *op)
{
    return op->pooled == SNN_POOLS_SUMS ? (int64_t)op->pool.kernel[0] * op->pool.kernel[1] : 1;
}

/* The source after pooling and channel selection: what the operator itself sees. */
snn_shape snn_operator_pooled_shape(const snn_operator *op);
/* Weights per row, the layout given at snn_operator_kind. */
int64_t snn_operator_row_length(const snn_operator *op);
/* Channels [begin, end) of the *source population* that the target channels [target_begin, target_end) of the target
 * population need; begin == end when they need none. */
void snn_operator_source_channels(const snn_operator *op, int32_t target_begin, int32_t target_end, int32_t *begin,
                                  int32_t *end);
/* One channel to one channel: groups == source channels == target channels, not pooled. */
bool snn_operator_is_depthwise(const snn_operator *op);
/* Signed additions for one image and timestep, all target channels: taps inside the source, and those of `pooled`. A
 * gather counts one for each target element. */
int64_t snn_operator_operations(const snn_operator *op);

typedef struct snn_projection {
    int32_t source; /* population number < target, or SNN_SOURCE_INPUT */
    int32_t target; /* population number */
    snn_operator op;
    /* Rows [row_begin, row_end) of weights; row r belongs to target channel op.target_channel + r. Element type:
     * convolution, dense: int16_t (INT16 and INT8 formats) or float; diagonal, tokens, gather: int32_t or float. NULL
     * when no rows are held. */
    int32_t row_begin, row_end;
    void *weights;
    int32_t
        shift;    /* of a product of a stream, or with windows (int16, int8): sums are divided by 2^shift and rounded */
    void *mixing; /* SNN_OPERATOR_TOKENS: [target positions][pooled source positions] int16_t or float; part of the
                     structure: a slice has it whole */
    int32_t *index; /* SNN_OPERATOR_GATHER: [rows][target positions], element position * source_channels + channel of
                       the pooled source, or -1 for none */
} snn_projection;

typedef struct snn_network {
    char *name; /* of the model */
    snn_weight_format format;
    snn_shape input; /* of the image */
    int32_t classes;
    snn_windows windows;         /* steps 0: none */
    snn_population *populations; /* topological order; the last is the readout */
    int32_t population_count;
    snn_projection *projections; /* ordered by target, then source */
    int32_t projection_count;
} snn_network;

/* Whether neighbouring channels of a population have their spikes in one byte (core/network/spikes.h). */
static inline bool snn_network_shares_bytes(const snn_network *network, int32_t population)
{
    return network->windows.steps == 0 && network->populations[population].kind != SNN_NEURON_STREAM;
}

/* The largest |y| of a source, in units: 1 without windows, and of the image. */
int64_t snn_network_source_reach(const snn_network *network, int32_t source);

/* Which of the two limits on a graded image applies. */
int32_t snn_network_graded_limit(const snn_network *network);

/* Bytes of one weight of a projection in a network of that format. */
int64_t snn_weight_bytes(snn_weight_format format, snn_operator_kind kind);
/* "int16", "int8" or "float32", as configurations and files have it. */
const char *snn_weight_format_name(snn_weight_format format);

/* Spiking neurons of one image (the readout has none). */
int64_t snn_network_neurons(const snn_network *network);

/* A deep copy of everything but weights and indices (every row range empty). */
snn_status snn_network_copy_structure(const snn_network *network, snn_network **copy);

/* Checks that shapes, ranges and orders are consistent, as after reading a file, and that the rows held cannot overflow
 * an int32 sum whatever the spikes. SNN_INPUT_ERROR names what is not. */
snn_status snn_network_check(const snn_network *network);

/* Frees weights and indices, of one projection or of all (row ranges become empty); the structure stays. */
void snn_projection_release_weights(snn_projection *projection);
void snn_network_release_weights(snn_network *network);

void snn_network_destroy(snn_network *network); /* accepts NULL */

/* The class that logits decide for: the first of the largest. */
static inline int32_t snn_index_of_largest(const float *values, int32_t count)
{
    int32_t best = 0;
    for (int32_t i = 1; i < count; i++) {
        best = values[i] > values[best] ? i : best;
    }
    return best;
}

#endif
