// Contexts, programs and the timed loop of launches.
#include "session.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// Few, because a runtime whose queue is full may wait for the gate that only opens after the last enqueue.
#define MAX_GATED 64

int32_t nwcl_open(uint32_t platform, uint32_t device, nwcl_session **session) {
    *session = NULL;
    cl_platform_id platform_id;
    cl_device_id device_id;
    int32_t found = nwcl_find_device(platform, device, &platform_id, &device_id);
    if (found != 0) { return found; }
    nwcl_session *result = calloc(1, sizeof *result);
    if (result == NULL) { return NWCL_UNUSABLE; }
    result->device = device_id;
    cl_device_type type = 0;
    nwcl_table->clGetDeviceInfo(device_id, CL_DEVICE_TYPE, sizeof type, &type, NULL);
    result->is_processor = (type & CL_DEVICE_TYPE_CPU) != 0;
    const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM, (cl_context_properties)platform_id, 0};
    cl_int status = CL_SUCCESS;
    result->context = nwcl_table->clCreateContext(properties, 1, &device_id, NULL, NULL, &status);
    if (status == CL_SUCCESS) {
        result->queue = nwcl_table->clCreateCommandQueue(result->context, device_id, 0, &status);
    }
    if (status != CL_SUCCESS) {
        nwcl_close(result);
        return status;
    }
    *session = result;
    return 0;
}

void nwcl_close(nwcl_session *session) {
    if (session == NULL) { return; }
    if (session->queue != NULL) { nwcl_table->clReleaseCommandQueue(session->queue); }
    if (session->context != NULL) { nwcl_table->clReleaseContext(session->context); }
    free(session);
}

// Errors stand at the end of a log, so the end is what is kept of one that is too long.
static void copy_log(nwcl_session *session, cl_program program, char *log, size_t capacity) {
    size_t size = 0;
    if (nwcl_table->clGetProgramBuildInfo(program, session->device, CL_PROGRAM_BUILD_LOG, 0, NULL, &size) != CL_SUCCESS
        || size == 0 || size > (64u << 20)) {
        return;
    }
    char *whole = malloc(size);
    if (whole == NULL) { return; }
    if (nwcl_table->clGetProgramBuildInfo(program, session->device, CL_PROGRAM_BUILD_LOG, size, whole, NULL)
        == CL_SUCCESS) {
        size_t length = strnlen(whole, size);
        size_t kept = length < capacity - 1 ? length : capacity - 1;
        memcpy(log, whole + length - kept, kept);
        log[kept] = '\0';
    }
    free(whole);
}

// Builds what was created with the status so far, which it takes over.
static int32_t finish_build(
    nwcl_session *session, cl_program created, cl_int status, const char *options, nwcl_program **program, char *log,
    size_t capacity) {
    nwcl_program *result = calloc(1, sizeof *result);
    if (result == NULL) {
        if (status == CL_SUCCESS) { nwcl_table->clReleaseProgram(created); }
        return NWCL_UNUSABLE;
    }
    result->device = session->device;
    if (status == CL_SUCCESS) {
        result->program = created;
        status = nwcl_table->clBuildProgram(created, 1, &session->device, options, NULL, NULL);
        if (status != CL_SUCCESS) { copy_log(session, created, log, capacity); }
    }
    if (status != CL_SUCCESS) {
        nwcl_release_program(result);
        return status;
    }
    *program = result;
    return 0;
}

int32_t nwcl_build(
    nwcl_session *session, const char *source, const char *options, nwcl_program **program, char *log,
    size_t capacity) {
    *program = NULL;
    if (capacity == 0) { return CL_INVALID_VALUE; }
    log[0] = '\0';
    cl_int status = CL_SUCCESS;
    cl_program created = nwcl_table->clCreateProgramWithSource(session->context, 1, &source, NULL, &status);
    return finish_build(session, created, status, options, program, log, capacity);
}

int32_t nwcl_build_binary(
    nwcl_session *session, const void *binary, size_t size, nwcl_program **program, char *log, size_t capacity) {
    *program = NULL;
    if (capacity == 0) { return CL_INVALID_VALUE; }
    log[0] = '\0';
    const unsigned char *bytes = binary;
    cl_int accepted = CL_SUCCESS, status = CL_SUCCESS;
    cl_program created = nwcl_table->clCreateProgramWithBinary(
        session->context, 1, &session->device, &size, &bytes, &accepted, &status);
    if (status == CL_SUCCESS && accepted != CL_SUCCESS) {
        nwcl_table->clReleaseProgram(created);
        return accepted;
    }
    return finish_build(session, created, status, "", program, log, capacity);
}

void nwcl_release_program(nwcl_program *program) {
    if (program == NULL) { return; }
    if (program->program != NULL) { nwcl_table->clReleaseProgram(program->program); }
    free(program);
}

int32_t nwcl_make_kernel(nwcl_program *program, const char *name, nwcl_kernel **kernel) {
    *kernel = NULL;
    nwcl_kernel *result = calloc(1, sizeof *result);
    if (result == NULL) { return NWCL_UNUSABLE; }
    cl_int status = CL_SUCCESS;
    result->device = program->device;
    result->kernel = nwcl_table->clCreateKernel(program->program, name, &status);
    if (status != CL_SUCCESS) {
        free(result);
        return status;
    }
    *kernel = result;
    return 0;
}

