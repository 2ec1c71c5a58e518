"""Run a task function in a test as Ork would run it.

    result = ork.testing.run(clean, {"day": "2026-01-31"}, attempt=2)
    assert result.output == {"rows": 3}

Inputs go through JSON and are bound and converted as in a real run; the result becomes JSON and comes back.
"""

import contextlib
import io
import json
import sys
from typing import Any, Callable, Optional

from . import _outcome
from ._context import Context
from ._result import to_json

__all__ = ["Result", "TaskFailed", "context", "run"]


class TaskFailed(AssertionError):
    """`Result.output` was asked of a task that failed."""


class Result:
    """How a task ended."""

    def __init__(self, outcome: "_outcome.Outcome", stdout: str, stderr: str, ctx: Context) -> None:
        self._outcome = outcome
        self.stdout = stdout
        self.stderr = stderr
        self.context = ctx

    @property
    def ok(self) -> bool:
        """Whether it succeeded."""
        return self._outcome.ok

    @property
    def output(self) -> Any:
        """What the next task would see; TaskFailed when there is no output."""
        if self._outcome.output is None:
            raise TaskFailed(f"the task failed ({self.category}): {self.message}") from self.error
        return json.loads(self._outcome.output)

    @property
    def category(self) -> Optional[str]:
        """Category of the failure; None for success."""
        return None if self.ok else self._outcome.category

    @property
    def message(self) -> Optional[str]:
        """Message of the failure; None for success."""
        return None if self.ok else self._outcome.message

    @property
    def error(self) -> Optional[BaseException]:
        """The exception that ended the task, if any."""
        return self._outcome.error

    @property
    def raises(self) -> Optional[type]:
        """The type of that exception, if any."""
        return None if self.error is None else type(self.error)

    @property
    def logs(self) -> "list[str]":
        """The lines of standard error that are neither metrics nor empty."""
        return [line for line in self.stderr.splitlines() if line and not line.startswith("ORK_METRIC:")]

    @property
    def metrics(self) -> "list[dict[str, Any]]":
        """What the task counted and measured."""
        return list(self.context.metrics.recorded)

    def __repr__(self) -> str:
        if self.ok:
            return f"Result(ok, output={self._outcome.output})"
        return f"Result(failed, {self.category}: {self.message})"


def context(
    task_name: str = "task",
    workflow_name: str = "workflow",
    run_id: str = "test-run",
    task_id: Optional[str] = None,
    attempt: int = 1,
    parallel_index: int = 0,
    parallel_count: int = 1,
) -> Context:
    """A context for calling a task function directly."""
    return Context(
        task_id=f"{run_id}/{task_name}" if task_id is None else task_id,
        run_id=run_id,
        task_name=task_name,
        workflow_name=workflow_name,
        attempt=attempt,
        parallel_index=parallel_index,
        parallel_count=parallel_count,
    )


def run(
    function: Callable[..., Any],
    inputs: "Optional[dict[str, Any]]" = None,
    *,
    attempt: int = 1,
    parallel_index: int = 0,
    parallel_count: int = 1,
    ctx: Optional[Context] = None,
) -> Result:
    """Call a task function with inputs as Ork would; an exception it raises is in the Result.

    Standard output and error of the task are captured. With `ctx` the other settings are taken from it.
    """
    name = getattr(function, "__name__", "task")
    chosen = ctx or context(
        name, attempt=attempt, parallel_index=parallel_index, parallel_count=parallel_count
    )
    given = json.loads(to_json({} if inputs is None else inputs))
    if not isinstance(given, dict):
        raise TypeError(f"inputs are an object by name, found {type(inputs).__name__}")
    file = getattr(getattr(function, "__code__", None), "co_filename", "")
    stdout, stderr = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        outcome = _outcome.run(lambda: (function, given), chosen, file, _outcome.print_error)
        sys.stdout.flush()
    return Result(outcome, stdout.getvalue(), stderr.getvalue(), chosen)
