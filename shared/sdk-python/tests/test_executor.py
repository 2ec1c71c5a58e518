"""Executors of a project's own, started as the engine starts the command that `ork.yaml` declares."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import unittest

import paths
import ork

SPARK = """
import dataclasses
import ork

@dataclasses.dataclass
class Input:
    day: str
    limit: int = 5

@ork.executor("spark")
def submit(options, input: Input, upstream, ctx: ork.Context):
    print("submitting", options["file"])
    ctx.metrics.count("submitted")
    return {"day": input.day, "limit": input.limit, "up": upstream, "id": ctx.task_id, "attempt": ctx.attempt}
"""


class Executors(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.output = os.path.join(self.folder, "scratch.out")

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(text))

    def environment(self, **more):
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": paths.SRC,
            "ORK_INPUT_JSON": '{"day":"2026-01-31"}',
            "ORK_UPSTREAM_JSON": '{"extract":[1]}',
            "ORK_OPTIONS_JSON": '{"file":"job.jar","command":["a"]}',
            "ORK_TASK_ID": "r/t.3",
            "ORK_RUN_ID": "r",
            "ORK_TASK_NAME": "t",
            "ORK_WORKFLOW_NAME": "w",
            "ORK_ATTEMPT": "2",
            "ORK_PARALLEL_INDEX": "3",
            "ORK_PARALLEL_COUNT": "4",
            "ORK_OUTPUT_FILE": self.output,
            **more,
        }

    def run_executor(self, which, **environment):
        environment = {
            name: value for name, value in self.environment(**environment).items() if value is not None
        }
        done = subprocess.run(
            [sys.executable, "-m", "ork", "executor", which],
            cwd=self.folder,
            env=environment,
            input=environment.get("ORK_INPUT_JSON", ""),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        done.output = None
        if os.path.exists(self.output):
            with open(self.output, encoding="utf-8") as file:
                done.output = json.load(file)
        return done

    def test_a_function_gets_options_input_upstream_and_context(self):
        self.write("spark.py", SPARK)
        done = self.run_executor("spark.py")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(
            done.output,
            {"day": "2026-01-31", "limit": 5, "up": {"extract": [1]}, "id": "r/t.3", "attempt": 2},
        )
        self.assertEqual(done.stdout, "submitting job.jar\n")
        self.assertEqual(done.stderr, 'ORK_METRIC:{"kind":"count","name":"submitted","value":1}\n')

    def test_by_file_module_name_or_function(self):
        self.write("spark.py", SPARK + '\n@ork.executor("other")\ndef second(ctx): return ctx.index\n')
        for which, expected in [
            ("spark.py:other", 3),
            ("spark.py:second", 3),
            ("spark:other", 3),
            ("./spark.py:other", 3),
        ]:
            self.assertEqual(self.run_executor(which).output, expected, which)
        for which in ("spark.py", "spark.py:third"):
            done = self.run_executor(which)
            self.assertEqual(done.returncode, 64)
            self.assertIn("found `spark`, `other`", done.stderr.splitlines()[-1])

    def test_large_values_come_in_files(self):
        self.write(
            "e.py", "import ork\n@ork.executor('e')\ndef f(options, input): return [len(input['x']), options]"
        )
        self.write("input.json", json.dumps({"x": "€" * 100_000}))
        done = self.run_executor(
            "e.py",
            ORK_INPUT_JSON=None,
            ORK_INPUT_JSON_FILE=os.path.join(self.folder, "input.json"),
            ORK_OPTIONS_JSON=None,
        )
        self.assertEqual(done.output, [100_000, {}], done.stderr)

    def test_deferred_jobs_are_an_output_too(self):
        self.write(
            "e.py",
            """
            import ork
            @ork.executor("bq")
            def f(ctx):
                return ork.BigQueryJob("p", ork.job_id(ctx))
            """,
        )
        self.assertEqual(
            self.run_executor("e.py").output,
            {
                "deferred": [
                    {
                        "service_type": "bigquery",
                        "project": "p",
                        "job_id": ork.job_id(ork.Context("r/t.3", "r", "t", attempt=2)),
                    }
                ]
            },
        )

    def test_none_leaves_the_output_to_what_was_run(self):
        self.write(
            "e.py",
            """
            import ork, os, subprocess
            @ork.executor("e")
            def f(ctx):
                subprocess.run(["sh", "-c", 'echo 7 > "$ORK_OUTPUT_FILE"'], check=True)
            """,
        )
        self.assertEqual(self.run_executor("e.py").output, 7)

    def test_without_a_file_the_output_is_a_line_of_its_own(self):
        self.write(
            "e.py",
            "import ork\n@ork.executor('e')\ndef f(ctx):\n    print('half', end='')\n    return {'a': '€'}",
        )
        done = self.run_executor("e.py", ORK_OUTPUT_FILE=None)
        self.assertEqual(done.stdout, 'half\nORK_OUTPUT:{"a":"€"}\n')

    def test_failures_have_the_exit_codes_of_their_categories_and_a_last_line(self):
        for body, code, last in [
            ("raise ork.TransientError('busy')", 75, "ork._errors.TransientError: busy"),
            ("raise ork.PermanentError('bad')", 64, "ork._errors.PermanentError: bad"),
            ("raise ConnectionResetError('gone')", 75, "ConnectionResetError: gone"),
            ("raise ValueError('x')", 1, "ValueError: x"),
            ("raise MemoryError", 137, "MemoryError"),
            ("return float('nan')", 64, "ork: the result is not JSON: at `result`: nan is not JSON"),
            ("import sys; sys.exit(3)", 3, None),
        ]:
            with self.subTest(body=body):
                self.write("e.py", f"import ork\n@ork.executor('e')\ndef f(input):\n    {body}")
                done = self.run_executor("e.py")
                self.assertEqual((done.returncode, done.output), (code, None), done.stderr)
                if last is not None:
                    self.assertEqual(done.stderr.splitlines()[-1], last)
                    self.assertNotIn("_executor.py", done.stderr)

    def test_what_is_missing_or_broken_is_permanent(self):
        self.write("bad.py", "def f(:")
        self.write("none.py", "x = 1")
        for which, last in [
            ("gone.py", "No such file"),
            ("bad.py", "SyntaxError"),
            ("none.py", "found none"),
            ("nowhere", "cannot find the module `nowhere`"),
        ]:
            done = self.run_executor(which)
            self.assertEqual(done.returncode, 64, done.stderr)
            self.assertIn(last, done.stderr.splitlines()[-1])
        for arguments in ([], ["executor"], ["executor", "a", "b"], ["sing"]):
            done = subprocess.run(
                [sys.executable, "-m", "ork", *arguments], env=self.environment(), stderr=subprocess.PIPE
            )
            self.assertEqual(done.returncode, 64)
            self.assertIn(b"usage:", done.stderr)

    def test_a_function_that_nobody_could_call_is_refused_when_it_is_marked(self):
        with self.assertRaisesRegex(TypeError, "parameter `rows` is none of options, input, upstream"):
            ork.executor("x")(lambda rows: None)
        with self.assertRaises(TypeError):
            ork.executor(lambda: None)
        marked = ork.executor("x")(lambda options, more=1, *rest, **others: options)
        self.assertEqual(marked(5), 5)

    def test_cancelling_lets_it_clean_up(self):
        self.write(
            "e.py",
            """
            import ork, time
            @ork.executor("e")
            def f(ctx):
                try:
                    print("on", flush=True)
                    time.sleep(1000)
                finally:
                    print("cleaned up", flush=True)
            """,
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "ork", "executor", "e.py"],
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.addCleanup(process.stdout.close)
        self.assertEqual(process.stdout.readline(), b"on\n")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.stdout.read(), b"cleaned up\n")
        self.assertEqual(process.wait(10), 128 + signal.SIGTERM)


if __name__ == "__main__":
    unittest.main()
