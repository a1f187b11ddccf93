/* Codecs and packets of windows: whatever is sent arrives, what is damaged is refused, and images become small. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "comm/codec.h"
#include "comm/planes.h"
#include "core/base/memory.h"
#include "core/dynamics/windows.h"

enum { GUARD = 0xa5, HEADER_BYTES = 40 };

/* splitmix64 */
static uint64_t draw(uint64_t *random)
{
    *random += 0x9e3779b97f4a7c15u;
    uint64_t z = *random;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static int32_t draw_between(uint64_t *random, int32_t least, int32_t most)
{
    return least + (int32_t)(draw(random) % (uint64_t)(most - least + 1));
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

static snn_codec_workspace *make_workspace(const snn_windows *windows)
{
    float eta[SNN_WINDOW_STEPS];
    snn_codec_workspace *workspace = NULL;
    for (int32_t step = 0; step < windows->steps; step++) {
        eta[step] = (float)windows->magnitude[step];
    }
    succeeds(snn_codec_workspace_create(eta, windows->steps, &workspace));
    return workspace;
}

/* --- windows of an image --- */

typedef struct sample {
    snn_windows windows;
    snn_packet_shape shape;
    snn_spikes spikes;
} sample;

static size_t spike_bytes(const sample *made)
{
    return (size_t)snn_spikes_block_bytes(&made->spikes, made->shape.block);
}

static snn_spikes make_spikes(const snn_packet_shape *shape, int32_t channels)
{
    snn_spikes spikes = snn_spikes_of(NULL, shape->positions, channels, shape->images, shape->block);
    spikes.bits = snn_allocate((size_t)snn_spikes_block_bytes(&spikes, shape->block), 1);
    assert_non_null(spikes.bits);
    return spikes;
}

/* Neurons that reach for what changes little from position to position, and is 0 (where y is to rest) in most channels.
 * roughness: how much it changes. */
static void fire(sample *made, uint64_t *random, int32_t roughness)
{
    const snn_spikes *spikes = &made->spikes;
    const int32_t reach = snn_windows_reach(&made->windows), rest = snn_windows_rest(&made->windows, reach, false);
    memset(spikes->bits, 0, spike_bytes(made));
    for (int32_t channel = 0; channel < spikes->channels; channel++) {
        int32_t wanted = draw_between(random, -2 * reach, reach);
        for (int64_t neuron = 0; neuron < made->shape.images * spikes->positions; neuron++) {
            const int32_t image = (int32_t)(neuron / spikes->positions);
            const int64_t position = neuron % spikes->positions;
            int32_t y = rest;
            wanted += draw_between(random, -roughness, roughness);
            for (int32_t step = 0; step < made->shape.block; step++) {
                const bool spike = (wanted > 0 ? wanted : 0) <= y;
                y += spike ? -made->windows.magnitude[step] : made->windows.magnitude[step];
                snn_spikes_set(spikes, step, image, position, channel, spike);
            }
        }
    }
}

static void sample_clear(sample *made)
{
    snn_release(made->spikes.bits);
}

/* --- packets --- */

static snn_status encode(snn_packet_coder *coder, const sample *made, const snn_spikes *spikes, int32_t images,
                         uint8_t *packet, size_t *bytes)
{
    const snn_packet_block block = {.spikes = *spikes};
    return snn_packet_encode(coder, &block, 7, 0, made->shape.block, images, packet, bytes);
}

static snn_status decode(snn_packet_coder *coder, const sample *made, const snn_spikes *spikes, int32_t images,
                         const uint8_t *packet, size_t bytes)
{
    const snn_packet_block block = {.spikes = *spikes};
    return snn_packet_decode(coder, packet, bytes, 7, 0, made->shape.block, images, &block);
}

/* Channels and images that were sent are there, all else is as before. */
static void check_placed(const sample *made, int32_t images, const snn_spikes *placed)
{
    for (int32_t step = 0; step < made->shape.block; step++) {
        for (int32_t image = 0; image < made->shape.images; image++) {
            for (int64_t position = 0; position < made->shape.positions; position++) {
                for (int32_t channel = 0; channel < placed->channels; channel++) {
                    const bool carried =
                        image < images && channel >= made->shape.channel_begin && channel < made->shape.channel_end;
                    const int32_t bit = snn_spikes_step_bit(placed->window, step);
                    const bool expected = carried ? snn_spikes_fired(&made->spikes, step, image, position, channel)
                                                  : (GUARD >> bit & 1) != 0;
                    assert_int_equal(snn_spikes_fired(placed, step, image, position, channel), expected);
                }
            }
        }
    }
}

static void check_round_trip(sample *made, uint64_t *random, snn_codec codec)
{
    snn_codec_workspace *workspace = make_workspace(&made->windows);
    snn_packet_coder *sender = NULL, *receiver = NULL;
    succeeds(snn_packet_coder_create(&made->shape, codec, workspace, &sender));
    succeeds(snn_packet_coder_create(&made->shape, SNN_CODEC_AUTO, workspace, &receiver));
    snn_spikes placed = make_spikes(&made->shape, made->spikes.channels);
    uint8_t *packet = snn_allocate(snn_packet_bound(sender) + 1, 1);
    packet[snn_packet_bound(sender)] = GUARD;
    for (int group = 0; group < 3; group++) {
        const int32_t images = group == 0 ? made->shape.images : draw_between(random, 1, made->shape.images);
        const int32_t roughness[] = {0, 3, 1000};
        size_t bytes = 0;
        fire(made, random, roughness[draw(random) % 3]);
        memset(placed.bits, GUARD, spike_bytes(made));
        succeeds(encode(sender, made, &made->spikes, images, packet, &bytes));
        assert_true(bytes <= HEADER_BYTES + snn_packet_raw_bytes(sender, made->shape.block, images));
        assert_int_equal(packet[snn_packet_bound(sender)], GUARD);
        assert_int_equal(packet[5], codec == SNN_CODEC_XOR ? SNN_CODEC_ZSTD : codec);
        succeeds(decode(receiver, made, &placed, images, packet, bytes));
        check_placed(made, images, &placed);
    }
    snn_release(packet);
    snn_release(placed.bits);
    snn_packet_coder_destroy(sender);
    snn_packet_coder_destroy(receiver);
    snn_codec_workspace_destroy(workspace);
}

static void test_round_trips(void **state)
{
    (void)state;
    uint64_t random = 5;
    for (int i = 0; i < 256; i++) {
        sample made = {0};
        const int32_t channels = draw_between(&random, 1, 70), begin = draw_between(&random, 0, channels - 1);
        const int32_t width = draw_between(&random, 1, 5), height = draw_between(&random, 1, 5);
        made.shape = (snn_packet_shape){.edge = 3,
                                        .positions = (int64_t)width * height,
                                        .channel_begin = begin,
                                        .channel_end = draw_between(&random, begin + 1, channels),
                                        .images = draw_between(&random, 1, i % 16 == 0 ? 40 : 3),
                                        .block = i / 4 + 1, /* every length there is */
                                        .width = width};
        const double ratio = made.shape.block > 8 ? 0.9 : 0.5;
        succeeds(snn_windows_init(made.shape.block, 2, ratio, 0.25, &made.windows));
        made.spikes = make_spikes(&made.shape, channels);
        check_round_trip(&made, &random, (snn_codec)(i % SNN_CODEC_AUTO));
        sample_clear(&made);
    }
}

/* An image's 64 channels of 24 x 24 positions, 8 steps: what each codec makes of it. */
static void make_image(sample *made, int32_t roughness)
{
    uint64_t random = 6;
    *made = (sample){.shape = {.positions = 576, .channel_end = 64, .images = 1, .block = 8, .width = 24}};
    succeeds(snn_windows_init(8, 8, 0.5, 0.25, &made->windows));
    made->spikes = make_spikes(&made->shape, 64);
    fire(made, &random, roughness);
}

static size_t size_of(const sample *made, snn_codec codec, uint8_t *used)
{
    snn_codec_workspace *workspace = make_workspace(&made->windows);
    snn_packet_coder *coder = NULL;
    size_t bytes = 0;
    succeeds(snn_packet_coder_create(&made->shape, codec, workspace, &coder));
    uint8_t *packet = snn_allocate(snn_packet_bound(coder), 1);
    succeeds(encode(coder, made, &made->spikes, 1, packet, &bytes));
    *used = packet[6];
    snn_release(packet);
    snn_packet_coder_destroy(coder);
    snn_codec_workspace_destroy(workspace);
    return bytes;
}

static void test_sizes(void **state)
{
    (void)state;
    sample made;
    make_image(&made, 8);
    uint8_t used[SNN_CODEC_AUTO];
    size_t bytes[SNN_CODEC_AUTO];
    for (int codec = 0; codec < SNN_CODEC_AUTO; codec++) {
        bytes[codec] = size_of(&made, (snn_codec)codec, &used[codec]);
    }
    assert_int_equal(bytes[SNN_CODEC_RAW], HEADER_BYTES + 8 * 576 * 64 / 8);
    assert_int_equal(used[SNN_CODEC_ZSTD], SNN_CODEC_ZSTD);
    assert_int_equal(used[SNN_CODEC_XOR], SNN_CODEC_ZSTD);
    assert_int_equal(used[SNN_CODEC_CONTEXT], SNN_CODEC_CONTEXT);
    assert_int_equal(bytes[SNN_CODEC_XOR], bytes[SNN_CODEC_ZSTD]);
    assert_true(bytes[SNN_CODEC_ZSTD] * 2 < bytes[SNN_CODEC_RAW]);
    assert_true(bytes[SNN_CODEC_CONTEXT] * 4 < bytes[SNN_CODEC_ZSTD] * 3);
    /* Random bits stay as they are. */
    uint64_t random = 7;
    for (size_t i = 0; i < spike_bytes(&made); i++) {
        made.spikes.bits[i] = (uint8_t)draw(&random);
    }
    for (int codec = 0; codec < SNN_CODEC_AUTO; codec++) {
        assert_int_equal(size_of(&made, (snn_codec)codec, &used[codec]), bytes[SNN_CODEC_RAW]);
        assert_int_equal(used[codec], SNN_CODEC_RAW);
    }
    sample_clear(&made);
}

/* A sender that chooses: raw where bytes cost nothing, context where they are all that counts. */
static void test_choice(void **state)
{
    (void)state;
    sample made;
    make_image(&made, 8);
    snn_codec_workspace *workspace = make_workspace(&made.windows);
    const double byte_seconds[] = {1e-15, 1.0};
    for (int i = 0; i < 2; i++) {
        snn_packet_coder *coder = NULL;
        size_t bytes = 0;
        succeeds(snn_packet_coder_create(&made.shape, SNN_CODEC_AUTO, workspace, &coder));
        succeeds(snn_packet_coder_set_link(coder, byte_seconds[i]));
        uint8_t *packet = snn_allocate(snn_packet_bound(coder), 1);
        for (int group = 0; group < 66; group++) { /* past a second measurement */
            succeeds(encode(coder, &made, &made.spikes, 1, packet, &bytes));
            assert_int_equal(snn_packet_coder_chosen(coder), i == 0 ? SNN_CODEC_RAW : SNN_CODEC_CONTEXT);
        }
        snn_release(packet);
        snn_packet_coder_destroy(coder);
    }
    snn_codec_workspace_destroy(workspace);
    sample_clear(&made);
}

/* --- damage --- */

enum { FRAME = 400, STEPS = 12, MOST_BYTES = FRAME * STEPS };

typedef struct damage_case {
    snn_windows windows;
    snn_codec_workspace *workspace;
    snn_codec codec;
    uint8_t payload[MOST_BYTES];
    size_t bytes;
} damage_case;

static const snn_codec_block whole = {0, STEPS, FRAME};
static const snn_codec_shape codec_shape = {
    .frame_bytes = FRAME, .steps = STEPS, .windows = true, .near = 40, .far = 200};

static snn_codec_state *make_state(const damage_case *made)
{
    snn_codec_state *state = NULL;
    succeeds(snn_codec_state_create(made->codec, &codec_shape, made->workspace, &state));
    snn_codec_begin_group(state);
    return state;
}

static void damage_begin(damage_case *made, snn_codec codec)
{
    sample of = {.shape = {.positions = 80, .channel_end = 40, .images = 1, .block = STEPS, .width = 5}};
    uint64_t random = 8;
    snn_codec used = SNN_CODEC_RAW;
    made->codec = codec;
    succeeds(snn_windows_init(STEPS, 2, 0.68, 0.25, &of.windows));
    of.spikes = make_spikes(&of.shape, 40);
    fire(&of, &random, 40);
    made->workspace = make_workspace(&of.windows);
    const snn_plane_shape plane = {.positions = 80, .row_bytes = 40, .channel_end = 40};
    for (int32_t byte = 0; byte * SNN_BYTE_STEPS < STEPS; byte++) {
        snn_plane_pack_windows(&plane, snn_spikes_plane(&of.spikes, byte, 0), snn_spikes_byte_steps(STEPS, byte), FRAME,
                               made->payload + byte * SNN_BYTE_STEPS * FRAME);
    }
    snn_codec_state *state = make_state(made);
    succeeds(snn_codec_encode(state, &whole, made->payload, &made->bytes, &used));
    assert_int_equal(used, codec);
    snn_codec_state_destroy(state);
    sample_clear(&of);
}

static void damage_end(const damage_case *made)
{
    snn_codec_workspace_destroy(made->workspace);
}

/* The bytes lie at the end of an array of their own, so that a sanitizer sees who reads on. */
static snn_status decode_payload(const damage_case *made, size_t bytes)
{
    static uint8_t copy[MOST_BYTES + 1];
    uint8_t *exact = copy + sizeof copy - bytes;
    const uint8_t *planes = NULL;
    memcpy(exact, made->payload, bytes);
    snn_codec_state *state = make_state(made);
    const snn_status status = snn_codec_decode(state, made->codec, &whole, exact, bytes, &planes);
    if (!snn_failed(status)) {
        volatile uint8_t sum = 0;
        for (size_t i = 0; i < MOST_BYTES; i++) {
            sum = (uint8_t)(sum ^ planes[i]);
        }
    }
    snn_codec_state_destroy(state);
    return status;
}

/* Planes or an error, never a crash. */
static void check_answer(snn_status status)
{
    if (snn_failed(status)) {
        fails_with(status, SNN_INTERNAL_ERROR, "payload");
    }
}

static void test_any_bytes(void **state)
{
    (void)state;
    const snn_codec codecs[] = {SNN_CODEC_ZSTD, SNN_CODEC_CONTEXT};
    uint64_t random = 9;
    for (int c = 0; c < 2; c++) {
        damage_case made;
        damage_begin(&made, codecs[c]);
        succeeds(decode_payload(&made, made.bytes));
        for (size_t i = 0; i < made.bytes; i++) {
            const uint8_t kept = made.payload[i];
            made.payload[i] = (uint8_t)(kept ^ (1 << draw(&random) % 8));
            check_answer(decode_payload(&made, made.bytes));
            made.payload[i] = (uint8_t)(i % 2 == 0 ? 0xff : 0);
            check_answer(decode_payload(&made, made.bytes));
            made.payload[i] = kept;
            fails_with(decode_payload(&made, i), SNN_INTERNAL_ERROR, "payload"); /* shorter is never whole */
        }
        for (int i = 0; i < 200; i++) {
            for (size_t byte = 0; byte < made.bytes; byte++) {
                made.payload[byte] = (uint8_t)draw(&random);
            }
            check_answer(decode_payload(&made, draw(&random) % (made.bytes + 1)));
        }
        damage_end(&made);
    }
}

/* What the payload says of its own parts: all of it is checked. */
static void test_descriptions_that_lie(void **state)
{
    (void)state;
    damage_case made;
    damage_begin(&made, SNN_CODEC_CONTEXT);
    /* As in codec_windows.h: 8 steps and contexts of neighbours, then 4 and contexts of spikes before. */
    enum { FIRST = 0, SECOND = 2 + 16 + 32, LENGTHS = SECOND + 2 + 8 + 2 };
    static const struct {
        size_t at;
        uint8_t value;
        const char *message;
    } lies[] = {
        {FIRST + 1, 0, "groups of contexts: 0"},
        {FIRST + 1, 17, "groups of contexts: 17"},
        {FIRST + 2, 0xf0, "group of a context: 15"},
        {SECOND, 16, "most frequent symbol: 16"}, /* which 4 steps cannot be */
        {SECOND + 1, 255, "groups of contexts: 255"},
        {LENGTHS + 3, 0x7f, "bytes of tables"},
        {LENGTHS + 7, 0xff, "bytes of tables"},
        {LENGTHS, 0, "payload"},
    };
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        const uint8_t kept = made.payload[lies[i].at];
        made.payload[lies[i].at] = lies[i].value;
        fails_with(decode_payload(&made, made.bytes), SNN_INTERNAL_ERROR, lies[i].message);
        made.payload[lies[i].at] = kept;
    }
    /* A last state that is not where it began: another word, and the symbols before are others. */
    made.payload[made.bytes - 1] ^= 1;
    check_answer(decode_payload(&made, made.bytes));
    made.payload[made.bytes - 1] ^= 1;
    succeeds(decode_payload(&made, made.bytes));
    damage_end(&made);
}

static void test_every_flipped_bit_of_a_packet_is_found(void **state)
{
    (void)state;
    sample made = {.shape = {.positions = 30, .channel_end = 20, .images = 2, .block = 5, .width = 6}};
    uint64_t random = 10;
    succeeds(snn_windows_init(5, 5, 0.5, 0.25, &made.windows));
    made.spikes = make_spikes(&made.shape, 20);
    fire(&made, &random, 1);
    snn_spikes placed = make_spikes(&made.shape, 20);
    snn_codec_workspace *workspace = make_workspace(&made.windows);
    const snn_codec codecs[] = {SNN_CODEC_ZSTD, SNN_CODEC_CONTEXT};
    for (int c = 0; c < 2; c++) {
        snn_packet_coder *coder = NULL;
        size_t bytes = 0;
        succeeds(snn_packet_coder_create(&made.shape, codecs[c], workspace, &coder));
        uint8_t *packet = snn_allocate(snn_packet_bound(coder), 1);
        succeeds(encode(coder, &made, &made.spikes, 2, packet, &bytes));
        assert_int_equal(packet[6], codecs[c]);
        for (size_t bit = 0; bit < 8 * bytes; bit++) {
            packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
            fails_with(decode(coder, &made, &placed, 2, packet, bytes), SNN_INTERNAL_ERROR, "damaged or out of place");
            packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (size_t shorter = 0; shorter < bytes; shorter++) {
            fails_with(decode(coder, &made, &placed, 2, packet, shorter), SNN_INTERNAL_ERROR, "out of place");
        }
        succeeds(decode(coder, &made, &placed, 2, packet, bytes));
        snn_release(packet);
        snn_packet_coder_destroy(coder);
    }
    snn_codec_workspace_destroy(workspace);
    snn_release(placed.bits);
    sample_clear(&made);
}

static void test_wrong_use(void **state)
{
    (void)state;
    damage_case made;
    snn_codec_state *coder = NULL;
    damage_begin(&made, SNN_CODEC_CONTEXT);
    fails_with(snn_codec_state_create(SNN_CODEC_XOR, &codec_shape, made.workspace, &coder), SNN_INTERNAL_ERROR,
               "cannot code");
    coder = make_state(&made);
    const snn_codec_block late = {1, STEPS - 1, FRAME};
    snn_codec used = SNN_CODEC_RAW;
    fails_with(snn_codec_encode(coder, &late, made.payload, &made.bytes, &used), SNN_INTERNAL_ERROR, "from step 1");
    snn_codec_state_destroy(coder);
    snn_packet_shape shape = {.positions = 1, .channel_end = 1, .images = 1, .block = 65, .width = 1};
    snn_packet_coder *packets = NULL;
    fails_with(snn_packet_coder_create(&shape, SNN_CODEC_RAW, made.workspace, &packets), SNN_INTERNAL_ERROR,
               "no window has 65 steps");
    shape.block = 8;
    shape.width = -1;
    fails_with(snn_packet_coder_create(&shape, SNN_CODEC_RAW, made.workspace, &packets), SNN_INTERNAL_ERROR,
               "no row -1");
    damage_end(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_descriptions_that_lie),
        cmocka_unit_test(test_every_flipped_bit_of_a_packet_is_found),
        cmocka_unit_test(test_wrong_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
