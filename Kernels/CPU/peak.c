// The f32 peak on a team.
#include "internal.h"

#include <stdlib.h>
#include <string.h>

struct nw_peak {
    nw_team *team;
    const nw_isa *isa;
    int64_t steps, repetitions;
    float *starts, *addends, *results;
};

int nw_peak_chains_per_thread(const nw_isa *isa) { return nw_isa_peak(isa)->chains; }
int nw_peak_addends_per_thread(const nw_isa *isa) { return nw_isa_peak(isa)->addends; }

static float *allocate(size_t count) { return aligned_alloc(128, nw_round_up(count * sizeof(float), 128)); }

nw_status nw_peak_create(nw_team *team, const nw_isa *isa, int64_t steps, const float *starts, const float *addends,
                         nw_peak **result) {
    if (steps < 1) return NW_INVALID_ARGUMENT;
    size_t chains = (size_t)nw_team_count(team) * (size_t)nw_isa_peak(isa)->chains;
    size_t constants = (size_t)nw_team_count(team) * (size_t)nw_isa_peak(isa)->addends;
    nw_peak *peak = malloc(sizeof *peak);
    if (!peak) return NW_OUT_OF_MEMORY;
    *peak = (nw_peak){team, isa, steps, 0, allocate(chains), allocate(constants), allocate(chains)};
    if (!peak->starts || !peak->addends || !peak->results) {
        nw_peak_destroy(peak);
        return NW_OUT_OF_MEMORY;
    }
    memcpy(peak->starts, starts, chains * sizeof(float));
    memcpy(peak->addends, addends, constants * sizeof(float));
    memset(peak->results, 0xff, chains * sizeof(float));
    *result = peak;
    return NW_OK;
}

void nw_peak_destroy(nw_peak *peak) {
    if (!peak) return;
    free(peak->starts);
    free(peak->addends);
    free(peak->results);
    free(peak);
}

static void run_share(void *context, int thread) {
    const nw_peak *peak = context;
    const nw_peak_kernel *kernel = nw_isa_peak(peak->isa);
    const float *starts = peak->starts + thread * kernel->chains;
    const float *addends = peak->addends + thread * kernel->addends;
    float *results = peak->results + thread * kernel->chains;
    for (int64_t i = 0; i < peak->repetitions; i++) kernel->run(peak->steps, starts, addends, results);
}

nw_status nw_peak_run(nw_peak *peak, int64_t repetitions, nw_interval *interval) {
    if (repetitions < 1) return NW_INVALID_ARGUMENT;
    peak->repetitions = repetitions;
    nw_team_run(peak->team, run_share, peak, interval);
    return NW_OK;
}

const float *nw_peak_results(const nw_peak *peak) { return peak->results; }
