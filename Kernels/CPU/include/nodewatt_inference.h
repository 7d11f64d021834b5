/// LLM inference on a team: passes of tokens through a model, operation by operation, as NodeModel's InferenceProgram.
#ifndef NODEWATT_INFERENCE_H
#define NODEWATT_INFERENCE_H

#include "nodewatt_model.h"

#ifdef __cplusplus
extern "C" {
#endif

/// The activation buffers, in the order of NodeModel's InferenceBuffer.
typedef enum nw_buffer {
    NW_RESIDUAL = 0,
    NW_NORMALISED,
    NW_QUERY_KEY_VALUE,
    NW_ATTENTION,
    NW_GATE_UP,
    NW_GATED,
    NW_ROUTER,
    NW_VISITS,
    NW_LOGITS,
    NW_BUFFER_COUNT
} nw_buffer;

/// The kinds of operations; see NodeModel's InferenceOperation.
typedef enum nw_operation_kind {
    NW_OP_EMBED = 0,
    /// With the gain `index`; `matrix` is the first matrix that multiplies the result.
    NW_OP_NORMALISE,
    /// output <- matrix * input, or output += with `accumulate`.
    NW_OP_MULTIPLY,
    /// Of layer `index`.
    NW_OP_ROTATE,
    /// Over the cache of layer `index`; `matrix` multiplies the result.
    NW_OP_ATTEND,
    /// `matrix` is the (first) one that multiplies the result.
    NW_OP_GATE,
    NW_OP_ROUTE,
    /// With the matrices from `matrix` on, one for each expert.
    NW_OP_VISIT_GATE_UP,
    NW_OP_VISIT_DOWN,
    NW_OP_COMBINE,
    NW_OP_CHOOSE,
} nw_operation_kind;

typedef struct nw_operation {
    nw_operation_kind kind;
    int index, matrix;
    nw_buffer input, output;
    bool accumulate;
    /// Of NW_OP_NORMALISE and NW_OP_MULTIPLY: only rows that have logits.
    bool logit_rows;
} nw_operation;

/// Which rows of a pass have logits.
typedef enum nw_logit_rows { NW_LOGITS_NONE = 0, NW_LOGITS_LAST, NW_LOGITS_ALL } nw_logit_rows;

/// The next `tokens` tokens of `sequences` sequences, each behind `past` tokens in its cache.
typedef struct nw_pass {
    int first_sequence, sequences, tokens;
    int64_t past;
    /// Whether the tokens are those the last pass chose, instead of the prompts'.
    bool chosen;
    nw_logit_rows logits;
} nw_pass;

/// Where the rows of the embedding come from: of `rows` in their format's own layout, or seeded as nw_gemv_fill says.
typedef struct nw_embedding {
    nw_weight_format format;
    const void *rows;
    uint32_t keys[2];
} nw_embedding;

/// Everything that defines an inference. Arrays are copied, but for the embedding's rows.
typedef struct nw_inference_spec {
    int layers, hidden, heads, kv_heads, head_dimension, vocabulary;
    /// Of one expert where there are experts; 0 experts for a dense model.
    int feed_forward, experts, experts_per_token;
    /// Whether the weights of a token's experts are made to sum up to 1.
    bool normalise_routes;
    float norm_epsilon;
    /// Whether halves of a head are rotated together, instead of neighbours.
    bool rotate_halves;
    /// Radians for each position, head_dimension / 2 of them.
    const double *frequencies;
    /// 2 * layers + 1 gains of `hidden` values: before attention and feed-forward of each layer, and the output's.
    const float *gains;
    /// For each layer; NULL where the model has none.
    const float *biases, *query_gains, *key_gains;
    nw_embedding embedding;
    /// Sequences side by side, the positions each has room for, and the rows a pass may have, with and without logits.
    int sequences;
    int64_t positions;
    int rows, logit_rows;
    /// The prompts: sequences * positions tokens.
    const int32_t *prompts;
} nw_inference_spec;

typedef struct nw_inference nw_inference;

/// The bytes nw_inference_create takes beside a model whose matrices have these formats, a bit for each; 0 for a spec it
/// refuses.
size_t nw_inference_bytes(const nw_inference_spec *spec, unsigned formats, int threads);
/// Allocates caches and buffers. The model has to outlive it.
nw_status nw_inference_create(nw_model *model, const nw_inference_spec *spec, nw_inference **inference);
void nw_inference_destroy(nw_inference *inference);
/// Fills the caches of a layer up to `positions` with uniform seeded values rounded to f16: element
/// (sequence * positions + position) * kv_heads * head_dimension + column of two streams.
nw_status nw_inference_fill_cache(nw_inference *inference, int layer, int64_t positions, uint32_t keys,
                                  uint32_t values);
/// Runs passes, all of them `repetitions` times, as one job: `with` are the operations of passes that have logits,
/// `without` of the others. `pass_ends`, which may be NULL, gets the time each pass of each repetition ended,
/// repetitions * count of them, nanoseconds of CLOCK_MONOTONIC.
nw_status nw_inference_run(nw_inference *inference, const nw_pass *passes, int count, const nw_operation *with,
                           int with_count, const nw_operation *without, int without_count, int64_t repetitions,
                           uint64_t *pass_ends, nw_interval *interval);

// Pass by pass and operation by operation.

/// Makes a pass the current one, with a token for each of its rows; NULL for those it tells of itself.
nw_status nw_inference_begin(nw_inference *inference, const nw_pass *pass, const int32_t *tokens);
nw_status nw_inference_run_operation(nw_inference *inference, const nw_operation *operation);
/// A row of a buffer.
const float *nw_inference_row(const nw_inference *inference, nw_buffer buffer, int64_t row);
/// Overwrites the logits with NaN.
void nw_inference_poison_logits(nw_inference *inference);
/// A position's keys or values of a layer as f16 bits, kv_heads * head_dimension of them.
nw_status nw_inference_read_cache(const nw_inference *inference, int layer, bool values, int sequence, int64_t position,
                                  uint16_t *bits);
/// The experts of a row and their weights, experts_per_token of them, the best first.
void nw_inference_read_routes(const nw_inference *inference, int64_t row, int32_t *experts, float *weights);
/// The token chosen for row `row` of those that have logits.
int32_t nw_inference_chosen(const nw_inference *inference, int row);

#ifdef __cplusplus
}
#endif
#endif
