// Streams through memory on a team.
#include "nodewatt_stream.h"

#include "internal.h"

#include <stdlib.h>
#include <string.h>

/// Triad's factor: a power of two, so that its product is exact.
static const float factor = 2;

enum {
    huge_page = 2 << 20,
    /// Arrays of one thread begin in different cache sets and memory banks.
    array_gap = 17 * 64,
};

typedef struct {
    _Alignas(128) char *bytes;
    uint32_t sum, result;
} slice;

struct nw_stream {
    nw_team *team;
    const nw_isa *isa;
    nw_stream_spec spec;
    nw_memory *memory;
    slice *slices;
    uint32_t *keys;
    bool far;
    int owners;
    int64_t repetitions;
};

int nw_stream_arrays(nw_stream_kind kind) { return kind == NW_STREAM_READ ? 1 : kind == NW_STREAM_COPY ? 2 : 3; }
int nw_stream_inputs(nw_stream_kind kind) { return kind == NW_STREAM_TRIAD ? 2 : 1; }

static size_t array_stride(const nw_stream_spec *spec) { return spec->array_bytes + array_gap; }

void *nw_stream_array(const nw_stream *stream, int thread, int index) {
    return stream->slices[thread].bytes + (size_t)index * array_stride(&stream->spec);
}

static void fill_slices(void *context, int owner) {
    nw_stream *stream = context;
    const nw_stream_spec *spec = &stream->spec;
    int arrays = nw_stream_arrays(spec->kind), inputs = nw_stream_inputs(spec->kind);
    nw_fill_kind kind = spec->kind == NW_STREAM_TRIAD ? NW_FILL_UNIFORM_F32 : NW_FILL_WORD_U32;
    for (int t = owner; t < nw_team_count(stream->team); t += stream->owners) {
        for (int i = 0; i < arrays; i++) {
            void *array = nw_stream_array(stream, t, i);
            if (i < inputs)
                nw_isa_fill(stream->isa)(array, kind, stream->keys[t * inputs + i], 0, spec->array_bytes / 4);
            else
                memset(array, 0xa5, spec->array_bytes);
        }
    }
}

static nw_status allocate(nw_stream *stream) {
    size_t threads = (size_t)nw_team_count(stream->team);
    size_t keys = threads * (size_t)nw_stream_inputs(stream->spec.kind) * sizeof(uint32_t);
    // A thread's arrays begin on a page of their own, so that first touch puts all of them near it.
    size_t each =
        nw_round_up((size_t)nw_stream_arrays(stream->spec.kind) * array_stride(&stream->spec), huge_page);
    if (each > SIZE_MAX / 4 / threads) return NW_INVALID_ARGUMENT;
    stream->slices = aligned_alloc(128, threads * sizeof(slice));
    stream->keys = malloc(keys);
    if (!stream->slices || !stream->keys) return NW_OUT_OF_MEMORY;
    memcpy(stream->keys, stream->spec.keys, keys);
    nw_status status = nw_memory_create(threads * each, &stream->memory);
    if (status != NW_OK) return status;
    for (size_t t = 0; t < threads; t++)
        stream->slices[t] = (slice){.bytes = (char *)nw_memory_bytes(stream->memory) + t * each};
    return NW_OK;
}

nw_status nw_stream_create(nw_team *team, nw_team *owners, const nw_isa *isa, const nw_stream_spec *spec,
                           nw_stream **result) {
    size_t bytes = spec->array_bytes;
    if (spec->kind < NW_STREAM_READ || spec->kind > NW_STREAM_TRIAD) return NW_INVALID_ARGUMENT;
    if (spec->kind == NW_STREAM_READ && spec->past_caches) return NW_INVALID_ARGUMENT;
    if (bytes == 0 || bytes % 64 != 0 || bytes > SIZE_MAX / 16) return NW_INVALID_ARGUMENT;
    nw_stream *stream = calloc(1, sizeof *stream);
    if (!stream) return NW_OUT_OF_MEMORY;
    nw_team *fillers = owners ? owners : team;
    *stream = (nw_stream){.team = team, .isa = isa, .spec = *spec, .owners = nw_team_count(fillers)};
    stream->far = bytes * (size_t)nw_stream_arrays(spec->kind) >= spec->far_bytes;
    nw_status status = allocate(stream);
    if (status != NW_OK) {
        nw_stream_destroy(stream);
        return status;
    }
    nw_team_run(fillers, fill_slices, stream, NULL);
    *result = stream;
    return NW_OK;
}

