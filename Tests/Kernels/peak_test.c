// The register-only peaks against the same operations in scalar code: every chain, to the bit.
#include "self_test.h"

enum { steps = 53, most = 2048 };

/// The kernel's operands and results, of elements of up to eight bytes.
static _Alignas(64) unsigned char starts[8 * most], operands[8 * most], results[8 * most];

static bool fits(const char *group, const nw_peak_kernel *kernel) {
    return (kernel->chains <= most && kernel->operands <= most) || mismatch(group, "more chains than this test holds");
}

static bool run(const char *group, const nw_peak_kernel *kernel, int operations) {
    if (kernel->step_operations != operations)
        return mismatch(group, "counts %d operations a step, not %d", kernel->step_operations, operations);
    memset(results, 0xff, sizeof results);
    kernel->run(steps, starts, operands, results);
    return true;
}

// ---- Multiply-adds ---------------------------------------------------------------------------------------------

/// A format of multiply-adds. All its numbers are also doubles.
typedef struct {
    const char *name;
    nw_peak_kind kind;
    size_t bytes;
    double (*read)(const void *from);
    void (*write)(void *to, double x);
    /// a * b + c, rounded once or twice.
    double (*step)(double a, double b, double c, bool fused);
} number;

static double read_f64(const void *from) { return *(const double *)from; }
static double read_f32(const void *from) { return (double)*(const float *)from; }
static double read_f16(const void *from) { return half_value(f16, *(const uint16_t *)from); }
static void write_f64(void *to, double x) { *(double *)to = x; }
static void write_f32(void *to, double x) { *(float *)to = (float)x; }
static void write_f16(void *to, double x) { *(uint16_t *)to = half_bits(f16, x); }
// Through memory, so that no compiler fuses what the hardware of this instruction set does not.
static double step_f64(double a, double b, double c, bool fused) {
    volatile double product = a * b;
    return fused ? fma(a, b, c) : product + c;
}
static double step_f32(double a, double b, double c, bool fused) {
    volatile float product = (float)a * (float)b;
    return (double)(fused ? fmaf((float)a, (float)b, (float)c) : product + (float)c);
}
/// Multiples of 2^-48 below 8 are exact in f64, so that f16 is all they are rounded to.
static double step_f16(double a, double b, double c, bool fused) {
    double product = fused ? a * b : half_value(f16, half_bits(f16, a * b));
    return half_value(f16, half_bits(f16, product + c));
}

static const number numbers[] = {
    {"f64", NW_PEAK_F64, 8, read_f64, write_f64, step_f64},
    {"f32", NW_PEAK_F32, 4, read_f32, write_f32, step_f32},
    {"f16", NW_PEAK_F16, 2, read_f16, write_f16, step_f16},
};

/// Where the operands of a sum of products lie.
typedef struct {
    int first, second;
} place;

/// The operands of term `k` of what a step adds to chain `i`.
static place place_of(const nw_peak_kernel *kernel, int i, int k) {
    int depth = kernel->depth, vector = i / kernel->lanes, lane = i % kernel->lanes, square = depth * depth;
    int matrix = lane / square * square, row = lane % square / depth, column = lane % depth;
    return (place){vector % kernel->first_operands * kernel->lanes + matrix + row * depth + k,
                   (kernel->first_operands + vector % kernel->second_operands) * kernel->lanes + matrix + k * depth +
                       column};
}

/// x * x + c, or x + a * b.
static double follow(const number *n, const nw_peak_kernel *kernel, int i, bool fused) {
    double x = n->read(starts + (size_t)i * n->bytes), a = 0, b = 0, c = 0;
    if (kernel->lanes) {
        place at = place_of(kernel, i, 0);
        a = n->read(operands + (size_t)at.first * n->bytes);
        b = n->read(operands + (size_t)at.second * n->bytes);
    } else {
        c = n->read(operands + (size_t)(i % kernel->operands) * n->bytes);
    }
    for (int step = 0; step < steps; step++) x = kernel->lanes ? n->step(a, b, x, fused) : n->step(x, x, c, fused);
    return x;
}

