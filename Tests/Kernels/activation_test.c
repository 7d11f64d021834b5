// What is done to rows of activations beside products, against double precision.
#include "self_test.h"

enum { most = 512 };

static void make_floats(float *x, int64_t count, double factor, uint64_t *state) {
    for (int64_t i = 0; i < count; i++) x[i] = (float)(factor * next_uniform(state));
}

/// Compares in a way that a NaN is a mismatch.
static bool compare(const char *group, int64_t index, double actual, double expected, double bound) {
    if (fabs(actual - expected) <= bound) return true;
    return mismatch(group, "element %lld: %.9g, expected %.9g within %.2g", (long long)index, actual, expected, bound);
}

bool check_soften(const char *group, const subject *s) {
    enum { count = 64, runs = 3 };
    static float scores[count + 16];
    static double expected[runs * count];
    uint64_t state = 31;
    float top = -INFINITY, sum = 0;
    double factors[runs], largest = -INFINITY, total = 0;
    for (int run = 0; run < runs; run++) {
        int valid = run == 1 ? 37 : count;
        make_floats(scores, count, 20, &state);
        for (int i = 0; i < valid; i++) largest = fmax(largest, (double)scores[i]);
        for (int i = 0; i < valid; i++) expected[run * count + i] = (double)scores[i];
        factors[run] = (double)nw_isa_activations(s->isa)->soften(scores, valid, count, &top, &sum);
        for (int i = 0; i < count; i++) {
            double e = i < valid ? exp(expected[run * count + i] - largest) : 0;
            if (!compare(group, i, (double)scores[i], e, 4e-6 * e + 1e-37)) return false;
        }
        total = total * factors[run];
        for (int i = 0; i < valid; i++) total += exp(expected[run * count + i] - largest);
        if (!compare(group, run, (double)sum, total, 4e-6 * total)) return false;
        if (!compare(group, run, (double)top, largest, 0)) return false;
    }
    return true;
}

bool check_largest(const char *group, const subject *s) {
    static float x[most];
    uint64_t state = 37;
    for (int64_t count = 1; count < most; count += 7) {
        make_floats(x, count, 1, &state);
        double top = -INFINITY;
        for (int64_t i = 0; i < count; i++) top = fmax(top, (double)x[i]);
        if (!compare(group, count, (double)nw_isa_activations(s->isa)->largest(x, count), top, 0)) return false;
    }
    return true;
}

bool check_stretch(const char *group, const subject *s) {
    enum { count = 48 };
    static float x[count + 1], before[count];
    uint64_t state = 39;
    make_floats(x, count, 1, &state);
    memcpy(before, x, sizeof before);
    x[count] = 7;
    nw_isa_activations(s->isa)->stretch(x, 0.3f, count);
    for (int i = 0; i < count; i++)
        if (!compare(group, i, (double)x[i], (double)(before[i] * 0.3f), 0)) return false;
    return x[count] == 7 || mismatch(group, "wrote past its end");
}

bool check_squares(const char *group, const subject *s) {
    static float x[most];
    uint64_t state = 41;
    for (int64_t count = 16; count <= most; count += 48) {
        make_floats(x, count, 1, &state);
        double sum = 0;
        for (int64_t i = 0; i < count; i++) sum += (double)x[i] * (double)x[i];
        double actual = (double)nw_isa_activations(s->isa)->squares(x, count);
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
    nw_isa_activations(s->isa)->scale(x, gain, 0.37f, y, count);
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
    nw_isa_activations(s->isa)->gate(x, up, y, count);
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
    nw_isa_activations(s->isa)->narrow(half, x, y, count);
    for (int i = 0; i < count; i++)
        if (y[i] != half_bits(f, (double)x[i]))
            return mismatch(group, "%a: %#x, expected %#x", (double)x[i], y[i], half_bits(f, (double)x[i]));
    return y[count] == 0xffff || mismatch(group, "wrote past its end");
}

bool check_narrow_bf16(const char *group, const subject *s) { return check_narrow(group, s, bf16, false); }
bool check_narrow_f16(const char *group, const subject *s) { return check_narrow(group, s, f16, true); }
