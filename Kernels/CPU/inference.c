// Making LLM inference ready: memory, layout, data; see nodewatt_inference.h.
#include "inference.h"

#include <stdlib.h>
#include <string.h>

static bool valid_shape(const nw_inference_spec *s) {
    const int most = 1 << 21;
    return s->layers >= 1 && s->layers <= 1000 && s->hidden >= 16 && s->hidden <= most && s->hidden % 16 == 0 &&
           s->feed_forward >= 16 && s->feed_forward <= most && s->feed_forward % 16 == 0 && s->kv_heads >= 1 &&
           s->heads >= 1 && s->heads <= 4096 && s->heads % s->kv_heads == 0 && s->head_dimension >= 16 &&
           s->head_dimension <= 4096 && s->head_dimension % 16 == 0 && s->vocabulary >= 1 && s->vocabulary <= most &&
           s->experts >= 0 && s->experts <= 4096 && s->experts_per_token <= s->experts &&
           (s->experts == 0 || s->experts_per_token >= 1);
}

static bool valid(const nw_inference_spec *s) {
    return valid_shape(s) && s->sequences >= 1 && s->sequences <= 1 << 16 && s->positions >= 1 &&
           s->positions <= 1 << 24 && s->rows >= 1 && s->rows <= 1 << 16 && s->logit_rows >= 1 &&
           s->logit_rows <= s->rows && (unsigned)s->embedding.format < NW_WEIGHT_FORMAT_COUNT &&
           nw_gemv_row_bytes(s->embedding.format, s->hidden) > 0;
}

static int64_t visits_of(const nw_inference_spec *s) { return (int64_t)s->rows * s->experts_per_token; }

/// Positions a cache has room for: whole panels of any instruction set.
static int64_t capacity_of(const nw_inference_spec *s) { return (int64_t)nw_round_up((size_t)s->positions, 16); }

static size_t cache_bytes(const nw_inference_spec *s) {
    return (size_t)s->layers * 2 * (size_t)s->sequences * (size_t)nw_kv_width(s) * (size_t)capacity_of(s) * 2;
}

// ---- Activations -----------------------------------------------------------------------------------------------

/// Hands out one reservation piece by piece; without one it counts.
typedef struct arena {
    char *start;
    size_t used;
} arena;

static void *take(arena *a, size_t bytes) {
    void *place = a->start ? a->start + a->used : NULL;
    a->used += nw_round_up(bytes, 128);
    return place;
}

/// All formats of the model's matrices, a bit for each.
static unsigned formats_of(const nw_model *m) {
    unsigned formats = 0;
    for (int i = 0; i < m->count; i++) formats |= m->matrices[i].formats;
    return formats;
}

static void take_buffers(nw_inference *f, arena *a) {
    const nw_inference_spec *s = &f->spec;
    size_t rows = (size_t)s->rows, visits = (size_t)visits_of(s), wide = visits > rows ? visits : rows;
    size_t query = (size_t)nw_query_width(s), kv = (size_t)nw_kv_width(s), hidden = (size_t)s->hidden;
    size_t width = (size_t)s->feed_forward;
    const struct {
        size_t width, rows;
    } sizes[NW_BUFFER_COUNT] = {{hidden, rows},     {hidden, rows}, {query + 2 * kv, rows},
                                {query, rows},      {2 * width, wide}, {width, wide},
                                {(size_t)s->experts, rows}, {hidden, visits}, {(size_t)s->vocabulary, (size_t)s->logit_rows}};
    size_t widest = 0;
    for (int i = 0; i < NW_BUFFER_COUNT; i++) {
        // A cache line more than a multiple of 16, so that rows fall into different sets of the caches.
        f->strides[i] = (int64_t)nw_round_up(sizes[i].width, 16) + 16;
        f->buffers[i] = take(a, sizes[i].rows * (size_t)f->strides[i] * sizeof(float));
        if (i != NW_LOGITS && sizes[i].width > widest) widest = sizes[i].width;
    }
    for (int i = 0; i < NW_WEIGHT_FORMAT_COUNT; i++)
        f->prepared[i] = f->formats >> i & 1 ? take(a, wide * nw_row_bytes(NW_AS_F32, (int64_t)widest)) : NULL;
}

static void take_parameters(nw_inference *f, arena *a) {
    const nw_inference_spec *s = &f->spec;
    size_t layers = (size_t)s->layers, dimension = (size_t)s->head_dimension;
    size_t qkv = (size_t)(nw_query_width(s) + 2 * nw_kv_width(s));
    f->gains = take(a, (2 * layers + 1) * (size_t)s->hidden * sizeof(float));
    f->biases = s->biases ? take(a, layers * qkv * sizeof(float)) : NULL;
    f->query_gains = s->query_gains ? take(a, layers * dimension * sizeof(float)) : NULL;
    f->key_gains = s->key_gains ? take(a, layers * dimension * sizeof(float)) : NULL;
    f->frequencies = take(a, dimension / 2 * sizeof(double));
    f->cosines = take(a, (size_t)s->rows * dimension / 2 * sizeof(float));
    f->sines = take(a, (size_t)s->rows * dimension / 2 * sizeof(float));
}

