// AVX2 with FMA and F16C: Haswell, Zen and later.
#if defined(__x86_64__)
#include "internal.h"

#include <immintrin.h>

static bool supported(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}

#define NW_TABLE nw_isa_avx2
#define NW_NAME "avx2"
#define NW_FEATURES "avx2,fma,f16c"
#define NW_BASE &nw_isa_scalar
#define NW_LANES 8
#define NW_HAS_FMA 1
#define NW_HAS_F16 1
#define NW_PEAK_VECTORS 12
#define NW_PEAK_ADDEND_VECTORS 4
#define NW_MR 6
#define NW_NV 2
#define NW_PAIRS_MR 3
#define NW_GROUPS_MAX 512
#define NW_B_AHEAD 8
#define NW_C_AHEAD 48
#define NW_READ_AHEAD 2048
#define NW_ADD_PAIRS(sum, a, b) ((sum) + (vint)_mm256_madd_epi16((__m256i)(a), (__m256i)(b)))
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
#include "bytes_256.h"
#include "block_panel_kernels.h"
#include "block_multiply_kernels.h"
#pragma clang attribute pop
#include "isa_table.h"
#endif
