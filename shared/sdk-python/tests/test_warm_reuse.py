"""A child of the warm interpreter that serves many tasks."""

import signal
import unittest

import paths  # noqa: F401
from warm_client import pack
from warm_support import WithTemplate


class Reuse(WithTemplate):
    def serve(self, **frame):
        return self.warm.start(op="serve", cwd=self.folder.name, **frame)

    def test_keeps_module_state_and_the_process(self):
        path = self.write(
            "tasks.py", "import os\nSEEN = []\ndef f(a): SEEN.append(a); print(a); return [SEEN, os.getpid()]"
        )
        child = self.serve()
        self.assertEqual(
            self.warm.ask(child, id=1, file=path, function="f", input={"a": 1})["output"][0], [1]
        )
        self.assertEqual(child.text, "1\n")
        answer = self.warm.ask(child, id=2, file=path, function="f", input={"a": 2})
        # The template tells of the start on another socket than the child's answer comes on.
        self.warm.wait(lambda: child.pid is not None)
        self.assertEqual(answer, {"id": 2, "ok": True, "output": [[1, 2], child.pid]})
        self.assertEqual(child.text, "1\n2\n")
        child.channel.close()
        fd = next(fd for fd, kind in child.pipes.items() if kind == "result")
        del child.pipes[fd], self.warm.owner[fd]
        self.warm.poll.unregister(fd)
        self.warm.finish(child)
        self.assertEqual(child.exited["code"], 0)

    def test_environment_of_one_task_is_gone_in_the_next(self):
        path = self.write(
            "tasks.py", "import os\ndef f(): return [os.environ.get(n) for n in ('A', 'B', 'ORK_ATTEMPT')]"
        )
        child = self.serve(env={"B": "head"})
        ask = lambda **frame: self.warm.ask(child, id=1, file=path, function="f", **frame)["output"]  # noqa: E731
        self.assertEqual(ask(env={"A": "1", "B": "2"}, context={"attempt": 3}), ["1", "2", "3"])
        self.assertEqual(ask(), [None, "head", "1"])
        self.assertEqual(ask(env={"B": None}), [None, None, "1"])
        self.assertEqual(ask(env={"A": "4"}), ["4", "head", "1"])

    def test_goes_on_after_a_failure_and_loads_a_changed_file_anew(self):
        path = self.write("tasks.py", "def f(): raise ValueError('x')")
        child = self.serve()
        self.assertEqual(
            self.warm.ask(child, id=1, file=path, function="f"),
            {"id": 1, "ok": False, "category": "unknown", "message": "ValueError: x"},
        )
        self.assertIn("ValueError: x", child.errors)
        self.write("tasks.py", "def f(): return 'changed now'")
        self.assertEqual(self.warm.ask(child, id=2, file=path, function="f")["output"], "changed now")

    def test_retires_after_exit_and_after_leaked_threads(self):
        for body in (
            "import sys; sys.exit(5)",
            "import threading, time; threading.Thread(target=time.sleep, args=(9e6,), daemon=True).start()",
        ):
            path = self.write("tasks.py", f"def f(): {body}")
            child = self.serve()
            self.assertIs(self.warm.ask(child, id=1, file=path, function="f")["retire"], True)
            self.warm.finish(child)

    def test_a_task_that_kills_its_process_ends_the_child(self):
        path = self.write("tasks.py", "import os\ndef f(): os._exit(9)")
        child = self.serve()
        self.assertIsNone(self.warm.ask(child, id=1, file=path, function="f"))
        self.assertEqual(child.exited["code"], 9)

    def test_can_be_killed(self):
        path = self.write("tasks.py", "import time\ndef f(): print('on', flush=True); time.sleep(1000)")
        child = self.serve()
        child.channel.setblocking(True)
        child.channel.sendall(pack({"id": 1, "file": path, "function": "f"}))
        self.warm.wait(lambda: child.text == "on\n")
        self.warm.kill(child, signal.SIGKILL)
        self.warm.finish(child)
        self.assertEqual(child.exited["signal"], signal.SIGKILL)

    def test_refuses_files_of_another_folder(self):
        child = self.serve()
        self.warm.ask(child, id=1, file=self.write("tasks.py", "def f(): pass"), function="f")
        answer = self.warm.ask(child, id=2, file=self.write("other/tasks.py", "def f(): pass"), function="f")
        self.assertEqual((answer["ok"], answer["category"]), (False, "unknown"))
        self.assertIn("serves", answer["message"])

    def test_gives_a_forked_copy_no_voice(self):
        path = self.write(
            "tasks.py",
            "import os\ndef f():\n    pid = os.fork()\n    if pid: os.waitpid(pid, 0)\n    return bool(pid)",
        )
        child = self.serve()
        for number in (1, 2):
            self.assertEqual(self.warm.ask(child, id=number, file=path, function="f")["output"], True)
        self.assertEqual([answer["id"] for answer in child.results], [1, 2])


if __name__ == "__main__":
    unittest.main()
