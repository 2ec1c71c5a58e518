"""Frames of the warm protocol: u32 little endian length, then JSON."""

import os

from ._codec import dumps, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

LIMIT = 1 << 30


class Buffer:
    """Bytes as they arrive, taken out a frame at a time."""

    __slots__ = ("_bytes",)

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> None:
        """Add what was read."""
        self._bytes += data

    def take(self) -> "Optional[dict[str, Any]]":
        """The next complete frame, or None while it is incomplete; ValueError when it is no frame."""
        data = self._bytes
        if len(data) < 4:
            return None
        end = 4 + int.from_bytes(data[:4], "little")
        if end > LIMIT:
            raise ValueError(f"a frame of {end} bytes is over the limit of {LIMIT}")
        if len(data) < end:
            return None
        frame: "Any" = loads(data[4:end].decode())
        del data[:end]
        kind: "Any" = type(frame)  # pyright: ignore[reportUnknownVariableType]
        if kind is not dict:
            raise ValueError("a frame is not a JSON object")
        found: "dict[str, Any]" = frame
        return found


def pack(text: str) -> bytes:
    """A frame that holds JSON text."""
    body = text.encode()
    return len(body).to_bytes(4, "little") + body


def write_all(fd: int, data: bytes) -> None:
    """Write everything to a blocking descriptor."""
    written = os.write(fd, data)
    while written < len(data):
        data = data[written:]
        written = os.write(fd, data)


def answer(
    output: "Optional[str]",
    category: str,
    message: str,
    run_id: "Optional[int]" = None,
    retire: bool = False,
    more: str = "",
) -> bytes:
    """The frame that says how a task ended; `output` is JSON text, `more` is what else it tells."""
    head = "{" if run_id is None else f'{{"id":{run_id},'
    tail = f'{more},"retire":true}}' if retire else "}"
    if output is not None:
        return pack(f'{head}"ok":true,"output":{output}{tail}')
    return pack(f'{head}"ok":false,"category":{dumps(category)},"message":{dumps(message)}{tail}')
