// AVX2 with int8 dot products: Alder Lake, Zen 5 and later.
#if defined(__x86_64__)
#include "internal.h"

#include <immintrin.h>

static bool supported(void) { return nw_isa_avx2.supported() && __builtin_cpu_supports("avxvnni"); }

#define NW_FEATURES "avx2,fma,f16c,avxvnni"
#define NW_LANES 8
#define NW_HAS_FMA 1
#define NW_HAS_F16 1
#define NW_HAS_VNNI 1
#define NW_DPBUSD_256 _mm256_dpbusd_avx_epi32
#define NW_MR 6
#define NW_NV 2
#define NW_GROUPS_MAX 512
#define NW_B_AHEAD 8
#define NW_C_AHEAD 64
#define NW_DOT_VECTORS 10
#define NW_DOT_A 3
#define NW_DOT_B 2
#define NW_DOT_U8S8(sum, u, s) ((vint)_mm256_dpbusd_avx_epi32((__m256i)(sum), (__m256i)(u), (__m256i)(s)))

#pragma clang attribute push(__attribute__((target(NW_FEATURES))), apply_to = function)
#include "vectors.h"
#include "gemm_dot.h"
#include "quantise.h"
#include "bytes_256.h"
#include "block_panel_kernels.h"
#include "block_multiply_kernels.h"
#pragma clang attribute pop

const nw_isa nw_isa_avx_vnni = {
    .name = "avx_vnni",
    .features = NW_FEATURES,
    .fused = true,
    .supported = supported,
    .base = &nw_isa_avx2,
    .peaks = {[NW_PEAK_I8] = &u8_quads_peak_kernel},
    .gemm = {[NW_GEMM_S8] = &s8_gemm, [NW_GEMM_U8] = &u8_gemm},
    .block_panels = &block_panel_kernels,
    .multiply = {[NW_WEIGHT_Q8_0] = &q8_0_multiply_kernel, [NW_WEIGHT_Q4_0] = &q4_0_multiply_kernel},
};
#endif
