// NVIDIA's matrix engine from sm_80 on: mma.sync and ldmatrix, fed by cp.async, as inline PTX (PTX ISA, "Warp-level
// matrix instructions"). A fragment of A is 16 rows, one of B two times 8 columns, both of 32 bytes of k.
//
// The pointers to local memory are given to PTX as 32-bit addresses of its shared state space, which they are.
#define LANES 32
#define LEFT_ROWS 16
#define RIGHT_COLUMNS 16
#define STEP 32
#define SUMS 8
#define ASYNCHRONOUS_COPIES
// Sums 2i and 2i + 1 of a lane are neighbours in a row.
#define PAIRED_SUMS

typedef uint4 left_t;
typedef uint4 right_t;
// A lane's part of 16 x 8 sums, four of them.
#if defined(S8)
typedef int4 piece_t;
#elif defined(F16_SUMS)
typedef uint2 piece_t;
#else
typedef float4 piece_t;
#endif
typedef struct {
    piece_t first, second;
} sum_t;

#ifdef EMULATED
// What the instructions do, in matrix_emulated.cl, written from their description.
uint4 load_matrices(__local const uchar *row, wave_t wave);
uint4 load_matrices_transposed(__local const uchar *row, wave_t wave);
piece_t multiply_16x8(uint4 a, uint2 b, piece_t c, wave_t wave);
void copy_chunk(__local uchar *to, __global const uint4 *from, wave_t wave);
void commit_copies(wave_t wave);
void wait_for_copies(wave_t wave);
#else
#define LOAD_MATRICES(modifier, row)                                                                                   \
    uint r0, r1, r2, r3;                                                                                               \
    __asm__ volatile("ldmatrix.sync.aligned.m8n8.x4" modifier ".shared.b16 {%0,%1,%2,%3}, [%4];"                       \
                     : "=r"(r0), "=r"(r1), "=r"(r2), "=r"(r3)                                                          \
                     : "r"((uint)(size_t)(row))                                                                        \
                     : "memory");                                                                                      \
    return (uint4)(r0, r1, r2, r3)

uint4 load_matrices(__local const uchar *row, wave_t wave) { LOAD_MATRICES("", row); }
uint4 load_matrices_transposed(__local const uchar *row, wave_t wave) { LOAD_MATRICES(".trans", row); }

#if defined(S8)
#define MMA "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32"
#define REGISTER "+r"
#define NUMBER int
#elif defined(BF16)
#define MMA "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32"
#define REGISTER "+f"
#define NUMBER float
#else
#define MMA "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32"
#define REGISTER "+f"
#define NUMBER float
#endif

piece_t multiply_16x8(uint4 a, uint2 b, piece_t c, wave_t wave) {
#ifdef F16_SUMS
    uint c0 = c.x, c1 = c.y;
    __asm__ volatile("mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16 {%0,%1}, {%2,%3,%4,%5}, {%6,%7}, {%0,%1};"
                     : "+r"(c0), "+r"(c1)
                     : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b.x), "r"(b.y));
    return (uint2)(c0, c1);
#else
    NUMBER c0 = c.x, c1 = c.y, c2 = c.z, c3 = c.w;
    __asm__ volatile(MMA " {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                     : REGISTER(c0), REGISTER(c1), REGISTER(c2), REGISTER(c3)
                     : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b.x), "r"(b.y));
    return (piece_t)(c0, c1, c2, c3);
#endif
}

void copy_chunk(__local uchar *to, __global const uint4 *from, wave_t wave) {
    __asm__ volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16;"
                     :
                     : "r"((uint)(size_t)to), "l"((ulong)(size_t)from)
                     : "memory");
}
void commit_copies(wave_t wave) { __asm__ volatile("cp.async.commit_group;" ::: "memory"); }
// All groups but those of the stages that are not needed yet.
#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
void wait_for_copies(wave_t wave) { __asm__ volatile("cp.async.wait_group " TEXT(STAGES) " - 2;" ::: "memory"); }
#endif

// Lanes 8i to 8i + 7 give the rows of the i-th of four 8 x 8 matrices: above, below, and the same 16 bytes further on.
left_t load_left(__local const uchar *tile, uint row, uint step, wave_t wave) {
    return load_matrices(tile + chunk_position(row + (wave.lane & 15), 2 * step + (wave.lane >> 4)), wave);
}

// The first 8 columns, k ascending, then the other 8.
right_t load_right(__local const uchar *tile, uint column, uint step, wave_t wave) {
#ifdef RIGHT_ROWS
    return load_matrices_transposed(
        tile + row_chunk_position(16 * step + (wave.lane & 15), column / 8 + (wave.lane >> 4)), wave);
#else
    uint at = column + (wave.lane & 7) + ((wave.lane >> 4) << 3);
    return load_matrices(tile + chunk_position(at, 2 * step + ((wave.lane >> 3) & 1)), wave);
#endif
}

sum_t no_sum(void) {
    sum_t none;
    none.first = none.second = (piece_t)(0);
    return none;
}

sum_t multiply(left_t left, right_t right, sum_t sum, wave_t wave) {
    sum.first = multiply_16x8(left, right.xy, sum.first, wave);
    sum.second = multiply_16x8(left, right.zw, sum.second, wave);
    return sum;
}

uint sum_row(uint i, uint lane) { return lane / 4 + i % 4 / 2 * 8; }
uint sum_column(uint i, uint lane) { return lane % 4 * 2 + i / 4 * 8 + i % 2; }

void store_sum(sum_t sum, result_t *values) {
#ifdef F16_SUMS
    uint4 halves = (uint4)(sum.first, sum.second);
    vstore8(vload_half8(0, (const half *)&halves), 0, values);
#else
    vstore4(sum.first, 0, values);
    vstore4(sum.second, 1, values);
#endif
}
