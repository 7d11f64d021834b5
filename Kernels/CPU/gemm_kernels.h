// The matrix products every instruction set has; see vectors.h and gemm_tile.h.

enum { nv = NW_NV, nr = NW_NV * NW_LANES, groups_max = NW_GROUPS_MAX, a_stride = NW_GROUPS_MAX + 16, step = 4 };

// f32: one element is a group.
#define NW_SET f32
#include "gemm_tile.h"

#include "gemm_f32.h"
#define NW_FORMAT f32
#include "gemm_format.h"

// f16 and bf16 become f32 as they are packed.
typedef uint16_t f16_a, f16_b, bf16_a, bf16_b;
enum { f16_unit = 1, bf16_unit = 1 };
NW_INLINE vword f16_groups(const uint16_t *b, int64_t ldb) {
    (void)ldb;
    return (vword)widen_f16(load_half(b));
}
NW_INLINE vword bf16_groups(const uint16_t *b, int64_t ldb) {
    (void)ldb;
    return (vword)widen_bf16(load_half(b));
}
#define NW_WIDEN_ROW(format)                                                                                           \
    NW_INLINE uint32_t format##_row(const uint16_t *a, int64_t depth, uint32_t *to) {                                  \
        int64_t k = 0;                                                                                                 \
        for (; k + NW_LANES <= depth; k += NW_LANES) *(vword_any *)(to + k) = format##_groups(a + k, 0);               \
        uint16_t rest[NW_LANES] = {};                                                                                  \
        for (int64_t i = k; i < depth; i++) rest[i - k] = a[i];                                                        \
        vword last = format##_groups(rest, 0);                                                                         \
        for (; k < depth; k++) to[k] = last[k % NW_LANES];                                                             \
        return 0;                                                                                                      \
    }
NW_WIDEN_ROW(f16)
NW_WIDEN_ROW(bf16)
#undef NW_WIDEN_ROW
#define NW_FORMAT f16
#include "gemm_format.h"
#define NW_FORMAT bf16
#include "gemm_format.h"
#undef NW_SET

// int8 and uint8 become pairs of int16 as they are packed; two products and their sum are exact in int32. Where
// products take registers on their way to the sums, a tile of fewer rows keeps all of them off the stack.
#ifdef NW_PAIRS_MR
#undef NW_MR
#define NW_MR NW_PAIRS_MR
#endif
typedef vint pairs_sum;
NW_INLINE vint pairs_multiply(vint sum, vword a, vword b) { return NW_ADD_PAIRS(sum, a, b); }
#define NW_SET pairs
#include "gemm_tile.h"

typedef int8_t s8_a, s8_b, u8_b;
typedef uint8_t u8_a;
enum { s8_unit = 2, u8_unit = 2 };
typedef int8_t vbyte __attribute__((vector_size(NW_LANES)));
typedef vbyte vbyte_any __attribute__((aligned(1), may_alias));
NW_INLINE vword pair_of(const int8_t *b, int64_t ldb) {
    vint low = __builtin_convertvector(*(const vbyte_any *)b, vint);
    vint high = __builtin_convertvector(*(const vbyte_any *)(b + ldb), vint);
    return ((vword)low & 0xffff) | (vword)high << 16;
}
NW_INLINE vword s8_groups(const int8_t *b, int64_t ldb) { return pair_of(b, ldb); }
NW_INLINE vword u8_groups(const int8_t *b, int64_t ldb) { return pair_of(b, ldb); }
// Words are written by halves.
typedef int16_t half_any __attribute__((may_alias));
NW_INLINE uint32_t s8_row(const int8_t *a, int64_t depth, uint32_t *to) {
    half_any *pair = (half_any *)to;
    for (int64_t k = 0; k < depth; k++) pair[k] = a[k];
    return 0;
}
NW_INLINE uint32_t u8_row(const uint8_t *a, int64_t depth, uint32_t *to) {
    half_any *pair = (half_any *)to;
    for (int64_t k = 0; k < depth; k++) pair[k] = a[k];
    return 0;
}
#define NW_FORMAT s8
#include "gemm_format.h"
#define NW_FORMAT u8
#include "gemm_format.h"
#undef NW_SET
