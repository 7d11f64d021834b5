// The register-only peaks on a team.
#include "internal.h"

#include <stdlib.h>
#include <string.h>

struct nw_peak {
    nw_team *team;
    const nw_peak_kernel *kernel;
    int64_t steps, repetitions;
    size_t chain_bytes, operand_bytes;
    char *starts, *operands, *results;
};

static int element_bytes(nw_peak_kind kind) {
    switch (kind) {
    case NW_PEAK_F64: return 8;
    case NW_PEAK_F16: return 2;
    default: return 4;
    }
}

nw_status nw_peak_get_layout(const nw_isa *isa, nw_peak_kind kind, nw_peak_layout *layout) {
    if ((unsigned)kind >= NW_PEAK_KIND_COUNT) return NW_INVALID_ARGUMENT;
    const nw_peak_kernel *kernel = nw_isa_peak(isa, kind);
    if (!kernel) return NW_UNSUPPORTED_ISA;
    *layout = (nw_peak_layout){.step_operations = kernel->step_operations,
                               .chains = kernel->chains,
                               .operands = kernel->operands,
                               .lanes = kernel->lanes,
                               .first = kernel->first_operands,
                               .second = kernel->second_operands,
                               .depth = kernel->depth,
                               .signed_first = kernel->signed_first,
                               .chain_bytes = element_bytes(kind),
                               .operand_bytes = element_bytes(kind)};
    return NW_OK;
}

static char *allocate(size_t bytes) { return aligned_alloc(128, nw_round_up(bytes, 128)); }

nw_status nw_peak_create(nw_team *team, const nw_isa *isa, nw_peak_kind kind, int64_t steps, const void *starts,
                         const void *operands, nw_peak **result) {
    nw_peak_layout layout;
    if (steps < 1) return NW_INVALID_ARGUMENT;
    nw_status status = nw_peak_get_layout(isa, kind, &layout);
    if (status != NW_OK) return status;
    nw_peak *peak = malloc(sizeof *peak);
    if (!peak) return NW_OUT_OF_MEMORY;
    *peak = (nw_peak){.team = team,
                      .kernel = nw_isa_peak(isa, kind),
                      .steps = steps,
                      .chain_bytes = (size_t)layout.chains * (size_t)layout.chain_bytes,
                      .operand_bytes = (size_t)layout.operands * (size_t)layout.operand_bytes};
    size_t threads = (size_t)nw_team_count(team);
    peak->starts = allocate(threads * peak->chain_bytes);
    peak->operands = allocate(threads * peak->operand_bytes);
    peak->results = allocate(threads * peak->chain_bytes);
    if (!peak->starts || !peak->operands || !peak->results) {
        nw_peak_destroy(peak);
        return NW_OUT_OF_MEMORY;
    }
    memcpy(peak->starts, starts, threads * peak->chain_bytes);
    memcpy(peak->operands, operands, threads * peak->operand_bytes);
    memset(peak->results, 0xff, threads * peak->chain_bytes);
    *result = peak;
    return NW_OK;
}

void nw_peak_destroy(nw_peak *peak) {
    if (!peak) return;
    free(peak->starts);
    free(peak->operands);
    free(peak->results);
    free(peak);
}

static void run_share(void *context, int thread) {
    const nw_peak *peak = context;
    size_t chains = (size_t)thread * peak->chain_bytes, operands = (size_t)thread * peak->operand_bytes;
    for (int64_t i = 0; i < peak->repetitions; i++)
        peak->kernel->run(peak->steps, peak->starts + chains, peak->operands + operands, peak->results + chains);
}

nw_status nw_peak_run(nw_peak *peak, int64_t repetitions, nw_interval *interval) {
    if (repetitions < 1) return NW_INVALID_ARGUMENT;
    peak->repetitions = repetitions;
    nw_team_run(peak->team, run_share, peak, interval);
    return NW_OK;
}

void *nw_peak_results(nw_peak *peak) { return peak->results; }
