/* Codecs without the checksum around them: payloads of any bytes, and how small spikes of real neurons become. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "comm/codec.h"
#include "core/base/memory.h"

enum { STEPS = 16, BLOCK = 8, FRAME = 600 };

static snn_codec_workspace *workspace;
static const snn_codec_shape shape = {.frame_bytes = FRAME, .steps = BLOCK};

/* splitmix64 */
static uint64_t draw(uint64_t *random)
{
    *random += 0x9e3779b97f4a7c15u;
    uint64_t z = *random;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void succeeds(snn_status status)
{
    if (snn_failed(status)) {
        fail_msg("%s", status.message);
    }
}

static float step_size(int step)
{
    float eta = 0.15F;
    for (int i = 0; i < step; i++) {
        eta *= 0.95F;
    }
    return eta;
}

static int begin(void **state)
{
    (void)state;
    float eta[STEPS];
    for (int step = 0; step < STEPS; step++) {
        eta[step] = step_size(step);
    }
    return snn_failed(snn_codec_workspace_create(eta, STEPS, &workspace));
}

static int end(void **state)
{
    (void)state;
    snn_codec_workspace_destroy(workspace);
    return 0;
}

/* signGD neurons that track what a ReLU gives of a slowly moving input: [STEPS][FRAME]. */
static void fire(uint8_t *planes)
{
    uint64_t random = 3;
    memset(planes, 0, (size_t)STEPS * FRAME);
    for (int neuron = 0; neuron < FRAME * 8; neuron++) {
        const float drift = (float)(draw(&random) % 1000) * 1e-5F;
        float x = (float)(draw(&random) % 2000) * 1e-3F - 1.0F, y = 0.0F;
        for (int step = 0; step < STEPS; step++) {
            const bool spike = y >= (x > 0.0F ? x : 0.0F);
            planes[step * FRAME + neuron / 8] |= (uint8_t)((spike ? 1 : 0) << neuron % 8);
            y += spike ? -step_size(step) : step_size(step);
            x += drift;
        }
    }
}

/* Both blocks through one codec; the coded bytes of both, the second block's payload in `payload`. */
static size_t encode_blocks(snn_codec codec, const uint8_t *planes, uint8_t *payload, size_t *last_bytes)
{
    snn_codec_state *state = NULL;
    snn_codec used = SNN_CODEC_RAW;
    size_t sum = 0;
    succeeds(snn_codec_state_create(codec, &shape, workspace, &state));
    snn_codec_begin_group(state);
    for (int first = 0; first < STEPS; first += BLOCK) {
        const snn_codec_block block = {first, BLOCK, FRAME};
        memcpy(payload, planes + (size_t)first * FRAME, (size_t)BLOCK * FRAME);
        succeeds(snn_codec_encode(state, &block, payload, last_bytes, &used));
        assert_int_equal(used, codec);
        sum += *last_bytes;
    }
    snn_codec_state_destroy(state);
    return sum;
}

static void test_sizes(void **state)
{
    (void)state;
    uint8_t *planes = snn_allocate(STEPS, FRAME), *payload = snn_allocate(BLOCK, FRAME);
    size_t sum[SNN_CODEC_AUTO], last = 0;
    fire(planes);
    for (int codec = 0; codec < SNN_CODEC_AUTO; codec++) {
        sum[codec] = encode_blocks((snn_codec)codec, planes, payload, &last);
    }
    assert_int_equal(sum[SNN_CODEC_RAW], STEPS * FRAME);
    assert_true(sum[SNN_CODEC_XOR] < sum[SNN_CODEC_RAW]);
    assert_true(sum[SNN_CODEC_CONTEXT] * 3 < sum[SNN_CODEC_RAW] * 2);
    assert_true(sum[SNN_CODEC_CONTEXT] * 4 < sum[SNN_CODEC_XOR] * 3);
    snn_release(planes);
    snn_release(payload);
}

/* Decodes the second block after the right first one. The bytes lie at the end of an allocation of their own, so that a
 * sanitizer sees who reads on. Whatever they are, the answer is planes or an error, never a crash. */
static snn_status decode_second(snn_codec codec, const uint8_t *planes, const uint8_t *payload, size_t bytes)
{
    static uint8_t copy[BLOCK * FRAME + 1];
    uint8_t *exact = copy + sizeof copy - bytes;
    snn_codec_state *state = NULL;
    const snn_codec_block first = {0, BLOCK, FRAME}, second = {BLOCK, BLOCK, FRAME};
    const uint8_t *decoded = NULL;
    memcpy(exact, payload, bytes);
    succeeds(snn_codec_state_create(codec, &shape, workspace, &state));
    snn_codec_begin_group(state);
    succeeds(snn_codec_decode(state, SNN_CODEC_RAW, &first, planes, (size_t)BLOCK * FRAME, &decoded));
    snn_status status = snn_codec_decode(state, codec, &second, exact, bytes, &decoded);
    if (!snn_failed(status)) {
        volatile uint8_t sum = 0;
        for (size_t i = 0; i < (size_t)BLOCK * FRAME; i++) {
            sum = (uint8_t)(sum ^ decoded[i]);
        }
    }
    snn_codec_state_destroy(state);
    return status;
}

static void check_answer(snn_status status)
{
    if (snn_failed(status)) {
        assert_int_equal(status.code, SNN_INTERNAL_ERROR);
        assert_non_null(strstr(status.message, "payload"));
    }
}

static void test_any_bytes(void **state)
{
    (void)state;
    uint8_t *planes = snn_allocate(STEPS, FRAME), *payload = snn_allocate(BLOCK, FRAME);
    uint64_t random = 4;
    fire(planes);
    for (int codec = 0; codec < SNN_CODEC_AUTO; codec++) {
        size_t bytes = 0;
        (void)encode_blocks((snn_codec)codec, planes, payload, &bytes);
        succeeds(decode_second((snn_codec)codec, planes, payload, bytes));
        for (size_t i = 0; i < bytes; i++) {
            const uint8_t kept = payload[i];
            payload[i] = (uint8_t)(kept ^ (1 << draw(&random) % 8));
            check_answer(decode_second((snn_codec)codec, planes, payload, bytes));
            payload[i] = (uint8_t)(i % 2 == 0 ? 0xff : 0);
            check_answer(decode_second((snn_codec)codec, planes, payload, bytes));
            payload[i] = kept;
            snn_status status = decode_second((snn_codec)codec, planes, payload, i);
            assert_int_equal(status.code, SNN_INTERNAL_ERROR); /* shorter is never whole */
        }
        for (int i = 0; i < 200; i++) {
            for (size_t byte = 0; byte < bytes; byte++) {
                payload[byte] = (uint8_t)draw(&random);
            }
            check_answer(decode_second((snn_codec)codec, planes, payload, draw(&random) % (bytes + 1)));
        }
    }
    snn_release(planes);
    snn_release(payload);
}

/* Lengths that lie: all that the payload says of its own parts. */
static void test_sizes_that_lie(void **state)
{
    (void)state;
    uint8_t *planes = snn_allocate(STEPS, FRAME), *payload = snn_allocate(BLOCK, FRAME);
    size_t bytes = 0;
    fire(planes);
    (void)encode_blocks(SNN_CODEC_CONTEXT, planes, payload, &bytes);
    const size_t lengths = (size_t)BLOCK * 8; /* behind the codes: distances, then two of each stream */
    for (size_t field = 0; field < 9; field++) {
        static const uint32_t changes[] = {1, 2, 0x100, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff};
        for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
            uint32_t told = 0;
            uint8_t kept[4];
            memcpy(kept, payload + lengths + 4 * field, 4);
            memcpy(&told, kept, 4);
            told += changes[i];
            memcpy(payload + lengths + 4 * field, &told, 4);
            const snn_status status = decode_second(SNN_CODEC_CONTEXT, planes, payload, bytes);
            assert_int_equal(status.code, SNN_INTERNAL_ERROR);
            assert_non_null(strstr(status.message, "payload"));
            memcpy(payload + lengths + 4 * field, kept, 4);
        }
    }
    succeeds(decode_second(SNN_CODEC_CONTEXT, planes, payload, bytes));
    snn_release(planes);
    snn_release(payload);
}

/* The workspace knows the step sizes of the run only. */
static void test_steps_behind_the_run(void **state)
{
    (void)state;
    snn_codec_state *coder = NULL;
    snn_codec used = SNN_CODEC_RAW;
    size_t bytes = 0;
    uint8_t *payload = snn_allocate(BLOCK, FRAME);
    const snn_codec_block block = {STEPS - BLOCK + 1, BLOCK, FRAME};
    succeeds(snn_codec_state_create(SNN_CODEC_CONTEXT, &shape, workspace, &coder));
    assert_int_equal(snn_codec_encode(coder, &block, payload, &bytes, &used).code, SNN_INTERNAL_ERROR);
    snn_codec_state_destroy(coder);
    assert_int_equal(snn_codec_state_create(SNN_CODEC_AUTO, &shape, workspace, &coder).code, SNN_INTERNAL_ERROR);
    assert_null(coder);
    snn_release(payload);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_sizes_that_lie),
        cmocka_unit_test(test_steps_behind_the_run),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
