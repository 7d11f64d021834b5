// Panels of weights in blocks times a quantised vector; see vectors.h, quantise.h and nw_block_gemv_kernels. Included
// with the header of the vector width, bytes_256.h or bytes_512.h.
#include "panels.h"

/// sum + the products of one block of each row of a panel with block `b` of x.
NW_INLINE vfloat block_panel_step(nw_weight_format format, const uint8_t *w, const nw_quantised *x, int64_t b,
                                  vfloat sum) {
    const uint8_t *q = w + 2 * NW_LANES;
    const int8_t *values = x->values + b * block_length;
    vbytes product = bytes_splat(x->offsets + b);
#pragma clang loop unroll(full)
    for (int g = 0; g < (format == NW_WEIGHT_Q8_0 ? 8 : 4); g++) {
        vbytes weights = bytes_load(q + 4 * NW_LANES * g);
        if (format == NW_WEIGHT_Q8_0) {
            product = add_signed_products(product, weights, bytes_splat(values + 4 * g));
        } else {
            product = add_products(product, low_nibbles(weights), bytes_splat(values + 4 * g));
            product = add_products(product, high_nibbles(weights), bytes_splat(values + 16 + 4 * g));
        }
    }
    vfloat scale = widen_f16(load_half((const uint16_t *)w)) * splat(x->scales[b]);
    return NW_MULTIPLY_ADD(__builtin_convertvector((vint)product, vfloat), scale, sum);
}

/// Adds the products of `count` panels, `distance` bytes apart, to their sums.
NW_INLINE void block_panels_side_by_side(const int count, nw_weight_format format, const uint8_t *w, int64_t distance,
                                         int64_t blocks, const nw_quantised *x, vfloat *sums) {
    const int64_t bytes = NW_LANES * block_bytes(format);
    for (int64_t b = 0; b < blocks; b++, w += bytes)
#pragma clang loop unroll(full)
        for (int i = 0; i < count; i++) {
            // Past the end on purpose: the next panel, or the next copy of the matrix, lies there.
#pragma clang loop unroll(full)
            for (int64_t line = 0; line < bytes; line += 64)
                __builtin_prefetch(w + i * distance + line + panel_ahead, 0, 3);
            sums[i] = block_panel_step(format, w + i * distance, x, b, sums[i]);
        }
}

/// y[i] = row i of w * x. Flops: 2 * rows * 32 * blocks. Bytes: rows * blocks * those of a block.
NW_INLINE void block_panels(nw_weight_format format, const uint8_t *w, int64_t rows, int64_t blocks,
                            const nw_quantised *x, float *y) {
    const int64_t panel_bytes = NW_LANES * blocks * block_bytes(format);
    const int64_t panels = (rows + NW_LANES - 1) / NW_LANES, part = panels / panel_streams;
    for (int64_t i = 0; i < part; i++) {
        vfloat sums[panel_streams] = {};
        block_panels_side_by_side(panel_streams, format, w + i * panel_bytes, part * panel_bytes, blocks, x, sums);
        for (int64_t j = 0; j < panel_streams; j++)
            store_some(y + (i + j * part) * NW_LANES, sums[j], rows - (i + j * part) * NW_LANES);
    }
    for (int64_t i = part * panel_streams; i < panels; i++) {
        vfloat sum = {};
        block_panels_side_by_side(1, format, w + i * panel_bytes, 0, blocks, x, &sum);
        store_some(y + i * NW_LANES, sum, rows - i * NW_LANES);
    }
}

static void block_panels_q8_0(const void *w, int64_t rows, int64_t blocks, const nw_quantised *x, float *y) {
    block_panels(NW_WEIGHT_Q8_0, w, rows, blocks, x, y);
}

static void block_panels_q4_0(const void *w, int64_t rows, int64_t blocks, const nw_quantised *x, float *y) {
    block_panels(NW_WEIGHT_Q4_0, w, rows, blocks, x, y);
}

static void block_panels_quantise(nw_weight_format format, const float *x, int64_t first, int64_t end,
                                  const nw_quantised *to) {
    quantise_blocks(format == NW_WEIGHT_Q8_0 ? signed_shift : 8, x, first, end, to);
}

static const nw_block_gemv_kernels block_panel_kernels = {NW_LANES, block_panels_quantise, block_panels_q8_0,
                                                          block_panels_q4_0};
