// Why a driver shows nothing, and the names of errors.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "loader.h"

#include <dlfcn.h>
#include <stdio.h>

void nwcl_explain(const char *library, char *message, size_t capacity) {
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    const char *reason = "it loads, but shows no platform";
    if (handle == NULL) {
        const char *said = dlerror();
        reason = said != NULL ? said : "it cannot be loaded";
    } else if (dlsym(handle, "clGetExtensionFunctionAddress") == NULL) {
        reason = "it is no OpenCL driver: it lacks clGetExtensionFunctionAddress";
    }
    snprintf(message, capacity, "%s", reason);
}

typedef struct {
    int32_t code;
    const char *name;
} error_name;

#define NAMED(code) {code, #code}
static const error_name error_names[] = {
    NAMED(NWCL_NO_LOADER),
    NAMED(NWCL_UNUSABLE),
    NAMED(CL_DEVICE_NOT_FOUND),
    NAMED(CL_DEVICE_NOT_AVAILABLE),
    NAMED(CL_COMPILER_NOT_AVAILABLE),
    NAMED(CL_MEM_OBJECT_ALLOCATION_FAILURE),
    NAMED(CL_OUT_OF_RESOURCES),
    NAMED(CL_OUT_OF_HOST_MEMORY),
    NAMED(CL_BUILD_PROGRAM_FAILURE),
    NAMED(CL_INVALID_VALUE),
    NAMED(CL_INVALID_DEVICE),
    NAMED(CL_INVALID_CONTEXT),
    NAMED(CL_INVALID_COMMAND_QUEUE),
    NAMED(CL_INVALID_MEM_OBJECT),
    NAMED(CL_INVALID_BUILD_OPTIONS),
    NAMED(CL_INVALID_PROGRAM_EXECUTABLE),
    NAMED(CL_INVALID_KERNEL_NAME),
    NAMED(CL_INVALID_KERNEL),
    NAMED(CL_INVALID_ARG_INDEX),
    NAMED(CL_INVALID_ARG_VALUE),
    NAMED(CL_INVALID_ARG_SIZE),
    NAMED(CL_INVALID_KERNEL_ARGS),
    NAMED(CL_INVALID_WORK_DIMENSION),
    NAMED(CL_INVALID_WORK_GROUP_SIZE),
    NAMED(CL_INVALID_WORK_ITEM_SIZE),
    NAMED(CL_INVALID_GLOBAL_WORK_SIZE),
    NAMED(CL_INVALID_BUFFER_SIZE),
};
#undef NAMED

const char *nwcl_error_name(int32_t status) {
    for (size_t i = 0; i < sizeof error_names / sizeof error_names[0]; i++) {
        if (error_names[i].code == status) { return error_names[i].name; }
    }
    return "an unknown OpenCL error";
}
