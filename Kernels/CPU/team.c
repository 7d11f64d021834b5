// A team of pinned threads, one job at a time.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "internal.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/// Spins before sleeping: about 20 to 50 microseconds, longer than any wait between balanced threads.
enum { spins = 2000 };

typedef struct {
    _Alignas(128) nw_team *team;
    pthread_t thread;
    int index;
    uint64_t start_ns, end_ns;
} member;

struct nw_team {
    int count;
    member *members;
    nw_job job;
    void *context;
    bool ending;
    _Alignas(128) _Atomic uint32_t job_number;
    _Alignas(128) _Atomic uint32_t running;
    _Alignas(128) _Atomic uint32_t arrived;
    _Alignas(128) _Atomic uint32_t generation;
    _Alignas(128) _Atomic uint32_t sleepers;
};

uint64_t nw_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline void pause_briefly(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void sleep_while(_Atomic uint32_t *word, uint32_t value) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void wake_all(_Atomic uint32_t *word) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0); }

/// Waits until the word differs from `value`.
static void wait_while(_Atomic uint32_t *word, uint32_t value) {
    for (int i = 0; i < spins; i++) {
        if (atomic_load_explicit(word, memory_order_acquire) != value) return;
        pause_briefly();
    }
    while (atomic_load_explicit(word, memory_order_acquire) == value) sleep_while(word, value);
}

void nw_team_barrier(nw_team *team) {
    uint32_t generation = atomic_load_explicit(&team->generation, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&team->arrived, 1, memory_order_acq_rel) + 1 == (uint32_t)team->count) {
        atomic_store_explicit(&team->arrived, 0, memory_order_relaxed);
        atomic_store_explicit(&team->generation, generation + 1, memory_order_seq_cst);
        if (atomic_load_explicit(&team->sleepers, memory_order_seq_cst) != 0) wake_all(&team->generation);
        return;
    }
    for (int i = 0; i < spins; i++) {
        if (atomic_load_explicit(&team->generation, memory_order_acquire) != generation) return;
        pause_briefly();
    }
    atomic_fetch_add_explicit(&team->sleepers, 1, memory_order_seq_cst);
    while (atomic_load_explicit(&team->generation, memory_order_seq_cst) == generation)
        sleep_while(&team->generation, generation);
    atomic_fetch_sub_explicit(&team->sleepers, 1, memory_order_relaxed);
}

static void *member_main(void *argument) {
    member *self = argument;
    nw_team *team = self->team;
    for (uint32_t seen = 0;; seen++) {
        wait_while(&team->job_number, seen);
        if (team->ending) return NULL;
        // Everybody starts together: an early start would count as time in which others only woke up.
        nw_team_barrier(team);
        self->start_ns = nw_now();
        team->job(team->context, self->index);
        self->end_ns = nw_now();
        if (atomic_fetch_sub_explicit(&team->running, 1, memory_order_acq_rel) == 1) wake_all(&team->running);
    }
}

static void start_job(nw_team *team) {
    atomic_fetch_add_explicit(&team->job_number, 1, memory_order_release);
    wake_all(&team->job_number);
}

void nw_team_run(nw_team *team, nw_job job, void *context, nw_interval *interval) {
    team->job = job;
    team->context = context;
    atomic_store_explicit(&team->running, (uint32_t)team->count, memory_order_relaxed);
    start_job(team);
    // The caller sleeps at once: it may sit on a processor the team needs.
    for (uint32_t left; (left = atomic_load_explicit(&team->running, memory_order_acquire)) != 0;)
        sleep_while(&team->running, left);
    if (!interval) return;
    *interval = (nw_interval){UINT64_MAX, 0};
    for (int i = 0; i < team->count; i++) {
        const member *m = &team->members[i];
        if (m->start_ns < interval->start_ns) interval->start_ns = m->start_ns;
        if (m->end_ns > interval->end_ns) interval->end_ns = m->end_ns;
    }
}

static nw_status start_member(member *m, int cpu) {
    cpu_set_t *set = CPU_ALLOC(cpu + 1);
    if (!set) return NW_OUT_OF_MEMORY;
    size_t size = CPU_ALLOC_SIZE(cpu + 1);
    CPU_ZERO_S(size, set);
    CPU_SET_S(cpu, size, set);
    int failure = pthread_create(&m->thread, NULL, member_main, m);
    nw_status status = NW_OK;
    if (failure) {
        status = NW_NO_THREAD;
    } else if (pthread_setaffinity_np(m->thread, size, set)) {
        status = NW_NOT_PINNED;
    }
    CPU_FREE(set);
    return status;
}

/// Ends the first `started` members and frees the team.
static void end_members(nw_team *team, int started) {
    team->ending = true;
    start_job(team);
    for (int i = 0; i < started; i++) pthread_join(team->members[i].thread, NULL);
    free(team->members);
    free(team);
}

nw_status nw_team_create(const int *cpus, int count, nw_team **result, int *failed_cpu) {
    if (count < 1 || count > 4096) return NW_INVALID_ARGUMENT;
    for (int i = 0; i < count; i++)
        if (cpus[i] < 0 || cpus[i] > 1 << 20) return NW_INVALID_ARGUMENT;
    nw_team *team = aligned_alloc(128, sizeof *team);
    if (!team) return NW_OUT_OF_MEMORY;
    *team = (nw_team){.count = count, .members = aligned_alloc(128, (size_t)count * sizeof(member))};
    if (!team->members) {
        free(team);
        return NW_OUT_OF_MEMORY;
    }
    for (int i = 0; i < count; i++) {
        team->members[i] = (member){.team = team, .index = i};
        nw_status status = start_member(&team->members[i], cpus[i]);
        if (status != NW_OK) {
            if (failed_cpu) *failed_cpu = cpus[i];
            end_members(team, status == NW_NOT_PINNED ? i + 1 : i);
            return status;
        }
    }
    *result = team;
    return NW_OK;
}

void nw_team_destroy(nw_team *team) {
    if (team) end_members(team, team->count);
}

int nw_team_count(const nw_team *team) { return team->count; }
