"""A small engine's end of the warm protocol, for the tests and for measuring."""

import array
import json
import os
import select
import socket
import struct
import subprocess
import sys
import time

SRC = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "src")
WARM = os.path.join(SRC, "ork", "_warm.py")
DEADLINE = 20.0


def pack(frame):
    body = json.dumps(frame).encode()
    return struct.pack("<I", len(body)) + body


class Frames:
    """Complete frames out of bytes."""

    def __init__(self):
        self.data = bytearray()

    def feed(self, data):
        self.data += data
        found = []
        while len(self.data) >= 4:
            end = 4 + struct.unpack_from("<I", self.data)[0]
            if len(self.data) < end:
                break
            found.append(json.loads(self.data[4:end].decode("utf-8")))
            del self.data[:end]
        return found


class Run:
    """One task or reused child: what it wrote and how it ended."""

    def __init__(self, pipes):
        self.pipes = pipes  # fd -> "stdout" | "stderr" | "result"
        self.stdout = bytearray()
        self.stderr = bytearray()
        self.result_frames = Frames()
        self.results = []
        self.pid = None
        self.exited = None
        self.refused = None

    @property
    def result(self):
        return self.results[-1] if self.results else None

    @property
    def text(self):
        return self.stdout.decode("utf-8", "replace")

    @property
    def errors(self):
        return self.stderr.decode("utf-8", "replace")


class Warm:
    """A template process and the runs it was given."""

    def __init__(self, python=sys.executable, env=None, stderr=None, as_stdin=False, entry=(WARM,)):
        self.socket, other = socket.socketpair()
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            [python, "-I", "-S", "-X", "utf8", *entry, "0" if as_stdin else str(other.fileno())],
            pass_fds=[] if as_stdin else [other.fileno()],
            stdin=other if as_stdin else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            env=env,
        )
        other.close()
        self.frames = Frames()
        self.runs = {}
        self.next_id = 1
        self.ready = None
        self.poll = select.poll()
        self.poll.register(self.socket, select.POLLIN)
        self.owner = {}
        self.wait(lambda: self.ready is not None)

    def send(self, frame, fds=()):
        data = pack(frame)
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        sent = self.socket.sendmsg([data], ancillary)
        if sent < len(data):
            self.socket.sendall(data[sent:])

    def start(self, **frame):
        """Send a `run` (or `serve`); returns the Run at once."""
        run_id = self.next_id
        self.next_id += 1
        out, err = os.pipe(), os.pipe()
        run = Run({out[0]: "stdout", err[0]: "stderr"})
        frame = {"op": "run", "id": run_id, **frame}
        if frame["op"] == "serve":
            channel, far = socket.socketpair()
            run.channel = channel
            fds = [out[1], err[1], far.fileno()]
            run.pipes[channel.fileno()] = "result"
        else:
            result = os.pipe()
            run.pipes[result[0]] = "result"
            fds = [out[1], err[1], result[1]]
        run.id = run_id
        self.runs[run_id] = run
        for fd in run.pipes:
            os.set_blocking(fd, False)
            self.poll.register(fd, select.POLLIN)
            self.owner[fd] = run
        self.send(frame, fds)
        if frame["op"] == "serve":
            os.close(out[1])
            os.close(err[1])
            far.close()
        else:
            for fd in fds:
                os.close(fd)
        return run

    def run(self, **frame):
        """A run from beginning to end."""
        run = self.start(**frame)
        self.finish(run)
        return run

    def finish(self, run):
        self.wait(lambda: run.exited is not None or run.refused is not None)
        self.drain(run)

    def ask(self, run, **frame):
        """One task for a reused child; returns its answer, or None when the child ended."""
        before = len(run.results)
        run.channel.setblocking(True)
        run.channel.sendall(pack(frame))
        run.channel.setblocking(False)
        self.wait(lambda: len(run.results) > before or run.exited is not None)
        for fd in list(run.pipes):
            if run.pipes[fd] != "result":
                self._read(fd)
        return run.results[-1] if len(run.results) > before else None

    def kill(self, run, number):
        self.send({"op": "kill", "id": run.id, "signal": number})

    def drain(self, run):
        for fd in list(run.pipes):
            while self._read(fd):
                pass
            if fd in run.pipes:
                self._forget(fd)

    def wait(self, done):
        until = time.monotonic() + DEADLINE
        while not done():
            left = until - time.monotonic()
            if left <= 0:
                raise AssertionError("the warm interpreter did not answer in time")
            for fd, _ in self.poll.poll(left * 1000):
                if fd == self.socket.fileno():
                    data = self.socket.recv(1 << 16)
                    if not data:
                        raise AssertionError("the warm interpreter closed its socket")
                    for event in self.frames.feed(data):
                        self._event(event)
                else:
                    self._read(fd)

    def _event(self, event):
        kind = event["ev"]
        if kind == "ready":
            self.ready = event
            self.startup = time.perf_counter() - self.began
            return
        run = self.runs[event["id"]]
        if kind == "started":
            run.pid = event["pid"]
        elif kind == "refused":
            run.refused = event
        else:
            run.exited = event

    def _read(self, fd):
        run = self.owner.get(fd)
        if run is None:
            return False
        try:
            data = os.read(fd, 1 << 18)
        except BlockingIOError:
            return False
        except ConnectionResetError:
            data = b""
        if not data:
            self._forget(fd)
            return False
        kind = run.pipes[fd]
        if kind == "result":
            run.results += run.result_frames.feed(data)
        else:
            getattr(run, kind).extend(data)
        return True

    def _forget(self, fd):
        run = self.owner.pop(fd)
        self.poll.unregister(fd)
        kind = run.pipes.pop(fd)
        if kind == "result" and hasattr(run, "channel"):
            run.channel.close()
        else:
            os.close(fd)

    def close(self):
        for fd in list(self.owner):
            self._forget(fd)
        self.socket.close()
        return self.process.wait(DEADLINE)
