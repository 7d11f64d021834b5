// A model's weights in memory; see nodewatt_model.h.
#include "model.h"

#include <stdlib.h>
#include <string.h>

enum { block_columns = 32, alignment = 64 };
static const int64_t most = 1 << 24;

nw_multiplicand nw_isa_multiplicand(const nw_isa *isa, nw_weight_format format) {
    return nw_isa_multiply(isa, format)->multiplicand;
}

/// Panels are the same for every share, because shares begin at multiples of 16 rows.
static size_t share_bytes(const nw_model *m, const model_matrix *matrix, const model_part *part, int thread) {
    int64_t first, rows;
    nw_model_share(m, matrix, part, thread, &first, &rows);
    size_t panel = (size_t)part->layout.panel_rows;
    return nw_round_up(((size_t)rows + panel - 1) / panel * part->panel_bytes, alignment);
}

static size_t arena_bytes(const nw_model *m, int thread) {
    // What is fetched ahead of the last weights is never used, but has to be there for those who check addresses.
    size_t bytes = alignment;
    for (int i = 0; i < m->count; i++)
        for (int j = 0; j < m->matrices[i].parts; j++)
            bytes += share_bytes(m, &m->matrices[i], &m->matrices[i].part[j], thread);
    return bytes;
}

static nw_status describe_part(nw_model *m, model_matrix *matrix, const nw_part_spec *spec, model_part *part) {
    if ((unsigned)spec->format >= NW_WEIGHT_FORMAT_COUNT || spec->rows < 1 || spec->rows > most)
        return NW_INVALID_ARGUMENT;
    size_t row_bytes = nw_gemv_row_bytes(spec->format, matrix->columns);
    // The rows of the parts before have to be whole panels.
    if (row_bytes == 0 || matrix->columns % 16 || matrix->rows % 16) return NW_INVALID_ARGUMENT;
    const nw_multiply_kernel *kernel = nw_isa_multiply(m->isa, spec->format);
    *part = (model_part){.kernel = kernel, .layout = {spec->format, kernel->panel_rows, matrix->columns},
                         .first = matrix->rows, .end = matrix->rows + spec->rows,
                         .panel_bytes = row_bytes * (size_t)kernel->panel_rows};
    matrix->rows = part->end;
    matrix->formats |= 1u << spec->format;
    return NW_OK;
}

static nw_status describe(nw_model *m, const nw_matrix_spec *matrices, const nw_part_spec *parts) {
    int next = 0;
    for (int i = 0; i < m->count; i++) {
        model_matrix *matrix = &m->matrices[i];
        *matrix = (model_matrix){.columns = matrices[i].columns, .parts = matrices[i].parts, .part = m->parts + next};
        for (int j = 0; j < matrix->parts; j++, next++) {
            nw_status status = describe_part(m, matrix, &parts[next], &m->parts[next]);
            if (status != NW_OK) return status;
        }
    }
    return NW_OK;
}

static nw_status create_empty(nw_team *team, const nw_isa *isa, const nw_matrix_spec *matrices, int count,
                              const nw_part_spec *parts, int threads, nw_model **result) {
    if (count < 1 || count > 1 << 20 || threads < 1) return NW_INVALID_ARGUMENT;
    int64_t part_count = 0;
    for (int i = 0; i < count; i++) {
        if (matrices[i].parts < 1 || matrices[i].parts > 8) return NW_INVALID_ARGUMENT;
        part_count += matrices[i].parts;
    }
    nw_model *m = calloc(1, sizeof *m);
    if (!m) return NW_OUT_OF_MEMORY;
    *m = (nw_model){.team = team, .isa = isa, .threads = threads, .count = count, .part_count = (int)part_count,
                    .matrices = calloc((size_t)count, sizeof(model_matrix)),
                    .parts = calloc((size_t)part_count, sizeof(model_part))};
    nw_status status = m->matrices && m->parts ? describe(m, matrices, parts) : NW_OUT_OF_MEMORY;
    if (status != NW_OK) {
        nw_model_destroy(m);
        return status;
    }
    *result = m;
    return NW_OK;
}

size_t nw_model_bytes(const nw_isa *isa, const nw_matrix_spec *matrices, int count, const nw_part_spec *parts,
                      int threads) {
    nw_model *m;
    if (create_empty(NULL, isa, matrices, count, parts, threads, &m) != NW_OK) return 0;
    size_t bytes = 0;
    for (int t = 0; t < threads; t++) bytes += arena_bytes(m, t);
    nw_model_destroy(m);
    return bytes;
}

/// Reserves the arenas and finds each share's place in them.
static nw_status lay_out(nw_model *m) {
    m->arenas = calloc((size_t)m->threads, sizeof *m->arenas);
    m->slices = calloc((size_t)m->threads * (size_t)m->part_count, sizeof *m->slices);
    if (!m->arenas || !m->slices) return NW_OUT_OF_MEMORY;
    for (int i = 0; i < m->part_count; i++) m->parts[i].slices = m->slices + (size_t)i * (size_t)m->threads;
    for (int t = 0; t < m->threads; t++) {
        nw_status status = nw_memory_create(arena_bytes(m, t), &m->arenas[t]);
        if (status != NW_OK) return status;
        uint8_t *place = nw_memory_bytes(m->arenas[t]);
        for (int i = 0; i < m->count; i++)
            for (int j = 0; j < m->matrices[i].parts; j++) {
                m->matrices[i].part[j].slices[t] = place;
                place += share_bytes(m, &m->matrices[i], &m->matrices[i].part[j], t);
            }
    }
    return NW_OK;
}

