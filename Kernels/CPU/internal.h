// What the translation units of this target share.
#ifndef NODEWATT_INTERNAL_H
#define NODEWATT_INTERNAL_H

#include "nodewatt_cpu.h"
#include "nodewatt_gemm.h"
#include "nodewatt_gemv.h"
#include "nodewatt_model.h"
#include "nodewatt_peak.h"

/// Seeded data; see nw_fill.
typedef void nw_fill_kernel(void *destination, nw_fill_kind kind, uint32_t key, uint32_t first, size_t count);

/// One register-only peak; see peak_kernels.h and peak_dot.h.
typedef struct nw_peak_kernel {
    void (*run)(int64_t steps, const void *starts, const void *operands, void *results);
    /// Operations of one step of one chain.
    int step_operations;
    /// Elements of all chains and of all operands.
    int chains, operands;
    /// Of sums of products, otherwise 0; see nw_peak_layout.
    int lanes, depth, first_operands, second_operands;
    bool signed_first;
} nw_peak_kernel;

/// Streams through memory: `bytes` and all addresses are multiples of 64.
typedef struct nw_stream_kernels {
    /// The sum of 32-bit words modulo 2^32 over all repetitions; `far` for what no near cache holds.
    uint32_t (*read_sum)(const void *data, size_t bytes, int64_t repetitions, bool far);
    /// to = from, and the same with non-temporal stores.
    void (*copy)(float *to, const float *from, size_t bytes, int64_t repetitions);
    void (*copy_past_caches)(float *to, const float *from, size_t bytes, int64_t repetitions);
    /// to = a + factor * b, and the same with non-temporal stores.
    void (*triad)(float *to, const float *a, const float *b, float factor, size_t bytes, int64_t repetitions);
    void (*triad_past_caches)(float *to, const float *a, const float *b, float factor, size_t bytes,
                              int64_t repetitions);
} nw_stream_kernels;

/// One tile of a matrix product: C (rows x nr) = or += A (rows x groups) * B (groups x nr).
///
/// A depth group is 32 bits: as many consecutive k as its format packs into them. A's packed rows are a compile-time
/// stride apart, so that every row is one register plus an immediate offset; an odd number of cache lines, so that the
/// rows fall into different cache sets; the sums of row i start from the word behind its groups. B is packed group by
/// group, nr columns each, aligned. The number of groups is a multiple of the kernel's step.
typedef struct nw_tile {
    /// The kernel may leave out columns from `columns` on; where C has fewer than nr, it has room for all.
    int64_t rows, columns, groups;
    const uint32_t *a, *b;
    /// f32 or int32.
    uint32_t *c;
    int64_t ldc;
    bool accumulate;
    /// Where to fetch from in the meantime: two cache lines for every four groups, this many bytes apart.
    const char *ahead;
    int64_t ahead_stride;
} nw_tile;

/// A matrix product's register tile and its packing.
typedef struct nw_gemm_kernel {
    /// Register tile mr x nr, the most groups of a tile, the groups from one row of a packed A panel to the next.
    int mr, nr, groups_max, a_stride;
    /// Elements of a depth group, and the bytes of an element of A and B in memory.
    int unit, a_size, b_size;
    /// The groups the tile takes at a time.
    int step;
    /// Computes 1 to mr rows and 1 to nr columns.
    void (*tile)(const nw_tile *tile);
    /// Packs rows x depth of A, with zeros behind the depth up to a multiple of the step.
    void (*pack_a)(const void *a, int64_t lda, int rows, int64_t depth, uint32_t *panel);
    /// Packs depth x columns of B, with zeros behind the edges.
    void (*pack_b)(const void *b, int64_t ldb, int64_t depth, int columns, uint32_t *panel);
} nw_gemm_kernel;

/// What is done to rows of activations beside products. Counts are multiples of 16 unless said otherwise.
typedef struct nw_activation_kernels {
    /// The sum of squares.
    float (*squares)(const float *x, int64_t count);
    /// y = x * scale * gain.
    void (*scale)(const float *x, const float *gain, float scale, float *y, int64_t count);
    /// y = silu(gate) * up.
    void (*gate)(const float *gate, const float *up, float *y, int64_t count);
    /// x = x * factor.
    void (*stretch)(float *x, float factor, int64_t count);
    /// One run of a softmax: scores become exp(score - top), the first `valid` of them; the others, up to a multiple of 16
    /// from `count`, become 0. `top` and `sum` are of all runs so far, with -infinity and 0 before the first; returned is
    /// what earlier runs have to be multiplied by.
    float (*soften)(float *scores, int64_t valid, int64_t count, float *top, float *sum);
    /// The largest of any number of values, of at least one that is no NaN.
    float (*largest)(const float *x, int64_t count);
    /// Rounds to bf16 or f16 bits.
    void (*narrow)(bool half, const float *x, uint16_t *y, int64_t count);
} nw_activation_kernels;

