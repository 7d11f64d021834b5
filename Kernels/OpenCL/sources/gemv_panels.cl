// y = W * x, or y += W * x, on processors, W in panels of rows side by side (see gemv_fill.cl); sixteen_bit.cl comes
// before.
//
// V: f32 lanes of a vector. Item i makes panels i * run to (i + 1) * run one after the other, one stream a core for the
// prefetcher. `first` is where in y the buffer's row 0 goes. Bound by memory: every weight is read once and used once.

void store_rows(FLOATV sums, __global float *y, uint rows, uint accumulate) {
    if (rows >= V) {
        VSTORE(accumulate ? VLOAD(0, y) + sums : sums, 0, y);
        return;
    }
    float each[V];
    VSTORE(sums, 0, each);
    for (uint i = 0; i < rows; i++) y[i] = accumulate ? y[i] + each[i] : each[i];
}

#if !defined(Q8) && !defined(Q4)
#ifdef F32
#define STORED float
#define LOAD VLOAD
#else
#define STORED element
#define LOAD load_elements
#endif

// Panels of V rows, in f32, f16 or bf16.
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void multiply_plain(
    __global const STORED *restrict w, __global const float *restrict x, __global float *restrict y, uint first,
    uint rows, uint columns, uint accumulate, uint run) {
    uint panels = (rows + V - 1) / V, start = get_global_id(0) * run, last = min(start + run, panels);
    for (uint p = start; p < last; p++) {
        __global const STORED *panel = w + (size_t)p * columns * V;
        FLOATV s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        uint c = 0;
        for (; c + 4 <= columns; c += 4) {
            s0 = fma(LOAD(c, panel), (FLOATV)(x[c]), s0);
            s1 = fma(LOAD(c + 1, panel), (FLOATV)(x[c + 1]), s1);
            s2 = fma(LOAD(c + 2, panel), (FLOATV)(x[c + 2]), s2);
            s3 = fma(LOAD(c + 3, panel), (FLOATV)(x[c + 3]), s3);
        }
        for (; c < columns; c++) s0 = fma(LOAD(c, panel), (FLOATV)(x[c]), s0);
        store_rows((s0 + s1) + (s2 + s3), y + first + (size_t)p * V, rows - p * V, accumulate);
    }
}

#else
// Panels of blocks are P = 2 * V rows wide, the 16-bit lanes of a vector: 32 of them where f32 has 16, which OpenCL C
// has no name for.
#if P == 32
typedef ushort ushort32 __attribute__((ext_vector_type(32)));
typedef short short32 __attribute__((ext_vector_type(32)));
#endif
#define USHORTP JOIN(ushort, P)
#define SHORTP JOIN(short, P)
#define AS_SHORTV JOIN(as_short, V)
#define INTV JOIN(int, V)
#define TO_INTV JOIN(convert_int, V)
#define TO_FLOATV JOIN(convert_float, V)

#ifdef Q8
#define WORDS 16
// The integer products of a block of each row: two products fit 16 bits.
void block_products(__global const USHORTP *q, __global const short *x, int offset, INTV *low, INTV *high) {
    INTV a = 0, b = 0;
#pragma unroll
    for (uint j = 0; j < WORDS; j++) {
        union { USHORTP bits; SHORTP value; } word;
        word.bits = q[j];
        SHORTP left = (word.value << (short)8) >> (short)8, right = word.value >> (short)8;
        SHORTP two = left * x[2 * j] + right * x[2 * j + 1];
        a += TO_INTV(two.lo);
        b += TO_INTV(two.hi);
    }
    *low = a;
    *high = b;
}
#else
#define WORDS 8
// Sums of (n - 8) * x over a block fit 16 bits, so what overflows on the way does not matter: `offset` is -8 * sum(x).
void block_products(__global const USHORTP *q, __global const short *x, int offset, INTV *low, INTV *high) {
    const ushort mask = 15;
    USHORTP sum = (USHORTP)((ushort)offset);
#pragma unroll
    for (uint j = 0; j < WORDS; j++) {
        USHORTP n = q[j];
        sum += (n & mask) * (ushort)x[2 * j];
        sum += ((n >> (ushort)4) & mask) * (ushort)x[2 * j + 16];
        sum += ((n >> (ushort)8) & mask) * (ushort)x[2 * j + 1];
        sum += (n >> (ushort)12) * (ushort)x[2 * j + 17];
    }
    *low = TO_INTV(AS_SHORTV(sum.lo));
    *high = TO_INTV(AS_SHORTV(sum.hi));
}
#endif

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void multiply_blocks(
    __global const ushort *restrict w, __global const element *restrict scales, __global const short *restrict values,
    __global const float *restrict value_scales, __global const int *restrict offsets, __global float *restrict y,
    uint first, uint rows, uint blocks, uint accumulate, uint run) {
    uint panels = (rows + P - 1) / P, start = get_global_id(0) * run, last = min(start + run, panels);
    for (uint p = start; p < last; p++) {
        __global const USHORTP *panel = (__global const USHORTP *)(w + (size_t)p * blocks * WORDS * P);
        __global const element *panel_scales = scales + (size_t)p * blocks * P;
        FLOATV low = 0, high = 0;
        for (uint b = 0; b < blocks; b++) {
            INTV a, c;
            block_products(panel + b * WORDS, values + 32 * b, offsets[b], &a, &c);
            FLOATV scale = (FLOATV)(value_scales[b]);
            low = fma(TO_FLOATV(a), load_elements(2 * b, panel_scales) * scale, low);
            high = fma(TO_FLOATV(c), load_elements(2 * b + 1, panel_scales) * scale, high);
        }
        uint left = rows - p * P;
        store_rows(low, y + first + (size_t)p * P, left, accumulate);
        if (left > V) store_rows(high, y + first + (size_t)p * P + V, left - V, accumulate);
    }
}
#endif
