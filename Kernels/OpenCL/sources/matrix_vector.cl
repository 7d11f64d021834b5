// output = W * input, or output += W * input: f32 vectors, W rows x k of 16-bit weights, row-major, k a multiple of 16.
// Two operations for every weight of two bytes: bound by memory.

// Processors: item i makes rows i * run to (i + 1) * run one after the other, so that W is one stream a core.
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void multiply_rows(
    __global const element *restrict w, __global const float *restrict input, __global float *restrict output,
    uint first_row, uint rows, uint k, uint accumulate, uint run) {
    uint first = get_global_id(0) * run, last = min(first + run, rows), vectors = k / V;
    for (uint row = first; row < last; row++) {
        __global const element *weights = w + (size_t)row * k;
        FLOATV s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        uint j = 0;
        for (; j + 4 <= vectors; j += 4) {
            s0 = fma(load_elements(j, weights), VLOAD(j, input), s0);
            s1 = fma(load_elements(j + 1, weights), VLOAD(j + 1, input), s1);
            s2 = fma(load_elements(j + 2, weights), VLOAD(j + 2, input), s2);
            s3 = fma(load_elements(j + 3, weights), VLOAD(j + 3, input), s3);
        }
        for (; j < vectors; j++) s0 = fma(load_elements(j, weights), VLOAD(j, input), s0);
        float sum = sum_of((s0 + s1) + (s2 + s3));
        output[first_row + row] = accumulate ? output[first_row + row] + sum : sum;
    }
}

// GPUs: a work-group makes ROWS rows; its items read neighbouring 16-byte vectors of all of them, then add up in
// local memory. LOCAL is a power of two; `run` is not used.
__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void multiply_group(
    __global const element *restrict w, __global const float *restrict input, __global float *restrict output,
    uint first_row, uint rows, uint k, uint accumulate, uint run) {
    __local float partial[ROWS * LOCAL];
    uint item = get_local_id(0), first = get_group_id(0) * ROWS, vectors = k / V;
    FLOATV sums[ROWS];
#pragma unroll
    for (uint r = 0; r < ROWS; r++) sums[r] = 0;
    for (uint j = item; j < vectors; j += LOCAL) {
        FLOATV x = VLOAD(j, input);
#pragma unroll
        for (uint r = 0; r < ROWS; r++) {
            // A row beyond the last is read as the last, which is cheaper than a branch, and not stored.
            size_t row = min(first + r, rows - 1);
            sums[r] = fma(load_elements(j, w + row * k), x, sums[r]);
        }
    }
#pragma unroll
    for (uint r = 0; r < ROWS; r++) partial[r * LOCAL + item] = sum_of(sums[r]);
    for (uint half_size = LOCAL / 2; half_size > 0; half_size /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        for (uint i = item; i < ROWS * half_size; i += LOCAL) {
            uint at = i / half_size * LOCAL + i % half_size;
            partial[at] += partial[at + half_size];
        }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    if (item < ROWS && first + item < rows) {
        uint at = first_row + first + item;
        output[at] = accumulate ? output[at] + partial[item * LOCAL] : partial[item * LOCAL];
    }
}
