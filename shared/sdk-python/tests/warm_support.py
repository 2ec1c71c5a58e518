"""What the tests of the warm interpreter share."""

import os
import tempfile
import textwrap
import time
import unittest

import paths  # noqa: F401
from warm_client import Warm


CONTEXT = {
    "task_id": "r/t",
    "run_id": "r",
    "task_name": "t",
    "workflow_name": "w",
    "attempt": 2,
    "parallel_index": 3,
    "parallel_count": 4,
}


def alive(pid):
    """Whether a process runs (a zombie does not)."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False  # gone, the latter between the opening and the reading


def until(condition, what):
    end = time.monotonic() + 10
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain: {what}")
        time.sleep(0.005)


class WithTemplate(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.warm = Warm()
        self.addCleanup(self.warm.close)

    def write(self, name, text):
        path = os.path.join(self.folder.name, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(text))
        return path

    def run_text(self, text, name="tasks.py", **frame):
        frame.setdefault("function", "f")
        return self.warm.run(file=self.write(name, text), context=CONTEXT, **frame)

    def output(self, text, **frame):
        run = self.run_text(text, **frame)
        self.assertIsNotNone(run.result, run.errors)
        self.assertTrue(run.result["ok"], (run.result, run.errors))
        self.assertEqual((run.exited["code"], run.exited["signal"]), (0, None))
        return run.result["output"]

    def failure(self, text, **frame):
        run = self.run_text(text, **frame)
        self.assertIs(run.result["ok"], False)
        return run
