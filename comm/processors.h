/* The processors that a process may run on, and its share of them beside other processes. */
#ifndef SNN_COMM_PROCESSORS_H
#define SNN_COMM_PROCESSORS_H

#include <stdint.h>

enum { SNN_PROCESSORS = 4096 }; /* most that are told apart on one host */

/* allowed[p] = 1 for every processor p of this host that this process may run on (its affinity mask: what a launcher or
 * a container leaves it), else 0. At least one is 1. */
void snn_processors_allowed(int32_t allowed[SNN_PROCESSORS]);

/* The processors that `allowed` amounts to where users[p] processes may run on processor p, this one included: each
 * counts as 1 / users[p]. Below 1 where processes outnumber processors. */
double snn_processors_share(const int32_t allowed[SNN_PROCESSORS], const int32_t users[SNN_PROCESSORS]);

/* Threads that suit a process with that share: whole processors of it, at least 1. */
int32_t snn_processors_threads(double share);

#endif
