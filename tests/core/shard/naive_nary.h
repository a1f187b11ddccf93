/* f of the neurons of several inputs, one output at a time. */
#ifndef SNN_TESTS_NAIVE_NARY_H
#define SNN_TESTS_NAIVE_NARY_H

#include "core/network/network.h"

/* `x` [positions][input channels] of one image. The order of sums is the one that core/kernels/nary.h promises. */
float naive_nary(const snn_population *population, const float *x, int64_t position, int32_t channel);

#endif
