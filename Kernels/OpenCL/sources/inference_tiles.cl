// Y = X * W^T, or Y += X * W^T, on GPUs, for many rows of X: tiles of both in local memory, an 8 x 8 block of Y in each
// item's registers; inference_weights.cl comes before.
//
// W_ITEMS: a work-group is W_ITEMS x W_ITEMS items and makes a tile of 8 * W_ITEMS rows and outputs. k is a multiple of
// TK = 16, of which each item loads units of eight. Group (i, j, e): tile i of the outputs, tile j of the rows, of
// matrix e. Y has `n` columns; W's rows make those from `first` on.
#define TK 16
#define TILE (8 * W_ITEMS)
#define ITEMS (W_ITEMS * W_ITEMS)
#define LOADS (TILE * 2 / ITEMS)
// Four floats of padding keep rows aligned for float4 and spread the transposed stores over the banks.
#define STRIDE (TILE + 4)

// Eight columns of a row, transposed.
void store_unit(float8 values, __local float *tile, uint row, uint unit) {
    float each[8];
    vstore8(values, 0, each);
#pragma unroll
    for (uint i = 0; i < 8; i++) tile[(unit * 8 + i) * STRIDE + row] = each[i];
}

__kernel __attribute__((reqd_work_group_size(W_ITEMS, W_ITEMS, 1))) void multiply_tiles(
    WEIGHTS, __global const float8 *restrict x, __global float *restrict y, uint rows, uint k, uint n, uint first,
    uint outputs, uint accumulate VISITS) {
    __local float left_tile[TK * STRIDE], right_tile[TK * STRIDE];
    uint tx = get_local_id(0), ty = get_local_id(1), item = ty * W_ITEMS + tx;
    uint row = get_group_id(1) * TILE, output = get_group_id(0) * TILE;
    size_t matrix = 0;
#ifdef EXPERTS
    uint expert = first_expert + get_group_id(2);
    row += visits[expert];
    rows = visits[expert + 1];
    matrix = (size_t)get_group_id(2) * outputs;
    if (row >= rows) return;
#endif
    float8 left[LOADS], right[LOADS];
    float sum[8][8];
#pragma unroll
    for (uint i = 0; i < 8; i++)
#pragma unroll
        for (uint j = 0; j < 8; j++) sum[i][j] = 0.0f;
    for (uint start = 0; start < k; start += TK) {
        // Rows beyond the last are read as the last; nothing is made of them.
#pragma unroll
        for (uint i = 0; i < LOADS; i++) {
            uint at = i * ITEMS + item, unit = start / 8 + at % 2;
            left[i] = x[(size_t)SOURCE(min(row + at / 2, rows - 1)) * (k / 8) + unit];
            right[i] = eight_weights(WEIGHTS_FROM(matrix + min(output + at / 2, outputs - 1)), unit);
        }
        barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll
        for (uint i = 0; i < LOADS; i++) {
            uint at = i * ITEMS + item;
            store_unit(left[i], left_tile, at / 2, at % 2);
            store_unit(right[i], right_tile, at / 2, at % 2);
        }
        barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll
        for (uint c = 0; c < TK; c++) {
            float ls[8], rs[8];
            vstore4(vload4(ty, left_tile + c * STRIDE), 0, ls);
            vstore4(vload4(ty, left_tile + c * STRIDE + 4 * W_ITEMS), 1, ls);
            vstore4(vload4(tx, right_tile + c * STRIDE), 0, rs);
            vstore4(vload4(tx, right_tile + c * STRIDE + 4 * W_ITEMS), 1, rs);
#pragma unroll
            for (uint i = 0; i < 8; i++)
#pragma unroll
                for (uint j = 0; j < 8; j++) sum[i][j] = fma(ls[i], rs[j], sum[i][j]);
        }
    }
#pragma unroll
    for (uint i = 0; i < 8; i++) {
        uint r = row + ty * 4 + i % 4 + i / 4 * (4 * W_ITEMS);
#pragma unroll
        for (uint j = 0; j < 8; j++) {
            uint o = output + tx * 4 + j % 4 + j / 4 * (4 * W_ITEMS);
            if (r >= rows || o >= outputs) continue;
            size_t at = (size_t)r * n + first + o;
            y[at] = accumulate ? y[at] + sum[i][j] : sum[i][j];
        }
    }
}
