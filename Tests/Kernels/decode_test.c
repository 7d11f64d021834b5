// The operations of a decode step against double precision.
#include "self_test.h"

#include <stdlib.h>

enum { most = 512 };

static void make_floats(float *x, int64_t count, double factor, uint64_t *state) {
    for (int64_t i = 0; i < count; i++) x[i] = (float)(factor * next_uniform(state));
}

static void make_halves(half_format f, uint16_t *x, int64_t count, uint64_t *state) {
    for (int64_t i = 0; i < count; i++) x[i] = half_bits(f, next_uniform(state));
}

/// Compares in a way that a NaN is a mismatch.
static bool compare(const char *group, int64_t index, double actual, double expected, double bound) {
    if (fabs(actual - expected) <= bound) return true;
    return mismatch(group, "element %lld: %.9g, expected %.9g within %.2g", (long long)index, actual, expected, bound);
}

typedef void multiply_kernel(const uint16_t *, int64_t, int64_t, const float *, float *, bool);

static bool check_multiply(const char *group, half_format f, multiply_kernel *kernel) {
    enum { rows = 5 };
    static uint16_t w[rows * most];
    static float x[most], y[rows + 1];
    static const int64_t widths[] = {16, 48, 64, 208, 512};
    uint64_t state = 23;
    for (int run = 0; run < 2 * (int)(sizeof widths / sizeof *widths); run++) {
        int64_t columns = widths[run / 2];
        bool accumulate = run % 2;
        make_halves(f, w, rows * columns, &state);
        make_floats(x, columns, 1, &state);
        for (int i = 0; i <= rows; i++) y[i] = accumulate || i == rows ? 3 : NAN;
        kernel(w, rows, columns, x, y, accumulate);
        for (int i = 0; i < rows; i++) {
            double sum = accumulate ? 3 : 0, magnitude = sum;
            for (int64_t j = 0; j < columns; j++) {
                double term = half_value(f, w[i * columns + j]) * (double)x[j];
                sum += term;
                magnitude += fabs(term);
            }
            if (!compare(group, i, (double)y[i], sum, rounding_bound(columns) * magnitude)) return false;
        }
        if (y[rows] != 3) return mismatch(group, "wrote past its end");
    }
    return true;
}

bool check_multiply_bf16(const char *group, const subject *s) {
    return check_multiply(group, bf16, nw_isa_decode(s->isa)->multiply_bf16);
}
bool check_multiply_f16(const char *group, const subject *s) {
    return check_multiply(group, f16, nw_isa_decode(s->isa)->multiply_f16);
}

typedef void attend_kernel(const float *, const uint16_t *, const uint16_t *, int64_t, int64_t, int, float *, float *);

/// One head's attention in double precision.
static void attend(half_format f, const float *query, const uint16_t *keys, const uint16_t *values, int64_t stride,
                   int64_t tokens, int dimension, double *output) {
    static double weights[most];
    double top = -INFINITY, total = 0;
    for (int64_t t = 0; t < tokens; t++) {
        weights[t] = 0;
        for (int i = 0; i < dimension; i++) weights[t] += (double)query[i] * half_value(f, keys[t * stride + i]);
        weights[t] /= sqrt(dimension);
        top = fmax(top, weights[t]);
    }
    for (int64_t t = 0; t < tokens; t++) total += weights[t] = exp(weights[t] - top);
    for (int i = 0; i < dimension; i++) {
        output[i] = 0;
        for (int64_t t = 0; t < tokens; t++) output[i] += weights[t] * half_value(f, values[t * stride + i]) / total;
    }
}