void nwcl_release_kernel(nwcl_kernel *kernel) {
    if (kernel == NULL) { return; }
    nwcl_table->clReleaseKernel(kernel->kernel);
    free(kernel);
}

int32_t nwcl_kernel_work_group_size(nwcl_kernel *kernel, size_t *size) {
    *size = 0;
    return nwcl_table->clGetKernelWorkGroupInfo(
        kernel->kernel, kernel->device, CL_KERNEL_WORK_GROUP_SIZE, sizeof *size, size, NULL);
}

int32_t nwcl_set_value(nwcl_kernel *kernel, uint32_t index, const void *value, size_t size) {
    return nwcl_table->clSetKernelArg(kernel->kernel, index, size, value);
}

int32_t nwcl_set_buffer(nwcl_kernel *kernel, uint32_t index, nwcl_buffer *buffer) {
    return nwcl_table->clSetKernelArg(kernel->kernel, index, sizeof buffer->memory, &buffer->memory);
}

static cl_int enqueue(
    cl_command_queue queue, const nwcl_launch *launch, const cl_event *gate, cl_event *done) {
    return nwcl_table->clEnqueueNDRangeKernel(
        queue, launch->kernel->kernel, launch->dimensions, NULL, launch->global_size, launch->local_size,
        gate != NULL ? 1 : 0, gate, done);
}

cl_int nwcl_enqueue(nwcl_session *session, const nwcl_launch *launch) {
    return enqueue(session->queue, launch, NULL, NULL);
}

// Lets what waits behind the gate begin, whatever became of the rest, since nothing could be released otherwise.
static cl_int open_gate(nwcl_session *session, cl_event gate, uint64_t *start_ns) {
    nwcl_table->clFlush(session->queue);
    *start_ns = nwcl_now();
    cl_int status = nwcl_table->clSetUserEventStatus(gate, CL_COMPLETE);
    nwcl_table->clReleaseEvent(gate);
    return status;
}

int32_t nwcl_run(
    nwcl_session *session, const nwcl_launch *launches, size_t count, uint64_t repetitions, uint64_t *start_ns,
    uint64_t *end_ns) {
    cl_int status = CL_SUCCESS;
    cl_event gate = session->is_processor ? NULL : nwcl_table->clCreateUserEvent(session->context, &status);
    bool gated = gate != NULL && status == CL_SUCCESS;
    status = CL_SUCCESS;
    *start_ns = nwcl_now();
    size_t queued = 0;
    uint64_t total = repetitions * count;
    for (uint64_t i = 0; i < total && status == CL_SUCCESS; i++) {
        status = enqueue(session->queue, &launches[i % count], gated && i == 0 ? &gate : NULL, NULL);
        if (gated && i + 1 == MAX_GATED && status == CL_SUCCESS) {
            status = open_gate(session, gate, start_ns);
            gated = false;
        }
        if (++queued == NWCL_MAX_QUEUED && status == CL_SUCCESS) {
            status = nwcl_table->clFinish(session->queue);
            queued = 0;
        }
    }
    if (gated) {
        cl_int opened = open_gate(session, gate, start_ns);
        if (status == CL_SUCCESS) { status = opened; }
    }
    cl_int finished = nwcl_table->clFinish(session->queue);
    *end_ns = nwcl_now();
    return status != CL_SUCCESS ? status : finished;
}

static cl_int read_times(cl_event event, nwcl_times *times) {
    const struct {
        cl_profiling_info name;
        uint64_t *value;
    } wanted[] = {
        {CL_PROFILING_COMMAND_QUEUED, &times->queued_ns},
        {CL_PROFILING_COMMAND_SUBMIT, &times->submitted_ns},
        {CL_PROFILING_COMMAND_START, &times->started_ns},
        {CL_PROFILING_COMMAND_END, &times->ended_ns},
    };
    cl_int status = CL_SUCCESS;
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0] && status == CL_SUCCESS; i++) {
        cl_ulong value = 0;
        status = nwcl_table->clGetEventProfilingInfo(event, wanted[i].name, sizeof value, &value, NULL);
        *wanted[i].value = value;
    }
    return status;
}

int32_t nwcl_profile(nwcl_session *session, const nwcl_launch *launch, nwcl_times *times) {
    *times = (nwcl_times){0};
    cl_int status = CL_SUCCESS;
    cl_command_queue queue =
        nwcl_table->clCreateCommandQueue(session->context, session->device, CL_QUEUE_PROFILING_ENABLE, &status);
    if (status != CL_SUCCESS) { return status; }
    cl_event done = NULL;
    uint64_t start = nwcl_now();
    status = enqueue(queue, launch, NULL, &done);
    if (status == CL_SUCCESS) { status = nwcl_table->clFinish(queue); }
    times->wall_ns = nwcl_now() - start;
    if (status == CL_SUCCESS) { status = read_times(done, times); }
    if (done != NULL) { nwcl_table->clReleaseEvent(done); }
    nwcl_table->clReleaseCommandQueue(queue);
    return status;
}
