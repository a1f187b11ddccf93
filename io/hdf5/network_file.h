/* Converted networks in HDF5: structure small and read whole, weights in one data set per projection, read by rows. */
#ifndef SNN_IO_NETWORK_FILE_H
#define SNN_IO_NETWORK_FILE_H

#include <stddef.h>

#include "core/network/network.h"

/* What the network was made from and with; copied into outputs. */
typedef struct snn_network_origin {
    char model[256];     /* file name */
    uint64_t model_hash; /* XXH3 of the ONNX file */
    uint64_t calibration_hash;
    int64_t calibration_images;
    uint64_t content_hash; /* snn_network_hash of what was made */
    char settings[512];    /* scale mode, forms, weight format as text */
} snn_network_origin;

/* Writes a full network, sealed. */
snn_status snn_network_file_write(const char *path, const snn_network *network, const snn_network_origin *origin);

/* Reads structure and origin (no weights). Verifies the seal. */
snn_status snn_network_file_read(const char *path, snn_network **network, snn_network_origin *origin);

/* A network file of which weights are read: opened once, however many projections there are, because thousands of
 * ranks ask the same file server. The seal is not looked at again. */
typedef struct snn_network_file snn_network_file;
snn_status snn_network_file_open(const char *path, snn_network_file **file);
void snn_network_file_close(snn_network_file *file); /* accepts NULL */

/* Reads weight rows [begin, end) of one projection into the network that snn_network_file_read gave. */
snn_status snn_network_file_read_rows(const snn_network_file *file, snn_network *network, int32_t projection,
                                      int32_t begin, int32_t end);

/* Structure, origin and all weights. */
snn_status snn_network_file_read_whole(const char *path, snn_network **network, snn_network_origin *origin);

/* The structure (no weights) as bytes, for a broadcast, and back: an HDF5 file image in memory, so that there is one
 * serialisation. snn_release the bytes. */
snn_status snn_network_image_write(const snn_network *network, const snn_network_origin *origin, void **bytes,
                                   size_t *count);
snn_status snn_network_image_read(const void *bytes, size_t count, snn_network **network, snn_network_origin *origin);

#endif
