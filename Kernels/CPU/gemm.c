// C = A*B on a team: blocking, packing and the loops around the register tile.
//
// The packed block of B is shared; every thread packs a share of it. The threads form a grid over C, each packs the
// rows of A it needs. The loop order (Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", ACM
// TOMS 34, 2008) keeps the packed A block in L2 and B's block in L3.
#include "internal.h"

#include <stdlib.h>

typedef struct {
    int64_t m, n, k, lda, ldb, ldc;
} shape;

struct nw_gemm {
    nw_team *team;
    const nw_gemm_kernel *kernel;
    shape s;
    nw_gemm_blocking blocking;
    nw_memory *memory;
    /// Two blocks of B, used in turn so that one barrier per block suffices; then A blocks and tiles per thread.
    float *packed_b[2];
    float *packed_a, *tiles;
    size_t a_floats, tile_floats;
    const float *a, *b;
    float *c;
    int64_t repetitions;
};

static int64_t minimum(int64_t x, int64_t y) { return x < y ? x : y; }
static int64_t divide_up(int64_t x, int64_t y) { return (x + y - 1) / y; }

/// The part size that divides `total` into equal parts of at most `limit`, a multiple of `unit`.
static int64_t even_part(int64_t total, int64_t limit, int64_t unit) {
    int64_t units = divide_up(total, unit), most = limit / unit > 0 ? limit / unit : 1;
    return divide_up(units, divide_up(units, most)) * unit;
}

/// Splits the threads into a grid so that the largest share of work is smallest. Threads of one row group each pack the
/// same rows of A; copying one element costs about as much as 16 multiply-adds.
static void choose_grid(nw_gemm_blocking *blocking, int64_t m, int64_t n, int threads) {
    int64_t rows = divide_up(m, blocking->mr), columns = divide_up(n, blocking->nr), best = INT64_MAX;
    for (int row_groups = threads; row_groups >= 1; row_groups--) {
        if (threads % row_groups) continue;
        int64_t own = divide_up(rows, row_groups);
        int64_t load = own * (divide_up(columns, threads / row_groups) * blocking->nr + 16);
        if (load >= best) continue;
        best = load;
        blocking->row_groups = row_groups;
        blocking->column_groups = threads / row_groups;
    }
}

static nw_gemm_blocking choose_blocking(const nw_gemm_kernel *kernel, const shape *s, nw_caches caches, int threads) {
    nw_gemm_blocking b = {.mr = kernel->mr, .nr = kernel->nr};
    size_t l2 = caches.l2_bytes ? caches.l2_bytes : 256 << 10;
    size_t l3 = caches.l3_bytes ? caches.l3_bytes * (size_t)threads : 4 * l2 * (size_t)threads;
    choose_grid(&b, s->m, s->n, threads);
    b.kc = (int)even_part(s->k, kernel->kc_max, 8);
    int64_t mc = (int64_t)(l2 / 2 / sizeof(float)) / kernel->a_stride;
    b.mc = (int)even_part(divide_up(divide_up(s->m, b.mr), b.row_groups) * b.mr, mc, b.mr);
    int64_t nc = (int64_t)(l3 / 8 / sizeof(float)) / b.kc;
    b.nc = (int)even_part(s->n, minimum(nc, 1 << 16), b.nr);
    return b;
}

static bool valid(const shape *s) {
    const int64_t most = 1 << 20;
    return s->m >= 1 && s->n >= 1 && s->k >= 1 && s->m <= most && s->n <= most && s->k <= most && s->lda >= s->k &&
           s->ldb >= s->n && s->ldc >= s->n && s->lda <= most && s->ldb <= most && s->ldc <= most;
}

nw_status nw_gemm_create(nw_team *team, const nw_isa *isa, int64_t m, int64_t n, int64_t k, int64_t lda, int64_t ldb,
                         int64_t ldc, nw_caches caches, nw_gemm **result) {
    shape s = {m, n, k, lda, ldb, ldc};
    if (!valid(&s)) return NW_INVALID_ARGUMENT;
    nw_gemm *gemm = calloc(1, sizeof *gemm);
    if (!gemm) return NW_OUT_OF_MEMORY;
    int threads = nw_team_count(team);
    const nw_gemm_kernel *kernel = nw_isa_gemm(isa);
    *gemm = (nw_gemm){.team = team, .kernel = kernel, .s = s, .blocking = choose_blocking(kernel, &s, caches, threads)};
    const nw_gemm_blocking *b = &gemm->blocking;
    size_t b_floats = nw_round_up((size_t)b->kc * (size_t)b->nc, 1024);
    gemm->a_floats = nw_round_up((size_t)b->mc * (size_t)kernel->a_stride, 1024);
    gemm->tile_floats = nw_round_up((size_t)b->mr * (size_t)b->nr, 1024);
    size_t floats = 2 * b_floats + (size_t)threads * (gemm->a_floats + gemm->tile_floats);
    nw_status status = nw_memory_create(floats * sizeof(float), &gemm->memory);
    if (status != NW_OK) {
        free(gemm);
        return status;
    }
    gemm->packed_b[0] = nw_memory_bytes(gemm->memory);
    gemm->packed_b[1] = gemm->packed_b[0] + b_floats;
    gemm->packed_a = gemm->packed_b[1] + b_floats;
    gemm->tiles = gemm->packed_a + (size_t)threads * gemm->a_floats;
    *result = gemm;
    return NW_OK;
}

