// A register-only peak of dot products: `steps` times x <- x + a . b on vectors of sums held in registers.
//
// Sum vector j uses operand vector j modulo NW_DOT_A of the first kind, j modulo NW_DOT_B of the second: no two in a
// row share either, so the multipliers see other bits at every instruction. Operands are depth groups; see nw_tile.
// Operations: 2 * elements of a group * steps * sums. No memory is touched between the first load and the last store.
//
// Included once per way to multiply, with NW_SET naming it as in gemm_tile.h; NW_SET##_operand is the vector of groups,
// NW_SET##_products the elements of a group, NW_SET##_signed whether those of the first kind have a sign.

#define NW_JOIN2(a, b) a##_##b
#define NW_JOIN(a, b) NW_JOIN2(a, b)

static void NW_JOIN(NW_SET, peak)(int64_t steps, const void *starts, const void *operands, void *results) {
    NW_JOIN(NW_SET, sum) x[NW_DOT_VECTORS];
    NW_JOIN(NW_SET, operand) a[NW_DOT_A], b[NW_DOT_B];
    __builtin_memcpy(x, starts, sizeof x);
    __builtin_memcpy(a, operands, sizeof a);
    __builtin_memcpy(b, (const char *)operands + sizeof a, sizeof b);
    for (int64_t step = 0; step < steps; step++) {
#pragma clang loop unroll(full)
        for (int j = 0; j < NW_DOT_VECTORS; j++)
            x[j] = NW_JOIN(NW_SET, multiply)(x[j], a[j % NW_DOT_A], b[j % NW_DOT_B]);
    }
    __builtin_memcpy(results, x, sizeof x);
}

enum { NW_JOIN(NW_SET, peak_lanes) = sizeof(NW_JOIN(NW_SET, operand)) / sizeof((NW_JOIN(NW_SET, operand)){}[0]) };
static const nw_peak_kernel NW_JOIN(NW_SET, peak_kernel) = {
    .run = NW_JOIN(NW_SET, peak),
    .step_operations = 2 * NW_JOIN(NW_SET, products),
    .chains = NW_DOT_VECTORS * NW_JOIN(NW_SET, peak_lanes),
    .operands = (NW_DOT_A + NW_DOT_B) * NW_JOIN(NW_SET, peak_lanes),
    .lanes = NW_JOIN(NW_SET, peak_lanes),
    .depth = 1,
    .first_operands = NW_DOT_A,
    .second_operands = NW_DOT_B,
    .signed_first = NW_JOIN(NW_SET, signed),
};
