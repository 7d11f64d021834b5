// One LLM decode step on a team, as a list of operations with a barrier after each.
//
// Every thread has one arena with its rows of all matrices, in the order they are listed. A step therefore reads each
// arena as one linear stream, on pages its thread touched first, and prefetches run on from one matrix into the next.
#include "internal.h"

#include <stdlib.h>
#include <string.h>

enum { alignment = 128 };

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

static int64_t first_row(const nw_decode *d, int matrix, int thread) {
    return nw_share(d->matrices[matrix].rows, 16, d->threads, thread);
}

static int64_t kv_width(const nw_decode_spec *s) { return (int64_t)s->kv_heads * s->head_dimension; }

// ---- Operations ------------------------------------------------------------------------------------------------

static void normalise(nw_decode *d, const nw_operation *op, int thread) {
    int64_t hidden = d->spec.hidden, start = nw_share(hidden, 16, d->threads, thread);
    const float *x = d->buffers[NW_RESIDUAL], *gain = d->gains + op->index * hidden;
    // Every thread adds up all squares itself: cheaper than one more barrier.
    float mean = nw_isa_decode(d->isa)->squares(x, hidden) / (float)hidden;
    float factor = 1 / __builtin_sqrtf(mean + d->spec.norm_epsilon);
    nw_isa_decode(d->isa)->scale(x + start, gain + start, factor, d->buffers[NW_NORMALISED] + start,
                  nw_share(hidden, 16, d->threads, thread + 1) - start);
}

static void multiply(nw_decode *d, const nw_operation *op, int thread) {
    const nw_matrix *m = &d->matrices[op->index];
    int64_t start = first_row(d, op->index, thread), rows = first_row(d, op->index, thread + 1) - start;
    const nw_decode_kernels *kernels = nw_isa_decode(d->isa);
    (d->spec.half ? kernels->multiply_f16 : kernels->multiply_bf16)(
        d->slices[op->index * d->threads + thread], rows, m->columns, d->buffers[op->input],
        d->buffers[op->output] + start, op->accumulate);
}

static uint16_t *cache_of(const nw_decode *d, int layer, bool value) {
    return (uint16_t *)nw_memory_bytes(d->cache) + (size_t)(2 * layer + value) * d->cache_values;
}

static uint16_t *new_row(const nw_decode *d, int layer, bool value) {
    return cache_of(d, layer, value) + d->spec.context * kv_width(&d->spec);
}

static void rotate(nw_decode *d, const nw_operation *op, int thread) {
    const nw_decode_spec *s = &d->spec;
    int heads = s->heads + 2 * s->kv_heads, dimension = s->head_dimension;
    int end = (int)nw_share(heads, 1, d->threads, thread + 1);
    for (int head = (int)nw_share(heads, 1, d->threads, thread); head < end; head++) {
        float *x = d->buffers[NW_QUERY_KEY_VALUE] + (int64_t)head * dimension;
        bool value = head >= s->heads + s->kv_heads;
        for (int i = 0; !value && i < dimension / 2; i++) {
            float first = x[2 * i], second = x[2 * i + 1];
            x[2 * i] = first * d->cosines[i] - second * d->sines[i];
            x[2 * i + 1] = first * d->sines[i] + second * d->cosines[i];
        }
        if (head < s->heads) continue;
        int64_t group = head - s->heads - (value ? s->kv_heads : 0);
        nw_isa_decode(d->isa)->narrow(s->half, x, new_row(d, op->index, value) + group * dimension, dimension);
    }
}

static void attend(nw_decode *d, const nw_operation *op, int thread) {
    const nw_decode_spec *s = &d->spec;
    const nw_decode_kernels *kernels = nw_isa_decode(d->isa);
    int64_t dimension = s->head_dimension, shared = s->heads / s->kv_heads;
    int end = (int)nw_share(s->heads, 1, d->threads, thread + 1);
    for (int head = (int)nw_share(s->heads, 1, d->threads, thread); head < end; head++) {
        int64_t offset = head / shared * dimension;
        (s->half ? kernels->attend_f16 : kernels->attend_bf16)(
            d->buffers[NW_QUERY_KEY_VALUE] + head * dimension, cache_of(d, op->index, false) + offset,
            cache_of(d, op->index, true) + offset, kv_width(s), s->context + 1, (int)dimension,
            d->scores + (size_t)thread * d->score_floats, d->buffers[NW_ATTENTION] + head * dimension);
    }
}

