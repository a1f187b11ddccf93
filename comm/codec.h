/* Payload codecs: the planes of a packet in fewer bytes.
 *
 * A packet's planes lie as [step][frame], a *frame* being the planes of all images of the group for one step. A codec
 * first replaces the planes by something more predictable, from what both ends already know (`xor`: the difference to
 * the frame before), then zstd makes it short. Both ends keep the last frame of the block before; what they keep
 * depends on the planes only, not on how a packet was sent, so a packet may fall back to RAW at any time.
 */
#ifndef SNN_COMM_CODEC_H
#define SNN_COMM_CODEC_H

#include "comm/packet.h"

typedef struct snn_codec_state snn_codec_state;

/* For frames of up to `frame_bytes` and up to `steps` of them. SNN_CODEC_AUTO is refused: who creates has resolved it.
 */
snn_status snn_codec_state_create(snn_codec codec, size_t frame_bytes, int32_t steps, snn_codec_state **state);
void snn_codec_state_destroy(snn_codec_state *state); /* accepts NULL */

/* A new group of images: the frame before the first is all zeros. */
void snn_codec_begin_group(snn_codec_state *state);

/* Replaces the planes [steps][frame_bytes] in `payload` by their coded form if that is shorter. *bytes becomes the
 * payload's length, *used how it is coded: the state's codec or SNN_CODEC_RAW. */
snn_status snn_codec_encode(snn_codec_state *state, int32_t steps, size_t frame_bytes, uint8_t *payload, size_t *bytes,
                            snn_codec *used);

/* The planes of a payload that was coded with `used`; they stay valid until the next call and while `payload` does.
 * SNN_INTERNAL_ERROR if `used` is not what the other end can have used, or the payload does not decode to
 * steps * frame_bytes bytes. */
snn_status snn_codec_decode(snn_codec_state *state, snn_codec used, int32_t steps, size_t frame_bytes,
                            const uint8_t *payload, size_t bytes, const uint8_t **planes);

#endif
