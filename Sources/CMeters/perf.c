// perf_event_open(2), which the C library has no function for.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "nodewatt_meters.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int32_t nwm_perf_open(uint32_t type, uint64_t config, int32_t processor) {
    struct perf_event_attr event;
    memset(&event, 0, sizeof event);
    event.size = sizeof event;
    event.type = type;
    event.config = config;
    long file = syscall(SYS_perf_event_open, &event, (pid_t)-1, processor, -1, (unsigned long)PERF_FLAG_FD_CLOEXEC);
    return file < 0 ? -errno : (int32_t)file;
}
