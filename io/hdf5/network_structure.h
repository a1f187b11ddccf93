/* The structure of a network (everything but weights) and its origin as HDF5 groups, in a file or in memory.
 *
 *     /                  attributes: version, name, weight format, image shape, classes, origin
 *     /populations/<i>   attributes: name, kind, alpha, shapes, window; data sets scale, step, bias
 *     /projections/<i>   attributes: ends, kind and geometry of the operator
 */
#ifndef SNN_IO_NETWORK_STRUCTURE_H
#define SNN_IO_NETWORK_STRUCTURE_H

#include <hdf5.h>

#include "io/hdf5/network_file.h"

snn_status snn_network_structure_write(hid_t file, const snn_network *network, const snn_network_origin *origin);

/* Checks what it read with snn_network_check. */
snn_status snn_network_structure_read(hid_t file, snn_network **network, snn_network_origin *origin);

#endif
