// The register tile of the matrix product and its packing; see vectors.h.

enum { mr = NW_MR, nv = NW_NV, nr = NW_NV * NW_LANES, kc_max = NW_KC_MAX, a_stride = NW_KC_MAX + 16 };

/// sum += A (mr x count) * B (count x nr). The accumulators stay in registers.
NW_INLINE void gemm_steps(int64_t count, const float *a, const float *b, vfloat sum[NW_MR][NW_NV]) {
    for (int64_t k = 0; k < count; k++, b += nr) {
        for (int j = 0; j < nr; j += 16) __builtin_prefetch(b + NW_B_AHEAD * nr + j, 0, 3);
        vfloat row[NW_NV];
        for (int j = 0; j < nv; j++) row[j] = *(const vfloat *)(b + j * NW_LANES);
#pragma clang loop unroll(full)
        for (int i = 0; i < mr; i++) {
            vfloat factor = splat(a[i * a_stride + k]);
#pragma clang loop unroll(full)
            for (int j = 0; j < nv; j++) sum[i][j] = NW_MULTIPLY_ADD(factor, row[j], sum[i][j]);
        }
    }
}

/// C (mr x nr at c, rows ldc apart) = or += A (mr x kc) * B (kc x nr).
///
/// A's rows are a_stride floats apart: a compile-time constant, so every row is one register plus an immediate offset,
/// and an odd number of cache lines, so the rows fall into different cache sets. B is kc rows of nr floats, aligned.
/// Flops: 2 * mr * nr * kc.
static void gemm_tile(int64_t kc, const float *a, const float *b, float *c, int64_t ldc, bool accumulate) {
    vfloat sum[NW_MR][NW_NV];
#pragma clang loop unroll(full)
    for (int i = 0; i < mr; i++)
        for (int j = 0; j < nv; j++) sum[i][j] = splat(0);
    // C is fetched shortly before its turn: fetched at the start, the streams of A and B would push it out again.
    int64_t last = kc < NW_C_AHEAD ? kc : NW_C_AHEAD;
    gemm_steps(kc - last, a, b, sum);
    for (int i = 0; i < mr; i++) {
        for (int j = 0; j < nr; j += 16) __builtin_prefetch(c + i * ldc + j, 1, 3);
        __builtin_prefetch(c + i * ldc + nr - 1, 1, 3);
    }
    gemm_steps(last, a + (kc - last), b + (kc - last) * nr, sum);
#pragma clang loop unroll(full)
    for (int i = 0; i < mr; i++)
#pragma clang loop unroll(full)
        for (int j = 0; j < nv; j++) {
            float *at = c + i * ldc + j * NW_LANES;
            store(at, accumulate ? load(at) + sum[i][j] : sum[i][j]);
        }
}

static void gemm_pack_a(const float *a, int64_t lda, int rows, int64_t columns, float *panel) {
    for (int i = 0; i < mr; i++, a += lda, panel += a_stride) {
        if (i < rows)
            __builtin_memcpy(panel, a, (size_t)columns * sizeof(float));
        else
            __builtin_memset(panel, 0, (size_t)columns * sizeof(float));
    }
}

static void gemm_pack_b(const float *b, int64_t ldb, int64_t kc, int columns, float *panel) {
    for (int64_t k = 0; k < kc; k++, b += ldb, panel += nr) {
        if (columns == nr) {
            for (int j = 0; j < nv; j++) *(vfloat *)(panel + j * NW_LANES) = load(b + j * NW_LANES);
        } else {
            for (int j = 0; j < nr; j++) panel[j] = j < columns ? b[j] : 0;
        }
    }
}
