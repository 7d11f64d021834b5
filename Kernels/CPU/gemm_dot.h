// Matrix products and peaks by dot-product instructions; see gemm_tile.h and peak_dot.h.
//
// Included by the translation units of such extensions, after vectors.h, with
//   NW_DOT_BF16(sum, a, b)   adds to each f32 the products of two pairs of bf16, or undefined;
//   NW_DOT_U8S8(sum, u, s)   adds to each int32 the products of four uint8 and four int8, or undefined;
//   NW_DOT_S8S8(sum, a, b)   the same of int8 and int8, or undefined: where there is NW_DOT_U8S8, that stands in.
enum { nv = NW_NV, nr = NW_NV * NW_LANES, groups_max = NW_GROUPS_MAX, a_stride = NW_GROUPS_MAX + 16, step = 4 };

#ifndef NW_DOT_S8S8
#define NW_S8_OFFSET 1
#endif
#include "gemm_packing.h"

#ifdef NW_DOT_BF16
typedef vfloat bf16_pairs_sum;
typedef vword bf16_pairs_operand;
enum { bf16_pairs_products = 2, bf16_pairs_signed = 1 };
NW_INLINE vfloat bf16_pairs_multiply(vfloat sum, vword a, vword b) { return NW_DOT_BF16(sum, a, b); }
#define NW_SET bf16_pairs
#include "gemm_tile.h"
#include "peak_dot.h"
#define NW_FORMAT bf16
#include "gemm_format.h"
#undef NW_SET
#endif

#ifdef NW_DOT_U8S8
typedef vint u8_quads_sum;
typedef vword u8_quads_operand;
enum { u8_quads_products = 4, u8_quads_signed = 0 };
NW_INLINE vint u8_quads_multiply(vint sum, vword a, vword b) { return NW_DOT_U8S8(sum, a, b); }
#define NW_SET u8_quads
#include "gemm_tile.h"
#include "peak_dot.h"
#define NW_FORMAT u8
#include "gemm_format.h"
#undef NW_SET
#endif

#if defined(NW_DOT_S8S8) || defined(NW_DOT_U8S8)
typedef vint s8_quads_sum;
#define NW_SET s8_quads
#ifdef NW_DOT_S8S8
typedef vword s8_quads_operand;
enum { s8_quads_products = 4, s8_quads_signed = 1 };
NW_INLINE vint s8_quads_multiply(vint sum, vword a, vword b) { return NW_DOT_S8S8(sum, a, b); }
#include "peak_dot.h"
#else
NW_INLINE vint s8_quads_multiply(vint sum, vword a, vword b) { return NW_DOT_U8S8(sum, b, a); }
#endif
#include "gemm_tile.h"
#define NW_FORMAT s8
#include "gemm_format.h"
#undef NW_SET
#endif
