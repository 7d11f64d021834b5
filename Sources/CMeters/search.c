// Calls that Swift's view of the C library lacks.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "nodewatt_meters.h"

#include <poll.h>
#include <string.h>
#include <time.h>

int32_t nwm_holds(const uint8_t *bytes, size_t count, const uint8_t *wanted, size_t wanted_count) {
    return memmem(bytes, count, wanted, wanted_count) != NULL;
}

int32_t nwm_wait_readable(int32_t file, int64_t nanoseconds) {
    struct pollfd waiting = {.fd = file, .events = POLLIN};
    int64_t left = nanoseconds < 0 ? 0 : nanoseconds;
    struct timespec limit = {.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
    return ppoll(&waiting, 1, &limit, NULL);
}
