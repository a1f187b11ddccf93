#include "comm/packet.h"

#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <xxhash.h>

#include "comm/choice.h"
#include "comm/codec.h"
#include "comm/integers.h"
#include "comm/planes.h"
#include "core/base/memory.h"
#include "core/dynamics/windows.h"

/* Seconds a byte below which no codec pays: none codes and decodes 2.5 GB/s. */
#define TOO_FAST_TO_CODE 0.4e-9

enum { HEADER_BYTES = 40, CHECKSUM_OFFSET = 32 };

struct snn_packet_coder {
    snn_packet_shape shape;
    snn_codec codec;                         /* AUTO: chosen anew for each group */
    snn_codec chosen;                        /* for the group under way */
    snn_codec_state *states[SNN_CODEC_AUTO]; /* made when first chosen */
    snn_codec_choice *choice;                /* AUTO: the sender's */
    snn_codec_workspace *workspace;          /* not owned */
    XXH3_state_t *hash;
    size_t plane_bytes;
    uint32_t group, next_step; /* the block that follows the last one; XOR and CONTEXT cannot do without it */
};

/* Writes `bytes` bytes of value, least significant first; returns where the next field goes. */
static uint8_t *put(uint8_t *at, int bytes, uint64_t value)
{
    for (int i = 0; i < bytes; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
    return at + bytes;
}

static uint64_t take(const uint8_t **at, int bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++) {
        value |= (uint64_t)(*at)[i] << (8 * i);
    }
    *at += bytes;
    return value;
}

static void write_header(const snn_packet_header *header, uint8_t *at)
{
    at = put(at, 4, header->magic);
    at = put(at, 1, header->version);
    at = put(at, 1, header->chosen);
    at = put(at, 1, header->codec);
    at = put(at, 1, header->payload);
    at = put(at, 4, header->edge);
    at = put(at, 4, header->group);
    at = put(at, 4, header->first_step);
    at = put(at, 2, header->steps);
    at = put(at, 2, header->images);
    at = put(at, 4, header->raw_bytes);
    at = put(at, 4, header->payload_bytes);
    (void)put(at, 8, header->checksum);
}

static snn_packet_header read_header(const uint8_t *at)
{
    snn_packet_header header;
    header.magic = (uint32_t)take(&at, 4);
    header.version = (uint8_t)take(&at, 1);
    header.chosen = (uint8_t)take(&at, 1);
    header.codec = (uint8_t)take(&at, 1);
    header.payload = (uint8_t)take(&at, 1);
    header.edge = (uint32_t)take(&at, 4);
    header.group = (uint32_t)take(&at, 4);
    header.first_step = (uint32_t)take(&at, 4);
    header.steps = (uint16_t)take(&at, 2);
    header.images = (uint16_t)take(&at, 2);
    header.raw_bytes = (uint32_t)take(&at, 4);
    header.payload_bytes = (uint32_t)take(&at, 4);
    header.checksum = take(&at, 8);
    return header;
}

static uint64_t checksum_of(const snn_packet_coder *coder, const uint8_t *packet, size_t bytes)
{
    static const uint8_t zero[HEADER_BYTES - CHECKSUM_OFFSET] = {0};
    /* These fail only for NULL arguments. */
    (void)XXH3_64bits_reset(coder->hash);
    (void)XXH3_64bits_update(coder->hash, packet, CHECKSUM_OFFSET);
    (void)XXH3_64bits_update(coder->hash, zero, sizeof zero);
    (void)XXH3_64bits_update(coder->hash, packet + HEADER_BYTES, bytes - HEADER_BYTES);
    return XXH3_64bits_digest(coder->hash);
}

static snn_plane_shape plane_shape(const snn_packet_shape *shape, int32_t row_bytes)
{
    return (snn_plane_shape){.positions = shape->positions,
                             .row_bytes = row_bytes,
                             .channel_begin = shape->channel_begin,
                             .channel_end = shape->channel_end};
}

static snn_integers_shape integers_shape(const snn_packet_shape *shape, int32_t channels)
{
    return (snn_integers_shape){.positions = shape->positions,
                                .channels = channels,
                                .channel_begin = shape->channel_begin,
                                .channel_end = shape->channel_end};
}

static size_t plane_bytes_of(const snn_packet_shape *shape)
{
    if (shape->payload == SNN_PAYLOAD_INTEGERS) {
        const snn_integers_shape integers = integers_shape(shape, 0);
        return snn_integers_packed_bytes(&integers);
    }
    const snn_plane_shape plane = plane_shape(shape, 0);
    return snn_plane_packed_bytes(&plane);
}

