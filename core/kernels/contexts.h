/* Contexts: what both ends of an edge know of a neuron before its next spike, and the sorting of spikes by it.
 *
 * A neuron's context is its last SNN_CONTEXT_RECENT spikes and the sign of its output y, which follows from all its
 * spikes. An encoder gives each context of each timestep a *code*: the spike to expect, and a class that says how sure
 * that is. A spike becomes a *surprise* bit (it is not the one expected), and bits of one class, whatever their step
 * and neuron, are gathered into one stream, in which ones are about equally frequent everywhere. Class 0 is for
 * contexts with hardly any surprises; only the distances between these are written down.
 *
 * 512 neurons are a *chunk* and are done at once: bit i of a word of every array belongs to neuron i. y is a sum of
 * 16-bit fixed-point steps, kept as 16 words of one bit each. It may wrap around; that costs compression only.
 */
#ifndef SNN_KERNELS_CONTEXTS_H
#define SNN_KERNELS_CONTEXTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/memory.h"
#include "core/base/status.h"
#include "core/kernels/symbols.h"

enum {
    SNN_CONTEXT_WORDS = 8, /* of 64 neurons, a chunk */
    SNN_CONTEXT_CHUNK_BYTES = 64,
    SNN_CONTEXT_RECENT = 3,
    SNN_CONTEXT_LEVEL_BITS = 16,
    SNN_CONTEXTS = 16, /* number: bit 0 is set where y >= 0 is false, bits 1, 2, 3: the spikes of 3, 2, 1 steps ago */
    SNN_CONTEXT_STREAMS = 4,
    SNN_CONTEXT_CODE_BITS = 4
};

/* What is kept of a chunk from block to block; all zeros before the first timestep. */
typedef struct snn_context_chunk {
    _Alignas(SNN_ALIGNMENT) uint64_t recent[SNN_CONTEXT_RECENT][SNN_CONTEXT_WORDS]; /* latest first */
    uint64_t level[SNN_CONTEXT_LEVEL_BITS][SNN_CONTEXT_WORDS];                      /* of y, least significant first */
} snn_context_chunk;

/* Codes of one timestep, spread out: bit b of the code of context i as a word of 64 equal bits. Bits 0 to 2 are the
 * class, 0 (surprises by distance) to SNN_CONTEXT_STREAMS, bit 3 is the spike expected. */
typedef struct snn_context_codes {
    _Alignas(SNN_ALIGNMENT) uint64_t bit[SNN_CONTEXT_CODE_BITS][SNN_CONTEXTS];
} snn_context_codes;

/* A block of spikes. */
typedef struct snn_context_block {
    uint8_t *planes; /* [steps][frame_bytes] */
    size_t frame_bytes;
    int32_t steps;
    const uint16_t *increments; /* [steps]: by how much y moves */
    snn_context_chunk *chunks;  /* [snn_context_chunks(frame_bytes)] */
} snn_context_block;

/* Where sorted spikes go or come from. */
typedef struct snn_context_streams {
    uint64_t *words[SNN_CONTEXT_STREAMS]; /* each with room for all bits of the block and two words more */
    size_t bits[SNN_CONTEXT_STREAMS];     /* out: number of bits written or read */
    uint8_t *distances;    /* between surprises of class 0: 7 bits a byte, the highest set if more follow */
    size_t distance_bytes; /* in: room or length; out: bytes written or read */
} snn_context_streams;

typedef struct snn_context_kernels {
    /* Adds up the spikes of every `stride`-th chunk: counts [steps][SNN_CONTEXTS][2], neurons and spikes in context. */
    void (*count)(const snn_context_block *block, size_t stride, uint32_t *counts);
    /* Spikes to streams; moves the chunks on by the block's steps. False if the distances do not fit: then the streams
     * are worth nothing, but the chunks have moved on all the same. */
    bool (*sort)(const snn_context_block *block, const snn_context_codes *codes, snn_context_streams *streams);
    /* Streams to spikes, and moves the chunks on. False if the distances are not those of surprises of this block.
     * Reads no bit behind a stream's room, whatever the streams hold. */
    bool (*restore)(const snn_context_block *block, const snn_context_codes *codes, snn_context_streams *streams);
    /* Moves the chunks on by spikes that came by another way. */
    void (*follow)(const snn_context_block *block);
    const snn_symbol_kernels *symbols; /* of the same instruction set */
} snn_context_kernels;

static inline size_t snn_context_chunks(size_t frame_bytes)
{
    return (frame_bytes + SNN_CONTEXT_CHUNK_BYTES - 1) / SNN_CONTEXT_CHUNK_BYTES;
}

#endif
