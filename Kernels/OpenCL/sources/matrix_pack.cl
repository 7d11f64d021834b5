// Makes operands of matrix engines ready: zeros up to whole tiles, and columns of B one after the other.
//
// ELEMENT: ushort or uchar, whose bits are copied as they are.
#define RUN (128 / sizeof(ELEMENT))
// Words of local memory to a column: one more than its 32, so that a wave's stores down a row hit every bank.
#define WORDS 33

// The rows of a row-major matrix, each `pitch` elements, and below them as many rows of zeros as there are work-groups.
// Group (0, 1): (256 elements, a row).
__kernel __attribute__((reqd_work_group_size(256, 1, 1))) void pad_rows(
    __global const ELEMENT *restrict from, __global ELEMENT *restrict to, uint rows, uint columns, uint pitch) {
    uint column = get_global_id(0), row = get_group_id(1);
    if (column >= pitch) return;
    to[(size_t)row * pitch + column] = row < rows && column < columns ? from[(size_t)row * columns + column] : 0;
}

// The columns of a k x n row-major matrix, each `pitch` words of 4 bytes. Group (0, 1): (32 columns, 128 bytes of k).
__kernel __attribute__((reqd_work_group_size(32, 8, 1))) void transpose_columns(
    __global const ELEMENT *restrict from, __global uint *restrict to, uint n, uint k, uint pitch) {
    __local uint tile[32 * WORDS];
    uint x = get_local_id(0), y = get_local_id(1), column = get_group_id(0) * 32, word = get_group_id(1) * 32;
    __local ELEMENT *elements = (__local ELEMENT *)(tile + x * WORDS);
    for (uint i = y; i < RUN; i += 8) {
        uint row = get_group_id(1) * RUN + i;
        elements[i] = row < k && column + x < n ? from[(size_t)row * n + column + x] : 0;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint i = y; i < 32; i += 8) to[(size_t)(column + i) * pitch + word + x] = tile[i * WORDS + x];
}
