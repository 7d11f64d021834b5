// An OpenCL driver with one fault: PoCL itself, with one of its functions replaced. Built once per fault by the tests:
//
//   clang -shared -fPIC -DFAULT=hang_listing faulty_driver.c -o libfaulty.so -ldl
//
// Faults: crash_on_load, hang_listing, garbage_lengths, hang_building, crash_building, wrong_results, endless_memory,
// hang_running, backward, small_memory, forking_crash, forking, exit_building, no_largest_buffer, huge_numbers. The
// platform and the device are named after the fault, so that they are not taken for PoCL's own.
#define CL_TARGET_OPENCL_VERSION 300
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>
#include <CL/cl_icd.h>

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TEXT_OF(name) #name
#define TEXT(name) TEXT_OF(name)

typedef cl_int (*list_platforms)(cl_uint, cl_platform_id *, cl_uint *);
struct _cl_platform_id {
    cl_icd_dispatch *functions;
};

static cl_icd_dispatch real;

static void hang(void) {
    for (;;) pause();
}
static void crash(void) { *(volatile int *)0 = 0; }

/// Answers a question with a text of the driver's own.
static cl_int answer(const char *text, size_t capacity, void *value, size_t *size) {
    size_t length = strlen(text) + 1;
    if (size) *size = length;
    if (!value) return CL_SUCCESS;
    if (capacity < length) return CL_INVALID_VALUE;
    memcpy(value, text, length);
    return CL_SUCCESS;
}

/// Success, a length that cannot be, and no zero at the end.
static cl_int garbage(size_t capacity, void *value, size_t *size) {
    if (value) memset(value, 0xff, capacity);
    if (size) *size = SIZE_MAX / 2 + 7;
    return CL_SUCCESS;
}

static cl_int platform_info(cl_platform_id platform, cl_platform_info name, size_t capacity, void *value,
                            size_t *size) {
    if (name == CL_PLATFORM_NAME) return answer("Faulty " TEXT(FAULT), capacity, value, size);
    return real.clGetPlatformInfo(platform, name, capacity, value, size);
}

static cl_int garbage_platform_info(cl_platform_id platform, cl_platform_info name, size_t capacity, void *value,
                                    size_t *size) {
    // What the loader itself asks for.
    if (name == CL_PLATFORM_EXTENSIONS || name == CL_PLATFORM_ICD_SUFFIX_KHR)
        return real.clGetPlatformInfo(platform, name, capacity, value, size);
    return garbage(capacity, value, size);
}

static cl_int garbage_device_info(cl_device_id device, cl_device_info name, size_t capacity, void *value,
                                  size_t *size) {
    (void)device, (void)name;
    return garbage(capacity, value, size);
}

static cl_int hang_in_build(cl_program program, cl_uint count, const cl_device_id *devices, const char *options,
                            void(CL_CALLBACK *notify)(cl_program, void *), void *data) {
    (void)program, (void)count, (void)devices, (void)options, (void)notify, (void)data;
    hang();
    return CL_SUCCESS;
}

static cl_int crash_in_build(cl_program program, cl_uint count, const cl_device_id *devices, const char *options,
                             void(CL_CALLBACK *notify)(cl_program, void *), void *data) {
    (void)program, (void)count, (void)devices, (void)options, (void)notify, (void)data;
    fprintf(stderr, "faulty driver: the compiler is about to crash\n");
    crash();
    return CL_SUCCESS;
}

/// Leaves a process behind that holds everything open, as compilers' servers do.
static void fork_helper(void) {
    if (fork() == 0) hang();
}

static cl_int fork_and_crash_in_build(cl_program program, cl_uint count, const cl_device_id *devices,
                                      const char *options, void(CL_CALLBACK *notify)(cl_program, void *), void *data) {
    fork_helper();
    return crash_in_build(program, count, devices, options, notify, data);
}

static cl_int fork_and_build(cl_program program, cl_uint count, const cl_device_id *devices, const char *options,
                             void(CL_CALLBACK *notify)(cl_program, void *), void *data) {
    fork_helper();
    return real.clBuildProgram(program, count, devices, options, notify, data);
}

static cl_int exit_in_build(cl_program program, cl_uint count, const cl_device_id *devices, const char *options,
                            void(CL_CALLBACK *notify)(cl_program, void *), void *data) {
    (void)program, (void)count, (void)devices, (void)options, (void)notify, (void)data;
    fork_helper();
    _exit(0);
}

static cl_int no_largest_buffer_info(cl_device_id device, cl_device_info name, size_t capacity, void *value,
                                     size_t *size) {
    cl_int status = real.clGetDeviceInfo(device, name, capacity, value, size);
    if (name == CL_DEVICE_MAX_MEM_ALLOC_SIZE && value) memset(value, 0, sizeof(cl_ulong));
    return status;
}

static cl_int huge_device_info(cl_device_id device, cl_device_info name, size_t capacity, void *value, size_t *size) {
    cl_int status = real.clGetDeviceInfo(device, name, capacity, value, size);
    if (value && (name == CL_DEVICE_GLOBAL_MEM_SIZE || name == CL_DEVICE_GLOBAL_MEM_CACHE_SIZE))
        memset(value, 0xff, sizeof(cl_ulong));
    if (value && name == CL_DEVICE_MAX_COMPUTE_UNITS) memset(value, 0xff, sizeof(cl_uint));
    return status;
}

