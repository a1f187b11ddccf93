#include "comm/workspace.h"

#include <math.h>
#include <zstd_errors.h>

#include "core/base/memory.h"
#include "core/dynamics/windows.h"
#include "core/kernels/kernels.h"

enum {
    ZSTD_LEVEL = 1,       /* a coder pays only while it is faster than the wire */
    ZSTD_LONG_MATCH = 7,  /* the longest that zstd can ask for: in streams of sorted bits matches are luck */
    ZSTD_SMALL_TABLE = 8, /* bits: entries of the match finder that hardly ever finds anything */
    STREAM_MARGIN = 2,    /* words behind a stream, as contexts.h asks for */
    BYTE_BITS = 8,
    WINDOW_SYMBOLS = SNN_WINDOW_STEPS / SNN_SYMBOL_STEPS
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
    const snn_kernels *kernels;
    SNN_TRY(snn_kernels_select(&kernels));
    snn_codec_workspace *created = snn_allocate(1, sizeof *created);
    if (created == NULL) {
        return snn_out_of_memory("codec workspace");
    }
    created->timesteps = timesteps;
    created->kernels = kernels->contexts;
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

static void release_windows(snn_codec_workspace *workspace)
{
    snn_release(workspace->symbols);
    snn_release(workspace->groups);
    snn_release(workspace->levels);
    snn_release(workspace->quiet);
    snn_release(workspace->tables);
    snn_release(workspace->models);
    snn_release(workspace->symbol_codes);
    snn_release(workspace->slots);
    workspace->symbols = workspace->groups = workspace->levels = workspace->quiet = workspace->tables = NULL;
    workspace->models = NULL;
    workspace->symbol_codes = NULL;
    workspace->slots = NULL;
    workspace->symbol_count = workspace->level_count = 0;
    workspace->symbol_contexts = false;
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
    release_windows(workspace);
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
    workspace->coded = snn_allocate(raw_bytes + SNN_SYMBOL_MARGIN, 1);
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

static snn_status reserve_windows(snn_codec_workspace *workspace, const snn_codec_shape *shape, bool contexts)
{
    const size_t parts = ((size_t)shape->steps + SNN_SYMBOL_STEPS - 1) / SNN_SYMBOL_STEPS;
    const size_t neurons = shape->frame_bytes * BYTE_BITS;
    const size_t before = shape->near > shape->far ? shape->near : shape->far;
    size_t symbols = parts * neurons, levels = neurons + before;
    SNN_TRY(create_entropy_compressor(workspace));
    if (symbols <= workspace->symbol_count && (!contexts || workspace->symbol_contexts) &&
        levels <= workspace->level_count) {
        return snn_ok();
    }
    symbols = symbols > workspace->symbol_count ? symbols : workspace->symbol_count;
    levels = levels > workspace->level_count ? levels : workspace->level_count;
    contexts = contexts || workspace->symbol_contexts;
    release_windows(workspace);
    workspace->table_bytes = (size_t)WINDOW_SYMBOLS * SNN_SYMBOL_TABLE;
    workspace->symbols = snn_allocate(symbols, 1);
    workspace->groups = snn_allocate(contexts ? symbols : 0, 1);
    workspace->levels = snn_allocate(contexts ? levels : 0, 1);
    workspace->quiet = snn_allocate(contexts ? levels : 0, 1);
    workspace->tables = snn_allocate(contexts ? workspace->table_bytes : 0, 1);
    workspace->models = snn_allocate(contexts ? WINDOW_SYMBOLS : 0, sizeof *workspace->models);
    workspace->symbol_codes = snn_allocate(contexts ? 1 : 0, sizeof *workspace->symbol_codes);
    workspace->slots =
        snn_allocate(contexts ? ((size_t)SNN_SYMBOL_GROUPS << SNN_SYMBOL_PRECISION) + SNN_SYMBOL_SPARE : 0,
                     sizeof *workspace->slots);
    if (workspace->symbols == NULL || workspace->groups == NULL || workspace->levels == NULL ||
        workspace->quiet == NULL || workspace->tables == NULL || workspace->models == NULL ||
        workspace->symbol_codes == NULL || workspace->slots == NULL) {
        return snn_out_of_memory("codec buffers");
    }
    workspace->symbol_count = symbols;
    workspace->level_count = levels;
    workspace->symbol_contexts = contexts;
    return snn_ok();
}

snn_status snn_codec_workspace_reserve(snn_codec_workspace *workspace, snn_codec codec, const snn_codec_shape *shape)
{
    const size_t raw_bytes = (size_t)shape->steps * shape->frame_bytes;
    if (codec == SNN_CODEC_RAW) {
        return snn_ok();
    }
    SNN_TRY(reserve_planes(workspace, raw_bytes));
    if (shape->windows) {
        return reserve_windows(workspace, shape, codec == SNN_CODEC_CONTEXT);
    }
    return codec == SNN_CODEC_CONTEXT ? reserve_context(workspace, raw_bytes, shape->steps) : snn_ok();
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
