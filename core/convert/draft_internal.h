/* Internal to core/convert: the draft, shared by the recognisers, calibration and quantisation. */
#ifndef SNN_CONVERT_DRAFT_INTERNAL_H
#define SNN_CONVERT_DRAFT_INTERNAL_H

#include "core/convert/affine.h"
#include "core/convert/convert.h"
#include "core/convert/patterns.h"

/* What a population tracks of the graph's value that gives its scale. The last two take each of its groups of channels
 * by itself. */
typedef enum snn_tracked {
    SNN_TRACKED_VALUE,
    SNN_TRACKED_SQUARE,
    SNN_TRACKED_CENTRED_SQUARE, /* (value - mean)^2 */
    SNN_TRACKED_EXPONENTIAL     /* exp(value - largest) */
} snn_tracked;

/* A population to be: its decoded input is `input`, its scale comes from the graph's value `value`. */
typedef struct snn_draft_population {
    char *name;
    snn_neuron_kind kind;
    snn_shape shape;
    snn_window window;
    float alpha, beta;
    int32_t groups;
    snn_affine input;
    int32_t value;           /* graph value whose channel maxima give the scale */
    snn_affine value_layout; /* shape and order of that value (no terms) */
    int32_t *value_map;      /* the value's element for each of the layout's, position by position; NULL; owned */
    snn_tracked tracked;
    /* The population tracks (value - shift) / gain; NULL for 1 and 0. Constants of the graph, per channel. */
    const float *value_gain, *value_shift;
    float *own_constants; /* what they point to if it is not the graph's; owned */
    int32_t mean_of;      /* a stream that keeps the mean over channels of this stream (centring.h); -1: none */
    float quantised_low, quantised_high; /* the range that the model quantises it in, if that is asked for; or 0 */
    int64_t maxima;                      /* where its channels begin in the flat array of maxima */
} snn_draft_population;

struct snn_draft {
    const snn_graph *graph;
    snn_convert_options options;
    snn_pattern_match *matches; /* [graph->node_count] */
    snn_affine *affines;        /* [graph->value_count] */
    int32_t *uses;              /* [graph->value_count] inputs of live nodes that still want the affine value */
    snn_draft_population *populations;
    int32_t population_count;
    size_t population_capacity;
    int64_t maxima_length;
};

/* One node being converted. */
typedef struct snn_recognition {
    snn_draft *draft;
    const snn_node *node;             /* of the graph, or what stands for a pattern */
    const snn_pattern_match *pattern; /* NULL for an ordinary node */
    snn_verdict verdict;              /* set by the recogniser; NEURON or LINEAR */
    char text[160];
} snn_recognition;

/* Turns one node into populations or affines. SNN_INPUT_ERROR with the reason when it cannot. */
typedef snn_status (*snn_recogniser)(snn_recognition *recognition);

/* The recogniser of an ONNX operator, or NULL. */
snn_recogniser snn_recogniser_find(const char *operator_name);
/* The families of recognisers, one file each; NULL for operators that are not the family's own. */
snn_recogniser snn_recogniser_product(const char *operator_name);
snn_recogniser snn_recogniser_arithmetic(const char *operator_name);
snn_recogniser snn_recogniser_average(const char *operator_name);
snn_recogniser snn_recogniser_neuron(const char *operator_name);
snn_recogniser snn_recogniser_normalise(const char *operator_name);
snn_recogniser snn_recogniser_nary(const char *operator_name);
snn_recogniser snn_recogniser_movement(const char *operator_name);
snn_recogniser snn_recogniser_parts(const char *operator_name);
snn_recogniser snn_recogniser_reduce(const char *operator_name);
snn_recogniser snn_recogniser_maximum(const char *operator_name);
snn_recogniser snn_recogniser_attention(const char *operator_name);
snn_recogniser snn_recogniser_quantised(const char *operator_name);

/* A family's table, and the look-up in it. */
typedef struct snn_recogniser_entry {
    const char *operator_name;
    snn_recogniser recogniser;
} snn_recogniser_entry;
snn_recogniser snn_recogniser_in(const snn_recogniser_entry *table, size_t count, const char *operator_name);

/* The tensor of the node's input or output number i. */
const snn_tensor *snn_recognition_input(const snn_recognition *recognition, int32_t i);
const snn_tensor *snn_recognition_output(const snn_recognition *recognition, int32_t i);
/* True if input i is given and constant / is an activation. */
bool snn_recognition_is_constant(const snn_recognition *recognition, int32_t i);
bool snn_recognition_is_activation(const snn_recognition *recognition, int32_t i);

/* Constant float32 operand i; refuses one that depends on the image. */
snn_status snn_recognition_constant(const snn_recognition *recognition, int32_t i, const snn_tensor **tensor);
/* Refuses a value whose leading axis, the batch, is not 1: several images in one. */
snn_status snn_recognition_one_image(const snn_tensor *tensor);
/* The shape of an image [1,C,H,W]; refuses other ranks and several images. */
snn_status snn_recognition_image_shape(const snn_tensor *tensor, snn_shape *shape);
/* What `snn_dist check` says of the node. */
void snn_recognition_describe(snn_recognition *recognition, const char *text);

/* Gives the caller the affine value of the node's input i: moved for its last use, copied otherwise. */
snn_status snn_draft_take(snn_recognition *recognition, int32_t i, snn_affine *affine);
/* The same with terms behind which a product can be folded: plain ones that read spikes, through a relay if need be. */
snn_status snn_draft_take_spikes(snn_recognition *recognition, int32_t i, snn_affine *affine);
/* The same, but a stream may stand in it: for products that can read its integers. A pooled or scaled one becomes a
 * stream of its own. */
