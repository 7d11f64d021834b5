// Intel's matrix engine with sub-groups of 16: cl_intel_subgroup_matrix_multiply_accumulate. A fragment is 8 rows of A
// or 16 columns of B of 32 bytes of k; a lane holds two of those bytes for each row of A, and a column of B.
#define LANES 16
#define LEFT_ROWS 8
#define RIGHT_COLUMNS 16
#define STEP 32
#define SUMS 8

typedef short8 left_t;
typedef int8 right_t;
#ifdef S8
typedef int8 sum_t;
#else
typedef float8 sum_t;
#endif

#ifdef EMULATED
sum_t dpas(left_t a, right_t b, sum_t c, wave_t wave);
#else
#pragma OPENCL EXTENSION cl_khr_subgroups : enable
#pragma OPENCL EXTENSION cl_intel_subgroup_matrix_multiply_accumulate : enable
#define LANE get_sub_group_local_id()
#define WAVE get_sub_group_id()
#define WAVE_ATTRIBUTE __attribute__((intel_reqd_sub_group_size(16)))
#if defined(F16)
#define DPAS intel_sub_group_f16_f16_matrix_mad_k16
#elif defined(BF16)
#define DPAS intel_sub_group_bf16_bf16_matrix_mad_k16
#else
#define DPAS intel_sub_group_i8_i8_matrix_mad_k32
#endif
sum_t dpas(left_t a, right_t b, sum_t c, wave_t wave) { return DPAS(a, b, c); }
#endif

left_t load_left(__local const uchar *tile, uint row, uint step, wave_t wave) {
    short values[8];
#pragma unroll
    for (uint i = 0; i < 8; i++) {
        uint at = chunk_position(row + i, 2 * step + wave.lane / 8) + wave.lane % 8 * 2;
        values[i] = *(__local const short *)(tile + at);
    }
    return vload8(0, values);
}

right_t load_right(__local const uchar *tile, uint column, uint step, wave_t wave) {
    return as_int8((uint8)(read_chunk(tile, column + wave.lane, 2 * step),
                           read_chunk(tile, column + wave.lane, 2 * step + 1)));
}

sum_t no_sum(void) { return (sum_t)(0); }
sum_t multiply(left_t left, right_t right, sum_t sum, wave_t wave) { return dpas(left, right, sum, wave); }
uint sum_row(uint i, uint lane) { return i; }
uint sum_column(uint i, uint lane) { return lane; }
void store_sum(sum_t sum, result_t *values) { vstore8(sum, 0, values); }
