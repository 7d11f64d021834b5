// Y = X * W^T, or Y += X * W^T, on processors, for several rows of X; W in panels of V rows of weights side by side (see
// gemv_fill.cl). sixteen_bit.cl comes before.
//
// A work-item makes the outputs of a strip of NV panels: it unpacks KC columns of them to f32, which a first or second
// level cache holds, and multiplies them with all rows of X, MR at a time. MR x NV vectors of sums stay in registers.
// With EXPERTS there are as many matrices one below the other, and expert e has the rows from visits[e] to visits[e + 1].
#define NR (NV * V)
// As in gemv_panels.cl: how many bytes before their use weights are fetched.
#define AHEAD 4096
#define READ_AHEAD(p, bytes) \
    for (uint line_ = 0; line_ < (bytes); line_ += 64) FETCH((__global const uchar *)(p) + AHEAD + line_)

// X as [tile][k][MR], zero beyond the last row. Item (tile, run): `run_length` columns of a tile. With EXPERTS tiles[e]
// is the first tile of expert e, and with `is_gathered` not 0 visit v is row row_of[v] of X, else row v.
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void pack_rows(
    __global const float *restrict x, __global float *restrict packed, uint rows, uint k, uint run_length
#ifdef EXPERTS
    , __global const uint *restrict visits, __global const uint *restrict tiles, __global const uint *restrict row_of,
    uint is_gathered
#endif
) {
    uint tile = get_global_id(0), start = get_global_id(1) * run_length, end = min(start + run_length, k);
    uint first = tile * MR, count = min((uint)MR, rows - min(first, rows));
#ifdef EXPERTS
    if (tile >= tiles[EXPERTS]) return;
    uint expert = 0;
    while (tile >= tiles[expert + 1]) expert++;
    first = visits[expert] + (tile - tiles[expert]) * MR;
    count = min((uint)MR, visits[expert + 1] - first);
#endif
    __global const float *from[MR];
#pragma unroll
    for (uint i = 0; i < MR; i++) {
        uint row = first + min(i, count - 1);
#ifdef EXPERTS
        if (is_gathered) row = row_of[row];
#endif
        from[i] = x + (size_t)row * k;
    }
    __global float *out = packed + (size_t)tile * MR * k;
    for (uint j = start; j + V <= end; j += V) {
        // V columns at a time: compilers turn the plain loop into gathers. k is a multiple of 16.
        float block[MR][V];
#pragma unroll
        for (uint i = 0; i < MR; i++) VSTORE(i < count ? VLOAD(0, from[i] + j) : (FLOATV)(0.0f), 0, block[i]);
#pragma unroll
        for (uint c = 0; c < V; c++)
#pragma unroll
            for (uint i = 0; i < MR; i++) out[(size_t)(j + c) * MR + i] = block[i][c];
    }
}

// Columns `first` to `first` + `length` of a panel as f32, NR apart.
#if !defined(Q8) && !defined(Q4)
#ifdef F32
typedef float stored;
#define LOAD VLOAD
#else
typedef element stored;
#define LOAD load_elements
#endif
void unpack(__global const stored *panel, uint first, uint length, float *to) {
    panel += (size_t)first * V;
    for (uint j = 0; j < length; j++) {
        READ_AHEAD(panel + j * V, V * sizeof(stored));
        VSTORE(LOAD(j, panel), j * NV, to);
    }
}
#else
#define INTV JOIN(int, V)
typedef INTV stored;
#define TO_FLOATV JOIN(convert_float, V)
#ifdef Q8
#define WORDS 8
#else
#define WORDS 4
#endif
void unpack(__global const stored *panel, __global const element *scales, uint first, uint length, float *to) {
    for (uint b = first / 32; b < (first + length) / 32; b++, to += 32 * NR) {
        FLOATV scale = load_elements(b, scales);
        READ_AHEAD(panel + b * WORDS, WORDS * sizeof(INTV));
#pragma unroll
        for (uint x = 0; x < WORDS; x++) {
            INTV word = panel[b * WORDS + x];
#pragma unroll
            for (uint i = 0; i < 4; i++) {
#ifdef Q8
                VSTORE(TO_FLOATV(word << (int)(24 - 8 * i) >> 24) * scale, (4 * x + i) * NV, to);
#else
                VSTORE(TO_FLOATV((word >> (int)(8 * i) & 15) - 8) * scale, (4 * x + i) * NV, to);
                VSTORE(TO_FLOATV((word >> (int)(8 * i + 4) & 15) - 8) * scale, (4 * x + i + 16) * NV, to);
#endif
            }
        }
    }
}
#endif

