// What meters need of the system and of vendors' libraries that Swift cannot call itself.
#pragma once

#include <stddef.h>
#include <stdint.h>

/// Opens a counting event of a PMU on one processor, for all processes (perf_event_open(2)).
///
/// Returns the file, or the negative error number.
int32_t nwm_perf_open(uint32_t type, uint64_t config, int32_t processor);

/// Whether bytes hold other bytes somewhere.
int32_t nwm_holds(const uint8_t *bytes, size_t count, const uint8_t *wanted, size_t wanted_count);
/// ppoll(2): waits until a file can be read or closed at its other end; 1, 0 when the time is over, -1 with errno.
int32_t nwm_wait_readable(int32_t file, int64_t nanoseconds);

/// The status of a call of a function that the library does not have.
#define NWM_ABSENT (-1000)

/// Where a card is on the PCI bus.
typedef struct {
    uint32_t domain;
    uint32_t bus;
    uint32_t device;
    uint32_t function;
    /// The part of a card that was divided by its driver; 0 is the whole or the first part.
    uint32_t partition;
} nwm_pci;

// NVML. One library for each process; cards are numbered from 0. Every call returns an nvmlReturn_t or NWM_ABSENT.

/// Opens the library and finds its functions; 0, or −1 with the reason in `message`.
int32_t nwm_nvml_load(const char *library, char *message, size_t capacity);
/// Starts the library (nvmlInit_v2).
int32_t nwm_nvml_init(void);
/// How many cards the library shows.
int32_t nwm_nvml_count(uint32_t *count);
/// Finds a card's handle, which every later call needs, and its place.
int32_t nwm_nvml_card(uint32_t card, nwm_pci *place);
/// The card's name, or with `uuid` not 0 its UUID; ends with a zero whatever the library wrote.
int32_t nwm_nvml_text(uint32_t card, int32_t uuid, char *text, size_t capacity);
/// The driver's version.
int32_t nwm_nvml_driver(char *text, size_t capacity);

/// What can be asked of a card. Powers are in milliwatts, the energy in millijoules, clocks in MHz.
enum {
    NWM_NVML_ENERGY,
    NWM_NVML_POWER,
    NWM_NVML_INSTANT_POWER,
    NWM_NVML_LIMIT,
    NWM_NVML_DEFAULT_LIMIT,
    NWM_NVML_ENFORCED_LIMIT,
    NWM_NVML_LOWEST_LIMIT,
    NWM_NVML_HIGHEST_LIMIT,
    NWM_NVML_SM_CLOCK,
    NWM_NVML_MEMORY_CLOCK,
    NWM_NVML_TEMPERATURE,
    NWM_NVML_CLOCK_EVENTS,
    NWM_NVML_ARCHITECTURE,
    NWM_NVML_PARTITIONED,
};
/// Asks for one number; a signed one that is negative comes as its two's complement in 64 bits.
int32_t nwm_nvml_number(uint32_t card, int32_t what, uint64_t *value);
/// Sets the power limit in milliwatts.
int32_t nwm_nvml_set_limit(uint32_t card, uint32_t milliwatts);
/// Ends the library.
void nwm_nvml_shutdown(void);

// ROCm SMI, in the same way. Every call returns an rsmi_status_t or NWM_ABSENT.

int32_t nwm_rocm_load(const char *library, char *message, size_t capacity);
int32_t nwm_rocm_init(void);
int32_t nwm_rocm_count(uint32_t *count);
int32_t nwm_rocm_place(uint32_t card, nwm_pci *place);
int32_t nwm_rocm_name(uint32_t card, char *text, size_t capacity);
int32_t nwm_rocm_unique_id(uint32_t card, uint64_t *value);
/// The energy counter and the microjoules of one count.
int32_t nwm_rocm_energy(uint32_t card, uint64_t *count, float *microjoules);
/// The power in microwatts, and whether it is the momentary (1) or an averaged one (0).
int32_t nwm_rocm_power(uint32_t card, uint64_t *microwatts, int32_t *momentary);
/// The highest power limit that can be set, in microwatts.
int32_t nwm_rocm_highest_limit(uint32_t card, uint64_t *microwatts);
void nwm_rocm_shutdown(void);

/// Opens an IPMI device for commands; the file, or the negative error number.
int32_t nwm_ipmi_open(const char *path);
/// Sends a command to the BMC and waits for its response.
///
/// `number` tells the response from others'. Writes at most `capacity` bytes of the response, the completion code first,
/// and their count. Returns 0 or a negative error number: -ETIMEDOUT after `timeout_ms` without a response.
int32_t nwm_ipmi_ask(int32_t file, uint8_t function, uint8_t command, const uint8_t *data, uint16_t size, int64_t number,
                     int32_t timeout_ms, uint8_t *response, uint16_t capacity, uint16_t *count);