nw_status nw_model_create(nw_team *team, const nw_isa *isa, const nw_matrix_spec *matrices, int count,
                          const nw_part_spec *parts, nw_model **result) {
    nw_model *m;
    nw_status status = create_empty(team, isa, matrices, count, parts, nw_team_count(team), &m);
    if (status != NW_OK) return status;
    status = lay_out(m);
    if (status != NW_OK) {
        nw_model_destroy(m);
        return status;
    }
    *result = m;
    return NW_OK;
}

void nw_model_destroy(nw_model *m) {
    if (!m) return;
    for (int t = 0; m->arenas && t < m->threads; t++) nw_memory_destroy(m->arenas[t]);
    free(m->arenas);
    free(m->slices);
    free(m->matrices);
    free(m->parts);
    free(m);
}

// ---- Content ---------------------------------------------------------------------------------------------------

/// A part being filled or copied.
typedef struct content_job {
    const nw_model *model;
    const model_matrix *matrix;
    const model_part *part;
    const uint32_t *keys;
    int64_t first_seeded_row;
    const uint8_t *rows;
} content_job;

/// The panel of a row within a thread's share, and the row's place in it.
static uint8_t *panel_of(const model_part *part, int thread, int64_t first, int64_t row, int *place) {
    int64_t index = row - first;
    *place = (int)(index % part->layout.panel_rows);
    return part->slices[thread] + (size_t)(index / part->layout.panel_rows) * part->panel_bytes;
}

static void make_share(void *context, int thread) {
    const content_job *job = context;
    const model_part *part = job->part;
    size_t row_bytes = nw_gemv_row_bytes(part->layout.format, part->layout.columns);
    int64_t first, rows;
    nw_model_share(job->model, job->matrix, part, thread, &first, &rows);
    for (int64_t row = first; row < first + rows; row++) {
        int place;
        uint8_t *panel = panel_of(part, thread, first, row, &place);
        if (job->keys)
            nw_weights_fill(job->model->isa, &part->layout, NW_WEIGHTS_RANDOM, job->keys,
                            job->first_seeded_row + row - part->first, panel, place);
        else
            nw_weights_store(&part->layout, panel, place, job->rows + (size_t)(row - part->first) * row_bytes);
    }
}

static bool has_part(const nw_model *m, int matrix, int part) {
    return matrix >= 0 && matrix < m->count && part >= 0 && part < m->matrices[matrix].parts;
}

nw_status nw_model_fill(nw_model *m, int matrix, int part, int64_t first, const uint32_t *keys) {
    if (!has_part(m, matrix, part) || !keys) return NW_INVALID_ARGUMENT;
    const model_matrix *of = &m->matrices[matrix];
    content_job job = {.model = m, .matrix = of, .part = &of->part[part], .keys = keys, .first_seeded_row = first};
    nw_team_run(m->team, make_share, &job, NULL);
    return NW_OK;
}

nw_status nw_model_copy(nw_model *m, int matrix, int part, const void *rows) {
    if (!has_part(m, matrix, part) || !rows) return NW_INVALID_ARGUMENT;
    const model_matrix *of = &m->matrices[matrix];
    content_job job = {.model = m, .matrix = of, .part = &of->part[part], .rows = rows};
    nw_team_run(m->team, make_share, &job, NULL);
    return NW_OK;
}

/// The panel of any row of a matrix; NULL where there is none.
static uint8_t *find_row(const nw_model *m, int matrix, int64_t row, const model_part **part, int *place) {
    if (matrix < 0 || matrix >= m->count || row < 0 || row >= m->matrices[matrix].rows) return NULL;
    const model_matrix *of = &m->matrices[matrix];
    for (int j = 0; j < of->parts; j++)
        for (int t = 0; t < m->threads; t++) {
            int64_t first, rows;
            nw_model_share(m, of, &of->part[j], t, &first, &rows);
            if (row < first || row >= first + rows) continue;
            *part = &of->part[j];
            return panel_of(*part, t, first, row, place);
        }
    return NULL;
}

nw_status nw_model_read_row(const nw_model *m, int matrix, int64_t row, void *bytes) {
    const model_part *part;
    int place;
    const uint8_t *panel = find_row(m, matrix, row, &part, &place);
    if (!panel) return NW_INVALID_ARGUMENT;
    nw_weights_load(&part->layout, panel, place, bytes);
    return NW_OK;
}

nw_status nw_model_write_row(nw_model *m, int matrix, int64_t row, const void *bytes) {
    const model_part *part;
    int place;
    uint8_t *panel = find_row(m, matrix, row, &part, &place);
    if (!panel) return NW_INVALID_ARGUMENT;
    nw_weights_store(&part->layout, panel, place, bytes);
    return NW_OK;
}
