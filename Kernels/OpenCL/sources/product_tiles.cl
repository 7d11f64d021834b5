// C = A * B in f32 on GPUs: tiles of A and B in local memory, an 8 x 8 block of C in each item's registers.
//
// A (m x k), B (k x n) and C (m x n) are row-major. W: a work-group is W x W items and makes a tile of 8W x 8W.
// TK: columns of A and rows of B held in local memory. Group (0, 1) is (column of tiles, row of tiles).
#define TILE (8 * W)
#define ITEMS (W * W)
#define LOADS (TILE * TK / ITEMS)
// Four floats of padding keep rows aligned for float4 and spread the transposed stores over the banks.
#define STRIDE (TILE + 4)

// Loads the next tiles to registers, so that their latency hides behind the multiplications of this one.
void fetch(__global const float *restrict a, __global const float *restrict b, float *left, float *right, uint m,
           uint n, uint k, uint row, uint column, uint start, uint item) {
#pragma unroll
    for (uint i = 0; i < LOADS; i++) {
        uint at = i * ITEMS + item;
        uint r = row + at / TK, x = start + at % TK;
        left[i] = r < m && x < k ? a[(size_t)r * k + x] : 0.0f;
        uint y = start + at / TILE, c = column + at % TILE;
        right[i] = y < k && c < n ? b[(size_t)y * n + c] : 0.0f;
    }
}

__kernel __attribute__((reqd_work_group_size(W, W, 1))) void multiply_tiles(
    __global const float *restrict a, __global const float *restrict b, __global float *restrict c, uint m, uint n,
    uint k) {
    __local float left_tile[TK * STRIDE], right_tile[TK * STRIDE];
    uint tx = get_local_id(0), ty = get_local_id(1), item = ty * W + tx;
    uint row = get_group_id(1) * TILE, column = get_group_id(0) * TILE;
    float left[LOADS], right[LOADS];
    float sum[8][8];
#pragma unroll
    for (uint i = 0; i < 8; i++)
#pragma unroll
        for (uint j = 0; j < 8; j++) sum[i][j] = 0.0f;
    fetch(a, b, left, right, m, n, k, row, column, 0, item);
    for (uint start = 0; start < k; start += TK) {
        barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll
        for (uint i = 0; i < LOADS; i++) {
            uint at = i * ITEMS + item;
            left_tile[at % TK * STRIDE + at / TK] = left[i];
            right_tile[at / TILE * STRIDE + at % TILE] = right[i];
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        if (start + TK < k) fetch(a, b, left, right, m, n, k, row, column, start + TK, item);
#pragma unroll
        for (uint x = 0; x < TK; x++) {
            float8 l = (float8)(vload4(ty, left_tile + x * STRIDE), vload4(ty, left_tile + x * STRIDE + 4 * W));
            float8 r = (float8)(vload4(tx, right_tile + x * STRIDE), vload4(tx, right_tile + x * STRIDE + 4 * W));
            float ls[8], rs[8];
            vstore8(l, 0, ls);
            vstore8(r, 0, rs);
#pragma unroll
            for (uint i = 0; i < 8; i++)
#pragma unroll
                for (uint j = 0; j < 8; j++) sum[i][j] = fma(ls[i], rs[j], sum[i][j]);
        }
    }
#pragma unroll
    for (uint i = 0; i < 8; i++) {
        uint r = row + ty * 4 + i % 4 + i / 4 * (4 * W);
#pragma unroll
        for (uint j = 0; j < 8; j++) {
            uint x = column + tx * 4 + j % 4 + j / 4 * (4 * W);
            if (r < m && x < n) c[(size_t)r * n + x] = sum[i][j];
        }
    }
}
