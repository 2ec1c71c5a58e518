"""What a task counts and measures.

Each metric is one line of JSON: `{"kind": "count", "name": "rows", "value": 3, "tags": {"table": "orders"}}`. `kind` is `count`, `gauge`
or `timing` (in seconds), `tags` (its labels) is left out when there are none. Lines go to the end of the file that ORK_METRICS_FILE names; without
it, or when it cannot be written, to standard error behind `ORK_METRIC:`, where they are part of the attempt's log. Ork sets no such file and does
not read it; what stands in the log is sent on where a collector is (docs/telemetry.md).

A metric never fails its task: one that cannot be recorded is left out, and standard error says so once.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Any, Optional, Union, overload

    Number = Union[int, float]
else:

    def overload(function):
        return function


PREFIX = "ORK_METRIC:"
FILE = "ORK_METRICS_FILE"
LINES = 10_000
"""Metrics of one attempt; what comes after them is left out."""
NAMES = 500
"""Different names in one attempt."""
LABELS = 16
"""Labels of one metric."""
TEXT = 128
"""Characters of a name, of a label, and of a label's value, which is cut there."""
_LARGEST = float("inf")


class Timer:
    """Measures from its `with` to the end of the block, also of one that fails."""

    __slots__ = ("_began", "_labels", "_metrics", "_name", "seconds")

    def __init__(self, metrics: "Metrics", name: str, labels: "dict[str, object]") -> None:
        self._metrics = metrics
        self._name = name
        self._labels = labels
        self._began = 0.0
        self.seconds: float = 0.0

    def __enter__(self) -> "Timer":
        self._began = _now()
        return self

    def __exit__(
        self,
        kind: "Optional[type[BaseException]]",
        error: "Optional[BaseException]",
        traceback: "Optional[TracebackType]",
    ) -> None:
        self.seconds = _now() - self._began
        self._metrics.timing(self._name, self.seconds, **self._labels)


class Metrics:
    """Numbers about a task. `recorded` keeps them for tests."""

    __slots__ = ("_names", "_warned", "recorded")

    def __init__(self) -> None:
        self.recorded: "list[dict[str, Any]]" = []
        self._names: "set[str]" = set()
        self._warned: "set[str]" = set()

    def count(self, name: str, n: "Number" = 1, **labels: object) -> None:
        """Something happened `n` times. Counts of one name are to be added up by whoever reads them."""
        self._record("count", name, n, labels)

    def gauge(self, name: str, value: "Number", **labels: object) -> None:
        """A level. To whoever reads them, the last one of a name holds."""
        self._record("gauge", name, value, labels)

    @overload
    def timing(self, name: str, seconds: None = None, **labels: object) -> Timer: ...
    @overload
    def timing(self, name: str, seconds: "Number", **labels: object) -> None: ...
    def timing(self, name: str, seconds: "Optional[Number]" = None, **labels: object) -> "Optional[Timer]":
        """How long a block takes (`with ctx.metrics.timing("load"):`), or how long something took, in seconds."""
        if seconds is None:
            return Timer(self, name, labels)
        self._record("timing", name, seconds, labels)
        return None

    def _record(self, kind: str, name: "Any", value: "Any", labels: "Mapping[str, object]") -> None:
        try:
            metric = self._checked(kind, name, value, labels)
            if metric is not None:
                self.recorded.append(metric)
                self._write(metric)
        except Exception as error:  # a label whose text fails, a closed stream: none of it is worth a task
            self._warn("broken", f"a metric was left out: {type(error).__name__}")

    def _checked(
        self, kind: str, name: "Any", value: "Any", labels: "Mapping[str, object]"
    ) -> "Optional[dict[str, Any]]":
        trouble = self._trouble(name, value, labels)
        if trouble is not None:
            self._warn(*trouble)
            return None
        self._names.add(name)
        metric: "dict[str, Any]" = {"kind": kind, "name": name, "value": value}
        if labels:
            metric["tags"] = {label: str(text)[:TEXT] for label, text in labels.items()}
        return metric

    def _trouble(
        self, name: "Any", value: "Any", labels: "Mapping[str, object]"
    ) -> "Optional[tuple[str, str]]":
        """Why a metric cannot be recorded: what about, and in words."""
        if not isinstance(name, str) or not 0 < len(name) <= TEXT:
            return "name", f"a metric was left out: its name must be a text of 1 to {TEXT} characters"
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not -_LARGEST < value < _LARGEST:
            return f"value {name}", f"metric `{name}` was left out: {value!r:.80} is no finite number"
        if len(labels) > LABELS or any(len(label) > TEXT for label in labels):
            allowed = f"{LABELS} labels with names of up to {TEXT} characters"
            return f"labels {name}", f"metric `{name}` was left out: it may have {allowed}"
        if len(self.recorded) >= LINES:
            return "lines", f"further metrics are left out: an attempt may have {LINES}"
        if name not in self._names and len(self._names) >= NAMES:
            return "names", f"metric `{name}` was left out: an attempt may have {NAMES} names of metrics"
        return None

    def _write(self, metric: "dict[str, Any]") -> None:
        from ._codec import dumps

        # A lone surrogate is no Unicode; one write a line, so that lines of several threads do not mix.
        line = dumps(metric).encode("utf-8", "replace")
        path = os.environ.get(FILE)
        if path and "file" not in self._warned:
            try:
                _append(path, line + b"\n")
                return
            except OSError as error:
                self._warn("file", f"metrics go to the log: {path} cannot be written: {error.strerror}")
        sys.stderr.write(f"{PREFIX}{line.decode()}\n")
        sys.stderr.flush()

    def _warn(self, about: str, text: str) -> None:
        """Says it once on standard error, if there is one."""
        if about in self._warned or len(self._warned) > NAMES:
            return
        self._warned.add(about)
        try:
            sys.stderr.write(f"ork: {text}\n")
            sys.stderr.flush()
        except Exception:  # nobody is left to read it
            pass


def _append(path: str, line: bytes) -> None:
    # Opened each time: a descriptor kept open may be closed by the task and mean another file afterwards.
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    try:
        os.write(fd, line)
    finally:
        os.close(fd)


def _now() -> float:
    import time

    return time.monotonic()
