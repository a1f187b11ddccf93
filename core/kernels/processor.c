#if defined(__x86_64__) && defined(__linux__)
#define _DEFAULT_SOURCE /* syscall */
#include <sys/syscall.h>
#endif
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif
#include <unistd.h>

#include "core/kernels/processor.h"

int64_t snn_processor_cache_bytes(void)
{
    enum { USUAL = 1 << 20 };
#ifdef _SC_LEVEL2_CACHE_SIZE
    const long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
    return bytes > 0 ? bytes : USUAL;
#else
    return USUAL;
#endif
}

bool snn_processor_runs_portable(void)
{
    return true;
}

#if defined(__x86_64__) || defined(__i386__)

bool snn_processor_runs_avx2(void)
{
    return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("bmi2") != 0;
}

bool snn_processor_runs_avxvnni(void)
{
    enum { AVXVNNI = 1U << 4 };
    unsigned a, b, c, d;
    return snn_processor_runs_avx2() && __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & AVXVNNI) != 0;
}

bool snn_processor_runs_avx512(void)
{
    return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
           __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
           __builtin_cpu_supports("avx512vnni") != 0 && __builtin_cpu_supports("bmi2") != 0;
}

#else

bool snn_processor_runs_avx2(void)
{
    return false;
}

bool snn_processor_runs_avxvnni(void)
{
    return false;
}

bool snn_processor_runs_avx512(void)
{
    return false;
}

#endif

#if defined(__x86_64__) && defined(__linux__)

/* Whether the system saves the tile registers (XCR0, bits of their configuration and their data). */
static bool system_knows_tiles(void)
{
    enum { OSXSAVE = 1U << 27, TILE_STATE = 3U << 17 };
    unsigned a, b, c, d;
    if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & OSXSAVE) == 0) {
        return false;
    }
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & TILE_STATE) == TILE_STATE;
}

bool snn_processor_runs_amx(void)
{
    enum { AMX_TILE = 1U << 24, AMX_INT8 = 1U << 25, TILES = AMX_TILE | AMX_INT8 };
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 }; /* ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA */
    unsigned a, b, c, d;
    if (!snn_processor_runs_avx512() || __get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (d & TILES) != TILES ||
        !system_knows_tiles()) {
        return false;
    }
    return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}

#else

bool snn_processor_runs_amx(void)
{
    return false;
}

#endif