static bool check_chains(const char *group, const subject *s, const number *n, const nw_peak_kernel *kernel) {
    uint64_t state = 11;
    for (int i = 0; i < kernel->chains; i++) n->write(starts + (size_t)i * n->bytes, next_uniform(&state));
    // x*x + c stays within [-2, 2] for c within [-2, 0.25].
    for (int i = 0; i < kernel->operands; i++)
        n->write(operands + (size_t)i * n->bytes, (next_uniform(&state) - 1) * 0.75);
    if (!run(group, kernel, 2)) return false;
    for (int i = 0; i < kernel->chains; i++) {
        double actual = n->read(results + (size_t)i * n->bytes), expected = follow(n, kernel, i, s->isa->fused);
        if (!(actual == expected))
            return mismatch(group, "%s: chain %d: %a, expected %a", n->name, i, actual, expected);
    }
    return true;
}

bool check_multiply_adds(const char *group, const subject *s) {
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        const nw_peak_kernel *kernel = nw_isa_peak(s->isa, numbers[i].kind);
        // f16 takes an extension; without it there is nothing to check.
        if (!kernel && numbers[i].kind == NW_PEAK_F16) continue;
        if (!kernel) return mismatch(group, "no peak of %s", numbers[i].name);
        if (!fits(group, kernel) || !check_chains(group, s, &numbers[i], kernel)) return false;
    }
    return true;
}

// ---- Dot products ----------------------------------------------------------------------------------------------

/// One group of bytes times another.
static int64_t product_i8(const unsigned char *a, const unsigned char *b, bool signed_first) {
    int64_t sum = 0;
    for (int i = 0; i < 4; i++) sum += (int64_t)(signed_first ? (int8_t)a[i] : a[i]) * (int8_t)b[i];
    return sum;
}

/// One pair of bf16 times another, of integers.
static int64_t product_bf16(const unsigned char *a, const unsigned char *b) {
    const uint16_t *x = (const uint16_t *)a, *y = (const uint16_t *)b;
    return (int64_t)(half_value(bf16, x[0]) * half_value(bf16, y[0]) + half_value(bf16, x[1]) * half_value(bf16, y[1]));
}

/// Bytes of any value for int8; bf16 integers so small that every sum is exact in f32.
static void make_operands(bool integer, int groups, uint64_t *state) {
    for (int i = 0; i < 4 * groups; i++) operands[i] = (unsigned char)floor(128 * next_uniform(state) + 128);
    if (integer) return;
    for (int i = 0; i < 2 * groups; i++) ((uint16_t *)operands)[i] = half_bits(bf16, floor(32 * next_uniform(state)));
}

/// What a step adds to chain `i`.
static int64_t step_sum(const nw_peak_kernel *kernel, int i, bool integer) {
    int64_t sum = 0;
    for (int k = 0; k < kernel->depth; k++) {
        place at = place_of(kernel, i, k);
        const unsigned char *a = operands + 4 * at.first, *b = operands + 4 * at.second;
        sum += integer ? product_i8(a, b, kernel->signed_first) : product_bf16(a, b);
    }
    return sum;
}

static bool check_dot(const char *group, const nw_peak_kernel *kernel, bool integer) {
    uint64_t state = 17;
    make_operands(integer, kernel->operands, &state);
    for (int i = 0; i < kernel->chains; i++) {
        double start = floor(1024 * next_uniform(&state));
        if (integer)
            ((int32_t *)starts)[i] = (int32_t)start;
        else
            ((float *)starts)[i] = (float)start;
    }
    if (!run(group, kernel, kernel->depth * (integer ? 8 : 4))) return false;
    for (int i = 0; i < kernel->chains; i++) {
        double actual = integer ? ((int32_t *)results)[i] : (double)((float *)results)[i];
        double start = integer ? ((int32_t *)starts)[i] : (double)((float *)starts)[i];
        double expected = start + (double)(steps * step_sum(kernel, i, integer));
        if (!(actual == expected))
            return mismatch(group, "%s: chain %d: %.9g, expected %.9g", integer ? "i8" : "bf16", i, actual, expected);
    }
    return true;
}

bool check_dots(const char *group, const subject *s) {
    static const nw_peak_kind kinds[] = {NW_PEAK_BF16, NW_PEAK_I8};
    for (int i = 0; i < 2; i++) {
        // Instruction sets without such instructions have no such peak.
        const nw_peak_kernel *kernel = nw_isa_peak(s->isa, kinds[i]);
        if (kernel && !(fits(group, kernel) && check_dot(group, kernel, kinds[i] == NW_PEAK_I8))) return false;
    }
    return true;
}
