/* What this processor and operating system can run. Compiled for the baseline instruction set, so that asking is
 * always safe. */
#ifndef SNN_KERNELS_PROCESSOR_H
#define SNN_KERNELS_PROCESSOR_H

#include <stdbool.h>
#include <stdint.h>

/* One question per kernel table, of the table's name. */
bool snn_processor_runs_portable(void);
bool snn_processor_runs_avx2(void);    /* and BMI2 */
bool snn_processor_runs_avxvnni(void); /* these, and AVX-VNNI */
bool snn_processor_runs_avx512(void);  /* F, BW, VL, DQ and VNNI, and BMI2 */
/* Int8 tiles beside these. On Linux the answer yes asks the system for the process's permission to use them, for all of
 * its threads; asking again changes nothing. */
bool snn_processor_runs_amx(void);

/* Of a core's second-level cache; 1 MiB where the system does not say. */
int64_t snn_processor_cache_bytes(void);

#endif
