/// Memory bandwidth on a team: every thread streams through arrays of its own, all at the same time.
#ifndef NODEWATT_STREAM_H
#define NODEWATT_STREAM_H

#include "nodewatt_cpu.h"

#ifdef __cplusplus
extern "C" {
#endif

/// What is done with the arrays, and the explicit traffic of one repetition; n is the size of one array.
///
/// What a plain store reads of its cache line first (write-allocate) is not counted: it is the machine's affair, and
/// half of copy's and a third of triad's counted traffic where it happens.
typedef enum nw_stream_kind {
    /// One array, added up as 32-bit words: n bytes.
    NW_STREAM_READ = 0,
    /// to = from: 2n bytes, two arrays.
    NW_STREAM_COPY,
    /// to = a + 2 b in f32: 3n bytes, three arrays. Doubling is exact, so the result has one rounding on any machine.
    NW_STREAM_TRIAD,
} nw_stream_kind;

/// A stream to be measured.
typedef struct nw_stream_spec {
    nw_stream_kind kind;
    /// Whether stores go past the caches; not for reads.
    bool past_caches;
    /// Bytes of each array of each thread, a multiple of 64.
    size_t array_bytes;
    /// The working set of a thread from which on lines are fetched ahead, as none of its near caches holds them.
    size_t far_bytes;
    /// The first of the streams of seeded data: input array i of thread t has the stream keys[t * inputs + i].
    const uint32_t *keys;
} nw_stream_spec;

typedef struct nw_stream nw_stream;

/// How many arrays a thread has, and how many of them are inputs; the others are outputs and come after them.
int nw_stream_arrays(nw_stream_kind kind);
int nw_stream_inputs(nw_stream_kind kind);
/// Allocates, and fills the inputs with seeded data: words for reads and copies, uniform f32 for triads.
///
/// Each thread touches its own arrays first. With `owners` the threads of that team do it instead, in turn, so that
/// the memory is theirs: memory of another NUMA node.
nw_status nw_stream_create(nw_team *team, nw_team *owners, const nw_isa *isa, const nw_stream_spec *spec,
                           nw_stream **stream);
void nw_stream_destroy(nw_stream *stream);
/// Streams `repetitions` times.
nw_status nw_stream_run(nw_stream *stream, int64_t repetitions, nw_interval *interval);
/// Array `index` of a thread, `array_bytes` long; writable for tests that corrupt it.
void *nw_stream_array(const nw_stream *stream, int thread, int index);
/// A read's sum of a thread over all repetitions of the last run, modulo 2^32.
uint32_t nw_stream_sum(const nw_stream *stream, int thread);
/// Overwrites the outputs with bytes no run leaves, and the sums with zero.
void nw_stream_poison(nw_stream *stream);
/// By scalar loops that share no code with the timed ones: the sum of each thread's input modulo 2^32 for reads; the
/// number of wrong words of each thread's output for copies and triads. Every byte is looked at.
void nw_stream_check(nw_stream *stream, uint32_t *results);

#ifdef __cplusplus
}
#endif
#endif
