// The operations of a pass: each thread computes its share of rows and columns, with a barrier after each operation.
#include "inference.h"

#include <math.h>
#include <string.h>

/// A thread's share of rows times chunks of columns, so that one row is shared out as well as many.
typedef struct chunk_share {
    int64_t chunks, start, end;
} chunk_share;

static chunk_share share_chunks(const nw_inference *f, int64_t rows, int64_t columns, int thread) {
    int64_t chunks = (columns + chunk_columns - 1) / chunk_columns, total = rows * chunks;
    return (chunk_share){chunks, nw_share(total, 1, f->threads, thread), nw_share(total, 1, f->threads, thread + 1)};
}

/// The columns of one row that follow in a share; false when it is done.
static bool next_columns(chunk_share *share, int64_t columns, int64_t *row, int64_t *first, int64_t *end) {
    if (share->start >= share->end) return false;
    *row = share->start / share->chunks;
    int64_t row_end = (*row + 1) * share->chunks, stop = share->end < row_end ? share->end : row_end;
    *first = (share->start - *row * share->chunks) * chunk_columns;
    *end = (stop - *row * share->chunks) * chunk_columns;
    if (*end > columns) *end = columns;
    share->start = stop;
    return true;
}

/// What is prepared for a format, `count` rows of `columns` from row `start` on.
static nw_rows rows_for(const nw_inference *f, nw_weight_format format, int64_t columns, int64_t start, int64_t count) {
    size_t bytes = nw_row_bytes(nw_isa_multiply(f->model->isa, format)->multiplicand, columns);
    return (nw_rows){f->prepared[format] + (size_t)start * bytes, bytes, count};
}

void nw_inference_prepare(const nw_inference *f, int matrix, const float *x, int64_t first, int64_t end, int64_t start,
                          int64_t count, int64_t row) {
    const model_matrix *m = &f->model->matrices[matrix];
    for (int i = 0; i < NW_WEIGHT_FORMAT_COUNT; i++) {
        nw_weight_format format = (nw_weight_format)i;
        if (!(m->formats >> i & 1)) continue;
        nw_rows to = rows_for(f, format, m->columns, start, count);
        nw_isa_multiply(f->model->isa, format)->prepare(x, m->columns, first, end, &to, row);
    }
}

void nw_inference_prepare_rows(const nw_inference *f, int matrix, nw_buffer buffer, int64_t rows, int thread) {
    int64_t columns = f->model->matrices[matrix].columns, row, first, end;
    chunk_share share = share_chunks(f, rows, columns, thread);
    while (next_columns(&share, columns, &row, &first, &end))
        nw_inference_prepare(f, matrix, nw_row(f, buffer, row), first, end, 0, rows, row);
}

void nw_inference_multiply(const nw_inference *f, int matrix, int64_t start, int64_t count, float *output,
                           int64_t output_stride, bool accumulate, int thread) {
    const model_matrix *m = &f->model->matrices[matrix];
    for (int i = 0; i < m->parts; i++) {
        const model_part *part = &m->part[i];
        int64_t row, rows;
        nw_model_share(f->model, m, part, thread, &row, &rows);
        if (rows == 0) continue;
        nw_product product = {.w = part->slices[thread], .panel_stride = (int64_t)part->panel_bytes, .rows = rows,
                              .columns = m->columns,
                              .x = rows_for(f, part->layout.format, m->columns, start, count), .y = output + row,
                              .y_stride = output_stride, .accumulate = accumulate};
        part->kernel->run(&product);
    }
}

// ---- Embedding -------------------------------------------------------------------------------------------------

static int32_t token_of(const nw_inference *f, int64_t row) {
    if (f->has_tokens) return f->row_tokens[row];
    int64_t sequence = f->pass.first_sequence + row / f->pass.tokens;
    if (f->pass.chosen) return f->chosen_by_sequence[sequence];
    return f->prompts[sequence * f->spec.positions + f->pass.past + row % f->pass.tokens];
}

