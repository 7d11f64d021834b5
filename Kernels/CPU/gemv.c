// y = W*x on a team, with copies of W used in turn.
//
// Every thread has one arena with its rows of all copies, copy after copy: one linear stream, on pages its thread
// touched first, and prefetches run on from one copy into the next.
#include "internal.h"

#include <stdlib.h>

enum { block_columns = 32, most_copies = 4096 };

struct nw_gemv {
    nw_team *team;
    const nw_isa *isa;
    /// The kernels of blocks in the layout chosen.
    const nw_block_gemv_kernels *blocks;
    nw_weight_layout layout;
    int64_t rows;
    /// Bytes of a panel.
    size_t panel_bytes;
    int threads, copies, last_copy;
    nw_memory **arenas;
    /// Two quantised vectors, used in turn so that one barrier per product suffices.
    nw_quantised quantised[2];
    nw_memory *quantised_memory;
    const float *x;
    float *y;
    int64_t repetitions;
    /// What is being filled in.
    nw_weight_data data;
    const uint32_t *keys;
};

static bool in_blocks(nw_weight_format format) { return format == NW_WEIGHT_Q8_0 || format == NW_WEIGHT_Q4_0; }

size_t nw_gemv_row_bytes(nw_weight_format format, int64_t columns) {
    if (columns < 1 || columns > 1 << 24 || (in_blocks(format) && columns % block_columns)) return 0;
    switch (format) {
    case NW_WEIGHT_F32: return (size_t)columns * 4;
    case NW_WEIGHT_F16:
    case NW_WEIGHT_BF16: return (size_t)columns * 2;
    case NW_WEIGHT_Q8_0: return (size_t)columns / block_columns * 34;
    case NW_WEIGHT_Q4_0: return (size_t)columns / block_columns * 18;
    }
    return 0;
}

int nw_gemv_copies_needed(nw_weight_format format, int64_t rows, int64_t columns, size_t rotated_bytes) {
    size_t bytes = nw_gemv_row_bytes(format, columns) * (size_t)(rows > 0 ? rows : 0);
    if (bytes == 0 || rotated_bytes <= bytes) return 1;
    size_t copies = (rotated_bytes + bytes - 1) / bytes;
    return copies < most_copies ? (int)copies : most_copies;
}

/// Shares are whole panels, so that only the last one is padded.
static int64_t first_row(const nw_gemv *g, int thread) {
    return nw_share(g->rows, g->layout.panel_rows, g->threads, thread);
}

static size_t panels_of(const nw_gemv *g, int thread) {
    size_t rows = (size_t)(first_row(g, thread + 1) - first_row(g, thread)), panel = (size_t)g->layout.panel_rows;
    return (rows + panel - 1) / panel;
}

/// A thread's first panel of a copy.
static uint8_t *rows_of(const nw_gemv *g, int copy, int thread) {
    return (uint8_t *)nw_memory_bytes(g->arenas[thread]) + (size_t)copy * panels_of(g, thread) * g->panel_bytes;
}

/// The panel of a row, which is the panel's row `*place`.
static uint8_t *panel_of(const nw_gemv *g, int copy, int64_t row, int *place) {
    int thread = 0;
    while (first_row(g, thread + 1) <= row) thread++;
    int64_t index = row - first_row(g, thread), panel_rows = g->layout.panel_rows;
    *place = (int)(index % panel_rows);
    return rows_of(g, copy, thread) + (size_t)(index / panel_rows) * g->panel_bytes;
}

// ---- Products --------------------------------------------------------------------------------------------------

static void multiply_plain(const nw_gemv *g, int copy, int thread) {
    const nw_gemv_kernels *kernels = nw_isa_gemv(g->isa);
    int64_t start = first_row(g, thread), rows = first_row(g, thread + 1) - start, columns = g->layout.columns;
    const uint8_t *w = rows_of(g, copy, thread);
    switch (g->layout.format) {
    case NW_WEIGHT_F16: kernels->f16(w, rows, columns, g->x, g->y + start); break;
    case NW_WEIGHT_BF16: kernels->bf16(w, rows, columns, g->x, g->y + start); break;
    default: kernels->f32(w, rows, columns, g->x, g->y + start); break;
    }
    // One product after the other, as the layers of a model.
    nw_team_barrier(g->team);
}

static void multiply_blocks(const nw_gemv *g, int copy, int thread, const nw_quantised *x) {
    int64_t start = first_row(g, thread), rows = first_row(g, thread + 1) - start;
    int64_t blocks = g->layout.columns / block_columns;
    bool eight_bits = g->layout.format == NW_WEIGHT_Q8_0;
    g->blocks->quantise(g->layout.format, g->x, nw_share(blocks, 16, g->threads, thread),
                        nw_share(blocks, 16, g->threads, thread + 1), x);
    nw_team_barrier(g->team);
    (eight_bits ? g->blocks->q8_0 : g->blocks->q4_0)(rows_of(g, copy, thread), rows, blocks, x, g->y + start);
}

static void run_share(void *context, int thread) {
    const nw_gemv *g = context;
    int copy = g->last_copy;
    for (int64_t i = 0; i < g->repetitions; i++) {
        copy = copy + 1 < g->copies ? copy + 1 : 0;
        if (in_blocks(g->layout.format))
            multiply_blocks(g, copy, thread, &g->quantised[i & 1]);
        else
            multiply_plain(g, copy, thread);
    }
}

