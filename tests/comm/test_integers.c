/* Packets of integers: planes against one value at a time, round trips, and what is not taken for what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "comm/packet.h"
#include "core/base/memory.h"

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

static snn_sums make_sums(int64_t positions, int32_t channels, int32_t images, int32_t steps)
{
    snn_sums sums = {.positions = positions, .channels = channels, .images = images};
    sums.values = snn_allocate((size_t)(steps * images * snn_sums_plane_bytes(&sums)), 1);
    return sums;
}

/* Shared by all coders of this process. */
static snn_codec_workspace *shared_workspace;

static int create_workspace(void **state)
{
    (void)state;
    const float eta[] = {0.15F}; /* integers have no use for it */
    return snn_failed(snn_codec_workspace_create(eta, 1, &shared_workspace));
}

static int destroy_workspace(void **state)
{
    (void)state;
    snn_codec_workspace_destroy(shared_workspace);
    return 0;
}

/* What a plane is, one value at a time. */
static void check_integer_plane(const uint8_t *packed, const int32_t *values, const snn_packet_shape *shape,
                                int32_t channels)
{
    const int32_t width = shape->channel_end - shape->channel_begin;
    const int64_t count = shape->positions * width;
    for (int64_t i = 0; i < count; i++) {
        const int64_t value = values[i / width * channels + shape->channel_begin + i % width];
        const int64_t zigzag = value < 0 ? -2 * value - 1 : 2 * value;
        for (int byte = 0; byte < 4; byte++) {
            assert_int_equal(packed[byte * count + i], zigzag >> (8 * byte) & 0xff);
        }
    }
}

static void check_integers(uint64_t *random, const snn_packet_shape *shape, int32_t channels, snn_codec codec, int bits)
{
    snn_packet_coder *sender = NULL, *receiver = NULL;
    succeeds(snn_packet_coder_create(shape, codec, shared_workspace, &sender));
    succeeds(snn_packet_coder_create(shape, codec, shared_workspace, &receiver));
    uint8_t *packet = snn_allocate(snn_packet_bound(sender), 1);
    const snn_packet_block sent = {.sums = make_sums(shape->positions, channels, shape->images, shape->block)};
    const snn_packet_block placed = {.sums = make_sums(shape->positions, channels, shape->images, shape->block)};
    const int64_t count = shape->positions * channels * shape->images * shape->block;
    const int32_t images = draw_between(random, 1, shape->images);
    int32_t *from = sent.sums.values, *to = placed.sums.values;
    for (uint32_t first = 0; first < 30; first += 10) { /* blocks of XOR need not follow each other here */
        const int32_t steps = draw_between(random, 1, shape->block);
        size_t bytes = 0;
        for (int64_t i = 0; i < count; i++) {
            from[i] = (int32_t)((int64_t)(draw(random) % (2ULL << bits)) - (1LL << bits));
            to[i] = (int32_t)i - 7;
        }
        from[0] = INT32_MIN;
        from[count - 1] = INT32_MAX;
        succeeds(snn_packet_encode(sender, &sent, 3, first, steps, images, packet, &bytes));
        assert_int_equal(packet[7], SNN_PAYLOAD_INTEGERS);
        assert_true(bytes <= 40 + snn_packet_raw_bytes(sender, steps, images));
        if (packet[6] == SNN_CODEC_RAW) {
            assert_int_equal(bytes, 40 + snn_packet_raw_bytes(sender, steps, images));
            check_integer_plane(packet + 40, from, shape, channels);
            if (shape->width > 0 &&
                steps > 1) { /* the first image's second plane: differences, which may wrap around */
                const int64_t size = shape->positions * channels;
                const int32_t *next = from + size * shape->images;
                int32_t *differences = snn_allocate((size_t)size, sizeof *differences);
                for (int64_t i = 0; i < size; i++) {
                    differences[i] = (int32_t)((uint32_t)next[i] - (uint32_t)from[i]);
                }
                const size_t plane = snn_packet_raw_bytes(sender, 1, images);
                check_integer_plane(packet + 40 + plane, differences, shape, channels);
                snn_release(differences);
            }
        } else {
            assert_int_equal(packet[6], SNN_CODEC_ZSTD);
        }
        succeeds(snn_packet_decode(receiver, packet, bytes, 3, first, steps, images, &placed));
        for (int64_t i = 0; i < count; i++) {
            const int64_t channel = i % channels, plane = i / channels / shape->positions;
            const bool carried = channel >= shape->channel_begin && channel < shape->channel_end &&
                                 plane % shape->images < images && plane / shape->images < steps;
            assert_int_equal(to[i], carried ? from[i] : (int32_t)i - 7);
        }
    }
    snn_release(packet);
    snn_release(sent.sums.values);
    snn_release(placed.sums.values);
    snn_packet_coder_destroy(sender);
    snn_packet_coder_destroy(receiver);
}

