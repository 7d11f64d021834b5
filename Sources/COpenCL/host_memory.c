// Memory of the host, pageable or pinned, and timed copies between it and buffers.
#include "session.h"

#include <stdlib.h>

// Copies are large; a few in the queue keep the device busy.
#define MAX_COPIES 64

struct nwcl_host_memory {
    void *bytes;
    // Of pinned memory: the buffer it is the mapping of, and the queue that mapped it.
    cl_mem memory;
    cl_command_queue queue;
};

static cl_int pin(nwcl_session *session, size_t size, nwcl_host_memory *result) {
    cl_int status = CL_SUCCESS;
    const cl_mem_flags flags = CL_MEM_READ_WRITE | CL_MEM_ALLOC_HOST_PTR;
    result->memory = nwcl_table->clCreateBuffer(session->context, flags, size, NULL, &status);
    if (status != CL_SUCCESS) { return status; }
    result->queue = session->queue;
    result->bytes = nwcl_table->clEnqueueMapBuffer(
        session->queue, result->memory, CL_TRUE, CL_MAP_READ | CL_MAP_WRITE, 0, size, 0, NULL, NULL, &status);
    return status == CL_SUCCESS && result->bytes == NULL ? CL_MEM_OBJECT_ALLOCATION_FAILURE : status;
}

int32_t nwcl_make_host_memory(nwcl_session *session, size_t size, int32_t pinned, nwcl_host_memory **memory) {
    *memory = NULL;
    nwcl_host_memory *result = calloc(1, sizeof *result);
    if (result == NULL) { return NWCL_UNUSABLE; }
    cl_int status = CL_SUCCESS;
    if (pinned) {
        status = pin(session, size, result);
    } else if (posix_memalign(&result->bytes, 4096, size) != 0) {
        result->bytes = NULL;
        status = CL_OUT_OF_HOST_MEMORY;
    }
    if (status != CL_SUCCESS) {
        nwcl_release_host_memory(result);
        return status;
    }
    *memory = result;
    return 0;
}

void *nwcl_host_bytes(nwcl_host_memory *memory) { return memory->bytes; }

void nwcl_release_host_memory(nwcl_host_memory *memory) {
    if (memory == NULL) { return; }
    if (memory->memory == NULL) {
        free(memory->bytes);
    } else {
        if (memory->bytes != NULL) {
            nwcl_table->clEnqueueUnmapMemObject(memory->queue, memory->memory, memory->bytes, 0, NULL, NULL);
            nwcl_table->clFinish(memory->queue);
        }
        nwcl_table->clReleaseMemObject(memory->memory);
    }
    free(memory);
}

static cl_int enqueue_copy(
    nwcl_session *session, nwcl_buffer *buffer, nwcl_host_memory *memory, size_t size, int32_t to_host) {
    if (to_host) {
        return nwcl_table->clEnqueueReadBuffer(
            session->queue, buffer->memory, CL_FALSE, 0, size, memory->bytes, 0, NULL, NULL);
    }
    return nwcl_table->clEnqueueWriteBuffer(
        session->queue, buffer->memory, CL_FALSE, 0, size, memory->bytes, 0, NULL, NULL);
}

int32_t nwcl_run_copies(
    nwcl_session *session, nwcl_buffer *buffer, nwcl_host_memory *memory, size_t size, int32_t to_host,
    uint64_t repetitions, uint64_t *start_ns, uint64_t *end_ns) {
    cl_int status = CL_SUCCESS;
    *start_ns = nwcl_now();
    for (uint64_t repetition = 0; repetition < repetitions && status == CL_SUCCESS; repetition++) {
        status = enqueue_copy(session, buffer, memory, size, to_host);
        if (repetition % MAX_COPIES == MAX_COPIES - 1 && status == CL_SUCCESS) {
            status = nwcl_table->clFinish(session->queue);
        }
    }
    cl_int finished = nwcl_table->clFinish(session->queue);
    *end_ns = nwcl_now();
    return status != CL_SUCCESS ? status : finished;
}
