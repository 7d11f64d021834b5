// The walk through panels of weights and rows of x that all products share; see nw_multiply_kernel and panels.h.
#ifndef NODEWATT_TILES_H
#define NODEWATT_TILES_H
#include "panels.h"

/// One or two panels: where their weights begin, where y's first row goes, how many rows of the matrix they have left.
typedef struct panel_pair {
    const char *w[panel_streams];
    float *y[panel_streams];
    int64_t rows[panel_streams];
} panel_pair;

/// Multiplies `panels` panels by the tile of `tokens` rows at `x`, the first of which is row `row`. Both numbers are
/// compile-time constants.
typedef void tile_kernel(const int panels, const int tokens, const nw_product *p, const panel_pair *at, const char *x,
                         int64_t row);

/// How many bytes ahead of each panel is fetched; past its end lies what is read next.
NW_INLINE void fetch_ahead(const char *w, const int64_t bytes) {
#pragma clang loop unroll(full)
    for (int64_t line = 0; NW_LANES > 1 && line < bytes; line += 64) __builtin_prefetch(w + line + panel_ahead, 0, 3);
}

/// y[0 ... count - 1] = or += v, at most all lanes.
NW_INLINE void put(float *y, vfloat v, int64_t count, bool accumulate) {
    if (!accumulate) return store_some(y, v, count);
    if (count >= NW_LANES) return store(y, load(y) + v);
    for (int64_t i = 0; i < count; i++) y[i] += v[i];
}

NW_INLINE panel_pair panels_at(const nw_product *p, int64_t first, int64_t second) {
    const char *w = p->w;
    return (panel_pair){{w + first * p->panel_stride, w + second * p->panel_stride},
                        {p->y + first * NW_LANES, p->y + second * NW_LANES},
                        {p->rows - first * NW_LANES, p->rows - second * NW_LANES}};
}

/// All tiles of x.
NW_INLINE void multiply_rows(tile_kernel *tile, const int panels, const int most, const nw_product *p,
                             const panel_pair *at) {
    int64_t row = 0;
#define NW_ROWS_AT_A_TIME(tokens)                                                                                      \
    for (; tokens <= most && row + tokens <= p->x.count; row += tokens)                                                  \
        tile(panels, tokens, p, at, p->x.start + (size_t)row * p->x.row_bytes, row);
    NW_ROWS_AT_A_TIME(12)
    NW_ROWS_AT_A_TIME(8)
    NW_ROWS_AT_A_TIME(6)
    NW_ROWS_AT_A_TIME(4)
    NW_ROWS_AT_A_TIME(3)
    NW_ROWS_AT_A_TIME(2)
    NW_ROWS_AT_A_TIME(1)
#undef NW_ROWS_AT_A_TIME
}

/// All panels. Two of them at a time come from both halves of the matrix: two streams keep more of the memory busy than
/// one. Tiles that hold only one panel's sums do so where x has few rows and so the memory is what counts.
NW_INLINE void multiply_panels(tile_kernel *tile, const int together, const int most, const nw_product *p) {
    const int64_t panels = (p->rows + NW_LANES - 1) / NW_LANES;
    const int64_t pairs = together == panel_streams || p->x.count <= 2 ? panels / panel_streams : 0;
    for (int64_t i = 0; i < pairs; i++) {
        panel_pair at = panels_at(p, i, i + pairs);
        multiply_rows(tile, panel_streams, together == panel_streams ? most : 2, p, &at);
    }
    for (int64_t i = pairs * panel_streams; i < panels; i++) {
        panel_pair at = panels_at(p, i, i);
        multiply_rows(tile, 1, most, p, &at);
    }
}
#endif
