#include "core/kernels/kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const snn_kernels snn_kernels_portable;
#ifdef SNN_KERNELS_AVX2
extern const snn_kernels snn_kernels_avx2;
#endif
#ifdef SNN_KERNELS_AVXVNNI
extern const snn_kernels snn_kernels_avxvnni;
#endif
#ifdef SNN_KERNELS_AVX512
extern const snn_kernels snn_kernels_avx512;
#endif
#ifdef SNN_KERNELS_AMX
extern const snn_kernels snn_kernels_amx;
#endif

static const snn_kernels *const all[] = {
#ifdef SNN_KERNELS_AMX
    &snn_kernels_amx,
#endif
#ifdef SNN_KERNELS_AVX512
    &snn_kernels_avx512,
#endif
#ifdef SNN_KERNELS_AVXVNNI
    &snn_kernels_avxvnni,
#endif
#ifdef SNN_KERNELS_AVX2
    &snn_kernels_avx2,
#endif
    &snn_kernels_portable,
};

enum { TABLE_COUNT = sizeof all / sizeof all[0] };

const snn_kernels *const *snn_kernels_all(int32_t *count)
{
    *count = TABLE_COUNT;
    return all;
}

/* "avx2, portable": the tables that this machine can run. */
static void list_available(char *text, size_t bytes)
{
    size_t length = 0;
    text[0] = '\0';
    for (int i = 0; i < TABLE_COUNT && length < bytes; i++) {
        if (all[i]->available()) {
            int written = snprintf(text + length, bytes - length, "%s%s", length == 0 ? "" : ", ", all[i]->name);
            length += written > 0 ? (size_t)written : 0;
        }
    }
}

snn_status snn_kernels_select(const snn_kernels **kernels)
{
    const char *wanted = getenv("SNN_DIST_ISA");
    const bool any = wanted == NULL || wanted[0] == '\0';
    for (int i = 0; i < TABLE_COUNT; i++) {
        if (all[i]->available() && (any || strcmp(wanted, all[i]->name) == 0)) {
            *kernels = all[i];
            return snn_ok();
        }
    }
    char names[128];
    list_available(names, sizeof names);
    return snn_fail(SNN_INPUT_ERROR,
                    "environment variable SNN_DIST_ISA: expected an instruction set that this machine can run (%s), "
                    "found \"%s\"",
                    names, any ? "" : wanted);
}
