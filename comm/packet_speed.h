/* How fast this processor packs, codes and checks packets: for the planner, which may be far from any other rank. */
#ifndef SNN_COMM_PACKET_SPEED_H
#define SNN_COMM_PACKET_SPEED_H

#include <stdbool.h>

#include "comm/packet.h"
#include "partition/machine.h"

/* Measures on made-up spikes (`windows`: whole windows of them) and sums, for some milliseconds. What a codec saves
 * depends on the network: `ratio` is what was seen of residual networks' spikes. SNN_CODEC_AUTO: the codec that is the
 * fastest over `link`. */
snn_status snn_packet_speed_measure(snn_codec codec, bool windows, const snn_link *link, snn_packet_speed *speed);

#endif
