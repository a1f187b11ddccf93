#include <stdlib.h>
#include <string.h>

#include "core/kernels/contexts.h"

extern const snn_context_kernels snn_context_kernels_portable;
#ifdef SNN_KERNELS_AVX2
extern const snn_context_kernels snn_context_kernels_avx2;
#endif
#ifdef SNN_KERNELS_AVX512
extern const snn_context_kernels snn_context_kernels_avx512;
#endif

static const snn_context_kernels *const all[] = {
#ifdef SNN_KERNELS_AVX512
    &snn_context_kernels_avx512,
#endif
#ifdef SNN_KERNELS_AVX2
    &snn_context_kernels_avx2,
#endif
    &snn_context_kernels_portable,
};

enum { TABLE_COUNT = sizeof all / sizeof all[0] };

const snn_context_kernels *const *snn_context_kernels_all(int32_t *count)
{
    *count = TABLE_COUNT;
    return all;
}

const snn_context_kernels *snn_context_kernels_select(void)
{
    const char *wanted = getenv("SNN_DIST_ISA");
    const snn_context_kernels *best = NULL;
    for (int i = 0; i < TABLE_COUNT; i++) {
        if (all[i]->available()) {
            /* There are no tables of other names, such as "amx": the best will do. */
            if (wanted != NULL && strcmp(wanted, all[i]->name) == 0) {
                return all[i];
            }
            best = best == NULL ? all[i] : best;
        }
    }
    return best;
}
