#!/usr/bin/env python3
"""How much longer a command takes below `nodewatt meter`, and what the sampler costs.

The command does a fixed amount of work on every processor for about --seconds, with and without nodewatt, in turn and in
changing order. Printed are the median of the pairs' ratios and its 95 % interval (order statistics): of the times, and of
the times by the command's own processor time, which leaves out that the processors are not equally fast at all times (a
virtual machine's neighbours) and keeps what was taken from the command. Then what nodewatt adds to a
command that does nothing beside what `perf stat` adds to it, and the processor time nodewatt used while the command ran,
as a share of one processor. With RAPL's powercap tree of a fixture the sampler reads the real libpowercap. Exit status 1
when a figure is above what is wanted.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

LONGER_WANTED = 0.005
SAMPLER_WANTED = 0.002
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def build(folder):
    """Compiles the command."""
    program = os.path.join(folder, "fixed_work")
    source = os.path.join(TESTS, "Peers", "fixed_work.c")
    subprocess.run(["clang", "-O2", "-pthread", "-o", program, source], check=True)
    return program


def seconds(command):
    """Runs a command; the wall clock's seconds."""
    return timed(command)[0]


def timed(command):
    """Runs a command; the wall clock's seconds, its processor seconds, and its output."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, ran.stdout


def metered_times(nodewatt, command):
    """Runs a command below nodewatt; the wall clock's seconds and the command's own processor seconds."""
    wall, _, output = timed([nodewatt, "meter", "--format", "json", "--"] + command)
    document = json.loads(output)
    return wall, document["user_seconds"] + document["system_seconds"]


def calibrated(program, wanted):
    """The command that takes about so many seconds."""
    threads = str(len(os.sched_getaffinity(0)))
    trial = 200
    taken = seconds([program, threads, str(trial)])
    return [program, threads, str(max(1, round(trial * wanted / taken)))]


def interval(values):
    """A 95 % interval of the median: the order statistics of the binomial distribution, wide for few values."""
    ordered = sorted(values)
    count = len(ordered)
    reach = round(0.98 * count ** 0.5)
    return ordered[max(0, count // 2 - reach)], ordered[min(count - 1, (count - 1) // 2 + reach)]


def ratios(nodewatt, command, pairs):
    """Ratios with nodewatt to without: of the times, and of the times by the command's processor time."""
    found = []
    for pair in range(pairs):
        times = {}
        for metered in ([False, True] if pair % 2 == 0 else [True, False]):
            times[metered] = metered_times(nodewatt, command) if metered else timed(command)[:2]
        (wall, processor), (metered_wall, metered_processor) = times[False], times[True]
        found.append((metered_wall / wall, metered_wall / metered_processor / (wall / processor)))
        print(f"pair {pair + 1}: {wall:.3f} s, metered {metered_wall:.3f} s, ratio {found[-1][0]:.4f}, "
              f"by processor time {found[-1][1]:.4f}", flush=True)
    return found


def fixed_costs(nodewatt, rounds):
    """Seconds that metering adds to a command that does nothing, by profiler, measured in turn."""
    wrappers = {"nodewatt meter": [nodewatt, "meter", "--"]}
    if shutil.which("perf"):
        wrappers["perf stat"] = ["perf", "stat", "-e", "task-clock", "--"]
    added = {name: [] for name in wrappers}
    for _ in range(rounds):
        bare = seconds(["true"])
        for name, wrapper in wrappers.items():
            added[name].append(seconds(wrapper + ["true"]) - bare)
    return added


def sampler_share(nodewatt, command, rate, folder):
    """The processor time of the sampler as a share of one processor, on a tree of two packages with memory."""
    document = os.path.join(folder, "meter.json")
    script = os.path.join(TESTS, "Fixtures", "with_rapl_tree.sh")
    tree = ["--packages", "2", "--dram-watts", "30", "--step", "0.002"]
    subprocess.run(
        [script] + tree + ["--", nodewatt, "meter", "--rate", str(rate), "--trace", os.path.join(folder, "trace.csv"),
                           "--output", document, "--"] + command,
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(document, encoding="utf-8") as file:
        found = json.load(file)
    return found["metering_processor_seconds"] / found["duration_seconds"]


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nodewatt")
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = calibrated(build(folder), options.seconds)
        longer = 0.0
        if options.pairs > 0:
            found = ratios(options.nodewatt, command, options.pairs)
            # The second decides, as it scatters less.
            for name, values in zip(("longer with nodewatt meter", "by the command's processor time"), zip(*found)):
                low, high = interval(values)
                longer = statistics.median(values) - 1
                print(f"{name}: {longer:+.2%} ({low - 1:+.2%} to {high - 1:+.2%}), wanted {LONGER_WANTED:.1%}")
        for name, values in fixed_costs(options.nodewatt, 41).items():
            low, high = interval(values)
            print(f"{name} adds {1e3 * statistics.median(values):.1f} ms ({1e3 * low:.1f} to {1e3 * high:.1f}) to 'true'")
        shares = {rate: sampler_share(options.nodewatt, command, rate, folder) for rate in (10, 100, 1000)}
        for rate, share in shares.items():
            wanted = f", wanted {SAMPLER_WANTED:.1%}" if rate == 10 else ""
            print(f"sampler at {rate} Hz with 6 counters: {share:.3%} of a processor{wanted}")
    sys.exit(1 if longer > LONGER_WANTED or shares[10] > SAMPLER_WANTED else 0)


if __name__ == "__main__":
    main()
