/* Convolutions of many small groups (AVX-512 with VNNI), private to this folder: depthwise ones, and such where a group
 * would leave most of a tile of weights empty.
 *
 * 16 target channels lie side by side in a vector, each with a pair of source values that it sees, as int16_t, and one
 * instruction multiplies pairs and adds both products to the channel's sum. What 16 targets of some groups see at a
 * position are at most 64 neighbouring source channels: they are expanded from bits, and permuted so that the pairs lie
 * where their targets do. Of depthwise convolutions a pair are the values at two neighbouring taps of a tap row. */
#ifndef SNN_KERNELS_AVX512_GROUPS_H
#define SNN_KERNELS_AVX512_GROUPS_H

#include "core/kernels/kernels.h"

bool snn_groups_suits(const snn_packed *packed);
/* As the functions of the table, for what suits. */
snn_status snn_groups_pack(const snn_projection *projection, snn_packed *packed);
int64_t snn_groups_scratch(const snn_packed *packed, int64_t positions, int32_t steps);
void snn_groups_project(const snn_packed *packed, const snn_spikes *source, const snn_tile *tile);

#endif
