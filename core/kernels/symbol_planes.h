/* Planes of spikes to symbols and back, private to symbols.c; compiled once per instruction set, as portable.h says. */
#ifndef SNN_KERNELS_SYMBOL_PLANES_H
#define SNN_KERNELS_SYMBOL_PLANES_H

#include <stddef.h>
#include <stdint.h>

#include "core/kernels/portable.h"

#define snn_symbols_split SNN_ISA_NAME(snn_symbols_split)
#define snn_symbols_join  SNN_ISA_NAME(snn_symbols_join)

/* As in the table (symbols.h). */
void snn_symbols_split(const uint8_t *planes, size_t frame_bytes, int32_t steps, uint8_t *symbols);
void snn_symbols_join(const uint8_t *symbols, size_t frame_bytes, int32_t steps, uint8_t *planes);

#endif
