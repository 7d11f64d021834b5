// Reads every byte of a buffer once; the sums modulo 2^32 prove it.
//
// UINTV: uint4 or uint16. LOCAL: items of a work-group. `count` is in UINTV; each item leaves one vector of sums.

// Processors: item i reads elements i * run to (i + 1) * run, one stream a core for the prefetcher.
__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void read_runs(
    __global const UINTV *restrict data, __global UINTV *restrict sums, ulong count, ulong run) {
    ulong first = get_global_id(0) * run, last = min(first + run, count);
    UINTV s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    ulong i = first;
    for (; i + 4 <= last; i += 4) {
        s0 += data[i];
        s1 += data[i + 1];
        s2 += data[i + 2];
        s3 += data[i + 3];
    }
    for (; i < last; i++) s0 += data[i];
    sums[get_global_id(0)] = s0 + s1 + s2 + s3;
}

// GPUs: neighbours read neighbouring elements, with four loads in flight; `run` is not used.
__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void read_strided(
    __global const UINTV *restrict data, __global UINTV *restrict sums, ulong count, ulong run) {
    ulong stride = get_global_size(0), i = get_global_id(0);
    UINTV s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    for (; i + 3 * stride < count; i += 4 * stride) {
        s0 += data[i];
        s1 += data[i + stride];
        s2 += data[i + 2 * stride];
        s3 += data[i + 3 * stride];
    }
    for (; i < count; i += stride) s0 += data[i];
    sums[get_global_id(0)] = s0 + s1 + s2 + s3;
}
