// What the kernels for matrix engines agree on; stands before an engine's source, which stands before matrix_tiles.
//
// BM, BN: the tile of C of a work-group. WM, WN: the part of it that a wave makes; waves lie row by row. DEPTH: bytes
// of k in a tile, 64 or 128. STAGES: tiles of A and of B in local memory at once. One of F16, BF16 and S8: the
// operands' format; sums are f32 or s32, with F16_SUMS f16.
//
// A tile of A is BM rows of DEPTH bytes, neighbours in k. One of B is BN columns alike, or, with RIGHT_ROWS and 16-bit
// operands, DEPTH / 2 rows of BN. Both are kept in chunks of 16 bytes, permuted so that the eight chunks that a wave
// reads at once from eight rows lie in different banks.
#define CHUNKS (DEPTH / 16)
#define RIGHT_CHUNKS (BN / 8)
#define RIGHT_MASK (RIGHT_CHUNKS < 8 ? RIGHT_CHUNKS - 1 : 7)

// Where a chunk lies in a tile of rows (or columns) of DEPTH bytes.
uint chunk_position(uint row, uint chunk) {
    return (row * CHUNKS + (chunk ^ ((row * CHUNKS / 8) & (CHUNKS - 1)))) * 16;
}

// Where a chunk lies in a tile of rows of B.
uint row_chunk_position(uint row, uint chunk) { return (row * RIGHT_CHUNKS + (chunk ^ (row & RIGHT_MASK))) * 16; }

uint4 read_chunk(__local const uchar *tile, uint row, uint chunk) {
    return *(__local const uint4 *)(tile + chunk_position(row, chunk));
}

#ifdef S8
typedef int result_t;
#else
typedef float result_t;
#endif

// A wave, as one of its work-items sees it. `exchange` is memory for emulated engines alone; on others there is none.
typedef struct {
    uint lane;
    __local uchar *exchange;
    void *pending;
} wave_t;