static cl_int hang_in_finish(cl_command_queue queue) {
    (void)queue;
    hang();
    return CL_SUCCESS;
}

/// Leaves out the last work-group of every product.
static cl_int run_in_part(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions, const size_t *offset,
                          const size_t *global, const size_t *local, cl_uint waits, const cl_event *list,
                          cl_event *event) {
    char name[64] = "";
    size_t sizes[3] = {0};
    real.clGetKernelInfo(kernel, CL_KERNEL_FUNCTION_NAME, sizeof name - 1, name, NULL);
    memcpy(sizes, global, dimensions * sizeof *global);
    if (strncmp(name, "multiply", 8) == 0 && local)
        for (cl_uint i = 0; i < dimensions; i++)
            if (sizes[i] > local[i]) {
                sizes[i] -= local[i];
                break;
            }
    return real.clEnqueueNDRangeKernel(queue, kernel, dimensions, offset, sizes, local, waits, list, event);
}

/// Every launch ends before it began.
static cl_int backward_times(cl_event event, cl_profiling_info name, size_t capacity, void *value, size_t *size) {
    if (name == CL_PROFILING_COMMAND_START) name = CL_PROFILING_COMMAND_END;
    else if (name == CL_PROFILING_COMMAND_END) name = CL_PROFILING_COMMAND_START;
    return real.clGetEventProfilingInfo(event, name, capacity, value, size);
}

/// Takes memory, and uses it, for as long as there is any.
static cl_mem take_all_memory(cl_context context, cl_mem_flags flags, size_t size, void *host, cl_int *status) {
    for (size_t step = 64 << 20; step >= 4096; step /= 2)
        for (char *block; (block = malloc(step));)
            for (size_t i = 0; i < step; i += 4096) ((volatile char *)block)[i] = 1;
    return real.clCreateBuffer(context, flags, size, host, status);
}

/// Has less memory than it says.
static cl_mem refuse_large_buffers(cl_context context, cl_mem_flags flags, size_t size, void *host, cl_int *status) {
    if (size <= 100 << 20) return real.clCreateBuffer(context, flags, size, host, status);
    if (status) *status = CL_MEM_OBJECT_ALLOCATION_FAILURE;
    return NULL;
}

enum fault {
    crash_on_load,
    hang_listing,
    garbage_lengths,
    hang_building,
    crash_building,
    wrong_results,
    endless_memory,
    hang_running,
    backward,
    small_memory,
    forking_crash,
    forking,
    exit_building,
    no_largest_buffer,
    huge_numbers
};

static void break_one(cl_icd_dispatch *functions) {
    functions->clGetPlatformInfo = platform_info;
    switch (FAULT) {
    case garbage_lengths:
        functions->clGetPlatformInfo = garbage_platform_info;
        functions->clGetDeviceInfo = garbage_device_info;
        break;
    case hang_building: functions->clBuildProgram = hang_in_build; break;
    case crash_building: functions->clBuildProgram = crash_in_build; break;
    case hang_running: functions->clFinish = hang_in_finish; break;
    case wrong_results: functions->clEnqueueNDRangeKernel = run_in_part; break;
    case endless_memory: functions->clCreateBuffer = take_all_memory; break;
    case backward: functions->clGetEventProfilingInfo = backward_times; break;
    case small_memory: functions->clCreateBuffer = refuse_large_buffers; break;
    case forking_crash: functions->clBuildProgram = fork_and_crash_in_build; break;
    case forking: functions->clBuildProgram = fork_and_build; break;
    case exit_building: functions->clBuildProgram = exit_in_build; break;
    case no_largest_buffer: functions->clGetDeviceInfo = no_largest_buffer_info; break;
    case huge_numbers: functions->clGetDeviceInfo = huge_device_info; break;
    default: break;
    }
}

__attribute__((constructor)) static void loaded(void) {
    if (FAULT == crash_on_load) crash();
}

static cl_int CL_API_CALL list(cl_uint count, cl_platform_id *platforms, cl_uint *found) {
    if (FAULT == hang_listing) hang();
    static cl_icd_dispatch *functions;
    void *driver = dlopen("libpocl.so.2", RTLD_NOW | RTLD_LOCAL);
    void *(*function_of)(const char *) = NULL;
    if (driver) *(void **)&function_of = dlsym(driver, "clGetExtensionFunctionAddress");
    list_platforms of_driver = NULL;
    if (function_of) *(void **)&of_driver = function_of("clIcdGetPlatformIDsKHR");
    cl_platform_id platform = NULL;
    if (!of_driver || of_driver(1, &platform, NULL) != CL_SUCCESS) return -1001;
    if (!functions) {
        functions = platform->functions;
        real = *functions;
        const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start = (uintptr_t)functions & ~(page - 1);
        mprotect((void *)start, (uintptr_t)(functions + 1) - start, PROT_READ | PROT_WRITE);
        break_one(functions);
    }
    return of_driver(count, platforms, found);
}

void *CL_API_CALL clGetExtensionFunctionAddress(const char *name) {
    if (strcmp(name, "clIcdGetPlatformIDsKHR") == 0) return (void *)(uintptr_t)list;
    if (strcmp(name, "clGetPlatformInfo") == 0)
        return FAULT == garbage_lengths ? (void *)(uintptr_t)garbage_platform_info : (void *)(uintptr_t)platform_info;
    return NULL;
}
