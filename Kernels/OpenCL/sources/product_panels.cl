// C = A * B on processors: operands packed into panels of f32, then one register tile at a time.
//
// A (m x k), B (k x n) and C (m x n) are row-major; A and B in f32, or what FORMAT_F16, FORMAT_BF16 or FORMAT_I8 says;
// C in f32, of int8 in int32. V: lanes of a vector. MR: rows of a tile. NV: vectors across it, NR = NV * V. KC: the run
// of k whose column panel a second-level cache holds; of int8 at most 1024, whose products f32 sums up without rounding.
// Every work-group is one work-item: the vectors are explicit, so a compiler has nothing left to vectorise.
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define FLOATV JOIN(float, V)
#define VLOAD JOIN(vload, V)
#define VSTORE JOIN(vstore, V)
#define NR (NV * V)

// An element and a vector of elements as f32.
#if defined(FORMAT_F16)
typedef half element;
#define LOAD(p, i) vload_half(i, p)
#define LOADV(p, v) JOIN(vload_half, V)(v, p)
#elif defined(FORMAT_BF16)
typedef ushort element;
#define LOAD(p, i) as_float((uint)(p)[i] << 16)
#define LOADV(p, v) JOIN(as_float, V)(JOIN(convert_uint, V)(VLOAD(v, p)) << 16)
#elif defined(FORMAT_I8)
typedef char element;
#define LOAD(p, i) ((float)(p)[i])
#define LOADV(p, v) JOIN(convert_float, V)(VLOAD(v, p))
#else
typedef float element;
#define LOAD(p, i) (p)[i]
#define LOADV(p, v) VLOAD(v, p)
#endif

#ifdef FORMAT_I8
typedef int result;
#define RESULTS(x) JOIN(convert_int, V)(x)
#else
typedef float result;
#define RESULTS(x) (x)
#endif

// How many steps of k before its use A is fetched: measured with PoCL on Zen 5, where a product without it took a sixth
// longer. The compiler's builtin where it has one, because OpenCL's own prefetch is a hint that may do nothing.
#define AHEAD 128
#ifdef __has_builtin
#if __has_builtin(__builtin_prefetch)
#define READ_AHEAD(p) __builtin_prefetch((const void *)(uintptr_t)(p), 0, 3)
#endif
#endif
#ifndef READ_AHEAD
#define READ_AHEAD(p) prefetch(p, 1)
#endif

// Rows of A as [panel][k][MR], zero beyond the last row. Item (panel, run): `run_length` columns of one panel.
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void pack_rows(
    __global const element *restrict a, __global float *restrict packed, uint m, uint k, uint run_length) {
    uint panel = get_global_id(0), first = get_global_id(1) * run_length;
    uint last = min(first + run_length, k), row = panel * MR;
    __global float *out = packed + (size_t)panel * MR * k;
    if (row + MR <= m) {
        __global const element *in = a + (size_t)row * k;
        uint j = first;
        // V columns at a time: compilers turn the plain loop into gathers.
        for (; j + V <= last; j += V) {
            float block[MR][V];
#pragma unroll
            for (uint i = 0; i < MR; i++) VSTORE(LOADV(in + (size_t)i * k + j, 0), 0, block[i]);
            __global float *to = out + (size_t)j * MR;
#pragma unroll
            for (uint x = 0; x < V; x++)
#pragma unroll
                for (uint i = 0; i < MR; i++) to[x * MR + i] = block[i][x];
        }
        for (; j < last; j++)
#pragma unroll
            for (uint i = 0; i < MR; i++) out[(size_t)j * MR + i] = LOAD(in, (size_t)i * k + j);
        return;
    }
    for (uint j = first; j < last; j++)
        for (uint i = 0; i < MR; i++) out[(size_t)j * MR + i] = row + i < m ? LOAD(a, (size_t)(row + i) * k + j) : 0.0f;
}

// Columns of B as [panel][k][NR], zero beyond the last column. Item (panel, run): `run_length` rows of one panel.
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void pack_columns(
    __global const element *restrict b, __global float *restrict packed, uint n, uint k, uint run_length) {
    uint panel = get_global_id(0), first = get_global_id(1) * run_length;
    uint last = min(first + run_length, k), column = panel * NR;
    __global float *out = packed + (size_t)panel * NR * k;
    for (uint j = first; j < last; j++) {
        __global const element *in = b + (size_t)j * n + column;
        if (column + NR <= n) {
#pragma unroll
            for (uint v = 0; v < NV; v++) VSTORE(LOADV(in, v), v, out + (size_t)j * NR);
        } else {
            for (uint i = 0; i < NR; i++) out[(size_t)j * NR + i] = column + i < n ? LOAD(in, i) : 0.0f;
        }
    }
}

// One tile over `length` of k; `add` continues what an earlier run of k left in C.
void tile(__global const float *restrict a, __global const float *restrict b, __global result *restrict c, uint n,
          uint length, uint rows, uint columns, bool add) {
    FLOATV sum[MR][NV];
#pragma unroll
    for (uint i = 0; i < MR; i++)
#pragma unroll
        for (uint v = 0; v < NV; v++) sum[i][v] = (FLOATV)(0.0f);
    for (uint j = 0; j < length; j++) {
        READ_AHEAD(a + AHEAD * MR);
        FLOATV right[NV];
#pragma unroll
        for (uint v = 0; v < NV; v++) right[v] = VLOAD(v, b);
#pragma unroll
        for (uint i = 0; i < MR; i++)
#pragma unroll
            for (uint v = 0; v < NV; v++) sum[i][v] = fma((FLOATV)(a[i]), right[v], sum[i][v]);
        a += MR;
        b += NR;
    }
    if (rows == MR && columns == NR) {
#pragma unroll
        for (uint i = 0; i < MR; i++)
#pragma unroll
            for (uint v = 0; v < NV; v++) {
                __global result *out = c + (size_t)i * n;
                VSTORE(add ? VLOAD(v, out) + RESULTS(sum[i][v]) : RESULTS(sum[i][v]), v, out);
            }
        return;
    }
    float edge[MR * NR];
#pragma unroll
    for (uint i = 0; i < MR; i++)
#pragma unroll
        for (uint v = 0; v < NV; v++) VSTORE(sum[i][v], i * NV + v, edge);
    for (uint i = 0; i < rows; i++)
        for (uint x = 0; x < columns; x++) {
            size_t at = (size_t)i * n + x;
            result value = (result)edge[i * NR + x];
            c[at] = add ? c[at] + value : value;
        }
}

// Item: a column panel and `left_panels` row panels, those of one column panel after another, so that a run of it stays
// in the cache while all row panels pass. The items are a line: of a plane, Intel's runtime hands out squares.
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void multiply_panels(
    __global const float *restrict a, __global const float *restrict b, __global result *restrict c, uint m, uint n,
    uint k, uint left_panels) {
    uint panels = (m + MR - 1) / MR, blocks = (panels + left_panels - 1) / left_panels;
    uint right = get_global_id(0) / blocks, first_left = get_global_id(0) % blocks * left_panels;
    uint last_left = min(first_left + left_panels, panels), columns = min((uint)NR, n - right * NR);
    for (uint start = 0; start < k; start += KC) {
        uint length = min((uint)KC, k - start);
        for (uint left = first_left; left < last_left; left++)
            tile(a + ((size_t)left * k + start) * MR, b + ((size_t)right * k + start) * NR,
                 c + (size_t)left * MR * n + (size_t)right * NR, n, length, min((uint)MR, m - left * MR), columns,
                 start > 0);
    }
}
