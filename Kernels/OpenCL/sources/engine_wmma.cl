// AMD's matrix engine of waves of 32 (RDNA 3): WMMA builtins. A fragment is 16 rows of A or 16 columns of B of 32 bytes
// of k: one instruction, or with 8-bit operands two. Lanes 16 to 31 hold the same as lanes 0 to 15.
#define LANES 32
#define LEFT_ROWS 16
#define RIGHT_COLUMNS 16
#define STEP 32
#define SUMS 8

typedef struct {
    uint4 first, second;
} left_t;
typedef left_t right_t;
#ifdef S8
typedef int8 sum_t;
#define WMMA_BYTES 16
#else
typedef float8 sum_t;
#define WMMA_BYTES 32
#endif

#ifdef EMULATED
sum_t wmma(uint4 a0, uint4 a1, uint4 b0, uint4 b1, sum_t c, wave_t wave);
#elif defined(F16)
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
sum_t wmma(uint4 a0, uint4 a1, uint4 b0, uint4 b1, sum_t c, wave_t wave) {
    return __builtin_amdgcn_wmma_f32_16x16x16_f16_w32(as_half16((uint8)(a0, a1)), as_half16((uint8)(b0, b1)), c);
}
#elif defined(BF16)
sum_t wmma(uint4 a0, uint4 a1, uint4 b0, uint4 b1, sum_t c, wave_t wave) {
    return __builtin_amdgcn_wmma_f32_16x16x16_bf16_w32(as_short16((uint8)(a0, a1)), as_short16((uint8)(b0, b1)), c);
}
#else
// The second half of each operand is not used: the instruction takes 16 bytes.
sum_t wmma(uint4 a0, uint4 a1, uint4 b0, uint4 b1, sum_t c, wave_t wave) {
    return __builtin_amdgcn_wmma_i32_16x16x16_iu8_w32(true, as_int4(a0), true, as_int4(b0), c, false);
}
#endif

left_t load_left(__local const uchar *tile, uint row, uint step, wave_t wave) {
    left_t result;
    result.first = read_chunk(tile, row + wave.lane % 16, 2 * step);
    result.second = read_chunk(tile, row + wave.lane % 16, 2 * step + 1);
    return result;
}
right_t load_right(__local const uchar *tile, uint column, uint step, wave_t wave) {
    return load_left(tile, column, step, wave);
}

sum_t no_sum(void) { return (sum_t)(0); }

sum_t multiply(left_t left, right_t right, sum_t sum, wave_t wave) {
#if WMMA_BYTES == 16
    sum = wmma(left.first, left.first, right.first, right.first, sum, wave);
    return wmma(left.second, left.second, right.second, right.second, sum, wave);
#else
    return wmma(left.first, left.second, right.first, right.second, sum, wave);
#endif
}

uint sum_row(uint i, uint lane) { return 2 * i + lane / 16; }
uint sum_column(uint i, uint lane) { return lane % 16; }
void store_sum(sum_t sum, result_t *values) { vstore8(sum, 0, values); }
