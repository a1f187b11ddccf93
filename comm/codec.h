/* Payload codecs: the planes of a packet in fewer bytes.
 *
 * A packet's planes lie as [step][frame], a *frame* being the planes of all images of the group for one step. A codec
 * first replaces the planes by something more predictable, from what both ends already know, then makes it short:
 *   raw      the planes
 *   zstd     zstd of the planes
 *   xor      zstd of the difference to the frame before
 *   context  sorts spikes by what the neuron did before (codec_context.h), then zstd
 * Spikes of windows are whole windows: the steps of each neuron together are a number. There
 *   zstd     compresses these, a byte for 8 steps
 *   context  codes them by what neighbouring neurons are (codec_windows.h)
 * and xor, which has no frame before to go by, is zstd.
 * Without windows both ends keep what the codec needs of the blocks before: the last frame (xor), 2.4 bytes a neuron
 * and image (context). It depends on the planes only, not on how a packet was sent, so a packet may fall back to RAW at
 * any time, and it begins anew with every group of images.
 */
#ifndef SNN_COMM_CODEC_H
#define SNN_COMM_CODEC_H

#include <stdbool.h>

#include "comm/packet.h"

typedef struct snn_codec_state snn_codec_state;

/* Of blocks, at most. */
typedef struct snn_codec_shape {
    size_t frame_bytes;
    int32_t steps;
    bool windows; /* a block holds whole windows */
    /* Windows: neurons from one to the same channel one position before, and to another of its neighbours before, such
     * as that one row above. Both at least 1. */
    size_t near, far;
} snn_codec_shape;

/* SNN_CODEC_AUTO is refused: who creates has resolved it. So is SNN_CODEC_XOR of windows. The workspace must outlive
 * the state; it is used from call to call, by one thread at a time. */
snn_status snn_codec_state_create(snn_codec codec, const snn_codec_shape *shape, snn_codec_workspace *workspace,
                                  snn_codec_state **state);
void snn_codec_state_destroy(snn_codec_state *state); /* accepts NULL */

/* Bytes that a state keeps for each neuron and image; of SNN_CODEC_AUTO those of the codec that keeps most. */
double snn_codec_state_bytes(snn_codec codec);

/* A new group of images: nothing is known of frames before the first. */
void snn_codec_begin_group(snn_codec_state *state);

/* A block of a packet: steps [first_step, + steps) of the group. */
typedef struct snn_codec_block {
    int32_t first_step, steps;
    size_t frame_bytes;
} snn_codec_block;

/* Replaces the planes [steps][frame_bytes] in `payload` by their coded form if that is shorter. *bytes becomes the
 * payload's length, *used how it is coded: the state's codec or SNN_CODEC_RAW. */
snn_status snn_codec_encode(snn_codec_state *state, const snn_codec_block *block, uint8_t *payload, size_t *bytes,
                            snn_codec *used);

/* The planes of a payload that was coded with `used`; they stay valid while `payload` does and until the next call with
 * the same workspace. SNN_INTERNAL_ERROR if `used` is not what the other end can have used, or the payload does not
 * decode to steps * frame_bytes bytes. */
snn_status snn_codec_decode(snn_codec_state *state, snn_codec used, const snn_codec_block *block,
                            const uint8_t *payload, size_t bytes, const uint8_t **planes);

#endif
