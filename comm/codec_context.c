#include "comm/codec_context.h"

#include <math.h>
#include <string.h>

#include "core/base/memory.h"

enum {
    CODE_BYTES = SNN_CONTEXTS / 2, /* of a step */
    LENGTHS = 1 + 2 * SNN_CONTEXT_STREAMS,
    EXPECTED_SPIKE = 8, /* bit of a code */
    SAMPLE_CHUNKS = 32, /* a sample is at least so large, */
    SAMPLE_STRIDE = 16  /* and one chunk in so many */
};

/* Up to which share of surprises, in 1024ths, a context belongs to a class; above: the last. */
static const uint32_t class_limits[SNN_CONTEXT_STREAMS] = {15, 92, 195, 338};

static uint32_t load_length(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void store_length(uint8_t *at, size_t length)
{
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(length >> (8 * i));
    }
}

/* --- codes --- */

static unsigned code_of(uint32_t neurons, uint32_t spikes)
{
    const bool fires = spikes > neurons - spikes;
    const uint64_t surprises = fires ? neurons - spikes : spikes;
    unsigned class = 0;
    while (class < SNN_CONTEXT_STREAMS && surprises * 1024 > (uint64_t)class_limits[class] * neurons) {
        class ++;
    }
    return class | (fires ? EXPECTED_SPIKE : 0);
}

static void spread_code(snn_context_codes *codes, size_t context, unsigned code)
{
    for (int bit = 0; bit < SNN_CONTEXT_CODE_BITS; bit++) {
        codes->bit[bit][context] = (code >> bit & 1) != 0 ? UINT64_MAX : 0;
    }
}

static void write_codes(snn_codec_workspace *workspace, int32_t steps, uint8_t *bytes)
{
    memset(bytes, 0, (size_t)steps * CODE_BYTES);
    for (int32_t step = 0; step < steps; step++) {
        const uint32_t *counts = workspace->counts + (size_t)step * SNN_CONTEXTS * 2;
        for (size_t context = 0; context < SNN_CONTEXTS; context++) {
            const unsigned code = code_of(counts[2 * context], counts[2 * context + 1]);
            bytes[context / 2] |= (uint8_t)(code << (context % 2 * 4));
            spread_code(&workspace->codes[step], context, code);
        }
        bytes += CODE_BYTES;
    }
}

static snn_status read_codes(snn_codec_workspace *workspace, int32_t steps, const uint8_t *bytes)
{
    for (int32_t step = 0; step < steps; step++) {
        for (size_t context = 0; context < SNN_CONTEXTS; context++) {
            const unsigned code = (unsigned)bytes[context / 2] >> (context % 2 * 4) & 0xfU;
            if ((code & ~(unsigned)EXPECTED_SPIKE) > SNN_CONTEXT_STREAMS) {
                return snn_fail(SNN_INTERNAL_ERROR, "payload: code %u of step %ld, context %zu is none", code,
                                (long)step, context);
            }
            spread_code(&workspace->codes[step], context, code);
        }
        bytes += CODE_BYTES;
    }
    return snn_ok();
}

/* --- encoding --- */

static snn_context_streams streams_of(snn_codec_workspace *workspace, size_t distance_bytes)
{
    snn_context_streams streams = {.distances = workspace->distances, .distance_bytes = distance_bytes};
    memcpy(streams.words, workspace->streams, sizeof streams.words);
    return streams;
}

/* Appends a stream, shorter if it can be. *at == 0: there was no room. */
static snn_status append_stream(snn_codec_workspace *workspace, size_t stream, size_t raw_bytes, uint8_t *lengths,
                                size_t room, size_t *at)
{
    size_t coded = 0;
    /* The last stream's bits are all but random. */
    if (stream < SNN_CONTEXT_STREAMS - 1 && raw_bytes > 0) {
        const size_t shorter = raw_bytes - 1 < room - *at ? raw_bytes - 1 : room - *at;
        SNN_TRY(snn_codec_compress(workspace->entropy_compressor, workspace->streams[stream], raw_bytes,
                                   workspace->coded + *at, shorter, &coded));
    }
    if (coded == 0) {
        if (raw_bytes > room - *at) {
            *at = 0;
            return snn_ok();
        }
        memcpy(workspace->coded + *at, workspace->streams[stream], raw_bytes);
        coded = raw_bytes;
    }
    store_length(lengths, raw_bytes);
    store_length(lengths + 4, coded);
    *at += coded;
    return snn_ok();
}

