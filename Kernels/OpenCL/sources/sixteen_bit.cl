// Vectors and the two 16-bit formats; stands before the decode kernels. V: 8 or 16. BF16: defined for bf16, else f16.
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define FLOATV JOIN(float, V)
#define VLOAD JOIN(vload, V)
#define VSTORE JOIN(vstore, V)

#ifdef BF16
typedef ushort element;
// A bf16 is the upper half of an f32.
FLOATV load_elements(size_t index, __global const element *data) {
    return JOIN(as_float, V)(JOIN(convert_uint, V)(VLOAD(index, data)) << 16);
}
void store_element(float value, size_t index, __global element *data) {
    uint bits = as_uint(value);
    data[index] = isnan(value) ? (ushort)(bits >> 16 | 0x40u) : (ushort)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}
#else
typedef half element;
FLOATV load_elements(size_t index, __global const element *data) { return JOIN(vload_half, V)(index, data); }
void store_element(float value, size_t index, __global element *data) { vstore_half_rte(value, index, data); }
#endif

float sum_of(FLOATV x) {
#if V == 16
    float8 y = x.lo + x.hi;
#else
    float8 y = x;
#endif
    float4 z = y.lo + y.hi;
    return (z.x + z.z) + (z.y + z.w);
}
