// What the sources of this target share of sessions. Private to it.
#pragma once

#include "loader.h"

#include <time.h>

struct nwcl_session {
    cl_device_id device;
    cl_context context;
    cl_command_queue queue;
    /// Whether the device is the host's processor. There batches do not start behind a user event: with PoCL 3.1 on two
    /// cores some runs have exactly half the rate, 4 of some 30 that began so and 1 of some 27 that did not; why is not
    /// known.
    cl_bool is_processor;
};

struct nwcl_program {
    cl_device_id device;
    cl_program program;
};

struct nwcl_kernel {
    cl_device_id device;
    cl_kernel kernel;
};

struct nwcl_buffer {
    cl_mem memory;
    /// The host's pages below it, where the driver was given them; freed after it.
    void *pages;
};

/// The most launches in the queue at once.
#define NWCL_MAX_QUEUED 16384

/// Enqueues one launch.
cl_int nwcl_enqueue(nwcl_session *session, const nwcl_launch *launch);

/// CLOCK_MONOTONIC.
static inline uint64_t nwcl_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