snn_status snn_codec_context_encode(snn_codec_workspace *workspace, const snn_context_block *block, size_t room,
                                    size_t *bytes)
{
    *bytes = 0;
    const size_t header = (size_t)block->steps * CODE_BYTES + (size_t)LENGTHS * 4;
    if (room < header) {
        workspace->kernels->follow(block);
        return snn_ok();
    }
    const size_t sparse = snn_context_chunks(block->frame_bytes) / SAMPLE_CHUNKS;
    const size_t stride = sparse < 1 ? 1 : sparse < SAMPLE_STRIDE ? sparse : SAMPLE_STRIDE;
    workspace->kernels->count(block, stride, workspace->counts);
    write_codes(workspace, block->steps, workspace->coded);
    snn_context_streams streams = streams_of(workspace, room - header);
    if (!workspace->kernels->sort(block, workspace->codes, &streams)) {
        return snn_ok();
    }
    uint8_t *lengths = workspace->coded + (size_t)block->steps * CODE_BYTES;
    store_length(lengths, streams.distance_bytes);
    memcpy(workspace->coded + header, workspace->distances, streams.distance_bytes);
    size_t at = header + streams.distance_bytes;
    for (size_t s = 0; s < SNN_CONTEXT_STREAMS && at > 0; s++) {
        SNN_TRY(append_stream(workspace, s, (streams.bits[s] + 7) / 8, lengths + 4 + 8 * s, room, &at));
    }
    *bytes = at;
    return snn_ok();
}

/* --- decoding --- */

static snn_status wrong(const char *what, uint64_t found, uint64_t expected)
{
    return snn_fail(SNN_INTERNAL_ERROR, "payload: %s: %llu, expected %llu", what, (unsigned long long)found,
                    (unsigned long long)expected);
}

/* The streams of a payload to the workspace. lengths: as sent, [LENGTHS]. */
static snn_status read_streams(snn_codec_workspace *workspace, const uint32_t *lengths, size_t raw_bytes,
                               const uint8_t *at)
{
    memcpy(workspace->distances, at, lengths[0]);
    at += lengths[0];
    for (size_t s = 0; s < SNN_CONTEXT_STREAMS; s++) {
        const uint32_t whole = lengths[1 + 2 * s], coded = lengths[2 + 2 * s];
        if (whole > raw_bytes || coded > whole) {
            return wrong("length of a stream", whole > raw_bytes ? whole : coded,
                         whole > raw_bytes ? raw_bytes : whole);
        }
        if (coded == whole) {
            memcpy(workspace->streams[s], at, whole);
        } else {
            SNN_TRY(snn_codec_decompress(workspace, at, coded, workspace->streams[s], whole));
        }
        at += coded;
    }
    return snn_ok();
}

snn_status snn_codec_context_decode(snn_codec_workspace *workspace, const snn_context_block *block,
                                    const uint8_t *payload, size_t bytes)
{
    const size_t raw_bytes = (size_t)block->steps * block->frame_bytes;
    const size_t header = (size_t)block->steps * CODE_BYTES + (size_t)LENGTHS * 4;
    if (bytes < header) {
        return wrong("bytes", bytes, header);
    }
    uint32_t lengths[LENGTHS];
    for (size_t i = 0; i < LENGTHS; i++) {
        lengths[i] = load_length(payload + (size_t)block->steps * CODE_BYTES + 4 * i);
    }
    uint64_t total = header + (uint64_t)lengths[0];
    for (size_t s = 0; s < SNN_CONTEXT_STREAMS; s++) {
        total += lengths[2 + 2 * s];
    }
    if (total != bytes || lengths[0] > raw_bytes) {
        return wrong("sum of its parts", total, bytes);
    }
    SNN_TRY(read_codes(workspace, block->steps, payload));
    SNN_TRY(read_streams(workspace, lengths, raw_bytes, payload + header));
    snn_context_streams streams = streams_of(workspace, lengths[0]);
    if (!workspace->kernels->restore(block, workspace->codes, &streams)) {
        return snn_fail(SNN_INTERNAL_ERROR, "payload: surprises outside the block");
    }
    for (size_t s = 0; s < SNN_CONTEXT_STREAMS; s++) {
        if ((streams.bits[s] + 7) / 8 != lengths[1 + 2 * s]) {
            return wrong("bytes of a stream", lengths[1 + 2 * s], (streams.bits[s] + 7) / 8);
        }
    }
    return snn_ok();
}
