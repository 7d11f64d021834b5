// A matrix product made ready; see nodewatt_gemm.h.
#ifndef NODEWATT_GEMM_PRIVATE_H
#define NODEWATT_GEMM_PRIVATE_H

#include "internal.h"
#include "nodewatt_gemm.h"

struct nw_gemm {
    nw_team *team;
    const nw_gemm_kernel *kernel;
    nw_gemm_spec s;
    nw_gemm_blocking blocking;
    nw_memory *memory;
    /// Packed B, then each thread's block of A and tile.
    uint32_t *packed_b, *own;
    size_t own_words, tile_offset;
    const void *a, *b;
    uint32_t *c;
    int64_t repetitions;
};

static inline int64_t nw_smaller(int64_t x, int64_t y) { return x < y ? x : y; }
static inline int64_t nw_divide_up(int64_t x, int64_t y) { return (x + y - 1) / y; }

/// Depth groups of a block of this depth, with the zeros behind it.
static inline int64_t nw_gemm_groups(const nw_gemm *gemm, int64_t depth) {
    return (int64_t)nw_round_up((size_t)nw_divide_up(depth, gemm->kernel->unit), (size_t)gemm->kernel->step);
}

static inline int64_t nw_gemm_panels(const nw_gemm *gemm) { return nw_divide_up(gemm->s.n, gemm->kernel->nr); }

/// Words of packed B before panel `jp` at depth `p`: block after block of depth, panel after panel, group after group.
static inline int64_t nw_gemm_words_before(const nw_gemm *gemm, int64_t p, int64_t jp) {
    int64_t groups = nw_gemm_groups(gemm, nw_smaller(gemm->blocking.kc, gemm->s.k - p));
    return (p / gemm->kernel->unit * nw_gemm_panels(gemm) + jp * groups) * gemm->kernel->nr;
}

static inline uint32_t *nw_gemm_panel(const nw_gemm *gemm, int64_t p, int64_t jp) {
    return gemm->packed_b + nw_gemm_words_before(gemm, p, jp);
}

/// Computes a thread's part of C, with B packed.
void nw_gemm_multiply(const nw_gemm *gemm, int thread);

#endif
