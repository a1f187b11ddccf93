/* How pixels are normalised, by the name under which training scripts know it: data.normalisation. */
#ifndef SNN_IO_NORMALISATION_H
#define SNN_IO_NORMALISATION_H

#include <stdint.h>

typedef enum snn_normalisation {
    SNN_NORMALISATION_GIVEN, /* by numbers: data.mean and data.std */
    SNN_NORMALISATION_NONE,  /* pixel / 255 as it is */
    SNN_NORMALISATION_IMAGENET,
    SNN_NORMALISATION_INCEPTION,
    SNN_NORMALISATION_CLIP,
    SNN_NORMALISATION_CIFAR10,
    SNN_NORMALISATION_CIFAR100,
    SNN_NORMALISATION_MNIST
} snn_normalisation;

enum { SNN_NORMALISATION_CHANNELS = 3 };

/* Mean and standard deviation of pixel / 255, of each channel or (count 1) of all. */
typedef struct snn_normalisation_values {
    int32_t count;
    double mean[SNN_NORMALISATION_CHANNELS], std[SNN_NORMALISATION_CHANNELS];
} snn_normalisation_values;

/* Those of a name; count 0 for SNN_NORMALISATION_GIVEN. */
snn_normalisation_values snn_normalisation_find(snn_normalisation normalisation);

#endif
