// The register tile of the matrix product for one way to multiply; see vectors.h.
//
// Included once per way, with NW_SET naming it: NW_SET##_multiply(sum, a, b) multiplies one depth group (32 bits of
// consecutive k: one f32, two bf16 or int16, four int8) of a row of A with one of each column of B and adds to the
// sums; NW_SET##_sum is the vector of sums.

#define NW_JOIN2(a, b) a##_##b
#define NW_JOIN(a, b) NW_JOIN2(a, b)
#define NW_OWN(name) NW_JOIN(NW_SET, name)
typedef NW_OWN(sum) NW_OWN(sum_any) __attribute__((aligned(4), may_alias));

/// sum += A (rows x count groups) * B (count groups x nr). The accumulators stay in registers.
///
/// While it computes it fetches two cache lines per four groups of what comes next into L2.
NW_INLINE void NW_OWN(steps)(int rows, int64_t count, const uint32_t *a, const uint32_t *b, const char **ahead,
                             int64_t ahead_stride, NW_OWN(sum) sum[NW_MR][NW_NV]) {
    for (int64_t k = 0; k < count; k += 4, b += 4 * nr, *ahead += ahead_stride) {
        __builtin_prefetch(*ahead, 0, 2);
        __builtin_prefetch(*ahead + 64, 0, 2);
#pragma clang loop unroll(full)
        for (int u = 0; u < 4; u++) {
            for (int j = 0; j < nr; j += 16) __builtin_prefetch(b + (NW_B_AHEAD + u) * nr + j, 0, 3);
            vword row[NW_NV];
            for (int j = 0; j < nv; j++) row[j] = *(const vword *)(b + u * nr + j * NW_LANES);
#pragma clang loop unroll(full)
            for (int i = 0; i < rows; i++) {
                vword factor = splat_word(a[i * a_stride + k + u]);
#pragma clang loop unroll(full)
                for (int j = 0; j < nv; j++) sum[i][j] = NW_OWN(multiply)(sum[i][j], factor, row[j]);
            }
        }
    }
}

NW_INLINE void NW_OWN(start)(int rows, const uint32_t *a, NW_OWN(sum) sum[NW_MR][NW_NV]) {
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < nv; j++) sum[i][j] = (NW_OWN(sum))splat_word(a[i * a_stride + groups_max]);
}

/// All of C is read before any is written: where rows are a multiple of 4 KiB apart, a read right behind a write of the
/// row above looks to the processor as if it read what was written, and waits.
NW_INLINE void NW_OWN(finish)(int rows, const nw_tile *t, NW_OWN(sum) sum[NW_MR][NW_NV]) {
    if (t->accumulate)
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
            for (int j = 0; j < nv; j++) sum[i][j] += *(NW_OWN(sum_any) *)(t->c + i * t->ldc + j * NW_LANES);
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
        for (int j = 0; j < nv; j++) *(NW_OWN(sum_any) *)(t->c + i * t->ldc + j * NW_LANES) = sum[i][j];
}

/// C (rows x nr) = or += A (rows x groups) * B (groups x nr); see nw_tile.
///
/// C is fetched row by row shortly before its turn: fetched at the start, the streams of A and B would push it out
/// again; fetched at once, it would keep them waiting.
NW_INLINE void NW_OWN(rows)(int rows, const nw_tile *t) {
    NW_OWN(sum) sum[NW_MR][NW_NV];
    NW_OWN(start)(rows, t->a, sum);
    int64_t late = NW_C_AHEAD, fetching = 4 * rows, early = t->groups - fetching - late;
    if (early < 0) early = t->groups, fetching = late = 0;
    const struct { int64_t count; const char *ahead; int64_t stride; } phases[3] = {
        {early, t->ahead, t->ahead_stride},
        {fetching, (const char *)t->c, t->ldc * 4},
        {late, (const char *)t->c, 0},
    };
    const uint32_t *a = t->a, *b = t->b;
    for (int i = 0; i < 3; i++) {
        const char *ahead = phases[i].ahead;
        NW_OWN(steps)(rows, phases[i].count, a, b, &ahead, phases[i].stride, sum);
        a += phases[i].count;
        b += phases[i].count * nr;
    }
    NW_OWN(finish)(rows, t, sum);
}

// One function for each number of rows, so that the sums of few rows stay in registers as well.
#define NW_ROWS(n)                                                                                                     \
    static void NW_JOIN(NW_OWN(rows), n)(const nw_tile *t) { NW_OWN(rows)(n, t); }
#include "gemm_rows.h"
#undef NW_ROWS

static void NW_OWN(tile)(const nw_tile *t) {
#define NW_ROWS(n) NW_JOIN(NW_OWN(rows), n),
    static void (*const by_rows[NW_MR])(const nw_tile *) = {
#include "gemm_rows.h"
    };
#undef NW_ROWS
    by_rows[t->rows - 1](t);
}
