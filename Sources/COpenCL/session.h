// What the sources of this target share of sessions. Private to it.
#pragma once

#include "loader.h"

struct nwcl_session {
    cl_device_id device;
    cl_context context;
    cl_command_queue queue;
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
};

/// The most launches in the queue at once.
#define NWCL_MAX_QUEUED 16384

/// CLOCK_MONOTONIC.
uint64_t nwcl_monotonic_ns(void);

/// Enqueues one launch.
cl_int nwcl_enqueue(nwcl_session *session, const nwcl_launch *launch);
