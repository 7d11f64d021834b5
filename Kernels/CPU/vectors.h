// Vectors of the translation unit's width. Included inside the unit's `target` region, after NW_LANES is defined.
#include "internal.h"

typedef float vfloat __attribute__((vector_size(4 * NW_LANES)));
typedef int32_t vint __attribute__((vector_size(4 * NW_LANES)));
typedef uint32_t vword __attribute__((vector_size(4 * NW_LANES)));
typedef uint16_t vhalf __attribute__((vector_size(2 * NW_LANES)));
typedef vfloat vfloat_any __attribute__((aligned(4), may_alias));
typedef vword vword_any __attribute__((aligned(4), may_alias));
typedef vhalf vhalf_any __attribute__((aligned(2), may_alias));

#define NW_INLINE static inline __attribute__((always_inline))

/// Multiplies and adds, fused where the instruction set fuses.
#if NW_HAS_FMA
#define NW_MULTIPLY_ADD(a, b, c) __builtin_elementwise_fma(a, b, c)
#else
#define NW_MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#endif

/// The way to multiply every instruction set has; see gemm_tile.h.
typedef vfloat f32_sum;
typedef vword f32_operand;
enum { f32_products = 1, f32_signed = 1 };
NW_INLINE vfloat f32_multiply(vfloat sum, vword a, vword b) { return NW_MULTIPLY_ADD((vfloat)a, (vfloat)b, sum); }

/// Adds to each int32 the products of two pairs of int16.
NW_INLINE vint add_pairs(vint sum, vword a, vword b) {
    return sum + ((vint)(a << 16) >> 16) * ((vint)(b << 16) >> 16) + ((vint)a >> 16) * ((vint)b >> 16);
}
#ifndef NW_ADD_PAIRS
#define NW_ADD_PAIRS add_pairs
#endif

NW_INLINE vfloat splat(float value) {
    vfloat v;
#pragma clang loop unroll(full)
    for (int i = 0; i < NW_LANES; i++) v[i] = value;
    return v;
}
NW_INLINE vword splat_word(uint32_t value) {
    vword v;
#pragma clang loop unroll(full)
    for (int i = 0; i < NW_LANES; i++) v[i] = value;
    return v;
}
NW_INLINE vfloat load(const float *p) { return *(const vfloat_any *)p; }
NW_INLINE void store(float *p, vfloat v) { *(vfloat_any *)p = v; }
/// Stores the first `count` lanes, or all.
NW_INLINE void store_some(float *p, vfloat v, int64_t count) {
    if (count >= NW_LANES) return store(p, v);
    __builtin_memcpy(p, &v, (size_t)count * sizeof(float));
}
NW_INLINE vhalf load_half(const uint16_t *p) { return *(const vhalf_any *)p; }

NW_INLINE vint lanes_up(void) {
    vint v;
#pragma clang loop unroll(full)
    for (int i = 0; i < NW_LANES; i++) v[i] = i;
    return v;
}

NW_INLINE float sum_of(vfloat v) {
    // By halves: one addition after the other would take as long as a short row.
#if NW_LANES == 1
    return v[0];
#else
#if NW_LANES == 16
    typedef float half_vector __attribute__((vector_size(32)));
    half_vector h = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) +
                    __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
#elif NW_LANES == 8
    vfloat h = v;
#endif
#if NW_LANES >= 8
    typedef float quarter_vector __attribute__((vector_size(16)));
    quarter_vector q = __builtin_shufflevector(h, h, 0, 1, 2, 3) + __builtin_shufflevector(h, h, 4, 5, 6, 7);
#else
    vfloat q = v;
#endif
    return (q[0] + q[2]) + (q[1] + q[3]);
#endif
}

NW_INLINE vfloat widen_bf16(vhalf bits) { return (vfloat)(__builtin_convertvector(bits, vword) << 16); }

/// f16 to f32; exact.
NW_INLINE vfloat widen_f16(vhalf bits) {
#if NW_HAS_F16
    typedef _Float16 vfloat16 __attribute__((vector_size(2 * NW_LANES)));
    return __builtin_convertvector((vfloat16)bits, vfloat);
#else
    // The exponent moves by a multiplication, which also normalises subnormal numbers; infinities do not occur.
    vword w = __builtin_convertvector(bits, vword);
    vfloat magnitude = (vfloat)((w & 0x7fff) << 13) * 0x1p112f;
    return (vfloat)((vword)magnitude | (w & 0x8000) << 16);
#endif
}

NW_INLINE vhalf narrow_bf16(vfloat v) {
    vword w = (vword)v;
    return __builtin_convertvector((w + 0x7fff + (w >> 16 & 1)) >> 16, vhalf);
}

/// f32 to f16, nearest even; of numbers (not NaNs) below 65520 in magnitude.
NW_INLINE vhalf narrow_f16(vfloat v) {
#if NW_HAS_F16
    typedef _Float16 vfloat16 __attribute__((vector_size(2 * NW_LANES)));
    return (vhalf)__builtin_convertvector(v, vfloat16);
#else
    vword sign = (vword)v & 0x80000000u, w = (vword)v ^ sign;
    vword normal = (w - 0x38000000u + 0xfff + (w >> 13 & 1)) >> 13;
    // Adding 0.5 lets the hardware round to the spacing of subnormal f16 numbers.
    vword small = (vword)((vfloat)w + 0.5f) - 0x3f000000u;
    vword is_small = (vword)(w < 0x38800000u);
    return __builtin_convertvector((small & is_small) | (normal & ~is_small) | sign >> 16, vhalf);
#endif
}

/// e to the x for x up to 88, relative error about 1e-7; smaller than -87 counts as -87.
/// Range reduction by ln 2 in two parts (Cody and Waite), then the Taylor series to degree 7.
NW_INLINE vfloat exponential(vfloat x) {
    x = __builtin_elementwise_min(__builtin_elementwise_max(x, splat(-87.0f)), splat(88.0f));
    vfloat magic = splat(0x1.8p23f);
    vfloat shifted = x * 1.44269504f + magic;
    vfloat n = shifted - magic;
    vfloat r = x - n * 0.693359375f - n * -2.12194440e-4f;
    vfloat p = splat(1.0f / 5040);
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r * r + r + 1.0f;
    return p * (vfloat)(((vint)shifted - 0x4b400000 + 127) << 23);
}
