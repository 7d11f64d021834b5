// The vector as products with weights in blocks take it, quantised by the rule of GEMVOracle: of every 32 values
// d = max|x| / 127 and q = x * (1 / d), rounded to the nearest integer, ties to even; zeros where max|x| < 2^-100.
//
// VALUE: char or short, what q is stored in; as char in order, as short in the order in which gemv_panels.cl takes the
// two lanes of a word apart. Q8 or Q4: the weights, which for Q4 are multiplied plus 8; `offsets` undo it: -8 times the
// sum of a block's q. Item i makes blocks i * run to (i + 1) * run.
#ifdef Q8
#define SHIFT 0
#define PLACE(i) (((i) & ~3) | ((i) & 1) << 1 | ((i) >> 1 & 1))
#else
#define SHIFT 8
#define PLACE(i) ((i) / 8 * 4 + ((i) & 1) * 2 + ((i) >> 1 & 1) * 16 + ((i) >> 2 & 1))
#endif

// a / b may be off by 2.5 ulp; one step of Newton's method leaves it as a host rounds it.
float divide(float a, float b) {
    float quotient = a / b;
    return fma(fma(-quotient, b, a), 1.0f / b, quotient);
}

float largest_magnitude(float16 a, float16 b) {
    float16 x = fmax(fabs(a), fabs(b));
    float8 y = fmax(x.lo, x.hi);
    float4 z = fmax(y.lo, y.hi);
    return fmax(fmax(z.x, z.y), fmax(z.z, z.w));
}

#define JOIN_QUANTISED_(a, b) a##b
#define JOIN_QUANTISED(a, b) JOIN_QUANTISED_(a, b)
#define CONVERT JOIN_QUANTISED(JOIN_QUANTISED(convert_, VALUE), 16)

#define VALUE16 JOIN_QUANTISED(VALUE, 16)

void store_block(VALUE16 low, VALUE16 high, __global VALUE *values) {
    if (sizeof(VALUE) == 1) {
        vstore16(low, 0, values);
        vstore16(high, 1, values);
        return;
    }
    VALUE block[32];
    vstore16(low, 0, block);
    vstore16(high, 1, block);
#pragma unroll
    for (uint i = 0; i < 32; i++) values[i] = block[PLACE(i)];
}

__kernel void quantise_blocks(__global const float *restrict x, __global VALUE *restrict values,
                              __global float *restrict scales, __global int *restrict offsets, uint blocks, uint run) {
    uint first = get_global_id(0) * run, last = min(first + run, blocks);
    for (uint b = first; b < last; b++) {
        float16 low = vload16(2 * b, x), high = vload16(2 * b + 1, x);
        float largest = largest_magnitude(low, high);
        bool any = largest >= 0x1p-100f;
        float scale = any ? divide(largest, 127.0f) : 0.0f, inverse = any ? divide(1.0f, scale) : 0.0f;
        low = rint(low * inverse);
        high = rint(high * inverse);
        store_block(CONVERT(low), CONVERT(high), values + 32 * b);
        // Sums of at most 32 times 127, exact.
        float16 both = low + high;
        float8 y = both.lo + both.hi;
        float4 z = y.lo + y.hi;
        scales[b] = scale;
        offsets[b] = -SHIFT * (int)((z.x + z.y) + (z.z + z.w));
    }
}
