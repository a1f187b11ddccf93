/* Internal to core/convert: the recognisers of ONNX's operators, by family. */
#ifndef SNN_CONVERT_RECOGNISE_H
#define SNN_CONVERT_RECOGNISE_H

#include "core/convert/recognition.h"

/* The families of recognisers, one file each; NULL for operators that are not the family's own. */
snn_recogniser snn_recogniser_product(const char *operator_name);
snn_recogniser snn_recogniser_arithmetic(const char *operator_name);
snn_recogniser snn_recogniser_average(const char *operator_name);
snn_recogniser snn_recogniser_neuron(const char *operator_name);
snn_recogniser snn_recogniser_normalise(const char *operator_name);
snn_recogniser snn_recogniser_softmax(const char *operator_name);
snn_recogniser snn_recogniser_movement(const char *operator_name);
snn_recogniser snn_recogniser_parts(const char *operator_name);
snn_recogniser snn_recogniser_maximum(const char *operator_name);
snn_recogniser snn_recogniser_attention(const char *operator_name);
snn_recogniser snn_recogniser_quantised(const char *operator_name);

/* Notes the ranges in which the model quantises what populations track. */
void snn_draft_find_quantised_ranges(snn_draft *draft);

#endif
