// AVX-512 with bf16 dot products: Cooper Lake, Sapphire Rapids, Zen 4 and later.
#if defined(__x86_64__)
#include "avx512_tile.h"
#include "internal.h"

#include <immintrin.h>

static bool supported(void) { return nw_isa_avx512_vnni.supported() && __builtin_cpu_supports("avx512bf16"); }

#define NW_FEATURES "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,f16c,avx512bf16"
#define NW_LANES 16
#define NW_HAS_FMA 1
#define NW_HAS_F16 1
#define NW_DOT_VECTORS 20
#define NW_DOT_A 5
#define NW_DOT_B 4
#define NW_DOT_BF16(sum, a, b) ((vfloat)_mm512_dpbf16_ps((__m512)(sum), (__m512bh)(a), (__m512bh)(b)))

#pragma clang attribute push(__attribute__((target(NW_FEATURES))), apply_to = function)
#include "vectors.h"
#include "gemm_dot.h"
#include "pairs_multiply_kernels.h"
#pragma clang attribute pop

const nw_isa nw_isa_avx512_bf16 = {
    .name = "avx512_bf16",
    .features = NW_FEATURES,
    .fused = true,
    .supported = supported,
    .base = &nw_isa_avx512_vnni,
    .peaks = {[NW_PEAK_BF16] = &bf16_pairs_peak_kernel},
    .gemm = {[NW_GEMM_BF16] = &bf16_gemm},
    .multiply = {[NW_WEIGHT_BF16] = &bf16_pairs_multiply_kernel},
};
#endif
