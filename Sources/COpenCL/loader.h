// The table of OpenCL functions, resolved once. Private to this target.
#pragma once

#define CL_TARGET_OPENCL_VERSION 300
// clCreateCommandQueue is in every loader since 1.0; its successor is missing in 1.2 ones.
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>

#include "include/nodewatt_opencl.h"

#define NWCL_FUNCTIONS(X)                                                                                              \
    X(clGetPlatformIDs)                                                                                                \
    X(clGetPlatformInfo)                                                                                               \
    X(clGetDeviceIDs)                                                                                                  \
    X(clGetDeviceInfo)                                                                                                 \
    X(clCreateContext)                                                                                                 \
    X(clReleaseContext)                                                                                                \
    X(clCreateCommandQueue)                                                                                            \
    X(clReleaseCommandQueue)                                                                                           \
    X(clCreateBuffer)                                                                                                  \
    X(clReleaseMemObject)                                                                                              \
    X(clCreateProgramWithSource)                                                                                       \
    X(clCreateProgramWithBinary)                                                                                       \
    X(clBuildProgram)                                                                                                  \
    X(clGetProgramBuildInfo)                                                                                           \
    X(clReleaseProgram)                                                                                                \
    X(clCreateKernel)                                                                                                  \
    X(clReleaseKernel)                                                                                                 \
    X(clGetKernelWorkGroupInfo)                                                                                        \
    X(clSetKernelArg)                                                                                                  \
    X(clEnqueueNDRangeKernel)                                                                                          \
    X(clEnqueueReadBuffer)                                                                                             \
    X(clEnqueueWriteBuffer)                                                                                            \
    X(clCreateUserEvent)                                                                                               \
    X(clSetUserEventStatus)                                                                                            \
    X(clGetEventProfilingInfo)                                                                                         \
    X(clReleaseEvent)                                                                                                  \
    X(clFlush)                                                                                                         \
    X(clEnqueueMapBuffer)                                                                                              \
    X(clEnqueueUnmapMemObject)                                                                                         \
    X(clFinish)

typedef struct {
#define NWCL_MEMBER(name) __typeof__(name) *name;
    NWCL_FUNCTIONS(NWCL_MEMBER)
#undef NWCL_MEMBER
} nwcl_functions;

/// The resolved table, or NULL before nwcl_load succeeded.
extern const nwcl_functions *nwcl_table;

/// A device's identifiers; indices beyond what the loader offers give CL_INVALID_VALUE.
int32_t nwcl_find_device(uint32_t platform, uint32_t device, cl_platform_id *platform_id, cl_device_id *device_id);
