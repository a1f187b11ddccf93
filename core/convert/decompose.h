/* Internal to core/convert: normalisation, softmax and attention as several populations each. They give output 0. */
#ifndef SNN_CONVERT_DECOMPOSE_H
#define SNN_CONVERT_DECOMPOSE_H

#include "core/convert/recognition.h"

/* (x - mean) / sqrt(mean of (x - mean)^2 + epsilon) over channels, times gain, plus shift (constants, or NULL); with 0
 * for the mean unless `centred`. Takes x. */
snn_status snn_decompose_normalization(snn_recognition *recognition, snn_affine *x, bool centred, float epsilon,
                                       const float *gain, const float *shift);
/* Softmax of every position. Takes x, which is plain. */
snn_status snn_decompose_softmax(snn_recognition *recognition, snn_affine *x);
/* Attention of inputs 0 to 2 with channels last: scores, softmax, mix. */
snn_status snn_decompose_attention(snn_recognition *recognition);

#endif
