// Buffers: the driver's own memory, on processors huge pages of ours.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "session.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)

static size_t round_up(size_t size) { return (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE; }

// Makes a buffer of pages that the kernel is asked to make huge: drivers for processors take theirs from malloc, in
// pages of 4 KiB, with which a product is 1 to 3 % slower (PoCL 3.1 and Intel's runtime, Zen 5).
static cl_int use_huge_pages(nwcl_session *session, size_t size, nwcl_buffer *result) {
    if (size > SIZE_MAX / 2) { return CL_INVALID_BUFFER_SIZE; }
    void *bytes = aligned_alloc(HUGE_PAGE, round_up(size));
    if (bytes == NULL) { return CL_MEM_OBJECT_ALLOCATION_FAILURE; }
    // Without huge pages the figures are a little lower, no more; so a refusal is not an error.
    madvise(bytes, round_up(size), MADV_HUGEPAGE);
    cl_int status = CL_SUCCESS;
    const cl_mem_flags flags = CL_MEM_READ_WRITE | CL_MEM_USE_HOST_PTR;
    result->memory = nwcl_table->clCreateBuffer(session->context, flags, size, bytes, &status);
    if (status != CL_SUCCESS) {
        free(bytes);
        return status;
    }
    result->pages = bytes;
    return CL_SUCCESS;
}

static cl_int create(nwcl_session *session, size_t size, nwcl_buffer *result) {
    if (session->is_processor && size >= HUGE_PAGE) { return use_huge_pages(session, size, result); }
    cl_int status = CL_SUCCESS;
    result->memory = nwcl_table->clCreateBuffer(session->context, CL_MEM_READ_WRITE, size, NULL, &status);
    return status;
}

int32_t nwcl_make_buffer(nwcl_session *session, size_t size, nwcl_buffer **buffer) {
    *buffer = NULL;
    nwcl_buffer *result = calloc(1, sizeof *result);
    if (result == NULL) { return NWCL_UNUSABLE; }
    cl_int status = create(session, size, result);
    if (status != CL_SUCCESS) {
        free(result);
        return status;
    }
    *buffer = result;
    return 0;
}

void nwcl_release_buffer(nwcl_buffer *buffer) {
    if (buffer == NULL) { return; }
    nwcl_table->clReleaseMemObject(buffer->memory);
    // Whoever releases a buffer has waited for what was done with it.
    free(buffer->pages);
    free(buffer);
}

int32_t nwcl_write(nwcl_session *session, nwcl_buffer *buffer, size_t offset, const void *source, size_t size) {
    return nwcl_table->clEnqueueWriteBuffer(
        session->queue, buffer->memory, CL_TRUE, offset, size, source, 0, NULL, NULL);
}

int32_t nwcl_read(nwcl_session *session, nwcl_buffer *buffer, size_t offset, void *destination, size_t size) {
    return nwcl_table->clEnqueueReadBuffer(
        session->queue, buffer->memory, CL_TRUE, offset, size, destination, 0, NULL, NULL);
}