nw_status nw_gemv_run(nw_gemv *g, const float *x, float *y, int64_t repetitions, nw_interval *interval) {
    if (repetitions < 1 || repetitions > INT64_MAX / 2) return NW_INVALID_ARGUMENT;
    g->x = x;
    g->y = y;
    g->repetitions = repetitions;
    nw_team_run(g->team, run_share, g, interval);
    g->last_copy = (int)((g->last_copy + repetitions) % g->copies);
    return NW_OK;
}

// ---- Making ready ----------------------------------------------------------------------------------------------

static nw_status reserve_weights(nw_gemv *g) {
    g->arenas = calloc((size_t)g->threads, sizeof *g->arenas);
    if (!g->arenas) return NW_OUT_OF_MEMORY;
    nw_status status = NW_OK;
    for (int t = 0; status == NW_OK && t < g->threads; t++) {
        // A thread without rows still has an address.
        size_t bytes = (size_t)g->copies * panels_of(g, t) * g->panel_bytes;
        status = nw_memory_create(bytes ? bytes : 1, &g->arenas[t]);
    }
    return status;
}

/// Room for two quantised vectors.
static nw_status reserve_quantised(nw_gemv *g) {
    if (!in_blocks(g->layout.format)) return NW_OK;
    size_t blocks = nw_round_up((size_t)g->layout.columns / block_columns, 16), bytes = blocks * (block_columns + 8);
    nw_status status = nw_memory_create(2 * bytes, &g->quantised_memory);
    if (status != NW_OK) return status;
    char *place = nw_memory_bytes(g->quantised_memory);
    for (int i = 0; i < 2; i++, place += bytes)
        g->quantised[i] = (nw_quantised){(int8_t *)place, (float *)(place + blocks * block_columns),
                                         (int32_t *)(place + blocks * (block_columns + 4))};
    return NW_OK;
}

nw_status nw_gemv_create(nw_team *team, const nw_isa *isa, nw_weight_format format, nw_block_layout layout,
                         int64_t rows, int64_t columns, size_t rotated_bytes, nw_gemv **result) {
    size_t row_bytes = nw_gemv_row_bytes(format, columns);
    if (row_bytes == 0 || rows < 1 || rows > 1 << 24 || rotated_bytes > SIZE_MAX / 4) return NW_INVALID_ARGUMENT;
    nw_gemv *g = calloc(1, sizeof *g);
    if (!g) return NW_OUT_OF_MEMORY;
    const nw_block_gemv_kernels *blocks = layout == NW_BLOCKS_GGML ? nw_isa_block_rows(isa) : nw_isa_block_panels(isa);
    int panel_rows = in_blocks(format) ? blocks->panel_rows : nw_isa_gemv(isa)->panel_rows;
    // Padding takes memory as rows do.
    int64_t padded = (int64_t)nw_round_up((size_t)rows, (size_t)panel_rows);
    *g = (nw_gemv){.team = team, .isa = isa, .blocks = blocks, .layout = {format, panel_rows, columns}, .rows = rows,
                   .panel_bytes = row_bytes * (size_t)panel_rows, .threads = nw_team_count(team), .last_copy = -1,
                   .copies = nw_gemv_copies_needed(format, padded, columns, rotated_bytes)};
    nw_status status = reserve_weights(g);
    if (status == NW_OK) status = reserve_quantised(g);
    if (status != NW_OK) {
        nw_gemv_destroy(g);
        return status;
    }
    *result = g;
    return NW_OK;
}

void nw_gemv_destroy(nw_gemv *g) {
    if (!g) return;
    for (int t = 0; g->arenas && t < g->threads; t++) nw_memory_destroy(g->arenas[t]);
    nw_memory_destroy(g->quantised_memory);
    free(g->arenas);
    free(g);
}

static void fill_share(void *context, int thread) {
    const nw_gemv *g = context;
    int64_t end = first_row(g, thread + 1);
    for (int copy = 0; copy < g->copies; copy++)
        for (int64_t row = first_row(g, thread); row < end; row++) {
            int place;
            uint8_t *panel = panel_of(g, copy, row, &place);
            nw_weights_fill(g->isa, &g->layout, g->data, g->keys + 2 * copy, row, panel, place);
        }
}

nw_status nw_gemv_fill(nw_gemv *g, nw_weight_data data, const uint32_t *keys) {
    if (data != NW_WEIGHTS_RANDOM && data != NW_WEIGHTS_INTEGER) return NW_INVALID_ARGUMENT;
    g->data = data;
    g->keys = keys;
    nw_team_run(g->team, fill_share, g, NULL);
    return NW_OK;
}

// ---- Looking in ------------------------------------------------------------------------------------------------

int nw_gemv_copies(const nw_gemv *g) { return g->copies; }
int nw_gemv_last_copy(const nw_gemv *g) { return g->last_copy; }
int nw_gemv_panel_rows(const nw_gemv *g) { return g->layout.panel_rows; }

static bool has_row(const nw_gemv *g, int copy, int64_t row) {
    return copy >= 0 && copy < g->copies && row >= 0 && row < g->rows;
}

nw_status nw_gemv_read_row(const nw_gemv *g, int copy, int64_t row, void *bytes) {
    if (!has_row(g, copy, row)) return NW_INVALID_ARGUMENT;
    int place;
    const uint8_t *panel = panel_of(g, copy, row, &place);
    nw_weights_load(&g->layout, panel, place, bytes);
    return NW_OK;
}

nw_status nw_gemv_write_row(nw_gemv *g, int copy, int64_t row, const void *bytes) {
    if (!has_row(g, copy, row)) return NW_INVALID_ARGUMENT;
    int place;
    uint8_t *panel = panel_of(g, copy, row, &place);
    nw_weights_store(&g->layout, panel, place, bytes);
    return NW_OK;
}
