// Y = X * W^T, or Y += X * W^T, on GPUs, for few rows of X; inference_weights.cl comes before.
//
// A work-group makes ROWS outputs for COLUMNS rows of X at a time: its LOCAL items, a power of two, read neighbouring
// weights of all outputs, then add up in local memory. Rows beyond the last are read as the last and not stored.
// Group (i, e): outputs i * ROWS on of matrix e. Y has `n` columns; W's rows make those from `first` on.
__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void multiply_rows(
    WEIGHTS, __global const float8 *restrict x, __global float *restrict y, uint rows, uint k, uint n, uint first,
    uint outputs, uint accumulate VISITS) {
    __local float partial[ROWS * COLUMNS * LOCAL];
    uint item = get_local_id(0), output = get_group_id(0) * ROWS, start = 0, end = rows;
    size_t matrix = 0;
#ifdef EXPERTS
    start = visits[first_expert + get_group_id(1)];
    end = visits[first_expert + get_group_id(1) + 1];
    matrix = (size_t)get_group_id(1) * outputs;
#endif
    for (uint c = start; c < end; c += COLUMNS) {
        float sums[ROWS][COLUMNS];
        size_t from[COLUMNS];
#pragma unroll
        for (uint i = 0; i < COLUMNS; i++) {
            from[i] = (size_t)SOURCE(min(c + i, end - 1)) * (k / 8);
#pragma unroll
            for (uint r = 0; r < ROWS; r++) sums[r][i] = 0;
        }
        for (uint u = item; u < k / 8; u += LOCAL) {
            float8 weights[ROWS];
#pragma unroll
            for (uint r = 0; r < ROWS; r++)
                weights[r] = eight_weights(WEIGHTS_FROM(matrix + min(output + r, outputs - 1)), u);
#pragma unroll
            for (uint i = 0; i < COLUMNS; i++) {
                float8 values = x[from[i] + u];
#pragma unroll
                for (uint r = 0; r < ROWS; r++) {
                    float8 products = weights[r] * values;
                    float4 four = products.lo + products.hi;
                    sums[r][i] += (four.x + four.z) + (four.y + four.w);
                }
            }
        }
        // The sums of the rows of X before are still being read.
        barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll
        for (uint r = 0; r < ROWS; r++)
#pragma unroll
            for (uint i = 0; i < COLUMNS; i++) partial[(r * COLUMNS + i) * LOCAL + item] = sums[r][i];
        for (uint half_size = LOCAL / 2; half_size > 0; half_size /= 2) {
            barrier(CLK_LOCAL_MEM_FENCE);
            for (uint i = item; i < ROWS * COLUMNS * half_size; i += LOCAL) {
                uint at = i / half_size * LOCAL + i % half_size;
                partial[at] += partial[at + half_size];
            }
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        for (uint i = item; i < ROWS * COLUMNS; i += LOCAL) {
            uint r = output + i / COLUMNS, row = c + i % COLUMNS;
            if (r >= outputs || row >= end) continue;
            size_t at = (size_t)row * n + first + r;
            y[at] = accumulate ? y[at] + partial[i * LOCAL] : partial[i * LOCAL];
        }
    }
}