static snn_status check_shape(const snn_packet_shape *shape)
{
    if (shape->positions < 1 || shape->channel_begin < 0 || shape->channel_begin >= shape->channel_end ||
        shape->images < 1 || shape->images > UINT16_MAX || shape->block < 1 || shape->block > UINT16_MAX) {
        return snn_fail(SNN_INTERNAL_ERROR,
                        "edge %lu: no packet can hold %lld positions, channels [%ld, %ld), %ld images, %ld steps",
                        (unsigned long)shape->edge, (long long)shape->positions, (long)shape->channel_begin,
                        (long)shape->channel_end, (long)shape->images, (long)shape->block);
    }
    /* In floating point, because the product may not fit any integer. */
    double values = (double)shape->positions * (double)(shape->channel_end - shape->channel_begin);
    double plane_bytes = shape->payload == SNN_PAYLOAD_INTEGERS ? values * SNN_SUM_BYTES : ceil(values / 8.0);
    double bytes = plane_bytes * (double)shape->images * (double)shape->block;
    if (bytes > (double)(INT_MAX / 2)) {
        return snn_fail(SNN_INPUT_ERROR,
                        "a packet of %.3g bytes (%lld positions, %ld channels, %ld images, %ld steps) is too large: "
                        "take smaller groups of images or blocks of timesteps (simulation.batch, simulation.block)",
                        bytes, (long long)shape->positions, (long)(shape->channel_end - shape->channel_begin),
                        (long)shape->images, (long)shape->block);
    }
    if (shape->width < 0 || (shape->width > 0 && shape->block > SNN_WINDOW_STEPS)) {
        return snn_fail(SNN_INTERNAL_ERROR, "edge %lu: no window has %ld steps, no row %ld positions",
                        (unsigned long)shape->edge, (long)shape->block, (long)shape->width);
    }
    return snn_ok();
}

/* Without rows, two positions before is the other neighbour. */
static snn_codec_shape codec_shape(const snn_packet_shape *shape, size_t plane_bytes)
{
    const size_t channels = (size_t)(shape->channel_end - shape->channel_begin);
    const bool rows = shape->width > 1 && shape->width < shape->positions;
    return (snn_codec_shape){.frame_bytes = (size_t)shape->images * plane_bytes,
                             .steps = shape->block,
                             .windows = shape->width > 0 && shape->payload == SNN_PAYLOAD_BITS,
                             .near = channels,
                             .far = channels * (rows ? (size_t)shape->width : 2)};
}

/* Whether a block can be decoded only after those before it. */
static bool is_sequential(snn_codec codec)
{
    return codec == SNN_CODEC_XOR || codec == SNN_CODEC_CONTEXT;
}

static bool suits(const snn_packet_shape *shape, snn_codec codec)
{
    return snn_codec_suits(codec, shape->payload, shape->width > 0);
}

/* The codec of the group that begins: its state is made at first use, and begins anew. */
static snn_status choose(snn_packet_coder *coder, snn_codec codec)
{
    if (coder->states[codec] == NULL) {
        const snn_codec_shape shape = codec_shape(&coder->shape, coder->plane_bytes);
        SNN_TRY(snn_codec_state_create(codec, &shape, coder->workspace, &coder->states[codec]));
    }
    coder->chosen = codec;
    snn_codec_begin_group(coder->states[codec]);
    return snn_ok();
}

snn_status snn_packet_coder_create(const snn_packet_shape *shape, snn_codec codec, snn_codec_workspace *workspace,
                                   snn_packet_coder **coder)
{
    *coder = NULL;
    SNN_TRY(check_shape(shape));
    snn_packet_coder *created = snn_allocate(1, sizeof *created);
    if (created == NULL) {
        return snn_out_of_memory("packet coder");
    }
    snn_status status = snn_ok();
    created->shape = *shape;
    created->workspace = workspace;
    created->codec = codec == SNN_CODEC_AUTO || suits(shape, codec) ? codec : SNN_CODEC_ZSTD;
    created->plane_bytes = plane_bytes_of(shape);
    created->hash = XXH3_createState();
    if (created->hash == NULL) {
        SNN_GOTO_DONE(status, snn_out_of_memory("checksum"));
    }
    SNN_GOTO_DONE(status, choose(created, codec == SNN_CODEC_AUTO ? SNN_CODEC_RAW : created->codec));
    *coder = created;
    created = NULL;
done:
    snn_packet_coder_destroy(created);
    return status;
}

