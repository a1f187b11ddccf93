#include "comm/workspace.h"

#include <math.h>
#include <zstd_errors.h>

#include "core/base/memory.h"

enum {
    ZSTD_LEVEL = 1,       /* a coder pays only while it is faster than the wire */
    ZSTD_LONG_MATCH = 7,  /* the longest that zstd can ask for: in streams of sorted bits matches are luck */
    ZSTD_SMALL_TABLE = 8, /* bits: entries of the match finder that hardly ever finds anything */
    STREAM_MARGIN = 2     /* words behind a stream, as contexts.h asks for */
};

/* The sum of all steps, so that y wraps around for no schedule. */
static void fill_increments(const float *eta, int32_t timesteps, uint16_t *increments)
{
    double sum = 0.0;
    for (int32_t step = 0; step < timesteps; step++) {
        sum += (double)eta[step];
    }
    const double largest = ldexp(1.0, SNN_CONTEXT_LEVEL_BITS - 1) - 1.0;
    for (int32_t step = 0; step < timesteps; step++) {
        const double increment = floor((double)eta[step] / sum * largest + 0.5);
        increments[step] = (uint16_t)fmin(fmax(increment, 1.0), largest);
    }
}

snn_status snn_codec_workspace_create(const float *eta, int32_t timesteps, snn_codec_workspace **workspace)
{
    *workspace = NULL;
    snn_codec_workspace *created = snn_allocate(1, sizeof *created);
    if (created == NULL) {
        return snn_out_of_memory("codec workspace");
    }
    created->timesteps = timesteps;
    created->kernels = snn_context_kernels_select();
    created->increments = snn_allocate((size_t)timesteps, sizeof *created->increments);
    created->decompressor = ZSTD_createDCtx();
    created->compressor = ZSTD_createCCtx();
    if (created->increments == NULL || created->decompressor == NULL || created->compressor == NULL ||
        ZSTD_isError(ZSTD_CCtx_setParameter(created->compressor, ZSTD_c_compressionLevel, ZSTD_LEVEL))) {
        snn_codec_workspace_destroy(created);
        return snn_out_of_memory("codec workspace");
    }
    fill_increments(eta, timesteps, created->increments);
    *workspace = created;
    return snn_ok();
}

static void release_context(snn_codec_workspace *workspace)
{
    for (int s = 0; s < SNN_CONTEXT_STREAMS; s++) {
        snn_release(workspace->streams[s]);
        workspace->streams[s] = NULL;
    }
    snn_release(workspace->distances);
    snn_release(workspace->counts);
    snn_release(workspace->codes);
    workspace->distances = NULL;
    workspace->counts = NULL;
    workspace->codes = NULL;
    workspace->context_bytes = 0;
    workspace->context_steps = 0;
}

void snn_codec_workspace_destroy(snn_codec_workspace *workspace)
{
    if (workspace == NULL) {
        return;
    }
    (void)ZSTD_freeCCtx(workspace->compressor);
    (void)ZSTD_freeCCtx(workspace->entropy_compressor);
    (void)ZSTD_freeDCtx(workspace->decompressor);
    release_context(workspace);
    snn_release(workspace->increments);
    snn_release(workspace->planes);
    snn_release(workspace->coded);
    snn_release(workspace);
}

static snn_status reserve_planes(snn_codec_workspace *workspace, size_t raw_bytes)
{
    if (raw_bytes <= workspace->raw_bytes) {
        return snn_ok();
    }
    snn_release(workspace->planes);
    snn_release(workspace->coded);
    workspace->raw_bytes = 0;
    workspace->planes = snn_allocate(raw_bytes, 1);
    workspace->coded = snn_allocate(raw_bytes, 1);
    if (workspace->planes == NULL || workspace->coded == NULL) {
        return snn_out_of_memory("codec buffers");
    }
    workspace->raw_bytes = raw_bytes;
    return snn_ok();
}