static void embed_row(nw_inference *f, int64_t row, int thread) {
    const nw_embedding *e = &f->spec.embedding;
    int64_t token = token_of(f, row), columns = f->spec.hidden;
    const uint8_t *bytes = f->scratch[thread].embedding;
    if (e->rows)
        bytes = (const uint8_t *)e->rows + (size_t)token * nw_gemv_row_bytes(e->format, columns);
    else
        nw_weights_make_row(f->model->isa, e->format, columns, e->keys, token, f->scratch[thread].embedding);
    nw_weights_numbers(e->format, columns, bytes, nw_row(f, NW_RESIDUAL, row));
}

/// The rotations of one of the pass's positions.
static void turn_position(nw_inference *f, int64_t token) {
    int64_t half = f->spec.head_dimension / 2;
    for (int64_t i = 0; i < half; i++) {
        double angle = (double)(f->pass.past + token) * f->frequencies[i];
        f->cosines[token * half + i] = (float)cos(angle);
        f->sines[token * half + i] = (float)sin(angle);
    }
}

static void embed(nw_inference *f, int thread) {
    int64_t rows = nw_pass_rows(&f->pass), end = nw_share(rows, 1, f->threads, thread + 1);
    for (int64_t row = nw_share(rows, 1, f->threads, thread); row < end; row++) embed_row(f, row, thread);
    end = nw_share(f->pass.tokens, 1, f->threads, thread + 1);
    for (int64_t token = nw_share(f->pass.tokens, 1, f->threads, thread); token < end; token++) turn_position(f, token);
}

// ---- Row by row ------------------------------------------------------------------------------------------------

static void normalise(nw_inference *f, const nw_operation *op, int thread) {
    int64_t hidden = f->spec.hidden, row, first, end, squared = -1;
    int64_t rows = op->logit_rows ? nw_logit_row_count(&f->pass) : nw_pass_rows(&f->pass);
    const nw_activation_kernels *kernels = nw_isa_activations(f->model->isa);
    const float *gain = f->gains + op->index * hidden;
    float factor = 0;
    chunk_share share = share_chunks(f, rows, hidden, thread);
    while (next_columns(&share, hidden, &row, &first, &end)) {
        const float *x = nw_row(f, NW_RESIDUAL, op->logit_rows ? nw_logit_row(&f->pass, row) : row);
        float *y = nw_row(f, NW_NORMALISED, row);
        // Every thread of a row adds up all its squares itself: cheaper than one more barrier.
        if (row != squared)
            factor = 1 / __builtin_sqrtf(kernels->squares(x, hidden) / (float)hidden + f->spec.norm_epsilon);
        squared = row;
        kernels->scale(x + first, gain + first, factor, y + first, end - first);
        nw_inference_prepare(f, op->matrix, y, first, end, 0, rows, row);
    }
}

static void gate(nw_inference *f, const nw_operation *op, int thread) {
    int64_t width = f->spec.feed_forward, rows = nw_pass_rows(&f->pass), row, first, end;
    if (f->spec.experts) rows *= f->spec.experts_per_token;
    chunk_share share = share_chunks(f, rows, width, thread);
    while (next_columns(&share, width, &row, &first, &end)) {
        const float *x = nw_row(f, NW_GATE_UP, row);
        float *y = nw_row(f, NW_GATED, row);
        nw_isa_activations(f->model->isa)->gate(x + first, x + width + first, y + first, end - first);
        if (!f->spec.experts) nw_inference_prepare(f, op->matrix, y, first, end, 0, rows, row);
    }
}

static void multiply(nw_inference *f, const nw_operation *op, int thread) {
    int64_t rows = op->logit_rows ? nw_logit_row_count(&f->pass) : nw_pass_rows(&f->pass);
    nw_inference_multiply(f, op->matrix, 0, rows, f->buffers[op->output], f->strides[op->output], op->accumulate,
                          thread);
}

// ---- Query, key, value -----------------------------------------------------------------------------------------

