/* The kernel tables that tests compare: those of the library, and copies of the one with tile registers that do in
 * plain C what these do (core/kernels/tile_registers.h in this folder), and of the portable one without vectors. */
#ifndef TESTS_TABLES_H
#define TESTS_TABLES_H

#include "core/kernels/kernels.h"

/* As snn_kernels_all: the last one is "portable". */
const snn_kernels *const *all_tables(int32_t *count);

#endif
