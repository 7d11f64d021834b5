// Panels of plain weights times a vector; see vectors.h and nw_gemv_kernels.
//
// A panel of NW_LANES rows is one linear stream, what memory serves best, and each value of x is loaded once for all
// its rows: of row after row, x's own misses of the first cache take the places in the queue that the weights' need.

/// One vector of weights as f32.
NW_INLINE vfloat gemv_weights(nw_weight_format format, const char *w) {
    if (format == NW_WEIGHT_F32) return load((const float *)w);
    vhalf bits = load_half((const uint16_t *)w);
    return format == NW_WEIGHT_F16 ? widen_f16(bits) : widen_bf16(bits);
}

/// The products of a panel's rows with x, accumulated in f32.
NW_INLINE vfloat gemv_panel(nw_weight_format format, const char *w, int64_t columns, const float *x) {
    const int64_t bytes = NW_LANES * (format == NW_WEIGHT_F32 ? 4 : 2);
    vfloat sum[4] = {};
    int64_t k = 0;
    for (; k + 4 <= columns; k += 4, w += 4 * bytes) {
        // Past the end on purpose: the next panel, or the next copy of the matrix, lies there.
#pragma clang loop unroll(full)
        for (int64_t line = 0; NW_LANES > 1 && line < 4 * bytes; line += 64)
            __builtin_prefetch(w + line + NW_WEIGHTS_AHEAD, 0, 3);
#pragma clang loop unroll(full)
        for (int j = 0; j < 4; j++)
            sum[j] = NW_MULTIPLY_ADD(gemv_weights(format, w + j * bytes), splat(x[k + j]), sum[j]);
    }
    for (; k < columns; k++, w += bytes) sum[0] = NW_MULTIPLY_ADD(gemv_weights(format, w), splat(x[k]), sum[0]);
    return sum[0] + sum[1] + (sum[2] + sum[3]);
}

/// y[i] = row i of w * x. Flops: 2 * rows * columns. Bytes: those of an element * rows * columns.
NW_INLINE void gemv_panels(nw_weight_format format, const char *w, int64_t rows, int64_t columns, const float *x,
                           float *y) {
    const int64_t panel_bytes = columns * NW_LANES * (format == NW_WEIGHT_F32 ? 4 : 2);
    for (int64_t i = 0; i < rows; i += NW_LANES, w += panel_bytes)
        store_some(y + i, gemv_panel(format, w, columns, x), rows - i);
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