/// y[i] = row i of w (rows x columns, any numbers) * x. Weights lie in panels of `panel_rows` rows, the last one padded
/// with zeros: element k of a panel's row r is its element k * panel_rows + r.
typedef struct nw_gemv_kernels {
    int panel_rows;
    void (*f32)(const void *w, int64_t rows, int64_t columns, const float *x, float *y);
    void (*f16)(const void *w, int64_t rows, int64_t columns, const float *x, float *y);
    void (*bf16)(const void *w, int64_t rows, int64_t columns, const float *x, float *y);
} nw_gemv_kernels;

/// A vector quantised in blocks of 32, as nw_gemv says.
typedef struct nw_quantised {
    /// 32 per block.
    int8_t *values;
    /// One per block: the scale, and what undoes the number the kernel adds to weights to make them unsigned.
    float *scales;
    int32_t *offsets;
} nw_quantised;

/// The same with weights in ggml's blocks. The bytes of a panel's blocks b begin at b * panel_rows * those of a block:
/// first the rows' scales, then four bytes of each row, the next four of each, and so on. Panels of one row are ggml's
/// own layout.
typedef struct nw_block_gemv_kernels {
    int panel_rows;
    /// Quantises blocks `first` to `end` - 1 of x for one of the two formats.
    void (*quantise)(nw_weight_format format, const float *x, int64_t first, int64_t end, const nw_quantised *to);
    void (*q8_0)(const void *w, int64_t rows, int64_t blocks, const nw_quantised *x, float *y);
    void (*q4_0)(const void *w, int64_t rows, int64_t blocks, const nw_quantised *x, float *y);
} nw_block_gemv_kernels;

/// Rows made ready to be multiplied, in tiles of as many as a kernel multiplies at a time.
///
/// A tile of n rows lies where its first row begins. It holds column by column what the n rows have of it: n f32, n pairs
/// of bf16, or n times four bytes of blocks, behind which come n scales and then n offsets for each block.
typedef struct nw_rows {
    char *start;
    /// Bytes of a row, a multiple of 64.
    size_t row_bytes;
    int64_t count;
} nw_rows;

/// The tile that a row is in: as many of `most` rows as there are, then smaller ones.
static inline void nw_tile_of(int64_t row, int64_t count, int most, int64_t *first, int *size) {
    static const int sizes[] = {12, 8, 6, 4, 3, 2, 1};
    *first = row / most * most;
    *size = most;
    if (*first + most <= count) return;
    for (int i = 0; i < 7; i++) {
        if (sizes[i] > most || sizes[i] > count - *first) continue;
        *size = sizes[i];
        if (row < *first + *size) return;
        *first += *size;
        i--;
    }
}

/// y (count x rows) = or += x (count rows) times the panels of a matrix (rows x columns), transposed.
typedef struct nw_product {
    const void *w;
    /// Bytes from one panel to the next.
    int64_t panel_stride;
    int64_t rows, columns;
    nw_rows x;
    float *y;
    /// Floats from one row of y to the next.
    int64_t y_stride;
    bool accumulate;
} nw_product;

/// Products with weights of one format, which lie in panels of `panel_rows` rows.
typedef struct nw_multiply_kernel {
    int panel_rows;
    /// The most rows of x in a tile.
    int tile_rows;
    nw_multiplicand multiplicand;
    /// Makes columns `first` to `end` - 1 of x ready as row `row`; both are multiples of 32, or the end of the row.
    void (*prepare)(const float *x, int64_t columns, int64_t first, int64_t end, const nw_rows *to, int64_t row);
    void (*run)(const nw_product *product);
} nw_multiply_kernel;

/// The bytes of a row made ready.
static inline size_t nw_row_bytes(nw_multiplicand multiplicand, int64_t columns) {
    size_t count = (size_t)columns;
    size_t bytes = multiplicand == NW_AS_F32 ? 4 * count : multiplicand == NW_AS_BF16 ? 2 * count : count + count / 4;
    return (bytes + 63) / 64 * 64;
}

/// The kernels of one instruction set. All work on one thread; what is split is split by the callers.
///
/// A group that is NULL is taken from `base`, the next smaller instruction set; the smallest has all but `base`.
struct nw_isa {
    const char *name;
    const char *features;
    /// Whether multiply-adds are fused in hardware.
    bool fused;
    bool (*supported)(void);
    const nw_isa *base;

