// A decode step made ready; see nodewatt_cpu.h.
#ifndef NODEWATT_DECODE_PRIVATE_H
#define NODEWATT_DECODE_PRIVATE_H

#include "internal.h"

struct nw_decode {
    nw_team *team;
    const nw_isa *isa;
    nw_decode_spec spec;
    int threads;
    /// Memory: one arena per thread, then the caches and the activations.
    nw_memory **arenas, *cache, *activations;
    /// Where each thread's rows of each matrix begin: [matrix * threads + thread].
    uint16_t **slices;
    nw_matrix *matrices;
    float *buffers[NW_BUFFER_COUNT];
    size_t counts[NW_BUFFER_COUNT];
    float *initial, *gains, *cosines, *sines, *scores;
    size_t score_floats, cache_values;
    const nw_operation *operations;
    int operation_count;
    int64_t repetitions;
};

/// The first of a thread's rows of a matrix.
static inline int64_t nw_decode_first_row(const nw_decode *d, int matrix, int thread) {
    return nw_share(d->matrices[matrix].rows, 16, d->threads, thread);
}

/// Values of one token's keys, or values.
static inline int64_t nw_decode_kv_width(const nw_decode_spec *s) { return (int64_t)s->kv_heads * s->head_dimension; }

/// A layer's cache of keys or of values, and the new token's row of it.
static inline uint16_t *nw_decode_cache(const nw_decode *d, int layer, bool value) {
    return (uint16_t *)nw_memory_bytes(d->cache) + (size_t)(2 * layer + value) * d->cache_values;
}

static inline uint16_t *nw_decode_new_row(const nw_decode *d, int layer, bool value) {
    return nw_decode_cache(d, layer, value) + d->spec.context * nw_decode_kv_width(&d->spec);
}

#endif
