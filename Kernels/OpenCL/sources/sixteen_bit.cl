// Vectors and the two 16-bit formats; stands before kernels of stored weights and caches. V: 4, 8 or 16. BF16:
// defined for bf16, else f16. `widen` takes eight elements in the order they lie in.
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define FLOATV JOIN(float, V)
#define VLOAD JOIN(vload, V)
#define VSTORE JOIN(vstore, V)

// Fetches the line at p where the compiler has a builtin for it: OpenCL's own prefetch is a hint that may do nothing.
#ifdef __has_builtin
#if __has_builtin(__builtin_prefetch)
#define FETCH(p) __builtin_prefetch((const void *)(uintptr_t)(p), 0, 3)
#endif
#endif
#ifndef FETCH
#define FETCH(p)
#endif

#ifdef BF16
typedef ushort element;
// A bf16 is the upper half of an f32.
float8 widen(uint4 words) { return as_float8(convert_uint8(as_ushort8(words)) << 16); }
FLOATV load_elements(size_t index, __global const element *data) {
    return JOIN(as_float, V)(JOIN(convert_uint, V)(VLOAD(index, data)) << 16);
}
void store_element(float value, size_t index, __global element *data) {
    uint bits = as_uint(value);
    data[index] = isnan(value) ? (ushort)(bits >> 16 | 0x40u) : (ushort)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}
#else
typedef half element;
float8 widen(uint4 words) { return vload_half8(0, (const __private half *)&words); }
FLOATV load_elements(size_t index, __global const element *data) { return JOIN(vload_half, V)(index, data); }
void store_element(float value, size_t index, __global element *data) { vstore_half_rte(value, index, data); }
#endif

float sum_of(FLOATV x) {
#if V == 16
    float8 y = x.lo + x.hi;
    float4 z = y.lo + y.hi;
#elif V == 8
    float4 z = x.lo + x.hi;
#else
    float4 z = x;
#endif
    return (z.x + z.z) + (z.y + z.w);
}
