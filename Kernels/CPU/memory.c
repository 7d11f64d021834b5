// Memory by mmap, aligned to huge pages, and its first touch.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "internal.h"

#include <stdlib.h>
#include <sys/mman.h>

enum { huge_page = 2 << 20 };

struct nw_memory {
    void *mapping;
    size_t mapping_size;
    void *bytes;
};

static nw_status create(size_t size, int advice, nw_memory **result) {
    if (size == 0 || size > SIZE_MAX / 2) return NW_INVALID_ARGUMENT;
    nw_memory *memory = malloc(sizeof *memory);
    if (!memory) return NW_OUT_OF_MEMORY;
    size_t mapped = nw_round_up(size, huge_page) + huge_page;
    void *mapping = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED) {
        free(memory);
        return NW_OUT_OF_MEMORY;
    }
    void *bytes = (void *)nw_round_up((size_t)mapping, huge_page);
    // Without huge pages the figures are a little lower, no more; so a refusal is not an error.
    madvise(bytes, nw_round_up(size, huge_page), advice);
    *memory = (nw_memory){mapping, mapped, bytes};
    *result = memory;
    return NW_OK;
}

nw_status nw_memory_create(size_t size, nw_memory **memory) { return create(size, MADV_HUGEPAGE, memory); }

nw_status nw_memory_create_small_pages(size_t size, nw_memory **memory) {
    return create(size, MADV_NOHUGEPAGE, memory);
}

void nw_memory_destroy(nw_memory *memory) {
    if (!memory) return;
    munmap(memory->mapping, memory->mapping_size);
    free(memory);
}

void *nw_memory_bytes(const nw_memory *memory) { return memory->bytes; }

typedef struct {
    const nw_isa *isa;
    char *destination;
    nw_fill_kind kind;
    uint32_t key;
    uint64_t first;
    size_t count, width;
    int threads;
} fill_job;

static void fill_share(void *context, int thread) {
    const fill_job *job = context;
    size_t start = (size_t)nw_share((int64_t)job->count, 1024, job->threads, thread);
    size_t end = (size_t)nw_share((int64_t)job->count, 1024, job->threads, thread + 1);
    nw_isa_fill(job->isa)(job->destination + start * job->width, job->kind, job->key, (uint32_t)(job->first + start),
                   end - start);
}

nw_status nw_fill(nw_team *team, const nw_isa *isa, void *destination, nw_fill_kind kind, uint32_t key,
                  uint64_t first, size_t count) {
    if (kind < NW_FILL_UNIFORM_F32 || kind > NW_FILL_SMALL_INTEGER_F16 || count > INT64_MAX / 8)
        return NW_INVALID_ARGUMENT;
    size_t width = kind <= NW_FILL_WORD_U32 ? 4 : 2;
    fill_job job = {isa, destination, kind, key, first, count, width, nw_team_count(team)};
    nw_team_run(team, fill_share, &job, NULL);
    return NW_OK;
}