void snn_packet_coder_destroy(snn_packet_coder *coder)
{
    if (coder == NULL) {
        return;
    }
    for (int codec = 0; codec < SNN_CODEC_AUTO; codec++) {
        snn_codec_state_destroy(coder->states[codec]);
    }
    snn_codec_choice_destroy(coder->choice);
    if (coder->hash != NULL) {
        (void)XXH3_freeState(coder->hash);
    }
    snn_release(coder);
}

snn_status snn_packet_coder_set_link(snn_packet_coder *coder, double byte_seconds)
{
    if (coder->codec != SNN_CODEC_AUTO || byte_seconds < TOO_FAST_TO_CODE) {
        return snn_ok();
    }
    const snn_codec_choice_options options = {.payload = coder->shape.payload,
                                              .shape = codec_shape(&coder->shape, coder->plane_bytes),
                                              .byte_seconds = byte_seconds};
    snn_codec_choice_destroy(coder->choice);
    coder->choice = NULL;
    return snn_codec_choice_create(&options, coder->workspace, &coder->choice);
}

snn_codec snn_packet_coder_chosen(const snn_packet_coder *coder)
{
    return coder->chosen;
}

size_t snn_packet_raw_bytes(const snn_packet_coder *coder, int32_t steps, int32_t images)
{
    return (size_t)steps * (size_t)images * coder->plane_bytes;
}

size_t snn_packet_bound(const snn_packet_coder *coder)
{
    return HEADER_BYTES + snn_packet_raw_bytes(coder, coder->shape.block, coder->shape.images);
}

/* The caller's block, against what the coder was made for and did last. */
static snn_status check_block(const snn_packet_coder *coder, const snn_packet_block *block, uint32_t group,
                              uint32_t first_step, int32_t steps, int32_t images)
{
    const snn_packet_shape *shape = &coder->shape;
    if (steps < 1 || steps > shape->block || images < 1 || images > shape->images) {
        return snn_fail(SNN_INTERNAL_ERROR, "%ld steps of %ld images do not fit the edge's %ld of %ld", (long)steps,
                        (long)images, (long)shape->block, (long)shape->images);
    }
    const bool integers = shape->payload == SNN_PAYLOAD_INTEGERS;
    const int64_t positions = integers ? block->sums.positions : block->spikes.positions;
    const int32_t channels = integers ? block->sums.channels : block->spikes.channels;
    const int32_t capacity = integers ? block->sums.images : block->spikes.images;
    const bool present = integers ? block->sums.values != NULL : block->spikes.bits != NULL;
    if (!present || positions != shape->positions || channels < shape->channel_end || capacity < images) {
        return snn_fail(SNN_INTERNAL_ERROR, "%s of %lld positions, %ld channels, %ld images do not fit the edge",
                        integers ? "sums" : "spikes", (long long)positions, (long)channels, (long)capacity);
    }
    if (!integers && block->spikes.window != (shape->width > 0 ? steps : 0)) {
        return snn_fail(SNN_INTERNAL_ERROR, "spikes of windows of %ld steps do not fit a block of %ld",
                        (long)block->spikes.window, (long)steps);
    }
    if (is_sequential(coder->chosen) && first_step != 0 && (group != coder->group || first_step != coder->next_step)) {
        return snn_fail(SNN_INTERNAL_ERROR, "block out of order: group %lu, step %lu follows group %lu, step %lu",
                        (unsigned long)group, (unsigned long)first_step, (unsigned long)coder->group,
                        (unsigned long)coder->next_step);
    }
    return snn_ok();
}

static void end_block(snn_packet_coder *coder, uint32_t group, uint32_t first_step, int32_t steps)
{
    coder->group = group;
    coder->next_step = first_step + (uint32_t)steps;
}

/* With windows streams keep whole sums, of which each step changes a little. NULL: nothing is before. */
static const void *sums_before(const snn_packet_coder *coder, const snn_packet_block *block, int32_t step,
                               int32_t image)
{
    return coder->shape.width > 0 && step > 0 ? snn_sums_plane(&block->sums, step - 1, image) : NULL;
}

/* A plane of a block whose frames are so many bytes; of windows those of all steps of a byte, with the first one. */
static void pack_plane(const snn_packet_coder *coder, const snn_packet_block *block, int32_t step, int32_t image,
                       size_t frame_bytes, uint8_t *packed)
{
    const snn_spikes *spikes = &block->spikes;
    const snn_plane_shape plane = plane_shape(&coder->shape, spikes->row_bytes);
    const int32_t byte = step / SNN_BYTE_STEPS;
    if (coder->shape.payload == SNN_PAYLOAD_INTEGERS) {
        const snn_integers_shape integers = integers_shape(&coder->shape, block->sums.channels);
        snn_integers_pack(&integers, snn_sums_plane(&block->sums, step, image), sums_before(coder, block, step, image),
                          packed);
    } else if (spikes->window == 0) {
        snn_plane_pack(&plane, snn_spikes_plane(spikes, step, image), packed);
    } else if (step % SNN_BYTE_STEPS == 0) {
        snn_plane_pack_windows(&plane, snn_spikes_plane(spikes, byte, image),
                               snn_spikes_byte_steps(spikes->window, byte), frame_bytes, packed);
    }
}

