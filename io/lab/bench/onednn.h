/* The peer that `snn_dist bench` compares with where it was found at configure time: oneDNN (version 2), a library of
 * float32 and int8 layers. An operator becomes its layer with its own choice of data layouts and algorithm, on one
 * thread; a nonlinearity that it can apply on the way (ReLU, GELU) is applied.
 */
#ifndef SNN_LAB_BENCH_ONEDNN_H
#define SNN_LAB_BENCH_ONEDNN_H

#include "core/network/network.h"

typedef enum snn_onednn_precision { SNN_ONEDNN_FLOAT32, SNN_ONEDNN_INT8, SNN_ONEDNN_PRECISIONS } snn_onednn_precision;

typedef struct snn_onednn snn_onednn;

/* "2.6.3"; NULL where the program was built without it. */
const char *snn_onednn_version(void);

/* One layer for `images` images at once. *layer is NULL where there is no counterpart: other operators than
 * convolution, dense and tokens, and whatever the library refuses. */
snn_status snn_onednn_create(const snn_operator *op, snn_neuron_kind neuron, int32_t images,
                             snn_onednn_precision precision, snn_onednn **layer);

/* Runs the layer once, in processor time. A snn_contestant's `run`. */
snn_status snn_onednn_run(void *layer, double *seconds);

void snn_onednn_destroy(snn_onednn *layer); /* accepts NULL */

#endif