    nw_fill_kernel *fill;
    const nw_peak_kernel *peaks[NW_PEAK_KIND_COUNT];
    const nw_stream_kernels *streams;
    const nw_gemm_kernel *gemm[NW_GEMM_FORMAT_COUNT];
    const nw_activation_kernels *activations;
    const nw_gemv_kernels *gemv;
    const nw_block_gemv_kernels *block_panels;
    /// For panels of one row.
    const nw_block_gemv_kernels *block_rows;
    const nw_multiply_kernel *multiply[NW_WEIGHT_FORMAT_COUNT];
};

// The kernels of a group: the instruction set's own, or those of the nearest base that has them.
#define NW_GROUP(type, name)                                                                                           \
    static inline type *nw_isa_##name(const nw_isa *isa) {                                                             \
        while (!isa->name) isa = isa->base;                                                                            \
        return isa->name;                                                                                              \
    }
NW_GROUP(nw_fill_kernel, fill)
NW_GROUP(const nw_stream_kernels, streams)
NW_GROUP(const nw_activation_kernels, activations)
NW_GROUP(const nw_gemv_kernels, gemv)
NW_GROUP(const nw_block_gemv_kernels, block_panels)
NW_GROUP(const nw_block_gemv_kernels, block_rows)
#undef NW_GROUP
/// NULL where no instruction does it.
static inline const nw_peak_kernel *nw_isa_peak(const nw_isa *isa, nw_peak_kind kind) {
    while (isa && !isa->peaks[kind]) isa = isa->base;
    return isa ? isa->peaks[kind] : NULL;
}
static inline const nw_gemm_kernel *nw_isa_gemm(const nw_isa *isa, nw_gemm_format format) {
    while (!isa->gemm[format]) isa = isa->base;
    return isa->gemm[format];
}

static inline const nw_multiply_kernel *nw_isa_multiply(const nw_isa *isa, nw_weight_format format) {
    while (!isa->multiply[format]) isa = isa->base;
    return isa->multiply[format];
}

#if defined(__x86_64__)
extern const nw_isa nw_isa_amx;
extern const nw_isa nw_isa_avx512_fp16;
extern const nw_isa nw_isa_avx512_bf16;
extern const nw_isa nw_isa_avx512_vnni;
extern const nw_isa nw_isa_avx512;
extern const nw_isa nw_isa_avx_vnni;
extern const nw_isa nw_isa_avx2;
#endif
#if defined(__aarch64__)
extern const nw_isa nw_isa_sve512;
extern const nw_isa nw_isa_sve256;
extern const nw_isa nw_isa_neon_bf16;
extern const nw_isa nw_isa_neon_dot;
extern const nw_isa nw_isa_neon;
#endif
extern const nw_isa nw_isa_scalar;

/// What every thread of a team runs.
typedef void (*nw_job)(void *context, int thread);

/// Runs a job on all threads and waits for it; `interval` may be NULL.
void nw_team_run(nw_team *team, nw_job job, void *context, nw_interval *interval);
/// Waits inside a job until all threads are here. Spins first, because most waits are shorter than a wake-up.
void nw_team_barrier(nw_team *team);
/// Nanoseconds of CLOCK_MONOTONIC.
uint64_t nw_now(void);

/// Share `index` of `total` split into `shares` contiguous parts whose borders are multiples of `unit`.
static inline int64_t nw_share(int64_t total, int64_t unit, int64_t shares, int64_t index) {
    int64_t units = (total + unit - 1) / unit;
    int64_t start = (int64_t)((__int128)units * index / shares) * unit;
    return start < total ? start : total;
}

/// How a matrix of weights lies in memory: see nw_gemv_kernels and nw_block_gemv_kernels.
typedef struct nw_weight_layout {
    nw_weight_format format;
    int panel_rows;
    int64_t columns;
} nw_weight_layout;

/// Makes row `row` of a matrix, as nw_gemv_fill says, in a panel whose row `place` it is.
void nw_weights_fill(const nw_isa *isa, const nw_weight_layout *layout, nw_weight_data data, const uint32_t *keys,
                     int64_t row, uint8_t *panel, int place);
/// Copies a panel's row `place` to or from the format's own layout.
void nw_weights_load(const nw_weight_layout *layout, const uint8_t *panel, int place, uint8_t *row);
void nw_weights_store(const nw_weight_layout *layout, uint8_t *panel, int place, const uint8_t *row);

/// Makes a row of random weights as nw_gemv_fill says, in the format's own layout; room for 64 bytes more is needed.
void nw_weights_make_row(const nw_isa *isa, nw_weight_format format, int64_t columns, const uint32_t *keys, int64_t row,
                         uint8_t *to);
/// The numbers of a row that lies in the format's own layout, at any address.
void nw_weights_numbers(nw_weight_format format, int64_t columns, const uint8_t *row, float *to);

static inline size_t nw_round_up(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }

#endif
