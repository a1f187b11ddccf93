#include "tests/core/tables/tables.h"

#include <assert.h>
#include <stddef.h>

#include "core/kernels/processor.h"

enum { MOST = 10 };

/* A copy of the kernels that tests have, and whether it runs here. */
#define TABLE(isa, runs)                                                                                               \
    extern const snn_kernels snn_kernels_##isa;                                                                        \
    bool snn_processor_runs_##isa(void);                                                                               \
    bool snn_processor_runs_##isa(void)                                                                                \
    {                                                                                                                  \
        return runs;                                                                                                   \
    }

#ifdef TESTS_PLAIN
TABLE(plain, true)
#endif
#ifdef TESTS_WIDE
TABLE(vnni, snn_processor_runs_avx2())
TABLE(wide, snn_processor_runs_avx2())
TABLE(wide_tiles, snn_processor_runs_avx2())
#endif

static const snn_kernels *tables[MOST];

const snn_kernels *const *all_tables(int32_t *count)
{
    int32_t built_in;
    const snn_kernels *const *all = snn_kernels_all(&built_in);
    int32_t filled = 0;
#ifdef TESTS_PLAIN
    tables[filled++] = &snn_kernels_plain;
#endif
#ifdef TESTS_WIDE
    tables[filled++] = &snn_kernels_vnni;
    tables[filled++] = &snn_kernels_wide;
    tables[filled++] = &snn_kernels_wide_tiles;
#endif
    assert(filled + built_in <= MOST);
    for (int32_t i = 0; i < built_in; i++) {
        tables[filled++] = all[i];
    }
    *count = filled;
    return tables;
}
