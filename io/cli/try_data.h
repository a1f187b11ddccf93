/* Data sets come from strangers: each is read by another process before this one relies on it (io/hdf5/trial.h). */
#ifndef SNN_CLI_TRY_DATA_H
#define SNN_CLI_TRY_DATA_H

#include "io/config/config.h"

/* One process: the test data if `test`, the calibration images if `calibration`. A name that is not set is no matter.
 */
snn_status snn_try_data(const snn_config *config, bool test, bool calibration);

#endif
