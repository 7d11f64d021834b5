// Mixtures of experts: which rows visit which expert, and what comes back.
#include "inference.h"

#include <math.h>
#include <string.h>

/// The softmax's denominator of a row's scores, relative to their largest.
static double total_of(const float *scores, int count, float top) {
    double sum = 0;
    for (int e = 0; e < count; e++) sum += exp((double)scores[e] - top);
    return sum;
}

/// The best of the experts that are worse than the one before: smaller, or equal and later.
static int next_best(const float *scores, int count, int last) {
    int best = -1;
    for (int e = 0; e < count; e++) {
        bool left = last < 0 || scores[e] < scores[last] || (scores[e] == scores[last] && e > last);
        if (left && (best < 0 || scores[e] > scores[best])) best = e;
    }
    return best < 0 ? 0 : best;
}

static void route_row(nw_inference *f, int64_t row) {
    int count = f->spec.experts, used = f->spec.experts_per_token;
    const float *scores = nw_row(f, NW_ROUTER, row);
    int32_t *routes = f->routes + row * used;
    float *weights = f->route_weights + row * used;
    int last = -1;
    for (int k = 0; k < used; k++) routes[k] = last = next_best(scores, count, last);
    float top = scores[routes[0]];
    double sum = 0;
    for (int k = 0; k < used; k++) sum += exp((double)scores[routes[k]] - top);
    if (!f->spec.normalise_routes) sum = total_of(scores, count, top);
    for (int k = 0; k < used; k++) weights[k] = (float)(exp((double)scores[routes[k]] - top) / sum);
}

/// Sorts the visits by expert, those of an expert by row.
static void sort_visits(nw_inference *f) {
    int used = f->spec.experts_per_token;
    int64_t visits = nw_pass_rows(&f->pass) * used;
    memset(f->visit_starts, 0, ((size_t)f->spec.experts + 1) * sizeof(int32_t));
    for (int64_t v = 0; v < visits; v++) f->visit_starts[f->routes[v] + 1]++;
    for (int e = 0; e < f->spec.experts; e++) f->visit_starts[e + 1] += f->visit_starts[e];
    for (int64_t v = 0; v < visits; v++) {
        int32_t place = f->visit_starts[f->routes[v]]++;
        f->visit_rows[place] = (int32_t)(v / used);
        f->visit_places[v] = place;
    }
    memmove(f->visit_starts + 1, f->visit_starts, (size_t)f->spec.experts * sizeof(int32_t));
    f->visit_starts[0] = 0;
}

void nw_inference_route(nw_inference *f, int thread) {
    int64_t rows = nw_pass_rows(&f->pass), end = nw_share(rows, 1, f->threads, thread + 1);
    for (int64_t row = nw_share(rows, 1, f->threads, thread); row < end; row++) route_row(f, row);
    nw_team_barrier(f->model->team);
    if (thread == 0) sort_visits(f);
}

/// Makes the rows of the normalised stream ready in the order of the visits, those of each expert for themselves.
static void gather_visits(nw_inference *f, int matrix, nw_buffer buffer, int thread) {
    int64_t columns = f->model->matrices[matrix].columns;
    for (int e = 0; e < f->spec.experts; e++) {
        int64_t first = f->visit_starts[e], count = f->visit_starts[e + 1] - first;
        // In turn by visits, not by those of an expert, so that all threads have as many.
        for (int64_t v = 0; v < count; v++) {
            if ((first + v) % f->threads != thread) continue;
            int64_t row = buffer == NW_NORMALISED ? f->visit_rows[first + v] : first + v;
            nw_inference_prepare(f, matrix + e, nw_row(f, buffer, row), 0, columns, first, count, v);
        }
    }
    nw_team_barrier(f->model->team);
}

void nw_inference_visit(nw_inference *f, const nw_operation *op, int thread) {
    bool up = op->kind == NW_OP_VISIT_GATE_UP;
    nw_buffer output = up ? NW_GATE_UP : NW_VISITS;
    gather_visits(f, op->matrix, up ? NW_NORMALISED : NW_GATED, thread);
    for (int e = 0; e < f->spec.experts; e++) {
        int64_t first = f->visit_starts[e], count = f->visit_starts[e + 1] - first;
        if (count > 0)
            nw_inference_multiply(f, op->matrix + e, first, count, nw_row(f, output, first), f->strides[output], false,
                                  thread);
    }
}

void nw_inference_combine(nw_inference *f, int thread) {
    int64_t rows = nw_pass_rows(&f->pass), hidden = f->spec.hidden, used = f->spec.experts_per_token;
    int64_t start = nw_share(hidden, 16, f->threads, thread), end = nw_share(hidden, 16, f->threads, thread + 1);
    for (int64_t row = 0; row < rows; row++) {
        float *to = nw_row(f, NW_RESIDUAL, row);
        for (int64_t k = 0; k < used; k++) {
            const float *from = nw_row(f, NW_VISITS, f->visit_places[row * used + k]);
            float weight = f->route_weights[row * used + k];
            for (int64_t i = start; i < end; i++) to[i] += weight * from[i];
        }
    }
}
