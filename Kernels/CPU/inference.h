// An inference made ready; see nodewatt_inference.h.
#ifndef NODEWATT_INFERENCE_PRIVATE_H
#define NODEWATT_INFERENCE_PRIVATE_H

#include "model.h"
#include "nodewatt_inference.h"

/// The columns that are shared out and made ready together.
enum { chunk_columns = 32 };

/// What a thread has of its own.
typedef struct thread_scratch {
    /// Of attention: the queries, and what the softmax made of the scores of a run of positions, both made ready; a query;
    /// the outputs and the scores, a row for each query; their largest scores, and the sums of what the scores became.
    char *queries, *weights;
    float *query, *outputs, *scores, *tops, *sums;
    /// A row of the embedding as it is stored.
    uint8_t *embedding;
    /// The keys or values of a position.
    uint16_t *position;
} thread_scratch;

enum {
    /// Positions taken at a time, and the most queries.
    position_run = 256,
    most_queries = 48,
    score_stride = position_run + 16,
};

struct nw_inference {
    nw_model *model;
    /// The formats of its matrices, a bit for each.
    unsigned formats;
    nw_inference_spec spec;
    int threads;
    /// Keys or values of a sequence and head: panels of as many positions, or values, as the kernel has rows.
    int64_t capacity;
    const nw_multiply_kernel *cache_kernel;
    nw_memory *cache, *activations;
    float *buffers[NW_BUFFER_COUNT];
    /// Floats from one row to the next.
    int64_t strides[NW_BUFFER_COUNT];
    /// Rows made ready for the weights of a format.
    char *prepared[NW_WEIGHT_FORMAT_COUNT];
    float *gains, *biases, *query_gains, *key_gains, *cosines, *sines;
    double *frequencies;
    int32_t *prompts, *row_tokens, *chosen, *chosen_by_sequence, *best_tokens;
    float *best_logits;
    /// The experts of each row and their weights; the visits of each expert: their rows in order; where each row's are.
    int32_t *routes, *visit_rows, *visit_places, *visit_starts;
    float *route_weights;
    thread_scratch *scratch;
    // The run.
    const nw_pass *passes;
    int pass_count;
    const nw_operation *with, *without;
    int with_count, without_count;
    int64_t repetitions;
    uint64_t *pass_ends;
    nw_pass pass;
    bool has_tokens;
    const nw_operation *operation;
};

static inline int64_t nw_kv_width(const nw_inference_spec *s) { return (int64_t)s->kv_heads * s->head_dimension; }
static inline int64_t nw_query_width(const nw_inference_spec *s) { return (int64_t)s->heads * s->head_dimension; }
static inline int64_t nw_pass_rows(const nw_pass *p) { return (int64_t)p->sequences * p->tokens; }

static inline int64_t nw_logit_row_count(const nw_pass *p) {
    return p->logits == NW_LOGITS_NONE ? 0 : p->logits == NW_LOGITS_LAST ? p->sequences : nw_pass_rows(p);
}

/// The row of the pass whose logits row `index` are.
static inline int64_t nw_logit_row(const nw_pass *p, int64_t index) {
    return p->logits == NW_LOGITS_LAST ? (index + 1) * p->tokens - 1 : index;
}

static inline float *nw_row(const nw_inference *f, nw_buffer buffer, int64_t row) {
    return f->buffers[buffer] + row * f->strides[buffer];
}

/// The keys or values of a layer, sequence and head.
static inline uint16_t *nw_cache_of(const nw_inference *f, int layer, bool values, int64_t sequence, int64_t head) {
    const nw_inference_spec *s = &f->spec;
    int64_t index = (((int64_t)layer * 2 + values) * s->sequences + sequence) * s->kv_heads + head;
    return (uint16_t *)nw_memory_bytes(f->cache) + index * f->capacity * s->head_dimension;
}

/// Where a position's key element lies: in panels of positions, element by element.
static inline int64_t nw_key_index(const nw_inference *f, int64_t position, int64_t element) {
    int64_t panel = f->cache_kernel->panel_rows;
    return (position / panel * f->spec.head_dimension + element) * panel + position % panel;
}

/// Where a position's value element lies: in panels of elements, position by position.
static inline int64_t nw_value_index(const nw_inference *f, int64_t position, int64_t element) {
    int64_t panel = f->cache_kernel->panel_rows;
    return (element / panel * f->capacity + position) * panel + element % panel;
}

void nw_inference_perform(nw_inference *f, const nw_operation *op, int thread);
void nw_inference_attend(nw_inference *f, const nw_operation *op, int thread);
void nw_inference_route(nw_inference *f, int thread);
void nw_inference_visit(nw_inference *f, const nw_operation *op, int thread);
void nw_inference_combine(nw_inference *f, int thread);
/// Makes columns `first` to `end` - 1 of a row ready for all formats of a matrix, as row `row` of `count` from row `start`
/// of what is prepared.
void nw_inference_prepare(const nw_inference *f, int matrix, const float *x, int64_t first, int64_t end, int64_t start,
                          int64_t count, int64_t row);
/// Makes a thread's share of a buffer's rows ready.
void nw_inference_prepare_rows(const nw_inference *f, int matrix, nw_buffer buffer, int64_t rows, int thread);
/// Multiplies `count` rows of what is prepared, from `start` on, by a matrix.
void nw_inference_multiply(const nw_inference *f, int matrix, int64_t start, int64_t count, float *output,
                           int64_t output_stride, bool accumulate, int thread);

#endif
