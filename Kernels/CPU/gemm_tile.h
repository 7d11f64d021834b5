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
NW_INLINE void NW_OWN(steps)(int rows, int vectors, int64_t count, const uint32_t *a, const uint32_t *b,
                             const char **ahead, int64_t ahead_stride, NW_OWN(sum) sum[NW_MR][NW_NV]) {
    for (int64_t k = 0; k < count; k += 4, b += 4 * nr, *ahead += ahead_stride) {
        __builtin_prefetch(*ahead, 0, 2);
        __builtin_prefetch(*ahead + 64, 0, 2);
#pragma clang loop unroll(full)
        for (int u = 0; u < 4; u++) {
            for (int j = 0; j < vectors * NW_LANES; j += 16) __builtin_prefetch(b + (NW_B_AHEAD + u) * nr + j, 0, 3);
            vword row[NW_NV];
            for (int j = 0; j < vectors; j++) row[j] = *(const vword *)(b + u * nr + j * NW_LANES);
#pragma clang loop unroll(full)
            for (int i = 0; i < rows; i++) {
                vword factor = splat_word(a[i * a_stride + k + u]);
#pragma clang loop unroll(full)
                for (int j = 0; j < vectors; j++) sum[i][j] = NW_OWN(multiply)(sum[i][j], factor, row[j]);
            }
        }
    }
}

NW_INLINE void NW_OWN(start)(int rows, int vectors, const uint32_t *a, NW_OWN(sum) sum[NW_MR][NW_NV]) {
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) sum[i][j] = (NW_OWN(sum))splat_word(a[i * a_stride + groups_max]);
}

/// All of C is read before any is written: where rows are a multiple of 4 KiB apart, a read right behind a write of the
/// row above looks to the processor as if it read what was written, and waits.
NW_INLINE void NW_OWN(finish)(int rows, int vectors, const nw_tile *t, NW_OWN(sum) sum[NW_MR][NW_NV]) {
    if (t->accumulate)
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
            for (int j = 0; j < vectors; j++) sum[i][j] += *(NW_OWN(sum_any) *)(t->c + i * t->ldc + j * NW_LANES);
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
        for (int j = 0; j < vectors; j++) *(NW_OWN(sum_any) *)(t->c + i * t->ldc + j * NW_LANES) = sum[i][j];
}

/// C (rows x nr) = or += A (rows x groups) * B (groups x nr); see nw_tile.
///
/// C is fetched row by row shortly before its turn: fetched at the start, the streams of A and B would push it out
/// again; fetched at once, it would keep them waiting.
NW_INLINE void NW_OWN(rows)(int rows, int vectors, const nw_tile *t) {
    NW_OWN(sum) sum[NW_MR][NW_NV];
    NW_OWN(start)(rows, vectors, t->a, sum);
    int64_t late = NW_C_AHEAD, fetching = 4 * rows, early = t->groups - fetching - late;
    int count = early < 0 ? 1 : 3;
    if (early < 0) early = t->groups;
    const struct { int64_t count; const char *ahead; int64_t stride; } phases[3] = {
        {early, t->ahead, t->ahead_stride},
        {fetching, (const char *)t->c, t->ldc * 4},
        {late, (const char *)t->c, 0},
    };
    const uint32_t *a = t->a, *b = t->b;
    for (int i = 0; i < count; i++) {
        const char *ahead = phases[i].ahead;
        NW_OWN(steps)(rows, vectors, phases[i].count, a, b, &ahead, phases[i].stride, sum);
        a += phases[i].count;
        b += phases[i].count * nr;
    }
    NW_OWN(finish)(rows, vectors, t, sum);
}

// One function for each number of rows, and for all or half the vectors, so that the sums of small tiles stay in
// registers as well.
enum { NW_OWN(half) = (NW_NV + 1) / 2 };
#define NW_ROWS(n)                                                                                                     \
    static void NW_JOIN(NW_OWN(rows), n)(const nw_tile *t) { NW_OWN(rows)(n, NW_NV, t); }                              \
    static void NW_JOIN(NW_OWN(half_rows), n)(const nw_tile *t) { NW_OWN(rows)(n, NW_OWN(half), t); }
#include "gemm_rows.h"
#undef NW_ROWS

static void NW_OWN(tile)(const nw_tile *t) {
    static void (*const by_rows[NW_MR][2])(const nw_tile *) = {
#define NW_ROWS(n) {NW_JOIN(NW_OWN(rows), n), NW_JOIN(NW_OWN(half_rows), n)},
#include "gemm_rows.h"
#undef NW_ROWS
    };
    by_rows[t->rows - 1][t->columns <= NW_OWN(half) * NW_LANES](t);
}
