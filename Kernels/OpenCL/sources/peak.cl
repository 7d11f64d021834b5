// Fused multiply-adds on registers: every chain repeats x <- fma(x, x, c), rounded once a step (see PeakCheck).
//
// FLOATV: a float or a float vector. CHAINS: independent FLOATV chains of an item, enough to hide the latency of an
// fma. LOCAL: items of a work-group. Chain v of item i is element i + v * global size of all three arrays.
__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void peak_fma(
    __global const FLOATV *restrict starts, __global const FLOATV *restrict addends, __global FLOATV *restrict results,
    uint steps) {
    size_t item = get_global_id(0), items = get_global_size(0);
    FLOATV x[CHAINS], c[CHAINS];
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
