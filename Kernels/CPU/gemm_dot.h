// Matrix products and peaks by dot-product instructions; see gemm_tile.h and peak_dot.h.
//
// Included by the translation units of such extensions, after vectors.h, with
//   NW_DOT_BF16(sum, a, b)   adds to each f32 the products of two pairs of bf16, or undefined;
//   NW_DOT_U8S8(sum, u, s)   adds to each int32 the products of four uint8 and four int8, or undefined.
enum { mr = NW_MR, nv = NW_NV, nr = NW_NV * NW_LANES, groups_max = NW_GROUPS_MAX, a_stride = NW_GROUPS_MAX + 16 };

#ifdef NW_DOT_BF16
typedef vfloat bf16_pairs_sum;
NW_INLINE vfloat bf16_pairs_multiply(vfloat sum, vword a, vword b) { return NW_DOT_BF16(sum, a, b); }
#define NW_SET bf16_pairs
#include "gemm_tile.h"
#include "peak_dot.h"

typedef uint16_t bf16_a, bf16_b;
enum { bf16_unit = 2 };
NW_INLINE vword bf16_groups(const uint16_t *b, int64_t ldb) {
    return __builtin_convertvector(load_half(b), vword) | __builtin_convertvector(load_half(b + ldb), vword) << 16;
}
NW_INLINE uint32_t bf16_row(const uint16_t *a, int64_t depth, uint32_t *to) {
    __builtin_memcpy(to, a, (size_t)depth * sizeof *a);
    return 0;
}
#define NW_FORMAT bf16
#include "gemm_format.h"
#undef NW_SET
#endif

#ifdef NW_DOT_U8S8
typedef uint8_t vbyte __attribute__((vector_size(NW_LANES)));
typedef vbyte vbyte_any __attribute__((aligned(1), may_alias));
NW_INLINE vword quads_of(const int8_t *b, int64_t ldb) {
    vword quads = {};
    for (int u = 0; u < 4; u++) quads |= __builtin_convertvector(*(const vbyte_any *)(b + u * ldb), vword) << 8 * u;
    return quads;
}

typedef vint u8_quads_sum;
NW_INLINE vint u8_quads_multiply(vint sum, vword a, vword b) { return NW_DOT_U8S8(sum, a, b); }
#define NW_SET u8_quads
#include "gemm_tile.h"
#include "peak_dot.h"
typedef uint8_t u8_a;
typedef int8_t u8_b;
enum { u8_unit = 4 };
NW_INLINE vword u8_groups(const int8_t *b, int64_t ldb) { return quads_of(b, ldb); }
NW_INLINE uint32_t u8_row(const uint8_t *a, int64_t depth, uint32_t *to) {
    __builtin_memcpy(to, a, (size_t)depth);
    return 0;
}
#define NW_FORMAT u8
#include "gemm_format.h"
#undef NW_SET

// The instruction wants one operand without sign: B plus 128, which adds 128 times the sum of A's row to every sum.
typedef vint s8_quads_sum;
NW_INLINE vint s8_quads_multiply(vint sum, vword a, vword b) { return NW_DOT_U8S8(sum, b, a); }
#define NW_SET s8_quads
#include "gemm_tile.h"
typedef int8_t s8_a, s8_b;
enum { s8_unit = 4 };
NW_INLINE vword s8_groups(const int8_t *b, int64_t ldb) { return quads_of(b, ldb) ^ 0x80808080u; }
NW_INLINE uint32_t s8_row(const int8_t *a, int64_t depth, uint32_t *to) {
    __builtin_memcpy(to, a, (size_t)depth);
    int32_t sum = 0;
    for (int64_t k = 0; k < depth; k++) sum += a[k];
    return (uint32_t)(-128 * sum);
}
#define NW_FORMAT s8
#include "gemm_format.h"
#undef NW_SET
#endif