static void test_integers(void **state)
{
    (void)state;
    uint64_t random = 6;
    const snn_codec codecs[] = {SNN_CODEC_RAW, SNN_CODEC_ZSTD, SNN_CODEC_XOR, SNN_CODEC_CONTEXT};
    const int bits[] = {3, 12, 30};
    for (int i = 0; i < 64; i++) {
        const int32_t channels = draw_between(&random, 1, 70), begin = draw_between(&random, 0, channels - 1);
        const snn_packet_shape shape = {.edge = (uint32_t)draw(&random),
                                        .payload = SNN_PAYLOAD_INTEGERS,
                                        .positions = draw_between(&random, 1, 12),
                                        .channel_begin = begin,
                                        .channel_end = draw_between(&random, begin + 1, channels),
                                        .images = draw_between(&random, 1, 4),
                                        .block = draw_between(&random, 1, 6),
                                        .width = i % 2};
        check_integers(&random, &shape, channels, codecs[i / 2 % 4], bits[i / 8 % 3]);
    }
}

/* Small values in 32 bits must get much smaller. */
static void test_integers_shrink(void **state)
{
    (void)state;
    const snn_packet_shape shape = {
        .payload = SNN_PAYLOAD_INTEGERS, .positions = 64, .channel_end = 64, .images = 1, .block = 2};
    uint64_t random = 7;
    const snn_packet_block block = {.sums = make_sums(64, 64, 1, 2)};
    snn_packet_coder *coder = NULL;
    size_t bytes = 0;
    for (int i = 0; i < 64 * 64 * 2; i++) {
        ((int32_t *)block.sums.values)[i] = draw_between(&random, -100, 100);
    }
    succeeds(snn_packet_coder_create(&shape, SNN_CODEC_XOR, shared_workspace, &coder));
    uint8_t *packet = snn_allocate(snn_packet_bound(coder), 1);
    succeeds(snn_packet_encode(coder, &block, 0, 0, 2, 1, packet, &bytes));
    assert_int_equal(packet[6], SNN_CODEC_ZSTD);
    assert_true(bytes < snn_packet_raw_bytes(coder, 2, 1) / 3);
    snn_packet_coder_destroy(coder);
    snn_release(packet);
    snn_release(block.sums.values);
}

/* Bits and integers are not taken for each other. */
static void test_payloads_are_told_apart(void **state)
{
    (void)state;
    snn_packet_shape shape = {
        .payload = SNN_PAYLOAD_INTEGERS, .positions = 2, .channel_end = 3, .images = 1, .block = 1};
    uint8_t rows[2] = {0};
    const snn_packet_block bits = {.spikes = {rows, 2, 3, 1, 1}};
    const snn_packet_block block = {.spikes = bits.spikes, .sums = make_sums(2, 3, 1, 1)};
    snn_packet_coder *integers = NULL, *spikes = NULL;
    size_t bytes = 0;
    succeeds(snn_packet_coder_create(&shape, SNN_CODEC_RAW, shared_workspace, &integers));
    shape.payload = SNN_PAYLOAD_BITS;
    succeeds(snn_packet_coder_create(&shape, SNN_CODEC_RAW, shared_workspace, &spikes));
    uint8_t *packet = snn_allocate(snn_packet_bound(integers), 1);
    fails_with(snn_packet_encode(integers, &bits, 0, 0, 1, 1, packet, &bytes), SNN_INTERNAL_ERROR, "sums of 0");
    succeeds(snn_packet_encode(spikes, &block, 0, 0, 1, 1, packet, &bytes));
    fails_with(snn_packet_decode(integers, packet, bytes, 0, 0, 1, 1, &block), SNN_INTERNAL_ERROR,
               "payload: 0, expected 1");
    snn_packet_coder_destroy(integers);
    snn_packet_coder_destroy(spikes);
    snn_release(packet);
    snn_release(block.sums.values);
}

/* Whole sums that a window changes less from step to step: the steps after the first must be small. */
static void test_sums_of_windows(void **state)
{
    (void)state;
    uint64_t random = 8;
    size_t bytes[2];
    const snn_packet_block block = {.sums = make_sums(64, 64, 1, 6)};
    int32_t *values = block.sums.values;
    for (int i = 0; i < 64 * 64; i++) {
        values[i] = draw_between(&random, -(1 << 22), 1 << 22);
    }
    for (int i = 64 * 64; i < 6 * 64 * 64; i++) {
        values[i] = values[i - 64 * 64] + draw_between(&random, -100, 100);
    }
    for (int windows = 0; windows < 2; windows++) {
        const snn_packet_shape shape = {.payload = SNN_PAYLOAD_INTEGERS,
                                        .positions = 64,
                                        .channel_end = 64,
                                        .images = 1,
                                        .block = 6,
                                        .width = windows * 8};
        snn_packet_coder *coder = NULL;
        succeeds(snn_packet_coder_create(&shape, SNN_CODEC_CONTEXT, shared_workspace, &coder));
        uint8_t *packet = snn_allocate(snn_packet_bound(coder), 1);
        succeeds(snn_packet_encode(coder, &block, 0, 0, 6, 1, packet, &bytes[windows]));
        snn_packet_coder_destroy(coder);
        snn_release(packet);
    }
    assert_true(bytes[1] * 3 < bytes[0] * 2);
    snn_release(block.sums.values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_integers_shrink),
        cmocka_unit_test(test_sums_of_windows),
        cmocka_unit_test(test_payloads_are_told_apart),
    };
    return cmocka_run_group_tests(tests, create_workspace, destroy_workspace);
}