snn_status snn_draft_take_factor(snn_recognition *recognition, int32_t i, snn_affine *affine);
/* Stores the affine value of output 0 (takes it); snn_draft_give_output: of output i. */
void snn_draft_give_output(snn_recognition *recognition, int32_t i, snn_affine *affine);
void snn_draft_give(snn_recognition *recognition, snn_affine *affine);
/* Gives the value as output 0 if `status` is fine, clears it otherwise; returns `status`. */
snn_status snn_draft_conclude(snn_recognition *recognition, snn_affine *affine, snn_status status);

/* Products read spikes. Replaces input i by a relay population that tracks it, unless it is the plain identity of one
 * spiking population already. */
snn_status snn_draft_relay(snn_recognition *recognition, int32_t i);
/* The same for an affine value in hand; `value` is the graph value that it stands for. */
snn_status snn_draft_relay_affine(snn_draft *draft, snn_affine *affine, int32_t value);
/* Makes every term plain, so that several populations or a n-ary one can read the value: an affine value with operators
 * becomes a stream, which keeps it exactly. The constant part stays with the affine value. */
snn_status snn_draft_stream_affine(snn_draft *draft, snn_affine *affine, int32_t value);
/* Whether a term reads a stream, so that no product can be folded behind it. */
bool snn_draft_reads_stream(const snn_draft *draft, const snn_affine *affine);
/* Makes the affine value a stream of that name, whatever it is; the constant part stays with it. */
snn_status snn_draft_add_stream(snn_draft *draft, const char *name, snn_affine *affine, int32_t value);
/* Before it is added to something: what of a stream is scaled, pooled or cut comes through a relay, because products
 * can be added to whole streams only. */
snn_status snn_draft_relay_cut_streams(snn_draft *draft, snn_affine *affine, int32_t value);
/* Sees to it that input i has this shape and order, through a relay and a gather if need be. */
snn_status snn_draft_require_layout(snn_recognition *recognition, int32_t i, snn_shape shape, snn_order order);
/* Gives inputs i and j one layout: by other labels for rows and columns where that is enough, else through relays. */
snn_status snn_draft_align_layouts(snn_recognition *recognition, int32_t i, int32_t j);
/* Neurons of a function of one activation, input i. */
snn_status snn_recognise_unary(snn_recognition *recognition, int32_t i, snn_neuron_kind kind, float alpha, float beta);
/* value <- sign * value + constant_sign * constant; `values` as from snn_arrange_constant. */
snn_status snn_recognise_add_constant(snn_affine *affine, const float *values, bool per_channel, float sign,
                                      float constant_sign);
/* Averages of input 0 over windows of positions. */
snn_status snn_recognise_average(snn_recognition *recognition, const snn_window *window, bool count_padding);
/* A neuron of two activations: SNN_NEURON_PRODUCT or SNN_NEURON_QUOTIENT of inputs 0 and 1. */
snn_status snn_recognise_binary(snn_recognition *recognition, snn_neuron_kind kind);
/* The matrix product of inputs 0 and 1, both activations. */
snn_status snn_recognise_matrix_product(snn_recognition *recognition);
/* Input i laid out so that its last axis, or axis number `axis`, runs over channels. */
snn_status snn_recognise_channels_last(snn_recognition *recognition, int32_t i);
snn_status snn_recognise_channels_along(snn_recognition *recognition, int32_t i, int32_t axis);
/* Operand i of the pattern Attention as [token][head, channel of the head], with zeros for tokens that it has not. */
snn_status snn_recognise_take_operand(snn_recognition *recognition, int32_t i, snn_affine *affine);
/* Tells the population added last, of the pattern Attention, how its value lies: [head][query][token] (scores) or the
 * pattern's result. */
snn_status snn_recognise_place_scores(snn_recognition *recognition);
snn_status snn_recognise_place_result(snn_recognition *recognition);
/* Its tokens attend to those of their window, where the pattern has several. */
void snn_recognise_set_window(snn_recognition *recognition);
/* Gives the pattern's output 0 from what its last population makes, [token][head, channel of the head]. */
snn_status snn_recognise_give_attention(snn_recognition *recognition, snn_affine *affine);
/* Input i with plain terms. */
snn_status snn_recognise_take_decoded(snn_recognition *recognition, int32_t i, snn_affine *affine);
/* A population over `input` (taken), whose outputs are laid out like `shape` and the input's order; given as output 0.
 */
snn_status snn_recognise_nary(snn_recognition *recognition, snn_neuron_kind kind, snn_affine *input, snn_shape shape,
                              float alpha, int32_t groups);

/* Forms of several populations (decompose.c); they give output 0.
 * (x - mean) / sqrt(mean of (x - mean)^2 + epsilon) over channels, times gain, plus shift (constants, or NULL); with 0
 * for the mean unless `centred`. Takes x. */
snn_status snn_decompose_normalization(snn_recognition *recognition, snn_affine *x, bool centred, float epsilon,
                                       const float *gain, const float *shift);
/* Softmax of every position. Takes x, which is plain. */
snn_status snn_decompose_softmax(snn_recognition *recognition, snn_affine *x);
/* Attention of inputs 0 to 2 with channels last: scores, softmax, mix. */
snn_status snn_decompose_attention(snn_recognition *recognition);

/* Notes the ranges in which the model quantises what populations track. */
void snn_draft_find_quantised_ranges(snn_draft *draft);

/* True if elements run alike: same shape, and the same order or one that makes no difference. */
bool snn_affine_layout_is(const snn_affine *affine, snn_shape shape, snn_order order);

/* Adds a population fed by `input` (taken) and gives its number; the name is made unique. */
snn_status snn_draft_add_population(snn_draft *draft, const char *name, snn_neuron_kind kind, snn_affine *input,
                                    snn_shape shape, int32_t value, snn_draft_population **population);

#endif
