// NEON, which every 64-bit Arm processor has.
#if defined(__aarch64__)
#include "internal.h"

static bool supported(void) { return true; }

#define NW_TABLE nw_isa_neon
#define NW_NAME "neon"
#define NW_FEATURES "neon"
#define NW_BASE &nw_isa_scalar
#define NW_LANES 4
#define NW_HAS_FMA 1
#define NW_HAS_F16 1
#define NW_DOT_VECTORS 20
#define NW_DOT_A 5
#define NW_DOT_B 4
#define NW_MR 6
#define NW_NV 4
#define NW_GROUPS_MAX 512
#define NW_B_AHEAD 8
#define NW_C_AHEAD 48
#define NW_READ_AHEAD 2048
#define block_panel_kernels block_row_kernels

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
#include "row_multiply_kernels.h"
#include "isa_table.h"
#endif
