// The f32 multiply-add peak of this machine's vector units, written apart from nodewatt's kernels so that the two can
// be held against each other. Prints GFLOP/s over all threads.
//
// usage: fma_peak [threads]
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

// 16 accumulators of 64 bytes: enough to hide the latency of two multiply-add pipes, few enough to stay in registers.
#define ACCUMULATORS 16
#define LANES 16
#define ROUNDS 20000000L
#define MAX_THREADS 512

typedef float vector __attribute__((vector_size(4 * LANES)));

static pthread_barrier_t gate;
static double rates[MAX_THREADS];
static volatile float sink;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#if defined(__x86_64__)
#define CLONES __attribute__((target_clones("avx512f", "fma", "default")))
#else
#define CLONES
#endif

CLONES static float spin(long rounds) {
    vector sums[ACCUMULATORS], factor, addend, total;
    for (int lane = 0; lane < LANES; lane++) {
        factor[lane] = 0.9999999f;
        addend[lane] = 1e-7f * (float)lane;
        total[lane] = 0;
    }
    for (int i = 0; i < ACCUMULATORS; i++) sums[i] = addend * (float)(i + 1);
    for (long round = 0; round < rounds; round++) {
#pragma GCC unroll 16
        for (int i = 0; i < ACCUMULATORS; i++) sums[i] = sums[i] * factor + addend;
    }
    for (int i = 0; i < ACCUMULATORS; i++) total += sums[i];
    float result = 0;
    for (int lane = 0; lane < LANES; lane++) result += total[lane];
    return result;
}

static void *work(void *argument) {
    long index = (long)argument;
    sink = spin(ROUNDS / 4);
    pthread_barrier_wait(&gate);
    double start = now();
    sink = spin(ROUNDS);
    rates[index] = 2.0 * ACCUMULATORS * LANES * ROUNDS / (now() - start);
    return 0;
}

int main(int count, char **arguments) {
    int threads = count > 1 ? atoi(arguments[1]) : 1;
    if (threads < 1 || threads > MAX_THREADS) {
        fprintf(stderr, "fma_peak: expected 1 to %d threads\n", MAX_THREADS);
        return 64;
    }
    pthread_t team[MAX_THREADS];
    pthread_barrier_init(&gate, 0, (unsigned)threads);
    for (long i = 0; i < threads; i++) pthread_create(&team[i], 0, work, (void *)i);
    double total = 0;
    for (int i = 0; i < threads; i++) {
        pthread_join(team[i], 0);
        total += rates[i];
    }
    printf("%.1f\n", total * 1e-9);
    return 0;
}
