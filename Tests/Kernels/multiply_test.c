// Products of panels of weights with rows of activations against double precision.
#include "self_test.h"

#include <stdlib.h>

enum { rows = 37, most_columns = 352, most_count = 27, block = 32 };

static bool in_blocks(nw_weight_format format) { return format == NW_WEIGHT_Q8_0 || format == NW_WEIGHT_Q4_0; }

/// What a row of activations is made into, as numbers.
static void round_row(nw_multiplicand multiplicand, const float *x, int64_t columns, double *to) {
    for (int64_t i = 0; i < columns; i++)
        to[i] = multiplicand == NW_AS_BF16 ? half_value(bf16, half_bits(bf16, (double)x[i])) : (double)x[i];
    for (int64_t b = 0; multiplicand == NW_AS_BLOCKS && b < columns; b += block) {
        float top = 0;
        for (int i = 0; i < block; i++) top = fmaxf(top, fabsf(x[b + i]));
        float scale = top / 127, inverse = 1 / scale;
        for (int i = 0; i < block; i++) to[b + i] = (double)scale * nearbyint((double)(x[b + i] * inverse));
    }
}

static bool check_row(const char *group, const double *x, const float *w, int64_t columns, double before, double actual) {
    double sum = before, magnitude = fabs(before);
    for (int64_t k = 0; k < columns; k++) {
        sum += (double)w[k] * x[k];
        magnitude += fabs((double)w[k] * x[k]);
    }
    if (fabs(actual - sum) <= 2 * rounding_bound(columns) * magnitude + 1e-30) return true;
    return mismatch(group, "%.9g, expected %.9g", actual, sum);
}

static bool check_count(const char *group, const subject *s, nw_weight_format format, int64_t columns, int64_t count,
                        bool accumulate) {
    static _Alignas(64) unsigned char panels[48 * 4 * most_columns + 4096], stored[4 * most_columns + 64];
    static _Alignas(64) char prepared[most_count * 8 * most_columns];
    static float numbers[rows][most_columns], x[most_columns], y[most_count * 64];
    static double rounded[most_count][most_columns];
    const nw_multiply_kernel *kernel = nw_isa_multiply(s->isa, format);
    const nw_weight_layout layout = {format, kernel->panel_rows, columns};
    const uint32_t keys[2] = {77, 99};
    int64_t stride = (int64_t)nw_gemv_row_bytes(format, columns) * kernel->panel_rows;
    for (int r = 0; r < rows; r++) {
        nw_weights_make_row(s->isa, format, columns, keys, r, stored);
        nw_weights_numbers(format, columns, stored, numbers[r]);
        nw_weights_store(&layout, panels + r / kernel->panel_rows * stride, r % kernel->panel_rows, stored);
    }
    nw_rows made = {prepared, nw_row_bytes(kernel->multiplicand, columns), count};
    uint64_t state = 61;
    for (int64_t t = 0; t < count; t++) {
        for (int64_t k = 0; k < columns; k++) x[k] = (float)next_uniform(&state);
        round_row(kernel->multiplicand, x, columns, rounded[t]);
        int64_t half = columns >= 64 ? 32 : columns;
        kernel->prepare(x, columns, half, columns, &made, t);
        kernel->prepare(x, columns, 0, half, &made, t);
    }
    for (int i = 0; i < most_count * 64; i++) y[i] = accumulate || i % 64 >= rows ? 3 : NAN;
    nw_product product = {.w = panels, .panel_stride = stride, .rows = rows, .columns = columns, .x = made, .y = y,
                          .y_stride = 64, .accumulate = accumulate};
    kernel->run(&product);
    for (int64_t t = 0; t < count; t++)
        for (int r = 0; r < 64; r++) {
            double actual = (double)y[t * 64 + r];
            if (r >= rows && actual != 3) return mismatch(group, "wrote past its end");
            if (r < rows && !check_row(group, rounded[t], numbers[r], columns, accumulate ? 3 : 0, actual)) return false;
        }
    return true;
}

bool check_multiply(const char *group, const subject *s) {
    static const int64_t widths[] = {32, 96, 352}, plain[] = {16, 48, 112};
    for (int format = 0; format < NW_WEIGHT_FORMAT_COUNT; format++)
        for (int64_t count = 1; count <= most_count; count++)
            for (int i = 0; i < 3; i++) {
                int64_t columns = in_blocks((nw_weight_format)format) ? widths[i] : plain[i];
                if (!check_count(group, s, (nw_weight_format)format, columns, count, (count + i) % 2)) return false;
            }
    return true;
}
