// Attention over the cache: two products with panels of f16, and a softmax run by run of positions between them.
//
// Some tokens' queries that share a head of keys and values are taken together, so that a panel read serves them all.
#include "inference.h"

#include <string.h>

/// How the queries of a pass are shared out.
typedef struct attention_plan {
    /// Queries of a head of keys; how many parts they are in, and how many are in each; tokens taken together; their
    /// groups in a sequence.
    int64_t group, splits, heads, tokens, blocks;
} attention_plan;

/// Some queries: `tokens` tokens from `first` on of a sequence, `heads` heads from `head` on.
typedef struct attention_unit {
    int64_t sequence, key_head, head, heads, first, tokens;
} attention_unit;

static int64_t divide_up(int64_t value, int64_t by) { return (value + by - 1) / by; }

static attention_plan plan_attention(const nw_inference *f) {
    const nw_inference_spec *s = &f->spec;
    attention_plan plan = {.group = s->heads / s->kv_heads};
    for (plan.splits = divide_up(plan.group, most_queries);; plan.splits++) {
        plan.heads = divide_up(plan.group, plan.splits);
        // Twice as many as a tile of products takes.
        plan.tokens = 24 / plan.heads < 1 ? 1 : 24 / plan.heads;
        if (plan.tokens > f->pass.tokens) plan.tokens = f->pass.tokens;
        plan.blocks = divide_up(f->pass.tokens, plan.tokens);
        int64_t units = f->pass.sequences * s->kv_heads * plan.splits * plan.blocks;
        // Every part reads the same keys and values again, so there are only as many as give all threads work.
        if (units % f->threads == 0 || units >= 4 * f->threads || plan.splits >= plan.group) return plan;
    }
}

static attention_unit unit_at(const nw_inference *f, const attention_plan *plan, int64_t index) {
    int64_t block = index % plan->blocks, rest = index / plan->blocks;
    int64_t split = rest % plan->splits, head = rest / plan->splits % f->spec.kv_heads;
    attention_unit unit = {.sequence = rest / plan->splits / f->spec.kv_heads, .key_head = head,
                           .head = head * plan->group + split * plan->heads, .first = block * plan->tokens};
    int64_t heads_left = plan->group - split * plan->heads, tokens_left = f->pass.tokens - unit.first;
    unit.heads = heads_left < plan->heads ? heads_left : plan->heads;
    unit.tokens = tokens_left < plan->tokens ? tokens_left : plan->tokens;
    return unit;
}

static int64_t row_of(const nw_inference *f, const attention_unit *unit, int64_t query) {
    return unit->sequence * f->pass.tokens + unit->first + query / unit->heads;
}

static nw_rows queries_of(const nw_inference *f, const attention_unit *unit, const thread_scratch *scratch) {
    return (nw_rows){scratch->queries, nw_row_bytes(NW_AS_F32, f->spec.head_dimension), unit->tokens * unit->heads};
}

static nw_rows weights_of(const attention_unit *unit, int64_t positions, const thread_scratch *scratch) {
    return (nw_rows){scratch->weights, nw_row_bytes(NW_AS_F32, positions), unit->tokens * unit->heads};
}

/// Makes the queries ready, divided by the root of their length.
static void gather_queries(const nw_inference *f, const attention_unit *unit, thread_scratch *scratch) {
    int64_t dimension = f->spec.head_dimension;
    float factor = 1 / __builtin_sqrtf((float)dimension);
    nw_rows queries = queries_of(f, unit, scratch);
    for (int64_t q = 0; q < queries.count; q++) {
        const float *x = nw_row(f, NW_QUERY_KEY_VALUE, row_of(f, unit, q)) + (unit->head + q % unit->heads) * dimension;
        memcpy(scratch->query, x, (size_t)dimension * sizeof(float));
        nw_isa_activations(f->model->isa)->stretch(scratch->query, factor, dimension);
        f->cache_kernel->prepare(scratch->query, dimension, 0, dimension, &queries, q);
        scratch->tops[q] = -__builtin_inff();
        scratch->sums[q] = 0;
    }
}