static void take_lists(nw_inference *f, arena *a) {
    const nw_inference_spec *s = &f->spec;
    size_t visits = (size_t)visits_of(s), rows = (size_t)s->rows, logits = (size_t)s->logit_rows, word = sizeof(int32_t);
    f->prompts = take(a, (size_t)s->sequences * (size_t)s->positions * word);
    f->row_tokens = take(a, rows * word);
    f->chosen = take(a, logits * word);
    f->chosen_by_sequence = take(a, (size_t)s->sequences * word);
    f->best_tokens = take(a, (size_t)f->threads * nw_round_up(logits, 16) * word);
    f->best_logits = take(a, (size_t)f->threads * nw_round_up(logits, 16) * sizeof(float));
    f->routes = take(a, visits * word);
    f->visit_rows = take(a, visits * word);
    f->visit_places = take(a, visits * word);
    f->visit_starts = take(a, ((size_t)s->experts + 1) * word);
    f->route_weights = take(a, visits * sizeof(float));
}

/// What each thread has of its own, apart from the pointers to it.
static size_t scratch_floats(const nw_inference_spec *s) {
    size_t row = (size_t)s->head_dimension + 16;
    return most_queries * (2 * row + position_run + score_stride + 2) + row;
}

static void take_scratch(nw_inference *f, arena *a) {
    const nw_inference_spec *s = &f->spec;
    size_t row = (size_t)s->head_dimension + 16;
    for (int t = 0; t < f->threads; t++) {
        float *place = take(a, scratch_floats(s) * sizeof(float));
        uint8_t *bytes = take(a, nw_gemv_row_bytes(s->embedding.format, s->hidden) + 64);
        uint16_t *position = take(a, (size_t)nw_kv_width(s) * sizeof(uint16_t));
        if (!a->start) continue;
        float *outputs = place + most_queries * row, *weights = outputs + most_queries * row;
        float *scores = weights + most_queries * position_run, *tops = scores + most_queries * score_stride;
        float *sums = tops + most_queries, *query = sums + most_queries;
        f->scratch[t] = (thread_scratch){(char *)place, (char *)weights, query, outputs, scores, tops, sums, bytes,
                                         position};
    }
}

static size_t take_all(nw_inference *f, char *start) {
    arena a = {start, 0};
    take_buffers(f, &a);
    take_parameters(f, &a);
    take_lists(f, &a);
    take_scratch(f, &a);
    return a.used;
}

size_t nw_inference_bytes(const nw_inference_spec *spec, unsigned formats, int threads) {
    if (!valid(spec) || threads < 1) return 0;
    nw_inference f = {.formats = formats, .spec = *spec, .threads = threads};
    return take_all(&f, NULL) + cache_bytes(spec);
}

// ---- Creation --------------------------------------------------------------------------------------------------

static void copy_parameters(nw_inference *f, const nw_inference_spec *s) {
    size_t layers = (size_t)s->layers, dimension = (size_t)s->head_dimension, size = sizeof(float);
    size_t qkv = (size_t)(nw_query_width(s) + 2 * nw_kv_width(s));
    memcpy(f->gains, s->gains, (2 * layers + 1) * (size_t)s->hidden * size);
    if (s->biases) memcpy(f->biases, s->biases, layers * qkv * size);
    if (s->query_gains) memcpy(f->query_gains, s->query_gains, layers * dimension * size);
    if (s->key_gains) memcpy(f->key_gains, s->key_gains, layers * dimension * size);
    memcpy(f->frequencies, s->frequencies, dimension / 2 * sizeof(double));
    memcpy(f->prompts, s->prompts, (size_t)s->sequences * (size_t)s->positions * sizeof(int32_t));
}

static nw_status reserve(nw_inference *f) {
    f->scratch = calloc((size_t)f->threads, sizeof *f->scratch);
    if (!f->scratch) return NW_OUT_OF_MEMORY;
    nw_status status = nw_memory_create(cache_bytes(&f->spec), &f->cache);
    if (status == NW_OK) status = nw_memory_create(take_all(f, NULL), &f->activations);
    if (status == NW_OK) take_all(f, nw_memory_bytes(f->activations));
    return status;
}

