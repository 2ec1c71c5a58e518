"""The warm interpreter with tasks that misbehave, scripts, and its end."""

import os
import signal
import subprocess
import unittest

import paths  # noqa: F401
from warm_client import SRC, Warm
from warm_support import WithTemplate, alive, until


class Misbehaving(WithTemplate):
    def test_printing_a_hundred_megabytes(self):
        run = self.run_text("def f():\n    for _ in range(1600): print('x' * 65535)\n    return 'done'")
        self.assertEqual(len(run.stdout), 1600 * 65536)
        self.assertEqual(run.result["output"], "done")

    def test_printing_what_is_not_utf8(self):
        run = self.run_text(
            "import sys\ndef f(): print('\\udcff', flush=True); sys.stdout.buffer.write(b'\\xfe'); sys.stdout.flush()"
        )
        self.assertEqual(bytes(run.stdout), b"\xff\n\xfe")

    def test_a_fork_that_returns_gives_no_second_result(self):
        run = self.run_text("""
            import os
            def f():
                pid = os.fork()
                if pid:
                    os.waitpid(pid, 0)
                return "parent" if pid else "child"
        """)
        self.assertEqual(run.results, [{"ok": True, "output": "parent"}])

    def test_what_it_leaves_running_is_killed(self):
        run = self.run_text("""
            import subprocess
            def f(): return subprocess.Popen(["sleep", "1000"]).pid
        """)
        pid = run.result["output"]
        until(lambda: not alive(pid), "the left-over process to be killed")

    def test_threads_and_exit_handlers_finish_before_the_end(self):
        run = self.run_text("""
            import atexit, threading, time
            def f():
                atexit.register(print, "at exit")
                threading.Thread(target=lambda: (time.sleep(0.05), print("thread"))).start()
                print("returns")
        """)
        self.assertEqual(run.text, "returns\nthread\nat exit\n")
        self.assertTrue(run.result["ok"])

    def test_kill_reaches_the_whole_group(self):
        path = self.write(
            "tasks.py",
            """
            import subprocess, sys, time
            def f():
                print(subprocess.Popen(["sleep", "1000"]).pid, flush=True)
                time.sleep(1000)
        """,
        )
        run = self.warm.start(file=path, function="f")
        self.warm.wait(lambda: run.text.endswith("\n"))
        self.warm.kill(run, signal.SIGTERM)
        self.warm.finish(run)
        self.assertEqual((run.exited["code"], run.exited["signal"]), (None, signal.SIGTERM))
        until(lambda: not alive(int(run.text)), "the group to end")

    def test_a_task_that_ignores_the_first_signal_ends_by_the_second(self):
        path = self.write(
            "tasks.py",
            """
            import os, signal, time
            def f():
                # Not print: the signal may arrive within it, and it cannot be entered twice.
                signal.signal(signal.SIGTERM, lambda *_: os.write(1, b"ignored\\n"))
                os.write(1, b"ready\\n")
                while True: time.sleep(0.01)
        """,
        )
        run = self.warm.start(file=path, function="f")
        self.warm.wait(lambda: run.text == "ready\n")
        self.warm.kill(run, signal.SIGTERM)
        self.warm.wait(lambda: run.text == "ready\nignored\n")
        self.warm.kill(run, signal.SIGKILL)
        self.warm.finish(run)
        self.assertEqual(run.exited["signal"], signal.SIGKILL)

    def test_kill_right_after_the_start(self):
        path = self.write("tasks.py", "import time\ndef f(): time.sleep(1000)")
        for _ in range(20):
            run = self.warm.start(file=path, function="f")
            self.warm.kill(run, signal.SIGTERM)
            self.warm.finish(run)
            self.assertEqual(run.exited["signal"], signal.SIGTERM)

    def test_kill_of_an_unknown_or_ended_id_is_ignored(self):
        run = self.run_text("def f(): pass")
        self.warm.kill(run, signal.SIGKILL)
        self.warm.send({"op": "kill", "id": 999, "signal": 9})
        self.assertEqual(self.output("def f(): return 1"), 1)


