// Opening the loader and asking what it offers.
#include "loader.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>

#define MAX_PLATFORMS 64
#define MAX_DEVICES 256
// cl_khr_icd's "no platform", which some headers keep in cl_ext.h.
#define PLATFORM_NOT_FOUND (-1001)

const nwcl_functions *nwcl_table = NULL;
static nwcl_functions resolved;

static const char *const loader_names[] = {"libOpenCL.so.1", "libOpenCL.so"};

// A data pointer becomes a function pointer as POSIX defines for dlsym; ISO C has no cast for it.
static bool resolve(void *library, const char *name, void **function) {
    *function = dlsym(library, name);
    return *function != NULL;
}

int32_t nwcl_load(char *message, size_t capacity) {
    if (capacity > 0) { message[0] = '\0'; }
    if (nwcl_table != NULL) { return 0; }
    void *library = NULL;
    for (size_t i = 0; i < sizeof loader_names / sizeof loader_names[0] && library == NULL; i++) {
        library = dlopen(loader_names[i], RTLD_NOW | RTLD_LOCAL);
    }
    if (library == NULL) {
        const char *reason = dlerror();
        snprintf(message, capacity, "%s", reason != NULL ? reason : "no OpenCL loader");
        return NWCL_NO_LOADER;
    }
#define NWCL_RESOLVE(name)                                                                                             \
    if (!resolve(library, #name, (void **)&resolved.name)) {                                                           \
        snprintf(message, capacity, "the OpenCL loader has no %s", #name);                                             \
        return NWCL_UNUSABLE;                                                                                          \
    }
    NWCL_FUNCTIONS(NWCL_RESOLVE)
#undef NWCL_RESOLVE
    nwcl_table = &resolved;
    return 0;
}

static int32_t list_platforms(cl_platform_id *ids, uint32_t *count) {
    *count = 0;
    if (nwcl_table == NULL) { return NWCL_NO_LOADER; }
    cl_uint total = 0;
    cl_int status = nwcl_table->clGetPlatformIDs(MAX_PLATFORMS, ids, &total);
    if (status == PLATFORM_NOT_FOUND) { return 0; }
    if (status == CL_SUCCESS) { *count = total < MAX_PLATFORMS ? total : MAX_PLATFORMS; }
    return status;
}

static int32_t list_devices(cl_platform_id platform, cl_device_id *ids, uint32_t *count) {
    *count = 0;
    cl_uint total = 0;
    cl_int status = nwcl_table->clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, MAX_DEVICES, ids, &total);
    if (status == CL_DEVICE_NOT_FOUND) { return 0; }
    if (status == CL_SUCCESS) { *count = total < MAX_DEVICES ? total : MAX_DEVICES; }
    return status;
}

static int32_t find_platform(uint32_t platform, cl_platform_id *id) {
    cl_platform_id ids[MAX_PLATFORMS];
    uint32_t count = 0;
    int32_t status = list_platforms(ids, &count);
    if (status != 0) { return status; }
    if (platform >= count) { return CL_INVALID_VALUE; }
    *id = ids[platform];
    return 0;
}

int32_t nwcl_find_device(uint32_t platform, uint32_t device, cl_platform_id *platform_id, cl_device_id *device_id) {
    int32_t status = find_platform(platform, platform_id);
    if (status != 0) { return status; }
    cl_device_id ids[MAX_DEVICES];
    uint32_t count = 0;
    status = list_devices(*platform_id, ids, &count);
    if (status != 0) { return status; }
    if (device >= count) { return CL_INVALID_VALUE; }
    *device_id = ids[device];
    return 0;
}

int32_t nwcl_platform_count(uint32_t *count) {
    cl_platform_id ids[MAX_PLATFORMS];
    return list_platforms(ids, count);
}

int32_t nwcl_device_count(uint32_t platform, uint32_t *count) {
    cl_platform_id id;
    *count = 0;
    int32_t status = find_platform(platform, &id);
    if (status != 0) { return status; }
    cl_device_id ids[MAX_DEVICES];
    return list_devices(id, ids, count);
}

int32_t nwcl_platform_info(uint32_t platform, uint32_t name, void *value, size_t capacity, size_t *size) {
    cl_platform_id id;
    *size = 0;
    int32_t status = find_platform(platform, &id);
    return status != 0 ? status : nwcl_table->clGetPlatformInfo(id, name, capacity, value, size);
}

int32_t nwcl_device_info(
    uint32_t platform, uint32_t device, uint32_t name, void *value, size_t capacity, size_t *size) {
    cl_platform_id platform_id;
    cl_device_id id;
    *size = 0;
    int32_t status = nwcl_find_device(platform, device, &platform_id, &id);
    return status != 0 ? status : nwcl_table->clGetDeviceInfo(id, name, capacity, value, size);
}
