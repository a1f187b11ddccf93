/* Packets of a group, one after the other, as they come from the network: every codec, spikes and integers, with
 * windows and without.
 *
 * The first three bytes choose the shape and whether a packet is taken as it is or only its payload: then the header is
 * what the receiver expects and the checksum right, since chance would never get past these. Of what follows, a length
 * of two bytes and so many bytes are one packet. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "comm/packet.h"
#include "core/base/memory.h"
#include "fuzz.h"

enum { IMAGES = 3, POSITIONS = 6, WIDTH = 3, CHANNELS = 13, BLOCK = 4, STEPS = 16, MOST_BYTES = 1 << 16 };

typedef struct choice {
    snn_packet_shape shape;
    snn_codec codec;
    bool whole; /* packets with their headers */
} choice;

static choice choose(const uint8_t *data)
{
    const bool windows = (data[1] & 1) != 0;
    choice made = {.codec = (snn_codec)(data[0] % SNN_CODEC_COUNT), .whole = (data[2] & 1) != 0};
    made.shape = (snn_packet_shape){.edge = 7,
                                    .payload = (data[1] & 2) != 0 ? SNN_PAYLOAD_INTEGERS : SNN_PAYLOAD_BITS,
                                    .positions = POSITIONS,
                                    .channel_begin = data[2] >> 4,
                                    .channel_end = CHANNELS,
                                    .images = IMAGES,
                                    .block = windows ? STEPS : BLOCK,
                                    .width = windows ? WIDTH : 0};
    if (made.shape.channel_begin >= CHANNELS) {
        made.shape.channel_begin = 0;
    }
    return made;
}

/* A packet whose header is right. */
static size_t dress(const choice *made, snn_packet_coder *coder, const uint8_t *payload, size_t size, uint32_t first,
                    uint8_t *packet)
{
    if (size == 0) {
        return 0;
    }
    snn_packet_header header = {.magic = SNN_PACKET_MAGIC,
                                .version = SNN_PACKET_VERSION,
                                .chosen = payload[0] & 3,
                                .codec = payload[0] >> 2 & 3,
                                .payload = (uint8_t)made->shape.payload,
                                .edge = made->shape.edge,
                                .group = 1,
                                .first_step = first,
                                .steps = (uint16_t)made->shape.block,
                                .images = IMAGES};
    header.raw_bytes = (uint32_t)snn_packet_raw_bytes(coder, made->shape.block, IMAGES);
    header.payload_bytes = (uint32_t)(size - 1);
    memcpy(packet + sizeof header, payload + 1, size - 1);
    memcpy(packet, &header, sizeof header);
    header.checksum = XXH3_64bits(packet, sizeof header + size - 1);
    memcpy(packet, &header, sizeof header);
    return sizeof header + size - 1;
}

static void decode_all(const choice *made, snn_packet_coder *coder, const snn_packet_block *block, const uint8_t *data,
                       size_t size)
{
    static uint8_t packet[MOST_BYTES + sizeof(snn_packet_header)];
    const uint32_t steps = (uint32_t)made->shape.block;
    for (uint32_t first = 0; first < STEPS && size >= 2; first += steps) {
        size_t bytes = (size_t)data[0] | (size_t)data[1] << 8;
        data += 2;
        size -= 2;
        bytes = bytes > size ? size : bytes;
        /* Exactly as large as the packet, so that reading beyond it is found. */
        size_t length = made->whole ? bytes : dress(made, coder, data, bytes, first, packet);
        uint8_t *copy = malloc(length + 1);
        if (copy == NULL) {
            fuzz_fault("no memory");
        }
        memcpy(copy + 1, made->whole ? data : packet, length);
        (void)snn_packet_decode(coder, copy + 1, length, 1, first, (int32_t)steps, IMAGES, block);
        free(copy);
        data += bytes;
        size -= bytes;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    float eta[STEPS];
    snn_codec_workspace *workspace = NULL;
    snn_packet_coder *coder = NULL;
    if (size < 3) {
        return 0;
    }
    for (int step = 0; step < STEPS; step++) {
        eta[step] = step == 0 ? 0.15F : eta[step - 1] * 0.95F;
    }
    const choice made = choose(data);
    static int32_t sums[STEPS * IMAGES * POSITIONS * CHANNELS];
    const int32_t window = made.shape.width > 0 ? made.shape.block : 0;
    snn_spikes spikes = snn_spikes_of(NULL, POSITIONS, CHANNELS, IMAGES, window);
    spikes.bits = malloc((size_t)snn_spikes_block_bytes(&spikes, made.shape.block)); /* and no more */
    const snn_packet_block block = {spikes, {sums, POSITIONS, CHANNELS, IMAGES}};
    if (spikes.bits == NULL || snn_failed(snn_codec_workspace_create(eta, STEPS, &workspace)) ||
        snn_failed(snn_packet_coder_create(&made.shape, made.codec, workspace, &coder))) {
        fuzz_fault("cannot set up");
    }
    decode_all(&made, coder, &block, data + 3, size - 3);
    snn_packet_coder_destroy(coder);
    snn_codec_workspace_destroy(workspace);
    free(spikes.bits);
    return 0;
}