static void unpack_plane(const snn_packet_coder *coder, const uint8_t *packed, size_t frame_bytes,
                         const snn_packet_block *block, int32_t step, int32_t image)
{
    const snn_spikes *spikes = &block->spikes;
    const snn_plane_shape plane = plane_shape(&coder->shape, spikes->row_bytes);
    const int32_t byte = step / SNN_BYTE_STEPS;
    if (coder->shape.payload == SNN_PAYLOAD_INTEGERS) {
        const snn_integers_shape integers = integers_shape(&coder->shape, block->sums.channels);
        snn_integers_unpack(&integers, packed, sums_before(coder, block, step, image),
                            snn_sums_plane(&block->sums, step, image));
    } else if (spikes->window == 0) {
        snn_plane_unpack(&plane, packed, snn_spikes_plane(spikes, step, image));
    } else if (step % SNN_BYTE_STEPS == 0) {
        snn_plane_unpack_windows(&plane, packed, snn_spikes_byte_steps(spikes->window, byte), frame_bytes,
                                 snn_spikes_plane(spikes, byte, image));
    }
}

/* What the sender does about its codec before it codes a block. */
static snn_status choose_for_block(snn_packet_coder *coder, const snn_codec_block *block, const uint8_t *planes)
{
    if (block->first_step > 0) {
        return coder->choice == NULL ? snn_ok() : snn_codec_choice_follow(coder->choice, block, planes);
    }
    snn_codec codec = coder->chosen;
    if (coder->choice != NULL) {
        SNN_TRY(snn_codec_choice_begin(coder->choice, block, planes, &codec));
    }
    return choose(coder, codec);
}

/* What both ends know of a packet's header: all but the codec and the checksum. */
static snn_packet_header header_of(const snn_packet_coder *coder, uint32_t group, uint32_t first_step, int32_t steps,
                                   int32_t images, size_t payload_bytes)
{
    return (snn_packet_header){.magic = SNN_PACKET_MAGIC,
                               .version = SNN_PACKET_VERSION,
                               .payload = (uint8_t)coder->shape.payload,
                               .edge = coder->shape.edge,
                               .group = group,
                               .first_step = first_step,
                               .steps = (uint16_t)steps,
                               .images = (uint16_t)images,
                               .raw_bytes = (uint32_t)snn_packet_raw_bytes(coder, steps, images),
                               .payload_bytes = (uint32_t)payload_bytes};
}

static snn_status encode(snn_packet_coder *coder, const snn_packet_block *block, uint32_t group, uint32_t first_step,
                         int32_t steps, int32_t images, uint8_t *packet, size_t *bytes)
{
    SNN_TRY(check_block(coder, block, group, first_step, steps, images));
    uint8_t *payload = packet + HEADER_BYTES;
    uint8_t *packed = payload;
    const snn_codec_block coded = {(int32_t)first_step, steps, (size_t)images * coder->plane_bytes};
    for (int32_t step = 0; step < steps; step++) {
        for (int32_t image = 0; image < images; image++) {
            pack_plane(coder, block, step, image, coded.frame_bytes, packed);
            packed += coder->plane_bytes;
        }
    }
    size_t payload_bytes = 0;
    snn_codec used = SNN_CODEC_RAW;
    SNN_TRY(choose_for_block(coder, &coded, payload));
    SNN_TRY(snn_codec_encode(coder->states[coder->chosen], &coded, payload, &payload_bytes, &used));
    end_block(coder, group, first_step, steps);
    snn_packet_header header = header_of(coder, group, first_step, steps, images, payload_bytes);
    header.chosen = (uint8_t)coder->chosen;
    header.codec = (uint8_t)used;
    *bytes = HEADER_BYTES + payload_bytes;
    write_header(&header, packet);
    header.checksum = checksum_of(coder, packet, *bytes);
    write_header(&header, packet);
    return snn_ok();
}

