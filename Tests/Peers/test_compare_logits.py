"""The arithmetic of compare_logits.py."""

import array
import contextlib
import io
import math
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

import compare_logits


def row(*values):
    return array.array("f", values)


class Comparison(unittest.TestCase):
    def test_error_is_relative_and_by_position(self):
        found = compare_logits.compare([row(3, 4.5), row(0, -2), row(1, 0)], [row(3, 4), row(0, -1), row(1, 0)])
        self.assertEqual((found["positions"], found["top_equal"]), (3, 1.0))
        self.assertAlmostEqual(found["error_median"], 0.1)
        self.assertAlmostEqual(found["error_largest"], 1.0)

    def test_the_first_of_equals_is_the_largest(self):
        self.assertEqual(compare_logits.compare([row(1, 1)], [row(1, 0.5)])["top_equal"], 1.0)
        self.assertEqual(compare_logits.compare([row(1, 1), row(2, 1)], [row(0.5, 1), row(2, 1)])["top_equal"], 0.5)

    def test_what_is_no_figure_is_refused(self):
        for ours, theirs in (([], []), ([row(1)], []), ([row(1)], [row(1, 2)]), ([row(math.nan)], [row(1)]),
                             ([row(math.inf)], [row(1)]), ([row(1)], [row(0)])):
            with self.assertRaises(ValueError):
                compare_logits.compare(ours, theirs)

    def run_program(self, *arguments):
        out, err = io.StringIO(), io.StringIO()
        with mock.patch.object(sys, "argv", ["compare_logits.py", *map(str, arguments)]), \
                contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            return compare_logits.main(), out.getvalue(), err.getvalue()

    def test_files_are_rows_of_the_vocabulary(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "a.f32")
            path.write_bytes(b"\0\0\x80\x3f" * 6)
            self.assertIn('"positions": 2, "top_equal": 1.0', self.run_program(path, path, 3)[1])
            status, _, problem = self.run_program(path, path, 4)
            self.assertEqual(status, 65)
            self.assertIn("8 bytes are left", problem)
            self.assertEqual(self.run_program(path, folder + "/none", 3)[0], 65)
        self.assertEqual(self.run_program("a", "b", "x")[0], 64)


if __name__ == "__main__":
    unittest.main()
