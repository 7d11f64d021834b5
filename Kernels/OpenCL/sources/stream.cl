// Copies and triads of arrays in f32: to = a, or to = a + factor * b.
//
// FLOATV: float4 or float16. LOCAL: items of a work-group. `count` is in FLOATV. A copy leaves `b` and `factor` alone.

#ifdef TRIAD
#define MIX(i) fma((FLOATV)(factor), b[i], a[i])
#else
#define MIX(i) a[i]
#endif

// Processors: item i does elements i * run to (i + 1) * run, one stream a core for the prefetcher.
__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void stream_runs(
    __global const FLOATV *restrict a, __global const FLOATV *restrict b, __global FLOATV *restrict to, float factor,
    ulong count, ulong run) {
    ulong first = get_global_id(0) * run, last = min(first + run, count);
    for (ulong i = first; i < last; i++) to[i] = MIX(i);
}

// GPUs: neighbours do neighbouring elements; `run` is not used.
__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void stream_strided(
    __global const FLOATV *restrict a, __global const FLOATV *restrict b, __global FLOATV *restrict to, float factor,
    ulong count, ulong run) {
    ulong stride = get_global_size(0);
    for (ulong i = get_global_id(0); i < count; i += stride) to[i] = MIX(i);
}
