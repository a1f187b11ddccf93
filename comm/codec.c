#include "comm/codec.h"

#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "core/base/memory.h"

enum { ZSTD_LEVEL = 1 }; /* a coder pays only while it is faster than the wire */

struct snn_codec_state {
    snn_codec codec;
    uint8_t *last;         /* the last frame of the block before; XOR only */
    uint8_t *planes;       /* [steps][frame]: differences to be coded, or planes that were decoded */
    uint8_t *coded;        /* [steps][frame]: zstd's output */
    ZSTD_CCtx *compressor; /* made at first use: an end of an edge needs one of the two */
    ZSTD_DCtx *decompressor;
    size_t frame_bytes; /* capacity */
};

const char *snn_codec_name(snn_codec codec)
{
    static const char *const names[SNN_CODEC_COUNT] = {"raw", "zstd", "xor", "auto"};
    return names[codec];
}

snn_status snn_codec_parse(const char *name, snn_codec *codec)
{
    for (int i = 0; i < SNN_CODEC_COUNT; i++) {
        if (strcmp(name, snn_codec_name((snn_codec)i)) == 0) {
            *codec = (snn_codec)i;
            return snn_ok();
        }
    }
    const char *found = strcmp(name, "context") == 0 ? "is not available yet" : "is unknown";
    return snn_fail(SNN_INPUT_ERROR, "codec \"%s\" %s: expected \"raw\", \"zstd\", \"xor\" or \"auto\"", name, found);
}

snn_status snn_codec_state_create(snn_codec codec, size_t frame_bytes, int32_t steps, snn_codec_state **state)
{
    *state = NULL;
    if (codec != SNN_CODEC_RAW && codec != SNN_CODEC_ZSTD && codec != SNN_CODEC_XOR) {
        return snn_fail(SNN_INTERNAL_ERROR, "codec %d cannot code a payload", (int)codec);
    }
    snn_codec_state *created = snn_allocate(1, sizeof *created);
    if (created == NULL) {
        return snn_out_of_memory("codec");
    }
    size_t bytes = codec == SNN_CODEC_RAW ? 0 : (size_t)steps * frame_bytes;
    created->codec = codec;
    created->frame_bytes = frame_bytes;
    created->last = snn_allocate(codec == SNN_CODEC_XOR ? frame_bytes : 0, 1);
    created->planes = snn_allocate(bytes, 1);
    created->coded = snn_allocate(bytes, 1);
    if (created->last == NULL || created->planes == NULL || created->coded == NULL) {
        snn_codec_state_destroy(created);
        return snn_out_of_memory("codec buffers");
    }
    *state = created;
    return snn_ok();
}

void snn_codec_state_destroy(snn_codec_state *state)
{
    if (state == NULL) {
        return;
    }
    (void)ZSTD_freeCCtx(state->compressor);
    (void)ZSTD_freeDCtx(state->decompressor);
    snn_release(state->last);
    snn_release(state->planes);
    snn_release(state->coded);
    snn_release(state);
}

void snn_codec_begin_group(snn_codec_state *state)
{
    if (state->codec == SNN_CODEC_XOR) {
        memset(state->last, 0, state->frame_bytes);
    }
}

static void exclusive_or(uint8_t *restrict result, const uint8_t *restrict a, const uint8_t *restrict b, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        result[i] = a[i] ^ b[i];
    }
}

/* planes -> differences in state->planes; remembers the last frame. */
static void difference(snn_codec_state *state, const uint8_t *planes, int32_t steps, size_t frame_bytes)
{
    size_t rest = (size_t)(steps - 1) * frame_bytes;
    exclusive_or(state->planes, planes, state->last, frame_bytes);
    exclusive_or(state->planes + frame_bytes, planes + frame_bytes, planes, rest);
    memcpy(state->last, planes + rest, frame_bytes);
}

