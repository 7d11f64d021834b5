// Following pointers through memory.
#include "nodewatt_latency.h"

#include "internal.h"

#include <stdlib.h>

enum { most_chains = 8, hops_per_step = 16 };

typedef struct node {
    _Alignas(64) struct node *next;
} node;

struct nw_chase {
    nw_team *team;
    nw_chase_spec spec;
    nw_memory *memory, *numbers;
    node *nodes;
    /// The number of the node after each node, and how many hops each node is from node 0.
    uint32_t *next, *rank;
    size_t count;
    bool is_ring;
    size_t starts[most_chains];
    node *positions[most_chains];
    int64_t hops;
    uint64_t hops_made;
};

/// The partner of number i in the shuffle: any of those below it.
static size_t partner(const nw_chase *chase, size_t i) {
    uint32_t word;
    nw_isa_fill(&nw_isa_scalar)(&word, NW_FILL_WORD_U32, chase->spec.key, (uint32_t)i, 1);
    return (size_t)((uint64_t)word * i >> 32);
}

/// Sattolo's shuffle of 0, 1, … makes a permutation that is one ring, each ring as likely as any other.
static void shuffle(nw_chase *chase) {
    for (size_t i = 0; i < chase->count; i++) chase->next[i] = (uint32_t)i;
    // The partners are fetched a while ahead: one cache miss after the other would take many times as long.
    enum { ahead = 32 };
    size_t partners[ahead];
    for (size_t i = chase->count - 1 + ahead; i > 0; i--) {
        if (i < chase->count) {
            size_t other = partners[i % ahead];
            uint32_t kept = chase->next[i];
            chase->next[i] = chase->next[other];
            chase->next[other] = kept;
        }
        if (i <= ahead) continue;
        partners[i % ahead] = partner(chase, i - ahead);
        __builtin_prefetch(chase->next + partners[i % ahead], 1, 3);
    }
}

/// Walks once around by numbers: ranks, the chains' starts, and whether it is one ring.
static void walk(nw_chase *chase) {
    for (size_t i = 0; i < chase->count; i++) chase->rank[i] = UINT32_MAX;
    size_t at = 0, chains = (size_t)chase->spec.chains, chain = 0;
    chase->is_ring = true;
    for (size_t step = 0; step < chase->count; step++, at = chase->next[at]) {
        if (chase->rank[at] != UINT32_MAX) {
            chase->is_ring = false;
            return;
        }
        chase->rank[at] = (uint32_t)step;
        if (chain < chains && step == chain * chase->count / chains) chase->starts[chain++] = at;
    }
    chase->is_ring = at == 0;
}

static void make_ring(void *context, int thread) {
    nw_chase *chase = context;
    if (thread != 0) return;
    // Touched in order: a page asked for out of order is as likely to come from anywhere.
    for (size_t i = 0; i < chase->count; i++) chase->nodes[i].next = NULL;
    shuffle(chase);
    walk(chase);
    for (size_t i = 0; i < chase->count; i++) chase->nodes[i].next = chase->nodes + chase->next[i];
    for (int c = 0; c < chase->spec.chains; c++) chase->positions[c] = chase->nodes + chase->starts[c];
}

nw_status nw_chase_create(nw_team *team, nw_team *owner, const nw_chase_spec *spec, nw_chase **result) {
    int chains = spec->chains;
    if (nw_team_count(team) != 1 || (owner && nw_team_count(owner) != 1)) return NW_INVALID_ARGUMENT;
    if (chains != 1 && chains != 2 && chains != 4 && chains != 8) return NW_INVALID_ARGUMENT;
    if (spec->bytes % 64 != 0 || spec->bytes < 64 * (size_t)chains || spec->bytes > (size_t)1 << 37)
        return NW_INVALID_ARGUMENT;
    nw_chase *chase = calloc(1, sizeof *chase);
    if (!chase) return NW_OUT_OF_MEMORY;
    *chase = (nw_chase){.team = team, .spec = *spec, .count = spec->bytes / 64};
    nw_status status = spec->small_pages ? nw_memory_create_small_pages(spec->bytes, &chase->memory)
                                         : nw_memory_create(spec->bytes, &chase->memory);
    if (status == NW_OK) status = nw_memory_create(chase->count * 2 * sizeof(uint32_t), &chase->numbers);
    if (status != NW_OK) {
        nw_chase_destroy(chase);
        return status;
    }
    chase->nodes = nw_memory_bytes(chase->memory);
    chase->next = nw_memory_bytes(chase->numbers);
    chase->rank = chase->next + chase->count;
    nw_team_run(owner ? owner : team, make_ring, chase, NULL);
    *result = chase;
    return NW_OK;
}

void nw_chase_destroy(nw_chase *chase) {
    if (!chase) return;
    nw_memory_destroy(chase->memory);
    nw_memory_destroy(chase->numbers);
    free(chase);
}

static inline __attribute__((always_inline)) void chase_chains(nw_chase *chase, int chains) {
    node *at[most_chains];
    for (int c = 0; c < chains; c++) at[c] = chase->positions[c];
    for (int64_t left = chase->hops; left > 0; left -= hops_per_step) {
#pragma clang loop unroll(full)
        for (int hop = 0; hop < hops_per_step; hop++)
#pragma clang loop unroll(full)
            for (int c = 0; c < chains; c++) at[c] = at[c]->next;
    }
    for (int c = 0; c < chains; c++) chase->positions[c] = at[c];
}

static void run(void *context, int thread) {
    nw_chase *chase = context;
    if (thread != 0) return;
    // Constants in the calls keep every chain's position in a register.
    switch (chase->spec.chains) {
    case 1: chase_chains(chase, 1); break;
    case 2: chase_chains(chase, 2); break;
    case 4: chase_chains(chase, 4); break;
    default: chase_chains(chase, 8); break;
    }
}

nw_status nw_chase_run(nw_chase *chase, int64_t hops, nw_interval *interval) {
    if (hops < hops_per_step || hops % hops_per_step != 0) return NW_INVALID_ARGUMENT;
    chase->hops = hops;
    nw_team_run(chase->team, run, chase, interval);
    chase->hops_made += (uint64_t)hops;
    return NW_OK;
}

size_t nw_chase_nodes(const nw_chase *chase) { return chase->count; }
void *nw_chase_memory(const nw_chase *chase) { return chase->nodes; }
size_t nw_chase_start(const nw_chase *chase, int chain) { return chase->starts[chain]; }
uint64_t nw_chase_hops(const nw_chase *chase) { return chase->hops_made; }
size_t nw_chase_rank(const nw_chase *chase, size_t node) { return chase->rank[node]; }
bool nw_chase_is_ring(const nw_chase *chase) { return chase->is_ring; }

size_t nw_chase_position(const nw_chase *chase, int chain) {
    size_t offset = (size_t)((const char *)chase->positions[chain] - (const char *)chase->nodes);
    return offset % sizeof(node) == 0 && offset / sizeof(node) < chase->count ? offset / sizeof(node) : SIZE_MAX;
}

size_t nw_chase_wrong_nodes(const nw_chase *chase) {
    size_t wrong = 0;
    for (size_t i = 0; i < chase->count; i++) wrong += chase->nodes[i].next != chase->nodes + chase->next[i];
    return wrong;
}
