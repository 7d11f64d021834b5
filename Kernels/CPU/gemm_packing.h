// How depth groups of pairs and quads are made from matrices in memory; see gemm_format.h.
//
// Included after vectors.h. NW_S8_OFFSET is 1 where the instruction wants int8 of B without sign.

typedef uint16_t bf16_a, bf16_b;
typedef int8_t s8_a, s8_b, u8_b;
typedef uint8_t u8_a;
enum { bf16_unit = 2, s8_unit = 4, u8_unit = 4 };

NW_INLINE vword bf16_groups(const uint16_t *b, int64_t ldb) {
    return __builtin_convertvector(load_half(b), vword) | __builtin_convertvector(load_half(b + ldb), vword) << 16;
}
NW_INLINE uint32_t bf16_row(const uint16_t *a, int64_t depth, uint32_t *to) {
    __builtin_memcpy(to, a, (size_t)depth * sizeof *a);
    return 0;
}

typedef uint8_t vbyte __attribute__((vector_size(NW_LANES)));
typedef vbyte vbyte_any __attribute__((aligned(1), may_alias));
NW_INLINE vword quads_of(const int8_t *b, int64_t ldb) {
    vword quads = {};
    for (int u = 0; u < 4; u++) quads |= __builtin_convertvector(*(const vbyte_any *)(b + u * ldb), vword) << 8 * u;
    return quads;
}

NW_INLINE vword u8_groups(const int8_t *b, int64_t ldb) { return quads_of(b, ldb); }
NW_INLINE uint32_t u8_row(const uint8_t *a, int64_t depth, uint32_t *to) {
    __builtin_memcpy(to, a, (size_t)depth);
    return 0;
}

#if NW_S8_OFFSET
// B plus 128, which adds 128 times the sum of A's row to every sum.
NW_INLINE vword s8_groups(const int8_t *b, int64_t ldb) { return quads_of(b, ldb) ^ 0x80808080u; }
NW_INLINE uint32_t s8_row(const int8_t *a, int64_t depth, uint32_t *to) {
    __builtin_memcpy(to, a, (size_t)depth);
    int32_t sum = 0;
    for (int64_t k = 0; k < depth; k++) sum += a[k];
    return (uint32_t)(-128 * sum);
}
#else
NW_INLINE vword s8_groups(const int8_t *b, int64_t ldb) { return quads_of(b, ldb); }
NW_INLINE uint32_t s8_row(const int8_t *a, int64_t depth, uint32_t *to) {
    __builtin_memcpy(to, a, (size_t)depth);
    return 0;
}
#endif