class Scripts(WithTemplate):
    def script(self, text, **frame):
        return self.warm.run(
            script=text, script_name="/flows/etl.workflow", line=12, cwd=self.folder.name, **frame
        )

    def test_run_as_main_in_their_folder_with_stdout_as_output(self):
        self.write("raw", "from raw")
        run = self.script(
            "import os\nprint(__name__, open('raw').read())\ndef g(): return __file__\nprint(g())"
        )
        self.assertEqual(run.text, "__main__ from raw\n/flows/etl.workflow\n")
        self.assertEqual(run.result, {"ok": True, "output": None})

    def test_tracebacks_count_lines_of_the_workflow_and_show_them(self):
        run = self.script("x = 1\nraise ValueError('here')\n")
        self.assertEqual(run.result["message"], "ValueError: here")
        self.assertIn('File "/flows/etl.workflow", line 13', run.errors)
        self.assertIn("raise ValueError('here')", run.errors)
        self.assertNotIn("/ork/_", run.errors)

    def test_a_syntax_error_is_permanent_and_counts_lines_too(self):
        run = self.script("x = 1\ndef (:\n")
        self.assertEqual(run.result["category"], "permanent")
        self.assertIn("line 13", run.errors)


class TheEnd(WithTemplate):
    def sleeping(self):
        path = self.write("tasks.py", "import time\ndef f(): print('on', flush=True); time.sleep(1000)")
        run = self.warm.start(file=path, function="f")
        self.warm.wait(lambda: run.text == "on\n" and run.pid is not None)
        return run

    def test_the_engine_going_away_kills_every_child(self):
        run = self.sleeping()
        self.assertEqual(self.warm.close(), 0)
        until(lambda: not alive(run.pid), "the child to be killed")

    def test_sigterm_does_the_same(self):
        run = self.sleeping()
        self.warm.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.warm.process.wait(10), 0)
        until(lambda: not alive(run.pid), "the child to be killed")

    def test_sigint_is_ignored(self):
        self.warm.process.send_signal(signal.SIGINT)
        self.assertEqual(self.output("def f(): return 1"), 1)

    def test_the_socket_may_be_its_standard_input(self):
        path = self.write(
            "tasks.py", "import os, sys\ndef f(): return [sys.stdin.read(), os.readlink('/proc/self/fd/0')]"
        )
        warm = Warm(as_stdin=True)
        self.addCleanup(warm.close)
        run = warm.run(file=path, function="f")
        self.assertEqual(run.result, {"ok": True, "output": ["", "/dev/null"]})
        child = warm.start(op="serve", cwd=self.folder.name)
        self.assertEqual(warm.ask(child, id=1, file=path, function="f")["output"], ["", "/dev/null"])

    def test_a_fork_that_fails_is_refused_and_the_next_one_works(self):
        broken = f"""if True:
            import errno, os, sys
            sys.path.insert(0, {SRC!r})
            fork = os.fork
            def no_fork():
                os.fork = fork
                raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            os.fork = no_fork
            from ork._template import main
            main(int(sys.argv[1]))"""
        warm = Warm(entry=("-c", broken))
        self.addCleanup(warm.close)
        path = self.write("tasks.py", "def f(): return 1")
        first = warm.run(file=path, function="f")
        self.assertEqual(first.refused["message"], f"cannot fork: {os.strerror(11)}")
        self.assertEqual((first.pid, first.pipes), (None, {}))
        self.assertEqual(warm.run(file=path, function="f").result, {"ok": True, "output": 1})

    def test_nonsense_ends_it_with_a_word(self):
        for frame in ({"op": "sing"}, {"op": "run", "id": 1}):
            warm = Warm(stderr=subprocess.PIPE)
            warm.send(frame)
            self.assertEqual(warm.process.wait(10), 70)
            self.assertIn(b"the warm interpreter stops", warm.process.stderr.read())
            warm.process.stderr.close()
            warm.close()

    def test_the_source_tree_is_what_is_tested(self):
        self.assertTrue(os.path.exists(os.path.join(SRC, "ork", "_template.py")))


if __name__ == "__main__":
    unittest.main()
