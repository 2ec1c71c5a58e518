"""`Context`: what a running task may know about its run, its log and its metrics."""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from typing import Any, Optional

    from ._metrics import Metrics

_ESCAPED = "_ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Context:
    """A task function that has a `ctx: Context` parameter receives one of these."""

    __slots__ = (
        "_log",
        "_metrics",
        "attempt",
        "parallel_count",
        "parallel_index",
        "run_id",
        "task_id",
        "task_name",
        "workflow_name",
    )

    def __init__(
        self,
        task_id: str = "",
        run_id: str = "",
        task_name: str = "",
        workflow_name: str = "",
        attempt: int = 1,
        parallel_index: int = 0,
        parallel_count: int = 1,
    ) -> None:
        self.task_id: str = task_id
        self.run_id: str = run_id
        self.task_name: str = task_name
        self.workflow_name: str = workflow_name
        self.attempt: int = attempt
        self.parallel_index: int = parallel_index
        self.parallel_count: int = parallel_count
        self._log: "Optional[logging.Logger]" = None
        self._metrics: "Optional[Metrics]" = None

    @property
    def log(self) -> "logging.Logger":
        """A logger named after the task that writes `LEVEL text` to standard error, from INFO up."""
        if self._log is None:
            self._log = _logger(self.task_name)
        return self._log

    @property
    def metrics(self) -> "Metrics":
        """Where the task counts and measures."""
        if self._metrics is None:
            from ._metrics import Metrics

            self._metrics = Metrics()
        return self._metrics

    @property
    def index(self) -> int:
        """The position among all instances of the task, from 0; with `foreach` and `parallel` together more than `parallel_index`."""
        _, dot, digits = self.task_id.rpartition("/")[2].rpartition(".")
        return int(digits) if dot and digits.isdigit() else self.parallel_index

    def job_labels(self) -> "dict[str, str]":
        """Labels for a job of BigQuery that the task starts: `{"ork-run": …}`, by which word of the job's end finds this run at once.

        The value is the run's id; labels know no capitals, so `_` stands before what is one, and before itself. None at all where a
        label has no room for it (63 characters), or outside of a run: the job is then found when it is next asked about.
        """
        label = "".join("_" + letter.lower() if letter in _ESCAPED else letter for letter in self.run_id)
        return {"ork-run": label} if 0 < len(label) <= 63 else {}

    def __repr__(self) -> str:
        return (
            f"Context(task_id={self.task_id!r}, run_id={self.run_id!r}, task_name={self.task_name!r}, "
            f"workflow_name={self.workflow_name!r}, attempt={self.attempt}, "
            f"parallel_index={self.parallel_index}, parallel_count={self.parallel_count})"
        )


_current: "Optional[Context]" = None


def current_context() -> Context:
    """The context of the task that is running, for code that was not handed one."""
    if _current is None:
        raise RuntimeError("no task is running here; in a test, use ork.testing.run")
    return _current


def swap_context(context: "Optional[Context]") -> "Optional[Context]":
    """Make `context` the current one; returns the one before."""
    global _current
    before = _current
    _current = context
    return before


def _logger(task_name: str) -> "logging.Logger":
    import logging

    class ToStderr(logging.StreamHandler):  # type: ignore[type-arg]
        """Looks sys.stderr up at each record: tests and reused processes change it."""

        def __init__(self) -> None:
            logging.Handler.__init__(self)

        @property
        def stream(self) -> "Any":
            return sys.stderr

    logger = logging.getLogger(f"ork.task.{task_name}" if task_name else "ork.task")
    parent = logging.getLogger("ork.task")
    if not any(getattr(handler, "for_ork", False) for handler in parent.handlers):
        handler = ToStderr()
        handler.for_ork = True  # type: ignore[attr-defined]
        handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
        parent.addHandler(handler)
        parent.propagate = False
        if parent.level == logging.NOTSET:
            parent.setLevel(logging.INFO)
    return logger
