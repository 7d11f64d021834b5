// The instructions of matrix engines, emulated, so that everything around them can be tested on any device. Only tests
// build this: it is no engine, and its speed says nothing.
//
// Stands after matrix_layout and an engine built with EMULATED and one of EMULATE_MMA, EMULATE_MFMA, EMULATE_WMMA and
// EMULATE_DPAS. Lanes exchange their registers through wave.exchange, EXCHANGE_OF_LANE bytes each, and which register
// of which lane holds which element is taken from the makers' descriptions, not from the engine's source. The barriers
// hold for the whole work-group: its waves run in step here.
#if defined(EMULATE_MMA)
#define EXCHANGE_OF_LANE 24
// As many copies as an item may begin before it closes a group.
#define PENDING_COPIES 16
#elif defined(EMULATE_MFMA)
#define EXCHANGE_OF_LANE 16
#elif defined(EMULATE_WMMA)
#define EXCHANGE_OF_LANE 64
#else
#define EXCHANGE_OF_LANE 48
#endif

#ifdef S8
#define BYTES 1
int element_at(__local const uchar *at) { return *(__local const char *)at; }
#elif defined(BF16)
#define BYTES 2
float element_at(__local const uchar *at) { return as_float((uint)*(__local const ushort *)at << 16); }
#else
#define BYTES 2
float element_at(__local const uchar *at) { return vload_half(0, (__local const half *)at); }
#endif

__local uchar *registers_of(uint lane, wave_t wave) { return wave.exchange + lane * EXCHANGE_OF_LANE; }

#ifdef EMULATE_MMA
// PTX ISA, ldmatrix: lane l gets the words of row l / 4 of four matrices, whose rows the lanes give by eights; with
// .trans the column l / 4, two rows at a time.
__local const uchar *row_of(uint lane, wave_t wave) {
    return wave.exchange - *(__local const uint *)registers_of(lane, wave);
}