static void gate(nw_decode *d, int thread) {
    int64_t start = nw_share(d->spec.feed_forward, 16, d->threads, thread);
    int64_t end = nw_share(d->spec.feed_forward, 16, d->threads, thread + 1);
    const float *x = d->buffers[NW_GATE_UP];
    nw_isa_decode(d->isa)->gate(x + start, x + d->spec.feed_forward + start, d->buffers[NW_GATED] + start, end - start);
}

static void reset(nw_decode *d, int thread) {
    size_t start = (size_t)nw_share(d->spec.hidden, 16, d->threads, thread);
    size_t end = (size_t)nw_share(d->spec.hidden, 16, d->threads, thread + 1);
    memcpy(d->buffers[NW_RESIDUAL] + start, d->initial + start, (end - start) * sizeof(float));
}

static void perform(nw_decode *d, const nw_operation *op, int thread) {
    switch (op->kind) {
    case NW_OP_RESET: reset(d, thread); break;
    case NW_OP_NORMALISE: normalise(d, op, thread); break;
    case NW_OP_MULTIPLY: multiply(d, op, thread); break;
    case NW_OP_ROTATE: rotate(d, op, thread); break;
    case NW_OP_ATTEND: attend(d, op, thread); break;
    case NW_OP_GATE: gate(d, thread); break;
    }
}

static void run_share(void *context, int thread) {
    nw_decode *d = context;
    for (int64_t repetition = 0; repetition < d->repetitions; repetition++)
        for (int i = 0; i < d->operation_count; i++) {
            perform(d, &d->operations[i], thread);
            nw_team_barrier(d->team);
        }
}

/// Whether an operation's indices and the widths of its operands fit this step.
static bool fits(const nw_decode *d, const nw_operation *op) {
    switch (op->kind) {
    case NW_OP_RESET:
    case NW_OP_GATE: return true;
    case NW_OP_NORMALISE: return op->index >= 0 && op->index <= 2 * d->spec.layers;
    case NW_OP_ROTATE:
    case NW_OP_ATTEND: return op->index >= 0 && op->index < d->spec.layers;
    case NW_OP_MULTIPLY:
        return op->index >= 0 && op->index < d->spec.matrix_count && op->input < NW_BUFFER_COUNT &&
               op->output < NW_BUFFER_COUNT && (size_t)d->matrices[op->index].columns == d->counts[op->input] &&
               (size_t)d->matrices[op->index].rows == d->counts[op->output];
    }
    return false;
}

nw_status nw_decode_run(nw_decode *d, const nw_operation *operations, int count, int64_t repetitions,
                        nw_interval *interval) {
    if (count < 1 || repetitions < 1) return NW_INVALID_ARGUMENT;
    for (int i = 0; i < count; i++)
        if (!fits(d, &operations[i])) return NW_INVALID_ARGUMENT;
    d->operations = operations;
    d->operation_count = count;
    d->repetitions = repetitions;
    nw_team_run(d->team, run_share, d, interval);
    return NW_OK;
}

// ---- Making ready ----------------------------------------------------------------------------------------------

static bool valid(const nw_decode_spec *s) {
    const int most = 1 << 21;
    return s->layers >= 1 && s->layers <= 1000 && s->hidden >= 16 && s->hidden <= most && s->hidden % 16 == 0 &&
           s->feed_forward >= 16 && s->feed_forward <= most && s->feed_forward % 16 == 0 && s->heads >= 1 &&
           s->heads <= 4096 && s->kv_heads >= 1 && s->heads % s->kv_heads == 0 && s->head_dimension >= 16 &&
           s->head_dimension <= 4096 && s->head_dimension % 16 == 0 && s->vocabulary >= 1 &&
           s->vocabulary <= most && s->context >= 0 && s->context <= most && s->matrix_count >= 1;
}

