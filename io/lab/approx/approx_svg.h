/* One function's approximation as a picture: f and y over x, the error below, and how its mean falls with time. */
#ifndef SNN_LAB_APPROX_SVG_H
#define SNN_LAB_APPROX_SVG_H

#include "io/lab/approx/approx_network.h"

/* Writes the picture, complete or not at all. */
snn_status snn_approx_svg_write(const char *path, const snn_approx_result *result);

#endif
