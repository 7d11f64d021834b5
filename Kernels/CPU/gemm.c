// Matrix products on a team: what they need, how they are blocked, and packing B.
#include "gemm.h"

#include <stdlib.h>

/// Words of a huge page, which lies on one NUMA node as a whole: memory of two threads must not share one.
enum { huge_page_words = (2 << 20) / sizeof(uint32_t) };

/// The part size that divides `total` into equal parts of at most `limit`, a multiple of `unit`.
static int64_t even_part(int64_t total, int64_t limit, int64_t unit) {
    int64_t units = nw_divide_up(total, unit), most = limit / unit > 0 ? limit / unit : 1;
    return nw_divide_up(units, nw_divide_up(units, most)) * unit;
}

/// Splits the threads into a grid so that the largest share of work is smallest. Threads of one row group each pack the
/// same rows of A, those of one column group each read the same columns of B; an element of A costs about as much as 16
/// multiply-adds, one of B as 8.
static void choose_grid(nw_gemm_blocking *blocking, int64_t m, int64_t n, int threads) {
    int64_t columns = nw_divide_up(n, blocking->nr), best = INT64_MAX;
    for (int row_groups = threads; row_groups >= 1; row_groups--) {
        if (threads % row_groups) continue;
        int64_t own = nw_divide_up(m, row_groups);
        int64_t load = (own + 8) * (nw_divide_up(columns, threads / row_groups) * blocking->nr + 16);
        if (load >= best) continue;
        best = load;
        blocking->row_groups = row_groups;
        blocking->column_groups = threads / row_groups;
    }
}

/// A block of A takes a quarter of L2; the next one, on its way, another.
static nw_gemm_blocking choose_blocking(const nw_gemm_kernel *kernel, const nw_gemm_spec *s, size_t l2_bytes,
                                        int threads) {
    nw_gemm_blocking b = {.mr = kernel->mr, .nr = kernel->nr};
    size_t l2 = l2_bytes ? l2_bytes : 256 << 10;
    choose_grid(&b, s->m, s->n, threads);
    b.kc = (int)even_part(s->k, (int64_t)kernel->groups_max * kernel->unit, kernel->step * kernel->unit);
    int64_t rows = (int64_t)(l2 / 4) / (kernel->a_stride * (int64_t)sizeof(uint32_t));
    b.mc = (int)even_part(nw_divide_up(s->m, b.row_groups), rows > b.mr ? rows : b.mr, 1);
    return b;
}

static bool valid(const nw_gemm_spec *s) {
    const int64_t most = 1 << 20;
    return (unsigned)s->format < NW_GEMM_FORMAT_COUNT && s->m >= 1 && s->n >= 1 && s->k >= 1 && s->m <= most &&
           s->n <= most && s->k <= most && s->lda >= s->k && s->ldb >= s->n && s->ldc >= s->n && s->lda <= most &&
           s->ldb <= most && s->ldc <= most;
}

/// What is known of a product before it has memory.
static nw_gemm plan(const nw_isa *isa, const nw_gemm_spec *spec, size_t l2_bytes, int threads) {
    const nw_gemm_kernel *kernel = nw_isa_gemm(isa, spec->format);
    nw_gemm_blocking b = choose_blocking(kernel, spec, l2_bytes, threads);
    size_t a = nw_round_up((size_t)b.mc * (size_t)kernel->a_stride, 1024), tile = (size_t)b.mr * (size_t)b.nr;
    return (nw_gemm){.kernel = kernel, .s = *spec, .blocking = b, .tile_offset = a,
                     .own_words = nw_round_up(a + tile, huge_page_words)};
}

/// Words of packed B, and behind it up to where the threads' own begin.
static size_t shared_words(const nw_gemm *gemm) {
    int64_t last = (gemm->s.k - 1) / gemm->blocking.kc * gemm->blocking.kc;
    return nw_round_up((size_t)nw_gemm_words_before(gemm, last, nw_gemm_panels(gemm)), huge_page_words);
}

