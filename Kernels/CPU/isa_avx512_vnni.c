// AVX-512 with VNNI, products of bytes in one instruction: Cascade Lake, Zen 4 and later.
#if defined(__x86_64__)
#include "internal.h"

#include <immintrin.h>

static bool supported(void) { return nw_isa_avx512.supported() && __builtin_cpu_supports("avx512vnni"); }

#define NW_FEATURES "avx512f,avx512vl,avx512bw,avx512dq,avx512vnni,avx2,fma,f16c"
#define NW_LANES 16
#define NW_HAS_FMA 1
#define NW_HAS_F16 1
#define NW_HAS_VNNI 1

#pragma clang attribute push(__attribute__((target(NW_FEATURES))), apply_to = function)
#include "vectors.h"
#include "quantise.h"
#include "bytes_512.h"
#include "block_panel_kernels.h"
#pragma clang attribute pop

const nw_isa nw_isa_avx512_vnni = {
    .name = "avx512_vnni",
    .features = NW_FEATURES,
    .fused = true,
    .supported = supported,
    .base = &nw_isa_avx512,
    .block_panels = &block_panel_kernels,
};
#endif
