// Activations made ready for a matrix engine, and what is done with its sums; sixteen_bit.cl, built for the format of the
// weights, comes before.
//
// LOCAL: items of a work-group. `columns` is a multiple of 16.

// Group (i, r): values of row r rounded to the weights' format; zeros in rows from `rows` on.
__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void round_rows(
    __global const float *restrict x, __global element *restrict to, uint rows, uint columns) {
    uint column = get_global_id(0), row = get_group_id(1);
    if (column >= columns) return;
    size_t at = (size_t)row * columns + column;
    store_element(row < rows ? x[at] : 0.0f, at, to);
}

// The same as f32, for products the engine has no part in.
__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void round_values(
    __global const float *restrict x, __global float *restrict to, uint rows, uint columns) {
    uint column = get_global_id(0), row = get_group_id(1);
    if (column >= columns || row >= rows) return;
    size_t at = (size_t)row * columns + column;
#ifdef BF16
    uint bits = as_uint(x[at]);
    to[at] = isnan(x[at]) ? x[at] : as_float((bits + 0x7fffu + (bits >> 16 & 1u)) & 0xffff0000u);
#else
    // An f16 in the memory of an item, since not all devices reckon in f16.
    ushort nearest;
    vstore_half_rte(x[at], 0, (__private half *)&nearest);
    to[at] = vload_half(0, (const __private half *)&nearest);
#endif
}

// Group (i, r): row r of `outputs` sums to columns `first` on of row r of y, `width` columns wide.
__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void take_sums(
    __global const float *restrict sums, __global float *restrict y, uint outputs, uint width, uint first,
    uint accumulate) {
    uint column = get_global_id(0), row = get_group_id(1);
    if (column >= outputs) return;
    size_t at = (size_t)row * width + first + column;
    float sum = sums[(size_t)row * outputs + column];
    y[at] = accumulate ? y[at] + sum : sum;
}
