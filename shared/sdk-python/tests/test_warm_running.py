"""The warm interpreter, spoken to as the engine does: tasks that go well, and how they fail."""

import json
import os
import subprocess
import sys
import unittest

import paths  # noqa: F401
from warm_client import Warm
from warm_support import WithTemplate


class Running(WithTemplate):
    def test_says_it_is_ready(self):
        self.assertEqual(self.warm.ready["protocol"], 1)
        self.assertEqual(self.warm.ready["pid"], self.warm.process.pid)
        self.assertEqual(self.warm.ready["version"], sys.version.split()[0].partition("+")[0])

    def test_a_function_gets_its_inputs_and_its_result_comes_back(self):
        run = self.run_text("def f(a, b=2): print('hi'); return {'sum': a + b}", input={"a": 1})
        self.assertEqual(run.result, {"ok": True, "output": {"sum": 3}})
        self.assertEqual((run.text, run.errors), ("hi\n", ""))
        self.assertEqual(run.exited["pid"], run.pid)
        self.assertGreater(run.exited["maxrss"], 1 << 20)

    def test_input_from_a_file(self):
        path = self.write("input.json", json.dumps({"a": "x" * 200_000}))
        self.assertEqual(
            self.output(
                "import os\ndef f(a): return [len(a), os.environ['ORK_INPUT_JSON_FILE'], 'ORK_INPUT_JSON' in os.environ]",
                input_file=path,
            ),
            [200_000, path, False],
        )

    def test_a_large_inline_input_and_a_large_result(self):
        text = "x" * 10_000_000
        self.assertEqual(self.output("def f(a): return a + 'y'", input={"a": text}), text + "y")

    def test_context_and_environment(self):
        found = self.output(
            """
            import os
            from ork import Context, current_context
            def f(ctx: Context):
                env = {k: v for k, v in os.environ.items() if k.startswith("ORK_")}
                assert current_context() is ctx
                return [ctx.task_id, ctx.attempt, ctx.parallel_index, ctx.parallel_count, env, "HOME" in os.environ,
                        os.popen("echo $MINE-$ORK_ATTEMPT").read()]
            """,
            env={"MINE": "5 €", "HOME": None, "ORK_RUN_ID": "other"},
        )
        self.assertEqual(found[:4], ["r/t", 2, 3, 4])
        self.assertEqual(
            # Without what the tests themselves were started with, such as ORK_REQUIRE_ALL.
            {name: value for name, value in found[4].items() if os.environ.get(name) != value},
            {
                "ORK_TASK_ID": "r/t",
                "ORK_RUN_ID": "other",
                "ORK_TASK_NAME": "t",
                "ORK_WORKFLOW_NAME": "w",
                "ORK_ATTEMPT": "2",
                "ORK_PARALLEL_INDEX": "3",
                "ORK_PARALLEL_COUNT": "4",
                "ORK_TASK_FILE": os.path.join(self.folder.name, "tasks.py"),
                "ORK_TASK_FUNCTION": "f",
                "ORK_INPUT_JSON": "{}",
            },
        )
        self.assertEqual(found[5:], [False, "5 €-2\n"])

    def test_the_module_is_like_an_imported_one(self):
        self.write("helper.py", "VALUE = 7")
        found = self.output(
            """
            from __future__ import annotations
            import dataclasses, inspect, os, pickle, sys, typing
            import helper
            @dataclasses.dataclass
            class Row:
                n: int
            def f(row: Row):
                assert sys.modules[__name__].__dict__ is globals()
                assert pickle.loads(pickle.dumps(row)) == row
                assert typing.get_type_hints(f)["row"] is Row
                assert "helper.VALUE" in inspect.getsource(f)
                return [__name__, __file__, sys.path[0], sys.argv, os.getcwd(), helper.VALUE, row]
            """,
            input={"row": {"n": 1}},
        )
        folder = self.folder.name
        file = os.path.join(folder, "tasks.py")
        self.assertEqual(found, ["tasks", file, folder, [file], os.path.realpath(folder), 7, {"n": 1}])

    def test_a_file_named_like_a_standard_module_hides_nothing(self):
        source = "import sys\ndef f(): import json; return [__name__, json.dumps is not None]"
        self.assertEqual(self.output(source, name="random.py"), ["task_random", True])

    def test_a_neighbour_named_like_a_warmed_module_wins(self):
        self.assertEqual(self.output("import textwrap\ndef f(): return textwrap.dedent(' a')"), "a")
        self.write("b/textwrap.py", "dedent = 'mine'")
        self.assertEqual(
            self.output("import textwrap\ndef f(): return textwrap.dedent", name="b/tasks.py"), "mine"
        )

    def test_files_beside_it_that_are_no_modules_hide_nothing(self):
        for name in ("ork.yaml", "select.txt", "io.py", "abc.py", "codecs/data.csv"):
            self.write(name, "raise RuntimeError('imported')" if name.endswith("py") else "x: 1")
        source = "import io, abc, select\nfrom ork import Context\ndef f(c: Context): return [c.attempt, select.poll is not None]"
        self.assertEqual(self.output(source), [2, True])

    def test_a_neighbour_may_take_a_name_that_only_the_template_uses(self):
        self.write("select.py", "mine = 1")
        self.assertEqual(self.output("import select\ndef f(): return select.mine"), 1)

    def test_a_file_in_a_package_may_import_relatively(self):
        self.write("pack/__init__.py", "")
        self.write("pack/other.py", "VALUE = 3")
        found = self.output(
            "from .other import VALUE\ndef f(): return [VALUE, __name__]", name="pack/tasks.py"
        )
        self.assertEqual(found, [3, "pack.tasks"])

    def test_what_a_file_defers_with_is_loaded_ahead_and_hides_no_neighbour(self):
        source = """
            import sys
            ahead = "ork.deferrables" in sys.modules
            import dataclasses
            from ork import BigQueryJob, job_id
            def f(ctx): return [BigQueryJob("p", job_id(ctx))] if ahead and dataclasses.mine else "late"
        """
        self.write("dataclasses.py", "mine = True")
        (job,) = self.output(source)["deferred"]
        self.assertEqual((job["project"], len(job["job_id"])), ("p", 68))

    def test_no_signal_of_a_task_writes_where_the_template_is_woken(self):
        source = "import signal\ndef f(): return signal.set_wakeup_fd(-1)"
        self.assertEqual(self.output(source), -1)

    def test_metrics_go_to_the_log_or_to_a_file(self):
        source = "def f(ctx): ctx.metrics.count('rows', 2)"
        self.assertEqual(
            self.run_text(source).errors, 'ORK_METRIC:{"kind":"count","name":"rows","value":2}\n'
        )
        path = os.path.join(self.folder.name, "metrics.jsonl")
        self.assertEqual(self.run_text(source, env={"ORK_METRICS_FILE": path}).errors, "")
        with open(path, encoding="utf-8") as file:
            self.assertEqual(file.read(), '{"kind":"count","name":"rows","value":2}\n')

    def test_by_module_name(self):
        self.write("lib/pkg/__init__.py", "")
        self.write("lib/pkg/jobs.py", "def main(a): return a")
        lib = os.path.join(self.folder.name, "lib")
        run = self.warm.run(module="pkg.jobs", cwd=self.folder.name, path=[lib], input={"a": 5})
        self.assertEqual(run.result, {"ok": True, "output": 5}, run.errors)
        run = self.warm.run(module="pkg.nothing", cwd=self.folder.name, path=[lib])
        self.assertEqual(run.result["category"], "permanent")
        self.assertIn("pkg.nothing", run.result["message"])

    def test_a_changed_file_is_compiled_anew(self):
        self.assertEqual(self.output("def f(): return 1"), 1)
        self.assertEqual(self.output("def f(): return 22"), 22)

    def test_tasks_do_not_see_each_other(self):
        source = "import sys\nSEEN = []\ndef f(): SEEN.append(1); sys.leak = getattr(sys, 'leak', 0) + 1; return [len(SEEN), sys.leak]"
        self.assertEqual([self.output(source), self.output(source)], [[1, 1], [1, 1]])

    def test_many_at_once(self):
        path = self.write("tasks.py", "def f(i): print(i); return i")
        runs = [self.warm.start(file=path, function="f", input={"i": i}) for i in range(40)]
        for i, run in enumerate(runs):
            self.warm.finish(run)
            self.assertEqual((run.result, run.text), ({"ok": True, "output": i}, f"{i}\n"))

    def test_a_pipe_of_one_task_is_not_held_open_by_another(self):
        path = self.write(
            "tasks.py", "import os\ndef f(): return sorted(int(n) for n in os.listdir('/proc/self/fd'))"
        )
        runs = [self.warm.start(file=path, function="f") for _ in range(5)]
        for run in runs:
            self.warm.finish(run)
            # 4 is the listing itself.
            self.assertEqual(run.result["output"], [0, 1, 2, 3, 4])

    def test_the_child_leads_its_own_session_with_default_signals(self):
        found = self.output("""
            import os, signal, sys
            def f():
                return [os.getsid(0) == os.getpgid(0) == os.getpid(), signal.getsignal(signal.SIGTERM) == signal.SIG_DFL,
                        signal.getsignal(signal.SIGINT) is signal.default_int_handler, signal.pthread_sigmask(signal.SIG_BLOCK, []),
                        sys.stdin.read(), sys.stdout.line_buffering, sys.stderr.line_buffering]
        """)
        self.assertEqual(found, [True, True, True, [], "", False, True])

    def test_installed_packages_and_the_lines_of_pth_files_are_found(self):
        environment = os.path.join(self.folder.name, "env")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
        python = os.path.join(environment, "bin", "python")
        site = (
            subprocess.run(
                [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
                stdout=subprocess.PIPE,
                check=True,
            )
            .stdout.decode()
            .strip()
        )
        self.write("extra/by_path.py", "VALUE = 2")
        for name, text in [
            ("installed.py", "import sys\nVALUE = getattr(sys, 'pth_ran', 0)"),
            (
                "a.pth",
                os.path.join(self.folder.name, "extra")
                + "\nimport sys; sys.pth_ran = sys.__dict__.get('pth_ran', 0) + 1\n",
            ),
        ]:
            with open(os.path.join(site, name), "w", encoding="utf-8") as file:
                file.write(text)
        path = self.write(
            "sub/tasks.py",
            """
            import sys, json
            early = hasattr(sys, "pth_ran")
            import installed, by_path, on_python_path
            def f(): return [early, installed.VALUE, by_path.VALUE, on_python_path.V, sys.prefix, hasattr(sys, "customized")]
        """,
        )
        self.write("on_python_path.py", "V = 4")
        expected = [False, 1, 2, 4, environment, False]
        for customized in (False, True):
            if customized:
                with open(os.path.join(site, "sitecustomize.py"), "w", encoding="utf-8") as file:
                    file.write("import sys; sys.customized = True")
                # It lies among the installed packages itself, so the .pth lines run before it.
                expected[0] = expected[5] = True
            warm = Warm(python=python, env={**os.environ, "PYTHONPATH": self.folder.name})
            self.addCleanup(warm.close)
            self.assertEqual(warm.run(file=path, function="f").result, {"ok": True, "output": expected})

    def test_preload_imports_once_and_gives_the_output_to_the_first(self):
        source = "import os\nPID = os.getpid()\nprint('importing')\ndef f(): return [PID, os.getppid()]"
        path = self.write("tasks.py", source)
        first, second = (self.warm.run(file=path, function="f", preload=True) for _ in range(2))
        self.assertEqual(first.result["output"], [self.warm.process.pid] * 2)
        self.assertEqual(second.result["output"], [self.warm.process.pid] * 2)
        self.assertEqual((first.text, second.text), ("importing\n", ""))

    def test_preloaded_modules_are_not_seen_by_other_files(self):
        self.write("a/helper.py", "NAME = 'a'")
        self.write("b/helper.py", "NAME = 'b'")
        source = "import helper\ndef f(): return helper.NAME"
        self.assertEqual(self.output(source, name="a/tasks.py", preload=True), "a")
        self.assertEqual(self.output(source, name="b/tasks.py"), "b")
        self.assertEqual(self.output(source, name="b/tasks.py", preload=True), "b")
        self.assertEqual(self.output(source, name="a/tasks.py", preload=True), "a")

    def test_a_preload_that_fails_is_the_failure_of_its_task(self):
        run = self.failure("raise ValueError('at import')\ndef f(): pass", preload=True)
        self.assertEqual(run.result["message"], "ValueError: at import")
        self.assertEqual(self.output("def f(): return 1", name="other.py"), 1)


class Failing(WithTemplate):
    def test_shows_a_traceback_of_the_task_alone(self):
        run = self.failure("def g():\n    raise ValueError('no')\ndef f():\n    g()\n")
        self.assertEqual(run.result, {"ok": False, "category": "unknown", "message": "ValueError: no"})
        self.assertEqual(run.exited["code"], 1)
        lines = run.errors.splitlines()
        self.assertIn(f'File "{self.folder.name}/tasks.py", line 4, in f', lines[1])
        self.assertEqual(lines[2].strip(), "g()")
        self.assertEqual(lines[-1], "ValueError: no")
        self.assertNotIn("/ork/_", run.errors)

    def test_categories_and_exit_codes(self):
        for statement, category, code in [
            ("raise ork.PermanentError('x')", "permanent", 64),
            ("raise ork.TransientError('x')", "transient", 75),
            ("raise MemoryError", "oom", 137),
            ("import sys; sys.exit(64)", "permanent", 64),
            ("import sys; sys.exit(3)", "unknown", 3),
            ("import sys; sys.exit('words')", "unknown", 1),
        ]:
            with self.subTest(statement=statement):
                run = self.failure(f"import ork\ndef f(): {statement}")
                self.assertEqual((run.result["category"], run.exited["code"]), (category, code))

    def test_exit_with_zero_is_success(self):
        self.assertIsNone(self.output("import sys\ndef f(): sys.exit(0)"))

    def test_what_is_missing_or_broken_is_permanent(self):
        for text, function, message in [
            ("def transform(): pass", "transfrom", "has no function `transfrom`; did you mean `transform`?"),
            ("f = 5", "f", "is a int, not a function"),
            ("def f(:", "f", "SyntaxError"),
            ("import nowhere_to_be_found", "f", "No module named 'nowhere_to_be_found'"),
            ("def f(a): pass", "f", "no input for `a`"),
            ("def f(): return float('nan')", "f", "nan is not JSON"),
        ]:
            with self.subTest(text=text):
                run = self.failure(text, function=function)
                self.assertEqual((run.result["category"], run.exited["code"]), ("permanent", 64))
                self.assertIn(message, run.result["message"])
                self.assertNotIn("/ork/_", run.errors)
                self.assertTrue(run.errors)
        run = self.warm.run(file=os.path.join(self.folder.name, "none.py"), function="f")
        self.assertEqual(run.result["category"], "permanent")
        self.assertIn("none.py: No such file", run.result["message"])

    def test_memory_limit_gives_oom(self):
        run = self.failure("def f(): return len(bytearray(1 << 30))", memory_limit=256 << 20)
        self.assertEqual(run.result["category"], "oom")

    def test_an_early_exit_leaves_no_result_and_its_code(self):
        run = self.run_text("import os\ndef f(): os._exit(3)")
        self.assertEqual((run.result, run.exited["code"]), (None, 3))

    def test_a_crash_is_told_by_its_signal(self):
        run = self.run_text("import os\ndef f(): os.kill(os.getpid(), 11)")
        self.assertEqual((run.result, run.exited["code"], run.exited["signal"]), (None, None, 11))

    def test_closing_all_descriptors_loses_the_result_and_says_so(self):
        run = self.run_text("import os\ndef f(): os.closerange(3, 100); open('/dev/null'); return 1")
        self.assertEqual((run.result, run.exited["code"]), (None, 70))
        self.assertIn("closed the descriptor", run.errors)

    def test_closed_standard_streams_do_not_lose_the_result(self):
        self.assertEqual(
            self.output("import sys\ndef f(): sys.stdout.close(); sys.stderr.close(); return 1"), 1
        )


if __name__ == "__main__":
    unittest.main()
