// How depth groups of f32 are made, one element each; see gemm_format.h. Included after vectors.h.

typedef float f32_a, f32_b;
enum { f32_unit = 1 };
NW_INLINE vword f32_groups(const float *b, int64_t ldb) {
    (void)ldb;
    return (vword)load(b);
}
NW_INLINE uint32_t f32_row(const float *a, int64_t depth, uint32_t *to) {
    __builtin_memcpy(to, a, (size_t)depth * sizeof *a);
    return 0;
}
