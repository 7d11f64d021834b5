// Peaks and the f32 product on SVE vectors of NW_SVE_BYTES; see peak_kernels.h and gemm_tile.h.
//
// Included after vectors.h by one translation unit for each length: the kernels are the same, how many chains and
// columns they have is not. Vectors whose length the compiler does not know cannot stand in arrays: each has a name.

// M(chain, its addend).
#define NW_CHAINS(M)                                                                                                   \
    M(0, 0) M(1, 1) M(2, 2) M(3, 3) M(4, 0) M(5, 1) M(6, 2) M(7, 3) M(8, 0) M(9, 1) M(10, 2) M(11, 3)                  \
    M(12, 0) M(13, 1) M(14, 2) M(15, 3) M(16, 0) M(17, 1) M(18, 2) M(19, 3) M(20, 0) M(21, 1) M(22, 2) M(23, 3)
#define NW_CHAIN_LOAD(i, j) __auto_type x##i = svld1(all, from + i * lanes);
#define NW_CHAIN_STEP(i, j) x##i = svmad_x(all, x##i, x##i, c##j);
#define NW_CHAIN_STORE(i, j) svst1(all, to + i * lanes, x##i);
#define NW_SVE_PEAK(name, element, vector)                                                                             \
    static void name(int64_t steps, const void *starts, const void *operands, void *results) {                         \
        enum { lanes = NW_SVE_BYTES / sizeof(element) };                                                               \
        const element *from = starts, *addends = operands;                                                             \
        element *to = results;                                                                                         \
        const svbool_t all = svptrue_b8();                                                                             \
        const vector c0 = svld1(all, addends), c1 = svld1(all, addends + lanes);                                       \
        const vector c2 = svld1(all, addends + 2 * lanes), c3 = svld1(all, addends + 3 * lanes);                       \
        NW_CHAINS(NW_CHAIN_LOAD)                                                                                       \
        for (int64_t step = 0; step < steps; step++) { NW_CHAINS(NW_CHAIN_STEP) }                                      \
        NW_CHAINS(NW_CHAIN_STORE)                                                                                      \
    }                                                                                                                  \
    static const nw_peak_kernel name##_kernel = {.run = name,                                                          \
                                                 .step_operations = 2,                                                 \
                                                 .chains = 24 * NW_SVE_BYTES / sizeof(element),                        \
                                                 .operands = 4 * NW_SVE_BYTES / sizeof(element)};
NW_SVE_PEAK(f32_peak, float, svfloat32_t)
NW_SVE_PEAK(f64_peak, double, svfloat64_t)

// A tile of eight rows and two vectors. Missing rows compute the last one again: they are few, as panels are even.
#define NW_TILE_ROWS(M) M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7)
#define NW_ROW_START(i)                                                                                                \
    const float *a##i = (const float *)t->a + (i < t->rows ? i : t->rows - 1) * a_stride;                              \
    svfloat32_t x##i = svdup_f32(0), y##i = x##i;
#define NW_ROW_STEP(i)                                                                                                 \
    x##i = svmla_x(all, x##i, left, a##i[k + u]);                                                                      \
    y##i = svmla_x(all, y##i, right, a##i[k + u]);
#define NW_ROW_FINISH(i)                                                                                               \
    if (i < t->rows) {                                                                                                 \
        float *c = (float *)t->c + i * t->ldc;                                                                         \
        svst1(all, c, t->accumulate ? svadd_x(all, x##i, svld1(all, c)) : x##i);                                       \
        svst1(all, c + lanes, t->accumulate ? svadd_x(all, y##i, svld1(all, c + lanes)) : y##i);                       \
    }
static void f32_tile(const nw_tile *t) {
    enum { lanes = nr / 2 };
    const svbool_t all = svptrue_b8();
    const float *b = (const float *)t->b;
    const char *ahead = t->ahead;
    NW_TILE_ROWS(NW_ROW_START)
    for (int64_t k = 0; k < t->groups; k += step, ahead += t->ahead_stride) {
        __builtin_prefetch(ahead, 0, 2);
        __builtin_prefetch(ahead + 64, 0, 2);
#pragma clang loop unroll(full)
        for (int u = 0; u < step; u++, b += nr) {
            const svfloat32_t left = svld1(all, b), right = svld1(all, b + lanes);
            NW_TILE_ROWS(NW_ROW_STEP)
        }
    }
    NW_TILE_ROWS(NW_ROW_FINISH)
}

#include "gemm_f32.h"
#define NW_FORMAT f32
#define NW_SET f32
#include "gemm_format.h"
#undef NW_SET
