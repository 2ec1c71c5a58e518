"""Children forked ahead: each waits for its one task, without having seen any code of a user before.

The template forks several in a row, because every fork makes it copy the pages it touches next, and the engine
finds one ready when it has a task. Engine and child talk over a channel of their own; the template only reaps.
"""

import os
import sys

import _signal  # type: ignore[import-not-found]
from resource import RUSAGE_SELF, getrusage

from ._child import Child, _flush, _shut_down
from ._codec import loads
from ._frames import LIMIT, answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
_CHANNEL = 3


def live(child: Child) -> "NoReturn":
    """Wait for the task, run it, answer, and end with everything the task left in its process group."""
    child.arrive()
    frame = receive(_CHANNEL)
    if frame is None:
        os._exit(0)
    child.reply(perform(child, frame))
    # What the task left running ends with it: before the engine gives the place to another.
    os.kill(0, _signal.SIGKILL)
    os._exit(70)


def receive(fd: int) -> "dict[str, Any] | None":
    """The task's frame; None when there will be none."""
    data = os.read(fd, 1 << 16)
    if not data:
        return None
    while len(data) < 4:
        data += os.read(fd, 4 - len(data)) or _broken()
    end = 4 + int.from_bytes(data[:4], "little")
    if end > LIMIT:
        raise ValueError(f"a frame of {end} bytes is over the limit of {LIMIT}")
    if len(data) < end:
        parts = [data]
        missing = end - len(data)
        while missing:
            parts.append(os.read(fd, min(missing, 1 << 20)) or _broken())
            missing -= len(parts[-1])
        data = b"".join(parts)
    frame: "dict[str, Any]" = loads(data[4:].decode())
    return frame


def _broken() -> "NoReturn":
    os._exit(0)  # the engine went away in the middle


def perform(child: Child, frame: "dict[str, Any]") -> bytes:
    """The task from its frame to its answer, after threads were joined, exit handlers ran, and all text is in the pipes."""
    outcome = child.perform(frame)
    _shut_down()
    more = f',"maxrss":{getrusage(RUSAGE_SELF).ru_maxrss * _RSS_UNIT}'
    if outcome.code:
        more += f',"code":{outcome.code}'
    return answer(outcome.output, outcome.category, outcome.message, None, True, more)
