/// Matrix times vector as LLM decoding does it: y = W*x, W in the formats weights are stored in; see nodewatt_cpu.h.
#ifndef NODEWATT_GEMV_H
#define NODEWATT_GEMV_H

#include "nodewatt_cpu.h"

#ifdef __cplusplus
extern "C" {
#endif

/// How a matrix of weights is stored. Rows follow each other without gaps.
typedef enum nw_weight_format {
    NW_WEIGHT_F32 = 0,
    NW_WEIGHT_F16,
    NW_WEIGHT_BF16,
    /// ggml's Q8_0: blocks of 32 weights, an f16 scale d and 32 signed bytes q; the value is d*q. 34 bytes.
    NW_WEIGHT_Q8_0,
    /// ggml's Q4_0: blocks of 32 weights, an f16 scale d and 16 bytes; byte j holds weight j in its low four bits and
    /// weight j + 16 in its high ones; the value is d*(q - 8). 18 bytes.
    NW_WEIGHT_Q4_0,
} nw_weight_format;
enum { NW_WEIGHT_FORMAT_COUNT = NW_WEIGHT_Q4_0 + 1 };

/// Seeded weights; see nw_gemv_fill.
typedef enum nw_weight_data {
    /// Random ones of the size trained weights have.
    NW_WEIGHTS_RANDOM = 0,
    /// Small integers, and scales that are powers of two: products with small integers are exact.
    NW_WEIGHTS_INTEGER,
} nw_weight_data;

/// The layout of weights in blocks.
typedef enum nw_block_layout {
    /// The fastest for the instruction set: panels of as many rows as a vector has 32-bit lanes. The same bits and as
    /// many bytes, but the scales of the rows' blocks lie together, and so do four bytes of each row.
    NW_BLOCKS_PANELS = 0,
    /// Row after row of ggml's blocks.
    NW_BLOCKS_GGML,
} nw_block_layout;

/// y = W*x on a team.
///
/// The rows are split over the threads; each thread's rows lie in memory it touched first. There are several copies of
/// W with different weights, used in turn, so that no cache serves them.
///
/// With f32, f16 and bf16 the weights are widened to f32, multiplied by x and added in f32; they lie in panels too.
/// With q8_0 and q4_0, x is quantised first, in the timed part, once per product: of every 32 values d = max|x| / 127
/// in f32, and q = x * (1/d) rounded to the nearest integer, ties to even; zeros where max|x| < 2^-100. Blocks are
/// multiplied in integers, exactly; integer * (weight scale * d) is added in f32. The order of additions is fixed.
typedef struct nw_gemv nw_gemv;

/// The bytes of one row, 0 for columns the format cannot have: plain ones take any number from 1, q8_0 and q4_0
/// multiples of 32.
size_t nw_gemv_row_bytes(nw_weight_format format, int64_t columns);
/// How many copies of a matrix are needed for `rotated_bytes` bytes in all, 1 to 4096.
int nw_gemv_copies_needed(nw_weight_format format, int64_t rows, int64_t columns, size_t rotated_bytes);
/// Reserves that many copies of W; they hold nothing before nw_gemv_fill.
nw_status nw_gemv_create(nw_team *team, const nw_isa *isa, nw_weight_format format, nw_block_layout layout,
                         int64_t rows, int64_t columns, size_t rotated_bytes, nw_gemv **gemv);
void nw_gemv_destroy(nw_gemv *gemv);
/// How many copies of W there are.
int nw_gemv_copies(const nw_gemv *gemv);
/// How many rows lie side by side; 1 means row after row.
int nw_gemv_panel_rows(const nw_gemv *gemv);
/// Fills all copies, by the threads that will read them.
///
/// `keys` holds two streams of SeededData per copy. Element i is weight i in row-major order, modulo 2^32.
/// Random: f32 are SeededData's uniform values of the first stream, f16 and bf16 its weights. Of q8_0 and q4_0 the
/// blocks' bytes without scales, one block after the other, are the little-endian words of the first stream; the scale
/// of block i is the f16 with the bits (word i of the second stream & 0x87ff) | 0x1000, of magnitude 2^-11 to 2^-9.
/// Integers: f32, f16, bf16 are SeededData's small integers. The bytes of q8_0 are those above shifted right by two,
/// with sign, of q4_0 those above; the scale of block i is 1 or 2, the f16 with the bits (word i & 0x0400) + 0x3c00.
nw_status nw_gemv_fill(nw_gemv *gemv, nw_weight_data data, const uint32_t *keys);
/// Computes y `repetitions` times, each time with the next copy of W. y's earlier content is never read.
nw_status nw_gemv_run(nw_gemv *gemv, const float *x, float *y, int64_t repetitions, nw_interval *interval);
/// The copy the last product was made with; -1 before the first.
int nw_gemv_last_copy(const nw_gemv *gemv);
/// A stored row of a copy in the format's own layout, read for checks and written by tests that corrupt it.
nw_status nw_gemv_read_row(const nw_gemv *gemv, int copy, int64_t row, void *bytes);
nw_status nw_gemv_write_row(nw_gemv *gemv, int copy, int64_t row, const void *bytes);

#ifdef __cplusplus
}
#endif
#endif
