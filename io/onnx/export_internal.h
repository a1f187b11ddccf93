/* The parts of an exported timestep: products of projections (export_products.c), functions of neurons
 * (export_functions.c, in the words of export_arithmetic.h), and what happens in a timestep (export.c). All arrays are
 * [N][channels][height][width]: float64 where they are whole numbers, float32 where the program has floats. */
#ifndef SNN_IO_EXPORT_INTERNAL_H
#define SNN_IO_EXPORT_INTERNAL_H

#include "core/network/network.h"
#include "io/onnx/onnx_build.h"

/* What a projection adds to all input channels of its target. `source`: its source's values, whole numbers. `shift`:
 * by which sums are rounded. SNN_INTERNAL_ERROR if rows are missing. */
snn_status snn_export_product(snn_onnx_build *build, const snn_network *network, const snn_projection *projection,
                              snn_onnx_value source, int32_t shift, snn_onnx_value *product);

/* f(x) of a spiking population; of its kinds that read several channels (export_nary.c), and of the unary ones that go
 * through exponentials (export_exponentials.c). */
snn_onnx_value snn_export_function(snn_onnx_build *build, const snn_population *population, snn_onnx_value x);
snn_onnx_value snn_export_nary(snn_onnx_build *build, const snn_population *population, snn_onnx_value x);
snn_onnx_value snn_export_exponential(snn_onnx_build *build, snn_neuron_kind kind, float alpha, float beta,
                                      snn_onnx_value x);
/* e^x */
snn_onnx_value snn_export_exp(snn_onnx_build *build, snn_onnx_value x);

/* floor(a + 1/2), of float64. */
snn_onnx_value snn_export_nearest(snn_onnx_build *build, snn_onnx_value a);

/* One value for each channel, [1][channels][1][1]. */
snn_onnx_value snn_export_channels(snn_onnx_build *build, const float *values, int32_t channels);

#endif
