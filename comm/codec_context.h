/* The codec `context`: spikes sorted by what the receiver knows too (core/kernels/contexts.h), then entropy coded.
 *
 * The encoder counts, in a sample of the neurons, how often each context fires at each step of the block, and says so
 * by a code of 4 bits. Four streams of surprise bits, of rising probability, go through zstd (the last, close to one
 * half, does not), and the rare surprises of contexts that are nearly sure are written as distances. The payload: codes
 * [steps][SNN_CONTEXTS / 2], two a byte, the even context in the low half lengths    uint32 of the distances; for each
 * stream uint32 of its bytes and of what they became; little-endian distances, then the streams; a stream that did not
 * shrink is sent as it is
 */
#ifndef SNN_COMM_CODEC_CONTEXT_H
#define SNN_COMM_CODEC_CONTEXT_H

#include "comm/codec.h"
#include "comm/workspace.h"

/* Writes the payload of a block into workspace->coded, at most `room` bytes, and moves the chunks on. *bytes becomes 0
 * if it does not fit; the chunks have moved all the same. */
snn_status snn_codec_context_encode(snn_codec_workspace *workspace, const snn_context_block *block, size_t room,
                                    size_t *bytes);

/* A payload's planes to block->planes, and moves the chunks on. */
snn_status snn_codec_context_decode(snn_codec_workspace *workspace, const snn_context_block *block,
                                    const uint8_t *payload, size_t bytes);

#endif
