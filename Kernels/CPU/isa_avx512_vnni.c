// AVX-512 with int8 dot products: Cascade Lake, Zen 4 and later.
#if defined(__x86_64__)
#include "avx512_tile.h"
#include "internal.h"

#include <immintrin.h>

static bool supported(void) { return nw_isa_avx512.supported() && __builtin_cpu_supports("avx512vnni"); }

#define NW_FEATURES "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,f16c,avx512vnni"
#define NW_LANES 16
#define NW_HAS_FMA 1
#define NW_HAS_F16 1
#define NW_HAS_VNNI 1
#define NW_DOT_VECTORS 20
#define NW_DOT_A 5
#define NW_DOT_B 4
#define NW_DOT_U8S8(sum, u, s) ((vint)_mm512_dpbusd_epi32((__m512i)(sum), (__m512i)(u), (__m512i)(s)))

#pragma clang attribute push(__attribute__((target(NW_FEATURES))), apply_to = function)
#include "vectors.h"
#include "gemm_dot.h"
#include "quantise.h"
#include "bytes_512.h"
#include "block_panel_kernels.h"
#include "block_multiply_kernels.h"
#pragma clang attribute pop

const nw_isa nw_isa_avx512_vnni = {
    .name = "avx512_vnni",
    .features = NW_FEATURES,
    .fused = true,
    .supported = supported,
    .base = &nw_isa_avx512,
    .peaks = {[NW_PEAK_I8] = &u8_quads_peak_kernel},
    .gemm = {[NW_GEMM_S8] = &s8_gemm, [NW_GEMM_U8] = &u8_gemm},
    .block_panels = &block_panel_kernels,
    .multiply = {[NW_WEIGHT_Q8_0] = &q8_0_multiply_kernel, [NW_WEIGHT_Q4_0] = &q4_0_multiply_kernel},
};
#endif
