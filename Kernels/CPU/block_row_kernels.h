// Rows of weights in ggml's own layout times a quantised vector, in plain C; see vectors.h and quantise.h.

/// The integer product of a block of weights with a block of x.
NW_INLINE int32_t block_product(nw_weight_format format, const uint8_t *q, const int8_t *values) {
    int32_t sum = 0;
    if (format == NW_WEIGHT_Q8_0)
        for (int i = 0; i < block_length; i++) sum += (int8_t)q[i] * values[i];
    else
        for (int i = 0; i < block_length / 2; i++)
            sum += ((q[i] & 15) - 8) * values[i] + ((q[i] >> 4) - 8) * values[i + block_length / 2];
    return sum;
}

NW_INLINE float block_scale(const uint8_t *w) {
    vhalf bits = {};
    uint16_t scale;
    __builtin_memcpy(&scale, w, 2);
    bits[0] = scale;
    return widen_f16(bits)[0];
}

/// y[i] = row i of w * x. Flops: 2 * rows * 32 * blocks. Bytes: rows * blocks * those of a block.
NW_INLINE void block_rows(nw_weight_format format, const uint8_t *w, int64_t rows, int64_t blocks,
                          const nw_quantised *x, float *y) {
    for (int64_t i = 0; i < rows; i++) {
        float sum = 0;
        for (int64_t b = 0; b < blocks; b++, w += block_bytes(format)) {
            int32_t product = block_product(format, w + 2, x->values + b * block_length);
            sum += (float)product * (block_scale(w) * x->scales[b]);
        }
        y[i] = sum;
    }
}

static void block_rows_q8_0(const void *w, int64_t rows, int64_t blocks, const nw_quantised *x, float *y) {
    block_rows(NW_WEIGHT_Q8_0, w, rows, blocks, x, y);
}

static void block_rows_q4_0(const void *w, int64_t rows, int64_t blocks, const nw_quantised *x, float *y) {
    block_rows(NW_WEIGHT_Q4_0, w, rows, blocks, x, y);
}

static void block_rows_quantise(nw_weight_format format, const float *x, int64_t first, int64_t end,
                                const nw_quantised *to) {
    (void)format;
    quantise_blocks(0, x, first, end, to);
}

static const nw_block_gemv_kernels block_row_kernels = {1, block_rows_quantise, block_rows_q8_0, block_rows_q4_0};
