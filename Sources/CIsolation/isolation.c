#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "nodewatt_isolation.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static pid_t original_parent;

void nwi_contain(int32_t pid, uint64_t bytes) {
    // Not the address space (RLIMIT_AS): drivers of GPUs reserve terabytes of it and use next to nothing.
    const struct rlimit limit = {bytes, bytes};
    prlimit(pid, RLIMIT_DATA, &limit, NULL);
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/oom_score_adj", (int)pid);
    FILE *file = fopen(path, "we");
    if (file == NULL) { return; }
    fputs("1000", file);
    fclose(file);
}

// The signal comes when the *thread* that made this process ends, which says nothing while its process lives.
static void parent_signal(int number) {
    (void)number;
    if (getppid() != original_parent) { _exit(0); }
}

void nwi_die_with_parent(void) {
    original_parent = getppid();
    struct sigaction action = {0};
    action.sa_handler = parent_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGUSR2, &action, NULL);
    prctl(PR_SET_PDEATHSIG, SIGUSR2);
}

int32_t nwi_take_standard_output(void) {
    // Files of the parent that were opened without close-on-exec; an old kernel without the call keeps them open.
    syscall(SYS_close_range, 3u, ~0u, 0u);
    int kept = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (kept < 0) { return -1; }
    if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0) { return -1; }
    return kept;
}

static int32_t grace;

static void *watch_input(void *unused) {
    (void)unused;
    // Hang-ups are reported without being asked for; what there is to read is left to the other thread.
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLRDHUP};
    for (;;) {
        int ready = poll(&input, 1, -1);
        if (ready < 0 && errno != EINTR) { return NULL; }
        if (ready > 0) { break; }
    }
    poll(NULL, 0, grace);
    _exit(0);
}

int32_t nwi_end_with_input(int32_t grace_ms) {
    grace = grace_ms;
    sigset_t every, before;
    sigfillset(&every);
    pthread_t thread;
    pthread_sigmask(SIG_SETMASK, &every, &before);
    int status = pthread_create(&thread, NULL, watch_input, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status == 0) { pthread_detach(thread); }
    return status;
}
