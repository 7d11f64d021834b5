#!/usr/bin/env python3
"""Builds a powercap tree as the kernel shows it and advances its counters at a known power.

The counters behave as the hardware's: 32 bits of a unit of 2**-14 J, shown in whole microjoules, back to 0 after the
largest value. Files are rewritten in place, so that a reader's open descriptor sees every step.
"""

import argparse
import os
import signal
import sys
import time

COUNTS = 2**32


class Zone:
    """One zone's folder and the counter in it."""

    def __init__(self, folder, name, watts, unit, start, standing, permissions):
        self.folder = folder
        self.name = name
        self.watts = watts
        self.demand = watts
        self.unit = unit
        self.start = start
        self.standing = standing
        self.descriptor = None
        self.vanishes_after = None
        os.makedirs(folder, exist_ok=True)
        self.put("name", name)
        self.put("enabled", "1")
        self.put("max_energy_range_uj", str(int((COUNTS - 1) * unit * 1e6)))
        self.put("energy_uj", str(self.microjoules(0)))
        os.chmod(os.path.join(folder, "energy_uj"), permissions)

    def put(self, file, text):
        with open(os.path.join(self.folder, file), "w", encoding="ascii") as handle:
            handle.write(text + "\n")

    def microjoules(self, seconds):
        count = int(self.start + (0 if self.standing else self.watts * seconds / self.unit)) % COUNTS
        return int(count * self.unit * 1e6)

    def constraint(self, index, name, limit_watts, window_us=999424):
        self.put(f"constraint_{index}_name", name)
        self.put(f"constraint_{index}_power_limit_uw", str(int(limit_watts * 1e6)))
        self.put(f"constraint_{index}_time_window_us", str(window_us))

    def limit(self):
        """The long-term limit as it is set now, in watts."""
        with open(os.path.join(self.folder, "constraint_0_power_limit_uw"), "rb") as handle:
            return int(handle.read().split(b"\0")[0]) * 1e-6

    def follow(self, seconds):
        """Draws no more than the limit from now on."""
        watts = min(self.demand, self.limit())
        if watts != self.watts:
            # What was drawn until now stays counted.
            self.start += (self.watts - watts) * seconds / self.unit
            self.watts = watts

    def step(self, seconds):
        if self.vanishes_after is not None and seconds >= self.vanishes_after:
            self.vanish()
            return
        if self.descriptor is None:
            self.descriptor = os.open(os.path.join(self.folder, "energy_uj"), os.O_WRONLY)
        # Longer than any earlier value, so that what is left of one lies behind the line's end.
        os.pwrite(self.descriptor, f"{self.microjoules(seconds)}\n".encode(), 0)


    def vanish(self):
        """Takes the zone away: an open file gives nothing, as one of a kernel object that is gone."""
        self.standing = True
        os.truncate(os.path.join(self.folder, "energy_uj"), 0)
        for file in os.listdir(self.folder):
            if os.path.isfile(os.path.join(self.folder, file)):
                os.unlink(os.path.join(self.folder, file))


