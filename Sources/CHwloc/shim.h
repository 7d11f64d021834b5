#ifndef NODEWATT_CHWLOC_SHIM_H
#define NODEWATT_CHWLOC_SHIM_H

#include <errno.h>
#include <fcntl.h>
#include <hwloc.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* What became of a rehearsal. */
enum nodewatt_rehearsal {
  NODEWATT_REHEARSAL_LOADED = 0,  /* hwloc loaded and freed the topology */
  NODEWATT_REHEARSAL_REFUSED = 1, /* hwloc said that the input is wrong */
  NODEWATT_REHEARSAL_CRASHED = 2, /* hwloc crashed on it or took too long */
  NODEWATT_REHEARSAL_UNKNOWN = 3  /* no child process could be started; errno says why */
};

/* Touches everything that a reader of the tree will touch; the sum keeps the reads from being left out. */
static inline size_t nodewatt_hwloc_walk(hwloc_obj_t object) {
  size_t sum = object->logical_index;
  if (object->name) sum += strlen(object->name);
  if (object->subtype) sum += strlen(object->subtype);
  if (object->cpuset) sum += (size_t)hwloc_bitmap_last(object->cpuset);
  for (unsigned i = 0; i < object->infos_count; i++) {
    if (object->infos[i].name) sum += strlen(object->infos[i].name);
    if (object->infos[i].value) sum += strlen(object->infos[i].value);
  }
  hwloc_obj_t first[3] = {object->first_child, object->memory_first_child, object->io_first_child};
  for (int list = 0; list < 3; list++)
    for (hwloc_obj_t child = first[list]; child; child = child->next_sibling) sum += nodewatt_hwloc_walk(child);
  return sum;
}

/* Loads a topology as the caller is about to, and frees it; never returns. */
static inline void nodewatt_hwloc_rehearse_child(hwloc_topology_t topology, const char *xml, int xml_size,
                                                  const char *synthetic) {
  static const int fatal[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGALRM, SIGXCPU};
  for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) signal(fatal[i], SIG_DFL);
  struct rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (null >= 0) {
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
  }
  alarm(20);
  int failed = 0;
  if (xml) failed = hwloc_topology_set_xmlbuffer(topology, xml, xml_size);
  if (synthetic) failed = hwloc_topology_set_synthetic(topology, synthetic);
  volatile size_t sum = 0;
  if (!failed) failed = hwloc_topology_load(topology);
  if (!failed) sum = nodewatt_hwloc_walk(hwloc_get_root_obj(topology));
  hwloc_topology_destroy(topology);
  (void)sum;
  _exit(failed ? NODEWATT_REHEARSAL_REFUSED : NODEWATT_REHEARSAL_LOADED);
}

/* Loads a topology from outside in a child process first, because libhwloc trusts its input: a file whose sets
 * contradict each other makes it fail an assertion or follow a null pointer, and that must not take the caller along.
 *
 * topology: set up (flags, filters) and not loaded; the caller's own stays as it was.
 * xml, xml_size: a zero-terminated document and its size with the zero, or NULL and 0.
 * synthetic: a description, or NULL. With neither, what the environment names is loaded. */
static inline enum nodewatt_rehearsal nodewatt_hwloc_rehearse(hwloc_topology_t topology, const char *xml, int xml_size,
                                                              const char *synthetic) {
  pid_t child = fork();
  if (child < 0) return NODEWATT_REHEARSAL_UNKNOWN;
  if (child == 0) nodewatt_hwloc_rehearse_child(topology, xml, xml_size, synthetic);
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return NODEWATT_REHEARSAL_UNKNOWN;
  if (!WIFEXITED(status)) return NODEWATT_REHEARSAL_CRASHED;
  return WEXITSTATUS(status) == 0 ? NODEWATT_REHEARSAL_LOADED : NODEWATT_REHEARSAL_REFUSED;
}

#endif
