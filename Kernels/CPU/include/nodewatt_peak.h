/// Register-only peaks, on a team.
#ifndef NODEWATT_PEAK_H
#define NODEWATT_PEAK_H

#include "nodewatt_cpu.h"

#ifdef __cplusplus
extern "C" {
#endif

/// What is multiplied.
typedef enum nw_peak_kind {
    /// Chains of x <- x * x + c in f64, f32, f16, or of x <- x + a * b where only the addend can be overwritten.
    NW_PEAK_F64 = 0,
    NW_PEAK_F32,
    NW_PEAK_F16,
    /// Sums of dot products: x <- x + a . b of two pairs of bf16 in f32, of four uint8 and four int8 in int32.
    NW_PEAK_BF16,
    NW_PEAK_I8,
    NW_PEAK_KIND_COUNT
} nw_peak_kind;

/// How a kind's chains and operands lie in memory, per thread.
typedef struct nw_peak_layout {
    /// Operations of one step of one chain: 2 per multiply-add.
    int step_operations;
    /// Elements of all chains and of all operands: f64, f32, f16; f32 or int32 chains and 32-bit groups of operands.
    int chains, operands;
    /// Of x * x + c 0: chain i adds operand i modulo their number. Of sums of products: lanes of a vector, vectors of
    /// first operands and of second, which lie behind; chain i is lane i % lanes of vector i / lanes, and vector v
    /// multiplies the first operand v % first and the second v % second.
    int lanes, first, second;
    /// Of sums of products: a vector holds lanes / depth^2 matrices of depth x depth elements, row by row; a step adds
    /// the product of two such matrices. 1 where every lane multiplies its own.
    int depth;
    /// Whether the bytes of first operands have a sign; those of the second always have.
    bool signed_first;
    /// Bytes of an element.
    int chain_bytes, operand_bytes;
} nw_peak_layout;

/// The layout of a kind; NW_UNSUPPORTED_ISA where no instruction does it.
nw_status nw_peak_get_layout(const nw_isa *isa, nw_peak_kind kind, nw_peak_layout *layout);

/// A peak made ready.
typedef struct nw_peak nw_peak;

/// Prepares it. `starts` holds threads x chains elements, `operands` threads x operands; both are copied.
/// One repetition is `steps` steps of every chain of every thread, from the same starts.
nw_status nw_peak_create(nw_team *team, const nw_isa *isa, nw_peak_kind kind, int64_t steps, const void *starts,
                         const void *operands, nw_peak **peak);
void nw_peak_destroy(nw_peak *peak);
nw_status nw_peak_run(nw_peak *peak, int64_t repetitions, nw_interval *interval);
/// The final values of all chains (threads x chains) after the last repetition.
void *nw_peak_results(nw_peak *peak);

#ifdef __cplusplus
}
#endif
#endif
