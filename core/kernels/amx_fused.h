/* Entries of the table: amx_fused.c. */
#ifndef SNN_KERNELS_AMX_FUSED_H
#define SNN_KERNELS_AMX_FUSED_H

#include "core/kernels/kernels.h"

bool snn_amx_adds(const snn_packed *packed);
bool snn_amx_gathers(const snn_packed *packed);
bool snn_amx_fuses(const snn_packed *packed, const snn_population *population);
int64_t snn_amx_fused_scratch_bytes(const snn_packed *packed, const snn_population *population, int64_t positions,
                                    int32_t steps);
void snn_amx_project_and_fire(const snn_feed *product, const snn_feed *added, const snn_neurons *neurons,
                              const snn_tile *tile, const snn_tile_counts *counts);

#endif