/* differences in state->planes -> planes, in place. */
static void integrate(snn_codec_state *state, int32_t steps, size_t frame_bytes)
{
    const uint8_t *before = state->last;
    for (int32_t step = 0; step < steps; step++) {
        uint8_t *frame = state->planes + (size_t)step * frame_bytes;
        for (size_t i = 0; i < frame_bytes; i++) {
            frame[i] ^= before[i];
        }
        before = frame;
    }
}

/* Puts the zstd form of `source` into `payload` if it is shorter; leaves everything as it is otherwise. `source` may be
 * `payload`. */
static snn_status compress(snn_codec_state *state, const uint8_t *source, size_t raw_bytes, uint8_t *payload,
                           size_t *bytes, snn_codec *used)
{
    if (state->compressor == NULL) {
        state->compressor = ZSTD_createCCtx();
        if (state->compressor == NULL) {
            return snn_out_of_memory("zstd compressor");
        }
    }
    size_t coded = ZSTD_compressCCtx(state->compressor, state->coded, raw_bytes - 1, source, raw_bytes, ZSTD_LEVEL);
    if (ZSTD_isError(coded)) {
        if (ZSTD_getErrorCode(coded) == ZSTD_error_dstSize_tooSmall) {
            return snn_ok();
        }
        return snn_fail(SNN_INTERNAL_ERROR, "zstd: %s", ZSTD_getErrorName(coded));
    }
    memcpy(payload, state->coded, coded);
    *bytes = coded;
    *used = state->codec;
    return snn_ok();
}

snn_status snn_codec_encode(snn_codec_state *state, int32_t steps, size_t frame_bytes, uint8_t *payload, size_t *bytes,
                            snn_codec *used)
{
    size_t raw_bytes = (size_t)steps * frame_bytes;
    *bytes = raw_bytes;
    *used = SNN_CODEC_RAW;
    if (state->codec == SNN_CODEC_RAW) {
        return snn_ok();
    }
    if (state->codec == SNN_CODEC_ZSTD) {
        return compress(state, payload, raw_bytes, payload, bytes, used);
    }
    difference(state, payload, steps, frame_bytes);
    return compress(state, state->planes, raw_bytes, payload, bytes, used);
}

static snn_status decompress(snn_codec_state *state, const uint8_t *payload, size_t bytes, size_t raw_bytes)
{
    if (state->decompressor == NULL) {
        state->decompressor = ZSTD_createDCtx();
        if (state->decompressor == NULL) {
            return snn_out_of_memory("zstd decompressor");
        }
    }
    size_t decoded = ZSTD_decompressDCtx(state->decompressor, state->planes, raw_bytes, payload, bytes);
    if (ZSTD_isError(decoded)) {
        return snn_fail(SNN_INTERNAL_ERROR, "payload: zstd: %s", ZSTD_getErrorName(decoded));
    }
    if (decoded != raw_bytes) {
        return snn_fail(SNN_INTERNAL_ERROR, "payload: decoded to %zu bytes, expected %zu", decoded, raw_bytes);
    }
    return snn_ok();
}

snn_status snn_codec_decode(snn_codec_state *state, snn_codec used, int32_t steps, size_t frame_bytes,
                            const uint8_t *payload, size_t bytes, const uint8_t **planes)
{
    size_t raw_bytes = (size_t)steps * frame_bytes;
    if (used == SNN_CODEC_RAW) {
        if (bytes != raw_bytes) {
            return snn_fail(SNN_INTERNAL_ERROR, "payload: %zu raw bytes, expected %zu", bytes, raw_bytes);
        }
        *planes = payload;
    } else if (used == state->codec) {
        SNN_TRY(decompress(state, payload, bytes, raw_bytes));
        if (used == SNN_CODEC_XOR) {
            integrate(state, steps, frame_bytes);
        }
        *planes = state->planes;
    } else {
        return snn_fail(SNN_INTERNAL_ERROR, "codec: %d, expected %d (%s) or raw", (int)used, (int)state->codec,
                        snn_codec_name(state->codec));
    }
    if (state->codec == SNN_CODEC_XOR) {
        memcpy(state->last, *planes + raw_bytes - frame_bytes, frame_bytes);
    }
    return snn_ok();
}
