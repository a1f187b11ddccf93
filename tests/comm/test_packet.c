/* Planes, codecs and packets: against bit-at-a-time loops, over random shapes, and with every kind of damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "comm/packet.h"
#include "comm/planes.h"
#include "core/base/memory.h"

enum { GUARD = 0xa5, GUARD_BYTES = 16 };

/* splitmix64 */
static uint64_t draw(uint64_t *random)
{
    *random += 0x9e3779b97f4a7c15u;
    uint64_t z = *random;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static int32_t draw_between(uint64_t *random, int32_t low, int32_t high)
{
    return low + (int32_t)(draw(random) % (uint64_t)(high - low + 1));
}

static int bit_of(const uint8_t *bytes, int64_t bit)
{
    return bytes[bit / 8] >> (bit % 8) & 1;
}

static void set_bit(uint8_t *bytes, int64_t bit, int value)
{
    bytes[bit / 8] = (uint8_t)((bytes[bit / 8] & ~(1 << bit % 8)) | value << bit % 8);
}

static void succeeds(snn_status status)
{
    if (snn_failed(status)) {
        fail_msg("%s", status.message);
    }
}

static void fails_with(snn_status status, snn_code code, const char *text)
{
    if (status.code != code || strstr(status.message, text) == NULL) {
        fail_msg("expected failure %d with \"%s\", got %d: %s", (int)code, text, (int)status.code, status.message);
    }
}

/* A coder of a run of LONGEST steps, with the workspace that all coders of this process share. */
enum { LONGEST = 64 };
static snn_codec_workspace *shared_workspace;

static snn_status create_coder(const snn_packet_shape *shape, snn_codec codec, snn_packet_coder **coder)
{
    return snn_packet_coder_create(shape, codec, shared_workspace, coder);
}

static int create_workspace(void **state)
{
    (void)state;
    float eta[LONGEST];
    for (int step = 0; step < LONGEST; step++) {
        eta[step] = step == 0 ? 0.15F : eta[step - 1] * 0.95F;
    }
    return snn_failed(snn_codec_workspace_create(eta, LONGEST, &shared_workspace));
}

static int destroy_workspace(void **state)
{
    (void)state;
    snn_codec_workspace_destroy(shared_workspace);
    return 0;
}

/* --- planes --- */

static void check_plane(uint64_t *random, int64_t positions, int32_t channels, int32_t begin, int32_t end)
{
    const snn_plane_shape shape = {.positions = positions,
                                   .row_bytes = snn_spikes_row_bytes(channels),
                                   .channel_begin = begin,
                                   .channel_end = end};
    size_t packed_bytes = snn_plane_packed_bytes(&shape);
    size_t rows_bytes = (size_t)(positions * shape.row_bytes);
    assert_int_equal(packed_bytes, (positions * (end - begin) + 7) / 8);
    uint8_t *rows = snn_allocate(rows_bytes, 1);
    uint8_t *expected = snn_allocate(packed_bytes, 1);
    uint8_t *packed = snn_allocate(packed_bytes + GUARD_BYTES, 1);
    uint8_t *target = snn_allocate(rows_bytes + GUARD_BYTES, 1);
    uint8_t *wanted = snn_allocate(rows_bytes + GUARD_BYTES, 1);
    for (size_t i = 0; i < rows_bytes; i++) {
        rows[i] = (uint8_t)draw(random);
        wanted[i] = target[i] = (uint8_t)draw(random);
    }
    memset(packed, GUARD, packed_bytes + GUARD_BYTES);
    memset(target + rows_bytes, GUARD, GUARD_BYTES);
    memset(wanted + rows_bytes, GUARD, GUARD_BYTES);
    for (int64_t position = 0; position < positions; position++) {
        for (int32_t channel = begin; channel < end; channel++) {
            int value = bit_of(rows + position * shape.row_bytes, channel);
            set_bit(expected, position * (end - begin) + channel - begin, value);
            set_bit(wanted + position * shape.row_bytes, channel, value);
        }
    }
    snn_plane_pack(&shape, rows, packed);
    assert_memory_equal(packed, expected, packed_bytes);
    for (size_t i = 0; i < GUARD_BYTES; i++) {
        assert_int_equal(packed[packed_bytes + i], GUARD);
    }
    snn_plane_unpack(&shape, packed, target);
    assert_memory_equal(target, wanted, rows_bytes + GUARD_BYTES); /* other bits and the guard as before */
    snn_release(rows);
    snn_release(expected);
    snn_release(packed);
    snn_release(target);
    snn_release(wanted);
}

/* Bytes of windows to planes and back; other channels stay as they are. */
static void test_planes_of_windows(void **state)
{
    (void)state;
    uint64_t random = 3;
    for (int i = 0; i < 400; i++) {
        const int32_t channels = draw_between(&random, 1, i % 4 == 0 ? 700 : 20), steps = draw_between(&random, 1, 8);
        const int32_t begin = i % 3 == 0 ? 0 : draw_between(&random, 0, channels - 1);
        const int32_t end = i % 3 == 0 ? channels : draw_between(&random, begin + 1, channels);
        const snn_plane_shape shape = {.positions = draw_between(&random, 1, 90),
                                       .row_bytes = channels,
                                       .channel_begin = begin,
                                       .channel_end = end};
        const size_t bytes = (size_t)(shape.positions * channels), plane = snn_plane_packed_bytes(&shape);
        const size_t apart = plane + (size_t)draw_between(&random, 0, 9);
        uint8_t *rows = snn_allocate(bytes, 1), *placed = snn_allocate(bytes, 1);
        uint8_t *packed = snn_allocate(8 * apart, 1), *expected = snn_allocate(8 * apart, 1);
        memset(packed, GUARD, 8 * apart);
        memset(expected, GUARD, 8 * apart);
        memset(placed, GUARD, bytes);
        for (int32_t step = 0; step < steps; step++) {
            memset(expected + (size_t)step * apart, 0, plane);
        }
        for (size_t n = 0; n < bytes; n++) {
            rows[n] = (uint8_t)(draw(&random) & ((1U << steps) - 1));
            const int64_t position = (int64_t)n / channels, channel = (int64_t)n % channels;
            for (int32_t step = 0; step < steps && channel >= begin && channel < end; step++) {
                set_bit(expected + (size_t)step * apart, position * (end - begin) + channel - begin,
                        rows[n] >> (steps - 1 - step) & 1);
            }
        }
        snn_plane_pack_windows(&shape, rows, steps, apart, packed);
        assert_memory_equal(packed, expected, 8 * apart);
        snn_plane_unpack_windows(&shape, packed, steps, apart, placed);
        for (size_t n = 0; n < bytes; n++) {
            const int32_t channel = (int32_t)(n % (size_t)channels);
            assert_int_equal(placed[n], channel >= begin && channel < end ? rows[n] : GUARD);
        }
        snn_release(rows);
        snn_release(placed);
        snn_release(packed);
        snn_release(expected);
    }
}

static void test_planes_all_small_ranges(void **state)
{
    (void)state;
    uint64_t random = 1;
    for (int32_t channels = 1; channels <= 20; channels++) {
        for (int32_t begin = 0; begin < channels; begin++) {
            for (int32_t end = begin + 1; end <= channels; end++) {
                check_plane(&random, 1, channels, begin, end);
                check_plane(&random, 5, channels, begin, end);
            }
        }
    }
}

static void test_planes_random_ranges(void **state)
{
    (void)state;
    uint64_t random = 2;
    for (int i = 0; i < 400; i++) {
        int32_t channels = draw_between(&random, 1, 300);
        int32_t begin = draw_between(&random, 0, channels - 1);
        int32_t end = draw_between(&random, begin + 1, channels);
        check_plane(&random, draw_between(&random, 1, 40), channels, begin, end);
    }
    for (int i = 0; i < 50; i++) { /* whole bytes */
        int32_t bytes = draw_between(&random, 1, 20);
        int32_t begin = draw_between(&random, 0, bytes - 1);
        check_plane(&random, 7, 8 * bytes, 8 * begin, 8 * draw_between(&random, begin + 1, bytes));
    }
}

/* --- codec names --- */

static void test_codec_names(void **state)
{
    (void)state;
    for (int i = 0; i < SNN_CODEC_COUNT; i++) {
        snn_codec parsed = SNN_CODEC_COUNT;
        succeeds(snn_codec_parse(snn_codec_name((snn_codec)i), &parsed));
        assert_int_equal(parsed, i);
    }
    snn_codec untouched = SNN_CODEC_XOR;
    fails_with(snn_codec_parse("gzip", &untouched), SNN_INPUT_ERROR,
               "\"gzip\" is unknown: expected \"raw\", \"zstd\", \"xor\", \"context\" or \"auto\"");
    fails_with(snn_codec_parse("", &untouched), SNN_INPUT_ERROR, "expected \"raw\"");
    fails_with(snn_codec_parse("RAW", &untouched), SNN_INPUT_ERROR, "unknown");
    assert_int_equal(untouched, SNN_CODEC_XOR);
}

/* --- packets --- */

static snn_spikes make_spikes(int64_t positions, int32_t channels, int32_t images, int32_t steps)
{
    snn_spikes spikes = snn_spikes_of(NULL, positions, channels, images, 0);
    spikes.bits = snn_allocate((size_t)snn_spikes_block_bytes(&spikes, steps), 1);
    return spikes;
}

/* New spikes for a block: each bit of the step before flips with probability 1 in `flip` (0: all random). */
static void fill_spikes(uint64_t *random, const snn_spikes *spikes, int32_t steps, int32_t last_step, int flip)
{
    for (int32_t step = 0; step < steps; step++) {
        for (int32_t image = 0; image < spikes->images; image++) {
            uint8_t *plane = snn_spikes_plane(spikes, step, image);
            const uint8_t *before = snn_spikes_plane(spikes, step == 0 ? last_step : step - 1, image);
            for (int64_t position = 0; position < spikes->positions; position++) {
                for (int32_t channel = 0; channel < spikes->channels; channel++) {
                    int64_t bit = position * spikes->row_bytes * 8 + channel;
                    int changed = draw(random) % (uint64_t)(flip == 0 ? 2 : flip) == 0;
                    set_bit(plane, bit, flip == 0 ? changed : bit_of(before, bit) ^ changed);
                }
            }
        }
    }
}

static uint8_t codec_of(const uint8_t *packet)
{
    return packet[6];
}

static snn_status encode_bits(snn_packet_coder *coder, const snn_spikes *spikes, uint32_t group, uint32_t first_step,
                              int32_t steps, int32_t images, uint8_t *packet, size_t *bytes)
{
    const snn_packet_block block = {.spikes = *spikes};
    return snn_packet_encode(coder, &block, group, first_step, steps, images, packet, bytes);
}

static snn_status decode_bits(snn_packet_coder *coder, const uint8_t *packet, size_t bytes, uint32_t group,
                              uint32_t first_step, int32_t steps, int32_t images, const snn_spikes *spikes)
{
    const snn_packet_block block = {.spikes = *spikes};
    return snn_packet_decode(coder, packet, bytes, group, first_step, steps, images, &block);
}

/* Several groups of several blocks through a coder pair; everything in range arrives, nothing else changes. */
static void check_round_trip(uint64_t *random, const snn_packet_shape *shape, int32_t channels, snn_codec codec,
                             int flip)
{
    snn_packet_coder *sender = NULL;
    snn_packet_coder *receiver = NULL;
    succeeds(create_coder(shape, codec, &sender));
    succeeds(create_coder(shape, codec, &receiver));
    uint8_t *packet = snn_allocate(snn_packet_bound(sender) + GUARD_BYTES, 1);
    memset(packet + snn_packet_bound(sender), GUARD, GUARD_BYTES);
    snn_spikes sent = make_spikes(shape->positions, channels, shape->images, shape->block);
    snn_spikes placed = make_spikes(shape->positions, channels, shape->images, shape->block);
    size_t spike_bytes = (size_t)(shape->block * shape->images * snn_spikes_plane_bytes(&sent));
    for (uint32_t group = 5; group < 7; group++) {
        int32_t images = group == 5 ? shape->images : draw_between(random, 1, shape->images);
        uint32_t first_step = 0;
        int32_t last = 0;
        for (int block = 0; block < 3; block++) {
            int32_t steps = block < 2 ? shape->block : draw_between(random, 1, shape->block);
            size_t bytes = 0;
            fill_spikes(random, &sent, steps, last, flip);
            memset(placed.bits, GUARD, spike_bytes);
            succeeds(encode_bits(sender, &sent, group, first_step, steps, images, packet, &bytes));
            assert_true(bytes <= snn_packet_bound(sender));
            assert_true(bytes <= 40 + snn_packet_raw_bytes(sender, steps, images));
            if (codec == SNN_CODEC_RAW) {
                assert_int_equal(bytes, 40 + snn_packet_raw_bytes(sender, steps, images));
            }
            succeeds(decode_bits(receiver, packet, bytes, group, first_step, steps, images, &placed));
            for (int32_t plane = 0; plane < shape->block * shape->images; plane++) {
                int32_t step = plane / shape->images;
                int32_t image = plane % shape->images;
                const uint8_t *before = snn_spikes_plane(&sent, step, image);
                const uint8_t *after = snn_spikes_plane(&placed, step, image);
                for (int64_t bit = 0; bit < shape->positions * sent.row_bytes * 8; bit++) {
                    int64_t channel = bit % (sent.row_bytes * 8);
                    int carried = step < steps && image < images && channel >= shape->channel_begin &&
                                  channel < shape->channel_end;
                    assert_int_equal(bit_of(after, bit), carried ? bit_of(before, bit) : GUARD >> bit % 8 & 1);
                }
            }
            first_step += (uint32_t)steps;
            last = steps - 1;
        }
    }
    for (size_t i = 0; i < GUARD_BYTES; i++) {
        assert_int_equal(packet[snn_packet_bound(sender) + i], GUARD);
    }
    snn_release(packet);
    snn_release(sent.bits);
    snn_release(placed.bits);
    snn_packet_coder_destroy(sender);
    snn_packet_coder_destroy(receiver);
}

static void test_round_trips(void **state)
{
    (void)state;
    uint64_t random = 3;
    const snn_codec codecs[] = {SNN_CODEC_RAW, SNN_CODEC_ZSTD, SNN_CODEC_XOR, SNN_CODEC_CONTEXT};
    const int flips[] = {0, 3, 50};
    for (int i = 0; i < 96; i++) {
        int32_t channels = draw_between(&random, 1, 70);
        int32_t begin = draw_between(&random, 0, channels - 1);
        const snn_packet_shape shape = {.edge = (uint32_t)draw(&random),
                                        .positions = draw_between(&random, 1, 12),
                                        .channel_begin = begin,
                                        .channel_end = draw_between(&random, begin + 1, channels),
                                        .images = draw_between(&random, 1, 4),
                                        .block = draw_between(&random, 1, 6)};
        check_round_trip(&random, &shape, channels, codecs[i % 4], flips[i / 4 % 3]);
    }
}

/* A slowly changing pattern must get much smaller with xor, and not with raw; random bits fall back to raw. */
static void test_compression(void **state)
{
    (void)state;
    const snn_packet_shape shape = {
        .edge = 1, .positions = 64, .channel_begin = 0, .channel_end = 64, .images = 2, .block = 8};
    uint64_t random = 4;
    snn_spikes spikes = make_spikes(64, 64, 2, 8);
    fill_spikes(&random, &spikes, 1, 0, 0);
    fill_spikes(&random, &spikes, 8, 0, 500);
    snn_packet_coder *coder = NULL;
    size_t bytes = 0;
    succeeds(create_coder(&shape, SNN_CODEC_XOR, &coder));
    size_t raw_bytes = snn_packet_raw_bytes(coder, 8, 2);
    assert_int_equal(raw_bytes, 8 * 2 * 64 * 64 / 8);
    uint8_t *packet = snn_allocate(snn_packet_bound(coder), 1);
    succeeds(encode_bits(coder, &spikes, 0, 0, 8, 2, packet, &bytes));
    assert_int_equal(codec_of(packet), SNN_CODEC_XOR);
    assert_true(bytes < raw_bytes / 2);
    /* The block after: its first step continues the last, so all of it is small. */
    fill_spikes(&random, &spikes, 8, 7, 500);
    succeeds(encode_bits(coder, &spikes, 0, 8, 8, 2, packet, &bytes));
    assert_true(bytes < raw_bytes / 4);
    fill_spikes(&random, &spikes, 8, 7, 0);
    succeeds(encode_bits(coder, &spikes, 0, 16, 8, 2, packet, &bytes));
    assert_int_equal(codec_of(packet), SNN_CODEC_RAW);
    assert_int_equal(bytes, raw_bytes + 40);
    snn_packet_coder_destroy(coder);
    snn_release(packet);
    snn_release(spikes.bits);
}

/* The header as the format defines it, byte by byte. */
static void test_header_bytes(void **state)
{
    (void)state;
    const snn_packet_shape shape = {
        .edge = 0x04030201, .positions = 2, .channel_begin = 1, .channel_end = 4, .images = 3, .block = 2};
    snn_spikes spikes = make_spikes(2, 5, 3, 2);
    spikes.bits[0] = 0x0a; /* step 0, image 0, position 0: channels 1 and 3 */
    spikes.bits[1] = 0x04; /* position 1: channel 2 */
    snn_packet_coder *coder = NULL;
    size_t bytes = 0;
    succeeds(create_coder(&shape, SNN_CODEC_RAW, &coder));
    uint8_t *packet = snn_allocate(snn_packet_bound(coder), 1);
    succeeds(encode_bits(coder, &spikes, 0x0d0c0b0a, 0x100, 2, 3, packet, &bytes));
    const uint8_t header[32] = {'S', 'P', 'K', '1', 3, 0, 0, 0, 1, 2, 3, 4, 0x0a, 0x0b, 0x0c, 0x0d,
                                0,   1,   0,   0,   2, 0, 3, 0, 6, 0, 0, 0, 6,    0,    0,    0};
    const uint8_t payload[6] = {0x15, 0, 0, 0, 0, 0}; /* bits 1 0 1, 0 1 0 */
    assert_int_equal(bytes, 46);
    assert_memory_equal(packet, header, sizeof header);
    assert_memory_equal(packet + 40, payload, sizeof payload);
    snn_packet_coder_destroy(coder);
    snn_release(packet);
    snn_release(spikes.bits);
}

/* --- damage --- */

typedef struct damage_case {
    snn_packet_shape shape;
    snn_spikes spikes;
    uint8_t *packet, *damaged;
    size_t bytes;
} damage_case;

static void damage_begin(damage_case *made, snn_codec codec)
{
    uint64_t random = 5;
    made->shape =
        (snn_packet_shape){.edge = 9, .positions = 16, .channel_begin = 3, .channel_end = 20, .images = 2, .block = 4};
    made->spikes = make_spikes(16, 24, 2, 4);
    fill_spikes(&random, &made->spikes, 4, 0, 40);
    snn_packet_coder *coder = NULL;
    succeeds(create_coder(&made->shape, codec, &coder));
    made->packet = snn_allocate(snn_packet_bound(coder), 1);
    made->damaged = snn_allocate(snn_packet_bound(coder) + 1, 1);
    succeeds(encode_bits(coder, &made->spikes, 7, 0, 4, 2, made->packet, &made->bytes));
    assert_int_equal(codec_of(made->packet), codec);
    memcpy(made->damaged, made->packet, made->bytes);
    snn_packet_coder_destroy(coder);
}

static void damage_end(damage_case *made)
{
    snn_release(made->spikes.bits);
    snn_release(made->packet);
    snn_release(made->damaged);
}

/* What a fresh receiver that expects (group, step, steps, images) says to the damaged packet. */
static snn_status receive(const damage_case *made, snn_codec codec, size_t bytes, uint32_t group, uint32_t first_step,
                          int32_t steps, int32_t images)
{
    snn_packet_coder *coder = NULL;
    succeeds(create_coder(&made->shape, codec, &coder));
    snn_status status = decode_bits(coder, made->damaged, bytes, group, first_step, steps, images, &made->spikes);
    snn_packet_coder_destroy(coder);
    return status;
}

static void test_every_flipped_bit_is_found(void **state)
{
    (void)state;
    const snn_codec codecs[] = {SNN_CODEC_RAW, SNN_CODEC_ZSTD, SNN_CODEC_XOR, SNN_CODEC_CONTEXT};
    /* Field at each header byte, as in packet.h. */
    static const struct {
        size_t end;
        const char *name;
    } fields[] = {{4, "magic"},      {5, "version"},        {6, "chosen"},      {7, ""},       {8, "payload"},
                  {12, "edge"},      {16, "group"},         {20, "first_step"}, {22, "steps"}, {24, "images"},
                  {28, "raw_bytes"}, {32, "payload_bytes"}, {40, "checksum"}};
    for (int c = 0; c < 4; c++) {
        damage_case made;
        damage_begin(&made, codecs[c]);
        succeeds(receive(&made, codecs[c], made.bytes, 7, 0, 4, 2));
        for (size_t bit = 0; bit < made.bytes * 8; bit++) {
            const char *name = "checksum"; /* of any damage to the payload */
            for (size_t i = sizeof fields / sizeof fields[0]; i-- > 0;) {
                name = bit / 8 < fields[i].end ? fields[i].name : name;
            }
            made.damaged[bit / 8] ^= (uint8_t)(1 << bit % 8);
            fails_with(receive(&made, codecs[c], made.bytes, 7, 0, 4, 2), SNN_INTERNAL_ERROR, name);
            made.damaged[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        damage_end(&made);
    }
}

static void test_codec_field(void **state)
{
    (void)state;
    damage_case made;
    damage_begin(&made, SNN_CODEC_XOR);
    made.damaged[5] = SNN_CODEC_ZSTD; /* not what this edge uses */
    fails_with(receive(&made, SNN_CODEC_XOR, made.bytes, 7, 0, 4, 2), SNN_INTERNAL_ERROR,
               "chosen codec: 1, expected 2");
    made.damaged[5] = 77;
    fails_with(receive(&made, SNN_CODEC_XOR, made.bytes, 7, 0, 4, 2), SNN_INTERNAL_ERROR, "chosen codec: 77");
    fails_with(receive(&made, SNN_CODEC_AUTO, made.bytes, 7, 0, 4, 2), SNN_INTERNAL_ERROR, "chosen codec: 77");
    made.damaged[5] = SNN_CODEC_AUTO;
    fails_with(receive(&made, SNN_CODEC_AUTO, made.bytes, 7, 0, 4, 2), SNN_INTERNAL_ERROR, "chosen codec: 4");
    made.damaged[5] = SNN_CODEC_CONTEXT; /* a receiver that is open takes it, but it is not what was sent */
    fails_with(receive(&made, SNN_CODEC_AUTO, made.bytes, 7, 0, 4, 2), SNN_INTERNAL_ERROR, "codec: 2, expected 3");
    made.damaged[5] = SNN_CODEC_XOR;
    succeeds(receive(&made, SNN_CODEC_AUTO, made.bytes, 7, 0, 4, 2));
    made.damaged[6] = SNN_CODEC_ZSTD;
    fails_with(receive(&made, SNN_CODEC_XOR, made.bytes, 7, 0, 4, 2), SNN_INTERNAL_ERROR, "codec: 1, expected 2");
    made.damaged[6] = SNN_CODEC_RAW; /* allowed, but not what it is */
    fails_with(receive(&made, SNN_CODEC_XOR, made.bytes, 7, 0, 4, 2), SNN_INTERNAL_ERROR, "checksum");
    damage_end(&made);
}

/* --- the choice of a codec --- */

/* A group of three blocks from a sender that leaves the codec open to a receiver that does; what was chosen. */
static snn_codec send_group(snn_packet_coder *sender, snn_packet_coder *receiver, uint32_t group, snn_spikes *spikes,
                            const snn_spikes *placed)
{
    uint64_t random = group;
    uint8_t *packet = snn_allocate(snn_packet_bound(sender), 1);
    for (uint32_t first = 0; first < 12; first += 4) {
        size_t bytes = 0;
        fill_spikes(&random, spikes, 4, 3, 40);
        succeeds(encode_bits(sender, spikes, group, first, 4, 2, packet, &bytes));
        succeeds(decode_bits(receiver, packet, bytes, group, first, 4, 2, placed));
        assert_memory_equal(spikes->bits, placed->bits, (size_t)(4 * 2 * snn_spikes_plane_bytes(spikes)));
    }
    snn_release(packet);
    assert_int_equal(snn_packet_coder_chosen(sender), snn_packet_coder_chosen(receiver));
    return snn_packet_coder_chosen(sender);
}

static void test_choice(void **state)
{
    (void)state;
    const snn_packet_shape shape = {
        .edge = 1, .positions = 256, .channel_begin = 0, .channel_end = 64, .images = 2, .block = 4};
    snn_spikes spikes = make_spikes(256, 64, 2, 4), placed = make_spikes(256, 64, 2, 4);
    snn_packet_coder *sender = NULL, *receiver = NULL;
    succeeds(create_coder(&shape, SNN_CODEC_AUTO, &sender));
    succeeds(create_coder(&shape, SNN_CODEC_AUTO, &receiver));
    /* A link that is not known, one that costs nothing, and one so slow that bytes are all that counts. */
    assert_int_equal(send_group(sender, receiver, 0, &spikes, &placed), SNN_CODEC_RAW);
    succeeds(snn_packet_coder_set_link(sender, 1e-15));
    assert_int_equal(send_group(sender, receiver, 1, &spikes, &placed), SNN_CODEC_RAW);
    succeeds(snn_packet_coder_set_link(sender, 1.0));
    for (uint32_t group = 2; group < 70; group++) { /* past a second measurement */
        const snn_codec chosen = send_group(sender, receiver, group, &spikes, &placed);
        assert_true(chosen == SNN_CODEC_XOR || chosen == SNN_CODEC_CONTEXT); /* both know the step before */
    }
    snn_packet_coder_destroy(sender);
    snn_packet_coder_destroy(receiver);
    snn_release(spikes.bits);
    snn_release(placed.bits);
}

/* The first block of all cannot show what a codec will save: its usual is hoped for until a group has shown better. */
static void test_first_choice(void **state)
{
    (void)state;
    const snn_packet_shape shape = {
        .edge = 1, .positions = 256, .channel_begin = 0, .channel_end = 64, .images = 2, .block = 4};
    snn_spikes spikes = make_spikes(256, 64, 2, 4);
    snn_packet_coder *sender = NULL;
    succeeds(create_coder(&shape, SNN_CODEC_AUTO, &sender));
    succeeds(snn_packet_coder_set_link(sender, 1.0));
    uint8_t *packet = snn_allocate(snn_packet_bound(sender), 1);
    uint32_t random = 1;
    for (uint32_t group = 0; group < 2; group++) {
        for (uint32_t first = 0; first < 12; first += 4) {
            size_t bytes = 0;
            for (int64_t i = 0; i < 4 * 2 * snn_spikes_plane_bytes(&spikes); i++) { /* nothing to save */
                random = random * 1664525u + 1013904223u;
                spikes.bits[i] = (uint8_t)(random >> 24);
            }
            succeeds(encode_bits(sender, &spikes, group, first, 4, 2, packet, &bytes));
        }
        assert_int_equal(snn_packet_coder_chosen(sender), group == 0 ? SNN_CODEC_CONTEXT : SNN_CODEC_RAW);
    }
    snn_packet_coder_destroy(sender);
    snn_release(packet);
    snn_release(spikes.bits);
}

/* Within a group the codec stays. */
static void test_choice_cannot_change_within_a_group(void **state)
{
    (void)state;
    const snn_packet_shape shape = {
        .edge = 1, .positions = 64, .channel_begin = 0, .channel_end = 64, .images = 2, .block = 4};
    snn_spikes spikes = make_spikes(64, 64, 2, 4);
    snn_packet_coder *first = NULL, *other = NULL, *receiver = NULL;
    size_t bytes = 0;
    succeeds(create_coder(&shape, SNN_CODEC_XOR, &first));
    succeeds(create_coder(&shape, SNN_CODEC_CONTEXT, &other));
    succeeds(create_coder(&shape, SNN_CODEC_AUTO, &receiver));
    uint8_t *packet = snn_allocate(snn_packet_bound(first), 1);
    succeeds(encode_bits(first, &spikes, 0, 0, 4, 2, packet, &bytes));
    succeeds(decode_bits(receiver, packet, bytes, 0, 0, 4, 2, &spikes));
    succeeds(encode_bits(other, &spikes, 0, 0, 4, 2, packet, &bytes));
    succeeds(encode_bits(other, &spikes, 0, 4, 4, 2, packet, &bytes));
    fails_with(decode_bits(receiver, packet, bytes, 0, 4, 4, 2, &spikes), SNN_INTERNAL_ERROR,
               "chosen codec: 3, expected 2");
    snn_packet_coder_destroy(first);
    snn_packet_coder_destroy(other);
    snn_packet_coder_destroy(receiver);
    snn_release(packet);
    snn_release(spikes.bits);
}

static void test_every_truncation_is_found(void **state)
{
    (void)state;
    const snn_codec codecs[] = {SNN_CODEC_RAW, SNN_CODEC_ZSTD, SNN_CODEC_XOR, SNN_CODEC_CONTEXT};
    for (int c = 0; c < 4; c++) {
        damage_case made;
        damage_begin(&made, codecs[c]);
        for (size_t bytes = 0; bytes < made.bytes; bytes++) {
            fails_with(receive(&made, codecs[c], bytes, 7, 0, 4, 2), SNN_INTERNAL_ERROR,
                       bytes < 40 ? "length" : "payload_bytes");
        }
        /* Longer is as wrong as shorter; the raw packet is already the longest possible. */
        fails_with(receive(&made, codecs[c], made.bytes + 1, 7, 0, 4, 2), SNN_INTERNAL_ERROR,
                   codecs[c] == SNN_CODEC_RAW ? "length" : "payload_bytes");
        damage_end(&made);
    }
}

static void test_packet_out_of_place(void **state)
{
    (void)state;
    damage_case made;
    damage_begin(&made, SNN_CODEC_ZSTD);
    fails_with(receive(&made, SNN_CODEC_ZSTD, made.bytes, 8, 0, 4, 2), SNN_INTERNAL_ERROR, "group: 7, expected 8");
    fails_with(receive(&made, SNN_CODEC_ZSTD, made.bytes, 7, 4, 4, 2), SNN_INTERNAL_ERROR, "first_step: 0, expected 4");
    fails_with(receive(&made, SNN_CODEC_ZSTD, made.bytes, 7, 0, 3, 2), SNN_INTERNAL_ERROR, "steps: 4, expected 3");
    fails_with(receive(&made, SNN_CODEC_ZSTD, made.bytes, 7, 0, 4, 1), SNN_INTERNAL_ERROR, "images: 2, expected 1");
    made.shape.edge = 10;
    fails_with(receive(&made, SNN_CODEC_ZSTD, made.bytes, 7, 0, 4, 2), SNN_INTERNAL_ERROR, "edge: 9, expected 10");
    made.shape.edge = 9;
    made.shape.channel_end = 19; /* the two ends do not agree on the edge's channels */
    fails_with(receive(&made, SNN_CODEC_ZSTD, made.bytes, 7, 0, 4, 2), SNN_INTERNAL_ERROR, "raw_bytes");
    damage_end(&made);
}

static void test_wrong_use(void **state)
{
    (void)state;
    snn_packet_shape shape = {
        .edge = 9, .positions = 16, .channel_begin = 3, .channel_end = 20, .images = 2, .block = 4};
    snn_spikes spikes = make_spikes(16, 24, 2, 4);
    snn_packet_coder *coder = NULL;
    size_t bytes = 0;
    succeeds(create_coder(&shape, SNN_CODEC_XOR, &coder));
    uint8_t *packet = snn_allocate(snn_packet_bound(coder), 1);
    fails_with(encode_bits(coder, &spikes, 0, 0, 5, 2, packet, &bytes), SNN_INTERNAL_ERROR, "5 steps");
    fails_with(encode_bits(coder, &spikes, 0, 0, 4, 3, packet, &bytes), SNN_INTERNAL_ERROR, "3 images");
    fails_with(encode_bits(coder, &spikes, 0, 0, 0, 1, packet, &bytes), SNN_INTERNAL_ERROR, "0 steps");
    /* XOR builds on the block before. */
    succeeds(encode_bits(coder, &spikes, 0, 0, 4, 2, packet, &bytes));
    fails_with(encode_bits(coder, &spikes, 0, 8, 4, 2, packet, &bytes), SNN_INTERNAL_ERROR, "out of order");
    fails_with(encode_bits(coder, &spikes, 1, 4, 4, 2, packet, &bytes), SNN_INTERNAL_ERROR, "out of order");
    succeeds(encode_bits(coder, &spikes, 0, 4, 4, 2, packet, &bytes));
    snn_spikes other = spikes;
    other.channels = 19;
    fails_with(encode_bits(coder, &other, 0, 0, 4, 2, packet, &bytes), SNN_INTERNAL_ERROR, "19 channels");
    snn_packet_coder_destroy(coder);
    snn_release(packet);
    snn_release(spikes.bits);

    shape.channel_end = 3;
    fails_with(create_coder(&shape, SNN_CODEC_RAW, &coder), SNN_INTERNAL_ERROR, "[3, 3)");
    shape.channel_end = 1 << 20;
    shape.positions = 1 << 20;
    fails_with(create_coder(&shape, SNN_CODEC_RAW, &coder), SNN_INPUT_ERROR, "too large");
    shape = (snn_packet_shape){.positions = 1, .channel_end = 1, .images = 65535, .block = 65535};
    fails_with(create_coder(&shape, SNN_CODEC_RAW, &coder), SNN_INPUT_ERROR, "too large");
    snn_packet_coder_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_planes_all_small_ranges),
        cmocka_unit_test(test_planes_of_windows),
        cmocka_unit_test(test_planes_random_ranges),
        cmocka_unit_test(test_codec_names),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_compression),
        cmocka_unit_test(test_header_bytes),
        cmocka_unit_test(test_every_flipped_bit_is_found),
        cmocka_unit_test(test_codec_field),
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_first_choice),
        cmocka_unit_test(test_choice_cannot_change_within_a_group),
        cmocka_unit_test(test_every_truncation_is_found),
        cmocka_unit_test(test_packet_out_of_place),
        cmocka_unit_test(test_wrong_use),
    };
    return cmocka_run_group_tests(tests, create_workspace, destroy_workspace);
}
