// Fused multiply-adds on registers: every chain repeats x <- fma(x, x, c), rounded once a step (see PeakCheck).
//
// REALV: a number or a vector of them, of f16, f32 or f64. CHAINS: independent REALV chains of an item, enough to hide
// the latency of an fma. LOCAL: items of a work-group. Chain v of item i is element i + v * global size of all three
// arrays.
#ifdef NEEDS_HALF
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
#endif
#ifdef NEEDS_DOUBLE
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#endif
__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void peak_fma(
    __global const REALV *restrict starts, __global const REALV *restrict addends, __global REALV *restrict results,
    uint steps) {
    size_t item = get_global_id(0), items = get_global_size(0);
    REALV x[CHAINS], c[CHAINS];
#pragma unroll
    for (uint v = 0; v < CHAINS; v++) {
        x[v] = starts[item + v * items];
        c[v] = addends[item + v * items];
    }
#pragma unroll 4
    for (uint step = 0; step < steps; step++) {
#pragma unroll
        for (uint v = 0; v < CHAINS; v++) x[v] = fma(x[v], x[v], c[v]);
    }
#pragma unroll
    for (uint v = 0; v < CHAINS; v++) results[item + v * items] = x[v];
}
