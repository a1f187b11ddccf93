/* Internal to core/convert: the draft of a network, populations with float weights and no scales, and how affine values
 * become populations of it. Recognisers fill it (recognition.h), calibration and quantisation read it. */
#ifndef SNN_CONVERT_DRAFT_H
#define SNN_CONVERT_DRAFT_H

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

/* Adds a population fed by `input` (taken) and gives its number; the name is made unique. */
snn_status snn_draft_add_population(snn_draft *draft, const char *name, snn_neuron_kind kind, snn_affine *input,
                                    snn_shape shape, int32_t value, snn_draft_population **population);
/* The population added last. */
static inline snn_draft_population *snn_draft_last(const snn_draft *draft)
{
    return &draft->populations[draft->population_count - 1];
}

/* Whether a term reads a stream, so that no product can be folded behind it. */
bool snn_draft_reads_stream(const snn_draft *draft, const snn_affine *affine);

/* Products read spikes. Replaces an affine value by a relay population that tracks it, unless it is the plain identity
 * of one spiking population already; `value` is the graph value that it stands for. */
snn_status snn_draft_relay_affine(snn_draft *draft, snn_affine *affine, int32_t value);
/* Makes every term plain, so that several populations or a n-ary one can read the value: an affine value with operators
 * becomes a stream, which keeps it exactly. The constant part stays with the affine value. */
snn_status snn_draft_stream_affine(snn_draft *draft, snn_affine *affine, int32_t value);
/* Makes the affine value a stream of that name, whatever it is; the constant part stays with it. */
snn_status snn_draft_add_stream(snn_draft *draft, const char *name, snn_affine *affine, int32_t value);
/* Before it is added to something: what of a stream is scaled, pooled or cut comes through a relay, because products
 * can be added to whole streams only. */
snn_status snn_draft_relay_cut_streams(snn_draft *draft, snn_affine *affine, int32_t value);

#endif
