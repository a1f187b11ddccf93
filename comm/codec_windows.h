/* Windows of spikes as symbols (core/kernels/symbols.h): whole windows of one group of images in one block.
 *
 * The codec zstd compresses the symbols: a frame of all first ones of the block, then one of all second ones and so on.
 * The codec context codes them in contexts. Its payload:
 *   for each symbol of a window: the most frequent symbol; how many groups of contexts; the group of each context, two
 *   a byte, the even one in the low half; a bit for each symbol that occurs
 *   uint32 of the tables' bytes and of what they became by zstd; the tables: the level of each first symbol, two a byte
 *   likewise; for each symbol of a window, group and symbol that occurs its frequency, a byte or if that is 255 two
 * more uint32 for each state, then the words
 */
#ifndef SNN_COMM_CODEC_WINDOWS_H
#define SNN_COMM_CODEC_WINDOWS_H

#include "comm/codec.h"
#include "comm/workspace.h"

typedef struct snn_windows_block {
    uint8_t *planes; /* [steps][frame_bytes] */
    size_t frame_bytes;
    int32_t steps;
    size_t near, far; /* neurons from one to the same channel one position before, and one row above */
} snn_windows_block;

/* To workspace->coded, at most `room` bytes. *bytes becomes 0 if it does not fit. */
snn_status snn_codec_windows_compress(snn_codec_workspace *workspace, const snn_windows_block *block, size_t room,
                                      size_t *bytes);
snn_status snn_codec_windows_encode(snn_codec_workspace *workspace, const snn_windows_block *block, size_t room,
                                    size_t *bytes);

/* A payload's planes to block->planes. */
snn_status snn_codec_windows_decompress(snn_codec_workspace *workspace, const snn_windows_block *block,
                                        const uint8_t *payload, size_t bytes);
snn_status snn_codec_windows_decode(snn_codec_workspace *workspace, const snn_windows_block *block,
                                    const uint8_t *payload, size_t bytes);

#endif
