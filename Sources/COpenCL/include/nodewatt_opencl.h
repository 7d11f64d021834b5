/// The OpenCL runtime, opened at run time, behind plain C types.
///
/// Every function that can fail returns a status: 0, a negative OpenCL error code, or NWCL_NO_LOADER. Nothing is
/// printed. Handles belong to one thread at a time. A process loads one loader and keeps it.
#pragma once

#include <stddef.h>
#include <stdint.h>

/// No OpenCL loader could be opened.
#define NWCL_NO_LOADER 1
/// The loader lacks a function that is needed, or memory ran out.
#define NWCL_UNUSABLE 2

/// A device with its context and one in-order queue.
typedef struct nwcl_session nwcl_session;
/// A built program.
typedef struct nwcl_program nwcl_program;
/// A kernel with its arguments.
typedef struct nwcl_kernel nwcl_kernel;
/// A buffer in the memory of a session's device.
typedef struct nwcl_buffer nwcl_buffer;

/// One kernel launch: `dimensions` sizes, each global size a multiple of its local size.
typedef struct {
    nwcl_kernel *kernel;
    uint32_t dimensions;
    size_t global_size[3];
    size_t local_size[3];
} nwcl_launch;

/// Opens the loader. On failure `message`, of `capacity` bytes, says why; it is always terminated.
int32_t nwcl_load(char *message, size_t capacity);

/// Counts the platforms; a loader without any is 0 platforms, not an error.
int32_t nwcl_platform_count(uint32_t *count);

/// Counts the devices of a platform; a platform without any is 0 devices, not an error.
int32_t nwcl_device_count(uint32_t platform, uint32_t *count);

/// Reads a platform property (CL_PLATFORM_*) of at most `capacity` bytes; `size` receives its real size.
int32_t nwcl_platform_info(uint32_t platform, uint32_t name, void *value, size_t capacity, size_t *size);

/// Reads a device property (CL_DEVICE_*) of at most `capacity` bytes; `size` receives its real size.
int32_t nwcl_device_info(uint32_t platform, uint32_t device, uint32_t name, void *value, size_t capacity, size_t *size);

/// Creates a context and an in-order queue on a device.
int32_t nwcl_open(uint32_t platform, uint32_t device, nwcl_session **session);

/// Releases the queue and the context; NULL is allowed, here and in every other release.
void nwcl_close(nwcl_session *session);

/// Builds a program from source. On failure the end of the build log is left in `log`, of `capacity` bytes, terminated.
int32_t nwcl_build(
    nwcl_session *session, const char *source, const char *options, nwcl_program **program, char *log, size_t capacity);

/// Builds a program from `size` bytes in the form the device's driver takes for a binary, which for NVIDIA's is PTX.
int32_t nwcl_build_binary(
    nwcl_session *session, const void *binary, size_t size, nwcl_program **program, char *log, size_t capacity);

/// Releases a program.
void nwcl_release_program(nwcl_program *program);

/// Makes a kernel of a program; each has its own arguments.
int32_t nwcl_make_kernel(nwcl_program *program, const char *name, nwcl_kernel **kernel);

/// Releases a kernel.
void nwcl_release_kernel(nwcl_kernel *kernel);

/// The largest work-group this kernel can run in (CL_KERNEL_WORK_GROUP_SIZE).
int32_t nwcl_kernel_work_group_size(nwcl_kernel *kernel, size_t *size);

/// Sets an argument to `size` bytes of `value`, or to `size` bytes of local memory when `value` is NULL.
int32_t nwcl_set_value(nwcl_kernel *kernel, uint32_t index, const void *value, size_t size);

/// Sets an argument to a buffer, which must outlive the kernel's launches.
int32_t nwcl_set_buffer(nwcl_kernel *kernel, uint32_t index, nwcl_buffer *buffer);

/// Allocates `size` bytes on the device.
int32_t nwcl_make_buffer(nwcl_session *session, size_t size, nwcl_buffer **buffer);

/// Frees a buffer.
void nwcl_release_buffer(nwcl_buffer *buffer);