// MR rows of `length` columns times a strip; `add` continues what is in Y.
void multiply_tile(__global const float *restrict x, const float *restrict strip, __global float *restrict y, uint n,
                   uint length, uint rows, uint columns, bool add) {
    FLOATV sum[MR][NV];
#pragma unroll
    for (uint i = 0; i < MR; i++)
#pragma unroll
        for (uint v = 0; v < NV; v++) sum[i][v] = (FLOATV)(0.0f);
    for (uint j = 0; j < length; j++, x += MR, strip += NR) {
        FETCH(x + 128 * MR);
        FLOATV right[NV];
#pragma unroll
        for (uint v = 0; v < NV; v++) right[v] = VLOAD(v, strip);
#pragma unroll
        for (uint i = 0; i < MR; i++)
#pragma unroll
            for (uint v = 0; v < NV; v++) sum[i][v] = fma((FLOATV)(x[i]), right[v], sum[i][v]);
    }
    if (rows == MR && columns == NR) {
#pragma unroll
        for (uint i = 0; i < MR; i++)
#pragma unroll
            for (uint v = 0; v < NV; v++) {
                __global float *out = y + (size_t)i * n;
                VSTORE(add ? VLOAD(v, out) + sum[i][v] : sum[i][v], v, out);
            }
        return;
    }
    float edge[MR * NR];
#pragma unroll
    for (uint i = 0; i < MR * NV; i++) VSTORE(sum[i / NV][i % NV], i, edge);
    for (uint i = 0; i < rows; i++)
        for (uint c = 0; c < columns; c++) {
            size_t at = (size_t)i * n + c;
            y[at] = add ? y[at] + edge[i * NR + c] : edge[i * NR + c];
        }
}

// Y has `n` columns; W's `outputs` rows make those from `first` on. Item (strip, expert), the first of `experts` being
// that of W's first matrix.
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void multiply_strips(
    __global const stored *restrict w,
#if defined(Q8) || defined(Q4)
    __global const element *restrict scales,
#endif
    __global const float *restrict packed, __global float *restrict y, uint rows, uint k, uint n, uint first,
    uint outputs, uint accumulate
#ifdef EXPERTS
    , __global const uint *restrict visits, __global const uint *restrict tiles, uint first_expert
#endif
) {
    float strip[KC * NR];
    uint panels = (outputs + V - 1) / V, panel = get_global_id(0) * NV, column = panel * V, before = 0;
    uint columns = min((uint)NR, outputs - column);
#ifdef EXPERTS
    uint expert = first_expert + get_global_id(1);
    rows = visits[expert + 1] - visits[expert];
    if (rows == 0) return;
    packed += (size_t)tiles[expert] * MR * k;
    y += (size_t)visits[expert] * n;
    before = get_global_id(1) * panels;
#endif
    for (uint start = 0; start < k; start += KC) {
        uint length = min((uint)KC, k - start);
#pragma unroll
        for (uint v = 0; v < NV; v++) {
            size_t p = before + min(panel + v, panels - 1);
#if defined(Q8) || defined(Q4)
            unpack(w + p * (k / 32) * WORDS, scales + p * (k / 32) * V, start, length, strip + v * V);
#else
            unpack(w + p * k * V, start, length, strip + v * V);
#endif
        }
        for (uint row = 0; row < rows; row += MR)
            multiply_tile(packed + ((size_t)row * k + (size_t)start * MR), strip,
                          y + (size_t)row * n + first + column, n, length, min((uint)MR, rows - row), columns,
                          accumulate || start > 0);
    }
}
