"""Children forked ahead: each waits for its one task, without having seen any code of a user before.

The template forks several in a row, because every fork makes it copy the pages it touches next, and the engine
finds one ready when it has a task. Engine and child talk over a channel of their own; the template only reaps.
"""

import os
import sys
from resource import RUSAGE_SELF, getrusage

from ._child import Child, shut_down
from ._codec import loads
from ._frames import LIMIT, answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from typing import Any, NoReturn
else:
    import _signal

_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
_REHEARSALS = 16
_CHANNEL = 3
# Looked up once here: a child that looks an attribute up for the first time copies several pages for it.
_setsid, _dup2, _closerange, _kill, _exit = os.setsid, os.dup2, os.closerange, os.kill, os._exit
_set_handler, _set_mask, _set_wakeup = _signal.signal, _signal.pthread_sigmask, _signal.set_wakeup_fd
_SIGCHLD, _SIGTERM, _SIGINT, _SIGKILL = (
    int(number) for number in (_signal.SIGCHLD, _signal.SIGTERM, _signal.SIGINT, _signal.SIGKILL)
)
_DEFAULT, _INTERRUPT, _SET_MASK = int(_signal.SIG_DFL), _signal.default_int_handler, int(_signal.SIG_SETMASK)
_NO_SIGNALS: "tuple[int, ...]" = ()
_read = os.read


def enter(out: int, err: int, result: int, highest: int) -> None:
    """Become the leader of a group of its own, with the signals and descriptors a task expects, and no others."""
    _setsid()
    # Else a signal would write into whatever file of the task got the template's descriptor.
    _set_wakeup(-1)
    _set_handler(_SIGCHLD, _DEFAULT)
    _set_handler(_SIGTERM, _DEFAULT)
    _set_handler(_SIGINT, _INTERRUPT)
    _set_mask(_SET_MASK, _NO_SIGNALS)
    _dup2(out, 1)
    _dup2(err, 2)
    _dup2(result, 3, False)
    # Pipes of other tasks that wait in the queue would otherwise never see their end.
    _closerange(4, highest + 1)


def live(child: Child) -> "NoReturn":
    """Wait for the task, run it, answer, and end with everything the task left in its process group."""
    if serve(child, _CHANNEL):
        # What the task left running ends with it: before the engine gives the place to another.
        _kill(0, _SIGKILL)
    _exit(0)


def serve(child: Child, channel: int) -> bool:
    """Wait for the task, run it and answer; False when there is none."""
    child.arrive(channel)
    frame = receive(channel)
    if frame is None:
        return False
    child.reply(perform(child, frame))
    return True


def rehearse(child: Child) -> None:
    """Go through the life of a child some times in the template.

    The interpreter rewrites the byte code it runs often, and remembers what it looked up; done here once, the children
    share those pages instead of each writing its own copy of them.
    """
    import _socket

    near, far = _socket.socketpair()
    real = {
        name: globals()[name]
        for name in ("_setsid", "_dup2", "_closerange", "_set_handler", "_set_mask", "_set_wakeup")
    }
    globals().update(dict.fromkeys(real, _do_nothing))
    for round_ in range(_REHEARSALS):
        enter(1, 2, 3, 4)
        far.send(child.rehearsal(round_))
        serve(child, near.fileno())
        answer_ = far.recv(4096)
        if b'"output":%d,' % round_ not in answer_:
            raise RuntimeError(f"the rehearsal failed: {answer_!r}")
    globals().update(real)
    near.close()
    far.close()
    child.after_rehearsal()


def _do_nothing(*_arguments: object) -> None:
    """In the place of what must not happen to the template."""


def receive(fd: int) -> "dict[str, Any] | None":
    """The task's frame; None when there will be none."""
    data = _read(fd, 65536)
    if not data:
        return None
    while len(data) < 4:
        data += _read(fd, 4 - len(data)) or _broken()
    end = 4 + int.from_bytes(data[:4], "little")
    if end > LIMIT:
        raise ValueError(f"a frame of {end} bytes is over the limit of {LIMIT}")
    if len(data) < end:
        parts = [data]
        missing = end - len(data)
        while missing:
            parts.append(_read(fd, min(missing, 1 << 20)) or _broken())
            missing -= len(parts[-1])
        data = b"".join(parts)
    frame: "dict[str, Any]" = loads(data[4:].decode())
    return frame


def _broken() -> "NoReturn":
    _exit(0)  # the engine went away in the middle


def perform(child: Child, frame: "dict[str, Any]") -> bytes:
    """The task from its frame to its answer, after threads were joined, exit handlers ran, and all text is in the pipes."""
    outcome = child.perform(frame)
    shut_down()
    more = f',"maxrss":{getrusage(RUSAGE_SELF).ru_maxrss * _RSS_UNIT}'
    if outcome.code:
        more += f',"code":{outcome.code}'
    return answer(outcome.output, outcome.category, outcome.message, None, True, more)
