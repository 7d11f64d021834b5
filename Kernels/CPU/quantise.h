// Quantising a vector, and the sizes of ggml's blocks; see vectors.h.
enum { block_length = 32, q8_0_bytes = 34, q4_0_bytes = 18 };

/// The bytes of a block.
NW_INLINE int64_t block_bytes(nw_weight_format format) { return format == NW_WEIGHT_Q8_0 ? q8_0_bytes : q4_0_bytes; }

/// The largest magnitude of a block. Magnitudes are ordered as their bits are, and integers need no rule for NaNs.
NW_INLINE float largest_magnitude(const float *x) {
    int32_t top = 0;
    for (int i = 0; i < block_length; i++) {
        int32_t bits;
        __builtin_memcpy(&bits, x + i, 4);
        bits &= 0x7fffffff;
        top = bits > top ? bits : top;
    }
    float largest;
    __builtin_memcpy(&largest, &top, 4);
    return largest;
}

/// Quantises blocks `first` to `end` - 1 as nw_gemv says. The kernel adds `shift` to weights, which `offsets` undo.
/// Plain loops, which the compiler makes vectors of.
NW_INLINE void quantise_blocks(int32_t shift, const float *x, int64_t first, int64_t end, const nw_quantised *to) {
    for (int64_t b = first; b < end; b++) {
        const float *block = x + b * block_length;
        int8_t *values = to->values + b * block_length;
        float largest = largest_magnitude(block);
        bool any = largest >= 0x1p-100f;
        float scale = any ? largest / 127 : 0, inverse = any ? 1 / scale : 0;
        int32_t sum = 0;
        for (int i = 0; i < block_length; i++) {
            // Two statements, so that the product is rounded before the addition rounds it to an integer.
            float scaled = block[i] * inverse;
            float shifted = scaled + 0x1.8p23f;
            int32_t bits;
            __builtin_memcpy(&bits, &shifted, 4);
            values[i] = (int8_t)(bits - 0x4b400000);
            sum += bits - 0x4b400000;
        }
        to->scales[b] = scale;
        to->offsets[b] = -shift * sum;
    }
}

/// Quantises the blocks of columns `first` to `end` - 1 of a row into its place in a tile; see nw_rows.
NW_INLINE void prepare_blocks(int32_t shift, int most, const float *x, int64_t columns, int64_t first, int64_t end,
                              const nw_rows *to, int64_t row) {
    const int64_t blocks = columns / block_length;
    int64_t start;
    int size;
    nw_tile_of(row, to->count, most, &start, &size);
    char *tile = to->start + (size_t)start * to->row_bytes;
    float *scales = (float *)(tile + size * columns) + (row - start);
    int32_t *offsets = (int32_t *)scales + size * blocks;
    for (int64_t b = first / block_length; b < end / block_length; b++) {
        _Alignas(64) int8_t values[block_length];
        nw_quantised block = {values, scales + b * size, offsets + b * size};
        quantise_blocks(shift, x + b * block_length, 0, 1, &block);
        for (int64_t i = 0; i < block_length; i += 4)
            __builtin_memcpy(tile + ((b * block_length + i) * size + 4 * (row - start)), values + i, 4);
    }
}
