"""What came of a run in memory, and the clock it ran on."""

import datetime
from typing import Any, Dict, List, Optional, Union

from ._flow_errors import WorkflowError


class TaskFailed(AssertionError):
    """The output was asked of a task that gave none."""


class FakeClock:
    """The time of a run in memory. It stands still while nobody moves it: the run does so to wait, a fake does so to take time.

    What a fake adds with `advance` (or `sleep`) is how long its attempt took. Attempts run side by side, so each begins at the time it
    was started at, whatever others added.
    """

    def __init__(self, start: "Union[datetime.datetime, str]" = "2026-01-01T00:00:00Z") -> None:
        if isinstance(start, str):
            start = datetime.datetime.fromisoformat(start.replace("Z", "+00:00"))
        if start.tzinfo is None:
            raise ValueError("a clock starts at an instant: give it an offset, such as 2026-01-01T00:00:00Z")
        self.start = start.astimezone(datetime.timezone.utc)
        self.micros = 0
        """Since the start."""

    def now(self) -> datetime.datetime:
        """The instant, in UTC."""
        return self.start + datetime.timedelta(microseconds=self.micros)

    def time(self) -> float:
        """As `time.time()`."""
        return self.now().timestamp()

    def monotonic(self) -> float:
        """Seconds since the start."""
        return self.micros / 1e6

    def advance(self, seconds: float) -> None:
        """Move it on."""
        if not 0 <= seconds < float("inf"):
            raise ValueError(f"time goes forward only, not by {seconds} s")
        self.micros += round(seconds * 1e6)

    sleep = advance

    def __repr__(self) -> str:
        return f"FakeClock({self.now().isoformat()})"


class Instance:
    """One instance of a task. Times are seconds since the clock's start."""

    def __init__(self, task: str, index: int) -> None:
        self.task = task
        self.index = index
        self.status = "pending"
        self.output: Any = None
        self.attempts = 0
        self.category: Optional[str] = None
        """Of its last failure."""
        self.error: Optional[str] = None
        """The message of its last failure."""
        self.started: Optional[float] = None
        self.finished: Optional[float] = None
        self.stdout = ""
        self.stderr = ""
        self.jobs: List[Dict[str, Any]] = []
        """What it last deferred to."""
        self.metrics: List[Dict[str, Any]] = []

    def __repr__(self) -> str:
        return f"Instance({self.task}[{self.index}] {self.status})"


class TaskResult:
    """What became of one task."""

    def __init__(self, name: str, fans_out: bool) -> None:
        self.name = name
        self.status = "pending"
        self.reason: Optional[str] = None
        """Why it was skipped."""
        self.instances: List[Instance] = []
        self.started: Optional[float] = None
        self.finished: Optional[float] = None
        self._fans_out = fans_out

    @property
    def attempts(self) -> int:
        """Attempts of all instances together."""
        return sum(instance.attempts for instance in self.instances)

    @property
    def error(self) -> Optional[str]:
        """Why it was skipped, or the first failure of its instances that did not succeed."""
        if self.reason is not None:
            return self.reason
        return next((one.error for one in self.instances if one.status != "success" and one.error), None)

    @property
    def category(self) -> Optional[str]:
        """The category of that failure."""
        return next(
            (one.category for one in self.instances if one.status != "success" and one.category), None
        )

    @property
    def value(self) -> Any:
        """What tasks behind it see: the output, of a fan-out the list of outputs in index order, null when it did not succeed."""
        if not self._fans_out:
            return (
                self.instances[0].output if self.instances and self.instances[0].status == "success" else None
            )
        if self.status != "success":
            return None
        return [instance.output if instance.status == "success" else None for instance in self.instances]

    @property
    def output(self) -> Any:
        """The same, but TaskFailed when it did not succeed."""
        if self.status != "success":
            raise TaskFailed(f"task `{self.name}` is {self.status}: {self.error}")
        return self.value

    def __repr__(self) -> str:
        return f"TaskResult({self.name} {self.status})"


class RunResult:
    """What became of a run. Statuses are the engine's words."""

    def __init__(self, run_id: str, workflow: str, clock: FakeClock) -> None:
        self.run_id = run_id
        self.workflow = workflow
        self.clock = clock
        self.status = "running"
        self.tasks: Dict[str, TaskResult] = {}
        self.events: List[str] = []
        """What happened, one line each, with the seconds since the start."""
        self.order: List[str] = []
        """The tasks in the order in which they first began."""

    def __getitem__(self, task: str) -> TaskResult:
        if task not in self.tasks:
            raise WorkflowError(f"workflow `{self.workflow}` has no task `{task}`")
        return self.tasks[task]

    @property
    def ok(self) -> bool:
        """Whether every task ended and none failed."""
        return self.status == "success"

    @property
    def duration(self) -> float:
        """Seconds from start to end."""
        return max((task.finished or 0.0 for task in self.tasks.values()), default=0.0)

    def output(self, task: str) -> Any:
        """The output of a task that succeeded."""
        return self[task].output

    def to_dict(self) -> "Dict[str, Any]":
        """As `ork execute --json` tells it, as far as there is such a thing here."""
        return {
            "run_id": self.run_id,
            "status": self.status,
            "tasks": {
                name: {
                    "status": task.status,
                    "attempts": task.attempts,
                    "output": task.value,
                    "error": task.error,
                }
                for name, task in self.tasks.items()
            },
        }

    def __repr__(self) -> str:
        return f"RunResult({self.workflow} {self.status}: " + ", ".join(map(repr, self.tasks.values())) + ")"
