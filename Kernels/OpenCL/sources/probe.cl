// What a device can do, found out by doing it: one small kernel each, built alone with -D PROBE_<NAME>, run with one
// work-group of ITEMS items. Item 0 leaves a word that only a device that can do it leaves; `three` is 3, so that no
// compiler can work it out ahead.
#define PROBE(items) __kernel __attribute__((reqd_work_group_size(items, 1, 1))) void probe(__global uint *result, uint three)

#ifdef PROBE_HALF
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
PROBE(1) {
    half x = (half)three;
    result[0] = (uint)fma(x, x, x);
}
#endif

#ifdef PROBE_DOUBLE
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
PROBE(1) {
    double x = (double)three;
    result[0] = (uint)(fma(x, x, 0x1p-40 * x) * 0x1p40 - 0x1p43 - 0x1p40);
}
#endif

#ifdef PROBE_SUB_GROUPS
#pragma OPENCL EXTENSION cl_khr_subgroups : enable
PROBE(64) {
    uint sum = sub_group_reduce_add(three);
    if (get_local_id(0) == 0) result[0] = sum / get_sub_group_size();
}
#endif

#ifdef PROBE_INTEGER_DOT
#pragma OPENCL EXTENSION cl_khr_integer_dot_product : enable
PROBE(1) { result[0] = (uint)dot((char4)((char)three), (char4)(-1, 2, 3, 4)); }
#endif

#ifdef PROBE_PTX
PROBE(1) {
    int sum = 0;
    int left = (int)(three * 0x01010101u), right = 0x040302ff;
    __asm__("dp4a.s32.s32 %0, %1, %2, %0;" : "+r"(sum) : "r"(left), "r"(right));
    result[0] = (uint)sum;
}
#endif

// A product of 16 x 16 (x 8 or 16 columns) of ones in f16, so that every element is 16; `three` only hides that.
#define ONES (0x3c003c00u + three - 3)

#ifdef PROBE_PTX_MATRIX
PROBE(32) {
    float4 sum = 0;
    uint ones = ONES;
    __asm__ volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%4,%4,%4}, {%4,%4}, {%0,%1,%2,%3};"
                     : "+f"(sum.x), "+f"(sum.y), "+f"(sum.z), "+f"(sum.w)
                     : "r"(ones));
    if (get_local_id(0) == 0) result[0] = (uint)(sum.x + sum.y + sum.z + sum.w);
}
#endif

#ifdef PROBE_MFMA
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
PROBE(64) {
    half4 ones = as_half4((uint2)(ONES));
    float4 sum = __builtin_amdgcn_mfma_f32_16x16x16f16(ones, ones, (float4)(0), 0, 0, 0);
    if (get_local_id(0) == 0) result[0] = (uint)(sum.x + sum.y + sum.z + sum.w);
}
#endif

#ifdef PROBE_WMMA
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
PROBE(32) {
    half16 ones = as_half16((uint8)(ONES));
    float8 sum = __builtin_amdgcn_wmma_f32_16x16x16_f16_w32(ones, ones, (float8)(0));
    if (get_local_id(0) == 0) result[0] = (uint)(sum.s0 + sum.s1 + sum.s2 + sum.s3);
}
#endif

#ifdef PROBE_DPAS
#pragma OPENCL EXTENSION cl_intel_subgroup_matrix_multiply_accumulate : enable
PROBE(16) __attribute__((intel_reqd_sub_group_size(16))) {
    short8 left = (short8)((short)(ONES & 0xffff));
    float8 sum = intel_sub_group_f16_f16_matrix_mad_k16(left, (int8)(ONES), (float8)(0));
    if (get_local_id(0) == 0) result[0] = (uint)(sum.s0 + sum.s1 + sum.s2 + sum.s3);
}
#endif
