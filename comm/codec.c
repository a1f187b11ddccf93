#include "comm/codec.h"

#include <string.h>

#include "comm/codec_context.h"
#include "comm/codec_windows.h"
#include "comm/workspace.h"
#include "core/base/memory.h"

enum { BYTE_BITS = 8 };

struct snn_codec_state {
    snn_codec codec;
    snn_codec_workspace *workspace; /* not owned */
    snn_codec_shape shape;          /* capacity */
    uint8_t *last;                  /* XOR: the last frame of the block before */
    snn_context_chunk *chunks;      /* CONTEXT */
};

/* Whether the state keeps what neurons did in the blocks before. */
static bool follows_spikes(const snn_codec_state *state)
{
    return state->codec == SNN_CODEC_CONTEXT && !state->shape.windows;
}

const char *snn_codec_name(snn_codec codec)
{
    static const char *const names[SNN_CODEC_COUNT] = {"raw", "zstd", "xor", "context", "auto"};
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
    return snn_fail(SNN_INPUT_ERROR,
                    "codec \"%s\" is unknown: expected \"raw\", \"zstd\", \"xor\", \"context\" or \"auto\"", name);
}

snn_status snn_codec_state_create(snn_codec codec, const snn_codec_shape *shape, snn_codec_workspace *workspace,
                                  snn_codec_state **state)
{
    *state = NULL;
    if ((int)codec < 0 || codec >= SNN_CODEC_AUTO || (shape->windows && codec == SNN_CODEC_XOR)) {
        return snn_fail(SNN_INTERNAL_ERROR, "codec %d cannot code a payload", (int)codec);
    }
    SNN_TRY(snn_codec_workspace_reserve(workspace, codec, shape));
    snn_codec_state *created = snn_allocate(1, sizeof *created);
    if (created == NULL) {
        return snn_out_of_memory("codec");
    }
    created->codec = codec;
    created->workspace = workspace;
    created->shape = *shape;
    created->last = snn_allocate(codec == SNN_CODEC_XOR ? shape->frame_bytes : 0, 1);
    created->chunks =
        snn_allocate(follows_spikes(created) ? snn_context_chunks(shape->frame_bytes) : 0, sizeof *created->chunks);
    if (created->last == NULL || created->chunks == NULL) {
        snn_codec_state_destroy(created);
        return snn_out_of_memory("codec buffers");
    }
    *state = created;
    return snn_ok();
}

double snn_codec_state_bytes(snn_codec codec)
{
    switch (codec) {
    case SNN_CODEC_XOR:
        return 1.0 / BYTE_BITS;
    case SNN_CODEC_CONTEXT:
    case SNN_CODEC_AUTO:
        return (double)sizeof(snn_context_chunk) / (SNN_CONTEXT_CHUNK_BYTES * BYTE_BITS);
    default:
        return 0.0;
    }
}

void snn_codec_state_destroy(snn_codec_state *state)
{
    if (state == NULL) {
        return;
    }
    snn_release(state->last);
    snn_release(state->chunks);
    snn_release(state);
}

void snn_codec_begin_group(snn_codec_state *state)
{
    if (state->codec == SNN_CODEC_XOR) {
        memset(state->last, 0, state->shape.frame_bytes);
    } else if (follows_spikes(state)) {
        memset(state->chunks, 0, snn_context_chunks(state->shape.frame_bytes) * sizeof *state->chunks);
    }
}

/* --- xor --- */

static void exclusive_or(uint8_t *restrict result, const uint8_t *restrict a, const uint8_t *restrict b, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        result[i] = a[i] ^ b[i];
    }
}

/* planes -> differences in the workspace. */
static void difference(const snn_codec_state *state, const uint8_t *planes, const snn_codec_block *block)
{
    uint8_t *differences = state->workspace->planes;
    size_t rest = (size_t)(block->steps - 1) * block->frame_bytes;
    exclusive_or(differences, planes, state->last, block->frame_bytes);
    exclusive_or(differences + block->frame_bytes, planes + block->frame_bytes, planes, rest);
}

/* differences in the workspace -> planes, in place. */
static void integrate(const snn_codec_state *state, const snn_codec_block *block)
{
    const uint8_t *before = state->last;
    for (int32_t step = 0; step < block->steps; step++) {
        uint8_t *frame = state->workspace->planes + (size_t)step * block->frame_bytes;
        for (size_t i = 0; i < block->frame_bytes; i++) {
            frame[i] ^= before[i];
        }
        before = frame;
    }
}

/* What the next block will be coded against. */
static void remember(snn_codec_state *state, const uint8_t *planes, const snn_codec_block *block)
{
    memcpy(state->last, planes + (size_t)(block->steps - 1) * block->frame_bytes, block->frame_bytes);
}

/* --- all codecs --- */

static snn_context_block context_block(const snn_codec_state *state, const snn_codec_block *block, uint8_t *planes)
{
    return (snn_context_block){.planes = planes,
                               .frame_bytes = block->frame_bytes,
                               .steps = block->steps,
                               .increments = state->workspace->increments + block->first_step,
                               .chunks = state->chunks};
}

