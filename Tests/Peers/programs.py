"""How each program is run and read. A value is a rate in base units, or None with the reason why there is none."""

import hashlib
import json
import os
import pathlib
import re
import subprocess
import time


LATE = "did not end within"
# OpenCL runtimes for processors, and what their platforms are called.
RUNTIMES = {"PoCL": "Portable Computing Language", "Intel": "Intel(R) OpenCL"}


class Reading:
    """A rate, or why there is none."""

    def __init__(self, value=None, reason=""):
        self.value, self.reason = value, reason


class NotUsable(Exception):
    """The nodewatt program does not run at all."""


def first_threads():
    """One processor of each core, of those this process may use."""
    allowed, chosen, seen = sorted(os.sched_getaffinity(0)), [], set()
    for cpu in allowed:
        siblings = pathlib.Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        core = siblings.read_text().strip() if siblings.exists() else str(cpu)
        if core not in seen:
            seen.add(core)
            chosen.append(cpu)
    return chosen


def output_of(command, timeout, **variables):
    """Standard output, or a Reading that says what went wrong."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False,
                              env={**os.environ, **variables})
    except FileNotFoundError:
        return Reading(reason=f"no {pathlib.Path(command[0]).name} on this machine")
    except subprocess.TimeoutExpired:
        return Reading(reason=f"{pathlib.Path(command[0]).name} {LATE} {timeout} s")
    if not done.stdout.strip():
        lines = done.stderr.strip().splitlines() or ["no output"]
        return Reading(reason=f"{pathlib.Path(command[0]).name}, exit status {done.returncode}: {lines[0]}")
    return done.stdout


def find_trial(session, wanted):
    """The first trial all of whose keys match."""
    return next((t for t in session["trials"]
                 if all(re.fullmatch(pattern, str(t.get(key))) for key, pattern in wanted.items())), None)


def rate_of(session, wanted, rate):
    """A trial's rate, or its status and reason."""
    if isinstance(session, Reading):
        return session
    trial = find_trial(session, wanted)
    if trial is None:
        return Reading(reason="nodewatt has no such trial")
    if trial["status"] != "measured":
        return Reading(reason=f"{trial['status']}: {trial['reason']}")
    return Reading(trial[rate], f"nodewatt's trial has no {rate}")


def working_set(trial):
    """The bytes of a memory trial over all threads: `1073741824B`, or `read-l2-524288Bx2` for two threads."""
    found = re.search(r"(\d+)B(?:x(\d+))?", trial["shape"] or "")
    return int(found[1]) * int(found[2] or 1)


