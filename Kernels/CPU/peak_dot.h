// A register-only peak of dot products: `steps` times x <- x + a . b on vectors of sums held in registers.
//
// Sum vector j uses operand vector j modulo NW_DOT_A of the first kind, j modulo NW_DOT_B of the second: no two share
// both, so the multipliers see other bits at every instruction. Operands are depth groups; see nw_tile. Operations: 2 *
// elements of a group * steps * sums. No memory is touched between the first load and the last store.
//
// Included once per way to multiply, with NW_SET naming it as in gemm_tile.h.

#define NW_JOIN2(a, b) a##_##b
#define NW_JOIN(a, b) NW_JOIN2(a, b)

static void NW_JOIN(NW_SET, peak)(int64_t steps, const void *starts, const void *operands, void *results) {
    NW_JOIN(NW_SET, sum) x[NW_DOT_VECTORS];
    vword a[NW_DOT_A], b[NW_DOT_B];
    __builtin_memcpy(x, starts, sizeof x);
    __builtin_memcpy(a, operands, sizeof a);
    __builtin_memcpy(b, (const char *)operands + sizeof a, sizeof b);
    for (int64_t step = 0; step < steps; step++) {
#pragma clang loop unroll(full)
        for (int j = 0; j < NW_DOT_VECTORS; j++) x[j] = NW_JOIN(NW_SET, multiply)(x[j], a[j % NW_DOT_A], b[j % NW_DOT_B]);
    }
    __builtin_memcpy(results, x, sizeof x);
}
