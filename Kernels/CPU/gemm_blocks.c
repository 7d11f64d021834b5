// The loops of a matrix product around its register tile.
//
// The threads form a grid over C; each works alone on its rows and columns. The loops follow Goto and van de Geijn,
// "Anatomy of high-performance matrix multiplication", ACM TOMS 34, 2008: a block of A is packed and stays in L2, the
// panels of B stream by. What comes next is fetched into L2 in the meantime: the next panel of B by the tiles, the
// next block of A between them.
#include "gemm.h"

/// A block of A times a thread's columns of B, and where it is at.
typedef struct {
    const nw_gemm *gemm;
    int64_t p, depth, groups, i, rows, panels;
    uint32_t *a, *tile;
    /// The next block of A, fetched line by line: rows of `next_bytes` bytes, `next_stride` apart.
    const char *next;
    int64_t next_bytes, next_stride, next_rows, next_at, lines_per_tile;
} block;

/// The first row of a panel of A: as even as can be, because a tile of few rows leaves the multipliers waiting.
static int64_t panel_start(const block *blk, int64_t ip) { return blk->rows * ip / blk->panels; }

static const char *source_of_a(const nw_gemm *gemm, int64_t i, int64_t p) {
    return (const char *)gemm->a + (i * gemm->s.lda + p) * gemm->kernel->a_size;
}

static void pack_a(block *blk) {
    const nw_gemm *gemm = blk->gemm;
    for (int64_t ip = 0; ip < blk->panels; ip++) {
        int64_t start = panel_start(blk, ip), rows = panel_start(blk, ip + 1) - start;
        gemm->kernel->pack_a(source_of_a(gemm, blk->i + start, blk->p), gemm->s.lda, (int)rows, blk->depth,
                             blk->a + start * gemm->kernel->a_stride);
    }
}

/// Looks up which block of A comes next: the rows below, or the first rows at the next depth.
static void look_ahead(block *blk, const nw_gemm_part *own) {
    const nw_gemm *gemm = blk->gemm;
    const nw_gemm_blocking *b = &gemm->blocking;
    int64_t i = blk->i + b->mc, p = blk->p;
    if (i >= own->end) i = own->begin, p += b->kc;
    blk->next_at = 0;
    blk->next_rows = p < gemm->s.k ? nw_smaller(b->mc, own->end - i) : 0;
    if (blk->next_rows == 0) return;
    blk->next = source_of_a(gemm, i, p);
    blk->next_bytes = nw_smaller(b->kc, gemm->s.k - p) * gemm->kernel->a_size;
    blk->next_stride = gemm->s.lda * gemm->kernel->a_size;
    int64_t tiles = blk->panels * (own->last - own->first);
    blk->lines_per_tile = nw_divide_up(blk->next_rows * nw_divide_up(blk->next_bytes, 64), tiles);
}

/// Fetches a few more lines of the next block of A.
static void fetch_lines(block *blk) {
    for (int64_t n = 0; n < blk->lines_per_tile && blk->next_rows > 0; n++) {
        __builtin_prefetch(blk->next + blk->next_at, 0, 2);
        blk->next_at += 64;
        if (blk->next_at < blk->next_bytes) continue;
        blk->next_at = 0;
        blk->next += blk->next_stride;
        blk->next_rows--;
    }
}

/// A word of C where C holds floats.
typedef float float_any __attribute__((may_alias));

/// A tile at the edge of C: computed whole beside it, then copied in part.
static void edge_tile(const block *blk, const nw_tile *tile) {
    int64_t columns = tile->columns;
    nw_tile whole = *tile;
    whole.c = blk->tile;
    whole.ldc = blk->gemm->kernel->nr;
    whole.accumulate = false;
    blk->gemm->kernel->tile(&whole);
    bool integer = blk->gemm->s.format >= NW_GEMM_S8;
    for (int64_t i = 0; i < tile->rows; i++) {
        const uint32_t *from = whole.c + i * whole.ldc;
        uint32_t *to = tile->c + i * tile->ldc;
        if (!tile->accumulate)
            for (int64_t j = 0; j < columns; j++) to[j] = from[j];
        else if (integer)
            for (int64_t j = 0; j < columns; j++) to[j] += from[j];
        else
            for (int64_t j = 0; j < columns; j++) ((float_any *)to)[j] += ((const float_any *)from)[j];
    }
}

/// What the tiles of a panel of B share.
static nw_tile panel_tile(const block *blk, int64_t jp) {
    const nw_gemm *gemm = blk->gemm;
    int64_t nr = gemm->kernel->nr;
    return (nw_tile){.columns = nw_smaller(nr, gemm->s.n - jp * nr),
                     .groups = blk->groups,
                     .b = nw_gemm_panel(gemm, blk->p, jp),
                     .ldc = gemm->s.ldc,
                     .accumulate = blk->p > 0,
                     .ahead_stride = 128};
}

static void multiply_tile(block *blk, int64_t ip, int64_t jp, nw_tile *tile) {
    const nw_gemm *gemm = blk->gemm;
    const nw_gemm_kernel *kernel = gemm->kernel;
    int64_t start = panel_start(blk, ip);
    tile->rows = panel_start(blk, ip + 1) - start;
    tile->a = blk->a + start * kernel->a_stride;
    tile->c = gemm->c + (blk->i + start) * gemm->s.ldc + jp * kernel->nr;
    // Each tile fetches as many bytes of the next panel as it has time for.
    tile->ahead = (const char *)(tile->b + blk->groups * kernel->nr) + ip * blk->groups / 4 * tile->ahead_stride;
    fetch_lines(blk);
    if (tile->columns == kernel->nr)
        kernel->tile(tile);
    else
        edge_tile(blk, tile);
}

/// All tiles of a block: panel of B after panel of B, each of which stays in L1 for a while. Where tiles are so short
/// that their time goes into writing C, along the rows of C, as the processor's own prefetching expects: on Zen 5 faster
/// with 28 groups, slower with 88.
static void multiply_block(block *blk, const nw_gemm_part *own) {
    const int64_t strip = blk->groups < 64 ? 1 : blk->panels;
    for (int64_t ip = 0; ip < blk->panels; ip += strip)
        for (int64_t jp = own->first; jp < own->last; jp++) {
            nw_tile tile = panel_tile(blk, jp);
            for (int64_t i = ip; i < ip + strip; i++) multiply_tile(blk, i, jp, &tile);
        }
}

void nw_gemm_multiply(const nw_gemm *gemm, int thread) {
    const nw_gemm_blocking *b = &gemm->blocking;
    nw_gemm_part own = nw_gemm_part_of(gemm, thread);
    if (own.begin == own.end || own.first == own.last) return;
    uint32_t *memory = gemm->own + (size_t)thread * gemm->own_words;
    block blk = {.gemm = gemm, .a = memory, .tile = memory + gemm->tile_offset};
    for (blk.p = 0; blk.p < gemm->s.k; blk.p += b->kc) {
        blk.depth = nw_smaller(b->kc, gemm->s.k - blk.p);
        blk.groups = nw_gemm_groups(gemm, blk.depth);
        for (blk.i = own.begin; blk.i < own.end; blk.i += b->mc) {
            blk.rows = nw_smaller(b->mc, own.end - blk.i);
            blk.panels = nw_divide_up(blk.rows, gemm->kernel->mr);
            pack_a(&blk);
            look_ahead(&blk, &own);
            multiply_block(&blk, &own);
        }
    }
}
