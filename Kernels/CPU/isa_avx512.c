// AVX-512 as in every server core since Skylake-X and Zen 4.
#if defined(__x86_64__)
#include "avx512_tile.h"
#include "internal.h"

#include <immintrin.h>

static bool supported(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}

#define NW_TABLE nw_isa_avx512
#define NW_NAME "avx512"
#define NW_FEATURES "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,f16c"
#define NW_BASE &nw_isa_avx2
#define NW_LANES 16
#define NW_HAS_FMA 1
#define NW_HAS_F16 1
#define NW_PEAK_VECTORS 24
#define NW_PEAK_ADDEND_VECTORS 6
#define NW_PAIRS_MR 7
#define NW_READ_AHEAD 2048
#define NW_ADD_PAIRS(sum, a, b) ((sum) + (vint)_mm512_madd_epi16((__m512i)(a), (__m512i)(b)))
#define NW_HAS_VNNI 0

#pragma clang attribute push(__attribute__((target(NW_FEATURES))), apply_to = function)
#include "vectors.h"
#include "fill_kernels.h"
#include "peak_kernels.h"
#include "stream_kernels.h"
#include "gemm_kernels.h"
#include "activation_kernels.h"
#include "gemv_kernels.h"
#include "multiply_kernels.h"
#include "quantise.h"
#include "block_row_kernels.h"
#include "bytes_512.h"
#include "block_panel_kernels.h"
#include "block_multiply_kernels.h"
#pragma clang attribute pop
#include "isa_table.h"
#endif
