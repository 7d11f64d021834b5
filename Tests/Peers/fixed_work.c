// A command with a fixed amount of work, shared by all its threads, for paired timings.
//
//   fixed_work THREADS MILLIONS_OF_STEPS
//
// The threads take the work in small pieces: one that is held up for a while leaves more of it to the others, so that
// the time tells what was taken from all of them, not from the unluckiest.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_THREADS = 1024, PIECE = 1000000 };
static atomic_long pieces;
static double results[MAX_THREADS];

static void *work(void *argument) {
    double sums[8] = {0};
    while (atomic_fetch_sub(&pieces, 1) > 0)
        for (long step = 0; step < PIECE; step++)
            for (int lane = 0; lane < 8; lane++) sums[lane] = sums[lane] * 0.999999 + (double)lane;
    for (int lane = 0; lane < 8; lane++) results[(size_t)argument] += sums[lane];
    return NULL;
}

int main(int count, char **values) {
    long threads = count > 1 ? strtol(values[1], NULL, 10) : 1;
    if (threads < 1 || threads > MAX_THREADS) return 64;
    // Steps are counted per thread.
    atomic_init(&pieces, threads * (count > 2 ? strtol(values[2], NULL, 10) : 1000));
    pthread_t started[MAX_THREADS];
    for (long index = 0; index < threads; index++)
        if (pthread_create(&started[index], NULL, work, (void *)index) != 0) return 2;
    double total = 0;
    for (long index = 0; index < threads; index++) {
        pthread_join(started[index], NULL);
        total += results[index];
    }
    printf("%g\n", total);
    return 0;
}
