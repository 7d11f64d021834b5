// Panels of bf16 weights times rows of bf16 by dot products of pairs: AVX-512 BF16; see tiles.h.
#include "tiles.h"

enum { pairs_rows = 12, pairs_step = 2 };

/// The weights of two columns, side by side for each row of the panel.
NW_INLINE __m512i pairs_of(const char *w) {
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21,
                                           5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_permutexvar_epi16(order, _mm512_loadu_si512(w));
}

NW_INLINE void pairs_tile(const int panels, const int tokens, const nw_product *p, const panel_pair *at, const char *x,
                          int64_t row) {
    const int64_t pairs = p->columns / 2;
    const int chains = panels * tokens >= 8 ? 1 : 2;
    __m512 sum[panel_streams][pairs_rows][pairs_step] = {};
    for (int64_t k = 0; k < pairs; k += pairs_step) {
#pragma clang loop unroll(full)
        for (int i = 0; i < panels; i++) fetch_ahead(at->w[i] + k * 64, pairs_step * 64);
#pragma clang loop unroll(full)
        for (int j = 0; j < pairs_step; j++) {
            __m512bh weights[panel_streams];
#pragma clang loop unroll(full)
            for (int i = 0; i < panels; i++) weights[i] = (__m512bh)pairs_of(at->w[i] + (k + j) * 64);
#pragma clang loop unroll(full)
            for (int t = 0; t < tokens; t++) {
                int pair;
                __builtin_memcpy(&pair, x + 4 * ((k + j) * tokens + t), 4);
                __m512bh value = (__m512bh)_mm512_set1_epi32(pair);
#pragma clang loop unroll(full)
                for (int i = 0; i < panels; i++)
                    sum[i][t][j % chains] = _mm512_dpbf16_ps(sum[i][t][j % chains], weights[i], value);
            }
        }
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < panels; i++)
#pragma clang loop unroll(full)
        for (int t = 0; t < tokens; t++) {
            vfloat total = (vfloat)(chains == 2 ? sum[i][t][0] + sum[i][t][1] : sum[i][t][0]);
            put(at->y[i] + (row + t) * p->y_stride, total, at->rows[i], p->accumulate);
        }
}

static void multiply_pairs(const nw_product *p) { multiply_panels(pairs_tile, panel_streams, pairs_rows, p); }

/// Rounds to bf16, ties to even, pair by pair of columns.
static void prepare_pairs(const float *x, int64_t columns, int64_t first, int64_t end, const nw_rows *to, int64_t row) {
    (void)columns;
    int64_t start;
    int size;
    nw_tile_of(row, to->count, pairs_rows, &start, &size);
    char *tile = to->start + (size_t)start * to->row_bytes + 4 * (row - start);
    for (int64_t k = first; k < end; k += NW_LANES) {
        vhalf bits = narrow_bf16(load(x + k));
        for (int i = 0; i < NW_LANES; i += 2)
            __builtin_memcpy(tile + (k + i) / 2 * 4 * size, (const char *)&bits + 2 * i, 4);
    }
}

static const nw_multiply_kernel bf16_pairs_multiply_kernel = {NW_LANES, pairs_rows, NW_AS_BF16, prepare_pairs,
                                                              multiply_pairs};
