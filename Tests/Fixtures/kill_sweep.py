#!/usr/bin/env python3
"""Kills `nodewatt sweep` at random moments and checks that the next start puts every limit back.

Runs where with_rapl_tree.sh has bound a tree of limits over /sys/class. Each round starts a sweep of power caps, kills
it with SIGKILL at a moment drawn from before its first set to after its end, looks whether a limit was changed then,
runs some other nodewatt command, and looks whether every limit is the original one again.

With --every-call the moments are not drawn: strace kills the sweep before its first call of a kind that changes files,
before its second, and so on until it ends by itself. Between two such calls nothing changes that a kill could leave
behind.
"""

import argparse
import glob
import os
import random
import signal
import subprocess
import sys
import time

LIMITS = "/sys/class/powercap/*/*/constraint_0_power_limit_uw"
CLOCKS = "/sys/devices/system/cpu/cpufreq/policy*/scaling_max_freq"
# Any start restores, whatever it was started for; what these answer does not matter.
NEXT_STARTS = [
    ["carbon", "--joules-per-token", "1"], ["meters", "--sysfs", "/nonexistent"], ["track", "list"],
    ["profile", "show", "/nonexistent"], ["topology", "--synthetic", "core:1 pu:1"],
]


def values():
    """Every limit there is, as the kernel would show it."""
    found = {}
    for path in sorted(glob.glob(LIMITS) + glob.glob(CLOCKS)):
        with open(path, "rb") as handle:
            found[path] = int(handle.read().split(b"\0")[0])
    return found


def parse():
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="nodewatt")
    parser.add_argument("state", help="an empty folder for journals and records")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every-call", action="store_true", help="kill at each call that changes a file, with strace")
    parser.add_argument("--least-hits", type=int, help="fewer kills while a limit was changed are a failure")
    return parser.parse_args()


class Sweeps:
    """Sweeps of one tree."""

    def __init__(self, options):
        self.program = options.program
        self.environment = dict(
            os.environ, NODEWATT_STATE=options.state, NODEWATT_RESULTS=options.state + "/results",
            HOME=options.state, XDG_STATE_HOME=options.state + "/home")
        self.arguments = [
            "sweep", "--power-cap", "90,150", "--workload", "peak", "--seconds", "0.1", "--no-save", "--quiet"]
        if glob.glob(CLOCKS):
            self.arguments += ["--frequency", "1.5GHz"]

    def start(self, prefix=()):
        return subprocess.Popen(
            [*prefix, self.program] + self.arguments, env=self.environment, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)

    def next_start(self, number):
        command = NEXT_STARTS[number % len(NEXT_STARTS)]
        return subprocess.run(
            [self.program] + command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True, check=False)


def journal_is_there(state):
    return os.path.exists(state + "/restore.json")


class Tally:
    """What the kills hit, and whether everything came back."""

    def __init__(self, sweeps, state):
        self.sweeps = sweeps
        self.state = state
        self.original = values()
        self.kills = self.hits = self.journals = 0

    def whole_sweep(self):
        """Runs a sweep that nothing kills; returns its seconds, or None when it leaves something behind."""
        began = time.monotonic()
        status = self.sweeps.start().wait()
        if status != 0 or values() != self.original or journal_is_there(self.state):
            print(f"a sweep that is not killed ends with {status} and {values()}", file=sys.stderr)
            return None
        return time.monotonic() - began

    def check(self):
        """Looks what a kill left, starts nodewatt once more, and looks whether everything is back."""
        number = self.kills
        self.kills += 1
        changed = values() != self.original
        journal = journal_is_there(self.state)
        self.hits += changed
        self.journals += journal
        if changed and not journal:
            print(f"kill {number}: limits are changed and there is no journal: {values()}", file=sys.stderr)
            return False
        finished = self.sweeps.next_start(number)
        if values() != self.original or journal_is_there(self.state):
            print(f"kill {number}: not put back: {values()}\n{finished.stderr}", file=sys.stderr)
            return False
        if changed and "put back" not in finished.stderr:
            print(f"kill {number}: put back without a word: {finished.stderr}", file=sys.stderr)
            return False
        return True


def random_kills(tally, options, duration):
    """Kills at random moments."""
    chance = random.Random(options.seed)
    for _ in range(options.kills):
        sweep = tally.sweeps.start()
        time.sleep(chance.uniform(0, 1.1 * duration))
        sweep.send_signal(signal.SIGKILL)
        sweep.wait()
        if not tally.check():
            return False
    return True


def kills_at_every_call(tally):
    """Kills at each call of the main thread that changes a file: at the first of its kind, the second, and so on."""
    # strace counts each kind of call by itself.
    for call in ["pwrite64", "rename", "unlink", "fsync", "mkdir", "flock", "write"]:
        for number in range(1, 1000):
            inject = ["-e", "trace=" + call, "-e", f"inject={call}:signal=KILL:when={number}"]
            status = tally.sweeps.start(["strace", "-o", "/dev/null"] + inject).wait()
            if not tally.check():
                return False
            if status == 0:
                break
    return True


def main():
    """Runs the rounds; the exit status says whether every limit came back every time."""
    options = parse()
    tally = Tally(Sweeps(options), options.state)
    duration = tally.whole_sweep()
    if duration is None:
        return 1
    done = kills_at_every_call(tally) if options.every_call else random_kills(tally, options, duration)
    how = "at every call that changes a file" if options.every_call else f"at random, seed {options.seed}"
    print(
        f"{tally.kills} kills {how}: {tally.hits} while a limit was changed, {tally.journals} with a journal there; "
        f"{len(tally.original)} limits " + ("put back every time" if done else "NOT put back"))
    if not done:
        return 1
    least = options.least_hits if options.least_hits is not None else round(0.3 * tally.kills)
    if tally.hits < least:
        print(f"only {tally.hits} kills hit while a limit was changed, so this proves too little", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