static snn_windows_block windows_block(const snn_codec_state *state, const snn_codec_block *block, uint8_t *planes)
{
    return (snn_windows_block){.planes = planes,
                               .frame_bytes = block->frame_bytes,
                               .steps = block->steps,
                               .near = state->shape.near,
                               .far = state->shape.far};
}

static snn_status check_block(const snn_codec_state *state, const snn_codec_block *block)
{
    const snn_codec_workspace *workspace = state->workspace;
    if (state->codec == SNN_CODEC_CONTEXT &&
        (block->first_step < 0 || block->steps > workspace->timesteps - block->first_step)) {
        return snn_fail(SNN_INTERNAL_ERROR, "codec: steps %ld to %ld of %ld", (long)block->first_step,
                        (long)block->first_step + block->steps, (long)workspace->timesteps);
    }
    if (state->shape.windows && block->first_step != 0) {
        return snn_fail(SNN_INTERNAL_ERROR, "codec: windows from step %ld on", (long)block->first_step);
    }
    return snn_ok();
}

snn_status snn_codec_encode(snn_codec_state *state, const snn_codec_block *block, uint8_t *payload, size_t *bytes,
                            snn_codec *used)
{
    snn_codec_workspace *workspace = state->workspace;
    size_t raw_bytes = (size_t)block->steps * block->frame_bytes;
    size_t coded = 0;
    SNN_TRY(check_block(state, block));
    if (state->shape.windows && state->codec != SNN_CODEC_RAW) {
        const snn_windows_block windows = windows_block(state, block, payload);
        SNN_TRY(state->codec == SNN_CODEC_CONTEXT
                    ? snn_codec_windows_encode(workspace, &windows, raw_bytes - 1, &coded)
                    : snn_codec_windows_compress(workspace, &windows, raw_bytes - 1, &coded));
    } else if (state->codec == SNN_CODEC_ZSTD) {
        SNN_TRY(snn_codec_compress(workspace->compressor, payload, raw_bytes, workspace->coded, raw_bytes - 1, &coded));
    } else if (state->codec == SNN_CODEC_XOR) {
        difference(state, payload, block);
        remember(state, payload, block);
        SNN_TRY(snn_codec_compress(workspace->compressor, workspace->planes, raw_bytes, workspace->coded, raw_bytes - 1,
                                   &coded));
    } else if (state->codec == SNN_CODEC_CONTEXT) {
        const snn_context_block sorted = context_block(state, block, payload);
        SNN_TRY(snn_codec_context_encode(workspace, &sorted, raw_bytes - 1, &coded));
    }
    if (coded > 0) {
        memcpy(payload, workspace->coded, coded);
    }
    *bytes = coded > 0 ? coded : raw_bytes;
    *used = coded > 0 ? state->codec : SNN_CODEC_RAW;
    return snn_ok();
}

/* Planes that came as they are, though the edge has a codec. */
static void follow_raw(snn_codec_state *state, const snn_codec_block *block, const uint8_t *planes)
{
    if (state->codec == SNN_CODEC_XOR) {
        remember(state, planes, block);
    } else if (follows_spikes(state)) {
        const snn_context_block followed = context_block(state, block, (uint8_t *)planes); /* which it only reads */
        state->workspace->kernels->follow(&followed);
    }
}

static snn_status decode(snn_codec_state *state, const snn_codec_block *block, const uint8_t *payload, size_t bytes)
{
    snn_codec_workspace *workspace = state->workspace;
    if (state->shape.windows) {
        const snn_windows_block windows = windows_block(state, block, workspace->planes);
        return state->codec == SNN_CODEC_CONTEXT ? snn_codec_windows_decode(workspace, &windows, payload, bytes)
                                                 : snn_codec_windows_decompress(workspace, &windows, payload, bytes);
    }
    if (state->codec == SNN_CODEC_CONTEXT) {
        const snn_context_block sorted = context_block(state, block, workspace->planes);
        return snn_codec_context_decode(workspace, &sorted, payload, bytes);
    }
    SNN_TRY(
        snn_codec_decompress(workspace, payload, bytes, workspace->planes, (size_t)block->steps * block->frame_bytes));
    if (state->codec == SNN_CODEC_XOR) {
        integrate(state, block);
        remember(state, workspace->planes, block);
    }
    return snn_ok();
}

snn_status snn_codec_decode(snn_codec_state *state, snn_codec used, const snn_codec_block *block,
                            const uint8_t *payload, size_t bytes, const uint8_t **planes)
{
    size_t raw_bytes = (size_t)block->steps * block->frame_bytes;
    SNN_TRY(check_block(state, block));
    if (used == SNN_CODEC_RAW) {
        if (bytes != raw_bytes) {
            return snn_fail(SNN_INTERNAL_ERROR, "payload: %zu raw bytes, expected %zu", bytes, raw_bytes);
        }
        follow_raw(state, block, payload);
        *planes = payload;
        return snn_ok();
    }
    if (used != state->codec) {
        return snn_fail(SNN_INTERNAL_ERROR, "codec: %d, expected %d (%s) or raw", (int)used, (int)state->codec,
                        snn_codec_name(state->codec));
    }
    SNN_TRY(decode(state, block, payload, bytes));
    *planes = state->workspace->planes;
    return snn_ok();
}
