#include "comm/packet_speed.h"

#include <stdbool.h>

#include "comm/choice.h"
#include "core/base/memory.h"
#include "core/base/timers.h"

enum { CHANNELS = 64, IMAGES = 16, STEPS = 8, ROW = 16, TURNS = 4, BYTE_BITS = 8 };

/* Positions of a large packet, by payload: half a MiB of bits, 4 MiB of sums. Any rank may measure, so not more. */
static const int64_t LARGE_POSITIONS[SNN_PAYLOADS] = {[SNN_PAYLOAD_BITS] = 512, [SNN_PAYLOAD_INTEGERS] = 128};

/* One edge, from end to end. */
typedef struct trial {
    snn_packet_coder *coder[2]; /* of sender and receiver */
    snn_packet_block block;
    uint8_t *packet;
    double encode_seconds, decode_seconds; /* the fastest turn's */
    double bytes;                          /* of its planes */
} trial;

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 24;
}

/* What a byte's eight neurons are like: of eight such, one never fires, two fire every other step, and five are not so
 * sure. If all were alike, zstd would give the bits up at once: those of real networks take its time. */
typedef enum habit { SILENT, ALTERNATING, UNSURE } habit;

static habit habit_of(int64_t byte)
{
    const uint32_t scattered = (uint32_t)byte * 2654435769u >> 29;
    return scattered == 0 ? SILENT : scattered < 3 ? ALTERNATING : UNSURE;
}

/* Those of eight neurons that do not do what they did a step before: two in three of all, as measured in networks. */
static uint8_t changes(habit of, uint32_t *state)
{
    if (of != UNSURE) {
        return of == SILENT ? 0 : UINT8_MAX;
    }
    uint32_t bits = next_random(state);
    bits &= next_random(state);
    bits |= next_random(state);
    bits &= next_random(state);
    bits |= next_random(state); /* 21 in 32 */
    return (uint8_t)bits;
}

/* Spikes that change from step to step as those of networks do. */
static void fill_bits(uint8_t *bits, int64_t positions)
{
    uint32_t state = 11;
    const int64_t frame = (int64_t)IMAGES * positions * (CHANNELS / BYTE_BITS);
    for (int64_t i = 0; i < frame; i++) {
        bits[i] = habit_of(i) == SILENT ? 0 : (uint8_t)next_random(&state);
    }
    for (int64_t i = frame; i < STEPS * frame; i++) {
        bits[i] = bits[i - frame] ^ changes(habit_of(i % frame), &state);
    }
}

/* Windows whose steps halve: half of all neurons are silent, and what the others give is small more often than not. */
static void fill_windows(uint8_t *bytes, int64_t positions)
{
    uint32_t state = 11;
    for (int64_t neuron = 0; neuron < (int64_t)IMAGES * positions * CHANNELS; neuron++) {
        const uint32_t most = next_random(&state), value = next_random(&state) * most >> BYTE_BITS;
        const uint32_t silent = next_random(&state) & 1;
        bytes[neuron] = (uint8_t)(silent != 0 ? UINT8_MAX : ~value);
    }
}

static void fill_sums(int32_t *values, int64_t positions)
{
    uint32_t state = 11;
    for (int64_t i = 0; i < STEPS * (int64_t)IMAGES * positions * CHANNELS; i++) {
        state = state * 1664525u + 1013904223u;
        values[i] = (int32_t)(state >> 16) - (1 << 15);
    }
}

/* What is tried of a codec. */
typedef struct subject {
    snn_codec codec;
    bool windows;
    snn_codec_workspace *workspace;
} subject;

static snn_status open_trial(trial *one, snn_payload payload, const subject *of, int64_t positions)
{
    const snn_packet_shape shape = {.payload = payload,
                                    .positions = positions,
                                    .channel_end = CHANNELS, /* whole rows */
                                    .images = IMAGES,
                                    .block = STEPS,
                                    .width = of->windows ? ROW : 0};
    for (int end = 0; end < 2; end++) {
        SNN_TRY(snn_packet_coder_create(&shape, of->codec, of->workspace, &one->coder[end]));
    }
    const size_t rows = (size_t)STEPS * IMAGES * (size_t)positions;
    const bool bits = payload == SNN_PAYLOAD_BITS;
    one->block.spikes = snn_spikes_of(NULL, positions, CHANNELS, IMAGES, of->windows ? STEPS : 0);
    void *planes = snn_allocate(
        bits ? (size_t)snn_spikes_block_bytes(&one->block.spikes, STEPS) : rows * CHANNELS * SNN_SUM_BYTES, 1);
    one->block.spikes.bits = bits ? planes : NULL;
    one->block.sums = (snn_sums){bits ? NULL : planes, positions, CHANNELS, IMAGES};
    one->packet = snn_allocate(snn_packet_bound(one->coder[0]), 1);
    if (planes == NULL || one->packet == NULL) {
        return snn_out_of_memory("packet");
    }
    one->bytes = (double)snn_packet_raw_bytes(one->coder[0], STEPS, IMAGES);
    if (bits && of->windows) {
        fill_windows(planes, positions);
    } else if (bits) {
        fill_bits(planes, positions);
    } else {
        fill_sums(planes, positions);
    }
    return snn_ok();
}

