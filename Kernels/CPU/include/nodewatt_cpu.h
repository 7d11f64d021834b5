/// nodewatt's CPU kernels: the whole interface of the C target, used by the Swift module CPUBackend.
///
/// Every function that can fail returns an `nw_status`; nothing here prints, and nothing allocates in a timed part.
/// Handles are not thread-safe: one caller at a time.
#ifndef NODEWATT_CPU_H
#define NODEWATT_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// What became of a call.
typedef enum nw_status {
    NW_OK = 0,
    /// The operating system gave no memory (ENOMEM).
    NW_OUT_OF_MEMORY,
    /// An argument is out of its range.
    NW_INVALID_ARGUMENT,
    /// No instruction set of that name is compiled in.
    NW_UNKNOWN_ISA,
    /// This processor or operating system lacks the instruction set.
    NW_UNSUPPORTED_ISA,
    /// A thread could not be created.
    NW_NO_THREAD,
    /// A thread could not be pinned to its processor.
    NW_NOT_PINNED,
} nw_status;

/// Whether this code was compiled with optimisation; figures of a build without it mean nothing.
bool nw_built_optimised(void);

// ---- Instruction sets ------------------------------------------------------------------------------------------

/// One instruction set's kernels.
typedef struct nw_isa nw_isa;

/// How many instruction sets are compiled in; index 0 is the most capable.
int nw_isa_count(void);
/// The instruction set at `index`, from 0 to `nw_isa_count() - 1`.
const nw_isa *nw_isa_at(int index);
/// Its name, such as `avx512_bf16` or `scalar`.
const char *nw_isa_name(const nw_isa *isa);
/// The processor features it needs, separated by commas.
const char *nw_isa_features(const nw_isa *isa);
/// Whether it has a fused multiply-add; without one every step of the peak rounds twice.
bool nw_isa_fused(const nw_isa *isa);
/// Whether this processor and operating system have all of them.
bool nw_isa_supported(const nw_isa *isa);
/// Finds an instruction set.
///
/// `name` may be NULL or empty for the best supported one; otherwise `NW_UNKNOWN_ISA` or `NW_UNSUPPORTED_ISA` tells
/// why it cannot be had.
nw_status nw_isa_resolve(const char *name, const nw_isa **isa);

// ---- Threads ---------------------------------------------------------------------------------------------------

/// A team of threads, each pinned to one processor, that runs one job at a time.
typedef struct nw_team nw_team;

/// The interval from the first thread's start to the last thread's end, nanoseconds of CLOCK_MONOTONIC.
typedef struct nw_interval {
    uint64_t start_ns;
    uint64_t end_ns;
} nw_interval;

/// Creates a team of `count` threads (1 to 4096) on the processors of these operating-system numbers.
///
/// On `NW_NOT_PINNED`, `*failed_cpu` is the processor that refused.
nw_status nw_team_create(const int *cpus, int count, nw_team **team, int *failed_cpu);
/// Ends the threads.
void nw_team_destroy(nw_team *team);
/// How many threads it has.
int nw_team_count(const nw_team *team);

// ---- Memory ----------------------------------------------------------------------------------------------------

/// Anonymous memory aligned to 2 MiB, with huge pages where the system gives them.
typedef struct nw_memory nw_memory;

/// Reserves `bytes` bytes; pages come at first touch.
nw_status nw_memory_create(size_t bytes, nw_memory **memory);
/// The same without huge pages, to show what they are worth.
nw_status nw_memory_create_small_pages(size_t bytes, nw_memory **memory);
void nw_memory_destroy(nw_memory *memory);
void *nw_memory_bytes(const nw_memory *memory);

/// What `nw_fill` makes: the values of NodeModel's SeededData, element by element.
typedef enum nw_fill_kind {
    /// Uniform f32 in [-1, 1).
    NW_FILL_UNIFORM_F32 = 0,
    /// f32 integers from -3 to 3.
    NW_FILL_SMALL_INTEGER_F32,
    /// Random 32-bit words.
    NW_FILL_WORD_U32,
    /// Weights as bf16 bits.
    NW_FILL_WEIGHT_BF16,
    /// Weights as f16 bits.
    NW_FILL_WEIGHT_F16,
    /// Uniform values rounded to bf16, ties to even.
    NW_FILL_UNIFORM_BF16,
    /// Uniform values rounded to f16, ties to even.
    NW_FILL_UNIFORM_F16,
    /// Integers from -3 to 3 as bf16 and as f16.
    NW_FILL_SMALL_INTEGER_BF16,
    NW_FILL_SMALL_INTEGER_F16,
} nw_fill_kind;

/// Fills `count` elements at `destination` with elements `first`… (modulo 2^32) of the stream `key`.
///
/// The team's threads write contiguous shares of equal size, so that first touch puts each share near its thread.
nw_status nw_fill(nw_team *team, const nw_isa *isa, void *destination, nw_fill_kind kind, uint32_t key,
                  uint64_t first, size_t count);

#ifdef __cplusplus
}
#endif
#endif
