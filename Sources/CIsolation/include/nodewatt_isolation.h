// What a child process that loads foreign libraries, and its parent, need of the operating system.
#pragma once

#include <stdint.h>

/// Lets a child use at most `bytes` of memory of its own (RLIMIT_DATA), and makes it the first process the kernel ends
/// when memory runs out. What the system refuses stays as it was. Call before the child loads a driver.
void nwi_contain(int32_t pid, uint64_t bytes);

/// Ends this process when its parent process does, even while a driver call hangs (Linux PR_SET_PDEATHSIG).
void nwi_die_with_parent(void);

/// Keeps standard output for the protocol of a worker: returns a new descriptor for it and points descriptor 1 at
/// standard error, so that nothing a driver prints can mix with the protocol; −1 on failure. Closes every other
/// inherited file first, so it belongs at the very start of a process.
int32_t nwi_take_standard_output(void);

/// Starts a thread that ends this process `grace_ms` after the other end of standard input was closed, whatever a
/// library makes of signals or of its own end. Standard input has to be a socket or a pipe.
///
/// Returns 0, or the error number when there is no thread to be had.
int32_t nwi_end_with_input(int32_t grace_ms);