void nw_gemm_destroy(nw_gemm *gemm) {
    if (!gemm) return;
    nw_memory_destroy(gemm->memory);
    free(gemm);
}

nw_gemm_blocking nw_gemm_get_blocking(const nw_gemm *gemm) { return gemm->blocking; }

/// One block of the loops over columns and depth.
typedef struct {
    int64_t j, columns, p, depth;
    float *b;
    bool accumulate;
} block;

static void pack_b_share(const nw_gemm *gemm, const block *blk, int thread) {
    int64_t nr = gemm->kernel->nr, panels = divide_up(blk->columns, nr);
    int threads = nw_team_count(gemm->team);
    int64_t end = nw_share(panels, 1, threads, thread + 1);
    for (int64_t i = nw_share(panels, 1, threads, thread); i < end; i++)
        gemm->kernel->pack_b(gemm->b + blk->p * gemm->s.ldb + blk->j + i * nr, gemm->s.ldb, blk->depth,
                               (int)minimum(nr, blk->columns - i * nr), blk->b + i * nr * blk->depth);
}

/// A tile at the edge of C: computed whole beside it, then copied in part.
static void edge_tile(const nw_gemm *gemm, const block *blk, const float *a, const float *b, float *c, int64_t rows,
                      int64_t columns, float *tile) {
    int64_t nr = gemm->kernel->nr, ldc = gemm->s.ldc;
    gemm->kernel->tile(blk->depth, a, b, tile, nr, false);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            c[i * ldc + j] = blk->accumulate ? c[i * ldc + j] + tile[i * nr + j] : tile[i * nr + j];
}

/// Multiplies `rows` packed rows of A, from row `i` of C, by this thread's columns of the block.
static void multiply_rows(const nw_gemm *gemm, const block *blk, int64_t i, int64_t rows, const float *a,
                          float *tile, int column_group) {
    const nw_gemm_kernel *kernel = gemm->kernel;
    int64_t mr = kernel->mr, nr = kernel->nr, ldc = gemm->s.ldc, panels = divide_up(blk->columns, nr);
    int64_t end = nw_share(panels, 1, gemm->blocking.column_groups, column_group + 1);
    for (int64_t jp = nw_share(panels, 1, gemm->blocking.column_groups, column_group); jp < end; jp++) {
        const float *b = blk->b + jp * nr * blk->depth;
        int64_t columns = minimum(nr, blk->columns - jp * nr);
        for (int64_t ip = 0; ip * mr < rows; ip++) {
            const float *panel = a + ip * mr * kernel->a_stride;
            float *c = gemm->c + (i + ip * mr) * ldc + blk->j + jp * nr;
            int64_t tile_rows = minimum(mr, rows - ip * mr);
            if (tile_rows == mr && columns == nr)
                kernel->tile(blk->depth, panel, b, c, ldc, blk->accumulate);
            else
                edge_tile(gemm, blk, panel, b, c, tile_rows, columns, tile);
        }
    }
}

static void multiply_block(const nw_gemm *gemm, const block *blk, int thread) {
    const nw_gemm_kernel *kernel = gemm->kernel;
    const nw_gemm_blocking *b = &gemm->blocking;
    int row_group = thread / b->column_groups, column_group = thread % b->column_groups;
    float *a = gemm->packed_a + (size_t)thread * gemm->a_floats;
    float *tile = gemm->tiles + (size_t)thread * gemm->tile_floats;
    int64_t end = nw_share(gemm->s.m, b->mr, b->row_groups, row_group + 1);
    for (int64_t i = nw_share(gemm->s.m, b->mr, b->row_groups, row_group); i < end; i += b->mc) {
        int64_t rows = minimum(b->mc, end - i);
        for (int64_t r = 0; r < rows; r += b->mr)
            kernel->pack_a(gemm->a + (i + r) * gemm->s.lda + blk->p, gemm->s.lda, (int)minimum(b->mr, rows - r),
                             blk->depth, a + r * kernel->a_stride);
        multiply_rows(gemm, blk, i, rows, a, tile, column_group);
    }
}

static void run_share(void *context, int thread) {
    const nw_gemm *gemm = context;
    const nw_gemm_blocking *b = &gemm->blocking;
    int turn = 0;
    for (int64_t repetition = 0; repetition < gemm->repetitions; repetition++)
        for (int64_t j = 0; j < gemm->s.n; j += b->nc)
            for (int64_t p = 0; p < gemm->s.k; p += b->kc, turn ^= 1) {
                block blk = {j, minimum(b->nc, gemm->s.n - j), p, minimum(b->kc, gemm->s.k - p),
                             gemm->packed_b[turn], p > 0};
                pack_b_share(gemm, &blk, thread);
                nw_team_barrier(gemm->team);
                multiply_block(gemm, &blk, thread);
            }
}

nw_status nw_gemm_run(nw_gemm *gemm, const float *a, const float *b, float *c, int64_t repetitions,
                      nw_interval *interval) {
    if (repetitions < 1) return NW_INVALID_ARGUMENT;
    gemm->a = a;
    gemm->b = b;
    gemm->c = c;
    gemm->repetitions = repetitions;
    nw_team_run(gemm->team, run_share, gemm, interval);
    return NW_OK;
}
