/* The table of the plain C kernels; see portable.h for how it becomes several. */
#include "core/kernels/limbs.h"

#define TEXT_OF(name) #name
#define TEXT(name)    TEXT_OF(name)

/* What a tile sees is expanded for it alone: wide vectors multiply so fast that small tiles would see little but their
 * surroundings. */
#ifdef __AVX2__
enum { TILE_BYTES = 512 << 10 };
#else
enum { TILE_BYTES = 0 };
#endif

bool SNN_ISA_NAME(snn_processor_runs)(void); /* processor.h, or that of a table in tests */
extern const snn_kernels SNN_ISA_NAME(snn_kernels);

const snn_kernels SNN_ISA_NAME(snn_kernels) = {
    .name = TEXT(SNN_ISA),
    .available = SNN_ISA_NAME(snn_processor_runs),
    .tile_bytes = TILE_BYTES,
    .peaks = snn_peaks,
    .contexts = &snn_contexts,
    .pack = snn_portable_pack,
    .scratch_bytes = snn_portable_scratch,
    .project = snn_portable_project,
    .pack_codes = snn_portable_pack_codes,
    .project_codes = snn_portable_project_codes,
    .pack_stream = snn_limbs_pack,
    .stream_scratch_bytes = snn_streams_scratch,
    .project_stream = snn_streams_project,
    .fire_scratch_bytes = snn_portable_fire_scratch,
    .fire = snn_portable_fire,
    .fire_window = snn_portable_fire_window,
    .add_rounded = snn_streams_add_rounded,
    .pack_image = snn_limbs_pack,
    .image_scratch_bytes = snn_portable_image_scratch,
    .project_image = snn_portable_project_image,
};
