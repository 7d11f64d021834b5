// NVML by dlopen. Names, numbers and layouts are those of nvml.h as NVIDIA publishes it (R535 and newer; the functions
// with a version in their names since R418).
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "nodewatt_meters.h"
#include "library.h"

#include <string.h>

#define MOST_CARDS 256
#define INVALID_ARGUMENT 2
#define NOT_SUPPORTED 3
#define INSTANT_POWER_FIELD 186
#define SM_CLOCK 1
#define MEMORY_CLOCK 2
#define GPU_TEMPERATURE 0

typedef void *device;

typedef struct {
    char legacy_id[16];
    unsigned domain, bus, device, device_id, subsystem_id;
    char id[32];
} pci_info;
_Static_assert(sizeof(pci_info) == 68, "nvmlPciInfo_t");

typedef struct {
    unsigned field, scope;
    long long timestamp, latency;
    int type, status;
    union {
        double real;
        int signed_int;
        unsigned unsigned_int;
        unsigned long unsigned_long;
        unsigned long long unsigned_long_long;
        signed long long signed_long_long;
        unsigned short unsigned_short;
    } value;
} field_value;
_Static_assert(sizeof(field_value) == 40, "nvmlFieldValue_t");

typedef struct {
    unsigned version;
    int sensor, celsius;
} temperature_v1;
#define TEMPERATURE_V1 ((unsigned)(sizeof(temperature_v1) | 1 << 24))

static struct {
    int (*init)(void);
    int (*shutdown)(void);
    int (*count)(unsigned *);
    int (*handle)(unsigned, device *);
    int (*pci)(device, pci_info *);
    int (*name)(device, char *, unsigned);
    int (*uuid)(device, char *, unsigned);
    int (*driver)(char *, unsigned);
    int (*energy)(device, unsigned long long *);
    int (*fields)(device, int, field_value *);
    int (*limits)(device, unsigned *, unsigned *);
    int (*clock)(device, int, unsigned *);
    int (*temperature)(device, int, unsigned *);
    int (*temperature_v)(device, temperature_v1 *);
    int (*events)(device, unsigned long long *);
    int (*mig)(device, unsigned *, unsigned *);
    int (*power)(device, unsigned *);
    int (*limit)(device, unsigned *);
    int (*default_limit)(device, unsigned *);
    int (*enforced_limit)(device, unsigned *);
    int (*architecture)(device, unsigned *);
    int (*set_limit)(device, unsigned);
} nvml;

static device cards[MOST_CARDS];

