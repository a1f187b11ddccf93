/* The open data set, for dataset_open.c (files, types, layouts) and dataset.c (pixels and labels). */
#ifndef SNN_IO_DATASET_INTERNAL_H
#define SNN_IO_DATASET_INTERNAL_H

#include <hdf5.h>

#include "io/hdf5/dataset.h"

struct snn_dataset {
    char *path;
    hid_t file, images, labels; /* labels is negative if they were not asked for */
    int rank;
    hsize_t dims[H5S_MAX_RANK]; /* of `images` */
    bool bytes;                 /* uint8, otherwise float32 */
    bool packed;                /* one by one, by gzip (io/hdf5/packed_images.h) */
    snn_shape shape;
    int64_t row_stride, column_stride, channel_stride; /* elements of `images` */
    float *mean, *std;                                 /* [shape.channels] */
};

/* Elements [first, first + count) of `images`, as they are in the file, and of `labels`, as int64_t. */
snn_status snn_dataset_read_pixels(const snn_dataset *dataset, int64_t first, int64_t count, void *pixels);
snn_status snn_dataset_read_labels(const snn_dataset *dataset, int64_t first, int64_t count, int64_t *labels);

#endif