static snn_status create_entropy_compressor(snn_codec_workspace *workspace)
{
    if (workspace->entropy_compressor != NULL) {
        return snn_ok();
    }
    static const struct {
        ZSTD_cParameter name;
        int value;
    } parameters[] = {
        {ZSTD_c_compressionLevel, ZSTD_LEVEL}, {ZSTD_c_minMatch, ZSTD_LONG_MATCH}, {ZSTD_c_hashLog, ZSTD_SMALL_TABLE}};
    workspace->entropy_compressor = ZSTD_createCCtx();
    if (workspace->entropy_compressor == NULL) {
        return snn_out_of_memory("zstd compressor");
    }
    for (size_t i = 0; i < sizeof parameters / sizeof parameters[0]; i++) {
        size_t result = ZSTD_CCtx_setParameter(workspace->entropy_compressor, parameters[i].name, parameters[i].value);
        if (ZSTD_isError(result)) {
            return snn_fail(SNN_INTERNAL_ERROR, "zstd: %s", ZSTD_getErrorName(result));
        }
    }
    return snn_ok();
}

static snn_status reserve_context(snn_codec_workspace *workspace, size_t raw_bytes, int32_t steps)
{
    SNN_TRY(create_entropy_compressor(workspace));
    if (raw_bytes <= workspace->context_bytes && steps <= workspace->context_steps) {
        return snn_ok();
    }
    raw_bytes = raw_bytes > workspace->context_bytes ? raw_bytes : workspace->context_bytes;
    steps = steps > workspace->context_steps ? steps : workspace->context_steps;
    release_context(workspace);
    workspace->distances = snn_allocate(raw_bytes, 1);
    workspace->counts = snn_allocate((size_t)steps, sizeof *workspace->counts * SNN_CONTEXTS * 2);
    workspace->codes = snn_allocate((size_t)steps, sizeof *workspace->codes);
    bool complete = workspace->distances != NULL && workspace->counts != NULL && workspace->codes != NULL;
    for (int s = 0; s < SNN_CONTEXT_STREAMS; s++) {
        workspace->streams[s] = snn_allocate((raw_bytes + 7) / 8 + STREAM_MARGIN, sizeof *workspace->streams[s]);
        complete = complete && workspace->streams[s] != NULL;
    }
    if (!complete) {
        return snn_out_of_memory("codec buffers");
    }
    workspace->context_bytes = raw_bytes;
    workspace->context_steps = steps;
    return snn_ok();
}

snn_status snn_codec_workspace_reserve(snn_codec_workspace *workspace, snn_codec codec, size_t frame_bytes,
                                       int32_t steps)
{
    const size_t raw_bytes = (size_t)steps * frame_bytes;
    if (codec == SNN_CODEC_RAW) {
        return snn_ok();
    }
    SNN_TRY(reserve_planes(workspace, raw_bytes));
    return codec == SNN_CODEC_CONTEXT ? reserve_context(workspace, raw_bytes, steps) : snn_ok();
}

snn_status snn_codec_compress(ZSTD_CCtx *compressor, const void *source, size_t bytes, uint8_t *to, size_t room,
                              size_t *coded)
{
    *coded = ZSTD_compress2(compressor, to, room, source, bytes);
    if (ZSTD_isError(*coded)) {
        if (ZSTD_getErrorCode(*coded) != ZSTD_error_dstSize_tooSmall) {
            return snn_fail(SNN_INTERNAL_ERROR, "zstd: %s", ZSTD_getErrorName(*coded));
        }
        *coded = 0;
    }
    return snn_ok();
}

snn_status snn_codec_decompress(snn_codec_workspace *workspace, const uint8_t *payload, size_t bytes, void *to,
                                size_t expected)
{
    size_t decoded = ZSTD_decompressDCtx(workspace->decompressor, to, expected, payload, bytes);
    if (ZSTD_isError(decoded)) {
        return snn_fail(SNN_INTERNAL_ERROR, "payload: zstd: %s", ZSTD_getErrorName(decoded));
    }
    if (decoded != expected) {
        return snn_fail(SNN_INTERNAL_ERROR, "payload: decoded to %zu bytes, expected %zu", decoded, expected);
    }
    return snn_ok();
}