int32_t nwm_nvml_load(const char *path, char *message, size_t capacity) {
    void *library = nwm_open_library(path, message, capacity);
    if (library == NULL) { return -1; }
    if (!NWM_FIND(library, "nvmlInit_v2", nvml.init)) { NWM_FIND(library, "nvmlInit", nvml.init); }
    if (!NWM_FIND(library, "nvmlDeviceGetCount_v2", nvml.count)) { NWM_FIND(library, "nvmlDeviceGetCount", nvml.count); }
    if (!NWM_FIND(library, "nvmlDeviceGetHandleByIndex_v2", nvml.handle)) {
        NWM_FIND(library, "nvmlDeviceGetHandleByIndex", nvml.handle);
    }
    // Version 2 fills the first part of the same structure.
    if (!NWM_FIND(library, "nvmlDeviceGetPciInfo_v3", nvml.pci)) { NWM_FIND(library, "nvmlDeviceGetPciInfo_v2", nvml.pci); }
    NWM_FIND(library, "nvmlShutdown", nvml.shutdown);
    NWM_FIND(library, "nvmlDeviceGetName", nvml.name);
    NWM_FIND(library, "nvmlDeviceGetUUID", nvml.uuid);
    NWM_FIND(library, "nvmlSystemGetDriverVersion", nvml.driver);
    NWM_FIND(library, "nvmlDeviceGetTotalEnergyConsumption", nvml.energy);
    NWM_FIND(library, "nvmlDeviceGetFieldValues", nvml.fields);
    NWM_FIND(library, "nvmlDeviceGetPowerManagementLimitConstraints", nvml.limits);
    NWM_FIND(library, "nvmlDeviceGetClockInfo", nvml.clock);
    NWM_FIND(library, "nvmlDeviceGetTemperature", nvml.temperature);
    // Since R575, the older one being deprecated.
    NWM_FIND(library, "nvmlDeviceGetTemperatureV", nvml.temperature_v);
    // Renamed in R535.
    if (!NWM_FIND(library, "nvmlDeviceGetCurrentClocksEventReasons", nvml.events)) {
        NWM_FIND(library, "nvmlDeviceGetCurrentClocksThrottleReasons", nvml.events);
    }
    NWM_FIND(library, "nvmlDeviceGetMigMode", nvml.mig);
    NWM_FIND(library, "nvmlDeviceGetPowerUsage", nvml.power);
    NWM_FIND(library, "nvmlDeviceGetPowerManagementLimit", nvml.limit);
    NWM_FIND(library, "nvmlDeviceGetPowerManagementDefaultLimit", nvml.default_limit);
    NWM_FIND(library, "nvmlDeviceGetEnforcedPowerLimit", nvml.enforced_limit);
    NWM_FIND(library, "nvmlDeviceGetArchitecture", nvml.architecture);
    NWM_FIND(library, "nvmlDeviceSetPowerManagementLimit", nvml.set_limit);
    const char *missing = nvml.init == NULL     ? "nvmlInit_v2"
                          : nvml.count == NULL  ? "nvmlDeviceGetCount_v2"
                          : nvml.handle == NULL ? "nvmlDeviceGetHandleByIndex_v2"
                          : nvml.pci == NULL    ? "nvmlDeviceGetPciInfo_v3"
                                                : NULL;
    if (missing == NULL) { return 0; }
    snprintf(message, capacity, "it is no NVML: it lacks %s", missing);
    return -1;
}

int32_t nwm_nvml_init(void) { return nvml.init(); }

void nwm_nvml_shutdown(void) {
    if (nvml.shutdown != NULL) { nvml.shutdown(); }
}

int32_t nwm_nvml_count(uint32_t *count) { return nvml.count(count); }

int32_t nwm_nvml_card(uint32_t card, nwm_pci *place) {
    if (card >= MOST_CARDS) { return INVALID_ARGUMENT; }
    int status = nvml.handle(card, &cards[card]);
    if (status != 0) { return status; }
    pci_info info;
    memset(&info, 0, sizeof info);
    status = nvml.pci(cards[card], &info);
    *place = (nwm_pci){.domain = info.domain, .bus = info.bus, .device = info.device};
    return status;
}

int32_t nwm_nvml_text(uint32_t card, int32_t uuid, char *text, size_t capacity) {
    int (*ask)(device, char *, unsigned) = uuid ? nvml.uuid : nvml.name;
    if (ask == NULL) { return NWM_ABSENT; }
    memset(text, 0, capacity);
    int status = ask(cards[card], text, (unsigned)(capacity - 1));
    text[capacity - 1] = '\0';
    return status;
}

int32_t nwm_nvml_driver(char *text, size_t capacity) {
    if (nvml.driver == NULL) { return NWM_ABSENT; }
    memset(text, 0, capacity);
    int status = nvml.driver(text, (unsigned)(capacity - 1));
    text[capacity - 1] = '\0';
    return status;
}

static int32_t instant_power(device card, uint64_t *value) {
    if (nvml.fields == NULL) { return NWM_ABSENT; }
    field_value answer;
    memset(&answer, 0, sizeof answer);
    answer.field = INSTANT_POWER_FIELD;
    answer.status = NOT_SUPPORTED;
    int status = nvml.fields(card, 1, &answer);
    if (status != 0 || answer.status != 0) { return status != 0 ? status : answer.status; }
    // The type is the driver's choice: nvmlValueType_t.
    switch (answer.type) {
    case 0: *value = answer.value.real >= 0 && answer.value.real < 1e18 ? (uint64_t)answer.value.real : UINT64_MAX; break;
    case 1: *value = answer.value.unsigned_int; break;
    case 2: *value = answer.value.unsigned_long; break;
    case 3: *value = answer.value.unsigned_long_long; break;
    case 4: *value = (uint64_t)answer.value.signed_long_long; break;
    case 5: *value = (uint64_t)(int64_t)answer.value.signed_int; break;
    case 6: *value = answer.value.unsigned_short; break;
    default: return NOT_SUPPORTED;
    }
    return 0;
}

