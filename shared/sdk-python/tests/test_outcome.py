"""Results as JSON, failures as categories, and `ork.testing` that shows both."""

import dataclasses
import datetime
import decimal
import enum
import json
import pathlib
import unittest
import uuid

import paths  # noqa: F401
import ork
from ork import testing
from ork._codec import dumps, loads
from ork._errors import CallError
from ork._result import to_json


class Level(enum.Enum):
    LOW = "low"


@dataclasses.dataclass
class Row:
    id: int
    day: datetime.date


class Scalar:
    shape = ()

    def __init__(self, value):
        self.value = value

    def item(self):
        return self.value


class Array(Scalar):
    shape = (1,)

    def tolist(self):
        return [self.value]


class Results(unittest.TestCase):
    def test_become_json(self):
        uid = uuid.UUID(int=5)
        utc = datetime.datetime(2026, 1, 31, 8, tzinfo=datetime.timezone.utc)
        for value, expected in [
            (None, None),
            ({"a": [1, 2.5, "ü", True]}, {"a": [1, 2.5, "ü", True]}),
            (datetime.date(2026, 1, 31), "2026-01-31"),
            (utc, "2026-01-31T08:00:00Z"),
            (utc.replace(tzinfo=None), "2026-01-31T08:00:00"),
            (datetime.timedelta(minutes=1), 60.0),
            (Row(1, datetime.date(2026, 1, 31)), {"id": 1, "day": "2026-01-31"}),
            ([Level.LOW], ["low"]),
            ({3, 1, 2}, [1, 2, 3]),
            ((1, (2,)), [1, [2]]),
            (pathlib.Path("/a"), "/a"),
            (uid, str(uid)),
            (decimal.Decimal("1.10"), "1.10"),
            (Scalar(5), 5),
            ({5: "a", None: "b", True: "c"}, {"5": "a", "null": "b", "true": "c"}),
            (
                {datetime.date(2026, 1, 31): 1, Level.LOW: Row(1, datetime.date(2026, 2, 1))},
                {"2026-01-31": 1, "low": {"id": 1, "day": "2026-02-01"}},
            ),
        ]:
            with self.subTest(value=value):
                self.assertEqual(json.loads(to_json(value)), expected)

    def test_that_are_not_json_are_refused_with_their_path(self):
        circle = []
        circle.append({"again": circle})
        deep = []
        for _ in range(100_000):
            deep = [deep]
        for value, text in [
            ({"rows": [1, float("nan")]}, r"at `result\.rows\[1\]`: nan is not JSON"),
            ([float("inf")], r"`result\[0\]`: inf"),
            ({"a": b"x"}, r"`result\.a`: bytes are not JSON"),
            ({(1, 2): 3}, "a key is a tuple"),
            (circle, r"`result\[0\]\.again`: it contains itself"),
            (deep, "nested deeper"),
            ({"x": object()}, r"`result\.x`: object is not JSON"),
            ({"x": "\ud800"}, r"`result\.x`: the text holds a lone surrogate"),
            ((i for i in []), "return a list"),
            (Array(1), "tolist"),
        ]:
            with self.subTest(text=text), self.assertRaisesRegex(CallError, text):
                to_json(value)

    def test_deferred_jobs_are_passed_through(self):
        class Job:
            def to_dict(self):
                return {"service_type": "bigquery"}

        self.assertEqual(
            json.loads(to_json({"deferred": [Job(), {"service_type": "x"}], "n": 1})),
            {"deferred": [{"service_type": "bigquery"}, {"service_type": "x"}], "n": 1},
        )

    def test_the_codec_reads_json_and_nothing_else(self):
        self.assertEqual(loads(' {"a":[1,2.5,null,"\\u00fc"]}\n'), {"a": [1, 2.5, None, "ü"]})
        for text in ("", "{", "[1] x", "NaN", '{"a":Infinity}', "nul"):
            with self.subTest(text=text), self.assertRaises(ValueError):
                loads(text)
        with self.assertRaises(ValueError):
            dumps(float("nan"))


class HttpError(Exception):
    def __init__(self, status):
        super().__init__(f"status {status}")
        self.response = Scalar(0)
        self.response.status_code = status


def raising(error):
    def f():
        raise error

    return testing.run(f)


