// System calls of meters that Swift cannot make itself.
#pragma once

#include <stdint.h>

/// Opens a counting event of a PMU on one processor, for all processes (perf_event_open(2)).
///
/// Returns the file, or the negative error number.
int32_t nwm_perf_open(uint32_t type, uint64_t config, int32_t processor);