static void turn(const nw_inference *f, float *x, int64_t token) {
    int64_t half = f->spec.head_dimension / 2, step = f->spec.rotate_halves ? 1 : 2;
    const float *cosines = f->cosines + token * half, *sines = f->sines + token * half;
    for (int64_t i = 0; i < half; i++) {
        float *first = x + i * step, *second = f->spec.rotate_halves ? first + half : first + 1;
        float a = *first, b = *second;
        *first = a * cosines[i] - b * sines[i];
        *second = a * sines[i] + b * cosines[i];
    }
}

static void store_row(nw_inference *f, int layer, bool value, int64_t row, int64_t head, const float *x, int thread) {
    int64_t dimension = f->spec.head_dimension, position = f->pass.past + row % f->pass.tokens;
    uint16_t *cache = nw_cache_of(f, layer, value, f->pass.first_sequence + row / f->pass.tokens, head);
    uint16_t *bits = f->scratch[thread].position;
    nw_isa_activations(f->model->isa)->narrow(true, x, bits, dimension);
    for (int64_t i = 0; i < dimension; i++)
        cache[value ? nw_value_index(f, position, i) : nw_key_index(f, position, i)] = bits[i];
}

static void rotate_head(nw_inference *f, int layer, int64_t row, int64_t head, int thread) {
    const nw_inference_spec *s = &f->spec;
    const nw_activation_kernels *kernels = nw_isa_activations(f->model->isa);
    int64_t dimension = s->head_dimension, queries = s->heads, keys = queries + s->kv_heads;
    float *x = nw_row(f, NW_QUERY_KEY_VALUE, row) + head * dimension;
    if (f->biases) {
        const float *bias = f->biases + layer * (nw_query_width(s) + 2 * nw_kv_width(s)) + head * dimension;
        for (int64_t i = 0; i < dimension; i++) x[i] += bias[i];
    }
    const float *gains = head < queries ? f->query_gains : f->key_gains;
    if (head < keys && gains) {
        float factor = 1 / __builtin_sqrtf(kernels->squares(x, dimension) / (float)dimension + s->norm_epsilon);
        kernels->scale(x, gains + layer * dimension, factor, x, dimension);
    }
    if (head < keys) turn(f, x, row % f->pass.tokens);
    if (head >= keys) store_row(f, layer, true, row, head - keys, x, thread);
    else if (head >= queries) store_row(f, layer, false, row, head - queries, x, thread);
}

static void rotate(nw_inference *f, const nw_operation *op, int thread) {
    int64_t heads = f->spec.heads + 2 * f->spec.kv_heads, total = nw_pass_rows(&f->pass) * heads;
    int64_t end = nw_share(total, 1, f->threads, thread + 1);
    for (int64_t i = nw_share(total, 1, f->threads, thread); i < end; i++)
        rotate_head(f, op->index, i / heads, i % heads, thread);
}

// ---- Choice ----------------------------------------------------------------------------------------------------

/// The first of the largest of a thread's logits of a row.
static void find_best(nw_inference *f, int64_t row, int thread) {
    const nw_activation_kernels *kernels = nw_isa_activations(f->model->isa);
    const float *logits = nw_row(f, NW_LOGITS, row);
    int64_t end = nw_share(f->spec.vocabulary, 16, f->threads, thread + 1), run = 1024, place = -1;
    float best = -__builtin_inff();
    for (int64_t i = nw_share(f->spec.vocabulary, 16, f->threads, thread); i < end; i += run) {
        int64_t count = end - i < run ? end - i : run;
        float top = kernels->largest(logits + i, count);
        if (!(top > best)) continue;
        best = top;
        place = i;
        while (place < i + count && logits[place] != best) place++;
    }
    int64_t index = (int64_t)thread * (int64_t)nw_round_up((size_t)f->spec.logit_rows, 16) + row;
    f->best_logits[index] = best;
    f->best_tokens[index] = (int32_t)place;
}

static void choose_best(nw_inference *f, int64_t row) {
    int64_t stride = (int64_t)nw_round_up((size_t)f->spec.logit_rows, 16);
    float best = -__builtin_inff();
    int32_t token = 0;
    for (int t = 0; t < f->threads; t++) {
        if (f->best_tokens[t * stride + row] < 0 || !(f->best_logits[t * stride + row] > best)) continue;
        best = f->best_logits[t * stride + row];
        token = f->best_tokens[t * stride + row];
    }
    f->chosen[row] = token;
    int64_t of = nw_logit_row(&f->pass, row);
    if ((of + 1) % f->pass.tokens == 0) f->chosen_by_sequence[f->pass.first_sequence + of / f->pass.tokens] = token;
}

