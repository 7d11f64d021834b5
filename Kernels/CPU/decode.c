// Making one LLM decode step ready: memory, layout, data.
//
// Every thread has one arena with its rows of all matrices, in the order they are listed. A step therefore reads each
// arena as one linear stream, on pages its thread touched first, and prefetches run on from one matrix into the next.
#include "decode.h"

#include <stdlib.h>
#include <string.h>

enum { alignment = 128 };

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

/// Values in a thread's slice of a matrix.
static int64_t slice_values(const nw_decode *d, int matrix, int thread) {
    int64_t rows = nw_decode_first_row(d, matrix, thread + 1) - nw_decode_first_row(d, matrix, thread);
    return rows * d->matrices[matrix].columns;
}

/// Reserves the arenas and finds each slice's place in them.
static nw_status lay_out_weights(nw_decode *d) {
    d->arenas = calloc((size_t)d->threads, sizeof *d->arenas);
    d->slices = calloc((size_t)d->threads * (size_t)d->spec.matrix_count, sizeof *d->slices);
    if (!d->arenas || !d->slices) return NW_OUT_OF_MEMORY;
    for (int t = 0; t < d->threads; t++) {
        size_t bytes = alignment;
        for (int i = 0; i < d->spec.matrix_count; i++)
            bytes += 2 * (size_t)slice_values(d, i, t);
        nw_status status = nw_memory_create(bytes, &d->arenas[t]);
        if (status != NW_OK) return status;
        uint16_t *place = nw_memory_bytes(d->arenas[t]);
        for (int i = 0; i < d->spec.matrix_count; i++) {
            d->slices[i * d->threads + t] = place;
            place += slice_values(d, i, t);
        }
    }
    return NW_OK;
}

static nw_status lay_out_activations(nw_decode *d) {
    const nw_decode_spec *s = &d->spec;
    size_t q = (size_t)s->heads * (size_t)s->head_dimension, kv = (size_t)nw_decode_kv_width(s);
    size_t hidden = (size_t)s->hidden;
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
        int64_t start = nw_decode_first_row(d, i, thread);
        nw_isa_fill(d->isa)(d->slices[i * d->threads + thread], kind, m->key, (uint32_t)(start * m->columns),
                            (size_t)slice_values(d, i, thread));
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
    size_t past = (size_t)s->context * (size_t)nw_decode_kv_width(s), row = (size_t)nw_decode_kv_width(s);
    d->cache_values = nw_round_up(past + row, 64);
    nw_status status = nw_memory_create(2 * (size_t)s->layers * d->cache_values * 2, &d->cache);
    nw_fill_kind kind = s->half ? NW_FILL_UNIFORM_F16 : NW_FILL_UNIFORM_BF16;
    for (int layer = 0; status == NW_OK && layer < s->layers; layer++) {
        nw_fill(d->team, d->isa, nw_decode_cache(d, layer, false), kind, s->key_cache_keys[layer], 0, past);
        nw_fill(d->team, d->isa, nw_decode_cache(d, layer, true), kind, s->value_cache_keys[layer], 0, past);
        // Not-a-number until the step writes it.
        memset(nw_decode_new_row(d, layer, false), 0xff, row * 2);
        memset(nw_decode_new_row(d, layer, true), 0xff, row * 2);
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

const uint16_t *nw_decode_key_row(const nw_decode *d, int layer) { return nw_decode_new_row(d, layer, false); }
const uint16_t *nw_decode_value_row(const nw_decode *d, int layer) { return nw_decode_new_row(d, layer, true); }

uint16_t *nw_decode_weight(nw_decode *d, int matrix, int64_t row, int64_t column) {
    int thread = 0;
    while (thread + 1 < d->threads && nw_decode_first_row(d, matrix, thread + 1) <= row) thread++;
    int64_t start = nw_decode_first_row(d, matrix, thread);
    return d->slices[matrix * d->threads + thread] + (row - start) * d->matrices[matrix].columns + column;
}
