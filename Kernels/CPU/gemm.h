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
    /// Packed B, then each thread's block of A and tile, on huge pages that no other thread touches.
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

/// The rows and panels of C that are a thread's own, and which one of those that read the same panels it is.
typedef struct {
    int64_t begin, end, first, last;
    int64_t reader, readers;
} nw_gemm_part;

static inline nw_gemm_part nw_gemm_part_of(const nw_gemm *gemm, int thread) {
    const nw_gemm_blocking *b = &gemm->blocking;
    int64_t row_group = thread / b->column_groups, column_group = thread % b->column_groups;
    int64_t m = gemm->s.m, panels = nw_gemm_panels(gemm);
    nw_gemm_part own = {.begin = nw_share(m, 1, b->row_groups, row_group),
                        .end = nw_share(m, 1, b->row_groups, row_group + 1),
                        .first = nw_share(panels, 1, b->column_groups, column_group),
                        .last = nw_share(panels, 1, b->column_groups, column_group + 1),
                        .reader = row_group,
                        .readers = b->row_groups};
    // Of more groups than rows, those that have one are numbered by it, and the others read nothing.
    if (m < b->row_groups) own.reader = own.begin, own.readers = m;
    return own;
}

/// Computes a thread's part of C, with B packed.
void nw_gemm_multiply(const nw_gemm *gemm, int thread);

#endif