class Programs:
    """nodewatt and its peers on this machine."""

    def __init__(self, nodewatt, peers):
        self.nodewatt, self.peers = nodewatt, pathlib.Path(peers)
        self.cpus = first_threads()
        # The folder of setup_runtimes.sh with the OpenCL drivers, so that both runtimes show.
        drivers = (self.peers / "../runtimes/vendors").resolve()
        self.drivers = {"OCL_ICD_VENDORS": str(drivers)} if drivers.is_dir() else {}
        # With which of its builds a measurement was made.
        program = pathlib.Path(nodewatt)
        self.digest = hashlib.sha256(program.read_bytes()).hexdigest()[:16] if program.is_file() else ""
        self.packages = self.document("topology").get("packages", 1)
        self.devices = self.runtimes()
        flags = pathlib.Path("/proc/cpuinfo").read_text()
        tests = (("avx512f", "load_avx512"), ("avx", "load_avx"))
        self.read_test = next((test for flag, test in tests if f" {flag} " in flags), "load")

    def document(self, command):
        text = output_of([self.nodewatt, command, "--format", "json"], 60, **self.drivers)
        if isinstance(text, Reading):
            raise NotUsable(text.reason)
        return json.loads(text)

    def runtimes(self):
        """The device of each OpenCL runtime for processors, and the file of its driver, by the runtime's short name."""
        found = {}
        for device in self.document("devices").get("devices", []):
            for short, platform in RUNTIMES.items():
                if device["backend"] == "opencl" and device["kind"] == "cpu" and platform in (device["platform"] or ""):
                    found.setdefault(short, (device["id"], device["properties"].get("icd", "")))
        return found

    def session(self, options, **variables):
        """The record of one run, or why there is none."""
        names = {short: device for short, (device, _) in self.devices.items()}
        absent = [short for short in RUNTIMES if f"{{{short}}}" in options and short not in names]
        if absent:
            return Reading(reason=f"no {absent[0]} OpenCL runtime for this processor")
        command = [self.nodewatt, "run", "--no-save", "--quiet", "--format", "json", "--idle-seconds", "0",
                   "--trial-seconds", "1.5"]
        text = output_of(command + options.format(**names).split(), 900, **{**self.drivers, **variables})
        return text if isinstance(text, Reading) else json.loads(text)

    def in_process(self, trial, runtime, options):
        """The same trial without a worker, which takes a loader that shows one driver alone."""
        options = options.replace(f"{{{runtime}}}", "opencl:0:0") + " --in-process"
        session = self.session(options, OCL_ICD_VENDORS=self.devices[runtime][1])
        if not isinstance(session, Reading) and "process" not in session["trials"][0]["notes"]:
            return Reading(reason="the trial did not run in nodewatt's own process")
        return rate_of(session, {"workload": trial["workload"]}, "flops_per_second")

    def enumeration_seconds(self, rounds):
        """How long `nodewatt devices` takes, each time after one that read everything into memory."""
        self.document("devices")
        times = []
        for _ in range(rounds):
            start = time.monotonic()
            self.document("devices")
            times.append(time.monotonic() - start)
        return times

    def peak(self, precision):
        """The register-only peak, about a second's work."""
        cpus = ",".join(map(str, self.cpus))
        text = output_of([self.peers / "register_peak", cpus, "0.15", precision], 60)
        if isinstance(text, Reading):
            return text
        value = float(text.split()[1])
        return Reading(value) if value > 0 else Reading(reason=f"no register-only peak for {precision}")

    def onednn(self, _, precision, shape):
        text = output_of([self.peers / "product_onednn", precision, "1.5", shape], 300,
                         OMP_NUM_THREADS=str(len(self.cpus)), OMP_PROC_BIND="true", OMP_PLACES="cores")
        if isinstance(text, Reading):
            return text
        fields = text.split()
        if fields[2] == "unsupported":
            return Reading(reason="oneDNN: " + " ".join(fields[2:]))
        m, n, k = map(int, shape.split("x"))
        return Reading(2 * m * n * k / float(fields[2]))

    def likwid_read(self, trial, size):
        """likwid-bench on the trial's own working set."""
        # The first socket's threads, or all with each its own part where there are several sockets.
        where = ("-w", "S0") if self.packages == 1 else ("-W", "N")
        size = size.format(bytes=working_set(trial))
        text = output_of(["likwid-bench", "-t", self.read_test, where[0], f"{where[1]}:{size}B:{len(self.cpus)}"], 120)
        if isinstance(text, Reading):
            return text
        found = re.search(r"^MByte/s:\s+([\d.]+)", text, re.MULTILINE)
        return Reading(float(found[1]) * 1e6) if found else Reading(reason="likwid-bench printed no rate")

    def clpeak(self, _, runtime, option, pattern):
        text = output_of(["clpeak", "-p", "0", "-d", "0", option], 300, OCL_ICD_VENDORS=self.devices[runtime][1])
        if isinstance(text, Reading):
            return text
        rates = [float(rate) * 1e9 for rate in re.findall(pattern, text)]
        return Reading(max(rates)) if rates else Reading(reason="clpeak printed no rate")

    def peer(self, figure, session):
        """The peer's rate."""
        if isinstance(session, Reading):
            return Reading(reason="not run")
        name, *arguments = figure.peer
        if name == "same_run":
            return rate_of(session, *arguments)
        trial = find_trial(session, figure.trial)
        if name == "likwid_read" and trial is None:
            return Reading(reason="no working set")
        return getattr(self, name)(trial, *arguments)
