/* One timestep of a spiking network as an ordinary ONNX graph, which any runtime can run:
 *
 *     (image, t, states) -> (logits, states)
 *
 * `image` [N][channels][height][width] (or [N][channels]) are normalised pixels, as the trained network takes them; `t`
 * is the timestep, from 0. A state "state.NAME" goes in, "next.NAME" comes out and goes in at t + 1; what goes in at
 * t = 0 does not matter. Integers are added up in float64, which holds them exactly, whatever the order, so that the
 * logits of every timestep are those of the program, bit for bit.
 */
#ifndef SNN_IO_EXPORT_H
#define SNN_IO_EXPORT_H

#include "core/dynamics/schedule.h"
#include "core/network/network.h"

/* What a network without windows does not say itself. */
typedef struct snn_export_dynamics {
    int32_t timesteps;
    const float *eta; /* [timesteps] */
    snn_encoding encoding;
} snn_export_dynamics;

/* What was written. */
typedef struct snn_export_summary {
    int32_t timesteps, states;
} snn_export_summary;

/* Writes the network, whose rows are all there, to `path`. `dynamics` is not looked at if it has windows.
 * SNN_INPUT_ERROR names what ONNX cannot express exactly: float32 weights and the random encoding. */
snn_status snn_export_step(const snn_network *network, const snn_export_dynamics *dynamics, const char *path,
                           snn_export_summary *summary);

#endif
