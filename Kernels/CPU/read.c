// Reading memory on a team.
#include "internal.h"

#include <stdlib.h>

typedef struct {
    _Alignas(128) const char *bytes;
    size_t size;
    uint32_t sum, expected;
} slice;

struct nw_read {
    nw_team *team;
    const nw_isa *isa;
    nw_memory *memory;
    slice *slices;
    int64_t repetitions;
};

nw_status nw_read_create(nw_team *team, const nw_isa *isa, size_t bytes, uint32_t key, nw_read **result) {
    if (bytes == 0 || bytes % 64 != 0 || bytes > INT64_MAX / 2) return NW_INVALID_ARGUMENT;
    int threads = nw_team_count(team);
    nw_read *read = calloc(1, sizeof *read);
    slice *slices = aligned_alloc(128, (size_t)threads * sizeof(slice));
    if (!read || !slices) {
        free(read);
        free(slices);
        return NW_OUT_OF_MEMORY;
    }
    *read = (nw_read){.team = team, .isa = isa, .slices = slices};
    nw_status status = nw_memory_create(bytes, &read->memory);
    if (status == NW_OK)
        status = nw_fill(team, isa, nw_memory_bytes(read->memory), NW_FILL_WORD_U32, key, 0, bytes / 4);
    if (status != NW_OK) {
        nw_read_destroy(read);
        return status;
    }
    for (int t = 0; t < threads; t++) {
        // The same borders as nw_fill's, so that every thread reads the pages it touched first.
        size_t start = 4 * (size_t)nw_share((int64_t)(bytes / 4), 1024, threads, t);
        size_t end = 4 * (size_t)nw_share((int64_t)(bytes / 4), 1024, threads, t + 1);
        slices[t] = (slice){(const char *)nw_memory_bytes(read->memory) + start, end - start, 0, 0};
    }
    *result = read;
    return NW_OK;
}

void nw_read_destroy(nw_read *read) {
    if (!read) return;
    nw_memory_destroy(read->memory);
    free(read->slices);
    free(read);
}

static void run_share(void *context, int thread) {
    nw_read *read = context;
    slice *s = &read->slices[thread];
    uint32_t sum = 0;
    for (int64_t i = 0; i < read->repetitions; i++) sum += nw_isa_streams(read->isa)->read_sum(s->bytes, s->size);
    s->sum = sum;
}

nw_status nw_read_run(nw_read *read, int64_t repetitions, nw_interval *interval) {
    if (repetitions < 1) return NW_INVALID_ARGUMENT;
    read->repetitions = repetitions;
    nw_team_run(read->team, run_share, read, interval);
    return NW_OK;
}

const void *nw_read_slice(const nw_read *read, int thread, size_t *bytes) {
    *bytes = read->slices[thread].size;
    return read->slices[thread].bytes;
}

uint32_t nw_read_sum(const nw_read *read, int thread) { return read->slices[thread].sum; }

static void expect_share(void *context, int thread) {
    slice *s = &((nw_read *)context)->slices[thread];
    uint32_t sum = 0;
    // Backwards and byte order made explicit by nothing but the word type: nothing in common with read_sum.
    for (const uint32_t *p = (const uint32_t *)(s->bytes + s->size); p != (const uint32_t *)s->bytes;) sum += *--p;
    s->expected = sum;
}

nw_status nw_read_expected(nw_read *read, uint32_t *sums) {
    nw_team_run(read->team, expect_share, read, NULL);
    for (int t = 0; t < nw_team_count(read->team); t++) sums[t] = read->slices[t].expected;
    return NW_OK;
}
