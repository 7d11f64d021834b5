// ROCm SMI by dlopen. Names, numbers and layouts are those of rocm_smi.h as AMD publishes it (ROCm 4.1 and newer).
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "nodewatt_meters.h"
#include "library.h"

#include <string.h>

static struct {
    int (*init)(uint64_t);
    int (*shutdown)(void);
    int (*count)(uint32_t *);
    int (*pci)(uint32_t, uint64_t *);
    int (*name)(uint32_t, char *, size_t);
    int (*unique_id)(uint32_t, uint64_t *);
    int (*energy)(uint32_t, uint64_t *, float *, uint64_t *);
    int (*power)(uint32_t, uint64_t *, int *);
    int (*average_power)(uint32_t, uint32_t, uint64_t *);
    int (*limits)(uint32_t, uint32_t, uint64_t *, uint64_t *);
} smi;

int32_t nwm_rocm_load(const char *path, char *message, size_t capacity) {
    void *library = nwm_open_library(path, message, capacity);
    if (library == NULL) { return -1; }
    NWM_FIND(library, "rsmi_init", smi.init);
    NWM_FIND(library, "rsmi_shut_down", smi.shutdown);
    NWM_FIND(library, "rsmi_num_monitor_devices", smi.count);
    NWM_FIND(library, "rsmi_dev_pci_id_get", smi.pci);
    NWM_FIND(library, "rsmi_dev_name_get", smi.name);
    NWM_FIND(library, "rsmi_dev_unique_id_get", smi.unique_id);
    NWM_FIND(library, "rsmi_dev_energy_count_get", smi.energy);
    // Since ROCm 6.0.
    NWM_FIND(library, "rsmi_dev_power_get", smi.power);
    NWM_FIND(library, "rsmi_dev_power_ave_get", smi.average_power);
    NWM_FIND(library, "rsmi_dev_power_cap_range_get", smi.limits);
    const char *missing = smi.init == NULL    ? "rsmi_init"
                          : smi.count == NULL ? "rsmi_num_monitor_devices"
                          : smi.pci == NULL   ? "rsmi_dev_pci_id_get"
                                              : NULL;
    if (missing == NULL) { return 0; }
    snprintf(message, capacity, "it is no ROCm SMI: it lacks %s", missing);
    return -1;
}

// RSMI_INIT_FLAG_THRAD_ONLY_MUTEX: else each library shares a mutex with every other program that uses one, and a
// program killed while it holds that mutex keeps the others from starting. Versions that do not know it ignore it.
static const uint64_t own_mutex = 0x400000000000000;

int32_t nwm_rocm_init(void) { return smi.init(own_mutex); }

void nwm_rocm_shutdown(void) {
    if (smi.shutdown != NULL) { smi.shutdown(); }
}

int32_t nwm_rocm_count(uint32_t *count) { return smi.count(count); }

int32_t nwm_rocm_place(uint32_t card, nwm_pci *place) {
    uint64_t id = 0;
    int status = smi.pci(card, &id);
    *place = (nwm_pci){
        .domain = (uint32_t)(id >> 32),
        .bus = id >> 8 & 0xff,
        .device = id >> 3 & 0x1f,
        .function = id & 7,
        .partition = id >> 28 & 0xf,
    };
    return status;
}

int32_t nwm_rocm_name(uint32_t card, char *text, size_t capacity) {
    if (smi.name == NULL) { return NWM_ABSENT; }
    memset(text, 0, capacity);
    int status = smi.name(card, text, capacity - 1);
    text[capacity - 1] = '\0';
    return status;
}

int32_t nwm_rocm_unique_id(uint32_t card, uint64_t *value) {
    *value = 0;
    return smi.unique_id == NULL ? NWM_ABSENT : smi.unique_id(card, value);
}

int32_t nwm_rocm_energy(uint32_t card, uint64_t *count, float *microjoules) {
    uint64_t timestamp = 0;
    *count = 0;
    *microjoules = 0;
    return smi.energy == NULL ? NWM_ABSENT : smi.energy(card, count, microjoules, &timestamp);
}

int32_t nwm_rocm_power(uint32_t card, uint64_t *microwatts, int32_t *momentary) {
    *microwatts = 0;
    *momentary = 0;
    if (smi.power != NULL) {
        int type = 0;
        int status = smi.power(card, microwatts, &type);
        *momentary = type == 1;
        if (status == 0) { return 0; }
    }
    return smi.average_power == NULL ? NWM_ABSENT : smi.average_power(card, 0, microwatts);
}

int32_t nwm_rocm_highest_limit(uint32_t card, uint64_t *microwatts) {
    uint64_t lowest = 0;
    *microwatts = 0;
    return smi.limits == NULL ? NWM_ABSENT : smi.limits(card, 0, microwatts, &lowest);
}
