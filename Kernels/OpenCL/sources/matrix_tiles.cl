// C = A * B on matrix engines: tiles of A and B in local memory, a part of C in the registers of each wave.
//
// Stands after matrix_layout and an engine, of which it needs: LANES of a wave; LEFT_ROWS and RIGHT_COLUMNS of the
// fragments and STEP, the bytes of k in both; left_t, right_t and sum_t, a lane's share of fragments and of their
// product, with SUMS elements at sum_row and sum_column; load_left, load_right, no_sum, multiply, store_sum; with
// ASYNCHRONOUS_COPIES copy_chunk, commit_copies and wait_for_copies. All lanes of a wave call them together.
#define WAVES_ACROSS (BN / WN)
#define LOCAL (LANES * (BM / WM) * WAVES_ACROSS)
#define DOWN (WM / LEFT_ROWS)
#define ACROSS (WN / RIGHT_COLUMNS)
#define LEFT_BYTES (BM * DEPTH)
#define STAGE_BYTES (LEFT_BYTES + BN * DEPTH)
#define LEFT_LOADS (BM * CHUNKS / LOCAL)
#define RIGHT_LOADS (BN * CHUNKS / LOCAL)
// Tiles of C in a column that neighbouring work-groups make, so that together they need few tiles of A and B.
#define BAND 8
#ifndef EXCHANGE_OF_LANE
#define EXCHANGE_OF_LANE 0
#endif
#ifndef LANE
#define LANE (get_local_id(0) % LANES)
#define WAVE (get_local_id(0) / LANES)
#endif
#ifndef WAVE_ATTRIBUTE
#define WAVE_ATTRIBUTE
#endif

// Chunk `id` of a tile of A: its place in local memory, and in A counted from the tile's first.
uint left_place(uint id) { return chunk_position(id / CHUNKS, id % CHUNKS); }
uint left_source(uint id, uint pitch) { return id / CHUNKS * pitch + id % CHUNKS; }

// The same of B, and how far apart its tiles are.
#ifdef RIGHT_ROWS
uint right_place(uint id) { return LEFT_BYTES + row_chunk_position(id / RIGHT_CHUNKS, id % RIGHT_CHUNKS); }
uint right_source(uint id, uint pitch) { return id / RIGHT_CHUNKS * pitch + id % RIGHT_CHUNKS; }
#define RIGHT_STRIDE(pitch) (DEPTH / 2 * (pitch))
#define RIGHT_FIRST(column, pitch) ((column) / 8)
#else
uint right_place(uint id) { return LEFT_BYTES + chunk_position(id / CHUNKS, id % CHUNKS); }
uint right_source(uint id, uint pitch) { return id / CHUNKS * pitch + id % CHUNKS; }
#define RIGHT_STRIDE(pitch) CHUNKS
#define RIGHT_FIRST(column, pitch) ((size_t)(column) * (pitch))
#endif

#ifdef ASYNCHRONOUS_COPIES
void copy_tiles(__local uchar *stage, __global const uint4 *a, __global const uint4 *b, uint a_pitch, uint b_pitch,
                wave_t wave) {
    uint item = get_local_id(0);
#pragma unroll
    for (uint i = 0; i < LEFT_LOADS; i++)
        copy_chunk(stage + left_place(i * LOCAL + item), a + left_source(i * LOCAL + item, a_pitch), wave);
#pragma unroll
    for (uint i = 0; i < RIGHT_LOADS; i++)
        copy_chunk(stage + right_place(i * LOCAL + item), b + right_source(i * LOCAL + item, b_pitch), wave);
}
#else
typedef struct {
    uint4 left[LEFT_LOADS], right[RIGHT_LOADS];
} tiles_t;

// Loads the next tiles to registers, so that their latency hides behind the products of this one.
void fetch_tiles(tiles_t *tiles, __global const uint4 *a, __global const uint4 *b, uint a_pitch, uint b_pitch) {
    uint item = get_local_id(0);
#pragma unroll
    for (uint i = 0; i < LEFT_LOADS; i++) tiles->left[i] = a[left_source(i * LOCAL + item, a_pitch)];
#pragma unroll
    for (uint i = 0; i < RIGHT_LOADS; i++) tiles->right[i] = b[right_source(i * LOCAL + item, b_pitch)];
}

void store_tiles(const tiles_t *tiles, __local uchar *stage) {
    uint item = get_local_id(0);
#pragma unroll
    for (uint i = 0; i < LEFT_LOADS; i++) *(__local uint4 *)(stage + left_place(i * LOCAL + item)) = tiles->left[i];
#pragma unroll
    for (uint i = 0; i < RIGHT_LOADS; i++) *(__local uint4 *)(stage + right_place(i * LOCAL + item)) = tiles->right[i];
}
#endif

