/* Spike packets: the bits of one edge for one item, packed, coded, checked.
 *
 * An edge carries channels [begin, end) of a source population. Its bits for (step, image) are one *plane*: positions x
 * channels bits without gaps, least significant bit first, padded with zeros to a whole byte. If the source is a
 * stream, a plane holds its integers instead (comm/integers.h), with windows what they are more than a step before. A
 * packet holds the planes of a block, [step][image][plane bytes]; the codec works on that array. Header fields are
 * little-endian.
 */
#ifndef SNN_COMM_PACKET_H
#define SNN_COMM_PACKET_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/network/spikes.h"
#include "core/network/sums.h"

typedef enum snn_codec {
    SNN_CODEC_RAW,
    SNN_CODEC_ZSTD,
    SNN_CODEC_XOR,
    SNN_CODEC_CONTEXT,
    SNN_CODEC_AUTO,
    SNN_CODEC_COUNT
} snn_codec;

/* "raw", "zstd", "xor", "context", "auto": as in the configuration. */
const char *snn_codec_name(snn_codec codec);
/* SNN_INPUT_ERROR lists the names. */
snn_status snn_codec_parse(const char *name, snn_codec *codec);

/* Memory that the coders of a rank share, because they work one at a time. eta [timesteps]: the step sizes of the run,
 * or of a window, from which the codec `context` knows how y moves. Outlives the coders. */
typedef struct snn_codec_workspace snn_codec_workspace;
snn_status snn_codec_workspace_create(const float *eta, int32_t timesteps, snn_codec_workspace **workspace);
void snn_codec_workspace_destroy(snn_codec_workspace *workspace); /* accepts NULL */

enum { SNN_PACKET_MAGIC = 0x314b5053, SNN_PACKET_VERSION = 3 }; /* "SPK1" */

/* What an edge carries: spikes, or the integers of a stream. */
typedef enum snn_payload { SNN_PAYLOAD_BITS, SNN_PAYLOAD_INTEGERS } snn_payload;

typedef struct snn_packet_header {
    uint32_t magic;
    uint8_t version;
    uint8_t chosen;         /* the edge's codec for this group, never AUTO */
    uint8_t codec;          /* how the payload is coded: `chosen` or RAW; integers: RAW or ZSTD */
    uint8_t payload;        /* snn_payload */
    uint32_t edge;          /* edge number, the same at both ends */
    uint32_t group;         /* image group */
    uint32_t first_step;    /* timestep at which the block begins */
    uint16_t steps, images; /* of the block, of the group */
    uint32_t raw_bytes;     /* of the planes */
    uint32_t payload_bytes; /* as sent */
    uint64_t checksum;      /* XXH3 of the header with this field 0, then the payload */
} snn_packet_header;

/* One edge's coder state at either end: what its codec keeps of the blocks before. */
typedef struct snn_packet_coder snn_packet_coder;

typedef struct snn_packet_shape {
    uint32_t edge;
    snn_payload payload;
    int64_t positions;
    int32_t channel_begin, channel_end; /* of the source population */
    int32_t images, block;              /* at most */
    int32_t width;                      /* windows: of the source's rows, in positions; then a block holds whole windows
                                           of spikes. 0: no windows */
} snn_packet_shape;

/* Integers are coded with zstd where `codec` is XOR or CONTEXT: a stream's bits are no spikes, nor do they resemble
 * those of the step before. So are windows where it is XOR. A receiver with AUTO takes what the sender has chosen; a
 * sender with AUTO sends RAW until it knows its links. */
snn_status snn_packet_coder_create(const snn_packet_shape *shape, snn_codec codec, snn_codec_workspace *workspace,
                                   snn_packet_coder **coder);
/* What a byte takes, in seconds, to all who get the packets; only the sender with AUTO makes use of it. */
snn_status snn_packet_coder_set_link(snn_packet_coder *coder, double byte_seconds);
/* The codec of the group under way; RAW before the first. */
snn_codec snn_packet_coder_chosen(const snn_packet_coder *coder);
void snn_packet_coder_destroy(snn_packet_coder *coder);
/* Largest packet, header included. */
size_t snn_packet_bound(const snn_packet_coder *coder);
/* Bytes of the planes of a block, which are what RAW sends after the header. */
size_t snn_packet_raw_bytes(const snn_packet_coder *coder, int32_t steps, int32_t images);

/* What the two ends of an edge read and write. A coder of bits uses `spikes`, one of integers `sums`. */
typedef struct snn_packet_block {
    snn_spikes spikes;
    snn_sums sums;
} snn_packet_block;

/* Encodes the edge's channels of a block for (group, steps [first_step, +steps)) into `packet` (snn_packet_bound
 * bytes). first_step 0 begins a group and forgets the last planes. A payload that would not shrink is sent raw. */
snn_status snn_packet_encode(snn_packet_coder *coder, const snn_packet_block *block, uint32_t group,
                             uint32_t first_step, int32_t steps, int32_t images, uint8_t *packet, size_t *bytes);

/* Checks a packet against what is expected and places its planes into `block` (other channels stay). Anything damaged
 * or out of place is an SNN_INTERNAL_ERROR that says which field was wrong. */
snn_status snn_packet_decode(snn_packet_coder *coder, const uint8_t *packet, size_t bytes, uint32_t group,
                             uint32_t first_step, int32_t steps, int32_t images, const snn_packet_block *block);

#endif
