// AMX, matrix products of whole tiles: Sapphire Rapids and later.
//
// Not yet run on such a processor. Tests/Kernels/simulated_amx.c runs all but the tile instructions themselves.
#if defined(__x86_64__)
#include "internal.h"

#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

/// The kernel has to be asked, because the tiles are 8 KiB more of a thread's state; asking again does no harm.
static bool permitted(void) {
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

static bool supported(void) {
    return nw_isa_avx512_fp16.supported() && __builtin_cpu_supports("amx-tile") &&
           __builtin_cpu_supports("amx-bf16") && __builtin_cpu_supports("amx-int8") && permitted();
}

#define NW_FEATURES "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,f16c,amx-tile,amx-bf16,amx-int8"
#define NW_LANES 16
#define NW_HAS_FMA 1
#define NW_HAS_F16 1
#define NW_MR 32
#define NW_NV 2
#define NW_GROUPS_MAX 512

#pragma clang attribute push(__attribute__((target(NW_FEATURES))), apply_to = function)
#include "vectors.h"
enum { nv = NW_NV, nr = NW_NV * NW_LANES, groups_max = NW_GROUPS_MAX, a_stride = NW_GROUPS_MAX + 16, step = 16 };
#include "gemm_packing.h"
#include "amx_kernels.h"
#define NW_FORMAT bf16
#define NW_SET bf16_tiles
#include "gemm_format.h"
#undef NW_SET
#define NW_FORMAT s8
#define NW_SET s8_tiles
#include "gemm_format.h"
#undef NW_SET
#define NW_FORMAT u8
#define NW_SET u8_tiles
#include "gemm_format.h"
#undef NW_SET
#pragma clang attribute pop

const nw_isa nw_isa_amx = {
    .name = "amx",
    .features = NW_FEATURES,
    .fused = true,
    .supported = supported,
    .base = &nw_isa_avx512_fp16,
    .peaks = {[NW_PEAK_BF16] = &bf16_tiles_peak_kernel, [NW_PEAK_I8] = &u8_tiles_peak_kernel},
    .gemm = {[NW_GEMM_BF16] = &bf16_gemm, [NW_GEMM_S8] = &s8_gemm, [NW_GEMM_U8] = &u8_gemm},
};
#endif
