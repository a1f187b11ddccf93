/* The kernel tables that tests compare: those of the library, and copies of them that do by other means what this
 * machine has no instructions for, and of the portable one without vectors. */
#ifndef TESTS_TABLES_H
#define TESTS_TABLES_H

#include "core/kernels/kernels.h"

/* As snn_kernels_all: the last one is "portable". */
const snn_kernels *const *all_tables(int32_t *count);

#endif
