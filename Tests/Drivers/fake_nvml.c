// An NVML with two cards at known watts and one fault, chosen by FAKE_NVML when it is loaded:
//
//   clang -shared -fPIC -O1 fake_nvml.c -o libnvidia-ml.so.1 -lpthread
//
// FAKE_NVML is a word of: works, no_energy, no_field, init_fails, hang_in_init, exit_in_init, crash_on_load, hang_in_read,
// crash_in_read, exit_in_read, prints, unknown_energy, negative_energy, unknown_power, absurd_power, backward,
// million_cards, garbage_text, same_place, no_place, lost, no_permission, mismatch, no_cards, blocks_signals, mig,
// superchip. FAKE_NVML_STATE names a file in which the power limit is kept, as the driver keeps it.
// -DWITHOUT_ENERGY and -DWITHOUT_INIT leave functions out.
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define CARDS 2
#define MILLIWATTS 300000u
#define LOWEST 100000u
#define HIGHEST 700000u

typedef struct {
    char legacy[16];
    unsigned domain, bus, device, device_id, subsystem;
    char id[32];
} pci_info;

typedef struct {
    unsigned field, scope;
    long long timestamp, latency;
    int type, status;
    union {
        unsigned number;
        unsigned long long wide;
    } value;
} field_value;

static int is(const char *fault) {
    const char *chosen = getenv("FAKE_NVML");
    return chosen != NULL && strcmp(chosen, fault) == 0;
}

static void hang(void) {
    for (;;) pause();
}

static unsigned card_of(void *device) { return (unsigned)((uintptr_t)device - 1); }

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/// How often the energy or power of a card was asked for; the first time is when the library is opened.
static int reads;

static void misbehave(void) {
    reads++;
    if (is("prints")) {
        printf("NVML says hello\n");
        fflush(stdout);
    }
    if (reads <= CARDS) { return; }
    if (is("hang_in_read")) { hang(); }
    if (is("crash_in_read")) { *(volatile int *)0 = 0; }
    if (is("exit_in_read")) { exit(3); }
}

__attribute__((constructor)) static void loaded(void) {
    if (is("crash_on_load")) { abort(); }
    if (is("prints")) { printf("{\"version\":1,\"message\":{\"done\":{}}}\n"), fflush(stdout); }
}

#ifndef WITHOUT_INIT
EXPORT int nvmlInit_v2(void) {
    if (is("init_fails")) { return 999; }
    if (is("mismatch")) { return 18; }
    if (is("exit_in_init")) { exit(0); }
    if (is("hang_in_init")) { hang(); }
    if (is("blocks_signals")) {
        sigset_t every;
        sigfillset(&every);
        sigprocmask(SIG_SETMASK, &every, NULL);
        signal(SIGUSR2, SIG_IGN);
        hang();
    }
    return 0;
}
#endif

EXPORT int nvmlShutdown(void) { return 0; }

EXPORT int nvmlSystemGetDriverVersion(char *text, unsigned length) {
    snprintf(text, length, "555.42.02");
    return 0;
}

EXPORT int nvmlDeviceGetCount_v2(unsigned *count) {
    *count = is("million_cards") ? 1000000 : is("no_cards") ? 0 : CARDS;
    return 0;
}

EXPORT int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
    if (is("no_permission")) { return 4; }
    *device = (void *)(uintptr_t)(index + 1);
    return 0;
}

EXPORT int nvmlDeviceGetPciInfo_v3(void *device, pci_info *info) {
    memset(info, 0, sizeof *info);
    info->bus = is("same_place") ? 0xc1 : is("no_place") ? 0xffffffffu : 0xc1 + card_of(device);
    snprintf(info->id, sizeof info->id, "00000000:%02X:00.0", info->bus & 0xff);
    return 0;
}

EXPORT int nvmlDeviceGetName(void *device, char *text, unsigned length) {
    (void)device;
    if (is("garbage_text")) {
        memset(text, 0xff, length);
        memcpy(text, "\033[2Jevil\n\a", 10);
        return 0;
    }
    snprintf(text, length, is("superchip") ? "NVIDIA GH200 480GB" : "NVIDIA H100 80GB HBM3");
    return 0;
}

