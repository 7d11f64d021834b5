// y = W * x, or y += W * x, on GPUs, W row after row (see gemv_fill.cl); sixteen_bit.cl comes before, and of blocks
// integer_dot.cl.
//
// A work-group makes ROWS rows: its items read neighbouring 16 bytes of all of them, then add up in local memory. Its
// items, LOCAL, are a power of two. `units`: the 16-byte words of a row. `first` is where in y the buffer's row 0 goes.
// `run` is not used. A row beyond the last is read as the last, which is cheaper than a branch, and not stored.
#define ROW(r) ((size_t)min(row + (r), rows - 1))

void add_up(__local float *partial, uint item, __global float *y, uint rows, uint accumulate) {
    for (uint half_size = LOCAL / 2; half_size > 0; half_size /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        for (uint i = item; i < ROWS * half_size; i += LOCAL) {
            uint at = i / half_size * LOCAL + i % half_size;
            partial[at] += partial[at + half_size];
        }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint r = item; r < ROWS && r < rows; r += LOCAL)
        y[r] = accumulate ? y[r] + partial[r * LOCAL] : partial[r * LOCAL];
}

#if !defined(Q8) && !defined(Q4)
#ifdef F32
#define FLOATU float4
#define WIDEN as_float4
#define UNIT_SUM(v) (((v).x + (v).z) + ((v).y + (v).w))
#else
#define FLOATU float8
#define WIDEN widen
#define UNIT_SUM sum_of
#endif

__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void multiply_plain(
    __global const uint4 *restrict w, __global const FLOATU *restrict x, __global float *restrict y, uint first,
    uint rows, uint units, uint accumulate, uint run) {
    __local float partial[ROWS * LOCAL];
    uint item = get_local_id(0), row = get_group_id(0) * ROWS;
    FLOATU sums[ROWS];
#pragma unroll
    for (uint r = 0; r < ROWS; r++) sums[r] = 0;
    for (uint u = item; u < units; u += LOCAL) {
        FLOATU values = x[u];
#pragma unroll
        for (uint r = 0; r < ROWS; r++) sums[r] = fma(WIDEN(w[ROW(r) * units + u]), values, sums[r]);
    }
#pragma unroll
    for (uint r = 0; r < ROWS; r++) partial[r * LOCAL + item] = UNIT_SUM(sums[r]);
    add_up(partial, item, y + first + row, rows - row, accumulate);
}

#else
uint add_four(uint sum, uint4 left, uint4 right) {
    sum = add_dot(sum, left.x, right.x);
    sum = add_dot(sum, left.y, right.y);
    sum = add_dot(sum, left.z, right.z);
    return add_dot(sum, left.w, right.w);
}

#ifdef Q8
// A unit is half a block.
#define BLOCK(u) ((u) / 2)
#define PRODUCT(weights, u) add_four(0, weights, low)
#else
// A unit is a block: byte j holds weight j in its low four bits and weight j + 16 in its high ones, each plus 8.
#define BLOCK(u) (u)
#define PRODUCT(weights, u) \
    add_four(add_four((uint)offset, (weights) & 0x0f0f0f0fu, low), ((weights) >> 4) & 0x0f0f0f0fu, high)
#endif

__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void multiply_blocks(
    __global const uint4 *restrict w, __global const half *restrict scales, __global const uint4 *restrict values,
    __global const float *restrict value_scales, __global const int *restrict offsets, __global float *restrict y,
    uint first, uint rows, uint blocks, uint accumulate, uint run) {
    __local float partial[ROWS * LOCAL];
    uint item = get_local_id(0), row = get_group_id(0) * ROWS;
    float sums[ROWS];
#pragma unroll
    for (uint r = 0; r < ROWS; r++) sums[r] = 0;
#ifdef Q8
    uint units = 2 * blocks;
#else
    uint units = blocks;
#endif
    for (uint u = item; u < units; u += LOCAL) {
#ifdef Q8
        uint4 low = values[u];
#else
        uint4 low = values[2 * u], high = values[2 * u + 1];
        int offset = offsets[u];
#endif
        float scale = value_scales[BLOCK(u)];
#pragma unroll
        for (uint r = 0; r < ROWS; r++) {
            uint4 weights = w[ROW(r) * units + u];
            float weight_scale = vload_half(ROW(r) * blocks + BLOCK(u), scales);
            sums[r] = fma((float)(int)PRODUCT(weights, u), weight_scale * scale, sums[r]);
        }
    }
#pragma unroll
    for (uint r = 0; r < ROWS; r++) partial[r * LOCAL + item] = sums[r];
    add_up(partial, item, y + first + row, rows - row, accumulate);
}
#endif
