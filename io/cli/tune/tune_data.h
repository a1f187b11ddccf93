/* What the trained network says of the calibration images: every third one is held back, to measure with, ranges come
 * from the others. The test set is never looked at. */
#ifndef SNN_CLI_TUNE_DATA_H
#define SNN_CLI_TUNE_DATA_H

#include "core/kernels/kernels.h"
#include "io/cli/trained.h"

enum { SNN_TUNE_QUANTILES = 2 };
extern const double snn_tune_quantiles[SNN_TUNE_QUANTILES]; /* below 1 */

typedef struct snn_tune_data {
    snn_world *world;
    const snn_config *config;
    const snn_kernels *kernels;
    snn_trained trained;
    int64_t images;                       /* that the ranges come from */
    float *maxima;                        /* of these */
    float *quantiles[SNN_TUNE_QUANTILES]; /* the same with quantiles; NULL until they are asked for */
    int64_t thin;                         /* of the last of every three images, one in so many is held back */
    int32_t held;                         /* images held back */
    int32_t begin, end;                   /* of these, this rank's */
    int32_t classes;
    int64_t image_size;   /* values of an image */
    float *pixels;        /* [end - begin][height][width][channels] */
    float *logits;        /* [end - begin][classes], the trained network's */
    double variance;      /* of all logits */
    float *gap;           /* [held] between a trained network's largest logit and the one behind it, on every rank */
    uint64_t fingerprint; /* of model, images and what is not tuned */
} snn_tune_data;

/* Collective. Runs the trained network over the calibration images. snn_tune_data_close follows in any case. */
snn_status snn_tune_data_open(snn_world *world, const snn_config *config, bool quiet, snn_progress_mode progress,
                              snn_tune_data *data);
void snn_tune_data_close(snn_tune_data *data);

/* Collective. A second pass over the images, for choices with quantiles. *available: false where the network has so
 * many channels that counting would take too much memory. */
snn_status snn_tune_find_quantiles(snn_tune_data *data, bool *available);

#endif
