/* The trained network at work in a verb: reading the model, calibrating it, evaluating it on the test set; shared out
 * over ranks by images. */
#ifndef SNN_CLI_TRAINED_H
#define SNN_CLI_TRAINED_H

#include "comm/world.h"
#include "core/convert/convert.h"
#include "io/cli/progress.h"
#include "io/config/config.h"
#include "io/hdf5/dataset.h"
#include "io/hdf5/network_file.h"

typedef struct snn_trained {
    snn_graph *graph; /* NULL on ranks that do not evaluate (models too large to be held by every rank) */
    snn_draft *draft;
    int32_t evaluators, evaluator; /* how many ranks evaluate; which of them this one is, or -1 */
    uint64_t hash;                 /* of the model file */
    bool quiet;
    snn_progress_mode progress;
} snn_trained;

/* How the config wants a model converted. */
snn_convert_options snn_trained_options(const snn_config *config);

/* model.onnx converted with scales that are made up, for who asks what a network costs and not what it computes. On one
 * rank alone. */
snn_status snn_trained_uncalibrated(const snn_config *config, snn_network **network);

/* Collective. Reads model.onnx and drafts its conversion. `everywhere`: on all ranks, however large the model is. */
snn_status snn_trained_open(snn_world *world, const snn_config *config, bool everywhere, bool quiet,
                            snn_progress_mode progress, snn_trained *trained);

/* What is done with one image that an evaluator has just run; `image` is its number. Threads call it side by side. */
typedef struct snn_image_visitor {
    void (*visit)(void *context, int32_t thread, int64_t image, const snn_evaluator *evaluator);
    void *context;
    bool keep_all; /* values of all nodes, not of the output alone */
    const char *what;
} snn_image_visitor;

/* This rank's images of [0, images): [*begin, *end), none on ranks that do not evaluate. */
void snn_trained_share(const snn_trained *trained, int64_t images, int64_t *begin, int64_t *end);

/* Visits this rank's images of [0, images). */
snn_status snn_trained_visit(const snn_trained *trained, const snn_dataset *dataset, int64_t images,
                             const snn_image_visitor *visitor);

/* data.calibration, and how many of its images count. On every rank. */
snn_status snn_trained_calibration(const snn_config *config, const snn_trained *trained, snn_dataset **dataset,
                                   int64_t *images);

/* Collective. Calibrates on data.calibration and converts. *network is given on rank 0, NULL elsewhere; `origin` on
 * rank 0. */
snn_status snn_trained_convert(snn_world *world, const snn_config *config, const snn_trained *trained,
                               snn_network **network, snn_network_origin *origin);

/* Collective. The trained network's predictions of images [0, images), on every rank; -1 stays where it failed. */
snn_status snn_trained_predict(snn_world *world, const snn_trained *trained, const snn_dataset *dataset, int64_t images,
                               int32_t *predictions);

void snn_trained_close(snn_trained *trained);

#endif