nw_status nw_inference_create(nw_model *model, const nw_inference_spec *spec, nw_inference **result) {
    if (!valid(spec)) return NW_INVALID_ARGUMENT;
    nw_inference *f = calloc(1, sizeof *f);
    if (!f) return NW_OUT_OF_MEMORY;
    *f = (nw_inference){.model = model, .formats = formats_of(model), .spec = *spec, .threads = model->threads,
                        .capacity = capacity_of(spec),
                        .cache_kernel = nw_isa_multiply(model->isa, NW_WEIGHT_F16)};
    nw_status status = reserve(f);
    if (status != NW_OK) {
        nw_inference_destroy(f);
        return status;
    }
    copy_parameters(f, spec);
    // What nothing has written is not a number.
    for (int i = 0; i < NW_BUFFER_COUNT; i++)
        if (f->buffers[i]) memset(f->buffers[i], 0xff, (size_t)f->strides[i] * sizeof(float));
    *result = f;
    return NW_OK;
}

void nw_inference_destroy(nw_inference *f) {
    if (!f) return;
    nw_memory_destroy(f->cache);
    nw_memory_destroy(f->activations);
    free(f->scratch);
    free(f);
}

// ---- The past --------------------------------------------------------------------------------------------------

typedef struct cache_job {
    nw_inference *inference;
    int layer;
    int64_t positions;
    uint32_t keys[2];
} cache_job;

static void fill_position(const cache_job *job, int64_t sequence, int64_t position, bool values, uint16_t *row) {
    nw_inference *f = job->inference;
    int64_t width = nw_kv_width(&f->spec), dimension = f->spec.head_dimension;
    nw_isa_fill(f->model->isa)(row, NW_FILL_UNIFORM_F16, job->keys[values],
                               (uint32_t)((sequence * job->positions + position) * width), (size_t)width);
    for (int64_t head = 0; head < f->spec.kv_heads; head++) {
        uint16_t *cache = nw_cache_of(f, job->layer, values, sequence, head);
        for (int64_t i = 0; i < dimension; i++)
            cache[values ? nw_value_index(f, position, i) : nw_key_index(f, position, i)] = row[head * dimension + i];
    }
}

static void fill_cache_share(void *context, int thread) {
    const cache_job *job = context;
    nw_inference *f = job->inference;
    int64_t total = f->spec.sequences * job->positions;
    // As wide as a position's keys, and free between passes.
    uint16_t *row = f->scratch[thread].position;
    int64_t end = nw_share(total, 16, f->threads, thread + 1);
    for (int64_t i = nw_share(total, 16, f->threads, thread); i < end; i++)
        for (int values = 0; values < 2; values++)
            fill_position(job, i / job->positions, i % job->positions, values, row);
}

nw_status nw_inference_fill_cache(nw_inference *f, int layer, int64_t positions, uint32_t keys, uint32_t values) {
    if (layer < 0 || layer >= f->spec.layers || positions < 0 || positions > f->spec.positions)
        return NW_INVALID_ARGUMENT;
    cache_job job = {f, layer, positions, {keys, values}};
    if (positions > 0) nw_team_run(f->model->team, fill_cache_share, &job, NULL);
    return NW_OK;
}

// ---- Looking in ------------------------------------------------------------------------------------------------

const float *nw_inference_row(const nw_inference *f, nw_buffer buffer, int64_t row) { return nw_row(f, buffer, row); }

void nw_inference_poison_logits(nw_inference *f) {
    memset(f->buffers[NW_LOGITS], 0xff, (size_t)(f->spec.logit_rows * f->strides[NW_LOGITS]) * sizeof(float));
}

nw_status nw_inference_read_cache(const nw_inference *f, int layer, bool values, int sequence, int64_t position,
                                  uint16_t *bits) {
    const nw_inference_spec *s = &f->spec;
    if (layer < 0 || layer >= s->layers || sequence < 0 || sequence >= s->sequences || position < 0 ||
        position >= s->positions)
        return NW_INVALID_ARGUMENT;
    for (int64_t head = 0; head < s->kv_heads; head++) {
        const uint16_t *cache = nw_cache_of(f, layer, values, sequence, head);
        for (int64_t i = 0; i < s->head_dimension; i++)
            bits[head * s->head_dimension + i] =
                cache[values ? nw_value_index(f, position, i) : nw_key_index(f, position, i)];
    }
    return NW_OK;
}

void nw_inference_read_routes(const nw_inference *f, int64_t row, int32_t *experts, float *weights) {
    size_t count = (size_t)f->spec.experts_per_token;
    memcpy(experts, f->routes + (size_t)row * count, count * sizeof *experts);
    memcpy(weights, f->route_weights + (size_t)row * count, count * sizeof *weights);
}

int32_t nw_inference_chosen(const nw_inference *f, int row) { return f->chosen[row]; }
