// NEON with dot products of bf16 and of uint8 with int8: Neoverse V1 and N2, Apple M2 and later.
#if defined(__aarch64__)
#include "internal.h"

#include <arm_neon.h>
#include <sys/auxv.h>

static bool supported(void) {
    const unsigned long needed = HWCAP2_I8MM | HWCAP2_BF16;
    return nw_isa_neon_dot.supported() && (getauxval(AT_HWCAP2) & needed) == needed;
}

#define NW_FEATURES "dotprod,i8mm,bf16"
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
#define NW_DOT_BF16(sum, a, b) ((vfloat)vbfdotq_f32((float32x4_t)(sum), (bfloat16x8_t)(a), (bfloat16x8_t)(b)))
#define NW_DOT_U8S8(sum, u, s) ((vint)vusdotq_s32((int32x4_t)(sum), (uint8x16_t)(u), (int8x16_t)(s)))
#define NW_DOT_S8S8(sum, a, b) ((vint)vdotq_s32((int32x4_t)(sum), (int8x16_t)(a), (int8x16_t)(b)))

#pragma clang attribute push(__attribute__((target(NW_FEATURES))), apply_to = function)
#include "vectors.h"
#include "gemm_dot.h"
#pragma clang attribute pop

const nw_isa nw_isa_neon_bf16 = {
    .name = "neon_bf16",
    .features = NW_FEATURES,
    .fused = true,
    .supported = supported,
    .base = &nw_isa_neon_dot,
    .peaks = {[NW_PEAK_BF16] = &bf16_pairs_peak_kernel, [NW_PEAK_I8] = &u8_quads_peak_kernel},
    .gemm = {[NW_GEMM_BF16] = &bf16_gemm, [NW_GEMM_S8] = &s8_gemm, [NW_GEMM_U8] = &u8_gemm},
};
#endif
