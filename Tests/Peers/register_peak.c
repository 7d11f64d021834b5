// The register-only peaks of this machine's vector units, written apart from nodewatt's kernels so that the two can be
// held against each other.
//
// usage: register_peak CPU,CPU,… SECONDS PRECISION…      PRECISION: f32, bf16 (dot, f32 sums), i8 (dot, 32-bit sums)
//
// Prints "PRECISION OPERATIONS_PER_SECOND" over all processors named, one thread on each; -1 where this processor has
// no such instruction. Each instruction set is run with several numbers of accumulators, because how many hide the
// latency differs between processors, and the best counts. SECONDS is the time of one of these runs.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { max_threads = 1024, words = 16, left_operands = 3, right_operands = 2, burst = 512 };

/// Random bits that are harmless in every format: as f32 and as pairs of bf16 all magnitudes are near 1.
static uint32_t operand_bits(uint32_t index) {
    uint32_t bits = (index + 1) * 2654435761u;
    bits ^= bits >> 15;
    return (bits & 0x807f807fu) | 0x3f803f80u;
}

/// `rounds` bursts on `count` accumulators; between bursts the left operands change sign, so that sums go up and down
/// and no accumulator settles. The result depends on all of them.
#define DEFINE_LOOP(name, features, vector, count, step)                                                               \
    __attribute__((target(features))) static uint32_t name(long rounds) {                                              \
        uint32_t bits[words], result = 0;                                                                              \
        vector sum[count], a[left_operands], b[right_operands], sign;                                                  \
        for (int i = 0; i < left_operands + right_operands; i++) {                                                     \
            for (int j = 0; j < words; j++) bits[j] = operand_bits((uint32_t)(i * words + j));                         \
            memcpy(i < left_operands ? &a[i] : &b[i - left_operands], bits, sizeof(vector));                           \
        }                                                                                                              \
        for (int j = 0; j < words; j++) bits[j] = 0x80008000u;                                                         \
        memcpy(&sign, bits, sizeof sign);                                                                              \
        memset(sum, 0, sizeof sum);                                                                                    \
        for (long round = 0; round < rounds; round++) {                                                                \
            for (int i = 0; i < burst; i++) {                                                                          \
                _Pragma("GCC unroll 32") for (int j = 0; j < count; j++)                                               \
                    sum[j] = step(sum[j], a[j % left_operands], b[j % right_operands]);                                \
                /* Nothing may be known of the operands, or the loop could be computed at once. */                     \
                __asm__ volatile("" : OPERANDS(a, b));                                                                 \
            }                                                                                                          \
            for (int i = 0; i < left_operands; i++) a[i] = (vector)((integers)a[i] ^ (integers)sign);                  \
        }                                                                                                              \
        for (int j = 0; j < count; j++) {                                                                              \
            memcpy(bits, &sum[j], sizeof(vector));                                                                     \
            result ^= bits[0];                                                                                         \
        }                                                                                                              \
        return result;                                                                                                 \
    }

typedef struct {
    const char *precision;
    bool (*supported)(void);
    uint32_t (*run)(long rounds);
    /// Multiplications and additions in one burst.
    double operations;
} loop;

