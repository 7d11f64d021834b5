// Panels of plain weights times rows of x in f32; see vectors.h, tiles.h and nw_multiply_kernel.
#include "tiles.h"

// As many rows of x as leave the sums of two panels in registers.
enum { plain_rows = NW_LANES == 1 ? 4 : NW_LANES == 8 ? 6 : 12, plain_step = 4 };

/// The products of `panels` x `tokens`. Few of them have several sums each, so that no addition waits for the last.
NW_INLINE void plain_tile(const nw_weight_format format, const int panels, const int tokens, const nw_product *p,
                          const panel_pair *at, const char *x, int64_t row) {
    const int64_t bytes = NW_LANES * (format == NW_WEIGHT_F32 ? 4 : 2), columns = p->columns;
    const float *values = (const float *)x;
    const int chains = panels * tokens >= 8 ? 1 : panels * tokens >= 4 ? 2 : 4;
    vfloat sum[panel_streams][plain_rows][plain_step] = {};
    int64_t k = 0;
    for (; k + plain_step <= columns; k += plain_step) {
#pragma clang loop unroll(full)
        for (int i = 0; i < panels; i++) fetch_ahead(at->w[i] + k * bytes, plain_step * bytes);
#pragma clang loop unroll(full)
        for (int j = 0; j < plain_step; j++) {
            vfloat weights[panel_streams];
#pragma clang loop unroll(full)
            for (int i = 0; i < panels; i++) weights[i] = gemv_weights(format, at->w[i] + (k + j) * bytes);
#pragma clang loop unroll(full)
            for (int t = 0; t < tokens; t++) {
                vfloat value = splat(values[(k + j) * tokens + t]);
#pragma clang loop unroll(full)
                for (int i = 0; i < panels; i++)
                    sum[i][t][j % chains] = NW_MULTIPLY_ADD(weights[i], value, sum[i][t][j % chains]);
            }
        }
    }
    for (; k < columns; k++)
#pragma clang loop unroll(full)
        for (int t = 0; t < tokens; t++)
#pragma clang loop unroll(full)
            for (int i = 0; i < panels; i++)
                sum[i][t][0] = NW_MULTIPLY_ADD(gemv_weights(format, at->w[i] + k * bytes),
                                               splat(values[k * tokens + t]), sum[i][t][0]);
#pragma clang loop unroll(full)
    for (int t = 0; t < tokens; t++)
#pragma clang loop unroll(full)
        for (int i = 0; i < panels; i++) {
#pragma clang loop unroll(full)
            for (int j = 1; j < chains; j++) sum[i][t][0] += sum[i][t][j];
            put(at->y[i] + (row + t) * p->y_stride, sum[i][t][0], at->rows[i], p->accumulate);
        }
}

/// Column by column, so that a tile is one stream that all of its rows are read from.
static void prepare_f32(const float *x, int64_t columns, int64_t first, int64_t end, const nw_rows *to, int64_t row) {
    (void)columns;
    int64_t start;
    int size;
    nw_tile_of(row, to->count, plain_rows, &start, &size);
    float *tile = (float *)(to->start + (size_t)start * to->row_bytes) + (row - start);
    for (int64_t k = first; k < end; k++) tile[k * size] = x[k];
}

#define NW_PLAIN(name, format)                                                                                         \
    NW_INLINE void name##_weights_tile(const int panels, const int tokens, const nw_product *p, const panel_pair *at,          \
                               const char *x, int64_t row) {                                                           \
        plain_tile(format, panels, tokens, p, at, x, row);                                                             \
    }                                                                                                                  \
    static void multiply_rows_##name(const nw_product *p) { multiply_panels(name##_weights_tile, panel_streams, plain_rows, p); }   \
    static const nw_multiply_kernel name##_multiply_kernel = {NW_LANES, plain_rows, NW_AS_F32, prepare_f32,             \
                                                                 multiply_rows_##name};
NW_PLAIN(f32, NW_WEIGHT_F32)
NW_PLAIN(f16, NW_WEIGHT_F16)
NW_PLAIN(bf16, NW_WEIGHT_BF16)
#undef NW_PLAIN
