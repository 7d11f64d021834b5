/// Memory latency: one thread follows pointers, each of which is known only when the last load has come back.
#ifndef NODEWATT_LATENCY_H
#define NODEWATT_LATENCY_H

#include "nodewatt_cpu.h"

#ifdef __cplusplus
extern "C" {
#endif

/// A ring of 64-byte nodes in random order.
typedef struct nw_chase nw_chase;

typedef struct nw_chase_spec {
    /// Bytes of all nodes, a multiple of 64, at least 64 for each chain and at most 2^37.
    size_t bytes;
    /// Whether to keep the memory out of huge pages, so that address translation is measured too.
    bool small_pages;
    /// Independent walks around the ring at the same time, evenly spaced: 1, 2, 4 or 8.
    int chains;
    /// The stream of seeded words the order is drawn from.
    uint32_t key;
} nw_chase_spec;

/// Allocates, and links all nodes into one ring by Sattolo's shuffle; takes seconds for gibibytes.
///
/// The team has one thread, which touches the memory first unless `owner`, a team of one thread too, is to do it.
nw_status nw_chase_create(nw_team *team, nw_team *owner, const nw_chase_spec *spec, nw_chase **chase);
void nw_chase_destroy(nw_chase *chase);
/// Every chain hops `hops` times (a multiple of 16) on from where the last run left it.
nw_status nw_chase_run(nw_chase *chase, int64_t hops, nw_interval *interval);
/// How many nodes there are.
size_t nw_chase_nodes(const nw_chase *chase);
/// The first node; the ring is `nw_chase_nodes` nodes of 64 bytes that begin with a pointer to the next one.
void *nw_chase_memory(const nw_chase *chase);
/// Where a chain began, as the number of its node, and where it is now; SIZE_MAX for an address that is no node's.
size_t nw_chase_start(const nw_chase *chase, int chain);
size_t nw_chase_position(const nw_chase *chase, int chain);
/// How many hops each chain has made since it was created.
uint64_t nw_chase_hops(const nw_chase *chase);
/// How many hops a node is from node 0. Found by a walk over the shuffled numbers, not over the memory.
size_t nw_chase_rank(const nw_chase *chase, size_t node);
/// Whether that walk visited every node once before it came back to the first.
bool nw_chase_is_ring(const nw_chase *chase);
/// How many nodes in memory do not point where the shuffled numbers say. Every node is looked at.
size_t nw_chase_wrong_nodes(const nw_chase *chase);

#ifdef __cplusplus
}
#endif
#endif