class Failures(unittest.TestCase):
    def test_have_the_category_of_their_error(self):
        class Late(ork.RecoverableError):
            pass

        for error, category in [
            (ork.TransientError("x"), "transient"),
            (ork.RecoverableError("x"), "recoverable"),
            (Late("x"), "recoverable"),
            (ork.PermanentError("x"), "permanent"),
            (ork.Error("x"), "unknown"),
            (MemoryError(), "oom"),
            (KeyboardInterrupt(), "unknown"),
            (ConnectionResetError(), "transient"),
            (ConnectionRefusedError(), "transient"),
            (BrokenPipeError(), "unknown"),
            (TimeoutError(), "transient"),
            (HttpError(429), "transient"),
            (HttpError(503), "transient"),
            (HttpError(500), "unknown"),
            (HttpError(404), "unknown"),
            (ValueError("x"), "unknown"),
            (SystemExit(64), "permanent"),
            (SystemExit(75), "transient"),
            (SystemExit(3), "unknown"),
            (SystemExit("words"), "unknown"),
        ]:
            with self.subTest(error=error):
                result = raising(error)
                self.assertEqual((result.ok, result.category), (False, category))
                self.assertIs(result.raises, type(error))

    def test_socket_and_asyncio_timeouts_are_transient(self):
        import asyncio
        import socket

        self.assertEqual(raising(socket.timeout()).category, "transient")
        self.assertEqual(raising(asyncio.TimeoutError()).category, "transient")

    def test_exit_with_zero_is_success_without_output(self):
        for code in (0, None):
            result = raising(SystemExit(code))
            self.assertTrue(result.ok)
            self.assertIsNone(result.output)

    def test_carry_the_type_and_text_as_message(self):
        self.assertEqual(raising(ValueError("three")).message, "ValueError: three")
        self.assertEqual(raising(KeyError()).message, "KeyError")

        class Mute(Exception):
            def __str__(self):
                raise RuntimeError

        self.assertIn("cannot be shown", raising(Mute()).message)

    def test_show_a_traceback_that_begins_with_the_task(self):
        def inner():
            raise ValueError("deep")

        def outer():
            inner()

        lines = testing.run(outer).stderr.splitlines()
        self.assertEqual(lines[0], "Traceback (most recent call last):")
        self.assertIn("in outer", lines[1])
        self.assertEqual(lines[-1], "ValueError: deep")
        self.assertNotIn("ork/_outcome.py", "\n".join(lines))


class Testing(unittest.TestCase):
    def test_gives_output_logs_and_metrics(self):
        def f(day: datetime.date, ctx: ork.Context):
            print("hello")
            ctx.log.info("day %s attempt %d", day, ctx.attempt)
            ctx.log.debug("not shown")
            ctx.metrics.count("rows", 3, table="t")
            ctx.metrics.gauge("size", 1.5)
            ctx.metrics.timing("took", 0.25)
            assert ork.current_context() is ctx
            return {"next": day + datetime.timedelta(days=1)}

        result = testing.run(f, {"day": datetime.date(2026, 1, 31)}, attempt=3)
        self.assertEqual(result.output, {"next": "2026-02-01"})
        self.assertEqual(result.stdout, "hello\n")
        self.assertEqual(result.logs, ["INFO day 2026-01-31 attempt 3"])
        self.assertEqual(
            result.metrics,
            [
                {"kind": "count", "name": "rows", "value": 3, "tags": {"table": "t"}},
                {"kind": "gauge", "name": "size", "value": 1.5},
                {"kind": "timing", "name": "took", "value": 0.25},
            ],
        )
        self.assertIn(
            'ORK_METRIC:{"kind":"count","name":"rows","value":3,"tags":{"table":"t"}}\n', result.stderr
        )

    def test_output_of_a_failed_task_raises(self):
        result = raising(ValueError("no"))
        with self.assertRaisesRegex(testing.TaskFailed, "unknown.*ValueError: no"):
            result.output  # noqa: B018

    def test_there_is_no_context_outside_of_a_task(self):
        with self.assertRaises(RuntimeError):
            ork.current_context()

    def test_the_package_exports_what_it_lists(self):
        for name in ork.__all__:
            self.assertTrue(getattr(ork, name))
        with self.assertRaises(AttributeError):
            ork.nothing  # noqa: B018


if __name__ == "__main__":
    unittest.main()
