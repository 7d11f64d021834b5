// The operations of a decode step: each thread computes its rows, heads or values, with a barrier after each.
#include "decode.h"

#include <string.h>

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
    int64_t start = nw_decode_first_row(d, op->index, thread);
    int64_t rows = nw_decode_first_row(d, op->index, thread + 1) - start;
    const nw_decode_kernels *kernels = nw_isa_decode(d->isa);
    (d->spec.half ? kernels->multiply_f16 : kernels->multiply_bf16)(
        d->slices[op->index * d->threads + thread], rows, m->columns, d->buffers[op->input],
        d->buffers[op->output] + start, op->accumulate);
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
        uint16_t *row = nw_decode_new_row(d, op->index, value) + group * dimension;
        nw_isa_decode(d->isa)->narrow(s->half, x, row, dimension);
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
            d->buffers[NW_QUERY_KEY_VALUE] + head * dimension, nw_decode_cache(d, op->index, false) + offset,
            nw_decode_cache(d, op->index, true) + offset, nw_decode_kv_width(s), s->context + 1, (int)dimension,
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
