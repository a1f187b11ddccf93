/* Image data sets in HDF5: `images` (uint8 or float32; attribute `layout`) and `labels` (integers). */
#ifndef SNN_IO_DATASET_H
#define SNN_IO_DATASET_H

#include "core/network/network.h"
#include "io/config/config.h"

typedef struct snn_dataset snn_dataset;

/* Opens read-only (each rank by itself). `layout` SNN_LAYOUT_AUTO takes the attribute, and without one NHW for rank 3,
 * vectors of features (1 x 1 x features) for rank 2 or an error for rank 4. A layout given wins over the attribute.
 * mean/std: 1 value for all channels or one per channel; normalised = (pixel / 255 - mean) / std for uint8, (pixel -
 * mean) / std for float32; counts of 0 mean 0 and 1. Labels are required when `labels` is set.
 */
snn_status snn_dataset_open(const char *path, snn_layout layout, const double *mean, int32_t mean_count,
                            const double *std, int32_t std_count, bool labels, snn_dataset **dataset);
int64_t snn_dataset_images(const snn_dataset *dataset);
snn_shape snn_dataset_shape(const snn_dataset *dataset);

/* SNN_INPUT_ERROR unless images have the shape the network wants and labels of the first `images` images lie in
 * [0, classes) (names file, data set and the first offending image; what was expected, what was found). */
snn_status snn_dataset_check(const snn_dataset *dataset, snn_shape input, int32_t classes, int64_t images);

/* Normalised pixels of images [first, first + count). `channels_first` gives [image][channel][row][column] (the trained
 * network's order), otherwise [image][row][column][channel] (the spiking network's). */
snn_status snn_dataset_read(const snn_dataset *dataset, int64_t first, int64_t count, bool channels_first,
                            float *pixels);
/* Labels of [first, first + count). */
snn_status snn_dataset_labels(const snn_dataset *dataset, int64_t first, int64_t count, int32_t *labels);

void snn_dataset_close(snn_dataset *dataset);

/* Opens it and has HDF5 do all that reading it takes: the whole index, the first and the last image and label. Damaged
 * files may make HDF5 end the process or never come back (io/hdf5/trial.h). */
snn_status snn_dataset_try(const char *path, snn_layout layout, bool labels);

#endif