void nw_stream_destroy(nw_stream *stream) {
    if (!stream) return;
    nw_memory_destroy(stream->memory);
    free(stream->slices);
    free(stream->keys);
    free(stream);
}

static void run_share(void *context, int thread) {
    nw_stream *stream = context;
    const nw_stream_kernels *kernels = nw_isa_streams(stream->isa);
    size_t bytes = stream->spec.array_bytes;
    int64_t repetitions = stream->repetitions;
    bool past = stream->spec.past_caches;
    float *arrays[3];
    for (int i = 0; i < nw_stream_arrays(stream->spec.kind); i++) arrays[i] = nw_stream_array(stream, thread, i);
    switch (stream->spec.kind) {
    case NW_STREAM_READ:
        stream->slices[thread].sum = kernels->read_sum(arrays[0], bytes, repetitions, stream->far);
        break;
    case NW_STREAM_COPY:
        (past ? kernels->copy_past_caches : kernels->copy)(arrays[1], arrays[0], bytes, repetitions);
        break;
    case NW_STREAM_TRIAD:
        (past ? kernels->triad_past_caches : kernels->triad)(arrays[2], arrays[0], arrays[1], factor, bytes,
                                                             repetitions);
        break;
    }
}

nw_status nw_stream_run(nw_stream *stream, int64_t repetitions, nw_interval *interval) {
    if (repetitions < 1) return NW_INVALID_ARGUMENT;
    stream->repetitions = repetitions;
    nw_team_run(stream->team, run_share, stream, interval);
    return NW_OK;
}

uint32_t nw_stream_sum(const nw_stream *stream, int thread) { return stream->slices[thread].sum; }

static void poison_share(void *context, int thread) {
    nw_stream *stream = context;
    stream->slices[thread].sum = 0;
    for (int i = nw_stream_inputs(stream->spec.kind); i < nw_stream_arrays(stream->spec.kind); i++)
        memset(nw_stream_array(stream, thread, i), 0xa5, stream->spec.array_bytes);
}

void nw_stream_poison(nw_stream *stream) { nw_team_run(stream->team, poison_share, stream, NULL); }

/// Whether word i of the output is what the inputs make of it.
static bool is_right(const nw_stream *stream, uint32_t *const *arrays, size_t i) {
    if (stream->spec.kind == NW_STREAM_COPY) return arrays[1][i] == arrays[0][i];
    float a, b, sum;
    memcpy(&a, arrays[0] + i, 4);
    memcpy(&b, arrays[1] + i, 4);
    sum = a + (b + b);
    return memcmp(&sum, arrays[2] + i, 4) == 0;
}

/// Backwards, one word after the other: nothing in common with the timed loops.
static void check_share(void *context, int thread) {
    nw_stream *stream = context;
    uint32_t *arrays[3];
    for (int i = 0; i < nw_stream_arrays(stream->spec.kind); i++) arrays[i] = nw_stream_array(stream, thread, i);
    uint32_t result = 0;
    for (size_t i = stream->spec.array_bytes / 4; i-- > 0;)
        result += stream->spec.kind == NW_STREAM_READ ? arrays[0][i] : !is_right(stream, arrays, i);
    stream->slices[thread].result = result;
}

void nw_stream_check(nw_stream *stream, uint32_t *results) {
    nw_team_run(stream->team, check_share, stream, NULL);
    for (int t = 0; t < nw_team_count(stream->team); t++) results[t] = stream->slices[t].result;
}
