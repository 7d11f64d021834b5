#!/usr/bin/env python3
"""Holds nodewatt against other programs on this machine: in turn, several rounds, medians of the rounds' ratios.

Prints a table and judges nothing by its exit status: 0 done, 2 nothing measured, 64 wrong usage, 130 interrupted.
Ctrl-C prints what there is; --resume goes on from there.
"""

import argparse
import json
import math
import pathlib
import re
import statistics
import sys
import time

from figures import ENUMERATION_SECONDS, FIGURES, GROUPS, NOISE
from programs import LATE, NotUsable, Programs, rate_of

# A register-only peak that changes by more than this within one measurement: something else was running.
DISTURBED = 1.05


class Progress:
    """What is being measured and how long the rest will take, on standard error."""

    def __init__(self, total):
        self.total, self.done, self.start, self.live = total, 0, time.monotonic(), sys.stderr.isatty()

    def show(self, text):
        left = ""
        if self.done:
            seconds = (time.monotonic() - self.start) / self.done * (self.total - self.done)
            left = f", {seconds / 60:.0f} min left" if seconds >= 90 else f", {seconds:.0f} s left"
        line = f"{self.done + 1} of {self.total}: {text}{left}"
        print(f"\r\033[K{line}" if self.live else line, end="" if self.live else "\n", file=sys.stderr, flush=True)
        self.done += 1

    def clear(self):
        if self.live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def measure(figure, programs, sessions):
    """One round of one figure, as it is written to the journal."""
    peaks = [programs.peak(figure.peak)]
    if figure.options not in sessions:
        sessions[figure.options] = programs.session(figure.options)
    session = sessions[figure.options]
    ours = rate_of(session, figure.trial, figure.rate)
    peaks.append(programs.peak(figure.peak))
    theirs = programs.peer(figure, session)
    peaks.append(programs.peak(figure.peak))
    return {
        "figure": figure.name, "ours": ours.value, "peer": theirs.value, "peaks": [p.value for p in peaks],
        "reason": "" if ours.value else ours.reason, "peer_reason": "" if theirs.value else theirs.reason,
    }


def measure_rounds(figures, rounds, programs, journal, known):
    """Measures what is not known yet, round by round; every measurement is written at once and yielded.

    What nodewatt has no figure for is not tried again in later rounds, unless a program did not end in time.
    """
    todo = [(r, f) for r in range(1, rounds + 1) for f in figures if (r, f.name) not in known]
    progress, sessions, current, absent = Progress(len(todo)), {}, 0, set()
    for number, figure in todo:
        if number != current:
            sessions, current = {}, number
        progress.show(f"round {number}, {figure.name}")
        if figure.name in absent:
            continue
        entry = {"round": number, "program": programs.digest, **measure(figure, programs, sessions)}
        journal.write(json.dumps(entry) + "\n")
        journal.flush()
        if entry["ours"] is None and LATE not in entry["reason"]:
            absent.add(figure.name)
        yield entry
    progress.clear()


def median(values):
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None


def quotient(a, b):
    return a / b if a and b else None


def summarise(entries):
    """The medians over the rounds of one figure."""
    peaks = [[p for p in e["peaks"] if p] for e in entries]
    before_and_after = [[p for p in e["peaks"][:2] if p] for e in entries]
    return {
        "ours": median([e["ours"] for e in entries]),
        "peer": median([e["peer"] for e in entries]),
        "ratio": median([quotient(e["ours"], e["peer"]) for e in entries]),
        "of_peak": median([quotient(e["ours"], max(p, default=None)) for e, p in zip(entries, before_and_after)]),
        "disturbed": f"{sum(bool(p) and max(p) / min(p) > DISTURBED for p in peaks)} of {len(entries)}",
    }


def text(value, digits=3):
    return "–" if value is None else f"{value:.{digits}f}"


def verdict(pairs):
    """yes, no or nothing, of (value, wanted) pairs."""
    pairs = [(value, wanted) for value, wanted in pairs if wanted is not None]
    if not pairs:
        return ""
    if any(value is None for value, _ in pairs):
        return "not measured"
    return "yes" if all(v >= (w - NOISE if w == 1 else w) for v, w in pairs) else "no"


def figure_row(figure, s):
    giga = [None if s[key] is None else s[key] / 1e9 for key in ("ours", "peer")]
    compute = figure.rate.startswith("flops")
    return (
        figure.name, text(giga[0], 1), text(giga[1], 1), text(s["ratio"]), text(figure.wanted, 2),
        text(s["of_peak"] if compute else None), text(figure.of_peak, 2),
        verdict([(s["ratio"], figure.wanted), (s["of_peak"], figure.of_peak)]), s["disturbed"], figure.peer[0])


