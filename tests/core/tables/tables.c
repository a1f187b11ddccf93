#include "tests/core/tables/tables.h"

#include <assert.h>
#include <stddef.h>

#include "core/kernels/processor.h"

enum { MOST = 8 };

#ifdef TESTS_TILES
extern const snn_kernels snn_kernels_tiles;
bool snn_processor_runs_tiles(void);
bool snn_processor_runs_tiles(void)
{
    return true;
}
#endif

#ifdef TESTS_PLAIN
extern const snn_kernels snn_kernels_plain;
bool snn_processor_runs_plain(void);
bool snn_processor_runs_plain(void)
{
    return true;
}
#endif

#ifdef TESTS_WIDE_TILES
extern const snn_kernels snn_kernels_wide_tiles;
bool snn_processor_runs_wide_tiles(void);
bool snn_processor_runs_wide_tiles(void)
{
    return snn_processor_runs_avx512();
}
#endif

static const snn_kernels *tables[MOST];

const snn_kernels *const *all_tables(int32_t *count)
{
    int32_t built_in;
    const snn_kernels *const *all = snn_kernels_all(&built_in);
    int32_t filled = 0;
#ifdef TESTS_TILES
    tables[filled++] = &snn_kernels_tiles;
#endif
#ifdef TESTS_PLAIN
    tables[filled++] = &snn_kernels_plain;
#endif
#ifdef TESTS_WIDE_TILES
    tables[filled++] = &snn_kernels_wide_tiles;
#endif
    assert(filled + built_in <= MOST);
    for (int32_t i = 0; i < built_in; i++) {
        tables[filled++] = all[i];
    }
    *count = filled;
    return tables;
}
