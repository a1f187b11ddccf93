#include "core/kernels/peak.h"

#include <stddef.h>
#include <string.h>

extern const snn_peak snn_peak_portable;
#ifdef SNN_KERNELS_AVX2
extern const snn_peak snn_peak_avx2;
#endif
#ifdef SNN_KERNELS_AVX512
extern const snn_peak snn_peak_avx512, snn_peak_avx512_bytes;
#endif
#ifdef SNN_KERNELS_AMX
extern const snn_peak snn_peak_amx;
#endif

static const snn_peak *const all[] = {
    &snn_peak_portable,
#ifdef SNN_KERNELS_AVX2
    &snn_peak_avx2,
#endif
#ifdef SNN_KERNELS_AVX512
    &snn_peak_avx512,   &snn_peak_avx512_bytes,
#endif
#ifdef SNN_KERNELS_AMX
    &snn_peak_amx,
#endif
};

const snn_peak *snn_peak_of(const char *kernels, int32_t bits)
{
    const snn_peak *found = NULL;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (strcmp(all[i]->name, kernels) == 0 && (found == NULL || all[i]->bits == bits)) {
            found = all[i];
        }
    }
    return found;
}