def group_rows(group, figures, summaries):
    """The geometric mean and the least ratio of a group, over those of its figures that were measured."""
    members = [f for f in figures if f.group == group]
    ratios = [summaries[f.name]["ratio"] for f in members if f.name in summaries]
    ratios = [r for r in ratios if r]
    whole = len(ratios) == sum(f.group == group for f in FIGURES)
    mean = math.exp(statistics.mean(map(math.log, ratios))) if ratios else None
    counted = f"of {len(ratios)}"
    for name, value, wanted in (("geometric mean", mean, GROUPS[group].mean),
                                ("least", min(ratios, default=None), GROUPS[group].least)):
        if members and wanted is not None:
            met = verdict([(value, wanted)]) if whole else "not measured"
            yield (f"{group}: {name} {counted}", "", "", text(value), text(wanted, 2), "", "", met, "", "")


def print_table(figures, entries):
    """The table, and below it why values are missing."""
    by_name = {}
    for e in entries:
        by_name.setdefault(e["figure"], []).append(e)
    summaries = {name: summarise(of_one) for name, of_one in by_name.items()}
    rows = [("figure", "nodewatt", "peer", "ratio", "wanted", "of peak", "wanted", "met", "disturbed", "peer is")]
    rows += [figure_row(f, summaries[f.name]) for f in figures if f.name in summaries]
    for group in GROUPS:
        rows += group_rows(group, figures, summaries)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [c.ljust(w) if i in (0, 7, 9) else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))]
        print("  ".join(cells).rstrip())
    fewest, most = min(map(len, by_name.values())), max(map(len, by_name.values()))
    rounds = f"{most}" if fewest == most else f"{fewest} to {most}"
    print(f"\nMedians of {rounds} rounds, in turn; G/s. Ratio: nodewatt over peer, median of the rounds' ratios; "
          f"wanted 1.00 is met from {1 - NOISE:.2f}.\n"
          f"Of peak: of the register-only peak, the higher of before and after. "
          f"Disturbed: rounds in which that peak changed by more than {DISTURBED - 1:.0%}.")
    for name, of_one in by_name.items():
        for key in ("reason", "peer_reason"):
            for reason in sorted({e[key] for e in of_one if e[key]}):
                print(f"{name}: {'nodewatt' if key == 'reason' else 'peer'}: {reason}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="the nodewatt program")
    parser.add_argument("--peers", required=True, help="the directory setup_peers.sh made")
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--only", action="append", default=[], metavar="PATTERN",
                        help="figures whose name the regular expression is found in; may be repeated")
    parser.add_argument("--resume", action="store_true", help="keep what the last calls of this nodewatt program measured")
    parser.add_argument("--list", action="store_true", help="print the figures' names alone")
    try:
        chosen = parser.parse_args()
        figures = [f for f in FIGURES if not chosen.only or any(re.search(p, f.name) for p in chosen.only)]
    except (SystemExit, re.error) as problem:
        if isinstance(problem, re.error):
            print(f"bench_peers.py: --only: {problem}", file=sys.stderr)
        sys.exit(64 if isinstance(problem, re.error) or problem.code else 0)
    if not figures or chosen.rounds < 1:
        print("bench_peers.py: no figure has such a name (see --list), or no round was asked for", file=sys.stderr)
        sys.exit(64)
    return chosen, figures


def main():
    chosen, figures = arguments()
    if chosen.list:
        print("\n".join(f.name for f in figures))
        return 0
    journal, entries, status = pathlib.Path(chosen.peers, "rounds.jsonl"), [], 0
    try:
        programs = Programs(chosen.program, chosen.peers)
    except NotUsable as problem:
        print(f"bench_peers.py: {chosen.program}: {problem}", file=sys.stderr)
        return 2
    if chosen.resume and journal.exists():
        names = {f.name for f in figures}
        wanted = [e for e in map(json.loads, journal.read_text().splitlines()) if e["figure"] in names]
        entries = [e for e in wanted if e.get("program") == programs.digest]
        if len(entries) < len(wanted):
            print(f"bench_peers.py: {len(wanted) - len(entries)} measurements of another nodewatt program are left out",
                  file=sys.stderr)
    known = {(e["round"], e["figure"]) for e in entries}
    with journal.open("a" if chosen.resume else "w") as stream:
        try:
            for entry in measure_rounds(figures, chosen.rounds, programs, stream, known):
                entries.append(entry)
        except KeyboardInterrupt:
            print("\ninterrupted; --resume goes on from here", file=sys.stderr)
            status = 130
    if entries:
        print_table(figures, entries)
    if status == 0 and any(f.group == "OpenCL" for f in figures):
        seconds = statistics.median(programs.enumeration_seconds(chosen.rounds))
        print(f"Enumeration of {len(programs.devices)} OpenCL drivers: {seconds:.2f} s "
              f"(at most {ENUMERATION_SECONDS:.1f} s wanted), median of {chosen.rounds}.")
    return status or (0 if any(e["ours"] for e in entries) else 2)


if __name__ == "__main__":
    sys.exit(main())