static void close_trial(trial *one)
{
    snn_packet_coder_destroy(one->coder[0]);
    snn_packet_coder_destroy(one->coder[1]);
    snn_release(one->block.spikes.bits);
    snn_release(one->block.sums.values);
    snn_release(one->packet);
}

static snn_status run_turns(trial *one)
{
    for (uint32_t turn = 0; turn < TURNS; turn++) {
        size_t bytes;
        const double begun = snn_thread_seconds();
        SNN_TRY(snn_packet_encode(one->coder[0], &one->block, turn, 0, STEPS, IMAGES, one->packet, &bytes));
        const double encoded = snn_thread_seconds();
        SNN_TRY(snn_packet_decode(one->coder[1], one->packet, bytes, turn, 0, STEPS, IMAGES, &one->block));
        const double encoding = encoded - begun, decoding = snn_thread_seconds() - encoded;
        one->encode_seconds = turn == 0 || encoding < one->encode_seconds ? encoding : one->encode_seconds;
        one->decode_seconds = turn == 0 || decoding < one->decode_seconds ? decoding : one->decode_seconds;
    }
    return snn_ok();
}

static snn_status try_edge(snn_payload payload, const subject *of, int64_t positions, trial *done)
{
    trial one = {0};
    snn_status status;
    SNN_GOTO_DONE(status, open_trial(&one, payload, of, positions));
    SNN_GOTO_DONE(status, run_turns(&one));
    *done = one; /* its figures; what it points to goes */
done:
    close_trial(&one);
    return status;
}

/* From a small packet and from one that is too large for a first-level cache, as those of a whole network are. */
static snn_status measure_codec(const subject *of, snn_packet_speed *speed)
{
    for (int payload = 0; payload < SNN_PAYLOADS; payload++) {
        trial small = {0}, large = {0};
        SNN_TRY(try_edge((snn_payload)payload, of, 1, &small));
        SNN_TRY(try_edge((snn_payload)payload, of, LARGE_POSITIONS[payload], &large));
        speed->encode_byte_seconds[payload] = large.encode_seconds / large.bytes;
        speed->decode_byte_seconds[payload] = large.decode_seconds / large.bytes;
        speed->ratio[payload] = snn_codec_usual_ratio(of->codec, (snn_payload)payload, of->windows);
        if (payload == SNN_PAYLOAD_BITS) {
            speed->packet_seconds = (small.encode_seconds + small.decode_seconds) / 2;
        }
    }
    return snn_ok();
}

/* Seconds that a byte of spikes takes from end to end. */
static double byte_seconds(const snn_packet_speed *speed, const snn_link *link)
{
    return speed->encode_byte_seconds[SNN_PAYLOAD_BITS] + speed->decode_byte_seconds[SNN_PAYLOAD_BITS] +
           link->byte_seconds / speed->ratio[SNN_PAYLOAD_BITS];
}

snn_status snn_packet_speed_measure(snn_codec codec, bool windows, const snn_link *link, snn_packet_speed *speed)
{
    snn_codec_workspace *workspace = NULL;
    float eta[STEPS];
    for (int t = 0; t < STEPS; t++) {
        eta[t] = windows ? (float)(1 << (STEPS - 1 - t)) : 0.1f;
    }
    snn_status status;
    SNN_GOTO_DONE(status, snn_codec_workspace_create(eta, STEPS, &workspace));
    const int first = codec == SNN_CODEC_AUTO ? SNN_CODEC_RAW : (int)codec;
    const int last = codec == SNN_CODEC_AUTO ? SNN_CODEC_CONTEXT : (int)codec;
    for (int i = first; i <= last; i++) {
        snn_packet_speed found = {0};
        const subject one = {(snn_codec)i, windows, workspace};
        SNN_GOTO_DONE(status, snn_context(measure_codec(&one, &found), "speed of packets"));
        if (i == first || byte_seconds(&found, link) < byte_seconds(speed, link)) {
            *speed = found;
        }
    }
done:
    snn_codec_workspace_destroy(workspace);
    return status;
}
