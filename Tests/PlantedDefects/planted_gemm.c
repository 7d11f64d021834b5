// A product's kernel replaced by one that does something wrong around the real one, and notes who did what.
//
// It reaches into the product's private parts, which only tests may: nothing in the program can switch it on.
#include "planted_gemm.h"

#include "gemm.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { threads_most = 64 };

/// The one product that is defective. Written while no thread of its team works.
static struct {
    nw_gemm *gemm;
    const nw_gemm_kernel *real;
    nw_gemm_kernel kernel;
    planted_defect defect;
    /// Packings of B before the defect shows; below 0, it shows.
    int sound;
    /// For each panel of B the thread that packed it, and for each thread whether it read it.
    pthread_t *packer;
    pthread_t threads[threads_most];
    bool *packed, *read, *rows, *columns;
} planted;

static bool shows(planted_defect defect) { return planted.defect == defect && planted.sound < 0; }

/// The group in the last column of a panel whose change changes C most.
static uint32_t *weightiest(uint32_t *panel, int64_t groups, bool pairs) {
    uint32_t *best = panel + planted.kernel.nr - 1;
    for (int64_t g = 0; g < groups; g++) {
        uint32_t *word = panel + (g + 1) * planted.kernel.nr - 1;
        // As f32 or, of pairs of bf16, the low one: magnitudes order like their bits.
        uint32_t magnitude = (pairs ? *word << 16 : *word) & 0x7fffffff;
        if (magnitude > ((pairs ? *best << 16 : *best) & 0x7fffffff)) best = word;
    }
    return best;
}

/// Flips what is the lowest bit of a bf16's mantissa, whatever it was widened to, or the lowest of an integer.
static void flip_bit(uint32_t *panel, int64_t depth) {
    bool integer = planted.gemm->s.format >= NW_GEMM_S8, pairs = planted.kernel.unit == 2;
    uint32_t *word = integer ? panel + planted.kernel.nr - 1 : weightiest(panel, depth / planted.kernel.unit, pairs);
    *word ^= integer || pairs ? 1 : 1 << 16;
}

static void pack_b(const void *b, int64_t ldb, int64_t depth, int columns, uint32_t *panel) {
    planted.real->pack_b(b, ldb, depth, columns, panel);
    int64_t groups = nw_gemm_groups(planted.gemm, depth), at = (panel - planted.gemm->packed_b) / planted.kernel.nr;
    // The panels of the first block of depth stand for all.
    if (at >= nw_gemm_panels(planted.gemm) * groups) return;
    if (at == 0) planted.sound--;
    planted.packer[at / groups] = pthread_self();
    planted.packed[at / groups] = true;
    if (at == 0 && shows(PLANTED_B_BIT)) flip_bit(panel, depth);
}

static void note(const nw_tile *tile) {
    const nw_gemm *gemm = planted.gemm;
    int64_t thread = (tile->a - gemm->own) / (int64_t)gemm->own_words, panels = nw_gemm_panels(gemm);
    int64_t at = (tile->b - gemm->packed_b) / gemm->kernel->nr / tile->groups;
    planted.threads[thread] = pthread_self();
    if (at < panels) planted.read[thread * panels + at] = true;
    // A partial panel's tile is computed beside C.
    if (tile->columns < gemm->kernel->nr) return;
    int64_t place = tile->c - gemm->c;
    // Several threads may set the same flag, all to the same value.
    __atomic_store_n(&planted.rows[place / gemm->s.ldc], true, __ATOMIC_RELAXED);
    __atomic_store_n(&planted.columns[place % gemm->s.ldc], true, __ATOMIC_RELAXED);
}

static void tile(const nw_tile *t) {
    const nw_gemm *gemm = planted.gemm;
    nw_tile changed = *t;
    uint32_t *last = t->c + (t->rows - 1) * t->ldc + t->columns - 1, before = *last;
    if (shows(PLANTED_LAST_GROUPS)) changed.groups -= planted.real->step;
    planted.real->tile(&changed);
    if (shows(PLANTED_OMISSION) && t->c == gemm->c) *last = before;
    if (shows(PLANTED_OVERRUN) && last + 1 == gemm->c + gemm->s.m * gemm->s.ldc) last[1] = 0;
    note(t);
}

static bool allocate(size_t panels, size_t threads) {
    planted.packer = calloc(panels, sizeof *planted.packer);
    planted.packed = calloc(panels, sizeof *planted.packed);
    planted.read = calloc(panels * threads, sizeof *planted.read);
    planted.rows = calloc((size_t)planted.gemm->s.m, sizeof *planted.rows);
    planted.columns = calloc((size_t)planted.gemm->s.ldc, sizeof *planted.columns);
    return planted.packer && planted.packed && planted.read && planted.rows && planted.columns;
}

nw_status planted_begin(nw_gemm *gemm, planted_defect defect, int sound) {
    int threads = nw_team_count(gemm->team);
    if (planted.gemm || threads > threads_most) return NW_INVALID_ARGUMENT;
    planted.gemm = gemm;
    planted.real = gemm->kernel;
    planted.kernel = *gemm->kernel;
    planted.kernel.pack_b = pack_b;
    planted.kernel.tile = tile;
    planted.defect = defect;
    planted.sound = sound;
    gemm->kernel = &planted.kernel;
    if (allocate((size_t)nw_gemm_panels(gemm), (size_t)threads)) return NW_OK;
    planted_end();
    return NW_OUT_OF_MEMORY;
}

void planted_end(void) {
    if (!planted.gemm) return;
    planted.gemm->kernel = planted.real;
    free(planted.packer);
    free(planted.packed);
    free(planted.read);
    free(planted.rows);
    free(planted.columns);
    planted.gemm = NULL;
}

void planted_look(planted_watch *watch) {
    const nw_gemm *gemm = planted.gemm;
    int64_t panels = nw_gemm_panels(gemm), huge_page = 2 << 20;
    watch->foreign = watch->missing = 0;
    for (int64_t panel = 0; panel < panels; panel++) {
        bool read = false, own = false;
        for (int64_t thread = 0; thread < nw_team_count(gemm->team); thread++) {
            if (!planted.read[thread * panels + panel]) continue;
            read = true;
            own = own || pthread_equal(planted.threads[thread], planted.packer[panel]);
        }
        if (!read || !planted.packed[panel]) watch->missing++;
        else if (!own) watch->foreign++;
    }
    memcpy(watch->rows, planted.rows, (size_t)gemm->s.m);
    memcpy(watch->columns, planted.columns, (size_t)gemm->s.n);
    int64_t own_bytes = (int64_t)(gemm->own_words * sizeof *gemm->own);
    watch->apart = (uintptr_t)gemm->own % huge_page == 0 && own_bytes % huge_page == 0;
}
