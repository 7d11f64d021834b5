// SVE with vectors of 512 bits: A64FX, which has no dot products.
#if defined(__aarch64__)
#include "internal.h"

#include <arm_sve.h>
#include <sys/auxv.h>
#include <sys/prctl.h>

#define NW_SVE_BYTES 64
#define NW_FEATURES "sve"

static bool supported(void) {
    return nw_isa_neon.supported() && getauxval(AT_HWCAP) & HWCAP_SVE &&
           (prctl(PR_SVE_GET_VL) & PR_SVE_VL_LEN_MASK) == NW_SVE_BYTES;
}

#define NW_LANES 4
#define NW_HAS_FMA 1
#define NW_HAS_F16 1
#define NW_MR 8
#define NW_NV 8
#define NW_GROUPS_MAX 512

#pragma clang attribute push(__attribute__((target(NW_FEATURES))), apply_to = function)
#include "vectors.h"
enum { nv = NW_NV, nr = NW_NV * NW_LANES, groups_max = NW_GROUPS_MAX, a_stride = NW_GROUPS_MAX + 16, step = 4 };
#include "sve_kernels.h"
#pragma clang attribute pop

const nw_isa nw_isa_sve512 = {
    .name = "sve512",
    .features = "sve with vectors of 512 bits",
    .fused = true,
    .supported = supported,
    .base = &nw_isa_neon,
    .peaks = {[NW_PEAK_F64] = &f64_peak_kernel, [NW_PEAK_F32] = &f32_peak_kernel},
    .gemm = {[NW_GEMM_F32] = &f32_gemm},
};
#endif
