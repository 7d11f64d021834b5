"""The arithmetic and the words of bench_peers.py, with programs that answer at once."""

import contextlib
import io
import unittest

import bench_peers
from figures import FIGURES, GROUPS, product
from programs import Reading, rate_of, working_set


class Scripted:
    """Programs whose rates are given, round after round."""

    digest = "a build"

    def __init__(self, ours, theirs, peaks):
        self.ours, self.theirs, self.peaks = iter(ours), iter(theirs), iter(peaks)
        self.runs = []

    def session(self, options):
        self.runs.append(options)
        rate = next(self.ours)
        if isinstance(rate, Reading):
            return rate
        if isinstance(rate, str):
            return {"trials": [{"workload": "gemm", "precision": "f32", "shape": "8x8x8", "status": "unsupported",
                                "reason": rate}]}
        return {"trials": [{"workload": "gemm", "precision": "f32", "shape": "8x8x8", "status": "measured",
                            "flops_per_second": rate}]}

    def peak(self, _):
        return Reading(next(self.peaks))

    def peer(self, _figure, _session):
        return Reading(next(self.theirs))


def entries(figures, programs, rounds, known=()):
    with contextlib.redirect_stderr(io.StringIO()):
        return list(bench_peers.measure_rounds(figures, rounds, programs, io.StringIO(), set(known)))


def table(figures, measured):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        bench_peers.print_table(figures, measured)
    return out.getvalue()


class Rounds(unittest.TestCase):
    figure = product("GEMM f32", "f32", "8x8x8", wanted=1.00, of_peak=0.97)

    def test_median_of_ratios_of_the_same_round(self):
        programs = Scripted([90e9, 50e9, 99e9], [90e9, 25e9, 100e9], [100e9] * 9)
        s = bench_peers.summarise(entries([self.figure], programs, 3))
        self.assertAlmostEqual(s["ratio"], 1.0)
        self.assertAlmostEqual(s["of_peak"], 0.9)
        self.assertEqual(s["disturbed"], "0 of 3")

    def test_disturbed_round_is_seen(self):
        programs = Scripted([90e9, 90e9], [90e9, 90e9], [100e9, 100e9, 90e9, 100e9, 100e9, 100e9])
        s = bench_peers.summarise(entries([self.figure], programs, 2))
        self.assertEqual(s["disturbed"], "1 of 2")
        self.assertAlmostEqual(s["of_peak"], 0.9)

    def test_lower_peak_never_flatters(self):
        programs = Scripted([90e9], [90e9], [50e9, 100e9, 50e9])
        self.assertAlmostEqual(bench_peers.summarise(entries([self.figure], programs, 1))["of_peak"], 0.9)

    def test_words(self):
        cases = ((0.99, 0.97, "yes"), (0.989, 0.99, "no"), (1.2, 0.969, "no"), (None, 1, "not measured"))
        for ratio, of_peak, word in cases:
            self.assertEqual(bench_peers.verdict([(ratio, 1.00), (of_peak, 0.97)]), word)
        self.assertEqual(bench_peers.verdict([(0.945, 0.95)]), "no")
        self.assertEqual(bench_peers.verdict([(0.5, None)]), "")

    def test_what_is_unsupported_has_a_reason_and_is_tried_once(self):
        programs = Scripted(["no such kernel"], [1e9], [1e9] * 3)
        measured = entries([self.figure], programs, 5)
        self.assertEqual(len(measured), 1)
        text = table([self.figure], measured)
        self.assertIn("nodewatt: unsupported: no such kernel", text)
        self.assertIn("not measured", text)

    def test_what_did_not_end_in_time_is_tried_again(self):
        late = Reading(reason=f"nodewatt {bench_peers.LATE} 900 s")
        measured = entries([self.figure], Scripted([late, 90e9], [1e9] * 2, [1e9] * 6), 2)
        self.assertEqual([e["ours"] for e in measured], [None, 90e9])

    def test_peak_after_the_peer_never_stands_in_for_one_that_failed(self):
        measured = entries([self.figure], Scripted([90e9], [90e9], [None, 100e9, 200e9]), 1)
        self.assertAlmostEqual(bench_peers.summarise(measured)["of_peak"], 0.9)

    def test_entries_name_the_program_measured(self):
        measured = entries([self.figure], Scripted([1e9], [1e9], [1e9] * 3), 1)
        self.assertEqual(measured[0]["program"], "a build")

    def test_resuming_measures_the_rest_alone(self):
        programs = Scripted([1e9], [1e9], [1e9] * 3)
        measured = entries([self.figure], programs, 3, known=[(1, self.figure.name), (3, self.figure.name)])
        self.assertEqual([e["round"] for e in measured], [2])

    def test_one_run_serves_the_rows_that_share_its_options(self):
        programs = Scripted([1e9], [1e9, 1e9], [1e9] * 6)
        entries([self.figure, self.figure._replace(name="again")], programs, 1)
        self.assertEqual(len(programs.runs), 1)

    def test_group_in_part_decides_nothing(self):
        figures = [f for f in FIGURES if f.group == "odd f32"]
        measured = [{"figure": f.name, "ours": 2e9, "peer": 1e9, "peaks": [2e9] * 3, "reason": "", "peer_reason": ""}
                    for f in figures]
        self.assertRegex(table(figures, measured), r"odd f32: geometric mean of 12 .* 2\.000 .* yes")
        self.assertRegex(table(figures, measured[:3]), r"odd f32: geometric mean of 3 .* 2\.000 .* not measured")


class Figures(unittest.TestCase):
    def test_names_are_unique_and_groups_exist(self):
        names = [f.name for f in FIGURES]
        self.assertEqual(len(names), len(set(names)))
        self.assertLessEqual(set(GROUPS), {f.group for f in FIGURES})

    def test_working_sets(self):
        self.assertEqual(working_set({"shape": "1073741824B"}), 1 << 30)
        self.assertEqual(working_set({"shape": "read-l2-524288Bx2"}), 1 << 20)

    def test_missing_trial_is_a_reason(self):
        self.assertEqual(rate_of({"trials": []}, {"workload": "gemv"}, "x").reason, "nodewatt has no such trial")


if __name__ == "__main__":
    unittest.main()
