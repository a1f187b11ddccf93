/* Which codec an edge uses, where the user leaves it open: by measured speeds.
 *
 * Now and then the sender runs every codec, each from the beginning of a group of images with states of its own, over a
 * part of the frames, and decodes again what it has coded. That gives seconds and bytes; with what a byte costs on the
 * edge's links it gives the seconds that a packet takes from planes to planes, and the codec that takes fewest is used
 * for the groups that follow. The choice changes no bit of the results, so it may depend on the clock.
 */
#ifndef SNN_COMM_CHOICE_H
#define SNN_COMM_CHOICE_H

#include <stdbool.h>

#include "comm/codec.h"

typedef struct snn_codec_choice snn_codec_choice;

typedef struct snn_codec_choice_options {
    snn_payload payload; /* integers: RAW and ZSTD only */
    snn_codec_shape shape;
    double byte_seconds; /* that a byte of a packet takes to all who get it */
} snn_codec_choice_options;

/* The workspace must outlive the choice. */
snn_status snn_codec_choice_create(const snn_codec_choice_options *options, snn_codec_workspace *workspace,
                                   snn_codec_choice **choice);
void snn_codec_choice_destroy(snn_codec_choice *choice); /* accepts NULL */

/* Whether a codec can code such payloads; windows: spikes are whole windows. */
bool snn_codec_suits(snn_codec codec, snn_payload payload, bool windows);

/* Planes over payload, as was seen of residual networks' spikes, without and with windows, and of sums. */
double snn_codec_usual_ratio(snn_codec codec, snn_payload payload, bool windows);

/* The codec for the group that begins with this block. `planes` [steps][frame_bytes]. */
snn_status snn_codec_choice_begin(snn_codec_choice *choice, const snn_codec_block *block, const uint8_t *planes,
                                  snn_codec *codec);
/* Every other block of the group, in order. */
snn_status snn_codec_choice_follow(snn_codec_choice *choice, const snn_codec_block *block, const uint8_t *planes);

#endif
