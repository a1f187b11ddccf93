/* Descriptions of machines as TOML, for plans of machines that are not at hand. Every key may be left out.
 *
 *     [rank]
 *     cores = 8              # threads of a rank; default: as many as here
 *     speed = 1.0            # of a core, relative to one of this machine
 *     memory_gb = 16.0       # a rank may use; 0 = no limit
 *     [link]                 # between any two ranks
 *     latency_us = 2.0
 *     bandwidth_gbs = 12.0   # gigabytes per second and rank
 *     message_us = 0.5       # work for a message, at its receiver
 */
#ifndef SNN_IO_MACHINE_FILE_H
#define SNN_IO_MACHINE_FILE_H

#include "core/base/status.h"
#include "partition/machine.h"

/* Changes in `machine` what the file says. `threads`: of a rank, where speeds are measured. */
snn_status snn_machine_file_read(const char *path, int32_t threads, snn_machine *machine);

#endif
