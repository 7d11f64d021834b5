// AVX2 with VNNI in 256 bits: Alder Lake, Sierra Forest, Zen 5 and later.
#if defined(__x86_64__)
#include "internal.h"

#include <immintrin.h>

static bool supported(void) { return nw_isa_avx2.supported() && __builtin_cpu_supports("avxvnni"); }

#define NW_FEATURES "avxvnni,avx2,fma,f16c"
#define NW_LANES 8
#define NW_HAS_FMA 1
#define NW_HAS_F16 1
#define NW_HAS_VNNI 1
#define NW_DPBUSD_256 _mm256_dpbusd_avx_epi32

#pragma clang attribute push(__attribute__((target(NW_FEATURES))), apply_to = function)
#include "vectors.h"
#include "quantise.h"
#include "bytes_256.h"
#include "block_panel_kernels.h"
#pragma clang attribute pop

const nw_isa nw_isa_avx_vnni = {
    .name = "avx_vnni",
    .features = NW_FEATURES,
    .fused = true,
    .supported = supported,
    .base = &nw_isa_avx2,
    .block_panels = &block_panel_kernels,
};
#endif