static bool check_attend(const char *group, half_format f, attend_kernel *kernel) {
    static const struct {
        int64_t tokens;
        int dimension, stride;
    } cases[] = {{1, 16, 16}, {5, 64, 96}, {33, 128, 128}, {130, 16, 48}};
    static uint16_t keys[200 * 128], values[200 * 128];
    static float query[most], scores[most], output[most];
    static double expected[most];
    uint64_t state = 31;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        int64_t tokens = cases[c].tokens, stride = cases[c].stride;
        make_floats(query, cases[c].dimension, 4, &state);
        make_halves(f, keys, tokens * stride, &state);
        make_halves(f, values, tokens * stride, &state);
        memset(output, 0xff, sizeof output);
        kernel(query, keys, values, stride, tokens, cases[c].dimension, scores, output);
        attend(f, query, keys, values, stride, tokens, cases[c].dimension, expected);
        // Values below 1 in magnitude; the exponential is good to about 1e-7, its argument to a few units.
        for (int i = 0; i < cases[c].dimension; i++)
            if (!compare(group, i, (double)output[i], expected[i], 1e-5)) return false;
    }
    return true;
}

bool check_attend_bf16(const char *group, const subject *s) {
    return check_attend(group, bf16, nw_isa_decode(s->isa)->attend_bf16);
}
bool check_attend_f16(const char *group, const subject *s) {
    return check_attend(group, f16, nw_isa_decode(s->isa)->attend_f16);
}

bool check_squares(const char *group, const subject *s) {
    static float x[most];
    uint64_t state = 41;
    for (int64_t count = 16; count <= most; count += 48) {
        make_floats(x, count, 1, &state);
        double sum = 0;
        for (int64_t i = 0; i < count; i++) sum += (double)x[i] * (double)x[i];
        double actual = (double)nw_isa_decode(s->isa)->squares(x, count);
        if (!compare(group, count, actual, sum, rounding_bound(count) * sum)) return false;
    }
    return true;
}

bool check_scale(const char *group, const subject *s) {
    enum { count = 112 };
    static float x[count], gain[count], y[count + 1];
    uint64_t state = 43;
    make_floats(x, count, 1, &state);
    make_floats(gain, count, 1, &state);
    memset(y, 0xff, sizeof y);
    y[count] = 7;
    nw_isa_decode(s->isa)->scale(x, gain, 0.37f, y, count);
    for (int i = 0; i < count; i++) {
        double expected = (double)x[i] * (double)0.37f * (double)gain[i];
        if (!compare(group, i, (double)y[i], expected, 0x1p-22 * fabs(expected) + 1e-40)) return false;
    }
    return y[count] == 7 || mismatch(group, "wrote past its end");
}

bool check_gate(const char *group, const subject *s) {
    enum { count = 176 };
    static float x[count], up[count], y[count + 1];
    uint64_t state = 47;
    make_floats(x, count, 30, &state);
    make_floats(up, count, 1, &state);
    memset(y, 0xff, sizeof y);
    y[count] = 7;
    nw_isa_decode(s->isa)->gate(x, up, y, count);
    for (int i = 0; i < count; i++) {
        double expected = (double)x[i] / (1 + exp(-(double)x[i])) * (double)up[i];
        if (!compare(group, i, (double)y[i], expected, 2e-6 * fabs(expected) + 1e-12)) return false;
    }
    return y[count] == 7 || mismatch(group, "wrote past its end");
}

static bool check_narrow(const char *group, const subject *s, half_format f, bool half) {
    enum { count = 512 };
    static float x[count];
    static uint16_t y[count + 1];
    uint64_t state = 53;
    for (int i = 0; i < count; i++) {
        // Every magnitude from below the subnormal numbers to a few thousands, and exact ties.
        double wide = scalbn(next_uniform(&state), i % 48 - 36);
        x[i] = i % 8 ? (float)wide : (float)(half_value(f, half_bits(f, wide)) * (1 + scalbn(0.5, -f.fraction_bits)));
    }
    memset(y, 0xff, sizeof y);
    nw_isa_decode(s->isa)->narrow(half, x, y, count);
    for (int i = 0; i < count; i++)
        if (y[i] != half_bits(f, (double)x[i]))
            return mismatch(group, "%a: %#x, expected %#x", (double)x[i], y[i], half_bits(f, (double)x[i]));
    return y[count] == 0xffff || mismatch(group, "wrote past its end");
}

bool check_narrow_bf16(const char *group, const subject *s) { return check_narrow(group, s, bf16, false); }
bool check_narrow_f16(const char *group, const subject *s) { return check_narrow(group, s, f16, true); }
