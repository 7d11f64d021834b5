/// Matrix products C = A*B, row-major, packed, cache-blocked, on a team.
#ifndef NODEWATT_GEMM_H
#define NODEWATT_GEMM_H

#include "nodewatt_cpu.h"

#ifdef __cplusplus
extern "C" {
#endif

/// The formats of A and B in memory, and of C.
typedef enum nw_gemm_format {
    /// f32, f32 -> f32.
    NW_GEMM_F32 = 0,
    /// f16 bits, f16 bits -> f32.
    NW_GEMM_F16,
    /// bf16 bits, bf16 bits -> f32.
    NW_GEMM_BF16,
    /// int8, int8 -> int32 modulo 2^32.
    NW_GEMM_S8,
    /// uint8, int8 -> int32 modulo 2^32.
    NW_GEMM_U8,
    NW_GEMM_FORMAT_COUNT
} nw_gemm_format;

/// What to multiply: M x K by K x N, with leading dimensions in elements, at least K, N and N.
typedef struct nw_gemm_spec {
    nw_gemm_format format;
    int64_t m, n, k, lda, ldb, ldc;
} nw_gemm_spec;

/// The blocking chosen: the register tile, rows and depth (elements of k) of a packed block of A, and the grid of
/// threads over C.
typedef struct nw_gemm_blocking {
    int mr, nr, mc, kc, row_groups, column_groups;
} nw_gemm_blocking;

/// A product made ready.
typedef struct nw_gemm nw_gemm;

/// The bytes that nw_gemm_create takes for so many threads; 0 for a product it refuses.
size_t nw_gemm_bytes(const nw_isa *isa, const nw_gemm_spec *spec, size_t l2_bytes, int threads);
/// Prepares products; all memory they need is allocated here. `l2_bytes` is what a thread has of the L2 caches to itself,
/// 0 where unknown.
nw_status nw_gemm_create(nw_team *team, const nw_isa *isa, const nw_gemm_spec *spec, size_t l2_bytes, nw_gemm **gemm);
void nw_gemm_destroy(nw_gemm *gemm);
nw_gemm_blocking nw_gemm_get_blocking(const nw_gemm *gemm);
/// Packs B, once for all products, as inference engines pack weights; `interval`, which may be NULL, tells how long it
/// took.
nw_status nw_gemm_pack_b(nw_gemm *gemm, const void *b, nw_interval *interval);
/// Computes C `repetitions` times from A and the packed B; C's earlier content is never read.
nw_status nw_gemm_run(nw_gemm *gemm, const void *a, void *c, int64_t repetitions, nw_interval *interval);

#ifdef __cplusplus
}
#endif
#endif
