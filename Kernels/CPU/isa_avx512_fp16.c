// AVX-512 with f16 arithmetic: Sapphire Rapids and later.
//
// The peak alone: an f16 product sums in f32, because sums in f16 lose most of their digits within a few hundred terms.
#if defined(__x86_64__)
#include "internal.h"

static bool supported(void) { return nw_isa_avx512_bf16.supported() && __builtin_cpu_supports("avx512fp16"); }

#define NW_FEATURES "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,f16c,avx512fp16"
#define NW_LANES 16
#define NW_HAS_FMA 1
#define NW_HAS_F16 1
#define NW_PEAK_VECTORS 24
#define NW_PEAK_ADDEND_VECTORS 6

#pragma clang attribute push(__attribute__((target(NW_FEATURES))), apply_to = function)
#include "vectors.h"
#include "peak_kernels.h"
typedef _Float16 vshort __attribute__((vector_size(64)));
NW_PEAK(f16_peak, vshort, NW_MULTIPLY_ADD)
#pragma clang attribute pop

const nw_isa nw_isa_avx512_fp16 = {
    .name = "avx512_fp16",
    .features = NW_FEATURES,
    .fused = true,
    .supported = supported,
    .base = &nw_isa_avx512_bf16,
    .peaks = {[NW_PEAK_F16] = &f16_peak_kernel},
};
#endif