static void choose(nw_inference *f, int thread) {
    int64_t rows = nw_logit_row_count(&f->pass);
    for (int64_t row = 0; row < rows; row++) find_best(f, row, thread);
    nw_team_barrier(f->model->team);
    int64_t end = nw_share(rows, 1, f->threads, thread + 1);
    for (int64_t row = nw_share(rows, 1, f->threads, thread); row < end; row++) choose_best(f, row);
}

// ---- Runs ------------------------------------------------------------------------------------------------------

void nw_inference_perform(nw_inference *f, const nw_operation *op, int thread) {
    switch (op->kind) {
    case NW_OP_EMBED: embed(f, thread); break;
    case NW_OP_NORMALISE: normalise(f, op, thread); break;
    case NW_OP_MULTIPLY: multiply(f, op, thread); break;
    case NW_OP_ROTATE: rotate(f, op, thread); break;
    case NW_OP_ATTEND: nw_inference_attend(f, op, thread); break;
    case NW_OP_GATE: gate(f, op, thread); break;
    case NW_OP_ROUTE: nw_inference_route(f, thread); break;
    case NW_OP_VISIT_GATE_UP:
    case NW_OP_VISIT_DOWN: nw_inference_visit(f, op, thread); break;
    case NW_OP_COMBINE: nw_inference_combine(f, thread); break;
    case NW_OP_CHOOSE: choose(f, thread); break;
    }
}

static void run_pass(nw_inference *f, const nw_pass *pass, int thread) {
    if (thread == 0) f->pass = *pass;
    nw_team_barrier(f->model->team);
    const nw_operation *operations = pass->logits == NW_LOGITS_NONE ? f->without : f->with;
    int count = pass->logits == NW_LOGITS_NONE ? f->without_count : f->with_count;
    for (int i = 0; i < count; i++) {
        nw_inference_perform(f, &operations[i], thread);
        nw_team_barrier(f->model->team);
    }
}

static void run_share(void *context, int thread) {
    nw_inference *f = context;
    for (int64_t repetition = 0; repetition < f->repetitions; repetition++)
        for (int i = 0; i < f->pass_count; i++) {
            run_pass(f, &f->passes[i], thread);
            if (thread == 0 && f->pass_ends) f->pass_ends[repetition * f->pass_count + i] = nw_now();
        }
}

static void run_one(void *context, int thread) {
    nw_inference *f = context;
    nw_inference_perform(f, f->operation, thread);
}

// ---- Arguments -------------------------------------------------------------------------------------------------

static bool pass_fits(const nw_inference *f, const nw_pass *p) {
    const nw_inference_spec *s = &f->spec;
    return p->first_sequence >= 0 && p->sequences >= 1 && p->first_sequence <= s->sequences - p->sequences &&
           p->tokens >= 1 && p->past >= 0 && p->past <= s->positions - p->tokens && nw_pass_rows(p) <= s->rows &&
           nw_logit_row_count(p) <= s->logit_rows;
}

static int64_t width_of(const nw_inference_spec *s, nw_buffer buffer) {
    switch (buffer) {
    case NW_RESIDUAL:
    case NW_NORMALISED:
    case NW_VISITS: return s->hidden;
    case NW_QUERY_KEY_VALUE: return nw_query_width(s) + 2 * nw_kv_width(s);
    case NW_ATTENTION: return nw_query_width(s);
    case NW_GATE_UP: return 2 * (int64_t)s->feed_forward;
    case NW_GATED: return s->feed_forward;
    case NW_ROUTER: return s->experts;
    case NW_LOGITS: return s->vocabulary;
    case NW_BUFFER_COUNT: break;
    }
    return -1;
}

