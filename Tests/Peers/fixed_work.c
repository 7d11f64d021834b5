// A command with a fixed amount of work on every processor, for paired timings.
//
//   fixed_work THREADS MILLIONS_OF_STEPS
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_THREADS = 1024 };
static unsigned long steps;
static double results[MAX_THREADS];

static void *work(void *argument) {
    size_t index = (size_t)argument;
    double sums[8] = {0};
    for (unsigned long step = 0; step < steps; step++)
        for (int lane = 0; lane < 8; lane++) sums[lane] = sums[lane] * 0.999999 + (double)lane;
    for (int lane = 0; lane < 8; lane++) results[index] += sums[lane];
    return NULL;
}

int main(int count, char **values) {
    long threads = count > 1 ? strtol(values[1], NULL, 10) : 1;
    if (threads < 1 || threads > MAX_THREADS) return 64;
    steps = (unsigned long)(count > 2 ? strtol(values[2], NULL, 10) : 1000) * 1000000UL;
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
