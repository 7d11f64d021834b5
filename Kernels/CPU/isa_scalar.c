// One element at a time, in plain C: runs everywhere, and is what the others are held against.
#include "internal.h"

static bool supported(void) { return true; }

#define NW_TABLE nw_isa_scalar
#define NW_NAME "scalar"
#define NW_FEATURES ""
#define NW_BASE 0
#define NW_LANES 1
#if defined(__aarch64__)
#define NW_HAS_FMA 1
#define NW_DOT_VECTORS 20
#define NW_DOT_A 5
#define NW_DOT_B 4
#else
#define NW_HAS_FMA 0
#define NW_PEAK_VECTORS 8
#define NW_PEAK_ADDEND_VECTORS 4
#endif
#define NW_HAS_F16 0
#define NW_MR 4
#define NW_NV 2
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