// Adds the product of a stage's tiles to the sums of the wave that makes (row, column) of the work-group's tile.
void multiply_stage(__local const uchar *stage, uint row, uint column, sum_t (*sums)[ACROSS], wave_t wave) {
#pragma unroll
    for (uint step = 0; step < DEPTH / STEP; step++) {
        left_t left[DOWN];
        right_t right[ACROSS];
#pragma unroll
        for (uint i = 0; i < DOWN; i++) left[i] = load_left(stage, row + i * LEFT_ROWS, step, wave);
#pragma unroll
        for (uint j = 0; j < ACROSS; j++)
            right[j] = load_right(stage + LEFT_BYTES, column + j * RIGHT_COLUMNS, step, wave);
#pragma unroll
        for (uint i = 0; i < DOWN; i++)
#pragma unroll
            for (uint j = 0; j < ACROSS; j++) sums[i][j] = multiply(left[i], right[j], sums[i][j], wave);
    }
}

// C is m x n, row-major. A is rows of a_pitch chunks of 16 bytes, B columns (with RIGHT_ROWS rows) of b_pitch, both
// with zeros up to whole tiles of BM, BN and `steps` * DEPTH bytes of k. One work-group for each tile of C.
__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) WAVE_ATTRIBUTE void multiply_matrices(
    __global const uint4 *restrict a, __global const uint4 *restrict b, __global result_t *restrict c, uint m, uint n,
    uint steps, uint a_pitch, uint b_pitch) {
    __local uchar tiles[STAGES * STAGE_BYTES + LOCAL * EXCHANGE_OF_LANE] __attribute__((aligned(128)));
    wave_t wave = {LANE, tiles + STAGES * STAGE_BYTES + WAVE * LANES * EXCHANGE_OF_LANE, 0};
#ifdef PENDING_COPIES
    pending_t pending = {0, 0, 0};
    wave.pending = &pending;
#endif
    uint band_size = BAND * ((n + BN - 1) / BN), group = get_group_id(0), first = group / band_size * BAND;
    uint height = min((uint)BAND, (m + BM - 1) / BM - first);
    uint row = (first + group % band_size % height) * BM, column = group % band_size / height * BN;
    uint wave_row = WAVE / WAVES_ACROSS * WM, wave_column = WAVE % WAVES_ACROSS * WN;
    a += (size_t)row * a_pitch;
    b += RIGHT_FIRST(column, b_pitch);
    sum_t sums[DOWN][ACROSS];
#pragma unroll
    for (uint i = 0; i < DOWN; i++)
#pragma unroll
        for (uint j = 0; j < ACROSS; j++) sums[i][j] = no_sum();
#ifdef ASYNCHRONOUS_COPIES
#pragma unroll
    for (uint stage = 0; stage < STAGES - 1; stage++) {
        if (stage < steps) copy_tiles(tiles + stage * STAGE_BYTES, a, b, a_pitch, b_pitch, wave);
        commit_copies(wave);
        a += CHUNKS;
        b += RIGHT_STRIDE(b_pitch);
    }
    for (uint step = 0; step < steps; step++) {
        // Every item waits for its own copies, then for the others', who are then done with the stage before as well.
        wait_for_copies(wave);
        barrier(CLK_LOCAL_MEM_FENCE);
        uint next = step + STAGES - 1;
        if (next < steps) copy_tiles(tiles + next % STAGES * STAGE_BYTES, a, b, a_pitch, b_pitch, wave);
        commit_copies(wave);
        a += CHUNKS;
        b += RIGHT_STRIDE(b_pitch);
        multiply_stage(tiles + step % STAGES * STAGE_BYTES, wave_row, wave_column, sums, wave);
    }
#else
    tiles_t next;
    fetch_tiles(&next, a, b, a_pitch, b_pitch);
    for (uint step = 0; step < steps; step++) {
        __local uchar *stage = tiles + step % STAGES * STAGE_BYTES;
        store_tiles(&next, stage);
        // Of two stages one is written while slower items still read the other.
        barrier(CLK_LOCAL_MEM_FENCE);
        a += CHUNKS;
        b += RIGHT_STRIDE(b_pitch);
        if (step + 1 < steps) fetch_tiles(&next, a, b, a_pitch, b_pitch);
        multiply_stage(stage, wave_row, wave_column, sums, wave);
    }
#endif
    bool whole = row + BM <= m && column + BN <= n && n % 2 == 0;
#pragma unroll
    for (uint i = 0; i < DOWN; i++)
#pragma unroll
        for (uint j = 0; j < ACROSS; j++) {
            result_t values[SUMS];
            store_sum(sums[i][j], values);
#pragma unroll
            for (uint e = 0; e < SUMS; e++) {
                uint y = row + wave_row + i * LEFT_ROWS + sum_row(e, wave.lane);
                uint x = column + wave_column + j * RIGHT_COLUMNS + sum_column(e, wave.lane);
                size_t at = (size_t)y * n + x;
#ifdef PAIRED_SUMS
                if (whole) {
                    if (e % 2 == 0) *(__global uint2 *)(c + at) = as_uint2(vload2(e / 2, values));
                    continue;
                }
#endif
                if (y < m && x < n) c[at] = values[e];
            }
        }
}
