/* What codecs need while they work on one packet, and nothing of it afterwards: one for all edges of a rank. Private to
 * the codecs but for its creation. */
#ifndef SNN_COMM_WORKSPACE_H
#define SNN_COMM_WORKSPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zstd.h>

#include "comm/codec.h"
#include "comm/symbol_model.h"
#include "core/kernels/contexts.h"
#include "core/kernels/symbols.h"

struct snn_codec_workspace {
    uint16_t *increments; /* [timesteps]: eta(t) in the fixed point of contexts.h */
    int32_t timesteps;
    const snn_context_kernels *kernels;
    /* For packets of up to raw_bytes of planes in up to `steps` steps. */
    size_t raw_bytes;
    int32_t steps;
    uint8_t *planes; /* [raw_bytes]: differences to be coded, or planes that were decoded */
    uint8_t *coded;  /* [raw_bytes + SNN_SYMBOL_MARGIN] */
    /* CONTEXT only. */
    size_t context_bytes; /* raw bytes that these have room for */
    int32_t context_steps;
    uint64_t *streams[SNN_CONTEXT_STREAMS];
    uint8_t *distances;       /* [context_bytes] */
    uint32_t *counts;         /* [context_steps][SNN_CONTEXTS][2] */
    snn_context_codes *codes; /* [context_steps] */
    /* Windows only, as many symbols as there is room for; all but the first for CONTEXT only. */
    uint8_t *symbols; /* [symbols of a window][neurons] */
    uint8_t *groups;  /* of contexts, likewise */
    uint8_t *levels;  /* [neurons before + neurons] */
    uint8_t *quiet;   /* [neurons] */
    uint8_t *tables;  /* [table_bytes] */
    size_t symbol_count, level_count, table_bytes;
    bool symbol_contexts;     /* whether there is more than `symbols` */
    snn_symbol_model *models; /* [symbols of the longest window] */
    snn_symbol_codes *symbol_codes;
    uint32_t *slots;               /* [SNN_SYMBOL_GROUPS][2^SNN_SYMBOL_PRECISION], and SNN_SYMBOL_SPARE more */
    ZSTD_CCtx *compressor;         /* at the level for a whole payload */
    ZSTD_CCtx *entropy_compressor; /* for streams in which nothing repeats */
    ZSTD_DCtx *decompressor;
};

/* Makes room for such packets, and what `codec` needs. */
snn_status snn_codec_workspace_reserve(snn_codec_workspace *workspace, snn_codec codec, const snn_codec_shape *shape);

/* SNN_OK with *coded = 0 where the result would not fit into `room`. */
snn_status snn_codec_compress(ZSTD_CCtx *compressor, const void *source, size_t bytes, uint8_t *to, size_t room,
                              size_t *coded);
/* Fails unless the payload gives exactly `expected` bytes. */
snn_status snn_codec_decompress(snn_codec_workspace *workspace, const uint8_t *payload, size_t bytes, void *to,
                                size_t expected);

#endif
