#define _GNU_SOURCE /* sched_getaffinity */
#include "comm/processors.h"

#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

void snn_processors_allowed(int32_t allowed[SNN_PROCESSORS])
{
    union {
        cpu_set_t set; /* what the functions take; the bits behind it are reached by their _S forms */
        unsigned char bytes[SNN_PROCESSORS / 8];
    } mask;
    memset(&mask, 0, sizeof mask);
    memset(allowed, 0, SNN_PROCESSORS * sizeof *allowed);
    if (sched_getaffinity(0, sizeof mask, &mask.set) == 0) {
        for (size_t p = 0; p < SNN_PROCESSORS; p++) {
            allowed[p] = CPU_ISSET_S(p, sizeof mask, &mask.set) ? 1 : 0;
        }
        return;
    }
    /* A host with more processors than are told apart, or a system that does not say: those that are on line. */
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    for (long p = 0; p < SNN_PROCESSORS && (p == 0 || p < online); p++) {
        allowed[p] = 1;
    }
}

double snn_processors_share(const int32_t allowed[SNN_PROCESSORS], const int32_t users[SNN_PROCESSORS])
{
    double share = 0.0;
    for (int p = 0; p < SNN_PROCESSORS; p++) {
        share += allowed[p] != 0 ? 1.0 / (double)users[p] : 0.0;
    }
    return share + 1e-9; /* thirds of three processors are a whole one, however they round */
}

int32_t snn_processors_threads(double share)
{
    return share < 2.0 ? 1 : (int32_t)share;
}
