/* What a choice of dynamics is worth, measured on calibration images that had no part in the choice of the ranges:
 * every third image is held back, ranges come from the others. The test set is never looked at. */
#ifndef SNN_CLI_TUNE_MEASURE_H
#define SNN_CLI_TUNE_MEASURE_H

#include "core/kernels/kernels.h"
#include "io/cli/trained.h"

/* Dynamics to be tried: windows, or with steps 0 the synchronous exponential schedule with pixels taken directly. */
typedef struct snn_tune_choice {
    int32_t steps, delay;
    double ratio, margin;
    int32_t timesteps;
    double eta0, gamma;
    double quantile; /* of the magnitudes, that sigma is: 1, or one of snn_tune_quantiles */
    snn_weight_format format;
} snn_tune_choice;

enum { SNN_TUNE_QUANTILES = 2 };
extern const double snn_tune_quantiles[SNN_TUNE_QUANTILES]; /* below 1 */

typedef struct snn_tune_result {
    int32_t images;    /* measured with */
    int32_t latency;   /* timesteps */
    int32_t spikes;    /* of a neuron and image */
    double error;      /* mean square of logits' differences from the trained network's, relative to their variance */
    double agreement;  /* expected share of equal answers: see snn_tune_measure */
    double agreed;     /* share of equal answers among the images */
    double operations; /* signed additions of an image */
    double seconds;    /* of an image, on the slowest rank; differs from run to run */
} snn_tune_result;

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

/* Collective. Converts, and runs up to `images` of the held images. Few images tell little by counting, so the expected
 * agreement is computed: the logits' errors of every image, as they scatter, against the gaps of all others. */
snn_status snn_tune_measure(const snn_tune_data *data, const snn_tune_choice *choice, int32_t images,
                            snn_tune_result *result);

/* Spikes of a neuron and image: a window's steps, or all timesteps. */
int32_t snn_tune_spikes(const snn_tune_choice *choice);

/* Latency of the choice, timesteps, without measuring. `depth`: of the network. */
int32_t snn_tune_latency(const snn_tune_choice *choice, int32_t depth);

/* Depth of the network: populations on its longest path. On every rank. */
snn_status snn_tune_depth(const snn_tune_data *data, int32_t *depth);

#endif
