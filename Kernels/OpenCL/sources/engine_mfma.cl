// AMD's matrix engine of wavefronts of 64 (CDNA 2 and 3): MFMA builtins. A fragment is 16 rows of A or 16 columns of B
// of 64 bytes of k, which takes two or four instructions.
//
// A lane gives an instruction MFMA_BYTES neighbours in k: those at the same place of its 16 bytes for A and for B, so
// that which k an instruction multiplies does not matter, only that both operands agree.
#define LANES 64
#define LEFT_ROWS 16
#define RIGHT_COLUMNS 16
#define STEP 64
#define SUMS 4

typedef uint4 left_t;
typedef uint4 right_t;
#ifdef S8
typedef int4 sum_t;
#else
typedef float4 sum_t;
#endif

#ifndef MFMA_BYTES
// 8-bit operands have twice the depth from gfx940 on.
#if defined(S8) && !(defined(__gfx940__) || defined(__gfx941__) || defined(__gfx942__) || defined(__gfx950__))
#define MFMA_BYTES 4
#else
#define MFMA_BYTES 8
#endif
#endif

#ifdef EMULATED
sum_t mfma(uint2 a, uint2 b, sum_t c, wave_t wave);
#elif defined(F16)
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
sum_t mfma(uint2 a, uint2 b, sum_t c, wave_t wave) {
    return __builtin_amdgcn_mfma_f32_16x16x16f16(as_half4(a), as_half4(b), c, 0, 0, 0);
}
#elif defined(BF16)
sum_t mfma(uint2 a, uint2 b, sum_t c, wave_t wave) {
    return __builtin_amdgcn_mfma_f32_16x16x16bf16_1k(as_short4(a), as_short4(b), c, 0, 0, 0);
}
#elif MFMA_BYTES == 8
sum_t mfma(uint2 a, uint2 b, sum_t c, wave_t wave) {
    return __builtin_amdgcn_mfma_i32_16x16x32_i8(as_long(a), as_long(b), c, 0, 0, 0);
}
#else
sum_t mfma(uint2 a, uint2 b, sum_t c, wave_t wave) {
    return __builtin_amdgcn_mfma_i32_16x16x16i8((int)a.x, (int)b.x, c, 0, 0, 0);
}
#endif

left_t load_left(__local const uchar *tile, uint row, uint step, wave_t wave) {
    return read_chunk(tile, row + wave.lane % 16, 4 * step + wave.lane / 16);
}
right_t load_right(__local const uchar *tile, uint column, uint step, wave_t wave) {
    return read_chunk(tile, column + wave.lane % 16, 4 * step + wave.lane / 16);
}

sum_t no_sum(void) { return (sum_t)(0); }

sum_t multiply(left_t left, right_t right, sum_t sum, wave_t wave) {
#if MFMA_BYTES == 8
    sum = mfma(left.xy, right.xy, sum, wave);
    return mfma(left.zw, right.zw, sum, wave);
#else
    sum = mfma(left.xx, right.xx, sum, wave);
    sum = mfma(left.yy, right.yy, sum, wave);
    sum = mfma(left.zz, right.zz, sum, wave);
    return mfma(left.ww, right.ww, sum, wave);
#endif
}

uint sum_row(uint i, uint lane) { return lane / 16 * 4 + i; }
uint sum_column(uint i, uint lane) { return lane % 16; }
void store_sum(sum_t sum, result_t *values) { vstore4(sum, 0, values); }
