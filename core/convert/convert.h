/* From a trained network (graph) to a spiking network: recognise, calibrate, quantise.
 *
 *   draft      snn_draft_create: walks the graph once and turns every node into a population, folds it into a linear
 *              operator, or refuses it by name. The draft holds float weights and no scales yet.
 *   calibrate  snn_calibration_*: the largest |value| of every channel of every population over a calibration set.
 *   network    snn_draft_finish: scales folded into weights, weights quantised per target channel.
 */
#ifndef SNN_CONVERT_CONVERT_H
#define SNN_CONVERT_CONVERT_H

#include "core/convert/histogram.h"
#include "core/graph/evaluator.h"
#include "core/graph/graph.h"
#include "core/network/network.h"

typedef enum snn_scale_mode { SNN_SCALE_CHANNEL, SNN_SCALE_LAYER } snn_scale_mode;
typedef enum snn_form { SNN_FORM_FUSED, SNN_FORM_DECOMPOSED } snn_form;

/* How a product reads a residual stream: its integers, exactly, or spikes of relay neurons that track it. */
typedef enum snn_stream_reading { SNN_STREAMS_INTEGERS, SNN_STREAMS_SPIKES } snn_stream_reading;

/* Where the ranges of activations come from that the model quantises: its scales and zero points, or calibration as for
 * all others. */
typedef enum snn_range_source { SNN_RANGES_CALIBRATED, SNN_RANGES_QUANTISED } snn_range_source;

typedef struct snn_convert_options {
    snn_scale_mode scale;
    snn_form maxpool; /* one k-input maximum, or rows then columns */
    snn_weight_format format;
    snn_form layernorm; /* one neuron of all channels, or squares and quotients by the root of their mean */
    snn_form softmax;   /* one neuron of all channels, or exponentials and quotients by their sum */
    snn_form attention; /* one neuron of all tokens, or scores, softmax (in its own form) and mix */
    snn_stream_reading streams;
    snn_range_source ranges;
    snn_windows windows; /* steps 0: none */
} snn_convert_options;

/* What became of one node of the graph. PART: absorbed by the neurons of a pattern's root node. UNJUDGED: an error
 * ended the walk before it. */
typedef enum snn_verdict {
    SNN_VERDICT_UNJUDGED,
    SNN_VERDICT_NEURON,
    SNN_VERDICT_LINEAR,
    SNN_VERDICT_PART,
    SNN_VERDICT_FOLDED,
    SNN_VERDICT_REFUSED,
    SNN_VERDICT_COUNT
} snn_verdict;

typedef struct snn_node_report {
    snn_verdict verdict;
    char text[160]; /* "relu neurons [16,32,32]", "folded into conv1", or the reason of the refusal */
} snn_node_report;

typedef struct snn_draft snn_draft;

/* `reports`: [graph->node_count] of zeros, filled for every node, or NULL. Without reports the first node that cannot
 * be converted is an SNN_INPUT_ERROR naming it; with reports the walk goes on, and *draft is NULL if any was refused.
 * The graph must have passed snn_graph_infer and outlive the draft. */
snn_status snn_draft_create(const snn_graph *graph, const snn_convert_options *options, snn_node_report *reports,
                            snn_draft **draft);
void snn_draft_destroy(snn_draft *draft);

/* Channel maxima: one flat array of floats, so that ranks combine theirs by an elementwise maximum. The first half is
 * the largest |value| of each channel, the second half the largest -value, 0 of channels that are never negative. */
int64_t snn_draft_maxima_length(const snn_draft *draft);
/* Channels of all populations: half of that. */
int64_t snn_draft_channels(const snn_draft *draft);
/* Raises `maxima` (zeros at first) by the values of the evaluator's last run. */
void snn_draft_observe(const snn_draft *draft, const snn_evaluator *evaluator, float *maxima);

/* Counts the magnitudes of the last run, for a calibration by quantiles. Threads may call it at the same time. */
void snn_draft_count(const snn_draft *draft, const snn_evaluator *evaluator, snn_histogram *histogram);

/* What a population of neurons tracks in the evaluator's last run, `tracked` [positions][channels] of its shape; NaN in
 * channels that the trained network has multiplied by 0. False where the trained network has no such values.
 * Populations have the numbers that they have in the network. */
bool snn_draft_tracked(const snn_draft *draft, const snn_evaluator *evaluator, int32_t population, float *tracked);

/* How the network fires: what snn_draft_finish makes of the draft from now on. The format may differ from the options'
 * of its creation. */
void snn_draft_set_windows(snn_draft *draft, const snn_windows *windows, snn_weight_format format);

/* The network, from maxima over so many images, the first half of which may be quantiles instead. A channel that never
 * rose above 1e-5 gets scale 1. */
snn_status snn_draft_finish(snn_draft *draft, const float *maxima, int64_t images, snn_network **network);

#endif