EXPORT int nvmlDeviceGetUUID(void *device, char *text, unsigned length) {
    if (is("garbage_text")) {
        memset(text, 0x9b, length);
        return 0;
    }
    snprintf(text, length, "GPU-00000000-0000-0000-0000-%012u", card_of(device));
    return 0;
}

#ifndef WITHOUT_ENERGY
EXPORT int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *energy) {
    if (is("no_energy") || is("no_field") || is("unknown_power") || is("absurd_power")) { return 3; }
    misbehave();
    if (is("lost") && card_of(device) == 1 && reads > CARDS + 2) { return 15; }
    *energy = (unsigned long long)(seconds() * MILLIWATTS);
    // The driver was loaded anew.
    if (is("backward") && reads > CARDS + 2) { *energy = (unsigned long long)reads; }
    if (is("unknown_energy")) { *energy = 0xffffffffull; }
    if (is("negative_energy")) { *energy = (unsigned long long)-5; }
    return 0;
}
#endif

EXPORT int nvmlDeviceGetFieldValues(void *device, int count, field_value *values) {
    (void)device;
    for (int i = 0; i < count; i++) {
        values[i].status = 3;
        if (values[i].field != 186 || is("no_field")) { continue; }
        misbehave();
        values[i].status = 0;
        values[i].type = 1;
        values[i].value.number = is("unknown_power") ? 0xffffffffu : is("absurd_power") ? 5000000u : MILLIWATTS;
    }
    return 0;
}

EXPORT int nvmlDeviceGetPowerUsage(void *device, unsigned *power) {
    (void)device;
    *power = is("unknown_power") ? 0xffffffffu : is("absurd_power") ? (unsigned)-1000 : MILLIWATTS;
    return 0;
}

EXPORT int nvmlDeviceGetPowerManagementLimitConstraints(void *device, unsigned *low, unsigned *high) {
    (void)device;
    *low = LOWEST;
    *high = HIGHEST;
    return 0;
}

static FILE *state(const char *mode) {
    const char *path = getenv("FAKE_NVML_STATE");
    return path == NULL ? NULL : fopen(path, mode);
}

EXPORT int nvmlDeviceGetPowerManagementLimit(void *device, unsigned *limit) {
    (void)device;
    *limit = HIGHEST;
    FILE *file = state("r");
    if (file == NULL) { return 0; }
    int found = fscanf(file, "%u", limit);
    fclose(file);
    return found == 1 ? 0 : 999;
}

EXPORT int nvmlDeviceSetPowerManagementLimit(void *device, unsigned limit) {
    (void)device;
    FILE *file = state("w");
    if (file == NULL) { return 4; }
    fprintf(file, "%u", limit);
    fclose(file);
    return 0;
}

EXPORT int nvmlDeviceGetPowerManagementDefaultLimit(void *device, unsigned *limit) {
    (void)device;
    *limit = HIGHEST;
    return 0;
}

EXPORT int nvmlDeviceGetEnforcedPowerLimit(void *device, unsigned *limit) {
    return nvmlDeviceGetPowerManagementLimit(device, limit);
}

EXPORT int nvmlDeviceGetClockInfo(void *device, int which, unsigned *clock) {
    (void)device;
    *clock = which == 1 ? 1980 : which == 2 ? 2619 : 0;
    return 0;
}

typedef struct {
    unsigned version;
    int sensor, celsius;
} temperature_info;

EXPORT int nvmlDeviceGetTemperatureV(void *device, temperature_info *temperature) {
    (void)device;
    if (is("no_field")) { return 13; }
    if (temperature->version != (sizeof *temperature | 1 << 24)) { return 25; }
    temperature->celsius = 62;
    return 0;
}

EXPORT int nvmlDeviceGetTemperature(void *device, int sensor, unsigned *temperature) {
    (void)device, (void)sensor;
    *temperature = 61;
    return 0;
}

EXPORT int nvmlDeviceGetCurrentClocksThrottleReasons(void *device, unsigned long long *reasons) {
    (void)device;
    *reasons = 0x4 | 0x40 | 1ull << 40;
    return 0;
}

EXPORT int nvmlDeviceGetArchitecture(void *device, unsigned *architecture) {
    (void)device;
    *architecture = 9;
    return 0;
}

EXPORT int nvmlDeviceGetMigMode(void *device, unsigned *now, unsigned *next) {
    (void)device;
    *now = *next = is("mig");
    return 0;
}
