// Panels of weights in blocks times quantised rows; see tiles.h and block_panel_kernels.h.
#include "tiles.h"

// As many rows of x as leave the sums of a panel in registers: integers of a block, and floats of all blocks.
enum { blocks_rows = NW_LANES == 8 ? 4 : 12 };

/// Adds the products of block `b` of a panel with that of each row of x.
NW_INLINE void block_tile_step(nw_weight_format format, const int tokens, const nw_product *p, const uint8_t *w,
                               const char *x, int64_t b, vfloat *sum) {
    const uint8_t *q = w + 2 * NW_LANES;
    const char *values = x + b * block_length * tokens;
    const float *scales = (const float *)(x + p->columns * tokens) + b * tokens;
    const float *offsets = scales + p->columns / block_length * tokens;
    vbytes product[blocks_rows];
#pragma clang loop unroll(full)
    for (int t = 0; t < tokens; t++) product[t] = bytes_splat(offsets + t);
#pragma clang loop unroll(full)
    for (int g = 0; g < (format == NW_WEIGHT_Q8_0 ? 8 : 4); g++) {
        vbytes weights = bytes_load(q + 4 * NW_LANES * g);
        vbytes low = format == NW_WEIGHT_Q8_0 ? weights : low_nibbles(weights);
        vbytes high = format == NW_WEIGHT_Q8_0 ? weights : high_nibbles(weights);
#pragma clang loop unroll(full)
        for (int t = 0; t < tokens; t++) {
            const char *four = values + 4 * (g * tokens + t);
            if (format == NW_WEIGHT_Q8_0) {
                product[t] = add_signed_products(product[t], weights, bytes_splat(four));
            } else {
                product[t] = add_products(product[t], low, bytes_splat(four));
                product[t] = add_products(product[t], high, bytes_splat(four + 16 * tokens));
            }
        }
    }
    vfloat scale = widen_f16(load_half((const uint16_t *)w));
#pragma clang loop unroll(full)
    for (int t = 0; t < tokens; t++)
        sum[t] = NW_MULTIPLY_ADD(__builtin_convertvector((vint)product[t], vfloat),
                                 scale * splat(scales[t]), sum[t]);
}

NW_INLINE void block_tile(nw_weight_format format, const int panels, const int tokens, const nw_product *p,
                          const panel_pair *at, const char *x, int64_t row) {
    const int64_t bytes = NW_LANES * block_bytes(format), blocks = p->columns / block_length;
    vfloat sum[panel_streams][blocks_rows] = {};
    for (int64_t b = 0; b < blocks; b++)
#pragma clang loop unroll(full)
        for (int i = 0; i < panels; i++) {
            fetch_ahead(at->w[i] + b * bytes, bytes);
            block_tile_step(format, tokens, p, (const uint8_t *)at->w[i] + b * bytes, x, b, sum[i]);
        }
#pragma clang loop unroll(full)
    for (int i = 0; i < panels; i++)
#pragma clang loop unroll(full)
        for (int t = 0; t < tokens; t++)
            put(at->y[i] + (row + t) * p->y_stride, sum[i][t], at->rows[i], p->accumulate);
}

#define NW_BLOCKS(name, format, shift)                                                                                 \
    NW_INLINE void name##_weights_tile(const int panels, const int tokens, const nw_product *p, const panel_pair *at,          \
                               const char *x, int64_t row) {                                                           \
        block_tile(format, panels, tokens, p, at, x, row);                                                             \
    }                                                                                                                  \
    static void multiply_rows_##name(const nw_product *p) { multiply_panels(name##_weights_tile, 1, blocks_rows, p); }              \
    static void prepare_##name(const float *x, int64_t columns, int64_t first, int64_t end, const nw_rows *to,         \
                               int64_t row) {                                                                          \
        prepare_blocks(shift, blocks_rows, x, columns, first, end, to, row);                                           \
    }                                                                                                                  \
    static const nw_multiply_kernel name##_multiply_kernel = {NW_LANES, blocks_rows, NW_AS_BLOCKS, prepare_##name,     \
                                                                 multiply_rows_##name};
NW_BLOCKS(q8_0, NW_WEIGHT_Q8_0, signed_shift)
NW_BLOCKS(q4_0, NW_WEIGHT_Q4_0, 8)
#undef NW_BLOCKS