static int32_t limit_bound(device card, int highest, uint64_t *value) {
    if (nvml.limits == NULL) { return NWM_ABSENT; }
    unsigned low = 0, high = 0;
    int status = nvml.limits(card, &low, &high);
    *value = highest ? high : low;
    return status;
}

static int32_t temperature(device card, uint64_t *value) {
    temperature_v1 answer = {.version = TEMPERATURE_V1, .sensor = GPU_TEMPERATURE};
    if (nvml.temperature_v != NULL && nvml.temperature_v(card, &answer) == 0) {
        *value = (uint64_t)(int64_t)answer.celsius;
        return 0;
    }
    if (nvml.temperature == NULL) { return NWM_ABSENT; }
    unsigned number = 0;
    int status = nvml.temperature(card, GPU_TEMPERATURE, &number);
    *value = number;
    return status;
}

static int32_t partitioned(device card, uint64_t *value) {
    if (nvml.mig == NULL) { return NWM_ABSENT; }
    unsigned now = 0, next = 0;
    int status = nvml.mig(card, &now, &next);
    *value = now;
    return status;
}

static int32_t wide(int (*ask)(device, unsigned long long *), device card, uint64_t *value) {
    if (ask == NULL) { return NWM_ABSENT; }
    unsigned long long number = 0;
    int status = ask(card, &number);
    *value = number;
    return status;
}

static int32_t plain(int (*ask)(device, unsigned *), device card, uint64_t *value) {
    if (ask == NULL) { return NWM_ABSENT; }
    unsigned number = 0;
    int status = ask(card, &number);
    *value = number;
    return status;
}

static int32_t numbered(int (*ask)(device, int, unsigned *), device card, int which, uint64_t *value) {
    if (ask == NULL) { return NWM_ABSENT; }
    unsigned number = 0;
    int status = ask(card, which, &number);
    *value = number;
    return status;
}

int32_t nwm_nvml_number(uint32_t index, int32_t what, uint64_t *value) {
    *value = 0;
    if (index >= MOST_CARDS) { return INVALID_ARGUMENT; }
    device card = cards[index];
    switch (what) {
    case NWM_NVML_ENERGY: return wide(nvml.energy, card, value);
    case NWM_NVML_POWER: return plain(nvml.power, card, value);
    case NWM_NVML_INSTANT_POWER: return instant_power(card, value);
    case NWM_NVML_LIMIT: return plain(nvml.limit, card, value);
    case NWM_NVML_DEFAULT_LIMIT: return plain(nvml.default_limit, card, value);
    case NWM_NVML_ENFORCED_LIMIT: return plain(nvml.enforced_limit, card, value);
    case NWM_NVML_LOWEST_LIMIT: return limit_bound(card, 0, value);
    case NWM_NVML_HIGHEST_LIMIT: return limit_bound(card, 1, value);
    case NWM_NVML_SM_CLOCK: return numbered(nvml.clock, card, SM_CLOCK, value);
    case NWM_NVML_MEMORY_CLOCK: return numbered(nvml.clock, card, MEMORY_CLOCK, value);
    case NWM_NVML_TEMPERATURE: return temperature(card, value);
    case NWM_NVML_CLOCK_EVENTS: return wide(nvml.events, card, value);
    case NWM_NVML_ARCHITECTURE: return plain(nvml.architecture, card, value);
    case NWM_NVML_PARTITIONED: return partitioned(card, value);
    default: return INVALID_ARGUMENT;
    }
}

int32_t nwm_nvml_set_limit(uint32_t card, uint32_t milliwatts) {
    if (card >= MOST_CARDS) { return INVALID_ARGUMENT; }
    return nvml.set_limit == NULL ? NWM_ABSENT : nvml.set_limit(cards[card], milliwatts);
}
