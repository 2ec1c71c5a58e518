"""What a task counts and measures, and that it never fails for it."""

import contextlib
import io
import json
import os
import tempfile
import threading
import unittest
from unittest import mock

import paths  # noqa: F401
from ork import _metrics, testing


class Metering(unittest.TestCase):
    def setUp(self):
        self.metrics = testing.context().metrics
        self.stderr = io.StringIO()
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        stack.enter_context(contextlib.redirect_stderr(self.stderr))
        stack.enter_context(mock.patch.dict(os.environ))
        os.environ.pop("ORK_METRICS_FILE", None)

    def lines(self):
        return self.stderr.getvalue().splitlines()

    def test_each_is_a_line_of_the_log(self):
        self.metrics.count("rows", 3, table="orders")
        self.metrics.count("files")
        self.metrics.gauge("fill", 0.5)
        self.metrics.timing("load", 1.25)
        self.assertEqual(
            self.lines(),
            [
                'ORK_METRIC:{"kind":"count","name":"rows","value":3,"tags":{"table":"orders"}}',
                'ORK_METRIC:{"kind":"count","name":"files","value":1}',
                'ORK_METRIC:{"kind":"gauge","name":"fill","value":0.5}',
                'ORK_METRIC:{"kind":"timing","name":"load","value":1.25}',
            ],
        )

    def test_a_block_is_timed_also_when_it_fails(self):
        with mock.patch.object(_metrics, "_now", side_effect=[10.0, 12.5, 20.0, 21.0]):
            with self.metrics.timing("load", table="t") as timer:
                pass
            with contextlib.suppress(KeyError), self.metrics.timing("fail"):
                raise KeyError("x")
        self.assertEqual(timer.seconds, 2.5)
        self.assertEqual(
            self.metrics.recorded,
            [
                {"kind": "timing", "name": "load", "value": 2.5, "tags": {"table": "t"}},
                {"kind": "timing", "name": "fail", "value": 1.0},
            ],
        )

    def test_with_a_file_named_they_go_to_its_end(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "metrics.jsonl")
            os.environ["ORK_METRICS_FILE"] = path
            self.metrics.count("a", 1)
            self.metrics.gauge("b", 2, unit="€")
            with open(path, encoding="utf-8") as file:
                found = [json.loads(line) for line in file]
        self.assertEqual(found, self.metrics.recorded)
        self.assertEqual(self.lines(), [])

    def test_a_file_that_cannot_be_written_is_told_once_and_the_log_takes_over(self):
        with tempfile.TemporaryDirectory() as folder:
            os.environ["ORK_METRICS_FILE"] = folder
            self.metrics.count("a")
            self.metrics.count("a")
        self.assertIn("cannot be written", self.lines()[0])
        self.assertEqual(self.lines()[1:], ['ORK_METRIC:{"kind":"count","name":"a","value":1}'] * 2)

    def test_nonsense_is_left_out_with_a_word_and_fails_nothing(self):
        class Broken:
            def __str__(self):
                raise RuntimeError("no")

        for value in ("1", True, None, float("nan"), float("inf")):
            self.metrics.count("x", value)
        for name in ("", "n" * 129, None, 5):
            self.metrics.gauge(name, 1)
        self.metrics.count("many", 1, **{f"l{i}": i for i in range(17)})
        self.metrics.count("label", 1, **{"l" * 129: 1})
        self.metrics.count("broken", 1, label=Broken())
        self.assertEqual(self.metrics.recorded, [])
        self.assertEqual(len(self.lines()), 5, self.lines())
        self.assertTrue(all(line.startswith("ork: ") for line in self.lines()))

    def test_values_of_labels_are_cut_and_strange_text_is_no_trouble(self):
        self.metrics.count("a", 1, path="x" * 1000, odd="\udcff", line="a\nb")
        self.assertEqual(self.metrics.recorded[0]["tags"]["path"], "x" * 128)
        self.assertEqual(len(self.lines()), 1)
        json.loads(self.lines()[0].partition(":")[2])

    def test_lines_and_names_are_bounded(self):
        with mock.patch.object(_metrics, "LINES", 5), mock.patch.object(_metrics, "NAMES", 2):
            for name in ("a", "b", "c", "d", "a", "b", "a", "a", "a"):
                self.metrics.count(name)
        self.assertEqual([metric["name"] for metric in self.metrics.recorded], ["a", "b", "a", "b", "a"])
        self.assertEqual(len([line for line in self.lines() if line.startswith("ork: ")]), 2)

    def test_a_closed_stream_is_no_failure(self):
        with contextlib.redirect_stderr(io.StringIO()) as closed:
            closed.close()
            self.metrics.count("a")
        self.assertEqual(len(self.metrics.recorded), 1)

    def test_lines_of_threads_do_not_mix(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "m")
            os.environ["ORK_METRICS_FILE"] = path
            work = [
                threading.Thread(target=lambda: [self.metrics.count("a") for _ in range(200)])
                for _ in range(4)
            ]
            for one in work:
                one.start()
            for one in work:
                one.join()
            with open(path, encoding="utf-8") as file:
                self.assertEqual([json.loads(line)["name"] for line in file], ["a"] * 800)


if __name__ == "__main__":
    unittest.main()