uint4 load_any_matrices(__local const uchar *row, bool transposed, wave_t wave) {
    *(__local uint *)registers_of(wave.lane, wave) = (uint)(wave.exchange - row);
    barrier(CLK_LOCAL_MEM_FENCE);
    uint words[4];
    uint major = wave.lane / 4, minor = wave.lane % 4 * 2;
    for (uint i = 0; i < 4; i++) {
        __local const ushort *one = (__local const ushort *)row_of(8 * i + (transposed ? minor : major), wave);
        __local const ushort *two = (__local const ushort *)row_of(8 * i + (transposed ? minor + 1 : major), wave);
        words[i] = transposed ? one[major] | (uint)two[major] << 16 : one[minor] | (uint)two[minor + 1] << 16;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    return vload4(0, words);
}
uint4 load_matrices(__local const uchar *row, wave_t wave) { return load_any_matrices(row, false, wave); }
uint4 load_matrices_transposed(__local const uchar *row, wave_t wave) { return load_any_matrices(row, true, wave); }

// PTX ISA, mma.m16n8k16 and m16n8k32: group = lane / 4 is a row of A and a column of B, lane % 4 a word of 16 bytes of
// k; registers of A: rows 0-7, rows 8-15, then the other 16 bytes. Of C: row group, two columns, then row group + 8.
piece_t multiply_16x8(uint4 a, uint2 b, piece_t c, wave_t wave) {
    vstore4(a, 0, (__local uint *)registers_of(wave.lane, wave));
    vstore2(b, 2, (__local uint *)registers_of(wave.lane, wave));
    barrier(CLK_LOCAL_MEM_FENCE);
    result_t sums[4];
#ifdef F16_SUMS
    vstore4(vload_half4(0, (const half *)&c), 0, sums);
#else
    vstore4(c, 0, sums);
#endif
    for (uint i = 0; i < 4; i++) {
        uint row = wave.lane / 4 + i / 2 * 8, column = wave.lane % 4 * 2 + i % 2;
        for (uint k = 0; k < 32; k += BYTES)
            sums[i] += element_at(registers_of(row % 8 * 4 + k % 16 / 4, wave) + (k / 16 * 2 + row / 8) * 4 + k % 4)
                * element_at(registers_of(column * 4 + k % 16 / 4, wave) + 16 + k / 16 * 4 + k % 4);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
#ifdef F16_SUMS
    vstore_half4_rte(vload4(0, sums), 0, (half *)&c);
    return c;
#else
    return vload4(0, sums);
#endif
}

// Copies happen some time between their start and the wait for their group: with LATE_COPIES as late as can be, by
// default at once.
typedef struct {
    uint opened, begun, done;
    __local uchar *to[STAGES][PENDING_COPIES];
    __global const uint4 *from[STAGES][PENDING_COPIES];
} pending_t;

void copy_chunk(__local uchar *to, __global const uint4 *from, wave_t wave) {
#ifdef LATE_COPIES
    pending_t *pending = (pending_t *)wave.pending;
    pending->to[pending->opened % STAGES][pending->begun] = to;
    pending->from[pending->opened % STAGES][pending->begun] = from;
    pending->begun += 1;
#else
    *(__local uint4 *)to = *from;
#endif
}

// A group that is not full is one without copies.
void commit_copies(wave_t wave) {
    pending_t *pending = (pending_t *)wave.pending;
    if (pending->begun == 0) pending->to[pending->opened % STAGES][0] = 0;
    pending->opened += 1;
    pending->begun = 0;
}

void wait_for_copies(wave_t wave) {
#ifdef LATE_COPIES
    pending_t *pending = (pending_t *)wave.pending;
    for (; pending->done + STAGES - 2 < pending->opened; pending->done++) {
        uint group = pending->done % STAGES;
        for (uint i = 0; i < PENDING_COPIES && pending->to[group][i] != 0; i++)
            *(__local uint4 *)pending->to[group][i] = *pending->from[group][i];
    }
#endif
}
#endif

// AMD's matrix instruction calculator, V_MFMA_F32_16X16X16_F16 and its kin: lane % 16 is the row of A and the column of
// B, lane / 16 their run of k; of C the column, and four rows.
#ifdef EMULATE_MFMA
sum_t mfma(uint2 a, uint2 b, sum_t c, wave_t wave) {
    vstore2(a, 0, (__local uint *)registers_of(wave.lane, wave));
    vstore2(b, 1, (__local uint *)registers_of(wave.lane, wave));
    barrier(CLK_LOCAL_MEM_FENCE);
    result_t sums[4];
    vstore4(c, 0, sums);
    for (uint i = 0; i < 4; i++)
        for (uint run = 0; run < 4; run++)
            for (uint k = 0; k < MFMA_BYTES; k += BYTES)
                sums[i] += element_at(registers_of(run * 16 + wave.lane / 16 * 4 + i, wave) + k)
                    * element_at(registers_of(run * 16 + wave.lane % 16, wave) + 8 + k);
    barrier(CLK_LOCAL_MEM_FENCE);
    return vload4(0, sums);
}
#endif

// RDNA 3 ISA, WMMA with waves of 32: lanes l and l + 16 hold row l of A and column l of B; of C column lane % 16, and
// every second row from lane / 16 on.
#ifdef EMULATE_WMMA
sum_t wmma(uint4 a0, uint4 a1, uint4 b0, uint4 b1, sum_t c, wave_t wave) {
    vstore16((uint16)(a0, a1, b0, b1), 0, (__local uint *)registers_of(wave.lane, wave));
    barrier(CLK_LOCAL_MEM_FENCE);
    result_t sums[8];
    vstore8(c, 0, sums);
    for (uint i = 0; i < 8; i++)
        for (uint k = 0; k < WMMA_BYTES; k += BYTES)
            sums[i] += element_at(registers_of(2 * i + wave.lane / 16 + i % 2 * 16, wave) + k)
                * element_at(registers_of(wave.lane, wave) + 32 + k);
    barrier(CLK_LOCAL_MEM_FENCE);
    return vload8(0, sums);
}
#endif

// cl_intel_subgroup_matrix_multiply_accumulate: lane l holds bytes 2l and 2l + 1 of k of eight rows of A, and column l
// of B; of C column l.
#ifdef EMULATE_DPAS
sum_t dpas(left_t a, right_t b, sum_t c, wave_t wave) {
    vstore8(a, 0, (__local short *)registers_of(wave.lane, wave));
    vstore8(b, 0, (__local int *)(registers_of(wave.lane, wave) + 16));
    barrier(CLK_LOCAL_MEM_FENCE);
    result_t sums[8];
    vstore8(c, 0, sums);
    for (uint i = 0; i < 8; i++)
        for (uint k = 0; k < 32; k += BYTES)
            sums[i] += element_at(registers_of(k / 2, wave) + 2 * i + k % 2)
                * element_at(registers_of(wave.lane, wave) + 16 + k);
    barrier(CLK_LOCAL_MEM_FENCE);
    return vload8(0, sums);
}
#endif
