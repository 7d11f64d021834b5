// Opening a vendor's library.
#pragma once

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>

// A data pointer becomes a function pointer as POSIX defines for dlsym; ISO C has no cast for it.
#define NWM_FIND(library, name, function) (*(void **)(&(function)) = dlsym(library, name))

/// Opens a library; NULL with the reason in `message`.
static inline void *nwm_open_library(const char *path, char *message, size_t capacity) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        const char *reason = dlerror();
        snprintf(message, capacity, "%s", reason != NULL ? reason : "it cannot be opened");
    }
    return library;
}