/// Copies `size` bytes from the host into a buffer and waits.
int32_t nwcl_write(nwcl_session *session, nwcl_buffer *buffer, size_t offset, const void *source, size_t size);

/// Copies `size` bytes from a buffer to the host and waits.
int32_t nwcl_read(nwcl_session *session, nwcl_buffer *buffer, size_t offset, void *destination, size_t size);

/// Enqueues `count` launches `repetitions` times in order and waits for the end.
///
/// On devices other than processors the first 64 launches at most are enqueued behind a user event: `start_ns` receives
/// CLOCK_MONOTONIC when that gate opens (or before the first launch), `end_ns` after clFinish. A queue is never let grow
/// beyond 16,384 launches; before that it is drained.
int32_t nwcl_run(
    nwcl_session *session, const nwcl_launch *launches, size_t count, uint64_t repetitions, uint64_t *start_ns,
    uint64_t *end_ns);

/// The device's own times of one launch (CL_PROFILING_COMMAND_*), in nanoseconds of its clock, and the wall clock's.
typedef struct {
    uint64_t queued_ns;
    uint64_t submitted_ns;
    uint64_t started_ns;
    uint64_t ended_ns;
    uint64_t wall_ns;
} nwcl_times;

/// Runs one launch on a queue of its own that keeps times, and waits for its end.
int32_t nwcl_profile(nwcl_session *session, const nwcl_launch *launch, nwcl_times *times);

/// Enqueues `count` launches, one after the other, as turn `first_turn` of `turns`, then those of the next turn, the
/// first following the last, `repetitions` turns in all, and waits for the end; times and draining as in nwcl_run.
///
/// `launches` holds the `count` launches of every turn, turn after turn.
int32_t nwcl_run_in_turn(
    nwcl_session *session, const nwcl_launch *launches, size_t count, size_t turns, size_t first_turn,
    uint64_t repetitions, uint64_t *start_ns, uint64_t *end_ns);

/// Enqueues a launch and waits for its end, `repetitions` times; times as in nwcl_run.
int32_t nwcl_run_waiting(
    nwcl_session *session, const nwcl_launch *launch, uint64_t repetitions, uint64_t *start_ns, uint64_t *end_ns);

/// Enqueues launches in order and waits `marks` times: first after `counts[0]` of them, then after `counts[1]` more, and
/// so on.
///
/// `start_ns` receives CLOCK_MONOTONIC before the first launch, `marks_ns` after each wait.
int32_t nwcl_run_marked(
    nwcl_session *session, const nwcl_launch *launches, const size_t *counts, size_t marks, uint64_t *start_ns,
    uint64_t *marks_ns);

/// Memory of the host that is copied from and to.
typedef struct nwcl_host_memory nwcl_host_memory;

/// Allocates `size` bytes on the host: ordinary pages, or with `pinned` not 0 what the driver allocates and maps
/// (CL_MEM_ALLOC_HOST_PTR), which devices reach by themselves.
int32_t nwcl_make_host_memory(nwcl_session *session, size_t size, int32_t pinned, nwcl_host_memory **memory);

/// Its bytes.
void *nwcl_host_bytes(nwcl_host_memory *memory);

/// Frees it; nothing may be copying.
void nwcl_release_host_memory(nwcl_host_memory *memory);

/// Copies `size` bytes from the host into a buffer, or with `to_host` not 0 from the buffer to the host, `repetitions`
/// times in order, and waits for the end; times as in nwcl_run.
int32_t nwcl_run_copies(
    nwcl_session *session, nwcl_buffer *buffer, nwcl_host_memory *memory, size_t size, int32_t to_host,
    uint64_t repetitions, uint64_t *start_ns, uint64_t *end_ns);

/// The name of an OpenCL error code, such as `CL_OUT_OF_RESOURCES`.
const char *nwcl_error_name(int32_t status);

/// Says in words why a driver's library shows no platform, by loading it into this process.
void nwcl_explain(const char *library, char *message, size_t capacity);
