#include "core/kernels/processor.h"

bool snn_processor_runs_portable(void)
{
    return true;
}

#if defined(__x86_64__) || defined(__i386__)

bool snn_processor_runs_avx2(void)
{
    return __builtin_cpu_supports("avx2") != 0;
}

bool snn_processor_runs_avx512(void)
{
    return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
           __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
           __builtin_cpu_supports("avx512vnni") != 0;
}

#else

bool snn_processor_runs_avx2(void)
{
    return false;
}

bool snn_processor_runs_avx512(void)
{
    return false;
}

#endif
