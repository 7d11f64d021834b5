// A ROCm SMI with cards at known watts and one fault, chosen by FAKE_ROCM when it is loaded:
//
//   clang -shared -fPIC -O1 fake_rocm_smi.c -o librocm_smi64.so.7
//
// FAKE_ROCM is a word of: works, no_energy, wrong_unit, standing, no_power, second_die, partitions,
// partition_functions, init_fails, hang_in_init, crash_in_read, hang_in_read, unknown_energy, garbage_unit.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define CARDS 2
#define WATTS 400.0
#define UNIT 15.3f

static int is(const char *fault) {
    const char *chosen = getenv("FAKE_ROCM");
    return chosen != NULL && strcmp(chosen, fault) == 0;
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int reads;

EXPORT int rsmi_init(uint64_t flags) {
    (void)flags;
    if (is("init_fails")) { return 8; }
    if (is("hang_in_init")) {
        for (;;) pause();
    }
    return 0;
}

EXPORT int rsmi_shut_down(void) { return 0; }

EXPORT int rsmi_num_monitor_devices(uint32_t *count) {
    *count = CARDS;
    return 0;
}

EXPORT int rsmi_dev_pci_id_get(uint32_t card, uint64_t *id) {
    // A divided card's parts are told by bits 31:28, by the function, or by both.
    uint64_t part = is("partitions") ? (uint64_t)card << 28 | card : is("partition_functions") ? card : 0;
    uint64_t bus = is("partitions") || is("partition_functions") ? 0x25 : 0x25 + card;
    *id = 1ull << 32 | part | bus << 8;
    return 0;
}

EXPORT int rsmi_dev_name_get(uint32_t card, char *text, size_t length) {
    (void)card;
    snprintf(text, length, "AMD Instinct MI300X");
    return 0;
}

EXPORT int rsmi_dev_unique_id_get(uint32_t card, uint64_t *id) {
    *id = 0xabc0 + card;
    return 0;
}

EXPORT int rsmi_dev_energy_count_get(uint32_t card, uint64_t *count, float *unit, uint64_t *timestamp) {
    if (is("no_energy")) { return 2; }
    reads++;
    // Opening reads each counter three times.
    if (reads > 3 * CARDS && is("crash_in_read")) { abort(); }
    if (reads > 3 * CARDS && is("hang_in_read")) {
        for (;;) pause();
    }
    *unit = is("garbage_unit") ? -1 : UNIT;
    *timestamp = 0;
    double joules = seconds() * WATTS * (is("wrong_unit") ? 0.01 : 1);
    *count = (uint64_t)(joules / (UNIT * 1e-6));
    if (is("standing")) { *count = 12345; }
    if (is("second_die") && card == 1) { *count = 0; }
    if (is("unknown_energy")) { *count = UINT64_MAX; }
    return 0;
}

EXPORT int rsmi_dev_power_get(uint32_t card, uint64_t *power, int *type) {
    if (is("no_power")) { return 2; }
    *power = is("second_die") && card == 1 ? 0 : (uint64_t)(WATTS * 1e6);
    *type = 1;
    return 0;
}

EXPORT int rsmi_dev_power_cap_range_get(uint32_t card, uint32_t sensor, uint64_t *high, uint64_t *low) {
    (void)card, (void)sensor;
    *high = 750000000;
    *low = 0;
    return 0;
}
