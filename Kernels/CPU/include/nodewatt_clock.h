/// The processors' clock, measured: a chain of additions, each of which takes one cycle on every core known.
#ifndef NODEWATT_CLOCK_H
#define NODEWATT_CLOCK_H

#include "nodewatt_cpu.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Whether there is such a chain for this architecture.
bool nw_clock_known(void);
/// Measures all threads' clocks at the same time; takes about a millisecond.
///
/// `hertz` gets one value per thread: the fastest of several short stretches, since whatever interrupts a thread can
/// only make its clock look slower; 0 where the chain's result was wrong. `NW_UNSUPPORTED_ISA` without a chain.
nw_status nw_clock_measure(nw_team *team, double *hertz);

#ifdef __cplusplus
}
#endif
#endif
