/* How far every layer of a network is from what it should be: from its function of what it receives, and from what the
 * trained network has there. Root mean squares over neurons and images, in units of the neurons' scales sigma:
 *
 *   own        y - f(x), after the last spike
 *   inherited  f(x) - f(x trained): what the errors of all layers before have done to it
 *   total      y - f(x trained)
 *   predicted  what `inherited` would be if the errors of the layer's sources, as large as they are, were independent
 * of each other: from weights and f alone
 *
 *   common     the mean of y - f(x trained) over the positions of a channel, of which pools and means are made: what
 *              independent errors of P positions would make is 1 / sqrt(P) of `total`
 *
 * The readout has no own error, its scale is 1.
 */
#ifndef SNN_LAB_LAYERS_MEASURE_H
#define SNN_LAB_LAYERS_MEASURE_H

#include "core/kernels/kernels.h"
#include "core/shard/shard.h"

typedef struct snn_layer {
    int32_t place; /* in the tapped network (layers_tap.h) */
    bool known;    /* the trained network has such values */
    int64_t count; /* neurons and images that were looked at */
    double signal; /* sums of squares: of f(x trained); of the readout's logits about the mean of an image's */
    double own, inherited, total, predicted;
    double own_magnitude; /* a sum of magnitudes */
    double common;        /* of [images][channels] */
    double *x;            /* [input positions][input channels] of the image in hand */
    float *y, *f;         /* [positions][channels], likewise, in units of y: the neurons' values and f(x) */
    double *squares;      /* [channels]: of the total error, in units of y */
    int64_t *counts;      /* [channels] */
    double *sums;         /* [channels]: of the total error of the image in hand, in units of y */
    int64_t predictions;  /* how many were made of it */
} snn_layer;

typedef struct snn_layers {
    const snn_network *network; /* tapped */
    const snn_kernels *kernels;
    snn_shard *shard;
    const float *eta; /* [timesteps], without windows */
    int32_t timesteps;
    snn_layer *layers; /* [count]: of the network before it was tapped, in its order */
    int32_t count;
    int32_t agreeing, images; /* whose largest logit is the trained network's */
} snn_layers;

/* `network`, `eta` and `place` (of snn_layers_tap, of `count` populations) must outlive *layers. `encoding`: without
 * windows. Clear *layers whatever comes of it. */
snn_status snn_layers_init(const snn_network *network, const int32_t *place, int32_t count, const float *eta,
                           int32_t timesteps, snn_encoding encoding, snn_layers *layers);
void snn_layers_clear(snn_layers *layers);

/* Runs an image; then `x`, `y` and `f` of the layers are its. `pixels` [height][width][channels], normalised. */
snn_status snn_layers_run(snn_layers *layers, const float *pixels);

/* Adds a layer's errors for the image that was run last. `trained` [positions][channels] of its shape, NaN where the
 * trained network has none. */
void snn_layers_compare(snn_layers *layers, int32_t layer, const float *trained);

/* After all images were compared: adds predictions for the image that was run last. */
snn_status snn_layers_predict(snn_layers *layers);

/* Root of the mean of a sum of squares of that layer, in units of sigma (0 if there is none). */
double snn_layer_rms(const snn_layers *layers, int32_t layer, double squares);
/* The same of the predictions, of which there are fewer. */
double snn_layer_predicted(const snn_layers *layers, int32_t layer);
double snn_layer_common(const snn_layers *layers, int32_t layer);

#endif
