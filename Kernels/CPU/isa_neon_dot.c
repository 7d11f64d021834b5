// NEON with int8 dot products: Neoverse N1, Apple M1 and later.
#if defined(__aarch64__)
#include "internal.h"

#include <arm_neon.h>
#include <sys/auxv.h>

static bool supported(void) { return getauxval(AT_HWCAP) & HWCAP_ASIMDDP; }

#define NW_FEATURES "dotprod"
#define NW_LANES 4
#define NW_HAS_FMA 1
#define NW_HAS_F16 1
#define NW_MR 6
#define NW_NV 4
#define NW_GROUPS_MAX 512
#define NW_B_AHEAD 8
#define NW_C_AHEAD 48
#define NW_DOT_VECTORS 20
#define NW_DOT_A 5
#define NW_DOT_B 4
#define NW_DOT_S8S8(sum, a, b) ((vint)vdotq_s32((int32x4_t)(sum), (int8x16_t)(a), (int8x16_t)(b)))

#pragma clang attribute push(__attribute__((target(NW_FEATURES))), apply_to = function)
#include "vectors.h"
#include "gemm_dot.h"
#pragma clang attribute pop

const nw_isa nw_isa_neon_dot = {
    .name = "neon_dot",
    .features = NW_FEATURES,
    .fused = true,
    .supported = supported,
    .base = &nw_isa_neon,
    .peaks = {[NW_PEAK_I8] = &s8_quads_peak_kernel},
    .gemm = {[NW_GEMM_S8] = &s8_gemm},
};
#endif