static bool is_matrix(const nw_inference *f, int matrix, int count, int64_t rows, int64_t columns) {
    if (matrix < 0 || count < 1 || matrix > f->model->count - count) return false;
    for (int i = matrix; i < matrix + count; i++)
        if (f->model->matrices[i].rows != rows || f->model->matrices[i].columns != columns) return false;
    return true;
}

static bool multiplies(const nw_inference *f, int matrix, nw_buffer input) {
    return matrix >= 0 && matrix < f->model->count && f->model->matrices[matrix].columns == width_of(&f->spec, input);
}

/// Whether an operation's indices and the widths of its operands fit.
static bool operation_fits(const nw_inference *f, const nw_operation *op) {
    const nw_inference_spec *s = &f->spec;
    bool layer = op->index >= 0 && op->index < s->layers;
    switch (op->kind) {
    case NW_OP_EMBED:
    case NW_OP_CHOOSE: return true;
    case NW_OP_NORMALISE:
        return op->index >= 0 && op->index <= 2 * s->layers && multiplies(f, op->matrix, NW_NORMALISED);
    case NW_OP_MULTIPLY:
        return (unsigned)op->input < NW_BUFFER_COUNT && (unsigned)op->output < NW_BUFFER_COUNT &&
               op->input != op->output &&
               is_matrix(f, op->matrix, 1, width_of(s, op->output), width_of(s, op->input)) &&
               (op->output == NW_LOGITS) == op->logit_rows;
    case NW_OP_ROTATE: return layer;
    case NW_OP_ATTEND: return layer && multiplies(f, op->matrix, NW_ATTENTION);
    case NW_OP_GATE: return multiplies(f, op->matrix, NW_GATED);
    case NW_OP_ROUTE:
    case NW_OP_COMBINE: return s->experts > 0;
    case NW_OP_VISIT_GATE_UP: return is_matrix(f, op->matrix, s->experts, 2 * (int64_t)s->feed_forward, s->hidden);
    case NW_OP_VISIT_DOWN: return is_matrix(f, op->matrix, s->experts, s->hidden, s->feed_forward);
    }
    return false;
}

static bool all_fit(const nw_inference *f, const nw_operation *operations, int count) {
    for (int i = 0; i < count; i++)
        if (!operation_fits(f, &operations[i])) return false;
    return count >= 1;
}

nw_status nw_inference_run(nw_inference *f, const nw_pass *passes, int count, const nw_operation *with,
                           int with_count, const nw_operation *without, int without_count, int64_t repetitions,
                           uint64_t *pass_ends, nw_interval *interval) {
    if (count < 1 || repetitions < 1 || !all_fit(f, with, with_count) || !all_fit(f, without, without_count))
        return NW_INVALID_ARGUMENT;
    for (int i = 0; i < count; i++)
        if (!pass_fits(f, &passes[i])) return NW_INVALID_ARGUMENT;
    f->passes = passes;
    f->pass_count = count;
    f->with = with;
    f->with_count = with_count;
    f->without = without;
    f->without_count = without_count;
    f->repetitions = repetitions;
    f->pass_ends = pass_ends;
    f->has_tokens = false;
    nw_team_run(f->model->team, run_share, f, interval);
    return NW_OK;
}

nw_status nw_inference_begin(nw_inference *f, const nw_pass *pass, const int32_t *tokens) {
    if (!pass_fits(f, pass)) return NW_INVALID_ARGUMENT;
    for (int64_t i = 0; tokens && i < nw_pass_rows(pass); i++)
        if (tokens[i] < 0 || tokens[i] >= f->spec.vocabulary) return NW_INVALID_ARGUMENT;
    f->pass = *pass;
    f->has_tokens = tokens != NULL;
    if (tokens) memcpy(f->row_tokens, tokens, (size_t)nw_pass_rows(pass) * sizeof *tokens);
    return NW_OK;
}

nw_status nw_inference_run_operation(nw_inference *f, const nw_operation *operation) {
    if (!operation_fits(f, operation) || f->pass.tokens == 0) return NW_INVALID_ARGUMENT;
    f->operation = operation;
    nw_team_run(f->model->team, run_one, f, NULL);
    return NW_OK;
}
