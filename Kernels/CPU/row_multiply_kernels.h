// Rows of weights in ggml's blocks times quantised rows, in plain C; see block_row_kernels.h.

NW_INLINE void multiply_block_rows(nw_weight_format format, const nw_product *p) {
    const int64_t blocks = p->columns / block_length;
    for (int64_t i = 0; i < p->rows; i++) {
        const uint8_t *w = (const uint8_t *)p->w + i * p->panel_stride;
        for (int64_t t = 0; t < p->x.count; t++) {
            const char *x = p->x.start + (size_t)t * p->x.row_bytes;
            const float *scales = (const float *)(x + p->columns);
            float sum = 0;
            for (int64_t b = 0; b < blocks; b++) {
                const uint8_t *block = w + b * block_bytes(format);
                int32_t product = block_product(format, block + 2, (const int8_t *)x + b * block_length);
                sum += (float)product * (block_scale(block) * scales[b]);
            }
            float *y = p->y + t * p->y_stride + i;
            *y = p->accumulate ? *y + sum : sum;
        }
    }
}

static void multiply_row_q8_0(const nw_product *p) { multiply_block_rows(NW_WEIGHT_Q8_0, p); }
static void multiply_row_q4_0(const nw_product *p) { multiply_block_rows(NW_WEIGHT_Q4_0, p); }
static void prepare_rows(const float *x, int64_t columns, int64_t first, int64_t end, const nw_rows *to, int64_t row) {
    prepare_blocks(0, 1, x, columns, first, end, to, row);
}
static const nw_multiply_kernel q8_0_multiply_kernel = {1, 1, NW_AS_BLOCKS, prepare_rows, multiply_row_q8_0};
static const nw_multiply_kernel q4_0_multiply_kernel = {1, 1, NW_AS_BLOCKS, prepare_rows, multiply_row_q4_0};