snn_status snn_packet_encode(snn_packet_coder *coder, const snn_packet_block *block, uint32_t group,
                             uint32_t first_step, int32_t steps, int32_t images, uint8_t *packet, size_t *bytes)
{
    SNN_TRY_CONTEXT(encode(coder, block, group, first_step, steps, images, packet, bytes), "packet of edge %lu",
                    (unsigned long)coder->shape.edge);
    return snn_ok();
}

static snn_status wrong_field(const char *field, uint64_t found, uint64_t expected)
{
    return snn_fail(SNN_INTERNAL_ERROR, "%s: %llu, expected %llu", field, (unsigned long long)found,
                    (unsigned long long)expected);
}

/* Every field but the codec has exactly one right value; naming the first that has another comes before the checksum,
 * because it says more. */
static snn_status check_header(const snn_packet_coder *coder, const snn_packet_header *header,
                               const snn_packet_header *expected)
{
    const struct {
        const char *name;
        uint64_t found, expected;
    } fields[] = {
        {"magic", header->magic, expected->magic},
        {"version", header->version, expected->version},
        {"payload", header->payload, expected->payload},
        {"edge", header->edge, expected->edge},
        {"group", header->group, expected->group},
        {"first_step", header->first_step, expected->first_step},
        {"steps", header->steps, expected->steps},
        {"images", header->images, expected->images},
        {"raw_bytes", header->raw_bytes, expected->raw_bytes},
        {"payload_bytes", header->payload_bytes, expected->payload_bytes},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (fields[i].found != fields[i].expected) {
            return wrong_field(fields[i].name, fields[i].found, fields[i].expected);
        }
    }
    /* Only the first packet of a group may come with another codec than the one before. */
    const bool open = coder->codec == SNN_CODEC_AUTO && expected->first_step == 0;
    const snn_codec chosen = open ? (snn_codec)header->chosen : coder->chosen;
    if (header->chosen != (uint8_t)chosen || chosen >= SNN_CODEC_AUTO || !suits(&coder->shape, chosen)) {
        return wrong_field("chosen codec", header->chosen, (uint64_t)coder->chosen);
    }
    if (header->codec != SNN_CODEC_RAW && header->codec != header->chosen) {
        return wrong_field("codec", header->codec, header->chosen);
    }
    return snn_ok();
}

static snn_status decode(snn_packet_coder *coder, const uint8_t *packet, size_t bytes, uint32_t group,
                         uint32_t first_step, int32_t steps, int32_t images, const snn_packet_block *block)
{
    SNN_TRY(check_block(coder, block, group, first_step, steps, images));
    if (bytes < HEADER_BYTES || bytes > snn_packet_bound(coder)) {
        return snn_fail(SNN_INTERNAL_ERROR, "length: %zu bytes, expected %d to %zu", bytes, (int)HEADER_BYTES,
                        snn_packet_bound(coder));
    }
    const snn_packet_header header = read_header(packet);
    const snn_packet_header expected = header_of(coder, group, first_step, steps, images, bytes - HEADER_BYTES);
    SNN_TRY(check_header(coder, &header, &expected));
    uint64_t checksum = checksum_of(coder, packet, bytes);
    if (checksum != header.checksum) {
        return snn_fail(SNN_INTERNAL_ERROR, "checksum: %016llx, expected %016llx", (unsigned long long)header.checksum,
                        (unsigned long long)checksum);
    }
    if (first_step == 0) {
        SNN_TRY(choose(coder, (snn_codec)header.chosen));
    }
    const uint8_t *packed = NULL;
    const snn_codec_block coded = {(int32_t)first_step, steps, (size_t)images * coder->plane_bytes};
    SNN_TRY(snn_codec_decode(coder->states[coder->chosen], (snn_codec)header.codec, &coded, packet + HEADER_BYTES,
                             bytes - HEADER_BYTES, &packed));
    end_block(coder, group, first_step, steps);
    for (int32_t step = 0; step < steps; step++) {
        for (int32_t image = 0; image < images; image++) {
            unpack_plane(coder, packed, coded.frame_bytes, block, step, image);
            packed += coder->plane_bytes;
        }
    }
    return snn_ok();
}

snn_status snn_packet_decode(snn_packet_coder *coder, const uint8_t *packet, size_t bytes, uint32_t group,
                             uint32_t first_step, int32_t steps, int32_t images, const snn_packet_block *block)
{
    const snn_status status = decode(coder, packet, bytes, group, first_step, steps, images, block);
    return snn_context(
        snn_advise(status, "a host or the network between hosts damages data: run it again without them"),
        "packet of edge %lu, group %lu, step %lu is damaged or out of place", (unsigned long)coder->shape.edge,
        (unsigned long)group, (unsigned long)first_step);
}
