"""Children forked ahead of their one task, spoken to as the engine does."""

import os
import select
import signal
import socket
import tempfile
import textwrap
import unittest

import paths  # noqa: F401
from warm_client import SRC, Frames, Run, Warm, pack
from warm_support import CONTEXT, alive, until


class Spare:
    """The engine's side of one such child."""

    def __init__(self, run, log, channel):
        self.run = run
        self.log = log
        self.channel = channel
        self.text = b""

    def ask(self, **frame):
        """Its task; the answer, or None when it ended without one."""
        self.channel.sendall(pack(frame))
        return self.answer()

    def answer(self):
        frames, found = Frames(), []
        while not found:
            ready, _, _ = select.select([self.channel, self.log], [], [], 20)
            if not ready:
                raise AssertionError("no answer in time")
            if self.log in ready:
                self.text += os.read(self.log, 1 << 16)
            if self.channel in ready:
                data = self.channel.recv(1 << 16)
                if not data:
                    return None
                found = frames.feed(data)
        os.set_blocking(self.log, False)
        try:
            self.text += os.read(self.log, 1 << 16)
        except BlockingIOError:
            pass
        return found[0]


class Spares(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.warm = Warm()
        self.addCleanup(self.warm.close)

    def write(self, text, name="tasks.py"):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(text))
        return path

    def fork(self, count, file, wait=True):
        spares, fds = [], []
        for _ in range(count):
            log, channel = os.pipe(), socket.socketpair()
            run = Run({})
            run.id = self.warm.next_id
            self.warm.next_id += 1
            self.warm.runs[run.id] = run
            spares.append(Spare(run, log[0], channel[0]))
            self.addCleanup(os.close, log[0])
            self.addCleanup(channel[0].close)
            fds += [log[1], channel[1].detach()]
        like = {"file": file, "function": "f", "context": CONTEXT}
        self.warm.send({"op": "spare", "ids": [spare.run.id for spare in spares], "like": like}, fds)
        for fd in fds:
            os.close(fd)
        if wait:
            self.warm.wait(lambda: all(spare.run.pid or spare.run.refused for spare in spares))
        return spares

    def task(self, file, **frame):
        return {"id": 1, "file": file, "function": "f", "cwd": self.folder, "context": CONTEXT, **frame}

    def test_each_serves_one_task_and_leaves(self):
        file = self.write(
            "import os\ndef f(a): print('hi', a); return [os.getpid(), os.getpgrp(), os.getcwd()]\n"
        )
        spares = self.fork(3, file)
        for number, spare in enumerate(spares):
            answer = spare.ask(**self.task(file, input={"a": number}))
            pid = spare.run.pid
            self.assertEqual(answer["output"], [pid, pid, os.path.realpath(self.folder)])
            self.assertIs(answer["retire"], True)
            self.assertGreater(answer["maxrss"], 1 << 20)
            self.assertEqual(spare.text, b"hi %d\n" % number)
        self.warm.send({"op": "reap"})
        until(lambda: not any(alive(spare.run.pid) for spare in spares), "their ends")
        self.warm.send({"op": "reap"})
        self.warm.wait(lambda: all(spare.run.exited for spare in spares))

    def test_an_idle_one_has_never_seen_code_of_a_user(self):
        file = self.write(
            f"""
            import os, sys
            open({self.folder!r} + "/seen", "a").write(f"{{os.getpid()}} ")
            sys.leaked = True
            os.environ["LEAKED"] = "1"
            def f(): return [os.getpid(), os.environ.get("LEAKED")]
            """
        )
        first, second = self.fork(2, file)
        self.assertFalse(os.path.exists(self.folder + "/seen"))
        first.ask(**self.task(file))
        with open(self.folder + "/seen", encoding="utf-8") as seen:
            self.assertEqual(seen.read(), f"{first.run.pid} ")
        other = self.write(
            "import os, sys\ndef f(): return [hasattr(sys, 'leaked'), 'LEAKED' in os.environ]\n", "o.py"
        )
        self.assertEqual(second.ask(**self.task(other))["output"], [False, False])

    def test_a_file_changed_after_the_fork_is_what_runs(self):
        file = self.write("def f(): return 'old'\n")
        first, second, third = self.fork(3, file)
        self.assertEqual(first.ask(**self.task(file))["output"], "old")
        self.write("def f(): return 'newer'\n")
        self.assertEqual(second.ask(**self.task(file))["output"], "newer")
        os.unlink(file)
        answer = third.ask(**self.task(file))
        self.assertEqual((answer["ok"], answer["category"], answer["code"]), (False, "permanent", 64))

    def test_variables_are_those_of_its_own_task(self):
        file = self.write(
            "import os\ndef f(**_): return {k: v for k, v in os.environ.items() if k[:4] in ('ORK_', 'OWN_')}\n"
        )
        first, second = self.fork(2, file)
        context = {"task_id": "r2/u", "run_id": "r2", "task_name": "u", "workflow_name": "x", "attempt": 7}
        found = first.ask(**self.task(file, context=context, env={"OWN_A": "1"}, input={"b": 1}))["output"]
        self.assertEqual(found["OWN_A"], "1")
        self.assertEqual(
            (found["ORK_RUN_ID"], found["ORK_ATTEMPT"], found["ORK_INPUT_JSON"]), ("r2", "7", '{"b":1}')
        )
        self.assertEqual((found["ORK_PARALLEL_INDEX"], found["ORK_TASK_FILE"]), ("0", file))
        task = {"id": 2, "module": "tasks", "function": "f", "cwd": self.folder, "path": [self.folder]}
        found = second.ask(**task, context=CONTEXT)["output"]
        self.assertEqual((found["ORK_RUN_ID"], found["ORK_TASK_MODULE"]), ("r", "tasks"))
        self.assertFalse({"OWN_A", "ORK_TASK_FILE"} & set(found))

    def test_what_a_task_leaves_running_ends_with_its_answer(self):
        file = self.write("import subprocess\ndef f(): return subprocess.Popen(['sleep', '1000']).pid\n")
        (spare,) = self.fork(1, file)
        pid = spare.ask(**self.task(file))["output"]
        until(lambda: not alive(pid), "the end of what it left")

    def test_an_end_without_an_answer_is_told_when_watched(self):
        file = self.write("import os\ndef f(): os._exit(9)\n")
        (spare,) = self.fork(1, file)
        self.assertIsNone(spare.ask(**self.task(file)))
        self.warm.send({"op": "watch", "id": spare.run.id})
        self.warm.wait(lambda: spare.run.exited)
        self.assertEqual(spare.run.exited["code"], 9)

    def test_can_be_killed_while_idle_and_at_work(self):
        file = self.write("import time\ndef f(): print('on', flush=True); time.sleep(1000)\n")
        idle, busy = self.fork(2, file)
        busy.channel.sendall(pack(self.task(file)))
        self.assertEqual(os.read(busy.log, 10), b"on\n")
        for spare in (busy, idle):
            self.warm.kill(spare.run, signal.SIGTERM)
            self.warm.wait(lambda spare=spare: spare.run.exited)
            self.assertEqual(spare.run.exited["signal"], signal.SIGTERM)

    def test_idle_ones_end_with_their_channel_and_with_the_template(self):
        file = self.write("def f(): pass\n")
        first, second = self.fork(2, file)
        first.channel.close()
        until(lambda: not alive(first.run.pid), "the end of the first")
        self.assertTrue(alive(second.run.pid))
        self.warm.socket.shutdown(socket.SHUT_RDWR)
        until(lambda: not alive(second.run.pid), "the end of the second")
        self.assertEqual(self.warm.process.wait(20), 0)

    def test_a_large_task_arrives_in_pieces(self):
        file = self.write("def f(a): return a + 'y'\n")
        (spare,) = self.fork(1, file)
        text = "x" * 3_000_000
        data = pack(self.task(file, input={"a": text}))
        spare.channel.sendall(data[:3])
        spare.channel.sendall(data[3:5])
        spare.channel.sendall(data[5:])
        self.assertEqual(spare.answer()["output"], text + "y")

    def test_a_batch_that_fails_half_way_refuses_the_rest(self):
        broken = f"""if True:
            import errno, os, sys
            sys.path.insert(0, {SRC!r})
            fork, left = os.fork, [2]
            def two_forks():
                if not left[0]:
                    raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
                left[0] -= 1
                return fork()
            os.fork = two_forks
            from ork._template import main
            main(int(sys.argv[1]))"""
        self.warm.close()
        self.warm = Warm(entry=("-c", broken))
        self.addCleanup(self.warm.close)
        file = self.write("def f(): return 1\n")
        spares = self.fork(4, file)
        self.assertEqual([spare.run.refused is not None for spare in spares], [False, False, True, True])
        self.assertEqual(spares[2].run.refused["message"], f"cannot fork: {os.strerror(11)}")
        for spare in spares[:2]:
            self.assertEqual(spare.ask(**self.task(file))["output"], 1)
        # The descriptors of the refused ones are closed.
        self.assertEqual(spares[3].channel.recv(1), b"")
