"""One call of a task function for a test, by the code that a real run uses."""

import contextlib
import io
import json
import sys
from typing import Any, Callable, Dict, List, Optional

from . import _outcome
from ._context import Context
from ._flow_result import TaskFailed
from ._metrics import PREFIX
from ._plain import is_list, is_object
from ._result import to_json

_OUTPUT_BYTES = 10 << 20
_NESTING = 120


class Result:
    """How a task ended."""

    def __init__(self, outcome: "_outcome.Outcome", stdout: str, stderr: str, ctx: Context) -> None:
        self.outcome = outcome
        self.stdout = stdout
        self.stderr = stderr
        self.context = ctx

    @property
    def ok(self) -> bool:
        """Whether it succeeded."""
        return self.outcome.ok

    @property
    def output(self) -> Any:
        """What the next task would see; TaskFailed when there is no output."""
        if self.outcome.output is None:
            raise TaskFailed(f"the task failed ({self.category}): {self.message}") from self.error
        return json.loads(self.outcome.output)

    @property
    def jobs(self) -> "List[Dict[str, Any]]":
        """The jobs outside that it hands over to; none when it does not."""
        return jobs_of(self.output)

    @property
    def category(self) -> Optional[str]:
        """Category of the failure; None for success."""
        return None if self.ok else self.outcome.category

    @property
    def message(self) -> Optional[str]:
        """Message of the failure; None for success."""
        return None if self.ok else self.outcome.message

    @property
    def error(self) -> Optional[BaseException]:
        """The exception that ended the task, if any."""
        return self.outcome.error

    @property
    def raises(self) -> "Optional[type[BaseException]]":
        """The type of that exception, if any."""
        return None if self.error is None else type(self.error)

    @property
    def logs(self) -> "List[str]":
        """The lines of standard error that are neither metrics nor empty."""
        return [line for line in self.stderr.splitlines() if line and not line.startswith(PREFIX)]

    @property
    def metrics(self) -> "List[Dict[str, Any]]":
        """What the task counted and measured."""
        return list(self.context.metrics.recorded)

    def __repr__(self) -> str:
        if self.ok:
            return f"Result(ok, output={self.outcome.output})"
        return f"Result(failed, {self.category}: {self.message})"


def attempt(function: "Callable[..., Any]", inputs: "Dict[str, Any]", ctx: Context) -> Result:
    """Call the function with inputs as JSON has them; what it prints is captured, what it raises is in the Result."""
    file: str = getattr(getattr(function, "__code__", None), "co_filename", "")
    stdout, stderr = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        outcome = _outcome.run(lambda: (function, inputs), ctx, file, _outcome.print_error)
        sys.stdout.flush()
    return Result(outcome, stdout.getvalue(), stderr.getvalue(), ctx)


def plain(value: Any) -> Any:
    """The value as it is after its way through JSON."""
    return json.loads(to_json(value))


def jobs_of(output: Any) -> "List[Dict[str, Any]]":
    """The jobs of `{"deferred": [job, …]}`; none when it is another output."""
    jobs: Any = output.get("deferred") if is_object(output) else None
    return jobs if is_list(jobs) else []


def too_much(text: str, output: Any) -> Optional[str]:
    """Why the engine does not take an output, its JSON text and its value; None when it does."""
    size = len(text.encode())
    if size > _OUTPUT_BYTES:
        return (
            f"the output has {size} bytes, more than the {_OUTPUT_BYTES} allowed:"
            " write it to a file and return the file's path"
        )
    if _is_deeper(output, _NESTING):
        return f"the function's result is not JSON: it is nested deeper than {_NESTING} levels"
    return None


def _is_deeper(value: Any, levels: int) -> bool:
    parts: List[Any] = list(value.values()) if is_object(value) else value if is_list(value) else []
    return (
        levels == 0
        and (is_object(value) or is_list(value))
        or any(_is_deeper(part, levels - 1) for part in parts)
    )
