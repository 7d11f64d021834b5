// What the parts of the kernels' self-test share. Everything here is plain scalar code of its own: it must not use
// what it checks.
#ifndef NODEWATT_SELF_TEST_H
#define NODEWATT_SELF_TEST_H

#include "internal.h"

#include <math.h>
#include <string.h>

/// What is checked, and where.
typedef struct {
    const nw_isa *isa;
    /// One or two threads.
    nw_team *team;
} subject;

#if defined(__x86_64__)
/// AMX with its tile instructions in plain C, the rest AVX-512; see simulated_amx.c.
extern const nw_isa nw_isa_simulated_amx;
#endif

/// Checks one group of kernels; on the first mismatch prints a line that begins with the group's name, and is false.
typedef bool check(const char *group, const subject *s);

check check_fill, check_multiply_adds, check_dots, check_read, check_streams, check_products, check_gemv;
check check_multiply, check_soften, check_largest, check_stretch;
check check_squares, check_scale, check_gate, check_narrow_bf16, check_narrow_f16;

/// Prints what is wrong; always false.
__attribute__((format(printf, 2, 3))) bool mismatch(const char *group, const char *format, ...);

/// The next value of a 64-bit linear congruential generator, uniform in [-1, 1), a multiple of 2^-23.
static inline double next_uniform(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)((int32_t)(*state >> 32) >> 8) * 0x1p-23;
}

/// A binary format of 16 bits.
typedef struct {
    int fraction_bits, smallest_exponent;
} half_format;
static const half_format bf16 = {7, -126}, f16 = {10, -14};

/// The bits of the nearest number of the format, ties to even; no overflow.
static inline uint16_t half_bits(half_format f, double x) {
    if (x == 0) return signbit(x) ? 0x8000 : 0;
    int exponent = ilogb(x) > f.smallest_exponent ? ilogb(x) : f.smallest_exponent;
    // In units of the last place; a carry out of the fraction is a carry into the exponent.
    double units = nearbyint(scalbn(fabs(x), f.fraction_bits - exponent));
    int bits = ((exponent - f.smallest_exponent) << f.fraction_bits) + (int)units;
    return (uint16_t)(bits | (signbit(x) ? 0x8000 : 0));
}

static inline double half_value(half_format f, uint16_t bits) {
    int fraction = bits & ((1 << f.fraction_bits) - 1), exponent = (bits & 0x7fff) >> f.fraction_bits;
    double magnitude = exponent > 0 ? scalbn(fraction + (1 << f.fraction_bits), exponent - 1) : fraction;
    return (bits & 0x8000 ? -1 : 1) * scalbn(magnitude, f.smallest_exponent - f.fraction_bits);
}

/// The bound on the error of a sum of `count` products in f32, in any order, over the sum of their magnitudes.
///
/// It holds for Arm's bf16 dot products too: they round to odd, with twice the error, but half as often, to a pair of
/// products once and with it to the sum once.
static inline double rounding_bound(int64_t count) {
    double units = (double)(count + 2) * 0x1p-24;
    return units / (1 - units);
}

#endif
