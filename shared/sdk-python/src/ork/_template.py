"""The template process: forks a child for each task and tells the engine what became of it.

It stays small and clean, because every page it touches is paid for at each fork: one loop, no threads, no user
code (save `preload`), C modules only.
"""

import gc
import os
import sys

import _socket
import select

from . import _spare
from ._child import Child
from ._codec import dumps
from ._frames import Buffer, pack
from ._modules import Sources
from ._sitepath import Site

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from typing import Any, NoReturn
else:
    import _signal

PROTOCOL = 1
_OURS = "ork"
_MAX_FDS = 253
_FDS_SPACE = _socket.CMSG_SPACE(_MAX_FDS * 4)
_CLOEXEC = getattr(_socket, "MSG_CMSG_CLOEXEC", 0)
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
_CHILD = {_signal.SIGCHLD}
_HELD = {_signal.SIGTERM, _signal.SIGCHLD, _signal.SIGINT}


class Template:
    """What the template knows: its socket, its living children, its compiled files."""

    def __init__(self, fd: int) -> None:
        self.site = Site()
        self.sources = Sources()
        self.preloads: "Any" = None
        self.stopping = False
        self.child = Child(self)
        fd = _out_of_the_way(fd)
        self._socket = _socket.socket(fileno=fd)
        self._socket.setblocking(True)
        self._wake, wake_write = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(wake_write, False)
        self._highest_fd = max(fd, wake_write)
        self._fds: "list[int]" = []
        self._frames = Buffer()
        self._events: "list[bytes]" = []
        self._pid_of: "dict[int, int]" = {}
        self._id_of: "dict[int, int]" = {}
        # Those whose end the engine waits for. While there are none, ended children wait to be reaped with the next batch:
        # a wake-up for each would cost more than many a task.
        self._watched: "set[int]" = set()
        # Written by the interpreter's handler in C. One in Python would run only after `poll`, if the signal comes between the
        # interpreter's last look for signals and the system call: nobody would wake it.
        _signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        _signal.pthread_sigmask(_signal.SIG_BLOCK, _CHILD)
        _signal.signal(_signal.SIGCHLD, _on_child)
        _signal.signal(_signal.SIGTERM, self._on_term)
        _signal.signal(_signal.SIGINT, _signal.SIG_IGN)

    def serve(self) -> None:
        """Until the engine goes away."""
        version = ".".join(str(part) for part in sys.version_info[:3])
        self._tell(
            f'{{"ev":"ready","protocol":{PROTOCOL},"version":"{version}",'
            f'"executable":{dumps(sys.executable)},"pid":{os.getpid()}}}'
        )
        self._flush()
        poll = select.poll()
        poll.register(self._socket.fileno(), select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        gc.collect()
        gc.disable()
        while not self.stopping:
            for fd, _ in poll.poll():
                if fd == self._wake:
                    os.read(fd, 4096)
                    self._reap()
                else:
                    self._receive()
            self._flush()

    def kill_all(self) -> None:
        """The engine is gone: nobody waits for what still runs."""
        for pid in list(self._id_of):
            _kill_group(pid, _signal.SIGKILL)

    def _on_term(self, _signum: int, _frame: object) -> None:
        self.stopping = True

    def _receive(self) -> None:
        try:
            data, ancillary, _, _ = self._socket.recvmsg(1 << 16, _FDS_SPACE, _CLOEXEC)
        except ConnectionResetError:
            data, ancillary = b"", []
        for _, _, numbers in ancillary:
            for at in range(0, len(numbers) - 3, 4):
                fd = int.from_bytes(numbers[at : at + 4], sys.byteorder)
                if fd > self._highest_fd:
                    self._highest_fd = fd
                self._fds.append(fd)
        if not data:
            self.stopping = True
            return
        self._frames.feed(data)
        while True:
            frame = self._frames.take()
            if frame is None:
                return
            op = frame.get("op")
            if op == "run" or op == "serve":
                self._start(frame)
            elif op == "spare":
                self._start_spares(frame)
            elif op == "kill":
                self._kill(frame)
            elif op == "watch":
                self._watch(frame["id"])
            elif op == "reap":
                self._reap()
            else:
                raise ValueError(f"unknown op {op!r}")

    def _start(self, frame: "dict[str, Any]") -> None:
        if len(self._fds) < 3:
            raise ValueError(f"the frame of id {frame.get('id')} came without its three descriptors")
        fds = self._fds[:3]
        del self._fds[:3]
        run_id = int(frame["id"])
        source = None
        path = frame.get("file")
        if path:
            source = self.sources.get(path)
            self.sources.warm(source, [path.rpartition("/")[0], *(frame.get("path") or ())])
            if frame.get("preload"):
                if self.preloads is None:
                    from ._preload import Preloads

                    self.preloads = Preloads()
                self.preloads.load(source, frame, fds)
        # A signal must not reach the child while it still has the template's handlers.
        mask = _signal.pthread_sigmask(_signal.SIG_BLOCK, _HELD)
        gc.freeze()
        try:
            pid = os.fork()
        except OSError as error:
            _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)
            self._refuse(run_id, error)
        else:
            if pid == 0:
                self._become_child(fds, lambda: self.child.live(frame, source))
            _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)
            self._started(run_id, pid)
            self._watch(run_id)
        for fd in fds:
            os.close(fd)

    def _start_spares(self, frame: "dict[str, Any]") -> None:
        """Several children at once: what the template touches between two forks it must copy, and here it touches little."""
        ids = frame["ids"]
        fds = self._fds[: 2 * len(ids)]
        del self._fds[: len(fds)]
        if len(fds) < 2 * len(ids):
            raise ValueError(f"the frame of the spares {ids} came without their descriptors")
        like = frame["like"]
        path = like.get("file")
        if path:
            source = self.sources.get(path)
            self.sources.warm(source, [path.rpartition("/")[0], *(like.get("path") or ())])
        self.child.foresee(like)
        self._reap()
        pids: list[int] = []
        problem = None
        fork = os.fork
        mask = _signal.pthread_sigmask(_signal.SIG_BLOCK, _HELD)
        gc.freeze()
        try:
            for _ in ids:
                pid = fork()
                if pid == 0:
                    at = 2 * len(pids)
                    self._become_child((fds[at], fds[at], fds[at + 1]), self._live_spare)
                pids.append(pid)
        except OSError as error:
            problem = error
        _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)
        for run_id, pid in zip(ids, pids):
            self._started(run_id, pid)
        if problem is not None:
            for run_id in ids[len(pids) :]:
                self._refuse(run_id, problem)
        for fd in fds:
            os.close(fd)

    def _started(self, run_id: int, pid: int) -> None:
        self._pid_of[run_id] = pid
        self._id_of[pid] = run_id
        self._tell(f'{{"ev":"started","id":{run_id},"pid":{pid}}}')

    def _refuse(self, run_id: int, error: OSError) -> None:
        self._tell(f'{{"ev":"refused","id":{run_id},"message":{dumps(f"cannot fork: {error.strerror}")}}}')

    def _watch(self, run_id: int) -> None:
        """From now on the end of this child is to be told at once."""
        if run_id not in self._pid_of:
            return
        self._watched.add(run_id)
        if len(self._watched) == 1:
            _signal.pthread_sigmask(_signal.SIG_UNBLOCK, _CHILD)

    def _become_child(self, fds: "Any", live: "Any") -> "NoReturn":
        try:
            _spare.enter(fds[0], fds[1], fds[2], self._highest_fd)
            gc.enable()
            live()
        except BaseException as error:  # a bug of ours: say it, and never return into the template's loop
            os.write(2, f"ork: cannot start the task: {type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(70)

    def _live_spare(self) -> "NoReturn":
        _spare.live(self.child)

    def _kill(self, frame: "dict[str, Any]") -> None:
        pid = self._pid_of.get(frame["id"])
        if pid is not None:
            self._watch(frame["id"])
            _kill_group(pid, int(frame["signal"]))

    def _reap(self) -> None:
        while self._id_of:
            pid = _ended_child()
            if pid is None:
                return
            # Not yet reaped, so this group cannot be anybody else's.
            _kill_group(pid, _signal.SIGKILL)
            _, status, usage = os.wait4(pid, 0)
            run_id = self._id_of.pop(pid, None)
            if run_id is None:
                continue
            del self._pid_of[run_id]
            if run_id in self._watched:
                self._watched.remove(run_id)
                if not self._watched:
                    _signal.pthread_sigmask(_signal.SIG_BLOCK, _CHILD)
            code = os.waitstatus_to_exitcode(status)
            ending = f'"code":{code},"signal":null' if code >= 0 else f'"code":null,"signal":{-code}'
            self._tell(
                f'{{"ev":"exited","id":{run_id},"pid":{pid},{ending},"maxrss":{usage.ru_maxrss * _RSS_UNIT}}}'
            )

    def _tell(self, event: str) -> None:
        self._events.append(pack(event))

    def _flush(self) -> None:
        if not self._events:
            return
        data = b"".join(self._events)
        self._events.clear()
        try:
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            self.stopping = True


if hasattr(os, "waitid"):

    def _ended_child() -> "int | None":
        """A child that ended and still waits to be reaped."""
        try:
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return None
        return found.si_pid if found is not None else None

else:
    raise ImportError("this platform has no waitid, which warm interpreters need")


def _on_child(_signum: int, _frame: object) -> None:
    """Installed so that the signal arrives at all; the byte in the pipe is what the loop waits for."""


def _kill_group(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        # A child that did not come to setsid yet has no group of its own.
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass
    except PermissionError:
        pass  # every process of the group changed its user, or is a zombie on macOS


def _out_of_the_way(fd: int) -> int:
    """The engine may hand its socket over as descriptor 0: tasks must find an empty standard input there."""
    moved = os.dup(fd)  # not inheritable, and above 2 because those are open
    if fd > 2:
        os.close(fd)
    else:
        empty = os.open(os.devnull, os.O_RDONLY)
        os.dup2(empty, fd)
        os.close(empty)
    return moved


def main(fd: int) -> "NoReturn":
    """Serve until the engine goes away; the exit code is 70 when it sent what cannot be understood."""
    code = 70
    if os.environ.get("LD_BIND_NOW") == _OURS:
        # The engine's, so that no child has to look symbols up; a task must not find it.
        del os.environ["LD_BIND_NOW"]
    template = Template(fd)
    _spare.rehearse(template.child)
    try:
        template.serve()
        code = 0
    except Exception as error:
        sys.stderr.write(f"ork: the warm interpreter stops: {type(error).__name__}: {error}\n")
    finally:
        template.kill_all()
        os._exit(code)
