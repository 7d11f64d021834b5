// Matrix times vector in every format of stored weights, against double precision and integers.
#include "self_test.h"

#include <stdlib.h>

enum { rows = 37, most_columns = 352, most_row_bytes = 4 * most_columns, block_weights = 32 };

/// x as the products in blocks take it: integers and a scale for each block.
static void quantise(const float *x, int64_t columns, int *values, double *scales) {
    for (int64_t block = 0; block < columns / block_weights; block++) {
        float top = 0;
        for (int i = 0; i < block_weights; i++) top = fmaxf(top, fabsf(x[block * block_weights + i]));
        float scale = top / 127, inverse = top > 0 ? 1 / scale : 0;
        scales[block] = (double)scale;
        for (int i = 0; i < block_weights; i++) {
            int64_t at = block * block_weights + i;
            values[at] = (int)nearbyintf(x[at] * inverse);
        }
    }
}

/// The integer a block's weight `i` is stored as.
static int stored(nw_weight_format format, const unsigned char *block, int i) {
    if (format == NW_WEIGHT_Q8_0) return (signed char)block[2 + i];
    return (i < 16 ? block[2 + i] & 15 : block[2 + i - 16] >> 4) - 8;
}

static double half_at(half_format f, const unsigned char *bytes) {
    uint16_t bits;
    memcpy(&bits, bytes, sizeof bits);
    return half_value(f, bits);
}

/// A row times x, and the sum of the magnitudes of the terms.
static double row_product(nw_weight_format format, const unsigned char *row, const float *x, int64_t columns,
                          double *magnitude) {
    static int values[most_columns];
    static double scales[most_columns];
    bool blocks = format == NW_WEIGHT_Q8_0 || format == NW_WEIGHT_Q4_0;
    size_t block_bytes = format == NW_WEIGHT_Q8_0 ? 34 : 18;
    double sum = 0;
    *magnitude = 0;
    if (blocks) quantise(x, columns, values, scales);
    for (int64_t j = 0; j < columns; j++) {
        double term;
        float single;
        const unsigned char *block = row + (size_t)(j / block_weights) * block_bytes;
        memcpy(&single, row + (format == NW_WEIGHT_F32 ? 4 * j : 0), sizeof single);
        if (blocks)
            term = half_at(f16, block) * scales[j / block_weights] * stored(format, block, (int)(j % block_weights)) *
                   values[j];
        else if (format == NW_WEIGHT_F32)
            term = (double)single * (double)x[j];
        else
            term = half_at(format == NW_WEIGHT_F16 ? f16 : bf16, row + 2 * j) * (double)x[j];
        sum += term;
        *magnitude += fabs(term);
    }
    return sum;
}

static bool compare(const char *group, const nw_gemv *gemv, nw_weight_format format, int64_t columns, const float *x,
                    const float *y) {
    static unsigned char row[most_row_bytes];
    for (int i = 0; i < rows; i++) {
        if (nw_gemv_read_row(gemv, nw_gemv_last_copy(gemv), i, row) != NW_OK)
            return mismatch(group, "row %d cannot be read", i);
        double magnitude, expected = row_product(format, row, x, columns, &magnitude);
        double bound = rounding_bound(columns) * magnitude;
        // Written so that a NaN is a mismatch.
        if (!(fabs((double)y[i] - expected) <= bound))
            return mismatch(group, "format %d, %lld columns, row %d: %.9g, expected %.9g within %.2g", (int)format,
                            (long long)columns, i, (double)y[i], expected, bound);
    }
    return y[rows] == 7 || mismatch(group, "format %d wrote past its end", (int)format);
}

static bool check_format(const char *group, const subject *s, nw_weight_format format, nw_block_layout layout,
                         int64_t columns) {
    static const uint32_t keys[] = {11, 12, 21, 22, 31, 32, 41, 42};
    static float x[most_columns], y[rows + 1];
    nw_gemv *gemv = NULL;
    uint64_t state = 61;
    size_t bytes = nw_gemv_row_bytes(format, columns) * rows;
    nw_status status = nw_gemv_create(s->team, s->isa, format, layout, rows, columns, 2 * bytes, &gemv);
    if (status != NW_OK) return mismatch(group, "format %d: status %d", (int)format, (int)status);
    for (int64_t j = 0; j < columns; j++) x[j] = (float)next_uniform(&state);
    memset(y, 0xff, sizeof y);
    y[rows] = 7;
    bool right = nw_gemv_copies(gemv) <= 4 && nw_gemv_fill(gemv, NW_WEIGHTS_RANDOM, keys) == NW_OK &&
                 nw_gemv_run(gemv, x, y, 3, NULL) == NW_OK;
    right = right ? compare(group, gemv, format, columns, x, y) : mismatch(group, "format %d: refused", (int)format);
    nw_gemv_destroy(gemv);
    return right;
}

bool check_gemv(const char *group, const subject *s) {
    static const int64_t plain[] = {1, 7, 33, 350}, blocks[] = {32, 96, 352};
    for (int i = 0; i < 4; i++)
        for (int format = NW_WEIGHT_F32; format <= NW_WEIGHT_BF16; format++)
            if (!check_format(group, s, (nw_weight_format)format, NW_BLOCKS_PANELS, plain[i])) return false;
    for (int i = 0; i < 3; i++)
        for (int format = NW_WEIGHT_Q8_0; format <= NW_WEIGHT_Q4_0; format++)
            for (int layout = NW_BLOCKS_PANELS; layout <= NW_BLOCKS_GGML; layout++)
                if (!check_format(group, s, (nw_weight_format)format, (nw_block_layout)layout, blocks[i])) return false;
    return true;
}
