/* Internal to core/convert: the axes of ReduceMean, ReduceSum, ReduceMax and ReduceMin as rows, columns and channels.
 */
#ifndef SNN_CONVERT_REDUCTION_H
#define SNN_CONVERT_REDUCTION_H

#include "core/convert/recognition.h"

typedef struct snn_reduction {
    bool rows, columns, channels;
} snn_reduction;

/* Reads the node's axes and lays its input 0 out so that each of rows, columns and channels is reduced or kept. */
snn_status snn_reduction_read(snn_recognition *recognition, snn_reduction *reduction);

/* The positions that are reduced, of a value of that shape. */
snn_window snn_reduction_window(const snn_reduction *reduction, snn_shape shape);

#endif