/// The scores of positions `start` to `end` - 1, and what becomes of the outputs so far.
static void score(const nw_inference *f, const attention_unit *unit, const uint16_t *keys, int64_t start, int64_t end,
                  thread_scratch *scratch) {
    const nw_activation_kernels *kernels = nw_isa_activations(f->model->isa);
    int64_t dimension = f->spec.head_dimension, stride = dimension + 16, panel = f->cache_kernel->panel_rows;
    nw_product product = {.w = keys + start * dimension, .panel_stride = panel * dimension * 2, .rows = end - start,
                          .columns = dimension, .x = queries_of(f, unit, scratch), .y = scratch->scores,
                          .y_stride = score_stride};
    nw_rows weights = weights_of(unit, end - start, scratch);
    f->cache_kernel->run(&product);
    for (int64_t q = 0; q < unit->tokens * unit->heads; q++) {
        int64_t visible = f->pass.past + unit->first + q / unit->heads + 1 - start;
        int64_t valid = visible < 0 ? 0 : visible < end - start ? visible : end - start;
        float *scores = scratch->scores + q * score_stride;
        float factor = kernels->soften(scores, valid, end - start, &scratch->tops[q], &scratch->sums[q]);
        f->cache_kernel->prepare(scores, end - start, 0, end - start, &weights, q);
        if (start > 0 && factor != 1) kernels->stretch(scratch->outputs + q * stride, factor, dimension);
    }
}

/// Adds the values of positions `start` to `end` - 1 times what the scores became.
static void add_values(const nw_inference *f, const attention_unit *unit, const uint16_t *values, int64_t start,
                       int64_t end, thread_scratch *scratch) {
    int64_t dimension = f->spec.head_dimension, panel = f->cache_kernel->panel_rows;
    nw_product product = {.w = values + start * panel, .panel_stride = f->capacity * panel * 2, .rows = dimension,
                          .columns = end - start, .x = weights_of(unit, end - start, scratch),
                          .y = scratch->outputs, .y_stride = dimension + 16, .accumulate = start > 0};
    f->cache_kernel->run(&product);
}

static void attend_unit(nw_inference *f, int layer, const attention_unit *unit, thread_scratch *scratch) {
    int64_t dimension = f->spec.head_dimension, stride = dimension + 16;
    int64_t sequence = f->pass.first_sequence + unit->sequence, positions = f->pass.past + unit->first + unit->tokens;
    const uint16_t *keys = nw_cache_of(f, layer, false, sequence, unit->key_head);
    const uint16_t *values = nw_cache_of(f, layer, true, sequence, unit->key_head);
    gather_queries(f, unit, scratch);
    for (int64_t start = 0; start < positions; start += position_run) {
        int64_t end = start + position_run < positions ? start + position_run : positions;
        score(f, unit, keys, start, end, scratch);
        add_values(f, unit, values, start, end, scratch);
    }
    for (int64_t q = 0; q < unit->tokens * unit->heads; q++) {
        float *y = nw_row(f, NW_ATTENTION, row_of(f, unit, q)) + (unit->head + q % unit->heads) * dimension;
        memcpy(y, scratch->outputs + q * stride, (size_t)dimension * sizeof(float));
        nw_isa_activations(f->model->isa)->stretch(y, 1 / scratch->sums[q], dimension);
    }
}

void nw_inference_attend(nw_inference *f, const nw_operation *op, int thread) {
    attention_plan plan = plan_attention(f);
    int64_t units = f->pass.sequences * f->spec.kv_heads * plan.splits * plan.blocks;
    // In turn, because later tokens look back further.
    for (int64_t i = thread; i < units; i += f->threads) {
        attention_unit unit = unit_at(f, &plan, i);
        attend_unit(f, op->index, &unit, &f->scratch[thread]);
    }
    nw_team_barrier(f->model->team);
    nw_inference_prepare_rows(f, op->matrix, NW_ATTENTION, nw_pass_rows(&f->pass), thread);
}
