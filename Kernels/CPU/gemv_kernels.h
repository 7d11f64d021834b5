// Panels of plain weights times a vector; see vectors.h and nw_gemv_kernels.
//
// A panel of NW_LANES rows is one linear stream, what memory serves best, and each value of x is loaded once for all
// its rows: of row after row, x's own misses of the first cache take the places in the queue that the weights' need.
#include "panels.h"

/// One vector of weights as f32.
NW_INLINE vfloat gemv_weights(nw_weight_format format, const char *w) {
    if (format == NW_WEIGHT_F32) return load((const float *)w);
    vhalf bits = load_half((const uint16_t *)w);
    return format == NW_WEIGHT_F16 ? widen_f16(bits) : widen_bf16(bits);
}

/// Adds the products of the rows of `count` panels, `distance` bytes apart, with x to their sums, in f32.
NW_INLINE void gemv_side_by_side(const int count, nw_weight_format format, const char *w, int64_t distance,
                                 int64_t columns, const float *x, vfloat *sums) {
    const int64_t bytes = NW_LANES * (format == NW_WEIGHT_F32 ? 4 : 2);
    vfloat sum[panel_streams][4] = {};
    int64_t k = 0;
    for (; k + 4 <= columns; k += 4, w += 4 * bytes)
#pragma clang loop unroll(full)
        for (int i = 0; i < count; i++) {
            // Past the end on purpose: the next panel, or the next copy of the matrix, lies there.
#pragma clang loop unroll(full)
            for (int64_t line = 0; NW_LANES > 1 && line < 4 * bytes; line += 64)
                __builtin_prefetch(w + i * distance + line + panel_ahead, 0, 3);
#pragma clang loop unroll(full)
            for (int j = 0; j < 4; j++) {
                vfloat weights = gemv_weights(format, w + i * distance + j * bytes);
                sum[i][j] = NW_MULTIPLY_ADD(weights, splat(x[k + j]), sum[i][j]);
            }
        }
    for (; k < columns; k++, w += bytes)
        for (int i = 0; i < count; i++)
            sum[i][0] = NW_MULTIPLY_ADD(gemv_weights(format, w + i * distance), splat(x[k]), sum[i][0]);
    for (int i = 0; i < count; i++) sums[i] = sum[i][0] + sum[i][1] + (sum[i][2] + sum[i][3]);
}

/// y[i] = row i of w * x. Flops: 2 * rows * columns. Bytes: those of an element * rows * columns.
NW_INLINE void gemv_panels(nw_weight_format format, const char *w, int64_t rows, int64_t columns, const float *x,
                           float *y) {
    const int64_t panel_bytes = columns * NW_LANES * (format == NW_WEIGHT_F32 ? 4 : 2);
    const int64_t panels = (rows + NW_LANES - 1) / NW_LANES, part = panels / panel_streams;
    for (int64_t i = 0; i < part; i++) {
        vfloat sums[panel_streams];
        gemv_side_by_side(panel_streams, format, w + i * panel_bytes, part * panel_bytes, columns, x, sums);
        for (int64_t j = 0; j < panel_streams; j++)
            store_some(y + (i + j * part) * NW_LANES, sums[j], rows - (i + j * part) * NW_LANES);
    }
    for (int64_t i = part * panel_streams; i < panels; i++) {
        vfloat sum;
        gemv_side_by_side(1, format, w + i * panel_bytes, 0, columns, x, &sum);
        store_some(y + i * NW_LANES, sum, rows - i * NW_LANES);
    }
}

static void gemv_f32(const void *w, int64_t rows, int64_t columns, const float *x, float *y) {
    gemv_panels(NW_WEIGHT_F32, w, rows, columns, x, y);
}

static void gemv_f16(const void *w, int64_t rows, int64_t columns, const float *x, float *y) {
    gemv_panels(NW_WEIGHT_F16, w, rows, columns, x, y);
}

static void gemv_bf16(const void *w, int64_t rows, int64_t columns, const float *x, float *y) {
    gemv_panels(NW_WEIGHT_BF16, w, rows, columns, x, y);
}

static const nw_gemv_kernels gemv_kernels = {NW_LANES, gemv_f32, gemv_f16, gemv_bf16};
