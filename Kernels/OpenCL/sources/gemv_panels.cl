// y = W * x, or y += W * x, on processors, W in panels of rows side by side (see gemv_fill.cl); sixteen_bit.cl comes
// before.
//
// V: f32 lanes of a vector. Item i makes panels i * run to (i + 1) * run one after the other, one stream a core for the
// prefetcher. `first` is where in y the buffer's row 0 goes. Bound by memory: every weight is read once and used once.

// How many bytes before its use W is fetched: a page ahead, since prefetchers stop at the end of one and looking up the
// next takes long. Measured with PoCL on Zen 5, where products in blocks took a third longer without.
#define AHEAD 4096
#define READ_AHEAD(p, bytes) \
    for (uint line_ = 0; line_ < (bytes); line_ += 64) FETCH((__global const uchar *)(p) + AHEAD + line_)

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
            READ_AHEAD(panel + c * V, 4 * V * sizeof(STORED));
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
// Panels of V rows of blocks, their words of 32 bits side by side. Products are made in 16-bit lanes, two of a row,
// which are added up at the end; OpenCL C has no name for 32 of them.
#if V == 16
typedef ushort ushort32 __attribute__((ext_vector_type(32)));
typedef short short32 __attribute__((ext_vector_type(32)));
#define LANES 32
#elif V == 8
#define LANES 16
#else
#define LANES 8
#endif
#define USHORTS JOIN(ushort, LANES)
#define SHORTS JOIN(short, LANES)
#define INTV JOIN(int, V)
#define TO_FLOATV JOIN(convert_float, V)
typedef union {
    USHORTS bits;
    SHORTS values;
    INTV words;
} lanes;
// Both lanes of each row as 32 bits, added up.
#define LANE_SUM(x) (((x).words << 16 >> 16) + ((x).words >> 16))
#define INLINE __attribute__((always_inline))

INLINE SHORTS pair(int x) {
    lanes both;
    both.words = (INTV)(x);
    return both.values;
}

#ifdef Q8
#define WORDS 8
// The integer products of a block of each row: two of them fit 16 bits.
INLINE INTV block_products(__global const INTV *q, __global const int *x) {
    INTV sum = 0;
#pragma unroll
    for (uint w = 0; w < WORDS; w++) {
        lanes weights, two;
        weights.words = q[w];
        SHORTS low = (weights.values << (short)8) >> (short)8, high = weights.values >> (short)8;
        two.values = low * pair(x[2 * w]) + high * pair(x[2 * w + 1]);
        sum += LANE_SUM(two);
    }
    return sum;
}
#else
#define WORDS 4
// The same of weights plus 8: sums of 16 products of at most 15 * 127 fit 16 bits.
INLINE INTV block_products(__global const INTV *q, __global const int *x) {
    const ushort mask = 15;
    lanes sum;
    sum.words = 0;
#pragma unroll
    for (uint w = 0; w < WORDS; w++) {
        lanes n, part;
        n.words = q[w];
        part.bits = n.bits & mask;
        sum.values += part.values * pair(x[4 * w]);
        part.bits = (n.bits >> (ushort)4) & mask;
        sum.values += part.values * pair(x[4 * w + 1]);
        part.bits = (n.bits >> (ushort)8) & mask;
        sum.values += part.values * pair(x[4 * w + 2]);
        part.bits = n.bits >> (ushort)12;
        sum.values += part.values * pair(x[4 * w + 3]);
    }
    return LANE_SUM(sum);
}
#endif

// `values` are pairs of 16 bits, in the order the lanes come in (see gemv_quantise.cl).
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void multiply_blocks(
    __global const INTV *restrict w, __global const element *restrict scales, __global const int *restrict values,
    __global const float *restrict value_scales, __global const int *restrict offsets, __global float *restrict y,
    uint first, uint rows, uint blocks, uint accumulate, uint run) {
    uint panels = (rows + V - 1) / V, start = get_global_id(0) * run, last = min(start + run, panels);
    for (uint p = start; p < last; p++) {
        __global const INTV *panel = w + (size_t)p * blocks * WORDS;
        __global const element *panel_scales = scales + (size_t)p * blocks * V;
        FLOATV sum = 0;
        for (uint b = 0; b < blocks; b++) {
            READ_AHEAD(panel + b * WORDS, WORDS * sizeof(INTV));
            INTV products = block_products(panel + b * WORDS, values + 16 * b) + offsets[b];
            sum = fma(TO_FLOATV(products), load_elements(b, panel_scales) * value_scales[b], sum);
        }
        store_rows(sum, y + first + (size_t)p * V, rows - p * V, accumulate);
    }
}
#endif