static nw_status copy_matrices(nw_decode *d) {
    d->matrices = malloc((size_t)d->spec.matrix_count * sizeof(nw_matrix));
    if (!d->matrices) return NW_OUT_OF_MEMORY;
    memcpy(d->matrices, d->spec.matrices, (size_t)d->spec.matrix_count * sizeof(nw_matrix));
    for (int i = 0; i < d->spec.matrix_count; i++) {
        const nw_matrix *m = &d->matrices[i];
        if (m->rows < 1 || m->rows > 1 << 24 || m->columns < 16 || m->columns > 1 << 24 || m->columns % 16)
            return NW_INVALID_ARGUMENT;
    }
    return NW_OK;
}

/// Reserves the arenas and finds each slice's place in them.
static nw_status lay_out_weights(nw_decode *d) {
    d->arenas = calloc((size_t)d->threads, sizeof *d->arenas);
    d->slices = calloc((size_t)d->threads * (size_t)d->spec.matrix_count, sizeof *d->slices);
    if (!d->arenas || !d->slices) return NW_OUT_OF_MEMORY;
    for (int t = 0; t < d->threads; t++) {
        size_t bytes = alignment;
        for (int i = 0; i < d->spec.matrix_count; i++)
            bytes += (size_t)((first_row(d, i, t + 1) - first_row(d, i, t)) * d->matrices[i].columns) * 2;
        nw_status status = nw_memory_create(bytes, &d->arenas[t]);
        if (status != NW_OK) return status;
        uint16_t *place = nw_memory_bytes(d->arenas[t]);
        for (int i = 0; i < d->spec.matrix_count; i++) {
            d->slices[i * d->threads + t] = place;
            place += (first_row(d, i, t + 1) - first_row(d, i, t)) * d->matrices[i].columns;
        }
    }
    return NW_OK;
}

static nw_status lay_out_activations(nw_decode *d) {
    const nw_decode_spec *s = &d->spec;
    size_t q = (size_t)s->heads * (size_t)s->head_dimension, kv = (size_t)kv_width(s), hidden = (size_t)s->hidden;
    size_t counts[NW_BUFFER_COUNT] = {hidden, hidden, q + 2 * kv, q, 2 * (size_t)s->feed_forward,
                                      (size_t)s->feed_forward, (size_t)s->vocabulary};
    d->score_floats = nw_round_up((size_t)s->context + 65, 32);
    size_t gains = (size_t)(2 * s->layers + 1) * hidden, angles = nw_round_up((size_t)s->head_dimension / 2, 32);
    size_t floats = 0;
    for (int i = 0; i < NW_BUFFER_COUNT; i++) floats += nw_round_up(counts[i], 32);
    floats += nw_round_up(hidden, 32) + nw_round_up(gains, 32) + 2 * angles + (size_t)d->threads * d->score_floats;
    nw_status status = nw_memory_create(floats * sizeof(float), &d->activations);
    if (status != NW_OK) return status;
    float *place = nw_memory_bytes(d->activations);
    for (int i = 0; i < NW_BUFFER_COUNT; place += nw_round_up(counts[i], 32), i++) {
        d->buffers[i] = place;
        d->counts[i] = counts[i];
    }
    d->initial = place;
    d->gains = d->initial + nw_round_up(hidden, 32);
    d->cosines = d->gains + nw_round_up(gains, 32);
    d->sines = d->cosines + angles;
    d->scores = d->sines + angles;
    return NW_OK;
}

static void fill_weights(void *context, int thread) {
    nw_decode *d = context;
    nw_fill_kind kind = d->spec.half ? NW_FILL_WEIGHT_F16 : NW_FILL_WEIGHT_BF16;
    for (int i = 0; i < d->spec.matrix_count; i++) {
        const nw_matrix *m = &d->matrices[i];
        int64_t start = first_row(d, i, thread), rows = first_row(d, i, thread + 1) - start;
        nw_isa_fill(d->isa)(d->slices[i * d->threads + thread], kind, m->key, (uint32_t)(start * m->columns),
                     (size_t)(rows * m->columns));
    }
}