#if defined(__x86_64__)
#define OPERANDS(a, b) "+v"(a[0]), "+v"(a[1]), "+v"(a[2]), "+v"(b[0]), "+v"(b[1])
static bool has_avx512(void) { return __builtin_cpu_supports("avx512f"); }
static bool has_bf16(void) { return has_avx512() && __builtin_cpu_supports("avx512bf16"); }
static bool has_vnni(void) { return has_avx512() && __builtin_cpu_supports("avx512vnni"); }
static bool has_fma(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
static bool has_avx_vnni(void) { return __builtin_cpu_supports("avxvnni"); }

#define FMA512(sum, a, b) _mm512_fmadd_ps(a, b, sum)
#define FMA256(sum, a, b) _mm256_fmadd_ps(a, b, sum)
#define BF16(sum, a, b) _mm512_dpbf16_ps(sum, (__m512bh)(a), (__m512bh)(b))
#define VNNI(sum, a, b) _mm512_dpbusd_epi32(sum, a, b)
#define AVX_VNNI(sum, a, b) _mm256_dpbusd_avx_epi32(sum, a, b)
#define integers __m512i
DEFINE_LOOP(f32_zmm_12, "avx512f", __m512, 12, FMA512)
DEFINE_LOOP(f32_zmm_24, "avx512f", __m512, 24, FMA512)
DEFINE_LOOP(bf16_zmm_16, "avx512f,avx512bf16", __m512, 16, BF16)
DEFINE_LOOP(bf16_zmm_24, "avx512f,avx512bf16", __m512, 24, BF16)
DEFINE_LOOP(i8_zmm_12, "avx512f,avx512vnni", __m512i, 12, VNNI)
DEFINE_LOOP(i8_zmm_24, "avx512f,avx512vnni", __m512i, 24, VNNI)
#undef integers
#define integers __m256i
DEFINE_LOOP(f32_ymm_8, "avx2,fma", __m256, 8, FMA256)
DEFINE_LOOP(f32_ymm_10, "avx2,fma", __m256, 10, FMA256)
DEFINE_LOOP(i8_ymm_10, "avx2,avxvnni", __m256i, 10, AVX_VNNI)

static const loop loops[] = {
    {"f32", has_avx512, f32_zmm_12, 12 * 32.0 * burst},  {"f32", has_avx512, f32_zmm_24, 24 * 32.0 * burst},
    {"f32", has_fma, f32_ymm_8, 8 * 16.0 * burst},       {"f32", has_fma, f32_ymm_10, 10 * 16.0 * burst},
    {"bf16", has_bf16, bf16_zmm_16, 16 * 64.0 * burst},  {"bf16", has_bf16, bf16_zmm_24, 24 * 64.0 * burst},
    {"i8", has_vnni, i8_zmm_12, 12 * 128.0 * burst},     {"i8", has_vnni, i8_zmm_24, 24 * 128.0 * burst},
    {"i8", has_avx_vnni, i8_ymm_10, 10 * 64.0 * burst},
};
#elif defined(__aarch64__)
#include <arm_neon.h>
#define OPERANDS(a, b) "+w"(a[0]), "+w"(a[1]), "+w"(a[2]), "+w"(b[0]), "+w"(b[1])
#define integers uint32x4_t
#define FMA128(sum, a, b) vfmaq_f32(sum, a, b)
static bool has_neon(void) { return true; }
DEFINE_LOOP(f32_neon_16, "+simd", float32x4_t, 16, FMA128)
DEFINE_LOOP(f32_neon_24, "+simd", float32x4_t, 24, FMA128)
static const loop loops[] = {
    {"f32", has_neon, f32_neon_16, 16 * 8.0 * burst},
    {"f32", has_neon, f32_neon_24, 24 * 8.0 * burst},
};
#endif
enum { loop_count = sizeof loops / sizeof *loops };

static pthread_barrier_t gate;
static const loop *chosen;
static double seconds, rates[max_threads];
static int cpus[max_threads], threads;
static volatile uint32_t sink;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *work(void *argument) {
    long index = (long)argument, bursts = 0;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpus[index], &set);
    if (sched_setaffinity(0, sizeof set, &set)) perror("register_peak: pinning");
    // The clock takes its time to settle under load.
    for (double start = now(); now() - start < seconds / 4;) sink = chosen->run(100);
    pthread_barrier_wait(&gate);
    double start = now(), end = start;
    for (; end - start < seconds; end = now(), bursts += 100) sink = chosen->run(100);
    rates[index] = (double)bursts * chosen->operations / (end - start);
    return NULL;
}

static double measure(const loop *what) {
    pthread_t team[max_threads];
    double total = 0;
    chosen = what;
    pthread_barrier_init(&gate, NULL, (unsigned)threads);
    for (long i = 0; i < threads; i++)
        if (pthread_create(&team[i], NULL, work, (void *)i)) exit(2);
    for (int i = 0; i < threads; i++) {
        pthread_join(team[i], NULL);
        total += rates[i];
    }
    pthread_barrier_destroy(&gate);
    return total;
}

int main(int count, char **arguments) {
    seconds = count > 2 ? atof(arguments[2]) : 0;
    if (count < 4 || !(seconds > 0)) {
        fprintf(stderr, "usage: register_peak CPU,CPU,… SECONDS PRECISION…\n");
        return 64;
    }
    for (char *cpu = strtok(arguments[1], ","); cpu && threads < max_threads; cpu = strtok(NULL, ","))
        cpus[threads++] = atoi(cpu);
    for (int i = 3; i < count; i++) {
        double best = -1;
        for (int j = 0; j < loop_count; j++) {
            if (strcmp(loops[j].precision, arguments[i]) != 0 || !loops[j].supported()) continue;
            double rate = measure(&loops[j]);
            if (rate > best) best = rate;
        }
        printf("%s %.6e\n", arguments[i], best);
    }
    return 0;
}