def counts_before_wrap(joules, unit, package):
    """The count from which the counter wraps after so many joules; nothing given starts it in the middle.

    Counters of different hardware never stand at one value: those of each further package are a hundred joules behind.
    """
    behind = int(100 * package / unit)
    return (COUNTS // 2 if joules is None else COUNTS - int(joules / unit)) % COUNTS - behind


def build(options):
    """Makes the tree's folders and files."""
    unit = 2.0**-options.unit_bits
    zones = []

    def add(path, name, share, number=0):
        start = counts_before_wrap(options.wrap_after_joules, unit, number)
        standing = name in options.standing
        denied = name in options.deny or "all" in options.deny
        folder = os.path.join(options.tree, "powercap", path)
        zone = Zone(folder, name, options.watts * share, unit, start, standing, 0o000 if denied else 0o444)
        # The kernel nests zones and shows each at the top as well.
        os.symlink(path, os.path.join(options.tree, "powercap", os.path.basename(path)))
        if name in options.vanish:
            zone.vanishes_after = options.vanish_after
        if name in options.missing:
            os.unlink(os.path.join(folder, "energy_uj"))
        else:
            zones.append(zone)
        return zone

    packages = options.packages * options.dies
    for index in range(packages):
        package, die = divmod(index, options.dies)
        name = f"package-{package}" + (f"-die-{die}" if options.dies > 1 else "")
        place = f"intel-rapl/intel-rapl:{index:x}"
        # Mirrored dies each show the whole package.
        number = package if options.mirror else index
        zone = add(place, name, 1 / (options.packages if options.mirror else packages), number)
        # Packages of one machine need not have the same limit.
        zone.constraint(0, "long_term", options.limit - options.limit_step * package, options.window_us)
        if package in options.read_only_limit:
            os.chmod(os.path.join(zone.folder, "constraint_0_power_limit_uw"), 0o444)
        zone.constraint(1, "short_term", 1.2 * options.limit)
        if options.peak_power:
            zone.constraint(2, "peak_power", 2 * options.limit)
        add(f"{place}/intel-rapl:{index:x}:0", "core", 0.6 / packages, number)
        if options.dram_watts:
            add(f"{place}/intel-rapl:{index:x}:1", "dram", options.dram_watts / options.watts / packages, number)
        if options.mmio:
            twin = add(f"intel-rapl-mmio/intel-rapl-mmio:{index:x}", name, 1 / packages, number)
            if options.mmio_limit:
                twin.constraint(0, "long_term", options.mmio_limit)
    for offset, name in enumerate(options.psys):
        # A hole before it, as after a socket was taken out.
        add(f"intel-rapl/intel-rapl:{packages + 1 + offset:x}", name, 1.5)
    return zones


def build_policies(folder, count):
    """Makes cpufreq policies of unlike processors, as a machine with efficient and fast cores has them."""
    for index in range(count):
        policy = os.path.join(folder, f"policy{index}")
        os.makedirs(policy)
        high = 3200000 if index % 2 else 4000000
        for file, value in [
            ("cpuinfo_min_freq", 800000), ("cpuinfo_max_freq", high), ("scaling_min_freq", 800000),
            ("scaling_max_freq", high),
        ]:
            with open(os.path.join(policy, file), "w", encoding="ascii") as handle:
                handle.write(f"{value}\n")


def parse():
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree", help="folder in which 'powercap' is made")
    parser.add_argument("--watts", type=float, default=100.0, help="power of all packages together")
    parser.add_argument("--wrap-after-joules", type=float, help="energy of each zone after which its counter wraps")
    parser.add_argument("--unit-bits", type=int, default=14, help="the unit is 2**-BITS J (default 14)")
    parser.add_argument("--packages", type=int, default=1)
    parser.add_argument("--dies", type=int, default=1, help="dies of each package, each with a zone")
    parser.add_argument("--mirror", action="store_true", help="each die shows its package's energy")
    parser.add_argument("--dram-watts", type=float, default=0.0, help="power of all dram zones together; 0: none")
    parser.add_argument("--psys", action="append", default=[], metavar="NAME", help="add a zone psys or psys-1")
    parser.add_argument("--peak-power", action="store_true", help="add a constraint called peak_power")
    parser.add_argument("--mmio", action="store_true", help="add the same packages as intel-rapl-mmio")
    parser.add_argument("--limit", type=float, default=200.0, help="long-term power limit in watts")
    parser.add_argument("--limit-step", type=float, default=0.0, help="watts by which each package's limit is lower")
    parser.add_argument("--follow-limit", action="store_true", help="packages draw no more than their long-term limit")
    parser.add_argument("--window-us", type=int, default=999424, help="time window of the long-term limit")
    parser.add_argument("--mmio-limit", type=float, help="long-term limit of the mmio twins in watts")
    parser.add_argument(
        "--read-only-limit", type=int, action="append", default=[], metavar="PACKAGE",
        help="nobody without privileges may write this package's limit")
    parser.add_argument("--policies", metavar="FOLDER", help="also make cpufreq policies in this folder")
    parser.add_argument("--standing", action="append", default=[], metavar="NAME", help="this zone's counter stands")
    parser.add_argument("--deny", action="append", default=[], metavar="NAME", help="mode 000; 'all' for every zone")
    parser.add_argument("--missing", action="append", default=[], metavar="NAME", help="this zone has no energy_uj")
    parser.add_argument("--vanish", action="append", default=[], metavar="NAME", help="this zone is taken away")
    parser.add_argument("--vanish-after", type=float, default=1.0, help="seconds until zones are taken away")
    parser.add_argument("--step", type=float, default=0.005, help="seconds between updates")
    parser.add_argument("--ready", help="file to make once the counters run")
    return parser.parse_args()


def main():
    """Feeds the tree until it is told to stop."""
    options = parse()
    zones = build(options)
    if options.policies:
        build_policies(options.policies, 4)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        # A feeder that waits for a processor would look like an error of the meter.
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    except PermissionError:
        pass
    followers = [zone for zone in zones if options.follow_limit and zone.name.startswith("package")]
    start = time.monotonic()
    if options.ready:
        with open(options.ready, "w", encoding="ascii"):
            pass
    while True:
        # One instant for all: mirrors of one register show one value.
        now = time.monotonic() - start
        for zone in zones:
            if zone in followers:
                zone.follow(now)
            if not zone.standing:
                zone.step(now)
        time.sleep(options.step)


if __name__ == "__main__":
    main()