static void fill_small_data(nw_decode *d) {
    const nw_decode_spec *s = &d->spec;
    for (int i = 0; i < NW_BUFFER_COUNT; i++) memset(d->buffers[i], 0xff, d->counts[i] * sizeof(float));
    nw_isa_fill(d->isa)(d->initial, NW_FILL_UNIFORM_F32, s->residual_key, 0, (size_t)s->hidden);
    for (int norm = 0; norm <= 2 * s->layers; norm++) {
        float *gain = d->gains + (size_t)norm * (size_t)s->hidden;
        nw_isa_fill(d->isa)(gain, NW_FILL_UNIFORM_F32, s->gain_keys[norm], 0, (size_t)s->hidden);
        for (int i = 0; i < s->hidden; i++) gain[i] = 1 + gain[i] / 8;
    }
    memcpy(d->cosines, s->cosines, (size_t)s->head_dimension / 2 * sizeof(float));
    memcpy(d->sines, s->sines, (size_t)s->head_dimension / 2 * sizeof(float));
}

static nw_status fill_cache(nw_decode *d) {
    const nw_decode_spec *s = &d->spec;
    size_t past = (size_t)s->context * (size_t)kv_width(s), row = (size_t)kv_width(s);
    d->cache_values = nw_round_up(past + row, 64);
    nw_status status = nw_memory_create(2 * (size_t)s->layers * d->cache_values * 2, &d->cache);
    nw_fill_kind kind = s->half ? NW_FILL_UNIFORM_F16 : NW_FILL_UNIFORM_BF16;
    for (int layer = 0; status == NW_OK && layer < s->layers; layer++) {
        nw_fill(d->team, d->isa, cache_of(d, layer, false), kind, s->key_cache_keys[layer], 0, past);
        nw_fill(d->team, d->isa, cache_of(d, layer, true), kind, s->value_cache_keys[layer], 0, past);
        // Not-a-number until the step writes it.
        memset(new_row(d, layer, false), 0xff, row * 2);
        memset(new_row(d, layer, true), 0xff, row * 2);
    }
    return status;
}

nw_status nw_decode_create(nw_team *team, const nw_isa *isa, const nw_decode_spec *spec, nw_decode **result) {
    if (!valid(spec)) return NW_INVALID_ARGUMENT;
    nw_decode *d = calloc(1, sizeof *d);
    if (!d) return NW_OUT_OF_MEMORY;
    *d = (nw_decode){.team = team, .isa = isa, .spec = *spec, .threads = nw_team_count(team)};
    nw_status status = copy_matrices(d);
    if (status == NW_OK) status = lay_out_weights(d);
    if (status == NW_OK) status = lay_out_activations(d);
    if (status == NW_OK) status = fill_cache(d);
    if (status != NW_OK) {
        nw_decode_destroy(d);
        return status;
    }
    fill_small_data(d);
    nw_team_run(team, fill_weights, d, NULL);
    *result = d;
    return NW_OK;
}

void nw_decode_destroy(nw_decode *d) {
    if (!d) return;
    for (int t = 0; d->arenas && t < d->threads; t++) nw_memory_destroy(d->arenas[t]);
    nw_memory_destroy(d->cache);
    nw_memory_destroy(d->activations);
    free(d->arenas);
    free(d->slices);
    free(d->matrices);
    free(d);
}

// ---- Looking in ------------------------------------------------------------------------------------------------

float *nw_decode_buffer(nw_decode *d, nw_buffer buffer, size_t *count) {
    *count = d->counts[buffer];
    return d->buffers[buffer];
}

const uint16_t *nw_decode_key_row(const nw_decode *d, int layer) { return new_row(d, layer, false); }
const uint16_t *nw_decode_value_row(const nw_decode *d, int layer) { return new_row(d, layer, true); }

uint16_t *nw_decode_weight(nw_decode *d, int matrix, int64_t row, int64_t column) {
    int thread = 0;
    while (thread + 1 < d->threads && first_row(d, matrix, thread + 1) <= row) thread++;
    int64_t start = first_row(d, matrix, thread);
    return d->slices[matrix * d->threads + thread] + (row - start) * d->matrices[matrix].columns + column;
}