static size_t bytes_of(const nw_gemm *gemm, int threads) {
    return (shared_words(gemm) + (size_t)threads * gemm->own_words) * sizeof(uint32_t);
}

size_t nw_gemm_bytes(const nw_isa *isa, const nw_gemm_spec *spec, size_t l2_bytes, int threads) {
    if (!valid(spec) || threads < 1) return 0;
    nw_gemm gemm = plan(isa, spec, l2_bytes, threads);
    return bytes_of(&gemm, threads);
}

static nw_status allocate(nw_gemm *gemm) {
    nw_status status = nw_memory_create(bytes_of(gemm, nw_team_count(gemm->team)), &gemm->memory);
    if (status != NW_OK) return status;
    gemm->packed_b = nw_memory_bytes(gemm->memory);
    gemm->own = gemm->packed_b + shared_words(gemm);
    return NW_OK;
}

nw_status nw_gemm_create(nw_team *team, const nw_isa *isa, const nw_gemm_spec *spec, size_t l2_bytes,
                         nw_gemm **result) {
    if (!valid(spec)) return NW_INVALID_ARGUMENT;
    nw_gemm *gemm = calloc(1, sizeof *gemm);
    if (!gemm) return NW_OUT_OF_MEMORY;
    *gemm = plan(isa, spec, l2_bytes, nw_team_count(team));
    gemm->team = team;
    nw_status status = allocate(gemm);
    if (status == NW_OK)
        *result = gemm;
    else
        free(gemm);
    return status;
}

void nw_gemm_destroy(nw_gemm *gemm) {
    if (!gemm) return;
    nw_memory_destroy(gemm->memory);
    free(gemm);
}

nw_gemm_blocking nw_gemm_get_blocking(const nw_gemm *gemm) { return gemm->blocking; }

/// Packs a thread's share of the panels of B that it reads itself: where there are several NUMA nodes, a panel then lies
/// on one whose threads read it.
static void pack_b_share(void *context, int thread) {
    const nw_gemm *gemm = context;
    const nw_gemm_kernel *kernel = gemm->kernel;
    nw_gemm_part own = nw_gemm_part_of(gemm, thread);
    if (own.begin == own.end) return;
    int64_t panels = own.last - own.first, nr = kernel->nr;
    int64_t first = own.first + nw_share(panels, 1, own.readers, own.reader);
    int64_t last = own.first + nw_share(panels, 1, own.readers, own.reader + 1);
    for (int64_t p = 0; p < gemm->s.k; p += gemm->blocking.kc)
        for (int64_t jp = first; jp < last; jp++) {
            const char *from = (const char *)gemm->b + (p * gemm->s.ldb + jp * nr) * kernel->b_size;
            kernel->pack_b(from, gemm->s.ldb, nw_smaller(gemm->blocking.kc, gemm->s.k - p),
                           (int)nw_smaller(nr, gemm->s.n - jp * nr), nw_gemm_panel(gemm, p, jp));
        }
}

nw_status nw_gemm_pack_b(nw_gemm *gemm, const void *b, nw_interval *interval) {
    gemm->b = b;
    nw_team_run(gemm->team, pack_b_share, gemm, interval);
    return NW_OK;
}

/// Every repetition ends for all threads before the next begins, as in a program that uses the product.
static void run_share(void *context, int thread) {
    const nw_gemm *gemm = context;
    for (int64_t repetition = 0; repetition < gemm->repetitions; repetition++) {
        nw_gemm_multiply(gemm, thread);
        nw_team_barrier(gemm->team);
    }
}

nw_status nw_gemm_run(nw_gemm *gemm, const void *a, void *c, int64_t repetitions, nw_interval *interval) {
    if (repetitions < 1) return NW_INVALID_ARGUMENT;
    gemm->a = a;
    gemm->c = c;
    gemm->repetitions = repetitions;
    nw_team_run(gemm->team, run_share, gemm, interval);
    return NW_OK;
}
