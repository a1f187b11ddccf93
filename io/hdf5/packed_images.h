/* Images that lie in a data set one by one, packed by gzip: HDF5 would unpack one after the other, while all but one of
 * a rank's threads wait. */
#ifndef SNN_IO_PACKED_IMAGES_H
#define SNN_IO_PACKED_IMAGES_H

#include "io/hdf5/dataset_internal.h"

/* Whether the data set's images do: chunks of one image, deflated and nothing else, of a type that needs no conversion.
 */
bool snn_packed_images_found(const snn_dataset *dataset);

/* Images [first, first + count) of such a data set, as they are, by all threads. False where anything is not as it
 * should be, damaged or never written: reading through HDF5 fills it in, or says what is wrong. */
bool snn_packed_images_read(const snn_dataset *dataset, int64_t first, int64_t count, void *pixels);

#endif
