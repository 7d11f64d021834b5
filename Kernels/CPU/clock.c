// The clock by a chain of dependent additions.
#include "nodewatt_clock.h"

#include "internal.h"

enum {
    /// Additions of one block, of one stretch (about 100 microseconds) and stretches.
    block = 128,
    stretch = 3000 * block,
    stretches = 10,
};

// Registers are added: some cores work out the addition of a constant without spending a cycle on it.
#if defined(__x86_64__)
#define NW_ADD_CHAIN(sum, step) __asm__ volatile(".rept 128\n\taddq %1, %0\n\t.endr" : "+r"(sum) : "r"(step) : "cc")
#elif defined(__aarch64__)
#define NW_ADD_CHAIN(sum, step) __asm__ volatile(".rept 128\n\tadd %0, %0, %1\n\t.endr" : "+r"(sum) : "r"(step))
#endif

#ifdef NW_ADD_CHAIN
bool nw_clock_known(void) { return true; }

static void measure(void *context, int thread) {
    double *hertz = (double *)context + thread;
    uint64_t step = 0x9e3779b97f4a7c15u, best = UINT64_MAX;
    bool right = true;
    for (int i = 0; i < stretches; i++) {
        uint64_t sum = (uint64_t)i, start = nw_now();
        for (int j = 0; j < stretch; j += block) NW_ADD_CHAIN(sum, step);
        uint64_t spent = nw_now() - start;
        if (spent < best) best = spent;
        right = right && sum == (uint64_t)i + step * stretch;
    }
    *hertz = right && best > 0 ? (double)stretch * 1e9 / (double)best : 0;
}

nw_status nw_clock_measure(nw_team *team, double *hertz) {
    nw_team_run(team, measure, hertz, NULL);
    return NW_OK;
}
#else
bool nw_clock_known(void) { return false; }

nw_status nw_clock_measure(nw_team *team, double *hertz) {
    for (int i = 0; i < nw_team_count(team); i++) hertz[i] = 0;
    return NW_UNSUPPORTED_ISA;
}
#endif
