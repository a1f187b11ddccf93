/* What a choice of dynamics is worth, measured on calibration images that had no part in the choice of the ranges. */
#ifndef SNN_CLI_TUNE_MEASURE_H
#define SNN_CLI_TUNE_MEASURE_H

#include "io/cli/tune/tune_data.h"

/* Dynamics to be tried: windows, or with steps 0 the synchronous exponential schedule with pixels taken directly. */
typedef struct snn_tune_choice {
    int32_t steps, delay;
    double ratio, margin;
    int32_t timesteps;
    double eta0, gamma;
    double quantile; /* of the magnitudes, that sigma is: 1, or one of snn_tune_quantiles */
    snn_weight_format format;
} snn_tune_choice;

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
