/* The approximation experiment's results as a sealed HDF5 file, written function by function.
 *
 *     /steps                   int32 [reports], the T at which y is kept
 *     /lengths                 int32 [lengths], of windows
 *     /<function>              attributes alpha, beta, scale, formula
 *     /<function>/x            float32 [points]
 *     /<function>/target       float64 [points], f(x) / scale
 *     /<function>/<schedule>/<static or train>/y                           float32 [reports][points]
 *     /<function>/<schedule>/<static or train>/mean_error, maximum_error   float64 [timesteps], over the points
 *     /<function>/<window, tuned or overlap>/<static or train>/y                           float32 [lengths][points]
 *     /<function>/<window, tuned or overlap>/<static or train>/mean_error, maximum_error   float64 [lengths]
 *     /<function>/<window, tuned or overlap>/<static or train>/last_step                   float64 [lengths], sigma
 *     /<function>/<window, tuned or overlap>/<static or train>/ratio, margin, delay        float64, int32 [lengths]
 */
#ifndef SNN_LAB_APPROX_OUTPUT_H
#define SNN_LAB_APPROX_OUTPUT_H

#include <hdf5.h>

#include "io/config/config.h" /* SNN_PATH_BYTES */
#include "io/lab/approx/approx_network.h"

typedef struct snn_approx_output {
    char path[SNN_PATH_BYTES], temporary[SNN_PATH_BYTES];
    hid_t file;
} snn_approx_output;

/* Creates the file under its temporary name, for runs of so many steps. What follows ends with snn_approx_output_finish
 * or _abandon. */
snn_status snn_approx_output_begin(const char *path, int32_t timesteps, snn_approx_output *output);
snn_status snn_approx_output_add(snn_approx_output *output, const snn_approx_result *result);
/* Seals the file and gives it its name. On failure there is no file. */
snn_status snn_approx_output_finish(snn_approx_output *output);
void snn_approx_output_abandon(snn_approx_output *output);

#endif
